/* HEPv3 encoder and decoder.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/trace/hep.h"

#include <errno.h>

enum generic_chunk {
	G_FAMILY = 1,
	G_IP_PROTO,
	G_SRC4,
	G_DST4,
	G_SRC6,
	G_DST6,
	G_SRC_PORT,
	G_DST_PORT,
	G_SEC,
	G_USEC,
	G_TYPE,
	G_CAPTURE_ID,
	G_PAYLOAD = 15,
	G_CORRELATION = 17,
};
enum own_chunk {
	O_PROTO = 1,
	O_VIA,
	O_DIR,
	O_ID,
	O_NODE,
	O_CONN,
	O_AT_NS,
	O_OFFSET_MS,
	O_PART,
	O_PARTS,
};
enum { CHUNK_HEAD = 6, IP_TCP = 6, IP_UDP = 17, FAMILY_4 = 2, FAMILY_6 = 10 };

/* ---- encoding ---- */

/* hep_encode has reserved the room. */
static void chunk(struct buf *b, uint16_t vendor, uint16_t type, const void *v, size_t n)
{
	uint8_t *p = (uint8_t *)b->p + b->n;
	size_t len = CHUNK_HEAD + n;

	p[0] = (uint8_t)(vendor >> 8);
	p[1] = (uint8_t)vendor;
	p[2] = (uint8_t)(type >> 8);
	p[3] = (uint8_t)type;
	p[4] = (uint8_t)(len >> 8);
	p[5] = (uint8_t)len;
	if (n)
		memcpy(p + CHUNK_HEAD, v, n);
	b->n += len;
}

static void number(struct buf *b, uint16_t vendor, uint16_t type, uint64_t v, size_t n)
{
	uint8_t be[8];
	for (size_t i = 0; i < n; i++)
		be[i] = (uint8_t)(v >> 8 * (n - 1 - i));
	chunk(b, vendor, type, be, n);
}

static void put_addr(struct buf *b, const struct addr *a, enum generic_chunk v4)
{
	if (a->sa.sa_family == AF_INET6)
		chunk(b, 0, (uint16_t)(v4 + 2), &a->in6.sin6_addr, 16);
	else
		chunk(b, 0, v4, &a->in.sin_addr, 4);
}

static uint8_t type_of(enum trace_proto p, const struct hep_types *t)
{
	switch (p) {
	case TRACE_SIP:
		return 1;
	case TRACE_DIAMETER:
		return t->diameter;
	case TRACE_HTTP:
		return t->http;
	case TRACE_WS:
		break;
	}
	return t->ws;
}

static void put_generic(struct buf *b, const struct trace_msg *m, struct str node,
	const struct hep_types *types)
{
	bool sent = m->dir == TRACE_SENT;
	const struct addr *src = sent ? &m->local : &m->remote;
	const struct addr *dst = sent ? &m->remote : &m->local;

	number(b, 0, G_FAMILY, src->sa.sa_family == AF_INET6 ? FAMILY_6 : FAMILY_4, 1);
	number(b, 0, G_IP_PROTO, m->via == TRACE_UDP ? IP_UDP : IP_TCP, 1);
	put_addr(b, src, G_SRC4);
	put_addr(b, dst, G_DST4);
	number(b, 0, G_SRC_PORT, addr_port(src), 2);
	number(b, 0, G_DST_PORT, addr_port(dst), 2);
	number(b, 0, G_SEC, (uint64_t)(m->wall_ms / 1000), 4);
	number(b, 0, G_USEC, (uint64_t)(m->wall_ms % 1000) * 1000 + m->wall_us, 4);
	number(b, 0, G_TYPE, type_of(m->proto, types), 1);
	number(b, 0, G_CAPTURE_ID, str_hash(node) & 0x7fffffff, 4);
}

static void put_own(struct buf *b, const struct trace_msg *m, struct str node)
{
	number(b, HEP_VENDOR, O_PROTO, m->proto, 1);
	number(b, HEP_VENDOR, O_VIA, m->via, 1);
	number(b, HEP_VENDOR, O_DIR, m->dir, 1);
	number(b, HEP_VENDOR, O_ID, m->id, 8);
	chunk(b, HEP_VENDOR, O_NODE, node.p, node.n);
	number(b, HEP_VENDOR, O_CONN, m->conn, 8);
	number(b, HEP_VENDOR, O_AT_NS, m->at_ns, 8);
	number(b, HEP_VENDOR, O_OFFSET_MS, (uint64_t)m->offset_ms, 8);
}

void hep_encode(const struct trace_msg *m, const struct hep_types *types, struct buf *out)
{
	struct str rest = m->bytes;
	struct str node = {
		m->node.p, m->node.n < HEP_NODE_MAX ? m->node.n : HEP_NODE_MAX};
	size_t parts = rest.n ? (rest.n + HEP_PART_MAX - 1) / HEP_PART_MAX : 1;

	if (parts > UINT16_MAX)
		parts = UINT16_MAX;
	for (size_t part = 1; part <= parts; part++) {
		struct str piece = {
			rest.p, rest.n < HEP_PART_MAX ? rest.n : HEP_PART_MAX};
		size_t at = out->n;
		buf_reserve(out, 512 + piece.n);
		buf_put(out, "HEP3\0\0", HEP_HEAD);
		put_generic(out, m, node, types);
		put_own(out, m, node);
		number(out, HEP_VENDOR, O_PART, part, 2);
		number(out, HEP_VENDOR, O_PARTS, parts, 2);
		chunk(out, 0, G_PAYLOAD, piece.p, piece.n);
		rest = str_skip(rest, piece.n);
		size_t n = out->n - at;
		out->p[at + 4] = (char)(n >> 8);
		out->p[at + 5] = (char)n;
	}
}

/* ---- decoding ---- */

int hep_frame(struct str s)
{
	size_t n = s.n < 4 ? s.n : 4;
	if (n && memcmp(s.p, "HEP3", n))
		return -EBADMSG;
	if (s.n < HEP_HEAD)
		return 0;
	int len = (uint8_t)s.p[4] << 8 | (uint8_t)s.p[5];
	if (len < HEP_HEAD)
		return -EBADMSG;
	return s.n < (size_t)len ? 0 : len;
}

static uint64_t read_be(const char *p, size_t n)
{
	uint64_t v = 0;
	for (size_t i = 0; i < n; i++)
		v = v << 8 | (uint8_t)p[i];
	return v;
}

/* What the chunks of a record said, before it is known which way the message went. */
struct record {
	struct addr src, dst;
	uint32_t src_port, dst_port;
	uint64_t ip_proto, sec, usec, proto, via, dir;
	bool payload, src_set, dst_set, own;
};

/* Width that a number has; 0: not a number. */
static size_t generic_width(unsigned type)
{
	switch (type) {
	case G_FAMILY:
	case G_IP_PROTO:
	case G_TYPE:
		return 1;
	case G_SRC_PORT:
	case G_DST_PORT:
		return 2;
	case G_SEC:
	case G_USEC:
	case G_CAPTURE_ID:
		return 4;
	}
	return 0;
}

static int read_addr(unsigned type, struct str v, struct record *r)
{
	bool six = type == G_SRC6 || type == G_DST6;
	struct addr *a = type == G_SRC4 || type == G_SRC6 ? &r->src : &r->dst;

	if (v.n != (six ? 16u : 4u))
		return -EBADMSG;
	*a = (struct addr){0};
	if (six) {
		a->in6.sin6_family = AF_INET6;
		memcpy(&a->in6.sin6_addr, v.p, 16);
	} else {
		a->in.sin_family = AF_INET;
		memcpy(&a->in.sin_addr, v.p, 4);
	}
	*(a == &r->src ? &r->src_set : &r->dst_set) = true;
	return 0;
}

static int read_generic(
	unsigned type, struct str v, struct record *r, struct hep_msg *out)
{
	size_t width = generic_width(type);
	uint64_t n = 0;

	if (width) {
		if (v.n != width)
			return -EBADMSG;
		n = read_be(v.p, v.n);
	}
	switch (type) {
	case G_IP_PROTO:
		r->ip_proto = n;
		break;
	case G_SRC4:
	case G_DST4:
	case G_SRC6:
	case G_DST6:
		return read_addr(type, v, r);
	case G_SRC_PORT:
		r->src_port = (uint32_t)n;
		break;
	case G_DST_PORT:
		r->dst_port = (uint32_t)n;
		break;
	case G_SEC:
		r->sec = n;
		break;
	case G_USEC:
		r->usec = n;
		break;
	case G_TYPE:
		out->type = (uint8_t)n;
		break;
	case G_CAPTURE_ID:
		out->capture_id = (uint32_t)n;
		break;
	case G_PAYLOAD:
		out->m.bytes = v;
		r->payload = true;
		break;
	}
	return 0;
}

static size_t own_width(unsigned type)
{
	switch (type) {
	case O_PROTO:
	case O_VIA:
	case O_DIR:
		return 1;
	case O_PART:
	case O_PARTS:
		return 2;
	case O_ID:
	case O_CONN:
	case O_AT_NS:
	case O_OFFSET_MS:
		return 8;
	}
	return 0;
}

static int read_own(unsigned type, struct str v, struct record *r, struct hep_msg *out)
{
	size_t width = own_width(type);
	uint64_t n = 0;

	if (width) {
		if (v.n != width)
			return -EBADMSG;
		n = read_be(v.p, v.n);
	}
	switch (type) {
	case O_PROTO:
		r->proto = n;
		r->own = true;
		break;
	case O_VIA:
		r->via = n;
		break;
	case O_DIR:
		r->dir = n;
		break;
	case O_ID:
		out->m.id = n;
		break;
	case O_NODE:
		if (v.n > HEP_NODE_MAX)
			return -EBADMSG;
		out->m.node = v;
		break;
	case O_CONN:
		out->m.conn = n;
		break;
	case O_AT_NS:
		out->m.at_ns = n;
		break;
	case O_OFFSET_MS:
		out->m.offset_ms = (int64_t)n;
		break;
	case O_PART:
		out->part = (uint16_t)n;
		break;
	case O_PARTS:
		out->parts = (uint16_t)n;
		break;
	}
	return 0;
}

static enum trace_proto foreign_proto(uint8_t type)
{
	struct hep_types t = HEP_TYPES_DEFAULT;
	if (type == t.diameter)
		return TRACE_DIAMETER;
	if (type == t.http)
		return TRACE_HTTP;
	return type == t.ws ? TRACE_WS : TRACE_SIP;
}

static int finish(const struct record *r, struct hep_msg *out)
{
	struct trace_msg *m = &out->m;

	if (!r->payload || !r->src_set || !r->dst_set || r->usec > 999999 ||
		r->src.sa.sa_family != r->dst.sa.sa_family)
		return -EBADMSG;
	out->own = r->own;
	if (r->own) {
		if (r->proto > TRACE_WS || r->via > TRACE_WSS ||
			r->dir > TRACE_RECEIVED || !out->part || out->part > out->parts)
			return -EBADMSG;
		m->proto = (enum trace_proto)r->proto;
		m->via = (enum trace_via)r->via;
		m->dir = (enum trace_dir)r->dir;
	} else {
		m->proto = foreign_proto(out->type);
		m->via = r->ip_proto == IP_UDP ? TRACE_UDP : TRACE_TCP;
		m->dir = TRACE_SENT;
		out->part = out->parts = 1;
	}
	m->local = m->dir == TRACE_SENT ? r->src : r->dst;
	m->remote = m->dir == TRACE_SENT ? r->dst : r->src;
	addr_set_port(
		&m->local, (uint16_t)(m->dir == TRACE_SENT ? r->src_port : r->dst_port));
	addr_set_port(
		&m->remote, (uint16_t)(m->dir == TRACE_SENT ? r->dst_port : r->src_port));
	m->wall_ms = (int64_t)(r->sec * 1000 + r->usec / 1000);
	m->wall_us = (uint16_t)(r->usec % 1000);
	return 0;
}

int hep_decode(struct str record, struct hep_msg *out)
{
	struct record r = {0};
	struct str rest;

	*out = (struct hep_msg){0};
	if (hep_frame(record) != (int)record.n || record.n < HEP_HEAD)
		return -EBADMSG;
	rest = str_skip(record, HEP_HEAD);
	while (rest.n) {
		if (rest.n < CHUNK_HEAD)
			return -EBADMSG;
		unsigned vendor = (unsigned)read_be(rest.p, 2);
		unsigned type = (unsigned)read_be(rest.p + 2, 2);
		size_t n = read_be(rest.p + 4, 2);
		if (n < CHUNK_HEAD || n > rest.n)
			return -EBADMSG;
		struct str v = {rest.p + CHUNK_HEAD, n - CHUNK_HEAD};
		int err = 0;
		if (vendor == 0)
			err = read_generic(type, v, &r, out);
		else if (vendor == HEP_VENDOR)
			err = read_own(type, v, &r, out);
		if (err)
			return err;
		rest = str_skip(rest, n);
	}
	return finish(&r, out);
}

/* ---- parts ---- */

bool hep_join_add(struct hep_join *j, struct hep_msg *h)
{
	bool follows =
		j->next && h->m.id == j->id && h->part == j->next && h->parts == j->parts;

	if (j->next && !follows) {
		j->lost++;
		j->next = 0;
	}
	if (h->parts == 1)
		return true;
	if (h->part == 1) {
		j->bytes.n = 0;
		j->id = h->m.id;
		j->parts = h->parts;
	} else if (!follows) {
		j->lost += h->m.id != j->id; /* else it was counted before */
		j->id = h->m.id;
		return false;
	}
	if (j->bytes.n + h->m.bytes.n > HEP_MESSAGE_MAX) {
		j->lost++;
		j->next = 0;
		return false;
	}
	buf_add(&j->bytes, h->m.bytes);
	j->next = (uint16_t)(h->part + 1);
	if (h->part < h->parts)
		return false;
	j->next = 0;
	h->m.bytes = buf_str(&j->bytes);
	return true;
}

void hep_join_free(struct hep_join *j)
{
	buf_free(&j->bytes);
	*j = (struct hep_join){0};
}
