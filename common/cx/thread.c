/* libfdcore's threads, made to take more at a time. A message is handed from one to the
 * next five times, and waking the next one costs more than what it does.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/cx/core.h"

#include <dlfcn.h>
#include <sched.h>

enum { QUEUE_LEAST = 256 };

/* A thread that is woken does not push aside the one that woke it, which so comes to hand
 * over all that it has. Threads take this from whoever makes them. */
void core_thread_batch(void)
{
	struct sched_param none = {0};
	sched_setscheduler(0, SCHED_BATCH, &none);
}

/* libfdcore's queues between its threads hold 5 to 30 messages, a fixed number, and whoever
 * finds one full sleeps until another thread has taken one. What is under way is bounded
 * by our own limits. */
int fd_fifo_new(struct fifo **queue, int max)
{
	static int (*libfdproto)(struct fifo **queue, int max);
	if (!libfdproto)
		*(void **)&libfdproto = dlsym(RTLD_NEXT, "fd_fifo_new");
	return libfdproto(queue, max && max < QUEUE_LEAST ? QUEUE_LEAST : max);
}
