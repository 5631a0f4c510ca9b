/* Registration of a user whom a trusted node authenticated: TNA (TS 33.203 Annex U.2, P.4 and
 * X.3.3 step 4).
 *
 *	I-CSCF         S-CSCF          HSS
 *	   | REGISTER    |              |
 *	   | (auth-done) |              |
 *	   |------------>| WAF and WWSF not blocked
 *	   |             | SAR          |   register_save.c; no MAR, no 401
 *	   |             |------------->|
 *	   |             |          SAA |
 *	   |             |<-------------|   ... and on the list of the subscription
 *	   |         200 |              |
 *	   |<------------|              |   or SAR(8) and 403
 *
 * That auth-done comes from a trusted node alone is the I-CSCF's business. A REGISTER that names
 * neither WAF nor WWSF was vouched for inside the operator's domain: no list is looked at.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/base/log.h"
#include "common/base/metric.h"
#include "scscf/scscf.h"

METRIC_COUNTER(asserted, "imsrig_scscf_trusted_total", "REGISTERs that a trusted node vouches for");
METRIC_COUNTER(suspected, "imsrig_scscf_trusted_blocked_total",
	"... of them refused because their WAF or WWSF is blocked");
METRIC_COUNTER(unlisted, "imsrig_scscf_trusted_unlisted_total",
	"... of them refused because the subscription does not list their WAF or WWSF");

/* ---- who vouches ---- */

struct entities *scscf_vouchers(struct sip_req *req, const struct sip_register *reg)
{
	struct entities *who = NULL;
	struct buf set = {0};

	if (!sip_register_auth_done(reg))
		return NULL;
	struct sip_entities e =
		sip_entities_of(reg, sip_req_msg(req), &scscf.conf->entity_params);
	if (e.waf.p)
		entity_put(&set, ENTITY_WAF, e.waf);
	if (e.wwsf.p)
		entity_put(&set, ENTITY_WWSF, e.wwsf);
	if (set.n)
		who = entities_new(&set);
	buf_free(&set);
	return who;
}

/* Without a list nobody outside may vouch: TS 33.203 speaks of the list "if available", and
 * closed is the safe reading. */
static bool may_vouch(const struct user *u, const struct entities *who)
{
	return !who || (u->allowed && entities_cover(u->allowed, who));
}

/* ---- REGISTER ---- */

enum objection { NONE, BLOCKED, UNLISTED, NO_LIST };

static enum objection objection(const struct user *u, const struct entities *who)
{
	if (blocked_has(who))
		return BLOCKED;
	if (!u || may_vouch(u, who))
		return NONE;
	return u->allowed ? UNLISTED : NO_LIST;
}

static void refuse(struct sip_req *req, enum objection o, const struct entities *who)
{
	static const char *const words[] = {[BLOCKED] = "blocked",
		[UNLISTED] = "not on the list of the subscription",
		[NO_LIST] = "the subscription has no list of who may vouch"};
	char why[240];
	if (o == BLOCKED)
		suspected.value++;
	else
		unlisted.value++;
	snprintf(why, sizeof why, "%s: %s", words[o], entities_text(who));
	scscf_refuse(req, 403, NULL, why);
}

void scscf_trusted(struct sip_req *req, struct sip_register *reg)
{
	struct user *u = user_find(&scscf.users, reg->impi, reg->impu);
	struct entities *who = scscf_vouchers(req, reg);
	/* A SAA may bring a list; where none will come, the stored one stands. */
	bool listed = u && u->bindings && (reg->deregister || !reg->n_contacts);
	enum objection o = objection(listed ? u : NULL, who);

	asserted.value++;
	if (o) {
		refuse(req, o, who);
	} else {
		if (!u)
			u = user_new(&scscf.users, reg->impi, reg->impu);
		scscf_go_on(req, reg, u, STR_NONE);
	}
	entities_drop(who);
}

/* ---- SAA ---- */

void scscf_take_list(struct user *u, const struct cx_msg *saa)
{
	struct buf set = {0};

	if (!saa->has_allowed && !saa->user_data.n)
		return;        /* the S-CSCF has the profile, and the list with it */
	for (size_t i = 0; i < saa->n_allowed_waf; i++)
		entity_put(&set, ENTITY_WAF, saa->allowed_waf[i]);
	for (size_t i = 0; i < saa->n_allowed_wwsf; i++)
		entity_put(&set, ENTITY_WWSF, saa->allowed_wwsf[i]);
	entities_drop(u->allowed);
	u->allowed = saa->has_allowed ? entities_new(&set) : NULL;
	buf_free(&set);
}

/* The HSS holds the user as registered by now. What others vouched for, or his password, stays:
 * who is not listed can't end it. What nobody may vouch for any more goes. */
static void withdraw(struct user *u)
{
	for (struct binding *b = u->bindings, *next; b; b = next) {
		next = b->next;
		if (objection(u, b->vouchers))
			binding_remove(b);
	}
	if (!u->bindings)
		scscf_undo(u);
}

bool scscf_vouched(struct sip_req *req, const struct sip_register *reg, struct user *u)
{
	struct entities *who = scscf_vouchers(req, reg);
	enum objection o = objection(u, who);

	if (o) {
		withdraw(u);
		refuse(req, o, who);
	}
	entities_drop(who);
	return !o;
}
