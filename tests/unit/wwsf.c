/* The WWSF's API over the wire: sign-in, sessions, tokens of its own, limits.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "common/base/throttle.h"
#include "common/crypto/token.h"
#include "tests/unit/wwsf_rig.h"
#include "wwsf/session.h"
#include "wwsf/token.h"

#define SELF "token: {issuer: self}\n"
#define JSON "Content-Type: application/json\r\n"

/* ---- the token ---- */

/* What an edge does with a token of this WWSF. */
static enum token_fault judged(const char *text, struct token *t, struct arena *a)
{
	struct str kid, compact = arena_str(a, str_of(text));
	const char *why = "";
	struct token_keys *keys = token_keys_new();
	assert_int_equal(ask("GET", "/jwks", "", ""), 200);
	assert_int_equal(token_keys_read(keys, str_of(world.web.text), &why), 0);
	assert_null(strstr(world.web.text, "\"d\""));
	enum token_fault f = token_parse(compact, a, t, &kid);
	if (!f)
		f = token_verify(keys, compact, kid);
	if (!f)
		f = token_judge(t, STR("ims.example.org"),
			clock_wall_ms(world.rig.host.clock) / 1000, 0, 3600);
	token_keys_free(keys);
	return f;
}

static void gives_a_token(void **state)
{
	struct arena a = {0};
	struct token t;

	world_start(SELF);
	assert_int_equal(login("alice", "wonderland"), 200);
	assert_string_equal(world.web.cache, "no-store");
	assert_string_equal(web_text("impi"), "alice-impi@ims.example.org");
	assert_int_equal(json_array_size(json_object_get(world.web.body, "impu")), 2);
	assert_string_equal(web_text("token_type"), "Bearer");
	assert_int_equal(json_integer_value(json_object_get(world.web.body, "expires_in")), 600);
	assert_string_equal(web_text("domain"), "ims.example.org");
	assert_string_equal(web_text("edge"), "wss://epcscf.ims.example.org:8443/sip");
	assert_non_null(strstr(world.web.cookie, "__Host-wic="));
	assert_non_null(strstr(world.web.cookie, "; Path=/; Secure; HttpOnly; SameSite=Strict"));
	assert_null(strstr(world.web.cookie, "Domain"));

	char *text = strdup(web_text("token"));
	assert_int_equal(judged(text, &t, &a), TOKEN_GOOD);
	assert_true(str_eq(t.iss, STR(ORIGIN)));
	assert_true(str_eq(t.sub, STR("alice")));
	assert_true(str_eq(t.client_id, STR("wwsf.ims.example.org")));
	assert_true(str_eq(t.impi, STR("alice-impi@ims.example.org")));
	assert_null(t.waf.p);
	assert_true(token_has_impu(&t, STR("sip:a@ims.example.org")));
	assert_int_equal(t.exp - t.iat, 600);
	assert_int_equal(t.jti.n, 32);
	free(text);
	arena_free(&a);
}

/* ---- what is refused ---- */

static void refuses_bodies(void **state)
{
	static const char *const bad[] = {"", "x", "[]", "\"a\"", "{", "{}",
		"{\"user\":\"alice\"}", "{\"password\":\"wonderland\"}",
		"{\"user\":\"\",\"password\":\"wonderland\"}",
		"{\"user\":\"alice\",\"password\":\"\"}",
		"{\"user\":7,\"password\":\"wonderland\"}",
		"{\"user\":[\"alice\"],\"password\":\"wonderland\"}",
		"{\"user\":\"alice\",\"user\":\"bob\",\"password\":\"wonderland\"}",
		"{\"user\":\"alice\",\"\\u0075ser\":\"bob\",\"password\":\"wonderland\"}",
		"{\"user\":\"alice\\u0000\",\"password\":\"wonderland\"}",
		"{\"user\":\"alice\",\"password\":\"wonderland\"} {}",
		"{\"user\":\"alice\",\"password\":\"wonderland\",\"x\":[[[[[1]]]]]}"};
	char big[6000];

	world_start(SELF);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		ask("POST", "/login", JSON, bad[i]);
		is_error(400, "invalid_request");
	}
	memset(big, 'a', sizeof big);
	big[sizeof big - 1] = 0;
	login("alice", big);
	is_error(400, "invalid_request");
	big[1025] = 0; /* fits the body, but is longer than any password */
	login("alice", big);
	is_error(400, "invalid_request");
	big[129] = 0;
	login(big, "wonderland");
	is_error(400, "invalid_request");
	assert_int_equal(rig_metric("imsrig_wwsf_sessions"), 0);
}

static void refuses_types(void **state)
{
	static const char *const bad[] = {"", "Content-Type: text/plain\r\n",
		"Content-Type: application/x-www-form-urlencoded\r\n",
		"Content-Type: application/jsonx\r\n", JSON JSON};
	static const char body[] = "{\"user\":\"alice\",\"password\":\"wonderland\"}";

	world_start(SELF);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		ask("POST", "/login", bad[i], body);
		is_error(415, "unsupported_media_type");
	}
	assert_int_equal(ask("POST", "/login",
		"Content-Type: application/json; charset=utf-8\r\n", body), 200);
	assert_int_equal(ask("GET", "/login", "", ""), 405);
}

static void refuses_other_sites(void **state)
{
	static const char *const bad[] = {"Origin: https://evil.example\r\n",
		"Origin: null\r\n", "Origin: \r\n",
		"Origin: https://wwsf.ims.example.org\r\n",
		"Origin: http://wwsf.ims.example.org:8443\r\n",
		"Origin: " ORIGIN ".evil.example\r\n",
		"Origin: " ORIGIN "\r\nOrigin: https://evil.example\r\n",
		"Origin: " ORIGIN "\r\nSec-Fetch-Site: cross-site\r\n",
		"Origin: " ORIGIN "\r\nSec-Fetch-Site: same-site\r\n"};
	char fields[1024];

	world_start(SELF);
	assert_int_equal(login("alice", "wonderland"), 200);
	char *cookies = strdup(signed_in());
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		login_from(bad[i], "alice", "wonderland");
		is_error(403, "cross_site");
		snprintf(fields, sizeof fields, "%s%s", bad[i], cookies);
		ask("POST", "/token", fields, "");
		is_error(403, "cross_site");
		ask("GET", "/session", fields, "");
		is_error(403, "cross_site");
		ask("POST", "/logout", fields, "");
		is_error(403, "cross_site");
	}
	assert_int_equal(login_from("Origin: https://" WWSF ":8443\r\n", "alice", "wonderland"), 200);
	assert_int_equal(login_from("Origin: " ORIGIN "\r\nSec-Fetch-Site: same-origin\r\n", "alice",
		"wonderland"), 200);
	free(cookies);
}

static void tells_nothing_of_users(void **state)
{
	char wrong[4096];

	world_start(SELF);
	login("alice", "builder");
	is_error(401, "invalid_credentials");
	snprintf(wrong, sizeof wrong, "%s", world.web.text);
	login("nobody", "builder");
	is_error(401, "invalid_credentials");
	assert_string_equal(world.web.text, wrong);
	login("silent", "");
	is_error(400, "invalid_request");
	login("silent", "x"); /* has no password at all */
	is_error(401, "invalid_credentials");
	assert_string_equal(world.web.text, wrong);
	login("Alice", "wonderland");
	is_error(401, "invalid_credentials");
	/* Who has no password is compared with somebody's, for as long as that takes. */
	assert_string_equal(identity_db_some_hash(wwsf.db, &world.arena), world.hash);
	login("silent", "wonderland");
	is_error(401, "invalid_credentials");
	login("mallory", "wrong");
	is_error(401, "invalid_credentials");
	login("mallory", "wonderland");
	is_error(403, "no_identity");
	assert_int_equal(rig_metric("imsrig_wwsf_sessions"), 0);
}

/* ---- limits ---- */

static void throttles_an_account(void **state)
{
	world_start(SELF "login: {per-source: 1000}\n");
	for (int i = 0; i < 4; i++)
		assert_int_equal(login("alice", "x"), 401);
	assert_int_equal(login("alice", "wonderland"), 200); /* begins anew */
	for (int i = 0; i < 5; i++) {
		assert_int_equal(login("alice", "x"), 401);
		world_advance(10000);
	}
	login("alice", "wonderland");
	is_error(429, "too_many_attempts");
	assert_in_range(atoi(world.web.retry), 200, 250);
	assert_int_equal(login("bob", "wonderland"), 200);
	world_advance(220000);
	login("alice", "wonderland");
	is_error(429, "too_many_attempts");
	assert_in_range(atoi(world.web.retry), 1, 30);
	world_advance(30000);
	assert_int_equal(login("alice", "wonderland"), 200);
	for (int i = 0; i < 5; i++)
		assert_int_equal(login("nobody", "x"), 401);
	login("nobody", "x");
	is_error(429, "too_many_attempts");
}

static void throttles_a_source(void **state)
{
	char user[16];

	world_start(SELF);
	for (int i = 0; i < 30; i++) {
		snprintf(user, sizeof user, "u%d", i);
		assert_int_equal(login(user, "x"), 401);
	}
	login("alice", "wonderland");
	is_error(429, "too_many_attempts");
	assert_in_range(atoi(world.web.retry), 1, 60);
	world_advance(60000);
	assert_int_equal(login("alice", "wonderland"), 200);
	for (int i = 0; i < 30; i++)
		login("alice", "wonderland");
	is_error(429, "too_many_attempts");
	world_reset();
	assert_int_equal(login("alice", "wonderland"), 200);
}

static void on_status(int err, const char *why, const struct http_msg *m, void *arg)
{
	int *counts = arg;
	counts[0]++;
	counts[m && m->status == 401 ? 1 : m && m->status == 429 ? 2 : 3]++;
}

/* Guesses at once are no way around the limit. */
static void throttles_a_burst(void **state)
{
	enum { CLIENTS = 12 };
	struct http_client *c[CLIENTS];
	struct http_client_conf conf = {.local = rig_addr("127.39.1.102:0"),
		.remote = rig_addr(WWSF ":8443"), .server_name = "wwsf.ims.example.org"};
	int counts[4] = {0};

	world_start(SELF);
	conf.tls = world.tls;
	for (int i = 0; i < CLIENTS; i++) {
		c[i] = http_client_new(&world.rig.host, &conf);
		http_send(c[i], "POST", "/login", STR(JSON),
			STR("{\"user\":\"alice\",\"password\":\"x\"}"), on_status, counts);
	}
	rig_until_count(&world.rig, counts, CLIENTS);
	assert_int_equal(counts[1], 5);
	assert_int_equal(counts[2], CLIENTS - 5);
	for (int i = 0; i < CLIENTS; i++)
		http_client_free(c[i]);
}

static void busy_is_not_wrong(void **state)
{
	enum { CLIENTS = 8 };
	struct http_client *c[CLIENTS];
	struct http_client_conf conf = {.local = rig_addr("127.39.1.102:0"),
		.remote = rig_addr(WWSF ":8443"), .server_name = "wwsf.ims.example.org"};
	int counts[4] = {0};

	world_start(SELF "login: {workers: 1, failures: 100}\n");
	conf.tls = world.tls;
	for (int i = 0; i < CLIENTS; i++) {
		c[i] = http_client_new(&world.rig.host, &conf);
		http_send(c[i], "POST", "/login", STR(JSON),
			STR("{\"user\":\"alice\",\"password\":\"x\"}"), on_status, counts);
	}
	rig_until_count(&world.rig, counts, CLIENTS);
	assert_int_equal(counts[1] + counts[3], CLIENTS); /* 401 or 503 */
	assert_int_equal(rig_metric("imsrig_wwsf_logins_failed_total") >= 1, 1);
	for (int i = 0; i < CLIENTS; i++)
		http_client_free(c[i]);
}

static void limits_keys(void **state)
{
	struct throttle *t = throttle_new(world.rig.host.clock, 2, 100000, 3);

	assert_int_equal(throttle_take(t, STR("a")), 0);
	throttle_give_back(t, STR("a"));
	assert_int_equal(throttle_keys(t), 0);
	assert_int_equal(throttle_take(t, STR("a")), 0);
	assert_int_equal(throttle_take(t, STR("a")), 0);
	assert_in_range(throttle_take(t, STR("a")), 1, 100000);
	world_advance(70000);
	assert_in_range(throttle_take(t, STR("a")), 1, 30000);
	world_advance(30000);
	assert_int_equal(throttle_take(t, STR("a")), 0);
	throttle_take(t, STR("b"));
	throttle_take(t, STR("c"));
	throttle_take(t, STR("d")); /* the oldest goes */
	assert_int_equal(throttle_keys(t), 3);
	throttle_forget(t, STR("d"));
	throttle_forget(t, STR("nobody"));
	throttle_give_back(t, STR("nobody"));
	assert_int_equal(throttle_keys(t), 2);
	throttle_free(t);
}

/* ---- sessions ---- */

static bool tells_session(const char *fields)
{
	ask("GET", "/config", fields, "");
	return json_is_true(json_object_get(world.web.body, "session"));
}

static void keeps_a_session(void **state)
{
	char old[4096];

	world_start(SELF "session-life: 1h\n");
	assert_int_equal(login("alice", "wonderland"), 200);
	char *me = strdup(signed_in());
	snprintf(old, sizeof old, "%s", web_text("token"));
	assert_int_equal(ask("GET", "/session", me, ""), 200);
	assert_string_equal(web_text("user"), "alice");
	assert_string_equal(web_text("impi"), "alice-impi@ims.example.org");
	assert_non_null(web_text("csrf"));
	assert_null(web_text("token"));
	assert_string_equal(world.web.cache, "no-store");
	assert_int_equal(ask("POST", "/token", me, ""), 200);
	assert_non_null(web_text("token"));
	assert_string_not_equal(web_text("token"), old);
	assert_int_equal(token_count(STR("alice")), 2);
	assert_true(tells_session(me));
	assert_false(tells_session(""));
	world_advance(3570000);
	assert_int_equal(ask("GET", "/session", me, ""), 200);
	assert_int_equal(token_count(STR("alice")), 0);
	world_advance(30000);
	ask("GET", "/session", me, "");
	is_error(401, "no_session");
	assert_false(tells_session(me));
	assert_int_equal(rig_metric("imsrig_wwsf_sessions"), 0);
	free(me);
}

static void needs_the_session(void **state)
{
	static const char *const bad[] = {"", "Cookie: \r\n", "Cookie: __Host-wic\r\n",
		"Cookie: __Host-wic=\r\n", "Cookie: __Host-wic=0\r\n",
		"Cookie: __Host-wic="
		"0000000000000000000000000000000000000000000000000000000000000000\r\n"};
	world_start(SELF);
	assert_int_equal(login("alice", "wonderland"), 200);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		ask("GET", "/session", bad[i], "");
		is_error(401, "no_session");
		ask("POST", "/token", bad[i], "");
		is_error(401, "no_session");
		ask("POST", "/logout", bad[i], "");
		is_error(401, "no_session");
	}
}

static void needs_the_csrf_token(void **state)
{
	char fields[1024];

	world_start(SELF);
	assert_int_equal(login("alice", "wonderland"), 200);
	char *me = strdup(signed_in());
	char *csrf = strdup(web_text("csrf"));
	struct str rest = str_of(me), cookie = str_cut(&rest, '\r');
	const char *const bad[] = {"", "X-CSRF-Token: \r\n", "X-CSRF-Token: 0\r\n",
		"X-CSRF-Token: 00000000000000000000000000000000\r\n"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		snprintf(fields, sizeof fields, STR_FMT "\r\n%s", STR_ARG(cookie), bad[i]);
		ask("POST", "/token", fields, "");
		is_error(403, "csrf");
		ask("POST", "/logout", fields, "");
		is_error(403, "csrf");
	}
	snprintf(fields, sizeof fields, "%sX-CSRF-Token: %s\r\n", me, csrf);
	ask("POST", "/token", fields, "");
	is_error(403, "csrf"); /* twice */
	/* another session's */
	assert_int_equal(login("bob", "wonderland"), 200);
	snprintf(fields, sizeof fields, STR_FMT "\r\nX-CSRF-Token: %s\r\n", STR_ARG(cookie),
		web_text("csrf"));
	ask("POST", "/token", fields, "");
	is_error(403, "csrf");
	assert_int_equal(ask("POST", "/token", me, ""), 200);
	free(me);
	free(csrf);
}

static void ends_a_session(void **state)
{
	world_start(SELF);
	assert_int_equal(login("alice", "wonderland"), 200);
	char *me = strdup(signed_in());
	ask("GET", "/revoked", "", "");
	assert_string_equal(world.web.text, "{\"blocked\":[],\"not_before\":{},\"jti\":[]}");
	assert_int_equal(ask("POST", "/logout", me, ""), 204);
	assert_non_null(strstr(world.web.cookie, "__Host-wic=;"));
	assert_non_null(strstr(world.web.cookie, "Max-Age=0"));
	ask("GET", "/session", me, "");
	is_error(401, "no_session");
	ask("GET", "/revoked", "", "");
	assert_int_equal(json_array_size(json_object_get(world.web.body, "jti")), 1);
	world_advance(600000);
	ask("GET", "/revoked", "", "");
	assert_int_equal(json_array_size(json_object_get(world.web.body, "jti")), 0);
	free(me);
}

static size_t taken_back(void)
{
	assert_int_equal(ask("GET", "/revoked", "", ""), 200);
	return json_array_size(json_object_get(world.web.body, "jti"));
}

static json_int_t not_before(void)
{
	return json_integer_value(json_object_get(
		json_object_get(world.web.body, "not_before"), "wwsf.ims.example.org"));
}

static void assigns(int n, int64_t end_ms)
{
	char jti[33];
	for (int i = 0; i < n; i++) {
		snprintf(jti, sizeof jti, "%032x", i);
		token_assign(jti, STR("many"), STR("s"), end_ms);
	}
}

/* What is taken back stays so, however many tokens come after it. */
static void keeps_what_is_taken_back(void **state)
{
	world_start(SELF);
	int64_t end_ms = (clock_wall_ms(world.rig.host.clock) / 1000 + 600) * 1000;
	token_assign("of-alice", STR("alice"), STR("a"), end_ms);
	assert_int_equal(token_revoke(STR("alice"), STR_NONE), 1);
	assigns(70000, end_ms);
	assert_int_equal(token_count(STR("many")), 65536);
	assert_int_equal(taken_back(), 1);
	assert_string_equal(json_string_value(json_array_get(
		json_object_get(world.web.body, "jti"), 0)), "of-alice");
	assert_int_equal(token_revoke(STR("alice"), STR_NONE), 0);
	world_advance(601000);
	assert_int_equal(taken_back(), 0);
	assert_int_equal(rig_metric("imsrig_wwsf_tokens"), 65536); /* until somebody asks */
	assert_int_equal(token_count(STR("many")), 0);
	assert_int_equal(rig_metric("imsrig_wwsf_tokens"), 0);
}

/* The list has a bound that edges can read; beyond it nothing of before is good. */
static void bounds_what_is_taken_back(void **state)
{
	world_start(SELF);
	int64_t end_ms = (clock_wall_ms(world.rig.host.clock) / 1000 + 600) * 1000;
	assigns(10000, end_ms);
	token_assign("of-alice", STR("alice"), STR("a"), end_ms);
	assert_int_equal(token_revoke(STR("many"), STR_NONE), 10000);
	assert_int_equal(taken_back(), 10000);
	assert_int_equal(not_before(), 0);
	world_advance(5000);
	token_assign("of-bob", STR("bob"), STR("b"), end_ms + 5000);
	assert_int_equal(token_revoke(STR("bob"), STR_NONE), 1);
	assert_int_equal(token_count(STR("alice")), 0);
	assert_true(taken_back() <= 1);
	assert_in_range(not_before(), end_ms / 1000 - 600 + 4, end_ms / 1000 - 600 + 7);
	/* what is issued from now on is good */
	assert_int_equal(login("alice", "wonderland"), 200);
	assert_int_equal(token_count(STR("alice")), 1);
	world_reset();
	assert_int_equal(taken_back(), 0);
	assert_int_equal(not_before(), 0);
}

static void bounds_sessions(void **state)
{
	world_start(SELF "sessions: 2\n");
	assert_int_equal(login("alice", "wonderland"), 200);
	char *first = strdup(signed_in());
	assert_int_equal(login("bob", "wonderland"), 200);
	assert_int_equal(ask("GET", "/session", first, ""), 200);
	/* a browser that signs in again has no second one */
	assert_int_equal(login_from(first, "alice", "wonderland"), 200);
	char *again = strdup(signed_in());
	assert_int_equal(rig_metric("imsrig_wwsf_sessions"), 2);
	ask("GET", "/session", first, "");
	is_error(401, "no_session");
	assert_int_equal(login("alice", "wonderland"), 200);
	assert_int_equal(login("alice", "wonderland"), 200);
	assert_int_equal(rig_metric("imsrig_wwsf_sessions"), 2);
	ask("GET", "/session", again, "");
	is_error(401, "no_session");
	const struct session *newest;
	assert_int_equal(sessions_of_user(STR("alice"), &newest), 2);
	world_reset();
	assert_int_equal(sessions_of_user(STR("alice"), &newest), 0);
	assert_int_equal(token_count(STR("alice")), 0);
	free(first);
	free(again);
}

static void bounds_tokens_of_a_user(void **state)
{
	world_start("token: {issuer: self, per-user: 3, user-window: 1min}\n");
	assert_int_equal(login("alice", "wonderland"), 200);
	char *me = strdup(signed_in());
	for (int i = 0; i < 3; i++)
		assert_int_equal(ask("POST", "/token", me, ""), 200);
	ask("POST", "/token", me, "");
	is_error(429, "too_many_attempts");
	world_advance(60000);
	assert_int_equal(ask("POST", "/token", me, ""), 200);
	free(me);
}

/* ---- keys ---- */

static void rotates_keys(void **state)
{
	char extra[256];
	struct arena a = {0};
	struct token t;
	struct stat st;

	snprintf(extra, sizeof extra, "token: {issuer: self, keys: \"%s\"}\n",
		rig_file(&world.rig, "keys.json"));
	world_start(extra);
	assert_int_equal(login("alice", "wonderland"), 200);
	char *old = strdup(web_text("token"));
	assert_null(token_rotate());
	assert_int_equal(judged(old, &t, &a), TOKEN_GOOD);
	assert_int_equal(login("alice", "wonderland"), 200);
	char *newer = strdup(web_text("token"));
	assert_int_equal(judged(newer, &t, &a), TOKEN_GOOD);
	assert_int_equal(stat(rig_file(&world.rig, "keys.json"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);

	/* the same keys after a start */
	world_stop();
	rig_run(&world.rig, 20);
	world_start(extra);
	assert_int_equal(judged(old, &t, &a), TOKEN_GOOD);
	assert_int_equal(judged(newer, &t, &a), TOKEN_GOOD);
	/* but what had been taken back is not known: all tokens of before are void */
	assert_int_equal(taken_back(), 0);
	assert_in_range(not_before(), t.iat, t.iat + 60);
	world_advance(570000);
	assert_int_equal(ask("GET", "/jwks", "", ""), 200);
	assert_int_equal(json_array_size(json_object_get(world.web.body, "keys")), 2);
	world_advance(30000);
	assert_int_equal(judged(old, &t, &a), TOKEN_UNKNOWN_KEY);
	for (int i = 0; i < 15; i++)
		assert_null(token_rotate());
	assert_non_null(token_rotate()); /* sixteen may still be in use */
	world_reset();
	assert_int_equal(ask("GET", "/jwks", "", ""), 200);
	assert_int_equal(json_array_size(json_object_get(world.web.body, "keys")), 1);
	free(old);
	free(newer);
	arena_free(&a);
}

/* ---- identities ---- */

static void translates(void **state)
{
	world_start(SELF "identities: translation\n"
		"translation: {impi: \"${user}-impi@ims.example.org\", impu: \"sip:${user}@ims.example.org\"}\n");
	assert_int_equal(login("mallory", "wonderland"), 200);
	assert_string_equal(web_text("impi"), "mallory-impi@ims.example.org");
	assert_string_equal(json_string_value(json_array_get(
		json_object_get(world.web.body, "impu"), 0)), "sip:mallory@ims.example.org");
	login("x@y", "wonderland"); /* would be another domain's */
	is_error(403, "no_identity");
}

static void keeps_identities(void **state)
{
	world_start("");
	ask("GET", "/identities?user=alice", "", "");
	is_error(401, "sign_in_required");
	ask("GET", "/identities?user=nobody", "", "");
	is_error(401, "sign_in_required");
}

static void tells_identities(void **state)
{
	world_start("lookup: true\n");
	assert_int_equal(ask("GET", "/identities?user=alice", "", ""), 200);
	assert_string_equal(web_text("impi"), "alice-impi@ims.example.org");
	assert_int_equal(ask("GET", "/identities?user=silent", "", ""), 200);
	assert_int_equal(ask("GET", "/identities?user=mallory", "", ""), 404);
	assert_int_equal(ask("GET", "/identities?user=%61lice", "", ""), 200);
	assert_int_equal(ask("GET", "/identities?user=%zz", "", ""), 400);
	assert_int_equal(ask("GET", "/identities", "", ""), 400);
	assert_int_equal(ask("GET", "/config", "", ""), 200);
	assert_string_equal(web_text("issuer"), "none");
	/* a WWSF without tokens signs users in, too */
	assert_int_equal(login("alice", "wonderland"), 200);
	assert_null(web_text("token"));
	assert_non_null(web_text("impi"));
	ask("GET", "/jwks", "", "");
	is_error(404, "no_tokens_here");
	ask("GET", "/revoked", "", "");
	is_error(404, "no_tokens_here");
	ask("GET", "/signin", "", "");
	is_error(404, "sign_in_here");
	ask("GET", "/callback?code=1&state=2", "", "");
	is_error(404, "sign_in_here");
	assert_non_null(token_rotate());
}

static void keeps_the_database(void **state)
{
	char extra[256], path[128];
	struct stat st;

	snprintf(path, sizeof path, "%s", rig_file(&world.rig, "wwsf.db"));
	snprintf(extra, sizeof extra, "%sdatabase: \"%s\"\n", SELF, path);
	for (int i = 0; i < 2; i++) { /* the second start finds all there */
		world_start(extra);
		assert_int_equal(login("alice", "wonderland"), 200);
		assert_int_equal(json_array_size(json_object_get(world.web.body, "impu")), 2);
		world_stop();
		rig_run(&world.rig, 20);
	}
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	FILE *f = fopen(path, "r+");
	assert_non_null(f);
	fseek(f, 60, SEEK_SET); /* user_version */
	fputc(9, f);
	fclose(f);
	assert_non_null(strstr(world_refuses(extra), "this program needs version 2"));
	f = fopen(path, "w");
	for (int i = 0; i < 100; i++)
		fputs("this is no database, but long enough for one\n", f);
	fclose(f);
	const char *why = world_refuses(extra);
	if (!strstr(why, "not a database"))
		fail_msg("%s", why);
}

/* ---- configuration ---- */

static void refuses_configurations(void **state)
{
	static const struct { const char *extra, *why; } rows[] = {
		{"token: {issuer: self, life: 2h}\n", "token.life"},
		{"token: {issuer: self, life: 500ms}\n", "token.life"},
		{"token: {issuer: waf}\n", "waf.url"},
		{"token: {issuer: waf}\nwaf: {url: \"https://waaf.ims.example.org:8444\"}\n",
			"mutual TLS"},
		{"token: {issuer: waf}\nwaf: {url: \"https://waaf.ims.example.org:8444\", ca: a, cert: b, "
		 "key: c, grant: authorization_code}\n", "waf.authorize"},
		{"token: {issuer: waf}\nwaf: {url: \"https://nowhere.example:8444\", ca: a, cert: b, key: c}\n",
			"no address"},
		{"token: {issuer: waf}\nwaf: {url: \"https://waaf.ims.example.org:99999\", ca: a, cert: b, "
		 "key: c}\n", "no address"},
		{"token: {issuer: waf}\nwaf: {url: \"https://waaf.ims.example.org:8444\", ca: a, cert: b, "
		 "key: c}\n", "TLS"},
		{"identities: translation\n", "translation.impi"},
		{"token: {issuer: self, keys: /no/such/directory/keys.json}\n", "/no/such"},
		{"session-life: 10ms\n", "too short"},
		{"token: {issuer: god}\n", "issuer"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *why = world_refuses(rows[i].extra);
		if (!strstr(why, rows[i].why))
			fail_msg("%s: \"%s\" lacks \"%s\"", rows[i].extra, why, rows[i].why);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, world_open, world_close)

int main(void)
{
	const struct CMUnitTest tests[] = {T(gives_a_token), T(refuses_bodies), T(refuses_types),
		T(refuses_other_sites), T(tells_nothing_of_users), T(throttles_an_account),
		T(throttles_a_source), T(throttles_a_burst), T(busy_is_not_wrong), T(limits_keys),
		T(keeps_what_is_taken_back), T(bounds_what_is_taken_back),
		T(keeps_a_session), T(needs_the_session), T(needs_the_csrf_token),
		T(ends_a_session), T(bounds_sessions), T(bounds_tokens_of_a_user), T(rotates_keys),
		T(translates), T(tells_identities), T(keeps_identities), T(keeps_the_database),
		T(refuses_configurations)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
