/* UDP, TCP and TLS sockets.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/rig.h"

#include "common/base/buf.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/crypto/ca.h"
#include "common/net/inside.h"
#include "common/net/udp.h"

#define SERVER "127.32.0.1:5061"
#define CLIENT "127.32.0.2"

/* One end of a connection, writing down what happens to it. */
struct end {
	struct stream *s;
	struct buf in;
	bool open, closed;
	int err, datas;
	char why[200], peer[100];
	bool pause, close, abort, echo;
	size_t unread;         /* give all but so many bytes back, once */
};

static void on_open(struct stream *s, void *arg)
{
	struct end *e = arg;
	e->s = s;
	e->open = true;
	str_copy(stream_peer_name(s), e->peer, sizeof e->peer);
}

static void on_data(struct stream *s, struct str bytes, void *arg)
{
	struct end *e = arg;
	e->datas++;
	if (e->unread && e->unread < bytes.n) {
		stream_unread(s, str_skip(bytes, e->unread));
		bytes.n = e->unread;
		e->unread = 0;
	}
	buf_add(&e->in, bytes);
	if (e->echo)
		stream_write(s, bytes);
	if (e->pause)
		stream_pause(s, true);
	if (e->close)
		stream_close(s);
	if (e->abort)
		stream_abort(s);
}

static void on_closed(struct stream *s, int err, const char *why, void *arg)
{
	struct end *e = arg;
	assert_false(e->closed);
	e->closed = true;
	e->s = NULL;
	e->err = err;
	snprintf(e->why, sizeof e->why, "%s", why);
}

static const struct stream_h end_h = {on_open, on_data, on_closed};

/* A listener, a client, and what each end saw. */
struct pair {
	struct rig rig;
	struct listener *l;
	struct end server, client;
	struct tls *stls, *ctls;
};

static void pair_listen(struct pair *p)
{
	struct addr a = rig_addr(SERVER);
	assert_int_equal(
		listener_open(&p->rig.host, &a, p->stls, &end_h, &p->server, &p->l), 0);
}

static void pair_connect(struct pair *p, const char *name)
{
	struct addr local = rig_addr(CLIENT), remote = rig_addr(SERVER);
	struct stream *s;
	assert_int_equal(stream_connect(&p->rig.host, &local, &remote, p->ctls, name,
				 &end_h, &p->client, &s),
		0);
	p->client.s = s;
	assert_false(p->client.open);
}

static void pair_open(struct pair *p)
{
	rig_open(&p->rig, "net");
	pair_listen(p);
	pair_connect(p, NULL);
	rig_until_set(&p->rig, &p->server.open);
	rig_until_set(&p->rig, &p->client.open);
}

static void pair_tls(struct pair *p)
{
	rig_open(&p->rig, "net");
	rig_ca(&p->rig);
	rig_cert(&p->rig, "server", "server.example.org", "127.32.0.1");
	rig_cert(&p->rig, "client", "client.example.org", "127.32.0.2");
	p->stls = rig_tls(&p->rig, true, "server", "ca.pem", true);
	p->ctls = rig_tls(&p->rig, false, "client", "ca.pem", false);
	pair_listen(p);
	pair_connect(p, "server.example.org");
	rig_until_set(&p->rig, &p->server.open);
	rig_until_set(&p->rig, &p->client.open);
}

static void pair_close(struct pair *p)
{
	if (p->l)
		listener_close(p->l);
	if (p->server.s)
		stream_close(p->server.s);
	if (p->client.s)
		stream_close(p->client.s);
	tls_free(p->stls);
	tls_free(p->ctls);
	rig_close(&p->rig);
	buf_free(&p->server.in);
	buf_free(&p->client.in);
	assert_int_equal(rig_metric("imsrig_streams_open"), 0);
}

static void write_z(struct stream *s, const char *z)
{
	assert_int_equal(stream_write(s, str_of(z)), 0);
}

#define assert_text(b, z) \
	do { \
		assert_int_equal((b).n, strlen(z)); \
		assert_memory_equal((b).p, z, (b).n); \
	} while (0)

/* ---- plain ---- */

static void test_talk(void **state)
{
	struct pair p = {0};
	pair_open(&p);
	assert_string_equal(addr_text(stream_local(p.server.s)), SERVER);
	assert_string_equal(addr_host(stream_remote(p.server.s)), CLIENT);
	assert_true(addr_eq(stream_local(p.client.s), stream_remote(p.server.s)));
	assert_false(stream_is_tls(p.client.s));
	assert_ptr_equal(stream_find(&p.rig.host, stream_id(p.client.s)), p.client.s);
	assert_null(stream_find(&p.rig.host, 1u << 30));
	assert_null(stream_peer_name(p.client.s).p);
	p.server.echo = true;
	write_z(p.client.s, "one ");
	write_z(p.client.s, "two ");
	write_z(p.client.s, "three");
	rig_until_set(&p.rig, (bool *)&p.client.datas);
	assert_int_equal(p.server.datas, 1); /* one turn, one write */
	assert_text(p.client.in, "one two three");
	uint64_t id = stream_id(p.client.s);
	stream_close(p.server.s);
	assert_int_equal(stream_write(p.server.s, STR("late")), -EPIPE);
	rig_until_set(&p.rig, &p.client.closed);
	rig_until_set(&p.rig, &p.server.closed);
	assert_int_equal(p.client.err, 0);
	assert_int_equal(p.server.err, 0);
	assert_null(stream_find(&p.rig.host, id));
	pair_close(&p);
}

/* All that was queued arrives before the end, also when it is more than a socket takes,
 * in pieces that the receiver paces. */
static void big(struct pair *p)
{
	struct buf b = {0};
	int small = 8192;
	assert_int_equal(
		uv_send_buffer_size((uv_handle_t *)&p->client.s->tcp, &small), 0);
	for (int i = 0; i < 180000; i++)
		buf_fmt(&b, "%05d", i);
	assert_int_equal(stream_write(p->client.s, buf_str(&b)), 0);
	stream_close(p->client.s);
	while (!p->server.closed) {
		p->server.pause = true;
		rig_run(&p->rig, 2);
		if (p->server.s)
			stream_pause(p->server.s, false);
	}
	assert_int_equal(p->server.in.n, b.n);
	assert_memory_equal(p->server.in.p, b.p, b.n);
	assert_int_equal(p->server.err, 0);
	buf_free(&b);
}

static void test_big(void **state)
{
	struct pair p = {0};
	pair_open(&p);
	big(&p);
	pair_close(&p);
}

static void test_big_tls(void **state)
{
	struct pair p = {0};
	pair_tls(&p);
	big(&p);
	pair_close(&p);
}

static void unread(struct pair *p)
{
	p->server.unread = 3;
	write_z(p->client.s, "abcdef");
	rig_until_count(&p->rig, &p->server.datas, 2);
	assert_text(p->server.in, "abcdef");
	p->server.unread = 1;
	p->server.pause = true;
	write_z(p->client.s, "ghi");
	rig_until_count(&p->rig, &p->server.datas, 3);
	write_z(p->client.s, "jkl");
	stream_close(p->client.s);
	rig_run(&p->rig, 20);
	assert_text(p->server.in, "abcdefg");
	assert_false(p->server.closed);
	p->server.pause = false;
	stream_pause(p->server.s, false);
	rig_until_set(&p->rig, &p->server.closed);
	assert_text(p->server.in, "abcdefghijkl");
}

static void test_unread(void **state)
{
	struct pair p = {0};
	pair_open(&p);
	unread(&p);
	pair_close(&p);
}

static void test_unread_tls(void **state)
{
	struct pair p = {0};
	pair_tls(&p);
	unread(&p);
	pair_close(&p);
}

/* A peer that ends its direction still gets the answer. */
static void test_half_close(void **state)
{
	struct pair p = {0};
	char got[8] = "";
	struct addr local = rig_addr(CLIENT), remote = rig_addr(SERVER);
	rig_open(&p.rig, "net");
	pair_listen(&p);
	p.server.echo = true;
	int fd = rig_dial(&local, &remote);
	assert_int_equal(write(fd, "hello", 5), 5);
	shutdown(fd, SHUT_WR);
	rig_until_set(&p.rig, &p.server.closed);
	assert_int_equal(p.server.err, 0);
	assert_int_equal(read(fd, got, sizeof got), 5);
	assert_int_equal(read(fd, got, sizeof got), 0);
	close(fd);
	pair_close(&p);
}

/* The last words reach a peer that sends on regardless: no reset takes them away. */
static void test_linger(void **state)
{
	struct pair p = {0};
	char got[8] = "", junk[4096] = "";
	struct addr local = rig_addr(CLIENT), remote = rig_addr(SERVER);
	rig_open(&p.rig, "net");
	pair_listen(&p);
	p.server.echo = p.server.close = true;
	int fd = rig_dial(&local, &remote);
	assert_int_equal(write(fd, "stop", 4), 4);
	rig_until_set(&p.rig, &p.server.closed);
	assert_int_equal(rig_metric("imsrig_streams_open"), 0);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(write(fd, junk, sizeof junk), sizeof junk);
		rig_run(&p.rig, 2);
	}
	assert_int_equal(read(fd, got, sizeof got), 4);
	assert_int_equal(read(fd, got, sizeof got), 0);
	/* and a peer that never ends is cut off after a second of rig time */
	clock_set_offset(p.rig.host.clock, 1100);
	rig_run(&p.rig, 5);
	usleep(1000);
	rig_run(&p.rig, 5);
	ssize_t n = 0;
	for (int i = 0; i < 500 && n >= 0; i++) {
		n = send(fd, junk, 1, MSG_NOSIGNAL);
		rig_run(&p.rig, 2);
	}
	assert_int_equal(n, -1);
	close(fd);
	pair_close(&p);
}

static void test_abort(void **state)
{
	struct pair p = {0};
	pair_open(&p);
	p.server.abort = true;
	write_z(p.client.s, "x");
	rig_until_set(&p.rig, &p.client.closed);
	assert_true(p.server.closed);
	assert_int_equal(p.server.err, 0);
	pair_close(&p);
}

static void test_overflow(void **state)
{
	struct pair p = {0};
	struct buf b = {0};
	int err = 0;
	pair_open(&p);
	stream_pause(p.server.s, true);
	buf_reserve(&b, 100000);
	memset(b.p, 'x', 100000);
	b.n = 100000;
	for (int i = 0; i < 200 && !err; i++) {
		err = stream_write(p.client.s, buf_str(&b));
		rig_run(&p.rig, 1);
	}
	assert_int_equal(err, -ENOBUFS);
	rig_until_set(&p.rig, &p.client.closed);
	assert_int_equal(p.client.err, -ENOBUFS);
	assert_true(rig_metric("imsrig_stream_faults_total{reason=\"overflow\"}") > 0);
	buf_free(&b);
	stream_abort(p.server.s);
	pair_close(&p);
}

static void test_refused(void **state)
{
	struct pair p = {0};
	rig_open(&p.rig, "net");
	pair_connect(&p, NULL);
	rig_until_set(&p.rig, &p.client.closed);
	assert_int_equal(p.client.err, -ECONNREFUSED);
	assert_string_equal(p.client.why, "connection refused");
	/* an address that is not ours, and a port that is taken, are told at once */
	struct addr a = rig_addr("192.0.2.1:5060"), to = rig_addr(SERVER);
	struct stream *s = NULL;
	struct listener *l = NULL;
	assert_int_equal(
		stream_connect(&p.rig.host, &a, &to, NULL, NULL, &end_h, &p.client, &s),
		-EADDRNOTAVAIL);
	assert_null(s);
	pair_listen(&p);
	a = rig_addr(SERVER);
	assert_int_equal(
		listener_open(&p.rig.host, &a, NULL, &end_h, NULL, &l), -EADDRINUSE);
	assert_null(l);
	pair_close(&p);
}

/* A connection request without an answer ends by the rig's clock. */
static void test_connect_timeout(void **state)
{
	struct pair p = {0};
	struct addr to = rig_addr("127.32.0.9:7777");
	rig_open(&p.rig, "net");
	int fd = socket(AF_INET, SOCK_STREAM, 0), fill[3], n = 0, on = 1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	assert_int_equal(bind(fd, &to.sa, addr_len(&to)), 0);
	listen(fd, 0);
	for (; n < 3; n++) { /* its queue is full: what comes next is ignored */
		fill[n] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		connect(fill[n], &to.sa, addr_len(&to));
	}
	struct stream *s;
	assert_int_equal(
		stream_connect(&p.rig.host, NULL, &to, NULL, NULL, &end_h, &p.client, &s),
		0);
	rig_run(&p.rig, 20);
	assert_false(p.client.open);
	clock_set_offset(p.rig.host.clock, 9900);
	assert_false(p.client.closed);
	clock_set_offset(p.rig.host.clock, 10100);
	rig_until_set(&p.rig, &p.client.closed);
	assert_int_equal(p.client.err, -ETIMEDOUT);
	while (n)
		close(fill[--n]);
	close(fd);
	pair_close(&p);
}

/* Without a descriptor left, a connection is closed at once (by libuv, without a word); the
 * listener lives on. */
static void test_no_descriptor(void **state)
{
	struct pair p = {0};
	struct rlimit was, none;
	struct addr local = rig_addr(CLIENT), remote = rig_addr(SERVER);
	char byte;
	rig_open(&p.rig, "net");
	pair_listen(&p);
	rig_run(&p.rig, 5);
	int fd = socket(AF_INET, SOCK_STREAM, 0), last = dup(fd);
	bind(fd, &local.sa, addr_len(&local));
	close(last);
	getrlimit(RLIMIT_NOFILE, &was);
	none = (struct rlimit){(rlim_t)last, was.rlim_max};
	setrlimit(RLIMIT_NOFILE, &none);
	assert_int_equal(connect(fd, &remote.sa, addr_len(&remote)), 0);
	rig_run(&p.rig, 10);
	setrlimit(RLIMIT_NOFILE, &was);
	assert_true(read(fd, &byte, 1) <= 0);
	assert_false(p.server.open);
	close(fd);
	pair_connect(&p, NULL);
	rig_until_set(&p.rig, &p.server.open);
	pair_close(&p);
}

/* Ids stay found while hundreds of streams come and go. */
static void test_table(void **state)
{
	enum { N = 300 };
	struct rig r;
	struct stream *s[N];
	uint64_t id[N];
	struct end e[N];
	struct addr to = rig_addr("127.32.0.1:1");
	memset(e, 0, sizeof e);
	rig_open(&r, "net");
	for (int i = 0; i < N; i++) {
		assert_int_equal(stream_connect(&r.host, NULL, &to, NULL, NULL, &end_h,
					 &e[i], &s[i]),
			0);
		id[i] = stream_id(s[i]);
	}
	for (int i = 0; i < N; i += 3)
		stream_abort(s[i]);
	for (int i = 0; i < N; i++)
		assert_ptr_equal(stream_find(&r.host, id[i]), i % 3 ? s[i] : NULL);
	for (int i = 1; i < N; i += 3)
		stream_abort(s[i]);
	for (int i = 0; i < N; i++)
		assert_ptr_equal(stream_find(&r.host, id[i]), i % 3 == 2 ? s[i] : NULL);
	rig_close(&r);
	for (int i = 0; i < N; i++)
		assert_true(e[i].closed);
}

/* ---- TLS ---- */

static void test_tls(void **state)
{
	struct pair p = {0};
	pair_tls(&p);
	assert_string_equal(p.server.peer, "client.example.org");
	assert_string_equal(p.client.peer, "server.example.org");
	assert_true(stream_is_tls(p.server.s));
	assert_true(stream_peer_has_name(p.client.s, STR("SERVER.example.org")));
	assert_true(stream_peer_has_name(p.client.s, STR("127.32.0.1")));
	assert_false(stream_peer_has_name(p.client.s, STR("erver.example.org")));
	assert_false(stream_peer_has_name(p.client.s, STR("")));
	p.server.echo = true;
	write_z(p.client.s, "one ");
	write_z(p.client.s, "two");
	rig_until_count(&p.rig, &p.client.datas, 1);
	assert_int_equal(p.server.datas, 1); /* one record */
	assert_text(p.client.in, "one two");
	stream_close(p.client.s);
	rig_until_set(&p.rig, &p.server.closed);
	assert_int_equal(p.server.err, 0);
	pair_close(&p);
}

/* What stands before the connection is open waits and arrives. */
static void test_early_write(void **state)
{
	struct pair p = {0};
	rig_open(&p.rig, "net");
	rig_ca(&p.rig);
	rig_cert(&p.rig, "server", "server.example.org", "127.32.0.1");
	p.stls = rig_tls(&p.rig, true, "server", NULL, false);
	p.ctls = rig_tls(&p.rig, false, NULL, "ca.pem", false);
	pair_listen(&p);
	pair_connect(&p, "127.32.0.1");
	write_z(p.client.s, "early");
	rig_until_count(&p.rig, &p.server.datas, 1);
	assert_text(p.server.in, "early");
	assert_string_equal(p.server.peer, "");
	pair_close(&p);
}

static void issue(
	struct rig *r, const char *name, enum ca_use use, int64_t from, int64_t until)
{
	char cert[64], key[64], why[256];
	snprintf(cert, sizeof cert, "%s.pem", name);
	snprintf(key, sizeof key, "%s-key.pem", name);
	struct ca_subject s = {.name = name,
		.dns = (const char *const[]){"old.example.org", NULL},
		.use = use,
		.from_s = from,
		.until_s = until};
	if (ca_issue(r->dir, &s, rig_file(r, cert), rig_file(r, key), why))
		fail_msg("%s", why);
}

static void bad_setup(struct pair *p, struct rig *other)
{
	int64_t now = clock_wall_ms(p->rig.host.clock) / 1000;
	rig_ca(&p->rig);
	rig_cert(&p->rig, "server", "server.example.org", "127.32.0.1");
	rig_cert(&p->rig, "client", "client.example.org", "127.32.0.2");
	issue(&p->rig, "soon", CA_BOTH, now - 100, now + 3600);
	issue(&p->rig, "later", CA_BOTH, now + 3600, now + 7200);
	issue(&p->rig, "srvonly", CA_SERVER, 0, 0);
	rig_ca(other);
	rig_cert(other, "server", "server.example.org", "127.32.0.1");
	rig_cert(other, "client", "client.example.org", "127.32.0.2");
}

/* Each kind of bad certificate: the handshake fails, and the sentence says why. The side
 * that refuses and the side that is refused both say so. */
static void refused_by_client(const char *server_cert, bool foreign, const char *name,
	int64_t advance, const char *says)
{
	struct pair p = {0};
	struct rig other;
	rig_open(&p.rig, "net");
	rig_open(&other, "other");
	bad_setup(&p, &other);
	p.stls = rig_tls(foreign ? &other : &p.rig, true, server_cert, NULL, false);
	p.ctls = rig_tls(&p.rig, false, NULL, "ca.pem", false);
	clock_set_offset(p.rig.host.clock, advance);
	int64_t before = rig_metric("imsrig_stream_faults_total{reason=\"tls\"}");
	pair_listen(&p);
	pair_connect(&p, name);
	rig_until_set(&p.rig, &p.client.closed);
	rig_run(&p.rig, 10);
	assert_int_equal(p.client.err, -EPROTO);
	if (!strstr(p.client.why, says))
		fail_msg("\"%s\" lacks \"%s\"", p.client.why, says);
	assert_false(p.client.open);
	assert_false(p.server.open);
	assert_false(p.server.closed);
	assert_int_equal(
		rig_metric("imsrig_stream_faults_total{reason=\"tls\"}"), before + 2);
	rig_close(&other);
	pair_close(&p);
}

static void test_bad_server(void **state)
{
	enum { HOUR = 3600 * 1000 };
	refused_by_client("server", false, "wrong.example.org", 0,
		"the certificate is for server.example.org, 127.32.0.1, not for wrong.example.org");
	refused_by_client("server", false, "127.32.0.77", 0, "not for 127.32.0.77");
	refused_by_client("server", true, "server.example.org", 0,
		"the certificate of server.example.org, 127.32.0.1 is from a CA that is not trusted");
	refused_by_client("soon", false, "old.example.org", 2 * HOUR,
		"the certificate of old.example.org has expired");
	refused_by_client("later", false, "old.example.org", 0, "is not valid yet");
}

static void refused_by_server(const char *cert, bool foreign, int64_t advance, bool fails,
	bool any_purpose, const char *says)
{
	struct pair p = {0};
	struct rig other;
	rig_open(&p.rig, "net");
	rig_open(&other, "other");
	bad_setup(&p, &other);
	char why[256];
	struct tls_conf conf = {.cert = rig_file(&p.rig, "server.pem"),
		.key = rig_file(&p.rig, "server-key.pem"),
		.ca = rig_file(&p.rig, "ca.pem"),
		.require_peer = true,
		.any_purpose = any_purpose,
		.clock = p.rig.host.clock};
	assert_int_equal(tls_new(&conf, true, &p.stls, why), 0);
	p.ctls = rig_tls(foreign ? &other : &p.rig, false, cert, NULL, false);
	clock_set_offset(p.rig.host.clock, advance);
	pair_listen(&p);
	pair_connect(&p, NULL);
	if (fails) {
		rig_until_set(&p.rig, &p.client.closed);
		assert_false(p.server.open);
		assert_int_equal(p.client.err, -EPROTO);
		if (!strstr(p.client.why, says))
			fail_msg("\"%s\" lacks \"%s\"", p.client.why, says);
	} else {
		rig_until_set(&p.rig, &p.server.open);
	}
	rig_close(&other);
	pair_close(&p);
}

static void test_bad_client(void **state)
{
	refused_by_server("client", false, 0, false, false, "");
	refused_by_server(NULL, false, 0, true, false, "certificate required");
	refused_by_server("client", true, 0, true, false, "unknown CA");
	refused_by_server(
		"soon", false, 2 * 3600 * 1000, true, false, "certificate expired");
	refused_by_server("srvonly", false, 0, true, false, "unsupported certificate");
	refused_by_server("srvonly", false, 0, false, true, "");
}

/* Garbage, plain HTTP, silence and an early end on a TLS port: nobody is told of such a
 * connection, it is counted, and the next one is served. */
static void test_tls_garbage(void **state)
{
	static const char *const junk[] = {"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"\x16\x03", "\x16\x03\x01\x00\x05\x01\xff\xff\xff\xff",
		"\xff\xff\xff\xff\xff\xff\xff\xff", ""};
	struct pair p = {0};
	struct addr local = rig_addr(CLIENT), remote = rig_addr(SERVER);
	rig_open(&p.rig, "net");
	rig_ca(&p.rig);
	rig_cert(&p.rig, "server", "server.example.org", NULL);
	p.stls = rig_tls(&p.rig, true, "server", NULL, false);
	p.ctls = rig_tls(&p.rig, false, NULL, "ca.pem", false);
	pair_listen(&p);
	for (size_t i = 0; i < sizeof junk / sizeof *junk; i++) {
		int fd = rig_dial(&local, &remote);
		assert_int_equal(send(fd, junk[i], strlen(junk[i]), 0), strlen(junk[i]));
		shutdown(fd, SHUT_WR);
		rig_run(&p.rig, 10);
		char answer[64];
		while (read(fd, answer, sizeof answer) > 0)
			;
		close(fd);
	}
	int fd = rig_dial(&local, &remote);
	rig_run(&p.rig, 10);
	clock_set_offset(p.rig.host.clock, 10100);
	char byte;
	rig_run(&p.rig, 10);
	assert_int_equal(read(fd, &byte, 1), 0);
	close(fd);
	assert_false(p.server.open);
	assert_int_equal(rig_metric("imsrig_streams_open"), 0);
	pair_connect(&p, "server.example.org");
	rig_until_set(&p.rig, &p.server.open);
	pair_close(&p);
}

/* A TLS 1.2 client that asks for another handshake on the open connection is told no, and
 * goes on or away; either way the server does. */
static void renegotiate(const char *ca)
{
	struct addr local = rig_addr(CLIENT), remote = rig_addr(SERVER);
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_load_verify_file(ctx, ca);
	SSL *ssl = SSL_new(ctx);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	bind(fd, &local.sa, addr_len(&local));
	if (connect(fd, &remote.sa, addr_len(&remote)) || !SSL_set_fd(ssl, fd) ||
		SSL_connect(ssl) != 1 || SSL_write(ssl, "one", 3) != 3)
		_exit(1);
	SSL_renegotiate(ssl);
	SSL_do_handshake(ssl);
	char got[3];
	_exit(SSL_read(ssl, got, 3) == 3 ? 0 : 2);
}

static void test_renegotiation(void **state)
{
	struct pair p = {0};
	char ca[200];
	int status = -1;
	rig_open(&p.rig, "net");
	rig_ca(&p.rig);
	rig_cert(&p.rig, "server", "server.example.org", NULL);
	p.stls = rig_tls(&p.rig, true, "server", NULL, false);
	p.ctls = rig_tls(&p.rig, false, NULL, "ca.pem", false);
	snprintf(ca, sizeof ca, "%s", rig_file(&p.rig, "ca.pem"));
	pair_listen(&p);
	p.server.echo = true;
	pid_t child = fork();
	if (!child)
		renegotiate(ca);
	while (waitpid(child, &status, WNOHANG) == 0)
		rig_run(&p.rig, 5);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 1);
	assert_text(p.server.in, "one");
	rig_run(&p.rig, 10);
	assert_true(p.server.closed);
	pair_connect(&p, "server.example.org");
	rig_until_set(&p.rig, &p.client.open);
	p.server.closed = false;
	rig_until_set(&p.rig, &p.server.open);
	pair_close(&p);
}

static void test_tls_conf(void **state)
{
	struct rig r;
	struct tls *t;
	char why[256];
	rig_open(&r, "net");
	rig_ca(&r);
	rig_cert(&r, "a", "a.example.org", NULL);
	rig_cert(&r, "b", "b.example.org", NULL);
	struct tls_conf conf = {.cert = "/nowhere.pem", .key = "/nowhere.pem"};
	assert_int_equal(tls_new(&conf, true, &t, why), -EINVAL);
	assert_non_null(strstr(why, "/nowhere.pem"));
	conf = (struct tls_conf){
		.cert = rig_file(&r, "a.pem"), .key = rig_file(&r, "b-key.pem")};
	assert_int_equal(tls_new(&conf, true, &t, why), -EINVAL);
	assert_non_null(strstr(why, "mismatch"));
	conf = (struct tls_conf){0};
	assert_int_equal(tls_new(&conf, true, &t, why), -EINVAL);
	rig_close(&r);
}

/* ---- UDP ---- */

struct mailbox {
	int n;
	size_t bytes;
	struct addr from;
	bool close, answer;
	char last[100];
};

static void on_gram(struct udp *u, const struct addr *from, struct str bytes, void *arg)
{
	struct mailbox *m = arg;
	m->n++;
	m->bytes += bytes.n;
	m->from = *from;
	str_copy(bytes, m->last, sizeof m->last);
	if (m->answer)
		udp_send(u, from, bytes);
	if (m->close)
		udp_close(u);
}

static void test_udp(void **state)
{
	struct rig r;
	struct udp *a, *b, *c = NULL;
	struct mailbox ma = {0}, mb = {.answer = true};
	struct addr la = rig_addr("127.32.0.1:5060"), lb = rig_addr("127.32.0.2:0");
	char big[65507];
	memset(big, 'x', sizeof big);
	rig_open(&r, "net");
	assert_int_equal(udp_open(&r.host, &la, on_gram, &ma, &a), 0);
	assert_int_equal(udp_open(&r.host, &lb, on_gram, &mb, &b), 0);
	assert_int_equal(udp_open(&r.host, &la, on_gram, &mb, &c), -EADDRINUSE);
	assert_true(addr_port(udp_local(b)) != 0);
	assert_int_equal(udp_send(a, udp_local(b), STR("hello")), 0);
	rig_until_count(&r, &ma.n, 1);
	assert_true(addr_eq(&ma.from, udp_local(b)));
	assert_string_equal(ma.last, "hello");
	assert_int_equal(udp_send(a, udp_local(b), STR_NONE), 0);
	assert_int_equal(udp_send(a, udp_local(b), (struct str){big, sizeof big}), 0);
	rig_until_count(&r, &ma.n, 3);
	assert_int_equal(ma.bytes, 5 + sizeof big);
	assert_int_equal(
		udp_send(a, udp_local(b), (struct str){big, sizeof big + 1}), -EMSGSIZE);
	/* a datagram that can't be sent takes no other with it */
	struct addr nowhere = rig_addr("127.32.0.3:0"), v6 = rig_addr("[::1]:9");
	udp_send(a, &nowhere, STR("lost"));
	udp_send(a, &v6, STR("lost"));
	udp_send(a, udp_local(b), STR("kept"));
	rig_until_count(&r, &ma.n, 4);
	assert_true(rig_metric("imsrig_udp_dropped_total{reason=\"refused\"}") >= 1);
	/* many in one turn */
	mb.answer = false;
	mb.n = 0;
	for (int i = 0; i < 150; i++)
		assert_int_equal(udp_send(a, udp_local(b), STR("x")), 0);
	rig_until_count(&r, &mb.n, 150);
	mb.close = true;
	udp_send(a, udp_local(b), STR("x"));
	udp_send(a, udp_local(b), STR("x"));
	rig_until_count(&r, &mb.n, 151);
	udp_send(a, &la, STR("last words to myself"));
	udp_close(a);
	rig_close(&r);
	assert_int_equal(mb.n, 151);
}

static void test_udp_bound(void **state)
{
	struct rig r;
	struct udp *a;
	struct mailbox m = {0};
	struct addr la = rig_addr("127.32.0.1:5060");
	int err = 0, n = 0;
	rig_open(&r, "net");
	assert_int_equal(udp_open(&r.host, &la, on_gram, &m, &a), 0);
	while (!err && n < 100000) {
		err = udp_send(a, &la, STR("y"));
		n++;
	}
	assert_int_equal(err, -ENOBUFS);
	assert_true(rig_metric("imsrig_udp_dropped_total{reason=\"full\"}") >= 1);
	rig_run(&r, 50);
	assert_true(m.n > 0);
	assert_int_equal(udp_send(a, &la, STR("y")), 0);
	udp_close(a);
	rig_close(&r);
}

static void test_names(void **state)
{
	struct name rows[] = {{"icscf.ims.example.org", rig_addr("127.32.0.13")},
		{"hss.ims.example.org", rig_addr("127.32.0.16:3868")}};
	struct host h = {.names = rows, .n_names = 2};
	struct addr a;
	assert_int_equal(host_resolve(&h, STR("ICSCF.ims.example.org."), 5060, &a), 0);
	assert_string_equal(addr_text(&a), "127.32.0.13:5060");
	assert_int_equal(host_resolve(&h, STR("hss.ims.example.org"), 1, &a), 0);
	assert_string_equal(addr_text(&a), "127.32.0.16:3868");
	assert_int_equal(host_resolve(&h, STR("127.0.0.1"), 7, &a), 0);
	assert_string_equal(addr_text(&a), "127.0.0.1:7");
	assert_int_equal(host_resolve(&h, STR("localhost"), 7, &a), -ENOENT);
	assert_int_equal(host_resolve(&h, STR(""), 7, &a), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_talk),
		cmocka_unit_test(test_big),
		cmocka_unit_test(test_big_tls),
		cmocka_unit_test(test_unread),
		cmocka_unit_test(test_unread_tls),
		cmocka_unit_test(test_half_close),
		cmocka_unit_test(test_linger),
		cmocka_unit_test(test_abort),
		cmocka_unit_test(test_overflow),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_connect_timeout),
		cmocka_unit_test(test_no_descriptor),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_tls),
		cmocka_unit_test(test_early_write),
		cmocka_unit_test(test_bad_server),
		cmocka_unit_test(test_bad_client),
		cmocka_unit_test(test_tls_garbage),
		cmocka_unit_test(test_renegotiation),
		cmocka_unit_test(test_tls_conf),
		cmocka_unit_test(test_udp),
		cmocka_unit_test(test_udp_bound),
		cmocka_unit_test(test_names),
	};
	log_setup(&(struct log_conf){
		.level = getenv("VERBOSE") ? LOG_DEBUG : LOG_ERROR, .node = "net"});
	return cmocka_run_group_tests(tests, NULL, NULL);
}
