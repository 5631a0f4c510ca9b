/* Registration by IMS AKA without IPsec (TS 33.203 6.1, P.4.2 and X.2, TS 24.229 5.4.1.2.1A and
 * 5.4.1.2.2; RFC 3310, RFC 4169).
 *
 *	I-CSCF         S-CSCF          HSS
 *	   | REGISTER    |              |
 *	   |------------>| MAR          |
 *	   |             |------------->|
 *	   |             |          MAA |
 *	   |         401 |<-------------|   nonce is RAND and AUTN; of XRES, CK and IK only H(A1)
 *	   |<------------|              |   is kept
 *	   | REGISTER    |              |
 *	   |------------>| RES: register_save.c; nothing: 403
 *	   |             | AUTS: MAR    |
 *	   |             |------------->|   and so on, with a vector in the USIM's range
 *
 * A vector serves one challenge. Each REGISTER is challenged, refreshes and deregistrations too:
 * tls-connected says that there was TLS before the registration, not whose it is.
 * SPDX-License-Identifier: Apache-2.0 */

#include "common/base/log.h"
#include "common/base/metric.h"
#include "scscf/failures.h"
#include "scscf/scscf.h"

METRIC_COUNTER(challenges, "imsrig_scscf_aka_challenges_total", "401 sent with an AKA challenge");
METRIC_COUNTER(resyncs, "imsrig_scscf_aka_resync_total",
	"... answered by a USIM that finds the sequence number out of range");
METRIC_COUNTER(mac_failures, "imsrig_scscf_aka_mac_failure_total",
	"... answered by a USIM that does not know the network");
METRIC_COUNTER(wrong, "imsrig_scscf_aka_wrong_total", "... answered with a wrong RES");
METRIC_COUNTER(late, "imsrig_scscf_aka_maa_late_total",
	"MAAs with a vector that came after their REGISTER had ended");

#define AKA_SCHEME STR("Digest-AKAv1-MD5")     /* whatever the version (TS 29.229 6.3.9) */

/* ---- which algorithm (TS 33.203 P.4.2) ---- */

enum aka_algorithm scscf_aka_wanted(const struct sip_register *reg)
{
	if (!reg->digest)
		return AKA_NONE;
	struct str flag = reg->auth.integrity_protected;
	enum aka_algorithm named = aka_algorithm_of(reg->auth.algorithm);
	if (str_eq(flag, STR("tls-connected")))
		return named == AKA_V2_SHA256 ? named : AKA_NONE;
	if (str_eq(flag, STR("yes")) || str_eq(flag, STR("no")))
		return named ? named : AKA_V1_MD5;
	return AKA_NONE;
}

/* Is the link such that a response counts? */
static bool counts(const struct sip_register *reg)
{
	return scscf.conf->aka_without_ipsec ||
		!str_eq(reg->auth.integrity_protected, STR("no"));
}

/* ---- failure ---- */

static void fail(struct sip_req *req, struct sip_register *reg, struct user *u, const char *why)
{
	failures_count(reg->impi);
	user_challenge_end(u);
	if (!u->registered)
		scscf_notify_hss(u, CX_AUTHENTICATION_FAILURE);
	user_drop_if_idle(u);
	scscf_refuse(req, 403, NULL, why);
}

/* ---- MAA, 401 ---- */

static void challenge(struct sip_req *req, const struct user *u)
{
	const struct challenge *c = u->challenge;

	challenges.value++;
	sip_answer_fmt(req, 401, NULL,
		"WWW-Authenticate: Digest realm=\"%s\", nonce=\"%s\", qop=\"auth\", algorithm=%s\r\n",
		c->realm, c->aka->nonce, aka_algorithm_name(c->aka->algorithm));
}

static bool usable(const struct cx_msg *maa)
{
	return maa->has_auth_data && str_eq(maa->auth_scheme, AKA_SCHEME) &&
		maa->authenticate.n == 32 && maa->authorization.n >= 4 &&
		maa->authorization.n <= AKA_RES_MAX && maa->ck.n == 16 && maa->ik.n == 16;
}

static void take_vector(struct aka_challenge *c, const struct cx_msg *maa, struct str impi)
{
	char password[AKA_PASSWORD_MAX];
	struct str secret = aka_password(c->algorithm, maa->authorization,
		(const uint8_t *)maa->ck.p, (const uint8_t *)maa->ik.p, password);

	digest_ha1(aka_digest(c->algorithm), impi, str_of(scscf.conf->domain), secret, c->ha1);
	explicit_bzero(password, sizeof password);
	aka_nonce_write((const uint8_t *)maa->authenticate.p, c->nonce);
	c->until_ms = clock_ms(scscf.host->clock) + scscf.conf->nonce_ms;
}

static void on_maa(int err, const struct cx_msg *maa, void *arg)
{
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
	if (!usable(maa)) {
		scscf_refuse(req, 500, NULL, "the vector in the MAA is not for AKA");
		return;
	}
	u = user_need(&scscf.users, w.reg->impi, w.reg->impu);
	uint32_t failed = w.reg->auth.auts.p && u->challenge ? u->challenge->wrong : 0;
	struct challenge *c = user_challenge_aka(
		u, str_of(scscf.conf->domain), scscf_aka_wanted(w.reg));
	c->wrong = failed;
	chance_hex(&scscf.host->chance, c->nonce, 16); /* told to nobody: no digest can name it */
	take_vector(c->aka, maa, w.reg->impi);
	user_hss(u, maa->origin_host);
	user_await(u, scscf.conf->await_auth_ms, scscf_await_expired);
	challenge(req, u);
}

/* ---- MAR ---- */

/* `resync`: RAND and AUTS; p NULL: a first vector. */
static void ask_vector(struct sip_req *req, struct sip_register *reg, struct user *u,
	struct str resync)
{
	struct cx_msg mar = {.auth_scheme = AKA_SCHEME, .authorization = resync};
	scscf_ask_vector(req, reg, u, &mar, on_maa);
}

/* ---- what the USIM says ---- */

/* MAC-S proves the AUTS, so the response beside it is not looked at. */
static void on_auts(struct sip_req *req, struct sip_register *reg, struct user *u)
{
	uint8_t both[16 + 14], autn[16];

	if (aka_nonce_read(reg->auth.nonce, both, autn) || aka_auts_read(reg->auth.auts, both + 16)) {
		scscf_refuse(req, 400, "auts malformed", "auts is not 14 octets in base64");
		return;
	}
	resyncs.value++;
	if (++u->challenge->wrong >= scscf.conf->attempts)
		fail(req, reg, u, "no sequence number suits the USIM");
	else
		ask_vector(req, reg, u, (struct str){(const char *)both, sizeof both});
}

static bool matches(const struct challenge *c, const struct sip_msg *m, const struct sip_digest *d)
{
	char expected[DIGEST_HEX_MAX];
	struct sip_uri uri;

	if (!str_eq(d->realm, str_of(c->realm)) || !str_ieq(d->qop, STR("auth")) ||
		!str_eq(d->nc, STR("00000001")) || !d->cnonce.n ||
		aka_algorithm_of(d->algorithm) != c->aka->algorithm)
		return false;
	if (sip_uri_parse(&uri, d->uri) || !str_ieq(uri.host, str_of(scscf.conf->domain)))
		return false;
	digest_response(aka_digest(c->aka->algorithm), str_of(c->aka->ha1), m->method_text, d->uri,
		d->nonce, d->nc, d->cnonce, d->qop, expected);
	return digest_equal(str_of(expected), d->response);
}

/* AUTN has proved the network: there is no Authentication-Info. */
static void on_right(struct sip_req *req, struct sip_register *reg, struct user *u)
{
	struct failures *f = failures_of(reg->impi);

	if (f)
		failures_forget(f);
	user_challenge_end(u);
	scscf_go_on(req, reg, u, STR_NONE);
}

static void judge(struct sip_req *req, struct sip_register *reg, struct user *u)
{
	const struct sip_digest *d = &reg->auth;

	if (d->auts.p) {
		on_auts(req, reg, u);
	} else if (!d->response.n) {
		mac_failures.value++;
		fail(req, reg, u, "the USIM does not know the network");
	} else if (clock_ms(scscf.host->clock) >= u->challenge->aka->until_ms) {
		ask_vector(req, reg, u, STR_NONE);
	} else if (matches(u->challenge, sip_req_msg(req), d)) {
		on_right(req, reg, u);
	} else {
		wrong.value++;
		fail(req, reg, u, "wrong RES");
	}
}

/* ---- REGISTER ---- */

void scscf_aka(struct sip_req *req, struct sip_register *reg)
{
	struct user *u = user_find(&scscf.users, reg->impi, reg->impu);
	const struct failures *f = failures_of(reg->impi);

	if (f && f->count >= scscf.conf->lock_failures)
		scscf_refuse(req, 403, NULL, "too many failed authentications of this IMPI");
	else if (counts(reg) && u && u->challenge && u->challenge->aka &&
		str_eq(reg->auth.nonce, str_of(u->challenge->aka->nonce)))
		judge(req, reg, u);
	else if ((int64_t)scscf.users.waiting >= scscf.conf->max_challenges)
		scscf_refuse(req, 503, NULL, "too many challenges wait for their response");
	else
		ask_vector(req, reg, u, STR_NONE);
}
