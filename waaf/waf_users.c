/* The web users that the WAF knows, their IMS identities (TS 33.203 X.3.1 REQ 2.5), and how
 * often somebody failed to sign in as one of them.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "common/base/hash.h"
#include "waaf/waf.h"

/* Names that are not known share these, so that they are throttled like others and yet
 * can't fill anything. */
enum { UNKNOWN_MAX = 1024 };

static struct waf_user *users, *by_name, *unknown;

void waf_users_open(void)
{
	const struct waf_user_conf *rows = waf.conf->users.items;

	users = mem_zalloc((waf.conf->users.n + 1) * sizeof *users);
	unknown = mem_zalloc(UNKNOWN_MAX * sizeof *unknown);
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
	free(unknown);
	users = unknown = NULL;
}

void waf_users_reset(void)
{
	for (size_t i = 0; i < waf.conf->users.n; i++)
		users[i].failures = 0;
	for (size_t i = 0; i < UNKNOWN_MAX; i++)
		unknown[i].failures = 0;
}

struct waf_user *waf_user_find(struct str name)
{
	struct waf_user *u = NULL;
	if (name.n)
		HASH_FIND(hh, by_name, name.p, name.n, u);
	return u;
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

static struct waf_user *counter_of(struct str name)
{
	struct waf_user *u = waf_user_find(name);
	return u ? u : &unknown[str_hash(name) % UNKNOWN_MAX];
}

bool waf_user_attempt(struct str name, int *wait_s)
{
	const struct waf_limits_conf *l = &waf.conf->limits;
	struct waf_user *u = counter_of(name);
	int64_t now = clock_ms(waf.host->clock);

	if (!u->failures || now - u->failed_at_ms >= l->login_window_ms) {
		u->failures = 0;
		u->failed_at_ms = now;
	}
	if (u->failures >= l->login_failures) {
		*wait_s = (int)((u->failed_at_ms + l->login_window_ms - now + 999) / 1000);
		return false;
	}
	u->failures++;
	return true;
}

void waf_user_proved(struct str name)
{
	counter_of(name)->failures = 0;
}
