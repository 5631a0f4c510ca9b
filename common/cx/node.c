/* A Cx node on its loop: requests with their answer timers, received requests with their
 * answers, the fault gate, the trace. libfdcore's side is core.c.
 * SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#include <uthash.h>

#include "common/base/mem.h"
#include "common/base/metric.h"
#include "common/cx/inside.h"

METRIC_COUNTER(sent, "imsrig_cx_requests_sent_total", "Cx requests sent");
METRIC_COUNTER(received, "imsrig_cx_requests_received_total", "Cx requests received");
METRIC_COUNTER(answered, "imsrig_cx_answers_received_total", "Cx answers received");
METRIC_COUNTER(late, "imsrig_cx_timeouts_total", "Cx requests without an answer in time");
METRIC_COUNTER(unsent, "imsrig_cx_undelivered_total", "Cx requests that no peer took");
METRIC_COUNTER(bad, "imsrig_cx_bad_messages_total", "Cx messages answered with a base error");
METRIC_COUNTER(refused, "imsrig_cx_refused_total", "Peers and base messages refused");
METRIC_COUNTER(busy, "imsrig_cx_busy_total", "Cx requests answered TOO_BUSY");
METRIC_COUNTER(wakes, "imsrig_cx_wakes_total", "Times that libfdcore's threads woke the loop");
METRIC_COUNTER(events, "imsrig_cx_events_total", "Events that they handed over");
METRIC_IDLE(open_now, "imsrig_cx_open", "Cx requests under way");

/* A request of ours that waits for its answer. */
struct pending {
	uint32_t end_to_end;
	struct cx *cx;
	cx_answer_h *h;                /* NULL: called already */
	void *arg;
	struct timer timer;
	const char *name;              /* "UAR" */
	UT_hash_handle hh;
};

struct reply {                         /* an answer kept until the batch ends */
	struct buf octets;
	struct msg *query;
};

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

	bool in_batch;
	struct reply *replies;
	size_t n_replies, room;
};

struct cx_req {                        /* a struct rx under its public name */
	struct rx rx;
};

enum { POLL_MS = 500, QUICK_MS = 5, QUICK_POLLS = 40, ANSWER_MS = 10000, MAX_OUTSTANDING = 10000 };

void cx_msg_free(struct cx_msg *m)
{
	arena_free(&m->arena);
}

static const struct cx_peer_state *peer_of(const struct cx *c, struct str host)
{
	for (size_t i = 0; i < c->n_peers; i++)
		if (str_ieq(str_of(c->peers[i].host), host))
			return &c->peers[i];
	return NULL;
}

static struct trace_msg trace_of(const struct cx *c, enum trace_dir dir, struct str host,
	struct str octets)
{
	const struct cx_peer_state *p = peer_of(c, host);
	if (!p && !host.n && c->n_peers == 1)
		p = &c->peers[0]; /* a request by realm goes to the only peer */
	struct trace_msg m = {
		.proto = TRACE_DIAMETER,
		.via = TRACE_TCP,
		.dir = dir,
		.local = c->local,
		.conn = p ? (uint64_t)(p - c->peers) + 1 : 0,
		.bytes = octets,
	};
	if (p)
		m.remote = p->addr;
	return m;
}

/* ---- sending requests ---- */

static void pending_end(struct pending *p, int err, const struct cx_msg *m)
{
	HASH_DEL(p->cx->pending, p);
	timer_stop(&p->timer);
	open_now.value--;
	p->h(err, m, p->arg);
	free(p);
}

static void on_late(struct timer *t, void *arg)
{
	struct pending *p = arg;
	late.value++;
	log_warn("cx", "no answer to a %s in %d ms", p->name, p->cx->answer_ms);
	pending_end(p, -ETIMEDOUT, NULL);
}

static void go_request(void *owner, const void *ctx, struct str octets)
{
	struct buf copy = {0};
	buf_add(&copy, octets);
	core_send_request(&copy);
}

static void emit_request(struct cx *c, struct buf *octets, struct str dest_host)
{
	if (!gate_active(c->host->gate)) {
		core_send_request(octets);
		return;
	}
	struct trace_msg t = trace_of(c, TRACE_SENT, dest_host, buf_str(octets));
	gate_pass(c->host->gate, &cx_gate_proto, &t, go_request, c, NULL, 0);
	buf_free(octets);
}

int cx_send(struct cx *c, const struct cx_msg *m, cx_answer_h *h, void *arg)
{
	char session[192];
	if (c->stopped || !cx_peer_up(c, m->destination_host)) {
		unsent.value++;
		return -EHOSTUNREACH;
	}
	struct cx_msg full = *m;
	full.request = true;
	snprintf(session, sizeof session, "%s;%u;%u", c->identity, c->session_high,
		++c->session_low);
	full.session_id = str_of(session);
	full.origin_host = str_of(c->identity);
	full.origin_realm = str_of(c->realm);
	if (!full.destination_realm.p)
		full.destination_realm = full.origin_realm;

	struct pending *p = MEM_NEW(struct pending);
	*p = (struct pending){.end_to_end = c->next_end_to_end++, .cx = c, .h = h, .arg = arg,
		.name = cx_command_name(m->command, true)};
	HASH_ADD(hh, c->pending, end_to_end, sizeof p->end_to_end, p);
	timer_start(c->host->clock, &p->timer, c->answer_ms, on_late, p);
	open_now.value++;
	sent.value++;

	struct buf octets = {0};
	struct cx_ids ids = {.end_to_end = p->end_to_end};
	cx_encode(&full, &ids, &octets);
	emit_request(c, &octets, m->destination_host);
	return 0;
}

static struct pending *pending_of(struct cx *c, uint32_t end_to_end)
{
	struct pending *p = NULL;
	HASH_FIND(hh, c->pending, &end_to_end, sizeof end_to_end, p);
	return p;
}

static void take_answer(struct cx *c, const struct rx *r)
{
	struct pending *p = pending_of(c, r->header.end_to_end);
	if (!p)
		return; /* it came too late, or twice */
	answered.value++;
	if (r->err) {
		bad.value++;
		log_warn("cx", "the answer to a %s can't be read: %s", p->name, r->fault.why);
		pending_end(p, -EBADMSG, NULL);
		return;
	}
	pending_end(p, 0, &r->m);
}

static void go_answer(void *owner, const void *ctx, struct str octets)
{
	struct rx *r = rx_new(octets);
	take_answer(owner, r);
	rx_free(r);
}

static void on_answer(struct cx *c, struct rx *r)
{
	if (gate_active(c->host->gate)) {
		struct trace_msg t = trace_of(c, TRACE_RECEIVED, r->m.origin_host,
			(struct str){r->octets, r->n});
		gate_pass(c->host->gate, &cx_gate_proto, &t, go_answer, c, NULL, 0);
	} else {
		take_answer(c, r);
	}
	rx_free(r);
}

static void on_lost(struct cx *c, const struct lost *e)
{
	struct pending *p = pending_of(c, e->end_to_end);
	if (!p)
		return;
	unsent.value++;
	log_warn("cx", "no peer took a %s", p->name);
	pending_end(p, -EHOSTUNREACH, NULL);
}

/* ---- answering requests ---- */

static void flush(struct cx *c)
{
	for (size_t i = 0; i < c->n_replies; i++)
		core_send_answer(&c->replies[i].octets, c->replies[i].query);
	c->n_replies = 0;
}

static void post_reply(struct cx *c, struct buf *octets, struct msg *query)
{
	if (!c->in_batch) {
		core_send_answer(octets, query);
		return;
	}
	if (c->n_replies == c->room) {
		c->room = c->room ? 2 * c->room : 64;
		c->replies = mem_realloc(c->replies, c->room * sizeof *c->replies);
	}
	c->replies[c->n_replies++] = (struct reply){*octets, query};
	*octets = (struct buf){0};
}

/* What the gate keeps of a message's way: enough to build a new one, any number of
 * times. */
struct way {
	uint32_t hop_by_hop;
	char peer[120];
};

static struct way way_of(const struct rx *r)
{
	struct way w = {.hop_by_hop = r->header.hop_by_hop};
	str_copy(r->m.origin_host, w.peer, sizeof w.peer);
	return w;
}

static void go_reply(void *owner, const void *ctx, struct str octets)
{
	const struct way *w = ctx;
	struct msg *query = core_query(str_of(w->peer), w->hop_by_hop);
	struct buf copy = {0};
	buf_add(&copy, octets);
	if (query)
		core_send_answer(&copy, query);
}

/* Sends the octets as the answer to r, and releases r. */
static void reply(struct cx *c, struct rx *r, struct buf *octets)
{
	struct msg *query = r->query;
	r->query = NULL;
	if (!gate_active(c->host->gate)) {
		post_reply(c, octets, query);
	} else {
		struct way w = way_of(r);
		struct trace_msg t = trace_of(c, TRACE_SENT, r->m.origin_host, buf_str(octets));
		core_forget(query);
		gate_pass(c->host->gate, &cx_gate_proto, &t, go_reply, c, &w, sizeof w);
		buf_free(octets);
	}
	atomic_fetch_sub(&core_outstanding, 1);
	open_now.value--;
	rx_free(r);
}

/* Failed-AVP of an answer that a handler built: the AVP as the request has it, or a
 * sample when it is missed. */
static bool fault_named(const struct rx *r, struct str name, struct cx_fault *out)
{
	struct cx_header h;
	struct cx_avp avp;
	struct str avps;
	bool broken;
	int id = name.p ? cx_avp_named(name) : -1;
	if (id < 0)
		return false;
	const struct cx_avp_row *row = &cx_avp_rows[id];
	*out = (struct cx_fault){.has_avp = true, .avp = {row->code, row->vendor, row->flags}};
	if (cx_header_parse((struct str){r->octets, r->n}, &h, &avps) == 0)
		while (cx_avp_next(&avps, &avp, &broken))
			if (avp.code == row->code && avp.vendor == row->vendor)
				out->avp = avp; /* of several, the last is the one too many */
	return true;
}

void cx_answer(struct cx_req *req, const struct cx_msg *m)
{
	struct rx *r = &req->rx;
	struct cx *c = r->cx;
	struct cx_msg full = *m;
	struct cx_fault fault;
	struct buf octets = {0};
	struct cx_ids ids = {.hop_by_hop = r->header.hop_by_hop,
		.end_to_end = r->header.end_to_end};

	full.command = r->m.command;
	full.request = false;
	full.session_id = r->m.session_id;
	full.origin_host = str_of(c->identity);
	full.origin_realm = str_of(c->realm);
	cx_encode(&full, &ids, &octets);
	bool failed = fault_named(r, m->failed_avp, &fault);
	cx_encode_tail((struct str){r->octets, r->n}, failed ? &fault : NULL, 0, &octets);
	reply(c, r, &octets);
}

static void refuse(struct cx *c, struct rx *r)
{
	struct buf octets = {0};
	const char *name = cx_command_name(r->header.command, true);
	int id = r->fault.has_avp ? cx_avp_find(r->fault.avp.code, r->fault.avp.vendor) : -1;
	bad.value++;
	log_warn("cx", "%s refused with %s: %s (%s)", name ? name : "a request",
		cx_result_name(CX_RESULT(r->fault.code)), r->fault.why,
		id >= 0 ? cx_avp_rows[id].name : "no AVP that we know");
	cx_encode_error((struct str){r->octets, r->n}, &r->fault, str_of(c->identity),
		str_of(c->realm), &octets);
	reply(c, r, &octets);
}

static bool check_destination(struct cx *c, struct rx *r)
{
	bool other_host = r->m.destination_host.p &&
		!str_ieq(r->m.destination_host, str_of(c->identity));
	if (!other_host && str_ieq(r->m.destination_realm, str_of(c->realm)))
		return true;
	r->fault = (struct cx_fault){
		.code = other_host ? DIAMETER_UNABLE_TO_DELIVER : DIAMETER_REALM_NOT_SERVED,
		.why = "not for us, and we are no agent"};
	return false;
}

static void take_request(struct cx *c, struct rx *r)
{
	received.value++;
	open_now.value++;
	r->cx = c;
	if (r->err || !check_destination(c, r) || !c->h->request) {
		if (!r->fault.code)
			r->fault = (struct cx_fault){.code = DIAMETER_COMMAND_UNSUPPORTED,
				.why = "no requests are served here"};
		refuse(c, r);
		return;
	}
	if (!c->in_batch) {
		c->in_batch = true;
		if (c->h->batch_begin)
			c->h->batch_begin(c->arg);
	}
	c->h->request((struct cx_req *)r, &r->m, c->arg);
}

static void end_batch(struct cx *c)
{
	if (!c->in_batch)
		return;
	if (c->h->batch_end)
		c->h->batch_end(c->arg);
	c->in_batch = false;
	flush(c);
}

static void go_received(void *owner, const void *ctx, struct str octets)
{
	struct cx *c = owner;
	const struct way *w = ctx;
	struct rx *r = rx_new(octets);
	r->header.hop_by_hop = w->hop_by_hop;
	r->query = core_query(str_of(w->peer), w->hop_by_hop);
	atomic_fetch_add(&core_outstanding, 1);
	bool outer = c->in_batch;
	take_request(c, r);
	if (!outer)
		end_batch(c);
}

static void on_request(struct cx *c, struct rx *r)
{
	if (!gate_active(c->host->gate)) {
		take_request(c, r);
		return;
	}
	struct way w = way_of(r);
	struct trace_msg t = trace_of(c, TRACE_RECEIVED, r->m.origin_host,
		(struct str){r->octets, r->n});
	core_forget(r->query);
	r->query = NULL;
	atomic_fetch_sub(&core_outstanding, 1);
	gate_pass(c->host->gate, &cx_gate_proto, &t, go_received, c, &w, sizeof w);
	rx_free(r);
}

/* ---- events ---- */

static void check_peers(struct cx *c)
{
	for (size_t i = 0; i < c->n_peers; i++) {
		struct cx_peer_state *p = &c->peers[i];
		bool up = !c->stopped && core_peer_open(p);
		if (!up && !c->server && !c->stopped)
			core_peer_again(p);
		if (up == p->up)
			continue;
		p->up = up;
		if (up)
			core_nodelay();
		log_info("cx", "link to %s is %s", p->host, up ? "up" : "down");
		if (c->h->peer)
			c->h->peer(str_of(p->host), up, c->arg);
	}
}

/* The peer's address in a trace record is the configured one of the element whose
 * Origin-Host the octets bear. */
static void on_traced(struct cx *c, const struct traced *e)
{
	struct str octets = {e->octets, e->n};
	struct arena a = {0};
	struct str host = str_of(e->peer);
	if (e->dir == TRACE_RECEIVED)
		host = cx_script_field(octets, STR("Origin-Host"), &a);
	struct trace_msg t = trace_of(c, e->dir, host, octets);
	t.at_ns = e->at_ns;
	trace_emit(c->host->trace, &t);
	arena_free(&a);
}

static void on_poll(uv_timer_t *t)
{
	struct cx *c = t->data;
	check_peers(c);
	if (c->quick && --c->quick == 0)
		uv_timer_set_repeat(t, POLL_MS);
}

/* libfdcore tells before it changes a peer's state. */
static void poll_soon(struct cx *c)
{
	check_peers(c);
	c->quick = QUICK_POLLS;
	uv_timer_start(&c->poll, on_poll, QUICK_MS, QUICK_MS);
}

static void on_dead(struct cx *c)
{
	log_error("cx", "libfdcore stopped by itself");
	for (size_t i = 0; i < c->n_peers; i++)
		c->peers[i].up = false;
	if (c->h->dead)
		c->h->dead("the Diameter library stopped by itself", c->arg);
	else
		kill(getpid(), SIGTERM);
}

static void take_event(struct cx *c, struct event *e)
{
	const struct noted *n = (const struct noted *)e;
	switch (e->kind) {
	case EVENT_REQUEST:
		on_request(c, (struct rx *)e);
		return; /* released by its answer */
	case EVENT_ANSWER:
		on_answer(c, (struct rx *)e);
		return;
	case EVENT_LOST:
		on_lost(c, (struct lost *)e);
		break;
	case EVENT_TRACE:
		on_traced(c, (struct traced *)e);
		break;
	case EVENT_REFUSED:
		refused.value++;
		log_line(n->level, "cx", "%s", n->text);
		break;
	case EVENT_LOG:
		if (log_wants(n->level))
			log_line(n->level, "cx", "%s", n->text);
		break;
	case EVENT_PEERS:
		log_debug("cx", "%s", n->text);
		poll_soon(c);
		break;
	case EVENT_DEAD:
		on_dead(c);
		break;
	}
	free(e);
}

static void drain(struct cx *c)
{
	for (struct event *e = queue_take(&c->queue), *next; e; e = next) {
		next = e->next;
		events.value++;
		take_event(c, e);
	}
	end_batch(c);
	busy.value = atomic_load(&core_busy);
}

static void on_wake(uv_async_t *async)
{
	wakes.value++;
	drain(async->data);
}

/* ---- start and end ---- */

bool cx_peer_up(struct cx *c, struct str host)
{
	for (size_t i = 0; i < c->n_peers; i++)
		if (c->peers[i].up && (!host.p || str_ieq(host, str_of(c->peers[i].host))))
			return true;
	return false;
}

int cx_open(const struct cx *c)
{
	return (int)open_now.value;
}

static void on_closed(uv_handle_t *h)
{
	struct cx *c = h->data;
	if (--c->handles > 0)
		return;
	for (size_t i = 0; i < c->n_peers; i++)
		free(c->peers[i].host);
	free(c->peers);
	free(c->replies);
	free(c->identity);
	free(c->realm);
	free(c);
}

static void close_handles(struct cx *c)
{
	uv_close((uv_handle_t *)&c->wake, on_closed);
	uv_close((uv_handle_t *)&c->poll, on_closed);
}

static struct cx *cx_new(struct host *host, const struct cx_conf *conf, const struct cx_h *h,
	void *arg)
{
	struct cx *c = MEM_NEW(struct cx);
	*c = (struct cx){
		.host = host,
		.h = h,
		.arg = arg,
		.identity = str_dup(str_of(conf->identity)),
		.realm = str_dup(str_of(conf->realm)),
		.local = addr_is(&conf->local) ? conf->local : conf->listen,
		.n_peers = conf->n_peers,
		.server = conf->server,
		.answer_ms = conf->answer_ms ? conf->answer_ms : ANSWER_MS,
		.next_end_to_end = chance_u32(&host->chance),
		.session_high = chance_u32(&host->chance),
	};
	c->peers = mem_zalloc((conf->n_peers + 1) * sizeof *c->peers);
	for (size_t i = 0; i < conf->n_peers; i++) {
		c->peers[i].host = str_dup(str_of(conf->peers[i].host));
		c->peers[i].addr = conf->peers[i].addr;
	}
	uv_async_init(host->loop, &c->wake, on_wake);
	uv_timer_init(host->loop, &c->poll);
	c->handles = 2;
	c->wake.data = c->poll.data = c;
	queue_init(&c->queue, &c->wake);
	return c;
}

int cx_start(struct host *host, const struct cx_conf *conf, const struct cx_h *h, void *arg,
	struct cx **out, char why[256])
{
	struct cx *c = cx_new(host, conf, h, arg);
	struct core_conf core = {
		.identity = c->identity,
		.realm = c->realm,
		.listen = conf->listen,
		.local = c->local,
		.peers = c->peers,
		.n_peers = c->n_peers,
		.server = conf->server,
		.traced = host->trace != NULL,
		.max_outstanding = conf->max_outstanding ? conf->max_outstanding : MAX_OUTSTANDING,
	};
	int err = core_start(&core, &c->queue, why);
	if (err) {
		close_handles(c);
		return err;
	}
	uv_timer_start(&c->poll, on_poll, POLL_MS, POLL_MS);
	uv_unref((uv_handle_t *)&c->poll);
	*out = c;
	return 0;
}

void cx_stop(struct cx *c)
{
	if (c->stopped)
		return;
	c->stopped = true;
	core_stop();
	uv_timer_stop(&c->poll);
	drain(c); /* DPR and DPA are in the trace too */
	struct pending *p, *tmp;
	HASH_ITER (hh, c->pending, p, tmp)
		pending_end(p, -EHOSTUNREACH, NULL);
	close_handles(c);
}
