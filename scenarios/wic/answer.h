/* The client's side of SIP Digest (RFC 7616, TS 33.203 N): the answer to a challenge, and
 * the ways in which a script spoils it.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <jansson.h>

#include "common/base/mem.h"
#include "common/crypto/aka.h"
#include "common/sip/field.h"

/* A kept challenge: views into its own copy of the field's value. */
struct challenge {
	struct sip_digest d;
	enum digest_algorithm algorithm;
	enum aka_algorithm aka; /* AKA_NONE: plain digest */
	bool stale;
	char text[];
};
/* The first challenge of `m` (field `id`, WWW-Authenticate or Proxy-Authenticate) with an
 * algorithm that we know; `only`: that one alone (p NULL: any that is not of AKA). free() it; NULL: none. */
struct challenge *challenge_take(
	const struct sip_msg *m, enum sip_header id, struct str only);

/* `m` has a challenge of scheme Digest, whatever its algorithm. */
bool challenge_is_digest(const struct sip_msg *m, enum sip_header id);

/* The first one of AKA. */
struct challenge *challenge_take_aka(const struct sip_msg *m, enum sip_header id);

/* One field's value as a challenge; NULL as above. */
struct challenge *challenge_read(struct str value, struct str only);
/* Authentication-Info proves the password as `rspauth` says ("": nothing was asked to be
 * proved); *next gets its nextnonce, if any (p NULL: none). */
bool answer_proved(struct str info, const char *rspauth, struct str *next);

/* What an answer is made of. Members with p NULL are left out of the header field. */
struct answer {
	enum digest_algorithm algorithm;
	struct str username, realm, uri, nonce, qop, cnonce, opaque, method, password, auts;
	struct str algorithm_name; /* as the challenge wrote it; p NULL: left out */
	struct str wwsf;	   /* wwsf-entity */
	uint32_t nc;		   /* 0: an empty answer, which names the user alone */
};

/* Writes the value of an Authorization field ("Digest username=..."). `twist` (may be
 * NULL) is a mapping: a member of the answer's name stands in place of what would be
 * there, both in the field and in what the response is computed from, but for `response`
 * itself; "absent" leaves the parameter out; other names are further, quoted parameters;
 * a number as nc is written as 8 hex digits. `forged` (may be NULL) is the same for the
 * field alone, after the response was computed. *rspauth gets what the server must prove
 * ("" for an empty answer); it may be NULL. */
void answer_write(const struct answer *a, const json_t *twist, const json_t *forged,
	struct buf *out, char rspauth[DIGEST_HEX_MAX]);
