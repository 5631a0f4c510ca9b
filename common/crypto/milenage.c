/* Milenage on AES-128 (TS 35.206 4.1).
 *
 *	TEMP = E(RAND ^ OPc)
 *	OUT1 = E(TEMP ^ rot(IN1 ^ OPc, r1) ^ c1) ^ OPc,  IN1 = SQN || AMF || SQN || AMF
 *	OUTn = E(rot(TEMP ^ OPc, rn) ^ cn) ^ OPc,        n = 2 to 5
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/crypto/milenage.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Fetching the cipher costs more than a block, so its context is kept, for each thread. */
static EVP_CIPHER_CTX *context(void)
{
	static __thread EVP_CIPHER_CTX *kept;
	if (kept)
		return kept;
	EVP_CIPHER *aes = EVP_CIPHER_fetch(NULL, "AES-128-ECB", NULL);
	kept = EVP_CIPHER_CTX_new();
	if (!aes || !kept || !EVP_EncryptInit_ex2(kept, aes, NULL, NULL, NULL)) {
		fprintf(stderr, "OpenSSL has no AES-128-ECB\n");
		abort();
	}
	EVP_CIPHER_CTX_set_padding(kept, 0);
	EVP_CIPHER_free(aes); /* the context holds it */
	return kept;
}

static void set_key(const uint8_t k[16])
{
	EVP_EncryptInit_ex2(context(), NULL, k, NULL, NULL);
}

/* Under the key that was set. */
static void encrypt(const uint8_t in[16], uint8_t out[16])
{
	int n;
	EVP_EncryptUpdate(context(), out, &n, in, 16);
}

static void forget_key(void)
{
	static const uint8_t zero[16];
	set_key(zero);
}

static void xor(uint8_t *to, const uint8_t *with, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] ^= with[i];
}

void milenage_opc(const uint8_t k[16], const uint8_t op[16], uint8_t opc[16])
{
	set_key(k);
	encrypt(op, opc);
	forget_key();
	xor(opc, op, 16);
}

/* r1 to r5 in octets, last octets of c1 to c5 (4.1). */
static const struct {
	uint8_t r, c;
} constants[] = {{8, 0}, {0, 1}, {4, 2}, {8, 4}, {12, 8}};

/* rot(`in` ^ OPc, r) ^ c */
static void mix(const struct milenage *m, int n, const uint8_t in[16], uint8_t out[16])
{
	for (int i = 0; i < 16; i++) {
		int from = (i + constants[n - 1].r) % 16;
		out[i] = in[from] ^ m->opc[from];
	}
	out[15] ^= constants[n - 1].c;
}

static void temp_of(const struct milenage *m, const uint8_t rand[16], uint8_t temp[16])
{
	memcpy(temp, rand, 16);
	xor(temp, m->opc, 16);
	encrypt(temp, temp);
}

void milenage_f1(const struct milenage *m, const uint8_t rand[16], const uint8_t sqn[6],
	const uint8_t amf[2], uint8_t mac_a[8], uint8_t mac_s[8])
{
	uint8_t temp[16], in[16], out[16];

	memcpy(in, sqn, 6);
	memcpy(in + 6, amf, 2);
	memcpy(in + 8, in, 8);
	set_key(m->k);
	temp_of(m, rand, temp);
	mix(m, 1, in, out);
	xor(out, temp, 16);
	encrypt(out, out);
	forget_key();
	xor(out, m->opc, 16);
	memcpy(mac_a, out, 8);
	memcpy(mac_s, out + 8, 8);
	explicit_bzero(temp, sizeof temp);
}

void milenage_f2345(const struct milenage *m, const uint8_t rand[16], struct milenage_out *o)
{
	uint8_t temp[16], out[6][16];

	set_key(m->k);
	temp_of(m, rand, temp);
	for (int n = 2; n <= 5; n++) {
		mix(m, n, temp, out[n]);
		encrypt(out[n], out[n]);
		xor(out[n], m->opc, 16);
	}
	forget_key();
	memcpy(o->ak, out[2], 6);
	memcpy(o->res, out[2] + 8, 8);
	memcpy(o->ck, out[3], 16);
	memcpy(o->ik, out[4], 16);
	memcpy(o->ak_star, out[5], 6);
	explicit_bzero(temp, sizeof temp);
	explicit_bzero(out, sizeof out);
}
