/* Random values: ChaCha20 (RFC 8439) as a generator.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/base/chance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/base/str.h"

static uint32_t rol(uint32_t v, int n)
{
	return v << n | v >> (32 - n);
}

static void quarter(uint32_t *x, int a, int b, int c, int d)
{
	x[a] += x[b], x[d] = rol(x[d] ^ x[a], 16);
	x[c] += x[d], x[b] = rol(x[b] ^ x[c], 12);
	x[a] += x[b], x[d] = rol(x[d] ^ x[a], 8);
	x[c] += x[d], x[b] = rol(x[b] ^ x[c], 7);
}

static void refill(struct chance *c)
{
	uint32_t s[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574}, x[16];
	memcpy(s + 4, c->key, 32);
	s[12] = (uint32_t)c->block;
	s[13] = (uint32_t)(c->block >> 32);
	c->block++;
	memcpy(x, s, sizeof x);
	for (int i = 0; i < 10; i++) {
		quarter(x, 0, 4, 8, 12), quarter(x, 1, 5, 9, 13);
		quarter(x, 2, 6, 10, 14), quarter(x, 3, 7, 11, 15);
		quarter(x, 0, 5, 10, 15), quarter(x, 1, 6, 11, 12);
		quarter(x, 2, 7, 8, 13), quarter(x, 3, 4, 9, 14);
	}
	for (int i = 0; i < 16; i++)
		x[i] += s[i];
	memcpy(c->pool, x, sizeof c->pool);
	c->left = sizeof c->pool;
}

void chance_init(struct chance *c, uint64_t seed, const char *name)
{
	memset(c, 0, sizeof *c);
	if (seed) {
		uint64_t h = str_hash(str_of(name));
		memcpy(c->key, &seed, 8);
		memcpy(c->key + 8, &h, 8);
	} else if (getrandom(c->key, sizeof c->key, 0) != sizeof c->key) {
		perror("getrandom");
		abort();
	}
}

void chance_bytes(struct chance *c, void *out, size_t n)
{
	uint8_t *o = out;
	while (n) {
		if (!c->left)
			refill(c);
		size_t k = n < c->left ? n : c->left;
		memcpy(o, c->pool + sizeof c->pool - c->left, k);
		c->left = (uint8_t)(c->left - k);
		o += k;
		n -= k;
	}
}

uint32_t chance_u32(struct chance *c)
{
	uint32_t v;
	chance_bytes(c, &v, sizeof v);
	return v;
}

void chance_hex(struct chance *c, char *out, size_t n)
{
	uint8_t b[64];
	while (n) {
		size_t k = n < sizeof b ? n : sizeof b;
		chance_bytes(c, b, k);
		hex_of(b, k, out);
		out += 2 * k;
		n -= k;
	}
}
