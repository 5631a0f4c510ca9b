/* Revocation: POST /revoke (RFC 7009) by the client that a token was given to, and GET
 * /revoked, the list that the edges look at (TS 33.203 X.3.1 REQ 2.2: at once, so each 30 s at
 * least).
 * SPDX-License-Identifier: Apache-2.0 */
#include "waaf/waf.h"

/* A secret of a grant, or an access token of ours. Unknown ones are no error (2.2). */
static enum waf_refusal revoke_text(
	struct http_req *req, const struct waf_wwsf *w, struct str text, struct waf_audit *line)
{
	struct token t;
	struct str kid;
	uint32_t generation;
	struct waf_grant *g = waf_grant_find(text, &generation);

	if (g) {
		line->user = str_of(g->user->conf->user);
		if (g->wwsf != w)
			return WAF_NO_OTHERS;
		waf_grant_end(g);
		return WAF_GOOD;
	}
	if (token_parse(text, http_req_arena(req), &t, &kid) ||
		token_verify(waf.keys, text, kid))
		return WAF_GOOD;
	line->user = t.sub;
	line->impi = t.impi;
	line->jti = t.jti;
	if (waf_wwsf_find(t.client_id) != w)
		return WAF_NO_OTHERS;
	waf_live_revoke(t.jti);
	return WAF_GOOD;
}

void waf_on_revoke(struct http_req *req, void *arg)
{
	struct waf_audit line = {.what = "revoke"};
	struct waf_wwsf *w;
	struct form form;

	line.outcome = waf_client(req, &form, &w);
	if (w)
		line.wwsf = str_of(w->conf->identity);
	if (!line.outcome && !form_value(&form, STR("token")).n)
		line.outcome = WAF_NO_PARAMETER;
	if (!line.outcome)
		line.outcome = revoke_text(req, w, form_value(&form, STR("token")), &line);
	waf_audit(&line);
	if (line.outcome)
		waf_refuse(req, line.outcome);
	else
		http_answer(req, 200, STR("Cache-Control: no-store\r\n"), STR(""));
}

/* GET /revoked: {"blocked":[..],"not_before":{WWSF: seconds},"jti":[..]} */
void waf_on_revoked(struct http_req *req, void *arg)
{
	if (!waf_peer_is_resource_server(req)) {
		waf_audit(&(struct waf_audit){
			.what = "revoked", .outcome = WAF_NO_STRANGER});
		waf_refuse(req, WAF_NO_STRANGER);
		return;
	}
	json_t *blocked = json_array(), *not_before = json_object();
	struct waf_wwsf *w;
	for (size_t i = 0; (w = waf_wwsf_at(i)); i++) {
		if (w->blocked)
			json_array_append_new(blocked, json_string(w->conf->identity));
		if (w->not_before_s)
			json_object_set_new(not_before, w->conf->identity,
				json_integer(w->not_before_s));
	}
	waf_answer_json(req, 200,
		json_pack("{s:o, s:o, s:o}", "blocked", blocked, "not_before", not_before,
			"jti", waf_live_revoked()));
}
