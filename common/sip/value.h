/* Values on their way into a message. Private to common/sip.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/base/mem.h"
#include "common/base/str.h"

/* The value with each CR, LF and NUL that belongs to no fold as a blank, and without white
 * space at its ends; itself when there is none, else a copy in the arena. */
struct str sip_value_safe(struct arena *a, struct str value);
/* Likewise in place. */
void sip_value_clean(char *p, size_t n);
