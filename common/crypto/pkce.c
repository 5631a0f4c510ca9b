/* PKCE (RFC 7636), S256.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/crypto/pkce.h"

#include <ctype.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "common/base/b64url.h"

enum { VERIFIER_LEAST = 43, VERIFIER_MOST = 128 };

void pkce_verifier(struct chance *c, char out[PKCE_SIZE])
{
	uint8_t bytes[32];
	chance_bytes(c, bytes, sizeof bytes);
	b64url_write(bytes, sizeof bytes, out);
	OPENSSL_cleanse(bytes, sizeof bytes);
}

static bool all_of(struct str s, const char *marks)
{
	for (size_t i = 0; i < s.n; i++)
		if (!isalnum((unsigned char)s.p[i]) && (!s.p[i] || !strchr(marks, s.p[i])))
			return false;
	return true;
}

bool pkce_challenge(struct str verifier, char out[PKCE_SIZE])
{
	uint8_t sum[32];
	if (verifier.n < VERIFIER_LEAST || verifier.n > VERIFIER_MOST ||
		!all_of(verifier, "-._~"))
		return false;
	SHA256((const uint8_t *)verifier.p, verifier.n, sum);
	b64url_write(sum, sizeof sum, out);
	return true;
}

bool pkce_is_challenge(struct str s)
{
	return s.n == PKCE_SIZE - 1 && all_of(s, "-_");
}

bool pkce_check(struct str verifier, struct str challenge)
{
	char made[PKCE_SIZE];
	return pkce_challenge(verifier, made) && challenge.n == PKCE_SIZE - 1 &&
		!CRYPTO_memcmp(made, challenge.p, PKCE_SIZE - 1);
}
