/* Server transactions (RFC 3261 17.2, RFC 6026), CANCEL and ACK (9.2, 17.2.1), merged
 * requests (8.2.2.2), and the request object that elements see.
 *
 *	INVITE:  Trying --1xx--> Proceeding --2xx--> Accepted --L--> end
 *	                                    --3-6xx--> Completed --ACK--> Confirmed --I--> end
 *	others:  Trying --1xx--> Proceeding --2-6xx--> Completed --J--> end
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "common/sip/inner.h"

static void on_timer(struct timer *t, void *arg);

/* ---- keys ---- */

/* 17.2.3. Without the magic cookie (RFC 2543) the To tag stays out, so that the ACK,
 * which carries the answer's tag, meets its INVITE. */
struct key server_key(
	const struct sip_stack *s, const struct sip_msg *m, enum sip_method as)
{
	struct hash h;
	struct sip_via v = {0};

	hash_begin(&h, &s->secret);
	if (as == m->method && as == SIP_M_OTHER)
		hash_text(&h, m->method_text);
	hash_number(&h, as);
	via_top(m, &v);
	if (str_starts(v.branch, STR("z9hG4bK"))) {
		hash_text(&h, v.branch);
		hash_fold(&h, v.host);
		hash_number(&h, v.port);
		return hash_end(&h);
	}
	hash_text(&h, m->uri);
	hash_text(&h, sip_tag(m, SIP_H_FROM));
	hash_text(&h, sip_value(m, SIP_H_CALL_ID));
	hash_number(&h, m->cseq);
	hash_text(&h, v.host);
	hash_number(&h, v.port);
	hash_text(&h, v.branch);
	return hash_end(&h);
}

static struct key merged_key(const struct sip_stack *s, const struct sip_msg *m)
{
	struct hash h;
	hash_begin(&h, &s->secret);
	hash_text(&h, sip_tag(m, SIP_H_FROM));
	hash_text(&h, sip_value(m, SIP_H_CALL_ID));
	hash_number(&h, m->cseq);
	hash_text(&h, m->method_text);
	return hash_end(&h);
}

static struct server_tx *find(const struct sip_stack *s, struct key key)
{
	struct node *n = table_find(&s->server, key);
	return n ? (struct server_tx *)((char *)n - offsetof(struct server_tx, node))
		 : NULL;
}

/* ---- a request comes ---- */

static void arm(struct server_tx *tx)
{
	pulse_arm(&tx->pulse, tx->s->host->clock, on_timer, tx);
}

static int64_t timer_ms(const struct server_tx *tx, enum tx_timer t)
{
	return tx_timer_ms(t, stack_timers(tx->s, &tx->to), hop_reliable(&tx->to));
}

static struct server_tx *tx_new(struct sip_req *r, struct key key)
{
	struct sip_stack *s = r->s;
	struct server_tx *tx = MEM_NEW(struct server_tx);
	struct sip_via v;

	tx->s = s;
	tx->req = r;
	tx->ack = r->msg.method == SIP_M_ACK;
	tx->invite = r->msg.method == SIP_M_INVITE;
	tx->id = ids_add(&s->server_ids, tx);
	tx->pulse.end = tx->pulse.next = INT64_MAX;
	via_reply(via_top(&r->msg, &v) ? &v : NULL, &r->from, &tx->to);
	r->tx = tx;
	count_server_open(s, 1);
	if (!tx->ack) {
		tx->node.key = key;
		table_add(&s->server, &tx->node);
		count_server(1);
	}
	return tx;
}

/* True when the same request came before by another way; the first one is remembered. */
static bool is_merged(struct server_tx *tx)
{
	struct sip_stack *s = tx->s;
	const struct sip_msg *m = &tx->req->msg;
	if (tx->ack || !(s->conf.ends_here >> m->method & 1) || sip_tag(m, SIP_H_TO).n)
		return false;
	tx->merged.key = merged_key(s, m);
	if (table_find(&s->merged, tx->merged.key))
		return true;
	table_add(&s->merged, &tx->merged);
	tx->merged_in = true;
	return false;
}

static void on_cancel(struct sip_req *cancel)
{
	struct sip_stack *s = cancel->s;
	struct server_tx *tx = find(s, server_key(s, &cancel->msg, SIP_M_INVITE));
	if (!tx) {
		sip_answer(cancel, 481, NULL, STR_NONE);
		return;
	}
	uint64_t id = tx->id;
	if (tx->req) /* one dialog, one tag (9.2) */
		strcpy(cancel->tag, sip_req_tag(tx->req));
	sip_answer(cancel, 200, NULL, STR_NONE);
	struct sip_req *invite = sip_req_find(s, id);
	if (!invite)
		return;
	if (tx->forwarded)
		sip_cancel(s, tx->forwarded);
	else if (s->h->cancel)
		s->h->cancel(invite, s->arg);
	else
		sip_answer(invite, 487, NULL, STR_NONE);
}

void server_tx_start(struct sip_req *r, struct key key)
{
	struct sip_stack *s = r->s;
	struct server_tx *tx = tx_new(r, key);

	if (is_merged(tx)) {
		sip_answer(r, 482, "Merged Request", STR_NONE);
	} else if (r->msg.method == SIP_M_CANCEL) {
		on_cancel(r);
	} else {
		if (!tx->ack) {
			pulse_repeat(&tx->pulse, s->host->clock,
				timer_ms(tx,
					tx->invite ? TIMER_TRYING : TIMER_TRYING_LATE),
				0);
			arm(tx);
		}
		s->h->request(r, s->arg);
	}
}

bool server_tx_retransmitted(struct sip_stack *s, struct key key)
{
	struct server_tx *tx = find(s, key);
	if (!tx)
		return false;
	count_again(COUNT_RECEIVED);
	if (tx->response.n && tx->state != SERVER_ACCEPTED &&
		tx->state != SERVER_CONFIRMED) {
		count_again(COUNT_SENT);
		transport_send(s, &tx->to, tx->response, 0);
	}
	return true;
}

bool server_tx_ack(struct sip_stack *s, struct key key)
{
	struct server_tx *tx = find(s, key);
	if (!tx || tx->state == SERVER_ACCEPTED)
		return false;
	if (tx->state != SERVER_COMPLETED) {
		if (tx->state != SERVER_CONFIRMED)
			count_fault("stray ACK");
		return true;
	}
	int64_t wait = timer_ms(tx, TIMER_I);
	tx->state = SERVER_CONFIRMED;
	pulse_quiet(&tx->pulse);
	if (!wait) {
		server_tx_end(tx);
		return true;
	}
	pulse_end(&tx->pulse, s->host->clock, wait);
	arm(tx);
	return true;
}

/* ---- its answer goes ---- */

static void keep(struct server_tx *tx, int status, struct str bytes)
{
	free((char *)tx->response.p);
	tx->response = STR_NONE;
	tx->status = (int16_t)status;
	if (hop_reliable(&tx->to) && !tx->invite)
		return; /* the request can't come again */
	char *copy = mem_alloc(bytes.n);
	memcpy(copy, bytes.p, bytes.n);
	tx->response = (struct str){copy, bytes.n};
}

static void release(struct server_tx *tx)
{
	req_free(tx->req);
	tx->req = NULL;
	tx->forwarded = 0;
	count_server_open(tx->s, -1);
}

static void final(struct server_tx *tx, int status)
{
	const struct clock *c = tx->s->host->clock;
	int64_t wait;

	release(tx);
	pulse_quiet(&tx->pulse);
	if (tx->invite && status < 300) {
		tx->state = SERVER_ACCEPTED;
		wait = timer_ms(tx, TIMER_L);
	} else if (tx->invite) {
		int64_t g = timer_ms(tx, TIMER_G);
		tx->state = SERVER_COMPLETED;
		wait = timer_ms(tx, TIMER_H);
		if (g > 0)
			pulse_repeat(
				&tx->pulse, c, g, stack_timers(tx->s, &tx->to)->t2_ms);
	} else {
		tx->state = SERVER_COMPLETED;
		wait = timer_ms(tx, TIMER_J);
	}
	if (!wait) {
		server_tx_end(tx);
		return;
	}
	pulse_end(&tx->pulse, c, wait);
	arm(tx);
}

void server_tx_respond(struct server_tx *tx, int status, struct str bytes)
{
	if (tx->ack && status < 200)
		return;
	if (tx->ack) { /* nobody forwarded it, and nothing answers an ACK */
		count_fault("stray ACK");
		server_tx_end(tx);
		return;
	}
	count_response(COUNT_SENT, status);
	int err = transport_send(tx->s, &tx->to, bytes, 0);
	if (err && !tx->s->mute)
		fault_note(tx->s, &tx->to, "response can't be sent", uv_strerror(err));
	keep(tx, status, bytes);
	if (status >= 200) {
		final(tx, status);
		return;
	}
	tx->state = SERVER_PROCEEDING;
	pulse_quiet(&tx->pulse);
	arm(tx);
}

static void on_timer(struct timer *t, void *arg)
{
	struct server_tx *tx = arg;

	switch (pulse_fired(&tx->pulse, tx->s->host->clock)) {
	case PULSE_END:
		if (tx->state == SERVER_COMPLETED && tx->invite)
			count_fault("no ACK");
		server_tx_end(tx);
		return;
	case PULSE_REPEAT:
		if (tx->state == SERVER_TRYING) {
			sip_answer(tx->req, 100, NULL, STR_NONE); /* quiets and arms */
			return;
		}
		count_again(COUNT_SENT);
		transport_send(tx->s, &tx->to, tx->response, 0);
		break;
	case PULSE_EARLY:
		break;
	}
	arm(tx);
}

void server_tx_end(struct server_tx *tx)
{
	struct sip_stack *s = tx->s;
	timer_stop(&tx->pulse.timer);
	if (tx->req)
		release(tx);
	if (!tx->ack) {
		table_remove(&s->server, &tx->node);
		count_server(-1);
	}
	if (tx->merged_in)
		table_remove(&s->merged, &tx->merged);
	ids_remove(&s->server_ids, tx->id);
	free((char *)tx->response.p);
	free(tx);
}

int sip_answer_again(struct sip_stack *s, uint64_t id)
{
	struct server_tx *tx = ids_find(&s->server_ids, id);
	if (!tx || tx->state != SERVER_ACCEPTED)
		return -ENOENT;
	count_again(COUNT_SENT);
	return transport_send(s, &tx->to, tx->response, 0);
}
