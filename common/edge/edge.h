/* The WSS edge that eP-CSCF and WAAF share (TS 23.228 U.1.3, RFC 7118): WICs open a
 * WebSocket to it and register; what comes over the trust border is cleaned, limited, and
 * bound to its connection.
 *
 * Words: a *WIC* is the client behind one WebSocket; its *flow* is that connection; a
 * flow *claims* an IMPI with the first REGISTER that goes on, and is *registered* while a
 * binding (binding.h) names it.
 *
 *	front.c           handshake, connections, flow loss, limits
 *	register.c        REGISTER of a WIC and its answer
 *	register_token.c  ... by a security token
 *	token_check.c     what any token must be
 *	register_direct.c ... by web credentials: whose they are
 *	tna.c             what goes to the core in place of a token
 *	registrar.c       ... or is registered by the element itself
 *	issuer.c          who issues tokens, and their keys   introspect.c  or its word
 *	revoked.c         what an issuer has taken back       token_book.c  tokens in use, and where
 *	request.c         what every REGISTER has to be, and everything else a WIC sends
 *	border.c          what the trust border takes out     binding.c     who is bound where
 *	mw.c              what a P-CSCF puts in               flow_token.c  flow tokens of Path
 *	refuse.def        every reason to refuse              limit.c       events in a span
 *	admin.c           what an operator asks and tells
 *
 * An element opens one edge on its SIP stack, hands it what comes over WebSockets
 * (edge_request; edge_flow_gone and edge_garbage are handlers of the stack) and says by a
 * callback where a REGISTER goes.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <jansson.h>

#include "common/crypto/token.h"
#include "common/edge/binding.h"
#include "common/edge/border.h"
#include "common/edge/conf.h"
#include "common/edge/issuer.h"
#include "common/edge/mw.h"
#include "common/edge/flow_token.h"
#include "common/http/http.h"
#include "common/sip/stack.h"

/* ---- refusals ---- */

enum edge_refusal {
#define X(id, status, label, reason, then) EDGE_NO_##id,
#include "common/edge/refuse.def"
#undef X
	EDGE_NO_COUNT
};
/* One refusal: why, in a sentence for the log, and fields for the answer. */
struct edge_fault {
	enum edge_refusal no;
	const char *why;
	struct str fields;
};
/* Puts it into *f; false, for the checks that end with it. */
static inline bool edge_fail(struct edge_fault *f, enum edge_refusal no, const char *why)
{
	*f = (struct edge_fault){no, why};
	return false;
}
int edge_refusal_status(enum edge_refusal no);
/* Counts it, logs one line that says who, what and why. */
void edge_count_refusal(const struct edge_fault *f, const struct addr *from);
/* The same, and answers. */
void edge_refuse(struct sip_req *req, const struct edge_fault *f);
/* The next hop of a forwarded REGISTER does not answer: counted, logged; 504. */
int edge_forward_failed(struct sip_req *req, int err, void *arg);

/* The value of an Authorization field that vouches for an IMPI (TS 33.203 Annex U). */
struct str edge_tna_credentials(const struct edge_conf *conf, struct str impi,
	const struct sip_entities *vouchers, struct arena *a);

/* What every REGISTER at the edge has to be, whoever sent it: To and From equal, a
 * Contact, the Request-URI the home domain, no option that a proxy would have to know,
 * one set of credentials. False with *f. */
bool edge_register_check(struct sip_req *req, const char *realm, struct sip_register *out,
	struct edge_fault *f);
/* OPTIONS, and methods that are not served: 200, 405 or 501. */
void edge_answer_other(struct sip_req *req);

struct edge;

/* ---- a token, whoever brings it (token_check.c) ---- */

struct edge_token_ask {
	struct edge *edge;
	struct arena *a;               /* what is read of it stands here */
	struct str text;
	const struct addr *from;       /* whom a bad one counts against */
	bool known;                    /* ... unless he has shown a good one */
	const char *wwsf;              /* of the page that it comes from; NULL: of no page */
	struct edge_asker who;         /* called again after a wait */
	/* what was found out */
	struct edge_issuer *issuer;
	uint64_t generation;           /* of its keys */
	uint8_t digest[32];            /* SHA-256 of the text */
};
/* All that can be said without knowing what it is used for: its issuer's, for us, now, its
 * WWSF trusted and not blocked, not taken back. WAITS: who.conn EDGE_OF_SESSION has
 * edge_web.again called with who.req, and the token is to be judged anew. */
enum edge_verdict { EDGE_TAKEN, EDGE_REFUSED, EDGE_WAITS };
enum edge_verdict edge_token_check(struct edge_token_ask *k, struct token *t,
	struct edge_fault *f);
/* After TAKEN: whom the core is told. */
struct sip_entities edge_token_vouchers(const struct edge_token_ask *k, const struct token *t);
/* A registration by this token lives, here or in a web session. */
bool edge_token_used_here(struct edge *ed, const struct token *t);
/* Where it is used now: a connection, or EDGE_OF_SESSION | the number of a session. */
#define EDGE_OF_SESSION (UINT64_C(1) << 63)
void edge_token_remember(const struct edge_token_ask *k, const struct token *t,
	struct str instance, uint64_t conn);
/* A Bearer challenge (RFC 8898 2.3) as a field; `error` may be NULL. */
struct str edge_token_challenge(const struct edge *ed, struct arena *a, const char *error);

/* A REGISTER of a WIC that may go on. */
struct edge_reg {
	struct edge *edge;
	struct sip_req *req;
	uint64_t conn;
	struct sip_register asked;
	bool bound;                    /* this flow is registered with this IMPI */
	bool trusted;                  /* authenticated here, by a token (TS 33.203 Annex U) */
	struct str direct;             /* the WWSF of its web credentials; p NULL: they are none */
	struct sip_entities vouchers;  /* trusted: whom the core is told, names of the
	                                * configuration; p NULL: nobody */
	uint32_t most_s;               /* trusted: the token's rest; 0: no bound */
	uint64_t session;              /* its web session answers for it; 0: none does */
	struct edge_token_ask token_ask; /* trusted: by this token */
	char token[EDGE_FLOW_TOKEN_SIZE]; /* names the flow, for Path */
};
/* Puts into the edits (which took out what the border takes out) what this element adds,
 * and says where the request goes. */
typedef void(edge_onward_h)(const struct edge_reg *r, struct sip_edit *e,
	struct sip_hop *to, void *arg);

/* ---- a registrar at the edge (TR 23.701 6.3.2.1.5) ---- */

/* What becomes of a REGISTER that the registrar grants. */
struct edge_grant {
	uint32_t seconds;              /* 0: what was bound ends */
	void *owner;                   /* its record of the binding; never NULL but for 0 s */
	struct edge_binding **binding; /* where the edge puts the binding that it makes */
	struct str route, set;         /* of the binding: Service-Route, identities ('\n') */
	struct str answer;             /* fields of the 200; p NULL: the registrar answers */
};
/* Who registers identities of tokens here, in place of `onward`: for WICs of Origins with
 * `auth: [wildcard]`, and for those of web sessions. */
struct edge_registrar {
	/* The token and its flow have passed all checks of the edge; `t` NULL: a flow takes
	 * back what it registered, or r->session answers for it, by which r->asked.impi is
	 * to be set. False with *f: refused. True: the binding is made as *g
	 * says when this returns, and the registrar answers r->req itself, later. */
	bool (*judge)(struct edge_reg *r, const struct token *t, struct edge_grant *g,
		struct edge_fault *f, void *arg);
	/* The binding of this record has ended. */
	void (*gone)(void *owner, enum edge_end why, void *arg);
	/* WWSFs may have been blocked: edge_blocks says which. */
	void (*blocked)(void *arg);
};
/* Blocked here, or by an issuer of its tokens as far as is known. */
bool edge_blocks(const struct edge *ed, struct str wwsf);
/* Ends a binding that the registrar granted (it is told, as of any end) and closes the flow
 * behind it when nothing else is registered there. */
enum edge_close { EDGE_POLICY = 1008, EDGE_NORMAL = 1000 }; /* WebSocket close codes */
void edge_unbind(struct edge *ed, struct edge_binding *b, enum edge_close code, const char *why);
/* A registration of before the element's start: its flow is lost. */
void edge_rebind(struct edge *ed, const struct edge_bind *what, int64_t seconds,
	struct edge_binding **binding);

/* ---- web sessions beside the edge (TR 23.701 6.2.2.4.2) ---- */

/* Who keeps them: a WIC of an Origin with `auth: [session]` that shows one, by a cookie of
 * the handshake or by a handle in Bearer's place, is registered by the registrar. Numbers
 * are below EDGE_OF_SESSION; 0: no live session. */
struct edge_web {
	uint64_t (*cookie)(const struct http_msg *handshake, void *arg);
	uint64_t (*handle)(struct str handle, void *arg);
	bool (*lives)(uint64_t session, void *arg);
	void (*again)(uint64_t who, void *arg); /* edge_token_check has waited */
};

/* ---- the edge ---- */

struct edge_setup {
	struct host *host;
	struct sip_stack *stack;
	const struct edge_conf *conf;
	struct addr sip;               /* where it takes SIP, for Routes that name it */
	edge_onward_h *onward;
	const struct edge_registrar *registrar; /* NULL: none; else for `auth: [wildcard]` */
	const struct edge_web *web;    /* NULL: none; else for `auth: [session]` */
	void *arg;
};
/* Listens. 0, or a negative errno with a sentence. */
int edge_open(const struct edge_setup *setup, struct edge **out, char why[512]);
/* After the stack is closed, which ends the connections. */
void edge_close(struct edge *ed);
/* Right after start: bindings and limits gone, connections closed. */
void edge_reset(struct edge *ed);

/* A request that came over a WebSocket. */
void edge_request(struct edge *ed, struct sip_req *req);
/* Of the element's sip_stack_h, whose `arg` is where it keeps its edge: a struct edge **, to
 * NULL before edge_open. */
void edge_flow_gone(struct sip_stack *s, uint64_t conn, void *arg);
void edge_garbage(struct sip_stack *s, const struct sip_hop *from, void *arg);

struct edge_book *edge_bindings(struct edge *ed);
int edge_busy(const struct edge *ed);              /* issuers are being asked */

/* ---- admin.c: commands of the admin socket ----
 *	{"cmd":"state","impi":IMPI}   {"ok":true,"bindings":[..],"blocked":[NAME..],
 *	                               "tokens":N,"issuers":[{..}]}
 *	{"cmd":"block","name":NAME}   a WWSF or WAF: its tokens are refused from now on
 *	{"cmd":"unblock","name":NAME} {"ok":true,"blocked":[NAME..]} */
json_t *edge_state(struct edge *ed, const json_t *args);
json_t *edge_block(struct edge *ed, const json_t *args, bool on);

/* For REGISTERs that came by another way than a WebSocket, in order: edge_register_check,
 * then this, which begins the edits and takes out what the border takes out (`keep` and
 * `said` as in border.h) and Routes to the element; false with *f; then the token that
 * names the flow; then off it goes, or is answered when it can't. */
bool edge_register_clean(struct edge *ed, struct sip_req *req, unsigned keep,
	const struct edge_said *said, struct sip_edit *e, struct edge_fault *f);
void edge_flow_token_of(const struct edge *ed, const struct sip_hop *hop,
	char out[EDGE_FLOW_TOKEN_SIZE]);
void edge_register_forward(struct sip_req *req, struct sip_edit *e,
	const struct sip_hop *to, const struct sip_forward_h *h, void *arg);
