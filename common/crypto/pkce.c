/* PKCE (RFC 7636), S256.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/crypto/pkce.h"

#include <ctype.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

enum { VERIFIER_LEAST = 43, VERIFIER_MOST = 128 };

static void base64url(const uint8_t bytes[32], char out[PKCE_SIZE])
{
	char text[48];
	EVP_EncodeBlock((unsigned char *)text, bytes, 32);
	for (size_t i = 0; i < PKCE_SIZE - 1; i++)
		out[i] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i];
	out[PKCE_SIZE - 1] = 0;
}

void pkce_verifier(struct chance *c, char out[PKCE_SIZE])
{
	uint8_t bytes[32];
	chance_bytes(c, bytes, sizeof bytes);
	base64url(bytes, out);
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
	base64url(sum, out);
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
