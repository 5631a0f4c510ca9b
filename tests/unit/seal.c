/* Tests of sealed secrets: what opens, and what is refused, with what sentence.
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "hss/seal.h"

static char dir[64], path[96];
static char why[512];

static int setup(void **state)
{
	strcpy(dir, "/tmp/seal-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/hss.key", dir);
	return 0;
}

static int teardown(void **state)
{
	unlink(path);
	return rmdir(dir);
}

static void put_file(const char *text, mode_t mode)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(path, mode), 0);
}

static const char key_a[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n";
static const char key_b[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e20\n";

static void test_made_once(void **state)
{
	struct seal *s;
	struct stat st;
	char sealed[5 + SEAL_EXTRA], out[sizeof sealed];

	assert_int_equal(seal_open(path, false, &s, why), -ENOENT);
	assert_non_null(strstr(why, "put it back"));
	assert_int_equal(seal_open(path, true, &s, why), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(st.st_size, 65);
	seal_put(s, STR("plain"), STR("alice"), sealed);
	seal_close(s);
	assert_int_equal(seal_open(path, true, &s, why), 0);
	assert_int_equal(seal_take(s, (struct str){sealed, sizeof sealed}, STR("alice"), out), 0);
	assert_memory_equal(out, "plain", 5);
	seal_close(s);
}

static void test_values(void **state)
{
	struct seal *a, *b;
	char one[5 + SEAL_EXTRA], two[sizeof one], out[sizeof one];
	struct str sealed = {one, sizeof one};

	put_file(key_a, 0600);
	assert_int_equal(seal_open(path, false, &a, why), 0);
	put_file(key_b, 0600);
	assert_int_equal(seal_open(path, false, &b, why), 0);
	seal_put(a, STR("plain"), STR("alice"), one);
	seal_put(a, STR("plain"), STR("alice"), two);
	assert_memory_not_equal(one, two, sizeof one);
	assert_int_equal(seal_take(b, sealed, STR("alice"), out), -EBADMSG);
	assert_int_equal(seal_take(a, sealed, STR("bob"), out), -EBADMSG);
	for (size_t n = 0; n < sizeof one; n++)
		assert_int_equal(
			seal_take(a, (struct str){one, n}, STR("alice"), out), -EBADMSG);
	for (size_t i = 0; i < sizeof one; i++) {
		one[i] ^= 1;
		assert_int_equal(seal_take(a, sealed, STR("alice"), out), -EBADMSG);
		one[i] ^= 1;
	}
	assert_int_equal(seal_take(a, sealed, STR("alice"), out), 0);
	assert_memory_equal(out, "plain", 5);
	seal_put(a, STR_NONE, STR("alice"), one);
	assert_int_equal(seal_take(a, (struct str){one, SEAL_EXTRA}, STR("alice"), out), 0);
	seal_close(a);
	seal_close(b);
}

/* What is told of a sealed value is the key's. */
static void test_print(void **state)
{
	struct seal *a, *b;

	put_file(key_a, 0600);
	assert_int_equal(seal_open(path, false, &a, why), 0);
	put_file(key_b, 0600);
	assert_int_equal(seal_open(path, false, &b, why), 0);
	assert_true(seal_print(a, 1) == seal_print(a, 1));
	assert_true(seal_print(a, 1) != seal_print(a, 2));
	assert_true(seal_print(a, 1) != seal_print(b, 1));
	seal_close(a);
	seal_close(b);
}

static void test_files(void **state)
{
	struct seal *s;

	put_file(key_a, 0640);
	assert_int_equal(seal_open(path, true, &s, why), -EPERM);
	assert_non_null(strstr(why, "chmod 600"));
	put_file("", 0600);
	assert_int_equal(seal_open(path, true, &s, why), -EINVAL);
	put_file("0001", 0600);
	assert_int_equal(seal_open(path, true, &s, why), -EINVAL);
	assert_null(strstr(why, "0001"));
	put_file("g00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n", 0600);
	assert_int_equal(seal_open(path, true, &s, why), -EINVAL);
	unlink(path);
	assert_int_equal(seal_open("/nonexistent/dir/key", true, &s, why), -EIO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_made_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_values, setup, teardown),
		cmocka_unit_test_setup_teardown(test_print, setup, teardown),
		cmocka_unit_test_setup_teardown(test_files, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
