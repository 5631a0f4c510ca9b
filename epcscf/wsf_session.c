/* Sessions of web users at the WSF: a random cookie (RFC 6265, __Host- prefix), and two texts
 * that are derived from it: the handle, which lets in who can't send the cookie, and the proof
 * against cross-site requests. Kept are hashes alone.
 * SPDX-License-Identifier: Apache-2.0 */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#include "common/base/log.h"
#include "common/base/metric.h"
#include "common/http/form.h"
#include "epcscf/wsf.h"

METRIC_IDLE(live, "imsrig_wsf_sessions", "sessions of web users");
METRIC_COUNTER(begun, "imsrig_wsf_sessions_begun_total", "sessions of web users begun");

#define COOKIE "__Host-wsf"
enum {
	JSON_MOST = 100,
	LEAD_MS = 5000, /* a session ends so long before its time, while there is something left
			 * to deregister: its registration lasts no longer than it */
};

struct wsf_account {
	UT_hash_handle hh;
	struct wsf_session *sessions;
	int64_t n, ending;
	char user[];
};
static struct wsf_account *accounts;
static struct wsf_session *by_cookie, *by_handle, *by_id;

struct str wsf_session_user(const struct wsf_session *s)
{
	return str_of(s->account->user);
}

/* ---- what is derived from the cookie ---- */

static void derive(const char *what, struct str cookie, char out[WSF_SECRET_SIZE])
{
	struct buf b = {0};
	uint8_t sum[32];
	buf_fmt(&b, "%s:" STR_FMT, what, STR_ARG(cookie));
	EVP_Digest(b.p, b.n, sum, NULL, EVP_sha256(), NULL);
	hex_of(sum, sizeof sum, out);
	OPENSSL_cleanse(b.p, b.n);
	buf_free(&b);
}

static void hash(struct str secret, uint8_t out[32])
{
	EVP_Digest(secret.p, secret.n, out, NULL, EVP_sha256(), NULL);
}

static struct str cookie_of(const struct http_msg *m)
{
	return form_cookie(m, STR(COOKIE));
}

/* ---- life ---- */

static struct wsf_account *account_of(struct str user)
{
	struct wsf_account *a = NULL;
	HASH_FIND(hh, accounts, user.p, user.n, a);
	return a;
}

static struct wsf_session *add(struct wsf_session *s, struct str user)
{
	static uint64_t last;
	struct wsf_account *a = account_of(user);
	if (!a) {
		a = mem_zalloc(sizeof *a + user.n + 1);
		memcpy(a->user, user.p, user.n);
		HASH_ADD_KEYPTR(hh, accounts, a->user, user.n, a);
	}
	s->account = a;
	s->id = ++last;
	snprintf(s->name, sizeof s->name, "%.40s/%llu", log_text(user), (unsigned long long)s->id);
	s->used_ms = clock_ms(wsf.host->clock);
	DL_APPEND(a->sessions, s);
	a->n++;
	HASH_ADD(by_cookie, by_cookie, cookie, sizeof s->cookie, s);
	HASH_ADD(by_handle, by_handle, handle, sizeof s->handle, s);
	HASH_ADD(by_id, by_id, id, sizeof s->id, s);
	live.value++;
	return s;
}

static void draw_uuid(char out[37])
{
	char hex[33];
	chance_hex(&wsf.host->chance, hex, 16);
	hex[12] = '4'; /* RFC 4122 4.4 */
	hex[16] = "89ab"[hex[16] & 3];
	snprintf(out, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

struct wsf_session *wsf_session_new(const struct wsf_user *u, struct str impu,
	enum wsf_refusal *no)
{
	const struct wsf_account *a = account_of(u->name);
	char handle[WSF_SECRET_SIZE];
	struct wsf_session *s;

	*no = WSF_GOOD;
	if (a && a->n - a->ending >= wsf.conf->per_user)
		*no = WSF_NO_SECOND;
	else if (live.value >= wsf.conf->sessions)
		*no = WSF_NO_BUSY;
	if (*no)
		return NULL;
	s = MEM_NEW(struct wsf_session);
	chance_hex(&wsf.host->chance, s->secret, (WSF_SECRET_SIZE - 1) / 2);
	derive("handle", str_of(s->secret), handle);
	hash(str_of(s->secret), s->cookie);
	hash(str_of(handle), s->handle);
	chance_hex(&wsf.host->chance, s->contact, (sizeof s->contact - 1) / 2);
	chance_hex(&wsf.host->chance, s->call_id, (sizeof s->call_id - 1) / 2);
	draw_uuid(s->instance);
	s->impi = str_dup(u->impi);
	s->impu = str_dup(impu);
	s->ends_ms = clock_wall_ms(wsf.host->clock) + wsf.conf->session_life_ms;
	begun.value++;
	return add(s, u->name);
}

void wsf_session_free(struct wsf_session *s)
{
	struct wsf_account *a = s->account;

	fsm_stop(&s->fsm);
	timer_stop(&s->end);
	if (s->tx)
		sip_forget(wsf.stack, s->tx);
	HASH_DELETE(by_cookie, by_cookie, s);
	HASH_DELETE(by_handle, by_handle, s);
	HASH_DELETE(by_id, by_id, s);
	DL_DELETE(a->sessions, s);
	a->ending -= s->shut;
	if (!--a->n) {
		HASH_DEL(accounts, a);
		free(a);
	}
	free(s->impi);
	free(s->impu);
	free(s->route);
	free(s->set);
	free(s->waf);
	free(s->wwsf);
	free(s->page);
	free(s->client);
	free(s->info);
	OPENSSL_cleanse(s, sizeof *s);
	free(s);
	live.value--;
}

void wsf_session_shut(struct wsf_session *s, const char *why)
{
	s->account->ending += !s->shut;
	s->shut = true;
	timer_stop(&s->end);
	wsf_store_forget((struct str){(const char *)s->cookie, sizeof s->cookie});
	if (s->socket)
		edge_unbind(wsf.edge, s->socket, EDGE_NORMAL, why);
}

void wsf_sessions_drop(void)
{
	struct wsf_session *s, *next;
	HASH_ITER(by_id, by_id, s, next)
	{
		if (s->req)
			wsf_refuse(s->req, WSF_NO_STOPPING, STR_NONE, "the WSF stops");
		s->req = NULL;
		if (s->socket)
			edge_unbind(wsf.edge, s->socket, EDGE_NORMAL, "the WSF stops");
		wsf_session_free(s);
	}
}

/* ---- how long it lasts ---- */

/* Whichever comes first: its end, or too long without a request and without a WebSocket. */
static void on_end(struct timer *t, void *arg)
{
	struct wsf_session *s = arg;
	int64_t unused = clock_ms(wsf.host->clock) - s->used_ms;

	if (clock_wall_ms(wsf.host->clock) >= s->ends_ms - LEAD_MS)
		wsf_deregister(s, NULL, "its time is over");
	else if (!s->socket && unused >= wsf.conf->idle_ms)
		wsf_deregister(s, NULL, "not used any more");
	else
		wsf_session_watch(s);
}

void wsf_session_watch(struct wsf_session *s)
{
	int64_t rest = s->ends_ms - LEAD_MS - clock_wall_ms(wsf.host->clock);
	int64_t idle = s->used_ms + wsf.conf->idle_ms - clock_ms(wsf.host->clock);
	if (s->shut)
		return;
	if (s->socket)
		idle = wsf.conf->idle_ms;
	if (idle < rest)
		rest = idle;
	timer_start(wsf.host->clock, &s->end, rest > 0 ? rest : 0, on_end, s);
}

void wsf_session_used(struct wsf_session *s)
{
	s->used_ms = clock_ms(wsf.host->clock);
}

bool wsf_session_blocked(const struct wsf_session *s)
{
	return s->client && edge_blocks(wsf.edge, str_of(s->client));
}

void wsf_sessions_blocked(void)
{
	struct wsf_session *s, *next;
	HASH_ITER(by_id, by_id, s, next)
		if (wsf_is_live(s) && wsf_session_blocked(s))
			wsf_deregister(s, NULL, "its WWSF is blocked");
}

/* ---- rows ---- */

static struct str or_empty(const char *text)
{
	return text ? str_of(text) : STR("");
}

int wsf_session_save(const struct wsf_session *s)
{
	return wsf_store_put(&(const struct wsf_session_row){
		.cookie = {(const char *)s->cookie, sizeof s->cookie},
		.handle = {(const char *)s->handle, sizeof s->handle},
		.user = wsf_session_user(s),
		.impi = str_of(s->impi),
		.impu = str_of(s->impu),
		.contact = str_of(s->contact),
		.instance = str_of(s->instance),
		.call_id = str_of(s->call_id),
		.route = or_empty(s->route),
		.set = or_empty(s->set),
		.waf = s->waf ? str_of(s->waf) : STR_NONE,
		.wwsf = s->wwsf ? str_of(s->wwsf) : STR_NONE,
		.client = s->client ? str_of(s->client) : STR_NONE,
		.page = s->page ? str_of(s->page) : STR_NONE,
		.cseq = s->cseq,
		.ends_ms = s->ends_ms,
		.registered_ms = s->registered_ms});
}

void wsf_sessions_save(void)
{
	struct wsf_session *s, *next;
	HASH_ITER(by_id, by_id, s, next)
		if (s->registered_ms && !s->shut)
			wsf_session_save(s);
}

static void on_row(const struct wsf_session_row *row)
{
	struct wsf_session *s = MEM_NEW(struct wsf_session);

	if (row->cookie.n != sizeof s->cookie || row->handle.n != sizeof s->handle) {
		free(s); /* no row of ours */
		return;
	}
	memcpy(s->cookie, row->cookie.p, sizeof s->cookie);
	memcpy(s->handle, row->handle.p, sizeof s->handle);
	str_copy(row->contact, s->contact, sizeof s->contact);
	str_copy(row->instance, s->instance, sizeof s->instance);
	str_copy(row->call_id, s->call_id, sizeof s->call_id);
	s->impi = str_dup(row->impi);
	s->impu = str_dup(row->impu);
	s->route = str_dup(row->route);
	s->set = str_dup(row->set);
	s->waf = row->waf.p ? str_dup(row->waf) : NULL;
	s->wwsf = row->wwsf.p ? str_dup(row->wwsf) : NULL;
	s->client = row->client.p ? str_dup(row->client) : NULL;
	s->page = row->page.p ? str_dup(row->page) : NULL;
	s->cseq = row->cseq;
	s->ends_ms = row->ends_ms;
	s->registered_ms = row->registered_ms;
	add(s, row->user);
}

/* Its identities are its user's still. */
static bool is_his(const struct wsf_session *s)
{
	struct arena a = {0};
	struct wsf_user u;
	int err = wsf_store_user(wsf_session_user(s), &a, &u);
	bool is = !err && str_eq(u.impi, str_of(s->impi)), has = false;
	for (size_t i = 0; is && i < u.n_impu; i++)
		has |= str_eq(u.impu[i], str_of(s->impu));
	arena_free(&a);
	return has || err == -EIO;
}

/* One whose user was taken out of the configuration, or has other identities there, ends at
 * once. */
void wsf_sessions_load(void)
{
	struct wsf_session *s, *next;
	wsf_store_load(on_row);
	HASH_ITER(by_id, by_id, s, next)
	{
		if (!is_his(s)) {
			log_info("wsf", "%s is not configured so any more", s->name);
			s->ends_ms = 0;
		}
		wsf_registered_before(s);
	}
}

/* ---- who is let in ---- */

static struct wsf_session *usable(struct wsf_session *s)
{
	return s && wsf_is_live(s) ? s : NULL;
}

static struct wsf_session *by_secret_cookie(struct str cookie)
{
	struct wsf_session *s = NULL;
	uint8_t sum[32];
	if (cookie.n != WSF_SECRET_SIZE - 1)
		return NULL;
	hash(cookie, sum);
	HASH_FIND(by_cookie, by_cookie, sum, sizeof sum, s);
	return usable(s);
}

struct wsf_session *wsf_session_by_handle(struct str handle)
{
	struct wsf_session *s = NULL;
	uint8_t sum[32];
	if (handle.n != WSF_SECRET_SIZE - 1)
		return NULL;
	hash(handle, sum);
	HASH_FIND(by_handle, by_handle, sum, sizeof sum, s);
	return usable(s);
}

struct wsf_session *wsf_session_by_id(uint64_t id)
{
	struct wsf_session *s = NULL;
	HASH_FIND(by_id, by_id, &id, sizeof id, s);
	return s;
}

/* A browser sends the cookie with what any page of the site asks for; pages of another WWSF have no
 * part in it. */
struct wsf_session *wsf_session_of(const struct http_msg *m)
{
	struct wsf_session *s = by_secret_cookie(cookie_of(m));
	const char *page = wsf_page_of(wsf_origin_of(m));
	return s && page && s->page && strcmp(page, s->page) ? NULL : s;
}

/* ---- answers ---- */

static json_t *set_json(const struct wsf_session *s)
{
	struct str rest = or_empty(s->set);
	json_t *all = json_array();
	while (rest.n) {
		struct str one = str_cut(&rest, '\n');
		json_array_append_new(all, json_stringn(one.p, one.n));
	}
	return all;
}

static int64_t rest_s(const struct wsf_session *s)
{
	int64_t rest = s->registered_ms - clock_wall_ms(wsf.host->clock);
	return rest > 0 ? (rest + 999) / 1000 : 0;
}

static json_t *session_json(const struct wsf_session *s)
{
	struct str user = wsf_session_user(s);
	return json_pack("{s:s%, s:s, s:s, s:o, s:I}", "user", user.p, user.n, "impi", s->impi,
		"impu", s->impu, "associated", set_json(s), "expires", (json_int_t)rest_s(s));
}

/* What its page needs to know; handle and csrf for who has shown the cookie, or gets it. */
void wsf_session_answer(struct wsf_session *s, struct http_req *req, struct str more)
{
	struct arena *a = http_req_arena(req);
	struct str cookie = s->secret[0] ? arena_str(a, str_of(s->secret))
					 : cookie_of(http_req_msg(req));
	char handle[WSF_SECRET_SIZE], csrf[WSF_SECRET_SIZE];
	json_t *body = session_json(s);

	wsf_session_used(s);
	if (wsf.conf->edge)
		json_object_set_new(body, "edge", json_string(wsf.conf->edge));
	if (cookie.n == WSF_SECRET_SIZE - 1) {
		derive("handle", cookie, handle);
		derive("csrf", cookie, csrf);
		json_object_set_new(body, "session", json_string(handle));
		json_object_set_new(body, "csrf", json_stringn(csrf, WSF_CSRF_SIZE - 1));
	}
	if (s->secret[0])
		more = arena_fmt(a,
			"Set-Cookie: " COOKIE "=%s; Path=/; Secure; HttpOnly; SameSite=Strict\r\n" STR_FMT,
			s->secret, STR_ARG(more));
	OPENSSL_cleanse(s->secret, sizeof s->secret);
	wsf_answer(req, 200, more, body);
}

void wsf_session_gone(struct http_req *req)
{
	wsf_answer(req, 204,
		STR("Set-Cookie: " COOKIE "=; Path=/; Secure; HttpOnly; SameSite=Strict; "
		    "Max-Age=0\r\n"),
		NULL);
}

/* ---- GET and DELETE /session ---- */

static struct wsf_session *by_authorization(const struct http_msg *m)
{
	struct str handle;
	if (http_field_count(m, STR("Authorization")) != 1 ||
		sip_bearer_parse(http_field(m, STR("Authorization")), &handle))
		return NULL;
	return wsf_session_by_handle(handle);
}

/* By its handle, or by the cookie; NULL: the request was answered. */
static struct wsf_session *need(struct http_req *req, bool *by_handle_)
{
	const struct http_msg *m = http_req_msg(req);
	struct wsf_session *s = by_authorization(m);

	*by_handle_ = s != NULL;
	if (!s)
		s = wsf_session_of(m);
	if (!s)
		wsf_refuse(req, WSF_NO_SESSION, STR_NONE, "no live session");
	return s;
}

void wsf_on_session(struct http_req *req, void *arg)
{
	bool by;
	struct wsf_session *s = wsf_same_site(req, NULL) ? need(req, &by) : NULL;
	if (s)
		wsf_session_answer(s, req, STR_NONE);
}

/* A browser sends the cookie on its own; the proof only the session's page knows. */
static bool has_csrf(const struct http_msg *m)
{
	struct str given = http_field(m, STR("X-CSRF-Token"));
	char csrf[WSF_SECRET_SIZE];
	derive("csrf", cookie_of(m), csrf);
	return http_field_count(m, STR("X-CSRF-Token")) == 1 && given.n == WSF_CSRF_SIZE - 1 &&
		!CRYPTO_memcmp(given.p, csrf, given.n);
}

void wsf_on_sign_out(struct http_req *req, void *arg)
{
	bool by;
	struct wsf_session *s = wsf_same_site(req, NULL) ? need(req, &by) : NULL;
	if (!s)
		return;
	if (by || has_csrf(http_req_msg(req)))
		wsf_deregister(s, req, "signed out");
	else
		wsf_refuse(req, WSF_NO_CSRF, STR_NONE, "X-CSRF-Token is not the session's");
}

/* ---- state ---- */

static json_t *state_json(const struct wsf_session *s)
{
	json_t *o = session_json(s);
	json_object_set_new(o, "state", json_string(fsm_state_name(&s->fsm)));
	json_object_set_new(o, "contact", json_string(s->contact));
	json_object_set_new(o, "instance", json_string(s->instance));
	json_object_set_new(o, "socket",
		json_string(!s->socket ? "none" : s->socket->conn ? "open" : "lost"));
	return o;
}

json_t *wsf_sessions_json(struct str user)
{
	json_t *all = json_array();
	struct wsf_session *s, *next;
	HASH_ITER(by_id, by_id, s, next)
	{
		if (json_array_size(all) >= JSON_MOST)
			break;
		if (!user.p || str_eq(user, wsf_session_user(s)))
			json_array_append_new(all, state_json(s));
	}
	return all;
}

int wsf_sessions_open(void)
{
	struct wsf_session *s, *next;
	int n = 0;
	HASH_ITER(by_id, by_id, s, next)
		n += s->tx != 0;
	return n;
}
