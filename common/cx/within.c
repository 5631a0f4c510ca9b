/* Cx messages between two parts of one process.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/cx/within.h"

#include <errno.h>

#include "common/base/log.h"
#include "common/base/metric.h"
#include "common/cx/octets.h"

METRIC_COUNTER(late, "imsrig_cx_within_late_total",
	"Cx messages inside a process that a fault let go too late");

/* One message's way: out at its sender's gate, in at its receiver's. */
struct way {
	uint32_t exchange;
	bool answer, in;
};

static void deliver(struct cx_within *w, const struct way *way, struct str octets);

static struct trace_msg record(const struct cx_within *w, const struct way *way, struct str octets)
{
	bool at_asker = way->answer == way->in;
	return (struct trace_msg){
		.proto = TRACE_DIAMETER,
		.via = TRACE_TCP,
		.dir = way->in ? TRACE_RECEIVED : TRACE_SENT,
		.local = at_asker ? w->asks_at : w->answers_at,
		.remote = at_asker ? w->answers_at : w->asks_at,
		.bytes = octets,
	};
}

/* A message that its sender's gate drops was never on its way; one that its receiver's drops
 * was. */
static void arrive(struct cx_within *w, struct way way, struct str octets);

static void through(void *owner, const void *ctx, struct str octets)
{
	struct cx_within *w = owner;
	const struct way *way = ctx;
	if (way->exchange != w->current) {
		late.value++;
		log_warn("cx", "a message inside the process came too late");
	} else if (way->in) {
		deliver(w, way, octets);
	} else {
		struct trace_msg t = record(w, way, octets);
		trace_emit(w->host->trace, &t);
		arrive(w, *way, octets);
	}
}

static void pass(struct cx_within *w, const struct way *way, struct str octets)
{
	struct trace_msg t = record(w, way, octets);
	if (gate_active(w->host->gate))
		gate_pass(w->host->gate, &cx_gate_proto, &t, through, w, way, sizeof *way);
	else
		through(w, way, octets);
}

static void arrive(struct cx_within *w, struct way way, struct str octets)
{
	way.in = true;
	struct trace_msg t = record(w, &way, octets);
	trace_emit(w->host->trace, &t);
	pass(w, &way, octets);
}

/* ---- request and answer ---- */

static void finish(struct cx_within *w, int err, const struct cx_msg *m)
{
	w->current = 0;
	w->done(err, m, w->done_arg);
}

static void serve(struct cx_within *w, const struct way *way, struct str octets)
{
	struct way back = {.exchange = way->exchange, .answer = true};
	struct cx_msg m, answer = {0};
	struct cx_ids ids = {0};
	struct cx_header h;
	struct cx_fault fault;
	struct buf out = {0};
	struct str avps;

	if (cx_decode(octets, &m, &fault)) {
		cx_encode_error(octets, &fault, str_of(w->answers), str_of(w->realm), &out);
	} else {
		w->serve(&m, &answer, w->arg);
		answer.command = m.command;
		answer.request = false;
		answer.session_id = m.session_id;
		answer.origin_host = str_of(w->answers);
		answer.origin_realm = str_of(w->realm);
		if (!cx_header_parse(octets, &h, &avps))
			ids = (struct cx_ids){h.hop_by_hop, h.end_to_end};
		cx_encode(&answer, &ids, &out);
	}
	pass(w, &back, buf_str(&out));
	explicit_bzero(out.p, out.n);
	buf_free(&out);
}

static void deliver(struct cx_within *w, const struct way *way, struct str octets)
{
	struct cx_msg m;
	struct cx_fault fault;
	if (!way->answer)
		serve(w, way, octets);
	else if (cx_decode(octets, &m, &fault))
		finish(w, -EBADMSG, NULL);
	else
		finish(w, 0, &m);
}

void cx_within_ask(struct cx_within *w, const struct cx_msg *m, cx_answer_h *h, void *arg)
{
	struct cx_msg full = *m;
	struct buf out = {0};

	if (!++w->last)
		w->last = 1;
	w->current = w->last;
	w->done = h;
	w->done_arg = arg;
	full.request = true;
	full.origin_host = str_of(w->asks);
	full.origin_realm = full.destination_realm = str_of(w->realm);
	full.destination_host = str_of(w->answers);
	struct cx_ids ids = {w->last, w->last};
	cx_encode(&full, &ids, &out);
	struct way way = {.exchange = w->last};
	pass(w, &way, buf_str(&out));
	buf_free(&out);
	if (w->current)
		finish(w, -ETIMEDOUT, NULL);
}
