/* Tests of Milenage: test sets 1 to 6 of TS 35.208.
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "common/base/str.h"
#include "common/crypto/milenage.h"

struct set {
	uint8_t k[16], rand[16], sqn[6], amf[2], op[16], opc[16];
	uint8_t f1[8], f1_star[8], f2[8], f3[16], f4[16], f5[6], f5_star[6];
};

static void take(struct str *line, uint8_t *out, size_t n)
{
	assert_int_equal(str_hex(str_cut(line, ' '), out, n), 0);
}

static void check(struct str line)
{
	struct set s;
	struct milenage m;
	struct milenage_out o;
	uint8_t mac_a[8], mac_s[8];

	take(&line, s.k, 16);
	take(&line, s.rand, 16);
	take(&line, s.sqn, 6);
	take(&line, s.amf, 2);
	take(&line, s.op, 16);
	take(&line, s.opc, 16);
	take(&line, s.f1, 8);
	take(&line, s.f1_star, 8);
	take(&line, s.f2, 8);
	take(&line, s.f3, 16);
	take(&line, s.f4, 16);
	take(&line, s.f5, 6);
	take(&line, s.f5_star, 6);
	assert_null(line.p);

	memcpy(m.k, s.k, 16);
	milenage_opc(s.k, s.op, m.opc);
	assert_memory_equal(m.opc, s.opc, 16);
	milenage_f1(&m, s.rand, s.sqn, s.amf, mac_a, mac_s);
	assert_memory_equal(mac_a, s.f1, 8);
	assert_memory_equal(mac_s, s.f1_star, 8);
	milenage_f2345(&m, s.rand, &o);
	assert_memory_equal(o.res, s.f2, 8);
	assert_memory_equal(o.ck, s.f3, 16);
	assert_memory_equal(o.ik, s.f4, 16);
	assert_memory_equal(o.ak, s.f5, 6);
	assert_memory_equal(o.ak_star, s.f5_star, 6);
}

static void test_sets(void **state)
{
	FILE *f = fopen(TEST_DATA "/ts35208/sets.txt", "r");
	char line[1024];
	int n = 0;

	assert_non_null(f);
	while (fgets(line, sizeof line, f)) {
		if (line[0] == '#')
			continue;
		check(str_trim(str_of(line)));
		n++;
	}
	fclose(f);
	assert_int_equal(n, 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_sets)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
