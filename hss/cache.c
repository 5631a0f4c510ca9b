/* What is provided for pairs of identities: one place for each hash, the newest stays.
 * SPDX-License-Identifier: Apache-2.0 */
#include "hss/cache.h"

#include <stdlib.h>

enum { PLACES = 1 << 16 };

/* An entry is one block: the struct, then the two identities, then its texts. */
struct entry {
	uint64_t hash, generation;
	uint32_t impi_n, impu_n, n;
	struct found f;
	char text[];
};
struct cache {
	uint64_t generation;
	struct entry *at[PLACES];
};

/* The texts of struct found that are provided. */
static const size_t texts[] = {
	offsetof(struct found, visited_networks), offsetof(struct found, mandatory),
	offsetof(struct found, optional), offsetof(struct found, server_names),
	offsetof(struct found, realm), offsetof(struct found, ha1),
	offsetof(struct found, ha1_sha256),
};
enum { N_TEXTS = sizeof texts / sizeof *texts };

static struct str *text_of(struct found *f, size_t i)
{
	return (struct str *)(void *)((char *)f + texts[i]);
}

struct cache *cache_new(void)
{
	return MEM_NEW(struct cache);
}

void cache_free(struct cache *c)
{
	for (size_t i = 0; i < PLACES; i++)
		free(c->at[i]);
	free(c);
}

void cache_clear(struct cache *c)
{
	c->generation++;
}

static uint64_t hash_of(struct str impi, struct str impu)
{
	return str_hash(impi) * 31 + str_hash(impu);
}

static bool is_for(const struct entry *e, struct str impi, struct str impu)
{
	return e->impi_n == impi.n && e->impu_n == impu.n && !memcmp(e->text, impi.p, impi.n) &&
		!memcmp(e->text + impi.n, impu.p, impu.n);
}

void cache_drop(struct cache *c, struct str impi, struct str impu)
{
	struct entry **at = &c->at[hash_of(impi, impu) % PLACES];
	free(*at);
	*at = NULL;
}

bool cache_get(struct cache *c, struct str impi, struct str impu, struct arena *a,
	struct found *out)
{
	uint64_t hash = hash_of(impi, impu);
	const struct entry *e = c->at[hash % PLACES];
	if (!e || e->hash != hash || e->generation != c->generation || !is_for(e, impi, impu))
		return false;
	size_t skip = impi.n + impu.n;
	struct str copy = arena_str(a, (struct str){e->text + skip, e->n - skip});
	*out = e->f;
	for (size_t i = 0; i < N_TEXTS; i++) {
		struct str *t = text_of(out, i);
		if (t->p)
			t->p = copy.p + (t->p - (e->text + skip));
	}
	return true;
}

void cache_put(struct cache *c, struct str impi, struct str impu, const struct found *f)
{
	struct found own = *f;
	size_t n = impi.n + impu.n;
	for (size_t i = 0; i < N_TEXTS; i++)
		n += text_of(&own, i)->n;
	struct entry *e = mem_alloc(sizeof *e + n);
	*e = (struct entry){.hash = hash_of(impi, impu), .generation = c->generation,
		.impi_n = (uint32_t)impi.n, .impu_n = (uint32_t)impu.n, .n = (uint32_t)n};
	char *p = e->text;
	p = mempcpy(p, impi.p, impi.n);
	p = mempcpy(p, impu.p, impu.n);
	for (size_t i = 0; i < N_TEXTS; i++) {
		struct str *t = text_of(&own, i);
		const char *from = t->p;
		if (from)
			t->p = p;
		p = from ? mempcpy(p, from, t->n) : p;
	}
	own.server_name = own.origin_host = STR_NONE;
	e->f = own;
	struct entry **at = &c->at[e->hash % PLACES];
	free(*at);
	*at = e;
}
