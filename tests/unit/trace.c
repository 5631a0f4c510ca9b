/* Tests of tracing: HEPv3 records, and the sinks.
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/trace/hep.h"

static const struct hep_types types = HEP_TYPES_DEFAULT;

static struct addr at(const char *text)
{
	struct addr a;
	assert_int_equal(addr_parse(str_of(text), 0, &a), 0);
	return a;
}

static struct trace_msg sample(void)
{
	return (struct trace_msg){.proto = TRACE_SIP, .via = TRACE_WSS, .dir = TRACE_SENT,
		.local = at("127.34.0.12:8443"), .remote = at("127.34.0.101:40001"),
		.at_ns = 123456789012345, .conn = 7, .id = 42, .node = STR("epcscf"),
		.wall_ms = 1700000000123, .wall_us = 456, .offset_ms = 241000,
		.bytes = STR("SIP/2.0 200 OK\r\n\r\n")};
}

static void same(const struct trace_msg *a, const struct trace_msg *b)
{
	assert_int_equal(a->proto, b->proto);
	assert_int_equal(a->via, b->via);
	assert_int_equal(a->dir, b->dir);
	assert_true(addr_eq(&a->local, &b->local));
	assert_true(addr_eq(&a->remote, &b->remote));
	assert_int_equal(a->at_ns, b->at_ns);
	assert_int_equal(a->conn, b->conn);
	assert_int_equal(a->id, b->id);
	assert_true(str_eq(a->node, b->node));
	assert_int_equal(a->wall_ms, b->wall_ms);
	assert_int_equal(a->wall_us, b->wall_us);
	assert_int_equal(a->offset_ms, b->offset_ms);
	assert_true(str_eq(a->bytes, b->bytes));
}

/* ---- records ---- */

static void test_round_trip(void **state)
{
	for (int i = 0; i < 4 * 5 * 2 * 2; i++) {
		struct trace_msg m = sample();
		struct hep_msg h;
		struct buf b = {0};
		m.proto = (enum trace_proto)(i % 4);
		m.via = (enum trace_via)(i / 4 % 5);
		m.dir = (enum trace_dir)(i / 20 % 2);
		if (i / 40) {
			m.local = at("[fd00::1]:5060");
			m.remote = at("[fd00::2]:5061");
		}
		hep_encode(&m, &types, &b);
		assert_int_equal(hep_frame(buf_str(&b)), b.n);
		assert_int_equal(hep_decode(buf_str(&b), &h), 0);
		assert_true(h.own);
		assert_int_equal(h.part, 1);
		assert_int_equal(h.parts, 1);
		same(&m, &h.m);
		buf_free(&b);
	}
}

/* A record byte for byte as HEPv3 lays it out: what other programs read. */
static void test_generic_chunks(void **state)
{
	struct trace_msg m = sample();
	struct buf b = {0};
	char hex[2 * 83 + 1];

	m.dir = TRACE_RECEIVED; /* so the remote end is the source */
	hep_encode(&m, &types, &b);
	hex_of(b.p, 83, hex);
	hex[8] = hex[9] = hex[10] = hex[11] = '.';
	assert_string_equal(hex,
		"48455033...."
		"00000001000702"           /* IPv4 */
		"00000002000706"           /* TCP: it is WSS in truth */
		"00000003000a7f220065"     /* source */
		"00000004000a7f22000c"     /* destination */
		"0000000700089c41"
		"00000008000820fb"
		"00000009000a6553f100"
		"0000000a000a0001e240"     /* too: 123456 us */
		"0000000b000701");         /* SIP */
	buf_free(&b);
}

static void test_types(void **state)
{
	struct hep_types own = {56, 57, 58};
	struct trace_msg m = sample();
	struct hep_msg h;
	struct buf b = {0};

	m.proto = TRACE_DIAMETER;
	hep_encode(&m, &own, &b);
	assert_int_equal(hep_decode(buf_str(&b), &h), 0);
	assert_int_equal(h.type, 56);
	assert_int_equal(h.m.proto, TRACE_DIAMETER); /* whatever the number */
	buf_free(&b);
}

/* As Kamailio and heplify send it: no chunk of ours. */
static const char foreign[] =
	"HEP3\0\x70"
	"\0\0\0\1\0\7\2" "\0\0\0\2\0\7\x11"
	"\0\0\0\3\0\x0a\x7f\0\0\1" "\0\0\0\4\0\x0a\x7f\0\0\2"
	"\0\0\0\7\0\x08\x13\xc4" "\0\0\0\x08\0\x08\x13\xc5"
	"\0\0\0\x09\0\x0a\x65\x53\xf1\0" "\0\0\0\x0a\0\x0a\0\1\xe2\x40"
	"\0\0\0\x0b\0\7\1" "\0\0\0\x0c\0\x0a\0\0\7\xd1"
	"\0\0\0\x0e\0\x08hi"
	"\0\0\0\x0f\0\x0bhello";
#define FOREIGN ((struct str){foreign, sizeof foreign - 1})

static void test_foreign(void **state)
{
	struct hep_msg h;
	assert_int_equal(hep_frame(FOREIGN), sizeof foreign - 1);
	assert_int_equal(hep_decode(FOREIGN, &h), 0);
	assert_false(h.own);
	assert_int_equal(h.m.proto, TRACE_SIP);
	assert_int_equal(h.m.via, TRACE_UDP);
	assert_int_equal(h.m.dir, TRACE_SENT);
	assert_int_equal(h.capture_id, 2001);
	assert_string_equal(addr_text(&h.m.local), "127.0.0.1:5060");
	assert_string_equal(addr_text(&h.m.remote), "127.0.0.2:5061");
	assert_true(str_eq(h.m.bytes, STR("hello")));
	assert_int_equal(h.m.wall_ms, 1700000000123);
}

/* No octet changed and no cut makes the decoder read where it may not. */
static void test_broken(void **state)
{
	struct trace_msg m = sample();
	struct hep_msg h;
	struct buf b = {0};

	hep_encode(&m, &types, &b);
	for (size_t n = 0; n < b.n; n++) {
		char *cut = mem_alloc(n);
		memcpy(cut, b.p, n);
		assert_int_equal(hep_decode((struct str){cut, n}, &h), -EBADMSG);
		free(cut);
	}
	for (size_t i = 0; i < b.n; i++)
		for (int bit = 0; bit < 8; bit++) {
			b.p[i] = (char)(b.p[i] ^ 1 << bit);
			if (!hep_decode(buf_str(&b), &h)) {
				assert_true(h.m.proto <= TRACE_WS && h.m.via <= TRACE_WSS);
				assert_true(h.part >= 1 && h.part <= h.parts);
			}
			b.p[i] = (char)(b.p[i] ^ 1 << bit);
		}
	buf_free(&b);
	assert_int_equal(hep_frame(STR("HEQ")), -EBADMSG);
	assert_int_equal(hep_frame(STR("GET / HTTP/1.1")), -EBADMSG);
	assert_int_equal(hep_frame(STR("HEP3\0\5")), -EBADMSG);
	assert_int_equal(hep_decode(STR("HEP3\0\6"), &h), -EBADMSG);
}

/* ---- streams ---- */

/* A collector's side: bytes come as they like, whole messages go out. */
struct reader {
	struct buf in;
	struct hep_join join;
	uint64_t ids[32];
	size_t sizes[32];
	int n;
	uint32_t sum;
};

static void feed(struct reader *r, struct str s)
{
	struct hep_msg h;
	int len;

	buf_add(&r->in, s);
	while ((len = hep_frame(buf_str(&r->in))) > 0) {
		assert_int_equal(hep_decode((struct str){r->in.p, (size_t)len}, &h), 0);
		if (hep_join_add(&r->join, &h)) {
			r->ids[r->n] = h.m.id;
			r->sizes[r->n++] = h.m.bytes.n;
			for (size_t i = 0; i < h.m.bytes.n; i++)
				r->sum = r->sum * 31 + (uint8_t)h.m.bytes.p[i];
		}
		buf_drop(&r->in, (size_t)len);
	}
	assert_int_equal(len, 0);
}

static void reader_free(struct reader *r)
{
	buf_free(&r->in);
	hep_join_free(&r->join);
}

static void test_framing(void **state)
{
	struct reader whole = {0}, bytes = {0};
	struct buf b = {0};
	struct trace_msg m = sample();

	hep_encode(&m, &types, &b);
	buf_add(&b, FOREIGN);
	m.id = 43;
	m.bytes = STR_NONE;
	hep_encode(&m, &types, &b);

	feed(&whole, buf_str(&b));
	assert_int_equal(whole.n, 3);
	assert_int_equal(whole.ids[0], 42);
	assert_int_equal(whole.ids[1], 0);
	assert_int_equal(whole.sizes[2], 0);
	for (size_t i = 0; i < b.n; i++)
		feed(&bytes, (struct str){b.p + i, 1});
	assert_int_equal(bytes.n, 3);
	assert_int_equal(bytes.sum, whole.sum);
	for (size_t i = 0; i <= b.n; i++) {
		struct reader cut = {0};
		feed(&cut, (struct str){b.p, i});
		feed(&cut, str_skip(buf_str(&b), i));
		assert_int_equal(cut.n, 3);
		assert_int_equal(cut.sum, whole.sum);
		reader_free(&cut);
	}
	reader_free(&whole);
	reader_free(&bytes);
	buf_free(&b);
}

static void test_parts(void **state)
{
	struct reader r = {0};
	struct buf b = {0};
	struct trace_msg m = sample();
	size_t sizes[] = {HEP_PART_MAX - 1, HEP_PART_MAX, HEP_PART_MAX + 1, 3 * HEP_PART_MAX, 150001};
	char *big = mem_alloc(200000);
	uint32_t sum = 0;

	for (int i = 0; i < 200000; i++)
		big[i] = (char)(i * 7 + i / 251);
	for (int k = 0; k < 5; k++) {
		m.id = (uint64_t)k + 1;
		m.bytes = (struct str){big, sizes[k]};
		hep_encode(&m, &types, &b);
		for (size_t i = 0; i < sizes[k]; i++)
			sum = sum * 31 + (uint8_t)big[i];
	}
	feed(&r, buf_str(&b));
	assert_int_equal(r.n, 5);
	assert_int_equal(r.sum, sum);
	for (int k = 0; k < 5; k++)
		assert_int_equal(r.sizes[k], sizes[k]);
	assert_int_equal(r.join.lost, 0);
	reader_free(&r);
	buf_free(&b);
	free(big);
}

/* Each record of a message in parts missing in turn: the message is lost, once, and those
 * around it are not. */
static void test_lost_part(void **state)
{
	char *big = mem_zalloc(3 * HEP_PART_MAX);

	for (int gone = 1; gone <= 3; gone++) {
		struct reader r = {0};
		struct buf b = {0};
		struct trace_msg m = sample();
		struct str rest;
		m.id = 1;
		hep_encode(&m, &types, &b);
		m.id = 2;
		m.bytes = (struct str){big, 3 * HEP_PART_MAX};
		hep_encode(&m, &types, &b);
		m.id = 3;
		hep_encode(&m, &types, &b);
		rest = buf_str(&b);
		for (int i = 0; rest.n; i++) {
			size_t len = (size_t)hep_frame(rest);
			if (i != gone)
				feed(&r, (struct str){rest.p, len});
			rest = str_skip(rest, len);
		}
		assert_int_equal(r.n, 2);
		assert_int_equal(r.ids[0], 1);
		assert_int_equal(r.ids[1], 3);
		assert_int_equal(r.join.lost, 1);
		reader_free(&r);
		buf_free(&b);
	}
	free(big);
}

/* ---- sinks ---- */

static void on_sink(const struct trace_msg *m, void *arg)
{
	struct trace_msg *out = arg;
	*out = *m;
}

static void test_sink(void **state)
{
	uv_loop_t loop;
	struct trace_msg got = {0}, m = sample(), bare = sample();
	struct clock *clock;
	struct trace *t;

	uv_loop_init(&loop);
	clock = clock_new(&loop);
	clock_set_offset(clock, 5000);
	t = trace_sink(clock, "alice", on_sink, &got);
	trace_emit(NULL, &m); /* off */
	assert_int_equal(m.id, 42);
	bare.node = STR_NONE;
	bare.at_ns = 0;
	bare.wall_ms = 0;
	trace_emit(t, &bare);
	assert_int_equal(got.id, 1);
	assert_true(str_eq(got.node, STR("alice")));
	assert_true(got.at_ns > 0 && got.wall_ms > 1600000000000);
	assert_int_equal(got.offset_ms, 5000);
	/* told late, at the time when it was */
	struct trace_msg late = bare;
	late.at_ns = got.at_ns - 2000000000;
	late.wall_ms = 0;
	trace_emit(t, &late);
	assert_in_range(bare.wall_ms - got.wall_ms, 1990, 2010);
	assert_int_equal(trace_count(t), 2);
	assert_int_equal(trace_count(NULL), 0);
	trace_free(t);
	clock_free(clock);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
}

struct collector {
	uv_loop_t loop;
	uv_tcp_t listen, conn;
	uv_timer_t stop;
	struct clock *clock;
	struct trace *t;
	struct reader r;
	int reads, conns, want;
	bool listening, connected;
};

static void on_alloc(uv_handle_t *h, size_t n, uv_buf_t *b)
{
	static char space[1 << 20];
	*b = uv_buf_init(space, sizeof space);
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
	struct collector *c = s->data;
	if (n < 0) {
		c->connected = false;
		uv_close((uv_handle_t *)s, NULL);
		return;
	}
	c->reads++;
	feed(&c->r, (struct str){b->base, (size_t)n});
	if (c->r.n >= c->want)
		uv_stop(&c->loop);
}

static void on_conn(uv_stream_t *s, int status)
{
	struct collector *c = s->data;
	assert_int_equal(status, 0);
	uv_tcp_init(&c->loop, &c->conn);
	c->conn.data = c;
	assert_int_equal(uv_accept(s, (uv_stream_t *)&c->conn), 0);
	uv_read_start((uv_stream_t *)&c->conn, on_alloc, on_read);
	c->conns++;
	c->connected = true;
}

static void collector_listen(struct collector *c)
{
	struct addr a = at("127.34.0.1:9060");
	uv_tcp_init(&c->loop, &c->listen);
	c->listen.data = c;
	assert_int_equal(uv_tcp_bind(&c->listen, &a.sa, 0), 0);
	assert_int_equal(uv_listen((uv_stream_t *)&c->listen, 8, on_conn), 0);
	c->listening = true;
}

static void collector_away(struct collector *c)
{
	if (c->listening)
		uv_close((uv_handle_t *)&c->listen, NULL);
	if (c->connected)
		uv_close((uv_handle_t *)&c->conn, NULL);
	c->listening = c->connected = false;
}

static void on_stop(uv_timer_t *t)
{
	uv_stop(t->loop);
}

/* Until `want` messages were seen, at most `ms`. */
static void turn(struct collector *c, int want, int ms)
{
	c->want = want;
	if (c->r.n >= want)
		return;
	uv_timer_start(&c->stop, on_stop, (uint64_t)ms, 0);
	uv_run(&c->loop, UV_RUN_DEFAULT);
}

static void collector_open(struct collector *c, const char *to)
{
	*c = (struct collector){0};
	uv_loop_init(&c->loop);
	uv_timer_init(&c->loop, &c->stop);
	c->clock = clock_new(&c->loop);
	assert_int_equal(trace_to(&c->loop, c->clock, "epcscf", to, &c->t), 0);
}

static void collector_close(struct collector *c)
{
	trace_free(c->t);
	clock_free(c->clock);
	uv_close((uv_handle_t *)&c->stop, NULL);
	collector_away(c);
	uv_run(&c->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&c->loop), 0);
	reader_free(&c->r);
}

static void emit(struct trace *t, struct str bytes)
{
	struct trace_msg m = sample();
	m.bytes = bytes;
	trace_emit(t, &m);
}

static void test_tcp(void **state)
{
	struct collector c;

	collector_open(&c, "tcp:127.34.0.1:9060");
	collector_listen(&c);
	/* refused at first, so these wait until the next try */
	for (int i = 0; i < 5; i++)
		emit(c.t, STR("one"));
	turn(&c, 5, 5000);
	assert_int_equal(c.r.n, 5);
	assert_int_equal(c.r.ids[4], 5);
	/* a turn's records in one write */
	c.reads = 0;
	for (int i = 0; i < 20; i++)
		emit(c.t, STR("two"));
	turn(&c, 25, 5000);
	assert_int_equal(c.r.n, 25);
	assert_int_equal(c.reads, 1);
	/* what is not sent yet goes with trace_free */
	emit(c.t, STR("last"));
	trace_free(c.t);
	c.t = NULL;
	turn(&c, 26, 5000);
	assert_int_equal(c.r.n, 26);
	collector_close(&c);
}

static void test_tcp_away(void **state)
{
	struct collector c;
	struct buf big = {0};

	buf_reserve(&big, 1000);
	memset(big.p, 'x', 1000);
	big.n = 1000;
	collector_open(&c, "tcp:127.34.0.1:9060");
	trace_limit(c.t, 20000);
	for (int i = 0; i < 100; i++)
		emit(c.t, buf_str(&big));
	uint64_t gone = trace_dropped(c.t);
	assert_in_range(gone, 80, 90);
	turn(&c, 1, 50);
	collector_listen(&c);
	turn(&c, 100 - (int)gone, 5000);
	assert_int_equal(c.r.n, 100 - gone);
	assert_int_equal(c.r.ids[0], gone + 1); /* the oldest went */
	assert_int_equal(c.r.ids[c.r.n - 1], 100);

	/* the collector goes and comes back: found within a second, from a whole record on */
	collector_away(&c);
	buf_free(&c.r.in);
	turn(&c, 99, 50);
	collector_listen(&c);
	c.r.n = 0;
	emit(c.t, STR("again"));
	turn(&c, 1, 5000);
	assert_int_equal(c.r.n, 1);
	assert_int_equal(c.r.ids[0], 101);
	assert_int_equal(c.conns, 2);
	collector_close(&c);
	buf_free(&big);
}

/* Freed in each of its states: connecting, waiting to try again, writing. */
static void test_tcp_free(void **state)
{
	struct collector c;

	collector_open(&c, "tcp:127.34.0.1:9060");
	collector_close(&c);

	collector_open(&c, "tcp:127.34.0.1:9060");
	emit(c.t, STR("lost"));
	turn(&c, 1, 50);
	collector_close(&c);

	collector_open(&c, "tcp:127.34.0.1:9060");
	collector_listen(&c);
	turn(&c, 1, 1100);
	char *big = mem_zalloc(12 << 20); /* more than the socket takes at once */
	emit(c.t, (struct str){big, 12 << 20});
	uv_run(&c.loop, UV_RUN_NOWAIT);
	trace_free(c.t); /* the collector doesn't read meanwhile: half a second, then it goes */
	c.t = NULL;
	free(big);
	collector_close(&c);
}

static void on_udp(uv_udp_t *u, ssize_t n, const uv_buf_t *b, const struct sockaddr *from,
	unsigned flags)
{
	struct collector *c = u->data;
	if (n <= 0 || !from)
		return;
	feed(&c->r, (struct str){b->base, (size_t)n});
	if (c->r.n >= c->want)
		uv_stop(&c->loop);
}

static void test_udp(void **state)
{
	struct collector c;
	uv_udp_t u;
	struct addr a = at("127.34.0.1:9061");
	char *big = mem_zalloc(100000);

	collector_open(&c, "udp:127.34.0.1:9061");
	emit(c.t, STR("to nobody"));
	uv_udp_init(&c.loop, &u);
	u.data = &c;
	assert_int_equal(uv_udp_bind(&u, &a.sa, 0), 0);
	uv_udp_recv_start(&u, on_alloc, on_udp);
	emit(c.t, STR("eaten by the error of the first")); /* ECONNREFUSED shows here */
	emit(c.t, STR("two"));
	emit(c.t, (struct str){big, 100000});
	turn(&c, 2, 5000);
	assert_true(c.r.n >= 2);
	assert_int_equal(c.r.sizes[c.r.n - 1], 100000);
	uv_close((uv_handle_t *)&u, NULL);
	collector_close(&c);
	free(big);
}

static void test_to_syntax(void **state)
{
	uv_loop_t loop;
	struct trace *t = NULL;
	static const char *const bad[] = {"", "9060", "tcp:", "tcp:host:9060", "sctp:127.0.0.1:1",
		"tcp:127.0.0.1:99999", "udp:127.0.0.1:"};

	uv_loop_init(&loop);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(trace_to(&loop, NULL, "x", bad[i], &t), -EINVAL);
	assert_null(t);
	assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
	struct log_conf quiet = {.level = LOG_ERROR, .node = "test"};
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_generic_chunks),
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_foreign),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_framing),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_lost_part),
		cmocka_unit_test(test_sink),
		cmocka_unit_test(test_tcp),
		cmocka_unit_test(test_tcp_away),
		cmocka_unit_test(test_tcp_free),
		cmocka_unit_test(test_udp),
		cmocka_unit_test(test_to_syntax),
	};
	log_setup(&quiet);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
