/* Procedures of more than three states, as a table: for each state the events that it knows,
 * the states that may follow, what happens on entering it, and its timer.
 *
 *	static const struct fsm_state states[] = {
 *		[ASKED] = {"asked", FSM(ANSWER) | FSM(SILENCE), FSM(DONE) | FSM(FAILED),
 *			.enter = send_request, .event = on_answer, .timer = ANSWER_MS,
 *			.timeout = SILENCE},
 *		[DONE] = {"done", .enter = succeed, .end = FSM_SUCCESS}, ...};
 *
 * The machine logs each transition; the procedure logs none. What the table lacks is no
 * reason to stop: an event that a state does not know is logged as an error and leaves all
 * as it is, since a peer may have caused it; a transition that a state lacks is a fault of
 * ours, logged as an error, and the procedure fails.
 *
 * A sub-procedure is a machine with a parent: its end comes to the parent as the event that
 * was named at its start.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/base/clock.h"

struct fsm;
typedef void(fsm_enter_h)(struct fsm *f);
/* `data` is what the caller of fsm_event gave; good during the call. */
typedef void(fsm_event_h)(struct fsm *f, int event, const void *data);

#define FSM(n) (UINT32_C(1) << (n)) /* a bit of `events` and `next` */
enum { FSM_MAX = 32 };		    /* states, and events */
enum fsm_end { FSM_GOES_ON, FSM_SUCCESS, FSM_FAILURE };

struct fsm_state {
	const char *name;
	uint32_t events, next;         /* what it knows, where it may lead */
	fsm_enter_h *enter;            /* NULL: nothing to do */
	fsm_event_h *event;            /* needed where `events` has one that is no timer's */
	int timer;                     /* row of the durations + 1; 0: none */
	int timeout;                   /* the event that the timer brings */
	enum fsm_end end;              /* a state that ends the machine */
};
struct fsm_table {
	const char *name;              /* of the procedure, for the log */
	const struct fsm_state *states;
	int n_states;
	const char *const *events;     /* their names */
	int n_events;
	int failed;                    /* the state that a fault of the table leads to */
};

/* Embedded in the procedure, which is its owner. */
struct fsm {
	const struct fsm_table *table;
	const int64_t *ms;             /* durations of timers; kept by pointer */
	const char *id;                /* of the procedure, for the log; kept by pointer */
	struct clock *clock;
	struct timer timer;
	int state;
	struct fsm *parent;            /* NULL: none */
	int success, failure;          /* what the parent is told */
};

/* Starts in `state` (entered before this returns). `parent` may be NULL. */
void fsm_start(struct fsm *f, const struct fsm_table *table, const char *id,
	struct clock *clock, const int64_t *ms, int state);
void fsm_start_child(struct fsm *f, const struct fsm_table *table, const char *id, int state,
	struct fsm *parent, int success, int failure);
/* False: the state does not know it. The owner may be gone when this or fsm_go returns: an
 * end state's `enter` frees it, after which the parent gets its event. */
bool fsm_event(struct fsm *f, int event, const void *data);
void fsm_go(struct fsm *f, int state);
/* The owner goes without an end: no event, nothing to the parent. */
void fsm_stop(struct fsm *f);
const char *fsm_state_name(const struct fsm *f);

/* NULL, or what is wrong with the table: names missing, a bit out of range, a state that
 * nothing leads to, an end that goes on, no way out. For tests, which walk each table. */
const char *fsm_table_fault(const struct fsm_table *t, int first);
