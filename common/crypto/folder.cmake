imsrig_library(ca SOURCES common/crypto/ca.c LINK base PkgConfig::OPENSSL)

imsrig_library(crypto
  SOURCES common/crypto/digest.c
  LINK base PkgConfig::OPENSSL)
imsrig_test(digest LINK crypto)
