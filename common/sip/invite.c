/* What follows an INVITE hop by hop: ACK to a non-2xx (RFC 3261 17.1.1.3) and CANCEL
 * (9.1). Both are made from the bytes of the INVITE as it was sent.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "common/sip/inner.h"

static void put_routes(struct buf *b, const struct sip_msg *m)
{
	for (const struct sip_field *f = sip_first(m, SIP_H_ROUTE); f; f = sip_next(m, f))
		sip_put_field(b, SIP_H_ROUTE, sip_field_value(m, f));
}

int invite_follow(const struct outgoing *invite, struct str method,
	const struct sip_msg *response, struct outgoing *out)
{
	struct arena a = {0};
	struct sip_msg m;
	struct sip_fault fault;
	struct buf *b = &out->bytes;
	struct str via = {invite->bytes.p + invite->via_at, invite->via_n};

	if (sip_msg_parse(&m, buf_str(&invite->bytes), &a, &fault)) {
		arena_free(&a);
		return -EBADMSG;
	}
	*out = *invite;
	*b = (struct buf){0};
	sip_put_request(b, method, m.uri);
	sip_put_field(b, SIP_H_VIA, via);
	out->via_at = (uint32_t)(b->n - 2 - via.n);
	sip_put_fmt(b, "Max-Forwards", "70");
	put_routes(b, &m);
	sip_put_field(b, SIP_H_FROM, sip_value(&m, SIP_H_FROM));
	sip_put_field(b, SIP_H_TO, sip_value(response ? response : &m, SIP_H_TO));
	sip_put_field(b, SIP_H_CALL_ID, sip_value(&m, SIP_H_CALL_ID));
	sip_put_fmt(b, "CSeq", "%u " STR_FMT, m.cseq, STR_ARG(method));
	sip_put_end(b, STR_NONE, STR_NONE);
	arena_free(&a);
	return 0;
}

int invite_cancel(struct client_tx *tx)
{
	struct sip_stack *s = tx->s;
	struct outgoing o = {0};
	int err = invite_follow(&tx->out, STR("CANCEL"), NULL, &o);

	if (!err && (err = client_tx_start(s, &o, STR("CANCEL"), NULL, NULL, NULL, NULL)))
		buf_free(&o.bytes);
	if (err)
		return err;
	/* What has no final answer 64*T1 later is over (9.1). */
	tx->cancelled = true;
	client_tx_end_in(tx, tx_timer_ms(TIMER_B, stack_timers(s, &tx->out.to), true));
	return 0;
}

int sip_cancel(struct sip_stack *s, uint64_t id)
{
	struct client_tx *tx = ids_find(&s->client_ids, id);
	if (!tx || tx->method != SIP_M_INVITE || tx->state > CLIENT_PROCEEDING)
		return -ENOENT;
	tx->cancel = true;
	if (tx->state == CLIENT_CALLING || tx->cancelled)
		return 0;
	return invite_cancel(tx);
}
