/* An element's configuration: the template of scenarios/rig/, the rig's values in it, and
 * the settings of a script upon it.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/base/buf.h"
#include "scenarios/player/play.h"

struct rig_var {
	const char *name, *value;
};

/* Appends `text` with every ${name} replaced; vars end with name NULL. 0, or -EINVAL for
 * an unknown name with a sentence. "$${" stands for "${". */
int rig_conf_fill(
	struct str text, const struct rig_var *vars, struct buf *out, char why[256]);

/* Reads `template`, fills it, applies those of the n settings whose owner is `owner` (the
 * later ones win; ${...} in their texts is filled too) and appends the YAML to `out`. A
 * path makes mappings that are not there and appends to a list at index = length; through
 * a value or beyond a list it is -EINVAL, with the setting's place in the script. Other
 * errors: -ENOENT, -EINVAL with the template's name. */
int rig_conf_build(const char *template, const struct rig_var *vars, const char *owner,
	const struct setting *settings, size_t n, struct buf *out, char why[256]);

/* The setting of `owner` that an element's complaint about its configuration is about:
 * the last one whose last path segment stands in it; NULL: none. */
const struct setting *rig_conf_culprit(const char *complaint, const char *owner,
	const struct setting *settings, size_t n);

/* Appends a file's bytes to `out`; 0, or a negative errno with a sentence. */
int rig_file_read(const char *path, struct buf *out, char why[256]);
/* A YAML file as JSON, a new reference; NULL with a sentence. */
json_t *rig_yaml_read(const char *path, char why[256]);
