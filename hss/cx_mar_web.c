/* MAR of a web identity (TR 33.871, direct authentication, steps 3 and 4): its credentials are
 * not the HSS's own but those that the AV proxy was handed over by the WWSF.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "hss/av_proxy.h"

struct asked {
	struct cx_req *req;
	const struct cx_msg *m;
	const struct found *f;
};

/* ---- step 4: the vector ---- */

static void answer(const struct asked *q, const struct cx_msg *vector)
{
	struct cx_msg maa = *vector;
	maa.user_name = q->m->user_name;
	maa.public_identity[0] = q->m->public_identity[0];
	maa.n_public_identity = 1;
	cx_answer(q->req, &maa);
}

static void on_vector(int err, const struct cx_msg *vector, void *arg)
{
	const struct asked *q = arg;
	if (err)
		hss_refuse(q->req, q->m, CX_RESULT(DIAMETER_UNABLE_TO_COMPLY),
			err == -ETIMEDOUT ? "no answer from the AV proxy" :
			"what the AV proxy answers can't be read");
	else if (!cx_is_success(vector->result))
		hss_refuse(q->req, q->m, vector->result, "the AV proxy refuses");
	else if (hss_mar_remember(q->m, q->f))
		hss_refuse(q->req, q->m, CX_RESULT(DIAMETER_UNABLE_TO_COMPLY), "database fault");
	else
		answer(q, vector);
}

static void ask(struct cx_req *req, const struct cx_msg *m, const struct found *f)
{
	struct asked q = {req, m, f};
	struct cx_msg mar = {
		.command = CX_MA,
		.session_id = m->session_id,
		.user_name = m->user_name,
		.public_identity = {m->public_identity[0]},
		.n_public_identity = 1,
		.auth_items = 1,
		.has_auth_data = true,
		.auth_scheme = STR("SIP Digest"),
		.server_name = m->server_name,
		.wwsf_name = m->wwsf_name,
	};
	av_proxy_ask(&mar, on_vector, &q);
}

/* ---- step 3: may that WWSF do so? ---- */

/* 1: the subscription lists it; no list lists nobody. */
static int is_allowed(const struct found *f, struct str wwsf)
{
	struct charging c;
	if (store_charging(hss.store, f->subscription, &hss.arena, &c))
		return -EIO;
	for (struct str w; c.allowed_wwsfs.n && (w = str_cut(&c.allowed_wwsfs, ' ')).n;)
		if (str_host_eq(w, wwsf))
			return 1;
	return 0;
}

void hss_mar_web(struct cx_req *req, const struct cx_msg *m, const struct found *f)
{
	int allowed = m->wwsf_name.n ? is_allowed(f, m->wwsf_name) : 0;
	bool digest = str_eq(m->auth_scheme, STR("SIP Digest")) ||
		str_eq(m->auth_scheme, STR("Unknown"));

	if (!digest || f->scheme == AUTH_AKA)
		hss_refuse(req, m, CX_EXPERIMENTAL(CX_AUTH_SCHEME_NOT_SUPPORTED),
			digest ? "the mapped identity is authenticated by AKA" :
			"a web identity is authenticated by SIP Digest alone");
	else if (!m->wwsf_name.n)
		hss_refuse(req, m, CX_EXPERIMENTAL(CX_IDENTITIES_DONT_MATCH),
			"a web identity without its WWSF");
	else if (allowed < 0)
		hss_refuse(req, m, CX_RESULT(DIAMETER_UNABLE_TO_COMPLY), "database fault");
	else if (!allowed)
		hss_refuse(req, m, CX_EXPERIMENTAL(CX_IDENTITIES_DONT_MATCH),
			"the WWSF is not on the list of the subscription");
	else
		ask(req, m, f);
}
