/* Limits on guessing. All windows last equally long, so the list in order of their start is in
 * order of their end, too: what is over is dropped when somebody asks, without a timer.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/base/throttle.h"

#include <stdlib.h>
#include <utlist.h>

#include "common/base/hash.h"
#include "common/base/mem.h"

struct window {
	UT_hash_handle hh;
	struct window *prev, *next;
	int64_t end_ms, events;
	size_t n;
	char key[];
};

struct throttle {
	const struct clock *clock;
	int64_t most, window_ms;
	size_t keys;
	struct window *table, *list;
};

struct throttle *throttle_new(const struct clock *clock, int64_t most, int64_t window_ms,
	size_t keys)
{
	struct throttle *t = MEM_NEW(struct throttle);
	*t = (struct throttle){
		.clock = clock, .most = most, .window_ms = window_ms, .keys = keys};
	return t;
}

static void drop(struct throttle *t, struct window *w)
{
	HASH_DEL(t->table, w);
	DL_DELETE(t->list, w);
	free(w);
}

void throttle_clear(struct throttle *t)
{
	while (t->list)
		drop(t, t->list);
}

void throttle_free(struct throttle *t)
{
	if (t)
		throttle_clear(t);
	free(t);
}

static struct window *find(struct throttle *t, struct str key)
{
	struct window *w;
	while (t->list && t->list->end_ms <= clock_ms(t->clock))
		drop(t, t->list);
	HASH_FIND(hh, t->table, key.p, key.n, w);
	return w;
}

static struct window *begin(struct throttle *t, struct str key)
{
	if (HASH_COUNT(t->table) >= t->keys)
		drop(t, t->list);
	struct window *w = mem_zalloc(sizeof *w + key.n);
	w->n = key.n;
	memcpy(w->key, key.p, key.n);
	w->end_ms = clock_ms(t->clock) + t->window_ms;
	HASH_ADD(hh, t->table, key, key.n, w);
	DL_APPEND(t->list, w);
	return w;
}

int64_t throttle_take(struct throttle *t, struct str key)
{
	struct window *w = find(t, key);
	if (!w)
		w = begin(t, key);
	if (w->events >= t->most)
		return w->end_ms - clock_ms(t->clock);
	w->events++;
	return 0;
}

void throttle_give_back(struct throttle *t, struct str key)
{
	struct window *w = find(t, key);
	if (w && --w->events <= 0)
		drop(t, w);
}

void throttle_forget(struct throttle *t, struct str key)
{
	struct window *w = find(t, key);
	if (w)
		drop(t, w);
}

size_t throttle_keys(const struct throttle *t)
{
	return HASH_COUNT(t->table);
}
