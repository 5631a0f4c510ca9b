/* The WWSF on W4: tokens from the WAF, by assertion and by the code grant; a WAF that refuses,
 * is busy, talks nonsense, or is away.
 * SPDX-License-Identifier: Apache-2.0 */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/http/form.h"
#include "tests/unit/wwsf_rig.h"
#include "wwsf/session.h"
#include "wwsf/waf_client.h"

#define SCOPE "webrtc-ims-client-access-to-ims"
#define GRANT(more)                                                                  \
	"{\"access_token\":\"tok.en-1\",\"token_type\":\"Bearer\",\"expires_in\":600," \
	"\"scope\":\"" SCOPE "\",\"impi\":\"waf-impi@ims.example.org\","              \
	"\"impu\":[\"sip:waf@ims.example.org\"]" more "}"

static void start(const char *grant)
{
	char extra[1024];
	struct rig *r = &world.rig;
	snprintf(extra, sizeof extra,
		"token: {issuer: waf}\nwaf: {url: \"https://waaf.ims.example.org:8444\", "
		"authorize: \"https://waaf.ims.example.org:8445/authorize\", grant: %s, ca: \"%s\", "
		"cert: \"%s\", key: \"%s\", timeout: 5s}\nlogin: {per-source: 1000, failures: 1000}\n",
		grant, rig_file(r, "ca.pem"), rig_file(r, "wwsf.pem"), rig_file(r, "wwsf-key.pem"));
	world_start(extra);
}

static struct str form_of(const char *name)
{
	static struct arena a;
	arena_free(&a);
	return form_param(str_of(world.waf.form), str_of(name), &a);
}

static void form_is(const char *name, const char *value)
{
	struct str got = form_of(name);
	if (!str_eq(got, str_of(value)))
		fail_msg("%s is \"" STR_FMT "\"", name, STR_ARG(got));
}

/* ---- client_credentials ---- */

static void asserts_a_user(void **state)
{
	start("client_credentials");
	waf_listen();
	world.waf.status = 200;
	world.waf.answer = GRANT("");
	assert_int_equal(login("alice", "wonderland"), 200);
	assert_string_equal(world.waf.peer, "wwsf.ims.example.org");
	form_is("grant_type", "client_credentials");
	form_is("client_id", "wwsf.ims.example.org");
	form_is("scope", SCOPE);
	form_is("user", "alice");
	form_is("impi", "alice-impi@ims.example.org");
	assert_null(form_of("password").p);
	assert_string_equal(web_text("token"), "tok.en-1");
	assert_string_equal(web_text("impi"), "waf-impi@ims.example.org");
	assert_int_equal(json_integer_value(json_object_get(world.web.body, "expires_in")), 600);
	char *me = strdup(signed_in());
	world.waf.answer = "{\"access_token\":\"second\",\"token_type\":\"bearer\",\"expires_in\":30,"
		"\"impi\":\"i@x\",\"impu\":[\"sip:i@x\"]}";
	assert_int_equal(ask("POST", "/token", me, ""), 200);
	assert_string_equal(web_text("token"), "second");
	assert_int_equal(world.waf.got, 2);
	login("alice", "wrong");
	is_error(401, "invalid_credentials");
	login("mallory", "wonderland");
	is_error(403, "no_identity");
	assert_int_equal(world.waf.got, 2); /* the WAF is not asked for nothing */
	free(me);
}

static void maps_refusals(void **state)
{
	static const struct {
		int status;
		const char *answer;
		int want;
		const char *error, *waf_error;
	} rows[] = {
		{400, "{\"error\":\"unauthorized_client\"}", 502, "waf_refused", "unauthorized_client"},
		{400, "{\"error\":\"invalid_request\",\"error_description\":\"x\"}", 502, "waf_refused",
			"invalid_request"},
		{400, "{\"error\":\"invalid_scope\"}", 502, "waf_refused", "invalid_scope"},
		{401, "{\"error\":\"invalid_client\"}", 502, "waf_refused", "invalid_client"},
		{400, "{\"error\":\"<script>\"}", 502, "waf_refused", NULL},
		{400, "{\"error\":7}", 502, "waf_refused", NULL},
		{404, "not here", 502, "waf_refused", NULL},
		{429, "{\"error\":\"slow_down\"}", 503, "waf_busy", NULL},
		{500, "oops", 503, "waf_unreachable", NULL},
		{503, "", 503, "waf_unreachable", NULL},
		{302, "", 503, "waf_unreachable", NULL},
		{200, "", 502, "waf_answer", NULL},
		{200, "[]", 502, "waf_answer", NULL},
		{200, "{}", 502, "waf_answer", NULL},
		{200, "{\"access_token\":\"a\",\"access_token\":\"b\"}", 502, "waf_answer", NULL},
		{200, "{\"access_token\":\"a b\",\"token_type\":\"Bearer\",\"expires_in\":600,"
		      "\"impi\":\"i\",\"impu\":[\"u\"]}", 502, "waf_answer", NULL},
		{200, "{\"access_token\":\"a\",\"token_type\":\"mac\",\"expires_in\":600,"
		      "\"impi\":\"i\",\"impu\":[\"u\"]}", 502, "waf_answer", NULL},
		{200, "{\"access_token\":\"a\",\"token_type\":\"Bearer\",\"expires_in\":0,"
		      "\"impi\":\"i\",\"impu\":[\"u\"]}", 502, "waf_answer", NULL},
		{200, "{\"access_token\":\"a\",\"token_type\":\"Bearer\",\"expires_in\":600,"
		      "\"impi\":\"i\",\"impu\":[]}", 502, "waf_answer", NULL},
		{200, "{\"access_token\":\"a\",\"token_type\":\"Bearer\",\"expires_in\":600,"
		      "\"impi\":\"i\",\"impu\":[1]}", 502, "waf_answer", NULL},
		{200, "{\"access_token\":\"a\",\"token_type\":\"Bearer\",\"expires_in\":600,"
		      "\"impu\":[\"u\"]}", 502, "waf_answer", NULL},
		{200, "{\"access_token\":\"a\",\"token_type\":\"Bearer\",\"expires_in\":600,\"scope\":"
		      "\"another\",\"impi\":\"i\",\"impu\":[\"u\"]}", 502, "waf_answer", NULL},
	};
	start("client_credentials");
	waf_listen();
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		world.waf.status = rows[i].status;
		world.waf.answer = rows[i].answer;
		login("alice", "wonderland");
		if (world.web.status != rows[i].want)
			fail_msg("%s: %d", rows[i].answer, world.web.status);
		is_error(rows[i].want, rows[i].error);
		if (rows[i].waf_error)
			assert_string_equal(web_text("waf_error"), rows[i].waf_error);
		else
			assert_null(web_text("waf_error"));
		assert_int_equal(*world.web.retry != 0, rows[i].want == 503);
	}
	assert_int_equal(rig_metric("imsrig_wwsf_sessions"), 0);
	world.waf.status = 429;
	world.waf.fields = "Retry-After: 17\r\n";
	world.waf.answer = "";
	login("alice", "wonderland");
	assert_string_equal(world.web.retry, "17");
}

static bool waf_asked(void *arg)
{
	return world.waf.got == *(int *)arg;
}

static void on_login(int err, const char *why, const struct http_msg *m, void *arg)
{
	*(int *)arg = m ? m->status : err;
}

static bool answered(void *arg)
{
	return *(int *)arg != 0;
}

static void waits_no_longer_than_it_may(void **state)
{
	int status = 0, one = 1;

	start("client_credentials");
	login("alice", "wonderland"); /* nobody listens */
	is_error(503, "waf_unreachable");
	waf_listen(); /* but says nothing */
	http_send(world.client, "POST", "/login", STR("Content-Type: application/json\r\n"),
		STR("{\"user\":\"alice\",\"password\":\"wonderland\"}"), on_login, &status);
	rig_until(&world.rig, waf_asked, &one);
	assert_int_equal(waf_waiting(), 1);
	assert_int_equal(wwsf_open(), 1);
	world.offset_ms += 5000;
	clock_set_offset(world.rig.host.clock, world.offset_ms);
	rig_until(&world.rig, answered, &status);
	assert_int_equal(status, 503);
	assert_int_equal(wwsf_open(), 0);
}

static void stops_while_it_waits(void **state)
{
	int status = 0, one = 1;

	start("client_credentials");
	waf_listen();
	http_send(world.client, "POST", "/login", STR("Content-Type: application/json\r\n"),
		STR("{\"user\":\"alice\",\"password\":\"wonderland\"}"), on_login, &status);
	rig_until(&world.rig, waf_asked, &one);
	wwsf_stop();
	rig_until(&world.rig, answered, &status);
	assert_int_equal(status, 503);
	http_client_free(world.client);
	tls_free(world.tls);
	world.client = NULL;
}

static void stops_while_it_compares(void **state)
{
	int status = 0;

	start("client_credentials");
	http_send(world.client, "POST", "/login", STR("Content-Type: application/json\r\n"),
		STR("{\"user\":\"alice\",\"password\":\"wonderland\"}"), on_login, &status);
	while (!wwsf_open() && !status)
		uv_run(&world.rig.loop, UV_RUN_NOWAIT);
	wwsf_stop();
	rig_until(&world.rig, answered, &status);
	assert_int_equal(status, 503);
	http_client_free(world.client);
	tls_free(world.tls);
	world.client = NULL;
}

/* ---- the code grant ---- */

static struct form target; /* of the last Location */
static struct arena target_arena;

static const char *target_of(const char *name)
{
	struct str v = form_value(&target, str_of(name));
	return v.p ? arena_str(&target_arena, v).p : "";
}

static const char *cookie_line(const char *set_cookie)
{
	static char ring[4][300];
	static unsigned at;
	char *out = ring[at++ % 4];
	struct str rest = str_of(set_cookie), pair = str_cut(&rest, ';');
	snprintf(out, 300, "Cookie: " STR_FMT "\r\n", STR_ARG(pair));
	return out;
}

/* GET /signin: the cookie that goes with it. */
static const char *begins(const char *fields)
{
	assert_int_equal(ask("GET", "/signin", fields, ""), 302);
	struct str query = str_of(world.web.location), path = str_cut(&query, '?');
	assert_true(str_eq(path, STR("https://waaf.ims.example.org:8445/authorize")));
	arena_free(&target_arena);
	query = arena_str(&target_arena, query);
	assert_int_equal(form_parse(query, &target_arena, &target), 0);
	assert_non_null(strstr(world.web.signin, "; Path=/; Secure; HttpOnly; SameSite=Lax"));
	return cookie_line(world.web.signin);
}

static int comes_back(const char *cookie, const char *query)
{
	char path[2048];
	snprintf(path, sizeof path, "/callback?%s", query);
	return ask("GET", path, cookie, "");
}

#define ISS "&iss=https%%3A%%2F%%2Fwaaf.ims.example.org%%3A8445"

static const char *good_query(void)
{
	static char q[300];
	snprintf(q, sizeof q, "code=c0de&state=%s" ISS,
		target_of("state"));
	return q;
}

static void is_challenge_of(const char *challenge, struct str verifier)
{
	unsigned char hash[32], text[64];
	unsigned n;
	EVP_Digest(verifier.p, verifier.n, hash, &n, EVP_sha256(), NULL);
	assert_int_equal(EVP_EncodeBlock(text, hash, 32), 44);
	text[43] = 0; /* the padding */
	for (unsigned char *p = text; *p; p++)
		*p = *p == '+' ? '-' : *p == '/' ? '_' : *p;
	assert_string_equal(challenge, (char *)text);
}

static void signs_in_at_the_waf(void **state)
{
	start("authorization_code");
	waf_listen();
	assert_int_equal(ask("GET", "/config", "", ""), 200);
	assert_string_equal(web_text("grant"), "authorization_code");
	login("alice", "wonderland");
	is_error(403, "sign_in_at_waf");

	const char *cookie = begins("");
	assert_string_equal(target_of("response_type"), "code");
	assert_string_equal(target_of("client_id"), "wwsf.ims.example.org");
	assert_string_equal(target_of("redirect_uri"), ORIGIN "/callback");
	assert_string_equal(target_of("scope"), SCOPE);
	assert_string_equal(target_of("code_challenge_method"), "S256");

	world.waf.status = 200;
	world.waf.answer = GRANT(",\"refresh_token\":\"ref-1\"");
	assert_int_equal(comes_back(cookie, good_query()), 303);
	assert_string_equal(world.web.location, "/");
	assert_non_null(strstr(world.web.signin, "Max-Age=0"));
	form_is("grant_type", "authorization_code");
	form_is("code", "c0de");
	form_is("redirect_uri", ORIGIN "/callback");
	is_challenge_of(target_of("code_challenge"), form_of("code_verifier"));
	cookie = cookie_line(world.web.cookie);

	assert_int_equal(ask("GET", "/session", cookie, ""), 200);
	assert_string_equal(web_text("impi"), "waf-impi@ims.example.org");
	char me[600];
	snprintf(me, sizeof me, "%sX-CSRF-Token: %s\r\n", cookie, web_text("csrf"));
	/* the token that came with the sign-in, once; then by refresh */
	assert_int_equal(ask("POST", "/token", me, ""), 200);
	assert_string_equal(web_text("token"), "tok.en-1");
	assert_int_equal(world.waf.got, 1);
	world.waf.answer = "{\"access_token\":\"tok-2\",\"token_type\":\"Bearer\",\"expires_in\":600,"
		"\"impi\":\"i@x\",\"impu\":[\"sip:i@x\"],\"refresh_token\":\"ref-2\"}";
	assert_int_equal(ask("POST", "/token", me, ""), 200);
	assert_string_equal(web_text("token"), "tok-2");
	form_is("grant_type", "refresh_token");
	form_is("refresh_token", "ref-1");
	/* a WAF that is away says nothing about the user */
	world.waf.status = 500;
	ask("POST", "/token", me, "");
	is_error(503, "waf_unreachable");
	form_is("refresh_token", "ref-2");
	world.waf.status = 400;
	world.waf.answer = "{\"error\":\"unauthorized_client\"}";
	ask("POST", "/token", me, "");
	is_error(502, "waf_refused");
	world.waf.answer = "{\"error\":\"invalid_grant\"}";
	ask("POST", "/token", me, "");
	is_error(401, "sign_in_again");
	int got = world.waf.got;
	ask("POST", "/token", me, "");
	is_error(401, "sign_in_again");
	assert_int_equal(world.waf.got, got);
}

static void keeps_the_first_token_so_long(void **state)
{
	start("authorization_code");
	waf_listen();
	world.waf.status = 200;
	world.waf.answer = GRANT("");
	const char *cookie = begins("");
	assert_int_equal(comes_back(cookie, good_query()), 303);
	cookie = cookie_line(world.web.cookie);
	assert_int_equal(ask("GET", "/session", cookie, ""), 200);
	char me[600];
	snprintf(me, sizeof me, "%sX-CSRF-Token: %s\r\n", cookie, web_text("csrf"));
	world_advance(100000);
	char first[600];
	snprintf(first, sizeof first, "%s", me);
	assert_int_equal(ask("POST", "/token", first, ""), 200);
	assert_in_range(json_integer_value(json_object_get(world.web.body, "expires_in")), 400, 500);
	ask("POST", "/token", me, "");
	is_error(401, "sign_in_again");

	/* one that has run out before anybody asked for it */
	cookie = begins("");
	assert_int_equal(comes_back(cookie, good_query()), 303);
	cookie = cookie_line(world.web.cookie);
	assert_int_equal(ask("GET", "/session", cookie, ""), 200);
	snprintf(me, sizeof me, "%sX-CSRF-Token: %s\r\n", cookie, web_text("csrf"));
	world_advance(600000);
	ask("POST", "/token", me, "");
	is_error(401, "sign_in_again");
}

static void goes_back_where_it_came_from(void **state)
{
	struct http_client_conf conf = {.local = rig_addr("127.39.1.103:0"),
		.remote = rig_addr(WWSF ":8443"), .server_name = NULL};

	start("authorization_code");
	waf_listen();
	world.waf.status = 200;
	world.waf.answer = GRANT("");
	conf.tls = world.tls;
	struct http_client *named = world.client;
	world.client = http_client_new(&world.rig.host, &conf); /* by address */
	const char *cookie = begins("");
	assert_string_equal(target_of("redirect_uri"), "https://" WWSF ":8443/callback");
	assert_int_equal(comes_back(cookie, good_query()), 303);
	form_is("redirect_uri", "https://" WWSF ":8443/callback");
	http_client_free(world.client);
	world.client = named;
}

static void shows(int status, const char *text)
{
	assert_int_equal(world.web.status, status);
	assert_string_equal(world.web.cookie, "");
	if (!strstr(world.web.text, text))
		fail_msg("\"%s\" is not in %s", text, world.web.text);
	assert_non_null(strstr(world.web.signin, "Max-Age=0"));
	assert_null(strstr(world.web.text, "<script"));
}

static void refuses_what_comes_back(void **state)
{
	char q[1400], code[1001];

	start("authorization_code");
	waf_listen();
	world.waf.status = 200;
	world.waf.answer = GRANT("");
	const char *cookie = begins("");
	char *state_text = strdup(target_of("state"));

	comes_back("", good_query());
	shows(400, "began no sign-in");
	comes_back("Cookie: __Host-signin=x\r\n", good_query());
	shows(400, "began no sign-in");
	comes_back(cookie, "code=c0de");
	shows(400, "another sign-in");
	comes_back(cookie, "code=c0de&state=00000000000000000000000000000000");
	shows(400, "another sign-in");
	snprintf(q, sizeof q, "code=c0de&state=%s&state=%s", state_text, state_text);
	comes_back(cookie, q);
	shows(400, "can't be read");
	snprintf(q, sizeof q, "code=c0de&state=%s&iss=https%%3A%%2F%%2Fevil.example", state_text);
	comes_back(cookie, q);
	shows(400, "not from the WAF");
	snprintf(q, sizeof q, "code=c0de&state=%s", state_text);
	comes_back(cookie, q);
	shows(400, "not from the WAF");
	snprintf(q, sizeof q, "state=%s" ISS, state_text);
	comes_back(cookie, q);
	shows(400, "no code");
	memset(code, 'c', sizeof code - 1);
	code[600] = 0;
	snprintf(q, sizeof q, "state=%s&code=%s" ISS, state_text, code);
	comes_back(cookie, q);
	shows(400, "no code");
	snprintf(q, sizeof q, "state=%s&error=access_denied&code=c0de" ISS, state_text);
	comes_back(cookie, q);
	shows(403, "refused or cancelled");
	snprintf(q, sizeof q, "state=%s&error=<script>alert(1)</script>" ISS, state_text);
	comes_back(cookie, q);
	shows(403, "ended the sign-in with an error");
	comes_back(cookie, "error=access_denied&state=<script>");
	shows(400, "another sign-in");
	/* of another browser's sign-in */
	const char *other = begins("");
	snprintf(q, sizeof q, "code=c0de&state=%s", state_text);
	comes_back(other, q);
	shows(400, "another sign-in");
	assert_int_equal(world.waf.got, 0);

	/* what the WAF itself refuses */
	cookie = begins("");
	world.waf.status = 400;
	world.waf.answer = "{\"error\":\"invalid_grant\"}";
	comes_back(cookie, good_query());
	shows(403, "used before");
	world.waf.answer = "{\"error\":\"unauthorized_client\"}";
	comes_back(cookie, good_query());
	shows(403, "no token");
	world.waf.status = 200;
	comes_back(cookie, good_query());
	shows(502, "no token");
	world.waf.status = 503;
	comes_back(cookie, good_query());
	shows(503, "can't be reached");
	assert_int_equal(rig_metric("imsrig_wwsf_sessions"), 0);
	free(state_text);
}

static int free_target(void **state)
{
	arena_free(&target_arena);
	form_of("");
	return world_close(state);
}

#define T(f) cmocka_unit_test_setup_teardown(f, world_open, free_target)

int main(void)
{
	const struct CMUnitTest tests[] = {T(asserts_a_user), T(maps_refusals),
		T(waits_no_longer_than_it_may), T(stops_while_it_waits), T(stops_while_it_compares),
		T(signs_in_at_the_waf), T(keeps_the_first_token_so_long),
		T(goes_back_where_it_came_from), T(refuses_what_comes_back)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
