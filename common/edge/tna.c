/* Trusted node authentication (TS 33.203 Annex U, X.3.2.3): what goes on to the core in place
 * of a token.
 *
 *	Authorization: Digest username=IMPI, realm, uri, nonce="", response="",
 *	               integrity-protected="auth-done" [, WAF and WWSF]
 *
 * No registration outlives its token: Expires and each Contact's expires are bounded here, in
 * the request, so that registrar and WIC know of one and the same end.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/edge/inner.h"

/* ---- credentials ---- */

static void put_entity(struct buf *b, const char *name, struct str value, struct arena *a)
{
	if (value.p && name[0])
		buf_fmt(b, ", %s=" STR_FMT, name, STR_ARG(sip_quote(a, value)));
}

struct str edge_tna_credentials(const struct edge_conf *conf, struct str impi,
	const struct sip_entities *vouchers, struct arena *a)
{
	struct buf b = {0};
	struct str out;

	buf_fmt(&b,
		"Digest username=" STR_FMT ", realm=\"%s\", uri=\"sip:%s\", nonce=\"\", "
		"response=\"\", integrity-protected=\"" EDGE_AUTH_DONE "\"",
		STR_ARG(sip_quote(a, impi)), conf->realm, conf->realm);
	put_entity(&b, conf->entities.waf, vouchers->waf, a);
	put_entity(&b, conf->entities.wwsf, vouchers->wwsf, a);
	out = arena_str(a, buf_str(&b));
	buf_free(&b);
	return out;
}

/* ---- expiry ---- */

/* The element with each of its expires parameters at most `most`. */
static struct str bound_contact(struct str element, uint32_t most, struct arena *a, bool *named)
{
	struct sip_name_addr na;
	struct str rest, v, out = STR_NONE;
	const char *from = element.p;
	uint32_t s;

	if (sip_name_addr_parse(&na, element))
		return element;
	for (rest = na.params; sip_param(rest, STR("expires"), &v) && v.p;) {
		*named = true;
		if (sip_seconds_parse(v, &s) || s > most) {
			out = arena_fmt(a, STR_FMT STR_FMT "%u", STR_ARG(out),
				STR_ARG(str_span(from, v.p)), most);
			from = v.p + v.n;
		}
		rest = str_span(v.p + v.n, rest.p + rest.n);
		str_cut(&rest, ';');
	}
	if (!out.p)
		return element;
	return arena_fmt(a, STR_FMT STR_FMT, STR_ARG(out),
		STR_ARG(str_span(from, element.p + element.n)));
}

static bool bound_contacts(struct sip_edit *e, uint32_t most)
{
	struct sip_iter it = {0};
	struct str el, all = STR_NONE;
	bool all_named = true, changed = false;

	while (sip_list_next(e->m, SIP_H_CONTACT, &it, &el)) {
		struct str clean = edge_border_name_addr(el, e->a);
		bool named = false;
		struct str mine = bound_contact(clean, most, e->a, &named);
		changed |= mine.p != clean.p;
		all_named &= named;
		all = all.p ? arena_fmt(e->a, STR_FMT ", " STR_FMT, STR_ARG(all), STR_ARG(mine))
			    : mine;
	}
	if (changed)
		sip_edit_set(e, SIP_H_CONTACT, all);
	return all_named;
}

/* Who names no expiry would get the registrar's default, whatever that is. */
static void bound_expiry(const struct edge_reg *r, struct sip_edit *e)
{
	bool named = bound_contacts(e, r->most_s);
	if (r->asked.has_expires ? r->asked.expires > r->most_s : !named)
		sip_edit_set(e, SIP_H_EXPIRES, arena_fmt(e->a, "%u", r->most_s));
}

void edge_tna_put(const struct edge_reg *r, struct sip_edit *e)
{
	sip_edit_set(e, SIP_H_AUTHORIZATION,
		edge_tna_credentials(
			r->edge->setup.conf, r->asked.impi, &r->vouchers, e->a));
	if (r->most_s)
		bound_expiry(r, e);
}
