/* Requests at the eP-CSCF: who sends them decides what becomes of them.
 *
 *	WIC ---- WSS ----> common/edge ---+
 *	WAAF --- TLS ----> pcscf.c -------+--> I-CSCF (Mw)
 *	  |      TLS ----> ibcf.c         |
 *	user --- UDP/TCP-> plain.c -------+
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "epcscf/epcscf.h"

void epcscf_onward(
	const struct edge_reg *r, struct sip_edit *e, struct sip_hop *to, void *arg)
{
	edge_put_mw(e, &epcscf.mw, &r->asked, r->token, &epcscf.host->chance);
	*to = epcscf.icscf;
}

/* Mw and the link of a WAAF: calls and their like are not served yet. */
static void on_core_request(struct sip_req *req)
{
	static const struct edge_fault stranger = {
		EDGE_NO_STRANGER, "REGISTER from a peer that is no listed WAAF"};
	const struct epcscf_waaf *waaf = epcscf_waaf_of(req);
	if (waaf && waaf->border == EPCSCF_AS_IBCF)
		epcscf_ibcf(req, waaf);
	else if (sip_req_msg(req)->method != SIP_M_REGISTER)
		edge_answer_other(req);
	else if (waaf || sip_req_hop(req)->listener == epcscf.waaf_listener)
		epcscf_register_waaf(req, waaf);
	else
		edge_refuse(req, &stranger);
}

void epcscf_request(struct sip_req *req, void *arg)
{
	const struct sip_hop *hop = sip_req_hop(req);
	if (hop->transport == SIP_WSS || hop->transport == SIP_WS)
		edge_request(epcscf.edge, req);
	else if (hop->in && hop->listener == epcscf.plain_listener)
		epcscf_plain(req);
	else
		on_core_request(req);
}
