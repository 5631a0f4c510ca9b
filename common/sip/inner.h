/* What the files of the SIP stack share: tables, flows, transactions. Not for elements.
 *
 * Words: a listener is a socket that the stack opened; a flow is a connection (TCP, TLS
 * or WebSocket, taken or made); a server transaction outlives the request object
 * (sip_req) that it belongs to: after the final answer only its key and the answer's
 * bytes are kept.
 *
 * Nothing here touches a transaction, a flow or the stack after it has called the
 * element: what must happen has happened before. stack_enter and stack_leave hold the
 * stack itself while a callback may close it.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/base/mem.h"
#include "common/sip/stack.h"

/* ---- tables (table.c) ---- */

/* 128 bits of keyed hash stand for what they were made of: nobody outside can make two
 * texts meet, so an entry needs no copy of the text. */
struct key {
	uint64_t a, b;
};
struct node {                  /* embedded; one chain of a table */
	struct node *next;
	struct key key;
};
struct table {
	struct node **heads;
	size_t size, n;        /* size: a power of two, or 0 before the first entry */
};
void table_add(struct table *t, struct node *node);
void table_remove(struct table *t, struct node *node);
struct node *table_find(const struct table *t, struct key key);
struct node *table_next(const struct node *node);  /* another entry of the same key */
/* Any entry, NULL when empty. *at, zero at first, makes emptying a table one pass over
 * it. */
struct node *table_any(const struct table *t, size_t *at);
void table_free(struct table *t);

/* SipHash-2-4-128 over several parts; each part's length goes in too. */
struct hash {
	uint64_t v[4], word;
	size_t n;
};
void hash_begin(struct hash *h, const struct key *secret);
void hash_text(struct hash *h, struct str s);
void hash_fold(struct hash *h, struct str s);      /* ASCII letters lower-cased */
void hash_number(struct hash *h, uint64_t v);
struct key hash_end(struct hash *h);

/* Ids that are never given twice, each standing for a pointer while it lives. */
struct ids {
	struct id_slot {
		void *p;
		uint32_t round, next;
	} *slots;
	uint32_t n, cap, spare; /* spare: 1 + first free slot */
};
uint64_t ids_add(struct ids *t, void *p);
void *ids_find(const struct ids *t, uint64_t id);
void ids_remove(struct ids *t, uint64_t id);

/* ---- timers (timer.c) ---- */

enum tx_timer {
	TIMER_A, TIMER_B, TIMER_C, TIMER_D, TIMER_E, TIMER_F, TIMER_G, TIMER_H, TIMER_I,
	TIMER_J, TIMER_K, TIMER_L, TIMER_M, TIMER_TRYING, TIMER_TRYING_LATE, TIMER_COUNT
};
/* First value in ms on such a hop; -1: that timer is not used there. */
int64_t tx_timer_ms(enum tx_timer t, const struct sip_timers *v, bool reliable);

/* A transaction's clock: something to repeat at growing intervals, and an end. */
struct pulse {
	struct timer timer;
	int64_t end;           /* rig ms; INT64_MAX: none */
	int64_t next;          /* the next repetition; INT64_MAX: none */
	int32_t interval, most; /* ms; most 0: doubles without bound */
};
void pulse_repeat(struct pulse *p, const struct clock *c, int64_t first_ms, int64_t most_ms);
void pulse_quiet(struct pulse *p);                 /* no more repetitions */
void pulse_end(struct pulse *p, const struct clock *c, int64_t ms);
void pulse_arm(struct pulse *p, struct clock *c, timer_h *h, void *arg);
enum pulse_what { PULSE_EARLY, PULSE_REPEAT, PULSE_END };
enum pulse_what pulse_fired(struct pulse *p, const struct clock *c);

/* ---- the stack ---- */

struct sip_listen {
	struct sip_stack *s;
	enum sip_transport transport;
	struct addr local;
	struct udp *udp;
	struct listener *listener;
	int index;
	bool access;
	uintptr_t number;      /* never given twice */
	struct sip_listen *next; /* of all that live */
};

struct sip_stack {
	struct host *host;
	struct sip_stack_conf conf;
	const struct sip_stack_h *h;
	void *arg;
	struct tls *client_tls;
	struct sip_listen **listens;
	int n_listens;
	struct key secret;
	struct table server, merged, client;       /* transactions */
	struct ids server_ids, client_ids;
	struct table flows, flow_addrs;
	size_t open;           /* transactions somebody waits on */
	struct buf out;        /* a response being built */
	int busy;              /* callbacks under way */
	bool mute;             /* reset or close: nothing is sent */
	bool closed;
};

void stack_enter(struct sip_stack *s);
void stack_leave(struct sip_stack *s);             /* may free s */
/* One message off the wire: traced, gated, dispatched. */
void stack_receive(struct sip_stack *s, const struct sip_hop *from, struct str bytes);
bool stack_full(const struct sip_stack *s);
const struct sip_timers *stack_timers(const struct sip_stack *s, const struct sip_hop *hop);
static inline bool hop_reliable(const struct sip_hop *h)
{
	return h->transport != SIP_UDP;
}
static inline bool hop_websocket(const struct sip_hop *h)
{
	return h->transport == SIP_WS || h->transport == SIP_WSS;
}

/* ---- transport (transport.c, flow.c) ---- */

/* The listener that a hop was received by, or whose address requests to it leave from;
 * NULL: none of that transport. */
struct sip_listen *listen_for(const struct sip_stack *s, const struct sip_hop *hop);
/* The address that a connection to `to` is bound to, port 0: what the hop asks for, else
 * a listener's; family none when there is neither. */
struct addr listen_source(const struct sip_stack *s, const struct sip_hop *to);
/* Through gate and trace to the wire. `tx`: client transaction to be told when the
 * connection fails (0: none). 0, or a negative errno when that is known at once. */
int transport_send(struct sip_stack *s, const struct sip_hop *to, struct str bytes,
	uint64_t tx);
void transport_describe(const struct sip_stack *s, const struct sip_hop *hop, enum trace_dir dir,
	struct str bytes, struct trace_msg *out);
void transport_trace(const struct sip_stack *s, const struct sip_hop *hop, enum trace_dir dir,
	struct str bytes);
/* A hop that names a connection becomes what that connection is. -ENOTCONN: it is gone and
 * there is no other way. */
int hop_complete(const struct sip_stack *s, struct sip_hop *hop);
void listen_close_all(struct sip_stack *s);

struct pending {               /* waits until the connection is open */
	struct pending *next;
	uint64_t tx;
	size_t n;
	char bytes[];
};
struct flow {
	struct node by_id, by_addr;
	struct sip_stack *s;
	struct stream *stream; /* TCP, TLS */
	struct ws *ws;         /* WS, WSS */
	struct sip_hop hop;    /* as given to the element for what comes in */
	bool open, closing;
	bool text;             /* WebSocket: the peer's last message was text */
	bool half_ping;        /* one CRLF of two has come */
	struct buf rx;         /* an unfinished message */
	struct pending *pending, **pending_tail;
	size_t pending_n;
	struct client_tx *txs; /* requests sent here that nobody has answered */
	struct timer idle;     /* until the first message, and for each unfinished one */
	void *slot;
	char name[32];         /* "<random>.invalid": sent-by of a side nobody can connect to */
};
struct flow *flow_find(const struct sip_stack *s, uint64_t id);
/* The open or opening connection to a hop; NULL: none. */
struct flow *flow_to(const struct sip_stack *s, const struct sip_hop *to);
int flow_connect(struct sip_stack *s, const struct sip_hop *to, struct flow **out);
void flow_accept(struct sip_listen *l, struct stream *st); /* l NULL: closed meanwhile */
int flow_send(struct flow *f, struct str bytes, uint64_t tx);
void flow_close_all(struct sip_stack *s);

/* ---- Via (via.c) ---- */

enum { BRANCH_SIZE = 40, VIA_SIZE = 160 };
void via_branch(struct sip_stack *s, char out[BRANCH_SIZE]);
/* "SIP/2.0/UDP 127.0.0.12:5060;branch=..." for a request to that hop. */
struct str via_text(struct sip_stack *s, const struct sip_hop *to, struct str branch,
	char out[VIA_SIZE]);
bool via_top(const struct sip_msg *m, struct sip_via *v);
/* RFC 3261 18.2.1, RFC 3581: `received` and `rport` in the topmost Via. New bytes come
 * from the arena and *m is parsed again; nothing happens when the Via tells the truth. */
int via_received(struct sip_msg *m, const struct sip_hop *from, struct arena *a);
/* Where the response goes (18.2.2). `v` NULL: back where the request came from. */
void via_reply(const struct sip_via *v, const struct sip_hop *from, struct sip_hop *to);

/* ---- transactions ---- */

struct sip_req {
	struct sip_msg msg;
	struct sip_hop from;
	struct arena arena;    /* holds this struct too */
	struct sip_stack *s;
	struct server_tx *tx;
	char tag[17];          /* To tag of our own answers; empty: not drawn yet */
};
void req_free(struct sip_req *r);

enum server_state {
	SERVER_TRYING,         /* no response yet */
	SERVER_PROCEEDING,
	SERVER_COMPLETED,
	SERVER_CONFIRMED,      /* INVITE: ACK came */
	SERVER_ACCEPTED        /* INVITE: 2xx sent (RFC 6026) */
};
struct server_tx {
	struct node node;      /* in `server`; ACKs to a 2xx are in no table */
	struct node merged;    /* in `merged` when merged_in */
	struct sip_stack *s;
	struct sip_req *req;   /* NULL: finally answered */
	uint64_t id;
	uint64_t forwarded;    /* the client transaction it waits on; 0: none */
	struct sip_hop to;     /* where its answers go */
	struct str response;   /* the last one, for retransmissions; allocated */
	struct pulse pulse;
	uint8_t state;
	bool invite, ack, merged_in;
	int16_t status;        /* of the last response; 0: none yet */
};
struct key server_key(const struct sip_stack *s, const struct sip_msg *m, enum sip_method as);
/* A new request: owns `r` from here. */
void server_tx_start(struct sip_req *r, struct key key);
/* True: a request that has come before; answered again if it was. */
bool server_tx_retransmitted(struct sip_stack *s, struct key key);
/* ACK with the key of an INVITE: true when it was for a non-2xx and is done with. */
bool server_tx_ack(struct sip_stack *s, struct key key);
/* Sends and keeps a response; a final one releases the request. */
void server_tx_respond(struct server_tx *tx, int status, struct str bytes);
void server_tx_end(struct server_tx *tx);
/* Builds and sends a response that no transaction keeps. */
void stack_answer_stateless(struct sip_stack *s, const struct sip_hop *from,
	const struct sip_msg *m, int status, const char *reason, struct str fields);

/* A request on its way out. */
struct outgoing {
	struct sip_hop to;
	struct buf bytes;
	uint32_t via_at, via_n; /* value of our Via in it */
	char branch[BRANCH_SIZE];
	bool by_size;          /* on TCP only since it is long */
};
/* Writes the Via of o->to over the one that stands at via_at. */
void outgoing_via(struct sip_stack *s, struct outgoing *o);
/* A request too long for UDP goes by TCP where that is possible (24.229 4.2A). */
void outgoing_fit(struct sip_stack *s, struct outgoing *o);

enum client_state {
	CLIENT_CALLING,        /* Calling or Trying */
	CLIENT_PROCEEDING,
	CLIENT_COMPLETED,
	CLIENT_ACCEPTED        /* INVITE: 2xx came (RFC 6026) */
};
struct forwarding {
	uint64_t req;          /* server transaction; 0: not forwarding */
	const struct sip_forward_h *h;
	void *arg;
};
struct client_tx {
	struct node node;      /* in `client` */
	struct sip_stack *s;
	uint64_t id;
	struct outgoing out;   /* after a final response to INVITE: the ACK */
	uint8_t method;        /* enum sip_method */
	uint8_t state;
	bool waited;           /* counted in s->open */
	bool cancel, cancelled; /* CANCEL wanted, sent */
	bool acked;            /* `out` holds the ACK */
	int err;               /* the connection failed; the timer reports it */
	struct pulse pulse;
	struct flow *flow;     /* while unanswered, on a connection */
	struct client_tx *flow_next, **flow_prev;
	sip_response_h *h;     /* NULL: forgotten, or forwarding */
	void *arg;
	struct forwarding fw;
};
/* Takes o->bytes over when it returns 0. h or fw is NULL. */
int client_tx_start(struct sip_stack *s, struct outgoing *o, struct str method,
	sip_response_h *h, void *arg, const struct forwarding *fw, uint64_t *id);
void client_tx_response(struct sip_stack *s, const struct sip_hop *from,
	const struct sip_msg *m);
void client_tx_failed(struct sip_stack *s, uint64_t id, int err); /* reported later */
void client_tx_on_flow(struct client_tx *tx, struct flow *f);
void client_tx_flow_gone(struct flow *f, int err);
void client_tx_end(struct client_tx *tx);
void client_tx_end_all(struct sip_stack *s);       /* handlers get -ECANCELED */
/* ACK to a non-2xx (`response` given) or CANCEL, from the bytes of an INVITE (17.1.1.3,
 * 9.1). -EBADMSG when those are no message. */
int invite_follow(const struct outgoing *invite, struct str method,
	const struct sip_msg *response, struct outgoing *out);
int invite_cancel(struct client_tx *tx);           /* sends CANCEL now */
void client_tx_end_in(struct client_tx *tx, int64_t ms);

void forward_response(struct sip_stack *s, const struct forwarding *fw,
	const struct sip_msg *m);
void forward_failure(struct sip_stack *s, const struct forwarding *fw, int err);

/* ---- faults and counters (fault.c, count.c) ---- */

/* A message that can't be handled: counted, logged (at most 20 lines a second), answered
 * when it is a request that an answer can be made for. */
void fault_message(struct sip_stack *s, const struct sip_hop *from, const struct sip_msg *m,
	const struct sip_fault *fault);
void fault_drop(struct sip_stack *s, const struct sip_hop *from, const char *why);
void fault_note(const struct sip_stack *s, const struct sip_hop *from, const char *why,
	const char *done);

enum count_dir { COUNT_SENT, COUNT_RECEIVED };
void count_request(enum count_dir d, enum sip_method m);
void count_response(enum count_dir d, int status);
void count_again(enum count_dir d);                /* retransmissions */
void count_fault(const char *why);                 /* `why` static */
void count_server(int by);                         /* gauges */
void count_server_open(struct sip_stack *s, int by);
void count_client(int by);
void count_client_open(struct sip_stack *s, int by);
void count_flows(int by);
