add_executable(epcscf epcscf/main.c epcscf/conf.c epcscf/register.c epcscf/pcscf.c epcscf/ibcf.c epcscf/plain.c)
target_link_libraries(epcscf PRIVATE edge node sip)
