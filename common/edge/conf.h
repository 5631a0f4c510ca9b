/* Configuration of the edge, shared by eP-CSCF and WAAF.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/conf/conf.h"
#include "common/sip/entity.h"
#include "common/sip/stack.h"

/*	wss: {listen: 127.0.0.12:8443, also: 192.0.2.1:8444, cert: FILE, key: FILE,
 *	      path: /sip, ping: 30s,
 *	      t1: 2s, t2: 16s, t4: 17s}
 * t1, t2 and t4 are the SIP timers towards users (TS 24.229 7.7). */
struct edge_wss_conf {
	struct addr listen, also;      /* also: a second one, or no address */
	char *cert, *key, *path;
	int64_t ping_ms, t1_ms, t2_ms, t4_ms;
};
/*	origins: [{origin: "https://wwsf.ims.example.org:8443", also: [], wwsf: NAME,
 *	           auth: [digest, token]}]
 * One row a WWSF: exact values of Origin, as browsers write them. What a WIC of its page
 * may register with stands in auth; nothing at all with []. `wildcard`, which stands alone:
 * by token, as a member of a range that the element itself registers (TR 23.701
 * 6.3.2.1.5). `session`: by a web session that the element keeps (6.2.2.4.2). `direct`: by
 * digest of web credentials, the WWSF named in the REGISTER (TR 33.871). */
struct edge_origin_conf {
	char *origin;
	struct conf_list also;         /* of char *: other origins of the same pages */
	char *wwsf;                    /* identity of the WWSF; may be NULL with digest alone */
	struct conf_list auth;         /* of char *: digest, token, wildcard, session,
	                                * direct */
};
/*	limits: {handshakes-per-second: 10, open-per-address: 200, open: 100000,
 *	         register-within: 10s, registers-per-10s: 5, requests-per-second: 20} */
struct edge_limits_conf {
	int64_t handshakes, open_per_address, open;
	int64_t register_within_ms, registers, requests;
};
/*	domain: operator | third-party: whose network it stands in */
enum edge_domain { EDGE_OPERATOR, EDGE_THIRD_PARTY };

/*	issuers: [{issuer: URL, url: URL, by: jwks|introspection, identity: NAME,
 *	           domain: operator, wwsfs: [NAME], ca: FILE, cert: FILE, key: FILE,
 *	           timeout: 5s, jwks: /jwks, revoked: /revoked, introspect: /introspect}]
 * Whose tokens are taken: a WWSF that issues them itself, or a WAF. */
enum edge_by { EDGE_BY_JWKS, EDGE_BY_INTROSPECTION };
struct edge_issuer_conf {
	char *issuer;                  /* iss, exact */
	char *url;                     /* where it is asked: https://host:port */
	int by;                        /* enum edge_by */
	char *identity;                /* its own, as the HSS lists it */
	int domain;                    /* enum edge_domain */
	struct conf_list wwsfs;        /* of char *: whom it may issue to */
	char *ca, *cert, *key;         /* cert and key: for mutual TLS */
	int64_t timeout_ms;
	char *jwks, *revoked, *introspect; /* paths; revoked empty: it has no such list */
};
/*	bad-per-source: {count: 20, window: 1min} */
struct edge_bad_conf {
	int64_t count, window_ms;
};
/*	tokens: {audience: ims.example.org, skew: 0s, max-life: 3600s, authz-server: URL,
 *	         min-expires: 60s, bad-per-connection: 3, bad-per-source: {..},
 *	         check-age: 20s, body: false, blocked: [NAME], remember: 262144, issuers: []}
 * No issuer: no token is taken. */
struct edge_tokens_conf {
	char *audience;                /* one of the token's aud */
	int64_t skew_ms, max_life_ms, min_expires_ms;
	char *authz_server;            /* for the challenge; may be NULL */
	int64_t bad_per_connection;
	struct edge_bad_conf bad_per_source;
	int64_t check_age_ms;          /* how old what the issuer says may be */
	bool body;                     /* a body of application/jwt counts as Bearer */
	struct conf_list blocked;      /* of char *: WWSFs and WAFs */
	int64_t remember;              /* tokens whose first use is remembered, at most */
	struct conf_list issuers;      /* of struct edge_issuer_conf */
};
struct edge_conf {
	char *name;                    /* host name of the element: Path, Route */
	char *realm;                   /* home domain */
	int domain;                    /* enum edge_domain */
	struct edge_wss_conf wss;
	struct conf_list origins;      /* of struct edge_origin_conf */
	struct edge_limits_conf limits;
	struct edge_tokens_conf tokens;
	struct sip_entity_params entities; /* what WAF and WWSF are called towards the core */
};
extern const struct conf_row edge_wss_rows[], edge_origin_rows[], edge_limits_rows[],
	edge_tokens_rows[];
extern const char *const edge_domain_names[];
/* Rows of a struct edge_conf that is member `m` of S. */
#define EDGE_CONF_ROWS(S, m) \
	CONF_STR(S, m.name, "name", CONF_REQUIRED, NULL), \
		CONF_STR(S, m.realm, "realm", CONF_REQUIRED, NULL), \
		CONF_ENUM(S, m.domain, "domain", 0, "operator", edge_domain_names), \
		CONF_STRUCT(S, m.wss, "wss", CONF_REQUIRED, edge_wss_rows), \
		CONF_LIST(S, m.origins, "origins", CONF_REQUIRED, edge_origin_rows, \
			struct edge_origin_conf), \
		CONF_STRUCT(S, m.limits, "limits", 0, edge_limits_rows), \
		CONF_STRUCT(S, m.tokens, "tokens", 0, edge_tokens_rows), \
		CONF_STRUCT(S, m.entities, "entity-params", 0, sip_entity_rows)
/* What an origin may register with. */
enum {
	EDGE_AUTH_DIGEST = 1,
	EDGE_AUTH_TOKEN = 2,
	EDGE_AUTH_WILDCARD = 4,
	EDGE_AUTH_SESSION = 8,
	EDGE_AUTH_DIRECT = 16,
	EDGE_AUTH_BY_TOKEN = EDGE_AUTH_TOKEN | EDGE_AUTH_WILDCARD,
};
/* Origins that are none, methods of authentication that are not known or not among those
 * that the element serves, issuers that can't be asked: -EINVAL and a sentence. */
int edge_conf_check(const struct edge_conf *conf, unsigned served, char why[512]);
unsigned edge_origin_auth(const struct edge_origin_conf *o);
/* The host name and port of an issuer's url; 0 or -EINVAL. */
int edge_issuer_host(const struct edge_issuer_conf *i, struct str *host, uint16_t *port);
bool edge_name_among(const struct conf_list *names, struct str name); /* of char * */
/* ... as it stands there, NULL when it does not. */
const char *edge_name_find(const struct conf_list *names, struct str name);
/* Timers towards users, and room for their connections. */
void edge_stack_conf(const struct edge_conf *conf, struct sip_stack_conf *out);
