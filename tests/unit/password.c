/* Tests of password hashes.
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <crypt.h>
#include <cmocka.h>

#include "common/crypto/password.h"

static void test_round(void **state)
{
	char a[PASSWORD_HASH_SIZE], b[PASSWORD_HASH_SIZE];
	assert_int_equal(password_hash("wonderland", 1, a), 0);
	assert_int_equal(password_hash("wonderland", 1, b), 0);
	assert_string_not_equal(a, b); /* its salt */
	assert_true(password_hash_ok(a));
	assert_memory_equal(a, "$y$", 3);
	assert_true(password_check("wonderland", a));
	assert_true(password_check("wonderland", b));
	assert_false(password_check("Wonderland", a));
	assert_false(password_check("wonderland ", a));
	assert_false(password_check("", a));
	assert_false(password_check(a, a));
}

/* A hash that mkpasswd made. */
static void test_foreign(void **state)
{
	struct crypt_data d = {0};
	const char *hash = crypt_r("wonderland", "$y$j75$saltsaltsalt", &d);
	assert_non_null(hash);
	assert_true(password_check("wonderland", hash));
	assert_false(password_check("wonderlanD", hash));
}

static void test_long(void **state)
{
	char hash[PASSWORD_HASH_SIZE], password[513];
	memset(password, 'x', sizeof password);
	password[511] = 0;
	assert_int_equal(password_hash(password, 1, hash), 0);
	assert_true(password_check(password, hash));
	password[510] = 'y';
	assert_false(password_check(password, hash)); /* nothing is cut */
	password[511] = 'x';
	password[512] = 0;
	assert_int_equal(password_hash(password, 1, hash), -EINVAL);
	assert_string_equal(hash, "");
	assert_int_equal(password_hash("x", 12, hash), -EINVAL);
	assert_int_equal(password_hash("x", -1, hash), -EINVAL);
	assert_int_equal(password_hash("", 1, hash), 0);
	assert_true(password_check("", hash));
	assert_false(password_check("x", hash));
}

/* Nobody has no password, not even that of the hash which stands in for his. */
static void test_nobody(void **state)
{
	assert_false(password_check("wonderland", NULL));
	assert_false(password_check("", NULL));
}

static void test_form(void **state)
{
	static const char *const others[] = {
		"", "*", "!", "x", "wonderland", "$y$", "$y$j9T$", "$y$j9T$salt", "$y$j9T$salt$",
		"$y$$salt$wC2D1YlD/OzF91CZ6YgO94N8imgjUkQv5qwE2LrfN0A",
		"$y$j9T$sa:lt$wC2D1YlD/OzF91CZ6YgO94N8imgjUkQv5qwE2LrfN0A",
		"$y$j9T$salt$wC2D1YlD/OzF91CZ6YgO94N8imgjUkQv5qwE2LrfN0",
		"$y$j9T$salt$wC2D1YlD/OzF91CZ6YgO94N8imgjUkQv5qwE2LrfN0AA",
		"$y$j9T$salt$wC2D1YlD/OzF91CZ6YgO94N8imgjUkQv5qwE2LrfN0A\n",
		"$Y$j9T$salt$wC2D1YlD/OzF91CZ6YgO94N8imgjUkQv5qwE2LrfN0A",
	};
	/* other methods, each right for this password */
	static const char *const settings[] = {"ab", "$1$saltsalt", "$5$saltsalt", "$6$saltsalt"};
	struct crypt_data d = {0};
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		assert_false(password_hash_ok(others[i]));
		assert_false(password_check("wonderland", others[i]));
	}
	for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
		char *hash = crypt_r("wonderland", settings[i], &d);
		assert_non_null(hash);
		assert_false(password_check("wonderland", hash));
	}
	assert_true(password_hash_ok("$y$j9T$$wC2D1YlD/OzF91CZ6YgO94N8imgjUkQv5qwE2LrfN0A"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round),
		cmocka_unit_test(test_foreign),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_nobody),
		cmocka_unit_test(test_form),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
