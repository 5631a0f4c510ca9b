/* Hash tables: uthash, with short chains.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <uthash.h>

/* uthash makes more buckets when ten entries share one. Each entry passed on the way is a cache
 * miss in a large table, so here it is six: about one entry a bucket. (At two it never stops:
 * some bucket has two at any size.) */
#undef HASH_BKT_CAPACITY_THRESH
#define HASH_BKT_CAPACITY_THRESH 6U
