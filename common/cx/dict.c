/* The rows of avp.def and message.def in libfdproto's dictionary.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/cx/dict.h"

#include <freeDiameter/freeDiameter-host.h>
#include <freeDiameter/libfdproto.h>
#include <stdio.h>

#include "common/cx/guard.h"
#include "common/cx/octets.h"

static const struct {
	uint32_t id;
	const char *name;
} vendors[] = {{CX_VENDOR_3GPP, "3GPP"}, {CX_VENDOR_ETSI, "ETSI"}};

static int new(struct dictionary *d, enum dict_object_type type, void *data,
	struct dict_object *parent, struct dict_object **out)
{
	return -fd_dict_new(d, type, data, parent, out);
}

static struct dict_object *find_avp(struct dictionary *d, const struct cx_avp_row *r)
{
	struct dict_object *o = NULL;
	if (!r->vendor) {
		avp_code_t code = r->code;
		fd_dict_search(d, DICT_AVP, AVP_BY_CODE, &code, &o, 0);
	} else {
		struct dict_avp_request_ex by = {
			.avp_vendor.vendor_id = r->vendor, .avp_data.avp_code = r->code};
		fd_dict_search(d, DICT_AVP, AVP_BY_STRUCT, &by, &o, 0);
	}
	return o;
}

static const struct {
	enum dict_avp_basetype base;
	const char *derived;           /* NULL: none, or one of its own */
} types[] = {
	[CX_T_OCTETS] = {AVP_TYPE_OCTETSTRING, NULL},
	[CX_T_UTF8] = {AVP_TYPE_OCTETSTRING, "UTF8String"},
	[CX_T_IDENTITY] = {AVP_TYPE_OCTETSTRING, "DiameterIdentity"},
	[CX_T_URI] = {AVP_TYPE_OCTETSTRING, "DiameterURI"},
	[CX_T_ADDRESS] = {AVP_TYPE_OCTETSTRING, "Address"},
	[CX_T_TIME] = {AVP_TYPE_OCTETSTRING, "Time"},
	[CX_T_U32] = {AVP_TYPE_UNSIGNED32, NULL},
	[CX_T_ENUM] = {AVP_TYPE_INTEGER32, NULL},
	[CX_T_GROUP] = {AVP_TYPE_GROUPED, NULL},
};

static int add_enum_type(struct dictionary *d, int avp, struct dict_object **out)
{
	char name[96];
	snprintf(name, sizeof name, "Enumerated(Cx/%s)", cx_avp_rows[avp].name);
	struct dict_type_data data = {.type_base = AVP_TYPE_INTEGER32, .type_name = name};
	int err = new(d, DICT_TYPE, &data, NULL, out);
	for (size_t i = 0; !err && i < cx_enum_rows_n; i++) {
		if (cx_enum_rows[i].avp != avp)
			continue;
		struct dict_enumval_data v = {.enum_name = (char *)cx_enum_rows[i].name,
			.enum_value.i32 = (int32_t)cx_enum_rows[i].value};
		err = new(d, DICT_ENUMVAL, &v, *out, NULL);
	}
	return err;
}

static int add_avp(struct dictionary *d, int avp)
{
	const struct cx_avp_row *r = &cx_avp_rows[avp];
	struct dict_object *type = NULL;
	int err = 0;

	if (find_avp(d, r))
		return 0;
	if (types[r->type].derived)
		err = -fd_dict_search(d, DICT_TYPE, TYPE_BY_NAME, types[r->type].derived, &type,
			ENOENT);
	else if (r->type == CX_T_ENUM)
		err = add_enum_type(d, avp, &type);
	struct dict_avp_data data = {.avp_code = r->code, .avp_vendor = r->vendor,
		.avp_name = (char *)r->name, .avp_flag_mask = CX_FLAG_V | CX_FLAG_M,
		.avp_flag_val = r->flags, .avp_basetype = types[r->type].base};
	return err ? err : new(d, DICT_AVP, &data, type, NULL);
}

static int add_command(struct dictionary *d, uint32_t code, const char *name, bool request,
	struct dict_object *application)
{
	struct dict_cmd_data data = {.cmd_code = code, .cmd_name = (char *)name,
		.cmd_flag_mask = CMD_FLAG_REQUEST | CMD_FLAG_PROXIABLE,
		.cmd_flag_val = CMD_FLAG_PROXIABLE | (request ? CMD_FLAG_REQUEST : 0)};
	return new(d, DICT_COMMAND, &data, application, NULL);
}

int cx_dict_add(struct dictionary *d, struct dict_object **application,
	struct dict_object **vendor)
{
	int err = 0;
	for (size_t i = 0; !err && i < sizeof vendors / sizeof *vendors; i++) {
		struct dict_vendor_data v = {vendors[i].id, (char *)vendors[i].name};
		err = new(d, DICT_VENDOR, &v, NULL, i == 0 ? vendor : NULL);
	}
	struct dict_application_data a = {CX_APPLICATION, "3GPP Cx/Dx"};
	if (!err)
		err = new(d, DICT_APPLICATION, &a, *vendor, application);
	for (int i = 0; !err && i < CX_A_N; i++)
		err = add_avp(d, i);
	for (uint32_t code = CX_UA; !err && code <= CX_PP; code++) {
		err = add_command(d, code, cx_command_name(code, true), true, *application);
		if (!err)
			err = add_command(d, code, cx_command_name(code, false), false, *application);
	}
	if (!err)
		err = add_command(d, CX_CARRIER_COMMAND, "Cx carrier", true, *application);
	return err;
}

/* ---- rules ---- */

static int add_rules(struct dictionary *d, int context, struct dict_object *parent)
{
	int err = 0;
	for (const struct cx_rule *r = cx_context_rows[context].rules;
		!err && r->kind != CX_K_END; r++) {
		struct dict_rule_data data = {
			.rule_avp = find_avp(d, &cx_avp_rows[r->avp]),
			.rule_position = r->avp == CX_A_Session_Id ? RULE_FIXED_HEAD :
				r->min ? RULE_REQUIRED : RULE_OPTIONAL,
			.rule_order = 1,
			.rule_min = r->min,
			.rule_max = r->max == CX_ANY ? -1 : r->max,
		};
		err = new(d, DICT_RULE, &data, parent, NULL);
		if (r->kind != CX_K_GROUP || err)
			continue;
		int err2 = add_rules(d, r->group, data.rule_avp);
		err = err2 == -EEXIST ? 0 : err2; /* two commands share the group */
	}
	return err;
}

int cx_dict_add_rules(struct dictionary *d)
{
	int err = 0;
	for (uint32_t code = CX_UA; !err && code <= CX_PP; code++) {
		for (int request = 0; !err && request < 2; request++) {
			struct dict_object *command = NULL;
			int context = cx_context_of(code, request);
			if (context < 0)
				continue;
			err = -fd_dict_search(d, DICT_COMMAND, request ? CMD_BY_CODE_R : CMD_BY_CODE_A,
				&code, &command, ENOENT);
			if (!err)
				err = add_rules(d, context, command);
		}
	}
	return err;
}
