/* SIP as the fault gate and the judge see it.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "common/sip/inner.h"

static struct str what(const struct trace_msg *m, struct buf *scratch)
{
	struct str rest = m->bytes;
	struct str first = str_cut(&rest, ' '), second = str_cut(&rest, ' ');
	scratch->n = 0;
	if (!str_trim(m->bytes).n)
		return STR("SIP keep-alive");
	buf_add(scratch, STR("SIP "));
	buf_add(scratch, str_ieq(first, STR("SIP/2.0")) ? second : first);
	return buf_str(scratch);
}

static struct str field(const struct trace_msg *m, struct str name)
{
	struct arena a = {0};
	struct sip_msg msg;
	struct sip_fault fault;
	struct str value = STR_NONE; /* a view into the message's bytes */
	if (!sip_msg_parse(&msg, m->bytes, &a, &fault) || msg.n_fields)
		value = sip_script_field(&msg, name);
	arena_free(&a);
	return value;
}

/* One field of a parsed message: the whole value by edits, so that the message stays well
 * formed; a part of it ("Via.branch") by its octets. */
static int set_in(const struct sip_msg *msg, struct arena *a, struct str name,
	struct str value, struct buf *out)
{
	struct str now = sip_script_field(msg, name), bytes = msg->bytes;
	struct str part = name, base = str_cut(&part, '.');
	enum sip_header id = sip_header_id(base);
	struct sip_edit e;

	sip_edit_begin(&e, msg, a);
	if (str_eq(name, STR("body"))) {
		sip_edit_body(&e, sip_value(msg, SIP_H_CONTENT_TYPE), value);
	} else if (!part.p && id != SIP_H_OTHER && value.p) {
		sip_edit_set(&e, id, value);
	} else if (!part.p && id != SIP_H_OTHER) {
		sip_edit_remove_all(&e, id);
	} else if (now.p && value.p) {
		buf_add(out, str_span(bytes.p, now.p));
		buf_add(out, value);
		buf_add(out, str_span(now.p + now.n, bytes.p + bytes.n));
		return 0;
	} else if (!now.p && value.p && !part.p) {
		sip_edit_add(&e, name, value);
	} else {
		return -EINVAL;
	}
	sip_edit_write(&e, out);
	return 0;
}

static int set(
	const struct trace_msg *m, struct str name, struct str value, struct buf *out)
{
	struct arena a = {0};
	struct sip_msg msg;
	struct sip_fault fault;
	int err = sip_msg_parse(&msg, m->bytes, &a, &fault);
	if (!err)
		err = set_in(&msg, &a, name, value, out);
	arena_free(&a);
	return err ? -EINVAL : 0;
}

const struct gate_proto sip_gate_proto = {.what = what, .field = field, .set = set};
