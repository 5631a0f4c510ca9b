/* Configuration of the WSF.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/crypto/password.h"
#include "epcscf/wsf.h"

static const struct conf_row ha1_rows[] = {
	CONF_STR(struct wsf_user_conf, md5, "MD5", 0, NULL),
	CONF_STR(struct wsf_user_conf, sha256, "SHA-256", 0, NULL), CONF_END};

static const struct conf_row user_rows[] = {
	CONF_STR(struct wsf_user_conf, user, "user", CONF_REQUIRED, NULL),
	CONF_STR(struct wsf_user_conf, hash, "password-hash", 0, NULL),
	{"ha1", CONF_T_STRUCT, 0, 0, .rows = ha1_rows},
	CONF_STR(struct wsf_user_conf, impi, "impi", 0, NULL),
	CONF_STRS(struct wsf_user_conf, impus, "impu", 0), CONF_END};

#define COUNT(m, k, d) CONF_INT(struct wsf_conf, m, k, 0, d, 1, 1000000000)
static const struct conf_row login_rows[] = {
	COUNT(login.failures, "failures", "5"),
	CONF_MS(struct wsf_conf, login.window_ms, "window", 0, "5min"),
	COUNT(login.per_source, "per-source", "30"),
	CONF_MS(struct wsf_conf, login.source_window_ms, "source-window", 0, "1min"),
	COUNT(login.workers, "workers", "32"), CONF_END};

const struct conf_row wsf_conf_rows[] = {
	CONF_ADDR(struct wsf_conf, listen, "listen", 0, 8444),
	CONF_ADDR(struct wsf_conf, also, "also", 0, 8444),
	CONF_STR(struct wsf_conf, cert, "cert", 0, NULL),
	CONF_STR(struct wsf_conf, key, "key", 0, NULL),
	CONF_STR(struct wsf_conf, realm, "realm", 0, NULL),
	CONF_STR(struct wsf_conf, edge, "edge", 0, NULL),
	CONF_STR(struct wsf_conf, database, "database", 0, NULL),
	{"algorithms", CONF_T_LIST, offsetof(struct wsf_conf, algorithms), 0, "[SHA-256, MD5]",
		.size = sizeof(char *), .item = CONF_T_STR},
	CONF_BOOL(struct wsf_conf, next_nonce, "next-nonce", "true"),
	CONF_MS(struct wsf_conf, nonce_life_ms, "nonce-life", 0, "120s"),
	CONF_MS(struct wsf_conf, expires_ms, "expires", 0, "600s"),
	CONF_MS(struct wsf_conf, min_expires_ms, "min-expires", 0, "60s"),
	CONF_MS(struct wsf_conf, answer_ms, "answer", 0, "30s"),
	CONF_MS(struct wsf_conf, retry_ms, "retry", 0, "30s"),
	CONF_MS(struct wsf_conf, session_life_ms, "session-life", 0, "12h"),
	CONF_MS(struct wsf_conf, idle_ms, "idle", 0, "30min"),
	COUNT(sessions, "sessions", "100000"), COUNT(per_user, "per-user", "8"),
	{"login", CONF_T_STRUCT, 0, 0, .rows = login_rows},
	CONF_LIST(struct wsf_conf, users, "users", 0, user_rows, struct wsf_user_conf), CONF_END};

bool wsf_offers(const struct wsf_conf *c, enum digest_algorithm a)
{
	char *const *names = c->algorithms.items;
	enum digest_algorithm offered;
	for (size_t i = 0; i < c->algorithms.n; i++)
		if (!digest_algorithm_of(str_of(names[i]), &offered) && offered == a)
			return true;
	return false;
}

/* ---- what rows can't say ---- */

static bool is_ha1(const char *text, enum digest_algorithm a)
{
	uint8_t bytes[32];
	return !text || (strlen(text) == digest_hex_n(a) &&
			!str_hex(str_of(text), bytes, strlen(text) / 2));
}

/* It stands in a quoted string, and in log lines, as it is. */
static bool is_name(const char *text)
{
	struct str s = str_of(text);
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f || strchr("\"\\", s.p[i]))
			return false;
	return s.n > 0 && s.n <= WSF_NAME_MAX;
}

static bool is_impu(const char *text)
{
	struct sip_uri u;
	struct arena a = {0};
	bool is = !sip_uri_parse(&u, str_of(text)) && sip_uri_canonical(&u, &a).p;
	arena_free(&a);
	return is;
}

static int check_user(const struct wsf_user_conf *u, char why[512])
{
	char *const *impus = u->impus.items;
	if (!is_name(u->user))
		return conf_refuse(why, "wsf.users: \"%s\": a name has 1 to 128 octets, "
			"without quotes, backslashes or control characters", u->user);
	if (u->hash && !password_hash_ok(u->hash))
		return conf_refuse(why, "wsf.users: %s: password-hash is no yescrypt hash "
				   "(\"imsrig web-password\" makes one)", u->user);
	if (!is_ha1(u->md5, DIGEST_MD5) || !is_ha1(u->sha256, DIGEST_SHA256))
		return conf_refuse(why, "wsf.users: %s: ha1 has 32 hex digits for MD5, 64 for "
			"SHA-256", u->user);
	if (!u->impi != !u->impus.n || u->impus.n > WSF_IMPUS_MAX)
		return conf_refuse(why, "wsf.users: %s: impi and impu (at most 32) come together",
			u->user);
	for (size_t i = 0; i < u->impus.n; i++)
		if (!is_impu(impus[i]))
			return conf_refuse(why, "wsf.users: impu \"%s\" is no public identity",
				impus[i]);
	return 0;
}

static int check_algorithms(const struct wsf_conf *c, char why[512])
{
	char *const *names = c->algorithms.items;
	enum digest_algorithm a;
	for (size_t i = 0; i < c->algorithms.n; i++)
		if (digest_algorithm_of(str_of(names[i]), &a))
			return conf_refuse(why, "wsf.algorithms: \"%s\" is neither SHA-256 nor MD5",
				names[i]);
	return 0;
}

/* Sessions are kept here, so somebody must be able to get one. */
static int check_origins(const struct wsf_conf *c, const struct edge_conf *edge, char why[512])
{
	const struct edge_origin_conf *o = edge->origins.items;
	for (size_t i = 0; i < edge->origins.n; i++)
		if (edge_origin_auth(&o[i]) & EDGE_AUTH_SESSION && !addr_is(&c->listen))
			return conf_refuse(why, "origins: auth session of \"%s\" needs wsf.listen",
				o[i].origin);
	return 0;
}

int wsf_conf_check(const struct wsf_conf *c, const struct edge_conf *edge, char why[512])
{
	const struct wsf_user_conf *u = c->users.items;
	int err = check_origins(c, edge, why);

	if (err || !addr_is(&c->listen))
		return err;
	if (!c->cert || !c->key || !c->realm)
		return conf_refuse(why, "wsf needs cert, key and realm");
	if (!is_name(c->realm))
		return conf_refuse(why, "wsf.realm \"%s\" can't stand in a quoted string", c->realm);
	if (c->expires_ms < c->min_expires_ms || c->min_expires_ms < 1000)
		return conf_refuse(why, "wsf.expires must not be less than min-expires, nor "
			"that than 1s");
	err = check_algorithms(c, why);
	for (size_t i = 0; !err && i < c->users.n; i++)
		err = check_user(&u[i], why);
	return err;
}
