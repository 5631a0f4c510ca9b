imsrig_library(base
  SOURCES
    common/base/str.c common/base/mem.c common/base/buf.c common/base/log.c
    common/base/addr.c common/base/metric.c common/base/clock.c common/base/chance.c
  LINK PkgConfig::UV)
imsrig_test(base LINK base)
