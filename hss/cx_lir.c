/* LIR, Location-Info-Request (TS 29.228 6.1.4): which S-CSCF serves this identity?
 *
 *	I-CSCF                      HSS
 *	  | LIR IMPU                  |
 *	  |-------------------------->|  known, by itself or by a wildcard that it is a member of
 *	  | LIA Server-Name           |  registered or unregistered
 *	  |  or 2003 + capabilities   |  not registered, with services for that state
 *	  |  + the wildcard           |
 *	  |<--------------------------|
 * SPDX-License-Identifier: Apache-2.0 */
#include "hss/hss.h"

/* ---- steps 2 to 4: the answer by registration state ---- */

static void answer(struct cx_req *req, const struct found *f, struct str wildcard,
	struct cx_result result, bool capabilities)
{
	struct cx_msg lia = {.result = result, .wildcard = wildcard};
	if (capabilities)
		hss_put_capabilities(f, &lia);
	else
		lia.server_name = f->server_name;
	cx_answer(req, &lia);
}

/* The S-CSCF is one for the subscription: any of its identities may have left it. */
static void locate(struct cx_req *req, const struct cx_msg *m, const struct found *f,
	struct str impu, struct str wildcard)
{
	enum reg_state state;
	if (store_aggregate(hss.store, f, &state))
		hss_refuse(req, m, CX_RESULT(DIAMETER_UNABLE_TO_COMPLY), "database fault");
	else if (state == NOT_REGISTERED && !m->has_originating &&
		!store_unregistered_services(hss.store, f, impu))
		hss_refuse(req, m, CX_EXPERIMENTAL(CX_NOT_REGISTERED), "not registered");
	else if (f->server_name.p)
		answer(req, f, wildcard, CX_RESULT(DIAMETER_SUCCESS), false);
	else
		answer(req, f, wildcard, CX_EXPERIMENTAL(CX_UNREGISTERED_SERVICE), true);
}

/* ---- step 1 ---- */

void hss_lir(struct cx_req *req, const struct cx_msg *m)
{
	struct found f;
	struct str impu = impu_canonical(m->public_identity[0], &hss.arena), wildcard;

	if (!hss_find_any(req, m, m->public_identity[0], &f, &wildcard))
		return;
	if (!f.has_impu)
		hss_refuse(req, m, CX_EXPERIMENTAL(CX_USER_UNKNOWN), "unknown identity");
	else if (m->has_auth_type && m->auth_type == CX_REGISTRATION_AND_CAPABILITIES)
		answer(req, &f, wildcard, CX_RESULT(DIAMETER_SUCCESS), true);
	else
		locate(req, m, &f, wildcard.p ? wildcard : impu, wildcard);
}
