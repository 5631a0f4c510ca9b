/* Open addressing with linear probing; removal closes the gap.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/edge/index.h"

#include <stdlib.h>

#include "common/base/mem.h"

/* FNV leaves its low bits weak for texts that differ in one digit, as subscribers do. */
static size_t home(const struct edge_index *x, uint64_t hash)
{
	hash ^= hash >> 33;
	hash *= 0xff51afd7ed558ccdu;
	hash ^= hash >> 33;
	return (size_t)hash & (x->cap - 1);
}

static void place(struct edge_index *x, uint64_t hash, void *entry)
{
	size_t i = home(x, hash);
	while (x->slots[i].entry)
		i = (i + 1) & (x->cap - 1);
	x->slots[i] = (struct edge_slot){hash, entry};
}

static void grow(struct edge_index *x)
{
	struct edge_index big = {.cap = x->cap ? x->cap * 2 : 64, .n = x->n};
	big.slots = mem_zalloc(big.cap * sizeof *big.slots);
	for (size_t i = 0; i < x->cap; i++)
		if (x->slots[i].entry)
			place(&big, x->slots[i].hash, x->slots[i].entry);
	free(x->slots);
	*x = big;
}

void edge_index_add(struct edge_index *x, uint64_t hash, void *entry)
{
	if ((x->n + 1) * 4 > x->cap * 3)
		grow(x);
	place(x, hash, entry);
	x->n++;
}

void edge_index_remove(struct edge_index *x, uint64_t hash, const void *entry)
{
	size_t mask = x->cap - 1, hole;
	if (!x->n)
		return;
	for (hole = home(x, hash); x->slots[hole].entry != entry;
		hole = (hole + 1) & mask)
		if (!x->slots[hole].entry)
			return;
	for (size_t i = (hole + 1) & mask; x->slots[i].entry; i = (i + 1) & mask) {
		size_t want = home(x, x->slots[i].hash);
		if (((i - want) & mask) < ((i - hole) & mask))
			continue; /* it would move in front of its home */
		x->slots[hole] = x->slots[i];
		hole = i;
	}
	x->slots[hole] = (struct edge_slot){0};
	x->n--;
}

void *edge_index_next(const struct edge_index *x, uint64_t hash, size_t *it)
{
	if (!x->cap)
		return NULL;
	for (size_t mask = x->cap - 1, at = home(x, hash);;) {
		const struct edge_slot *s = &x->slots[(at + (*it)++) & mask];
		if (!s->entry)
			return NULL;
		if (s->hash == hash)
			return s->entry;
	}
}

void edge_index_free(struct edge_index *x)
{
	free(x->slots);
	*x = (struct edge_index){0};
}
