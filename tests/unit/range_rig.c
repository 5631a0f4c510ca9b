/* What the tests of ranges stand on.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/range_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "common/crypto/ca.h"

#define W4_AT WAAF ":8444"

struct reply got;

static const char *const files[WHOS] = {
	"wwsf", "other", "server", "stranger", "foreign/stranger", NULL};
static struct tls *tls[WHOS];
static struct http_client *clients[WHOS];
static const char *range_mode, *range_extra, *range_tokens;

/* ---- the element ---- */

void range_config(struct buf *b, const char *mode, const char *extra, const char *tokens)
{
	struct arena a = {0};
	const char *cert = arena_fmt(&a, "%s/waaf.pem", world.rig.dir).p,
		   *key = arena_fmt(&a, "%s/waaf-key.pem", world.rig.dir).p,
		   *ca = arena_fmt(&a, "%s/ca.pem", world.rig.dir).p;
	bool is_static = !strcmp(mode, "static");

	buf_fmt(b,
		"node: {name: waaf, run-dir: %s, log: {level: debug}, trace: off, seed: 1, "
		"names: [{name: wwsf.ims.example.org, addr: 127.38.1.10}, "
		"{name: epcscf.ims.example.org, addr: " EDGE "}]}\n"
		"name: waaf.ims.example.org\nrealm: ims.example.org\n"
		"sip: {listen: \"" WAAF ":5060\", t1: 20ms}\n"
		"wss: {listen: \"" WAAF ":8443\", cert: %s, key: %s}\n"
		"pcscf: {host: epcscf.ims.example.org, transport: tls, listen: \"" WAAF
		":5061\", ca: %s%s}\n"
		"limits: {registers-per-10s: 1000, handshakes-per-second: 1000}\n"
		"origins: [{origin: \"" ORIGIN "\", wwsf: " WWSF ", auth: [wildcard]}, "
		"{origin: \"https://other.example\", wwsf: " OTHER ", auth: [wildcard]}]\n",
		world.rig.dir, cert, key, ca, is_static ? ", border: ibcf" : "");
	tokens_section(b, tokens, "waaf");
	buf_fmt(b,
		"waf:\n  identity: waaf.ims.example.org\n"
		"  issuer: \"https://waaf.ims.example.org:8445\"\n"
		"  web: {listen: \"" WAAF ":8445\", cert: %s, key: %s}\n"
		"  w4: {listen: \"" W4_AT "\", cert: %s, key: %s, ca: %s}\n"
		"  audience: ims.example.org\n  keys: %s/waf-keys.json\n"
		"  wwsfs: [{identity: " WWSF ", grants: [client_credentials]}]\n",
		cert, key, cert, key, ca, world.rig.dir);
	buf_fmt(b,
		"registrations:\n  database: %s/waaf.db\n%s  wwsfs:\n"
		"    - {wwsf: " WWSF ", mode: %s, blocks: [\"" WEB "\", \"" DESK
		"\"], pilot: {impi: " PILOT_IMPI ", impu: \"sip:pilot@ims.example.org\"}, "
		"impi-realm: wwsf.ims.example.org, exclude: [\"sip:webmaster@ims.example.org\"]%s}\n"
		"    - {wwsf: " OTHER ", mode: %s, blocks: [\"" NET "\"%s], "
		"pilot: {impi: netpilot@other.example, impu: \"sip:netpilot@ims.example.org\"}, "
		"impi-realm: other.example%s}\n",
		world.rig.dir, extra, mode, is_static ? ", ha1: " HA1 ", realm: ims.example.org" : "",
		mode, is_static ? "" : ", \"" WEB2 "\"",
		is_static ? ", ha1: " HA1 ", realm: ims.example.org" : "");
	arena_free(&a);
}

static void start(void)
{
	struct buf b = {0};
	range_config(&b, range_mode, range_extra, range_tokens);
	world_start("waaf", &b);
}

static void make_certificates(void)
{
	const struct ca_subject server = {.name = "server",
		.dns = (const char *const[]){WWSF, NULL},
		.use = CA_SERVER};
	const struct ca_subject foreign = {
		.name = "foreign", .dns = server.dns, .use = CA_BOTH};
	char why[256];

	rig_cert(&world.rig, "other", OTHER, NULL);
	assert_int_equal(ca_issue(world.rig.dir, &server, rig_file(&world.rig, "server.pem"),
				 rig_file(&world.rig, "server-key.pem"), why), 0);
	assert_int_equal(mkdir(rig_file(&world.rig, "foreign"), 0700), 0);
	assert_int_equal(ca_make(rig_file(&world.rig, "foreign"), "another CA", why), 0);
	assert_int_equal(ca_issue(rig_file(&world.rig, "foreign"), &foreign,
				 rig_file(&world.rig, "foreign/stranger.pem"),
				 rig_file(&world.rig, "foreign/stranger-key.pem"), why), 0);
}

void range_open(const char *mode, const char *extra, const char *tokens)
{
	world_open();
	make_certificates();
	core_open(EDGE, true);
	world.core.associated = "<" WEB ">, <" DESK ">";
	issuer_open("127.38.1.10:8443");
	range_mode = mode;
	range_extra = extra;
	range_tokens = tokens;
	start();
	for (enum who w = 0; w < WHOS; w++) {
		tls[w] = rig_tls(&world.rig, false, files[w], "ca.pem", false);
		struct http_client_conf conf = {.local = rig_addr("127.38.1.10:0"),
			.remote = rig_addr(W4_AT),
			.tls = tls[w],
			.server_name = "waaf.ims.example.org"};
		clients[w] = http_client_new(&world.rig.host, &conf);
	}
}

void range_restart(void)
{
	if (world.pid)
		world_stop();
	rig_run(&world.rig, 20);
	world_write("log", "");
	start();
	world.offset_ms = 0;
}

void range_close(void)
{
	for (enum who w = 0; w < WHOS; w++) {
		http_client_free(clients[w]);
		tls_free(tls[w]);
	}
	json_decref(got.json);
	got = (struct reply){0};
	issuer_free();
	world_close();
}

/* ---- W4 ---- */

static void on_answer(int err, const char *why, const struct http_msg *m, void *arg)
{
	struct reply *r = arg;
	struct buf b = {0};

	r->n++;
	r->err = err;
	if (!m)
		return;
	r->status = m->status;
	json_decref(r->json);
	r->json = m->body.n ? json_loadb(m->body.p, m->body.n, 0, NULL) : NULL;
	for (size_t i = 0; i < m->n_fields; i++)
		buf_fmt(&b, STR_FMT ": " STR_FMT "\n", STR_ARG(m->fields[i].name),
			STR_ARG(m->fields[i].value));
	str_copy(buf_str(&b), r->fields, sizeof r->fields);
	buf_free(&b);
}

void w4_begin(enum who who, const char *method, const char *target, const char *body)
{
	json_decref(got.json);
	got = (struct reply){0};
	http_send(clients[who], method, target,
		body ? STR("Content-Type: application/json\r\n") : STR_NONE, str_of(body),
		on_answer, &got);
}

void w4_end(int status)
{
	rig_until_count(&world.rig, &got.n, 1);
	if (got.status != status)
		fail_msg("%d %s (%s), not %d", got.status, said("error"),
			said("error_description"), status);
}

void w4(enum who who, const char *method, const char *target, const char *body, int status)
{
	w4_begin(who, method, target, body);
	w4_end(status);
}

const char *said(const char *name)
{
	const char *text = json_string_value(json_object_get(got.json, name));
	return text ? text : "";
}

void refused_with(const char *error)
{
	assert_string_equal(said("error"), error);
	assert_true(strlen(said("error_description")) > 10);
	assert_non_null(strstr(got.fields, "Cache-Control: no-store\n"));
}

const char *ask_for(const char *blocks, int expires, const char *credentials)
{
	static char texts[4][2000];
	static int next;
	char *text = texts[next++ % 4];
	snprintf(text, sizeof texts[0],
		"{\"wwsf\":\"" WWSF "\",\"block\":[%s],\"impi\":\"" PILOT_IMPI
		"\",\"impu\":\"sip:pilot@ims.example.org\",\"expires\":%d%s%s}",
		blocks, expires, credentials ? ",\"credentials\":" : "",
		credentials ? credentials : "");
	return text;
}

const char *w4_registers(const char *blocks, int expires)
{
	static char id[64];
	w4(W_WWSF, "POST", "/registrations", ask_for(blocks, expires, NULL), 401);
	w4(W_WWSF, "POST", "/registrations", ask_for(blocks, expires, CREDENTIALS("n1")), 200);
	snprintf(id, sizeof id, "/registrations/%s", said("id"));
	return id;
}

json_t *state_of(const char *wwsf)
{
	json_t *all = world_admin("{\"cmd\":\"state\"}"), *row, *found = NULL;
	size_t i;
	json_array_foreach (json_object_get(all, "registrations"), i, row)
		if (!strcmp(json_string_value(json_object_get(row, "wwsf")), wwsf))
			found = json_incref(row);
	json_decref(all);
	assert_non_null(found);
	return found;
}

/* ---- members ---- */

struct token member_claims(const char *name)
{
	struct token t = claims_of(name);
	t.impi = arena_fmt(&issuer.arena, "%s@wwsf.ims.example.org", name);
	return t;
}

const char *member_token(const char *name)
{
	struct token t = member_claims(name);
	return token_of(&t);
}

void member_open(struct wic *c, const char *name)
{
	static char instances[16][40];
	static int next;
	char *instance = instances[next % 16];
	snprintf(instance, sizeof instances[0], "urn:uuid:%d", ++next);
	wic_try(c, WAAF, ORIGIN, "sip", "/sip");
	assert_int_equal(c->http_status, 101);
	c->name = name;
	c->instance = instance;
	c->cseq = 100 * next; /* all devices of this test have one Call-ID */
}

void member_registers(struct wic *c, const char *name)
{
	member_open(c, name);
	wic_asks(c, bearer(member_token(name)), "SIP/2.0 200");
}

json_t *member_state(const char *name)
{
	char command[200];
	snprintf(command, sizeof command,
		"{\"cmd\":\"state\",\"impu\":\"sip:%s@ims.example.org\"}", name);
	json_t *all = world_admin(command);
	json_t *m = json_incref(json_array_get(json_object_get(all, "members"), 0));
	json_decref(all);
	return m;
}
