/* The WIC: digest answers, pages, cookies and forged tokens.
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/crypto/token.h"
#include "scenarios/wic/answer.h"
#include "scenarios/wic/forge.h"
#include "scenarios/wic/jar.h"
#include "scenarios/wic/page.h"

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

static const char challenge_unknown[] =
	"SIP/2.0 401 Unauthorized\r\nVia: SIP/2.0/WSS a.invalid;branch=z9hG4bK1\r\n"
	"From: <sip:a@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r\nCall-ID: c\r\nCSeq: 1 REGISTER\r\n"
	"WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\", algorithm=SHA-512-256\r\n"
	"WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\", algorithm=\"sha-256-sess\"\r\n"
	"WWW-Authenticate: Bearer realm=\"r\"\r\nContent-Length: 0\r\n\r\n";

/* What a challenge calls an algorithm may be quoted and of any case; none that we know is
 * something else than no digest at all. */
static void challenges_by_name(void **state)
{
	struct arena a = {0};
	struct sip_msg m;
	struct sip_fault fault;
	struct buf known = {0};
	struct str text = STR(challenge_unknown);
	ptrdiff_t at = str_find(text, STR("sha-256-sess"));

	assert_int_equal(sip_msg_parse(&m, text, &a, &fault), 0);
	assert_null(challenge_take(&m, SIP_H_WWW_AUTHENTICATE, STR_NONE));
	assert_true(challenge_is_digest(&m, SIP_H_WWW_AUTHENTICATE));
	assert_false(challenge_is_digest(&m, SIP_H_PROXY_AUTHENTICATE));
	buf_put(&known, text.p, (size_t)at);
	buf_add(&known, STR("sha-256"));
	buf_add(&known, str_skip(text, (size_t)at + strlen("sha-256-sess")));
	assert_int_equal(sip_msg_parse(&m, buf_str(&known), &a, &fault), 0);
	struct challenge *c = challenge_take(&m, SIP_H_WWW_AUTHENTICATE, STR("SHA-256"));
	assert_non_null(c);
	assert_int_equal(c->algorithm, DIGEST_SHA256);
	free(c);
	buf_free(&known);
	arena_free(&a);
}

/* ---- pages and cookies ---- */

static void urls(void **state)
{
	static const struct {
		const char *reference, *origin, *target; /* origin NULL: refused */
	} rows[] = {{"https://a.example:8445/authorize?x=1#f", "https://a.example:8445",
			    "/authorize?x=1"},
		{"https://a.example", "https://a.example", "/"},
		{"https://a.example?q", "https://a.example", "/?q"},
		{"/callback?code=1", "https://w.example:8443", "/callback?code=1"},
		{"next", "https://w.example:8443", "/dir/next"},
		{"?again", "https://w.example:8443", "/dir/page?again"},
		{"", "https://w.example:8443", "/dir/page?old=1"},
		{"http://a.example/", NULL}, {"javascript:alert(1)", NULL},
		{"//a.example/", NULL}, {"https://", NULL}};
	struct url base, u;

	assert_int_equal(
		url_resolve(NULL, STR("https://w.example:8443/dir/page?old=1"), &base), 0);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int err = url_resolve(&base, str_of(rows[i].reference), &u);
		assert_int_equal(err, rows[i].origin ? 0 : -EINVAL);
		if (err)
			continue;
		assert_string_equal(u.origin, rows[i].origin);
		assert_string_equal(u.target, rows[i].target);
	}
	assert_int_equal(url_resolve(NULL, STR("/relative"), &u), -EINVAL);
}

static void forms(void **state)
{
	static const char page[] =
		"<!doctype html><form method=post action='/authorize?a=1&amp;b=2'>"
		"<input type=hidden name=request value=\"r&amp;&#x27;1\"><input name=user>"
		"<input type=\"password\" name=password><button name=decision "
		"value=sign-in>Go</button></form><input type=hidden name=x value=y>";
	struct page_entry entry = {"alice", "a b&c", "sign-in"};
	struct buf action = {0}, body = {0};

	assert_true(page_form_fill(str_of(page), &entry, &action, &body));
	assert_string_equal(buf_z(&action), "/authorize?a=1&b=2");
	assert_true(str_starts(buf_str(&body), STR("request=r%26%271&user=alice&")));
	assert_true(str_ends(buf_str(&body), STR("&decision=sign-in")));
	body.n = action.n = 0;
	entry.password = NULL;
	assert_true(page_form_fill(str_of(page), &entry, &action, &body));
	assert_true(str_find(buf_str(&body), STR("password")) < 0);
	assert_false(page_form_fill(
		STR("<form><input name=q></form>"), &entry, &action, &body));
	assert_false(page_form_fill(STR("<p>no form"), &entry, &action, &body));
	buf_free(&action);
	buf_free(&body);
}

static void take(struct jar *j, const char *host, const char *set)
{
	struct http_field field = {STR("set-cookie"), str_of(set)};
	struct http_msg m = {.fields = &field, .n_fields = 1};
	jar_take(j, str_of(host), &m);
}

static void cookies(void **state)
{
	struct jar j = {0};
	struct buf out = {0};

	jar_put(&j, STR("w"), &out);
	assert_int_equal(out.n, 0);
	take(&j, "w", "__Host-wic=1; Path=/; Secure");
	take(&j, "w", "other=2");
	take(&j, "a", "__Host-waf=3");
	take(&j, "w", "__Host-wic=4; HttpOnly");
	jar_put(&j, STR("w"), &out);
	assert_string_equal(buf_z(&out), "Cookie: __Host-wic=4; other=2\r\n");
	take(&j, "w", "__Host-wic=; Max-Age=0");
	out.n = 0;
	jar_put(&j, STR("W"), &out);
	assert_string_equal(buf_z(&out), "Cookie: other=2\r\n");
	buf_free(&out);
	jar_free(&j);
}

/* ---- forged tokens ---- */

struct issuer {
	struct token_keys *keys;
	struct arena a;
	struct str token, other;
	char path[64];
};

static struct str issued(struct issuer *is, const char *impi)
{
	struct token t = {.iss = STR("https://wwsf.ims.example.org:8443"),
		.sub = STR("alice"),
		.client_id = STR("wwsf.ims.example.org"),
		.jti = str_of(impi),
		.scope = STR(TOKEN_SCOPE),
		.impi = str_of(impi),
		.aud = {STR("ims.example.org")},
		.n_aud = 1,
		.impu = {STR("sip:alice@ims.example.org")},
		.n_impu = 1,
		.iat = 1000,
		.nbf = 1000,
		.exp = 1600};
	return token_issue(is->keys, &t, &is->a);
}

static int issuer_open(void **state)
{
	struct issuer *is = MEM_NEW(struct issuer);
	struct chance c;
	char why[512];

	chance_init(&c, 7, "wic");
	is->keys = token_keys_new();
	assert_int_equal(token_keys_add(is->keys, &c), 0);
	snprintf(is->path, sizeof is->path, "wic-keys-%d.json", (int)getpid());
	assert_int_equal(token_keys_save(is->keys, is->path, why), 0);
	is->token = issued(is, "alice-impi");
	is->other = issued(is, "bob-impi");
	*state = is;
	return 0;
}

static int issuer_close(void **state)
{
	struct issuer *is = *state;

	unlink(is->path);
	token_keys_free(is->keys);
	arena_free(&is->a);
	free(is);
	return 0;
}

/* What the issuer's own reader makes of a forged token: the first fault. */
static enum token_fault judged(struct issuer *is, const char *spec, struct token *t)
{
	struct forge f = {.token = is->token,
		.other = is->other,
		.keys = is->path,
		.now_s = 1100};
	json_t *json = json_loads(spec, 0, NULL);
	struct buf out = {0};
	char why[256] = "";
	struct str kid, text;

	assert_non_null(json);
	if (forge_write(&f, json, &out, why))
		fail_msg("%s: %s", spec, why);
	json_decref(json);
	text = arena_str(&is->a, buf_str(&out));
	buf_free(&out);
	enum token_fault fault = token_parse(text, &is->a, t, &kid);
	if (fault == TOKEN_GOOD)
		fault = token_verify(is->keys, text, kid);
	if (fault == TOKEN_GOOD)
		fault = token_judge(t, STR("ims.example.org"), 1100, 0, 3600);
	return fault;
}

static void forged(void **state)
{
	static const struct {
		const char *spec;
		enum token_fault fault;
	} rows[] = {{"{}", TOKEN_GOOD}, {"{\"sign\": \"keep\"}", TOKEN_GOOD},
		{"{\"header\": {\"alg\": \"none\"}, \"sign\": \"none\"}", TOKEN_BAD_HEADER},
		{"{\"header\": {\"alg\": \"HS256\"}, \"sign\": \"hs256-public\"}",
			TOKEN_BAD_HEADER},
		{"{\"header\": {\"typ\": \"absent\"}}", TOKEN_BAD_HEADER},
		{"{\"header\": {\"kid\": \"nobody\"}}", TOKEN_UNKNOWN_KEY},
		{"{\"sign\": \"own-key\"}", TOKEN_BAD_SIGNATURE},
		{"{\"sign\": \"zero\"}", TOKEN_BAD_SIGNATURE},
		{"{\"sign\": \"swapped\"}", TOKEN_BAD_SIGNATURE},
		{"{\"claims\": {\"impi\": \"x\"}, \"sign\": \"keep\"}", TOKEN_BAD_SIGNATURE},
		{"{\"claims\": {\"aud\": \"x\"}}", TOKEN_BAD_AUDIENCE},
		{"{\"claims\": {\"exp\": \"now\"}}", TOKEN_EXPIRED},
		{"{\"claims\": {\"nbf\": \"now+1s\"}}", TOKEN_NOT_YET},
		{"{\"claims\": {\"scope\": \"x\"}}", TOKEN_BAD_SCOPE},
		{"{\"claims\": {\"impi\": \"absent\"}}", TOKEN_INCOMPLETE},
		{"{\"payload-text\": \"{${claims},\\\"impi\\\":\\\"x\\\"}\"}", TOKEN_MALFORMED},
		{"{\"payload-text\": \"{${claims},\\\"x\\\":[[[[[[[[[[]]]]]]]]]]}\"}",
			TOKEN_MALFORMED},
		{"{\"claims\": {\"x\": 1}, \"payload-text\": \"{${claims},\\\"y\\\":\\\"${pad:4000}\\\"}\"}",
			TOKEN_MALFORMED},
		{"{\"payload-text\": \"{${claims},\\\"y\\\":\\\"${pad:400}\\\"}\"}", TOKEN_GOOD},
		{"{\"append\": \".x\"}", TOKEN_MALFORMED}};
	struct issuer *is = *state;
	struct token t;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (judged(is, rows[i].spec, &t) != rows[i].fault)
			fail_msg("%s: %s", rows[i].spec,
				token_fault_text(judged(is, rows[i].spec, &t)));
	assert_true(judged(is, "{\"sign\": \"truncated\"}", &t) != TOKEN_GOOD);
	assert_int_equal(judged(is, "{\"claims\": {\"impi\": \"x\", \"exp\": \"now+20s\"}}", &t),
		TOKEN_GOOD);
	assert_true(str_eq(t.impi, STR("x")));
	assert_int_equal(t.exp, 1120);
}

static void no_keys(void **state)
{
	struct forge f = {.keys = "no-such-file.json"};
	struct buf out = {0};
	char why[256] = "";
	json_t *none = json_object();

	assert_int_equal(forge_write(&f, none, &out, why), -ENOENT);
	assert_non_null(strstr(why, "no key pair"));
	json_decref(none);
	buf_free(&out);
	assert_null(token_part(STR("e30"), 1));
	assert_null(token_part(STR("e30.%%%.x"), 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(vectors),
		cmocka_unit_test(urls), cmocka_unit_test(forms), cmocka_unit_test(cookies),
		cmocka_unit_test_setup_teardown(forged, issuer_open, issuer_close),
		cmocka_unit_test(no_keys),
		cmocka_unit_test(empty_answer), cmocka_unit_test(twists),
		cmocka_unit_test(challenges), cmocka_unit_test(challenges_by_name)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
