/* Forged tokens.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/token_forge.h"

#include <jansson.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>

#include "common/base/b64url.h"

static void member(const json_t *jwk, const char *name, uint8_t out[32])
{
	size_t n;
	const char *text = json_string_value(json_object_get(jwk, name));
	assert_non_null(text);
	assert_int_equal(b64url_read(str_of(text), out, &n), 0);
	assert_int_equal(n, 32);
}

static EVP_PKEY *pair_of(const json_t *jwk)
{
	uint8_t point[65] = {4}, d[32];
	EVP_PKEY *key = NULL;
	member(jwk, "x", point + 1);
	member(jwk, "y", point + 33);
	member(jwk, "d", d);
	BIGNUM *n = BN_bin2bn(d, sizeof d, NULL);
	OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
	OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0);
	OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point);
	OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_PRIV_KEY, n);
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(b);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
	assert_int_equal(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params), 1);
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(b);
	BN_free(n);
	return key;
}

void forge_open(struct forge *f, const char *path)
{
	*f = (struct forge){0};
	if (!path) {
		f->key = EVP_EC_gen("P-256");
	} else {
		json_t *set = json_load_file(path, 0, NULL);
		f->key = pair_of(json_array_get(json_object_get(set, "keys"), 0));
		json_decref(set);
	}
	assert_non_null(f->key);
}

void forge_close(struct forge *f)
{
	EVP_PKEY_free(f->key);
	arena_free(&f->arena);
}

struct str forge_b64(struct forge *f, struct str bytes)
{
	char *p = arena_alloc(&f->arena, B64URL_N(bytes.n) + 1);
	return (struct str){p, b64url_write(bytes.p, bytes.n, p)};
}

static struct str raw_of(struct forge *f, const uint8_t *der, size_t n)
{
	uint8_t *raw = arena_alloc(&f->arena, 64);
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)n);
	assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, 32), 32);
	assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + 32, 32), 32);
	ECDSA_SIG_free(sig);
	return (struct str){(char *)raw, 64};
}

struct str forge_signature(struct forge *f, struct str input, const char *md, bool der)
{
	uint8_t *sig = arena_alloc(&f->arena, 128);
	size_t n = 128;
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	assert_int_equal(EVP_DigestSignInit_ex(c, NULL, md, NULL, NULL, f->key, NULL), 1);
	assert_int_equal(
		EVP_DigestSign(c, sig, &n, (const uint8_t *)input.p, input.n), 1);
	EVP_MD_CTX_free(c);
	return der ? (struct str){(char *)sig, n} : raw_of(f, sig, n);
}

struct str forge_hmac(struct forge *f, struct str input, struct str secret)
{
	uint8_t *mac = arena_alloc(&f->arena, 32);
	HMAC(EVP_sha256(), secret.p, (int)secret.n, (const uint8_t *)input.p, input.n, mac, NULL);
	return (struct str){(char *)mac, 32};
}

struct str forge_with(struct forge *f, struct str header, struct str payload, struct str sig)
{
	return arena_fmt(&f->arena, STR_FMT "." STR_FMT "." STR_FMT,
		STR_ARG(forge_b64(f, header)), STR_ARG(forge_b64(f, payload)),
		STR_ARG(forge_b64(f, sig)));
}

struct str forge_token(struct forge *f, struct str header, struct str payload)
{
	struct str input = arena_fmt(&f->arena, STR_FMT "." STR_FMT,
		STR_ARG(forge_b64(f, header)), STR_ARG(forge_b64(f, payload)));
	return forge_with(f, header, payload, forge_signature(f, input, "SHA256", false));
}
