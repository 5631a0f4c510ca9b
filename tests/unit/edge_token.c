/* Security tokens at the eP-CSCF as it runs: what is taken and what is refused. WICs on one
 * side, an I-CSCF and an issuer played by this test on the others.
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <stdio.h>
#include <cmocka.h>

#include "common/base/b64url.h"
#include "tests/unit/edge_issuer.h"

#define MANY "  bad-per-source: {count: 1000}\n"

/* ---- the flow of TS 23.228 U.2.1.3 at the eP-CSCF ---- */

static void test_token(void **state)
{
	struct wic c;
	start_tokens("digest, token", "");
	wic_open(&c, "alice", "urn:uuid:1");
	wic_asks(&c, bearer_of(token_for("alice"), "alice"), "SIP/2.0 200");
	core_is("Authorization.username", "alice-impi@ims.example.org");
	core_is("Authorization.realm", "ims.example.org");
	core_is("Authorization.uri", "sip:ims.example.org");
	core_is("Authorization.nonce", "");
	core_is("Authorization.response", "");
	core_is("Authorization.integrity-protected", "auth-done");
	core_is("Authorization.authorization-entity", NULL);
	core_is("Authorization.wwsf-entity", NULL);
	core_is("Authorization[2]", NULL);
	core_is("P-Access-Network-Info", NULL);
	core_is("Require", "path");
	assert_true(str_find(world.core.last.bytes, STR("Bearer")) < 0);
	assert_int_equal(issuer.jwks, 1);
	assert_int_equal(issuer.revoked, 1);
	wic_request(&c, "OPTIONS");
	wic_gets(&c, "SIP/2.0 200");
	wic_close(&c);
	tokens_close();
}

/* The other spelling, the token alone, and as the body. */
static void test_forms(void **state)
{
	char lines[2000];
	const char *token;
	struct wic c;

	start_tokens("token", "  body: true\n");
	token = token_for("alice");
	wic_open(&c, "alice", "urn:uuid:1");
	wic_asks(&c, bearer(token), "SIP/2.0 200");
	core_is("Authorization.username", "alice-impi@ims.example.org");
	snprintf(lines, sizeof lines, "Authorization: bearer access_token=\"%s\"\r\n", token);
	wic_asks(&c, lines, "SIP/2.0 200");
	core_is("Authorization.integrity-protected", "auth-done");

	wic_body(&c, "application/jwt", token);
	wic_gets(&c, "SIP/2.0 200");
	core_is("Authorization.integrity-protected", "auth-done");
	core_is("Content-Type", NULL);
	core_is("Content-Length", "0");
	assert_true(str_find(world.core.last.bytes, str_of(token)) < 0);

	int got = world.core.got;
	wic_body(&c, "text/plain", token); /* no token, then */
	wic_gets(&c, "SIP/2.0 401");
	assert_int_equal(world.core.got, got);
	wic_close(&c);
	tokens_close();
}

/* Without the switch a body is no token, but it doesn't go on either. */
static void test_body_off(void **state)
{
	struct wic c;
	start_tokens("digest, token", "");
	world.core.status = 0;
	wic_open(&c, "alice", "urn:uuid:1");
	wic_body(&c, "application/jwt ; x=1", token_for("alice"));
	wic_gets(&c, "SIP/2.0 401");
	core_is("Content-Type", NULL);
	core_is("Authorization", NULL);
	core_is("body", "");
	wic_close(&c);
	tokens_close();
}

static void test_many_identities(void **state)
{
	struct token t;
	struct wic c;
	start_tokens("token", "");
	t = claims_of("carol");
	t.impu[1] = STR("SIP:carol.work@IMS.example.org:5060;x=y"); /* as written by others */
	t.n_impu = 2;
	t.aud[1] = STR("other.example");
	t.n_aud = 2;
	wic_open(&c, "carol.work", "urn:uuid:1");
	wic_asks(&c, bearer(token_of(&t)), "SIP/2.0 200");
	core_is("Authorization.username", "carol-impi@ims.example.org");
	wic_close(&c);
	tokens_close();
}

/* ---- refusals ---- */

static void no_change(struct token *t)
{
}
static void other_iss(struct token *t)
{
	t->iss = STR("https://evil.example");
}
static void no_iss(struct token *t)
{
	t->iss = STR_NONE;
}
static void longer_iss(struct token *t)
{
	t->iss = STR(ISSUER "/");
}
static void other_aud(struct token *t)
{
	t->aud[0] = STR("other.example");
}
static void no_aud(struct token *t)
{
	t->n_aud = 0;
}
static void expired(struct token *t)
{
	t->iat -= 1000, t->nbf -= 1000;
	t->exp = t->iat + 600;
}
static void early(struct token *t)
{
	t->nbf += 500;
}
static void made_ahead(struct token *t)
{
	t->iat += 500;
}
static void too_long(struct token *t)
{
	t->exp = t->iat + 3601;
}
static void no_exp(struct token *t)
{
	t->exp = 0;
}
static void no_scope(struct token *t)
{
	t->scope = STR_NONE;
}
static void other_scope(struct token *t)
{
	t->scope = STR("email " TOKEN_SCOPE "-not");
}
static void no_jti(struct token *t)
{
	t->jti = STR_NONE;
}
static void no_impi(struct token *t)
{
	t->impi = STR_NONE;
}
static void no_impu(struct token *t)
{
	t->n_impu = 0;
}
static void no_wwsf(struct token *t)
{
	t->client_id = STR_NONE;
}
static void foreign_wwsf(struct token *t)
{
	t->client_id = STR("wwsf.evil.example");
}
static void other_waf(struct token *t)
{
	t->waf = STR("waf.evil.example");
}
static void other_impu(struct token *t)
{
	t->impu[0] = STR("sip:bob@ims.example.org");
}
static void odd_impi(struct token *t)
{
	t->impi = STR("alice\", integrity-protected=\"yes@x");
}
static void bare_impi(struct token *t)
{
	t->impi = STR("alice");
}
static void odd_impu(struct token *t)
{
	t->impu[1] = STR("not an identity");
	t->n_impu = 2;
}
static void other_impi(struct token *t)
{
	t->impi = STR("bob-impi@ims.example.org");
}
static void short_rest(struct token *t)
{
	t->exp = t->iat + 20;
}

static const struct {
	void (*change)(struct token *t);
	const char *answer, *error; /* of the challenge; NULL: there is none */
	bool closes;
} refused[] = {
	{other_iss, "SIP/2.0 401", "invalid_token"},
	{no_iss, "SIP/2.0 401", "invalid_token"},
	{longer_iss, "SIP/2.0 401", "invalid_token"},
	{other_aud, "SIP/2.0 401", "invalid_token"},
	{no_aud, "SIP/2.0 401", "invalid_token"},
	{expired, "SIP/2.0 401", "invalid_token"},
	{early, "SIP/2.0 401", "invalid_token"},
	{made_ahead, "SIP/2.0 401", "invalid_token"},
	{too_long, "SIP/2.0 401", "invalid_token"},
	{no_exp, "SIP/2.0 401", "invalid_token"},
	{no_jti, "SIP/2.0 401", "invalid_token"},
	{no_impi, "SIP/2.0 401", "invalid_token"},
	{no_impu, "SIP/2.0 401", "invalid_token"},
	{no_scope, "SIP/2.0 403", "insufficient_scope", true},
	{other_scope, "SIP/2.0 403", "insufficient_scope", true},
	{no_wwsf, "SIP/2.0 403", NULL, true},
	{foreign_wwsf, "SIP/2.0 403", NULL, true},
	{other_waf, "SIP/2.0 403", NULL, true},
	{other_impu, "SIP/2.0 403", NULL, true},
	{odd_impi, "SIP/2.0 403", NULL, true},
	{bare_impi, "SIP/2.0 403", NULL, true},
	{odd_impu, "SIP/2.0 403", NULL, true},
	{other_impi, "SIP/2.0 403", NULL, true},
	{short_rest, "SIP/2.0 403 Token ends too soon", NULL, true},
};

static void challenge_is(const struct wic *c, const char *error)
{
	char want[100];
	snprintf(want, sizeof want, ", error=\"%s\"\r\n", error ? error : "");
	assert_true(!!strstr(c->last, "WWW-Authenticate: Bearer realm=\"ims.example.org\", "
				      "scope=\"" TOKEN_SCOPE "\"") == (error != NULL));
	if (error)
		assert_non_null(strstr(c->last, want));
}

static void test_refused(void **state)
{
	struct wic c;
	start_tokens("token", MANY);
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		struct token t = claims_of("alice");
		refused[i].change(&t);
		wic_open(&c, "alice", "urn:uuid:1");
		wic_asks(&c, bearer_of(token_of(&t), "alice"), refused[i].answer);
		challenge_is(&c, refused[i].error);
		if (refused[i].closes)
			wic_closed(&c, 1008);
		else
			wic_close(&c);
	}
	assert_int_equal(world.core.got, 0);
	assert_false(logged("eyJ"));
	wic_open(&c, "alice", "urn:uuid:1"); /* the test's own token is good */
	struct token t = claims_of("alice");
	no_change(&t);
	wic_asks(&c, bearer_of(token_of(&t), "alice"), "SIP/2.0 200");
	wic_close(&c);
	tokens_close();
}

/* header.payload.signature with a part of one's own. */
static const char *with_header(const char *token, const char *header)
{
	char text[200];
	b64url_write(header, strlen(header), text);
	return arena_fmt(&issuer.arena, "%s%s", text, strchr(token, '.')).p;
}

static const char *altered(const char *token)
{
	char *text = (char *)(uintptr_t)arena_str(&issuer.arena, str_of(token)).p;
	char *s = strrchr(text, '.') + 10;
	*s = *s == 'A' ? 'B' : 'A';
	return text;
}

static const char *of_other_key(const struct token *t)
{
	struct token_keys *own = token_keys_new();
	assert_int_equal(token_keys_add(own, &world.rig.host.chance), 0);
	struct str text = token_issue(own, t, &issuer.arena);
	token_keys_free(own);
	return text.p;
}

static void test_forged(void **state)
{
	const char *forged[10], *good;
	struct token t;
	size_t n = 0;
	struct wic c;

	start_tokens("token", MANY);
	t = claims_of("alice");
	good = token_of(&t);
	forged[n++] = "abc";
	forged[n++] = "a.b.c";
	forged[n++] = with_header(good, "{\"alg\":\"none\",\"typ\":\"at+jwt\",\"kid\":\"a\"}");
	forged[n++] = with_header(good, "{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"kid\":\"a\"}");
	forged[n++] = with_header(good,
		"{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"a\",\"jku\":\"https://e\"}");
	forged[n++] = with_header(good,
		"{\"alg\":\"none\",\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"a\"}");
	forged[n++] = with_header(good, "{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"a\"}");
	forged[n++] = of_other_key(&t);
	forged[n++] = altered(good);
	char *large = arena_alloc(&issuer.arena, TOKEN_MAX + 2);
	memset(large, 'a', TOKEN_MAX + 1);
	large[TOKEN_MAX + 1] = '\0';
	forged[n++] = large;
	for (size_t i = 0; i < n; i++) {
		wic_open(&c, "alice", "urn:uuid:1");
		wic_asks(&c, bearer_of(forged[i], "alice"), "SIP/2.0 401");
		challenge_is(&c, "invalid_token");
		wic_close(&c);
	}
	wic_open(&c, "alice", "urn:uuid:1");
	wic_asks(&c, "Authorization: Bearer access_token=\"\"\r\n", "SIP/2.0 401");
	challenge_is(&c, "invalid_token");
	wic_asks(&c, "Authorization: Bearer two words\r\n", "SIP/2.0 401");
	assert_int_equal(world.core.got, 0);
	assert_int_equal(issuer.jwks, 2); /* once more for the first kid that is not there */
	wic_close(&c);
	tokens_close();
}

/* What is wrong beside the token. */
static void test_beside(void **state)
{
	char lines[4000];
	const char *token;
	struct wic c;

	start_tokens("digest, token", "");
	token = token_for("alice");
	wic_open(&c, "alice", "urn:uuid:1");
	wic_asks(&c, bearer_of(token, "bob"), "SIP/2.0 403"); /* another IMPI named */
	wic_closed(&c, 1008);
	wic_open(&c, "alice", "urn:uuid:1");
	snprintf(lines, sizeof lines, "%s" ANSWER("alice"), bearer(token));
	wic_asks(&c, lines, "SIP/2.0 400"); /* a response beside it */
	snprintf(lines, sizeof lines, "%s%s", bearer(token), bearer(token));
	wic_asks(&c, lines, "SIP/2.0 400"); /* two */
	assert_int_equal(world.core.got, 0);
	/* what only the network may say is not passed on */
	snprintf(lines, sizeof lines,
		"%sAuthorization: Digest username=\"alice-impi@ims.example.org\", "
		"realm=\"x\", uri=\"sip:x\", nonce=\"\", response=\"\", "
		"integrity-protected=\"tls-yes\", authorization-entity=\"evil\", "
		"wwsf-entity=\"evil\"\r\nPath: <sip:evil;lr>\r\n"
		"P-Asserted-Identity: <sip:evil@x>\r\n",
		bearer(token));
	wic_asks(&c, lines, "SIP/2.0 200");
	assert_true(str_find(world.core.last.bytes, STR("evil")) < 0);
	assert_true(str_find(world.core.last.bytes, STR("tls-yes")) < 0);
	wic_close(&c);
	tokens_close();
}

/* The page of one WWSF with the token of another. */
static void test_origin(void **state)
{
	struct wic c;
	start_tokens("token", "");
	wic_try(&c, EDGE, "https://other.example", "sip", "/sip");
	wic_asks(&c, bearer(token_for("alice")), "SIP/2.0 403");
	wic_closed(&c, 1008);
	assert_int_equal(world.core.got, 0);
	tokens_close();
}

/* Nothing shown where only a token is taken: asked for one. */
static void test_missing(void **state)
{
	struct wic c;
	start_tokens("token", "");
	wic_open(&c, "alice", "urn:uuid:1");
	wic_asks(&c, "", "SIP/2.0 401");
	assert_non_null(strstr(c.last,
		"WWW-Authenticate: Bearer realm=\"ims.example.org\", scope=\"" TOKEN_SCOPE
		"\", authz_server=\"https://wwsf.ims.example.org:8443/login\"\r\n"));
	wic_asks(&c, ASK("alice"), "SIP/2.0 401"); /* the IMPI alone */
	wic_asks(&c, bearer(token_for("alice")), "SIP/2.0 200");
	wic_asks(&c, "", "SIP/2.0 401");
	wic_close(&c);
	wic_open(&c, "alice", "urn:uuid:1");
	wic_asks(&c, ANSWER("alice"), "SIP/2.0 403"); /* IMS credentials */
	wic_closed(&c, 1008);
	tokens_close();
}

/* The third bad token of a connection, and the last of a source. */
static void test_counts(void **state)
{
	struct wic c, d;
	start_tokens("token", "  bad-per-source: {count: 5, window: 1min}\n");
	wic_open(&d, "bob", "urn:uuid:2");
	wic_asks(&d, bearer(token_for("bob")), "SIP/2.0 200");
	wic_open(&c, "alice", "urn:uuid:1");
	for (int i = 0; i < 4; i++) { /* an expired token is no bad one */
		struct token t = claims_of("alice");
		expired(&t);
		wic_asks(&c, bearer(token_of(&t)), "SIP/2.0 401");
	}
	for (int i = 0; i < 3; i++)
		wic_asks(&c, bearer("abc"), "SIP/2.0 401");
	wic_closed(&c, 1008);
	wic_open(&c, "alice", "urn:uuid:1");
	wic_asks(&c, bearer("abc"), "SIP/2.0 401");
	wic_asks(&c, bearer("abc"), "SIP/2.0 401");
	wic_asks(&c, bearer(token_for("alice")), "SIP/2.0 403"); /* good, but too late */
	wic_closed(&c, 1008);
	wic_asks(&d, bearer(token_for("bob")), "SIP/2.0 200"); /* who is in stays in */
	world_advance(60);
	wic_open(&c, "alice", "urn:uuid:1");
	wic_asks(&c, bearer(token_for("alice")), "SIP/2.0 200");
	wic_asks(&c, bearer("abc"), "SIP/2.0 401"); /* success counts anew */
	wic_asks(&c, bearer("abc"), "SIP/2.0 401");
	wic_asks(&c, bearer(token_for("alice")), "SIP/2.0 200");
	wic_asks(&c, bearer("abc"), "SIP/2.0 401");
	wic_asks(&c, bearer("abc"), "SIP/2.0 401");
	wic_close(&c);
	wic_close(&d);
	tokens_close();
}

/* Blocked and taken back: by configuration, by the admin socket, by the issuer. */
static void refused_with(const char *answer)
{
	struct wic c;
	wic_open(&c, "alice", "urn:uuid:1");
	wic_asks(&c, bearer(token_for("alice")), answer);
	if (!strcmp(answer, "SIP/2.0 403"))
		wic_closed(&c, 1008);
	else
		wic_close(&c);
}

static void test_blocked(void **state)
{
	struct wic c;
	start_tokens("token", "  blocked: [WWSF.ims.example.org.]\n  check-age: 20s\n");
	refused_with("SIP/2.0 403");
	json_decref(world_admin("{\"cmd\":\"unblock\",\"name\":\"" WWSF "\"}"));
	wic_open(&c, "alice", "urn:uuid:1");
	wic_asks(&c, bearer(token_for("alice")), "SIP/2.0 200");
	json_decref(world_admin("{\"cmd\":\"block\",\"name\":\"" WWSF "\"}"));
	json_t *said = world_admin("{\"cmd\":\"state\"}");
	assert_string_equal(json_string_value(json_array_get(
				    json_object_get(said, "blocked"), 0)),
		WWSF);
	json_decref(said);
	wic_asks(&c, bearer(token_for("alice")), "SIP/2.0 403"); /* registered or not */
	wic_closed(&c, 1008);
	json_decref(world_admin("{\"cmd\":\"unblock\",\"name\":\"" WWSF "\"}"));

	issuer.lists = "{\"blocked\":[\"" WWSF "\"]}";
	refused_with("SIP/2.0 200"); /* not known yet */
	world_advance(21);
	refused_with("SIP/2.0 403");
	issuer.lists = "{\"not_before\":{\"" WWSF "\":99999999999}}";
	world_advance(21);
	refused_with("SIP/2.0 403");
	issuer.lists = "{\"jti\":[\"jti-x\",\"jti-y\"]}";
	world_advance(21);
	struct token t = claims_of("alice");
	t.jti = STR("jti-y");
	wic_open(&c, "alice", "urn:uuid:1");
	wic_asks(&c, bearer(token_of(&t)), "SIP/2.0 403");
	wic_closed(&c, 1008);
	refused_with("SIP/2.0 200");
	tokens_close();
}

/* Every reason there is was given above, or is in edge_token_flow. */
static void test_complete(void **state)
{
	static const char *const elsewhere[] = {"issuer-away", "token-inactive",
		"token-replayed", "not-bound", "core-challenge", "scheme-changed"};
	for (size_t i = 0; token_refusals[i]; i++) {
		bool there = false;
		for (size_t k = 0; k < sizeof elsewhere / sizeof *elsewhere; k++)
			there |= !strcmp(elsewhere[k], token_refusals[i]);
		if (!there && !was_refused(token_refusals[i]))
			fail_msg("nothing was refused with \"%s\"", token_refusals[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_token),
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_body_off),
		cmocka_unit_test(test_many_identities),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_forged),
		cmocka_unit_test(test_beside),
		cmocka_unit_test(test_origin),
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_blocked),
		cmocka_unit_test(test_complete),
	};
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
