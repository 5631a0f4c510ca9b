/* Keys of tokens: making, rotation, JWK sets, files.
 *
 * cjose gets coordinates, never JSON: its own import takes padded base64, a point that does
 * not belong to the private half, and copies of private halves that it does not wipe.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/crypto/token_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/b64url.h"
#include "common/base/buf.h"
#include "common/crypto/json.h"

enum {
	KID = 8,          /* random octets of a kid of ours */
	TEXT = 64 * 1024, /* a JWK set */
	LETTERS = B64URL_N(TOKEN_COORDINATE),
};
static const struct json_limits jwks_limits = {.size = TEXT, .depth = 8, .members = 1024};
static const char kid_letters[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

/* ---- one key ---- */

static void drop(struct token_key *key)
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

static void put_coordinate(struct buf *b, const char *name, const uint8_t *c)
{
	char text[LETTERS + 1];
	b64url_write(c, TOKEN_COORDINATE, text);
	buf_fmt(b, ",\"%s\":\"%s\"", name, text);
	explicit_bzero(text, sizeof text);
}

/* cjose takes x and y above the prime, and computes them anew when there is a private
 * half: what it has now must be what we gave it. */
static bool is_point(const struct token_key *key)
{
	struct buf want = {0};
	put_coordinate(&want, "x", key->x);
	put_coordinate(&want, "y", key->y);
	char *got = cjose_jwk_to_json(key->jwk, false, NULL);
	bool same = got && strstr(got, buf_z(&want));
	cjose_get_dealloc()(got);
	buf_free(&want);
	return same;
}

/* Fills in what cjose needs. */
static bool finish(struct token_key *key)
{
	cjose_jwk_ec_keyspec spec = {.crv = CJOSE_JWK_EC_P_256,
		.x = key->x, .xlen = sizeof key->x, .y = key->y, .ylen = sizeof key->y,
		.d = key->pair ? key->d : NULL, .dlen = key->pair ? sizeof key->d : 0};
	key->jwk = cjose_jwk_create_EC_spec(&spec, NULL);
	if (!key->jwk || !is_point(key))
		return false;
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
		drop(&k->key[--k->n]);
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
	if (!ok || !finish(&key)) {
		drop(&key);
		return -EIO;
	}
	token_keys_trim(k, TOKEN_KEYS_MAX - 1);
	memmove(k->key + 1, k->key, k->n * sizeof *k->key);
	k->key[0] = key;
	k->n++;
	explicit_bzero(&key, sizeof key);
	return 0;
}

/* ---- to a JWK set ---- */

static void put_set(struct buf *b, const struct token_keys *k, bool private)
{
	buf_add(b, STR("{\"keys\":["));
	for (size_t i = 0; i < k->n; i++) {
		const struct token_key *key = &k->key[i];
		buf_fmt(b,
			"%s{\"kty\":\"EC\",\"crv\":\"P-256\",\"use\":\"sig\",\"alg\":\"ES256\","
			"\"kid\":\"%s\"", i ? "," : "", key->kid);
		put_coordinate(b, "x", key->x);
		put_coordinate(b, "y", key->y);
		if (private)
			put_coordinate(b, "d", key->d);
		buf_byte(b, '}');
	}
	buf_add(b, STR("]}"));
}

struct str token_keys_public(const struct token_keys *k, struct arena *a)
{
	struct buf b = {0};
	put_set(&b, k, false);
	struct str text = arena_str(a, buf_str(&b));
	buf_free(&b);
	return text;
}

/* ---- from a JWK set ---- */

static struct str text_of(const json_t *j, const char *name)
{
	const json_t *v = json_object_get(j, name);
	return json_is_string(v) ? (struct str){json_string_value(v), json_string_length(v)}
				 : STR_NONE;
}

static bool absent_or(const json_t *j, const char *name, struct str want)
{
	return !json_object_get(j, name) || str_eq(text_of(j, name), want);
}

static bool may_verify(const json_t *j)
{
	const json_t *ops = json_object_get(j, "key_ops"), *op;
	size_t i;
	json_array_foreach(ops, i, op)
		if (json_is_string(op) && strcmp(json_string_value(op), "verify") == 0)
			return true;
	return !ops;
}

static bool coordinate(const json_t *j, const char *name, uint8_t out[TOKEN_COORDINATE])
{
	struct str s = text_of(j, name);
	size_t n;
	return s.n == LETTERS && b64url_read(s, out, &n) == 0;
}

/* A key that we take, or not. */
static bool read_key(const json_t *j, bool pair, struct token_key *key)
{
	struct str kid = text_of(j, "kid");
	*key = (struct token_key){.pair = pair};
	if (!json_is_object(j) || !str_eq(text_of(j, "kty"), STR("EC")) ||
		!str_eq(text_of(j, "crv"), STR("P-256")) || !absent_or(j, "use", STR("sig")) ||
		!absent_or(j, "alg", STR("ES256")) || !may_verify(j) ||
		!kid.n || kid.n > TOKEN_KID_MAX)
		return false;
	for (size_t i = 0; i < kid.n; i++)
		if (!strchr(kid_letters, kid.p[i]))
			return false;
	str_copy(kid, key->kid, sizeof key->kid);
	if (!coordinate(j, "x", key->x) || !coordinate(j, "y", key->y))
		return false;
	if (!pair) /* whose private half is out is nobody's key */
		return !json_object_get(j, "d") && finish(key);
	return coordinate(j, "d", key->d) && finish(key);
}

/* `pairs`: every key must be a pair; otherwise those that we don't take are passed over. */
static const char *read_set(struct token_keys *k, const json_t *set, bool pairs)
{
	const json_t *keys = json_object_get(set, "keys"), *j;
	size_t i;
	if (!json_is_array(keys))
		return "no JWK set: it has no array of keys";
	json_array_foreach(keys, i, j) {
		struct token_key key;
		bool good = read_key(j, pairs, &key);
		bool twice = good && token_keys_find(k, str_of(key.kid));
		if (good && !twice && k->n < TOKEN_KEYS_MAX) {
			k->key[k->n++] = key;
			explicit_bzero(&key, sizeof key);
			continue;
		}
		drop(&key);
		if (twice)
			return "two keys with one kid";
		if (pairs)
			return good ? "more keys than are taken" : "a key that is no P-256 pair";
	}
	return NULL;
}

static void take(struct token_keys *k, struct token_keys *fresh)
{
	token_keys_trim(k, 0);
	*k = *fresh;
	explicit_bzero(fresh, sizeof *fresh);
}

int token_keys_read(struct token_keys *k, struct str jwks, const char **why)
{
	struct token_keys fresh = {0};
	json_t *set = json_read(jwks, &jwks_limits, why);
	if (!set)
		return -EBADMSG;
	*why = read_set(&fresh, set, false);
	json_decref(set);
	if (*why) {
		token_keys_trim(&fresh, 0);
		return -EBADMSG;
	}
	take(k, &fresh);
	return 0;
}

/* ---- files ---- */

static int fault(char why[512], int err, const char *path, const char *what)
{
	snprintf(why, 512, "%.300s: %.180s", path, what ? what : strerror(err));
	return -err;
}

static int write_all(int fd, struct str s)
{
	while (s.n) {
		ssize_t n = write(fd, s.p, s.n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		s = str_skip(s, (size_t)n);
	}
	return fsync(fd) ? -errno : 0;
}

/* Beside the file, then in its place. */
static int replace(const char *path, struct str text)
{
	char fresh[4096];
	if (snprintf(fresh, sizeof fresh, "%s.XXXXXX", path) >= (int)sizeof fresh)
		return -ENAMETOOLONG;
	int fd = mkostemp(fresh, O_CLOEXEC); /* mode 0600 */
	if (fd < 0)
		return -errno;
	int err = write_all(fd, text);
	if (close(fd) && !err)
		err = -errno;
	if (!err && rename(fresh, path))
		err = -errno;
	if (err)
		unlink(fresh);
	return err;
}

static void wipe(struct buf *b)
{
	if (b->p)
		explicit_bzero(b->p, b->cap);
	buf_free(b);
}

int token_keys_save(const struct token_keys *k, const char *path, char why[512])
{
	struct buf b = {0};
	for (size_t i = 0; i < k->n; i++)
		if (!k->key[i].pair)
			return fault(why, EINVAL, path, "a key without its private half");
	buf_reserve(&b, TEXT); /* never moves: no copy stays behind */
	put_set(&b, k, true);
	int err = replace(path, buf_str(&b));
	wipe(&b);
	return err ? fault(why, -err, path, NULL) : 0;
}

static int read_file(const char *path, struct buf *b, char why[512])
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC), err = 0;
	if (fd < 0)
		return fault(why, errno, path, NULL);
	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		err = fault(why, EINVAL, path, "not a file");
	else if (st.st_mode & 077)
		err = fault(why, EACCES, path, "others may read the private keys: chmod 600");
	buf_reserve(b, TEXT + 1);
	while (!err && b->n <= TEXT) {
		ssize_t n = read(fd, b->p + b->n, TEXT + 1 - b->n);
		if (n == 0)
			break;
		if (n > 0)
			b->n += (size_t)n;
		else if (errno != EINTR)
			err = fault(why, errno, path, NULL);
	}
	close(fd);
	return err;
}

/* jansson gives its copies back as they are. */
static void wipe_private(json_t *set)
{
	json_t *j;
	size_t i;
	json_array_foreach(json_object_get(set, "keys"), i, j) {
		const json_t *d = json_object_get(j, "d");
		if (json_is_string(d))
			explicit_bzero((char *)json_string_value(d), json_string_length(d));
	}
}

int token_keys_load(struct token_keys *k, const char *path, char why[512])
{
	struct token_keys fresh = {0};
	struct buf b = {0};
	const char *bad = NULL;
	int err = read_file(path, &b, why);
	json_t *set = err ? NULL : json_read(buf_str(&b), &jwks_limits, &bad);
	wipe(&b);
	if (set)
		bad = read_set(&fresh, set, true);
	wipe_private(set);
	json_decref(set);
	if (bad)
		err = fault(why, EBADMSG, path, bad);
	if (err)
		token_keys_trim(&fresh, 0);
	else
		take(k, &fresh);
	return err;
}
