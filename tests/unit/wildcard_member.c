/* Members of a range (TR 23.701 6.3.2.1.5) at the WAAF as it runs.
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <cmocka.h>

#include "tests/unit/range_rig.h"

#define BLOCKS	    "\"" WEB "\""
#define MEMBERS	    "imsrig_waaf_members"
#define BINDINGS    "imsrig_edge_bindings"
#define REFUSED(l)  "imsrig_edge_refused_total{reason=\"" l "\"}"

static void has(const struct wic *c, const char *line)
{
	if (!strstr(c->last, line))
		fail_msg("no \"%s\" in %s", line, c->last);
}

static int64_t expires_of(const char *name)
{
	json_t *m = member_state(name);
	assert_non_null(m);
	int64_t s = json_integer_value(json_object_get(m, "expires"));
	json_decref(m);
	return s;
}

static void flow_is(const char *name, const char *flow)
{
	json_t *m = member_state(name);
	if (!flow)
		assert_null(m);
	else
		assert_string_equal(json_string_value(json_object_get(m, "flow")), flow);
	json_decref(m);
}

/* Refused for that reason, and the connection closed, when it is 403 (1008). */
static void refused(struct wic *c, const char *fields, const char *status, const char *label)
{
	char name[100];
	snprintf(name, sizeof name, "imsrig_edge_refused_total{reason=\"%s\"}", label);
	int64_t before = counter(name);
	wic_asks(c, fields, status);
	if (counter(name) != before + 1)
		fail_msg("%s: not for the reason %s", status, label);
	if (!strcmp(status, "SIP/2.0 403"))
		wic_closed(c, 1008);
	assert_int_equal(world.core.got, 0);
}

static void tries(const char *name, const struct token *t, const char *status, const char *label)
{
	struct wic c;
	member_open(&c, name);
	refused(&c, bearer(token_of(t)), status, label);
	wic_close(&c);
}

/* ---- by configuration: static mode needs no request of the WWSF ---- */

static void test_register(void **state)
{
	struct wic a, b;
	range_open("static", "", "");
	member_registers(&a, "web1");
	has(&a, "\r\nContact: <sip:k@q7.invalid;transport=ws>;+sip.instance=\"<urn:uuid:");
	has(&a, ">\";reg-id=1;expires=600\r\n");
	has(&a, "\r\nP-Associated-URI: <sip:web1@ims.example.org>\r\n");
	has(&a, "\r\nService-Route: <sip:waaf.ims.example.org:8443;transport=ws;lr>\r\n");
	has(&a, "\r\nRequire: outbound\r\n");
	member_registers(&b, "desk-4");
	assert_int_equal(counter(MEMBERS), 2);
	json_t *m = member_state("web1");
	assert_string_equal(json_string_value(json_object_get(m, "impi")),
		"web1@wwsf.ims.example.org");
	assert_string_equal(json_string_value(json_object_get(m, "sub")), "web1");
	assert_string_equal(json_string_value(json_object_get(m, "wwsf")), WWSF);
	assert_string_equal(json_string_value(json_object_get(m, "flow")), "open");
	json_decref(m);
	json_t *row = state_of(WWSF);
	assert_int_equal(json_integer_value(json_object_get(row, "members")), 2);
	json_decref(row);

	a.contact = ";expires=300";
	wic_asks(&a, bearer(member_token("web1")), "SIP/2.0 200"); /* a refresh */
	has(&a, ";expires=300\r\n");
	assert_int_equal(counter(MEMBERS), 2);
	assert_int_equal(counter("imsrig_waaf_members_registered_total"), 2);
	assert_int_equal(counter("imsrig_waaf_members_refreshed_total"), 1);
	wic_request(&a, "OPTIONS");
	wic_gets(&a, "SIP/2.0 200");

	a.contact = NULL;
	wic_asks(&a, "Expires: 0\r\n", "SIP/2.0 200"); /* no token: the flow suffices */
	assert_null(strstr(a.last, "Contact:"));
	flow_is("web1", NULL);
	assert_int_equal(counter(MEMBERS), 1);
	wic_request(&a, "OPTIONS");
	wic_gets(&a, "SIP/2.0 403");
	wic_asks(&a, bearer(member_token("web1")), "SIP/2.0 200");
	assert_int_equal(world.core.got, 0);
	wic_close(&a);
	wic_close(&b);
	range_close();
}

static void test_token(void **state)
{
	struct wic c;
	struct token t;
	range_open("static", "", "");
	member_open(&c, "web1");
	wic_asks(&c, "", "SIP/2.0 401");
	has(&c, "WWW-Authenticate: Bearer realm=\"ims.example.org\"");
	wic_asks(&c, ASK("web1"), "SIP/2.0 401"); /* there is no digest here */
	wic_asks(&c, ANSWER("web1"), "SIP/2.0 403");
	wic_closed(&c, 1008);

	member_open(&c, "web1");
	t = member_claims("web1");
	t.exp = t.iat - 1;
	wic_asks(&c, bearer(token_of(&t)), "SIP/2.0 401");
	t = member_claims("web1");
	t.exp = t.iat + 200;
	wic_asks(&c, bearer(token_of(&t)), "SIP/2.0 200"); /* no longer than the token */
	assert_true(expires_of("web1") <= 200 && expires_of("web1") > 150);
	wic_close(&c);
	t = member_claims("web2");
	t.impu[0] = STR("sip:web3@ims.example.org");
	tries("web2", &t, "SIP/2.0 403", "token-impu");
	t = member_claims("web2");
	t.sub = STR_NONE;
	tries("web2", &t, "SIP/2.0 403", "token-identity");
	range_close();
}

/* ---- which identities ---- */

static void test_identities(void **state)
{
	static const struct {
		const char *name, *label;
	} rows[] = {
		{"alice", "member-range"},
		{"we1", "member-range"},
		{"WEB1", "member-range"},
		{"xweb1", "member-range"},
		{"net1", "member-range"}, /* the other WWSF's */
		{"web!.*!", "member-wildcard"},
		{"web!1!2", "member-wildcard"},
		{"web%21.*%21", "member-wildcard"},
		{"web%211", "member-wildcard"},
		{"web%401", "member-wildcard"},
		{"webmaster", "member-excluded"},
		{"pilot", "member-range"},
	};
	struct token t;
	struct wic c;
	range_open("static", "", "");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		t = member_claims(rows[i].name);
		t.impi = STR("web1@wwsf.ims.example.org");
		tries(rows[i].name, &t, "SIP/2.0 403", rows[i].label);
	}
	assert_int_equal(counter(MEMBERS), 0);
	t = member_claims("web1");
	t.impi = STR("web1@ims.example.org");
	tries("web1", &t, "SIP/2.0 403", "member-realm");
	t = member_claims("web1");
	t.impi = STR("web1@x@wwsf.ims.example.org");
	tries("web1", &t, "SIP/2.0 403", "member-realm");

	/* escapes of what needs none are no other identity, and one "!" is a character */
	t = member_claims("web1");
	member_open(&c, "%77eb1");
	wic_asks(&c, bearer(token_of(&t)), "SIP/2.0 200");
	has(&c, "P-Associated-URI: <sip:web1@ims.example.org>");
	wic_close(&c);
	member_registers(&c, "web!9");
	wic_close(&c);
	range_close();
}

static struct token other_claims(const char *name)
{
	struct token t = claims_of(name);
	t.iss = STR(OUTSIDE);
	t.client_id = STR(OTHER);
	t.impi = arena_fmt(&issuer.arena, "%s@other.example", name);
	return t;
}

/* A range is its WWSF's: neither the page nor the token of another one opens it. */
static void test_neighbour(void **state)
{
	struct token t;
	struct wic c;
	range_open("static", "", "");
	t = other_claims("net1");
	wic_try(&c, WAAF, "https://other.example", "sip", "/sip");
	c.name = "net1";
	wic_asks(&c, bearer(token_of(&t)), "SIP/2.0 200");
	wic_close(&c);
	t = other_claims("web1");
	wic_try(&c, WAAF, "https://other.example", "sip", "/sip");
	c.name = "web1";
	refused(&c, bearer(token_of(&t)), "SIP/2.0 403", "member-range");
	wic_try(&c, WAAF, "https://other.example", "sip", "/sip");
	c.name = "web1";
	refused(&c, bearer(member_token("web1")), "SIP/2.0 403", "token-origin");
	range_close();
}

/* ---- who holds it ---- */

static void test_taken(void **state)
{
	struct token t;
	struct wic a, b;
	range_open("static", "", "");
	member_registers(&a, "web1");
	t = member_claims("web1");
	t.sub = STR("mallory");
	tries("web1", &t, "SIP/2.0 403", "bound-elsewhere"); /* the same IMPI */
	t.impi = STR("web2@wwsf.ims.example.org");
	tries("web1", &t, "SIP/2.0 403", "member-taken");
	flow_is("web1", "open");
	wic_close(&a);
	rig_run(&world.rig, 20);
	flow_is("web1", "lost");
	tries("web1", &t, "SIP/2.0 403", "member-taken"); /* the binding lives */
	t = member_claims("web1");
	t.sub = STR("mallory");
	tries("web1", &t, "SIP/2.0 403", "member-taken");

	t = member_claims("web1"); /* the same user, by another IMPI */
	t.impi = STR("web2@wwsf.ims.example.org");
	member_open(&b, "web1");
	wic_asks(&b, bearer(token_of(&t)), "SIP/2.0 200");
	assert_int_equal(counter(MEMBERS), 1);
	assert_int_equal(counter(BINDINGS), 1);
	member_open(&a, "web1");
	t = member_claims("web1");
	wic_asks(&a, bearer(token_of(&t)), "SIP/2.0 200");
	wic_closed(&b, 1000);
	assert_int_equal(counter(MEMBERS), 1);
	wic_close(&a);
	range_close();
}

/* The same instance comes back by a new connection. */
static void test_reconnect(void **state)
{
	const char *token;
	struct wic a, b;
	range_open("static", "", "");
	member_open(&a, "web1");
	token = member_token("web1");
	wic_asks(&a, bearer(token), "SIP/2.0 200");
	member_open(&b, "web1");
	b.instance = a.instance;
	b.cseq = a.cseq;
	wic_asks(&b, bearer(token), "SIP/2.0 200");
	wic_closed(&a, 1000);
	flow_is("web1", "open");
	assert_int_equal(counter(MEMBERS), 1);
	wic_close(&b);
	rig_run(&world.rig, 20);
	flow_is("web1", "lost");
	world_advance(610);
	flow_is("web1", NULL);
	assert_int_equal(counter(MEMBERS), 0);
	range_close();
}

/* ---- the request itself ---- */

static void test_order(void **state)
{
	struct wic c;
	range_open("static", "  members: 1\n", "");
	member_open(&c, "web1");
	c.contact = ";expires=59";
	refused(&c, bearer(member_token("web1")), "SIP/2.0 423", "member-brief");
	has(&c, "\r\nMin-Expires: 60\r\n");
	c.contact = ", <sip:x@y.invalid>";
	refused(&c, bearer(member_token("web1")), "SIP/2.0 400", "member-contact");
	c.contact = NULL;
	struct buf gone = {0};
	buf_fmt(&gone, "Expires: 0\r\n%s", bearer(member_token("web1")));
	refused(&c, buf_z(&gone), "SIP/2.0 481", "member-unknown");
	wic_asks(&c, bearer(member_token("web1")), "SIP/2.0 200");
	int cseq = c.cseq;
	c.cseq = cseq - 2;
	refused(&c, bearer(member_token("web1")), "SIP/2.0 500", "member-order");
	c.cseq = cseq;
	wic_asks(&c, bearer(member_token("web1")), "SIP/2.0 200");
	flow_is("web1", "open");
	struct token t = member_claims("web2");
	tries("web2", &t, "SIP/2.0 503", "member-full");
	wic_asks(&c, buf_z(&gone), "SIP/2.0 200");
	flow_is("web1", NULL);
	member_registers(&c, "web2");
	wic_close(&c);
	buf_free(&gone);
	range_close();
}

/* ---- registration mode: the block's registration ---- */

static void test_live(void **state)
{
	struct token t;
	struct wic a, b;
	range_open("registration", "", "");
	t = member_claims("web1");
	tries("web1", &t, "SIP/2.0 403", "member-not-asked");
	w4(W_WWSF, "POST", "/registrations", ask_for(BLOCKS, 300, NULL), 401);
	int sip = world.core.got;
	member_open(&a, "web1");
	wic_asks(&a, bearer(member_token("web1")), "SIP/2.0 480");
	has(&a, "\r\nRetry-After: 30\r\n");
	w4(W_WWSF, "POST", "/registrations", ask_for(BLOCKS, 300, CREDENTIALS("n1")), 200);
	sip++;
	wic_asks(&a, bearer(member_token("web1")), "SIP/2.0 200");
	assert_true(expires_of("web1") <= 300); /* no longer than its block */
	member_open(&b, "desk1"); /* a block that it did not ask for */
	wic_asks(&b, bearer(member_token("desk1")), "SIP/2.0 480");
	wic_close(&b);
	w4_registers(BLOCKS ", \"" DESK "\"", 300);
	sip += 2;
	member_registers(&b, "desk1");
	w4_registers("\"" DESK "\"", 300); /* less than before: web1 goes */
	sip += 2;
	wic_closed(&a, 1000);
	flow_is("web1", NULL);
	world_advance(310); /* what it was granted ends right before its block */
	wic_closed(&b, 1008);
	assert_int_equal(counter(MEMBERS), 0);
	member_open(&b, "desk1");
	wic_asks(&b, bearer(member_token("desk1")), "SIP/2.0 480");
	wic_close(&b);
	assert_int_equal(world.core.got, sip);
	range_close();
}

static void test_withdrawn(void **state)
{
	char id[80];
	struct wic a;
	range_open("registration", "", "");
	snprintf(id, sizeof id, "%s", w4_registers(BLOCKS, 600));
	member_registers(&a, "web1");
	world.core.status = 200;
	w4(W_WWSF, "DELETE", id, NULL, 204);
	wic_closed(&a, 1000);
	assert_int_equal(counter(MEMBERS), 0);
	member_open(&a, "web1");
	wic_asks(&a, bearer(member_token("web1")), "SIP/2.0 480");
	wic_close(&a);
	range_close();
}

/* ---- blocked ---- */

static void test_blocked(void **state)
{
	static const char *const how[] = {"name", "wwsf"};
	struct token t;
	struct wic a, b;
	range_open("static", "", "  check-age: 20s\n");
	for (int i = 0; i < 2; i++) {
		char command[100];
		member_registers(&a, "web1");
		snprintf(command, sizeof command, "{\"cmd\":\"block\",\"%s\":\"" WWSF "\"}", how[i]);
		json_decref(world_admin(command));
		wic_closed(&a, 1008);
		assert_int_equal(counter(MEMBERS), 0);
		t = member_claims("web1");
		tries("web1", &t, "SIP/2.0 403", "token-blocked");
		snprintf(command, sizeof command, "{\"cmd\":\"unblock\",\"%s\":\"" WWSF "\"}",
			how[i]);
		json_decref(world_admin(command));
	}
	member_registers(&a, "web1");
	member_registers(&b, "web2");
	issuer.lists = "{\"blocked\":[\"" WWSF "\"],\"not_before\":{},\"jti\":[]}";
	world_advance(21);
	wic_asks(&b, bearer(member_token("web2")), "SIP/2.0 403"); /* it had to ask again */
	wic_closed(&a, 1008);
	wic_closed(&b, 1008);
	assert_int_equal(counter(MEMBERS), 0);
	range_close();
}

/* ---- restart and reset ---- */

static void test_restart(void **state)
{
	struct token t;
	struct wic a, b;
	range_open("registration", "", "");
	w4_registers(BLOCKS, 3600);
	member_registers(&a, "web1");
	member_registers(&b, "web2");
	wic_asks(&b, "Expires: 0\r\n", "SIP/2.0 200");
	range_restart();
	assert_int_equal(counter(MEMBERS), 1);
	flow_is("web1", "lost");
	flow_is("web2", NULL);
	assert_true(expires_of("web1") > 500);
	t = member_claims("web1");
	t.sub = STR("mallory");
	member_open(&a, "web1");
	wic_asks(&a, bearer(token_of(&t)), "SIP/2.0 403");
	wic_closed(&a, 1008);
	member_registers(&a, "web1");
	flow_is("web1", "open");
	member_registers(&b, "web3");
	wic_close(&a);
	wic_close(&b);

	json_decref(world_admin("{\"cmd\":\"reset\"}"));
	assert_int_equal(counter(MEMBERS), 0);
	assert_int_equal(counter(BINDINGS), 0);
	rig_run(&world.rig, 20);
	range_restart();
	assert_int_equal(counter(MEMBERS), 0);
	range_close();
}

/* What has expired in between, or is out of the configuration, does not come back. */
static void test_restart_late(void **state)
{
	struct wic a;
	range_open("static", "", "");
	member_open(&a, "web1");
	a.contact = ";expires=300";
	wic_asks(&a, bearer(member_token("web1")), "SIP/2.0 200");
	wic_close(&a);
	member_registers(&a, "web2");
	range_restart();
	world_advance(310);
	flow_is("web1", NULL);
	flow_is("web2", "lost");
	range_restart(); /* its clock is where it was at first: web1's row is gone */
	flow_is("web1", NULL);
	world_advance(610);
	assert_int_equal(counter(MEMBERS), 0);
	range_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_register),
		cmocka_unit_test(test_token),
		cmocka_unit_test(test_identities),
		cmocka_unit_test(test_neighbour),
		cmocka_unit_test(test_taken),
		cmocka_unit_test(test_reconnect),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_live),
		cmocka_unit_test(test_withdrawn),
		cmocka_unit_test(test_blocked),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_restart_late),
	};
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
