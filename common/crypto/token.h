/* Security tokens (TS 23.228 U.2.1.3, TS 33.203 X.3.2.3, TR 23.701 6.3.2.1.3): access tokens
 * as JWS (RFC 7515, 7519, 9068), signed with ES256 by cjose; keys as JWK sets (RFC 7517).
 *
 * Profile: compact serialisation, at most 4 KiB; header exactly alg (ES256), typ (at+jwt or
 * application/at+jwt, any case), kid, in any order, and nothing that names or carries a key
 * (jku, jwk, x5u, x5c, crit); payload an object without a member twice, at most 8 deep.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <jansson.h>

#include "common/base/chance.h"
#include "common/base/mem.h"

#define TOKEN_SCOPE "webrtc-ims-client-access-to-ims" /* placeholder of TS 33.203 X */
enum { TOKEN_MAX = 4096, TOKEN_IMPUS_MAX = 32 };

/* What a token says. Texts are views into an arena. Times are seconds since 1970, rig clock. */
struct token {
	struct str iss, sub, client_id, jti, scope, impi, waf; /* p NULL: absent */
	struct str aud[8];
	size_t n_aud;                  /* one text counts as an array of one */
	struct str impu[TOKEN_IMPUS_MAX];
	size_t n_impu;
	int64_t iat, nbf, exp;         /* 0: absent (exp is required) */
};

/* ---- keys ---- */

/* Public keys of one issuer, or key pairs of our own. */
struct token_keys;
struct token_keys *token_keys_new(void);
void token_keys_free(struct token_keys *k);
/* A new P-256 pair for signing, in front of the others, which go on verifying: rotation
 * without a gap. Its kid is drawn from `c`, the pair by OpenSSL. The oldest of more than 16 goes.
 * 0 or -EIO. */
int token_keys_add(struct token_keys *k, struct chance *c);
/* Forgets all but the newest `keep`. */
void token_keys_trim(struct token_keys *k, size_t keep);
size_t token_keys_count(const struct token_keys *k);
/* Public halves as a JWK set, never a private one; text in the arena. */
struct str token_keys_public(const struct token_keys *k, struct arena *a);
/* Replaces all by the keys of a JWK set (at most 64 KiB): P-256, use absent or "sig", kid
 * present, no private half, at most 16; others are passed over, so that a set may leave none. 0,
 * or -EBADMSG (no set, a kid twice) with a static sentence and nothing changed. */
int token_keys_read(struct token_keys *k, struct str jwks, const char **why);
/* Key pairs to and from a file (mode 0600, written whole or not at all). -EACCES: others may
 * read it; -EBADMSG: not every key of it is a pair; nothing changed. */
int token_keys_save(const struct token_keys *k, const char *path, char why[512]);
int token_keys_load(struct token_keys *k, const char *path, char why[512]); /* -ENOENT: none */

/* ---- issue ---- */

/* Signs with the newest key. The compact text, NUL-terminated, in the arena; p NULL: no pair,
 * longer than TOKEN_MAX, or a text that is not UTF-8 or not printable. */
struct str token_issue(const struct token_keys *k, const struct token *t, struct arena *a);

/* ---- verify ---- */

/* Why a token is refused, in the order of the checks (the first five are token_read's). */
enum token_fault {
	TOKEN_GOOD,
	TOKEN_MALFORMED,               /* form, size, JSON, members of the wrong type */
	TOKEN_BAD_HEADER,              /* alg, typ, a header member that we do not take */
	TOKEN_UNKNOWN_ISSUER,
	TOKEN_UNKNOWN_KEY,             /* kid: ask the issuer for its keys again */
	TOKEN_BAD_SIGNATURE,
	TOKEN_BAD_AUDIENCE,
	TOKEN_EXPIRED,
	TOKEN_NOT_YET,                 /* nbf or iat lies ahead */
	TOKEN_TOO_LONG,                /* exp is too far from iat */
	TOKEN_BAD_SCOPE,
	TOKEN_INCOMPLETE,              /* no impi, impu, jti, client_id or exp */
};
const char *token_fault_text(enum token_fault f); /* a sentence for a log */

/* Takes a compact token apart without believing it: iss and kid decide which keys to take.
 * GOOD, MALFORMED or BAD_HEADER. *t is what it claims. */
enum token_fault token_parse(struct str text, struct arena *a, struct token *t, struct str *kid);
/* The signature: GOOD, UNKNOWN_KEY or BAD_SIGNATURE. `text` has passed token_parse. Leaves
 * nothing in OpenSSL's error queue, which TLS would read. */
enum token_fault token_verify(const struct token_keys *k, struct str text, struct str kid);
/* What the claims must be: members complete, `audience` among aud, times with `skew_s` on
 * both edges, life at most `life_s` (0: not checked), the scope word. */
enum token_fault token_judge(const struct token *t, struct str audience, int64_t now_s,
	int64_t skew_s, int64_t life_s);
/* The IMPU is one of the token's: exact, both canonical. */
bool token_has_impu(const struct token *t, struct str impu);

/* Claims from and to JSON (introspection, RFC 7662, has the same members). GOOD or MALFORMED:
 * a member of the wrong type, a time beyond the year 9999, a control character in a text,
 * which would end up in header fields and logs. Members that we don't know are ignored. */
enum token_fault token_from_json(const json_t *claims, struct arena *a, struct token *t);
json_t *token_to_json(const struct token *t); /* NULL: a text is not UTF-8 or not printable */
