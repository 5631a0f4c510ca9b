/* Tokens in use.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/edge/token_book.h"

#include <stdlib.h>

#include "common/base/metric.h"

METRIC_GAUGE(known, "imsrig_edge_tokens", "tokens whose first use is remembered");

enum { LOOKS = 2 }; /* old ones that each new one looks at: the expired never pile up */

void edge_token_book_init(struct edge_token_book *k, size_t most)
{
	*k = (struct edge_token_book){.most = most ? most : 1};
}

static struct str part(const struct edge_use *u, size_t at, size_t n)
{
	return (struct str){u->text + at, n};
}

struct str edge_use_impi(const struct edge_use *u)
{
	return part(u, (size_t)u->n_iss + u->n_jti, u->n_impi);
}

struct str edge_use_instance(const struct edge_use *u)
{
	return part(u, (size_t)u->n_iss + u->n_jti + u->n_impi, u->n_instance);
}

static uint64_t hash_of(const struct token *t)
{
	return str_hash(t->jti) * 31 + str_hash(t->iss);
}

struct edge_use *edge_use_find(const struct edge_token_book *k, const struct token *t)
{
	struct edge_use *u;
	size_t it = 0;
	while ((u = edge_index_next(&k->index, hash_of(t), &it)))
		if (str_eq(part(u, 0, u->n_iss), t->iss) &&
			str_eq(part(u, u->n_iss, u->n_jti), t->jti))
			return u;
	return NULL;
}

bool edge_use_maybe(const struct edge_token_book *k, const struct token *t)
{
	return t->exp <= k->forgotten;
}

/* ---- the queue, oldest first ---- */

static void link_youngest(struct edge_token_book *k, struct edge_use *u)
{
	u->younger = NULL;
	u->older = k->youngest;
	*(k->youngest ? &k->youngest->younger : &k->oldest) = u;
	k->youngest = u;
}

static void unlink_use(struct edge_token_book *k, struct edge_use *u)
{
	*(u->older ? &u->older->younger : &k->oldest) = u->younger;
	*(u->younger ? &u->younger->older : &k->youngest) = u->older;
}

static void forget(struct edge_token_book *k, struct edge_use *u)
{
	unlink_use(k, u);
	edge_index_remove(&k->index, u->hash, u);
	k->n--;
	known.value--;
	free(u);
}

void edge_token_book_clear(struct edge_token_book *k)
{
	while (k->oldest)
		forget(k, k->oldest);
	edge_index_free(&k->index);
	k->forgotten = 0;
}

/* Those of the oldest that live on go to the end, so that all come by in turn. */
static void tidy(struct edge_token_book *k, int64_t now_s)
{
	for (int i = 0; i < LOOKS && k->oldest; i++) {
		struct edge_use *u = k->oldest;
		if (u->exp <= now_s) {
			forget(k, u);
			continue;
		}
		unlink_use(k, u);
		link_youngest(k, u);
	}
	if (k->n < k->most)
		return;
	if (k->oldest->exp > k->forgotten)
		k->forgotten = k->oldest->exp;
	forget(k, k->oldest);
}

static char *add(char *at, struct str s)
{
	if (s.n)
		memcpy(at, s.p, s.n);
	return at + s.n;
}

struct edge_use *edge_use_put(struct edge_token_book *k, const struct token *t,
	struct str instance, uint64_t conn, int64_t now_s)
{
	struct edge_use *old = edge_use_find(k, t), *u;

	if (old && str_eq(edge_use_instance(old), instance)) {
		old->conn = conn;
		return old;
	}
	if (old)
		forget(k, old);
	tidy(k, now_s);
	/* all four come from one message of at most 64 KiB, the first three from 4 KiB */
	u = mem_alloc(sizeof *u + t->iss.n + t->jti.n + t->impi.n + instance.n);
	*u = (struct edge_use){.hash = hash_of(t),
		.conn = conn,
		.exp = t->exp,
		.n_iss = (uint16_t)t->iss.n,
		.n_jti = (uint16_t)t->jti.n,
		.n_impi = (uint16_t)t->impi.n,
		.n_instance = (uint16_t)instance.n};
	add(add(add(add(u->text, t->iss), t->jti), t->impi), instance);
	edge_index_add(&k->index, u->hash, u);
	link_youngest(k, u);
	k->n++;
	known.value++;
	return u;
}
