/* Tests of the ground that every process stands on.
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/base/addr.h"
#include "common/base/b64url.h"
#include "common/base/buf.h"
#include "common/base/chance.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/metric.h"

#define assert_str(s, z)                                                                   \
	do {                                                                               \
		struct str s_ = (s);                                                       \
		if (!str_eq(s_, str_of(z)))                                                \
			fail_msg("\"" STR_FMT "\" is not \"%s\"", STR_ARG(s_), z);         \
	} while (0)

/* ---- str ---- */

static void test_str_compare(void **state)
{
	assert_true(str_eq(STR_NONE, STR("")));
	assert_false(str_eq(STR("a"), STR("A")));
	assert_true(str_ieq(STR("Call-ID@["), STR("cALL-id@[")));
	assert_false(str_ieq(STR("@"), STR("`"))); /* 32 apart, no letters */
	assert_false(str_ieq(STR("\xc4"), STR("\xe4")));
	assert_true(str_starts(STR("sip:a"), STR("sip:")));
	assert_false(str_starts(STR("si"), STR("sip:")));
	assert_true(str_starts(STR("x"), STR_NONE));
	assert_true(str_istarts(STR("SIP:a"), STR("sip:")));
	assert_true(str_ends(STR("a.yaml"), STR(".yaml")));
	assert_false(str_ends(STR("yaml"), STR(".yaml")));
	assert_true(str_ends(STR_NONE, STR_NONE));
}

static void test_str_parts(void **state)
{
	struct str rest = STR("a,,b,");

	assert_str(str_trim(STR(" \t a b\r\n")), "a b");
	assert_str(str_trim(STR(" \r\n")), "");
	assert_str(str_skip(STR("abc"), 2), "c");
	assert_str(str_skip(STR("abc"), 9), "");
	assert_null(str_skip(STR_NONE, 1).p);
	assert_int_equal(str_chr(STR("abc"), 'c'), 2);
	assert_int_equal(str_chr(STR_NONE, 'c'), -1);
	assert_int_equal(str_find(STR("abcabd"), STR("abd")), 3);
	assert_int_equal(str_find(STR("ab"), STR("abc")), -1);
	assert_int_equal(str_find(STR("ab"), STR("")), 0);
	assert_int_equal(str_ifind(STR("x: BEARER y"), STR("bearer")), 3);
	assert_int_equal(str_ifind(STR("be"), STR("bearer")), -1);

	assert_str(str_cut(&rest, ','), "a");
	assert_str(str_cut(&rest, ','), "");
	assert_str(str_cut(&rest, ','), "b");
	assert_non_null(rest.p); /* the empty last one is one, too */
	assert_str(str_cut(&rest, ','), "");
	assert_null(rest.p);
}

static void test_str_numbers(void **state)
{
	uint64_t v = 7;
	uint32_t w = 7;
	uint8_t octets[3];
	char hex[7], small[4];

	assert_int_equal(str_u64(STR("18446744073709551615"), &v), 0);
	assert_true(v == UINT64_MAX);
	assert_int_equal(str_u64(STR("18446744073709551616"), &v), -ERANGE);
	assert_int_equal(str_u64(STR("99999999999999999999999"), &v), -ERANGE);
	assert_int_equal(str_u64(STR(""), &v), -EINVAL);
	assert_int_equal(str_u64(STR("-1"), &v), -EINVAL);
	assert_int_equal(str_u64(STR(" 1"), &v), -EINVAL);
	assert_int_equal(str_u64(STR("1\0"), &v), -EINVAL);
	assert_int_equal(str_u32(STR("4294967295"), &w), 0);
	assert_int_equal(w, UINT32_MAX);
	assert_int_equal(str_u32(STR("4294967296"), &w), -ERANGE);
	assert_int_equal(w, UINT32_MAX);

	assert_int_equal(str_hex(STR("00fFa9"), octets, 3), 0);
	assert_memory_equal(octets, "\x00\xff\xa9", 3);
	assert_int_equal(str_hex(STR("00ff"), octets, 3), -EINVAL);
	assert_int_equal(str_hex(STR("00fg"), octets, 2), -EINVAL);
	hex_of(octets, 3, hex);
	assert_string_equal(hex, "00ffa9");

	assert_true(str_copy(STR("abc"), small, sizeof small));
	assert_false(str_copy(STR("abcd"), small, sizeof small));
	assert_string_equal(small, "abc");
	assert_true(str_hash(STR("a")) == 0xaf63dc4c8601ec8cu); /* FNV-1a of "a" */
	assert_true(str_ihash(STR("Via")) == str_hash(STR("via")));
}

/* ---- buf, arena ---- */

static void test_buf(void **state)
{
	struct buf b = {0};
	char big[1000];

	buf_put(&b, NULL, 0);
	buf_fmt(&b, "%d-%s", 5, "x");
	buf_byte(&b, '!');
	buf_add(&b, STR("end"));
	assert_string_equal(buf_z(&b), "5-x!end");
	assert_int_equal(b.n, 7);
	buf_drop(&b, 4);
	assert_str(buf_str(&b), "end");
	buf_drop(&b, 9);
	assert_int_equal(b.n, 0);
	buf_u8(&b, 0xfe);
	buf_u16(&b, 0x1234);
	buf_u32(&b, 0xdeadbeef);
	assert_memory_equal(b.p, "\xfe\x12\x34\xde\xad\xbe\xef", 7);
	b.n = 0;
	memset(big, 'y', sizeof big);
	big[999] = 0;
	for (int i = 0; i < 50; i++)
		buf_fmt(&b, "%s", big); /* longer than what is free */
	assert_int_equal(b.n, 50 * 999);
	assert_int_equal(b.p[b.n - 1], 'y');
	buf_free(&b);
	assert_null(b.p);
	buf_add(&b, STR("again"));
	assert_str(buf_str(&b), "again");
	buf_free(&b);
}

static void test_arena(void **state)
{
	struct arena a = {0};
	struct str s[300];

	assert_int_equal(arena_size(&a), 0);
	for (int i = 0; i < 300; i++)
		s[i] = arena_fmt(&a, "%0*d", i + 1, i);
	for (int i = 0; i < 300; i++) {
		assert_int_equal((uintptr_t)s[i].p % 16, 0);
		assert_int_equal(s[i].n, i + 1);
		assert_int_equal(s[i].p[s[i].n], 0);
		assert_int_equal(atoi(s[i].p), i);
	}
	char *big = arena_zalloc(&a, 1 << 20);
	assert_int_equal(big[0] | big[(1 << 20) - 1], 0);
	struct str copy = arena_str(&a, STR_NONE);
	assert_string_equal(copy.p, "");
	arena_reset(&a);
	assert_in_range(arena_size(&a), 1, 2048);
	arena_alloc(&a, 10);
	arena_free(&a);
	assert_int_equal(arena_size(&a), 0);
}

/* ---- addr ---- */

static void test_addr(void **state)
{
	static const struct {
		const char *in, *out; /* NULL: refused */
	} rows[] = {
		{"127.0.0.1", "127.0.0.1:5060"},
		{"127.0.0.1:1", "127.0.0.1:1"},
		{"127.0.0.1:65535", "127.0.0.1:65535"},
		{"::1", "[::1]:5060"},
		{"[::1]", "[::1]:5060"},
		{"[fd00::12]:99", "[fd00::12]:99"},
		{"", NULL},
		{"localhost", NULL},
		{"127.0.0.1:", NULL},
		{"127.0.0.1:65536", NULL},
		{"127.0.0.1:-1", NULL},
		{"127.0.0.256", NULL},
		{"127.1", NULL},
		{"[::1", NULL},
		{"[::1]5060", NULL},
		{"::1:x", NULL},
		{"1.2.3.4:5:6", NULL},
		{"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000", NULL},
	};
	struct addr a, b;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int err = addr_parse(str_of(rows[i].in), 5060, &a);
		assert_int_equal(err, rows[i].out ? 0 : -EINVAL);
		if (rows[i].out)
			assert_string_equal(addr_text(&a), rows[i].out);
	}
	assert_int_equal(addr_parse(STR("127.0.0.1\0.evil"), 0, &a), -EINVAL);
	addr_parse(STR("127.0.0.1:1"), 0, &a);
	addr_parse(STR("127.0.0.1:2"), 0, &b);
	assert_true(addr_host_eq(&a, &b));
	assert_false(addr_eq(&a, &b));
	addr_set_port(&b, 1);
	assert_true(addr_eq(&a, &b));
	assert_true(addr_hash(&a) == addr_hash(&b));
	assert_string_equal(addr_host(&a), "127.0.0.1");
	addr_parse(STR("[::1]:1"), 0, &b);
	assert_false(addr_host_eq(&a, &b));
	assert_string_equal(addr_host(&b), "::1");
	assert_int_equal(addr_len(&b), sizeof(struct sockaddr_in6));
	struct addr none = {0};
	assert_false(addr_is(&none));
	assert_string_equal(addr_text(&none), "none:0");
}

/* ---- clock ---- */

struct fixture {
	uv_loop_t loop;
	struct clock *clock;
	struct timer t[200];
	uv_timer_t alive;      /* the clock alone doesn't keep a loop running */
	char order[1000];
	int64_t at[200];
	int fired;
};

static void on_limit(uv_timer_t *t)
{
	uv_stop(t->loop);
}

static int setup(void **state)
{
	struct fixture *f = MEM_NEW(struct fixture);
	uv_loop_init(&f->loop);
	f->clock = clock_new(&f->loop);
	uv_timer_init(&f->loop, &f->alive);
	uv_timer_start(&f->alive, on_limit, 60000, 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	clock_free(f->clock);
	uv_close((uv_handle_t *)&f->alive, NULL);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&f->loop), 0);
	free(f);
	return 0;
}

static void note(struct timer *t, void *arg)
{
	struct fixture *f = arg;
	size_t n = strlen(f->order);
	assert_false(timer_runs(t));
	f->at[t - f->t] = clock_ms(f->clock);
	f->fired++;
	snprintf(f->order + n, sizeof f->order - n, "%d ", (int)(t - f->t));
}

static void start(struct fixture *f, int i, int64_t ms, timer_h *h)
{
	timer_start(f->clock, &f->t[i], ms, h, f);
}

static void test_clock_advance(void **state)
{
	struct fixture *f = *state;
	int64_t wall = clock_wall_ms(f->clock), real = (int64_t)time(NULL) * 1000;

	assert_in_range(wall - real + 2000, 0, 4000);
	assert_int_equal(clock_next(f->clock), -1);
	assert_true(clock_next_offset(f->clock) == INT64_MAX);
	start(f, 0, 3000, note);
	start(f, 1, 1000, note);
	start(f, 2, 2000, note);
	start(f, 3, 4000, note);
	assert_int_equal(clock_next(f->clock), 1000);
	assert_int_equal(clock_next_offset(f->clock), 1000);
	timer_stop(&f->t[2]);
	timer_stop(&f->t[2]);
	assert_int_equal(clock_set_offset(f->clock, 3500), 0);
	assert_string_equal(f->order, "1 0 ");
	assert_int_equal(clock_offset_ms(f->clock), 3500);
	assert_int_equal(clock_set_offset(f->clock, 3499), -EINVAL);
	assert_true(clock_wall_ms(f->clock) - wall >= 3500);
	assert_true(timer_runs(&f->t[3]));
	start(f, 3, 9000, note); /* again: from now */
	assert_in_range(clock_next(f->clock), 8990, 9000);
}

/* A held clock has its new time, and nothing fires before it is let go. */
static void test_clock_hold(void **state)
{
	struct fixture *f = *state;

	start(f, 0, 10, note);
	assert_int_equal(clock_hold(f->clock, 1000), 0);
	start(f, 1, 0, note);
	start(f, 2, 5000, note);
	assert_in_range(clock_ms(f->clock) - (int64_t)uv_now(&f->loop), 1000, 1000);
	uv_run(&f->loop, UV_RUN_NOWAIT);
	uv_run(&f->loop, UV_RUN_NOWAIT);
	assert_string_equal(f->order, "");
	assert_int_equal(clock_hold(f->clock, 999), -EINVAL);
	assert_int_equal(clock_set_offset(f->clock, 1000), 0);
	assert_string_equal(f->order, "0 1 ");
	assert_int_equal(clock_set_offset(f->clock, 6000), 0);
	assert_string_equal(f->order, "0 1 2 ");
}

/* Many due at once fire by due time, those of one millisecond in the order of their start. */
static void test_clock_order(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 200; i++)
		start(f, i, 100 + i * 7919 % 10, note);
	for (int i = 0; i < 200; i += 3)
		timer_stop(&f->t[i]);
	clock_set_offset(f->clock, 1000);
	int last = -1, last_due = 0, n = 0;
	for (char *p = f->order; *p; n++) {
		int i = (int)strtol(p, &p, 10), due = i * 7919 % 10;
		p++;
		assert_true(due > last_due || (due == last_due && i > last));
		last = i;
		last_due = due;
	}
	assert_int_equal(n, 133);
}

/* Starts, restarts and stops at random, few durations and many, against a plain search. */
static void test_clock_model(void **state)
{
	struct fixture *f = *state;
	struct chance ch = {0};
	uint32_t started[200] = {0}, n = 0;
	int64_t now = 0;

	chance_init(&ch, 7, "clock");
	for (int round = 0; round < 300; round++) {
		for (int k = 0; k < 40; k++) {
			int i = (int)(chance_u32(&ch) % 200);
			if (chance_u32(&ch) % 3) {
				start(f, i, 1000 * (1 + (int64_t)(chance_u32(&ch) % (i % 2 ? 3 : 5000))), note);
				started[i] = ++n;
			} else {
				timer_stop(&f->t[i]);
			}
		}
		struct timer was[200];
		memcpy(was, f->t, sizeof was);
		f->order[0] = 0;
		now += 700;
		clock_set_offset(f->clock, now);
		for (char *p = f->order; *p;) {
			int i = (int)strtol(p, &p, 10);
			p++;
			assert_true(timer_runs(&was[i]));
			for (int j = 0; j < 200; j++)
				if (timer_runs(&was[j]))
					assert_true(was[i].due_ms < was[j].due_ms ||
						(was[i].due_ms == was[j].due_ms && started[i] <= started[j]));
			was[i].slot = 0;
		}
		for (int j = 0; j < 200; j++) {
			assert_int_equal(timer_runs(&was[j]), timer_runs(&f->t[j]));
			assert_true(!timer_runs(&was[j]) || was[j].due_ms > clock_ms(f->clock));
		}
	}
}

static void again(struct timer *t, void *arg)
{
	struct fixture *f = arg;
	if (++f->fired < 50)
		timer_start(f->clock, t, 0, again, f);
}

static void restart_later(struct timer *t, void *arg)
{
	struct fixture *f = arg;
	note(t, f);
	start(f, 1, 500, note);
	timer_stop(&f->t[2]);
}

static void test_clock_handlers(void **state)
{
	struct fixture *f = *state;

	/* what a handler starts is due from the new time on; what it stops doesn't fire */
	start(f, 0, 1000, restart_later);
	start(f, 2, 1001, note);
	clock_set_offset(f->clock, 1400);
	assert_string_equal(f->order, "0 ");
	assert_in_range(clock_next(f->clock), 490, 500);
	clock_set_offset(f->clock, 1901);
	assert_string_equal(f->order, "0 1 ");

	/* a timer that starts itself with 0 waits for the next turn, so others get theirs */
	f->fired = 0;
	start(f, 3, 10, again);
	clock_set_offset(f->clock, 2000);
	assert_int_equal(f->fired, 1);
	for (int i = 0; i < 500 && f->fired < 50; i++)
		uv_run(&f->loop, UV_RUN_NOWAIT);
	assert_int_equal(f->fired, 50);
}

static void test_clock_real(void **state)
{
	struct fixture *f = *state;

	start(f, 0, 30, note);
	start(f, 1, 10, note);
	uint64_t from = clock_real_ns();
	while (f->fired < 2)
		uv_run(&f->loop, UV_RUN_ONCE);
	assert_in_range((clock_real_ns() - from) / 1000000, 28, 5000);
	assert_string_equal(f->order, "1 0 ");
	/* a clock that goes leaves no timer running */
	start(f, 5, 10, note);
	clock_free(f->clock);
	assert_false(timer_runs(&f->t[5]));
	f->clock = clock_new(&f->loop);
}

/* ---- chance ---- */

static void test_chance(void **state)
{
	struct chance a = {0}, b, c;
	uint8_t x[200], y[200];
	char hex[129];

	/* RFC 8439 A.1, vectors 1 and 2: an all-zero key, blocks 0 and 1 */
	chance_hex(&a, hex, 64);
	assert_string_equal(hex, "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7"
				 "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586");
	chance_hex(&a, hex, 64);
	assert_string_equal(hex, "9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed"
				 "29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f");

	/* one stream for each name, the same in any portions */
	chance_init(&a, 42, "epcscf");
	chance_init(&b, 42, "epcscf");
	chance_init(&c, 42, "icscf");
	chance_bytes(&a, x, sizeof x);
	for (size_t i = 0; i < sizeof y; i++)
		chance_bytes(&b, y + i, 1);
	assert_memory_equal(x, y, sizeof x);
	assert_int_equal(chance_u32(&a), chance_u32(&b));
	chance_bytes(&c, y, sizeof y);
	assert_memory_not_equal(x, y, sizeof x);
	chance_init(&b, 43, "epcscf");
	chance_bytes(&b, y, sizeof y);
	assert_memory_not_equal(x, y, sizeof x);
	chance_init(&b, 0, "epcscf");
	chance_init(&c, 0, "epcscf");
	assert_memory_not_equal(b.key, c.key, 32);
}

/* ---- metric ---- */

METRIC_COUNTER(plain, "test_b_total", "plain");
METRIC_COUNTER(longer, "test_b_total_more", "its name begins like another");
METRIC_COUNTER(labelled_x, "test_b_total{reason=\"x\"}", "plain");
METRIC_COUNTER(labelled_y, "test_b_total{reason=\"y\"}", "plain");
METRIC_GAUGE(gauge, "test_a", "a gauge");
METRIC_IDLE(idle, "test_c", "zero when idle");

static void test_metric(void **state)
{
	struct buf b = {0};

	plain.value = 1;
	longer.value = 2;
	labelled_x.value = 3;
	labelled_y.value = 4;
	gauge.value = -5;
	idle.value = 6;
	metric_print(&b);
	assert_string_equal(buf_z(&b), "# HELP test_a a gauge\n# TYPE test_a gauge\ntest_a -5\n"
				       "# HELP test_b_total plain\n# TYPE test_b_total counter\n"
				       "test_b_total 1\ntest_b_total{reason=\"x\"} 3\n"
				       "test_b_total{reason=\"y\"} 4\n"
				       "# HELP test_b_total_more its name begins like another\n"
				       "# TYPE test_b_total_more counter\ntest_b_total_more 2\n"
				       "# HELP test_c zero when idle\n# TYPE test_c gauge\ntest_c 6\n");
	buf_free(&b);
	metric_reset();
	assert_int_equal(plain.value | longer.value | labelled_x.value | labelled_y.value, 0);
	assert_int_equal(gauge.value, -5);
	assert_int_equal(idle.value, 6);
	assert_ptr_equal(metric_first(), &gauge);
}

/* ---- log ---- */

static int64_t fixed_wall(void *arg)
{
	return 1700000000123;
}

/* What log_line writes to stderr. */
static void logged(const struct log_conf *conf, const char *text, char *out, size_t size)
{
	int p[2], was = dup(STDERR_FILENO);
	assert_int_equal(pipe(p), 0);
	dup2(p[1], STDERR_FILENO);
	log_setup(conf);
	log_line(LOG_WARN, "uar", "%s", text);
	log_line(LOG_DEBUG, "uar", "below the level");
	dup2(was, STDERR_FILENO);
	close(was);
	close(p[1]);
	ssize_t n = read(p[0], out, size - 1);
	out[n > 0 ? n : 0] = 0;
	close(p[0]);
}

static void test_log(void **state)
{
	struct log_conf c = {.level = LOG_INFO, .node = "icscf", .wall_ms = fixed_wall};
	char out[3000], long_text[2000];

	logged(&c, "no \"answer\"\n", out, sizeof out);
	assert_string_equal(out, "2023-11-14T22:13:20.123Z warn  icscf uar: no \"answer\"\n\n");
	assert_string_equal(log_last(), "uar: no \"answer\"\n");
	c.json = true;
	logged(&c, "no \"answer\"\\\n", out, sizeof out);
	assert_string_equal(out, "{\"time\":\"2023-11-14T22:13:20.123Z\",\"level\":\"warn\","
				 "\"node\":\"icscf\",\"area\":\"uar\","
				 "\"text\":\"no \\\"answer\\\"\\\\\\u000a\"}\n");
	memset(long_text, 'z', sizeof long_text);
	long_text[1999] = 0;
	logged(&c, long_text, out, sizeof out);
	assert_in_range(strlen(out), 1000, 1200);
	assert_int_equal(out[strlen(out) - 1], '\n');
	c = (struct log_conf){.level = LOG_ERROR, .node = "test"};
	log_setup(&c);
	assert_false(log_wants(LOG_WARN));

	assert_string_equal(log_text(STR("a\r\nb\x1b[31m\xff\0c")), "a..b.[31m..c");
	assert_int_equal(strlen(log_text((struct str){long_text, 1999})), 83);
	assert_string_equal(log_text(STR_NONE), "");
}

/* RFC 4648 10 without padding, all values and lengths, one spelling alone. */
static void test_b64url(void **state)
{
	static const char *const rows[][2] = {{"", ""}, {"f", "Zg"}, {"fo", "Zm8"}, {"foo", "Zm9v"},
		{"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"},
		{"\xfb\xff\xbf", "-_-_"}};
	static const char *const bad[] = {"Z", "Zg==", "Zg=", "Zm8=", "Zh", "Zm9", "Zm9v\n", "Zm9vY",
		"+_-_", "-/-_", "Z g", "Zm9v.", "Zm\xc3\xa9"};
	uint8_t bytes[64], again[64];
	char out[B64URL_N(64) + 1];
	size_t n;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		n = strlen(rows[i][0]);
		assert_int_equal(B64URL_N(n), strlen(rows[i][1]));
		assert_int_equal(b64url_write(rows[i][0], n, out), strlen(rows[i][1]));
		assert_string_equal(out, rows[i][1]);
		assert_int_equal(b64url_read(str_of(rows[i][1]), again, &n), 0);
		assert_true(str_eq((struct str){(char *)again, n}, str_of(rows[i][0])));
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(b64url_read(str_of(bad[i]), again, &n), -EINVAL);
	assert_int_equal(b64url_read((struct str){"Zg\0", 3}, again, &n), -EINVAL);
	for (int v = 0; v < 256; v++) {
		memset(bytes, v, sizeof bytes);
		bytes[0] = (uint8_t)(255 - v);
		for (size_t len = 0; len <= sizeof bytes; len++) {
			size_t letters = b64url_write(bytes, len, out);
			assert_int_equal(letters, strlen(out));
			assert_int_equal(b64url_read((struct str){out, letters}, again, &n), 0);
			assert_int_equal(n, len);
			assert_memory_equal(again, bytes, len);
		}
	}
}

/* RFC 4648 10 */
static void test_b64(void **state)
{
	static const char *const rows[][2] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"},
		{"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"},
		{"\xfb\xff\xbf", "+/+/"}};
	static const char *const bad[] = {"Z", "Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "Zm9v\n", "-_-_",
		"Z===", "====", "=Zg=", "Zg==Zg=="};
	uint8_t again[64];
	char out[B64_N(64) + 1];
	size_t n;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		n = strlen(rows[i][0]);
		assert_int_equal(b64_write(rows[i][0], n, out), B64_N(n));
		assert_string_equal(out, rows[i][1]);
		assert_int_equal(b64_read(str_of(rows[i][1]), again, &n), 0);
		assert_true(str_eq((struct str){(char *)again, n}, str_of(rows[i][0])));
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(b64_read(str_of(bad[i]), again, &n), -EINVAL);
}

/* ---- files ---- */

static void is_file(const char *path, const char *text)
{
	char got[64] = "";
	struct stat st;
	int fd = open(path, O_RDONLY);
	assert_true(read(fd, got, sizeof got - 1) >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	close(fd);
	assert_string_equal(got, text);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void test_file(void **state)
{
	char dir[] = "/tmp/imsrig-file-XXXXXX", path[64];
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/key", dir);
	assert_int_equal(file_put(path, STR("one"), true), 0);
	is_file(path, "one");
	assert_int_equal(file_put(path, STR("two"), true), -EEXIST);
	is_file(path, "one");
	assert_int_equal(file_put(path, STR("three"), false), 0);
	is_file(path, "three");
	unlink(path);
	assert_int_equal(rmdir(dir), 0); /* nothing else is left */
	assert_int_equal(file_put(path, STR("four"), false), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_str_compare),
		cmocka_unit_test(test_str_parts),
		cmocka_unit_test(test_str_numbers),
		cmocka_unit_test(test_buf),
		cmocka_unit_test(test_arena),
		cmocka_unit_test(test_addr),
		cmocka_unit_test_setup_teardown(test_clock_advance, setup, teardown),
		cmocka_unit_test_setup_teardown(test_clock_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_clock_hold, setup, teardown),
		cmocka_unit_test_setup_teardown(test_clock_model, setup, teardown),
		cmocka_unit_test_setup_teardown(test_clock_handlers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_clock_real, setup, teardown),
		cmocka_unit_test(test_chance),
		cmocka_unit_test(test_metric),
		cmocka_unit_test(test_log),
		cmocka_unit_test(test_b64url),
		cmocka_unit_test(test_b64),
		cmocka_unit_test(test_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
