/* Refusals: every one counted, logged with its reason, and answered.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/base/log.h"
#include "common/base/metric.h"
#include "common/edge/inner.h"

enum { LINES_A_SECOND = 100 };
#define SECOND_NS UINT64_C(1000000000)

#define X(id, status, label, reason, then)                                               \
	METRIC_COUNTER(no_##id, "imsrig_edge_refused_total{reason=\"" label "\"}",       \
		"handshakes, requests and connections refused");
#include "common/edge/refuse.def"
#undef X

static const struct edge_refusal_row rows[EDGE_NO_COUNT] = {
#define X(id, status, label, reason, then) {status, label, reason, EDGE_##then, &no_##id},
#include "common/edge/refuse.def"
#undef X
};

const struct edge_refusal_row *edge_refusal_row(enum edge_refusal no)
{
	return &rows[no];
}

int edge_refusal_status(enum edge_refusal no)
{
	return rows[no].status;
}

/* Who is refused again and again must not fill the log. */
static bool may_log(void)
{
	static uint64_t since;
	static unsigned lines, more;
	uint64_t now = clock_real_ns();

	if (now - since >= SECOND_NS) {
		if (more)
			log_warn("edge", "%u more refusals not logged", more);
		since = now;
		lines = more = 0;
	}
	if (lines++ < LINES_A_SECOND)
		return true;
	more++;
	return false;
}

static void count(const struct edge_fault *f, const char *what, const struct addr *from)
{
	const struct edge_refusal_row *row = &rows[f->no];
	row->counter->value++;
	if (!may_log())
		return;
	if (row->status)
		log_warn("edge", "%s from %s refused with %d: %s", what, addr_text(from),
			row->status, f->why);
	else
		log_warn("edge", "%s from %s closed: %s", what, addr_text(from), f->why);
}

void edge_count_refusal(const struct edge_fault *f, const struct addr *from)
{
	count(f, rows[f->no].status ? "handshake" : "connection", from);
}

void edge_refuse(struct sip_req *req, const struct edge_fault *f)
{
	const struct edge_refusal_row *row = &rows[f->no];
	count(f, log_text(sip_req_msg(req)->method_text), &sip_req_hop(req)->remote);
	sip_answer(req, row->status, f->no == EDGE_NO_SYNTAX ? f->why : row->reason,
		f->fields);
}

int edge_forward_failed(struct sip_req *req, int err, void *arg)
{
	const struct edge_fault f = {EDGE_NO_NEXT_HOP, uv_strerror(err)};
	count(&f, "REGISTER", &sip_req_hop(req)->remote);
	return rows[f.no].status;
}
