# Benchmarks: programs bench_<name> that print one JSON object. Not run by ctest.
add_executable(bench_sip_parse tests/bench/sip_parse.c)
target_link_libraries(bench_sip_parse PRIVATE sip_msg)
