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
	uint64_t conn;         /* kept connection (stream id), which says all the rest; 0:
				* UDP, or any connection to `remote` */
	bool in;               /* came in by the listener with index `listener` */
	int listener;
};

/* Timers, TS 24.229 7.7: core 500/4000/5000 ms, access (towards the UE)
 * 2000/16000/17000. */
struct sip_timers {
	int t1_ms, t2_ms, t4_ms;
};

struct sip_stack;
struct sip_req;
struct sip_tx;                 /* client transaction */

struct sip_stack_h {
	/* A new request (not ACK to a non-2xx, not a retransmission, not CANCEL of a
	 * known INVITE). Answer it now or later. */
	void (*request)(struct sip_req *req, void *arg);
	/* A CANCEL for an INVITE that is neither answered nor forwarded (a forwarded one
	 * is cancelled onward). The handler answers `req`. NULL: the stack answers it
	 * with 487. */
	void (*cancel)(struct sip_req *req, void *arg);
	/* A connection of this stack is gone (flow loss). May be NULL. */
	void (*flow_gone)(struct sip_stack *s, uint64_t conn, void *arg);
	/* Bytes that are no message, or one that gets no answer. Already counted and
	 * logged; for limits per connection. May be NULL. */
	void (*garbage)(struct sip_stack *s, const struct sip_hop *from, void *arg);
};
struct sip_stack_conf {
	/* All 0: the values above. access: on WS, WSS and hops of a listener marked
	 * so. */
	struct sip_timers core, access;
	size_t max_transactions;        /* 0: 1,000,000; beyond: 503 with Retry-After */
	size_t max_connections;         /* 0: 10,000; beyond, TCP and TLS are closed at once */
	unsigned max_vias;              /* 0: 10; beyond: 513 */
	/* Methods (1 << enum sip_method) whose requests end here, at a user agent or
	 * registrar: one that came by two ways gets 482 the second time (RFC 3261
	 * 8.2.2.2). A proxy must let it through, the two ways may be one loop that is
	 * meant (S-CSCF, I-CSCF, S-CSCF). */
	uint32_t ends_here;
	const char *server;             /* Server/User-Agent value; NULL: none */
};

int sip_stack_new(struct host *host, const struct sip_stack_conf *conf,
	const struct sip_stack_h *h, void *arg, struct sip_stack **out);
/* Answers what is open with 503, tells waiting handlers -ECANCELED, then closes everything;
 * its memory goes when the last connection has ended (run the loop). No callback after. */
void sip_stack_close(struct sip_stack *s);

/* Listeners: index >= 0 (given back in hop.listener) or a negative errno. The address is
 * also the source of requests sent by that transport. `tls` for TLS. `access` selects the
 * timers. WebSockets come from the element's HTTP server: sip_stack_add_ws. An element
 * that sends by TCP or TLS without listening there gets its answers on the connections it
 * makes. */
int sip_listen(struct sip_stack *s, enum sip_transport t, const struct addr *local,
	struct tls *tls, bool access);
/* For outgoing TLS connections. The certificate of the other side must name the address
 * that is connected to, or a name that the rig's table gives to it. */
void sip_stack_client_tls(struct sip_stack *s, struct tls *tls);
/* Takes an open WebSocket over; the hop's conn is its stream id (ws_id). Server side:
 * `listener` is a number >= 0 of the element's choice, given back in hops; client side:
 * -1, its requests carry "<random>.invalid" in Via. */
void sip_stack_add_ws(struct sip_stack *s, struct ws *w, int listener);
void sip_flow_close(struct sip_stack *s, uint64_t conn, int ws_code, const char *why);
/* The hop by which a request is sent to whoever holds that connection; false: it is gone
 * (430 Flow Failed, RFC 5626). */
bool sip_flow_hop(struct sip_stack *s, uint64_t conn, struct sip_hop *out);
/* A pointer of the element's for a connection (NULL at first), given back until
 * flow_gone. */
void **sip_flow_slot(struct sip_stack *s, uint64_t conn);

/* ---- server side ---- */
const struct sip_msg *sip_req_msg(const struct sip_req *r);
const struct sip_hop *sip_req_hop(const struct sip_req *r);
struct arena *sip_req_arena(struct sip_req *r);
uint64_t sip_req_id(const struct sip_req *r);      /* to find it again after a wait */
struct sip_req *sip_req_find(struct sip_stack *s, uint64_t id); /* NULL: answered, gone */

/* An ACK comes as a request too when it is for a 2xx: forward it, or release it by
 * a final answer, which is not sent.
 *
 * Answers with status and extra fields ("Name: value\r\n" text); final ones release `r`.
 * reason NULL: the standard phrase. */
void sip_answer(struct sip_req *r, int status, const char *reason, struct str fields);
void sip_answer_fmt(struct sip_req *r, int status, const char *reason, const char *fields, ...)
	__attribute__((format(printf, 4, 5)));
/* A whole response as bytes (built with sip_put_response, tag sip_req_tag). */
void sip_answer_bytes(struct sip_req *r, int status, struct str bytes);
const char *sip_req_tag(struct sip_req *r);        /* To tag of answers to it */
/* The 2xx that answered the INVITE with this id, once more, until its ACK is there (RFC
 * 3261 13.3.1.4; the dialog's owner keeps that time). -ENOENT: its time is over. */
int sip_answer_again(struct sip_stack *s, uint64_t id);

/* ---- client side ---- */
/* `m` NULL with err: -ETIMEDOUT (timer B or F), -ECONNREFUSED and the like (transport),
 * -ECANCELED (sip_stack_reset, sip_stack_close: nothing can be sent any more).
 * Provisional responses come too (m->status < 200). `m` good during the call. Called
 * never before return; once finally. */
typedef void(sip_response_h)(int err, const struct sip_msg *m, void *arg);

/* Sends a request built in `bytes` (without Via: the stack puts it on top, with a fresh
 * branch) in a client transaction; `h` NULL: nobody waits for the answer. *id (may be
 * NULL) is for sip_cancel, sip_ack and sip_forget. An ACK has no transaction: it is sent,
 * *id is 0. 0; or a negative errno and `h` is not called: -EINVAL (no start line),
 * -ENOTCONN (no listener or connection for that hop), -ENOBUFS (too many
 * transactions). */
int sip_send(struct sip_stack *s, struct str bytes, const struct sip_hop *to, sip_response_h *h,
	void *arg, uint64_t *id);
/* The owner goes: its handler will not be called. */
void sip_forget(struct sip_stack *s, uint64_t id);
/* Cancels an INVITE (RFC 3261 9.1): at once, or as soon as a provisional response is
 * there. The INVITE's handler still hears how it ended. 0, or -ENOENT: it is answered. */
int sip_cancel(struct sip_stack *s, uint64_t id);
/* ACK to the 2xx of an INVITE sent from here, built by the owner without Via; sent to
 * `to`, and again whenever the 2xx comes again. 0 or negative errno. */
int sip_ack(struct sip_stack *s, uint64_t id, struct str bytes, const struct sip_hop *to);
/* Raw octets to a hop, outside any transaction: for rogue peers and ACK. */
int sip_send_raw(struct sip_stack *s, struct str bytes, const struct sip_hop *to);

/* ---- forwarding (RFC 3261 16) ---- */
/* What to do with the answer of a forwarded request. Both may be NULL. */
struct sip_forward_h {
	/* Before the response goes back: edit it (own Via already taken off; the list and
	 * `m` end with the call). Return 0 to pass it on (a 503 becomes a 500, RFC 3261
	 * 16.7 item 6); >0 to answer with that status instead; <0: the handler has taken
	 * over, it answers `req` itself, or has forwarded it again, or lets a provisional
	 * response drop. 100 does not come here. */
	int (*response)(struct sip_req *req, const struct sip_msg *m, struct sip_edit *e, void *arg);
	/* No answer: return the status to send (0: 408 at timeout, 503→500 for transport
	 * faults), or <0: taken over. */
	int (*failure)(struct sip_req *req, int err, void *arg);
};
/* Forwards `req` as edited by `e` (begun on its message): Max-Forwards down (at 0: 483),
 * Proxy-Require looked at (420: nothing is supported), Via on top, own topmost Route off
 * when asked by the element before; an INVITE gets its 100. `e` is used up: for another
 * try begin a new one. `arg` must live as long as req (its arena). 0: sent, or answered
 * as said; or a negative errno: nothing sent, req not answered. */
int sip_forward(struct sip_req *req, struct sip_edit *e, const struct sip_hop *to,
	const struct sip_forward_h *h, void *arg);

/* True when the topmost Route names this stack (a listener's address, or a rig's name for
 * it): it is taken off by `e`, *uri (may be NULL) is the URI that stood there. */
bool sip_route_own(const struct sip_req *req, struct sip_edit *e, struct sip_uri *uri);

/* Hop for a sip: URI by the rig's names: transport parameter or `dflt`, port or
 * 5060/5061. */
int sip_hop_resolve(struct sip_stack *s, struct str uri, enum sip_transport dflt,
	struct sip_hop *out);
/* Hop of a configuration: a name or address, with or without port. 0, or -EINVAL with a
 * sentence. */
int sip_hop_named(struct sip_stack *s, const char *name, enum sip_transport t,
	const struct addr *local, struct sip_hop *out, char why[512]);

/* Transactions not ended: those a peer or element still waits on (quiet when 0). */
int sip_stack_open(const struct sip_stack *s);
/* Ends every transaction at once, lets kept connections go (player's reset). Requests are
 * released unanswered, handlers of sip_send get -ECANCELED, those of forwarding
 * nothing. */
void sip_stack_reset(struct sip_stack *s);

/* For gate and judge: "SIP REGISTER" / "SIP 401". */
extern const struct gate_proto sip_gate_proto;
