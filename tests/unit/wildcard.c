/* Tests of wildcarded public identities: form, matching, sets.
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "common/base/buf.h"
#include "common/sip/ere.h"
#include "common/sip/wildcard.h"

#define N(a) (sizeof(a) / sizeof *(a))

static struct sip_wildcard *wildcard(const char *text)
{
	struct sip_wildcard *w = NULL;
	char why[256] = "";
	if (sip_wildcard_new(str_of(text), &w, why))
		print_error("%s: %s\n", text, why);
	assert_non_null(w);
	return w;
}

static void assert_refused(struct str text, const char *why)
{
	struct sip_wildcard *w = NULL;
	char said[256] = "";
	int err = sip_wildcard_new(text, &w, said);
	if (err != -EINVAL || !strstr(said, why))
		print_error(STR_FMT ": said \"%s\", not \"%s\"\n", STR_ARG(text), said, why);
	assert_int_equal(err, -EINVAL);
	assert_non_null(strstr(said, why));
}

/* ---- form ---- */

static void test_marks(void **state)
{
	assert_true(sip_wildcard_is(STR("sip:web!.*!@ims.example.org")));
	assert_true(sip_wildcard_is(STR("tel:+3314529![0-9]{4}!")));
	assert_true(sip_wildcard_is(STR("sip:a!b!c!@ims.example.org")));
	assert_false(sip_wildcard_is(STR("sip:web!@ims.example.org")));
	assert_false(sip_wildcard_is(STR("sip:web%21.*%21@ims.example.org")));
	assert_false(sip_wildcard_is(STR("sip:web@ims.example.org;x=!!")));
	assert_false(sip_wildcard_is(STR("tel:+33!1;x=!")));
	assert_false(sip_wildcard_is(STR_NONE));
}

static void test_canonical(void **state)
{
	static const char *const texts[][2] = {
		{"SIP:web!.*!@IMS.Example.ORG:5060;lr", "sip:web!.*!@ims.example.org"},
		{"sip:%77eb!.*!@ims.example.org", "sip:web!.*!@ims.example.org"},
		{"sip:Web![A-Z]!x@ims.example.org", "sip:Web![A-Z]!x@ims.example.org"},
		{"sip:!.*!@ims.example.org;user=phone", "sip:!.*!@ims.example.org;user=phone"},
		{"TEL:+33-1.45.29![0-9]{4}!", "tel:+3314529![0-9]{4}!"},
		{"tel:+33![0-9.]*[(-]?!", "tel:+33![0-9.]*[(-]?!"},
	};
	for (size_t i = 0; i < N(texts); i++) {
		struct sip_wildcard *w = wildcard(texts[i][0]);
		struct str is = sip_wildcard_text(w), should = str_of(texts[i][1]);
		if (!str_eq(is, should))
			print_error(STR_FMT " is not %s\n", STR_ARG(is), texts[i][1]);
		assert_true(str_eq(is, should));
		sip_wildcard_free(w);
	}
}

static void test_refused_form(void **state)
{
	static const struct {
		const char *inside, *why;
	} form[] = {
		{"(a)\\1", "back-reference"},
		{"(a{2}b){3}", "counted group"},
		{"((a{2}|c)b){3}", "counted group"},
		{"(a|(b{2})?){2}", "counted group"},
		{"a{1001}", "product"},
		{"a{10}b{11}c{10}", "product"},
		{"a{1,500}b{0,3}", "product"},
		{"a{500,}b{3}", "product"},
		{"a{10000}", "too large"},
		{"a{99999999999}", "too large"},
		{"(a)*", "open count"},
		{"(a|b)+", "open count"},
		{"(ab){2,}", "open count"},
		{"(abc){1000}", "too long"},
		{"a**", "count follows"},
		{"a+?", "count follows"},
		{"a{2}{3}", "count follows"},
		{"*a", "nothing before"},
		{"a|*b", "nothing before"},
		{"(+)", "nothing before"},
		{"^*", "nothing before"},
		{"a{2,1}", "no count"},
		{"a{,2}", "no count"},
		{"a{2", "no count"},
		{"a{x}", "no count"},
		{"a{", "no count"},
		{"[a", "not closed"},
		{"[]", "not closed"},
		{"[^]", "not closed"},
		{"[z-a]", "no range"},
		{"[a-m-z]", "no range"},
		{"[[.a.]]", "by name"},
		{"(a", "not closed"},
		{"a)", "not opened"},
		{"()", "empty"},
		{"a||b", "empty"},
		{"(a|)", "empty"},
		{"|a", "empty"},
		{"\\w", "backslash"},
		{"a\\", "ends with a backslash"},
		{"%2A", "escaped character"},
		{"a b", "no sip: or tel:"},
		{"a\tb", "no sip: or tel:"},
		{"a\x7f", "no sip: or tel:"},
		{"[[:alpha:]]", "no sip: or tel:"},
		{"", "nothing between"},
	};
	char text[300];
	for (size_t i = 0; i < N(form); i++) {
		snprintf(text, sizeof text, "sip:web!%s!@ims.example.org", form[i].inside);
		assert_refused(str_of(text), form[i].why);
	}
}

static void test_refused_text(void **state)
{
	static const struct {
		struct str text;
		const char *why;
	} texts[] = {
		{STR("sip:web@ims.example.org"), "no expression"},
		{STR("sip:web!.*@ims.example.org"), "no expression"},
		{STR("sip:web%21.*%21@ims.example.org"), "no expression"},
		{STR("web!.*!@ims.example.org"), "no sip: or tel:"},
		{STR("sip:web!.*!"), "no sip: or tel:"},
		{STR("sip:web!.*!@"), "no sip: or tel:"},
		{STR("sip:web!.*!@ims!.org"), "no sip: or tel:"},
		{STR("sip:we\0b!.*!@ims.example.org"), "no sip: or tel:"},
		{STR("sip:we b!.*!@ims.example.org"), "no sip: or tel:"},
		{STR("sip:web!.*!:secret@ims.example.org"), "no public identity"},
		{STR("mailto:web!.*!@ims.example.org"), "no public identity"},
		{STR("sip:w%21b!.*!@ims.example.org"), "escaped !"},
		{STR("sip:web!.*!%21@ims.example.org"), "escaped !"},
		{STR("sip:web!.*!%2g@ims.example.org"), "no sip: or tel:"},
		{STR("tel:+33!.*"), "no expression"},
		{STR_NONE, "no expression"},
	};
	for (size_t i = 0; i < N(texts); i++)
		assert_refused(texts[i].text, texts[i].why);
}

/* 256 characters pass, 257 do not; groups have a depth. */
static void test_length(void **state)
{
	char text[300];
	snprintf(text, sizeof text, "sip:%0*d!.*!@ims.example.org", 256 - 24, 0);
	assert_int_equal(strlen(text), 256);
	sip_wildcard_free(wildcard(text));
	snprintf(text, sizeof text, "sip:%0*d!.*!@ims.example.org", 257 - 24, 0);
	assert_refused(str_of(text), "more than 256");
	snprintf(text, sizeof text, "sip:!%.33sa%.33s!@a", "(((((((((((((((((((((((((((((((((",
		")))))))))))))))))))))))))))))))))");
	assert_refused(str_of(text), "nested");
}

/* ---- matching ---- */

static void test_match(void **state)
{
	static const struct {
		const char *wildcard, *identity;
		bool fits;
	} pairs[] = {
		{"sip:web!.*!@ims.example.org", "sip:web@ims.example.org", true},
		{"sip:web!.*!@ims.example.org", "sip:web000123@ims.example.org", true},
		{"sip:web!.*!@ims.example.org", "sip:we@ims.example.org", false},
		{"sip:web!.*!@ims.example.org", "sip:Web1@ims.example.org", false},
		{"sip:web!.*!@ims.example.org", "sip:xweb1@ims.example.org", false},
		{"sip:web!.*!@ims.example.org", "sips:web1@ims.example.org", false},
		{"sip:web!.*!@ims.example.org", "sip:web1@ims.example.com", false},
		{"sip:web!.*!@ims.example.org", "sip:web1@x.ims.example.org", false},
		{"sip:web!.*!@ims.example.org", "sip:web1@ims.example.org;user=phone", false},
		{"sip:web!.*!@ims.example.org", "sip:web1!2!@ims.example.org", true},
		{"sip:web!.*!@ims.example.org", "sip:web%21.*%21@ims.example.org", false},
		{"sip:web!.*!@ims.example.org", "sip:web%2F@ims.example.org", true},
		{"sip:web!.*!@ims.example.org", "sip:web@x@ims.example.org", false},
		{"sip:a!b!c!@h", "sip:ab!c@h", true},
		{"sip:a!b!c!@h", "sip:abc@h", false},
		{"sip:a!b!ba@h", "sip:aba@h", false},
		{"sip:a!a?!a@h", "sip:a@h", false},
		{"sip:a!a?!a@h", "sip:aa@h", true},
		{"sip:a.b![.]!@h", "sip:axb.@h", false},
		{"sip:a.b![.]!@h", "sip:a.b.@h", true},
		{"sip:web![0-9]{6}!@ims.example.org", "sip:web000123@ims.example.org", true},
		{"sip:web![0-9]{6}!@ims.example.org", "sip:web00012@ims.example.org", false},
		{"sip:web![0-9]{6}!@ims.example.org", "sip:web0001234@ims.example.org", false},
		{"sip:web![0-9]{6}!@ims.example.org", "sip:web00012x@ims.example.org", false},
		{"tel:+3314529![0-9]{4}!", "tel:+33145290000", true},
		{"tel:+3314529![0-9]{4}!", "tel:+3314529000", false},
		{"tel:!.*!", "tel:+331", true},
		{"tel:!.*!", "tel:12;phone-context=example.org", false},
	};
	for (size_t i = 0; i < N(pairs); i++) {
		struct sip_wildcard *w = wildcard(pairs[i].wildcard);
		if (sip_wildcard_match(w, str_of(pairs[i].identity)) != pairs[i].fits)
			fail_msg("%s, %s", pairs[i].wildcard, pairs[i].identity);
		sip_wildcard_free(w);
	}
}

/* What both take, both read alike: against regexec, over all texts of a small alphabet. */
static void test_as_regexec(void **state)
{
	static const char *const expressions[] = {
		"a", ".", "a*", "a+", "a?b", "a{2}", "a{1,2}b", "a{2,}", "a{0}b", "a{0,2}", "ab|b",
		"a|b|ab", "(a|b)a", "(a|ab)(b|ba)", "(ab){2}", "(ab)?a", "(a|b){2,3}", "(a{2})?b",
		"[ab]*", "[^a]", "[^a]*b", "[a-b]{3}", "[]a]", "[^]a]+", "[a-]", "[-a]", "[.]",
		"\\.", "\\*a", "a}", "]", "^a", "a$", "^", "$", "^a|b$", "(^a|b)b", "(a$|b)",
		"a^b", "a$b", "(a|b)?(a|b)?a{0,1}", "a.b", ".*a.", ".*.*b", "[.-]a|b*", "(a(b(a)?)?)?",
	};
	static const char alphabet[] = "ab.]-*}";
	size_t k = sizeof alphabet - 1, texts = k * k * k * k + k * k * k + k * k + k + 1;
	for (size_t i = 0; i < N(expressions); i++) {
		char pattern[64], text[5];
		const char *why;
		regex_t r;
		struct ere *e;
		snprintf(pattern, sizeof pattern, "^(%s)$", expressions[i]);
		assert_int_equal(regcomp(&r, pattern, REG_EXTENDED | REG_NOSUB), 0);
		assert_int_equal(ere_new(str_of(expressions[i]), &e, &why), 0);
		for (size_t t = 0; t < texts; t++) {
			size_t n = 0;
			for (size_t v = t; v; v = (v - 1) / k)
				text[n++] = alphabet[(v - 1) % k];
			text[n] = 0;
			bool fits = !regexec(&r, text, 0, NULL, 0);
			if (ere_match(e, str_of(text)) != fits)
				print_error("%s, \"%s\"\n", expressions[i], text);
			assert_int_equal(ere_match(e, str_of(text)), fits);
		}
		regfree(&r);
		ere_free(e);
	}
}

/* Forms that take other matchers exponential time, or memory, end at once here. */
static void test_hostile(void **state)
{
	static const char *const hostile[] = {
		"a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?aaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		"(a|a|aa)?(a|a|aa)?(a|a|aa)?(a|a|aa)?(a|a|aa)?(a|a|aa)?(a|a|aa)?(a|a|aa)?b",
		".*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*b", "[ab]*a[ab]{900}", "(a|[ab]){0,400}b",
		"((((((((((((((((((((a?)?)?)?)?)?)?)?)?)?)?)?)?)?)?)?)?)?)?)?)?b",
	};
	char text[4001];
	memset(text, 'a', 4000);
	text[4000] = 0;
	for (size_t i = 0; i < N(hostile); i++) {
		struct ere *e;
		const char *why;
		assert_int_equal(ere_new(str_of(hostile[i]), &e, &why), 0);
		ere_match(e, str_of(text));
		ere_free(e);
	}
}

static void test_long_identity(void **state)
{
	struct sip_wildcard *w = wildcard("sip:w!.*!@h");
	char text[SIP_MEMBER_MAX + 1];
	memset(text, 'a', sizeof text);
	memcpy(text, "sip:w", 5);
	memcpy(text + SIP_MEMBER_MAX - 2, "@h", 2);
	assert_true(sip_wildcard_match(w, (struct str){text, SIP_MEMBER_MAX}));
	memcpy(text + SIP_MEMBER_MAX - 2, "a@h", 3);
	assert_false(sip_wildcard_match(w, (struct str){text, sizeof text}));
	sip_wildcard_free(w);
}

/* ---- overlap and sets ---- */

static void test_overlap(void **state)
{
	static const struct {
		const char *a, *b;
		bool may;
	} pairs[] = {
		{"sip:web!.*!@h", "sip:web![0-9]!@h", true},
		{"sip:web!.*!@h", "sip:web2!.*!@h", true},
		{"sip:web!.*!@h", "sip:net!.*!@h", false},
		{"sip:web!.*!@h", "sip:web!.*!@g", false},
		{"sip:web!.*!x@h", "sip:web!.*!@h", true},
		{"sip:web!.*!x@h", "sip:web!.*!y@h", false},
		{"tel:+33!.*!", "tel:+33!.*!9", true},
		{"tel:+33!.*!", "sip:+33!.*!@h", false},
	};
	for (size_t i = 0; i < N(pairs); i++) {
		struct sip_wildcard *a = wildcard(pairs[i].a), *b = wildcard(pairs[i].b);
		assert_int_equal(sip_wildcard_overlap(a, b), pairs[i].may);
		assert_int_equal(sip_wildcard_overlap(b, a), pairs[i].may);
		sip_wildcard_free(a);
		sip_wildcard_free(b);
	}
}

static void add(struct sip_wildcards *s, const char *text, int value)
{
	assert_int_equal(sip_wildcards_add(s, wildcard(text), (void *)(intptr_t)value), 0);
}

static int found(const struct sip_wildcards *s, const char *identity)
{
	void *value = NULL;
	sip_wildcards_find(s, str_of(identity), &value);
	return (int)(intptr_t)value;
}

static void test_set(void **state)
{
	struct sip_wildcards s = {0};
	struct sip_wildcard *w = wildcard("sip:web!.*!@h");
	void *value;

	assert_int_equal(found(&s, "sip:web1@h"), 0);
	add(&s, "sip:web!.*!@h", 1);
	add(&s, "sip:web![0-9]!@h", 2);
	add(&s, "sip:web0!.*!@h", 3);
	add(&s, "sip:!.*!@h", 4);
	add(&s, "sip:net!.*!@h", 5);
	assert_int_equal(sip_wildcards_add(&s, w, NULL), -EEXIST);
	assert_int_equal(found(&s, "sip:web1@h"), 1);  /* of two with one prefix the first */
	assert_int_equal(found(&s, "sip:web01@h"), 3); /* the longest prefix */
	assert_int_equal(found(&s, "sip:bob@h"), 4);
	assert_int_equal(found(&s, "sip:@g"), 0);
	assert_int_equal(found(&s, ""), 0);
	assert_non_null(sip_wildcards_get(&s, STR("sip:net!.*!@h"), &value));
	assert_int_equal((intptr_t)value, 5);
	assert_non_null(sip_wildcards_overlap(&s, w, &value));
	assert_int_equal((intptr_t)value, 1);
	sip_wildcard_free(w);
	sip_wildcards_free(&s);
	assert_int_equal(found(&s, "sip:web1@h"), 0);
}

static void test_set_large(void **state)
{
	struct sip_wildcards s = {0};
	char text[64];
	for (int i = 1; i <= 1000; i++) {
		snprintf(text, sizeof text, "sip:%03dweb!.*!@ims.example.org", i);
		add(&s, text, i);
	}
	for (int i = 1; i <= 1000; i++) {
		snprintf(text, sizeof text, "sip:%03dweb0042@ims.example.org", i);
		assert_int_equal(found(&s, text), i);
	}
	sip_wildcards_free(&s);
}

/* More with one length of prefix than 16 bits count. */
static void test_set_larger(void **state)
{
	struct sip_wildcards s = {0};
	void *value = NULL;
	char text[64];
	for (int i = 0; i < 65536; i++) {
		snprintf(text, sizeof text, "sip:corp%05d!.*!@ims.example.org", i);
		add(&s, text, i);
	}
	assert_non_null(sip_wildcards_find(&s, STR("sip:corp65535-77@ims.example.org"), &value));
	assert_int_equal((intptr_t)value, 65535);
	sip_wildcards_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_marks),
		cmocka_unit_test(test_canonical),
		cmocka_unit_test(test_refused_form),
		cmocka_unit_test(test_refused_text),
		cmocka_unit_test(test_length),
		cmocka_unit_test(test_match),
		cmocka_unit_test(test_as_regexec),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_long_identity),
		cmocka_unit_test(test_overlap),
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_set_large),
		cmocka_unit_test(test_set_larger),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
