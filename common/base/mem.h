/* Memory: allocation that does not fail, and arenas.
 *
 * Every queue and table that a peer can fill has a configured bound, so running out of
 * memory is not something a peer can bring about; when it happens the process says so
 * and ends (docs/decisions.md).
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>

#include "common/base/str.h"

void *mem_alloc(size_t n);              /* contents undefined */
void *mem_zalloc(size_t n);             /* zeroed */
void *mem_realloc(void *p, size_t n);

/* Bytes that this thread's heap has in use; 0 where the sanitizers own the heap. */
size_t mem_in_use(void);

#define MEM_NEW(type) ((type *)mem_zalloc(sizeof(type)))

/* An arena: many small pieces with one end. A SIP, HTTP or Cx exchange owns one; what is
 * parsed or built for the exchange goes with it. Zero-initialised is empty and ready. */
struct arena {
	struct arena_block *head;
};

void *arena_alloc(struct arena *a, size_t n);      /* 16-byte aligned, contents undefined */
void *arena_zalloc(struct arena *a, size_t n);
struct str arena_str(struct arena *a, struct str s);               /* a copy, NUL after it */
struct str arena_fmt(struct arena *a, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));                     /* likewise */
void arena_free(struct arena *a);       /* gives all back; the arena is empty and ready again */
/* Empty and ready again, but keeps its first block: for one exchange after another without
 * going to the allocator. */
void arena_reset(struct arena *a);
size_t arena_size(const struct arena *a);          /* bytes held from the allocator */

#define ARENA_NEW(a, type) ((type *)arena_zalloc((a), sizeof(type)))
