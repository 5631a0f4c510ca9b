/* The actor `ws-client`: WebSocket handshakes and frames as no library would send them
 * (RFC 6455, RFC 7118). Frames are written and read here, octet by octet.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>

#include "common/http/http.h"
#include "common/sip/stack.h"
#include "scenarios/player/rig.h"

#define WWSF_ORIGIN "https://wwsf." RIG_DOMAIN ":8443"

enum { OP_CONTINUATION, OP_TEXT, OP_BINARY, OP_CLOSE = 8, OP_PING, OP_PONG };
enum { OPEN_TRIES = 2000, MAX_FRAME = 1 << 20 };

struct client {
	struct tls *tls;
	struct http_client *http;
	struct stream *stream; /* of the open WebSocket */
	struct addr remote;
	struct buf in;
	bool opening, deaf; /* deaf: pings and closes are not answered */
	char refused[160];
	bool closed;
};

static struct client *self(const struct actor *a)
{
	return a->self;
}

/* ---- frames ---- */

static void put_frame(
	struct actor *a, int op, bool fin, bool mask, struct str payload, struct buf *out)
{
	uint8_t key[4];

	buf_u8(out, (uint8_t)((fin ? 0x80 : 0) | op));
	if (payload.n < 126) {
		buf_u8(out, (uint8_t)((mask ? 0x80 : 0) | payload.n));
	} else if (payload.n < 65536) {
		buf_u8(out, (mask ? 0x80 : 0) | 126);
		buf_u16(out, (uint16_t)payload.n);
	} else {
		buf_u8(out, (mask ? 0x80 : 0) | 127);
		buf_u32(out, 0);
		buf_u32(out, (uint32_t)payload.n);
	}
	if (!mask) {
		buf_add(out, payload);
		return;
	}
	chance_bytes(&a->host.chance, key, sizeof key);
	buf_put(out, key, sizeof key);
	for (size_t i = 0; i < payload.n; i++)
		buf_u8(out, (uint8_t)payload.p[i] ^ key[i & 3]);
}

/* Data as it is, control frames as common/ws/ws.h writes them: "CLOSE 1000 reason". */
static void trace_frame(struct actor *a, enum trace_dir dir, int op, struct str payload)
{
	static const char *const verbs[] = {
		[OP_CLOSE] = "CLOSE", [OP_PING] = "PING", [OP_PONG] = "PONG"};
	const struct stream *s = self(a)->stream;
	struct buf text = {0};
	struct trace_msg m = {.proto = TRACE_SIP,
		.via = TRACE_WSS,
		.dir = dir,
		.local = *stream_local(s),
		.remote = self(a)->remote,
		.conn = stream_id(s),
		.bytes = payload};

	if (op >= OP_CLOSE && op <= OP_PONG) {
		buf_fmt(&text, "%s", verbs[op]);
		if (op == OP_CLOSE && payload.n >= 2) {
			buf_fmt(&text, " %d",
				(uint8_t)payload.p[0] << 8 | (uint8_t)payload.p[1]);
			payload = str_skip(payload, 2);
		}
		if (payload.n)
			buf_fmt(&text, " " STR_FMT, STR_ARG(payload));
		m.proto = TRACE_WS;
		m.bytes = buf_str(&text);
	}
	trace_emit(a->host.trace, &m);
	buf_free(&text);
}

static void send_frame(struct actor *a, int op, struct str payload)
{
	struct buf frame = {0};

	trace_frame(a, TRACE_SENT, op, payload);
	put_frame(a, op, true, true, payload, &frame);
	stream_write(self(a)->stream, buf_str(&frame));
	buf_free(&frame);
}

static void take(struct actor *a, int op, struct str payload)
{
	struct client *c = self(a);

	trace_frame(a, TRACE_RECEIVED, op, payload);
	if (op == OP_PING && !c->deaf)
		send_frame(a, OP_PONG, payload);
	if (op == OP_CLOSE && !c->deaf) {
		send_frame(a, OP_CLOSE, payload);
		stream_close(c->stream);
	}
}

/* One frame at the front: its length, 0 when more is needed. */
static size_t frame_length(struct str in, size_t *head)
{
	const uint8_t *b = (const uint8_t *)in.p;
	uint64_t n;

	*head = 2;
	if (in.n < 2)
		return 0;
	n = b[1] & 0x7f;
	if (n == 126) {
		*head = 4;
		if (in.n < 4)
			return 0;
		n = (uint64_t)b[2] << 8 | b[3];
	} else if (n == 127) {
		*head = 10;
		if (in.n < 10)
			return 0;
		n = 0;
		for (int i = 2; i < 10; i++)
			n = n << 8 | b[i];
	}
	if (b[1] & 0x80) /* a server must not mask: the octets are shown as they are */
		*head += 4;
	if (n > MAX_FRAME)
		return in.n;
	return in.n < *head + n ? 0 : *head + (size_t)n;
}

static void read_frames(struct actor *a)
{
	struct buf *in = &self(a)->in;
	size_t n, head;

	while (self(a)->stream && (n = frame_length(buf_str(in), &head)) > 0) {
		take(a, in->p[0] & 15, (struct str){in->p + head, n - head});
		buf_drop(in, n);
	}
}

static void on_data(struct stream *s, struct str bytes, void *arg)
{
	struct actor *a = arg;
	buf_add(&self(a)->in, bytes);
	read_frames(a);
}

static void on_closed(struct stream *s, int err, const char *why, void *arg)
{
	struct actor *a = arg;
	self(a)->stream = NULL;
	self(a)->in.n = 0;
}

/* ---- the handshake ---- */

static const struct actor_option client_settings[] = {{"to", OPTION_TEXT},
	{"port", OPTION_NUMBER}, {"certificate", OPTION_TEXT},
	{"server-name", OPTION_TEXT}, {"origin", OPTION_TEXT},
	{"subprotocol", OPTION_TEXT}, {"path", OPTION_TEXT}, {"silent", OPTION_SWITCH},
	{.name = NULL}};
static const struct actor_option open_options[] = {{"method", OPTION_TEXT},
	{"version", OPTION_ANY}, {"key", OPTION_TEXT}, {"headers", OPTION_MAP},
	{.name = NULL}};
static const struct actor_option send_options[] = {{"text", OPTION_TEXT},
	{"binary", OPTION_TEXT}, {"ping", OPTION_TEXT}, {"frame-hex", OPTION_TEXT},
	{"mask", OPTION_SWITCH}, {"fin", OPTION_SWITCH}, {"op", OPTION_NUMBER},
	{.name = NULL}};
static const struct actor_option close_options[] = {{"code", OPTION_NUMBER},
	{"reason", OPTION_TEXT}, {"hard", OPTION_SWITCH}, {.name = NULL}};

static void put_field(
	struct buf *out, const json_t *headers, const char *name, const char *value)
{
	if (value && !json_object_get(headers, name))
		buf_fmt(out, "%s: %s\r\n", name, value);
}

static void base64(const uint8_t *in, size_t n, char *out)
{
	EVP_EncodeBlock((unsigned char *)out, in, (int)n);
}

static void put_fields(struct actor *a, const json_t *o, struct buf *out)
{
	const json_t *headers = json_object_get(o, "headers"),
		     *version = json_object_get(o, "version");
	char key[32], number[24] = "13";
	uint8_t octets[16];
	const char *name;
	json_t *v;

	chance_bytes(&a->host.chance, octets, sizeof octets);
	base64(octets, sizeof octets, key);
	if (json_is_integer(version))
		snprintf(number, sizeof number, "%lld",
			(long long)json_integer_value(version));
	put_field(out, headers, "Upgrade", "websocket");
	put_field(out, headers, "Connection", "Upgrade");
	put_field(
		out, headers, "Sec-WebSocket-Version", option_text(o, "version", number));
	put_field(out, headers, "Sec-WebSocket-Key", option_text(o, "key", key));
	put_field(out, headers, "Sec-WebSocket-Protocol",
		option_text(o, "subprotocol", "sip"));
	put_field(out, headers, "Origin", option_text(o, "origin", WWSF_ORIGIN));
	json_object_foreach((json_t *)headers, name,
		v) if (json_is_string(v) && strcmp(json_string_value(v), "absent"))
		buf_fmt(out, "%s: %s\r\n", name, json_string_value(v));
}

static void opening_done(
	struct actor *a, int err, const char *why, const struct http_msg *m)
{
	struct client *c = self(a);

	c->opening = false;
	if (err)
		snprintf(c->refused, sizeof c->refused, "%s",
			why ? why : uv_strerror(err));
	else if (m && m->status != 101)
		snprintf(c->refused, sizeof c->refused, "HTTP %d", m->status);
	if (*c->refused && !c->closed)
		actor_warn(a, "no WebSocket: %s", c->refused);
}

static void on_plain(int err, const char *why, const struct http_msg *m, void *arg)
{
	opening_done(arg, err, why, m);
}

static void on_upgrade(
	int err, const char *why, const struct http_msg *m, struct stream *s, void *arg)
{
	static const struct stream_h h = {.data = on_data, .closed = on_closed};
	struct actor *a = arg;

	opening_done(a, err, why, m);
	if (!s)
		return;
	self(a)->stream = s;
	stream_handlers(s, &h, a);
	if (self(a)->closed)
		stream_abort(s);
}

static int start(struct actor *a, const json_t *o, char why[256])
{
	struct client *c = self(a);
	const char *to = option_text(o, "to", "epcscf"),
		   *method = option_text(o, "method", "GET");
	const char *path = option_text(o, "path", "/sip");
	struct buf fields = {0};
	char name[160];
	int err = actor_target(a, to ? to : "", (uint16_t)option_number(o, "port", 8443),
		&c->remote, why);

	if (err)
		return err;
	if (c->http)
		http_client_free(c->http);
	if (c->tls)
		tls_free(c->tls);
	c->http = NULL;
	c->tls = NULL;
	if ((err = actor_tls(
		     a, option_text(o, "certificate", NULL), false, &c->tls, why)))
		return err;
	snprintf(name, sizeof name, "%s%s", to, strchr(to, '.') ? "" : "." RIG_DOMAIN);
	struct http_client_conf conf = {.local = a->addr,
		.remote = c->remote,
		.tls = c->tls,
		.server_name = option_text(o, "server-name", name)};
	c->http = http_client_new(&a->host, &conf);
	put_fields(a, o, &fields);
	*c->refused = 0;
	c->opening = true;
	if (!strcmp(method ? method : "GET", "GET"))
		http_send_upgrade(c->http, path, buf_str(&fields), on_upgrade, a);
	else
		http_send(c->http, method, path, buf_str(&fields), STR_NONE, on_plain, a);
	buf_free(&fields);
	return 0;
}

/* ---- verbs ---- */

static int opens(struct actor *a, const json_t *o, char why[256])
{
	struct client *c = self(a);
	int err;

	if (!a->attempt) {
		if (c->stream || c->opening) {
			snprintf(why, 256, "is open already");
			return -EISCONN;
		}
		c->deaf = option_switch(o, "silent", false);
		if ((err = start(a, o, why)))
			return err;
	}
	return c->opening && a->attempt < OPEN_TRIES ? -EAGAIN : 0;
}

static int await_open(struct actor *a, char why[256])
{
	const struct client *c = self(a);

	if (c->stream)
		return 0;
	snprintf(why, 256, "no WebSocket is open%s%s", *c->refused ? ": " : "",
		c->refused);
	return c->opening ? -EAGAIN : -ENOTCONN;
}

static int sends(struct actor *a, const json_t *o, char why[256])
{
	const char *raw = option_text(o, "frame-hex", NULL),
		   *hex = option_text(o, "binary", NULL);
	const char *ping = option_text(o, "ping", NULL);
	struct buf filled = {0}, payload = {0}, frame = {0};
	bool fin = option_switch(o, "fin", true), mask = option_switch(o, "mask", true);
	int op = hex ? OP_BINARY : ping ? OP_PING : OP_TEXT, err = await_open(a, why);

	if (err)
		return err;
	op = (int)option_number(o, "op", op);
	if (raw || hex) {
		err = actor_hex(raw ? raw : hex, raw ? &frame : &payload, why);
	} else {
		actor_fill(a, str_of(ping ? ping : option_text(o, "text", "")), NULL,
			&filled);
		actor_crlf(buf_str(&filled), &payload);
	}
	if (!err && !raw) {
		if (fin && mask) /* what the other side can read as a message */
			trace_frame(a, TRACE_SENT, op, buf_str(&payload));
		put_frame(a, op, fin, mask, buf_str(&payload), &frame);
	}
	if (!err)
		stream_write(self(a)->stream, buf_str(&frame));
	buf_free(&filled);
	buf_free(&payload);
	buf_free(&frame);
	return err;
}

static int closes(struct actor *a, const json_t *o, char why[256])
{
	const char *reason = option_text(o, "reason", "");
	struct buf payload = {0};
	int err = await_open(a, why);

	if (err)
		return err;
	if (option_switch(o, "hard", false)) {
		stream_abort(self(a)->stream);
		return 0;
	}
	buf_u16(&payload, (uint16_t)option_number(o, "code", 1000));
	buf_add(&payload, str_of(reason));
	send_frame(a, OP_CLOSE, buf_str(&payload));
	buf_free(&payload);
	return 0;
}

static const struct actor_verb client_verbs[] = {{"opens", open_options, opens},
	{"sends", send_options, sends}, {"closes", close_options, closes},
	{.name = NULL}};

/* ---- life ---- */

static int client_open(struct actor *a, char why[256])
{
	a->self = MEM_NEW(struct client);
	return 0;
}

static void client_close(struct actor *a)
{
	struct client *c = self(a);

	if (c->closed)
		return;
	c->closed = true;
	if (c->stream)
		stream_close(c->stream);
	if (c->http) /* an opening gets -ECANCELED */
		http_client_free(c->http);
	if (c->tls)
		tls_free(c->tls);
	buf_free(&c->in);
}

static bool client_closed(const struct actor *a)
{
	return !self(a)->stream && !self(a)->opening;
}

static int client_busy(const struct actor *a)
{
	return self(a)->opening;
}

const struct actor_kind actor_ws_client = {
	.name = "ws-client",
	.settings = client_settings,
	.verbs = client_verbs,
	.settings_are_options = true,
	.open = client_open,
	.close = client_close,
	.closed = client_closed,
	.busy = client_busy,
};
