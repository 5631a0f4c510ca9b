/* Configuration of the WWSF.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>

#include "common/crypto/password.h"
#include "common/crypto/token.h"
#include "wwsf/assignment.h"
#include "wwsf/registration.h"

static const struct conf_row user_rows[] = {
	CONF_STR(struct wwsf_user, user, "user", CONF_REQUIRED, NULL),
	CONF_STR(struct wwsf_user, hash, "password-hash", 0, NULL),
	CONF_STR(struct wwsf_user, impi, "impi", 0, NULL),
	CONF_STRS(struct wwsf_user, impus, "impu", 0),
	CONF_END};

static const struct conf_row edge_rows[] = {
	CONF_STR(struct wwsf_edge, host, "host", CONF_REQUIRED, NULL),
	CONF_STR(struct wwsf_edge, edge, "edge", CONF_REQUIRED, NULL),
	CONF_END};

static const struct conf_row web_rows[] = {
	CONF_ADDR(struct wwsf_conf, listen, "listen", CONF_REQUIRED, 8443),
	CONF_ADDR(struct wwsf_conf, listen_also, "also", 0, 8443),
	CONF_STR(struct wwsf_conf, cert, "cert", CONF_REQUIRED, NULL),
	CONF_STR(struct wwsf_conf, key, "key", CONF_REQUIRED, NULL),
	CONF_END};

static const struct conf_row translation_rows[] = {
	CONF_STR(struct wwsf_conf, translation.impi, "impi", 0, NULL),
	CONF_STR(struct wwsf_conf, translation.impu, "impu", 0, NULL),
	CONF_END};

static const struct conf_row member_rows[] = {
	CONF_STR(struct wwsf_member, impi, "impi", CONF_REQUIRED, NULL),
	CONF_STRS(struct wwsf_member, impus, "impu", CONF_REQUIRED),
	CONF_END};

#define LEND_ROWS                                                                          \
	CONF_STR(struct wwsf_lend_conf, impi, "impi", 0, NULL),                            \
	CONF_STR(struct wwsf_lend_conf, impu, "impu", 0, NULL),                            \
	CONF_INT(struct wwsf_lend_conf, digits, "digits", 0, "0", 0, 18),                  \
	CONF_INT(struct wwsf_lend_conf, first, "first", 0, "1", 0, 999999999999999999),    \
	CONF_MS(struct wwsf_lend_conf, lease_ms, "lease", 0, "600s"),                      \
	CONF_MS(struct wwsf_lend_conf, guard_ms, "guard", 0, "60s")

static const struct conf_row range_rows[] = {LEND_ROWS,
	CONF_INT(struct wwsf_lend_conf, last, "last", 0, "999999", 0, 999999999999999999), CONF_END};

static const struct conf_row pool_rows[] = {LEND_ROWS,
	CONF_INT(struct wwsf_lend_conf, last, "last", 0, "999999999999999999", 0,
		999999999999999999),
	CONF_LIST(struct wwsf_lend_conf, members, "members", 0, member_rows, struct wwsf_member),
	CONF_END};

static const struct conf_row login_rows[] = {
	CONF_INT(struct wwsf_conf, login.failures, "failures", 0, "5", 1, 1000000000),
	CONF_MS(struct wwsf_conf, login.window_ms, "window", 0, "5min"),
	CONF_INT(struct wwsf_conf, login.per_source, "per-source", 0, "30", 1, 1000000000),
	CONF_MS(struct wwsf_conf, login.source_window_ms, "source-window", 0, "1min"),
	CONF_INT(struct wwsf_conf, login.workers, "workers", 0, "32", 1, 1024),
	CONF_END};

static const char *const issuer_words[] = {"none", "self", "waf", NULL};
static const char *const grant_words[] = {"client_credentials", "authorization_code", NULL};
static const char *const identities_words[] = {"database", "translation", "range", "pool", NULL};

static const struct conf_row token_rows[] = {
	CONF_ENUM(struct wwsf_conf, token.issuer, "issuer", 0, "none", issuer_words),
	CONF_MS(struct wwsf_conf, token.life_ms, "life", 0, "600s"),
	CONF_INT(struct wwsf_conf, token.per_user, "per-user", 0, "60", 1, 1000000000),
	CONF_MS(struct wwsf_conf, token.user_window_ms, "user-window", 0, "1min"),
	CONF_STR(struct wwsf_conf, token.audience, "audience", 0, NULL),
	CONF_STR(struct wwsf_conf, token.keys, "keys", 0, NULL),
	CONF_END};

static const struct conf_row waf_rows[] = {
	CONF_STR(struct wwsf_conf, waf.url, "url", 0, NULL),
	CONF_STR(struct wwsf_conf, waf.authorize, "authorize", 0, NULL),
	CONF_STR(struct wwsf_conf, waf.issuer, "issuer", 0, NULL),
	CONF_ENUM(struct wwsf_conf, waf.grant, "grant", 0, "client_credentials", grant_words),
	CONF_STR(struct wwsf_conf, waf.ca, "ca", 0, NULL),
	CONF_STR(struct wwsf_conf, waf.cert, "cert", 0, NULL),
	CONF_STR(struct wwsf_conf, waf.key, "key", 0, NULL),
	CONF_MS(struct wwsf_conf, waf.timeout_ms, "timeout", 0, "5s"),
	CONF_INT(struct wwsf_conf, waf.connections, "connections", 0, "4", 1, 64),
	CONF_END};

static const struct conf_row registration_rows[] = {
	CONF_STR(struct wwsf_registration_conf, url, "url", CONF_REQUIRED, NULL),
	CONF_STR(struct wwsf_registration_conf, impi, "impi", CONF_REQUIRED, NULL),
	CONF_STR(struct wwsf_registration_conf, impu, "impu", CONF_REQUIRED, NULL),
	CONF_STR(struct wwsf_registration_conf, password, "password", 0, NULL),
	CONF_STRS(struct wwsf_registration_conf, block, "block", CONF_REQUIRED),
	CONF_MS(struct wwsf_registration_conf, expires_ms, "expires", 0, "3600s"),
	CONF_STR(struct wwsf_registration_conf, ca, "ca", CONF_REQUIRED, NULL),
	CONF_STR(struct wwsf_registration_conf, cert, "cert", CONF_REQUIRED, NULL),
	CONF_STR(struct wwsf_registration_conf, key, "key", CONF_REQUIRED, NULL),
	CONF_MS(struct wwsf_registration_conf, timeout_ms, "timeout", 0, "40s"),
	CONF_BOOL(struct wwsf_registration_conf, at_start, "at-start", "off"),
	CONF_END};

const struct conf_row wwsf_conf_rows[] = {
	{"web", CONF_T_STRUCT, 0, CONF_REQUIRED, .rows = web_rows},
	CONF_STR(struct wwsf_conf, identity, "identity", 0, NULL),
	CONF_STR(struct wwsf_conf, origin, "origin", 0, NULL),
	CONF_STRS(struct wwsf_conf, also, "also", 0),
	CONF_STR(struct wwsf_conf, domain, "domain", CONF_REQUIRED, NULL),
	CONF_STR(struct wwsf_conf, edge, "edge", CONF_REQUIRED, NULL),
	CONF_LIST(struct wwsf_conf, edges, "edges", 0, edge_rows, struct wwsf_edge),
	CONF_STR(struct wwsf_conf, database, "database", 0, NULL),
	CONF_LIST(struct wwsf_conf, users, "users", 0, user_rows, struct wwsf_user),
	CONF_ENUM(struct wwsf_conf, identities, "identities", 0, "database", identities_words),
	{"translation", CONF_T_STRUCT, 0, 0, .rows = translation_rows},
	CONF_STRUCT(struct wwsf_conf, range, "range", 0, range_rows),
	CONF_STRUCT(struct wwsf_conf, pool, "pool", 0, pool_rows),
	CONF_BOOL(struct wwsf_conf, anonymous, "anonymous", "off"),
	CONF_BOOL(struct wwsf_conf, lookup, "lookup", "off"),
	CONF_MS(struct wwsf_conf, session_life_ms, "session-life", 0, "12h"),
	CONF_INT(struct wwsf_conf, sessions, "sessions", 0, "65536", 1, 1 << 24),
	{"login", CONF_T_STRUCT, 0, 0, .rows = login_rows},
	{"token", CONF_T_STRUCT, 0, 0, .rows = token_rows},
	{"waf", CONF_T_STRUCT, 0, 0, .rows = waf_rows},
	CONF_STRUCT(struct wwsf_conf, registration, "registration", 0, registration_rows),
	CONF_END};

const char *wwsf_origin(const struct wwsf_conf *conf, size_t n)
{
	if (n == 0)
		return conf->origin;
	return n <= conf->also.n ? ((char **)conf->also.items)[n - 1] : NULL;
}

const char *wwsf_edge_for(const struct wwsf_conf *conf, struct str host)
{
	const struct wwsf_edge *e = conf->edges.items;
	for (size_t i = 0; i < conf->edges.n; i++)
		if (str_ieq(str_of(e[i].host), host))
			return e[i].edge;
	return conf->edge;
}

struct str wwsf_edge_origin(struct str edge)
{
	ptrdiff_t host = str_find(edge, STR("://"));
	struct str rest = str_skip(edge, host < 0 ? 0 : (size_t)host + 3);
	struct str authority = str_cut(&rest, '/');
	return str_span(edge.p, authority.p + authority.n);
}

/* ---- what rows can't say ---- */

static bool is_origin(const char *text)
{
	struct str s = str_of(text);
	return str_starts(s, STR("https://")) && s.n > 8 && str_chr(str_skip(s, 8), '/') < 0;
}

static const char *check_user(const struct wwsf_user *u)
{
	if (!*u->user || strlen(u->user) > 128)
		return "a user's name has 1 to 128 octets";
	if (u->hash && !password_hash_ok(u->hash))
		return "password-hash is no yescrypt hash (\"imsrig web-password\" makes one)";
	if (!u->impi != !u->impus.n)
		return "impi and impu come together";
	return u->impus.n > TOKEN_IMPUS_MAX ? "that are too many public identities" : NULL;
}

static const char *check_waf(const struct wwsf_conf *c)
{
	if (!c->waf.url || !is_origin(c->waf.url))
		return "waf.url must be https://host:port";
	if (!c->waf.ca || !c->waf.cert || !c->waf.key)
		return "the WAF is asked over mutual TLS: waf.ca, waf.cert and waf.key";
	if (c->waf.grant == WWSF_AUTHORIZATION_CODE &&
		(!c->waf.authorize || !str_starts(str_of(c->waf.authorize), STR("https://"))))
		return "waf.authorize must be the https:// URI of the WAF's authorization endpoint";
	return NULL;
}

static bool edges_ok(const struct wwsf_conf *c)
{
	const struct wwsf_edge *e = c->edges.items;
	for (size_t i = 0; i < c->edges.n; i++)
		if (!str_starts(str_of(e[i].edge), STR("wss://")))
			return false;
	return str_starts(str_of(c->edge), STR("wss://"));
}

static const char *check_all(const struct wwsf_conf *c)
{
	if (!edges_ok(c))
		return "edge must be a wss:// URI";
	for (size_t i = 0; wwsf_origin(c, i); i++)
		if (!is_origin(wwsf_origin(c, i)))
			return "origin and also take https://host:port";
	if (c->token.issuer != WWSF_ISSUER_NONE && (!c->origin || !c->identity))
		return "tokens need the WWSF's origin and identity";
	if (c->token.life_ms < 1000 || c->token.life_ms > 3600 * 1000)
		return "token.life is 1 s to 1 h";
	if (c->login.window_ms < 1000 || c->login.source_window_ms < 1000 ||
		c->token.user_window_ms < 1000 || c->session_life_ms < 1000 || c->waf.timeout_ms < 1)
		return "windows, session-life and waf.timeout are too short: 1 s, 1 s and 1 ms";
	if (c->identities == WWSF_TRANSLATION && (!c->translation.impi || !c->translation.impu))
		return "identities by translation need translation.impi and translation.impu";
	const char *wrong = assignment_conf_check(c);
	if (!wrong)
		wrong = registration_conf_check(c);
	return wrong || c->token.issuer != WWSF_ISSUER_WAF ? wrong : check_waf(c);
}

int wwsf_conf_check(const void *conf, char why[512])
{
	const struct wwsf_conf *c = conf;
	const struct wwsf_user *u = c->users.items;
	const char *wrong = check_all(c);

	for (size_t i = 0; !wrong && i < c->users.n; i++)
		if ((wrong = check_user(&u[i]))) {
			snprintf(why, 512, "user \"%.128s\": %s", u[i].user, wrong);
			return -EINVAL;
		}
	if (!wrong)
		return 0;
	snprintf(why, 512, "%s", wrong);
	return -EINVAL;
}
