/* Failed authentications of one IMPI in a window of time (brute force).
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/base/clock.h"
#include "common/base/hash.h"

struct failures {
	UT_hash_handle hh;
	struct timer window;
	int64_t count;
	char impi[];
};
struct failures *failures_of(struct str impi);         /* NULL: none of late */
void failures_count(struct str impi);                  /* one more */
void failures_forget(struct failures *f);              /* he has proved himself */
