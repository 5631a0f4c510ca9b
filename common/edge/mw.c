/* REGISTER on its way to the I-CSCF (TS 24.229 5.2.2).
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/edge/mw.h"

static bool wants_outbound(const struct sip_register *reg)
{
	for (size_t i = 0; i < reg->n_contacts; i++)
		if (reg->contacts[i].reg_id)
			return true;
	return false;
}

struct str edge_mw_path(const struct edge_mw *mw, const char *token, bool outbound,
	struct arena *a)
{
	return arena_fmt(a, "<sip:%s@%s:%u%s;lr%s>", token, mw->name, mw->port,
		mw->tls ? ";transport=tls" : "", outbound ? ";ob" : "");
}

struct str edge_mw_charging_vector(
	const struct edge_mw *mw, struct chance *chance, struct arena *a)
{
	char icid[33];
	chance_hex(chance, icid, 16);
	return arena_fmt(
		a, "icid-value=\"%s\";orig-ioi=\"Type 1%s\"", icid, mw->visited_network);
}

struct str edge_mw_visited_network(const struct edge_mw *mw, struct arena *a)
{
	return arena_fmt(a, "\"%s\"", mw->visited_network);
}

void edge_put_path(struct sip_edit *e, const struct edge_mw *mw,
	const struct sip_register *reg, const char *token)
{
	sip_edit_add_top(e, SIP_H_PATH,
		edge_mw_path(mw, token, wants_outbound(reg), e->a));
}

static bool requires(const struct sip_msg *m, struct str option)
{
	struct sip_iter it = {0};
	struct str el;
	while (sip_list_next(m, SIP_H_REQUIRE, &it, &el))
		if (str_ieq(str_trim(el), option))
			return true;
	return false;
}

void edge_put_mw(struct sip_edit *e, const struct edge_mw *mw,
	const struct sip_register *reg, const char *token, struct chance *chance)
{
	edge_put_path(e, mw, reg, token);
	if (!requires(e->m, STR("path")))
		sip_edit_add(e, STR("Require"), STR("path"));
	sip_edit_add(e, STR("P-Visited-Network-ID"),
		edge_mw_visited_network(mw, e->a));
	sip_edit_add(e, STR("P-Charging-Vector"), edge_mw_charging_vector(mw, chance, e->a));
	if (!reg->digest)
		sip_edit_add(e, STR("P-Access-Network-Info"),
			arena_fmt(e->a, "%s;network-provided", mw->access_type));
}
