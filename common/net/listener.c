/* Listening sockets.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/metric.h"
#include "common/net/inside.h"

METRIC_COUNTER(accepted, "imsrig_accepts_total", "TCP connections accepted");
METRIC_COUNTER(refused, "imsrig_accept_faults_total",
	"TCP connections that could not be accepted");

enum { BACKLOG = 1024 };

struct listener {
	uv_tcp_t tcp;
	struct host *host;
	struct addr local;
	struct tls *tls;
	const struct stream_h *h;
	void *arg;
};

static void on_connection(uv_stream_t *handle, int err)
{
	struct listener *l = handle->data;
	if (err) {
		refused.value++;
		log_warn("net", "accepting on %s: %s", addr_text(&l->local),
			uv_strerror(err));
		return;
	}
	struct stream *s = stream_new(l->host, l->h, l->arg);
	s->server = true;
	s->tls = l->tls ? tls_ref(l->tls) : NULL;
	err = uv_accept(handle, (uv_stream_t *)&s->tcp);
	if (!err)
		err = stream_begin(s);
	if (err) {
		refused.value++;
		log_warn("net", "accepting on %s: %s", addr_text(&l->local),
			uv_strerror(err));
		stream_drop(s);
		return;
	}
	accepted.value++;
}

static void on_closed(uv_handle_t *h)
{
	struct listener *l = h->data;
	tls_free(l->tls);
	free(l);
}

int listener_open(struct host *host, const struct addr *local, struct tls *tls,
	const struct stream_h *h, void *arg, struct listener **out)
{
	struct listener *l = MEM_NEW(struct listener);
	int n = sizeof l->local, err;

	uv_tcp_init(host->loop, &l->tcp);
	l->tcp.data = l;
	l->host = host;
	l->h = h;
	l->arg = arg;
	l->tls = tls ? tls_ref(tls) : NULL;
	l->local = *local;
	if ((err = uv_tcp_bind(&l->tcp, &local->sa, 0)) ||
		(err = uv_listen((uv_stream_t *)&l->tcp, BACKLOG, on_connection))) {
		uv_close((uv_handle_t *)&l->tcp, on_closed);
		return err;
	}
	uv_tcp_getsockname(&l->tcp, &l->local.sa, &n);
	*out = l;
	return 0;
}

void listener_close(struct listener *l)
{
	uv_close((uv_handle_t *)&l->tcp, on_closed);
}

const struct addr *listener_local(const struct listener *l)
{
	return &l->local;
}
