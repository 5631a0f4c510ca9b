/* The WWSFs that the WAF knows: who asks, whether it is blocked, how often it asks
 * (TS 33.203 X.3.1 REQ 2.1, 2.2).
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/metric.h"
#include "waaf/waf.h"

METRIC_GAUGE(blocked_now, "imsrig_waf_wwsfs_blocked", "WWSFs that are blocked");

static struct waf_wwsf *wwsfs;

static size_t count(void)
{
	return waf.conf->wwsfs.n;
}

static void tell_blocked(void)
{
	blocked_now.value = 0;
	for (size_t i = 0; i < count(); i++)
		blocked_now.value += wwsfs[i].blocked;
}

/* Tokens of an earlier life of this process are void: who had been revoked or blocked then
 * is not known any more. */
void waf_wwsfs_open(void)
{
	const struct waf_wwsf_conf *rows = waf.conf->wwsfs.items;

	wwsfs = mem_zalloc((count() + 1) * sizeof *wwsfs);
	for (size_t i = 0; i < count(); i++) {
		char *const *grants = rows[i].grants.items;
		wwsfs[i].conf = &rows[i];
		wwsfs[i].pool = waf_pool_new(&rows[i].pool);
		for (size_t k = 0; k < rows[i].grants.n; k++)
			wwsfs[i].grants |= waf_grant_type_of(str_of(grants[k]));
		if (wwsfs[i].grants & WAF_AUTHORIZATION_CODE)
			wwsfs[i].grants |= WAF_REFRESH_TOKEN;
	}
	waf_wwsfs_reset();
	for (size_t i = 0; i < count(); i++)
		wwsfs[i].not_before_s = waf_now_s();
}

void waf_wwsfs_close(void)
{
	for (size_t i = 0; i < count(); i++)
		waf_pool_free(wwsfs[i].pool);
	free(wwsfs);
	wwsfs = NULL;
	blocked_now.value = 0;
}

void waf_wwsfs_reset(void)
{
	for (size_t i = 0; i < count(); i++) {
		wwsfs[i].blocked = wwsfs[i].conf->blocked;
		wwsfs[i].not_before_s = 0;
		wwsfs[i].level_m = waf.conf->limits.burst * 1000;
		wwsfs[i].level_at_ms = clock_ms(waf.host->clock);
	}
	tell_blocked();
}

struct waf_wwsf *waf_wwsf_find(struct str identity)
{
	for (size_t i = 0; i < count(); i++)
		if (str_ieq(str_of(wwsfs[i].conf->identity), identity))
			return &wwsfs[i];
	return NULL;
}

struct waf_wwsf *waf_wwsf_at(size_t i)
{
	return i < count() ? &wwsfs[i] : NULL;
}

/* ---- the peer's certificate ---- */

static bool peer_has(struct http_req *req, const char *name)
{
	const struct stream *s = http_req_stream(req);
	return s && stream_peer_has_name(s, str_of(name));
}

bool waf_peer_is(struct http_req *req, const struct waf_wwsf *w)
{
	return peer_has(req, w->conf->identity);
}

bool waf_peer_is_resource_server(struct http_req *req)
{
	char *const *names = waf.conf->resource_servers.items;
	for (size_t i = 0; i < waf.conf->resource_servers.n; i++)
		if (peer_has(req, names[i]))
			return true;
	return false;
}

/* ---- limits ---- */

/* A bucket that fills by the rig's clock. */
bool waf_wwsf_take(struct waf_wwsf *w)
{
	const struct waf_limits_conf *l = &waf.conf->limits;
	int64_t now = clock_ms(waf.host->clock), full = l->burst * 1000;
	int64_t gone = now - w->level_at_ms;

	if (gone > full) /* one a second at least: full by then, and nothing overflows */
		gone = full;
	w->level_m += gone * l->per_second;
	if (w->level_m > full)
		w->level_m = full;
	w->level_at_ms = now;
	if (w->level_m < 1000)
		return false;
	w->level_m -= 1000;
	return true;
}

/* ---- blocking ---- */

void waf_wwsf_void(struct waf_wwsf *w)
{
	w->not_before_s = waf_now_s();
	waf_live_void(w, w->not_before_s);
}

void waf_wwsf_block(struct waf_wwsf *w, bool blocked)
{
	if (w->blocked == blocked)
		return;
	w->blocked = blocked;
	log_warn("waf", "%s is %s", w->conf->identity, blocked ? "blocked" : "served again");
	if (blocked)
		waf_wwsf_void(w);
	tell_blocked();
}
