/* HTTP server and client over sockets.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/rig.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/log.h"
#include "common/http/http.h"
#include "tests/unit/gate_rule.h"

#define SERVER "127.32.1.1:8443"
#define CLIENT "127.32.1.2:0"
#define SECOND "127.32.1.3:8443"
#define ALSO "127.32.1.4:8443"

/* What one client request came to. */
struct got {
	int n, err, status;
	char body[600], why[200], field[100];
	struct http_client *free_it;
};

struct lab {
	struct rig rig;
	struct http_server *server;
	struct http_client *client;
	struct tls *stls, *ctls;
	struct http_req *held;
	int served;
	struct stream *upgraded;
	struct buf after;      /* what came after an upgrade */
	struct trace_msg seen[40];
	struct buf texts[40];
	int n_seen;
};

static void on_trace(const struct trace_msg *m, void *arg)
{
	struct lab *l = arg;
	assert_true(l->n_seen < 40);
	l->seen[l->n_seen] = *m;
	buf_add(&l->texts[l->n_seen++], m->bytes);
}

/* ---- handlers ---- */

static void serve_echo(struct http_req *r, void *arg)
{
	struct lab *l = arg;
	const struct http_msg *m = http_req_msg(r);
	struct str fields = arena_fmt(http_req_arena(r), "X-Peer: " STR_FMT "\r\n",
		STR_ARG(stream_peer_name(http_req_stream(r))));
	l->served++;
	struct str body = arena_fmt(http_req_arena(r), STR_FMT " " STR_FMT " " STR_FMT,
		STR_ARG(m->method), STR_ARG(m->target), STR_ARG(m->body));
	http_answer(r, 200, fields, body);
}

static void serve_hold(struct http_req *r, void *arg)
{
	struct lab *l = arg;
	l->served++;
	l->held = r;
}

static void serve_static(struct http_req *r, void *arg)
{
	http_answer_static(
		r, 200, STR("Content-Type: text/html\r\n"), STR("<html>file</html>"));
}

static void after_data(struct stream *s, struct str bytes, void *arg)
{
	struct lab *l = arg;
	buf_add(&l->after, bytes);
	stream_write(s, bytes);
}

static void after_closed(struct stream *s, int err, const char *why, void *arg)
{
	struct lab *l = arg;
	l->upgraded = NULL;
}

static const struct stream_h after_h = {NULL, after_data, after_closed};

static void serve_upgrade(struct http_req *r, void *arg)
{
	struct lab *l = arg;
	l->upgraded = http_upgrade(r, STR("HTTP/1.1 101 Switching Protocols\r\n"
					  "Upgrade: echo\r\nConnection: Upgrade\r\n\r\n"));
	if (l->upgraded)
		stream_handlers(l->upgraded, &after_h, l);
}

static const struct http_route routes[] = {
	{"GET", "/echo", serve_echo},
	{"POST", "/echo", serve_echo},
	{NULL, "/any/*", serve_echo},
	{"GET", "/hold", serve_hold},
	{"GET", "/static", serve_static},
	{"GET", "/up", serve_upgrade},
	{NULL, NULL, NULL},
};

static void lab_open(struct lab *l, bool tls)
{
	memset(l, 0, sizeof *l);
	rig_open(&l->rig, "http");
	if (tls) {
		rig_ca(&l->rig);
		rig_cert(&l->rig, "server", "server.example.org", NULL);
		rig_cert(&l->rig, "client", "client.example.org", NULL);
		l->stls = rig_tls(&l->rig, true, "server", "ca.pem", true);
		l->ctls = rig_tls(&l->rig, false, "client", "ca.pem", false);
	}
	struct http_server_conf sc = {
		.listen = rig_addr(SERVER), .tls = l->stls, .routes = routes, .arg = l};
	struct http_client_conf cc = {.local = rig_addr(CLIENT),
		.remote = rig_addr(SERVER),
		.tls = l->ctls,
		.server_name = "server.example.org"};
	assert_int_equal(http_serve(&l->rig.host, &sc, &l->server), 0);
	l->client = http_client_new(&l->rig.host, &cc);
}

static void lab_close(struct lab *l)
{
	if (l->client)
		http_client_free(l->client);
	if (l->server)
		http_server_close(l->server);
	if (l->upgraded)
		stream_close(l->upgraded);
	tls_free(l->stls);
	tls_free(l->ctls);
	struct trace *t = l->rig.host.trace;
	l->rig.host.trace = NULL;
	trace_free(t);
	rig_close(&l->rig);
	buf_free(&l->after);
	for (int i = 0; i < l->n_seen; i++)
		buf_free(&l->texts[i]);
	assert_int_equal(rig_metric("imsrig_streams_open"), 0);
	assert_int_equal(rig_metric("imsrig_http_requests_open"), 0);
	assert_int_equal(rig_metric("imsrig_http_client_requests_open"), 0);
}

static void on_answer(int err, const char *why, const struct http_msg *m, void *arg)
{
	struct got *g = arg;
	g->n++;
	g->err = err;
	assert_true(!m == !!err);
	str_copy(str_of(why), g->why, sizeof g->why);
	if (m) {
		g->status = m->status;
		str_copy(m->body, g->body, sizeof g->body);
		str_copy(http_field(m, STR("x-peer")), g->field, sizeof g->field);
	}
	if (g->free_it)
		http_client_free(g->free_it);
}

static void get(struct lab *l, const char *method, const char *path, const char *body,
	struct got *g)
{
	memset(g, 0, sizeof *g);
	http_send(l->client, method, path, STR_NONE, str_of(body), on_answer, g);
	assert_int_equal(g->n, 0);
}

static void ask(struct lab *l, const char *method, const char *path, const char *body,
	struct got *g)
{
	get(l, method, path, body, g);
	rig_until_count(&l->rig, &g->n, 1);
}

/* ---- client and server ---- */

static void talk(bool tls)
{
	struct lab l;
	struct got g, h;
	lab_open(&l, tls);
	ask(&l, "GET", "/echo?a=b", NULL, &g);
	assert_int_equal(g.status, 200);
	assert_string_equal(g.body, "GET /echo?a=b ");
	assert_string_equal(g.field, tls ? "client.example.org" : "");
	ask(&l, "POST", "/echo", "hello", &g);
	assert_string_equal(g.body, "POST /echo hello");
	ask(&l, "DELETE", "/any/thing", NULL, &g);
	assert_string_equal(g.body, "DELETE /any/thing ");
	ask(&l, "HEAD", "/echo", NULL, &g);
	assert_int_equal(g.status, 200);
	assert_string_equal(g.body, "");
	ask(&l, "GET", "/nothing", NULL, &g);
	assert_int_equal(g.status, 404);
	ask(&l, "DELETE", "/echo", NULL, &g);
	assert_int_equal(g.status, 405);
	/* two at once take turns on the one connection */
	get(&l, "GET", "/echo?1", NULL, &g);
	get(&l, "GET", "/echo?2", NULL, &h);
	rig_until_count(&l.rig, &h.n, 1);
	assert_int_equal(g.n, 1);
	assert_string_equal(h.body, "GET /echo?2 ");
	assert_int_equal(rig_metric("imsrig_streams_open"), 2);
	http_client_drop(l.client);
	rig_run(&l.rig, 10);
	assert_int_equal(rig_metric("imsrig_streams_open"), 0);
	ask(&l, "GET", "/echo", NULL, &g);
	assert_int_equal(g.status, 200);
	lab_close(&l);
}

static void test_talk(void **state)
{
	talk(false);
}

/* The server gives the kept connection up as the client is about to use it again. */
static void test_long_idle(void **state)
{
	struct lab l;
	struct got g;
	lab_open(&l, false);
	ask(&l, "POST", "/echo", "once", &g);
	assert_int_equal(g.status, 200);
	clock_set_offset(l.rig.host.clock, 61000);
	ask(&l, "POST", "/echo", "again", &g);
	assert_int_equal(g.err, 0);
	assert_string_equal(g.body, "POST /echo again");
	assert_int_equal(l.served, 2);
	lab_close(&l);
}

static void test_talk_tls(void **state)
{
	talk(true);
}

static void test_held(void **state)
{
	struct lab l;
	struct got g, h;
	lab_open(&l, false);
	/* the answer comes later; the next request waits for it */
	get(&l, "GET", "/hold", NULL, &g);
	rig_until_count(&l.rig, &l.served, 1);
	get(&l, "GET", "/echo", NULL, &h);
	rig_run(&l.rig, 10);
	assert_int_equal(g.n + h.n, 0);
	http_answer(l.held, 202, STR_NONE, STR("now"));
	rig_until_count(&l.rig, &h.n, 1);
	assert_int_equal(g.status, 202);
	/* the asker goes before the answer */
	get(&l, "GET", "/hold", NULL, &g);
	rig_until_count(&l.rig, &l.served, 3);
	http_client_free(l.client);
	l.client = NULL;
	assert_int_equal(g.err, -ECANCELED);
	rig_run(&l.rig, 10);
	http_answer(l.held, 200, STR_NONE, STR_NONE);
	rig_run(&l.rig, 10);
	/* the same, torn off */
	struct addr local = rig_addr(CLIENT), remote = rig_addr(SERVER);
	struct linger now = {.l_onoff = 1};
	int fd = rig_dial(&local, &remote);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	assert_int_equal(write(fd, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n", 31), 31);
	rig_until_count(&l.rig, &l.served, 4);
	assert_non_null(http_req_stream(l.held));
	close(fd);
	rig_run(&l.rig, 10);
	assert_null(http_req_stream(l.held));
	assert_string_equal(addr_host(http_req_remote(l.held)), "127.32.1.2");
	http_answer(l.held, 200, STR_NONE, STR_NONE);
	lab_close(&l);
}

/* The server stops with a request in hand: 503, and the late answer does no harm. */
static void test_stop(void **state)
{
	struct lab l;
	struct got g;
	lab_open(&l, false);
	get(&l, "GET", "/hold", NULL, &g);
	rig_until_count(&l.rig, &l.served, 1);
	http_server_close(l.server);
	l.server = NULL;
	rig_until_count(&l.rig, &g.n, 1);
	assert_int_equal(g.status, 503);
	http_answer(l.held, 200, STR_NONE, STR_NONE);
	ask(&l, "GET", "/echo", NULL, &g);
	assert_int_equal(g.err, -ECONNREFUSED);
	lab_close(&l);
}

static void test_timeout(void **state)
{
	struct lab l;
	struct got g, h;
	lab_open(&l, false);
	get(&l, "GET", "/hold", NULL, &g);
	rig_until_count(&l.rig, &l.served, 1);
	get(&l, "GET", "/echo", NULL, &h);
	clock_set_offset(l.rig.host.clock, 9900);
	assert_int_equal(g.n, 0);
	clock_set_offset(l.rig.host.clock, 10100);
	assert_int_equal(g.err, -ETIMEDOUT);
	/* the next one gets a connection of its own */
	rig_until_count(&l.rig, &h.n, 1);
	assert_int_equal(h.status, 200);
	http_answer(l.held, 200, STR_NONE, STR_NONE);
	lab_close(&l);
}

static void test_free_inside(void **state)
{
	struct lab l;
	struct got g, h;
	lab_open(&l, false);
	get(&l, "GET", "/echo", NULL, &g);
	get(&l, "GET", "/echo", NULL, &h);
	g.free_it = l.client;
	rig_until_count(&l.rig, &h.n, 1);
	assert_int_equal(g.status, 200);
	assert_int_equal(h.err, -ECANCELED);
	l.client = NULL;
	lab_close(&l);
}

/* A kept connection that the server ends for idleness is opened again. */
static void test_idle(void **state)
{
	struct lab l;
	struct got g;
	lab_open(&l, false);
	ask(&l, "GET", "/echo", NULL, &g);
	assert_int_equal(rig_metric("imsrig_streams_open"), 2);
	clock_set_offset(l.rig.host.clock, 61000);
	get(&l, "GET", "/echo", NULL, &g); /* crosses the end of the old connection */
	rig_until_count(&l.rig, &g.n, 1);
	assert_int_equal(g.status, 200);
	lab_close(&l);
}

/* ---- upgrade ---- */

static void on_up(
	int err, const char *why, const struct http_msg *m, struct stream *s, void *arg)
{
	struct lab *l = arg;
	assert_int_equal(err, 0);
	assert_int_equal(m->status, 101);
	l->upgraded = s;
	stream_handlers(s, &after_h, l);
}

static void test_upgrade(void **state)
{
	struct lab l;
	struct addr local = rig_addr(CLIENT), remote = rig_addr(SERVER);
	char got[200];
	lab_open(&l, false);
	int fd = rig_dial(&local, &remote);
	static const char req[] = "GET /up HTTP/1.1\r\nHost: a\r\nUpgrade: echo\r\n"
				  "Connection: Upgrade\r\n\r\nfirst";
	assert_int_equal(write(fd, req, sizeof req - 1), sizeof req - 1);
	rig_run(&l.rig, 20);
	ssize_t n = read(fd, got, sizeof got);
	assert_true(n > 5);
	assert_memory_equal(got + n - 5, "first", 5);
	assert_int_equal(rig_metric("imsrig_http_requests_open"), 0);
	close(fd);
	rig_run(&l.rig, 10);
	assert_null(l.upgraded);
	lab_close(&l);
}

static void test_upgrade_client(void **state)
{
	struct rig *r;
	struct lab l, server;
	lab_open(&l, false);
	(void)server;
	r = &l.rig;
	struct stream *mine;
	http_send_upgrade(l.client, "/up",
		STR("Upgrade: echo\r\nConnection: Upgrade\r\n"), on_up, &l);
	rig_run(r, 30);
	assert_non_null(l.upgraded);
	mine = l.upgraded;
	http_client_free(l.client);
	l.client = NULL;
	stream_close(mine);
	rig_run(r, 20);
	lab_close(&l);
}

/* ---- peers that break rules ---- */

/* Sends bytes, perhaps moves the clock, and reads the answer to its end. */
static void refused(const char *bytes, size_t n, int64_t advance, int status)
{
	struct lab l;
	struct addr local = rig_addr(CLIENT), remote = rig_addr(SERVER);
	char got[2000];
	size_t have = 0;
	lab_open(&l, false);
	l.rig.host.trace = trace_sink(l.rig.host.clock, "http", on_trace, &l);
	int fd = rig_dial(&local, &remote);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	size_t at = 0;
	for (int i = 0; i < 200; i++) {
		ssize_t w = at < n ? send(fd, bytes + at, n - at, MSG_NOSIGNAL) : 0;
		at += w > 0 ? (size_t)w : 0;
		rig_run(&l.rig, 1);
	}
	if (advance)
		clock_set_offset(l.rig.host.clock, advance);
	rig_run(&l.rig, 10);
	for (;;) {
		ssize_t k = read(fd, got + have, sizeof got - 1 - have);
		if (k <= 0)
			break;
		have += (size_t)k;
	}
	got[have] = 0;
	char want[32];
	snprintf(want, sizeof want, "HTTP/1.1 %d ", status);
	if (strncmp(got, want, strlen(want)) != 0)
		fail_msg("not %d but: %s", status, got);
	assert_non_null(strstr(got, "Connection: close"));
	assert_true(l.n_seen >= 1);
	close(fd);
	struct got g;
	ask(&l, "GET", "/echo", NULL, &g); /* the next one is served */
	assert_int_equal(g.status, 200);
	lab_close(&l);
}

static void test_refused(void **state)
{
	static char big[200000];
	struct buf b = {0};
	refused("\x16\x03\x01\r\n\r\n", 7, 0, 400);
	refused("GET / HTTP/1.1\r\n\r\n", 18, 0, 400);
	memset(big, 'x', sizeof big);
	memcpy(big, "GET /", 5);
	refused(big, sizeof big, 0, 431);
	buf_fmt(&b, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 199000\r\n\r\n");
	buf_put(&b, big, 190000);
	refused(b.p, b.n, 0, 413);
	buf_free(&b);
	refused("GET / HTTP/1.1\r\nHost: a", 23, 10100, 408);
	refused("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabc", 55,
		30100, 408);
	assert_true(rig_metric("imsrig_http_refused_total{reason=\"syntax\"}") >= 2);
	assert_true(rig_metric("imsrig_http_refused_total{reason=\"head\"}") >= 1);
	assert_true(rig_metric("imsrig_http_refused_total{reason=\"body\"}") >= 1);
	assert_true(rig_metric("imsrig_http_refused_total{reason=\"slow\"}") >= 2);
}

/* One octet a second is still a head that isn't complete after 10 s. */
static void test_slow_loris(void **state)
{
	struct lab l;
	struct addr local = rig_addr(CLIENT), remote = rig_addr(SERVER);
	char got[300] = "";
	lab_open(&l, false);
	int fd = rig_dial(&local, &remote);
	for (int i = 0; i < 12; i++) {
		send(fd, "GET / HTTP/1.1" + i, 1, MSG_NOSIGNAL);
		rig_run(&l.rig, 2);
		clock_set_offset(l.rig.host.clock, (i + 1) * 1000);
	}
	rig_run(&l.rig, 10);
	assert_true(read(fd, got, sizeof got - 1) > 0);
	assert_memory_equal(got, "HTTP/1.1 408 ", 13);
	close(fd);
	/* and who says nothing at all is let go in silence */
	fd = rig_dial(&local, &remote);
	rig_run(&l.rig, 10);
	clock_set_offset(l.rig.host.clock, 80000);
	rig_run(&l.rig, 10);
	assert_int_equal(read(fd, got, sizeof got), 0);
	close(fd);
	lab_close(&l);
}

static void test_early_end(void **state)
{
	struct lab l;
	struct addr local = rig_addr(CLIENT), remote = rig_addr(SERVER);
	lab_open(&l, false);
	int64_t before = rig_metric("imsrig_http_refused_total{reason=\"ended\"}");
	int fd = rig_dial(&local, &remote);
	assert_int_equal(write(fd, "GET / HT", 8), 8);
	rig_run(&l.rig, 10);
	close(fd);
	rig_run(&l.rig, 10);
	assert_int_equal(
		rig_metric("imsrig_http_refused_total{reason=\"ended\"}"), before + 1);
	lab_close(&l);
}

/* Pipelined requests, one of them answered late, in order; then 100-continue and close. */
static void test_pipeline(void **state)
{
	struct lab l;
	struct addr local = rig_addr(CLIENT), remote = rig_addr(SERVER);
	char got[3000] = "";
	lab_open(&l, false);
	int fd = rig_dial(&local, &remote);
	static const char req[] =
		"GET /echo?1 HTTP/1.1\r\nHost: a\r\n\r\nGET /hold HTTP/1.1\r\nHost: a\r\n\r\n"
		"GET /echo?3 HTTP/1.1\r\nHost: a\r\n\r\n"
		"POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
		"Content-Length: 4\r\nConnection: close\r\n\r\n";
	assert_int_equal(write(fd, req, sizeof req - 1), sizeof req - 1);
	rig_run(&l.rig, 10);
	assert_int_equal(l.served, 2);
	http_answer(l.held, 200, STR_NONE, STR("held"));
	rig_run(&l.rig, 10);
	assert_int_equal(l.served, 3);
	ssize_t n = read(fd, got, sizeof got - 1);
	assert_true(n > 0);
	got[n] = 0;
	char *one = strstr(got, "GET /echo?1"), *two = strstr(got, "held"),
	     *three = strstr(got, "GET /echo?3"), *go = strstr(got, "100 Continue");
	assert_true(one && two && three && go && one < two && two < three && three < go);
	assert_int_equal(write(fd, "bodyGET /echo HTTP/1.1\r\n", 24), 24);
	rig_run(&l.rig, 10);
	n = read(fd, got, sizeof got - 1);
	got[n > 0 ? n : 0] = 0;
	assert_non_null(strstr(got, "POST /echo body"));
	assert_non_null(strstr(got, "Connection: close"));
	assert_int_equal(read(fd, got, sizeof got), 0);
	assert_int_equal(l.served, 4);
	close(fd);
	lab_close(&l);
}

/* A server that answers nonsense, too much, or not at all. */
static void bad_server(const char *answer, bool close_after, int err, int status)
{
	struct lab l;
	struct addr at = rig_addr("127.32.1.3:8080");
	struct got g;
	char junk[1000];
	int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	assert_int_equal(bind(fd, &at.sa, addr_len(&at)), 0);
	listen(fd, 1);
	lab_open(&l, false);
	http_client_free(l.client);
	struct http_client_conf cc = {.local = rig_addr(CLIENT), .remote = at};
	l.client = http_client_new(&l.rig.host, &cc);
	get(&l, "GET", "/", NULL, &g);
	rig_run(&l.rig, 5);
	int s = accept(fd, NULL, NULL);
	rig_run(&l.rig, 5);
	assert_true(read(s, junk, sizeof junk) > 0);
	assert_int_equal(write(s, answer, strlen(answer)), strlen(answer));
	if (close_after)
		close(s);
	rig_until_count(&l.rig, &g.n, 1);
	assert_int_equal(g.err, err);
	assert_int_equal(g.status, status);
	if (!close_after)
		close(s);
	close(fd);
	lab_close(&l);
}

static void test_bad_server(void **state)
{
	bad_server("nonsense\r\n\r\n", false, -EPROTO, 0);
	bad_server(
		"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", false, -EPROTO, 0);
	bad_server("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: "
		   "Upgrade\r\n\r\n",
		false, -EPROTO, 0);
	bad_server(
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", true, -ECONNRESET, 0);
	bad_server("", true, -ECONNRESET, 0);
	bad_server("HTTP/1.1 200 OK\r\n\r\nuntil the end", true, 0, 200);
	bad_server("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", false,
		0, 204);
	bad_server("HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 Unasked\r\n\r\n", false,
		0, 204);
}

/* ---- trace and gate ---- */

static void test_trace(void **state)
{
	struct lab l;
	struct got g;
	lab_open(&l, true);
	l.rig.host.trace = trace_sink(l.rig.host.clock, "http", on_trace, &l);
	ask(&l, "POST", "/echo", "hi", &g);
	assert_int_equal(l.n_seen, 4); /* each end of each message */
	assert_int_equal(l.seen[0].dir, TRACE_SENT);
	assert_int_equal(l.seen[1].dir, TRACE_RECEIVED);
	assert_int_equal(l.seen[0].via, TRACE_TLS);
	assert_int_equal(l.seen[0].proto, TRACE_HTTP);
	assert_true(addr_eq(&l.seen[0].local, &l.seen[1].remote));
	assert_string_equal(buf_z(&l.texts[0]), buf_z(&l.texts[1]));
	assert_string_equal(buf_z(&l.texts[2]), buf_z(&l.texts[3]));
	assert_non_null(strstr(
		buf_z(&l.texts[0]), "POST /echo HTTP/1.1\r\nHost: server.example"));
	assert_non_null(strstr(buf_z(&l.texts[3]), "POST /echo hi"));
	ask(&l, "GET", "/static", NULL, &g);
	assert_string_equal(g.body, "<html>file</html>");
	assert_int_equal(l.n_seen, 8);
	assert_non_null(strstr(buf_z(&l.texts[6]), "[17 octets, sha256 "));
	lab_close(&l);
}

static void test_gate(void **state)
{
	struct lab l;
	struct got g;
	struct gate *gate;
	lab_open(&l, false);
	gate = l.rig.host.gate;
	/* an answer rewritten as it leaves */
	gate_rule(l.rig.host.gate, "{\"match\":{\"dir\":\"sent\",\"what\":\"HTTP 200\"},\"do\":\"rewrite\","
		 "\"find\":\"GET\",\"with\":\"PUT\"}");
	ask(&l, "GET", "/echo", NULL, &g);
	assert_string_equal(g.body, "PUT /echo ");
	gate_reset(gate);
	/* a request replaced where it arrives */
	gate_rule(l.rig.host.gate, "{\"match\":{\"dir\":\"received\",\"what\":\"HTTP GET "
		 "/echo\"},\"do\":\"rewrite\","
		 "\"find\":\"/echo\",\"with\":\"/none\"}");
	ask(&l, "GET", "/echo", NULL, &g);
	assert_int_equal(g.status, 404);
	gate_reset(gate);
	gate_rule(l.rig.host.gate, "{\"match\":{\"dir\":\"received\",\"what\":\"HTTP "
		 "GET\"},\"do\":\"rewrite\","
		 "\"find\":\"HTTP/1.1\",\"with\":\"HTTP/7.1\"}");
	ask(&l, "GET", "/echo", NULL, &g);
	assert_int_equal(g.status, 505);
	gate_reset(gate);
	/* two of one request; the client takes the first answer and wonders at the second */
	gate_rule(l.rig.host.gate, "{\"match\":{\"dir\":\"received\",\"what\":\"HTTP "
		 "POST\"},\"do\":\"duplicate\"}");
	l.served = 0;
	ask(&l, "POST", "/echo", "x", &g);
	assert_int_equal(g.status, 200);
	rig_run(&l.rig, 10);
	assert_int_equal(l.served, 2);
	gate_reset(gate);
	/* answers seen twice by the client */
	gate_rule(l.rig.host.gate, "{\"match\":{\"dir\":\"received\",\"what\":\"HTTP "
		 "200\"},\"do\":\"duplicate\"}");
	ask(&l, "GET", "/echo", NULL, &g);
	assert_int_equal(g.status, 200);
	gate_reset(gate);
	/* held, with its connection gone meanwhile */
	gate_rule(l.rig.host.gate, "{\"match\":{\"dir\":\"received\",\"what\":\"HTTP "
		 "200\"},\"do\":\"hold\"}");
	get(&l, "GET", "/echo", NULL, &g);
	rig_run(&l.rig, 20);
	assert_int_equal(gate_waiting(gate), 1);
	assert_int_equal(g.n, 0);
	gate_release(gate);
	assert_int_equal(g.status, 200);
	get(&l, "GET", "/echo", NULL, &g);
	rig_run(&l.rig, 20);
	assert_int_equal(gate_waiting(gate), 1);
	http_client_free(l.client);
	l.client = NULL;
	gate_release(gate);
	assert_int_equal(g.err, -ECANCELED);
	lab_close(&l);
}

/* Two of one request, the first not answered yet: the second waits its turn. */
static void test_gate_late(void **state)
{
	struct lab l;
	struct got g;
	lab_open(&l, false);
	gate_rule(l.rig.host.gate, "{\"match\":{\"dir\":\"received\",\"what\":\"HTTP "
		 "GET\"},\"do\":\"duplicate\"}");
	get(&l, "GET", "/hold", NULL, &g);
	rig_until_count(&l.rig, &l.served, 1);
	rig_run(&l.rig, 5);
	assert_int_equal(l.served, 1);
	http_answer(l.held, 200, STR_NONE, STR("first"));
	assert_int_equal(l.served, 2);
	http_answer(l.held, 200, STR_NONE, STR("second"));
	rig_until_count(&l.rig, &g.n, 1);
	assert_string_equal(g.body, "first");
	/* the asker leaves while a second waits */
	get(&l, "GET", "/hold", NULL, &g);
	rig_until_count(&l.rig, &l.served, 3);
	http_server_close(l.server);
	l.server = NULL;
	rig_until_count(&l.rig, &g.n, 1);
	assert_int_equal(g.status, 503);
	http_answer(l.held, 200, STR_NONE, STR_NONE);
	lab_close(&l);
}

static void test_gate_breaks(void **state)
{
	struct lab l;
	struct got g;
	lab_open(&l, false);
	gate_rule(l.rig.host.gate, "{\"match\":{\"dir\":\"received\",\"what\":\"HTTP "
		 "POST\"},\"do\":\"rewrite\","
		 "\"find\":\"Content-Length: 1\",\"with\":\"Content-Length: 2\"}");
	ask(&l, "POST", "/echo", "x", &g);
	assert_int_equal(g.status, 400);
	gate_reset(l.rig.host.gate);
	gate_rule(l.rig.host.gate, "{\"match\":{\"dir\":\"received\",\"what\":\"HTTP "
		 "200\"},\"do\":\"replace\","
		 "\"text\":\"nonsense\"}");
	ask(&l, "GET", "/echo", NULL, &g);
	assert_int_equal(g.err, -EPROTO);
	gate_reset(l.rig.host.gate);
	/* an answer that never leaves: the client waits in vain, the server goes on */
	gate_rule(l.rig.host.gate, "{\"match\":{\"dir\":\"sent\",\"what\":\"HTTP 200\"},\"do\":\"drop\"}");
	get(&l, "GET", "/echo", NULL, &g);
	rig_run(&l.rig, 10);
	clock_set_offset(l.rig.host.clock, 10100);
	assert_int_equal(g.err, -ETIMEDOUT);
	gate_reset(l.rig.host.gate);
	ask(&l, "GET", "/echo", NULL, &g);
	assert_int_equal(g.status, 200);
	lab_close(&l);
}

static void test_drop(void **state)
{
	struct lab l;
	struct got g;
	lab_open(&l, false);
	assert_string_equal(addr_text(http_server_local(l.server)), SERVER);
	ask(&l, "GET", "/echo", NULL, &g);
	http_server_drop(l.server);
	rig_run(&l.rig, 10);
	assert_int_equal(rig_metric("imsrig_streams_open"), 0);
	struct http_client_conf cc = {
		.local = rig_addr("192.0.2.1:0"), .remote = rig_addr(SERVER)};
	http_client_free(l.client);
	l.client = http_client_new(&l.rig.host, &cc);
	ask(&l, "GET", "/echo", NULL, &g);
	assert_int_equal(g.err, -EADDRNOTAVAIL);
	struct http_server *other;
	struct http_server_conf sc = {.listen = rig_addr(SERVER), .routes = routes};
	assert_int_equal(http_serve(&l.rig.host, &sc, &other), -EADDRINUSE);
	lab_close(&l);
}

static void test_also(void **state)
{
	struct lab l;
	struct got g;
	struct http_server *both;
	lab_open(&l, false);
	struct http_server_conf sc = {.listen = rig_addr(ALSO),
		.also = rig_addr(SERVER),
		.routes = routes,
		.arg = &l};
	assert_int_equal(http_serve(&l.rig.host, &sc, &both), -EADDRINUSE);
	sc.listen = rig_addr(SECOND);
	sc.also = rig_addr(ALSO); /* free again, though the pair above did not come to be */
	rig_run(&l.rig, 10);
	assert_int_equal(http_serve(&l.rig.host, &sc, &both), 0);
	assert_string_equal(addr_text(http_server_local(both)), SECOND);
	const char *const ends[] = {SECOND, ALSO};
	for (size_t i = 0; i < 2; i++) {
		struct http_client_conf cc = {
			.local = rig_addr(CLIENT), .remote = rig_addr(ends[i])};
		http_client_free(l.client);
		l.client = http_client_new(&l.rig.host, &cc);
		ask(&l, "GET", "/echo", NULL, &g);
		assert_int_equal(g.status, 200);
	}
	http_server_close(both);
	rig_run(&l.rig, 10);
	ask(&l, "GET", "/echo", NULL, &g);
	assert_int_equal(g.err, -ECONNREFUSED);
	lab_close(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_talk), cmocka_unit_test(test_talk_tls),
		cmocka_unit_test(test_long_idle),
		cmocka_unit_test(test_held), cmocka_unit_test(test_stop),
		cmocka_unit_test(test_timeout), cmocka_unit_test(test_free_inside),
		cmocka_unit_test(test_idle), cmocka_unit_test(test_upgrade),
		cmocka_unit_test(test_upgrade_client), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_slow_loris), cmocka_unit_test(test_early_end),
		cmocka_unit_test(test_pipeline), cmocka_unit_test(test_bad_server),
		cmocka_unit_test(test_trace), cmocka_unit_test(test_gate),
		cmocka_unit_test(test_gate_late), cmocka_unit_test(test_gate_breaks),
		cmocka_unit_test(test_drop), cmocka_unit_test(test_also),
	};
	log_setup(&(struct log_conf){.level = getenv("VERBOSE") ? LOG_DEBUG : LOG_ERROR,
		.node = "http"});
	return cmocka_run_group_tests(tests, NULL, NULL);
}
