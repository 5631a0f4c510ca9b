/* Tests of the edge's parts: the trust border, flow tokens, limits, the book of bindings.
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdlib.h>
#include <cmocka.h>

#include "common/edge/binding.h"
#include "common/edge/border.h"
#include "common/edge/limit.h"
#include "common/edge/mw.h"
#include "common/edge/flow_token.h"

static struct addr at(const char *text)
{
	struct addr a;
	assert_int_equal(addr_parse(str_of(text), 0, &a), 0);
	return a;
}

/* ---- index ---- */

static void test_index(void **state)
{
	enum { N = 3000 };
	static int entry[N];
	struct edge_index x = {0};
	size_t it = 0;

	assert_null(edge_index_next(&x, 1, &it));
	for (int i = 0; i < N; i++)
		edge_index_add(
			&x, (uint64_t)(i % 1000), &entry[i]); /* three of each hash */
	for (int i = 0; i < N; i += 3)
		edge_index_remove(&x, (uint64_t)(i % 1000), &entry[i]);
	assert_int_equal(x.n, N - N / 3);
	for (int i = 0; i < N; i++) {
		bool found = false;
		void *e;
		for (it = 0; (e = edge_index_next(&x, (uint64_t)(i % 1000), &it));) {
			assert_int_equal(((int *)e - entry) % 1000, i % 1000);
			found |= e == &entry[i];
		}
		assert_int_equal(found, i % 3 != 0);
	}
	edge_index_remove(&x, 5, &x); /* not in it */
	assert_int_equal(x.n, N - N / 3);
	edge_index_free(&x);
}

/* ---- flow tokens ---- */

static const struct sip_hop *sample_hops(size_t *n)
{
	static struct sip_hop hops[4];
	hops[0] = (struct sip_hop){.transport = SIP_WSS, .conn = 0x1122334455667788};
	hops[1] =
		(struct sip_hop){.transport = SIP_UDP, .remote = at("127.38.0.101:5060")};
	hops[2] = (struct sip_hop){
		.transport = SIP_TCP, .remote = at("127.38.0.101:40001"), .conn = 9};
	hops[3] = (struct sip_hop){
		.transport = SIP_TLS, .remote = at("[2001:db8::1]:5061"), .conn = 7};
	*n = 4;
	return hops;
}

static void test_token(void **state)
{
	struct edge_flow_token_key key, other;
	struct chance c;
	char text[EDGE_FLOW_TOKEN_SIZE], again[EDGE_FLOW_TOKEN_SIZE];
	struct sip_hop got;
	size_t n;
	const struct sip_hop *hops = sample_hops(&n);

	chance_init(&c, 1, "edge");
	edge_flow_token_key_draw(&key, &c);
	edge_flow_token_key_draw(&other, &c);
	for (size_t i = 0; i < n; i++) {
		edge_flow_token_write(&key, &hops[i], text);
		assert_int_equal(edge_flow_token_read(&key, str_of(text), &got), 0);
		assert_int_equal(got.transport, hops[i].transport);
		assert_int_equal(got.conn, hops[i].conn);
		if (addr_is(&hops[i].remote))
			assert_true(addr_eq(&got.remote, &hops[i].remote));
		edge_flow_token_write(&key, &got, again);
		assert_string_equal(text, again);
		assert_int_equal(edge_flow_token_read(&other, str_of(text), &got), -EINVAL);
	}
}

static void test_token_forged(void **state)
{
	static const char *const rubbish[] = {"", "w", "a", "w!", "alice", "wAAAA",
		"w\x01",
		"wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
		"AAAAAAAA"};
	struct edge_flow_token_key key = {{1, 2, 3}};
	char text[EDGE_FLOW_TOKEN_SIZE];
	struct sip_hop got;
	size_t n;
	const struct sip_hop *hops = sample_hops(&n);

	for (size_t i = 0; i < sizeof rubbish / sizeof *rubbish; i++)
		assert_int_equal(
			edge_flow_token_read(&key, str_of(rubbish[i]), &got), -EINVAL);
	for (size_t i = 0; i < n; i++) {
		edge_flow_token_write(&key, &hops[i], text);
		size_t len = strlen(text);
		for (size_t k = 0; k < len; k++) {
			char was = text[k];
			for (int b = 0; b < 7; b++) { /* one bit of one character */
				text[k] = (char)(was ^ 1 << b);
				assert_int_equal(edge_flow_token_read(&key,
							 (struct str){text, len}, &got),
					-EINVAL);
			}
			text[k] = was;
			assert_int_equal(
				edge_flow_token_read(&key, (struct str){text, k}, &got),
				-EINVAL);
		}
		assert_int_equal(edge_flow_token_read(&key, (struct str){text, len}, &got), 0);
	}
}

/* ---- limits ---- */

static void test_window(void **state)
{
	struct edge_window w = {0};
	int wait = 0;
	for (int i = 0; i < 5; i++)
		assert_true(edge_window_take(&w, 1000 + i, 10000, 5, &wait));
	assert_false(edge_window_take(&w, 1500, 10000, 5, &wait));
	assert_int_equal(wait, 10);
	assert_false(edge_window_take(&w, 10999, 10000, 5, &wait));
	assert_int_equal(wait, 1);
	assert_true(edge_window_take(&w, 11000, 10000, 5, &wait));
	assert_int_equal(w.n, 1);
}

static void test_sources(void **state)
{
	struct edge_sources s = {0};
	struct addr a = at("127.38.0.101:1000"), b = at("127.38.0.101:2000");
	struct edge_source *e = edge_source_of(&s, &a, 0);
	int wait;

	assert_ptr_equal(edge_source_of(&s, &b, 0), e); /* the port does not count */
	e->open = 1;
	for (int i = 0; i < 5000; i++) {
		char text[32];
		snprintf(text, sizeof text, "127.%d.%d.2", 40 + i / 250, i % 250);
		struct addr other = at(text);
		struct edge_source *o = edge_source_of(&s, &other, i);
		assert_true(edge_window_take(&o->handshakes, i, 1000, 1, &wait));
		assert_false(edge_window_take(&o->handshakes, i, 1000, 1, &wait));
	}
	assert_true(s.n < 2500); /* silent ones were swept */
	assert_ptr_equal(edge_source_of(&s, &a, 5000), e);
	edge_sources_reset(&s, 5000);
	assert_int_equal(s.n, 1);
	edge_sources_free(&s);
}

/* ---- the border ---- */

struct bench {
	struct arena a;
	struct sip_msg m;
	struct sip_edit e;
	struct buf out;
};

static void begin(struct bench *t, const char *text)
{
	struct sip_fault fault;
	*t = (struct bench){0};
	assert_int_equal(sip_msg_parse(&t->m, str_of(text), &t->a, &fault), 0);
	sip_edit_begin(&t->e, &t->m, &t->a);
}

static void done(struct bench *t)
{
	buf_free(&t->out);
	arena_free(&t->a);
}

static bool has(struct bench *t, const char *text)
{
	t->out.n = 0;
	sip_edit_write(&t->e, &t->out);
	return str_find(buf_str(&t->out), str_of(text)) >= 0;
}

static int clean(struct bench *t, unsigned keep, const char *flag)
{
	static const struct sip_entity_params entities = {
		"authorization-entity", "wwsf-entity"};
	struct sip_fault fault;
	return edge_border_request(
		&t->e, keep, &(struct edge_said){.flag = flag}, &entities, &fault);
}

#define HEAD                                                                             \
	"REGISTER sip:ims.example.org SIP/2.0\r\n"                                       \
	"Via: SIP/2.0/WSS q7.invalid;branch=z9hG4bK1;rport\r\n"                          \
	"Max-Forwards: 70\r\n"                                                           \
	"From: <sip:alice@ims.example.org>;tag=a1\r\n"                                   \
	"To: <sip:alice@ims.example.org>\r\n"                                            \
	"Call-ID: c1\r\n"                                                                \
	"CSeq: 1 REGISTER\r\n"                                                           \
	"Contact: "                                                                      \
	"<sip:k@q7.invalid;transport=ws>;+sip.instance=\"<urn:uuid:0f>\";reg-id=1\r\n"
#define TAIL "Content-Length: 0\r\n\r\n"

/* TS 24.229 4.4: fields that a user has no business to send. */
static const char *const network_only[] = {"Path", "P-Asserted-Identity",
	"P-Visited-Network-ID", "P-Charging-Vector", "P-Charging-Function-Addresses",
	"P-Associated-URI", "P-Called-Party-ID", "P-Profile-Key", "P-Served-User",
	"P-User-Database", "P-Asserted-Service", "P-Private-Network-Indication",
	"P-Early-Media", "Service-Route", "History-Info", "Resource-Priority",
	"Feature-Caps", "Restoration-Info", "Relayed-Charge", "Service-Interact-Info",
	"Cellular-Network-Info", "Response-Source", "Attestation-Info", "Origination-Id",
	"Additional-Identity", "Record-Route", "Security-Client", "Security-Verify"};

static void test_border_fields(void **state)
{
	for (size_t i = 0; i < sizeof network_only / sizeof *network_only; i++) {
		struct bench t;
		struct buf b = {0};
		assert_true(edge_border_drops_in(sip_header_id(str_of(network_only[i]))));
		buf_fmt(&b, HEAD "%s: <sip:evil@x.example;lr>\r\n" TAIL, network_only[i]);
		begin(&t, buf_z(&b));
		assert_int_equal(clean(&t, 0, NULL), 0);
		assert_false(has(&t, "evil"));
		assert_true(has(&t, "Contact: <sip:k@q7.invalid;transport=ws>"));
		done(&t);
		/* in lower case and twice */
		b.n = 0;
		buf_fmt(&b, HEAD);
		for (const char *c = network_only[i]; *c; c++)
			buf_byte(&b, *c >= 'A' && *c <= 'Z' ? (char)(*c | 0x20) : *c);
		buf_fmt(&b, ": evil1\r\n%s : evil2\r\n" TAIL, network_only[i]);
		struct arena a = {0};
		struct sip_msg m;
		struct sip_fault fault;
		if (!sip_msg_parse(&m, buf_str(&b), &a, &fault)) {
			begin(&t, buf_z(&b));
			assert_int_equal(clean(&t, 0, NULL), 0);
			assert_false(has(&t, "evil"));
			done(&t);
		}
		arena_free(&a);
		buf_free(&b);
	}
}

static void test_border_keeps(void **state)
{
	static const char text[] =
		HEAD "P-Preferred-Identity: <sip:alice@ims.example.org>\r\n"
		     "P-Access-Network-Info: IEEE-802.11;i-wlan-node-id=001122\r\n"
		     "Supported: path, outbound, gruu\r\nX-Own: stays\r\n" TAIL;
	struct bench t;
	begin(&t, text);
	assert_int_equal(clean(&t, 0, NULL), 0);
	assert_true(has(&t, text)); /* bit for bit */
	done(&t);
}

static void test_border_access_network(void **state)
{
	struct bench t;
	begin(&t, HEAD "P-Access-Network-Info: IEEE-802.3;Network-Provided\r\n" TAIL);
	assert_int_equal(clean(&t, 0, NULL), 0);
	assert_false(has(&t, "P-Access"));
	done(&t);
}

static void test_border_path_kept(void **state)
{
	struct bench t;
	begin(&t, HEAD "Path: <sip:t@waaf.ims.example.org;lr;ob>\r\nP-Charging-Vector: "
		       "icid-value=x\r\n" TAIL);
	assert_int_equal(clean(&t, EDGE_KEEP_PATH, NULL), 0);
	assert_true(has(&t, "Path: <sip:t@waaf"));
	assert_false(has(&t, "P-Charging"));
	done(&t);
}

static void test_border_via(void **state)
{
	struct bench t;
	begin(&t, "REGISTER sip:ims.example.org SIP/2.0\r\n"
		  "Via: SIP/2.0/WSS q7.invalid;branch=z9hG4bK1, SIP/2.0/UDP "
		  "evil.example;branch=z9hG4bK2\r\n"
		  "v: SIP/2.0/TCP evil2.example;branch=z9hG4bK3\r\n"
		  "From: <sip:alice@ims.example.org>;tag=a1\r\nTo: "
		  "<sip:alice@ims.example.org>\r\n"
		  "Call-ID: c1\r\nCSeq: 1 REGISTER\r\n" TAIL);
	assert_int_equal(clean(&t, 0, NULL), 0);
	assert_false(has(&t, "evil"));
	assert_true(has(&t, "Via: SIP/2.0/WSS q7.invalid;branch=z9hG4bK1\r\nFrom"));
	done(&t);
}

static void test_border_uris(void **state)
{
	struct bench t;
	begin(&t, "INVITE sip:bob@ims.example.org;orig;user=phone SIP/2.0\r\n"
		  "Via: SIP/2.0/WSS q7.invalid;branch=z9hG4bK1\r\n"
		  "From: \"A\" <sip:alice@ims.example.org;cpc=operator>;tag=a1\r\n"
		  "To: <sip:bob@ims.example.org;iotl=homeA-homeB;x=1>\r\n"
		  "Call-ID: c1\r\nCSeq: 1 INVITE\r\n"
		  "Contact: <sip:k@q7.invalid;transport=ws;ORIG>;q=1\r\n"
		  "P-Preferred-Identity: <tel:+4930123;oli=62>, "
		  "<sip:alice@ims.example.org>\r\n" TAIL);
	assert_int_equal(clean(&t, 0, NULL), 0);
	assert_true(has(&t, "INVITE sip:bob@ims.example.org;user=phone SIP/2.0\r\n"));
	assert_true(has(&t, "From: \"A\" <sip:alice@ims.example.org>;tag=a1\r\n"));
	assert_true(has(&t, "To: <sip:bob@ims.example.org;x=1>\r\n"));
	assert_true(has(&t, "Contact: <sip:k@q7.invalid;transport=ws>;q=1\r\n"));
	assert_true(has(&t, "<tel:+4930123>, <sip:alice@ims.example.org>\r\n"));
	done(&t);
}

/* What comes as Authorization, with which flag and trust; what goes on (NULL: nothing). */
static const struct {
	const char *in, *flag;
	unsigned keep;
	const char *out;
} credentials[] = {
	{"Digest username=\"a@x\", realm=\"x\", uri=\"sip:x\", nonce=\"\", response=\"\"",
		NULL, 0,
		"Digest username=\"a@x\", realm=\"x\", uri=\"sip:x\", nonce=\"\", "
		"response=\"\""},
	{"Digest username=\"a@x\",integrity-protected=\"auth-done\", response=\"\"", NULL,
		0, "Digest username=\"a@x\", response=\"\""},
	{"Digest Integrity-Protected=auth-done, username=\"a@x\"", NULL, 0,
		"Digest username=\"a@x\""},
	{"Digest username=\"a@x\", authorization-entity=\"waf.x\", wwsf-entity=\"w\", "
	 "foo=bar",
		NULL, 0, "Digest username=\"a@x\""},
	{"digest username=\"a@x\", nc=00000001, qop=auth, cnonce=\"c\", opaque=\"o\", "
	 "algorithm=MD5, auts=\"\"",
		EDGE_TLS_PENDING, 0,
		"Digest username=\"a@x\", nc=00000001, qop=auth, cnonce=\"c\", "
		"opaque=\"o\", "
		"algorithm=MD5, auts=\"\", integrity-protected=\"tls-pending\""},
	{"Digest username=\"a\\\"b, integrity-protected=\\\"auth-done\"", NULL, 0,
		"Digest username=\"a\\\"b, integrity-protected=\\\"auth-done\""},
	{"Digest username=\"a@x\",\r\n "
	 "integrity-protected=\"auth-done\",\r\n\trealm=\"x\"",
		NULL, 0, "Digest username=\"a@x\", realm=\"x\""},
	{"Digest username=\"a@x\", integrity-protected=\"tls-yes\"", NULL, EDGE_KEEP_FLAG,
		"Digest username=\"a@x\", integrity-protected=\"tls-yes\""},
	{"Digest username=\"a@x\", integrity-protected=\"tls-connected\"", NULL, EDGE_KEEP_FLAG,
		"Digest username=\"a@x\", integrity-protected=\"tls-connected\""},
	{"Digest username=\"a@x\", integrity-protected=\"tls-connected\"", NULL, 0,
		"Digest username=\"a@x\""},
	{"Digest username=\"a@x\", integrity-protected=\"auth-done\", "
	 "authorization-entity=\"w\"",
		NULL, EDGE_KEEP_FLAG,
		"Digest username=\"a@x\", integrity-protected=\"auth-done\", "
		"authorization-entity=\"w\""},
	{"Digest username=\"a@x\", integrity-protected=\"yes\"", NULL, EDGE_KEEP_FLAG,
		"Digest username=\"a@x\""},
	{"Digest username=\"a@x\", integrity-protected=\"no\"", NULL, EDGE_KEEP_FLAG,
		"Digest username=\"a@x\""},
	{"Bearer eyJhbGciOiJFUzI1NiJ9.e30.c2ln", NULL, 0, NULL},
	{"BEARER access_token=\"abc\"", NULL, EDGE_KEEP_FLAG, NULL},
	{"Basic YWxpY2U6cHc=", NULL, 0, NULL},
	{"Digest =x", NULL, 0, NULL},
};

static void test_border_credentials(void **state)
{
	for (size_t i = 0; i < sizeof credentials / sizeof *credentials; i++) {
		for (int proxy = 0; proxy < 2; proxy++) {
			struct bench t;
			struct buf b = {0}, want = {0};
			const char *name =
				proxy ? "Proxy-Authorization" : "Authorization";
			if (proxy && credentials[i].flag)
				continue;
			buf_fmt(&b, HEAD "%s: %s\r\n" TAIL, name, credentials[i].in);
			begin(&t, buf_z(&b));
			assert_int_equal(
				clean(&t, credentials[i].keep, credentials[i].flag), 0);
			buf_fmt(&want, "\r\n%s: %s\r\n", name,
				credentials[i].out ? credentials[i].out : "");
			if (credentials[i].out)
				assert_true(has(&t, buf_z(&want)));
			else
				assert_false(has(&t, "uthorization"));
			buf_free(&b);
			buf_free(&want);
			done(&t);
		}
	}
}

static void test_border_credentials_broken(void **state)
{
	static const char *const broken[] = {"Digest username", "Digest username=\"a",
		"Digest bare", "Digest foo=bar", "Digest username=\"a\" realm=\"x\"",
		"Digest ,"};
	for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
		struct bench t;
		struct buf b = {0};
		buf_fmt(&b, HEAD "Authorization: %s\r\n" TAIL, broken[i]);
		begin(&t, buf_z(&b));
		assert_int_equal(clean(&t, 0, EDGE_TLS_YES), -EBADMSG);
		buf_free(&b);
		done(&t);
	}
}

static void test_border_route(void **state)
{
	const struct str own[] = {STR("edge.ims.example.org"), STR("127.38.0.12")};
	struct bench t;
	begin(&t, HEAD "Route: <sip:EDGE.ims.example.org:8443;transport=ws;lr>\r\n"
		       "Route: <sip:127.38.0.12;lr>\r\n" TAIL);
	assert_int_equal(edge_border_route(&t.e, own, 2), 0);
	assert_false(has(&t, "Route:"));
	done(&t);
	begin(&t, HEAD "Route: <sip:edge.ims.example.org;lr>, <sip:orig@scscf;lr>\r\n"
		       "Route: <sip:127.38.0.12;lr>\r\n" TAIL);
	assert_int_equal(edge_border_route(&t.e, own, 2), 2);
	assert_true(has(&t, "Route: <sip:orig@scscf;lr>, <sip:127.38.0.12;lr>\r\n"));
	done(&t);
	begin(&t, HEAD TAIL);
	assert_int_equal(edge_border_route(&t.e, own, 2), 0);
	assert_true(has(&t, HEAD TAIL));
	done(&t);
}

#define OK200                                                                            \
	"SIP/2.0 200 OK\r\nVia: SIP/2.0/WSS q7.invalid;branch=z9hG4bK1\r\n"              \
	"From: <sip:alice@ims.example.org>;tag=a1\r\nTo: "                               \
	"<sip:alice@ims.example.org>;tag=b\r\n"                                          \
	"Call-ID: c1\r\nCSeq: 2 REGISTER\r\n"

static void test_border_outward(void **state)
{
	struct bench t;
	begin(&t,
		OK200 "Path: <sip:t@edge;lr;ob>\r\nService-Route: <sip:orig@scscf;lr>\r\n"
		      "P-Associated-URI: <sip:alice@ims.example.org>\r\n"
		      "P-Charging-Vector: icid-value=1;orig-ioi=\"Type 1x\"\r\n"
		      "P-Charging-Function-Addresses: "
		      "ccf=1.2.3.4\r\nP-Visited-Network-ID: x\r\n"
		      "P-Access-Network-Info: "
		      "IEEE-802.3;network-provided\r\nP-User-Database: <aaa://hss>\r\n"
		      "Authentication-Info: qop=auth\r\n"
		      "P-Asserted-Identity: <sip:bob@ims.example.org>\r\n" TAIL);
	edge_border_outward(&t.e);
	assert_true(has(&t, "Path: "));
	assert_true(has(&t, "Service-Route: "));
	assert_true(has(&t, "P-Associated-URI: "));
	assert_true(has(&t, "Authentication-Info: "));
	assert_true(has(&t, "P-Asserted-Identity: "));
	assert_false(has(&t, "P-Charging"));
	assert_false(has(&t, "P-Visited"));
	assert_false(has(&t, "P-Access"));
	assert_false(has(&t, "P-User-Database"));
	done(&t);
}

static void test_border_outward_privacy(void **state)
{
	struct bench t;
	begin(&t, OK200 "Privacy: header; id\r\nP-Asserted-Identity: <sip:bob@x>\r\n"
			"p-asserted-identity: <tel:+1>\r\n" TAIL);
	edge_border_outward(&t.e);
	assert_false(has(&t, "sip:bob"));
	assert_false(has(&t, "tel:+1"));
	done(&t);
	begin(&t, OK200 "Privacy: none\r\nP-Asserted-Identity: <sip:bob@x>\r\n" TAIL);
	edge_border_outward(&t.e);
	assert_true(has(&t, "sip:bob"));
	done(&t);
}

static void test_border_outward_keys(void **state)
{
	static const char plain[] =
		"WWW-Authenticate: Digest realm=\"x\",nonce=\"n\",  qop=\"auth\"\r\n";
	struct bench t;
	begin(&t, OK200 "WWW-Authenticate: Digest realm=\"x\", nonce=\"n\", ik=\"00ff\", "
			"CK=\"11\", "
			"algorithm=AKAv1-MD5\r\nWWW-Authenticate: Digest "
			"realm=\"x\",nonce=\"n\",  qop=\"auth\"\r\n" TAIL);
	edge_border_outward(&t.e);
	assert_true(has(&t, "WWW-Authenticate: Digest realm=\"x\", nonce=\"n\", "
			    "algorithm=AKAv1-MD5\r\n"));
	assert_true(has(&t, plain)); /* no keys in it: untouched */
	assert_false(has(&t, "00ff"));
	done(&t);
}

/* What can't be read to its end may hide keys behind it. */
static void test_border_outward_unreadable(void **state)
{
	static const char *const rows[] = {
		"Digest realm=\"x\", , ik=\"00ff\"", "Digest realm=\"x\", opaque, ik=\"00ff\"",
		"Digest realm=\"x\" ik=\"00ff\"", "Digest,ik=\"00ff\"",
		"Digest realm=\"x\", Digest realm=\"x\", ik=\"00ff\""};
	struct bench t;
	char text[600];
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		snprintf(text, sizeof text, OK200 "WWW-Authenticate: %s\r\n" TAIL, rows[i]);
		begin(&t, text);
		edge_border_outward(&t.e);
		assert_false(has(&t, "00ff"));
		done(&t);
	}
}

/* ---- on the way to the I-CSCF ---- */

static void read_register(struct bench *t, struct sip_register *r, const char *text)
{
	struct sip_fault fault;
	begin(t, text);
	assert_int_equal(sip_register_parse(r, &t->m, 3600, &t->a, &fault), 0);
}

static void test_mw(void **state)
{
	struct edge_mw mw = {"epcscf.ims.example.org", 5060, false,
		"visited.example", "IEEE-802.3"};
	struct sip_register r;
	struct chance c;
	struct bench t;

	chance_init(&c, 7, "edge");
	read_register(&t, &r, HEAD TAIL);
	edge_put_mw(&t.e, &mw, &r, "wTOKEN", &c);
	assert_true(has(&t, "Path: <sip:wTOKEN@epcscf.ims.example.org:5060;lr;ob>\r\n"));
	assert_true(has(&t, "Require: path\r\n"));
	assert_true(has(&t, "P-Visited-Network-ID: \"visited.example\"\r\n"));
	assert_true(has(&t, ";orig-ioi=\"Type 1visited.example\"\r\n"));
	assert_true(has(&t, "P-Access-Network-Info: IEEE-802.3;network-provided\r\n"));
	done(&t);

	read_register(&t, &r,
		"REGISTER sip:ims.example.org SIP/2.0\r\n"
		"Via: SIP/2.0/WSS q7.invalid;branch=z9hG4bK1\r\nFrom: "
		"<sip:a@x>;tag=1\r\nTo: <sip:a@x>\r\n"
		"Call-ID: c\r\nCSeq: 1 REGISTER\r\nContact: "
		"<sip:a@q7.invalid>\r\nRequire: gruu, path\r\n"
		"Path: <sip:t@waaf;lr>\r\nAuthorization: Digest username=\"a@x\", "
		"response=\"\"\r\n" TAIL);
	mw.tls = true;
	edge_put_mw(&t.e, &mw, &r, "aT", &c);
	assert_true(
		has(&t, "Path: <sip:aT@epcscf.ims.example.org:5060;transport=tls;lr>\r\n"
			"Path: <sip:t@waaf;lr>\r\n"));
	assert_false(has(&t, "Require: path"));
	assert_false(has(&t, "network-provided"));
	done(&t);
}

/* ---- the book ---- */

struct book_test {
	uv_loop_t loop;
	struct edge_book book;
	int expired, replaced;
};

static void on_gone(const struct edge_binding *b, enum edge_end why, void *arg)
{
	struct book_test *t = arg;
	*(why == EDGE_EXPIRED ? &t->expired : &t->replaced) += 1;
}

static void open_book(struct book_test *t)
{
	*t = (struct book_test){0};
	assert_int_equal(uv_loop_init(&t->loop), 0);
	edge_book_init(&t->book, clock_new(&t->loop), on_gone, t);
}

static void close_book(struct book_test *t)
{
	edge_book_clear(&t->book);
	clock_free(t->book.clock);
	uv_run(&t->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&t->loop), 0);
}

static void advance(struct book_test *t, int64_t ms)
{
	assert_int_equal(
		clock_set_offset(t->book.clock, clock_offset_ms(t->book.clock) + ms), 0);
}

static size_t count_impu(const struct book_test *t, const char *impu)
{
	size_t it = 0, n = 0;
	while (edge_book_impu(&t->book, str_of(impu), &it))
		n++;
	return n;
}

static void test_book_wic(void **state)
{
	struct book_test t;
	struct edge_bind what = {.kind = EDGE_WIC, .conn = 5};
	size_t it = 0;

	open_book(&t);
	what.text[EDGE_IMPI] = STR("alice@x");
	what.text[EDGE_IMPU] = STR("sip:alice@x");
	what.text[EDGE_SET] = STR("sip:alice@x\nsip:work@x\ntel:+491");
	what.text[EDGE_ROUTE] = STR("<sip:orig@scscf;lr>");
	edge_book_settle(&t.book, &what, 600);
	struct edge_binding *b = edge_book_impi(&t.book, STR("alice@x"), &it);
	assert_non_null(b);
	assert_null(edge_book_impi(&t.book, STR("alice@x"), &it));
	assert_true(str_eq(edge_binding_text(b, EDGE_ROUTE), STR("<sip:orig@scscf;lr>")));
	assert_int_equal(edge_binding_text(b, EDGE_INSTANCE).n, 0);
	assert_int_equal(count_impu(&t, "sip:alice@x"), 1);
	assert_int_equal(count_impu(&t, "tel:+491"), 1);
	assert_int_equal(count_impu(&t, "tel:+49"), 0);

	what.conn = 6; /* the same registration by another flow takes its place */
	what.text[EDGE_SET] = STR("sip:alice@x");
	edge_book_settle(&t.book, &what, 600);
	assert_int_equal(t.replaced, 1);
	assert_int_equal(count_impu(&t, "sip:work@x"), 0);
	assert_int_equal(edge_book_find(&t.book, &what)->conn, 6);

	what.text[EDGE_IMPU] = STR("sip:work@x"); /* a second set of the same IMPI */
	edge_book_settle(&t.book, &what, 60);
	assert_int_equal(t.replaced, 1);
	advance(&t, 61 * 1000);
	assert_int_equal(t.expired, 1);
	assert_int_equal(count_impu(&t, "sip:work@x"), 0);
	edge_book_settle(&t.book, &what, 0); /* gone already */
	what.text[EDGE_IMPU] = STR("sip:alice@x");
	edge_book_settle(&t.book, &what, 0);
	assert_int_equal(t.replaced, 2);
	assert_int_equal(t.book.by_impi.n + t.book.by_impu.n, 0);
	close_book(&t);
}

static void test_book_plain(void **state)
{
	struct book_test t;
	struct edge_bind what = {
		.kind = EDGE_PLAIN, .source = at("127.38.0.101:5060"), .sent_by = 1};
	struct addr other = at("127.38.0.102:5060"), other_port = at("127.38.0.101:7");

	open_book(&t);
	what.text[EDGE_IMPI] = STR("u@x");
	what.text[EDGE_IMPU] = STR("sip:u@x");
	edge_book_settle(&t.book, &what, 600);
	assert_non_null(edge_book_plain(&t.book, STR("u@x"), &what.source, 1));
	assert_non_null(edge_book_plain(&t.book, STR("u@x"), &other_port, 1));
	assert_null(edge_book_plain(&t.book, STR("u@x"), &what.source, 2));
	assert_null(edge_book_plain(&t.book, STR("u@x"), &other, 1));
	for (uint64_t i = 1; i <= 20; i++) { /* by ever new ways */
		what.sent_by = i;
		edge_book_settle(&t.book, &what, 600);
	}
	assert_int_equal(t.book.by_impi.n, EDGE_PLAIN_MOST);
	assert_non_null(edge_book_plain(&t.book, STR("u@x"), &what.source, 20));
	close_book(&t);
}

/* Many users behind one address and one sent-by: finding one costs the same as ever. */
static void test_book_many(void **state)
{
	enum { N = 100000 };
	struct book_test t;
	struct edge_bind what = {
		.kind = EDGE_PLAIN, .source = at("127.38.0.101:5060"), .sent_by = 1};
	char impi[32], impu[40];
	uint64_t began = clock_real_ns();

	open_book(&t);
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < N; i++) {
			snprintf(impi, sizeof impi, "user%06d@x", i);
			snprintf(impu, sizeof impu, "sip:user%06d@x", i);
			what.text[EDGE_IMPI] = str_of(impi);
			what.text[EDGE_IMPU] = what.text[EDGE_SET] = str_of(impu);
			assert_int_equal(edge_book_plain(&t.book, str_of(impi),
						 &what.source, 1) != NULL,
				round);
			edge_book_settle(&t.book, &what, 3600);
		}
	assert_int_equal(t.book.by_impi.n, N);
	assert_true(clock_real_ns() - began <
		    UINT64_C(20) * 1000000000); /* sanitizers included */
	advance(&t, 3601 * 1000);
	assert_int_equal(t.expired, N);
	close_book(&t);
}

static void test_book_json(void **state)
{
	struct book_test t;
	struct edge_bind what = {.kind = EDGE_WAAF};
	open_book(&t);
	what.text[EDGE_IMPI] = STR("alice@x");
	what.text[EDGE_IMPU] = STR("sip:alice@x");
	what.text[EDGE_ENTRY] = STR("<sip:t@waaf;lr;ob>");
	what.text[EDGE_SET] = STR("sip:alice@x\nsip:work@x");
	edge_book_settle(&t.book, &what, 600);
	json_t *all = edge_book_json(&t.book, STR("alice@x")),
	       *one = json_array_get(all, 0);
	assert_string_equal(json_string_value(json_object_get(one, "kind")), "waaf");
	assert_string_equal(
		json_string_value(json_object_get(one, "path")), "<sip:t@waaf;lr;ob>");
	assert_int_equal(json_array_size(json_object_get(one, "associated")), 2);
	assert_int_equal(json_integer_value(json_object_get(one, "expires")), 600);
	json_decref(all);
	all = edge_book_json(&t.book, STR_NONE);
	assert_int_equal(json_array_size(all), 1);
	json_decref(all);
	all = edge_book_json(&t.book, STR("bob@x"));
	assert_int_equal(json_array_size(all), 0);
	json_decref(all);
	close_book(&t);
}

/* ---- what a 200 grants ---- */

static const struct {
	const char *contacts;
	uint32_t granted;
} grants[] = {
	{"Contact: <sip:k@q7.invalid;transport=ws>;expires=300\r\n", 300},
	{"Contact: <sip:k@q7.invalid;transport=ws>\r\nExpires: 200\r\n", 200},
	{"Contact: <sip:k@q7.invalid;transport=ws>\r\n", 3600},
	{"Contact: <sip:z@phone.invalid>;expires=500, "
	 "<sip:k@q7.invalid;transport=ws>;expires=60\r\n",
		60},
	{"Contact: <sip:z@phone.invalid>;expires=500\r\n", 0},
	{"Contact: <sip:new@q8.invalid>;+sip.instance=\"<urn:uuid:0f>\";expires=90\r\n",
		90},
	{"", 0},
};

static void test_granted(void **state)
{
	struct sip_register r;
	struct bench asked, ok;
	read_register(&asked, &r, HEAD TAIL);
	for (size_t i = 0; i < sizeof grants / sizeof *grants; i++) {
		struct buf b = {0};
		buf_fmt(&b, OK200 "%s" TAIL, grants[i].contacts);
		begin(&ok, buf_z(&b));
		assert_int_equal(edge_granted(&ok.m, &r), grants[i].granted);
		done(&ok);
		buf_free(&b);
	}
	done(&asked);
}

static void test_bind_read(void **state)
{
	struct edge_bind what = {0};
	struct sip_register r;
	struct bench asked, ok;
	read_register(&asked, &r, HEAD TAIL);
	begin(&ok,
		OK200 "Service-Route: <sip:orig@s;lr>\r\nService-Route: <sip:b@t;lr>\r\n"
		      "P-Associated-URI: <sip:Alice@IMS.example.org>, \"W\" "
		      "<sip:alice.work@ims.example.org>\r\n"
		      "P-Associated-URI: <tel:+49-30-1>, <sip:web![a-c]{2}!@IMS.example.org>\r\n" TAIL);
	edge_bind_read(&what, &ok.m, &r, &ok.a);
	assert_true(str_eq(what.text[EDGE_IMPU], STR("sip:alice@ims.example.org")));
	assert_true(str_eq(what.text[EDGE_IMPI], STR("alice@ims.example.org")));
	assert_true(str_eq(what.text[EDGE_INSTANCE], STR("<urn:uuid:0f>")));
	assert_true(str_eq(what.text[EDGE_ROUTE], STR("<sip:orig@s;lr>, <sip:b@t;lr>")));
	assert_true(
		str_eq(what.text[EDGE_SET], STR("sip:Alice@ims.example.org\nsip:alice."
						"work@ims.example.org\ntel:+49301\nsip:web![a-c]{2}!@ims.example.org")));
	done(&ok);
	done(&asked);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_index),
		cmocka_unit_test(test_token),
		cmocka_unit_test(test_token_forged),
		cmocka_unit_test(test_window),
		cmocka_unit_test(test_sources),
		cmocka_unit_test(test_border_fields),
		cmocka_unit_test(test_border_keeps),
		cmocka_unit_test(test_border_access_network),
		cmocka_unit_test(test_border_path_kept),
		cmocka_unit_test(test_border_via),
		cmocka_unit_test(test_border_uris),
		cmocka_unit_test(test_border_credentials),
		cmocka_unit_test(test_border_credentials_broken),
		cmocka_unit_test(test_border_route),
		cmocka_unit_test(test_border_outward),
		cmocka_unit_test(test_border_outward_privacy),
		cmocka_unit_test(test_border_outward_keys),
		cmocka_unit_test(test_border_outward_unreadable),
		cmocka_unit_test(test_mw),
		cmocka_unit_test(test_book_wic),
		cmocka_unit_test(test_book_plain),
		cmocka_unit_test(test_book_many),
		cmocka_unit_test(test_book_json),
		cmocka_unit_test(test_granted),
		cmocka_unit_test(test_bind_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
