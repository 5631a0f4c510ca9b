/* What issuer.c, revoked.c and introspect.c share. Not for others.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/edge/index.h"
#include "common/edge/issuer.h"
#include "common/http/http.h"

/* ---- revoked.c: what an issuer has taken back ---- */

struct edge_revoked {
	struct arena arena;
	struct edge_index jtis;        /* of NUL-terminated texts */
	struct edge_unfit {            /* WWSFs */
		struct str wwsf;
		bool blocked;
		int64_t not_before;    /* s; tokens made before are void */
	} *unfit;
	size_t n_unfit;
};
void edge_revoked_free(struct edge_revoked *r);            /* empty and ready again */
/* {"blocked":[NAME..],"not_before":{NAME:SECONDS},"jti":[TEXT..]} in place of what was
 * there; -EBADMSG with a static sentence and nothing changed. */
int edge_revoked_read(struct edge_revoked *r, struct str text, const char **why);

/* ---- introspect.c: what an issuer said about single tokens ---- */

struct edge_said;
struct edge_sayings {
	struct edge_index index;
	struct edge_said *oldest, *newest;
	size_t n, most;
};
/* NULL: nothing that is as young as `since_ms`. */
const struct edge_said *edge_said_of(
	const struct edge_sayings *s, const uint8_t digest[32], int64_t since_ms);
/* What the answer says; -EBADMSG when it is none. */
int edge_said_put(struct edge_sayings *s, const uint8_t digest[32], struct str answer,
	int64_t now_ms, const char **why);
bool edge_said_active(const struct edge_said *said);
int edge_said_token(const struct edge_said *said, struct arena *a, struct token *t);
void edge_sayings_free(struct edge_sayings *s);
