/* The S-CSCF (TS 24.229 5.4): registrar of the IMS.
 *
 *	register.c         what every REGISTER goes through, and where it branches
 *	register_digest.c  SIP Digest: vector, challenge, check (TS 33.203 Annex N)
 *	register_web.c     ... with web credentials: whose they are (TR 33.871)
 *	register_aka.c     IMS AKA: vector of the USIM, resynchronisation (TS 33.203 6.1, Annex X)
 *	register_trusted.c a trusted node authenticated the user (TS 33.203 Annex U): who vouches
 *	register_save.c    the HSS is told (SAR), the binding stored, 200
 *	deregister.c       ends of a registration: by the user, by time, failed authentication
 *	failures.c         failed authentications of one IMPI
 *	user.c             who is registered: identities, users, bindings
 *	entities.c         names of WAFs and WWSFs: lists, and those that are blocked
 *	profile.c          User-Data of the SAA (TS 29.228 Annex E)
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/node/sections.h"
#include "common/sip/entity.h"
#include "scscf/user.h"

struct scscf_conf {
	char *domain;                  /* home domain, and realm of the digest uri */
	char *name;                    /* Server-Name: own SIP URI as the HSS stores it */
	struct sip_section sip;
	struct cx_section cx;
	struct conf_list mw_peers;     /* of struct mw_peer: the I-CSCFs */
	struct conf_list extensions;   /* of char *: option tags that Require may name */
	int64_t min_expires_ms, max_expires_ms, dflt_expires_ms;
	int64_t max_flows;             /* bindings of one user */
	int64_t nonce_ms;              /* life of a nonce */
	int64_t await_auth_ms;         /* reg-await-auth, TS 24.229 5.4.1.2.1: 4 min */
	int64_t attempts;              /* wrong responses of one challenge series: 403 at the last */
	int64_t lock_failures, lock_ms; /* failures of one IMPI in a window: 403 without challenge */
	int64_t max_challenges;        /* users waiting for their response */
	struct sip_entity_params entity_params;
	struct conf_list blocked;      /* of char *: WAFs and WWSFs under suspicion */
	bool aka_without_ipsec;        /* a response that came in the clear counts */
	bool challenge_refresh;        /* also when the edge says tls-yes or ip-assoc-yes */
	bool nextnonce;                /* each 200 brings the nonce of the next response */
	bool lenient_digest_algorithm; /* a vector whose Digest-Algorithm is SHA-256 */
};

struct scscf {
	const struct scscf_conf *conf;
	struct host *host;
	struct sip_stack *stack;
	struct cx *cx;
	struct user_table users;
};
extern struct scscf scscf;             /* one a process */

/* What waits for an answer of the HSS: which request, whose. Allocated, freed by the
 * continuation; the request and the user are looked up again. */
struct scscf_wait {
	uint64_t req;
	uint64_t user;                 /* 0: none yet */
	/* In the request's arena, good while the request is there: */
	struct sip_register *reg;
	struct str proof;              /* Authentication-Info value, or empty */
};
struct scscf_wait *scscf_wait_new(struct sip_req *req, struct sip_register *reg, struct user *u,
	struct str proof);
/* Frees the wait. The request, or NULL when its transaction ended meanwhile; the user
 * likewise; *out is a copy of the rest. */
struct sip_req *scscf_wait_end(void *wait, struct user **u, struct scscf_wait *out);

/* register.c */
void scscf_register(struct sip_req *req);
/* The one failure ending of a REGISTER: answers, counts, logs why. */
void scscf_refuse(struct sip_req *req, int status, const char *reason, const char *why);
/* ... for one that is older than what it would change (RFC 3261 10.3). */
void scscf_refuse_order(struct sip_req *req);
/* What an answer of the HSS that ends a registration means in SIP (TS 29.228 to TS 24.229);
 * `err` of cx_send or 0. */
enum scscf_cx { SCSCF_MAA, SCSCF_SAA };
void scscf_refuse_cx(struct sip_req *req, enum scscf_cx which, int err, const struct cx_msg *m);

/* MAR: `mar` has what is its scheme's own. The wait of `h` has no proof. Refuses `req` when it
 * can't be sent. */
void scscf_ask_vector(struct sip_req *req, struct sip_register *reg, struct user *u,
	struct cx_msg *mar, cx_answer_h *h);

/* Authentication is done or was not needed: on to what the REGISTER asks for. The user may be
 * gone then. */
void scscf_go_on(struct sip_req *req, struct sip_register *reg, struct user *u, struct str proof);

/* register_web.c */
/* The WWSF whose web credentials it brings, as the edge names it; p NULL: none, they are IMS
 * credentials. */
struct str scscf_web(struct sip_req *req, const struct sip_register *reg);
/* The same as a set of one: a reference, NULL for none. */
struct entities *scscf_web_entities(struct sip_req *req, const struct sip_register *reg);
/* What was asked for the challenge is what it brings now. */
bool scscf_web_same(struct sip_req *req, const struct sip_register *reg, const struct challenge *c);
/* Refused when that WWSF is blocked; false: answered. */
bool scscf_web_welcome(struct sip_req *req, const struct sip_register *reg);

/* register_digest.c */
void scscf_digest(struct sip_req *req, struct sip_register *reg);

/* register_aka.c; AKA_NONE: not by AKA */
enum aka_algorithm scscf_aka_wanted(const struct sip_register *reg);
void scscf_aka(struct sip_req *req, struct sip_register *reg);

/* failures.c */
void scscf_failures_reset(void);

/* register_trusted.c */
void scscf_trusted(struct sip_req *req, struct sip_register *reg);
/* WAF and WWSF that a trusted node names: a reference, NULL when it names none, or the REGISTER
 * is not of a trusted node. */
struct entities *scscf_vouchers(struct sip_req *req, const struct sip_register *reg);
/* The list that came with a profile; without one the stored list stands. */
void scscf_take_list(struct user *u, const struct cx_msg *saa);
/* After a good SAA: those who vouch may do so. False: answered, the HSS told, the user gone
 * unless he is registered by other means. */
bool scscf_vouched(struct sip_req *req, const struct sip_register *reg, struct user *u);

/* register_save.c: authentication is done (or not needed): SAR, binding, 200. `proof` is
 * the Authentication-Info value or empty. */
void scscf_save(struct sip_req *req, struct sip_register *reg, struct user *u, struct str proof);
/* The HSS is told that the user is not registered after all; the user is gone, unless another
 * SAR that registers is under way. */
void scscf_undo(struct user *u);
/* The 200 of a REGISTER with the bindings as they stand. */
void scscf_accept(struct sip_req *req, const struct sip_register *reg, struct user *u,
	struct str proof);

/* deregister.c */
void scscf_deregister(struct sip_req *req, struct sip_register *reg, struct user *u,
	struct str proof);
/* A SAR that registers got no good answer. The user may be gone then. */
void scscf_save_failed(struct user *u);
void scscf_binding_expired(struct timer *t, void *binding);
void scscf_await_expired(struct timer *t, void *user);
/* A SAR that nobody waits for; sent again once when no answer comes. */
void scscf_notify_hss(const struct user *u, enum cx_assignment type);
