imsrig_library(icscf_select SOURCES icscf/select.c LINK base)
add_executable(icscf icscf/main.c icscf/register.c)
target_link_libraries(icscf PRIVATE icscf_select node sip cx)
imsrig_test(icscf_select LINK icscf_select)
