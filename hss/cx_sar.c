/* SAR, Server-Assignment-Request (TS 29.228 6.1.2): an S-CSCF registers identities, ends
 * their registration, or asks for their profile.
 *
 *	S-CSCF                      HSS
 *	  | SAR identities, type      |
 *	  |-------------------------->|  known, associated, S-CSCF is the one that serves
 *	  |                           |  state of the whole implicit set changed
 *	  | SAA profile               |  types 0 to 3, unless the S-CSCF has it
 *	  |<--------------------------|
 * SPDX-License-Identifier: Apache-2.0 */
#include "hss/hss.h"
#include "hss/user_data.h"

/* What each Server-Assignment-Type is about. */
static const struct sar_type {
	bool profile;                  /* answered with the profile */
	bool many;                     /* may name several public identities */
	bool distinct;                 /* of distinct identities only */
	bool other_named;              /* from another S-CSCF: told who serves */
} types[] = {
	[CX_NO_ASSIGNMENT] = {.profile = true},
	[CX_ASSIGN_REGISTRATION] = {.profile = true, .distinct = true, .other_named = true},
	[CX_RE_REGISTRATION] = {.profile = true, .distinct = true, .other_named = true},
	[CX_UNREGISTERED_USER] = {.profile = true, .other_named = true},
	[CX_TIMEOUT_DEREGISTRATION] = {.many = true},
	[CX_USER_DEREGISTRATION] = {.many = true, .distinct = true},
	[CX_TIMEOUT_DEREGISTRATION_STORE] = {.many = true},
	[CX_USER_DEREGISTRATION_STORE] = {.many = true, .distinct = true},
	[CX_ADMINISTRATIVE_DEREGISTRATION] = {.many = true},
	[CX_AUTHENTICATION_FAILURE] = {.distinct = true},
	[CX_AUTHENTICATION_TIMEOUT] = {.distinct = true},
	[CX_DEREGISTRATION_TOO_MUCH_DATA] = {.many = true},
};

struct sar {                           /* a request in work */
	struct cx_req *req;
	const struct cx_msg *m;
	const struct sar_type *type;
	struct str impi;               /* User-Name (what it stands for), or the one we chose */
	struct str wildcard;           /* that the identity is a member of; p NULL: of none */
	struct found found[CX_MAX_IDENTITIES];
	struct str impus[CX_MAX_IDENTITIES];           /* canonical, as they were named */
	size_t n;
};

/* ---- answers ---- */

/* User-Name of the answer: as it was asked. */
static struct str user_name(const struct sar *s)
{
	return s->m->user_name.p ? s->m->user_name : s->impi;
}

static int put_words(struct str list, struct str *out, uint8_t *n)
{
	for (struct str word; list.n && (word = str_cut(&list, ' ')).n && *n < CX_MAX_CAPABILITIES;)
		out[(*n)++] = word;
	return *n;
}

static int put_profile(struct sar *s, struct cx_msg *saa)
{
	const struct found *f = &s->found[0];
	struct charging c;
	int err = user_data(hss.store, f, s->impi, &hss.arena, &saa->user_data);
	if (!err)
		err = store_charging(hss.store, f->subscription, &hss.arena, &c);
	if (err)
		return err;
	for (int i = 0; i < 2; i++) {
		saa->ecf[i] = c.ecf[i];
		saa->ccf[i] = c.ccf[i];
	}
	saa->has_allowed = c.allowed_wafs.p || c.allowed_wwsfs.p;
	put_words(c.allowed_wafs, saa->allowed_waf, &saa->n_allowed_waf);
	put_words(c.allowed_wwsfs, saa->allowed_wwsf, &saa->n_allowed_wwsf);
	return 0;
}

static int put_associated(struct sar *s, struct cx_msg *saa)
{
	int n = store_impis(hss.store, s->found[0].subscription, 0, &hss.arena, saa->associated,
		CX_MAX_IDENTITIES);
	saa->n_associated = n > 1 ? (uint8_t)n : 0;
	return n < 0 ? n : 0;
}

static void fault(struct sar *s)
{
	hss_refuse(s->req, s->m, CX_RESULT(DIAMETER_UNABLE_TO_COMPLY), "database fault");
}

static void answer_success(struct sar *s)
{
	struct cx_msg saa = {.result = CX_RESULT(DIAMETER_SUCCESS), .user_name = user_name(s),
		.wildcard = s->wildcard};
	int err = 0;
	if (s->type->profile && !s->m->data_available)
		err = put_profile(s, &saa);
	if (!err && s->type->profile)
		err = put_associated(s, &saa);
	if (err)
		fault(s);
	else
		cx_answer(s->req, &saa);
}

static void finish(struct sar *s, int err)
{
	if (err)
		fault(s);
	else
		answer_success(s);
}

/* ---- by type (6.1.2.1) ---- */

static int assign(struct sar *s, enum reg_state state)
{
	const struct found *f = &s->found[0];
	int err = f->server_name.p ? 0 :
		store_assign(hss.store, f, s->m->server_name, s->m->origin_host);
	return err ? err :
		store_register(hss.store, f, state == REGISTERED ? f->impi : 0, state);
}

/* An identity of a pool is forgotten, for the next one to have its place. */
static int release(struct sar *s, size_t i)
{
	const struct found *f = &s->found[i];
	int err = store_release(hss.store, f);
	return err || !f->pool ? err :
		store_pool_give_back(hss.store, f, s->impi, s->impus[i]);
}

static int deregister(struct sar *s, enum reg_state state)
{
	int err = 0;
	for (size_t i = 0; !err && i < s->n; i++) {
		err = store_register(hss.store, &s->found[i], s->found[i].impi, state);
		if (!err && state == NOT_REGISTERED)
			err = release(s, i);
	}
	return err;
}

/* The registration, if there is one, stays; the S-CSCF goes only without one. */
static int authentication_ended(struct sar *s)
{
	int err = store_pending(hss.store, &s->found[0], false);
	return err ? err : store_release(hss.store, &s->found[0]);
}

static void store_server_name(struct sar *s)
{
	if (hss.conf->keep_server_name && !s->found[0].pool) {
		finish(s, deregister(s, UNREGISTERED));
		return;
	}
	if (deregister(s, NOT_REGISTERED)) {
		fault(s);
		return;
	}
	struct cx_msg saa = {.result = CX_EXPERIMENTAL(CX_SERVER_NAME_NOT_STORED),
		.user_name = user_name(s)};
	cx_answer(s->req, &saa);
}

/* A member of a wildcard that is registered: the S-CSCF goes on with the wildcard, whose state
 * stays (6.1.2.1, UNREGISTERED_USER). */
static void unregistered_user(struct sar *s)
{
	enum reg_state state;
	if (store_aggregate(hss.store, &s->found[0], &state)) {
		fault(s);
	} else if (s->wildcard.p && !s->m->wildcard.p && state == REGISTERED) {
		struct cx_msg saa = {.result = CX_EXPERIMENTAL(CX_IN_ASSIGNMENT_TYPE),
			.user_name = user_name(s), .wildcard = s->wildcard};
		cx_answer(s->req, &saa);
	} else {
		finish(s, assign(s, UNREGISTERED));
	}
}

static void act(struct sar *s)
{
	switch ((enum cx_assignment)s->m->assignment) {
	case CX_NO_ASSIGNMENT:
		finish(s, 0);
		break;
	case CX_ASSIGN_REGISTRATION:
	case CX_RE_REGISTRATION:
		finish(s, assign(s, REGISTERED));
		break;
	case CX_UNREGISTERED_USER:
		unregistered_user(s);
		break;
	case CX_TIMEOUT_DEREGISTRATION:
	case CX_USER_DEREGISTRATION:
	case CX_ADMINISTRATIVE_DEREGISTRATION:
	case CX_DEREGISTRATION_TOO_MUCH_DATA:
		finish(s, deregister(s, NOT_REGISTERED));
		break;
	case CX_TIMEOUT_DEREGISTRATION_STORE:
	case CX_USER_DEREGISTRATION_STORE:
		store_server_name(s);
		break;
	case CX_AUTHENTICATION_FAILURE:
	case CX_AUTHENTICATION_TIMEOUT:
		finish(s, authentication_ended(s));
		break;
	}
}

/* ---- the S-CSCF that asks must be the one that serves ---- */

static bool check_server(struct sar *s)
{
	const struct found *f = &s->found[0];
	bool other_name = f->server_name.p && !str_eq(f->server_name, s->m->server_name);
	bool other_host = f->server_name.p && !str_ieq(f->origin_host, s->m->origin_host);

	if (!other_name && !other_host &&
		(f->server_name.p || s->m->assignment != CX_NO_ASSIGNMENT))
		return true;
	if (other_name && s->type->other_named) {
		struct cx_msg saa = {.result = CX_EXPERIMENTAL(CX_ALREADY_REGISTERED),
			.user_name = user_name(s), .server_name = f->server_name};
		cx_answer(s->req, &saa);
		return false;
	}
	hss_refuse(s->req, s->m, CX_RESULT(DIAMETER_UNABLE_TO_COMPLY),
		"the S-CSCF that asks does not serve the user");
	return false;
}

/* ---- which identities ---- */

/* The HSS may choose the private identity when none is named; to end a registration it
 * has to be the one that registers. */
static bool choose_impi(struct sar *s, struct str impu, struct found *f)
{
	struct str names[2];
	bool ends = !s->type->profile;
	int n = store_impis(hss.store, f->subscription, ends ? f->impu : 0, &hss.arena, names, 2);
	if (ends && n > 1) {
		hss_refuse_avp(s->req, s->m, DIAMETER_MISSING_AVP, "User-Name",
			"several private identities register the public one");
		return false;
	}
	if (n == 0)
		n = store_impis(hss.store, f->subscription, 0, &hss.arena, names, 2);
	if (n <= 0 || store_find(hss.store, names[0], impu, &hss.arena, f)) {
		fault(s);
		return false;
	}
	s->impi = names[0];
	return true;
}

/* An identity of a pool becomes known when it is registered. */
static bool find_pooled(struct sar *s, struct str impu, struct found *f)
{
	const struct cx_msg *m = s->m;
	bool registers = m->assignment == CX_ASSIGN_REGISTRATION ||
		m->assignment == CX_RE_REGISTRATION;
	if (f->has_impi || f->has_impu || !registers)
		return true;
	int n = store_pooled(hss.store, m->user_name, impu, &hss.arena, f);
	if (n == 0 || (n == 1 && !store_pool_take(hss.store, f, m->user_name, impu, &hss.arena) &&
		!store_find(hss.store, m->user_name, impu, &hss.arena, f)))
		return true;
	fault(s);
	return false;
}

static bool find_one(struct sar *s, struct str impu)
{
	struct found *f = &s->found[s->n];
	const struct cx_msg *m = s->m;
	impu = s->impus[s->n] = impu_canonical(impu, &hss.arena);
	if (!hss_find_any(s->req, m, impu, f, &s->wildcard) || !find_pooled(s, impu, f))
		return false;
	if (s->wildcard.p)
		impu = s->wildcard;
	if (f->web) {
		s->impi = f->private;
		s->impus[s->n] = f->public;
	}
	if (!f->has_impu || (m->user_name.p && !f->has_impi)) {
		hss_refuse(s->req, m, CX_EXPERIMENTAL(CX_USER_UNKNOWN), "unknown identity");
		return false;
	}
	if (s->type->distinct && (s->wildcard.p || !hss_is_distinct(f))) {
		hss_refuse(s->req, m, CX_EXPERIMENTAL(CX_IN_ASSIGNMENT_TYPE),
			"not a distinct identity");
		return false;
	}
	if (!m->user_name.p && !choose_impi(s, impu, f))
		return false;
	if (!f->associated || f->subscription != s->found[0].subscription) {
		hss_refuse(s->req, m, CX_EXPERIMENTAL(CX_IDENTITIES_DONT_MATCH),
			"the public identity is not of that private one");
		return false;
	}
	s->n++;
	return true;
}

/* Without Public-Identity: all of the private identity (types that end registrations). */
static bool find_all(struct sar *s)
{
	struct str impus[CX_MAX_IDENTITIES], web;
	const struct cx_msg *m = s->m;
	if (!s->type->many || !m->user_name.p) {
		hss_refuse_avp(s->req, m, DIAMETER_MISSING_AVP,
			s->type->many ? "User-Name" : "Public-Identity", "no identity is named");
		return false;
	}
	int n = store_sets_of(hss.store, m->user_name, &hss.arena, impus, CX_MAX_IDENTITIES);
	if (n == 0 && !(n = hss_web_impi(m, &web)) && web.p)
		n = store_sets_of(hss.store, web, &hss.arena, impus, CX_MAX_IDENTITIES);
	if (n == 0)
		hss_refuse(s->req, m, CX_EXPERIMENTAL(CX_USER_UNKNOWN), "unknown identity");
	if (n < 0)
		fault(s);
	for (int i = 0; i < n; i++)
		if (!find_one(s, impus[i]))
			return false;
	return n > 0;
}

static bool find(struct sar *s)
{
	const struct cx_msg *m = s->m;
	if (m->n_public_identity == 0)
		return find_all(s);
	if (m->n_public_identity > 1 && !s->type->many) {
		hss_refuse_avp(s->req, m, DIAMETER_AVP_OCCURS_TOO_MANY_TIMES, "Public-Identity",
			"this type is about one public identity");
		return false;
	}
	for (size_t i = 0; i < m->n_public_identity; i++)
		if (!find_one(s, m->public_identity[i]))
			return false;
	return true;
}

void hss_sar(struct cx_req *req, const struct cx_msg *m)
{
	struct sar s;
	s.req = req;
	s.m = m;
	s.type = &types[m->assignment];
	s.impi = m->user_name;
	s.n = 0;
	if (find(&s) && check_server(&s))
		act(&s);
}
