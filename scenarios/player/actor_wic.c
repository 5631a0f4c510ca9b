/* The actor `wic`: a person with a browser, in a script's words. Here are the secure
 * WebSocket and SIP; actor_wic_web.c has the pages.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>

#include "scenarios/player/actor_wic.h"
#include "scenarios/wic/forge.h"

enum { MAX_WAITING = 8, CONNECT_TRIES = 2000, ENDING_TRIES = 500 };
struct wic_actor {
	struct wic_env env;
	struct wic *wic;
	struct tls *tls;
	struct replies replies;
	uint64_t waiting[MAX_WAITING]; /* requests nobody has told how to answer */
	size_t n_waiting;
	bool connecting; /* `connects` has begun, and waits until this attempt */
	int connect_until;
	char lost[200]; /* why the last connect failed; "" when it did not */
	bool closed;
};

static struct wic_actor *self(const struct actor *a)
{
	return a->self;
}

struct wic *wic_of(const struct actor *a)
{
	return self(a)->wic;
}

/* ---- settings and options ---- */

static const char *const authorization_words[] = {
	"full", "none", "bearer", "bearer-only", "body", NULL};
static const char *const token_form_words[] = {"token68", "param", NULL};
static const char *const identities_words[] = {"answer", "token", NULL};
static const char *const algorithm_words[] = {
	"MD5", "SHA-256", "AKAv1-MD5", "AKAv2-SHA-256", NULL};

static const struct actor_option wic_settings[] = {{"edge", OPTION_TEXT},
	{"edge-address", OPTION_TEXT}, {"path", OPTION_TEXT}, {"impi", OPTION_TEXT},
	{"impu", OPTION_TEXT}, {"password", OPTION_TEXT}, {"origin", OPTION_TEXT},
	{"subprotocol", OPTION_TEXT}, {"server-name", OPTION_TEXT},
	{"expires", OPTION_SECONDS}, {"instance", OPTION_TEXT}, {"reg-id", OPTION_NUMBER},
	{"domain", OPTION_TEXT}, {"authorization", OPTION_WORD, authorization_words},
	{"algorithm", OPTION_WORD, algorithm_words}, {"rspauth", OPTION_SWITCH},
	{"k", OPTION_TEXT}, {"op", OPTION_TEXT}, {"opc", OPTION_TEXT}, {"sqn", OPTION_TEXT},
	{"wwsf-entity", OPTION_TEXT},
	{"flow", OPTION_TEXT}, {"wwsf", OPTION_TEXT}, {"web-user", OPTION_TEXT},
	{"web-password", OPTION_TEXT}, {"token", OPTION_TEXT},
	{"token-form", OPTION_WORD, token_form_words},
	{"identities", OPTION_WORD, identities_words}, {"wsf", OPTION_TEXT}, {.name = NULL}};

static const struct actor_option register_options[] = {{"headers", OPTION_MAP},
	{"response", OPTION_MAP}, {"auth", OPTION_MAP}, {"call-id", OPTION_TEXT},
	{"new-call-id", OPTION_SWITCH}, {"contact", OPTION_TEXT}, {"forge", OPTION_MAP},
	{.name = NULL}};
static const struct actor_option connect_options[] = {
	{"fails", OPTION_TEXT}, {.name = NULL}};
static const struct actor_option disconnect_options[] = {{"code", OPTION_NUMBER},
	{"reason", OPTION_TEXT}, {"hard", OPTION_SWITCH}, {.name = NULL}};
static const struct actor_option send_options[] = {{"method", OPTION_TEXT},
	{"uri", OPTION_TEXT}, {"to", OPTION_TEXT}, {"headers", OPTION_MAP},
	{"type", OPTION_TEXT}, {"body", OPTION_TEXT}, {"message", OPTION_TEXT},
	{.name = NULL}};

static enum wic_authorization authorization_of(const json_t *o)
{
	const char *word = option_text(o, "authorization", "full");
	for (int i = 0; word && authorization_words[i]; i++)
		if (!strcmp(authorization_words[i], word))
			return (enum wic_authorization)i;
	return WIC_NONE;
}

/* "epcscf", "waaf", or a wss: URI; without a setting what the WWSF named, else the WAAF
 * of a rig that has one, else the eP-CSCF. */
static const char *edge_of(const struct actor *a, const json_t *o, char out[256])
{
	const char *dflt = rig_element(a->rig, "waaf") ? "waaf" : "epcscf";
	const char *edge = option_text(o, "edge", self(a)->wic->edge ? NULL : dflt);
	const char *path = option_text(o, "path", "/sip");

	if (!edge || strstr(edge, "://"))
		return edge;
	snprintf(out, 256, "wss://%s." RIG_DOMAIN ":8443%s", edge, path ? path : "/");
	return out;
}

/* With `identities` the WWSF's word counts: what stands in the settings is what the script
 * expects it to say, unless the verb itself brings another. NULL: what was learnt. */
static const char *identity_of(
	const struct actor *a, const json_t *o, const char *name, const char *learnt)
{
	const json_t *v = json_object_get(o, name);
	bool own = v && json_equal(v, json_object_get(a->settings, name));

	return option_text(o, "identities", NULL) && learnt && own
		       ? NULL
		       : option_text(o, name, NULL);
}

static struct wic_conf conf_of(const struct actor *a, const json_t *o)
{
	const struct wic *w = self(a)->wic;

	return (struct wic_conf){
		.domain = option_text(o, "domain", RIG_DOMAIN),
		.impi = identity_of(a, o, "impi", w->impi),
		.impu = identity_of(a, o, "impu", w->impu),
		.password = option_text(o, "password", ""),
		.algorithm = option_text(o, "algorithm", NULL),
		.usim = actor_usim(o),
		.authorization = authorization_of(o),
		.token = option_text(o, "token", NULL),
		.token_param = !strcmp(option_text(o, "token-form", "token68"), "param"),
		.expires = option_number(o, "expires", 600),
		.reg_id = option_absent(o, "reg-id") ? 0
						     : (int)option_number(o, "reg-id", 1),
		.instance = option_absent(o, "instance")
				    ? ""
				    : option_text(o, "instance", NULL),
		.call_id = option_text(o, "call-id", NULL),
		.new_call_id = option_switch(o, "new-call-id", false),
		.flow = option_text(o, "flow", NULL),
		.contact = option_text(o, "contact", NULL),
		.headers = json_object_get(o, "headers"),
		.response = json_object_get(o, "response"),
		.auth = json_object_get(o, "auth"),
		.wwsf_entity = option_text(o, "wwsf-entity", NULL),
		.check_rspauth = option_switch(o, "rspauth", true),
		.origin = option_text(o, "origin", option_text(o, "wwsf", WWSF_ORIGIN)),
		.subprotocol = option_text(o, "subprotocol", "sip"),
		.server_name = option_text(o, "server-name", NULL),
	};
}

/* ---- verbs ---- */

static int start_connect(
	struct actor *a, const json_t *o, const struct wic_conf *given, char why[256])
{
	struct wic_actor *s = self(a);
	struct wic_conf c = *given;
	const char *address = option_text(o, "edge-address", NULL);
	char edge[256];
	int err;

	if (!json_object_get(o, "edge") && web_await(a, why))
		return -EAGAIN;
	if (address && (err = actor_target(a, address, 8443, &c.edge_addr, why)))
		return err;
	c.edge = edge_of(a, o, edge);
	*s->lost = 0;
	err = wic_connect(s->wic, &c, why);
	/* The one before may be about to end. */
	return err == -EISCONN && a->attempt < ENDING_TRIES ? -EAGAIN : err;
}

/* `fails`: it must be refused, for a reason that the expression matches. */
static int check_failed(struct actor *a, const char *fails, char why[256])
{
	const char *lost = self(a)->lost;
	regex_t re;
	int err;

	if (!*lost) {
		snprintf(why, 256, "was to fail (%s), but is open", fails);
		return -EPROTO;
	}
	size_t n = strlen(fails);
	char *expression = n > 1 && fails[0] == '/' && fails[n - 1] == '/'
				   ? str_dup((struct str){fails + 1, n - 2})
				   : str_dup(str_of(fails));
	err = regcomp(&re, expression, REG_EXTENDED | REG_NOSUB);
	free(expression);
	if (err) {
		snprintf(why, 256, "fails: \"%s\" is no regular expression", fails);
		return -EINVAL;
	}
	err = regexec(&re, lost, 0, NULL, 0);
	regfree(&re);
	if (!err)
		return 0;
	snprintf(why, 256, "was to fail with %s, but failed with: %s", fails, lost);
	return -EPROTO;
}

static int connects(struct actor *a, const json_t *o, char why[256])
{
	struct wic_actor *s = self(a);
	struct wic_conf c = conf_of(a, o);
	const char *fails = option_text(o, "fails", NULL);
	int err;

	if (!a->attempt)
		s->connecting = false;
	if (!s->connecting) {
		if ((err = start_connect(a, o, &c, why)))
			return err;
		s->connecting = true;
		s->connect_until = a->attempt + CONNECT_TRIES;
	}
	/* Refused or open, the act is done; so it is when an answer is held or lost. */
	if (wic_connecting(s->wic, c.flow) && a->attempt < s->connect_until)
		return -EAGAIN;
	return fails ? check_failed(a, fails, why) : 0;
}

static int await_flow(struct actor *a, const struct wic_conf *c, char why[256])
{
	const struct wic *w = self(a)->wic;

	if (wic_flow(w, c->flow))
		return 0;
	if (wic_connecting(w, c->flow)) {
		snprintf(why, 256, "the connection does not open");
		return -EAGAIN;
	}
	snprintf(
		why, 256, "not connected%s%s", *self(a)->lost ? ": " : "", self(a)->lost);
	return -ENOTCONN;
}

/* The issuer's keys are in its file beside the rig's configurations; a token says by iss
 * whose it is. */
static int forge(struct actor *a, const json_t *o, struct wic_conf *c, struct buf *out,
	char why[256])
{
	const json_t *spec = json_object_get(o, "forge");
	const char *token = c->token ? c->token : self(a)->wic->token,
		   *other = json_string_value(json_object_get(spec, "other")),
		   *issuer = json_string_value(json_object_get(spec, "issuer"));
	json_t *claims = token_part(str_of(token), 1);
	const char *iss = json_string_value(json_object_get(claims, "iss"));
	char keys[600];

	if (!issuer)
		issuer = iss && strstr(iss, "//waaf.")   ? "waf"
			 : iss && strstr(iss, "//wwsf2.") ? "wwsf2"
							  : "wwsf";
	snprintf(keys, sizeof keys, "%s/%s-keys.json", a->rig->dir, issuer);
	json_decref(claims);
	struct forge f = {.token = str_of(token),
		.other = str_of(other),
		.keys = keys,
		.now_s = clock_wall_ms(a->rig->clock) / 1000};
	int err = forge_write(&f, spec, out, why);
	c->token = buf_z(out);
	return err;
}

static int registers_as(
	struct actor *a, const json_t *o, enum wic_register_kind kind, char why[256])
{
	struct wic *w = self(a)->wic;
	struct wic_conf c = conf_of(a, o);
	struct buf forged = {0};
	bool brings = c.authorization >= WIC_BEARER;
	int err = await_flow(a, &c, why);

	if (!err && (!c.impu || !c.impi || (brings && !c.token)))
		err = web_await(a, why);
	if (!err && json_object_get(o, "forge"))
		err = forge(a, o, &c, &forged, why);
	if (!err && brings && !c.token && !w->token) {
		snprintf(why, 256, "no token is configured, and the WWSF has given none");
		err = -EINVAL;
	}
	if (!err)
		err = wic_register(w, &c, kind, why);
	buf_free(&forged);
	return err;
}

static int registers(struct actor *a, const json_t *o, char why[256])
{
	return registers_as(a, o, WIC_REGISTER, why);
}

static int answers_challenge(struct actor *a, const json_t *o, char why[256])
{
	if (wic_registering(self(a)->wic)) {
		snprintf(why, 256, "the challenge has not come");
		return -EAGAIN;
	}
	return registers_as(a, o, WIC_ANSWER, why);
}

static int refreshes(struct actor *a, const json_t *o, char why[256])
{
	return registers_as(a, o, WIC_REFRESH, why);
}

static int deregisters(struct actor *a, const json_t *o, char why[256])
{
	return registers_as(a, o, WIC_DEREGISTER, why);
}

static int disconnects(struct actor *a, const json_t *o, char why[256])
{
	struct wic_conf c = conf_of(a, o);
	int err = await_flow(a, &c, why);

	if (err)
		return err;
	wic_disconnect(self(a)->wic, c.flow, (int)option_number(o, "code", 1000),
		option_text(o, "reason", ""), option_switch(o, "hard", false));
	return 0;
}

static int sends(struct actor *a, const json_t *o, char why[256])
{
	struct wic_conf c = conf_of(a, o);
	const char *raw = option_text(o, "message", NULL);
	struct wic_request r = {.method = option_text(o, "method", "OPTIONS"),
		.uri = option_text(o, "uri", NULL),
		.to = option_text(o, "to", NULL),
		.type = option_text(o, "type", NULL),
		.body = option_text(o, "body", NULL)};
	struct buf filled = {0}, bytes = {0};
	int err = await_flow(a, &c, why);

	if (err || !raw)
		return err ? err : wic_send(self(a)->wic, &c, &r, why);
	actor_fill(a, str_of(raw), NULL, &filled);
	actor_crlf(buf_str(&filled), &bytes);
	err = wic_send_raw(self(a)->wic, c.flow, buf_str(&bytes));
	if (err)
		snprintf(why, 256, "cannot be sent: %s", uv_strerror(err));
	buf_free(&filled);
	buf_free(&bytes);
	return err;
}

static bool answer(struct wic_actor *s, struct sip_req *req)
{
	struct buf out = {0};
	int status = reply_write(&s->replies, sip_req_msg(req), s->wic->tag, &out);

	if (status)
		sip_answer_bytes(req, status, buf_str(&out));
	buf_free(&out);
	return status != 0;
}

static int answers(struct actor *a, const json_t *o, char why[256])
{
	struct wic_actor *s = self(a);
	struct sip_req *req;
	size_t k = 0;

	reply_add(&s->replies, o);
	for (size_t i = 0; i < s->n_waiting; i++)
		if ((req = sip_req_find(s->env.stack, s->waiting[i])) && !answer(s, req))
			s->waiting[k++] = s->waiting[i];
	s->n_waiting = k;
	return 0;
}

static const struct actor_verb wic_verbs[] = {
	{"opens the page", web_page_options, web_opens_page},
	{"asks for identities", web_page_options, web_asks_identities},
	{"signs in", web_page_options, web_signs_in},
	{"signs in anonymously", web_page_options, web_signs_in_anonymously},
	{"signs in at the WAF", web_sign_in_options, web_signs_in_at_waf},
	{"asks for a new token", web_page_options, web_asks_new_token},
	{"signs out", web_page_options, web_signs_out},
	{"registers by HTTPS", web_register_options, web_registers},
	{"answers by HTTPS", web_register_options, web_answers},
	{"asks for the session", web_page_options, web_asks_session},
	{"ends the session", web_page_options, web_ends_session},
	{"connects", connect_options, connects},
	{"registers", register_options, registers},
	{"answers the challenge", register_options, answers_challenge},
	{"refreshes", register_options, refreshes},
	{"deregisters", register_options, deregisters},
	{"disconnects", disconnect_options, disconnects}, {"sends", send_options, sends},
	{"answers", reply_options, answers}, {.name = NULL}};

/* ---- what comes back ---- */

static void on_connected(struct wic *w, int err, int status, const char *why)
{
	struct actor *a = w->arg;

	if (!err)
		return;
	snprintf(self(a)->lost, sizeof self(a)->lost, "%s", why ? why : uv_strerror(err));
	actor_warn(a, "no connection: %s", self(a)->lost);
}

static void on_fault(struct wic *w, const char *why)
{
	actor_warn(w->arg, "%s", why);
}

/* A call waits for `answers`; anything else is fine with a WIC that was not told. */
static void on_request(struct wic *w, struct sip_req *req)
{
	struct actor *a = w->arg;
	struct wic_actor *s = self(a);

	if (answer(s, req))
		return;
	if (sip_req_msg(req)->method == SIP_M_INVITE && s->n_waiting < MAX_WAITING)
		s->waiting[s->n_waiting++] = sip_req_id(req);
	else
		sip_answer(req, 200, NULL, STR_NONE);
}

static void on_page(struct wic *w, int err, const char *why, const struct http_msg *m)
{
	if (err)
		actor_warn(w->arg, "no answer from the WWSF: %s", why);
}

/* ---- life ---- */

static int wic_actor_open(struct actor *a, char why[256])
{
	static const struct wic_h h = {.connected = on_connected,
		.request = on_request,
		.fault = on_fault,
		.page = on_page};
	struct wic_actor *s = a->self = MEM_NEW(struct wic_actor);
	int err = actor_tls(a, NULL, false, &s->tls, why);

	if (err)
		return err;
	if ((err = wic_env_open(&s->env, &a->host, &a->addr, s->tls, &h))) {
		snprintf(why, 256, "SIP stack: %s", uv_strerror(err));
		tls_free(s->tls);
		return err;
	}
	s->wic = wic_new(&s->env, a);
	return 0;
}

static void wic_actor_close(struct actor *a)
{
	struct wic_actor *s = self(a);

	if (s->closed)
		return;
	s->closed = true;
	wic_free(s->wic);
	s->wic = NULL;
	wic_env_close(&s->env);
	tls_free(s->tls);
	reply_free(&s->replies);
}

static int wic_actor_busy(const struct actor *a)
{
	const struct wic_actor *s = self(a);
	return s->closed ? 0 : wic_busy(s->wic);
}

static const char *wic_actor_learnt(const struct actor *a, struct str name)
{
	const struct wic *w = self(a)->closed ? NULL : self(a)->wic;
	const struct {
		const char *name, *value;
	} rows[] = {{"token", w ? w->token : NULL}, {"csrf", w ? w->csrf : NULL},
		{"location", w ? w->location : NULL}, {"impi", w ? w->impi : NULL},
		{"impu", w ? w->impu : NULL}, {"session", w ? w->session : NULL}};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (str_eq(name, str_of(rows[i].name)))
			return rows[i].value;
	return NULL;
}

const struct actor_kind actor_wic = {
	.name = "wic",
	.settings = wic_settings,
	.verbs = wic_verbs,
	.settings_are_options = true,
	.open = wic_actor_open,
	.close = wic_actor_close,
	.busy = wic_actor_busy,
	.learnt = wic_actor_learnt,
};
