/* Tests of a Cx node: libfdcore as a client in this process, and as a server in a child,
 * over loopback. The bridge between libfdcore's threads and the loop is what tsan watches.
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <freeDiameter/freeDiameter-host.h>
#include <freeDiameter/libfdproto.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/metric.h"
#include "common/cx/octets.h"
#include "tests/unit/gate_rule.h"

#define HSS   "hss.ims.example.org"
#define ICSCF "icscf.ims.example.org"

static struct addr address(const char *text)
{
	struct addr a;
	assert_int_equal(addr_parse(str_of(text), 3868, &a), 0);
	return a;
}

static int64_t metric(const char *name)
{
	for (struct metric *m = metric_first(); m; m = m->next)
		if (!strcmp(m->name, name))
			return m->value;
	fail_msg("no metric %s", name);
	return 0;
}

static void open_host(struct host *h, const char *name)
{
	*h = (struct host){.name = name, .loop = malloc(sizeof(uv_loop_t))};
	uv_loop_init(h->loop);
	h->clock = clock_new(h->loop);
	h->gate = gate_new(h->clock);
	chance_init(&h->chance, 1, name);
}

static void close_host(struct host *h)
{
	gate_free(h->gate);
	clock_free(h->clock);
	trace_free(h->trace);
	uv_run(h->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(h->loop), 0);
	free(h->loop);
}

/* ---- the server, a child ---- */

static struct cx *server;
static int in_batch, batches;

static void on_request(struct cx_req *req, const struct cx_msg *m, void *arg)
{
	struct cx_msg a = {.result = CX_EXPERIMENTAL(CX_SUBSEQUENT_REGISTRATION)};
	if (in_batch != 1)
		a.result = CX_RESULT(DIAMETER_UNABLE_TO_COMPLY);
	if (str_starts(m->user_name, STR("silent")))
		return; /* never answered; the test ends this process */
	if (str_starts(m->user_name, STR("bad"))) {
		a.result = CX_RESULT(DIAMETER_SUCCESS);
		a.server_name = STR("\x01"); /* text that the client refuses */
	}
	if (str_starts(m->user_name, STR("first")))
		a.result = CX_EXPERIMENTAL(CX_FIRST_REGISTRATION);
	a.server_name = a.server_name.p ? a.server_name : m->public_identity[0];
	cx_answer(req, &a);
}

static void on_batch_begin(void *arg)
{
	in_batch++;
	batches++;
}

static void on_batch_end(void *arg)
{
	in_batch--;
}

static void on_term(uv_signal_t *s, int signum)
{
	uv_close((uv_handle_t *)s, NULL);
	cx_stop(server);
}

static void serve(int ready)
{
	static const struct cx_h h = {.request = on_request, .batch_begin = on_batch_begin,
		.batch_end = on_batch_end};
	static struct host host;
	char why[256];
	uv_signal_t term;
	struct cx_peer peer = {ICSCF, address("127.33.3.13")};
	struct cx_conf conf = {.identity = HSS, .realm = "ims.example.org", .server = true,
		.listen = address("127.33.3.16:3868"), .peers = &peer, .n_peers = 1};

	open_host(&host, "hss");
	if (cx_start(&host, &conf, &h, NULL, &server, why)) {
		fprintf(stderr, "%s\n", why);
		_exit(1);
	}
	uv_signal_init(host.loop, &term);
	uv_signal_start(&term, on_term, SIGTERM);
	if (write(ready, "r", 1) != 1)
		_exit(1);
	uv_run(host.loop, UV_RUN_DEFAULT);
	close_host(&host);
	_exit(0);
}

static pid_t spawn_server(void)
{
	int pipes[2];
	char c, fd[12];
	assert_int_equal(pipe(pipes), 0);
	snprintf(fd, sizeof fd, "%d", pipes[1]);
	pid_t pid = fork();
	if (pid == 0) { /* libfdcore starts once in a program */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl("/proc/self/exe", "cx_node", "serve", fd, NULL);
		_exit(127);
	}
	close(pipes[1]);
	assert_int_equal(read(pipes[0], &c, 1), 1);
	close(pipes[0]);
	return pid;
}

/* ---- the client ---- */

static struct host host;
static struct cx *client;
static pid_t child;
static bool up;
static int downs;

struct seen {
	enum trace_dir dir;
	char what[24];
	struct addr local, remote;
};
static struct seen seen[4096];
static size_t n_seen;

static void on_trace(const struct trace_msg *m, void *arg)
{
	struct buf b = {0};
	if (n_seen == sizeof seen / sizeof *seen)
		return;
	struct seen *s = &seen[n_seen++];
	*s = (struct seen){.dir = m->dir, .local = m->local, .remote = m->remote};
	assert_int_equal(m->proto, TRACE_DIAMETER);
	assert_true(m->at_ns > 0);
	str_copy(cx_what(m->bytes, &b), s->what, sizeof s->what);
	buf_free(&b);
}

static void on_peer(struct str peer, bool is_up, void *arg)
{
	assert_true(str_eq(peer, STR(HSS)));
	up = is_up;
	downs += !is_up;
}

static bool until(const bool *flag, int ms)
{
	uint64_t end = clock_real_ns() + (uint64_t)ms * 1000000;
	while (!*flag && clock_real_ns() < end) {
		uv_run(host.loop, UV_RUN_NOWAIT);
		usleep(500);
	}
	return *flag;
}

static void run(int ms)
{
	static const bool never = false;
	until(&never, ms);
}

static int setup_all(void **state)
{
	static const struct cx_h h = {.peer = on_peer};
	struct cx_peer peer = {HSS, address("127.33.3.16:3868")};
	struct cx_conf conf = {.identity = ICSCF, .realm = "ims.example.org",
		.local = address("127.33.3.13"), .peers = &peer, .n_peers = 1};
	char why[256];
	log_setup(&(struct log_conf){.level = LOG_ERROR, .node = "icscf"});
	child = spawn_server();
	open_host(&host, "icscf");
	host.trace = trace_sink(host.clock, "icscf", on_trace, NULL);
	assert_int_equal(cx_start(&host, &conf, &h, NULL, &client, why), 0);
	assert_true(until(&up, 5000));
	return 0;
}

static int end_child(void)
{
	int status;
	kill(child, SIGTERM);
	assert_int_equal(waitpid(child, &status, 0), child);
	child = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int teardown_all(void **state)
{
	assert_non_null(client);
	cx_stop(client);
	assert_false(cx_peer_up(client, STR_NONE));
	run(10);
	close_host(&host);
	if (child)
		assert_int_equal(end_child(), 0);
	return 0;
}

/* ---- asking ---- */

struct ask {
	bool done;
	int err, calls;
	struct cx_result result;
	char server_name[64];
};

static void on_answer(int err, const struct cx_msg *m, void *arg)
{
	struct ask *a = arg;
	a->done = true;
	a->calls++;
	a->err = err;
	if (m) {
		a->result = m->result;
		str_copy(m->server_name, a->server_name, sizeof a->server_name);
	}
}

static int send_uar(const char *user, struct ask *a)
{
	struct cx_msg m = {.command = CX_UA, .user_name = str_of(user),
		.public_identity = {STR("sip:alice@ims.example.org")}, .n_public_identity = 1,
		.visited_network = STR("ims.example.org")};
	*a = (struct ask){0};
	int err = cx_send(client, &m, on_answer, a);
	assert_false(a->done);
	return err;
}

static void ask(const char *user, struct ask *a)
{
	assert_int_equal(send_uar(user, a), 0);
	assert_true(until(&a->done, 5000));
}

static void advance(int64_t ms)
{
	assert_int_equal(clock_set_offset(host.clock, clock_offset_ms(host.clock) + ms), 0);
}

static int no_rules(void **state)
{
	gate_reset(host.gate);
	return 0;
}

/* ---- tests ---- */

static void round_trip(void **state)
{
	struct ask a;
	ask("first@x", &a);
	assert_int_equal(a.err, 0);
	assert_true(a.result.experimental);
	assert_int_equal(a.result.code, CX_FIRST_REGISTRATION);
	assert_string_equal(a.server_name, "sip:alice@ims.example.org");
	assert_int_equal(cx_open(client), 0);
}

static void unreadable_answer(void **state)
{
	struct ask a;
	ask("bad@x", &a);
	assert_int_equal(a.err, -EBADMSG);
}

static void unknown_destination(void **state)
{
	struct ask a = {0};
	struct cx_msg m = {.command = CX_UA, .destination_host = STR("other.ims.example.org")};
	assert_int_equal(cx_send(client, &m, on_answer, &a), -EHOSTUNREACH);
	assert_true(cx_peer_up(client, STR_NONE));
	assert_true(cx_peer_up(client, STR("HSS.ims.example.org")));
	assert_false(cx_peer_up(client, STR("other.ims.example.org")));
	run(20);
	assert_false(a.done);
}

enum { MANY = 4000, AT_ONCE = 200 };
static int sent, got;
static bool all_done;

static void on_many(int err, const struct cx_msg *m, void *arg);

static void one_more(void)
{
	struct cx_msg m = {.command = CX_UA, .user_name = STR("many@x"),
		.public_identity = {STR("sip:alice@ims.example.org")}, .n_public_identity = 1,
		.visited_network = STR("ims.example.org")};
	if (sent < MANY && cx_send(client, &m, on_many, NULL) == 0)
		sent++;
}

static void on_many(int err, const struct cx_msg *m, void *arg)
{
	assert_int_equal(err, 0);
	assert_int_equal(m->result.code, CX_SUBSEQUENT_REGISTRATION);
	all_done = ++got == MANY;
	one_more();
}

static void many_at_once(void **state)
{
	int64_t wakes = metric("imsrig_cx_wakes_total"), events = metric("imsrig_cx_events_total");
	for (int i = 0; i < AT_ONCE; i++)
		one_more();
	assert_int_equal(cx_open(client), AT_ONCE);
	assert_true(until(&all_done, 30000));
	assert_int_equal(cx_open(client), 0);
	/* the loop is not woken for each: the queue is emptied at each wake */
	assert_true(metric("imsrig_cx_wakes_total") - wakes <
		metric("imsrig_cx_events_total") - events);
}

static void timeout_on_the_rigs_clock(void **state)
{
	struct ask a;
	assert_int_equal(send_uar("silent@x", &a), 0);
	run(20);
	advance(9000);
	assert_false(a.done);
	assert_int_equal(cx_open(client), 1);
	advance(2000);
	assert_true(a.done);
	assert_int_equal(a.err, -ETIMEDOUT);
	assert_int_equal(cx_open(client), 0);
}

static void answer_dropped(void **state)
{
	struct ask a;
	gate_rule(host.gate, "{\"match\":{\"dir\":\"received\",\"what\":\"Cx UAA\"},\"do\":\"drop\",\"times\":1}");
	assert_int_equal(send_uar("x@x", &a), 0);
	run(50);
	assert_false(a.done);
	advance(11000);
	assert_int_equal(a.err, -ETIMEDOUT);
	ask("x@x", &a);
	assert_int_equal(a.err, 0);
}

static void request_dropped(void **state)
{
	struct ask a;
	gate_rule(host.gate, "{\"match\":{\"dir\":\"sent\",\"what\":\"Cx UAR\",\"fields\":{\"User-Name\":\"x@x\"}},"
	     "\"do\":\"drop\"}");
	assert_int_equal(send_uar("x@x", &a), 0);
	run(50);
	advance(11000);
	assert_int_equal(a.err, -ETIMEDOUT);
	ask("y@x", &a);
	assert_int_equal(a.err, 0);
}

static void answer_changed(void **state)
{
	struct ask a;
	gate_rule(host.gate, "{\"match\":{\"dir\":\"received\",\"what\":\"Cx UAA\"},\"do\":\"set\","
	     "\"set\":{\"Result-Code\":5012}}");
	ask("x@x", &a);
	assert_int_equal(a.err, 0);
	assert_false(a.result.experimental);
	assert_int_equal(a.result.code, DIAMETER_UNABLE_TO_COMPLY);
	gate_reset(host.gate);
	gate_rule(host.gate, "{\"match\":{\"dir\":\"received\",\"what\":\"Cx UAA\"},\"do\":\"set\","
	     "\"set\":{\"Experimental-Result\":5004, \"Server-Name\":null}}");
	ask("x@x", &a);
	assert_true(a.result.experimental);
	assert_int_equal(a.result.code, CX_ROAMING_NOT_ALLOWED);
	assert_string_equal(a.server_name, "");
}

static void answer_twice(void **state)
{
	struct ask a;
	gate_rule(host.gate, "{\"match\":{\"dir\":\"received\",\"what\":\"Cx UAA\"},\"do\":\"duplicate\"}");
	ask("x@x", &a);
	run(20);
	assert_int_equal(a.calls, 1);
	gate_reset(host.gate);
	gate_rule(host.gate, "{\"match\":{\"dir\":\"sent\",\"what\":\"Cx UAR\"},\"do\":\"duplicate\"}");
	ask("x@x", &a);
	run(50);
	assert_int_equal(a.calls, 1);
}

static void answer_held(void **state)
{
	struct ask a;
	gate_rule(host.gate, "{\"match\":{\"dir\":\"received\",\"what\":\"Cx UAA\"},\"do\":\"hold\"}");
	assert_int_equal(send_uar("x@x", &a), 0);
	run(50);
	assert_false(a.done);
	assert_int_equal(gate_waiting(host.gate), 1);
	assert_int_equal(gate_release(host.gate), 1);
	assert_true(until(&a.done, 1000));
	assert_int_equal(a.err, 0);
	/* later than the timer: too late */
	assert_int_equal(send_uar("x@x", &a), 0);
	run(50);
	advance(11000);
	assert_int_equal(a.err, -ETIMEDOUT);
	gate_release(host.gate);
	run(20);
	assert_int_equal(a.calls, 1);
}

static size_t find_seen(size_t from, enum trace_dir dir, const char *what)
{
	for (size_t i = from; i < n_seen; i++)
		if (seen[i].dir == dir && !strcmp(seen[i].what, what)) {
			assert_int_equal(addr_host_eq(&seen[i].local, &(struct addr){.in =
				address("127.33.3.13").in}), 1);
			assert_true(addr_eq(&seen[i].remote, &(struct addr){.in =
				address("127.33.3.16:3868").in}));
			return i + 1;
		}
	fail_msg("no %s", what);
	return 0;
}

static void everything_is_traced(void **state)
{
	struct ask a;
	size_t at = find_seen(0, TRACE_SENT, "Cx CER");
	at = find_seen(at, TRACE_RECEIVED, "Cx CEA");
	n_seen = 0;
	ask("x@x", &a);
	run(20);
	at = find_seen(0, TRACE_SENT, "Cx UAR");
	find_seen(at, TRACE_RECEIVED, "Cx UAA");
}

/* The server goes and comes back. */
static void link_lost(void **state)
{
	struct ask a;
	assert_int_equal(send_uar("silent@x", &a), 0);
	run(50);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	child = 0;
	assert_true(until(&a.done, 5000));
	assert_int_equal(a.err, -EHOSTUNREACH);
	for (int i = 0; up && i < 100; i++)
		run(20);
	assert_false(up);
	assert_int_equal(downs, 1);
	assert_int_equal(send_uar("x@x", &a), -EHOSTUNREACH);
	child = spawn_server();
	assert_true(until(&up, 10000));
	ask("first@x", &a);
	assert_int_equal(a.err, 0);
	assert_int_equal(a.result.code, CX_FIRST_REGISTRATION);
}

/* ---- the end of a queue of libfdproto's ---- */

static void *wait_at(void *queue)
{
	void *item = NULL;
	fd_fifo_get((struct fifo *)queue, &item);
	return item;
}

static void on_busy(int number)
{
	struct timespec t = {.tv_nsec = 200 * 1000 * 1000};
	nanosleep(&t, NULL);
}

/* The thread that waits there is kept from leaving, as on a machine with much to do. */
static void a_queue_ends_on_a_busy_machine(void **state)
{
	struct sigaction busy = {.sa_handler = on_busy};
	struct fifo *queue = NULL;
	pthread_t thread;

	sigaction(SIGUSR1, &busy, NULL);
	assert_int_equal(fd_fifo_new(&queue, 5), 0);
	assert_int_equal(pthread_create(&thread, NULL, wait_at, queue), 0);
	usleep(50000); /* it waits by then; else there is nothing to see, and nothing fails */
	pthread_kill(thread, SIGUSR1);
	assert_int_equal(fd_fifo_del(&queue), 0);
	pthread_join(thread, NULL);
}

int main(int argc, char **argv)
{
	if (argc == 3)
		serve(atoi(argv[2]));
#define T(name) cmocka_unit_test_setup(name, no_rules)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_queue_ends_on_a_busy_machine),
		T(round_trip), T(unreadable_answer), T(unknown_destination), T(many_at_once),
		T(timeout_on_the_rigs_clock), T(answer_dropped), T(request_dropped),
		T(answer_changed), T(answer_twice), T(answer_held), T(everything_is_traced),
		T(link_lost),
	};
	return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
