/* Codes, refresh tokens and the sign-in page of the WAF; and another's OAuth client, curl.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/waf_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define ME "client_id=wwsf.ims.example.org"
#define COUNT(a) (sizeof(a) / sizeof *(a))

static const struct reply *redeem_as(enum who who, const char *client, const char *code,
	const char *redirect_uri, const char *verifier)
{
	struct buf form = {0};
	form_put(&form, STR("grant_type"), STR("authorization_code"));
	form_put(&form, STR("client_id"), str_of(client));
	form_put(&form, STR("code"), str_of(code));
	form_put(&form, STR("redirect_uri"), str_of(redirect_uri));
	form_put(&form, STR("code_verifier"), str_of(verifier));
	const struct reply *r = ask_token(who, buf_z(&form));
	buf_free(&form);
	return r;
}

static const struct reply *redeem(const char *code)
{
	return redeem_as(WWSF, "wwsf.ims.example.org", code, CALLBACK, VERIFIER);
}

static const struct reply *refresh(const char *secret, const char *more)
{
	struct str form = arena_fmt(
		&lab.arena, ME "&grant_type=refresh_token&refresh_token=%s%s", secret, more);
	return ask_token(WWSF, form.p);
}

static char *take(const char *name)
{
	assert_true(*member(name));
	return str_dup(str_of(member(name)));
}

/* ---- codes ---- */

static void test_code(void **state)
{
	lab_open("");
	open_page("&state=a%20b%26%c3%a9&scope=other");
	is_status(&lab.got, 200);
	has_field(&lab.got, "Cache-Control: no-store\n");
	has_field(&lab.got, "X-Frame-Options: DENY\n");
	has_field(&lab.got,
		"Content-Security-Policy: default-src 'none'; style-src 'self'; form-action "
		"'self' https://wwsf.ims.example.org:8443; frame-ancestors 'none'; base-uri "
		"'none'\n");
	assert_null(strstr(buf_z(&lab.got.body), "<script"));
	post_form("alice", "wonderland");
	is_status(&lab.got, 303);
	has_field(&lab.got, "Location: " CALLBACK "?code=");
	has_field(&lab.got, "Cache-Control: no-store\n");
	assert_true(str_eq(location_param("state"), STR("a b&\xc3\xa9")));
	assert_true(str_eq(location_param("iss"), STR("https://waaf.ims.example.org:8445")));
	struct str code = location_param("code");
	lab_secret(code);
	is_status(redeem(code.p), 200);
	assert_string_equal(member("scope"), "other");
	assert_string_equal(member("impi"), "alice-impi@ims.example.org");
	char *token = take("access_token"), *more = take("refresh_token");
	assert_true(is_active(token));
	is_status(refresh(more, ""), 200);
	assert_string_not_equal(member("refresh_token"), more);
	assert_string_not_equal(member("access_token"), token);
	free(more);
	more = take("refresh_token");
	lab_advance(3600 * 1000);
	is_status(refresh(more, "&scope=other"), 200);
	assert_true(lab_logged("audit: authorize wwsf=wwsf.ims.example.org user=alice"));
	free(token);
	free(more);
	lab_close();
}

static void test_code_wrong(void **state)
{
	lab_open("");
	char *code = new_code();
	char *other = strdup(code);
	other[55] = other[55] == '0' ? '1' : '0';
	is_error(redeem(other), 400, "invalid_grant");
	/* Another WWSF, though a good one; then as a refresh token; then without a verifier. */
	is_error(redeem_as(WWSF3, "wwsf.ims.example.org", code, CALLBACK, VERIFIER), 401,
		"invalid_client");
	json_decref(admin(waf_run_unblock, "wwsf3.ims.example.org"));
	is_error(redeem_as(WWSF3, "wwsf3.ims.example.org", code, CALLBACK, VERIFIER), 400,
		"invalid_grant");
	is_error(refresh(code, ""), 400, "invalid_grant");
	is_error(redeem_as(WWSF, "wwsf.ims.example.org", code, CALLBACK, ""), 400,
		"invalid_request");
	is_error(redeem_as(WWSF, "wwsf.ims.example.org", code, "", VERIFIER), 400,
		"invalid_request");
	is_status(redeem(code), 200); /* none of that used it up */
	free(code);
	code = new_code();
	is_error(redeem_as(WWSF, "wwsf.ims.example.org", code, CALLBACK, CHALLENGE), 400,
		"invalid_grant");
	is_error(redeem(code), 400, "invalid_grant"); /* that did */
	free(code);
	code = new_code();
	is_error(redeem_as(WWSF, "wwsf.ims.example.org", code,
			 "https://wwsf.ims.example.org/cb?x=1", VERIFIER),
		400, "invalid_grant");
	is_error(redeem(code), 400, "invalid_grant");
	free(code);
	free(other);
	lab_close();
}

/* RFC 6749 4.1.2: what came of it ends. */
static void test_code_twice(void **state)
{
	lab_open("");
	char *code = new_code();
	is_status(redeem(code), 200);
	char *one = take("access_token"), *more = take("refresh_token");
	is_status(refresh(more, ""), 200);
	char *two = take("access_token");
	lab_advance(300 * 1000); /* beyond the code's own life */
	assert_true(is_active(one));
	assert_true(is_active(two));
	is_error(redeem(code), 400, "invalid_grant");
	assert_false(is_active(one));
	assert_false(is_active(two));
	is_error(refresh(member("refresh_token"), ""), 400, "invalid_request");
	assert_int_equal(rig_metric("imsrig_waf_grants"), 0);
	is_status(ask(EDGE, "GET", "/revoked", NULL), 200);
	assert_int_equal(json_array_size(json_object_get(lab.got.json, "jti")), 2);
	free(code);
	free(one);
	free(two);
	free(more);
	lab_close();
}

static void test_code_life(void **state)
{
	lab_open("code-life: 60s\n");
	char *code = new_code();
	lab_advance(30000);
	is_status(redeem(code), 200);
	free(code);
	code = new_code();
	lab_advance(60000);
	assert_int_equal(rig_metric("imsrig_waf_grants"), 1);
	is_error(redeem(code), 400, "invalid_grant");
	free(code);
	lab_close();
}

static void test_refresh(void **state)
{
	lab_open("refresh-life: 1h\n");
	char *code = new_code();
	is_status(redeem(code), 200);
	char *first = take("refresh_token");
	is_error(refresh(first, "&scope=other"), 400, "invalid_scope");
	is_error(refresh(first, "&impu=sip:carol@ims.example.org"), 400, "invalid_request");
	json_decref(admin(waf_run_unblock, "wwsf3.ims.example.org"));
	struct str form = arena_fmt(&lab.arena,
		"client_id=wwsf3.ims.example.org&grant_type=refresh_token&refresh_token=%s",
		first);
	is_error(ask_token(WWSF3, form.p), 400, "invalid_grant");
	is_status(refresh(first, ""), 200);
	char *second = take("refresh_token"), *token = take("access_token");
	/* The old one again: one of two had a copy, so the grant ends. */
	assert_true(is_active(token));
	is_error(refresh(first, ""), 400, "invalid_grant");
	assert_false(is_active(token));
	is_error(refresh(second, ""), 400, "invalid_grant");
	free(code);
	free(first);
	free(second);
	free(token);

	code = new_code();
	is_status(redeem(code), 200);
	first = take("refresh_token");
	token = take("access_token");
	form = arena_fmt(&lab.arena, ME "&token_type_hint=refresh_token&token=%s", first);
	is_status(ask(WWSF, "POST", "/revoke", form.p), 200);
	assert_false(is_active(token));
	is_error(refresh(first, ""), 400, "invalid_grant");
	free(code);
	free(token);
	free(first);

	code = new_code();
	is_status(redeem(code), 200);
	first = take("refresh_token");
	lab_advance(3600 * 1000);
	is_error(refresh(first, ""), 400, "invalid_grant");
	free(code);
	free(first);
	lab_close();
}

/* ---- the way to the page ---- */

static void test_no_redirect(void **state)
{
	static const char *const targets[] = {"/authorize", "/authorize?" ME,
		"/authorize?" ME "&redirect_uri=https://evil.example/",
		"/authorize?" ME "&redirect_uri=" CALLBACK "/",
		"/authorize?" ME "&redirect_uri=" CALLBACK "&redirect_uri=" CALLBACK,
		"/authorize?" ME "&" ME "&redirect_uri=" CALLBACK,
		"/authorize?" ME "&redirect_uri=https://wwsf3.ims.example.org/cb",
		"/authorize?client_id=nobody&redirect_uri=" CALLBACK,
		"/authorize?" ME "&redirect_uri=" CALLBACK "&state=%zz",
		"/authorize?redirect_uri=" CALLBACK};
	lab_open("");
	for (size_t i = 0; i < COUNT(targets); i++) {
		const struct reply *r = ask(WEB, "GET", targets[i], NULL);
		is_status(r, 400);
		assert_null(strstr(r->fields, "Location"));
		has_field(r, "form-action 'self'; frame-ancestors 'none'");
	}
	is_status(ask(WWSF, "GET", targets[1], NULL), 404); /* not on W4 */
	assert_int_equal(rig_metric("imsrig_waf_sign_ins"), 0);
	lab_close();
}

static void redirects(const char *query, const char *error)
{
	struct str target = arena_fmt(&lab.arena, "/authorize?%s", query);
	const struct reply *r = ask(WEB, "GET", target.p, NULL);
	is_status(r, 302);
	has_field(r, "Cache-Control: no-store\n");
	if (!str_eq(location_param("error"), str_of(error)))
		fail_msg("%s: %s", query, r->fields);
	assert_true(str_eq(location_param("state"), STR("s")));
	assert_true(str_eq(location_param("iss"), STR("https://waaf.ims.example.org:8445")));
	assert_null(location_param("code").p);
}

static void test_redirect(void **state)
{
#define BACK  ME "&state=s&redirect_uri=" CALLBACK
#define PROOF "&code_challenge_method=S256&code_challenge=" CHALLENGE
	lab_open("");
	redirects(BACK PROOF, "invalid_request");
	redirects(BACK PROOF "&response_type=token", "unsupported_response_type");
	redirects(BACK PROOF "&response_type=code&response_type=code", "invalid_request");
	redirects(BACK PROOF "&response_type=code&scope=root", "invalid_scope");
	redirects(BACK "&response_type=code", "invalid_request");
	redirects(BACK "&response_type=code&code_challenge=" CHALLENGE, "invalid_request");
	redirects(BACK "&response_type=code&code_challenge_method=plain&code_challenge="
		CHALLENGE, "invalid_request");
	redirects(BACK "&response_type=code&code_challenge_method=S256&code_challenge=short",
		"invalid_request");
	redirects("client_id=wwsf2.ims.example.org&state=s&redirect_uri="
		  "https://wwsf2.ims.example.org/cb&response_type=code" PROOF,
		"unauthorized_client");
	redirects("client_id=wwsf3.ims.example.org&state=s&redirect_uri="
		  "https://wwsf3.ims.example.org/cb&response_type=code" PROOF,
		"unauthorized_client");
	/* A registered URI with a query of its own keeps it. */
	redirects(ME "&state=s&redirect_uri=https://wwsf.ims.example.org/cb?x=1",
		"invalid_request");
	has_field(&lab.got, "Location: https://wwsf.ims.example.org/cb?x=1&error=");
	char long_state[1100];
	memset(long_state, 'a', sizeof long_state);
	struct str target = arena_fmt(&lab.arena,
		"/authorize?" ME "&redirect_uri=" CALLBACK PROOF "&response_type=code&state=%.*s",
		1025, long_state);
	is_status(ask(WEB, "GET", target.p, NULL), 302);
	assert_true(str_eq(location_param("error"), STR("invalid_request")));
	assert_int_equal(rig_metric("imsrig_waf_sign_ins"), 0);
	lab_close();
}

/* ---- the page ---- */

static void is_denied(const char *error)
{
	is_status(&lab.got, 303);
	assert_true(str_eq(location_param("error"), str_of(error)));
	assert_true(str_eq(location_param("state"), STR("s")));
	assert_null(location_param("code").p);
	assert_int_equal(rig_metric("imsrig_waf_sign_ins"), 0);
}

static void test_sign_in_wrong(void **state)
{
	lab_open("limits: {login-failures: 100}\n");
	lab_secret(STR("wrong-password"));
	open_page("&state=s");
	post_form("alice", "wrong-password");
	is_status(&lab.got, 403);
	assert_non_null(strstr(buf_z(&lab.got.body), "do not fit"));
	struct str first = arena_str(&lab.arena, buf_str(&lab.got.body));
	post_form("mallory", "wonderland");
	is_status(&lab.got, 403);
	/* Nothing tells an unknown user from a wrong password. */
	assert_int_equal(first.n, lab.got.body.n);
	/* Nor how long it takes: it is compared with somebody's. */
	assert_string_equal(waf_user_hash(NULL), waf_user_hash(waf_user_find(STR("alice"))));
	assert_string_equal(waf_user_hash(waf_user_find(STR("carol"))), waf_user_hash(NULL));
	post_form("carol", "wonderland"); /* known, without a password here */
	is_denied("access_denied");
	/* Right at the second attempt. */
	open_page("");
	post_form("alice", "Wonderland");
	post_form("alice", "wonderland");
	is_status(&lab.got, 303);
	assert_int_equal(location_param("code").n, WAF_SECRET_SIZE - 1);
	lab_close();
}

static void test_cancel(void **state)
{
	lab_open("");
	open_page("&state=s");
	struct str form = arena_fmt(&lab.arena, "request=%s&decision=cancel", form_id());
	ask(WEB, "POST", "/authorize", form.p);
	is_denied("access_denied");
	is_status(ask(WEB, "POST", "/authorize", form.p), 400); /* one answer a form */
	assert_null(strstr(lab.got.fields, "Location"));
	lab_close();
}

static void test_form(void **state)
{
	lab_open("sign-in-life: 10min\n");
	open_page("");
	struct str form = arena_fmt(&lab.arena,
		"request=%s&user=alice&password=wonderland", form_id());
	is_status(ask_with(WEB, "POST", "/authorize",
			  "Content-Type: application/x-www-form-urlencoded\r\n"
			  "Origin: https://evil.example\r\n",
			  form.p),
		403);
	is_status(ask_with(WEB, "POST", "/authorize",
			  "Content-Type: application/x-www-form-urlencoded\r\n"
			  "Origin: null\r\n",
			  form.p),
		403);
	is_status(ask_with(WEB, "POST", "/authorize",
			  "Content-Type: application/x-www-form-urlencoded\r\n"
			  "Sec-Fetch-Site: cross-site\r\n",
			  form.p),
		403);
	is_status(ask_with(WEB, "POST", "/authorize", "Content-Type: text/plain\r\n", form.p),
		400);
	is_status(ask(WEB, "POST", "/authorize", "request=0&user=alice"), 400);
	is_status(ask(WEB, "POST", "/authorize", "request=0&request=1"), 400);
	struct str odd = arena_fmt(&lab.arena, STR_FMT "&decision=maybe", STR_ARG(form));
	is_status(ask(WEB, "POST", "/authorize", odd.p), 400);
	assert_int_equal(rig_metric("imsrig_waf_sign_ins"), 1);
	is_status(ask_with(WEB, "POST", "/authorize",
			  "Content-Type: application/x-www-form-urlencoded\r\n"
			  "Origin: https://waaf.ims.example.org:8445\r\n"
			  "Sec-Fetch-Site: same-origin\r\n",
			  form.p),
		303);
	assert_int_equal(location_param("code").n, WAF_SECRET_SIZE - 1);
	is_status(ask(WEB, "POST", "/authorize", form.p), 400);
	/* A form that nobody answers ends. */
	open_page("");
	form = arena_fmt(
		&lab.arena, "request=%s&user=alice&password=wonderland", form_id());
	lab_advance(10 * 60 * 1000);
	assert_int_equal(rig_metric("imsrig_waf_sign_ins"), 0);
	is_status(ask(WEB, "POST", "/authorize", form.p), 400);
	lab_close();
}

static void throttled(const char *user)
{
	for (int i = 0; i < 5; i++) {
		if (i % 2 == 0)
			open_page("");
		post_form(user, "no");
		is_status(&lab.got, 403);
	}
	post_form(user, "wonderland");
	is_status(&lab.got, 429);
	has_field(&lab.got, "Retry-After: ");
}

static void test_throttle(void **state)
{
	lab_open("limits: {login-failures: 5, login-window: 5min}\n");
	throttled("alice");
	throttled("mallory"); /* nobody, and treated alike */
	/* Attempts with one name tell nothing of another: no two share a counter. */
	throttled("zz807");
	open_page("");
	post_form("nosuchuser", "no");
	is_status(&lab.got, 403);
	lab_advance(5 * 60 * 1000);
	open_page("");
	post_form("alice", "wonderland");
	is_status(&lab.got, 303);
	lab_close();
}

/* One password for many names. */
static void test_throttle_source(void **state)
{
	char name[32];
	lab_open("limits: {login-per-source: 3, login-source-window: 1min}\n");
	for (int i = 0; i < 4; i++) {
		snprintf(name, sizeof name, "somebody-%d", i);
		open_page("");
		post_form(i == 2 ? "alice" : name, i == 2 ? "wonderland" : "no");
		is_status(&lab.got, i == 2 ? 303 : i < 3 ? 403 : 429);
	}
	has_field(&lab.got, "Retry-After: ");
	lab_advance(60 * 1000);
	open_page("");
	post_form("somebody-3", "no");
	is_status(&lab.got, 403);
	open_page("");
	post_form("", "");
	is_status(&lab.got, 403);
	lab_close();
}

static void test_bounds(void **state)
{
	lab_open("limits: {sign-ins: 1, grants: 1}\n");
	open_page("&state=s");
	post_form("alice", "wonderland");
	is_status(&lab.got, 303);
	open_page("&state=s");
	struct str form = arena_fmt(
		&lab.arena, "request=%s&user=alice&password=wonderland", form_id());
	open_page("&state=s"); /* the one before ends */
	is_status(ask(WEB, "POST", "/authorize", form.p), 400);
	assert_int_equal(rig_metric("imsrig_waf_sign_ins"), 1);
	open_page("&state=s");
	post_form("alice", "wonderland");
	is_denied("temporarily_unavailable"); /* a code is out already */
	lab_close();
}

/* Blocked between page and password. */
static void test_blocked_meanwhile(void **state)
{
	lab_open("");
	char *code = new_code();
	open_page("&state=s");
	struct str form = arena_fmt(
		&lab.arena, "request=%s&user=alice&password=wonderland", form_id());
	json_decref(admin(waf_run_block, "wwsf.ims.example.org"));
	is_error(redeem(code), 400, "unauthorized_client");
	ask(WEB, "POST", "/authorize", form.p);
	is_denied("unauthorized_client");
	free(code);
	lab_close();
}

/* ---- another's client ---- */

static pid_t curl_pid;

static bool curl_ended(void *arg)
{
	return waitpid(curl_pid, arg, WNOHANG) == curl_pid;
}

/* Runs a shell line in the lab's directory while the loop serves it; its output. */
static int shell(const char *line, struct buf *out)
{
	char chunk[4096];
	int status = 0;
	size_t n;

	if (!(curl_pid = fork())) {
		if (chdir(lab.rig.dir))
			_exit(126);
		execl("/bin/sh", "sh", "-c", line, (char *)NULL);
		_exit(127);
	}
	rig_until(&lab.rig, curl_ended, &status);
	FILE *f = fopen(rig_file(&lab.rig, "out"), "r");
	while (f && (n = fread(chunk, 1, sizeof chunk, f)) > 0)
		buf_put(out, chunk, n);
	if (f)
		fclose(f);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define CURL(port, more)                                                                   \
	"curl --silent --show-error --cacert ca.pem --resolve waaf.ims.example.org:" port      \
	":" HOST " " more " --output out 2>err"
#define CERT "--cert wwsf.pem --key wwsf-key.pem "

static void test_curl(void **state)
{
	struct buf out = {0};

	if (system("command -v curl >/dev/null 2>&1")) {
		print_message("skipped: there is no curl here\n");
		skip();
	}
	lab_open("");
	assert_int_equal(
		shell(CURL("8444",
			      CERT "https://waaf.ims.example.org:8444/token --data "
				   "grant_type=client_credentials --data " ME
				   " --data user=alice"),
			&out),
		0);
	json_t *body = json_loads(buf_z(&out), 0, NULL);
	const char *token = json_string_value(json_object_get(body, "access_token"));
	assert_non_null(token);
	lab_secret(str_of(token));
	assert_true(is_active(token));
	json_decref(body);
	/* HTTP Basic is not how clients prove themselves here; and no certificate, no TLS. */
	buf_free(&out);
	assert_int_equal(shell(CURL("8444", "https://waaf.ims.example.org:8444/jwks"), &out) == 0,
		0);
	char *code = new_code();
	struct str line = arena_fmt(&lab.arena,
		CURL("8444",
			CERT "https://waaf.ims.example.org:8444/token --data "
			     "grant_type=authorization_code --data " ME
			     " --data code=%s --data-urlencode redirect_uri=" CALLBACK
			     " --data code_verifier=" VERIFIER),
		code);
	buf_free(&out);
	assert_int_equal(shell(line.p, &out), 0);
	assert_non_null(strstr(buf_z(&out), "refresh_token"));
	free(code);
	buf_free(&out);
	lab_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST(test_code),
		LAB_TEST(test_code_wrong),
		LAB_TEST(test_code_twice),
		LAB_TEST(test_code_life),
		LAB_TEST(test_refresh),
		LAB_TEST(test_no_redirect),
		LAB_TEST(test_redirect),
		LAB_TEST(test_sign_in_wrong),
		LAB_TEST(test_cancel),
		LAB_TEST(test_form),
		LAB_TEST(test_throttle),
		LAB_TEST(test_throttle_source),
		LAB_TEST(test_bounds),
		LAB_TEST(test_blocked_meanwhile),
		LAB_TEST(test_curl),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
