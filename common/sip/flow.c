/* Connections of the SIP stack: TCP and TLS streams (RFC 3261 18.3) and WebSockets
 * (RFC 7118), kept and used again for whoever sends to the same address; keep-alives of
 * RFC 5626 3.5.1.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/sip/inner.h"

enum { MAX_PENDING = 1024 * 1024 };

static const struct stream_h stream_h;
static const struct ws_h ws_h;

/* ---- finding ---- */

static struct key id_key(uint64_t id)
{
	return (struct key){id * 0x9e3779b97f4a7c15u, id};
}

static struct key addr_key(enum sip_transport t, const struct addr *a)
{
	uint64_t h = addr_hash(a);
	return (struct key){h ^ t, h};
}

struct flow *flow_find(const struct sip_stack *s, uint64_t id)
{
	struct node *n = table_find(&s->flows, id_key(id));
	return n ? (struct flow *)((char *)n - offsetof(struct flow, by_id)) : NULL;
}

static bool serves(const struct flow *f, const struct sip_hop *to)
{
	return !f->closing && f->hop.transport == to->transport &&
		addr_eq(&f->hop.remote, &to->remote) &&
		(!addr_is(&to->local) || addr_host_eq(&f->hop.local, &to->local));
}

struct flow *flow_to(const struct sip_stack *s, const struct sip_hop *to)
{
	if (to->transport == SIP_UDP)
		return NULL;
	struct flow *f = to->conn ? flow_find(s, to->conn) : NULL;
	if (f)
		return f->closing ? NULL : f;
	if (hop_websocket(to) && to->conn)
		return NULL;
	struct node *n = table_find(&s->flow_addrs, addr_key(to->transport, &to->remote));
	for (; n; n = table_next(n)) {
		f = (struct flow *)((char *)n - offsetof(struct flow, by_addr));
		if (serves(f, to))
			return f;
	}
	return NULL;
}

/* ---- life ---- */

static void refused_data(struct stream *st, struct str bytes, void *arg)
{
}

static void refused_closed(struct stream *st, int err, const char *why, void *arg)
{
}

static const struct stream_h refused_h = {.data = refused_data, .closed = refused_closed};

static void shut(struct flow *f, int ws_code, const char *why)
{
	if (f->closing)
		return;
	f->closing = true;
	if (f->ws)
		ws_close(f->ws, ws_code, why);
	else
		stream_close(f->stream);
}

static void on_idle(struct timer *t, void *arg)
{
	struct flow *f = arg;
	fault_note(
		f->s, &f->hop, f->rx.n ? "message unfinished" : "nothing sent", "closed");
	shut(f, 1008, "idle");
}

static void watch(struct flow *f)
{
	const struct sip_timers *v = stack_timers(f->s, &f->hop);
	timer_start(f->s->host->clock, &f->idle, 64 * v->t1_ms, on_idle, f);
}

static struct flow *flow_new(struct sip_stack *s, const struct sip_hop *hop)
{
	struct flow *f = MEM_NEW(struct flow);
	f->s = s;
	f->hop = *hop;
	f->text = true;
	f->pending_tail = &f->pending;
	f->by_id.key = id_key(hop->conn);
	f->by_addr.key = addr_key(hop->transport, &hop->remote);
	table_add(&s->flows, &f->by_id);
	table_add(&s->flow_addrs, &f->by_addr);
	count_flows(1);
	return f;
}

static void drop_pending(struct flow *f, int err)
{
	struct pending *p = f->pending;
	f->pending = NULL;
	f->pending_tail = &f->pending;
	f->pending_n = 0;
	while (p) {
		struct pending *next = p->next;
		if (err && p->tx)
			client_tx_failed(f->s, p->tx, err);
		free(p);
		p = next;
	}
}

/* The connection has ended: the last that is heard of it. */
static void gone(struct flow *f, int err)
{
	struct sip_stack *s = f->s;
	bool was_open = f->open;
	uint64_t id = f->hop.conn;

	stack_enter(s);
	f->closing = true;
	timer_stop(&f->idle);
	drop_pending(f, err ? err : -ECONNRESET);
	client_tx_flow_gone(f, err ? err : -ECONNRESET);
	if (was_open && !s->closed && s->h->flow_gone)
		s->h->flow_gone(s, id, s->arg);
	table_remove(&s->flows, &f->by_id);
	table_remove(&s->flow_addrs, &f->by_addr);
	count_flows(-1);
	buf_free(&f->rx);
	free(f);
	stack_leave(s);
}

void flow_accept(struct sip_listen *l, struct stream *st)
{
	if (!l || l->s->flows.n >= l->s->conf.max_connections) {
		count_fault(l ? "too many connections" : "listener closed");
		stream_handlers(st, &refused_h, NULL);
		stream_close(st);
		return;
	}
	struct sip_hop hop = {
		.transport = l->transport,
		.local = *stream_local(st),
		.remote = *stream_remote(st),
		.conn = stream_id(st),
		.in = true,
		.listener = l->index,
	};
	struct flow *f = flow_new(l->s, &hop);
	f->stream = st;
	f->open = true;
	stream_handlers(st, &stream_h, f);
	watch(f);
}

int flow_connect(struct sip_stack *s, const struct sip_hop *to, struct flow **out)
{
	struct addr local = listen_source(s, to);
	struct stream *st;
	int err;

	if (to->transport == SIP_TLS && !s->client_tls)
		return -EPROTONOSUPPORT;
	err = stream_connect(s->host, &local, &to->remote,
		to->transport == SIP_TLS ? s->client_tls : NULL, NULL, &stream_h, NULL,
		&st);
	if (err)
		return err;
	struct sip_hop hop = {
		.transport = to->transport,
		.local = local,
		.remote = to->remote,
		.conn = stream_id(st),
		.listener = -1,
	};
	struct flow *f = flow_new(s, &hop);
	f->stream = st;
	stream_handlers(st, &stream_h, f);
	*out = f;
	return 0;
}

void sip_stack_add_ws(struct sip_stack *s, struct ws *w, int listener)
{
	struct stream *st = ws_stream(w);
	struct sip_hop hop = {
		.transport = stream_is_tls(st) ? SIP_WSS : SIP_WS,
		.local = *stream_local(st),
		.remote = *stream_remote(st),
		.conn = ws_id(w),
		.in = listener >= 0,
		.listener = listener,
	};
	struct flow *f = flow_new(s, &hop);
	f->ws = w;
	f->open = true;
	if (listener < 0)
		snprintf(f->name, sizeof f->name, "%08x%04x.invalid",
			chance_u32(&s->host->chance),
			chance_u32(&s->host->chance) & 0xffff);
	ws_set(w, &ws_h, f);
}

void sip_flow_close(struct sip_stack *s, uint64_t conn, int ws_code, const char *why)
{
	struct flow *f = flow_find(s, conn);
	if (f)
		shut(f, ws_code, why);
}

void flow_close_all(struct sip_stack *s)
{
	for (size_t i = 0; i < s->flows.size; i++)
		for (struct node *n = s->flows.heads[i]; n; n = n->next)
			shut((struct flow *)((char *)n - offsetof(struct flow, by_id)),
				1001, "shutting down");
}

bool sip_flow_hop(struct sip_stack *s, uint64_t conn, struct sip_hop *out)
{
	struct flow *f = flow_find(s, conn);
	if (!f || !f->open || f->closing)
		return false;
	*out = f->hop;
	return true;
}

void **sip_flow_slot(struct sip_stack *s, uint64_t conn)
{
	struct flow *f = flow_find(s, conn);
	return f ? &f->slot : NULL;
}

/* ---- sending ---- */

static int put(struct flow *f, struct str bytes)
{
	transport_trace(f->s, &f->hop, TRACE_SENT, bytes);
	return f->ws ? ws_send(f->ws, f->text, bytes) : stream_write(f->stream, bytes);
}

static void hold_on(struct flow *f, struct str bytes, uint64_t tx)
{
	struct pending *p = mem_alloc(sizeof *p + bytes.n);
	*p = (struct pending){.tx = tx, .n = bytes.n};
	memcpy(p->bytes, bytes.p, bytes.n);
	*f->pending_tail = p;
	f->pending_tail = &p->next;
	f->pending_n += bytes.n;
}

int flow_send(struct flow *f, struct str bytes, uint64_t tx)
{
	struct client_tx *c = tx ? ids_find(&f->s->client_ids, tx) : NULL;
	if (!f->open && f->pending_n + bytes.n > MAX_PENDING)
		return -ENOBUFS;
	if (c)
		client_tx_on_flow(c, f);
	if (f->open)
		return put(f, bytes);
	hold_on(f, bytes, tx);
	return 0;
}

/* The certificate of whom we called must be for that address, or for a rig's name of it
 * (RFC 5922 7.1). */
static bool right_peer(const struct flow *f)
{
	const struct host *h = f->s->host;
	if (stream_peer_has_name(f->stream, str_of(addr_host(&f->hop.remote))))
		return true;
	for (size_t i = 0; i < h->n_names; i++)
		if (addr_host_eq(&h->names[i].addr, &f->hop.remote) &&
			stream_peer_has_name(f->stream, str_of(h->names[i].name)))
			return true;
	return false;
}

static void on_open(struct stream *st, void *arg)
{
	struct flow *f = arg;
	if (f->hop.transport == SIP_TLS && !right_peer(f)) {
		fault_note(f->s, &f->hop, "certificate for another name", "closed");
		drop_pending(f, -EPROTO);
		shut(f, 0, "");
		return;
	}
	f->open = true;
	f->hop.local = *stream_local(st);
	for (struct pending *p = f->pending; p; p = p->next)
		put(f, (struct str){p->bytes, p->n});
	drop_pending(f, 0);
}

/* ---- receiving ---- */

static void ping(struct flow *f, size_t crlfs, bool more)
{
	crlfs += f->half_ping;
	f->half_ping = (crlfs & 1) && !more;
	if (crlfs >= 2 && !f->closing)
		put(f, STR("\r\n")); /* however many came: one answer shows we are here */
}

/* A stream can't be read on past bytes that are no message: answer what can be answered,
 * then close. */
static void broken(struct flow *f, struct str bytes)
{
	struct arena a = {0};
	struct sip_msg m = {0};
	struct sip_fault fault;
	uint64_t n;
	int err = sip_msg_parse(&m, bytes, &a, &fault);
	struct str length = sip_value(&m, SIP_H_CONTENT_LENGTH);
	int status = m.request && m.method != SIP_M_ACK ? 400 : 0;
	if (!err)
		fault = (struct sip_fault){status, "Content-Length Missing"};
	else if (status && !str_u64(length, &n) && n > SIP_MAX_MESSAGE - m.head_n)
		fault = (struct sip_fault){513, "Message Too Large"};
	fault_message(f->s, &f->hop, &m, &fault);
	arena_free(&a);
	shut(f, 1002, "not SIP");
}

/* Hands over each whole message at the front; returns how much is done with. */
static size_t feed(struct flow *f, struct str bytes)
{
	struct str rest = bytes;
	while (rest.n && !f->closing) {
		size_t crlf = 0;
		ptrdiff_t n = sip_msg_frame(rest, &crlf);
		if (crlf) {
			rest = str_skip(rest, 2 * crlf);
			ping(f, crlf, rest.n > 0);
		}
		if (n < 0)
			broken(f, rest);
		if (n <= 0)
			break;
		stack_receive(f->s, &f->hop, (struct str){rest.p, (size_t)n});
		rest = str_skip(rest, (size_t)n);
	}
	return bytes.n - rest.n;
}

static void on_data(struct stream *st, struct str bytes, void *arg)
{
	struct flow *f = arg;
	struct sip_stack *s = f->s;
	bool held = f->rx.n > 0;
	size_t used;

	if (f->closing)
		return;
	stack_enter(s);
	if (held) {
		buf_add(&f->rx, bytes);
		bytes = buf_str(&f->rx);
	}
	used = feed(f, bytes);
	if (f->closing || used == bytes.n)
		buf_free(&f->rx);
	else if (held)
		buf_drop(&f->rx, used);
	else
		buf_add(&f->rx, str_skip(bytes, used));
	if (f->closing || !f->rx.n)
		timer_stop(&f->idle);
	else if (used || !timer_runs(&f->idle))
		watch(f);
	stack_leave(s);
}

static void on_closed(struct stream *st, int err, const char *why, void *arg)
{
	struct flow *f = arg;
	if (err && !f->closing)
		log_debug("sip", "%s %s: %s", sip_transport_name(f->hop.transport),
			addr_text(&f->hop.remote), why);
	gone(f, err);
}

static const struct stream_h stream_h = {
	.open = on_open, .data = on_data, .closed = on_closed};

static void on_ws_message(struct ws *w, bool text, struct str bytes, void *arg)
{
	struct flow *f = arg;
	if (f->closing)
		return;
	f->text = text;
	if (str_trim(bytes).n)
		stack_receive(f->s, &f->hop, bytes);
	else
		ping(f, bytes.n / 2, false);
}

static void on_ws_closed(struct ws *w, int code, const char *why, void *arg)
{
	gone(arg, -ECONNRESET);
}

static const struct ws_h ws_h = {.message = on_ws_message, .closed = on_ws_closed};
