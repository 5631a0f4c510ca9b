/* Security tokens: issued here (TS 23.228 U.2.1.3 step 1), shown keys, tokens taken back.
 * SPDX-License-Identifier: Apache-2.0 */
#include "wwsf/token.h"

#include <errno.h>
#include <stdlib.h>
#include <utlist.h>

#include "common/base/log.h"
#include "common/base/metric.h"
#include "common/net/host.h"
#include "wwsf/api.h"
#include "wwsf/assignment.h"

METRIC_COUNTER(issued, "imsrig_wwsf_tokens_total", "tokens handed out");
METRIC_COUNTER(without, "imsrig_wwsf_no_identity_total", "users without IMS identity signed in");
METRIC_GAUGE(standing, "imsrig_wwsf_tokens", "own tokens that have not run out");

enum { KEYS_MAX = 16, JTI_BYTES = 16, ASSIGNED_MAX = 65536, REVOKED_MAX = 10000 };

/* A token of our own that has not run out. */
struct assigned {
	struct assigned *prev, *next;
	char jti[2 * JTI_BYTES + 1], session[SESSION_ID_SIZE];
	char *user;
	int64_t end_ms;                /* wall clock of the rig */
};

static struct {
	struct token_keys *keys;
	int64_t until_ms[KEYS_MAX];    /* of each older key: how long its tokens may live */
	struct assigned *assigned;     /* in order of issue, so in order of end */
	struct assigned *revoked;      /* in order of that */
	int64_t n_revoked;
	int64_t not_before_s;          /* tokens issued before are void */
} own;

/* ---- keys ---- */

static int64_t now_ms(void)
{
	return clock_wall_ms(wwsf.host->clock);
}

static void save(void)
{
	char why[512];
	if (wwsf.conf->token.keys && token_keys_save(own.keys, wwsf.conf->token.keys, why))
		log_error("token", "keys are not saved: %s", why);
}

static void keep_keys(size_t n)
{
	if (n < token_keys_count(own.keys)) {
		token_keys_trim(own.keys, n);
		save();
	}
}

static void drop_old_keys(void)
{
	size_t n = token_keys_count(own.keys);
	while (n > 1 && own.until_ms[n - 1] <= now_ms())
		n--;
	keep_keys(n);
}

int token_open(char why[512])
{
	const char *path = wwsf.conf->token.keys;
	int err = 0;

	if (wwsf.conf->token.issuer != WWSF_ISSUER_SELF)
		return 0;
	own.keys = token_keys_new();
	if (path)
		err = token_keys_load(own.keys, path, why);
	if (err && err != -ENOENT)
		return err;
	for (size_t i = 0; i < KEYS_MAX; i++)
		own.until_ms[i] = now_ms() + wwsf.conf->token.life_ms;
	if (token_keys_count(own.keys)) {
		/* What had been taken back before this start is not known any more. */
		own.not_before_s = now_ms() / 1000;
		keep_keys(KEYS_MAX);
		return 0;
	}
	if ((err = token_keys_add(own.keys, &wwsf.host->chance)))
		snprintf(why, 512, "no signing key can be made");
	else if (path)
		err = token_keys_save(own.keys, path, why);
	return err;
}

const char *token_rotate(void)
{
	if (!own.keys)
		return "this WWSF issues no tokens";
	drop_old_keys();
	if (token_keys_count(own.keys) >= KEYS_MAX)
		return "tokens of 16 keys may still be in use";
	if (token_keys_add(own.keys, &wwsf.host->chance))
		return "no signing key can be made";
	memmove(own.until_ms + 2, own.until_ms + 1, (KEYS_MAX - 2) * sizeof *own.until_ms);
	own.until_ms[1] = now_ms() + wwsf.conf->token.life_ms;
	save();
	log_info("token", "a new signing key; %zu are shown", token_keys_count(own.keys));
	return NULL;
}

/* ---- tokens that stand, and tokens taken back ---- */

static void forget(struct assigned **list, struct assigned *t)
{
	DL_DELETE(*list, t);
	standing.value--;
	free(t->user);
	free(t);
}

static void forget_all(void)
{
	while (own.assigned)
		forget(&own.assigned, own.assigned);
	while (own.revoked)
		forget(&own.revoked, own.revoked);
	own.n_revoked = 0;
}

static void forget_old(void)
{
	while (own.assigned && (own.assigned->end_ms <= now_ms() ||
				standing.value - own.n_revoked > ASSIGNED_MAX))
		forget(&own.assigned, own.assigned);
}

/* What was taken back stays until it runs out, however many tokens come after. */
static void forget_old_revoked(void)
{
	struct assigned *t, *next;
	DL_FOREACH_SAFE(own.revoked, t, next)
		if (t->end_ms <= now_ms()) {
			forget(&own.revoked, t);
			own.n_revoked--;
		}
}

void token_assign(const char *jti, struct str user, struct str session, int64_t end_ms)
{
	struct assigned *t = MEM_NEW(struct assigned);
	str_copy(str_of(jti), t->jti, sizeof t->jti);
	str_copy(session, t->session, sizeof t->session);
	t->user = str_dup(user);
	t->end_ms = end_ms;
	DL_APPEND(own.assigned, t);
	standing.value++;
	forget_old();
}

static void take_back(struct assigned *t)
{
	DL_DELETE(own.assigned, t);
	DL_APPEND(own.revoked, t);
	own.n_revoked++;
}

/* No token outlives the lease of what it is for. */
static int64_t life_of_token(void)
{
	const struct wwsf_lend_conf *l = assignment_conf(wwsf.conf);
	int64_t ms = wwsf.conf->token.life_ms;
	return (l && l->lease_ms < ms ? l->lease_ms : ms) / 1000;
}

static bool is_older(const struct assigned *t)
{
	return t->end_ms - life_of_token() * 1000 < own.not_before_s * 1000;
}

/* A list that grows without end would be one that no edge can read: all of before now are
 * void instead, and of this second, in which more may come, those that are known. */
static void bound_list(void)
{
	struct assigned *t, *next;
	if (own.n_revoked <= REVOKED_MAX)
		return;
	log_warn("token", "more than %d tokens are taken back: all of before now are void",
		REVOKED_MAX);
	own.not_before_s = now_ms() / 1000;
	DL_FOREACH_SAFE(own.assigned, t, next)
		take_back(t);
	DL_FOREACH_SAFE(own.revoked, t, next)
		if (is_older(t)) {
			forget(&own.revoked, t);
			own.n_revoked--;
		}
}

size_t token_revoke(struct str user, struct str session)
{
	struct assigned *t, *next;
	size_t n = 0;

	forget_old();
	forget_old_revoked();
	DL_FOREACH_SAFE(own.assigned, t, next)
		if (user.p ? str_eq(str_of(t->user), user) : str_eq(str_of(t->session), session)) {
			take_back(t);
			n++;
		}
	bound_list();
	return n;
}

size_t token_count(struct str user)
{
	size_t n = 0;
	forget_old();
	for (const struct assigned *t = own.assigned; t; t = t->next)
		n += str_eq(str_of(t->user), user);
	return n;
}

void token_reset(void)
{
	forget_all();
	own.not_before_s = 0;
	if (own.keys)
		keep_keys(1);
}

void token_close(void)
{
	forget_all();
	own.not_before_s = 0;
	if (own.keys)
		token_keys_free(own.keys);
	own.keys = NULL;
}

/* ---- what the edge asks ---- */

void wwsf_on_jwks(struct http_req *req, void *arg)
{
	if (!own.keys) {
		api_refuse(req, 404, "no_tokens_here");
		return;
	}
	drop_old_keys();
	http_answer(req, 200, STR(API_FIELDS "Content-Type: application/jwk-set+json\r\n"),
		token_keys_public(own.keys, http_req_arena(req)));
}

void wwsf_on_revoked(struct http_req *req, void *arg)
{
	if (!own.keys) {
		api_refuse(req, 404, "no_tokens_here");
		return;
	}
	json_t *list = json_array(), *not_before = json_object();
	forget_old_revoked();
	for (const struct assigned *t = own.revoked; t; t = t->next)
		json_array_append_new(list, json_string(t->jti));
	if (own.not_before_s)
		json_object_set_new(
			not_before, wwsf.conf->identity, json_integer(own.not_before_s));
	api_answer(req, 200, STR(""),
		json_pack("{s:[], s:o, s:o}", "blocked", "not_before", not_before, "jti", list));
}

/* ---- a token of our own ---- */

/* The end: all is known, the user's session gets it or begins. */
static void hand_out(struct http_req *req, struct session *s, struct str token, int64_t life_s)
{
	json_t *body = session_json(s, req);
	if (token.p) {
		json_object_set_new(body, "token", json_stringn(token.p, token.n));
		json_object_set_new(body, "token_type", json_string("Bearer"));
		json_object_set_new(body, "expires_in", json_integer(life_s));
		issued.value++;
	}
	api_answer(req, 200, session_cookie(s, http_req_arena(req)), body);
}

static void issue(struct http_req *req, struct session *s, const struct identity *id)
{
	struct arena *a = http_req_arena(req);
	const struct wwsf_conf *c = wwsf.conf;
	int64_t now_s = now_ms() / 1000, life_s = life_of_token();
	char jti[2 * JTI_BYTES + 1];
	struct token t = {.iss = str_of(c->origin), .sub = str_of(s->user),
		.client_id = str_of(c->identity), .jti = {jti, sizeof jti - 1},
		.scope = STR(TOKEN_SCOPE), .impi = id->impi, .n_aud = 1, .n_impu = id->n_impu,
		.iat = now_s, .nbf = now_s, .exp = now_s + life_s};

	chance_hex(&wwsf.host->chance, jti, JTI_BYTES);
	t.aud[0] = str_of(c->token.audience ? c->token.audience : c->domain);
	memcpy(t.impu, id->impu, sizeof t.impu);
	struct str text = token_issue(own.keys, &t, a);
	if (wwsf.assignments && assignment_settle(wwsf.assignments, str_of(s->holder),
				    text.p ? life_s * 1000 : 0)) {
		api_refuse_later(req, 503, "database", 1);
		return;
	}
	if (!text.p) {
		log_error("token", "no token for %s: it would be too long", log_text(t.sub));
		api_refuse(req, 500, "no_token");
		return;
	}
	token_assign(jti, t.sub, str_of(s->id), (now_s + life_s) * 1000);
	log_info("token", "jti %s for %s as %s, %lld s", jti, log_text(t.sub), log_text(id->impi),
		(long long)life_s);
	hand_out(req, s, text, life_s);
}

/* The session that is meant, or a new one. NULL: it has ended meanwhile (answered). */
static struct session *session_for(struct http_req *req, const struct web_user *u,
	struct str session)
{
	struct session *s = session.p ? session_find(session) : session_begin(req, u);
	if (!s)
		api_refuse(req, 401, "no_session");
	return s;
}

static void give_here(struct http_req *req, const struct web_user *u, struct str session,
	const struct identity *id)
{
	struct session *s = session_for(req, u, session);
	if (!s)
		return;
	session_set_identity(s, id);
	if (wwsf.conf->token.issuer == WWSF_ISSUER_SELF)
		issue(req, s, id);
	else
		hand_out(req, s, STR_NONE, 0);
}

/* ---- ... of the WAF (TS 33.203 X.3.3 step 0) ---- */

/* A request made for a session. Its texts stand in the request's arena. */
struct asked {
	struct http_req *req;
	struct web_user user;
	struct str session;            /* p NULL: one is to begin */
	struct str impi;               /* that was lent for it; p NULL: none */
};

static struct asked *asked_new(struct http_req *req, const struct web_user *u,
	struct str session, const struct identity *id)
{
	struct asked *w = MEM_NEW(struct asked);
	*w = (struct asked){.req = req, .user = *u, .session = session};
	if (wwsf.assignments)
		w->impi = id->impi;
	return w;
}

static void refuse(struct http_req *req, const struct waf_refusal *r)
{
	if (r->retry_s) {
		api_refuse_later(req, r->status, r->error, r->retry_s);
		return;
	}
	json_t *body = json_pack("{s:s}", "error", r->error);
	if (r->word[0])
		json_object_set_new(body, "waf_error", json_string(r->word));
	api_answer(req, r->status, STR(""), body);
}

const struct waf_refusal *token_settle(struct str holder, struct str impi,
	const struct waf_grant *g, const struct waf_refusal *r)
{
	static const struct waf_refusal wrong = {.status = 502, .error = "waf_answer"},
		lost = {.status = 503, .error = "database", .retry_s = 1};

	if (!impi.p)
		return r;
	if (g && !str_eq(g->identity.impi, impi)) {
		log_warn("token", "the WAF's token is for %s, asked for was %s",
			log_text(g->identity.impi), log_text(impi));
		r = &wrong;
	}
	int err = assignment_settle(wwsf.assignments, holder, r ? 0 : g->life_s * 1000);
	return err && !r ? &lost : r;
}

static void on_asserted(const struct waf_grant *g, const struct waf_refusal *r, void *arg)
{
	struct asked *w = arg;
	struct session *s = NULL;

	r = token_settle(w->user.holder, w->impi, g, r);
	if (r)
		refuse(w->req, r);
	else
		s = session_for(w->req, &w->user, w->session);
	if (s) {
		session_set_identity(s, &g->identity);
		hand_out(w->req, s, g->token, g->life_s);
	}
	free(w);
}

static void on_refreshed(const struct waf_grant *g, const struct waf_refusal *r, void *arg)
{
	struct asked *w = arg;
	struct session *s = session_find(w->session);

	r = token_settle(w->user.holder, w->impi, g, r);
	if (s)
		s->refreshing = false;
	if (s && r && !strcmp(r->word, "invalid_grant")) {
		session_set_grant(s, STR_NONE, 0, STR_NONE);
		api_refuse(w->req, 401, "sign_in_again");
	} else if (r) {
		refuse(w->req, r);
	} else if (!s) {
		api_refuse(w->req, 401, "no_session");
	} else {
		struct str refresh = g->refresh.p ? g->refresh : str_of(s->refresh);
		session_set_identity(s, &g->identity);
		session_set_grant(s, STR_NONE, 0, arena_str(http_req_arena(w->req), refresh));
		hand_out(w->req, s, g->token, g->life_s);
	}
	free(w);
}

/* ---- a token is asked for ---- */

/* As whom this user registers; false: the request was answered. */
static bool find_identity(struct http_req *req, const struct web_user *u, struct identity *id)
{
	struct arena *a = http_req_arena(req);
	int64_t retry_s = 1;
	int err = wwsf.assignments
		? assignment_take(wwsf.assignments, u->holder, a, id, &retry_s)
		: identity_db_find(wwsf.db, u->name, a, id);

	if (err == -EIO) {
		api_refuse_later(req, 503, "database", 1);
	} else if (err == -ENOSPC) {
		api_refuse_later(req, 503, "pool_empty", retry_s);
	} else if (err) {
		without.value++;
		log_warn("token", "%s has no IMS identity", log_text(u->name));
		api_refuse(req, 403, "no_identity");
	}
	return !err;
}

void token_give(struct http_req *req, const struct web_user *u, struct str session)
{
	bool at_waf = wwsf.conf->token.issuer == WWSF_ISSUER_WAF;
	struct identity id;

	if ((at_waf && waf_busy(req)) || !find_identity(req, u, &id))
		return;
	if (at_waf)
		waf_client_credentials(u, &id, on_asserted, asked_new(req, u, session, &id));
	else
		give_here(req, u, session, &id);
}

static void refresh(struct http_req *req, struct session *s)
{
	struct arena *a = http_req_arena(req);
	struct web_user u = session_user(s, a);
	struct identity id = {0};

	if (waf_busy(req) || (wwsf.assignments && !find_identity(req, &u, &id)))
		return;
	s->refreshing = true;
	waf_refresh(str_of(s->refresh), &id, on_refreshed,
		asked_new(req, &u, arena_str(a, str_of(s->id)), &id));
}

/* A session that began at the WAF: first the token that came with it, then its refresh. */
static void give_granted(struct http_req *req, struct session *s)
{
	int64_t rest_ms = s->token_end_ms - clock_ms(wwsf.host->clock);

	if (s->token && rest_ms >= 1000) {
		struct str token = arena_str(http_req_arena(req), str_of(s->token));
		struct str secret = s->refresh ? arena_str(http_req_arena(req), str_of(s->refresh))
					       : STR_NONE;
		session_set_grant(s, STR_NONE, 0, secret);
		hand_out(req, s, token, rest_ms / 1000);
	} else if (s->refreshing) {
		api_refuse_later(req, 503, "busy", 1);
	} else if (s->refresh) {
		refresh(req, s);
	} else {
		api_refuse(req, 401, "sign_in_again");
	}
}

/* POST /token: a new token for a live session (the refresh of U.2.1.3, step 1 cut short). */
void wwsf_on_token(struct http_req *req, void *arg)
{
	struct session *s = api_same_site(req) ? session_need(req) : NULL;
	if (!s || !session_csrf(s, req) || !api_admit(wwsf.users, str_of(s->user), req))
		return;
	if (wwsf.conf->token.issuer == WWSF_ISSUER_WAF &&
		wwsf.conf->waf.grant == WWSF_AUTHORIZATION_CODE && !s->anonymous) {
		give_granted(req, s);
		return;
	}
	/* The session may end while the WAF is asked: nothing of it is carried across. */
	struct arena *a = http_req_arena(req);
	struct web_user u = session_user(s, a);
	token_give(req, &u, arena_str(a, str_of(s->id)));
}
