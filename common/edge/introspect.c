/* Introspection (RFC 7662): what an issuer said about a token, remembered by the SHA-256 of
 * the token's octets for as long as it counts as fresh. Bounded: the oldest goes.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "common/crypto/json.h"
#include "common/edge/issuer_inner.h"

struct edge_said {
	struct edge_said *next;        /* younger */
	uint8_t digest[32];
	int64_t said_ms;
	json_t *claims;                /* NULL: not active */
};

static uint64_t hash_of(const uint8_t digest[32])
{
	uint64_t h;
	memcpy(&h, digest, sizeof h);
	return h;
}

const struct edge_said *edge_said_of(
	const struct edge_sayings *s, const uint8_t digest[32], int64_t since_ms)
{
	const struct edge_said *e, *best = NULL;
	size_t it = 0;
	while ((e = edge_index_next(&s->index, hash_of(digest), &it)))
		if (!memcmp(e->digest, digest, 32) && e->said_ms >= since_ms &&
			(!best || e->said_ms >= best->said_ms))
			best = e;
	return best;
}

static void drop_oldest(struct edge_sayings *s)
{
	struct edge_said *e = s->oldest;
	edge_index_remove(&s->index, hash_of(e->digest), e);
	s->oldest = e->next;
	if (!s->oldest)
		s->newest = NULL;
	s->n--;
	json_decref(e->claims);
	free(e);
}

int edge_said_put(struct edge_sayings *s, const uint8_t digest[32], struct str answer,
	int64_t now_ms, const char **why)
{
	json_t *all = json_read(answer, NULL, why);
	const json_t *active = json_object_get(all, "active");
	struct edge_said *e;

	if (!json_is_boolean(active)) {
		if (all)
			*why = "no answer to an introspection";
		json_decref(all);
		return -EBADMSG;
	}
	if (!json_is_true(active)) {
		json_decref(all);
		all = NULL;
	}
	if (s->n >= s->most)
		drop_oldest(s);
	e = MEM_NEW(struct edge_said);
	memcpy(e->digest, digest, 32);
	e->said_ms = now_ms;
	e->claims = all;
	if (s->newest)
		s->newest->next = e;
	else
		s->oldest = e;
	s->newest = e;
	s->n++;
	edge_index_add(&s->index, hash_of(digest), e);
	return 0;
}

bool edge_said_active(const struct edge_said *said)
{
	return said->claims != NULL;
}

int edge_said_token(const struct edge_said *said, struct arena *a, struct token *t)
{
	return token_from_json(said->claims, a, t);
}

void edge_sayings_free(struct edge_sayings *s)
{
	while (s->oldest)
		drop_oldest(s);
	edge_index_free(&s->index);
}
