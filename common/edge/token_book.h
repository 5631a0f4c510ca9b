/* Tokens in use: where a token was used first (security: a token that somebody picked up is
 * of no use elsewhere), and which octets were found to be well signed, so that a refresh with
 * the same token costs no second signature. By issuer and jti; bounded.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/edge/index.h"
#include "common/crypto/token.h"

struct edge_use {
	struct edge_use *older, *younger;
	uint64_t hash;
	uint64_t conn;                 /* where it was used */
	int64_t exp;                   /* s */
	uint64_t generation;           /* the issuer's keys when ... */
	uint8_t digest[32];            /* ... these octets were found good (SHA-256) */
	uint16_t n_iss, n_jti, n_impi, n_instance;
	char text[];                   /* iss, jti, impi, instance */
};
struct edge_token_book {
	struct edge_index index;
	struct edge_use *oldest, *youngest;
	size_t n, most;
	int64_t forgotten;             /* the latest exp of those that went before it */
};
void edge_token_book_init(struct edge_token_book *k, size_t most);
void edge_token_book_clear(struct edge_token_book *k);     /* stays ready */

/* NULL: not seen, or forgotten. */
struct edge_use *edge_use_find(const struct edge_token_book *k, const struct token *t);
/* Of one that is not found: it may be one of those that went while they were good. */
bool edge_use_maybe(const struct edge_token_book *k, const struct token *t);
struct str edge_use_impi(const struct edge_use *u);
struct str edge_use_instance(const struct edge_use *u);    /* n 0: none */
/* Used (again) at `conn` by that instance; takes the place of what was known. Some of what
 * has expired by `now_s` goes, and at the bound the one that was put first. */
struct edge_use *edge_use_put(struct edge_token_book *k, const struct token *t,
	struct str instance, uint64_t conn, int64_t now_s);
