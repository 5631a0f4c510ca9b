/* The SIP stack: its life, and what becomes of each message that comes in.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "common/sip/inner.h"

static const struct sip_timers core_timers = {500, 4000, 5000};
static const struct sip_timers access_timers = {2000, 16000, 17000};
enum { DEFAULT_TRANSACTIONS = 1000000, DEFAULT_CONNECTIONS = 10000, DEFAULT_VIAS = 10 };

int sip_stack_new(struct host *host, const struct sip_stack_conf *conf,
	const struct sip_stack_h *h, void *arg, struct sip_stack **out)
{
	struct sip_stack *s;
	if (!host || !h || !h->request)
		return -EINVAL;
	s = MEM_NEW(struct sip_stack);
	s->host = host;
	s->h = h;
	s->arg = arg;
	if (conf)
		s->conf = *conf;
	if (!s->conf.core.t1_ms)
		s->conf.core = core_timers;
	if (!s->conf.access.t1_ms)
		s->conf.access = access_timers;
	if (!s->conf.max_transactions)
		s->conf.max_transactions = DEFAULT_TRANSACTIONS;
	if (!s->conf.max_connections)
		s->conf.max_connections = DEFAULT_CONNECTIONS;
	if (!s->conf.max_vias)
		s->conf.max_vias = DEFAULT_VIAS;
	chance_bytes(&host->chance, &s->secret, sizeof s->secret);
	*out = s;
	return 0;
}

void stack_enter(struct sip_stack *s)
{
	s->busy++;
}

void stack_leave(struct sip_stack *s)
{
	if (--s->busy || !s->closed || s->flows.n)
		return;
	table_free(&s->server);
	table_free(&s->merged);
	table_free(&s->client);
	table_free(&s->flows);
	table_free(&s->flow_addrs);
	free(s->server_ids.slots);
	free(s->client_ids.slots);
	buf_free(&s->out);
	free(s->listens);
	free(s);
}

static struct server_tx *server_of(struct node *n)
{
	return (struct server_tx *)((char *)n - offsetof(struct server_tx, node));
}

static void end_servers(struct sip_stack *s)
{
	struct node *n;
	size_t at = 0;
	while ((n = table_any(&s->server, &at)))
		server_tx_end(server_of(n));
	for (uint32_t i = 0; i < s->server_ids.n; i++) /* ACKs are in no table */
		if (s->server_ids.slots[i].p)
			server_tx_end(s->server_ids.slots[i].p);
}

void sip_stack_reset(struct sip_stack *s)
{
	stack_enter(s);
	s->mute = true;
	client_tx_end_all(s);
	end_servers(s);
	s->mute = false;
	flow_close_all(s);
	stack_leave(s);
}

void sip_stack_close(struct sip_stack *s)
{
	if (s->closed)
		return;
	stack_enter(s);
	for (uint32_t i = 0; i < s->server_ids.n; i++) {
		struct server_tx *tx = s->server_ids.slots[i].p;
		if (tx && tx->req)
			sip_answer(tx->req, 503, NULL, STR_NONE);
	}
	s->closed = s->mute = true;
	client_tx_end_all(s);
	end_servers(s);
	gate_forget(s->host->gate, s);
	flow_close_all(s);
	listen_close_all(s);
	stack_leave(s);
}

int sip_stack_open(const struct sip_stack *s)
{
	return (int)s->open;
}

bool stack_full(const struct sip_stack *s)
{
	return s->server.n + s->client.n >= s->conf.max_transactions;
}

const struct sip_timers *stack_timers(
	const struct sip_stack *s, const struct sip_hop *hop)
{
	const struct sip_listen *l = listen_for(s, hop);
	bool access = hop_websocket(hop) || (l && l->access);
	return access ? &s->conf.access : &s->conf.core;
}

/* ---- what comes in ---- */

static int parse(struct sip_msg *m, const struct sip_hop *from, struct str bytes,
	struct arena *a, struct sip_fault *fault)
{
	return hop_websocket(from) ? sip_msg_parse_exact(m, bytes, a, fault)
				   : sip_msg_parse(m, bytes, a, fault);
}

static void on_response(struct sip_stack *s, const struct sip_hop *from, struct str bytes)
{
	struct arena a = {0};
	struct sip_msg m;
	struct sip_fault fault = {0};

	if (parse(&m, from, bytes, &a, &fault)) {
		fault_drop(s, from, fault.why);
	} else {
		count_response(COUNT_RECEIVED, m.status);
		client_tx_response(s, from, &m);
	}
	arena_free(&a);
}

/* What the stack itself needs of a request, and what no element should have to doubt. */
static int check(const struct sip_req *r, struct sip_fault *fault)
{
	struct sip_via v;
	if (!via_top(&r->msg, &v))
		*fault = (struct sip_fault){400, "Bad Via"};
	else if (sip_list_count(&r->msg, SIP_H_VIA) > r->s->conf.max_vias)
		*fault = (struct sip_fault){513, "Too Many Via"};
	else
		return sip_msg_check(&r->msg, fault);
	if (r->msg.method == SIP_M_ACK)
		fault->status = 0;
	return -EBADMSG;
}

/* The table of transactions decides what a request is (RFC 3261 17.2.3, 9.2, 8.2.2.2).
 * Takes `r` over. */
static void dispatch(struct sip_req *r)
{
	struct sip_stack *s = r->s;
	enum sip_method method = r->msg.method;
	struct key key =
		server_key(s, &r->msg, method == SIP_M_ACK ? SIP_M_INVITE : method);

	if (method == SIP_M_ACK && server_tx_ack(s, key)) {
		req_free(r);
	} else if (method != SIP_M_ACK && server_tx_retransmitted(s, key)) {
		req_free(r);
	} else if (via_received(&r->msg, &r->from, &r->arena)) {
		fault_drop(s, &r->from, "Via can't be completed");
		req_free(r);
	} else if (method != SIP_M_ACK && stack_full(s)) {
		count_fault("too many transactions");
		stack_answer_stateless(
			s, &r->from, &r->msg, 503, NULL, STR("Retry-After: 10\r\n"));
		req_free(r);
	} else {
		server_tx_start(r, key);
	}
}

static void on_request(struct sip_stack *s, const struct sip_hop *from, struct str bytes)
{
	struct arena a = {0};
	struct sip_req *r = ARENA_NEW(&a, struct sip_req);
	struct sip_fault fault = {0};

	r->s = s;
	r->from = *from;
	r->arena = a;
	if (parse(&r->msg, from, arena_str(&r->arena, bytes), &r->arena, &fault) ||
		check(r, &fault)) {
		fault_message(s, from, &r->msg, &fault);
		req_free(r);
		return;
	}
	count_request(COUNT_RECEIVED, r->msg.method);
	dispatch(r);
}

void req_free(struct sip_req *r)
{
	struct arena a = r->arena; /* it holds r */
	arena_free(&a);
}

static void on_message(struct sip_stack *s, const struct sip_hop *from, struct str bytes)
{
	if (s->closed)
		return;
	stack_enter(s);
	if (str_istarts(bytes, STR("SIP/2.0 ")))
		on_response(s, from, bytes);
	else
		on_request(s, from, bytes);
	stack_leave(s);
}

static void on_gate(void *owner, const void *ctx, struct str bytes)
{
	on_message(owner, ctx, bytes);
}

void stack_receive(struct sip_stack *s, const struct sip_hop *from, struct str bytes)
{
	struct gate *g = s->host->gate;
	struct trace_msg m;

	transport_trace(s, from, TRACE_RECEIVED, bytes);
	if (gate_active(g)) {
		transport_describe(s, from, TRACE_RECEIVED, bytes, &m);
		gate_pass(g, &sip_gate_proto, &m, on_gate, s, from, sizeof *from);
	} else {
		on_message(s, from, bytes);
	}
}
