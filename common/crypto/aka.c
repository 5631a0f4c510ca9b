/* Authentication and key agreement.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/crypto/aka.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "common/base/b64url.h"

enum { N_SQN = 6, N_AMF = 2, N_MAC = 8 };
static const uint64_t SQN_MASK = (UINT64_C(1) << AKA_SQN_MAX_BITS) - 1;
static const uint64_t DELTA = UINT64_C(1) << 28; /* TS 33.102 C.3.2 */

/* Annex H of TS 33.102: what AUTS is made with in place of AMF. */
static const uint8_t amf_star[N_AMF] = {0, 0};

static void put_sqn(uint64_t sqn, uint8_t out[N_SQN])
{
	for (int i = 0; i < N_SQN; i++)
		out[i] = (uint8_t)(sqn >> 8 * (N_SQN - 1 - i));
}

static uint64_t get_sqn(const uint8_t in[N_SQN])
{
	uint64_t sqn = 0;
	for (int i = 0; i < N_SQN; i++)
		sqn = sqn << 8 | in[i];
	return sqn;
}

static void conceal(uint8_t sqn[N_SQN], const uint8_t ak[N_SQN])
{
	for (int i = 0; i < N_SQN; i++)
		sqn[i] ^= ak[i];
}

/* ---- the home network ---- */

uint64_t aka_sqn_next(uint64_t sqn)
{
	uint64_t seq = (sqn >> AKA_IND_BITS) + 1, ind = (sqn + 1) % AKA_PLACES;
	return (seq << AKA_IND_BITS | ind) & SQN_MASK;
}

bool aka_sqn_fits(uint64_t sqn, uint64_t seen)
{
	uint64_t seq = sqn >> AKA_IND_BITS, top = seen >> AKA_IND_BITS;
	return seq > top && seq - top <= DELTA;
}

void aka_vector_make(const struct milenage *m, uint64_t sqn, const uint8_t amf[2],
	struct aka_vector *v)
{
	struct milenage_out o;
	uint8_t mac_s[N_MAC];

	milenage_f2345(m, v->rand, &o);
	put_sqn(sqn, v->autn);
	memcpy(v->autn + N_SQN, amf, N_AMF);
	milenage_f1(m, v->rand, v->autn, amf, v->autn + N_SQN + N_AMF, mac_s);
	conceal(v->autn, o.ak);
	memcpy(v->xres, o.res, sizeof v->xres);
	memcpy(v->ck, o.ck, sizeof v->ck);
	memcpy(v->ik, o.ik, sizeof v->ik);
	explicit_bzero(&o, sizeof o);
}

int aka_auts_check(const struct milenage *m, const uint8_t rand[16], const uint8_t auts[14],
	uint64_t *sqn)
{
	struct milenage_out o;
	uint8_t bare[N_SQN], mac_a[N_MAC], mac_s[N_MAC];

	milenage_f2345(m, rand, &o);
	memcpy(bare, auts, N_SQN);
	conceal(bare, o.ak_star);
	explicit_bzero(&o, sizeof o);
	milenage_f1(m, rand, bare, amf_star, mac_a, mac_s);
	if (CRYPTO_memcmp(mac_s, auts + N_SQN, N_MAC))
		return -EBADMSG;
	*sqn = get_sqn(bare);
	return 0;
}

/* ---- the USIM ---- */

void usim_init(struct usim *u, const struct milenage *keys, uint64_t sqn)
{
	u->keys = *keys;
	for (int i = 0; i < AKA_PLACES; i++)
		u->seq[i] = sqn >> AKA_IND_BITS;
}

/* The place with the highest SEQ. */
static int highest(const struct usim *u)
{
	int at = 0;
	for (int i = 1; i < AKA_PLACES; i++)
		if (u->seq[i] > u->seq[at])
			at = i;
	return at;
}

static bool take_sqn(struct usim *u, uint64_t sqn)
{
	uint64_t seq = sqn >> AKA_IND_BITS, ind = sqn % AKA_PLACES, top = u->seq[highest(u)];
	if (seq <= u->seq[ind] || (seq > top && seq - top > DELTA))
		return false;
	u->seq[ind] = seq;
	return true;
}

static void put_auts(const struct usim *u, const uint8_t rand[16], const uint8_t ak_star[N_SQN],
	uint8_t auts[14])
{
	uint8_t mac_a[N_MAC];
	int at = highest(u);

	put_sqn(u->seq[at] << AKA_IND_BITS | (uint64_t)at, auts);
	milenage_f1(&u->keys, rand, auts, amf_star, mac_a, auts + N_SQN);
	conceal(auts, ak_star);
}

enum usim_verdict usim_authenticate(struct usim *u, const uint8_t rand[16],
	const uint8_t autn[16], struct usim_answer *out)
{
	struct milenage_out o;
	uint8_t sqn[N_SQN], mac_a[N_MAC], mac_s[N_MAC];
	enum usim_verdict verdict = USIM_OK;

	memset(out, 0, sizeof *out);
	milenage_f2345(&u->keys, rand, &o);
	memcpy(sqn, autn, N_SQN);
	conceal(sqn, o.ak);
	milenage_f1(&u->keys, rand, sqn, autn + N_SQN, mac_a, mac_s);
	if (CRYPTO_memcmp(mac_a, autn + N_SQN + N_AMF, N_MAC)) {
		verdict = USIM_MAC_FAILURE;
	} else if (!take_sqn(u, get_sqn(sqn))) {
		put_auts(u, rand, o.ak_star, out->auts);
		verdict = USIM_SYNC_FAILURE;
	} else {
		memcpy(out->res, o.res, sizeof out->res);
		memcpy(out->ck, o.ck, sizeof out->ck);
		memcpy(out->ik, o.ik, sizeof out->ik);
	}
	explicit_bzero(&o, sizeof o);
	return verdict;
}

/* ---- in SIP ---- */

static const struct {
	const char *name;
	enum digest_algorithm digest;
} algorithms[] = {
	[AKA_V1_MD5] = {"AKAv1-MD5", DIGEST_MD5},
	[AKA_V2_SHA256] = {"AKAv2-SHA-256", DIGEST_SHA256},
};

enum aka_algorithm aka_algorithm_of(struct str name)
{
	for (int a = AKA_V1_MD5; a <= AKA_V2_SHA256; a++)
		if (str_ieq(name, str_of(algorithms[a].name)))
			return (enum aka_algorithm)a;
	return AKA_NONE;
}

const char *aka_algorithm_name(enum aka_algorithm a)
{
	return algorithms[a].name;
}

enum digest_algorithm aka_digest(enum aka_algorithm a)
{
	return algorithms[a].digest;
}

struct str aka_password(enum aka_algorithm a, struct str res, const uint8_t ck[16],
	const uint8_t ik[16], char out[AKA_PASSWORD_MAX])
{
	static const char label[] = "http-digest-akav2-password";
	uint8_t key[AKA_RES_MAX + 32], sum[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (res.n > AKA_RES_MAX)
		res.n = AKA_RES_MAX;
	memcpy(key, res.p, res.n);
	if (a == AKA_V1_MD5) {
		memcpy(out, key, res.n);
		return (struct str){out, res.n};
	}
	memcpy(key + res.n, ik, 16);
	memcpy(key + res.n + 16, ck, 16);
	HMAC(EVP_sha256(), key, (int)(res.n + 32), (const uint8_t *)label, sizeof label - 1, sum,
		&n);
	explicit_bzero(key, sizeof key);
	return (struct str){out, b64_write(sum, n, out)};
}

void aka_nonce_write(const uint8_t rand_autn[32], char out[AKA_NONCE_N + 1])
{
	b64_write(rand_autn, 32, out);
}

int aka_nonce_read(struct str nonce, uint8_t rand[16], uint8_t autn[16])
{
	enum { MOST = 256 };
	uint8_t octets[MOST];
	size_t n;

	if (nonce.n < AKA_NONCE_N || nonce.n > MOST || b64_read(nonce, octets, &n) || n < 32)
		return -EINVAL;
	memcpy(rand, octets, 16);
	memcpy(autn, octets + 16, 16);
	return 0;
}

void aka_auts_write(const uint8_t auts[14], char out[AKA_AUTS_N + 1])
{
	b64_write(auts, 14, out);
}

int aka_auts_read(struct str text, uint8_t auts[14])
{
	uint8_t octets[AKA_AUTS_N];
	size_t n;

	if (text.n != AKA_AUTS_N || b64_read(text, octets, &n) || n != 14)
		return -EINVAL;
	memcpy(auts, octets, 14);
	return 0;
}
