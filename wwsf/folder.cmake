add_executable(wwsf wwsf/main.c)
imsrig_embed(wwsf wwsf/page/index.html wwsf/page/style.css wwsf/page/wic.js)
target_link_libraries(wwsf PRIVATE node http)
