imsrig_library(base
  SOURCES
    common/base/str.c common/base/mem.c common/base/buf.c common/base/log.c
    common/base/addr.c common/base/metric.c common/base/clock.c common/base/chance.c
    common/base/b64url.c common/base/throttle.c common/base/fsm.c
    common/base/file.c
  LINK PkgConfig::UV)
if(IMSRIG_OWN_HEAP)
  target_link_libraries(base PUBLIC mimalloc)
  target_compile_definitions(base PRIVATE IMSRIG_OWN_HEAP)
endif()
imsrig_test(base LINK base)
imsrig_test(fsm LINK base)
