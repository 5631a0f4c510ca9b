/* The scripts at hand: those under scenarios/, or files named on the command line.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "scenarios/player/script.h"

struct catalog {
	char *root;                    /* the directory scenarios/ */
	struct script **scripts;       /* in order of id */
	size_t n;
};

/* Where scenarios/ is: beside the build that runs, else where it was built. */
char *catalog_root(void);
/* Where the element programs are: beside this one. malloc'd. */
char *catalog_bin(void);

/* Loads what the names ask for: ids, globs over ids, files; none: every script. Whatever is
 * wrong with a script is printed to stderr, a line each. 0; -EINVAL when something asked
 * for can't be had; then nothing is to be run. */
int catalog_load(struct catalog *c, char *const *names, size_t n_names);
void catalog_free(struct catalog *c);

/* `list`. */
json_t *catalog_json(const struct catalog *c);
void catalog_print(const struct catalog *c);
