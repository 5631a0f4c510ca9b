/* W4: the WWSF has the WAAF register its wildcarded identity (TR 23.701 6.3.2.1.4, figure
 * 6.3.2.1.4-1). The digest is that of a SIP REGISTER, since it is the S-CSCF that verifies it
 * (in static mode the WAAF, likewise).
 *
 *	WWSF                                              WAAF
 *	 | 1  POST /registrations {block, impi, impu, ..}  |
 *	 |------------------------------------------------>|  2, 3  REGISTER, 401
 *	 | 4  401 {challenge}                              |
 *	 |<------------------------------------------------|
 *	 | 5  POST, the same and {credentials}             |
 *	 |------------------------------------------------>|  6, 7  REGISTER, 200
 *	 | 8  200 {id, expires}                            |
 *	 |<------------------------------------------------|
 *	 |    and again at half of that time               |
 *
 * What may pass (no answer, 429, 5xx) is tried again, later and later; a registration that the
 * WAAF does not know any more (404, 410) is asked for anew; any other refusal is the end of it.
 * SPDX-License-Identifier: Apache-2.0 */
#include "wwsf/registration.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/metric.h"
#include "common/net/host.h"
#include "wwsf/w4.h"

METRIC_COUNTER(granted_total, "imsrig_wwsf_registrations_total",
	"registrations and refreshes that the WAAF granted");
METRIC_COUNTER(refused_total, "imsrig_wwsf_registrations_refused_total",
	"registrations that the WAAF refused");
METRIC_COUNTER(failed_total, "imsrig_wwsf_registrations_failed_total",
	"registration requests without an answer that says yes or no");
METRIC_IDLE(open_requests, "imsrig_wwsf_registration_open",
	"registration requests that the WAAF has not answered");

enum { PAUSE_FIRST_S = 1, PAUSE_MOST_S = 300, RETRY_MOST_S = 3600, ANSWERS_MOST = 2, NONCE_MAX = 513 };

enum state { NONE, ASKING, ANSWERING, REGISTERED, WAITING, WITHDRAWING, REFUSED };
static const char *const state_names[] = {
	"none", "asking", "answering", "registered", "waiting", "withdrawing", "refused"};

static struct {
	struct tls *tls;
	struct http_client *client;    /* NULL: no such section */
	enum state state;
	bool wanted;                   /* it is to be registered, not withdrawn */
	int answers;                   /* challenges answered in this attempt */
	int64_t pause_s;
	struct timer timer;            /* REGISTERED: to the refresh; WAITING: to the next attempt */
	/* the registration that stands, as far as we know */
	char id[129], mode[64];        /* id "": none */
	int64_t until_ms;
	char reason[256];              /* of the last refusal or failure */
	char nonce[NONCE_MAX];         /* answered last, so often: */
	uint32_t nc;
	unsigned generation;           /* of requests; a reset wants no answers of earlier ones */
} reg;

static const struct wwsf_registration_conf *conf(void)
{
	return &wwsf.conf->registration;
}

static void enter(enum state state)
{
	if (state != reg.state)
		log_info("registration", "%s -> %s", state_names[reg.state], state_names[state]);
	reg.state = state;
}

static void forget(void)
{
	reg.id[0] = reg.mode[0] = 0;
	reg.until_ms = 0;
}

static bool is_live(void)
{
	return reg.id[0] && reg.until_ms > clock_ms(wwsf.host->clock);
}

/* ---- endings ---- */

static void ask(void);
static void withdraw(void);

static void on_again(struct timer *t, void *arg)
{
	if (!is_live())
		forget();
	if (reg.wanted)
		ask();
	else
		withdraw();
}

static void again_in(int64_t seconds, enum state state)
{
	enter(state);
	timer_start(wwsf.host->clock, &reg.timer, seconds * 1000, on_again, NULL);
}

static void succeed(const struct registration_granted *g)
{
	granted_total.value++;
	str_copy(g->id, reg.id, sizeof reg.id);
	str_copy(g->mode, reg.mode, sizeof reg.mode);
	reg.until_ms = clock_ms(wwsf.host->clock) + g->expires_s * 1000;
	reg.reason[0] = 0;
	reg.pause_s = PAUSE_FIRST_S;
	log_info("registration", "%s is registered (%s), for %lld s", conf()->impu, reg.id,
		(long long)g->expires_s);
	if (reg.wanted)
		again_in(g->expires_s > 1 ? g->expires_s / 2 : 1, REGISTERED);
	else
		withdraw();
}

/* It may pass: another attempt, at the time that the WAAF names, else later each time. */
static void fail(const char *why, int64_t retry_s)
{
	failed_total.value++;
	snprintf(reg.reason, sizeof reg.reason, "%s", why);
	if (!retry_s) {
		retry_s = reg.pause_s;
		reg.pause_s = 2 * reg.pause_s < PAUSE_MOST_S ? 2 * reg.pause_s : PAUSE_MOST_S;
	}
	log_warn("registration", "%s; again in %lld s", why, (long long)retry_s);
	again_in(retry_s, WAITING);
}

static void refuse(const char *why)
{
	refused_total.value++;
	snprintf(reg.reason, sizeof reg.reason, "%s", why);
	log_error("registration", "%s is refused: %s", conf()->impu, why);
	if (!is_live())
		forget();
	enter(REFUSED);
}

/* What no step expects. */
static void unexpected(const struct http_msg *m, const json_t *body)
{
	struct str word = registration_read_error(body);
	uint32_t retry_s = 0;
	char why[128];

	snprintf(why, sizeof why, "the WAAF answers %d%s" STR_FMT, m->status, word.n ? " " : "",
		STR_ARG(word));
	if (str_u32(http_field(m, STR("Retry-After")), &retry_s) || retry_s > RETRY_MOST_S)
		retry_s = 0;
	if (m->status == 404 || m->status == 410)
		forget(); /* the next attempt is the first of a new one */
	if (m->status == 404 || m->status == 410 || m->status == 429 || m->status < 400 ||
		m->status >= 500)
		fail(why, retry_s);
	else
		refuse(why);
}

/* ---- steps 1 and 4 ---- */

static json_t *request_body(void)
{
	char *const *block = conf()->block.items;
	json_t *list = json_array();

	for (size_t i = 0; i < conf()->block.n; i++)
		json_array_append_new(list, json_string(block[i]));
	return json_pack("{s:s, s:o, s:s, s:s, s:I}", "wwsf", wwsf.conf->identity, "block", list,
		"impi", conf()->impi, "impu", conf()->impu, "expires",
		(json_int_t)(conf()->expires_ms / 1000));
}

static void request(const char *method, const char *target, json_t *body, http_answer_h *h)
{
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;

	timer_stop(&reg.timer);
	open_requests.value++;
	http_send(reg.client, method, target,
		body ? STR("Content-Type: application/json\r\nAccept: application/json\r\n")
		     : STR("Accept: application/json\r\n"),
		str_of(text), h, (void *)(uintptr_t)reg.generation);
	if (text)
		OPENSSL_cleanse(text, strlen(text));
	free(text);
	json_decref(body);
}

/* An answer has come, or none will; false: nobody waits for it any more. */
static bool is_awaited(int err, const void *arg)
{
	open_requests.value--;
	return err != -ECANCELED && (uintptr_t)arg == reg.generation;
}

static void answer(const struct registration_challenge *c);
static void request_withdrawal(json_t *body);
static void on_answer(int err, const char *why, const struct http_msg *m, void *arg);

static void ask(void)
{
	reg.answers = 0;
	enter(ASKING);
	request("POST", "/registrations", request_body(), on_answer);
}

static void on_challenge(const json_t *body)
{
	struct arena a = {0};
	struct registration_challenge c;
	const char *wrong = registration_read_challenge(
		body, arena_fmt(&a, "sip:%s", wwsf.conf->domain), &c);
	char why[160];

	if (wrong) {
		snprintf(why, sizeof why, "the WAAF's challenge can't be answered: %s", wrong);
		refuse(why);
	} else if (reg.answers == ANSWERS_MOST) {
		refuse("the WAAF challenges again and again");
	} else {
		answer(&c);
	}
	arena_free(&a);
}

static void on_good(const json_t *body)
{
	struct registration_granted g;
	const char *wrong = registration_read_granted(body, &g);
	char why[160];

	if (!wrong) {
		succeed(&g);
		return;
	}
	snprintf(why, sizeof why, "the WAAF's 200 is no answer: %s", wrong);
	fail(why, 0);
}

/* To either request: who is known already may be let through without a challenge. */
static void on_answer(int err, const char *why, const struct http_msg *m, void *arg)
{
	const char *wrong = "";

	if (!is_awaited(err, arg))
		return;
	if (err) {
		fail(why, 0);
		return;
	}
	json_t *body = registration_read(m->body, &wrong);
	if (m->status == 401 && body)
		on_challenge(body);
	else if (m->status == 200 && body)
		on_good(body);
	else if (m->status == 401 || m->status == 200)
		fail(wrong, 0);
	else
		unexpected(m, body);
	json_decref(body);
}

/* ---- steps 5 and 8 ---- */

static void digest_of(const struct registration_challenge *c, const char *nc, const char *cnonce,
	char out[DIGEST_HEX_MAX])
{
	char ha1[DIGEST_HEX_MAX];

	digest_ha1(c->algorithm, str_of(conf()->impi), c->realm, str_of(conf()->password), ha1);
	digest_response(c->algorithm, str_of(ha1), STR("REGISTER"), c->uri, c->nonce, str_of(nc),
		str_of(cnonce), STR("auth"), out);
	OPENSSL_cleanse(ha1, sizeof ha1);
}

static json_t *credentials_for(const struct registration_challenge *c)
{
	char nc[9], cnonce[33], response[DIGEST_HEX_MAX];

	reg.answers++;
	reg.nc = str_eq(str_of(reg.nonce), c->nonce) ? reg.nc + 1 : 1;
	str_copy(c->nonce, reg.nonce, sizeof reg.nonce);
	snprintf(nc, sizeof nc, "%08x", reg.nc);
	chance_hex(&wwsf.host->chance, cnonce, 16);
	digest_of(c, nc, cnonce, response);
	return json_pack("{s:s%, s:s, s:s, s:s}", "nonce", c->nonce.p, c->nonce.n, "nc", nc, "cnonce",
		cnonce, "response", response);
}

static void answer(const struct registration_challenge *c)
{
	json_t *credentials = credentials_for(c);

	if (reg.state == WITHDRAWING) {
		request_withdrawal(json_pack("{s:o}", "credentials", credentials));
		return;
	}
	json_t *body = request_body();
	json_object_set_new(body, "credentials", credentials);
	enter(ANSWERING);
	request("POST", "/registrations", body, on_answer);
}

/* ---- withdrawal ---- */

static void withdrawn(void)
{
	forget();
	log_info("registration", "%s is withdrawn", conf()->impu);
	if (reg.wanted)
		ask();
	else
		enter(NONE);
}

/* 401: the WAAF has another connection to the network than it registered by. */
static void on_withdrawn(int err, const char *why, const struct http_msg *m, void *arg)
{
	const char *wrong = "";

	if (!is_awaited(err, arg))
		return;
	if (err) {
		fail(why, 0);
		return;
	}
	json_t *body = registration_read(m->body, &wrong);
	if (m->status == 204 || m->status == 404 || m->status == 410)
		withdrawn();
	else if (m->status == 401 && body)
		on_challenge(body);
	else
		unexpected(m, body);
	json_decref(body);
}

static void request_withdrawal(json_t *body)
{
	char target[160];

	snprintf(target, sizeof target, "/registrations/%s", reg.id);
	request("DELETE", target, body, on_withdrawn);
}

/* Without one that stands there is nothing to withdraw. */
static void withdraw(void)
{
	if (!reg.id[0]) {
		timer_stop(&reg.timer);
		enter(NONE);
		return;
	}
	reg.answers = 0;
	enter(WITHDRAWING);
	request_withdrawal(NULL);
}

/* ---- admin ---- */

const char *registration_begin(void)
{
	if (!reg.client)
		return "this WWSF has no section \"registration\"";
	reg.wanted = true;
	reg.pause_s = PAUSE_FIRST_S;
	if (reg.state != ASKING && reg.state != ANSWERING && reg.state != WITHDRAWING)
		ask();
	return NULL;
}

const char *registration_withdraw(void)
{
	if (!reg.client)
		return "this WWSF has no section \"registration\"";
	reg.wanted = false;
	if (reg.state != ASKING && reg.state != ANSWERING && reg.state != WITHDRAWING)
		withdraw();
	return NULL;
}

json_t *registration_state(void)
{
	if (!reg.client)
		return NULL;
	json_t *state = json_pack("{s:s}", "state", state_names[reg.state]);
	if (is_live()) {
		int64_t rest_ms = reg.until_ms - clock_ms(wwsf.host->clock);
		json_object_set_new(state, "id", json_string(reg.id));
		json_object_set_new(state, "mode", json_string(reg.mode));
		json_object_set_new(state, "expires", json_integer(rest_ms / 1000));
	}
	if (reg.reason[0])
		json_object_set_new(state, "reason", json_string(reg.reason));
	return state;
}

/* ---- life ---- */

const char *registration_conf_check(const struct wwsf_conf *c)
{
	const struct wwsf_registration_conf *r = &c->registration;

	if (!r->url)
		return NULL;
	if (!str_starts(str_of(r->url), STR("https://")))
		return "registration.url must be https://host:port";
	if (!c->identity)
		return "a registration needs the WWSF's identity";
	if (!r->block.n)
		return "registration.block is empty";
	if (!r->password || !*r->password)
		return "a registration needs a password";
	if (r->expires_ms < 1000 || r->timeout_ms < 1000)
		return "registration.expires and registration.timeout are 1 s at least";
	return NULL;
}

void registration_close(void)
{
	timer_stop(&reg.timer);
	if (reg.client)
		http_client_free(reg.client);
	tls_free(reg.tls);
	OPENSSL_cleanse(&reg, sizeof reg);
}

int registration_open(char why[512])
{
	const struct wwsf_registration_conf *r = conf();
	struct w4_conf w4 = {.section = "registration", .url = r->url, .ca = r->ca, .cert = r->cert,
		.key = r->key, .timeout_ms = r->timeout_ms};

	registration_close();
	if (!r->url)
		return 0;
	int err = w4_open(&w4, &reg.tls, &reg.client, 1, why);
	if (!err && r->at_start)
		registration_begin();
	return err;
}

void registration_reset(void)
{
	timer_stop(&reg.timer);
	reg.generation++;
	reg.wanted = false;
	reg.reason[0] = reg.nonce[0] = 0;
	forget();
	enter(NONE);
}

int registration_waiting(void)
{
	return (int)open_requests.value;
}
