/* Diameter octets (RFC 6733 3 and 4): the header, one AVP after another.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/cx/octets.h"

static uint32_t u24(const char *p)
{
	const uint8_t *b = (const uint8_t *)p;
	return (uint32_t)b[0] << 16 | (uint32_t)b[1] << 8 | b[2];
}

static uint32_t u32(const char *p)
{
	return (uint32_t)(uint8_t)p[0] << 24 | u24(p + 1);
}

int cx_header_parse(struct str bytes, struct cx_header *out, struct str *avps)
{
	if (bytes.n < 20 || bytes.p[0] != 1)
		return -EBADMSG;
	*out = (struct cx_header){
		.length = u24(bytes.p + 1),
		.flags = (uint8_t)bytes.p[4],
		.request = (uint8_t)bytes.p[4] & CX_HEADER_R,
		.command = u24(bytes.p + 5),
		.application = u32(bytes.p + 8),
		.hop_by_hop = u32(bytes.p + 12),
		.end_to_end = u32(bytes.p + 16),
	};
	if (out->length < 20 || out->length > bytes.n)
		return -EBADMSG;
	if (avps)
		*avps = (struct str){bytes.p + 20, out->length - 20};
	return 0;
}

bool cx_avp_next(struct str *rest, struct cx_avp *out, bool *broken)
{
	*broken = false;
	if (!rest->n)
		return false;
	*broken = true;
	if (rest->n < 8)
		return false;
	const char *p = rest->p;
	*out = (struct cx_avp){.code = u32(p), .flags = (uint8_t)p[4]};
	size_t length = u24(p + 5);
	size_t head = 8;
	if (out->flags & CX_FLAG_V) {
		if (rest->n < 12)
			return false;
		head = 12;
		out->vendor = u32(p + 8);
	}
	if (length < head || length > rest->n)
		return false;
	out->data = (struct str){p + head, length - head};
	*rest = str_skip(*rest, (length + 3) & ~(size_t)3);
	*broken = false;
	return true;
}
