/* What the tests of the WWSF stand on.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/wwsf_rig.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/crypto/password.h"
#include "common/net/work.h"

struct world world;

static const struct name names[] = {{.name = "waaf.ims.example.org"}};

/* ---- the element ---- */

int world_open(void **state)
{
	static struct name table[1];
	memset(&world, 0, sizeof world);
	rig_open(&world.rig, "wwsf");
	rig_ca(&world.rig);
	rig_cert(&world.rig, "wwsf", "wwsf.ims.example.org", WWSF);
	rig_cert(&world.rig, "waaf", "waaf.ims.example.org", "127.39.1.11");
	table[0] = names[0];
	table[0].addr = rig_addr("127.39.1.11:0");
	world.rig.host.names = table;
	world.rig.host.n_names = 1;
	assert_int_equal(password_hash("wonderland", 1, world.hash), 0);
	return 0;
}

static int load(const char *extra, char why[512])
{
	struct buf b = {0};
	const char *h = world.hash;

	buf_fmt(&b,
		"web: {listen: \"" WWSF ":8443\", cert: \"%s\", key: \"%s\"}\n"
		"identity: wwsf.ims.example.org\norigin: \"" ORIGIN "\"\n"
		"also: [\"https://" WWSF ":8443\"]\n"
		"domain: ims.example.org\nedge: \"wss://epcscf.ims.example.org:8443/sip\"\n"
		"users:\n"
		"  - {user: alice, password-hash: \"%s\", impi: alice-impi@ims.example.org, "
		"impu: [\"sip:alice@ims.example.org\", \"sip:a@ims.example.org\"]}\n"
		"  - {user: bob, password-hash: \"%s\", impi: bob-impi@ims.example.org, "
		"impu: [\"sip:bob@ims.example.org\"]}\n"
		"  - {user: mallory, password-hash: \"%s\"}\n"
		"  - {user: \"x@y\", password-hash: \"%s\"}\n"
		"  - {user: silent, impi: s@ims.example.org, impu: [\"sip:s@ims.example.org\"]}\n"
		"%s",
		rig_file(&world.rig, "wwsf.pem"), rig_file(&world.rig, "wwsf-key.pem"), h, h, h, h,
		extra);
	arena_free(&world.arena);
	int err = conf_load_text(
		buf_str(&b), "wwsf.yaml", wwsf_conf_rows, &world.conf, &world.arena, why);
	buf_free(&b);
	return err ? err : wwsf_conf_check(&world.conf, why);
}

void world_start(const char *extra)
{
	char why[512] = "";
	if (load(extra, why) || wwsf_start(&world.rig.host, &world.conf, why))
		fail_msg("%s", why);
	world.tls = rig_tls(&world.rig, false, NULL, "ca.pem", false);
	struct http_client_conf conf = {.local = rig_addr("127.39.1.101:0"),
		.remote = rig_addr(WWSF ":8443"), .tls = world.tls,
		.server_name = "wwsf.ims.example.org", .timeout_ms = 60000};
	world.client = http_client_new(&world.rig.host, &conf);
}

const char *world_refuses(const char *extra)
{
	static char why[512];
	*why = 0;
	if (load(extra, why) == 0 && wwsf_start(&world.rig.host, &world.conf, why) == 0)
		*why = 0;
	wwsf_stop();
	return why;
}

void world_stop(void)
{
	if (!world.client)
		return;
	wwsf_stop();
	work_cancel(&world.rig.host);
	http_client_free(world.client);
	tls_free(world.tls);
	world.client = NULL;
}

int world_close(void **state)
{
	world_stop();
	waf_hang_up();
	rig_close(&world.rig);
	json_decref(world.web.body);
	arena_free(&world.arena);
	return 0;
}

/* A connection that the server is about to give up is not in use then. */
static void let_go(void)
{
	if (world.client) {
		http_client_drop(world.client);
		rig_run(&world.rig, 5);
	}
}

void world_reset(void)
{
	let_go();
	wwsf_reset();
}

void world_advance(int64_t ms)
{
	let_go();
	world.offset_ms += ms;
	assert_int_equal(clock_set_offset(world.rig.host.clock, world.offset_ms), 0);
}

/* ---- a browser ---- */

static void keep(const struct http_msg *m, const char *name, char *out, size_t size)
{
	*out = 0;
	str_copy(http_field(m, str_of(name)), out, size);
}

static void keep_cookies(const struct http_msg *m)
{
	for (size_t i = 0; i < m->n_fields; i++) {
		struct str v = m->fields[i].value;
		if (!str_ieq(m->fields[i].name, STR("Set-Cookie")))
			continue;
		if (str_starts(v, STR("__Host-signin=")))
			str_copy(v, world.web.signin, sizeof world.web.signin);
		else
			str_copy(v, world.web.cookie, sizeof world.web.cookie);
	}
}

static void on_answer(int err, const char *why, const struct http_msg *m, void *arg)
{
	struct web *w = &world.web;

	*(bool *)arg = true;
	json_decref(w->body);
	*w = (struct web){.status = err ? err : m->status};
	if (err)
		return;
	keep(m, "Retry-After", w->retry, sizeof w->retry);
	keep(m, "Location", w->location, sizeof w->location);
	keep(m, "Cache-Control", w->cache, sizeof w->cache);
	keep_cookies(m);
	str_copy(m->body, w->text, sizeof w->text);
	w->body = json_loadb(m->body.p ? m->body.p : "", m->body.n, 0, NULL);
}

int ask(const char *method, const char *target, const char *fields, const char *body)
{
	bool done = false;
	struct buf b = {0};

	if (!strstr(fields, "Origin:"))
		buf_fmt(&b, "Origin: " ORIGIN "\r\n");
	buf_fmt(&b, "%s", fields);
	http_send(world.client, method, target, buf_str(&b), str_of(body), on_answer, &done);
	rig_until_set(&world.rig, &done);
	buf_free(&b);
	return world.web.status;
}

int login_from(const char *fields, const char *user, const char *password)
{
	char all[1024];
	json_t *j = json_pack("{s:s, s:s}", "user", user, "password", password);
	char *body = json_dumps(j, 0);
	snprintf(all, sizeof all, "%sContent-Type: application/json\r\n", fields);
	int status = ask("POST", "/login", all, body);
	free(body);
	json_decref(j);
	return status;
}

int login(const char *user, const char *password)
{
	return login_from("", user, password);
}

const char *web_text(const char *member)
{
	return json_string_value(json_object_get(world.web.body, member));
}

void is_error(int status, const char *word)
{
	assert_int_equal(world.web.status, status);
	assert_non_null(web_text("error"));
	assert_string_equal(web_text("error"), word);
	assert_string_equal(world.web.cookie, "");
	assert_null(web_text("token"));
}

const char *signed_in(void)
{
	static char ring[4][512];
	static unsigned at;
	char *out = ring[at++ % 4];
	struct str rest = str_of(world.web.cookie), pair = str_cut(&rest, ';');
	const char *csrf = web_text("csrf");
	snprintf(out, 512, "Cookie: " STR_FMT "\r\n%s%s%s", STR_ARG(pair),
		csrf ? "X-CSRF-Token: " : "", csrf ? csrf : "", csrf ? "\r\n" : "");
	return out;
}

/* ---- the other end of W4 ---- */

static void on_token(struct http_req *req, void *arg)
{
	struct waf_side *w = &world.waf;
	struct stream *s = http_req_stream(req);

	w->got++;
	str_copy(http_req_msg(req)->body, w->form, sizeof w->form);
	str_copy(stream_peer_name(s), w->peer, sizeof w->peer);
	if (w->status)
		http_answer(req, w->status, str_of(w->fields), str_of(w->answer));
	else
		w->held = req;
}

void waf_listen(void)
{
	static const struct http_route routes[] = {{"POST", "/token", on_token}, {0}};
	struct waf_side *w = &world.waf;
	struct http_server_conf conf = {.listen = rig_addr("127.39.1.11:8444"), .routes = routes};

	if (!w->tls)
		w->tls = rig_tls(&world.rig, true, "waaf", "ca.pem", true);
	conf.tls = w->tls;
	w->fields = "Content-Type: application/json\r\n";
	assert_int_equal(http_serve(&world.rig.host, &conf, &w->server), 0);
}

void waf_hang_up(void)
{
	struct waf_side *w = &world.waf;
	if (w->server)
		http_server_close(w->server);
	if (w->held)
		http_answer(w->held, 503, STR(""), STR(""));
	tls_free(w->tls);
	memset(w, 0, sizeof *w);
}
