/* A Cx node's own requests and their answers: answer timers on the rig's clock, the gate.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/hash.h"
#include "common/base/mem.h"
#include "common/cx/inside.h"

METRIC_COUNTER(sent, "imsrig_cx_requests_sent_total", "Cx requests sent");
METRIC_COUNTER(answered, "imsrig_cx_answers_received_total", "Cx answers received");
METRIC_COUNTER(unreadable, "imsrig_cx_bad_answers_total", "Cx answers that can't be read");
METRIC_COUNTER(late, "imsrig_cx_timeouts_total", "Cx requests without an answer in time");
METRIC_COUNTER(unsent, "imsrig_cx_undelivered_total", "Cx requests that no peer took");

/* A request of ours that waits for its answer. */
struct pending {
	uint32_t end_to_end;
	struct cx *cx;
	cx_answer_h *h;                /* NULL: called already */
	void *arg;
	struct timer timer;
	const char *name;              /* "UAR" */
	UT_hash_handle hh;
};

/* ---- sending requests ---- */

static void pending_end(struct pending *p, int err, const struct cx_msg *m)
{
	HASH_DEL(p->cx->pending, p);
	timer_stop(&p->timer);
	cx_open_now.value--;
	p->h(err, m, p->arg);
	free(p);
}

static void on_late(struct timer *t, void *arg)
{
	struct pending *p = arg;
	late.value++;
	log_warn("cx", "no answer to a %s in %d ms", p->name, p->cx->answer_ms);
	pending_end(p, -ETIMEDOUT, NULL);
}

static void go_request(void *owner, const void *ctx, struct str octets)
{
	struct buf copy = {0};
	buf_add(&copy, octets);
	core_send_request(&copy);
}

static void emit_request(struct cx *c, struct buf *octets, struct str dest_host)
{
	if (!gate_active(c->host->gate)) {
		core_send_request(octets);
		return;
	}
	struct trace_msg t = cx_trace_of(c, TRACE_SENT, dest_host, buf_str(octets));
	gate_pass(c->host->gate, &cx_gate_proto, &t, go_request, c, NULL, 0);
	buf_free(octets);
}

int cx_send(struct cx *c, const struct cx_msg *m, cx_answer_h *h, void *arg)
{
	char session[192];
	if (c->stopped || !cx_peer_up(c, m->destination_host) || core_congested()) {
		unsent.value++;
		return -EHOSTUNREACH;
	}
	struct cx_msg full = *m;
	full.request = true;
	snprintf(session, sizeof session, "%s;%u;%u", c->identity, c->session_high,
		++c->session_low);
	full.session_id = str_of(session);
	full.origin_host = str_of(c->identity);
	full.origin_realm = str_of(c->realm);
	if (!full.destination_realm.p)
		full.destination_realm = full.origin_realm;

	struct pending *p = MEM_NEW(struct pending);
	*p = (struct pending){.end_to_end = c->next_end_to_end++, .cx = c, .h = h, .arg = arg,
		.name = cx_command_name(m->command, true)};
	HASH_ADD(hh, c->pending, end_to_end, sizeof p->end_to_end, p);
	timer_start(c->host->clock, &p->timer, c->answer_ms, on_late, p);
	cx_open_now.value++;
	sent.value++;

	struct buf octets = {0};
	struct cx_ids ids = {.end_to_end = p->end_to_end};
	cx_encode(&full, &ids, &octets);
	emit_request(c, &octets, m->destination_host);
	return 0;
}

static struct pending *pending_of(struct cx *c, uint32_t end_to_end)
{
	struct pending *p = NULL;
	HASH_FIND(hh, c->pending, &end_to_end, sizeof end_to_end, p);
	return p;
}

static void take_answer(struct cx *c, const struct rx *r)
{
	struct pending *p = pending_of(c, r->header.end_to_end);
	if (!p)
		return; /* it came too late, or twice */
	answered.value++;
	if (r->err) {
		unreadable.value++;
		log_warn("cx", "the answer to a %s can't be read: %s", p->name, r->fault.why);
		pending_end(p, -EBADMSG, NULL);
		return;
	}
	pending_end(p, 0, &r->m);
}

static void go_answer(void *owner, const void *ctx, struct str octets)
{
	struct rx *r = rx_new(octets);
	take_answer(owner, r);
	rx_free(r);
}

void cx_on_answer(struct cx *c, struct rx *r)
{
	if (gate_active(c->host->gate)) {
		struct trace_msg t = cx_trace_of(c, TRACE_RECEIVED, r->m.origin_host,
			(struct str){r->octets, r->n});
		gate_pass(c->host->gate, &cx_gate_proto, &t, go_answer, c, NULL, 0);
	} else {
		take_answer(c, r);
	}
	rx_free(r);
}

void cx_on_lost(struct cx *c, const struct lost *e)
{
	struct pending *p = pending_of(c, e->end_to_end);
	if (!p)
		return;
	unsent.value++;
	log_warn("cx", "no peer took a %s", p->name);
	pending_end(p, -EHOSTUNREACH, NULL);
}

void cx_abandon(struct cx *c)
{
	struct pending *p, *tmp;
	HASH_ITER (hh, c->pending, p, tmp)
		pending_end(p, -EHOSTUNREACH, NULL);
}
