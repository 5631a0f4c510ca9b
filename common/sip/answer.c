/* The request object, and answers to it.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>

#include "common/sip/inner.h"

const struct sip_msg *sip_req_msg(const struct sip_req *r)
{
	return &r->msg;
}

const struct sip_hop *sip_req_hop(const struct sip_req *r)
{
	return &r->from;
}

struct arena *sip_req_arena(struct sip_req *r)
{
	return &r->arena;
}

uint64_t sip_req_id(const struct sip_req *r)
{
	return r->tx->id;
}

struct sip_req *sip_req_find(struct sip_stack *s, uint64_t id)
{
	struct server_tx *tx = ids_find(&s->server_ids, id);
	return tx ? tx->req : NULL;
}

static void put(struct sip_stack *s, struct buf *b, const struct sip_msg *m, int status,
	const char *reason, const char *tag, struct str fields)
{
	sip_put_response(b, m, status, reason, status == 100 ? NULL : tag);
	buf_add(b, fields);
	if (s->conf.server)
		sip_put_fmt(b, "Server", "%s", s->conf.server);
	sip_put_end(b, STR_NONE, STR_NONE);
}

const char *sip_req_tag(struct sip_req *r)
{
	if (!r->tag[0])
		chance_hex(&r->s->host->chance, r->tag, 8);
	return r->tag;
}

void sip_answer(struct sip_req *r, int status, const char *reason, struct str fields)
{
	struct sip_stack *s = r->s;
	s->out.n = 0;
	put(s, &s->out, &r->msg, status, reason, sip_req_tag(r), fields);
	server_tx_respond(r->tx, status, buf_str(&s->out));
}

void sip_answer_fmt(
	struct sip_req *r, int status, const char *reason, const char *fields, ...)
{
	struct buf b = {0};
	va_list ap;
	va_start(ap, fields);
	buf_vfmt(&b, fields, ap);
	va_end(ap);
	sip_answer(r, status, reason, buf_str(&b));
	buf_free(&b);
}

void sip_answer_bytes(struct sip_req *r, int status, struct str bytes)
{
	server_tx_respond(r->tx, status, bytes);
}

/* The To tag comes from the request itself, so that a retransmission gets the same
 * (8.2.7). */
void stack_answer_stateless(struct sip_stack *s, const struct sip_hop *from,
	const struct sip_msg *m, int status, const char *reason, struct str fields)
{
	struct hash h;
	struct sip_via v;
	struct sip_hop to;
	char tag[17];

	bool has_via = via_top(m, &v);
	hash_begin(&h, &s->secret);
	hash_text(&h, sip_value(m, SIP_H_CALL_ID));
	hash_text(&h, has_via ? v.branch : STR_NONE);
	hash_number(&h, m->cseq);
	struct key k = hash_end(&h);
	hex_of(&k.a, sizeof k.a, tag);

	via_reply(has_via ? &v : NULL, from, &to);
	s->out.n = 0;
	put(s, &s->out, m, status, reason, tag, fields);
	count_response(COUNT_SENT, status);
	transport_send(s, &to, buf_str(&s->out), 0);
}
