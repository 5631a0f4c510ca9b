/* The WebRTC Signalling Function as a user agent (TR 23.701 6.2.2.4.2): it authenticates web
 * users by HTTPS, registers them in the IMS as a trusted node, and keeps the registration for
 * as long as the web session lives. Absent without a `wsf:` section.
 *
 * Words: a *user* is a web identity, with the IMS identities that belong to it; a *session* is
 * what a user has after signing in: one registration, one cookie, one handle, and at most one
 * WebSocket that is bound to it.
 *
 *	wsf_conf.c      the section
 *	wsf.c           start, stop, reset, state; routes; what requests and answers share
 *	wsf_store.c     users and sessions in SQLite (wsf_schema.sql)
 *	wsf_login.c     POST /register: who asks (step 1)
 *	wsf_ask.c       ... what the request brings
 *	wsf_digest.c    ... HTTP Digest: nonces, judging, proof
 *	wsf_session.c   sessions; GET and DELETE /session
 *	wsf_register.c  REGISTER towards the I-CSCF and its refreshes (steps 2 to 7), and the end
 *	wsf_socket.c    the session's WebSocket, whose REGISTER ends here
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <jansson.h>

#include "common/base/fsm.h"
#include "common/base/hash.h"
#include "common/base/throttle.h"
#include "common/crypto/digest.h"
#include "common/db/db.h"
#include "common/edge/edge.h"
#include "common/http/http.h"

/* ---- configuration ---- */

enum { WSF_IMPUS_MAX = 32, WSF_NAME_MAX = 128, WSF_PASSWORD_MAX = 1024 };

struct wsf_user_conf {
	char *user;
	char *hash;                    /* yescrypt; NULL: no password in a body, unless ha1 */
	char *md5, *sha256;            /* HA1 of the realm in hex; NULL: not by that algorithm */
	char *impi;                    /* NULL: has no IMS identity */
	struct conf_list impus;        /* of char *; the first is registered unless another is
					* asked for */
};
/*	wsf: {listen: 127.0.0.12:8444, cert: FILE, key: FILE, realm: TEXT, database: FILE,
 *	      algorithms: [SHA-256, MD5], next-nonce: true, nonce-life: 120s,
 *	      expires: 600s, min-expires: 60s, answer: 30s, retry: 30s,
 *	      session-life: 12h, idle: 30min, sessions: 100000, per-user: 8,
 *	      login: {failures: 5, window: 5min, per-source: 30, source-window: 1min,
 *	              workers: 32},
 *	      edge: URI, users: [{user, password-hash, ha1: {MD5, SHA-256}, impi, impu: []}]} */
struct wsf_conf {
	struct addr listen, also;      /* listen: no address: no such role */
	char *cert, *key, *realm, *edge;
	char *database;                /* NULL: in memory */
	struct conf_list algorithms;   /* of char *, the preferred first */
	bool next_nonce;
	int64_t nonce_life_ms;
	int64_t expires_ms, min_expires_ms; /* of the registration in the IMS */
	int64_t answer_ms;             /* how long a request waits for the network */
	int64_t retry_ms;              /* between two attempts at a refresh */
	int64_t session_life_ms;       /* from the sign-in */
	int64_t idle_ms;               /* without a request and without a WebSocket */
	int64_t sessions, per_user;    /* at most; per_user 1: a second sign-in is refused */
	struct {
		int64_t failures, window_ms, per_source, source_window_ms, workers;
	} login;
	struct conf_list users;        /* of struct wsf_user_conf */
};
extern const struct conf_row wsf_conf_rows[];
int wsf_conf_check(const struct wsf_conf *c, const struct edge_conf *edge, char why[512]);
bool wsf_offers(const struct wsf_conf *c, enum digest_algorithm a);

/* ---- wsf.c ---- */

struct wsf {
	const struct wsf_conf *conf;   /* NULL: no such role, or stopped */
	const struct edge_conf *edge_conf;
	struct host *host;
	struct edge *edge;
	struct sip_stack *stack;
	const struct edge_mw *mw;
	const struct sip_hop *icscf;
	struct http_server *server;
	struct tls *tls;
	struct db *db;
	struct throttle *accounts, *sources; /* sign-ins of one user, from one address */
};
extern struct wsf wsf;

int wsf_start(const struct wsf *setup, char why[512]); /* the upper members; after the edge */
void wsf_stop(void);                   /* before the stack and the edge close; rows stay */
void wsf_reset(void);                  /* as at a first start: sessions gone, too */
int wsf_open(void);                    /* things under way */
json_t *wsf_json(const json_t *args);  /* {sessions: [..]} of one user, or of all */
extern const struct edge_web wsf_web;  /* for the edge */
extern const struct edge_registrar wsf_registrar;

enum wsf_refusal {
	WSF_GOOD,
#define X(id, status, word) WSF_NO_##id,
#include "epcscf/wsf_refuse.def"
#undef X
	WSF_REFUSALS
};
/* Each answers, once; bodies are JSON. `more`: further fields; body: a reference taken, or
 * NULL. A refusal is counted and logged with its reason. */
void wsf_answer(struct http_req *req, int status, struct str more, json_t *body);
void wsf_refuse(struct http_req *req, enum wsf_refusal no, struct str more, const char *why);
void wsf_refuse_later(struct http_req *req, enum wsf_refusal no, int64_t retry_s, const char *why);
/* The request comes from a page that may use sessions, or from no page; else it was answered
 * (403). *origin: whose page, NULL: none. */
bool wsf_same_site(struct http_req *req, const struct edge_origin_conf **origin);
/* The WWSF of an origin, or the origin where nobody has named that; NULL: of none. */
const char *wsf_page_of(const struct edge_origin_conf *o);
const struct edge_origin_conf *wsf_origin_of(const struct http_msg *m);
/* Who hears of the answer is there still. */
bool wsf_hears(struct http_req *req);

/* ---- wsf_store.c ---- */

struct wsf_user {
	struct str name, hash, ha1[2]; /* p NULL: none; ha1 by enum digest_algorithm */
	struct str impi, impu[WSF_IMPUS_MAX];
	size_t n_impu;
};
struct wsf_session_row {
	struct str cookie, handle;     /* SHA-256 of each */
	struct str user, impi, impu, contact, instance, call_id, route, set, waf, wwsf, client,
		page;
	uint32_t cseq;
	int64_t ends_ms, registered_ms; /* wall clock; of the session, of the registration */
};
typedef void(wsf_row_h)(const struct wsf_session_row *row);
int wsf_store_open(char why[512]);
void wsf_store_close(void);
/* 0, -ENOENT, -EIO; texts in the arena. */
int wsf_store_user(struct str name, struct arena *a, struct wsf_user *out);
/* Hash of whoever has one, to compare with where a user has none; p NULL: nobody has. */
struct str wsf_store_some_hash(struct arena *a);
/* What can't be stored is tried again later, from wsf_sessions_save. */
int wsf_store_put(const struct wsf_session_row *row);  /* by its cookie */
int wsf_store_forget(struct str cookie);
int wsf_store_clear(void);
void wsf_store_load(wsf_row_h *h);

/* ---- wsf_ask.c: what a request for a registration brings ---- */

enum wsf_by { WSF_BY_NOTHING, WSF_BY_DIGEST, WSF_BY_PASSWORD, WSF_BY_TOKEN };
struct wsf_ask {
	enum wsf_by by;
	struct sip_digest digest;
	struct str user, password;     /* by password */
	struct str token;
	struct str impu;               /* asked for; p NULL: the first */
	uint32_t expires;              /* asked for; 0: not said */
};
/* `field` is the value of Authorization, p NULL: none. Texts stand in the arena. 0, or -EBADMSG
 * with a static sentence. */
int wsf_ask_read(struct str field, struct str body, struct arena *a, struct wsf_ask *ask,
	const char **why);

/* ---- wsf_digest.c: HTTP Digest (RFC 7616), qop=auth ---- */

enum wsf_judgement {
	WSF_RIGHT, WSF_WRONG, WSF_STALE /* right, but of a nonce that is over or was used so */
};
void wsf_digest_open(void);
void wsf_digest_close(void);
void wsf_digest_reset(void);           /* nonces of before are stale */
/* The challenges, the preferred first, Bearer last where tokens are taken. */
struct str wsf_challenge(struct arena *a, bool stale);
/* Against the HA1s of *u (NULL: nobody's, which is wrong and takes as long). RIGHT: the count
 * is used up, and *info is the field Authentication-Info. */
enum wsf_judgement wsf_digest_judge(const struct sip_digest *d, struct str method,
	const struct wsf_user *u, struct arena *a, struct str *info);
/* What can be said without knowing the user. */
enum wsf_refusal wsf_digest_fault(const struct sip_digest *d, struct str target,
	const char **why);

/* ---- wsf_session.c ---- */

enum { WSF_SECRET_SIZE = 65, WSF_CSRF_SIZE = 33 };
struct wsf_account;
struct wsf_session {
	struct fsm fsm;                /* wsf_register.c */
	int64_t ms[2];                 /* its durations: the answer, the refresh */
	struct timer end;              /* of its life, or for want of use; then of the patience of
					* who asked for the end */
	UT_hash_handle by_cookie, by_handle, by_id;
	struct wsf_session *prev, *next; /* of one account */
	struct wsf_account *account;
	uint64_t id;
	char name[64];                 /* for the log */
	uint8_t cookie[32], handle[32]; /* SHA-256 */
	char contact[33], instance[37], call_id[33];
	uint32_t cseq;
	char *impi, *impu, *route, *set; /* route, set: of the last 200; NULL: none yet */
	char *waf, *wwsf;              /* whom the core is told; NULL: nobody */
	char *page;                    /* whose page it began on (wsf_page_of); NULL: none */
	char *client;                  /* WWSF whose token it began with; NULL: no token */
	int64_t ends_ms, registered_ms; /* wall clock; registered_ms 0: not registered */
	int64_t used_ms;               /* clock_ms of the last request */
	uint32_t asked_s;              /* the interval that its user asked for; 0: ours */
	uint64_t tx;                   /* REGISTER that is not answered; 0: none */
	struct http_req *req;          /* POST or DELETE that waits; NULL: none does */
	char secret[WSF_SECRET_SIZE];  /* the cookie, until it has been handed out; then "" */
	char *info;                    /* Authentication-Info of that answer; NULL: none */
	struct edge_binding *socket;   /* NULL: no WebSocket is bound */
	bool shut;                     /* it is about to end */
};

void wsf_sessions_load(void);
void wsf_sessions_save(void);          /* all that last */
void wsf_sessions_drop(void);          /* all, without a word to the network; rows stay */
json_t *wsf_sessions_json(struct str user);            /* user p NULL: of all, at most 100 */
void wsf_sessions_blocked(void);       /* those of WWSFs that are blocked now end */
bool wsf_session_blocked(const struct wsf_session *s); /* its WWSF is */
int wsf_sessions_open(void);                           /* those with something under way */
/* A new one, within the limits; NULL with *no. */
struct wsf_session *wsf_session_new(const struct wsf_user *u, struct str impu,
	enum wsf_refusal *no);
void wsf_session_free(struct wsf_session *s);          /* its row stays */
int wsf_session_save(const struct wsf_session *s);
/* A live one, by the request's cookie or by a handle; NULL: none. */
struct wsf_session *wsf_session_of(const struct http_msg *m);
struct wsf_session *wsf_session_by_handle(struct str handle);
struct wsf_session *wsf_session_by_id(uint64_t id);
void wsf_session_used(struct wsf_session *s);
void wsf_session_watch(struct wsf_session *s);         /* (again) for its end */
/* Nobody is let in by it any more; its WebSocket is closed. */
void wsf_session_shut(struct wsf_session *s, const char *why);
struct str wsf_session_user(const struct wsf_session *s);
/* 200; `more`: further fields. */
void wsf_session_answer(struct wsf_session *s, struct http_req *req, struct str more);
void wsf_session_gone(struct http_req *req);                   /* 204, and the cookie goes */
http_h wsf_on_session, wsf_on_sign_out;

/* ---- wsf_login.c ---- */

http_h wsf_on_register;
int wsf_logins(void);                  /* sign-ins that wait for a hash or an issuer */
void wsf_login_stop(void);             /* nobody waits any more */
void wsf_login_again(uint64_t who);    /* edge_web.again */

/* ---- wsf_register.c ---- */

/* Registers in the name of `req`, which is answered when that has succeeded or failed. */
void wsf_register(struct wsf_session *s, struct http_req *req);
void wsf_registered_before(struct wsf_session *s);     /* ... before a restart */
/* The session ends: deregisters, and frees it. `req` may be NULL. */
void wsf_deregister(struct wsf_session *s, struct http_req *req, const char *why);
bool wsf_is_live(const struct wsf_session *s);         /* registered, and not about to end */
extern const struct fsm_table wsf_table;               /* for its test; begins as 0 */
