/* REGISTER at the S-CSCF: what every one goes through (TS 24.229 5.4.1.1, 5.4.1.2).
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/metric.h"
#include "scscf/scscf.h"

METRIC_COUNTER(registers, "imsrig_scscf_registers_total", "REGISTERs received");
METRIC_COUNTER(refused, "imsrig_scscf_registers_refused_total", "REGISTERs refused, 401 apart");

/* ---- endings ---- */

void scscf_refuse(struct sip_req *req, int status, const char *reason, const char *why)
{
	refused.value++;
	log_warn("register", "REGISTER of %s refused with %d: %s",
		log_text(sip_value(sip_req_msg(req), SIP_H_TO)), status, why);
	bool later = status == 500 || status == 503;
	sip_answer(req, status, reason, later ? STR("Retry-After: 30\r\n") : STR_NONE);
}

void scscf_refuse_order(struct sip_req *req)
{
	scscf_refuse(req, 500, "CSeq out of order", "CSeq not above the last one");
}

/* Only failures with a meaning of their own; any other result is 500. */
static const struct {
	enum scscf_cx which;
	uint32_t experimental;
	int status;
} cx_refusals[] = {
	{SCSCF_MAA, CX_USER_UNKNOWN, 403},
	{SCSCF_MAA, CX_IDENTITIES_DONT_MATCH, 403},
	{SCSCF_MAA, CX_AUTH_SCHEME_NOT_SUPPORTED, 403},
	{SCSCF_SAA, CX_USER_UNKNOWN, 403},
	{SCSCF_SAA, CX_IDENTITIES_DONT_MATCH, 403},
	{SCSCF_SAA, CX_IN_ASSIGNMENT_TYPE, 403},
	{SCSCF_SAA, CX_ALREADY_REGISTERED, 480},
};

void scscf_refuse_cx(struct sip_req *req, enum scscf_cx which, int err, const struct cx_msg *m)
{
	const char *name = which == SCSCF_MAA ? "MAA" : "SAA";
	char why[120];
	int status = 500;

	if (err) {
		snprintf(why, sizeof why, err == -ETIMEDOUT ? "no %s from the HSS" :
			err == -EHOSTUNREACH ? "no Cx link for a %s" : "the %s can't be read", name);
		scscf_refuse(req, 500, NULL, why);
		return;
	}
	for (size_t i = 0; i < sizeof cx_refusals / sizeof *cx_refusals; i++)
		if (m->result.experimental && cx_refusals[i].which == which &&
			cx_refusals[i].experimental == m->result.code)
			status = cx_refusals[i].status;
	snprintf(why, sizeof why, "%s says %s", name, cx_result_name(m->result));
	scscf_refuse(req, status, NULL, why);
}

/* ---- waiting for the HSS ---- */

struct scscf_wait *scscf_wait_new(struct sip_req *req, struct sip_register *reg, struct user *u,
	struct str proof)
{
	struct scscf_wait *w = mem_alloc(sizeof *w);
	*w = (struct scscf_wait){sip_req_id(req), u ? u->id : 0, reg, proof};
	return w;
}

struct sip_req *scscf_wait_end(void *wait, struct user **u, struct scscf_wait *out)
{
	*out = *(struct scscf_wait *)wait;
	free(wait);
	*u = out->user ? user_by_id(&scscf.users, out->user) : NULL;
	return sip_req_find(scscf.stack, out->req);
}

void scscf_ask_vector(struct sip_req *req, struct sip_register *reg, struct user *u,
	struct cx_msg *mar, cx_answer_h *h)
{
	mar->command = CX_MA;
	mar->request = true;
	mar->user_name = reg->impi;
	mar->public_identity[0] = reg->impu;
	mar->n_public_identity = 1;
	mar->server_name = str_of(scscf.conf->name);
	mar->auth_items = 1;
	mar->has_auth_data = true;
	if (u && u->hss)
		mar->destination_host = str_of(u->hss);
	struct scscf_wait *w = scscf_wait_new(req, reg, u, STR_NONE);
	int err = cx_send(scscf.cx, mar, h, w);
	if (err) {
		free(w);
		scscf_refuse_cx(req, SCSCF_MAA, err, NULL);
	}
}

/* ---- checks ---- */

/* RFC 3261 8.2.2.3: option tags of Require that are not extensions of this registrar. */
static bool unsupported(const struct sip_msg *m, struct buf *out)
{
	char *const *known = scscf.conf->extensions.items;
	struct sip_iter it = {0};
	struct str option;

	while (sip_list_next(m, SIP_H_REQUIRE, &it, &option)) {
		bool found = false;
		option = str_trim(option);
		for (size_t i = 0; i < scscf.conf->extensions.n; i++)
			found |= str_ieq(option, str_of(known[i]));
		if (!found)
			buf_fmt(out, "%s" STR_FMT, out->n ? ", " : "Unsupported: ", STR_ARG(option));
	}
	if (out->n)
		buf_add(out, STR("\r\n"));
	return out->n > 0;
}

/* RFC 5626 6: outbound was asked for (reg-id), so the first hop, which is the last element
 * of Path, must have said that it keeps the flow. */
static bool first_hop_lacks_outbound(const struct sip_msg *m, const struct sip_register *reg)
{
	struct sip_iter it = {0};
	struct str element, last = STR_NONE, v;
	struct sip_name_addr na;

	if (!reg->outbound || !reg->n_contacts || !reg->contacts[0].reg_id)
		return false;
	while (sip_list_next(m, SIP_H_PATH, &it, &element))
		last = element;
	return !last.p || sip_name_addr_parse(&na, last) || !sip_param(na.uri.params, STR("ob"), &v);
}

static bool too_brief(const struct sip_register *reg)
{
	for (size_t i = 0; i < reg->n_contacts; i++) {
		uint32_t s = reg->contacts[i].expires;
		if (s && s * INT64_C(1000) < scscf.conf->min_expires_ms)
			return true;
	}
	return false;
}

/* False: answered. */
static bool acceptable(struct sip_req *req, const struct sip_register *reg)
{
	const struct sip_msg *m = sip_req_msg(req);
	struct buf fields = {0};

	if (!str_eq(reg->impu, reg->from)) {
		scscf_refuse(req, 400, "From and To differ", "From and To differ");
	} else if (unsupported(m, &fields)) {
		log_warn("register", "REGISTER refused with 420: %s", log_text(buf_str(&fields)));
		refused.value++;
		sip_answer(req, 420, NULL, buf_str(&fields));
	} else if (first_hop_lacks_outbound(m, reg)) {
		scscf_refuse(req, 439, NULL, "reg-id asked for, but no ob in the first hop's Path");
	} else if (too_brief(reg)) {
		log_warn("register", "REGISTER refused with 423: interval too brief");
		refused.value++;
		sip_answer_fmt(req, 423, NULL, "Min-Expires: %lld\r\n",
			(long long)(scscf.conf->min_expires_ms / 1000));
	} else {
		return true;
	}
	buf_free(&fields);
	return false;
}

void scscf_go_on(struct sip_req *req, struct sip_register *reg, struct user *u, struct str proof)
{
	if (reg->deregister) {
		scscf_deregister(req, reg, u, proof);
	} else if (!reg->n_contacts) {
		scscf_accept(req, reg, u, proof);
		user_drop_if_idle(u);
	} else {
		scscf_save(req, reg, u, proof);
	}
}

void scscf_register(struct sip_req *req)
{
	struct arena *a = sip_req_arena(req);
	struct sip_register *reg = arena_alloc(a, sizeof *reg);
	struct sip_fault fault;
	uint32_t dflt = (uint32_t)(scscf.conf->dflt_expires_ms / 1000);

	registers.value++;
	if (sip_register_parse(reg, sip_req_msg(req), dflt, a, &fault))
		scscf_refuse(req, fault.status, fault.why, fault.why);
	else if (!acceptable(req, reg))
		return;
	else if (sip_register_auth_done(reg))
		scscf_trusted(req, reg);
	else if (scscf_aka_wanted(reg))
		scscf_aka(req, reg);
	else
		scscf_digest(req, reg);
}
