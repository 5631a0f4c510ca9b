/* POST /introspect: is this token good (RFC 7662), asked by an edge, or by the WWSF that it
 * was given to.
 * SPDX-License-Identifier: Apache-2.0 */
#include "waaf/waf.h"

static const struct waf_wwsf *asking_wwsf(struct http_req *req)
{
	struct waf_wwsf *w;
	for (size_t i = 0; (w = waf_wwsf_at(i)); i++)
		if (waf_peer_is(req, w))
			return w;
	return NULL;
}

/* What a token claims, when it is one of ours; whether it is good is another matter. */
static bool is_ours(struct http_req *req, struct str text, struct token *t)
{
	struct str kid;
	return !token_parse(text, http_req_arena(req), t, &kid) &&
		!token_verify(waf.keys, text, kid);
}

/* What a token must say to be taken is the asker's to judge. */
static bool is_active(const struct token *t)
{
	const struct waf_wwsf *w = waf_wwsf_find(t->client_id);
	return w && !w->blocked && t->iat >= w->not_before_s && waf_live_good(t->jti);
}

static void answer(struct http_req *req, const struct token *t)
{
	json_t *body = t ? token_to_json(t) : json_object();
	json_object_set_new(body, "active", json_boolean(t != NULL));
	if (t)
		json_object_set_new(body, "token_type", json_string("Bearer"));
	waf_answer_json(req, 200, body);
}

void waf_on_introspect(struct http_req *req, void *arg)
{
	const struct http_msg *m = http_req_msg(req);
	bool server = waf_peer_is_resource_server(req), ours = false;
	const struct waf_wwsf *w = asking_wwsf(req);
	struct waf_audit line = {.what = "introspect"};
	struct token t = {0};
	struct form form;

	if (w)
		line.wwsf = str_of(w->conf->identity);
	if (!server && !w)
		line.outcome = WAF_NO_STRANGER;
	else if (!form_is_body(m) || form_parse(m->body, http_req_arena(req), &form))
		line.outcome = WAF_NO_FORM;
	else if (!form_value(&form, STR("token")).n)
		line.outcome = WAF_NO_PARAMETER;
	else
		ours = is_ours(req, form_value(&form, STR("token")), &t);
	if (ours && !server && waf_wwsf_find(t.client_id) != w)
		line.outcome = WAF_NO_STRANGER;
	if (ours) {
		line.user = t.sub;
		line.impi = t.impi;
		line.jti = t.jti;
	}
	waf_audit(&line);
	if (line.outcome)
		waf_refuse(req, line.outcome);
	else
		answer(req, ours && is_active(&t) ? &t : NULL);
}
