/* A script as a YAML document: opened with positions, and with the one freedom that the
 * language takes from YAML: an unquoted message line,
 *
 *	- epcscf -> icscf: SIP REGISTER {Via.branch: present}
 *
 * is one text, not a mapping.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <libfyaml.h>

#include "scenarios/player/expect.h"

struct yaml {
	const char *file;
	struct fy_document *doc;
	struct arena *arena;
	struct str source;             /* the file */
	struct buf text;               /* what libfyaml reads; positions as in the file */
	char *why;                     /* the first fault as "FILE:LINE:COL: sentence" */
	size_t why_n;
};

/* 0, or -EINVAL with y->why set. A document that was opened is closed by yaml_close. */
int yaml_open(struct yaml *y, const char *file, struct str text, struct arena *a, char *why,
	size_t why_n);
void yaml_close(struct yaml *y);

/* Position of a node: its own, else that of its first part, else `dflt`. */
struct script_pos yaml_pos(const struct yaml *y, struct fy_node *n, struct script_pos dflt);
/* Keeps the first fault; always -EINVAL. */
int yaml_refuse(struct yaml *y, struct script_pos pos, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* A fault inside a scalar: `at` counts bytes of its value. */
int yaml_refuse_in(struct yaml *y, struct fy_node *scalar, struct script_pos dflt, size_t at,
	const char *why);

/* Shape of the value of a key. */
enum yaml_shape {
	YAML_ANY,
	YAML_TEXT,             /* a scalar */
	YAML_NAME,             /* a scalar that is not empty */
	YAML_MAP,
	YAML_LIST,
	YAML_TEXTS,            /* a scalar or a list of scalars */
};
enum { YAML_REQUIRED = 1, YAML_MAX_KEYS = 20 };
struct yaml_key {
	const char *name;
	enum yaml_shape shape;
	unsigned flags;
};
/* What stands under each key of a mapping: node and position of the key. */
struct yaml_found {
	struct fy_node *node;
	struct script_pos pos;         /* of the key */
};
/* Checks that `map` is a mapping, that each of its keys is one of `keys` (ends with name
 * NULL), and the shapes; fills found[i] for keys[i]. `what` names the mapping: "a step". */
int yaml_keys(struct yaml *y, struct fy_node *map, struct script_pos dflt, const char *what,
	const struct yaml_key *keys, struct yaml_found *found);

bool yaml_is_scalar(struct fy_node *n);
/* The bytes of a scalar, in the arena, with a NUL behind; p NULL for NULL. */
struct str yaml_text(struct yaml *y, struct fy_node *n);
/* The value as JSON: plain numbers, true, false and null become what they look like,
 * everything else a text. A new reference. */
json_t *yaml_json(struct yaml *y, struct fy_node *n);
