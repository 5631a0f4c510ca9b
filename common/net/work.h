/* Slow work (password hashes) off the loop: a bounded queue on libuv's threads.
 *
 * `work` runs in another thread and touches nothing but its argument; `done` runs on the
 * loop. Both are called exactly once when work_start returned 0.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/net/host.h"

/* -EBUSY: `most` pieces (0: 64) are under way in this process already. `done` gets
 * cancelled = true when work_cancel came first and the work has not run. */
int work_start(struct host *host, int most, void (*work)(void *arg),
	void (*done)(void *arg, bool cancelled), void *arg);
/* What has not begun is cancelled; its `done` runs on the loop, soon. For a stop: node calls it
 * after the app's own stop, so a `done` finds nothing but what its argument owns. */
void work_cancel(struct host *host);
int work_open(void);                               /* pieces under way, for `open` counts */
