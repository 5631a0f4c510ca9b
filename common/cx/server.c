/* Requests that a Cx node receives, and its answers to them.
 * SPDX-License-Identifier: Apache-2.0 */

#include "common/base/mem.h"
#include "common/cx/inside.h"

METRIC_COUNTER(received, "imsrig_cx_requests_received_total", "Cx requests received");
METRIC_COUNTER(bad, "imsrig_cx_bad_messages_total", "Cx requests answered with a base error");

struct cx_req {                        /* a struct rx under its public name */
	struct rx rx;
};

/* ---- answering requests ---- */

static void release(struct rx *r)
{
	atomic_fetch_sub(&core_outstanding, 1);
	cx_open_now.value--;
	rx_free(r);
}

/* Takes over the octets and r. */
static void keep(struct cx *c, struct buf *octets, struct rx *r)
{
	if (c->n_replies == c->room) {
		c->room = c->room ? 2 * c->room : 64;
		c->replies = mem_realloc(c->replies, c->room * sizeof *c->replies);
	}
	c->replies[c->n_replies++] = (struct reply){*octets, r};
	*octets = (struct buf){0};
}

/* What the gate keeps of a message's way: enough to build a new one, any number of
 * times. */
struct way {
	uint32_t hop_by_hop;
	char peer[120];
};

static struct way way_of(const struct rx *r)
{
	struct way w = {.hop_by_hop = r->header.hop_by_hop};
	str_copy(r->m.origin_host, w.peer, sizeof w.peer);
	return w;
}

static void go_reply(void *owner, const void *ctx, struct str octets)
{
	const struct way *w = ctx;
	struct msg *query = core_query(str_of(w->peer), w->hop_by_hop);
	struct buf copy = {0};
	buf_add(&copy, octets);
	if (query)
		core_send_answer(&copy, query);
}

static void post(struct cx *c, struct buf *octets, struct rx *r)
{
	if (gate_active(c->host->gate)) {
		struct way w = way_of(r);
		struct trace_msg t = cx_trace_of(c, TRACE_SENT, r->m.origin_host, buf_str(octets));
		gate_pass(c->host->gate, &cx_gate_proto, &t, go_reply, c, &w, sizeof w);
		buf_free(octets);
	} else {
		struct msg *query = r->query;
		r->query = NULL;
		core_send_answer(octets, query);
	}
	release(r);
}

static void flush(struct cx *c)
{
	for (size_t i = 0; i < c->n_replies; i++)
		post(c, &c->replies[i].octets, c->replies[i].rx);
	c->n_replies = 0;
}

/* Sends the octets as the answer to r, at the end of the batch; takes both over. */
static void reply(struct cx *c, struct rx *r, struct buf *octets)
{
	if (c->in_batch)
		keep(c, octets, r);
	else
		post(c, octets, r);
}

/* Failed-AVP of an answer that a handler built: the AVP as the request has it, or a
 * sample when it is missed. */
static bool fault_named(const struct rx *r, struct str name, struct cx_fault *out)
{
	struct cx_header h;
	struct cx_avp avp;
	struct str avps;
	bool broken;
	int id = name.p ? cx_avp_named(name) : -1;
	if (id < 0)
		return false;
	const struct cx_avp_row *row = &cx_avp_rows[id];
	*out = (struct cx_fault){.has_avp = true, .avp = {row->code, row->vendor, row->flags}};
	if (cx_header_parse((struct str){r->octets, r->n}, &h, &avps) == 0)
		while (cx_avp_next(&avps, &avp, &broken))
			if (avp.code == row->code && avp.vendor == row->vendor)
				out->avp = avp; /* of several, the last is the one too many */
	return true;
}

void cx_answer(struct cx_req *req, const struct cx_msg *m)
{
	struct rx *r = &req->rx;
	struct cx *c = r->cx;
	struct cx_msg full = *m;
	struct cx_fault fault;
	struct buf octets = {0};
	struct cx_ids ids = {.hop_by_hop = r->header.hop_by_hop,
		.end_to_end = r->header.end_to_end};

	full.command = r->m.command;
	full.request = false;
	full.session_id = r->m.session_id;
	full.origin_host = str_of(c->identity);
	full.origin_realm = str_of(c->realm);
	cx_encode(&full, &ids, &octets);
	bool failed = fault_named(r, m->failed_avp, &fault);
	cx_encode_tail((struct str){r->octets, r->n}, failed ? &fault : NULL, 0, &octets);
	reply(c, r, &octets);
}

static void refuse(struct cx *c, struct rx *r)
{
	struct buf octets = {0};
	const char *name = cx_command_name(r->header.command, true);
	int id = r->fault.has_avp ? cx_avp_find(r->fault.avp.code, r->fault.avp.vendor) : -1;
	bad.value++;
	log_warn("cx", "%s refused with %s: %s (%s)", name ? name : "a request",
		cx_result_name(CX_RESULT(r->fault.code)), r->fault.why,
		id >= 0 ? cx_avp_rows[id].name : "no AVP that we know");
	cx_encode_error((struct str){r->octets, r->n}, &r->fault, str_of(c->identity),
		str_of(c->realm), &octets);
	reply(c, r, &octets);
}

void cx_batch_refuse(struct cx *c, uint32_t code)
{
	struct cx_fault fault = {.code = code, .why = "nothing of this was kept"};
	for (size_t i = 0; i < c->n_replies; i++) {
		struct reply *p = &c->replies[i];
		p->octets.n = 0;
		cx_encode_error((struct str){p->rx->octets, p->rx->n}, &fault, str_of(c->identity),
			str_of(c->realm), &p->octets);
	}
}

static bool check_destination(struct cx *c, struct rx *r)
{
	bool other_host = r->m.destination_host.p &&
		!str_ieq(r->m.destination_host, str_of(c->identity));
	if (!other_host && str_ieq(r->m.destination_realm, str_of(c->realm)))
		return true;
	r->fault = (struct cx_fault){
		.code = other_host ? DIAMETER_UNABLE_TO_DELIVER : DIAMETER_REALM_NOT_SERVED,
		.why = "not for us, and we are no agent"};
	return false;
}

static void take_request(struct cx *c, struct rx *r)
{
	received.value++;
	cx_open_now.value++;
	r->cx = c;
	if (r->err || !check_destination(c, r) || !c->h->request) {
		if (!r->fault.code)
			r->fault = (struct cx_fault){.code = DIAMETER_COMMAND_UNSUPPORTED,
				.why = "no requests are served here"};
		refuse(c, r);
		return;
	}
	if (!c->in_batch) {
		c->in_batch = true;
		if (c->h->batch_begin)
			c->h->batch_begin(c->arg);
	}
	c->h->request((struct cx_req *)r, &r->m, c->arg);
}

void cx_end_batch(struct cx *c)
{
	if (!c->in_batch)
		return;
	if (c->h->batch_end)
		c->h->batch_end(c->arg);
	c->in_batch = false;
	flush(c);
}

static void go_received(void *owner, const void *ctx, struct str octets)
{
	struct cx *c = owner;
	const struct way *w = ctx;
	struct rx *r = rx_new(octets);
	r->header.hop_by_hop = w->hop_by_hop;
	r->query = core_query(str_of(w->peer), w->hop_by_hop);
	atomic_fetch_add(&core_outstanding, 1);
	bool outer = c->in_batch;
	take_request(c, r);
	if (!outer)
		cx_end_batch(c);
}

void cx_on_request(struct cx *c, struct rx *r)
{
	if (!gate_active(c->host->gate)) {
		take_request(c, r);
		return;
	}
	struct way w = way_of(r);
	struct trace_msg t = cx_trace_of(c, TRACE_RECEIVED, r->m.origin_host,
		(struct str){r->octets, r->n});
	core_forget(r->query);
	r->query = NULL;
	atomic_fetch_sub(&core_outstanding, 1);
	gate_pass(c->host->gate, &cx_gate_proto, &t, go_received, c, &w, sizeof w);
	rx_free(r);
}

