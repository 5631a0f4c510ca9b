/* Forwarding of a request to one next hop, and of its responses back (RFC 3261 16.3-16.10,
 * RFC 4320, RFC 6026 7.3).
 *
 *	server transaction --request, edited--> client transaction --> next hop
 *	                   <--response, edited--                   <--
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "common/sip/inner.h"

/* ---- the request ---- */

/* 16.3 item 3, 16.6 item 3: 0, or the status to answer. */
static int count_hops(const struct sip_msg *m, struct sip_edit *e)
{
	const struct sip_field *f = sip_first(m, SIP_H_MAX_FORWARDS);
	char text[16];
	uint32_t n;

	if (!f) {
		sip_edit_add(e, STR("Max-Forwards"), STR("70"));
		return 0;
	}
	if (str_u32(sip_field_value(m, f), &n))
		return 400;
	if (!n)
		return 483;
	snprintf(text, sizeof text, "%u", n - 1);
	sip_edit_value(e, f, str_of(text));
	return 0;
}

/* 16.3 item 5: no option of Proxy-Require is supported. */
static bool refuse_options(struct sip_req *req)
{
	struct sip_iter it = {0};
	struct str option;
	struct buf b = {0};
	while (sip_list_next(&req->msg, SIP_H_PROXY_REQUIRE, &it, &option))
		sip_put_field(&b, SIP_H_UNSUPPORTED, option);
	bool any = b.n > 0;
	if (any)
		sip_answer(req, 420, NULL, buf_str(&b));
	buf_free(&b);
	return any;
}

/* The edited request with our Via, written once, where it stays until it is answered. */
static void compose(struct sip_stack *s, struct sip_edit *e, struct outgoing *o)
{
	char text[VIA_SIZE];
	via_branch(s, o->branch);
	struct str via = via_text(s, &o->to, str_of(o->branch), text);
	sip_edit_add_top(e, SIP_H_VIA, via);
	buf_reserve(&o->bytes, e->m->bytes.n + 256);
	sip_edit_write(e, &o->bytes);
	ptrdiff_t at = str_find(buf_str(&o->bytes), via);
	o->via_at = at > 0 ? (uint32_t)at : 0;
	o->via_n = at > 0 ? (uint32_t)via.n : 0;
	outgoing_fit(s, o);
}

static int forward_ack(struct sip_req *req, struct outgoing *o)
{
	int err = transport_send(req->s, &o->to, buf_str(&o->bytes), 0);
	buf_free(&o->bytes);
	if (err)
		return err;
	count_request(COUNT_SENT, SIP_M_ACK);
	server_tx_end(req->tx);
	return 0;
}

int sip_forward(struct sip_req *req, struct sip_edit *e, const struct sip_hop *to,
	const struct sip_forward_h *h, void *arg)
{
	struct sip_stack *s = req->s;
	struct server_tx *tx = req->tx;
	struct outgoing o = {.to = *to};
	struct forwarding fw = {.req = tx->id, .h = h, .arg = arg};
	int err = hop_complete(s, &o.to);
	if (err)
		return err;
	int status = count_hops(&req->msg, e);
	if (status) {
		sip_answer(req, status, NULL, STR_NONE);
		return 0;
	}
	if (!tx->ack && refuse_options(req))
		return 0;
	compose(s, e, &o);
	if (tx->ack)
		return forward_ack(req, &o);
	if (tx->invite && !tx->status)
		sip_answer(req, 100, NULL, STR_NONE);
	err = client_tx_start(
		s, &o, req->msg.method_text, NULL, NULL, &fw, &tx->forwarded);
	if (err)
		buf_free(&o.bytes);
	return err;
}

/* ---- the responses ---- */

static struct sip_req *waiting(struct sip_stack *s, const struct forwarding *fw)
{
	return sip_req_find(s, fw->req);
}

static void pass(struct sip_stack *s, const struct forwarding *fw,
	const struct sip_msg *m, struct sip_edit *e)
{
	struct sip_req *req = waiting(s, fw);
	int verdict = fw->h && fw->h->response ? fw->h->response(req, m, e, fw->arg) : 0;

	if (verdict < 0 || !(req = waiting(s, fw)))
		return;
	if (!verdict && m->status == 503)
		verdict = 500;
	if (verdict) {
		sip_answer(req, verdict, NULL, STR_NONE);
		return;
	}
	s->out.n = 0;
	sip_edit_write(e, &s->out);
	server_tx_respond(req->tx, m->status, buf_str(&s->out));
}

void forward_response(
	struct sip_stack *s, const struct forwarding *fw, const struct sip_msg *m)
{
	struct sip_req *req = waiting(s, fw);
	struct arena a = {0};
	struct sip_edit e;

	if (!req || m->status == 100)
		return;
	if (m->status < 200 && !req->tx->invite)
		return; /* RFC 4320 4.1 */
	if (m->status >= 200)
		req->tx->forwarded = 0;
	sip_edit_begin(&e, m, &a);
	sip_edit_remove_top(&e, SIP_H_VIA);
	if (sip_list_count(m, SIP_H_VIA) > 1)
		pass(s, fw, m, &e);
	else
		forward_failure(s, fw, -EBADMSG);
	arena_free(&a);
}

/* 16.8, 16.9: nobody answered, or nobody could be asked. */
void forward_failure(struct sip_stack *s, const struct forwarding *fw, int err)
{
	struct sip_req *req = waiting(s, fw);
	int status = 0;

	if (!req || err == -ECANCELED)
		return;
	req->tx->forwarded = 0;
	if (fw->h && fw->h->failure)
		status = fw->h->failure(req, err, fw->arg);
	if (status < 0 || !(req = waiting(s, fw)))
		return;
	if (!status)
		status = err == -ETIMEDOUT ? 408 : 500;
	sip_answer(req, status, NULL, STR_NONE);
}

/* ---- the way ---- */

static bool is_ours(const struct sip_stack *s, const struct sip_uri *u)
{
	struct addr a;
	uint16_t port = u->port ? u->port : str_ieq(u->scheme, STR("sips")) ? 5061 : 5060;
	struct str param;
	if (!u->port && sip_param(u->params, STR("transport"), &param) &&
		str_ieq(param, STR("tls")))
		port = 5061;
	if (host_resolve(s->host, u->host, port, &a))
		return false;
	for (int i = 0; i < s->n_listens; i++)
		if (addr_eq(&s->listens[i]->local, &a))
			return true;
	return false;
}

bool sip_route_own(const struct sip_req *req, struct sip_edit *e, struct sip_uri *uri)
{
	struct sip_iter it = {0};
	struct sip_name_addr na;
	struct str element;

	if (!sip_list_next(&req->msg, SIP_H_ROUTE, &it, &element) ||
		sip_name_addr_parse(&na, element) || !is_ours(req->s, &na.uri))
		return false;
	sip_edit_remove_top(e, SIP_H_ROUTE);
	if (uri)
		*uri = na.uri;
	return true;
}
