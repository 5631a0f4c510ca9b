/* Configuration of the WAAF.
 * SPDX-License-Identifier: Apache-2.0 */
#include "waaf/waaf.h"

static const char *const next_hop_names[] = {"pcscf", "icscf", NULL};
static const char *const border_names[] = {"pcscf", "ibcf", NULL};
static const char *const transport_names[] = {"tls", "tcp", "udp", NULL};

static const struct conf_row pcscf_rows[] = {
	CONF_STR(struct waaf_pcscf, host, "host", CONF_REQUIRED, NULL),
	CONF_ENUM(struct waaf_pcscf, transport, "transport", 0, "tls", transport_names),
	CONF_ADDR(struct waaf_pcscf, listen, "listen", 0, 5061),
	CONF_STR(struct waaf_pcscf, ca, "ca", 0, NULL),
	CONF_ENUM(struct waaf_pcscf, border, "border", 0, "pcscf", border_names), CONF_END};

const struct conf_row waaf_conf_rows[] = {EDGE_CONF_ROWS(struct waaf_conf, edge),
	CONF_STRUCT(struct waaf_conf, sip, "sip", CONF_REQUIRED, sip_section_rows),
	CONF_ENUM(struct waaf_conf, next_hop, "next-hop", 0, "pcscf", next_hop_names),
	CONF_STRUCT(struct waaf_conf, pcscf, "pcscf", CONF_REQUIRED, pcscf_rows),
	CONF_STR(struct waaf_conf, icscf, "icscf", 0, NULL),
	CONF_STR(struct waaf_conf, visited_network, "visited-network", 0, NULL),
	CONF_STR(struct waaf_conf, access_type, "access-type", 0, "IEEE-802.3"),
	CONF_STRUCT(struct waaf_conf, waf, "waf", 0, waf_conf_rows),
	CONF_STRUCT(struct waaf_conf, ranges, "registrations", 0, range_conf_rows), CONF_END};

bool waaf_needs_pcscf(const struct waaf_conf *c)
{
	const struct range_wwsf_conf *w = c->ranges.wwsfs.items;
	for (size_t i = 0; i < c->ranges.wwsfs.n; i++)
		if (w[i].mode == RANGE_REGISTRATION)
			return true;
	return c->next_hop == WAAF_PCSCF;
}

static const struct range_wwsf_conf *range_row(const struct waaf_conf *c, const char *wwsf)
{
	const struct range_wwsf_conf *w = c->ranges.wwsfs.items;
	for (size_t i = 0; i < c->ranges.wwsfs.n; i++)
		if (str_host_eq(str_of(w[i].wwsf), str_of(wwsf)))
			return &w[i];
	return NULL;
}

/* Pages whose WICs are members, and the ranges that they are of. */
static int check_members(const struct waaf_conf *c, char why[512])
{
	const struct edge_origin_conf *o = c->edge.origins.items;
	for (size_t i = 0; i < c->edge.origins.n; i++)
		if (edge_origin_auth(&o[i]) & EDGE_AUTH_WILDCARD && !range_row(c, o[i].wwsf))
			return conf_refuse(why, "origins: auth wildcard of \"%s\" needs its WWSF in "
				"registrations.wwsfs", o[i].origin);
	if (c->ranges.database && !c->waf.identity)
		return conf_refuse(why, "registrations needs waf: WWSFs ask for them at waf.w4");
	return 0;
}

/* Where REGISTERs go: static mode has none (TR 23.701 6.3.2.1.4). */
static int check_border(const struct waaf_conf *c, char why[512])
{
	const struct range_wwsf_conf *w = c->ranges.wwsfs.items;
	const struct edge_origin_conf *o = c->edge.origins.items;
	bool ibcf = c->pcscf.border == WAAF_BORDER_IBCF;

	if (ibcf && (c->next_hop != WAAF_PCSCF || c->pcscf.transport != WAAF_TLS))
		return conf_refuse(why, "pcscf.border: ibcf needs next-hop: pcscf and "
			"transport: tls: an IBCF knows a WAAF by its certificate");
	for (size_t i = 0; i < c->ranges.wwsfs.n; i++) {
		if (w[i].mode != RANGE_REGISTRATION)
			continue;
		if (ibcf)
			return conf_refuse(why, "registrations.wwsfs: %s: mode: registration behind "
				"an IBCF (pcscf.border: ibcf): nothing registers there (TR 23.701 "
				"6.3.2.1.4); set mode: static, or border: pcscf", w[i].wwsf);
	}
	for (size_t i = 0; ibcf && i < c->edge.origins.n; i++)
		if (edge_origin_auth(&o[i]) & (EDGE_AUTH_DIGEST | EDGE_AUTH_TOKEN))
			return conf_refuse(why, "origins: auth of \"%s\": behind an IBCF "
				"(pcscf.border: ibcf) nobody but members of ranges (wildcard) can "
				"register", o[i].origin);
	return 0;
}

int waaf_conf_check(const void *conf, char why[512])
{
	const struct waaf_conf *c = conf;
	const struct edge_origin_conf *o = c->edge.origins.items;
	int err = edge_conf_check(
		&c->edge, EDGE_AUTH_DIGEST | EDGE_AUTH_TOKEN | EDGE_AUTH_WILDCARD, why);

	/* A WAAF outside could stand between user and network (the notes of both clauses). */
	for (size_t i = 0; !err && i < c->edge.origins.n; i++) {
		unsigned auth = c->edge.domain == EDGE_THIRD_PARTY ? edge_origin_auth(&o[i])
								   : 0;
		if (auth & EDGE_AUTH_DIGEST)
			return conf_refuse(why, "domain: third-party: a WAAF outside the home "
					   "IMS must not serve IMS digest (TR 23.701 "
					   "6.3.2.1.2); take digest out of origins.auth, or "
					   "set domain: operator");
		if (auth & EDGE_AUTH_TOKEN)
			return conf_refuse(why, "domain: third-party: a WAAF outside the home "
					   "IMS must not register individual identities by "
					   "token (TR 23.701 6.3.2.1.3); take token out of "
					   "origins.auth, or set domain: operator");
	}
	if (!err && c->next_hop == WAAF_ICSCF && !c->icscf)
		return conf_refuse(
			why, "next-hop: icscf needs icscf: the I-CSCF's name or address");
	if (!err && waaf_needs_pcscf(c) && c->pcscf.transport == WAAF_TLS &&
		(!c->pcscf.ca || !addr_is(&c->pcscf.listen)))
		return conf_refuse(
			why, "pcscf.transport: tls needs pcscf.ca and pcscf.listen");
	if (!err)
		err = waf_conf_check(&c->waf, why);
	if (!err)
		err = range_conf_check(&c->ranges, why);
	if (!err)
		err = check_members(c, why);
	return err ? err : check_border(c, why);
}
