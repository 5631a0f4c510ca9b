/* The collector: pairs of sent and received, halves, counts, and HEP from the wire.
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include <cmocka.h>

#include "scenarios/player/play.h"

enum { NETWORK = 236 };

struct world {
	uv_loop_t loop;
	struct collector *c;
	struct record *records[64];
	int fresh, paired;
};

const char *rig_part_of(const char *name)
{
	return strcmp(name, "avproxy") ? NULL : "hss";
}

static void on_record(struct record *r, bool paired, void *arg)
{
	struct world *w = arg;
	if (paired)
		w->paired++;
	else
		w->records[w->fresh++] = r;
}

static const char *name_of(const struct addr *a, void *arg)
{
	switch (ntohl(a->in.sin_addr.s_addr) & 0xff) {
	case 12:
		return "epcscf";
	case 101:
		return "alice";
	}
	return NULL;
}

static void begin(struct world *w)
{
	*w = (struct world){.fresh = 0};
	uv_loop_init(&w->loop);
	assert_int_equal(collector_open(&w->loop, NETWORK, &w->c), 0);
	collector_set(w->c, on_record, name_of, w);
}

static void end(struct world *w)
{
	collector_close(w->c);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&w->loop), 0);
}

static struct trace_msg message(bool sent, const char *bytes, uint64_t ns)
{
	struct trace_msg m = {.proto = TRACE_SIP,
		.dir = sent ? TRACE_SENT : TRACE_RECEIVED,
		.at_ns = ns,
		.node = sent ? STR("alice") : STR("epcscf"),
		.bytes = str_of(bytes)};
	addr_parse(STR("127.236.0.101:4000"), 0, sent ? &m.local : &m.remote);
	addr_parse(STR("127.236.0.12:8443"), 0, sent ? &m.remote : &m.local);
	return m;
}

static void see(struct world *w, bool sent, const char *bytes, uint64_t ns)
{
	struct trace_msg m = message(sent, bytes, ns);
	collector_sink(&m, w->c);
}

static void pairs(void **state)
{
	struct world w;
	begin(&w);
	see(&w, true, "one", 10);
	assert_int_equal(w.fresh, 1);
	assert_string_equal(w.records[0]->from, "alice");
	assert_string_equal(w.records[0]->to, "epcscf");
	assert_int_equal(w.records[0]->received_ns, 0);
	see(&w, false, "one", 12);
	assert_int_equal(w.fresh, 1);
	assert_int_equal(w.paired, 1);
	assert_int_equal(w.records[0]->received_ns, 12);

	see(&w, false, "two", 22); /* the receiver's record may be here first */
	see(&w, true, "two", 20);
	assert_int_equal(w.fresh, 2);
	assert_int_equal(w.records[1]->sent_ns, 20);
	assert_int_equal(w.records[1]->received_ns, 22);

	see(&w, true, "three", 30); /* the same again: two arrows */
	see(&w, true, "three", 31);
	see(&w, false, "three", 32);
	see(&w, false, "three", 33);
	assert_int_equal(w.fresh, 4);
	assert_int_equal(w.paired, 4);
	assert_int_equal(w.records[2]->received_ns, 32);
	assert_int_equal(w.records[3]->received_ns, 33);

	see(&w, true, "lost", 40);
	see(&w, false, "other", 41);
	assert_int_equal(w.fresh, 6);
	assert_int_equal(w.records[4]->received_ns, 0);
	assert_int_equal(w.records[5]->sent_ns, 0);
	assert_int_equal(collector_count(w.c, "alice"), 5);
	assert_int_equal(collector_count(w.c, "epcscf"), 5);
	assert_int_equal(collector_count(w.c, "nobody"), 0);
	collector_forget_node(w.c, "alice");
	assert_int_equal(collector_count(w.c, "alice"), 0);
	collector_clear(w.c);
	see(&w, false, "lost", 50); /* its other side was of the variant before */
	assert_int_equal(w.fresh, 7);
	assert_int_equal(w.records[6]->number, 1);
	end(&w);
}

/* A server tells a static file by length and hash, its client sees the octets. */
static void static_files(void **state)
{
	struct world w;
	begin(&w);
	struct trace_msg m =
		message(true, "HTTP/1.1 200 OK\r\nX: y\r\n\r\n[5 octets, sha256 00]", 1);
	m.proto = TRACE_HTTP;
	collector_sink(&m, w.c);
	m = message(false, "HTTP/1.1 200 OK\r\nX: y\r\n\r\nhello", 2);
	m.proto = TRACE_HTTP;
	collector_sink(&m, w.c);
	assert_int_equal(w.fresh, 1);
	assert_int_equal(w.paired, 1);
	m = message(true, "HTTP/1.1 200 OK\r\nX: y\r\n\r\nhello", 3);
	m.proto = TRACE_HTTP;
	collector_sink(&m, w.c);
	m = message(false, "HTTP/1.1 200 OK\r\nX: y\r\n\r\nhallo", 4);
	m.proto = TRACE_HTTP;
	collector_sink(&m, w.c);
	assert_int_equal(w.fresh, 3);
	end(&w);
}

static void an_unknown_address_is_its_own_name(void **state)
{
	struct world w;
	begin(&w);
	struct trace_msg m = message(true, "x", 1);
	addr_parse(STR("10.0.0.9:5060"), 0, &m.remote);
	collector_sink(&m, w.c);
	assert_string_equal(w.records[0]->to, "10.0.0.9:5060");
	end(&w);
}

/* A collector's network is its own. */
static void the_socket_is_the_lock(void **state)
{
	struct world w;
	struct collector *other;
	begin(&w);
	assert_int_equal(collector_open(&w.loop, NETWORK, &other), -EADDRINUSE);
	assert_int_equal(collector_open(&w.loop, 0, &other), 0);
	assert_int_not_equal(collector_network(other), NETWORK);
	collector_close(other);
	assert_int_equal(collector_network(w.c), NETWORK);
	assert_string_equal(collector_target(w.c), "tcp:127.236.0.1:9060");
	end(&w);
}

static void run_until(struct world *w, int fresh)
{
	for (int i = 0; i < 2000 && w->fresh < fresh; i++) {
		uv_run(&w->loop, UV_RUN_NOWAIT);
		usleep(1000);
	}
}

static void over_tcp(void **state)
{
	static char big[200000];
	struct world w;
	struct trace *t;
	begin(&w);
	struct clock *clock = clock_new(&w.loop);
	assert_int_equal(
		trace_to(&w.loop, clock, "epcscf", collector_target(w.c), &t), 0);
	struct trace_msg m = message(false, "over the wire", 7);
	trace_emit(t, &m);
	memset(big, 'x', sizeof big - 1);
	m = message(false, big, 8); /* takes several HEP records */
	trace_emit(t, &m);
	see(&w, true, "over the wire", 5);
	run_until(&w, 2);
	assert_int_equal(w.fresh, 2);
	assert_int_equal(w.paired, 1);
	assert_int_equal(w.records[0]->received_ns, 7);
	assert_int_equal(w.records[1]->bytes.n, sizeof big - 1);
	assert_int_equal(collector_count(w.c, "epcscf"), 2);
	trace_free(t);
	clock_free(clock);
	end(&w);
}

/* What speaks no HEP is cut off, and harms nobody. */
static void garbage(void **state)
{
	struct world w;
	struct sockaddr_in sa = {.sin_family = AF_INET,
		.sin_port = htons(9060),
		.sin_addr.s_addr = htonl(127u << 24 | NETWORK << 16 | 1)};
	char c;

	begin(&w);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof sa), 0);
	assert_int_equal(write(fd, "GET / HTTP/1.1\r\n\r\n", 18), 18);
	ssize_t n = -1;
	for (int i = 0; i < 2000 && n < 0; i++) {
		uv_run(&w.loop, UV_RUN_NOWAIT);
		n = recv(fd, &c, 1, MSG_DONTWAIT);
		if (n < 0 && errno != EAGAIN)
			break;
		usleep(1000);
	}
	assert_true(n == 0 || errno == ECONNRESET);
	close(fd);
	see(&w, true, "still here", 1);
	assert_int_equal(w.fresh, 1);
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pairs),
		cmocka_unit_test(static_files),
		cmocka_unit_test(an_unknown_address_is_its_own_name),
		cmocka_unit_test(the_socket_is_the_lock),
		cmocka_unit_test(over_tcp),
		cmocka_unit_test(garbage),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
