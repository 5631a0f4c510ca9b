/* Forms, cookies, and text on its way into HTML.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>

#include "common/http/form.h"

static struct arena arena;

static void is(struct str got, const char *want)
{
	if (!want) {
		assert_null(got.p);
		return;
	}
	assert_non_null(got.p);
	assert_int_equal(got.n, strlen(want));
	assert_memory_equal(got.p, want, got.n);
}

static int parse(const char *text, struct form *f)
{
	return form_parse(str_of(text), &arena, f);
}

static void test_form(void **state)
{
	struct form f;
	assert_int_equal(parse("a=b&c=d+e%26%3d%C3%a4&n&e=&q=x=y&&k%65y=1", &f), 0);
	is(form_value(&f, STR("a")), "b");
	is(form_value(&f, STR("c")), "d e&=\xc3\xa4");
	is(form_value(&f, STR("n")), "");
	is(form_value(&f, STR("e")), "");
	is(form_value(&f, STR("q")), "x=y");
	is(form_value(&f, STR("key")), "1");
	is(form_value(&f, STR("A")), NULL);
	is(form_value(&f, STR("")), NULL);
	assert_int_equal(f.n, 6);
	assert_int_equal(form_parse(STR_NONE, &arena, &f), 0);
	assert_int_equal(f.n, 0);
	is(form_param(STR("user=al%69ce&x=1"), STR("user"), &arena), "alice");
	is(form_param(STR("x=1"), STR("user"), &arena), NULL);
	is(form_param(STR("user=%4"), STR("user"), &arena), NULL);
	is(form_param(STR_NONE, STR("user"), &arena), NULL);
}

static void test_form_broken(void **state)
{
	static const char *const bad[] = {"a=%", "a=%4", "a=%4g", "%zz=1", "a=%00", "a=b%"};
	struct form f;
	struct buf many = {0};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(parse(bad[i], &f), -EBADMSG);
	assert_int_equal(form_parse(STR("a=\0b"), &arena, &f), -EBADMSG);
	assert_int_equal(parse("a=1&b=2&a=1", &f), -EEXIST);
	assert_int_equal(parse("a=1&%61=1", &f), -EEXIST);
	assert_int_equal(parse("a&a", &f), -EEXIST);
	assert_int_equal(parse("b=2&a=1&b=3&c=4", &f), -EEXIST);
	is(form_value(&f, STR("b")), "2");
	is(form_value(&f, STR("c")), "4");
	assert_true(form_twice(&f, STR("b")));
	assert_false(form_twice(&f, STR("a")));
	assert_false(form_twice(&f, STR("d")));
	for (int i = 0; i < FORM_MAX; i++)
		buf_fmt(&many, "p%d=1&", i);
	assert_int_equal(form_parse(buf_str(&many), &arena, &f), 0);
	buf_fmt(&many, "more=1");
	assert_int_equal(form_parse(buf_str(&many), &arena, &f), -E2BIG);
	buf_free(&many);
}

static void test_put(void **state)
{
	struct buf b = {0};
	struct form f;
	buf_fmt(&b, "https://a.example/cb?");
	form_put(&b, STR("code"), STR("a-b_c.d~1"));
	form_put(&b, STR("iss"), STR("https://waf:1/ ?&\xff"));
	is(buf_str(&b), "https://a.example/cb?code=a-b_c.d~1&iss=https%3A%2F%2Fwaf%3A1%2F%20%3F%26%FF");
	assert_int_equal(form_parse(str_skip(buf_str(&b), 21), &arena, &f), 0);
	is(form_value(&f, STR("iss")), "https://waf:1/ ?&\xff");
	b.n = 0;
	form_put_html(&b, STR("<a b=\"c'd\">&amp;"));
	is(buf_str(&b), "&lt;a b=&quot;c&#39;d&quot;&gt;&amp;amp;");
	buf_free(&b);
}

static void test_fields(void **state)
{
	struct http_field fields[] = {{STR("Cookie"), STR("x=1; __Host-wic=abc=; b=")},
		{STR("Content-Type"), STR("Application/X-WWW-form-urlencoded ; charset=utf-8")}};
	struct http_msg m = {.fields = fields, .n_fields = 2};

	is(form_cookie(&m, STR("__Host-wic")), "abc=");
	is(form_cookie(&m, STR("x")), "1");
	is(form_cookie(&m, STR("b")), "");
	is(form_cookie(&m, STR("Host-wic")), NULL);
	assert_true(form_is_body(&m));
	fields[1].value = STR("application/json");
	assert_false(form_is_body(&m));
	m.n_fields = 0;
	is(form_cookie(&m, STR("x")), NULL);
	assert_false(form_is_body(&m));
}

static int tidy(void **state)
{
	arena_free(&arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_form),
		cmocka_unit_test(test_form_broken),
		cmocka_unit_test(test_put),
		cmocka_unit_test(test_fields),
	};
	return cmocka_run_group_tests(tests, NULL, tidy);
}
