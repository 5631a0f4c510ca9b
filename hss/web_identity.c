/* Web identities in UAR, MAR and SAR (TR 33.871, direct authentication, step 2): a User-Name that
 * is no private identity may be the web identity of a user, and Public-Identity that identity as
 * a URI. The AV proxy's store says for whom they stand.
 *
 *	alice@wwsf.example   sip:alice%40wwsf.example@HOME-DOMAIN or sip:alice@wwsf.example
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/sip/field.h"
#include "hss/av_proxy.h"

/* The web identity that a public identity is the URI of; p NULL: of none. */
static struct str nai_of(struct str impu, struct arena *a)
{
	struct sip_uri u;
	if (sip_uri_parse(&u, impu) || !str_eq(u.scheme, STR("sip")) || !u.user.n || u.port)
		return STR_NONE;
	ptrdiff_t at = str_find(u.user, STR("%40"));
	if (at < 0)
		return arena_fmt(a, STR_FMT "@" STR_FMT, STR_ARG(u.user), STR_ARG(u.host));
	if (!str_ieq(u.host, str_of(hss.conf->cx.realm)))
		return STR_NONE;
	return arena_fmt(a, STR_FMT "@" STR_FMT, (int)at, u.user.p,
		STR_ARG(str_skip(u.user, (size_t)at + 3)));
}

/* Who was withdrawn may still take his registration back, and no more. */
static bool ends(const struct cx_msg *m)
{
	return (m->command == CX_UA && m->has_auth_type && m->auth_type == CX_DE_REGISTRATION) ||
		(m->command == CX_SA && m->assignment >= CX_TIMEOUT_DEREGISTRATION);
}

/* In its own letters alone: the core counts and keeps by User-Name as it comes, and one user must
 * not be several to it. */
static int map(struct str name, struct av_mapping *out)
{
	struct str own = av_nai(name, &hss.arena);
	return own.p && str_eq(own, name) ? av_store_map(hss.av, name, &hss.arena, out) : 0;
}

int hss_web_impi(const struct cx_msg *m, struct str *impi)
{
	struct av_mapping who;
	int there = hss.av ? map(m->user_name, &who) : 0;
	*impi = there == 1 && (who.current || ends(m)) ? who.impi : STR_NONE;
	return there < 0 ? there : 0;
}

int hss_find_web(const struct cx_msg *m, struct str impu, struct found *f)
{
	struct av_mapping to;
	struct found mapped;
	struct str impi;
	int err = hss_web_impi(m, &impi);
	if (err || !impi.p)
		return err;
	if (!f->has_impu) {
		int there = map(nai_of(impu, &hss.arena), &to);
		if (there < 0)
			return there;
		if (there)
			impu = to.impu;
	}
	if ((err = store_find(hss.store, impi, impu, &hss.arena, &mapped)))
		return err;
	*f = mapped;
	f->web = true;
	f->private = impi;
	f->public = impu;
	return 0;
}
