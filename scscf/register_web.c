/* Registration with web credentials (TR 33.871, direct authentication): register_digest.c's, but
 * for whose credentials they are. User-Name and Public-Identity towards the HSS are the web
 * identity, which the HSS maps; the profile is that of the mapped identities.
 *
 *	I-CSCF              S-CSCF              HSS (AV proxy)
 *	   | REGISTER          |                 |
 *	   | (wwsf-entity)     |                 |
 *	   |------------------>| not blocked     |
 *	   |                   | MAR + WWSF      |
 *	   |                   |---------------->|
 *	   |                   |             MAA |
 *	   |               401 |<----------------|   H(A1) kept with the nonce
 *	   |<------------------|
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/base/metric.h"
#include "scscf/scscf.h"

METRIC_COUNTER(suspected, "imsrig_scscf_web_blocked_total",
	"REGISTERs with web credentials refused because their WWSF is blocked");

struct str scscf_web(struct sip_req *req, const struct sip_register *reg)
{
	if (!reg->digest || sip_register_auth_done(reg))
		return STR_NONE;
	return sip_entities_of(reg, sip_req_msg(req), &scscf.conf->entity_params).wwsf;
}

struct entities *scscf_web_entities(struct sip_req *req, const struct sip_register *reg)
{
	struct str wwsf = scscf_web(req, reg);
	struct entities *who = NULL;
	struct buf set = {0};
	if (wwsf.p) {
		entity_put(&set, ENTITY_WWSF, wwsf);
		who = entities_new(&set);
	}
	buf_free(&set);
	return who;
}

/* Equal sets are one object. */
bool scscf_web_same(struct sip_req *req, const struct sip_register *reg, const struct challenge *c)
{
	struct entities *who = scscf_web_entities(req, reg);
	bool same = who == c->wwsf;
	entities_drop(who);
	return same;
}

bool scscf_web_welcome(struct sip_req *req, const struct sip_register *reg)
{
	struct entities *who = scscf_web_entities(req, reg);
	bool blocked = blocked_has(who);
	if (blocked) {
		suspected.value++;
		scscf_refuse(req, 403, NULL, "the WWSF of the web credentials is blocked");
	}
	entities_drop(who);
	return !blocked;
}
