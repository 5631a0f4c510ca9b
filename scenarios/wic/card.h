/* A USIM in a client's hands (TS 33.102 6.3.3): what it answers to a challenge of AKA, and how
 * that goes into the digest (RFC 3310, RFC 4169).
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/crypto/aka.h"
#include "scenarios/wic/answer.h"

/* What a script says of it, hexadecimal; `op` or `opc`; sqn: the last number that it has
 * accepted, NULL: 0. */
struct card_conf {
	const char *k, *op, *opc, *sqn; /* k NULL: no USIM */
};
struct card;
/* Makes it at first, and anew when other texts come. 0, or -EINVAL with a sentence. */
int card_insert(struct card **card, const struct card_conf *c, char why[256]);
void card_free(struct card *c); /* NULL: nothing */

/* Shows it the challenge, once: to the same one again it says the same. Fills the password and
 * auts of `a`, or makes it the empty answer of a USIM that does not know the network. Texts
 * live as long as the card. -EINVAL: no RAND and AUTN in the nonce, `a` is made that, too. */
int card_answer(struct card *card, const struct challenge *c, struct answer *a);
