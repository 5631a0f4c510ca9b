/* Secrets at rest: AES-256-GCM with a key in a file of its own, beside the databases that hold
 * what is sealed.
 *
 * The file holds 64 hex digits and has mode 0600; it is made on first use. Who loses it loses
 * what was sealed with it. Key and nonces are the system's random values, never a seed's: two
 * runs of one seed must not share a nonce.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/base/str.h"

struct seal;
enum { SEAL_EXTRA = 12 + 16 };         /* nonce and tag, octets more than what is sealed */

/* `create`: a file that is missing is made, which is right only where nothing is sealed yet.
 * 0; -ENOENT missing, -EPERM others may read it, -EINVAL no key, -EIO; then a sentence in `why`
 * that says what to do. */
int seal_open(const char *path, bool create, struct seal **out, char why[512]);
void seal_close(struct seal *s);       /* NULL: nothing */

/* `about` says what the value belongs to; it opens for nothing else. `out` has room for
 * plain.n + SEAL_EXTRA octets and gets that many. */
void seal_put(const struct seal *s, struct str plain, struct str about, void *out);
/* `out` has room for sealed.n octets and gets sealed.n - SEAL_EXTRA. -EBADMSG: sealed with
 * another key, for something else, or changed. */
int seal_take(const struct seal *s, struct str sealed, struct str about, void *out);

/* What may stand beside sealed values to tell whether they have changed: of a hash of them, which
 * itself would let guesses be checked without the key. */
uint64_t seal_print(const struct seal *s, uint64_t hash);
