/* Loading scenario scripts: YAML into the tree of play.h, every key checked, every fault
 * with file, line and column (docs/scenarios.md is the language).
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "scenarios/player/expect.h"
#include "scenarios/player/play.h"

/* `root` is the directory scenarios/, where `rig.subscribers` stand. 0, or -EINVAL /
 * -errno with one sentence in `why` and no script. */
int script_load(const char *file, const char *root, struct script **out, char why[512]);
int script_load_text(const char *file, struct str text, const char *root, struct script **out,
	char why[512]);
void script_free(struct script *s);
const struct variant *script_variant(const struct script *s, const char *id); /* or NULL */
