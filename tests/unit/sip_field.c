/* Tests of common/sip: URIs, addresses, Via, credentials, script fields, checks.
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdlib.h>
#include <cmocka.h>

#include "common/sip/entity.h"

static struct arena arena;

static int teardown(void **state)
{
	arena_free(&arena);
	return 0;
}

#define N(a) (sizeof(a) / sizeof *(a))

#define assert_str(s, z) assert_str_at(s, z, __LINE__)
static void assert_str_at(struct str s, const char *z, int line)
{
	if (z ? (s.p && str_eq(s, str_of(z))) : !s.p)
		return;
	print_error("line %d: \"" STR_FMT "\" is not \"%s\"\n", line, STR_ARG(s),
		z ? z : "(none)");
	fail();
}

/* Parsed from a block of exactly its size, so that a read past the end is seen. */
static struct str exact(const char *z)
{
	size_t n = strlen(z);
	char *p = malloc(n ? n : 1);
	memcpy(p, z, n);
	return (struct str){p, n};
}

static void drop(struct str s)
{
	free((char *)(uintptr_t)s.p);
}

/* ---- URIs ---- */

static struct sip_uri uri(const char *z)
{
	struct sip_uri u;
	int err = sip_uri_parse(&u, str_of(z));
	if (err)
		print_error("%s\n", z);
	assert_int_equal(err, 0);
	return u;
}

static void test_uri_parts(void **state)
{
	struct sip_uri u =
		uri("SIP:alice;day=tue:pw$1@[2001:db8::1]:5061;lr;x=a%20b?To=c&D=");
	assert_str(u.scheme, "SIP");
	assert_str(u.user, "alice;day=tue");
	assert_str(u.password, "pw$1");
	assert_str(u.host, "[2001:db8::1]");
	assert_int_equal(u.port, 5061);
	assert_str(u.params, "lr;x=a%20b");
	assert_str(u.headers, "To=c&D=");
	u = uri("sip:ims.example.org");
	assert_null(u.user.p);
	assert_null(u.password.p);
	assert_null(u.params.p);
	assert_null(u.headers.p);
	assert_str(u.host, "ims.example.org");
	assert_int_equal(u.port, 0);
	u = uri("tel:+33-145.29(90)00;phone-context=a;ext=1");
	assert_str(u.user, "+33-145.29(90)00");
	assert_str(u.params, "phone-context=a;ext=1");
	assert_null(u.host.p);
	u = uri("urn:service:sos");
	assert_str(u.scheme, "urn");
	assert_null(u.user.p);
	u = uri("sip:user?a/b,c@h");
	assert_str(u.user, "user?a/b,c");
}

static void test_uri_good(void **state)
{
	static const char *const rows[] = {
		"sips:a@b.example",
		"sip:a@b.example.",
		"sip:a@1b.example",
		"sip:a@192.0.2.1:1",
		"sip:a@localhost",
		"sip:a@x-y.example",
		"sip:a@h:65535",
		"sip:a:@h",
		"sip:%61%00%fF@h",
		"sip:h;transport=ws;ob;lr",
		"sip:h;a=[x]/:&+$",
		"sip:-_.!~*'()&=+$,;?/@h",
		"sip:[::ffff:192.0.2.1]",
		"sip:[::]",
		"sip:web!.*!@ims.example.org",
		"sip:web![0-9]{1,3}|^a\\.b!x@ims.example.org",
		"tel:7042;phone-context=example.com",
		"tel:*21#",
		"tel:+3314529![0-9]{4}!",
		"http://www.example.com/x?y#z",
		"a+b-c.d:e",
		"x:\xc3\xb6",
	};
	for (size_t i = 0; i < N(rows); i++)
		uri(rows[i]);
}

static void test_uri_bad(void **state)
{
	static const char *const rows[] = {
		"",
		":",
		"sip",
		"sip:",
		"sip:@h",
		"sip::pw@h",
		"sip:a@",
		"sip:a@b@c",
		"1sip:h",
		"si p:h",
		"sip :h",
		"sip: h",
		"sip:h ",
		"sip:a b@h",
		"sip:a@h:",
		"sip:a@h:0",
		"sip:a@h:65536",
		"sip:a@h:x",
		"sip:a@h:80 ",
		"sip:a@h :80",
		"sip:a@h: 80",
		"sip:a%@h",
		"sip:a%4@h",
		"sip:a%4g@h",
		"sip:a%@%4",
		"sip:a\"b@h",
		"sip:a#b@h",
		"sip:a<b@h",
		"sip:a[b]@h",
		"sip:a![@h",
		"sip:![!a]@h",
		"sip:a@h_x",
		"sip:a@-h",
		"sip:a@h-",
		"sip:a@h-.x",
		"sip:a@h..x",
		"sip:a@.h",
		"sip:a@.",
		"sip:a@1.2.3",
		"sip:a@1.2.3.256",
		"sip:a@1.2.3.4.5",
		"sip:a@1234",
		"sip:a@1.2.3.4a",
		"sip:a!\"!@h",
		"sip:a@h%41",
		"sip:h;",
		"sip:h;;lr",
		"sip:h;lr;x=1;LR",
		"sip:h;=x",
		"sip:h;x=",
		"sip:h;x=a=b",
		"sip:h;x=\"a\"",
		"sip:h;x y",
		"sip:h?",
		"sip:h?a",
		"sip:h?=b",
		"sip:h?a=b&",
		"sip:h?a=b=c",
		"sip:[::1",
		"sip:[::1]x",
		"sip:[]",
		"sip:[1]",
		"sip:[::1%25eth0]",
		"sip:::1",
		"sip:a\x01@h",
		"sip:a\xc3\xb6@h",
		"sip:a\x7f@h",
		"tel:",
		"tel:+",
		"tel:-",
		"tel:+33x",
		"tel:33!",
		"tel:+33;",
		"tel:+33 1",
		"tel:+33;x=\"",
		"x:",
		"x:a b",
		"x:<a>",
		"<sip:h>",
		"*",
		"sip:h\r\n",
		"sip:h\r\n ;lr",
		"x:a\r\nb",
	};
	for (size_t i = 0; i < N(rows); i++) {
		struct sip_uri u;
		struct str s = exact(rows[i]);
		if (!sip_uri_parse(&u, s)) {
			print_error("%s\n", rows[i]);
			fail();
		}
		drop(s);
	}
	struct sip_uri u;
	assert_int_equal(sip_uri_parse(&u, (struct str){"sip:a\0b@h", 9}), -EINVAL);
	assert_int_equal(sip_uri_parse(&u, STR_NONE), -EINVAL);
	/* parameters and header fields have a bound */
	struct buf b = {0};
	buf_add(&b, STR("sip:h"));
	for (int i = 0; i < 32; i++)
		buf_fmt(&b, ";p%d", i);
	assert_int_equal(sip_uri_parse(&u, buf_str(&b)), 0);
	buf_add(&b, STR(";p"));
	assert_int_equal(sip_uri_parse(&u, buf_str(&b)), -EINVAL);
	buf_free(&b);
	buf_add(&b, STR("sip:h?a=b"));
	for (int i = 0; i < 31; i++)
		buf_add(&b, STR("&a=b"));
	assert_int_equal(sip_uri_parse(&u, buf_str(&b)), 0);
	buf_add(&b, STR("&a=b"));
	assert_int_equal(sip_uri_parse(&u, buf_str(&b)), -EINVAL);
	buf_free(&b);
}

static void test_uri_canonical(void **state)
{
	static const struct {
		const char *from, *to;
	} rows[] = {
		{"sip:alice@ims.example.org", "sip:alice@ims.example.org"},
		{"SIP:Alice@IMS.Example.ORG:5060;transport=ws;lr?a=b",
			"sip:Alice@ims.example.org"},
		{"sips:a@h", "sips:a@h"},
		{"sip:%61lic%65@h", "sip:alice@h"},
		/* what may not stand bare stays, with one spelling */
		{"sip:a%40b%3a%2F%00%20%c3%b6@h", "sip:a%40b%3A/%00%20%C3%B6@h"},
		/* once */
		{"sip:%2561@h", "sip:%2561@h"},
		/* a "!" is a character like others */
		{"sip:web%21.*%21@h", "sip:web%21.*%21@h"},
		{"sip:web![a-Z]!@H", "sip:web![a-Z]!@h"},
		{"sip:+331@H;user=Phone;x=y", "sip:+331@h;user=phone"},
		{"sip:+331@H;USER=ip", "sip:+331@h"},
		{"sip:IMS.example.org", "sip:ims.example.org"},
		{"sip:a@[2001:DB8::1]:5060", "sip:a@[2001:db8::1]"},
		{"TEL:+33-1(45).29;ext=1", "tel:+3314529"},
		{"tel:7042-1;phone-context=Example.COM",
			"tel:70421;phone-context=example.com"},
		{"tel:A1", "tel:a1"},
		{"tel:2;phone-context", "tel:2"},
		{"tel:+3314529![0-9]{4}!", "tel:+3314529![0-9]{4}!"},
		{"tel:!(A-b).*!", "tel:!(A-b).*!"},
		/* no identities */
		{"sip:a:pw@h", NULL},
		{"http://www.example.com", NULL},
		{"urn:service:sos", NULL},
	};
	for (size_t i = 0; i < N(rows); i++) {
		struct sip_uri u = uri(rows[i].from);
		struct str got = sip_uri_canonical(&u, &arena);
		assert_str(got, rows[i].to);
		if (!got.p)
			continue;
		/* canonical is the end of it */
		u = uri(got.p);
		assert_str(sip_uri_canonical(&u, &arena), got.p);
	}
}

static void test_uri_equal(void **state)
{
	static const struct {
		bool equal;
		const char *a, *b;
	} rows[] = {
		/* the examples of RFC 3261 19.1.4 */
		{true, "sip:%61lice@atlanta.com;transport=TCP",
			"sip:alice@AtLanTa.CoM;Transport=tcp"},
		{true, "sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"},
		{true, "sip:carol@chicago.com", "sip:carol@chicago.com;security=on"},
		{true,
			"sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%"
			"40biloxi.com",
			"sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%"
			"40biloxi.com"},
		{true, "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
			"sip:alice@atlanta.com?priority=urgent&subject=project%20x"},
		{false, "SIP:ALICE@AtLanTa.CoM;Transport=udp",
			"sip:alice@AtLanTa.CoM;Transport=UDP"},
		{false, "sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"},
		{false, "sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"},
		{false, "sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"},
		{false, "sip:carol@chicago.com",
			"sip:carol@chicago.com?Subject=next%20meeting"},
		{false, "sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"},
		{false, "sip:carol@chicago.com;security=on",
			"sip:carol@chicago.com;security=off"},
		/* and more */
		{false, "sip:a@h", "sips:a@h"},
		{false, "sip:a@h", "sip:h"},
		{false, "sip:a@h", "sip:a:@h"},
		{false, "sip:a%3Bb@h", "sip:a;b@h"},
		{true, "sip:a%3Bb@h", "sip:a%3bb@h"},
		{false, "sip:a@h", "sip:a@h;user=phone"},
		{false, "sip:a@h;ttl=1", "sip:a@h"},
		{false, "sip:a@h;maddr=x", "sip:a@h"},
		{false, "sip:a@h;lr", "sip:a@h;lr=x"},
		{false, "sip:a%00@h", "sip:a@h"},
		{true, "tel:+33-1", "TEL:+33(1)"},
		{false, "tel:+331", "tel:+3312"},
		{false, "tel:+331", "tel:+332"},
		{true, "tel:+33-", "tel:+33"},
		{false, "tel:+331", "tel:+331;ext=1"},
		{false, "tel:1;phone-context=a", "tel:1;phone-context=b"},
		{true, "URN:a", "urn:a"},
		{false, "urn:a", "urn:A"},
	};
	for (size_t i = 0; i < N(rows); i++) {
		struct sip_uri a = uri(rows[i].a), b = uri(rows[i].b);
		if (sip_uri_equal(&a, &b) != rows[i].equal ||
			sip_uri_equal(&b, &a) != rows[i].equal)
			print_error("%s\n%s\n", rows[i].a, rows[i].b);
		assert_int_equal(sip_uri_equal(&a, &b), rows[i].equal);
		assert_int_equal(sip_uri_equal(&b, &a), rows[i].equal);
		assert_true(sip_uri_equal(&a, &a) && sip_uri_equal(&b, &b));
	}
}

static void test_params(void **state)
{
	struct str v, p = STR("lr ; A = b;tag=\"x;\\\"y\";\r\n e=<1;q=2>;empty=;q=3");
	assert_true(sip_param(p, STR("LR"), &v));
	assert_null(v.p);
	assert_true(sip_param(p, STR("a"), &v));
	assert_str(v, "b");
	assert_true(sip_param(p, STR("tag"), &v));
	assert_str(v, "x;\\\"y");
	assert_true(sip_param(p, STR("e"), &v));
	assert_str(v, "<1;q=2>");
	assert_true(sip_param(p, STR("empty"), &v));
	assert_str(v, "");
	assert_true(sip_param(p, STR("q"), &v));
	assert_str(v, "3");
	assert_false(sip_param(p, STR("ta"), &v));
	assert_null(v.p);
	assert_false(sip_param(STR_NONE, STR("a"), &v));
}

/* ---- addresses ---- */

static void test_name_addr(void **state)
{
	static const struct {
		const char *text, *display, *uri, *params;
	} rows[] = {
		{"<sip:a@h>", "", "sip:a@h", NULL},
		{" \"A, \\\"B\\\" <x>\" <sip:a@h;lr>\r\n ; tag = 1;x ",
			"\"A, \\\"B\\\" <x>\"", "sip:a@h;lr", "tag = 1;x"},
		{"\"\"<sip:a@h>", "\"\"", "sip:a@h", NULL},
		{"caller<sip:a@h>;tag=1", "caller", "sip:a@h", "tag=1"},
		{"A. Bell \t x\r\n y <sip:a@h>", "A. Bell \t x\r\n y", "sip:a@h", NULL},
		{"sip:a@h", NULL, "sip:a@h", NULL},
		{"sip:a@h;tag=1", NULL, "sip:a@h", "tag=1"},
		{"sip:a@h ;\r\n tag=\"1;<\"", NULL, "sip:a@h", "tag=\"1;<\""},
		{"tel:+33-1;tag=x", NULL, "tel:+33-1", "tag=x"},
		{"<tel:+33;ext=1>;tag=x", "", "tel:+33;ext=1", "tag=x"},
		{"<http://www.example.com>;tag=3", "", "http://www.example.com", "tag=3"},
		{"isbn:2983792873", NULL, "isbn:2983792873", NULL},
		{"<sip:a@h>;+sip.instance=\"<urn:uuid:0>\";reg-id=1;expires=600", "",
			"sip:a@h", "+sip.instance=\"<urn:uuid:0>\";reg-id=1;expires=600"},
		{"\"\xd1\x80\" <sip:a@h>", "\"\xd1\x80\"", "sip:a@h", NULL},
		{"<sip:a@h>;received=[2001:db8::1]:5060", "", "sip:a@h",
			"received=[2001:db8::1]:5060"},
	};
	for (size_t i = 0; i < N(rows); i++) {
		struct sip_name_addr a;
		struct str s = exact(rows[i].text);
		if (sip_name_addr_parse(&a, s))
			print_error("%s\n", rows[i].text);
		assert_int_equal(sip_name_addr_parse(&a, s), 0);
		assert_str(a.display, rows[i].display);
		assert_str(a.uri.text, rows[i].uri);
		assert_str(a.params, rows[i].params);
		assert_false(a.star);
		drop(s);
	}
	struct sip_name_addr a;
	assert_int_equal(sip_name_addr_parse(&a, STR(" *\r\n ")), 0);
	assert_true(a.star);
}

static void test_name_addr_bad(void **state)
{
	static const char *const rows[] = {
		"",
		" ",
		"**",
		"* ",
		"<",
		"<>",
		"<sip:a@h",
		"sip:a@h>",
		"< sip:a@h>",
		"<sip:a@h >",
		"\"A <sip:a@h>",
		"\"A\" sip:a@h",
		"\"A\" x <sip:a@h>",
		"A, B <sip:a@h>",
		"\xd1\x80 <sip:a@h>",
		"<sip:a@h> x",
		"<sip:a@h>x;y",
		"<sip:a@h>;",
		"<sip:a@h>;;x",
		"<sip:a@h>;=x",
		"<sip:a@h>;x=",
		"<sip:a@h>;x=\"",
		"<sip:a@h>;x=\"a\"b",
		"<sip:a@h>;x y",
		"<sip:a@h>;x=a b",
		"<sip:a@h>, <sip:b@h>",
		"sip:a@h, sip:b@h",
		"sip:a@h?x=y",
		"sip:a,b@h",
		"sip:a@h x",
		"sip:a@h;",
		"alice",
		"<alice>",
		"A <sip:a@h><sip:b@h>",
		"<sip:a@h\r\n ;lr>",
		"\"a\r\n b\" <sip:a@h>",
	};
	for (size_t i = 0; i < N(rows); i++) {
		struct sip_name_addr a;
		struct str s = exact(rows[i]);
		if (!sip_name_addr_parse(&a, s) && !a.star) {
			print_error("%s\n", rows[i]);
			fail();
		}
		drop(s);
	}
}

static void test_via(void **state)
{
	struct sip_via v;
	assert_int_equal(
		sip_via_parse(&v, STR("SIP/2.0/WSS q7f2.invalid;branch=z9hG4bK1;rport")),
		0);
	assert_str(v.transport, "WSS");
	assert_str(v.host, "q7f2.invalid");
	assert_int_equal(v.port, 0);
	assert_str(v.branch, "z9hG4bK1");
	assert_str(v.params, "branch=z9hG4bK1;rport");
	assert_int_equal(sip_via_parse(&v,
				 STR(" sip \t/\r\n 2.0 / UNKNOWN \r\n [::1] : 5060 ; x ; "
				     "branch\t=\r\n b ")),
		0);
	assert_str(v.transport, "UNKNOWN");
	assert_str(v.host, "[::1]");
	assert_int_equal(v.port, 5060);
	assert_str(v.branch, "b");
	assert_int_equal(sip_via_parse(&v, STR("SIP/2.0/UDP h.example\t:\r\n 81;x")), 0);
	assert_str(v.host, "h.example");
	assert_int_equal(v.port, 81);
	assert_int_equal(sip_via_parse(&v, STR("SIP/2.0/UDP h")), 0);
	assert_null(v.params.p);
	assert_null(v.branch.p);
	static const char *const bad[] = {
		"",
		"SIP",
		"SIP/2.0",
		"SIP/2.0/UDP",
		"SIP/2.0/UDP ",
		"SIP/3.0/UDP h",
		"HTTP/2.0/UDP h",
		"SIP/2.0/UDPh",
		"SIP/2.0/ h",
		"SIP/2.0/U;P h",
		"SIP/2.0/UDP h;",
		"SIP/2.0/UDP h;;a",
		"SIP/2.0/UDP h x",
		"SIP/2.0/UDP h:",
		"SIP/2.0/UDP h:x",
		"SIP/2.0/UDP h:99999",
		"SIP/2.0/UDP ;branch=x",
		"SIP/2.0/UDP h,",
		"SIP/2.0/UDP h;branch=",
		"SIP/2.0/UDP h;branch=\"",
		"SIP/2.0/UDP h i;branch=x",
	};
	for (size_t i = 0; i < N(bad); i++) {
		struct str s = exact(bad[i]);
		if (!sip_via_parse(&v, s)) {
			print_error("%s\n", bad[i]);
			fail();
		}
		drop(s);
	}
}

static void test_numbers(void **state)
{
	uint32_t n;
	struct str method;
	assert_int_equal(sip_cseq_parse(STR("0009\r\n  INVITE"), &n, &method), 0);
	assert_int_equal(n, 9);
	assert_str(method, "INVITE");
	assert_int_equal(sip_cseq_parse(STR("4294967295 X"), &n, &method), 0);
	static const char *const bad[] = {"", "1", "1 ", " INVITE", "INVITE", "1INVITE",
		"4294967296 X", "-1 X", "+1 X", "1 X Y", "1 X,", "0x1 X", "1\xc2\xa0X"};
	for (size_t i = 0; i < N(bad); i++)
		assert_int_equal(sip_cseq_parse(str_of(bad[i]), &n, &method), -EINVAL);
	assert_int_equal(sip_seconds_parse(STR("0600000"), &n), 0);
	assert_int_equal(n, 600000);
	static const char *const worse[] = {"", "-1", "1 ", "x", "4294967296", "1;x"};
	for (size_t i = 0; i < N(worse); i++)
		assert_int_equal(sip_seconds_parse(str_of(worse[i]), &n), -EINVAL);
}

/* ---- credentials ---- */

static void test_auth(void **state)
{
	struct sip_auth a;
	struct str v;
	assert_int_equal(
		sip_auth_parse(&a, STR("Digest username=\"a\\\"b\", realm = \"\" ,\r\n "
				       "uri=sip:h,nc=00000001, x=\"a,b\"")),
		0);
	assert_str(a.scheme, "Digest");
	assert_true(sip_auth_param(&a, STR("USERNAME"), &v));
	assert_str(v, "a\\\"b");
	assert_true(sip_auth_param(&a, STR("realm"), &v));
	assert_str(v, "");
	assert_true(sip_auth_param(&a, STR("uri"), &v));
	assert_str(v, "sip:h");
	assert_true(sip_auth_param(&a, STR("x"), &v));
	assert_str(v, "a,b");
	assert_false(sip_auth_param(&a, STR("name"), &v));
	assert_null(v.p);

	assert_int_equal(sip_auth_parse(&a, STR("Bearer eyJh.bGci-_~+/==")), 0);
	assert_str(a.scheme, "Bearer");
	assert_str(a.params, "eyJh.bGci-_~+/==");
	assert_false(sip_auth_param(&a, STR("access_token"), &v));
	assert_int_equal(sip_auth_parse(&a, STR("Bearer access_token=\"abc\"")), 0);
	assert_true(sip_auth_param(&a, STR("access_token"), &v));
	assert_str(v, "abc");
	assert_int_equal(sip_auth_parse(&a, STR("qop=auth, rspauth=\"x\"")), 0);
	assert_null(a.scheme.p);
	assert_true(sip_auth_param(&a, STR("qop"), &v));
	assert_str(v, "auth");

	static const char *const bad[] = {"", " ", "Digest", "Digest ", ",", "=a",
		"\"a\" b", "Digest\"a\"", "Di,gest a=b"};
	for (size_t i = 0; i < N(bad); i++)
		assert_int_equal(sip_auth_parse(&a, str_of(bad[i])), -EINVAL);
}

static void test_bearer(void **state)
{
	static const char *const good[][2] = {
		{"Bearer eyJh.bGci-_~+/==", "eyJh.bGci-_~+/=="},
		{" bearer  abc ", "abc"},
		{"BEARER\tabc", "abc"},
		{"Bearer access_token=\"a.b-c\"", "a.b-c"},
		{"Bearer access_token=a.b-c", "a.b-c"},
		{"Bearer realm=\"x\",\r\n Access_Token = \"abc==\"", "abc=="},
		{"Bearer access_token", "access_token"},
		{"Bearer access_token=", "access_token="},
	};
	static const char *const bad[] = {"", "Bearer", "Bearer ", "Bearer =", "Digest abc",
		"Bearer a b", "Bearer a,b", "Bearer a=b", "Bearer realm=\"x\"",
		"Bearer access_token=\"\"", "Bearer access_token=\"a b\"",
		"Bearer access_token=\"a\", access_token=\"a\"",
		"Bearer access_token=\"a\", b", "Bearer access_token=\"a", "abc",
		"Bearer \"abc\"", "Bearer a=b=", "Bearer access_token=\"a\\\"b\""};
	struct str v;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		assert_int_equal(sip_bearer_parse(str_of(good[i][0]), &v), 0);
		assert_str(v, good[i][1]);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		if (!sip_bearer_parse(str_of(bad[i]), &v))
			fail_msg("taken: %s", bad[i]);
		assert_null(v.p);
	}
}

static void test_auth_walk(void **state)
{
	struct str rest = STR("a=\"1\" , b=2,c = \"\""), name, value;
	bool quoted;
	assert_int_equal(sip_auth_next(&rest, &name, &value, &quoted), 1);
	assert_str(name, "a");
	assert_str(value, "1");
	assert_true(quoted);
	assert_int_equal(sip_auth_next(&rest, &name, &value, &quoted), 1);
	assert_str(value, "2");
	assert_false(quoted);
	assert_int_equal(sip_auth_next(&rest, &name, &value, &quoted), 1);
	assert_str(value, "");
	assert_int_equal(sip_auth_next(&rest, &name, &value, &quoted), 0);
	assert_int_equal(sip_auth_next(&rest, &name, &value, &quoted), 0);
	static const char *const bad[] = {"", ",a=b", "a", "a=", "a=,b=c", "a=\"b",
		"a=\"b\"c", "a=b c", "a=b\"c\"", "=b", "a==\"b\"", "a=\"b\r\n c\"",
		"a b=c"};
	for (size_t i = 0; i < N(bad); i++) {
		rest = str_of(bad[i]);
		int got = sip_auth_next(&rest, &name, &value, &quoted);
		if (got != -EINVAL)
			print_error("%s\n", bad[i]);
		assert_int_equal(got, -EINVAL);
	}
	/* a comma at the end is broken too, but seen one step later */
	rest = STR("a=b,");
	assert_int_equal(sip_auth_next(&rest, &name, &value, &quoted), 1);
	assert_int_equal(sip_auth_next(&rest, &name, &value, &quoted), -EINVAL);
}

static void test_digest(void **state)
{
	struct sip_digest d;
	assert_int_equal(
		sip_digest_parse(&d,
			STR("dIgEsT username=\"u\",realm=\"r\",nonce=\"n\",uri=\"sip:x\","
			    "response=\"\",algorithm=MD5,cnonce=\"c\",opaque=\"o\",qop="
			    "auth,"
			    "nc=00000001,auts=\"t\",stale=TRUE,domain=\"d\",Integrity-"
			    "Protected=\"yes\","
			    "authorization-entity=\"waf\",wwsf-entity=\"wwsf\",ext=1")),
		0);
	assert_str(d.username, "u");
	assert_str(d.realm, "r");
	assert_str(d.nonce, "n");
	assert_str(d.uri, "sip:x");
	assert_str(d.response, "");
	assert_str(d.algorithm, "MD5");
	assert_str(d.cnonce, "c");
	assert_str(d.opaque, "o");
	assert_str(d.qop, "auth");
	assert_str(d.nc, "00000001");
	assert_str(d.auts, "t");
	assert_str(d.stale, "TRUE");
	assert_str(d.domain, "d");
	assert_str(d.integrity_protected, "yes");
	assert_null(d.rspauth.p);
	assert_int_equal(
		sip_digest_parse(&d, STR("qop=auth,rspauth=\"a\",nextnonce=\"b\"")), 0);
	assert_str(d.rspauth, "a");
	assert_str(d.nextnonce, "b");
	static const char *const bad[] = {"", "Digest", "Bearer a=b", "Digest abc",
		"Digest realm=\"a\", realm=\"a\"", "Digest realm=\"a\", REALM=\"b\"",
		"Digest x=1, X=2", "Digest realm=\"a\",",
		"Digest realm=\"a\" nonce=\"b\"", "Digest realm=\"a",
		"Digest integrity-protected=no, integrity-protected=\"auth-done\""};
	for (size_t i = 0; i < N(bad); i++)
		assert_int_equal(sip_digest_parse(&d, str_of(bad[i])), -EINVAL);
	/* unknown parameters without end */
	struct buf b = {0};
	buf_add(&b, STR("Digest realm=\"a\""));
	for (int i = 0; i < 16; i++)
		buf_fmt(&b, ",x%d=1", i);
	assert_int_equal(sip_digest_parse(&d, buf_str(&b)), 0);
	buf_add(&b, STR(",y=1"));
	assert_int_equal(sip_digest_parse(&d, buf_str(&b)), -EINVAL);
	buf_free(&b);
}

static void test_quote(void **state)
{
	assert_str(sip_quote(&arena, STR_NONE), "\"\"");
	assert_str(sip_quote(&arena, STR("a\"b\\c\r\nd\te")), "\"a\\\"b\\\\c  d\te\"");
	assert_true(str_eq(sip_quote(&arena, (struct str){"\0\x1b", 2}),
		(struct str){"\"\\\0\\\x1b\"", 6}));
}

/* ---- of a message ---- */

#define CRLF "\r\n"
static struct sip_msg message(const char *start, const char *fields)
{
	struct str text = arena_fmt(&arena,
		"%s" CRLF "Via: SIP/2.0/TCP a.example;branch=z9hG4bK1, SIP/2.0/WSS "
			  "b.invalid:81;branch="
		"z9hG4bK2;rport" CRLF
		"v: SIP/2.0/UDP c.example;branch=z9hG4bK3;maddr=x" CRLF
		"From: \"Al\" <sip:alice@ims.example.org;x=1>;tag=a1" CRLF
		"To: sip:bob@ims.example.org" CRLF "Call-ID: c1" CRLF
		"CSeq: 4 INVITE" CRLF "%s" CRLF "body",
		start, fields);
	struct sip_msg m;
	struct sip_fault fault;
	assert_int_equal(sip_msg_parse(&m, text, &arena, &fault), 0);
	return m;
}

/* ---- who vouches ---- */

static struct sip_entities entities(const char *authorization, const struct sip_entity_params *p)
{
	struct str fields = arena_fmt(&arena, "Authorization: %s" CRLF, authorization);
	struct sip_msg m = message("INVITE sip:ims.example.org SIP/2.0", fields.p);
	struct sip_register r;
	struct sip_fault fault;
	assert_int_equal(sip_register_parse(&r, &m, 600, &arena, &fault), 0);
	return sip_entities_of(&r, &m, p);
}

/* The username goes on as a UTF8String of Diameter. */
static void test_username(void **state)
{
	static const struct {
		const char *name;
		int err;
	} rows[] = {{"alice@x", 0}, {"", 0}, {"\xc3\xa9@x", 0}, {"al\tice@x", -EBADMSG},
		{"al\xff@x", -EBADMSG}, {"al\xc3", -EBADMSG}, {"\xc0\x80@x", -EBADMSG}};
	struct sip_register r;
	struct sip_fault fault;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct str field = arena_fmt(&arena, "Authorization: Digest username=\"%s\"" CRLF, rows[i].name);
		struct sip_msg m = message("INVITE sip:ims.example.org SIP/2.0", field.p);
		assert_int_equal(sip_register_parse(&r, &m, 600, &arena, &fault), rows[i].err);
	}
}

static void test_entities(void **state)
{
	static const struct sip_entity_params usual = {"authorization-entity", "wwsf-entity"};
	static const struct sip_entity_params one = {"", "authorization-entity"};
	static const struct sip_entity_params same = {"x", "X"}, words = {"a b", "c"};
	struct sip_entities e = entities("Digest username=\"a\", Authorization-Entity=\"waf.x\", "
		"wwsf-entity=w.x, x=\"wwsf-entity=y\"", &usual);
	char why[512];

	assert_str(e.waf, "waf.x");
	assert_str(e.wwsf, "w.x");
	e = entities("Digest username=\"a\", wwsf-entity=\"\"", &usual);
	assert_null(e.waf.p);
	assert_str(e.wwsf, ""); /* there, and nobody's name */
	e = entities("Digest username=\"a\", authorization-entity=\"w.x\"", &one);
	assert_null(e.waf.p);
	assert_str(e.wwsf, "w.x");
	e = entities("Bearer abc", &usual);
	assert_null(e.waf.p);
	assert_null(e.wwsf.p);
	assert_int_equal(sip_entity_check(&usual, why), 0);
	assert_int_equal(sip_entity_check(&one, why), 0);
	assert_int_equal(sip_entity_check(&same, why), -EINVAL);
	assert_string_equal(why, "entity-params: waf and wwsf have the same name \"x\"");
	assert_int_equal(sip_entity_check(&words, why), -EINVAL);
}

static void test_script_fields(void **state)
{
	static const struct {
		const char *name, *value;
	} rows[] = {
		{"Request-URI", "sip:bob@ims.example.org:5060;user=phone"},
		{"request-uri.port", "5060"},
		{"Request-URI.user", "bob"},
		{"Request-URI.scheme", "sip"},
		{"Request-URI.user2", NULL},
		{"Method", "INVITE"},
		{"Status", NULL},
		{"body", "body"},
		{"To", "sip:bob@ims.example.org"},
		{"To.tag", NULL},
		{"To.uri", "sip:bob@ims.example.org"},
		{"To.uri.host", "ims.example.org"},
		{"To.uri.port", NULL},
		{"FROM.TAG", "a1"},
		{"From.display", "\"Al\""},
		{"From.uri.x", "1"},
		{"From.x", NULL},
		{"f.tag", "a1"},
		{"Via", "SIP/2.0/TCP a.example;branch=z9hG4bK1, SIP/2.0/WSS "
			"b.invalid:81;branch=z9hG4bK2;rport"},
		{"Via.branch", "z9hG4bK1"},
		{"Via[1]", "SIP/2.0/TCP a.example;branch=z9hG4bK1"},
		{"Via[2].branch", "z9hG4bK2"},
		{"Via[2].rport", ""},
		{"Via[3]", "SIP/2.0/UDP c.example;branch=z9hG4bK3;maddr=x"},
		{"Via[4]", NULL},
		{"Via[0]", NULL},
		{"Via[x]", NULL},
		{"Via[1", NULL},
		{"Via.maddr", "x"},
		{"Via[1].maddr", NULL},
		{"Contact.expires", "600"},
		{"Contact.+sip.instance", "<urn:uuid:0;x=1>"},
		{"Contact.uri.transport", "ws"},
		{"Contact[2].expires", NULL},
		{"Path.uri.ob", ""},
		{"Path[1].uri.ob", NULL},
		{"Authorization", "Bearer abc"},
		{"Authorization[2].scheme", "Digest"},
		{"Authorization.scheme", "Bearer"},
		{"Authorization.integrity-protected", "auth-done"},
		{"Authorization[1].integrity-protected", NULL},
		{"P-Charging-Vector.icid-value", "a;b"},
		{"P-Charging-Vector.orig-ioi", "Type 1x"},
		{"P-Access-Network-Info.network-provided", ""},
		{"P-Visited-Network-ID", "\"ims.example.org\""},
		{"Supported[2]", "outbound"},
		{"X-Other", "1;a=2"},
		{"x-other.a", "2"},
		{"X-Other[2].a", "3"},
		{"X-Other[3]", NULL},
		{"X-Missing", NULL},
		{"Proxy-Authorization.realm", NULL},
		{"Refer-To.uri", NULL},
		{"Call-ID.uri", NULL},
		{"", NULL},
		{".", NULL},
		{"[1]", NULL},
	};
	struct sip_msg m = message(
		"INVITE sip:bob@ims.example.org:5060;user=phone SIP/2.0",
		"Contact: "
		"<sip:k@h;transport=ws>;+sip.instance=\"<urn:uuid:0;x=1>\";expires=600,"
		" <sip:l@h>" CRLF "Path: <sip:a;lr>, <sip:b;lr;ob>" CRLF
		"Authorization: Bearer abc" CRLF "Authorization: Digest username=\"a\", "
						 "integrity-protected=\"auth-done\"" CRLF
		"P-Charging-Vector: icid-value=\"a;b\";orig-ioi=\"Type 1x\"" CRLF
		"P-Access-Network-Info: IEEE-802.11;network-provided" CRLF
		"Proxy-Authorization: Digest" CRLF "Refer-To: *" CRLF
		"P-Visited-Network-ID: \"ims.example.org\"" CRLF
		"Supported: path, outbound" CRLF "X-Other: 1;a=2" CRLF
		"X-Other: a=3" CRLF);
	for (size_t i = 0; i < N(rows); i++) {
		struct str got = sip_script_field(&m, str_of(rows[i].name));
		if (rows[i].value ? !got.p || !str_eq(got, str_of(rows[i].value))
				  : got.p != NULL)
			print_error("%s\n", rows[i].name);
		assert_str(got, rows[i].value);
	}
	m = message("SIP/2.0 401 Unauthorized",
		"WWW-Authenticate: Digest realm=\"a\", nonce=\"b\"" CRLF
		"WWW-Authenticate: Bearer realm=\"a\", error=\"invalid_token\"" CRLF);
	assert_str(sip_script_field(&m, STR("Status")), "401");
	assert_str(sip_script_field(&m, STR("Reason-Phrase")), "Unauthorized");
	assert_str(sip_script_field(&m, STR("Request-URI")), NULL);
	assert_str(sip_script_field(&m, STR("Request-URI.user")), NULL);
	assert_str(sip_script_field(&m, STR("WWW-Authenticate.error")), "invalid_token");
	assert_str(sip_script_field(&m, STR("Method")), "INVITE");
}

static void test_tag(void **state)
{
	struct sip_msg m = message("SIP/2.0 200 OK", "");
	assert_str(sip_tag(&m, SIP_H_FROM), "a1");
	assert_str(sip_tag(&m, SIP_H_TO), NULL);
}

static void test_check(void **state)
{
	static const struct {
		const char *fields, *why;
	} rows[] = {
		{"Contact: <sip:a@h>" CRLF "Max-Forwards: 0255" CRLF
		 "Route: <sip:a;lr>" CRLF,
			NULL},
		{"Authorization: Bearer abc" CRLF, NULL},
		{"Authorization: Frob a b c" CRLF, NULL},
		{"Route:" CRLF, "Malformed Route"},
		{"Route: <sip:a;lr>,," CRLF, "Malformed Route"},
		{"Contact: *" CRLF, "Malformed Contact"},
		{"Contact: <sip:a@h>;;" CRLF, "Malformed Contact"},
		{"Max-Forwards: 256" CRLF, "Malformed Max-Forwards"},
		{"Max-Forwards: -1" CRLF, "Malformed Max-Forwards"},
		{"Record-Route: sip:a x" CRLF, "Malformed Record-Route"},
		{"Path: *" CRLF, "Malformed Path"},
		{"Service-Route: a" CRLF, "Malformed Service-Route"},
		{"P-Asserted-Identity: alice" CRLF, "Malformed P-Asserted-Identity"},
		{"P-Preferred-Identity: <sip:a@h" CRLF, "Malformed P-Preferred-Identity"},
		{"P-Associated-URI: <sip:web![0-9]!@h>" CRLF, NULL},
		{"Refer-To: ?" CRLF, "Malformed Refer-To"},
		{"v: SIP/2.0/UDP" CRLF, "Malformed Via"},
		{"Authorization: Digest" CRLF, "Malformed Authorization"},
		{"Authorization: a=b" CRLF, "Malformed Authorization"},
		{"Authorization: Digest realm=\"a\", realm=\"b\"" CRLF,
			"Malformed Authorization"},
		{"Proxy-Authorization: Digest x" CRLF, "Malformed Proxy-Authorization"},
	};
	for (size_t i = 0; i < N(rows); i++) {
		struct sip_msg m = message("INVITE sip:a SIP/2.0", rows[i].fields);
		struct sip_fault fault = {0};
		int err = sip_msg_check(&m, &fault);
		if (err != (rows[i].why ? -EBADMSG : 0))
			print_error("%s", rows[i].fields);
		assert_int_equal(err, rows[i].why ? -EBADMSG : 0);
		if (err) {
			assert_string_equal(fault.why, rows[i].why);
			assert_int_equal(fault.status, 400);
		}
		m = message("SIP/2.0 200 OK", rows[i].fields);
		assert_int_equal(sip_msg_check(&m, &fault), err);
		if (err)
			assert_int_equal(fault.status, 0);
	}
}

static void test_check_of_names(void **state)
{
	static const struct {
		const char *call_id;
		bool good;
	} rows[] = {{"a", true}, {"a@b", true}, {"!%()<>:\\\"/[]?{}@~", true},
		{"a@b@c", false}, {"a b", false}, {"", false}, {"\xc3\xb6", false},
		{"a,b", false}};
	for (size_t i = 0; i < N(rows); i++) {
		struct str text = arena_fmt(&arena,
			"REGISTER sip:h SIP/2.0" CRLF "v: SIP/2.0/UDP a" CRLF
			"f: <sip:a@h>" CRLF "t: <sip:a@h>" CRLF "CSeq: 1 REGISTER" CRLF
			"m: *" CRLF "i: %s" CRLF CRLF,
			rows[i].call_id);
		struct sip_msg m;
		struct sip_fault fault;
		assert_int_equal(sip_msg_parse(&m, text, &arena, &fault), 0);
		assert_int_equal(sip_msg_check(&m, &fault), rows[i].good ? 0 : -EBADMSG);
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_teardown(f, teardown)
	const struct CMUnitTest tests[] = {
		T(test_uri_parts),
		T(test_uri_good),
		T(test_uri_bad),
		T(test_uri_canonical),
		T(test_uri_equal),
		T(test_params),
		T(test_name_addr),
		T(test_name_addr_bad),
		T(test_via),
		T(test_numbers),
		T(test_auth),
		T(test_bearer),
		T(test_auth_walk),
		T(test_digest),
		T(test_quote),
		T(test_username),
		T(test_entities),
		T(test_script_fields),
		T(test_tag),
		T(test_check),
		T(test_check_of_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
