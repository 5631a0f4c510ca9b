/* Quiet and time: when does nothing move any more, and how the clock of all is moved.
 *
 * Every element is asked for its status again and again; two rounds that are alike, with
 * all traces arrived and nothing open, are quiet. What waits for a timer stays open, so
 * between the steps of `advance` it is enough that nothing has changed for a while.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "scenarios/player/rig.h"

enum { POLL_MS = 1, CALM_ROUNDS = 2, ADVANCE_LIMIT_MS = 10000 };
/* How long what is open must have stood still to be waiting for a timer. Work on other
 * threads (password hashes, libfdcore) is open too and takes less. */
#ifdef __SANITIZE_ADDRESS__
enum { STILL_MS = 200 };
#else
enum { STILL_MS = 60 };
#endif

struct calm {
	struct rig *rig;
	bool strict;
	int rounds;		     /* alike so far */
	uint64_t print;		     /* of the last round */
	uint64_t still_ns, limit_ns; /* since when it is alike; when to give up */
	char busy[256];		     /* who was, in the last round */
	uv_timer_t timer;
	json_t *status;
	rig_calm_h *h;
	void *arg;
};

static int64_t number(const json_t *answer, const char *key)
{
	return json_integer_value(json_object_get(answer, key));
}

static void note_busy(struct calm *c, const char *name, const char *what, int64_t n)
{
	size_t at = strlen(c->busy);
	snprintf(c->busy + at, sizeof c->busy - at, "%s%s: %lld %s", at ? ", " : "", name,
		(long long)n, what);
}

static void mix(uint64_t *print, uint64_t v)
{
	*print = (*print ^ v) * 0x100000001b3u;
}

/* Looks at one round: true when nothing hinders quiet (or, not strict, only what is
 * open). *open counts that. */
static bool look(struct calm *c, json_t *const answers[RIG_ELEMENTS], uint64_t *print,
	int64_t *open)
{
	bool arrived = true;

	*open = 0;
	*c->busy = 0;
	for (size_t i = 0; i < RIG_ELEMENTS; i++) {
		const struct element *e = &c->rig->elements[i];
		if (!answers[i])
			continue;
		int64_t waiting = number(answers[i], "waiting");
		int64_t n_open = number(answers[i], "open") - waiting;
		int64_t traced = number(answers[i], "traced");
		int64_t here =
			(int64_t)collector_count(c->rig->conf.collector, e->kind->name);
		mix(print, (uint64_t)n_open);
		mix(print, (uint64_t)waiting);
		mix(print, (uint64_t)traced);
		if (n_open)
			note_busy(c, e->kind->name, "open", n_open);
		if (waiting)
			note_busy(c, e->kind->name, "held or delayed", waiting);
		if (traced != here)
			note_busy(c, e->kind->name, "traces under way", traced - here);
		*open += n_open + waiting;
		arrived = arrived && traced == here;
	}
	for (struct actor *a = c->rig->actors; a; a = a->next) {
		int n_open = a->kind->busy(a), waiting = gate_waiting(a->host.gate);
		mix(print, (uint64_t)n_open);
		mix(print, (uint64_t)waiting);
		mix(print, trace_count(a->host.trace));
		if (n_open)
			note_busy(c, a->name, "open", n_open);
		if (waiting)
			note_busy(c, a->name, "held or delayed", waiting);
		*open += n_open + waiting;
	}
	return arrived;
}

static void free_calm(uv_handle_t *h)
{
	struct calm *c = h->data;
	json_decref(c->status);
	free(c);
}

static void calm_done(struct calm *c, int err, json_t *const answers[RIG_ELEMENTS])
{
	char why[300] = "";
	if (err)
		snprintf(why, sizeof why, "no quiet: %s",
			*c->busy ? c->busy : "messages keep coming");
	uv_close((uv_handle_t *)&c->timer, free_calm);
	c->h(err, why, answers, c->arg);
}

static void on_round(json_t *const answers[RIG_ELEMENTS], void *arg);

static void on_poll(uv_timer_t *t)
{
	struct calm *c = t->data;
	rig_broadcast(c->rig, c->status, on_round, c);
}

static void on_round(json_t *const answers[RIG_ELEMENTS], void *arg)
{
	struct calm *c = arg;
	uint64_t now = clock_real_ns(), print = 0xcbf29ce484222325u;
	int64_t open;
	bool arrived = look(c, answers, &print, &open);

	if (!arrived || print != c->print || !c->still_ns) {
		c->rounds = 0;
		c->still_ns = now;
	}
	c->print = print;
	if (arrived && ++c->rounds >= CALM_ROUNDS &&
		(!open || (!c->strict && now - c->still_ns >= STILL_MS * 1000000ull)))
		calm_done(c, 0, answers);
	else if (now >= c->limit_ns)
		calm_done(c, -ETIMEDOUT, answers);
	else
		uv_timer_start(&c->timer, on_poll, POLL_MS, 0);
}

void rig_calm(struct rig *rig, bool strict, int limit_ms, rig_calm_h *h, void *arg)
{
	struct calm *c = MEM_NEW(struct calm);

	*c = (struct calm){.rig = rig, .strict = strict, .h = h, .arg = arg};
	c->limit_ns = clock_real_ns() + (uint64_t)limit_ms * 1000000u;
	c->status = json_pack("{s:s,s:b}", "cmd", "status", "brief", 1);
	uv_timer_init(rig->conf.loop, &c->timer);
	c->timer.data = c;
	uv_timer_start(&c->timer, on_poll, 0, 0);
}

/* ---- quiet ---- */

struct quiet {
	rig_done_h *h;
	void *arg;
};

static void on_quiet(
	int err, const char *why, json_t *const answers[RIG_ELEMENTS], void *arg)
{
	struct quiet *q = arg;
	q->h(err, why, q->arg);
	free(q);
}

void rig_quiet(struct rig *rig, int limit_ms, rig_done_h *h, void *arg)
{
	struct quiet *q = MEM_NEW(struct quiet);
	*q = (struct quiet){h, arg};
	rig_calm(rig, true, limit_ms, on_quiet, q);
}

void rig_still(struct rig *rig, int limit_ms, rig_done_h *h, void *arg)
{
	struct quiet *q = MEM_NEW(struct quiet);
	*q = (struct quiet){h, arg};
	rig_calm(rig, false, limit_ms, on_quiet, q);
}

/* ---- advance: from deadline to deadline, all offsets together ----
 * All clocks are moved and held first, and let go when the last has moved: one that fires at
 * the deadline may reach another, which must not begin a timer by its old time. */

struct advance {
	struct rig *rig;
	int64_t target, next; /* offsets: asked for, of the deadline */
	bool held;	      /* all that was asked so far is to hold */
	rig_done_h *h;
	void *arg;
};

static void on_calm(
	int err, const char *why, json_t *const answers[RIG_ELEMENTS], void *arg);

static void advance_done(struct advance *a, int err, const char *why)
{
	a->h(err, why, a->arg);
	free(a);
}

static void set_clocks(struct advance *a, bool hold);

static void on_clocks_set(json_t *const answers[RIG_ELEMENTS], void *arg)
{
	struct advance *a = arg;
	char why[256];

	for (size_t i = 0; i < RIG_ELEMENTS; i++) {
		if (!answers[i] || json_is_true(json_object_get(answers[i], "ok")))
			continue;
		snprintf(why, sizeof why, "%s does not set its clock: %s",
			a->rig->elements[i].kind->name,
			json_string_value(json_object_get(answers[i], "why")));
		advance_done(a, -EPROTO, why);
		return;
	}
	if (a->held) {
		clock_hold(a->rig->clock, a->next);
		set_clocks(a, false);
		return;
	}
	clock_set_offset(a->rig->clock, a->next);
	rig_calm(a->rig, false, ADVANCE_LIMIT_MS, on_calm, a);
}

static void set_clocks(struct advance *a, bool hold)
{
	json_t *command = json_pack("{s:s,s:I,s:b}", "cmd", "clock", "offset_ms",
		(json_int_t)a->next, "hold", hold);

	a->held = hold;
	rig_broadcast(a->rig, command, on_clocks_set, a);
	json_decref(command);
}

static int64_t nearest(const struct advance *a, json_t *const answers[RIG_ELEMENTS])
{
	int64_t next = clock_next_offset(a->rig->clock);

	for (size_t i = 0; i < RIG_ELEMENTS; i++) {
		const json_t *n = json_object_get(answers[i], "next_offset_ms");
		if (json_is_integer(n) && json_integer_value(n) < next)
			next = json_integer_value(n);
	}
	return next < a->target ? next : a->target;
}

static void on_calm(
	int err, const char *why, json_t *const answers[RIG_ELEMENTS], void *arg)
{
	struct advance *a = arg;
	int64_t now = clock_offset_ms(a->rig->clock);

	if (err || now == a->target) {
		advance_done(a, err, why);
		return;
	}
	a->next = nearest(a, answers);
	if (a->next <= now)
		a->next = now + 1; /* due already: it fires by itself, time goes on */
	set_clocks(a, true);
}

void rig_advance(struct rig *rig, int64_t ms, rig_done_h *h, void *arg)
{
	struct advance *a = MEM_NEW(struct advance);

	*a = (struct advance){.rig = rig, .h = h, .arg = arg};
	a->target = clock_offset_ms(rig->clock) + ms;
	rig_calm(rig, false, ADVANCE_LIMIT_MS, on_calm, a);
}
