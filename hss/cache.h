/* What is provided for pairs of identities that were asked for of late: the four requests
 * of a registration find it once in the database. Registration state is never in here.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "hss/store.h"

struct cache;

struct cache *cache_new(void);
void cache_free(struct cache *c);
void cache_clear(struct cache *c);     /* what is provided has changed */
void cache_drop(struct cache *c, struct str impi, struct str impu);    /* for one pair */
/* All of *out but the registration; texts are copied into the arena. */
bool cache_get(struct cache *c, struct str impi, struct str impu, struct arena *a,
	struct found *out);
void cache_put(struct cache *c, struct str impi, struct str impu, const struct found *f);
