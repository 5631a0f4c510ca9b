/* A Cx node on its loop: start, end, peers, and the events that libfdcore's threads leave.
 * SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/cx/inside.h"

METRIC_COUNTER(refused, "imsrig_cx_refused_total", "Peers and base messages refused");
METRIC_COUNTER(busy, "imsrig_cx_busy_total", "Cx requests answered TOO_BUSY");
METRIC_COUNTER(wakes, "imsrig_cx_wakes_total", "Times that libfdcore's threads woke the loop");
METRIC_COUNTER(events, "imsrig_cx_events_total", "Events that they handed over");
struct metric cx_open_now = {.name = "imsrig_cx_open", .help = "Cx requests under way",
	.kind = METRIC_KIND_IDLE};
__attribute__((constructor)) static void register_open_now(void)
{
	metric_register(&cx_open_now);
}

enum { POLL_MS = 500, QUICK_MS = 5, QUICK_POLLS = 40, SETTLE_MS = 100, ANSWER_MS = 10000, MAX_OUTSTANDING = 10000 };

static const struct cx_peer_state *peer_of(const struct cx *c, struct str host)
{
	for (size_t i = 0; i < c->n_peers; i++)
		if (str_ieq(str_of(c->peers[i].host), host))
			return &c->peers[i];
	return NULL;
}

struct trace_msg cx_trace_of(const struct cx *c, enum trace_dir dir, struct str host,
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

/* ---- events ---- */

/* After a lost link both sides exchange watchdogs before they route again, and a request
 * that comes while the other side is not done is dropped: the link counts a little later
 * then. */
static bool is_up(struct cx *c, struct cx_peer_state *p)
{
	uint64_t now = clock_real_ns();
	if (c->stopped || !core_peer_open(p)) {
		p->open_ns = 0;
		return false;
	}
	if (!p->open_ns)
		p->open_ns = now;
	return c->server || !p->lost || now - p->open_ns >= SETTLE_MS * UINT64_C(1000000);
}

static void check_peers(struct cx *c)
{
	for (size_t i = 0; i < c->n_peers; i++) {
		struct cx_peer_state *p = &c->peers[i];
		bool up = is_up(c, p);
		if (!up && !c->server && !c->stopped)
			core_peer_again(p);
		if (up == p->up)
			continue;
		p->lost = p->up;
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
	struct trace_msg t = cx_trace_of(c, e->dir, host, octets);
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

static void on_log(struct cx *c, const struct noted *n)
{
	if (log_wants(n->level))
		log_line(n->level, "cx", "%s", n->text);
	str_copy(str_of(n->text), c->told[c->n_told++ % CX_TOLD], sizeof c->told[0]);
}

static void on_dead(struct cx *c)
{
	log_error("cx", "libfdcore stopped by itself");
	for (unsigned i = c->n_told > CX_TOLD ? c->n_told - CX_TOLD : 0; i < c->n_told; i++)
		log_error("cx", "%s", c->told[i % CX_TOLD]);
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
		cx_on_request(c, (struct rx *)e);
		return; /* released by its answer */
	case EVENT_ANSWER:
		cx_on_answer(c, (struct rx *)e);
		return;
	case EVENT_LOST:
		cx_on_lost(c, (struct lost *)e);
		break;
	case EVENT_TRACE:
		on_traced(c, (struct traced *)e);
		break;
	case EVENT_REFUSED:
		refused.value++;
		log_line(n->level, "cx", "%s", n->text);
		break;
	case EVENT_LOG:
		on_log(c, n);
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
	cx_end_batch(c);
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
	return (int)cx_open_now.value + core_closing();
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
	gate_forget(c->host->gate, c);
	core_stop();
	uv_timer_stop(&c->poll);
	drain(c); /* DPR and DPA are in the trace too */
	cx_abandon(c);
	close_handles(c);
}
