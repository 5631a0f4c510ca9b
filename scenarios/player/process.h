/* One element's process: started, watched and ended by the player.
 *
 * Its standard error goes straight into a log file; readiness comes by the sd_notify
 * protocol; it gets SIGTERM when the player dies, so no orphan stays.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <sys/types.h>
#include <uv.h>

#include "common/base/str.h"

struct process;

struct process_h {
	/* It said READY=1. */
	void (*ready)(struct process *p, void *arg);
	/* Once, the last callback; it is freed after this returns. `told`: process_stop
	 * or process_kill was called. `how` is "exit 4" or "signal 11". */
	void (*ended)(
		struct process *p, bool told, int exit_code, const char *how, void *arg);
};

struct process_conf {
	uv_loop_t *loop;
	const char *name;	 /* for the notify socket and messages */
	const char *program;	 /* path */
	const char *const *argv; /* with argv[0], NULL at the end */
	const char *log;	 /* file that standard output and error are appended to */
	const char *dir;	 /* working directory and place of the notify socket */
};

/* 0, or a negative errno with a sentence; `h` never fires before return. */
int process_start(const struct process_conf *conf, const struct process_h *h, void *arg,
	struct process **out, char why[256]);
pid_t process_pid(const struct process *p);
/* SIGTERM, and SIGKILL 2 s later. */
void process_stop(struct process *p);
void process_kill(struct process *p);

/* The last line of a log file (any level), or its last warning or error behind the byte
 * `from` when `warnings`; without its time and node. Into a ring of static buffers, ""
 * when there is none. */
const char *process_log_line(const char *log, off_t from, bool warnings);
