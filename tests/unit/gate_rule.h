/* A fault rule as text, for tests.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <jansson.h>

#include "common/trace/gate.h"

static inline void gate_rule(struct gate *g, const char *text)
{
	const char *why = "no JSON";
	json_t *rule = json_loads(text, 0, NULL);
	if (!rule || gate_add(g, rule, &why))
		fail_msg("%s: %s", text, why);
	json_decref(rule);
}
