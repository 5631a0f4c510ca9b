/* WebSocket frames from bytes: every vector whole, byte by byte, and cut at each boundary.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/rig.h"

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/ws/feed.h"

/* What came out of a feed, as text: "T:hello", "B:..", "8:1000:bye", "9:0:..", "!1002". */
static void on_message(bool text, struct str payload, void *arg)
{
	buf_fmt(arg, "%c:" STR_FMT " ", text ? 'T' : 'B', STR_ARG(payload));
}

static void on_control(enum ws_op op, int code, struct str payload, void *arg)
{
	buf_fmt(arg, "%d:%d:" STR_FMT " ", op, code, STR_ARG(payload));
}

static const struct ws_feed_h h = {on_message, on_control};

static int into(struct str bytes, void *arg)
{
	buf_add(arg, bytes);
	return 0;
}

/* Frames are written in the vectors with their parts: op, fin, payload. */
static void put(struct buf *b, struct chance *mask, int op, bool fin, const char *payload)
{
	assert_int_equal(ws_frame((enum ws_op)op, fin, str_of(payload), mask, into, b), 0);
}

static void feed(bool server, struct str bytes, size_t first, size_t step, const char *want)
{
	struct buf out = {0};
	struct ws_feed f = {.h = &h, .arg = &out, .server = server, .max_message = 300,
		.max_fragments = 4};
	const char *why = "";
	int code = 0;
	size_t at = 0, n = first;
	while (at < bytes.n && !code) {
		if (n > bytes.n - at)
			n = bytes.n - at;
		code = ws_feed_bytes(&f, (struct str){bytes.p + at, n}, &why);
		at += n;
		n = step;
	}
	if (code)
		buf_fmt(&out, "!%d ", code);
	if (f.engine)
		buf_fmt(&out, "... ");
	if (out.n)
		out.n--;
	if (!str_eq(buf_str(&out), str_of(want)))
		fail_msg("(%zu, %zu) \"" STR_FMT "\" is not \"%s\"", first, step,
			STR_ARG(buf_str(&out)), want);
	assert_int_equal(f.done, code || strstr(want, "8:"));
	ws_feed_free(&f);
	buf_free(&out);
}

static void vector(bool server, struct str bytes, const char *want)
{
	feed(server, bytes, bytes.n, bytes.n, want);
	feed(server, bytes, 1, 1, want);
	for (size_t cut = 1; cut < bytes.n; cut++)
		feed(server, bytes, cut, bytes.n, want);
}

/* Both roles: what a client sends is masked. */
static void both(const char *want, int n, ...)
{
	struct chance c;
	chance_init(&c, 7, "feed");
	for (int server = 0; server < 2; server++) {
		struct buf b = {0};
		va_list ap;
		va_start(ap, n);
		for (int i = 0; i < n; i++) {
			int op = va_arg(ap, int), fin = va_arg(ap, int);
			put(&b, server ? &c : NULL, op, fin, va_arg(ap, const char *));
		}
		va_end(ap);
		vector(server, buf_str(&b), want);
		buf_free(&b);
	}
}

static void test_messages(void **state)
{
	char big[301];
	memset(big, 'x', sizeof big);
	big[300] = 0;
	both("T:hello", 1, WS_TEXT, 1, "hello");
	both("B:hello", 1, WS_BINARY, 1, "hello");
	both("T:", 1, WS_TEXT, 1, "");
	both("T:a B:b T:c", 3, WS_TEXT, 1, "a", WS_BINARY, 1, "b", WS_TEXT, 1, "c");
	both("T:abc", 3, WS_TEXT, 0, "a", WS_CONTINUED, 0, "b", WS_CONTINUED, 1, "c");
	both("9:0:p T:ab", 3, WS_TEXT, 0, "a", WS_PING, 1, "p", WS_CONTINUED, 1, "b");
	both("9:0:p 10:0: T:x", 3, WS_PING, 1, "p", WS_PONG, 1, "", WS_TEXT, 1, "x");
	both("8:1000:bye", 1, WS_CLOSE, 1, "\x03\xe8" "bye");
	both("8:1001:", 2, WS_CLOSE, 1, "\x03\xe9", WS_TEXT, 1, "unread");
	both("8:1005:", 1, WS_CLOSE, 1, "");
	both("...", 1, WS_TEXT, 0, "unfinished");
	both("T:\xc3\xa4\xe2\x82\xac", 2, WS_TEXT, 0, "\xc3\xa4\xe2", WS_CONTINUED, 1, "\x82\xac");
	big[200] = 0;
	struct buf want = {0};
	buf_fmt(&want, "T:%s", big);
	both(buf_z(&want), 1, WS_TEXT, 1, big);
	buf_free(&want);
}

static void test_faults(void **state)
{
	char big[302];
	memset(big, 'x', sizeof big);
	big[301] = 0;
	both("!1009", 1, WS_TEXT, 1, big);
	both("!1007", 1, WS_TEXT, 1, "\xff");
	both("!1007", 1, WS_TEXT, 1, "\xed\xa0\x80");
	both("!1007", 1, WS_TEXT, 1, "\xc3");
	both("!1007", 1, WS_TEXT, 1, "\xc3x");
	both("!1007", 1, WS_TEXT, 1, "\xc1\xbf");
	both("!1007", 1, WS_TEXT, 1, "\xe0\x9f\xbf");
	both("!1007", 1, WS_TEXT, 1, "\xf0\x8f\xbf\xbf");
	both("!1007", 1, WS_TEXT, 1, "\xf4\x90\x80\x80");
	both("!1007", 1, WS_TEXT, 1, "\xf5\x80\x80\x80");
	both("T:\xee\x80\x80\xf4\x8f\xbf\xbf\xed\x9f\xbf\xf0\x90\x80\x80", 1, WS_TEXT, 1,
		"\xee\x80\x80\xf4\x8f\xbf\xbf\xed\x9f\xbf\xf0\x90\x80\x80");
	both("B:\xff", 1, WS_BINARY, 1, "\xff");
	both("!1002", 1, WS_CONTINUED, 1, "nothing begun");
	both("!1002", 2, WS_TEXT, 0, "a", WS_TEXT, 1, "b");
	both("!1002", 1, WS_CLOSE, 1, "x");
	both("!1002", 1, WS_CLOSE, 1, "\x03\xed");
	both("!1007", 1, WS_CLOSE, 1, "\x03\xe8\xff");
	both("!1008", 5, WS_TEXT, 0, "a", WS_CONTINUED, 0, "b", WS_CONTINUED, 0, "c",
		WS_CONTINUED, 0, "d", WS_CONTINUED, 1, "e");
	/* by hand: unmasked to a server, masked to a client, reserved bits and opcodes, a
	 * fragmented or long ping, a length longer than need be, of 63 bits */
	vector(true, STR("\x81\x01x"), "!1002");
	vector(false, STR("\x81\x81\x01\x02\x03\x04y"), "!1002");
	vector(true, STR("\xc1\x81zzzzx"), "!1002");
	vector(true, STR("\x83\x81zzzzx"), "!1002");
	vector(true, STR("\x8b\x81zzzzx"), "!1002");
	vector(true, STR("\x09\x81zzzzx"), "!1002");
	vector(true, STR("\x89\xfe\x00\x7e" "abcd"), "!1002");
	vector(true, STR("\x82\xfe\x00\x01" "abcd"), "!1002");
	vector(true, STR("\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff" "abcde"), "!1009");
	vector(true, STR("\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff" "abcd"), "!1002");
}

/* Between messages nothing is held, and one connection's engine serves the next. */
static void test_engines(void **state)
{
	struct buf out = {0}, b = {0};
	struct chance c;
	const char *why;
	chance_init(&c, 7, "feed");
	put(&b, &c, WS_PING, 1, "p");
	put(&b, &c, WS_TEXT, 1, "x");
	struct ws_feed f[2] = {
		{.h = &h, .arg = &out, .server = true, .max_message = 9, .max_fragments = 4},
		{.h = &h, .arg = &out, .server = true, .max_message = 9, .max_fragments = 4}};
	for (int i = 0; i < 6; i++) {
		assert_int_equal(ws_feed_bytes(&f[i % 2], buf_str(&b), &why), 0);
		assert_null(f[i % 2].engine);
	}
	/* two at once, one in the middle of a frame */
	assert_int_equal(ws_feed_bytes(&f[0], (struct str){b.p, 3}, &why), 0);
	assert_non_null(f[0].engine);
	assert_int_equal(ws_feed_bytes(&f[1], buf_str(&b), &why), 0);
	assert_int_equal(ws_feed_bytes(&f[0], str_skip(buf_str(&b), 3), &why), 0);
	assert_null(f[0].engine);
	ws_feed_stop(&f[0]);
	out.n = 0;
	assert_int_equal(ws_feed_bytes(&f[0], buf_str(&b), &why), 0);
	assert_int_equal(out.n, 0);
	buf_free(&b);
	buf_free(&out);
}

static int refuse(struct str bytes, void *arg)
{
	return -105;
}

static void test_frame_refused(void **state)
{
	struct buf b = {0};
	assert_int_equal(ws_frame(WS_TEXT, true, STR("x"), NULL, refuse, NULL), -105);
	assert_int_equal(ws_frame(WS_TEXT, true, STR("x"), NULL, into, &b), 0);
	assert_int_equal(b.n, 3);
	assert_memory_equal(b.p, "\x81\x01x", 3);
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_engines),
		cmocka_unit_test(test_frame_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
