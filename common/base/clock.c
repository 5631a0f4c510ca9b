/* A rig's clock and its timers, driven by one uv_timer.
 *
 * Most timers of a process have one of a few durations, and those of one duration fall due in
 * the order of their start. So they stand in queues, one a duration, and only the head of each
 * stands in the heap: a hundred thousand bindings that wait for ten minutes are one entry,
 * and neither starting nor stopping a timer touches more than its neighbours.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/base/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "common/base/mem.h"

enum { QUEUES = 256 };                 /* by a hash of the duration; one that finds its place
					* taken by another goes into the heap by itself */
struct timer_queue {
	int64_t ms;                    /* of all its timers */
	struct timer *tail;            /* NULL: free */
};

struct clock {
	uv_loop_t *loop;
	uv_timer_t tick;
	int64_t offset;        /* ms */
	int64_t wall0;         /* CLOCK_REALTIME minus CLOCK_MONOTONIC at start, ms */
	struct timer **heap;           /* 4-ary; heads of queues, and timers without a queue */
	uint32_t n, cap;
	struct timer_queue queues[QUEUES];
	uint32_t starts;       /* timers started so far */
	int64_t armed;         /* due time the uv_timer is set for; INT64_MAX: not set;
				* INT64_MIN: not to be set, handlers run or the clock is held */
	bool closing;
};

static int64_t ns_ms(clockid_t id)
{
	struct timespec ts;
	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

uint64_t clock_real_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

struct clock *clock_new(uv_loop_t *loop)
{
	struct clock *c = MEM_NEW(struct clock);
	c->loop = loop;
	c->wall0 = ns_ms(CLOCK_REALTIME) - ns_ms(CLOCK_MONOTONIC);
	c->armed = INT64_MAX;
	uv_timer_init(loop, &c->tick);
	c->tick.data = c;
	uv_unref((uv_handle_t *)&c->tick);
	return c;
}

static void on_closed(uv_handle_t *h)
{
	struct clock *c = h->data;
	free(c->heap);
	free(c);
}

void clock_free(struct clock *c)
{
	for (uint32_t i = 0; i < c->n; i++)
		for (struct timer *t = c->heap[i]; t; t = t->next)
			t->slot = 0;
	c->n = 0;
	uv_close((uv_handle_t *)&c->tick, on_closed);
}

/* uv_now is the machine's monotonic clock in ms, cached per turn. */
int64_t clock_ms(const struct clock *c)
{
	return (int64_t)uv_now(c->loop) + c->offset;
}

int64_t clock_wall_ms(const struct clock *c)
{
	return clock_ms(c) + c->wall0;
}

int64_t clock_offset_ms(const struct clock *c)
{
	return c->offset;
}

static bool before(const struct timer *a, const struct timer *b)
{
	if (a->due_ms != b->due_ms)
		return a->due_ms < b->due_ms;
	return (int32_t)(a->started - b->started) < 0;
}

enum { BEHIND = UINT32_MAX };           /* slot of a timer that is not its queue's head */

static void place(struct clock *c, uint32_t i, struct timer *t)
{
	c->heap[i] = t;
	t->slot = i + 1;
}

static void sift_up(struct clock *c, uint32_t i, struct timer *t)
{
	while (i) {
		uint32_t up = (i - 1) / 4;
		if (!before(t, c->heap[up]))
			break;
		place(c, i, c->heap[up]);
		i = up;
	}
	place(c, i, t);
}

static void sift_down(struct clock *c, uint32_t i, struct timer *t)
{
	for (;;) {
		uint32_t low = 4 * i + 1, end = low + 4, best = low;
		if (low >= c->n)
			break;
		for (uint32_t k = low + 1; k < end && k < c->n; k++)
			if (before(c->heap[k], c->heap[best]))
				best = k;
		if (!before(c->heap[best], t))
			break;
		place(c, i, c->heap[best]);
		i = best;
	}
	place(c, i, t);
}

static void on_tick(uv_timer_t *h);

static void arm(struct clock *c)
{
	if (!c->n) {
		if (c->armed != INT64_MAX)
			uv_timer_stop(&c->tick);
		c->armed = INT64_MAX;
		return;
	}
	int64_t due = c->heap[0]->due_ms;
	if (c->armed <= due)
		return; /* fires early at worst, and is set again then */
	int64_t wait = due - clock_ms(c);
	c->armed = due;
	uv_timer_start(&c->tick, on_tick, wait > 0 ? (uint64_t)wait : 0, 0);
}

/* Those that handlers start meanwhile wait for the next turn, even when due at once. */
static void run_due(struct clock *c)
{
	uint32_t from = c->starts;
	while (c->n && c->heap[0]->due_ms <= clock_ms(c)) {
		struct timer *t = c->heap[0];
		if ((int32_t)(t->started - from) >= 0)
			break;
		timer_stop(t);
		t->h(t, t->arg);
	}
}

static void on_tick(uv_timer_t *h)
{
	struct clock *c = h->data;
	c->armed = INT64_MIN;
	run_due(c);
	c->armed = INT64_MAX;
	arm(c);
}

int clock_hold(struct clock *c, int64_t offset_ms)
{
	if (offset_ms < c->offset)
		return -EINVAL;
	uv_update_time(c->loop);
	c->offset = offset_ms;
	c->armed = INT64_MIN;
	uv_timer_stop(&c->tick);
	return 0;
}

int clock_set_offset(struct clock *c, int64_t offset_ms)
{
	int err = clock_hold(c, offset_ms);
	if (err)
		return err;
	run_due(c);
	c->armed = INT64_MAX;
	arm(c);
	return 0;
}

int64_t clock_next(const struct clock *c)
{
	if (!c->n)
		return -1;
	int64_t wait = c->heap[0]->due_ms - clock_ms(c);
	return wait > 0 ? wait : 0;
}

int64_t clock_next_offset(const struct clock *c)
{
	return c->n ? c->heap[0]->due_ms - (int64_t)uv_now(c->loop) : INT64_MAX;
}

static struct timer_queue *queue_of(struct clock *c, int64_t ms)
{
	struct timer_queue *q = &c->queues[((uint64_t)ms * UINT64_C(0x9e3779b97f4a7c15)) >> 56];
	if (!q->tail)
		q->ms = ms;
	return q->ms == ms ? q : NULL;
}

void timer_start(struct clock *c, struct timer *t, int64_t ms, timer_h *h, void *arg)
{
	timer_stop(t);
	t->clock = c;
	t->h = h;
	t->arg = arg;
	t->due_ms = clock_ms(c) + ms;
	t->started = c->starts++;
	t->queue = queue_of(c, ms);
	t->next = NULL;
	t->prev = t->queue ? t->queue->tail : NULL;
	if (t->queue)
		t->queue->tail = t;
	if (t->prev) {
		t->prev->next = t;
		t->slot = BEHIND;
		return;
	}
	if (c->n == c->cap) {
		c->cap = c->cap ? c->cap * 2 : 64;
		c->heap = mem_realloc(c->heap, c->cap * sizeof *c->heap);
	}
	sift_up(c, c->n++, t);
	if (c->armed != INT64_MIN)
		arm(c);
}

/* The heap's entry i goes. */
static void take_out(struct clock *c, uint32_t i)
{
	struct timer *tail = c->heap[--c->n];
	if (i == c->n)
		return;
	if (i && before(tail, c->heap[(i - 1) / 4]))
		sift_up(c, i, tail);
	else
		sift_down(c, i, tail);
}

void timer_stop(struct timer *t)
{
	uint32_t slot = t->slot;
	if (!slot)
		return;
	t->slot = 0;
	if (t->next)
		t->next->prev = t->prev;
	else if (t->queue)
		t->queue->tail = t->prev;
	if (t->prev)
		t->prev->next = t->next;
	else if (t->next) /* the next of its duration is due later */
		sift_down(t->clock, slot - 1, t->next);
	else
		take_out(t->clock, slot - 1);
}
