/* Between variants that share a rig: the actors go, every element goes back to where it
 * was after its start, and shows that nothing is left.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "scenarios/player/rig.h"

enum { ACTORS_LIMIT_MS = 2000, IDLE_LIMIT_MS = 2000, POLL_MS = 1 };

void rig_close_actors(struct rig *rig)
{
	for (struct actor *a = rig->actors; a; a = a->next) {
		gate_reset(a->host.gate);
		a->kind->close(a);
	}
}

bool rig_let_actors_go(struct rig *rig)
{
	struct actor **at = &rig->actors;

	while (*at) {
		struct actor *a = *at;
		if (a->kind->closed && !a->kind->closed(a)) {
			at = &a->next;
			continue;
		}
		*at = a->next;
		a->next = rig->past;
		rig->past = a;
	}
	return !rig->actors;
}

struct resetting {
	struct rig *rig;
	uint64_t limit_ns;
	uv_timer_t timer;
	rig_done_h *h;
	void *arg;
};

static void free_resetting(uv_handle_t *h)
{
	free(h->data);
}

static void reset_done(struct resetting *r, int err, const char *why)
{
	uv_close((uv_handle_t *)&r->timer, free_resetting);
	r->h(err, why, r->arg);
}

static void wait_ms(struct resetting *r, int ms)
{
	r->limit_ns = clock_real_ns() + (uint64_t)ms * 1000000u;
}

/* The first idle gauge that is not zero: true with a sentence. */
static bool left_over(
	const struct rig *rig, json_t *const answers[RIG_ELEMENTS], char why[256])
{
	for (size_t i = 0; i < RIG_ELEMENTS; i++) {
		const char *name;
		json_t *v;
		json_object_foreach(json_object_get(answers[i], "idle"), name, v)
		{
			if (json_integer_value(v) == 0)
				continue;
			snprintf(why, 256,
				"%s is not as at its start after a reset: %s is %lld",
				rig->elements[i].kind->name, name,
				(long long)json_integer_value(v));
			return true;
		}
	}
	return false;
}

static void on_idle_poll(uv_timer_t *t);

/* A closed connection's last octets may still be on their way: look again for a while. */
static void on_gauges(json_t *const answers[RIG_ELEMENTS], void *arg)
{
	struct resetting *r = arg;
	char left[256];

	if (!left_over(r->rig, answers, left))
		reset_done(r, 0, "");
	else if (clock_real_ns() < r->limit_ns)
		uv_timer_start(&r->timer, on_idle_poll, POLL_MS, 0);
	else
		reset_done(r, -EBUSY, left);
}

static void on_reset_quiet(
	int err, const char *why, json_t *const answers[RIG_ELEMENTS], void *arg)
{
	struct resetting *r = arg;
	json_t *command;

	if (err) {
		reset_done(r, err, why);
		return;
	}
	command = json_pack("{s:s}", "cmd", "status");
	rig_broadcast(r->rig, command, on_gauges, r);
	json_decref(command);
}

static void on_idle_poll(uv_timer_t *t)
{
	struct resetting *r = t->data;
	rig_calm(r->rig, true, IDLE_LIMIT_MS, on_reset_quiet, r);
}

static void on_elements_reset(json_t *const answers[RIG_ELEMENTS], void *arg)
{
	struct resetting *r = arg;
	char why[256];

	for (size_t i = 0; i < RIG_ELEMENTS; i++) {
		if (!answers[i] || json_is_true(json_object_get(answers[i], "ok")))
			continue;
		snprintf(why, sizeof why, "%s does not reset: %s",
			r->rig->elements[i].kind->name,
			json_string_value(json_object_get(answers[i], "why")));
		reset_done(r, -EPROTO, why);
		return;
	}
	wait_ms(r, IDLE_LIMIT_MS);
	rig_calm(r->rig, true, IDLE_LIMIT_MS, on_reset_quiet, r);
}

static void on_gates_open(json_t *const answers[RIG_ELEMENTS], void *arg)
{
	struct resetting *r = arg;
	json_t *command = json_pack("{s:s}", "cmd", "reset");

	/* What a variant draws shall not depend on those before it. */
	if (r->rig->conf.seed)
		json_object_set_new(
			command, "seed", json_integer((json_int_t)r->rig->conf.seed));
	rig_broadcast(r->rig, command, on_elements_reset, r);
	json_decref(command);
}

static void on_actors_tick(uv_timer_t *t)
{
	struct resetting *r = t->data;
	json_t *command;
	char why[256];

	if (!rig_let_actors_go(r->rig)) {
		if (clock_real_ns() < r->limit_ns)
			return;
		snprintf(why, sizeof why, "actor %s does not close its connections",
			r->rig->actors->name);
		uv_timer_stop(t);
		reset_done(r, -EBUSY, why);
		return;
	}
	uv_timer_stop(t);
	command = json_pack("{s:s}", "cmd", "unfault");
	rig_broadcast(r->rig, command, on_gates_open, r);
	json_decref(command);
}

void rig_reset(struct rig *rig, rig_done_h *h, void *arg)
{
	struct resetting *r = MEM_NEW(struct resetting);

	*r = (struct resetting){.rig = rig, .h = h, .arg = arg};
	uv_timer_init(rig->conf.loop, &r->timer);
	r->timer.data = r;
	wait_ms(r, ACTORS_LIMIT_MS);
	rig_close_actors(rig);
	uv_timer_start(&r->timer, on_actors_tick, POLL_MS, POLL_MS);
}
