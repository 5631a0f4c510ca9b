/* One HTTP/1.1 message from bytes (RFC 9112).
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/http/parser.h"

void http_store_free(struct http_store *s)
{
	buf_free(&s->all);
	buf_free(&s->chunks);
	arena_free(&s->arena);
}

static enum http_fed bad(struct http_parser *p, int status, const char *why)
{
	p->status = status;
	p->why = why;
	return HTTP_BAD;
}

/* ---- what llhttp finds ---- */

static struct http_parser *of(llhttp_t *ll)
{
	return (struct http_parser *)((char *)ll - offsetof(struct http_parser, ll));
}

/* The head lies in one piece, so a span is its place there. */
static struct http_span span(const struct http_parser *p, const char *at, size_t n)
{
	return (struct http_span){(uint32_t)(at - p->store.all.p), (uint32_t)n};
}

/* Chunk extensions and trailer fields: read, bounded, not kept. */
static int on_framing(llhttp_t *ll, const char *at, size_t n)
{
	struct http_parser *p = of(ll);
	p->framing += n;
	if (p->framing <= HTTP_FRAMING_MAX)
		return 0;
	bad(p, 400, "too much chunk framing");
	return -1;
}

static int on_url(llhttp_t *ll, const char *at, size_t n)
{
	struct http_parser *p = of(ll);
	p->target = span(p, at, n);
	return 0;
}

static int on_name(llhttp_t *ll, const char *at, size_t n)
{
	struct http_parser *p = of(ll);
	if (p->head_done)
		return on_framing(ll, at, n); /* trailer fields are passed over */
	if (p->n_fields == HTTP_FIELDS_MAX) {
		bad(p, 431, "more than 100 header fields");
		return -1;
	}
	p->fields[p->n_fields].name = span(p, at, n);
	p->fields[p->n_fields++].value = span(p, at + n, 0);
	return 0;
}

static int on_value(llhttp_t *ll, const char *at, size_t n)
{
	struct http_parser *p = of(ll);
	if (p->head_done)
		return on_framing(ll, at, n);
	p->fields[p->n_fields - 1].value = span(p, at, n);
	return 0;
}

static int on_head(llhttp_t *ll)
{
	struct http_parser *p = of(ll);
	p->head_done = true;
	p->chunked = ll->flags & F_CHUNKED;
	p->upgrade = ll->upgrade;
	p->keep_alive = llhttp_should_keep_alive(ll);
	if (ll->http_major != 1) {
		bad(p, 505, "an HTTP version that is not 1.x");
		return -1;
	}
	if (!p->chunked && ll->content_length > p->max_body && !p->no_body) {
		bad(p, 413, "the body is larger than allowed here");
		return -1;
	}
	return p->no_body;
}

static int on_body(llhttp_t *ll, const char *at, size_t n)
{
	struct http_parser *p = of(ll);
	struct buf *b = p->chunked ? &p->store.chunks : &p->store.all;
	if ((p->chunked ? b->n : b->n - p->head_n) + n > p->max_body) {
		bad(p, 413, "the body is larger than allowed here");
		return -1;
	}
	buf_put(b, at, n);
	return 0;
}

static int on_done(llhttp_t *ll)
{
	return HPE_PAUSED; /* what follows is the next message's */
}

static const llhttp_settings_t settings = {
	.on_url = on_url,
	.on_header_field = on_name,
	.on_header_value = on_value,
	.on_headers_complete = on_head,
	.on_body = on_body,
	.on_chunk_extension_name = on_framing,
	.on_chunk_extension_value = on_framing,
	.on_message_complete = on_done,
};

/* ---- feeding ---- */

void http_parser_init(struct http_parser *p, bool request, size_t max_body)
{
	memset(p, 0, offsetof(struct http_parser, fields));
	p->request = request;
	p->max_body = max_body;
	llhttp_init(&p->ll, request ? HTTP_REQUEST : HTTP_RESPONSE, &settings);
}

void http_parser_free(struct http_parser *p)
{
	http_store_free(&p->store);
	buf_free(&p->framed);
}

static enum http_fed outcome(struct http_parser *p, llhttp_errno_t err)
{
	switch (err) {
	case HPE_OK:
		return HTTP_MORE;
	case HPE_PAUSED:
	case HPE_PAUSED_UPGRADE:
		return HTTP_DONE;
	case HPE_PAUSED_H2_UPGRADE:
	case HPE_INVALID_VERSION:
		return bad(p, 505, "an HTTP version that is not 1.x");
	default:
		if (p->status)
			return HTTP_BAD;
		const char *why = llhttp_get_error_reason(&p->ll);
		return bad(p, 400, why && *why ? why : "not an HTTP message");
	}
}

/* RFC 9112 3.2: one Host field in every HTTP/1.1 request. */
static bool host_missing(const struct http_parser *p)
{
	int n = 0;
	for (unsigned i = 0; i < p->n_fields; i++) {
		struct http_span s = p->fields[i].name;
		n += str_ieq((struct str){p->store.all.p + s.at, s.n}, STR("Host"));
	}
	return n > 1 || (n == 0 && p->ll.http_minor > 0);
}

static bool expects(const struct http_parser *p)
{
	for (unsigned i = 0; i < p->n_fields; i++) {
		struct http_span n = p->fields[i].name, v = p->fields[i].value;
		if (str_ieq((struct str){p->store.all.p + n.at, n.n}, STR("Expect")))
			return str_ieq((struct str){p->store.all.p + v.at, v.n},
				STR("100-continue"));
	}
	return false;
}

static enum http_fed head_complete(struct http_parser *p)
{
	p->head_n = p->store.all.n;
	enum http_fed f = outcome(p, llhttp_execute(&p->ll, p->store.all.p, p->head_n));
	if (f == HTTP_BAD)
		return f;
	if (!p->head_done)
		return bad(p, 400, "not an HTTP message");
	if (p->request && host_missing(p))
		return bad(p, 400, "not exactly one Host field");
	p->expects_continue = f == HTTP_MORE && p->request && expects(p);
	if (p->ll.method == HTTP_CONNECT && p->request)
		p->keep_alive = false;
	return f;
}

/* Takes octets up to the empty line. Lines end with CR LF and are not folded, so that no
 * two readers of a head disagree where a field ends (RFC 9112 2.2, 5.2, 11.2). */
static enum http_fed feed_head(struct http_parser *p, struct str *in)
{
	static const char end[] = "\r\n\r\n";
	size_t i = 0, room = HTTP_HEAD_MAX - p->store.all.n;
	for (; i < in->n && i < room && p->ends < 4; i++) {
		char c = in->p[i];
		if (c == end[p->ends]) {
			p->ends++;
			continue;
		}
		if (p->ends == 1 || p->ends == 3)
			return bad(p, 400, "a CR without LF in the head");
		if (c == '\n')
			return bad(p, 400, "a LF without CR in the head");
		if (p->ends == 2 && (c == ' ' || c == '\t'))
			return bad(p, 400, "a folded header field");
		p->ends = c == '\r';
	}
	if (i == room && p->ends < 4)
		return bad(p, 431, "the head is larger than 16 KiB");
	buf_put(&p->store.all, in->p, i);
	*in = str_skip(*in, i);
	return p->ends == 4 ? head_complete(p) : HTTP_MORE;
}

static enum http_fed feed_body(struct http_parser *p, struct str *in)
{
	size_t used = in->n;
	llhttp_errno_t err = llhttp_execute(&p->ll, in->p, in->n);
	if (err != HPE_OK)
		used = (size_t)(llhttp_get_error_pos(&p->ll) - in->p);
	enum http_fed f = outcome(p, err);
	if (f == HTTP_BAD)
		return f;
	if (p->chunked && p->want_raw)
		buf_put(&p->framed, in->p, used);
	/* chunks of one octet are six; what is beyond is leading zeros and the like */
	p->body_fed += used;
	if (p->body_fed > 8 * p->max_body + 2 * HTTP_FRAMING_MAX)
		return bad(p, 400, "too much chunk framing");
	*in = str_skip(*in, used);
	return f;
}

enum http_fed http_parser_feed(struct http_parser *p, struct str *in)
{
	enum http_fed f = HTTP_MORE;
	/* empty lines before a message are passed over (RFC 9112 2.2) */
	while (!p->store.all.n && in->n && (in->p[0] == '\r' || in->p[0] == '\n'))
		*in = str_skip(*in, 1);
	if (!p->head_done && in->n)
		f = feed_head(p, in);
	if (f == HTTP_MORE && p->head_done && in->n)
		f = feed_body(p, in);
	return f;
}

enum http_fed http_parser_end(struct http_parser *p)
{
	if (!p->head_done)
		return bad(p, 400, "the peer ended in the middle of a head");
	llhttp_errno_t err = llhttp_finish(&p->ll);
	if (err != HPE_OK && err != HPE_PAUSED)
		return bad(p, 400, "the peer ended in the middle of a body");
	return HTTP_DONE;
}

/* ---- the message ---- */

static struct str view(const struct http_store *s, struct http_span v)
{
	return (struct str){s->all.p + v.at, v.n};
}

/* "/a?b", or the same behind "https://host" (RFC 9112 3.2.2). */
static void split_target(struct http_msg *m)
{
	struct str rest = m->target;
	ptrdiff_t at = str_find(rest, STR("://"));
	if (at > 0 && rest.p[0] != '/') {
		rest = str_skip(rest, (size_t)at + 3);
		at = str_chr(rest, '/');
		rest = at < 0 ? STR("/") : str_skip(rest, (size_t)at);
	}
	m->path = str_cut(&rest, '?');
	m->query = rest;
}

void http_parser_take(struct http_parser *p, struct http_store *store, struct http_msg *m)
{
	*store = p->store;
	p->store = (struct http_store){0};
	*m = (struct http_msg){.n_fields = p->n_fields};
	struct http_field *f = arena_alloc(&store->arena, (p->n_fields + 1) * sizeof *f);
	for (unsigned i = 0; i < p->n_fields; i++) {
		f[i].name = view(store, p->fields[i].name);
		f[i].value = str_trim(view(store, p->fields[i].value));
	}
	m->fields = f;
	m->body = p->chunked ? buf_str(&store->chunks)
			     : str_skip(buf_str(&store->all), p->head_n);
	struct str line = buf_str(&store->all);
	if (p->request) {
		m->method = str_of(llhttp_method_name((llhttp_method_t)p->ll.method));
		m->target = view(store, p->target);
		split_target(m);
	} else {
		line.n = (size_t)str_chr(line, '\r');
		str_cut(&line, ' ');
		str_cut(&line, ' ');
		m->status = p->ll.status_code;
		m->reason = line;
	}
}

void http_parser_raw(const struct http_parser *p, struct buf *out)
{
	buf_add(out, buf_str(&p->store.all));
	buf_add(out, buf_str(&p->framed));
}

/* ---- small things of http.h ---- */

struct str http_field(const struct http_msg *m, struct str name)
{
	for (size_t i = 0; i < m->n_fields; i++)
		if (str_ieq(m->fields[i].name, name))
			return m->fields[i].value;
	return STR_NONE;
}

size_t http_field_count(const struct http_msg *m, struct str name)
{
	size_t n = 0;
	for (size_t i = 0; i < m->n_fields; i++)
		n += str_ieq(m->fields[i].name, name);
	return n;
}
