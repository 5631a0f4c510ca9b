/* The WIC's digest answers: vectors, and the ways a script spoils them.
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "scenarios/wic/answer.h"

static const char challenge_md5[] =
	"SIP/2.0 401 Unauthorized\r\nVia: SIP/2.0/WSS a.invalid;branch=z9hG4bK1\r\n"
	"From: <sip:a@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r\nCall-ID: c\r\nCSeq: 1 "
	"REGISTER\r\n"
	"WWW-Authenticate: Bearer realm=\"ims.example.org\"\r\n"
	"WWW-Authenticate: Digest realm=\"ims.example.org\", nonce=\"n-sha\", "
	"qop=\"auth\", "
	"algorithm=SHA-256\r\n"
	"WWW-Authenticate: Digest realm=\"ims.example.org\", "
	"nonce=\"6e6f6e63652d30303031\", "
	"qop=\"auth\", algorithm=MD5, stale=TRUE\r\nContent-Length: 0\r\n\r\n";

static struct answer vector(enum digest_algorithm a)
{
	return (struct answer){.algorithm = a,
		.username = STR("alice-impi@ims.example.org"),
		.realm = STR("ims.example.org"),
		.uri = STR("sip:ims.example.org"),
		.nonce = STR("6e6f6e63652d30303031"),
		.qop = STR("auth"),
		.cnonce = STR("0a4f113b"),
		.method = STR("REGISTER"),
		.password = STR("correct-horse"),
		.nc = 1,
		.algorithm_name = str_of(digest_algorithm_name(a))};
}

static struct sip_digest written(const struct answer *a, const char *twist,
	struct buf *out, char rspauth[DIGEST_HEX_MAX])
{
	json_t *json = twist ? json_loads(twist, 0, NULL) : NULL;
	struct sip_digest d;

	assert_true(!twist || json);
	out->n = 0;
	answer_write(a, json, NULL, out, rspauth);
	json_decref(json);
	assert_int_equal(sip_digest_parse(&d, buf_str(out)), 0);
	return d;
}

#define EQ(s, z) assert_true(str_eq((s), STR(z)))

static void vectors(void **state)
{
	struct answer md5 = vector(DIGEST_MD5), sha = vector(DIGEST_SHA256);
	struct buf out = {0};
	char proof[DIGEST_HEX_MAX];
	struct sip_digest d = written(&md5, NULL, &out, proof);

	EQ(d.response, "5cf1f8aa59f562a7761e0e06986eb049");
	assert_string_equal(proof, "75ee29574ec04d40a339af914ff67d73");
	EQ(d.nc, "00000001");
	EQ(d.username, "alice-impi@ims.example.org");
	d = written(&sha, NULL, &out, proof);
	EQ(d.response,
		"641000a1c4055db10e3113ab554c12ce9337bd832dc9241985051d47fc1c3fd9");
	assert_string_equal(proof,
		"5ec754bcc6c3cebb7a2f3517eca02dd282236a78c269126e04b68d4dae6b4859");
	buf_free(&out);
}

/* The first REGISTER names the user alone: nonce and response are there and empty. */
static void empty_answer(void **state)
{
	struct answer a = {.username = STR("u"), .realm = STR("r"), .uri = STR("sip:r")};
	struct buf out = {0};
	char proof[DIGEST_HEX_MAX];
	struct sip_digest d = written(&a, NULL, &out, proof);

	assert_true(d.nonce.p && d.nonce.n == 0 && d.response.p && d.response.n == 0);
	assert_null(d.nc.p);
	assert_null(d.cnonce.p);
	assert_string_equal(proof, "");
	d = written(&a, "{\"integrity-protected\": \"auth-done\"}", &out, NULL);
	EQ(d.integrity_protected, "auth-done");
	buf_free(&out);
}

static void twists(void **state)
{
	struct answer a = vector(DIGEST_MD5), other = a;
	struct buf out = {0}, same = {0};
	struct sip_digest d = written(
				  &a, "{\"nc\": 7, \"nonce\": \"other\"}", &out, NULL),
			  e;

	EQ(d.nc, "00000007");
	EQ(d.nonce, "other");
	other.nc = 7;
	other.nonce = STR("other");
	e = written(&other, NULL, &same, NULL);
	assert_true(str_eq(d.response, e.response)); /* consistent with what is sent */
	/* forged: sent, but not computed from */
	json_t *forged = json_pack(
		"{s:s,s:s}", "nc", "00000009", "integrity-protected", "auth-done");
	struct sip_digest plain = written(&a, NULL, &same, NULL);
	out.n = 0;
	answer_write(&a, NULL, forged, &out, NULL);
	json_decref(forged);
	assert_int_equal(sip_digest_parse(&d, buf_str(&out)), 0);
	EQ(d.nc, "00000009");
	EQ(d.integrity_protected, "auth-done");
	assert_true(str_eq(d.response, plain.response));
	d = written(&a, "{\"response\": \"00\"}", &out, NULL);
	EQ(d.response, "00");
	d = written(&a, "{\"uri\": \"absent\", \"nc\": \"1\"}", &out, NULL);
	assert_null(d.uri.p);
	EQ(d.nc, "1");
	buf_free(&out);
	buf_free(&same);
}

static void challenges(void **state)
{
	struct arena a = {0};
	struct sip_msg m;
	struct sip_fault fault;
	struct challenge *c;

	assert_int_equal(sip_msg_parse(&m, STR(challenge_md5), &a, &fault), 0);
	c = challenge_take(&m, SIP_H_WWW_AUTHENTICATE, STR_NONE);
	assert_non_null(c);
	assert_int_equal(c->algorithm, DIGEST_SHA256);
	assert_false(c->stale);
	free(c);
	c = challenge_take(&m, SIP_H_WWW_AUTHENTICATE, STR("md5"));
	assert_non_null(c);
	EQ(c->d.nonce, "6e6f6e63652d30303031");
	assert_true(c->stale);
	free(c);
	assert_null(challenge_take(&m, SIP_H_PROXY_AUTHENTICATE, STR_NONE));
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(vectors),
		cmocka_unit_test(empty_answer), cmocka_unit_test(twists),
		cmocka_unit_test(challenges)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
