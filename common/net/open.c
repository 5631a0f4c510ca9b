/* How a connection comes to be open: the client's way, and the part that it shares with
 * accepted ones.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/net/inside.h"

enum { OPEN_MS = 10 * 1000 }; /* connect and TLS handshake together */

static void on_late(struct timer *t, void *arg)
{
	struct stream *s = arg;
	stream_fail(s, -ETIMEDOUT, false, "%s",
		s->state == STREAM_CONNECT ? "no answer to the connection request in 10 s"
					   : "TLS handshake not complete after 10 s");
}

void stream_opened(struct stream *s)
{
	stream_passed(s);
	s->state = STREAM_OPEN;
	if (s->out.n)
		task_add(s->turn, &s->task, stream_flush);
	if (s->h->open)
		s->h->open(s, s->arg);
}

int stream_begin(struct stream *s)
{
	int n = sizeof s->local;
	uv_tcp_getsockname(&s->tcp, &s->local.sa, &n);
	n = sizeof s->remote;
	uv_tcp_getpeername(&s->tcp, &s->remote.sa, &n);
	uv_tcp_nodelay(&s->tcp, 1);
	int err = stream_read(s);
	if (err)
		return err;
	if (!s->tls) {
		stream_opened(s);
		return 0;
	}
	s->state = STREAM_HANDSHAKE;
	if (s->server)
		timer_start(
			s->host->clock, &stream_passage(s)->timer, OPEN_MS, on_late, s);
	return secure_start(s);
}

static void on_connect(uv_connect_t *req, int err)
{
	struct stream *s = req->handle->data;
	if (s->state == STREAM_GONE)
		return;
	if (!err)
		err = stream_begin(s);
	if (err)
		stream_fail(s, err, false, "%s", uv_strerror(err));
}

/* A socket that is bound already: libuv would report a taken address late, and can't put
 * off the choice of the port. */
static int bound_socket(
	struct stream *s, const struct addr *local, const struct addr *remote)
{
	int on = 1, err = 0;
	int fd = socket(
		remote->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (local && addr_is(local)) {
		s->local = *local;
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
		if (!addr_port(local))
			setsockopt(
				fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
		if (bind(fd, &local->sa, addr_len(local)))
			err = -errno;
	}
	if (!err)
		err = uv_tcp_open(&s->tcp, fd);
	if (err)
		close(fd);
	return err;
}

int stream_connect(struct host *host, const struct addr *local, const struct addr *remote,
	struct tls *tls, const char *server_name, const struct stream_h *h, void *arg,
	struct stream **out)
{
	struct stream *s = stream_new(host, h, arg);
	struct passage *p = stream_passage(s);
	int err;

	s->remote = *remote;
	s->tls = tls ? tls_ref(tls) : NULL;
	p->server_name = server_name ? str_dup(str_of(server_name)) : NULL;
	if ((err = bound_socket(s, local, remote)) ||
		(err = uv_tcp_connect(&p->connect, &s->tcp, &remote->sa, on_connect))) {
		stream_drop(s);
		return err;
	}
	timer_start(host->clock, &p->timer, OPEN_MS, on_late, s);
	*out = s;
	return 0;
}
