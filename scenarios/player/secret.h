/* Which values are secrets, and how a text is shown without them: passwords, HA1s, keys,
 * tokens, digest responses and nonces appear as "hidden" with their length.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/base/buf.h"

/* By the name that scripts use: "Authorization.nonce", "token",
 * "SIP-Auth-Data-Item.SIP-Digest-Authenticate.Digest-HA1". */
bool secret_name(struct str name);
/* Appends the value as it may be seen: quoted, printable and cut, or hidden. */
void secret_put(struct buf *out, struct str name, struct str value);
