/* Transactions (RFC 3261 17, RFC 6026, RFC 4320): every machine through its states, by a
 * peer that sends any bytes and a clock that the test moves.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/sip/inner.h"
#include "tests/unit/sip_rig.h"

#define ELEMENT "127.35.0.10:5060"
#define PEER    "127.35.0.101:5060"
#define VIA     "SIP/2.0/UDP " PEER ";branch=z9hG4bKone"

static struct sip_rig r;
static struct peer p;

static int open_with(const struct sip_stack_conf *conf)
{
	r.conf = conf ? *conf : (struct sip_stack_conf){0};
	sip_rig_open(&r, "element");
	sip_rig_udp(&r, ELEMENT);
	peer_open(&p, &r, PEER, ELEMENT);
	return 0;
}

static int setup(void **state)
{
	return open_with(NULL);
}

static int teardown(void **state)
{
	peer_close(&p);
	sip_rig_close(&r);
	assert_int_equal(rig_metric("imsrig_sip_open{side=\"server\"}"), 0);
	assert_int_equal(rig_metric("imsrig_sip_open{side=\"client\"}"), 0);
	assert_int_equal(rig_metric("imsrig_sip_transactions{side=\"server\"}"), 0);
	assert_int_equal(rig_metric("imsrig_sip_transactions{side=\"client\"}"), 0);
	return 0;
}

static int64_t alive(const char *side)
{
	char name[64];
	snprintf(name, sizeof name, "imsrig_sip_transactions{side=\"%s\"}", side);
	return rig_metric(name);
}

static const struct sip_hop *to_peer(void)
{
	static struct sip_hop hop;
	hop = (struct sip_hop){.transport = SIP_UDP, .remote = rig_addr(PEER)};
	return &hop;
}

/* What an element gives to sip_send: no Via. */
static uint64_t request_out(const char *method)
{
	char text[512];
	uint64_t id;
	snprintf(text, sizeof text,
		"%s sip:bob@ims.example.org SIP/2.0\r\nFrom: <sip:alice@ims.example.org>;tag=a1\r\n"
		"To: <sip:bob@ims.example.org>\r\nCall-ID: c1\r\nCSeq: 3 %s\r\n"
		"Route: <sip:next.example.org;lr>\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
		method, method);
	assert_int_equal(sip_send(r.s, str_of(text), to_peer(), heard, &r, &id), 0);
	assert_true(id != 0);
	sip_rig_settle(&r);
	return id;
}

/* ---- client, not INVITE ---- */

static void client_unanswered(void **state)
{
	request_out("OPTIONS");
	assert_int_equal(sip_stack_open(r.s), 1);
	sip_rig_pass(&r, 33000);
	sip_rig_sent_at(&r, 0,
		(int64_t[]){0, 500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500,
			31500, -1});
	assert_int_equal(r.answers, 1);
	assert_int_equal(r.err, -ETIMEDOUT);
	assert_in_range(r.answered_at, 32000, 32050);
	for (int i = 1; i < r.n_sent; i++)
		assert_string_equal(r.sent[i].text, r.sent[0].text);
	assert_int_equal(sip_stack_open(r.s), 0);
	assert_int_equal(alive("client"), 0);
}

static void client_via(void **state)
{
	request_out("OPTIONS");
	const char *via = text_field(p.last, "Via");
	assert_ptr_equal(strstr(via, "SIP/2.0/UDP " ELEMENT ";branch=z9hG4bK"), via);
	assert_ptr_equal(
		strstr(p.last, "OPTIONS sip:bob@ims.example.org SIP/2.0\r\nVia: "),
		p.last);
	request_out("OPTIONS");
	assert_string_not_equal(text_field(p.last, "Via"), via);
}

static void client_provisional_slows(void **state)
{
	request_out("OPTIONS");
	sip_rig_pass(&r, 600);
	peer_say(&p, &r, text_response(p.last, 100, NULL));
	assert_int_equal(r.status, 100);
	sip_rig_pass(&r, 33000);
	/* the timer that runs goes on; from then on every T2 */
	sip_rig_sent_at(&r, 0,
		(int64_t[]){
			0, 500, 1500, 5500, 9500, 13500, 17500, 21500, 25500, 29500, -1});
	assert_int_equal(r.err, -ETIMEDOUT);
}

static void client_answered(void **state)
{
	request_out("OPTIONS");
	const char *ok = text_response(p.last, 200, "b1");
	peer_say(&p, &r, ok);
	assert_int_equal(r.answers, 1);
	assert_int_equal(r.status, 200);
	assert_int_equal(sip_stack_open(r.s), 0);
	assert_int_equal(alive("client"), 1);
	peer_say(&p, &r, ok); /* absorbed */
	assert_int_equal(r.answers, 1);
	sip_rig_pass(&r, 4900);
	assert_int_equal(alive("client"), 1);
	sip_rig_pass(&r, 200); /* K = T4 */
	assert_int_equal(alive("client"), 0);
	int64_t stray = rig_metric("imsrig_sip_faults_total{reason=\"stray response\"}");
	peer_say(&p, &r, ok);
	assert_int_equal(r.answers, 1);
	assert_int_equal(rig_metric("imsrig_sip_faults_total{reason=\"stray response\"}"),
		stray + 1);
	assert_int_equal(r.n_sent, 1);
}

static void client_forgotten(void **state)
{
	uint64_t id = request_out("OPTIONS");
	sip_forget(r.s, id);
	assert_int_equal(sip_stack_open(r.s), 0);
	peer_say(&p, &r, text_response(p.last, 200, "b1"));
	assert_int_equal(r.answers, 0);
}

static void client_other_method_in_cseq(void **state)
{
	request_out("OPTIONS");
	const char *like = text_like(p.last, "MESSAGE", NULL);
	peer_say(&p, &r, text_response(like, 200, "b1"));
	assert_int_equal(r.answers, 0);
}

static void client_lossy(void **state)
{
	sip_rig_rule(&r,
		"{\"match\":{\"dir\":\"sent\",\"what\":\"SIP OPTIONS\"},\"do\":\"drop\","
		"\"times\":2}");
	request_out("OPTIONS");
	assert_int_equal(p.n, 0);
	sip_rig_pass(&r, 600);
	assert_int_equal(p.n, 0);
	sip_rig_pass(&r, 1000);
	assert_int_equal(p.n, 1);
	peer_say(&p, &r, text_response(p.last, 200, "b1"));
	assert_int_equal(r.status, 200);
	assert_int_equal(r.n_sent, 1); /* the record is of the wire */
}

/* ---- client, INVITE ---- */

static void invite_unanswered(void **state)
{
	request_out("INVITE");
	sip_rig_pass(&r, 33000);
	sip_rig_sent_at(&r, 0, (int64_t[]){0, 500, 1500, 3500, 7500, 15500, 31500, -1});
	assert_int_equal(r.err, -ETIMEDOUT);
	assert_in_range(r.answered_at, 32000, 32050);
}

static void invite_refused(void **state)
{
	request_out("INVITE");
	char *invite = strdup(p.last);
	peer_say(&p, &r, text_response(invite, 180, "b1"));
	assert_int_equal(r.status, 180);
	sip_rig_pass(&r, 60000); /* no timer in Proceeding */
	assert_int_equal(r.n_sent, 1);
	const char *busy = text_response(invite, 486, "b1");
	peer_say(&p, &r, busy);
	assert_int_equal(r.status, 486);
	assert_int_equal(r.n_sent, 2);
	const char *ack = r.sent[1].text;
	assert_ptr_equal(strstr(ack, "ACK sip:bob@ims.example.org SIP/2.0\r\n"), ack);
	assert_string_equal(text_field(ack, "Via"), text_field(invite, "Via"));
	assert_string_equal(text_field(ack, "To"), "<sip:bob@ims.example.org>;tag=b1");
	assert_string_equal(text_field(ack, "From"), text_field(invite, "From"));
	assert_string_equal(text_field(ack, "Call-ID"), "c1");
	assert_string_equal(text_field(ack, "CSeq"), "3 ACK");
	assert_string_equal(text_field(ack, "Route"), "<sip:next.example.org;lr>");
	peer_say(&p, &r, busy);
	assert_int_equal(r.answers, 2);
	assert_int_equal(r.n_sent, 3);
	assert_string_equal(r.sent[2].text, ack);
	sip_rig_pass(&r, 31500);
	assert_int_equal(alive("client"), 1);
	sip_rig_pass(&r, 1000); /* D */
	assert_int_equal(alive("client"), 0);
	free(invite);
}

static void invite_accepted(void **state)
{
	uint64_t id = request_out("INVITE");
	const char *ok = text_response(p.last, 200, "b1");
	peer_say(&p, &r, ok);
	assert_int_equal(r.status, 200);
	assert_int_equal(r.n_sent, 1); /* the ACK is its owner's */
	const char *ack = "ACK sip:bob@127.35.0.101 SIP/2.0\r\nFrom: "
			  "<sip:alice@ims.example.org>;tag=a1"
			  "\r\nTo: <sip:bob@ims.example.org>;tag=b1\r\nCall-ID: c1\r\n"
			  "CSeq: 3 ACK\r\nContent-Length: 0\r\n\r\n";
	assert_int_equal(sip_ack(r.s, id, str_of(ack), to_peer()), 0);
	sip_rig_settle(&r);
	assert_int_equal(r.n_sent, 2);
	assert_string_not_equal(
		text_field(r.sent[1].text, "Via"), text_field(r.sent[0].text, "Via"));
	peer_say(&p, &r, ok);
	assert_int_equal(r.answers, 1);
	assert_int_equal(r.n_sent, 3);
	assert_string_equal(r.sent[2].text, r.sent[1].text);
	sip_rig_pass(&r, 33000); /* M */
	assert_int_equal(alive("client"), 0);
	assert_int_equal(sip_ack(r.s, id, str_of(ack), to_peer()), -ENOENT);
}

static void invite_cancelled(void **state)
{
	uint64_t id = request_out("INVITE");
	char *invite = strdup(p.last);
	assert_int_equal(sip_cancel(r.s, id), 0);
	sip_rig_settle(&r);
	assert_int_equal(r.n_sent, 1); /* not before a provisional response */
	peer_say(&p, &r, text_response(invite, 180, "b1"));
	assert_int_equal(r.n_sent, 2);
	const char *cancel = r.sent[1].text;
	assert_ptr_equal(
		strstr(cancel, "CANCEL sip:bob@ims.example.org SIP/2.0\r\n"), cancel);
	assert_string_equal(text_field(cancel, "Via"), text_field(invite, "Via"));
	assert_string_equal(text_field(cancel, "To"), "<sip:bob@ims.example.org>");
	assert_string_equal(text_field(cancel, "CSeq"), "3 CANCEL");
	assert_string_equal(text_field(cancel, "Route"), "<sip:next.example.org;lr>");
	peer_say(&p, &r, text_response(cancel, 200, "b1"));
	peer_say(&p, &r, text_response(invite, 487, "b1"));
	assert_int_equal(r.status, 487);
	assert_int_equal(r.n_sent, 3);
	assert_string_equal(text_field(r.sent[2].text, "CSeq"), "3 ACK");
	assert_int_equal(sip_cancel(r.s, id), -ENOENT);
	free(invite);
}

static void invite_cancel_without_end(void **state)
{
	uint64_t id = request_out("INVITE");
	peer_say(&p, &r, text_response(p.last, 180, "b1"));
	sip_rig_pass(&r, 50000);
	assert_int_equal(sip_cancel(r.s, id), 0);
	sip_rig_pass(&r, 31000);
	assert_int_equal(r.answers, 1);
	sip_rig_pass(&r, 2000);
	assert_int_equal(r.answers, 2);
	assert_int_equal(r.err, -ETIMEDOUT);
}

/* ---- server, not INVITE ---- */

static void server_answers_again(void **state)
{
	const char *options = text_request("OPTIONS", VIA, "");
	peer_say(&p, &r, options);
	assert_int_equal(r.requests, 1);
	peer_say(&p, &r, options);
	assert_int_equal(r.requests, 1);
	assert_int_equal(r.n_sent, 0);
	assert_int_equal(sip_stack_open(r.s), 1);
	sip_answer_fmt(r.req, 200, NULL, "X-Number: %d\r\n", 35);
	sip_rig_settle(&r);
	assert_null(sip_req_find(r.s, r.req_id));
	assert_int_equal(sip_stack_open(r.s), 0);
	assert_int_equal(r.n_sent, 1);
	char *ok = strdup(p.last);
	assert_ptr_equal(strstr(ok, "SIP/2.0 200 OK\r\n"), ok);
	assert_string_equal(text_field(ok, "Via"), VIA);
	assert_string_equal(text_field(ok, "X-Number"), "35");
	assert_non_null(strstr(text_field(ok, "To"), ";tag="));
	sip_rig_pass(&r, 31000);
	peer_say(&p, &r, options);
	assert_int_equal(r.requests, 1);
	assert_int_equal(p.n, 2);
	assert_string_equal(p.last, ok);
	sip_rig_pass(&r, 1100); /* J */
	assert_int_equal(alive("server"), 0);
	peer_say(&p, &r, options);
	assert_int_equal(r.requests, 2);
	sip_answer(r.req, 200, NULL, STR_NONE);
	free(ok);
}

static void server_trying_is_late(void **state)
{
	const char *options = text_request("OPTIONS", VIA, "Timestamp: 54\r\n");
	peer_say(&p, &r, options);
	sip_rig_pass(&r, 3400);
	assert_int_equal(r.n_sent, 0);
	sip_rig_pass(&r, 200);
	assert_int_equal(r.n_sent, 1);
	assert_non_null(strstr(r.sent[0].text, "SIP/2.0 100 Trying\r\n"));
	assert_string_equal(text_field(r.sent[0].text, "Timestamp"), "54");
	assert_null(strstr(text_field(r.sent[0].text, "To"), "tag="));
	peer_say(&p, &r, options);
	assert_int_equal(r.n_sent, 2);
	sip_answer(r.req, 200, NULL, STR_NONE);
}

static void server_by_id(void **state)
{
	peer_say(&p, &r, text_request("OPTIONS", VIA, ""));
	assert_ptr_equal(sip_req_find(r.s, r.req_id), r.req);
	assert_null(sip_req_find(r.s, r.req_id + 1));
	assert_null(sip_req_find(r.s, 0));
	assert_int_equal(sip_req_msg(r.req)->method, SIP_M_OPTIONS);
	assert_true(sip_req_hop(r.req)->in);
	sip_answer(r.req, 200, NULL, STR_NONE);
	assert_null(sip_req_find(r.s, r.req_id));
}

static void server_by_other_branch_or_host(void **state)
{
	static const char *const vias[] = {"SIP/2.0/UDP " PEER ";branch=z9hG4bKone",
		"SIP/2.0/UDP " PEER ";branch=z9hG4bKtwo", "SIP/2.0/UDP 127.35.0.102:5060;branch=z9hG4bKone",
		"SIP/2.0/UDP 127.35.0.101:5062;branch=z9hG4bKone"};
	for (int i = 0; i < 4; i++) {
		peer_say(&p, &r, text_request("OPTIONS", vias[i], ""));
		assert_int_equal(r.requests, i + 1);
		sip_answer(r.req, 200, NULL, STR_NONE);
	}
}

static void server_rfc2543(void **state)
{
	const char *options = text_request("OPTIONS", "SIP/2.0/UDP " PEER, "");
	const char *invite = text_request("INVITE", "SIP/2.0/UDP " PEER, "");
	peer_say(&p, &r, options);
	peer_say(&p, &r, options);
	assert_int_equal(r.requests, 1);
	sip_answer(r.req, 200, NULL, STR_NONE);
	peer_say(&p, &r, invite);
	assert_int_equal(r.requests, 2);
	sip_answer(r.req, 486, NULL, STR_NONE);
	sip_rig_settle(&r);
	const char *to = text_field(p.last, "To");
	peer_say(&p, &r, text_like(invite, "ACK", strstr(to, "tag=") + 4));
	assert_int_equal(r.requests, 2);
	sip_rig_forget_sent(&r);
	sip_rig_pass(&r, 3000);
	assert_int_equal(r.n_sent, 0); /* the ACK found its INVITE */
}

/* ---- server, INVITE ---- */

static void server_invite_trying(void **state)
{
	peer_say(&p, &r, text_request("INVITE", VIA, ""));
	sip_rig_pass(&r, 150);
	assert_int_equal(r.n_sent, 0);
	sip_rig_pass(&r, 100);
	assert_int_equal(r.n_sent, 1);
	assert_non_null(strstr(p.last, "SIP/2.0 100 Trying"));
	sip_answer(r.req, 180, NULL, STR_NONE);
	sip_rig_settle(&r);
	char *ringing = strdup(p.last);
	peer_say(&p, &r, text_request("INVITE", VIA, ""));
	assert_string_equal(p.last, ringing);
	assert_int_equal(r.requests, 1);
	sip_rig_forget_sent(&r);
	sip_rig_pass(&r, 100000);
	assert_int_equal(r.n_sent, 0);
	sip_answer(r.req, 486, NULL, STR_NONE);
	free(ringing);
}

static void server_invite_refused(void **state)
{
	const char *invite = text_request("INVITE", VIA, "");
	peer_say(&p, &r, invite);
	sip_answer(r.req, 486, NULL, STR_NONE);
	sip_rig_pass(&r, 12000);
	sip_rig_sent_at(&r, 0, (int64_t[]){0, 500, 1500, 3500, 7500, 11500, -1});
	const char *ack =
		text_like(invite, "ACK", strstr(text_field(p.last, "To"), "tag=") + 4);
	peer_say(&p, &r, ack);
	sip_rig_forget_sent(&r);
	peer_say(&p, &r, ack);
	peer_say(&p, &r, invite); /* Confirmed: absorbed */
	sip_rig_pass(&r, 4900);
	assert_int_equal(r.n_sent, 0);
	assert_int_equal(r.requests, 1);
	assert_int_equal(alive("server"), 1);
	sip_rig_pass(&r, 200); /* I */
	assert_int_equal(alive("server"), 0);
}

static void server_invite_without_ack(void **state)
{
	int64_t before = 0;
	peer_say(&p, &r, text_request("INVITE", VIA, ""));
	sip_answer(r.req, 486, NULL, STR_NONE);
	sip_rig_pass(&r, 33000);
	sip_rig_sent_at(&r, 0,
		(int64_t[]){0, 500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500,
			31500, -1});
	assert_int_equal(alive("server"), 0); /* H */
	assert_true(rig_metric("imsrig_sip_faults_total{reason=\"no ACK\"}") > before);
}

static void server_invite_accepted(void **state)
{
	const char *invite = text_request("INVITE", VIA, "");
	peer_say(&p, &r, invite);
	sip_answer(r.req, 200, NULL, STR("Contact: <sip:bob@127.35.0.10>\r\n"));
	uint64_t id = r.req_id;
	sip_rig_settle(&r);
	assert_int_equal(r.n_sent, 1);
	peer_say(&p, &r,
		invite); /* RFC 6026 7.1: absorbed, the 2xx is not the machine's */
	assert_int_equal(r.n_sent, 1);
	assert_int_equal(r.requests, 1);
	assert_int_equal(sip_answer_again(r.s, id), 0);
	sip_rig_settle(&r);
	assert_string_equal(r.sent[1].text, r.sent[0].text);
	/* ACK to the 2xx: a new branch, comes to the element, is answered by nothing */
	char *ack = strdup(text_like(invite, "ACK", "b1"));
	memcpy(strstr(ack, "z9hG4bKone"), "z9hG4bKack", 10);
	peer_say(&p, &r, ack);
	assert_int_equal(r.requests, 2);
	assert_int_equal(sip_req_msg(r.req)->method, SIP_M_ACK);
	sip_answer(r.req, 481, NULL, STR_NONE);
	sip_rig_settle(&r);
	assert_int_equal(r.n_sent, 2);
	sip_rig_pass(&r, 31500);
	assert_int_equal(alive("server"), 1);
	sip_rig_pass(&r, 1000); /* L */
	assert_int_equal(alive("server"), 0);
	assert_int_equal(sip_answer_again(r.s, id), -ENOENT);
	free(ack);
}

static void server_cancel(void **state)
{
	const char *invite = text_request("INVITE", VIA, "");
	const char *cancel = text_request("CANCEL", VIA, "");
	peer_say(&p, &r, cancel);
	assert_non_null(strstr(p.last, "SIP/2.0 481 "));
	sip_rig_pass(&r, 33000);
	sip_rig_forget_sent(&r);

	peer_say(&p, &r, invite);
	peer_say(&p, &r, cancel);
	assert_int_equal(r.requests, 1);
	assert_int_equal(r.n_sent, 2);
	assert_non_null(strstr(r.sent[0].text, "SIP/2.0 200 "));
	assert_string_equal(text_field(r.sent[0].text, "CSeq"), "7 CANCEL");
	assert_non_null(strstr(r.sent[1].text, "SIP/2.0 487 "));
	assert_string_equal(text_field(r.sent[1].text, "CSeq"), "7 INVITE");
	assert_string_equal(
		text_field(r.sent[0].text, "To"), text_field(r.sent[1].text, "To"));
	assert_null(sip_req_find(r.s, r.req_id));
}

static void server_cancel_too_late(void **state)
{
	peer_say(&p, &r, text_request("INVITE", VIA, ""));
	sip_answer(r.req, 200, NULL, STR_NONE);
	sip_rig_settle(&r);
	peer_say(&p, &r, text_request("CANCEL", VIA, ""));
	assert_int_equal(r.n_sent, 2);
	assert_non_null(strstr(r.sent[1].text, "SIP/2.0 200 "));
}

static int setup_ends_here(void **state)
{
	return open_with(&(struct sip_stack_conf){.ends_here = ~0u});
}

static void server_merged(void **state)
{
	peer_say(&p, &r, text_request("OPTIONS", VIA, ""));
	peer_say(&p, &r,
		text_request("OPTIONS", "SIP/2.0/UDP " PEER ";branch=z9hG4bKtwo", ""));
	assert_int_equal(r.requests, 1);
	assert_non_null(strstr(p.last, "SIP/2.0 482 "));
	sip_answer(r.req, 200, NULL, STR_NONE);
	sip_rig_pass(&r, 33000);
	peer_say(&p, &r,
		text_request("OPTIONS", "SIP/2.0/UDP " PEER ";branch=z9hG4bK3", ""));
	assert_int_equal(r.requests, 2);
	sip_answer(r.req, 200, NULL, STR_NONE);
}

static void server_not_merged_at_a_proxy(void **state)
{
	peer_say(&p, &r, text_request("OPTIONS", VIA, ""));
	sip_answer(r.req, 200, NULL, STR_NONE);
	peer_say(&p, &r,
		text_request("OPTIONS", "SIP/2.0/UDP " PEER ";branch=z9hG4bKtwo", ""));
	assert_int_equal(r.requests, 2);
	sip_answer(r.req, 200, NULL, STR_NONE);
}

/* ---- limits, faults, ends ---- */

static int setup_small(void **state)
{
	return open_with(
		&(struct sip_stack_conf){.max_transactions = 2, .server = "imsrig"});
}

static void too_many(void **state)
{
	char via[80];
	for (int i = 0; i < 3; i++) {
		snprintf(via, sizeof via, "SIP/2.0/UDP " PEER ";branch=z9hG4bK%d", i);
		peer_say(&p, &r, text_request("OPTIONS", via, ""));
	}
	assert_int_equal(r.requests, 2);
	assert_non_null(strstr(p.last, "SIP/2.0 503 "));
	assert_string_equal(text_field(p.last, "Retry-After"), "10");
	assert_string_equal(text_field(p.last, "Server"), "imsrig");
	char *first = strdup(p.last);
	peer_say(&p, &r, text_request("OPTIONS", via, ""));
	assert_string_equal(p.last, first); /* the same tag without any state */
	free(first);
	uint64_t id;
	assert_int_equal(sip_send(r.s, STR("OPTIONS sip:x SIP/2.0\r\n\r\n"), to_peer(),
				 heard, &r, &id),
		-ENOBUFS);
	assert_int_equal(sip_stack_open(r.s), 2);
}

static void faults(void **state)
{
	static const struct row {
		const char *text;
		const char *answer; /* NULL: none */
	} rows[] = {
		{"rubbish", NULL},
		{"SIP/2.0 200 OK\r\n\r\n", NULL},
		{"OPTIONS sip:a SIP/2.0\r\nVia: " VIA "\r\n\r\n", "SIP/2.0 400 "},
		{"OPTIONS sip:a SIP/2.0\r\nVia: rubbish\r\nTo: <sip:a>\r\nFrom: "
		 "<sip:b>;tag=1\r\n"
		 "Call-ID: 1\r\nCSeq: 1 OPTIONS\r\n\r\n",
			"SIP/2.0 400 "},
		{"OPTIONS sip:a SIP/2.0\r\nVia: " VIA "\r\nTo: <sip:a>\r\nTo: <sip:b>\r\n"
		 "From: <sip:b>;tag=1\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n\r\n",
			"SIP/2.0 400 "},
		{"OPTIONS sip:a SIP/7.0\r\nVia: " VIA
		 "\r\nTo: <sip:a>\r\nFrom: <sip:b>;tag=1\r\n"
		 "Call-ID: 1\r\nCSeq: 1 OPTIONS\r\n\r\n",
			"SIP/2.0 505 "},
		{"ACK sip:a SIP/2.0\r\nVia: " VIA "\r\n\r\n", NULL},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int before = p.n;
		peer_say(&p, &r, rows[i].text);
		assert_int_equal(p.n - before, rows[i].answer != NULL);
		if (rows[i].answer)
			assert_ptr_equal(strstr(p.last, rows[i].answer), p.last);
	}
	assert_int_equal(r.requests, 0);
	assert_int_equal(r.garbage, 3);
	assert_int_equal(alive("server"), 0);
}

static int lines_with(const char *path, const char *what)
{
	char line[1024];
	int n = 0;
	FILE *f = fopen(path, "r");
	while (fgets(line, sizeof line, f))
		n += strstr(line, what) != NULL;
	fclose(f);
	return n;
}

static void log_is_bounded(void **state)
{
	char path[] = "/tmp/imsrig-test-XXXXXX";
	int fd = mkstemp(path), err = dup(2);
	sip_rig_pass(&r, 2000);
	dup2(fd, 2);
	for (int i = 0; i < 100; i++)
		peer_send(&p, "rubbish");
	sip_rig_settle(&r);
	sip_rig_pass(&r, 1100);
	peer_say(&p, &r, "rubbish");
	dup2(err, 2);
	assert_int_equal(r.garbage, 101);
	assert_int_equal(lines_with(path, "dropped"), 21);
	assert_int_equal(lines_with(path, " 80 more "), 1);
	close(fd);
	close(err);
	remove(path);
}

static void too_many_vias(void **state)
{
	char fields[1024] = "";
	for (int i = 0; i < 10; i++)
		strcat(fields, "Via: SIP/2.0/UDP 127.35.0.9;branch=z9hG4bKx\r\n");
	peer_say(&p, &r, text_request("OPTIONS", VIA, fields));
	assert_non_null(strstr(p.last, "SIP/2.0 513 "));
	assert_int_equal(r.requests, 0);
}

static void reset_ends_all(void **state)
{
	peer_say(&p, &r, text_request("OPTIONS", VIA, ""));
	request_out("OPTIONS");
	sip_rig_forget_sent(&r);
	sip_stack_reset(r.s);
	assert_int_equal(r.err, -ECANCELED);
	assert_int_equal(sip_stack_open(r.s), 0);
	assert_null(sip_req_find(r.s, r.req_id));
	assert_int_equal(alive("server") + alive("client"), 0);
	sip_rig_pass(&r, 40000);
	assert_int_equal(r.n_sent, 0);
	peer_say(&p, &r, text_request("OPTIONS", VIA, ""));
	assert_int_equal(r.requests, 2);
	sip_answer(r.req, 200, NULL, STR_NONE);
}

static void close_answers_all(void **state)
{
	peer_say(&p, &r, text_request("OPTIONS", VIA, ""));
	request_out("OPTIONS");
	p.n = 0;
	sip_stack_close(r.s);
	r.s = NULL;
	sip_rig_settle(&r);
	assert_int_equal(r.err, -ECANCELED);
	assert_int_equal(p.n, 1);
	assert_non_null(strstr(p.last, "SIP/2.0 503 "));
}

static void close_inside(struct sip_rig *rig, struct sip_req *req)
{
	sip_stack_close(rig->s);
	rig->s = NULL;
}

static void close_in_a_handler(void **state)
{
	r.on_request = close_inside;
	peer_say(&p, &r, text_request("OPTIONS", VIA, ""));
	assert_non_null(strstr(p.last, "SIP/2.0 503 "));
}

static void sends_nowhere(void **state)
{
	struct sip_hop ws = {.transport = SIP_WSS, .remote = rig_addr(PEER), .conn = 99};
	struct sip_hop tls = {.transport = SIP_TLS, .remote = rig_addr(PEER)};
	struct str text = STR("OPTIONS sip:x SIP/2.0\r\nCSeq: 1 OPTIONS\r\n\r\n");
	assert_int_equal(sip_send(r.s, text, &ws, heard, &r, NULL), -ENOTCONN);
	assert_int_equal(sip_send(r.s, text, &tls, heard, &r, NULL), -EPROTONOSUPPORT);
	assert_int_equal(
		sip_send(r.s, STR("nothing"), to_peer(), heard, &r, NULL), -EINVAL);
	assert_int_equal(sip_send(r.s, STR_NONE, to_peer(), heard, &r, NULL), -EINVAL);
	sip_rig_pass(&r, 40000);
	assert_int_equal(r.answers, 0);
	assert_int_equal(alive("client"), 0);
}

/* Every row of the timer table against RFC 3261 table 4, with the values of both
 * sides. */
static void timer_table(void **state)
{
	static const struct sip_timers core = {500, 4000, 5000},
				       access = {2000, 16000, 17000};
	static const struct {
		enum tx_timer t;
		int core, access, reliable;
	} rows[] = {
		{TIMER_A, 500, 2000, -1}, {TIMER_B, 32000, 128000, 32000},
		{TIMER_C, 181000, 181000, 181000}, {TIMER_D, 32000, 128000, 0},
		{TIMER_E, 500, 2000, -1}, {TIMER_F, 32000, 128000, 32000},
		{TIMER_G, 500, 2000, -1}, {TIMER_H, 32000, 128000, 32000},
		{TIMER_I, 5000, 17000, 0}, {TIMER_J, 32000, 128000, 0},
		{TIMER_K, 5000, 17000, 0}, {TIMER_L, 32000, 128000, 32000},
		{TIMER_M, 32000, 128000, 32000}, {TIMER_TRYING, 200, 200, 200},
		{TIMER_TRYING_LATE, 3500, 14000, 3500},
	};
	assert_int_equal(sizeof rows / sizeof *rows, TIMER_COUNT);
	for (int i = 0; i < TIMER_COUNT; i++) {
		assert_int_equal(rows[i].t, i);
		assert_int_equal(tx_timer_ms(rows[i].t, &core, false), rows[i].core);
		assert_int_equal(tx_timer_ms(rows[i].t, &access, false), rows[i].access);
		assert_int_equal(tx_timer_ms(rows[i].t, &core, true), rows[i].reliable);
	}
}

/* Many entries, all found again, and gone when removed. */
static void tables(void **state)
{
	enum { N = 5000 };
	struct table t = {0};
	struct ids ids = {0};
	struct node *nodes = mem_zalloc(N * sizeof *nodes);
	uint64_t id[N];
	struct key secret = {1, 2};
	for (int i = 0; i < N; i++) {
		struct hash h;
		hash_begin(&h, &secret);
		hash_number(&h, (uint64_t)i);
		nodes[i].key = hash_end(&h);
		table_add(&t, &nodes[i]);
		id[i] = ids_add(&ids, &nodes[i]);
	}
	for (int i = 0; i < N; i++) {
		assert_ptr_equal(table_find(&t, nodes[i].key), &nodes[i]);
		assert_ptr_equal(ids_find(&ids, id[i]), &nodes[i]);
	}
	for (int i = 0; i < N; i += 2) {
		table_remove(&t, &nodes[i]);
		ids_remove(&ids, id[i]);
		assert_null(table_find(&t, nodes[i].key));
		assert_null(ids_find(&ids, id[i]));
	}
	uint64_t fresh = ids_add(&ids, nodes);
	assert_null(ids_find(&ids, id[N - 2]));
	assert_ptr_equal(ids_find(&ids, fresh), nodes);
	size_t at = 0, n = 0;
	struct node *any;
	while ((any = table_any(&t, &at))) {
		table_remove(&t, any);
		n++;
	}
	assert_int_equal(n, N / 2);
	table_free(&t);
	free(ids.slots);
	free(nodes);
}

#define T(f)       cmocka_unit_test_setup_teardown(f, setup, teardown)
#define T_IN(s, f) cmocka_unit_test_setup_teardown(f, s, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timer_table),
		cmocka_unit_test(tables),
		T(client_unanswered),
		T(client_via),
		T(client_provisional_slows),
		T(client_answered),
		T(client_forgotten),
		T(client_other_method_in_cseq),
		T(client_lossy),
		T(invite_unanswered),
		T(invite_refused),
		T(invite_accepted),
		T(invite_cancelled),
		T(invite_cancel_without_end),
		T(server_answers_again),
		T(server_trying_is_late),
		T(server_by_id),
		T(server_by_other_branch_or_host),
		T(server_rfc2543),
		T(server_invite_trying),
		T(server_invite_refused),
		T(server_invite_without_ack),
		T(server_invite_accepted),
		T(server_cancel),
		T(server_cancel_too_late),
		T_IN(setup_ends_here, server_merged),
		T(server_not_merged_at_a_proxy),
		T_IN(setup_small, too_many),
		T(faults),
		T(log_is_bounded),
		T(too_many_vias),
		T(reset_ends_all),
		T(close_answers_all),
		T(close_in_a_handler),
		T(sends_nowhere),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
