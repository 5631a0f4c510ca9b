/* The rows of avp.def and message.def as tables, and the searches in them.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/cx/octets.h"

enum { VENDOR_BASE = 0, VENDOR_TGPP = CX_VENDOR_3GPP, VENDOR_ETSI = CX_VENDOR_ETSI };
enum { M = CX_FLAG_M };

const struct cx_avp_row cx_avp_rows[CX_A_N] = {
#define CX_AVP(id, name_, code_, vendor_, flags_, type_)                                   \
	[CX_A_##id] = {name_, code_, VENDOR_##vendor_,                                     \
		(flags_) | (VENDOR_##vendor_ ? CX_FLAG_V : 0), CX_T_##type_},
#include "common/cx/avp.def"
};

const struct cx_enum_row cx_enum_rows[] = {
#define CX_ENUM(id, value_, name_) {CX_A_##id, value_, name_},
#include "common/cx/avp.def"
};
const size_t cx_enum_rows_n = sizeof cx_enum_rows / sizeof *cx_enum_rows;

#define AT(member)   offsetof(struct cx_msg, member)
#define ROOM(member)                                                                       \
	(sizeof((struct cx_msg *)0)->member / sizeof((struct cx_msg *)0)->member[0])
#define ANY CX_ANY

#define CX_BEGIN(context, clause) static const struct cx_rule rules_##context[] = {
#define CX_STR(avp, lo, hi, member) {CX_K_STR, CX_A_##avp, lo, hi, .at = AT(member)},
#define CX_STRS(avp, lo, hi, member, count)                                                \
	{CX_K_STRS, CX_A_##avp, lo, hi, .at = AT(member), .has = AT(count),                \
		.room = ROOM(member)},
#define CX_U32(avp, lo, hi, member) {CX_K_U32, CX_A_##avp, lo, hi, .at = AT(member)},
#define CX_U32_IF(avp, lo, hi, member, flag)                                               \
	{CX_K_U32, CX_A_##avp, lo, hi, .at = AT(member), .has = AT(flag)},
#define CX_U32S(avp, lo, hi, member, count)                                                \
	{CX_K_U32S, CX_A_##avp, lo, hi, .at = AT(member), .has = AT(count),                \
		.room = ROOM(member)},
#define CX_GROUP(avp, lo, hi, context) {CX_K_GROUP, CX_A_##avp, lo, hi, CX_C_##context},
#define CX_GROUP_IF(avp, lo, hi, context, flag)                                            \
	{CX_K_GROUP, CX_A_##avp, lo, hi, CX_C_##context, .has = AT(flag)},
#define CX_FIXED(avp, number) {CX_K_FIXED, CX_A_##avp, 1, 1, .value = (number)},
#define CX_CODE(avp, experimental) {CX_K_CODE, CX_A_##avp, experimental, 1, experimental},
#define CX_SKIP(avp, lo, hi) {CX_K_SKIP, CX_A_##avp, lo, hi},
#define CX_END(context)                                                                    \
	{CX_K_END}                                                                         \
	}                                                                                  \
	;
#include "common/cx/message.def"

const struct cx_context_row cx_context_rows[CX_C_N] = {
#define CX_BEGIN(context, clause) [CX_C_##context] = {#context, clause, rules_##context},
#include "common/cx/message.def"
};

/* Indexes of the tables, filled before main: avps by code for each vendor, and rules by
 * context and AVP. 0 is "none"; entries are one too high. */
enum { BASE_CODES = 700, TGPP_FIRST = 600, TGPP_CODES = 67 };
static uint8_t by_base[BASE_CODES], by_tgpp[TGPP_CODES];
static uint8_t by_rule[CX_C_N][CX_A_N];

__attribute__((constructor)) static void index_rows(void)
{
	for (int i = 0; i < CX_A_N; i++) {
		const struct cx_avp_row *r = &cx_avp_rows[i];
		if (r->vendor == VENDOR_BASE && r->code < BASE_CODES)
			by_base[r->code] = (uint8_t)(i + 1);
		else if (r->vendor == VENDOR_TGPP && r->code - TGPP_FIRST < TGPP_CODES)
			by_tgpp[r->code - TGPP_FIRST] = (uint8_t)(i + 1);
	}
	for (int c = 0; c < CX_C_N; c++)
		for (int i = 0; cx_context_rows[c].rules[i].kind != CX_K_END; i++)
			by_rule[c][cx_context_rows[c].rules[i].avp] = (uint8_t)(i + 1);
}

int cx_avp_find(uint32_t code, uint32_t vendor)
{
	switch (vendor) {
	case VENDOR_BASE:
		return code < BASE_CODES ? by_base[code] - 1 : -1;
	case VENDOR_TGPP:
		return code - TGPP_FIRST < TGPP_CODES ? by_tgpp[code - TGPP_FIRST] - 1 : -1;
	case VENDOR_ETSI:
		return code == cx_avp_rows[CX_A_Line_Identifier].code ? CX_A_Line_Identifier : -1;
	default:
		return -1;
	}
}

int cx_avp_named(struct str name)
{
	for (int i = 0; i < CX_A_N; i++)
		if (str_eq(name, str_of(cx_avp_rows[i].name)))
			return i;
	return -1;
}

const char *cx_enum_name(int avp, uint32_t value)
{
	for (size_t i = 0; i < cx_enum_rows_n; i++)
		if (cx_enum_rows[i].avp == avp && cx_enum_rows[i].value == value)
			return cx_enum_rows[i].name;
	return NULL;
}

int cx_rule_find(int context, int avp)
{
	return by_rule[context][avp] - 1;
}
