/* W4: tokens from the WAF (TS 33.203 X.3.3 step 0), by OAuth 2.0 (RFC 6749) over mutual TLS
 * (RFC 8705) on a few kept connections.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "wwsf/session.h"

/* What the WAF granted; texts are good during the call. */
struct waf_grant {
	struct str token, refresh;     /* refresh: p NULL when there is none */
	struct str user;               /* p NULL: the WAF does not say */
	struct identity identity;
	int64_t life_s;
};
/* Why not, as it is told to a WIC. A WAF that can't be reached is no refusal of the user. */
struct waf_refusal {
	int status;                    /* 502: refused, or no good answer; 503: away, or busy */
	const char *error;             /* waf_refused, waf_answer, waf_unreachable, waf_busy */
	char word[64];                 /* the WAF's error (RFC 6749 5.2), or "" */
	int64_t retry_s;               /* 503: when to try again */
};
/* One of g and r is NULL. Once, not before the function that asked returned. */
typedef void(waf_h)(const struct waf_grant *g, const struct waf_refusal *r, void *arg);

int waf_open(char why[512]);           /* 0, or a negative errno with a sentence */
void waf_close(void);                  /* who waits is told that the WAF is away */
int waf_waiting(void);
/* So many wait for the WAF already that nobody else may ask: the request was answered. */
bool waf_busy(struct http_req *req);

/* For a user that is asserted, or anonymous under a handle. */
void waf_client_credentials(const struct web_user *u, const struct identity *id, waf_h *h,
	void *arg);
/* `id`: the identities that the token is to be for; without an IMPI what the WAF says. */
void waf_authorization_code(struct str code, struct str redirect_uri, struct str verifier,
	const struct identity *id, waf_h *h, void *arg);
void waf_refresh(struct str refresh_token, const struct identity *id, waf_h *h, void *arg);
