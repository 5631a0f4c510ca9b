add_executable(waaf waaf/main.c waaf/conf.c waaf/wss_digest.c)
target_link_libraries(waaf PRIVATE edge node sip)
