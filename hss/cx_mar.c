/* MAR, Multimedia-Auth-Request (TS 29.228 6.3.1): credentials for a challenge. The HSS
 * remembers which S-CSCF asked.
 *
 *	S-CSCF                      HSS
 *	  | MAR IMPI, IMPU, scheme    |
 *	  |-------------------------->|  known, distinct, associated, scheme fits
 *	  |                           |  name of the S-CSCF kept, authentication pending
 *	  | MAA realm, HA1            |
 *	  |<--------------------------|
 * SPDX-License-Identifier: Apache-2.0 */
#include "hss/hss.h"

#include "common/base/log.h"

/* ---- the answer ---- */

static void answer_digest(struct cx_req *req, const struct cx_msg *m, const struct found *f)
{
	struct cx_msg maa = {
		.result = CX_RESULT(DIAMETER_SUCCESS),
		.user_name = m->user_name,
		.public_identity = {m->public_identity[0]},
		.n_public_identity = 1,
		.auth_items = 1,
		.has_auth_data = true,
		.auth_scheme = STR("SIP Digest"),
		.digest_realm = f->realm,
		.digest_qop = STR("auth"),
		.digest_ha1 = f->ha1,
		.alternate_ha1 = f->ha1_sha256,
	};
	if (f->ha1.p)
		maa.digest_algorithm = STR("MD5");
	if (f->ha1_sha256.p)
		maa.alternate_algorithm = STR("SHA-256");
	cx_answer(req, &maa);
}

/* ---- step 5: registration state ---- */

static bool is_server(const struct found *f, const struct cx_msg *m)
{
	return f->server_name.p && str_eq(f->server_name, m->server_name) &&
		str_eq(f->origin_host, m->origin_host);
}

int hss_mar_remember(const struct cx_msg *m, const struct found *f)
{
	bool same = is_server(f, m);
	if (f->state == REGISTERED && same)
		return 0; /* a challenge to a registered user leaves his state alone */
	if (f->server_name.p && !same)
		log_info("mar", "%s: S-CSCF %s takes over from %s", log_text(m->public_identity[0]),
			log_text(m->server_name), log_text(f->server_name));
	int err = same ? 0 : store_assign(hss.store, f, m->server_name, m->origin_host);
	return err || f->auth_pending ? err : store_pending(hss.store, f, true);
}

/* ---- step 4: the scheme ---- */

static bool is_served(const struct found *f, struct str scheme)
{
	if (f->scheme == AUTH_AKA)
		return str_eq(scheme, AKA_SCHEME);
	return f->scheme == AUTH_DIGEST &&
		(str_eq(scheme, STR("Unknown")) || str_eq(scheme, STR("SIP Digest")));
}

/* ---- steps 1 to 3 ---- */

void hss_mar(struct cx_req *req, const struct cx_msg *m)
{
	struct found f;
	if (!hss_find_pair(req, m, &f))
		return;
	if (!f.web && !is_served(&f, m->auth_scheme))
		hss_refuse(req, m, CX_EXPERIMENTAL(CX_AUTH_SCHEME_NOT_SUPPORTED),
			"no credentials for that scheme");
	else if (m->authorization.p && !hss_may_resync(req, m, is_server(&f, m)))
		return;
	else if (f.fixed && !is_server(&f, m))
		hss_refuse(req, m, CX_RESULT(DIAMETER_UNABLE_TO_COMPLY),
			"the S-CSCF of the subscription is fixed");
	else if (f.web)
		hss_mar_web(req, m, &f);
	else if (hss_mar_remember(m, &f))
		hss_refuse(req, m, CX_RESULT(DIAMETER_UNABLE_TO_COMPLY), "database fault");
	else if (f.scheme == AUTH_AKA)
		hss_answer_aka(req, m, &f);
	else
		answer_digest(req, m, &f);
}
