/* The WSS front: handshake, connections and their limits (RFC 6455, RFC 7118, TS 23.228
 * U.1.3). The Origin check is what the documents ask for as cross-origin check: browsers
 * apply CORS to no WebSocket, they only say where the page came from.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/metric.h"
#include "common/edge/inner.h"

METRIC_COUNTER(
	handshakes, "imsrig_edge_handshakes_total", "WebSocket handshakes asked for");
METRIC_COUNTER(accepted, "imsrig_edge_flows_total", "WebSockets opened");
METRIC_IDLE(flows, "imsrig_edge_flows", "open WebSockets of WICs");

enum {
	SECOND_MS = 1000,
	HTTP_IDLE_MS = 10 * 1000,
	LISTENER = 1 << 16, /* none of the stack's: the sockets are HTTP's */
};

static int64_t now_of(const struct edge *ed)
{
	return clock_ms(ed->setup.host->clock);
}

static const struct edge_limits_conf *limits_of(const struct edge *ed)
{
	return &ed->setup.conf->limits;
}

/* ---- connections ---- */

static void watch(struct edge_conn *c);

/* While a REGISTER is under way the network is slow, not the client: it gets its
 * answer. */
static void on_late(struct timer *t, void *arg)
{
	static const struct edge_fault late = {EDGE_NO_LATE, "not registered in time"};
	struct edge_conn *c = arg;
	if (c->under_way || c->waiting) {
		watch(c);
		return;
	}
	edge_count_refusal(&late, &c->source->addr);
	edge_conn_close(c, EDGE_POLICY, late.why);
}

static void watch(struct edge_conn *c)
{
	timer_start(c->edge->setup.host->clock, &c->late,
		limits_of(c->edge)->register_within_ms, on_late, c);
}

static void conn_new(struct edge *ed, struct ws *w, struct edge_source *source,
	const struct edge_origin_conf *origin, uint64_t session)
{
	struct edge_conn *c = MEM_NEW(struct edge_conn);
	c->edge = ed;
	c->id = ws_id(w);
	c->source = source;
	c->origin = origin;
	c->session = session;
	c->next = ed->first;
	c->prev = &ed->first;
	if (c->next)
		c->next->prev = &c->next;
	ed->first = c;
	ed->open++;
	source->open++;
	flows.value++;
	sip_stack_add_ws(ed->setup.stack, w, LISTENER);
	*sip_flow_slot(ed->setup.stack, c->id) = c;
	watch(c);
}

static void conn_free(struct edge_conn *c)
{
	edge_conn_challenged(c, false);
	timer_stop(&c->late);
	*c->prev = c->next;
	if (c->next)
		c->next->prev = c->prev;
	c->edge->open--;
	c->source->open--;
	flows.value--;
	free(c->impi);
	free(c->instance);
	free(c);
}

struct edge_conn *edge_conn_of(struct edge *ed, uint64_t id)
{
	void **slot = sip_flow_slot(ed->setup.stack, id);
	return slot ? *slot : NULL;
}

void edge_conn_close(struct edge_conn *c, int code, const char *why)
{
	if (c->closing)
		return;
	c->closing = true;
	timer_stop(&c->late);
	sip_flow_close(c->edge->setup.stack, c->id, code, why);
}

void edge_conn_refuse(
	struct edge_conn *c, struct sip_req *req, const struct edge_fault *f)
{
	enum edge_then then = edge_refusal_row(f->no)->then;
	edge_refuse(req, f);
	if (then == EDGE_CLOSE || (then == EDGE_UNBOUND && !c->bindings))
		edge_conn_close(c, EDGE_POLICY, f->why);
}

void edge_conn_claim(struct edge_conn *c, const struct sip_register *asked)
{
	struct str instance = asked->n_contacts ? asked->contacts[0].instance : STR_NONE;
	if (!c->impi)
		c->impi = str_dup(asked->impi);
	if (!c->instance && instance.n)
		c->instance = str_dup(instance);
	c->under_way++;
}

static void unclaim(struct edge_conn *c)
{
	if (c->under_way || c->bindings || c->challenged)
		return;
	free(c->impi);
	free(c->instance);
	c->impi = c->instance = NULL;
}

void edge_conn_settle(struct edge_conn *c)
{
	c->under_way--;
	unclaim(c);
}

void edge_conn_bound(struct edge_conn *c)
{
	c->bindings++;
	timer_stop(&c->late);
}

static void unbound(struct edge_conn *c)
{
	if (--c->bindings)
		return;
	unclaim(c);
	if (!c->closing)
		watch(c);
}

void edge_conn_challenged(struct edge_conn *c, bool on)
{
	if (on == c->challenged)
		return;
	c->challenged = on;
	if (on)
		edge_index_add(&c->edge->challenged, str_hash(str_of(c->impi)), c);
	else
		edge_index_remove(&c->edge->challenged, str_hash(str_of(c->impi)), c);
}

struct edge_conn *edge_challenged_for(
	const struct edge *ed, struct str impi, const struct edge_conn *c)
{
	struct edge_conn *other;
	size_t it = 0;
	while ((other = edge_index_next(&ed->challenged, str_hash(impi), &it)))
		if (other != c && !other->closing && str_eq(str_of(other->impi), impi))
			return other;
	return NULL;
}

/* ---- the handshake ---- */

static bool is_origin_of(const struct edge_origin_conf *o, struct str said)
{
	char *const *also = o->also.items;
	if (str_eq(said, str_of(o->origin)))
		return true;
	for (size_t i = 0; i < o->also.n; i++)
		if (str_eq(said, str_of(also[i])))
			return true;
	return false;
}

static const struct edge_origin_conf *origin_of(
	const struct edge *ed, const struct http_msg *m)
{
	const struct edge_origin_conf *o = ed->setup.conf->origins.items;
	struct str said = http_field(m, STR("Origin"));
	if (http_field_count(m, STR("Origin")) != 1)
		return NULL;
	for (size_t i = 0; i < ed->setup.conf->origins.n; i++)
		if (is_origin_of(&o[i], said))
			return &o[i];
	return NULL;
}

static void refuse_handshake(
	struct http_req *r, enum edge_refusal no, int wait_s, const char *why)
{
	struct edge_fault f = {no, why};
	if (wait_s)
		f.fields = arena_fmt(http_req_arena(r), "Retry-After: %d\r\n", wait_s);
	edge_count_refusal(&f, stream_remote(http_req_stream(r)));
	http_answer(r, edge_refusal_row(no)->status, f.fields, STR_NONE);
}

static const char *origin_fault(struct http_req *r)
{
	struct str said = http_field(http_req_msg(r), STR("Origin"));
	if (!said.p)
		return "Origin missing";
	if (http_field_count(http_req_msg(r), STR("Origin")) > 1)
		return "Origin twice";
	struct str s =
		arena_fmt(http_req_arena(r), "Origin %s is not listed", log_text(said));
	return s.p;
}

/* Of its cookies; the Origin has been looked at, so no other site's page uses them. */
static uint64_t session_of(
	const struct edge *ed, const struct edge_origin_conf *o, const struct http_msg *m)
{
	if (!ed->setup.web || !(edge_origin_auth(o) & EDGE_AUTH_SESSION))
		return 0;
	return ed->setup.web->cookie(m, ed->setup.arg);
}

static void on_ws_message(struct ws *w, bool text, struct str bytes, void *arg)
{
}

static void on_ws_closed(struct ws *w, int code, const char *why, void *arg)
{
}

static void accept_ws(struct edge *ed, struct http_req *r, struct edge_source *source,
	const struct edge_origin_conf *origin)
{
	static const struct ws_h until_taken = {on_ws_message, on_ws_closed};
	struct ws_conf conf = {.ping_ms = (int)ed->setup.conf->wss.ping_ms};
	uint64_t session = session_of(ed, origin, http_req_msg(r));
	const char *why = NULL;
	struct ws *w = ws_accept(r, "sip", &conf, &until_taken, ed, &why);

	if (!w) {
		edge_count_refusal(&(struct edge_fault){EDGE_NO_HANDSHAKE, why}, &source->addr);
		return;
	}
	accepted.value++;
	log_debug("edge", "WebSocket from %s, page of %s", addr_text(&source->addr),
		origin->origin);
	conn_new(ed, w, source, origin, session);
}

static void on_handshake(struct http_req *r, void *arg)
{
	struct edge *ed = arg;
	const struct edge_limits_conf *limits = limits_of(ed);
	struct addr from = *stream_remote(http_req_stream(r));
	struct edge_source *source = edge_source_of(&ed->sources, &from, now_of(ed));
	const struct edge_origin_conf *origin;
	int wait_s;

	handshakes.value++;
	if (!edge_window_take(&source->handshakes, now_of(ed), SECOND_MS,
		    limits->handshakes, &wait_s))
		refuse_handshake(
			r, EDGE_NO_HANDSHAKE_RATE, wait_s, "too many from this address");
	else if (source->open >= limits->open_per_address)
		refuse_handshake(
			r, EDGE_NO_ADDRESS_FULL, 60, "too many open from this address");
	else if (ed->open >= limits->open)
		refuse_handshake(r, EDGE_NO_FULL, 60, "too many open");
	else if (!(origin = origin_of(ed, http_req_msg(r))))
		refuse_handshake(r, EDGE_NO_ORIGIN, 0, origin_fault(r));
	else
		accept_ws(ed, r, source, origin);
}

/* ---- what the stack tells ---- */

void edge_flow_gone(struct sip_stack *s, uint64_t conn, void *arg)
{
	struct edge *ed = *(struct edge **)arg;
	struct edge_conn *c = ed ? edge_conn_of(ed, conn) : NULL;
	struct edge_binding *b;
	size_t it = 0;

	if (!c)
		return;
	while (c->bindings && (b = edge_book_impi(&ed->book, str_of(c->impi), &it)))
		if (b->kind == EDGE_WIC && b->conn == conn)
			b->conn = 0;
	*sip_flow_slot(ed->setup.stack, conn) = NULL;
	conn_free(c);
}

void edge_garbage(struct sip_stack *s, const struct sip_hop *from, void *arg)
{
	static const struct edge_fault garbage = {
		EDGE_NO_GARBAGE, "too much that is no SIP"};
	struct edge *ed = *(struct edge **)arg;
	struct edge_conn *c = from->transport == SIP_WSS ? edge_conn_of(ed, from->conn) : NULL;
	int wait_s;
	if (!c || edge_window_take(&c->requests, now_of(ed), SECOND_MS,
			  limits_of(ed)->requests, &wait_s))
		return;
	edge_count_refusal(&garbage, &from->remote);
	edge_conn_close(c, EDGE_POLICY, garbage.why);
}

static void on_binding_gone(const struct edge_binding *b, enum edge_end why, void *arg)
{
	const struct edge *ed = arg;
	struct edge_conn *c =
		b->kind == EDGE_WIC && b->conn ? edge_conn_of(arg, b->conn) : NULL;
	if (b->owner)
		ed->setup.registrar->gone(b->owner, why, ed->setup.arg);
	if (why == EDGE_EXPIRED)
		log_debug("edge", "registration of %s expired",
			log_text(edge_binding_text(b, EDGE_IMPU)));
	if (c)
		unbound(c);
}

static void on_issuers_news(void *arg)
{
	edge_blocks_changed(arg);
}

/* ---- life ---- */

static int serve(struct edge *ed, char why[512])
{
	const struct edge_wss_conf *wss = &ed->setup.conf->wss;
	struct http_route *routes = arena_zalloc(&ed->arena, 2 * sizeof *routes);
	struct tls_conf tls = {
		.cert = wss->cert,
		.key = wss->key,
		.clock = ed->setup.host->clock,
	};
	char cause[256];
	int err = tls_new(&tls, true, &ed->tls, cause);

	if (err) {
		snprintf(why, 512, "wss: %s", cause);
		return err;
	}
	routes[0] = (struct http_route){"GET", wss->path, on_handshake};
	struct http_server_conf conf = {
		.listen = wss->listen,
		.also = wss->also,
		.tls = ed->tls,
		.routes = routes,
		.arg = ed,
		.idle_ms = HTTP_IDLE_MS,
	};
	if ((err = http_serve(ed->setup.host, &conf, &ed->server)))
		snprintf(why, 512, "can't listen for WebSockets on %s%s%s: %s",
			addr_text(&wss->listen), addr_is(&wss->also) ? " and " : "",
			addr_is(&wss->also) ? addr_text(&wss->also) : "", uv_strerror(err));
	return err;
}

int edge_open(const struct edge_setup *setup, struct edge **out, char why[512])
{
	struct edge *ed = MEM_NEW(struct edge);
	int err;

	ed->setup = *setup;
	ed->own[0] = str_of(setup->conf->name);
	ed->own[1] = arena_str(&ed->arena, str_of(addr_uri_host(&setup->conf->wss.listen)));
	ed->own[2] = arena_str(&ed->arena, str_of(addr_uri_host(&setup->sip)));
	ed->own[3] = addr_is(&setup->conf->wss.also)
			     ? arena_str(&ed->arena, str_of(addr_uri_host(&setup->conf->wss.also)))
			     : ed->own[1];
	edge_flow_token_key_draw(&ed->flow_tokens, &setup->host->chance);
	edge_book_init(&ed->book, setup->host->clock, on_binding_gone, ed);
	edge_token_book_init(&ed->tokens, (size_t)setup->conf->tokens.remember);
	edge_blocked_init(ed);
	if ((err = edge_issuers_open(setup->host, &setup->conf->tokens, &setup->sip,
		     &(const struct edge_issuers_h){edge_register_again, on_issuers_news}, ed,
		     &ed->issuers, why)) ||
		(err = serve(ed, why))) {
		edge_close(ed);
		return err;
	}
	*out = ed;
	return 0;
}

void edge_close(struct edge *ed)
{
	edge_book_clear(&ed->book);
	edge_token_book_clear(&ed->tokens);
	if (ed->issuers)
		edge_issuers_close(ed->issuers);
	edge_blocked_free(ed);
	if (ed->server)
		http_server_close(ed->server);
	while (ed->first)
		conn_free(ed->first);
	edge_index_free(&ed->challenged);
	edge_sources_free(&ed->sources);
	if (ed->tls)
		tls_free(ed->tls);
	arena_free(&ed->arena);
	free(ed);
}

void edge_reset(struct edge *ed)
{
	edge_book_clear(&ed->book);
	for (struct edge_conn *c = ed->first, *next; c; c = next) {
		next = c->next;
		c->bindings = 0;
		edge_conn_close(c, EDGE_NORMAL, "reset");
	}
	edge_sources_reset(&ed->sources, now_of(ed));
	edge_token_book_clear(&ed->tokens);
	edge_issuers_reset(ed->issuers);
	edge_blocked_init(ed);
}

int edge_busy(const struct edge *ed)
{
	return edge_issuers_busy(ed->issuers);
}

struct edge_book *edge_bindings(struct edge *ed)
{
	return &ed->book;
}

void edge_flow_token_of(
	const struct edge *ed, const struct sip_hop *hop, char out[EDGE_FLOW_TOKEN_SIZE])
{
	edge_flow_token_write(&ed->flow_tokens, hop, out);
}
