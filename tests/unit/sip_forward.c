/* Forwarding (RFC 3261 16): a proxy between two peers that send any bytes.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/sip_rig.h"

#define PROXY "127.35.0.12:5060"
#define EAST  "127.35.0.101:5060"
#define WEST  "127.35.0.102:5060"
#define VIA   "SIP/2.0/UDP " EAST ";branch=z9hG4bKeast"

static struct sip_rig r;
static struct peer east, west;

/* What the element does with the answers. */
static struct {
	int verdict;           /* of the response handler */
	int failure;           /* of the failure handler */
	int responses, failures, err, last;
	const char *add;       /* a field for the response */
	void (*taken)(struct sip_req *req);
} plan;

static int on_response(
	struct sip_req *req, const struct sip_msg *m, struct sip_edit *e, void *arg)
{
	plan.responses++;
	plan.last = m->status;
	if (plan.add)
		sip_edit_add(e, STR("X-Added"), str_of(plan.add));
	if (plan.taken)
		plan.taken(req);
	return plan.verdict;
}

static int on_failure(struct sip_req *req, int err, void *arg)
{
	plan.failures++;
	plan.err = err;
	return plan.failure;
}

static const struct sip_forward_h forward_h = {
	.response = on_response, .failure = on_failure};

static struct sip_hop hop_to(const char *addr, enum sip_transport t)
{
	return (struct sip_hop){.transport = t, .remote = rig_addr(addr)};
}

static void forward_by(struct sip_req *req, const struct sip_hop *to)
{
	struct sip_edit e;
	sip_edit_begin(&e, sip_req_msg(req), sip_req_arena(req));
	sip_route_own(req, &e, NULL);
	int err = sip_forward(req, &e, to, &forward_h, NULL);
	if (err)
		sip_answer(req, 500, uv_strerror(err), STR_NONE);
}

static void forward(struct sip_rig *rig, struct sip_req *req)
{
	struct sip_hop to = hop_to(WEST, SIP_UDP);
	forward_by(req, &to);
}

static int setup(void **state)
{
	memset(&plan, 0, sizeof plan);
	r.conf = (struct sip_stack_conf){0};
	sip_rig_open(&r, "proxy");
	sip_rig_udp(&r, PROXY);
	peer_open(&east, &r, EAST, PROXY);
	peer_open(&west, &r, WEST, PROXY);
	r.on_request = forward;
	return 0;
}

static int teardown(void **state)
{
	peer_close(&east);
	peer_close(&west);
	sip_rig_close(&r);
	assert_int_equal(rig_metric("imsrig_sip_open{side=\"server\"}"), 0);
	assert_int_equal(rig_metric("imsrig_sip_open{side=\"client\"}"), 0);
	return 0;
}

/* The text with its first line that begins so taken out, into a ring. */
static const char *without(const char *text, const char *begin)
{
	static char out[4][8192];
	static int at;
	char *o = out[at++ % 4];
	const char *line = strstr(text, begin);
	assert_non_null(line);
	snprintf(o, 8192, "%.*s%s", (int)(line - text), text, strstr(line, "\r\n") + 2);
	return o;
}

/* ---- what stays and what changes ---- */

/* Odd, legal spelling in every line: all of it must arrive as it was sent. */
static const char odd[] =
	"REGISTER sip:ims.example.org SIP/2.0\r\n"
	"vIa  :   SIP / 2.0 / UDP\t127.35.0.101:5060 ;branch =z9hG4bKodd\r\n"
	"MAX-FORWARDS:\t 0070\r\n"
	"f: \"A \\\"quoted\\\" name\"  <sip:alice@ims.example.org> ; tag=a1\r\n"
	"t  : <sip:alice@ims.example.org>\r\n"
	"i:c1\r\n"
	"CSeq:  1\t REGISTER \r\n"
	"m: <sip:k3x9@q7f2.invalid;transport=ws>;+sip.instance=\"<urn:uuid:0f0e>\";reg-id=1,\r\n"
	"  <sip:other@x>\r\n"
	"X-Unknown:\xc3\xa9 ; ,,,\r\n"
	"x-unknown: again\r\n"
	"Authorization: Digest username=\"a\",realm=\"r\" ,  nonce=\"\",uri=\"sip:x\",response=\"\"\r\n"
	"l: 5\r\n\r\n"
	"a\0b\r\n";

static void bit_for_bit(void **state)
{
	struct str text = {odd, sizeof odd - 1};
	udp_send(east.udp, &east.remote, text);
	sip_rig_settle(&r);
	assert_int_equal(r.requests, 1);
	assert_int_equal(west.n, 1);
	assert_int_equal(r.n_sent, 1);
	/* the body holds a NUL: compare the heads as text and the rest as bytes */
	const char *got = without(west.last, "Via: SIP/2.0/UDP " PROXY ";branch=z9hG4bK");
	const char *want = without(odd, "MAX-FORWARDS");
	assert_string_equal(without(got, "MAX-FORWARDS"), want);
	assert_non_null(strstr(got, "MAX-FORWARDS:\t 69\r\n"));
	assert_memory_equal(strstr(west.last, "\r\n\r\n"), strstr(odd, "\r\n\r\n"), 9);
	sip_answer(sip_req_find(r.s, r.req_id), 200, NULL, STR_NONE);
}

static void response_bit_for_bit(void **state)
{
	char text[2048];
	peer_say(&east, &r, text_request("REGISTER", VIA, ""));
	snprintf(text, sizeof text,
		"SIP/2.0 401 Wer da?\r\nVia: %s\r\nv: SIP/2.0/UDP 127.35.0.101:5060\r\n ;branch=z9hG4bKeast\r\n"
		"f: %s\r\nt: %s;tag=x\r\ni: %s\r\nCSeq: %s\r\nWWW-Authenticate:Digest  a=\"b\"\r\n"
		"X-a:\r\nl: 3\r\n\r\nabc",
		text_field(west.last, "Via"), text_field(west.last, "From"),
		text_field(west.last, "To"), text_field(west.last, "Call-ID"),
		text_field(west.last, "CSeq"));
	peer_say(&west, &r, text);
	assert_int_equal(east.n, 1);
	assert_string_equal(east.last, without(text, "Via: "));
	assert_int_equal(plan.responses, 1);
}

static void answers_with_one_via_line(void **state)
{
	char text[2048];
	peer_say(&east, &r, text_request("REGISTER", VIA, ""));
	snprintf(text, sizeof text,
		"SIP/2.0 200 OK\r\nVia: %s, " VIA "\r\nFrom: %s\r\nTo: %s;tag=x\r\nCall-ID: %s\r\n"
		"CSeq: %s\r\nContent-Length: 0\r\n\r\n",
		text_field(west.last, "Via"), text_field(west.last, "From"),
		text_field(west.last, "To"), text_field(west.last, "Call-ID"),
		text_field(west.last, "CSeq"));
	peer_say(&west, &r, text);
	assert_string_equal(text_field(east.last, "Via"), VIA);
}

static void max_forwards(void **state)
{
	static const struct {
		const char *method, *value, *out; /* out NULL: answered */
		int status;
	} rows[] = {
		{"OPTIONS", "1", "0", 0}, {"OPTIONS", "0", NULL, 483},
		{"OPTIONS", "255", "254", 0}, {"OPTIONS", "many", NULL, 400},
		{"OPTIONS", "99999999999", NULL, 400}, {"OPTIONS", "", NULL, 400},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char text[2048], via[80], status[32];
		snprintf(via, sizeof via, "SIP/2.0/UDP " EAST ";branch=z9hG4bK%zu", i);
		snprintf(text, sizeof text, "%s", text_request("OPTIONS", via, ""));
		const char *at = strstr(text, "Max-Forwards: 70");
		char rest[2048];
		strcpy(rest, at + strlen("Max-Forwards: 70"));
		snprintf(text + (at - text), sizeof text - (size_t)(at - text),
			"Max-Forwards: %s%s", rows[i].value, rest);
		int before = west.n;
		peer_say(&east, &r, text);
		assert_int_equal(west.n - before, rows[i].out != NULL);
		if (rows[i].out) {
			assert_string_equal(
				text_field(west.last, "Max-Forwards"), rows[i].out);
			peer_say(&west, &r, text_response(west.last, 200, "w"));
		} else {
			snprintf(status, sizeof status, "SIP/2.0 %d ", rows[i].status);
			assert_ptr_equal(strstr(east.last, status), east.last);
		}
	}
	const char *none = without(text_request("OPTIONS", VIA, ""), "Max-Forwards");
	peer_say(&east, &r, none);
	assert_string_equal(text_field(west.last, "Max-Forwards"), "70");
	peer_say(&west, &r, text_response(west.last, 200, "w"));
}

static void proxy_require(void **state)
{
	peer_say(&east, &r, text_request("OPTIONS", VIA, "Proxy-Require: one, two\r\n"));
	assert_int_equal(west.n, 0);
	assert_non_null(strstr(east.last, "SIP/2.0 420 Bad Extension\r\n"));
	assert_string_equal(text_field(east.last, "Unsupported"), "one");
	assert_non_null(strstr(east.last, "Unsupported: two\r\n"));
}

static void received_and_rport(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{"SIP/2.0/UDP q7f2.invalid;branch=z9hG4bKa",
			"SIP/2.0/UDP q7f2.invalid;branch=z9hG4bKa;received=127.35.0.101"},
		{"SIP/2.0/UDP 127.35.0.101;rport;branch=z9hG4bKb",
			"SIP/2.0/UDP "
			"127.35.0.101;rport=5060;branch=z9hG4bKb;received=127.35.0.101"},
		{"SIP/2.0/UDP 127.35.0.7:5060;received=127.35.0.9;branch=z9hG4bKc",
			"SIP/2.0/UDP "
			"127.35.0.7:5060;branch=z9hG4bKc;received=127.35.0.101"},
		{"SIP/2.0/UDP 127.35.0.101;branch=z9hG4bKd",
			"SIP/2.0/UDP 127.35.0.101;branch=z9hG4bKd"},
		{"SIP/2.0/UDP h.example;rport=9;branch=z9hG4bKe, SIP/2.0/UDP "
		 "127.35.0.4;branch=z9hG4bKz",
			"SIP/2.0/UDP "
			"h.example;rport=5060;branch=z9hG4bKe;received=127.35.0.101, "
			"SIP/2.0/UDP 127.35.0.4;branch=z9hG4bKz"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		peer_say(&east, &r, text_request("OPTIONS", rows[i].in, ""));
		const char *own = strstr(west.last, "Via: ");
		assert_string_equal(text_field(own, "Via"), rows[i].out);
		int before = east.n;
		peer_say(&west, &r, text_response(west.last, 200, "w"));
		assert_int_equal(east.n, before + 1);
		assert_string_equal(text_field(east.last, "Via"), rows[i].out);
	}
}

static void route_own(void **state)
{
	static const struct name names[] = {{.name = "proxy.ims.example.org"}};
	struct name table[1];
	memcpy(table, names, sizeof table);
	table[0].addr = rig_addr("127.35.0.12:0");
	r.rig.host.names = table;
	r.rig.host.n_names = 1;
	peer_say(&east, &r, text_request("OPTIONS", VIA,
		"Route: <sip:orig@proxy.ims.example.org:5060;lr>, <sip:127.35.0.13;lr>\r\n"));
	assert_string_equal(text_field(west.last, "Route"), "<sip:127.35.0.13;lr>");
	peer_say(&west, &r, text_response(west.last, 200, "w"));
	peer_say(&east, &r,
		text_request("OPTIONS", VIA "2",
			"Route: <sip:proxy.ims.example.org:5070;lr>\r\n"));
	assert_string_equal(
		text_field(west.last, "Route"), "<sip:proxy.ims.example.org:5070;lr>");
	peer_say(&west, &r, text_response(west.last, 200, "w"));
	r.rig.host.n_names = 0;
}

/* ---- answers ---- */

static void handler_edits(void **state)
{
	plan.add = "yes";
	peer_say(&east, &r, text_request("REGISTER", VIA, ""));
	const char *ok = text_response(west.last, 200, "w");
	peer_say(&west, &r, ok);
	assert_string_equal(text_field(east.last, "X-Added"), "yes");
	char *first = strdup(east.last);
	peer_say(&east, &r, text_request("REGISTER", VIA, ""));
	assert_int_equal(west.n, 1);
	assert_string_equal(east.last, first);
	peer_say(&west, &r, ok); /* absorbed by the client transaction */
	assert_int_equal(east.n, 2);
	free(first);
}

static void handler_answers_otherwise(void **state)
{
	plan.verdict = 504;
	peer_say(&east, &r, text_request("REGISTER", VIA, ""));
	peer_say(&west, &r, text_response(west.last, 200, "w"));
	assert_non_null(strstr(east.last, "SIP/2.0 504 "));
}

static void take_and_answer(struct sip_req *req)
{
	plan.verdict = -1;
	sip_answer(req, 600, NULL, STR_NONE);
}

static void handler_takes_over(void **state)
{
	plan.taken = take_and_answer;
	peer_say(&east, &r, text_request("REGISTER", VIA, ""));
	peer_say(&west, &r, text_response(west.last, 200, "w"));
	assert_int_equal(east.n, 1);
	assert_non_null(strstr(east.last, "SIP/2.0 600 "));
}

static void take_and_try_again(struct sip_req *req)
{
	plan.taken = NULL;
	forward(&r, req);
}

static void handler_tries_again(void **state)
{
	plan.taken = take_and_try_again;
	plan.verdict = -1;
	peer_say(&east, &r, text_request("REGISTER", VIA, ""));
	const char *via = text_field(west.last, "Via");
	peer_say(&west, &r, text_response(west.last, 480, "w"));
	assert_int_equal(west.n, 2);
	assert_int_equal(east.n, 0);
	assert_string_not_equal(text_field(west.last, "Via"), via);
	plan.verdict = 0;
	peer_say(&west, &r, text_response(west.last, 200, "w"));
	assert_non_null(strstr(east.last, "SIP/2.0 200 "));
}

static void a_503_is_a_500(void **state)
{
	peer_say(&east, &r, text_request("REGISTER", VIA, ""));
	peer_say(&west, &r, text_response(west.last, 503, "w"));
	assert_int_equal(plan.last, 503);
	assert_non_null(strstr(east.last, "SIP/2.0 500 "));
}

static void provisional_of_others_stay(void **state)
{
	peer_say(&east, &r, text_request("REGISTER", VIA, ""));
	peer_say(&west, &r, text_response(west.last, 100, NULL));
	peer_say(&west, &r, text_response(west.last, 183, "w"));
	assert_int_equal(east.n, 0);
	assert_int_equal(plan.responses, 0);
	peer_say(&west, &r, text_response(west.last, 200, "w"));
	assert_int_equal(east.n, 1);
}

static void unanswered(void **state)
{
	peer_say(&east, &r, text_request("REGISTER", VIA, ""));
	assert_int_equal(sip_stack_open(r.s), 2);
	sip_rig_pass(&r, 31000);
	assert_int_equal(plan.failures, 0);
	sip_rig_pass(&r, 1500);
	assert_int_equal(plan.err, -ETIMEDOUT);
	assert_non_null(strstr(east.last, "SIP/2.0 408 "));
	assert_int_equal(sip_stack_open(r.s), 0);
}

static void unanswered_with_a_status(void **state)
{
	plan.failure = 504;
	peer_say(&east, &r, text_request("REGISTER", VIA, ""));
	sip_rig_pass(&r, 33000);
	assert_non_null(strstr(east.last, "SIP/2.0 504 "));
}

static void forward_by_tcp(struct sip_rig *rig, struct sip_req *req)
{
	struct sip_hop to = hop_to(WEST, SIP_TCP);
	forward_by(req, &to);
}

static void unreachable(void **state)
{
	r.on_request = forward_by_tcp; /* nobody listens there */
	peer_say(&east, &r, text_request("REGISTER", VIA, ""));
	sip_rig_pass(&r, 200);
	assert_int_equal(plan.failures, 1);
	assert_int_equal(plan.err, -ECONNREFUSED);
	assert_non_null(strstr(east.last, "SIP/2.0 500 "));
}

static void response_after_the_answer(void **state)
{
	peer_say(&east, &r, text_request("REGISTER", VIA, ""));
	sip_answer(sip_req_find(r.s, r.req_id), 403, NULL, STR_NONE);
	peer_say(&west, &r, text_response(west.last, 200, "w"));
	assert_int_equal(east.n, 1);
	assert_int_equal(plan.responses, 0);
	assert_int_equal(sip_stack_open(r.s), 0);
}

static void response_without_other_via(void **state)
{
	peer_say(&east, &r, text_request("REGISTER", VIA, ""));
	const char *ok = text_response(west.last, 200, "w");
	peer_say(&west, &r, without(ok, "Via: SIP/2.0/UDP " EAST));
	assert_non_null(strstr(east.last, "SIP/2.0 500 "));
}

/* ---- INVITE ---- */

static void invite_accepted(void **state)
{
	peer_say(&east, &r, text_request("INVITE", VIA, ""));
	assert_int_equal(east.n, 1);
	assert_non_null(strstr(east.last, "SIP/2.0 100 Trying"));
	char *invite = strdup(west.last);
	peer_say(&west, &r, text_response(invite, 100, NULL));
	assert_int_equal(east.n, 1);
	peer_say(&west, &r, text_response(invite, 180, "w"));
	assert_non_null(strstr(east.last, "SIP/2.0 180 "));
	const char *ok = text_response(invite, 200, "w");
	peer_say(&west, &r, ok);
	assert_int_equal(east.n, 3);
	char *first = strdup(east.last);
	peer_say(&west, &r, ok); /* RFC 6026: each 2xx goes through */
	assert_int_equal(east.n, 4);
	assert_string_equal(east.last, first);
	/* the ACK to a 2xx is forwarded without a transaction */
	char *ack = strdup(text_like(text_request("INVITE", VIA, ""), "ACK", "w"));
	memcpy(strstr(ack, "z9hG4bKeast"), "z9hG4bKmore", 11);
	peer_say(&east, &r, ack);
	assert_int_equal(west.n, 2);
	assert_string_equal(text_field(west.last, "CSeq"), "7 ACK");
	assert_string_equal(text_field(west.last, "Max-Forwards"), "69");
	assert_string_not_equal(text_field(west.last, "Via"), text_field(invite, "Via"));
	assert_int_equal(sip_stack_open(r.s), 0);
	free(ack);
	free(first);
	free(invite);
}

static void invite_cancelled(void **state)
{
	peer_say(&east, &r, text_request("INVITE", VIA, ""));
	char *invite = strdup(west.last);
	peer_say(&west, &r, text_response(invite, 180, "w"));
	peer_say(&east, &r, text_request("CANCEL", VIA, ""));
	assert_non_null(strstr(east.last, "SIP/2.0 200 "));
	assert_ptr_equal(strstr(west.last, "CANCEL "), west.last);
	assert_string_equal(text_field(west.last, "Via"), text_field(invite, "Via"));
	peer_say(&west, &r, text_response(west.last, 200, "w"));
	peer_say(&west, &r, text_response(invite, 487, "w"));
	assert_non_null(strstr(east.last, "SIP/2.0 487 "));
	assert_ptr_equal(strstr(west.last, "ACK "), west.last);
	assert_int_equal(sip_stack_open(r.s), 0);
	free(invite);
}

static void invite_timer_c(void **state)
{
	peer_say(&east, &r, text_request("INVITE", VIA, ""));
	char *invite = strdup(west.last);
	peer_say(&west, &r, text_response(invite, 180, "w"));
	sip_rig_pass(&r, 170000);
	peer_say(&west, &r, text_response(invite, 183, "w")); /* starts it anew */
	sip_rig_pass(&r, 170000);
	assert_int_equal(west.n, 1);
	sip_rig_pass(&r, 12000);
	assert_ptr_equal(strstr(west.last, "CANCEL "), west.last);
	peer_say(&west, &r, text_response(west.last, 200, "w"));
	sip_rig_pass(&r, 33000);
	assert_int_equal(plan.err, -ETIMEDOUT);
	assert_non_null(strstr(east.last, "SIP/2.0 408 "));
	free(invite);
}

/* ---- under loss, and at the end ---- */

static void lossy_path(void **state)
{
	sip_rig_rule(&r, "{\"match\":{\"dir\":\"received\",\"what\":\"SIP "
			 "200\"},\"do\":\"drop\",\"times\":1}");
	sip_rig_rule(&r, "{\"match\":{\"dir\":\"sent\",\"what\":\"SIP "
			 "REGISTER\"},\"do\":\"drop\",\"times\":1}");
	peer_say(&east, &r, text_request("REGISTER", VIA, ""));
	assert_int_equal(west.n, 0);
	sip_rig_pass(&r, 600);
	assert_int_equal(west.n, 1);
	peer_say(&west, &r, text_response(west.last, 200, "w"));
	assert_int_equal(east.n, 0);
	sip_rig_pass(&r, 1000);
	assert_int_equal(west.n, 2);
	peer_say(&west, &r, text_response(west.last, 200, "w"));
	assert_int_equal(east.n, 1);
}

static void gate_changes(void **state)
{
	sip_rig_rule(&r, "{\"match\":{\"dir\":\"sent\",\"what\":\"SIP REGISTER\","
			 "\"fields\":{\"To\":\"/bob/\"}},\"do\":\"set\","
			 "\"set\":{\"To\":\"<sip:eve@x>\",\"From.tag\":\"other\",\"X-New\":\"n\"}}");
	peer_say(&east, &r, text_request("REGISTER", VIA, ""));
	assert_string_equal(text_field(west.last, "To"), "<sip:eve@x>");
	assert_string_equal(
		text_field(west.last, "From"), "<sip:alice@ims.example.org>;tag=other");
	assert_string_equal(text_field(west.last, "X-New"), "n");
	sip_answer(sip_req_find(r.s, r.req_id), 200, NULL, STR_NONE);
}

static void reset_while_waiting(void **state)
{
	peer_say(&east, &r, text_request("REGISTER", VIA, ""));
	sip_stack_reset(r.s);
	assert_int_equal(sip_stack_open(r.s), 0);
	assert_int_equal(plan.failures, 0);
	peer_say(&west, &r, text_response(west.last, 200, "w"));
	assert_int_equal(east.n, 0);
}

static void close_inside(struct sip_req *req)
{
	sip_stack_close(r.s);
	r.s = NULL;
}

static void close_in_a_handler(void **state)
{
	plan.taken = close_inside;
	peer_say(&east, &r, text_request("REGISTER", VIA, ""));
	peer_say(&west, &r, text_response(west.last, 200, "w"));
	assert_non_null(strstr(east.last, "SIP/2.0 503 "));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(bit_for_bit),
		T(response_bit_for_bit),
		T(answers_with_one_via_line),
		T(max_forwards),
		T(proxy_require),
		T(received_and_rport),
		T(route_own),
		T(handler_edits),
		T(handler_answers_otherwise),
		T(handler_takes_over),
		T(handler_tries_again),
		T(a_503_is_a_500),
		T(provisional_of_others_stay),
		T(unanswered),
		T(unanswered_with_a_status),
		T(unreachable),
		T(response_after_the_answer),
		T(response_without_other_via),
		T(invite_accepted),
		T(invite_cancelled),
		T(invite_timer_c),
		T(lossy_path),
		T(gate_changes),
		T(reset_while_waiting),
		T(close_in_a_handler),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
