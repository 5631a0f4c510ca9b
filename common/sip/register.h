/* What a REGISTER asks for (RFC 3261 10.2, TS 24.229 5.4.1): the facts that the edge, the
 * I-CSCF and the S-CSCF all need, read once.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/sip/field.h"

enum { SIP_MAX_CONTACTS = 10 };

struct sip_contact {
	struct str text;               /* the whole element as it came */
	struct sip_uri uri;
	struct str instance;           /* +sip.instance, without quotes; p NULL: none */
	uint32_t reg_id;               /* 0: none */
	uint32_t expires;              /* of the parameter, else of Expires, else the default */
};

/* All texts are views into the message or live in the arena. */
struct sip_register {
	struct str impu;               /* To, canonical */
	struct str from;               /* From, canonical */
	struct str impi;               /* Digest username; without one derived from To */
	bool derived;                  /* ... it was derived */
	bool bearer;                   /* an Authorization of scheme Bearer is there */
	bool digest;                   /* one of scheme Digest is there: */
	struct sip_digest auth;
	const struct sip_field *auth_field;
	bool star;                     /* Contact: * */
	bool outbound;                 /* Supported names outbound */
	struct sip_contact contacts[SIP_MAX_CONTACTS];
	size_t n_contacts;             /* 0 without star: a query for the bindings */
	bool has_expires;
	uint32_t expires;              /* Expires header */
	bool deregister;               /* nothing but expiry 0 is asked for */
};

/* `dflt` is the expiry of a Contact that names none. 0, or -EBADMSG with the answer in
 * *fault (400). */
int sip_register_parse(struct sip_register *r, const struct sip_msg *m, uint32_t dflt,
	struct arena *a, struct sip_fault *fault);
/* P-Visited-Network-ID, a token or a quoted string (RFC 7315 4.3), bare; p NULL: none. */
struct str sip_visited_network(const struct sip_msg *m);
/* A trusted node says that it authenticated the user (TS 33.203 Annex U). */
static inline bool sip_register_auth_done(const struct sip_register *r)
{
	return r->digest && str_eq(r->auth.integrity_protected, STR("auth-done"));
}
/* The response of a challenge is in it (not empty). */
static inline bool sip_register_answers(const struct sip_register *r)
{
	return r->digest && r->auth.response.n > 0;
}
