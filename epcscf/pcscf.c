/* REGISTER from a WAAF: the P-CSCF of TR 23.701 6.3.2.1.2 and 6.3.2.1.4.
 *
 *	WIC      WAAF           P-CSCF        I-CSCF
 *	 |-REGISTER>| flag, Path   |             |
 *	 |          |-- REGISTER ->| Path on top |
 *	 |          |              |- REGISTER ->|
 *	 |<---------|<-------------|<- 401, 200 -|
 *
 * The WAAF is where the WIC's TLS ends, so the integrity flag is its word, believed when
 * it is listed. Its link carries many users: one is bound to the WAAF's Path entry, which
 * names the WIC's connection there.
 *
 * Without such an entry the WAAF asks for itself, as the user agent that registers a pilot
 * (6.3.2.1.4 steps 2 and 6). Then it is a user like others: the integrity flag is set here, and
 * the pilot is bound to the link it came by.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/base/log.h"
#include "common/base/metric.h"
#include "epcscf/epcscf.h"

METRIC_COUNTER(registers, "imsrig_epcscf_waaf_registers_total", "REGISTERs from WAAFs");
METRIC_COUNTER(unlisted, "imsrig_epcscf_waaf_unlisted_total",
	"... of them from peers that are not listed: their flags and Path are taken out");

struct waaf_reg {
	struct sip_register asked;
	struct str entry; /* the WAAF's Path entry; p NULL: it asks for itself */
	uint64_t link;	  /* then: its TLS connection, or 0 */
	struct addr source;
};

/* ---- the answer ---- */

static int on_response(
	struct sip_req *req, const struct sip_msg *m, struct sip_edit *e, void *arg)
{
	struct waaf_reg *r = arg;
	struct edge_bind what = {.kind = EDGE_WAAF};

	edge_border_outward(e);
	if (m->status < 200 || m->status >= 300)
		return 0;
	edge_bind_read(&what, m, &r->asked, sip_req_arena(req));
	what.text[EDGE_ENTRY] = r->entry;
	what.conn = r->link;
	what.source = r->source;
	edge_book_settle(edge_bindings(epcscf.edge), &what, edge_granted(m, &r->asked));
	return 0;
}

/* ---- the request ---- */

/* A plain link is believed by its address, TLS by the name that a certificate proves. */
static bool is_from(const struct epcscf_waaf *w, const struct sip_hop *hop)
{
	if (hop->transport != SIP_TLS)
		return w->plain && addr_host_eq(&w->addr, &hop->remote);
	struct stream *st = stream_find(epcscf.host, hop->conn);
	return st && stream_peer_has_name(st, str_of(w->name));
}

const struct epcscf_waaf *epcscf_waaf_of(const struct sip_req *req)
{
	const struct epcscf_waaf *w = epcscf.conf->waafs.items;
	for (size_t i = 0; i < epcscf.conf->waafs.n; i++)
		if (is_from(&w[i], sip_req_hop(req)))
			return &w[i];
	return NULL;
}

static struct str path_entry(const struct sip_msg *m)
{
	struct sip_iter it = {0};
	struct str first;
	return sip_list_next(m, SIP_H_PATH, &it, &first) ? first : STR_NONE;
}

/* Bound to this very TLS connection (TS 33.203 O), or without TLS to its address (N). */
static bool link_is_bound(const struct waaf_reg *r)
{
	struct edge_binding *b;
	size_t it = 0;
	while ((b = edge_book_impi(edge_bindings(epcscf.edge), r->asked.impi, &it)))
		if (b->kind == EDGE_WAAF && !edge_binding_text(b, EDGE_ENTRY).n &&
			b->conn == r->link && addr_host_eq(&b->source, &r->source))
			return true;
	return false;
}

/* The flag of a REGISTER that the WAAF sends as user agent. */
static const char *flag_of(const struct waaf_reg *r, const struct sip_hop *hop)
{
	bool tls = hop->transport == SIP_TLS;
	if (!r->asked.digest)
		return NULL;
	if (link_is_bound(r))
		return tls ? EDGE_TLS_YES : EDGE_IP_YES;
	if (!sip_register_answers(&r->asked))
		return NULL;
	return tls ? EDGE_TLS_PENDING : EDGE_IP_PENDING;
}

void epcscf_register_waaf(struct sip_req *req, const struct epcscf_waaf *waaf)
{
	static const struct sip_forward_h forward_h = {on_response, edge_forward_failed};
	struct waaf_reg *r = ARENA_NEW(sip_req_arena(req), struct waaf_reg);
	const struct sip_hop *hop = sip_req_hop(req);
	struct str entry = waaf ? path_entry(sip_req_msg(req)) : STR_NONE;
	bool itself = waaf && !entry.p;
	unsigned keep = itself ? 0 : EDGE_KEEP_VIA | (waaf ? EDGE_KEEP_PATH | EDGE_KEEP_FLAG : 0);
	struct edge_said said = {0};
	char token[EDGE_FLOW_TOKEN_SIZE];
	struct edge_fault f;
	struct sip_edit e;

	registers.value++;
	if (!waaf) {
		unlisted.value++;
		log_warn("pcscf",
			"REGISTER from %s, which is no listed WAAF: flags taken out",
			addr_text(&sip_req_hop(req)->remote));
	}
	r->entry = entry;
	if (itself) {
		r->link = hop->transport == SIP_TLS ? hop->conn : 0;
		r->source = hop->remote;
		addr_set_port(&r->source, 0);
	}
	bool good = edge_register_check(req, epcscf.conf->edge.realm, &r->asked, &f);
	if (good && itself)
		said.flag = flag_of(r, hop);
	if (!good || !edge_register_clean(epcscf.edge, req, keep, &said, &e, &f)) {
		edge_refuse(req, &f);
		return;
	}
	edge_flow_token_of(epcscf.edge, sip_req_hop(req), token);
	edge_put_mw(&e, &epcscf.mw, &r->asked, token, &epcscf.host->chance);
	edge_register_forward(req, &e, &epcscf.icscf, &forward_h, r);
}
