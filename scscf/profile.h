/* The user profile that a SAA or PPR carries (TS 29.228 Annex E).
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/base/buf.h"
#include "common/base/mem.h"

enum { PROFILE_MAX_IDENTITIES = 64 };

struct profile_identity {
	struct str identity;
	bool barred, wildcard;
};
struct profile {
	struct str impi;
	struct profile_identity identities[PROFILE_MAX_IDENTITIES];
	size_t n;
};
/* Reads the document; unknown elements are passed over, document type declarations and
 * entities refused. 0, or -EBADMSG with a static sentence. Texts live in the arena. */
int profile_parse(struct str xml, struct profile *out, struct arena *a, const char **why);
/* P-Associated-URI (TS 24.229 5.4.1.2.2F): distinct identities that are not barred, in
 * their order, then wildcards. */
void profile_associated(const struct profile *p, struct buf *out);
