/* The other end of an element's admin socket (node/node.h says what it takes): for the
 * player and, waiting, for command-line tools. The process ignores SIGPIPE.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <jansson.h>
#include <uv.h>

struct admin;

/* Connected: `admin` is the caller's. Else a negative errno (-ENOENT: there is no such
 * socket, -ECONNREFUSED: nobody is behind it) and NULL. Never before admin_open returns. */
typedef void(admin_open_h)(int err, struct admin *admin, void *arg);
void admin_open(uv_loop_t *loop, const char *path, admin_open_h *h, void *arg);

/* The element's answer, good during the call, or NULL and a negative errno: -ECANCELED
 * after admin_close, else the connection is gone (-EOF, -EPIPE) or spoke nonsense
 * (-EBADMSG). Once for each command, in their order, never before admin_ask returns. */
typedef void(admin_answer_h)(int err, const json_t *answer, void *arg);
/* Commands may follow each other without waiting; `command` is only read in the call. */
void admin_ask(struct admin *a, const json_t *command, admin_answer_h *h, void *arg);

/* Commands not yet answered get -ECANCELED at the next turn of the loop. */
void admin_close(struct admin *a);

/* Asks one command and waits, without a loop. 0 and *answer (a new reference), or a
 * negative errno with a sentence. An answer with "ok" false is an answer. */
int admin_once(const char *path, const json_t *command, int timeout_ms, json_t **answer,
	char why[256]);
