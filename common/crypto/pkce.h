/* PKCE, the proof of who began a code grant (RFC 7636), by S256 alone.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/base/chance.h"
#include "common/base/str.h"

enum { PKCE_SIZE = 44 };               /* 43 characters and NUL: 32 octets as base64url */

void pkce_verifier(struct chance *c, char out[PKCE_SIZE]); /* a new one */
/* What goes ahead of the verifier. False: no verifier's form (RFC 7636 4.1). */
bool pkce_challenge(struct str verifier, char out[PKCE_SIZE]);
bool pkce_is_challenge(struct str s);              /* the form of an S256 challenge */
/* Constant-time. */
bool pkce_check(struct str verifier, struct str challenge);
