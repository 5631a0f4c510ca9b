/* The inside of a key set: token_keys.c has its life, token.c uses it.
 * Private to common/crypto.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <cjose/cjose.h>

#include "common/crypto/token.h"

enum { TOKEN_KEYS_MAX = 16, TOKEN_KID_MAX = 128, TOKEN_COORDINATE = 32 };

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

/* NULL: no such key. */
const struct token_key *token_keys_find(const struct token_keys *k, struct str kid);
