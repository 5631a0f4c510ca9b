/* The WAF part of the WAAF, WebRTC Authorisation Function (TS 33.203 X, contribution X.3.3,
 * W4): an OAuth 2.0 authorization server whose clients are WWSFs and whose tokens say which
 * IMS identities a web user may register with. Absent without a `waf:` section.
 *
 *	waf.c            start, stop, reset; the two listeners: W4 (mutual TLS) and web
 *	waf_conf.c       the section
 *	waf_token.c      POST /token: the checks and the three grants   (RFC 6749, 8705)
 *	waf_authorize.c  GET, POST /authorize                           (RFC 6749 4.1, 7636, 9207)
 *	waf_sign_in.c    users on the sign-in page
 *	waf_page.c       what they see
 *	waf_introspect.c POST /introspect                               (RFC 7662)
 *	waf_revoke.c     POST /revoke, GET /revoked                     (RFC 7009)
 *	waf_metadata.c   metadata and keys                              (RFC 8414, 7517)
 *	waf_wwsf.c       the WWSFs: who asks, blocked or not, how often
 *	waf_pool.c       the identities that a WWSF may lend   (TS 33.203 X.4)
 *	waf_users.c      the users, their identities and failed sign-ins
 *	waf_grant.c      what codes and refresh tokens stand for
 *	waf_live.c       the tokens that are good, and the keys that they need
 *	waf_answer.c     answers of W4, refusals, the audit line
 *	waf_admin.c      block, unblock, rotate, state
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <jansson.h>
#include <uthash.h>

#include "common/base/throttle.h"
#include "common/conf/conf.h"
#include "common/crypto/token.h"
#include "common/http/form.h"
#include "common/net/host.h"

/* ---- configuration ---- */

enum waf_domain { WAF_OPERATOR, WAF_THIRD_PARTY };
enum waf_grant_type {
	WAF_AUTHORIZATION_CODE = 1,
	WAF_CLIENT_CREDENTIALS = 2,
	WAF_REFRESH_TOKEN = 4,         /* comes with the code */
};

struct waf_listen_conf {
	struct addr listen, also;      /* also: a second one, or no address */
	char *cert, *key, *ca;
};
struct waf_pool_conf {
	struct conf_list impis, impus; /* of char *: names, or wildcarded ones; none: no pool */
	int64_t lease_ms;              /* no token for one of them lives longer */
};
struct waf_wwsf_conf {
	char *identity;                /* client_id, and the name in its certificate */
	int domain;                    /* enum waf_domain */
	struct conf_list grants;       /* of char * */
	bool trust_user_assertion;     /* it says who the user is; the WAF believes it */
	bool blocked;
	struct conf_list redirect_uris; /* of char *; compared octet by octet */
	struct waf_pool_conf pool;
};
struct waf_user_conf {
	char *user;
	char *password_hash;           /* NULL: can't sign in here */
	char *impi;
	struct conf_list impus;        /* of char * */
};
struct waf_limits_conf {
	int64_t per_second, burst;     /* requests of one WWSF at W4 */
	int64_t login_failures, login_window_ms;
	int64_t login_per_source, login_source_window_ms;
	int64_t workers;               /* password checks under way */
	int64_t live_tokens, grants, sign_ins;
};
struct waf_conf {
	char *identity;                /* NULL: no WAF */
	char *issuer;                  /* URL, without a path */
	int domain;                    /* enum waf_domain: whose the WAF is */
	struct waf_listen_conf web, w4;
	char *audience;
	struct conf_list scopes;       /* of char *; the first is the default */
	int64_t token_life_ms, code_life_ms, sign_in_life_ms, refresh_life_ms;
	char *keys;                    /* file */
	struct conf_list wwsfs, users;
	struct conf_list resource_servers; /* of char *: names in certificates */
	struct waf_limits_conf limits;
};
extern const struct conf_row waf_conf_rows[];
/* 0 too without the section. */
int waf_conf_check(const struct waf_conf *c, char why[512]);
/* A bit of enum waf_grant_type; 0: no grant type of ours. */
unsigned waf_grant_type_of(struct str name);
/* Every word is one of the scopes of the configuration. */
bool waf_scope_ok(struct str scope);

/* ---- the WAF ---- */

struct waf {
	const struct waf_conf *conf;   /* NULL: this WAAF is none */
	struct host *host;
	struct token_keys *keys;
	struct tls *web_tls, *w4_tls;
	struct http_server *web, *w4;
};
extern struct waf waf;                 /* one a process */

/* W4 serves these, too (they end with path NULL, at most WAF_ALSO). Before waf_start; kept by
 * pointer. */
enum { WAF_ALSO = 8 };
void waf_also(const struct http_route *routes);
/* Nothing without the section. 0, or a negative errno with a sentence. */
int waf_start(struct host *host, const struct waf_conf *conf, char why[512]);
void waf_stop(void);
void waf_reset(void);                  /* tokens, codes gone; blocks as configured */
int waf_open(void);                    /* things under way */

int64_t waf_now_s(void);               /* rig clock */

/* ---- WWSFs (waf_wwsf.c) ---- */

struct waf_wwsf {
	const struct waf_wwsf_conf *conf;
	unsigned grants;               /* bits of enum waf_grant_type */
	bool blocked;
	int64_t not_before_s;          /* tokens issued before are void */
	int64_t level_m, level_at_ms;  /* bucket of requests, in thousandths */
	struct token_row *tokens;      /* that are live (waf_live.c) */
	size_t revoked;                /* of them, one by one */
	struct waf_pool *pool;         /* NULL: its users have identities of their own */
};
void waf_wwsfs_open(void);
void waf_wwsfs_close(void);
void waf_wwsfs_reset(void);
struct waf_wwsf *waf_wwsf_find(struct str identity);   /* any case; NULL: not known */
struct waf_wwsf *waf_wwsf_at(size_t i);                /* in order of configuration; NULL: end */
/* The peer of this request proved to be this WWSF, or a resource server. */
bool waf_peer_is(struct http_req *req, const struct waf_wwsf *w);
bool waf_peer_is_resource_server(struct http_req *req);
bool waf_wwsf_take(struct waf_wwsf *w); /* one more request; false: too many */
void waf_wwsf_void(struct waf_wwsf *w); /* all that was issued to it until now */
/* Blocked: no request is served any more, and what was issued is void. */
void waf_wwsf_block(struct waf_wwsf *w, bool blocked);

/* ---- pools (waf_pool.c) ---- */

/* NULL, or what is wrong with the section of the WWSF that has it; may stand in `why`. */
const char *waf_pool_conf_check(const struct waf_pool_conf *c, char why[512]);
struct waf_pool *waf_pool_new(const struct waf_pool_conf *c); /* NULL: none is configured */
void waf_pool_free(struct waf_pool *p);
/* Both are exact, or members of a wildcarded identity; the wildcarded one itself is none. */
bool waf_pool_has_impi(const struct waf_pool *p, struct str impi);
bool waf_pool_has_impu(const struct waf_pool *p, struct str impu);

/* ---- users (waf_users.c) ---- */

struct waf_user {
	const struct waf_user_conf *conf;
	UT_hash_handle hh;
};
void waf_users_open(void);
void waf_users_close(void);
void waf_users_reset(void);
struct waf_user *waf_user_find(struct str name);       /* NULL: not known */
/* With what a password is compared: the user's hash, or for who has none somebody else's, so
 * that it takes as long. NULL: nobody has one. */
const char *waf_user_hash(const struct waf_user *u);
bool waf_user_has_impi(const struct waf_user *u, struct str impi);
bool waf_user_has_impu(const struct waf_user *u, struct str impu);
/* An attempt to sign in counts as a failure until waf_user_proved. LOGIN_RATE or SOURCE_RATE:
 * too many lately, *wait_s is how long that lasts. A name that is not known behaves alike. */
enum waf_refusal waf_user_attempt(struct str name, const struct addr *from, int *wait_s);
void waf_user_proved(struct str name);
void waf_user_not_tried(struct str name);              /* nobody was at fault */

/* ---- grants (waf_grant.c) ---- */

/* What a user granted a WWSF. Its secret's text changes with each use: first the code, then
 * one refresh token after another. */
struct waf_grant {
	uint64_t id;
	uint8_t key[32];               /* the secrets are derived from it */
	uint32_t generation;           /* of the secret that is good; 0: the code */
	bool presented;                /* the code was */
	struct waf_wwsf *wwsf;
	const struct waf_user *user;
	char *redirect_uri, *challenge, *scope;
	struct timer timer;
	UT_hash_handle hh;
};
enum { WAF_SECRET_SIZE = 16 + 8 + 32 + 1 };
/* NULL: there are too many. Texts are copied. It lives for code-life at first. */
struct waf_grant *waf_grant_new(struct waf_wwsf *w, const struct waf_user *u,
	struct str redirect_uri, struct str challenge, struct str scope);
void waf_grant_secret(const struct waf_grant *g, char out[WAF_SECRET_SIZE]);
/* Whose secret that is, of whichever generation until now; NULL: of none. */
struct waf_grant *waf_grant_find(struct str secret, uint32_t *generation);
void waf_grant_present(struct waf_grant *g);   /* the code is used up */
void waf_grant_renew(struct waf_grant *g);     /* the next refresh token is good */
void waf_grant_end(struct waf_grant *g);       /* with all tokens that came of it */
size_t waf_grant_count(void);
void waf_grants_reset(void);

/* ---- live tokens (waf_live.c) ---- */

enum { WAF_JTI_SIZE = 33 };
bool waf_live_full(void);
/* One more, signed with the newest key and good until exp_s (never before that of the last
 * one of this WWSF); grant 0: of none. */
void waf_live_add(const char jti[WAF_JTI_SIZE], struct waf_wwsf *w, uint64_t grant,
	int64_t iat_s, int64_t exp_s);
bool waf_live_good(struct str jti);    /* issued since the start, unexpired, not revoked */
void waf_live_revoke(struct str jti);
void waf_live_revoke_grant(struct waf_wwsf *w, uint64_t grant);
/* Forgets what was issued before now_s, revokes what was issued since (iat has whole seconds,
 * so not_before_s alone could not tell it from later ones). */
void waf_live_void(struct waf_wwsf *w, int64_t now_s);
size_t waf_live_count(const struct waf_wwsf *w);       /* NULL: of all */
json_t *waf_live_revoked(void);        /* the jti of all that are revoked and unexpired */
/* A new key signs from now on; others stay as long as a live token needs them. 0, or a
 * negative errno with a sentence. */
int waf_live_rotate(char why[512]);
void waf_live_reset(void);

/* ---- answers of W4 (waf_answer.c) ---- */

enum waf_refusal {
	WAF_GOOD,
#define X(id, status, error, label, text) WAF_NO_##id,
#include "waaf/waf_refuse.def"
#undef X
	WAF_REFUSALS
};
/* JSON that is never stored; takes `body`. */
void waf_answer_json(struct http_req *req, int status, json_t *body);
/* Counts, and answers {error, error_description} (RFC 6749 5.2). */
void waf_refuse(struct http_req *req, enum waf_refusal no);
void waf_count_refusal(enum waf_refusal no);
const char *waf_refusal_error(enum waf_refusal no);    /* the error word */
const char *waf_refusal_text(enum waf_refusal no);
int waf_refusal_status(enum waf_refusal no);           /* 200 for WAF_GOOD */
/* One line a request: who asked for whom, which token, what came of it. p NULL: not known. */
struct waf_audit {
	const char *what;              /* "token", "authorize", "introspect", "revoke" */
	struct str wwsf, user, impi, jti;
	enum waf_refusal outcome;
};
void waf_audit(const struct waf_audit *a);

/* ---- sign-ins (waf_sign_in.c) and their pages (waf_page.c) ---- */

enum { WAF_SIGN_IN_SIZE = 33 };
/* A user on the sign-in page. */
struct waf_sign_in {
	char id[WAF_SIGN_IN_SIZE];     /* of the form that is shown */
	struct waf_wwsf *wwsf;
	char *redirect_uri, *state, *scope, *challenge; /* state: NULL, none */
	int tries;                     /* wrong passwords */
	bool busy;                     /* one is being checked */
	struct timer timer;
	UT_hash_handle hh;
};
/* When there are too many, the one whose form is the oldest ends. */
struct waf_sign_in *waf_sign_in_new(struct waf_wwsf *w, struct str redirect_uri,
	struct str state, struct str scope, struct str challenge);
struct waf_sign_in *waf_sign_in_find(struct str id);
void waf_sign_in_again(struct waf_sign_in *s); /* under a new id */
void waf_sign_in_end(struct waf_sign_in *s);
void waf_sign_ins_reset(void);

/* How a browser goes back to its WWSF. */
struct waf_back {
	struct str redirect_uri, state;
	enum waf_refusal no;
};
/* The form, with what was wrong the last time; wait_s: Retry-After, 0: none. */
void waf_page_form(struct http_req *req, const char *id, const char *wwsf,
	const char *redirect_uri, enum waf_refusal no, int wait_s);
void waf_page_refuse(struct http_req *req, enum waf_refusal no);

/* ---- requests ---- */

/* Who asks at /token and /revoke, in the order of reference checks: the form, the client by
 * its certificate, not blocked, not too often. */
enum waf_refusal waf_client(struct http_req *req, struct form *form, struct waf_wwsf **out);

void waf_on_token(struct http_req *req, void *arg);
void waf_on_authorize(struct http_req *req, void *arg);
void waf_on_sign_in(struct http_req *req, void *arg);
void waf_on_style(struct http_req *req, void *arg);
void waf_on_introspect(struct http_req *req, void *arg);
void waf_on_revoke(struct http_req *req, void *arg);
void waf_on_revoked(struct http_req *req, void *arg);
void waf_on_metadata(struct http_req *req, void *arg);
void waf_on_jwks(struct http_req *req, void *arg);

/* ---- admin socket (waf_admin.c) ---- */

/* {"cmd":"block"|"unblock","wwsf":NAME}, {"cmd":"rotate"}; refused where there is no WAF. */
json_t *waf_run_block(const json_t *args);
json_t *waf_run_unblock(const json_t *args);
json_t *waf_run_rotate(const json_t *args);
/* {"tokens":N,"grants":N,"keys":N,"wwsfs":{NAME:{"blocked":false,"tokens":N}}}; NULL: no WAF. */
json_t *waf_state(void);
