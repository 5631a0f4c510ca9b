imsrig_library(ca SOURCES common/crypto/ca.c LINK base PkgConfig::OPENSSL)

imsrig_library(crypto
  SOURCES
    common/crypto/digest.c common/crypto/pkce.c common/crypto/json.c common/crypto/password.c
    common/crypto/token.c common/crypto/token_claims.c common/crypto/token_keys.c
  LINK base PkgConfig::OPENSSL PkgConfig::JANSSON PkgConfig::CJOSE PkgConfig::CRYPT)
imsrig_test(digest LINK crypto)
imsrig_test(pkce LINK crypto)
