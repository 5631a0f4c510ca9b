/* Sign-in with a web identity and its password (TS 23.228 U.2.1.3 step 1, TR 23.701 6.3.2.1.3
 * step 1).
 *
 *	WIC     POST /login {user, password}
 *	        -> source and account not throttled -> hash compared off the loop -> token
 *	WWSF    200 {impi, impu, token, ..}, session cookie
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/metric.h"
#include "common/base/throttle.h"
#include "common/net/password_work.h"
#include "wwsf/api.h"
#include "wwsf/identity_db.h"
#include "wwsf/token.h"

METRIC_COUNTER(good, "imsrig_wwsf_logins_total", "sign-ins with the right password");
METRIC_COUNTER(wrong, "imsrig_wwsf_logins_failed_total", "sign-ins with a wrong password or user");

enum { USER_MAX = 128, PASSWORD_MAX = 1024 };

struct check {
	struct http_req *req;
	char user[USER_MAX + 1];
	bool known;
};

static void compared(bool right, bool cancelled, void *arg)
{
	struct check *c = arg;
	struct str user = str_of(c->user);

	if (cancelled || !wwsf.host) {
		/* stopped: whoever asked has been told */
		http_answer(c->req, 503, STR(API_FIELDS), STR(""));
	} else if (!right || !c->known) {
		wrong.value++;
		log_warn("login", "user %s at %s: wrong user or password", log_text(user),
			addr_text(http_req_remote(c->req)));
		api_refuse(c->req, 401, "invalid_credentials");
	} else {
		good.value++;
		throttle_forget(wwsf.accounts, user);
		log_info("login", "user %s at %s", log_text(user),
			addr_text(http_req_remote(c->req)));
		user = arena_str(http_req_arena(c->req), user);
		token_give(c->req, &(struct web_user){.name = user, .holder = user}, STR_NONE);
	}
	free(c);
}

/* ---- the request ---- */

static struct str member(const json_t *body, const char *name, size_t max)
{
	const json_t *v = json_object_get(body, name);
	struct str s = {json_string_value(v), json_string_length(v)};
	return s.n && s.n <= max ? s : STR_NONE;
}

/* Whether this attempt may be made; it counts until it has proved right. */
static bool admit(struct http_req *req, struct str user)
{
	return api_admit(wwsf.sources, str_of(addr_host(http_req_remote(req))), req) &&
		api_admit(wwsf.accounts, user, req);
}

static void begin(struct http_req *req, struct str user, struct str password)
{
	struct check *c = MEM_NEW(struct check);
	char *hash;

	int err = identity_db_hash(wwsf.db, user, http_req_arena(req), &hash);
	c->req = req;
	c->known = !err && hash;
	/* Users' hashes may cost less, or more, than the library's default. */
	if (!c->known)
		hash = identity_db_some_hash(wwsf.db, http_req_arena(req));
	str_copy(user, c->user, sizeof c->user);
	if (err != -EIO && (err = password_work(wwsf.host, (int)wwsf.conf->login.workers, password,
				    str_of(hash), compared, c)) == 0)
		return;
	throttle_give_back(wwsf.accounts, user);
	free(c);
	api_refuse_later(req, 503, err == -EIO ? "database" : "busy", 1);
}

void wwsf_on_login(struct http_req *req, void *arg)
{
	if (!api_same_site(req))
		return;
	if (wwsf.conf->token.issuer == WWSF_ISSUER_WAF &&
		wwsf.conf->waf.grant == WWSF_AUTHORIZATION_CODE) {
		api_refuse(req, 403, "sign_in_at_waf"); /* the password is none of our business */
		return;
	}
	json_t *body = api_body(req);
	if (!body)
		return;
	struct str user = member(body, "user", USER_MAX);
	struct str password = member(body, "password", PASSWORD_MAX);
	if (!user.p || !password.p)
		api_refuse(req, 400, "invalid_request");
	else if (admit(req, user))
		begin(req, user, password);
	json_decref(body);
}

/* ---- without a name ---- */

/* POST /anonymous: where identities are lent, a user may stay unknown (TR 23.701 6.3.2.1.5 step
 * 1). One who comes again in a live session keeps what was lent. */
void wwsf_on_anonymous(struct http_req *req, void *arg)
{
	struct arena *a = http_req_arena(req);

	if (!api_same_site(req))
		return;
	if (!wwsf.conf->anonymous) {
		api_refuse(req, 401, "sign_in_required");
		return;
	}
	json_t *body = api_body(req);
	json_decref(body);
	if (!body || !api_admit(wwsf.sources, str_of(addr_host(http_req_remote(req))), req))
		return;
	struct session *s = session_of(req);
	if (s && s->anonymous) {
		struct web_user known = session_user(s, a);
		token_give(req, &known, arena_str(a, str_of(s->id)));
		return;
	}
	struct str handle = web_handle("anonymous", a);
	struct web_user u = {.name = handle, .holder = handle, .anonymous = true};
	log_info("login", "%s at %s", log_text(handle), addr_text(http_req_remote(req)));
	token_give(req, &u, STR_NONE);
}
