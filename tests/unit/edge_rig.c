/* What the tests of the running eP-CSCF and WAAF stand on.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/edge_rig.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/node/admin_client.h"

/* ---- the world ---- */

struct world world;

struct str core_field(const char *name)
{
	return sip_script_field(&world.core.last, str_of(name));
}

void core_is(const char *name, const char *value)
{
	struct str v = core_field(name);
	if (value ? !str_eq(v, str_of(value)) : v.p != NULL)
		fail_msg("%s is \"" STR_FMT "\", not \"%s\"", name, STR_ARG(v),
			value ? value : "(absent)");
}

void core_has(const char *name, const char *part)
{
	struct str v = core_field(name);
	if (str_find(v, str_of(part)) < 0)
		fail_msg("%s is \"" STR_FMT "\", without \"%s\"", name, STR_ARG(v), part);
}

static void answer(struct core *c, struct sip_req *req)
{
	const struct sip_msg *m = sip_req_msg(req);
	int status = c->status;

	if (!status)
		status = sip_script_field(m, STR("Authorization.response")).n ? 200 : 401;
	if (status == 401) {
		sip_answer(req, 401, NULL,
			c->challenges ? str_of(c->challenges) :
			STR("WWW-Authenticate: Digest realm=\"ims.example.org\", "
			    "nonce=\"n1\", qop=\"auth\", algorithm=MD5, ik=\"00\", "
			    "ck=\"11\"\r\n"));
	} else if (status == 200) {
		struct str contact = sip_value(m, SIP_H_CONTACT);
		sip_answer_fmt(req, 200, NULL,
			"Contact: " STR_FMT "%s\r\nService-Route: <sip:orig@scscf;lr>\r\n"
			"P-Associated-URI: " STR_FMT "%s%s"
			"\r\nP-Charging-Vector: icid-value=x\r\n",
			STR_ARG(contact),
			c->grants ? c->grants
			: str_find(contact, STR("expires=")) < 0 ? ";expires=600" : "",
			STR_ARG(sip_value(m, SIP_H_TO)), c->associated ? ", " : "",
			c->associated ? c->associated : "");
	} else {
		sip_answer(req, status, NULL, str_of(c->fields));
	}
}

static void on_core_request(struct sip_req *req, void *arg)
{
	struct core *c = arg;
	const struct sip_msg *m = sip_req_msg(req);
	struct sip_fault fault;

	arena_free(&c->arena);
	assert_int_equal(sip_msg_parse(&c->last, arena_str(&c->arena, m->bytes),
				 &c->arena, &fault),
		0);
	c->got++;
	c->held = sip_req_id(req);
	if (c->status >= 0)
		answer(c, req);
}

void core_answers(int status)
{
	struct sip_req *req = sip_req_find(world.core.stack, world.core.held);
	assert_non_null(req);
	world.core.status = status;
	answer(&world.core, req);
}

void core_open(const char *addr, bool tls)
{
	static const struct sip_stack_h h = {.request = on_core_request};
	struct addr at = rig_addr(addr);
	struct tls *t;

	assert_int_equal(
		sip_stack_new(&world.rig.host, NULL, &h, &world.core, &world.core.stack),
		0);
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

void world_write(const char *name, const char *text)
{
	FILE *f = fopen(rig_file(&world.rig, name), "w");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
	assert_int_equal(fclose(f), 0);
}

pid_t world_spawn(const char *program, const char *config)
{
	char path[512];
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed test leaves nobody behind */
	snprintf(path, sizeof path, "%s/%s", BIN_DIR, program);
	if (!freopen(rig_file(&world.rig, "log"), "a", stderr))
		_exit(126);
	execl(path, program, "--config", rig_file(&world.rig, config), (char *)NULL);
	_exit(127);
}

/* What it wrote to its log holds the text. */
bool logged(const char *text)
{
	static char log[200000];
	FILE *f = fopen(rig_file(&world.rig, "log"), "r");
	size_t n = f ? fread(log, 1, sizeof log - 1, f) : 0;
	if (f)
		fclose(f);
	log[n] = '\0';
	return strstr(log, text) != NULL;
}

void epcscf_config(struct buf *b, const char *extra)
{
	buf_fmt(b,
		"node: {name: epcscf, run-dir: %s, log: {level: debug}, trace: off, "
		"seed: 1, names: ["
		"{name: icscf.ims.example.org, addr: " ICSCF "}, "
		"{name: wwsf.ims.example.org, addr: 127.38.1.10}]}\n"
		"name: epcscf.ims.example.org\nrealm: ims.example.org\n"
		"sip: {listen: \"" EDGE
		":5060\", t1: 20ms}\nicscf: icscf.ims.example.org\n"
		"wss: {listen: \"" EDGE ":8443\", cert: %s, key: %s}\nca: %s\n"
		"waaf-listen: \"" EDGE ":5061\"\n"
		"origins: [{origin: \"" ORIGIN "\", wwsf: wwsf.ims.example.org, auth: [%s]}, "
		"{origin: \"https://other.example\", wwsf: other.example, auth: [%s]}]\n%s",
		world.rig.dir, rig_file(&world.rig, "epcscf.pem"),
		rig_file(&world.rig, "epcscf-key.pem"), rig_file(&world.rig, "ca.pem"),
		world.auth ? world.auth : "digest", world.auth ? world.auth : "", extra);
}

static bool is_ready(void *arg)
{
	return logged(arg);
}

void world_open(void)
{
	memset(&world, 0, sizeof world);
	rig_open(&world.rig, "test");
	rig_ca(&world.rig);
	rig_cert(&world.rig, "epcscf", "epcscf.ims.example.org", EDGE);
	rig_cert(&world.rig, "waaf", "waaf.ims.example.org", WAAF);
	rig_cert(&world.rig, "stranger", "stranger.example.org", WAAF);
	world.client_tls = rig_tls(&world.rig, false, NULL, "ca.pem", false);
}

void world_start(const char *program, struct buf *config)
{
	world_write("config.yaml", buf_z(config));
	buf_free(config);
	world.program = program;
	world.pid = world_spawn(program, "config.yaml");
	rig_until(&world.rig, is_ready, "ready");
}

void start_epcscf(const char *extra)
{
	struct buf b = {0};
	world_open();
	core_open(ICSCF, false);
	epcscf_config(&b, extra);
	world_start("epcscf", &b);
}

void world_stop(void)
{
	int status = 0;
	kill(world.pid, SIGTERM);
	assert_int_equal(waitpid(world.pid, &status, 0), world.pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		fail_msg("the element ended with status %x", (unsigned)status);
	world.pid = 0;
}

void world_close(void)
{
	if (world.pid)
		world_stop();
	sip_stack_close(world.core.stack);
	tls_free(world.client_tls);
	rig_close(&world.rig);
	arena_free(&world.core.arena);
}

json_t *world_admin(const char *command)
{
	json_t *ask = json_loads(command, 0, NULL), *answer;
	char why[256], sock[40];
	assert_non_null(ask);
	snprintf(sock, sizeof sock, "%s.sock", world.program);
	if (admin_once(rig_file(&world.rig, sock), ask, 5000, &answer, why))
		fail_msg("%s", why);
	json_decref(ask);
	assert_true(json_is_true(json_object_get(answer, "ok")));
	return answer;
}

void world_advance(int seconds)
{
	enum { STEP = 10 };
	while (seconds > 0) {
		char command[100];
		world.offset_ms += (seconds < STEP ? seconds : STEP) * 1000;
		seconds -= STEP;
		snprintf(command, sizeof command, "{\"cmd\":\"clock\",\"offset_ms\":%lld}",
			(long long)world.offset_ms);
		json_decref(world_admin(command));
		rig_run(&world.rig, 10);
	}
}

/* ---- WICs ---- */

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

void wic_try(struct wic *c, const char *edge, const char *origin, const char *subprotocol,
	const char *path)
{
	static const struct ws_h h = {on_message, on_closed};
	char text[64];
	snprintf(text, sizeof text, "%s:8443", edge);
	struct ws_connect_conf conf = {
		.local = rig_addr("127.38.1.101"),
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

void wic_open(struct wic *c, const char *name, const char *instance)
{
	wic_try(c, EDGE, ORIGIN, "sip", "/sip");
	assert_int_equal(c->http_status, 101);
	assert_non_null(c->ws);
	c->name = name;
	c->instance = instance;
}

void wic_send(struct wic *c, const char *text)
{
	assert_non_null(c->ws);
	assert_int_equal(ws_send(c->ws, true, str_of(text)), 0);
}

static void register_with(
	struct wic *c, const char *fields, const char *type, const char *body)
{
	char text[8192];
	c->cseq++;
	snprintf(text, sizeof text,
		"REGISTER sip:ims.example.org SIP/2.0\r\n"
		"Via: SIP/2.0/WSS q7.invalid;branch=z9hG4bK%s%s%d;rport\r\n"
		"Max-Forwards: 70\r\nFrom: <sip:%s@ims.example.org>;tag=a1\r\n"
		"To: <sip:%s@ims.example.org>\r\nCall-ID: c-%s\r\nCSeq: %d REGISTER\r\n"
		"Contact: "
		"<sip:k@q7.invalid;transport=ws>;+sip.instance=\"<%s>\";reg-id=1%s\r\n"
		"Supported: path, outbound\r\n%s%s%s%sContent-Length: %zu\r\n\r\n%s",
		c->name, c->instance + 9, c->cseq, c->name, c->name, c->name, c->cseq,
		c->instance, c->contact ? c->contact : "", fields,
		type ? "Content-Type: " : "", type ? type : "", type ? "\r\n" : "",
		strlen(body), body);
	wic_send(c, text);
}

void wic_register(struct wic *c, const char *fields)
{
	register_with(c, fields, NULL, "");
}

void wic_body(struct wic *c, const char *type, const char *body)
{
	register_with(c, "", type, body);
}

void wic_asks(struct wic *c, const char *fields, const char *answer)
{
	wic_register(c, fields);
	wic_gets(c, answer);
}

void wic_gets(struct wic *c, const char *begins)
{
	int want = c->got + 1;
	rig_until_count(&world.rig, &c->got, want);
	if (strncmp(c->last, begins, strlen(begins)))
		fail_msg("got %s instead of %s", c->last, begins);
}

void wic_registers(struct wic *c, const char *ask, const char *answer)
{
	wic_register(c, ask);
	wic_gets(c, "SIP/2.0 401");
	wic_register(c, answer);
	wic_gets(c, "SIP/2.0 200");
}

void wic_closed(struct wic *c, int code)
{
	rig_until_set(&world.rig, &c->closed);
	assert_int_equal(c->code, code);
}

void wic_close(struct wic *c)
{
	if (c->ws)
		ws_close(c->ws, 1000, "");
	rig_until_set(&world.rig, &c->closed);
}

void wic_request(struct wic *c, const char *method)
{
	char text[2048];
	c->cseq++;
	snprintf(text, sizeof text,
		"%s sip:bob@ims.example.org SIP/2.0\r\nVia: SIP/2.0/WSS "
		"q7.invalid;branch=z9hG4bKr%s%d\r\n"
		"Max-Forwards: 70\r\nFrom: <sip:%s@ims.example.org>;tag=a1\r\n"
		"To: <sip:bob@ims.example.org>\r\nCall-ID: r-%s\r\nCSeq: %d %s\r\n"
		"Content-Length: 0\r\n\r\n",
		method, c->name, c->cseq, c->name, c->name, c->cseq, method);
	wic_send(c, text);
}
