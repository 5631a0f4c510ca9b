/* What a REGISTER asks for.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/sip/register.h"

#include <errno.h>

static int fail(struct sip_fault *fault, const char *why)
{
	*fault = (struct sip_fault){400, why};
	return -EBADMSG;
}

static int identity(const struct sip_msg *m, enum sip_header id, struct arena *a, struct str *out)
{
	struct sip_name_addr na;
	if (sip_name_addr_parse(&na, sip_value(m, id)) || na.star)
		return -EINVAL;
	*out = sip_uri_canonical(&na.uri, a);
	return out->p ? 0 : -EINVAL;
}

/* TS 24.229 5.3.1.2 and TS 23.003 13: scheme, port, parameters and headers off the To URI. */
static struct str derive_impi(struct str impu)
{
	struct sip_uri u;
	if (sip_uri_parse(&u, impu) || !u.user.n || !u.host.n)
		return impu;
	return str_span(u.user.p, u.host.p + u.host.n);
}

static int authorization(struct sip_register *r, const struct sip_msg *m, struct sip_fault *fault)
{
	for (const struct sip_field *f = sip_first(m, SIP_H_AUTHORIZATION); f; f = sip_next(m, f)) {
		struct sip_auth au;
		struct str v = sip_field_value(m, f);
		if (sip_auth_parse(&au, v))
			return fail(fault, "Authorization malformed");
		if (str_ieq(au.scheme, STR("Bearer"))) {
			r->bearer = true;
		} else if (str_ieq(au.scheme, STR("Digest"))) {
			if (r->digest)
				return fail(fault, "Authorization repeated");
			if (sip_digest_parse(&r->auth, v) || !str_is_text(r->auth.username))
				return fail(fault, "Authorization malformed");
			r->digest = true;
			r->auth_field = f;
		}
	}
	return 0;
}

static int contact(struct sip_register *r, struct str element, uint32_t dflt,
	struct sip_fault *fault)
{
	struct sip_name_addr na;
	struct str v;
	if (sip_name_addr_parse(&na, element))
		return fail(fault, "Contact malformed");
	if (na.star) {
		r->star = true;
		return 0;
	}
	if (r->n_contacts == SIP_MAX_CONTACTS)
		return fail(fault, "too many Contacts");
	struct sip_contact *c = &r->contacts[r->n_contacts++];
	*c = (struct sip_contact){.text = element, .uri = na.uri};
	c->expires = r->has_expires ? r->expires : dflt;
	if (sip_param(na.params, STR("expires"), &v) && v.p && sip_seconds_parse(v, &c->expires))
		return fail(fault, "Contact expires malformed");
	if (sip_param(na.params, STR("+sip.instance"), &v) && v.p)
		c->instance = v;
	if (sip_param(na.params, STR("reg-id"), &v) &&
		(!v.p || str_u32(v, &c->reg_id) || !c->reg_id))
		return fail(fault, "reg-id malformed");
	return 0;
}

static bool supports(const struct sip_msg *m, struct str option)
{
	struct sip_iter it = {0};
	struct str e;
	while (sip_list_next(m, SIP_H_SUPPORTED, &it, &e))
		if (str_ieq(str_trim(e), option))
			return true;
	return false;
}

int sip_register_parse(struct sip_register *r, const struct sip_msg *m, uint32_t dflt,
	struct arena *a, struct sip_fault *fault)
{
	struct sip_iter it = {0};
	struct str e, v = sip_value(m, SIP_H_EXPIRES);
	int err;

	r->n_contacts = 0;
	r->impu = r->from = r->impi = STR_NONE;
	r->derived = r->bearer = r->digest = r->star = r->deregister = false;
	r->auth_field = NULL;
	r->has_expires = v.p != NULL;
	r->expires = 0;
	if (v.p && sip_seconds_parse(v, &r->expires))
		return fail(fault, "Expires malformed");
	if (identity(m, SIP_H_TO, a, &r->impu))
		return fail(fault, "To malformed");
	if (identity(m, SIP_H_FROM, a, &r->from))
		return fail(fault, "From malformed");
	if ((err = authorization(r, m, fault)))
		return err;
	if (r->digest && r->auth.username.n) {
		r->impi = r->auth.username;
	} else {
		r->impi = derive_impi(r->impu);
		r->derived = true;
	}
	r->outbound = supports(m, STR("outbound"));
	while (sip_list_next(m, SIP_H_CONTACT, &it, &e))
		if ((err = contact(r, e, dflt, fault)))
			return err;
	if (r->star && (r->n_contacts || !r->has_expires || r->expires))
		return fail(fault, "Contact * needs Expires 0 and stands alone");
	r->deregister = r->star || r->n_contacts > 0;
	for (size_t i = 0; i < r->n_contacts; i++)
		if (r->contacts[i].expires)
			r->deregister = false;
	return 0;
}

struct str sip_visited_network(const struct sip_msg *m)
{
	struct str v = sip_value(m, SIP_H_P_VISITED_NETWORK_ID);
	struct str id = str_trim(str_cut(&v, ';'));
	if (id.n >= 2 && id.p[0] == '"' && id.p[id.n - 1] == '"')
		id = (struct str){id.p + 1, id.n - 2};
	return id;
}
