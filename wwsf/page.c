/* The page, what it has to know, and the identities of a user with IMS credentials (TS 23.228
 * U.2.1.2).
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/base/log.h"
#include "common/base/metric.h"
#include "common/http/form.h"
#include "wwsf/api.h"
#include "wwsf/session.h"

METRIC_COUNTER(known, "imsrig_wwsf_identities_total", "identities handed out");
METRIC_COUNTER(unknown, "imsrig_wwsf_identities_unknown_total", "requests for users not known");

/* ---- static files ---- */

#define PAGE_FIELDS(type)                                                                  \
	"Content-Type: " type "; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n"     \
	"Strict-Transport-Security: max-age=31536000\r\nReferrer-Policy: no-referrer\r\n"

void wwsf_on_page(struct http_req *req, void *arg)
{
	struct str fields = arena_fmt(http_req_arena(req),
		PAGE_FIELDS("text/html") "Cache-Control: no-cache\r\n"
		"Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "
		"connect-src 'self' " STR_FMT "; form-action 'self'; frame-ancestors 'none'; "
		"base-uri 'none'\r\n", STR_ARG(wwsf_edge_origin(str_of(api_edge(req)))));
	http_answer_static(req, 200, fields, wwsf_page_index_html);
}

void wwsf_on_style(struct http_req *req, void *arg)
{
	http_answer_static(req, 200, STR(PAGE_FIELDS("text/css") "Cache-Control: no-cache\r\n"),
		wwsf_page_style_css);
}

void wwsf_on_script(struct http_req *req, void *arg)
{
	http_answer_static(req, 200,
		STR(PAGE_FIELDS("text/javascript") "Cache-Control: no-cache\r\n"),
		wwsf_page_wic_js);
}

/* ---- GET /config ---- */

void wwsf_on_config(struct http_req *req, void *arg)
{
	static const char *const issuers[] = {"none", "self", "waf"};
	static const char *const grants[] = {"client_credentials", "authorization_code"};
	json_t *body = json_pack("{s:s, s:s, s:s, s:b, s:b, s:b}", "domain", wwsf.conf->domain, "edge",
		api_edge(req), "issuer", issuers[wwsf.conf->token.issuer], "session",
		session_of(req) != NULL, "anonymous", wwsf.conf->anonymous, "lookup",
		wwsf.conf->lookup);
	if (wwsf.conf->token.issuer == WWSF_ISSUER_WAF)
		json_object_set_new(body, "grant", json_string(grants[wwsf.conf->waf.grant]));
	api_answer(req, 200, STR(""), body);
}

/* ---- GET /identities?user=NAME ---- */

void wwsf_on_identities(struct http_req *req, void *arg)
{
	struct arena *a = http_req_arena(req);
	struct str name = form_param(http_req_msg(req)->query, STR("user"), a);
	struct identity id;

	if (!wwsf.conf->lookup) {
		api_refuse(req, 401, "sign_in_required");
		return;
	}
	if (!name.n) {
		api_answer(req, 400, STR(""), json_pack("{s:s}", "error", "user is missing"));
		return;
	}
	if (identity_db_find(wwsf.db, name, a, &id)) {
		unknown.value++;
		log_warn("identities", "no identities for user %s", log_text(name));
		api_answer(req, 404, STR(""), json_pack("{s:s}", "error", "user is not known"));
		return;
	}
	json_t *impu = json_array();
	for (size_t i = 0; i < id.n_impu; i++)
		json_array_append_new(impu, json_stringn(id.impu[i].p, id.impu[i].n));
	known.value++;
	api_answer(req, 200, STR(""),
		json_pack("{s:s%, s:o, s:s, s:s}", "impi", id.impi.p, id.impi.n, "impu", impu,
			"domain", wwsf.conf->domain, "edge", api_edge(req)));
}
