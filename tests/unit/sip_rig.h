/* What the tests of the SIP stack stand on: a stack whose time the test moves, a record
 * of all that it sent and when, and peers that send any bytes.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/sip/stack.h"
#include "tests/unit/rig.h"

enum { MAX_SENT = 64, MAX_SEEN = 8 };

struct sent {
	int64_t at;            /* rig ms since sip_rig_open */
	enum trace_via via;
	struct addr to;
	char *text;
};
struct sip_rig {
	struct rig rig;
	struct sip_stack *s;
	int64_t t0;
	struct sent sent[MAX_SENT]; /* what the stack put on the wire */
	int n_sent;
	/* what came to the element */
	struct sip_req *req;   /* the last request */
	uint64_t req_id;
	int requests, garbage, gone;
	uint64_t gone_id, conn; /* conn: of the last request */
	/* what the client side heard; give `heard` as handler and the rig as argument */
	int answers, err, status;
	int64_t answered_at;
	/* called in place of keeping the request, when set */
	void (*on_request)(struct sip_rig *r, struct sip_req *req);
	struct sip_stack_conf conf;
};
extern const struct sip_stack_h sip_rig_h;
void sip_rig_open(struct sip_rig *r, const char *name);
void sip_rig_close(struct sip_rig *r);
/* A second element on the loop and clock of the first, which closes after it. */
void sip_rig_join(struct sip_rig *r, struct sip_rig *first, const char *name);
void sip_rig_leave(struct sip_rig *r);
void sip_rig_udp(struct sip_rig *r, const char *local);

/* Lets so much rig time pass, stopping at every deadline on the way. */
void sip_rig_pass(struct sip_rig *r, int64_t ms);
void sip_rig_settle(struct sip_rig *r); /* until nothing is in flight */
int64_t sip_rig_now(const struct sip_rig *r);
void sip_rig_forget_sent(struct sip_rig *r);
/* Checks when the i-th and later messages were sent (ms since the first of them); the
 * list ends with -1. */
void sip_rig_sent_at(const struct sip_rig *r, int first, const int64_t *at);
void sip_rig_rule(struct sip_rig *r, const char *json);
void heard(int err, const struct sip_msg *m, void *arg);

/* A request in one buffer of a ring: `fields` are extra lines, may be "". */
const char *text_request(const char *method, const char *via, const char *fields);
/* A response to the request `req`, its Via kept; `tag` for To, NULL: none. */
const char *text_response(const char *req, int status, const char *tag);
/* The value of a field of a message in text; NULL when there is none. */
const char *text_field(const char *text, const char *name);
/* A whole message of another method with the same Via, From, Call-ID and number. */
const char *text_like(const char *req, const char *method, const char *to_tag);

struct peer {
	struct udp *udp;
	struct addr remote;    /* whom it talks to */
	struct addr from;      /* whom it heard last */
	char *last;            /* what it heard last */
	int n;
};
void peer_open(struct peer *p, struct sip_rig *r, const char *local, const char *remote);
void peer_send(struct peer *p, const char *text);
void peer_close(struct peer *p);
/* Sends and lets the rig settle. */
void peer_say(struct peer *p, struct sip_rig *r, const char *text);
