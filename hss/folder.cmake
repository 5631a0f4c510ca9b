imsrig_library(hss_seal SOURCES hss/seal.c LINK base PkgConfig::OPENSSL)
imsrig_test(seal LINK hss_seal)

imsrig_library(hss_store
  SOURCES
    hss/store.c hss/sql.c hss/cache.c hss/provision.c hss/wildcard.c hss/subscription.c
    hss/subscription_check.c hss/user_data.c hss/store_aka.c
  LINK hss_seal sql base conf crypto sip_msg PkgConfig::JANSSON PkgConfig::XML)
imsrig_embed(hss_store hss/schema.sql)

# What `imsrig subscriber` is made of.
imsrig_library(hss_subscriber
  SOURCES hss/subscriber.c hss/subscriber_cli.c hss/cli.c
  LINK hss_store admin_client)

# The AV proxy's store, and what `imsrig avproxy` is made of.
imsrig_library(hss_av
  SOURCES hss/av_file.c hss/av_store.c hss/av_import.c hss/av_admin.c hss/av_cli.c
  LINK hss_subscriber hss_seal sql)
imsrig_embed(hss_av hss/av_schema.sql)
imsrig_test(av_store LINK hss_av)
imsrig_fuzz(av_file LINK hss_av)

imsrig_library(hss_cx
  SOURCES
    hss/hss.c hss/conf.c hss/cx_uar.c hss/cx_mar.c hss/cx_mar_aka.c hss/cx_mar_web.c hss/cx_sar.c hss/cx_lir.c
    hss/av_proxy.c hss/web_identity.c
  LINK hss_av cx cx_within)

add_executable(hss hss/main.c)
target_link_libraries(hss PRIVATE hss_cx hss_subscriber node)

# The program itself, over the wire.
imsrig_library(hss_rig SOURCES tests/unit/hss_rig.c LINK cx_octets admin_client cmocka)
target_compile_definitions(hss_rig PRIVATE SOURCE_DIR="${CMAKE_SOURCE_DIR}"
  BIN_DIR="${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
imsrig_test(hss_cx LINK hss_rig crypto)
add_dependencies(test_hss_cx hss)
imsrig_test(hss_aka LINK hss_rig hss_store crypto)
add_dependencies(test_hss_aka hss)
imsrig_test(cx_bad LINK hss_rig)
add_dependencies(test_cx_bad hss)
set_tests_properties(hss_cx hss_aka cx_bad PROPERTIES
  ENVIRONMENT "TSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/tests/tsan.supp")

add_executable(bench_cx_load tests/bench/cx_load.c)
target_link_libraries(bench_cx_load PRIVATE cx admin_client)
add_dependencies(bench_cx_load hss)

imsrig_test(hss_store LINK hss_subscriber)
