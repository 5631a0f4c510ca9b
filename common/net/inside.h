/* The inside of a stream: stream.c moves bytes and states, secure.c is its TLS layer.
 * Private to common/net.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/net/stream.h"
#include "common/net/turn.h"

enum stream_state {
	STREAM_CONNECT,
	STREAM_HANDSHAKE,
	STREAM_OPEN,
	STREAM_CLOSING, /* sends the rest, then ends its direction */
	STREAM_LINGER,  /* owner told; reads into nothing until the peer ends too */
	STREAM_GONE,    /* uv_close called */
};

/* What a stream needs only while it opens or closes. */
struct passage {
	struct timer timer;
	union {
		uv_connect_t connect;
		uv_shutdown_t shutdown;
	};
	char *server_name;
	char why[200];
};

struct stream {
	uv_tcp_t tcp;
	struct task task;
	struct host *host;
	struct turn *turn;
	const struct stream_h *h;
	void *arg;
	uint64_t id;
	SSL *ssl;
	struct tls *tls;
	struct passage *passage; /* NULL while open and idle */
	struct buf *unread;      /* input that waits for its owner */
	char *peer_name;
	struct buf out;          /* to send, plain */
	size_t pending;          /* bytes the socket did not take yet */
	struct addr local, remote;
	int err;
	uint8_t state;
	bool server;
	bool paused;      /* by the owner */
	bool stopped;     /* not reading */
	bool eof;         /* the peer has ended its direction */
	bool told;        /* `closed` was called, or must not be */
	bool mute;        /* the TLS session is broken: nothing more may be written on it */
};

struct stream *stream_new(struct host *host, const struct stream_h *h, void *arg);
int stream_begin(struct stream *s);     /* connected: TLS next, or open */
void stream_opened(struct stream *s);
int stream_read(struct stream *s);      /* begins to */
void stream_drop(struct stream *s);     /* closes without any callback */
void stream_deliver(struct stream *s, struct str bytes);
void stream_ended(struct stream *s);    /* the peer has ended its direction */
/* Ends with an error; `soft` lets what the TLS layer wrote (an alert) go out first. */
void stream_fail(struct stream *s, int err, bool soft, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
int stream_put(struct stream *s, struct buf *bytes); /* to the socket; takes the buffer */
struct passage *stream_passage(struct stream *s);
void stream_passed(struct stream *s);   /* the passage is over */
void stream_flush(struct task *k);      /* at the end of a turn: input that waited, output */

/* The TLS layer. */
int secure_start(struct stream *s);
void secure_input(struct stream *s, struct str bytes);
int secure_write(struct stream *s, struct str bytes); /* encrypts, hands over to the socket */
void secure_end(struct stream *s);                    /* close_notify */

/* Settings of one side (tls.c). */
struct tls {
	SSL_CTX *ctx;
	struct clock *clock;
	unsigned refs;
};
/* A sentence for what went wrong in the last call on `ssl`. */
void tls_reason(SSL *ssl, const char *server_name, char *out, size_t n);
void tls_expect_name(SSL *ssl, const char *name);
char *tls_peer_name(SSL *ssl);
