/* Writing pcapng (draft-ietf-opsawg-pcapng) with Wireshark's exported PDUs.
 * SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/player/pcapng.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum block { BLOCK_SECTION = 0x0a0d0d0a, BLOCK_INTERFACE = 1, BLOCK_PACKET = 6 };
enum option {
	OPT_END = 0,
	OPT_COMMENT = 1,
	SHB_USERAPPL = 4,
	IF_NAME = 2,
	IF_DESCRIPTION = 3,
	IF_TSRESOL = 9,
};
/* Tags before an exported PDU; big-endian, padded to four octets. */
enum tag {
	TAG_END = 0,
	TAG_DISSECTOR_NAME = 12,
	TAG_IPV4_SRC = 20,
	TAG_IPV4_DST,
	TAG_IPV6_SRC,
	TAG_IPV6_DST,
	TAG_PORT_TYPE,
	TAG_SRC_PORT,
	TAG_DST_PORT,
};
enum { LINKTYPE_WIRESHARK_UPPER_PDU = 252, PORT_TCP = 2, PORT_UDP = 3, NANOSECONDS = 9 };
enum { FLUSH_AT = 1 << 20 };

struct pcapng {
	int fd, err;
	int64_t wall_minus_mono_ns;
	struct buf out;
};

static void flush(struct pcapng *p)
{
	size_t at = 0;
	while (at < p->out.n && !p->err) {
		ssize_t n = write(p->fd, p->out.p + at, p->out.n - at);
		if (n >= 0)
			at += (size_t)n;
		else if (errno != EINTR)
			p->err = -errno;
	}
	p->out.n = 0;
}

/* Numbers outside the PDU are in the writer's byte order, which the section header tells.
 */
static void put16(struct buf *b, uint16_t v)
{
	buf_put(b, &v, sizeof v);
}

static void put32(struct buf *b, uint32_t v)
{
	buf_put(b, &v, sizeof v);
}

static void pad(struct buf *b, size_t n)
{
	for (; n % 4; n++)
		buf_byte(b, 0);
}

static void put_option(struct buf *b, enum option code, struct str v)
{
	put16(b, (uint16_t)code);
	put16(b, (uint16_t)v.n);
	buf_add(b, v);
	pad(b, v.n);
}

static size_t begin_block(struct buf *b, enum block type)
{
	size_t at = b->n;
	put32(b, type);
	put32(b, 0);
	return at;
}

static void end_block(struct buf *b, size_t at)
{
	uint32_t n = (uint32_t)(b->n - at + 4);
	put32(b, n);
	memcpy(b->p + at + 4, &n, sizeof n);
}

static void put_head(struct pcapng *p)
{
	size_t at = begin_block(&p->out, BLOCK_SECTION);
	put32(&p->out, 0x1a2b3c4d);
	put16(&p->out, 1);
	put16(&p->out, 0);
	put32(&p->out, 0xffffffff); /* length of the section: not said */
	put32(&p->out, 0xffffffff);
	put_option(&p->out, OPT_COMMENT,
		STR("Holds the octets as they were sent, with the passwords, keys and "
		    "tokens "
		    "of a lab. Not for publication."));
	put_option(&p->out, SHB_USERAPPL, STR("imsrig " IMSRIG_VERSION));
	put_option(&p->out, OPT_END, STR_NONE);
	end_block(&p->out, at);

	at = begin_block(&p->out, BLOCK_INTERFACE);
	put16(&p->out, LINKTYPE_WIRESHARK_UPPER_PDU);
	put16(&p->out, 0);
	put32(&p->out, 0);
	put_option(&p->out, IF_NAME, STR("rig"));
	put_option(&p->out, IF_DESCRIPTION,
		STR("messages between the elements of an imsrig"));
	char resolution = NANOSECONDS;
	put_option(&p->out, IF_TSRESOL, (struct str){&resolution, 1});
	put_option(&p->out, OPT_END, STR_NONE);
	end_block(&p->out, at);
}

int pcapng_open(const char *path, struct pcapng **out)
{
	struct timespec wall;
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	struct pcapng *p = MEM_NEW(struct pcapng);
	p->fd = fd;
	clock_gettime(CLOCK_REALTIME, &wall);
	p->wall_minus_mono_ns = (int64_t)wall.tv_sec * 1000000000 + wall.tv_nsec -
				(int64_t)clock_real_ns();
	put_head(p);
	*out = p;
	return 0;
}

/* ---- one packet ---- */

static void put_tag(struct buf *b, enum tag tag, const void *v, size_t n)
{
	size_t padded = (n + 3) / 4 * 4;
	buf_u16(b, (uint16_t)tag);
	buf_u16(b, (uint16_t)padded);
	buf_put(b, v, n);
	pad(b, n);
}

static void put_number_tag(struct buf *b, enum tag tag, uint32_t v)
{
	uint32_t be = htonl(v);
	put_tag(b, tag, &be, sizeof be);
}

static void put_address_tag(struct buf *b, const struct addr *a, enum tag v4)
{
	if (a->sa.sa_family == AF_INET6)
		put_tag(b, v4 + (TAG_IPV6_SRC - TAG_IPV4_SRC), &a->in6.sin6_addr, 16);
	else
		put_tag(b, v4, &a->in.sin_addr, 4);
}

static const char *dissector(enum trace_proto proto)
{
	switch (proto) {
	case TRACE_SIP:
		return "sip";
	case TRACE_DIAMETER:
		return "diameter";
	case TRACE_HTTP:
		return "http";
	case TRACE_WS:
		break;
	}
	return "websocket";
}

/* A control frame is traced as text (common/ws/ws.h); Wireshark reads frames. */
static void put_control(struct buf *b, struct str text)
{
	struct str rest = text, verb = str_cut(&rest, ' ');
	bool close = str_eq(verb, STR("CLOSE"));
	struct str code = close ? str_cut(&rest, ' ') : STR_NONE;
	uint32_t number;

	buf_u8(b, close ? 0x88 : str_eq(verb, STR("PING")) ? 0x89 : 0x8a);
	if (!close || str_u32(code, &number)) {
		buf_u8(b, (uint8_t)rest.n);
	} else {
		buf_u8(b, (uint8_t)(rest.n + 2));
		buf_u16(b, (uint16_t)number);
	}
	buf_add(b, rest);
}

static void put_tags(struct buf *b, const struct record *r)
{
	const char *name = dissector(r->proto);
	put_tag(b, TAG_DISSECTOR_NAME, name, strlen(name));
	put_address_tag(b, &r->src, TAG_IPV4_SRC);
	put_address_tag(b, &r->dst, TAG_IPV4_DST);
	put_number_tag(b, TAG_PORT_TYPE, r->via == TRACE_UDP ? PORT_UDP : PORT_TCP);
	put_number_tag(b, TAG_SRC_PORT, addr_port(&r->src));
	put_number_tag(b, TAG_DST_PORT, addr_port(&r->dst));
	put_tag(b, TAG_END, NULL, 0);
}

void pcapng_format(const struct pcapng *p, const struct record *r, const char *comment,
	struct buf *b)
{
	struct buf pdu = {0};
	uint64_t ns = (uint64_t)((int64_t)(r->sent_ns ? r->sent_ns : r->received_ns) +
				 p->wall_minus_mono_ns);

	put_tags(&pdu, r);
	if (r->proto == TRACE_WS)
		put_control(&pdu, r->bytes);
	else
		buf_add(&pdu, r->bytes);
	size_t at = begin_block(b, BLOCK_PACKET);
	put32(b, 0);
	put32(b, (uint32_t)(ns >> 32));
	put32(b, (uint32_t)ns);
	put32(b, (uint32_t)pdu.n);
	put32(b, (uint32_t)pdu.n);
	buf_add(b, buf_str(&pdu));
	pad(b, pdu.n);
	put_option(b, OPT_COMMENT, str_of(comment));
	put_option(b, OPT_END, STR_NONE);
	end_block(b, at);
	buf_free(&pdu);
}

void pcapng_write(struct pcapng *p, struct str packets)
{
	buf_add(&p->out, packets);
	if (p->out.n > FLUSH_AT)
		flush(p);
}

int pcapng_close(struct pcapng *p)
{
	flush(p);
	if (close(p->fd) && !p->err)
		p->err = -errno;
	int err = p->err;
	buf_free(&p->out);
	free(p);
	return err;
}
