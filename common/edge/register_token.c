/* REGISTER with a security token (TS 23.228 U.2.1.3, TS 33.203 X.3.2.3, RFC 8898).
 * token_check.c has what the token itself must be; here is what a REGISTER may do with it.
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
#include "common/base/metric.h"
#include "common/edge/inner.h"

METRIC_COUNTER(taken, "imsrig_edge_tokens_taken_total", "... of them taken");

static const struct edge_tokens_conf *conf_of(const struct edge_reg *r)
{
	return &r->edge->setup.conf->tokens;
}

static int64_t now_s(const struct edge_reg *r)
{
	return clock_wall_ms(r->edge->setup.host->clock) / 1000;
}

/* ---- refusals ---- */

void edge_token_refuse(struct edge_reg *r, struct edge_conn *c, const struct edge_fault *f)
{
	static const struct edge_fault last = {EDGE_NO_TOKENS_BAD, "too many bad tokens"};
	const struct edge *ed = r->edge;
	bool bad = edge_token_is_bad(f->no);

	edge_conn_refuse(c, r->req, f); /* r goes with the request */
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

/* A registration by token whose connection is lost, by this instance or by another one. */
static bool lost(const struct edge *ed, struct str impi, struct str instance, bool same)
{
	struct edge_binding *b;
	size_t it = 0;
	while ((b = edge_book_impi(&ed->book, impi, &it)))
		if (b->kind == EDGE_WIC && !b->conn && b->trusted &&
			str_eq(edge_binding_text(b, EDGE_INSTANCE), instance) == same)
			return true;
	return false;
}

/* The registration that the token was used for first is there still: its connection, or its
 * binding when only the connection is lost. */
static bool use_lives(struct edge *ed, const struct edge_use *u)
{
	const struct edge_conn *c;
	if (u->conn & EDGE_OF_SESSION)
		return ed->setup.web &&
		       ed->setup.web->lives(u->conn & ~EDGE_OF_SESSION, ed->setup.arg);
	c = edge_conn_of(ed, u->conn);
	if (c && !c->closing && (c->bindings || c->under_way) &&
		str_eq(str_of(c->impi), edge_use_impi(u)))
		return true;
	return lost(ed, edge_use_impi(u), edge_use_instance(u), true);
}

/* A token may be used again, by who used it first: the same connection, or the same instance
 * that comes back by another one. Where so many are in use that some had to be forgotten, one
 * that may be of them takes over from no other instance. */
static bool check_use(const struct edge_reg *r, const struct token *t, struct edge_fault *f)
{
	const struct edge_use *u = edge_use_find(&r->edge->tokens, t);
	struct str instance = r->asked.n_contacts ? r->asked.contacts[0].instance : STR_NONE;
	if (!u && edge_use_maybe(&r->edge->tokens, t) && lost(r->edge, t->impi, instance, false))
		return edge_fail(f, EDGE_NO_TOKEN_REPLAYED,
			"a token that another instance may have used");
	if (!u)
		return true;
	if (!str_eq(edge_use_impi(u), t->impi))
		return edge_fail(f, EDGE_NO_TOKEN_REPLAYED, "a jti that was used for another IMPI");
	if (u->conn == r->conn || (instance.n && str_eq(instance, edge_use_instance(u))) ||
		!use_lives(r->edge, u))
		return true;
	return edge_fail(f, EDGE_NO_TOKEN_REPLAYED, "a token that another connection uses");
}

bool edge_token_used_here(struct edge *ed, const struct token *t)
{
	const struct edge_use *u = edge_use_find(&ed->tokens, t);
	return u && (!str_eq(edge_use_impi(u), t->impi) || use_lives(ed, u));
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
		return edge_fail(f, EDGE_NO_TOKEN_IDENTITY, "its IMPI is none");
	for (size_t i = 0; i < t->n_impu; i++) {
		struct sip_uri u;
		struct str id = STR_NONE;
		if (!sip_uri_parse(&u, t->impu[i]))
			id = sip_uri_canonical(&u, sip_req_arena(r->req));
		if (!id.p)
			return edge_fail(f, EDGE_NO_TOKEN_IDENTITY, "an IMPU of it is none");
		found |= str_eq(id, r->asked.impu);
	}
	if (!found)
		return edge_fail(f, EDGE_NO_TOKEN_IMPU, "To is none of its identities");
	if (r->asked.digest && r->asked.auth.username.n &&
		!str_eq(r->asked.auth.username, t->impi))
		return edge_fail(f, EDGE_NO_TOKEN_IMPI, "an IMPI beside it that is not its own");
	return true;
}

/* What is left of it is the most that may be registered. */
static bool check_rest(struct edge_reg *r, const struct token *t, struct edge_fault *f)
{
	int64_t rest = t->exp - now_s(r);
	if (r->asked.deregister)
		return true;
	if (rest < conf_of(r)->min_expires_ms / 1000 || rest < 1)
		return edge_fail(f, EDGE_NO_TOKEN_REST, "too little of it is left to register by");
	r->most_s = rest < UINT32_MAX ? (uint32_t)rest : UINT32_MAX;
	return true;
}

/* ---- all of it ---- */

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
	struct edge_token_ask *k = &r->token_ask;
	enum edge_verdict verdict;

	*k = (struct edge_token_ask){.edge = r->edge,
		.a = sip_req_arena(r->req),
		.text = text_of(r),
		.from = &c->source->addr,
		.known = c->bindings > 0, /* it has shown a good one */
		.wwsf = c->origin->wwsf,
		.who = {sip_req_id(r->req), r->conn}};
	if ((verdict = edge_token_check(k, t, f)) != EDGE_TAKEN)
		return verdict;
	if (!check_use(r, t, f) || !check_identities(r, t, f) || !check_rest(r, t, f))
		return EDGE_REFUSED;
	r->vouchers = edge_token_vouchers(k, t);
	take(r, t);
	return EDGE_TAKEN;
}

void edge_token_used(struct edge_reg *r, struct edge_conn *c, const struct token *t)
{
	struct str instance = r->asked.n_contacts ? r->asked.contacts[0].instance : STR_NONE;
	edge_token_remember(&r->token_ask, t, instance, c->id);
}
