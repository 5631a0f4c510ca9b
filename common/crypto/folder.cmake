imsrig_library(ca SOURCES common/crypto/ca.c LINK base PkgConfig::OPENSSL)
