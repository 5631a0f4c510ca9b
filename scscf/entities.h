/* Sets of names of WAFs and WWSFs: those that may vouch for a subscription's users
 * (Allowed-WAF-WWSF-Identities, TS 29.229 6.3.57), and those that vouched for a registration.
 *
 * Equal sets are one object with a count of holders: a network has few lists, and many users.
 * A name is a host name; letter case and one trailing dot don't count.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/base/buf.h"

enum entity_kind { ENTITY_WAF = 'a', ENTITY_WWSF = 'w' };

/* Made by entities_new from what entity_put gathered, in one buffer. */
struct entities;
void entity_put(struct buf *set, enum entity_kind kind, struct str name);
/* A reference, equal to every other set of the same names in this order. */
struct entities *entities_new(const struct buf *set);
struct entities *entities_hold(struct entities *e);    /* one more reference; NULL: NULL */
void entities_drop(struct entities *e);                /* NULL: nothing */

/* Each name of `who` stands in `list` with its kind. An empty name stands in none. */
bool entities_cover(const struct entities *list, const struct entities *who);
/* Names for the log, "wwsf wwsf.example.org"; good until the next call. */
const char *entities_text(const struct entities *e);

/* ---- names under suspicion: nobody they vouch for is registered ---- */

void blocked_put(struct str name);
bool blocked_remove(struct str name);                  /* false: it was not blocked */
void blocked_clear(void);
bool blocked_has(const struct entities *who);          /* any of them; NULL: false */
