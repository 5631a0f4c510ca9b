/* Tracing: records of messages to a collector.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/trace/trace.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/metric.h"
#include "common/trace/hep.h"

enum { RETRY_MS = 1000, LAST_FLUSH_MS = 500, LIMIT = 16 << 20 };

METRIC_COUNTER(emitted, "imsrig_trace_messages_total", "Messages traced");
METRIC_COUNTER(
	dropped, "imsrig_trace_dropped_total", "Trace records that found no collector");

enum sink { SINK_CALL, SINK_TCP, SINK_UDP };

struct trace {
	enum sink kind;
	struct clock *clock;
	char *node;
	uint64_t count, dropped;
	struct hep_types types;

	trace_sink_h *h;
	void *arg;

	uv_loop_t *loop;
	struct addr to;
	union {
		uv_tcp_t tcp;
		uv_udp_t udp;
		uv_handle_t handle;
	} sock;
	uv_prepare_t prepare; /* runs before the loop sleeps: one write a turn */
	uv_timer_t retry;
	uv_connect_t connect;
	uv_write_t write;
	struct buf out;		   /* whole records */
	struct buf writing;	   /* given to uv_write */
	uint32_t out_n, writing_n; /* records in them */
	size_t limit;
	bool open; /* sock is an initialised handle that isn't closing */
	bool connected, in_write, freed;
	bool told_down, told_slow; /* one line each until it is good again */
	int handles;		   /* not yet closed */
};

static void lose(struct trace *t, uint64_t n)
{
	t->dropped += n;
	dropped.value += (int64_t)n;
}

static struct trace *trace_new(enum sink kind, struct clock *clock, const char *node)
{
	struct trace *t = MEM_NEW(struct trace);
	t->kind = kind;
	t->clock = clock;
	t->node = str_dup(str_of(node));
	t->types = HEP_TYPES_DEFAULT;
	t->limit = LIMIT;
	return t;
}

static void release(struct trace *t)
{
	buf_free(&t->out);
	buf_free(&t->writing);
	free(t->node);
	free(t);
}

struct trace *trace_sink(
	struct clock *clock, const char *node, trace_sink_h *h, void *arg)
{
	struct trace *t = trace_new(SINK_CALL, clock, node);
	t->h = h;
	t->arg = arg;
	return t;
}

/* ---- TCP: connect, write, lose, wait, connect again ---- */

static void tcp_connect(struct trace *t);
static void tcp_flush(struct trace *t);

static void on_closed(uv_handle_t *h)
{
	struct trace *t = h->data;
	if (--t->handles == 0 && t->freed)
		release(t);
}

static void on_retry(uv_timer_t *h)
{
	tcp_connect(h->data);
}

static void on_down(uv_handle_t *h)
{
	struct trace *t = h->data;
	t->handles--;
	if (t->freed && t->handles == 0)
		release(t);
	else if (!t->freed)
		uv_timer_start(&t->retry, on_retry, RETRY_MS, 0);
}

/* What was given to the socket is gone: how much of it arrived can't be known. */
static void tcp_down(struct trace *t, int err)
{
	if (!t->open)
		return;
	if (!t->told_down)
		log_warn("trace", "collector %s: %s; trying again every second",
			addr_text(&t->to), uv_strerror(err));
	t->told_down = true;
	t->open = t->connected = false;
	uv_close(&t->sock.handle, on_down);
}

static void on_write(uv_write_t *w, int err)
{
	struct trace *t = w->data;
	t->in_write = false;
	if (err && !t->freed)
		lose(t, t->writing_n);
	t->writing.n = 0;
	t->writing_n = 0;
	if (err)
		tcp_down(t, err);
	else if (t->connected && t->out.n)
		tcp_flush(t);
}

static void tcp_flush(struct trace *t)
{
	if (!t->connected || t->in_write || !t->out.n)
		return;
	struct buf was = t->writing;
	t->writing = t->out;
	t->writing_n = t->out_n;
	t->out = was;
	t->out.n = 0;
	t->out_n = 0;
	uv_buf_t b = uv_buf_init(t->writing.p, (unsigned)t->writing.n);
	t->write.data = t;
	t->in_write = true;
	int err = uv_write(&t->write, (uv_stream_t *)&t->sock.tcp, &b, 1, on_write);
	if (err)
		on_write(&t->write, err);
}

static void on_prepare(uv_prepare_t *p)
{
	uv_prepare_stop(p);
	tcp_flush(p->data);
}

/* A collector has nothing to say; reading shows when it goes. */
static void on_alloc(uv_handle_t *h, size_t want, uv_buf_t *b)
{
	static char waste[4096];
	*b = uv_buf_init(waste, sizeof waste);
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
	if (n < 0)
		tcp_down(s->data, (int)n);
}

static void on_connect(uv_connect_t *c, int err)
{
	struct trace *t = c->data;
	if (err == UV_ECANCELED)
		return;
	if (!err)
		err = uv_read_start((uv_stream_t *)&t->sock.tcp, on_alloc, on_read);
	if (err) {
		tcp_down(t, err);
		return;
	}
	if (t->told_down)
		log_info("trace", "collector %s: connected", addr_text(&t->to));
	t->told_down = t->told_slow = false;
	t->connected = true;
	tcp_flush(t);
}

static void tcp_connect(struct trace *t)
{
	uv_tcp_init(t->loop, &t->sock.tcp);
	t->handles++;
	t->open = true;
	t->sock.handle.data = t;
	t->connect.data = t;
	uv_unref(&t->sock.handle);
	int err = uv_tcp_connect(&t->connect, &t->sock.tcp, &t->to.sa, on_connect);
	if (err)
		tcp_down(t, err);
}

/* Oldest records go first, an eighth of the bound at a time: moving the rest up for every
 * single one would cost its square. */
static void tcp_bound(struct trace *t)
{
	size_t gone = 0;
	uint32_t n = 0;

	if (t->out.n + t->writing.n <= t->limit)
		return;
	size_t keep = t->limit - t->limit / 8;
	keep = keep > t->writing.n ? keep - t->writing.n : 0;
	while (t->out.n - gone > keep) {
		gone += (size_t)hep_frame(str_skip(buf_str(&t->out), gone));
		n++;
	}
	buf_drop(&t->out, gone);
	t->out_n -= n;
	if (!t->told_slow)
		log_warn("trace",
			"collector %s does not take the records: oldest are dropped",
			addr_text(&t->to));
	t->told_slow = true;
	lose(t, n);
}

static void tcp_emit(struct trace *t, const struct trace_msg *m)
{
	hep_encode(m, &t->types, &t->out);
	t->out_n += (uint32_t)(m->bytes.n ? (m->bytes.n + HEP_PART_MAX - 1) / HEP_PART_MAX
					  : 1);
	tcp_bound(t);
	if (!uv_is_active((uv_handle_t *)&t->prepare)) {
		uv_prepare_start(&t->prepare, on_prepare);
		uv_unref((uv_handle_t *)&t->prepare);
	}
}

static void udp_emit(struct trace *t, const struct trace_msg *m)
{
	struct str rest;

	t->out.n = 0;
	hep_encode(m, &t->types, &t->out);
	rest = buf_str(&t->out);
	while (rest.n) {
		int n = hep_frame(rest);
		uv_buf_t b = uv_buf_init((char *)rest.p, (unsigned)n);
		if (uv_udp_try_send(&t->sock.udp, &b, 1, NULL) < 0)
			lose(t, 1);
		rest = str_skip(rest, (size_t)n);
	}
}

/* ---- life ---- */

int trace_to(uv_loop_t *loop, struct clock *clock, const char *node, const char *to,
	struct trace **out)
{
	struct str rest = str_of(to);
	struct addr a;
	bool tcp = str_starts(rest, STR("tcp:"));

	if ((!tcp && !str_starts(rest, STR("udp:"))) ||
		addr_parse(str_skip(rest, 4), 9060, &a))
		return -EINVAL;
	struct trace *t = trace_new(tcp ? SINK_TCP : SINK_UDP, clock, node);
	t->loop = loop;
	t->to = a;
	if (tcp) {
		uv_prepare_init(loop, &t->prepare);
		uv_timer_init(loop, &t->retry);
		uv_unref((uv_handle_t *)&t->retry);
		t->prepare.data = t->retry.data = t;
		t->handles = 2;
		tcp_connect(t);
	} else {
		uv_udp_init(loop, &t->sock.udp);
		t->sock.handle.data = t;
		t->handles = 1;
		t->open = true;
		int err = uv_udp_connect(&t->sock.udp, &a.sa);
		if (err) {
			trace_free(t);
			return err;
		}
	}
	*out = t;
	return 0;
}

void trace_limit(struct trace *t, size_t bytes)
{
	t->limit = bytes;
}

void trace_types(struct trace *t, uint8_t diameter, uint8_t http, uint8_t ws)
{
	t->types = (struct hep_types){diameter, http, ws};
}

static bool write_all(int fd, struct str s, uint64_t until_ns)
{
	while (s.n) {
		ssize_t n = send(fd, s.p, s.n, MSG_NOSIGNAL);
		if (n > 0) {
			s = str_skip(s, (size_t)n);
			continue;
		}
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return false;
		uint64_t now = clock_real_ns();
		struct pollfd p = {.fd = fd, .events = POLLOUT};
		if (now >= until_ns ||
			poll(&p, 1, (int)((until_ns - now) / 1000000) + 1) == 0)
			return false;
	}
	return true;
}

/* The last messages of a process are as good as its first: they go before the socket
 * closes, past libuv, which would need a running loop for it. */
static void last_flush(struct trace *t)
{
	uint64_t until = clock_real_ns() + LAST_FLUSH_MS * 1000000ull;
	size_t left =
		t->in_write ? uv_stream_get_write_queue_size((uv_stream_t *)&t->sock.tcp)
			    : 0;
	uv_os_fd_t fd;

	if (t->connected && !uv_fileno(&t->sock.handle, &fd) &&
		write_all(
			fd, str_skip(buf_str(&t->writing), t->writing.n - left), until) &&
		write_all(fd, buf_str(&t->out), until))
		return;
	lose(t, t->out_n);
}

void trace_free(struct trace *t)
{
	if (!t)
		return;
	if (t->kind == SINK_CALL) {
		release(t);
		return;
	}
	t->freed = true;
	if (t->kind == SINK_TCP) {
		last_flush(t);
		uv_close((uv_handle_t *)&t->prepare, on_closed);
		uv_close((uv_handle_t *)&t->retry, on_closed);
	}
	if (t->open)
		uv_close(&t->sock.handle, on_closed);
	t->open = t->connected = false;
}

/* The wall time at which the message passed, also when it is told later (at_ns in the
 * past, from another thread's hook). */
static void stamp_wall(struct trace_msg *m)
{
	struct timespec ts;
	uint64_t now = clock_real_ns();

	clock_gettime(CLOCK_REALTIME, &ts);
	int64_t us = (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
	us -= ((int64_t)now - (int64_t)m->at_ns) / 1000;
	m->wall_ms = us / 1000;
	m->wall_us = (uint16_t)(us % 1000);
}

void trace_emit(struct trace *t, struct trace_msg *m)
{
	if (!t)
		return;
	m->id = ++t->count;
	emitted.value++;
	if (!m->node.n)
		m->node = str_of(t->node);
	if (!m->at_ns)
		m->at_ns = clock_real_ns();
	if (!m->wall_ms)
		stamp_wall(m);
	if (t->clock)
		m->offset_ms = clock_offset_ms(t->clock);
	switch (t->kind) {
	case SINK_CALL:
		t->h(m, t->arg);
		break;
	case SINK_TCP:
		tcp_emit(t, m);
		break;
	case SINK_UDP:
		udp_emit(t, m);
		break;
	}
}

uint64_t trace_count(const struct trace *t)
{
	return t ? t->count : 0;
}

uint64_t trace_dropped(const struct trace *t)
{
	return t ? t->dropped : 0;
}
