/* Tests of what peers and strangers may send to a Cx server: a real hss process and raw
 * links. Nothing ends the process; each fault gets its own answer, counter and log line,
 * and the next good request is served.
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/hss_rig.h"

#define ICSCF "icscf.ims.example.org"

static struct hss_rig rig;

static int setup_all(void **state)
{
	rig.more = "  max-outstanding: 20\n";
	/* What it has freed is not what it holds. */
	setenv("ASAN_OPTIONS", "quarantine_size_mb=8", 0);
	hss_rig_open(&rig, "127.33.2");
	return 0;
}

static int teardown_all(void **state)
{
	assert_int_equal(hss_rig_stop(&rig), 0);
	assert_null(strstr(hss_rig_log(&rig), "ERROR: AddressSanitizer"));
	hss_rig_close(&rig);
	return 0;
}

static struct cx_msg uar(void)
{
	return (struct cx_msg){.command = CX_UA, .user_name = STR("alice-impi@ims.example.org"),
		.public_identity = {STR("sip:alice@ims.example.org")}, .n_public_identity = 1,
		.visited_network = STR("ims.example.org")};
}

static struct cx_msg mar(void)
{
	return (struct cx_msg){.command = CX_MA, .user_name = STR("alice-impi@ims.example.org"),
		.public_identity = {STR("sip:alice@ims.example.org")}, .n_public_identity = 1,
		.auth_items = 1, .has_auth_data = true, .auth_scheme = STR("SIP Digest"),
		.server_name = STR("sip:icscf.ims.example.org")};
}

/* The HSS still serves, on this link. */
static void serves(struct link *l)
{
	const struct cx_msg *a = link_ask(l, uar());
	assert_true(a->result.experimental);
}

/* And on a new one. */
static void lives(void)
{
	struct link l;
	assert_int_equal(link_open(&l, &rig, 13, ICSCF), DIAMETER_SUCCESS);
	serves(&l);
	link_close(&l);
}

/* ... when it has worked off what it had taken: until then it may say that it is busy. */
static void lives_again(void)
{
	struct link l;
	int code = DIAMETER_TOO_BUSY;
	assert_int_equal(link_open(&l, &rig, 13, ICSCF), DIAMETER_SUCCESS);
	for (int i = 0; i < 600 && code == DIAMETER_TOO_BUSY; i++) {
		const struct cx_msg *a = link_ask(&l, uar());
		code = a->result.code;
		if (code == DIAMETER_TOO_BUSY)
			usleep(50000);
	}
	assert_int_not_equal(code, DIAMETER_TOO_BUSY);
	serves(&l);
	link_close(&l);
}

static struct link good;

static int with_link(void **state)
{
	assert_int_equal(link_open(&good, &rig, 13, ICSCF), DIAMETER_SUCCESS);
	return 0;
}

static int without_link(void **state)
{
	serves(&good);
	link_close(&good);
	usleep(20000); /* the server notices */
	return 0;
}

static int64_t bad_count(void)
{
	return hss_rig_counter(&rig, "imsrig_cx_bad_messages_total");
}

/* ---- requests with faults ---- */

static void faulty_requests(void **state)
{
	static const struct {
		const char *avp, *value;       /* value NULL: taken away */
		size_t n;
		uint32_t code;
		const char *failed;
	} cases[] = {
		{"Session-Id", NULL, 0, 5005, "Failed-AVP.Session-Id"},
		{"User-Name", NULL, 0, 5005, "Failed-AVP.User-Name"},
		{"Public-Identity", NULL, 0, 5005, "Failed-AVP.Public-Identity"},
		{"Visited-Network-Identifier", NULL, 0, 5005, "Failed-AVP.Visited-Network-Identifier"},
		{"Auth-Session-State", NULL, 0, 5005, "Failed-AVP.Auth-Session-State"},
		{"Vendor-Specific-Application-Id", NULL, 0, 5005,
			"Failed-AVP.Vendor-Specific-Application-Id"},
		{"Origin-Host", NULL, 0, 5005, "Failed-AVP.Origin-Host"},
		{"Destination-Realm", NULL, 0, 5005, "Failed-AVP.Destination-Realm"},
		{"Session-Id", "\0\0\0\0icscf;1", 11, 5004, "Failed-AVP.Session-Id"},
		{"User-Name", "ali\0ce@x", 8, 5004, "Failed-AVP.User-Name"},
		{"Public-Identity", "sip:\x01@x", 7, 5004, "Failed-AVP.Public-Identity"},
		{"Origin-Host", "a\0b", 3, 5004, "Failed-AVP.Origin-Host"},
		{"Destination-Realm", "a b", 3, 5004, "Failed-AVP.Destination-Realm"},
		{"User-Authorization-Type", "9", 1, 5004, "Failed-AVP.User-Authorization-Type"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf b = {0}, changed = {0};
		int64_t before = bad_count();
		struct str value = {cases[i].value, cases[i].n};
		assert_int_equal(cx_edit(link_encode(&good, uar(), &b), str_of(cases[i].avp),
			value, &changed), 0);
		assert_int_equal(link_result(&good, buf_str(&changed)), cases[i].code);
		assert_non_null(link_field(&good, cases[i].failed).p);
		assert_non_null(link_field(&good, "Error-Message").p);
		assert_int_equal(bad_count(), before + 1);
		buf_free(&b);
		buf_free(&changed);
	}
	assert_non_null(strstr(hss_rig_log(&rig), "UAR refused with DIAMETER_MISSING_AVP: an AVP is "
						  "missing (Visited-Network-Identifier)"));
}

static void faulty_mars(void **state)
{
	struct buf b = {0}, changed = {0};
	cx_edit(link_encode(&good, mar(), &b), STR("SIP-Auth-Data-Item"), STR_NONE, &changed);
	assert_int_equal(link_result(&good, buf_str(&changed)), DIAMETER_MISSING_AVP);
	assert_non_null(link_field(&good, "Failed-AVP.SIP-Auth-Data-Item").p);
	changed.n = 0;
	cx_edit(link_encode(&good, mar(), &b),
		STR("SIP-Auth-Data-Item.SIP-Authentication-Scheme"), STR_NONE, &changed);
	assert_int_equal(link_result(&good, buf_str(&changed)), DIAMETER_MISSING_AVP);
	assert_non_null(
		link_field(&good, "Failed-AVP.SIP-Auth-Data-Item.SIP-Authentication-Scheme").p);
	buf_free(&b);
	buf_free(&changed);
}

static struct str append(struct buf *b, const void *octets, size_t n)
{
	buf_put(b, octets, n);
	b->p[1] = (char)(b->n >> 16);
	b->p[2] = (char)(b->n >> 8);
	b->p[3] = (char)b->n;
	return buf_str(b);
}

static void odd_avps(void **state)
{
	static const uint8_t unknown_m[] = {0, 0, 0x27, 0x0f, 0x40, 0, 0, 9, 1, 0, 0, 0};
	static const uint8_t unknown[] = {0, 0, 0x27, 0x0f, 0, 0, 0, 9, 1, 0, 0, 0};
	static const uint8_t vendor_0[] = {0, 0, 0x27, 0x0f, 0x80, 0, 0, 12, 0, 0, 0, 0};
	static const uint8_t length_0[] = {0, 0, 0x27, 0x0f, 0, 0, 0, 0};
	static const uint8_t length_7[] = {0, 0, 0x01, 0x04, 0x40, 0, 0, 7};
	static const uint8_t too_long[] = {0, 0, 0, 1, 0x40, 0xff, 0xff, 0xff};
	static const uint8_t half[] = {0, 0, 0, 1};
	static const struct {
		const uint8_t *octets;
		size_t n;
		uint32_t code;
	} cases[] = {
		{unknown_m, sizeof unknown_m, DIAMETER_AVP_UNSUPPORTED},
		{unknown, sizeof unknown, 0},
		{vendor_0, sizeof vendor_0, 0},
		{length_0, sizeof length_0, DIAMETER_INVALID_AVP_LENGTH},
		{length_7, sizeof length_7, DIAMETER_INVALID_AVP_LENGTH},
		{too_long, sizeof too_long, DIAMETER_INVALID_AVP_LENGTH},
		{half, sizeof half, DIAMETER_INVALID_AVP_LENGTH},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf b = {0};
		link_encode(&good, uar(), &b);
		append(&b, cases[i].octets, cases[i].n);
		assert_int_equal(link_result(&good, buf_str(&b)), cases[i].code);
		if (!cases[i].code)
			assert_non_null(link_field(&good, "Experimental-Result").p);
		buf_free(&b);
	}
	/* the unknown AVP comes back in Failed-AVP as it was */
	struct buf b = {0};
	link_encode(&good, uar(), &b);
	append(&b, unknown_m, sizeof unknown_m);
	link_result(&good, buf_str(&b));
	assert_true(str_find(buf_str(&good.in), (struct str){(const char *)unknown_m, 12}) > 0);
	buf_free(&b);
}

static void too_many(void **state)
{
	struct buf b = {0}, avp = {0};
	cx_avp_write(CX_A_Origin_Host, STR(ICSCF), &avp);
	link_encode(&good, uar(), &b);
	for (int i = 0; i < 63; i++)
		append(&b, avp.p, avp.n);
	assert_int_equal(link_result(&good, buf_str(&b)), DIAMETER_AVP_OCCURS_TOO_MANY_TIMES);
	/* as many unknown ones as a message of 60,000 octets holds */
	static const uint8_t unknown[] = {0, 0, 0x27, 0x0f, 0, 0, 0, 8};
	link_encode(&good, uar(), &b);
	while (b.n < 60000)
		append(&b, unknown, sizeof unknown);
	assert_int_equal(link_result(&good, buf_str(&b)), 0);
	assert_true(str_eq(link_field(&good, "Experimental-Result"), STR("2001")));
	/* a SAR with more identities than we hold */
	avp.n = 0;
	cx_avp_write(CX_A_Public_Identity, STR("sip:alice@ims.example.org"), &avp);
	struct cx_msg m = {.command = CX_SA, .has_assignment = true, .has_data_available = true,
		.assignment = CX_ADMINISTRATIVE_DEREGISTRATION, .server_name = STR("sip:x")};
	link_encode(&good, m, &b);
	for (int i = 0; i < 300; i++)
		append(&b, avp.p, avp.n);
	assert_int_equal(link_result(&good, buf_str(&b)), DIAMETER_AVP_OCCURS_TOO_MANY_TIMES);
	buf_free(&b);
	buf_free(&avp);
}

static void header_bits(void **state)
{
	struct buf b = {0};
	link_encode(&good, uar(), &b);
	b.p[4] = (char)0xe0; /* R, P and E */
	assert_int_equal(link_result(&good, buf_str(&b)), DIAMETER_INVALID_HDR_BITS);
	link_encode(&good, uar(), &b);
	b.p[4] = (char)0x80; /* P clear */
	assert_int_equal(link_result(&good, buf_str(&b)), DIAMETER_INVALID_HDR_BITS);
	link_encode(&good, uar(), &b);
	b.p[4] |= 0x1f; /* T and the reserved bits are ignored */
	assert_int_equal(link_result(&good, buf_str(&b)), 0);
	/* nothing but a header */
	link_encode(&good, uar(), &b);
	b.n = 20;
	assert_int_equal(link_result(&good, append(&b, "", 0)), DIAMETER_MISSING_AVP);
	/* an AVP of 8 octets and nothing else */
	link_encode(&good, uar(), &b);
	b.n = 20;
	assert_int_equal(link_result(&good, append(&b, "\0\0\0\1\x40\0\0\x08", 8)),
		DIAMETER_MISSING_AVP);
	buf_free(&b);
}

/* Answers that nobody asked for, to requests of ours that do not exist. */
static void unsolicited_answers(void **state)
{
	struct buf b = {0};
	for (int i = 0; i < 100; i++) {
		link_encode(&good, uar(), &b);
		b.p[4] = i % 2 ? 0x40 : 0x60;
		link_send(&good, buf_str(&b));
	}
	buf_free(&b);
}

/* ---- the base protocol ---- */

static void put_base(struct buf *b, uint32_t command, uint8_t flags, const void *avps, size_t n)
{
	b->n = 0;
	buf_u32(b, 1u << 24);
	buf_u32(b, (uint32_t)flags << 24 | command);
	buf_u32(b, 0);
	buf_u32(b, 99);
	buf_u32(b, 99);
	append(b, avps, n);
}

static void watchdogs(void **state)
{
	struct buf b = {0}, avps = {0};
	cx_avp_write(CX_A_Origin_Host, STR(ICSCF), &avps);
	cx_avp_write(CX_A_Origin_Realm, STR("ims.example.org"), &avps);
	put_base(&b, 280, 0x80, avps.p, avps.n);
	assert_int_equal(link_result(&good, buf_str(&b)), DIAMETER_SUCCESS);
	/* a Session-Id with NULs in a DWR; an AVP that is longer than the message */
	int64_t before = hss_rig_counter(&rig, "imsrig_cx_refused_total");
	size_t n = avps.n;
	cx_avp_write(CX_A_Session_Id, (struct str){"\0\0x", 3}, &avps);
	put_base(&b, 280, 0x80, avps.p, avps.n);
	assert_int_equal(link_result(&good, buf_str(&b)), DIAMETER_INVALID_AVP_LENGTH);
	avps.n = n;
	avps.p[7] = 120;
	put_base(&b, 280, 0x80, avps.p, avps.n);
	assert_int_equal(link_result(&good, buf_str(&b)), DIAMETER_INVALID_AVP_LENGTH);
	/* 64 of the same */
	avps.n = 0;
	for (int i = 0; i < 64; i++)
		cx_avp_write(CX_A_Origin_Host, STR(ICSCF), &avps);
	put_base(&b, 280, 0x80, avps.p, avps.n);
	assert_int_equal(link_result(&good, buf_str(&b)), DIAMETER_AVP_OCCURS_TOO_MANY_TIMES);
	assert_int_equal(hss_rig_counter(&rig, "imsrig_cx_refused_total"), before + 3);
	buf_free(&b);
	buf_free(&avps);
}

/* CERs of strangers: the link may be closed, the server must not care. */
static void capabilities(void **state)
{
	struct link l;
	struct buf b = {0}, avps = {0}, group = {0};
	struct cx_avp vsai = {.code = 260, .flags = CX_FLAG_M};

	for (int i = 0; i < 9; i++) {
		avps.n = group.n = 0;
		cx_avp_write(CX_A_Origin_Host, STR(ICSCF), &avps);
		cx_avp_write(CX_A_Origin_Realm, STR("ims.example.org"), &avps);
		if (i != 0)
			cx_avp_write(CX_A_Host_IP_Address,
				i == 1 ? (struct str){"\0\1x", 3} : (struct str){"\0\1\x7f\x21\2\x0d", 6},
				&avps);
		cx_avp_write(CX_A_Vendor_Id, STR("10415"), &avps);
		cx_avp_write(CX_A_Product_Name, i == 2 ? STR("a\0b") : STR("test"), &avps);
		for (int k = 0; i == 3 && k < 64; k++)
			cx_avp_write(CX_A_Origin_Host, STR(ICSCF), &avps);
		cx_avp_write(CX_A_Vendor_Id, STR("10415"), &group);
		if (i == 4) /* two application ids of other kinds, and no vendor */
			group.n = 0;
		cx_avp_write(CX_A_Auth_Application_Id, STR("16777216"), &group);
		for (int k = 0; i == 5 && k < 20; k++)
			cx_avp_write(CX_A_Auth_Application_Id, STR("16777217"), &group);
		if (i == 6)
			buf_put(&group, "\0\0\1\2\x40\0\0\2", 8);
		vsai.data = buf_str(&group);
		cx_avp_put(&vsai, &avps);
		if (i == 7)
			cx_avp_write(CX_A_Session_Id, (struct str){"\0\0\0", 3}, &avps);
		if (i == 8)
			buf_put(&avps, "\0\0\0\0\x80\0\0\x0c\0\0\0\0", 12);
		link_dial(&l, &rig, 13, ICSCF);
		put_base(&b, 257, 0x80, avps.p, avps.n);
		link_send(&l, buf_str(&b));
		/* whatever it says: an answer or the end */
		link_receive(&l);
		link_close(&l);
		usleep(20000);
	}
	lives();
	buf_free(&b);
	buf_free(&avps);
	buf_free(&group);
}

/* An answer that nobody asked for is a link's first message. The process's end, with its leak
 * check, is what this is about. */
static void answers_first(void **state)
{
	static const struct {
		uint32_t command, application;
		uint8_t flags;
	} kinds[] = {{257, 0, 0}, {257, 0, 0x40}, {280, 0, 0}, {282, 0, 0}, {300, CX_APPLICATION, 0},
		{300, CX_APPLICATION, 0x40}, {303, CX_APPLICATION, 0x60}, {999, 4, 0}};
	struct buf b = {0}, avps = {0};

	cx_avp_write(CX_A_Result_Code, STR("2001"), &avps);
	cx_avp_write(CX_A_Origin_Host, STR(ICSCF), &avps);
	cx_avp_write(CX_A_Origin_Realm, STR("ims.example.org"), &avps);
	for (size_t i = 0; i < 5 * sizeof kinds / sizeof *kinds; i++) {
		struct link l;
		link_dial(&l, &rig, 13, ICSCF);
		put_base(&b, kinds[i / 5].command, kinds[i / 5].flags, avps.p, i % 2 ? avps.n : 12);
		for (int k = 0; k < 4; k++)
			b.p[8 + k] = (char)(kinds[i / 5].application >> (24 - 8 * k));
		link_send(&l, buf_str(&b));
		assert_false(link_receive(&l));
		link_close(&l);
	}
	lives();
	buf_free(&b);
	buf_free(&avps);
}

/* What is no Diameter at all, before and after the CER. */
static void garbage(void **state)
{
	static const struct {
		const char *octets;
		size_t n;
	} cases[] = {
		{"\1\0\0\0", 4}, {"\1\0\0\1", 4}, {"\1\0\0\3", 4}, {"\1\0\0\x13", 4},
		{"\1\0\0\x13\x80\0\1\1\0\0\0\0\0\0\0\0\0\0\0", 19},
		{"\1\0\0\x14\x80\0\1\1\0\0\0\0\0\0\0\0\0\0\0\0", 20},
		{"\1\0\0\x15\x80\0\1\1\0\0\0\0\0\0\0\0\0\0\0\0\0", 21},
		{"\1\xff\xff\xff\x80\0\1\1", 8},
		{"GET / HTTP/1.1\r\n\r\n", 18},
		{"\2\0\0\x14\x80\0\1\1\0\0\0\0\0\0\0\0\0\0\0\0", 20},
		{"", 0},
	};
	for (int after = 0; after < 2; after++)
		for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
			struct link l;
			if (after)
				assert_int_equal(link_open(&l, &rig, 13, ICSCF), DIAMETER_SUCCESS);
			else
				link_dial(&l, &rig, 13, ICSCF);
			link_send(&l, (struct str){cases[i].octets, cases[i].n});
			link_close(&l);
			usleep(20000);
		}
	/* a request before any CER */
	struct link l;
	struct buf b = {0};
	link_dial(&l, &rig, 13, ICSCF);
	link_send(&l, link_encode(&l, uar(), &b));
	assert_false(link_receive(&l));
	link_close(&l);
	buf_free(&b);
	lives();
}

/* A message cut at each of its octets, each time with the end of the link. */
static void cut_messages(void **state)
{
	struct buf b = {0};
	for (size_t n = 1; n < 200; n += 13) {
		struct link l;
		assert_int_equal(link_open(&l, &rig, 13, ICSCF), DIAMETER_SUCCESS);
		struct str octets = link_encode(&l, uar(), &b);
		link_send(&l, (struct str){octets.p, n < octets.n ? n : octets.n - 1});
		link_close(&l);
		usleep(20000);
	}
	buf_free(&b);
	lives();
}

/* The same in pieces is a whole message. */
static void slow_messages(void **state)
{
	struct buf b = {0};
	struct str octets = link_encode(&good, uar(), &b);
	for (size_t i = 0; i + 1 < octets.n; i++) {
		link_send(&good, (struct str){octets.p + i, 1});
		if (i % 16 == 0)
			usleep(1000);
	}
	assert_int_equal(link_result(&good, str_skip(octets, octets.n - 1)), 0);
	assert_true(str_eq(link_field(&good, "Experimental-Result"), STR("2001")));
	buf_free(&b);
}

/* More than max-outstanding at once: those beyond are told so, all are answered. */
static void too_busy(void **state)
{
	enum { N = 2000 };
	struct buf all = {0}, b = {0};
	int served = 0, refused = 0;
	for (int i = 0; i < N; i++)
		buf_add(&all, link_encode(&good, uar(), &b));
	link_send(&good, buf_str(&all));
	for (int i = 0; i < N; i++) {
		assert_true(link_receive(&good));
		if (link_field(&good, "Experimental-Result").p)
			served++;
		else if (str_eq(link_field(&good, "Result-Code"), STR("3004")))
			refused++;
	}
	assert_int_equal(served + refused, N);
	serves(&good);
	assert_true(served > 0);
	if (refused)
		assert_int_equal(hss_rig_counter(&rig, "imsrig_cx_busy_total"), refused);
	printf("%d of %d were told to come later\n", refused, N);
	buf_free(&all);
	buf_free(&b);
}

static long hss_kib(void)
{
	char path[64], line[128];
	long kib = 0;
	snprintf(path, sizeof path, "/proc/%d/status", rig.pid);
	FILE *f = fopen(path, "r");
	while (f && fgets(line, sizeof line, f))
		sscanf(line, "VmRSS: %ld", &kib);
	fclose(f);
	return kib;
}

/* A listed peer that sends and never reads: it is stopped, not buffered, and its link is
 * ended; others are served again. */
static void never_reads(void **state)
{
	enum { MOST_MIB = 300, PIECE = 100 };
	struct link l;
	struct buf piece = {0}, b = {0};
	size_t sent = 0;
	bool stuck = false;
	assert_int_equal(link_open(&l, &rig, 13, ICSCF), DIAMETER_SUCCESS);
	long before = hss_kib();
	for (int i = 0; i < PIECE; i++)
		buf_add(&piece, link_encode(&l, uar(), &b));
	while (!stuck && sent < (size_t)MOST_MIB << 20) {
		struct pollfd p = {l.fd, POLLOUT, 0};
		stuck = poll(&p, 1, 1000) != 1 || p.revents & (POLLERR | POLLHUP);
		ssize_t n = stuck ? 0 : send(l.fd, piece.p, piece.n, MSG_DONTWAIT | MSG_NOSIGNAL);
		sent += n > 0 ? (size_t)n : 0;
		stuck = stuck || n < 0;
	}
	printf("%zu MiB taken, %ld MiB grown\n", sent >> 20, (hss_kib() - before) >> 10);
	assert_true(stuck);
#ifndef __SANITIZE_THREAD__ /* whose own memory grows with ours */
	assert_true(hss_kib() - before < 250 * 1024);
#endif
	link_close(&l);
	buf_free(&piece);
	buf_free(&b);
	lives_again();
}

int main(void)
{
#define WITH(name) cmocka_unit_test_setup_teardown(name, with_link, without_link)
	const struct CMUnitTest tests[] = {
		WITH(faulty_requests), WITH(faulty_mars), WITH(odd_avps), WITH(too_many),
		WITH(header_bits), WITH(unsolicited_answers), WITH(watchdogs), WITH(slow_messages),
		WITH(too_busy),
		cmocka_unit_test(capabilities), cmocka_unit_test(answers_first),
		cmocka_unit_test(garbage),
		cmocka_unit_test(cut_messages), cmocka_unit_test(never_reads),
	};
	return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
