/* Security tokens at the eP-CSCF as it runs: issuers that are asked, what is used twice, and
 * how a registration by token goes on and ends.
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <time.h>
#include <stdio.h>
#include <cmocka.h>

#include "tests/unit/edge_issuer.h"

#define SIGNATURES "imsrig_edge_token_signatures_total"
#define WAITS      "imsrig_edge_issuer_waits"
#define REFUSED(l) "imsrig_edge_refused_total{reason=\"" l "\"}"

/* ---- issuers ---- */

static bool is_held(void *arg)
{
	return issuer.held != NULL;
}

/* A REGISTER waits for what the issuer says, however late; who has gone meanwhile is not
 * missed. */
static void test_wait(void **state)
{
	struct wic a, b, c;
	start_tokens("token", "");
	issuer.hold = true;
	wic_open(&a, "alice", "urn:uuid:1");
	wic_open(&b, "bob", "urn:uuid:2");
	wic_open(&c, "carol", "urn:uuid:3");
	wic_register(&a, bearer(token_for("alice")));
	wic_register(&b, bearer(token_for("bob")));
	wic_register(&c, bearer(token_for("carol")));
	rig_until(&world.rig, is_held, NULL);
	rig_run(&world.rig, 20);
	assert_int_equal(counter(WAITS), 3);
	assert_int_equal(world.core.got, 0);
	wic_close(&b);
	world_advance(1);
	issuer_release();
	rig_until_count(&world.rig, &a.got, 1);
	rig_until_count(&world.rig, &c.got, 1);
	assert_memory_equal(a.last, "SIP/2.0 200", 11);
	assert_memory_equal(c.last, "SIP/2.0 200", 11);
	assert_int_equal(counter(WAITS), 0);
	assert_int_equal(world.core.got, 2);
	assert_int_equal(issuer.revoked, 1); /* for all of them */
	wic_close(&a);
	wic_close(&c);
	tokens_close();
}

/* A reset, or the end, while somebody waits. */
static void test_wait_reset(void **state)
{
	struct wic c;
	start_tokens("token", "");
	issuer.hold = true;
	wic_open(&c, "alice", "urn:uuid:1");
	wic_register(&c, bearer(token_for("alice")));
	rig_until(&world.rig, is_held, NULL);
	json_decref(world_admin("{\"cmd\":\"reset\"}"));
	rig_until_set(&world.rig, &c.closed);
	issuer_release();
	rig_run(&world.rig, 50);
	assert_int_equal(counter(WAITS), 0);
	wic_open(&c, "alice", "urn:uuid:1");
	wic_asks(&c, bearer(token_for("alice")), "SIP/2.0 200");
	assert_int_equal(issuer.revoked, 2); /* a reset forgets what was fetched */
	issuer.hold = true;
	world_advance(21);
	wic_register(&c, bearer(token_for("alice")));
	rig_until(&world.rig, is_held, NULL);
	world_stop(); /* with one that waits */
	tokens_close();
}

/* An issuer that can't be asked makes no token bad; what was fetched holds for a while. */
static void test_away(void **state)
{
	struct wic c;
	start_tokens("token", "");
	issuer_close();
	wic_open(&c, "alice", "urn:uuid:1");
	wic_asks(&c, bearer(token_for("alice")), "SIP/2.0 503");
	assert_non_null(strstr(c.last, "Retry-After: 5\r\n"));
	wic_asks(&c, bearer(token_for("alice")), "SIP/2.0 503");
	assert_int_equal(world.core.got, 0);
	assert_false(c.closed);

	issuer_open("127.38.1.10:8443");
	issuer.status = 500; /* there, but no better */
	world_advance(2);
	wic_asks(&c, bearer(token_for("alice")), "SIP/2.0 503");
	issuer.status = 0;
	issuer.lists = "[]";
	world_advance(2);
	wic_asks(&c, bearer(token_for("alice")), "SIP/2.0 503");
	issuer.lists = "{\"jti\":[1]}";
	world_advance(2);
	wic_asks(&c, bearer(token_for("alice")), "SIP/2.0 503");
	issuer.lists = NULL;
	world_advance(2);
	wic_asks(&c, bearer(token_for("alice")), "SIP/2.0 200");

	issuer_close();
	rig_run(&world.rig, 20);
	wic_asks(&c, bearer(token_for("alice")), "SIP/2.0 200"); /* fresh enough */
	world_advance(21);
	wic_asks(&c, bearer(token_for("alice")), "SIP/2.0 503"); /* no more */
	wic_request(&c, "OPTIONS");
	wic_gets(&c, "SIP/2.0 200"); /* it stays registered */
	wic_close(&c);
	tokens_close();
}

/* New keys are found by their kid, at once; an old one dies when its issuer drops it. */
static void test_rotation(void **state)
{
	const char *old, *older;
	struct token t;
	struct wic c;

	start_tokens("token", "");
	wic_open(&c, "alice", "urn:uuid:1");
	t = claims_of("alice");
	t.exp += 3000;
	older = token_of(&t);
	wic_asks(&c, bearer(older), "SIP/2.0 200");
	token_keys_add(issuer.keys, &world.rig.host.chance);
	old = token_for("alice");
	wic_asks(&c, bearer(old), "SIP/2.0 200");
	assert_int_equal(issuer.jwks, 2);
	token_keys_add(issuer.keys, &world.rig.host.chance);
	wic_asks(&c, bearer(token_for("alice")), "SIP/2.0 401"); /* too soon for another look */
	assert_int_equal(issuer.jwks, 2);
	world_advance(11);
	wic_asks(&c, bearer(token_for("alice")), "SIP/2.0 200");
	assert_int_equal(issuer.jwks, 3);
	wic_asks(&c, bearer(old), "SIP/2.0 200");

	token_keys_trim(issuer.keys, 1);
	world_advance(301); /* keys have an age of their own */
	wic_asks(&c, bearer(older), "SIP/2.0 401");
	wic_close(&c);
	tokens_close();
}

/* By introspection, and from outside the operator's network: the core is told who vouches. */
static void test_introspection(void **state)
{
	struct token t;
	const char *text;
	struct wic c;

	start_tokens("token", "  check-age: 20s\n");
	t = claims_of("alice");
	t.iss = STR(OUTSIDE);
	t.waf = STR("WAF.partner.example.");
	text = token_of(&t);
	wic_open(&c, "alice", "urn:uuid:1");
	wic_asks(&c, bearer(text), "SIP/2.0 200");
	core_is("Authorization.integrity-protected", "auth-done");
	core_is("Authorization.authorization-entity", "waf.partner.example");
	core_is("Authorization.wwsf-entity", WWSF);
	wic_asks(&c, bearer(text), "SIP/2.0 200");
	assert_int_equal(issuer.introspected, 1);
	assert_int_equal(issuer.jwks + issuer.revoked, 0);

	issuer.inactive = true;
	wic_asks(&c, bearer(text), "SIP/2.0 200"); /* its word is young */
	world_advance(21);
	wic_asks(&c, bearer(text), "SIP/2.0 401");
	assert_non_null(strstr(c.last, "error=\"invalid_token\""));
	issuer.inactive = false;
	wic_asks(&c, bearer(text), "SIP/2.0 401"); /* this one, too */
	world_advance(21);
	issuer.status = 503;
	wic_asks(&c, bearer(text), "SIP/2.0 503");
	issuer.status = 0;
	world_advance(2);
	wic_asks(&c, bearer(text), "SIP/2.0 200");

	c.contact = ";expires=0";
	wic_asks(&c, "", "SIP/2.0 200");
	core_is("Authorization.wwsf-entity", WWSF);
	wic_close(&c);
	tokens_close();
}

/* ---- used again ---- */

static void test_replay(void **state)
{
	const char *token;
	struct wic a, b;
	start_tokens("token", "");
	token = token_for("alice");
	wic_open(&a, "alice", "urn:uuid:1");
	wic_asks(&a, bearer(token), "SIP/2.0 200");
	wic_open(&b, "alice", "urn:uuid:2");
	wic_asks(&b, bearer(token), "SIP/2.0 403"); /* somebody else's hands */
	wic_closed(&b, 1008);
	wic_open(&b, "alice", "urn:uuid:2");
	wic_asks(&b, bearer(token_for("alice")), "SIP/2.0 403"); /* a token of its own */
	wic_closed(&b, 1008);
	assert_int_equal(counter(REFUSED("token-replayed")), 1);
	assert_int_equal(counter(REFUSED("bound-elsewhere")), 1);
	int got = world.core.got;

	wic_close(&a); /* the connection is lost, the registration is not */
	wic_open(&b, "alice", "urn:uuid:2");
	wic_asks(&b, bearer(token), "SIP/2.0 403");
	wic_closed(&b, 1008);
	assert_int_equal(world.core.got, got);
	wic_open(&a, "alice", "urn:uuid:1"); /* the same instance comes back */
	wic_asks(&a, bearer(token), "SIP/2.0 200");
	a.contact = ";expires=0";
	wic_asks(&a, "", "SIP/2.0 200");
	wic_close(&a);
	wic_open(&b, "alice", "urn:uuid:2"); /* nothing is left to be taken over */
	wic_asks(&b, bearer(token), "SIP/2.0 200");
	wic_close(&b);
	tokens_close();
}

/* The book of tokens in use is full: what it had to forget is no invitation. */
static void test_replay_forgotten(void **state)
{
	const char *token;
	struct wic a, b, c;
	start_tokens("token", "  remember: 1\n");
	token = token_for("alice");
	wic_open(&a, "alice", "urn:uuid:1");
	wic_asks(&a, bearer(token), "SIP/2.0 200");
	wic_open(&c, "carol", "urn:uuid:3");
	wic_asks(&c, bearer(token_for("carol")), "SIP/2.0 200"); /* takes its place */
	wic_close(&a);
	int got = world.core.got;
	wic_open(&b, "alice", "urn:uuid:2");
	wic_asks(&b, bearer(token), "SIP/2.0 403");
	wic_closed(&b, 1008);
	assert_int_equal(counter(REFUSED("token-replayed")), 1);
	assert_int_equal(world.core.got, got);
	wic_open(&a, "alice", "urn:uuid:1"); /* the same instance comes back */
	wic_asks(&a, bearer(token), "SIP/2.0 200");
	wic_close(&a);
	wic_close(&c);
	tokens_close();
}

/* One jti for two users is no token of either. */
static void test_jti_twice(void **state)
{
	struct token t;
	struct wic a, b;
	start_tokens("token", "");
	wic_open(&a, "alice", "urn:uuid:1");
	t = claims_of("alice");
	struct str jti = t.jti;
	wic_asks(&a, bearer(token_of(&t)), "SIP/2.0 200");
	t = claims_of("bob");
	t.jti = jti;
	wic_open(&b, "bob", "urn:uuid:2");
	wic_asks(&b, bearer(token_of(&t)), "SIP/2.0 403");
	wic_closed(&b, 1008);
	wic_close(&a);
	tokens_close();
}

static void test_refresh(void **state)
{
	const char *token;
	struct wic c;
	start_tokens("token", "");
	token = token_for("alice");
	wic_open(&c, "alice", "urn:uuid:1");
	for (int i = 0; i < 4; i++)
		wic_asks(&c, bearer_of(token, "alice"), "SIP/2.0 200");
	assert_int_equal(counter(SIGNATURES), 2); /* before and after it waited for the keys */
	wic_asks(&c, bearer(token_for("alice")), "SIP/2.0 200"); /* a new one */
	assert_int_equal(counter(SIGNATURES), 3);
	assert_int_equal(counter("imsrig_edge_bindings"), 1);
	int got = world.core.got;
	c.name = "bob"; /* another user's */
	wic_asks(&c, bearer(token_for("bob")), "SIP/2.0 403");
	c.name = "alice";
	assert_int_equal(world.core.got, got);
	world_advance(601);
	wic_asks(&c, bearer(token), "SIP/2.0 401"); /* its time is over, memory or not */
	wic_close(&c);
	tokens_close();
}

/* ---- expiry ---- */

static uint32_t number(const char *field)
{
	uint32_t n = 0;
	if (str_u32(core_field(field), &n))
		fail_msg("%s is no number", field);
	return n;
}

static void is_about_600(const char *field)
{
	uint32_t n = number(field);
	if (n < 570 || n > 600)
		fail_msg("%s is %u", field, n);
}

static void test_expiry(void **state)
{
	const char *token;
	char lines[4000];
	struct wic c;
	start_tokens("token", "");
	token = token_for("alice");
	wic_open(&c, "alice", "urn:uuid:1");
	wic_asks(&c, bearer(token), "SIP/2.0 200"); /* names none */
	is_about_600("Expires");
	core_is("Contact.expires", NULL);

	snprintf(lines, sizeof lines, "%sExpires: 3600\r\n", bearer(token));
	wic_asks(&c, lines, "SIP/2.0 200");
	is_about_600("Expires");
	core_is("Expires[2]", NULL);

	c.contact = ";expires=600000";
	wic_asks(&c, lines, "SIP/2.0 200");
	is_about_600("Expires");
	is_about_600("Contact.expires");
	core_has("Contact", "<sip:k@q7.invalid;transport=ws>;+sip.instance=\"<urn:uuid:1>\"");

	c.contact = ";expires=\"700\";x=y,\r\n <sip:l@q7.invalid;orig;expires=9>;expires=800"
		    ";Expires=900, <sip:m@q7.invalid>;expires=70";
	wic_asks(&c, bearer(token), "SIP/2.0 200");
	core_is("Expires", NULL);
	is_about_600("Contact[1].expires");
	is_about_600("Contact[2].expires");
	core_has("Contact[2]", "<sip:l@q7.invalid;expires=9>");
	core_is("Contact[3].expires", "70");
	assert_true(str_find(world.core.last.bytes, STR("900")) < 0);

	c.contact = ";expires=60";
	snprintf(lines, sizeof lines, "%sExpires: 300\r\n", bearer(token));
	wic_asks(&c, lines, "SIP/2.0 200"); /* as it is */
	core_is("Expires", "300");
	core_is("Contact.expires", "60");

	/* a core that grants more than was asked: the edge knows better */
	c.contact = NULL;
	world.core.grants = ";expires=3600";
	wic_asks(&c, bearer(token), "SIP/2.0 200");
	world_advance(601);
	assert_int_equal(counter("imsrig_edge_bindings"), 0);
	wic_close(&c);
	tokens_close();
}

/* ---- the end of a registration ---- */

static void test_deregister(void **state)
{
	const char *token;
	struct wic c;
	start_tokens("digest, token", "");
	token = token_for("alice");
	wic_open(&c, "alice", "urn:uuid:1");
	wic_asks(&c, bearer(token), "SIP/2.0 200");
	c.contact = ";expires=0";
	wic_asks(&c, "", "SIP/2.0 200"); /* the flow is word enough */
	core_is("Authorization.username", "alice-impi@ims.example.org");
	core_is("Authorization.integrity-protected", "auth-done");
	core_is("Contact.expires", "0");
	core_is("Expires", NULL);
	wic_request(&c, "OPTIONS");
	wic_gets(&c, "SIP/2.0 403");

	c.contact = NULL;
	wic_asks(&c, bearer_of(token, "alice"), "SIP/2.0 200");
	world_advance(570); /* nearly over: too short to register by, not to leave */
	wic_asks(&c, bearer_of(token, "alice"), "SIP/2.0 403 Token ends too soon");
	assert_false(c.closed);
	c.contact = ";expires=0";
	wic_asks(&c, bearer_of(token, "alice"), "SIP/2.0 200");
	core_is("Authorization.integrity-protected", "auth-done");
	assert_int_equal(counter("imsrig_edge_bindings"), 0);

	/* what is not registered here, and who is not */
	token = token_for("alice");
	int64_t now = time(NULL) + world.offset_ms / 1000;
	struct token t = claims_of("alice");
	t.iat = t.nbf = now;
	t.exp = now + 600;
	token = token_of(&t);
	c.contact = NULL;
	wic_asks(&c, bearer(token), "SIP/2.0 200");
	c.contact = ";expires=0";
	int got = world.core.got;
	wic_asks(&c, ASK("bob"), "SIP/2.0 403");
	c.name = "bob";
	wic_asks(&c, "", "SIP/2.0 403");
	assert_int_equal(world.core.got, got);
	c.name = "alice";
	wic_asks(&c, ASK("alice"), "SIP/2.0 200");
	wic_close(&c);
	tokens_close();
}

/* A registration keeps to the way it was authenticated by. */
static void test_scheme(void **state)
{
	struct wic c;
	start_tokens("digest, token", "");
	world.core.status = 0;
	wic_open(&c, "alice", "urn:uuid:1");
	wic_registers(&c, ASK("alice"), ANSWER("alice"));
	wic_asks(&c, bearer(token_for("alice")), "SIP/2.0 403");
	assert_false(c.closed);
	c.contact = ";expires=0";
	wic_asks(&c, bearer(token_for("alice")), "SIP/2.0 403");
	wic_asks(&c, ANSWER("alice"), "SIP/2.0 200");
	c.contact = NULL;

	world.core.status = 200;
	wic_asks(&c, bearer(token_for("alice")), "SIP/2.0 200"); /* nothing was left */
	int got = world.core.got;
	wic_asks(&c, ASK("alice"), "SIP/2.0 403");
	wic_asks(&c, ANSWER("alice"), "SIP/2.0 403");
	wic_asks(&c, "", "SIP/2.0 401"); /* nothing shown: asked for a token */
	assert_non_null(strstr(c.last, "WWW-Authenticate: Bearer "));
	c.contact = ";expires=0";
	wic_asks(&c, ANSWER("alice"), "SIP/2.0 403");
	assert_int_equal(world.core.got, got);
	assert_int_equal(counter(REFUSED("scheme-changed")), 5);
	wic_close(&c);
	tokens_close();
}

/* The core does not believe us: nothing that a WIC could answer. */
static void test_core_challenges(void **state)
{
	struct wic c;
	start_tokens("token", "");
	world.core.status = 401;
	wic_open(&c, "alice", "urn:uuid:1");
	wic_asks(&c, bearer(token_for("alice")), "SIP/2.0 403");
	assert_null(strstr(c.last, "WWW-Authenticate"));
	wic_closed(&c, 1008);
	world.core.status = 403;
	wic_open(&c, "alice", "urn:uuid:1");
	wic_asks(&c, bearer(token_for("alice")), "SIP/2.0 403");
	wic_closed(&c, 1008);
	tokens_close();
}

static void test_complete(void **state)
{
	assert_true(was_refused("issuer-away"));
	assert_true(was_refused("token-inactive"));
	assert_true(was_refused("token-replayed"));
	assert_true(was_refused("not-bound"));
	assert_true(was_refused("core-challenge"));
	assert_true(was_refused("scheme-changed"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wait),
		cmocka_unit_test(test_wait_reset),
		cmocka_unit_test(test_away),
		cmocka_unit_test(test_rotation),
		cmocka_unit_test(test_introspection),
		cmocka_unit_test(test_replay),
		cmocka_unit_test(test_replay_forgotten),
		cmocka_unit_test(test_jti_twice),
		cmocka_unit_test(test_refresh),
		cmocka_unit_test(test_expiry),
		cmocka_unit_test(test_deregister),
		cmocka_unit_test(test_scheme),
		cmocka_unit_test(test_core_challenges),
		cmocka_unit_test(test_complete),
	};
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
