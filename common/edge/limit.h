/* Limits of the edge: so many events in a span, and what each source address holds.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/base/addr.h"
#include "common/edge/index.h"

/* A span begins with the first event and takes `most` of them; the next event behind its
 * end begins another. Zero-initialised is ready. */
struct edge_window {
	int64_t since;         /* ms */
	uint32_t n;
};
/* True: taken. False: over the limit, and *wait_s (at least 1) is when to come again. */
bool edge_window_take(struct edge_window *w, int64_t now_ms, int64_t span_ms,
	int64_t most, int *wait_s);

/* So many are in it already; takes nothing. */
bool edge_window_full(const struct edge_window *w, int64_t now_ms, int64_t span_ms, int64_t most);

/* One source address: handshakes in this second, bad tokens, and connections open. An entry
 * stays while a connection is open or bad tokens count; others go when the table is swept. */
struct edge_source {
	struct addr addr;      /* port 0 */
	struct edge_window handshakes;
	struct edge_window bad_tokens;
	int64_t bad_until;     /* when the last of these counts no more */
	uint32_t open;
	struct edge_source *next;
};
struct edge_sources {
	struct edge_index index;
	struct edge_source *first;
	size_t n, sweep_at;
};
struct edge_source *edge_source_of(struct edge_sources *s, const struct addr *from,
	int64_t now_ms);
void edge_sources_reset(struct edge_sources *s, int64_t now_ms); /* windows begin anew */
void edge_sources_free(struct edge_sources *s);
