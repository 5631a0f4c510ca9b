/* Configuration of the eP-CSCF.
 * SPDX-License-Identifier: Apache-2.0 */
#include "epcscf/epcscf.h"

static const char *const border_names[] = {"pcscf", "ibcf", NULL};
static const char *const access_names[] = {"off", "udp", "tcp", NULL};

static const struct conf_row waaf_rows[] = {
	CONF_STR(struct epcscf_waaf, name, "name", CONF_REQUIRED, NULL),
	CONF_ADDR(struct epcscf_waaf, addr, "addr", CONF_REQUIRED, 0),
	CONF_BOOL(struct epcscf_waaf, plain, "plain", "false"),
	CONF_ENUM(struct epcscf_waaf, border, "border", 0, "pcscf", border_names), CONF_END};

const struct conf_row epcscf_conf_rows[] = {EDGE_CONF_ROWS(struct epcscf_conf, edge),
	CONF_STRUCT(struct epcscf_conf, sip, "sip", CONF_REQUIRED, sip_section_rows),
	CONF_STR(struct epcscf_conf, icscf, "icscf", CONF_REQUIRED, NULL),
	CONF_STR(struct epcscf_conf, visited_network, "visited-network", 0, NULL),
	CONF_STR(struct epcscf_conf, access_type, "access-type", 0, "IEEE-802.3"),
	CONF_LIST(struct epcscf_conf, waafs, "waafs", 0, waaf_rows, struct epcscf_waaf),
	CONF_ADDR(struct epcscf_conf, waaf_listen, "waaf-listen", 0, 5061),
	CONF_STR(struct epcscf_conf, ca, "ca", 0, NULL),
	CONF_STRUCT(struct epcscf_conf, wsf, "wsf", 0, wsf_conf_rows),
	CONF_ENUM(struct epcscf_conf, access, "access", 0, "off", access_names),
	CONF_ADDR(struct epcscf_conf, access_listen, "access-listen", 0, 5062), CONF_END};

int epcscf_conf_check(const void *conf, char why[512])
{
	const struct epcscf_conf *c = conf;
	const struct epcscf_waaf *w = c->waafs.items;
	if (c->edge.domain == EDGE_THIRD_PARTY)
		return conf_refuse(why,
			"domain: third-party: an eP-CSCF (or WSF) of a third party is "
			"not "
			"provided for by TR 23.701 6.2.2.4; it must be in the operator's "
			"network (domain: operator)");
	if (c->waafs.n && addr_is(&c->waaf_listen) && !c->ca)
		return conf_refuse(why, "waaf-listen needs ca: a WAAF shows a certificate");
	for (size_t i = 0; i < c->waafs.n; i++)
		if (w[i].border == EPCSCF_AS_IBCF && (w[i].plain || !addr_is(&c->waaf_listen)))
			return conf_refuse(why, "waafs: border: ibcf needs waaf-listen and "
				"plain: false: an IBCF knows a WAAF by its certificate");
	if (c->access && !addr_is(&c->access_listen))
		return conf_refuse(why, "access needs access-listen: an address of its own, "
				   "apart from Mw");
	int err = edge_conf_check(&c->edge,
		EDGE_AUTH_DIGEST | EDGE_AUTH_TOKEN | EDGE_AUTH_SESSION | EDGE_AUTH_DIRECT, why);
	return err ? err : wsf_conf_check(&c->wsf, &c->edge, why);
}
