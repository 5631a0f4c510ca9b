/* The WWSF (TS 23.228 U.1.3.2): configuration, what its procedures share, page.
 *
 *	conf.c         configuration
 *	page.c         the page, GET /config, GET /identities
 *	identity_db.h  who may sign in, and as whom they register
 *	assignment.h   identities that are lent: of a range, of a pool
 *	login.c        POST /login, POST /anonymous
 *	session.h      sessions of signed-in users; GET /session, POST /logout
 *	token.h        a token for a session: issued here, or fetched from the WAF (waf_client.h)
 *	registration.h the WAAF registers our wildcarded identity
 *	signin.c       sign-in at the WAF (authorization code grant): GET /signin, GET /callback
 *	api.h          what every answer and check of the JSON API has in common
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/conf/conf.h"
#include "common/http/http.h"

enum wwsf_issuer { WWSF_ISSUER_NONE, WWSF_ISSUER_SELF, WWSF_ISSUER_WAF };
enum wwsf_grant { WWSF_CLIENT_CREDENTIALS, WWSF_AUTHORIZATION_CODE };
enum wwsf_identities { WWSF_DATABASE, WWSF_TRANSLATION, WWSF_RANGE, WWSF_POOL };

/* What is lent: numbers by template, or the members of a list. */
struct wwsf_lend_conf {
	char *impi, *impu;             /* with "${n}" in them; NULL: there are members */
	int64_t digits, first, last;
	struct conf_list members;      /* of struct wwsf_member */
	int64_t lease_ms, guard_ms;
};
struct wwsf_member {
	char *impi;
	struct conf_list impus;        /* of char * */
};

/* The wildcarded identity that the WAAF registers for us. */
struct wwsf_registration_conf {
	char *url;                     /* NULL: none */
	char *impi, *impu;             /* of the pilot, who stands for all of them */
	char *password;
	struct conf_list block;        /* of char *: wildcarded identities */
	int64_t expires_ms, timeout_ms;
	char *ca, *cert, *key;
	bool at_start;
};

struct wwsf_conf {
	struct addr listen, listen_also; /* also: a second one, or no address */
	char *cert, *key;              /* PEM files */
	char *identity;                /* name of this WWSF: client_id of tokens and of W4 */
	char *origin;                  /* own origin, "https://host:port"; issuer of own tokens */
	struct conf_list also;         /* of char *: further own origins, by address */
	char *domain;                  /* home domain of the IMS */
	char *edge;                    /* wss:// URI of the eP-CSCF or WAAF */
	struct conf_list edges;        /* of struct wwsf_edge: other edges for pages by other hosts */
	char *database;                /* SQLite file; NULL: in memory */
	struct conf_list users;        /* of struct wwsf_user; loaded into the database */
	int identities;                /* enum wwsf_identities */
	struct {
		char *impi, *impu;     /* with "${user}" in them */
	} translation;
	struct wwsf_lend_conf range, pool;
	bool anonymous;                /* POST /anonymous is served */
	bool lookup;                   /* GET /identities tells anybody who names a user */
	int64_t session_life_ms, sessions;
	struct {
		int64_t failures, window_ms, per_source, source_window_ms, workers;
	} login;
	struct {
		int issuer;            /* enum wwsf_issuer */
		int64_t life_ms;
		int64_t per_user, user_window_ms;
		char *audience;        /* NULL: the home domain */
		char *keys;            /* file of the signing keys; NULL: new ones at each start */
	} token;
	struct {
		char *url, *authorize, *issuer; /* issuer NULL: the origin of `authorize` */
		int grant;             /* enum wwsf_grant */
		char *ca, *cert, *key;
		int64_t timeout_ms, connections;
	} waf;
	struct wwsf_registration_conf registration;
};
/* A page that was opened as https://HOST (with port) goes to this edge: a browser that came
 * by an address resolves no names of the rig. */
struct wwsf_edge {
	char *host, *edge;
};
struct wwsf_user {
	char *user, *hash;             /* hash NULL: can't sign in here */
	char *impi;                    /* NULL: has no IMS identity */
	struct conf_list impus;        /* of char * */
};
extern const struct conf_row wwsf_conf_rows[];
int wwsf_conf_check(const void *conf, char why[512]);
/* Where the WAF sends a browser back to is below one of these. The n-th own origin, NULL
 * behind the last. */
const char *wwsf_origin(const struct wwsf_conf *conf, size_t n);
/* The edge for a page of that Host. */
const char *wwsf_edge_for(const struct wwsf_conf *conf, struct str host);
/* "wss://host:port" of an edge, for connect-src. */
struct str wwsf_edge_origin(struct str edge);

struct identity_db;
struct assignments;
struct sessions;
struct throttle;

/* Of the running process. */
struct wwsf {
	const struct wwsf_conf *conf;
	struct host *host;             /* NULL: stopped */
	struct http_server *server;
	struct identity_db *db;
	struct assignments *assignments; /* NULL: nothing is lent */
	struct sessions *sessions;
	struct throttle *accounts, *sources; /* sign-ins of one user, from one address */
	struct throttle *users;        /* tokens for one user's sessions */
};
extern struct wwsf wwsf;

int wwsf_start(struct host *host, const void *conf, char why[512]);
void wwsf_stop(void);
void wwsf_reset(void);
int wwsf_open(void);                   /* requests that wait for a hash or for the WAF */

/* The routes; each answers its request, now or later. */
http_h wwsf_on_page, wwsf_on_style, wwsf_on_script, wwsf_on_config, wwsf_on_identities;
http_h wwsf_on_login, wwsf_on_anonymous, wwsf_on_token, wwsf_on_session, wwsf_on_logout;
http_h wwsf_on_signin, wwsf_on_callback, wwsf_on_jwks, wwsf_on_revoked;

/* Files of wwsf/page, embedded by the build, and the bundle of its script. Where that could
 * not be made, a script that says so stands in its place, and wwsf_page_absent says why. */
extern const struct str wwsf_page_index_html, wwsf_page_style_css, wwsf_page_wic_js;
extern const struct str wwsf_page_absent;
