/* base64url without padding, base64 with it.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/base/b64url.h"

#include <errno.h>

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Value of a letter, and one more: 0 is none. */
static const uint8_t values[256] = {
	['A'] = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22,
	23, 24, 25, 26,
	['a'] = 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46,
	47, 48, 49, 50, 51, 52,
	['0'] = 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, ['-'] = 63, ['_'] = 64,
	['+'] = 63, ['/'] = 64,
};

size_t b64url_write(const void *bytes, size_t n, char *out)
{
	const uint8_t *in = bytes;
	uint32_t acc = 0;
	unsigned bits = 0;
	size_t o = 0;
	for (size_t i = 0; i < n; i++) {
		acc = acc << 8 | in[i];
		for (bits += 8; bits >= 6; bits -= 6)
			out[o++] = letters[acc >> (bits - 6) & 63];
	}
	if (bits)
		out[o++] = letters[acc << (6 - bits) & 63];
	out[o] = '\0';
	return o;
}

/* `others`: the two letters of the other alphabet. */
static int read_letters(struct str s, const char others[2], void *out, size_t *n)
{
	uint8_t *o = out;
	uint32_t acc = 0;
	unsigned bits = 0;
	*n = 0;
	if (s.n % 4 == 1)
		return -EINVAL;
	for (size_t i = 0; i < s.n; i++) {
		uint8_t v = values[(uint8_t)s.p[i]];
		if (!v || s.p[i] == others[0] || s.p[i] == others[1])
			return -EINVAL;
		acc = acc << 6 | (uint32_t)(v - 1);
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			o[(*n)++] = (uint8_t)(acc >> bits);
		}
	}
	return acc & ((1u << bits) - 1) ? -EINVAL : 0;
}

int b64url_read(struct str s, void *out, size_t *n)
{
	return read_letters(s, "+/", out, n);
}

size_t b64_write(const void *bytes, size_t n, char *out)
{
	size_t o = b64url_write(bytes, n, out);
	for (size_t i = 0; i < o; i++)
		out[i] = out[i] == '-' ? '+' : out[i] == '_' ? '/' : out[i];
	while (o % 4)
		out[o++] = '=';
	out[o] = '\0';
	return o;
}

int b64_read(struct str s, void *out, size_t *n)
{
	size_t padding = 0;
	*n = 0;
	if (s.n % 4)
		return -EINVAL;
	while (padding < 2 && padding < s.n && s.p[s.n - padding - 1] == '=')
		padding++;
	return read_letters((struct str){s.p, s.n - padding}, "-_", out, n);
}
