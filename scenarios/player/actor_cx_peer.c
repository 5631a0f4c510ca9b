/* The actor `cx-peer`: Diameter over TCP written with plain octets (RFC 6733, TS 29.229),
 * so that it can send what libfdcore would refuse to build.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "scenarios/player/cx_put.h"
#include "scenarios/player/rig.h"

enum {
	CMD_CE = 257,
	CMD_DW = 280,
	CMD_DP = 282,
	ANSWER_MS = 10000,
	LEAVE_MS = 1000,
	SETTLE_MS = 100,
	MAX_MESSAGE = 1 << 20,
	HEADER_N = 20
};

struct pending { /* a request of ours without its answer */
	struct pending *next;
	struct actor *a;
	uint32_t hop_by_hop;
	struct timer timer; /* nobody waits for ever */
};
struct cx_peer_actor {
	struct stream *stream; /* NULL: not connected */
	struct addr remote;
	struct buf in;
	bool open, agreed; /* TCP is there; capabilities exchanged */
	bool skip_cer;
	bool leaving; /* a DPR was sent: all that is awaited is its answer */
	struct timer leave_limit;
	struct pending *pending;
	json_t *rules;	 /* how requests are answered */
	json_t *options; /* of the connect under way */
	uint32_t next_id;
	unsigned sessions;
	bool closed;
};

static struct cx_peer_actor *self(const struct actor *a)
{
	return a->self;
}

/* ---- the way out and in ---- */

static void describe(const struct actor *a, enum trace_dir dir, struct str bytes,
	struct trace_msg *out)
{
	const struct stream *s = self(a)->stream;

	*out = (struct trace_msg){.proto = TRACE_DIAMETER,
		.via = TRACE_TCP,
		.dir = dir,
		.local = *stream_local(s),
		.remote = self(a)->remote,
		.conn = stream_id(s),
		.bytes = bytes};
}

static void go_out(void *owner, const void *ctx, struct str bytes)
{
	struct actor *a = owner;
	struct trace_msg m;

	if (!self(a)->stream || self(a)->closed)
		return;
	describe(a, TRACE_SENT, bytes, &m);
	trace_emit(a->host.trace, &m);
	stream_write(self(a)->stream, bytes);
}

static void put(struct actor *a, struct str bytes)
{
	struct trace_msg m;

	if (!gate_active(a->host.gate)) {
		go_out(a, NULL, bytes);
		return;
	}
	describe(a, TRACE_SENT, bytes, &m);
	gate_pass(a->host.gate, &cx_gate_proto, &m, go_out, a, "", 1);
}

static void pending_drop(struct cx_peer_actor *p, uint32_t hop_by_hop)
{
	for (struct pending **at = &p->pending; *at; at = &(*at)->next) {
		struct pending *one = *at;
		if (one->hop_by_hop != hop_by_hop)
			continue;
		*at = one->next;
		timer_stop(&one->timer);
		free(one);
		return;
	}
}

static void on_no_answer(struct timer *t, void *arg)
{
	struct pending *one = arg;
	actor_warn(one->a, "a request got no answer within %d s", ANSWER_MS / 1000);
	pending_drop(self(one->a), one->hop_by_hop);
}

static void pending_add(struct actor *a, uint32_t hop_by_hop)
{
	struct pending *one = MEM_NEW(struct pending);

	one->a = a;
	one->hop_by_hop = hop_by_hop;
	one->next = self(a)->pending;
	self(a)->pending = one;
	timer_start(a->host.clock, &one->timer, ANSWER_MS, on_no_answer, one);
}

/* Result, identity, and the request's session: what every answer begins with. */
static void put_answer(struct actor *a, const json_t *o, struct str request,
	const struct cx_header *h, const json_t *rule, struct buf *out)
{
	size_t start = cx_put_header(out, h->command, h->flags & CX_HEADER_P,
		h->application, h->hop_by_hop, h->end_to_end);
	const json_t *avps = json_object_get(rule, "avps");
	struct arena arena = {0};
	struct str session = cx_script_field(request, STR("Session-Id"), &arena);
	char result[16], why[256];

	snprintf(result, sizeof result, "%lld",
		(long long)option_number(rule, "result", 2001));
	if (session.p)
		cx_avp_write(CX_A_Session_Id, session, out);
	if (h->application == CX_APPLICATION) {
		cx_put_application(out);
		cx_put_text(CX_A_Auth_Session_State, "1", out);
	}
	if (!cx_names(avps, "Experimental-Result") && !cx_names(avps, "Result-Code"))
		cx_put_text(CX_A_Result_Code, result, out);
	cx_put_origin(a, o, avps, out);
	if (cx_put_avps(a, avps, out, why))
		actor_warn(a, "%s", why);
	cx_put_length(out, start);
	arena_free(&arena);
}

static json_t *rule_for(struct cx_peer_actor *p, const struct cx_header *h)
{
	const char *name = cx_command_name(h->command, true);
	json_t *rule;
	size_t i;

	json_array_foreach(p->rules, i, rule)
	{
		const char *only = option_text(rule, "command", NULL);
		if (!only || (name && !strcmp(only, name)))
			return rule;
	}
	return NULL;
}

static void on_request(struct actor *a, struct str bytes, const struct cx_header *h)
{
	json_t *rule = rule_for(self(a), h);
	struct buf out = {0};
	bool base = h->command == CMD_DW || h->command == CMD_DP;

	if (!rule && !base)
		return; /* stays silent when told nothing */
	put_answer(a, a->settings, bytes, h, rule, &out);
	put(a, buf_str(&out));
	buf_free(&out);
}

static void take(struct actor *a, struct str bytes)
{
	struct cx_header h;
	struct str avps;

	if (cx_header_parse(bytes, &h, &avps))
		return;
	if (h.request) {
		on_request(a, bytes, &h);
		return;
	}
	pending_drop(self(a), h.hop_by_hop);
	if (h.command == CMD_CE)
		self(a)->agreed = true;
}

static void go_in(void *owner, const void *ctx, struct str bytes)
{
	struct actor *a = owner;
	if (!self(a)->closed)
		take(a, bytes);
}

static void take_leave(struct actor *a, struct str bytes)
{
	struct cx_header h;

	if (!cx_header_parse(bytes, &h, NULL) && !h.request && h.command == CMD_DP)
		stream_close(self(a)->stream);
}

static void receive(struct actor *a, struct str bytes)
{
	struct trace_msg m;

	describe(a, TRACE_RECEIVED, bytes, &m);
	trace_emit(a->host.trace, &m);
	if (self(a)->leaving)
		take_leave(a, bytes);
	else if (gate_active(a->host.gate))
		gate_pass(a->host.gate, &cx_gate_proto, &m, go_in, a, "", 1);
	else
		take(a, bytes);
}

static void on_data(struct stream *s, struct str bytes, void *arg)
{
	struct actor *a = arg;
	struct buf *in = &self(a)->in;

	buf_add(in, bytes);
	while (in->n >= HEADER_N) {
		const uint8_t *b = (const uint8_t *)in->p;
		size_t n = (size_t)b[1] << 16 | (size_t)b[2] << 8 | b[3];
		if (n < HEADER_N || n > MAX_MESSAGE) {
			actor_warn(a, "what came is not Diameter");
			stream_abort(s);
			return;
		}
		if (in->n < n)
			return;
		receive(a, (struct str){in->p, n});
		buf_drop(in, n);
	}
}

static void send_cer(struct actor *a, const json_t *o)
{
	struct cx_peer_actor *p = self(a);
	const json_t *avps = json_object_get(o, "avps");
	uint32_t id = ++p->next_id;
	struct buf out = {0};
	size_t start = cx_put_header(&out, CMD_CE, CX_HEADER_R, 0, id, id);
	uint8_t ip[6] = {0, 1};
	struct cx_avp address = {
		.code = 257, .flags = CX_FLAG_M, .data = {(const char *)ip, sizeof ip}};
	char why[256];

	memcpy(ip + 2, &a->addr.in.sin_addr, 4);
	cx_put_origin(a, o, avps, &out);
	cx_avp_put(&address, &out);
	cx_put_text(CX_A_Vendor_Id, "10415", &out);
	cx_put_text(CX_A_Product_Name, "imsrig cx-peer", &out);
	cx_put_text(CX_A_Supported_Vendor_Id, "10415", &out);
	cx_put_application(&out);
	if (cx_put_avps(a, avps, &out, why))
		actor_warn(a, "%s", why);
	cx_put_length(&out, start);
	pending_add(a, id);
	put(a, buf_str(&out));
	buf_free(&out);
}

/* Who leaves without a DPR is put on probation when it comes back (RFC 3539 3.4.1). */
static void send_dpr(struct actor *a)
{
	static const char rebooting[4];
	struct cx_avp cause = {.code = 273, .flags = CX_FLAG_M, .data = {rebooting, 4}};
	uint32_t id = ++self(a)->next_id;
	struct buf out = {0};
	size_t start = cx_put_header(&out, CMD_DP, CX_HEADER_R, 0, id, id);

	cx_put_origin(a, a->settings, NULL, &out);
	cx_avp_put(&cause, &out);
	cx_put_length(&out, start);
	put(a, buf_str(&out));
	buf_free(&out);
}

static void on_no_dpa(struct timer *t, void *arg)
{
	struct actor *a = arg;
	stream_close(self(a)->stream);
}

/* The connection ends when the DPA is there: before it the other side would take the next
 * connection for a second one of the same peer. */
static void leave(struct actor *a)
{
	struct cx_peer_actor *p = self(a);

	if (!p->agreed) {
		stream_close(p->stream);
		return;
	}
	send_dpr(a);
	p->leaving = true;
	timer_start(a->host.clock, &p->leave_limit, LEAVE_MS, on_no_dpa, a);
}

static void on_open(struct stream *s, void *arg)
{
	struct actor *a = arg;

	self(a)->open = true;
	if (!self(a)->skip_cer)
		send_cer(a, self(a)->options);
}

static void on_closed(struct stream *s, int err, const char *why, void *arg)
{
	struct actor *a = arg;
	struct cx_peer_actor *p = self(a);

	if (err && !p->closed)
		actor_warn(a, "connection with %s: %s", addr_text(&p->remote), why);
	timer_stop(&p->leave_limit);
	a->rig->cx_left_ns = clock_real_ns();
	p->stream = NULL;
	p->open = p->agreed = p->leaving = false;
	buf_free(&p->in);
	while (p->pending)
		pending_drop(p, p->pending->hop_by_hop);
}

/* ---- verbs ---- */

static const struct actor_option cx_settings[] = {{"host", OPTION_TEXT},
	{"realm", OPTION_TEXT}, {"to", OPTION_TEXT}, {"port", OPTION_NUMBER},
	{.name = NULL}};
static const struct actor_option connect_options[] = {
	{"cer", OPTION_SWITCH}, {"avps", OPTION_LIST}, {.name = NULL}};
static const struct actor_option send_options[] = {{"command", OPTION_ANY},
	{"avps", OPTION_LIST}, {"hex", OPTION_TEXT}, {"flags", OPTION_NUMBER},
	{"bare", OPTION_SWITCH}, {"application", OPTION_NUMBER}, {.name = NULL}};
static const struct actor_option answer_options[] = {{"command", OPTION_TEXT},
	{"result", OPTION_NUMBER}, {"avps", OPTION_LIST}, {.name = NULL}};
static const struct actor_option disconnect_options[] = {
	{"hard", OPTION_SWITCH}, {.name = NULL}};

/* libfdcore empties a peer's queue some time after it has called the link closed; a CER that
 * comes in between is lost, and a real peer would try again after its Tc timer. */
static bool settles(const struct actor *a)
{
	return a->rig->cx_left_ns &&
		clock_real_ns() - a->rig->cx_left_ns < SETTLE_MS * UINT64_C(1000000);
}

static int connects(struct actor *a, const json_t *o, char why[256])
{
	static const struct stream_h h = {
		.open = on_open, .data = on_data, .closed = on_closed};
	struct cx_peer_actor *p = self(a);
	const char *to = option_text(o, "to", "hss");
	int err;

	if (p->stream) {
		snprintf(why, 256, "is connected already");
		return -EISCONN;
	}
	if (settles(a)) {
		snprintf(why, 256, "the former link is being closed");
		return -EAGAIN;
	}
	if ((err = actor_target(a, to ? to : "", (uint16_t)option_number(o, "port", 3868),
		     &p->remote, why)))
		return err;
	p->skip_cer = !option_switch(o, "cer", true);
	json_decref(p->options);
	p->options = json_deep_copy(o);
	if ((err = stream_connect(
		     &a->host, &a->addr, &p->remote, NULL, NULL, &h, a, &p->stream))) {
		snprintf(why, 256, "cannot connect to %s: %s", addr_text(&p->remote),
			uv_strerror(err));
		p->stream = NULL;
	}
	return err;
}

static int await_agreed(struct actor *a, char why[256])
{
	const struct cx_peer_actor *p = self(a);

	if (p->stream && p->open && (p->agreed || p->skip_cer))
		return 0;
	snprintf(why, 256,
		p->stream ? "capabilities are not exchanged" : "not connected%s%s",
		*a->reason ? ": " : "", a->reason);
	return p->stream ? -EAGAIN : -ENOTCONN;
}

static uint32_t command_code(const json_t *v, bool *request)
{
	const char *name = json_string_value(v);

	*request = true;
	if (!name)
		return (uint32_t)json_integer_value(v);
	for (uint32_t code = 256; code < 310; code++)
		for (int r = 1; r >= 0; r--) {
			const char *known = cx_command_name(code, r);
			if (!known || strcmp(known, name))
				continue;
			*request = r;
			return code;
		}
	return 0;
}

/* What every Cx request has, unless the script gives it itself or wants none of it. */
static void put_request_head(
	struct actor *a, const json_t *o, const json_t *avps, struct buf *out)
{
	char session[256], host[160], to[160];

	snprintf(session, sizeof session, "%s;%u;%u", cx_identity(a, o, host), 1u,
		++self(a)->sessions);
	if (!cx_names(avps, "Session-Id"))
		cx_put_text(CX_A_Session_Id, session, out);
	if (!cx_names(avps, "Vendor-Specific-Application-Id"))
		cx_put_application(out);
	if (!cx_names(avps, "Auth-Session-State"))
		cx_put_text(CX_A_Auth_Session_State, "1", out);
	cx_put_origin(a, o, avps, out);
	if (!cx_names(avps, "Destination-Realm"))
		cx_put_text(CX_A_Destination_Realm, RIG_DOMAIN, out);
	snprintf(to, sizeof to, "%s." RIG_DOMAIN, option_text(o, "to", "hss"));
	if (!cx_names(avps, "Destination-Host"))
		cx_put_text(CX_A_Destination_Host, to, out);
}

static int sends(struct actor *a, const json_t *o, char why[256])
{
	struct cx_peer_actor *p = self(a);
	const json_t *avps = json_object_get(o, "avps");
	const char *hex = option_text(o, "hex", NULL);
	struct buf out = {0};
	uint32_t id = ++p->next_id, code;
	bool request;
	int err = await_agreed(a, why);

	if (err)
		return err;
	if (hex) {
		if (!(err = actor_hex(hex, &out, why)))
			put(a, buf_str(&out));
		goto out;
	}
	code = command_code(json_object_get(o, "command"), &request);
	if (!code) {
		snprintf(why, 256, "needs a command (UAR, 300) or hex");
		return -EINVAL;
	}
	uint8_t flags = (uint8_t)option_number(
		o, "flags", (request ? CX_HEADER_R : 0) | (code < 300 ? 0 : CX_HEADER_P));
	size_t start = cx_put_header(&out, code, flags,
		(uint32_t)option_number(
			o, "application", code < 300 ? 0 : CX_APPLICATION),
		id, id);
	if (code < 300 && !option_switch(o, "bare", false))
		cx_put_origin(a, o, avps, &out);
	else if (!option_switch(o, "bare", false))
		put_request_head(a, o, avps, &out);
	if ((err = cx_put_avps(a, avps, &out, why)))
		goto out;
	cx_put_length(&out, start);
	if (flags & CX_HEADER_R)
		pending_add(a, id);
	put(a, buf_str(&out));
out:
	buf_free(&out);
	return err;
}

static int answers(struct actor *a, const json_t *o, char why[256])
{
	if (!self(a)->rules)
		self(a)->rules = json_array();
	/* The newest first: it replaces what was told before. */
	json_array_insert_new(self(a)->rules, 0, json_deep_copy(o));
	return 0;
}

static int disconnects(struct actor *a, const json_t *o, char why[256])
{
	struct cx_peer_actor *p = self(a);

	if (!p->stream) {
		snprintf(why, 256, "not connected");
		return -ENOTCONN;
	}
	if (option_switch(o, "hard", false))
		stream_abort(p->stream);
	else
		leave(a);
	return 0;
}

static const struct actor_verb cx_verbs[] = {{"connects", connect_options, connects},
	{"sends", send_options, sends}, {"answers", answer_options, answers},
	{"disconnects", disconnect_options, disconnects}, {.name = NULL}};

/* ---- life ---- */

static int peer_open(struct actor *a, char why[256])
{
	struct cx_peer_actor *p = a->self = MEM_NEW(struct cx_peer_actor);
	p->next_id = chance_u32(&a->host.chance) & 0xffffff;
	return 0;
}

static void peer_close(struct actor *a)
{
	struct cx_peer_actor *p = self(a);

	if (p->closed)
		return;
	if (p->stream)
		leave(a);
	p->closed = true;
	while (p->pending)
		pending_drop(p, p->pending->hop_by_hop);
	json_decref(p->rules);
	json_decref(p->options);
}

static bool peer_closed(const struct actor *a)
{
	return !self(a)->stream;
}

static int peer_busy(const struct actor *a)
{
	int n = self(a)->stream && (!self(a)->open || self(a)->leaving);
	for (const struct pending *one = self(a)->pending; one; one = one->next)
		n++;
	return n;
}

const struct actor_kind actor_cx_peer = {
	.name = "cx-peer",
	.settings = cx_settings,
	.verbs = cx_verbs,
	.settings_are_options = true,
	.open = peer_open,
	.close = peer_close,
	.closed = peer_closed,
	.busy = peer_busy,
};
