/* Tests of the fault gate, with a toy protocol: "WORD name=value name=value".
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdlib.h>
#include <cmocka.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/metric.h"
#include "common/trace/gate.h"
#include "tests/unit/gate_rule.h"

static struct str toy_what(const struct trace_msg *m, struct buf *scratch)
{
	struct str rest = m->bytes, word = str_cut(&rest, ' ');
	buf_fmt(scratch, "TOY " STR_FMT, STR_ARG(word));
	return buf_str(scratch);
}

static struct str toy_field(const struct trace_msg *m, struct str name)
{
	struct str rest = m->bytes;
	while (rest.p) {
		struct str value = str_cut(&rest, ' '), key = str_cut(&value, '=');
		if (value.p && str_eq(key, name))
			return value;
	}
	return STR_NONE;
}

static int toy_set(const struct trace_msg *m, struct str name, struct str value, struct buf *out)
{
	struct str rest = m->bytes;
	bool found = false;
	while (rest.p) {
		struct str word = str_cut(&rest, ' '), v = word, key = str_cut(&v, '=');
		if (out->n && !(v.p && str_eq(key, name) && !value.p))
			buf_byte(out, ' ');
		if (!v.p || !str_eq(key, name)) {
			buf_add(out, word);
			continue;
		}
		found = true;
		if (value.p)
			buf_fmt(out, STR_FMT "=" STR_FMT, STR_ARG(key), STR_ARG(value));
	}
	return found ? 0 : -EINVAL;
}

static const struct gate_proto toy = {toy_what, toy_field, toy_set};
static const struct gate_proto toy_fixed = {toy_what, toy_field, NULL};

struct fixture {
	uv_loop_t loop;
	struct clock *clock;
	struct gate *gate;
	struct buf got;        /* what came out: "message|message|" */
	struct trace_msg m;
	const struct gate_proto *proto;
};

static int setup(void **state)
{
	struct fixture *f = MEM_NEW(struct fixture);
	uv_loop_init(&f->loop);
	f->clock = clock_new(&f->loop);
	f->gate = gate_new(f->clock);
	f->m.dir = TRACE_SENT;
	f->m.via = TRACE_TCP;
	addr_parse(STR("127.34.0.12:5060"), 0, &f->m.local);
	addr_parse(STR("127.34.0.13:5061"), 0, &f->m.remote);
	f->proto = &toy;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	gate_free(f->gate);
	clock_free(f->clock);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&f->loop), 0);
	buf_free(&f->got);
	free(f);
	return 0;
}

static void on_go(void *owner, const void *ctx, struct str bytes)
{
	struct fixture *f = owner;
	assert_memory_equal(ctx, "context", 8);
	buf_add(&f->got, bytes);
	buf_byte(&f->got, '|');
}

static void pass(struct fixture *f, const char *bytes)
{
	f->m.bytes = str_of(bytes);
	gate_pass(f->gate, f->proto, &f->m, on_go, f, "context", 8);
}

static void expect(struct fixture *f, const char *want)
{
	assert_string_equal(buf_z(&f->got), want);
	f->got.n = 0;
}

static int64_t counter(const char *name)
{
	for (struct metric *m = metric_first(); m; m = m->next)
		if (!strcmp(m->name, name))
			return m->value;
	fail_msg("no counter %s", name);
	return 0;
}

static void test_off(void **state)
{
	struct fixture *f = *state;
	assert_false(gate_active(f->gate));
	pass(f, "HELLO");
	expect(f, "HELLO|");
	gate_rule(f->gate, "{\"do\":\"drop\"}");
	assert_true(gate_active(f->gate));
	gate_reset(f->gate);
	assert_false(gate_active(f->gate));
}

static void test_match(void **state)
{
	static const struct {
		const char *match;
		bool hit;
	} rows[] = {
		{"{}", true},
		{"{\"dir\":\"sent\"}", true},
		{"{\"dir\":\"received\"}", false},
		{"{\"via\":\"tcp\"}", true},
		{"{\"via\":\"wss\"}", false},
		{"{\"peer\":\"127.34.0.13\"}", true},
		{"{\"peer\":\"127.34.0.13:5061\"}", true},
		{"{\"peer\":\"127.34.0.13:5060\"}", false},
		{"{\"peer\":\"127.34.0.12\"}", false},
		{"{\"local\":\"127.34.0.12\"}", true},
		{"{\"what\":\"TOY HELLO\"}", true},
		{"{\"what\":\"TOY\"}", true},
		{"{\"what\":\"TOY HELL\"}", false},
		{"{\"what\":\"HELLO\"}", false},
		{"{\"what\":\"/HELL|BYE/\"}", true},
		{"{\"what\":\"/^HELLO/\"}", false},
		{"{\"fields\":{\"a\":\"1\"}}", true},
		{"{\"fields\":{\"a\":\"1\",\"b\":\"two\"}}", true},
		{"{\"fields\":{\"a\":\"1\",\"b\":\"tw\"}}", false},
		{"{\"fields\":{\"b\":\"/^t.o$/\"}}", true},
		{"{\"fields\":{\"b\":\"/^w/\"}}", false},
		{"{\"fields\":{\"b\":true,\"c\":false}}", true},
		{"{\"fields\":{\"c\":true}}", false},
		{"{\"fields\":{\"b\":false}}", false},
		{"{\"fields\":{\"c\":\"\"}}", false},
		{"{\"dir\":\"sent\",\"what\":\"TOY HELLO\",\"fields\":{\"a\":\"2\"}}", false},
	};
	struct fixture *f = *state;
	char json[300];

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		snprintf(json, sizeof json, "{\"match\":%s,\"do\":\"drop\"}", rows[i].match);
		gate_rule(f->gate, json);
		pass(f, "HELLO a=1 b=two");
		if ((f->got.n == 0) != rows[i].hit)
			fail_msg("%s", rows[i].match);
		f->got.n = 0;
		gate_reset(f->gate);
	}
}

static void test_times_skip(void **state)
{
	struct fixture *f = *state;
	int64_t before = counter("imsrig_fault_total{action=\"drop\"}");

	gate_rule(f->gate, "{\"match\":{\"what\":\"TOY A\"},\"do\":\"drop\",\"times\":2,\"skip\":1}");
	for (int i = 0; i < 5; i++) {
		pass(f, "A");
		pass(f, "B");
	}
	expect(f, "A|B|B|B|A|B|A|B|");
	assert_int_equal(counter("imsrig_fault_total{action=\"drop\"}"), before + 2);
}

static void test_hold(void **state)
{
	struct fixture *f = *state;

	gate_rule(f->gate, "{\"match\":{\"what\":\"TOY H\"},\"do\":\"hold\"}");
	pass(f, "H n=1");
	pass(f, "X");
	pass(f, "H n=2");
	expect(f, "X|");
	assert_int_equal(gate_waiting(f->gate), 2);
	assert_int_equal(gate_release(f->gate), 2);
	expect(f, "H n=1|H n=2|");
	assert_int_equal(gate_waiting(f->gate), 0);
	assert_int_equal(gate_release(f->gate), 0);
	pass(f, "H n=3"); /* the rule stands */
	assert_int_equal(gate_waiting(f->gate), 1);
	gate_reset(f->gate);
	assert_int_equal(gate_waiting(f->gate), 0);
	expect(f, "");
}

/* One at a time and changed, as from a console. */
static void test_release_one(void **state)
{
	struct fixture *f = *state;

	gate_rule(f->gate, "{\"do\":\"hold\"}");
	pass(f, "A");
	pass(f, "B");
	pass(f, "C");
	json_t *held = gate_held(f->gate);
	assert_int_equal(json_array_size(held), 3);
	json_t *second = json_array_get(held, 1);
	assert_string_equal(json_string_value(json_object_get(second, "what")), "TOY B");
	assert_string_equal(json_string_value(json_object_get(second, "dir")), "sent");
	assert_string_equal(json_string_value(json_object_get(second, "peer")), "127.34.0.13:5061");
	assert_string_equal(json_string_value(json_object_get(second, "bytes_hex")), "42");
	uint64_t id = (uint64_t)json_integer_value(json_object_get(second, "id"));
	assert_int_equal(gate_release_one(f->gate, id, STR("B2")), 0);
	assert_int_equal(gate_release_one(f->gate, id, STR_NONE), -ENOENT);
	assert_int_equal(gate_release_one(f->gate, id + 1, STR_NONE), 0);
	assert_int_equal(gate_release(f->gate), 1);
	expect(f, "B2|C|A|");
	json_decref(held);
}

static void test_delay(void **state)
{
	struct fixture *f = *state;

	gate_rule(f->gate, "{\"match\":{\"what\":\"TOY SLOW\"},\"do\":\"delay\",\"ms\":3000}");
	gate_rule(f->gate, "{\"match\":{\"what\":\"TOY SLOWER\"},\"do\":\"delay\",\"ms\":5000}");
	pass(f, "SLOWER");
	pass(f, "SLOW");
	pass(f, "FAST");
	expect(f, "FAST|");
	assert_int_equal(gate_waiting(f->gate), 2);
	assert_int_equal(gate_release(f->gate), 0); /* not held */
	clock_set_offset(f->clock, 2900);
	expect(f, "");
	clock_set_offset(f->clock, 3100);
	expect(f, "SLOW|");
	clock_set_offset(f->clock, 9000);
	expect(f, "SLOWER|");
	pass(f, "SLOW");
	gate_reset(f->gate); /* delays are cancelled */
	clock_set_offset(f->clock, 20000);
	expect(f, "");
}

static void test_duplicate(void **state)
{
	struct fixture *f = *state;
	gate_rule(f->gate, "{\"match\":{\"what\":\"TOY A\"},\"do\":\"duplicate\",\"times\":1}");
	gate_rule(f->gate, "{\"match\":{\"what\":\"TOY B\"},\"do\":\"duplicate\",\"copies\":3}");
	pass(f, "A");
	pass(f, "A");
	pass(f, "B");
	expect(f, "A|A|A|B|B|B|B|");
}

static void test_rewrite(void **state)
{
	static const struct {
		const char *rule, *in, *out;
	} rows[] = {
		{"\"find\":\"b+\",\"with\":\"X\"", "abbcbb", "aXcbb|"},
		{"\"find\":\"b+\",\"with\":\"X\",\"all\":true", "abbcbb", "aXcX|"},
		{"\"find\":\"(n)=([0-9]+)\",\"with\":\"\\\\2=\\\\1<\\\\0>\"", "H n=12 x", "H 12=n<n=12> x|"},
		{"\"find\":\"b*\",\"with\":\"-\",\"all\":true", "abc", "-a--c-|"},
		{"\"find\":\"^a\",\"with\":\"\",\"all\":true", "aaa", "aa|"},
		{"\"find\":\"zz\",\"with\":\"X\"", "abc", "abc|"},
		{"\"find\":\"abc\"", "abc", "|"},
		{"\"find\":\"(x)|a\",\"with\":\"[\\\\1\\\\\\\\]\"", "a", "[\\]|"},
	};
	struct fixture *f = *state;
	char json[300];

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		snprintf(json, sizeof json, "{\"do\":\"rewrite\",%s}", rows[i].rule);
		gate_rule(f->gate, json);
		pass(f, rows[i].in);
		expect(f, rows[i].out);
		gate_reset(f->gate);
	}
}

/* Octets, any of them: Diameter is no text. */
static void test_rewrite_binary(void **state)
{
	struct fixture *f = *state;
	gate_rule(f->gate, "{\"do\":\"rewrite\",\"find\":\"abc\",\"with\":\"xy\"}");
	f->m.bytes = STR("\0\1\0\xff" "abc\0\0");
	gate_pass(f->gate, &toy, &f->m, on_go, f, "context", 8);
	assert_int_equal(f->got.n, 9);
	assert_memory_equal(f->got.p, "\0\1\0\xffxy\0\0|", 9);
	f->got.n = 0;
}

static void test_replace(void **state)
{
	struct fixture *f = *state;
	gate_rule(f->gate, "{\"match\":{\"what\":\"TOY A\"},\"do\":\"replace\",\"text\":\"Z z\",\"times\":1}");
	gate_rule(f->gate, "{\"match\":{\"what\":\"TOY B\"},\"do\":\"replace\",\"bytes_hex\":\"4142ff\"}");
	pass(f, "A");
	pass(f, "B");
	expect(f, "Z z|AB\xff|");
}

static void test_set(void **state)
{
	struct fixture *f = *state;
	gate_rule(f->gate, "{\"match\":{\"what\":\"TOY A\"},\"do\":\"set\","
		"\"set\":{\"a\":\"9\",\"b\":7,\"c\":null}}");
	pass(f, "A a=1 b=2 c=3 d=4");
	expect(f, "A a=9 b=7 d=4|");
	pass(f, "A a=1"); /* it has no b: left whole */
	expect(f, "A a=1|");
	f->proto = &toy_fixed;
	pass(f, "A a=1 b=2 c=3");
	expect(f, "A a=1 b=2 c=3|");
}

/* Changes go on to the next rule, which sees what they made. */
static void test_chain(void **state)
{
	struct fixture *f = *state;
	gate_rule(f->gate, "{\"match\":{\"what\":\"TOY A\"},\"do\":\"rewrite\",\"find\":\"A\",\"with\":\"B\"}");
	gate_rule(f->gate, "{\"match\":{\"what\":\"TOY A\"},\"do\":\"drop\"}");
	gate_rule(f->gate, "{\"match\":{\"what\":\"TOY B\"},\"do\":\"set\",\"set\":{\"n\":\"2\"}}");
	gate_rule(f->gate, "{\"match\":{\"what\":\"TOY B\",\"fields\":{\"n\":\"2\"}},\"do\":\"duplicate\"}");
	gate_rule(f->gate, "{\"do\":\"drop\"}");
	pass(f, "A n=1");
	expect(f, "B n=2|B n=2|");
	pass(f, "C");
	expect(f, "");
}

static void go_reset(void *owner, const void *ctx, struct str bytes)
{
	struct fixture *f = owner;
	gate_reset(f->gate);
	on_go(owner, ctx, bytes);
}

/* The receiver may do to the gate what it likes. */
static void test_reentrant(void **state)
{
	struct fixture *f = *state;

	gate_rule(f->gate, "{\"do\":\"duplicate\"}");
	f->m.bytes = STR("A");
	gate_pass(f->gate, &toy, &f->m, go_reset, f, "context", 8);
	expect(f, "A|A|");

	gate_rule(f->gate, "{\"do\":\"hold\"}");
	gate_pass(f->gate, &toy, &f->m, go_reset, f, "context", 8);
	gate_pass(f->gate, &toy, &f->m, go_reset, f, "context", 8);
	assert_int_equal(gate_release(f->gate), 1); /* the first took the second away */
	expect(f, "A|");

	gate_rule(f->gate, "{\"do\":\"delay\",\"ms\":10}");
	gate_pass(f->gate, &toy, &f->m, go_reset, f, "context", 8);
	gate_pass(f->gate, &toy, &f->m, go_reset, f, "context", 8);
	clock_set_offset(f->clock, 1000);
	expect(f, "A|");
}

static void test_forget(void **state)
{
	struct fixture *f = *state;
	int other;
	gate_rule(f->gate, "{\"do\":\"hold\"}");
	pass(f, "A");
	f->m.bytes = STR("B");
	gate_pass(f->gate, &toy, &f->m, on_go, &other, "context", 8);
	gate_forget(f->gate, &other);
	assert_int_equal(gate_release(f->gate), 1);
	expect(f, "A|");
}

static void test_bound(void **state)
{
	struct fixture *f = *state;
	gate_rule(f->gate, "{\"do\":\"hold\"}");
	for (int i = 0; i < 10010; i++)
		pass(f, "A");
	assert_int_equal(gate_waiting(f->gate), 10000);
	assert_int_equal(counter("imsrig_fault_total{action=\"overflow\"}"), 10);
}

static void test_refused(void **state)
{
	static const struct {
		const char *json, *why;
	} rows[] = {
		{"[]", "is an object"},
		{"{}", "\"do\""},
		{"{\"do\":\"explode\"}", "one of drop"},
		{"{\"do\":\"drop\",\"tims\":1}", "no key \"tims\""},
		{"{\"do\":\"drop\",\"times\":-1}", "\"times\""},
		{"{\"do\":\"drop\",\"times\":\"2\"}", "\"times\""},
		{"{\"do\":\"drop\",\"match\":[]}", "\"match\""},
		{"{\"do\":\"drop\",\"match\":{\"direction\":\"sent\"}}", "no key \"direction\""},
		{"{\"do\":\"drop\",\"match\":{\"dir\":\"up\"}}", "\"dir\""},
		{"{\"do\":\"drop\",\"match\":{\"peer\":\"icscf\"}}", "\"peer\" of"},
		{"{\"do\":\"drop\",\"match\":{\"what\":\"/(/\"}}", "regular expression \"(\""},
		{"{\"do\":\"drop\",\"match\":{\"what\":3}}", "\"what\""},
		{"{\"do\":\"drop\",\"match\":{\"fields\":[]}}", "\"fields\""},
		{"{\"do\":\"drop\",\"match\":{\"fields\":{\"a\":\"1\",\"x\":4}}}", "\"x\""},
		{"{\"do\":\"delay\"}", "\"ms\""},
		{"{\"do\":\"rewrite\",\"find\":\"a\",\"with\":1}", "\"with\""},
		{"{\"do\":\"rewrite\",\"find\":\"[\"}", "regular expression"},
		{"{\"do\":\"replace\"}", "\"text\""},
		{"{\"do\":\"replace\",\"text\":\"a\",\"hex\":\"00\"}", "\"text\" or"},
		{"{\"do\":\"replace\",\"hex\":\"0\"}", "hex digits"},
		{"{\"do\":\"replace\",\"hex\":\"0x\"}", "hex digits"},
		{"{\"do\":\"set\"}", "\"set\""},
		{"{\"do\":\"duplicate\",\"copies\":1000}", "\"copies\""},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *why = "";
		json_t *j = json_loads(rows[i].json, 0, NULL);
		assert_non_null(j);
		assert_int_equal(gate_add(f->gate, j, &why), -EINVAL);
		if (!strstr(why, rows[i].why))
			fail_msg("%s: %s", rows[i].json, why);
		json_decref(j);
	}
	assert_false(gate_active(f->gate));
	for (int i = 0; i < 256; i++)
		gate_rule(f->gate, "{\"do\":\"drop\"}");
	json_t *j = json_loads("{\"do\":\"drop\"}", 0, NULL);
	const char *why = "";
	assert_int_equal(gate_add(f->gate, j, &why), -EINVAL);
	json_decref(j);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	struct log_conf quiet = {.level = LOG_ERROR, .node = "test"};
	const struct CMUnitTest tests[] = {
		TEST(test_off), TEST(test_match), TEST(test_times_skip), TEST(test_hold),
		TEST(test_release_one), TEST(test_delay), TEST(test_duplicate), TEST(test_rewrite),
		TEST(test_rewrite_binary), TEST(test_replace), TEST(test_set), TEST(test_chain),
		TEST(test_reentrant), TEST(test_forget), TEST(test_bound), TEST(test_refused),
	};
	log_setup(&quiet);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
