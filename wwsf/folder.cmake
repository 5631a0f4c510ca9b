add_executable(wwsf wwsf/main.c)
imsrig_embed(wwsf wwsf/page/index.html wwsf/page/style.css)
include(wwsf/page/page.cmake)
target_link_libraries(wwsf PRIVATE node http)
