/* The SIP stack of one host: transports, transactions (RFC 3261 17 and 18, RFC 6026,
 * RFC 7118), and forwarding (RFC 3261 16).
 *
 * A received request is an object (struct sip_req): it owns its bytes and an arena, the
 * element sees the message const, and it is released by a final answer. Whoever has not
 * answered when the stack closes is answered with 503.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/net/host.h"
#include "common/net/stream.h"
#include "common/net/udp.h"
#include "common/sip/field.h"
#include "common/sip/msg.h"
#include "common/ws/ws.h"

enum sip_transport { SIP_UDP, SIP_TCP, SIP_TLS, SIP_WS, SIP_WSS };
const char *sip_transport_name(enum sip_transport t);                /* "UDP", for Via */

/* Where a message came from or goes to. */
struct sip_hop {
	enum sip_transport transport;
	struct addr local, remote;
	uint64_t conn;         /* kept connection (stream id); 0: UDP, or any to `remote` */
	bool in;               /* came in by the listener with index `listener` */
	int listener;
};

/* Timers, TS 24.229 7.7: core 500/4000/5000 ms, access (towards the UE) 2000/16000/17000.*/
struct sip_timers {
	int t1_ms, t2_ms, t4_ms;
};

struct sip_stack;
struct sip_req;
struct sip_tx;                 /* client transaction */

struct sip_stack_h {
	/* A new request (not ACK to a non-2xx, not a retransmission, not CANCEL of a known
	 * INVITE). Answer it now or later. */
	void (*request)(struct sip_req *req, void *arg);
	/* A connection of this stack is gone (flow loss). May be NULL. */
	void (*flow_gone)(struct sip_stack *s, uint64_t conn, void *arg);
	/* Bytes that are no message, or one that gets no answer. Already counted and logged;
	 * for limits per connection. May be NULL. */
	void (*garbage)(struct sip_stack *s, const struct sip_hop *from, void *arg);
};
struct sip_stack_conf {
	struct sip_timers core, access; /* access: used on WS and WSS and on hops marked so */
	size_t max_transactions;        /* 0: 1,000,000; beyond: 503 with Retry-After */
	int core_dscp;
	const char *server;             /* Server/User-Agent value; NULL: none */
};

int sip_stack_new(struct host *host, const struct sip_stack_conf *conf,
	const struct sip_stack_h *h, void *arg, struct sip_stack **out);
void sip_stack_close(struct sip_stack *s);
struct host *sip_stack_host(struct sip_stack *s);

/* Listeners: index >= 0 (given back in hop.listener) or a negative errno. The address is
 * also the source of requests sent by that transport. `tls` for TLS. `access` selects the
 * timers. WebSockets come from the element's HTTP server: sip_stack_add_ws. */
int sip_listen(struct sip_stack *s, enum sip_transport t, const struct addr *local,
	struct tls *tls, bool access);
/* For outgoing TLS connections. */
void sip_stack_client_tls(struct sip_stack *s, struct tls *tls);
/* Takes an open WebSocket over (server or client side); the hop's conn is its stream id. */
void sip_stack_add_ws(struct sip_stack *s, struct ws *w, int listener);
void sip_flow_close(struct sip_stack *s, uint64_t conn, int ws_code, const char *why);
bool sip_flow_open(struct sip_stack *s, uint64_t conn);
/* A pointer of the element's for a connection (NULL at first), given back until flow_gone. */
void **sip_flow_slot(struct sip_stack *s, uint64_t conn);

/* ---- server side ---- */
const struct sip_msg *sip_req_msg(const struct sip_req *r);
const struct sip_hop *sip_req_hop(const struct sip_req *r);
struct arena *sip_req_arena(struct sip_req *r);
uint64_t sip_req_id(const struct sip_req *r);      /* to find it again after a wait */
struct sip_req *sip_req_find(struct sip_stack *s, uint64_t id); /* NULL: answered, gone */
struct sip_stack *sip_req_stack(const struct sip_req *r);

/* Answers with status and extra fields ("Name: value\r\n" text); final ones release `r`.
 * reason NULL: the standard phrase. */
void sip_answer(struct sip_req *r, int status, const char *reason, struct str fields);
void sip_answer_fmt(struct sip_req *r, int status, const char *reason, const char *fields, ...)
	__attribute__((format(printf, 4, 5)));
/* A whole response as bytes (built with sip_put_response). */
void sip_answer_bytes(struct sip_req *r, int status, struct str bytes);

/* ---- client side ---- */
/* `m` NULL with err: -ETIMEDOUT (timer B or F), -ECONNREFUSED and the like (transport).
 * Provisional responses come too (m->status < 200). `m` good during the call. Called never
 * before return; once finally. */
typedef void(sip_response_h)(int err, const struct sip_msg *m, void *arg);

/* Sends a request built in `bytes` (without Via: the stack puts it on top, with a fresh
 * branch) in a client transaction. 0 or negative errno; *id (may be NULL) for sip_cancel_h. */
int sip_send(struct sip_stack *s, struct str bytes, const struct sip_hop *to, sip_response_h *h,
	void *arg, uint64_t *id);
/* The owner goes: its handler will not be called. */
void sip_forget(struct sip_stack *s, uint64_t id);
/* Raw octets to a hop, outside any transaction: for rogue peers and ACK. */
int sip_send_raw(struct sip_stack *s, struct str bytes, const struct sip_hop *to);

/* ---- forwarding (RFC 3261 16) ---- */
/* What to do with the answer of a forwarded request. Both may be NULL. */
struct sip_forward_h {
	/* Before the response goes back: edit it (own Via already taken off). Return 0 to
	 * pass it on; >0 to answer with that status instead; <0: the handler has taken
	 * over, it answers `req` itself later. */
	int (*response)(struct sip_req *req, const struct sip_msg *m, struct sip_edit *e, void *arg);
	/* No answer: return the status to send (0: 408 at timeout, 503→500 for transport
	 * faults), or <0: taken over. */
	int (*failure)(struct sip_req *req, int err, void *arg);
};
/* Forwards `req` as edited by `e` (begun on its message): Max-Forwards down (483 at 0),
 * Via on top, own topmost Route off when asked by the element before. `arg` must live as
 * long as req (its arena). 0, or a negative errno: nothing sent, req not answered. */
int sip_forward(struct sip_req *req, struct sip_edit *e, const struct sip_hop *to,
	const struct sip_forward_h *h, void *arg);

/* Hop for a sip: URI by the rig's names: transport parameter or `dflt`, port or 5060/5061.*/
int sip_hop_resolve(struct sip_stack *s, struct str uri, enum sip_transport dflt,
	struct sip_hop *out);

/* Transactions not ended: those a peer or element still waits on (quiet when 0). */
int sip_stack_open(const struct sip_stack *s);
/* Ends every transaction at once, lets kept connections go (player's reset). */
void sip_stack_reset(struct sip_stack *s);

/* For gate and judge: "SIP REGISTER" / "SIP 401". */
extern const struct gate_proto sip_gate_proto;
