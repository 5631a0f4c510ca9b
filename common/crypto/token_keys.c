/* Keys of tokens: making, finding, rotation.
 *
 * cjose gets coordinates, never JSON: its own import takes padded base64, a point that does
 * not belong to the private half, and leaves copies of private halves behind.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "common/base/buf.h"
#include "common/crypto/token_inside.h"

enum { KID = 8 }; /* random octets of a kid of ours */

/* ---- one key ---- */

void token_key_drop(struct token_key *key)
{
	cjose_jwk_release(key->jwk);
	cjose_header_release(key->header);
	explicit_bzero(key, sizeof *key);
}

static cjose_header_t *header_of(const struct token_key *key)
{
	cjose_header_t *h = cjose_header_new(NULL);
	if (h && cjose_header_set(h, CJOSE_HDR_ALG, CJOSE_HDR_ALG_ES256, NULL) &&
		cjose_header_set(h, "typ", "at+jwt", NULL) &&
		cjose_header_set(h, CJOSE_HDR_KID, key->kid, NULL))
		return h;
	cjose_header_release(h);
	return NULL;
}

/* cjose takes x and y above the prime, and computes them anew when there is a private
 * half: what it has now must be what we gave it. */
static bool is_point(const struct token_key *key)
{
	struct buf want = {0};
	token_key_put(&want, "x", key->x);
	token_key_put(&want, "y", key->y);
	char *got = cjose_jwk_to_json(key->jwk, false, NULL);
	bool same = got && strstr(got, buf_z(&want));
	cjose_get_dealloc()(got);
	buf_free(&want);
	return same;
}

bool token_key_finish(struct token_key *key)
{
	cjose_jwk_ec_keyspec spec = {.crv = CJOSE_JWK_EC_P_256,
		.x = key->x, .xlen = sizeof key->x, .y = key->y, .ylen = sizeof key->y,
		.d = key->pair ? key->d : NULL, .dlen = key->pair ? sizeof key->d : 0};
	key->jwk = cjose_jwk_create_EC_spec(&spec, NULL);
	if (!key->jwk || !is_point(key)) {
		ERR_clear_error(); /* the next TLS call would take it for its own */
		return false;
	}
	key->header = key->pair ? header_of(key) : NULL;
	return !key->pair || key->header;
}

/* ---- the set ---- */

struct token_keys *token_keys_new(void)
{
	return MEM_NEW(struct token_keys);
}

void token_keys_trim(struct token_keys *k, size_t keep)
{
	while (k->n > keep)
		token_key_drop(&k->key[--k->n]);
}

void token_keys_free(struct token_keys *k)
{
	if (!k)
		return;
	token_keys_trim(k, 0);
	free(k);
}

size_t token_keys_count(const struct token_keys *k)
{
	return k->n;
}

const struct token_key *token_keys_find(const struct token_keys *k, struct str kid)
{
	for (size_t i = 0; i < k->n; i++)
		if (str_eq(str_of(k->key[i].kid), kid))
			return &k->key[i];
	return NULL;
}

static bool get(EVP_PKEY *pair, const char *what, uint8_t out[TOKEN_COORDINATE])
{
	BIGNUM *n = NULL;
	bool ok = EVP_PKEY_get_bn_param(pair, what, &n) &&
		BN_bn2binpad(n, out, TOKEN_COORDINATE) == TOKEN_COORDINATE;
	BN_clear_free(n);
	return ok;
}

int token_keys_add(struct token_keys *k, struct chance *c)
{
	struct token_key key = {.pair = true};
	EVP_PKEY *pair = EVP_EC_gen("P-256");
	bool ok = pair && get(pair, OSSL_PKEY_PARAM_EC_PUB_X, key.x) &&
		get(pair, OSSL_PKEY_PARAM_EC_PUB_Y, key.y) &&
		get(pair, OSSL_PKEY_PARAM_PRIV_KEY, key.d);
	EVP_PKEY_free(pair);
	do
		chance_hex(c, key.kid, KID);
	while (token_keys_find(k, str_of(key.kid)));
	if (!ok || !token_key_finish(&key)) {
		token_key_drop(&key);
		ERR_clear_error();
		return -EIO;
	}
	token_keys_trim(k, TOKEN_KEYS_MAX - 1);
	memmove(k->key + 1, k->key, k->n * sizeof *k->key);
	k->key[0] = key;
	k->n++;
	explicit_bzero(&key, sizeof key);
	return 0;
}

