/* POST /register: a web user shows who he is (TR 23.701 6.2.2.4.2 step 1), by HTTP Digest, by a
 * password in the body, or by an access token; then his IMS identities are looked up and he is
 * registered (wsf_register.c).
 *
 *	UE                          WSF
 *	 | POST /register            |
 *	 |-------------------------->|
 *	 |  401 Digest, Bearer       |
 *	 |<--------------------------|
 *	 | POST, credentials         |
 *	 |-------------------------->| not too many attempts; right; identities by query
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <utlist.h>

#include "common/base/log.h"
#include "common/base/metric.h"
#include "common/net/password_work.h"
#include "epcscf/wsf.h"

METRIC_COUNTER(asked, "imsrig_wsf_registers_total", "requests for a registration over HTTPS");
METRIC_COUNTER(good, "imsrig_wsf_logins_total", "... of users who showed who they are");
METRIC_COUNTER(wrong, "imsrig_wsf_logins_failed_total", "... with a wrong password or user");
METRIC_COUNTER(throttled, "imsrig_wsf_throttled_total", "... not even looked at");

/* One that is looked at. It waits for a hash, or for an issuer of tokens. */
struct login {
	struct login *prev, *next;
	uint64_t id;
	struct http_req *req;          /* all texts stand in its arena */
	const struct edge_origin_conf *origin;
	struct wsf_ask ask;
	struct wsf_user user;
	bool known;                    /* the database has this user */
	bool hashed, ha1_right;        /* by password: what is compared is his own hash */
	struct str info;               /* by digest: Authentication-Info */
	int64_t ends_ms;               /* by token: when that ends; 0: no bound */
	struct sip_entities vouchers;
	struct edge_token_ask token_ask;
	struct token token;
};
static struct login *logins;

int wsf_logins(void)
{
	struct login *l;
	int n = 0;
	DL_COUNT(logins, l, n);
	return n;
}

static struct http_req *end(struct login *l)
{
	struct http_req *req = l->req;
	DL_DELETE(logins, l);
	free(l);
	return req;
}

static struct arena *arena_of(const struct login *l)
{
	return http_req_arena(l->req);
}

/* ---- refusals ---- */

static void fail(struct login *l, enum wsf_refusal no, struct str more, const char *why)
{
	wsf_refuse(end(l), no, more, why);
}

/* 401 says how to do better (RFC 9110 15.5.2). */
static void challenge(struct login *l, enum wsf_refusal no, const char *why)
{
	fail(l, no, wsf_challenge(arena_of(l), no == WSF_NO_STALE), why);
}

static void give_back(const struct login *l)
{
	throttle_give_back(wsf.accounts, l->user.name);
	throttle_give_back(wsf.sources, str_of(addr_host(http_req_remote(l->req))));
}

/* ---- 2: which identities ---- */

/* p NULL: not among his. */
static struct str impu_of(const struct login *l)
{
	if (!l->ask.impu.p)
		return l->user.impu[0];
	for (size_t i = 0; i < l->user.n_impu; i++)
		if (str_eq(l->user.impu[i], l->ask.impu))
			return l->user.impu[i];
	return STR_NONE;
}

static void begin_session(struct login *l)
{
	enum wsf_refusal no;
	struct wsf_session *s = wsf_session_new(&l->user, impu_of(l), &no);

	if (no == WSF_NO_BUSY) {
		wsf_refuse_later(end(l), no, 60, "too many sessions");
		return;
	}
	if (no) {
		fail(l, no, STR_NONE, "as many sessions of this user as there may be");
		return;
	}
	if (l->ends_ms && l->ends_ms < s->ends_ms)
		s->ends_ms = l->ends_ms;
	s->asked_s = l->ask.expires;
	s->info = l->info.p ? str_dup(l->info) : NULL;
	s->waf = l->vouchers.waf.p ? str_dup(l->vouchers.waf) : NULL;
	s->wwsf = l->vouchers.wwsf.p ? str_dup(l->vouchers.wwsf) : NULL;
	s->page = l->origin ? str_dup(str_of(wsf_page_of(l->origin))) : NULL;
	s->client = l->ask.by == WSF_BY_TOKEN ? str_dup(l->token.client_id) : NULL;
	if (s->client)
		edge_token_remember(&l->token_ask, &l->token, str_of(s->instance),
			EDGE_OF_SESSION | s->id);
	wsf_register(s, end(l));
}

/* He has shown who he is. One whose browser has a session of his already keeps that. */
static void go_on(struct login *l)
{
	struct wsf_session *s = wsf_session_of(http_req_msg(l->req));
	struct str info = l->info;

	good.value++;
	throttle_forget(wsf.accounts, l->user.name);
	log_info("wsf", "user %s at %s", log_text(l->user.name),
		addr_text(http_req_remote(l->req)));
	if (!l->user.impi.p || !l->user.n_impu) {
		fail(l, WSF_NO_IDENTITY, STR_NONE, "the user has no IMS identity");
	} else if (!impu_of(l).p) {
		fail(l, WSF_NO_IMPU, STR_NONE, "not one of the user's public identities");
	} else if (l->ask.expires &&
		   l->ask.expires < wsf.conf->min_expires_ms / 1000) {
		fail(l, WSF_NO_EXPIRES,
			arena_fmt(arena_of(l), "Min-Expires: %lld\r\n",
				(long long)(wsf.conf->min_expires_ms / 1000)),
			"an interval that is too short");
	} else if (s && str_eq(wsf_session_user(s), l->user.name)) {
		wsf_session_answer(s, end(l), info);
	} else {
		if (s)
			wsf_deregister(s, NULL, "somebody else signs in");
		begin_session(l);
	}
}

/* ---- 1: who ---- */

/* Whether this attempt may be made; it counts until it has proved right. */
static bool admit(struct login *l, struct throttle *t, struct str key)
{
	int64_t wait_ms = throttle_take(t, key);
	if (!wait_ms)
		return true;
	throttled.value++;
	wsf_refuse_later(end(l), WSF_NO_ATTEMPTS, (wait_ms + 999) / 1000, "too many attempts");
	return false;
}

/* Looks the user up, too; an unknown one has no HA1 and no hash. */
static bool may_try(struct login *l, struct str name)
{
	struct str source = str_of(addr_host(http_req_remote(l->req)));
	if (!admit(l, wsf.sources, source) || !admit(l, wsf.accounts, name))
		return false;
	int err = wsf_store_user(name, arena_of(l), &l->user);
	l->known = !err;
	l->user.name = arena_str(arena_of(l), name);
	if (err != -EIO)
		return true;
	give_back(l);
	wsf_refuse_later(end(l), WSF_NO_STORE, 1, "the database can't be read");
	return false;
}

static void by_digest(struct login *l)
{
	const struct http_msg *m = http_req_msg(l->req);
	const char *why;
	enum wsf_refusal no = wsf_digest_fault(&l->ask.digest, m->target, &why);

	if (no == WSF_NO_CREDENTIALS)
		challenge(l, no, why);
	else if (no)
		fail(l, no, STR_NONE, why);
	if (no || !may_try(l, l->ask.digest.username))
		return;
	switch (wsf_digest_judge(&l->ask.digest, m->method, l->known ? &l->user : NULL,
		arena_of(l), &l->info)) {
	case WSF_RIGHT:
		go_on(l);
		break;
	case WSF_STALE:
		give_back(l);
		challenge(l, WSF_NO_STALE, "the nonce is over, or was used so");
		break;
	case WSF_WRONG:
		wrong.value++;
		challenge(l, WSF_NO_CREDENTIALS, "wrong user or password");
	}
}

static void on_compared(bool right, bool cancelled, void *arg)
{
	struct login *l = arg;
	if (cancelled || !wsf.conf) {
		http_answer(end(l), 503, STR_NONE, STR_NONE); /* stopped: it has been told */
	} else if ((right && l->hashed) || l->ha1_right) {
		go_on(l);
	} else {
		wrong.value++;
		challenge(l, WSF_NO_CREDENTIALS, "wrong user or password");
	}
}

/* Without a hash the HA1 says whether it is right. */
static bool is_ha1_right(const struct login *l)
{
	enum digest_algorithm a = l->user.ha1[DIGEST_SHA256].p ? DIGEST_SHA256 : DIGEST_MD5;
	char ha1[DIGEST_HEX_MAX];
	if (!l->known || l->user.hash.p || !l->user.ha1[a].p)
		return false;
	digest_ha1(a, l->user.name, str_of(wsf.conf->realm), l->ask.password, ha1);
	return digest_equal(str_of(ha1), l->user.ha1[a]);
}

/* Whoever asks, and whatever is kept of him, a hash is compared: all take as long. */
static void by_password(struct login *l)
{
	struct str hash;
	if (!may_try(l, l->ask.user))
		return;
	hash = l->user.hash.p ? l->user.hash : wsf_store_some_hash(arena_of(l));
	l->ha1_right = is_ha1_right(l);
	l->hashed = l->user.hash.p != NULL;
	if (!password_work(wsf.host, (int)wsf.conf->login.workers, l->ask.password, hash,
		    on_compared, l))
		return;
	give_back(l);
	wsf_refuse_later(end(l), WSF_NO_BUSY, 1, "too many passwords under way");
}

/* ---- ... by an access token: of a WWSF or WAF that the edge trusts ---- */

static void refuse_token(struct login *l, const struct edge_fault *f)
{
	int status = edge_refusal_status(f->no);
	enum wsf_refusal no = status == 401   ? WSF_NO_TOKEN
			      : status == 503 ? WSF_NO_ISSUER
					      : WSF_NO_TOKEN_REFUSED;
	fail(l, no, f->fields, f->why);
}

static bool grants(const struct token *t, struct str impu, struct arena *a)
{
	for (size_t i = 0; i < t->n_impu; i++) {
		struct sip_uri u;
		if (!sip_uri_parse(&u, t->impu[i]) && str_eq(sip_uri_canonical(&u, a), impu))
			return true;
	}
	return false;
}

/* Of his public identities those that the token grants are left. */
static size_t leave_granted(struct login *l, const struct token *t)
{
	size_t n = 0;
	for (size_t i = 0; i < l->user.n_impu; i++)
		if (grants(t, l->user.impu[i], arena_of(l)))
			l->user.impu[n++] = l->user.impu[i];
	return l->user.n_impu = n;
}

/* The user is the token's `sub`; as whom he registers the database says, and what the token says
 * must not differ: equal names at two WWSFs may be two people. */
static void take_token(struct login *l)
{
	static const struct edge_fault
		used = {EDGE_NO_TOKEN_REPLAYED, "a token that another registration uses"},
		other = {EDGE_NO_TOKEN_IMPI, "the token is of another IMPI than the user's"},
		none = {EDGE_NO_TOKEN_IMPU, "the token grants none of the user's IMPUs"},
		brief = {EDGE_NO_TOKEN_REST, "too little of it is left to register by"};
	const struct token *t = &l->token;
	int64_t rest_ms = t->exp * 1000 - clock_wall_ms(wsf.host->clock);
	const struct wsf_session *s = wsf_session_of(http_req_msg(l->req));
	int err = wsf_store_user(t->sub, arena_of(l), &l->user);

	if (err == -EIO) {
		wsf_refuse_later(end(l), WSF_NO_STORE, 1, "the database can't be read");
	} else if (err) {
		fail(l, WSF_NO_IDENTITY, STR_NONE, "the token's sub is no user here");
	} else if (l->user.impi.p && !str_eq(l->user.impi, t->impi)) {
		refuse_token(l, &other);
	} else if (l->user.n_impu && !leave_granted(l, t)) {
		refuse_token(l, &none);
	} else if (rest_ms < wsf.conf->min_expires_ms) {
		refuse_token(l, &brief);
	} else if (edge_token_used_here(wsf.edge, t) &&
		   !(s && str_eq(wsf_session_user(s), t->sub))) {
		refuse_token(l, &used);
	} else {
		l->ends_ms = t->exp * 1000;
		l->vouchers = edge_token_vouchers(&l->token_ask, t);
		go_on(l);
	}
}

static void by_token(struct login *l)
{
	struct edge_fault f;

	l->token_ask = (struct edge_token_ask){.edge = wsf.edge,
		.a = arena_of(l),
		.text = l->ask.token,
		.from = http_req_remote(l->req),
		.wwsf = l->origin ? l->origin->wwsf : NULL,
		.who = {l->id, EDGE_OF_SESSION}};
	switch (edge_token_check(&l->token_ask, &l->token, &f)) {
	case EDGE_WAITS:
		break;
	case EDGE_REFUSED:
		refuse_token(l, &f);
		break;
	case EDGE_TAKEN:
		take_token(l);
	}
}

void wsf_login_again(uint64_t who)
{
	struct login *l;
	DL_FOREACH(logins, l)
		if (l->id == who && l->ask.by == WSF_BY_TOKEN) {
			by_token(l);
			return;
		}
}

/* Those who wait for a hash are called by the work, later. */
void wsf_login_stop(void)
{
	struct login *l, *next;
	DL_FOREACH_SAFE(logins, l, next)
		if (l->ask.by == WSF_BY_TOKEN)
			fail(l, WSF_NO_STOPPING, STR_NONE, "the WSF stops");
}

/* ---- the request ---- */

static bool is_json(const struct http_msg *m)
{
	struct str rest = http_field(m, STR("Content-Type"));
	struct str type = rest.p ? str_trim(str_cut(&rest, ';')) : rest;
	return http_field_count(m, STR("Content-Type")) == 1 &&
		str_ieq(type, STR("application/json"));
}

void wsf_on_register(struct http_req *req, void *arg)
{
	static uint64_t last;
	const struct http_msg *m = http_req_msg(req);
	const struct edge_origin_conf *origin;
	struct wsf_ask ask;
	const char *why = "Authorization twice";

	asked.value++;
	if (!wsf_same_site(req, &origin))
		return;
	if (m->body.n && !is_json(m)) {
		wsf_refuse(req, WSF_NO_MEDIA, STR_NONE, "the body is not application/json");
		return;
	}
	if (http_field_count(m, STR("Authorization")) > 1 ||
		wsf_ask_read(http_field(m, STR("Authorization")), m->body, http_req_arena(req),
			&ask, &why)) {
		wsf_refuse(req, WSF_NO_INVALID, STR_NONE, why);
		return;
	}
	struct login *l = MEM_NEW(struct login);
	*l = (struct login){.id = ++last, .req = req, .origin = origin, .ask = ask};
	DL_APPEND(logins, l);
	switch (ask.by) {
	case WSF_BY_NOTHING:
		challenge(l, WSF_NO_UNAUTHORIZED, "no credentials");
		break;
	case WSF_BY_DIGEST:
		by_digest(l);
		break;
	case WSF_BY_PASSWORD:
		by_password(l);
		break;
	case WSF_BY_TOKEN:
		by_token(l);
	}
}
