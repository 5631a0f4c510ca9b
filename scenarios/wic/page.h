/* What of a browser the emulated WIC needs to sign in at somebody else's page: addresses
 * that refer to others, and one HTML form. No script is run and nothing is shown.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/base/buf.h"

enum { URL_ORIGIN_MAX = 160, URL_TARGET_MAX = 4096 };

/* An https: address in two parts: "https://host:port" and "/path?query". */
struct url {
	char origin[URL_ORIGIN_MAX], target[URL_TARGET_MAX];
};
/* `reference` as it stands in Location or a form's action, seen from `base` (NULL: it must
 * be absolute); a fragment is dropped. 0, -EINVAL: no https: address, -E2BIG. */
int url_resolve(const struct url *base, struct str reference, struct url *out);

/* The first form of a page. Values are NULL to leave the field out. */
struct page_entry {
	const char *user, *password, *decision;
};
/* True: there is one that asks for a password. *action gets where it goes (p NULL: to the
 * page itself), `body` the hidden fields as they stand and the three that a person fills in
 * and presses. */
bool page_form_fill(struct str html, const struct page_entry *e, struct buf *action,
	struct buf *body);
