# Benchmarks: programs bench_<name> that print one JSON object. Not run by ctest.
add_executable(bench_sip_parse tests/bench/sip_parse.c)
target_link_libraries(bench_sip_parse PRIVATE sip_msg)
add_executable(bench_ws_idle tests/bench/ws_idle.c)
target_link_libraries(bench_ws_idle PRIVATE ws ca)
add_executable(bench_net_rate tests/bench/net_rate.c)
target_link_libraries(bench_net_rate PRIVATE ws ca)
add_executable(bench_sip_forward tests/bench/sip_forward.c)
target_link_libraries(bench_sip_forward PRIVATE sip)
