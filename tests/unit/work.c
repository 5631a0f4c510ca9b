/* Tests of slow work off the loop.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <pthread.h>

#include "common/net/work.h"
#include "tests/unit/rig.h"

enum { PIECES = 12 };

static struct rig rig;
static uv_sem_t gate; /* a worker takes one before it ends */

struct job {
	bool worked, other_thread, done, cancelled;
	pthread_t loop;
};
static struct job jobs[PIECES];
static int ended;

static void work(void *arg)
{
	struct job *j = arg;
	uv_sem_wait(&gate);
	j->worked = true;
	j->other_thread = !pthread_equal(pthread_self(), j->loop);
}

static void done(void *arg, bool cancelled)
{
	struct job *j = arg;
	assert_false(j->done);
	assert_true(pthread_equal(pthread_self(), j->loop));
	j->done = true;
	j->cancelled = cancelled;
	ended++;
}

static int setup(void **state)
{
	rig_open(&rig, "work");
	memset(jobs, 0, sizeof jobs);
	ended = 0;
	for (int i = 0; i < PIECES; i++)
		jobs[i].loop = pthread_self();
	return uv_sem_init(&gate, 0);
}

static int teardown(void **state)
{
	rig_close(&rig);
	uv_sem_destroy(&gate);
	assert_int_equal(work_open(), 0);
	return 0;
}

static int start(int i, int most)
{
	return work_start(&rig.host, most, work, done, &jobs[i]);
}

static void test_all_run(void **state)
{
	for (int i = 0; i < PIECES; i++) {
		assert_int_equal(start(i, 0), 0);
		assert_int_equal(work_open(), i + 1);
	}
	assert_int_equal(ended, 0); /* never from inside work_start */
	for (int i = 0; i < PIECES; i++)
		uv_sem_post(&gate);
	rig_until_count(&rig, &ended, PIECES);
	for (int i = 0; i < PIECES; i++)
		assert_true(jobs[i].worked && jobs[i].other_thread && !jobs[i].cancelled);
}

static void test_bound(void **state)
{
	for (int i = 0; i < 3; i++)
		assert_int_equal(start(i, 3), 0);
	assert_int_equal(start(3, 3), -EBUSY);
	assert_int_equal(start(3, 4), 0);
	assert_int_equal(start(4, 3), -EBUSY);
	for (int i = 0; i < 4; i++)
		uv_sem_post(&gate);
	rig_until_count(&rig, &ended, 4);
	assert_false(jobs[4].done);
	uv_sem_post(&gate);
	assert_int_equal(start(4, 1), 0); /* there is room again */
	rig_until_count(&rig, &ended, 5);
}

/* What runs ends, what waits is cancelled, and each is told once. */
static void test_cancel(void **state)
{
	int worked = 0, cancelled = 0;
	for (int i = 0; i < PIECES; i++)
		assert_int_equal(start(i, 0), 0);
	work_cancel(&rig.host);
	work_cancel(&rig.host);
	for (int i = 0; i < PIECES; i++)
		uv_sem_post(&gate);
	rig_until_count(&rig, &ended, PIECES);
	for (int i = 0; i < PIECES; i++) {
		assert_true(jobs[i].worked != jobs[i].cancelled);
		worked += jobs[i].worked;
		cancelled += jobs[i].cancelled;
	}
	assert_true(worked <= 4); /* libuv's threads */
	assert_true(cancelled >= PIECES - 4);
	assert_int_equal(work_open(), 0);
	work_cancel(&rig.host);
}

static void again(void *arg, bool cancelled)
{
	done(arg, cancelled);
	if (arg == &jobs[0])
		assert_int_equal(start(1, 1), 0); /* the one that ends counts no more */
}

static void test_start_in_done(void **state)
{
	uv_sem_post(&gate);
	uv_sem_post(&gate);
	assert_int_equal(work_start(&rig.host, 1, work, again, &jobs[0]), 0);
	rig_until_count(&rig, &ended, 2);
	assert_true(jobs[1].worked);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_all_run, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bound, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cancel, setup, teardown),
		cmocka_unit_test_setup_teardown(test_start_in_done, setup, teardown),
	};
	setenv("UV_THREADPOOL_SIZE", "4", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
