/* struct cx_msg into octets, by the rows of message.def.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/cx/octets.h"

static const void *member(const struct cx_msg *m, size_t at)
{
	return (const char *)m + at;
}

static void put_u24(char *p, size_t v)
{
	p[0] = (char)(v >> 16);
	p[1] = (char)(v >> 8);
	p[2] = (char)v;
}

/* ---- one AVP ---- */

/* Begins an AVP; its length is filled in by avp_end. */
static size_t avp_begin(uint32_t code, uint32_t vendor, uint8_t flags, struct buf *out)
{
	size_t start = out->n;
	buf_u32(out, code);
	buf_u32(out, (uint32_t)flags << 24);
	if (flags & CX_FLAG_V)
		buf_u32(out, vendor);
	return start;
}

static void avp_end(size_t start, struct buf *out)
{
	put_u24(out->p + start + 5, out->n - start);
	while (out->n & 3)
		buf_byte(out, 0);
}

void cx_avp_put(const struct cx_avp *avp, struct buf *out)
{
	size_t start = avp_begin(avp->code, avp->vendor, avp->flags, out);
	buf_add(out, avp->data);
	avp_end(start, out);
}

static size_t row_begin(int avp, struct buf *out)
{
	const struct cx_avp_row *r = &cx_avp_rows[avp];
	return avp_begin(r->code, r->vendor, r->flags, out);
}

static void put_str(int avp, struct str value, struct buf *out)
{
	size_t start = row_begin(avp, out);
	buf_add(out, value);
	avp_end(start, out);
}

static void put_u32(int avp, uint32_t value, struct buf *out)
{
	size_t start = row_begin(avp, out);
	buf_u32(out, value);
	avp_end(start, out);
}

int cx_avp_write(int avp, struct str value, struct buf *out)
{
	uint32_t number;
	switch (cx_avp_rows[avp].type) {
	case CX_T_U32:
	case CX_T_ENUM:
		if (str_u32(value, &number))
			return -EINVAL;
		put_u32(avp, number, out);
		return 0;
	case CX_T_GROUP:
		return -EINVAL;
	default:
		put_str(avp, value, out);
		return 0;
	}
}

/* ---- a message ---- */

static bool is_present(const struct cx_msg *m, const struct cx_rule *rule);

static bool has_members(const struct cx_msg *m, int context)
{
	const struct cx_rule *r = cx_context_rows[context].rules;
	for (; r->kind != CX_K_END; r++)
		if (r->kind != CX_K_FIXED && is_present(m, r))
			return true;
	return false;
}

static bool is_present(const struct cx_msg *m, const struct cx_rule *rule)
{
	switch (rule->kind) {
	case CX_K_STR:
		return ((const struct str *)member(m, rule->at))->p != NULL;
	case CX_K_STRS:
	case CX_K_U32S:
		return *(const uint8_t *)member(m, rule->has) > 0;
	case CX_K_U32:
		return rule->has ? *(const bool *)member(m, rule->has) :
			*(const uint32_t *)member(m, rule->at) != 0;
	case CX_K_CODE:
		return m->result.code && m->result.experimental == (bool)rule->group;
	case CX_K_GROUP:
		return rule->has ? *(const bool *)member(m, rule->has) :
			rule->min > 0 || has_members(m, rule->group);
	case CX_K_FIXED:
		return true;
	default:
		return false;
	}
}

static void put_context(const struct cx_msg *m, int context, struct buf *out)
{
	const struct cx_rule *r = cx_context_rows[context].rules;
	for (; r->kind != CX_K_END; r++) {
		if (!is_present(m, r))
			continue;
		const void *at = member(m, r->at);
		size_t n = r->room ? *(const uint8_t *)member(m, r->has) : 0;
		switch (r->kind) {
		case CX_K_STR:
			put_str(r->avp, *(const struct str *)at, out);
			break;
		case CX_K_STRS:
			for (size_t i = 0; i < n; i++)
				put_str(r->avp, ((const struct str *)at)[i], out);
			break;
		case CX_K_U32:
			put_u32(r->avp, *(const uint32_t *)at, out);
			break;
		case CX_K_U32S:
			for (size_t i = 0; i < n; i++)
				put_u32(r->avp, ((const uint32_t *)at)[i], out);
			break;
		case CX_K_FIXED:
			put_u32(r->avp, r->value, out);
			break;
		case CX_K_CODE:
			put_u32(r->avp, m->result.code, out);
			break;
		case CX_K_GROUP: {
			size_t start = row_begin(r->avp, out);
			put_context(m, r->group, out);
			avp_end(start, out);
			break;
		}
		}
	}
}

static size_t message_begin(uint8_t flags, uint32_t command, uint32_t application,
	const struct cx_ids *ids, struct buf *out)
{
	size_t start = out->n;
	buf_u32(out, 1u << 24);
	buf_u32(out, (uint32_t)flags << 24 | command);
	buf_u32(out, application);
	buf_u32(out, ids->hop_by_hop);
	buf_u32(out, ids->end_to_end);
	return start;
}

static void message_end(size_t start, struct buf *out)
{
	put_u24(out->p + start + 1, out->n - start);
}

static uint8_t error_bit(struct cx_result r)
{
	return !r.experimental && r.code / 1000 == 3 ? CX_HEADER_E : 0;
}

void cx_encode(const struct cx_msg *m, const struct cx_ids *ids, struct buf *out)
{
	uint8_t flags = ids->flags | CX_HEADER_P |
		(m->request ? CX_HEADER_R : error_bit(m->result));
	buf_reserve(out, 512);
	size_t start = message_begin(flags, m->command, CX_APPLICATION, ids, out);
	int context = cx_context_of(m->command, m->request);
	if (context >= 0)
		put_context(m, context, out);
	message_end(start, out);
}

/* ---- errors ---- */

static void put_failed_avp(const struct cx_fault *fault, struct buf *out)
{
	size_t starts[1 + sizeof fault->path];
	size_t n = 0;
	starts[n++] = row_begin(CX_A_Failed_AVP, out);
	for (size_t i = 0; i < fault->depth; i++)
		starts[n++] = row_begin(fault->path[i], out);
	cx_avp_put(&fault->avp, out);
	while (n > 0)
		avp_end(starts[--n], out);
}

void cx_encode_tail(struct str request, const struct cx_fault *fault, size_t start,
	struct buf *out)
{
	struct cx_header h;
	struct str avps;
	struct cx_avp avp;
	bool broken;

	if (fault && fault->has_avp)
		put_failed_avp(fault, out);
	if (cx_header_parse(request, &h, &avps) == 0)
		while (cx_avp_next(&avps, &avp, &broken))
			if (avp.code == cx_avp_rows[CX_A_Proxy_Info].code && !avp.vendor)
				cx_avp_put(&avp, out);
	message_end(start, out);
}

/* The first AVP of that kind, or p NULL. */
static struct str first_of(struct str avps, int id)
{
	struct cx_avp avp;
	bool broken;
	while (cx_avp_next(&avps, &avp, &broken))
		if (avp.code == cx_avp_rows[id].code && avp.vendor == cx_avp_rows[id].vendor)
			return avp.data;
	return STR_NONE;
}

void cx_encode_error(struct str request, const struct cx_fault *fault, struct str host,
	struct str realm, struct buf *out)
{
	struct cx_header h = {0};
	struct str avps = STR_NONE;
	(void)cx_header_parse(request, &h, &avps);
	struct cx_ids ids = {.hop_by_hop = h.hop_by_hop, .end_to_end = h.end_to_end};
	struct cx_result result = CX_RESULT(fault->code);
	uint8_t flags = (h.flags & CX_HEADER_P) | error_bit(result);

	size_t start = message_begin(flags, h.command, h.application, &ids, out);
	struct str session = first_of(avps, CX_A_Session_Id);
	if (session.p)
		put_str(CX_A_Session_Id, session, out);
	if (h.application == CX_APPLICATION) {
		size_t group = row_begin(CX_A_Vendor_Specific_Application_Id, out);
		put_u32(CX_A_Vendor_Id, CX_VENDOR_3GPP, out);
		put_u32(CX_A_Auth_Application_Id, CX_APPLICATION, out);
		avp_end(group, out);
	}
	put_u32(CX_A_Result_Code, fault->code, out);
	if (h.application == CX_APPLICATION)
		put_u32(CX_A_Auth_Session_State, 1, out);
	put_str(CX_A_Origin_Host, host, out);
	put_str(CX_A_Origin_Realm, realm, out);
	if (fault->why)
		put_str(CX_A_Error_Message, str_of(fault->why), out);
	cx_encode_tail(request, fault, start, out);
}
