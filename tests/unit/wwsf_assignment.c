/* Identities that the WWSF lends: ranges and pools, named and anonymous users, leases and guard
 * time, restart; by tokens of its own and of a WAF.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/crypto/token.h"
#include "common/http/form.h"
#include "tests/unit/wwsf_rig.h"
#include "wwsf/assignment.h"
#include "wwsf/session.h"

#define JSON "Content-Type: application/json\r\n"
#define SELF "token: {issuer: self}\nanonymous: on\nlogin: {per-source: 1000}\n"
#define RANGE                                                                            \
	"identities: range\nrange: {impi: \"web${n}@w.example\", impu: \"sip:web${n}@ims.example.org\", " \
	"digits: 4, first: 7, last: 9}\n"
#define POOL                                                                             \
	"identities: pool\npool: {members: [{impi: p1@w.example, impu: [\"sip:p1@x\", \"sip:p1b@x\"]}, " \
	"{impi: p2@w.example, impu: [\"sip:p2@x\"]}]}\n"

static int anonymous(const char *fields)
{
	char all[1024];
	snprintf(all, sizeof all, "%s" JSON, fields);
	return ask("POST", "/anonymous", all, "{}");
}

static void has(const char *impi)
{
	assert_int_equal(world.web.status, 200);
	assert_string_equal(web_text("impi"), impi);
}

static int64_t number(const char *member)
{
	return json_integer_value(json_object_get(world.web.body, member));
}

/* ---- tokens of our own ---- */

static void lends_a_range(void **state)
{
	char first[64];

	world_start(SELF RANGE);
	assert_int_equal(login("alice", "wonderland"), 200);
	has("web0007@w.example");
	assert_string_equal(json_string_value(json_array_get(json_object_get(world.web.body, "impu"), 0)),
		"sip:web0007@ims.example.org");
	assert_false(json_is_true(json_object_get(world.web.body, "anonymous")));
	anonymous("");
	has("web0008@w.example");
	assert_true(json_is_true(json_object_get(world.web.body, "anonymous")));
	snprintf(first, sizeof first, "%s", web_text("user"));
	assert_memory_equal(first, "anonymous-", 10);
	char *me = strdup(signed_in());
	anonymous("");
	has("web0009@w.example");
	assert_string_not_equal(web_text("user"), first);
	/* who has one keeps it: by name, by session, by asking again in a session */
	login("alice", "wonderland");
	has("web0007@w.example");
	ask("POST", "/token", me, "");
	has("web0008@w.example");
	anonymous(me);
	has("web0008@w.example");
	assert_string_equal(web_text("user"), first);
	login("bob", "wonderland");
	is_error(503, "pool_empty");
	assert_string_equal(world.web.retry, "660");
	anonymous("");
	is_error(503, "pool_empty");
	free(me);
}

static void says_who_in_the_token(void **state)
{
	struct arena a = {0};
	struct token t;
	struct str kid;

	world_start(SELF RANGE);
	anonymous("");
	char *text = strdup(web_text("token"));
	assert_int_equal(token_parse(str_of(text), &a, &t, &kid), TOKEN_GOOD);
	assert_true(str_eq(t.sub, str_of(web_text("user"))));
	assert_int_equal(t.sub.n, sizeof "anonymous-" - 1 + 32);
	assert_true(str_eq(t.impi, STR("web0007@w.example")));
	assert_true(token_has_impu(&t, STR("sip:web0007@ims.example.org")));
	assert_int_equal(t.exp - t.iat, 600);
	free(text);
	arena_free(&a);
}

static void cuts_the_token_to_the_lease(void **state)
{
	world_start(SELF "identities: pool\npool: {members: [{impi: p1@w, impu: [\"sip:p1@x\"]}], "
		"lease: 100s}\n");
	anonymous("");
	has("p1@w");
	assert_int_equal(number("expires_in"), 100);
}

static void lends_again_after_the_guard_time(void **state)
{
	world_start(SELF POOL);
	anonymous("");
	has("p1@w.example");
	char *me = strdup(signed_in());
	world_advance(100000);
	login("alice", "wonderland");
	has("p2@w.example");
	assert_int_equal(json_array_size(json_object_get(world.web.body, "impu")), 1);
	/* signed out: the registration may last as long as the token would have */
	assert_int_equal(ask("POST", "/logout", me, ""), 204);
	anonymous("");
	is_error(503, "pool_empty");
	assert_in_range(atoi(world.web.retry), 555, 560);
	world_advance(559000 - 2000);
	anonymous("");
	is_error(503, "pool_empty");
	world_advance(3000);
	anonymous("");
	has("p1@w.example");
	assert_int_equal(json_array_size(json_object_get(world.web.body, "impu")), 2);
	/* the one that was released first */
	world_advance(700000);
	login("bob", "wonderland");
	has("p2@w.example");
	/* alice comes back to somebody else's: the one that is left is hers */
	login("alice", "wonderland");
	has("p1@w.example");
	anonymous("");
	is_error(503, "pool_empty");
	free(me);
}

static void renews_by_tokens(void **state)
{
	world_start(SELF POOL);
	anonymous("");
	char *me = strdup(signed_in());
	login("alice", "wonderland");
	for (int i = 0; i < 5; i++) { /* longer than lease and guard time together */
		world_advance(300000);
		char again[600];
		snprintf(again, sizeof again, "%s", me);
		ask("POST", "/token", again, "");
		has("p1@w.example");
		login("alice", "wonderland");
		has("p2@w.example");
		login("bob", "wonderland");
		is_error(503, "pool_empty");
	}
	free(me);
}

static void lends_without_end(void **state)
{
	world_start(SELF "identities: pool\npool: {impi: \"u${n}@w\", impu: \"sip:u${n}@x\"}\n");
	for (int i = 1; i <= 20; i++) {
		char want[16];
		snprintf(want, sizeof want, "u%d@w", i);
		anonymous("");
		has(want);
	}
	world_advance(661000); /* those that were lent are lent again before new ones */
	anonymous("");
	has("u1@w");
}

static void refuses_anonymous_users(void **state)
{
	world_start("token: {issuer: self}\n" RANGE);
	anonymous("");
	is_error(401, "sign_in_required");
	assert_int_equal(ask("GET", "/config", "", ""), 200);
	assert_true(json_is_false(json_object_get(world.web.body, "anonymous")));
	login("alice", "wonderland");
	has("web0007@w.example");
}

static void guards_anonymous_users(void **state)
{
	world_start("token: {issuer: self}\nanonymous: on\nlogin: {per-source: 3}\n"
		"identities: pool\npool: {impi: \"u${n}@w\", impu: \"sip:u${n}@x\"}\n");
	anonymous("Origin: https://evil.example\r\n");
	is_error(403, "cross_site");
	anonymous("Sec-Fetch-Site: cross-site\r\n");
	is_error(403, "cross_site");
	ask("POST", "/anonymous", "Content-Type: text/plain\r\n", "{}");
	is_error(415, "unsupported_media_type");
	ask("POST", "/anonymous", JSON, "[]");
	is_error(400, "invalid_request");
	assert_int_equal(ask("GET", "/anonymous", "", ""), 405);
	for (int i = 0; i < 3; i++)
		assert_int_equal(anonymous(""), 200);
	anonymous("");
	is_error(429, "too_many_attempts");
	assert_int_equal(rig_metric("imsrig_wwsf_sessions"), 3);
}

/* ---- restart ---- */

static void restart(const char *extra)
{
	world_stop();
	rig_run(&world.rig, 20);
	world_start(extra);
}

static void remembers_over_a_restart(void **state)
{
	char one[1024], other[1024];
	const char *db = rig_file(&world.rig, "wwsf.db");

	snprintf(one, sizeof one, SELF POOL "database: \"%s\"\n", db);
	snprintf(other, sizeof other, SELF "identities: pool\npool: {members: [{impi: p3@w, impu: "
		"[\"sip:p3@x\"]}, {impi: p2@w.example, impu: [\"sip:p2@x\"]}]}\ndatabase: \"%s\"\n", db);
	world_start(one);
	anonymous("");
	has("p1@w.example");
	restart(one);
	login("alice", "wonderland");
	has("p2@w.example");
	restart(one);
	anonymous("");
	is_error(503, "pool_empty");
	login("alice", "wonderland");
	has("p2@w.example");
	/* another list: what is lent of it stays so, at another place; the rest is not ours */
	restart(other);
	anonymous("");
	has("p3@w");
	anonymous("");
	is_error(503, "pool_empty");
	login("alice", "wonderland");
	has("p2@w.example");
	world_advance(700000);
	anonymous("");
	has("p3@w");
	anonymous("");
	has("p2@w.example");
	/* and back: p1 was forgotten, p2 is lent */
	restart(one);
	anonymous("");
	has("p1@w.example");
	anonymous("");
	is_error(503, "pool_empty");
}

static void adds_to_an_older_database(void **state)
{
	char extra[1024];
	const char *path = rig_file(&world.rig, "wwsf.db");
	sqlite3 *db;

	snprintf(extra, sizeof extra, SELF POOL "database: \"%s\"\n", path);
	world_start(extra);
	world_stop();
	rig_run(&world.rig, 20);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK); /* as version 1 was */
	assert_int_equal(sqlite3_exec(db, "DROP TABLE loan; PRAGMA user_version = 1;"
		"INSERT INTO user VALUES (NULL, 'kept', NULL, 0)", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	world_start(extra);
	anonymous("");
	has("p1@w.example");
	world_stop();
	rig_run(&world.rig, 20);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "INSERT INTO user VALUES (NULL, 'kept', NULL, 0)", NULL, NULL,
		NULL), SQLITE_CONSTRAINT); /* who was there still is */
	sqlite3_close(db);
}

/* ---- tokens of a WAF ---- */

#define GRANT(impi, more)                                                            \
	"{\"access_token\":\"tok.en-1\",\"token_type\":\"Bearer\",\"expires_in\":600," \
	"\"impi\":\"" impi "\",\"impu\":[\"sip:x@x\"]" more "}"

static void start_at_waf(const char *grant, const char *lend)
{
	char extra[2048];
	struct rig *r = &world.rig;
	snprintf(extra, sizeof extra,
		"token: {issuer: waf}\nanonymous: on\nwaf: {url: \"https://waaf.ims.example.org:8444\", "
		"authorize: \"https://waaf.ims.example.org:8445/authorize\", grant: %s, ca: \"%s\", "
		"cert: \"%s\", key: \"%s\", timeout: 5s}\nlogin: {per-source: 1000, failures: 1000}\n%s",
		grant, rig_file(r, "ca.pem"), rig_file(r, "wwsf.pem"), rig_file(r, "wwsf-key.pem"), lend);
	world_start(extra);
	waf_listen();
	world.waf.status = 200;
}

static void form_is(const char *name, const char *value)
{
	struct arena a = {0};
	struct str got = form_param(str_of(world.waf.form), str_of(name), &a);
	if (value ? !str_eq(got, str_of(value)) : got.p != NULL)
		fail_msg("%s is \"" STR_FMT "\"", name, STR_ARG(got));
	arena_free(&a);
}

static void asks_the_waf_for_what_is_lent(void **state)
{
	start_at_waf("client_credentials", POOL);
	world.waf.answer = GRANT("p1@w.example", "");
	login("alice", "wonderland");
	has("p1@w.example");
	form_is("user", "alice");
	form_is("anonymous", NULL);
	form_is("impi", "p1@w.example");
	form_is("impu", "sip:p1@x sip:p1b@x");
	world.waf.answer = GRANT("p2@w.example", "");
	anonymous("");
	has("p2@w.example");
	form_is("user", NULL);
	form_is("anonymous", web_text("user"));
	form_is("impi", "p2@w.example");
	/* a token for somebody else's identity is none */
	char *me = strdup(signed_in());
	world.waf.answer = GRANT("p1@w.example", "");
	ask("POST", "/token", me, "");
	is_error(502, "waf_answer");
	/* the WAF's tokens live longer than the lease: what they are for is kept so long */
	world.waf.answer = "{\"access_token\":\"t\",\"token_type\":\"Bearer\",\"expires_in\":3600,"
		"\"impi\":\"p2@w.example\",\"impu\":[\"sip:x@x\"]}";
	char again[600];
	snprintf(again, sizeof again, "%s", me);
	ask("POST", "/token", again, "");
	has("p2@w.example");
	world_advance(700000);
	world.waf.answer = GRANT("p1@w.example", "");
	anonymous("");
	has("p1@w.example");
	anonymous("");
	is_error(503, "pool_empty");
	free(me);
}

static void gives_back_what_it_got_no_token_for(void **state)
{
	start_at_waf("client_credentials", POOL);
	world.waf.answer = "{\"error\":\"unauthorized_client\"}";
	world.waf.status = 400;
	for (int i = 0; i < 5; i++) {
		anonymous("");
		is_error(502, "waf_refused");
	}
	world.waf.status = 500;
	anonymous("");
	is_error(503, "waf_unreachable");
	world.waf.status = 200;
	world.waf.answer = GRANT("p1@w.example", "");
	login("alice", "wonderland");
	has("p1@w.example");
	/* a user who has a token keeps the identity, whatever comes of the next one */
	world.waf.status = 400;
	login("alice", "wonderland");
	is_error(502, "waf_refused");
	world.waf.status = 200;
	world.waf.answer = GRANT("p2@w.example", "");
	anonymous("");
	has("p2@w.example");
}

static bool waf_asked(void *arg)
{
	return world.waf.got == *(int *)arg;
}

static void on_login(int err, const char *why, const struct http_msg *m, void *arg)
{
	*(int *)arg = m ? m->status : err;
}

/* Two requests of one user at once: the one that is refused takes nothing from the other. */
static void keeps_what_another_request_waits_for(void **state)
{
	int one = 1, status = 0;

	start_at_waf("client_credentials", POOL);
	world.waf.status = 0; /* silent */
	http_send(world.client, "POST", "/login", STR(JSON "Origin: " ORIGIN "\r\n"),
		STR("{\"user\":\"alice\",\"password\":\"wonderland\"}"), on_login, &status);
	rig_until(&world.rig, waf_asked, &one);
	/* while that waits */
	struct arena a = {0};
	struct identity id;
	int64_t retry_s;
	assert_int_equal(assignment_take(wwsf.assignments, STR("alice"), &a, &id, &retry_s), 0);
	assert_true(str_eq(id.impi, STR("p1@w.example")));
	assignment_settle(wwsf.assignments, STR("alice"), 0);
	assert_int_equal(assignment_take(wwsf.assignments, STR("bob"), &a, &id, &retry_s), 0);
	assert_true(str_eq(id.impi, STR("p2@w.example")));
	assert_int_equal(assignment_take(wwsf.assignments, STR("carol"), &a, &id, &retry_s), -ENOSPC);
	arena_free(&a);
}

static void chooses_before_a_code_is_changed(void **state)
{
	char cookie[300], query[400], me[700];

	start_at_waf("authorization_code", POOL);
	world.waf.answer = GRANT("p1@w.example", ",\"refresh_token\":\"ref-1\"");
	assert_int_equal(ask("GET", "/signin", "", ""), 302);
	struct str rest = str_of(world.web.signin), pair = str_cut(&rest, ';');
	snprintf(cookie, sizeof cookie, "Cookie: " STR_FMT "\r\n", STR_ARG(pair));
	const char *state_at = strstr(world.web.location, "state=") + 6;
	snprintf(query, sizeof query, "/callback?code=c0de&iss=https%%3A%%2F%%2Fwaaf.ims.example.org%%3A8445&state=%.32s", state_at);
	assert_int_equal(ask("GET", query, cookie, ""), 303);
	form_is("grant_type", "authorization_code");
	form_is("impi", "p1@w.example");
	form_is("impu", "sip:p1@x sip:p1b@x");
	rest = str_of(world.web.cookie);
	pair = str_cut(&rest, ';');
	snprintf(cookie, sizeof cookie, "Cookie: " STR_FMT "\r\n", STR_ARG(pair));
	assert_int_equal(ask("GET", "/session", cookie, ""), 200);
	snprintf(me, sizeof me, "%sX-CSRF-Token: %s\r\n", cookie, web_text("csrf"));
	assert_int_equal(ask("POST", "/token", me, ""), 200);
	assert_int_equal(ask("POST", "/token", me, ""), 200);
	form_is("grant_type", "refresh_token");
	form_is("impi", "p1@w.example");
	/* anonymous users never see the WAF */
	world.waf.answer = GRANT("p2@w.example", "");
	anonymous("");
	has("p2@w.example");
	form_is("grant_type", "client_credentials");
	/* no identity is left for another code */
	assert_int_equal(ask("GET", "/signin", "", ""), 302);
	rest = str_of(world.web.signin);
	pair = str_cut(&rest, ';');
	snprintf(cookie, sizeof cookie, "Cookie: " STR_FMT "\r\n", STR_ARG(pair));
	state_at = strstr(world.web.location, "state=") + 6;
	snprintf(query, sizeof query, "/callback?code=c0de&iss=https%%3A%%2F%%2Fwaaf.ims.example.org%%3A8445&state=%.32s", state_at);
	int got = world.waf.got;
	assert_int_equal(ask("GET", query, cookie, ""), 503);
	assert_int_equal(world.waf.got, got);
}

/* ---- many ---- */

/* A million members of a range: state for those alone that are or were lent. */
static void lends_from_a_million(void **state)
{
	struct arena a = {0};
	struct identity id;
	int64_t retry_s;
	char holder[32];

	world_start(SELF "identities: range\nrange: {impi: \"web${n}@w\", impu: \"sip:web${n}@x\", "
		"digits: 6, first: 0, last: 999999}\n");
	for (int i = 0; i < 3000; i++) {
		snprintf(holder, sizeof holder, "h%d", i);
		assert_int_equal(
			assignment_take(wwsf.assignments, str_of(holder), &a, &id, &retry_s), 0);
		assignment_settle(wwsf.assignments, str_of(holder), 600000);
	}
	assert_true(str_eq(id.impi, STR("web002999@w")));
	struct assignment_count n = assignment_count(wwsf.assignments);
	assert_int_equal(n.lent, 3000);
	assert_int_equal(n.resting, 0);
	world_advance(630000);
	n = assignment_count(wwsf.assignments);
	assert_int_equal(n.lent, 0);
	assert_int_equal(n.resting, 3000);
	assert_int_equal(assignment_take(wwsf.assignments, STR("new"), &a, &id, &retry_s), 0);
	assert_true(str_eq(id.impi, STR("web003000@w")));
	arena_free(&a);
}

/* ---- configuration ---- */

static void refuses_configurations(void **state)
{
	static const struct { const char *extra, *why; } rows[] = {
		{"identities: range\n", "token.issuer"},
		{SELF "identities: range\n", "${n}"},
		{SELF "identities: range\nrange: {impi: \"a@w\", impu: \"sip:${n}@w\"}\n", "${n}"},
		{SELF "identities: range\nrange: {impi: \"${n}a${n}@w\", impu: \"sip:${n}@w\"}\n", "once"},
		{SELF "identities: range\nrange: {impi: \"${n}@w\", impu: \"sip:${n}@w\", first: 9, last: 8}\n",
			"first"},
		{SELF "identities: range\nrange: {impi: \"${n}@w\", impu: \"sip:${n}@w\", lease: 1s}\n", "lease"},
		{SELF "identities: range\nrange: {members: []}\n", "members"},
		{SELF "identities: pool\npool: {impi: \"${n}@w\", members: [{impi: a, impu: [b]}]}\n", "not both"},
		{SELF "identities: pool\npool: {members: [{impi: a, impu: []}]}\n", "impu"},
		{SELF "identities: pool\npool: {members: [{impi: a, impu: [b]}, {impi: a, impu: [c]}]}\n", "twice"},
		{SELF, "anonymous"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *why = world_refuses(rows[i].extra);
		if (!strstr(why, rows[i].why))
			fail_msg("%s: \"%s\"", rows[i].extra, why);
		rig_run(&world.rig, 5);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, world_open, world_close)

int main(void)
{
	const struct CMUnitTest tests[] = {T(lends_a_range), T(says_who_in_the_token),
		T(cuts_the_token_to_the_lease), T(lends_again_after_the_guard_time), T(renews_by_tokens),
		T(lends_without_end), T(refuses_anonymous_users), T(guards_anonymous_users),
		T(remembers_over_a_restart), T(adds_to_an_older_database),
		T(asks_the_waf_for_what_is_lent), T(gives_back_what_it_got_no_token_for),
		T(keeps_what_another_request_waits_for), T(chooses_before_a_code_is_changed),
		T(lends_from_a_million), T(refuses_configurations)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
