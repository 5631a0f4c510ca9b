/* Identities that the WWSF lends to its users, named or anonymous: numbers of a range, members
 * of a pool (TS 23.228 U.2.1.4, TR 23.701 6.3.2.1.5 step 1, TS 33.203 X.4).
 *
 * A holder keeps an identity by asking again before its lease has run out. Nobody else gets it
 * until the lease and every token for it have ended, by which no registration outlives (its
 * Expires ends with the token), and the guard time after that. Who has what is in the identity
 * database, so a restart lends nothing twice; what was released longest ago is lent first, then
 * what was never lent.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "wwsf/identity_db.h"

/* What these settings lend; NULL: every user has identities of their own. */
const struct wwsf_lend_conf *assignment_conf(const struct wwsf_conf *conf);
/* NULL, or what is wrong with them. */
const char *assignment_conf_check(const struct wwsf_conf *conf);

struct assignments;
/* In the tables of `db`, which outlives it. *out NULL: nothing is lent. */
int assignments_open(const struct wwsf_conf *conf, struct identity_db *db,
	const struct clock *clock, struct assignments **out, char why[512]);
void assignments_close(struct assignments *all);   /* NULL is fine */
void assignments_clear(struct assignments *all);   /* all are free, as if never lent */

/* The identity of this holder, for at least the lease from now; settled when it is known what
 * came of it. 0; -ENOSPC: all are lent, *retry_s says when the next may be free; -EIO. Texts
 * in the arena. */
int assignment_take(struct assignments *all, struct str holder, struct arena *a,
	struct identity *out, int64_t *retry_s);
/* A token that lives so long is to be handed out; 0: none, and a holder who never had one has
 * given the identity back. 0 when that is stored; -EIO: nothing may be handed out. */
int assignment_settle(struct assignments *all, struct str holder, int64_t life_ms);

/* How many are lent, and resting until their guard time is over. */
struct assignment_count {
	int64_t lent, resting;
};
struct assignment_count assignment_count(struct assignments *all);
