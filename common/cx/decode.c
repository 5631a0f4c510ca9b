/* Octets into struct cx_msg, by the rows of message.def; what is wrong becomes a base
 * error (RFC 6733 7.1.5).
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/cx/octets.h"

struct reader {
	struct cx_msg *m;
	struct cx_fault *fault;
};

static void *member(struct cx_msg *m, size_t at)
{
	return (char *)m + at;
}

static uint32_t number(struct str s)
{
	const uint8_t *b = (const uint8_t *)s.p;
	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static int fail(struct reader *r, uint32_t code, const struct cx_avp *avp, const char *why)
{
	r->fault->code = code;
	r->fault->has_avp = avp != NULL;
	if (avp)
		r->fault->avp = *avp;
	r->fault->why = why;
	return -EBADMSG;
}

static int missing(struct reader *r, int avp)
{
	static const char zeros[4] = {0};
	const struct cx_avp_row *row = &cx_avp_rows[avp];
	struct cx_avp sample = {.code = row->code, .vendor = row->vendor, .flags = row->flags};
	if (row->type == CX_T_U32 || row->type == CX_T_ENUM)
		sample.data = (struct str){zeros, 4};
	return fail(r, DIAMETER_MISSING_AVP, &sample, "an AVP is missing");
}

static bool is_identity(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= 0x20 || s.p[i] >= 0x7f)
			return false;
	return s.n > 0;
}

static bool is_address(struct str s)
{
	return (s.n == 6 && s.p[0] == 0 && s.p[1] == 1) || (s.n == 18 && s.p[0] == 0 && s.p[1] == 2);
}

static int check_value(struct reader *r, const struct cx_rule *rule, const struct cx_avp *avp)
{
	struct cx_avp head = {.code = avp->code, .vendor = avp->vendor, .flags = avp->flags};
	switch (cx_avp_rows[rule->avp].type) {
	case CX_T_U32:
	case CX_T_ENUM:
		if (avp->data.n != 4)
			return fail(r, DIAMETER_INVALID_AVP_LENGTH, &head, "a number is not 4 octets");
		if (cx_avp_rows[rule->avp].type == CX_T_ENUM && rule->kind != CX_K_FIXED &&
			!cx_enum_name(rule->avp, number(avp->data)))
			return fail(r, DIAMETER_INVALID_AVP_VALUE, avp, "no such enumerated value");
		return 0;
	case CX_T_UTF8:
		return str_is_text(avp->data) ? 0 :
			fail(r, DIAMETER_INVALID_AVP_VALUE, avp, "text with control characters");
	case CX_T_IDENTITY:
	case CX_T_URI:
		return is_identity(avp->data) ? 0 :
			fail(r, DIAMETER_INVALID_AVP_VALUE, avp, "not a Diameter identity or URI");
	case CX_T_ADDRESS:
		return is_address(avp->data) ? 0 :
			fail(r, DIAMETER_INVALID_AVP_VALUE, avp, "not an IP address");
	default:
		return 0;
	}
}

static int decode_group(struct reader *r, int context, struct str avps, bool mandatory);

static int take(struct reader *r, const struct cx_rule *rule, const struct cx_avp *avp,
	unsigned seen, bool mandatory)
{
	void *at = member(r->m, rule->at);
	switch (rule->kind) {
	case CX_K_STR:
		*(struct str *)at = avp->data;
		return 0;
	case CX_K_STRS:
	case CX_K_U32S:
		if (seen > rule->room)
			return fail(r, DIAMETER_AVP_OCCURS_TOO_MANY_TIMES, avp, "more than we hold");
		if (rule->kind == CX_K_STRS)
			((struct str *)at)[seen - 1] = avp->data;
		else
			((uint32_t *)at)[seen - 1] = number(avp->data);
		*(uint8_t *)member(r->m, rule->has) = (uint8_t)seen;
		return 0;
	case CX_K_U32:
		*(uint32_t *)at = number(avp->data);
		if (rule->has)
			*(bool *)member(r->m, rule->has) = true;
		return 0;
	case CX_K_CODE:
		if (r->m->result.code)
			return fail(r, DIAMETER_AVP_OCCURS_TOO_MANY_TIMES, avp, "two results");
		r->m->result = (struct cx_result){rule->group, number(avp->data)};
		return 0;
	case CX_K_GROUP:
		if (seen > 1 && rule->has)
			return 0; /* of several authentication items we use the first */
		if (rule->has)
			*(bool *)member(r->m, rule->has) = true;
		r->fault->path[r->fault->depth++] = rule->avp;
		int err = decode_group(r, rule->group, avp->data,
			mandatory && avp->flags & CX_FLAG_M);
		if (!err)
			r->fault->depth--;
		return err;
	default:
		return 0;
	}
}

/* `mandatory`: an unknown AVP with the M bit counts, which it does not inside a group
 * whose own M bit is clear. */
static int decode_group(struct reader *r, int context, struct str avps, bool mandatory)
{
	uint8_t seen[CX_A_N] = {0};
	const struct cx_rule *rules = cx_context_rows[context].rules;
	struct cx_avp avp;
	bool broken;

	while (cx_avp_next(&avps, &avp, &broken)) {
		int id = cx_avp_find(avp.code, avp.vendor);
		if (id < 0 && mandatory && avp.flags & CX_FLAG_M)
			return fail(r, DIAMETER_AVP_UNSUPPORTED, &avp, "unknown AVP with M bit");
		int place = id < 0 ? -1 : cx_rule_find(context, id);
		if (place < 0)
			continue; /* every command's list closes with *[AVP] */
		const struct cx_rule *rule = &rules[place];
		if (seen[id] < UINT8_MAX)
			seen[id]++;
		if (rule->max != CX_ANY && seen[id] > rule->max)
			return fail(r, DIAMETER_AVP_OCCURS_TOO_MANY_TIMES, &avp, "an AVP too often");
		int err = check_value(r, rule, &avp);
		if (!err)
			err = take(r, rule, &avp, seen[id], mandatory);
		if (err)
			return err;
	}
	if (broken) {
		struct cx_avp head = {.code = avp.code, .vendor = avp.vendor, .flags = avp.flags};
		return fail(r, DIAMETER_INVALID_AVP_LENGTH, avps.n >= 8 ? &head : NULL,
			"an AVP goes beyond what holds it");
	}
	/* An error answer need not follow its command's list (RFC 6733 7.2). */
	bool top_of_answer = !r->m->request && !r->fault->depth;
	if (top_of_answer && !r->m->result.code)
		return missing(r, CX_A_Result_Code);
	if (top_of_answer && r->m->result.code / 1000 != 2)
		return 0;
	for (int i = 0; rules[i].kind != CX_K_END; i++)
		if (seen[rules[i].avp] < rules[i].min)
			return missing(r, rules[i].avp);
	return 0;
}

int cx_decode(struct str bytes, struct cx_msg *m, struct cx_fault *fault)
{
	struct cx_header h;
	struct str avps;
	struct reader r = {.m = m, .fault = fault};

	memset(m, 0, sizeof *m);
	memset(fault, 0, sizeof *fault);
	if (cx_header_parse(bytes, &h, &avps))
		return fail(&r, DIAMETER_INVALID_MESSAGE_LENGTH, NULL, "not a Diameter message");
	m->command = h.command;
	m->request = h.request;
	int context = cx_context_of(h.command, h.request);
	bool base = cx_is_base(h.command);
	if (context >= 0 && h.application != (base ? 0 : CX_APPLICATION))
		context = -1;
	if (context < 0 && h.application != CX_APPLICATION)
		return fail(&r, DIAMETER_APPLICATION_UNSUPPORTED, NULL, "not the Cx application");
	if (context < 0)
		return fail(&r, DIAMETER_COMMAND_UNSUPPORTED, NULL, "command not supported");
	if (h.request && (h.flags & CX_HEADER_E || base == !!(h.flags & CX_HEADER_P)))
		return fail(&r, DIAMETER_INVALID_HDR_BITS, NULL, "E or P is not as it has to be");
	return decode_group(&r, context, avps, true);
}
