/* Tests of Digest: the vectors of RFC 2617, RFC 7616 and our own.
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/crypto/digest.h"

struct vector {
	enum digest_algorithm algorithm;
	const char *username, *realm, *password, *method, *uri, *nonce, *nc, *cnonce, *qop;
	const char *ha1, *response, *rspauth; /* NULL: not given */
};

static const struct vector vectors[] = {
	{DIGEST_MD5, "alice-impi@ims.example.org", "ims.example.org", "correct-horse", "REGISTER",
		"sip:ims.example.org", "6e6f6e63652d30303031", "00000001", "0a4f113b", "auth",
		"a84b27834b9de0ad55f2422877874040", "5cf1f8aa59f562a7761e0e06986eb049",
		"75ee29574ec04d40a339af914ff67d73"},
	{DIGEST_SHA256, "alice-impi@ims.example.org", "ims.example.org", "correct-horse", "REGISTER",
		"sip:ims.example.org", "6e6f6e63652d30303031", "00000001", "0a4f113b", "auth",
		"82bc15a7f4ea98646f0f0e80f29b47890a5e67032f136d24d8c5dd182a3fbd8b",
		"641000a1c4055db10e3113ab554c12ce9337bd832dc9241985051d47fc1c3fd9",
		"5ec754bcc6c3cebb7a2f3517eca02dd282236a78c269126e04b68d4dae6b4859"},
	/* RFC 7616 3.9.1 */
	{DIGEST_MD5, "Mufasa", "http-auth@example.org", "Circle of Life", "GET", "/dir/index.html",
		"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", "00000001",
		"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", "auth", NULL,
		"8ca523f5e9506fed4657c9700eebdbec", NULL},
	{DIGEST_SHA256, "Mufasa", "http-auth@example.org", "Circle of Life", "GET",
		"/dir/index.html", "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", "00000001",
		"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", "auth", NULL,
		"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1", NULL},
	/* RFC 2617 3.5 */
	{DIGEST_MD5, "Mufasa", "testrealm@host.com", "Circle Of Life", "GET", "/dir/index.html",
		"dcd98b7102dd2f0e8b11d0f600bfb0c093", "00000001", "0a4f113b", "auth",
		"939e7578ed9e3c518a452acee763bce9", "6629fae49393a05397450978507c4ef1", NULL},
	/* the same without qop */
	{DIGEST_MD5, "Mufasa", "testrealm@host.com", "Circle Of Life", "GET", "/dir/index.html",
		"dcd98b7102dd2f0e8b11d0f600bfb0c093", "", "", "", NULL,
		"670fd8c2df070c60b045671b8b24ff02", NULL},
};

static void test_vectors(void **state)
{
	char ha1[DIGEST_HEX_MAX], out[DIGEST_HEX_MAX];

	for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
		const struct vector *v = &vectors[i];
		digest_ha1(v->algorithm, str_of(v->username), str_of(v->realm), str_of(v->password),
			ha1);
		if (v->ha1)
			assert_string_equal(ha1, v->ha1);
		digest_response(v->algorithm, str_of(ha1), str_of(v->method), str_of(v->uri),
			str_of(v->nonce), str_of(v->nc), str_of(v->cnonce), str_of(v->qop), out);
		assert_string_equal(out, v->response);
		if (!v->rspauth)
			continue;
		digest_rspauth(v->algorithm, str_of(ha1), str_of(v->uri), str_of(v->nonce),
			str_of(v->nc), str_of(v->cnonce), str_of(v->qop), out);
		assert_string_equal(out, v->rspauth);
	}
}

/* A peer decides how long its texts are. */
static void test_lengths(void **state)
{
	char *long_text = mem_alloc(5000), one[DIGEST_HEX_MAX], joined[DIGEST_HEX_MAX];

	memset(long_text, 'x', 5000);
	for (size_t n = 0; n < 1600; n++) {
		/* "x...x:b:c" as three parts or with the colon inside the first */
		struct str head = {long_text, n};
		char *with = mem_alloc(n + 2);
		memcpy(with, long_text, n);
		memcpy(with + n, ":b", 2);
		digest_ha1(DIGEST_MD5, head, STR("b:c"), STR("d"), one);
		digest_ha1(DIGEST_MD5, (struct str){with, n + 2}, STR("c"), STR("d"), joined);
		assert_string_equal(one, joined);
		digest_ha1(DIGEST_MD5, STR("d"), (struct str){with, n + 2}, STR_NONE, one);
		digest_ha1(DIGEST_MD5, STR("d"), head, STR("b:"), joined);
		assert_string_equal(one, joined);
		free(with);
	}
	free(long_text);
}

static void test_names(void **state)
{
	enum digest_algorithm a;

	assert_int_equal(digest_algorithm_of(STR_NONE, &a), 0);
	assert_int_equal(a, DIGEST_MD5);
	assert_int_equal(digest_algorithm_of(STR("md5"), &a), 0);
	assert_int_equal(a, DIGEST_MD5);
	assert_int_equal(digest_algorithm_of(STR("sha-256"), &a), 0);
	assert_int_equal(a, DIGEST_SHA256);
	assert_int_equal(digest_algorithm_of(STR("MD5-sess"), &a), -EINVAL);
	assert_int_equal(digest_algorithm_of(STR("AKAv1-MD5"), &a), -EINVAL);
	assert_int_equal(digest_algorithm_of(STR(""), &a), -EINVAL);
	assert_string_equal(digest_algorithm_name(DIGEST_SHA256), "SHA-256");
	assert_int_equal(digest_hex_n(DIGEST_MD5), 32);
	assert_int_equal(digest_hex_n(DIGEST_SHA256), 64);
}

/* Hashed as lower-case text, whoever wrote it. */
static void test_given_ha1(void **state)
{
	char out[DIGEST_HEX_MAX];

	assert_int_equal(digest_ha1_take(DIGEST_MD5, STR("A84B27834B9DE0AD55F2422877874040"), out), 0);
	assert_string_equal(out, vectors[0].ha1);
	assert_int_equal(digest_ha1_take(DIGEST_SHA256, str_of(vectors[1].ha1), out), 0);
	assert_string_equal(out, vectors[1].ha1);
	assert_int_equal(digest_ha1_take(DIGEST_MD5, str_of(vectors[1].ha1), out), -EINVAL);
	assert_int_equal(digest_ha1_take(DIGEST_SHA256, str_of(vectors[0].ha1), out), -EINVAL);
	assert_int_equal(digest_ha1_take(DIGEST_MD5, STR("g84b27834b9de0ad55f2422877874040"), out), -EINVAL);
	assert_int_equal(digest_ha1_take(DIGEST_MD5, STR_NONE, out), -EINVAL);
}

static void test_equal(void **state)
{
	assert_true(digest_equal(STR("09afAF"), STR("09AFaf")));
	assert_true(digest_equal(STR_NONE, STR("")));
	assert_false(digest_equal(STR("09af"), STR("09ae")));
	assert_false(digest_equal(STR("09af"), STR("09afa")));
	assert_false(digest_equal(STR("@["), STR("`{"))); /* no letters, 32 apart */
	assert_false(digest_equal(STR("a"), STR("\x81")));
}

static void test_speed(void **state)
{
	const int n = 200000;
	char ha1[DIGEST_HEX_MAX], out[DIGEST_HEX_MAX];

	for (int a = DIGEST_MD5; a <= DIGEST_SHA256; a++) {
		const struct vector *v = &vectors[a];
		digest_ha1(v->algorithm, str_of(v->username), str_of(v->realm), str_of(v->password),
			ha1);
		uint64_t from = clock_real_ns();
		for (int i = 0; i < n; i++)
			digest_response(v->algorithm, str_of(ha1), str_of(v->method),
				str_of(v->uri), str_of(v->nonce), str_of(v->nc), str_of(v->cnonce),
				str_of(v->qop), out);
		printf("digest_response %s: %d ns\n", digest_algorithm_name(v->algorithm),
			(int)((clock_real_ns() - from) / (uint64_t)n));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_given_ha1),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_speed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
