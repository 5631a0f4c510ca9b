/* UAR, User-Authorization-Request (TS 29.228 6.1.1): may this user register from here, and
 * which S-CSCF serves him?
 *
 *	I-CSCF                      HSS
 *	  | UAR IMPI, IMPU, network   |
 *	  |-------------------------->|  known, distinct, associated, not barred,
 *	  |                           |  allowed from that network
 *	  | UAA 2001 + capabilities   |  nobody serves the subscription yet
 *	  |  or 2002 + Server-Name    |  an S-CSCF does
 *	  |<--------------------------|
 * SPDX-License-Identifier: Apache-2.0 */
#include "hss/hss.h"

enum { EMERGENCY = 1 };                /* UAR-Flags bit 0 */

/* ---- step 6: the answer by registration state ---- */

static void answer_known(struct cx_req *req, const struct found *f, struct cx_result result)
{
	struct cx_msg uaa = {.result = result, .server_name = f->server_name};
	cx_answer(req, &uaa);
}

static void answer_capabilities(struct cx_req *req, const struct found *f,
	struct cx_result result)
{
	struct cx_msg uaa = {.result = result};
	hss_put_capabilities(f, &uaa);
	cx_answer(req, &uaa);
}

static void answer_deregistration(struct cx_req *req, const struct cx_msg *m,
	const struct found *f)
{
	if (f->state == NOT_REGISTERED && !f->auth_pending)
		hss_refuse(req, m, CX_EXPERIMENTAL(CX_NOT_REGISTERED), "not registered");
	else
		answer_known(req, f, CX_RESULT(DIAMETER_SUCCESS));
}

/* The S-CSCF is one for the subscription: whoever of its identities is registered,
 * unregistered or being authenticated left its name. */
static void answer_registration(struct cx_req *req, const struct found *f)
{
	if (f->server_name.p)
		answer_known(req, f, CX_EXPERIMENTAL(CX_SUBSEQUENT_REGISTRATION));
	else
		answer_capabilities(req, f, CX_EXPERIMENTAL(CX_FIRST_REGISTRATION));
}

/* ---- step 5: roaming and the permission to register ---- */

static bool may_roam(const struct found *f, struct str network)
{
	const struct conf_list *own = &hss.conf->visited_networks;
	if (f->visited_networks.p)
		return hss_listed(f->visited_networks, network);
	for (size_t i = 0; i < own->n; i++)
		if (str_ieq(str_of(((char **)own->items)[i]), network))
			return true;
	return own->n == 0 && str_ieq(network, str_of(hss.conf->cx.realm));
}

static void authorise(struct cx_req *req, const struct cx_msg *m, const struct found *f)
{
	uint32_t type = m->has_auth_type ? m->auth_type : CX_REGISTRATION;

	if (type == CX_DE_REGISTRATION) {
		answer_deregistration(req, m, f);
		return;
	}
	if (!may_roam(f, m->visited_network)) {
		hss_refuse(req, m, CX_EXPERIMENTAL(CX_ROAMING_NOT_ALLOWED),
			"may not register from the visited network");
		return;
	}
	if (!f->may_register) {
		hss_refuse(req, m, CX_RESULT(DIAMETER_AUTHORIZATION_REJECTED), "may not register");
		return;
	}
	if (type == CX_REGISTRATION_AND_CAPABILITIES)
		answer_capabilities(req, f, CX_RESULT(DIAMETER_SUCCESS));
	else
		answer_registration(req, f);
}

/* ---- steps 1 to 4 ---- */

void hss_uar(struct cx_req *req, const struct cx_msg *m)
{
	struct found f;
	if (!hss_find_pair(req, m, &f))
		return;
	if (f.barred && !(m->uar_flags & EMERGENCY) && !store_set_usable(hss.store, &f))
		hss_refuse(req, m, CX_RESULT(DIAMETER_AUTHORIZATION_REJECTED), "barred");
	else
		authorise(req, m, &f);
}
