/* Sessions of signed-in web users.
 * SPDX-License-Identifier: Apache-2.0 */
#include "wwsf/session.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <utlist.h>

#include "common/base/metric.h"
#include "common/http/form.h"
#include "wwsf/api.h"
#include "wwsf/token.h"

METRIC_GAUGE(live, "imsrig_wwsf_sessions", "sessions of signed-in web users");

#define COOKIE "__Host-wic"

/* All live equally long: in order of their start is in order of their end. */
struct sessions {
	struct host *host;
	int64_t life_ms;
	size_t most;
	struct session *table, *list;
};

/* ---- life ---- */

struct sessions *sessions_new(struct host *host, int64_t life_ms, size_t most)
{
	struct sessions *all = MEM_NEW(struct sessions);
	*all = (struct sessions){.host = host, .life_ms = life_ms, .most = most};
	return all;
}

static void wipe(char *secret)
{
	if (secret)
		OPENSSL_cleanse(secret, strlen(secret));
	free(secret);
}

static void drop(struct sessions *all, struct session *s)
{
	HASH_DEL(all->table, s);
	DL_DELETE(all->list, s);
	json_decref(s->identity);
	wipe(s->token);
	wipe(s->refresh);
	free(s->user);
	free(s->holder);
	OPENSSL_cleanse(s, sizeof *s);
	free(s);
	live.value--;
}

void sessions_clear(struct sessions *all)
{
	while (all->list)
		drop(all, all->list);
}

void sessions_free(struct sessions *all)
{
	if (all)
		sessions_clear(all);
	free(all);
}

static void drop_ended(struct sessions *all)
{
	while (all->list && all->list->end_ms <= clock_ms(all->host->clock))
		drop(all, all->list);
}

struct str web_handle(const char *prefix, struct arena *a)
{
	char hex[33];
	chance_hex(&wwsf.host->chance, hex, 16);
	return arena_fmt(a, "%s-%s", prefix, hex);
}

struct session *session_begin(struct http_req *req, const struct web_user *u)
{
	struct sessions *all = wwsf.sessions;
	struct session *s = session_of(req);

	if (s)
		drop(all, s);
	if (HASH_COUNT(all->table) >= all->most)
		drop(all, all->list);
	s = MEM_NEW(struct session);
	chance_hex(&all->host->chance, s->id, (SESSION_ID_SIZE - 1) / 2);
	chance_hex(&all->host->chance, s->csrf, (SESSION_CSRF_SIZE - 1) / 2);
	s->end_ms = clock_ms(all->host->clock) + all->life_ms;
	s->user = str_dup(u->name);
	s->holder = str_dup(u->holder);
	s->anonymous = u->anonymous;
	HASH_ADD(hh, all->table, id, SESSION_ID_SIZE - 1, s);
	DL_APPEND(all->list, s);
	live.value++;
	return s;
}

struct web_user session_user(const struct session *s, struct arena *a)
{
	return (struct web_user){.name = arena_str(a, str_of(s->user)),
		.holder = arena_str(a, str_of(s->holder)), .anonymous = s->anonymous};
}

struct session *session_find(struct str id)
{
	struct session *s = NULL;
	drop_ended(wwsf.sessions);
	if (id.n == SESSION_ID_SIZE - 1)
		HASH_FIND(hh, wwsf.sessions->table, id.p, id.n, s);
	return s;
}

struct session *session_of(const struct http_req *req)
{
	return session_find(form_cookie(http_req_msg(req), STR(COOKIE)));
}

/* ---- what it holds ---- */

void session_set_identity(struct session *s, const struct identity *i)
{
	json_t *impu = json_array();
	for (size_t k = 0; k < i->n_impu; k++)
		json_array_append_new(impu, json_stringn(i->impu[k].p, i->impu[k].n));
	json_decref(s->identity);
	s->identity = json_pack("{s:s%, s:o}", "impi", i->impi.p, i->impi.n, "impu", impu);
}

void session_set_grant(struct session *s, struct str token, int64_t life_s, struct str refresh)
{
	wipe(s->token);
	wipe(s->refresh);
	s->token = token.p ? str_dup(token) : NULL;
	s->token_end_ms = clock_ms(wwsf.host->clock) + life_s * 1000;
	s->refresh = refresh.p ? str_dup(refresh) : NULL;
}

struct str session_cookie(const struct session *s, struct arena *a)
{
	return arena_fmt(a, "Set-Cookie: " COOKIE "=%s; Path=/; Secure; HttpOnly; SameSite=Strict\r\n",
		s->id);
}

json_t *session_json(const struct session *s, const struct http_req *req)
{
	json_t *body = json_pack("{s:s, s:b, s:s, s:s, s:s}", "user", s->user, "anonymous",
		s->anonymous, "domain", wwsf.conf->domain, "edge", api_edge(req), "csrf", s->csrf);
	if (body && s->identity)
		json_object_update(body, s->identity);
	return body;
}

size_t sessions_of_user(struct str user, const struct session **newest)
{
	size_t n = 0;
	*newest = NULL;
	drop_ended(wwsf.sessions);
	for (const struct session *s = wwsf.sessions->list; s; s = s->next)
		if (str_eq(str_of(s->user), user)) {
			*newest = s;
			n++;
		}
	return n;
}

/* ---- requests ---- */

struct session *session_need(struct http_req *req)
{
	struct session *s = session_of(req);
	if (!s)
		api_refuse(req, 401, "no_session");
	return s;
}

bool session_csrf(const struct session *s, struct http_req *req)
{
	const struct http_msg *m = http_req_msg(req);
	struct str given = http_field(m, STR("X-CSRF-Token"));
	if (http_field_count(m, STR("X-CSRF-Token")) == 1 && given.n == SESSION_CSRF_SIZE - 1 &&
		CRYPTO_memcmp(given.p, s->csrf, given.n) == 0)
		return true;
	api_refuse(req, 403, "csrf");
	return false;
}

void wwsf_on_session(struct http_req *req, void *arg)
{
	struct session *s = api_same_site(req) ? session_need(req) : NULL;
	if (s)
		api_answer(req, 200, STR(""), session_json(s, req));
}

void wwsf_on_logout(struct http_req *req, void *arg)
{
	struct session *s = api_same_site(req) ? session_need(req) : NULL;
	if (!s || !session_csrf(s, req))
		return;
	token_revoke(STR_NONE, str_of(s->id));
	drop(wwsf.sessions, s);
	http_answer(req, 204,
		STR(API_FIELDS "Set-Cookie: " COOKIE
			"=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0\r\n"),
		STR(""));
}
