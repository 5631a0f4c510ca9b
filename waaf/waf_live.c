/* The tokens that are good, of each WWSF in the order of their issue, which is that of their
 * end too, since those of one WWSF live equally long; those revoked among them; and the keys
 * that they need.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#include "common/base/hash.h"
#include "common/base/log.h"
#include "common/base/metric.h"
#include "waaf/waf.h"

METRIC_IDLE(live_now, "imsrig_waf_tokens_live", "tokens issued that have not run out");
METRIC_COUNTER(revoked_ever, "imsrig_waf_tokens_revoked_total",
	"tokens revoked one by one or with their grant");
METRIC_COUNTER(rotations, "imsrig_waf_key_rotations_total", "new signing keys");

enum {
	KEYS_MAX = 16,                 /* as many as a reader of a key set takes */
	REVOKED_MAX = 10000,           /* of one WWSF in the list; 35 octets each */
};

struct token_row {
	char jti[WAF_JTI_SIZE];
	bool revoked;
	uint32_t key;                  /* which of the keys made so far signed it */
	struct waf_wwsf *wwsf;
	uint64_t grant;
	int64_t iat_s, exp_s;
	struct token_row *prev, *next;
	struct token_row *revoked_prev, *revoked_next;
	UT_hash_handle hh;
};

static struct {
	struct token_row *by_jti, *revoked;
	struct timer timer;            /* until the first runs out */
	uint32_t key;                  /* of those made so far, the one that signs */
} live;

static size_t count(void)
{
	return HASH_COUNT(live.by_jti);
}

/* ---- the end of tokens ---- */

/* Tokens of one WWSF end in the order of their keys. */
static void trim_keys(void)
{
	uint32_t oldest = live.key;
	struct waf_wwsf *w;

	for (size_t i = 0; (w = waf_wwsf_at(i)); i++)
		if (w->tokens && w->tokens->key < oldest)
			oldest = w->tokens->key;
	token_keys_trim(waf.keys, live.key - oldest + 1);
}

static void forget(struct token_row *r)
{
	HASH_DEL(live.by_jti, r);
	DL_DELETE(r->wwsf->tokens, r);
	if (r->revoked) {
		DL_DELETE2(live.revoked, r, revoked_prev, revoked_next);
		r->wwsf->revoked--;
	}
	free(r);
	live_now.value = (int64_t)count();
}

static void on_expiry(struct timer *t, void *arg);

static void await_first(void)
{
	int64_t first_s = INT64_MAX, ms;
	struct waf_wwsf *w;

	for (size_t i = 0; (w = waf_wwsf_at(i)); i++)
		if (w->tokens && w->tokens->exp_s < first_s)
			first_s = w->tokens->exp_s;
	timer_stop(&live.timer);
	if (first_s == INT64_MAX)
		return;
	ms = first_s * 1000 - clock_wall_ms(waf.host->clock);
	timer_start(waf.host->clock, &live.timer, ms > 0 ? ms : 0, on_expiry, NULL);
}

static void on_expiry(struct timer *t, void *arg)
{
	int64_t now = waf_now_s();
	struct waf_wwsf *w;

	for (size_t i = 0; (w = waf_wwsf_at(i)); i++)
		while (w->tokens && w->tokens->exp_s <= now)
			forget(w->tokens);
	trim_keys();
	await_first();
}

void waf_live_reset(void)
{
	struct waf_wwsf *w;

	for (size_t i = 0; (w = waf_wwsf_at(i)); i++)
		while (w->tokens)
			forget(w->tokens);
	timer_stop(&live.timer);
	if (waf.keys)
		trim_keys();
}

/* ---- tokens ---- */

bool waf_live_full(void)
{
	return (int64_t)count() >= waf.conf->limits.live_tokens;
}

void waf_live_add(const char jti[WAF_JTI_SIZE], struct waf_wwsf *w, uint64_t grant,
	int64_t iat_s, int64_t exp_s)
{
	struct token_row *r = MEM_NEW(struct token_row);

	memcpy(r->jti, jti, WAF_JTI_SIZE);
	r->wwsf = w;
	r->grant = grant;
	r->iat_s = iat_s;
	r->exp_s = exp_s;
	r->key = live.key;
	HASH_ADD(hh, live.by_jti, jti, WAF_JTI_SIZE - 1, r);
	DL_APPEND(w->tokens, r);
	live_now.value = (int64_t)count();
	if (w->tokens == r)
		await_first();
}

static struct token_row *find(struct str jti)
{
	struct token_row *r = NULL;
	if (jti.n == WAF_JTI_SIZE - 1)
		HASH_FIND(hh, live.by_jti, jti.p, jti.n, r);
	return r;
}

bool waf_live_good(struct str jti)
{
	struct token_row *r = find(jti);
	return r && !r->revoked && r->exp_s > waf_now_s();
}

static void revoke_row(struct token_row *r)
{
	if (r->revoked)
		return;
	r->revoked = true;
	r->wwsf->revoked++;
	revoked_ever.value++;
	DL_APPEND2(live.revoked, r, revoked_prev, revoked_next);
}

/* A list that grows without end would be one that no edge can read. */
static void bound_list(struct waf_wwsf *w)
{
	if (!w || w->revoked <= REVOKED_MAX)
		return;
	log_warn("waf", "%s has revoked more than %d tokens: all of before now are void",
		w->conf->identity, REVOKED_MAX);
	waf_wwsf_void(w);
}

void waf_live_revoke(struct str jti)
{
	struct token_row *r = find(jti);
	struct waf_wwsf *w = r ? r->wwsf : NULL;
	if (r)
		revoke_row(r);
	bound_list(w);
}

/* Each grant ends once, so nobody makes us walk here for nothing. */
void waf_live_revoke_grant(struct waf_wwsf *w, uint64_t grant)
{
	for (struct token_row *r = w->tokens; r; r = r->next)
		if (r->grant == grant)
			revoke_row(r);
	bound_list(w);
}

void waf_live_void(struct waf_wwsf *w, int64_t now_s)
{
	for (struct token_row *r = w->tokens, *next; r; r = next) {
		next = r->next;
		if (r->iat_s < now_s)
			forget(r);
		else
			revoke_row(r);
	}
	trim_keys();
	await_first();
}

size_t waf_live_count(const struct waf_wwsf *w)
{
	const struct token_row *r;
	size_t n = 0;
	if (!w)
		return count();
	DL_COUNT(w->tokens, r, n);
	return n;
}

json_t *waf_live_revoked(void)
{
	json_t *list = json_array();
	int64_t now = waf_now_s();
	for (struct token_row *r = live.revoked; r; r = r->revoked_next)
		if (r->exp_s > now)
			json_array_append_new(list, json_stringn(r->jti, WAF_JTI_SIZE - 1));
	return list;
}

/* ---- keys ---- */

int waf_live_rotate(char why[512])
{
	trim_keys();
	if (token_keys_count(waf.keys) >= KEYS_MAX) {
		snprintf(why, 512, "%d keys are needed by live tokens already", KEYS_MAX);
		return -ENOSPC;
	}
	int err = token_keys_add(waf.keys, &waf.host->chance);
	if (err) {
		snprintf(why, 512, "no key could be made");
		return err;
	}
	live.key++;
	rotations.value++;
	trim_keys();
	err = token_keys_save(waf.keys, waf.conf->keys, why);
	log_info("waf", "a new key signs; %zu are published",
		token_keys_count(waf.keys));
	return err;
}
