/* Forged security tokens: the JSON, then the signature.
 * SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/wic/forge.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/b64url.h"

enum { FIELD_SIZE = 32, SIGNATURE_SIZE = 2 * FIELD_SIZE, MAX_PAD = 1 << 16 };

const char *const forge_signs[] = {"issuer", "keep", "own-key", "none", "hs256-public",
	"truncated", "zero", "swapped", NULL};

/* ---- parts ---- */

static void put_base64url(struct buf *out, struct str in)
{
	buf_reserve(out, B64URL_N(in.n) + 1);
	out->n += b64url_write(in.p, in.n, out->p + out->n);
}

static bool take_base64url(struct buf *out, struct str in)
{
	size_t n;

	buf_reserve(out, in.n + 1);
	if (!in.n || b64url_read(in, out->p, &n))
		return false;
	out->n = n;
	return true;
}

json_t *token_part(struct str token, int part)
{
	struct buf json = {0};
	json_t *out = NULL;

	while (part-- > 0)
		str_cut(&token, '.');
	if (token.p && take_base64url(&json, str_cut(&token, '.')))
		out = json_loadb(json.p ? json.p : "", json.n, 0, NULL);
	buf_free(&json);
	return out;
}

/* ---- what is signed ---- */

/* "now", "now+20s", "now-1s" as a number; anything else as it is. */
static json_t *member_of(const json_t *v, int64_t now_s)
{
	const char *text = json_string_value(v);
	char *end;

	if (!text || strncmp(text, "now", 3))
		return json_deep_copy(v);
	long long by = strtoll(text + 3, &end, 10);
	if (*end && strcmp(end, "s"))
		return json_deep_copy(v);
	return json_integer(now_s + by);
}

static json_t *changed(struct str token, int part, const json_t *by, int64_t now_s)
{
	json_t *out = token_part(token, part), *v;
	const char *name;

	if (!json_is_object(out)) {
		json_decref(out);
		out = json_object();
	}
	json_object_foreach((json_t *)by, name, v)
	{
		const char *text = json_string_value(v);
		if (text && !strcmp(text, "absent"))
			json_object_del(out, name);
		else
			json_object_set_new(out, name, member_of(v, now_s));
	}
	return out;
}

/* The text of a script, with the members of `json` where it says ${`name`}. */
static void put_written(struct buf *out, struct str text, struct str name, struct str json)
{
	ptrdiff_t at;

	while ((at = str_find(text, STR("${"))) >= 0) {
		buf_put(out, text.p, (size_t)at);
		text = str_skip(text, (size_t)at + 2);
		struct str key = str_cut(&text, '}');
		uint32_t n;
		if (str_eq(key, name) && json.n >= 2) {
			buf_put(out, json.p + 1, json.n - 2);
		} else if (str_starts(key, STR("pad:")) &&
			   !str_u32(str_skip(key, 4), &n) && n <= MAX_PAD) {
			while (n--)
				buf_byte(out, 'x');
		}
	}
	buf_add(out, text);
}

static void put_part(
	const struct forge *f, const json_t *spec, int part, struct buf *out)
{
	const char *const members[] = {"header", "claims"},
		   *const texts[] = {"header-text", "payload-text"};
	json_t *json = changed(
		f->token, part, json_object_get(spec, members[part]), f->now_s);
	const char *written = json_string_value(json_object_get(spec, texts[part]));
	char *text = json_dumps(json, JSON_COMPACT);
	struct buf all = {0};

	if (written)
		put_written(&all, str_of(written), str_of(members[part]), str_of(text));
	else
		buf_add(&all, str_of(text));
	put_base64url(out, buf_str(&all));
	buf_free(&all);
	free(text);
	json_decref(json);
}

/* ---- keys ---- */

static bool octets_of(const json_t *jwk, const char *name, uint8_t out[FIELD_SIZE])
{
	struct buf b = {0};
	bool ok = take_base64url(&b, str_of(json_string_value(json_object_get(jwk, name))));

	ok = ok && b.n == FIELD_SIZE;
	if (ok)
		memcpy(out, b.p, FIELD_SIZE);
	buf_free(&b);
	return ok;
}

static EVP_PKEY *pair_of(const json_t *jwk)
{
	uint8_t point[1 + 2 * FIELD_SIZE] = {4}, d[FIELD_SIZE];
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	OSSL_PARAM *params = NULL;
	EVP_PKEY *key = NULL;
	BIGNUM *secret = NULL;

	if (octets_of(jwk, "x", point + 1) && octets_of(jwk, "y", point + 1 + FIELD_SIZE) &&
		octets_of(jwk, "d", d) && (secret = BN_bin2bn(d, sizeof d, NULL)) &&
		OSSL_PARAM_BLD_push_utf8_string(
			build, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) &&
		OSSL_PARAM_BLD_push_octet_string(
			build, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point) &&
		OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, secret) &&
		(params = OSSL_PARAM_BLD_to_param(build)) &&
		EVP_PKEY_fromdata_init(ctx) > 0)
		EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params);
	BN_clear_free(secret);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

/* The pair that the token's kid names, else the first (the newest) of the issuer's. */
static EVP_PKEY *issuer_key(const struct forge *f, char why[256])
{
	json_t *file = json_load_file(f->keys, 0, NULL), *header = token_part(f->token, 0),
	       *jwk, *found = NULL;
	const char *kid = json_string_value(json_object_get(header, "kid"));
	EVP_PKEY *key;
	size_t i;

	json_array_foreach(json_object_get(file, "keys"), i, jwk)
	{
		const char *its = json_string_value(json_object_get(jwk, "kid"));
		if (!found || (kid && its && !strcmp(kid, its)))
			found = jwk;
	}
	key = found ? pair_of(found) : NULL;
	if (!key)
		snprintf(why, 256, "no key pair of the issuer in %.200s", f->keys);
	json_decref(header);
	json_decref(file);
	return key;
}

/* ---- signatures ---- */

static bool sign_es256(EVP_PKEY *key, struct str text, uint8_t out[SIGNATURE_SIZE])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t der[128];
	const uint8_t *p = der;
	size_t n = sizeof der;
	ECDSA_SIG *sig = NULL;
	bool ok = EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) > 0 &&
		  EVP_DigestSign(ctx, der, &n, (const uint8_t *)text.p, text.n) > 0 &&
		  (sig = d2i_ECDSA_SIG(NULL, &p, (long)n)) &&
		  BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, FIELD_SIZE) > 0 &&
		  BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + FIELD_SIZE, FIELD_SIZE) > 0;

	ECDSA_SIG_free(sig);
	EVP_MD_CTX_free(ctx);
	return ok;
}

static bool sign_hs256(EVP_PKEY *key, struct str text, struct buf *out)
{
	BIO *pem = BIO_new(BIO_s_mem());
	uint8_t mac[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	char *secret;
	bool ok = PEM_write_bio_PUBKEY(pem, key) > 0;
	long size = BIO_get_mem_data(pem, &secret);

	ok = ok && HMAC(EVP_sha256(), secret, (int)size, (const uint8_t *)text.p, text.n,
			   mac, &n);
	if (ok)
		put_base64url(out, (struct str){(char *)mac, n});
	BIO_free(pem);
	return ok;
}

static struct str signature_of(struct str token)
{
	str_cut(&token, '.');
	if (token.p)
		str_cut(&token, '.');
	return token;
}

static int put_signature(
	const struct forge *f, const char *how, struct str text, struct buf *out, char why[256])
{
	bool own = !strcmp(how, "own-key"), shared = !strcmp(how, "hs256-public");
	uint8_t octets[SIGNATURE_SIZE] = {0};
	bool ok = true;

	if (!strcmp(how, "none"))
		return 0;
	if (!strcmp(how, "keep") || !strcmp(how, "swapped")) {
		struct str from = signature_of(*how == 'k' ? f->token : f->other);
		buf_add(out, from);
		if (!from.n)
			snprintf(why, 256, "there is no token to take a signature from");
		return from.n ? 0 : -ENOENT;
	}
	if (strcmp(how, "zero")) {
		EVP_PKEY *key = own ? EVP_EC_gen("P-256") : issuer_key(f, why);
		if (!key)
			return -ENOENT;
		ok = shared ? sign_hs256(key, text, out) : sign_es256(key, text, octets);
		EVP_PKEY_free(key);
	}
	if (!ok) {
		snprintf(why, 256, "OpenSSL does not sign");
		return -EIO;
	}
	if (!shared)
		put_base64url(out, (struct str){(char *)octets,
					   sizeof octets - !strcmp(how, "truncated")});
	return 0;
}

int forge_write(const struct forge *f, const json_t *spec, struct buf *out, char why[256])
{
	const char *how = json_string_value(json_object_get(spec, "sign")),
		   *append = json_string_value(json_object_get(spec, "append"));
	struct buf text = {0};
	int err;

	put_part(f, spec, 0, &text);
	buf_byte(&text, '.');
	put_part(f, spec, 1, &text);
	buf_add(out, buf_str(&text));
	buf_byte(out, '.');
	err = put_signature(f, how ? how : "issuer", buf_str(&text), out, why);
	if (append)
		buf_add(out, str_of(append));
	buf_free(&text);
	return err;
}
