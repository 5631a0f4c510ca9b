/* Authentication and key agreement, at the home network and at the USIM (TS 33.102 6.3 and
 * Annex C), and how SIP carries it (RFC 3310, RFC 4169; TS 33.203 for AKAv2-SHA-256).
 *
 *	RAND    drawn by the network for each challenge
 *	AUTN    (SQN ^ AK) || AMF || MAC-A: the network's proof, and its sequence number
 *	AUTS    (SQN ^ AK*) || MAC-S: the USIM's, when the network's is out of range
 *	SQN     SEQ (43 bits) || IND (5 bits): each place IND of the USIM remembers its last SEQ
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/base/str.h"
#include "common/crypto/digest.h"
#include "common/crypto/milenage.h"

/* ---- the home network ---- */

enum { AKA_SQN_MAX_BITS = 48, AKA_IND_BITS = 5, AKA_PLACES = 1 << AKA_IND_BITS };

struct aka_vector {
	uint8_t rand[16], autn[16], xres[8], ck[16], ik[16];
};
/* The sequence number for the next vector (TS 33.102 C.1.1, C.3.2: not by time). */
uint64_t aka_sqn_next(uint64_t sqn);
/* Would a USIM accept it in any of its places, when `seen` is the highest that it has accepted? */
bool aka_sqn_fits(uint64_t sqn, uint64_t seen);
/* `v->rand` is given. */
void aka_vector_make(const struct milenage *m, uint64_t sqn, const uint8_t amf[2],
	struct aka_vector *v);
/* SQN of the USIM out of its AUTS (6.3.5); -EBADMSG when MAC-S is wrong. */
int aka_auts_check(const struct milenage *m, const uint8_t rand[16], const uint8_t auts[14],
	uint64_t *sqn);

/* ---- the USIM ---- */

struct usim {
	struct milenage keys;
	uint64_t seq[AKA_PLACES];      /* highest accepted in each place */
};
/* As if `sqn` were the last accepted, in every place. */
void usim_init(struct usim *u, const struct milenage *keys, uint64_t sqn);

enum usim_verdict {
	USIM_OK,               /* res, ck, ik; the sequence number is used up */
	USIM_MAC_FAILURE,      /* it is not the network that the USIM shares its key with */
	USIM_SYNC_FAILURE,     /* auts */
};
struct usim_answer {
	uint8_t res[8], ck[16], ik[16], auts[14];
};
/* A SEQ is fresh when it is above the last one of its place, and no more than 2^28 above the
 * highest of all (TS 33.102 C.2.1, C.2.2, C.3.2). */
enum usim_verdict usim_authenticate(struct usim *u, const uint8_t rand[16],
	const uint8_t autn[16], struct usim_answer *out);

/* ---- in SIP ---- */

/* AKA_NONE: plain digest. */
enum aka_algorithm { AKA_NONE, AKA_V1_MD5, AKA_V2_SHA256 };
/* By the algorithm parameter, any case; AKA_NONE when it is neither of them. */
enum aka_algorithm aka_algorithm_of(struct str name);
const char *aka_algorithm_name(enum aka_algorithm a);
enum digest_algorithm aka_digest(enum aka_algorithm a);

enum { AKA_PASSWORD_MAX = 48, AKA_RES_MAX = 16, AKA_NONCE_N = 44, AKA_AUTS_N = 20 };
/* The password of the digest: AKAv1 RES itself (RFC 3310 3.3), AKAv2 base64 of
 * PRF(RES || IK || CK, "http-digest-akav2-password") (RFC 4169 3). A view into `out`. */
struct str aka_password(enum aka_algorithm a, struct str res, const uint8_t ck[16],
	const uint8_t ik[16], char out[AKA_PASSWORD_MAX]);
/* nonce: base64 of RAND || AUTN and what a server may add (RFC 3310 3.2). */
void aka_nonce_write(const uint8_t rand_autn[32], char out[AKA_NONCE_N + 1]);
int aka_nonce_read(struct str nonce, uint8_t rand[16], uint8_t autn[16]);  /* 0 or -EINVAL */
/* auts: base64 of AUTS (RFC 3310 3.4). */
void aka_auts_write(const uint8_t auts[14], char out[AKA_AUTS_N + 1]);
int aka_auts_read(struct str text, uint8_t auts[14]);                      /* 0 or -EINVAL */
