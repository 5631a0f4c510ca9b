/* The language of `expect` lines: what parses to what, what is refused where, what holds.
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "scenarios/player/expect.h"

static struct arena arena;
static struct regexes regexes;
static struct expect_fault fault;

static struct pattern parsed(const char *text)
{
	struct pattern p;
	if (pattern_parse(str_of(text), &arena, &regexes, &p, &fault))
		fail_msg("%s: at %zu: %s", text, fault.at, fault.why);
	return p;
}

static struct value value(const char *text)
{
	struct value v;
	if (value_parse(str_of(text), &arena, &regexes, &v, &fault))
		fail_msg("%s: at %zu: %s", text, fault.at, fault.why);
	return v;
}

static int end(void **state)
{
	regexes_free(&regexes);
	arena_free(&arena);
	return 0;
}

static void ends_and_kinds(void **state)
{
	struct pattern p = parsed("epcscf -> icscf: SIP REGISTER");
	assert_string_equal(p.from, "epcscf");
	assert_string_equal(p.to, "icscf");
	assert_int_equal(p.proto, PATTERN_SIP);
	assert_string_equal(p.what, "REGISTER");
	assert_int_equal(p.n_fields, 0);

	p = parsed("wwsf  ->alice :  HTTP   200");
	assert_string_equal(p.text, "wwsf ->alice : HTTP 200");
	assert_int_equal(p.status, 200);
	assert_false(p.status_class);

	p = parsed("* -> *: SIP 5xx");
	assert_null(p.from);
	assert_null(p.to);
	assert_int_equal(p.status, 5);
	assert_true(p.status_class);

	p = parsed("a-b -> sip-peer.2: HTTP GET /x?y=1 {Host: z}");
	assert_string_equal(p.from, "a-b");
	assert_string_equal(p.to, "sip-peer.2");
	assert_string_equal(p.path, "/x?y=1");

	p = parsed("epcscf -> icscf");
	assert_int_equal(p.proto, PATTERN_ANY);
	p = parsed("epcscf -> icscf: Cx");
	assert_int_equal(p.proto, PATTERN_CX);
	assert_null(p.what);
	p = parsed("a -> b: WS CLOSE {code: 1009}");
	assert_int_equal(p.proto, PATTERN_WS);
	p = parsed("a -> b: SIP /403|50[034]/");
	assert_non_null(p.what_regex);
	assert_string_equal(p.what, "403|50[034]");
}

static void fields(void **state)
{
	struct pattern p =
		parsed("a -> b: SIP 200 {To.tag: present, Via[2].branch: not /x,}y/, "
		       "Contact.expires: 590..600, Public-Identity: sip:a@b, "
		       "N: \"a, \\\"b\\\"}\", C: $nonce,\n  E: \"\"}");
	assert_int_equal(p.n_fields, 7);
	assert_string_equal(p.fields[0].name, "To.tag");
	assert_int_equal(p.fields[0].value.kind, VALUE_PRESENT);
	assert_string_equal(p.fields[1].name, "Via[2].branch");
	assert_int_equal(p.fields[1].value.kind, VALUE_REGEX);
	assert_true(p.fields[1].value.negate);
	assert_string_equal(p.fields[1].value.text, "not /x,}y/");
	assert_int_equal(p.fields[2].value.kind, VALUE_RANGE);
	assert_int_equal(p.fields[2].value.low, 590);
	assert_int_equal(p.fields[2].value.high, 600);
	assert_true(str_eq(p.fields[3].value.equal, STR("sip:a@b")));
	assert_true(str_eq(p.fields[4].value.equal, STR("a, \"b\"}")));
	assert_string_equal(p.fields[5].value.name, "nonce");
	assert_int_equal(p.fields[6].value.equal.n, 0);
	assert_int_equal(parsed("a -> b: SIP 200 {}").n_fields, 0);
}

static void faults(void **state)
{
	static const struct {
		const char *text;
		size_t at;
		const char *why;
	} rows[] = {
		{"", 0, "FROM is missing: FROM -> TO: WHAT {FIELD: VALUE}"},
		{"alice", 5, "\"->\" is missing: FROM -> TO: WHAT {FIELD: VALUE}"},
		{"alice -> ", 9, "TO is missing: FROM -> TO: WHAT {FIELD: VALUE}"},
		{"a -> b SIP", 7, "\":\" is missing behind TO"},
		{"a -> b: SPI 200", 8, "\"SPI\" is no protocol: SIP, Cx, HTTP, WS"},
		{"a -> b: SIP 4yx", 12,
			"\"4yx\" is neither a method nor a status (401), a class (4xx) "
			"or a "
			"/regex/"},
		{"a -> b: Cx UAX", 11,
			"\"UAX\" is no Diameter command: UAR UAA MAR MAA SAR SAA LIR LIA "
			"RTR RTA "
			"PPR PPA CER CEA DWR DWA DPR DPA"},
		{"a -> b: WS HELLO", 11,
			"\"HELLO\" is no control frame: PING PONG CLOSE"},
		{"a -> b: SIP 200 {To}", 17,
			"field \"To\" has no value (\": VALUE\", or present)"},
		{"a -> b: SIP 200 {To: }", 21,
			"a value is missing (\"\" is the empty text)"},
		{"a -> b: SIP 200 {: x}", 17, "the name of a field is missing"},
		{"a -> b: SIP 200 {To: x", 16, "\"{\" has no \"}\""},
		{"a -> b: SIP 200 {To: \"x}", 21, "the quoted text has no end"},
		{"a -> b: SIP 200 {To: /x}", 21, "the expression has no closing /"},
		{"a -> b: SIP 200 {To: \"x\" y}", 25,
			"\",\" or \"}\" is missing behind the value of To"},
		{"a -> b: SIP 200 {To: $}", 21,
			"\"$\" needs a name: letters, digits, - and _"},
		{"a -> b: SIP 200 {To: 9..1}", 21, "the range 9..1 is empty"},
		{"a -> b: SIP 200 {} x", 19, "unexpected text behind the message"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct pattern p;
		assert_int_not_equal(
			pattern_parse(str_of(rows[i].text), &arena, &regexes, &p, &fault),
			0);
		assert_string_equal(fault.why, rows[i].why);
		assert_int_equal(fault.at, rows[i].at);
	}
	struct value v;
	assert_int_not_equal(value_parse(STR("/(/"), &arena, &regexes, &v, &fault), 0);
	assert_int_not_equal(value_parse(STR("/a/ b"), &arena, &regexes, &v, &fault), 0);
}

static void values_hold(void **state)
{
	static const struct {
		const char *value, *got; /* got NULL: absent */
		bool holds;
	} rows[] = {
		{"x", "x", true},
		{"x", "X", false},
		{"x", NULL, false},
		{"\"\"", "", true},
		{"\"\"", NULL, false},
		{"not x", "y", true},
		{"not x", "x", false},
		{"not x", NULL, true},
		{"present", "", true},
		{"present", NULL, false},
		{"absent", NULL, true},
		{"absent", "", false},
		{"not present", NULL, true},
		{"not absent", "x", true},
		{"/b+/", "abbc", true},
		{"/^b/", "ab", false},
		{"/b/", NULL, false},
		{"not /b/", "a", true},
		{"not /b/", NULL, true},
		{"/a\\/b/", "a/b", true},
		{"/a\\.b/", "aXb", false},
		{"60..600", "60", true},
		{"60..600", "600", true},
		{"60..600", "601", false},
		{"60..600", "6x", false},
		{"60..600", "", false},
		{"60..600", NULL, false},
		{"-5..5", "-3", true},
		{"a..b", "a..b", true},
		{"\"present\"", "present", true},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct value v = value(rows[i].value);
		enum holds h = value_holds(&v, str_of(rows[i].got), NULL);
		if ((h == HOLDS) != rows[i].holds)
			fail_msg("%s and %s", rows[i].value,
				rows[i].got ? rows[i].got : "(absent)");
	}
}

static void captures(void **state)
{
	struct value take = value("$n"), other = value("not $n");
	struct capture c = {NULL, "n", STR("abc")};

	assert_int_equal(value_holds(&take, STR("abc"), NULL), HOLDS_BINDS);
	assert_int_equal(value_holds(&take, STR_NONE, NULL), HOLDS_NOT);
	assert_int_equal(value_holds(&other, STR("abc"), NULL), HOLDS_LATER);
	assert_int_equal(value_holds(&take, STR("abc"), &c), HOLDS);
	assert_int_equal(value_holds(&take, STR("abd"), &c), HOLDS_NOT);
	assert_int_equal(value_holds(&other, STR("abd"), &c), HOLDS);
	assert_int_equal(value_holds(&other, STR("abc"), &c), HOLDS_NOT);
	assert_int_equal(value_holds(&other, STR_NONE, &c), HOLDS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ends_and_kinds),
		cmocka_unit_test(fields),
		cmocka_unit_test(faults),
		cmocka_unit_test(values_hold),
		cmocka_unit_test(captures),
	};
	return cmocka_run_group_tests(tests, NULL, end);
}
