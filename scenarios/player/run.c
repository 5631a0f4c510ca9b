/* The run of one variant.
 *
 *	begin -> step: actions -> wait for its messages -> checks -> next step
 *	      -> quiet -> judge -> reset -> done
 * The first thing that is wrong leads to "quiet" at once.
 * SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/player/run.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	SILENCE_MS = 5000,
	OPERATION_MS = 60000, /* of the acting half, which has limits of its own */
	QUIET_MS = 300,	      /* after the last step; then stillness is enough */
	STILL_MS = 5000,
	SETTLE_MS = 1000, /* after something went wrong */
};

enum phase {
	PHASE_BEGIN,
	PHASE_ACTION,
	PHASE_WAIT,
	PHASE_CHECK,
	PHASE_CHECK_QUIET, /* a check that did not hold is asked again when quiet */
	PHASE_QUIET,
	PHASE_STILL,
	PHASE_RESET,
	PHASE_DONE,
};

struct run {
	struct run_conf conf;
	const struct variant *v;
	run_done_h *h;
	void *arg;
	struct judge *judge;
	struct arena arena;
	enum phase phase;
	int step;
	size_t action, check;
	bool checked_again, failed, dirty, died;
	bool arriving;         /* the step has all, but for what is on its way */
	struct call *call; /* operation under way */
	uv_timer_t timer;
	uint64_t started_ns,
		heard_ns; /* heard: last arrow of the ladder, or start of the wait */
	int heard;
	enum verdict verdict;
	const char *why, *why_step;
	struct result result;
};

/* An operation of the acting half. The run may give it up, its callback still comes. */
struct call {
	struct run *run; /* NULL: given up */
};

static void enter_step(struct run *r, int i);
static void next_action(struct run *r);
static void next_check(struct run *r);
static void conclude(struct run *r);
static void done(struct run *r);

/* ---- what is wrong ---- */

static void blame(struct run *r, enum verdict v, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static void blame(struct run *r, enum verdict v, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	r->failed = true;
	if (v <= r->verdict || r->died) /* what comes after a death comes of it */
		return;
	r->verdict = v;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	r->why = arena_str(&r->arena, str_of(text)).p;
	bool in_step = r->step >= 0 && r->step < (int)r->v->n_steps;
	r->why_step = in_step ? r->v->steps[r->step].name : "";
}

static void on_timer(uv_timer_t *t);

static void arm(struct run *r, uint64_t ms)
{
	uv_timer_start(&r->timer, on_timer, ms, 0);
}

static struct call *call_new(struct run *r, enum phase phase)
{
	struct call *c = MEM_NEW(struct call);
	c->run = r;
	r->call = c;
	r->phase = phase;
	arm(r, OPERATION_MS);
	return c;
}

/* The run of a call that came back; NULL: it was given up. */
static struct run *call_end(struct call *c)
{
	struct run *r = c->run;
	free(c);
	if (r) {
		r->call = NULL;
		uv_timer_stop(&r->timer);
	}
	return r;
}

/* ---- steps ---- */

static void on_begun(int err, const char *why, void *arg)
{
	struct run *r = call_end(arg);
	if (!r)
		return;
	if (err)
		blame(r, err == -ENOTSUP ? VERDICT_INCONC : VERDICT_ERROR, "%s", why);
	if (r->failed)
		conclude(r);
	else
		enter_step(r, 0);
}

static void enter_step(struct run *r, int i)
{
	r->step = i;
	if (i == (int)r->v->n_steps) {
		conclude(r);
		return;
	}
	judge_step(r->judge, i, clock_real_ns());
	r->action = 0;
	next_action(r);
}

/* What an actor can't do shows that an element behaved otherwise; what the rig can't do
 * is an error of the rig. */
static enum verdict action_verdict(const struct action *a, int err)
{
	if (err == -ENOTSUP)
		return VERDICT_INCONC;
	return a->kind == ACTION_ACTOR ? VERDICT_FAIL : VERDICT_ERROR;
}

static void on_action(int err, const char *why, void *arg)
{
	struct run *r = call_end(arg);
	if (!r)
		return;
	const struct action *a = &r->v->steps[r->step].actions[r->action++];
	/* A message that differs says more than what the actor could not do after it. */
	if (err && !judge_suspects(r->judge))
		blame(r, action_verdict(a, err), "step %s, \"%s\": %s",
			r->v->steps[r->step].name, a->text, why);
	if (err || r->failed)
		conclude(r);
	else
		next_action(r);
}

static void end_wait(struct run *r)
{
	uv_timer_stop(&r->timer);
	r->phase = PHASE_CHECK;
	r->check = 0;
	r->checked_again = false;
	next_check(r);
}

/* What the step expects was sent; what has no receiver any more is not waited for long. */
enum { ARRIVAL_MS = 100 };

static void look(struct run *r)
{
	if (judge_suspects(r->judge)) {
		conclude(r);
	} else if (!judge_step_done(r->judge, r->step)) {
		return;
	} else if (judge_step_arrived(r->judge, r->step)) {
		end_wait(r);
	} else if (!r->arriving) {
		r->arriving = true;
		arm(r, ARRIVAL_MS);
	}
}

static void next_action(struct run *r)
{
	const struct step *s = &r->v->steps[r->step];
	if (r->action < s->n_actions && !judge_suspects(r->judge)) {
		struct call *c = call_new(r, PHASE_ACTION);
		action_run(r->conf.rig, &s->actions[r->action], on_action, c);
		return;
	}
	r->phase = PHASE_WAIT;
	r->arriving = false;
	r->heard_ns = clock_real_ns();
	arm(r, (uint64_t)r->conf.silence_ms);
	look(r);
}

static void on_changed(void *arg)
{
	struct run *r = arg;
	if (judge_heard(r->judge) !=
		r->heard) /* watchdogs and the like are silence, too */
		r->heard_ns = clock_real_ns();
	r->heard = judge_heard(r->judge);
	if (r->phase == PHASE_WAIT)
		look(r);
}

static void on_timer(uv_timer_t *t)
{
	struct run *r = t->data;
	uint64_t silent_ms = (clock_real_ns() - r->heard_ns) / 1000000;

	if (r->phase == PHASE_WAIT && r->arriving) {
		end_wait(r);
		return;
	}
	if (r->phase == PHASE_WAIT) {
		if (silent_ms + 1 < (uint64_t)r->conf.silence_ms) {
			arm(r, (uint64_t)r->conf.silence_ms - silent_ms);
			return;
		}
		judge_timeout(r->judge, r->step, r->conf.silence_ms);
		conclude(r);
		return;
	}
	blame(r, VERDICT_ERROR, "the rig did not end what it was told within %d s",
		OPERATION_MS / 1000);
	r->dirty = true;
	if (r->call)
		r->call->run = NULL;
	r->call = NULL;
	done(r);
}

/* ---- checks ---- */

/* "bindings.0.contact", "bindings.length"; the text of what is there. */
static struct str look_up(struct run *r, const json_t *v, struct str path)
{
	while (v && path.p) {
		struct str key = str_cut(&path, '.');
		uint32_t i;
		if (json_is_array(v) && str_eq(key, STR("length")))
			return arena_fmt(&r->arena, "%zu", json_array_size(v));
		if (json_is_array(v))
			v = str_u32(key, &i) ? NULL : json_array_get(v, i);
		else
			v = json_object_get(v, arena_str(&r->arena, key).p);
	}
	if (!v || json_is_null(v))
		return STR_NONE;
	if (json_is_string(v))
		return (struct str){json_string_value(v), json_string_length(v)};
	char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
	struct str out = arena_str(&r->arena, str_of(text));
	free(text);
	return out;
}

/* It says of `ok` what it must be. */
static bool of_refusal(const struct check *c)
{
	for (size_t i = 0; i < c->n_is; i++)
		if (!strcmp(c->is[i].path, "ok"))
			return true;
	return false;
}

/* False: something differs, with `why`. */
static bool check_holds(struct run *r, const struct check *c, int err,
	const json_t *answer, struct buf *why)
{
	const char *said = json_string_value(json_object_get(answer, "why"));
	if (err || (!json_is_true(json_object_get(answer, "ok")) && !of_refusal(c))) {
		buf_fmt(why, "does not answer \"%s\": %s",
			json_string_value(json_object_get(c->command, "cmd")),
			err    ? strerror(-err)
			: said ? said
			       : "refused");
		return false;
	}
	for (size_t i = 0; i < c->n_is; i++) {
		struct str got = look_up(r, answer, str_of(c->is[i].path));
		if (value_holds(c->is[i].value, got, NULL) != HOLDS) {
			match_differs(why, c->is[i].path, got, c->is[i].value);
			return false;
		}
	}
	return true;
}

static void on_check_quiet(int err, const char *why, void *arg)
{
	struct run *r = call_end(arg);
	if (r)
		next_check(r);
}

static void on_check(int err, const json_t *answer, void *arg)
{
	struct run *r = call_end(arg);
	struct buf why = {0};

	if (!r)
		return;
	const struct check *c = &r->v->steps[r->step].checks[r->check];
	if (check_holds(r, c, err, answer, &why)) {
		r->check++;
		r->checked_again = false;
		next_check(r);
	} else if (!r->checked_again) { /* its state may follow its message */
		r->checked_again = true;
		rig_quiet(r->conf.rig, SETTLE_MS, on_check_quiet,
			call_new(r, PHASE_CHECK_QUIET));
	} else {
		blame(r, VERDICT_FAIL, "step %s, %s: after it %s",
			r->v->steps[r->step].name, c->at, buf_z(&why));
		conclude(r);
	}
	buf_free(&why);
}

static void next_check(struct run *r)
{
	const struct step *s = &r->v->steps[r->step];
	if (r->failed) {
		conclude(r);
	} else if (r->check < s->n_checks) {
		const struct check *c = &s->checks[r->check];
		rig_admin(r->conf.rig, c->at, c->command, on_check,
			call_new(r, PHASE_CHECK));
	} else {
		enter_step(r, r->step + 1);
	}
}

/* ---- the end ---- */

/* The reason that the element gave: its own, else the other end's, else any element's. */
static const char *find_reason(struct run *r, const struct finding *f, const char **who)
{
	const char *ends[] = {f->element, f->other};
	for (int i = 0; i < 2; i++) {
		const char *reason = ends[i] ? rig_reason(r->conf.rig, ends[i]) : "";
		*who = ends[i];
		if (reason && reason[0])
			return reason;
	}
	for (size_t i = 0; i < r->v->n_processes; i++) {
		const char *reason = rig_reason(r->conf.rig, r->v->processes[i]);
		*who = r->v->processes[i];
		if (reason && reason[0])
			return reason;
	}
	return NULL;
}

static void take_finding(struct run *r)
{
	const struct finding *f = judge_finish(r->judge);
	struct buf b = {0};
	const char *who;

	if (r->died)
		return;
	if (!f->verdict || f->verdict < r->verdict)
		return;
	if (f->verdict == r->verdict && r->why)
		return;
	const char *step = f->step >= 0 && f->step < (int)r->v->n_steps
				   ? r->v->steps[f->step].name
				   : "";
	if (step[0])
		buf_fmt(&b, "step %s", step);
	if (f->element)
		buf_fmt(&b, "%s%s", b.n ? ", " : "", f->element);
	buf_fmt(&b, "%s%.*s", b.n ? ": " : "", STR_ARG(f->why));
	const char *reason = find_reason(r, f, &who);
	if (reason)
		buf_fmt(&b, "; %s says: \"%s\"", who, reason);
	r->verdict = f->verdict;
	r->why = arena_str(&r->arena, buf_str(&b)).p;
	r->why_step = step;
	r->failed = true;
	buf_free(&b);
}

static void on_reset(int err, const char *why, void *arg)
{
	struct run *r = call_end(arg);
	if (!r)
		return;
	if (err) {
		r->dirty = true;
		if (!r->failed)
			blame(r, VERDICT_ERROR, "the rig can't be reset: %s", why);
	}
	done(r);
}

static void on_quiet(int err, const char *why, void *arg)
{
	struct run *r = call_end(arg);
	bool wrong = r && (r->failed || judge_suspects(r->judge));

	if (!r)
		return;
	/* A transaction whose answer was lost stays open for minutes: nothing moves then.
	 */
	if (err && !wrong && r->phase == PHASE_QUIET) {
		rig_still(r->conf.rig, STILL_MS, on_quiet, call_new(r, PHASE_STILL));
		return;
	}
	if (err && !wrong)
		blame(r, VERDICT_FAIL, "after the last step: %s", why);
	take_finding(r);
	if (!r->failed)
		r->verdict = VERDICT_PASS;
	if (r->v->own_rig || r->dirty) {
		r->dirty = true;
		done(r);
		return;
	}
	collector_set(r->conf.collector, NULL, NULL, NULL); /* the reset is not judged */
	rig_reset(r->conf.rig, on_reset, call_new(r, PHASE_RESET));
}

static void conclude(struct run *r)
{
	bool wrong = r->failed || judge_suspects(r->judge);
	rig_quiet(r->conf.rig, wrong ? SETTLE_MS : QUIET_MS, on_quiet,
		call_new(r, PHASE_QUIET));
}

static void done(struct run *r)
{
	uv_timer_stop(&r->timer);
	collector_set(r->conf.collector, NULL, NULL, NULL);
	r->phase = PHASE_DONE;
	r->result = (struct result){.variant = r->v,
		.verdict = r->verdict,
		.why = r->why ? r->why : "",
		.step = r->why_step ? r->why_step : "",
		.messages = judge_heard(r->judge),
		.seconds = (double)(clock_real_ns() - r->started_ns) / 1e9,
		.rig_dir = r->conf.rig_dir};
	r->h(r, &r->result, r->dirty, r->arg);
}

void run_died(struct run *r, const char *element, const char *line)
{
	bool in_step = r->step >= 0 && r->step < (int)r->v->n_steps;
	bool told = line && line[0];

	if (r->phase == PHASE_DONE || r->died)
		return;
	if (r->verdict <
		VERDICT_ERROR) /* what differed before it was seen is its work, too */
		r->verdict = VERDICT_NONE;
	blame(r, VERDICT_INCONC, "%s%s%s%s ended by itself%s%s%s", in_step ? "step " : "",
		in_step ? r->v->steps[r->step].name : "", in_step ? ": " : "", element,
		told ? "; its last line: \"" : "", told ? line : "", told ? "\"" : "");
	r->died = r->dirty = true;
	if (r->phase == PHASE_WAIT)
		conclude(r);
}

void run_stop(struct run *r, const char *why)
{
	if (r->phase == PHASE_DONE)
		return;
	blame(r, VERDICT_ERROR, "%s", why);
	if (r->phase == PHASE_WAIT)
		conclude(r);
}

/* ---- life ---- */

static const char *name_of(const struct addr *a, void *arg)
{
	struct run *r = arg;
	return rig_name(r->conf.rig, a);
}

static void on_record(struct record *record, bool paired, void *arg)
{
	struct run *r = arg;
	judge_record(record, paired, r->judge);
}

struct run *run_start(
	const struct run_conf *conf, const struct variant *v, run_done_h *h, void *arg)
{
	struct run *r = MEM_NEW(struct run);

	r->conf = *conf;
	if (!r->conf.silence_ms)
		r->conf.silence_ms = SILENCE_MS;
	r->v = v;
	r->h = h;
	r->arg = arg;
	r->step = -1;
	r->started_ns = r->heard_ns = clock_real_ns();
	r->judge = judge_new(v, on_changed, r);
	uv_timer_init(conf->loop, &r->timer);
	r->timer.data = r;
	collector_clear(conf->collector);
	collector_set(conf->collector, on_record, name_of, r);
	rig_begin(conf->rig, v, on_begun, call_new(r, PHASE_BEGIN));
	return r;
}

struct judge *run_judge(struct run *r)
{
	return r->judge;
}

bool run_traced(const char *node, void *arg)
{
	struct run *r = arg;
	return rig_traced(r->conf.rig, node);
}

static void on_timer_closed(uv_handle_t *h)
{
	struct run *r = h->data;
	judge_free(r->judge);
	arena_free(&r->arena);
	free(r);
}

void run_free(struct run *r)
{
	if (r->call)
		r->call->run = NULL;
	uv_close((uv_handle_t *)&r->timer, on_timer_closed);
}
