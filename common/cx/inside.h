/* Inside common/cx: what the two sides of a Cx node share, libfdcore's threads (core.c)
 * and the loop (node.c).
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>

#include "common/base/log.h"
#include "common/base/metric.h"
#include "common/cx/octets.h"

struct msg; /* libfdproto's */

/* ---- from the threads to the loop ---- */

enum event_kind { EVENT_REQUEST, EVENT_ANSWER, EVENT_LOST, EVENT_TRACE, EVENT_LOG,
	EVENT_PEERS, EVENT_REFUSED, EVENT_DEAD };
struct event {
	struct event *next;
	enum event_kind kind;
};

/* A received message: its octets, and what decoding them in the receiving thread gave. */
struct rx {
	struct event event;            /* EVENT_REQUEST, EVENT_ANSWER */
	struct cx *cx;
	struct msg *query;             /* request: the way back, owned */
	uint32_t slot;                 /* where it waits while libfdcore has the carrier */
	struct cx_header header;
	uint64_t at_ns;
	int err;                       /* of cx_decode */
	struct cx_fault fault;
	struct cx_msg m;
	size_t n;
	char octets[];
};
struct lost {                          /* EVENT_LOST: no peer took the request */
	struct event event;
	uint32_t end_to_end;
};
struct traced {                        /* EVENT_TRACE */
	struct event event;
	enum trace_dir dir;
	uint64_t at_ns;
	char peer[128];                /* its Diameter identity; empty: not known */
	size_t n;
	char octets[];
};
struct noted {                         /* EVENT_LOG, EVENT_REFUSED */
	struct event event;
	enum log_level level;
	char text[256];
};

struct rx *rx_new(struct str octets);  /* decodes */
void rx_free(struct rx *r);

/* Many producers, one consumer: producers push under a lock; the loop is woken by the one
 * that finds the queue empty, and takes all there is. */
struct queue {
	pthread_mutex_t lock;
	struct event *first, **last;
	uv_async_t *wake;
};
void queue_init(struct queue *q, uv_async_t *wake);
void queue_push(struct queue *q, struct event *e);
struct event *queue_take(struct queue *q);

/* ---- libfdcore (core.c) ---- */

struct cx_peer_state {
	char *host;
	struct addr addr;
	bool up, lost;                 /* lost: its link was up and went down */
	uint64_t open_ns;              /* since when libfdcore says open; 0: it is not */
};
struct core_conf {
	const char *identity, *realm;
	struct addr listen, local;
	const struct cx_peer_state *peers;
	size_t n_peers;
	bool server, traced;
	int max_outstanding;
};
/* Starts libfdcore; from then on events come into `q`. One in a process, once. */
/* Peers whose link is being shut down (DPR, DPA): until that has ended they can't come
 * back. From any thread, once libfdcore runs. */
int core_closing(void);
int core_start(const struct core_conf *conf, struct queue *q, char why[256]);
void core_stop(void);                  /* DPR, threads joined; at most 1.5 s */
bool core_peer_open(const struct cx_peer_state *p);
void core_peer_again(const struct cx_peer_state *p);  /* client: after libfdcore gave it up */
void core_nodelay(void);               /* TCP_NODELAY on libfdcore's sockets */
/* Hands octets to libfdcore and never blocks; takes them over. An answer goes back on the
 * way of `query`, which it takes over too. */
void core_send_request(struct buf *octets);
void core_send_answer(struct buf *octets, struct msg *query);
bool core_congested(void);             /* what was sent is not fetched */
void core_forget(struct msg *query);   /* a request that is not answered */
/* The way back of a request that came again or late: to that peer, hop-by-hop id. */
struct msg *core_query(struct str peer, uint32_t hop_by_hop);
/* Requests handed to the loop and not yet answered. */
extern atomic_int core_outstanding;
extern atomic_long core_busy;          /* requests answered TOO_BUSY */

/* ---- the loop: node.c starts, stops and takes events, client.c and server.c do the rest */

struct reply {                         /* an answer kept until the batch ends */
	struct buf octets;
	struct rx *rx;
};

enum { CX_TOLD = 4 };

struct cx {
	struct host *host;
	const struct cx_h *h;
	void *arg;
	char *identity, *realm;
	struct addr local;
	struct cx_peer_state *peers;
	size_t n_peers;
	bool server;
	int answer_ms;

	uv_async_t wake;
	uv_timer_t poll;
	int handles, quick;            /* polls that are soon */
	bool stopped;
	struct queue queue;

	struct pending *pending;
	uint32_t next_end_to_end, session_high, session_low;

	char told[CX_TOLD][256];       /* by libfdcore, the last of its errors */
	unsigned n_told;

	bool in_batch;
	struct reply *replies;
	size_t n_replies, room;
};

extern struct metric cx_open_now;      /* requests under way, both directions */

/* A record of a message to or from the element of that Diameter identity. */
struct trace_msg cx_trace_of(const struct cx *c, enum trace_dir dir, struct str host,
	struct str octets);
/* client.c */
void cx_on_answer(struct cx *c, struct rx *r);
void cx_on_lost(struct cx *c, const struct lost *e);
void cx_abandon(struct cx *c);         /* all that wait get -EHOSTUNREACH */
/* server.c */
void cx_on_request(struct cx *c, struct rx *r);
void cx_end_batch(struct cx *c);
