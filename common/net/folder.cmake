imsrig_library(net
  SOURCES
    common/net/host.c common/net/turn.c common/net/udp.c common/net/stream.c common/net/open.c
    common/net/listener.c common/net/secure.c common/net/tls.c common/net/work.c
    common/net/password_work.c
  LINK base crypto PkgConfig::UV PkgConfig::OPENSSL)
imsrig_test(net SOURCES tests/unit/rig.c LINK net ca trace)
imsrig_test(ca SOURCES tests/unit/rig.c LINK net ca trace)
imsrig_test(net_chaos SOURCES tests/unit/rig.c LINK net ca trace)
imsrig_test(work SOURCES tests/unit/rig.c LINK net ca trace)
