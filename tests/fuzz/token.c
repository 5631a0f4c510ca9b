/* Fuzz target: tokens. The first octet of an input says what follows: the text of a token,
 * the payload of one that a fixed key signs, or its header.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "common/base/b64url.h"
#include "common/crypto/token_inside.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct token_keys *keys;
static struct arena arena;

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void open_keys(void)
{
	const char *why = token_keys_take(keys = token_keys_new(),
		STR("{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"a\","
		    "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
		    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\","
		    "\"d\":\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI\"}]}"),
		true);
	must(!why);
}

static bool same(struct str a, struct str b)
{
	return str_eq(a, b) && !a.p == !b.p;
}

/* What was read is written and read again, and is the same. */
static void round_trip(const struct token *t)
{
	struct token u;
	json_t *j = token_to_json(t);
	must(j && token_from_json(j, &arena, &u) == TOKEN_GOOD);
	json_decref(j);
	must(same(t->iss, u.iss) && same(t->sub, u.sub) && same(t->client_id, u.client_id));
	must(same(t->jti, u.jti) && same(t->scope, u.scope) && same(t->impi, u.impi));
	must(same(t->waf, u.waf) && t->iat == u.iat && t->nbf == u.nbf && t->exp == u.exp);
	must(t->n_aud == u.n_aud && t->n_impu == u.n_impu);
	for (size_t i = 0; i < t->n_aud; i++)
		must(same(t->aud[i], u.aud[i]));
	for (size_t i = 0; i < t->n_impu; i++)
		must(same(t->impu[i], u.impu[i]) && token_has_impu(&u, t->impu[i]));
}

static void judge(const struct token *t)
{
	enum token_fault f = token_judge(t, STR("home"), 1300, 30, 3600);
	must(token_fault_text(f) != NULL);
	if (f)
		return;
	must(t->impi.n && t->n_impu && t->jti.n && t->client_id.n && t->n_aud);
	must(t->exp > 1300 - 30 && t->iat <= 1300 + 30 && t->nbf <= 1300 + 30);
}

/* What a stranger sends; `ours`: signed by the fixed key. */
static void receive(struct str text, bool ours)
{
	struct token t;
	struct str kid;
	enum token_fault f = token_parse(text, &arena, &t, &kid);
	if (f) {
		must(f == TOKEN_MALFORMED || f == TOKEN_BAD_HEADER);
		return;
	}
	f = token_verify(keys, text, kid);
	must(f == TOKEN_GOOD || f == TOKEN_UNKNOWN_KEY || (f == TOKEN_BAD_SIGNATURE && !ours));
	must(text.n <= TOKEN_MAX && kid.n);
	round_trip(&t);
	judge(&t);
}

static struct str encode(struct str bytes)
{
	char *p = arena_alloc(&arena, B64URL_N(bytes.n) + 1);
	return (struct str){p, b64url_write(bytes.p, bytes.n, p)};
}

/* What cjose signs goes to our own reading: both see the same octets. */
static void payload(struct str bytes)
{
	const char *text;
	cjose_jws_t *jws = cjose_jws_sign(keys->key[0].jwk, keys->key[0].header,
		(const uint8_t *)bytes.p, bytes.n, NULL);
	must(jws && cjose_jws_export(jws, &text, NULL));
	receive(str_of(text), true);
	cjose_jws_release(jws);
}

static void header(struct str bytes)
{
	static const char rest[] = ".e30."
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
	receive(arena_fmt(&arena, STR_FMT "%s", STR_ARG(encode(bytes)), rest), false);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (!keys)
		open_keys();
	struct str rest = n ? (struct str){(const char *)data + 1, n - 1} : STR_NONE;
	if (n && data[0] == 'p')
		payload(rest);
	else if (n && data[0] == 'h')
		header(rest);
	else if (n)
		receive(rest, false);
	arena_reset(&arena);
	return 0;
}
