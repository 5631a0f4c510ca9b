/* SIP and HTTP Digest (RFC 2617, RFC 7616, RFC 8760), qop=auth.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/base/str.h"

enum digest_algorithm { DIGEST_MD5, DIGEST_SHA256 };
enum { DIGEST_ALGORITHMS = 2 };
enum { DIGEST_HEX_MAX = 65 };          /* 64 hex digits and NUL */

/* Name as in the algorithm parameter, any case; absent (p NULL) is MD5. -EINVAL: another. */
int digest_algorithm_of(struct str name, enum digest_algorithm *out);
const char *digest_algorithm_name(enum digest_algorithm a);
size_t digest_hex_n(enum digest_algorithm a);      /* 32 or 64 */

void digest_ha1(enum digest_algorithm a, struct str username, struct str realm,
	struct str password, char out[DIGEST_HEX_MAX]);
/* H(A1) as somebody else made it, in lower case as it is hashed. -EINVAL: not so many hex
 * digits as the algorithm has. */
int digest_ha1_take(enum digest_algorithm a, struct str hex, char out[DIGEST_HEX_MAX]);
/* A challenge's qop offers "auth" (RFC 7616 3.3: a list). */
bool digest_offers_auth(struct str qop);
/* `method` empty: rspauth of Authentication-Info. */
void digest_response(enum digest_algorithm a, struct str ha1, struct str method, struct str uri,
	struct str nonce, struct str nc, struct str cnonce, struct str qop,
	char out[DIGEST_HEX_MAX]);
/* The digest answer of Authentication-Info. */
static inline void digest_rspauth(enum digest_algorithm a, struct str ha1, struct str uri,
	struct str nonce, struct str nc, struct str cnonce, struct str qop,
	char out[DIGEST_HEX_MAX])
{
	digest_response(a, ha1, STR_NONE, uri, nonce, nc, cnonce, qop, out);
}
/* Constant-time, case-insensitive for hex digits; false when the lengths differ. */
bool digest_equal(struct str a, struct str b);
