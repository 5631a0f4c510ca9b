/* HTTP messages from bytes: every vector whole, byte by byte, and cut at each boundary.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/rig.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/http/parser.h"

struct vector {
	const char *name, *bytes;
	bool response, no_body;
	int status;            /* 0: complete; -1: incomplete; else refused so */
	const char *why;
	const char *method, *path, *query, *body;
	size_t fields, rest;   /* rest: octets left behind the message */
	bool close, upgrade, ends; /* ends: complete when the peer ends */
};

#define HOST "Host: a\r\n"

static const struct vector vectors[] = {
	{"get", "GET /x HTTP/1.1\r\n" HOST "\r\n", .method = "GET", .path = "/x", .fields = 1},
	{"query", "GET /x?a=1&b HTTP/1.1\r\n" HOST "\r\n", .method = "GET", .path = "/x",
		.query = "a=1&b", .fields = 1},
	{"absolute", "GET https://h:1/x?q HTTP/1.1\r\n" HOST "\r\n", .method = "GET",
		.path = "/x", .query = "q", .fields = 1},
	{"absolute bare", "GET http://h HTTP/1.1\r\n" HOST "\r\n", .method = "GET", .path = "/",
		.fields = 1},
	{"empty lines before", "\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n", .method = "GET",
		.path = "/", .fields = 1},
	{"post", "POST /p HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello", .method = "POST",
		.path = "/p", .body = "hello", .fields = 2},
	{"pipelined", "POST /p HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nhiGET / HTTP/1.1",
		.method = "POST", .path = "/p", .body = "hi", .fields = 2, .rest = 14},
	{"chunked", "POST /p HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
		"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nTrailer: t\r\n\r\nNEXT",
		.method = "POST", .path = "/p", .body = "abcde", .fields = 2, .rest = 4},
	{"blank value", "GET / HTTP/1.1\r\n" HOST "Empty:\r\nSpace:  v  \r\n\r\n",
		.method = "GET", .path = "/", .fields = 3},
	{"http/1.0", "GET / HTTP/1.0\r\n\r\n", .method = "GET", .path = "/", .close = true},
	{"close", "GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", .method = "GET",
		.path = "/", .fields = 2, .close = true},
	{"upgrade", "GET /ws HTTP/1.1\r\n" HOST
		"Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x81\x80zzzz",
		.method = "GET", .path = "/ws", .fields = 3, .rest = 6, .upgrade = true},
	{"connect", "CONNECT h:1 HTTP/1.1\r\n" HOST "\r\nxx", .method = "CONNECT",
		.path = "h:1", .fields = 1, .rest = 2, .upgrade = true, .close = true},

	{"garbage", "\x16\x03\x01\x02\r\n\r\n", .status = 400},
	{"unknown method", "FROB / HTTP/1.1\r\n" HOST "\r\n", .status = 400},
	{"no host", "GET / HTTP/1.1\r\n\r\n", .status = 400, .why = "Host"},
	{"two hosts", "GET / HTTP/1.1\r\n" HOST HOST "\r\n", .status = 400, .why = "Host"},
	{"http/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", .status = 400},
	{"version", "GET / HTTP/3.7\r\n" HOST "\r\n", .status = 505},
	{"http/0.9", "GET /\r\n\r\n", .status = 505},
	{"bare lf", "GET / HTTP/1.1\n" HOST "\r\n", .status = 400, .why = "LF without CR"},
	{"bare cr", "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", .status = 400,
		.why = "CR without LF"},
	{"bare cr at end", "GET / HTTP/1.1\r\n" HOST "\rX", .status = 400, .why = "CR"},
	{"folded", "GET / HTTP/1.1\r\n" HOST "X: a\r\n b\r\n\r\n", .status = 400,
		.why = "folded"},
	{"space before colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", .status = 400},
	{"nul", NULL, .status = 400},
	{"two lengths", "POST / HTTP/1.1\r\n" HOST
		"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", .status = 400},
	{"length and chunks", "POST / HTTP/1.1\r\n" HOST
		"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", .status = 400},
	{"length is no number", "POST / HTTP/1.1\r\n" HOST "Content-Length: 1x\r\n\r\na",
		.status = 400},
	{"length overflows", "POST / HTTP/1.1\r\n" HOST
		"Content-Length: 99999999999999999999999\r\n\r\na", .status = 400},
	{"other coding", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n\r\na",
		.status = 400},
	{"too long a body", "POST / HTTP/1.1\r\n" HOST "Content-Length: 101\r\n\r\n",
		.status = 413},
	{"too long a chunk", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
		"65\r\n01234567890123456789012345678901234567890123456789"
		"012345678901234567890123456789012345678901234567890\r\n0\r\n\r\n", .status = 413},
	{"bad chunk size", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
		.status = 400},
	{"incomplete head", "GET / HTTP/1.1\r\nHost: a\r\n", .status = -1},
	{"incomplete body", "POST / HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\nabc",
		.status = -1},

	{"200", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", .response = true,
		.body = "hi", .fields = 1},
	{"204", "HTTP/1.1 204 No Content\r\n\r\nHTTP/", .response = true, .rest = 5},
	{"to head", "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", .response = true,
		.no_body = true, .fields = 1},
	{"until the end", "HTTP/1.1 200 OK\r\n\r\nall of it", .response = true,
		.body = "all of it", .ends = true, .close = true},
	{"101", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
		"Connection: Upgrade\r\n\r\n\x81", .response = true, .fields = 2, .rest = 1,
		.upgrade = true},
	{"no response", "HTTP/9 200\r\n\r\n", .response = true, .status = 505},
	{"cut response", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", .response = true,
		.status = -1},
};

static void assert_view(struct str s, const char *want, const char *what, const char *name)
{
	if (!want)
		want = "";
	if (s.n != strlen(want) || memcmp(s.p ? s.p : "", want, s.n) != 0)
		fail_msg("%s: %s is \"" STR_FMT "\", not \"%s\"", name, what, STR_ARG(s), want);
}

static void check_message(const struct vector *v, struct http_parser *p)
{
	struct http_store store;
	struct http_msg m;
	assert_int_equal(p->upgrade, v->upgrade);
	assert_int_equal(p->keep_alive, !v->close);
	http_parser_take(p, &store, &m);
	assert_int_equal(m.n_fields, v->fields);
	assert_view(m.body, v->body, "body", v->name);
	if (!v->response) {
		assert_view(m.method, v->method, "method", v->name);
		assert_view(m.path, v->path, "path", v->name);
		assert_view(m.query, v->query, "query", v->name);
	} else {
		assert_true(m.status >= 100);
	}
	http_store_free(&store);
}

/* Feeds `bytes` in pieces: `first` octets, then `step` at a time. The raw octets kept are
 * those that were fed. */
static void feed(const struct vector *v, struct str bytes, size_t first, size_t step)
{
	struct http_parser p;
	enum http_fed f = HTTP_MORE;
	size_t at = 0, n = first;
	struct buf raw = {0};

	http_parser_init(&p, !v->response, 100);
	p.no_body = v->no_body;
	p.want_raw = true;
	while (f == HTTP_MORE && at < bytes.n) {
		if (n > bytes.n - at)
			n = bytes.n - at;
		struct str in = {bytes.p + at, n};
		f = http_parser_feed(&p, &in);
		at += n - in.n;
		n = step;
	}
	if (v->ends && f == HTTP_MORE)
		f = http_parser_end(&p);
	if (v->status > 0) {
		if (f != HTTP_BAD || p.status != v->status)
			fail_msg("%s (%zu, %zu): %d %d %s", v->name, first, step, f, p.status,
				p.why ? p.why : "");
		if (v->why && !strstr(p.why, v->why))
			fail_msg("%s: %s", v->name, p.why);
	} else if (v->status < 0) {
		assert_int_equal(f, HTTP_MORE);
		assert_int_equal(http_parser_end(&p), HTTP_BAD);
	} else {
		if (f != HTTP_DONE)
			fail_msg("%s (%zu, %zu): %d %s", v->name, first, step, f,
				p.why ? p.why : "");
		assert_int_equal(bytes.n - at, v->rest);
		http_parser_raw(&p, &raw);
		struct str all = {bytes.p, at};
		while (all.n && (all.p[0] == '\r' || all.p[0] == '\n'))
			all = str_skip(all, 1);
		assert_int_equal(raw.n, all.n);
		assert_memory_equal(raw.p, all.p, all.n);
		check_message(v, &p);
	}
	buf_free(&raw);
	http_parser_free(&p);
}

static void test_vectors(void **state)
{
	for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
		const struct vector *v = &vectors[i];
		struct str bytes = v->bytes ? str_of(v->bytes)
					    : STR("GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n");
		feed(v, bytes, bytes.n, bytes.n);
		feed(v, bytes, 1, 1);
		for (size_t cut = 1; cut < bytes.n; cut++)
			feed(v, bytes, cut, bytes.n);
	}
}

static void flood(const char *head, const char *piece, int times, int status)
{
	struct vector v = {.name = head, .status = status};
	struct buf b = {0};
	buf_fmt(&b, "%s", head);
	for (int i = 0; i < times; i++)
		buf_fmt(&b, "%s", piece);
	feed(&v, buf_str(&b), b.n, b.n);
	feed(&v, buf_str(&b), 1, 1);
	feed(&v, buf_str(&b), 1000, 1000);
	buf_free(&b);
}

/* Whatever a peer sends without end, it comes to an end, and memory stays bounded. */
static void test_floods(void **state)
{
	flood("GET / HTTP/1.1\r\n" HOST, "X: y\r\n", 101, -1);
	flood("GET / HTTP/1.1\r\n" HOST, "X: y\r\n", 20000, 431);
	flood("GET /", "x", 20000, 431);
	flood("GET / HTTP/1.1\r\nX:", " ", 20000, 431);
	flood("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1;", "x", 20000, 400);
	flood("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", "0", 40000, 400);
	flood("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n", 101,
		413);
	flood("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n", "X: y\r\n",
		10000, 400);
	struct buf b = {0};
	buf_fmt(&b, "GET / HTTP/1.1\r\n" HOST);
	for (int i = 0; i < 100; i++)
		buf_fmt(&b, "X: y\r\n");
	buf_fmt(&b, "\r\n");
	struct vector v = {.name = "101 fields", .status = 431};
	feed(&v, buf_str(&b), b.n, b.n);
	feed(&v, buf_str(&b), 1, 1);
	buf_free(&b);
}

/* ---- scripts and the gate ---- */

#define LOGIN \
	"POST /token?state=a%20b HTTP/1.1\r\nHost: waf\r\nContent-Type: application/json\r\n" \
	"Content-Length: 79\r\n\r\n" \
	"{\"token\":\"abc\",\"impu\":[\"sip:a\",\"sip:b\"],\"cnf\":{\"n\":7,\"o\":{\"p\":[[1]]}},\"z\":null}"

static const char *field(struct str bytes, const char *name, struct arena *a)
{
	struct str s = http_script_field(bytes, str_of(name), a);
	return s.p ? s.p : "(none)";
}

static void test_script_field(void **state)
{
	struct arena a = {0};
	struct str b = STR(LOGIN);
	assert_string_equal(field(b, "Method", &a), "POST");
	assert_string_equal(field(b, "Path", &a), "/token");
	assert_string_equal(field(b, "Query", &a), "state=a%20b");
	assert_string_equal(field(b, "state", &a), "a b");
	assert_string_equal(field(b, "Status", &a), "(none)");
	assert_string_equal(field(b, "content-type", &a), "application/json");
	assert_string_equal(field(b, "token", &a), "abc");
	assert_string_equal(field(b, "impu[2]", &a), "sip:b");
	assert_string_equal(field(b, "impu[3]", &a), "(none)");
	assert_string_equal(field(b, "impu[0]", &a), "(none)");
	assert_string_equal(field(b, "impu", &a), "[\"sip:a\",\"sip:b\"]");
	assert_string_equal(field(b, "cnf.n", &a), "7");
	assert_string_equal(field(b, "cnf.o.p[1][1]", &a), "1");
	assert_string_equal(field(b, "z", &a), "null");
	assert_string_equal(field(b, "cnf.", &a), field(b, "cnf", &a));
	assert_string_equal(field(b, "impu[x]", &a), "(none)");
	assert_string_equal(field(b, "impu[", &a), "(none)");
	assert_string_equal(field(b, "", &a), "(none)");
	b = STR("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer\r\nContent-Length: 0\r\n\r\n");
	assert_string_equal(field(b, "Status", &a), "401");
	assert_string_equal(field(b, "WWW-Authenticate", &a), "Bearer");
	assert_string_equal(field(b, "Method", &a), "(none)");
	b = STR("HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nX: y\r\nset-cookie: b=2\r\nContent-Length: 0\r\n\r\n");
	assert_string_equal(field(b, "Set-Cookie", &a), "a=1");
	assert_string_equal(field(b, "Set-Cookie[1]", &a), "a=1");
	assert_string_equal(field(b, "Set-Cookie[2]", &a), "b=2");
	assert_string_equal(field(b, "Set-Cookie[3]", &a), "(none)");
	assert_string_equal(field(b, "Set-Cookie[0]", &a), "(none)");
	assert_string_equal(field(b, "Set-Cookie[x]", &a), "(none)");
	/* inside a token: {"alg":"ES256"}, {"aud":["a","b"]} */
	b = STR("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 61\r\n\r\n"
		"{\"token\":\"eyJhbGciOiJFUzI1NiJ9.eyJhdWQiOlsiYSIsImIiXX0.c2ln\"}");
	assert_string_equal(field(b, "token.header.alg", &a), "ES256");
	assert_string_equal(field(b, "token.claims.aud[2]", &a), "b");
	assert_string_equal(field(b, "token.claims", &a), "{\"aud\":[\"a\",\"b\"]}");
	assert_string_equal(field(b, "token.claims.sub", &a), "(none)");
	assert_string_equal(field(b, "token.alg", &a), "(none)");
	b = STR(LOGIN);
	assert_string_equal(field(b, "token.claims.aud", &a), "(none)");
	/* cut short by the trace, or not HTTP at all */
	b = STR("HTTP/1.1 200 OK\r\nETag: x\r\nContent-Length: 99999\r\n\r\n[99999 octets]");
	assert_string_equal(field(b, "ETag", &a), "x");
	assert_string_equal(field(STR("nonsense"), "ETag", &a), "(none)");
	b = STR("POST /t HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded; "
		"charset=utf-8\r\nContent-Length: 24\r\n\r\ngrant_type=a%3ab&x=1+2&y");
	assert_string_equal(field(b, "grant_type", &a), "a:b");
	assert_string_equal(field(b, "x", &a), "1 2");
	assert_string_equal(field(b, "y", &a), "");
	assert_string_equal(field(b, "Body", &a), "grant_type=a%3ab&x=1+2&y");
	b = STR("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
		"Transfer-Encoding: chunked\r\n\r\n4\r\n{\"a\"\r\n3\r\n:1}\r\n0\r\n\r\n");
	assert_string_equal(field(b, "a", &a), "1");
	arena_free(&a);
}

static const char *set(struct str bytes, const char *name, const char *value, struct buf *out)
{
	struct trace_msg m = {.bytes = bytes};
	out->n = 0;
	int err = http_gate_proto.set(&m, str_of(name), str_of(value), out);
	return err ? "(refused)" : buf_z(out);
}

static void test_gate_set(void **state)
{
	struct buf b = {0};
	struct str m = STR("POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
			   "Content-Length: 26\r\n\r\n{\"a\":\"x\",\"b\":[1,2],\"c\":{}}");
#define HEAD "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
	assert_string_equal(set(m, "a", "yy", &b),
		HEAD "Content-Length: 27\r\n\r\n{\"a\":\"yy\",\"b\":[1,2],\"c\":{}}");
	assert_string_equal(set(m, "b[2]", "77", &b),
		HEAD "Content-Length: 27\r\n\r\n{\"a\":\"x\",\"b\":[1,77],\"c\":{}}");
	assert_string_equal(set(m, "c.d", "1", &b),
		HEAD "Content-Length: 33\r\n\r\n{\"a\":\"x\",\"b\":[1,2],\"c\":{\"d\":\"1\"}}");
	assert_string_equal(
		set(m, "b", NULL, &b), HEAD "Content-Length: 16\r\n\r\n{\"a\":\"x\",\"c\":{}}");
	assert_string_equal(set(m, "q.r", "1", &b), "(refused)");
	assert_string_equal(set(m, "b[9]", "1", &b), "(refused)");
	assert_string_equal(set(m, "b[0]", "1", &b), "(refused)");
	assert_string_equal(set(m, "Body", "hm", &b), HEAD "Content-Length: 2\r\n\r\nhm");
	assert_string_equal(set(m, "Host", NULL, &b),
		"POST / HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 26\r\n\r\n"
		"{\"a\":\"x\",\"b\":[1,2],\"c\":{}}");
	assert_string_equal(set(STR("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), "Origin", "null", &b),
		"GET / HTTP/1.1\r\nHost: a\r\nOrigin: null\r\n\r\n");
	m = STR("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx");
	assert_string_equal(set(m, "Status", "503", &b),
		"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 1\r\n\r\nx");
	assert_string_equal(set(m, "Status", "x", &b), "(refused)");
	assert_string_equal(set(STR("junk"), "a", "b", &b), "(refused)");
	struct trace_msg t = {.bytes = STR("POST /login?x HTTP/1.1\r\n\r\n")};
	b.n = 0;
	http_gate_proto.what(&t, &b);
	assert_string_equal(buf_z(&b), "HTTP POST /login");
	t.bytes = STR("HTTP/1.1 302 Found\r\n\r\n");
	b.n = 0;
	http_gate_proto.what(&t, &b);
	assert_string_equal(buf_z(&b), "HTTP 302");
	t.bytes = STR(LOGIN);
	assert_string_equal(http_gate_proto.field(&t, STR("impu[1]")).p, "sip:a");
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_floods),
		cmocka_unit_test(test_script_field),
		cmocka_unit_test(test_gate_set),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
