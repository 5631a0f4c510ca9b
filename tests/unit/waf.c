/* W4 of the WAF: tokens, introspection, revocation, blocking, keys.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/waf_rig.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define ME    "client_id=wwsf.ims.example.org"
#define TRUST "grant_type=client_credentials&" ME "&user=alice"

/* ---- a token and what it says ---- */

static struct token_keys *published(enum who who)
{
	struct token_keys *keys = token_keys_new();
	const char *why;
	is_status(ask(who, "GET", "/jwks", NULL), 200);
	assert_null(strstr(buf_z(&lab.got.body), "\"d\""));
	assert_int_equal(token_keys_read(keys, buf_str(&lab.got.body), &why), 0);
	return keys;
}

static void is_text(struct str got, const char *want)
{
	assert_int_equal(got.n, strlen(want));
	assert_memory_equal(got.p, want, got.n);
}

static void read_token(const char *text, struct token *t)
{
	struct token_keys *keys = published(WEB);
	struct str kid;
	assert_int_equal(token_parse(str_of(text), &lab.arena, t, &kid), TOKEN_GOOD);
	assert_int_equal(token_verify(keys, str_of(text), kid), TOKEN_GOOD);
	assert_int_equal(token_judge(t, STR("ims.example.org"), waf_now_s(), 0, 3600),
		TOKEN_GOOD);
	token_keys_free(keys);
}

static void test_token(void **state)
{
	struct token t;
	lab_open("");
	const struct reply *r = ask_token(WWSF, TRUST);
	is_status(r, 200);
	has_field(r, "Cache-Control: no-store\n");
	has_field(r, "Content-Type: application/json\n");
	assert_string_equal(member("token_type"), "Bearer");
	assert_string_equal(member("scope"), TOKEN_SCOPE);
	assert_string_equal(member("impi"), "alice-impi@ims.example.org");
	assert_string_equal(member("refresh_token"), "");
	assert_int_equal(json_integer_value(json_object_get(r->json, "expires_in")), 600);
	char *text = str_dup(str_of(member("access_token")));
	read_token(text, &t);
	is_text(t.iss, "https://waaf.ims.example.org:8445");
	is_text(t.waf, "waaf.ims.example.org");
	is_text(t.client_id, "wwsf.ims.example.org");
	is_text(t.sub, "alice");
	is_text(t.impi, "alice-impi@ims.example.org");
	assert_int_equal(t.n_impu, 1);
	is_text(t.impu[0], "sip:alice@ims.example.org");
	is_text(t.scope, TOKEN_SCOPE);
	assert_int_equal(t.exp - t.iat, 600);
	assert_int_equal(t.nbf, t.iat);
	assert_true(lab_logged("audit: token wwsf=wwsf.ims.example.org user=alice "
			       "impi=alice-impi@ims.example.org jti="));
	free(text);
	lab_close();
}

static void test_identities(void **state)
{
#define CAROL "grant_type=client_credentials&" ME "&user=carol"
	lab_open("");
	is_status(ask_token(WWSF, CAROL), 200);
	assert_int_equal(json_array_size(json_object_get(lab.got.json, "impu")), 2);
	is_status(ask_token(WWSF, CAROL "&impi=carol-impi%40ims.example.org&impu="
				       "sip:carol.work@ims.example.org"),
		200);
	json_t *impus = json_object_get(lab.got.json, "impu");
	assert_int_equal(json_array_size(impus), 1);
	assert_string_equal(json_string_value(json_array_get(impus, 0)),
		"sip:carol.work@ims.example.org");
	is_status(ask_token(WWSF, CAROL "&impu=sip:carol.work@ims.example.org+"
				       "sip:carol@ims.example.org&scope=other"),
		200);
	assert_string_equal(member("scope"), "other");
	static const char *const wrong[] = {"&impi=alice-impi@ims.example.org",
		"&impu=sip:alice@ims.example.org",
		"&impu=sip:carol@ims.example.org+sip:alice@ims.example.org",
		"&impu=sip:carol@ims.example.org++sip:carol.work@ims.example.org",
		"&impu=sip:CAROL@ims.example.org"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct str form = arena_fmt(&lab.arena, CAROL "%s", wrong[i]);
		is_error(ask_token(WWSF, form.p), 400, "invalid_request");
	}
	is_error(ask_token(WWSF, CAROL "&scope=root"), 400, "invalid_scope");
	is_error(ask_token(WWSF, CAROL "&scope=other+root"), 400, "invalid_scope");
	lab_close();
}

/* ---- who asks ---- */

static void test_clients(void **state)
{
#define ASK "grant_type=client_credentials&user=alice&client_id="
	lab_open("");
	is_error(ask_token(WWSF, "grant_type=client_credentials&user=alice"), 401,
		"invalid_client");
	is_error(ask_token(WWSF, ASK), 401, "invalid_client");
	is_error(ask_token(WWSF, ASK "nobody.example.org"), 401, "invalid_client");
	is_error(ask_token(WWSF, ASK "wwsf2.ims.example.org"), 401, "invalid_client");
	is_error(ask_token(WWSF2, ASK "wwsf.ims.example.org"), 401, "invalid_client");
	is_error(ask_token(STRANGER, ASK "wwsf.ims.example.org"), 401, "invalid_client");
	is_error(ask_token(STRANGER, ASK "stranger.example.org"), 401, "invalid_client");
	is_status(ask_token(WWSF, ASK "WWSF.ims.example.org"), 200);
	int64_t served = rig_metric("imsrig_http_requests_total");
	assert_int_not_equal(ask_token(NOBODY, ASK "wwsf.ims.example.org")->err, 0);
	assert_int_not_equal(ask_token(FOREIGN, ASK "wwsf.ims.example.org")->err, 0);
	assert_int_equal(rig_metric("imsrig_http_requests_total"), served);
	is_status(ask(WEB, "POST", "/token", ASK "wwsf.ims.example.org"), 404);
	lab_close();
}

static void test_requests(void **state)
{
	static const struct {
		const char *form, *error;
	} rows[] = {
		{ME, "invalid_request"},
		{ME "&grant_type=", "invalid_request"},
		{ME "&grant_type=password&username=alice", "unsupported_grant_type"},
		{ME "&grant_type=Client_Credentials", "unsupported_grant_type"},
		{TRUST "&user=bob", "invalid_request"},
		{TRUST "&x=1&x=1", "invalid_request"},
		{TRUST "&x=%zz", "invalid_request"},
		{TRUST "&x=%00", "invalid_request"},
		{ME "&grant_type=client_credentials", "invalid_request"},
		{ME "&grant_type=client_credentials&user=mallory", "invalid_request"},
		{ME "&grant_type=authorization_code", "invalid_request"},
		{ME "&grant_type=authorization_code&code=x&redirect_uri=y&code_verifier=z",
			"invalid_grant"},
		{ME "&grant_type=refresh_token", "invalid_request"},
		{ME "&grant_type=refresh_token&refresh_token=0123", "invalid_grant"},
		{ME "&grant_type=refresh_token&refresh_token="
		    "00000000000000000000000100112233445566778899aabbccddeeff",
			"invalid_grant"},
	};
	lab_open("");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		is_error(ask_token(WWSF, rows[i].form), 400, rows[i].error);
	is_error(ask_with(WWSF, "POST", "/token", "Content-Type: application/json\r\n", TRUST),
		400, "invalid_request");
	is_error(ask_with(WWSF, "POST", "/token", "", TRUST), 400, "invalid_request");
	is_error(ask(WWSF, "POST", "/token", NULL), 400, "invalid_request");
	is_status(ask(WWSF, "GET", "/token?" TRUST, NULL), 405);
	assert_int_equal(rig_metric("imsrig_waf_tokens_live"), 0);
	lab_close();
}

/* N3: a WWSF that is not trusted to say who the user is; one without the grant. */
static void test_trust(void **state)
{
	lab_open("");
	is_error(ask_token(WWSF2, "grant_type=client_credentials&user=alice&"
				 "client_id=wwsf2.ims.example.org"),
		400, "unauthorized_client");
	is_error(ask_token(WWSF2, "grant_type=authorization_code&code=1&redirect_uri=x&"
				 "code_verifier=x&client_id=wwsf2.ims.example.org"),
		400, "unauthorized_client");
	is_error(ask_token(WWSF2, "grant_type=refresh_token&refresh_token=x&"
				 "client_id=wwsf2.ims.example.org"),
		400, "unauthorized_client");
	is_error(ask_token(WWSF3, "grant_type=client_credentials&user=alice&"
				 "client_id=wwsf3.ims.example.org"),
		400, "unauthorized_client");
	lab_close();
}

/* ---- limits and lives ---- */

static void test_rate(void **state)
{
	lab_open("limits: {tokens-per-second: 2, burst: 3}\n");
	for (int i = 0; i < 3; i++)
		is_status(ask_token(WWSF, TRUST), 200);
	is_error(ask_token(WWSF, TRUST), 429, "temporarily_unavailable");
	has_field(&lab.got, "Retry-After: 1\n");
	is_error(ask_token(WWSF2, "client_id=wwsf2.ims.example.org"), 400, "invalid_request");
	lab_advance(1000); /* two more, and what real time gave */
	is_status(ask_token(WWSF, TRUST), 200);
	is_status(ask_token(WWSF, TRUST), 200);
	lab_advance(INT64_C(100) * 365 * 86400 * 1000 / 20);
	for (int i = 0; i < 3; i++)
		is_status(ask_token(WWSF, TRUST), 200);
	lab_close();
}

static void test_full(void **state)
{
	lab_open("limits: {live-tokens: 2}\ntoken-life: 30s\n");
	is_status(ask_token(WWSF, TRUST), 200);
	is_status(ask_token(WWSF, TRUST), 200);
	is_error(ask_token(WWSF, TRUST), 429, "temporarily_unavailable");
	assert_int_equal(rig_metric("imsrig_waf_tokens_live"), 2);
	lab_advance(31000);
	assert_int_equal(rig_metric("imsrig_waf_tokens_live"), 0);
	is_status(ask_token(WWSF, TRUST), 200);
	lab_close();
}

static void test_expiry(void **state)
{
	lab_open("token-life: 60s\n");
	char *token = new_token();
	int64_t exp = waf_now_s() + 60; /* or a second more than the token has */
	assert_true(is_active(token));
	assert_string_equal(member("client_id"), "wwsf.ims.example.org");
	assert_string_equal(member("impi"), "alice-impi@ims.example.org");
	assert_string_equal(member("sub"), "alice");
	lab_advance(50000);
	assert_true(is_active(token));
	lab_advance(exp * 1000 - clock_wall_ms(lab.rig.host.clock));
	assert_false(is_active(token));
	assert_int_equal(json_object_size(lab.got.json), 1);
	free(token);
	lab_close();
}

/* ---- introspection ---- */

static const struct reply *introspect(enum who who, const char *token)
{
	struct str form = arena_fmt(&lab.arena, "token=%s", token);
	return ask(who, "POST", "/introspect", form.p);
}

static void test_introspect(void **state)
{
	lab_open("");
	char *token = new_token();
	is_status(introspect(EDGE, token), 200);
	assert_true(json_is_true(json_object_get(lab.got.json, "active")));
	is_status(introspect(WWSF, token), 200);
	assert_true(json_is_true(json_object_get(lab.got.json, "active")));
	is_error(introspect(WWSF2, token), 403, "access_denied");
	is_error(introspect(STRANGER, token), 403, "access_denied");
	is_error(introspect(STRANGER, "nonsense"), 403, "access_denied");
	assert_int_not_equal(introspect(NOBODY, token)->err, 0);
	assert_int_not_equal(introspect(FOREIGN, token)->err, 0);
	assert_false(is_active("nonsense"));
	assert_false(is_active("a.b.c"));
	is_error(ask(EDGE, "POST", "/introspect", "token="), 400, "invalid_request");
	is_error(ask(EDGE, "POST", "/introspect", "token=a&token=a"), 400, "invalid_request");
	/* One octet of the signature: not ours any more. */
	char *at = token + strlen(token) - 10;
	*at = *at == 'A' ? 'B' : 'A';
	assert_false(is_active(token));
	assert_int_equal(json_object_size(lab.got.json), 1);
	free(token);
	lab_close();
}

/* ---- revocation ---- */

static const struct reply *drop(enum who who, const char *client, const char *token)
{
	struct str form = arena_fmt(&lab.arena, "client_id=%s&token=%s", client, token);
	return ask(who, "POST", "/revoke", form.p);
}

static size_t revoked_count(void)
{
	is_status(ask(EDGE, "GET", "/revoked", NULL), 200);
	return json_array_size(json_object_get(lab.got.json, "jti"));
}

static void test_revoke(void **state)
{
	lab_open("");
	char *one = new_token(), *two = new_token();
	assert_int_equal(revoked_count(), 0);
	is_error(drop(WWSF2, "wwsf2.ims.example.org", one), 400, "invalid_grant");
	is_error(drop(WWSF2, "wwsf.ims.example.org", one), 401, "invalid_client");
	is_error(drop(WWSF, "wwsf.ims.example.org", ""), 400, "invalid_request");
	is_error(drop(WWSF3, "wwsf3.ims.example.org", one), 400, "unauthorized_client");
	is_status(drop(WWSF, "wwsf.ims.example.org", "nonsense"), 200);
	assert_true(is_active(one));
	is_status(drop(WWSF, "wwsf.ims.example.org", one), 200);
	assert_int_equal(lab.got.body.n, 0);
	assert_false(is_active(one));
	assert_true(is_active(two));
	is_status(drop(WWSF, "wwsf.ims.example.org", one), 200);
	assert_int_equal(revoked_count(), 1);
	is_error(ask(WWSF, "GET", "/revoked", NULL), 403, "access_denied");
	is_error(ask(STRANGER, "GET", "/revoked", NULL), 403, "access_denied");
	lab_advance(601000);
	assert_int_equal(revoked_count(), 0);
	free(one);
	free(two);
	lab_close();
}

/* ---- blocking ---- */

/* A WWSF that revokes without end has all of its tokens void, and the list stays short. */
static void test_revoke_bound(void **state)
{
	char jti[WAF_JTI_SIZE];
	lab_open("");
	struct waf_wwsf *w = waf_wwsf_at(0), *other = waf_wwsf_at(1);
	int64_t then = waf_now_s();
	for (int i = 0; i < 20000; i++) {
		snprintf(jti, sizeof jti, "%032x", i);
		waf_live_add(jti, i % 2 ? other : w, 0, then, then + 600);
	}
	lab_advance(1000);
	for (int i = 0; i < 20000; i += 2) {
		snprintf(jti, sizeof jti, "%032x", i);
		waf_live_revoke(str_of(jti));
	}
	assert_int_equal(revoked_count(), 10000);
	char *token = new_token();
	struct str form = arena_fmt(&lab.arena, ME "&token=%s", token);
	lab_advance(1000);
	is_status(ask(WWSF, "POST", "/revoke", form.p), 200);
	assert_int_equal(revoked_count(), 0);
	assert_int_equal(waf_live_count(w), 0);
	assert_int_equal(waf_live_count(other), 10000);
	assert_true(w->not_before_s > then);
	assert_false(is_active(token));
	free(token);
	token = new_token();
	assert_true(is_active(token));
	free(token);
	lab_close();
}

static bool ok(json_t *answer)
{
	bool fine = json_is_true(json_object_get(answer, "ok"));
	json_decref(answer);
	return fine;
}

static json_int_t not_before(const char *wwsf)
{
	is_status(ask(EDGE, "GET", "/revoked", NULL), 200);
	return json_integer_value(
		json_object_get(json_object_get(lab.got.json, "not_before"), wwsf));
}

/* Void by what an edge reads, without introspection. */
static bool is_void(const char *token)
{
	struct token t;
	struct str kid;
	assert_int_equal(token_parse(str_of(token), &lab.arena, &t, &kid), TOKEN_GOOD);
	bool void_now = t.iat < not_before("wwsf.ims.example.org");
	json_t *list = json_object_get(lab.got.json, "jti"), *jti;
	size_t i;
	json_array_foreach(list, i, jti)
		void_now |= str_eq(t.jti, str_of(json_string_value(jti)));
	return void_now;
}

static void test_block(void **state)
{
	lab_open("");
	char *old = new_token();
	lab_advance(2000);
	char *late = new_token();
	assert_false(ok(admin(waf_run_block, NULL)));
	assert_false(ok(admin(waf_run_block, "nobody.example.org")));
	assert_true(is_active(old));
	assert_true(ok(admin(waf_run_block, "wwsf.ims.example.org")));
	is_error(ask_token(WWSF, TRUST), 400, "unauthorized_client");
	is_error(ask_token(WWSF, ME "&grant_type=refresh_token&refresh_token=x"), 400,
		"unauthorized_client");
	assert_false(is_active(old));
	assert_false(is_active(late));
	assert_true(is_void(old));
	assert_true(is_void(late));
	assert_string_equal(json_string_value(json_array_get(
				    json_object_get(lab.got.json, "blocked"), 0)),
		"wwsf.ims.example.org");
	/* Lifted within the same second: what is issued now is good, what was is not. */
	assert_true(ok(admin(waf_run_unblock, "wwsf.ims.example.org")));
	char *fresh = new_token();
	assert_true(is_active(fresh));
	assert_false(is_void(fresh));
	assert_false(is_active(old));
	assert_false(is_active(late));
	assert_true(is_void(late));
	free(old);
	free(late);
	free(fresh);
	lab_close();
}

static void test_reset(void **state)
{
	lab_open("limits: {tokens-per-second: 1, burst: 2}\n");
	char *token = new_token();
	json_t *s = waf_state();
	assert_int_equal(json_integer_value(json_object_get(s, "tokens")), 1);
	json_decref(s);
	free(new_code());
	assert_int_equal(rig_metric("imsrig_waf_grants"), 1);
	open_page("");
	assert_int_equal(rig_metric("imsrig_waf_sign_ins"), 1);
	assert_true(ok(admin(waf_run_block, "wwsf.ims.example.org")));
	assert_true(ok(admin(waf_run_unblock, "wwsf3.ims.example.org")));
	waf_reset();
	assert_int_equal(rig_metric("imsrig_waf_tokens_live"), 0);
	assert_int_equal(rig_metric("imsrig_waf_grants"), 0);
	assert_int_equal(rig_metric("imsrig_waf_sign_ins"), 0);
	assert_false(is_active(token));
	is_status(ask_token(WWSF, TRUST), 200);
	is_status(ask_token(WWSF, TRUST), 200);
	is_error(ask_token(WWSF3, "client_id=wwsf3.ims.example.org"), 400,
		"unauthorized_client");
	assert_int_equal(not_before("wwsf.ims.example.org"), 0);
	free(token);
	lab_close();
}

/* ---- keys ---- */

static size_t published_count(void)
{
	struct token_keys *keys = published(WWSF);
	size_t n = token_keys_count(keys);
	token_keys_free(keys);
	return n;
}

static void test_rotate(void **state)
{
	struct token t;
	lab_open("token-life: 60s\n");
	char *one = new_token();
	assert_true(ok(admin(waf_run_rotate, NULL)));
	assert_int_equal(published_count(), 2);
	lab_advance(30000);
	char *two = new_token();
	read_token(one, &t);
	read_token(two, &t);
	assert_true(is_active(one));
	assert_true(is_active(two));
	assert_true(ok(admin(waf_run_rotate, NULL)));
	assert_int_equal(published_count(), 3);
	lab_advance(31000); /* the first token ended, and needs its key no more */
	assert_int_equal(published_count(), 2);
	assert_true(is_active(two));
	lab_advance(31000);
	assert_int_equal(published_count(), 1);
	/* Without tokens a key goes at once. */
	assert_true(ok(admin(waf_run_rotate, NULL)));
	assert_int_equal(published_count(), 1);
	free(one);
	free(two);
	lab_close();
}

static void test_rotate_bound(void **state)
{
	int n = 1;
	lab_open("");
	char *token = new_token();
	while (ok(admin(waf_run_rotate, NULL)))
		n++;
	assert_int_equal(n, 16);
	assert_int_equal(published_count(), 16);
	assert_true(is_active(token));
	free(token);
	lab_close();
}

/* Keys outlive the process; what was issued before doesn't, as nobody knows any more what
 * had been revoked. */
static void test_restart(void **state)
{
	char why[512];
	lab_open("");
	char *token = new_token(), *keys;
	published_count();
	keys = str_dup(buf_str(&lab.got.body));
	lab_advance(1000);
	waf_stop();
	assert_int_equal(waf_start(&lab.rig.host, &lab.conf, why), 0);
	published_count();
	assert_string_equal(keys, buf_z(&lab.got.body));
	assert_false(is_active(token));
	assert_true(is_void(token));
	free(token);
	token = new_token();
	assert_true(is_active(token));
	assert_false(is_void(token));
	free(token);
	free(keys);
	lab_close();
}

static void test_metadata(void **state)
{
	lab_open("");
	for (int i = 0; i < 2; i++) {
		is_status(ask(i ? WEB : WWSF, "GET", "/.well-known/oauth-authorization-server",
				  NULL),
			200);
		assert_string_equal(member("issuer"), "https://waaf.ims.example.org:8445");
		assert_string_equal(member("authorization_endpoint"),
			"https://waaf.ims.example.org:8445/authorize");
		assert_string_equal(
			member("token_endpoint"), "https://waaf.ims.example.org:8444/token");
		assert_string_equal(
			member("jwks_uri"), "https://waaf.ims.example.org:8445/jwks");
		assert_true(json_is_true(json_object_get(lab.got.json,
			"authorization_response_iss_parameter_supported")));
	}
	lab_close();
}

/* ---- configuration ---- */

static void is_refused(const char *key, const char *value, const char *sentence)
{
	struct arena a = {0};
	struct waf_conf c;
	char why[512] = "";
	struct buf b = {0};

	buf_fmt(&b, "identity: a\nissuer: %s\nweb: {listen: \"127.0.0.1\", cert: a, key: a}\n"
		    "w4: {listen: \"127.0.0.1\", cert: a, key: a, ca: a}\naudience: a\nkeys: a\n"
		    "wwsfs: %s\n",
		strcmp(key, "issuer") ? "\"https://a\"" : value,
		strcmp(key, "wwsfs") ? "[]" : value);
	if (strcmp(key, "wwsfs") && strcmp(key, "issuer"))
		buf_fmt(&b, "%s: %s\n", key, value);
	int err = conf_load_text(buf_str(&b), "test", waf_conf_rows, &c, &a, why);
	if (!err)
		err = waf_conf_check(&c, why);
	if (sentence && (err != -EINVAL || !strstr(why, sentence)))
		fail_msg("%s: %s gives %d \"%s\", not \"%s\"", key, value, err, why, sentence);
	if (!sentence && err)
		fail_msg("%s: %s gives \"%s\"", key, value, why);
	buf_free(&b);
	arena_free(&a);
}

static void test_conf(void **state)
{
	static const struct waf_conf none;
	char why[512];

	assert_int_equal(waf_conf_check(&none, why), 0);
	is_refused("token-life", "3600s", NULL);
	is_refused("token-life", "3601s", "token-life");
	is_refused("token-life", "0s", "token-life");
	is_refused("code-life", "0s", "code-life");
	is_refused("refresh-life", "10s", "refresh-life");
	is_refused("issuer", "\"http://a\"", "issuer");
	is_refused("issuer", "\"https://a/\"", "issuer");
	is_refused("scopes", "[]", "scopes");
	is_refused("wwsfs", "[{identity: a, grants: []}, {identity: A, grants: []}]", "twice");
	is_refused("wwsfs", "[{identity: a, grants: [refresh_token]}]", "is not known here");
	is_refused("wwsfs", "[{identity: a, grants: [authorization_code]}]", "redirect-uris");
	is_refused("wwsfs",
		"[{identity: a, grants: [], redirect-uris: [\"https://a/#x\"]}]", "fragment");
	is_refused("wwsfs", "[{identity: a, grants: [], redirect-uris: [\"http://a/\"]}]",
		"no https URI");
	is_refused("users", "[{user: a, impi: a, impu: []}]", "no impu");
	is_refused("users", "[{user: a, impi: \"\", impu: [b]}]", "empty");
	is_refused("users", "[{user: a, impi: a, impu: [b], password-hash: \"$6$x$y\"}]",
		"yescrypt");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST(test_token),
		LAB_TEST(test_identities),
		LAB_TEST(test_clients),
		LAB_TEST(test_requests),
		LAB_TEST(test_trust),
		LAB_TEST(test_rate),
		LAB_TEST(test_full),
		LAB_TEST(test_expiry),
		LAB_TEST(test_introspect),
		LAB_TEST(test_revoke),
		LAB_TEST(test_revoke_bound),
		LAB_TEST(test_block),
		LAB_TEST(test_reset),
		LAB_TEST(test_rotate),
		LAB_TEST(test_rotate_bound),
		LAB_TEST(test_restart),
		LAB_TEST(test_metadata),
		cmocka_unit_test(test_conf),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
