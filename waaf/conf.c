/* Configuration of the WAAF.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>

#include "waaf/waaf.h"

static const char *const next_hop_names[] = {"pcscf", "icscf", NULL};
static const char *const transport_names[] = {"tls", "tcp", "udp", NULL};

static const struct conf_row pcscf_rows[] = {
	CONF_STR(struct waaf_pcscf, host, "host", CONF_REQUIRED, NULL),
	CONF_ENUM(struct waaf_pcscf, transport, "transport", 0, "tls", transport_names),
	CONF_ADDR(struct waaf_pcscf, listen, "listen", 0, 5061),
	CONF_STR(struct waaf_pcscf, ca, "ca", 0, NULL), CONF_END};

const struct conf_row waaf_conf_rows[] = {EDGE_CONF_ROWS(struct waaf_conf, edge),
	CONF_STRUCT(struct waaf_conf, sip, "sip", CONF_REQUIRED, sip_section_rows),
	CONF_ENUM(struct waaf_conf, next_hop, "next-hop", 0, "pcscf", next_hop_names),
	CONF_STRUCT(struct waaf_conf, pcscf, "pcscf", CONF_REQUIRED, pcscf_rows),
	CONF_STR(struct waaf_conf, icscf, "icscf", 0, NULL),
	CONF_STR(struct waaf_conf, visited_network, "visited-network", 0, NULL),
	CONF_STR(struct waaf_conf, access_type, "access-type", 0, "IEEE-802.3"),
	CONF_STRUCT(struct waaf_conf, waf, "waf", 0, waf_conf_rows),
	CONF_END};

static int refuse(char why[512], const char *sentence)
{
	snprintf(why, 512, "%s", sentence);
	return -EINVAL;
}

int waaf_conf_check(const void *conf, char why[512])
{
	const struct waaf_conf *c = conf;
	const struct edge_origin_conf *o = c->edge.origins.items;
	int err = edge_conf_check(&c->edge, EDGE_AUTH_DIGEST | EDGE_AUTH_TOKEN, why);

	/* A WAAF outside could stand between user and network (the notes of both clauses). */
	for (size_t i = 0; !err && i < c->edge.origins.n; i++) {
		unsigned auth = c->edge.domain == EDGE_THIRD_PARTY ? edge_origin_auth(&o[i])
								   : 0;
		if (auth & EDGE_AUTH_DIGEST)
			return refuse(why, "domain: third-party: a WAAF outside the home "
					   "IMS must not serve IMS digest (TR 23.701 "
					   "6.3.2.1.2); take digest out of origins.auth, or "
					   "set domain: operator");
		if (auth & EDGE_AUTH_TOKEN)
			return refuse(why, "domain: third-party: a WAAF outside the home "
					   "IMS must not register individual identities by "
					   "token (TR 23.701 6.3.2.1.3); take token out of "
					   "origins.auth, or set domain: operator");
	}
	if (!err && c->next_hop == WAAF_ICSCF && !c->icscf)
		return refuse(
			why, "next-hop: icscf needs icscf: the I-CSCF's name or address");
	if (!err && c->next_hop == WAAF_PCSCF && c->pcscf.transport == WAAF_TLS &&
		(!c->pcscf.ca || !addr_is(&c->pcscf.listen)))
		return refuse(
			why, "pcscf.transport: tls needs pcscf.ca and pcscf.listen");
	return err ? err : waf_conf_check(&c->waf, why);
}
