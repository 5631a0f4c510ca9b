/* A rig's clock: real time plus an offset that all its processes and actors share, and
 * the timers that run on it.
 *
 * Everything with a lifetime (transactions, nonces, bindings, Cx answers, connections)
 * takes a timer from here, never from libuv, so that `advance` can move it.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdint.h>
#include <uv.h>

#include "common/base/str.h"

struct clock;
struct timer;
struct timer_queue;
typedef void(timer_h)(struct timer *t, void *arg);

/* Embedded in the object that waits. Zero-initialised is not running. */
struct timer {
	int64_t due_ms;        /* on the rig's clock */
	uint32_t slot;         /* 0: not running; the rest is the clock's */
	uint32_t started;      /* order of start, among those due at the same time */
	struct timer *next, *prev; /* of the same duration */
	struct timer_queue *queue;
	struct clock *clock;
	timer_h *h;
	void *arg;
};

struct clock *clock_new(uv_loop_t *loop);
void clock_free(struct clock *c);                  /* closes its handle; run the loop once more */

/* Milliseconds that only rise: monotonic time plus the offset. Cached per loop turn
 * (as uv_now), refreshed while timers run. */
int64_t clock_ms(const struct clock *c);
/* Wall clock (UTC) plus the offset, for tokens, certificates and logs. */
int64_t clock_wall_ms(const struct clock *c);
uint64_t clock_real_ns(void);                      /* CLOCK_MONOTONIC: machine-wide, no offset */

int64_t clock_offset_ms(const struct clock *c);
/* Moves the clock forward; -EINVAL backward. Timers that became due fire in the order of
 * their due time (of start, when it is the same), before this returns. */
int clock_set_offset(struct clock *c, int64_t offset_ms);
/* The same, but no timer fires until clock_set_offset is called next: so that the clocks of
 * several processes are at one time before any of them acts on it. */
int clock_hold(struct clock *c, int64_t offset_ms);

/* Milliseconds until the nearest timer fires, 0 if it is due, -1 without a timer. */
int64_t clock_next(const struct clock *c);
/* The offset at which the nearest timer fires, the same in every process whose offset is
 * the same; INT64_MAX without a timer. */
int64_t clock_next_offset(const struct clock *c);

/* (Re)starts; fires once after `ms` (0: at the next turn). The timer's owner stops it
 * before it goes. Inside the handler the timer is already stopped. */
void timer_start(struct clock *c, struct timer *t, int64_t ms, timer_h *h, void *arg);
void timer_stop(struct timer *t);                  /* does nothing when not running */
static inline bool timer_runs(const struct timer *t)
{
	return t->slot != 0;
}
