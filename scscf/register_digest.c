/* Registration by SIP Digest (TS 33.203 Annex N.2, TS 24.229 5.4.1.2.1 and 5.4.1.2.3).
 *
 *	I-CSCF         S-CSCF          HSS
 *	   | REGISTER    |              |
 *	   |------------>| MAR          |
 *	   |             |------------->|
 *	   |             |          MAA |
 *	   |         401 |<-------------|   nonce made, HA1 kept, reg-await-auth runs
 *	   |<------------|              |
 *	   | REGISTER    |              |
 *	   |------------>| check        |
 *	   |             |- - - - - - - |   register_save.c: SAR, 200
 *
 * SPDX-License-Identifier: Apache-2.0 */

#include "common/base/log.h"
#include "common/base/metric.h"
#include "scscf/failures.h"
#include "scscf/scscf.h"

METRIC_COUNTER(challenges, "imsrig_scscf_challenges_total", "401 sent with a digest challenge");
METRIC_COUNTER(stale, "imsrig_scscf_challenges_stale_total", "... of them with stale=TRUE");
METRIC_COUNTER(wrong, "imsrig_scscf_digest_wrong_total", "digest responses that were wrong");
METRIC_COUNTER(locked, "imsrig_scscf_digest_locked_total",
	"REGISTERs refused because of earlier failures of the IMPI");
METRIC_COUNTER(late, "imsrig_scscf_maa_late_total", "MAAs that came after their REGISTER had ended");

/* ---- 401 ---- */

static void renew_nonce(struct challenge *c)
{
	chance_hex(&scscf.host->chance, c->nonce, 16);
	c->nc = 0;
	c->until_ms = clock_ms(scscf.host->clock) + scscf.conf->nonce_ms;
}

/* The vector stands; a new nonce goes out with it. One field for each algorithm, the stronger
 * one first: a client answers the first that it knows (RFC 8760 2.4). */
static void challenge(struct sip_req *req, struct user *u, bool is_stale)
{
	static const enum digest_algorithm preferred[] = {DIGEST_SHA256, DIGEST_MD5};
	struct challenge *c = u->challenge;
	struct buf fields = {0};

	renew_nonce(c);
	c->answered = false;
	if (!timer_runs(&c->await))
		user_await(u, scscf.conf->await_auth_ms, scscf_await_expired);
	challenges.value++;
	stale.value += is_stale;
	for (size_t i = 0; i < sizeof preferred / sizeof *preferred; i++)
		if (*c->ha1[preferred[i]])
			buf_fmt(&fields,
				"WWW-Authenticate: Digest realm=\"%s\", nonce=\"%s\", qop=\"auth\", "
				"algorithm=%s%s\r\n",
				c->realm, c->nonce, digest_algorithm_name(preferred[i]),
				is_stale ? ", stale=TRUE" : "");
	sip_answer(req, 401, NULL, buf_str(&fields));
	buf_free(&fields);
}

/* ---- the check (TS 33.203 N.2.1) ---- */

enum verdict { RIGHT, WRONG, STALE };
struct proof {
	enum digest_algorithm algorithm;
	char rspauth[DIGEST_HEX_MAX];
};

/* Does the response match the vector, by an algorithm that was offered, whatever its nonce? */
static bool matches(const struct challenge *c, const struct sip_msg *m, const struct sip_digest *d,
	struct proof *p)
{
	char expected[DIGEST_HEX_MAX];
	struct sip_uri uri;

	if (!str_eq(d->realm, str_of(c->realm)) || !str_ieq(d->qop, STR("auth")) || d->nc.n != 8 ||
		!d->cnonce.n || digest_algorithm_of(d->algorithm, &p->algorithm) ||
		!*c->ha1[p->algorithm])
		return false;
	if (sip_uri_parse(&uri, d->uri) || !str_ieq(uri.host, str_of(scscf.conf->domain)))
		return false;
	struct str ha1 = str_of(c->ha1[p->algorithm]);
	digest_response(p->algorithm, ha1, m->method_text, d->uri, d->nonce, d->nc, d->cnonce,
		d->qop, expected);
	if (!digest_equal(str_of(expected), d->response))
		return false;
	digest_rspauth(p->algorithm, ha1, d->uri, d->nonce, d->nc, d->cnonce, d->qop, p->rspauth);
	return true;
}

/* Who has proved himself by one algorithm does not go on by another, weaker perhaps, but
 * after a new challenge. */
static enum verdict check(struct user *u, const struct sip_msg *m, const struct sip_digest *d,
	struct proof *p)
{
	struct challenge *c = u->challenge;
	uint8_t nc[4];

	if (!matches(c, m, d, p) || str_hex(d->nc, nc, 4))
		return WRONG;
	uint32_t count = (uint32_t)nc[0] << 24 | (uint32_t)nc[1] << 16 | (uint32_t)nc[2] << 8 | nc[3];
	if (!str_eq(d->nonce, str_of(c->nonce)) || clock_ms(scscf.host->clock) >= c->until_ms ||
		count <= c->nc || (c->answered && p->algorithm != c->algorithm))
		return STALE;
	c->nc = count;
	c->answered = true;
	c->algorithm = p->algorithm;
	return RIGHT;
}

static void count_wrong(struct str impi)
{
	wrong.value++;
	failures_count(impi);
}

/* A wrong response: another try, or the end of the series with 403 (TS 24.229 5.4.1.2.3A). */
static void on_wrong(struct sip_req *req, struct sip_register *reg, struct user *u)
{
	count_wrong(reg->impi);
	if (++u->challenge->wrong < scscf.conf->attempts) {
		log_warn("digest", "wrong response of %s, challenged again", log_text(reg->impi));
		challenge(req, u, false);
		return;
	}
	user_challenge_end(u);
	if (!u->registered)
		scscf_notify_hss(u, CX_AUTHENTICATION_FAILURE);
	user_drop_if_idle(u);
	scscf_refuse(req, 403, NULL, "authentication failed");
}

/* Authentication-Info (RFC 7616 3.5). With nextnonce the nonce that was answered is used up. */
static struct str proof_of(struct sip_req *req, const struct sip_register *reg,
	struct challenge *c, const char *rspauth)
{
	const struct sip_digest *d = &reg->auth;
	bool renews = scscf.conf->nextnonce && !reg->deregister;

	if (renews)
		renew_nonce(c);
	return arena_fmt(sip_req_arena(req),
		"qop=auth, rspauth=\"%s\", cnonce=\"" STR_FMT "\", nc=" STR_FMT "%s%s%s", rspauth,
		STR_ARG(d->cnonce), STR_ARG(d->nc), renews ? ", nextnonce=\"" : "",
		renews ? c->nonce : "", renews ? "\"" : "");
}

static void on_right(struct sip_req *req, struct sip_register *reg, struct user *u,
	const char *rspauth)
{
	struct failures *f = failures_of(reg->impi);

	if (f)
		failures_forget(f);
	user_await_end(u);
	scscf_go_on(req, reg, u, proof_of(req, reg, u->challenge, rspauth));
}

/* A response counts only where the edge vouches for the link (TS 33.203 P.4). */
static bool vouched(const struct sip_register *reg)
{
	static const char *const flags[] = {
		"tls-pending", "ip-assoc-pending", "tls-yes", "ip-assoc-yes"};
	for (size_t i = 0; reg->digest && i < sizeof flags / sizeof *flags; i++)
		if (str_eq(reg->auth.integrity_protected, str_of(flags[i])))
			return true;
	return false;
}

/* ---- MAA ---- */

/* The pair that all releases have is of MD5; leniently, also of what it says it is. False:
 * it says something else. */
static bool take_first_pair(const struct cx_msg *maa, char ha1[][DIGEST_HEX_MAX])
{
	enum digest_algorithm a;

	if (!maa->digest_ha1.p)
		return !maa->digest_algorithm.p;
	return !digest_algorithm_of(maa->digest_algorithm, &a) &&
		(a == DIGEST_MD5 || scscf.conf->lenient_digest_algorithm) &&
		!digest_ha1_take(a, maa->digest_ha1, ha1[a]);
}

/* The alternate pair, beside the first one or alone. An algorithm that we do not know is not
 * offered. */
static bool take_alternate_pair(const struct cx_msg *maa, char ha1[][DIGEST_HEX_MAX])
{
	enum digest_algorithm a;

	if (!maa->alternate_ha1.p || !maa->alternate_algorithm.p)
		return !maa->alternate_ha1.p && !maa->alternate_algorithm.p;
	if (digest_algorithm_of(maa->alternate_algorithm, &a))
		return true;
	return !*ha1[a] && !digest_ha1_take(a, maa->alternate_ha1, ha1[a]);
}

/* As it stands inside quotes: what would end them, or escape, could say something else. */
static bool quotable(struct str s)
{
	return s.n && str_chr(s, '"') < 0 && str_chr(s, '\\') < 0;
}

/* H(A1) for each algorithm that the challenge will offer. False: not a vector for us. */
static bool take_vector(const struct cx_msg *maa, char ha1[][DIGEST_HEX_MAX])
{
	return maa->has_auth_data && str_eq(maa->auth_scheme, STR("SIP Digest")) &&
		quotable(maa->digest_realm) && digest_offers_auth(maa->digest_qop) &&
		take_first_pair(maa, ha1) && take_alternate_pair(maa, ha1) &&
		(*ha1[DIGEST_MD5] || *ha1[DIGEST_SHA256]);
}

static void on_maa(int err, const struct cx_msg *maa, void *arg)
{
	char ha1[DIGEST_ALGORITHMS][DIGEST_HEX_MAX] = {""};
	struct proof proof;
	struct scscf_wait w;
	struct user *u;
	struct sip_req *req = scscf_wait_end(arg, &u, &w);

	if (!req) {
		late.value++;
		return;
	}
	if (err || !cx_is_success(maa->result)) {
		scscf_refuse_cx(req, SCSCF_MAA, err, maa);
		return;
	}
	if (!take_vector(maa, ha1)) {
		scscf_refuse(req, 500, NULL, "the vector in the MAA is not for SIP Digest");
		return;
	}
	u = user_need(&scscf.users, w.reg->impi, w.reg->impu);
	struct challenge *c = user_challenge(u, maa->digest_realm);
	memcpy(c->ha1, ha1, sizeof ha1);
	explicit_bzero(ha1, sizeof ha1);
	c->wwsf = scscf_web_entities(req, w.reg);
	user_hss(u, maa->origin_host);
	/* A right answer to a nonce that is gone: the user knows the password (N.2.1.3). */
	bool answers = sip_register_answers(w.reg) && vouched(w.reg);
	bool right = answers && matches(c, sip_req_msg(req), &w.reg->auth, &proof);
	if (answers && !right) {
		c->wrong = 1;
		count_wrong(w.reg->impi);
	}
	challenge(req, u, right);
}

/* ---- MAR ---- */

static void ask_vector(struct sip_req *req, struct sip_register *reg, struct user *u)
{
	struct cx_msg mar = {
		.auth_scheme = reg->digest ? STR("SIP Digest") : STR("Unknown"),
		.wwsf_name = scscf_web(req, reg),
	};
	scscf_ask_vector(req, reg, u, &mar, on_maa);
}

/* ---- REGISTER ---- */

/* A bound link says that somebody authenticated the user there. It does for what we did by
 * digest; a registration by AKA, or that a trusted node vouched for, is not gone on with by it
 * (TS 33.203 P.4: the scheme stays), so that is a new authentication. */
static bool ours(struct user *u, const struct sip_register *reg)
{
	size_t own = 0;
	for (size_t i = 0; i < reg->n_contacts; i++) {
		const struct binding *b = binding_find(u, &reg->contacts[i]);
		if (b && (b->trusted || b->aka))
			return false;
		own += b != NULL;
	}
	if (own && own == reg->n_contacts)
		return true;
	for (const struct binding *b = u->bindings; b; b = b->next)
		if (b->trusted || b->aka)
			return false;
	return true;
}

/* A vector serves one series: from its 401 until the user is in. Who has to be challenged later
 * is so by a new one, since his password may have changed. */
static bool in_series(const struct user *u)
{
	return timer_runs(&u->challenge->await);
}

/* Answers, if the response decides it. */
static bool decided(struct sip_req *req, struct sip_register *reg, struct user *u)
{
	struct proof proof;

	if (!u || !u->challenge || u->challenge->aka || !vouched(reg) || !sip_register_answers(reg) ||
		!scscf_web_same(req, reg, u->challenge) ||
		!str_eq(reg->auth.nonce, str_of(u->challenge->nonce)))
		return false;
	enum verdict verdict = check(u, sip_req_msg(req), &reg->auth, &proof);
	if (verdict != RIGHT && !in_series(u))
		return false;
	if (verdict == RIGHT)
		on_right(req, reg, u, proof.rspauth);
	else if (verdict == WRONG)
		on_wrong(req, reg, u);
	else
		challenge(req, u, true);
	return true;
}

void scscf_digest(struct sip_req *req, struct sip_register *reg)
{
	struct user *u = user_find(&scscf.users, reg->impi, reg->impu);
	struct str flag = reg->digest ? reg->auth.integrity_protected : STR_NONE;
	bool bound = str_eq(flag, STR("tls-yes")) || str_eq(flag, STR("ip-assoc-yes"));
	struct failures *f = failures_of(reg->impi);

	if (f && f->count >= scscf.conf->lock_failures) {
		locked.value++;
		scscf_refuse(req, 403, NULL, "too many failed authentications of this IMPI");
		return;
	}
	if (!scscf_web_welcome(req, reg))
		return;
	if (bound && u && u->registered && u->bindings && !scscf.conf->challenge_refresh && ours(u, reg)) {
		scscf_go_on(req, reg, u, STR_NONE);
		return;
	}
	if (decided(req, reg, u))
		return;
	if ((int64_t)scscf.users.waiting >= scscf.conf->max_challenges) {
		scscf_refuse(req, 503, NULL, "too many challenges wait for their response");
		return;
	}
	ask_vector(req, reg, u);
}
