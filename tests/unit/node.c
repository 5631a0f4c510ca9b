/* Tests of what makes a program one of ours, with a small element (node_sample.c) as a
 * process of its own: its arguments, its life, its admin socket, health and metrics.
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/base/addr.h"
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/node/admin_client.h"

extern char **environ;

enum { LIMIT_MS = 10000 };

struct fixture {
	char dir[64], conf[100], sock[100], log[100], notify[100];
	int notify_fd;
	pid_t pid;
};

/* ---- the process ---- */

static void write_conf(struct fixture *f, const char *more)
{
	FILE *o = fopen(f->conf, "w");
	fprintf(o, "greeting: hello\nnode:\n  name: sample\n  run-dir: %s/run\n%s", f->dir, more);
	fclose(o);
}

static int bind_notify(struct fixture *f, const char *name)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	size_t n = strlen(name);
	memcpy(a.sun_path, name, n);
	if (*name == '@')
		a.sun_path[0] = 0;
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a,
				 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)), 0);
	return fd;
}

static int setup(void **state)
{
	struct fixture *f = MEM_NEW(struct fixture);
	strcpy(f->dir, "/tmp/imsrig-node-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->conf, sizeof f->conf, "%s/s.yaml", f->dir);
	snprintf(f->sock, sizeof f->sock, "%s/run/sample.sock", f->dir);
	snprintf(f->log, sizeof f->log, "%s/log", f->dir);
	snprintf(f->notify, sizeof f->notify, "%s/notify", f->dir);
	f->notify_fd = bind_notify(f, f->notify);
	write_conf(f, "");
	*state = f;
	return 0;
}

/* Starts the sample with arguments; its stdout and stderr go to the log. */
static void launch(struct fixture *f, const char *a, const char *b, const char *c)
{
	posix_spawn_file_actions_t files;
	char var[140];
	char *argv[] = {"sample", (char *)a, (char *)b, (char *)c, NULL};

	snprintf(var, sizeof var, "%s", f->notify);
	setenv("NOTIFY_SOCKET", var, 1);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, 1, f->log, O_CREAT | O_TRUNC | O_WRONLY, 0600);
	posix_spawn_file_actions_adddup2(&files, 1, 2);
	assert_int_equal(posix_spawn(&f->pid, BIN_DIR "/node_sample", &files, NULL, argv, environ), 0);
	posix_spawn_file_actions_destroy(&files);
	unsetenv("NOTIFY_SOCKET");
}

static void show_log(const struct fixture *f)
{
	char line[1000];
	FILE *i = fopen(f->log, "r");
	while (i && fgets(line, sizeof line, i))
		fputs(line, stderr);
	if (i)
		fclose(i);
}

/* Its exit code; -1 when it did not end in time (it is ended then). */
static int reap(struct fixture *f)
{
	uint64_t until = clock_real_ns() + LIMIT_MS * 1000000ull;
	int status;
	while (waitpid(f->pid, &status, WNOHANG) == 0) {
		if (clock_real_ns() > until) {
			kill(f->pid, SIGKILL);
			waitpid(f->pid, &status, 0);
			f->pid = 0;
			return -1;
		}
		usleep(2000);
	}
	f->pid = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void notified(struct fixture *f, int fd, const char *want)
{
	char text[300];
	struct pollfd p = {.fd = fd, .events = POLLIN};
	if (poll(&p, 1, LIMIT_MS) != 1) {
		show_log(f);
		fail_msg("no notification, expected %s", want);
	}
	ssize_t n = recv(fd, text, sizeof text - 1, 0);
	text[n > 0 ? n : 0] = 0;
	assert_string_equal(text, want);
}

static void begin(struct fixture *f)
{
	launch(f, "--config", f->conf, NULL);
	notified(f, f->notify_fd, "READY=1\nSTATUS=ready");
}

static void end(struct fixture *f)
{
	kill(f->pid, SIGTERM);
	notified(f, f->notify_fd, "STOPPING=1");
	int code = reap(f);
	if (code)
		show_log(f);
	assert_int_equal(code, 0);
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char command[100];
	if (f->pid) {
		kill(f->pid, SIGTERM);
		reap(f);
	}
	close(f->notify_fd);
	snprintf(command, sizeof command, "rm -rf %s", f->dir);
	free(f);
	return system(command);
}

/* Does a line of its output have that text? */
static bool said(const struct fixture *f, const char *text)
{
	char all[20000];
	FILE *i = fopen(f->log, "r");
	size_t n = i ? fread(all, 1, sizeof all - 1, i) : 0;
	if (i)
		fclose(i);
	all[n] = 0;
	return strstr(all, text) != NULL;
}

#define assert_said(f, text)                                                               \
	do {                                                                               \
		if (!said(f, text)) {                                                      \
			show_log(f);                                                       \
			fail_msg("it did not say: %s", text);                              \
		}                                                                          \
	} while (0)

/* ---- asking ---- */

static json_t *ask(struct fixture *f, const char *command)
{
	char why[256] = "";
	json_t *answer = NULL, *j = json_loads(command, 0, NULL);
	assert_non_null(j);
	if (admin_once(f->sock, j, LIMIT_MS, &answer, why)) {
		show_log(f);
		fail_msg("%s: %s", command, why);
	}
	json_decref(j);
	return answer;
}

/* The answer's JSON with sorted keys. */
static void expect(struct fixture *f, const char *command, const char *want)
{
	json_t *answer = ask(f, command);
	char *text = json_dumps(answer, JSON_SORT_KEYS | JSON_COMPACT);
	assert_string_equal(text, want);
	free(text);
	json_decref(answer);
}

static int64_t number(struct fixture *f, const char *path)
{
	char names[100], *save, *part;
	json_t *answer = ask(f, "{\"cmd\":\"status\"}"), *at = answer;
	snprintf(names, sizeof names, "%s", path);
	for (part = strtok_r(names, "/", &save); part; part = strtok_r(NULL, "/", &save))
		at = json_object_get(at, part);
	assert_true(json_is_integer(at));
	int64_t n = json_integer_value(at);
	json_decref(answer);
	return n;
}

static int connect_raw(const struct fixture *f)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	strcpy(to.sun_path, f->sock);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
	return fd;
}

/* For an element that isn't ready, and so doesn't say so. */
static void await_socket(const struct fixture *f)
{
	uint64_t until = clock_real_ns() + LIMIT_MS * 1000000ull;
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	strcpy(to.sun_path, f->sock);
	for (;;) {
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);
		int err = connect(fd, (struct sockaddr *)&to, sizeof to);
		close(fd);
		if (!err)
			return;
		assert_true(clock_real_ns() < until);
		usleep(1000);
	}
}

/* One line; "" at the end of the connection. */
static const char *read_line(int fd, struct buf *in)
{
	static char line[4096];
	char *nl;
	while (!in->n || !(nl = memchr(in->p, '\n', in->n))) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		assert_int_equal(poll(&p, 1, LIMIT_MS), 1);
		buf_reserve(in, 4096);
		ssize_t n = read(fd, in->p + in->n, 4096);
		if (n <= 0)
			return "";
		in->n += (size_t)n;
	}
	size_t n = (size_t)(nl - in->p);
	assert_true(n < sizeof line);
	memcpy(line, in->p, n);
	line[n] = 0;
	buf_drop(in, n + 1);
	return line;
}

static void put(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* ---- arguments and configuration ---- */

static void test_arguments(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *a, *b, *c;
		int code;
		const char *says;
	} rows[] = {
		{"--help", NULL, NULL, 0, "sample: an element for tests"},
		{"--version", NULL, NULL, 0, "sample 0."},
		{NULL, NULL, NULL, 4, "sample: --config is missing; sample --help says more"},
		{"--config", NULL, NULL, 4, "sample: --config takes a file"},
		{"--colour", NULL, NULL, 4, "sample: there is an option that is not known"},
		{"--config", "x", "y", 4, "sample: there is an argument too many"},
		{"--config", "/nowhere.yaml", NULL, 4,
			"sample: /nowhere.yaml: can't be read: No such file or directory"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		launch(f, rows[i].a, rows[i].b, rows[i].c);
		assert_int_equal(reap(f), rows[i].code);
		assert_said(f, rows[i].says);
	}
	launch(f, "--check", "--config", f->conf);
	assert_int_equal(reap(f), 0);
	assert_said(f, "s.yaml: good");
}

static void test_bad_conf(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *yaml, *says;
	} rows[] = {
		{"greeting: hello\n", "s.yaml:1:1: key \"node\" is missing"},
		{"node: {name: x, run-dir: /tmp}\n", "s.yaml:1:1: key \"greeting\" is missing"},
		{"greeting: a\nnode: {name: x, run-dir: /tmp, seeed: 3}\n",
			"s.yaml:2:32: key \"seeed\" is not known here (did you mean \"seed\"?)"},
		{"greeting: a\nnode: {name: x, run-dir: /tmp, log: {level: loud}}\n",
			"s.yaml:2:45: key \"level\": expected debug, info, warn or error, found \"loud\""},
		{"greeting: rude\nnode: {name: x, run-dir: /tmp}\n", "s.yaml: the greeting is rude"},
		{"greeting: a\nnode: {name: ../x, run-dir: /tmp}\n", "s.yaml: node.name is a plain word"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		FILE *o = fopen(f->conf, "w");
		fputs(rows[i].yaml, o);
		fclose(o);
		launch(f, "--config", f->conf, i % 2 ? "--check" : NULL);
		assert_int_equal(reap(f), 4);
		assert_said(f, rows[i].says);
	}
}

static void test_no_start(void **state)
{
	static const struct {
		const char *more, *says;
	} rows[] = {
		{"no-start: yes\n", "node: can't listen on 127.34.0.2:5060: address already in use"},
		{"  trace: sctp:1.2.3.4\n", "node: trace sctp:1.2.3.4: invalid argument"},
		{"  metrics: 203.0.113.1:1\n", "node: metrics on 203.0.113.1:1: "},
	};
	struct fixture *f = *state;
	char dir[200];

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		write_conf(f, rows[i].more);
		launch(f, "--config", f->conf, NULL);
		int code = reap(f);
		if (code != 1)
			show_log(f);
		assert_int_equal(code, 1);
		assert_said(f, rows[i].says);
	}
	snprintf(dir, sizeof dir, "greeting: x\nnode: {name: sample, run-dir: %s/a/b}\n", f->dir);
	FILE *o = fopen(f->conf, "w");
	fputs(dir, o);
	fclose(o);
	launch(f, "--config", f->conf, NULL);
	assert_int_equal(reap(f), 1);
	assert_said(f, "/a/b: No such file or directory");
}

/* ---- life ---- */

static void test_life(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	begin(f);
	assert_int_equal(stat(f->sock, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	end(f);
	assert_int_equal(stat(f->sock, &st), -1);
	assert_said(f, "info  sample node: ready");
	assert_said(f, "info  sample node: SIGTERM");
	assert_said(f, "info  sample node: stopped");

	begin(f);
	kill(f->pid, SIGINT);
	notified(f, f->notify_fd, "STOPPING=1");
	assert_int_equal(reap(f), 0);
	/* killed: its socket stays, and the next one takes its place */
	begin(f);
	kill(f->pid, SIGKILL);
	reap(f);
	assert_int_equal(stat(f->sock, &st), 0);
	begin(f);
	/* while that one lives, no other can be it */
	struct fixture other = *f;
	snprintf(other.log, sizeof other.log, "%s/log2", f->dir);
	launch(&other, "--config", f->conf, NULL);
	assert_int_equal(reap(&other), 1);
	assert_said(&other, "another process answers there");
	notified(f, f->notify_fd, "STOPPING=1"); /* the other's */
	expect(f, "{\"cmd\":\"nothing\"}", "{\"ok\":false,\"why\":\"there is no command \\\"nothing\\\"\"}");
	end(f);
}

static void test_abstract_notify(void **state)
{
	struct fixture *f = *state;
	snprintf(f->notify, sizeof f->notify, "@imsrig-node-%d", (int)getpid());
	int fd = bind_notify(f, f->notify);

	write_conf(f, "not-ready: on\n");
	launch(f, "--config", f->conf, NULL);
	await_socket(f);
	json_t *status = ask(f, "{\"cmd\":\"status\",\"brief\":true}");
	assert_true(json_is_false(json_object_get(status, "ready")));
	assert_null(json_object_get(status, "gauges"));
	json_decref(status);
	expect(f, "{\"cmd\":\"ready\"}", "{\"ok\":true}");
	notified(f, fd, "STATUS=nearly there");
	notified(f, fd, "READY=1\nSTATUS=ready");
	kill(f->pid, SIGTERM);
	notified(f, fd, "STOPPING=1");
	assert_int_equal(reap(f), 0);
	close(fd);
}

static void test_fails_later(void **state)
{
	struct fixture *f = *state;
	begin(f);
	expect(f, "{\"cmd\":\"fail\"}", "{\"ok\":true}");
	assert_int_equal(reap(f), 1);
	assert_said(f, "error sample node: the database is locked");
}

static void test_hangs(void **state)
{
	struct fixture *f = *state;
	write_conf(f, "hangs: on\n");
	begin(f);
	uint64_t from = clock_real_ns();
	kill(f->pid, SIGTERM);
	int code = reap(f);
	assert_true(code >= 0);
	assert_in_range((clock_real_ns() - from) / 1000000, 1900, 8000);
	assert_said(f, "still open: a timer");
}

/* ---- commands ---- */

static void test_status(void **state)
{
	struct fixture *f = *state;

	write_conf(f, "open: 4\n");
	begin(f);
	json_t *s = ask(f, "{\"cmd\":\"status\"}");
	static const char *const keys[] = {"counters", "gauges", "idle", "last_warning",
		"next_offset_ms", "node", "now_ms", "offset_ms", "ok", "open", "ready", "traced",
		"waiting"};
	assert_int_equal(json_object_size(s), sizeof keys / sizeof *keys);
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		assert_non_null(json_object_get(s, keys[i]));
	assert_true(json_is_null(json_object_get(s, "next_offset_ms")));
	assert_true(json_is_true(json_object_get(s, "ready")));
	assert_string_equal(json_string_value(json_object_get(s, "node")), "sample");
	assert_true(json_integer_value(json_object_get(s, "now_ms")) > 1600000000000);
	json_decref(s);
	assert_int_equal(number(f, "open"), 4);
	assert_int_equal(number(f, "idle/sample_bindings"), 0);
	assert_int_equal(number(f, "counters/sample_delivered_total{what=\"message\"}"), 0);
	json_t *m = ask(f, "{\"cmd\":\"metrics\"}");
	assert_non_null(strstr(json_string_value(json_object_get(m, "text")),
		"# TYPE sample_delivered_total counter\n"));
	json_decref(m);
	expect(f, "{\"cmd\":\"log\",\"level\":\"debug\"}", "{\"ok\":true}");
	expect(f, "{\"cmd\":\"log\",\"level\":\"loud\"}",
		"{\"ok\":false,\"why\":\"\\\"level\\\" is one of debug, info, warn, error\"}");
	expect(f, "{\"cmd\":\"odd\"}", "{\"ok\":false,\"why\":\"\\\"odd\\\" gave no answer\"}");
	expect(f, "{\"cmd\":\"stop\"}", "{\"ok\":true}");
	assert_int_equal(reap(f), 0);
}

static void test_clock(void **state)
{
	struct fixture *f = *state;

	begin(f);
	expect(f, "{\"cmd\":\"timers\"}", "{\"ok\":true}");
	int64_t next = number(f, "next_offset_ms");
	assert_in_range(next, 50000, 60000);
	json_t *a = ask(f, "{\"cmd\":\"clock\",\"offset_ms\":1000}");
	assert_int_equal(json_integer_value(json_object_get(a, "offset_ms")), 1000);
	/* as real time goes on, less is missing */
	assert_in_range(json_integer_value(json_object_get(a, "next_offset_ms")) - next + 2000, 0,
		2000);
	json_decref(a);
	assert_int_equal(number(f, "gauges/sample_fired"), 0);
	int64_t before = number(f, "now_ms");
	a = ask(f, "{\"cmd\":\"clock\",\"offset_ms\":61000}");
	json_decref(a);
	assert_int_equal(number(f, "gauges/sample_fired"), 1);
	assert_in_range(number(f, "now_ms") - before, 60000, 70000);
	expect(f, "{\"cmd\":\"clock\",\"offset_ms\":60999}",
		"{\"ok\":false,\"why\":\"the clock only goes forward, its offset is 61000\"}");
	expect(f, "{\"cmd\":\"clock\"}",
		"{\"ok\":false,\"why\":\"\\\"clock\\\" takes \\\"offset_ms\\\", a number\"}");
	expect(f, "{\"cmd\":\"clock\",\"offset_ms\":125000}",
		"{\"next_offset_ms\":null,\"offset_ms\":125000,\"ok\":true}");
	assert_int_equal(number(f, "gauges/sample_fired"), 2);
	end(f);
}

static void test_faults(void **state)
{
	struct fixture *f = *state;

	begin(f);
	expect(f, "{\"cmd\":\"send\",\"text\":\"A\"}", "{\"last\":\"A\",\"ok\":true}");
	expect(f, "{\"cmd\":\"fault\"}", "{\"ok\":false,\"why\":\"\\\"fault\\\" takes \\\"rule\\\"\"}");
	expect(f, "{\"cmd\":\"fault\",\"rule\":{\"do\":\"x\"}}",
		"{\"ok\":false,\"why\":\"\\\"do\\\" of a fault rule is one of drop, hold, delay, "
		"duplicate, rewrite, replace, set\"}");
	expect(f, "{\"cmd\":\"fault\",\"rule\":{\"do\":\"hold\"}}", "{\"ok\":true}");
	for (int i = 0; i < 4; i++)
		expect(f, "{\"cmd\":\"send\",\"text\":\"B\"}", "{\"last\":\"A\",\"ok\":true}");
	assert_int_equal(number(f, "waiting"), 4);
	assert_int_equal(number(f, "open"), 4);
	json_t *held = ask(f, "{\"cmd\":\"held\"}");
	assert_int_equal(json_array_size(json_object_get(held, "held")), 4);
	json_decref(held);
	expect(f, "{\"cmd\":\"release\",\"id\":2,\"bytes_hex\":\"4343\"}", "{\"ok\":true,\"released\":1}");
	expect(f, "{\"cmd\":\"release\",\"id\":2}", "{\"ok\":false,\"why\":\"no message 2 is held\"}");
	expect(f, "{\"cmd\":\"release\",\"id\":3,\"bytes_hex\":\"4\"}",
		"{\"ok\":false,\"why\":\"\\\"bytes_hex\\\" takes pairs of hex digits\"}");
	expect(f, "{\"cmd\":\"send\",\"text\":\"D\"}", "{\"last\":\"CC\",\"ok\":true}");
	expect(f, "{\"cmd\":\"release\",\"id\":1,\"text\":\"E\"}", "{\"ok\":true,\"released\":1}");
	expect(f, "{\"cmd\":\"release\"}", "{\"ok\":true,\"released\":3}");
	expect(f, "{\"cmd\":\"unfault\"}", "{\"ok\":true}");
	expect(f, "{\"cmd\":\"send\",\"text\":\"F\"}", "{\"last\":\"F\",\"ok\":true}");
	assert_int_equal(number(f, "counters/sample_delivered_total{what=\"message\"}"), 7);
	assert_said(f, "fault: held B to none:0");
	/* held at the end, too */
	expect(f, "{\"cmd\":\"fault\",\"rule\":{\"do\":\"hold\"}}", "{\"ok\":true}");
	expect(f, "{\"cmd\":\"send\",\"text\":\"G\"}", "{\"last\":\"F\",\"ok\":true}");
	end(f);
}

static void test_reset(void **state)
{
	struct fixture *f = *state;
	json_t *first, *second;

	write_conf(f, "  seed: 42\n");
	begin(f);
	first = ask(f, "{\"cmd\":\"greet\"}");
	expect(f, "{\"cmd\":\"timers\"}", "{\"ok\":true}");
	expect(f, "{\"cmd\":\"send\",\"text\":\"A\"}", "{\"last\":\"A\",\"ok\":true}");
	expect(f, "{\"cmd\":\"fault\",\"rule\":{\"do\":\"hold\"}}", "{\"ok\":true}");
	expect(f, "{\"cmd\":\"send\",\"text\":\"B\"}", "{\"last\":\"A\",\"ok\":true}");
	assert_int_equal(number(f, "idle/sample_bindings"), 3);
	expect(f, "{\"cmd\":\"reset\"}", "{\"ok\":true}");
	assert_int_equal(number(f, "idle/sample_bindings"), 0);
	assert_int_equal(number(f, "waiting"), 0);
	assert_int_equal(number(f, "counters/sample_delivered_total{what=\"message\"}"), 0);
	second = ask(f, "{\"cmd\":\"greet\"}");
	assert_false(json_equal(first, second));
	json_decref(second);
	/* from the seed again */
	expect(f, "{\"cmd\":\"reset\",\"seed\":42}", "{\"ok\":true}");
	second = ask(f, "{\"cmd\":\"greet\"}");
	assert_true(json_equal(first, second));
	assert_string_equal(json_string_value(json_object_get(first, "greeting")), "hello");
	json_decref(first);
	json_decref(second);
	end(f);
}

/* Started again it draws other values, and each time the same others. */
static void test_start_anew(void **state)
{
	struct fixture *f = *state;
	json_t *first, *second[2];

	write_conf(f, "  seed: 42\n");
	begin(f);
	first = ask(f, "{\"cmd\":\"greet\"}");
	end(f);
	for (int i = 0; i < 2; i++) {
		launch(f, "--config", f->conf, "--start=2");
		notified(f, f->notify_fd, "READY=1\nSTATUS=ready");
		second[i] = ask(f, "{\"cmd\":\"greet\"}");
		end(f);
	}
	assert_false(json_equal(first, second[0]));
	assert_true(json_equal(second[0], second[1]));
	json_decref(first);
	json_decref(second[0]);
	json_decref(second[1]);
}

/* ---- the socket ---- */

static void test_lines(void **state)
{
	static const struct {
		const char *line, *answer;
	} rows[] = {
		{"nope\n", "{\"ok\":false,\"why\":\"no JSON: "},
		{"[]\n", "{\"ok\":false,\"why\":\"a command is an object with \\\"cmd\\\"\"}"},
		{"{}\n", "{\"ok\":false,\"why\":\"a command is an object with \\\"cmd\\\"\"}"},
		{"{\"cmd\":3}\n", "{\"ok\":false,\"why\":\"a command is an object with \\\"cmd\\\"\"}"},
		{"{\"cmd\":\"a\",\"cmd\":\"b\"}\n", "{\"ok\":false,\"why\":\"no JSON: duplicate"},
		{"{\"cmd\":\"\\u001b[31m\"}\n", "{\"ok\":false,\"why\":\"there is no command \\\".[31m\\\"\"}"},
		{"\"\xff\"\n", "{\"ok\":false,\"why\":\"no JSON: "},
		{"{\"cmd\":\"status\"} x\n", "{\"ok\":false,\"why\":\"no JSON: "},
		{"\n\r\n  {\"cmd\":\"unfault\"} \r\n", "{\"ok\":true}"},
	};
	struct fixture *f = *state;
	struct buf in = {0};

	begin(f);
	int fd = connect_raw(f);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		put(fd, rows[i].line);
		const char *got = read_line(fd, &in);
		if (strncmp(got, rows[i].answer, strlen(rows[i].answer)))
			fail_msg("%s: %s", rows[i].line, got);
	}
	/* whole, byte by byte, cut anywhere: the answers come in their order */
	static const char two[] = "{\"cmd\":\"unfault\"}\n{\"cmd\":\"release\"}\n";
	for (size_t cut = 0; cut <= sizeof two; cut++) {
		for (size_t i = 0; cut == sizeof two && i < sizeof two - 1; i++)
			put(fd, (char[2]){two[i], 0});
		if (cut < sizeof two) {
			char head[sizeof two] = "";
			memcpy(head, two, cut);
			put(fd, head);
			usleep(500);
			put(fd, two + cut);
		}
		assert_string_equal(read_line(fd, &in), "{\"ok\":true}");
		assert_string_equal(read_line(fd, &in), "{\"ok\":true,\"released\":0}");
	}
	close(fd);

	/* many at once */
	fd = connect_raw(f);
	struct buf many = {0};
	for (int i = 0; i < 500; i++)
		buf_fmt(&many, "{\"cmd\":\"c%d\"}\n", i);
	put(fd, buf_z(&many));
	for (int i = 0; i < 500; i++) {
		char want[80];
		snprintf(want, sizeof want, "{\"ok\":false,\"why\":\"there is no command \\\"c%d\\\"\"}", i);
		assert_string_equal(read_line(fd, &in), want);
	}
	/* and gone before the answers are there */
	put(fd, buf_z(&many));
	close(fd);
	buf_free(&many);

	/* a line without end */
	fd = connect_raw(f);
	char *endless = mem_alloc(65537);
	memset(endless, 'x', 65536);
	endless[65536] = 0;
	for (int i = 0; i < 40; i++)
		if (send(fd, endless, 65536, MSG_NOSIGNAL) < 0)
			break;
	in.n = 0;
	assert_string_equal(read_line(fd, &in), "");
	close(fd);
	free(endless);
	assert_said(f, "connection ended: a line of more than 1 MiB");

	/* a crowd */
	int crowd[70], alive = 0;
	for (int i = 0; i < 70; i++)
		crowd[i] = connect_raw(f);
	for (int i = 0; i < 70; i++)
		send(crowd[i], "{\"cmd\":\"unfault\"}\n", 18, MSG_NOSIGNAL);
	for (int i = 0; i < 70; i++) {
		in.n = 0;
		alive += !strcmp(read_line(crowd[i], &in), "{\"ok\":true}");
		close(crowd[i]);
	}
	assert_int_equal(alive, 64);
	buf_free(&in);
	end(f);
}

/* Who asks and does not read is not served on and on. */
static void test_no_reader(void **state)
{
	struct fixture *f = *state;
	static const char command[] = "{\"cmd\":\"metrics\"}\n";
	uint64_t until = clock_real_ns() + 1500000000;
	size_t sent = 0;

	begin(f);
	int fd = connect_raw(f);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	while (clock_real_ns() < until) {
		ssize_t n = send(fd, command, sizeof command - 1, MSG_NOSIGNAL);
		if (n > 0)
			sent += (size_t)n;
		else
			usleep(1000);
	}
	assert_true(sent < 8 << 20);
	expect(f, "{\"cmd\":\"unfault\"}", "{\"ok\":true}");
	close(fd);
	end(f);
}

/* ---- the client ---- */

struct asking {
	struct admin *admin;
	struct fixture *f;
	int opened, answers, cancelled, err;
	char order[200];
};

static void on_answer(int err, const json_t *answer, void *arg)
{
	struct asking *a = arg;
	if (err == -ECANCELED)
		a->cancelled++;
	else if (err)
		a->err = err;
	else
		strcat(a->order, json_is_true(json_object_get(answer, "ok")) ? "+" : "-");
	a->answers++;
}

static void on_last(int err, const json_t *answer, void *arg)
{
	struct asking *a = arg;
	on_answer(err, answer, arg);
	admin_close(a->admin);
}

static void ask_admin(struct asking *a, const char *command, admin_answer_h *h)
{
	json_t *j = json_loads(command, 0, NULL);
	admin_ask(a->admin, j, h, a);
	json_decref(j);
}

static void on_open(int err, struct admin *admin, void *arg)
{
	struct asking *a = arg;
	a->opened++;
	a->err = err;
	a->admin = admin;
	if (err)
		return;
	ask_admin(a, "{\"cmd\":\"status\"}", on_answer);
	ask_admin(a, "{\"cmd\":\"nothing\"}", on_answer);
	ask_admin(a, "{\"cmd\":\"metrics\"}", on_last);
	ask_admin(a, "{\"cmd\":\"status\"}", on_answer);
	assert_int_equal(a->answers, 0);
}

static void on_open_kill(int err, struct admin *admin, void *arg)
{
	struct asking *a = arg;
	assert_int_equal(err, 0);
	a->admin = admin;
	kill(a->f->pid, SIGKILL);
	reap(a->f);
	ask_admin(a, "{\"cmd\":\"status\"}", on_answer);
	ask_admin(a, "{\"cmd\":\"status\"}", on_last);
}

static void test_client(void **state)
{
	struct fixture *f = *state;
	struct asking a = {.f = f}, none = {.f = f}, killed = {.f = f};
	uv_loop_t loop;
	char why[256];
	json_t *j = json_pack("{s:s}", "cmd", "status"), *answer = NULL;

	assert_int_equal(admin_once(f->sock, j, 100, &answer, why), -ENOENT);
	assert_non_null(strstr(why, "No such file"));
	uv_loop_init(&loop);
	admin_open(&loop, f->sock, on_open, &none);
	assert_int_equal(none.opened, 0);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(none.opened, 1);
	assert_int_equal(none.err, -ENOENT);
	assert_null(none.admin);

	begin(f);
	admin_open(&loop, f->sock, on_open, &a);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_string_equal(a.order, "+-+");
	assert_int_equal(a.answers, 4);
	assert_int_equal(a.cancelled, 1);

	admin_open(&loop, f->sock, on_open_kill, &killed);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(killed.answers, 2);
	assert_true(killed.err < 0);
	assert_string_equal(killed.order, "");
	assert_int_equal(uv_loop_close(&loop), 0);

	assert_int_equal(admin_once(f->sock, j, 100, &answer, why), -ECONNREFUSED);
	json_decref(j);
	/* somebody who never answers */
	unlink(f->sock);
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	strcpy(at.sun_path, f->sock);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
	listen(fd, 1);
	j = json_pack("{s:s}", "cmd", "status");
	assert_int_equal(admin_once(f->sock, j, 50, &answer, why), -ETIMEDOUT);
	json_decref(j);
	close(fd);
}

/* ---- health and metrics ---- */

static void get(const char *path, char *out, size_t size)
{
	struct addr a;
	char req[200];
	ssize_t n = 0, k;
	addr_parse(STR("127.34.0.9:9100"), 0, &a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(fd, &a.sa, addr_len(&a)), 0);
	snprintf(req, sizeof req, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path);
	put(fd, req);
	while ((k = read(fd, out + n, size - 1 - (size_t)n)) > 0)
		n += k;
	out[n] = 0;
	close(fd);
}

static void test_health(void **state)
{
	struct fixture *f = *state;
	char out[20000];

	write_conf(f, "  metrics: 127.34.0.9:9100\nnot-ready: on\n");
	launch(f, "--config", f->conf, NULL);
	await_socket(f);
	expect(f, "{\"cmd\":\"unfault\"}", "{\"ok\":true}");
	get("/healthz", out, sizeof out);
	assert_non_null(strstr(out, "HTTP/1.1 503 "));
	expect(f, "{\"cmd\":\"ready\"}", "{\"ok\":true}");
	notified(f, f->notify_fd, "STATUS=nearly there");
	notified(f, f->notify_fd, "READY=1\nSTATUS=ready");
	get("/healthz", out, sizeof out);
	assert_non_null(strstr(out, "HTTP/1.1 200 "));
	assert_non_null(strstr(out, "\r\n\r\nready\n"));
	get("/metrics", out, sizeof out);
	assert_non_null(strstr(out, "text/plain; version=0.0.4"));
	assert_non_null(strstr(out, "\nsample_delivered_total{what=\"message\"} 0\n"));
	get("/other", out, sizeof out);
	assert_non_null(strstr(out, "HTTP/1.1 404 "));
	assert_int_equal(number(f, "traced"), 0); /* no part of a flow */
	end(f);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_arguments), TEST(test_bad_conf), TEST(test_no_start), TEST(test_life),
		TEST(test_abstract_notify), TEST(test_fails_later), TEST(test_hangs),
		TEST(test_status), TEST(test_clock), TEST(test_faults), TEST(test_reset), TEST(test_start_anew),
		TEST(test_lines), TEST(test_no_reader), TEST(test_client), TEST(test_health),
	};
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
