/* The web users that the WAF knows, their IMS identities (TS 33.203 X.3.1 REQ 2.5), and how
 * often somebody tried to sign in as one of them.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "common/base/hash.h"
#include "waaf/waf.h"

enum {
	KEYS_MAX = 65536,      /* names, and addresses, whose attempts are counted */
	KEY_SIZE_MAX = 256,    /* longer names count by their beginning */
};

static struct waf_user *users, *by_name;
static struct throttle *names, *sources;

void waf_users_open(void)
{
	const struct waf_user_conf *rows = waf.conf->users.items;
	const struct waf_limits_conf *l = &waf.conf->limits;
	const struct clock *clock = waf.host->clock;

	names = throttle_new(clock, l->login_failures, l->login_window_ms, KEYS_MAX);
	sources = throttle_new(clock, l->login_per_source, l->login_source_window_ms, KEYS_MAX);
	users = mem_zalloc((waf.conf->users.n + 1) * sizeof *users);
	for (size_t i = 0; i < waf.conf->users.n; i++) {
		struct str name = str_of(rows[i].user);
		users[i].conf = &rows[i];
		if (!waf_user_find(name))
			HASH_ADD_KEYPTR(hh, by_name, name.p, name.n, &users[i]);
	}
}

void waf_users_close(void)
{
	HASH_CLEAR(hh, by_name);
	free(users);
	users = NULL;
	throttle_free(names);
	throttle_free(sources);
	names = sources = NULL;
}

void waf_users_reset(void)
{
	throttle_clear(names);
	throttle_clear(sources);
}

struct waf_user *waf_user_find(struct str name)
{
	struct waf_user *u = NULL;
	if (name.n)
		HASH_FIND(hh, by_name, name.p, name.n, u);
	return u;
}

const char *waf_user_hash(const struct waf_user *u)
{
	const struct waf_user_conf *rows = waf.conf->users.items;
	const char *hash = u ? u->conf->password_hash : NULL;
	for (size_t i = 0; !hash && i < waf.conf->users.n; i++)
		hash = rows[i].password_hash;
	return hash;
}

bool waf_user_has_impi(const struct waf_user *u, struct str impi)
{
	return str_eq(str_of(u->conf->impi), impi);
}

bool waf_user_has_impu(const struct waf_user *u, struct str impu)
{
	char *const *impus = u->conf->impus.items;
	for (size_t i = 0; i < u->conf->impus.n; i++)
		if (str_eq(str_of(impus[i]), impu))
			return true;
	return false;
}

/* ---- failed sign-ins ---- */

static struct str key_of(struct str name)
{
	if (name.n > KEY_SIZE_MAX)
		name.n = KEY_SIZE_MAX;
	return name.p ? name : STR("");
}

static bool take(struct throttle *t, struct str key, int *wait_s)
{
	int64_t wait_ms = throttle_take(t, key);
	*wait_s = (int)((wait_ms + 999) / 1000);
	return !wait_ms;
}

enum waf_refusal waf_user_attempt(struct str name, const struct addr *from, int *wait_s)
{
	if (!take(sources, str_of(addr_host(from)), wait_s))
		return WAF_NO_SOURCE_RATE;
	return take(names, key_of(name), wait_s) ? WAF_GOOD : WAF_NO_LOGIN_RATE;
}

void waf_user_proved(struct str name)
{
	throttle_forget(names, key_of(name));
}

void waf_user_not_tried(struct str name)
{
	throttle_give_back(names, key_of(name));
}
