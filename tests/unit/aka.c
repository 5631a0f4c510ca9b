/* Tests of AKA: vectors, sequence numbers and resynchronisation (TS 33.102 6.3, Annex C), and
 * how SIP carries them (RFC 3310, RFC 4169).
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <cmocka.h>

#include "common/crypto/aka.h"

/* Test set 1 of TS 35.208. */
static struct milenage keys;
static struct aka_vector vector;
static const uint8_t amf[2] = {0xb9, 0xb9};
#define SQN      UINT64_C(0xff9bb4d0b607)
#define NONCE    "I1U8vpY3qJ0hiuZNrke/NVXzKLQ1d7m5Sp/6w1Tfr7M="
#define PASSWORD "wpC+5dv/7kC35JEI2hluv8XcBd+vf8XcfedJBan1buk="

static int setup(void **state)
{
	str_hex(STR("465b5ce8b199b49faa5f0a2ee238a6bc"), keys.k, 16);
	str_hex(STR("cd63cb71954a9f4e48a5994e37a02baf"), keys.opc, 16);
	str_hex(STR("23553cbe9637a89d218ae64dae47bf35"), vector.rand, 16);
	aka_vector_make(&keys, SQN, amf, &vector);
	return 0;
}

static void expect(const uint8_t *got, size_t n, const char *hex)
{
	char text[65];
	hex_of(got, n, text);
	assert_string_equal(text, hex);
}

static void test_vector(void **state)
{
	expect(vector.autn, 16, "55f328b43577b9b94a9ffac354dfafb3");
	expect(vector.xres, 8, "a54211d5e3ba50bf");
	expect(vector.ck, 16, "b40ba9a3c58b2a05bbf0d987b21bf8cb");
	expect(vector.ik, 16, "f769bcd751044604127672711c6d3441");
}

/* ---- the USIM ---- */

static enum usim_verdict meets(struct usim *u, uint64_t sqn, struct usim_answer *out)
{
	struct aka_vector v = vector;
	aka_vector_make(&keys, sqn, amf, &v);
	return usim_authenticate(u, v.rand, v.autn, out);
}

static void test_usim(void **state)
{
	struct usim u;
	struct usim_answer a;
	uint64_t sqn;

	usim_init(&u, &keys, SQN - 32);
	assert_int_equal(usim_authenticate(&u, vector.rand, vector.autn, &a), USIM_OK);
	assert_memory_equal(a.res, vector.xres, 8);
	assert_memory_equal(a.ck, vector.ck, 16);
	assert_memory_equal(a.ik, vector.ik, 16);
	/* the same again */
	assert_int_equal(usim_authenticate(&u, vector.rand, vector.autn, &a), USIM_SYNC_FAILURE);
	assert_int_equal(aka_auts_check(&keys, vector.rand, a.auts, &sqn), 0);
	assert_int_equal(sqn, SQN);
	expect(a.res, 8, "0000000000000000");
}

static void test_mac(void **state)
{
	struct usim u;
	struct usim_answer a;
	struct milenage other = keys;

	usim_init(&u, &keys, SQN - 32);
	for (int i = 0; i < 16; i++) {
		vector.autn[i] ^= 0x10;
		assert_int_equal(
			usim_authenticate(&u, vector.rand, vector.autn, &a), USIM_MAC_FAILURE);
		vector.autn[i] ^= 0x10;
	}
	other.opc[0] ^= 1;
	usim_init(&u, &other, 0);
	assert_int_equal(usim_authenticate(&u, vector.rand, vector.autn, &a), USIM_MAC_FAILURE);
	other = keys;
	other.k[15] ^= 1;
	usim_init(&u, &other, 0);
	assert_int_equal(usim_authenticate(&u, vector.rand, vector.autn, &a), USIM_MAC_FAILURE);
}

static void test_auts(void **state)
{
	struct usim u;
	struct usim_answer a;
	struct milenage other = keys;
	uint64_t sqn = 0;

	usim_init(&u, &keys, SQN + 320);
	assert_int_equal(usim_authenticate(&u, vector.rand, vector.autn, &a), USIM_SYNC_FAILURE);
	for (int i = 0; i < 14; i++) {
		a.auts[i] ^= 1;
		assert_int_equal(aka_auts_check(&keys, vector.rand, a.auts, &sqn), -EBADMSG);
		a.auts[i] ^= 1;
	}
	vector.rand[0] ^= 1;
	assert_int_equal(aka_auts_check(&keys, vector.rand, a.auts, &sqn), -EBADMSG);
	vector.rand[0] ^= 1;
	other.k[0] ^= 1;
	assert_int_equal(aka_auts_check(&other, vector.rand, a.auts, &sqn), -EBADMSG);
	assert_int_equal(sqn, 0);
	assert_int_equal(aka_auts_check(&keys, vector.rand, a.auts, &sqn), 0);
	/* what the network makes next is good */
	assert_int_equal(meets(&u, aka_sqn_next(sqn), &a), USIM_OK);
}

/* Vectors of one batch may come in any order, since each has a place of its own; an old one of
 * a place is refused, and so is one too far ahead. */
static void test_places(void **state)
{
	const uint64_t far = UINT64_C(1) << 28;
	struct usim u;
	struct usim_answer a;
	uint64_t first = aka_sqn_next(0), second = aka_sqn_next(first);

	assert_int_equal(first, 1 << 5 | 1);
	assert_int_equal(second, 2 << 5 | 2);
	usim_init(&u, &keys, 0);
	assert_int_equal(meets(&u, second, &a), USIM_OK);
	assert_int_equal(meets(&u, first, &a), USIM_OK);
	assert_int_equal(meets(&u, first, &a), USIM_SYNC_FAILURE);
	assert_int_equal(meets(&u, (far + 3) << 5, &a), USIM_SYNC_FAILURE);
	assert_int_equal(meets(&u, (far + 2) << 5, &a), USIM_OK);
	assert_true(aka_sqn_fits(first, 0));
	assert_false(aka_sqn_fits(first, first));
	assert_false(aka_sqn_fits(first, second));
	assert_true(aka_sqn_fits((far + 1) << 5, 1 << 5 | 31));
	assert_false(aka_sqn_fits((far + 2) << 5, 1 << 5 | 31));
	for (uint64_t i = 0, sqn = 0; i < 100; i++, sqn = aka_sqn_next(sqn))
		assert_int_equal(sqn >> 5, i);
	assert_int_equal(aka_sqn_next((UINT64_C(1) << 48) - 1), 0);
}

/* ---- in SIP ---- */

static void test_names(void **state)
{
	assert_int_equal(aka_algorithm_of(STR("AKAv1-MD5")), AKA_V1_MD5);
	assert_int_equal(aka_algorithm_of(STR("akaV2-sha-256")), AKA_V2_SHA256);
	assert_int_equal(aka_algorithm_of(STR("AKAv2-MD5")), AKA_NONE);
	assert_int_equal(aka_algorithm_of(STR("MD5")), AKA_NONE);
	assert_int_equal(aka_algorithm_of(STR_NONE), AKA_NONE);
	assert_string_equal(aka_algorithm_name(AKA_V2_SHA256), "AKAv2-SHA-256");
	assert_int_equal(aka_digest(AKA_V1_MD5), DIGEST_MD5);
	assert_int_equal(aka_digest(AKA_V2_SHA256), DIGEST_SHA256);
}

/* Reckoned by another implementation (Python's hashlib and hmac) from test set 1. */
static void test_responses(void **state)
{
	static const struct {
		enum aka_algorithm algorithm;
		const char *response;
	} rows[] = {
		{AKA_V1_MD5, "592ac53f45f16895b313d96605ac51dd"},
		{AKA_V2_SHA256, "2e2d1aa7553d5ec408dadcc02626867ee918e69d86f84c60838ac66a09af1664"},
	};
	char ha1[DIGEST_HEX_MAX], response[DIGEST_HEX_MAX], password[AKA_PASSWORD_MAX];
	struct str res = {(const char *)vector.xres, 8}, p;

	p = aka_password(AKA_V2_SHA256, res, vector.ck, vector.ik, password);
	assert_true(str_eq(p, STR(PASSWORD)));
	p = aka_password(AKA_V1_MD5, res, vector.ck, vector.ik, password);
	assert_true(str_eq(p, res));
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		enum digest_algorithm d = aka_digest(rows[i].algorithm);
		p = aka_password(rows[i].algorithm, res, vector.ck, vector.ik, password);
		digest_ha1(d, STR("alice-impi@ims.example.org"), STR("ims.example.org"), p, ha1);
		digest_response(d, str_of(ha1), STR("REGISTER"), STR("sip:ims.example.org"),
			STR(NONCE), STR("00000001"), STR("0a4f113b"), STR("auth"), response);
		assert_string_equal(response, rows[i].response);
	}
}

static void test_nonce(void **state)
{
	static const char *const bad[] = {"", "I1U8vpY3qJ0hiuZNrke/NVXzKLQ1d7m5Sp/6w1Tfr7M",
		"I1U8vpY3qJ0hiuZNrke/NVXzKLQ1d7m5Sp/6w1Tfrw==",
		"I1U8vpY3qJ0hiuZNrke_NVXzKLQ1d7m5Sp_6w1Tfr7M=",
		"I1U8vpY3qJ0hiuZNrke/NVXzKLQ1d7m5Sp/6w1Tfr7N=",
		"I1U8vpY3qJ0hiuZNrke/NVXzKLQ1d7m5Sp/6w1Tf===="};
	char text[AKA_NONCE_N + 1], more[300];
	uint8_t both[32], rand[16], autn[16];

	memcpy(both, vector.rand, 16);
	memcpy(both + 16, vector.autn, 16);
	aka_nonce_write(both, text);
	assert_string_equal(text, NONCE);
	assert_int_equal(aka_nonce_read(STR(NONCE), rand, autn), 0);
	assert_memory_equal(rand, vector.rand, 16);
	assert_memory_equal(autn, vector.autn, 16);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(aka_nonce_read(str_of(bad[i]), rand, autn), -EINVAL);
	/* what a server adds is passed over, within reason */
	memset(more, 'A', sizeof more);
	assert_int_equal(aka_nonce_read((struct str){more, 256}, rand, autn), 0);
	assert_int_equal(aka_nonce_read((struct str){more, 260}, rand, autn), -EINVAL);
}

static void test_auts_text(void **state)
{
	char text[AKA_AUTS_N + 1];
	uint8_t auts[14], again[14];

	for (int i = 0; i < 14; i++)
		auts[i] = (uint8_t)(i * 37);
	aka_auts_write(auts, text);
	assert_int_equal(strlen(text), AKA_AUTS_N);
	assert_int_equal(aka_auts_read(str_of(text), again), 0);
	assert_memory_equal(auts, again, 14);
	assert_int_equal(aka_auts_read(STR(""), again), -EINVAL);
	assert_int_equal(aka_auts_read(STR_NONE, again), -EINVAL);
	assert_int_equal(aka_auts_read(STR("AAAAAAAAAAAAAAAAAAAA"), again), -EINVAL);
	assert_int_equal(aka_auts_read(STR("AAAAAAAAAAAAAAAAAA=="), again), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vector),
		cmocka_unit_test(test_usim),
		cmocka_unit_test(test_mac),
		cmocka_unit_test(test_auts),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_responses),
		cmocka_unit_test(test_nonce),
		cmocka_unit_test(test_auts_text),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
