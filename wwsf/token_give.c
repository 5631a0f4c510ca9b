/* Security tokens for sessions: a user asks for one, with the identities that go with it; it is
 * issued here (token.c) or fetched from the WAF (waf_client.h).
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/metric.h"
#include "common/net/host.h"
#include "wwsf/api.h"
#include "wwsf/assignment.h"
#include "wwsf/token.h"

METRIC_COUNTER(issued, "imsrig_wwsf_tokens_total", "tokens handed out");
METRIC_COUNTER(without, "imsrig_wwsf_no_identity_total", "users without IMS identity signed in");

/* ---- here ---- */

/* The end: all is known, the user's session gets it or begins. */
void token_hand_out(struct http_req *req, struct session *s, struct str token, int64_t life_s)
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
		token_issue_here(req, s, id);
	else
		token_hand_out(req, s, STR_NONE, 0);
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
		token_hand_out(w->req, s, g->token, g->life_s);
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
		token_hand_out(w->req, s, g->token, g->life_s);
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
		token_hand_out(req, s, token, rest_ms / 1000);
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
