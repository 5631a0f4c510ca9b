/* SIP and HTTP Digest.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/crypto/digest.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

static const struct {
	const char *name;
	size_t hex_n;
} algorithms[DIGEST_ALGORITHMS] = {[DIGEST_MD5] = {"MD5", 32}, [DIGEST_SHA256] = {"SHA-256", 64}};

int digest_algorithm_of(struct str name, enum digest_algorithm *out)
{
	*out = DIGEST_MD5;
	if (!name.p)
		return 0;
	for (int i = 0; i < DIGEST_ALGORITHMS; i++)
		if (str_ieq(name, str_of(algorithms[i].name))) {
			*out = (enum digest_algorithm)i;
			return 0;
		}
	return -EINVAL;
}

const char *digest_algorithm_name(enum digest_algorithm a)
{
	return algorithms[a].name;
}

size_t digest_hex_n(enum digest_algorithm a)
{
	return algorithms[a].hex_n;
}

/* Fetching an algorithm and making a context cost more than hashing a response, so both
 * are kept, for each thread. */
static EVP_MD_CTX *context(enum digest_algorithm a)
{
	static __thread EVP_MD_CTX *kept[DIGEST_ALGORITHMS];
	if (kept[a])
		return kept[a];
	EVP_MD *md = EVP_MD_fetch(NULL, algorithms[a].name, NULL);
	kept[a] = EVP_MD_CTX_new();
	if (!md || !kept[a] || !EVP_DigestInit_ex2(kept[a], md, NULL)) {
		fprintf(stderr, "OpenSSL has no %s\n", algorithms[a].name);
		abort();
	}
	EVP_MD_free(md); /* the context holds it */
	return kept[a];
}

/* H of the parts with colons between. */
static void hash(enum digest_algorithm a, const struct str *parts, size_t n,
	char out[DIGEST_HEX_MAX])
{
	uint8_t sum[EVP_MAX_MD_SIZE];
	unsigned size = 0;
	char text[512];
	size_t at = 0;
	EVP_MD_CTX *c = context(a);

	EVP_DigestInit_ex2(c, NULL, NULL);
	for (size_t i = 0; i < n; i++) {
		if (at + parts[i].n + 1 > sizeof text) {
			EVP_DigestUpdate(c, text, at);
			at = 0;
		}
		if (i)
			text[at++] = ':';
		if (parts[i].n >= sizeof text - 1) {
			EVP_DigestUpdate(c, text, at);
			EVP_DigestUpdate(c, parts[i].p, parts[i].n);
			at = 0;
		} else if (parts[i].n) {
			memcpy(text + at, parts[i].p, parts[i].n);
			at += parts[i].n;
		}
	}
	EVP_DigestUpdate(c, text, at);
	EVP_DigestFinal_ex(c, sum, &size);
	hex_of(sum, size, out);
}

void digest_ha1(enum digest_algorithm a, struct str username, struct str realm,
	struct str password, char out[DIGEST_HEX_MAX])
{
	const struct str parts[] = {username, realm, password};
	hash(a, parts, 3, out);
}

int digest_ha1_take(enum digest_algorithm a, struct str hex, char out[DIGEST_HEX_MAX])
{
	uint8_t sum[EVP_MAX_MD_SIZE];
	size_t n = algorithms[a].hex_n / 2;

	if (str_hex(hex, sum, n))
		return -EINVAL;
	hex_of(sum, n, out);
	return 0;
}

bool digest_offers_auth(struct str qop)
{
	while (qop.p)
		if (str_ieq(str_trim(str_cut(&qop, ',')), STR("auth")))
			return true;
	return false;
}

void digest_response(enum digest_algorithm a, struct str ha1, struct str method,
	struct str uri, struct str nonce, struct str nc, struct str cnonce,
	struct str qop, char out[DIGEST_HEX_MAX])
{
	char ha2[DIGEST_HEX_MAX];
	const struct str a2[] = {method, uri};

	hash(a, a2, 2, ha2);
	const struct str parts[] = {
		ha1, nonce, nc, cnonce, qop, {ha2, algorithms[a].hex_n}};
	const struct str old[] = {
		ha1, nonce, parts[5]}; /* RFC 2617 3.2.2.1, without qop */
	if (qop.n)
		hash(a, parts, 6, out);
	else
		hash(a, old, 3, out);
}

bool digest_equal(struct str a, struct str b)
{
	unsigned differ = 0;
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++) {
		unsigned x = (uint8_t)a.p[i], y = (uint8_t)b.p[i];
		/* letters to lower case without a branch on secret bytes */
		x |= (unsigned)((x - 'A') < 26u) << 5;
		y |= (unsigned)((y - 'A') < 26u) << 5;
		differ |= x ^ y;
	}
	return differ == 0;
}
