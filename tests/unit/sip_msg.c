/* Tests of common/sip: the index of a message, framing, lists, edits and building.
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <cmocka.h>

#include "common/sip/field.h"
#include "common/sip/msg.h"

#define CRLF  "\r\n"
#define START "REGISTER sip:ims.example.org SIP/2.0" CRLF
#define BASE                                                                             \
	"Via: SIP/2.0/WSS q7f2.invalid;branch=z9hG4bK1;rport" CRLF                       \
	"Max-Forwards: 70" CRLF "From: <sip:alice@ims.example.org>;tag=a1" CRLF          \
	"To: <sip:alice@ims.example.org>" CRLF "Call-ID: c1" CRLF
#define CSEQ "CSeq: 1 REGISTER" CRLF
#define HEAD START BASE CSEQ

#define REGISTER                                                                         \
	HEAD "Contact: <sip:k3x9@q7f2.invalid;transport=ws>;reg-id=1,"                   \
	     " \"B, C\" <sip:b@q7f2.invalid>" CRLF "Path: <sip:a;lr>, <sip:b;lr>" CRLF   \
	     "X-Thing: one" CRLF "Path: <sip:c;lr>" CRLF "Content-Type: text/plain" CRLF \
	     "Content-Length: 4" CRLF CRLF "body"

static struct arena arena;

static int teardown(void **state)
{
	arena_free(&arena);
	return 0;
}

/* In a block of exactly its size, so that a read past the end is seen. */
static struct str exact(struct str s)
{
	char *p = malloc(s.n ? s.n : 1);
	if (s.n)
		memcpy(p, s.p, s.n);
	return (struct str){p, s.n};
}

static void drop(struct str s)
{
	free((char *)(uintptr_t)s.p);
}

static struct sip_msg good(const char *text)
{
	struct sip_msg m;
	struct sip_fault fault = {0};
	int err = sip_msg_parse(&m, str_of(text), &arena, &fault);
	if (err)
		print_error("%s\n%s\n", fault.why, text);
	assert_int_equal(err, 0);
	return m;
}

#define assert_str(s, z) assert_str_at(s, z, __LINE__)
static void assert_str_at(struct str s, const char *z, int line)
{
	if (z ? (s.p && str_eq(s, str_of(z))) : !s.p)
		return;
	print_error("line %d: \"" STR_FMT "\" is not \"%s\"\n", line, STR_ARG(s),
		z ? z : "(none)");
	fail();
}

/* ---- names ---- */

static struct str cased(struct str s, int (*to)(int), char *out)
{
	for (size_t i = 0; i < s.n; i++)
		out[i] = (char)to((unsigned char)s.p[i]);
	return (struct str){out, s.n};
}

static void test_header_names(void **state)
{
	char text[64];
	for (unsigned id = 1; id < SIP_H_COUNT; id++) {
		struct str name = sip_header_name((enum sip_header)id);
		assert_true(name.n > 1 && name.n < sizeof text);
		assert_int_equal(sip_header_id(name), id);
		assert_int_equal(sip_header_id(cased(name, toupper, text)), id);
		assert_int_equal(sip_header_id(cased(name, tolower, text)), id);
		/* names that differ in one byte anywhere, or in length, are others */
		for (size_t i = 0; i < name.n; i++) {
			memcpy(text, name.p, name.n);
			text[i] = text[i] == '*' ? '+' : '*';
			assert_int_equal(
				sip_header_id((struct str){text, name.n}), SIP_H_OTHER);
		}
		memcpy(text, name.p, name.n);
		text[name.n] = 'x';
		assert_int_not_equal(sip_header_id((struct str){text, name.n + 1}), id);
		if (name.n > 2) /* "T" is compact for "To" */
			assert_int_not_equal(
				sip_header_id((struct str){text, name.n - 1}), id);
	}
	assert_int_equal(sip_header_id(STR_NONE), SIP_H_OTHER);
	assert_int_equal(sip_header_id(STR("aael")), SIP_H_OTHER);
	/* 0x10 is "p" without its letter bits */
	assert_int_equal(sip_header_id(STR("\x16")), SIP_H_OTHER);
	assert_null(sip_header_name(SIP_H_OTHER).p);
}

static void test_compact_names(void **state)
{
	static const struct {
		char compact;
		enum sip_header id;
	} rows[] = {{'a', SIP_H_ACCEPT_CONTACT}, {'b', SIP_H_REFERRED_BY},
		{'c', SIP_H_CONTENT_TYPE}, {'d', SIP_H_REQUEST_DISPOSITION},
		{'e', SIP_H_CONTENT_ENCODING}, {'f', SIP_H_FROM}, {'i', SIP_H_CALL_ID},
		{'j', SIP_H_REJECT_CONTACT}, {'k', SIP_H_SUPPORTED},
		{'l', SIP_H_CONTENT_LENGTH}, {'m', SIP_H_CONTACT},
		{'n', SIP_H_IDENTITY_INFO}, {'o', SIP_H_EVENT}, {'r', SIP_H_REFER_TO},
		{'s', SIP_H_SUBJECT}, {'t', SIP_H_TO}, {'u', SIP_H_ALLOW_EVENTS},
		{'v', SIP_H_VIA}, {'x', SIP_H_SESSION_EXPIRES}, {'y', SIP_H_IDENTITY}};
	size_t row = 0;
	for (int c = 0; c < 256; c++) {
		char text = (char)c;
		enum sip_header id = sip_header_id((struct str){&text, 1});
		if (c < 128 && row < sizeof rows / sizeof *rows &&
			c == rows[row].compact) {
			assert_int_equal(id, rows[row++].id);
			text = (char)toupper(c);
			assert_int_equal(sip_header_id((struct str){&text, 1}), id);
		} else if (c < 128 && isupper(c)) {
			continue;
		} else {
			assert_int_equal(id, SIP_H_OTHER);
		}
	}
	assert_int_equal(row, sizeof rows / sizeof *rows);
}

/* What a client must not bring in: the list of the trust-domain border. */
static void test_network_headers(void **state)
{
	static const char *const names[] = {"Path", "P-Asserted-Identity",
		"P-Visited-Network-ID", "P-Charging-Vector",
		"P-Charging-Function-Addresses", "P-Associated-URI", "P-Called-Party-ID",
		"P-Profile-Key", "P-Served-User", "P-User-Database", "P-Asserted-Service",
		"P-Private-Network-Indication", "P-Early-Media", "Service-Route",
		"History-Info", "Resource-Priority", "Feature-Caps", "Restoration-Info",
		"Relayed-Charge", "Service-Interact-Info", "Cellular-Network-Info",
		"Response-Source", "Attestation-Info", "Origination-Id",
		"Additional-Identity", "Security-Client", "Security-Verify"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		enum sip_header id = sip_header_id(str_of(names[i]));
		assert_int_not_equal(id, SIP_H_OTHER);
		assert_true(sip_header_flags(id) & SIP_HF_NETWORK);
	}
	assert_int_equal(sip_header_flags(SIP_H_RECORD_ROUTE),
		SIP_HF_COMMA | SIP_HF_NETWORK_REQUEST);
	static const enum sip_header client[] = {SIP_H_VIA, SIP_H_FROM, SIP_H_TO,
		SIP_H_CONTACT, SIP_H_ROUTE, SIP_H_AUTHORIZATION,
		SIP_H_P_PREFERRED_IDENTITY, SIP_H_P_ACCESS_NETWORK_INFO, SIP_H_SUPPORTED,
		SIP_H_EXPIRES, SIP_H_EVENT};
	for (size_t i = 0; i < sizeof client / sizeof *client; i++)
		assert_false(sip_header_flags(client[i]) &
			     (SIP_HF_NETWORK | SIP_HF_NETWORK_REQUEST));
	for (unsigned id = 0; id < SIP_H_COUNT; id++) {
		unsigned both = SIP_HF_SINGLE | SIP_HF_COMMA;
		assert_int_not_equal(sip_header_flags((enum sip_header)id) & both, both);
	}
}

static void test_methods_and_reasons(void **state)
{
	for (unsigned m = 1; m < SIP_M_COUNT; m++)
		assert_int_equal(sip_method_id(sip_method_name((enum sip_method)m)), m);
	assert_int_equal(sip_method_id(STR("register")), SIP_M_OTHER);
	assert_int_equal(sip_method_id(STR("IN%56ITE")), SIP_M_OTHER);
	assert_null(sip_method_name(SIP_M_OTHER).p);
	assert_string_equal(sip_reason(430), "Flow Failed");
	assert_string_equal(sip_reason(499), "Request Failure");
	for (int status = 0; status < 1000; status++)
		assert_non_null(sip_reason(status));
}

/* ---- the index ---- */

static void test_request(void **state)
{
	struct sip_msg m = good(REGISTER);
	assert_true(m.request);
	assert_int_equal(m.method, SIP_M_REGISTER);
	assert_str(m.method_text, "REGISTER");
	assert_str(m.uri, "sip:ims.example.org");
	assert_int_equal(m.cseq, 1);
	assert_int_equal(m.status, 0);
	assert_int_equal(m.n_fields, 12);
	assert_str(m.body, "body");
	assert_int_equal(m.head_n + m.body.n, m.bytes.n);
	assert_str(sip_value(&m, SIP_H_CALL_ID), "c1");
	assert_str(sip_value(&m, SIP_H_EXPIRES), NULL);
	const struct sip_field *f = sip_first(&m, SIP_H_PATH);
	assert_str(sip_field_name(&m, f), "Path");
	assert_str(sip_field_value(&m, f), "<sip:a;lr>, <sip:b;lr>");
	f = sip_next(&m, f);
	assert_str(sip_field_value(&m, f), "<sip:c;lr>");
	assert_null(sip_next(&m, f));
	assert_null(sip_next(&m, NULL));
	assert_null(sip_first(&m, SIP_H_COUNT));
	/* the fields cover the head without a gap */
	size_t at = strlen(START);
	for (size_t i = 0; i < m.n_fields; i++) {
		assert_int_equal(m.fields[i].at, at);
		at = m.fields[i].end;
	}
	assert_int_equal(at + 2, m.head_n);
}

static void test_response(void **state)
{
	struct sip_msg m =
		good("SIP/2.0 401 Not you, again" CRLF BASE "CSeq: 007  REGISTER" CRLF
		     "WWW-Authenticate: Digest realm=\"a\", nonce=\"b\"" CRLF CRLF);
	assert_false(m.request);
	assert_int_equal(m.status, 401);
	assert_str(m.reason, "Not you, again");
	assert_int_equal(m.method, SIP_M_REGISTER);
	assert_int_equal(m.cseq, 7);
	assert_null(m.uri.p);
	m = good("sip/2.0 200" CRLF BASE "CSeq: 1 FROB" CRLF CRLF);
	assert_int_equal(m.method, SIP_M_OTHER);
	assert_str(m.method_text, "FROB");
	assert_str(m.reason, "");
}

static void test_lenient(void **state)
{
	/* compact names, any case, blanks round the colon, folds, empty values */
	struct sip_msg m =
		good("OPTIONS sip:a@b.example sip/2.0" CRLF
		     "v:SIP/2.0/UDP h.example;branch=z9hG4bKx" CRLF
		     "f \t:\t<sip:a@b.example>;tag=1 \t" CRLF "TO :" CRLF
		     " sip:c@d.example ;" CRLF "\ttag = 7" CRLF "i:x" CRLF "cseq: 9" CRLF
		     "  OPTIONS" CRLF "s:" CRLF "k: " CRLF " " CRLF "L : 0" CRLF CRLF);
	assert_int_equal(m.n_fields, 8);
	assert_str(sip_value(&m, SIP_H_FROM), "<sip:a@b.example>;tag=1");
	assert_str(sip_value(&m, SIP_H_TO), "sip:c@d.example ;\r\n\ttag = 7");
	assert_str(sip_tag(&m, SIP_H_TO), "7");
	assert_str(sip_value(&m, SIP_H_SUBJECT), "");
	assert_str(sip_value(&m, SIP_H_SUPPORTED), "");
	assert_int_equal(m.cseq, 9);
	/* UTF-8 is nobody's business here */
	m = good(HEAD "Subject: \xd1\x80\xd0\xb0" CRLF CRLF);
	assert_str(sip_value(&m, SIP_H_SUBJECT), "\xd1\x80\xd0\xb0");
	/* without Content-Length the body goes to the end of the datagram */
	m = good(HEAD CRLF "rest of it");
	assert_str(m.body, "rest of it");
	/* a datagram longer than it says is cut */
	m = good(HEAD "Content-Length: 0002" CRLF CRLF "bodyINVITE");
	assert_str(m.body, "bo");
	assert_int_equal(m.bytes.n, m.head_n + 2);
}

struct fault_row {
	const char *text;
	int status;
	const char *why;
};

static const struct fault_row fault_rows[] = {
	/* no SIP at all */
	{"", 0, "Not a SIP Message"},
	{"\r\n\r\n", 0, "Not a SIP Message"},
	{"GET / HTTP/1.1" CRLF CRLF, 0, "Not a SIP Message"},
	{"REGISTER sip:ims.example.org", 0, "Not a SIP Message"},
	{"REGISTER SIP/2.0" CRLF BASE CSEQ CRLF, 0, "Not a SIP Message"},
	{"REGISTER sip:a SIP/2.0\n" BASE CSEQ CRLF, 0, "Not a SIP Message"},
	{"REGISTER sip:a SIP/x.0" CRLF BASE CSEQ CRLF, 0, "Not a SIP Message"},
	/* start line */
	{"REGISTER sip:a SIP/7.0" CRLF BASE CSEQ CRLF, 505, "Version Not Supported"},
	{"REGISTER sip:a SIP/2.00" CRLF BASE CSEQ CRLF, 505, "Version Not Supported"},
	{"REG@ISTER sip:a SIP/2.0" CRLF BASE CSEQ CRLF, 400, "Malformed Method"},
	{"REGISTER  sip:a SIP/2.0" CRLF BASE CSEQ CRLF, 400, "Malformed Request-URI"},
	{"REGISTER sip:a; lr SIP/2.0" CRLF BASE CSEQ CRLF, 400, "Malformed Request-URI"},
	{"REGISTER <sip:a> SIP/2.0" CRLF BASE CSEQ CRLF, 400, "Malformed Request-URI"},
	{"REGISTER alice SIP/2.0" CRLF BASE CSEQ CRLF, 400, "Malformed Request-URI"},
	{"REGISTER sip:a@b@c SIP/2.0" CRLF BASE CSEQ CRLF, 400, "Malformed Request-URI"},
	{"REGISTER sip:a?x=y SIP/2.0" CRLF BASE CSEQ CRLF, 400,
		"Header Fields in Request-URI"},
	{"REGISTER sip:a SIP/2.0 " CRLF BASE CSEQ CRLF, 400,
		"White Space at End of Request-Line"},
	{"SIP/2.0 99 x" CRLF BASE CSEQ CRLF, 0, "Not a SIP Message"},
	{"SIP/2.0 099 x" CRLF BASE CSEQ CRLF, 0, "Bad Status Code"},
	{"SIP/2.0 700 x" CRLF BASE CSEQ CRLF, 0, "Bad Status Code"},
	{"SIP/2.0 2000 x" CRLF BASE CSEQ CRLF, 0, "Not a SIP Message"},
	{"SIP/7.0 200 OK" CRLF BASE CSEQ CRLF, 0, "Not a SIP Message"},
	/* header fields */
	{HEAD "Foo Bar: x" CRLF CRLF, 400, "Malformed Header Field"},
	{HEAD "Foo" CRLF CRLF, 400, "Malformed Header Field"},
	{HEAD ": x" CRLF CRLF, 400, "Malformed Header Field"},
	{HEAD "F\xc3\xb6: x" CRLF CRLF, 400, "Malformed Header Field"},
	{START " folded: x" CRLF BASE CSEQ CRLF, 400, "Malformed Header Field"},
	{HEAD "X-A: a\nVia: SIP/2.0/UDP evil" CRLF CRLF, 400, "Bare CR or LF"},
	{HEAD "X-A: a\rVia: SIP/2.0/UDP evil" CRLF CRLF, 400, "Bare CR or LF"},
	{HEAD "X-A: a\r\r\n" CRLF, 400, "Bare CR or LF"},
	{HEAD "X-A: a\n\r\n" CRLF, 400, "Bare CR or LF"},
	{HEAD "X-A: \"a\\\nb\"" CRLF CRLF, 400, "Bare CR or LF"},
	{HEAD "X-A: a\x01" CRLF CRLF, 400, "Control Character"},
	{HEAD "X-A: a\\\x01" CRLF CRLF, 400, "Control Character"},
	{HEAD "X-A: \"\\\"\\\x01" CRLF "Y: \x1b" CRLF CRLF, 400, "Control Character"},
	/* what must be there */
	{START CSEQ CRLF, 0, "Missing Via"},
	{START "v: SIP/2.0/UDP a" CRLF "t: <sip:a>" CRLF "i: 1" CRLF CSEQ CRLF, 400,
		"Missing From"},
	{START "v: SIP/2.0/UDP a" CRLF "f: <sip:a>" CRLF "i: 1" CRLF CSEQ CRLF, 400,
		"Missing To"},
	{START "v: SIP/2.0/UDP a" CRLF "f: <sip:a>" CRLF "t: <sip:a>" CRLF CSEQ CRLF, 400,
		"Missing Call-ID"},
	{START BASE CRLF, 400, "Missing CSeq"},
	/* once and no more, compact forms too */
	{HEAD "Call-ID: c2" CRLF CRLF, 400, "More than One Call-ID"},
	{HEAD "i: c1" CRLF CRLF, 400, "More than One Call-ID"},
	{HEAD "f: <sip:bob@ims.example.org>" CRLF CRLF, 400, "More than One From"},
	{HEAD "T: <sip:bob@ims.example.org>" CRLF CRLF, 400, "More than One To"},
	{HEAD "CSEQ: 1 REGISTER" CRLF CRLF, 400, "More than One CSeq"},
	{HEAD "max-forwards: 1" CRLF CRLF, 400, "More than One Max-Forwards"},
	{HEAD "l: 0" CRLF "Content-Length: 0" CRLF CRLF, 400,
		"More than One Content-Length"},
	{HEAD "l" CRLF " : 0" CRLF CRLF, 400, "Malformed Header Field"},
	/* CSeq */
	{START BASE "CSeq: 1 INVITE" CRLF CRLF, 400, "CSeq Method Does Not Match"},
	{START BASE "CSeq: 1 register" CRLF CRLF, 400, "CSeq Method Does Not Match"},
	{"FROB sip:a SIP/2.0" CRLF BASE "CSeq: 1 INVITE" CRLF CRLF, 501,
		"CSeq Method Does Not Match"},
	{START BASE "CSeq: 4294967296 REGISTER" CRLF CRLF, 400, "Malformed CSeq"},
	{START BASE "CSeq: -1 REGISTER" CRLF CRLF, 400, "Malformed CSeq"},
	{START BASE "CSeq: 1" CRLF CRLF, 400, "Malformed CSeq"},
	{START BASE "CSeq: 1REGISTER" CRLF CRLF, 400, "Malformed CSeq"},
	{START BASE "CSeq: 1 REGISTER x" CRLF CRLF, 400, "Malformed CSeq"},
	{START BASE "CSeq:" CRLF CRLF, 400, "Malformed CSeq"},
	/* length */
	{HEAD "Content-Length: -1" CRLF CRLF, 400, "Malformed Content-Length"},
	{HEAD "Content-Length: five" CRLF CRLF "body!", 400, "Malformed Content-Length"},
	{HEAD "Content-Length:" CRLF CRLF, 400, "Malformed Content-Length"},
	{HEAD "Content-Length: 1, 1" CRLF CRLF "x", 400, "Malformed Content-Length"},
	{HEAD "Content-Length: 18446744073709551616" CRLF CRLF, 400,
		"Malformed Content-Length"},
	{HEAD "Content-Length: 5" CRLF CRLF "body", 400,
		"Content-Length Larger than Message"},
	{HEAD, 400, "Header Not Complete"},
	{HEAD "X-A: y" CRLF, 400, "Header Not Complete"},
	/* credentials */
	{HEAD "Authorization: Digest realm=\"a\", nonce=\"\"" CRLF
	      "Authorization: digest nonce=\"x\", realm=\"a\"" CRLF CRLF,
		400, "More than One Authorization"},
	{HEAD "Authorization: Bearer abc" CRLF "Authorization: Bearer def" CRLF CRLF, 400,
		"More than One Authorization"},
	{HEAD "Authorization: Digest realm=\"a\"" CRLF "Authorization:" CRLF CRLF, 400,
		"More than One Authorization"},
	/* no answer to these */
	{"ACK sip:a SIP/2.0" CRLF BASE "CSeq: 1 INVITE" CRLF CRLF, 0,
		"CSeq Method Does Not Match"},
	{"SIP/2.0 200 OK" CRLF BASE CSEQ "i: 1" CRLF CRLF, 0, "More than One Call-ID"},
	{"SIP/2.0 200 OK" CRLF BASE "CSeq: x" CRLF CRLF, 0, "Malformed CSeq"},
};

static void test_faults(void **state)
{
	for (size_t i = 0; i < sizeof fault_rows / sizeof *fault_rows; i++) {
		const struct fault_row *row = &fault_rows[i];
		struct str bytes = exact(str_of(row->text));
		struct sip_fault fault = {-1, NULL};
		struct sip_msg m;
		int err = sip_msg_parse(&m, bytes, &arena, &fault);
		if (err != -EBADMSG || fault.status != row->status ||
			strcmp(fault.why, row->why) != 0) {
			print_error("%s\n%d %d %s, not %d %s\n", row->text, err,
				fault.status, fault.why, row->status, row->why);
			fail();
		}
		assert_true(!fault.status || m.n_fields > 0);
		drop(bytes);
	}
}

static void test_nothing(void **state)
{
	struct sip_msg m;
	struct sip_fault fault;
	assert_int_equal(sip_msg_parse(&m, STR_NONE, &arena, &fault), -EBADMSG);
	assert_int_equal(fault.status, 0);
	assert_int_equal(m.n_fields, 0);
	assert_null(sip_value(&m, SIP_H_VIA).p);
	assert_null(sip_script_field(&m, STR("Status")).p);
}

static void test_nul(void **state)
{
	static const char bare[] = HEAD "Subject: a\0b" CRLF CRLF;
	static const char pair[] = HEAD "Subject: \"a\\\0b\"" CRLF CRLF;
	static const char name[] = HEAD "Sub\0ject: a" CRLF CRLF;
	struct sip_fault fault;
	struct sip_msg m;
	assert_int_equal(
		sip_msg_parse(&m, (struct str){bare, sizeof bare - 1}, &arena, &fault),
		-EBADMSG);
	assert_string_equal(fault.why, "Control Character");
	assert_int_equal(
		sip_msg_parse(&m, (struct str){name, sizeof name - 1}, &arena, &fault),
		-EBADMSG);
	assert_int_equal(
		sip_msg_parse(&m, (struct str){pair, sizeof pair - 1}, &arena, &fault),
		0);
}

/* A line that a smuggler dirtied must not come back in the answer. */
static void test_dirty_lines_are_not_answered(void **state)
{
	struct sip_msg m;
	struct sip_fault fault;
	struct buf b = {0};
	const char *text =
		START BASE CSEQ "From: a\nX-Smuggled: 1" CRLF "i: 2\rx" CRLF CRLF;
	assert_int_equal(sip_msg_parse(&m, str_of(text), &arena, &fault), -EBADMSG);
	assert_int_equal(fault.status, 400);
	assert_int_equal(m.n_fields, 6);
	sip_put_response(&b, &m, fault.status, fault.why, "t1");
	sip_put_end(&b, STR_NONE, STR_NONE);
	assert_int_equal(str_find(buf_str(&b), STR("X-Smuggled")), -1);
	struct sip_msg r;
	assert_int_equal(sip_msg_parse(&r, buf_str(&b), &arena, &fault), 0);
	assert_int_equal(r.status, 400);
	assert_str(r.reason, "Bare CR or LF");
	buf_free(&b);
}

static void test_credentials_that_may_be_two(void **state)
{
	good(HEAD "Authorization: Bearer abc" CRLF
		  "Authorization: Digest username=\"a\", realm=\"r\", nonce=\"\"" CRLF
			  CRLF);
	good(HEAD "Authorization: Digest realm=\"a\"" CRLF
		  "Authorization: Digest realm=\"b\"" CRLF
		  "Proxy-Authorization: Digest realm=\"a\"" CRLF CRLF);
}

static void test_exact(void **state)
{
	struct sip_msg m;
	struct sip_fault fault;
	const char *longer = HEAD "Content-Length: 2" CRLF CRLF "body";
	assert_int_equal(sip_msg_parse_exact(&m, str_of(REGISTER), &arena, &fault), 0);
	assert_int_equal(
		sip_msg_parse_exact(&m, str_of(longer), &arena, &fault), -EBADMSG);
	assert_int_equal(fault.status, 400);
	assert_string_equal(fault.why, "Content-Length Smaller than Message");
	assert_int_equal(sip_msg_parse(&m, str_of(longer), &arena, &fault), 0);
}

static struct str filled(const char *front, size_t n, const char *back)
{
	struct buf b = {0};
	buf_add(&b, str_of(front));
	while (b.n + strlen(back) < n)
		buf_byte(&b, 'x');
	buf_add(&b, str_of(back));
	return buf_str(&b);
}

static void assert_fault(struct str s, int status, const char *why)
{
	struct sip_msg m;
	struct sip_fault fault;
	assert_int_equal(sip_msg_parse(&m, s, &arena, &fault), -EBADMSG);
	assert_int_equal(fault.status, status);
	assert_string_equal(fault.why, why);
	assert_true(m.n_fields > 0);
	drop(s);
}

static void test_limits(void **state)
{
	struct sip_msg m;
	struct sip_fault fault;
	struct str s = filled(HEAD "X-A: ", SIP_MAX_HEAD, CRLF CRLF);
	assert_int_equal(sip_msg_parse(&m, s, &arena, &fault), 0);
	assert_int_equal(m.head_n, SIP_MAX_HEAD);
	drop(s);
	assert_fault(filled(HEAD "X-A: ", SIP_MAX_HEAD + 1, CRLF CRLF), 513,
		"Header Too Large");
	assert_fault(filled(HEAD "X-A: ", 200000, ""), 513, "Header Too Large");
	s = filled(HEAD CRLF, SIP_MAX_MESSAGE, "");
	assert_int_equal(sip_msg_parse(&m, s, &arena, &fault), 0);
	drop(s);
	assert_fault(
		filled(HEAD CRLF, SIP_MAX_MESSAGE + 1, ""), 513, "Message Too Large");

	struct buf b = {0};
	buf_add(&b, STR(HEAD));
	for (int i = 6; i < SIP_MAX_FIELDS; i++)
		buf_add(&b, STR("v: SIP/2.0/UDP a" CRLF));
	buf_add(&b, STR(CRLF));
	assert_int_equal(sip_msg_parse(&m, buf_str(&b), &arena, &fault), 0);
	assert_int_equal(m.n_fields, SIP_MAX_FIELDS);
	assert_int_equal(sip_list_count(&m, SIP_H_VIA), SIP_MAX_FIELDS - 5);
	b.n -= 2;
	buf_add(&b, STR("X-A: y" CRLF CRLF));
	assert_fault(buf_str(&b), 513, "Too Many Header Fields");
}

/* Many control characters in one quoted string take linear time. */
static void test_many_quoted_pairs(void **state)
{
	struct buf b = {0};
	struct sip_msg m;
	struct sip_fault fault;
	buf_add(&b, STR(HEAD "Subject: \""));
	while (b.n < SIP_MAX_HEAD - 16)
		buf_add(&b, STR("\\\x01"));
	buf_add(&b, STR("\"" CRLF CRLF));
	for (int i = 0; i < 200; i++) {
		assert_int_equal(sip_msg_parse(&m, buf_str(&b), &arena, &fault), 0);
		arena_reset(&arena);
	}
	buf_free(&b);
}

static void test_truncated_anywhere(void **state)
{
	struct str whole = STR(REGISTER);
	for (size_t n = 0; n < whole.n; n++) {
		struct str part = exact((struct str){whole.p, n});
		struct sip_msg m;
		struct sip_fault fault = {0};
		assert_int_equal(sip_msg_parse(&m, part, &arena, &fault), -EBADMSG);
		assert_non_null(fault.why);
		drop(part);
	}
}

static void test_one_arena_block(void **state)
{
	struct sip_msg m = good(REGISTER);
	size_t held = arena_size(&arena);
	assert_true(held <= 1024);
	struct sip_field *fields = m.fields;
	for (int i = 0; i < 100; i++) {
		arena_reset(&arena);
		m = good(REGISTER);
		assert_ptr_equal(m.fields, fields);
		assert_int_equal(arena_size(&arena), held);
	}
}

/* ---- framing ---- */

static void frame_all(struct str stream, const char *const *expect, size_t chunk)
{
	struct buf b = {0};
	size_t seen = 0, at = 0;
	while (at < stream.n) {
		size_t n = stream.n - at < chunk ? stream.n - at : chunk;
		buf_put(&b, stream.p + at, n);
		at += n;
		for (;;) {
			size_t crlf;
			struct str now = exact(buf_str(&b));
			ptrdiff_t got = sip_msg_frame(now, &crlf);
			drop(now);
			assert_true(got >= 0);
			buf_drop(&b, 2 * crlf);
			if (!got)
				break;
			assert_true((size_t)got <= b.n);
			struct str message = {b.p, (size_t)got};
			assert_str(message, expect[seen++]);
			buf_drop(&b, message.n);
		}
	}
	assert_null(expect[seen]);
	assert_int_equal(b.n, 0);
	buf_free(&b);
}

static void test_frame(void **state)
{
	static const char *const expect[] = {REGISTER, HEAD "l:0" CRLF CRLF,
		HEAD "CONTENT-LENGTH \t:" CRLF "  3" CRLF CRLF "\r\n\r", REGISTER, NULL};
	struct buf b = {0};
	buf_add(&b, STR(CRLF CRLF));
	for (size_t i = 0; expect[i]; i++) {
		buf_add(&b, str_of(expect[i]));
		if (i != 1)
			buf_add(&b, STR(CRLF CRLF));
	}
	for (size_t chunk = 1; chunk < 50; chunk++)
		frame_all(buf_str(&b), expect, chunk);
	frame_all(buf_str(&b), expect, b.n);
	buf_free(&b);
}

static void test_frame_cut_anywhere(void **state)
{
	struct str whole = STR(REGISTER);
	size_t crlf;
	for (size_t n = 0; n < whole.n; n++) {
		struct str part = exact((struct str){whole.p, n});
		assert_int_equal(sip_msg_frame(part, &crlf), 0);
		drop(part);
		const char *both[] = {REGISTER, NULL};
		if (n)
			frame_all(whole, both, n);
	}
	assert_int_equal(sip_msg_frame(STR(CRLF CRLF CRLF "\r"), &crlf), 0);
	assert_int_equal(crlf, 3);
	assert_int_equal(
		sip_msg_frame(STR(CRLF REGISTER "INVITE"), &crlf), strlen(REGISTER));
	assert_int_equal(crlf, 1);
}

static void test_frame_refuses(void **state)
{
	static const char *const rows[] = {
		HEAD CRLF,
		HEAD "Content-Length: -1" CRLF CRLF,
		HEAD "Content-Length: " CRLF CRLF,
		HEAD "Content-Length: 1" CRLF "l: 2" CRLF CRLF "ab",
		HEAD "Content-Length: 65536" CRLF CRLF,
		HEAD "Content-Length: 99999999999999999999999" CRLF CRLF,
		HEAD "X-A: y" CRLF " l: 0" CRLF CRLF,
		HEAD "X-A: y\nContent-Length: 0" CRLF CRLF,
		HEAD "Content-Length" CRLF CRLF,
		"GET / HTTP/1.1" CRLF "Host: x" CRLF CRLF,
		"\x16\x03\x01",
		"\n",
		" REGISTER",
	};
	size_t crlf;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct str s = exact(str_of(rows[i]));
		if (sip_msg_frame(s, &crlf) != -EBADMSG) {
			print_error("%s\n", rows[i]);
			fail();
		}
		drop(s);
	}
	/* equal ones are framed, the parser has the answer */
	assert_int_equal(sip_msg_frame(STR_NONE, &crlf), 0);
	assert_true(sip_msg_frame(STR(HEAD "l: 0" CRLF "l: 0" CRLF CRLF), &crlf) > 0);
	/* a head that never ends */
	struct str s = filled(HEAD "X-A: ", SIP_MAX_HEAD - 1, "");
	assert_int_equal(sip_msg_frame(s, &crlf), 0);
	drop(s);
	s = filled(HEAD "X-A: ", SIP_MAX_HEAD, "");
	assert_int_equal(sip_msg_frame(s, &crlf), -EBADMSG);
	drop(s);
}

/* ---- lists ---- */

static void list_is(
	const struct sip_msg *m, enum sip_header id, const char *const *expect)
{
	struct sip_iter it = {0};
	struct str element;
	size_t n = 0;
	while (sip_list_next(m, id, &it, &element)) {
		assert_non_null(expect[n]);
		assert_str(element, expect[n++]);
	}
	assert_null(expect[n]);
	assert_false(sip_list_next(m, id, &it, &element));
	assert_int_equal(sip_list_count(m, id), n);
}

static void test_lists(void **state)
{
	struct sip_msg m =
		good(HEAD "Contact: \"a, \\\" b\" <sip:a@h;x=\"1,2\">;p=\"x,y\"" CRLF
			  "\t," CRLF " <sip:b,c@h> ,<sip:d@h" CRLF "Contact:" CRLF
			  "m: *" CRLF "Allow: INVITE,,ACK," CRLF "Supported: " CRLF
			  "Authorization: Digest realm=\"a\", nonce=\"b\"" CRLF
			  "Authorization: Bearer a" CRLF CRLF);
	static const char *const contacts[] = {
		"\"a, \\\" b\" <sip:a@h;x=\"1,2\">;p=\"x,y\"", "<sip:b,c@h>", "<sip:d@h",
		"*", NULL};
	static const char *const allow[] = {"INVITE", "", "ACK", "", NULL};
	static const char *const auth[] = {
		"Digest realm=\"a\", nonce=\"b\"", "Bearer a", NULL};
	static const char *const none[] = {NULL};
	list_is(&m, SIP_H_CONTACT, contacts);
	list_is(&m, SIP_H_ALLOW, allow);
	list_is(&m, SIP_H_AUTHORIZATION, auth);
	list_is(&m, SIP_H_SUPPORTED, none);
	list_is(&m, SIP_H_ROUTE, none);
}

/* ---- edits ---- */

static struct sip_msg edited; /* what the last edit was begun on */
static struct sip_edit edit;

static void begin(const char *text)
{
	edited = good(text);
	sip_edit_begin(&edit, &edited, &arena);
}

#define writes(z) writes_at(z, __LINE__)
static void writes_at(const char *expect, int line)
{
	struct buf b = {0};
	struct sip_msg m;
	struct sip_fault fault;
	buf_add(&b, STR("before"));
	sip_edit_write(&edit, &b);
	assert_str_at(str_skip(buf_str(&b), 6), expect, line);
	assert_int_equal(sip_msg_parse(&m, str_skip(buf_str(&b), 6), &arena, &fault), 0);
	buf_free(&b);
}

static void test_no_edits(void **state)
{
	static const char *const rows[] = {REGISTER, HEAD CRLF, HEAD CRLF "body",
		START "v:\tSIP/2.0/UDP a" CRLF "f: <sip:a>" CRLF "T :" CRLF
		      " <sip:a>" CRLF "i:x" CRLF CSEQ CRLF};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		begin(rows[i]);
		writes(rows[i]);
	}
}

static void test_edit_uri(void **state)
{
	begin(HEAD CRLF);
	sip_edit_uri(&edit, STR("sip:other.example"));
	sip_edit_uri(&edit, STR("sip:scscf.ims.example.org:5060"));
	writes("REGISTER sip:scscf.ims.example.org:5060 SIP/2.0" CRLF BASE CSEQ CRLF);
	begin("SIP/2.0 200 OK" CRLF BASE CSEQ CRLF);
	sip_edit_uri(&edit, STR("sip:a"));
	writes("SIP/2.0 200 OK" CRLF BASE CSEQ CRLF);
}

static void test_edit_add(void **state)
{
	begin(HEAD "Route: <sip:a;lr>" CRLF CRLF "body");
	sip_edit_add(&edit, STR("P-One"), STR("1"));
	sip_edit_add_top(&edit, SIP_H_VIA, STR("SIP/2.0/UDP first"));
	sip_edit_add_top(&edit, SIP_H_PATH, STR("<sip:p1;lr>"));
	sip_edit_add(&edit, STR("P-Two"), STR("2"));
	sip_edit_add_top(&edit, SIP_H_VIA, STR("SIP/2.0/UDP second"));
	sip_edit_add_top(&edit, SIP_H_PATH, STR("<sip:p2;lr>"));
	sip_edit_add_top(&edit, SIP_H_ROUTE, STR("<sip:r;lr>"));
	writes(START "Via: SIP/2.0/UDP second" CRLF
		     "Via: SIP/2.0/UDP first" CRLF BASE CSEQ "Route: <sip:r;lr>" CRLF
		     "Route: <sip:a;lr>" CRLF "P-One: 1" CRLF "Path: <sip:p2;lr>" CRLF
		     "Path: <sip:p1;lr>" CRLF "P-Two: 2" CRLF CRLF "body");
}

static void test_edit_set(void **state)
{
	begin(HEAD "Expires: 5" CRLF "Path: <sip:a>" CRLF "X-A: y" CRLF
		   "Path: <sip:b>" CRLF "Path: <sip:c>" CRLF CRLF);
	sip_edit_set(&edit, SIP_H_EXPIRES, STR("6"));
	sip_edit_set(&edit, SIP_H_PATH, STR("<sip:z>"));
	sip_edit_set(&edit, SIP_H_ROUTE, STR("<sip:old>"));
	sip_edit_set(&edit, SIP_H_EXPIRES, STR("3600"));
	sip_edit_set(&edit, SIP_H_ROUTE, STR("<sip:new>"));
	writes(HEAD "Expires: 3600" CRLF "Path: <sip:z>" CRLF "X-A: y" CRLF
		    "Route: <sip:new>" CRLF CRLF);
}

static void test_edit_remove(void **state)
{
	begin(HEAD "Path: <sip:a>" CRLF "X-A: y" CRLF "Path: <sip:b>" CRLF CRLF);
	sip_edit_remove_all(&edit, SIP_H_PATH);
	sip_edit_remove_all(&edit, SIP_H_ROUTE);
	writes(HEAD "X-A: y" CRLF CRLF);
	/* stripped and put anew, in either order */
	for (int i = 0; i < 2; i++) {
		begin(HEAD "Path: <sip:a>" CRLF "X-A: y" CRLF "Path: <sip:b>" CRLF CRLF);
		if (i)
			sip_edit_remove_all(&edit, SIP_H_PATH);
		sip_edit_add_top(&edit, SIP_H_PATH, STR("<sip:own;lr>"));
		if (!i)
			sip_edit_remove_all(&edit, SIP_H_PATH);
		writes(HEAD "Path: <sip:own;lr>" CRLF "X-A: y" CRLF CRLF);
	}
	/* the later of two edits of one field */
	begin(HEAD "X-A: y" CRLF CRLF);
	const struct sip_field *f = sip_first(&edited, SIP_H_OTHER);
	sip_edit_remove(&edit, f);
	sip_edit_value(&edit, f, STR("z"));
	writes(HEAD "X-A: z" CRLF CRLF);
	sip_edit_remove(&edit, f);
	writes(HEAD CRLF);
}

static void test_edit_remove_top(void **state)
{
	begin(HEAD "Route: <sip:a,b;lr> , <sip:c;lr>,<sip:d>" CRLF
		   "Route: <sip:e>" CRLF CRLF);
	sip_edit_remove_top(&edit, SIP_H_ROUTE);
	sip_edit_remove_top(&edit, SIP_H_ROUTE);
	writes(HEAD "Route: <sip:c;lr>,<sip:d>" CRLF "Route: <sip:e>" CRLF CRLF);
	begin(HEAD "Route:" CRLF "Route: <sip:a>" CRLF "Route: <sip:e>" CRLF CRLF);
	sip_edit_remove_top(&edit, SIP_H_ROUTE);
	writes(HEAD "Route:" CRLF "Route: <sip:e>" CRLF CRLF);
	begin(HEAD CRLF);
	sip_edit_remove_top(&edit, SIP_H_ROUTE);
	writes(HEAD CRLF);
	begin(HEAD "Authorization: Digest realm=\"a\", nonce=\"b\"" CRLF CRLF);
	sip_edit_remove_top(&edit, SIP_H_AUTHORIZATION);
	writes(HEAD CRLF);
	begin("SIP/2.0 200 OK" CRLF "v: SIP/2.0/UDP own" CRLF BASE CSEQ CRLF);
	sip_edit_remove_top(&edit, SIP_H_VIA);
	writes("SIP/2.0 200 OK" CRLF BASE CSEQ CRLF);
}

static void test_edit_empty_value(void **state)
{
	begin(HEAD "Supported:" CRLF "X-A: y" CRLF CRLF);
	sip_edit_set(&edit, SIP_H_SUPPORTED, STR(" path"));
	sip_edit_value(&edit, sip_first(&edited, SIP_H_OTHER), STR_NONE);
	writes(HEAD "Supported:path" CRLF "X-A: " CRLF CRLF);
}

static void test_edit_body(void **state)
{
	begin(REGISTER);
	sip_edit_body(&edit, STR("application/sdp"), STR("v=0\r\n"));
	struct buf b = {0};
	struct sip_msg m;
	struct sip_fault fault;
	sip_edit_write(&edit, &b);
	assert_int_equal(sip_msg_parse_exact(&m, buf_str(&b), &arena, &fault), 0);
	assert_str(m.body, "v=0\r\n");
	assert_str(sip_value(&m, SIP_H_CONTENT_TYPE), "application/sdp");
	assert_int_equal(m.n_fields, 12);
	buf_free(&b);
	begin(HEAD "c: a/b" CRLF CRLF "body");
	sip_edit_body(&edit, STR_NONE, STR_NONE);
	writes(HEAD "Content-Length: 0" CRLF CRLF);
}

/* More edits than a list begins with, from the back to the front. */
static void test_edit_many(void **state)
{
	struct buf from = {0}, to = {0};
	buf_add(&from, STR(HEAD));
	buf_add(&to, STR(HEAD));
	for (int i = 0; i < 40; i++) {
		buf_fmt(&from, "X-%d: old" CRLF, i);
		if (i % 4)
			buf_fmt(&to, "X-%d: %d" CRLF, i, i);
	}
	for (int i = 0; i < 20; i++)
		buf_fmt(&to, "Y: %d" CRLF, i);
	buf_add(&from, STR(CRLF));
	buf_add(&to, STR(CRLF));
	begin(buf_z(&from));
	for (int i = 39; i >= 0; i--) {
		const struct sip_field *f = &edited.fields[6 + i];
		sip_edit_value(&edit, f, arena_fmt(&arena, "%d", i));
		if (i % 4 == 0)
			sip_edit_remove(&edit, f);
	}
	for (int i = 0; i < 20; i++)
		sip_edit_add(&edit, STR("Y"), arena_fmt(&arena, "%d", i));
	/* no field, nothing done */
	sip_edit_value(&edit, sip_first(&edited, SIP_H_PATH), STR("x"));
	sip_edit_remove(&edit, sip_first(&edited, SIP_H_PATH));
	writes(buf_z(&to));
	buf_free(&from);
	buf_free(&to);
}

/* Nothing that an element writes as a value becomes a field of its own. */
static void test_values_stay_values(void **state)
{
	begin(HEAD "X-A: y" CRLF CRLF);
	sip_edit_add(&edit, STR("P-One"), STR("1\r\nP-Evil: 2\r\n\r\n"));
	sip_edit_set(&edit, SIP_H_PATH, STR("a\nb\rc\r\n d\r\n"));
	sip_edit_value(&edit, sip_first(&edited, SIP_H_OTHER), (struct str){"a\0b", 3});
	writes(HEAD "X-A: a b" CRLF "P-One: 1  P-Evil: 2" CRLF
		    "Path: a b c\r\n d" CRLF CRLF);
	struct buf b = {0};
	sip_put_field(&b, SIP_H_SUBJECT, STR("a\r\nEvil: b"));
	sip_put_fmt(&b, "P-Two", "%s", "a\r\nEvil: b\n");
	assert_str(buf_str(&b), "Subject: a  Evil: b\r\nP-Two: a  Evil: b \r\n");
	buf_free(&b);
}

/* ---- building ---- */

static void test_build_request(void **state)
{
	struct buf b = {0};
	struct sip_fault fault;
	struct sip_msg m;
	sip_put_request(&b, STR("OPTIONS"), STR("sip:b@h.example"));
	sip_put_field(&b, SIP_H_VIA, STR("SIP/2.0/UDP a;branch=z9hG4bK1"));
	sip_put_fmt(&b, "From", "<sip:%s@h.example>;tag=%d", "a", 1);
	sip_put_field(&b, SIP_H_TO, STR("<sip:b@h.example>"));
	sip_put_field(&b, SIP_H_CALL_ID, STR("x"));
	sip_put_fmt(&b, "CSeq", "%u OPTIONS", 4294967295u);
	sip_put_end(&b, STR("text/plain"), STR("hello"));
	assert_int_equal(sip_msg_parse_exact(&m, buf_str(&b), &arena, &fault), 0);
	assert_int_equal(sip_msg_check(&m, &fault), 0);
	assert_int_equal(m.cseq, 4294967295u);
	assert_str(m.body, "hello");
	assert_str(sip_value(&m, SIP_H_CONTENT_LENGTH), "5");
	buf_free(&b);
}

static void test_build_response(void **state)
{
	struct sip_msg m =
		good(START "v: SIP/2.0/UDP b" CRLF BASE CSEQ "Timestamp: 4.5" CRLF
			   "Via: SIP/2.0/UDP c, SIP/2.0/UDP d" CRLF CRLF);
	struct buf b = {0};
	sip_put_response(&b, &m, 401, NULL, "x7");
	sip_put_end(&b, STR_NONE, STR_NONE);
	assert_str(buf_str(&b), "SIP/2.0 401 Unauthorized" CRLF "v: SIP/2.0/UDP b" CRLF
				"Via: SIP/2.0/WSS q7f2.invalid;branch=z9hG4bK1;rport" CRLF
				"Via: SIP/2.0/UDP c, SIP/2.0/UDP d" CRLF
				"From: <sip:alice@ims.example.org>;tag=a1" CRLF
				"To: <sip:alice@ims.example.org>;tag=x7" CRLF
				"Call-ID: c1" CRLF CSEQ "Content-Length: 0" CRLF CRLF);
	buf_free(&b);
	sip_put_response(&b, &m, 100, "Hold\r\nOn", NULL);
	assert_true(str_starts(buf_str(&b), STR("SIP/2.0 100 Hold  On" CRLF)));
	assert_true(
		str_find(buf_str(&b), STR("To: <sip:alice@ims.example.org>" CRLF)) > 0);
	assert_true(str_ends(buf_str(&b), STR("Timestamp: 4.5" CRLF)));
	buf_free(&b);
	/* a tag that is there stays */
	m = good(START "v: SIP/2.0/UDP b" CRLF "f: <sip:a>" CRLF "t: <sip:b>;tag=9" CRLF
		       "i: 1" CRLF CSEQ CRLF);
	sip_put_response(&b, &m, 200, NULL, "x7");
	assert_true(str_find(buf_str(&b), STR("t: <sip:b>;tag=9" CRLF)) > 0);
	buf_free(&b);
}

int main(void)
{
#define T(f) cmocka_unit_test_teardown(f, teardown)
	const struct CMUnitTest tests[] = {
		T(test_header_names),
		T(test_compact_names),
		T(test_network_headers),
		T(test_methods_and_reasons),
		T(test_request),
		T(test_response),
		T(test_lenient),
		T(test_faults),
		T(test_nothing),
		T(test_nul),
		T(test_dirty_lines_are_not_answered),
		T(test_credentials_that_may_be_two),
		T(test_exact),
		T(test_limits),
		T(test_many_quoted_pairs),
		T(test_truncated_anywhere),
		T(test_one_arena_block),
		T(test_frame),
		T(test_frame_cut_anywhere),
		T(test_frame_refuses),
		T(test_lists),
		T(test_no_edits),
		T(test_edit_uri),
		T(test_edit_add),
		T(test_edit_set),
		T(test_edit_remove),
		T(test_edit_remove_top),
		T(test_edit_empty_value),
		T(test_edit_body),
		T(test_edit_many),
		T(test_values_stay_values),
		T(test_build_request),
		T(test_build_response),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
