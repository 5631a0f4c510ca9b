/* What the commands of imsrig share that ask an HSS: a running one's admin socket, or its
 * database files.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <jansson.h>

enum { EXIT_REFUSED = 1, EXIT_USAGE = 4 };

struct cli {
	const char *rig;               /* --rig: NULL, the newest one that is up */
	bool json;
	char socket[512];
	/* Answers on database files in place of the socket; NULL: the socket. Borrows `command`. */
	json_t *(*local)(const json_t *command, void *arg);
	void *arg;
};

/* "imsrig: ..." on stderr; EXIT_REFUSED. */
int cli_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Finds the socket: 0, or EXIT_REFUSED, which was said. */
int cli_find_socket(struct cli *c);
/* Takes `command`; NULL when it failed, which was said. */
json_t *cli_ask(struct cli *c, json_t *command);
/* Prints and releases; `human` (may be NULL) is used without --json. The exit code. */
int cli_print(struct cli *c, json_t *answer, void (*human)(const json_t *answer));
void cli_print_names(const json_t *answer);    /* "names", one a line */

json_t *cli_command(const char *name);
void cli_put(json_t *o, const char *key, const char *v);       /* NULL: nothing */
int64_t cli_number(const json_t *o, const char *key);
int cli_read_number(const char *text, int64_t *out);           /* 0 or -EINVAL */
