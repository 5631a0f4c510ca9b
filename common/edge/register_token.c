/* REGISTER with a security token (TS 23.228 U.2.1.3, TS 33.203 X.3.2.3, RFC 8898).
 *
 *	WIC          edge                              next hop
 *	 | REGISTER    |                                  |
 *	 |------------>| the issuer's? for us? now? scope |
 *	 | Bearer, To  | WWSF: trusted, this Origin's, not blocked
 *	 |             | not taken back, not used elsewhere
 *	 |             | identities: the token's          |
 *	 |             | REGISTER auth-done (tna.c)       |
 *	 |             |--------------------------------->|
 *
 * The order of the checks is the order of the functions. What can be wrong with the token
 * itself is 401, so that the WIC may come with a better one; what the token does not allow is
 * 403. No answer says more than that; the log does.
 * SPDX-License-Identifier: Apache-2.0 */
#include <openssl/evp.h>

#include "common/base/metric.h"
#include "common/edge/inner.h"

METRIC_COUNTER(judged, "imsrig_edge_tokens_judged_total", "security tokens looked at");
METRIC_COUNTER(signatures, "imsrig_edge_token_signatures_total",
	"... of them whose signature was not known to be good");
METRIC_COUNTER(taken, "imsrig_edge_tokens_taken_total", "... of them taken");

/* How a fault of a token is answered; bad: it counts towards closing. */
static const struct {
	enum edge_refusal no;
	bool bad;
} faults[] = {
	[TOKEN_MALFORMED] = {EDGE_NO_TOKEN_FORM, true},
	[TOKEN_BAD_HEADER] = {EDGE_NO_TOKEN_FORM, true},
	[TOKEN_UNKNOWN_ISSUER] = {EDGE_NO_TOKEN_ISSUER, true},
	[TOKEN_UNKNOWN_KEY] = {EDGE_NO_TOKEN_KEY, true},
	[TOKEN_BAD_SIGNATURE] = {EDGE_NO_TOKEN_SIGNATURE, true},
	[TOKEN_BAD_AUDIENCE] = {EDGE_NO_TOKEN_AUDIENCE, true},
	[TOKEN_EXPIRED] = {EDGE_NO_TOKEN_EXPIRED, false},
	[TOKEN_NOT_YET] = {EDGE_NO_TOKEN_NOT_YET, false},
	[TOKEN_TOO_LONG] = {EDGE_NO_TOKEN_TOO_LONG, false},
	[TOKEN_BAD_SCOPE] = {EDGE_NO_TOKEN_SCOPE, false},
	[TOKEN_INCOMPLETE] = {EDGE_NO_TOKEN_INCOMPLETE, true},
};

static const struct edge_tokens_conf *conf_of(const struct edge_reg *r)
{
	return &r->edge->setup.conf->tokens;
}

static int64_t now_s(const struct edge_reg *r)
{
	return clock_wall_ms(r->edge->setup.host->clock) / 1000;
}

/* ---- refusals ---- */

struct str edge_token_challenge(const struct edge_reg *r, const char *error)
{
	const char *server = conf_of(r)->authz_server;
	return arena_fmt(sip_req_arena(r->req),
		"WWW-Authenticate: Bearer realm=\"%s\", scope=\"" TOKEN_SCOPE
		"\"%s%s%s%s%s%s\r\n",
		r->edge->setup.conf->realm, server ? ", authz_server=\"" : "",
		server ? server : "", server ? "\"" : "", error ? ", error=\"" : "",
		error ? error : "", error ? "\"" : "");
}

static bool refuse(struct edge_fault *f, enum edge_refusal no, const char *why)
{
	*f = (struct edge_fault){no, why};
	return false;
}

static bool refuse_token(const struct edge_reg *r, struct edge_fault *f, enum token_fault fault)
{
	refuse(f, faults[fault].no, token_fault_text(fault));
	if (fault == TOKEN_BAD_SCOPE)
		f->fields = edge_token_challenge(r, "insufficient_scope");
	else
		f->fields = edge_token_challenge(r, "invalid_token");
	return false;
}

static bool is_bad(enum edge_refusal no)
{
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
		if (faults[i].bad && faults[i].no == no)
			return true;
	return no == EDGE_NO_TOKEN_INACTIVE;
}

static void count_source(const struct edge *ed, struct edge_source *s)
{
	const struct edge_bad_conf *limit = &ed->setup.conf->tokens.bad_per_source;
	int64_t now = clock_ms(ed->setup.host->clock);
	int wait_s;
	edge_window_take(&s->bad_tokens, now, limit->window_ms, limit->count, &wait_s);
	s->bad_until = s->bad_tokens.since + limit->window_ms;
}

void edge_token_refuse(struct edge_reg *r, struct edge_conn *c, const struct edge_fault *f)
{
	static const struct edge_fault last = {EDGE_NO_TOKENS_BAD, "too many bad tokens"};
	const struct edge *ed = r->edge;
	bool bad = is_bad(f->no);

	edge_conn_refuse(c, r->req, f); /* r goes with the request */
	if (bad)
		count_source(ed, c->source);
	if (!bad && f->no != EDGE_NO_TOKEN_MISSING)
		return;
	if (++c->bad_tokens < ed->setup.conf->tokens.bad_per_connection || c->closing)
		return;
	edge_count_refusal(&last, &c->source->addr);
	edge_conn_close(c, EDGE_POLICY, last.why);
}

/* ---- where it stands ---- */

struct str edge_token_body(const struct sip_msg *m)
{
	struct str type = m->body.n ? sip_value(m, SIP_H_CONTENT_TYPE) : STR_NONE;
	return str_ieq(str_trim(str_cut(&type, ';')), STR("application/jwt"))
		       ? str_trim(m->body)
		       : STR_NONE;
}

bool edge_token_there(const struct edge_reg *r)
{
	return r->asked.bearer ||
	       (conf_of(r)->body && edge_token_body(sip_req_msg(r->req)).p);
}

static struct str text_of(const struct edge_reg *r)
{
	const struct sip_msg *m = sip_req_msg(r->req);
	struct str token;
	if (!r->asked.bearer)
		return edge_token_body(m);
	for (const struct sip_field *f = sip_first(m, SIP_H_AUTHORIZATION); f;
		f = sip_next(m, f))
		if (!sip_bearer_parse(sip_field_value(m, f), &token))
			return token;
	return STR_NONE;
}

/* ---- the checks ---- */

/* Who has sent so many bad ones that the next is not worth a signature. A flow that is
 * registered has shown a good one. */
static bool check_source(
	const struct edge_reg *r, const struct edge_conn *c, struct edge_fault *f)
{
	const struct edge_bad_conf *limit = &conf_of(r)->bad_per_source;
	int64_t now = clock_ms(r->edge->setup.host->clock);
	if (c->bindings || !edge_window_full(&c->source->bad_tokens, now, limit->window_ms,
				   limit->count))
		return true;
	return refuse(f, EDGE_NO_TOKEN_SOURCE, "too many bad tokens from this address");
}

/* The octets are those whose signature was found good when the token came before. */
static bool seen_before(const struct edge_reg *r, const struct edge_issuer *is,
	const struct token *t, const uint8_t digest[32])
{
	const struct edge_use *u = edge_use_find(&r->edge->tokens, t);
	return u && u->generation == edge_issuer_generation(is) &&
	       !memcmp(u->digest, digest, 32);
}

static enum edge_verdict check_issuer(
	struct edge_reg *r, struct edge_issuer *is, struct str kid, struct token *t,
	struct edge_fault *f)
{
	const struct edge_asker who = {sip_req_id(r->req), r->conn};
	bool seen = seen_before(r, is, t, r->digest);

	judged.value++;
	signatures.value += !seen;
	switch (edge_issuer_ask(is, r->text, kid, seen, &who, sip_req_arena(r->req), t)) {
	case EDGE_WORD_GOOD:
		return EDGE_TAKEN;
	case EDGE_WORD_WAIT:
		return EDGE_WAITS;
	case EDGE_WORD_AWAY:
		refuse(f, EDGE_NO_ISSUER_AWAY, "the issuer of the token can't be asked");
		f->fields = STR("Retry-After: 5\r\n");
		return EDGE_REFUSED;
	case EDGE_WORD_BAD_KEY:
		refuse_token(r, f, TOKEN_UNKNOWN_KEY);
		return EDGE_REFUSED;
	case EDGE_WORD_INACTIVE:
		refuse(f, EDGE_NO_TOKEN_INACTIVE, "its issuer says that it is not active");
		f->fields = edge_token_challenge(r, "invalid_token");
		return EDGE_REFUSED;
	case EDGE_WORD_BAD_SIGNATURE:
		break;
	}
	refuse_token(r, f, TOKEN_BAD_SIGNATURE);
	return EDGE_REFUSED;
}

/* Audience, times, scope, and nothing missing; REQ 2.3 of TS 33.203 X: who granted access has
 * to be known, so a token that does not name its WWSF is refused whatever else it says. */
static bool check_claims(const struct edge_reg *r, const struct token *t, struct edge_fault *f)
{
	const struct edge_tokens_conf *conf = conf_of(r);
	enum token_fault fault = token_judge(t, str_of(conf->audience), now_s(r),
		conf->skew_ms / 1000, conf->max_life_ms / 1000);
	if (fault == TOKEN_INCOMPLETE && !t->client_id.n)
		return refuse(f, EDGE_NO_TOKEN_NO_WWSF, "it does not say which WWSF it is of");
	return fault ? refuse_token(r, f, fault) : true;
}

static bool check_wwsf(const struct edge_reg *r, const struct edge_conn *c,
	const struct edge_issuer *is, const struct token *t, struct edge_fault *f)
{
	const struct edge_issuer_conf *conf = edge_issuer_conf(is);
	if (!edge_name_among(&conf->wwsfs, t->client_id))
		return refuse(f, EDGE_NO_TOKEN_WWSF, "its issuer may not issue to this WWSF");
	if (t->waf.p && !edge_name_eq(t->waf, str_of(conf->identity)))
		return refuse(f, EDGE_NO_TOKEN_WWSF, "it names another WAF than its issuer");
	if (!edge_name_eq(str_of(c->origin->wwsf), t->client_id))
		return refuse(f, EDGE_NO_TOKEN_ORIGIN,
			"a token of another WWSF than the page's");
	if (edge_blocked_has(r->edge, t->client_id) ||
		edge_blocked_has(r->edge, str_of(conf->identity)))
		return refuse(f, EDGE_NO_TOKEN_BLOCKED, "its WWSF or WAF is blocked here");
	if (edge_issuer_blocks(is, t))
		return refuse(f, EDGE_NO_TOKEN_BLOCKED, "its WWSF is blocked by the issuer");
	if (edge_issuer_revoked(is, t))
		return refuse(f, EDGE_NO_TOKEN_REVOKED, "its issuer has taken it back");
	return true;
}

/* A registration by token whose connection is lost, by this instance or by another one. */
static bool lost(const struct edge_reg *r, struct str impi, struct str instance, bool same)
{
	struct edge_binding *b;
	size_t it = 0;
	while ((b = edge_book_impi(&r->edge->book, impi, &it)))
		if (b->kind == EDGE_WIC && !b->conn && b->trusted &&
			str_eq(edge_binding_text(b, EDGE_INSTANCE), instance) == same)
			return true;
	return false;
}

/* The registration that the token was used for first is there still: its connection, or its
 * binding when only the connection is lost. */
static bool use_lives(const struct edge_reg *r, const struct edge_use *u)
{
	const struct edge_conn *c = edge_conn_of(r->edge, u->conn);
	if (c && !c->closing && (c->bindings || c->under_way) &&
		str_eq(str_of(c->impi), edge_use_impi(u)))
		return true;
	return lost(r, edge_use_impi(u), edge_use_instance(u), true);
}

/* A token may be used again, by who used it first: the same connection, or the same instance
 * that comes back by another one. Where so many are in use that some had to be forgotten, one
 * that may be of them takes over from no other instance. */
static bool check_use(const struct edge_reg *r, const struct token *t, struct edge_fault *f)
{
	const struct edge_use *u = edge_use_find(&r->edge->tokens, t);
	struct str instance = r->asked.n_contacts ? r->asked.contacts[0].instance : STR_NONE;
	if (!u && edge_use_maybe(&r->edge->tokens, t) && lost(r, t->impi, instance, false))
		return refuse(f, EDGE_NO_TOKEN_REPLAYED,
			"a token that another instance may have used");
	if (!u)
		return true;
	if (!str_eq(edge_use_impi(u), t->impi))
		return refuse(f, EDGE_NO_TOKEN_REPLAYED, "a jti that was used for another IMPI");
	if (u->conn == r->conn || (instance.n && str_eq(instance, edge_use_instance(u))) ||
		!use_lives(r, u))
		return true;
	return refuse(f, EDGE_NO_TOKEN_REPLAYED, "a token that another connection uses");
}

/* user@realm of visible characters (RFC 7542). */
static bool is_impi(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 0x7f || s.p[i] == '"' || s.p[i] == '\\')
			return false;
	return s.n <= 255 && str_chr(s, '@') > 0;
}

static bool check_identities(
	const struct edge_reg *r, const struct token *t, struct edge_fault *f)
{
	bool found = false;
	if (!is_impi(t->impi))
		return refuse(f, EDGE_NO_TOKEN_IDENTITY, "its IMPI is none");
	for (size_t i = 0; i < t->n_impu; i++) {
		struct sip_uri u;
		struct str id = STR_NONE;
		if (!sip_uri_parse(&u, t->impu[i]))
			id = sip_uri_canonical(&u, sip_req_arena(r->req));
		if (!id.p)
			return refuse(f, EDGE_NO_TOKEN_IDENTITY, "an IMPU of it is none");
		found |= str_eq(id, r->asked.impu);
	}
	if (!found)
		return refuse(f, EDGE_NO_TOKEN_IMPU, "To is none of its identities");
	if (r->asked.digest && r->asked.auth.username.n &&
		!str_eq(r->asked.auth.username, t->impi))
		return refuse(f, EDGE_NO_TOKEN_IMPI, "an IMPI beside it that is not its own");
	return true;
}

/* What is left of it is the most that may be registered. */
static bool check_rest(struct edge_reg *r, const struct token *t, struct edge_fault *f)
{
	int64_t rest = t->exp - now_s(r);
	if (r->asked.deregister)
		return true;
	if (rest < conf_of(r)->min_expires_ms / 1000 || rest < 1)
		return refuse(f, EDGE_NO_TOKEN_REST, "too little of it is left to register by");
	r->most_s = rest < UINT32_MAX ? (uint32_t)rest : UINT32_MAX;
	return true;
}

/* ---- all of it ---- */

/* Whom the core has to look up: those outside the operator's network. A WWSF that issues
 * itself is no WAF. */
static void name_vouchers(struct edge_reg *r, const struct edge_issuer_conf *conf,
	const struct token *t)
{
	if (conf->domain != EDGE_THIRD_PARTY)
		return;
	if (!edge_name_among(&conf->wwsfs, str_of(conf->identity)))
		r->vouchers.waf = str_of(conf->identity);
	r->vouchers.wwsf = str_of(edge_name_find(&conf->wwsfs, t->client_id));
}

/* The IMPI is the token's, and what goes on says so in a Digest field of ours. */
static void take(struct edge_reg *r, const struct token *t)
{
	r->trusted = true;
	r->asked.impi = t->impi;
	r->asked.derived = false;
	r->asked.digest = true;
	r->asked.auth = (struct sip_digest){.username = t->impi};
	taken.value++;
}

enum edge_verdict edge_token_judge(struct edge_reg *r, struct edge_conn *c,
	struct token *t, struct edge_fault *f)
{
	enum edge_verdict verdict = EDGE_REFUSED;
	enum token_fault fault;
	struct edge_issuer *is;
	struct str kid;

	if (!check_source(r, c, f))
		return EDGE_REFUSED;
	r->text = text_of(r);
	if ((fault = token_parse(r->text, sip_req_arena(r->req), t, &kid))) {
		refuse_token(r, f, fault);
		return EDGE_REFUSED;
	}
	EVP_Digest(r->text.p, r->text.n, r->digest, NULL, EVP_sha256(), NULL);
	if (!(is = edge_issuer_of(r->edge->issuers, t->iss)))
		refuse_token(r, f, TOKEN_UNKNOWN_ISSUER);
	else
		verdict = check_issuer(r, is, kid, t, f);
	if (verdict != EDGE_TAKEN)
		return verdict;
	if (!check_claims(r, t, f) || !check_wwsf(r, c, is, t, f) || !check_use(r, t, f) ||
		!check_identities(r, t, f) || !check_rest(r, t, f))
		return EDGE_REFUSED;
	name_vouchers(r, edge_issuer_conf(is), t);
	take(r, t);
	r->generation = edge_issuer_generation(is);
	return EDGE_TAKEN;
}

void edge_token_used(struct edge_reg *r, struct edge_conn *c, const struct token *t)
{
	struct str instance = r->asked.n_contacts ? r->asked.contacts[0].instance : STR_NONE;
	struct edge_use *u = edge_use_put(&r->edge->tokens, t, instance, c->id, now_s(r));
	u->generation = r->generation;
	memcpy(u->digest, r->digest, sizeof u->digest);
}
