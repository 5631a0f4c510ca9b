imsrig_library(cx_octets
  SOURCES
    common/cx/rows.c common/cx/names.c common/cx/octets.c common/cx/decode.c
    common/cx/encode.c common/cx/field.c common/cx/guard.c
  LINK base PkgConfig::JANSSON PkgConfig::UV)

imsrig_library(cx
  SOURCES
    common/cx/node.c common/cx/client.c common/cx/server.c common/cx/queue.c common/cx/core.c
    common/cx/slot.c common/cx/start.c common/cx/thread.c common/cx/dict.c
  LINK cx_octets trace fdcore fdproto gnutls Threads::Threads)

imsrig_library(cx_within SOURCES common/cx/within.c LINK cx_octets trace)
imsrig_test(cx_within LINK cx_within)

imsrig_test(cx_dict LINK cx)

imsrig_test(cx_node LINK cx)
set_tests_properties(cx_node PROPERTIES
  ENVIRONMENT "TSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/tests/tsan.supp")
imsrig_fuzz(cx_decode LINK cx)
