/* The WWSF's life: what opens, closes and starts anew.
 * SPDX-License-Identifier: Apache-2.0 */
#include "wwsf/wwsf.h"

#include <stdio.h>

#include "common/base/log.h"
#include "common/base/throttle.h"
#include "common/net/work.h"
#include "wwsf/assignment.h"
#include "wwsf/registration.h"
#include "wwsf/session.h"
#include "wwsf/token.h"
#include "wwsf/waf_client.h"

enum { KEYS_MAX = 65536 };

struct wwsf wwsf;
static struct tls *tls;

static const struct http_route routes[] = {
	{"GET", "/", wwsf_on_page},
	{"GET", "/style.css", wwsf_on_style},
	{"GET", "/wic.js", wwsf_on_script},
	{"GET", "/config", wwsf_on_config},
	{"GET", "/identities", wwsf_on_identities},
	{"POST", "/login", wwsf_on_login},
	{"POST", "/anonymous", wwsf_on_anonymous},
	{"POST", "/token", wwsf_on_token},
	{"GET", "/session", wwsf_on_session},
	{"POST", "/logout", wwsf_on_logout},
	{"GET", "/signin", wwsf_on_signin},
	{"GET", "/callback", wwsf_on_callback},
	{"GET", "/jwks", wwsf_on_jwks},
	{"GET", "/revoked", wwsf_on_revoked},
	{0}};

static int serve(char why[512])
{
	struct tls_conf conf = {
		.cert = wwsf.conf->cert, .key = wwsf.conf->key, .clock = wwsf.host->clock};
	struct http_server_conf http = {
		.listen = wwsf.conf->listen, .also = wwsf.conf->listen_also, .routes = routes};
	char cause[256];
	int err = tls_new(&conf, true, &tls, cause);

	if (err) {
		snprintf(why, 512, "TLS: %s", cause);
		return err;
	}
	http.tls = tls;
	if ((err = http_serve(wwsf.host, &http, &wwsf.server)))
		snprintf(why, 512, "can't listen for HTTPS on %s%s%s: %s", addr_text(&http.listen),
			addr_is(&http.also) ? " and " : "", addr_is(&http.also) ? addr_text(&http.also) : "",
			uv_strerror(err));
	return err;
}

int wwsf_start(struct host *host, const void *conf, char why[512])
{
	const struct wwsf_conf *c = conf;

	wwsf = (struct wwsf){.conf = c, .host = host};
	wwsf.sessions = sessions_new(host, c->session_life_ms, (size_t)c->sessions);
	wwsf.accounts = throttle_new(
		host->clock, c->login.failures, c->login.window_ms, KEYS_MAX);
	wwsf.sources = throttle_new(
		host->clock, c->login.per_source, c->login.source_window_ms, KEYS_MAX);
	wwsf.users = throttle_new(
		host->clock, c->token.per_user, c->token.user_window_ms, KEYS_MAX);
	int err = identity_db_open(c, &wwsf.db, why);
	if (!err)
		err = assignments_open(c, wwsf.db, host->clock, &wwsf.assignments, why);
	if (!err)
		err = token_open(why);
	if (!err)
		err = waf_open(why);
	if (!err)
		err = serve(why);
	if (!err)
		err = registration_open(why);
	if (!err && wwsf_page_absent.n)
		log_warn("page", "the page has no SIP library, it was built without: %s",
			log_text(wwsf_page_absent));
	return err;
}

/* Requests that wait for the WAF are answered; those that wait for a hash find nobody. */
void wwsf_stop(void)
{
	waf_close();
	registration_close();
	if (wwsf.server)
		http_server_close(wwsf.server);
	tls_free(tls);
	token_close();
	sessions_free(wwsf.sessions);
	throttle_free(wwsf.accounts);
	throttle_free(wwsf.sources);
	throttle_free(wwsf.users);
	assignments_close(wwsf.assignments);
	if (wwsf.db)
		identity_db_close(wwsf.db);
	wwsf = (struct wwsf){0};
	tls = NULL;
}

void wwsf_reset(void)
{
	http_server_drop(wwsf.server);
	sessions_clear(wwsf.sessions);
	throttle_clear(wwsf.accounts);
	throttle_clear(wwsf.sources);
	throttle_clear(wwsf.users);
	assignments_clear(wwsf.assignments);
	registration_reset();
	token_reset();
}

int wwsf_open(void)
{
	return work_open() + waf_waiting() + registration_waiting();
}
