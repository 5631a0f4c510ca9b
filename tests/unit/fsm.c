/* Table-driven state machines.
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "common/base/fsm.h"
#include "common/base/log.h"

enum state { ASKED, HELPED, DONE, FAILED, STATES };
enum event { ANSWER, HELP, SILENCE, HELPED_WELL, HELPED_ILL, EVENTS };
enum { ANSWER_MS, DURATIONS };
enum { TIMER_ANSWER = ANSWER_MS + 1 };

static struct machine {
	struct fsm fsm, child;
	struct clock *clock;
	uv_loop_t loop;
	int sent, done, failed, seen;
	bool wild;
} m;

static void send_request(struct fsm *f)
{
	if (f == &m.fsm)
		m.sent++;
}

static const struct fsm_table table;

static void on_asked(struct fsm *f, int event, const void *data)
{
	m.seen = data ? *(const int *)data : 0;
	if (event == ANSWER)
		fsm_go(f, m.wild ? STATES + 3 : DONE);
	else if (event == HELP)
		fsm_go(f, HELPED);
	else
		fsm_go(f, FAILED);
}

static void help(struct fsm *f)
{
	fsm_start_child(&m.child, &table, "child", ASKED, f, HELPED_WELL, HELPED_ILL);
}

static void on_helped(struct fsm *f, int event, const void *data)
{
	fsm_go(f, event == HELPED_WELL ? ASKED : FAILED);
}

static void succeed(struct fsm *f)
{
	if (f == &m.fsm)
		m.done++;
}

static void fail_it(struct fsm *f)
{
	if (f == &m.fsm)
		m.failed++;
}

static const struct fsm_state states[STATES] = {
	[ASKED] = {"asked", FSM(ANSWER) | FSM(HELP) | FSM(SILENCE),
		FSM(HELPED) | FSM(DONE) | FSM(FAILED), send_request, on_asked, TIMER_ANSWER,
		SILENCE},
	[HELPED] = {"helped", FSM(HELPED_WELL) | FSM(HELPED_ILL), FSM(ASKED) | FSM(FAILED),
		help, on_helped},
	[DONE] = {"done", .enter = succeed, .end = FSM_SUCCESS},
	[FAILED] = {"failed", .enter = fail_it, .end = FSM_FAILURE},
};
static const char *const events[EVENTS] = {
	"answer", "help", "silence", "helped well", "helped ill"};
static const struct fsm_table table = {"test", states, STATES, events, EVENTS, FAILED};

static int begin(void **state)
{
	static const int64_t ms[DURATIONS] = {[ANSWER_MS] = 1000};
	memset(&m, 0, sizeof m);
	uv_loop_init(&m.loop);
	m.clock = clock_new(&m.loop);
	fsm_start(&m.fsm, &table, "one", m.clock, ms, ASKED);
	return 0;
}

static int end(void **state)
{
	fsm_stop(&m.fsm);
	fsm_stop(&m.child);
	clock_free(m.clock);
	uv_run(&m.loop, UV_RUN_DEFAULT);
	return uv_loop_close(&m.loop);
}

static void test_way(void **state)
{
	int data = 7;
	assert_int_equal(m.sent, 1);
	assert_string_equal(fsm_state_name(&m.fsm), "asked");
	assert_true(fsm_event(&m.fsm, ANSWER, &data));
	assert_int_equal(m.seen, 7);
	assert_int_equal(m.done, 1);
	assert_false(timer_runs(&m.fsm.timer));
	assert_false(fsm_event(&m.fsm, ANSWER, &data)); /* an end knows no event */
	assert_int_equal(m.done + m.failed, 1);
}

/* What the state does not know leaves it as it is. */
static void test_unknown_event(void **state)
{
	log_forget();
	assert_false(fsm_event(&m.fsm, HELPED_WELL, NULL));
	assert_non_null(strstr(log_last(), "asked does not know the event helped well"));
	assert_false(fsm_event(&m.fsm, EVENTS, NULL));
	assert_false(fsm_event(&m.fsm, -1, NULL));
	assert_string_equal(fsm_state_name(&m.fsm), "asked");
	assert_true(timer_runs(&m.fsm.timer));
}

/* A transition that the table lacks ends the procedure, and nothing else. */
static void test_no_way(void **state)
{
	log_forget();
	fsm_go(&m.fsm, ASKED);
	assert_non_null(strstr(log_last(), "no way from asked to asked"));
	assert_int_equal(m.failed, 1);
	assert_string_equal(fsm_state_name(&m.fsm), "failed");
	assert_false(timer_runs(&m.fsm.timer));
	fsm_go(&m.fsm, DONE); /* ended once */
	assert_int_equal(m.failed, 1);
	assert_int_equal(m.done, 0);
}

static void test_no_such_state(void **state)
{
	m.wild = true;
	fsm_event(&m.fsm, ANSWER, NULL);
	assert_int_equal(m.failed, 1);
}

static void test_timer(void **state)
{
	assert_int_equal(clock_set_offset(m.clock, 1500), 0);
	assert_int_equal(m.failed, 1);
}

/* Each entry arms the timer anew; a state without one has none. */
static void test_timer_again(void **state)
{
	assert_int_equal(clock_set_offset(m.clock, 600), 0);
	fsm_event(&m.fsm, HELP, NULL);
	assert_false(timer_runs(&m.fsm.timer));
	fsm_event(&m.child, ANSWER, NULL);
	assert_string_equal(fsm_state_name(&m.fsm), "asked");
	assert_int_equal(clock_set_offset(m.clock, 1200), 0);
	assert_int_equal(m.failed, 0);
	assert_int_equal(clock_set_offset(m.clock, 1800), 0);
	assert_int_equal(m.failed, 1);
}

static void test_child(void **state)
{
	fsm_event(&m.fsm, HELP, NULL);
	assert_string_equal(fsm_state_name(&m.child), "asked");
	fsm_event(&m.child, ANSWER, NULL);
	assert_string_equal(fsm_state_name(&m.fsm), "asked");
	assert_int_equal(m.sent, 2);
	fsm_event(&m.fsm, HELP, NULL);
	assert_int_equal(clock_set_offset(m.clock, 1500), 0); /* the child's timer */
	assert_int_equal(m.failed, 1);
}

static void test_table(void **state)
{
	struct fsm_state changed[STATES];
	struct fsm_table t = table;
	t.states = changed;
#define BROKEN(change)                                                                     \
	do {                                                                               \
		memcpy(changed, states, sizeof states);                                    \
		change;                                                                    \
		assert_non_null(fsm_table_fault(&t, ASKED));                               \
	} while (0)
	assert_null(fsm_table_fault(&table, ASKED));
	BROKEN(changed[ASKED].name = NULL);
	BROKEN(changed[ASKED].events |= FSM(EVENTS));
	BROKEN(changed[ASKED].next |= FSM(STATES));
	BROKEN(changed[ASKED].next &= ~FSM(HELPED));
	BROKEN(changed[ASKED].events &= ~FSM(SILENCE));
	BROKEN(changed[ASKED].event = NULL);
	BROKEN(changed[HELPED].next = 0);
	BROKEN(changed[DONE].timer = 1);
	BROKEN(changed[FAILED].end = FSM_SUCCESS);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {T(test_way), T(test_unknown_event), T(test_no_way),
		T(test_no_such_state), T(test_timer), T(test_timer_again), T(test_child),
		T(test_table)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
