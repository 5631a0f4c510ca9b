/* W4: tokens from the WAF.
 * SPDX-License-Identifier: Apache-2.0 */
#include "wwsf/waf_client.h"

#include <ctype.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/metric.h"
#include "common/crypto/json.h"
#include "common/http/form.h"
#include "wwsf/api.h"
#include "wwsf/w4.h"

METRIC_COUNTER(asked_total, "imsrig_wwsf_waf_requests_total", "token requests to the WAF");
METRIC_COUNTER(refusals, "imsrig_wwsf_waf_refusals_total", "token requests that the WAF refused");
METRIC_COUNTER(failures, "imsrig_wwsf_waf_failures_total",
	"token requests without a usable answer of the WAF");
METRIC_IDLE(open_requests, "imsrig_wwsf_waf_requests_open", "token requests the WAF has not answered");

enum { LINES_MAX = 64, QUEUE_MAX = 256, RETRY_S = 2 };

/* One kept connection, and how many requests it has. */
struct line {
	struct http_client *client;
	int waiting;
};

static struct {
	struct tls *tls;
	struct line lines[LINES_MAX];
	size_t n_lines;
} waf;

struct ask {
	struct line *line;
	waf_h *h;
	void *arg;
};

/* ---- endings ---- */

static void succeed(struct ask *k, const struct waf_grant *g)
{
	open_requests.value--;
	k->h(g, NULL, k->arg);
	free(k);
}

static void fail(struct ask *k, int status, const char *error, struct str word, int64_t retry_s)
{
	struct waf_refusal r = {.status = status, .error = error, .retry_s = retry_s};
	bool plain = word.n < sizeof r.word;
	for (size_t i = 0; i < word.n; i++)
		plain = plain && (islower((unsigned char)word.p[i]) || word.p[i] == '_');
	if (plain && word.n)
		str_copy(word, r.word, sizeof r.word);
	open_requests.value--;
	k->h(NULL, &r, k->arg);
	free(k);
}

/* ---- the answer ---- */

static struct str text_of(const json_t *body, const char *name)
{
	return json_text(json_object_get(body, name));
}

/* b64token of RFC 6750 2.1, so that it can stand in a header field. */
static bool is_token(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!isalnum((unsigned char)s.p[i]) && !strchr("-._~+/=", s.p[i]))
			return false;
	return s.n > 0 && s.n <= TOKEN_MAX;
}

/* NULL, or what is wrong with a 200 (RFC 6749 5.1). */
static const char *read_grant(const json_t *body, struct waf_grant *g)
{
	const json_t *life = json_object_get(body, "expires_in");
	const json_t *list = json_object_get(body, "impu"), *v;
	struct str scope = text_of(body, "scope");
	size_t i;

	*g = (struct waf_grant){.token = text_of(body, "access_token"),
		.refresh = text_of(body, "refresh_token"), .user = text_of(body, "user"),
		.identity.impi = text_of(body, "impi"), .life_s = json_integer_value(life)};
	if (!is_token(g->token))
		return "no access_token";
	if (!str_ieq(text_of(body, "token_type"), STR("Bearer")))
		return "token_type is not Bearer";
	if (g->life_s < 1)
		return "no expires_in";
	if (scope.p && !str_has_word(scope, STR(TOKEN_SCOPE)))
		return "another scope";
	if (g->refresh.p && !is_token(g->refresh))
		return "refresh_token is no token";
	json_array_foreach(list, i, v)
	{
		if (!json_is_string(v) || g->identity.n_impu == TOKEN_IMPUS_MAX)
			return "impu is no list of identities";
		g->identity.impu[g->identity.n_impu++] =
			(struct str){json_string_value(v), json_string_length(v)};
	}
	return g->identity.impi.n && g->identity.n_impu ? NULL : "no impi, no impu";
}

static void refused(struct ask *k, const struct http_msg *m, const json_t *body)
{
	struct str word = text_of(body, "error");
	uint32_t retry_s;

	if (m->status == 429) {
		log_warn("waf", "the WAF is busy");
		if (str_u32(http_field(m, STR("Retry-After")), &retry_s) || !retry_s ||
			retry_s > 3600)
			retry_s = RETRY_S;
		fail(k, 503, "waf_busy", word, retry_s);
	} else if (m->status >= 400 && m->status < 500) {
		refusals.value++;
		log_warn("waf", "token refused: %d %s", m->status, log_text(word));
		fail(k, 502, "waf_refused", word, 0);
	} else {
		failures.value++;
		log_warn("waf", "the WAF answered %d", m->status);
		fail(k, 503, "waf_unreachable", STR_NONE, RETRY_S);
	}
}

static void on_answer(int err, const char *why, const struct http_msg *m, void *arg)
{
	static const struct json_limits limits = {
		.size = 2 * TOKEN_MAX + 8192, .depth = 4, .members = 256};
	struct ask *k = arg;
	struct waf_grant g;
	const char *wrong = "";

	k->line->waiting--;
	if (err) {
		failures.value++;
		log_warn("waf", "the WAF gives no answer: %s", why);
		fail(k, 503, "waf_unreachable", STR_NONE, RETRY_S);
		return;
	}
	json_t *body = json_read(m->body, &limits, &wrong);
	if (m->status != 200) {
		refused(k, m, body);
	} else if (!body || (wrong = read_grant(body, &g))) {
		failures.value++;
		log_warn("waf", "the WAF's 200 is no token answer: %s", wrong);
		fail(k, 502, "waf_answer", STR_NONE, 0);
	} else {
		succeed(k, &g);
	}
	json_decref(body);
}

/* ---- requests ---- */

static struct line *shortest_line(void)
{
	struct line *best = &waf.lines[0];
	for (size_t i = 1; i < waf.n_lines; i++)
		if (waf.lines[i].waiting < best->waiting)
			best = &waf.lines[i];
	return best;
}

bool waf_busy(struct http_req *req)
{
	if (open_requests.value < QUEUE_MAX)
		return false;
	log_warn("waf", "%d token requests wait for the WAF", QUEUE_MAX);
	api_refuse_later(req, 503, "waf_busy", RETRY_S);
	return true;
}

/* `form` holds what the grant asks for; who asks is said by name and by certificate. */
static void ask(struct buf *form, waf_h *h, void *arg)
{
	const struct str fields = STR("Content-Type: application/x-www-form-urlencoded\r\n"
		"Accept: application/json\r\n");
	struct ask *k = MEM_NEW(struct ask);

	k->h = h;
	k->arg = arg;
	open_requests.value++;
	asked_total.value++;
	k->line = shortest_line();
	k->line->waiting++;
	form_put(form, STR("client_id"), str_of(wwsf.conf->identity));
	http_send(k->line->client, "POST", "/token", fields, buf_str(form), on_answer, k);
	buf_free(form);
}

/* Where identities are lent the WAF is told which; else it knows those of the user, and is
 * asked for all that go with the IMPI. */
static void put_identity(struct buf *form, const struct identity *id)
{
	struct buf list = {0};

	if (id->impi.p)
		form_put(form, STR("impi"), id->impi);
	for (size_t i = 0; wwsf.assignments && i < id->n_impu; i++) {
		if (list.n)
			buf_byte(&list, ' ');
		buf_add(&list, id->impu[i]);
	}
	if (list.n)
		form_put(form, STR("impu"), buf_str(&list));
	buf_free(&list);
}

void waf_client_credentials(const struct web_user *u, const struct identity *id, waf_h *h,
	void *arg)
{
	struct buf form = {0};
	form_put(&form, STR("grant_type"), STR("client_credentials"));
	form_put(&form, STR("scope"), STR(TOKEN_SCOPE));
	form_put(&form, u->anonymous ? STR("anonymous") : STR("user"), u->name);
	put_identity(&form, id);
	ask(&form, h, arg);
}

void waf_authorization_code(struct str code, struct str redirect_uri, struct str verifier,
	const struct identity *id, waf_h *h, void *arg)
{
	struct buf form = {0};
	form_put(&form, STR("grant_type"), STR("authorization_code"));
	form_put(&form, STR("code"), code);
	form_put(&form, STR("redirect_uri"), redirect_uri);
	form_put(&form, STR("code_verifier"), verifier);
	put_identity(&form, id);
	ask(&form, h, arg);
}

void waf_refresh(struct str refresh_token, const struct identity *id, waf_h *h, void *arg)
{
	struct buf form = {0};
	form_put(&form, STR("grant_type"), STR("refresh_token"));
	form_put(&form, STR("refresh_token"), refresh_token);
	put_identity(&form, id);
	ask(&form, h, arg);
}

/* ---- life ---- */

int waf_open(char why[512])
{
	const struct wwsf_conf *c = wwsf.conf;
	struct w4_conf w4 = {.section = "waf", .url = c->waf.url, .ca = c->waf.ca,
		.cert = c->waf.cert, .key = c->waf.key, .timeout_ms = c->waf.timeout_ms};
	struct http_client *clients[LINES_MAX];

	if (c->token.issuer != WWSF_ISSUER_WAF)
		return 0;
	int err = w4_open(&w4, &waf.tls, clients, (size_t)c->waf.connections, why);
	for (waf.n_lines = 0; !err && waf.n_lines < (size_t)c->waf.connections; waf.n_lines++)
		waf.lines[waf.n_lines] = (struct line){.client = clients[waf.n_lines]};
	return err;
}

void waf_close(void)
{
	for (size_t i = 0; i < waf.n_lines; i++)
		http_client_free(waf.lines[i].client);
	waf.n_lines = 0;
	tls_free(waf.tls);
	waf.tls = NULL;
}

int waf_waiting(void)
{
	return (int)open_requests.value;
}
