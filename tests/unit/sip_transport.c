/* Transports of the SIP stack end to end on the loopback: UDP, TCP, TLS, WebSockets,
 * their framing, keep-alives, and connections that come and go.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/sip_rig.h"

#define A_UDP "127.35.0.10:5060"
#define B_UDP "127.35.0.11:5060"
#define B_TLS "127.35.0.11:5061"
#define RAW   "127.35.0.101:0"

static struct sip_rig a, b;

static void answer(struct sip_rig *r, struct sip_req *req)
{
	sip_answer(req, 200, NULL, STR_NONE);
}

static int setup(void **state)
{
	sip_rig_open(&a, "a");
	sip_rig_join(&b, &a, "b");
	b.on_request = answer;
	return 0;
}

static void ws_end(void);

static int teardown(void **state)
{
	ws_end();
	sip_rig_leave(&b);
	sip_rig_close(&a);
	assert_int_equal(rig_metric("imsrig_sip_open{side=\"server\"}"), 0);
	assert_int_equal(rig_metric("imsrig_sip_open{side=\"client\"}"), 0);
	assert_int_equal(rig_metric("imsrig_sip_connections"), 0);
	return 0;
}

static void listen_on(
	struct sip_rig *r, enum sip_transport t, const char *local, struct tls *tls)
{
	struct addr at = rig_addr(local);
	assert_true(sip_listen(r->s, t, &at, tls, false) >= 0);
}

static bool answered(void *arg)
{
	return ((struct sip_rig *)arg)->answers > 0;
}

/* One OPTIONS from `r`, answered or failed. */
static void ask(struct sip_rig *r, const struct sip_hop *to, const char *body)
{
	struct buf text = {0};
	sip_put_request(&text, STR("OPTIONS"), STR("sip:b@ims.example.org"));
	sip_put_fmt(&text, "From", "<sip:a@ims.example.org>;tag=a1");
	sip_put_fmt(&text, "To", "<sip:b@ims.example.org>");
	sip_put_fmt(&text, "Call-ID", "c1");
	sip_put_fmt(&text, "CSeq", "1 OPTIONS");
	sip_put_end(&text, body ? STR("text/plain") : STR_NONE, str_of(body));
	r->answers = r->err = r->status = 0;
	assert_int_equal(sip_send(r->s, buf_str(&text), to, heard, r, NULL), 0);
	assert_int_equal(r->answers, 0); /* never before return */
	buf_free(&text);
	rig_until(&a.rig, answered, r);
}

static struct sip_hop hop(enum sip_transport t, const char *addr)
{
	return (struct sip_hop){.transport = t, .remote = rig_addr(addr)};
}

/* ---- a peer that breaks rules ---- */

struct raw {
	struct stream *st;
	struct buf got;
	bool open, closed;
};

static void raw_open(struct stream *st, void *arg)
{
	((struct raw *)arg)->open = true;
}

static void raw_data(struct stream *st, struct str bytes, void *arg)
{
	buf_add(&((struct raw *)arg)->got, bytes);
}

static void raw_closed(struct stream *st, int err, const char *why, void *arg)
{
	struct raw *w = arg;
	w->closed = true;
	w->st = NULL;
}

static const struct stream_h raw_h = {
	.open = raw_open, .data = raw_data, .closed = raw_closed};

static void raw_dial(struct raw *w, const char *to)
{
	struct addr local = rig_addr(RAW), remote = rig_addr(to);
	*w = (struct raw){0};
	assert_int_equal(stream_connect(&a.rig.host, &local, &remote, NULL, NULL, &raw_h,
				 w, &w->st),
		0);
	rig_until_set(&a.rig, &w->open);
	sip_rig_settle(&a);
}

static void raw_say(struct raw *w, const char *text, size_t n)
{
	if (!w->st)
		return;
	stream_write(w->st, (struct str){text, n});
	for (int i = 0; i < 3; i++)
		uv_run(&a.rig.loop, UV_RUN_NOWAIT);
}

static int raw_answers(struct raw *w, const char *begin)
{
	int n = 0;
	for (const char *at = buf_z(&w->got); (at = strstr(at, begin));
		at += strlen(begin))
		n++;
	return n;
}

static void raw_end(struct raw *w)
{
	if (w->st)
		stream_abort(w->st);
	sip_rig_settle(&a);
	buf_free(&w->got);
}

/* ---- both ways ---- */

static void by_udp(void **state)
{
	struct sip_hop to = hop(SIP_UDP, B_UDP);
	listen_on(&a, SIP_UDP, A_UDP, NULL);
	listen_on(&b, SIP_UDP, B_UDP, NULL);
	ask(&a, &to, "hello");
	assert_int_equal(a.status, 200);
	assert_int_equal(b.requests, 1);
	assert_int_equal(b.sent[0].via, TRACE_UDP);
}

static void by_tcp(void **state)
{
	struct sip_hop to = hop(SIP_TCP, B_UDP);
	listen_on(&a, SIP_TCP, A_UDP, NULL);
	listen_on(&b, SIP_TCP, B_UDP, NULL);
	for (int i = 0; i < 3; i++) {
		ask(&a, &to, "hello");
		assert_int_equal(a.status, 200);
	}
	assert_int_equal(b.requests, 3);
	assert_int_equal(
		rig_metric("imsrig_sip_connections"), 2); /* one, seen from both ends */
	assert_non_null(
		strstr(a.sent[0].text, "Via: SIP/2.0/TCP " A_UDP ";branch=z9hG4bK"));
	assert_int_equal(a.sent[0].via, TRACE_TCP);
	/* nothing is kept, nothing repeated */
	assert_int_equal(rig_metric("imsrig_sip_transactions{side=\"server\"}"), 0);
	assert_int_equal(rig_metric("imsrig_sip_transactions{side=\"client\"}"), 0);
	sip_rig_pass(&a, 40000);
	assert_int_equal(a.n_sent, 3);
}

static void by_tls(void **state)
{
	struct sip_hop to = hop(SIP_TLS, B_TLS);
	rig_ca(&a.rig);
	rig_cert(&a.rig, "a", "a.ims.example.org", "127.35.0.10");
	rig_cert(&a.rig, "b", "b.ims.example.org", "127.35.0.11");
	struct tls *server = rig_tls(&a.rig, true, "b", "ca.pem", true);
	struct tls *client = rig_tls(&a.rig, false, "a", "ca.pem", false);
	sip_stack_client_tls(a.s, client);
	listen_on(&b, SIP_TLS, B_TLS, server);
	ask(&a, &to, NULL);
	assert_int_equal(a.status, 200);
	assert_int_equal(a.sent[0].via, TRACE_TLS);
	assert_non_null(
		strstr(a.sent[0].text, "Via: SIP/2.0/TLS client.invalid;branch=z9hG4bK"));
	ask(&a, &to, NULL);
	assert_int_equal(rig_metric("imsrig_sip_connections"), 2);
	tls_free(server);
	tls_free(client);
}

static void by_tls_untrusted(void **state)
{
	struct sip_hop to = hop(SIP_TLS, B_TLS);
	rig_ca(&a.rig);
	rig_cert(&a.rig, "b", "b.ims.example.org", "127.35.0.11");
	struct tls *server = rig_tls(&a.rig, true, "b", "ca.pem", true);
	struct tls *client = rig_tls(&a.rig, false, NULL, "ca.pem", false);
	sip_stack_client_tls(a.s, client);
	listen_on(&b, SIP_TLS, B_TLS, server);
	ask(&a, &to, NULL);
	assert_true(a.err < 0);
	assert_int_equal(b.requests, 0);
	tls_free(server);
	tls_free(client);
}

static void by_tls_to_another(void **state)
{
	struct sip_hop to = hop(SIP_TLS, B_TLS);
	struct name names[] = {{"b.ims.example.org", rig_addr("127.35.0.11:0")}};
	rig_ca(&a.rig);
	rig_cert(&a.rig, "c", "c.ims.example.org", "127.35.0.12");
	rig_cert(&a.rig, "b", "b.ims.example.org", "127.35.0.13");
	struct tls *server[2] = {rig_tls(&a.rig, true, "c", "ca.pem", false),
		rig_tls(&a.rig, true, "b", "ca.pem", false)};
	struct tls *client = rig_tls(&a.rig, false, NULL, "ca.pem", false);
	a.rig.host.names = names;
	a.rig.host.n_names = 1;
	sip_stack_client_tls(a.s, client);
	listen_on(&b, SIP_TLS, B_TLS, server[0]);
	ask(&a, &to, NULL);
	assert_int_equal(a.err, -EPROTO);
	assert_int_equal(a.n_sent, 0);
	to = hop(SIP_TLS, "127.35.0.11:5071"); /* right by name */
	listen_on(&b, SIP_TLS, "127.35.0.11:5071", server[1]);
	ask(&a, &to, NULL);
	assert_int_equal(a.status, 200);
	a.rig.host.n_names = 0;
	tls_free(server[0]);
	tls_free(server[1]);
	tls_free(client);
}

/* All that has an address in it: listeners, connections, Via, the certificate's check. */
static void by_ipv6(void **state)
{
	static const char *const local = "[::1]:35060", *const peer = "[::1]:35061";
	struct addr at = rig_addr(local);
	if (sip_listen(a.s, SIP_UDP, &at, NULL, false) == -EADDRNOTAVAIL)
		skip(); /* a machine without IPv6 */
	rig_ca(&a.rig);
	rig_cert(&a.rig, "b", "b.ims.example.org", "::1");
	struct tls *server = rig_tls(&a.rig, true, "b", "ca.pem", false);
	struct tls *client = rig_tls(&a.rig, false, NULL, "ca.pem", false);
	sip_stack_client_tls(a.s, client);
	listen_on(&a, SIP_TCP, local, NULL);
	listen_on(&b, SIP_UDP, peer, NULL);
	listen_on(&b, SIP_TCP, peer, NULL);
	listen_on(&b, SIP_TLS, "[::1]:35062", server);
	struct sip_hop to[] = {hop(SIP_UDP, peer), hop(SIP_TCP, peer), hop(SIP_TLS, "[::1]:35062")};
	for (int i = 0; i < 3; i++) {
		ask(&a, &to[i], "hello");
		assert_int_equal(a.status, 200);
		assert_string_equal(addr_text(&a.sent[i].to), addr_text(&to[i].remote));
	}
	assert_non_null(strstr(a.sent[0].text, "Via: SIP/2.0/UDP [::1]:35060;branch="));
	assert_non_null(strstr(a.sent[1].text, "Via: SIP/2.0/TCP [::1]:35060;branch="));
	assert_int_equal(b.requests, 3);
	tls_free(server);
	tls_free(client);
}

/* A handshake that ends after its listener. */
static void tls_when_closed_meanwhile(void **state)
{
	struct raw w;
	rig_ca(&a.rig);
	rig_cert(&a.rig, "b", "b.ims.example.org", "127.35.0.11");
	struct tls *server = rig_tls(&a.rig, true, "b", "ca.pem", false);
	struct tls *client = rig_tls(&a.rig, false, NULL, "ca.pem", false);
	struct addr local = rig_addr(RAW), remote = rig_addr(B_TLS);
	listen_on(&b, SIP_TLS, B_TLS, server);
	w = (struct raw){0};
	assert_int_equal(stream_connect(&a.rig.host, &local, &remote, client, NULL,
				 &raw_h, &w, &w.st),
		0);
	int64_t accepts = rig_metric("imsrig_accepts_total");
	while (rig_metric("imsrig_accepts_total") == accepts)
		uv_run(&a.rig.loop, UV_RUN_NOWAIT);
	assert_false(w.open);
	sip_rig_leave(&b);
	b.s = NULL;
	rig_until_set(&a.rig, &w.closed);
	raw_end(&w);
	tls_free(server);
	tls_free(client);
}

static void connections_are_bounded(void **state)
{
	struct raw w[3];
	sip_rig_leave(&b);
	b.conf = (struct sip_stack_conf){.max_connections = 2};
	sip_rig_join(&b, &a, "b");
	listen_on(&b, SIP_TCP, B_UDP, NULL);
	raw_dial(&w[0], B_UDP);
	raw_dial(&w[1], B_UDP);
	raw_dial(&w[2], B_UDP);
	rig_until_set(&a.rig, &w[2].closed);
	assert_false(w[0].closed || w[1].closed);
	for (int i = 0; i < 3; i++)
		raw_end(&w[i]);
	b.conf = (struct sip_stack_conf){0};
}

static void refused(void **state)
{
	struct sip_hop to = hop(SIP_TCP, "127.35.0.11:5070");
	listen_on(&a, SIP_TCP, A_UDP, NULL);
	ask(&a, &to, NULL);
	assert_int_equal(a.err, -ECONNREFUSED);
	assert_int_equal(a.n_sent, 0);
	assert_int_equal(a.gone, 0); /* it never was */
}

/* ---- long requests (RFC 3261 18.1.1) ---- */

static char *long_text(void)
{
	static char text[1500];
	memset(text, 'x', sizeof text - 1);
	return text;
}

static void long_by_tcp(void **state)
{
	struct sip_hop to = hop(SIP_UDP, B_UDP);
	listen_on(&a, SIP_UDP, A_UDP, NULL);
	listen_on(&a, SIP_TCP, A_UDP, NULL);
	listen_on(&b, SIP_UDP, B_UDP, NULL);
	listen_on(&b, SIP_TCP, B_UDP, NULL);
	ask(&a, &to, long_text());
	assert_int_equal(a.status, 200);
	assert_int_equal(a.n_sent, 1);
	assert_int_equal(a.sent[0].via, TRACE_TCP);
	assert_non_null(
		strstr(a.sent[0].text, "Via: SIP/2.0/TCP " A_UDP ";branch=z9hG4bK"));
	ask(&a, &to, "short");
	assert_int_equal(a.sent[1].via, TRACE_UDP);
}

static void long_by_udp_when_tcp_is_refused(void **state)
{
	struct sip_hop to = hop(SIP_UDP, B_UDP);
	listen_on(&a, SIP_UDP, A_UDP, NULL);
	listen_on(&a, SIP_TCP, A_UDP, NULL);
	listen_on(&b, SIP_UDP, B_UDP, NULL);
	ask(&a, &to, long_text());
	assert_int_equal(a.status, 200);
	assert_int_equal(a.n_sent, 1);
	assert_int_equal(a.sent[0].via, TRACE_UDP);
	assert_non_null(
		strstr(a.sent[0].text, "Via: SIP/2.0/UDP " A_UDP ";branch=z9hG4bK"));
	assert_int_equal(strlen(strstr(a.sent[0].text, "\r\n\r\n") + 4), 1499);
}

static void long_without_tcp(void **state)
{
	struct sip_hop to = hop(SIP_UDP, B_UDP);
	listen_on(&a, SIP_UDP, A_UDP, NULL);
	listen_on(&b, SIP_UDP, B_UDP, NULL);
	ask(&a, &to, long_text());
	assert_int_equal(a.status, 200);
	assert_int_equal(a.sent[0].via, TRACE_UDP);
}

/* ---- a stream's bytes ---- */

static const char *raw_request(int i)
{
	char via[80];
	snprintf(via, sizeof via, "SIP/2.0/TCP 127.35.0.101:5060;branch=z9hG4bKraw%d", i);
	return text_request("OPTIONS", via, "");
}

static void framing(void **state)
{
	char two[8192];
	struct raw w;
	size_t n;
	int branch = 0;
	listen_on(&b, SIP_TCP, B_UDP, NULL);
	raw_dial(&w, B_UDP);

	for (int piece = 1; piece < 12; piece += 5) { /* in small pieces */
		n = (size_t)snprintf(two, sizeof two, "\r\n%s%s", raw_request(branch),
			raw_request(branch + 1));
		branch += 2;
		for (size_t at = 0; at < n; at += (size_t)piece)
			raw_say(&w, two + at,
				at + (size_t)piece > n ? n - at : (size_t)piece);
		sip_rig_settle(&a);
		assert_int_equal(b.requests, branch);
	}
	for (size_t cut = 0; cut < n; cut += 3) { /* in two, cut everywhere */
		n = (size_t)snprintf(two, sizeof two, "%s%s", raw_request(branch),
			raw_request(branch + 1));
		branch += 2;
		raw_say(&w, two, cut);
		raw_say(&w, two + cut, n - cut);
		sip_rig_forget_sent(&b);
	}
	sip_rig_settle(&a);
	assert_int_equal(b.requests, branch);
	assert_int_equal(raw_answers(&w, "SIP/2.0 200 OK"), branch);
	assert_false(w.closed);
	raw_end(&w);
}

static void keep_alive(void **state)
{
	struct raw w;
	listen_on(&b, SIP_TCP, B_UDP, NULL);
	raw_dial(&w, B_UDP);
	raw_say(&w, "\r\n\r\n", 4);
	sip_rig_settle(&a);
	assert_string_equal(buf_z(&w.got), "\r\n");
	w.got.n = 0;
	raw_say(&w, "\r\n", 2);
	sip_rig_settle(&a);
	assert_int_equal(w.got.n, 0);
	raw_say(&w, "\r", 1);
	raw_say(&w, "\n", 1);
	sip_rig_settle(&a);
	assert_string_equal(buf_z(&w.got), "\r\n");
	/* one CRLF alone before a message is no ping */
	w.got.n = 0;
	raw_say(&w, "\r\n", 2);
	raw_say(&w, raw_request(1), strlen(raw_request(1)));
	sip_rig_settle(&a);
	assert_ptr_equal(strstr(buf_z(&w.got), "SIP/2.0 200 OK"), w.got.p);
	raw_end(&w);
}

static void broken_streams(void **state)
{
	static const struct {
		const char *text, *answer;
	} rows[] = {
		{"OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/TCP "
		 "127.35.0.101;branch=z9hG4bK1\r\nFrom: <sip:a>;tag=1\r\n"
		 "To: <sip:b>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n\r\n",
			"SIP/2.0 400 "},
		{"OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/TCP "
		 "127.35.0.101;branch=z9hG4bK1\r\nFrom: <sip:a>;tag=1\r\n"
		 "To: <sip:b>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: "
		 "70000\r\n\r\n",
			"SIP/2.0 513 "},
		{"OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/TCP "
		 "127.35.0.101;branch=z9hG4bK1\r\nFrom: <sip:a>;tag=1\r\n"
		 "To: <sip:b>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: "
		 "-1\r\n\r\n",
			"SIP/2.0 400 "},
		{"SIP/2.0 200 OK\r\n\r\n", NULL},
		{"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 this is no SIP at "
		 "all\r\n\r\n",
			NULL},
	};
	listen_on(&b, SIP_TCP, B_UDP, NULL);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct raw w;
		raw_dial(&w, B_UDP);
		raw_say(&w, rows[i].text, strlen(rows[i].text));
		rig_until_set(&a.rig, &w.closed);
		if (rows[i].answer)
			assert_ptr_equal(strstr(buf_z(&w.got), rows[i].answer), w.got.p);
		else
			assert_int_equal(w.got.n, 0);
		raw_end(&w);
	}
	assert_int_equal(b.requests, 0);
}

static void head_without_end(void **state)
{
	char junk[1000];
	struct raw w;
	listen_on(&b, SIP_TCP, B_UDP, NULL);
	raw_dial(&w, B_UDP);
	raw_say(&w, "OPTIONS sip:a SIP/2.0\r\nX: ", 26);
	memset(junk, 'x', sizeof junk);
	for (int i = 0; i < 100 && !w.closed; i++)
		raw_say(&w, junk, sizeof junk);
	rig_until_set(&a.rig, &w.closed);
	raw_end(&w);
}

static void idle_streams(void **state)
{
	struct raw silent, half, good;
	listen_on(&b, SIP_TCP, B_UDP, NULL);
	raw_dial(&silent, B_UDP);
	raw_dial(&half, B_UDP);
	raw_dial(&good, B_UDP);
	raw_say(&half, raw_request(1), strlen(raw_request(1)));
	raw_say(&half, raw_request(2), 40);
	raw_say(&good, raw_request(3), strlen(raw_request(3)));
	sip_rig_pass(&a, 31000);
	assert_false(silent.closed || half.closed);
	sip_rig_pass(&a, 2000);
	sip_rig_pass(&a, 10);
	assert_true(silent.closed && half.closed);
	assert_false(good.closed);
	sip_rig_pass(&a, 600000);
	assert_false(good.closed);
	raw_end(&silent);
	raw_end(&half);
	raw_end(&good);
}

/* ---- connections that go ---- */

static void response_by_a_new_connection(void **state)
{
	struct raw w;
	b.on_request = NULL;
	listen_on(&a, SIP_TCP, "127.35.0.101:5060", NULL);
	listen_on(&b, SIP_TCP, B_UDP, NULL);
	raw_dial(&w, B_UDP);
	raw_say(&w, raw_request(1), strlen(raw_request(1)));
	sip_rig_settle(&a);
	assert_int_equal(b.requests, 1);
	raw_end(&w);
	assert_int_equal(b.gone, 1);
	int64_t stray = rig_metric("imsrig_sip_faults_total{reason=\"stray response\"}");
	sip_answer(b.req, 200, NULL, STR_NONE); /* 18.2.2: to the port of sent-by */
	rig_run(&a.rig, 20);
	assert_int_equal(rig_metric("imsrig_sip_faults_total{reason=\"stray response\"}"),
		stray + 1);
}

static void flows(void **state)
{
	struct raw w;
	struct sip_hop back;
	int mine;
	b.on_request = NULL;
	listen_on(&b, SIP_TCP, B_UDP, NULL);
	raw_dial(&w, B_UDP);
	raw_say(&w, raw_request(1), strlen(raw_request(1)));
	sip_rig_settle(&a);
	uint64_t conn = sip_req_hop(b.req)->conn;
	assert_true(sip_flow_hop(b.s, conn, &back));
	assert_null(*sip_flow_slot(b.s, conn));
	*sip_flow_slot(b.s, conn) = &mine;
	assert_ptr_equal(*sip_flow_slot(b.s, conn), &mine);
	sip_answer(b.req, 403, NULL, STR_NONE);
	sip_flow_close(b.s, conn, 1008, "refused");
	assert_false(sip_flow_hop(b.s, conn, &back));
	rig_until_set(&a.rig, &w.closed);
	assert_int_equal(
		raw_answers(&w, "SIP/2.0 403 "), 1); /* it leaves before the end */
	assert_int_equal(b.gone, 1);
	assert_int_equal(b.gone_id, conn);
	assert_null(sip_flow_slot(b.s, conn));
	raw_end(&w);
}

static void lost_while_waiting(void **state)
{
	struct sip_hop to = hop(SIP_TCP, B_UDP);
	b.on_request = NULL;
	listen_on(&b, SIP_TCP, B_UDP, NULL);
	uint64_t id;
	struct str text =
		STR("OPTIONS sip:b SIP/2.0\r\nFrom: <sip:a>;tag=1\r\nTo: <sip:b>\r\n"
		    "Call-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n");
	/* no listener here: the answer could come no other way */
	assert_int_equal(sip_send(a.s, text, &to, heard, &a, &id), 0);
	rig_until_count(&a.rig, &b.requests, 1);
	sip_flow_close(b.s, sip_req_hop(b.req)->conn, 0, "");
	rig_until(&a.rig, answered, &a);
	assert_int_equal(a.err, -ECONNRESET);
	/* with one, the peer may connect to us */
	listen_on(&a, SIP_TCP, A_UDP, NULL);
	a.answers = 0;
	assert_int_equal(sip_send(a.s, text, &to, heard, &a, &id), 0);
	rig_until_count(&a.rig, &b.requests, 2);
	sip_flow_close(b.s, sip_req_hop(b.req)->conn, 0, "");
	rig_until_count(&a.rig, &b.gone, 2);
	sip_rig_settle(&a);
	assert_int_equal(a.answers, 0);
	sip_answer(b.req, 200, NULL, STR_NONE);
	rig_until(&a.rig, answered, &a);
	assert_int_equal(a.status, 200);
}

static void reset_lets_connections_go(void **state)
{
	struct sip_hop to = hop(SIP_TCP, B_UDP);
	listen_on(&b, SIP_TCP, B_UDP, NULL);
	ask(&a, &to, NULL);
	assert_int_equal(rig_metric("imsrig_sip_connections"), 2);
	sip_stack_reset(a.s);
	rig_until_count(&a.rig, &b.gone, 1);
	rig_run(&a.rig, 10);
	assert_int_equal(rig_metric("imsrig_sip_connections"), 0);
	ask(&a, &to, NULL);
	assert_int_equal(a.status, 200);
}

static void close_while_connecting(void **state)
{
	struct sip_hop to = hop(SIP_TCP, B_UDP);
	struct str text = STR("OPTIONS sip:b SIP/2.0\r\nCSeq: 1 OPTIONS\r\n\r\n");
	listen_on(&b, SIP_TCP, B_UDP, NULL);
	assert_int_equal(sip_send(a.s, text, &to, heard, &a, NULL), 0);
	sip_stack_close(a.s);
	a.s = NULL;
	assert_int_equal(a.err, -ECANCELED);
}

static void too_much_for_a_connection(void **state)
{
	struct sip_hop to = hop(SIP_TCP, B_UDP);
	char big[60000];
	int err = 0, n = 0;
	memset(big, 'x', sizeof big);
	listen_on(&b, SIP_TCP, B_UDP, NULL);
	while (!err && n < 100) { /* it never opens within this turn */
		err = sip_send_raw(a.s, (struct str){big, sizeof big}, &to);
		n++;
	}
	assert_int_equal(err, -ENOBUFS);
	assert_in_range(n, 10, 20);
	sip_stack_reset(a.s);
	sip_rig_settle(&a);
}

static void raw_octets(void **state)
{
	struct sip_hop to = hop(SIP_UDP, "127.35.0.101:5060");
	struct peer p;
	listen_on(&a, SIP_UDP, A_UDP, NULL);
	peer_open(&p, &a, "127.35.0.101:5060", A_UDP);
	assert_int_equal(sip_send_raw(a.s, STR("anything"), &to), 0);
	sip_rig_settle(&a);
	assert_string_equal(p.last, "anything");
	peer_close(&p);
}

/* ---- WebSockets (RFC 7118) ---- */

static struct wic {
	struct ws *w;
	struct http_server *server;
	struct tls *stls, *ctls;
	bool open, closed;
	int code;
	char last[4096];       /* what came, when the stack does not hold it */
	bool text;
	int n;
} wic;

static void wic_message(struct ws *w, bool text, struct str bytes, void *arg)
{
	wic.n++;
	wic.text = text;
	str_copy(bytes, wic.last, sizeof wic.last);
}

static void wic_closed(struct ws *w, int code, const char *why, void *arg)
{
	wic.closed = true;
	wic.code = code;
	wic.w = NULL;
}

static const struct ws_h wic_h = {.message = wic_message, .closed = wic_closed};

static void server_closed(struct ws *w, int code, const char *why, void *arg)
{
}

static const struct ws_h server_h = {.message = wic_message, .closed = server_closed};

static void on_upgrade(struct http_req *req, void *arg)
{
	static const struct ws_conf conf = {0};
	const char *why;
	struct ws *w = ws_accept(req, "sip", &conf, &server_h, NULL, &why);
	if (!w)
		fail_msg("%s", why);
	sip_stack_add_ws(b.s, w, 3);
}

static void on_ws_open(struct ws *w, int status, const char *why, void *arg)
{
	if (!w)
		fail_msg("%d %s", status, why);
	wic.w = w;
	wic.open = true;
}

static const struct http_route routes[] = {{"GET", "/ws", on_upgrade}, {0}};

/* b serves, a WebSocket to it is open in wic.w. */
static void ws_pair(bool secure)
{
	memset(&wic, 0, sizeof wic);
	if (secure) {
		rig_ca(&a.rig);
		rig_cert(&a.rig, "b", "b.ims.example.org", "127.35.0.11");
		wic.stls = rig_tls(&a.rig, true, "b", NULL, false);
		wic.ctls = rig_tls(&a.rig, false, NULL, "ca.pem", false);
	}
	struct http_server_conf server = {.listen = rig_addr("127.35.0.11:8443"),
		.tls = wic.stls,
		.routes = routes};
	struct ws_connect_conf client = {
		.local = rig_addr(RAW),
		.remote = rig_addr("127.35.0.11:8443"),
		.tls = wic.ctls,
		.server_name = secure ? "b.ims.example.org" : NULL,
		.path = "/ws",
		.subprotocol = "sip",
	};
	assert_int_equal(http_serve(&b.rig.host, &server, &wic.server), 0);
	assert_int_equal(ws_connect(&a.rig.host, &client, &wic_h, on_ws_open, NULL), 0);
	rig_until_set(&a.rig, &wic.open);
	sip_rig_settle(&a);
}

static void ws_end(void)
{
	if (!wic.server)
		return;
	sip_stack_reset(a.s);
	sip_stack_reset(b.s);
	if (wic.w && !wic.closed)
		ws_close(wic.w, 1000, "");
	rig_run(&a.rig, 20);
	http_server_close(wic.server);
	sip_rig_settle(&a);
	if (wic.stls) {
		tls_free(wic.stls);
		tls_free(wic.ctls);
	}
	memset(&wic, 0, sizeof wic);
}

static void by_websocket(bool secure)
{
	struct sip_hop to = {0}, back;
	ws_pair(secure);
	uint64_t conn = ws_id(wic.w);
	sip_stack_add_ws(a.s, wic.w, -1);
	assert_true(sip_flow_hop(a.s, conn, &to));
	assert_int_equal(to.transport, secure ? SIP_WSS : SIP_WS);
	assert_false(to.in);
	to = (struct sip_hop){.conn = conn}; /* the connection says the rest */
	ask(&a, &to, "hello");
	assert_int_equal(a.status, 200);
	assert_int_equal(a.sent[0].via, secure ? TRACE_WSS : TRACE_WS_PLAIN);
	const char *via = text_field(a.sent[0].text, "Via");
	assert_ptr_equal(strstr(via, secure ? "SIP/2.0/WSS " : "SIP/2.0/WS "), via);
	assert_non_null(strstr(via, ".invalid;branch=z9hG4bK"));
	assert_non_null(strstr(via, ";rport"));
	/* the server notes where it really came from */
	via = text_field(b.sent[0].text, "Via");
	assert_non_null(strstr(via, ";rport="));
	assert_non_null(strstr(via, ";received=127.35.0.101"));
	/* and pushes a request the other way */
	assert_true(sip_flow_hop(b.s, b.conn, &back));
	assert_true(back.in);
	assert_int_equal(back.listener, 3);
	a.on_request = answer;
	ask(&b, &back, NULL);
	assert_int_equal(b.status, 200);
	assert_int_equal(a.requests, 1);
	assert_non_null(strstr(b.sent[1].text, " 127.35.0.11:8443;branch=z9hG4bK"));
}

static void by_ws(void **state)
{
	by_websocket(false);
}

static void by_wss(void **state)
{
	by_websocket(true);
}

static void ws_say(bool text, const char *bytes)
{
	wic.n = 0;
	ws_send(wic.w, text, str_of(bytes));
	rig_run(&a.rig, 5);
}

static const char *ws_request(int i)
{
	char via[80];
	snprintf(via, sizeof via, "SIP/2.0/WS q7f2.invalid;branch=z9hG4bKws%d", i);
	return text_request("OPTIONS", via, "");
}

static void ws_in_kind(void **state)
{
	ws_pair(false);
	ws_say(true, ws_request(1));
	assert_int_equal(wic.n, 1);
	assert_true(wic.text);
	ws_say(false, ws_request(2));
	assert_int_equal(wic.n, 1);
	assert_false(wic.text);
	assert_non_null(strstr(wic.last, "SIP/2.0 200 "));
	ws_say(true, "\r\n\r\n");
	assert_int_equal(wic.n, 1);
	assert_string_equal(wic.last, "\r\n");
	ws_say(true, "\r\n");
	assert_int_equal(wic.n, 0);
}

static void ws_faults(void **state)
{
	char text[4096];
	ws_pair(false);
	snprintf(text, sizeof text, "%sand more", ws_request(1));
	ws_say(true, text);
	assert_non_null(strstr(wic.last, "SIP/2.0 400 "));
	ws_say(true, "rubbish");
	assert_int_equal(wic.n, 0);
	assert_int_equal(b.garbage, 1);
	/* Content-Length may be absent (RFC 7118 5) */
	snprintf(text, sizeof text, "%s", ws_request(2));
	strcpy(strstr(text, "Content-Length"), "\r\n");
	ws_say(true, text);
	assert_non_null(strstr(wic.last, "SIP/2.0 200 "));
	assert_int_equal(b.requests, 1);
}

static void ws_lost(void **state)
{
	struct sip_hop back;
	ws_pair(false);
	b.on_request = NULL;
	ws_say(true, ws_request(1));
	assert_int_equal(b.requests, 1);
	uint64_t conn = sip_req_hop(b.req)->conn;
	assert_true(sip_flow_hop(b.s, conn, &back));
	struct str text =
		STR("OPTIONS sip:b SIP/2.0\r\nFrom: <sip:a>;tag=1\r\nTo: <sip:b>\r\n"
		    "Call-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n");
	assert_int_equal(sip_send(b.s, text, &back, heard, &b, NULL), 0);
	rig_run(&a.rig, 5);
	stream_abort(ws_stream(wic.w));
	rig_until(&a.rig, answered, &b);
	assert_int_equal(b.err, -ECONNRESET); /* no other way to a browser */
	assert_int_equal(b.gone, 1);
	assert_int_equal(b.gone_id, conn);
	assert_false(sip_flow_hop(b.s, conn, &back));
	int64_t before =
		rig_metric("imsrig_sip_faults_total{reason=\"response can't be sent\"}");
	sip_answer(b.req, 200, NULL, STR_NONE);
	assert_int_equal(
		rig_metric("imsrig_sip_faults_total{reason=\"response can't be sent\"}"),
		before + 1);
}

static void ws_closed_by_us(void **state)
{
	ws_pair(false);
	b.on_request = NULL;
	ws_say(true, ws_request(1));
	sip_answer(b.req, 403, NULL, STR_NONE);
	sip_flow_close(b.s, b.conn, 1008, "refused");
	rig_until_set(&a.rig, &wic.closed);
	assert_non_null(strstr(wic.last, "SIP/2.0 403 "));
	assert_int_equal(wic.code, 1008);
}

/* ---- hops by URI ---- */

static void resolving(void **state)
{
	static const struct {
		const char *uri;
		enum sip_transport dflt, t;
		int err;
		const char *addr;
	} rows[] = {
		{"sip:scscf.ims.example.org", SIP_UDP, SIP_UDP, 0, "127.35.0.14:5060"},
		{"sip:orig@SCSCF.ims.example.org:5070;lr", SIP_TCP, SIP_TCP, 0,
			"127.35.0.14:5070"},
		{"sip:scscf.ims.example.org;transport=TCP", SIP_UDP, SIP_TCP, 0,
			"127.35.0.14:5060"},
		{"sip:scscf.ims.example.org;transport=tls", SIP_UDP, SIP_TLS, 0,
			"127.35.0.14:5061"},
		{"sips:scscf.ims.example.org", SIP_UDP, SIP_TLS, 0, "127.35.0.14:5061"},
		{"sip:127.35.0.9;transport=ws", SIP_UDP, SIP_WS, 0, "127.35.0.9:80"},
		{"sips:127.35.0.9;transport=ws", SIP_UDP, SIP_WSS, 0, "127.35.0.9:443"},
		{"sip:[::1]:5062", SIP_UDP, SIP_UDP, 0, "[::1]:5062"},
		{"sip:127.35.0.9;transport=sctp", SIP_UDP, SIP_UDP, -EPROTONOSUPPORT,
			NULL},
		{"sip:q7f2.invalid;transport=ws", SIP_UDP, SIP_UDP, -ENOENT, NULL},
		{"tel:+4930", SIP_UDP, SIP_UDP, -EINVAL, NULL},
		{"rubbish", SIP_UDP, SIP_UDP, -EINVAL, NULL},
	};
	struct name names[] = {{"scscf.ims.example.org", rig_addr("127.35.0.14:0")}};
	a.rig.host.names = names;
	a.rig.host.n_names = 1;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct sip_hop out;
		int err = sip_hop_resolve(a.s, str_of(rows[i].uri), rows[i].dflt, &out);
		if (err != rows[i].err)
			fail_msg("%s: %d", rows[i].uri, err);
		if (err)
			continue;
		assert_int_equal(out.transport, rows[i].t);
		assert_string_equal(addr_text(&out.remote), rows[i].addr);
		assert_false(out.in || out.conn);
	}
	a.rig.host.n_names = 0;
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(by_udp),
		T(by_tcp),
		T(by_tls),
		T(by_tls_untrusted),
		T(by_tls_to_another),
		T(by_ipv6),
		T(tls_when_closed_meanwhile),
		T(connections_are_bounded),
		T(refused),
		T(long_by_tcp),
		T(long_by_udp_when_tcp_is_refused),
		T(long_without_tcp),
		T(framing),
		T(keep_alive),
		T(broken_streams),
		T(head_without_end),
		T(idle_streams),
		T(response_by_a_new_connection),
		T(flows),
		T(lost_while_waiting),
		T(reset_lets_connections_go),
		T(close_while_connecting),
		T(too_much_for_a_connection),
		T(raw_octets),
		T(by_ws),
		T(by_wss),
		T(ws_in_kind),
		T(ws_faults),
		T(ws_lost),
		T(ws_closed_by_us),
		T(resolving),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
