/* The trust border (TS 24.229 4.4).
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/edge/border.h"

#include <errno.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* Network-only fields that a user is shown nevertheless: what he routes by (RFC 3327,
 * 3608), who he is and who calls (RFC 3325, 7315), and what explains a call to him. */
static const enum sip_header shown[] = {
	SIP_H_PATH,
	SIP_H_SERVICE_ROUTE,
	SIP_H_P_ASSOCIATED_URI,
	SIP_H_P_ASSERTED_IDENTITY,
	SIP_H_P_CALLED_PARTY_ID,
	SIP_H_P_EARLY_MEDIA,
	SIP_H_HISTORY_INFO,
	SIP_H_FEATURE_CAPS,
};

/* Parameters of Digest credentials: RFC 7616 3.4, and auts of RFC 3310. */
static const struct str digest_grammar[] = {
	{"username", 8},
	{"realm", 5},
	{"nonce", 5},
	{"uri", 3},
	{"response", 8},
	{"algorithm", 9},
	{"cnonce", 6},
	{"opaque", 6},
	{"qop", 3},
	{"nc", 2},
	{"auts", 4},
};
/* What a listed WAAF may say in integrity-protected. */
static const struct str flags_kept[] = {
	{EDGE_TLS_PENDING, 11},
	{EDGE_TLS_YES, 7},
	{EDGE_TLS_CONNECTED, 13},
	{EDGE_AUTH_DONE, 9},
};
/* Keys of an AKA challenge, for the P-CSCF alone (TS 24.229 7.2A.1). */
static const struct str challenge_keys[] = {{"ik", 2}, {"ck", 2}};

/* URI parameters that say something about a network's own legs (RFC 7549, TS 24.229
 * 5.4.3, 7.2A.12), and the fields whose URIs are looked at; the Request-URI is, too. */
static const struct str uri_network[] = {
	{"iotl", 4}, {"orig", 4}, {"cpc", 3}, {"oli", 3}};
static const enum sip_header uri_fields[] = {
	SIP_H_FROM,
	SIP_H_TO,
	SIP_H_CONTACT,
	SIP_H_P_PREFERRED_IDENTITY,
	SIP_H_REFERRED_BY,
};

static bool among(const struct str *rows, size_t n, struct str name)
{
	for (size_t i = 0; i < n; i++)
		if (str_ieq(rows[i], name))
			return true;
	return false;
}

bool edge_border_drops_in(enum sip_header id)
{
	return sip_header_flags(id) & (SIP_HF_NETWORK | SIP_HF_NETWORK_REQUEST);
}

bool edge_border_drops_out(enum sip_header id)
{
	for (size_t i = 0; i < COUNT(shown); i++)
		if (shown[i] == id)
			return false;
	return sip_header_flags(id) & SIP_HF_NETWORK || id == SIP_H_P_ACCESS_NETWORK_INFO;
}

/* ---- URI parameters ---- */

static bool has_network_param(const struct sip_uri *u)
{
	struct str value;
	for (size_t i = 0; u->params.n && i < COUNT(uri_network); i++)
		if (sip_param(u->params, uri_network[i], &value))
			return true;
	return false;
}

/* `text`, a part of which is u->text, with the URI's network parameters left out. */
static struct str without_params(
	const struct sip_uri *u, struct str text, struct arena *a)
{
	struct str head = str_span(text.p, u->params.p - 1);
	struct str tail = str_span(u->params.p + u->params.n, text.p + text.n);
	struct str rest = u->params;
	while (rest.p) {
		struct str one = str_cut(&rest, ';'), left = one;
		if (!among(uri_network, COUNT(uri_network),
			    str_trim(str_cut(&left, '='))))
			head = arena_fmt(
				a, STR_FMT ";" STR_FMT, STR_ARG(head), STR_ARG(one));
	}
	return arena_fmt(a, STR_FMT STR_FMT, STR_ARG(head), STR_ARG(tail));
}

/* One name-addr; dirty is set when it had to change. */
static struct str clean_element(struct str element, struct arena *a, bool *dirty)
{
	struct sip_name_addr na;
	if (sip_name_addr_parse(&na, element) || na.star || !has_network_param(&na.uri))
		return element;
	*dirty = true;
	return without_params(&na.uri, element, a);
}

struct str edge_border_name_addr(struct str element, struct arena *a)
{
	bool dirty;
	return clean_element(element, a, &dirty);
}

static void clean_single(struct sip_edit *e, enum sip_header id)
{
	const struct sip_field *f = sip_first(e->m, id);
	bool dirty = false;
	if (!f)
		return;
	struct str v = clean_element(sip_field_value(e->m, f), e->a, &dirty);
	if (dirty)
		sip_edit_value(e, f, v);
}

static void clean_list(struct sip_edit *e, enum sip_header id)
{
	struct sip_iter it = {0};
	struct str el, all = STR_NONE;
	bool dirty = false;
	while (!dirty && sip_list_next(e->m, id, &it, &el))
		clean_element(el, e->a, &dirty);
	if (!dirty)
		return;
	it = (struct sip_iter){0};
	while (sip_list_next(e->m, id, &it, &el)) {
		el = clean_element(el, e->a, &dirty);
		all = all.p ? arena_fmt(e->a, STR_FMT ", " STR_FMT, STR_ARG(all),
				      STR_ARG(el))
			    : el;
	}
	sip_edit_set(e, id, all);
}

static void clean_uris(struct sip_edit *e)
{
	struct sip_uri u;
	if (!sip_uri_parse(&u, e->m->uri) && has_network_param(&u))
		sip_edit_uri(e, without_params(&u, u.text, e->a));
	for (size_t i = 0; i < COUNT(uri_fields); i++) {
		if (sip_header_flags(uri_fields[i]) & SIP_HF_COMMA)
			clean_list(e, uri_fields[i]);
		else
			clean_single(e, uri_fields[i]);
	}
}

/* ---- credentials ---- */

/* Who vouches and how is said between trusted nodes alone (TS 24.229 7.2A.2, TS 33.203
 * X.3). */
struct trust {
	unsigned keep;
	const struct sip_entity_params *entities;
};

static bool kept_param(struct str name, struct str value, const struct trust *t)
{
	if (among(digest_grammar, COUNT(digest_grammar), name))
		return true;
	if (!(t->keep & EDGE_KEEP_FLAG))
		return false;
	if (str_ieq(name, STR("integrity-protected")))
		return among(flags_kept, COUNT(flags_kept), value);
	return str_ieq(name, str_of(t->entities->waf)) ||
	       str_ieq(name, str_of(t->entities->wwsf));
}

/* "Digest " and the parameters that may stay, spelled as they came. */
static int rebuild_digest(struct buf *b, const struct sip_auth *au, const struct trust *t)
{
	struct str rest = au->params, name, value;
	const char *sep = " ";
	bool quoted;
	int more;

	buf_add(b, STR("Digest"));
	while ((more = sip_auth_next(&rest, &name, &value, &quoted)) > 0) {
		if (!kept_param(name, value, t))
			continue;
		buf_fmt(b,
			quoted ? "%s" STR_FMT "=\"" STR_FMT "\""
			       : "%s" STR_FMT "=" STR_FMT,
			sep, STR_ARG(name), STR_ARG(value));
		sep = ", ";
	}
	return more < 0 || sep[0] == ' ' ? -EBADMSG : 0;
}

static void put_said(struct buf *b, const struct edge_said *said, const struct trust *t,
	struct arena *a)
{
	if (said->flag)
		buf_fmt(b, ", integrity-protected=\"%s\"", said->flag);
	if (said->wwsf.p)
		buf_fmt(b, ", %s=" STR_FMT, t->entities->wwsf, STR_ARG(sip_quote(a, said->wwsf)));
}

/* Credentials of one field: rebuilt, or gone when they are of another scheme. */
static int clean_credentials(struct sip_edit *e, const struct sip_field *f,
	const struct trust *t, const struct edge_said *said)
{
	struct sip_auth au;
	struct buf b = {0};
	int err = 0;

	if (sip_auth_parse(&au, sip_field_value(e->m, f)))
		return -EBADMSG;
	if (!str_ieq(au.scheme, STR("Digest"))) {
		sip_edit_remove(e, f);
		return 0;
	}
	if (rebuild_digest(&b, &au, t))
		err = -EBADMSG;
	if (!err && said)
		put_said(&b, said, t, e->a);
	if (!err)
		sip_edit_value(e, f, buf_str(&b));
	buf_free(&b);
	return err;
}

/* ik and ck out of the challenges, which stay as they are without them; what can't be read, and
 * may hide them, goes no further. */
static void clean_challenges(struct sip_edit *e, enum sip_header id)
{
	for (const struct sip_field *f = sip_first(e->m, id); f; f = sip_next(e->m, f)) {
		struct sip_auth au;
		struct str rest, name, value;
		struct buf b = {0};
		bool quoted, keys = false;
		const char *sep = " ";
		int more;

		if (sip_auth_parse(&au, sip_field_value(e->m, f))) {
			sip_edit_remove(e, f);
			continue;
		}
		buf_add(&b, au.scheme);
		rest = au.params;
		while ((more = sip_auth_next(&rest, &name, &value, &quoted)) > 0) {
			if (among(challenge_keys, COUNT(challenge_keys), name)) {
				keys = true;
				continue;
			}
			buf_fmt(&b,
				quoted ? "%s" STR_FMT "=\"" STR_FMT "\""
				       : "%s" STR_FMT "=" STR_FMT,
				sep, STR_ARG(name), STR_ARG(value));
			sep = ", ";
		}
		if (keys || more < 0)
			sip_edit_value(e, f, buf_str(&b));
		buf_free(&b);
	}
}

/* ---- a request from a user ---- */

/* Only the user's own Via counts; what stands below would lead answers elsewhere. */
static void clean_via(struct sip_edit *e)
{
	const struct sip_field *top = sip_first(e->m, SIP_H_VIA);
	struct sip_iter it = {0};
	struct str first, next;

	if (!sip_list_next(e->m, SIP_H_VIA, &it, &first))
		return;
	if (sip_list_next(e->m, SIP_H_VIA, &it, &next) && it.f == top)
		sip_edit_value(e, top, first);
	for (const struct sip_field *f = sip_next(e->m, top); f; f = sip_next(e->m, f))
		sip_edit_remove(e, f);
}

static bool network_provided(const struct sip_msg *m, const struct sip_field *f)
{
	return str_ifind(sip_field_value(m, f), STR("network-provided")) >= 0;
}

int edge_border_request(struct sip_edit *e, unsigned keep, const struct edge_said *said,
	const struct sip_entity_params *entities, struct sip_fault *fault)
{
	const struct trust trust = {keep, entities};
	const struct sip_msg *m = e->m;
	for (size_t i = 0; i < m->n_fields; i++) {
		const struct sip_field *f = &m->fields[i];
		enum sip_header id = f->id;
		if (id == SIP_H_AUTHORIZATION || id == SIP_H_PROXY_AUTHORIZATION) {
			if (clean_credentials(e, f, &trust,
				    id == SIP_H_AUTHORIZATION ? said : NULL)) {
				*fault = (struct sip_fault){
					400, "Authorization malformed"};
				return -EBADMSG;
			}
		} else if (id == SIP_H_PATH && keep & EDGE_KEEP_PATH) {
			continue;
		} else if (id == SIP_H_P_ACCESS_NETWORK_INFO) {
			if (network_provided(m, f))
				sip_edit_remove(e, f);
		} else if (edge_border_drops_in(id)) {
			sip_edit_remove(e, f);
		}
	}
	if (!(keep & EDGE_KEEP_VIA))
		clean_via(e);
	clean_uris(e);
	return 0;
}

int edge_border_route(struct sip_edit *e, const struct str *own, size_t n_own)
{
	struct sip_iter it = {0};
	struct sip_name_addr na;
	struct str el, rest = STR_NONE;
	int left = 0;

	while (sip_list_next(e->m, SIP_H_ROUTE, &it, &el)) {
		if (!left && !sip_name_addr_parse(&na, el) &&
			among(own, n_own, na.uri.host))
			continue;
		rest = left++ ? arena_fmt(e->a, STR_FMT ", " STR_FMT, STR_ARG(rest),
					STR_ARG(el))
			      : el;
	}
	if (left)
		sip_edit_set(e, SIP_H_ROUTE, rest);
	else
		sip_edit_remove_all(e, SIP_H_ROUTE);
	return left;
}

/* ---- a message to a user ---- */

/* RFC 3323: values apart by ';'. */
static bool wants_privacy(const struct sip_msg *m)
{
	struct str v = sip_value(m, SIP_H_PRIVACY);
	while (v.p)
		if (str_ieq(str_trim(str_cut(&v, ';')), STR("id")))
			return true;
	return false;
}

void edge_border_outward(struct sip_edit *e)
{
	bool hide = wants_privacy(e->m);
	for (size_t i = 0; i < e->m->n_fields; i++) {
		const struct sip_field *f = &e->m->fields[i];
		if (edge_border_drops_out(f->id) ||
			(hide && f->id == SIP_H_P_ASSERTED_IDENTITY))
			sip_edit_remove(e, f);
	}
	clean_challenges(e, SIP_H_WWW_AUTHENTICATE);
	clean_challenges(e, SIP_H_PROXY_AUTHENTICATE);
}
