/* Diameter messages as a script writes them: AVPs by name or by number, in its order.
 * SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/player/cx_put.h"

#include <errno.h>
#include <stdio.h>

#include "common/base/log.h"
#include "scenarios/player/rig.h"

enum { MAX_DEPTH = 8 };

size_t cx_put_header(struct buf *out, uint32_t command, uint8_t flags,
	uint32_t application, uint32_t hop_by_hop, uint32_t end_to_end)
{
	size_t start = out->n;
	buf_u32(out, 1u << 24); /* version; the length comes at the end */
	buf_u32(out, (uint32_t)flags << 24 | command);
	buf_u32(out, application);
	buf_u32(out, hop_by_hop);
	buf_u32(out, end_to_end);
	return start;
}

void cx_put_length(struct buf *out, size_t start)
{
	uint32_t n = (uint32_t)(out->n - start);
	out->p[start + 1] = (char)(n >> 16);
	out->p[start + 2] = (char)(n >> 8);
	out->p[start + 3] = (char)n;
}

static int put_list(
	struct actor *a, const json_t *list, int depth, struct buf *out, char why[256]);

/* {code: 1, vendor: 10415, flags: 0xc0, hex: ".." | value: ".."}: an AVP by its numbers.
 */
static int put_numbered(struct actor *a, const json_t *v, struct buf *out, char why[256])
{
	struct cx_avp avp = {.code = (uint32_t)option_number(v, "code", 0),
		.vendor = (uint32_t)option_number(v, "vendor", 0)};
	const char *hex = option_text(v, "hex", NULL);
	struct buf data = {0};
	int err = 0;

	avp.flags = (uint8_t)option_number(
		v, "flags", avp.vendor ? CX_FLAG_V | CX_FLAG_M : CX_FLAG_M);
	if (hex)
		err = actor_hex(hex, &data, why);
	else
		actor_fill(a, str_of(option_text(v, "value", "")), NULL, &data);
	avp.data = buf_str(&data);
	if (!err)
		cx_avp_put(&avp, out);
	buf_free(&data);
	return err;
}

static int put_group(struct actor *a, int id, const json_t *members, int depth,
	struct buf *out, char why[256])
{
	const struct cx_avp_row *row = &cx_avp_rows[id];
	struct cx_avp avp = {
		.code = row->code, .vendor = row->vendor, .flags = row->flags};
	struct buf inner = {0};
	int err = put_list(a, members, depth + 1, &inner, why);

	avp.data = buf_str(&inner);
	if (!err)
		cx_avp_put(&avp, out);
	buf_free(&inner);
	return err;
}

static int put_named(struct actor *a, const char *name, const json_t *v, int depth,
	struct buf *out, char why[256])
{
	int id = cx_avp_named(str_of(name)), err;
	struct buf value = {0};

	if (id < 0) {
		snprintf(why, 256, "no AVP is named \"%.60s\"", name);
		return -EINVAL;
	}
	if (json_is_array(v) && depth < MAX_DEPTH)
		return put_group(a, id, v, depth, out, why);
	if (json_is_integer(v))
		buf_fmt(&value, "%lld", (long long)json_integer_value(v));
	else
		actor_fill(a, str_of(json_string_value(v)), NULL, &value);
	err = cx_avp_write(id, buf_str(&value), out);
	if (err)
		snprintf(
			why, 256, "%s cannot be \"%s\"", name, log_text(buf_str(&value)));
	buf_free(&value);
	return err;
}

/* `- {Public-Identity: "sip:..."}`, `- {SIP-Auth-Data-Item: [{...}]}`, `- {code: ..}`. */
static int put_list(
	struct actor *a, const json_t *list, int depth, struct buf *out, char why[256])
{
	const char *name;
	json_t *item, *v;
	size_t i;
	int err = 0;

	json_array_foreach(list, i, item)
	{
		if (json_object_get(item, "code")) {
			if ((err = put_numbered(a, item, out, why)))
				return err;
			continue;
		}
		json_object_foreach(item, name, v)
		{
			if (json_is_string(v) && !strcmp(json_string_value(v), "absent"))
				continue;
			if ((err = put_named(a, name, v, depth, out, why)))
				return err;
		}
	}
	return 0;
}

int cx_put_avps(struct actor *a, const json_t *list, struct buf *out, char why[256])
{
	return put_list(a, list, 0, out, why);
}

void cx_put_text(int id, const char *text, struct buf *out)
{
	cx_avp_write(id, str_of(text), out);
}

bool cx_names(const json_t *list, const char *name)
{
	json_t *item;
	size_t i;
	json_array_foreach(list, i, item) if (json_object_get(item, name)) return true;
	return false;
}

const char *cx_identity(struct actor *a, const json_t *o, char out[160])
{
	snprintf(out, 160, "%s." RIG_DOMAIN, a->name);
	return option_text(o, "host", out);
}

void cx_put_origin(struct actor *a, const json_t *o, const json_t *avps, struct buf *out)
{
	char host[160];

	if (!cx_names(avps, "Origin-Host"))
		cx_put_text(CX_A_Origin_Host, cx_identity(a, o, host), out);
	if (!cx_names(avps, "Origin-Realm"))
		cx_put_text(CX_A_Origin_Realm, option_text(o, "realm", RIG_DOMAIN), out);
}

void cx_put_application(struct buf *out)
{
	const struct cx_avp_row *row = &cx_avp_rows[CX_A_Vendor_Specific_Application_Id];
	struct cx_avp avp = {
		.code = row->code, .vendor = row->vendor, .flags = row->flags};
	struct buf inner = {0};

	cx_put_text(CX_A_Vendor_Id, "10415", &inner);
	cx_put_text(CX_A_Auth_Application_Id, "16777216", &inner);
	avp.data = buf_str(&inner);
	cx_avp_put(&avp, out);
	buf_free(&inner);
}
