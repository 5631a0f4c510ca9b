/* The run of one variant on an open rig: steps, waiting, checks, quiet, verdict.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "scenarios/player/evidence.h"
#include "scenarios/player/judge.h"

struct run;
/* Fires once, never before run_start returns. The result and the judge live until
 * run_free. `dirty`: the rig can't be used again. */
typedef void(run_done_h)(struct run *r, const struct result *result, bool dirty, void *arg);

struct run_conf {
	uv_loop_t *loop;
	struct rig *rig;
	struct collector *collector;
	const char *rig_dir;           /* for the result */
	int silence_ms;                /* a step waits so long for its messages; 0: 5 s */
};
struct run *run_start(const struct run_conf *conf, const struct variant *v, run_done_h *h,
	void *arg);
/* A process of the rig ended that nobody had told to. */
void run_died(struct run *r, const char *element, const char *line);
void run_stop(struct run *r, const char *why);         /* interrupted: ends soon, as error */
struct judge *run_judge(struct run *r);
ladder_traced_h run_traced;                            /* arg: the run */
void run_free(struct run *r);
