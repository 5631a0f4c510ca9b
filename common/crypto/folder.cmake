imsrig_library(ca SOURCES common/crypto/ca.c LINK base PkgConfig::OPENSSL)

imsrig_library(crypto
  SOURCES
    common/crypto/digest.c common/crypto/milenage.c common/crypto/aka.c common/crypto/pkce.c common/crypto/json.c common/crypto/password.c
    common/crypto/token.c common/crypto/token_claims.c common/crypto/token_keys.c
    common/crypto/token_jwks.c common/crypto/token_file.c
  LINK base PkgConfig::OPENSSL PkgConfig::JANSSON PkgConfig::CJOSE PkgConfig::CRYPT)
imsrig_test(digest LINK crypto)
imsrig_test(milenage LINK crypto)
imsrig_test(aka LINK crypto)
imsrig_test(pkce LINK crypto)
imsrig_test(json LINK crypto)
imsrig_test(token SOURCES tests/unit/token_forge.c LINK crypto)
imsrig_test(token_keys LINK crypto)
imsrig_test(password LINK crypto)
imsrig_fuzz(json LINK crypto)
imsrig_fuzz(token LINK crypto)
imsrig_fuzz(aka LINK crypto)
