/* What the files of the edge share. Not for elements.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/edge/edge.h"
#include "common/edge/limit.h"
#include "common/edge/token_book.h"

/* What becomes of the WebSocket after a refusal. */
enum edge_then { EDGE_STAY, EDGE_UNBOUND, EDGE_CLOSE };
struct edge_refusal_row {
	int status;                    /* 0: no answer */
	const char *label, *reason;
	enum edge_then then;
	struct metric *counter;
};
const struct edge_refusal_row *edge_refusal_row(enum edge_refusal no);

/* One WebSocket. An idle WIC costs this and its binding beside what the stack holds. */
struct edge_conn {
	struct edge *edge;
	uint64_t id;
	struct edge_conn *next, **prev;
	struct edge_source *source;
	const struct edge_origin_conf *origin;
	struct timer late;             /* while it is not registered */
	struct edge_window registers, requests;
	char *impi;                    /* claimed; NULL: none */
	char *instance;                /* +sip.instance that came with it; NULL: none */
	uint32_t bindings;             /* that name this flow */
	uint16_t under_way;            /* REGISTERs forwarded and not answered */
	uint16_t waiting;              /* REGISTERs that wait for an issuer of tokens */
	uint16_t bad_tokens;           /* since the last registration */
	bool trusted;                  /* registered by token or session, not by digest */
	uint64_t session;              /* its web session; 0: none */
	struct sip_entities vouchers;  /* of the token that did, for its deregistration */
	bool direct;                   /* registered by web credentials */
	bool challenged;               /* the last answer was 401: in edge->challenged */
	bool closing;
};
_Static_assert(sizeof(struct edge_conn) <= 512, "an idle WIC is to stay small");

struct edge {
	struct edge_setup setup;
	struct tls *tls;
	struct http_server *server;
	struct edge_flow_token_key flow_tokens;
	struct edge_issuers *issuers;
	struct edge_token_book tokens;
	struct edge_names {            /* WWSFs and WAFs whose tokens are refused */
		char **names;
		size_t n;
	} blocked;
	struct edge_book book;
	struct edge_sources sources;
	struct edge_index challenged;  /* connections by the IMPI they were asked about */
	struct edge_conn *first;
	int64_t open;
	struct str own[4];             /* host names and addresses of the element */
	struct arena arena;
};

/* front.c */
struct edge_conn *edge_conn_of(struct edge *ed, uint64_t id);  /* NULL: gone */
void edge_conn_close(struct edge_conn *c, int code, const char *why);
/* Refuses a request of a WIC and does with its connection what the row says. */
void edge_conn_refuse(struct edge_conn *c, struct sip_req *req,
	const struct edge_fault *f);
/* A REGISTER for that IMPI goes on; the claim falls when nothing comes of it. */
void edge_conn_claim(struct edge_conn *c, const struct sip_register *asked);
void edge_conn_settle(struct edge_conn *c);        /* it was answered */
/* One more binding names the flow. */
void edge_conn_bound(struct edge_conn *c);
/* The challenge for its IMPI went to this flow (or is answered for). */
void edge_conn_challenged(struct edge_conn *c, bool on);
/* An open flow other than `c` that was challenged for that IMPI; NULL: none. */
struct edge_conn *edge_challenged_for(const struct edge *ed, struct str impi,
	const struct edge_conn *c);

/* admin.c */
void edge_blocked_init(struct edge *ed);           /* (again) as configured */
void edge_blocked_free(struct edge *ed);
bool edge_blocked_has(const struct edge *ed, struct str name);

/* register.c */
void edge_register(struct edge *ed, struct edge_conn *c, struct sip_req *req);
/* One that waited is judged anew (edge_again_h). */
void edge_register_again(uint64_t req, uint64_t conn, void *edge);

/* A 200, our own or the network's: the flow (c NULL: gone) is bound for so long as `what`
 * says, or what was bound ends. The binding that was made; NULL: none. */
struct edge_binding *edge_register_settle(struct edge_reg *r, struct edge_conn *c,
	struct edge_bind *what, uint32_t seconds);

/* registrar.c: a REGISTER that ends here; t NULL as in struct edge_registrar. */
void edge_register_here(struct edge_reg *r, struct edge_conn *c, const struct token *t);
/* The WWSFs that are blocked have changed, maybe. */
void edge_blocks_changed(struct edge *ed);

/* register_token.c */
/* It brings a token, in Authorization or (where configured) as its body. */
bool edge_token_there(const struct edge_reg *r);
/* A body that is a token; p NULL: none. */
struct str edge_token_body(const struct sip_msg *m);
/* All checks. TAKEN: r->asked.impi is the token's, and the rest of *r says how to go on.
 * WAITS: edge_register_again will be called. */
enum edge_verdict edge_token_judge(struct edge_reg *r, struct edge_conn *c,
	struct token *t, struct edge_fault *f);
/* The token was taken and goes on: where it is used is remembered. */
void edge_token_used(struct edge_reg *r, struct edge_conn *c, const struct token *t);
/* Refuses; a bad token counts, and the last that is borne ends the connection. */
void edge_token_refuse(struct edge_reg *r, struct edge_conn *c, const struct edge_fault *f);

/* token_check.c */
bool edge_token_is_bad(enum edge_refusal no);      /* it counts against whoever brought it */

/* register_direct.c */
/* Does it name a WWSF? */
bool edge_direct_named(const struct edge_reg *r);
/* The WWSF that it names is the Origin's: r->direct. False with *f. */
bool edge_direct_check(struct edge_reg *r, const struct edge_conn *c, struct edge_fault *f);

/* tna.c */
/* Digest credentials that say auth-done in place of all others, and bounds on every expiry.
 * After edge_register_clean. */
void edge_tna_put(const struct edge_reg *r, struct sip_edit *e);
