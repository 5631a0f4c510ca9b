/* The actions of a script: what a step does, on the rig.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "scenarios/player/rig.h"

enum { ACT_LIMIT_MS = 5000, ACT_POLL_MS = 1, QUIET_LIMIT_MS = 5000, NOTICE_MS = 10 };

/* ---- an actor's verb: tried until what it needs is there ---- */

struct acting {
	struct rig *rig;
	char *actor, *verb;
	json_t *options;
	int attempt;
	uint64_t limit_ns;
	uv_timer_t timer;
	rig_done_h *h;
	void *arg;
};

static void free_acting(uv_handle_t *h)
{
	struct acting *t = h->data;
	json_decref(t->options);
	free(t->actor);
	free(t->verb);
	free(t);
}

static void on_act(uv_timer_t *timer)
{
	struct acting *t = timer->data;
	struct actor *a = rig_actor(t->rig, t->actor);
	char why[256] = "the actor is gone", text[400];
	int err = -ESRCH;

	if (a) {
		a->attempt = t->attempt++;
		err = actor_do(a, t->verb, t->options, why);
	}
	if (err == -EAGAIN && clock_real_ns() < t->limit_ns)
		return;
	uv_timer_stop(timer);
	uv_close((uv_handle_t *)timer, free_acting);
	snprintf(text, sizeof text, "%s %s: %s", t->actor, t->verb, why);
	t->h(err == -EAGAIN ? -ETIMEDOUT : err, err ? text : "", t->arg);
}

static void act(struct rig *rig, const struct action *action, rig_done_h *h, void *arg)
{
	struct acting *t = MEM_NEW(struct acting);

	*t = (struct acting){.rig = rig, .h = h, .arg = arg};
	t->actor = str_dup(str_of(action->actor));
	t->verb = str_dup(str_of(action->verb));
	t->options = json_deep_copy(action->options);
	t->limit_ns = clock_real_ns() + ACT_LIMIT_MS * 1000000ull;
	uv_timer_init(rig->conf.loop, &t->timer);
	t->timer.data = t;
	uv_timer_start(&t->timer, on_act, 0, ACT_POLL_MS);
}

/* ---- what goes to the gates of all ---- */

struct spread {
	struct rig *rig;
	rig_done_h *h;
	void *arg;
};

static void on_spread(json_t *const answers[RIG_ELEMENTS], void *arg)
{
	struct spread *s = arg;
	char why[256] = "";
	int err = 0;

	for (size_t i = 0; i < RIG_ELEMENTS && !err; i++) {
		const json_t *answer = answers[i];
		if (!answer || json_is_true(json_object_get(answer, "ok")))
			continue;
		snprintf(why, sizeof why, "%s refuses: %s", rig_elements[i].name,
			json_string_value(json_object_get(answer, "why")));
		err = -EINVAL;
	}
	s->h(err, why, s->arg);
	free(s);
}

static void spread(struct rig *rig, json_t *command, rig_done_h *h, void *arg)
{
	struct spread *s = MEM_NEW(struct spread);

	*s = (struct spread){rig, h, arg};
	rig_broadcast(rig, command, on_spread, s);
	json_decref(command);
}

static void on_one(int err, const json_t *answer, void *arg)
{
	struct spread *s = arg;
	char why[256] = "";

	if (err)
		snprintf(why, sizeof why, "no answer from its admin socket: %s",
			strerror(-err));
	if (!err && !json_is_true(json_object_get(answer, "ok"))) {
		const char *said = json_string_value(json_object_get(answer, "why"));
		snprintf(why, sizeof why, "refused: %s", said ? said : "no reason given");
		err = -EINVAL;
	}
	s->h(err, why, s->arg);
	free(s);
}

static void one(struct rig *rig, const char *element, const json_t *command,
	rig_done_h *h, void *arg)
{
	struct spread *s = MEM_NEW(struct spread);

	*s = (struct spread){rig, h, arg};
	rig_admin(rig, element, command, on_one, s);
}

/* The rule with the other end's address in it; NULL with a sentence. */
static json_t *fault_rule(struct rig *rig, const struct fault *f, char why[256])
{
	json_t *rule = json_deep_copy(f->rule), *match;
	struct addr peer;

	if (!f->peer)
		return rule;
	if (!rig_find_addr(rig, f->peer, &peer)) {
		snprintf(why, 256, "fault: nothing here is named %s", f->peer);
		json_decref(rule);
		return NULL;
	}
	match = json_object_get(rule, "match");
	if (!match)
		json_object_set_new(rule, "match", match = json_object());
	json_object_set_new(match, "peer", json_string(addr_host(&peer)));
	return rule;
}

static void fault(struct rig *rig, const struct fault *f, rig_done_h *h, void *arg)
{
	char why[256] = "";
	const char *wrong = NULL;
	json_t *rule = fault_rule(rig, f, why), *command;
	struct actor *actor = f->node ? rig_actor(rig, f->node) : NULL;
	int err = rule ? 0 : -EINVAL;

	for (struct actor *a = rig->actors; a && !err; a = a->next)
		if ((!f->node || a == actor) &&
			(err = gate_add(a->host.gate, rule, &wrong)))
			snprintf(why, sizeof why, "fault: %s", wrong);
	if (!err && f->node && !actor && !rig_element(rig, f->node)) {
		snprintf(why, sizeof why, "fault: nothing here is named %s", f->node);
		err = -EINVAL;
	}
	if (err || actor) {
		json_decref(rule);
		rig_later(rig, err, why, h, arg);
		return;
	}
	command = json_pack("{s:s,s:o}", "cmd", "fault", "rule", rule);
	if (f->node) {
		one(rig, f->node, command, h, arg);
		json_decref(command);
	} else {
		spread(rig, command, h, arg);
	}
}

/* ---- processes ---- */

/* A process that starts late begins at the machine's time and must be brought to the
 * rig's before it does anything. */
struct restart {
	struct rig *rig;
	struct element *e;
	rig_done_h *h;
	void *arg;
};

static void on_restarted(int err, const char *why, void *arg)
{
	struct restart *r = arg;

	if (err) {
		r->h(err, why, r->arg);
	} else {
		json_t *command = json_pack("{s:s,s:I}", "cmd", "clock", "offset_ms",
			(json_int_t)clock_offset_ms(r->rig->clock));
		one(r->rig, r->e->kind->name, command, r->h, r->arg);
		json_decref(command);
	}
	free(r);
}

static void restart(struct rig *rig, struct element *e, rig_done_h *h, void *arg)
{
	struct restart *r = MEM_NEW(struct restart);

	*r = (struct restart){rig, e, h, arg};
	element_start(e, on_restarted, r);
}

/* A process has ended: its peers get the time to notice, on whatever thread they do. */
struct ending {
	struct rig *rig;
	rig_done_h *h;
	void *arg;
};

static void on_noticed(
	int err, const char *why, json_t *const answers[RIG_ELEMENTS], void *arg)
{
	struct ending *e = arg;
	e->h(0, "", e->arg);
	free(e);
}

static void on_notice(int err, const char *why, void *arg)
{
	struct ending *e = arg;
	rig_calm(e->rig, false, QUIET_LIMIT_MS, on_noticed, e);
}

static void on_ended(int err, const char *why, void *arg)
{
	struct ending *e = arg;
	rig_after(e->rig, NOTICE_MS, on_notice, e);
}

static void end(
	struct rig *rig, struct element *element, bool hard, rig_done_h *h, void *arg)
{
	struct ending *e = MEM_NEW(struct ending);

	*e = (struct ending){rig, h, arg};
	element_stop(element, hard, on_ended, e);
}

static void process(struct rig *rig, const struct action *a, rig_done_h *h, void *arg)
{
	struct element *e = rig_element(rig, a->process);
	char why[256];

	if (!e) {
		snprintf(why, sizeof why, "this rig has no %s", a->process);
		rig_later(rig, -EINVAL, why, h, arg);
	} else if (a->kind != ACTION_START) {
		end(rig, e, a->kind == ACTION_KILL, h, arg);
	} else if (e->process) {
		snprintf(why, sizeof why, "%s runs already", a->process);
		rig_later(rig, -EALREADY, why, h, arg);
	} else {
		restart(rig, e, h, arg);
	}
}

/* ---- release ---- */

/* What is to be held may still be on its way to the gate. */
struct releasing {
	struct rig *rig;
	int64_t missing;               /* messages that are still to be let go */
	uint64_t limit_ns;
	rig_done_h *h;
	void *arg;
};

static void on_release_again(int err, const char *why, void *arg);

static void on_released(json_t *const answers[RIG_ELEMENTS], void *arg)
{
	struct releasing *r = arg;
	for (size_t i = 0; i < RIG_ELEMENTS; i++)
		r->missing -= json_integer_value(json_object_get(answers[i], "released"));
	for (struct actor *a = r->rig->actors; a; a = a->next)
		r->missing -= gate_release(a->host.gate);
	if (r->missing > 0 && clock_real_ns() < r->limit_ns) {
		rig_after(r->rig, ACT_POLL_MS, on_release_again, r);
		return;
	}
	bool done = r->missing <= 0;
	r->h(done ? 0 : -ENOENT, done ? "" : "nothing is held, or fewer than were to be let go",
		r->arg);
	free(r);
}

static void on_release_again(int err, const char *why, void *arg)
{
	struct releasing *r = arg;
	json_t *command = json_pack("{s:s}", "cmd", "release");

	rig_broadcast(r->rig, command, on_released, r);
	json_decref(command);
}

static void let_go(struct rig *rig, int64_t count, rig_done_h *h, void *arg)
{
	struct releasing *r = MEM_NEW(struct releasing);

	*r = (struct releasing){
		rig, count, clock_real_ns() + ACT_LIMIT_MS * 1000000ull, h, arg};
	on_release_again(0, NULL, r);
}

void action_run(struct rig *rig, const struct action *a, rig_done_h *h, void *arg)
{
	switch (a->kind) {
	case ACTION_ACTOR:
		act(rig, a, h, arg);
		break;
	case ACTION_ADVANCE:
		rig_advance(rig, a->ms, h, arg);
		break;
	case ACTION_FAULT:
		fault(rig, &a->fault, h, arg);
		break;
	case ACTION_RELEASE:
		let_go(rig, a->count, h, arg);
		break;
	case ACTION_UNFAULT:
		for (struct actor *actor = rig->actors; actor; actor = actor->next)
			gate_reset(actor->host.gate);
		spread(rig, json_pack("{s:s}", "cmd", "unfault"), h, arg);
		break;
	case ACTION_WAIT_QUIET:
		rig_quiet(rig, QUIET_LIMIT_MS, h, arg);
		break;
	case ACTION_STOP:
	case ACTION_KILL:
	case ACTION_START:
		process(rig, a, h, arg);
		break;
	case ACTION_ADMIN:
		one(rig, a->process, a->options, h, arg);
		break;
	}
}
