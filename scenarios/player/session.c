/* The variants of one `imsrig run`.
 * SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/player/session.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "scenarios/player/catalog.h"
#include "scenarios/player/pool.h"
#include "scenarios/player/run.h"

#define PATIENCE_NS 500000000ull /* a signal after this ends the program at once */
enum { LOOK_AHEAD = 64, MAX_OPENING = 3, SPARE_SLOTS = 3 };

/* A job that ran, until those before it have, too. */
struct outcome {
	struct page *page; /* NULL: not ended */
	struct buf ladder; /* for the terminal */
	bool script_fault; /* an element refused what the script sets */
};

/* One run under way. */
struct worker {
	struct session *session;
	struct run *run; /* NULL: idle */
	struct slot *slot;
	size_t at;
};

struct session {
	uv_loop_t loop;
	struct session_conf conf;
	const struct variant **jobs; /* conf.variants; NULL once begun */
	struct outcome *outcomes;
	size_t first_waiting, told;
	struct evidence *evidence;
	struct pool *pool;
	struct worker workers[SESSION_MAX_WORKERS];
	uv_timer_t turn; /* look for what can be done, at the next turn */
	uv_signal_t interrupt, terminate;
	bool over, finishing;
	uint64_t interrupted_ns; /* 0: not */
	struct totals totals;
	enum verdict worst;
	bool script_fault;
	uint64_t started_ns;
};

static void on_turn(uv_timer_t *t);

static void schedule(void *arg)
{
	struct session *s = arg;
	uv_timer_start(&s->turn, on_turn, 0, 0);
}

/* ---- output ---- */

static void print_json(json_t *o)
{
	char *line = json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(6));
	puts(line);
	fflush(stdout);
	free(line);
	json_decref(o);
}

static void print_result(struct session *s, const struct result *r)
{
	static const char *const colours[] = {"", "32", "33", "31", "31;1"};

	if (s->conf.json) {
		print_json(result_json(r));
		return;
	}
	if (s->conf.colour)
		printf("\033[%sm", colours[r->verdict]);
	printf("%-7s", verdict_name(r->verdict));
	if (s->conf.colour)
		printf("\033[0m");
	printf("%s/%s  %d messages, %.2f s\n", r->variant->script->id, r->variant->id,
		r->messages, r->seconds);
	if (r->why[0])
		printf("       %s\n", r->why);
	fflush(stdout);
}

static void print_totals(struct session *s)
{
	const struct totals *t = &s->totals;

	if (s->conf.json) {
		print_json(totals_json(t));
		return;
	}
	printf("%d pass, %d fail, %d inconc, %d error, %d notrun in %.1f s; evidence in "
	       "%s\n",
		t->pass, t->fail, t->inconc, t->error, t->notrun, t->seconds,
		evidence_dir(s->evidence));
}

static void finish(struct session *s);

/* ---- what came of a job ---- */

/* Several run at once, but they are told in their order, so that a run stops at the first
 * that does not pass, whatever came of those behind it. */
static void tell(struct session *s)
{
	while (s->told < s->conf.n && s->outcomes[s->told].page && !s->over) {
		struct outcome *o = &s->outcomes[s->told++];
		const struct result *r = page_result(o->page);
		verdict_worsen(&s->worst, r->verdict ? r->verdict : VERDICT_ERROR);
		s->script_fault = s->script_fault || o->script_fault;
		totals_add(&s->totals, r->verdict);
		evidence_put(s->evidence, o->page);
		if (o->ladder.n)
			fwrite(o->ladder.p, 1, o->ladder.n, stdout);
		print_result(s, r);
		if (r->verdict != VERDICT_PASS && !s->conf.keep_going)
			s->over = true;
		page_free(o->page);
		buf_free(&o->ladder);
		o->page = NULL;
	}
}

/* Every flow is shown, its variants when they are asked for. */
static bool wants_ladder(const struct session *s, const struct variant *v)
{
	return !s->conf.json && (s->conf.ladder || !strcmp(v->id, "base"));
}

static void keep_outcome(
	struct session *s, size_t at, const struct result *r, struct run *run)
{
	struct outcome *o = &s->outcomes[at];
	struct judge *j = run ? run_judge(run) : NULL;
	struct ladder_style style = {.colour = s->conf.colour};

	o->page = page_new(s->evidence, r, j, run_traced, run);
	if (j && wants_ladder(s, r->variant)) {
		ladder_put(&o->ladder, r->variant, j, &style, run_traced, run);
		buf_byte(&o->ladder, '\n');
	}
	tell(s);
}

static void on_run_done(struct run *run, const struct result *r, bool dirty, void *arg)
{
	struct worker *w = arg;

	keep_outcome(w->session, w->at, r, run);
	slot_give(w->slot, dirty);
	run_free(run);
	w->run = NULL;
	w->slot = NULL;
	schedule(w->session);
}

/* A rig that did not open: what the variant asked for, or an error. */
static void judge_opening(struct session *s, size_t at, struct slot *slot)
{
	const struct variant *v = s->jobs[at];
	const char *why = "", *line = "", *who = NULL;
	static const struct value none;
	const struct value *want = v->refused_why ? v->refused_why : &none;
	struct result r = {
		.variant = v, .why = "", .step = "", .rig_dir = slot_dir(slot)};
	struct buf text = {0};
	int code = 0, err = 0;

	if (slot_state(slot) == SLOT_FAILED) {
		err = slot_error(slot, &why);
		if (slot_rig(slot))
			who = rig_failed(slot_rig(slot), &code, &line);
	}
	if (err == -ENOTSUP) {
		r.verdict = VERDICT_INCONC;
		buf_fmt(&text, "%s", why);
	} else if (!v->refused_process) {
		r.verdict = VERDICT_ERROR;
		s->outcomes[at].script_fault = err == -EINVAL;
		buf_fmt(&text, "the rig did not start: %s", why);
	} else if (!err) {
		r.verdict = VERDICT_FAIL;
		buf_fmt(&text, "%s: expected to refuse its configuration (%s), started",
			v->refused_process, want->text);
	} else if (who && !strcmp(who, v->refused_process) && code == EXIT_USAGE &&
		   value_holds(want, str_of(line), NULL) == HOLDS) {
		r.verdict = VERDICT_PASS;
	} else {
		r.verdict = VERDICT_FAIL;
		buf_fmt(&text,
			"%s: expected to refuse its configuration with exit code %d "
			"(%s), ",
			v->refused_process, EXIT_USAGE, want->text);
		if (who)
			buf_fmt(&text, "%s ended with %d: \"%s\"", who, code,
				line ? line : "");
		else
			buf_fmt(&text, "the rig said: %s", why);
	}
	if (text.n)
		r.why = buf_z(&text);
	s->jobs[at] = NULL;
	keep_outcome(s, at, &r, NULL);
	slot_give(slot, v->own_rig);
	buf_free(&text);
	schedule(s);
}

static void start_job(struct worker *w, size_t at, struct slot *slot)
{
	struct session *s = w->session;
	const struct variant *v = s->jobs[at];
	struct run_conf conf = {.loop = &s->loop,
		.rig = slot_rig(slot),
		.collector = slot_collector(slot),
		.rig_dir = slot_dir(slot)};

	s->jobs[at] = NULL;
	slot_take(slot);
	w->slot = slot;
	w->at = at;
	w->run = run_start(&conf, v, on_run_done, w);
}

static struct worker *idle_worker(struct session *s)
{
	for (int i = 0; i < s->conf.workers; i++)
		if (!s->workers[i].run)
			return &s->workers[i];
	return NULL;
}

static bool any_busy(const struct session *s)
{
	for (int i = 0; i < s->conf.workers; i++)
		if (s->workers[i].run)
			return true;
	return false;
}

/* Begins the next jobs whose rig is ready; those that are looked at have theirs opened.
 */
static void start_jobs(struct session *s)
{
	while (s->first_waiting < s->conf.n && !s->jobs[s->first_waiting])
		s->first_waiting++;
	for (size_t i = s->first_waiting, seen = 0; i < s->conf.n && seen < LOOK_AHEAD;
		i++) {
		if (!s->jobs[i])
			continue;
		seen++;
		struct slot *slot = pool_get(s->pool, i);
		if (!slot)
			continue;
		struct worker *w = idle_worker(s);
		if (slot_state(slot) == SLOT_FAILED || s->jobs[i]->refused_process)
			judge_opening(s, i, slot);
		else if (w)
			start_job(w, i, slot);
		if (s->over)
			return;
	}
}

static void stop_runs(struct session *s, const char *why)
{
	for (int i = 0; i < s->conf.workers; i++)
		if (s->workers[i].run)
			run_stop(s->workers[i].run, why);
}

static void on_turn(uv_timer_t *t)
{
	struct session *s = t->data;

	if (s->finishing)
		return;
	if (!s->over)
		start_jobs(s);
	if (s->over)
		stop_runs(s, "another one ended the run");
	if (s->over ? !any_busy(s) : s->told == s->conf.n)
		finish(s);
}

static void on_died(struct slot *slot, const char *element, const char *line, void *arg)
{
	struct session *s = arg;
	for (int i = 0; i < s->conf.workers; i++)
		if (s->workers[i].run && s->workers[i].slot == slot)
			run_died(s->workers[i].run, element, line);
}

static void on_signal(uv_signal_t *h, int number)
{
	struct session *s = h->data;
	uint64_t now = clock_real_ns();
	if (s->interrupted_ns && now - s->interrupted_ns > PATIENCE_NS)
		_exit(128 + number);
	if (s->interrupted_ns)
		return; /* some senders signal twice */
	s->interrupted_ns = now;
	s->over = true;
	s->worst = VERDICT_ERROR;
	fputs("imsrig: interrupted\n", stderr);
	schedule(s);
}

/* ---- the end ---- */

static void on_pool_closed(void *arg)
{
	struct session *s = arg;
	uv_close((uv_handle_t *)&s->turn, NULL);
	uv_close((uv_handle_t *)&s->interrupt, NULL);
	uv_close((uv_handle_t *)&s->terminate, NULL);
}

/* What was not told was not run, as far as anybody is concerned. */
static void finish(struct session *s)
{
	s->finishing = true;
	for (; s->told < s->conf.n; s->told++) {
		struct result r = {
			.variant = s->conf.variants[s->told], .why = "", .step = ""};
		struct page *p = page_new(s->evidence, &r, NULL, NULL, NULL);
		totals_add(&s->totals, VERDICT_NONE);
		evidence_put(s->evidence, p);
		page_free(p);
	}
	pool_close(s->pool, on_pool_closed, s);
}

/* ---- the beginning ---- */

static void watch_signal(struct session *s, uv_signal_t *h, int number)
{
	uv_signal_init(&s->loop, h);
	h->data = s;
	uv_signal_start(h, on_signal, number);
	uv_unref((uv_handle_t *)h);
}

static int run_jobs(struct session *s, const char *bin)
{
	s->jobs = mem_alloc(s->conf.n * sizeof *s->jobs);
	memcpy(s->jobs, s->conf.variants, s->conf.n * sizeof *s->jobs);
	s->outcomes = mem_zalloc(s->conf.n * sizeof *s->outcomes);
	for (int i = 0; i < s->conf.workers; i++)
		s->workers[i].session = s;
	uv_loop_init(&s->loop);
	uv_timer_init(&s->loop, &s->turn);
	s->turn.data = s;
	watch_signal(s, &s->interrupt, SIGINT);
	watch_signal(s, &s->terminate, SIGTERM);
	struct pool_conf conf = {.loop = &s->loop,
		.bin_dir = bin,
		.seed = s->conf.seed,
		.evidence = s->evidence,
		.jobs = s->jobs,
		.n_jobs = s->conf.n,
		.max_slots = s->conf.workers + SPARE_SLOTS,
		.max_opening =
			s->conf.workers < MAX_OPENING ? s->conf.workers : MAX_OPENING,
		.changed = schedule,
		.died = on_died,
		.arg = s};
	s->pool = pool_new(&conf);
	s->started_ns = clock_real_ns();
	schedule(s);
	uv_run(&s->loop, UV_RUN_DEFAULT);
	uv_loop_close(&s->loop);
	pool_free(s->pool);
	s->totals.seconds = (double)(clock_real_ns() - s->started_ns) / 1e9;
	print_totals(s);
	for (size_t i = 0; i < s->conf.n; i++) {
		page_free(s->outcomes[i].page);
		buf_free(&s->outcomes[i].ladder);
	}
	free(s->outcomes);
	free(s->jobs);
	int err = evidence_close(s->evidence, &s->totals, s->conf.keep_rigs);
	if (err) {
		fprintf(stderr, "imsrig: the evidence is not complete: %s\n",
			strerror(-err));
		verdict_worsen(&s->worst, VERDICT_ERROR);
	}
	if (fflush(stdout) || ferror(stdout)) {
		fputs("imsrig: what was printed did not all arrive\n", stderr);
		verdict_worsen(&s->worst, VERDICT_ERROR);
	}
	return s->script_fault ? EXIT_USAGE : verdict_exit(s->worst);
}

int session_run(const struct session_conf *conf)
{
	struct session s = {.conf = *conf, .worst = VERDICT_NONE};
	char why[256];

	if (evidence_open(conf->out, conf->seed, &s.evidence, why)) {
		fprintf(stderr, "imsrig: %s\n", why);
		return verdict_exit(VERDICT_ERROR);
	}
	char *bin = catalog_bin();
	int code = run_jobs(&s, bin);
	free(bin);
	return code;
}
