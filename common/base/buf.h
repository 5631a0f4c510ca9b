/* A growable byte buffer.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdarg.h>

#include "common/base/str.h"

/* Zero-initialised is empty and ready. Growing never fails (base/mem.h). */
struct buf {
	char *p;
	size_t n, cap;
};

void buf_reserve(struct buf *b, size_t more);      /* room for `more` bytes behind n */
void buf_put(struct buf *b, const void *bytes, size_t n);
void buf_byte(struct buf *b, char c);
void buf_fmt(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vfmt(struct buf *b, const char *fmt, va_list ap);
void buf_drop(struct buf *b, size_t n);            /* the first n bytes go, the rest moves up */
void buf_free(struct buf *b);                      /* empty and ready again */

static inline void buf_add(struct buf *b, struct str s)
{
	buf_put(b, s.p, s.n);
}

static inline struct str buf_str(const struct buf *b)
{
	return (struct str){b->p, b->n};
}

const char *buf_z(struct buf *b);                  /* terminated (the NUL is not counted) */

/* Big-endian numbers. */
void buf_u8(struct buf *b, uint8_t v);
void buf_u16(struct buf *b, uint16_t v);
void buf_u32(struct buf *b, uint32_t v);
