/* A plain user: SIP Digest without TLS (TS 33.203 Annex N, TS 24.229 5.2.2.3), or AKA, which he
 * names as his algorithm; as there is no IPsec here, its flag is always `no`.
 *
 *	UE          P-CSCF        I-CSCF
 *	 | REGISTER   |             |
 *	 |----------->| no flag, or ip-assoc-pending with a response, or ip-assoc-yes from
 *	 |            | REGISTER    |   where this IMPI is registered
 *	 |            |------------>|
 *	 | 401 or 200 |  401 or 200 |
 *	 |<-----------|<------------| 200: IMPI associated with address and sent-by
 *
 * The association is found by the IMPI and then compared: many users may stand behind one
 * address and one sent-by. No token and no auth-done come this way.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/base/metric.h"
#include "common/crypto/aka.h"
#include "epcscf/epcscf.h"

METRIC_COUNTER(
	registers, "imsrig_epcscf_plain_registers_total", "REGISTERs of plain users");

struct plain_reg {
	struct sip_register asked;
	struct addr source;
	uint64_t sent_by;
};

/* Host and port of Via's sent-by, which TS 24.229 5.2.2 has the P-CSCF keep beside the
 * source address. */
static uint64_t sent_by_of(const struct sip_msg *m)
{
	struct sip_iter it = {0};
	struct sip_via v = {0};
	struct str top;
	if (sip_list_next(m, SIP_H_VIA, &it, &top))
		sip_via_parse(&v, top);
	return str_ihash(v.host) * 31 + v.port;
}

/* ---- the answer ---- */

static int on_response(
	struct sip_req *req, const struct sip_msg *m, struct sip_edit *e, void *arg)
{
	struct plain_reg *r = arg;
	struct edge_bind what = {
		.kind = EDGE_PLAIN, .source = r->source, .sent_by = r->sent_by};

	edge_border_outward(e);
	if (m->status < 200 || m->status >= 300)
		return 0;
	edge_bind_read(&what, m, &r->asked, sip_req_arena(req));
	edge_book_settle(edge_bindings(epcscf.edge), &what, edge_granted(m, &r->asked));
	return 0;
}

/* ---- the request ---- */

static const char *flag_of(const struct plain_reg *r)
{
	if (!r->asked.digest)
		return NULL;
	if (aka_algorithm_of(r->asked.auth.algorithm))
		return EDGE_NO_IPSEC;
	if (edge_book_plain(
		    edge_bindings(epcscf.edge), r->asked.impi, &r->source, r->sent_by))
		return EDGE_IP_YES;
	return sip_register_answers(&r->asked) ? EDGE_IP_PENDING : NULL;
}

static void register_plain(struct sip_req *req)
{
	static const struct sip_forward_h forward_h = {on_response, edge_forward_failed};
	struct plain_reg *r = ARENA_NEW(sip_req_arena(req), struct plain_reg);
	char token[EDGE_FLOW_TOKEN_SIZE];
	struct edge_fault f;
	struct sip_edit e;

	registers.value++;
	r->source = sip_req_hop(req)->remote;
	r->sent_by = sent_by_of(sip_req_msg(req));
	if (!edge_register_check(req, epcscf.conf->edge.realm, &r->asked, &f)) {
		edge_refuse(req, &f);
		return;
	}
	if (r->asked.bearer && !r->asked.digest) {
		edge_refuse(req,
			&(struct edge_fault){EDGE_NO_NO_TOKEN, "no token without WSS"});
		return;
	}
	const struct edge_said said = {.flag = flag_of(r)};
	if (!edge_register_clean(epcscf.edge, req, 0, &said, &e, &f)) {
		edge_refuse(req, &f);
		return;
	}
	edge_flow_token_of(epcscf.edge, sip_req_hop(req), token);
	edge_put_mw(&e, &epcscf.mw, &r->asked, token, &epcscf.host->chance);
	edge_register_forward(req, &e, &epcscf.icscf, &forward_h, r);
}

/* ---- other requests ---- */

/* The identity that it claims is associated with where it comes from. */
static bool is_associated(const struct sip_req *req)
{
	const struct sip_msg *m = sip_req_msg(req);
	struct arena a = {0};
	struct sip_name_addr na;
	struct edge_binding *b = NULL;
	uint64_t sent_by = sent_by_of(m);
	size_t it = 0;

	if (!sip_name_addr_parse(&na, sip_value(m, SIP_H_FROM))) {
		struct str impu = sip_uri_canonical(&na.uri, &a);
		while (impu.p &&
			(b = edge_book_impu(edge_bindings(epcscf.edge), impu, &it)))
			if (b->kind == EDGE_PLAIN && b->sent_by == sent_by &&
				addr_host_eq(&b->source, &sip_req_hop(req)->remote))
				break;
	}
	arena_free(&a);
	return b != NULL;
}

void epcscf_plain(struct sip_req *req)
{
	static const struct edge_fault stranger = {
		EDGE_NO_UNREGISTERED, "not registered from this address"};
	if (sip_req_msg(req)->method == SIP_M_REGISTER)
		register_plain(req);
	else if (is_associated(req))
		edge_answer_other(req);
	else
		edge_refuse(req, &stranger);
}
