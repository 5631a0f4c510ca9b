/* Cx messages as octets: reading, writing and editing them by the rows of avp.def and
 * message.def. Nothing here needs libfdcore; the node (cx.h), the player and the fuzz
 * targets share it.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/base/buf.h"
#include "common/cx/cx.h"

/* ---- rows ---- */

enum cx_avp_id {
#define CX_AVP(id, name, code, vendor, flags, type) CX_A_##id,
#include "common/cx/avp.def"
	CX_A_N
};
enum cx_type { CX_T_OCTETS, CX_T_UTF8, CX_T_IDENTITY, CX_T_URI, CX_T_ADDRESS, CX_T_TIME,
	CX_T_U32, CX_T_ENUM, CX_T_GROUP };
enum { CX_FLAG_V = 0x80, CX_FLAG_M = 0x40 };
enum { CX_HEADER_R = 0x80, CX_HEADER_P = 0x40, CX_HEADER_E = 0x20, CX_HEADER_T = 0x10 };

struct cx_avp_row {
	const char *name;
	uint32_t code, vendor;
	uint8_t flags;                 /* as sent, V included */
	uint8_t type;                  /* enum cx_type */
};
extern const struct cx_avp_row cx_avp_rows[CX_A_N];
/* enum cx_avp_id, or -1. */
int cx_avp_find(uint32_t code, uint32_t vendor);
int cx_avp_named(struct str name);

struct cx_enum_row {
	uint8_t avp;                   /* enum cx_avp_id */
	uint32_t value;
	const char *name;
};
extern const struct cx_enum_row cx_enum_rows[];
extern const size_t cx_enum_rows_n;
const char *cx_enum_name(int avp, uint32_t value);  /* NULL: not one of its values */

/* A command, or a grouped AVP in one of its roles. */
enum cx_context {
#define CX_BEGIN(context, clause) CX_C_##context,
#include "common/cx/message.def"
	CX_C_N
};
enum cx_kind { CX_K_END, CX_K_STR, CX_K_STRS, CX_K_U32, CX_K_U32S, CX_K_GROUP, CX_K_FIXED,
	CX_K_CODE, CX_K_SKIP };
enum { CX_ANY = 255 };
struct cx_rule {
	uint8_t kind;                  /* enum cx_kind */
	uint8_t avp;                   /* enum cx_avp_id */
	uint8_t min, max;              /* max CX_ANY: no bound but the member's */
	uint8_t group;                 /* CX_K_GROUP: its context; CX_K_CODE: experimental */
	uint16_t at;                   /* offset of the member in struct cx_msg */
	uint16_t has;                  /* offset of its flag or count; 0: none */
	uint16_t room;                 /* places of an array member */
	uint32_t value;                /* CX_K_FIXED */
};
struct cx_context_row {
	const char *name, *clause;
	const struct cx_rule *rules;   /* ends with CX_K_END */
};
extern const struct cx_context_row cx_context_rows[CX_C_N];
/* Place of an AVP's rule in its context, or -1. */
int cx_rule_find(int context, int avp);
/* The context of a command, or -1 when its messages are not known here. */
int cx_context_of(uint32_t command, bool request);
bool cx_is_base(uint32_t command);     /* CER, DWR, DPR: application 0 */

/* ---- reading and writing ---- */

/* What is wrong with a received message, for the error answer. */
struct cx_fault {
	uint32_t code;                 /* base Result-Code */
	uint8_t path[4];               /* enum cx_avp_id of the groups around it */
	uint8_t depth;
	bool has_avp;
	struct cx_avp avp;             /* the one that offends, or a sample of the missing one */
	const char *why;               /* static storage */
};

/* Reads a request or answer of a command that is known here, or checks one of the base
 * protocol. Views go into `bytes`;
 * m->arena stays empty. 0, or -EBADMSG with *fault filled in. An answer whose result is
 * not a success need not be complete. */
int cx_decode(struct str bytes, struct cx_msg *m, struct cx_fault *fault);

/* What the header says beside the command. */
struct cx_ids {
	uint32_t hop_by_hop, end_to_end;
	uint8_t flags;                 /* beside R, P and E, which follow from the message */
};
/* Appends the whole message, with the fixed AVPs. */
void cx_encode(const struct cx_msg *m, const struct cx_ids *ids, struct buf *out);
/* Appends the error answer to a request that cx_decode refused, or that can't be
 * served: session, proxies and header come from its octets. */
void cx_encode_error(struct str request, const struct cx_fault *fault, struct str host,
	struct str realm, struct buf *out);
/* Puts Failed-AVP and the request's Proxy-Info at the end of an answer that begins at
 * `start` in `out`. */
void cx_encode_tail(struct str request, const struct cx_fault *fault, size_t start,
	struct buf *out);

/* One AVP as it stands. */
void cx_avp_put(const struct cx_avp *avp, struct buf *out);
/* One AVP with this value (text for strings, a number for numbers). -EINVAL: the value
 * does not fit the type. */
int cx_avp_write(int avp, struct str value, struct buf *out);
/* A message with one field changed: see gate_set_h. "Result-Code" and
 * "Experimental-Result" take each other's place. */
int cx_edit(struct str bytes, struct str name, struct str value, struct buf *out);
/* "Cx UAR"; "Diameter 300 request" when unknown. */
struct str cx_what(struct str bytes, struct buf *scratch);
