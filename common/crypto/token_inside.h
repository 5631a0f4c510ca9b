/* The inside of a key set: token_keys.c has its life, token_jwks.c its JSON, token_file.c its
 * file, token.c uses it.
 * Private to common/crypto.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <cjose/cjose.h>

#include "common/base/buf.h"
#include "common/crypto/token.h"

enum { TOKEN_KEYS_MAX = 16, TOKEN_KID_MAX = 128, TOKEN_COORDINATE = 32, TOKEN_SET_MAX = 64 * 1024 };

/* What cjose needs for a key is made once: making it costs more than a signature. */
struct token_key {
	char kid[TOKEN_KID_MAX + 1];
	bool pair;
	uint8_t x[TOKEN_COORDINATE], y[TOKEN_COORDINATE];
	uint8_t d[TOKEN_COORDINATE];   /* of a pair */
	cjose_jwk_t *jwk;
	cjose_header_t *header;        /* of the tokens that a pair signs */
};

struct token_keys {
	size_t n;
	struct token_key key[TOKEN_KEYS_MAX]; /* the newest first */
};

/* Makes what cjose needs; false when the octets are no key of P-256. */
bool token_key_finish(struct token_key *key);
void token_key_drop(struct token_key *key);            /* wiped */
/* `,"name":"base64url"` */
void token_key_put(struct buf *b, const char *name, const uint8_t c[TOKEN_COORDINATE]);

void token_keys_put(struct buf *b, const struct token_keys *k, bool private);
/* NULL, or why nothing has changed. `pairs`: every key must be a pair; otherwise those that
 * we don't take are passed over. */
const char *token_keys_take(struct token_keys *k, struct str jwks, bool pairs);
/* NULL: no such key. */
const struct token_key *token_keys_find(const struct token_keys *k, struct str kid);
