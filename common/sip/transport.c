/* SIP transports (RFC 3261 18): listeners, UDP, and the way out of every message.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "common/sip/inner.h"

/* ---- listeners ---- */

static void on_datagram(
	struct udp *u, const struct addr *from, struct str bytes, void *arg)
{
	struct sip_listen *l = arg;
	struct sip_hop hop = {
		.transport = SIP_UDP,
		.local = l->local,
		.remote = *from,
		.in = true,
		.listener = l->index,
	};
	if (!str_trim(bytes).n)
		return; /* keep-alive of a peer behind a NAT */
	stack_receive(l->s, &hop, bytes);
}

/* A TLS handshake may outlast its listener, and nobody says when it fails: so streams
 * carry the listener's number, not its address. */
static struct sip_listen *live;

static void on_accept(struct stream *st, void *arg)
{
	struct sip_listen *l = live;
	while (l && l->number != (uintptr_t)arg)
		l = l->next;
	flow_accept(l, st);
}

static const struct stream_h accept_h = {.open = on_accept};

static void enlist(struct sip_listen *l)
{
	static uintptr_t last;
	l->number = ++last;
	l->next = live;
	live = l;
}

static void delist(struct sip_listen *l)
{
	struct sip_listen **at = &live;
	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
}

int sip_listen(struct sip_stack *s, enum sip_transport t, const struct addr *local,
	struct tls *tls, bool access)
{
	struct sip_listen *l;
	int err;

	if (t > SIP_TLS || (t == SIP_TLS) != (tls != NULL))
		return -EINVAL;
	l = MEM_NEW(struct sip_listen);
	l->s = s;
	l->transport = t;
	l->index = s->n_listens;
	l->access = access;
	enlist(l);
	if (t == SIP_UDP)
		err = udp_open(s->host, local, on_datagram, l, &l->udp);
	else
		err = listener_open(s->host, local, tls, &accept_h, (void *)l->number,
			&l->listener);
	if (err) {
		delist(l);
		free(l);
		return err;
	}
	l->local = *(t == SIP_UDP ? udp_local(l->udp) : listener_local(l->listener));
	s->listens =
		mem_realloc(s->listens, (size_t)(s->n_listens + 1) * sizeof *s->listens);
	s->listens[s->n_listens++] = l;
	return l->index;
}

void listen_close_all(struct sip_stack *s)
{
	for (int i = 0; i < s->n_listens; i++) {
		struct sip_listen *l = s->listens[i];
		if (l->udp)
			udp_close(l->udp);
		else
			listener_close(l->listener);
		delist(l);
		free(l);
	}
	s->n_listens = 0;
}

void sip_stack_client_tls(struct sip_stack *s, struct tls *tls)
{
	s->client_tls = tls;
}

struct sip_listen *listen_for(const struct sip_stack *s, const struct sip_hop *hop)
{
	struct sip_listen *first = NULL;

	if (hop->in && hop->listener >= 0 && hop->listener < s->n_listens &&
		s->listens[hop->listener]->transport == hop->transport)
		return s->listens[hop->listener];
	for (int i = 0; i < s->n_listens; i++) {
		struct sip_listen *l = s->listens[i];
		if (l->transport != hop->transport)
			continue;
		if (!first)
			first = l;
		if (addr_is(&hop->local) && addr_eq(&hop->local, &l->local))
			return l;
	}
	return first;
}

struct addr listen_source(const struct sip_stack *s, const struct sip_hop *to)
{
	const struct sip_listen *l = listen_for(s, to);
	struct addr a = to->local;
	if (!addr_is(&a) && !l && s->n_listens)
		l = s->listens[0];
	if (!addr_is(&a) && l)
		a = l->local;
	addr_set_port(&a, 0);
	return a;
}

/* ---- the way out ---- */

void transport_describe(const struct sip_stack *s, const struct sip_hop *hop,
	enum trace_dir dir, struct str bytes, struct trace_msg *out)
{
	static const uint8_t via[] = {[SIP_UDP] = TRACE_UDP, [SIP_TCP] = TRACE_TCP,
		[SIP_TLS] = TRACE_TLS, [SIP_WS] = TRACE_WS_PLAIN, [SIP_WSS] = TRACE_WSS};
	*out = (struct trace_msg){
		.proto = TRACE_SIP,
		.via = via[hop->transport],
		.dir = dir,
		.local = hop->local,
		.remote = hop->remote,
		.conn = hop->conn,
		.node = str_of(s->host->name),
		.bytes = bytes,
	};
}

void transport_trace(const struct sip_stack *s, const struct sip_hop *hop,
	enum trace_dir dir, struct str bytes)
{
	struct trace_msg m;
	if (!s->host->trace)
		return;
	transport_describe(s, hop, dir, bytes, &m);
	trace_emit(s->host->trace, &m);
}

static int put_datagram(struct sip_stack *s, const struct sip_hop *to, struct str bytes)
{
	struct sip_listen *l = listen_for(s, to);
	struct sip_hop hop = *to;
	if (!l)
		return -ENOTCONN;
	hop.local = l->local;
	transport_trace(s, &hop, TRACE_SENT, bytes);
	return udp_send(l->udp, &to->remote, bytes);
}

static int put(
	struct sip_stack *s, const struct sip_hop *to, struct str bytes, uint64_t tx)
{
	struct flow *f;
	int err;

	if (to->transport == SIP_UDP)
		return put_datagram(s, to, bytes);
	f = flow_to(s, to);
	if (!f && hop_websocket(to))
		return -ENOTCONN; /* a browser can't be connected to */
	if (!f && to->conn && flow_find(s, to->conn))
		return -EPIPE; /* we are closing it */
	if (!f && (err = flow_connect(s, to, &f)))
		return err;
	return flow_send(f, bytes, tx);
}

struct send_ctx {
	struct sip_hop to;
	uint64_t tx;
};

static void on_gate(void *owner, const void *ctx, struct str bytes)
{
	struct sip_stack *s = owner;
	const struct send_ctx *c = ctx;
	int err = s->closed ? 0 : put(s, &c->to, bytes, c->tx);
	if (err && c->tx)
		client_tx_failed(s, c->tx, err);
}

int transport_send(
	struct sip_stack *s, const struct sip_hop *to, struct str bytes, uint64_t tx)
{
	struct gate *g = s->host->gate;
	struct send_ctx ctx = {.to = *to, .tx = tx};
	struct trace_msg m;

	if (s->mute)
		return -ECANCELED;
	if (!gate_active(g))
		return put(s, to, bytes, tx);
	if (!addr_is(&ctx.to.local)) {
		const struct sip_listen *l = listen_for(s, to);
		if (l)
			ctx.to.local = l->local;
	}
	transport_describe(s, &ctx.to, TRACE_SENT, bytes, &m);
	gate_pass(g, &sip_gate_proto, &m, on_gate, s, &ctx, sizeof ctx);
	return 0;
}

int hop_complete(const struct sip_stack *s, struct sip_hop *hop)
{
	const struct flow *f = hop->conn ? flow_find(s, hop->conn) : NULL;
	if (f)
		*hop = f->hop;
	return f || !hop->conn || addr_is(&hop->remote) ? 0 : -ENOTCONN;
}

int sip_send_raw(struct sip_stack *s, struct str bytes, const struct sip_hop *to)
{
	struct sip_hop hop = *to;
	int err = hop_complete(s, &hop);
	return err ? err : transport_send(s, &hop, bytes, 0);
}
