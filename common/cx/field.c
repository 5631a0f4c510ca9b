/* Fields of Cx messages by the names that scripts use, read and changed in the octets;
 * the gate's view of Cx.
 * SPDX-License-Identifier: Apache-2.0 */

#include "common/cx/octets.h"

/* One part of a name: "Mandatory-Capability[2]" is the second of them. */
struct part {
	int avp;
	uint32_t nth;
};

static int part_next(struct str *name, struct part *out)
{
	struct str p = str_cut(name, '.');
	out->nth = 1;
	ptrdiff_t at = str_chr(p, '[');
	if (at >= 0) {
		struct str index = str_skip(p, (size_t)at + 1);
		if (!str_ends(index, STR("]")) ||
			str_u32((struct str){index.p, index.n - 1}, &out->nth) || !out->nth)
			return -EINVAL;
		p.n = (size_t)at;
	}
	out->avp = cx_avp_named(p);
	return out->avp < 0 ? -EINVAL : 0;
}

static bool is_avp(const struct cx_avp *avp, int id)
{
	return avp->code == cx_avp_rows[id].code && avp->vendor == cx_avp_rows[id].vendor;
}

static bool find(struct str avps, struct part part, struct cx_avp *out)
{
	bool broken;
	uint32_t seen = 0;
	while (cx_avp_next(&avps, out, &broken))
		if (is_avp(out, part.avp) && ++seen == part.nth)
			return true;
	return false;
}

/* ---- reading ---- */

static bool printable(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((uint8_t)s.p[i] < 0x20 && s.p[i] != '\n' && s.p[i] != '\r' && s.p[i] != '\t')
			return false;
	return true;
}

static struct str value_text(int id, struct str data, struct arena *a)
{
	switch (cx_avp_rows[id].type) {
	case CX_T_U32:
	case CX_T_ENUM:
		if (data.n == 4) {
			const uint8_t *b = (const uint8_t *)data.p;
			return arena_fmt(a, "%u", (unsigned)b[0] << 24 | (unsigned)b[1] << 16 |
				(unsigned)b[2] << 8 | b[3]);
		}
		break;
	case CX_T_ADDRESS:
		if (data.n == 6)
			return arena_fmt(a, "%u.%u.%u.%u", (uint8_t)data.p[2], (uint8_t)data.p[3],
				(uint8_t)data.p[4], (uint8_t)data.p[5]);
		break;
	case CX_T_GROUP: {
		struct cx_avp code;
		if (id == CX_A_Experimental_Result &&
			find(data, (struct part){CX_A_Experimental_Result_Code, 1}, &code))
			return value_text(CX_A_Experimental_Result_Code, code.data, a);
		return STR("");
	}
	default:
		if (printable(data))
			return data;
	}
	char *hex = arena_alloc(a, 2 * data.n + 1);
	hex_of(data.p, data.n, hex);
	return (struct str){hex, 2 * data.n};
}

/* Flags as letters: those of a command (RFC 6733 3), or of an AVP (4.1). */
static void put_flags(uint8_t flags, const char letters[9], struct buf *out)
{
	for (int i = 0; i < 8; i++)
		if (flags & 0x80 >> i)
			buf_put(out, &letters[i], 1);
}

/* "AVPs": the names in their order, so that one line pins what is there and what is not;
 * flags only where they are not as TS 29.229 table 6.3.1 has them. */
static struct str avps_text(struct str avps, struct arena *a)
{
	struct buf out = {0};
	struct cx_avp avp;
	bool broken;

	while (cx_avp_next(&avps, &avp, &broken)) {
		int id = cx_avp_find(avp.code, avp.vendor);
		if (out.n)
			buf_add(&out, STR(" "));
		if (id < 0)
			buf_fmt(&out, "%u/%u", avp.vendor, avp.code);
		else
			buf_add(&out, str_of(cx_avp_rows[id].name));
		if (id < 0 || avp.flags != cx_avp_rows[id].flags) {
			buf_add(&out, STR(":"));
			put_flags(avp.flags, "VMPrrrrr", &out);
		}
	}
	if (broken)
		buf_add(&out, STR(" ?"));
	struct str text = arena_str(a, buf_str(&out));
	buf_free(&out);
	return text;
}

static struct str header_text(const struct cx_header *h, struct arena *a)
{
	struct buf out = {0};
	put_flags(h->flags, "RPETrrrr", &out);
	buf_fmt(&out, " %u", h->application);
	struct str text = arena_str(a, buf_str(&out));
	buf_free(&out);
	return text;
}

struct str cx_script_field(struct str bytes, struct str name, struct arena *a)
{
	struct cx_header h;
	struct str in;
	struct part part;
	struct cx_avp avp;

	if (cx_header_parse(bytes, &h, &in))
		return STR_NONE;
	if (str_eq(name, STR("Header")))
		return header_text(&h, a);
	do {
		if (str_eq(name, STR("AVPs")))
			return avps_text(in, a);
		if (part_next(&name, &part) || !find(in, part, &avp))
			return STR_NONE;
		in = avp.data;
	} while (name.p);
	return value_text(part.avp, avp.data, a);
}

bool cx_script_name(struct str name)
{
	struct part part;
	if (str_eq(name, STR("Header")))
		return true;
	do {
		if (str_eq(name, STR("AVPs")))
			return true;
		if (part_next(&name, &part))
			return false;
	} while (name.p);
	return true;
}

/* ---- changing ---- */

static int put_new(int avp, struct str value, struct buf *out)
{
	if (avp != CX_A_Experimental_Result)
		return cx_avp_write(avp, value, out);
	struct buf code = {0};
	int err = cx_avp_write(CX_A_Vendor_Id, STR("10415"), &code);
	if (!err)
		err = cx_avp_write(CX_A_Experimental_Result_Code, value, &code);
	if (!err)
		cx_avp_put(&(struct cx_avp){.code = cx_avp_rows[avp].code,
			.flags = cx_avp_rows[avp].flags, .data = buf_str(&code)}, out);
	buf_free(&code);
	return err;
}

/* Copies `avps` with the field changed; an AVP that isn't there is added, with the groups
 * around it. */
static int change(struct str avps, struct str name, struct str value, struct buf *out)
{
	struct part part;
	struct cx_avp avp;
	bool broken, done = false;
	uint32_t seen = 0;
	int err = part_next(&name, &part);

	while (!err && cx_avp_next(&avps, &avp, &broken)) {
		if (!is_avp(&avp, part.avp) || ++seen != part.nth) {
			cx_avp_put(&avp, out);
			continue;
		}
		done = true;
		if (name.p) {
			struct buf inner = {0};
			err = change(avp.data, name, value, &inner);
			avp.data = buf_str(&inner);
			cx_avp_put(&avp, out);
			buf_free(&inner);
		} else if (value.p) {
			err = put_new(part.avp, value, out);
		}
	}
	if (err || done)
		return err;
	if (!value.p)
		return -EINVAL; /* nothing there to take away */
	if (!name.p)
		return put_new(part.avp, value, out);
	struct buf inner = {0};
	err = change(STR_NONE, name, value, &inner);
	const struct cx_avp_row *row = &cx_avp_rows[part.avp];
	cx_avp_put(&(struct cx_avp){.code = row->code, .vendor = row->vendor,
		.flags = row->flags, .data = buf_str(&inner)}, out);
	buf_free(&inner);
	return err;
}

static struct str without(struct str avps, int id, struct buf *out)
{
	struct cx_avp avp;
	bool broken;
	while (cx_avp_next(&avps, &avp, &broken))
		if (!is_avp(&avp, id))
			cx_avp_put(&avp, out);
	return buf_str(out);
}

int cx_edit(struct str bytes, struct str name, struct str value, struct buf *out)
{
	struct cx_header h;
	struct str avps;
	struct buf rest = {0};

	int err = cx_header_parse(bytes, &h, &avps);
	if (err)
		return err;
	if (value.p && str_eq(name, STR("Result-Code")))
		avps = without(avps, CX_A_Experimental_Result, &rest);
	else if (value.p && str_eq(name, STR("Experimental-Result")))
		avps = without(avps, CX_A_Result_Code, &rest);
	size_t start = out->n;
	buf_put(out, bytes.p, 20);
	err = change(avps, name, value, out);
	if (err) {
		out->n = start;
	} else {
		size_t n = out->n - start;
		out->p[start + 1] = (char)(n >> 16);
		out->p[start + 2] = (char)(n >> 8);
		out->p[start + 3] = (char)n;
	}
	buf_free(&rest);
	return err;
}

/* ---- the gate ---- */

static struct str gate_what(const struct trace_msg *m, struct buf *scratch)
{
	return cx_what(m->bytes, scratch);
}

/* The gate reads one field at a time and at once, so the last one's memory will do. */
static struct str gate_field(const struct trace_msg *m, struct str name)
{
	static struct arena a;
	arena_free(&a);
	return cx_script_field(m->bytes, name, &a);
}

static int gate_set(const struct trace_msg *m, struct str name, struct str value,
	struct buf *out)
{
	return cx_edit(m->bytes, name, value, out);
}

const struct gate_proto cx_gate_proto = {gate_what, gate_field, gate_set};
