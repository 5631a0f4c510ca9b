/* Ranges without a process: the table of the registration's states, and bodies of W4.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "waaf/waaf.h"

struct waaf waaf;

static void test_table(void **state)
{
	assert_null(fsm_table_fault(&registration_table, 0));
}

static void test_body(void **state)
{
	static const char text[] =
		"{\"wwsf\":\"w.example\",\"block\":[\"sip:a!\\\\.x!@b\",\"sip:c!.*!@b\"],"
		"\"impi\":\"p@w\",\"impu\":\"sip:p@b\",\"expires\":60,\"more\":[],\"credentials\":"
		"{\"nonce\":\"n\",\"nc\":\"0000000a\",\"cnonce\":\"c\",\"response\":"
		"\"00112233445566778899AABBCCDDEEFF\"}}";
	struct registration_ask ask;
	struct arena a = {0};
	const char *why;

	assert_int_equal(registration_read(str_of(text), &a, &ask, &why), 0);
	assert_true(str_eq(ask.wwsf, STR("w.example")));
	assert_int_equal(ask.n_block, 2);
	assert_true(str_eq(ask.block[0], STR("sip:a!\\.x!@b")));
	assert_true(str_eq(ask.block[1], STR("sip:c!.*!@b")));
	assert_true(str_eq(ask.impi, STR("p@w")));
	assert_true(str_eq(ask.impu, STR("sip:p@b")));
	assert_true(ask.has_expires && ask.expires == 60 && ask.has_credentials);
	assert_true(str_eq(ask.nc, STR("0000000a")));
	assert_int_equal(registration_read_credentials(STR_NONE, &a, &ask, &why), 0);
	assert_false(ask.has_credentials);
	assert_int_equal(registration_read_credentials(STR("{}"), &a, &ask, &why), -EBADMSG);
	arena_free(&a);
}

/* At most 32 blocks, and no text without end. */
static void test_bounds(void **state)
{
	struct registration_ask ask;
	struct arena a = {0};
	const char *why;
	for (int n = 32; n <= 33; n++) {
		struct buf b = {0};
		buf_fmt(&b, "{\"wwsf\":\"w\",\"impi\":\"p@w\",\"impu\":\"sip:p@b\",\"block\":[");
		for (int i = 0; i < n; i++)
			buf_fmt(&b, "%s\"x\"", i ? "," : "");
		buf_fmt(&b, "]}");
		assert_int_equal(registration_read(buf_str(&b), &a, &ask, &why),
			n == 32 ? 0 : -EBADMSG);
		b.n = 0;
		buf_fmt(&b, "{\"wwsf\":\"w\",\"impi\":\"p@w\",\"impu\":\"sip:p@b\",\"block\":[\"");
		for (int i = 0; i < 480 + n; i++)
			buf_byte(&b, 'x');
		buf_fmt(&b, "\"]}");
		assert_int_equal(registration_read(buf_str(&b), &a, &ask, &why),
			n == 32 ? 0 : -EBADMSG);
		buf_free(&b);
	}
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_table),
		cmocka_unit_test(test_body), cmocka_unit_test(test_bounds)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
