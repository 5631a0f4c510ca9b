/* The judge, fed with made-up records: every rule, and a good ladder whose expectations
 * are falsified one by one, each of which it must notice at the right step.
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "common/base/buf.h"
#include "scenarios/player/judge.h"
#include "scenarios/player/ladder.h"
#include "scenarios/player/script.h"

/* ---- the acting half is not here ---- */

int actor_check_settings(
	const char *kind, const json_t *settings, const char **key, char why[256])
{
	return 0;
}

int actor_check_verb(const char *kind, const char *verb, const json_t *options,
	const char **key, char why[256])
{
	return 0;
}

const char *rig_part_of(const char *name)
{
	return strcmp(name, "avproxy") ? NULL : "hss";
}

bool rig_is_process(const char *name)
{
	return strstr(" hss scscf icscf epcscf wwsf ", name) != NULL;
}

/* ---- made-up messages ---- */

static struct arena arena;

static struct str sip(const char *start, int cseq, const char *extra)
{
	return arena_fmt(&arena,
		"%s\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK%d\r\n"
		"To: <sip:a@x>\r\nFrom: <sip:a@x>;tag=1\r\nCall-ID: c1\r\n"
		"CSeq: %d REGISTER\r\n%sContent-Length: 0\r\n\r\n",
		start, cseq, cseq, extra);
}

static void put_avp(struct buf *b, uint32_t code, uint32_t vendor, struct str data)
{
	buf_u32(b, code);
	buf_u32(b, (vendor ? 0xc0000000u : 0x40000000u) |
			   (uint32_t)(data.n + (vendor ? 12 : 8)));
	if (vendor)
		buf_u32(b, vendor);
	buf_add(b, data);
	while (b->n % 4)
		buf_byte(b, 0);
}

static struct str cx(uint32_t command, bool request, const char *session, uint32_t result)
{
	struct buf b = {0}, number = {0};
	buf_u32(&b, 0);
	buf_u32(&b, (request ? 0xc0000000u : 0x40000000u) | command);
	buf_u32(&b, command < 290 ? 0 : 16777216);
	buf_u32(&b, 1);
	buf_u32(&b, 2);
	if (session)
		put_avp(&b, 263, 0, str_of(session));
	if (result) {
		buf_u32(&number, result);
		put_avp(&b, 268, 0, buf_str(&number));
	}
	uint32_t n = (uint32_t)b.n;
	b.p[0] = 1;
	b.p[1] = (char)(n >> 16);
	b.p[2] = (char)(n >> 8);
	b.p[3] = (char)n;
	struct str s = arena_str(&arena, buf_str(&b));
	buf_free(&b);
	buf_free(&number);
	return s;
}

/* ---- one run ---- */

struct fed {
	const char *from, *to;
	struct str bytes;
	int burst; /* of the step whose action sets it off */
};

struct world {
	struct script *script;
	struct judge *judge;
	const struct variant *v;
	uint64_t now;
	int step;
	uint32_t number;
	bool over;
};

static void unchanged(void *arg)
{
}

static void start(struct world *w, const char *yaml)
{
	char why[512];
	*w = (struct world){.now = 1000, .step = -1};
	if (script_load_text("test.yaml", str_of(yaml), "/tmp", &w->script, why))
		fail_msg("%s\n%s", why, yaml);
	w->v = &w->script->variants[0];
	w->judge = judge_new(w->v, unchanged, NULL);
}

static void stop(struct world *w)
{
	judge_free(w->judge);
	script_free(w->script);
	arena_free(&arena);
}

static enum trace_proto proto_of(struct str bytes)
{
	if (bytes.n && bytes.p[0] == 1)
		return TRACE_DIAMETER;
	if (str_starts(bytes, STR("PING")) || str_starts(bytes, STR("CLOSE")))
		return TRACE_WS;
	return str_find(bytes, STR("HTTP/1.1")) >= 0 ? TRACE_HTTP : TRACE_SIP;
}

static struct record *feed_at(
	struct world *w, const char *from, const char *to, struct str bytes, uint64_t ns)
{
	struct record *r = ARENA_NEW(&arena, struct record);
	*r = (struct record){.number = ++w->number,
		.proto = proto_of(bytes),
		.from = from,
		.to = to,
		.sent_ns = ns,
		.received_ns = ns + 1,
		.bytes = arena_str(&arena, bytes)};
	addr_parse(STR("127.0.0.1"), (uint16_t)str_hash(str_of(from)), &r->src);
	addr_parse(STR("127.0.0.1"), (uint16_t)str_hash(str_of(to)), &r->dst);
	judge_record(r, false, w->judge);
	return r;
}

static void feed(struct world *w, const char *from, const char *to, struct str bytes)
{
	feed_at(w, from, to, bytes, w->now += 10);
}

/* As the runner does: on while steps are done, until one whose action is another burst's.
 */
static void advance(struct world *w, int until)
{
	while (w->step < until && (w->step < 0 || judge_step_done(w->judge, w->step)) &&
		!judge_suspects(w->judge)) {
		w->step++;
		judge_step(w->judge, w->step, ++w->now);
	}
}

static const struct finding *end(struct world *w)
{
	advance(w, (int)w->v->n_steps - 1);
	if (!judge_suspects(w->judge) &&
		!judge_step_done(w->judge, (int)w->v->n_steps - 1))
		judge_timeout(w->judge, w->step, 5000);
	return judge_finish(w->judge);
}

static void finds(struct world *w, const char *step, const char *why)
{
	const struct finding *f = end(w);
	if (!f->verdict)
		fail_msg("nothing found, expected: %s", why);
	assert_int_equal(f->verdict, VERDICT_FAIL);
	struct buf b = {0};
	buf_add(&b, f->why);
	assert_string_equal(buf_z(&b), why);
	buf_free(&b);
	if (step)
		assert_string_equal(w->v->steps[f->step].name, step);
	stop(w);
}

static void passes(struct world *w)
{
	const struct finding *f = end(w);
	if (f->verdict)
		fail_msg("%.*s", STR_ARG(f->why));
	stop(w);
}

#define HEAD                                                                             \
	"id: t\ntitle: t\nrig: {processes: [hss, scscf, icscf, epcscf, wwsf]}\n"         \
	"actors: {alice: {kind: wic}}\n"
#define FLOW HEAD "flow:\n"

/* ---- order ---- */

static const char two_links[] = FLOW "  - step: 1\n    do: alice registers\n    expect:\n"
				     "      - \"alice -> epcscf: SIP REGISTER\"\n"
				     "      - \"epcscf -> icscf: SIP REGISTER\"\n"
				     "      - \"icscf -> hss: Cx UAR\"\n"
				     "      - \"hss -> icscf: Cx UAA\"\n"
				     "      - \"icscf -> epcscf: SIP 403\"\n"
				     "      - \"epcscf -> alice: SIP 403\"\n";

static void in_order(void **state)
{
	struct world w;
	start(&w, two_links);
	advance(&w, 0);
	feed(&w, "alice", "epcscf", sip("REGISTER sip:x SIP/2.0", 1, ""));
	feed(&w, "epcscf", "icscf",
		sip("REGISTER sip:x SIP/2.0", 1, "Path: <sip:e>\r\n"));
	feed(&w, "icscf", "hss", cx(300, true, "s1", 0));
	assert_false(judge_step_done(w.judge, 0));
	feed(&w, "hss", "icscf", cx(300, false, "s1", 5012));
	feed(&w, "icscf", "epcscf", sip("SIP/2.0 403 Forbidden", 1, ""));
	feed(&w, "epcscf", "alice", sip("SIP/2.0 403 Forbidden", 1, "X: y\r\n"));
	assert_true(judge_step_done(w.judge, 0));
	passes(&w);
}

/* Records of different processes come over different connections: what matters is when
 * they were sent, and links are independent of each other. */
static void late_records(void **state)
{
	struct world w;
	start(&w, two_links);
	advance(&w, 0);
	uint64_t t = w.now + 1;
	feed_at(&w, "epcscf", "alice", sip("SIP/2.0 403 Forbidden", 1, "X: y\r\n"),
		t + 60);
	assert_true(judge_suspects(w.judge)); /* the link's first must be the REGISTER */
	stop(&w);

	start(&w, two_links);
	advance(&w, 0);
	t = w.now + 1;
	feed_at(&w, "icscf", "hss", cx(300, true, "s1", 0), t + 30);
	feed_at(&w, "hss", "icscf", cx(300, false, "s1", 5012), t + 40);
	feed_at(&w, "alice", "epcscf", sip("REGISTER sip:x SIP/2.0", 1, ""), t + 10);
	feed_at(&w, "epcscf", "alice", sip("SIP/2.0 403 Forbidden", 1, "X: y\r\n"),
		t + 60);
	feed_at(&w, "epcscf", "icscf", sip("REGISTER sip:x SIP/2.0", 1, "P: q\r\n"),
		t + 20);
	feed_at(&w, "icscf", "epcscf", sip("SIP/2.0 403 Forbidden", 1, ""), t + 50);
	passes(&w);
}

static void order_of_a_transaction(void **state)
{
	struct world w;
	start(&w, two_links);
	advance(&w, 0);
	uint64_t t = w.now + 1;
	feed_at(&w, "epcscf", "icscf", sip("REGISTER sip:x SIP/2.0", 1, "P: q\r\n"),
		t + 5);
	feed_at(&w, "alice", "epcscf", sip("REGISTER sip:x SIP/2.0", 1, ""), t + 10);
	feed_at(&w, "icscf", "hss", cx(300, true, "s1", 0), t + 30);
	feed_at(&w, "hss", "icscf", cx(300, false, "s1", 5012), t + 40);
	feed_at(&w, "icscf", "epcscf", sip("SIP/2.0 403 Forbidden", 1, ""), t + 50);
	feed_at(&w, "epcscf", "alice", sip("SIP/2.0 403 Forbidden", 1, "X: y\r\n"),
		t + 60);
	finds(&w, "1",
		"expected \"alice -> epcscf: SIP REGISTER\", came \"epcscf -> icscf: SIP "
		"REGISTER\" before it");
}

static void order_of_a_session(void **state)
{
	struct world w;
	start(&w, FLOW
		"  - step: 1\n    expect: [\"icscf -> hss: Cx UAR\", \"hss -> icscf: Cx "
		"UAA\", \"hss -> scscf: Cx MAA\"]\n");
	advance(&w, 0);
	feed(&w, "hss", "scscf", cx(303, false, "s1", 2001)); /* same session */
	feed(&w, "icscf", "hss", cx(300, true, "s1", 0));
	feed(&w, "hss", "icscf", cx(300, false, "s1", 2001));
	finds(&w, "1",
		"expected \"icscf -> hss: Cx UAR\", came \"hss -> scscf: Cx MAA\" before "
		"it");

	start(&w, FLOW
		"  - step: 1\n    expect: [\"icscf -> hss: Cx UAR\", \"hss -> icscf: Cx "
		"UAA\", \"wwsf -> epcscf: Cx MAA\"]\n");
	advance(&w, 0);
	feed(&w, "wwsf", "epcscf", cx(303, false, "s2", 2001)); /* another one, elsewhere */
	feed(&w, "icscf", "hss", cx(300, true, "s1", 0));
	feed(&w, "hss", "icscf", cx(300, false, "s1", 2001));
	passes(&w);
}

/* What an element saw on its links, it saw in the order of the entries. */
static void lifelines(void **state)
{
	static const char yaml[] = FLOW
		"  - step: 1\n    do: alice registers\n    expect:\n"
		"      - \"icscf -> hss: Cx UAR\"\n      - \"epcscf -> icscf: SIP REGISTER\"\n";
	static const char parts[] = FLOW
		"  - step: 1\n    do: alice registers\n    expect:\n"
		"      - unordered:\n"
		"          - [\"scscf -> hss: Cx SAR\", \"hss -> scscf: Cx SAA\"]\n"
		"          - [\"scscf -> icscf: SIP 403\", \"icscf -> epcscf: SIP 403\"]\n";
	struct world w;

	start(&w, yaml);
	advance(&w, 0);
	feed(&w, "epcscf", "icscf", sip("REGISTER sip:x SIP/2.0", 1, ""));
	feed(&w, "icscf", "hss", cx(300, true, "s1", 0));
	finds(&w, "1",
		"expected \"icscf -> hss: Cx UAR\", came \"epcscf -> icscf: SIP REGISTER\" before it");

	start(&w, parts); /* beside each other, but each in its order */
	advance(&w, 0);
	feed(&w, "scscf", "icscf", sip("SIP/2.0 403 Forbidden", 1, ""));
	feed(&w, "scscf", "hss", cx(301, true, "s", 0));
	feed(&w, "icscf", "epcscf", sip("SIP/2.0 403 Forbidden", 1, "X: y\r\n"));
	feed(&w, "hss", "scscf", cx(301, false, "s", 2001));
	passes(&w);
	start(&w, parts);
	advance(&w, 0);
	feed(&w, "scscf", "hss", cx(301, true, "s", 0));
	feed(&w, "icscf", "epcscf", sip("SIP/2.0 403 Forbidden", 1, "X: y\r\n"));
	feed(&w, "scscf", "icscf", sip("SIP/2.0 403 Forbidden", 1, ""));
	feed(&w, "hss", "scscf", cx(301, false, "s", 2001));
	finds(&w, "1",
		"expected \"scscf -> icscf: SIP 403\", came \"icscf -> epcscf: SIP 403\" before it");
}

static void unordered(void **state)
{
	static const char yaml[] = FLOW
		"  - step: 1\n    expect:\n"
		"      - {unordered: [\"hss -> scscf: Cx RTR\", \"hss -> scscf: Cx "
		"PPR\"]}\n"
		"      - \"scscf -> hss: Cx RTA\"\n      - \"scscf -> hss: Cx PPA\"\n";
	struct world w;
	for (int swap = 0; swap < 2; swap++) {
		start(&w, yaml);
		advance(&w, 0);
		feed(&w, "hss", "scscf", cx(swap ? 305 : 304, true, "a", 0));
		feed(&w, "hss", "scscf", cx(swap ? 304 : 305, true, "b", 0));
		feed(&w, "scscf", "hss", cx(304, false, "c", 2001));
		feed(&w, "scscf", "hss", cx(305, false, "d", 2001));
		passes(&w);
	}
	start(&w, yaml); /* the group must be complete first */
	advance(&w, 0);
	feed(&w, "hss", "scscf", cx(304, true, "a", 0));
	feed(&w, "scscf", "hss", cx(304, false, "a", 2001));
	finds(&w, "1",
		"expected \"hss -> scscf: Cx PPR\", came \"scscf -> hss: Cx RTA\"");
}

static void optional(void **state)
{
	static const char yaml[] =
		FLOW "  - step: 1\n    expect:\n      - \"scscf -> hss: Cx MAR\"\n"
		     "      - {optional: \"hss -> scscf: Cx PPR\"}\n      - \"hss -> "
		     "scscf: Cx MAA\"\n";
	struct world w;
	for (int with = 0; with < 2; with++) {
		start(&w, yaml);
		advance(&w, 0);
		feed(&w, "scscf", "hss", cx(303, true, "a", 0));
		if (with)
			feed(&w, "hss", "scscf", cx(305, true, "p", 0));
		feed(&w, "hss", "scscf", cx(303, false, "a", 2001));
		passes(&w);
	}
	start(&w, yaml); /* too late: the link has gone on */
	advance(&w, 0);
	feed(&w, "scscf", "hss", cx(303, true, "a", 0));
	feed(&w, "hss", "scscf", cx(303, false, "a", 2001));
	feed(&w, "hss", "scscf", cx(305, true, "p", 0));
	finds(&w, "1", "came \"hss -> scscf: Cx PPR\", which no step expects");
}

static void wildcards_hold_nobody_up(void **state)
{
	struct world w;
	start(&w, FLOW "  - step: 1\n    expect: [\"* -> hss: Cx MAR\", \"icscf -> hss: "
		       "Cx UAR\"]\n");
	advance(&w, 0);
	feed(&w, "icscf", "hss", cx(300, true, "a", 0));
	feed(&w, "scscf", "hss", cx(303, true, "b", 0));
	passes(&w);
	start(&w, FLOW "  - step: 1\n    expect: [\"* -> hss: Cx MAR\", \"icscf -> hss: "
		       "Cx UAR\"]\n");
	advance(&w, 0);
	feed(&w, "icscf", "hss", cx(300, true, "a", 0));
	finds(&w, "1", "expected \"* -> hss: Cx MAR\", nothing came for 5 s");
}

/* ---- steps ---- */

static void not_before_the_action(void **state)
{
	struct world w;
	start(&w, FLOW
		"  - step: 1\n    expect: [\"alice -> epcscf: SIP REGISTER {CSeq: 1 "
		"REGISTER}\"]\n"
		"  - step: 2\n    do: alice refreshes\n"
		"    expect: [\"alice -> epcscf: SIP REGISTER {CSeq: 2 REGISTER}\"]\n");
	advance(&w, 0);
	feed(&w, "alice", "epcscf", sip("REGISTER sip:x SIP/2.0", 1, ""));
	feed(&w, "alice", "epcscf", sip("REGISTER sip:x SIP/2.0", 2, ""));
	finds(&w, "1",
		"came \"alice -> epcscf: SIP REGISTER\", before the action of step 2");
}

static void ahead_of_its_step(void **state)
{
	struct world w;
	start(&w, FLOW "  - step: 1\n    expect: [\"alice -> epcscf: SIP REGISTER\"]\n"
		       "  - step: 2\n    expect: [\"icscf -> hss: Cx UAR\"]\n");
	advance(&w, 0);
	feed(&w, "icscf", "hss", cx(300, true, "a", 0));
	assert_false(judge_step_done(w.judge, 0));
	feed(&w, "alice", "epcscf", sip("REGISTER sip:x SIP/2.0", 1, ""));
	assert_true(judge_step_done(w.judge, 1));
	passes(&w);
}

static void missing(void **state)
{
	struct world w;
	start(&w, two_links);
	advance(&w, 0);
	feed(&w, "alice", "epcscf", sip("REGISTER sip:x SIP/2.0", 1, ""));
	const struct finding *f = end(&w);
	assert_string_equal(f->element, "epcscf");
	assert_string_equal(f->other, "icscf");
	assert_true(str_eq(f->why,
		STR("expected \"epcscf -> icscf: SIP REGISTER\", nothing came for 5 s")));
	stop(&w);
}

/* ---- what is never to come ---- */

static void never(void **state)
{
	static const char yaml[] =
		HEAD "never: [\"epcscf -> icscf\", \"* -> *: SIP 5xx\"]\n"
		     "flow:\n  - step: 1\n    never: [\"icscf -> hss: Cx UAR\"]\n"
		     "    expect: [\"alice -> epcscf: SIP REGISTER\"]\n"
		     "  - step: 2\n    do: alice refreshes\n    expect: [\"icscf -> hss: "
		     "Cx UAR\"]\n";
	struct world w;

	start(&w, yaml);
	advance(&w, 0);
	feed(&w, "epcscf", "icscf", sip("REGISTER sip:x SIP/2.0", 1, ""));
	finds(&w, "1",
		"came \"epcscf -> icscf: SIP REGISTER\", which must never come: \"epcscf "
		"-> "
		"icscf\"");
	start(&w, yaml);
	advance(&w, 0);
	feed(&w, "alice", "epcscf", sip("REGISTER sip:x SIP/2.0", 1, ""));
	feed(&w, "epcscf", "alice", sip("SIP/2.0 503 Busy", 1, ""));
	finds(&w, "1",
		"came \"epcscf -> alice: SIP 503\", which must never come: \"* -> *: SIP "
		"5xx\"");
	start(&w, yaml);
	advance(&w, 0);
	feed(&w, "icscf", "hss", cx(300, true, "a", 0));
	finds(&w, "1",
		"came \"icscf -> hss: Cx UAR\", which must never come in this step: "
		"\"icscf -> "
		"hss: Cx UAR\"");
	start(&w, yaml); /* in step 2 it may */
	advance(&w, 0);
	feed(&w, "alice", "epcscf", sip("REGISTER sip:x SIP/2.0", 1, ""));
	advance(&w, 1);
	feed(&w, "icscf", "hss", cx(300, true, "a", 0));
	passes(&w);
}

/* ---- outside the ladder ---- */

static const char plain[] = FLOW "  - step: 1\n    expect: [\"alice -> epcscf: SIP "
				 "REGISTER\", \"epcscf -> alice: SIP "
				 "200\"]\n";

static void outside(void **state)
{
	struct world w;
	struct arrow *const *arrows;

	start(&w, plain);
	advance(&w, 0);
	feed(&w, "scscf", "hss", cx(257, true, NULL, 0));
	feed(&w, "hss", "scscf", cx(280, false, NULL, 2001));
	feed(&w, "alice", "epcscf", sip("REGISTER sip:x SIP/2.0", 1, ""));
	feed(&w, "alice", "epcscf", sip("REGISTER sip:x SIP/2.0", 1, "")); /* again */
	feed(&w, "epcscf", "alice", sip("SIP/2.0 100 Trying", 1, ""));
	feed(&w, "epcscf", "alice", STR("\r\n"));
	feed(&w, "alice", "epcscf", STR("PING"));
	feed(&w, "alice", "wwsf", STR("GET /wic.js HTTP/1.1\r\nHost: w\r\n\r\n"));
	struct record *r = feed_at(
		&w, "wwsf", "alice", STR("HTTP/1.1 200 OK\r\n\r\nx"), w.now += 10);
	assert_int_equal(r->number, 9);
	feed(&w, "epcscf", "wwsf", STR("GET /.well-known/jwks.json HTTP/1.1\r\n\r\n"));
	feed(&w, "epcscf", "waaf", STR("GET /jwks HTTP/1.1\r\n\r\n"));
	feed(&w, "epcscf", "waaf", STR("GET /revoked HTTP/1.1\r\n\r\n"));
	feed(&w, "epcscf", "waaf", STR("POST /introspect HTTP/1.1\r\n\r\n"));
	feed(&w, "epcscf", "alice", sip("SIP/2.0 200 OK", 1, ""));
	assert_int_equal(judge_arrows(w.judge, &arrows), 14);
	int in_ladder = 0;
	for (int i = 0; i < 14; i++)
		in_ladder += !arrows[i]->outside;
	assert_int_equal(in_ladder, 2);
	stop(&w);
}

static void named_outside(void **state)
{
	struct world w;
	start(&w, FLOW "  - step: 1\n    expect: [\"scscf -> hss: Cx CER\", \"alice -> "
		       "epcscf: SIP "
		       "REGISTER\", \"alice -> epcscf: SIP REGISTER {retransmission: "
		       "present}\", "
		       "\"epcscf -> alice: SIP 100\", \"epcscf -> alice: WS CLOSE {code: "
		       "1009}\"]\n");
	advance(&w, 0);
	feed(&w, "scscf", "hss", cx(257, true, NULL, 0));
	feed(&w, "alice", "epcscf", sip("REGISTER sip:x SIP/2.0", 1, ""));
	feed(&w, "alice", "epcscf", sip("REGISTER sip:x SIP/2.0", 1, ""));
	feed(&w, "epcscf", "alice", sip("SIP/2.0 100 Trying", 1, ""));
	feed(&w, "epcscf", "alice", STR("CLOSE 1009"));
	passes(&w);
}

static void a_retransmission_is_no_new_request(void **state)
{
	struct world w;
	start(&w, FLOW
		"  - step: 1\n    expect: [\"alice -> epcscf: SIP REGISTER\", \"alice -> "
		"epcscf: SIP REGISTER\"]\n");
	advance(&w, 0);
	feed(&w, "alice", "epcscf", sip("REGISTER sip:x SIP/2.0", 1, ""));
	feed(&w, "alice", "epcscf", sip("REGISTER sip:x SIP/2.0", 1, ""));
	finds(&w, "1",
		"expected \"alice -> epcscf: SIP REGISTER\", nothing came for 5 s");
}

/* ---- captures ---- */

static void captures(void **state)
{
	static const char yaml[] =
		FLOW "  - step: 1\n    expect:\n"
		     "      - \"scscf -> icscf: SIP 401 {X: $a}\"\n"
		     "      - \"icscf -> epcscf: SIP 401 {X: $a}\"\n"
		     "      - \"epcscf -> alice: SIP 401 {X: not $a}\"\n";
	static const struct {
		const char *x[3], *why;
	} rows[] = {
		{{"1", "1", "2"}, NULL},
		{{"1", "2", "3"},
			"expected \"icscf -> epcscf: SIP 401 {X: $a}\", came \"icscf -> "
			"epcscf: SIP 401\", where X is \"2\", not $a"},
		{{"1", "1", "1"}, "expected \"epcscf -> alice: SIP 401 {X: not $a}\", "
				  "came \"epcscf -> "
				  "alice: SIP 401\", where X is \"1\", expected not $a"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct world w;
		const char *names[] = {"scscf", "icscf", "epcscf", "alice"};
		start(&w, yaml);
		advance(&w, 0);
		for (int k = 0; k < 3; k++) {
			char field[16];
			snprintf(field, sizeof field, "X: %s\r\n", rows[i].x[k]);
			feed(&w, names[k], names[k + 1], sip("SIP/2.0 401 No", 1, field));
		}
		if (rows[i].why)
			finds(&w, "1", rows[i].why);
		else
			passes(&w);
	}
	struct world w; /* the one that must differ comes first */
	start(&w, yaml);
	advance(&w, 0);
	uint64_t t = w.now;
	feed_at(&w, "epcscf", "alice", sip("SIP/2.0 401 No", 1, "X: 1\r\n"), t + 30);
	feed_at(&w, "scscf", "icscf", sip("SIP/2.0 401 No", 1, "X: 1\r\n"), t + 10);
	finds(&w, "1",
		"came \"epcscf -> alice: SIP 401\", where X is \"1\", expected not $a");
}

static void secrets_stay_hidden(void **state)
{
	struct world w;
	start(&w, FLOW "  - step: 1\n    expect: [\"alice -> epcscf: SIP REGISTER "
		       "{Authorization.response: \\\"\\\"}\"]\n");
	advance(&w, 0);
	feed(&w, "alice", "epcscf",
		sip("REGISTER sip:x SIP/2.0", 1,
			"Authorization: Digest username=\"a\", "
			"response=\"0123456789abcdef\"\r\n"));
	finds(&w, "1",
		"expected \"alice -> epcscf: SIP REGISTER {Authorization.response: "
		"\"\"}\", came "
		"\"alice -> epcscf: SIP REGISTER\", where Authorization.response is "
		"hidden (16 "
		"octets), not what was expected");
}

/* ---- falsification ---- */

struct line {
	int step; /* index */
	const char *from, *to, *what, *field, *wrong_field, *wrong_what;
	int burst;
};
static const char *const step_names[] = {"2", "3", "4", "5", "6"};
static const char *const step_actions[] = {
	"alice connects", "alice registers", NULL, "alice answers the challenge", NULL};
enum { N_STEPS = 5 };

static const struct line good[] = {
	{0, "alice", "epcscf", "HTTP GET /sip", "Host: e", "Host: f", "HTTP POST /sip"},
	{0, "epcscf", "alice", "HTTP 101", "Upgrade: websocket", "Upgrade: x",
		"HTTP 403"},
	{1, "alice", "epcscf", "SIP REGISTER", "CSeq: 1 REGISTER", "CSeq: 7 REGISTER",
		"SIP INVITE"},
	{1, "epcscf", "icscf", "SIP REGISTER", "Path: present", "Path: absent",
		"SIP 200"},
	{1, "icscf", "hss", "Cx UAR", "Session-Id: s1", "Session-Id: s9", "Cx MAR"},
	{1, "hss", "icscf", "Cx UAA", "Result-Code: 2001", "Result-Code: 5012", "Cx SAA"},
	{1, "icscf", "scscf", "SIP REGISTER", "CSeq: /^1 /", "CSeq: /^2 /",
		"SIP OPTIONS"},
	{1, "scscf", "hss", "Cx MAR", "Session-Id: s2", "Session-Id: s9", "Cx SAR"},
	{1, "hss", "scscf", "Cx MAA", "Result-Code: 2001", "Result-Code: 1..2000",
		"Cx UAA"},
	{2, "scscf", "icscf", "SIP 401", "Call-ID: c1", "Call-ID: c2", "SIP 403"},
	{2, "icscf", "epcscf", "SIP 401", "Call-ID: c1", "Call-ID: absent", "SIP 5xx"},
	{2, "epcscf", "alice", "SIP 401", "Call-ID: c1", "Call-ID: not c1", "SIP 200"},
	{3, "alice", "epcscf", "SIP REGISTER", "CSeq: 2 REGISTER", "CSeq: 1 REGISTER",
		"SIP 200"},
	{3, "epcscf", "icscf", "SIP REGISTER", "CSeq: 2 REGISTER", "CSeq: 1 REGISTER",
		"Cx UAR"},
	{3, "icscf", "scscf", "SIP REGISTER", "CSeq: 2 REGISTER", "CSeq: 1 REGISTER",
		"SIP ACK"},
	{3, "scscf", "hss", "Cx SAR", "Session-Id: s3", "Session-Id: $none", "Cx MAR"},
	{3, "hss", "scscf", "Cx SAA", "Result-Code: 2001", "Result-Code: 5012", "Cx MAA"},
	{4, "scscf", "icscf", "SIP 200", "Call-ID: c1", "Call-ID: c2", "SIP 401"},
	{4, "icscf", "epcscf", "SIP 200", "Call-ID: c1", "Call-ID: c2", "SIP 4xx"},
	{4, "epcscf", "alice", "SIP 200", "Call-ID: c1", "Call-ID: c2", "SIP /3.*/"},
};
enum { N_LINES = sizeof good / sizeof *good };

static struct str message_of(int i)
{
	const struct line *l = &good[i];
	int cseq = l->step < 3 ? 1 : 2;
	char extra[40];

	snprintf(
		extra, sizeof extra, "Path: <sip:p%d>\r\n", i); /* each has other bytes */
	switch (i) {
	case 0:
		return STR("GET /sip HTTP/1.1\r\nHost: e\r\n\r\n");
	case 1:
		return STR("HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n");
	case 4:
	case 5:
		return cx(300, i == 4, "s1", i == 4 ? 0 : 2001);
	case 7:
	case 8:
		return cx(303, i == 7, "s2", i == 7 ? 0 : 2001);
	case 15:
	case 16:
		return cx(301, i == 15, "s3", i == 15 ? 0 : 2001);
	}
	if (!strncmp(l->what, "SIP 4", 5))
		return sip("SIP/2.0 401 Unauthorized", cseq, extra);
	if (!strncmp(l->what, "SIP 2", 5))
		return sip("SIP/2.0 200 OK", cseq, extra);
	return sip("REGISTER sip:x SIP/2.0", cseq, extra);
}

enum falsehood { TRUE, VALUE, DIRECTION, KIND, REMOVED, DOUBLED, N_FALSEHOODS };

static void put_line(struct buf *b, const struct line *l, enum falsehood how)
{
	bool turn = how == DIRECTION;
	buf_fmt(b, "      - \"%s -> %s: %s {%s}\"\n", turn ? l->to : l->from,
		turn ? l->from : l->to, how == KIND ? l->wrong_what : l->what,
		how == KIND    ? ""
		: how == VALUE ? l->wrong_field
			       : l->field);
}

static struct str ladder_script(int false_line, enum falsehood how)
{
	struct buf b = {0};
	buf_fmt(&b, "%s", FLOW);
	for (int s = 0; s < N_STEPS; s++) {
		buf_fmt(&b, "  - step: %s\n", step_names[s]);
		if (step_actions[s])
			buf_fmt(&b, "    do: %s\n", step_actions[s]);
		buf_fmt(&b, "    expect:\n");
		for (int i = 0; i < N_LINES; i++) {
			if (good[i].step != s || (i == false_line && how == REMOVED))
				continue;
			put_line(&b, &good[i], i == false_line ? how : TRUE);
			if (i == false_line && how == DOUBLED)
				put_line(&b, &good[i], TRUE);
		}
	}
	struct str out = arena_str(&arena, buf_str(&b));
	buf_free(&b);
	return out;
}

/* Step whose action sets the line off: what stands behind it needs it to have begun. */
static int burst_of(int i)
{
	int s = good[i].step;
	while (!step_actions[s])
		s--;
	return s;
}

static bool last_of_step(int i)
{
	return i + 1 == N_LINES || good[i + 1].step != good[i].step;
}

static void play(struct world *w)
{
	for (int i = 0; i < N_LINES; i++) {
		advance(w, i == 0 ? 0 : N_STEPS - 1);
		if (w->step < burst_of(i))
			return; /* the action is never done: nothing follows */
		feed(w, good[i].from, good[i].to, message_of(i));
	}
}

static void the_good_ladder(void **state)
{
	struct world w;
	start(&w, ladder_script(-1, TRUE).p);
	play(&w);
	passes(&w);
}

static void every_falsehood(void **state)
{
	static const char *const names[] = {
		"", "value", "direction", "kind", "removed", "doubled"};
	for (int i = 0; i < N_LINES; i++)
		for (int how = VALUE; how < N_FALSEHOODS; how++) {
			if (how == VALUE && strstr(good[i].wrong_field, "$none"))
				continue; /* takes any value */
			struct world w;
			start(&w, ladder_script(i, (enum falsehood)how).p);
			play(&w);
			const struct finding *f = end(&w);
			if (f->verdict != VERDICT_FAIL)
				fail_msg("line %d, %s: not noticed", i, names[how]);
			/* After the last line of a step the next may be under way. */
			bool next = how == REMOVED && last_of_step(i) &&
				    f->step == good[i].step + 1;
			if (f->step != good[i].step && !next)
				fail_msg("line %d, %s: step %s for %s: %.*s", i,
					names[how],
					f->step >= 0 ? step_names[f->step] : "none",
					step_names[good[i].step], STR_ARG(f->why));
			stop(&w);
		}
}

/* ---- the ladder as text ---- */

static void ladder_text(void **state)
{
	static const struct ladder_style style = {.all = true};
	struct world w;
	struct buf b = {0};

	start(&w, two_links);
	advance(&w, 0);
	w.now = 1000000;
	feed(&w, "alice", "epcscf",
		sip("REGISTER sip:x SIP/2.0", 1,
			"Authorization: Digest response=\"secret\"\r\n"));
	struct record *r = feed_at(&w, "epcscf", "icscf",
		sip("REGISTER sip:x SIP/2.0", 1, "P: q\r\n"), 3000000);
	r->received_ns = 0;
	r->offset_ms = 5000;
	end(&w);
	ladder_put(&b, w.v, w.judge, &style, NULL, NULL);
	assert_string_equal(buf_z(&b),
		"t/base  t\n"
		"\n  1    [alice registers]\n"
		"        0.000  alice -> epcscf  SIP REGISTER sip:x  (CSeq "
		"1 REGISTER)\n"
		"        0.002 +5s epcscf -x icscf   SIP REGISTER sip:x  "
		"(CSeq 1 REGISTER)\n");
	buf_free(&b);
	stop(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_order),
		cmocka_unit_test(late_records),
		cmocka_unit_test(order_of_a_transaction),
		cmocka_unit_test(order_of_a_session),
		cmocka_unit_test(unordered),
		cmocka_unit_test(lifelines),
		cmocka_unit_test(optional),
		cmocka_unit_test(wildcards_hold_nobody_up),
		cmocka_unit_test(not_before_the_action),
		cmocka_unit_test(ahead_of_its_step),
		cmocka_unit_test(missing),
		cmocka_unit_test(never),
		cmocka_unit_test(outside),
		cmocka_unit_test(named_outside),
		cmocka_unit_test(a_retransmission_is_no_new_request),
		cmocka_unit_test(captures),
		cmocka_unit_test(secrets_stay_hidden),
		cmocka_unit_test(the_good_ladder),
		cmocka_unit_test(every_falsehood),
		cmocka_unit_test(ladder_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
