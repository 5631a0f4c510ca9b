/* What the files of common/node share.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/base/log.h"
#include "common/node/node.h"

struct node_conf {
	char *name, *run_dir, *trace;
	struct {
		int level, format;
	} log;
	struct {
		int64_t diameter, http, ws;
	} types;
	int64_t seed;
	struct addr metrics;
	struct conf_list names; /* of struct name */
};
extern const struct conf_row node_conf_rows[];
extern const char *const node_log_levels[]; /* as enum log_level */

/* The one element of this process. */
struct node {
	const struct node_app *app;
	const struct node_conf *conf;
	struct log_conf log;
	struct host host;
	uv_loop_t loop;
	bool ready;
};
extern struct node node;

void node_command_line(struct str line, struct buf *out); /* an admin_line_h */
void node_stop(void);          /* a clean stop, from the next turn of the loop on */

/* sd_notify's protocol: "READY=1" and the like; nothing without NOTIFY_SOCKET. */
void notify(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
