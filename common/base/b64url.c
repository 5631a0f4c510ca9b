/* base64url without padding.
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

int b64url_read(struct str s, void *out, size_t *n)
{
	uint8_t *o = out;
	uint32_t acc = 0;
	unsigned bits = 0;
	*n = 0;
	if (s.n % 4 == 1)
		return -EINVAL;
	for (size_t i = 0; i < s.n; i++) {
		uint8_t v = values[(uint8_t)s.p[i]];
		if (!v)
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
