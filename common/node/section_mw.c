/* Who may send Mw requests.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/base/log.h"
#include "common/base/metric.h"
#include "common/node/sections.h"

METRIC_COUNTER(unknown_peer, "imsrig_mw_unknown_peer_total", "requests from unlisted Mw peers");
METRIC_COUNTER(refused_method, "imsrig_mw_refused_method_total",
	"requests of other methods than REGISTER");

const struct conf_row mw_peer_rows[] = {
	CONF_ADDR(struct mw_peer, addr, "addr", CONF_REQUIRED, 0),
	CONF_BOOL(struct mw_peer, trusted_node, "trusted-node", "false"),
	CONF_STR(struct mw_peer, visited_network, "visited-network", 0, NULL),
	CONF_END};

static const struct mw_peer *find(const struct conf_list *peers, const struct addr *from)
{
	const struct mw_peer *p = peers->items;
	for (size_t i = 0; i < peers->n; i++)
		if (addr_host_eq(&p[i].addr, from))
			return &p[i];
	return NULL;
}

const struct mw_peer *mw_peer_admit(const struct conf_list *peers, struct sip_req *req)
{
	const struct sip_msg *m = sip_req_msg(req);
	const struct addr *from = &sip_req_hop(req)->remote;
	const struct mw_peer *peer = find(peers, from);

	if (!peer) {
		unknown_peer.value++;
		log_warn("mw", "%s from unlisted peer %s refused with 403", log_text(m->method_text),
			addr_text(from));
		sip_answer(req, 403, NULL, STR_NONE);
		return NULL;
	}
	if (m->method == SIP_M_REGISTER)
		return peer;
	int status = m->method == SIP_M_OTHER ? 501 : 405;
	refused_method.value++;
	log_warn("mw", "%s from %s refused with %d", log_text(m->method_text), addr_text(from), status);
	sip_answer(req, status, NULL, STR("Allow: REGISTER\r\n"));
	return NULL;
}
