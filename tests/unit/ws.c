/* WebSocket connections over sockets.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/rig.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/log.h"
#include "common/ws/ws.h"
#include "tests/unit/gate_rule.h"

#define SERVER "127.32.2.1:8443"
#define CLIENT "127.32.2.2:0"

struct side {
	struct ws *w;
	struct buf in;
	int n, code;
	bool opened, closed, echo, abort;
	int status;
	char why[200];
};

struct lab {
	struct rig rig;
	struct http_server *http;
	struct ws_conf conf;
	struct side server, client;
	struct tls *stls, *ctls;
	const char *refused;
	struct buf traced;
};

static void on_message(struct ws *w, bool text, struct str bytes, void *arg)
{
	struct side *s = arg;
	s->n++;
	buf_fmt(&s->in, "%c:" STR_FMT " ", text ? 'T' : 'B', STR_ARG(bytes));
	if (s->echo)
		ws_send(w, text, bytes);
	if (s->abort)
		stream_abort(ws_stream(w));
}

static void on_closed(struct ws *w, int code, const char *why, void *arg)
{
	struct side *s = arg;
	assert_false(s->closed);
	s->closed = true;
	s->w = NULL;
	s->code = code;
	snprintf(s->why, sizeof s->why, "%s", why);
}

static const struct ws_h side_h = {on_message, on_closed};

static void serve_ws(struct http_req *r, void *arg)
{
	struct lab *l = arg;
	const char *why = NULL;
	l->server.w = ws_accept(r, "sip", &l->conf, &side_h, &l->server, &why);
	l->refused = l->server.w ? NULL : why;
	l->server.opened = l->server.w;
}

static const struct http_route routes[] = {{NULL, "/ws", serve_ws}, {NULL, NULL, NULL}};

static void on_open(struct ws *w, int status, const char *why, void *arg)
{
	struct side *s = arg;
	s->w = w;
	s->opened = true;
	s->status = status;
	snprintf(s->why, sizeof s->why, "%s", why);
}

/* Records of WebSocket control frames alone. */
static void on_trace(const struct trace_msg *m, void *arg)
{
	struct lab *l = arg;
	if (m->proto != TRACE_WS)
		return;
	assert_int_equal(m->via, TRACE_WSS);
	buf_fmt(&l->traced, "%c" STR_FMT "|", m->dir == TRACE_SENT ? '>' : '<',
		STR_ARG(m->bytes));
}

static void lab_open(struct lab *l, bool tls)
{
	memset(l, 0, sizeof *l);
	rig_open(&l->rig, "ws");
	if (tls) {
		rig_ca(&l->rig);
		rig_cert(&l->rig, "server", "server.example.org", NULL);
		l->stls = rig_tls(&l->rig, true, "server", NULL, false);
		l->ctls = rig_tls(&l->rig, false, NULL, "ca.pem", false);
	}
	struct http_server_conf sc = {
		.listen = rig_addr(SERVER), .tls = l->stls, .routes = routes, .arg = l};
	assert_int_equal(http_serve(&l->rig.host, &sc, &l->http), 0);
}

static void dial(struct lab *l, const char *path, const char *subprotocol)
{
	struct ws_connect_conf c = {.local = rig_addr(CLIENT),
		.remote = rig_addr(SERVER),
		.tls = l->ctls,
		.server_name = "server.example.org",
		.path = path,
		.origin = "https://x.example.org",
		.subprotocol = subprotocol};
	assert_int_equal(ws_connect(&l->rig.host, &c, &side_h, on_open, &l->client), 0);
	assert_false(l->client.opened);
	rig_until_set(&l->rig, &l->client.opened);
}

static void lab_connect(struct lab *l, bool tls)
{
	lab_open(l, tls);
	dial(l, "/ws", "sip");
	assert_non_null(l->client.w);
	assert_non_null(l->server.w);
	assert_int_equal(l->client.status, 101);
}

static void lab_close(struct lab *l)
{
	if (l->client.w)
		stream_abort(ws_stream(l->client.w));
	if (l->server.w)
		stream_abort(ws_stream(l->server.w));
	http_server_close(l->http);
	tls_free(l->stls);
	tls_free(l->ctls);
	trace_free(l->rig.host.trace);
	l->rig.host.trace = NULL;
	rig_close(&l->rig);
	buf_free(&l->server.in);
	buf_free(&l->client.in);
	buf_free(&l->traced);
	assert_int_equal(rig_metric("imsrig_ws_connections_open"), 0);
	assert_int_equal(rig_metric("imsrig_streams_open"), 0);
}

#define assert_text(b, z) \
	do { \
		if (!str_eq(buf_str(&(b)), str_of(z))) \
			fail_msg("\"" STR_FMT "\" is not \"%s\"", STR_ARG(b), z); \
	} while (0)

/* ---- messages and closing ---- */

static void talk(bool tls)
{
	struct lab l;
	char big[65536];
	lab_connect(&l, tls);
	l.server.echo = true;
	assert_int_equal(ws_send(l.client.w, true, STR("one")), 0);
	assert_int_equal(ws_send(l.client.w, false, STR("two")), 0);
	assert_int_equal(ws_send(l.client.w, true, STR("")), 0);
	rig_until_count(&l.rig, &l.client.n, 3);
	assert_text(l.client.in, "T:one B:two T: ");
	memset(big, 'x', sizeof big);
	assert_int_equal(ws_send(l.client.w, false, (struct str){big, sizeof big}), 0);
	rig_until_count(&l.rig, &l.client.n, 4);
	assert_int_equal(l.client.in.n, 15 + sizeof big + 3);
	assert_ptr_equal(
		stream_find(&l.rig.host, ws_id(l.client.w)), ws_stream(l.client.w));
	ws_close(l.client.w, 1000, "bye");
	assert_int_equal(ws_send(l.client.w, true, STR("late")), -EPIPE);
	assert_int_equal(ws_ping(l.client.w, STR("late")), -EPIPE);
	rig_until_set(&l.rig, &l.client.closed);
	rig_until_set(&l.rig, &l.server.closed);
	assert_int_equal(l.client.code, 1000);
	assert_int_equal(l.server.code, 1000);
	assert_string_equal(l.server.why, "closed by the peer: bye");
	lab_close(&l);
}

static void test_talk(void **state)
{
	talk(false);
}

static void test_talk_tls(void **state)
{
	talk(true);
}

static void test_close_by_server(void **state)
{
	struct lab l;
	lab_connect(&l, true);
	ws_send(l.server.w, true, STR("before"));
	ws_close(l.server.w, 1001, "shutting down");
	ws_close(l.server.w, 1002, "once is enough");
	rig_until_set(&l.rig, &l.client.closed);
	rig_until_set(&l.rig, &l.server.closed);
	assert_text(l.client.in, "T:before ");
	assert_int_equal(l.client.code, 1001);
	assert_int_equal(l.server.code, 1001);
	assert_string_equal(l.client.why, "closed by the peer: shutting down");
	lab_close(&l);
}

static void test_broken(void **state)
{
	struct lab l;
	lab_connect(&l, false);
	stream_abort(ws_stream(l.client.w));
	rig_until_set(&l.rig, &l.server.closed);
	assert_int_equal(l.server.code, 1006);
	assert_int_equal(l.client.code, 1006);
	lab_close(&l);
}

/* Aborting inside a message: what came with it is not delivered. */
static void test_abort_inside(void **state)
{
	struct lab l;
	lab_connect(&l, false);
	l.server.abort = true;
	ws_send(l.client.w, true, STR("one"));
	ws_send(l.client.w, true, STR("two"));
	rig_until_set(&l.rig, &l.server.closed);
	assert_int_equal(l.server.n, 1);
	lab_close(&l);
}

/* Handlers change hands, as when the SIP stack takes an accepted connection over. */
static void test_set(void **state)
{
	struct lab l;
	struct side other = {0};
	lab_connect(&l, false);
	ws_set(l.server.w, &side_h, &other);
	ws_send(l.client.w, true, STR("x"));
	rig_until_count(&l.rig, &other.n, 1);
	ws_close(l.client.w, 1000, NULL);
	rig_until_set(&l.rig, &other.closed);
	l.server.w = NULL;
	buf_free(&other.in);
	lab_close(&l);
}

/* ---- handshakes ---- */

#define GOOD_KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define UPGRADE "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"
#define SIP "Sec-WebSocket-Protocol: chat, sip\r\n"
#define REST "Host: a\r\n\r\n"

static size_t exchange(
	struct lab *l, int fd, const char *bytes, size_t n, char *got, size_t size)
{
	assert_int_equal(send(fd, bytes, n, MSG_NOSIGNAL), n);
	rig_run(&l->rig, 10);
	ssize_t k = recv(fd, got, size - 1, MSG_DONTWAIT);
	got[k > 0 ? k : 0] = 0;
	return k > 0 ? (size_t)k : 0;
}

static void test_handshakes(void **state)
{
	static const struct {
		const char *request, *answer, *why;
	} rows[] = {
		{"GET /ws HTTP/1.1\r\n" UPGRADE VERSION GOOD_KEY SIP REST,
			"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
			"Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
			"\r\nSec-WebSocket-Protocol: sip\r\n\r\n", NULL},
		{"GET /ws HTTP/1.1\r\nupgrade: WebSocket\r\nconnection: upgrade\r\n" VERSION GOOD_KEY
			"Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: sip\r\n" REST,
			"HTTP/1.1 101 ", NULL},
		{"POST /ws HTTP/1.1\r\n" UPGRADE VERSION GOOD_KEY SIP REST, "HTTP/1.1 400 ", "GET"},
		{"GET /ws HTTP/1.1\r\n" VERSION GOOD_KEY SIP REST, "HTTP/1.1 426 ", "no upgrade"},
		{"GET /ws HTTP/1.1\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n" REST,
			"HTTP/1.1 426 ", "no upgrade"},
		{"GET /ws HTTP/1.1\r\nUpgrade: websocket\r\n" VERSION GOOD_KEY SIP REST,
			"HTTP/1.1 400 ", "Connection"},
		{"GET /ws HTTP/1.1\r\n" UPGRADE "Sec-WebSocket-Version: 8\r\n" GOOD_KEY SIP REST,
			"HTTP/1.1 426 ", "version"},
		{"GET /ws HTTP/1.1\r\n" UPGRADE GOOD_KEY SIP REST, "HTTP/1.1 426 ", "version"},
		{"GET /ws HTTP/1.1\r\n" UPGRADE VERSION SIP REST, "HTTP/1.1 400 ", "Key"},
		{"GET /ws HTTP/1.1\r\n" UPGRADE VERSION "Sec-WebSocket-Key: short\r\n" SIP REST,
			"HTTP/1.1 400 ", "Key"},
		{"GET /ws HTTP/1.1\r\n" UPGRADE VERSION
			"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25!ZQ==\r\n" SIP REST,
			"HTTP/1.1 400 ", "Key"},
		{"GET /ws HTTP/1.1\r\n" UPGRADE VERSION GOOD_KEY GOOD_KEY SIP REST,
			"HTTP/1.1 400 ", "Key"},
		{"GET /ws HTTP/1.1\r\n" UPGRADE VERSION GOOD_KEY REST, "HTTP/1.1 400 ", "subprotocol"},
		{"GET /ws HTTP/1.1\r\n" UPGRADE VERSION GOOD_KEY
			"Sec-WebSocket-Protocol: SIP\r\n" REST, "HTTP/1.1 400 ", "subprotocol"},
		{"GET /ws HTTP/1.1\r\n" UPGRADE VERSION GOOD_KEY SIP "Host: a\r\nContent-Length: 1\r\n\r\nx",
			"HTTP/1.1 400 ", "body"},
		{"GET /other HTTP/1.1\r\n" UPGRADE VERSION GOOD_KEY SIP REST, "HTTP/1.1 404 ", NULL},
	};
	struct addr local = rig_addr(CLIENT), remote = rig_addr(SERVER);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct lab l;
		char got[1000];
		lab_open(&l, false);
		int fd = rig_dial(&local, &remote);
		exchange(&l, fd, rows[i].request, strlen(rows[i].request), got,
			sizeof got);
		if (strncmp(got, rows[i].answer, strlen(rows[i].answer)) != 0)
			fail_msg("%s got %s", rows[i].request, got);
		if (rows[i].why && !strstr(l.refused, rows[i].why))
			fail_msg("%s: %s", rows[i].request, l.refused);
		if (strstr(got, " 426 "))
			assert_non_null(strstr(got, "Sec-WebSocket-Version: 13\r\n"));
		close(fd);
		lab_close(&l);
	}
}

static void test_refused_client(void **state)
{
	struct lab l;
	lab_open(&l, true);
	dial(&l, "/ws", "chat");
	assert_null(l.client.w);
	assert_int_equal(l.client.status, 400);
	l.client.opened = false;
	dial(&l, "/nothing", "sip");
	assert_int_equal(l.client.status, 404);
	http_server_close(l.http);
	rig_run(&l.rig, 10);
	l.client.opened = false;
	dial(&l, "/ws", "sip");
	assert_int_equal(l.client.status, 0);
	assert_non_null(strstr(l.client.why, "refused"));
	struct http_server_conf sc = {
		.listen = rig_addr(SERVER), .tls = l.stls, .routes = routes, .arg = &l};
	assert_int_equal(http_serve(&l.rig.host, &sc, &l.http), 0);
	lab_close(&l);
}

/* A server whose handshake is wrong, or that says something else. */
static void test_bad_server(void **state)
{
	static const struct {
		const char *answer, *why;
	} rows[] = {
		{"HTTP/1.1 101 x\r\n" UPGRADE "Sec-WebSocket-Accept: wrong\r\n\r\n", "Accept"},
		{"HTTP/1.1 101 x\r\nUpgrade: irc\r\nConnection: Upgrade\r\n\r\n", "something else"},
		{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "does not upgrade"},
		{"garbage\r\n\r\n", ""},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct lab l;
		char junk[1000];
		struct addr at = rig_addr("127.32.2.3:8443");
		int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
		assert_int_equal(bind(fd, &at.sa, addr_len(&at)), 0);
		listen(fd, 1);
		lab_open(&l, false);
		struct ws_connect_conf c = {.remote = at, .path = "/ws"};
		ws_connect(&l.rig.host, &c, &side_h, on_open, &l.client);
		rig_run(&l.rig, 5);
		int s = accept(fd, NULL, NULL);
		rig_run(&l.rig, 5);
		assert_true(read(s, junk, sizeof junk) > 0);
		assert_int_equal(write(s, rows[i].answer, strlen(rows[i].answer)),
			strlen(rows[i].answer));
		rig_until_set(&l.rig, &l.client.opened);
		assert_null(l.client.w);
		if (!strstr(l.client.why, rows[i].why))
			fail_msg("%s", l.client.why);
		close(s);
		close(fd);
		lab_close(&l);
	}
}

/* ---- peers that break rules ---- */

static int raw_client(struct lab *l)
{
	struct addr local = rig_addr(CLIENT), remote = rig_addr(SERVER);
	char got[1000];
	static const char hello[] =
		"GET /ws HTTP/1.1\r\n" UPGRADE VERSION GOOD_KEY SIP REST;
	int fd = rig_dial(&local, &remote);
	exchange(l, fd, hello, sizeof hello - 1, got, sizeof got);
	assert_non_null(strstr(got, " 101 "));
	return fd;
}

static void ends_with(const char *bytes, size_t n, int code)
{
	struct lab l;
	char got[300];
	lab_open(&l, false);
	l.conf = (struct ws_conf){.max_message = 100, .max_fragments = 3};
	int fd = raw_client(&l);
	size_t k = exchange(&l, fd, bytes, n, got, sizeof got);
	assert_true(k >= 4);
	assert_int_equal((uint8_t)got[0], 0x88);
	assert_int_equal((uint8_t)got[2] << 8 | (uint8_t)got[3], code);
	assert_true(l.server.closed);
	assert_int_equal(l.server.code, code);
	assert_int_equal(recv(fd, got, sizeof got, 0), 0);
	close(fd);
	/* the process goes on */
	dial(&l, "/ws", "sip");
	assert_non_null(l.client.w);
	l.server.closed = false;
	lab_close(&l);
}

static void test_faults(void **state)
{
	ends_with("\x81\x02hi", 4, 1002);
	ends_with("\x81\x81\0\0\0\0\xff", 7, 1007);
	ends_with("\x01\x80mask\x00\x80mask\x00\x80mask\x00\x80mask", 24, 1008);
	ends_with("\x81\xfe\x01\x00maskx", 9, 1009);
	ends_with("GET / HTTP/1.1\r\n\r\n", 18, 1002);
	ends_with("\x88\x82\0\0\0\0\x03\xe8", 8, 1000);
	assert_true(rig_metric("imsrig_ws_faults_total{reason=\"frame\"}") >= 2);
	assert_true(rig_metric("imsrig_ws_faults_total{reason=\"utf-8\"}") >= 1);
	assert_true(rig_metric("imsrig_ws_faults_total{reason=\"fragments\"}") >= 1);
	assert_true(rig_metric("imsrig_ws_faults_total{reason=\"size\"}") >= 1);
}

/* A frame in the same packet as the handshake. */
static void test_early_frame(void **state)
{
	struct lab l;
	struct addr local = rig_addr(CLIENT), remote = rig_addr(SERVER);
	char got[1000];
	static const char hello[] =
		"GET /ws HTTP/1.1\r\n" UPGRADE VERSION GOOD_KEY SIP REST
		"\x81\x82\0\0\0\0hi";
	lab_open(&l, false);
	int fd = rig_dial(&local, &remote);
	exchange(&l, fd, hello, sizeof hello - 1, got, sizeof got);
	assert_text(l.server.in, "T:hi ");
	close(fd);
	lab_close(&l);
}

static void test_keepalive(void **state)
{
	struct lab l;
	char got[300];
	int64_t before = rig_metric("imsrig_ws_faults_total{reason=\"silent\"}");
	lab_open(&l, false);
	l.conf = (struct ws_conf){.ping_ms = 30000};
	/* one that answers lives on, as long as the clock runs */
	dial(&l, "/ws", "sip");
	for (int i = 1; i <= 5; i++) {
		clock_set_offset(l.rig.host.clock, i * 31000);
		rig_run(&l.rig, 5);
	}
	assert_false(l.server.closed);
	stream_abort(ws_stream(l.client.w));
	rig_until_set(&l.rig, &l.server.closed);
	/* one that is silent gets two pings, and is dropped */
	l.server.closed = l.client.closed = false;
	int fd = raw_client(&l);
	for (int i = 6; i <= 7; i++) {
		clock_set_offset(l.rig.host.clock, i * 31000);
		rig_run(&l.rig, 5);
		assert_int_equal(recv(fd, got, sizeof got, MSG_DONTWAIT), 2);
		assert_memory_equal(got, "\x89\x00", 2);
		assert_false(l.server.closed);
	}
	clock_set_offset(l.rig.host.clock, 8 * 31000);
	rig_until_set(&l.rig, &l.server.closed);
	assert_int_equal(l.server.code, 1006);
	assert_string_equal(l.server.why, "no answer to 2 pings");
	assert_int_equal(
		rig_metric("imsrig_ws_faults_total{reason=\"silent\"}"), before + 1);
	close(fd);
	lab_close(&l);
}

/* A peer that does not answer our close is let go after two seconds. */
static void test_close_unanswered(void **state)
{
	struct lab l;
	lab_open(&l, false);
	int fd = raw_client(&l);
	ws_close(l.server.w, 1008, "policy");
	rig_run(&l.rig, 5);
	assert_false(l.server.closed);
	clock_set_offset(l.rig.host.clock, 2100);
	rig_until_set(&l.rig, &l.server.closed);
	assert_int_equal(l.server.code, 1006);
	close(fd);
	lab_close(&l);
}

static void test_raw(void **state)
{
	struct lab l;
	lab_connect(&l, false);
	assert_int_equal(ws_send_raw(l.client.w, STR("\x81\x01x")), 0);
	rig_until_set(&l.rig, &l.server.closed);
	assert_int_equal(l.server.code, 1002);
	rig_until_set(&l.rig, &l.client.closed);
	assert_int_equal(l.client.code, 1002);
	lab_close(&l);
}

/* ---- trace and gate ---- */

static void test_trace(void **state)
{
	struct lab l;
	lab_connect(&l, true);
	l.rig.host.trace = trace_sink(l.rig.host.clock, "ws", on_trace, &l);
	ws_ping(l.client.w, STR("are you there"));
	rig_run(&l.rig, 10);
	assert_text(l.traced,
		">PING are you there|<PING are you there|>PONG are you there|<PONG are you there|");
	l.traced.n = 0;
	ws_send(l.client.w, true, STR("not traced here"));
	ws_close(l.client.w, 1000, "bye");
	rig_until_set(&l.rig, &l.client.closed);
	assert_text(l.traced, ">CLOSE 1000 bye|<CLOSE 1000 bye|>CLOSE 1000|<CLOSE 1000|");
	lab_close(&l);
}

static void test_gate(void **state)
{
	struct lab l;
	lab_open(&l, true);
	l.conf = (struct ws_conf){.ping_ms = 30000};
	l.rig.host.trace = trace_sink(l.rig.host.clock, "ws", on_trace, &l);
	dial(&l, "/ws", "sip");
	/* pongs that are lost: the peer seems dead */
	gate_rule(l.rig.host.gate, "{\"match\":{\"dir\":\"received\",\"what\":\"WS "
		 "PONG\"},\"do\":\"drop\"}");
	for (int i = 1; i <= 3; i++) {
		clock_set_offset(l.rig.host.clock, i * 30100);
		rig_run(&l.rig, 5);
	}
	assert_true(l.server.closed);
	assert_string_equal(l.server.why, "no answer to 2 pings");
	gate_reset(l.rig.host.gate);
	rig_until_set(&l.rig, &l.client.closed);
	l.server.closed = l.client.closed = l.client.opened = false;
	dial(&l, "/ws", "sip");
	l.traced.n = 0;
	/* a close with another code than was meant */
	gate_rule(l.rig.host.gate, "{\"match\":{\"dir\":\"sent\",\"what\":\"WS "
		 "CLOSE\",\"fields\":{\"code\":\"1000\"}},"
		 "\"do\":\"replace\",\"text\":\"CLOSE 4001 other\",\"times\":1}");
	ws_close(l.client.w, 1000, "bye");
	rig_until_set(&l.rig, &l.server.closed);
	assert_int_equal(l.server.code, 4001);
	rig_until_set(&l.rig, &l.client.closed);
	assert_text(
		l.traced, ">CLOSE 4001 other|<CLOSE 4001 other|>CLOSE 4001|<CLOSE 4001|");
	lab_close(&l);
}

/* Handshakes that wait at the gate, with frames behind them. */
static void test_gate_handshake(void **state)
{
	struct lab l;
	struct addr local = rig_addr(CLIENT), remote = rig_addr(SERVER);
	char got[1000];
	static const char hello[] =
		"GET /ws HTTP/1.1\r\n" UPGRADE VERSION GOOD_KEY SIP REST
		"\x81\x82\0\0\0\0hi";
	lab_open(&l, false);
	gate_rule(l.rig.host.gate, "{\"match\":{\"dir\":\"received\",\"what\":\"HTTP "
		 "GET\"},\"do\":\"hold\"}");
	int fd = rig_dial(&local, &remote);
	assert_int_equal(exchange(&l, fd, hello, sizeof hello - 1, got, sizeof got), 0);
	assert_null(l.server.w);
	gate_release(l.rig.host.gate);
	rig_until_count(&l.rig, &l.server.n, 1);
	assert_text(l.server.in, "T:hi ");
	gate_reset(l.rig.host.gate);
	close(fd);
	rig_until_set(&l.rig, &l.server.closed);
	l.server = (struct side){.in = l.server.in};
	/* the client's side: a message right behind the 101 */
	gate_rule(l.rig.host.gate, "{\"match\":{\"dir\":\"received\",\"what\":\"HTTP "
		 "101\"},\"do\":\"hold\"}");
	struct ws_connect_conf c = {
		.local = local, .remote = remote, .path = "/ws", .subprotocol = "sip"};
	ws_connect(&l.rig.host, &c, &side_h, on_open, &l.client);
	rig_until_set(&l.rig, &l.server.opened);
	ws_send(l.server.w, true, STR("early"));
	rig_run(&l.rig, 10);
	assert_false(l.client.opened);
	gate_release(l.rig.host.gate);
	rig_until_count(&l.rig, &l.client.n, 1);
	assert_text(l.client.in, "T:early ");
	lab_close(&l);
}

static void test_script_field(void **state)
{
	struct str s = ws_script_field(STR("CLOSE 1008 too fast"), STR("code"));
	assert_true(str_eq(s, STR("1008")));
	s = ws_script_field(STR("CLOSE 1008 too fast"), STR("reason"));
	assert_true(str_eq(s, STR("too fast")));
	s = ws_script_field(STR("PING a b"), STR("payload"));
	assert_true(str_eq(s, STR("a b")));
	assert_null(ws_script_field(STR("CLOSE"), STR("code")).p);
	assert_null(ws_script_field(STR("CLOSE 99999"), STR("code")).p);
	assert_null(ws_script_field(STR("NONSENSE"), STR("code")).p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_talk),
		cmocka_unit_test(test_talk_tls),
		cmocka_unit_test(test_close_by_server),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_abort_inside),
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_handshakes),
		cmocka_unit_test(test_refused_client),
		cmocka_unit_test(test_bad_server),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_early_frame),
		cmocka_unit_test(test_keepalive),
		cmocka_unit_test(test_close_unanswered),
		cmocka_unit_test(test_raw),
		cmocka_unit_test(test_trace),
		cmocka_unit_test(test_gate),
		cmocka_unit_test(test_gate_handshake),
		cmocka_unit_test(test_script_field),
	};
	log_setup(&(struct log_conf){.level = getenv("VERBOSE") ? LOG_DEBUG : LOG_ERROR,
		.node = "ws"});
	return cmocka_run_group_tests(tests, NULL, NULL);
}
