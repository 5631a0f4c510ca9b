/* The eP-CSCF and the WAAF as they run: WICs over secure WebSockets and plain users on one
 * side, an I-CSCF or P-CSCF played by this test on the other.
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/sip/stack.h"
#include "tests/unit/rig.h"

#define ORIGIN "https://wwsf.ims.example.org:8443"
#define EDGE   "127.38.0.12"
#define ICSCF  "127.38.0.13"
#define WAAF   "127.38.0.11"

/* ---- the world ---- */

struct core {                          /* I-CSCF or P-CSCF: what it got, what it answers */
	struct sip_stack *stack;
	struct arena arena;
	struct sip_msg last;
	int got, status;               /* status 0: by the credentials; -1: silent */
	char contact[256];
};
struct world {
	struct rig rig;
	struct core core;
	struct tls *client_tls;
	pid_t pid;
};

static struct world world;

static struct str field(const char *name)
{
	struct str v = sip_script_field(&world.core.last, str_of(name));
	return v;
}

static void core_is(const char *name, const char *value)
{
	struct str v = field(name);
	if (value ? !str_eq(v, str_of(value)) : v.p != NULL)
		fail_msg("%s is \"" STR_FMT "\", not \"%s\"", name, STR_ARG(v), value ? value : "(absent)");
}

static void core_has(const char *name, const char *part)
{
	struct str v = field(name);
	if (str_find(v, str_of(part)) < 0)
		fail_msg("%s is \"" STR_FMT "\", without \"%s\"", name, STR_ARG(v), part);
}

static void on_core_request(struct sip_req *req, void *arg)
{
	struct core *c = arg;
	const struct sip_msg *m = sip_req_msg(req);
	struct sip_fault fault;
	int status = c->status;

	arena_free(&c->arena);
	assert_int_equal(sip_msg_parse(&c->last, arena_str(&c->arena, m->bytes), &c->arena, &fault), 0);
	c->got++;
	if (status < 0)
		return;
	if (!status)
		status = sip_script_field(m, STR("Authorization.response")).n ? 200 : 401;
	if (status == 401) {
		sip_answer(req, 401, NULL, STR("WWW-Authenticate: Digest realm=\"ims.example.org\", "
			"nonce=\"n1\", qop=\"auth\", algorithm=MD5, ik=\"00\", ck=\"11\"\r\n"));
	} else if (status == 200) {
		struct str contact = sip_value(m, SIP_H_CONTACT);
		sip_answer_fmt(req, 200, NULL,
			"Contact: " STR_FMT "%s\r\nService-Route: <sip:orig@scscf;lr>\r\n"
			"P-Associated-URI: " STR_FMT "\r\nP-Charging-Vector: icid-value=x\r\n",
			STR_ARG(contact), str_find(contact, STR("expires=")) < 0 ? ";expires=600" : "",
			STR_ARG(sip_value(m, SIP_H_TO)));
	} else {
		sip_answer(req, status, NULL, STR_NONE);
	}
}

static void core_open(const char *addr, bool tls)
{
	static const struct sip_stack_h h = {.request = on_core_request};
	struct addr at = rig_addr(addr);
	struct tls *t;

	assert_int_equal(sip_stack_new(&world.rig.host, NULL, &h, &world.core, &world.core.stack), 0);
	addr_set_port(&at, 5060);
	assert_true(sip_listen(world.core.stack, SIP_UDP, &at, NULL, false) >= 0);
	assert_true(sip_listen(world.core.stack, SIP_TCP, &at, NULL, false) >= 0);
	if (!tls)
		return;
	addr_set_port(&at, 5061);
	t = rig_tls(&world.rig, true, "epcscf", "ca.pem", true);
	assert_true(sip_listen(world.core.stack, SIP_TLS, &at, t, false) >= 0);
	tls_free(t);
}

static void write_file(const char *name, const char *text)
{
	FILE *f = fopen(rig_file(&world.rig, name), "w");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
	assert_int_equal(fclose(f), 0);
}

static pid_t spawn(const char *program, const char *config)
{
	char path[512];
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid)
		return pid;
	snprintf(path, sizeof path, "%s/%s", BIN_DIR, program);
	if (!freopen(rig_file(&world.rig, "log"), "a", stderr))
		_exit(126);
	execl(path, program, "--config", rig_file(&world.rig, config), (char *)NULL);
	_exit(127);
}

/* What it wrote to its log holds the text. */
static bool logged(const char *text)
{
	static char log[200000];
	FILE *f = fopen(rig_file(&world.rig, "log"), "r");
	size_t n = f ? fread(log, 1, sizeof log - 1, f) : 0;
	if (f)
		fclose(f);
	log[n] = '\0';
	return strstr(log, text) != NULL;
}

static void epcscf_config(struct buf *b, const char *extra)
{
	buf_fmt(b,
		"node: {name: epcscf, run-dir: %s, log: {level: debug}, trace: off, seed: 1, names: ["
		"{name: icscf.ims.example.org, addr: " ICSCF "}]}\n"
		"name: epcscf.ims.example.org\nrealm: ims.example.org\n"
		"sip: {listen: \"" EDGE ":5060\", t1: 20ms}\nicscf: icscf.ims.example.org\n"
		"wss: {listen: \"" EDGE ":8443\", cert: %s, key: %s}\nca: %s\n"
		"waaf-listen: \"" EDGE ":5061\"\n"
		"origins: [{origin: \"" ORIGIN "\", auth: [digest]}, "
		"{origin: \"https://other.example\", auth: []}]\n%s",
		world.rig.dir, rig_file(&world.rig, "epcscf.pem"),
		rig_file(&world.rig, "epcscf-key.pem"), rig_file(&world.rig, "ca.pem"), extra);
}

static bool is_ready(void *arg)
{
	return logged(arg);
}

static void world_open(void)
{
	memset(&world, 0, sizeof world);
	rig_open(&world.rig, "test");
	rig_ca(&world.rig);
	rig_cert(&world.rig, "epcscf", "epcscf.ims.example.org", EDGE);
	rig_cert(&world.rig, "waaf", "waaf.ims.example.org", WAAF);
	rig_cert(&world.rig, "stranger", "stranger.example.org", WAAF);
	world.client_tls = rig_tls(&world.rig, false, NULL, "ca.pem", false);
}

static void start(const char *program, struct buf *config)
{
	write_file("config.yaml", buf_z(config));
	buf_free(config);
	world.pid = spawn(program, "config.yaml");
	rig_until(&world.rig, is_ready, "ready");
}

static void start_epcscf(const char *extra)
{
	struct buf b = {0};
	world_open();
	core_open(ICSCF, false);
	epcscf_config(&b, extra);
	start("epcscf", &b);
}

static void world_close(void)
{
	int status = 0;
	kill(world.pid, SIGTERM);
	assert_int_equal(waitpid(world.pid, &status, 0), world.pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		fail_msg("the element ended with status %x", (unsigned)status);
	sip_stack_close(world.core.stack);
	tls_free(world.client_tls);
	rig_close(&world.rig);
	arena_free(&world.core.arena);
}

/* ---- WICs ---- */

struct wic {
	struct ws *ws;
	bool answered, closed;
	int http_status, code, got;
	char last[8192];
	const char *name, *instance;
	int cseq;
};

static void on_message(struct ws *w, bool text, struct str bytes, void *arg)
{
	struct wic *c = arg;
	str_copy(bytes, c->last, sizeof c->last);
	c->got++;
}

static void on_closed(struct ws *w, int code, const char *why, void *arg)
{
	struct wic *c = arg;
	c->closed = true;
	c->code = code;
	c->ws = NULL;
}

static void on_open(struct ws *w, int http_status, const char *why, void *arg)
{
	struct wic *c = arg;
	c->ws = w;
	c->answered = true;
	c->http_status = http_status;
}

static void wic_try(struct wic *c, const char *edge, const char *origin, const char *subprotocol,
	const char *path)
{
	static const struct ws_h h = {on_message, on_closed};
	char text[64];
	snprintf(text, sizeof text, "%s:8443", edge);
	struct ws_connect_conf conf = {
		.local = rig_addr("127.38.0.101"),
		.remote = rig_addr(text),
		.tls = world.client_tls,
		.path = path,
		.origin = origin,
		.subprotocol = subprotocol,
	};
	*c = (struct wic){.name = "alice", .instance = "urn:uuid:1"};
	assert_int_equal(ws_connect(&world.rig.host, &conf, &h, on_open, c), 0);
	rig_until_set(&world.rig, &c->answered);
}

static void wic_open(struct wic *c, const char *name, const char *instance)
{
	wic_try(c, EDGE, ORIGIN, "sip", "/sip");
	assert_int_equal(c->http_status, 101);
	assert_non_null(c->ws);
	c->name = name;
	c->instance = instance;
}

static void wic_send(struct wic *c, const char *text)
{
	assert_non_null(c->ws);
	assert_int_equal(ws_send(c->ws, true, str_of(text)), 0);
}

/* A REGISTER; `fields` are lines of their own. */
static void wic_register(struct wic *c, const char *fields)
{
	char text[4096];
	c->cseq++;
	snprintf(text, sizeof text,
		"REGISTER sip:ims.example.org SIP/2.0\r\n"
		"Via: SIP/2.0/WSS q7.invalid;branch=z9hG4bK%s%s%d;rport\r\n"
		"Max-Forwards: 70\r\nFrom: <sip:%s@ims.example.org>;tag=a1\r\n"
		"To: <sip:%s@ims.example.org>\r\nCall-ID: c-%s\r\nCSeq: %d REGISTER\r\n"
		"Contact: <sip:k@q7.invalid;transport=ws>;+sip.instance=\"<%s>\";reg-id=1\r\n"
		"Supported: path, outbound\r\n%sContent-Length: 0\r\n\r\n",
		c->name, c->instance + 9, c->cseq, c->name, c->name, c->name, c->cseq, c->instance,
		fields);
	wic_send(c, text);
}

#define ASK(name)                                                                          \
	"Authorization: Digest username=\"" name "-impi@ims.example.org\", "               \
	"realm=\"ims.example.org\", uri=\"sip:ims.example.org\", nonce=\"\", response=\"\"\r\n"
#define ANSWER(name)                                                                       \
	"Authorization: Digest username=\"" name "-impi@ims.example.org\", "               \
	"realm=\"ims.example.org\", uri=\"sip:ims.example.org\", nonce=\"n1\", nc=00000001, " \
	"qop=auth, cnonce=\"c\", response=\"00112233445566778899aabbccddeeff\"\r\n"

static void wic_gets(struct wic *c, const char *begins)
{
	int want = c->got + 1;
	rig_until_count(&world.rig, &c->got, want);
	if (strncmp(c->last, begins, strlen(begins)))
		fail_msg("got %s instead of %s", c->last, begins);
}

static void wic_registers(struct wic *c, const char *ask, const char *answer)
{
	wic_register(c, ask);
	wic_gets(c, "SIP/2.0 401");
	wic_register(c, answer);
	wic_gets(c, "SIP/2.0 200");
}

static void wic_closed(struct wic *c, int code)
{
	rig_until_set(&world.rig, &c->closed);
	assert_int_equal(c->code, code);
}

static void wic_close(struct wic *c)
{
	if (c->ws)
		ws_close(c->ws, 1000, "");
	rig_until_set(&world.rig, &c->closed);
}

static void wic_request(struct wic *c, const char *method)
{
	char text[2048];
	c->cseq++;
	snprintf(text, sizeof text,
		"%s sip:bob@ims.example.org SIP/2.0\r\nVia: SIP/2.0/WSS q7.invalid;branch=z9hG4bKr%s%d\r\n"
		"Max-Forwards: 70\r\nFrom: <sip:%s@ims.example.org>;tag=a1\r\n"
		"To: <sip:bob@ims.example.org>\r\nCall-ID: r-%s\r\nCSeq: %d %s\r\n"
		"Content-Length: 0\r\n\r\n", method, c->name, c->cseq, c->name, c->name, c->cseq, method);
	wic_send(c, text);
}

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
	wic_register(&c, "P-Access-Network-Info: IEEE-802.11;network-provided\r\nRoute: <sip:" EDGE
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
		"realm=\"ims.example.org\", uri=\"sip:ims.example.org\", nonce=\"\", response=\"\", "
		"integrity-protected=\"auth-done\", authorization-entity=\"waf.example\"\r\n"
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

/* ---- refusals ---- */

static void handshake(const char *origin, const char *subprotocol, const char *path, int status)
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
		{"Authorization: Bearer abc\r\nAuthorization: Bearer abd\r\n", "SIP/2.0 400", false},
		{ANSWER("alice") "Authorization: Bearer abc\r\n", "SIP/2.0 400", false},
		{ASK("alice") ASK("alice"), "SIP/2.0 400", false},
		{ASK("alice") "Route: <sip:scscf.ims.example.org;lr>\r\n", "SIP/2.0 400", false},
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
	wic_send(&c, "REGISTER sip:ims.example.org SIP/2.0\r\nVia: SIP/2.0/WSS q.invalid;branch=z9hG4bKx1\r\n"
		"From: <sip:bob@ims.example.org>;tag=1\r\nTo: <sip:alice@ims.example.org>\r\nCall-ID: x\r\n"
		"CSeq: 1 REGISTER\r\nContact: <sip:k@q.invalid>\r\nContent-Length: 0\r\n\r\n");
	wic_gets(&c, "SIP/2.0 400");
	wic_send(&c, "REGISTER sip:alice@ims.example.org SIP/2.0\r\nVia: SIP/2.0/WSS q.invalid;branch=z9hG4bKx2\r\n"
		"From: <sip:alice@ims.example.org>;tag=1\r\nTo: <sip:alice@ims.example.org>\r\nCall-ID: x\r\n"
		"CSeq: 2 REGISTER\r\nContact: <sip:k@q.invalid>\r\nContent-Length: 0\r\n\r\n");
	wic_gets(&c, "SIP/2.0 400");
	wic_send(&c, "REGISTER sip:ims.example.org SIP/2.0\r\nVia: SIP/2.0/WSS q.invalid;branch=z9hG4bKx3\r\n"
		"From: <sip:alice@ims.example.org>;tag=1\r\nTo: <sip:alice@ims.example.org>\r\nCall-ID: x\r\n"
		"CSeq: 3 REGISTER\r\nContent-Length: 0\r\n\r\n");
	wic_gets(&c, "SIP/2.0 400");
	wic_request(&c, "OPTIONS"); /* nothing is registered here */
	wic_gets(&c, "SIP/2.0 403");
	wic_request(&c, "INVITE");
	wic_gets(&c, "SIP/2.0 403");
	wic_send(&c, "REGISTER sip:other.example SIP/2.0\r\nVia: SIP/2.0/WSS q.invalid;branch=z9hG4bKx4\r\n"
		"From: <sip:alice@ims.example.org>;tag=1\r\nTo: <sip:alice@ims.example.org>\r\nCall-ID: x\r\n"
		"CSeq: 4 REGISTER\r\nContact: <sip:k@q.invalid>\r\nContent-Length: 0\r\n\r\n");
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
	wic_register(&a, ASK("bob")); /* a second IMPI on a bound flow: refused, not closed */
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
	wic_send(&c, "REGISTER sip:ims.example.org SIP/2.0\r\nVia: SIP/2.0/WSS q.invalid;branch=z9hG4bKd\r\n"
		"From: <sip:alice@ims.example.org>;tag=1\r\nTo: <sip:alice@ims.example.org>\r\n"
		"Call-ID: c-alice\r\nCSeq: 3 REGISTER\r\nContact: <sip:k@q7.invalid;transport=ws>;expires=0\r\n"
		ANSWER("alice") "Content-Length: 0\r\n\r\n");
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

/* ---- limits ---- */

static void test_limits(void **state)
{
	struct wic c, d, e;
	start_epcscf("limits: {registers-per-10s: 2, requests-per-second: 3, open-per-address: 2, "
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

static void plain_request(struct plain *p, const char *to, const char *method, const char *fields,
	int status)
{
	static int n;
	struct buf b = {0};
	struct sip_hop hop = {.transport = SIP_UDP, .remote = rig_addr(to)};
	int want = p->got + 1;
	n++;
	buf_fmt(&b, "%s sip:ims.example.org SIP/2.0\r\nMax-Forwards: 70\r\n"
		"From: <sip:alice@ims.example.org>;tag=p\r\nTo: <sip:alice@ims.example.org>\r\n"
		"Call-ID: p%d\r\nCSeq: %d %s\r\nContact: <sip:alice@127.38.0.102>\r\n%s"
		"Content-Length: 0\r\n\r\n", method, n, n, method, fields);
	assert_int_equal(sip_send(p->stack, buf_str(&b), &hop, on_plain_answer, p, NULL), 0);
	buf_free(&b);
	rig_until_count(&world.rig, &p->got, want);
	assert_int_equal(p->status, status);
}

#define PLAIN EDGE ":5062"

static void test_plain(void **state)
{
	struct plain p, q;
	start_epcscf("access: udp\naccess-listen: \"" PLAIN "\"\n");
	plain_open(&p, "127.38.0.102:5060");
	plain_open(&q, "127.38.0.103:5060");
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
	plain_request(&p, PLAIN, "REGISTER", "", 401);
	core_has("P-Access-Network-Info", "network-provided");
	int got = world.core.got;
	plain_request(&p, PLAIN, "REGISTER", "Authorization: Bearer abc\r\n", 403);
	plain_request(&p, PLAIN, "OPTIONS", "", 200);
	plain_request(&p, PLAIN, "INVITE", "", 405);
	plain_request(&p, EDGE ":5060", "REGISTER", ASK("alice"), 403); /* Mw is no way for users */
	assert_int_equal(world.core.got, got);
	sip_stack_close(p.stack);
	sip_stack_close(q.stack);
	world_close();
}

/* ---- the P-CSCF behind a WAAF ---- */

#define FROM_WAAF                                                                          \
	"Path: <sip:t@waaf.ims.example.org:5061;transport=tls;lr;ob>\r\n"                  \
	"Authorization: Digest username=\"alice-impi@ims.example.org\", "                  \
	"realm=\"ims.example.org\", uri=\"sip:ims.example.org\", nonce=\"n1\", response=\"00\", " \
	"integrity-protected=\"tls-pending\"\r\nP-Charging-Vector: icid-value=waaf\r\n"

static void waaf_sends(const char *cert, int status)
{
	static const struct sip_stack_h h = {.request = on_plain_request};
	struct sip_hop hop = {.transport = SIP_TLS, .local = rig_addr(WAAF),
		.remote = rig_addr(EDGE ":5061")};
	struct tls *tls = rig_tls(&world.rig, false, cert, "ca.pem", false);
	struct plain p = {0};
	struct buf b = {0};

	assert_int_equal(sip_stack_new(&world.rig.host, NULL, &h, &p, &p.stack), 0);
	sip_stack_client_tls(p.stack, tls);
	buf_fmt(&b, "REGISTER sip:ims.example.org SIP/2.0\r\nMax-Forwards: 70\r\n"
		"From: <sip:alice@ims.example.org>;tag=p\r\nTo: <sip:alice@ims.example.org>\r\n"
		"Call-ID: w\r\nCSeq: 1 REGISTER\r\nContact: <sip:k@q7.invalid>;reg-id=1\r\n" FROM_WAAF
		"Content-Length: 0\r\n\r\n");
	assert_int_equal(sip_send(p.stack, buf_str(&b), &hop, on_plain_answer, &p, NULL), 0);
	rig_until_count(&world.rig, &p.got, 1);
	if (status > 0)
		assert_int_equal(p.status, status);
	else
		assert_true(p.status < 0);
	buf_free(&b);
	sip_stack_close(p.stack);
	rig_run(&world.rig, 50);
	tls_free(tls);
}


static void test_pcscf(void **state)
{
	struct plain p;
	start_epcscf("waafs: [{name: waaf.ims.example.org, addr: " WAAF ", plain: true}]\n");
	waaf_sends("waaf", 200);
	core_is("Authorization.integrity-protected", "tls-pending");
	core_has("Path", "@epcscf.ims.example.org:5060;lr;ob>");
	core_has("Path[2]", "<sip:t@waaf.ims.example.org");
	core_has("P-Visited-Network-ID", "ims.example.org");
	assert_true(str_find(field("P-Charging-Vector"), STR("icid-value=waaf")) < 0);

	waaf_sends("stranger", 200); /* a certificate of our authority, another name */
	core_is("Authorization.integrity-protected", NULL);
	core_is("Path[2]", NULL);
	assert_true(logged("no listed WAAF"));
	int got = world.core.got;
	waaf_sends(NULL, -1); /* no certificate: no TLS */
	assert_int_equal(world.core.got, got);

	plain_open(&p, WAAF ":5060"); /* by its address */
	plain_request(&p, EDGE ":5060", "REGISTER", FROM_WAAF, 200);
	core_is("Authorization.integrity-protected", "tls-pending");
	core_has("Path[2]", "<sip:t@waaf.ims.example.org");
	plain_request(&p, EDGE ":5060", "OPTIONS", "", 200);
	plain_request(&p, EDGE ":5060", "MESSAGE", "", 405);
	sip_stack_close(p.stack);
	plain_open(&p, "127.38.0.102:5060");
	plain_request(&p, EDGE ":5060", "REGISTER", FROM_WAAF, 403);
	sip_stack_close(p.stack);
	world_close();
}

/* ---- the WAAF ---- */

static void waaf_config(struct buf *b, const char *extra)
{
	buf_fmt(b,
		"node: {name: waaf, run-dir: %s, log: {level: debug}, trace: off, seed: 1, names: ["
		"{name: icscf.ims.example.org, addr: " ICSCF "}, "
		"{name: epcscf.ims.example.org, addr: " EDGE "}]}\n"
		"name: waaf.ims.example.org\nrealm: ims.example.org\n"
		"sip: {listen: \"" WAAF ":5060\", t1: 20ms}\nicscf: icscf.ims.example.org\n"
		"wss: {listen: \"" WAAF ":8443\", cert: %s, key: %s}\n%s",
		world.rig.dir, rig_file(&world.rig, "waaf.pem"), rig_file(&world.rig, "waaf-key.pem"),
		extra);
}

#define WAAF_ORIGINS "origins: [{origin: \"" ORIGIN "\", auth: [digest]}]\n"

static void start_waaf(const char *core, const char *transport, const char *extra)
{
	struct buf b = {0}, all = {0};
	world_open();
	core_open(core, true);
	buf_fmt(&all, "pcscf: {host: epcscf.ims.example.org, transport: %s, listen: \"" WAAF ":5061\", "
		"ca: %s}\n%s", transport, rig_file(&world.rig, "ca.pem"), extra);
	waaf_config(&b, buf_z(&all));
	buf_free(&all);
	start("waaf", &b);
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

static void test_waaf_third_party(void **state)
{
	struct wic c;
	start_waaf(EDGE, "tls", "domain: third-party\norigins: [{origin: \"" ORIGIN "\", auth: []}]\n");
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
	write_file("log", "");
	write_file("config.yaml", buf_z(config));
	buf_free(config);
	pid_t pid = spawn(program, "config.yaml");
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 4);
	if (!logged(sentence))
		fail_msg("%s does not say \"%s\"", program, sentence);
}

static void test_configuration(void **state)
{
	static const char *const waaf[][2] = {
		{"domain: third-party\n" WAAF_ORIGINS, "third-party"},
		{"origins: [{origin: \"https://wwsf.example/\", auth: [digest]}]\n", "no origin"},
		{"origins: [{origin: \"" ORIGIN "\", auth: [magic]}]\n", "magic"},
		{"domain: somewhere\n" WAAF_ORIGINS, "somewhere"},
	};
	struct buf b = {0}, extra = {0};
	world_open();
	epcscf_config(&b, "domain: third-party\n");
	refused("epcscf", &b, "third-party");
	epcscf_config(&b, "access: udp\n");
	refused("epcscf", &b, "access-listen");
	for (size_t i = 0; i < sizeof waaf / sizeof *waaf; i++) {
		extra.n = 0;
		buf_fmt(&extra, "pcscf: {host: epcscf.ims.example.org, transport: udp}\n%s", waaf[i][0]);
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
		cmocka_unit_test(test_digest),
		cmocka_unit_test(test_no_authorization),
		cmocka_unit_test(test_forged),
		cmocka_unit_test(test_handshake),
		cmocka_unit_test(test_refused_register),
		cmocka_unit_test(test_refused_identities),
		cmocka_unit_test(test_binding),
		cmocka_unit_test(test_shared_impu),
		cmocka_unit_test(test_deregister),
		cmocka_unit_test(test_network_refuses),
		cmocka_unit_test(test_next_hop_silent),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_limit_handshakes),
		cmocka_unit_test(test_limit_late),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_pcscf),
		cmocka_unit_test(test_waaf),
		cmocka_unit_test(test_waaf_third_party),
		cmocka_unit_test(test_configuration),
	};
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
