/* The eP-CSCF's other entrances (WAAFs, plain users), the WAAF, and configurations that
 * both refuse, as they run.
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <cmocka.h>

#include "tests/unit/edge_issuer.h"

/* ---- plain users ---- */

struct plain {
	struct sip_stack *stack;
	int got, status;
};

static void on_plain_answer(int err, const struct sip_msg *m, void *arg)
{
	struct plain *p = arg;
	p->status = err ? err : m->status;
	p->got++;
}

static void on_plain_request(struct sip_req *req, void *arg)
{
	sip_answer(req, 405, NULL, STR_NONE);
}

static void plain_open(struct plain *p, const char *addr)
{
	static const struct sip_stack_h h = {.request = on_plain_request};
	struct addr at = rig_addr(addr);
	*p = (struct plain){0};
	assert_int_equal(sip_stack_new(&world.rig.host, NULL, &h, p, &p->stack), 0);
	assert_true(sip_listen(p->stack, SIP_UDP, &at, NULL, false) >= 0);
}

static void plain_request(struct plain *p, const char *to, const char *method,
	const char *fields, int status)
{
	static int n;
	struct buf b = {0};
	struct sip_hop hop = {.transport = SIP_UDP, .remote = rig_addr(to)};
	int want = p->got + 1;
	n++;
	buf_fmt(&b,
		"%s sip:ims.example.org SIP/2.0\r\nMax-Forwards: 70\r\n"
		"From: <sip:alice@ims.example.org>;tag=p\r\nTo: "
		"<sip:alice@ims.example.org>\r\n"
		"Call-ID: p%d\r\nCSeq: %d %s\r\nContact: <sip:alice@127.38.1.102>\r\n%s"
		"Content-Length: 0\r\n\r\n",
		method, n, n, method, fields);
	assert_int_equal(
		sip_send(p->stack, buf_str(&b), &hop, on_plain_answer, p, NULL), 0);
	buf_free(&b);
	rig_until_count(&world.rig, &p->got, want);
	assert_int_equal(p->status, status);
}

#define PLAIN EDGE ":5062"
#define AKA(algorithm, response, more)                                                   \
	"Authorization: Digest username=\"alice@ims.example.org\", realm=\"ims.example.org\", " \
	"uri=\"sip:ims.example.org\", nonce=\"n\", response=\"" response "\", algorithm=" algorithm \
	", " more "\r\n"

static void test_plain(void **state)
{
	struct plain p, q;
	start_epcscf("access: udp\naccess-listen: \"" PLAIN "\"\n");
	plain_open(&p, "127.38.1.102:5060");
	plain_open(&q, "127.38.1.103:5060");
	plain_request(&p, PLAIN, "OPTIONS", "", 403);
	plain_request(&p, PLAIN, "REGISTER", ASK("alice"), 401);
	core_is("Authorization.integrity-protected", NULL);
	core_has("Path", "@epcscf.ims.example.org:5060;lr>");
	plain_request(&p, PLAIN, "REGISTER", ANSWER("alice"), 200);
	core_is("Authorization.integrity-protected", "ip-assoc-pending");
	plain_request(&p, PLAIN, "REGISTER", ASK("alice"), 401);
	core_is("Authorization.integrity-protected", "ip-assoc-yes");
	plain_request(&q, PLAIN, "REGISTER", ANSWER("alice"), 200); /* from elsewhere */
	core_is("Authorization.integrity-protected", "ip-assoc-pending");
	/* by AKA there is no IPsec, whatever is bound and whatever he says */
	plain_request(&p, PLAIN, "REGISTER",
		AKA("AKAv1-MD5", "", "integrity-protected=\"yes\""), 401);
	core_is("Authorization.integrity-protected", "no");
	plain_request(&p, PLAIN, "REGISTER", AKA("akav2-sha-256", "x", "auts=\"y\""), 200);
	core_is("Authorization.integrity-protected", "no");
	core_is("Authorization.auts", "y");
	plain_request(&p, PLAIN, "REGISTER", "", 401);
	core_has("P-Access-Network-Info", "network-provided");
	int got = world.core.got;
	plain_request(&p, PLAIN, "REGISTER", "Authorization: Bearer abc\r\n", 403);
	plain_request(&p, PLAIN, "OPTIONS", "", 200);
	plain_request(&p, PLAIN, "INVITE", "", 405);
	plain_request(&p, EDGE ":5060", "REGISTER", ASK("alice"),
		403); /* Mw is no way for users */
	assert_int_equal(world.core.got, got);
	sip_stack_close(p.stack);
	sip_stack_close(q.stack);
	world_close();
}

/* ---- the P-CSCF behind a WAAF ---- */

#define FROM_WAAF                                                                        \
	"Via: SIP/2.0/WSS q7.invalid;branch=z9hG4bKwic\r\n"                              \
	"Path: <sip:t@waaf.ims.example.org:5061;transport=tls;lr;ob>\r\n"                \
	"Authorization: Digest username=\"alice-impi@ims.example.org\", "                \
	"realm=\"ims.example.org\", uri=\"sip:ims.example.org\", nonce=\"n1\", "         \
	"response=\"00\", "                                                              \
	"integrity-protected=\"tls-pending\"\r\nP-Charging-Vector: icid-value=waaf\r\n"

#define TRUSTED                                                                          \
	"Path: <sip:t@waaf.ims.example.org:5061;transport=tls;lr;ob>\r\n"                \
	"Authorization: Digest username=\"alice-impi@ims.example.org\", "                \
	"realm=\"ims.example.org\", uri=\"sip:ims.example.org\", nonce=\"\", "           \
	"response=\"\", integrity-protected=\"auth-done\", "                             \
	"authorization-entity=\"waf.partner.example\", wwsf-entity=\"w.example\"\r\n"    \
	"Authorization: Bearer eyJh.e30.c2ln\r\n"

/* A kept TLS connection of a WAAF. */
struct link {
	struct plain peer;
	struct tls *tls;
};

static void link_open(struct link *l, const char *cert)
{
	static const struct sip_stack_h h = {.request = on_plain_request};
	*l = (struct link){.tls = rig_tls(&world.rig, false, cert, "ca.pem", false)};
	assert_int_equal(
		sip_stack_new(&world.rig.host, NULL, &h, &l->peer, &l->peer.stack), 0);
	sip_stack_client_tls(l->peer.stack, l->tls);
}

static void link_sends(struct link *l, const char *method, const char *fields, int status)
{
	static int n;
	struct sip_hop hop = {.transport = SIP_TLS,
		.local = rig_addr(WAAF),
		.remote = rig_addr(EDGE ":5061")};
	int want = l->peer.got + 1;
	struct buf b = {0};

	n++;
	buf_fmt(&b,
		"%s sip:ims.example.org SIP/2.0\r\nMax-Forwards: 70\r\n"
		"From: <sip:alice@ims.example.org>;tag=p\r\nTo: "
		"<sip:alice@ims.example.org>\r\n"
		"Call-ID: w\r\nCSeq: %d %s\r\nContact: "
		"<sip:k@q7.invalid>;reg-id=1\r\n%sContent-Length: 0\r\n\r\n",
		method, n, method, fields);
	assert_int_equal(sip_send(l->peer.stack, buf_str(&b), &hop, on_plain_answer, &l->peer,
				 NULL),
		0);
	rig_until_count(&world.rig, &l->peer.got, want);
	if (status > 0)
		assert_int_equal(l->peer.status, status);
	else
		assert_true(l->peer.status < 0);
	buf_free(&b);
}

static void link_close(struct link *l)
{
	sip_stack_close(l->peer.stack);
	rig_run(&world.rig, 50);
	tls_free(l->tls);
}

static void waaf_sends(const char *cert, const char *fields, int status)
{
	struct link l;
	link_open(&l, cert);
	link_sends(&l, "REGISTER", fields, status);
	link_close(&l);
}

static void test_pcscf(void **state)
{
	struct plain p;
	start_epcscf(
		"waafs: [{name: waaf.ims.example.org, addr: " WAAF ", plain: true}]\n");
	waaf_sends("waaf", FROM_WAAF, 200);
	core_is("Authorization.integrity-protected", "tls-pending");
	core_has("Path", "@epcscf.ims.example.org:5060;lr;ob>");
	core_has("Path[2]", "<sip:t@waaf.ims.example.org");
	core_has("Via[3]", "q7.invalid"); /* the answer's way back */
	core_has("P-Visited-Network-ID", "ims.example.org");
	assert_true(
		str_find(core_field("P-Charging-Vector"), STR("icid-value=waaf")) < 0);

	waaf_sends("stranger", FROM_WAAF, 200); /* a certificate of our authority, another name */
	core_is("Authorization.integrity-protected", NULL);
	core_is("Path[2]", NULL);
	assert_true(logged("no listed WAAF"));
	int got = world.core.got;
	waaf_sends(NULL, FROM_WAAF, -1); /* no certificate: no TLS */
	assert_int_equal(world.core.got, got);

	world.core.status = 200;
	waaf_sends("waaf", TRUSTED, 200); /* whom it has authenticated, and by whose word */
	core_is("Authorization.integrity-protected", "auth-done");
	core_is("Authorization.authorization-entity", "waf.partner.example");
	core_is("Authorization.wwsf-entity", "w.example");
	core_is("Authorization[2]", NULL);
	core_is("P-Access-Network-Info", NULL);
	waaf_sends("stranger", TRUSTED, 200);
	core_is("Authorization.username", "alice-impi@ims.example.org");
	core_is("Authorization.integrity-protected", NULL);
	core_is("Authorization.authorization-entity", NULL);
	core_is("Authorization.wwsf-entity", NULL);
	core_is("Authorization[2]", NULL);
	world.core.status = 0;

	plain_open(&p, WAAF ":5060"); /* by its address */
	plain_request(&p, EDGE ":5060", "REGISTER", FROM_WAAF, 200);
	core_is("Authorization.integrity-protected", "tls-pending");
	core_has("Path[2]", "<sip:t@waaf.ims.example.org");
	plain_request(&p, EDGE ":5060", "OPTIONS", "", 200);
	plain_request(&p, EDGE ":5060", "MESSAGE", "", 405);
	sip_stack_close(p.stack);
	plain_open(&p, "127.38.1.102:5060");
	plain_request(&p, EDGE ":5060", "REGISTER", FROM_WAAF, 403);
	sip_stack_close(p.stack);
	world_close();
}

/* ---- the WAAF as user agent: the pilot of a range (TR 23.701 6.3.2.1.4) ---- */

#define FORGED                                                                           \
	"Authorization: Digest username=\"alice-impi@ims.example.org\", "                \
	"realm=\"ims.example.org\", uri=\"sip:ims.example.org\", nonce=\"\", "           \
	"response=\"\", integrity-protected=\"auth-done\"\r\n"                           \
	"P-Asserted-Identity: <sip:alice@ims.example.org>\r\n"

static void test_pilot(void **state)
{
	struct link l, m;
	struct plain p;
	start_epcscf(
		"waafs: [{name: waaf.ims.example.org, addr: " WAAF ", plain: true}]\n");
	link_open(&l, "waaf");
	link_sends(&l, "REGISTER", ASK("alice"), 401);
	core_is("Authorization.integrity-protected", NULL);
	core_has("Path", "@epcscf.ims.example.org:5060;lr");
	core_is("Path[2]", NULL);
	core_has("P-Visited-Network-ID", "ims.example.org");
	link_sends(&l, "REGISTER", ANSWER("alice"), 200);
	core_is("Authorization.integrity-protected", "tls-pending");
	world.core.status = 200;
	link_sends(&l, "REGISTER", FORGED, 200); /* the link is bound; its word counts for nothing */
	core_is("Authorization.integrity-protected", "tls-yes");
	core_is("P-Asserted-Identity", NULL);

	link_open(&m, "waaf"); /* another connection is not */
	link_sends(&m, "REGISTER", FORGED, 200);
	core_is("Authorization.integrity-protected", NULL);
	link_close(&m);
	link_open(&m, "waaf");
	link_sends(&m, "REGISTER", ANSWER("alice"), 200);
	core_is("Authorization.integrity-protected", "tls-pending");
	link_sends(&m, "REGISTER", "Expires: 0\r\n" ASK("alice"), 200);
	core_is("Authorization.integrity-protected", "tls-yes");
	link_sends(&l, "REGISTER", ASK("alice"), 200); /* whose place it took */
	core_is("Authorization.integrity-protected", NULL);
	link_close(&l);
	link_close(&m);

	plain_open(&p, WAAF ":5060"); /* by its address */
	plain_request(&p, EDGE ":5060", "REGISTER", ANSWER("alice"), 200);
	core_is("Authorization.integrity-protected", "ip-assoc-pending");
	plain_request(&p, EDGE ":5060", "REGISTER", ASK("alice"), 200);
	core_is("Authorization.integrity-protected", "ip-assoc-yes");
	sip_stack_close(p.stack);
	world_close();
}

/* ---- the IBCF in front of a WAAF in static mode ---- */

static void test_ibcf(void **state)
{
	struct link l;
	start_epcscf(
		"waafs: [{name: waaf.ims.example.org, addr: " WAAF ", border: ibcf}]\n");
	link_open(&l, "waaf");
	link_sends(&l, "OPTIONS", "", 200);
	link_sends(&l, "REGISTER", ANSWER("alice"), 403);
	link_sends(&l, "REGISTER", FROM_WAAF, 403);
	link_sends(&l, "INVITE", "", 405);
	assert_true(logged("REGISTER over the border to a WAAF in static mode"));
	assert_int_equal(world.core.got, 0);
	link_close(&l);
	waaf_sends(NULL, ANSWER("alice"), -1);
	assert_int_equal(world.core.got, 0);
	world_close();
}

/* ---- the WAAF ---- */

static void waaf_config(struct buf *b, const char *extra)
{
	buf_fmt(b,
		"node: {name: waaf, run-dir: %s, log: {level: debug}, trace: off, seed: "
		"1, names: ["
		"{name: icscf.ims.example.org, addr: " ICSCF "}, "
		"{name: wwsf.ims.example.org, addr: 127.38.1.10}, "
		"{name: epcscf.ims.example.org, addr: " EDGE "}]}\n"
		"name: waaf.ims.example.org\nrealm: ims.example.org\n"
		"sip: {listen: \"" WAAF
		":5060\", t1: 20ms}\nicscf: icscf.ims.example.org\n"
		"wss: {listen: \"" WAAF ":8443\", cert: %s, key: %s}\n%s",
		world.rig.dir, rig_file(&world.rig, "waaf.pem"),
		rig_file(&world.rig, "waaf-key.pem"), extra);
}

#define WAAF_ORIGINS "origins: [{origin: \"" ORIGIN "\", auth: [digest]}]\n"

static void run_waaf(const char *transport, const char *extra)
{
	struct buf b = {0}, all = {0};
	buf_fmt(&all,
		"pcscf: {host: epcscf.ims.example.org, transport: %s, listen: \"" WAAF
		":5061\", "
		"ca: %s}\n%s",
		transport, rig_file(&world.rig, "ca.pem"), extra);
	waaf_config(&b, buf_z(&all));
	buf_free(&all);
	world_start("waaf", &b);
}

static void start_waaf(const char *core, const char *transport, const char *extra)
{
	world_open();
	core_open(core, true);
	run_waaf(transport, extra);
}

static void waaf_digest(const char *core, const char *transport, const char *extra)
{
	bool icscf = !strcmp(core, ICSCF);
	struct wic c;
	start_waaf(core, transport, extra);
	wic_try(&c, WAAF, ORIGIN, "sip", "/sip");
	assert_int_equal(c.http_status, 101);
	wic_register(&c, ASK("alice"));
	wic_gets(&c, "SIP/2.0 401");
	core_is("Authorization.integrity-protected", NULL);
	core_has("Path", "@waaf.ims.example.org:");
	core_has("Path", ";ob>");
	if (icscf)
		core_has("P-Visited-Network-ID", "ims.example.org");
	else
		core_is("P-Visited-Network-ID", NULL);
	core_is("Require", icscf ? "path" : NULL);
	wic_register(&c, ANSWER("alice"));
	wic_gets(&c, "SIP/2.0 200");
	core_is("Authorization.integrity-protected", "tls-pending");
	wic_register(&c, ANSWER("alice"));
	wic_gets(&c, "SIP/2.0 200");
	core_is("Authorization.integrity-protected", "tls-yes");
	wic_close(&c);
	world_close();
}

static void test_waaf(void **state)
{
	waaf_digest(EDGE, "tls", WAAF_ORIGINS);
	waaf_digest(EDGE, "tcp", WAAF_ORIGINS);
	waaf_digest(EDGE, "udp", WAAF_ORIGINS);
	waaf_digest(ICSCF, "tls", "next-hop: icscf\n" WAAF_ORIGINS);
}

/* Scenario 2 (TR 23.701 6.3.2.1.3): the WAAF takes the token, and says so behind it. */
static void waaf_token(const char *core, const char *next_hop)
{
	struct buf extra = {0};
	struct wic c;
	world_open();
	core_open(core, true);
	issuer_open("127.38.1.10:8443");
	buf_fmt(&extra, "%sorigins: [{origin: \"" ORIGIN "\", wwsf: " WWSF
			", auth: [token]}]\n", next_hop);
	tokens_section(&extra, "", "waaf");
	run_waaf("tls", buf_z(&extra));
	buf_free(&extra);

	world.core.status = 200;
	wic_try(&c, WAAF, ORIGIN, "sip", "/sip");
	wic_asks(&c, bearer_of(token_for("alice"), "alice"), "SIP/2.0 200");
	core_is("Authorization.integrity-protected", "auth-done");
	core_is("Authorization.username", "alice-impi@ims.example.org");
	core_is("Authorization[2]", NULL);
	core_is("P-Visited-Network-ID", !strcmp(core, ICSCF) ? "\"ims.example.org\"" : NULL);
	core_has("Path", "@waaf.ims.example.org:");
	wic_close(&c);

	world.core.status = 401; /* a P-CSCF that does not list this WAAF */
	wic_try(&c, WAAF, ORIGIN, "sip", "/sip");
	wic_asks(&c, bearer_of(token_for("alice"), "alice"), "SIP/2.0 403");
	assert_null(strstr(c.last, "WWW-Authenticate"));
	wic_closed(&c, 1008);
	issuer_free();
	world_close();
}

static void test_waaf_token(void **state)
{
	waaf_token(EDGE, "");
	waaf_token(ICSCF, "next-hop: icscf\n");
}

static void test_waaf_third_party(void **state)
{
	struct wic c;
	start_waaf(EDGE, "tls",
		"domain: third-party\norigins: [{origin: \"" ORIGIN "\", auth: []}]\n");
	wic_try(&c, WAAF, ORIGIN, "sip", "/sip");
	wic_register(&c, ASK("alice"));
	wic_gets(&c, "SIP/2.0 403");
	wic_closed(&c, 1008);
	assert_int_equal(world.core.got, 0);
	world_close();
}

/* ---- configurations that are refused ---- */

static void refused(const char *program, struct buf *config, const char *sentence)
{
	int status;
	world_write("log", "");
	world_write("config.yaml", buf_z(config));
	buf_free(config);
	pid_t pid = world_spawn(program, "config.yaml");
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 4);
	if (!logged(sentence))
		fail_msg("%s does not say \"%s\"", program, sentence);
}

#define ISSUER_ROW(url, jwks)                                                            \
	"{issuer: \"https://w.example\", url: \"" url "\", identity: w.example, "          \
	"wwsfs: [w.example], jwks: \"" jwks "\", ca: /nowhere.pem}"
#define ISSUER_SECTION                                                                   \
	"tokens: {audience: a, issuers: [" ISSUER_ROW("https://w.example", "/jwks") "]}\n"

static void test_configuration(void **state)
{
	static const char *const waaf[][2] = {
		{"domain: third-party\n" WAAF_ORIGINS, "6.3.2.1.2"},
		{"domain: third-party\norigins: [{origin: \"" ORIGIN "\", wwsf: w.example, "
		 "auth: [token]}]\n" ISSUER_SECTION, "6.3.2.1.3"},
		{"origins: [{origin: \"" ORIGIN "\", auth: [token]}]\n" ISSUER_SECTION,
			"needs wwsf"},
		{"origins: [{origin: \"" ORIGIN "\", wwsf: w.example, auth: [token]}]\n",
			"needs tokens.issuers"},
		{WAAF_ORIGINS "tokens: {issuers: [" ISSUER_ROW("https://w.example/x", "/jwks")
			"]}\n", "is not https://host"},
		{WAAF_ORIGINS "tokens: {issuers: [" ISSUER_ROW("http://w.example", "/jwks")
			"]}\n", "is not https://host"},
		{WAAF_ORIGINS "tokens: {issuers: [" ISSUER_ROW("https://w.example:0", "/jwks")
			"]}\n", "is not https://host"},
		{WAAF_ORIGINS "tokens: {audience: a, issuers: ["
			ISSUER_ROW("https://w.example", "jwks") "]}\n", "must begin with /"},
		{WAAF_ORIGINS "tokens: {issuers: [" ISSUER_ROW("https://w.example", "/jwks")
			"]}\n", "needs audience"},
		{WAAF_ORIGINS "entity-params: {waf: a, wwsf: a}\n", "same name"},
		{"origins: [{origin: \"https://wwsf.example/\", auth: [digest]}]\n",
			"no origin"},
		{"origins: [{origin: \"" ORIGIN "\", auth: [magic]}]\n", "magic"},
		{"origins: [{origin: \"" ORIGIN "\", wwsf: w.example, auth: [direct]}]\n",
			"\"direct\" is not known here"},
		{"domain: somewhere\n" WAAF_ORIGINS, "somewhere"},
	};
	struct buf b = {0}, extra = {0};
	world_open();
	epcscf_config(&b, "domain: third-party\n");
	refused("epcscf", &b, "third-party");
	epcscf_config(&b, "access: udp\n");
	refused("epcscf", &b, "access-listen");
	epcscf_config(&b, "waafs: [{name: w.example, addr: " WAAF ", plain: true, "
			  "border: ibcf}]\n");
	refused("epcscf", &b, "an IBCF knows a WAAF by its certificate");
	world.auth = "wildcard";
	epcscf_config(&b, "");
	refused("epcscf", &b, "expected digest or token or session or direct");
	world.auth = "direct";
	epcscf_config(&b, "entity-params: {waf: a, wwsf: \"\"}\n");
	refused("epcscf", &b, "needs entity-params.wwsf");
	world.auth = NULL;
	for (size_t i = 0; i < sizeof waaf / sizeof *waaf; i++) {
		extra.n = 0;
		buf_fmt(&extra,
			"pcscf: {host: epcscf.ims.example.org, transport: udp}\n%s",
			waaf[i][0]);
		waaf_config(&b, buf_z(&extra));
		refused("waaf", &b, waaf[i][1]);
	}
	waaf_config(&b, "pcscf: {host: epcscf.ims.example.org}\n" WAAF_ORIGINS);
	refused("waaf", &b, "pcscf.ca");
	buf_free(&extra);
	tls_free(world.client_tls);
	rig_close(&world.rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_pcscf),
		cmocka_unit_test(test_pilot),
		cmocka_unit_test(test_ibcf),
		cmocka_unit_test(test_waaf),
		cmocka_unit_test(test_waaf_token),
		cmocka_unit_test(test_waaf_third_party),
		cmocka_unit_test(test_configuration),
	};
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
