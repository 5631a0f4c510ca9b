/* The WSS edge that eP-CSCF and WAAF share (TS 23.228 U.1.3, RFC 7118): WICs open a
 * WebSocket to it and register; what comes over the trust border is cleaned, limited, and
 * bound to its connection.
 *
 * Words: a *WIC* is the client behind one WebSocket; its *flow* is that connection; a
 * flow *claims* an IMPI with the first REGISTER that goes on, and is *registered* while a
 * binding (binding.h) names it.
 *
 *	front.c     handshake, connections, flow loss, limits
 *	register.c  REGISTER of a WIC and its answer
 *	request.c   everything else a WIC sends
 *	border.c    what the trust border takes out        binding.c  who is bound where
 *	mw.c        what a P-CSCF puts in                  token.c    flow tokens of Path
 *	refuse.def  every reason to refuse
 *
 * An element opens one edge on its SIP stack, hands it what comes over WebSockets
 * (edge_request, edge_flow_gone, edge_garbage) and says by a callback where a REGISTER
 * goes.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <jansson.h>

#include "common/conf/conf.h"
#include "common/edge/binding.h"
#include "common/edge/border.h"
#include "common/edge/mw.h"
#include "common/edge/token.h"
#include "common/sip/stack.h"

/* ---- configuration ---- */

/*	wss: {listen: 127.0.0.12:8443, cert: FILE, key: FILE, path: /sip, ping: 30s,
 *	      t1: 2s, t2: 16s, t4: 17s}
 * t1, t2 and t4 are the SIP timers towards users (TS 24.229 7.7). */
struct edge_wss_conf {
	struct addr listen;
	char *cert, *key, *path;
	int64_t ping_ms, t1_ms, t2_ms, t4_ms;
};
/*	origins: [{origin: "https://wwsf.ims.example.org:8443", also: [], wwsf: NAME,
 *	           auth: [digest]}]
 * One row a WWSF: exact values of Origin, as browsers write them. What a WIC of its page
 * may register with stands in auth; nothing at all with []. */
struct edge_origin_conf {
	char *origin;
	struct conf_list also;         /* of char *: other origins of the same pages */
	char *wwsf;                    /* identity of the WWSF; may be NULL */
	struct conf_list auth;         /* of char *: digest */
};
/*	limits: {handshakes-per-second: 10, open-per-address: 200, open: 100000,
 *	         register-within: 10s, registers-per-10s: 5, requests-per-second: 20} */
struct edge_limits_conf {
	int64_t handshakes, open_per_address, open;
	int64_t register_within_ms, registers, requests;
};
/*	domain: operator | third-party: whose network the element stands in */
enum edge_domain { EDGE_OPERATOR, EDGE_THIRD_PARTY };

struct edge_conf {
	char *name;                    /* host name of the element: Path, Route */
	char *realm;                   /* home domain */
	int domain;                    /* enum edge_domain */
	struct edge_wss_conf wss;
	struct conf_list origins;      /* of struct edge_origin_conf */
	struct edge_limits_conf limits;
};
extern const struct conf_row edge_wss_rows[], edge_origin_rows[], edge_limits_rows[];
extern const char *const edge_domain_names[];
/* Rows of a struct edge_conf that is member `m` of S. */
#define EDGE_CONF_ROWS(S, m) \
	CONF_STR(S, m.name, "name", CONF_REQUIRED, NULL), \
		CONF_STR(S, m.realm, "realm", CONF_REQUIRED, NULL), \
		CONF_ENUM(S, m.domain, "domain", 0, "operator", edge_domain_names), \
		CONF_STRUCT(S, m.wss, "wss", CONF_REQUIRED, edge_wss_rows), \
		CONF_LIST(S, m.origins, "origins", CONF_REQUIRED, edge_origin_rows, \
			struct edge_origin_conf), \
		CONF_STRUCT(S, m.limits, "limits", 0, edge_limits_rows)
/* Origins that are none, methods of authentication that are not known: -EINVAL and a
 * sentence. */
int edge_conf_check(const struct edge_conf *conf, char why[512]);
/* What an origin may register with. */
enum { EDGE_AUTH_DIGEST = 1 };
unsigned edge_origin_auth(const struct edge_origin_conf *o);
/* Timers towards users, and room for their connections. */
void edge_stack_conf(const struct edge_conf *conf, struct sip_stack_conf *out);

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
/* Counts it, logs one line that says who, what and why. */
void edge_count_refusal(const struct edge_fault *f, const struct addr *from);
/* The same, and answers. */
void edge_refuse(struct sip_req *req, const struct edge_fault *f);
/* The next hop of a forwarded REGISTER does not answer: counted, logged; 504. */
int edge_forward_failed(struct sip_req *req, int err, void *arg);

/* What every REGISTER at the edge has to be, whoever sent it: To and From equal, a
 * Contact, the Request-URI the home domain, no option that a proxy would have to know,
 * one set of credentials. False with *f. */
bool edge_register_check(struct sip_req *req, const char *realm, struct sip_register *out,
	struct edge_fault *f);
/* OPTIONS, and methods that are not served: 200, 405 or 501. */
void edge_answer_other(struct sip_req *req);

/* ---- the edge ---- */

struct edge;

/* A REGISTER of a WIC that may go on. */
struct edge_reg {
	struct edge *edge;
	struct sip_req *req;
	uint64_t conn;
	struct sip_register asked;
	bool bound;                    /* this flow is registered with this IMPI */
	char token[EDGE_TOKEN_SIZE];   /* names the flow, for Path */
};
/* Puts into the edits (which took out what the border takes out) what this element adds,
 * and says where the request goes. */
typedef void(edge_onward_h)(const struct edge_reg *r, struct sip_edit *e,
	struct sip_hop *to, void *arg);

struct edge_setup {
	struct host *host;
	struct sip_stack *stack;
	const struct edge_conf *conf;
	struct addr sip;               /* where it takes SIP, for Routes that name it */
	edge_onward_h *onward;
	void *arg;
};
/* Listens. 0, or a negative errno with a sentence. */
int edge_open(const struct edge_setup *setup, struct edge **out, char why[512]);
/* After the stack is closed, which ends the connections. */
void edge_close(struct edge *ed);
/* Right after start: bindings and limits gone, connections closed. */
void edge_reset(struct edge *ed);

/* From the element's sip_stack_h, for hops of transport WS and WSS. */
void edge_request(struct edge *ed, struct sip_req *req);
void edge_garbage(struct edge *ed, const struct sip_hop *from);
void edge_flow_gone(struct edge *ed, uint64_t conn); /* ... or of any other */

struct edge_book *edge_bindings(struct edge *ed);

/* For REGISTERs that came by another way than a WebSocket, in order: edge_register_check,
 * then this, which begins the edits and takes out what the border takes out (`keep` and
 * `flag` as in border.h) and Routes to the element; false with *f; then the token that
 * names the flow; then off it goes, or is answered when it can't. */
bool edge_register_clean(struct edge *ed, struct sip_req *req, unsigned keep,
	const char *flag, struct sip_edit *e, struct edge_fault *f);
void edge_token_of(const struct edge *ed, const struct sip_hop *hop,
	char out[EDGE_TOKEN_SIZE]);
void edge_register_forward(struct sip_req *req, struct sip_edit *e,
	const struct sip_hop *to, const struct sip_forward_h *h, void *arg);
