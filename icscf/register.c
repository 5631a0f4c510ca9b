/* REGISTER at the I-CSCF (TS 24.229 5.3.1, TS 29.228 6.1.1).
 *
 *	eP-CSCF        I-CSCF         HSS          S-CSCF
 *	   | REGISTER    |             |             |
 *	   |------------>| UAR         |             |
 *	   |             |------------>|             |
 *	   |             |         UAA |             |
 *	   |             |<------------|             |
 *	   |             | REGISTER    |             |
 *	   |             |-------------------------->|
 *	   |  401 or 200 |               401 or 200  |
 *	   |<------------|<--------------------------|
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "common/base/log.h"
#include "common/base/metric.h"
#include "icscf/icscf.h"

METRIC_COUNTER(registers, "imsrig_icscf_registers_total", "REGISTERs received");
METRIC_COUNTER(refused, "imsrig_icscf_registers_refused_total",
	"REGISTERs that the I-CSCF answered by itself");
METRIC_COUNTER(forwarded, "imsrig_icscf_registers_forwarded_total", "REGISTERs sent to an S-CSCF");

/* Results of a UAA that end the registration, and what the UE is told (TS 24.229 5.3.1.2;
 * which identity was wrong stays hidden). Any other one is 480, as if no UAA had come. */
static const struct {
	struct cx_result result;
	int status;
} refusals[] = {
	{{true, CX_USER_UNKNOWN}, 403},
	{{true, CX_IDENTITIES_DONT_MATCH}, 403},
	{{true, CX_NOT_REGISTERED}, 404},
	{{true, CX_ROAMING_NOT_ALLOWED}, 403},
	{{false, DIAMETER_AUTHORIZATION_REJECTED}, 403},
};

/* The one failure ending: answers, counts, and says why. */
static void refuse(struct sip_req *req, int status, const char *reason, const char *why)
{
	refused.value++;
	log_warn("register", "REGISTER of %s refused with %d: %s",
		log_text(sip_value(sip_req_msg(req), SIP_H_TO)), status, why);
	sip_answer(req, status, reason, status == 480 ? STR("Retry-After: 30\r\n") : STR_NONE);
}

/* ---- REGISTER to S-CSCF ---- */

static int scscf_failed(struct sip_req *req, int err, void *arg)
{
	refused.value++;
	log_warn("register", "no answer from the S-CSCF (%s): 504", uv_strerror(err));
	return 504;
}

static const struct sip_forward_h forward_h = {.failure = scscf_failed};

static void forward(struct sip_req *req, struct str scscf)
{
	enum sip_transport by = icscf.conf->sip.transport ? SIP_TCP : SIP_UDP;
	struct sip_edit e;
	struct sip_hop hop;

	if (sip_hop_resolve(icscf.stack, scscf, by, &hop)) {
		refuse(req, 504, NULL, "the name of the S-CSCF can't be resolved");
		return;
	}
	sip_edit_begin(&e, sip_req_msg(req), sip_req_arena(req));
	sip_edit_uri(&e, scscf);
	int err = sip_forward(req, &e, &hop, &forward_h, NULL);
	if (err)
		refuse(req, 504, NULL, uv_strerror(err));
	else
		forwarded.value++;
}

/* ---- UAA ---- */

static int refusal_of(struct cx_result r)
{
	for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
		if (refusals[i].result.experimental == r.experimental &&
			refusals[i].result.code == r.code)
			return refusals[i].status;
	return 480;
}

static bool goes_on(struct cx_result r)
{
	if (r.experimental)
		return r.code == CX_FIRST_REGISTRATION || r.code == CX_SUBSEQUENT_REGISTRATION;
	return r.code == DIAMETER_SUCCESS;
}

static const char *lost(int err)
{
	return err == -ETIMEDOUT ? "no UAA from the HSS" :
		err == -EHOSTUNREACH ? "no Cx link to the HSS" : "the UAA can't be read";
}

static void on_uaa(int err, const struct cx_msg *uaa, void *arg)
{
	struct sip_req *req = sip_req_find(icscf.stack, (uint64_t)(uintptr_t)arg);
	if (!req)
		return; /* its transaction ended meanwhile */
	if (err) {
		refuse(req, 480, NULL, lost(err));
		return;
	}
	if (!goes_on(uaa->result)) {
		refuse(req, refusal_of(uaa->result), NULL, cx_result_name(uaa->result));
		return;
	}
	struct str scscf = uaa->server_name;
	if (!scscf.n)
		scscf = icscf_select(&icscf.conf->scscfs, &uaa->capabilities);
	if (!scscf.n) {
		refuse(req, 600, NULL, "no S-CSCF has the mandatory capabilities that the HSS names");
		return;
	}
	forward(req, arena_str(sip_req_arena(req), scscf));
}

/* ---- UAR ---- */

static void send_uar(struct sip_req *req, const struct sip_register *reg, struct str visited)
{
	struct cx_msg uar = {
		.command = CX_UA,
		.request = true,
		.user_name = reg->impi,
		.public_identity = {reg->impu},
		.n_public_identity = 1,
		.visited_network = visited,
		.has_auth_type = true,
		.auth_type = reg->deregister ? CX_DE_REGISTRATION : CX_REGISTRATION,
	};
	int err = cx_send(icscf.cx, &uar, on_uaa, (void *)(uintptr_t)sip_req_id(req));
	if (err)
		refuse(req, 480, NULL, lost(err));
}

/* ---- REGISTER from the edge ---- */

/* It speaks as one that authenticated the user, or names who did. */
static bool asserts(struct sip_req *req, const struct sip_register *reg)
{
	struct sip_entities e =
		sip_entities_of(reg, sip_req_msg(req), &icscf.conf->entity_params);
	return sip_register_auth_done(reg) || e.waf.p || e.wwsf.p;
}

void icscf_register(struct sip_req *req, const struct mw_peer *peer)
{
	struct arena *a = sip_req_arena(req);
	struct sip_register *reg = arena_alloc(a, sizeof *reg);
	struct sip_fault fault;

	registers.value++;
	if (sip_register_parse(reg, sip_req_msg(req), 3600, a, &fault)) {
		refuse(req, fault.status, fault.why, fault.why);
		return;
	}
	struct str visited = sip_visited_network(sip_req_msg(req));
	bool asserted = asserts(req, reg);
	if (asserted && !peer->trusted_node) {
		refuse(req, 403, NULL, "auth-done from a peer that is no trusted node");
		return;
	}
	if (asserted && peer->visited_network &&
		!str_ieq(visited, str_of(peer->visited_network))) {
		refuse(req, 403, NULL, "auth-done from another network than the trusted node's");
		return;
	}
	if (!visited.n) {
		refuse(req, 400, "P-Visited-Network-ID missing", "P-Visited-Network-ID missing");
		return;
	}
	send_uar(req, reg, visited);
}
