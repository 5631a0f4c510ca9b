/* What every token that comes to the edge must pass, whoever brings it: a REGISTER
 * (register_token.c) or a request of another protocol (edge_token_check).
 *
 * The order of the checks is the order of the functions. What can be wrong with the token
 * itself is 401, so that its bearer may come with a better one; what the token does not allow
 * is 403. No answer says more than that; the log does.
 * SPDX-License-Identifier: Apache-2.0 */
#include <openssl/evp.h>

#include "common/base/metric.h"
#include "common/edge/inner.h"

METRIC_COUNTER(judged, "imsrig_edge_tokens_judged_total", "security tokens looked at");
METRIC_COUNTER(signatures, "imsrig_edge_token_signatures_total",
	"... of them whose signature was not known to be good");

/* How a fault of a token is answered; bad: it counts against its source. */
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

static const struct edge_tokens_conf *conf_of(const struct edge_token_ask *k)
{
	return &k->edge->setup.conf->tokens;
}

static int64_t now_ms(const struct edge_token_ask *k)
{
	return clock_ms(k->edge->setup.host->clock);
}

/* ---- refusals ---- */

struct str edge_token_challenge(const struct edge *ed, struct arena *a, const char *error)
{
	const char *server = ed->setup.conf->tokens.authz_server;
	return arena_fmt(a,
		"WWW-Authenticate: Bearer realm=\"%s\", scope=\"" TOKEN_SCOPE
		"\"%s%s%s%s%s%s\r\n",
		ed->setup.conf->realm, server ? ", authz_server=\"" : "",
		server ? server : "", server ? "\"" : "", error ? ", error=\"" : "",
		error ? error : "", error ? "\"" : "");
}

static bool refuse_token(
	const struct edge_token_ask *k, struct edge_fault *f, enum token_fault fault)
{
	edge_fail(f, faults[fault].no, token_fault_text(fault));
	if (fault == TOKEN_BAD_SCOPE)
		f->fields = edge_token_challenge(k->edge, k->a, "insufficient_scope");
	else
		f->fields = edge_token_challenge(k->edge, k->a, "invalid_token");
	return false;
}

bool edge_token_is_bad(enum edge_refusal no)
{
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
		if (faults[i].bad && faults[i].no == no)
			return true;
	return no == EDGE_NO_TOKEN_INACTIVE;
}

static void count_source(const struct edge_token_ask *k)
{
	const struct edge_bad_conf *limit = &conf_of(k)->bad_per_source;
	struct edge_source *s = edge_source_of(&k->edge->sources, k->from, now_ms(k));
	int wait_s;
	edge_window_take(&s->bad_tokens, now_ms(k), limit->window_ms, limit->count, &wait_s);
	s->bad_until = s->bad_tokens.since + limit->window_ms;
}

/* ---- the checks ---- */

/* Who has sent so many bad ones that the next is not worth a signature. */
static bool check_source(const struct edge_token_ask *k, struct edge_fault *f)
{
	const struct edge_bad_conf *limit = &conf_of(k)->bad_per_source;
	struct edge_source *s;
	if (k->known)
		return true;
	s = edge_source_of(&k->edge->sources, k->from, now_ms(k));
	if (!edge_window_full(&s->bad_tokens, now_ms(k), limit->window_ms, limit->count))
		return true;
	return edge_fail(f, EDGE_NO_TOKEN_SOURCE, "too many bad tokens from this address");
}

/* The octets are those whose signature was found good when the token came before. */
static bool seen_before(const struct edge_token_ask *k, const struct token *t)
{
	const struct edge_use *u = edge_use_find(&k->edge->tokens, t);
	return u && u->generation == edge_issuer_generation(k->issuer) &&
	       !memcmp(u->digest, k->digest, sizeof k->digest);
}

static enum edge_verdict check_issuer(
	struct edge_token_ask *k, struct str kid, struct token *t, struct edge_fault *f)
{
	bool seen = seen_before(k, t);

	judged.value++;
	signatures.value += !seen;
	switch (edge_issuer_ask(k->issuer, k->text, kid, seen, &k->who, k->a, t)) {
	case EDGE_WORD_GOOD:
		return EDGE_TAKEN;
	case EDGE_WORD_WAIT:
		return EDGE_WAITS;
	case EDGE_WORD_AWAY:
		edge_fail(f, EDGE_NO_ISSUER_AWAY, "the issuer of the token can't be asked");
		f->fields = STR("Retry-After: 5\r\n");
		return EDGE_REFUSED;
	case EDGE_WORD_BAD_KEY:
		refuse_token(k, f, TOKEN_UNKNOWN_KEY);
		return EDGE_REFUSED;
	case EDGE_WORD_INACTIVE:
		edge_fail(f, EDGE_NO_TOKEN_INACTIVE, "its issuer says that it is not active");
		f->fields = edge_token_challenge(k->edge, k->a, "invalid_token");
		return EDGE_REFUSED;
	case EDGE_WORD_BAD_SIGNATURE:
		break;
	}
	refuse_token(k, f, TOKEN_BAD_SIGNATURE);
	return EDGE_REFUSED;
}

/* Audience, times, scope, and nothing missing; REQ 2.3 of TS 33.203 X: who granted access has
 * to be known, so a token that does not name its WWSF is refused whatever else it says. */
static bool check_claims(const struct edge_token_ask *k, const struct token *t,
	struct edge_fault *f)
{
	const struct edge_tokens_conf *conf = conf_of(k);
	enum token_fault fault = token_judge(t, str_of(conf->audience),
		clock_wall_ms(k->edge->setup.host->clock) / 1000, conf->skew_ms / 1000, conf->max_life_ms / 1000);
	if (fault == TOKEN_INCOMPLETE && !t->client_id.n)
		return edge_fail(f, EDGE_NO_TOKEN_NO_WWSF, "it does not say which WWSF it is of");
	return fault ? refuse_token(k, f, fault) : true;
}

static bool check_wwsf(
	const struct edge_token_ask *k, const struct token *t, struct edge_fault *f)
{
	const struct edge_issuer_conf *conf = edge_issuer_conf(k->issuer);
	if (!edge_name_among(&conf->wwsfs, t->client_id))
		return edge_fail(f, EDGE_NO_TOKEN_WWSF, "its issuer may not issue to this WWSF");
	if (t->waf.p && !str_host_eq(t->waf, str_of(conf->identity)))
		return edge_fail(f, EDGE_NO_TOKEN_WWSF, "it names another WAF than its issuer");
	if (k->wwsf && !str_host_eq(str_of(k->wwsf), t->client_id))
		return edge_fail(f, EDGE_NO_TOKEN_ORIGIN,
			"a token of another WWSF than the page's");
	if (edge_blocked_has(k->edge, t->client_id) ||
		edge_blocked_has(k->edge, str_of(conf->identity)))
		return edge_fail(f, EDGE_NO_TOKEN_BLOCKED, "its WWSF or WAF is blocked here");
	if (edge_issuer_blocks(k->issuer, t))
		return edge_fail(f, EDGE_NO_TOKEN_BLOCKED, "its WWSF is blocked by the issuer");
	if (edge_issuer_revoked(k->issuer, t))
		return edge_fail(f, EDGE_NO_TOKEN_REVOKED, "its issuer has taken it back");
	return true;
}

/* ---- all of it ---- */

static enum edge_verdict judge(struct edge_token_ask *k, struct token *t, struct edge_fault *f)
{
	enum edge_verdict verdict = EDGE_REFUSED;
	enum token_fault fault;
	struct str kid;

	if (!check_source(k, f))
		return EDGE_REFUSED;
	if ((fault = token_parse(k->text, k->a, t, &kid))) {
		refuse_token(k, f, fault);
		return EDGE_REFUSED;
	}
	EVP_Digest(k->text.p, k->text.n, k->digest, NULL, EVP_sha256(), NULL);
	if (!(k->issuer = edge_issuer_of(k->edge->issuers, t->iss)))
		refuse_token(k, f, TOKEN_UNKNOWN_ISSUER);
	else
		verdict = check_issuer(k, kid, t, f);
	if (verdict != EDGE_TAKEN)
		return verdict;
	if (!check_claims(k, t, f) || !check_wwsf(k, t, f))
		return EDGE_REFUSED;
	k->generation = edge_issuer_generation(k->issuer);
	return EDGE_TAKEN;
}

enum edge_verdict edge_token_check(
	struct edge_token_ask *k, struct token *t, struct edge_fault *f)
{
	enum edge_verdict verdict = judge(k, t, f);
	if (verdict == EDGE_REFUSED && edge_token_is_bad(f->no))
		count_source(k);
	return verdict;
}

void edge_token_remember(const struct edge_token_ask *k, const struct token *t,
	struct str instance, uint64_t conn)
{
	struct edge_use *u = edge_use_put(&k->edge->tokens, t, instance, conn,
		clock_wall_ms(k->edge->setup.host->clock) / 1000);
	u->generation = k->generation;
	memcpy(u->digest, k->digest, sizeof u->digest);
}

/* Whom the core has to look up: those outside the operator's network. A WWSF that issues
 * itself is no WAF. */
struct sip_entities edge_token_vouchers(const struct edge_token_ask *k, const struct token *t)
{
	const struct edge_issuer_conf *conf = edge_issuer_conf(k->issuer);
	struct sip_entities e = {0};
	if (conf->domain != EDGE_THIRD_PARTY)
		return e;
	if (!edge_name_among(&conf->wwsfs, str_of(conf->identity)))
		e.waf = str_of(conf->identity);
	e.wwsf = str_of(edge_name_find(&conf->wwsfs, t->client_id));
	return e;
}
