/* The admin socket of an element: lines of JSON in, lines out. Private to common/node.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <uv.h>

#include "common/base/buf.h"

struct admin_server;

/* Appends the answer to a line, without newline. */
typedef void(admin_line_h)(struct str line, struct buf *out);

/* Listens at `path` (mode 0600). A socket that a dead process left is replaced. 0, or a
 * negative errno with a sentence. */
int admin_serve(uv_loop_t *loop, const char *path, admin_line_h *h, struct admin_server **out,
	char why[512]);
void admin_server_close(struct admin_server *s);   /* answers under way still leave */
