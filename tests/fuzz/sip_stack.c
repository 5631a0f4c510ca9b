/* The SIP stack under any sequence of datagrams and passing time.
 *
 * The first byte chooses what the element does. The rest is a list of steps parted by
 * lines "%%": "T<ms>" lets time pass, anything else comes as a datagram, with "$B"
 * standing for the branch of what the stack sent last, so that answers can meet their
 * requests.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/sip/inner.h"

enum {
	ANSWER = 1,
	FORWARD = 2,
	RING = 4,
	SEND = 8,
	INVITE = 16,
	CANCEL = 32,
	CLOSE = 64
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct fuzz {
	uv_loop_t loop;
	struct host host;
	struct sip_stack *s;
	int policy;
	char branch[BRANCH_SIZE];
	uint64_t sent;
} fz;

static void on_trace(const struct trace_msg *m, void *arg)
{
	ptrdiff_t at =
		m->dir == TRACE_SENT ? str_find(m->bytes, STR("branch=z9hG4bK")) : -1;
	if (at >= 0 && m->bytes.n - (size_t)at >= 7 + 31)
		snprintf(fz.branch, sizeof fz.branch, "%.31s", m->bytes.p + at + 7);
}

static struct sip_hop peer_hop(void)
{
	struct sip_hop hop = {.transport = SIP_UDP};
	addr_parse(STR("127.35.0.199:5060"), 0, &hop.remote);
	return hop;
}

static int on_response(struct sip_req *req, const struct sip_msg *m, struct sip_edit *e,
	void *arg)
{
	sip_edit_remove_all(e, SIP_H_P_CHARGING_VECTOR);
	sip_edit_add(e, STR("X-Seen"), STR("yes"));
	return m->status == 404 ? 480 : 0;
}

static const struct sip_forward_h forward_h = {.response = on_response};

static void on_request(struct sip_req *req, void *arg)
{
	struct sip_hop to = peer_hop();
	struct sip_edit e;

	if (fz.policy & RING)
		sip_answer(req, 180, NULL, STR_NONE);
	if (fz.policy & FORWARD && sip_req_find(fz.s, sip_req_id(req))) {
		sip_edit_begin(&e, sip_req_msg(req), sip_req_arena(req));
		sip_route_own(req, &e, NULL);
		if (sip_forward(req, &e, &to, &forward_h, NULL))
			sip_answer(req, 500, NULL, STR_NONE);
	} else if (fz.policy & ANSWER) {
		sip_answer_fmt(req, 200, NULL, "X-Id: %d\r\n", 1);
	} else if (fz.policy & CLOSE) {
		sip_stack_close(fz.s);
		fz.s = NULL;
	}
}

static void on_answer(int err, const struct sip_msg *m, void *arg)
{
	if (fz.policy & CLOSE && fz.s) {
		sip_stack_close(fz.s);
		fz.s = NULL;
	}
}

static const struct sip_stack_h stack_h = {.request = on_request};

static void start(void)
{
	static const struct log_conf quiet = {.level = LOG_ERROR + 1, .node = "fuzz"};
	log_setup(&quiet);
	uv_loop_init(&fz.loop);
	fz.host = (struct host){
		.name = "fuzz", .loop = &fz.loop, .clock = clock_new(&fz.loop)};
	fz.host.gate = gate_new(fz.host.clock);
	fz.host.trace = trace_sink(fz.host.clock, "fuzz", on_trace, NULL);
}

static void open_stack(void)
{
	static const struct sip_stack_conf conf = {.max_transactions = 50,
		.server = "fuzz",
		.ends_here = 1u << SIP_M_MESSAGE};
	struct addr local;
	addr_parse(STR("127.35.0.198:0"), 0, &local);
	chance_init(&fz.host.chance, 1, "fuzz");
	sip_stack_new(&fz.host, &conf, &stack_h, NULL, &fz.s);
	if (sip_listen(fz.s, SIP_UDP, &local, NULL, false) < 0)
		abort();
}

static void send_own(void)
{
	struct sip_hop to = peer_hop();
	struct buf b = {0};
	struct str method = fz.policy & INVITE ? STR("INVITE") : STR("OPTIONS");
	sip_put_request(&b, method, STR("sip:x@example.org"));
	sip_put_fmt(&b, "From", "<sip:a@example.org>;tag=1");
	sip_put_fmt(&b, "To", "<sip:x@example.org>");
	sip_put_fmt(&b, "Call-ID", "1");
	sip_put_fmt(&b, "CSeq", "1 " STR_FMT, STR_ARG(method));
	sip_put_end(&b, STR_NONE, STR_NONE);
	sip_send(fz.s, buf_str(&b), &to, on_answer, NULL, &fz.sent);
	if (fz.policy & CANCEL)
		sip_cancel(fz.s, fz.sent);
	buf_free(&b);
}

static void datagram(struct str step)
{
	struct sip_hop from = peer_hop();
	struct buf b = {0};
	ptrdiff_t at;
	from.in = true;
	while ((at = str_find(step, STR("$B"))) >= 0) {
		buf_put(&b, step.p, (size_t)at);
		buf_add(&b, str_of(fz.branch));
		step = str_skip(step, (size_t)at + 2);
	}
	buf_add(&b, step);
	char *exact = mem_alloc(b.n); /* so that a read past the end is seen */
	if (b.n)
		memcpy(exact, b.p, b.n);
	stack_receive(fz.s, &from, (struct str){exact, b.n});
	free(exact);
	buf_free(&b);
}

static void take(struct str step)
{
	uint32_t ms;
	if (step.n && step.p[0] == 'T' && !str_u32(str_skip(step, 1), &ms) && ms < 200000)
		clock_set_offset(fz.host.clock, clock_offset_ms(fz.host.clock) + ms);
	else
		datagram(step);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct str rest = {(const char *)data, n};
	if (!fz.host.loop)
		start();
	if (!n)
		return 0;
	fz.policy = data[0];
	fz.branch[0] = 0;
	rest = str_skip(rest, 1);
	open_stack();
	if (fz.policy & SEND)
		send_own();
	while (rest.n && fz.s) {
		ptrdiff_t at = str_find(rest, STR("\n%%\n"));
		struct str step = at < 0 ? rest : (struct str){rest.p, (size_t)at};
		rest = at < 0 ? STR_NONE : str_skip(rest, (size_t)at + 4);
		take(step);
	}
	if (fz.s)
		sip_stack_close(fz.s);
	uv_run(&fz.loop, UV_RUN_NOWAIT);
	uv_run(&fz.loop, UV_RUN_NOWAIT);
	return 0;
}
