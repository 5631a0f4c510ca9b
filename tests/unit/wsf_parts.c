/* The parts of the WSF that need no process: the table of its states, what a request brings.
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <cmocka.h>

#include "epcscf/wsf.h"

static void test_table(void **state)
{
	const char *why = fsm_table_fault(&wsf_table, 0);
	if (why)
		fail_msg("%s", why);
}

#define DIGEST "Digest username=\"alice\", realm=\"r\", nonce=\"n\", uri=\"/register\", response=\"x\""

static void test_ask(void **state)
{
	static const struct {
		const char *field, *body;
		int err;
		enum wsf_by by;
	} rows[] = {
		{NULL, "", 0, WSF_BY_NOTHING},
		{NULL, "{}", 0, WSF_BY_NOTHING},
		{"Basic YWxpY2U6eA==", "", 0, WSF_BY_NOTHING},
		{DIGEST, "", 0, WSF_BY_DIGEST},
		{DIGEST, "{\"impu\":\"sip:a@b\",\"expires\":60}", 0, WSF_BY_DIGEST},
		{"bearer a.b.c", "", 0, WSF_BY_TOKEN},
		{NULL, "{\"user\":\"a\",\"password\":\"b\"}", 0, WSF_BY_PASSWORD},
		{NULL, "{\"user\":\"a\",\"password\":\"b\",\"more\":[1]}", 0, WSF_BY_PASSWORD},
		{"Basic x", "{\"user\":\"a\",\"password\":\"b\"}", 0, WSF_BY_PASSWORD},
		{DIGEST, "{\"user\":\"a\",\"password\":\"b\"}", -EBADMSG, 0},
		{"Digest username=\"a\", username=\"b\"", "", -EBADMSG, 0},
		{"Bearer ", "", -EBADMSG, 0},
		{"", "", -EBADMSG, 0},
		{NULL, "[]", -EBADMSG, 0},
		{NULL, "{\"user\":\"a\"}", -EBADMSG, 0},
		{NULL, "{\"user\":\"a\",\"user\":\"a\",\"password\":\"b\"}", -EBADMSG, 0},
		{NULL, "{\"user\":1,\"password\":\"b\"}", -EBADMSG, 0},
		{NULL, "{\"user\":\"a\\u0000\",\"password\":\"b\"}", -EBADMSG, 0},
		{NULL, "{\"impu\":\"alice\"}", -EBADMSG, 0},
		{NULL, "{\"expires\":0}", -EBADMSG, 0},
		{NULL, "{\"expires\":1.5}", -EBADMSG, 0},
		{NULL, "{\"expires\":99999999999}", -EBADMSG, 0},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct arena a = {0};
		struct wsf_ask ask;
		const char *why = NULL;
		int err = wsf_ask_read(
			str_of(rows[i].field), str_of(rows[i].body), &a, &ask, &why);
		if (err != rows[i].err || (!err && ask.by != rows[i].by) || (err && !why))
			fail_msg("row %zu: %d by %d: %s", i, err, (int)ask.by, why ? why : "");
		arena_free(&a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_table), cmocka_unit_test(test_ask)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
