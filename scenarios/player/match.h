/* A record read as the message it carries, and held against a pattern.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/sip/msg.h"
#include "scenarios/player/expect.h"

struct message {
	const struct record *record;
	enum pattern_proto proto;
	bool request;
	struct str what;               /* "REGISTER", "UAR", "GET", "PING"; p NULL: a response */
	int status;                    /* of a SIP or HTTP response */
	struct str target;             /* HTTP request */
	bool readable;                 /* SIP: sip was parsed without a fault */
	struct sip_msg sip;
	struct arena *arena;
	/* What orders it besides its link: Call-ID, CSeq number and method, or Session-Id;
	 * 0: nothing. */
	uint64_t transaction;
	uint64_t hash;                 /* of the bytes */
};

/* What is read lives in the arena; the record must outlive it. */
void message_read(struct message *m, const struct record *r, struct arena *a);
/* A field by the name that scripts use; p NULL when absent. */
struct str message_field(const struct message *m, struct str name);
/* "alice -> epcscf: SIP REGISTER" */
void message_put(struct buf *out, const struct message *m);
/* Of the kind that stands outside the ladder unless a step names it. */
enum outside {
	OUTSIDE_NOT,
	OUTSIDE_DIAMETER,      /* CER, DWR, DPR and their answers */
	OUTSIDE_TRYING,        /* SIP 100 */
	OUTSIDE_CONTROL,       /* WebSocket control frames */
	OUTSIDE_FILE,          /* static files of the page */
	OUTSIDE_POLL,          /* keys, metadata, introspection, revocation */
	OUTSIDE_RETRANSMISSION,
	OUTSIDE_ANSWER,        /* HTTP: to one of the above that a step named */
	OUTSIDE_ALWAYS,        /* keep-alives; HTTP answers to what no step named */
};
/* As far as the message alone shows it; retransmissions and answers are the judge's to see. */
enum outside message_outside(const struct message *m);
/* Does the pattern ask for just that message outside the ladder? */
bool pattern_names(const struct pattern *p, const struct message *m, enum outside o);

struct match {
	bool holds;
	bool near;                     /* ends and kind are right, a field is not */
	struct capture *binds;         /* what $names take if the match is accepted */
	const struct field_test *later; /* `not $name` to be looked at when $name is taken */
	struct str later_value;
	struct str why;                /* near: the field that differs */
};

/* The same link in either direction, named on both sides. */
bool pattern_on_link(const struct pattern *p, const char *from, const char *to);
bool pattern_wild(const struct pattern *p);        /* FROM or TO is '*' */
struct match match_message(const struct pattern *p, const struct message *m,
	const struct capture *vars, bool retransmission, struct arena *a);
/* "field is X, not Y" for a value that does not hold. */
void match_differs(struct buf *out, const char *name, struct str got, const struct value *want);
