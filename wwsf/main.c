/* WWSF, the WebRTC Web Server Function (TS 23.228 U.1.3.2): serves the page and tells a WIC
 * the identities it registers with.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/metric.h"
#include "common/http/form.h"
#include "common/node/node.h"
#include "wwsf/wwsf.h"

METRIC_COUNTER(known, "imsrig_wwsf_identities_total", "identities handed out");
METRIC_COUNTER(unknown, "imsrig_wwsf_identities_unknown_total", "requests for users not known");

static struct {
	const struct wwsf_conf *conf;
	struct tls *tls;
	struct http_server *server;
} wwsf;

static const struct conf_row user_rows[] = {
	CONF_STR(struct wwsf_user, user, "user", CONF_REQUIRED, NULL),
	CONF_STR(struct wwsf_user, impi, "impi", CONF_REQUIRED, NULL),
	CONF_STRS(struct wwsf_user, impus, "impu", CONF_REQUIRED),
	CONF_END};

static const struct conf_row web_rows[] = {
	CONF_ADDR(struct wwsf_conf, listen, "listen", CONF_REQUIRED, 8443),
	CONF_STR(struct wwsf_conf, cert, "cert", CONF_REQUIRED, NULL),
	CONF_STR(struct wwsf_conf, key, "key", CONF_REQUIRED, NULL),
	CONF_END};

static const struct conf_row conf_rows[] = {
	{"web", CONF_T_STRUCT, 0, CONF_REQUIRED, .rows = web_rows},
	CONF_STR(struct wwsf_conf, domain, "domain", CONF_REQUIRED, NULL),
	CONF_STR(struct wwsf_conf, edge, "edge", CONF_REQUIRED, NULL),
	CONF_LIST(struct wwsf_conf, users, "users", 0, user_rows, struct wwsf_user),
	CONF_END};

/* ---- identities ---- */

static const struct wwsf_user *user_of(struct str name)
{
	const struct wwsf_user *u = wwsf.conf->users.items;
	for (size_t i = 0; i < wwsf.conf->users.n; i++)
		if (str_eq(str_of(u[i].user), name))
			return &u[i];
	return NULL;
}

#define JSON_FIELDS \
	STR("Content-Type: application/json\r\nCache-Control: no-store\r\n" \
		"X-Content-Type-Options: nosniff\r\n")

/* GET /identities?user=NAME: {"impi":..,"impu":[..],"domain":..,"edge":..}, 404 unknown. */
static void on_identities(struct http_req *req, void *arg)
{
	struct str name = form_param(
		http_req_msg(req)->query, STR("user"), http_req_arena(req));
	const struct wwsf_user *u;

	if (!name.n) {
		http_answer(req, 400, JSON_FIELDS, STR("{\"error\":\"user is missing\"}"));
		return;
	}
	if (!(u = user_of(name))) {
		unknown.value++;
		log_warn("identities", "no identities for user %s", log_text(name));
		http_answer(req, 404, JSON_FIELDS, STR("{\"error\":\"user is not known\"}"));
		return;
	}
	json_t *impu = json_array();
	for (size_t i = 0; i < u->impus.n; i++)
		json_array_append_new(impu, json_string(((char **)u->impus.items)[i]));
	json_t *body = json_pack("{s:s, s:o, s:s, s:s}", "impi", u->impi, "impu", impu, "domain",
		wwsf.conf->domain, "edge", wwsf.conf->edge);
	char *text = json_dumps(body, JSON_COMPACT);
	known.value++;
	http_answer(req, 200, JSON_FIELDS, str_of(text));
	free(text);
	json_decref(body);
}

/* ---- the page ---- */

#define PAGE_FIELDS(type)                                                                  \
	"Content-Type: " type "; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n"     \
	"Strict-Transport-Security: max-age=31536000\r\nReferrer-Policy: no-referrer\r\n"

static void on_page(struct http_req *req, void *arg)
{
	struct str fields = arena_fmt(http_req_arena(req),
		PAGE_FIELDS("text/html") "Cache-Control: no-cache\r\n"
		"Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "
		"connect-src 'self' " STR_FMT "; form-action 'self'; frame-ancestors 'none'; "
		"base-uri 'none'\r\n", STR_ARG(wwsf_edge_origin(wwsf.conf)));
	http_answer_static(req, 200, fields, wwsf_page_index_html);
}

static void on_style(struct http_req *req, void *arg)
{
	http_answer_static(req, 200, STR(PAGE_FIELDS("text/css") "Cache-Control: no-cache\r\n"),
		wwsf_page_style_css);
}

static void on_script(struct http_req *req, void *arg)
{
	http_answer_static(req, 200,
		STR(PAGE_FIELDS("text/javascript") "Cache-Control: no-cache\r\n"),
		wwsf_page_wic_js);
}

static const struct http_route routes[] = {
	{"GET", "/", on_page},
	{"GET", "/style.css", on_style},
	{"GET", "/wic.js", on_script},
	{"GET", "/identities", on_identities},
	{0}};

struct str wwsf_edge_origin(const struct wwsf_conf *conf)
{
	struct str edge = str_of(conf->edge);
	ptrdiff_t host = str_find(edge, STR("://"));
	struct str rest = str_skip(edge, host < 0 ? 0 : (size_t)host + 3);
	struct str authority = str_cut(&rest, '/');
	return str_span(edge.p, authority.p + authority.n);
}

/* ---- start and stop ---- */

static int check(const void *conf, char why[512])
{
	const struct wwsf_conf *c = conf;
	if (str_starts(str_of(c->edge), STR("wss://")))
		return 0;
	snprintf(why, 512, "edge \"%s\" must be a wss:// URI", c->edge);
	return -EINVAL;
}

static int start(struct host *host, const void *conf, char why[512])
{
	struct tls_conf tls = {.clock = host->clock};
	struct http_server_conf http = {.routes = routes};
	char cause[256];

	wwsf.conf = conf;
	tls.cert = wwsf.conf->cert;
	tls.key = wwsf.conf->key;
	int err = tls_new(&tls, true, &wwsf.tls, cause);
	if (err) {
		snprintf(why, 512, "TLS: %s", cause);
		return err;
	}
	http.listen = wwsf.conf->listen;
	http.tls = wwsf.tls;
	if ((err = http_serve(host, &http, &wwsf.server))) {
		snprintf(why, 512, "can't listen for HTTPS on %s: %s", addr_text(&http.listen),
			uv_strerror(err));
		return err;
	}
	if (wwsf_page_absent.n)
		log_warn("page", "the page has no SIP library, it was built without: %s",
			log_text(wwsf_page_absent));
	node_ready();
	return 0;
}

static void stop(void)
{
	if (wwsf.server)
		http_server_close(wwsf.server);
	if (wwsf.tls)
		tls_free(wwsf.tls);
	wwsf.server = NULL;
	wwsf.tls = NULL;
}

static void reset(void)
{
}

static int open_work(void)
{
	return 0;
}

int main(int argc, char **argv)
{
	static const struct node_app app = {
		.name = "wwsf",
		.summary = "WWSF: serves the WebRTC client and its identities",
		.rows = conf_rows,
		.conf_size = sizeof(struct wwsf_conf),
		.check = check,
		.start = start,
		.stop = stop,
		.reset = reset,
		.open = open_work,
	};
	return node_main(argc, argv, &app);
}
