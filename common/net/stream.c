/* TCP connections: states, reading, coalesced writing, closing.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/net/stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/metric.h"
#include "common/net/inside.h"

METRIC_IDLE(streams_open, "imsrig_streams_open", "TCP and TLS connections that are open");
METRIC_COUNTER(streams_overflow, "imsrig_stream_faults_total{reason=\"overflow\"}",
	"connections ended for a fault");
METRIC_COUNTER(streams_broken, "imsrig_stream_faults_total{reason=\"broken\"}",
	"connections ended for a fault");
METRIC_COUNTER(streams_tls, "imsrig_stream_faults_total{reason=\"tls\"}",
	"connections ended for a fault");
METRIC_COUNTER(streams_late, "imsrig_stream_faults_total{reason=\"timeout\"}",
	"connections ended for a fault");

enum {
	UNSENT_MAX = 1024 * 1024,
	CLOSE_MS = 5 * 1000,  /* for what is unsent when the owner closes */
	LINGER_MS = 1000,     /* for the peer's end after ours */
	SPARE_MAX = 64 * 1024,
};

static struct stream *of_task(struct task *k)
{
	return (struct stream *)((char *)k - offsetof(struct stream, task));
}

struct stream *stream_new(struct host *host, const struct stream_h *h, void *arg)
{
	static uint64_t ids;
	struct stream *s = MEM_NEW(struct stream);
	uv_tcp_init(host->loop, &s->tcp);
	s->tcp.data = s;
	s->host = host;
	s->turn = turn_get(host->loop);
	s->h = h;
	s->arg = arg;
	s->id = ++ids;
	turn_add(s->turn, s);
	streams_open.value++;
	return s;
}

struct passage *stream_passage(struct stream *s)
{
	if (!s->passage)
		s->passage = MEM_NEW(struct passage);
	return s->passage;
}

void stream_passed(struct stream *s)
{
	if (!s->passage)
		return;
	timer_stop(&s->passage->timer);
	free(s->passage->server_name);
	free(s->passage);
	s->passage = NULL;
}

static void unread_free(struct stream *s)
{
	if (!s->unread)
		return;
	buf_free(s->unread);
	free(s->unread);
	s->unread = NULL;
}

/* The last callback, after which the owner knows the stream no more. */
static void tell(struct stream *s)
{
	if (!s->told) {
		s->told = true;
		s->h->closed(s, s->err, stream_passage(s)->why, s->arg);
	}
}

static void forget(struct stream *s)
{
	turn_remove(s->turn, s);
	task_drop(&s->task);
	streams_open.value--;
}

static void on_closed(uv_handle_t *handle)
{
	struct stream *s = handle->data;
	tell(s);
	stream_passed(s);
	unread_free(s);
	buf_free(&s->out);
	SSL_free(s->ssl);
	tls_free(s->tls);
	free(s->peer_name);
	turn_put(s->turn);
	free(s);
}

static void gone(struct stream *s)
{
	if (s->state == STREAM_GONE)
		return;
	if (s->state != STREAM_LINGER)
		forget(s);
	s->state = STREAM_GONE;
	if (s->passage)
		timer_stop(&s->passage->timer);
	uv_close((uv_handle_t *)&s->tcp, on_closed);
}

void stream_drop(struct stream *s)
{
	s->told = true;
	gone(s);
}

static void on_end(struct timer *t, void *arg)
{
	gone(arg);
}

static void closing(struct stream *s)
{
	s->state = STREAM_CLOSING;
	timer_start(s->host->clock, &stream_passage(s)->timer, CLOSE_MS, on_end, s);
	task_add(s->turn, &s->task, stream_flush);
}

static void count_fault(const struct stream *s, int err, bool soft)
{
	if (soft || err == -EPROTO)
		streams_tls.value++;
	else if (err == -ENOBUFS)
		streams_overflow.value++;
	else if (err == -ETIMEDOUT)
		streams_late.value++;
	else
		streams_broken.value++;
}

void stream_fail(struct stream *s, int err, bool soft, const char *fmt, ...)
{
	va_list ap;
	if (s->state >= STREAM_CLOSING) {
		gone(s);
		return;
	}
	struct passage *p = stream_passage(s);
	va_start(ap, fmt);
	vsnprintf(p->why, sizeof p->why, fmt, ap);
	va_end(ap);
	s->err = err;
	count_fault(s, err, soft);
	if (err == -EPROTO || (s->server && s->state <= STREAM_HANDSHAKE))
		log_warn("net", "connection %s %s: %s", s->server ? "from" : "to",
			addr_text(&s->remote), p->why);
	else
		log_info("net", "connection %s %s: %s", s->server ? "from" : "to",
			addr_text(&s->remote), p->why);
	/* Nobody hears of a connection that was accepted and never came to be open. */
	if (s->state <= STREAM_HANDSHAKE && s->server)
		s->told = true;
	if (!soft) {
		gone(s);
		return;
	}
	s->mute = true;
	buf_free(&s->out);
	closing(s);
}

/* ---- reading ---- */

static void on_alloc(uv_handle_t *handle, size_t hint, uv_buf_t *buf)
{
	struct stream *s = handle->data;
	*buf = uv_buf_init(s->turn->read, TURN_READ);
}

static void on_read(uv_stream_t *handle, ssize_t n, const uv_buf_t *buf)
{
	struct stream *s = handle->data;
	if (n > 0 && s->ssl && s->state != STREAM_LINGER)
		secure_input(s, (struct str){buf->base, (size_t)n});
	else if (n > 0)
		stream_deliver(s, (struct str){buf->base, (size_t)n});
	else if (n == UV_EOF)
		stream_ended(s);
	else if (n < 0)
		stream_fail(s, (int)n, false, "the connection broke: %s",
			uv_strerror((int)n));
}

int stream_read(struct stream *s)
{
	return uv_read_start((uv_stream_t *)&s->tcp, on_alloc, on_read);
}

static void reading(struct stream *s, bool on)
{
	if (s->stopped != on)
		return;
	s->stopped = !on;
	if (on)
		stream_read(s);
	else
		uv_read_stop((uv_stream_t *)&s->tcp);
}

static void keep(struct stream *s, struct str bytes)
{
	if (!s->unread)
		s->unread = MEM_NEW(struct buf);
	buf_add(s->unread, bytes);
}

void stream_deliver(struct stream *s, struct str bytes)
{
	if (s->state != STREAM_OPEN)
		return;
	if (!s->paused && !s->unread) {
		s->h->data(s, bytes, s->arg);
		return;
	}
	keep(s, bytes);
	reading(s, false);
}

static void end_by_peer(struct stream *s)
{
	strcpy(stream_passage(s)->why, "closed by the peer");
	closing(s);
}

void stream_ended(struct stream *s)
{
	s->eof = true;
	reading(s, false);
	if (s->state < STREAM_OPEN)
		stream_fail(s, -ECONNRESET, false,
			"the peer closed during the TLS handshake");
	else if (s->state == STREAM_LINGER)
		gone(s);
	else if (s->state == STREAM_OPEN && !s->unread && !s->paused)
		end_by_peer(s);
}

/* Input that waited goes to the owner, as long as it takes it. */
static void hand_over(struct stream *s)
{
	while (s->state == STREAM_OPEN && s->unread && !s->paused) {
		struct buf *b = s->unread;
		s->unread = NULL;
		s->h->data(s, buf_str(b), s->arg);
		buf_free(b);
		free(b);
	}
	if (s->state != STREAM_OPEN || s->unread || s->paused)
		return;
	if (s->eof)
		end_by_peer(s);
	else
		reading(s, true);
}

void stream_pause(struct stream *s, bool on)
{
	s->paused = on;
	if (!on && s->state == STREAM_OPEN && (s->stopped || s->unread))
		task_add(s->turn, &s->task, stream_flush);
}

void stream_unread(struct stream *s, struct str bytes)
{
	if (!bytes.n || s->state != STREAM_OPEN)
		return;
	struct buf *later = s->unread;
	s->unread = NULL;
	keep(s, bytes);
	if (later) {
		buf_add(s->unread, buf_str(later));
		buf_free(later);
		free(later);
	}
	reading(s, false);
	task_add(s->turn, &s->task, stream_flush);
}

/* ---- writing ---- */

struct rest {
	uv_write_t req;
	struct buf bytes;
	size_t n;              /* of them unsent */
};

static void on_written(uv_write_t *req, int err)
{
	struct stream *s = req->handle->data;
	struct rest *r = (struct rest *)req;
	s->pending -= r->n;
	buf_free(&r->bytes);
	free(r);
	if (s->state == STREAM_GONE)
		return;
	if (err)
		stream_fail(s, err, false, "writing failed: %s", uv_strerror(err));
	else
		task_add(s->turn, &s->task, stream_flush);
}

static void recycle(struct turn *t, struct buf *b)
{
	if (b->p && !t->spare.p && b->cap <= SPARE_MAX) {
		t->spare = *b;
		t->spare.n = 0;
		*b = (struct buf){0};
	} else {
		buf_free(b);
	}
}

int stream_put(struct stream *s, struct buf *bytes)
{
	uv_buf_t v = uv_buf_init(bytes->p, (unsigned)bytes->n);
	int n = bytes->n ? uv_try_write((uv_stream_t *)&s->tcp, &v, 1) : 0;
	if (n == UV_EAGAIN)
		n = 0;
	if (n < 0)
		return n;
	if ((size_t)n == bytes->n) {
		bytes->n = 0;
		return 0;
	}
	struct rest *r = MEM_NEW(struct rest);
	r->bytes = *bytes;
	*bytes = (struct buf){0};
	v = uv_buf_init(r->bytes.p + n, (unsigned)r->bytes.n - (unsigned)n);
	r->n = v.len;
	s->pending += r->n;
	int err = uv_write(&r->req, (uv_stream_t *)&s->tcp, &v, 1, on_written);
	if (err) {
		s->pending -= r->n;
		buf_free(&r->bytes);
		free(r);
	}
	return err;
}

static void on_shutdown(uv_shutdown_t *req, int err)
{
	struct stream *s = req->handle->data;
	if (s->state == STREAM_GONE)
		return;
	if (s->eof || err) {
		gone(s);
		return;
	}
	/* Bytes that the peer still sends must find a reader, or the kernel resets the
	 * connection and takes our last words from it. */
	forget(s);
	s->state = STREAM_LINGER;
	timer_start(s->host->clock, &s->passage->timer, LINGER_MS, on_end, s);
	reading(s, true);
	tell(s);
}

static void end_direction(struct stream *s)
{
	if (s->ssl && !s->mute) {
		s->mute = true;
		secure_end(s);
		if (s->pending || s->state == STREAM_GONE)
			return;
	}
	struct passage *p = stream_passage(s);
	timer_stop(&p->timer);
	if (uv_shutdown(&p->shutdown, (uv_stream_t *)&s->tcp, on_shutdown))
		gone(s);
}

void stream_flush(struct task *k)
{
	struct stream *s = of_task(k);
	if (s->state == STREAM_OPEN && (s->stopped || s->unread))
		hand_over(s);
	if (s->pending || (s->state != STREAM_OPEN && s->state != STREAM_CLOSING))
		return;
	if (s->out.n) {
		int err = s->ssl ? secure_write(s, buf_str(&s->out))
				 : stream_put(s, &s->out);
		recycle(s->turn, &s->out);
		if (err) {
			stream_fail(
				s, err, false, "writing failed: %s", uv_strerror(err));
			return;
		}
	}
	if (s->state == STREAM_CLOSING && !s->pending)
		end_direction(s);
}

int stream_write(struct stream *s, struct str bytes)
{
	if (s->state > STREAM_OPEN)
		return -EPIPE;
	if (s->out.n + s->pending + bytes.n > UNSENT_MAX) {
		log_warn("net",
			"%s reads too slowly: %zu bytes unsent, connection closed",
			addr_text(&s->remote), s->out.n + s->pending);
		stream_fail(s, -ENOBUFS, false, "the peer reads too slowly");
		return -ENOBUFS;
	}
	if (!s->out.p) {
		s->out = s->turn->spare;
		s->turn->spare = (struct buf){0};
	}
	buf_add(&s->out, bytes);
	task_add(s->turn, &s->task, stream_flush);
	return 0;
}

/* ---- closing ---- */

void stream_close(struct stream *s)
{
	if (s->state >= STREAM_CLOSING)
		return;
	strcpy(stream_passage(s)->why, "closed here");
	if (s->state < STREAM_OPEN) {
		gone(s);
		return;
	}
	closing(s);
}

void stream_leave(struct stream *s)
{
	s->told = true;
	stream_close(s);
}

void stream_abort(struct stream *s)
{
	if (s->state < STREAM_CLOSING)
		strcpy(stream_passage(s)->why, "closed here");
	gone(s);
}

/* ---- what it is ---- */

void stream_handlers(struct stream *s, const struct stream_h *h, void *arg)
{
	s->h = h;
	s->arg = arg;
}

void *stream_owner(const struct stream *s, const struct stream_h *h)
{
	return s && s->h == h && !s->told ? s->arg : NULL;
}

uint64_t stream_id(const struct stream *s)
{
	return s->id;
}

struct stream *stream_find(struct host *host, uint64_t id)
{
	struct turn *t = turn_find(host->loop);
	return t ? turn_lookup(t, id) : NULL;
}

struct host *stream_host(const struct stream *s)
{
	return s->host;
}

bool stream_is_open(const struct stream *s)
{
	return s->state == STREAM_OPEN;
}

bool stream_peer_ended(const struct stream *s)
{
	return s->eof;
}

bool stream_is_tls(const struct stream *s)
{
	return s->tls;
}

const struct addr *stream_local(const struct stream *s)
{
	return &s->local;
}

const struct addr *stream_remote(const struct stream *s)
{
	return &s->remote;
}
