/* Scenario 1: a WIC registers by IMS digest through the WAAF (TR 23.701 6.3.2.1.2).
 *
 *	WIC        WAAF          P-CSCF       I-CSCF, S-CSCF, HSS
 *	 | REGISTER  |              |              |
 *	 |---------->| REGISTER     |              |
 *	 |           |------------->|------------->|
 *	 |       401 |          401 |          401 |
 *	 |<----------|<-------------|<-------------|
 *	 | REGISTER  |              |              |
 *	 |---------->| tls-pending  |              |
 *	 |           |------------->|------------->|
 *	 |       200 |          200 |          200 |
 *	 |<----------|<-------------|<-------------|
 *
 * What the edge does with the WIC stands in common/edge/register.c. The WAAF is where the
 * WIC's TLS ends, so it sets the integrity flag; Path gets its entry, `ob` included. The
 * variant next-hop: icscf has it do on Mw what an eP-CSCF does.
 * SPDX-License-Identifier: Apache-2.0 */
#include "waaf/waaf.h"

void waaf_onward(
	const struct edge_reg *r, struct sip_edit *e, struct sip_hop *to, void *arg)
{
	if (waaf.conf->next_hop == WAAF_ICSCF)
		edge_put_mw(e, &waaf.mw, &r->asked, r->token, &waaf.host->chance);
	else
		edge_put_path(e, &waaf.mw, &r->asked, r->token);
	*to = waaf.next_hop;
}

void waaf_request(struct sip_req *req, void *arg)
{
	static const struct edge_fault stranger = {
		EDGE_NO_STRANGER, "REGISTER by another way than a WebSocket"};
	const struct sip_hop *hop = sip_req_hop(req);
	if (hop->transport == SIP_WSS || hop->transport == SIP_WS)
		edge_request(waaf.edge, req);
	else if (sip_req_msg(req)->method == SIP_M_REGISTER)
		edge_refuse(req, &stranger);
	else
		edge_answer_other(req);
}
