/* What codes and refresh tokens stand for (RFC 6749 4.1, 6).
 *
 * A secret is 56 hex digits: the grant's id, the generation, and a MAC over both by a key of
 * the grant. So each one ever given is recognised without being kept: one that is no longer
 * good was stolen or copied, and ends the grant.
 * SPDX-License-Identifier: Apache-2.0 */
#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/hash.h"
#include "common/base/log.h"
#include "common/base/metric.h"
#include "waaf/waf.h"

METRIC_IDLE(grants_now, "imsrig_waf_grants", "codes and refresh tokens that are good");
METRIC_COUNTER(ended, "imsrig_waf_grants_ended_total",
	"grants ended because a code or refresh token came twice, or was revoked");

enum { ID_HEX = 16, GENERATION_HEX = 8, MAC_BYTES = 16 };

static struct waf_grant *grants;

static void grant_free(struct waf_grant *g)
{
	HASH_DEL(grants, g);
	grants_now.value = (int64_t)HASH_COUNT(grants);
	timer_stop(&g->timer);
	OPENSSL_cleanse(g->key, sizeof g->key);
	free(g->redirect_uri);
	free(g->challenge);
	free(g->scope);
	free(g);
}

static void on_end(struct timer *t, void *arg)
{
	grant_free(arg);
}

static struct waf_grant *by_id(uint64_t id)
{
	struct waf_grant *g;
	HASH_FIND(hh, grants, &id, sizeof id, g);
	return g;
}

struct waf_grant *waf_grant_new(struct waf_wwsf *w, const struct waf_user *u,
	struct str redirect_uri, struct str challenge, struct str scope)
{
	struct waf_grant *g;

	if ((int64_t)HASH_COUNT(grants) >= waf.conf->limits.grants)
		return NULL;
	g = MEM_NEW(struct waf_grant);
	do
		chance_bytes(&waf.host->chance, &g->id, sizeof g->id);
	while (!g->id || by_id(g->id));
	chance_bytes(&waf.host->chance, g->key, sizeof g->key);
	g->wwsf = w;
	g->user = u;
	g->redirect_uri = str_dup(redirect_uri);
	g->challenge = str_dup(challenge);
	g->scope = str_dup(scope);
	HASH_ADD(hh, grants, id, sizeof g->id, g);
	grants_now.value = (int64_t)HASH_COUNT(grants);
	timer_start(waf.host->clock, &g->timer, waf.conf->code_life_ms, on_end, g);
	return g;
}

/* ---- secrets ---- */

static void secret_of(const struct waf_grant *g, uint32_t n, char out[WAF_SECRET_SIZE])
{
	uint8_t mac[32];
	unsigned len = sizeof mac;

	snprintf(out, WAF_SECRET_SIZE, "%016llx%08x", (unsigned long long)g->id, n);
	HMAC(EVP_sha256(), g->key, sizeof g->key, (const uint8_t *)out,
		ID_HEX + GENERATION_HEX, mac, &len);
	hex_of(mac, MAC_BYTES, out + ID_HEX + GENERATION_HEX);
}

void waf_grant_secret(const struct waf_grant *g, char out[WAF_SECRET_SIZE])
{
	secret_of(g, g->generation, out);
}

static uint64_t number(const uint8_t *p, size_t n)
{
	uint64_t v = 0;
	while (n--)
		v = v << 8 | *p++;
	return v;
}

struct waf_grant *waf_grant_find(struct str secret, uint32_t *generation)
{
	uint8_t head[(ID_HEX + GENERATION_HEX) / 2];
	char good[WAF_SECRET_SIZE];

	if (secret.n != WAF_SECRET_SIZE - 1 ||
		str_hex((struct str){secret.p, 2 * sizeof head}, head, sizeof head))
		return NULL;
	struct waf_grant *g = by_id(number(head, 8));
	*generation = (uint32_t)number(head + 8, 4);
	if (!g || *generation > g->generation)
		return NULL;
	secret_of(g, *generation, good);
	return CRYPTO_memcmp(good, secret.p, secret.n) ? NULL : g;
}

/* ---- life ---- */

/* Known beyond its own life, so that a second use is noticed while tokens of it may live. */
void waf_grant_present(struct waf_grant *g)
{
	g->presented = true;
	timer_start(waf.host->clock, &g->timer, waf.conf->refresh_life_ms, on_end, g);
}

void waf_grant_renew(struct waf_grant *g)
{
	g->generation++;
}

void waf_grant_end(struct waf_grant *g)
{
	log_warn("waf", "a grant of user %s to %s ends with its tokens", g->user->conf->user,
		g->wwsf->conf->identity);
	ended.value++;
	waf_live_revoke_grant(g->wwsf, g->id);
	grant_free(g);
}

size_t waf_grant_count(void)
{
	return HASH_COUNT(grants);
}

void waf_grants_reset(void)
{
	struct waf_grant *g, *next;
	HASH_ITER(hh, grants, g, next)
		grant_free(g);
}
