/* HTTP/1.1 server (RFC 9112): connections, requests, answers.
 *
 * A connection has one request in hand at a time; what comes behind it waits in the
 * stream. A parser lives only while a message is coming in.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/metric.h"
#include "common/http/parser.h"
#include "common/http/answer.h"
#include "common/http/wire.h"

METRIC_IDLE(requests_open, "imsrig_http_requests_open", "HTTP requests not answered yet");
METRIC_COUNTER(requests, "imsrig_http_requests_total", "HTTP requests received");
METRIC_COUNTER(bad_syntax, "imsrig_http_refused_total{reason=\"syntax\"}",
	"HTTP messages refused before any handler saw them");
METRIC_COUNTER(bad_head, "imsrig_http_refused_total{reason=\"head\"}",
	"HTTP messages refused before any handler saw them");
METRIC_COUNTER(bad_body, "imsrig_http_refused_total{reason=\"body\"}",
	"HTTP messages refused before any handler saw them");
METRIC_COUNTER(bad_slow, "imsrig_http_refused_total{reason=\"slow\"}",
	"HTTP messages refused before any handler saw them");
METRIC_COUNTER(bad_end, "imsrig_http_refused_total{reason=\"ended\"}",
	"HTTP messages refused before any handler saw them");
METRIC_COUNTER(bad_route, "imsrig_http_refused_total{reason=\"route\"}",
	"HTTP messages refused before any handler saw them");

enum { IDLE_MS = 60 * 1000, HEAD_MS = 10 * 1000, BODY_MS = 30 * 1000 };

struct http_server {
	struct host *host;
	struct listener *listener, *also; /* also: may be NULL */
	struct http_server_conf conf;
	struct conn *conns;
	bool closed;
};

/* A whole request that the gate let through while another was in hand. */
struct late {
	struct late *next;
	struct str bytes;
};

enum await { AWAIT_NEXT, AWAIT_HEAD, AWAIT_BODY };

struct conn {
	struct conn *prev, *next;
	struct http_server *server;
	struct stream *stream;
	struct http_parser *parser; /* NULL between messages */
	struct http_req *req;       /* in hand */
	struct late *late;
	struct timer timer;
	enum await await;           /* what the timer is for */
	bool ending;                /* the last answer is given */
	bool at_gate;               /* an upgrade is: what follows may be no HTTP */
};

struct http_req {
	struct conn *conn;     /* NULL: it is gone, or has become something else */
	struct host *host;
	struct http_store store;
	struct http_msg msg;
	struct addr remote;
	bool keep_alive, head_only;
};

static const struct stream_h conn_h;
static void next_request(struct conn *c);

/* ---- answers ---- */

static void req_free(struct http_req *r)
{
	requests_open.value--;
	http_store_free(&r->store);
	free(r);
}

static void answer(
	struct http_req *r, int status, struct str fields, struct str body, bool cut)
{
	struct conn *c = r->conn;
	struct buf b = {0};
	if (c) {
		struct wire_ctx ctx = {
			.conn = stream_id(c->stream), .close = !r->keep_alive};
		if (cut && !r->head_only)
			ctx.cut = (uint32_t)body.n;
		http_put_answer(
			&b, r->host, status, fields, body, r->keep_alive, r->head_only);
		c->req = NULL;
		c->ending = !r->keep_alive;
		wire_send(c->stream, buf_str(&b), &ctx);
		buf_free(&b);
	}
	req_free(r);
	if (c)
		next_request(c);
}

void http_answer(struct http_req *r, int status, struct str fields, struct str body)
{
	answer(r, status, fields, body, false);
}

void http_answer_static(
	struct http_req *r, int status, struct str fields, struct str body)
{
	answer(r, status, fields, body, true);
}

/* ---- connections ---- */

static void parser_free(struct conn *c)
{
	if (c->parser)
		http_parser_free(c->parser);
	free(c->parser);
	c->parser = NULL;
}

/* The conn goes; what becomes of its stream is the caller's. */
static void conn_free(struct conn *c)
{
	if (c->req)
		c->req->conn = NULL;
	while (c->late) {
		struct late *l = c->late;
		c->late = l->next;
		free((char *)l->bytes.p);
		free(l);
	}
	timer_stop(&c->timer);
	parser_free(c);
	*(c->prev ? &c->prev->next : &c->server->conns) = c->next;
	if (c->next)
		c->next->prev = c->prev;
	if (c->server->closed && !c->server->conns)
		free(c->server);
	free(c);
}

static struct metric *counter_of(int status)
{
	switch (status) {
	case 408: return &bad_slow;
	case 413: return &bad_body;
	case 431: return &bad_head;
	default: return &bad_syntax;
	}
}

static void on_idle(struct timer *t, void *arg)
{
	struct conn *c = arg;
	stream_close(c->stream);
}

static void wait_idle(struct conn *c)
{
	int ms = c->server->conf.idle_ms;
	c->await = AWAIT_NEXT;
	timer_start(c->server->host->clock, &c->timer, ms ? ms : IDLE_MS, on_idle, c);
}

/* An answer of our own that is the last on this connection. */
static void answer_and_end(struct conn *c, int status, const char *why)
{
	struct wire_ctx ctx = {.conn = stream_id(c->stream), .close = true};
	struct buf body = {0}, b = {0};

	buf_fmt(&body, "%s\n", why);
	http_put_answer(&b, c->server->host, status, STR("Content-Type: text/plain\r\n"),
		buf_str(&body), false, false);
	c->ending = true;
	stream_pause(c->stream, true);
	wait_idle(c); /* should the gate keep the answer */
	wire_send(c->stream, buf_str(&b), &ctx);
	buf_free(&b);
	buf_free(&body);
}

/* Bytes that are no request, or one that we don't take: the connection ends, since nobody
 * knows where the next message would begin. */
static void refuse(struct conn *c, int status, const char *why)
{
	counter_of(status)->value++;
	log_warn("http", "%s: %d, %s", addr_text(stream_remote(c->stream)), status, why);
	if (c->server->host->trace && c->parser) {
		struct buf raw = {0};
		http_parser_raw(c->parser, &raw);
		wire_trace(c->stream, TRACE_RECEIVED, buf_str(&raw));
		buf_free(&raw);
	}
	parser_free(c);
	answer_and_end(c, status, why);
}

static void on_slow(struct timer *t, void *arg)
{
	refuse(arg, 408, "the request was not complete in time");
}

/* ---- requests ---- */

static bool path_matches(const struct http_route *r, struct str path)
{
	struct str want = str_of(r->path);
	if (want.n && want.p[want.n - 1] == '*')
		return str_starts(path, (struct str){want.p, want.n - 1});
	return str_eq(want, path);
}

static bool method_matches(const struct http_route *r, struct str method)
{
	return !r->method || str_eq(method, str_of(r->method)) ||
		(str_eq(method, STR("HEAD")) && !strcmp(r->method, "GET"));
}

static void no_route(struct http_req *r, const struct http_route *routes)
{
	struct buf allow = {0};
	for (; routes->path; routes++)
		if (path_matches(routes, r->msg.path))
			buf_fmt(&allow, "%s%s",
				allow.n ? ", " : "Allow: ", routes->method);
	bad_route.value++;
	int status = allow.n ? 405 : 404;
	log_warn("http", "%s: %d, no route for %s %s", addr_text(&r->remote), status,
		log_text(r->msg.method), log_text(r->msg.path));
	if (allow.n)
		buf_fmt(&allow, "\r\n");
	http_answer(r, status, buf_str(&allow), STR_NONE);
	buf_free(&allow);
}

static void dispatch(struct conn *c, struct http_parser *p)
{
	struct http_server *s = c->server;
	const struct http_route *route = s->conf.routes;
	struct http_req *r = MEM_NEW(struct http_req);

	r->conn = c;
	r->host = s->host;
	r->remote = *stream_remote(c->stream);
	r->keep_alive = p->keep_alive && !s->closed;
	http_parser_take(p, &r->store, &r->msg);
	r->head_only = str_eq(r->msg.method, STR("HEAD"));
	requests.value++;
	requests_open.value++;
	timer_stop(&c->timer);
	c->req = r;
	stream_pause(c->stream, true);
	while (route->path && !(path_matches(route, r->msg.path) &&
				      method_matches(route, r->msg.method)))
		route++;
	if (route->path)
		route->h(r, s->conf.arg);
	else
		no_route(r, s->conf.routes);
}

/* A whole request in one piece; not being one is the gate's doing. */
static void dispatch_bytes(struct conn *c, struct str bytes)
{
	struct http_parser *p = mem_alloc(sizeof *p);
	http_parser_init(p, true, c->server->conf.max_body);
	enum http_fed f = http_parser_feed(p, &bytes);
	if (f == HTTP_DONE)
		dispatch(c, p);
	else if (f == HTTP_BAD)
		refuse(c, p->status, p->why);
	else
		refuse(c, 400, "the request is incomplete");
	http_parser_free(p);
	free(p);
}

static void arrive(void *owner, const void *arg, struct str bytes)
{
	const struct wire_ctx *ctx = arg;
	struct conn *c = stream_owner(stream_find(owner, ctx->conn), &conn_h);
	if (!c || c->ending)
		return;
	c->at_gate = false;
	if (!c->req) {
		dispatch_bytes(c, bytes);
		return;
	}
	struct late **at = &c->late;
	while (*at)
		at = &(*at)->next;
	*at = MEM_NEW(struct late);
	(*at)->bytes = (struct str){str_dup(bytes), bytes.n};
}

static void complete(struct conn *c)
{
	struct host *host = c->server->host;
	struct http_parser *p = c->parser;
	struct buf raw = {0};

	c->parser = NULL;
	timer_stop(&c->timer);
	if (wire_watched(host)) {
		http_parser_raw(p, &raw);
		wire_trace(c->stream, TRACE_RECEIVED, buf_str(&raw));
	}
	if (gate_active(host->gate)) {
		struct wire_ctx ctx = {.conn = stream_id(c->stream)};
		wait_idle(c);
		c->at_gate = p->upgrade;
		stream_pause(c->stream, p->upgrade);
		wire_received(c->stream, buf_str(&raw), arrive, &ctx);
	} else {
		dispatch(c, p);
	}
	buf_free(&raw);
	http_parser_free(p);
	free(p);
}

/* After an answer: a request that came past the gate meanwhile, or the stream again. */
static void next_request(struct conn *c)
{
	struct late *l = c->late;
	wait_idle(c);
	if (c->ending)
		return;
	if (!l) {
		stream_pause(c->stream, false);
		return;
	}
	c->late = l->next;
	dispatch_bytes(c, l->bytes);
	free((char *)l->bytes.p);
	free(l);
}

static void begin(struct conn *c)
{
	c->parser = mem_alloc(sizeof *c->parser);
	http_parser_init(c->parser, true, c->server->conf.max_body);
	c->parser->want_raw = wire_watched(c->server->host);
}

/* More of the message is to come: its head within 10 s, its body within another 30. */
static void await_rest(struct conn *c)
{
	struct http_parser *p = c->parser;
	if (p->expects_continue) {
		struct wire_ctx ctx = {.conn = stream_id(c->stream)};
		p->expects_continue = false;
		wire_send(c->stream, STR("HTTP/1.1 100 Continue\r\n\r\n"), &ctx);
	}
	enum await await = p->head_done ? AWAIT_BODY : AWAIT_HEAD;
	if (c->await != await)
		timer_start(c->server->host->clock, &c->timer,
			p->head_done ? BODY_MS : HEAD_MS, on_slow, c);
	c->await = await;
}

static void on_data(struct stream *s, struct str bytes, void *arg)
{
	struct conn *c = arg;
	while (bytes.n && !c->req && !c->ending && !c->at_gate && stream_is_open(s)) {
		if (!c->parser)
			begin(c);
		enum http_fed f = http_parser_feed(c->parser, &bytes);
		if (f == HTTP_BAD)
			refuse(c, c->parser->status, c->parser->why);
		else if (f == HTTP_MORE)
			await_rest(c);
		else
			complete(c);
		if (f == HTTP_DONE && stream_owner(s, &conn_h) != c)
			break; /* upgraded: the rest is for the new owner */
	}
	stream_unread(s, bytes);
}

static void on_open(struct stream *s, void *arg)
{
	struct http_server *server = arg;
	struct conn *c = MEM_NEW(struct conn);
	c->server = server;
	c->stream = s;
	c->next = server->conns;
	if (c->next)
		c->next->prev = c;
	server->conns = c;
	stream_handlers(s, &conn_h, c);
	wait_idle(c);
}

static void on_closed(struct stream *s, int err, const char *why, void *arg)
{
	struct conn *c = arg;
	if (c->parser && c->parser->store.all.n) {
		bad_end.value++;
		log_warn("http", "%s: %s in the middle of a request",
			addr_text(stream_remote(s)), why);
	}
	conn_free(c);
}

static const struct stream_h conn_h = {on_open, on_data, on_closed};

/* ---- the public side ---- */

int http_serve(
	struct host *host, const struct http_server_conf *conf, struct http_server **out)
{
	struct http_server *s = MEM_NEW(struct http_server);
	s->host = host;
	s->conf = *conf;
	if (!s->conf.max_body)
		s->conf.max_body = HTTP_BODY_MAX;
	int err = listener_open(host, &conf->listen, conf->tls, &conn_h, s, &s->listener);
	if (!err && addr_is(&conf->also)) {
		err = listener_open(host, &conf->also, conf->tls, &conn_h, s, &s->also);
		if (err)
			listener_close(s->listener);
	}
	if (err) {
		free(s);
		return err;
	}
	*out = s;
	return 0;
}

const struct addr *http_server_local(const struct http_server *s)
{
	return listener_local(s->listener);
}

void http_server_drop(struct http_server *s)
{
	for (struct conn *c = s->conns; c; c = c->next)
		if (!c->req && !c->parser)
			stream_close(c->stream);
}

void http_server_close(struct http_server *s)
{
	listener_close(s->listener);
	if (s->also)
		listener_close(s->also);
	s->closed = true;
	if (!s->conns)
		free(s);
	else
		for (struct conn *c = s->conns; c; c = c->next) {
			if (c->req)
				c->req->conn = NULL;
			if (c->req && !c->ending)
				answer_and_end(c, 503, "the server is stopping");
			c->req = NULL;
			c->ending = true;
			stream_close(c->stream);
		}
}

const struct http_msg *http_req_msg(const struct http_req *r)
{
	return &r->msg;
}

struct arena *http_req_arena(struct http_req *r)
{
	return &r->store.arena;
}

struct stream *http_req_stream(struct http_req *r)
{
	return r->conn ? r->conn->stream : NULL;
}

const struct addr *http_req_remote(const struct http_req *r)
{
	return &r->remote;
}

static void no_data(struct stream *s, struct str bytes, void *arg)
{
}

static void no_closed(struct stream *s, int err, const char *why, void *arg)
{
}

struct stream *http_upgrade(struct http_req *r, struct str head)
{
	static const struct stream_h nobody = {NULL, no_data, no_closed};
	struct conn *c = r->conn;
	struct stream *s = c ? c->stream : NULL;
	if (c) {
		struct wire_ctx ctx = {.conn = stream_id(s)};
		wire_send(s, head, &ctx);
		stream_handlers(s, &nobody, NULL);
		stream_pause(s, false);
		conn_free(c);
	}
	req_free(r);
	return s;
}
