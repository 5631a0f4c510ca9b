/* Tokens as JWS: issue, parse, verify.
 *
 * cjose reads headers with duplicate members, takes padding and any algorithm that a header
 * names, and halves signatures of any length: it sees a token only after our own checks.
 * SPDX-License-Identifier: Apache-2.0 */
#include <openssl/err.h>
#include <stdlib.h>

#include "common/base/b64url.h"
#include "common/crypto/json.h"
#include "common/crypto/token_inside.h"

enum { SIGNATURE = 64 }; /* r and s */

const char *token_fault_text(enum token_fault f)
{
	static const char *const texts[] = {
		[TOKEN_GOOD] = "good",
		[TOKEN_MALFORMED] = "not a token that can be read",
		[TOKEN_BAD_HEADER] = "its header names another algorithm or type, or carries more",
		[TOKEN_UNKNOWN_ISSUER] = "its issuer is not trusted",
		[TOKEN_UNKNOWN_KEY] = "its issuer has no key of that kid",
		[TOKEN_BAD_SIGNATURE] = "its signature is wrong",
		[TOKEN_BAD_AUDIENCE] = "it is meant for somebody else",
		[TOKEN_EXPIRED] = "it has expired",
		[TOKEN_NOT_YET] = "it is not valid yet",
		[TOKEN_TOO_LONG] = "it lives longer than is allowed",
		[TOKEN_BAD_SCOPE] = "its scope does not cover access to the IMS",
		[TOKEN_INCOMPLETE] = "a claim is missing",
	};
	return texts[f];
}

/* ---- issue ---- */

struct str token_issue(const struct token_keys *k, const struct token *t, struct arena *a)
{
	struct str out = STR_NONE;
	const char *text;
	cjose_jws_t *jws = NULL;
	if (!k->n || !k->key[0].pair)
		return out;
	json_t *claims = token_to_json(t);
	char *payload = claims ? json_dumps(claims, JSON_COMPACT) : NULL;
	if (payload)
		jws = cjose_jws_sign(k->key[0].jwk, k->key[0].header,
			(const uint8_t *)payload, strlen(payload), NULL);
	if (jws && cjose_jws_export(jws, &text, NULL) && strlen(text) <= TOKEN_MAX)
		out = arena_str(a, str_of(text));
	cjose_jws_release(jws);
	free(payload);
	json_decref(claims);
	return out;
}

/* ---- parse ---- */

struct parts {
	struct str header, payload, signature;
};

static bool split(struct str text, struct parts *p)
{
	struct str rest = text;
	if (text.n > TOKEN_MAX)
		return false;
	p->header = str_cut(&rest, '.');
	p->payload = rest.p ? str_cut(&rest, '.') : STR_NONE;
	p->signature = rest;
	return p->header.n && p->payload.n && rest.p;
}

/* A part that is JSON; NULL: it isn't. */
static json_t *read_part(struct str part)
{
	char text[TOKEN_MAX];
	const char *why;
	size_t n;
	if (b64url_read(part, text, &n))
		return NULL;
	return json_read((struct str){text, n}, NULL, &why);
}

/* Exactly alg, typ and kid (RFC 9068 2.1; RFC 8725 3.1, 3.11). */
static enum token_fault read_header(struct str part, struct arena *a, struct str *kid)
{
	json_t *h = read_part(part);
	enum token_fault f = TOKEN_MALFORMED;
	if (json_is_object(h)) {
		struct str typ = json_text(json_object_get(h, "typ"));
		*kid = json_text(json_object_get(h, "kid"));
		bool good = json_object_size(h) == 3 &&
			str_eq(json_text(json_object_get(h, "alg")), STR("ES256")) &&
			(str_ieq(typ, STR("at+jwt")) ||
				str_ieq(typ, STR("application/at+jwt"))) &&
			kid->n && kid->n <= TOKEN_KID_MAX;
		*kid = good ? arena_str(a, *kid) : STR_NONE;
		f = good ? TOKEN_GOOD : TOKEN_BAD_HEADER;
	}
	json_decref(h);
	return f;
}

enum token_fault token_parse(struct str text, struct arena *a, struct token *t, struct str *kid)
{
	uint8_t signature[TOKEN_MAX];
	struct parts p;
	size_t n;
	*t = (struct token){0};
	*kid = STR_NONE;
	if (!split(text, &p) || b64url_read(p.signature, signature, &n))
		return TOKEN_MALFORMED;
	enum token_fault f = read_header(p.header, a, kid);
	if (f)
		return f;
	json_t *claims = read_part(p.payload);
	f = token_from_json(claims, a, t);
	json_decref(claims);
	return f;
}

/* ---- verify ---- */

enum token_fault token_verify(const struct token_keys *k, struct str text, struct str kid)
{
	const struct token_key *key = token_keys_find(k, kid);
	struct parts p;
	if (!key)
		return TOKEN_UNKNOWN_KEY;
	if (!split(text, &p) || p.signature.n != B64URL_N(SIGNATURE))
		return TOKEN_BAD_SIGNATURE;
	cjose_jws_t *jws = cjose_jws_import(text.p, text.n, NULL);
	bool good = false;
	if (jws) {
		const char *alg = cjose_header_get(cjose_jws_get_protected(jws), "alg", NULL);
		good = alg && strcmp(alg, "ES256") == 0 && cjose_jws_verify(jws, key->jwk, NULL);
	}
	cjose_jws_release(jws);
	if (!good)
		ERR_clear_error(); /* the next TLS call would take it for its own */
	return good ? TOKEN_GOOD : TOKEN_BAD_SIGNATURE;
}
