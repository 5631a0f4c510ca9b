/* `imsrig run` with a made-up acting half: verdicts, exit codes, what is printed and
 * left.
 *
 * The script's words steer the made-up half: an actor "sends WHAT FROM TO" puts a message
 * on the wire, "fails" can't act, "hangs" never ends, "crashes" ends a process.
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/base/buf.h"
#include "scenarios/player/run.h"
#include "scenarios/player/script.h"

/* ---- the acting half ---- */

struct rig {
	struct rig_conf conf;
	const char *refuses; /* process that ended at start */
	int begun, reset;
};

static int rigs_opened, rigs_open;

struct later {
	uv_timer_t timer;
	rig_done_h *h;
	rig_admin_h *admin;
	json_t *answer;
	void *arg;
	int err;
	char why[256];
};

static void on_later_closed(uv_handle_t *t)
{
	free(t->data);
}

static void on_later(uv_timer_t *t)
{
	struct later *l = t->data;
	if (l->h)
		l->h(l->err, l->why, l->arg);
	else
		l->admin(l->err, l->answer, l->arg);
	json_decref(l->answer);
	uv_close((uv_handle_t *)t, on_later_closed);
}

static struct later *later(
	struct rig *rig, int err, const char *why, rig_done_h *h, void *arg)
{
	struct later *l = MEM_NEW(struct later);
	l->h = h;
	l->arg = arg;
	l->err = err;
	snprintf(l->why, sizeof l->why, "%s", why);
	uv_timer_init(rig->conf.loop, &l->timer);
	l->timer.data = l;
	uv_timer_start(&l->timer, on_later, 0, 0);
	return l;
}

int actor_check_settings(
	const char *kind, const json_t *settings, const char **key, char why[256])
{
	return 0;
}

int actor_check_verb(const char *kind, const char *verb, const json_t *options,
	const char **key, char why[256])
{
	return 0;
}

const char *rig_part_of(const char *name)
{
	return strcmp(name, "avproxy") ? NULL : "hss";
}

bool rig_is_process(const char *name)
{
	return !strcmp(name, "hss") || !strcmp(name, "icscf") || !strcmp(name, "epcscf");
}

int rig_open(const struct rig_conf *conf, const struct variant *v, rig_done_h *h,
	void *arg, struct rig **out)
{
	struct rig *rig = MEM_NEW(struct rig);
	const char *start = "";
	rig->conf = *conf;
	for (size_t i = 0; i < v->n_settings; i++)
		if (!strcmp(v->settings[i].path, "start")) {
			start = json_string_value(v->settings[i].value);
			rig->refuses = v->settings[i].owner;
		}
	rigs_opened++;
	rigs_open++;
	*out = rig;
	if (!strcmp(start, "unsupported"))
		later(rig, -ENOTSUP, "there is no browser here", h, arg);
	else if (start[0])
		later(rig, -ECHILD, "hss did not start", h, arg);
	else
		later(rig, 0, "", h, arg);
	return 0;
}

const char *rig_failed(const struct rig *rig, int *exit_code, const char **line)
{
	*exit_code = 4;
	*line = "size must not be negative";
	return rig->refuses;
}

void rig_begin(struct rig *rig, const struct variant *v, rig_done_h *h, void *arg)
{
	rig->begun++;
	later(rig, 0, "", h, arg);
}

void rig_reset(struct rig *rig, rig_done_h *h, void *arg)
{
	rig->reset++;
	later(rig, 0, "", h, arg);
}

static void on_close(int err, const char *why, void *arg)
{
	struct later *l = arg;
	rigs_open--;
	l->h(0, "", l->arg);
	free(l);
}

void rig_close(struct rig *rig, rig_done_h *h, void *arg)
{
	struct later *l = MEM_NEW(struct later);
	l->h = h;
	l->arg = arg;
	later(rig, 0, "", on_close, l);
	free(rig);
}

static const char *const nodes[] = {"hss", "icscf", "epcscf", "alice"};

static struct addr address(const char *node)
{
	struct addr a;
	char text[16];
	int i = 0;
	while (strcmp(nodes[i], node))
		i++;
	snprintf(text, sizeof text, "127.9.0.%d", i + 10);
	addr_parse(str_of(text), 5060, &a);
	return a;
}

static void put_on_wire(
	struct rig *rig, const char *what, const char *from, const char *to)
{
	char bytes[400];
	static int number;
	bool response = what[0] >= '1' && what[0] <= '6';
	snprintf(bytes, sizeof bytes,
		"%s%s%s\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK%d\r\nTo: <sip:a@x>\r\n"
		"From: <sip:a@x>;tag=1\r\nCall-ID: c1\r\nCSeq: 1 %s\r\nContent-Length: "
		"0\r\n\r\n",
		response ? "SIP/2.0 " : "", what, response ? " Reason" : " sip:x SIP/2.0",
		++number, response ? "REGISTER" : what);
	for (int side = 0; side < 2; side++) {
		struct trace_msg m = {.proto = TRACE_SIP,
			.dir = side ? TRACE_RECEIVED : TRACE_SENT,
			.local = address(side ? to : from),
			.remote = address(side ? from : to),
			.node = str_of(side ? to : from),
			.bytes = str_of(bytes)};
		collector_sink(&m, rig->conf.collector);
	}
}

void action_run(struct rig *rig, const struct action *a, rig_done_h *h, void *arg)
{
	char what[32], from[32], to[32];
	if (a->kind != ACTION_ACTOR) {
		later(rig, -EIO, "the socket is gone", h, arg);
	} else if (sscanf(a->verb, "sends %31s %31s %31s", what, from, to) == 3) {
		put_on_wire(rig, what, from, to);
		later(rig, 0, "", h, arg);
	} else if (!strcmp(a->verb, "crashes")) {
		later(rig, 0, "", h, arg);
		rig->conf.died("hss", "assertion failed", rig->conf.arg);
	} else if (!strcmp(a->verb, "fails")) {
		later(rig, -ENOTCONN, "alice is not connected", h, arg);
	} else {
		later(rig, 0, "", h, arg);
	}
}

void rig_quiet(struct rig *rig, int limit_ms, rig_done_h *h, void *arg)
{
	later(rig, 0, "", h, arg);
}

void rig_still(struct rig *rig, int limit_ms, rig_done_h *h, void *arg)
{
	later(rig, 0, "", h, arg);
}

void rig_admin(struct rig *rig, const char *element, const json_t *command,
	rig_admin_h *h, void *arg)
{
	struct later *l = later(rig, 0, "", NULL, arg);
	l->admin = h;
	l->answer = json_pack(
		"{s:b, s:s, s:[{s:i}]}", "ok", 1, "state", "registered", "list", "n", 3);
}

const char *rig_name(const struct rig *rig, const struct addr *a)
{
	for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++) {
		struct addr own = address(nodes[i]);
		if (addr_host_eq(&own, a))
			return nodes[i];
	}
	return NULL;
}

bool rig_traced(const struct rig *rig, const char *name)
{
	return true;
}

const char *rig_reason(const struct rig *rig, const char *name)
{
	return strcmp(name, "epcscf") ? "" : "no token";
}

/* ---- running it ---- */

static char dir[] = "/tmp/imsrig-run-XXXXXX";
static struct buf said;

static char *in_dir(const char *name)
{
	static char path[8][128];
	static int at;
	at = (at + 1) % 8;
	snprintf(path[at], sizeof path[at], "%s/%s", dir, name);
	return path[at];
}

static void read_into(const char *path, struct buf *b)
{
	b->n = 0;
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	buf_reserve(b, 1 << 20);
	b->n = fread(b->p, 1, 1 << 20, f);
	fclose(f);
	buf_z(b);
}

static const char *script_file(const char *yaml)
{
	const char *path = in_dir("t.yaml");
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(yaml, f);
	fclose(f);
	return path;
}

/* Runs with these words behind "run"; stdout is in `said`. */
static int run(const char *yaml, ...)
{
	char *argv[20] = {"run"};
	int argc = 1, keep = dup(STDOUT_FILENO), keep_err = dup(STDERR_FILENO);
	va_list ap;

	va_start(ap, yaml);
	while ((argv[argc] = va_arg(ap, char *)))
		argc++;
	va_end(ap);
	if (yaml)
		argv[argc++] = (char *)script_file(yaml);
	argv[argc++] = "--out";
	argv[argc++] = in_dir("out");
	argv[argc] = NULL;
	fflush(stdout);
	int fd = open(in_dir("stdout"), O_CREAT | O_TRUNC | O_RDWR, 0600);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	int code = run_main(argc, argv);
	fflush(stdout);
	dup2(keep, STDOUT_FILENO);
	dup2(keep_err, STDERR_FILENO);
	close(keep);
	close(keep_err);
	close(fd);
	read_into(in_dir("stdout"), &said);
	assert_int_equal(rigs_open, 0);
	return code;
}

/* The n-th line of JSON that was printed. */
static json_t *line(int n)
{
	struct str rest = buf_str(&said), l = STR_NONE;
	for (int i = 0; i <= n; i++)
		l = str_cut(&rest, '\n');
	json_t *j = json_loadb(l.p, l.n, 0, NULL);
	if (!j)
		fail_msg("no line %d in:\n%s", n, buf_z(&said));
	return j;
}

static void is_result(int n, const char *variant, const char *verdict, const char *step,
	const char *why)
{
	json_t *j = line(n);
	assert_string_equal(json_string_value(json_object_get(j, "type")), "result");
	assert_string_equal(json_string_value(json_object_get(j, "scenario")), "t");
	assert_string_equal(json_string_value(json_object_get(j, "variant")), variant);
	assert_string_equal(json_string_value(json_object_get(j, "verdict")), verdict);
	assert_string_equal(json_string_value(json_object_get(j, "why")), why);
	assert_string_equal(json_string_value(json_object_get(j, "step")), step);
	assert_true(json_is_real(json_object_get(j, "seconds")));
	json_decref(j);
}

static void is_summary(int n, int pass, int fail, int inconc, int error, int notrun)
{
	json_t *j = line(n);
	assert_string_equal(json_string_value(json_object_get(j, "type")), "summary");
	assert_int_equal(json_integer_value(json_object_get(j, "pass")), pass);
	assert_int_equal(json_integer_value(json_object_get(j, "fail")), fail);
	assert_int_equal(json_integer_value(json_object_get(j, "inconc")), inconc);
	assert_int_equal(json_integer_value(json_object_get(j, "error")), error);
	assert_int_equal(json_integer_value(json_object_get(j, "notrun")), notrun);
	json_decref(j);
}

#define HEAD                                                                             \
	"id: t\ntitle: T\nrig: {processes: [hss, icscf, epcscf]}\n"                      \
	"actors: {alice: {kind: wic}}\nflow:\n"                                          \
	"  - step: 1\n    do: alice sends REGISTER alice epcscf\n"                       \
	"    expect: [\"alice -> epcscf: SIP REGISTER\"]\n"
#define VARIANTS "variants:\n"
#define GOOD                                                                             \
	"  - id: good\n    before-step: 1\n    expect: [\"alice -> epcscf: SIP "         \
	"REGISTER\"]\n"
#define DOES(id, what, expect)                                                           \
	"  - id: " id "\n    flow:\n      - step: s\n        do: [" what "]\n"           \
	"        expect: [" expect "]\n"

static void pass(void **state)
{
	struct stat st;
	int before = rigs_opened;

	assert_int_equal(run(HEAD VARIANTS GOOD, "--json", NULL), 0);
	is_result(0, "base", "pass", "", "");
	is_result(1, "good", "pass", "", "");
	is_summary(2, 2, 0, 0, 0, 0);
	assert_int_equal(rigs_opened - before, 1); /* they share it */
	assert_int_equal(stat(in_dir("out/trace.pcapng"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(stat(in_dir("out/rig-1"), &st), 0);
	struct buf text = {0};
	read_into(in_dir("out/ladder.txt"), &text);
	assert_non_null(strstr(text.p, "alice -> epcscf  SIP REGISTER sip:x"));
	read_into(in_dir("out/verdicts.json"), &text);
	json_t *j = json_loadb(text.p, text.n, 0, NULL);
	assert_non_null(j);
	assert_int_equal(json_array_size(json_object_get(j, "results")), 2);
	assert_true(json_integer_value(json_object_get(j, "seed")) > 0);
	json_t *second = json_array_get(json_object_get(j, "results"), 1);
	assert_int_equal(json_integer_value(json_object_get(second, "first_packet")), 2);
	assert_int_equal(json_integer_value(json_object_get(second, "last_packet")), 2);
	json_decref(j);
	buf_free(&text);
}

static void stops_at_the_first_that_fails(void **state)
{
	static const char yaml[] = HEAD VARIANTS DOES("bad",
		"alice sends 403 epcscf alice", "\"epcscf -> alice: SIP 200\"") GOOD;
	static const char why[] =
		"step s, epcscf: expected \"epcscf -> alice: SIP 200\", came "
		"\"epcscf -> alice: SIP 403\"; epcscf says: \"no token\"";

	assert_int_equal(run(yaml, "--json", NULL), 1);
	is_result(1, "bad", "fail", "s", why);
	is_summary(2, 1, 1, 0, 0, 1);
	assert_int_equal(run(yaml, "--json", "--keep-going", NULL), 1);
	is_result(2, "good", "pass", "", "");
	is_summary(3, 2, 1, 0, 0, 0);
	assert_int_equal(run(yaml, "--json", "--variant", "good", NULL), 0);
	is_summary(1, 1, 0, 0, 0, 0);
	assert_int_equal(run(yaml, "--json", "--variant", "b*", NULL), 1);
	assert_int_equal(run(yaml, NULL), 1);
	assert_non_null(strstr(buf_z(&said), why));
	assert_non_null(
		strstr(buf_z(&said), "1 pass, 1 fail, 0 inconc, 0 error, 1 notrun"));
}

static void the_worst_decides(void **state)
{
	static const char yaml[] = HEAD VARIANTS
		"  - {id: cant, set: {hss.start: unsupported}}\n" DOES("acts",
			"alice fails",
			"\"epcscf -> alice: SIP 200\"") "  - {id: broken, set: "
							"{hss.start: badly}}\n" DOES("adm"
										     "in",
								"{admin: {at: hss, cmd: "
								"x}}",
								"\"epcscf -> alice: SIP "
								"200\"") DOES("crash",
								"alice crashes",
								"\"epcscf -> alice: SIP "
								"200\"");

	assert_int_equal(run(yaml, "--json", "--variant", "cant", NULL), 2);
	is_result(0, "cant", "inconc", "", "there is no browser here");
	assert_int_equal(run(yaml, "--json", "--variant", "broken", NULL), 3);
	is_result(0, "broken", "error", "", "the rig did not start: hss did not start");
	assert_int_equal(run(yaml, "--json", "--keep-going", NULL), 3);
	is_result(2, "acts", "fail", "s",
		"step s, \"alice fails\": alice is not connected");
	is_result(4, "admin", "error", "s", "step s, \"hss: x\": the socket is gone");
	is_result(5, "crash", "inconc", "s",
		"step s: hss ended by itself; its last line: \"assertion failed\"");
	is_summary(6, 1, 1, 2, 2, 0);
}

static void a_refused_start(void **state)
{
	static const char yaml[] =
		HEAD VARIANTS "  - {id: right, set: {hss.start: x}, refused: {process: "
			      "hss, why: /negative/}}\n"
			      "  - {id: wrong-why, set: {hss.start: x}, refused: "
			      "{process: hss, why: /large/}}\n"
			      "  - {id: wrong-one, set: {icscf.start: x}, refused: "
			      "{process: hss, why: /n/}}\n"
			      "  - {id: starts, refused: {process: hss, why: /n/}}\n";

	assert_int_equal(run(yaml, "--json", "--keep-going", NULL), 1);
	is_result(1, "right", "pass", "", "");
	is_result(2, "wrong-why", "fail", "",
		"hss: expected to refuse its configuration with exit code 4 (/large/), "
		"hss ended "
		"with 4: \"size must not be negative\"");
	is_result(3, "wrong-one", "fail", "",
		"hss: expected to refuse its configuration with exit code 4 (/n/), icscf "
		"ended "
		"with 4: \"size must not be negative\"");
	is_result(4, "starts", "fail", "",
		"hss: expected to refuse its configuration (/n/), started");
}

static void checks(void **state)
{
	static const char head[] =
		"id: t\ntitle: T\nrig: {processes: [hss, icscf, epcscf]}\n"
		"actors: {alice: {kind: wic}}\nflow:\n"
		"  - step: 1\n    check: [{at: hss, cmd: state, is: {";
	struct buf b = {0};

	buf_fmt(&b,
		"%sstate: registered, list.0.n: 1..5, list.length: 1, other: absent}}]\n",
		head);
	assert_int_equal(run(buf_z(&b), "--json", NULL), 0);
	b.n = 0;
	buf_fmt(&b, "%sstate: not-registered}}]\n", head);
	assert_int_equal(run(buf_z(&b), "--json", NULL), 1);
	is_result(0, "base", "fail", "1",
		"step 1, hss: after it state is \"registered\", not not-registered");
	buf_free(&b);
}

static void usage_and_scripts(void **state)
{
	int before = rigs_opened;

	assert_int_equal(run(HEAD, "--no-such", NULL), 4);
	assert_int_equal(run(HEAD, "--seed", "x", NULL), 4);
	assert_int_equal(run(HEAD, "--variant", "none", NULL), 4);
	assert_non_null(
		strstr(buf_z(&said), "no script asked for has a variant \"none\""));
	assert_int_equal(run(NULL, "no-such-id", NULL), 4);
	assert_non_null(strstr(buf_z(&said), "there is no script \"no-such-id\""));
	assert_int_equal(run(NULL, "/no/such/file.yaml", NULL), 4);
	assert_int_equal(run(HEAD "    flip: 1\n", "--json", NULL), 4);
	assert_non_null(
		strstr(buf_z(&said), "t.yaml:9:5: key \"flip\" is not known in a step"));
	assert_int_equal(rigs_opened, before);
	assert_int_equal(run(HEAD, "--help", NULL), 0);
	assert_non_null(strstr(buf_z(&said), "--keep-going"));
}

/* What a former run's elements left behind is gone when the next begins. */
static void a_clean_directory(void **state)
{
	struct stat st;
	char command[300];

	snprintf(command, sizeof command, "mkdir -p %s && touch %s %s",
		in_dir("out/rig-7/sub"), in_dir("out/rig-7/sub/hss.db"),
		in_dir("out/rig-x"));
	assert_int_equal(system(command), 0);
	assert_int_equal(run(HEAD, NULL), 0);
	assert_int_equal(stat(in_dir("out/rig-1"), &st), 0);
	assert_int_not_equal(stat(in_dir("out/rig-7"), &st), 0);
	assert_int_equal(stat(in_dir("out/rig-x"), &st), 0); /* none of ours */
}

/* Two runs do not share a directory: the second would take the first one's rigs away. */
static void a_directory_in_use(void **state)
{
	struct stat st;
	assert_int_equal(run(HEAD, NULL), 0);
	int fd = open(in_dir("out"), O_RDONLY | O_DIRECTORY);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(run(HEAD, NULL), 3);
	assert_non_null(strstr(buf_z(&said), "another run is writing there"));
	assert_int_equal(stat(in_dir("out/verdicts.json"), &st), 0);
	assert_int_equal(stat(in_dir("out/rig-1"), &st), 0);
	close(fd);
	assert_int_equal(run(HEAD, NULL), 0);
}

/* The seed that is asked for is the seed that is kept. */
static void seed(void **state)
{
	struct buf text = {0};
	assert_int_equal(run(HEAD, "--seed", "42", NULL), 0);
	read_into(in_dir("out/verdicts.json"), &text);
	assert_non_null(strstr(text.p, "\"seed\": 42"));
	buf_free(&text);
}

/* Many rigs: there is a bound on how many stand at once. */
static void many_rigs(void **state)
{
	struct buf b = {0};
	buf_fmt(&b, "%smatrix: {hss.n: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]}\n", HEAD);
	assert_int_equal(run(buf_z(&b), "--json", NULL), 0);
	is_summary(13, 13, 0, 0, 0, 0);
	buf_free(&b);
}

/* ---- the run alone, for what takes time ---- */

struct alone {
	uv_loop_t loop;
	struct rig rig;
	struct result result;
	char why[512];
	bool dirty;
};

static void on_done(struct run *r, const struct result *result, bool dirty, void *arg)
{
	struct alone *a = arg;
	a->result = *result;
	snprintf(a->why, sizeof a->why, "%s", result->why);
	a->dirty = dirty;
	run_free(r);
	collector_close(a->rig.conf.collector);
}

static void silence(void **state)
{
	struct alone a = {.dirty = false};
	struct script *s;
	char why[512];

	uv_loop_init(&a.loop);
	assert_int_equal(
		script_load_text("t.yaml",
			STR(HEAD "  - step: 2\n    expect: [\"icscf -> hss: Cx UAR\"]\n"),
			"/", &s, why),
		0);
	assert_int_equal(collector_open(&a.loop, 237, &a.rig.conf.collector), 0);
	a.rig.conf.loop = &a.loop;
	struct run_conf conf = {.loop = &a.loop,
		.rig = &a.rig,
		.collector = a.rig.conf.collector,
		.silence_ms = 30};
	run_start(&conf, &s->variants[0], on_done, &a);
	uv_run(&a.loop, UV_RUN_DEFAULT);
	assert_int_equal(a.result.verdict, VERDICT_FAIL);
	assert_string_equal(a.why, "step 2, icscf: expected \"icscf -> hss: Cx UAR\", "
				   "nothing came for 0.03 s; epcscf "
				   "says: \"no token\"");
	assert_int_equal(a.result.messages, 1);
	assert_int_equal(a.rig.reset, 1);
	assert_false(a.dirty);
	assert_int_equal(uv_loop_close(&a.loop), 0);
	script_free(s);
}

static int begin(void **state)
{
	assert_non_null(mkdtemp(dir));
	return 0;
}

static int end(void **state)
{
	char command[64];
	buf_free(&said);
	snprintf(command, sizeof command, "rm -r %s", dir);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pass),
		cmocka_unit_test(stops_at_the_first_that_fails),
		cmocka_unit_test(the_worst_decides),
		cmocka_unit_test(a_refused_start),
		cmocka_unit_test(checks),
		cmocka_unit_test(usage_and_scripts),
		cmocka_unit_test(a_clean_directory),
		cmocka_unit_test(a_directory_in_use),
		cmocka_unit_test(seed),
		cmocka_unit_test(many_rigs),
		cmocka_unit_test(silence),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
