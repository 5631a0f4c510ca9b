/* A WIC registers an identity out of its WWSF's range (TR 23.701 6.3.2.1.5, step 4): the WAAF is
 * the registrar, and nothing goes to the core.
 *
 *	WIC                  WAAF
 *	 | 3 REGISTER, token   |
 *	 |-------------------->| the token, as everywhere (common/edge/register_token.c);
 *	 |                     | the identity: of a block of this WWSF, and that is live
 *	 |               4 200 |
 *	 |<--------------------| once the binding is durable
 *
 * The order of the checks is the order of the functions. A registration ends with the token or
 * its block's registration, whichever is first.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/metric.h"
#include "waaf/waaf.h"

METRIC_IDLE(present, "imsrig_waaf_members", "members of ranges that are registered here");
METRIC_COUNTER(fresh, "imsrig_waaf_members_registered_total", "members that registered anew");
METRIC_COUNTER(refreshed, "imsrig_waaf_members_refreshed_total", "registrations of members gone on with");
METRIC_COUNTER(left, "imsrig_waaf_members_ended_total", "registrations of members that ended");

enum { CONTACT_MAX = 512, TEXT_MAX = 255 };

static int64_t now_ms(void)
{
	return clock_wall_ms(ranges.host->clock);
}

static struct str sub_of(const struct member *m)
{
	return (struct str){m->text, m->n_sub};
}

static struct str contact_of(const struct member *m)
{
	return (struct str){m->text + m->n_sub, m->n_contact};
}

/* ---- a member's life ---- */

static struct member *make(struct range *r, struct str sub, struct str contact)
{
	struct member *m = mem_alloc(sizeof *m + sub.n + contact.n);

	*m = (struct member){.next = r->members,
		.prev = &r->members,
		.range = r,
		.n_sub = (uint16_t)sub.n,
		.n_contact = (uint16_t)contact.n};
	if (sub.n)
		memcpy(m->text, sub.p, sub.n);
	memcpy(m->text + sub.n, contact.p, contact.n);
	if (m->next)
		m->next->prev = &m->next;
	r->members = m;
	r->n_members++;
	ranges.n_members++;
	present.value++;
	return m;
}

static void drop(struct member *m)
{
	*m->prev = m->next;
	if (m->next)
		m->next->prev = m->prev;
	m->range->n_members--;
	ranges.n_members--;
	present.value--;
	free(m);
}

/* The binding is still whole here. One that took its place has written its row. */
static void on_gone(void *owner, enum edge_end why, void *arg)
{
	struct member *m = owner;
	if (why != EDGE_REPLACED) {
		left.value++;
		range_store_no_member(edge_binding_text(m->binding, EDGE_IMPU));
	}
	drop(m);
}

void members_drop(struct range *r, uint32_t live, enum edge_close code, const char *why)
{
	for (struct member *m = r->members, *next; m; m = next) {
		next = m->next;
		if (range_block(r, live, edge_binding_text(m->binding, EDGE_IMPU)) < 0)
			edge_unbind(waaf.edge, m->binding, code, why);
	}
}

static void on_blocked(void *arg)
{
	for (size_t i = 0; i < ranges.n; i++)
		if (ranges.all[i].members && range_blocked(&ranges.all[i]))
			members_drop(&ranges.all[i], 0, EDGE_POLICY, "its WWSF is blocked");
}

void members_forget(struct range *r)
{
	while (r->members) {
		r->members->binding->owner = NULL;
		drop(r->members);
	}
}

/* The binding of that identity here; NULL: none. */
static struct member *member_of(struct str impu)
{
	struct edge_binding *b;
	size_t it = 0;
	while ((b = edge_book_impu(edge_bindings(waaf.edge), impu, &it)))
		if (b->owner)
			return b->owner;
	return NULL;
}

/* ---- the checks ---- */

/* What is kept of a member is bounded. */
static bool check_form(const struct edge_reg *r, const struct token *t, struct edge_fault *f)
{
	const struct sip_register *asked = &r->asked;
	if (!asked->star && (asked->n_contacts != 1 ||
		asked->contacts[0].text.n > CONTACT_MAX))
		return edge_fail(f, EDGE_NO_MEMBER_CONTACT, "not one Contact, or a long one");
	if (asked->impu.n > TEXT_MAX || t->sub.n > TEXT_MAX || !t->sub.n)
		return edge_fail(f, EDGE_NO_TOKEN_IDENTITY,
			"an identity that is too long, or no sub to know its user by");
	return true;
}

/* What passes for a wildcard, or would if somebody unescaped it, is no member of one. */
static bool looks_wild(struct str impu)
{
	struct sip_uri u;
	return sip_wildcard_is(impu) || sip_uri_parse(&u, impu) || str_chr(u.user, '%') >= 0;
}

/* The identity is out of a range of this WWSF; which of its blocks: in *block. */
static bool check_range(const struct edge_reg *r, const struct range *range, int *block,
	struct edge_fault *f)
{
	struct str impu = r->asked.impu;
	if (looks_wild(impu))
		return edge_fail(f, EDGE_NO_MEMBER_WILDCARD,
			"the identity is a wildcarded one, or has escapes");
	if (!range || (*block = range_block(range, UINT32_MAX, impu)) < 0)
		return edge_fail(f, EDGE_NO_MEMBER_RANGE,
			"the identity is in no block of this WWSF");
	if (range_excludes(range, impu))
		return edge_fail(f, EDGE_NO_MEMBER_EXCLUDED,
			"the identity has a subscription of its own");
	return true;
}

static bool check_impi(const struct token *t, const struct range *range, struct edge_fault *f)
{
	struct str realm = t->impi;
	str_cut(&realm, '@');
	if (!str_ieq(realm, str_of(range->conf->impi_realm)))
		return edge_fail(f, EDGE_NO_MEMBER_REALM, "the IMPI is not in the WWSF's realm");
	return true;
}

/* The edge looks at its own lists and the issuers'; the WAF in this process may know better. */
static bool check_blocked(const struct range *range, struct edge_fault *f)
{
	return !range_blocked(range) || edge_fail(f, EDGE_NO_TOKEN_BLOCKED, "its WWSF is blocked");
}

static bool check_live(const struct edge_reg *r, const struct range *range,
	struct edge_fault *f)
{
	if (range_block(range, range_live(range), r->asked.impu) >= 0)
		return true;
	if (!range->asked && !range->procedure)
		return edge_fail(f, EDGE_NO_MEMBER_NOT_ASKED,
			"its WWSF has never asked for the block's registration");
	edge_fail(f, EDGE_NO_MEMBER_NOT_LIVE, "its block is not registered now");
	f->fields = arena_fmt(sip_req_arena(r->req), "Retry-After: %lld\r\n",
		(long long)(ranges.conf->retry_after_ms / 1000));
	return false;
}

static uint64_t call_of(const struct sip_msg *m)
{
	return str_hash(sip_value(m, SIP_H_CALL_ID));
}

/* Whoever holds the identity is the one who may register it again, in order. */
static bool check_holder(const struct edge_reg *r, const struct token *t,
	const struct range *range, const struct member *old, struct edge_fault *f)
{
	const struct sip_msg *m = sip_req_msg(r->req);
	if (old && t && (old->range != range || !str_eq(sub_of(old), t->sub)))
		return edge_fail(f, EDGE_NO_MEMBER_TAKEN, "another user holds the identity");
	if (old && old->call == call_of(m) && m->cseq <= old->cseq)
		return edge_fail(f, EDGE_NO_MEMBER_ORDER, "CSeq is not higher than the last one");
	if (!old && r->asked.deregister)
		return edge_fail(f, EDGE_NO_MEMBER_UNKNOWN, "the identity is not registered");
	return true;
}

static bool check_interval(const struct edge_reg *r, struct edge_fault *f)
{
	int64_t least = waaf.conf->edge.tokens.min_expires_ms / 1000;
	if (r->asked.contacts[0].expires >= least)
		return true;
	edge_fail(f, EDGE_NO_MEMBER_BRIEF, "the interval is too brief");
	f->fields = arena_fmt(
		sip_req_arena(r->req), "Min-Expires: %lld\r\n", (long long)least);
	return false;
}

/* ---- the answer, once what it says is durable ---- */

struct waiting {
	uint64_t req;
	struct edge_reg *r;            /* lives as long as the request */
	uint32_t seconds;
};

/* The Contact as it came, but for its expires (RFC 3261 10.3 step 8). */
static struct str contact_field(const struct edge_reg *r, uint32_t seconds)
{
	struct arena *a = sip_req_arena(r->req);
	struct str text = r->asked.contacts[0].text, out;
	struct sip_name_addr na;

	if (sip_name_addr_parse(&na, text))
		return text;
	struct str rest = na.params;
	out = rest.p ? str_span(text.p, rest.p - 1) : text;
	while (rest.p && rest.n) {
		struct str one = str_cut(&rest, ';'), left_of = one;
		if (!str_ieq(str_trim(str_cut(&left_of, '=')), STR("expires")))
			out = arena_fmt(a, STR_FMT ";" STR_FMT, STR_ARG(out), STR_ARG(one));
	}
	return arena_fmt(a, STR_FMT ";expires=%u", STR_ARG(out), seconds);
}

static void answer(const struct edge_reg *r, uint32_t seconds)
{
	struct str contact;
	bool outbound = r->asked.outbound && r->asked.n_contacts && r->asked.contacts[0].reg_id;

	if (!seconds) {
		sip_answer(r->req, 200, NULL, STR_NONE);
		return;
	}
	contact = contact_field(r, seconds);
	sip_answer_fmt(r->req, 200, NULL,
		"Contact: " STR_FMT "\r\n%sP-Associated-URI: <" STR_FMT
		">\r\nService-Route: <sip:%s:%u;transport=ws;lr>\r\n",
		STR_ARG(contact), outbound ? "Require: outbound\r\n" : "",
		STR_ARG(r->asked.impu), waaf.conf->edge.name,
		addr_port(&waaf.conf->edge.wss.listen));
}

static void on_durable(int err, void *arg)
{
	static const struct edge_fault lost = {
		EDGE_NO_MEMBER_STORE, "the registration could not be kept"};
	struct waiting *w = arg;
	struct member *m;

	if (sip_req_find(waaf.stack, w->req)) {
		m = err ? member_of(w->r->asked.impu) : NULL;
		if (err)
			edge_refuse(w->r->req, &lost);
		else
			answer(w->r, w->seconds);
		if (m)
			edge_unbind(waaf.edge, m->binding, EDGE_NORMAL, lost.why);
	}
	free(w);
}

static void answer_later(struct edge_reg *r, uint32_t seconds)
{
	struct waiting *w = MEM_NEW(struct waiting);
	*w = (struct waiting){sip_req_id(r->req), r, seconds};
	range_when_durable(on_durable, w);
}

/* ---- granted ---- */

/* No registration outlives its token or its block's. */
static uint32_t granted(const struct edge_reg *r, const struct range *range)
{
	int64_t s = r->asked.contacts[0].expires;
	if (s > r->most_s)
		s = r->most_s;
	if (range->conf->mode == RANGE_REGISTRATION) {
		int64_t rest = (range->reg.ends_ms - now_ms()) / 1000;
		if (s > rest)
			s = rest;
	}
	return s > 0 ? (uint32_t)s : 1;
}

static bool grant(struct edge_reg *r, const struct token *t, struct range *range,
	struct member *old, struct edge_grant *g, struct edge_fault *f)
{
	const struct sip_msg *m = sip_req_msg(r->req);
	const struct sip_contact *c = &r->asked.contacts[0];
	uint32_t seconds = granted(r, range);

	/* by the same user, as another IMPI: that binding gives way before the row is written */
	if (old && !str_eq(edge_binding_text(old->binding, EDGE_IMPI), r->asked.impi)) {
		edge_unbind(waaf.edge, old->binding, EDGE_NORMAL, "registered anew");
		old = NULL;
	}
	struct member_row row = {.impu = r->asked.impu,
		.impi = r->asked.impi,
		.wwsf = str_of(range->conf->wwsf),
		.sub = t->sub,
		.instance = c->instance,
		.contact = c->uri.text,
		.call = call_of(m),
		.cseq = m->cseq,
		.ends_ms = now_ms() + seconds * INT64_C(1000)};
	if (range_store_member(&row))
		return edge_fail(f, EDGE_NO_MEMBER_STORE, "the registration could not be kept");
	struct member *made = make(range, row.sub, row.contact);
	made->call = row.call;
	made->cseq = row.cseq;
	*g = (struct edge_grant){seconds, made, &made->binding};
	(old ? &refreshed : &fresh)->value++;
	answer_later(r, seconds);
	return true;
}

/* ---- what the edge asks ---- */

/* A flow takes back what it registered: it needs no token for that. */
static bool judge_leave(struct edge_reg *r, struct edge_fault *f)
{
	const struct member *old = member_of(r->asked.impu);
	if (!check_holder(r, NULL, NULL, old, f))
		return false;
	answer_later(r, 0);
	return true;
}

static bool judge(struct edge_reg *r, const struct token *t, struct edge_grant *g,
	struct edge_fault *f, void *arg)
{
	struct range *range;
	struct member *old;
	int block = -1;

	if (!t)
		return judge_leave(r, f);
	range = range_of(t->client_id);
	old = member_of(r->asked.impu);
	if (!check_form(r, t, f) || !check_range(r, range, &block, f) ||
		!check_impi(t, range, f) || !check_blocked(range, f) ||
		!check_live(r, range, f) || !check_holder(r, t, range, old, f))
		return false;
	if (r->asked.deregister) {
		answer_later(r, 0);
		if (!str_eq(edge_binding_text(old->binding, EDGE_IMPI), r->asked.impi))
			edge_unbind(waaf.edge, old->binding, EDGE_NORMAL, "deregistered");
		return true;
	}
	if (!check_interval(r, f))
		return false;
	if (!old && ranges.n_members >= ranges.conf->members) {
		edge_fail(f, EDGE_NO_MEMBER_FULL, "as many members as can be kept are registered");
		f->fields = STR("Retry-After: 60\r\n");
		return false;
	}
	return grant(r, t, range, old, g, f);
}

const struct edge_registrar member_registrar = {judge, on_gone, on_blocked};

/* ---- after a restart ---- */

void member_load(const struct member_row *row)
{
	struct range *range = range_of(row->wwsf);
	int64_t rest = row->ends_ms - now_ms();
	struct edge_bind what = {.kind = EDGE_WIC,
		.trusted = true,
		.text = {[EDGE_IMPI] = row->impi,
			[EDGE_IMPU] = row->impu,
			[EDGE_INSTANCE] = row->instance}};
	struct member *m;

	if (!range || rest < 1000 || range_block(range, range_live(range), row->impu) < 0 ||
		range_excludes(range, row->impu))
		return;
	m = make(range, row->sub, row->contact);
	m->call = row->call;
	m->cseq = row->cseq;
	what.owner = m;
	edge_rebind(waaf.edge, &what, rest / 1000, &m->binding);
}

/* ---- for the admin socket ---- */

json_t *member_json(struct str impu)
{
	const struct member *m = member_of(impu);
	json_t *all = json_array();
	struct str impi, contact, sub;

	if (!m)
		return all;
	impi = edge_binding_text(m->binding, EDGE_IMPI);
	contact = contact_of(m);
	sub = sub_of(m);
	json_array_append_new(all,
		json_pack("{s:s%, s:s%, s:s%, s:s, s:s%, s:s, s:I}", "impu", impu.p, impu.n, "impi",
			impi.p, impi.n, "sub", sub.p, sub.n, "wwsf", m->range->conf->wwsf,
			"contact", contact.p, contact.n, "flow",
			m->binding->conn ? "open" : "lost", "expires",
			(json_int_t)((m->binding->expiry.due_ms -
					     clock_ms(ranges.host->clock) + 999) / 1000)));
	return all;
}
