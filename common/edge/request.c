/* What every REGISTER at the edge has to be, and requests of other methods.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/edge/inner.h"

enum { SPAN_MS = 1000, EXPIRES_DEFAULT = 3600 };

/* ---- REGISTER ---- */

/* The registrar's domain alone (RFC 3261 10.2); credentials go to no other. */
static bool check_uri(const struct sip_msg *m, const char *realm, struct edge_fault *f)
{
	struct sip_uri u;
	if (sip_uri_parse(&u, m->uri) || !str_ieq(u.scheme, STR("sip")) || u.user.n)
		return edge_fail(f, EDGE_NO_REQUEST_URI,
			"Request-URI is not the home domain alone");
	if (!str_ieq(u.host, str_of(realm)))
		return edge_fail(
			f, EDGE_NO_FOREIGN_DOMAIN, "Request-URI is not the home domain");
	return true;
}

/* RFC 3261 16.3: no option that a proxy must know is known here, sec-agree neither. */
static bool check_options(struct sip_req *req, struct edge_fault *f)
{
	struct sip_iter it = {0};
	struct arena *a = sip_req_arena(req);
	struct str el, all = STR_NONE;
	while (sip_list_next(sip_req_msg(req), SIP_H_PROXY_REQUIRE, &it, &el))
		all = all.p ? arena_fmt(
				      a, STR_FMT ", " STR_FMT, STR_ARG(all), STR_ARG(el))
			    : el;
	if (!all.p)
		return true;
	edge_fail(f, EDGE_NO_EXTENSION,
		"Proxy-Require names an option that is not known here");
	f->fields = arena_fmt(a, "Unsupported: " STR_FMT "\r\n", STR_ARG(all));
	return false;
}

/* Bearer once; a response beside it would say two things about who asks. */
static bool check_bearer(
	const struct sip_msg *m, const struct sip_register *asked, struct edge_fault *f)
{
	struct sip_auth au;
	int n = 0;
	if (!asked->bearer)
		return true;
	for (const struct sip_field *a = sip_first(m, SIP_H_AUTHORIZATION); a;
		a = sip_next(m, a))
		if (!sip_auth_parse(&au, sip_field_value(m, a)) &&
			str_ieq(au.scheme, STR("Bearer")))
			n++;
	if (n > 1)
		return edge_fail(f, EDGE_NO_SYNTAX, "Authorization repeated");
	if (sip_register_answers(asked))
		return edge_fail(
			f, EDGE_NO_MIXED_CREDENTIALS, "a token beside a digest response");
	return true;
}

bool edge_register_check(struct sip_req *req, const char *realm, struct sip_register *out,
	struct edge_fault *f)
{
	const struct sip_msg *m = sip_req_msg(req);
	struct sip_fault syntax;

	if (sip_register_parse(out, m, EXPIRES_DEFAULT, sip_req_arena(req), &syntax))
		return edge_fail(f, EDGE_NO_SYNTAX, syntax.why);
	if (!str_eq(out->from, out->impu))
		return edge_fail(f, EDGE_NO_FROM_NOT_TO, "From is not To");
	if (!out->n_contacts && !out->star)
		return edge_fail(f, EDGE_NO_NO_CONTACT, "no Contact");
	return check_uri(m, realm, f) && check_options(req, f) && check_bearer(m, out, f);
}

bool edge_register_clean(struct edge *ed, struct sip_req *req, unsigned keep,
	const struct edge_said *said, struct sip_edit *e, struct edge_fault *f)
{
	struct sip_fault syntax;
	sip_edit_begin(e, sip_req_msg(req), sip_req_arena(req));
	if (edge_border_route(e, ed->own, sizeof ed->own / sizeof *ed->own))
		return edge_fail(f, EDGE_NO_ROUTE, "Route in a REGISTER");
	if (edge_border_request(e, keep, said, &ed->setup.conf->entities, &syntax))
		return edge_fail(f, EDGE_NO_SYNTAX, syntax.why);
	if (edge_token_body(e->m).p)
		sip_edit_body(e, STR_NONE, STR_NONE);
	return true;
}

void edge_register_forward(struct sip_req *req, struct sip_edit *e,
	const struct sip_hop *to, const struct sip_forward_h *h, void *arg)
{
	int err = sip_forward(req, e, to, h, arg);
	if (err)
		edge_refuse(
			req, &(struct edge_fault){EDGE_NO_NEXT_HOP, uv_strerror(err)});
}

/* ---- other methods ---- */

/* RFC 3261 8.2.2.1: what no element here can be reached by. */
static bool check_scheme(const struct sip_msg *m, struct edge_fault *f)
{
	struct str rest = m->uri, scheme = str_cut(&rest, ':');
	if (str_ieq(scheme, STR("sip")) || str_ieq(scheme, STR("sips")) ||
		str_ieq(scheme, STR("tel")))
		return true;
	return edge_fail(f, EDGE_NO_SCHEME, "scheme of the Request-URI not known");
}

static bool is_supported(struct str option)
{
	return str_ieq(option, STR("path")) || str_ieq(option, STR("outbound"));
}

/* 8.2.2.3 */
static bool check_require(struct sip_req *req, struct edge_fault *f)
{
	struct sip_iter it = {0};
	struct arena *a = sip_req_arena(req);
	struct str el, none = STR_NONE;
	while (sip_list_next(sip_req_msg(req), SIP_H_REQUIRE, &it, &el))
		if (!is_supported(el))
			none = none.p ? arena_fmt(a, STR_FMT ", " STR_FMT, STR_ARG(none),
						STR_ARG(el))
				      : el;
	if (!none.p)
		return true;
	edge_fail(f, EDGE_NO_EXTENSION, "Require names an option that is not known here");
	f->fields = arena_fmt(a, "Unsupported: " STR_FMT "\r\n", STR_ARG(none));
	return false;
}

/* The order of RFC 3261 8.2: method, Request-URI, extensions. */
void edge_answer_other(struct sip_req *req)
{
	static const struct edge_fault method = {EDGE_NO_METHOD, "method not served here",
					       {"Allow: REGISTER, OPTIONS\r\n", 26}},
				       unknown = {EDGE_NO_UNKNOWN_METHOD,
					       "method not known"};
	const struct sip_msg *m = sip_req_msg(req);
	struct edge_fault f;

	if (m->method == SIP_M_OTHER)
		edge_refuse(req, &unknown);
	else if (m->method != SIP_M_OPTIONS)
		edge_refuse(req, &method);
	else if (!check_scheme(m, &f) || !check_require(req, &f))
		edge_refuse(req, &f);
	else
		sip_answer(req, 200, NULL,
			STR("Allow: REGISTER, OPTIONS\r\nSupported: path, outbound\r\n"));
}

void edge_request(struct edge *ed, struct sip_req *req)
{
	static const struct edge_fault
		gone = {EDGE_NO_UNREGISTERED, "its connection is gone"},
		stranger = {
			EDGE_NO_UNREGISTERED, "nothing is registered on this connection"};
	struct edge_conn *c = edge_conn_of(ed, sip_req_hop(req)->conn);
	int64_t now = clock_ms(ed->setup.host->clock);
	int wait_s;

	if (!c || c->closing) {
		edge_refuse(req, &gone);
	} else if (sip_req_msg(req)->method == SIP_M_REGISTER) {
		edge_register(ed, c, req);
	} else if (!edge_window_take(&c->requests, now, SPAN_MS,
			   ed->setup.conf->limits.requests, &wait_s)) {
		struct edge_fault f = {EDGE_NO_REQUEST_RATE, "too many requests",
			arena_fmt(sip_req_arena(req), "Retry-After: %d\r\n", wait_s)};
		edge_conn_refuse(c, req, &f);
	} else if (!c->bindings) {
		edge_conn_refuse(c, req, &stranger);
	} else {
		edge_answer_other(req);
	}
}
