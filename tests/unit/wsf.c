/* The WSF as it runs (TR 23.701 6.2.2.4.2): web users over HTTPS on one side, an I-CSCF played by
 * this test on the other.
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <ctype.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/crypto/digest.h"
#include "common/http/http.h"
#include "common/sip/field.h"
#include "tests/unit/edge_rig.h"

#define REALM "wsf"

static struct {
	struct http_client *client;
	int got, status;
	struct arena arena;
	char head[4096];               /* fields of the last answer, "Name: value\n" */
	char body[4096];
	char cookie[200], handle[80], csrf[40];
	char nonce[200];
	uint32_t nc;
} web;

/* ---- the browser ---- */

static void put(char *out, size_t size, struct str s)
{
	snprintf(out, size, STR_FMT, STR_ARG(s));
}

static void learn(void)
{
	json_t *all = json_loads(web.body, 0, NULL);
	put(web.handle, sizeof web.handle,
		str_of(json_string_value(json_object_get(all, "session"))));
	put(web.csrf, sizeof web.csrf, str_of(json_string_value(json_object_get(all, "csrf"))));
	json_decref(all);
}

static void on_answer(int err, const char *why, const struct http_msg *m, void *arg)
{
	size_t at = 0;
	web.got++;
	web.status = m ? m->status : err;
	*web.head = *web.body = 0;
	if (!m)
		return;
	for (size_t i = 0; i < m->n_fields; i++)
		at += (size_t)snprintf(web.head + at, sizeof web.head - at,
			STR_FMT ": " STR_FMT "\n", STR_ARG(m->fields[i].name),
			STR_ARG(m->fields[i].value));
	put(web.body, sizeof web.body, m->body);
	struct str set = http_field(m, STR("Set-Cookie"));
	if (set.p)
		put(web.cookie, sizeof web.cookie, str_cut(&set, ';'));
	learn();
}

static void hang_up(void)
{
	if (web.client)
		http_client_free(web.client);
	web.client = NULL;
}

static void posts(const char *method, const char *target, const char *fields, const char *body)
{
	struct http_client_conf conf = {.local = rig_addr("127.38.1.101"),
		.remote = rig_addr(EDGE ":8444"),
		.tls = world.client_tls,
		.server_name = "epcscf.ims.example.org",
		.timeout_ms = 120 * 1000};
	if (!web.client)
		web.client = http_client_new(&world.rig.host, &conf);
	http_send(web.client, method, target, str_of(fields), str_of(body), on_answer, NULL);
}

static void asks(const char *method, const char *target, const char *fields, const char *body,
	int status)
{
	int want = web.got + 1;
	posts(method, target, fields, body);
	rig_until_count(&world.rig, &web.got, want);
	if (web.status != status)
		fail_msg("%s %s: %d instead of %d: %s", method, target, web.status, status, web.body);
}

static void has(const char *text)
{
	if (!strstr(web.head, text) && !strstr(web.body, text))
		fail_msg("no \"%s\" in\n%s%s", text, web.head, web.body);
}

#define JSON "Content-Type: application/json\r\n"

static void signs_in(const char *user, const char *password, int status)
{
	char body[200];
	snprintf(body, sizeof body, "{\"user\":\"%s\",\"password\":\"%s\"}", user, password);
	asks("POST", "/register", JSON, body, status);
}

static const char *with_cookie(void)
{
	static char fields[400];
	snprintf(fields, sizeof fields, "Cookie: %s\r\nX-CSRF-Token: %s\r\n", web.cookie, web.csrf);
	return fields;
}

/* A new nonce for the answers that follow. */
static void challenged(void)
{
	asks("POST", "/register", "", "", 401);
	const char *at = strstr(web.head, "nonce=\"");
	assert_non_null(at);
	struct str rest = str_of(at + 7);
	put(web.nonce, sizeof web.nonce, str_cut(&rest, '"'));
	web.nc = 0;
}

struct answer {
	const char *user, *password, *realm, *nonce, *uri, *qop, *nc, *cnonce;
	const char *algorithm;         /* as it stands in the field; NULL: none */
	enum digest_algorithm by;
};

static struct answer right(void)
{
	static char nc[9];
	snprintf(nc, sizeof nc, "%08x", ++web.nc);
	return (struct answer){"alice", "wonderland", REALM, web.nonce, "/register", "auth", nc, "c1",
		"SHA-256", DIGEST_SHA256};
}

static void answers(const struct answer *a, int status)
{
	char ha1[DIGEST_HEX_MAX], response[DIGEST_HEX_MAX], fields[2000], algorithm[40] = "";
	digest_ha1(a->by, str_of(a->user), str_of(a->realm), str_of(a->password), ha1);
	digest_response(a->by, str_of(ha1), STR("POST"), str_of(a->uri), str_of(a->nonce),
		str_of(a->nc), str_of(a->cnonce), str_of(a->qop), response);
	if (a->algorithm)
		snprintf(algorithm, sizeof algorithm, ", algorithm=%s", a->algorithm);
	snprintf(fields, sizeof fields,
		"Authorization: Digest username=\"%s\", realm=\"%s\", nonce=\"%s\", uri=\"%s\"%s, "
		"qop=%s, nc=%s, cnonce=\"%s\", response=\"%s\"\r\n",
		a->user, a->realm, a->nonce, a->uri, algorithm, a->qop, a->nc, a->cnonce, response);
	asks("POST", "/register", fields, "", status);
}

/* ---- the WSF ---- */

static void loudly(char *hex)
{
	for (; *hex; hex++)
		*hex = (char)toupper((unsigned char)*hex);
}

static void put_user(struct buf *b, const char *name, const char *password, bool loud)
{
	char md5[DIGEST_HEX_MAX], sha[DIGEST_HEX_MAX];
	digest_ha1(DIGEST_MD5, str_of(name), STR(REALM), str_of(password), md5);
	digest_ha1(DIGEST_SHA256, str_of(name), STR(REALM), str_of(password), sha);
	if (loud) {                    /* as some tools write them */
		loudly(md5);
		loudly(sha);
	}
	buf_fmt(b,
		"  - {user: %s, ha1: {MD5: %s, SHA-256: %s}, impi: %s-impi@ims.example.org, "
		"impu: [\"sip:%s@ims.example.org\"]}\n",
		name, md5, sha, name, name);
}

static bool bob_alone;                 /* the operator has taken Alice out */

static void configure(struct buf *b, const char *extra)
{
	struct buf section = {0};
	buf_fmt(&section,
		"wsf:\n  listen: \"" EDGE ":8444\"\n  cert: %s\n  key: %s\n  realm: " REALM
		"\n  database: %s\n%s  users:\n",
		rig_file(&world.rig, "epcscf.pem"), rig_file(&world.rig, "epcscf-key.pem"),
		rig_file(&world.rig, "wsf.db"), extra);
	if (!bob_alone)
		put_user(&section, "alice", "wonderland", false);
	put_user(&section, "bob", "builder", true);
	epcscf_config(b, buf_z(&section));
	buf_free(&section);
}

static void start(const char *extra)
{
	struct buf b = {0};
	memset(&web, 0, sizeof web);
	world_open();
	world.auth = "digest, session";
	world.core.status = 200;
	core_open(ICSCF, false);
	configure(&b, extra);
	world_start("epcscf", &b);
}

static void finish(void)
{
	hang_up();
	world_close();
}

static int64_t sessions(void)
{
	json_t *state = world_admin("{\"cmd\":\"state\"}");
	int64_t n = (int64_t)json_array_size(json_object_get(state, "sessions"));
	json_decref(state);
	return n;
}

static void core_gets(int n)
{
	rig_until_count(&world.rig, &world.core.got, n);
}

/* ---- the flow ---- */

static void test_password(void **state)
{
	start("");
	signs_in("alice", "wonderland", 200);
	core_is("From.uri", "sip:alice@ims.example.org");
	core_is("To.uri", "sip:alice@ims.example.org");
	core_is("Authorization.username", "alice-impi@ims.example.org");
	core_is("Authorization.response", "");
	core_is("Authorization.integrity-protected", "auth-done");
	core_is("Authorization[2]", NULL);
	core_is("Expires", "600");
	core_is("Require", "path");
	core_is("CSeq", "1 REGISTER");
	core_has("Contact", "@epcscf.ims.example.org:5060>");
	core_has("Path", "@epcscf.ims.example.org:5060;lr;ob>");
	assert_true(str_find(world.core.last.bytes, STR("wonderland")) < 0);
	has("\"impu\":\"sip:alice@ims.example.org\"");
	has("\"expires\":600");
	has("Cache-Control: no-store");
	assert_int_equal(strlen(web.handle), 64);
	assert_int_equal(strlen(web.csrf), 32);
	assert_false(logged("wonderland"));
	assert_false(logged(web.handle));
	asks("GET", "/session", with_cookie(), "", 200);
	has("\"session\"");
	asks("DELETE", "/session", with_cookie(), "", 204);
	core_is("Expires", "0");
	core_is("CSeq", "2 REGISTER");
	assert_int_equal(sessions(), 0);
	finish();
}

static void test_digest(void **state)
{
	struct answer a;
	start("");
	challenged();
	has("algorithm=SHA-256");
	has("algorithm=MD5");
	a = right();
	answers(&a, 200);
	has("Authentication-Info: qop=auth, rspauth=\"");
	has("nextnonce=\"");
	challenged();
	a = right();
	a.by = DIGEST_MD5;
	a.algorithm = NULL;            /* RFC 7616 3.4: absent is MD5 */
	answers(&a, 200);
	assert_int_equal(sessions(), 2);
	finish();
}

/* A count is good once, for one user, and only upwards. */
static void test_count(void **state)
{
	struct answer a;
	start("  next-nonce: false\n  per-user: 20\n");
	challenged();
	a = right();
	answers(&a, 200);
	answers(&a, 401);
	has("stale=true");
	a.nc = "00000005";
	answers(&a, 200);
	a.nc = "00000004";
	answers(&a, 401);
	has("stale=true");
	a = (struct answer){"bob", "builder", REALM, web.nonce, "/register", "auth", "00000006", "c",
		"SHA-256", DIGEST_SHA256};
	answers(&a, 401);              /* right, but Alice's nonce */
	has("stale=true");
	a.password = "guess";
	answers(&a, 401);
	assert_null(strstr(web.head, "stale=true"));
	has("invalid_credentials");
	finish();
}

static void test_malformed(void **state)
{
	static const struct {
		size_t member;
		const char *text;
		int status;
	} rows[] = {
		{offsetof(struct answer, user), "", 400},
		{offsetof(struct answer, uri), "/session", 400},
		{offsetof(struct answer, uri), "", 400},
		{offsetof(struct answer, qop), "auth-int", 400},
		{offsetof(struct answer, nc), "1", 400},
		{offsetof(struct answer, nc), "0000000g", 400},
		{offsetof(struct answer, nc), "00000000", 400},
		{offsetof(struct answer, cnonce), "", 400},
		{offsetof(struct answer, nonce), "", 400},
		{offsetof(struct answer, realm), "elsewhere", 401},
		{offsetof(struct answer, algorithm), "SHA-512-256", 401},
		{offsetof(struct answer, algorithm), "MD5", 401},
		{offsetof(struct answer, nonce), "AAAA", 401},
	};
	struct answer a;
	start("  login: {failures: 100, per-source: 1000}\n");
	challenged();
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		a = right();
		*(const char **)((char *)&a + rows[i].member) = rows[i].text;
		answers(&a, rows[i].status);
	}
	asks("POST", "/register", "Authorization: Digest\r\n", "", 400);
	asks("POST", "/register", "Authorization: Digest username=\"a\r\n", "", 400);
	asks("POST", "/register",
		"Authorization: Bearer a.b.c\r\nAuthorization: Bearer a.b.c\r\n", "", 400);
	asks("POST", "/register", JSON, "{\"user\":\"alice\"", 400);
	asks("POST", "/register", JSON, "{\"user\":\"al\\u0000ice\",\"password\":\"x\"}", 400);
	asks("POST", "/register", JSON, "{\"user\":\"alice\",\"password\":\"\"}", 400);
	asks("POST", "/register", "Content-Type: text/plain\r\n", "{}", 415);
	asks("GET", "/session", "Cookie: __Host-wsf=x\r\n", "", 401);
	asks("GET", "/session", "Authorization: Bearer x\r\n", "", 401);
	asks("PATCH", "/session", "", "", 405);
	asks("GET", "/register", "", "", 405);
	asks("GET", "/", "", "", 404);
	assert_int_equal(world.core.got, 0);
	finish();
}

/* ---- the network's answers (the table of flow 6.2.2.4.2) ---- */

static void test_statuses(void **state)
{
	static const struct {
		int sip, http;
		const char *word;
	} rows[] = {
		{401, 502, "network_challenged"}, {403, 403, "network_refused"},
		{404, 404, "network_unknown"}, {407, 502, "network_challenged"},
		{408, 504, "network_silent"}, {420, 502, "network_fault"},
		{423, 502, "network_fault"}, {480, 503, "network_unavailable"},
		{500, 502, "network_fault"}, {503, 503, "network_unavailable"},
		{504, 504, "network_silent"}, {600, 503, "network_unavailable"}};
	start("");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		world.core.status = rows[i].sip;
		world.core.fields = "Retry-After: 7\r\n";
		signs_in("alice", "wonderland", rows[i].http);
		has(rows[i].word);
		if (rows[i].http == 503)
			has("Retry-After: 7");
		assert_int_equal(sessions(), 0);
	}
	finish();
}

static void test_silence(void **state)
{
	start("");
	world.core.status = -1;
	int want = web.got + 1;
	posts("POST", "/register", JSON, "{\"user\":\"alice\",\"password\":\"wonderland\"}");
	core_gets(1);
	world_advance(31);
	rig_until_count(&world.rig, &web.got, want);
	assert_int_equal(web.status, 504);
	assert_int_equal(sessions(), 0);
	finish();
}

/* Signing out tells the truth: what the network may have gone on with is no 204. */
static void test_sign_out(void **state)
{
	static const struct {
		int sip, http;
		const char *word;
	} rows[] = {{401, 502, "network_challenged"}, {407, 502, "network_challenged"},
		{500, 502, "network_fault"}, {503, 503, "network_unavailable"},
		{403, 204, ""}, {404, 204, ""}, {481, 204, ""}};
	start("");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		world.core.status = 200;
		signs_in("alice", "wonderland", 200);
		world.core.status = rows[i].sip;
		asks("DELETE", "/session", with_cookie(), "", rows[i].http);
		has(rows[i].word);
		assert_int_equal(sessions(), 0);
	}
	finish();
}

static void is_silent_for(int seconds)
{
	int want = web.got + 1;
	world.core.status = -1;
	posts("DELETE", "/session", with_cookie(), "");
	rig_run(&world.rig, 50);
	world_advance(seconds);
	rig_until_count(&world.rig, &web.got, want);
	assert_int_equal(web.status, 504);
	assert_true(logged("network_silent: the network has not answered in time"));
}

/* ... and waits no longer than any request, also behind a refresh. What still ends counts for
 * nothing. */
static void test_silent_sign_out(void **state)
{
	start("  answer: 500ms\n  per-user: 1\n");
	signs_in("alice", "wonderland", 200);
	is_silent_for(1);
	world.core.status = 200;
	signs_in("alice", "wonderland", 200);
	asks("DELETE", "/session", with_cookie(), "", 204);
	world_advance(60);
	assert_int_equal(sessions(), 0);
	world.core.status = 200;
	signs_in("alice", "wonderland", 200);
	world.core.status = -1;
	int refresh = world.core.got + 1;
	world_advance(300);
	core_gets(refresh);
	is_silent_for(1);
	world_advance(120);
	assert_int_equal(sessions(), 0);
	finish();
}

static void test_hung_up(void **state)
{
	start("");
	world.core.status = -1;
	posts("POST", "/register", JSON, "{\"user\":\"alice\",\"password\":\"wonderland\"}");
	core_gets(1);
	hang_up();
	rig_run(&world.rig, 50);
	core_answers(200);
	core_gets(2);
	core_is("Expires", "0");
	finish();
}

/* ---- as long as it lives ---- */

static void test_refresh(void **state)
{
	start("");
	signs_in("alice", "wonderland", 200);
	world_advance(305);
	core_gets(2);
	core_is("CSeq", "2 REGISTER");
	core_is("Expires", "600");
	world.core.status = 403;
	world_advance(305);
	core_gets(3);
	rig_run(&world.rig, 50);
	assert_int_equal(sessions(), 0);
	asks("GET", "/session", with_cookie(), "", 401);
	finish();
}

static void test_restart(void **state)
{
	struct buf b = {0};
	char call[64];
	start("");
	signs_in("alice", "wonderland", 200);
	snprintf(call, sizeof call, STR_FMT, STR_ARG(core_field("Call-ID")));
	hang_up();
	world_stop();
	assert_int_equal(world.core.got, 1); /* nothing ends by a restart */
	unlink(rig_file(&world.rig, "log"));
	world.offset_ms = 0;
	configure(&b, "");
	world_start("epcscf", &b);
	asks("GET", "/session", with_cookie(), "", 200);
	world_advance(320);
	core_gets(2);
	core_is("CSeq", "2 REGISTER");
	core_is("Call-ID", call);
	char fields[200];
	snprintf(fields, sizeof fields, "Authorization: Bearer %s\r\n", web.handle);
	asks("DELETE", "/session", fields, "", 204);
	core_is("CSeq", "3 REGISTER");
	finish();
}

static void with_sql(const char *sql)
{
	sqlite3 *db;
	assert_int_equal(sqlite3_open(rig_file(&world.rig, "wsf.db"), &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void starts_again(void)
{
	struct buf b = {0};
	hang_up();
	world_stop();
	unlink(rig_file(&world.rig, "log"));
	world.offset_ms = 0;
	configure(&b, "");
	world_start("epcscf", &b);
}

/* The database takes the end of a session only at the second try; the session is over all the
 * same, also behind a restart. */
static void test_not_stored(void **state)
{
	struct buf b = {0};
	start("");
	world_stop();
	unlink(rig_file(&world.rig, "log"));
	with_sql("CREATE TABLE fault (n); INSERT INTO fault VALUES (0);"
		"CREATE TRIGGER spoil BEFORE DELETE ON session BEGIN UPDATE fault SET n = n + 1;"
		" SELECT RAISE(FAIL, 'no room') WHERE (SELECT n FROM fault) = 1; END");
	configure(&b, "");
	world_start("epcscf", &b);
	signs_in("bob", "builder", 200);
	char bob[200], alice[200];
	memcpy(bob, web.cookie, sizeof bob);
	signs_in("alice", "wonderland", 200);
	memcpy(alice, web.cookie, sizeof alice);
	asks("DELETE", "/session", with_cookie(), "", 204);
	assert_true(logged("no room"));
	world_advance(61);
	starts_again();
	memcpy(web.cookie, alice, sizeof alice);
	asks("GET", "/session", with_cookie(), "", 401);
	memcpy(web.cookie, bob, sizeof bob);
	asks("GET", "/session", with_cookie(), "", 200);
	finish();
}

/* A session of a user whom the configuration does not have any more is not taken up again. */
static void test_taken_out(void **state)
{
	start("");
	signs_in("bob", "builder", 200);
	char cookie[200];
	memcpy(cookie, web.cookie, sizeof cookie);
	signs_in("alice", "wonderland", 200);
	bob_alone = true;
	starts_again();
	bob_alone = false;
	core_gets(3);
	core_is("To.uri", "sip:alice@ims.example.org");
	core_is("Expires", "0");
	asks("GET", "/session", with_cookie(), "", 401);
	memcpy(web.cookie, cookie, sizeof cookie);
	asks("GET", "/session", with_cookie(), "", 200);
	finish();
}

/* ---- limits ---- */

static void test_limits(void **state)
{
	start("  per-user: 1\n  sessions: 2\n  login: {failures: 3, per-source: 100}\n");
	signs_in("alice", "wonderland", 200);
	signs_in("alice", "wonderland", 409);
	signs_in("bob", "guess", 401);
	signs_in("bob", "guess", 401);
	signs_in("bob", "guess", 401);
	signs_in("bob", "builder", 429);
	has("Retry-After: ");
	signs_in("nobody", "x", 401);
	finish();
}

/* ---- the WebSocket ---- */

static void test_socket(void **state)
{
	char fields[200];
	struct wic c;
	start("");
	signs_in("alice", "wonderland", 200);
	wic_open(&c, "alice", "urn:uuid:1");
	snprintf(fields, sizeof fields, "Authorization: Bearer %s\r\n", web.handle);
	wic_asks(&c, fields, "SIP/2.0 200");
	assert_int_equal(world.core.got, 1);
	assert_non_null(strstr(c.last, "Service-Route: <sip:orig@scscf;lr>"));
	assert_non_null(strstr(c.last, "P-Associated-URI: <sip:alice@ims.example.org>"));
	assert_non_null(strstr(c.last, ";expires=600"));
	wic_asks(&c, "", "SIP/2.0 200");       /* the connection is the session's now */
	wic_asks(&c, ANSWER("alice"), "SIP/2.0 403");
	asks("DELETE", "/session", fields, "", 204);
	wic_closed(&c, 1000);
	finish();
}

static void test_two_sockets(void **state)
{
	char fields[200];
	struct wic one, two;
	start("");
	signs_in("alice", "wonderland", 200);
	wic_open(&one, "alice", "urn:uuid:1");
	snprintf(fields, sizeof fields, "Authorization: Bearer %s\r\n", web.handle);
	wic_asks(&one, fields, "SIP/2.0 200");
	wic_open(&two, "alice", "urn:uuid:2"); /* of the same session: it takes the place */
	wic_asks(&two, fields, "SIP/2.0 200");
	wic_closed(&one, 1000);
	signs_in("alice", "wonderland", 200);  /* of another one: beside it */
	wic_open(&one, "alice", "urn:uuid:1");
	snprintf(fields, sizeof fields, "Authorization: Bearer %s\r\n", web.handle);
	wic_asks(&one, fields, "SIP/2.0 200");
	rig_run(&world.rig, 50);
	assert_false(two.closed);
	wic_close(&one);
	wic_close(&two);
	finish();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_password),
		cmocka_unit_test(test_digest),
		cmocka_unit_test(test_count),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_statuses),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_sign_out),
		cmocka_unit_test(test_silent_sign_out),
		cmocka_unit_test(test_hung_up),
		cmocka_unit_test(test_refresh),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_not_stored),
		cmocka_unit_test(test_taken_out),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_socket),
		cmocka_unit_test(test_two_sockets),
	};
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
