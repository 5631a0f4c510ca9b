/* The collector: HEP records from the elements and calls from the actors become the
 * ladder's records, each made of what its sender and its receiver saw.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/trace/hep.h"
#include "scenarios/player/play.h"

enum {
	PORT = 9060,
	LAST_NETWORK = 250,
	BUCKETS = 1024,
	READ_SIZE = 65536,
	MAX_BYTES = 512 << 20, /* of one variant; what comes then is counted, not kept */
};

/* A record and its place among those whose other side has not come. */
struct half {
	struct record record;
	uint64_t hash;
	struct half *next;
};

struct node {
	struct node *next;
	uint64_t count;
	char name[];
};

/* One connected process. */
struct peer {
	struct collector *collector;
	struct peer *prev, *next;
	uv_tcp_t tcp;
	struct buf in;
	struct hep_join join;
};

struct collector {
	uv_loop_t *loop;
	uv_tcp_t listener;
	int network, handles;
	bool closing;
	char target[32];
	collector_record_h *h;
	collector_name_h *name;
	void *arg;
	struct arena arena; /* records since the last clear */
	uint32_t n_records;
	uint64_t lost;
	struct half *halves[BUCKETS];
	struct node *nodes; /* names; kept until the end */
	struct peer *peers;
	char read[READ_SIZE];
};

/* ---- names ---- */

static struct node *node_of(struct collector *c, struct str name)
{
	struct node *n = c->nodes;
	while (n && !str_eq(name, str_of(n->name)))
		n = n->next;
	if (n)
		return n;
	n = mem_zalloc(sizeof *n + name.n + 1);
	memcpy(n->name, name.p, name.n);
	n->next = c->nodes;
	c->nodes = n;
	return n;
}

static const char *name_at(struct collector *c, const struct addr *a)
{
	const char *name = c->name ? c->name(a, c->arg) : NULL;
	return node_of(c, str_of(name ? name : addr_text(a)))->name;
}

/* ---- records ---- */

/* Of an HTTP message: where its body begins. */
static size_t head_of(struct str bytes)
{
	ptrdiff_t end = str_find(bytes, STR("\r\n\r\n"));
	return end < 0 ? bytes.n : (size_t)end + 4;
}

/* A server tells a static file's body as "[N octets, sha256 ...]". */
static bool stands_for(struct str cut, struct str body)
{
	char want[40];
	snprintf(want, sizeof want, "[%zu octets, sha256 ", body.n);
	return str_starts(cut, str_of(want));
}

static bool same_message(const struct record *a, const struct record *b)
{
	if (str_eq(a->bytes, b->bytes))
		return true;
	size_t n = head_of(a->bytes);
	if (a->proto != TRACE_HTTP || n != head_of(b->bytes) ||
		memcmp(a->bytes.p, b->bytes.p, n) != 0)
		return false;
	struct str x = str_skip(a->bytes, n), y = str_skip(b->bytes, n);
	return stands_for(x, y) || stands_for(y, x);
}

static uint64_t hash_of(const struct record *r)
{
	struct str what = r->bytes;
	if (r->proto == TRACE_HTTP)
		what.n = head_of(what);
	uint64_t h = str_hash(what) ^ ((uint64_t)r->proto << 32);
	return h ^ str_hash(str_of(r->from)) * 31 ^ str_hash(str_of(r->to)) * 131;
}

/* The oldest record of that message that lacks this side. */
static struct half **find_half(struct collector *c, const struct half *want, bool sent)
{
	struct half **at = &c->halves[want->hash % BUCKETS];
	for (; *at; at = &(*at)->next) {
		const struct record *r = &(*at)->record;
		if ((sent ? !r->sent_ns : !r->received_ns) && (*at)->hash == want->hash &&
			r->proto == want->record.proto && r->from == want->record.from &&
			r->to == want->record.to && same_message(r, &want->record))
			return at;
	}
	return NULL;
}

static void add_half(struct collector *c, const struct half *from)
{
	struct half *h = arena_alloc(&c->arena, sizeof *h), **at;

	*h = *from;
	h->record.bytes = arena_str(&c->arena, from->record.bytes);
	h->record.number = ++c->n_records;
	at = &c->halves[h->hash % BUCKETS];
	while (*at)
		at = &(*at)->next;
	*at = h;
	if (c->h)
		c->h(&h->record, false, c->arg);
}

static void pair(struct collector *c, struct half **at, uint64_t ns, bool sent)
{
	struct half *h = *at;
	*at = h->next;
	h->next = NULL;
	*(sent ? &h->record.sent_ns : &h->record.received_ns) = ns;
	if (c->h)
		c->h(&h->record, true, c->arg);
}

/* Who tells of it, by the name of its process; or a part of it, by the address. */
static const char *near_name(
	struct collector *c, const struct trace_msg *m, const struct node *self)
{
	const char *here = name_at(c, &m->local), *whole = rig_part_of(here);
	return !self || (whole && !strcmp(whole, self->name)) ? here : self->name;
}

void collector_sink(const struct trace_msg *m, void *arg)
{
	struct collector *c = arg;
	bool sent = m->dir == TRACE_SENT;
	struct node *self = m->node.n ? node_of(c, m->node) : NULL;
	const char *near = near_name(c, m, self);
	const char *far = name_at(c, &m->remote);
	uint64_t ns = m->at_ns ? m->at_ns : clock_real_ns();
	struct half h = {.record = {.proto = m->proto,
				 .via = m->via,
				 .from = sent ? near : far,
				 .to = sent ? far : near,
				 .src = sent ? m->local : m->remote,
				 .dst = sent ? m->remote : m->local,
				 .sent_ns = sent ? ns : 0,
				 .received_ns = sent ? 0 : ns,
				 .conn = m->conn,
				 .wall_ms = m->wall_ms,
				 .offset_ms = m->offset_ms,
				 .bytes = m->bytes}};

	if (self)
		self->count++;
	h.hash = hash_of(&h.record);
	struct half **other = find_half(c, &h, sent);
	if (other)
		pair(c, other, ns, sent);
	else if (arena_size(&c->arena) + m->bytes.n < MAX_BYTES)
		add_half(c, &h);
	else if (!c->lost++)
		log_error("collector",
			"more than %d MiB of messages: the rest is not kept",
			MAX_BYTES >> 20);
}

uint64_t collector_count(const struct collector *c, const char *node)
{
	for (const struct node *n = c->nodes; n; n = n->next)
		if (!strcmp(n->name, node))
			return n->count;
	return 0;
}

void collector_forget_node(struct collector *c, const char *node)
{
	node_of(c, str_of(node))->count = 0;
}

void collector_clear(struct collector *c)
{
	arena_free(&c->arena);
	memset(c->halves, 0, sizeof c->halves);
	c->n_records = 0;
	c->lost = 0;
}

void collector_set(
	struct collector *c, collector_record_h *h, collector_name_h *name, void *arg)
{
	c->h = h;
	c->name = name;
	c->arg = arg;
}

int collector_network(const struct collector *c)
{
	return c->network;
}

const char *collector_target(const struct collector *c)
{
	return c->target;
}

/* ---- HEP over TCP ---- */

static void release(struct collector *c)
{
	if (--c->handles > 0)
		return;
	while (c->nodes) {
		struct node *n = c->nodes;
		c->nodes = n->next;
		free(n);
	}
	arena_free(&c->arena);
	free(c);
}

static void on_peer_closed(uv_handle_t *h)
{
	struct peer *p = h->data;
	struct collector *c = p->collector;
	hep_join_free(&p->join);
	buf_free(&p->in);
	free(p);
	release(c);
}

static void drop_peer(struct peer *p)
{
	struct collector *c = p->collector;
	if (uv_is_closing((uv_handle_t *)&p->tcp))
		return;
	*(p->prev ? &p->prev->next : &c->peers) = p->next;
	if (p->next)
		p->next->prev = p->prev;
	uv_close((uv_handle_t *)&p->tcp, on_peer_closed);
}

/* Takes whole records off the front; false when the stream can't be followed. */
static bool take_records(struct peer *p)
{
	struct str rest = buf_str(&p->in);
	bool good = true;
	int n;

	while ((n = hep_frame(rest)) > 0) {
		struct hep_msg h;
		if (hep_decode((struct str){rest.p, (size_t)n}, &h)) {
			good = false;
			break;
		}
		if (hep_join_add(&p->join, &h))
			collector_sink(&h.m, p->collector);
		rest = str_skip(rest, (size_t)n);
	}
	buf_drop(&p->in, p->in.n - rest.n);
	return good && n >= 0;
}

static void on_alloc(uv_handle_t *h, size_t want, uv_buf_t *b)
{
	struct peer *p = h->data;
	*b = uv_buf_init(p->collector->read, READ_SIZE);
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
	struct peer *p = s->data;
	if (n > 0) {
		buf_put(&p->in, b->base, (size_t)n);
		if (take_records(p))
			return;
		log_warn("collector", "a sender does not speak HEPv3: it is cut off");
	}
	if (n)
		drop_peer(p);
}

static void on_connection(uv_stream_t *s, int err)
{
	struct collector *c = s->data;
	if (err)
		return;
	struct peer *p = MEM_NEW(struct peer);
	p->collector = c;
	uv_tcp_init(c->loop, &p->tcp);
	p->tcp.data = p;
	c->handles++;
	p->next = c->peers;
	if (p->next)
		p->next->prev = p;
	c->peers = p;
	if (uv_accept(s, (uv_stream_t *)&p->tcp) ||
		uv_read_start((uv_stream_t *)&p->tcp, on_alloc, on_read))
		drop_peer(p);
}

/* ---- life ---- */

/* A plain socket first: a handle whose bind failed could only be closed later. */
static int bind_network(int network)
{
	struct sockaddr_in sa = {.sin_family = AF_INET,
		.sin_port = htons(PORT),
		.sin_addr.s_addr = htonl(127u << 24 | (uint32_t)network << 16 | 1)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (!bind(fd, (struct sockaddr *)&sa, sizeof sa) && !listen(fd, 128))
		return fd;
	int err = -errno;
	close(fd);
	return err;
}

int collector_open(uv_loop_t *loop, int network, struct collector **out)
{
	int first = network ? network : 1, last = network ? network : LAST_NETWORK;
	int fd = -EADDRINUSE, r;

	for (r = first; r <= last; r++) {
		fd = bind_network(r);
		if (fd >= 0 || fd != -EADDRINUSE)
			break;
	}
	if (fd < 0)
		return fd;
	struct collector *c = MEM_NEW(struct collector);
	c->loop = loop;
	c->network = r;
	snprintf(c->target, sizeof c->target, "tcp:127.%d.0.1:%d", r, PORT);
	uv_tcp_init(loop, &c->listener);
	c->listener.data = c;
	c->handles = 1;
	int err = uv_tcp_open(&c->listener, fd);
	if (err)
		close(fd);
	else
		err = uv_listen((uv_stream_t *)&c->listener, 128, on_connection);
	if (err) {
		collector_close(c);
		return err;
	}
	*out = c;
	return 0;
}

static void on_listener_closed(uv_handle_t *h)
{
	release(h->data);
}

void collector_close(struct collector *c)
{
	if (!c || c->closing)
		return;
	c->closing = true;
	c->h = NULL;
	c->name = NULL;
	while (c->peers)
		drop_peer(c->peers);
	uv_close((uv_handle_t *)&c->listener, on_listener_closed);
}
