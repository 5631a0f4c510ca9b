/* Tables of the SIP stack: keyed hash, chained table, ids.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "common/sip/inner.h"

/* ---- hash ---- */

static inline uint64_t rol(uint64_t x, int n)
{
	return x << n | x >> (64 - n);
}

static inline void rounds(uint64_t *v, int n)
{
	while (n--) {
		v[0] += v[1], v[1] = rol(v[1], 13) ^ v[0], v[0] = rol(v[0], 32);
		v[2] += v[3], v[3] = rol(v[3], 16) ^ v[2];
		v[0] += v[3], v[3] = rol(v[3], 21) ^ v[0];
		v[2] += v[1], v[1] = rol(v[1], 17) ^ v[2], v[2] = rol(v[2], 32);
	}
}

void hash_begin(struct hash *h, const struct key *secret)
{
	*h = (struct hash){
		.v = {secret->a ^ 0x736f6d6570736575u,
			secret->b ^ 0x646f72616e646f6du ^ 0xee,
			secret->a ^ 0x6c7967656e657261u, secret->b ^ 0x7465646279746573u},
	};
}

static inline void absorb(struct hash *h)
{
	h->v[3] ^= h->word;
	rounds(h->v, 2);
	h->v[0] ^= h->word;
	h->word = 0;
}

static inline void put_byte(struct hash *h, uint8_t c)
{
	h->word |= (uint64_t)c << (8 * (h->n & 7));
	if (!(++h->n & 7))
		absorb(h);
}

void hash_number(struct hash *h, uint64_t v)
{
	for (int i = 0; i < 8; i++, v >>= 8)
		put_byte(h, (uint8_t)v);
}

void hash_text(struct hash *h, struct str s)
{
	hash_number(h, s.n);
	for (size_t i = 0; i < s.n; i++)
		put_byte(h, (uint8_t)s.p[i]);
}

void hash_fold(struct hash *h, struct str s)
{
	hash_number(h, s.n);
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = (uint8_t)s.p[i];
		put_byte(h, c >= 'A' && c <= 'Z' ? c | 0x20 : c);
	}
}

struct key hash_end(struct hash *h)
{
	struct key k;
	h->word |= (uint64_t)h->n << 56;
	absorb(h);
	h->v[2] ^= 0xee;
	rounds(h->v, 4);
	k.a = h->v[0] ^ h->v[1] ^ h->v[2] ^ h->v[3];
	h->v[1] ^= 0xdd;
	rounds(h->v, 4);
	k.b = h->v[0] ^ h->v[1] ^ h->v[2] ^ h->v[3];
	return k;
}

/* ---- table ---- */

static bool same(struct key a, struct key b)
{
	return a.a == b.a && a.b == b.b;
}

static void grow(struct table *t)
{
	struct table big = {.size = t->size ? t->size * 2 : 64};
	big.heads = mem_zalloc(big.size * sizeof *big.heads);
	for (size_t i = 0; i < t->size; i++) {
		for (struct node *n = t->heads[i], *next; n; n = next) {
			next = n->next;
			struct node **head = &big.heads[n->key.a & (big.size - 1)];
			n->next = *head;
			*head = n;
		}
	}
	free(t->heads);
	t->heads = big.heads;
	t->size = big.size;
}

void table_add(struct table *t, struct node *node)
{
	if (t->n >= t->size)
		grow(t);
	struct node **head = &t->heads[node->key.a & (t->size - 1)];
	node->next = *head;
	*head = node;
	t->n++;
}

void table_remove(struct table *t, struct node *node)
{
	struct node **at = &t->heads[node->key.a & (t->size - 1)];
	while (*at != node)
		at = &(*at)->next;
	*at = node->next;
	node->next = NULL;
	t->n--;
}

struct node *table_find(const struct table *t, struct key key)
{
	struct node *n = t->size ? t->heads[key.a & (t->size - 1)] : NULL;
	while (n && !same(n->key, key))
		n = n->next;
	return n;
}

struct node *table_next(const struct node *node)
{
	struct node *n = node->next;
	while (n && !same(n->key, node->key))
		n = n->next;
	return n;
}

struct node *table_any(const struct table *t, size_t *at)
{
	if (!t->n)
		return NULL;
	while (!t->heads[*at & (t->size - 1)])
		++*at;
	return t->heads[*at & (t->size - 1)];
}

void table_free(struct table *t)
{
	free(t->heads);
	*t = (struct table){0};
}

/* ---- ids ---- */

uint64_t ids_add(struct ids *t, void *p)
{
	uint32_t i = t->spare;
	if (i) {
		t->spare = t->slots[i - 1].next;
	} else {
		if (t->n == t->cap) {
			t->cap = t->cap ? t->cap * 2 : 64;
			t->slots = mem_realloc(t->slots, t->cap * sizeof *t->slots);
		}
		i = ++t->n;
		t->slots[i - 1].round = 0;
	}
	struct id_slot *slot = &t->slots[i - 1];
	slot->p = p;
	slot->round++;
	return (uint64_t)slot->round << 32 | i;
}

static struct id_slot *slot_of(const struct ids *t, uint64_t id)
{
	uint32_t i = (uint32_t)id;
	if (!i || i > t->n)
		return NULL;
	struct id_slot *slot = &t->slots[i - 1];
	return slot->p && slot->round == id >> 32 ? slot : NULL;
}

void *ids_find(const struct ids *t, uint64_t id)
{
	struct id_slot *slot = slot_of(t, id);
	return slot ? slot->p : NULL;
}

void ids_remove(struct ids *t, uint64_t id)
{
	struct id_slot *slot = slot_of(t, id);
	if (!slot)
		return;
	slot->p = NULL;
	slot->next = t->spare;
	t->spare = (uint32_t)id;
}
