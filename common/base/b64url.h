/* base64url without padding (RFC 4648 5, RFC 7515 2) and base64 with it (RFC 4648 4), one
 * spelling for one value.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/base/str.h"

#define B64URL_N(n) (((n) * 4 + 2) / 3) /* letters of n bytes */

/* Writes B64URL_N(n) letters and a NUL; returns the number of letters. */
size_t b64url_write(const void *bytes, size_t n, char *out);
/* `out` has room for s.n * 3 / 4 bytes and gets *n of them. -EINVAL: padding, any other
 * letter, a length that no value has, or unused last bits that are not zero. */
int b64url_read(struct str s, void *out, size_t *n);

#define B64_N(n) (((n) + 2) / 3 * 4)    /* letters of n bytes with padding */

/* The same with the letters + and /, and padding. */
size_t b64_write(const void *bytes, size_t n, char *out);
int b64_read(struct str s, void *out, size_t *n);
