imsrig_library(trace
  SOURCES
    common/trace/hep.c common/trace/trace.c common/trace/rule.c common/trace/gate.c
  LINK base PkgConfig::JANSSON)
imsrig_test(trace LINK trace)
imsrig_fuzz(hep LINK trace)
imsrig_test(gate LINK trace)
