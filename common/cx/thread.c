/* libfdcore's threads, made to take more at a time. A message is handed from one to the
 * next five times, and waking the next one costs more than what it does.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/cx/core.h"

#include <dlfcn.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

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
	int (*libfdproto)(struct fifo **queue, int max);
	*(void **)&libfdproto = dlsym(RTLD_NEXT, "fd_fifo_new");
	return libfdproto(queue, max && max < QUEUE_LEAST ? QUEUE_LEAST : max);
}

/* Who ends a queue gives the threads that wait there twenty turns of usleep to leave, 20 ms in
 * all, and aborts the program when one is still there. A busy machine lets them wait longer: the
 * turns grow to about a second. */
static _Thread_local unsigned turns;

int fd_fifo_del(struct fifo **queue)
{
	int (*libfdproto)(struct fifo **queue);
	*(void **)&libfdproto = dlsym(RTLD_NEXT, "fd_fifo_del");
	turns = 1;
	int err = libfdproto(queue);
	turns = 0;
	return err;
}

int usleep(useconds_t us)
{
	if (turns) {
		us <<= turns / 2 < 7 ? turns / 2 : 7;
		turns++;
	}
	struct timespec t = {us / 1000000, us % 1000000 * 1000};
	return nanosleep(&t, NULL);
}
