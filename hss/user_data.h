/* User-Data: the XML of TS 29.228 Annex E.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "hss/store.h"

/* The profile of the implicit registration set of f->impu as f->impi sees it. `private` is
 * the IMPI's name. 0 or -EIO; the text goes into the arena. */
int user_data(struct store *s, const struct found *f, struct str private, struct arena *a,
	struct str *out);
