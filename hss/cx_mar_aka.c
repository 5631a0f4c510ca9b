/* MAR for a user with a USIM (TS 29.228 6.3.1, TS 33.102 6.3): a vector with the next sequence
 * number, and resynchronisation.
 *
 *	S-CSCF                      HSS
 *	  | MAR Digest-AKAv1-MD5      |  RAND drawn, SQN raised
 *	  |-------------------------->|
 *	  | MAA RAND, AUTN, XRES, CK, IK
 *	  |<--------------------------|
 *	  | MAR ... RAND, AUTS        |  MAC-S right, SQN out of its range: it is the USIM's
 *	  |-------------------------->|
 *	  | MAA, a vector from there on
 *	  |<--------------------------|
 *
 * One scheme is for all versions of digest AKA (TS 29.229 6.3.9).
 * SPDX-License-Identifier: Apache-2.0 */
#include "hss/hss.h"

#include "common/base/log.h"
#include "common/base/metric.h"

METRIC_COUNTER(vectors, "imsrig_hss_aka_vectors_total", "AKA vectors made");
METRIC_COUNTER(resyncs, "imsrig_hss_aka_resync_total", "sequence numbers taken over from a USIM");
METRIC_COUNTER(false_auts, "imsrig_hss_aka_auts_wrong_total",
	"AUTS whose MAC-S was wrong: the sequence number stayed");

enum { N_RAND = 16, N_RESYNC = N_RAND + 14 };

/* ---- the answer ---- */

static void answer_vector(struct cx_req *req, const struct cx_msg *m, const struct aka_vector *v)
{
	uint8_t both[32];
	struct cx_msg maa = {
		.result = CX_RESULT(DIAMETER_SUCCESS),
		.user_name = m->user_name,
		.public_identity = {m->public_identity[0]},
		.n_public_identity = 1,
		.auth_items = 1,
		.has_auth_data = true,
		.auth_scheme = AKA_SCHEME,
		.authenticate = {(const char *)both, sizeof both},
		.authorization = {(const char *)v->xres, sizeof v->xres},
		.ck = {(const char *)v->ck, sizeof v->ck},
		.ik = {(const char *)v->ik, sizeof v->ik},
	};
	memcpy(both, v->rand, 16);
	memcpy(both + 16, v->autn, 16);
	vectors.value++;
	cx_answer(req, &maa);
}

/* ---- the sequence number ---- */

/* An AUTS that is not the USIM's changes nothing, nor does one whose number ours is above by now:
 * it came before. A vector goes out all the same (TS 33.102 6.3.5). */
static void resynchronise(const struct cx_msg *m, struct usim_row *u)
{
	const uint8_t *both = (const uint8_t *)m->authorization.p;
	uint64_t sqn;

	if (aka_auts_check(&u->keys, both, both + N_RAND, &sqn)) {
		false_auts.value++;
		log_warn("mar", "%s: AUTS is not of the user's USIM", log_text(m->user_name));
		return;
	}
	if (aka_sqn_fits(aka_sqn_next(u->sqn), sqn))
		return;
	resyncs.value++;
	log_info("mar", "%s: sequence number taken over from the USIM", log_text(m->user_name));
	u->sqn = sqn;
}

bool hss_may_resync(struct cx_req *req, const struct cx_msg *m, bool serves)
{
	if (m->authorization.n != N_RESYNC)
		hss_refuse_avp(req, m, DIAMETER_INVALID_AVP_VALUE, "SIP-Authorization",
			"it is not RAND and AUTS");
	else if (!serves)
		hss_refuse(req, m, CX_RESULT(DIAMETER_UNABLE_TO_COMPLY),
			"resynchronisation from an S-CSCF that did not challenge");
	else
		return true;
	return false;
}

void hss_answer_aka(struct cx_req *req, const struct cx_msg *m, const struct found *f)
{
	struct usim_row u;
	struct aka_vector v;

	if (store_usim(hss.store, f, m->user_name, &u)) {
		hss_refuse(req, m, CX_RESULT(DIAMETER_UNABLE_TO_COMPLY), "no keys of a USIM");
		return;
	}
	if (m->authorization.p)
		resynchronise(m, &u);
	u.sqn = aka_sqn_next(u.sqn);
	chance_bytes(&hss.host->chance, v.rand, sizeof v.rand);
	aka_vector_make(&u.keys, u.sqn, u.amf, &v);
	explicit_bzero(&u.keys, sizeof u.keys);
	if (store_usim_sqn(hss.store, f, u.sqn))
		hss_refuse(req, m, CX_RESULT(DIAMETER_UNABLE_TO_COMPLY), "database fault");
	else
		answer_vector(req, m, &v);
	explicit_bzero(&v, sizeof v);
}
