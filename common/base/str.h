/* String views: bytes that somebody else owns.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A view of n bytes at p. Not terminated, may hold any byte; p may be NULL when n is 0. */
struct str {
	const char *p;
	size_t n;
};

#define STR(lit)    ((struct str){(lit), sizeof(lit) - 1})
#define STR_NONE    ((struct str){NULL, 0})
#define STR_FMT     "%.*s"
#define STR_ARG(s)  ((int)(s).n), ((s).p ? (s).p : "")

static inline struct str str_of(const char *z)
{
	return (struct str){z, z ? strlen(z) : 0};
}

static inline struct str str_span(const char *from, const char *to)
{
	return (struct str){from, (size_t)(to - from)};
}

static inline bool str_eq(struct str a, struct str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool str_ieq(struct str a, struct str b);            /* ASCII, case-insensitive */
bool str_host_eq(struct str a, struct str b);        /* host names: a dot at the end is none */
bool str_starts(struct str s, struct str prefix);
bool str_istarts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
struct str str_trim(struct str s);                   /* blanks, tabs, CR and LF off both ends */
struct str str_skip(struct str s, size_t n);         /* without its first n bytes (at most all) */

/* Position of the byte or text, or -1. */
ptrdiff_t str_chr(struct str s, char c);
ptrdiff_t str_find(struct str s, struct str needle);
ptrdiff_t str_ifind(struct str s, struct str needle);

/* Takes what stands before the first `sep` off *rest and returns it; without a `sep`
 * returns the whole and leaves *rest with p NULL, so that `while (rest.p)` walks a list. */
struct str str_cut(struct str *rest, char sep);
bool str_has_word(struct str list, struct str word); /* of words parted by one blank */
/* UTF-8 without control characters; a NUL would end it early in anything written in C. */
bool str_is_text(struct str s);

/* Whole-string conversion: 0, or -EINVAL (not a number, empty) or -ERANGE. */
int str_u64(struct str s, uint64_t *out);
int str_u32(struct str s, uint32_t *out);
int str_hex(struct str s, uint8_t *out, size_t n);   /* exactly 2n digits */

/* Bytes as lower-case hex; `out` has 2n + 1 bytes. */
void hex_of(const void *bytes, size_t n, char *out);

/* FNV-1a, and the same over lower-cased ASCII. */
uint64_t str_hash(struct str s);
uint64_t str_ihash(struct str s);

/* A NUL-terminated copy that the caller frees. Ends the process when memory is out. */
char *str_dup(struct str s);

/* Copies into a fixed field, cut to fit and terminated; true when nothing was cut. */
bool str_copy(struct str s, char *out, size_t size);
