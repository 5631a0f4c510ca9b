/* /healthz and /metrics on TCP.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/node/health.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/metric.h"
#include "common/http/http.h"

struct health {
	struct host host; /* the element's, without trace and gate: no part of a flow */
	struct http_server *server;
	const bool *ready;
};

static void on_health(struct http_req *r, void *arg)
{
	const struct health *h = arg;
	struct str text = STR("Content-Type: text/plain\r\n");
	if (*h->ready)
		http_answer(r, 200, text, STR("ready\n"));
	else
		http_answer(r, 503, text, STR("not ready\n"));
}

static void on_metrics(struct http_req *r, void *arg)
{
	struct buf b = {0};
	metric_print(&b);
	http_answer(
		r, 200, STR("Content-Type: text/plain; version=0.0.4\r\n"), buf_str(&b));
	buf_free(&b);
}

static const struct http_route routes[] = {{"GET", "/healthz", on_health},
	{"GET", "/metrics", on_metrics}, {NULL, NULL, NULL}};

int health_open(const struct host *host, const struct addr *listen, const bool *ready,
	struct health **out, char why[512])
{
	if (!addr_is(listen))
		return 0;
	struct health *h = MEM_NEW(struct health);
	h->host = *host;
	h->host.trace = NULL;
	h->host.gate = gate_new(host->clock);
	h->ready = ready;
	struct http_server_conf conf = {.listen = *listen, .routes = routes, .arg = h};
	int err = http_serve(&h->host, &conf, &h->server);
	if (err) {
		snprintf(why, 512, "metrics on %s: %s", addr_text(listen),
			uv_strerror(err));
		health_free(h);
		return err;
	}
	*out = h;
	return 0;
}

void health_close(struct health *h)
{
	if (h && h->server)
		http_server_close(h->server);
	if (h)
		h->server = NULL;
}

void health_free(struct health *h)
{
	if (!h)
		return;
	gate_free(h->host.gate);
	free(h);
}
