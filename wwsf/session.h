/* Sessions of signed-in web users: a random cookie (RFC 6265, __Host- prefix), a token against
 * cross-site requests, the identities handed out last. They live on the rig's clock, so long
 * after their start and no longer; when there are too many, the oldest goes.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <jansson.h>

#include "common/base/hash.h"
#include "wwsf/identity_db.h"

enum { SESSION_ID_SIZE = 65, SESSION_CSRF_SIZE = 33 };

/* Who came to the page. */
struct web_user {
	struct str name;               /* sub of a token; of an anonymous one a random handle */
	struct str holder;             /* of an identity that is lent (assignment.h) */
	bool anonymous;
};
/* "anonymous-", "sign-in-" and the like with 128 random bits behind it, in the arena. */
struct str web_handle(const char *prefix, struct arena *a);

struct session {
	UT_hash_handle hh;
	struct session *prev, *next;
	char id[SESSION_ID_SIZE], csrf[SESSION_CSRF_SIZE];
	int64_t end_ms;                /* clock_ms */
	char *user, *holder;
	bool anonymous;
	json_t *identity;              /* {"impi":..,"impu":[..]}, as handed out last; or NULL */
	/* Of the code grant: what is still to be handed out, and what a new one is got with. */
	char *token, *refresh;
	int64_t token_end_ms;          /* clock_ms */
	bool refreshing;
};

struct sessions *sessions_new(struct host *host, int64_t life_ms, size_t most);
void sessions_free(struct sessions *s);
void sessions_clear(struct sessions *s);

/* The user's browser had a session before (its cookie in `req`): that one ends. */
struct session *session_begin(struct http_req *req, const struct web_user *u);
struct web_user session_user(const struct session *s, struct arena *a);
/* Of the request's cookie, of an id; NULL: none, or it has ended. Across a wait keep the id. */
struct session *session_of(const struct http_req *req);
struct session *session_find(struct str id);
/* NULL: the request was answered, 401 no_session. */
struct session *session_need(struct http_req *req);
/* Right X-CSRF-Token; else the request was answered, 403 csrf. */
bool session_csrf(const struct session *s, struct http_req *req);
void session_set_identity(struct session *s, const struct identity *i);
void session_set_grant(struct session *s, struct str token, int64_t life_s, struct str refresh);

/* "Set-Cookie: ...\r\n" */
struct str session_cookie(const struct session *s, struct arena *a);
/* {user, anonymous, impi, impu, domain, edge, csrf}: a new reference. */
json_t *session_json(const struct session *s, const struct http_req *req);
/* How many live sessions a user has. */
size_t sessions_of_user(struct str user, const struct session **newest);
