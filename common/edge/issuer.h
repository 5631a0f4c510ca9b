/* Issuers of security tokens, as the edge knows them: keys (RFC 7517) and what they have
 * taken back, or their word on each token (introspection, RFC 7662). Fetched by HTTPS when
 * first needed, kept, and fetched again when too old.
 *
 * An issuer that can't be asked is no reason to call a token bad: EDGE_WORD_AWAY.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <jansson.h>

#include "common/crypto/token.h"
#include "common/edge/conf.h"

struct edge_issuers;
struct edge_issuer;

/* The request that waited may be judged again: `req` and `conn` as in edge_asker. */
typedef void(edge_again_h)(uint64_t req, uint64_t conn, void *arg);

struct edge_issuers_h {
	edge_again_h *again;
	void (*news)(void *arg);       /* an issuer's list of what it has taken back was read */
};

/* Connects to nobody yet. `local` is where connections come from (port 0). 0, or a negative
 * errno with a sentence (a certificate that can't be read). */
int edge_issuers_open(struct host *host, const struct edge_tokens_conf *conf,
	const struct addr *local, const struct edge_issuers_h *h, void *arg,
	struct edge_issuers **out, char why[512]);
void edge_issuers_close(struct edge_issuers *all);         /* nobody is called any more */
/* Forgets what was fetched, and who waits. */
void edge_issuers_reset(struct edge_issuers *all);
int edge_issuers_busy(const struct edge_issuers *all);     /* fetches under way */
json_t *edge_issuers_json(const struct edge_issuers *all);

/* By its iss, exact; NULL: nobody that we trust. */
struct edge_issuer *edge_issuer_of(struct edge_issuers *all, struct str iss);
const struct edge_issuer_conf *edge_issuer_conf(const struct edge_issuer *is);
/* Rises when its keys have changed: a signature found good before may be so no longer. */
uint64_t edge_issuer_generation(const struct edge_issuer *is);

/* Who asks, and is called again after a wait. */
struct edge_asker {
	uint64_t req, conn;
};
enum edge_word {
	EDGE_WORD_GOOD,
	EDGE_WORD_BAD_KEY,             /* no such key, nor after asking again */
	EDGE_WORD_BAD_SIGNATURE,
	EDGE_WORD_INACTIVE,            /* introspection: expired, taken back, or never its own */
	EDGE_WORD_WAIT,                /* asked; `again` will be called */
	EDGE_WORD_AWAY,                /* can't be asked */
};
/* What an issuer says about a token that token_parse took apart into *t. GOOD: the octets are
 * the issuer's, and what is known of revocations is fresh. By introspection *t becomes what
 * it says, in the arena. `seen`: the signature of these octets was found good in this
 * generation; it is not computed again. */
enum edge_word edge_issuer_ask(struct edge_issuer *is, struct str text, struct str kid,
	bool seen, const struct edge_asker *who, struct arena *a, struct token *t);
/* An issuer that may issue to this WWSF says that it is blocked, as far as was asked. */
bool edge_issuers_block(const struct edge_issuers *all, struct str wwsf);
/* After GOOD. The issuer has blocked the token's WWSF. */
bool edge_issuer_blocks(const struct edge_issuer *is, const struct token *t);
/* ... has taken this token back, by jti or with all of its WWSF until some time. */
bool edge_issuer_revoked(const struct edge_issuer *is, const struct token *t);
