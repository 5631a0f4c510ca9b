/* HTTP/1.1 client: one kept connection, requests one after the other.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/metric.h"
#include "common/http/parser.h"
#include "common/http/wire.h"
#include "common/net/turn.h"

METRIC_IDLE(waiting, "imsrig_http_client_requests_open",
	"HTTP requests sent or queued, unanswered");
METRIC_COUNTER(
	failed, "imsrig_http_client_failed_total", "HTTP requests that got no answer");
METRIC_COUNTER(
	bad, "imsrig_http_client_bad_answers_total", "HTTP answers that were none");

enum { TIMEOUT_MS = 10 * 1000, KEPT_MS = 30 * 1000 };

struct exchange {
	struct exchange *next;
	struct buf bytes;
	bool head_only, safe;  /* safe: may be sent again */
	http_answer_h *h;
	http_upgrade_h *upgrade; /* one of the two */
	void *arg;
};

struct http_client {
	struct host *host;
	struct http_client_conf conf;
	struct addr local, remote;
	char *server_name;
	struct exchange *first;  /* the one whose turn it is */
	struct stream *stream;
	struct http_parser *parser;
	struct timer timer;
	struct turn *turn;
	struct task task; /* connects: never inside http_send, which would call back */
	bool at_gate;            /* the answer is: nothing is read behind it */
	bool open, sent, used;   /* used: an exchange went over this connection before */
	int64_t used_ms;         /* when the last one did */
	bool freed;
	int depth;               /* callbacks under way */
};

static const struct stream_h client_h;
static void advance(struct http_client *c);

/* ---- one exchange ---- */

static void exchange_free(struct exchange *x)
{
	waiting.value--;
	buf_free(&x->bytes);
	free(x);
}

static void parser_free(struct http_client *c)
{
	if (c->parser)
		http_parser_free(c->parser);
	free(c->parser);
	c->parser = NULL;
}

static void leave(struct http_client *c)
{
	if (c->stream)
		stream_leave(c->stream);
	c->stream = NULL;
	c->open = c->used = false;
	parser_free(c);
}

static void client_free(struct http_client *c)
{
	free(c->server_name);
	tls_free(c->conf.tls);
	task_drop(&c->task);
	turn_put(c->turn);
	free(c);
}

/* The current exchange is over; its owner may free the client in the callback. */
static void finish(struct http_client *c, int err, const char *why,
	const struct http_msg *m, struct stream *s)
{
	struct exchange *x = c->first;
	c->first = x->next;
	c->sent = c->at_gate = false;
	timer_stop(&c->timer);
	if (err) {
		failed.value++;
		log_info("http", "request to %s: %s", addr_text(&c->remote), why);
	}
	c->depth++;
	if (x->upgrade)
		x->upgrade(err, why, m, s, x->arg);
	else
		x->h(err, why, m, x->arg);
	exchange_free(x);
	if (--c->depth == 0 && c->freed)
		client_free(c);
	else if (!c->freed)
		advance(c);
}

static void fail(struct http_client *c, int err, const char *why)
{
	leave(c);
	finish(c, err, why, NULL, NULL);
}

static void on_late(struct timer *t, void *arg)
{
	/* an answer may still come: not on a connection for the next request */
	fail(arg, -ETIMEDOUT, "no answer in time");
}

/* ---- answers ---- */

static void begin(struct http_client *c)
{
	c->parser = mem_alloc(sizeof *c->parser);
	http_parser_init(c->parser, false, HTTP_ANSWER_MAX);
	c->parser->no_body = c->first->head_only;
	c->parser->want_raw = wire_watched(c->host);
}

static void answered(struct http_client *c, struct http_parser *p)
{
	struct http_store store;
	struct http_msg m;
	struct stream *given = NULL;

	http_parser_take(p, &store, &m);
	c->used = true;
	c->used_ms = clock_ms(c->host->clock);
	if (m.status == 101 && c->first->upgrade) {
		given = c->stream;
		c->stream = NULL;
		c->open = false;
	} else if (m.status == 101) {
		http_store_free(&store);
		fail(c, -EPROTO, "101 to a request that asked for no other protocol");
		return;
	} else if (!p->keep_alive) {
		leave(c);
	}
	if (given)
		stream_pause(given, false);
	finish(c, 0, "", &m, given);
	http_store_free(&store);
}

static void bad_answer(struct http_client *c, const char *why)
{
	bad.value++;
	log_warn("http", "answer from %s: %s", addr_text(&c->remote), why);
	fail(c, -EPROTO, why);
}

static void arrive(void *owner, const void *arg, struct str bytes)
{
	const struct wire_ctx *ctx = arg;
	struct http_client *c = stream_owner(stream_find(owner, ctx->conn), &client_h);
	if (!c || !c->first || !c->sent) {
		log_info("http", "an answer that nobody waits for came past the gate");
		return;
	}
	struct http_parser p;
	c->at_gate = false;
	stream_pause(c->stream, false);
	http_parser_init(&p, false, HTTP_ANSWER_MAX);
	p.no_body = ctx->head_only;
	enum http_fed f = http_parser_feed(&p, &bytes);
	if (f == HTTP_MORE)
		f = http_parser_end(&p);
	if (f == HTTP_DONE)
		answered(c, &p);
	else
		bad_answer(c, p.why);
	http_parser_free(&p);
}

static void complete(struct http_client *c)
{
	struct http_parser *p = c->parser;
	struct stream *s = c->stream;
	bool interim = p->ll.status_code < 200 && p->ll.status_code != 101;
	struct buf raw = {0};

	c->parser = NULL;
	if (wire_watched(c->host)) {
		http_parser_raw(p, &raw);
		wire_trace(s, TRACE_RECEIVED, buf_str(&raw));
	}
	if (interim) {
		/* 100 and its like announce the answer */
	} else if (gate_active(c->host->gate)) {
		struct wire_ctx ctx = {.conn = stream_id(s), .head_only = p->no_body};
		c->at_gate = true;
		stream_pause(s, true);
		wire_received(s, buf_str(&raw), arrive, &ctx);
	} else {
		answered(c, p);
	}
	buf_free(&raw);
	http_parser_free(p);
	free(p);
}

static void on_data(struct stream *s, struct str bytes, void *arg)
{
	while (bytes.n && stream_owner(s, &client_h)) {
		struct http_client *c = arg;
		if (c->at_gate)
			break;
		if (!c->first || !c->sent) {
			bad.value++;
			log_warn("http", "%s answers what was not asked",
				addr_text(&c->remote));
			leave(c);
			return;
		}
		if (!c->parser)
			begin(c);
		enum http_fed f = http_parser_feed(c->parser, &bytes);
		if (f == HTTP_BAD)
			bad_answer(c, c->parser->why);
		else if (f == HTTP_DONE)
			complete(c);
	}
	stream_unread(s, bytes);
}

/* ---- the connection ---- */

static void transmit(struct http_client *c)
{
	struct wire_ctx ctx = {.conn = stream_id(c->stream)};
	c->sent = true;
	wire_send(c->stream, buf_str(&c->first->bytes), &ctx);
}

static void on_open(struct stream *s, void *arg)
{
	struct http_client *c = arg;
	c->open = true;
	if (c->first && !c->sent)
		transmit(c);
}

static void on_closed(struct stream *s, int err, const char *why, void *arg)
{
	struct http_client *c = arg;
	struct http_parser *p = c->parser;
	/* the server gave a kept connection up just as we used it */
	bool stale = c->used && !p && c->first && c->first->safe;

	c->stream = NULL;
	c->parser = NULL;
	c->open = c->used = false;
	if (!c->first) {
		/* idle */
	} else if (stale) {
		c->sent = false;
		timer_stop(&c->timer);
		advance(c);
	} else if (p && !err && http_parser_end(p) == HTTP_DONE) {
		p->keep_alive = false;
		answered(c, p);
	} else {
		char text[256];
		snprintf(text, sizeof text, "%s",
			err ? why : "the server closed the connection without an answer");
		fail(c, err ? err : -ECONNRESET, text);
	}
	if (p)
		http_parser_free(p);
	free(p);
}

static const struct stream_h client_h = {on_open, on_data, on_closed};

static void on_turn(struct task *t)
{
	struct http_client *c = (void *)((char *)t - offsetof(struct http_client, task));
	if (c->freed || c->stream || !c->first)
		return;
	int err = stream_connect(c->host, &c->local, &c->remote, c->conf.tls,
		c->server_name, &client_h, c, &c->stream);
	if (err)
		fail(c, err, uv_strerror(err));
}

/* The next exchange, if there is one and the last is over. A server may be giving up a
 * connection that was long idle just now, and not every request may be sent again. */
static void advance(struct http_client *c)
{
	if (!c->first || c->sent || timer_runs(&c->timer))
		return;
	if (c->used && clock_ms(c->host->clock) - c->used_ms >= KEPT_MS)
		leave(c);
	timer_start(c->host->clock, &c->timer, c->conf.timeout_ms, on_late, c);
	if (c->open)
		transmit(c);
	else
		task_add(c->turn, &c->task, on_turn);
}

/* ---- the public side ---- */

struct http_client *http_client_new(
	struct host *host, const struct http_client_conf *conf)
{
	struct http_client *c = MEM_NEW(struct http_client);
	c->host = host;
	c->turn = turn_get(host->loop);
	c->conf = *conf;
	c->local = conf->local;
	c->remote = conf->remote;
	c->server_name = conf->server_name ? str_dup(str_of(conf->server_name)) : NULL;
	c->conf.tls = conf->tls ? tls_ref(conf->tls) : NULL;
	if (!c->conf.timeout_ms)
		c->conf.timeout_ms = TIMEOUT_MS;
	return c;
}

static void put_host(struct http_client *c, struct buf *b)
{
	unsigned port = addr_port(&c->remote), usual = c->conf.tls ? 443 : 80;
	buf_fmt(b, "Host: %s", c->server_name ? c->server_name : addr_uri_host(&c->remote));
	if (port != usual)
		buf_fmt(b, ":%u", port);
	buf_fmt(b, "\r\n");
}

static bool is_safe(const char *method)
{
	static const char *const names[] = {"GET", "HEAD", "PUT", "DELETE", "OPTIONS"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!strcmp(method, names[i]))
			return true;
	return false;
}

static struct exchange *queue(struct http_client *c, const char *method,
	const char *target, struct str fields, struct str body)
{
	struct exchange *x = MEM_NEW(struct exchange), **at = &c->first;
	bool has_body = body.n || !strcmp(method, "POST") || !strcmp(method, "PUT");

	buf_fmt(&x->bytes, "%s %s HTTP/1.1\r\n", method, target);
	put_host(c, &x->bytes);
	buf_add(&x->bytes, fields);
	if (has_body)
		buf_fmt(&x->bytes, "Content-Length: %zu\r\n", body.n);
	buf_fmt(&x->bytes, "\r\n");
	buf_add(&x->bytes, body);
	x->head_only = !strcmp(method, "HEAD");
	x->safe = is_safe(method);
	while (*at)
		at = &(*at)->next;
	*at = x;
	waiting.value++;
	return x;
}

void http_send(struct http_client *c, const char *method, const char *target,
	struct str fields, struct str body, http_answer_h *h, void *arg)
{
	struct exchange *x = queue(c, method, target, fields, body);
	x->h = h;
	x->arg = arg;
	advance(c);
}

void http_send_upgrade(struct http_client *c, const char *target, struct str fields,
	http_upgrade_h *h, void *arg)
{
	struct exchange *x = queue(c, "GET", target, fields, STR_NONE);
	x->upgrade = h;
	x->arg = arg;
	advance(c);
}

void http_client_drop(struct http_client *c)
{
	if (!c->first)
		leave(c);
}

void http_client_free(struct http_client *c)
{
	if (c->freed)
		return;
	c->freed = true;
	leave(c);
	timer_stop(&c->timer);
	c->depth++;
	while (c->first) {
		struct exchange *x = c->first;
		c->first = x->next;
		if (x->upgrade)
			x->upgrade(
				-ECANCELED, "the client is closed", NULL, NULL, x->arg);
		else
			x->h(-ECANCELED, "the client is closed", NULL, x->arg);
		exchange_free(x);
	}
	if (--c->depth == 0)
		client_free(c);
}
