/* What a rig is made of: configurations from templates, and processes that are watched.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "scenarios/player/process.h"
#include "scenarios/player/rig_conf.h"

static char dir[64];

static const struct rig_var vars[] = {
	{"net", "127.35.0"}, {"name", "scscf"}, {"list", "[a, b]"}, {NULL, NULL}};

static const char *written(const char *name, const char *text)
{
	static char path[128];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	return path;
}

static void fills(void **state)
{
	struct buf out = {0};
	char why[256];

	assert_int_equal(
		rig_conf_fill(STR("a ${net}.1 $${x} ${list} $"), vars, &out, why), 0);
	assert_string_equal(buf_z(&out), "a 127.35.0.1 ${x} [a, b] $");
	assert_int_equal(rig_conf_fill(STR("${nett}"), vars, &out, why), -EINVAL);
	assert_non_null(strstr(why, "${nett}"));
	assert_int_equal(rig_conf_fill(STR("${net"), vars, &out, why), -EINVAL);
	buf_free(&out);
}

static const char template[] =
	"# kept\nname: ${name}\nsip: {listen: \"${net}.14:5060\"}\n"
	"peers:\n  - {addr: \"${net}.13\"}\nnames: ${list}\n";

static struct setting setting(const char *path, const char *json, int line)
{
	return (struct setting){.owner = "scscf",
		.path = path,
		.value = json_loads(json, JSON_DECODE_ANY, NULL),
		.pos = {"x.yaml", line, 3}};
}

static void builds(void **state)
{
	const char *path = written("t.yaml", template);
	struct setting s[] = {setting("sip.transport", "\"tcp\"", 1),
		setting("nonce-life", "\"2s\"", 2),
		setting("peers.1.addr", "\"${net}.99\"", 3),
		setting("peers.0", "{\"addr\": \"x\"}", 4),
		setting("nonce-life", "\"3s\"", 5)};
	struct buf out = {0};
	char why[256];
	json_t *j;

	/* Without settings the file is the template, comments and all. */
	assert_int_equal(rig_conf_build(path, vars, "icscf", s, 5, &out, why), 0);
	assert_non_null(strstr(buf_z(&out), "# kept\nname: scscf\n"));
	out.n = 0;
	assert_int_equal(rig_conf_build(path, vars, "scscf", s, 5, &out, why), 0);
	j = json_loadb(out.p, out.n, 0, NULL);
	assert_non_null(j);
	const char *listen, *transport, *life, *p0, *p1;
	assert_int_equal(json_unpack(j, "{s:{s:s,s:s},s:s,s:[{s:s},{s:s}]}", "sip",
				 "listen", &listen, "transport", &transport, "nonce-life",
				 &life, "peers", "addr", &p0, "addr", &p1),
		0);
	assert_string_equal(listen, "127.35.0.14:5060");
	assert_string_equal(transport, "tcp");
	assert_string_equal(life, "3s");
	assert_string_equal(p0, "x");
	assert_string_equal(p1, "127.35.0.99");
	json_decref(j);
	buf_free(&out);
	for (int i = 0; i < 5; i++)
		json_decref(s[i].value);
}

/* What an element takes for yes or no only without quotes has none, set or not. */
static void switches(void **state)
{
	const char *path = written("t.yaml",
		"one: on\ntwo: off\nlist: [yes, no, true]\ntext: \"a \\\"on\\\" b\\\\\"\n");
	struct setting s = setting("three", "\"on\"", 1);
	struct buf out = {0};
	char why[256];

	assert_int_equal(rig_conf_build(path, vars, "scscf", &s, 1, &out, why), 0);
	assert_string_equal(buf_z(&out),
		"{\n \"one\": on,\n \"two\": off,\n \"list\": [\n  yes,\n  no,\n  true\n ],\n"
		" \"text\": \"a \\\"on\\\" b\\\\\",\n \"three\": on\n}\n");
	json_decref(s.value);
	buf_free(&out);
}

static void refuses(void **state)
{
	const char *path = written("t.yaml", template);
	struct setting through = setting("name.x", "1", 7),
		       beyond = setting("peers.3.addr", "1", 8);
	struct buf out = {0};
	char why[256];

	assert_int_equal(
		rig_conf_build(path, vars, "scscf", &through, 1, &out, why), -EINVAL);
	assert_non_null(strstr(why, "x.yaml:7:3"));
	assert_int_equal(
		rig_conf_build(path, vars, "scscf", &beyond, 1, &out, why), -EINVAL);
	assert_non_null(strstr(why, "not that long"));
	assert_int_equal(
		rig_conf_build("/none", vars, "scscf", NULL, 0, &out, why), -ENOENT);
	json_decref(through.value);
	json_decref(beyond.value);
	buf_free(&out);
}

static void culprit(void **state)
{
	struct setting s[] = {
		setting("sip.t1", "1", 1), setting("sip.nonse-life", "1", 2)};
	const char *line = "scscf.yaml:4:2: key \"nonse-life\" is not known here";

	assert_ptr_equal(rig_conf_culprit(line, "scscf", s, 2), &s[1]);
	assert_null(rig_conf_culprit(line, "icscf", s, 2));
	json_decref(s[0].value);
	json_decref(s[1].value);
}

/* ---- processes ---- */

struct seen {
	int ready, ended, code;
	bool told;
	char how[32];
};

static void on_ready(struct process *p, void *arg)
{
	struct seen *s = arg;
	s->ready++;
}

static void on_ended(struct process *p, bool told, int code, const char *how, void *arg)
{
	struct seen *s = arg;
	s->ended++;
	s->told = told;
	s->code = code;
	snprintf(s->how, sizeof s->how, "%s", how);
}

static const struct process_h process_h = {on_ready, on_ended};

static struct process *run(uv_loop_t *loop, const char *script, struct seen *s)
{
	static char log[128];
	const char *argv[] = {"sh", "-c", script, NULL};
	struct process_conf conf = {.loop = loop,
		.name = "stand-in",
		.program = "/bin/sh",
		.argv = argv,
		.log = log,
		.dir = dir};
	struct process *p = NULL;
	char why[256] = "";

	snprintf(log, sizeof log, "%s/stand-in.log", dir);
	unlink(log);
	assert_int_equal(process_start(&conf, &process_h, s, &p, why), 0);
	return p;
}

static void died(void **state)
{
	uv_loop_t loop;
	struct seen s = {0};
	char log[128];

	uv_loop_init(&loop);
	run(&loop,
		"echo '2026-01-01T00:00:00.000Z warn  hss db: it burns' >&2; "
		"echo '2026-01-01T00:00:00.001Z info  hss node: bye' >&2; exit 3",
		&s);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(s.ended, 1);
	assert_int_equal(s.ready, 0);
	assert_int_equal(s.code, 3);
	assert_false(s.told);
	assert_string_equal(s.how, "exit 3");
	snprintf(log, sizeof log, "%s/stand-in.log", dir);
	assert_string_equal(process_log_line(log, 0, false), "node: bye");
	assert_string_equal(process_log_line(log, 0, true), "db: it burns");
	assert_string_equal(process_log_line(log, 60, true), "");
	assert_int_equal(uv_loop_close(&loop), 0);
}

static void stopped(void **state)
{
	uv_loop_t loop;
	struct seen s = {0};

	uv_loop_init(&loop);
	process_stop(run(&loop, "exec sleep 30", &s));
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_true(s.told);
	assert_string_equal(s.how, "signal 15");
	process_kill(run(&loop, "trap '' TERM; sleep 30", &s));
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_string_equal(s.how, "signal 9");
	assert_int_equal(s.ended, 2);
	assert_int_equal(uv_loop_close(&loop), 0);
}

/* What is written to stderr while `script`, which says "up", is stopped. */
static const char *said_at_stop(const char *script)
{
	static char text[512];
	uv_loop_t loop;
	struct seen s = {0};
	char path[128], log[128];
	struct stat st;

	snprintf(path, sizeof path, "%s/stderr", dir);
	snprintf(log, sizeof log, "%s/stand-in.log", dir);
	uv_loop_init(&loop);
	struct process *p = run(&loop, script, &s);
	while (stat(log, &st) || !st.st_size)
		usleep(1000);
	int keep = dup(STDERR_FILENO), fd = open(path, O_CREAT | O_TRUNC | O_RDWR, 0600);
	dup2(fd, STDERR_FILENO);
	process_stop(p);
	uv_run(&loop, UV_RUN_DEFAULT);
	dup2(keep, STDERR_FILENO);
	ssize_t n = pread(fd, text, sizeof text - 1, 0);
	text[n > 0 ? n : 0] = 0;
	close(fd);
	close(keep);
	assert_int_equal(uv_loop_close(&loop), 0);
	return text;
}

/* An end that was asked for, but not like this. */
static void stopped_badly(void **state)
{
	assert_non_null(strstr(said_at_stop("trap 'exit 23' TERM; echo up >&2; while :; do sleep 0.01; done"),
		"stand-in did not stop cleanly: exit 23"));
	assert_non_null(strstr(said_at_stop("trap 'kill -ABRT $$' TERM; echo up >&2; while :; do sleep 0.01; done"),
		"stand-in did not stop cleanly: signal 6"));
	assert_string_equal(said_at_stop("trap 'exit 0' TERM; echo up >&2; while :; do sleep 0.01; done"), "");
	assert_string_equal(said_at_stop("echo up >&2; exec sleep 30"), "");
}

/* Readiness as an element says it: a datagram to NOTIFY_SOCKET. */
static int say_ready(void)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	snprintf(un.sun_path, sizeof un.sun_path, "%s", getenv("NOTIFY_SOCKET"));
	if (sendto(fd, "STATUS=x\nREADY=1\n", 17, 0, (struct sockaddr *)&un, sizeof un) !=
		17)
		return 1;
	pause();
	return 0;
}

static void readiness(void **state)
{
	uv_loop_t loop;
	struct seen s = {0};
	struct process *p;
	char self[128], script[160];

	uv_loop_init(&loop);
	self[readlink("/proc/self/exe", self, sizeof self - 1)] = 0;
	snprintf(script, sizeof script, "exec %s say-ready", self);
	p = run(&loop, script, &s);
	while (!s.ready && !s.ended)
		uv_run(&loop, UV_RUN_ONCE);
	assert_int_equal(s.ready, 1);
	process_kill(p);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
}

static void no_program(void **state)
{
	uv_loop_t loop;
	const char *argv[] = {"none", NULL};
	struct process_conf conf = {.loop = &loop,
		.name = "x",
		.program = "/none/there",
		.argv = argv,
		.log = "/dev/null",
		.dir = dir};
	struct process *p = NULL;
	char why[256] = "";

	uv_loop_init(&loop);
	assert_int_equal(process_start(&conf, &process_h, NULL, &p, why), -ENOENT);
	assert_non_null(strstr(why, "/none/there"));
	assert_int_equal(uv_loop_close(&loop), 0);
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "say-ready"))
		return say_ready();
	const struct CMUnitTest tests[] = {cmocka_unit_test(fills),
		cmocka_unit_test(builds),
		cmocka_unit_test(switches), cmocka_unit_test(refuses),
		cmocka_unit_test(culprit), cmocka_unit_test(died),
		cmocka_unit_test(stopped), cmocka_unit_test(stopped_badly),
		cmocka_unit_test(readiness),
		cmocka_unit_test(no_program)};
	snprintf(dir, sizeof dir, "/tmp/imsrig-test-%d", (int)getpid());
	mkdir(dir, 0700);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	char command[128];
	snprintf(command, sizeof command, "rm -r %s", dir);
	return system(command) ? 1 : failed;
}
