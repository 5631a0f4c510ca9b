/* A growable byte buffer.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/base/buf.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/mem.h"

void buf_reserve(struct buf *b, size_t more)
{
	if (b->cap - b->n >= more)
		return;
	size_t cap = b->cap ? b->cap : 256;
	while (cap - b->n < more)
		cap *= 2;
	b->p = mem_realloc(b->p, cap);
	b->cap = cap;
}

void buf_put(struct buf *b, const void *bytes, size_t n)
{
	if (!n)
		return;
	buf_reserve(b, n);
	memcpy(b->p + b->n, bytes, n);
	b->n += n;
}

void buf_byte(struct buf *b, char c)
{
	buf_put(b, &c, 1);
}

void buf_vfmt(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	va_copy(again, ap);
	buf_reserve(b, 64);
	int n = vsnprintf(b->p + b->n, b->cap - b->n, fmt, ap);
	if ((size_t)n >= b->cap - b->n) {
		buf_reserve(b, (size_t)n + 1);
		vsnprintf(b->p + b->n, b->cap - b->n, fmt, again);
	}
	va_end(again);
	b->n += (size_t)n;
}

void buf_fmt(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	buf_vfmt(b, fmt, ap);
	va_end(ap);
}

void buf_drop(struct buf *b, size_t n)
{
	if (n >= b->n) {
		b->n = 0;
		return;
	}
	memmove(b->p, b->p + n, b->n - n);
	b->n -= n;
}

void buf_free(struct buf *b)
{
	free(b->p);
	*b = (struct buf){0};
}

const char *buf_z(struct buf *b)
{
	buf_reserve(b, 1);
	b->p[b->n] = 0;
	return b->p;
}

void buf_u8(struct buf *b, uint8_t v)
{
	buf_put(b, &v, 1);
}

void buf_u16(struct buf *b, uint16_t v)
{
	uint8_t o[2] = {(uint8_t)(v >> 8), (uint8_t)v};
	buf_put(b, o, 2);
}

void buf_u32(struct buf *b, uint32_t v)
{
	uint8_t o[4] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};
	buf_put(b, o, 4);
}
