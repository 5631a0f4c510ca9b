/* The USIM in a client's hands: what it makes of a challenge.
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <errno.h>
#include <stdio.h>

#include <cmocka.h>

#include "scenarios/wic/card.h"

/* Test set 1 of TS 35.208, and its nonce. */
#define K     "465b5ce8b199b49faa5f0a2ee238a6bc"
#define OPC   "cd63cb71954a9f4e48a5994e37a02baf"
#define OP    "cdc202d5123e20f62b6d676ac72cb318"
#define NONCE "I1U8vpY3qJ0hiuZNrke/NVXzKLQ1d7m5Sp/6w1Tfr7M="

static struct card *card;
static char why[256];

static int pull(void **state)
{
	card_free(card);
	card = NULL;
	return 0;
}

static void insert(const char *k, const char *opc, const char *sqn)
{
	struct card_conf c = {.k = k, .opc = opc, .sqn = sqn};
	assert_int_equal(card_insert(&card, &c, why), 0);
}

static struct answer shown(const char *nonce, enum aka_algorithm aka, int err)
{
	struct challenge c = {.d = {.nonce = str_of(nonce)}, .aka = aka};
	struct answer a = {.nc = 1, .qop = STR("auth"), .cnonce = STR("c"), .password = STR("x")};
	assert_int_equal(card_answer(card, &c, &a), err);
	return a;
}

static void answers(void **state)
{
	insert(K, OPC, "ff9bb4d0b5e0");
	struct answer a = shown(NONCE, AKA_V2_SHA256, 0);
	assert_true(str_eq(a.password, STR("wpC+5dv/7kC35JEI2hluv8XcBd+vf8XcfedJBan1buk=")));
	assert_null(a.auts.p);
	assert_int_equal(a.nc, 1);
	/* to the same challenge the same, though its number is used up */
	a = shown(NONCE, AKA_V1_MD5, 0);
	assert_int_equal(a.password.n, 8);
	/* by OP */
	struct card_conf c = {.k = K, .op = OP, .sqn = "ff9bb4d0b5e0"};
	assert_int_equal(card_insert(&card, &c, why), 0);
	a = shown(NONCE, AKA_V1_MD5, 0);
	assert_int_equal(a.password.n, 8);
}

static void fails(void **state)
{
	uint8_t auts[14];

	insert(K, OPC, "ff9bb4d0b607");
	struct answer a = shown(NONCE, AKA_V2_SHA256, 0);
	assert_int_equal(aka_auts_read(a.auts, auts), 0);
	assert_true(a.password.p && !a.password.n);
	insert("465b5ce8b199b49faa5f0a2ee238a6bd", OPC, NULL);
	a = shown(NONCE, AKA_V2_SHA256, 0);
	assert_int_equal(a.nc, 0);
	assert_null(a.auts.p);
	assert_null(a.qop.p);
	assert_null(a.cnonce.p);
	a = shown("6e6f6e63652d30303031", AKA_V2_SHA256, -EINVAL);
	assert_int_equal(a.nc, 0);
}

static void wrong_texts(void **state)
{
	const struct card_conf bad[] = {{.k = "00", .opc = OPC}, {.k = K}, {.k = K, .op = OP, .opc = OPC},
		{.k = K, .opc = "x"}, {.k = K, .op = "x"}, {.k = K, .opc = OPC, .sqn = "12"}};

	insert(K, OPC, NULL);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		*why = 0;
		assert_int_equal(card_insert(&card, &bad[i], why), -EINVAL);
		assert_true(*why && !strstr(why, K));
		assert_non_null(card);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test_teardown(answers, pull),
		cmocka_unit_test_teardown(fails, pull), cmocka_unit_test_teardown(wrong_texts, pull)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
