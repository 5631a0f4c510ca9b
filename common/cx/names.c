/* Names of commands and results.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "common/cx/octets.h"

static const struct command {
	uint32_t code;
	const char *request, *answer;
	int16_t request_context, answer_context;       /* enum cx_context, -1: not read here */
} commands[] = {
	{CX_UA, "UAR", "UAA", CX_C_UAR, CX_C_UAA},
	{CX_SA, "SAR", "SAA", CX_C_SAR, CX_C_SAA},
	{CX_LI, "LIR", "LIA", CX_C_LIR, CX_C_LIA},
	{CX_MA, "MAR", "MAA", CX_C_MAR, CX_C_MAA},
	{CX_RT, "RTR", "RTA", -1, -1},
	{CX_PP, "PPR", "PPA", -1, -1},
	{257, "CER", "CEA", CX_C_CER, CX_C_CEA},
	{280, "DWR", "DWA", CX_C_DWR, CX_C_DWA},
	{282, "DPR", "DPA", CX_C_DPR, CX_C_DPA},
};

static const struct command *command_find(uint32_t code)
{
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		if (commands[i].code == code)
			return &commands[i];
	return NULL;
}

const char *cx_command_name(uint32_t code, bool request)
{
	const struct command *c = command_find(code);
	return !c ? NULL : request ? c->request : c->answer;
}

int cx_context_of(uint32_t code, bool request)
{
	const struct command *c = command_find(code);
	return !c ? -1 : request ? c->request_context : c->answer_context;
}

bool cx_is_base(uint32_t code)
{
	return code < CX_UA;
}

struct str cx_what(struct str bytes, struct buf *scratch)
{
	struct cx_header h;
	if (cx_header_parse(bytes, &h, NULL))
		return STR("Diameter");
	const char *name = cx_command_name(h.command, h.request);
	size_t at = scratch->n;
	if (name)
		buf_fmt(scratch, "Cx %s", name);
	else
		buf_fmt(scratch, "Diameter %u %s", h.command, h.request ? "request" : "answer");
	return str_skip(buf_str(scratch), at);
}

/* TS 29.229 6.2, RFC 6733 7.1 */
static const struct {
	bool experimental;
	uint32_t code;
	const char *name;
} results[] = {
	{false, 2001, "DIAMETER_SUCCESS"},
	{false, 2002, "DIAMETER_LIMITED_SUCCESS"},
	{false, 3001, "DIAMETER_COMMAND_UNSUPPORTED"},
	{false, 3002, "DIAMETER_UNABLE_TO_DELIVER"},
	{false, 3003, "DIAMETER_REALM_NOT_SERVED"},
	{false, 3004, "DIAMETER_TOO_BUSY"},
	{false, 3007, "DIAMETER_APPLICATION_UNSUPPORTED"},
	{false, 3008, "DIAMETER_INVALID_HDR_BITS"},
	{false, 3009, "DIAMETER_INVALID_AVP_BITS"},
	{false, 3010, "DIAMETER_UNKNOWN_PEER"},
	{false, 5001, "DIAMETER_AVP_UNSUPPORTED"},
	{false, 5003, "DIAMETER_AUTHORIZATION_REJECTED"},
	{false, 5004, "DIAMETER_INVALID_AVP_VALUE"},
	{false, 5005, "DIAMETER_MISSING_AVP"},
	{false, 5006, "DIAMETER_RESOURCES_EXCEEDED"},
	{false, 5009, "DIAMETER_AVP_OCCURS_TOO_MANY_TIMES"},
	{false, 5010, "DIAMETER_NO_COMMON_APPLICATION"},
	{false, 5012, "DIAMETER_UNABLE_TO_COMPLY"},
	{false, 5014, "DIAMETER_INVALID_AVP_LENGTH"},
	{true, 2001, "DIAMETER_FIRST_REGISTRATION"},
	{true, 2002, "DIAMETER_SUBSEQUENT_REGISTRATION"},
	{true, 2003, "DIAMETER_UNREGISTERED_SERVICE"},
	{true, 2004, "DIAMETER_SUCCESS_SERVER_NAME_NOT_STORED"},
	{true, 5001, "DIAMETER_ERROR_USER_UNKNOWN"},
	{true, 5002, "DIAMETER_ERROR_IDENTITIES_DONT_MATCH"},
	{true, 5003, "DIAMETER_ERROR_IDENTITY_NOT_REGISTERED"},
	{true, 5004, "DIAMETER_ERROR_ROAMING_NOT_ALLOWED"},
	{true, 5005, "DIAMETER_ERROR_IDENTITY_ALREADY_REGISTERED"},
	{true, 5006, "DIAMETER_ERROR_AUTH_SCHEME_NOT_SUPPORTED"},
	{true, 5007, "DIAMETER_ERROR_IN_ASSIGNMENT_TYPE"},
	{true, 5008, "DIAMETER_ERROR_TOO_MUCH_DATA"},
	{true, 5009, "DIAMETER_ERROR_NOT_SUPPORTED_USER_DATA"},
	{true, 5011, "DIAMETER_ERROR_FEATURE_UNSUPPORTED"},
	{true, 5012, "DIAMETER_ERROR_SERVING_NODE_FEATURE_UNSUPPORTED"},
};

const char *cx_result_name(struct cx_result r)
{
	for (size_t i = 0; i < sizeof results / sizeof *results; i++)
		if (results[i].experimental == r.experimental && results[i].code == r.code)
			return results[i].name;
	static _Thread_local char other[48];
	snprintf(other, sizeof other, "%s %u",
		r.experimental ? "Experimental-Result" : "Result-Code", r.code);
	return other;
}
