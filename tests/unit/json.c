/* Tests of json_check: each rule by what it takes and what it does not.
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "common/base/buf.h"
#include "common/crypto/json.h"

static const struct json_limits small = {.size = 64, .depth = 2, .members = 3};

static void good(struct str text, const struct json_limits *limits)
{
	const char *why;
	json_t *j = json_read(text, limits, &why);
	if (!j)
		fail_msg("refused: " STR_FMT ": %s", STR_ARG(text), why);
	assert_null(why);
	json_decref(j);
}

static void bad(struct str text, const struct json_limits *limits, const char *want)
{
	const char *why;
	json_t *j = json_read(text, limits, &why);
	if (j)
		fail_msg("taken: " STR_FMT, STR_ARG(text));
	if (!strstr(why, want))
		fail_msg(STR_FMT ": \"%s\" instead of \"%s\"", STR_ARG(text), why, want);
}

#define GOOD(text)      good(STR(text), NULL)
#define BAD(text, want) bad(STR(text), NULL, want)

static void test_values(void **state)
{
	GOOD("{}");
	GOOD("[]");
	GOOD(" \t\r\n{ \"a\" : [ true , false , null ] , \"b\" : { } } \n");
	GOOD("\"text\"");
	GOOD("0");
	GOOD("null");
	BAD("", "missing");
	BAD("  ", "missing");
	BAD("{} {}", "follows");
	BAD("{}x", "follows");
	BAD("{},", "follows");
	bad((struct str){"{}\0", 3}, NULL, "follows");
	BAD("{", "no name");
	BAD("[", "missing");
	BAD("[1,]", "not a number");
	BAD("[1 2]", "no end");
	BAD("{\"a\":1,}", "no name");
	BAD("{\"a\":1", "no end");
	BAD("{\"a\" 1}", "no colon");
	BAD("{\"a\":}", "not a number");
	BAD("{a:1}", "no name");
	BAD("{'a':1}", "no name");
	BAD("tru", "not a JSON value");
	BAD("nulll", "follows");
	BAD("True", "not a number");
	BAD("\xef\xbb\xbf{}", "not a number"); /* a byte order mark */
	BAD("//x\n1", "not a number");
}

static void test_numbers(void **state)
{
	GOOD("[0,-0,1,-1,10,1.5,-0.25,1e5,1E+5,1e-5,1.25e10]");
	GOOD("999999999999999999");
	BAD("1000000000000000000", "too large");
	BAD("1e100", "too large");
	BAD("0.12345678901234567890123456789012345678901", "too large");
	BAD("01", "not a number");
	BAD("-", "not a number");
	BAD("-01", "not a number");
	BAD("+1", "not a number");
	BAD(".5", "not a number");
	BAD("1.", "not a number");
	BAD("1e", "not a number");
	BAD("1e+", "not a number");
	BAD("0x10", "follows");
	BAD("NaN", "not a number");
	BAD("Infinity", "not a number");
}

static void test_strings(void **state)
{
	GOOD("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD83D\\ude00\"");
	GOOD("\"\x7f \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 \xf4\x8f\xbf\xbf\"");
	BAD("\"", "no end");
	BAD("\"a", "no end");
	BAD("\"\\", "no end");
	BAD("\"\\\"", "no end");
	BAD("\"\\x41\"", "escape");
	BAD("\"\\u00\"", "escape");
	BAD("\"\\u00g0\"", "escape");
	BAD("\"\n\"", "control");
	BAD("\"\t\"", "control");
	bad((struct str){"\"\0\"", 3}, NULL, "control");
	BAD("\"\\u0000\"", "NUL");
	BAD("{\"a\\u0000\":1}", "NUL");
	BAD("\"\\ud83d\"", "surrogate");
	BAD("\"\\ud83dx\"", "surrogate");
	BAD("\"\\ud83d\\n12345\"", "surrogate");
	BAD("\"\\ud83d\\ud83d\"", "surrogate");
	BAD("\"\\ude00\"", "surrogate");
	BAD("\"\\ud83d\\ue000\"", "surrogate");
	BAD("\"\\ud83d\\ude0", "surrogate");
	BAD("\"\x80\"", "UTF-8");
	BAD("\"\xc0\xaf\"", "UTF-8");             /* a slash in two octets */
	BAD("\"\xc1\xbf\"", "UTF-8");
	BAD("\"\xe0\x80\xaf\"", "UTF-8");
	BAD("\"\xf0\x80\x80\xaf\"", "UTF-8");
	BAD("\"\xc3\"", "UTF-8");
	BAD("\"\xe2\x82\"", "UTF-8");
	BAD("\"\xed\xa0\x80\"", "UTF-8");         /* a surrogate */
	BAD("\"\xf4\x90\x80\x80\"", "UTF-8");     /* beyond the last code point */
	BAD("\"\xff\"", "UTF-8");
	BAD("\"\xf0\x9f", "UTF-8");
}

static void test_twice(void **state)
{
	GOOD("{\"a\":1,\"b\":2,\"A\":3,\"\":4,\"aa\":5}");
	GOOD("{\"a\":{\"a\":{\"a\":1}}}");
	GOOD("[{\"a\":1},{\"a\":1}]");
	GOOD("{\"a\":{\"b\":1},\"c\":{\"b\":1},\"b\":1}");
	GOOD("{\"\\u00e9\":1,\"e\\u0301\":2}"); /* as code points, not as looks */
	BAD("{\"a\":1,\"a\":1}", "twice");
	BAD("{\"a\":1,\"b\":2,\"a\":1}", "twice");
	BAD("{\"\":1,\"\":2}", "twice");
	BAD("{\"iss\":1,\"\\u0069ss\":2}", "twice");
	BAD("{\"\\u0069\\u0073s\":1,\"iss\":2}", "twice");
	BAD("{\"\xc3\xa9\":1,\"\\u00E9\":2}", "twice");
	BAD("{\"\xf0\x9f\x98\x80\":1,\"\\ud83d\\uDE00\":2}", "twice");
	BAD("{\"/\":1,\"\\/\":2}", "twice");
	BAD("{\"x\":{\"a\":1,\"b\":{\"a\":2},\"a\":3}}", "twice");
	BAD("{\"a\":{\"x\":1},\"b\":[{}],\"a\":{}}", "twice");
}

/* Every limit at its edge. */
static void test_limits(void **state)
{
	struct buf b = {0};
	good(STR("[[]]"), &small);
	good(STR("{\"a\":[1],\"b\":2}"), &small);
	bad(STR("[[[]]]"), &small, "deep");
	bad(STR("{\"a\":{\"b\":{}}}"), &small, "deep");
	good(STR("[1,2,3]"), &small);
	bad(STR("[1,2,3,4]"), &small, "too many");
	good(STR("{\"a\":1,\"b\":[1]}"), &small);
	bad(STR("{\"a\":1,\"b\":[1,2]}"), &small, "too many");
	bad(STR("{\"a\":1,\"b\":1,\"c\":1,\"d\":1}"), &small, "too many");

	for (int i = 0; i < 62; i++)
		buf_byte(&b, i ? 'x' : '"');
	buf_byte(&b, '"');
	buf_byte(&b, ' ');
	good(buf_str(&b), &small);
	buf_byte(&b, ' ');
	bad(buf_str(&b), &small, "longer");

	b.n = 0;
	for (int i = 0; i < 8; i++)
		buf_byte(&b, '[');
	for (int i = 0; i < 8; i++)
		buf_byte(&b, ']');
	good(buf_str(&b), NULL);
	b.n = 0;
	for (int i = 0; i < 4096; i++)
		buf_byte(&b, '[');
	bad(buf_str(&b), NULL, "deep");
	buf_byte(&b, '[');
	bad(buf_str(&b), NULL, "longer");
	buf_free(&b);
}

/* More members than the table on the stack holds, and the last one comes twice. */
static void test_many(void **state)
{
	const struct json_limits many = {.size = 1 << 20, .members = 20000};
	struct buf b = {0};
	buf_byte(&b, '{');
	for (int i = 0; i < 19998; i++)
		buf_fmt(&b, "\"m%d\":%d,", i, i);
	size_t n = b.n;
	buf_add(&b, STR("\"last\":0}"));
	good(buf_str(&b), &many);
	b.n = n;
	buf_add(&b, STR("\"m\\u0031\":0}"));
	bad(buf_str(&b), &many, "twice");
	b.n = n;
	buf_add(&b, STR("\"x\":0,\"y\":0,\"z\":0}"));
	bad(buf_str(&b), &many, "too many");
	buf_free(&b);
}

/* The set of names: the same names in many objects, two names of one hash, siblings. */
static void test_names(void **state)
{
	struct buf b = {0};
	buf_byte(&b, '[');
	for (int i = 0; i < 19; i++) {
		buf_fmt(&b, "%s{\"name\":0", i ? "," : "");
		for (int j = 0; j < 11; j++)
			buf_fmt(&b, ",\"n%d\":0", j);
		buf_byte(&b, '}');
	}
	buf_byte(&b, ']');
	good(buf_str(&b), NULL);
	buf_free(&b);
	GOOD("{\"m41073\":1,\"m78672\":2}");
	BAD("{\"m41073\":1,\"m78672\":2,\"m41073\":3}", "twice");
	GOOD("[[],[],{},{},[],[],{},{},[],[],[[[[[[[]]]]]]]]");
}

/* Cut anywhere, a text is refused and nothing behind its end is read. */
static void test_cut(void **state)
{
	struct str text = STR("{\"a\\ud83d\\ude00\":[-1.5e+10,true,\"\xe2\x82\xac\"],\"b\":{\"c\":null}}");
	good(text, NULL);
	for (size_t n = 0; n < text.n; n++) {
		char *exact = malloc(n ? n : 1);
		memcpy(exact, text.p, n);
		assert_non_null(json_check((struct str){exact, n}, NULL));
		free(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_twice),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
