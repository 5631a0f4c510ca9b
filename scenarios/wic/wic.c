/* The emulated WIC: its life and its connections (W2, TS 24.371 6, RFC 7118).
 * SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/wic/wic.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "scenarios/wic/inside.h"

/* ---- the environment of many ---- */

static void on_request(struct sip_req *req, void *arg)
{
	struct wic_env *env = arg;
	struct wic_flow **flow =
		(struct wic_flow **)sip_flow_slot(env->stack, sip_req_hop(req)->conn);

	if (flow && *flow && env->h.request)
		env->h.request((*flow)->wic, req);
	else
		sip_answer(req, 200, NULL, STR_NONE);
}

static void flow_free(struct wic_flow *flow)
{
	struct wic_flow **at = &flow->wic->flows;

	while (*at != flow)
		at = &(*at)->next;
	*at = flow->next;
	free(flow);
}

static void on_flow_gone(struct sip_stack *s, uint64_t conn, void *arg)
{
	struct wic_flow **slot = (struct wic_flow **)sip_flow_slot(s, conn);
	struct wic_flow *flow = slot ? *slot : NULL;
	struct wic *w;

	if (!flow)
		return;
	w = flow->wic;
	*slot = NULL;
	flow_free(flow);
	if (w->env->h.disconnected)
		w->env->h.disconnected(w);
}

int wic_env_open(struct wic_env *env, struct host *host, const struct addr *local,
	struct tls *tls, const struct wic_h *h)
{
	static const struct sip_stack_h stack_h = {
		.request = on_request, .flow_gone = on_flow_gone};
	/* TS 24.229 7.7: the timers of the UE. */
	struct sip_stack_conf conf = {
		.core = {2000, 16000, 17000}, .access = {2000, 16000, 17000}};

	*env = (struct wic_env){.host = host, .local = *local, .tls = tls, .h = *h};
	return sip_stack_new(host, &conf, &stack_h, env, &env->stack);
}

void wic_env_close(struct wic_env *env)
{
	sip_stack_close(env->stack);
	env->stack = NULL;
}

/* ---- one WIC ---- */

struct wic *wic_new(struct wic_env *env, void *arg)
{
	struct wic *w = MEM_NEW(struct wic);
	struct chance *chance = &env->host->chance;
	char hex[33];

	w->env = env;
	w->arg = arg;
	chance_hex(chance, w->tag, 8);
	chance_hex(chance, w->user, 4);
	chance_hex(chance, w->host, 6);
	chance_hex(chance, hex, 16);
	hex[12] = '4'; /* a random UUID, RFC 4122 4.4 */
	hex[16] = "89ab"[hex[16] & 3];
	snprintf(w->uuid, sizeof w->uuid, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8,
		hex + 12, hex + 16, hex + 20);
	return w;
}

void wic_free(struct wic *w)
{
	wic_txs_forget(w);
	wic_web_forget(w);
	for (struct wic_flow *flow = w->flows, *next; flow; flow = next) {
		next = flow->next;
		if (flow->opening) {
			flow->wic = NULL; /* on_open finds nobody and closes */
			continue;
		}
		*sip_flow_slot(w->env->stack, flow->conn) = NULL;
		sip_flow_close(w->env->stack, flow->conn, 1000, "");
		free(flow);
	}
	free(w->challenge);
	card_free(w->card);
	free(w->next_nonce);
	free(w->call_id);
	free(w->service_route);
	free(w->identity);
	free(w->associated);
	free(w->token);
	free(w->csrf);
	free(w->session);
	wic_web_login_free(w);
	free(w->location);
	free(w->impi);
	free(w->impu);
	free(w->edge);
	free(w);
}

int wic_busy(const struct wic *w)
{
	int n = wic_txs_open(w) + wic_web_open(w);
	for (const struct wic_flow *flow = w->flows; flow; flow = flow->next)
		n += flow->opening;
	return n;
}

/* ---- connections ---- */

static const char *flow_name(const char *name)
{
	return name ? name : "main";
}

struct wic_flow *wic_flow(const struct wic *w, const char *name)
{
	for (struct wic_flow *flow = w->flows; flow; flow = flow->next)
		if (!flow->opening && !strcmp(flow->name, flow_name(name)))
			return flow;
	return NULL;
}

bool wic_connecting(const struct wic *w, const char *name)
{
	for (const struct wic_flow *flow = w->flows; flow; flow = flow->next)
		if (flow->opening && !strcmp(flow->name, flow_name(name)))
			return true;
	return false;
}

static const struct ws_h deaf = {NULL, NULL};

static void on_open(struct ws *ws, int http_status, const char *why, void *arg)
{
	struct wic_flow *flow = arg;
	struct wic *w = flow->wic;

	flow->opening = false;
	if (!w) { /* the WIC has gone meanwhile */
		free(flow);
		if (ws) {
			ws_set(ws, &deaf, NULL);
			ws_close(ws, 1001, "");
		}
		return;
	}
	if (!ws) {
		flow_free(flow);
		if (w->env->h.connected)
			w->env->h.connected(w, -ECONNREFUSED, http_status, why);
		return;
	}
	flow->ws = ws;
	flow->conn = ws_id(ws);
	sip_stack_add_ws(w->env->stack, ws, -1);
	*sip_flow_slot(w->env->stack, flow->conn) = flow;
	if (w->env->h.connected)
		w->env->h.connected(w, 0, http_status, "");
}

int wic_edge_parse(struct host *host, const char *edge, struct wic_edge *out)
{
	struct str rest = str_of(edge), host_port;
	ptrdiff_t colon;
	uint32_t port = 443;

	if (!str_istarts(rest, STR("wss://")) && !str_istarts(rest, STR("https://")))
		return -EINVAL;
	rest = str_skip(rest, (size_t)str_find(rest, STR("//")) + 2);
	host_port = str_cut(&rest, '/');
	colon = str_chr(host_port, ':');
	struct str name = {host_port.p, colon < 0 ? host_port.n : (size_t)colon};
	if (colon >= 0 && str_u32(str_skip(host_port, (size_t)colon + 1), &port))
		return -EINVAL;
	if (host_resolve(host, name, (uint16_t)port, &out->addr))
		return -ENOENT;
	addr_set_port(&out->addr, (uint16_t)port);
	str_copy(name, out->name, sizeof out->name);
	snprintf(out->path, sizeof out->path, "/" STR_FMT, STR_ARG(rest));
	return 0;
}

int wic_connect(struct wic *w, const struct wic_conf *c, char why[256])
{
	const char *edge = c->edge ? c->edge : w->edge, *name = flow_name(c->flow);
	struct wic_edge at;
	int err;

	if (!edge) {
		snprintf(why, 256, "no edge is configured, and the WWSF has named none");
		return -EINVAL;
	}
	if ((err = wic_edge_parse(w->env->host, edge, &at))) {
		snprintf(why, 256, "cannot connect to %.200s: %s", edge,
			err == -ENOENT ? "unknown name" : "not a wss: URI");
		return err;
	}
	if (addr_is(&c->edge_addr))
		at.addr = c->edge_addr;
	if (wic_flow(w, name) || wic_connecting(w, name)) {
		snprintf(why, 256, "the connection \"%s\" is there already", name);
		return -EISCONN;
	}
	struct wic_flow *flow = mem_zalloc(sizeof *flow + strlen(name) + 1);
	struct buf cookies = {0};
	jar_put(&w->jar, str_of(at.name), &cookies);
	struct ws_connect_conf conf = {.local = w->env->local,
		.remote = at.addr,
		.tls = w->env->tls,
		.server_name = c->server_name ? c->server_name : at.name,
		.path = at.path,
		.origin = c->origin,
		.subprotocol = c->subprotocol,
		.fields = buf_str(&cookies)};
	strcpy(flow->name, name);
	flow->wic = w;
	flow->opening = true;
	err = ws_connect(w->env->host, &conf, &deaf, on_open, flow);
	buf_free(&cookies);
	if (err) {
		snprintf(
			why, 256, "cannot connect to %.200s: %s", edge, uv_strerror(err));
		free(flow);
		return err;
	}
	flow->next = w->flows;
	w->flows = flow;
	return 0;
}

void wic_disconnect(
	struct wic *w, const char *name, int code, const char *reason, bool hard)
{
	struct wic_flow *flow = wic_flow(w, name);
	struct stream *stream;

	if (!flow)
		return;
	if (!hard)
		sip_flow_close(w->env->stack, flow->conn, code, reason);
	else if ((stream = stream_find(w->env->host, flow->conn)))
		stream_abort(stream);
}
