/* UDP sockets: what came is read, and what was sent in a turn leaves, in batches.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/net/udp.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/metric.h"
#include "common/net/turn.h"

METRIC_COUNTER(received, "imsrig_udp_received_total", "datagrams received");
METRIC_COUNTER(sent, "imsrig_udp_sent_total", "datagrams sent");
METRIC_COUNTER(cut, "imsrig_udp_dropped_total{reason=\"full\"}",
	"datagrams that were not sent or not given on");
METRIC_COUNTER(unsendable, "imsrig_udp_dropped_total{reason=\"refused\"}",
	"datagrams that were not sent or not given on");

enum {
	ROUNDS = 8,                     /* batches read before others get their turn */
	BATCH = 64,                     /* datagrams of one sendmmsg */
	WAITING_MAX = 8192,             /* datagrams */
	WAITING_BYTES = 8 * 1024 * 1024,
	GRAM_MAX = 65507,
	SOCKET_BUFFER = 4 * 1024 * 1024,
};

struct gram {
	struct addr to;
	size_t at, n;                   /* place in `bytes` */
};

struct udp {
	uv_poll_t poll;
	struct task task;
	struct host *host;
	struct turn *turn;
	struct addr local;
	udp_h *h;
	void *arg;
	int fd;
	bool closed, full;              /* full: waits until the socket takes more */
	struct buf bytes;               /* of all that waits */
	struct gram *grams;
	size_t first, n, cap;
};

static void on_ready(uv_poll_t *p, int status, int events);

static void watch(struct udp *u)
{
	uv_poll_start(&u->poll, UV_READABLE | (u->full ? UV_WRITABLE : 0), on_ready);
}

/* ---- receiving ---- */

/* One batch; true when there may be more. */
static bool receive(struct udp *u)
{
	struct mmsghdr m[TURN_GRAMS];
	struct iovec v[TURN_GRAMS];
	struct addr from[TURN_GRAMS];
	for (int i = 0; i < TURN_GRAMS; i++) {
		v[i] = (struct iovec){u->turn->grams + (size_t)i * TURN_GRAM, TURN_GRAM};
		m[i] = (struct mmsghdr){.msg_hdr = {.msg_name = &from[i],
						.msg_namelen = sizeof from[i],
						.msg_iov = &v[i],
						.msg_iovlen = 1}};
	}
	int n = recvmmsg(u->fd, m, TURN_GRAMS, MSG_DONTWAIT, NULL);
	if (n < 0)
		return errno == EINTR;
	for (int i = 0; i < n && !u->closed; i++) {
		received.value++;
		u->h(u, &from[i], (struct str){v[i].iov_base, m[i].msg_len}, u->arg);
	}
	return n == TURN_GRAMS && !u->closed;
}

/* ---- sending ---- */

static void fill(struct udp *u, struct mmsghdr *m, struct iovec *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct gram *g = &u->grams[u->first + i];
		v[i] = (struct iovec){u->bytes.p + g->at, g->n};
		m[i] = (struct mmsghdr){.msg_hdr = {.msg_name = &g->to,
						.msg_namelen = addr_len(&g->to),
						.msg_iov = &v[i],
						.msg_iovlen = 1}};
	}
}

static void refuse(struct udp *u, int err)
{
	const struct gram *g = &u->grams[u->first++];
	unsendable.value++;
	log_warn("net", "datagram of %zu bytes to %s not sent: %s", g->n,
		addr_text(&g->to), uv_strerror(err));
}

static void emptied(struct udp *u)
{
	u->first = u->n = u->bytes.n = 0;
	if (u->bytes.cap > 1024 * 1024)
		buf_free(&u->bytes);
}

static void flush(struct task *k)
{
	struct udp *u = (struct udp *)((char *)k - offsetof(struct udp, task));
	struct mmsghdr m[BATCH];
	struct iovec v[BATCH];
	while (u->first < u->n && !u->full) {
		size_t n = u->n - u->first < BATCH ? u->n - u->first : BATCH;
		fill(u, m, v, n);
		int done = sendmmsg(u->fd, m, (unsigned)n, MSG_DONTWAIT);
		if (done > 0) {
			u->first += (size_t)done;
			sent.value += done;
		} else if (errno == EAGAIN || errno == ENOBUFS) {
			u->full = true;
			watch(u);
		} else if (errno != EINTR) {
			refuse(u, -errno);
		}
	}
	if (u->first == u->n)
		emptied(u);
}

int udp_send(struct udp *u, const struct addr *to, struct str bytes)
{
	if (u->closed)
		return -EPIPE;
	if (bytes.n > GRAM_MAX)
		return -EMSGSIZE;
	if (u->n == WAITING_MAX || u->bytes.n + bytes.n > WAITING_BYTES) {
		if (cut.value++ % 1000 == 0)
			log_warn("net",
				"%s: %zu datagrams wait for the socket, the next are "
				"dropped",
				addr_text(&u->local), u->n - u->first);
		return -ENOBUFS;
	}
	if (u->n == u->cap) {
		u->cap = u->cap ? u->cap * 2 : BATCH;
		u->grams = mem_realloc(u->grams, u->cap * sizeof *u->grams);
	}
	u->grams[u->n++] = (struct gram){*to, u->bytes.n, bytes.n};
	buf_add(&u->bytes, bytes);
	task_add(u->turn, &u->task, flush);
	return 0;
}

/* ---- opening and closing ---- */

static void on_ready(uv_poll_t *p, int status, int events)
{
	struct udp *u = p->data;
	if (status < 0) {
		log_warn("net", "%s: %s", addr_text(&u->local), uv_strerror(status));
		return;
	}
	if (events & UV_WRITABLE) {
		u->full = false;
		watch(u);
		task_add(u->turn, &u->task, flush);
	}
	if (events & UV_READABLE)
		for (int i = 0; i < ROUNDS && receive(u); i++)
			;
}

static int bound(const struct addr *local)
{
	int size = SOCKET_BUFFER;
	int fd =
		socket(local->sa.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	if (bind(fd, &local->sa, addr_len(local))) {
		int err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

static void on_closed(uv_handle_t *h)
{
	struct udp *u = h->data;
	close(u->fd);
	turn_put(u->turn);
	buf_free(&u->bytes);
	free(u->grams);
	free(u);
}

int udp_open(struct host *host, const struct addr *local, udp_h *h, void *arg,
	struct udp **out)
{
	int fd = bound(local);
	if (fd < 0)
		return fd;
	struct udp *u = MEM_NEW(struct udp);
	int err = uv_poll_init(host->loop, &u->poll, fd);
	if (err) {
		close(fd);
		free(u);
		return err;
	}
	u->poll.data = u;
	u->fd = fd;
	u->host = host;
	u->h = h;
	u->arg = arg;
	u->turn = turn_get(host->loop);
	if (!u->turn->grams)
		u->turn->grams = mem_alloc((size_t)TURN_GRAMS * TURN_GRAM);
	socklen_t n = sizeof u->local;
	getsockname(fd, &u->local.sa, &n);
	watch(u);
	*out = u;
	return 0;
}

const struct addr *udp_local(const struct udp *u)
{
	return &u->local;
}

void udp_close(struct udp *u)
{
	if (u->closed)
		return;
	u->full = false;
	flush(&u->task);
	u->closed = true;
	task_drop(&u->task);
	uv_close((uv_handle_t *)&u->poll, on_closed);
}
