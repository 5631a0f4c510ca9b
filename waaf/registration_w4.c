/* W4: how a WWSF asks for the registration of its blocks (TR 23.701 6.3.2.1.4; the protocol is
 * ours, docs/w4-registrations.md has it). Here are the checks that need no network.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/metric.h"
#include "waaf/waaf.h"

#define HELP "requests for registrations of blocks that were refused"
#define X(id, status, error, label, text)                                                  \
	METRIC_COUNTER(no_##id, "imsrig_waaf_registration_refused_total{reason=\"" label "\"}", HELP);
#include "waaf/registration_refuse.def"
#undef X

METRIC_COUNTER(requests, "imsrig_waaf_registration_requests_total",
	"requests on W4 for registrations of blocks");

static const struct {
	int status;
	const char *error, *label, *text;
	struct metric *counter;
} refusals[] = {
	{200, "", "good", "", NULL},
#define X(id, status, error, label, text) {status, error, label, text, &no_##id},
#include "waaf/registration_refuse.def"
#undef X
};

enum { SPAN_MS = 10 * 1000 };

/* ---- answers ---- */

static void audit(const struct http_req *req, const struct range *r, const char *outcome)
{
	const struct http_msg *m = http_req_msg(req);
	log_line(strcmp(outcome, "good") && strcmp(outcome, "challenge") ? LOG_WARN : LOG_INFO,
		"audit", "registration %s wwsf=%s impi=%s id=%s outcome=%s", log_text(m->method),
		r ? r->conf->wwsf : "-", r ? r->conf->pilot.impi : "-",
		r && r->reg.id[0] ? r->reg.id : "-", outcome);
}

static void answer(struct http_req *req, int status, struct str more, json_t *body)
{
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	http_answer(req, status,
		arena_fmt(http_req_arena(req),
			"%sCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n" STR_FMT,
			body ? "Content-Type: application/json\r\n" : "", STR_ARG(more)),
		str_of(text));
	free(text);
	json_decref(body);
}

void registration_refuse(struct http_req *req, const struct range *r,
	enum registration_refusal no, int retry_s, const char *detail)
{
	struct arena *a = http_req_arena(req);
	struct str text = str_of(refusals[no].text);

	if (detail)
		text = arena_fmt(a, "%s: %s", refusals[no].text, detail);
	refusals[no].counter->value++;
	audit(req, r, refusals[no].label);
	answer(req, refusals[no].status,
		retry_s ? arena_fmt(a, "Retry-After: %d\r\n", retry_s) : STR_NONE,
		json_pack("{s:s, s:s%}", "error", refusals[no].error, "error_description", text.p,
			text.n));
}

void registration_challenge(struct http_req *req, const struct range *r,
	const struct registration_challenge *c)
{
	struct arena *a = http_req_arena(req);
	struct str uri = arena_fmt(a, "sip:%s", waaf.conf->edge.realm);

	audit(req, r, "challenge");
	answer(req, 401,
		arena_fmt(a, "WWW-Authenticate: SIP-Digest realm=\"" STR_FMT "\", nonce=\"" STR_FMT
			     "\", qop=\"" STR_FMT "\", algorithm=" STR_FMT "\r\n",
			STR_ARG(c->realm), STR_ARG(c->nonce), STR_ARG(c->qop),
			STR_ARG(c->algorithm)),
		json_pack("{s:s, s:{s:s%, s:s%, s:s%, s:s%, s:s, s:s%}}", "error", "challenge",
			"challenge", "realm", c->realm.p, c->realm.n, "nonce", c->nonce.p,
			c->nonce.n, "qop", c->qop.p, c->qop.n, "algorithm", c->algorithm.p,
			c->algorithm.n, "method", "REGISTER", "uri", uri.p, uri.n));
}

static json_t *blocks_json(const struct range *r)
{
	json_t *all = json_array();
	for (size_t i = 0; i < r->n_blocks; i++) {
		struct str text = sip_wildcard_text(r->blocks[i]);
		if (r->reg.blocks & UINT32_C(1) << i)
			json_array_append_new(all, json_stringn(text.p, text.n));
	}
	return all;
}

void registration_answer(struct http_req *req, const struct range *r)
{
	int64_t rest = r->reg.ends_ms - clock_wall_ms(ranges.host->clock);

	audit(req, r, "good");
	answer(req, 200, STR_NONE,
		json_pack("{s:s, s:s, s:o, s:s, s:I, s:s}", "id", r->reg.id, "wwsf",
			r->conf->wwsf, "block", blocks_json(r), "impu", r->conf->pilot.impu,
			"expires", (json_int_t)((rest + 999) / 1000), "mode",
			r->conf->mode == RANGE_STATIC ? "static" : "registration"));
}

void registration_gone(struct http_req *req, const struct range *r)
{
	audit(req, r, "good");
	answer(req, 204, STR_NONE, NULL);
}

/* ---- checks ---- */

static bool peer_is(struct http_req *req, const struct range *r)
{
	const struct stream *s = http_req_stream(req);
	return s && stream_peer_has_name(s, str_of(r->conf->wwsf));
}

static bool is_json(const struct http_msg *m)
{
	struct str type = http_field(m, STR("Content-Type"));
	return str_ieq(str_trim(str_cut(&type, ';')), STR("application/json"));
}

/* What a request of any method must pass, once its range is known. */
static enum registration_refusal check_peer(struct http_req *req, struct range *r, int *retry_s)
{
	int64_t now = clock_ms(ranges.host->clock);
	if (!r || !peer_is(req, r))
		return REGISTRATION_NO_WWSF;
	if (range_blocked(r))
		return REGISTRATION_NO_BLOCKED;
	if (!edge_window_take(&r->posts, now, SPAN_MS, ranges.conf->posts, retry_s))
		return REGISTRATION_NO_RATE;
	return REGISTRATION_GOOD;
}

/* One block that is asked for: its bit, 0 with *no. */
static uint32_t check_block(const struct range *r, struct str text,
	enum registration_refusal *no, char why[256])
{
	struct sip_wildcard *w;
	uint32_t bit = 0;

	*no = REGISTRATION_NO_BLOCK;
	if (sip_wildcard_new(text, &w, why))
		return 0;
	why[0] = '\0';
	for (size_t i = 0; i < r->n_blocks; i++)
		if (str_eq(sip_wildcard_text(w), sip_wildcard_text(r->blocks[i])))
			bit = UINT32_C(1) << i;
	sip_wildcard_free(w);
	*no = bit ? REGISTRATION_GOOD : REGISTRATION_NO_NOT_ALLOWED;
	return bit;
}

static bool is_pilot(const struct range *r, const struct registration_ask *ask, struct arena *a)
{
	struct sip_uri u;
	return str_eq(ask->impi, str_of(r->conf->pilot.impi)) && !sip_uri_parse(&u, ask->impu) &&
		str_eq(sip_uri_canonical(&u, a), r->pilot);
}

/* `why` is the detail, "" for none. */
static enum registration_refusal check_ask(const struct range *r,
	const struct registration_ask *ask, struct arena *a, uint32_t *blocks, uint32_t *seconds,
	char why[256])
{
	int64_t min_s = ranges.conf->min_expires_ms / 1000,
		max_s = ranges.conf->max_expires_ms / 1000;
	enum registration_refusal no;

	*seconds = ask->has_expires && ask->expires < max_s ? ask->expires : (uint32_t)max_s;
	if (*seconds < min_s) {
		snprintf(why, 256, "%lld s are the least", (long long)min_s);
		return REGISTRATION_NO_EXPIRES;
	}
	for (size_t i = 0; i < ask->n_block; i++) {
		*blocks |= check_block(r, ask->block[i], &no, why);
		if (no)
			return no;
	}
	if (range_overlaps(r, *blocks))
		return REGISTRATION_NO_OVERLAP;
	return is_pilot(r, ask, a) ? REGISTRATION_GOOD : REGISTRATION_NO_PILOT;
}

/* ---- requests ---- */

static void on_post(struct http_req *req, void *arg)
{
	const struct http_msg *m = http_req_msg(req);
	struct arena *a = http_req_arena(req);
	struct registration_ask ask;
	enum registration_refusal no = REGISTRATION_GOOD;
	uint32_t blocks = 0, seconds = 0;
	struct range *r = NULL;
	const char *cause = "Content-Type is not application/json";
	char why[256] = "";
	int retry_s = 0;

	requests.value++;
	if (!is_json(m) || registration_read(m->body, a, &ask, &cause)) {
		registration_refuse(req, NULL, REGISTRATION_NO_BODY, 0, cause);
		return;
	}
	r = range_of(ask.wwsf);
	no = check_peer(req, r, &retry_s);
	if (!no)
		no = check_ask(r, &ask, a, &blocks, &seconds, why);
	if (no)
		registration_refuse(req, no == REGISTRATION_NO_WWSF ? NULL : r, no, retry_s,
			why[0] ? why : NULL);
	else
		registration_run(r, req, blocks, seconds, &ask);
}

/* The registration that the path names; NULL: refused. */
static struct range *named(struct http_req *req)
{
	struct str id = str_skip(http_req_msg(req)->path, sizeof "/registrations/" - 1);
	bool ended;
	int retry_s = 0;
	struct range *r = range_by_id(id, &ended);
	enum registration_refusal no =
		r ? check_peer(req, r, &retry_s) : REGISTRATION_NO_UNKNOWN;

	requests.value++;
	if (!no && ended)
		no = REGISTRATION_NO_ENDED;
	if (!no)
		return r;
	registration_refuse(req, no == REGISTRATION_NO_WWSF ? NULL : r, no, retry_s, NULL);
	return NULL;
}

static void on_get(struct http_req *req, void *arg)
{
	const struct range *r = named(req);
	if (r)
		registration_answer(req, r);
}

static void on_delete(struct http_req *req, void *arg)
{
	struct registration_ask ask;
	const char *why;
	struct range *r = named(req);

	if (!r)
		return;
	if (registration_read_credentials(
		    http_req_msg(req)->body, http_req_arena(req), &ask, &why))
		registration_refuse(req, r, REGISTRATION_NO_BODY, 0, why);
	else
		registration_run(r, req, r->reg.blocks, 0, &ask);
}

const struct http_route registration_routes[] = {{"POST", "/registrations", on_post},
	{"GET", "/registrations/*", on_get}, {"DELETE", "/registrations/*", on_delete}, {0}};
