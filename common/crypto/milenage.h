/* Milenage, the algorithm set f1 to f5* of a USIM and its home network (TS 35.206).
 * Numbers are octets, most significant first.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdint.h>

/* What a USIM and its home network share. */
struct milenage {
	uint8_t k[16], opc[16];
};

/* OPc of a subscriber from the operator's OP. */
void milenage_opc(const uint8_t k[16], const uint8_t op[16], uint8_t opc[16]);

/* f1 and f1*: the network's proof, and the USIM's when it asks for resynchronisation. */
void milenage_f1(const struct milenage *m, const uint8_t rand[16], const uint8_t sqn[6],
	const uint8_t amf[2], uint8_t mac_a[8], uint8_t mac_s[8]);

/* f2 to f5 and f5*. */
struct milenage_out {
	uint8_t res[8], ck[16], ik[16];
	uint8_t ak[6], ak_star[6];     /* conceal SQN, in AUTN and in AUTS */
};
void milenage_f2345(const struct milenage *m, const uint8_t rand[16], struct milenage_out *out);
