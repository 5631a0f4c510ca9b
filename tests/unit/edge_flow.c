/* The eP-CSCF as it runs: WICs over secure WebSockets on one side, an I-CSCF played by
 * this test on the other.
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <stdio.h>
#include <cmocka.h>

#include "tests/unit/edge_rig.h"

/* ---- the flow of TS 23.228 U.2.1.2 at the eP-CSCF ---- */

static void test_digest(void **state)
{
	struct wic c;
	start_epcscf("");
	wic_open(&c, "alice", "urn:uuid:1");
	wic_register(&c, ASK("alice"));
	wic_gets(&c, "SIP/2.0 401");
	assert_non_null(strstr(c.last, "nonce=\"n1\""));
	assert_null(strstr(c.last, "ik="));
	core_is("Request-URI", "sip:ims.example.org");
	core_is("Authorization.integrity-protected", NULL);
	core_is("Require", "path");
	core_has("Path", "@epcscf.ims.example.org:5060;lr;ob>");
	core_has("P-Visited-Network-ID", "ims.example.org");
	core_has("P-Charging-Vector", "orig-ioi=\"Type 1ims.example.org\"");
	core_is("P-Access-Network-Info", NULL);
	core_is("Max-Forwards", "69");

	wic_register(&c, ANSWER("alice"));
	wic_gets(&c, "SIP/2.0 200");
	assert_null(strstr(c.last, "P-Charging"));
	assert_non_null(strstr(c.last, "Service-Route"));
	core_is("Authorization.integrity-protected", "tls-pending");

	wic_register(&c, ANSWER("alice"));
	wic_gets(&c, "SIP/2.0 200");
	core_is("Authorization.integrity-protected", "tls-yes");

	wic_request(&c, "OPTIONS");
	wic_gets(&c, "SIP/2.0 200");
	wic_request(&c, "INVITE");
	wic_gets(&c, "SIP/2.0 405");
	wic_request(&c, "DANCE");
	wic_gets(&c, "SIP/2.0 501");
	wic_request(&c, "ACK"); /* nothing answers it */
	wic_request(&c, "OPTIONS");
	wic_gets(&c, "SIP/2.0 200");
	assert_int_equal(world.core.got, 3);
	wic_close(&c);
	world_close();
}

static void test_no_authorization(void **state)
{
	struct wic c;
	start_epcscf("");
	wic_open(&c, "dave", "urn:uuid:1");
	wic_register(&c,
		"P-Access-Network-Info: IEEE-802.11;network-provided\r\nRoute: <sip:" EDGE
		":8443;transport=ws;lr>\r\n");
	wic_gets(&c, "SIP/2.0 401");
	core_has("P-Access-Network-Info", "IEEE-802.3;network-provided");
	core_is("P-Access-Network-Info[2]", NULL);
	core_is("Route", NULL);
	wic_close(&c);
	world_close();
}

static void test_forged(void **state)
{
	struct wic c;
	start_epcscf("");
	wic_open(&c, "alice", "urn:uuid:1");
	wic_register(&c, "Authorization: Digest username=\"alice-impi@ims.example.org\", "
			 "realm=\"ims.example.org\", uri=\"sip:ims.example.org\", "
			 "nonce=\"\", response=\"\", "
			 "integrity-protected=\"auth-done\", "
			 "authorization-entity=\"waf.example\"\r\n"
			 "Authorization: Bearer abc\r\nPath: <sip:evil.example;lr>\r\n"
			 "P-Asserted-Identity: <sip:bob@ims.example.org>\r\n");
	wic_gets(&c, "SIP/2.0 401");
	core_is("Authorization.integrity-protected", NULL);
	core_is("Authorization.authorization-entity", NULL);
	core_is("Authorization[2]", NULL);
	core_is("P-Asserted-Identity", NULL);
	core_is("Path[2]", NULL);
	assert_true(str_find(world.core.last.bytes, STR("Bearer")) < 0);
	wic_close(&c);
	world_close();
}

/* ---- web credentials (TR 33.871) ---- */

#define WEB(more)                                                                          \
	"Authorization: Digest username=\"alice@web.example\", realm=\"ims.example.org\", "  \
	"uri=\"sip:ims.example.org\", nonce=\"\", response=\"\"" more "\r\n"
#define WEB_ANSWER(more)                                                                   \
	"Authorization: Digest username=\"alice@web.example\", realm=\"ims.example.org\", "  \
	"uri=\"sip:ims.example.org\", nonce=\"n1\", nc=00000001, qop=auth, cnonce=\"c\", "  \
	"response=\"00112233445566778899aabbccddeeff\"" more "\r\n"

static void start_direct(const char *auth)
{
	struct buf b = {0};
	world_open();
	world.auth = auth;
	core_open(ICSCF, false);
	epcscf_config(&b, "limits: {registers-per-10s: 100}\n");
	world_start("epcscf", &b);
}

static void test_direct(void **state)
{
	static const char *const malformed[] = {WEB(", wwsf-entity=\"\""),
		WEB(", wwsf-entity=\"a b\""), WEB(", wwsf-entity=\"w\\\"x\""), WEB(", wwsf-entity=\"sip:w\""),
		WEB(", wwsf-entity=wwsf.ims.example.org, wwsf-entity=wwsf.ims.example.org"),
		WEB(", wwsf-entity=")};
	struct wic c;
	start_direct("direct");
	wic_open(&c, "alice", "urn:uuid:1");
	for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++)
		wic_asks(&c, malformed[i], "SIP/2.0 400");
	assert_int_equal(world.core.got, 0);
	wic_asks(&c, WEB(", wwsf-entity=WWSF.ims.example.org., authorization-entity=waf, integrity-protected=auth-done"),
		"SIP/2.0 401");
	core_is("Authorization.wwsf-entity", "wwsf.ims.example.org");
	core_is("Authorization.authorization-entity", NULL);
	core_is("Authorization.integrity-protected", NULL);
	wic_asks(&c, WEB_ANSWER(", wwsf-entity=\"wwsf.ims.example.org\""), "SIP/2.0 200");
	core_is("Authorization.wwsf-entity", "wwsf.ims.example.org");
	core_is("Authorization.integrity-protected", "tls-pending");
	wic_asks(&c, WEB_ANSWER(", wwsf-entity=\"wwsf.ims.example.org\""), "SIP/2.0 200");
	core_is("Authorization.integrity-protected", "tls-yes");
	assert_int_equal(world.core.got, 3);
	/* what is registered stays */
	wic_asks(&c, WEB(""), "SIP/2.0 403");
	wic_asks(&c, WEB(", wwsf-entity=other.example"), "SIP/2.0 403");
	wic_request(&c, "OPTIONS");
	wic_gets(&c, "SIP/2.0 200");
	assert_int_equal(world.core.got, 3);
	wic_close(&c);
	static const char *const others[] = {"", WEB(""), WEB(", wwsf-entity=other.example"),
		"Authorization: Bearer abc\r\n"};
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		wic_open(&c, "alice", "urn:uuid:1");
		wic_asks(&c, others[i], "SIP/2.0 403");
		wic_closed(&c, 1008);
	}
	assert_int_equal(world.core.got, 3);
	world_close();
}

/* Where IMS credentials may be used as well, naming a WWSF says which it is; who registered with
 * web credentials goes on with them. */
static void test_direct_beside_digest(void **state)
{
	struct wic c;
	start_direct("digest, direct");
	wic_open(&c, "alice", "urn:uuid:1");
	wic_asks(&c, ASK("alice"), "SIP/2.0 401");
	core_is("Authorization.wwsf-entity", NULL);
	wic_close(&c);
	wic_open(&c, "alice", "urn:uuid:1");
	wic_asks(&c, WEB(", wwsf-entity=other.example"), "SIP/2.0 403");
	wic_closed(&c, 1008);
	wic_open(&c, "alice", "urn:uuid:1");
	wic_asks(&c, WEB_ANSWER(", wwsf-entity=wwsf.ims.example.org"), "SIP/2.0 200");
	core_is("Authorization.wwsf-entity", "wwsf.ims.example.org");
	int got = world.core.got;
	wic_asks(&c, WEB_ANSWER(""), "SIP/2.0 403");
	assert_int_equal(world.core.got, got);
	wic_close(&c);
	world_close();
}

/* ---- refusals ---- */

static void handshake(
	const char *origin, const char *subprotocol, const char *path, int status)
{
	struct wic c;
	wic_try(&c, EDGE, origin, subprotocol, path);
	assert_int_equal(c.http_status, status);
	assert_null(c.ws);
}

static void test_handshake(void **state)
{
	start_epcscf("");
	handshake("https://evil.example", "sip", "/sip", 403);
	handshake(NULL, "sip", "/sip", 403);
	handshake("null", "sip", "/sip", 403);
	handshake(ORIGIN ".evil.example", "sip", "/sip", 403);
	handshake("https://wwsf.ims.example.org", "sip", "/sip", 403);
	handshake("http://wwsf.ims.example.org:8443", "sip", "/sip", 403);
	handshake(ORIGIN, NULL, "/sip", 400);
	handshake(ORIGIN, "xmpp", "/sip", 400);
	handshake(ORIGIN, "sip", "/other", 404);
	assert_true(logged("Origin https://evil.example is not listed"));
	world_close();
}

static void test_refused_register(void **state)
{
	static const struct {
		const char *fields, *answer;
		bool closes;
	} rows[] = {
		{"Authorization: Bearer abc\r\n", "SIP/2.0 403", true},
		{"Authorization: Bearer abc\r\nAuthorization: Bearer abd\r\n",
			"SIP/2.0 400", false},
		{ANSWER("alice") "Authorization: Bearer abc\r\n", "SIP/2.0 400", false},
		{ASK("alice") ASK("alice"), "SIP/2.0 400", false},
		{ASK("alice") "Route: <sip:scscf.ims.example.org;lr>\r\n", "SIP/2.0 400",
			false},
		{ASK("alice") "Proxy-Require: sec-agree\r\n", "SIP/2.0 420", false},
		{"Authorization: Digest username\r\n", "SIP/2.0 400", false},
	};
	start_epcscf("");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct wic c;
		wic_open(&c, "alice", "urn:uuid:1");
		wic_register(&c, rows[i].fields);
		wic_gets(&c, rows[i].answer);
		if (rows[i].closes)
			wic_closed(&c, 1008);
		else
			wic_close(&c);
	}
	assert_int_equal(world.core.got, 0);
	world_close();
}

static void test_refused_identities(void **state)
{
	struct wic c;
	start_epcscf("");
	wic_open(&c, "alice", "urn:uuid:1");
	wic_send(&c, "REGISTER sip:ims.example.org SIP/2.0\r\nVia: SIP/2.0/WSS "
		     "q.invalid;branch=z9hG4bKx1\r\n"
		     "From: <sip:bob@ims.example.org>;tag=1\r\nTo: "
		     "<sip:alice@ims.example.org>\r\nCall-ID: x\r\n"
		     "CSeq: 1 REGISTER\r\nContact: <sip:k@q.invalid>\r\nContent-Length: "
		     "0\r\n\r\n");
	wic_gets(&c, "SIP/2.0 400");
	wic_send(&c, "REGISTER sip:alice@ims.example.org SIP/2.0\r\nVia: SIP/2.0/WSS "
		     "q.invalid;branch=z9hG4bKx2\r\n"
		     "From: <sip:alice@ims.example.org>;tag=1\r\nTo: "
		     "<sip:alice@ims.example.org>\r\nCall-ID: x\r\n"
		     "CSeq: 2 REGISTER\r\nContact: <sip:k@q.invalid>\r\nContent-Length: "
		     "0\r\n\r\n");
	wic_gets(&c, "SIP/2.0 400");
	wic_send(&c, "REGISTER sip:ims.example.org SIP/2.0\r\nVia: SIP/2.0/WSS "
		     "q.invalid;branch=z9hG4bKx3\r\n"
		     "From: <sip:alice@ims.example.org>;tag=1\r\nTo: "
		     "<sip:alice@ims.example.org>\r\nCall-ID: x\r\n"
		     "CSeq: 3 REGISTER\r\nContent-Length: 0\r\n\r\n");
	wic_gets(&c, "SIP/2.0 400");
	wic_request(&c, "OPTIONS"); /* nothing is registered here */
	wic_gets(&c, "SIP/2.0 403");
	wic_request(&c, "INVITE");
	wic_gets(&c, "SIP/2.0 403");
	wic_send(&c, "REGISTER sip:other.example SIP/2.0\r\nVia: SIP/2.0/WSS "
		     "q.invalid;branch=z9hG4bKx4\r\n"
		     "From: <sip:alice@ims.example.org>;tag=1\r\nTo: "
		     "<sip:alice@ims.example.org>\r\nCall-ID: x\r\n"
		     "CSeq: 4 REGISTER\r\nContact: <sip:k@q.invalid>\r\nContent-Length: "
		     "0\r\n\r\n");
	wic_gets(&c, "SIP/2.0 403");
	wic_closed(&c, 1008);
	assert_int_equal(world.core.got, 0);

	wic_try(&c, EDGE, "https://other.example", "sip", "/sip");
	assert_int_equal(c.http_status, 101);
	wic_register(&c, ASK("alice")); /* a page whose WICs may not use digest */
	wic_gets(&c, "SIP/2.0 403");
	wic_closed(&c, 1008);
	assert_int_equal(world.core.got, 0);
	world_close();
}

static void test_binding(void **state)
{
	struct wic a, b, c;
	start_epcscf("");
	wic_open(&a, "alice", "urn:uuid:1");
	wic_register(&a, ASK("alice"));
	wic_gets(&a, "SIP/2.0 401");
	wic_open(&b, "alice", "urn:uuid:2"); /* challenged elsewhere */
	wic_register(&b, ANSWER("alice"));
	wic_gets(&b, "SIP/2.0 403");
	wic_closed(&b, 1008);
	wic_register(&a, ANSWER("alice"));
	wic_gets(&a, "SIP/2.0 200");

	wic_open(&b, "alice", "urn:uuid:2"); /* bound elsewhere */
	wic_register(&b, ASK("alice"));
	wic_gets(&b, "SIP/2.0 403");
	wic_closed(&b, 1008);
	wic_register(
		&a, ASK("bob")); /* a second IMPI on a bound flow: refused, not closed */
	wic_gets(&a, "SIP/2.0 403");
	wic_request(&a, "OPTIONS");
	wic_gets(&a, "SIP/2.0 200");

	wic_open(&c, "alice", "urn:uuid:1"); /* the same instance comes back */
	wic_registers(&c, ASK("alice"), ANSWER("alice"));
	core_is("Authorization.integrity-protected", "tls-pending");
	wic_closed(&a, 1000);
	wic_request(&c, "OPTIONS");
	wic_gets(&c, "SIP/2.0 200");

	wic_close(&c); /* a lost flow holds nobody back */
	wic_open(&b, "alice", "urn:uuid:2");
	wic_registers(&b, ASK("alice"), ANSWER("alice"));
	wic_close(&b);
	world_close();
}

static void test_shared_impu(void **state)
{
	struct wic a, b;
	start_epcscf("");
	wic_open(&a, "erin", "urn:uuid:1");
	wic_registers(&a, ASK("erin-phone"), ANSWER("erin-phone"));
	wic_open(&b, "erin", "urn:uuid:2");
	wic_registers(&b, ASK("erin-web"), ANSWER("erin-web"));
	wic_request(&a, "OPTIONS");
	wic_gets(&a, "SIP/2.0 200");
	wic_close(&a);
	wic_close(&b);
	world_close();
}

static void test_deregister(void **state)
{
	struct wic c;
	start_epcscf("");
	wic_open(&c, "alice", "urn:uuid:1");
	wic_registers(&c, ASK("alice"), ANSWER("alice"));
	wic_send(&c, "REGISTER sip:ims.example.org SIP/2.0\r\nVia: SIP/2.0/WSS "
		     "q.invalid;branch=z9hG4bKd\r\n"
		     "From: <sip:alice@ims.example.org>;tag=1\r\nTo: "
		     "<sip:alice@ims.example.org>\r\n"
		     "Call-ID: c-alice\r\nCSeq: 3 REGISTER\r\nContact: "
		     "<sip:k@q7.invalid;transport=ws>;expires=0\r\n" ANSWER(
			     "alice") "Content-Length: 0\r\n\r\n");
	wic_gets(&c, "SIP/2.0 200");
	wic_request(&c, "OPTIONS");
	wic_gets(&c, "SIP/2.0 403");
	c.name = "bob"; /* another user may register here now */
	wic_register(&c, ASK("bob"));
	wic_gets(&c, "SIP/2.0 401");
	wic_close(&c);
	world_close();
}

static void test_network_refuses(void **state)
{
	struct wic c;
	start_epcscf("");
	world.core.status = 403;
	wic_open(&c, "alice", "urn:uuid:1");
	wic_register(&c, ASK("alice"));
	wic_gets(&c, "SIP/2.0 403");
	wic_closed(&c, 1008);
	world.core.status = 423; /* no end: the WIC may ask anew, as somebody else, too */
	wic_open(&c, "alice", "urn:uuid:1");
	wic_register(&c, ASK("alice"));
	wic_gets(&c, "SIP/2.0 423");
	world.core.status = 0;
	c.name = "bob";
	wic_register(&c, ASK("bob"));
	wic_gets(&c, "SIP/2.0 401");
	wic_close(&c);
	world_close();
}

static void test_next_hop_silent(void **state)
{
	struct wic c;
	start_epcscf("");
	world.core.status = -1;
	wic_open(&c, "alice", "urn:uuid:1");
	wic_register(&c, ASK("alice"));
	wic_gets(&c, "SIP/2.0 504"); /* 64 * t1 of this test */
	wic_close(&c);
	world_close();
}

/* ---- what the element says of its state ---- */

static void gauge_is(const char *name, int want)
{
	json_t *answer = world_admin("{\"cmd\":\"status\"}");
	json_t *value = json_object_get(json_object_get(answer, "idle"), name);
	assert_non_null(value);
	assert_int_equal(json_integer_value(value), want);
	json_decref(answer);
}

static void binding_is(const char *impi, const char *member, const char *want)
{
	char command[200];
	snprintf(command, sizeof command, "{\"cmd\":\"state\",\"impi\":\"%s\"}", impi);
	json_t *answer = world_admin(command);
	json_t *b = json_array_get(json_object_get(answer, "bindings"), 0);
	assert_non_null(b);
	assert_string_equal(json_string_value(json_object_get(b, member)), want);
	json_decref(answer);
}

static void test_state_and_reset(void **state)
{
	struct wic c;
	start_epcscf("");
	wic_open(&c, "alice", "urn:uuid:1");
	wic_registers(&c, ASK("alice"), ANSWER("alice"));
	binding_is("alice-impi@ims.example.org", "flow", "open");
	binding_is("alice-impi@ims.example.org", "impu", "sip:alice@ims.example.org");
	binding_is("alice-impi@ims.example.org", "service-route", "<sip:orig@scscf;lr>");
	gauge_is("imsrig_edge_bindings", 1);
	wic_close(&c);
	rig_run(&world.rig, 50);
	binding_is(
		"alice-impi@ims.example.org", "flow", "lost"); /* it outlives its flow */
	gauge_is("imsrig_edge_flows", 0);

	wic_open(&c, "bob", "urn:uuid:2");
	wic_registers(&c, ASK("bob"), ANSWER("bob"));
	json_decref(world_admin("{\"cmd\":\"reset\"}"));
	rig_until_set(&world.rig, &c.closed);
	rig_run(&world.rig, 50);
	gauge_is("imsrig_edge_bindings", 0);
	gauge_is("imsrig_edge_flows", 0);
	gauge_is("imsrig_sip_open{side=\"server\"}", 0);
	wic_open(&c, "alice", "urn:uuid:3");
	wic_registers(&c, ASK("alice"), ANSWER("alice"));
	wic_close(&c);
	world_close();
}

/* ---- limits ---- */

static void test_limits(void **state)
{
	struct wic c, d, e;
	start_epcscf("limits: {registers-per-10s: 2, requests-per-second: 3, "
		     "open-per-address: 2, "
		     "handshakes-per-second: 1000}\n");
	wic_open(&c, "alice", "urn:uuid:1");
	wic_registers(&c, ASK("alice"), ANSWER("alice"));
	wic_register(&c, ANSWER("alice"));
	wic_gets(&c, "SIP/2.0 503");
	assert_non_null(strstr(c.last, "Retry-After: "));
	wic_closed(&c, 1008);

	wic_open(&c, "bob", "urn:uuid:2");
	wic_registers(&c, ASK("bob"), ANSWER("bob"));
	for (int i = 0; i < 3; i++) {
		wic_request(&c, "OPTIONS");
		wic_gets(&c, "SIP/2.0 200");
	}
	wic_request(&c, "OPTIONS");
	wic_gets(&c, "SIP/2.0 503");
	wic_closed(&c, 1008);

	wic_open(&c, "bob", "urn:uuid:2");
	wic_open(&d, "bob", "urn:uuid:2");
	wic_try(&e, EDGE, ORIGIN, "sip", "/sip");
	assert_int_equal(e.http_status, 503);
	wic_close(&c);
	wic_close(&d);
	world_close();
}

static void test_limit_handshakes(void **state)
{
	struct wic c, d;
	start_epcscf("limits: {handshakes-per-second: 1}\n");
	wic_open(&c, "alice", "urn:uuid:1");
	wic_try(&d, EDGE, ORIGIN, "sip", "/sip");
	assert_int_equal(d.http_status, 503);
	wic_close(&c);
	world_close();
}

static void test_limit_late(void **state)
{
	struct wic c;
	start_epcscf("limits: {register-within: 300ms}\n");
	wic_open(&c, "alice", "urn:uuid:1");
	wic_closed(&c, 1008);
	wic_open(&c, "alice", "urn:uuid:1");
	wic_registers(&c, ASK("alice"), ANSWER("alice"));
	rig_run(&world.rig, 500);
	assert_false(c.closed);
	wic_close(&c);
	world_close();
}

static void test_garbage(void **state)
{
	struct wic c;
	start_epcscf("limits: {requests-per-second: 3}\n");
	wic_open(&c, "alice", "urn:uuid:1");
	for (int i = 0; i < 6 && c.ws; i++)
		wic_send(&c, "this is no SIP");
	wic_closed(&c, 1008);
	world_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_digest),
		cmocka_unit_test(test_no_authorization),
		cmocka_unit_test(test_forged),
		cmocka_unit_test(test_direct),
		cmocka_unit_test(test_direct_beside_digest),
		cmocka_unit_test(test_handshake),
		cmocka_unit_test(test_refused_register),
		cmocka_unit_test(test_refused_identities),
		cmocka_unit_test(test_binding),
		cmocka_unit_test(test_shared_impu),
		cmocka_unit_test(test_deregister),
		cmocka_unit_test(test_network_refuses),
		cmocka_unit_test(test_next_hop_silent),
		cmocka_unit_test(test_state_and_reset),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_limit_handshakes),
		cmocka_unit_test(test_limit_late),
		cmocka_unit_test(test_garbage),
	};
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
