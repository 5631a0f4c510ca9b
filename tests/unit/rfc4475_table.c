/* The table of RFC 4475's messages.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/rfc4475_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "common/base/buf.h"

struct str rfc4475_load(struct str file, struct arena *a)
{
	char path[512];
	struct buf b = {0};
	int c;
	snprintf(path, sizeof path, "%s/rfc4475/" STR_FMT, TEST_DATA, STR_ARG(file));
	FILE *f = fopen(path, "rb");
	assert_non_null(f);
	while ((c = getc(f)) != EOF)
		buf_byte(&b, (char)c);
	fclose(f);
	struct str s = arena_str(a, buf_str(&b));
	buf_free(&b);
	return s;
}

void rfc4475_rows(struct rfc4475_row rows[RFC4475_N], struct arena *a)
{
	struct str rest = rfc4475_load(STR("verdicts.tsv"), a);
	str_cut(&rest, '\n');
	for (int i = 0; i < RFC4475_N; i++) {
		struct str line = str_cut(&rest, '\n');
		struct str *cells = (struct str *)&rows[i];
		for (size_t k = 0; k < sizeof *rows / sizeof *cells; k++) {
			assert_non_null(line.p);
			cells[k] = str_cut(&line, '\t');
			assert_true(cells[k].n > 0);
		}
		assert_null(line.p);
	}
	assert_int_equal(rest.n, 0);
}

int rfc4475_status(struct str verdict)
{
	uint32_t status = 0;
	if (!str_eq(verdict, STR("drop")))
		assert_int_equal(str_u32(verdict, &status), 0);
	return (int)status;
}
