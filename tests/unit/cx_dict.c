/* Tests of the Cx tables and of messages as octets, with libfdproto as the second opinion:
 * what we write it must read by the same rules, and our rows must say what its own
 * dictionary of 3GPP AVPs says.
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <errno.h>
#include <freeDiameter/freeDiameter-host.h>
#include <freeDiameter/libfdcore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cx/dict.h"
#include "common/cx/guard.h"
#include "common/cx/octets.h"

static const struct cx_ids ids = {.hop_by_hop = 0x01020304, .end_to_end = 0x05060708};

/* ---- messages with every member filled ---- */

static struct cx_msg head(enum cx_command command, bool request)
{
	struct cx_msg m = {
		.command = command,
		.request = request,
		.session_id = STR("icscf.ims.example.org;1;2"),
		.origin_host = STR("icscf.ims.example.org"),
		.origin_realm = STR("ims.example.org"),
	};
	if (request) {
		m.destination_host = STR("hss.ims.example.org");
		m.destination_realm = STR("ims.example.org");
	}
	return m;
}

static struct cx_msg full_uar(void)
{
	struct cx_msg m = head(CX_UA, true);
	m.user_name = STR("alice-impi@ims.example.org");
	m.public_identity[0] = STR("sip:alice@ims.example.org");
	m.n_public_identity = 1;
	m.visited_network = STR("ims.example.org");
	m.has_auth_type = true;
	m.auth_type = CX_DE_REGISTRATION;
	m.uar_flags = 1;
	return m;
}

static struct cx_msg full_uaa(void)
{
	struct cx_msg m = head(CX_UA, false);
	m.result = CX_EXPERIMENTAL(CX_FIRST_REGISTRATION);
	m.server_name = STR("sip:scscf.ims.example.org");
	m.capabilities = (struct cx_capabilities){.present = true, .mandatory = {1, 2},
		.n_mandatory = 2, .optional = {7}, .n_optional = 1,
		.names = {STR("sip:scscf2.ims.example.org")}, .n_names = 1};
	return m;
}

static struct cx_msg full_mar(void)
{
	struct cx_msg m = head(CX_MA, true);
	m.user_name = STR("alice-impi@ims.example.org");
	m.public_identity[0] = STR("sip:alice@ims.example.org");
	m.n_public_identity = 1;
	m.auth_items = 1;
	m.has_auth_data = true;
	m.auth_scheme = STR("SIP Digest");
	m.authorization = STR("0123456789abcdef01234567890123");
	m.server_name = STR("sip:scscf.ims.example.org");
	m.wwsf_name = STR("wwsf.ims.example.org");
	return m;
}

static struct cx_msg full_maa(void)
{
	struct cx_msg m = head(CX_MA, false);
	m.result = CX_RESULT(DIAMETER_SUCCESS);
	m.user_name = STR("alice-impi@ims.example.org");
	m.public_identity[0] = STR("sip:alice@ims.example.org");
	m.n_public_identity = 1;
	m.auth_items = 1;
	m.has_auth_data = true;
	m.auth_scheme = STR("SIP Digest");
	m.authenticate = STR("0123456789abcdef0123456789abcdef");
	m.authorization = STR("xres");
	m.ck = STR("0123456789abcdef");
	m.ik = STR("fedcba9876543210");
	m.digest_realm = STR("ims.example.org");
	m.digest_algorithm = STR("MD5");
	m.digest_qop = STR("auth");
	m.digest_ha1 = STR("00112233445566778899aabbccddeeff");
	m.alternate_algorithm = STR("SHA-256");
	m.alternate_ha1 = STR("00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff");
	return m;
}

static struct cx_msg full_sar(void)
{
	struct cx_msg m = head(CX_SA, true);
	m.user_name = STR("alice-impi@ims.example.org");
	m.public_identity[0] = STR("sip:alice@ims.example.org");
	m.public_identity[1] = STR("tel:+15550100");
	m.n_public_identity = 2;
	m.wildcard = STR("sip:web!.*!@ims.example.org");
	m.server_name = STR("sip:scscf.ims.example.org");
	m.has_assignment = m.has_data_available = true;
	m.assignment = CX_NO_ASSIGNMENT;
	m.data_available = 0;
	return m;
}

static struct cx_msg full_saa(void)
{
	struct cx_msg m = head(CX_SA, false);
	m.result = CX_RESULT(DIAMETER_SUCCESS);
	m.user_name = STR("alice-impi@ims.example.org");
	m.user_data = STR("<IMSSubscription/>");
	m.ccf[0] = STR("aaa://ccf1.ims.example.org");
	m.ccf[1] = STR("aaa://ccf2.ims.example.org");
	m.ecf[0] = STR("aaa://ecf1.ims.example.org");
	m.ecf[1] = STR("aaa://ecf2.ims.example.org");
	m.associated[0] = STR("alice-2@ims.example.org");
	m.n_associated = 1;
	m.server_name = STR("sip:scscf.ims.example.org");
	m.wildcard = STR("sip:web!.*!@ims.example.org");
	m.has_allowed = true;
	m.allowed_waf[0] = STR("waf.ims.example.org");
	m.n_allowed_waf = 1;
	m.allowed_wwsf[0] = STR("wwsf.ims.example.org");
	m.n_allowed_wwsf = 1;
	return m;
}

static const struct {
	struct cx_msg (*full)(void);
	int context;
} messages[] = {
	{full_uar, CX_C_UAR}, {full_uaa, CX_C_UAA}, {full_mar, CX_C_MAR},
	{full_maa, CX_C_MAA}, {full_sar, CX_C_SAR}, {full_saa, CX_C_SAA},
};
enum { N_MESSAGES = sizeof messages / sizeof *messages };

/* ---- the tables ---- */

static void avp_rows_are_complete(void **state)
{
	/* TS 29.229 6.3 leaves no gap but 627 */
	for (uint32_t code = 600; code <= 666; code++)
		assert_int_equal(cx_avp_find(code, CX_VENDOR_3GPP) >= 0, code != 627);
	for (int i = 0; i < CX_A_N; i++) {
		const struct cx_avp_row *r = &cx_avp_rows[i];
		assert_int_equal(cx_avp_find(r->code, r->vendor), i);
		assert_int_equal(cx_avp_named(str_of(r->name)), i);
		assert_int_equal(!!(r->flags & CX_FLAG_V), r->vendor != 0);
		if (r->type == CX_T_ENUM && r->code != cx_avp_rows[CX_A_DRMP].code)
			assert_non_null(cx_enum_name(i, 0));
	}
	assert_int_equal(cx_avp_find(600, 0), -1);
	assert_int_equal(cx_avp_find(UINT32_MAX, CX_VENDOR_3GPP), -1);
	assert_int_equal(cx_avp_find(1, 9), -1);
}

static void rules_have_what_they_need(void **state)
{
	for (int c = 0; c < CX_C_N; c++)
		for (const struct cx_rule *r = cx_context_rows[c].rules; r->kind != CX_K_END; r++) {
			uint8_t type = cx_avp_rows[r->avp].type;
			assert_true(cx_rule_find(c, r->avp) == r - cx_context_rows[c].rules);
			assert_true(r->max >= r->min);
			if (r->kind == CX_K_GROUP)
				assert_int_equal(type, CX_T_GROUP);
			if (r->kind == CX_K_U32 || r->kind == CX_K_U32S || r->kind == CX_K_FIXED)
				assert_true(type == CX_T_U32 || type == CX_T_ENUM);
			if (r->kind == CX_K_STRS || r->kind == CX_K_U32S)
				assert_true(r->room > 0 && r->has > 0);
		}
	for (uint32_t code = CX_UA; code <= CX_PP; code++) {
		assert_non_null(cx_command_name(code, true));
		assert_non_null(cx_command_name(code, false));
	}
	assert_null(cx_command_name(299, true));
	for (int i = 0; i < N_MESSAGES; i++) {
		struct cx_msg m = messages[i].full();
		assert_int_equal(cx_context_of(m.command, m.request), messages[i].context);
		assert_string_equal(cx_command_name(m.command, m.request),
			cx_context_rows[messages[i].context].name);
	}
}

/* ---- round trips ---- */

static struct str encode(const struct cx_msg *m, struct buf *out)
{
	out->n = 0;
	cx_encode(m, &ids, out);
	return buf_str(out);
}

static void each_message_comes_back(void **state)
{
	for (int i = 0; i < N_MESSAGES; i++) {
		struct cx_msg m = messages[i].full(), back;
		struct cx_fault fault;
		struct buf b = {0}, again = {0};
		struct str octets = encode(&m, &b);
		struct cx_header h;

		assert_int_equal(cx_header_parse(octets, &h, NULL), 0);
		assert_int_equal(h.length, octets.n);
		assert_int_equal(h.application, CX_APPLICATION);
		assert_int_equal(h.end_to_end, ids.end_to_end);
		assert_int_equal(h.flags, m.request ? CX_HEADER_R | CX_HEADER_P : CX_HEADER_P);
		assert_int_equal(cx_decode(octets, &back, &fault), 0);
		assert_int_equal(back.command, m.command);
		assert_true(back.result.code == m.result.code &&
			back.result.experimental == m.result.experimental);
		/* the same octets again: no member was lost or mixed up */
		struct str second = encode(&back, &again);
		assert_int_equal(second.n, octets.n);
		assert_memory_equal(second.p, octets.p, octets.n);
		buf_free(&b);
		buf_free(&again);
	}
}

/* A UAR written out by hand from RFC 6733 4.1 and TS 29.229 6.1.1. */
static void uar_octets(void **state)
{
	static const uint8_t expected[] = {
		1, 0, 0, 188, 0xc0, 0, 1, 44, 1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8,
		0, 0, 1, 7, 0x40, 0, 0, 11, 'a', ';', '1', 0,
		0, 0, 1, 4, 0x40, 0, 0, 32, 0, 0, 1, 10, 0x40, 0, 0, 12, 0, 0, 0x28, 0xaf,
		0, 0, 1, 2, 0x40, 0, 0, 12, 1, 0, 0, 0,
		0, 0, 1, 21, 0x40, 0, 0, 12, 0, 0, 0, 1,
		0, 0, 1, 8, 0x40, 0, 0, 9, 'i', 0, 0, 0,
		0, 0, 1, 40, 0x40, 0, 0, 9, 'r', 0, 0, 0,
		0, 0, 1, 37, 0x40, 0, 0, 9, 'h', 0, 0, 0,
		0, 0, 1, 27, 0x40, 0, 0, 9, 'r', 0, 0, 0,
		0, 0, 0, 1, 0x40, 0, 0, 11, 'a', '@', 'r', 0,
		0, 0, 2, 89, 0xc0, 0, 0, 19, 0, 0, 0x28, 0xaf, 's', 'i', 'p', ':', 'a', '@', 'r', 0,
		0, 0, 2, 88, 0xc0, 0, 0, 13, 0, 0, 0x28, 0xaf, 'v', 0, 0, 0,
		0, 0, 2, 111, 0xc0, 0, 0, 16, 0, 0, 0x28, 0xaf, 0, 0, 0, 0,
	};
	struct cx_msg m = {.command = CX_UA, .request = true, .session_id = STR("a;1"),
		.origin_host = STR("i"), .origin_realm = STR("r"), .destination_host = STR("h"),
		.destination_realm = STR("r"), .user_name = STR("a@r"),
		.public_identity = {STR("sip:a@r")}, .n_public_identity = 1,
		.visited_network = STR("v"), .has_auth_type = true};
	struct buf b = {0};
	struct str octets = encode(&m, &b);
	assert_int_equal(octets.n, sizeof expected);
	assert_memory_equal(octets.p, expected, sizeof expected);
	buf_free(&b);
}

/* RFC 4740's Digest AVPs are vendor 0; Result-Code and Experimental-Result never meet. */
static void what_traps_are_avoided(void **state)
{
	struct cx_msg m = full_maa();
	struct buf b = {0};
	struct arena a = {0};
	struct str octets = encode(&m, &b);
	assert_true(str_eq(cx_script_field(octets,
		STR("SIP-Auth-Data-Item.SIP-Digest-Authenticate.Digest-HA1"), &a), m.digest_ha1));
	assert_null(cx_script_field(octets, STR("Experimental-Result"), &a).p);
	m = full_uaa();
	octets = encode(&m, &b);
	assert_null(cx_script_field(octets, STR("Result-Code"), &a).p);
	assert_true(str_eq(cx_script_field(octets, STR("Experimental-Result"), &a), STR("2001")));
	arena_free(&a);
	buf_free(&b);
}

/* ---- what a peer may get wrong ---- */

static uint32_t decode_fault(struct str octets, struct cx_fault *fault)
{
	struct cx_msg m;
	memset(fault, 0, sizeof *fault);
	return cx_decode(octets, &m, fault) ? fault->code : 0;
}

static uint32_t after_edit(struct cx_msg m, const char *name, struct str value)
{
	struct buf b = {0}, changed = {0};
	struct cx_fault fault;
	assert_int_equal(cx_edit(encode(&m, &b), str_of(name), value, &changed), 0);
	uint32_t code = decode_fault(buf_str(&changed), &fault);
	buf_free(&b);
	buf_free(&changed);
	return code;
}

static void each_mandatory_avp_is_missed(void **state)
{
	for (int i = 0; i < N_MESSAGES; i++) {
		struct cx_msg m = messages[i].full();
		const struct cx_rule *r = cx_context_rows[messages[i].context].rules;
		for (; r->kind != CX_K_END; r++)
			if (r->min)
				assert_int_equal(after_edit(m, cx_avp_rows[r->avp].name, STR_NONE),
					DIAMETER_MISSING_AVP);
	}
	assert_int_equal(after_edit(full_mar(), "SIP-Auth-Data-Item.SIP-Authentication-Scheme",
		STR_NONE), DIAMETER_MISSING_AVP);
	assert_int_equal(after_edit(full_uaa(), "Experimental-Result", STR_NONE),
		DIAMETER_MISSING_AVP);
}

static void values_are_checked(void **state)
{
	assert_int_equal(after_edit(full_sar(), "Server-Assignment-Type", STR("12")),
		DIAMETER_INVALID_AVP_VALUE);
	assert_int_equal(after_edit(full_sar(), "Server-Assignment-Type", STR("11")), 0);
	assert_int_equal(after_edit(full_uar(), "User-Name", STR("a\0b")),
		DIAMETER_INVALID_AVP_VALUE);
	assert_int_equal(after_edit(full_uar(), "Session-Id", STR("\0\0x")),
		DIAMETER_INVALID_AVP_VALUE);
	assert_int_equal(after_edit(full_uar(), "Public-Identity", STR("sip:\xff@x")),
		DIAMETER_INVALID_AVP_VALUE);
	assert_int_equal(after_edit(full_uar(), "Public-Identity", STR("sip:\xc3\xa4@x")), 0);
	assert_int_equal(after_edit(full_uar(), "Public-Identity", STR("sip:x\xc3")),
		DIAMETER_INVALID_AVP_VALUE);
	assert_int_equal(after_edit(full_uar(), "Origin-Host", STR("")),
		DIAMETER_INVALID_AVP_VALUE);
	assert_int_equal(after_edit(full_uar(), "Origin-Host", STR("a b")),
		DIAMETER_INVALID_AVP_VALUE);
}

/* Appends octets to a message and corrects its length. */
static struct str append(struct buf *b, const char *octets, size_t n)
{
	buf_put(b, octets, n);
	b->p[1] = (char)(b->n >> 16);
	b->p[2] = (char)(b->n >> 8);
	b->p[3] = (char)b->n;
	return buf_str(b);
}

#define BYTES(...) (const char *)(uint8_t[]){__VA_ARGS__}, sizeof(uint8_t[]){__VA_ARGS__}

static void broken_and_unknown_avps(void **state)
{
	const struct {
		uint32_t code;
		const char *octets;
		size_t n;
	} cases[] = {
		/* unknown, M set; unknown, M clear; known, but of no use in this command */
		{DIAMETER_AVP_UNSUPPORTED, BYTES(0, 0, 9, 9, 0x40, 0, 0, 9, 1, 0, 0, 0)},
		{0, BYTES(0, 0, 9, 9, 0, 0, 0, 9, 1, 0, 0, 0)},
		{0, BYTES(0, 0, 2, 110, 0xc0, 0, 0, 12, 0, 0, 0x28, 0xaf)},
		/* inside a group whose M bit is clear an unknown M bit does not count */
		{0, BYTES(0, 0, 2, 116, 0x80, 0, 0, 20, 0, 0, 0x28, 0xaf,
			0, 0, 9, 9, 0x40, 0, 0, 8)},
		/* a second User-Name */
		{DIAMETER_AVP_OCCURS_TOO_MANY_TIMES, BYTES(0, 0, 0, 1, 0x40, 0, 0, 9, 'x', 0, 0, 0)},
		/* a number of 3 octets */
		{DIAMETER_INVALID_AVP_LENGTH,
			BYTES(0, 0, 2, 125, 0x80, 0, 0, 15, 0, 0, 0x28, 0xaf, 0, 0, 1, 0)},
		/* lengths of 0, below the header, beyond the message; half a header */
		{DIAMETER_INVALID_AVP_LENGTH, BYTES(0, 0, 9, 9, 0, 0, 0, 0)},
		{DIAMETER_INVALID_AVP_LENGTH, BYTES(0, 0, 9, 9, 0x80, 0, 0, 11, 0, 0, 0, 1)},
		{DIAMETER_INVALID_AVP_LENGTH, BYTES(0, 0, 9, 9, 0, 0, 0, 13, 0, 0, 0, 0)},
		{DIAMETER_INVALID_AVP_LENGTH, BYTES(0, 0, 9, 9, 0x80, 0, 0, 12)},
		{DIAMETER_INVALID_AVP_LENGTH, BYTES(0, 0, 9, 9)},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct cx_msg m = full_uar();
		struct cx_fault fault;
		struct buf b = {0};
		m.uar_flags = 0;
		encode(&m, &b);
		append(&b, cases[i].octets, cases[i].n);
		assert_int_equal(decode_fault(buf_str(&b), &fault), cases[i].code);
		buf_free(&b);
	}
}

static void headers_are_checked(void **state)
{
	struct cx_fault fault;
	struct buf b = {0};
	struct cx_msg m = full_uar();
	static const struct {
		size_t at;
		uint8_t value;
		uint32_t code;
	} cases[] = {
		{0, 2, DIAMETER_INVALID_MESSAGE_LENGTH},
		{1, 1, DIAMETER_INVALID_MESSAGE_LENGTH},
		{4, 0xe0, DIAMETER_INVALID_HDR_BITS},
		{4, 0x80, DIAMETER_INVALID_HDR_BITS},
		{7, 48, DIAMETER_COMMAND_UNSUPPORTED},
		{11, 1, DIAMETER_APPLICATION_UNSUPPORTED},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		encode(&m, &b);
		b.p[cases[i].at] = (char)cases[i].value;
		assert_int_equal(decode_fault(buf_str(&b), &fault), cases[i].code);
	}
	for (size_t n = 0; n < b.n; n++) {
		encode(&m, &b);
		assert_int_not_equal(decode_fault((struct str){b.p, n}, &fault), 0);
	}
	buf_free(&b);
}

/* An error answer holds the faulty AVP inside the groups where it stood. */
static void error_answers(void **state)
{
	struct cx_msg m = full_mar();
	struct cx_fault fault;
	struct buf b = {0}, changed = {0}, answer = {0};
	struct arena a = {0};
	cx_edit(encode(&m, &b), STR("SIP-Auth-Data-Item.SIP-Authentication-Scheme"), STR_NONE,
		&changed);
	append(&changed, BYTES(0, 0, 1, 28, 0x40, 0, 0, 20, 0, 0, 0, 33, 0x40, 0, 0, 11, 'p', 'x',
		'y', 0));
	assert_int_equal(decode_fault(buf_str(&changed), &fault), DIAMETER_MISSING_AVP);
	cx_encode_error(buf_str(&changed), &fault, STR("hss.ims.example.org"),
		STR("ims.example.org"), &answer);
	struct str got = buf_str(&answer);
	assert_true(str_eq(cx_script_field(got, STR("Result-Code"), &a), STR("5005")));
	assert_true(str_eq(cx_script_field(got, STR("Session-Id"), &a), m.session_id));
	assert_non_null(cx_script_field(got,
		STR("Failed-AVP.SIP-Auth-Data-Item.SIP-Authentication-Scheme"), &a).p);
	assert_true(str_eq(cx_script_field(got, STR("Proxy-Info.Proxy-State"), &a), STR("pxy")));
	assert_true(str_eq(cx_what(got, &b), STR("Cx MAA")));
	struct cx_msg back;
	assert_int_equal(cx_decode(got, &back, &fault), 0);
	assert_int_equal(back.result.code, DIAMETER_MISSING_AVP);
	arena_free(&a);
	buf_free(&b);
	buf_free(&changed);
	buf_free(&answer);
}

/* ---- fields and edits ---- */

static void fields_by_name(void **state)
{
	struct cx_msg m = full_uaa();
	struct buf b = {0};
	struct arena a = {0};
	struct str o = encode(&m, &b);
	static const struct {
		const char *name, *value;
	} cases[] = {
		{"Server-Name", "sip:scscf.ims.example.org"},
		{"Server-Capabilities.Mandatory-Capability", "1"},
		{"Server-Capabilities.Mandatory-Capability[2]", "2"},
		{"Server-Capabilities.Mandatory-Capability[3]", NULL},
		{"Server-Capabilities.Mandatory-Capability[0]", NULL},
		{"Server-Capabilities.Server-Name", "sip:scscf2.ims.example.org"},
		{"Server-Capabilities", ""},
		{"Experimental-Result", "2001"},
		{"Experimental-Result.Vendor-Id", "10415"},
		{"Auth-Session-State", "1"},
		{"User-Name", NULL},
		{"No-Such-AVP", NULL},
		{"Server-Name.User-Name", NULL},
		{"Header", "P 16777216"},
		{"Experimental-Result.AVPs", "Vendor-Id Experimental-Result-Code"},
		{"Supported-Features.AVPs", NULL},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct str v = cx_script_field(o, str_of(cases[i].name), &a);
		assert_int_equal(v.p == NULL, cases[i].value == NULL);
		assert_true(!cases[i].value || str_eq(v, str_of(cases[i].value)));
	}
	m = full_maa();
	m.ck = STR("\x01\x02\xff");
	assert_true(str_eq(cx_script_field(encode(&m, &b),
		STR("SIP-Auth-Data-Item.Confidentiality-Key"), &a), STR("0102ff")));
	arena_free(&a);
	buf_free(&b);
}

/* "AVPs" tells of every AVP, its place, and flags that are not as the document has them. */
static void avps_in_order(void **state)
{
	struct cx_msg m = full_uaa();
	struct buf b = {0};
	struct arena a = {0};
	struct str o = encode(&m, &b);
	struct str plain = cx_script_field(o, STR("AVPs"), &a);

	assert_true(str_starts(plain, STR("Session-Id Vendor-Specific-Application-Id "
		"Experimental-Result Auth-Session-State Origin-Host Origin-Realm Server-Name ")));
	b.p[24] |= 0x20; /* flag P of the Session-Id, the first AVP */
	assert_true(str_starts(cx_script_field(o, STR("AVPs"), &a), STR("Session-Id:MP ")));
	b.p[23] = 0; /* 263 becomes 256, which is none */
	assert_true(str_starts(cx_script_field(o, STR("AVPs"), &a), STR("0/256:MP ")));
	b.p[27] = 1; /* its length, shorter than its header */
	assert_true(str_ends(cx_script_field(o, STR("AVPs"), &a), STR(" ?")));
	arena_free(&a);
	buf_free(&b);
}

static void edits(void **state)
{
	static const struct {
		const char *name, *value, *then, *is;
	} cases[] = {
		{"Experimental-Result", "5004", "Experimental-Result", "5004"},
		{"Result-Code", "5012", "Result-Code", "5012"},
		{"Result-Code", "5012", "Experimental-Result", NULL},
		{"Server-Name", "sip:other.ims.example.org", "Server-Name", "sip:other.ims.example.org"},
		{"Server-Name", NULL, "Server-Name", NULL},
		{"Server-Capabilities.Mandatory-Capability[2]", "9",
			"Server-Capabilities.Mandatory-Capability[2]", "9"},
		{"Server-Capabilities.Optional-Capability", NULL,
			"Server-Capabilities.Optional-Capability", NULL},
		{"User-Name", "new@x", "User-Name", "new@x"},
		{"Charging-Information.Primary-Event-Charging-Function-Name", "aaa://x",
			"Charging-Information.Primary-Event-Charging-Function-Name", "aaa://x"},
	};
	struct cx_msg m = full_uaa();
	struct buf b = {0}, out = {0};
	struct arena a = {0};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct cx_header h;
		struct str avps;
		out.n = 0;
		assert_int_equal(cx_edit(encode(&m, &b), str_of(cases[i].name),
			str_of(cases[i].value), &out), 0);
		assert_int_equal(cx_header_parse(buf_str(&out), &h, &avps), 0);
		assert_int_equal(h.length, out.n);
		struct str v = cx_script_field(buf_str(&out), str_of(cases[i].then), &a);
		assert_int_equal(v.p == NULL, cases[i].is == NULL);
		assert_true(!cases[i].is || str_eq(v, str_of(cases[i].is)));
	}
	out.n = 0;
	assert_int_equal(cx_edit(encode(&m, &b), STR("Result-Code"), STR("x"), &out), -EINVAL);
	assert_int_equal(cx_edit(encode(&m, &b), STR("No-Such"), STR("1"), &out), -EINVAL);
	assert_int_equal(cx_edit(encode(&m, &b), STR("User-Name"), STR_NONE, &out), -EINVAL);
	assert_int_equal(out.n, 0);
	arena_free(&a);
	buf_free(&b);
	buf_free(&out);
}

/* ---- the guard ---- */

static void carriers(void **state)
{
	struct buf b = {0};
	struct cx_header h;
	struct str avps;
	struct cx_avp avp;
	bool broken;
	for (int i = 0; i < N_MESSAGES; i++) {
		struct cx_msg m = messages[i].full();
		encode(&m, &b);
		cx_carrier(b.p, b.n, 77);
		assert_int_equal(cx_header_parse(buf_str(&b), &h, &avps), 0);
		assert_int_equal(h.hop_by_hop, ids.hop_by_hop);
		assert_int_equal(h.end_to_end, 77);
		assert_int_equal(h.application, CX_APPLICATION);
		assert_int_equal(h.request, m.request);
		if (m.request)
			assert_int_equal(h.command, CX_CARRIER_COMMAND);
		else
			assert_true(h.flags & CX_HEADER_E);
		assert_true(cx_avp_next(&avps, &avp, &broken));
		assert_int_equal(avp.vendor, CX_CARRIER_VENDOR);
		assert_false(cx_avp_next(&avps, &avp, &broken));
		assert_false(broken);
	}
	/* any number of octets behind the header */
	for (size_t n = 20; n < 60; n++) {
		char *octets = calloc(1, n);
		memcpy(octets, "\1\0\0\0\xc0\0\1\x2c", 8);
		octets[3] = (char)n;
		cx_carrier(octets, n, 1);
		assert_int_equal(cx_header_parse((struct str){octets, n}, &h, &avps), 0);
		while (cx_avp_next(&avps, &avp, &broken))
			assert_int_equal(avp.code, CX_CARRIER_AVP);
		free(octets);
	}
	buf_free(&b);
}

static uint32_t base_fault(const char *avps, size_t n)
{
	struct cx_fault fault;
	struct buf b = {0};
	buf_put(&b, "\1\0\0\0\x80\0\1\x18\0\0\0\0\0\0\0\1\0\0\0\2", 20);
	append(&b, avps, n);
	uint32_t code = decode_fault(buf_str(&b), &fault);
	if (!code && !cx_is_sound((struct str){avps, n}))
		code = DIAMETER_INVALID_AVP_LENGTH;
	buf_free(&b);
	return code;
}

static void base_messages(void **state)
{
	static const uint8_t ok[] = {0, 0, 1, 8, 0x40, 0, 0, 9, 'h', 0, 0, 0,
		0, 0, 1, 40, 0x40, 0, 0, 9, 'r', 0, 0, 0};
	char a[64];
	memcpy(a, ok, sizeof ok);
	assert_int_equal(base_fault(a, sizeof ok), 0);
	assert_int_equal(base_fault(a, 12), DIAMETER_MISSING_AVP);
	assert_int_equal(base_fault(a, 0), DIAMETER_MISSING_AVP);
	a[7] = 120;
	assert_int_equal(base_fault(a, sizeof ok), DIAMETER_INVALID_AVP_LENGTH);
	/* a session, an unknown group with something broken in it, V without a vendor */
	memcpy(a, ok, sizeof ok);
	memcpy(a + 24, "\0\0\1\7\x40\0\0\x09x\0\0\0", 12);
	assert_int_equal(base_fault(a, 36), DIAMETER_INVALID_AVP_LENGTH);
	memcpy(a + 24, "\0\0\1\x2c\0\0\0\x0c\0\0\0\1", 12);
	assert_int_equal(base_fault(a, 36), DIAMETER_INVALID_AVP_LENGTH);
	memcpy(a + 24, "\0\0\0\1\x80\0\0\x0c\0\0\0\0", 12);
	assert_int_equal(base_fault(a, 36), DIAMETER_INVALID_AVP_LENGTH);
}

/* ---- the second opinion ---- */

static struct dictionary *dictionary(bool dcca_3gpp)
{
	static const char *const libs[] = {"nasreq", "dcca", "dcca_3gpp"};
	struct dict_object *application, *vendor;
	fd_g_debug_lvl = FD_LOG_FATAL;
	assert_int_equal(fd_core_initialize(), 0);
	for (int i = 0; dcca_3gpp && i < 3; i++) {
		char path[128];
		snprintf(path, sizeof path, "/usr/lib/freeDiameter/dict_%s.fdx", libs[i]);
		void *lib = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
		int (*init)(int, int, char *) = NULL;
		if (lib)
			*(void **)&init = dlsym(lib, "fd_ext_init");
		if (!init)
			return NULL;
		assert_int_equal(init(1, 2, NULL), 0);
	}
	if (!dcca_3gpp) {
		assert_int_equal(cx_dict_add(fd_g_config->cnf_dict, &application, &vendor), 0);
		assert_int_equal(cx_dict_add_rules(fd_g_config->cnf_dict), 0);
	}
	return fd_g_config->cnf_dict;
}

/* libfdcore can be initialised once in a process, so each of these has its own. */
static void in_child(void (*test)(void))
{
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		test();
		_exit(0);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* Our octets pass libfdproto's parser with these commands, AVPs and rules. */
static void libfdproto_reads(void)
{
	struct dictionary *d = dictionary(false);
	for (int i = 0; i < N_MESSAGES; i++) {
		struct cx_msg m = messages[i].full();
		struct buf b = {0};
		struct msg *msg = NULL;
		struct fd_pei pei;
		encode(&m, &b);
		unsigned char *p = (unsigned char *)b.p;
		if (fd_msg_parse_buffer(&p, b.n, &msg) || fd_msg_parse_rules(msg, d, &pei))
			_exit(i + 1);
		/* and what it writes again is what we wrote */
		size_t n;
		uint8_t *again;
		struct str octets = {NULL, 0};
		struct buf mine = {0};
		octets = encode(&m, &mine);
		if (fd_msg_bufferize(msg, &again, &n) || n != octets.n ||
			memcmp(again, octets.p, n))
			_exit(10 + i);
		free(again);
		buf_free(&mine);
		fd_msg_free(msg);
	}
}

/* Its dictionary of 3GPP AVPs has the same names, types and flags, but for
 * Digest-*, which it has under the wrong vendor, and the AVPs that it lacks. */
static void rows_agree(void)
{
	static const enum dict_avp_basetype base[] = {
		[CX_T_U32] = AVP_TYPE_UNSIGNED32, [CX_T_ENUM] = AVP_TYPE_INTEGER32,
		[CX_T_GROUP] = AVP_TYPE_GROUPED, [CX_T_OCTETS] = AVP_TYPE_OCTETSTRING,
		[CX_T_UTF8] = AVP_TYPE_OCTETSTRING, [CX_T_IDENTITY] = AVP_TYPE_OCTETSTRING,
		[CX_T_URI] = AVP_TYPE_OCTETSTRING, [CX_T_ADDRESS] = AVP_TYPE_OCTETSTRING,
		[CX_T_TIME] = AVP_TYPE_OCTETSTRING};
	struct dictionary *d = dictionary(true);
	int known = 0;
	for (int i = 0; d && i < CX_A_N; i++) {
		const struct cx_avp_row *r = &cx_avp_rows[i];
		struct dict_avp_request by = {.avp_vendor = r->vendor, .avp_code = r->code};
		struct dict_object *o = NULL;
		struct dict_avp_data data;
		fd_dict_search(d, DICT_AVP, AVP_BY_CODE_AND_VENDOR, &by, &o, 0);
		if (!o)
			continue;
		known++;
		fd_dict_getval(o, &data);
		if (strcmp(data.avp_name, r->name) || data.avp_basetype != base[r->type] ||
			(data.avp_flag_val & data.avp_flag_mask & ~CX_FLAG_V) !=
				(r->flags & data.avp_flag_mask & ~CX_FLAG_V)) {
			fprintf(stderr, "%s: %s, type %d, flags %x/%x against %x\n", r->name,
				data.avp_name, data.avp_basetype, data.avp_flag_val,
				data.avp_flag_mask, r->flags);
			_exit(1);
		}
	}
	if (d && known < 75)
		_exit(2);
}

static void libfdproto_reads_us(void **state)
{
	in_child(libfdproto_reads);
}

static void rows_agree_with_dict_dcca_3gpp(void **state)
{
	in_child(rows_agree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(avp_rows_are_complete),
		cmocka_unit_test(rules_have_what_they_need),
		cmocka_unit_test(each_message_comes_back),
		cmocka_unit_test(uar_octets),
		cmocka_unit_test(what_traps_are_avoided),
		cmocka_unit_test(each_mandatory_avp_is_missed),
		cmocka_unit_test(values_are_checked),
		cmocka_unit_test(broken_and_unknown_avps),
		cmocka_unit_test(headers_are_checked),
		cmocka_unit_test(error_answers),
		cmocka_unit_test(fields_by_name),
		cmocka_unit_test(avps_in_order),
		cmocka_unit_test(edits),
		cmocka_unit_test(carriers),
		cmocka_unit_test(base_messages),
		cmocka_unit_test(libfdproto_reads_us),
		cmocka_unit_test(rows_agree_with_dict_dcca_3gpp),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
