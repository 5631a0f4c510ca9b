/* The messages of RFC 4475, and the table of what becomes of each (tests/data/rfc4475). What is
 * wrong with them fails the test.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/base/mem.h"

enum { RFC4475_N = 49 };
struct rfc4475_row {
	struct str file, section, transport, verdict, layer, also, mw, wss, about;
};
void rfc4475_rows(struct rfc4475_row rows[RFC4475_N], struct arena *a);
struct str rfc4475_load(struct str file, struct arena *a);
int rfc4475_status(struct str verdict);        /* 0: dropped */
