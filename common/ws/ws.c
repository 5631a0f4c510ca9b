/* WebSocket connections: messages, keep-alive, closing (RFC 6455 5.5, 7).
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/ws/ws.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/metric.h"
#include "common/ws/feed.h"
#include "common/ws/inside.h"

METRIC_IDLE(ws_open, "imsrig_ws_connections_open", "WebSocket connections that are open");
#define FAULT_COUNTER(var, why)                                                          \
	METRIC_COUNTER(var, "imsrig_ws_faults_total{reason=\"" why "\"}",                \
		"WebSocket connections ended for the peer's fault")
FAULT_COUNTER(fault_frame, "frame");
FAULT_COUNTER(fault_text, "utf-8");
FAULT_COUNTER(fault_large, "size");
FAULT_COUNTER(fault_fragments, "fragments");
FAULT_COUNTER(fault_silent, "silent");
FAULT_COUNTER(fault_broken, "broken");

enum {
	MESSAGE_MAX = 64 * 1024,
	FRAGMENTS_MAX = 64,
	MISSES = 2,
	CLOSE_MS = 2000,   /* for the peer's close after ours, or its end of the TCP
			      connection */
	CONTROL_MAX = 125, /* RFC 6455 5.5 */
	NORMAL = 1000,
	NO_STATUS = 1005,
	BROKEN = 1006,
};

struct ws {
	struct stream *stream;
	const struct ws_h *h;
	void *arg;
	struct ws_feed feed;
	struct timer timer;    /* keep-alive; then closing */
	char *why;             /* why it ends; NULL: the stream says */
	int64_t heard_ms;
	int ping_ms;
	uint16_t code;         /* to tell at the end */
	uint8_t ping_misses, unanswered;
	bool sent_close, got_close;
};

static const struct stream_h ws_stream_h;

static struct host *host_of(const struct ws *w)
{
	return stream_host(w->stream);
}

static void note_end(struct ws *w, int code, const char *why)
{
	w->code = (uint16_t)code;
	if (!w->why)
		w->why = str_dup(str_of(why));
}

/* ---- frames out ---- */

static int put(struct str bytes, void *arg)
{
	return stream_write(arg, bytes);
}

static int frame(struct ws *w, enum ws_op op, struct str payload)
{
	struct chance *mask = w->feed.server ? NULL : &host_of(w)->chance;
	return ws_frame(op, true, payload, mask, put, w->stream);
}

int ws_send(struct ws *w, bool text, struct str bytes)
{
	if (w->sent_close)
		return -EPIPE;
	return frame(w, text ? WS_TEXT : WS_BINARY, bytes);
}

int ws_send_raw(struct ws *w, struct str bytes)
{
	return stream_write(w->stream, bytes);
}

/* ---- control frames: as text for trace and gate, as frames on the wire ---- */

static const struct {
	enum ws_op op;
	const char *name;
} verbs[] = {{WS_PING, "PING"}, {WS_PONG, "PONG"}, {WS_CLOSE, "CLOSE"}};

static void put_text(struct buf *b, enum ws_op op, int code, struct str payload)
{
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (verbs[i].op == op)
			buf_fmt(b, "%s", verbs[i].name);
	if (op == WS_CLOSE && code != NO_STATUS)
		buf_fmt(b, " %d", code);
	if (payload.n)
		buf_byte(b, ' ');
	buf_add(b, payload);
}

/* The same read again: 0, or -EINVAL when the gate made something else of it. */
static int read_text(struct str text, enum ws_op *op, int *code, struct str *payload)
{
	struct str rest = text, verb = str_cut(&rest, ' ');
	uint32_t n = NO_STATUS;
	size_t i = 0;
	while (i < sizeof verbs / sizeof *verbs && !str_eq(verb, str_of(verbs[i].name)))
		i++;
	if (i == sizeof verbs / sizeof *verbs)
		return -EINVAL;
	*op = verbs[i].op;
	if (*op == WS_CLOSE && rest.n && (str_u32(str_cut(&rest, ' '), &n) || n > 65535))
		return -EINVAL;
	*code = (int)n;
	*payload = rest;
	return 0;
}

static struct trace_msg record(struct ws *w, enum trace_dir dir, struct str text)
{
	return (struct trace_msg){.proto = TRACE_WS,
		.via = stream_is_tls(w->stream) ? TRACE_WSS : TRACE_WS_PLAIN,
		.dir = dir,
		.local = *stream_local(w->stream),
		.remote = *stream_remote(w->stream),
		.conn = stream_id(w->stream),
		.bytes = text};
}

static void trace(struct ws *w, enum trace_dir dir, struct str text)
{
	struct host *h = host_of(w);
	if (!h->trace)
		return;
	struct trace_msg m = record(w, dir, text);
	trace_emit(h->trace, &m);
}

static struct ws *find(struct host *h, const void *ctx)
{
	uint64_t id;
	memcpy(&id, ctx, sizeof id);
	return stream_owner(stream_find(h, id), &ws_stream_h);
}

static void pass(struct ws *w, enum trace_dir dir, struct str text, gate_go_h *go)
{
	struct host *h = host_of(w);
	uint64_t id = stream_id(w->stream);
	struct trace_msg m = record(w, dir, text);
	if (gate_active(h->gate))
		gate_pass(h->gate, &ws_gate_proto, &m, go, h, &id, sizeof id);
	else
		go(h, &id, text);
}

static void leave(void *owner, const void *ctx, struct str text)
{
	struct ws *w = find(owner, ctx);
	enum ws_op op;
	int code;
	struct str payload;
	char bytes[CONTROL_MAX];
	size_t n = 0;

	if (!w || read_text(text, &op, &code, &payload))
		return;
	if (op == WS_CLOSE && code != NO_STATUS) {
		bytes[n++] = (char)(code >> 8);
		bytes[n++] = (char)code;
	}
	if (payload.n > sizeof bytes - n)
		payload.n = sizeof bytes - n;
	if (payload.n)
		memcpy(bytes + n, payload.p, payload.n);
	if (!frame(w, op, (struct str){bytes, n + payload.n}))
		trace(w, TRACE_SENT, text);
}

static void send_control(struct ws *w, enum ws_op op, int code, struct str payload)
{
	struct buf text = {0};
	put_text(&text, op, code, payload);
	pass(w, TRACE_SENT, buf_str(&text), leave);
	buf_free(&text);
}

int ws_ping(struct ws *w, struct str payload)
{
	if (w->sent_close)
		return -EPIPE;
	if (payload.n > CONTROL_MAX)
		return -EMSGSIZE;
	send_control(w, WS_PING, 0, payload);
	return 0;
}

/* ---- closing ---- */

static void on_close_late(struct timer *t, void *arg)
{
	struct ws *w = arg;
	stream_close(w->stream);
}

static void await_end(struct ws *w)
{
	timer_start(host_of(w)->clock, &w->timer, CLOSE_MS, on_close_late, w);
}

void ws_close(struct ws *w, int code, const char *reason)
{
	if (w->sent_close || w->got_close)
		return;
	send_control(w, WS_CLOSE, code, str_of(reason));
	w->sent_close = true;
	await_end(w);
}

/* Both closes are through: the server ends the TCP connection, the client awaits that. */
static void on_close(struct ws *w, int code, struct str reason)
{
	char why[160];
	if (w->got_close)
		return;
	w->got_close = true;
	snprintf(why, sizeof why, "closed by the peer%s%s", reason.n ? ": " : "",
		reason.n ? log_text(reason) : "");
	note_end(w, code, w->sent_close ? "closed here" : why);
	if (!w->sent_close)
		send_control(w, WS_CLOSE, code, STR_NONE);
	w->sent_close = true;
	timer_stop(&w->timer);
	if (w->feed.server)
		stream_close(w->stream);
	else
		await_end(w);
}

static struct metric *counter_of(int code)
{
	switch (code) {
	case 1007: return &fault_text;
	case 1008: return &fault_fragments;
	case 1009: return &fault_large;
	default: return &fault_frame;
	}
}

static void peer_fault(struct ws *w, int code, const char *why)
{
	counter_of(code)->value++;
	log_warn("ws", "%s: %d, %s", addr_text(stream_remote(w->stream)), code, why);
	note_end(w, code, why);
	if (!w->sent_close)
		send_control(w, WS_CLOSE, code, str_of(why));
	w->sent_close = w->got_close = true;
	timer_stop(&w->timer);
	stream_close(w->stream);
}

/* ---- frames in ---- */

static void heard(struct ws *w)
{
	w->heard_ms = clock_ms(host_of(w)->clock);
	w->unanswered = 0;
}

static void on_message(bool text, struct str payload, void *arg)
{
	struct ws *w = arg;
	heard(w);
	if (!w->sent_close && stream_is_open(w->stream))
		w->h->message(w, text, payload, w->arg);
}

static void arrive(void *owner, const void *ctx, struct str text)
{
	struct ws *w = find(owner, ctx);
	enum ws_op op;
	int code;
	struct str payload;
	if (!w || read_text(text, &op, &code, &payload))
		return;
	heard(w);
	if (op == WS_CLOSE)
		on_close(w, code, payload);
	else if (op == WS_PING && !w->sent_close)
		send_control(w, WS_PONG, 0, payload);
}

static void on_control(enum ws_op op, int code, struct str payload, void *arg)
{
	struct ws *w = arg;
	struct buf text = {0};
	put_text(&text, op, code, payload);
	trace(w, TRACE_RECEIVED, buf_str(&text));
	pass(w, TRACE_RECEIVED, buf_str(&text), arrive);
	buf_free(&text);
}

static void on_data(struct stream *s, struct str bytes, void *arg)
{
	struct ws *w = arg;
	const char *why = "";
	int code = ws_feed_bytes(&w->feed, bytes, &why);
	if (code)
		peer_fault(w, code, why);
}

static void on_closed(struct stream *s, int err, const char *why, void *arg)
{
	struct ws *w = arg;
	ws_open.value--;
	if (!w->got_close && !w->why && (err || stream_peer_ended(s))) {
		fault_broken.value++;
		log_info("ws", "%s: ended without a close, %s",
			addr_text(stream_remote(s)), why);
	}
	w->h->closed(w, w->code, w->why ? w->why : why, w->arg);
	timer_stop(&w->timer);
	ws_feed_free(&w->feed);
	free(w->why);
	free(w);
}

static const struct stream_h ws_stream_h = {NULL, on_data, on_closed};

/* ---- keep-alive ---- */

static void on_keepalive(struct timer *t, void *arg)
{
	struct ws *w = arg;
	struct clock *clock = host_of(w)->clock;
	int64_t quiet = clock_ms(clock) - w->heard_ms;
	char why[64];

	if (quiet < w->ping_ms && !w->unanswered) {
		timer_start(clock, &w->timer, w->ping_ms - quiet, on_keepalive, w);
		return;
	}
	if (w->unanswered < w->ping_misses) {
		w->unanswered++;
		send_control(w, WS_PING, 0, STR_NONE);
		timer_start(clock, &w->timer, w->ping_ms, on_keepalive, w);
		return;
	}
	snprintf(why, sizeof why, "no answer to %d pings", w->unanswered);
	fault_silent.value++;
	log_warn("ws", "%s: %s", addr_text(stream_remote(w->stream)), why);
	note_end(w, BROKEN, why);
	w->sent_close = true;
	stream_abort(w->stream);
}

/* ---- life ---- */

struct ws *ws_new(struct stream *s, bool server, const struct ws_conf *conf,
	const struct ws_h *h, void *arg)
{
	static const struct ws_feed_h feed_h = {on_message, on_control};
	int fragments = conf->max_fragments;
	struct ws *w = MEM_NEW(struct ws);
	w->stream = s;
	w->h = h;
	w->arg = arg;
	w->code = BROKEN;
	w->ping_ms = conf->ping_ms;
	w->ping_misses = (uint8_t)(conf->ping_misses ? conf->ping_misses : MISSES);
	w->feed = (struct ws_feed){.h = &feed_h,
		.arg = w,
		.server = server,
		.max_message =
			(uint32_t)(conf->max_message ? conf->max_message : MESSAGE_MAX),
		.max_fragments = fragments > 0 && fragments < UINT16_MAX
					 ? (uint16_t)fragments
					 : FRAGMENTS_MAX};
	ws_open.value++;
	stream_handlers(s, &ws_stream_h, w);
	heard(w);
	if (w->ping_ms)
		timer_start(host_of(w)->clock, &w->timer, w->ping_ms, on_keepalive, w);
	return w;
}

void ws_set(struct ws *w, const struct ws_h *h, void *arg)
{
	w->h = h;
	w->arg = arg;
}

struct stream *ws_stream(const struct ws *w)
{
	return w->stream;
}

uint64_t ws_id(const struct ws *w)
{
	return stream_id(w->stream);
}

/* ---- for gate and judge ---- */

struct str ws_script_field(struct str bytes, struct str name)
{
	enum ws_op op;
	int code;
	struct str payload;
	if (read_text(bytes, &op, &code, &payload))
		return STR_NONE;
	struct str rest = bytes;
	str_cut(&rest, ' ');
	if (str_ieq(name, STR("code")) && op == WS_CLOSE && code != NO_STATUS)
		return str_cut(&rest, ' ');
	if (str_ieq(name, STR("reason")) && op == WS_CLOSE)
		return payload;
	if (str_ieq(name, STR("payload")) && op != WS_CLOSE)
		return payload;
	return STR_NONE;
}

static struct str gate_field(const struct trace_msg *m, struct str name)
{
	return ws_script_field(m->bytes, name);
}

static struct str gate_what(const struct trace_msg *m, struct buf *scratch)
{
	struct str rest = m->bytes, verb = str_cut(&rest, ' ');
	buf_fmt(scratch, "WS " STR_FMT, STR_ARG(verb));
	return buf_str(scratch);
}

const struct gate_proto ws_gate_proto = {gate_what, gate_field, NULL};
