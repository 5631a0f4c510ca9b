/* What libfdcore gets to see of a received message.
 *
 * libfdcore carries Cx messages; it need not understand them, and malformed ones have
 * ended programs that let it (a NUL in Session-Id stops its threads, an AVP length below
 * its header reads out of bounds). So the receiving thread reads a Cx message by our own
 * rows and leaves libfdcore a carrier: the same length and hop-by-hop identifier, one AVP
 * that it does not look into. A base message goes through when it is in order; one that
 * is not becomes a carrier too, which libfdcore refuses where it waits for a CER, and
 * hands to us otherwise, to be answered like any faulty request.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/cx/guard.h"

enum { E2E_SEQUENCE = 300, SESSION_ID = 263 };

static bool is_group(const struct cx_avp *avp)
{
	if (avp->vendor == 0 && avp->code == E2E_SEQUENCE)
		return true; /* libfdcore's own dictionary has it (RFC 3588) */
	int id = cx_avp_find(avp->code, avp->vendor);
	return id >= 0 && cx_avp_rows[id].type == CX_T_GROUP;
}

static bool is_sound(struct str avps, int depth)
{
	struct cx_avp avp;
	bool broken;
	while (cx_avp_next(&avps, &avp, &broken)) {
		if (avp.flags & CX_FLAG_V && (!avp.vendor || !avp.code))
			return false;
		if (!avp.vendor && avp.code == SESSION_ID)
			return false; /* base messages have no session */
		if (is_group(&avp) && (!depth || !is_sound(avp.data, depth - 1)))
			return false;
	}
	return !broken;
}

bool cx_is_sound(struct str avps)
{
	return is_sound(avps, 8);
}

static void put_u32(char *p, uint32_t v)
{
	p[0] = (char)(v >> 24);
	p[1] = (char)(v >> 16);
	p[2] = (char)(v >> 8);
	p[3] = (char)v;
}

/* One AVP over all that stands behind the header: vendor unknown, M clear. Fewer octets
 * than an AVP header are broken in libfdcore's eyes too. */
static void make_opaque(char *p, size_t n)
{
	if (n < 8)
		return;
	bool vendor = n >= 12;
	put_u32(p, CX_CARRIER_AVP);
	put_u32(p + 4, (uint32_t)n | (vendor ? (uint32_t)CX_FLAG_V << 24 : 0));
	if (vendor)
		put_u32(p + 8, CX_CARRIER_VENDOR);
}

void cx_carrier(char *octets, size_t n, uint32_t id)
{
	bool request = (uint8_t)octets[4] & CX_HEADER_R;
	make_opaque(octets + 20, n - 20);
	put_u32(octets + 8, CX_APPLICATION);
	put_u32(octets + 16, id);
	if (request)
		put_u32(octets + 4,
			(uint32_t)(CX_HEADER_R | CX_HEADER_P) << 24 | CX_CARRIER_COMMAND);
	else
		octets[4] = (char)(CX_HEADER_P | CX_HEADER_E);
}
