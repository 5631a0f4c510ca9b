/* Limits of the edge (TS 33.203 leaves them to the operator).
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/edge/limit.h"

#include <stdlib.h>

#include "common/base/mem.h"

enum { SWEEP_LEAST = 1024, SOURCE_SPAN_MS = 1000 };

bool edge_window_take(
	struct edge_window *w, int64_t now_ms, int64_t span_ms, int64_t most, int *wait_s)
{
	if (!w->n || now_ms - w->since >= span_ms)
		*w = (struct edge_window){now_ms, 0};
	if (w->n >= most) {
		*wait_s = (int)((w->since + span_ms - now_ms + 999) / 1000);
		return false;
	}
	w->n++;
	return true;
}

bool edge_window_full(
	const struct edge_window *w, int64_t now_ms, int64_t span_ms, int64_t most)
{
	return w->n >= most && now_ms - w->since < span_ms;
}

static uint64_t hash_of(const struct addr *a)
{
	struct addr host = *a;
	addr_set_port(&host, 0);
	return addr_hash(&host);
}

/* Drops who holds nothing and has been silent; the rest sets when to look again, so that
 * the cost of a sweep is spread over as many new sources. */
static void sweep(struct edge_sources *s, int64_t now_ms)
{
	for (struct edge_source **at = &s->first; *at;) {
		struct edge_source *e = *at;
		if (e->open || now_ms - e->handshakes.since < SOURCE_SPAN_MS ||
			now_ms < e->bad_until) {
			at = &e->next;
			continue;
		}
		*at = e->next;
		edge_index_remove(&s->index, hash_of(&e->addr), e);
		free(e);
		s->n--;
	}
	s->sweep_at = s->n * 2 > SWEEP_LEAST ? s->n * 2 : SWEEP_LEAST;
}

struct edge_source *edge_source_of(
	struct edge_sources *s, const struct addr *from, int64_t now_ms)
{
	uint64_t hash = hash_of(from);
	struct edge_source *e;
	size_t it = 0;

	while ((e = edge_index_next(&s->index, hash, &it)))
		if (addr_host_eq(&e->addr, from))
			return e;
	if (s->n >= (s->sweep_at ? s->sweep_at : SWEEP_LEAST))
		sweep(s, now_ms);
	e = MEM_NEW(struct edge_source);
	e->addr = *from;
	addr_set_port(&e->addr, 0);
	e->next = s->first;
	s->first = e;
	s->n++;
	edge_index_add(&s->index, hash, e);
	return e;
}

void edge_sources_reset(struct edge_sources *s, int64_t now_ms)
{
	for (struct edge_source *e = s->first; e; e = e->next)
		e->handshakes = e->bad_tokens = (struct edge_window){0}, e->bad_until = 0;
	sweep(s, now_ms);
}

void edge_sources_free(struct edge_sources *s)
{
	for (struct edge_source *e = s->first, *next; e; e = next) {
		next = e->next;
		free(e);
	}
	edge_index_free(&s->index);
	*s = (struct edge_sources){0};
}
