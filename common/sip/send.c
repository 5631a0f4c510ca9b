/* Requests on their way out: the Via on top, and what is too long for UDP (RFC 3261
 * 18.1.1, TS 24.229 4.2A).
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "common/sip/inner.h"

enum { MAX_DATAGRAM = 1300 };

/* `value` in place of the Via's value, which may be empty. */
static void put_via(struct outgoing *o, struct str value)
{
	struct buf *b = &o->bytes;
	size_t behind = o->via_at + o->via_n;
	if (value.n > o->via_n)
		buf_reserve(b, value.n - o->via_n);
	memmove(b->p + o->via_at + value.n, b->p + behind, b->n - behind);
	memcpy(b->p + o->via_at, value.p, value.n);
	b->n = b->n - o->via_n + value.n;
	o->via_n = (uint32_t)value.n;
}

void outgoing_via(struct sip_stack *s, struct outgoing *o)
{
	char text[VIA_SIZE];
	put_via(o, via_text(s, &o->to, str_of(o->branch), text));
}

void outgoing_fit(struct sip_stack *s, struct outgoing *o)
{
	struct sip_hop tcp = o->to;
	tcp.transport = SIP_TCP;
	tcp.in = false;
	if (o->to.transport != SIP_UDP || o->bytes.n <= MAX_DATAGRAM ||
		!listen_for(s, &tcp))
		return;
	addr_set_port(&tcp.local, 0);
	o->to = tcp;
	o->by_size = true;
	outgoing_via(s, o);
}

/* The request with a Via right behind its start line. */
static int compose(struct sip_stack *s, struct outgoing *o, struct str bytes)
{
	char text[VIA_SIZE];
	ptrdiff_t line = str_find(bytes, STR("\r\n"));
	if (line < 0)
		return -EINVAL;
	via_branch(s, o->branch);
	struct str via = via_text(s, &o->to, str_of(o->branch), text);
	struct str head = {bytes.p, (size_t)line + 2};
	buf_reserve(&o->bytes, bytes.n + via.n + 16);
	buf_add(&o->bytes, head);
	buf_add(&o->bytes, STR("Via: "));
	o->via_at = (uint32_t)o->bytes.n;
	o->via_n = (uint32_t)via.n;
	buf_add(&o->bytes, via);
	buf_add(&o->bytes, STR("\r\n"));
	buf_add(&o->bytes, str_skip(bytes, head.n));
	outgoing_fit(s, o);
	return 0;
}

int sip_send(struct sip_stack *s, struct str bytes, const struct sip_hop *to,
	sip_response_h *h, void *arg, uint64_t *id)
{
	struct outgoing o = {.to = *to};
	struct str rest = bytes, method = str_cut(&rest, ' ');
	int err;

	if (id)
		*id = 0;
	if (!rest.p)
		return -EINVAL;
	if ((err = hop_complete(s, &o.to)) || (err = compose(s, &o, bytes)))
		return err;
	if (str_eq(method, STR("ACK"))) {
		count_request(COUNT_SENT, SIP_M_ACK);
		err = transport_send(s, &o.to, buf_str(&o.bytes), 0);
		buf_free(&o.bytes);
		return err;
	}
	err = client_tx_start(s, &o, method, h, arg, NULL, id);
	if (err)
		buf_free(&o.bytes);
	return err;
}

int sip_ack(struct sip_stack *s, uint64_t id, struct str bytes, const struct sip_hop *to)
{
	struct client_tx *tx = ids_find(&s->client_ids, id);
	struct outgoing o = {.to = *to};
	int err;

	if (!tx || tx->state != CLIENT_ACCEPTED)
		return -ENOENT;
	if ((err = hop_complete(s, &o.to)) || (err = compose(s, &o, bytes)))
		return err;
	buf_free(&tx->out.bytes);
	tx->out = o;
	tx->acked = true;
	count_request(COUNT_SENT, SIP_M_ACK);
	return transport_send(s, &o.to, buf_str(&o.bytes), 0);
}
