/* A hash index: entries known by a 64-bit hash; who asks compares. Entries of equal hash
 * stand beside each other, so one key may have many.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/base/str.h"

/* Zero-initialised is empty and ready. Slots keep the whole hash, so growing copies and
 * never reads an entry. */
struct edge_index {
	struct edge_slot {
		uint64_t hash;
		void *entry;   /* NULL: free */
	} *slots;
	size_t cap, n;         /* cap: 0 or a power of two */
};

void edge_index_add(struct edge_index *x, uint64_t hash, void *entry);
void edge_index_remove(struct edge_index *x, uint64_t hash, const void *entry);
/* Entries of that hash, one a call; *it is 0 at first. NULL at the end. Not across an add
 * or remove. */
void *edge_index_next(const struct edge_index *x, uint64_t hash, size_t *it);
void edge_index_free(struct edge_index *x);
