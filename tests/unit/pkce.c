/* PKCE.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <cmocka.h>

#include "common/crypto/pkce.h"

/* The example of RFC 7636 appendix B. */
#define VERIFIER  "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
#define CHALLENGE "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

static void test_example(void **state)
{
	char made[PKCE_SIZE];
	assert_true(pkce_challenge(STR(VERIFIER), made));
	assert_string_equal(made, CHALLENGE);
	assert_true(pkce_check(STR(VERIFIER), STR(CHALLENGE)));
	assert_true(pkce_is_challenge(STR(CHALLENGE)));
}

static void test_wrong(void **state)
{
	char made[PKCE_SIZE], longest[129], other[] = VERIFIER;
	other[0] = 'e';
	assert_false(pkce_check(str_of(other), STR(CHALLENGE)));
	assert_false(pkce_check(STR(CHALLENGE), STR(CHALLENGE)));
	assert_false(pkce_check(STR(VERIFIER), STR("")));
	assert_false(pkce_check(STR_NONE, STR(CHALLENGE)));
	memset(longest, 'a', sizeof longest);
	assert_true(pkce_challenge((struct str){longest, 128}, made));
	assert_true(pkce_challenge((struct str){longest, 43}, made));
	assert_false(pkce_challenge((struct str){longest, 129}, made));
	assert_false(pkce_challenge((struct str){longest, 42}, made));
	longest[3] = '+';
	assert_false(pkce_challenge((struct str){longest, 43}, made));
	longest[3] = 0;
	assert_false(pkce_challenge((struct str){longest, 43}, made));
	assert_false(pkce_is_challenge(STR("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM")));
	assert_false(pkce_is_challenge(STR("E9Melhoa")));
}

static void test_new(void **state)
{
	struct chance c;
	char one[PKCE_SIZE], two[PKCE_SIZE], made[PKCE_SIZE];
	chance_init(&c, 1, "pkce");
	pkce_verifier(&c, one);
	pkce_verifier(&c, two);
	assert_string_not_equal(one, two);
	assert_true(pkce_challenge(str_of(one), made));
	assert_true(pkce_check(str_of(one), str_of(made)));
	assert_false(pkce_check(str_of(two), str_of(made)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_example),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_new),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
