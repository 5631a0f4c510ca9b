/* Client transactions (RFC 3261 17.1, RFC 6026).
 *
 *	INVITE:  Calling --1xx--> Proceeding --2xx--> Accepted --M--> end
 *	                                     --3-6xx, ACK--> Completed --D--> end
 *	others:  Trying --1xx--> Proceeding --2-6xx--> Completed --K--> end
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/sip/inner.h"

static void on_timer(struct timer *t, void *arg);

static struct key client_key(
	const struct sip_stack *s, struct str branch, struct str method)
{
	struct hash h;
	hash_begin(&h, &s->secret);
	hash_text(&h, branch);
	hash_text(&h, method);
	return hash_end(&h);
}

static int64_t timer_ms(const struct client_tx *tx, enum tx_timer t)
{
	return tx_timer_ms(
		t, stack_timers(tx->s, &tx->out.to), hop_reliable(&tx->out.to));
}

static void arm(struct client_tx *tx)
{
	pulse_arm(&tx->pulse, tx->s->host->clock, on_timer, tx);
}

static bool is_invite(const struct client_tx *tx)
{
	return tx->method == SIP_M_INVITE;
}

static bool unanswered(const struct client_tx *tx)
{
	return tx->state == CLIENT_CALLING || tx->state == CLIENT_PROCEEDING;
}

static int transmit(struct client_tx *tx)
{
	return transport_send(tx->s, &tx->out.to, buf_str(&tx->out.bytes), tx->id);
}

/* ---- connections ---- */

void client_tx_on_flow(struct client_tx *tx, struct flow *f)
{
	if (tx->flow || !unanswered(tx))
		return;
	tx->flow = f;
	tx->flow_next = f->txs;
	tx->flow_prev = &f->txs;
	if (f->txs)
		f->txs->flow_prev = &tx->flow_next;
	f->txs = tx;
}

static void off_flow(struct client_tx *tx)
{
	if (!tx->flow)
		return;
	*tx->flow_prev = tx->flow_next;
	if (tx->flow_next)
		tx->flow_next->flow_prev = tx->flow_prev;
	tx->flow = NULL;
}

/* The answer to what was sent on a lost connection may still come by a new one to our
 * listener (18.2.2); where there is none it can't. */
void client_tx_flow_gone(struct flow *f, int err)
{
	while (f->txs) {
		struct client_tx *tx = f->txs;
		off_flow(tx);
		if (hop_websocket(&f->hop) || !listen_for(f->s, &tx->out.to))
			client_tx_failed(f->s, tx->id, err);
	}
}

static void start_timers(struct client_tx *tx)
{
	const struct clock *c = tx->s->host->clock;
	int64_t again = timer_ms(tx, is_invite(tx) ? TIMER_A : TIMER_E);
	pulse_quiet(&tx->pulse);
	if (again > 0)
		pulse_repeat(&tx->pulse, c, again,
			is_invite(tx) ? 0 : stack_timers(tx->s, &tx->out.to)->t2_ms);
	pulse_end(&tx->pulse, c, timer_ms(tx, is_invite(tx) ? TIMER_B : TIMER_F));
	arm(tx);
}

/* 18.1.1: what went by TCP for its length alone goes by UDP when nobody takes TCP. */
static int by_udp(struct client_tx *tx)
{
	off_flow(tx);
	tx->out.by_size = false;
	tx->out.to.transport = SIP_UDP;
	tx->out.to.conn = 0;
	outgoing_via(tx->s, &tx->out);
	int err = transmit(tx);
	if (!err)
		start_timers(tx);
	return err;
}

void client_tx_failed(struct sip_stack *s, uint64_t id, int err)
{
	struct client_tx *tx = ids_find(&s->client_ids, id);
	if (!tx || !unanswered(tx) || tx->err)
		return;
	if (tx->out.by_size && !s->mute && !by_udp(tx))
		return;
	off_flow(tx);
	tx->err = err;
	timer_start(s->host->clock, &tx->pulse.timer, 0, on_timer, tx);
}

/* ---- a request goes ---- */

int client_tx_start(struct sip_stack *s, struct outgoing *o, struct str method,
	sip_response_h *h, void *arg, const struct forwarding *fw, uint64_t *id)
{
	struct client_tx *tx;
	int err;

	if (s->mute)
		return -ECANCELED;
	if (stack_full(s))
		return -ENOBUFS;
	tx = MEM_NEW(struct client_tx);
	tx->s = s;
	tx->out = *o;
	tx->method = (uint8_t)sip_method_id(method);
	tx->h = h;
	tx->arg = arg;
	if (fw)
		tx->fw = *fw;
	tx->id = ids_add(&s->client_ids, tx);
	tx->node.key = client_key(s, str_of(o->branch), method);
	table_add(&s->client, &tx->node);
	count_client(1);
	if (h || fw) {
		tx->waited = true;
		count_client_open(s, 1);
	}
	start_timers(tx);
	count_request(COUNT_SENT, tx->method);
	err = transmit(tx);
	if (err && tx->out.by_size)
		err = by_udp(tx);
	if (err) {
		*o = tx->out;
		tx->out.bytes = (struct buf){0};
		client_tx_end(tx);
		return err;
	}
	if (id)
		*id = tx->id;
	return 0;
}

static void not_waited(struct client_tx *tx)
{
	if (tx->waited)
		count_client_open(tx->s, -1);
	tx->waited = false;
}

void client_tx_end(struct client_tx *tx)
{
	struct sip_stack *s = tx->s;
	timer_stop(&tx->pulse.timer);
	off_flow(tx);
	not_waited(tx);
	table_remove(&s->client, &tx->node);
	ids_remove(&s->client_ids, tx->id);
	count_client(-1);
	buf_free(&tx->out.bytes);
	free(tx);
}

/* Ends it without an answer. */
static void fail(struct client_tx *tx, int err)
{
	struct sip_stack *s = tx->s;
	sip_response_h *h = tx->h;
	void *arg = tx->arg;
	struct forwarding fw = tx->fw;

	client_tx_end(tx);
	stack_enter(s);
	if (fw.req)
		forward_failure(s, &fw, err);
	else if (h)
		h(err, NULL, arg);
	stack_leave(s);
}

void client_tx_end_all(struct sip_stack *s)
{
	struct node *n;
	size_t at = 0;
	while ((n = table_any(&s->client, &at)))
		fail((struct client_tx *)((char *)n - offsetof(struct client_tx, node)),
			-ECANCELED);
}

/* ---- its response comes ---- */

static void deliver(struct sip_stack *s, sip_response_h *h, void *arg,
	struct forwarding fw, const struct sip_msg *m)
{
	if (fw.req)
		forward_response(s, &fw, m);
	else if (h)
		h(0, m, arg);
}

static void provisional(struct client_tx *tx, const struct sip_msg *m)
{
	const struct clock *c = tx->s->host->clock;
	bool first = tx->state == CLIENT_CALLING;

	tx->state = CLIENT_PROCEEDING;
	if (!is_invite(tx)) {
		tx->pulse.interval = stack_timers(tx->s, &tx->out.to)->t2_ms;
	} else if (!tx->cancelled) {
		pulse_quiet(&tx->pulse);
		if (first)
			tx->pulse.end = INT64_MAX;
		if (tx->fw.req && (first || m->status > 100)) /* 16.7 item 2 */
			pulse_end(&tx->pulse, c, timer_ms(tx, TIMER_C));
		arm(tx);
		if (tx->cancel)
			invite_cancel(tx);
	}
	deliver(tx->s, tx->h, tx->arg, tx->fw, m);
}

/* ACK for a non-2xx: takes the INVITE's place, to be sent again for each response that
 * comes again. */
static void ack(struct client_tx *tx, const struct sip_msg *m)
{
	struct outgoing o = {0};
	if (invite_follow(&tx->out, STR("ACK"), m, &o)) {
		count_fault("INVITE can't be acknowledged");
		return;
	}
	buf_free(&tx->out.bytes);
	tx->out = o;
	tx->acked = true;
	count_request(COUNT_SENT, SIP_M_ACK);
	transport_send(tx->s, &o.to, buf_str(&o.bytes), 0);
}

static void final(struct client_tx *tx, const struct sip_msg *m)
{
	struct sip_stack *s = tx->s;
	sip_response_h *h = tx->h;
	void *arg = tx->arg;
	struct forwarding fw = tx->fw;
	bool accepted = is_invite(tx) && m->status < 300;
	int64_t wait = timer_ms(tx, accepted	    ? TIMER_M
				    : is_invite(tx) ? TIMER_D
						    : TIMER_K);

	off_flow(tx);
	not_waited(tx);
	tx->h = NULL;
	tx->state = accepted ? CLIENT_ACCEPTED : CLIENT_COMPLETED;
	if (is_invite(tx) && !accepted)
		ack(tx, m);
	else if (!accepted)
		buf_free(&tx->out.bytes);
	pulse_quiet(&tx->pulse);
	pulse_end(&tx->pulse, s->host->clock, wait);
	if (wait)
		arm(tx);
	else
		client_tx_end(tx);
	deliver(s, h, arg, fw, m);
}

/* The answer has come again. */
static void again(struct client_tx *tx, const struct sip_msg *m)
{
	bool success = m->status >= 200 && m->status < 300;
	count_again(COUNT_RECEIVED);
	if (!is_invite(tx) || m->status < 200)
		return;
	if (tx->state == CLIENT_ACCEPTED && success && tx->fw.req)
		sip_answer_again(tx->s, tx->fw.req);
	else if (tx->acked && success == (tx->state == CLIENT_ACCEPTED))
		transport_send(tx->s, &tx->out.to, buf_str(&tx->out.bytes), 0);
}

void client_tx_response(struct sip_stack *s, const struct sip_hop *from,
	const struct sip_msg *m)
{
	struct sip_via v;
	struct node *n = NULL;

	if (via_top(m, &v))
		n = table_find(&s->client, client_key(s, v.branch, m->method_text));
	if (!n) {
		fault_note(s, from, "stray response", "dropped");
		return;
	}
	struct client_tx *tx =
		(struct client_tx *)((char *)n - offsetof(struct client_tx, node));
	if (tx->err)
		return;
	if (!unanswered(tx))
		again(tx, m);
	else if (m->status < 200)
		provisional(tx, m);
	else
		final(tx, m);
}

/* ---- time passes ---- */

static void on_end(struct client_tx *tx)
{
	if (!unanswered(tx)) {
		client_tx_end(tx);
	} else if (is_invite(tx) && tx->state == CLIENT_PROCEEDING && !tx->cancelled &&
		!invite_cancel(tx)) {
		return; /* timer C: cancelled, now it has 64*T1 to end */
	} else {
		count_fault("no response");
		fail(tx, -ETIMEDOUT);
	}
}

static void on_timer(struct timer *t, void *arg)
{
	struct client_tx *tx = arg;

	if (tx->err) {
		fail(tx, tx->err);
		return;
	}
	switch (pulse_fired(&tx->pulse, tx->s->host->clock)) {
	case PULSE_END:
		on_end(tx);
		return;
	case PULSE_REPEAT:
		count_again(COUNT_SENT);
		transmit(tx);
		break;
	case PULSE_EARLY:
		break;
	}
	arm(tx);
}

void client_tx_end_in(struct client_tx *tx, int64_t ms)
{
	pulse_end(&tx->pulse, tx->s->host->clock, ms);
	arm(tx);
}

void sip_forget(struct sip_stack *s, uint64_t id)
{
	struct client_tx *tx = ids_find(&s->client_ids, id);
	if (!tx)
		return;
	tx->h = NULL;
	not_waited(tx);
}
