/* The WAF: start, stop, reset, and its two listeners.
 * SPDX-License-Identifier: Apache-2.0 */
#include "waaf/waf.h"

#include <errno.h>
#include <stdio.h>

#include "common/base/log.h"
#include "common/net/work.h"

enum { BODY_MAX = 16 * 1024 };

struct waf waf;

static const struct http_route web_routes[] = {
	{"GET", "/authorize", waf_on_authorize},
	{"POST", "/authorize", waf_on_sign_in},
	{"GET", "/style.css", waf_on_style},
	{"GET", "/.well-known/oauth-authorization-server", waf_on_metadata},
	{"GET", "/jwks", waf_on_jwks},
	{0}};

static const struct http_route w4_own[] = {
	{"POST", "/token", waf_on_token},
	{"POST", "/introspect", waf_on_introspect},
	{"POST", "/revoke", waf_on_revoke},
	{"GET", "/revoked", waf_on_revoked},
	{"GET", "/.well-known/oauth-authorization-server", waf_on_metadata},
	{"GET", "/jwks", waf_on_jwks},
	{0}};

static struct http_route w4_routes[sizeof w4_own / sizeof *w4_own + WAF_ALSO];
static const struct http_route *also;

void waf_also(const struct http_route *routes)
{
	also = routes;
}

static const struct http_route *fill_w4(void)
{
	size_t n = sizeof w4_own / sizeof *w4_own - 1;

	memcpy(w4_routes, w4_own, sizeof w4_own);
	for (size_t i = 0; also && also[i].path && i < WAF_ALSO; i++)
		w4_routes[n++] = also[i];
	w4_routes[n] = (struct http_route){.path = NULL};
	return w4_routes;
}

int64_t waf_now_s(void)
{
	return clock_wall_ms(waf.host->clock) / 1000;
}

/* ---- start ---- */

static int open_keys(char why[512])
{
	char cause[512];
	int err;

	waf.keys = token_keys_new();
	err = token_keys_load(waf.keys, waf.conf->keys, cause);
	if (err == -ENOENT) {
		err = token_keys_add(waf.keys, &waf.host->chance);
		if (err)
			snprintf(cause, sizeof cause, "no key could be made");
		else
			err = token_keys_save(waf.keys, waf.conf->keys, cause);
	}
	if (err)
		snprintf(why, 512, "waf.keys: %.480s", cause);
	token_keys_trim(waf.keys, 1); /* no token of before is good (waf_wwsfs_open) */
	return err;
}

static int open_listener(const char *what, const struct waf_listen_conf *c,
	const struct http_route *routes, struct tls **tls, struct http_server **out,
	char why[512])
{
	/* W4's clients prove who they are; theirs are servers' certificates, mostly. */
	struct tls_conf tls_conf = {.cert = c->cert,
		.key = c->key,
		.ca = c->ca,
		.require_peer = c->ca != NULL,
		.any_purpose = c->ca != NULL,
		.clock = waf.host->clock};
	struct http_server_conf conf = {
		.listen = c->listen, .also = c->also, .routes = routes, .max_body = BODY_MAX};
	char cause[256];
	int err = tls_new(&tls_conf, true, tls, cause);

	if (err) {
		snprintf(why, 512, "waf.%s: %s", what, cause);
		return err;
	}
	conf.tls = *tls;
	if ((err = http_serve(waf.host, &conf, out)))
		snprintf(why, 512, "waf.%s: can't listen for HTTPS on %s: %s", what,
			addr_text(&c->listen), uv_strerror(err));
	return err;
}

int waf_start(struct host *host, const struct waf_conf *conf, char why[512])
{
	int err;

	if (!conf->identity)
		return 0;
	waf = (struct waf){.conf = conf, .host = host};
	waf_wwsfs_open();
	waf_users_open();
	if ((err = open_keys(why)) ||
		(err = open_listener("web", &conf->web, web_routes, &waf.web_tls, &waf.web,
			 why)) ||
		(err = open_listener(
			 "w4", &conf->w4, fill_w4(), &waf.w4_tls, &waf.w4, why)))
		return err;
	log_info("waf", "issues tokens as %s to %zu WWSFs", conf->issuer, conf->wwsfs.n);
	return 0;
}

/* ---- stop and reset ---- */

void waf_stop(void)
{
	if (!waf.conf)
		return;
	if (waf.web)
		http_server_close(waf.web);
	if (waf.w4)
		http_server_close(waf.w4);
	waf_sign_ins_reset();
	waf_grants_reset();
	waf_live_reset();
	waf_users_close();
	waf_wwsfs_close();
	token_keys_free(waf.keys);
	tls_free(waf.web_tls);
	tls_free(waf.w4_tls);
	waf = (struct waf){0};
}

void waf_reset(void)
{
	if (!waf.conf)
		return;
	http_server_drop(waf.web);
	http_server_drop(waf.w4);
	waf_sign_ins_reset();
	waf_grants_reset();
	waf_live_reset();
	waf_users_reset();
	waf_wwsfs_reset();
}

int waf_open(void)
{
	return waf.conf ? work_open() : 0;
}
