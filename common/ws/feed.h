/* WebSocket frames to messages (RFC 6455 5), from bytes in any pieces; no sockets in here.
 *
 * wslay finds the frames; what a frame may be, and messages, are checked and put together
 * here: wslay's own event layer checks a close reason's UTF-8 by how it was cut. The context
 * is taken when a frame begins and given back when neither a frame nor a fragmented message
 * is in progress.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/base/buf.h"

enum ws_op { WS_CONTINUED = 0, WS_TEXT = 1, WS_BINARY = 2, WS_CLOSE = 8, WS_PING = 9, WS_PONG = 10 };

struct ws_feed;
/* Called inside ws_feed_bytes; `payload` is good during the call. */
struct ws_feed_h {
	void (*message)(bool text, struct str payload, void *arg);
	/* A whole ping, pong or close. `code` of a close, 1005 when it brings none; its payload
	 * is the reason. Nothing is read behind a close. */
	void (*control)(enum ws_op op, int code, struct str payload, void *arg);
};

struct engine;
struct ws_feed {
	const struct ws_feed_h *h;
	void *arg;
	struct engine *engine; /* NULL between messages */
	uint32_t max_message;
	uint16_t max_fragments;
	bool server;           /* frames must be masked (else: must not be) */
	bool done;             /* a close came, or a fault: nothing more is read */
};

/* 0, or the code to close the connection with, and the reason in *why. */
int ws_feed_bytes(struct ws_feed *f, struct str bytes, const char **why);
void ws_feed_stop(struct ws_feed *f);  /* nothing more is read; also inside a callback */
void ws_feed_free(struct ws_feed *f);

/* One frame, whole, by wslay, given to `put` in pieces. A client's is masked: `mask` draws
 * the key. 0, or what `put` said. */
typedef int(ws_put_h)(struct str bytes, void *arg);
struct chance;
int ws_frame(enum ws_op op, bool fin, struct str payload, struct chance *mask, ws_put_h *put,
	void *arg);
