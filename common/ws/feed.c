/* WebSocket frames to messages and back, on wslay.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/ws/feed.h"

#include <errno.h>
#include <stdlib.h>

#include <wslay/wslay.h>

#include "common/base/chance.h"
#include "common/base/mem.h"

enum { CONTROL_MAX = 125, SPARE_MAX = 16 * 1024 };

/* Text so far (RFC 3629): octets that the character still needs, and the range of the next. */
struct utf8 {
	uint8_t need, low, high;
};

/* A wslay context and what is in progress on it. */
struct engine {
	wslay_frame_context_ptr ctx;
	struct str in;         /* not read by wslay yet */
	uint64_t fed, framed;  /* octets: given to wslay; within frames that have begun */
	uint64_t left;         /* of the frame's payload */
	bool in_frame, fin;
	bool in_message;       /* a data message has begun and is not complete */
	bool text;
	uint8_t op;            /* of the frame */
	unsigned fragments;
	struct utf8 utf8;
	struct buf message;
	size_t control_n;
	char control[CONTROL_MAX];
};

static struct engine *spare; /* one idle engine is kept for the next frame */

/* ---- text ---- */

static bool utf8_lead(struct utf8 *u, uint8_t c)
{
	u->low = 0x80;
	u->high = 0xbf;
	if (c < 0x80)
		return true;
	if (c >= 0xc2 && c <= 0xdf)
		u->need = 1;
	else if (c >= 0xe0 && c <= 0xef)
		u->need = 2;
	else if (c >= 0xf0 && c <= 0xf4)
		u->need = 3;
	else
		return false;
	if (c == 0xe0)
		u->low = 0xa0; /* shorter forms exist */
	else if (c == 0xed)
		u->high = 0x9f; /* surrogates */
	else if (c == 0xf0)
		u->low = 0x90;
	else if (c == 0xf4)
		u->high = 0x8f; /* beyond U+10FFFF */
	return true;
}

static bool utf8_feed(struct utf8 *u, struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = (uint8_t)s.p[i];
		if (!u->need) {
			if (!utf8_lead(u, c))
				return false;
		} else if (c < u->low || c > u->high) {
			return false;
		} else {
			u->need--;
			u->low = 0x80;
			u->high = 0xbf;
		}
	}
	return true;
}

static bool utf8_whole(struct str s)
{
	struct utf8 u = {0};
	return utf8_feed(&u, s) && !u.need;
}

/* ---- frames ---- */

static int fault(int code, const char *text, const char **why)
{
	*why = text;
	return code;
}

static int frame_begins(struct ws_feed *f, struct engine *e,
	const struct wslay_frame_iocb *io, const char **why)
{
	uint64_t n = io->payload_length;
	bool control = wslay_is_ctrl_frame(io->opcode);

	e->framed += 2 + (n > 65535 ? 8 : n > 125 ? 2 : 0) + (io->mask ? 4 : 0) + n;
	e->in_frame = true;
	e->left = n;
	e->op = io->opcode;
	e->fin = io->fin;
	e->control_n = 0;
	if (io->mask != f->server)
		return fault(
			1002, f->server ? "a frame without mask" : "a masked frame", why);
	if (io->rsv)
		return fault(1002, "a frame with reserved bits", why);
	if (control && (n > CONTROL_MAX || !io->fin))
		return fault(1002, "a control frame too long or in pieces", why);
	if (control && (e->op > WS_PONG))
		return fault(1002, "a frame of unknown kind", why);
	if (control)
		return 0;
	if (e->op > WS_BINARY)
		return fault(1002, "a frame of unknown kind", why);
	if ((e->op == WS_CONTINUED) != e->in_message)
		return fault(1002,
			e->in_message ? "a message within another"
				      : "a fragment of nothing",
			why);
	if (!e->in_message) {
		e->in_message = true;
		e->text = e->op == WS_TEXT;
		e->fragments = 0;
		e->utf8 = (struct utf8){0};
		e->message.n = 0;
	}
	if (++e->fragments > f->max_fragments)
		return fault(1008, "a message in too many fragments", why);
	if (n > f->max_message || e->message.n + n > f->max_message)
		return fault(1009, "a message too large", why);
	return 0;
}

static int payload(struct engine *e, struct str s, const char **why)
{
	e->left -= s.n;
	if (wslay_is_ctrl_frame(e->op)) {
		memcpy(e->control + e->control_n, s.p, s.n);
		e->control_n += s.n;
		return 0;
	}
	buf_add(&e->message, s);
	if (e->text && !utf8_feed(&e->utf8, s))
		return fault(1007, "text that is not UTF-8", why);
	return 0;
}

/* RFC 6455 7.4: codes that may stand in a close frame. */
static bool code_ok(int code)
{
	return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
		(code >= 3000 && code <= 4999);
}

static int control_ends(struct ws_feed *f, struct engine *e, const char **why)
{
	struct str s = {e->control, e->control_n};
	int code = 0;
	if (e->op == WS_CLOSE) {
		code = WSLAY_CODE_NO_STATUS_RCVD;
		if (s.n)
			code = s.n == 1 ? 0 : (uint8_t)s.p[0] << 8 | (uint8_t)s.p[1];
		s = str_skip(s, 2);
		if (e->control_n && !code_ok(code))
			return fault(1002, "a close without a good code", why);
		if (!utf8_whole(s))
			return fault(1007, "a close reason that is not UTF-8", why);
		f->done = true;
	}
	f->h->control((enum ws_op)e->op, code, s, f->arg);
	return 0;
}

static int frame_ends(struct ws_feed *f, struct engine *e, const char **why)
{
	e->in_frame = false;
	if (wslay_is_ctrl_frame(e->op))
		return control_ends(f, e, why);
	if (!e->fin)
		return 0;
	if (e->text && e->utf8.need)
		return fault(1007, "text that is not UTF-8", why);
	e->in_message = false;
	f->h->message(e->text, buf_str(&e->message), f->arg);
	return 0;
}

static int run(struct ws_feed *f, struct engine *e, const char **why)
{
	struct wslay_frame_iocb io;
	int code = 0;
	while (!code && !f->done) {
		memset(&io, 0, sizeof io);
		ssize_t n = wslay_frame_recv(e->ctx, &io);
		if (n == WSLAY_ERR_WANT_READ)
			break;
		if (n < 0)
			return fault(1002, "not a WebSocket frame", why);
		if (!e->in_frame)
			code = frame_begins(f, e, &io, why);
		if (!code)
			code = payload(e,
				(struct str){(const char *)io.data, io.data_length}, why);
		if (!code && !e->left)
			code = frame_ends(f, e, why);
	}
	return code;
}

/* ---- engines ---- */

static ssize_t on_recv(uint8_t *out, size_t n, int flags, void *arg)
{
	struct engine *e = arg;
	if (!e->in.n)
		return -1;
	if (n > e->in.n)
		n = e->in.n;
	memcpy(out, e->in.p, n);
	e->in = str_skip(e->in, n);
	e->fed += n;
	return (ssize_t)n;
}

static struct engine *take(void)
{
	static const struct wslay_frame_callbacks callbacks = {.recv_callback = on_recv};
	struct engine *e = spare;
	spare = NULL;
	if (e)
		return e;
	e = MEM_NEW(struct engine);
	if (wslay_frame_context_init(&e->ctx, &callbacks, e))
		abort(); /* out of memory */
	return e;
}

static void engine_free(struct engine *e)
{
	wslay_frame_context_free(e->ctx);
	buf_free(&e->message);
	free(e);
}

static void give_back(struct ws_feed *f)
{
	struct engine *e = f->engine;
	f->engine = NULL;
	if (f->done || spare) {
		engine_free(e);
		return;
	}
	if (e->message.cap > SPARE_MAX)
		buf_free(&e->message);
	spare = e;
}

int ws_feed_bytes(struct ws_feed *f, struct str bytes, const char **why)
{
	if (f->done || !bytes.n)
		return 0;
	if (!f->engine)
		f->engine = take();
	struct engine *e = f->engine;
	e->in = bytes;
	int code = run(f, e, why);
	if (code)
		f->done = true;
	if (f->done || (e->fed == e->framed && !e->in_message))
		give_back(f);
	return code;
}

void ws_feed_stop(struct ws_feed *f)
{
	f->done = true;
}

void ws_feed_free(struct ws_feed *f)
{
	if (f->engine)
		engine_free(f->engine);
	f->engine = NULL;
}

/* ---- frames out ---- */

struct sending {
	ws_put_h *put;
	void *arg;
	struct chance *mask;
	int err;
};
static struct sending sending; /* the frame under way: whole within one call */

static ssize_t frame_send(const uint8_t *p, size_t n, int flags, void *arg)
{
	sending.err = sending.put((struct str){(const char *)p, n}, sending.arg);
	return sending.err ? -1 : (ssize_t)n;
}

static int frame_mask(uint8_t *out, size_t n, void *arg)
{
	chance_bytes(sending.mask, out, n);
	return 0;
}

int ws_frame(enum ws_op op, bool fin, struct str payload, struct chance *mask,
	ws_put_h *put, void *arg)
{
	static const struct wslay_frame_callbacks callbacks = {
		.send_callback = frame_send, .genmask_callback = frame_mask};
	static wslay_frame_context_ptr
		contexts[2]; /* once masking, a context goes on to */
	wslay_frame_context_ptr *ctx = &contexts[mask != NULL];
	struct wslay_frame_iocb io = {.fin = fin,
		.opcode = (uint8_t)op,
		.payload_length = payload.n,
		.mask = mask != NULL,
		.data = (const uint8_t *)payload.p,
		.data_length = payload.n};

	if (!*ctx && wslay_frame_context_init(ctx, &callbacks, NULL))
		abort(); /* out of memory */
	sending = (struct sending){put, arg, mask, 0};
	do {
		ssize_t n = wslay_frame_send(*ctx, &io);
		if (n < 0) { /* in the middle of a frame: this context can't begin another
			      */
			wslay_frame_context_free(*ctx);
			*ctx = NULL;
			return sending.err ? sending.err : -EINVAL;
		}
		io.data += n;
		io.data_length -= (size_t)n;
	} while (io.data_length);
	return 0;
}
