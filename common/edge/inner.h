/* What the files of the edge share. Not for elements.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/edge/edge.h"
#include "common/edge/limit.h"
#include "common/http/http.h"

/* What becomes of the WebSocket after a refusal. */
enum edge_then { EDGE_STAY, EDGE_UNBOUND, EDGE_CLOSE };
struct edge_refusal_row {
	int status;                    /* 0: no answer */
	const char *label, *reason;
	enum edge_then then;
	struct metric *counter;
};
const struct edge_refusal_row *edge_refusal_row(enum edge_refusal no);

enum { EDGE_POLICY = 1008, EDGE_NORMAL = 1000 }; /* WebSocket close codes */

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
	bool challenged;               /* the last answer was 401: in edge->challenged */
	bool closing;
};
_Static_assert(sizeof(struct edge_conn) <= 500, "an idle WIC is to stay small");

struct edge {
	struct edge_setup setup;
	struct tls *tls;
	struct http_server *server;
	struct edge_token_key tokens;
	struct edge_book book;
	struct edge_sources sources;
	struct edge_index challenged;  /* connections by the IMPI they were asked about */
	struct edge_conn *first;
	int64_t open;
	struct str own[3];             /* host names and addresses of the element */
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
/* One more, one fewer binding names the flow. */
void edge_conn_bound(struct edge_conn *c);
void edge_conn_unbound(struct edge_conn *c);
/* The challenge for its IMPI went to this flow (or is answered for). */
void edge_conn_challenged(struct edge_conn *c, bool on);
/* An open flow other than `c` that was challenged for that IMPI; NULL: none. */
struct edge_conn *edge_challenged_for(const struct edge *ed, struct str impi,
	const struct edge_conn *c);

/* register.c */
void edge_register(struct edge *ed, struct edge_conn *c, struct sip_req *req);
