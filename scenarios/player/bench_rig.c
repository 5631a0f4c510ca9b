/* The rig under a bench: started, asked, provided with users.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "scenarios/player/bench.h"
#include "scenarios/player/catalog.h"
#include "scenarios/player/rig.h"

const char *const bench_registrars[] = {"hss", "scscf", "icscf", "epcscf", NULL};

/* For every rig of a bench: no tracing, no line an event, and no limit in the load's way. */
static const char *const everybody[][2] = {
	{"node.trace", "\"off\""}, {"node.log.level", "\"warn\""}};
static const struct bench_set raised[] = {
	{"epcscf", "limits.handshakes-per-second", "1000000"},
	{"epcscf", "limits.open-per-address", "1000000"},
	{"epcscf", "limits.open", "1000000"},
	{"epcscf", "limits.register-within", "\"1h\""},
	{"epcscf", "limits.registers-per-10s", "1000000"},
	{"epcscf", "limits.requests-per-second", "1000000"},
	{"scscf", "max-challenges", "1000000"},
};

/* ---- waiting ---- */

/* Something to wait for: its callback calls happened. */
struct event {
	uv_loop_t *loop;
	bool is;
};

static void happened(struct event *e)
{
	e->is = true;
	uv_stop(e->loop); /* else this turn would sleep before it returns */
}

static void await(const struct event *e)
{
	while (!e->is)
		uv_run(e->loop, UV_RUN_DEFAULT);
}

static void on_pause(uv_timer_t *t)
{
	happened(t->data);
}

static void on_pause_closed(uv_handle_t *h)
{
	happened(h->data);
}

void bench_pause(struct bench_rig *r, int ms)
{
	struct event over = {&r->loop, false}, closed = over;
	uv_timer_t t;
	uv_timer_init(&r->loop, &t);
	t.data = &over;
	uv_timer_start(&t, on_pause, (uint64_t)ms, 0);
	await(&over);
	t.data = &closed;
	uv_close((uv_handle_t *)&t, on_pause_closed);
	await(&closed);
}

/* ---- start and end ---- */

static int make_directory(char dir[PATH_MAX])
{
	time_t now = time(NULL);
	struct tm tm;
	char name[64], *here = realpath(".", NULL);

	localtime_r(&now, &tm);
	strftime(name, sizeof name, "bench-%Y%m%d-%H%M%S", &tm);
	snprintf(dir, PATH_MAX, "%s/runs", here);
	free(here);
	if (mkdir(dir, 0755) && errno != EEXIST)
		return -errno;
	size_t n = strlen(dir);
	for (int i = 0; i < 1000; i++) {
		snprintf(dir + n, PATH_MAX - n, "/%s-%d", name, i);
		if (!mkdir(dir, 0700))
			return 0;
		if (errno != EEXIST)
			return -errno;
	}
	return -EEXIST;
}

struct outcome {
	struct event event;
	int err;
	char why[256];
};

static void on_done(int err, const char *why, void *arg)
{
	struct outcome *o = arg;
	o->err = err;
	snprintf(o->why, sizeof o->why, "%s", why);
	happened(&o->event);
}

enum { MAX_SETTINGS = 64 };
struct settings {
	struct setting rows[MAX_SETTINGS];
	size_t n;
};

static void set(struct settings *s, const char *owner, const char *path, const char *json)
{
	if (s->n < MAX_SETTINGS)
		s->rows[s->n++] = (struct setting){.owner = owner, .path = path,
			.value = json_loads(json, JSON_DECODE_ANY, NULL)};
}

static bool among(const char *const *processes, const char *name)
{
	for (; *processes; processes++)
		if (!strcmp(*processes, name))
			return true;
	return false;
}

static void fill_settings(struct settings *s, const char *const *processes,
	const struct bench_set *sets, size_t n)
{
	for (size_t i = 0; processes[i]; i++)
		for (size_t k = 0; k < sizeof everybody / sizeof *everybody; k++)
			set(s, processes[i], everybody[k][0], everybody[k][1]);
	for (size_t i = 0; i < sizeof raised / sizeof *raised; i++)
		if (among(processes, raised[i].owner))
			set(s, raised[i].owner, raised[i].path, raised[i].json);
	for (size_t i = 0; i < n; i++)
		set(s, sets[i].owner, sets[i].path, sets[i].json);
}

int bench_rig_open(struct bench_rig *r, struct bench *b, const char *const *processes,
	const struct bench_set *sets, size_t n_sets)
{
	struct settings s = {.n = 0};
	struct variant v = {.id = "bench", .processes = processes, .settings = s.rows};
	struct outcome o = {.event = {&r->loop, false}};
	char *bin = catalog_bin();
	int err;

	*r = (struct bench_rig){.rig = NULL};
	uv_loop_init(&r->loop);
	if ((err = make_directory(r->dir))) {
		free(bin);
		return bench_fail(b, err, "cannot make a run directory: %s", strerror(-err));
	}
	if ((err = collector_open(&r->loop, 0, &r->collector))) {
		free(bin);
		return bench_fail(b, err, "no free network 127.R.0.x: %s", strerror(-err));
	}
	fill_settings(&s, processes, sets, n_sets);
	v.n_settings = s.n;
	while (processes[v.n_processes])
		v.n_processes++;
	struct rig_conf conf = {.loop = &r->loop, .collector = r->collector, .dir = r->dir,
		.bin_dir = bin};
	uint64_t start = clock_real_ns();
	err = rig_open(&conf, &v, on_done, &o, &r->rig);
	if (!err)
		await(&o.event);
	r->open_ms = (double)(clock_real_ns() - start) / 1e6;
	for (size_t i = 0; i < s.n; i++)
		json_decref(s.rows[i].value);
	free(bin);
	bench_text(b, "conditions", "tracing off, limits raised");
	return err || o.err ? bench_fail(b, err ? err : o.err, "%s", o.why) : 0;
}

void bench_rig_close(struct bench_rig *r)
{
	struct outcome o = {.event = {&r->loop, false}};

	if (r->rig) {
		rig_close(r->rig, on_done, &o);
		await(&o.event);
	}
	if (r->collector)
		collector_close(r->collector);
	uv_run(&r->loop, UV_RUN_DEFAULT);
	uv_loop_close(&r->loop);
}

/* ---- questions ---- */

struct asked {
	struct event event;
	int err;
	json_t *answer;
};

static void on_answer(int err, const json_t *answer, void *arg)
{
	struct asked *a = arg;
	a->err = err;
	a->answer = json_incref((json_t *)answer);
	happened(&a->event);
}

json_t *bench_ask(struct bench_rig *r, struct bench *b, const char *element, json_t *command)
{
	struct asked a = {.event = {&r->loop, false}};

	rig_admin(r->rig, element, command, on_answer, &a);
	await(&a.event);
	json_decref(command);
	if (!a.err && json_is_true(json_object_get(a.answer, "ok")))
		return a.answer;
	const char *why = json_string_value(json_object_get(a.answer, "why"));
	bench_fail(b, -EIO, "%s: %s", element, why ? why : strerror(-a.err));
	json_decref(a.answer);
	return NULL;
}

enum { LET_GO_MS = 40000 };

int bench_let_go(struct bench_rig *r, struct bench *b)
{
	json_t *answer = bench_ask(r, b, "hss", json_pack("{s:s}", "cmd", "status"));
	json_int_t offset = json_integer_value(json_object_get(answer, "offset_ms"));

	for (size_t i = 0; answer && bench_registrars[i]; i++) {
		json_decref(answer);
		answer = bench_ask(r, b, bench_registrars[i], json_pack("{s:s, s:I}", "cmd",
			"clock", "offset_ms", offset + LET_GO_MS));
	}
	json_decref(answer);
	return answer ? 0 : -EIO;
}

int bench_provide(struct bench_rig *r, struct bench *b, int64_t users)
{
	return bench_provide_who(r, b, &bench_subscribers, users);
}

int bench_provide_who(struct bench_rig *r, struct bench *b, const struct bench_who *who,
	int64_t users)
{
	uint64_t start = clock_real_ns();
	char range[40], k[40];

	snprintf(range, sizeof range, "%s%%06d", who->prefix);
	snprintf(k, sizeof k, "%s%%06d", who->k ? who->k : "");
	json_t *answer = bench_ask(r, b, "hss", json_pack("{s:s, s:s, s:I, s:s*, s:s*}", "cmd",
		"subscriber.add", "range", range, "count", (json_int_t)users, "k",
		who->k ? k : NULL, "opc", who->opc));
	if (!answer)
		return -EIO;
	json_decref(answer);
	bench_put(b, "users_provided", (double)users);
	bench_put(b, "users_provided_per_s",
		(double)users / ((double)(clock_real_ns() - start) / 1e9));
	return 0;
}

double bench_metric(struct bench_rig *r, struct bench *b, const char *element, const char *name)
{
	json_t *status = bench_ask(r, b, element, json_pack("{s:s}", "cmd", "status"));
	static const char *const kinds[] = {"gauges", "idle", "counters"};
	double value = 0;

	for (size_t i = 0; i < 3; i++) {
		const json_t *v = json_object_get(json_object_get(status, kinds[i]), name);
		if (v)
			value = json_number_value(v);
	}
	json_decref(status);
	return value;
}
