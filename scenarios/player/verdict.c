/* Verdicts.
 * SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/player/verdict.h"

static const struct {
	const char *name;
	int exit;
} rows[] = {
	[VERDICT_NONE] = {"none", 3},
	[VERDICT_PASS] = {"pass", 0},
	[VERDICT_INCONC] = {"inconc", 2},
	[VERDICT_FAIL] = {"fail", 1},
	[VERDICT_ERROR] = {"error", 3},
};

const char *verdict_name(enum verdict v)
{
	return rows[v].name;
}

void verdict_worsen(enum verdict *v, enum verdict by)
{
	if (by > *v)
		*v = by;
}

int verdict_exit(enum verdict v)
{
	return rows[v].exit;
}
