/* Who is registered: identities (IMPU), users (IMPI with its implicit set), bindings.
 *
 * A user is one IMPI together with the implicit registration set of the IMPU it
 * registered; any identity of the set finds it. It exists from its first challenge to the
 * end of its last binding. Across a wait keep user->id and use user_by_id.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/base/clock.h"
#include "common/base/hash.h"
#include "common/crypto/aka.h"
#include "common/crypto/digest.h"
#include "common/sip/register.h"
#include "scscf/entities.h"

/* One contact (flow) of a user. Its texts are in one allocation behind it. */
struct binding {
	struct binding *next;
	struct user *user;
	struct timer expiry;
	uint32_t cseq, reg_id;
	bool trusted;                  /* a trusted node authenticated it, we did not: */
	struct entities *vouchers;     /* WAF and WWSF that it named; NULL: none */
	bool aka;                      /* authenticated by AKA */
	struct str contact;            /* the address as it came: <uri> and parameters */
	struct str uri;                /* inside contact */
	struct str instance, call_id;
	struct str path;               /* all Path elements, comma-separated; may be empty */
	char text[];
};

/* What an AKA challenge has in place of a digest's nonce and vector. */
struct aka_challenge {
	enum aka_algorithm algorithm;
	char nonce[AKA_NONCE_N + 1];   /* RAND and AUTN */
	char ha1[DIGEST_HEX_MAX];      /* made with XRES */
	int64_t until_ms;
};

/* A challenge, from MAA on: the vector and the nonce that went out with it. */
struct challenge {
	char nonce[33];
	struct entities *wwsf;         /* whose web credentials it asks for; NULL: IMS ones */
	char ha1[DIGEST_ALGORITHMS][DIGEST_HEX_MAX]; /* "": not offered */
	bool answered;                 /* a response was accepted since the 401, made by: */
	enum digest_algorithm algorithm;
	int64_t until_ms;              /* nonce good until then, rig clock */
	uint32_t nc;                   /* last one accepted with it */
	uint32_t wrong;                /* wrong responses since the series began */
	struct aka_challenge *aka;     /* NULL: by digest */
	struct timer await;            /* reg-await-auth; runs while the response is awaited */
	char realm[];
};

struct membership;                     /* a user under one of its identities */
struct user {
	UT_hash_handle hh;             /* by id */
	uint64_t id;
	struct user_table *table;
	char *impi;
	struct membership *identities; /* the one registered first, then the implicit set */
	struct binding *bindings;      /* newest first */
	struct challenge *challenge;   /* NULL: none was made */
	char *associated;              /* P-Associated-URI value; NULL until a profile came */
	char *charging;                /* P-Charging-Function-Addresses value; NULL: none */
	struct entities *allowed;      /* who may vouch for him; NULL: the HSS has no list */
	char *hss;                     /* Origin-Host of the answers; NULL: not known */
	char route[17];                /* mark in the Service-Route */
	bool registered;               /* a SAR of type 1 or 2 succeeded, and none ended it */
	unsigned waits;                /* SARs under way, which keep the user here */
	unsigned saves;                /* of them those that register */
};

struct identity;
struct user_table {
	struct clock *clock;
	struct identity *identities;   /* by IMPU */
	struct user *users;            /* by id */
	uint64_t last_id;
	size_t waiting;                /* users whose challenge awaits a response */
};

struct user *user_find(struct user_table *t, struct str impi, struct str impu); /* or NULL */
struct user *user_by_id(struct user_table *t, uint64_t id);
struct user *user_new(struct user_table *t, struct str impi, struct str impu);
/* The one that is there, or a new one. */
struct user *user_need(struct user_table *t, struct str impi, struct str impu);
/* Adds an identity of the implicit set; nothing when it is there. */
void user_add_identity(struct user *u, struct str impu);
struct str user_impu(const struct user *u);            /* the one registered first */
void user_free(struct user *u);
/* Origin-Host of an answer, for the requests that follow. */
void user_hss(struct user *u, struct str origin_host);
/* What the HSS told of a registration that has ended. */
void user_profile_end(struct user *u);
/* Flows of one private identity that registered several identities of one implicit set at once
 * are one registration: the others' bindings become the user's. */
void user_absorb(struct user *u);
/* Frees it when it has neither binding nor awaited challenge nor a SAR under way. True when
 * it is gone. */
bool user_drop_if_idle(struct user *u);
void user_table_reset(struct user_table *t);

/* Replaces the user's challenge. `wrong` starts at 0. */
struct challenge *user_challenge(struct user *u, struct str realm);
/* ... by one of AKA: its nonce is in `aka`, no digest answers it. */
struct challenge *user_challenge_aka(struct user *u, struct str realm, enum aka_algorithm a);
void user_challenge_end(struct user *u);               /* forgets nonce and HA1 */
void user_await(struct user *u, int64_t ms, timer_h *h);
void user_await_end(struct user *u);                   /* stops reg-await-auth */

/* The binding that a contact names: same instance and reg-id, else same URI. */
struct binding *binding_find(struct user *u, const struct sip_contact *c);
size_t binding_count(const struct user *u);
/* Adds or replaces; expiry in ms on the rig's clock. */
struct binding *binding_set(struct user *u, const struct sip_contact *c, struct str call_id,
	uint32_t cseq, struct str path, int64_t ms, timer_h *h);
void binding_remove(struct binding *b);
/* A REGISTER of this Call-ID and CSeq is older than the binding (RFC 3261 10.3). */
bool binding_is_newer(const struct binding *b, struct str call_id, uint32_t cseq);
/* Contact values of every binding of the identity, of all its users, with what is left. */
void binding_print(struct user_table *t, struct str impu, struct buf *out);
