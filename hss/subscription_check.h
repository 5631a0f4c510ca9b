/* Inside hss: the checks of subscriptions that were read.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "hss/subscription.h"

/* Checks each, completes it (realm, hashes in place of a password, amf and sqn, origin-host) and
 * brings its identities into their canonical form. `name` is the file's. 0, or -EINVAL with one
 * sentence in `why`. */
int subscriptions_check(const char *name, struct subscriptions *all, struct arena *a,
	char why[512]);
