/* The WSF registers its web users (TR 23.701 6.2.2.4.2, steps 2 to 7), and keeps and ends the
 * registration with their session.
 *
 *	UE           WSF                     I-CSCF, S-CSCF, HSS
 *	 | 1 POST     |                        |
 *	 |----------->| 2 REGISTER auth-done   |   From, To: the IMPU; Contact, Path: the WSF;
 *	 |            |----------------------->|   IMPI by Authorization
 *	 |            |       3, 4, 5   6, 7 200|
 *	 | 8 200      |<-----------------------|
 *	 |<-----------|                        |
 *	 |            | REGISTER               |   before it runs out
 *	 |            |----------------------->|
 *	 | DELETE     | REGISTER, Expires: 0   |   or the session is not used any more
 *	 |----------->|----------------------->|
 *
 * The request waits from 2 to 7. When nobody waits any more, what has been registered is
 * deregistered.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/metric.h"
#include "epcscf/wsf.h"

METRIC_COUNTER(registered, "imsrig_wsf_registrations_total", "web users registered in the IMS");
METRIC_COUNTER(refreshed, "imsrig_wsf_refreshes_total", "... refreshed");
METRIC_COUNTER(ended, "imsrig_wsf_deregistrations_total", "... deregistered");
METRIC_COUNTER(lost, "imsrig_wsf_registrations_lost_total",
	"registrations that the network ended, or that could not be refreshed");
METRIC_COUNTER(deserted, "imsrig_wsf_registrations_deserted_total",
	"registrations that nobody waited for any more");

/* ---- states and events ---- */

enum state { W_FIRST, LIVE, W_REFRESH, W_LAST, W_END, DONE, FAILED, STATES };
enum event { REGISTERED, REFUSED, SILENT, LATE, DUE, END, EVENTS };
static const char *const event_names[EVENTS] = {
	"registered", "refused", "silent", "late", "due", "end"};
enum { ANSWER, REFRESH }; /* rows of ms */

static struct wsf_session *of(struct fsm *f)
{
	return (struct wsf_session *)((char *)f - offsetof(struct wsf_session, fsm));
}

bool wsf_is_live(const struct wsf_session *s)
{
	return !s->shut && (s->fsm.state == LIVE || s->fsm.state == W_REFRESH);
}

static int64_t now_ms(void)
{
	return clock_wall_ms(wsf.host->clock);
}

/* The request that waits is answered by somebody now; NULL: none does. */
static struct http_req *take_request(struct wsf_session *s)
{
	struct http_req *req = s->req;
	s->req = NULL;
	return req;
}

static void refuse(struct wsf_session *s, enum wsf_refusal no, struct str more, const char *why)
{
	struct http_req *req = take_request(s);
	if (req)
		wsf_refuse(req, no, more, why);
}

/* ---- 2: REGISTER, the WSF as user agent and trusted node ---- */

static uint32_t seconds_of(const struct wsf_session *s)
{
	int64_t most = wsf.conf->expires_ms / 1000, rest = (s->ends_ms - now_ms() + 999) / 1000;
	if (s->shut)
		return 0;
	if (s->asked_s && s->asked_s < most)
		most = s->asked_s;
	if (rest < most)
		most = rest;
	return most > wsf.conf->min_expires_ms / 1000 ? (uint32_t)most
						       : (uint32_t)(wsf.conf->min_expires_ms / 1000);
}

static struct str contact_uri(const struct wsf_session *s, struct arena *a)
{
	return arena_fmt(a, "sip:%s@%s:%u", s->contact, wsf.mw->name, wsf.mw->port);
}

/* Contact and Path name the WSF; their user part is the session's, so that what comes for it is
 * known from it. */
static void put_register(struct wsf_session *s, struct buf *b, struct arena *a)
{
	const struct sip_entities vouchers = {.waf = s->waf ? str_of(s->waf) : STR_NONE,
		.wwsf = s->wwsf ? str_of(s->wwsf) : STR_NONE};
	const char *realm = wsf.edge_conf->realm;
	uint32_t seconds = seconds_of(s);

	sip_put_request(b, STR("REGISTER"), arena_fmt(a, "sip:%s", realm));
	sip_put_fmt(b, "Max-Forwards", "70");
	sip_put_fmt(b, "From", "<%s>;tag=%.8s", s->impu, s->call_id);
	sip_put_fmt(b, "To", "<%s>", s->impu);
	sip_put_fmt(b, "Call-ID", "%s", s->call_id);
	sip_put_fmt(b, "CSeq", "%u REGISTER", ++s->cseq);
	sip_put_fmt(b, "Contact",
		"<" STR_FMT ">;+sip.instance=\"<urn:uuid:%s>\";reg-id=1;expires=%u",
		STR_ARG(contact_uri(s, a)), s->instance, seconds);
	sip_put_fmt(b, "Expires", "%u", seconds);
	sip_put_fmt(b, "Supported", "path, outbound");
	sip_put_field(b, SIP_H_AUTHORIZATION,
		edge_tna_credentials(wsf.edge_conf, str_of(s->impi), &vouchers, a));
	sip_put_field(b, SIP_H_PATH, edge_mw_path(wsf.mw, s->contact, true, a));
	sip_put_fmt(b, "Require", "path");
	sip_put_field(b, SIP_H_P_VISITED_NETWORK_ID, edge_mw_visited_network(wsf.mw, a));
	sip_put_field(b, SIP_H_P_CHARGING_VECTOR,
		edge_mw_charging_vector(wsf.mw, &wsf.host->chance, a));
	sip_put_end(b, STR_NONE, STR_NONE);
}

static void on_answer(int err, const struct sip_msg *m, void *arg);
static void on_silence(struct wsf_session *s, int err);

static void send_register(struct fsm *f)
{
	struct wsf_session *s = of(f);
	struct arena a = {0};
	struct buf b = {0};

	put_register(s, &b, &a);
	if (s->registered_ms && !s->shut)
		wsf_session_save(s); /* a CSeq is used once, whatever happens */
	int err = sip_send(wsf.stack, buf_str(&b), wsf.icscf, on_answer,
		(void *)(uintptr_t)s->id, &s->tx);
	buf_free(&b);
	arena_free(&a);
	if (err)
		on_silence(s, err);
}

static void on_answer(int err, const struct sip_msg *m, void *arg)
{
	struct wsf_session *s = wsf_session_by_id((uint64_t)(uintptr_t)arg);

	if (!s || (m && m->status < 200))
		return;
	s->tx = 0;
	if (err)
		fsm_event(&s->fsm, SILENT, &err);
	else
		fsm_event(&s->fsm, m->status < 300 ? REGISTERED : REFUSED, m);
}

/* ---- 7: what the 200 says ---- */

/* TS 24.229 5.1.1.4: 600 s before it runs out, or at half time of a short one; not at all when it
 * lasts as long as the session. */
static int64_t refresh_after(const struct wsf_session *s, uint32_t seconds)
{
	if (s->registered_ms >= s->ends_ms || seconds <= 1)
		return seconds * INT64_C(1000);
	return seconds > 1200 ? (seconds - 600) * INT64_C(1000) : seconds * INT64_C(500);
}

/* The next attempt after one in vain: soon, and once more when it runs out. */
static int64_t retry_after(const struct wsf_session *s)
{
	int64_t rest = s->registered_ms - now_ms();
	if (rest > wsf.conf->retry_ms)
		return wsf.conf->retry_ms;
	return rest > 0 ? rest : 0;
}

static bool is_bound(struct wsf_session *s, const struct sip_msg *m)
{
	struct sip_register *asked = MEM_NEW(struct sip_register);
	struct edge_bind what = {0};
	struct arena a = {0};
	uint32_t seconds, most = seconds_of(s);

	asked->contacts[0].instance = arena_fmt(&a, "<urn:uuid:%s>", s->instance);
	asked->n_contacts = !sip_uri_parse(&asked->contacts[0].uri, contact_uri(s, &a));
	seconds = edge_granted(m, asked);
	if (seconds > most)
		seconds = most;
	edge_bind_read(&what, m, asked, &a);
	if (seconds) {
		free(s->route);
		free(s->set);
		s->route = str_dup(what.text[EDGE_ROUTE]);
		s->set = str_dup(what.text[EDGE_SET]);
		s->registered_ms = now_ms() + seconds * INT64_C(1000);
		s->ms[REFRESH] = refresh_after(s, seconds);
		wsf_session_save(s);
	}
	arena_free(&a);
	free(asked);
	return seconds > 0;
}

/* ---- what the network says when it does not register ---- */

static const struct {
	int status;
	enum wsf_refusal no;
} statuses[] = {
	{401, WSF_NO_CHALLENGED},
	{403, WSF_NO_REFUSED},
	{404, WSF_NO_UNKNOWN},
	{407, WSF_NO_CHALLENGED},
	{408, WSF_NO_SILENT},
	{480, WSF_NO_UNAVAILABLE},
	{503, WSF_NO_UNAVAILABLE},
	{504, WSF_NO_SILENT},
	{600, WSF_NO_UNAVAILABLE},
};

static enum wsf_refusal refusal_of(const struct sip_msg *m)
{
	for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
		if (statuses[i].status == m->status)
			return statuses[i].no;
	return WSF_NO_FAULT;
}

/* It says no to the user, not to the moment. */
static bool is_final(const struct sip_msg *m)
{
	enum wsf_refusal no = refusal_of(m);
	return no == WSF_NO_REFUSED || no == WSF_NO_UNKNOWN || no == WSF_NO_CHALLENGED;
}

static void refuse_by(struct wsf_session *s, const struct sip_msg *m)
{
	enum wsf_refusal no = refusal_of(m);
	struct arena a = {0};
	struct str more = STR_NONE;
	uint32_t later;

	if (no == WSF_NO_UNAVAILABLE &&
		!sip_seconds_parse(sip_value(m, SIP_H_RETRY_AFTER), &later) && later <= 3600)
		more = arena_fmt(&a, "Retry-After: %u\r\n", later);
	refuse(s, no, more, arena_fmt(&a, "the network answers %d", m->status).p);
	arena_free(&a);
}

static void refuse_silent(struct wsf_session *s, int err)
{
	refuse(s, err == -ETIMEDOUT ? WSF_NO_SILENT : WSF_NO_UNAVAILABLE, STR_NONE,
		uv_strerror(err));
}

/* No answer, or the request could not even be sent. */
static void on_silence(struct wsf_session *s, int err)
{
	switch (s->fsm.state) {
	case W_FIRST:
		refuse_silent(s, err);
		fsm_go(&s->fsm, err == -ETIMEDOUT ? W_END : FAILED);
		break;
	case W_REFRESH:
		log_warn("wsf", "%s: refresh: %s", s->name, uv_strerror(err));
		s->ms[REFRESH] = retry_after(s);
		fsm_go(&s->fsm, s->registered_ms > now_ms() ? LIVE : FAILED);
		break;
	case W_LAST:
		fsm_go(&s->fsm, W_END);
		break;
	default:
		refuse_silent(s, err);
		fsm_go(&s->fsm, FAILED);
	}
}

/* ---- the first REGISTER ---- */

static void on_first(struct fsm *f, int event, const void *data)
{
	struct wsf_session *s = of(f);

	if (event == SILENT) {
		on_silence(s, *(const int *)data);
	} else if (event == REFUSED) {
		refuse_by(s, data);
		fsm_go(f, FAILED);
	} else if (event == LATE) {
		refuse(s, WSF_NO_SILENT, STR_NONE, "the network has not answered in time");
		fsm_go(f, W_LAST);
	} else if (!is_bound(s, data)) {
		refuse(s, WSF_NO_FAULT, STR_NONE, "the network's 200 lacks our Contact");
		fsm_go(f, W_END);
	} else if (!wsf_hears(s->req)) {
		deserted.value++;
		refuse(s, WSF_NO_STOPPING, STR_NONE, "nobody waits for the answer any more");
		fsm_go(f, W_END);
	} else {
		registered.value++;
		log_info("wsf", "%s is registered as %s", s->name, log_text(str_of(s->impu)));
		fsm_go(f, LIVE);
		wsf_session_watch(s);
		wsf_session_answer(s, take_request(s), str_of(s->info)); /* 8 */
		free(s->info);
		s->info = NULL;
	}
}

/* ---- while it lives ---- */

static void on_live(struct fsm *f, int event, const void *data)
{
	fsm_go(f, event == DUE && !wsf_session_blocked(of(f)) ? W_REFRESH : W_END);
}

static void on_refresh(struct fsm *f, int event, const void *data)
{
	struct wsf_session *s = of(f);

	if (event == SILENT) {
		on_silence(s, *(const int *)data);
	} else if (event == END) {
		fsm_go(f, W_LAST);
	} else if (event == REGISTERED && is_bound(s, data)) {
		refreshed.value++;
		fsm_go(f, LIVE);
	} else if (event == REFUSED && !is_final(data) && s->registered_ms > now_ms()) {
		log_warn("wsf", "%s: refresh: the network answers %d", s->name,
			((const struct sip_msg *)data)->status);
		s->ms[REFRESH] = retry_after(s);
		fsm_go(f, LIVE);
	} else {
		log_warn("wsf", "%s: the network ends its registration", s->name);
		fsm_go(f, FAILED);
	}
}

/* ---- the end ---- */

/* An answer is under way still; only behind it the next REGISTER may go (RFC 3261 10.2). */
static void on_last(struct fsm *f, int event, const void *data)
{
	struct wsf_session *s = of(f);

	if (event == SILENT)
		on_silence(s, *(const int *)data);
	else
		fsm_go(f, event == REGISTERED || s->registered_ms ? W_END : FAILED);
}

static void begin_end(struct fsm *f)
{
	struct wsf_session *s = of(f);
	if (!s->shut)
		wsf_session_shut(s, "its session is over");
	send_register(f);
}

/* What is to end has ended before. */
static bool has_ended(const struct sip_msg *m)
{
	enum wsf_refusal no = refusal_of(m);
	return no == WSF_NO_REFUSED || no == WSF_NO_UNKNOWN || m->status == 481;
}

static void on_end(struct fsm *f, int event, const void *data)
{
	struct wsf_session *s = of(f);

	if (event == SILENT) {
		on_silence(s, *(const int *)data);
	} else if (event == REGISTERED || has_ended(data)) {
		fsm_go(f, DONE);
	} else {
		refuse_by(s, data);
		fsm_go(f, FAILED);
	}
}

static void succeed(struct fsm *f)
{
	struct wsf_session *s = of(f);
	struct http_req *req = take_request(s);

	ended.value++;
	if (req)
		wsf_session_gone(req);
	wsf_session_free(s);
}

static void fail(struct fsm *f)
{
	struct wsf_session *s = of(f);

	refuse(s, WSF_NO_FAULT, STR_NONE, "the registration failed");
	lost.value += s->registered_ms != 0;
	if (!s->shut)
		wsf_session_shut(s, "its registration has ended");
	wsf_session_free(s);
}

/* ---- the table ---- */

#define ANSWERS (FSM(REGISTERED) | FSM(REFUSED) | FSM(SILENT))
static const struct fsm_state states[STATES] = {
	[W_FIRST] = {"waits for the network", ANSWERS | FSM(LATE),
		FSM(LIVE) | FSM(W_LAST) | FSM(W_END) | FSM(FAILED), send_register, on_first,
		ANSWER + 1, LATE},
	[LIVE] = {"registered", FSM(DUE) | FSM(END), FSM(W_REFRESH) | FSM(W_END), NULL, on_live,
		REFRESH + 1, DUE},
	[W_REFRESH] = {"refreshes", ANSWERS | FSM(END), FSM(LIVE) | FSM(W_LAST) | FSM(FAILED),
		send_register, on_refresh},
	[W_LAST] = {"waits for an answer, then ends", ANSWERS, FSM(W_END) | FSM(FAILED), NULL,
		on_last},
	[W_END] = {"deregisters", ANSWERS, FSM(DONE) | FSM(FAILED), begin_end, on_end},
	[DONE] = {"done", .enter = succeed, .end = FSM_SUCCESS},
	[FAILED] = {"failed", .enter = fail, .end = FSM_FAILURE},
};
const struct fsm_table wsf_table = {"wsf", states, STATES, event_names, EVENTS, FAILED};

/* ---- what brings it about ---- */

static void start(struct wsf_session *s, enum state state)
{
	s->ms[ANSWER] = wsf.conf->answer_ms;
	fsm_start(&s->fsm, &wsf_table, s->name, wsf.host->clock, s->ms, state);
}

void wsf_register(struct wsf_session *s, struct http_req *req)
{
	s->req = req;
	start(s, W_FIRST);
}

/* What was registered when the WSF stopped is refreshed when its time comes, or at once. */
void wsf_registered_before(struct wsf_session *s)
{
	int64_t rest = (s->registered_ms - now_ms()) / 2;
	s->ms[REFRESH] = rest > 0 ? rest : 0;
	wsf_session_watch(s);
	start(s, LIVE);
}

static void on_too_long(struct timer *t, void *arg)
{
	refuse(arg, WSF_NO_SILENT, STR_NONE, "the network has not answered in time");
}

void wsf_deregister(struct wsf_session *s, struct http_req *req, const char *why)
{
	log_info("wsf", "%s: the session ends: %s", s->name, why);
	s->req = req;
	wsf_session_shut(s, why);
	if (req)
		timer_start(wsf.host->clock, &s->end, wsf.conf->answer_ms, on_too_long, s);
	fsm_event(&s->fsm, END, NULL);
}
