/* The WSF: its HTTPS server, and what its requests and answers have in common.
 * SPDX-License-Identifier: Apache-2.0 */
#include "epcscf/wsf.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/metric.h"

#define X(id, status, word)                                                                \
	METRIC_COUNTER(no_##id, "imsrig_wsf_refused_total{reason=\"" word "\"}",           \
		"requests over HTTPS that were refused");
#include "epcscf/wsf_refuse.def"
#undef X

static const struct {
	int status;
	const char *word;
	struct metric *counter;
} refusals[WSF_REFUSALS] = {
	{200, "good", NULL},
#define X(id, status, word) {status, word, &no_##id},
#include "epcscf/wsf_refuse.def"
#undef X
};

struct wsf wsf;

enum { KEYS_MAX = 65536 };     /* names, and addresses, whose attempts are counted */

/* ---- whose page a request comes from ---- */

static bool is_origin_of(const struct edge_origin_conf *o, struct str said)
{
	char *const *also = o->also.items;
	bool is = str_eq(said, str_of(o->origin));
	for (size_t i = 0; !is && i < o->also.n; i++)
		is = str_eq(said, str_of(also[i]));
	return is && edge_origin_auth(o) & EDGE_AUTH_SESSION;
}

const struct edge_origin_conf *wsf_origin_of(const struct http_msg *m)
{
	const struct edge_origin_conf *o = wsf.edge_conf->origins.items;
	struct str said = http_field(m, STR("Origin"));
	for (size_t i = 0; said.p && i < wsf.edge_conf->origins.n; i++)
		if (is_origin_of(&o[i], said))
			return &o[i];
	return NULL;
}

const char *wsf_page_of(const struct edge_origin_conf *o)
{
	return !o ? NULL : o->wwsf ? o->wwsf : o->origin;
}

/* A browser sends Origin with all that a script of another origin asks for; what sends neither
 * field is no browser, and has nobody else's cookie. */
bool wsf_same_site(struct http_req *req, const struct edge_origin_conf **origin)
{
	const struct http_msg *m = http_req_msg(req);
	const struct edge_origin_conf *o = wsf_origin_of(m);
	struct str site = http_field(m, STR("Sec-Fetch-Site"));
	size_t n = http_field_count(m, STR("Origin"));

	if (origin)
		*origin = o;
	if ((n == 1 && o) || (!n && (!site.p || str_eq(site, STR("same-origin")) ||
					    str_eq(site, STR("none")))))
		return true;
	wsf_refuse(req, WSF_NO_SITE, STR_NONE, "a page that may not use sessions");
	return false;
}

/* Fetch standard: the page of a WWSF is of another origin than this. */
static struct str cors_fields(struct http_req *req)
{
	const struct http_msg *m = http_req_msg(req);
	if (!wsf_origin_of(m))
		return STR("Vary: Origin\r\n");
	return arena_fmt(http_req_arena(req),
		"Vary: Origin\r\nAccess-Control-Allow-Origin: " STR_FMT
		"\r\nAccess-Control-Allow-Credentials: true\r\n"
		"Access-Control-Expose-Headers: WWW-Authenticate, Authentication-Info, Retry-After\r\n",
		STR_ARG(http_field(m, STR("Origin"))));
}

static void on_preflight(struct http_req *req, void *arg)
{
	if (wsf_same_site(req, NULL))
		wsf_answer(req, 204,
			STR("Access-Control-Allow-Methods: GET, POST, DELETE\r\n"
			    "Access-Control-Allow-Headers: Authorization, Content-Type, X-CSRF-Token\r\n"
			    "Access-Control-Max-Age: 600\r\n"),
			NULL);
}

bool wsf_hears(struct http_req *req)
{
	const struct stream *s = http_req_stream(req);
	return s && !stream_peer_ended(s);
}

/* ---- answers ---- */

void wsf_answer(struct http_req *req, int status, struct str more, json_t *body)
{
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	struct str fields = arena_fmt(http_req_arena(req),
		"Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
		"Strict-Transport-Security: max-age=31536000\r\nReferrer-Policy: no-referrer\r\n"
		"%s" STR_FMT STR_FMT,
		text ? "Content-Type: application/json\r\n" : "", STR_ARG(cors_fields(req)),
		STR_ARG(more));
	http_answer(req, status, fields, text ? str_of(text) : STR_NONE);
	free(text);
	json_decref(body);
}

void wsf_refuse(struct http_req *req, enum wsf_refusal no, struct str more, const char *why)
{
	refusals[no].counter->value++;
	log_info("wsf", "%s " STR_FMT " from %s refused with %d %s: %s",
		log_text(http_req_msg(req)->method), STR_ARG(http_req_msg(req)->path),
		addr_text(http_req_remote(req)), refusals[no].status, refusals[no].word, why);
	wsf_answer(req, refusals[no].status, more, json_pack("{s:s}", "error", refusals[no].word));
}

void wsf_refuse_later(
	struct http_req *req, enum wsf_refusal no, int64_t retry_s, const char *why)
{
	wsf_refuse(req, no,
		arena_fmt(http_req_arena(req), "Retry-After: %lld\r\n",
			(long long)(retry_s > 0 ? retry_s : 1)),
		why);
}

/* ---- life ---- */

static int serve(char why[512])
{
	static const struct http_route routes[] = {{"POST", "/register", wsf_on_register},
		{"OPTIONS", "/register", on_preflight}, {"GET", "/session", wsf_on_session},
		{"DELETE", "/session", wsf_on_sign_out}, {"OPTIONS", "/session", on_preflight},
		{0}};
	const struct tls_conf tls = {
		.cert = wsf.conf->cert, .key = wsf.conf->key, .clock = wsf.host->clock};
	char cause[256];
	int err = tls_new(&tls, true, &wsf.tls, cause);

	if (err) {
		snprintf(why, 512, "wsf: %s", cause);
		return err;
	}
	const struct http_server_conf conf = {.listen = wsf.conf->listen,
		.also = wsf.conf->also,
		.tls = wsf.tls,
		.routes = routes};
	if ((err = http_serve(wsf.host, &conf, &wsf.server)))
		snprintf(why, 512, "wsf: can't listen on %s: %s", addr_text(&wsf.conf->listen),
			uv_strerror(err));
	return err;
}

int wsf_start(const struct wsf *setup, char why[512])
{
	int err;

	wsf = *setup;
	wsf_digest_open();
	wsf.accounts = throttle_new(wsf.host->clock, wsf.conf->login.failures,
		wsf.conf->login.window_ms, KEYS_MAX);
	wsf.sources = throttle_new(wsf.host->clock, wsf.conf->login.per_source,
		wsf.conf->login.source_window_ms, KEYS_MAX);
	if ((err = wsf_store_open(why)) || (err = serve(why)))
		return err;
	wsf_sessions_load();
	return 0;
}

void wsf_stop(void)
{
	if (!wsf.conf)
		return;
	wsf_login_stop();
	wsf_sessions_drop();
	if (wsf.server)
		http_server_close(wsf.server);
	tls_free(wsf.tls);
	wsf_store_close();
	wsf_digest_close();
	throttle_free(wsf.accounts);
	throttle_free(wsf.sources);
	wsf = (struct wsf){0};
}

void wsf_reset(void)
{
	if (!wsf.conf)
		return;
	wsf_login_stop();
	wsf_sessions_drop();
	wsf_store_clear();
	wsf_digest_reset();
	throttle_clear(wsf.accounts);
	throttle_clear(wsf.sources);
	http_server_drop(wsf.server);
}

int wsf_open(void)
{
	return wsf.conf ? wsf_logins() + wsf_sessions_open() : 0;
}

json_t *wsf_json(const json_t *args)
{
	const char *user = json_string_value(json_object_get(args, "user"));
	return wsf.conf ? wsf_sessions_json(str_of(user)) : json_array();
}
