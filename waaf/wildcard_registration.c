/* A WWSF has its blocks registered (TR 23.701 6.3.2.1.4, figure 6.3.2.1.4-1).
 *
 *	WWSF              WAAF             P-CSCF, I-CSCF, S-CSCF, HSS
 *	 | 1 POST          |                |
 *	 |---------------->| 2 REGISTER     |   To: the pilot; the blocks are in its
 *	 |                 |--------------->|   implicit set
 *	 |                 |          3 401 |
 *	 |           4 401 |<---------------|
 *	 |<----------------|                |
 *	 | 5 POST, digest  |                |
 *	 |---------------->| 6 REGISTER     |
 *	 |                 |--------------->|
 *	 |                 |          7 200 |   P-Associated-URI: the blocks
 *	 |           8 200 |<---------------|
 *	 |<----------------|                |
 *
 * Static mode: the WAAF makes the challenge of step 4 and checks the answer itself; 2, 3, 6 and
 * 7 fall away. A DELETE goes the same way with Expires 0. Where the P-CSCF says that the link is
 * bound to the pilot (tls-yes), the S-CSCF may answer step 2 with 200: 3 to 6 fall away.
 *
 * The network's set may lack a block (7), or its verdict may be lost: then the pilot is
 * deregistered again, by a procedure of its own, and nothing stays registered.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/metric.h"
#include "common/crypto/digest.h"
#include "waaf/waaf.h"

METRIC_IDLE(running, "imsrig_waaf_registration_procedures", "registrations of blocks under way");
METRIC_COUNTER(unanswered, "imsrig_waaf_registration_challenges_unanswered_total",
	"challenges that no WWSF answered in time");

/* ---- states and events ---- */

enum state { W_CHALLENGE, W_CREDENTIALS, W_VERDICT, W_UNDONE, DONE, FAILED, STATES };
enum event {
	CHALLENGED, REGISTERED, REFUSED, SILENT,       /* what the network does */
	ANSWERED, LATE,                                /* what the WWSF does */
	UNDONE, NOT_UNDONE,
	EVENTS
};
static const char *const event_names[EVENTS] = {"challenged", "registered", "refused", "silent",
	"answered", "late", "undone", "not undone"};

struct procedure {
	struct fsm fsm;
	struct procedure *next, *undo;
	uint64_t id;                   /* what a SIP answer finds it by */
	uint64_t tx;                   /* REGISTER that is not answered; 0: none */
	struct range *range;
	struct http_req *req;          /* the request that waits; NULL: none does */
	uint32_t blocks, seconds;      /* 0 s: withdrawal */
	struct arena arena;            /* of the challenge and the credentials */
	struct registration_challenge challenge;
	struct registration_ask ask;   /* its credentials */
	enum registration_refusal no;  /* why it fails */
	int retry_s;
	const char *detail;
};
static struct procedure *procedures;

static struct procedure *of(struct fsm *f)
{
	return (struct procedure *)((char *)f - offsetof(struct procedure, fsm));
}

static struct procedure *find(uint64_t id)
{
	struct procedure *p = procedures;
	while (p && p->id != id)
		p = p->next;
	return p;
}

static struct procedure *make(struct range *r, uint32_t blocks, uint32_t seconds)
{
	static uint64_t last;
	struct procedure *p = MEM_NEW(struct procedure);
	p->id = ++last;
	p->range = r;
	p->blocks = blocks;
	p->seconds = seconds;
	p->next = procedures;
	procedures = p;
	ranges.n_procedures++;
	running.value++;
	return p;
}

static void end(struct procedure *p)
{
	struct procedure **at = &procedures;
	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	if (p->undo)
		end(p->undo);
	if (p->range->procedure == p)
		p->range->procedure = NULL;
	if (p->tx)
		sip_forget(waaf.stack, p->tx);
	fsm_stop(&p->fsm);
	arena_free(&p->arena);
	ranges.n_procedures--;
	running.value--;
	free(p);
}

static bool is_static(const struct procedure *p)
{
	return p->range->conf->mode == RANGE_STATIC;
}

static void give_up(struct procedure *p, enum registration_refusal no, int retry_s,
	const char *detail)
{
	p->no = no;
	p->retry_s = retry_s;
	p->detail = detail;
	fsm_go(&p->fsm, FAILED);
}

static int retry_s(void)
{
	return (int)(ranges.conf->retry_after_ms / 1000);
}

/* ---- 2 and 6: REGISTER, the WAAF as user agent ---- */

/* One Call-ID and one Contact, whatever the registration: a refresh finds its binding. */
static void put_register(struct procedure *p, struct buf *b)
{
	struct range *r = p->range;
	const struct range_pilot_conf *pilot = &r->conf->pilot;
	const char *realm = waaf.conf->edge.realm;
	struct sip_uri u;

	if (!r->call_id[0]) {
		chance_hex(&ranges.host->chance, r->call_id, 16);
		r->cseq = 0;
	}
	sip_uri_parse(&u, r->pilot);
	sip_put_request(b, STR("REGISTER"), arena_fmt(&p->arena, "sip:%s", realm));
	sip_put_fmt(b, "Max-Forwards", "70");
	sip_put_fmt(b, "From", "<%s>;tag=%.8s", pilot->impu, r->call_id);
	sip_put_fmt(b, "To", "<%s>", pilot->impu);
	sip_put_fmt(b, "Call-ID", "%s", r->call_id);
	sip_put_fmt(b, "CSeq", "%u REGISTER", ++r->cseq);
	sip_put_fmt(b, "Contact", "<sip:" STR_FMT "@%s>;expires=%u", STR_ARG(u.user),
		waaf.contact_end, p->seconds);
	sip_put_fmt(b, "Expires", "%u", p->seconds);
	sip_put_fmt(b, "Supported", "path");
	if (p->ask.has_credentials)
		sip_put_fmt(b, "Authorization",
			"Digest username=\"%s\", realm=\"" STR_FMT "\", uri=\"sip:%s\", nonce=\"" STR_FMT
			"\", algorithm=" STR_FMT ", qop=" STR_FMT ", nc=" STR_FMT ", cnonce=\"" STR_FMT
			"\", response=\"" STR_FMT "\"",
			pilot->impi, STR_ARG(p->challenge.realm), realm,
			STR_ARG(p->challenge.nonce), STR_ARG(p->challenge.algorithm),
			STR_ARG(p->challenge.qop), STR_ARG(p->ask.nc), STR_ARG(p->ask.cnonce),
			STR_ARG(p->ask.response));
	else
		sip_put_fmt(b, "Authorization",
			"Digest username=\"%s\", realm=\"%s\", uri=\"sip:%s\", nonce=\"\", "
			"response=\"\"",
			pilot->impi, realm, realm);
	sip_put_end(b, STR_NONE, STR_NONE);
}

static void on_answer(int err, const struct sip_msg *m, void *arg);

static void send_register(struct fsm *f)
{
	struct procedure *p = of(f);
	struct buf b = {0};

	put_register(p, &b);
	int err = sip_send(waaf.stack, buf_str(&b), &waaf.pcscf, on_answer,
		(void *)(uintptr_t)p->id, &p->tx);
	buf_free(&b);
	if (err)
		give_up(p, REGISTRATION_NO_UNREACHABLE, retry_s(), NULL);
}

static void on_answer(int err, const struct sip_msg *m, void *arg)
{
	struct procedure *p = find((uint64_t)(uintptr_t)arg);

	if (!p || (m && m->status < 200))
		return;
	p->tx = 0;
	if (err)
		fsm_event(&p->fsm, SILENT, &err);
	else
		fsm_event(&p->fsm,
			m->status == 401	 ? CHALLENGED
			: m->status < 300 ? REGISTERED
					  : REFUSED,
			m);
}

/* ---- what the network says when it does not register ---- */

static const struct {
	int status;
	enum registration_refusal no;
} statuses[] = {
	{403, REGISTRATION_NO_REFUSED},
	{404, REGISTRATION_NO_REFUSED},
	{408, REGISTRATION_NO_NO_ANSWER},
	{423, REGISTRATION_NO_EXPIRES},
	{504, REGISTRATION_NO_NO_ANSWER},
};

static enum registration_refusal of_silence(const struct procedure *p, int err)
{
	log_warn("range", "%s: REGISTER of the pilot: %s", p->range->conf->wwsf,
		uv_strerror(err));
	return err == -ETIMEDOUT ? REGISTRATION_NO_NO_ANSWER : REGISTRATION_NO_UNREACHABLE;
}

static void on_silence(struct procedure *p, int err)
{
	give_up(p, of_silence(p, err), retry_s(), NULL);
}

static void on_refusal(struct procedure *p, const struct sip_msg *m)
{
	enum registration_refusal no = REGISTRATION_NO_UNREACHABLE;
	uint32_t later;

	log_warn("range", "%s: the network refuses the pilot with %d", p->range->conf->wwsf,
		m->status);
	if (!p->seconds && (m->status == 404 || m->status == 481)) {
		fsm_go(&p->fsm, DONE); /* what is to end was not there any more */
		return;
	}
	for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
		if (statuses[i].status == m->status)
			no = statuses[i].no;
	if (no != REGISTRATION_NO_UNREACHABLE && no != REGISTRATION_NO_NO_ANSWER)
		later = 0;
	else if (sip_seconds_parse(sip_value(m, SIP_H_RETRY_AFTER), &later) || later > 3600)
		later = (uint32_t)retry_s();
	give_up(p, no, (int)later, NULL);
}

/* ---- 3: the challenge, or a bound link's 200 ---- */

/* It goes into JSON and quoted strings as it is. */
static bool is_plain(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < ' ' || s.p[i] >= 0x7f || s.p[i] == '"' || s.p[i] == '\\')
			return false;
	return s.n > 0;
}

/* The first challenge of an algorithm that we know, as a WIC does. */
static bool take_challenge(struct procedure *p, const struct sip_msg *m)
{
	enum digest_algorithm algorithm;
	struct sip_digest d;

	for (const struct sip_field *f = sip_first(m, SIP_H_WWW_AUTHENTICATE); f;
		f = sip_next(m, f)) {
		if (sip_digest_parse(&d, sip_field_value(m, f)) || !is_plain(d.realm) ||
			!is_plain(d.nonce) || !digest_offers_auth(d.qop) ||
			digest_algorithm_of(d.algorithm, &algorithm))
			continue;
		p->challenge = (struct registration_challenge){arena_str(&p->arena, d.realm),
			arena_str(&p->arena, d.nonce), STR("auth"),
			str_of(digest_algorithm_name(algorithm))};
		return true;
	}
	return false;
}

static void judge_registration(struct procedure *p, const struct sip_msg *m);

static void on_challenge(struct fsm *f, int event, const void *data)
{
	struct procedure *p = of(f);

	if (event == SILENT)
		on_silence(p, *(const int *)data);
	else if (event == REFUSED)
		on_refusal(p, data);
	else if (event == REGISTERED)
		judge_registration(p, data);
	else if (f->parent || !take_challenge(p, data))
		give_up(p, REGISTRATION_NO_UNREACHABLE, retry_s(), NULL); /* nobody to ask */
	else
		fsm_go(f, W_CREDENTIALS);
}

/* ---- 4: the WWSF is challenged, by the network or (static mode) by us ---- */

static void make_challenge(struct procedure *p)
{
	bool sha = strlen(p->range->ha1) == digest_hex_n(DIGEST_SHA256);
	char nonce[33];

	chance_hex(&ranges.host->chance, nonce, 16);
	p->challenge = (struct registration_challenge){str_of(p->range->conf->realm),
		arena_str(&p->arena, str_of(nonce)), STR("auth"),
		str_of(digest_algorithm_name(sha ? DIGEST_SHA256 : DIGEST_MD5))};
}

static void challenge(struct fsm *f)
{
	struct procedure *p = of(f);
	struct http_req *req = p->req;

	if (is_static(p))
		make_challenge(p);
	p->req = NULL;
	registration_challenge(req, p->range, &p->challenge);
}

/* ---- 5: its answer ---- */

static bool is_right(const struct procedure *p)
{
	const struct registration_ask *k = &p->ask;
	struct buf uri = {0};
	char expected[DIGEST_HEX_MAX];
	enum digest_algorithm algorithm = DIGEST_MD5;

	digest_algorithm_of(p->challenge.algorithm, &algorithm);
	buf_fmt(&uri, "sip:%s", waaf.conf->edge.realm);
	digest_response(algorithm, str_of(p->range->ha1), STR("REGISTER"), buf_str(&uri),
		p->challenge.nonce, k->nc, k->cnonce, p->challenge.qop, expected);
	buf_free(&uri);
	/* each nonce is good for one answer, the first */
	return str_eq(k->nc, STR("00000001")) && digest_equal(str_of(expected), k->response);
}

static void on_credentials(struct fsm *f, int event, const void *data)
{
	struct procedure *p = of(f);

	if (event == LATE) {
		unanswered.value++;
		log_warn("range", "%s does not answer the challenge", p->range->conf->wwsf);
		fsm_go(f, FAILED);
	} else if (!is_static(p)) {
		fsm_go(f, W_VERDICT);
	} else if (is_right(p)) {
		fsm_go(f, DONE);
	} else {
		give_up(p, REGISTRATION_NO_REFUSED, 0, NULL);
	}
}

/* ---- 7: registered or not ---- */

static bool is_stale(const struct sip_msg *m)
{
	struct sip_digest d;
	return !sip_digest_parse(&d, sip_value(m, SIP_H_WWW_AUTHENTICATE)) &&
		str_ieq(d.stale, STR("true"));
}

/* The network may have registered the pilot all the same, for nobody. The WWSF hears at once
 * that it is not. What stood before the refresh goes on. */
static void on_lost_verdict(struct procedure *p, int err)
{
	if (!p->seconds || p->range->reg.id[0]) {
		on_silence(p, err);
		return;
	}
	registration_refuse(p->req, p->range, of_silence(p, err), retry_s(), NULL);
	p->req = NULL;
	fsm_go(&p->fsm, W_UNDONE);
}

static void on_verdict(struct fsm *f, int event, const void *data)
{
	struct procedure *p = of(f);

	if (event == SILENT)
		on_lost_verdict(p, *(const int *)data);
	else if (event == REFUSED)
		on_refusal(p, data);
	else if (event == REGISTERED)
		judge_registration(p, data);
	else if (is_stale(data) && take_challenge(p, data))
		fsm_go(f, W_CREDENTIALS);
	else
		give_up(p, REGISTRATION_NO_REFUSED, 0, NULL);
}

/* P-Associated-URI names the block, as it was asked for. */
static bool names(const struct sip_msg *m, struct str block)
{
	struct sip_iter it = {0};
	struct str el;
	while (sip_list_next(m, SIP_H_P_ASSOCIATED_URI, &it, &el)) {
		struct sip_name_addr na;
		struct arena a = {0};
		bool is = !sip_name_addr_parse(&na, el) && !na.star &&
			str_eq(sip_uri_canonical(&na.uri, &a), block);
		arena_free(&a);
		if (is)
			return true;
	}
	return false;
}

static bool names_all(const struct procedure *p, const struct sip_msg *m)
{
	const struct range *r = p->range;
	for (size_t i = 0; i < r->n_blocks; i++)
		if (p->blocks & UINT32_C(1) << i &&
			!names(m, sip_wildcard_text(r->blocks[i])))
			return false;
	return true;
}

/* What the registrar grants may be less than was asked. */
static uint32_t granted(const struct procedure *p, const struct sip_msg *m)
{
	struct sip_register *asked = MEM_NEW(struct sip_register);
	struct buf b = {0};
	struct sip_uri u;

	sip_uri_parse(&u, p->range->pilot);
	buf_fmt(&b, "sip:" STR_FMT "@%s", STR_ARG(u.user), waaf.contact_end);
	asked->n_contacts = !sip_uri_parse(&asked->contacts[0].uri, buf_str(&b));
	uint32_t s = edge_granted(m, asked);
	buf_free(&b);
	free(asked);
	return s < p->seconds ? s : p->seconds;
}

static void judge_registration(struct procedure *p, const struct sip_msg *m)
{
	if (!p->seconds) {
		fsm_go(&p->fsm, DONE);
	} else if (names_all(p, m) && granted(p, m)) {
		p->seconds = granted(p, m);
		fsm_go(&p->fsm, DONE);
	} else {
		log_warn("range", "%s: a block is not in the pilot's set, the pilot is deregistered",
			p->range->conf->wwsf);
		fsm_go(&p->fsm, W_UNDONE);
	}
}

/* ---- the pilot registered for nothing: deregistered, over the link that is bound now ---- */

static void undo(struct fsm *f)
{
	struct procedure *p = of(f);

	p->undo = make(p->range, p->blocks, 0);
	fsm_start_child(&p->undo->fsm, &registration_table, p->range->conf->wwsf, W_CHALLENGE, f,
		UNDONE, NOT_UNDONE);
}

static void on_undone(struct fsm *f, int event, const void *data)
{
	struct procedure *p = of(f);

	p->undo = NULL;
	if (event == NOT_UNDONE)
		log_error("range", "%s: the pilot stays registered in the network until that "
				   "expires", p->range->conf->wwsf);
	range_ended(p->range, "its block is not in the pilot's set any more", true);
	give_up(p, REGISTRATION_NO_NOT_IN_SET, 0, NULL);
}

/* ---- 8: the endings; the answer says what is durable ---- */

struct outcome {
	struct range *range;
	struct http_req *req;
	bool withdrawn;
};

static void on_durable(int err, void *arg)
{
	struct outcome *o = arg;
	if (err)
		registration_refuse(o->req, o->range, REGISTRATION_NO_STORE, retry_s(), NULL);
	else if (o->withdrawn)
		registration_gone(o->req, o->range);
	else
		registration_answer(o->req, o->range);
	free(o);
}

static void succeed(struct fsm *f)
{
	struct procedure *p = of(f);
	struct outcome *o;

	if (f->parent) {
		end(p);
		return;
	}
	o = MEM_NEW(struct outcome);
	*o = (struct outcome){p->range, p->req, !p->seconds};
	range_when_durable(on_durable, o);
	if (p->seconds)
		range_registered(p->range, p->blocks, p->seconds);
	else
		range_ended(p->range, "withdrawn by its WWSF", true);
	range_store_nothing(); /* it may have ended meanwhile, which changes nothing */
	end(p);
}

static void fail(struct fsm *f)
{
	struct procedure *p = of(f);

	if (p->req)
		registration_refuse(p->req, p->range,
			p->no ? p->no : REGISTRATION_NO_UNREACHABLE, p->retry_s, p->detail);
	end(p);
}

/* ---- the table ---- */

enum { TIMER_AWAIT = 1 }; /* ranges.conf->await_ms */

static const struct fsm_state states[STATES] = {
	[W_CHALLENGE] = {"waits for the network's challenge",
		FSM(CHALLENGED) | FSM(REGISTERED) | FSM(REFUSED) | FSM(SILENT),
		FSM(W_CREDENTIALS) | FSM(W_UNDONE) | FSM(DONE) | FSM(FAILED), send_register,
		on_challenge},
	[W_CREDENTIALS] = {"waits for the WWSF's credentials", FSM(ANSWERED) | FSM(LATE),
		FSM(W_VERDICT) | FSM(DONE) | FSM(FAILED), challenge, on_credentials, TIMER_AWAIT,
		LATE},
	[W_VERDICT] = {"waits for the network's verdict",
		FSM(CHALLENGED) | FSM(REGISTERED) | FSM(REFUSED) | FSM(SILENT),
		FSM(W_CREDENTIALS) | FSM(W_UNDONE) | FSM(DONE) | FSM(FAILED), send_register,
		on_verdict},
	[W_UNDONE] = {"deregisters the pilot again", FSM(UNDONE) | FSM(NOT_UNDONE), FSM(FAILED),
		undo, on_undone},
	[DONE] = {"done", .enter = succeed, .end = FSM_SUCCESS},
	[FAILED] = {"failed", .enter = fail, .end = FSM_FAILURE},
};
const struct fsm_table registration_table = {
	"registration", states, STATES, event_names, EVENTS, FAILED};

/* ---- 1 and 5: what W4 brings ---- */

static void begin(struct range *r, struct http_req *req, uint32_t blocks, uint32_t seconds)
{
	struct procedure *p = make(r, blocks, seconds);

	p->req = req;
	r->procedure = p;
	fsm_start(&p->fsm, &registration_table, r->conf->wwsf, ranges.host->clock,
		&ranges.conf->await_ms,
		!is_static(p) ? W_CHALLENGE
		: seconds     ? W_CREDENTIALS
			      : DONE); /* what nobody but us knows ends at once */
}

static bool waits(const struct procedure *p)
{
	return p && p->fsm.state == W_CREDENTIALS;
}

static bool is_answer(const struct procedure *p, uint32_t blocks, uint32_t seconds,
	const struct registration_ask *ask)
{
	return waits(p) && str_eq(ask->nonce, p->challenge.nonce) && p->blocks == blocks &&
		!p->seconds == !seconds;
}

/* A WWSF that asks anew has lost its challenge; so does the S-CSCF take it. */
void registration_run(struct range *r, struct http_req *req, uint32_t blocks, uint32_t seconds,
	const struct registration_ask *ask)
{
	struct procedure *p = r->procedure;

	if (p && !waits(p)) {
		registration_refuse(req, r, REGISTRATION_NO_RUNNING, 1, NULL);
	} else if (ask->has_credentials && !is_answer(p, blocks, seconds, ask)) {
		registration_refuse(req, r, REGISTRATION_NO_NO_CHALLENGE, 0, NULL);
	} else if (ask->has_credentials) {
		p->req = req;
		p->ask = (struct registration_ask){.has_credentials = true,
			.nc = arena_str(&p->arena, ask->nc),
			.cnonce = arena_str(&p->arena, ask->cnonce),
			.response = arena_str(&p->arena, ask->response)};
		fsm_event(&p->fsm, ANSWERED, NULL);
	} else {
		if (p)
			end(p);
		if (ranges.n_procedures >= ranges.conf->procedures)
			registration_refuse(req, r, REGISTRATION_NO_FULL, 1, NULL);
		else
			begin(r, req, blocks, seconds);
	}
}

uint32_t registration_wants(const struct range *r)
{
	return r->procedure ? r->procedure->blocks : 0;
}

const char *registration_state(const struct range *r)
{
	return r->procedure ? fsm_state_name(&r->procedure->fsm) : NULL;
}

void registration_drop(struct range *r)
{
	struct procedure *p = r->procedure;
	if (p && p->req)
		registration_refuse(p->req, r, REGISTRATION_NO_CLOSING, 1, NULL);
	if (p)
		end(p);
}
