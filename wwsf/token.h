/* Security tokens for WICs (TS 23.228 U.2.1.3 step 1): issued by the WWSF itself, which then
 * also says its keys and which of its tokens it has taken back, or fetched from the WAF.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <jansson.h>

#include "wwsf/session.h"
#include "wwsf/waf_client.h"

int token_open(char why[512]);         /* keys; 0, or a negative errno with a sentence */
void token_close(void);
void token_reset(void);                /* no token stands; the newest key stays */

/* The user has shown who they are, or may stay unknown; `session` is the id of theirs, or p
 * NULL: one begins when all goes well. Answers the request, now or when the WAF has answered:
 * 200 with identities and token, 403 no_identity, or why there is no token. Texts in the
 * request's arena. */
void token_give(struct http_req *req, const struct web_user *u, struct str session);
/* An identity that was lent for a token of the WAF (impi p NULL: none was): what came of it is
 * settled. NULL: the token may be handed out; else why not: the WAF gave none (r), or one for
 * another identity, or it can't be stored. */
const struct waf_refusal *token_settle(struct str holder, struct str impi,
	const struct waf_grant *g, const struct waf_refusal *r);

/* For token_give: one of our own for a session, handed out; and the end, where all is known and
 * the session's browser gets it (p NULL: there is none, the identities alone). */
void token_issue_here(struct http_req *req, struct session *s, const struct identity *id);
void token_hand_out(struct http_req *req, struct session *s, struct str token, int64_t life_s);

/* A token of our own goes out, good until end_ms (the rig's wall clock, whole seconds). The
 * newest 65536 are known. */
void token_assign(const char *jti, struct str user, struct str session, int64_t end_ms);
/* Takes back what is known of a user's tokens, or of a session's (the other one p NULL); how
 * many. They are listed until they run out; beyond 10000 all of before now are void instead. */
size_t token_revoke(struct str user, struct str session);
size_t token_count(struct str user);

/* Admin: a new signing key, or a sentence why not. Old keys are shown as long as a token of
 * theirs may live. */
const char *token_rotate(void);
