/* String views.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/base/str.h"

#include <errno.h>

#include "common/base/mem.h"

static inline unsigned char low(char c)
{
	unsigned char u = (unsigned char)c;
	return u >= 'A' && u <= 'Z' ? (unsigned char)(u | 0x20) : u;
}

bool str_ieq(struct str a, struct str b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (low(a.p[i]) != low(b.p[i]))
			return false;
	return true;
}

bool str_starts(struct str s, struct str prefix)
{
	return s.n >= prefix.n && str_eq((struct str){s.p, prefix.n}, prefix);
}

bool str_istarts(struct str s, struct str prefix)
{
	return s.n >= prefix.n && str_ieq((struct str){s.p, prefix.n}, prefix);
}

bool str_ends(struct str s, struct str suffix)
{
	return s.n >= suffix.n && str_eq(str_skip(s, s.n - suffix.n), suffix);
}

static struct str without_dot(struct str name)
{
	return str_ends(name, STR(".")) ? (struct str){name.p, name.n - 1} : name;
}

bool str_host_eq(struct str a, struct str b)
{
	return str_ieq(without_dot(a), without_dot(b));
}

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct str str_trim(struct str s)
{
	while (s.n && blank(s.p[0]))
		s = str_skip(s, 1);
	while (s.n && blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

struct str str_skip(struct str s, size_t n)
{
	if (n > s.n)
		n = s.n;
	return (struct str){s.p ? s.p + n : NULL, s.n - n};
}

ptrdiff_t str_chr(struct str s, char c)
{
	const char *at = s.n ? memchr(s.p, c, s.n) : NULL;
	return at ? at - s.p : -1;
}

ptrdiff_t str_find(struct str s, struct str needle)
{
	if (!needle.n)
		return 0;
	const char *at = s.n ? memmem(s.p, s.n, needle.p, needle.n) : NULL;
	return at ? at - s.p : -1;
}

ptrdiff_t str_ifind(struct str s, struct str needle)
{
	for (size_t i = 0; i + needle.n <= s.n; i++)
		if (str_ieq((struct str){s.p + i, needle.n}, needle))
			return (ptrdiff_t)i;
	return -1;
}

struct str str_cut(struct str *rest, char sep)
{
	ptrdiff_t at = str_chr(*rest, sep);
	struct str head = *rest;
	if (at < 0) {
		*rest = STR_NONE;
		return head;
	}
	head.n = (size_t)at;
	*rest = str_skip(*rest, (size_t)at + 1);
	return head;
}

bool str_has_word(struct str list, struct str word)
{
	while (list.p)
		if (str_eq(str_cut(&list, ' '), word))
			return true;
	return false;
}

int str_u64(struct str s, uint64_t *out)
{
	uint64_t v = 0;
	if (!s.n)
		return -EINVAL;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return -EINVAL;
		if (__builtin_mul_overflow(v, 10, &v) ||
			__builtin_add_overflow(v, (uint64_t)(s.p[i] - '0'), &v))
			return -ERANGE;
	}
	*out = v;
	return 0;
}

int str_u32(struct str s, uint32_t *out)
{
	uint64_t v;
	int err = str_u64(s, &v);
	if (err)
		return err;
	if (v > UINT32_MAX)
		return -ERANGE;
	*out = (uint32_t)v;
	return 0;
}

/* Length of the UTF-8 sequence at p, 0 when there is none. */
static size_t utf8_sequence(const uint8_t *p, size_t n)
{
	size_t more = p[0] < 0x80 ? 0 : p[0] >= 0xc2 && p[0] < 0xe0 ? 1 :
		p[0] >= 0xe0 && p[0] < 0xf0 ? 2 : p[0] >= 0xf0 && p[0] < 0xf5 ? 3 : SIZE_MAX;
	if (more >= n)
		return 0;
	for (size_t i = 1; i <= more; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return more + 1;
}

bool str_is_text(struct str s)
{
	const uint8_t *p = (const uint8_t *)s.p;
	for (size_t i = 0; i < s.n;) {
		if (p[i] < 0x20 || p[i] == 0x7f)
			return false;
		size_t n = utf8_sequence(p + i, s.n - i);
		if (!n)
			return false;
		i += n;
	}
	return true;
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)low(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int str_hex(struct str s, uint8_t *out, size_t n)
{
	if (s.n != 2 * n)
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		int hi = nibble(s.p[2 * i]), lo = nibble(s.p[2 * i + 1]);
		if (hi < 0 || lo < 0)
			return -EINVAL;
		out[i] = (uint8_t)(hi << 4 | lo);
	}
	return 0;
}

void hex_of(const void *bytes, size_t n, char *out)
{
	static const char digit[] = "0123456789abcdef";
	const uint8_t *b = bytes;
	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digit[b[i] >> 4];
		out[2 * i + 1] = digit[b[i] & 15];
	}
	out[2 * n] = 0;
}

uint64_t str_hash(struct str s)
{
	uint64_t h = 0xcbf29ce484222325u;
	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)s.p[i]) * 0x100000001b3u;
	return h;
}

uint64_t str_ihash(struct str s)
{
	uint64_t h = 0xcbf29ce484222325u;
	for (size_t i = 0; i < s.n; i++)
		h = (h ^ low(s.p[i])) * 0x100000001b3u;
	return h;
}

char *str_dup(struct str s)
{
	char *z = mem_alloc(s.n + 1);
	if (s.n)
		memcpy(z, s.p, s.n);
	z[s.n] = 0;
	return z;
}

bool str_copy(struct str s, char *out, size_t size)
{
	size_t n = s.n < size ? s.n : size - 1;
	if (n)
		memcpy(out, s.p, n);
	out[n] = 0;
	return n == s.n;
}
