/* WebSocket (RFC 6455) on wslay, server and client, over a stream.
 *
 * wslay's context (14 kB) is held only while a frame or fragmented message is in
 * progress, so an idle connection costs this object alone.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/http/http.h"

struct ws;

/* Kept by pointer. */
struct ws_h {
	/* A whole message, reassembled; good during the call. */
	void (*message)(struct ws *w, bool text, struct str bytes, void *arg);
	/* Once, the last callback. `code` is the close code that the peer sent or that we sent
	 * for its fault (1002, 1007, 1009, ...), 1006 when the connection broke. */
	void (*closed)(struct ws *w, int code, const char *why, void *arg);
};

struct ws_conf {
	size_t max_message;    /* 0: 64 KiB; beyond: close 1009 */
	int max_fragments;     /* 0: 64 frames a message; beyond: close 1008 */
	int ping_ms;           /* server: ping when idle so long; 0: never */
	int ping_misses;       /* unanswered pings before the flow is dropped; 0: 2 */
};

/* Server side of a handshake: checks method, Upgrade, Connection, version, key and offers
 * of the request; on success takes the connection over and answers 101. On failure it has
 * answered (400, 426) and returns NULL with the reason in *why. `subprotocol` ("sip") must
 * be among the offered ones. Origin is the caller's to check before. */
struct ws *ws_accept(struct http_req *r, const char *subprotocol, const struct ws_conf *conf,
	const struct ws_h *h, void *arg, const char **why);

/* Client side; `h_open` once, never before return: w NULL with the reason (http_status 0
 * when no answer came), or the open connection. */
typedef void(ws_open_h)(struct ws *w, int http_status, const char *why, void *arg);
struct ws_connect_conf {
	struct addr local, remote;
	struct tls *tls;
	const char *server_name, *path, *origin, *subprotocol; /* NULL: field left out */
	struct str fields;     /* further ones, "Name: value\r\n" */
	struct ws_conf ws;
};
int ws_connect(struct host *host, const struct ws_connect_conf *conf, const struct ws_h *h,
	ws_open_h *h_open, void *arg);

/* 0, -EPIPE after a close, or what stream_write said. */
int ws_send(struct ws *w, bool text, struct str bytes);
int ws_send_raw(struct ws *w, struct str bytes);   /* octets as they are: for rogue peers */
int ws_ping(struct ws *w, struct str payload);
/* Sends a close, awaits the peer's for 2 s; no `message` meanwhile, `closed` comes later,
 * with the code of the peer's close (1006: none came). */
void ws_close(struct ws *w, int code, const char *reason);
void ws_set(struct ws *w, const struct ws_h *h, void *arg);
struct stream *ws_stream(const struct ws *w);
uint64_t ws_id(const struct ws *w);                /* the stream's id */

/* ---- for the gate, and for who judges messages ----
 * A control frame is traced and gated as text: "PING", "PONG" or "PING payload",
 * "CLOSE", "CLOSE 1000", "CLOSE 1000 reason"; text that the gate changed goes out, or is
 * taken, as the frame that it says. Messages are traced by who understands them (SIP). */
extern const struct gate_proto ws_gate_proto;          /* "WS PING" */
/* "code", "reason", "payload"; p NULL: not there. */
struct str ws_script_field(struct str bytes, struct str name);
