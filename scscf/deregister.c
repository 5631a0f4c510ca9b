/* The ends of a registration (TS 24.229 5.4.1.4, 5.4.1.5; TS 29.228 6.1.2).
 *
 * By the user:  REGISTER Expires 0 -> SAR(5) -> 200.   By time: SAR(4).
 * No answer to the challenge: SAR(10).   Wrong answers: SAR(9), from register_digest.c.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/metric.h"
#include "scscf/scscf.h"

METRIC_COUNTER(deregistered, "imsrig_scscf_deregistrations_total", "users deregistered by REGISTER");
METRIC_COUNTER(expired, "imsrig_scscf_expirations_total", "users deregistered by time");
METRIC_COUNTER(unanswered, "imsrig_scscf_challenges_unanswered_total",
	"challenges that reg-await-auth ended");

/* ---- a SAR that nobody waits for ---- */

struct notice {
	enum cx_assignment type;
	bool again;                    /* it was sent a second time */
	char *impi, *impu, *hss;
};

static void notice_free(struct notice *n)
{
	free(n->impi);
	free(n->impu);
	free(n->hss);
	free(n);
}

static void notice_send(struct notice *n);

static void on_notice(int err, const struct cx_msg *saa, void *arg)
{
	struct notice *n = arg;
	if (err == -ETIMEDOUT && !n->again) {
		n->again = true;
		notice_send(n);
		return;
	}
	if (err)
		log_warn("sar", "SAR of type %d got no answer: %s", n->type, uv_strerror(err));
	else if (!cx_is_success(saa->result))
		log_warn("sar", "SAR of type %d: %s", n->type, cx_result_name(saa->result));
	notice_free(n);
}

static void notice_send(struct notice *n)
{
	struct cx_msg sar = {
		.command = CX_SA,
		.request = true,
		.user_name = str_of(n->impi),
		.public_identity = {str_of(n->impu)},
		.n_public_identity = 1,
		.server_name = str_of(scscf.conf->name),
		.has_assignment = true,
		.assignment = n->type,
		.has_data_available = true,
		.data_available = 1,
		.destination_host = str_of(n->hss),
	};
	int err = cx_send(scscf.cx, &sar, on_notice, n);
	if (err) {
		log_warn("sar", "SAR of type %d can't be sent: %s", n->type, uv_strerror(err));
		notice_free(n);
	}
}

void scscf_notify_hss(const struct user *u, enum cx_assignment type)
{
	struct notice *n = MEM_NEW(struct notice);
	n->type = type;
	n->impi = str_dup(str_of(u->impi));
	n->impu = str_dup(user_impu(u));
	n->hss = u->hss ? str_dup(str_of(u->hss)) : NULL;
	notice_send(n);
}

/* ---- by the user ---- */

static void on_saa(int err, const struct cx_msg *saa, void *arg)
{
	struct scscf_wait w;
	struct user *u;
	struct sip_req *req = scscf_wait_end(arg, &u, &w);

	if (!u) {
		if (req)
			scscf_refuse(req, 500, NULL, "the registration was ended meanwhile");
		return;
	}
	u->waits--;
	/* A SAR that registers and went out since must not be undone. */
	if (err == -ETIMEDOUT && !u->registered && !u->saves)
		scscf_notify_hss(u, CX_USER_DEREGISTRATION);
	if (req)
		scscf_accept(req, w.reg, u, w.proof);
	deregistered.value++;
	user_drop_if_idle(u);
}

/* What is named is there, and not newer than the request. False: answered. */
static bool removable(struct sip_req *req, const struct sip_register *reg, struct user *u)
{
	const struct sip_msg *m = sip_req_msg(req);
	struct str call_id = sip_value(m, SIP_H_CALL_ID);
	bool there = u->bindings != NULL, newer = false;

	for (size_t i = 0; i < reg->n_contacts; i++) {
		const struct binding *b = binding_find(u, &reg->contacts[i]);
		there &= b != NULL;
		newer |= b && binding_is_newer(b, call_id, m->cseq);
	}
	for (const struct binding *b = u->bindings; reg->star && b; b = b->next)
		newer |= binding_is_newer(b, call_id, m->cseq);
	if (!there)
		scscf_refuse(req, 481, NULL, "the binding to be removed is not there");
	else if (newer)
		scscf_refuse_order(req);
	return there && !newer;
}

static void remove_named(struct user *u, const struct sip_register *reg)
{
	for (size_t i = 0; i < reg->n_contacts; i++) {
		struct binding *b = binding_find(u, &reg->contacts[i]);
		if (b)
			binding_remove(b);
	}
	while (reg->star && u->bindings)
		binding_remove(u->bindings);
}

void scscf_deregister(struct sip_req *req, struct sip_register *reg, struct user *u,
	struct str proof)
{
	/* The HSS takes the two in the order of their SARs, we in the order of the SAAs. */
	if (u->saves) {
		scscf_refuse(req, 500, NULL, "a registration of the same user is under way");
		return;
	}
	if (!removable(req, reg, u)) {
		user_drop_if_idle(u);
		return;
	}
	remove_named(u, reg);
	if (u->bindings) {
		scscf_accept(req, reg, u, proof);
		return;
	}
	struct cx_msg sar = {
		.command = CX_SA,
		.request = true,
		.user_name = str_of(u->impi),
		.public_identity = {reg->impu},
		.n_public_identity = 1,
		.server_name = str_of(scscf.conf->name),
		.has_assignment = true,
		.assignment = CX_USER_DEREGISTRATION,
		.has_data_available = true,
		.data_available = 1,
		.destination_host = str_of(u->hss),
	};
	struct scscf_wait *w = scscf_wait_new(req, reg, u, proof);
	/* From here on: who comes before the SAA registers anew, and what he gets stays. */
	u->registered = false;
	u->waits++;
	user_challenge_end(u);
	user_profile_end(u);
	int err = cx_send(scscf.cx, &sar, on_saa, w);
	if (err)
		on_saa(err, NULL, w);
}

/* The last binding expired while this SAR was under way, or another REGISTER failed after its
 * SAR, and left it to this one. */
void scscf_save_failed(struct user *u)
{
	if (u->registered && !u->bindings && !u->saves) {
		expired.value++;
		scscf_notify_hss(u, CX_TIMEOUT_DEREGISTRATION);
		u->registered = false;
		user_profile_end(u);
	}
	user_drop_if_idle(u);
}

/* ---- by time ---- */

void scscf_binding_expired(struct timer *t, void *binding)
{
	struct binding *b = binding;
	struct user *u = b->user;

	log_info("register", "binding of %s expired", log_text(user_impu(u)));
	binding_remove(b);
	if (u->bindings || u->saves)
		return;
	expired.value++;
	scscf_notify_hss(u, CX_TIMEOUT_DEREGISTRATION);
	u->registered = false;
	user_profile_end(u);
	user_drop_if_idle(u);
}

/* reg-await-auth ran out (TS 24.229 5.4.1.2.1). */
void scscf_await_expired(struct timer *t, void *user)
{
	struct user *u = user;

	unanswered.value++;
	u->table->waiting--;
	log_warn("digest", "no response to the challenge of %s", log_text(user_impu(u)));
	scscf_notify_hss(u, CX_AUTHENTICATION_TIMEOUT);
	user_challenge_end(u);
	user_drop_if_idle(u);
}
