/* W4 of the WAF for a WWSF that lends identities of a pool (TS 33.203 X.4): which it may ask
 * for, for whom, by which grants, for how long.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/waf_rig.h"

#define ME     "client_id=wwsf4.ims.example.org"
#define TRUST  "grant_type=client_credentials&" ME
#define ONE    "&impi=pool1@wwsf4.ims.example.org&impu=sip:pool1@ims.example.org"

static void read_token(struct token *t)
{
	struct str kid, text = arena_str(&lab.arena, str_of(member("access_token")));
	assert_int_equal(token_parse(text, &lab.arena, t, &kid), TOKEN_GOOD);
	assert_int_equal(token_verify(waf.keys, text, kid), TOKEN_GOOD);
}

static void is_text(struct str got, const char *want)
{
	if (!str_eq(got, str_of(want)))
		fail_msg("\"" STR_FMT "\", not \"%s\"", STR_ARG(got), want);
}

static void test_named(void **state)
{
	struct token t;

	lab_open("");
	/* a user of the WWSF's own, and one that the WAF knows: the identities are the pool's */
	is_status(ask_token(WWSF4, TRUST "&user=zaphod" ONE), 200);
	assert_string_equal(member("impi"), "pool1@wwsf4.ims.example.org");
	assert_int_equal(json_integer_value(json_object_get(lab.got.json, "expires_in")), 100);
	read_token(&t);
	is_text(t.sub, "zaphod");
	is_text(t.client_id, "wwsf4.ims.example.org");
	is_text(t.impi, "pool1@wwsf4.ims.example.org");
	assert_int_equal(t.n_impu, 1);
	is_text(t.impu[0], "sip:pool1@ims.example.org");
	assert_int_equal(t.exp - t.iat, 100);
	assert_true(lab_logged("audit: token wwsf=wwsf4.ims.example.org user=zaphod "
			       "impi=pool1@wwsf4.ims.example.org jti="));
	is_status(ask_token(WWSF4, TRUST "&user=alice" ONE "+tel:%2B15550120"), 200);
	read_token(&t);
	assert_int_equal(t.n_impu, 2);
	is_text(t.impu[1], "tel:+15550120");
	is_status(ask_token(WWSF4, TRUST "&user=x&impi=web12@wwsf4.ims.example.org"
					 "&impu=sip:web12@ims.example.org"), 200);
	lab_close();
}

static void test_anonymous(void **state)
{
	struct token t;

	lab_open("");
	is_status(ask_token(WWSF4, TRUST "&anonymous=anonymous-0123" ONE), 200);
	read_token(&t);
	is_text(t.sub, "anonymous-0123");
	assert_true(lab_logged("user=anonymous-0123 impi=pool1@wwsf4.ims.example.org"));
	is_error(ask_token(WWSF4, TRUST "&anonymous=a&user=alice" ONE), 400, "invalid_request");
	is_error(ask_token(WWSF4, TRUST "&anonymous=" ONE), 400, "invalid_request");
	is_error(ask_token(WWSF4, TRUST "&anonymous=a%0Ab" ONE), 400, "invalid_request");
	is_error(ask_token(WWSF4, TRUST "&user=a%0Ab" ONE), 400, "invalid_request");
	is_error(ask_token(WWSF4, TRUST ONE), 400, "invalid_request");
	char form[600];
	snprintf(form, sizeof form, TRUST "&anonymous=%0129d" ONE, 0);
	is_error(ask_token(WWSF4, form), 400, "invalid_request");
	/* a WWSF whose users have identities of their own */
	is_error(ask_token(WWSF, "grant_type=client_credentials&client_id=wwsf.ims.example.org"
				 "&anonymous=a&impi=alice-impi@ims.example.org"),
		400, "invalid_request");
	lab_close();
}

static void test_foreign(void **state)
{
	static const char *const wrong[] = {"", "&impi=pool1@wwsf4.ims.example.org",
		"&impu=sip:pool1@ims.example.org",
		"&impi=alice-impi@ims.example.org&impu=sip:alice@ims.example.org",
		"&impi=alice-impi@ims.example.org&impu=sip:pool1@ims.example.org",
		"&impi=pool1@wwsf4.ims.example.org&impu=sip:alice@ims.example.org",
		"&impi=pool1@wwsf4.ims.example.org&impu=sip:pool1@ims.example.org+sip:alice@ims.example.org",
		"&impi=pool1@wwsf4.ims.example.org&impu=sip:pool1@ims.example.org++sip:pool2@ims.example.org",
		"&impi=POOL1@wwsf4.ims.example.org&impu=sip:pool1@ims.example.org",
		"&impi=pool1@wwsf4.ims.example.org&impu=SIP:pool1@ims.example.org",
		/* just outside of the wildcards, and tricks with their forms */
		"&impi=we12@wwsf4.ims.example.org&impu=sip:web12@ims.example.org",
		"&impi=web12@wwsf.ims.example.org&impu=sip:web12@ims.example.org",
		"&impi=web12@wwsf4.ims.example.org.evil&impu=sip:web12@ims.example.org",
		"&impi=web12@wwsf4.ims.example.org&impu=sip:webx@ims.example.org",
		"&impi=web12@wwsf4.ims.example.org&impu=sip:web1234567@ims.example.org",
		"&impi=web12@wwsf4.ims.example.org&impu=sip:web12@ims.example.org;x=y",
		"&impi=web12@wwsf4.ims.example.org&impu=sip:WEB12@ims.example.org",
		"&impi=web12@wwsf4.ims.example.org&impu=sip:web12@IMS.example.org",
		"&impi=web12@wwsf4.ims.example.org&impu=sips:web12@ims.example.org",
		"&impi=web12@wwsf4.ims.example.org&impu=sip:%2577eb12@ims.example.org",
		"&impi=web1%2532@wwsf4.ims.example.org&impu=sip:web12@ims.example.org",
		"&impi=web12:x@wwsf4.ims.example.org;a=b&impu=sip:web12@ims.example.org",
		"&impi=web!.*!@wwsf4.ims.example.org&impu=sip:web12@ims.example.org",
		"&impi=web12@wwsf4.ims.example.org&impu=sip:web![0-9]{1,6}!@ims.example.org"};

	lab_open("limits: {tokens-per-second: 1000, burst: 1000}\n");
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct str form = arena_fmt(&lab.arena, TRUST "&user=x%s", wrong[i]);
		if (ask_token(WWSF4, form.p)->status != 400)
			fail_msg("%s: %d", wrong[i], lab.got.status);
		is_error(&lab.got, 400, "invalid_request");
	}
	assert_true(lab_logged("user=x impi=- jti=- outcome=pool"));
	assert_int_equal(rig_metric("imsrig_waf_tokens_live"), 0);
	/* another WWSF has no use for this one's */
	is_error(ask_token(WWSF, "grant_type=client_credentials&client_id=wwsf.ims.example.org"
				 "&user=alice" ONE),
		400, "invalid_request");
	lab_close();
}

/* ---- the other grants: the WAF knows the user, the WWSF chooses the identity ---- */

static char *code_for_pool(void)
{
	is_status(ask(WEB, "GET",
			  "/authorize?response_type=code&" ME "&redirect_uri=" CALLBACK4
			  "&code_challenge=" CHALLENGE "&code_challenge_method=S256", NULL),
		200);
	post_form("alice", "wonderland");
	is_status(&lab.got, 303);
	struct str code = location_param("code");
	lab_secret(code);
	return str_dup(code);
}

static const struct reply *change(const char *code, const char *more)
{
	struct str form = arena_fmt(&lab.arena,
		"grant_type=authorization_code&" ME "&code=%s&redirect_uri=" CALLBACK4
		"&code_verifier=" VERIFIER "%s",
		code, more);
	return ask_token(WWSF4, form.p);
}

static void test_code(void **state)
{
	struct token t;

	lab_open("");
	char *code = code_for_pool();
	is_status(change(code, ONE), 200);
	free(code);
	read_token(&t);
	is_text(t.sub, "alice");
	is_text(t.impi, "pool1@wwsf4.ims.example.org");
	struct str form = arena_fmt(&lab.arena, "grant_type=refresh_token&" ME "&refresh_token=%s"
		"&impi=pool2@wwsf4.ims.example.org&impu=sip:pool2@ims.example.org",
		member("refresh_token"));
	is_status(ask_token(WWSF4, form.p), 200);
	read_token(&t);
	is_text(t.sub, "alice");
	is_text(t.impi, "pool2@wwsf4.ims.example.org");
	assert_int_equal(t.exp - t.iat, 100);
	form = arena_fmt(&lab.arena, "grant_type=refresh_token&" ME "&refresh_token=%s",
		member("refresh_token"));
	is_error(ask_token(WWSF4, form.p), 400, "invalid_request");
	code = code_for_pool();
	is_error(change(code, ONE "&anonymous=a"), 400, "invalid_request");
	free(code);
	code = code_for_pool();
	is_error(change(code, ""), 400, "invalid_request");
	free(code);
	lab_close();
}

static void test_blocked(void **state)
{
	lab_open("");
	is_status(ask_token(WWSF4, TRUST "&anonymous=a" ONE), 200);
	char *text = str_dup(str_of(member("access_token")));
	json_decref(admin(waf_run_block, "wwsf4.ims.example.org"));
	is_error(ask_token(WWSF4, TRUST "&anonymous=a" ONE), 400, "unauthorized_client");
	assert_false(is_active(text));
	json_decref(admin(waf_run_unblock, "wwsf4.ims.example.org"));
	is_status(ask_token(WWSF4, TRUST "&anonymous=a" ONE), 200);
	free(text);
	lab_close();
}

/* Tokens of two WWSFs live differently long: each ends in its time, and keeps its key. */
static void test_lives(void **state)
{
	char why[512];

	lab_open("");
	char *longer = new_token();
	is_status(ask_token(WWSF4, TRUST "&user=x" ONE), 200);
	char *shorter = str_dup(str_of(member("access_token")));
	assert_int_equal(waf_live_rotate(why), 0);
	assert_int_equal(token_keys_count(waf.keys), 2);
	assert_int_equal(waf_live_count(NULL), 2);
	assert_int_equal(waf_live_count(waf_wwsf_find(STR("wwsf4.ims.example.org"))), 1);
	lab_advance(99000);
	assert_true(is_active(shorter));
	lab_advance(2000);
	assert_false(is_active(shorter));
	assert_true(is_active(longer));
	assert_int_equal(waf_live_count(NULL), 1);
	assert_int_equal(token_keys_count(waf.keys), 2);
	lab_advance(500000);
	assert_int_equal(waf_live_count(NULL), 0);
	assert_int_equal(token_keys_count(waf.keys), 1);
	free(longer);
	free(shorter);
	lab_close();
}

/* ---- configuration ---- */

static void test_configuration(void **state)
{
	static const struct {
		const char *pool, *why;
	} rows[] = {
		{"{impi: [\"web!(.)\\\\1!@w\"], impu: [\"sip:a@x\"]}", "pool of"},
		{"{impi: [a@x], impu: [\"sip:a!(a{2}){3}{4}!@x\"]}", "pool of"},
		{"{impi: [a@x], impu: []}", "both"},
		{"{impi: [a@x]}", "impu"},
		{"{impi: [a@x], impu: [\"sip:a@x\"], lease: 10ms}", "lease"},
	};
	static const char head[] = "identity: w\nissuer: \"https://w\"\nweb: {listen: \"127.0.0.1\", cert: a, "
		"key: a}\nw4: {listen: \"127.0.0.1\", cert: a, key: a, ca: a}\naudience: a\nkeys: a\n"
		"wwsfs: [{identity: w, grants: [client_credentials], pool: ";
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct waf_conf conf;
		struct arena a = {0};
		char why[512] = "";
		struct str text = arena_fmt(&a, "%s%s}]\n", head, rows[i].pool);
		if (!conf_load_text(text, "test", waf_conf_rows, &conf, &a, why))
			waf_conf_check(&conf, why);
		if (!strstr(why, rows[i].why))
			fail_msg("%s: \"%s\"", rows[i].pool, why);
		arena_free(&a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {LAB_TEST(test_named), LAB_TEST(test_anonymous),
		LAB_TEST(test_foreign), LAB_TEST(test_code), LAB_TEST(test_blocked),
		LAB_TEST(test_lives), cmocka_unit_test(test_configuration)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
