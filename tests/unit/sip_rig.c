/* What the tests of the SIP stack stand on.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/sip_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- the element ---- */

static void on_request(struct sip_req *req, void *arg)
{
	struct sip_rig *r = arg;
	r->requests++;
	r->req_id = sip_req_id(req);
	r->req = req;
	r->conn = sip_req_hop(req)->conn;
	if (r->on_request)
		r->on_request(r, req);
}

static void on_gone(struct sip_stack *s, uint64_t conn, void *arg)
{
	struct sip_rig *r = arg;
	r->gone++;
	r->gone_id = conn;
}

static void on_garbage(struct sip_stack *s, const struct sip_hop *from, void *arg)
{
	struct sip_rig *r = arg;
	r->garbage++;
}

const struct sip_stack_h sip_rig_h = {
	.request = on_request, .flow_gone = on_gone, .garbage = on_garbage};

void heard(int err, const struct sip_msg *m, void *arg)
{
	struct sip_rig *r = arg;
	r->answers++;
	r->err = err;
	r->status = m ? m->status : 0;
	r->answered_at = sip_rig_now(r);
	assert_true((err != 0) == (m == NULL));
}

/* ---- the record ---- */

static void on_trace(const struct trace_msg *m, void *arg)
{
	struct sip_rig *r = arg;
	if (m->dir != TRACE_SENT || m->proto != TRACE_SIP)
		return;
	assert_true(r->n_sent < MAX_SENT);
	r->sent[r->n_sent++] = (struct sent){
		.at = sip_rig_now(r),
		.via = m->via,
		.to = m->remote,
		.text = str_dup(m->bytes),
	};
}

void sip_rig_forget_sent(struct sip_rig *r)
{
	while (r->n_sent)
		free(r->sent[--r->n_sent].text);
}

void sip_rig_sent_at(const struct sip_rig *r, int first, const int64_t *at)
{
	int i = first;
	for (; *at >= 0; at++, i++) {
		if (i >= r->n_sent)
			fail_msg("message %d was not sent", i);
		int64_t was = r->sent[i].at - r->sent[first].at;
		if (was < *at || was > *at + 30)
			fail_msg("message %d was sent after %d ms, not %d", i, (int)was,
				(int)*at);
	}
	if (i != r->n_sent)
		fail_msg("%d messages were sent, not %d", r->n_sent, i);
}

/* ---- life and time ---- */

void sip_rig_open(struct sip_rig *r, const char *name)
{
	struct sip_stack_conf conf = r->conf;
	memset(r, 0, sizeof *r);
	rig_open(&r->rig, name);
	r->t0 = clock_ms(r->rig.host.clock);
	r->rig.host.trace = trace_sink(r->rig.host.clock, name, on_trace, r);
	assert_int_equal(sip_stack_new(&r->rig.host, &conf, &sip_rig_h, r, &r->s), 0);
}

void sip_rig_udp(struct sip_rig *r, const char *local)
{
	struct addr a = rig_addr(local);
	assert_true(sip_listen(r->s, SIP_UDP, &a, NULL, false) >= 0);
}

void sip_rig_close(struct sip_rig *r)
{
	if (r->s)
		sip_stack_close(r->s);
	for (int i = 0; i < 5; i++)
		uv_run(r->rig.host.loop, UV_RUN_NOWAIT);
	sip_rig_forget_sent(r);
	trace_free(r->rig.host.trace);
	r->rig.host.trace = NULL;
	rig_close(&r->rig);
}

void sip_rig_join(struct sip_rig *r, struct sip_rig *first, const char *name)
{
	struct sip_stack_conf conf = r->conf;
	memset(r, 0, sizeof *r);
	r->rig.host = first->rig.host;
	r->rig.host.name = name;
	r->t0 = first->t0;
	r->rig.host.trace = trace_sink(r->rig.host.clock, name, on_trace, r);
	chance_init(&r->rig.host.chance, 1, name);
	assert_int_equal(sip_stack_new(&r->rig.host, &conf, &sip_rig_h, r, &r->s), 0);
}

void sip_rig_leave(struct sip_rig *r)
{
	if (r->s)
		sip_stack_close(r->s);
	uv_run(r->rig.host.loop, UV_RUN_NOWAIT);
	sip_rig_forget_sent(r);
	trace_free(r->rig.host.trace);
	r->rig.host.trace = NULL;
}

int64_t sip_rig_now(const struct sip_rig *r)
{
	return clock_ms(r->rig.host.clock) - r->t0;
}

void sip_rig_settle(struct sip_rig *r)
{
	for (int i = 0; i < 12; i++) {
		uv_run(r->rig.host.loop, UV_RUN_NOWAIT);
		usleep(100);
	}
}

void sip_rig_pass(struct sip_rig *r, int64_t ms)
{
	struct clock *c = r->rig.host.clock;
	int64_t end = clock_ms(c) + ms;

	for (;;) {
		sip_rig_settle(r);
		int64_t left = end - clock_ms(c), next = clock_next(c);
		if (left <= 0)
			return;
		if (next < 0 || next > left)
			next = left;
		assert_int_equal(clock_set_offset(c, clock_offset_ms(c) + next), 0);
	}
}

void sip_rig_rule(struct sip_rig *r, const char *json)
{
	const char *why = NULL;
	json_t *rule = json_loads(json, 0, NULL);
	assert_non_null(rule);
	if (gate_add(r->rig.host.gate, rule, &why))
		fail_msg("%s", why);
	json_decref(rule);
}

/* ---- texts ---- */

static char *ring(void)
{
	static char bufs[16][4096];
	static unsigned at;
	return bufs[at++ % 16];
}

const char *text_request(const char *method, const char *via, const char *fields)
{
	char *out = ring();
	snprintf(out, 4096,
		"%s sip:ims.example.org SIP/2.0\r\nVia: %s\r\nMax-Forwards: 70\r\n"
		"From: <sip:alice@ims.example.org>;tag=a1\r\nTo: <sip:bob@ims.example.org>\r\n"
		"Call-ID: c1@127.35.0.101\r\nCSeq: 7 %s\r\n%sContent-Length: 0\r\n\r\n",
		method, via, method, fields);
	return out;
}

const char *text_field(const char *text, const char *name)
{
	char *out = ring(), want[64];
	snprintf(want, sizeof want, "\r\n%s: ", name);
	const char *at = strstr(text, want);
	if (!at)
		return NULL;
	at += strlen(want);
	snprintf(out, 4096, "%.*s", (int)strcspn(at, "\r"), at);
	return out;
}

const char *text_response(const char *req, int status, const char *tag)
{
	char *out = ring();
	int n = snprintf(out, 4096, "SIP/2.0 %d Whatever\r\n", status);
	for (const char *at = strstr(req, "\r\nVia: "); at;
		at = strstr(at + 2, "\r\nVia: "))
		n += snprintf(out + n, 4096 - (size_t)n, "%.*s\r\n",
			(int)strcspn(at + 2, "\r"), at + 2);
	snprintf(out + n, 4096 - (size_t)n,
		"From: %s\r\nTo: %s%s%s\r\nCall-ID: %s\r\nCSeq: %s\r\nContent-Length: "
		"0\r\n\r\n",
		text_field(req, "From"), text_field(req, "To"), tag ? ";tag=" : "",
		tag ? tag : "", text_field(req, "Call-ID"), text_field(req, "CSeq"));
	return out;
}

const char *text_like(const char *req, const char *method, const char *to_tag)
{
	char *out = ring();
	snprintf(out, 4096,
		"%s sip:ims.example.org SIP/2.0\r\nVia: %s\r\nMax-Forwards: 70\r\n"
		"From: %s\r\nTo: %s%s%s\r\nCall-ID: %s\r\nCSeq: %d %s\r\n"
		"Content-Length: 0\r\n\r\n",
		method, text_field(req, "Via"), text_field(req, "From"),
		text_field(req, "To"), to_tag ? ";tag=" : "", to_tag ? to_tag : "",
		text_field(req, "Call-ID"), atoi(text_field(req, "CSeq")), method);
	return out;
}

/* ---- peers ---- */

static void on_datagram(
	struct udp *u, const struct addr *from, struct str bytes, void *arg)
{
	struct peer *p = arg;
	free(p->last);
	p->last = str_dup(bytes);
	p->from = *from;
	p->n++;
}

void peer_open(struct peer *p, struct sip_rig *r, const char *local, const char *remote)
{
	struct addr a = rig_addr(local);
	*p = (struct peer){.remote = rig_addr(remote)};
	assert_int_equal(udp_open(&r->rig.host, &a, on_datagram, p, &p->udp), 0);
}

void peer_send(struct peer *p, const char *text)
{
	assert_int_equal(udp_send(p->udp, &p->remote, str_of(text)), 0);
}

void peer_say(struct peer *p, struct sip_rig *r, const char *text)
{
	peer_send(p, text);
	sip_rig_settle(r);
}

void peer_close(struct peer *p)
{
	udp_close(p->udp);
	free(p->last);
	*p = (struct peer){0};
}
