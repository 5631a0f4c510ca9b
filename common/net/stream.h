/* TCP connections, with or without TLS (libuv, OpenSSL).
 *
 * A stream is known outside by its id: across a wait keep the id and look it up with
 * stream_find. TLS runs on custom BIOs straight between the socket and OpenSSL, so an
 * idle TLS stream keeps no buffer of ours.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <openssl/ssl.h>

#include "common/net/host.h"

struct stream;
struct listener;

/* Kept by pointer. */
struct stream_h {
	/* Connected, TLS done (server: accepted and TLS done). A client may leave it NULL. */
	void (*open)(struct stream *s, void *arg);
	/* Bytes came; good during the call. The stream may be closed inside. */
	void (*data)(struct stream *s, struct str bytes, void *arg);
	/* Once, the last callback: 0 after stream_close or an orderly end by the peer, else
	 * the negative errno (-EPROTO: TLS); `why` is a sentence for a log (TLS: what
	 * failed), good during the call. Always from a later turn, never inside a function
	 * of this page. A server's connection that never came to be open is counted and
	 * logged here, without a callback. */
	void (*closed)(struct stream *s, int err, const char *why, void *arg);
};

/* TLS settings of one side, shared by many streams; reference counted. */
struct tls;
struct tls_conf {
	const char *cert, *key; /* PEM files; a client may leave both NULL */
	const char *ca;         /* PEM file of trusted roots; NULL: the peer is not checked */
	bool require_peer;      /* server: a client certificate is demanded */
	bool any_purpose;       /* server: accept certificates with serverAuth alone (W4) */
	struct clock *clock;    /* certificates are checked against this clock */
};
int tls_new(const struct tls_conf *conf, bool server, struct tls **out, char why[256]);
struct tls *tls_ref(struct tls *t);
void tls_free(struct tls *t);                     /* one reference less; NULL: nothing */

/* Server: `h->open` fires on each accepted stream; set its own handlers and argument
 * there with stream_handlers. `tls` NULL: plain. */
int listener_open(struct host *host, const struct addr *local, struct tls *tls,
	const struct stream_h *h, void *arg, struct listener **out);
void listener_close(struct listener *l);           /* open streams stay */
const struct addr *listener_local(const struct listener *l);

/* Client: binds `local` (family none: the kernel's choice) before it connects;
 * `server_name` is sent as SNI and checked against the certificate (NULL: not checked).
 * Never calls back before return. Gives up after 10 s of rig time. */
int stream_connect(struct host *host, const struct addr *local, const struct addr *remote,
	struct tls *tls, const char *server_name, const struct stream_h *h, void *arg,
	struct stream **out);

void stream_handlers(struct stream *s, const struct stream_h *h, void *arg);
/* The argument of a stream whose handlers are `h`; NULL: somebody else's, or s is NULL. */
void *stream_owner(const struct stream *s, const struct stream_h *h);
/* The owner wants no more of it: as stream_close, without any callback. */
void stream_leave(struct stream *s);
/* Queues; written at the end of the loop turn together with what else was queued. Over
 * the bound (1 MiB unsent) the stream is closed with -ENOBUFS. */
int stream_write(struct stream *s, struct str bytes);
/* Sends what is queued, then closes; `closed` comes later. Safe inside any callback.
 * The socket itself lives up to a second longer, so that a peer that is still sending
 * reads our last bytes: host and clock outlive it (run the loop until nothing is left). */
void stream_close(struct stream *s);
void stream_abort(struct stream *s);               /* the same without sending */
/* No `data` until it is switched off again (then from a later turn), for back-pressure; an
 * end by the peer waits behind the bytes that are kept meanwhile (one read, 64 KiB). */
void stream_pause(struct stream *s, bool on);
/* Inside `data`: gives bytes back, which come once more as the next `data`, before any
 * others; to stop in the middle (with stream_pause) or to change the owner. */
void stream_unread(struct stream *s, struct str bytes);

uint64_t stream_id(const struct stream *s);        /* unique in the process, never 0 */
struct stream *stream_find(struct host *host, uint64_t id);
struct host *stream_host(const struct stream *s);
bool stream_is_open(const struct stream *s);       /* neither connecting nor ending */
bool stream_peer_ended(const struct stream *s);    /* the peer closed, or its direction */
bool stream_is_tls(const struct stream *s);
const struct addr *stream_local(const struct stream *s);
const struct addr *stream_remote(const struct stream *s);
/* Name proved by the peer's certificate (its first DNS subjectAltName, else CN); p NULL
 * when it showed none. Good as long as the stream. */
struct str stream_peer_name(const struct stream *s);
bool stream_peer_has_name(const struct stream *s, struct str name); /* any SAN, exact, no case */
