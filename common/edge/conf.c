/* Configuration of the edge.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>

#include "common/edge/conf.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))
enum { CORE_CONNECTIONS = 10000 }; /* beside the WebSockets */

const char *const edge_domain_names[] = {"operator", "third-party", NULL};

const struct conf_row edge_wss_rows[] = {
	CONF_ADDR(struct edge_wss_conf, listen, "listen", CONF_REQUIRED, 8443),
	CONF_ADDR(struct edge_wss_conf, also, "also", 0, 8443),
	CONF_STR(struct edge_wss_conf, cert, "cert", CONF_REQUIRED, NULL),
	CONF_STR(struct edge_wss_conf, key, "key", CONF_REQUIRED, NULL),
	CONF_STR(struct edge_wss_conf, path, "path", 0, "/sip"),
	CONF_MS(struct edge_wss_conf, ping_ms, "ping", 0, "30s"),
	CONF_MS(struct edge_wss_conf, t1_ms, "t1", 0, "2s"),
	CONF_MS(struct edge_wss_conf, t2_ms, "t2", 0, "16s"),
	CONF_MS(struct edge_wss_conf, t4_ms, "t4", 0, "17s"), CONF_END};

const struct conf_row edge_origin_rows[] = {
	CONF_STR(struct edge_origin_conf, origin, "origin", CONF_REQUIRED, NULL),
	CONF_STRS(struct edge_origin_conf, also, "also", 0),
	CONF_STR(struct edge_origin_conf, wwsf, "wwsf", 0, NULL),
	{"auth", CONF_T_LIST, offsetof(struct edge_origin_conf, auth), 0, "[digest]",
		.size = sizeof(char *), .item = CONF_T_STR},
	CONF_END};

#define LIMIT(m, k, d) CONF_INT(struct edge_limits_conf, m, k, 0, d, 1, 1000000000)
const struct conf_row edge_limits_rows[] = {
	LIMIT(handshakes, "handshakes-per-second", "10"),
	LIMIT(open_per_address, "open-per-address", "200"), LIMIT(open, "open", "100000"),
	CONF_MS(struct edge_limits_conf, register_within_ms, "register-within", 0, "10s"),
	LIMIT(registers, "registers-per-10s", "5"),
	LIMIT(requests, "requests-per-second", "20"), CONF_END};

static const char *const by_names[] = {"jwks", "introspection", NULL};

#define ISSUER(m, k, f, d) CONF_STR(struct edge_issuer_conf, m, k, f, d)
static const struct conf_row issuer_rows[] = {
	ISSUER(issuer, "issuer", CONF_REQUIRED, NULL),
	ISSUER(url, "url", CONF_REQUIRED, NULL),
	CONF_ENUM(struct edge_issuer_conf, by, "by", 0, "jwks", by_names),
	ISSUER(identity, "identity", CONF_REQUIRED, NULL),
	CONF_ENUM(struct edge_issuer_conf, domain, "domain", 0, "operator",
		edge_domain_names),
	CONF_STRS(struct edge_issuer_conf, wwsfs, "wwsfs", CONF_REQUIRED),
	ISSUER(ca, "ca", CONF_REQUIRED, NULL), ISSUER(cert, "cert", 0, NULL),
	ISSUER(key, "key", 0, NULL),
	CONF_MS(struct edge_issuer_conf, timeout_ms, "timeout", 0, "5s"),
	ISSUER(jwks, "jwks", 0, "/jwks"), ISSUER(revoked, "revoked", 0, "/revoked"),
	ISSUER(introspect, "introspect", 0, "/introspect"), CONF_END};

static const struct conf_row bad_rows[] = {
	CONF_INT(struct edge_bad_conf, count, "count", 0, "20", 1, 1000000000),
	CONF_MS(struct edge_bad_conf, window_ms, "window", 0, "1min"), CONF_END};

#define TOKENS struct edge_tokens_conf
const struct conf_row edge_tokens_rows[] = {
	CONF_STR(TOKENS, audience, "audience", 0, NULL),
	CONF_MS(TOKENS, skew_ms, "skew", 0, "0s"),
	CONF_MS(TOKENS, max_life_ms, "max-life", 0, "3600s"),
	CONF_STR(TOKENS, authz_server, "authz-server", 0, NULL),
	CONF_MS(TOKENS, min_expires_ms, "min-expires", 0, "60s"),
	CONF_INT(TOKENS, bad_per_connection, "bad-per-connection", 0, "3", 1, 1000000),
	CONF_STRUCT(TOKENS, bad_per_source, "bad-per-source", 0, bad_rows),
	CONF_MS(TOKENS, check_age_ms, "check-age", 0, "20s"),
	CONF_BOOL(TOKENS, body, "body", "false"), CONF_STRS(TOKENS, blocked, "blocked", 0),
	CONF_INT(TOKENS, remember, "remember", 0, "262144", 1, 100000000),
	CONF_LIST(TOKENS, issuers, "issuers", 0, issuer_rows, struct edge_issuer_conf),
	CONF_END};

static const struct {
	struct str name;
	unsigned bit;
} methods[] = {
	{{"digest", 6}, EDGE_AUTH_DIGEST},
	{{"token", 5}, EDGE_AUTH_TOKEN},
	{{"wildcard", 8}, EDGE_AUTH_WILDCARD},
	{{"session", 7}, EDGE_AUTH_SESSION},
	{{"direct", 6}, EDGE_AUTH_DIRECT},
};

static unsigned method_bit(struct str name)
{
	for (size_t i = 0; i < COUNT(methods); i++)
		if (str_eq(methods[i].name, name))
			return methods[i].bit;
	return 0;
}

unsigned edge_origin_auth(const struct edge_origin_conf *o)
{
	char *const *names = o->auth.items;
	unsigned bits = 0;
	for (size_t i = 0; i < o->auth.n; i++)
		bits |= method_bit(str_of(names[i]));
	return bits;
}

/* As a browser serialises it (RFC 6454 6.2): scheme and host in lower case, no default
 * port, nothing behind. */
static bool is_origin(struct str s)
{
	if (!str_starts(s, STR("https://")) || str_ends(s, STR(":443")))
		return false;
	s = str_skip(s, sizeof "https://" - 1);
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] <= ' ' || strchr("/?#@,", s.p[i]) ||
			(s.p[i] >= 'A' && s.p[i] <= 'Z'))
			return false;
	return s.n > 0;
}

static int check_origin(const char *text, char why[512])
{
	if (is_origin(str_of(text)))
		return 0;
	snprintf(why, 512,
		"origins: \"%s\" is no origin as browsers write it (https://host or "
		"https://host:port, lower case, no path, no :443)",
		text);
	return -EINVAL;
}

static int check_auth(const char *name, unsigned served, char why[512])
{
	if (method_bit(str_of(name)) & served)
		return 0;
	size_t n = (size_t)snprintf(
		why, 512, "origins: auth \"%s\" is not known here (expected", name);
	for (size_t i = 0; i < COUNT(methods) && n < 400; i++)
		if (methods[i].bit & served)
			n += (size_t)snprintf(why + n, 512 - n, "%s " STR_FMT,
				i ? " or" : "", STR_ARG(methods[i].name));
	snprintf(why + n, 512 - n, ")");
	return -EINVAL;
}

/* Whose identities a token's are must not depend on how they look. */
static int check_alone(const struct edge_origin_conf *o, char why[512])
{
	unsigned bits = edge_origin_auth(o);
	if (!(bits & EDGE_AUTH_WILDCARD) || bits == EDGE_AUTH_WILDCARD)
		return 0;
	snprintf(why, 512, "origins: auth wildcard of \"%s\" stands alone", o->origin);
	return -EINVAL;
}

/* ---- tokens ---- */

const char *edge_name_find(const struct conf_list *names, struct str name)
{
	char *const *rows = names->items;
	for (size_t i = 0; i < names->n; i++)
		if (str_host_eq(str_of(rows[i]), name))
			return rows[i];
	return NULL;
}

bool edge_name_among(const struct conf_list *names, struct str name)
{
	return edge_name_find(names, name) != NULL;
}

int edge_issuer_host(const struct edge_issuer_conf *i, struct str *host, uint16_t *port)
{
	struct str s = str_of(i->url);
	uint32_t n = 443;
	if (!str_starts(s, STR("https://")))
		return -EINVAL;
	s = str_skip(s, sizeof "https://" - 1);
	if (str_ends(s, STR("/")))
		s.n--;
	*host = str_cut(&s, ':');
	if (!host->n || str_chr(*host, '/') >= 0 || str_chr(*host, '[') >= 0 ||
		(s.p && (str_u32(s, &n) || !n || n > 65535)))
		return -EINVAL;
	*port = (uint16_t)n;
	return 0;
}

static int check_issuer(const struct edge_issuer_conf *i, char why[512])
{
	const char *const paths[] = {i->jwks, i->introspect, i->revoked};
	struct str host;
	uint16_t port;
	if (edge_issuer_host(i, &host, &port)) {
		snprintf(why, 512,
			"tokens.issuers: url \"%s\" is not https://host or "
			"https://host:port",
			i->url);
		return -EINVAL;
	}
	for (size_t n = 0; n < COUNT(paths); n++)
		if (paths[n][0] != '/' && !(n == 2 && !paths[n][0])) {
			snprintf(why, 512, "tokens.issuers: path \"%s\" must begin with /",
				paths[n]);
			return -EINVAL;
		}
	if (!i->cert != !i->key) {
		snprintf(why, 512, "tokens.issuers: cert and key go together (%s)",
			i->issuer);
		return -EINVAL;
	}
	return 0;
}

static int check_tokens(const struct edge_conf *conf, char why[512])
{
	const struct edge_tokens_conf *t = &conf->tokens;
	const struct edge_issuer_conf *issuers = t->issuers.items;
	const struct edge_origin_conf *o = conf->origins.items;
	int err = sip_entity_check(&conf->entities, why);

	for (size_t i = 0; !err && i < t->issuers.n; i++)
		err = check_issuer(&issuers[i], why);
	if (!err && t->issuers.n && !t->audience) {
		snprintf(why, 512, "tokens needs audience: what a token's aud must name");
		return -EINVAL;
	}
	for (size_t i = 0; !err && i < conf->origins.n; i++) {
		unsigned bits = edge_origin_auth(&o[i]);
		if (bits & EDGE_AUTH_DIRECT && (!o[i].wwsf || !conf->entities.wwsf[0])) {
			snprintf(why, 512, "origins: auth direct of \"%s\" needs %s", o[i].origin,
				o[i].wwsf ? "entity-params.wwsf: the name of the parameter"
					  : "wwsf: the identity of its WWSF");
			return -EINVAL;
		}
		if (!(bits & EDGE_AUTH_BY_TOKEN))
			continue;
		if (t->issuers.n && o[i].wwsf)
			continue;
		snprintf(why, 512, "origins: auth %s of \"%s\" needs %s",
			bits & EDGE_AUTH_WILDCARD ? "wildcard" : "token", o[i].origin,
			o[i].wwsf ? "tokens.issuers" : "wwsf: the identity of its WWSF");
		return -EINVAL;
	}
	return err;
}

/* ---- all ---- */

int edge_conf_check(const struct edge_conf *conf, unsigned served, char why[512])
{
	const struct edge_origin_conf *o = conf->origins.items;
	int err = 0;

	if (conf->wss.path[0] != '/') {
		snprintf(why, 512, "wss.path \"%s\" must begin with /", conf->wss.path);
		return -EINVAL;
	}
	for (size_t i = 0; !err && i < conf->origins.n; i++) {
		char *const *also = o[i].also.items, *const *auth = o[i].auth.items;
		err = check_origin(o[i].origin, why);
		for (size_t k = 0; !err && k < o[i].also.n; k++)
			err = check_origin(also[k], why);
		for (size_t k = 0; !err && k < o[i].auth.n; k++)
			err = check_auth(auth[k], served, why);
		if (!err)
			err = check_alone(&o[i], why);
	}
	return err ? err : check_tokens(conf, why);
}

void edge_stack_conf(const struct edge_conf *conf, struct sip_stack_conf *out)
{
	out->access = (struct sip_timers){
		(int)conf->wss.t1_ms, (int)conf->wss.t2_ms, (int)conf->wss.t4_ms};
	out->max_connections = (size_t)conf->limits.open + CORE_CONNECTIONS;
}
