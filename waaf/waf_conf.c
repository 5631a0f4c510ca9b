/* Configuration of the WAF.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>

#include "common/crypto/password.h"
#include "waaf/waf.h"

enum { LIFE_MOST_MS = 3600 * 1000 };   /* of a token; the profile's bound */

static const char *const domain_names[] = {"operator", "third-party", NULL};

static const struct conf_row web_rows[] = {
	CONF_ADDR(struct waf_listen_conf, listen, "listen", CONF_REQUIRED, 8445),
	CONF_ADDR(struct waf_listen_conf, also, "also", 0, 8445),
	CONF_STR(struct waf_listen_conf, cert, "cert", CONF_REQUIRED, NULL),
	CONF_STR(struct waf_listen_conf, key, "key", CONF_REQUIRED, NULL), CONF_END};

static const struct conf_row w4_rows[] = {
	CONF_ADDR(struct waf_listen_conf, listen, "listen", CONF_REQUIRED, 8444),
	CONF_STR(struct waf_listen_conf, cert, "cert", CONF_REQUIRED, NULL),
	CONF_STR(struct waf_listen_conf, key, "key", CONF_REQUIRED, NULL),
	CONF_STR(struct waf_listen_conf, ca, "ca", CONF_REQUIRED, NULL), CONF_END};

static const struct conf_row pool_rows[] = {
	CONF_STRS(struct waf_pool_conf, impis, "impi", CONF_REQUIRED),
	CONF_STRS(struct waf_pool_conf, impus, "impu", CONF_REQUIRED),
	CONF_MS(struct waf_pool_conf, lease_ms, "lease", 0, "600s"), CONF_END};

static const struct conf_row wwsf_rows[] = {
	CONF_STR(struct waf_wwsf_conf, identity, "identity", CONF_REQUIRED, NULL),
	CONF_ENUM(struct waf_wwsf_conf, domain, "domain", 0, "operator", domain_names),
	CONF_STRS(struct waf_wwsf_conf, grants, "grants", CONF_REQUIRED),
	CONF_BOOL(struct waf_wwsf_conf, trust_user_assertion, "trust-user-assertion",
		"false"),
	CONF_BOOL(struct waf_wwsf_conf, blocked, "blocked", "false"),
	CONF_STRS(struct waf_wwsf_conf, redirect_uris, "redirect-uris", 0),
	CONF_STRUCT(struct waf_wwsf_conf, pool, "pool", 0, pool_rows), CONF_END};

static const struct conf_row user_rows[] = {
	CONF_STR(struct waf_user_conf, user, "user", CONF_REQUIRED, NULL),
	CONF_STR(struct waf_user_conf, password_hash, "password-hash", 0, NULL),
	CONF_STR(struct waf_user_conf, impi, "impi", CONF_REQUIRED, NULL),
	CONF_STRS(struct waf_user_conf, impus, "impu", CONF_REQUIRED), CONF_END};

#define LIMIT(m, k, d) CONF_INT(struct waf_limits_conf, m, k, 0, d, 1, 1000000000)
static const struct conf_row limits_rows[] = {
	LIMIT(per_second, "tokens-per-second", "10"), LIMIT(burst, "burst", "50"),
	LIMIT(login_failures, "login-failures", "5"),
	CONF_MS(struct waf_limits_conf, login_window_ms, "login-window", 0, "5min"),
	LIMIT(login_per_source, "login-per-source", "30"),
	CONF_MS(struct waf_limits_conf, login_source_window_ms, "login-source-window", 0, "1min"),
	LIMIT(workers, "workers", "32"), LIMIT(live_tokens, "live-tokens", "1000000"),
	LIMIT(grants, "grants", "100000"), LIMIT(sign_ins, "sign-ins", "10000"),
	CONF_END};

const struct conf_row waf_conf_rows[] = {
	CONF_STR(struct waf_conf, identity, "identity", CONF_REQUIRED, NULL),
	CONF_STR(struct waf_conf, issuer, "issuer", CONF_REQUIRED, NULL),
	CONF_ENUM(struct waf_conf, domain, "domain", 0, "operator", domain_names),
	CONF_STRUCT(struct waf_conf, web, "web", CONF_REQUIRED, web_rows),
	CONF_STRUCT(struct waf_conf, w4, "w4", CONF_REQUIRED, w4_rows),
	CONF_STR(struct waf_conf, audience, "audience", CONF_REQUIRED, NULL),
	{"scopes", CONF_T_LIST, offsetof(struct waf_conf, scopes), 0, "[" TOKEN_SCOPE "]",
		.size = sizeof(char *), .item = CONF_T_STR},
	CONF_MS(struct waf_conf, token_life_ms, "token-life", 0, "600s"),
	CONF_MS(struct waf_conf, code_life_ms, "code-life", 0, "60s"),
	CONF_MS(struct waf_conf, sign_in_life_ms, "sign-in-life", 0, "10min"),
	CONF_MS(struct waf_conf, refresh_life_ms, "refresh-life", 0, "12h"),
	CONF_STR(struct waf_conf, keys, "keys", CONF_REQUIRED, NULL),
	CONF_LIST(struct waf_conf, wwsfs, "wwsfs", CONF_REQUIRED, wwsf_rows,
		struct waf_wwsf_conf),
	CONF_LIST(struct waf_conf, users, "users", 0, user_rows, struct waf_user_conf),
	CONF_STRS(struct waf_conf, resource_servers, "resource-servers", 0),
	CONF_STRUCT(struct waf_conf, limits, "limits", 0, limits_rows), CONF_END};

static const struct {
	struct str name;
	unsigned bit;
} grant_types[] = {
	{{"authorization_code", 18}, WAF_AUTHORIZATION_CODE},
	{{"client_credentials", 18}, WAF_CLIENT_CREDENTIALS},
	{{"refresh_token", 13}, WAF_REFRESH_TOKEN},
};

unsigned waf_grant_type_of(struct str name)
{
	for (size_t i = 0; i < sizeof grant_types / sizeof *grant_types; i++)
		if (str_eq(grant_types[i].name, name))
			return grant_types[i].bit;
	return 0;
}

static bool is_among(const struct conf_list *list, struct str word)
{
	char *const *items = list->items;
	for (size_t i = 0; i < list->n; i++)
		if (str_eq(str_of(items[i]), word))
			return true;
	return false;
}

bool waf_scope_ok(struct str scope)
{
	while (scope.p)
		if (!is_among(&waf.conf->scopes, str_cut(&scope, ' ')))
			return false;
	return true;
}

/* ---- checks that rows can't say ---- */

static bool is_https(const char *uri)
{
	struct str s = str_of(uri);
	bool fine = str_starts(s, STR("https://")) && s.n > sizeof "https://" - 1;
	for (size_t i = 0; i < s.n; i++)
		fine = fine && (unsigned char)s.p[i] > ' ' && s.p[i] != '#' &&
			(unsigned char)s.p[i] < 0x7f && s.p[i] != '"' && s.p[i] != '\\';
	return fine;
}

static int check_life(const struct waf_conf *c, char why[512])
{
	const int64_t s = 1000;
	if (c->token_life_ms < s || c->token_life_ms > LIFE_MOST_MS)
		return conf_refuse(why, "waf.token-life must be 1s to 3600s");
	if (c->code_life_ms < s || c->sign_in_life_ms < s ||
		c->refresh_life_ms < c->token_life_ms)
		return conf_refuse(why,
			"waf: code-life and sign-in-life must be 1s at least, "
			"refresh-life no shorter than token-life");
	return 0;
}

static int check_wwsf(const struct waf_conf *c, size_t at, char why[512])
{
	const struct waf_wwsf_conf *all = c->wwsfs.items, *w = &all[at];
	char *const *grants = w->grants.items, *const *uris = w->redirect_uris.items;
	unsigned bits = 0;

	for (size_t i = 0; i < at; i++)
		if (str_ieq(str_of(all[i].identity), str_of(w->identity)))
			return conf_refuse(why, "waf.wwsfs: \"%s\" stands there twice",
				w->identity);
	for (size_t i = 0; i < w->grants.n; i++) {
		unsigned bit = waf_grant_type_of(str_of(grants[i]));
		if (!bit || bit == WAF_REFRESH_TOKEN)
			return conf_refuse(why,
				"waf.wwsfs: grant \"%s\" is not known here (expected "
				"authorization_code or client_credentials)",
				grants[i]);
		bits |= bit;
	}
	for (size_t i = 0; i < w->redirect_uris.n; i++)
		if (!is_https(uris[i]))
			return conf_refuse(why,
				"waf.wwsfs: redirect URI \"%s\" is no https URI without a "
				"fragment",
				uris[i]);
	if (bits & WAF_AUTHORIZATION_CODE && !w->redirect_uris.n)
		return conf_refuse(why,
			"waf.wwsfs: \"%s\" may use authorization_code but has no "
			"redirect-uris",
			w->identity);
	char cause[512];
	const char *wrong = waf_pool_conf_check(&w->pool, cause);
	if (wrong)
		snprintf(why, 512, "waf.wwsfs: pool of \"%.80s\": %.360s", w->identity, wrong);
	return wrong ? -EINVAL : 0;
}

static int check_user(const struct waf_user_conf *u, char why[512])
{
	if (!*u->user || !*u->impi)
		return conf_refuse(why, "waf.users: \"%s\" has an empty user or impi", u->user);
	if (!u->impus.n || u->impus.n > TOKEN_IMPUS_MAX)
		return conf_refuse(why, "waf.users: \"%s\" has no impu, or more than a token holds",
			u->user);
	if (u->password_hash && !password_hash_ok(u->password_hash))
		return conf_refuse(why, "waf.users: password-hash of \"%s\" is no yescrypt hash",
			u->user);
	return 0;
}

int waf_conf_check(const struct waf_conf *c, char why[512])
{
	const struct waf_user_conf *users = c->users.items;
	struct str issuer = str_of(c->issuer);
	int err = 0;

	if (!c->identity)
		return 0;
	if (!is_https(c->issuer) || str_ends(issuer, STR("/")))
		return conf_refuse(why,
			"waf.issuer \"%s\" must be https://host or https://host:port",
			c->issuer);
	if (!c->scopes.n)
		return conf_refuse(why, "waf.scopes is empty");
	err = check_life(c, why);
	for (size_t i = 0; !err && i < c->wwsfs.n; i++)
		err = check_wwsf(c, i, why);
	for (size_t i = 0; !err && i < c->users.n; i++)
		err = check_user(&users[i], why);
	return err;
}
