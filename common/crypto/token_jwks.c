/* Keys of tokens as JWK sets (RFC 7517).
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "common/base/b64url.h"
#include "common/crypto/json.h"
#include "common/crypto/token_inside.h"

enum { LETTERS = B64URL_N(TOKEN_COORDINATE) };
static const struct json_limits limits = {.size = TOKEN_SET_MAX, .depth = 8, .members = 1024};

/* ---- to a JWK set ---- */

void token_key_put(struct buf *b, const char *name, const uint8_t c[TOKEN_COORDINATE])
{
	char text[LETTERS + 1];
	b64url_write(c, TOKEN_COORDINATE, text);
	buf_fmt(b, ",\"%s\":\"%s\"", name, text);
	explicit_bzero(text, sizeof text);
}

void token_keys_put(struct buf *b, const struct token_keys *k, bool private)
{
	buf_add(b, STR("{\"keys\":["));
	for (size_t i = 0; i < k->n; i++) {
		const struct token_key *key = &k->key[i];
		buf_fmt(b,
			"%s{\"kty\":\"EC\",\"crv\":\"P-256\",\"use\":\"sig\",\"alg\":\"ES256\","
			"\"kid\":\"%s\"", i ? "," : "", key->kid);
		token_key_put(b, "x", key->x);
		token_key_put(b, "y", key->y);
		if (private)
			token_key_put(b, "d", key->d);
		buf_byte(b, '}');
	}
	buf_add(b, STR("]}"));
}

struct str token_keys_public(const struct token_keys *k, struct arena *a)
{
	struct buf b = {0};
	token_keys_put(&b, k, false);
	struct str text = arena_str(a, buf_str(&b));
	buf_free(&b);
	return text;
}

/* ---- from a JWK set ---- */

static struct str text_of(const json_t *j, const char *name)
{
	return json_text(json_object_get(j, name));
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
		if (kid.p[i] <= ' ' || kid.p[i] > '~' || kid.p[i] == '"' || kid.p[i] == '\\')
			return false; /* it is written as it is */
	str_copy(kid, key->kid, sizeof key->kid);
	if (!coordinate(j, "x", key->x) || !coordinate(j, "y", key->y))
		return false;
	if (!pair) /* whose private half is out is nobody's key */
		return !json_object_get(j, "d") && token_key_finish(key);
	return coordinate(j, "d", key->d) && token_key_finish(key);
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
		token_key_drop(&key);
		if (twice)
			return "two keys with one kid";
		if (pairs)
			return good ? "more keys than are taken" : "a key that is no P-256 pair";
	}
	return NULL;
}

/* jansson gives its copies back as they are. */
static void wipe_private(json_t *set)
{
	json_t *j;
	size_t i;
	json_array_foreach(json_object_get(set, "keys"), i, j) {
		struct str d = text_of(j, "d");
		if (d.n)
			explicit_bzero((char *)d.p, d.n);
	}
}

const char *token_keys_take(struct token_keys *k, struct str jwks, bool pairs)
{
	struct token_keys fresh = {0};
	const char *why;
	json_t *set = json_read(jwks, &limits, &why);
	if (!set)
		return why;
	why = read_set(&fresh, set, pairs);
	if (pairs)
		wipe_private(set);
	json_decref(set);
	if (why) {
		token_keys_trim(&fresh, 0);
		return why;
	}
	token_keys_trim(k, 0);
	*k = fresh;
	explicit_bzero(&fresh, sizeof fresh);
	return NULL;
}

int token_keys_read(struct token_keys *k, struct str jwks, const char **why)
{
	*why = token_keys_take(k, jwks, false);
	return *why ? -EBADMSG : 0;
}
