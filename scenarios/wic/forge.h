/* Security tokens as an attacker, or an issuer gone wrong, would make them: every octet is
 * the script's to choose. Nothing of common/crypto's token code is used, since that refuses
 * to make or sign what it would refuse to read.
 *
 * The mapping that a script gives, each member optional:
 *
 *	header: {alg: none, kid: absent}   members changed, or taken out
 *	claims: {aud: x, exp: "now-1s"}    the same for the payload; a text "now", "now+20s"
 *	                                   is that time in seconds
 *	header-text, payload-text: '{..}'  the JSON itself; ${header}, ${claims} stand for the
 *	                                   members of the token as it is, ${pad:N} for N letters
 *	sign: issuer       (what is not changed otherwise) by the issuer's own key, ES256
 *	      keep         the signature stays as it was
 *	      own-key      ES256 by a key that nobody knows
 *	      none         empty
 *	      hs256-public HMAC-SHA-256 with the issuer's public key (PEM) as the secret
 *	      truncated    the issuer's, without its last octet
 *	      zero         64 octets of 0
 *	      swapped      that of the token `other`
 *	append: text       behind it all
 *
 * alg, kid and typ are left as the token has them: what does not fit is the point.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <jansson.h>

#include "common/base/buf.h"

extern const char *const forge_signs[]; /* the words of `sign`, ends with NULL */

struct forge {
	struct str token;       /* what is changed; p NULL: an empty header and payload */
	struct str other;       /* another token, for `swapped`; p NULL: none */
	const char *keys;       /* file of the issuer's key pairs, a JWK set */
	int64_t now_s;
};
/* Appends the forged token. 0, or a negative errno with a sentence. */
int forge_write(const struct forge *f, const json_t *spec, struct buf *out, char why[256]);

/* One part of a compact token (0: header, 1: payload) as JSON; NULL: it is none. The
 * signature is not looked at. */
json_t *token_part(struct str token, int part);
