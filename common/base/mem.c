/* Memory.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/base/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#ifdef IMSRIG_OWN_HEAP
#include <mimalloc.h>
#endif

static void *must(void *p)
{
	if (p)
		return p;
	fputs("out of memory\n", stderr);
	abort();
}

void *mem_alloc(size_t n)
{
	return must(malloc(n ? n : 1));
}

void *mem_zalloc(size_t n)
{
	return must(calloc(1, n ? n : 1));
}

void *mem_realloc(void *p, size_t n)
{
	return must(realloc(p, n ? n : 1));
}

enum { ARENA_FIRST = 1024 - 32, ARENA_MAX = 64 * 1024 };

struct arena_block {
	struct arena_block *next;
	size_t used, size;
	char bytes[] __attribute__((aligned(16)));
};

void *arena_alloc(struct arena *a, size_t n)
{
	struct arena_block *b = a->head;
	n = (n + 15) & ~(size_t)15;
	if (!b || b->size - b->used < n) {
		size_t size = b ? b->size * 2 : ARENA_FIRST;
		if (size > ARENA_MAX)
			size = ARENA_MAX;
		if (size < n)
			size = n;
		struct arena_block *fresh = mem_alloc(sizeof *fresh + size);
		*fresh = (struct arena_block){.next = b, .size = size};
		a->head = b = fresh;
	}
	void *p = b->bytes + b->used;
	b->used += n;
	return p;
}

void *arena_zalloc(struct arena *a, size_t n)
{
	return memset(arena_alloc(a, n), 0, n);
}

struct str arena_str(struct arena *a, struct str s)
{
	char *p = arena_alloc(a, s.n + 1);
	if (s.n)
		memcpy(p, s.p, s.n);
	p[s.n] = 0;
	return (struct str){p, s.n};
}

struct str arena_fmt(struct arena *a, const char *fmt, ...)
{
	va_list ap, again;
	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	char *p = arena_alloc(a, (size_t)n + 1);
	vsnprintf(p, (size_t)n + 1, fmt, again);
	va_end(again);
	return (struct str){p, (size_t)n};
}

void arena_free(struct arena *a)
{
	while (a->head) {
		struct arena_block *b = a->head;
		a->head = b->next;
		free(b);
	}
}

void arena_reset(struct arena *a)
{
	while (a->head && a->head->next) {
		struct arena_block *b = a->head;
		a->head = b->next;
		free(b);
	}
	if (a->head)
		a->head->used = 0;
}

size_t arena_size(const struct arena *a)
{
	size_t n = 0;
	for (const struct arena_block *b = a->head; b; b = b->next)
		n += sizeof *b + b->size;
	return n;
}

/* ---- what is in use ---- */

#ifdef IMSRIG_OWN_HEAP
static bool add_area(const mi_heap_t *heap, const mi_heap_area_t *area, void *block, size_t size,
	void *sum)
{
	*(size_t *)sum += area->used * area->block_size;
	return true;
}

size_t mem_in_use(void)
{
	size_t sum = 0;
	mi_heap_collect(mi_heap_get_default(), false); /* what other threads gave back */
	mi_heap_visit_blocks(mi_heap_get_default(), false, add_area, &sum);
	return sum;
}
#else
size_t mem_in_use(void)
{
	return 0;
}
#endif
