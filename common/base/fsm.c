/* Table-driven state machines.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/base/fsm.h"

#include "common/base/log.h"

static const struct fsm_state *state_of(const struct fsm *f)
{
	return &f->table->states[f->state];
}

const char *fsm_state_name(const struct fsm *f)
{
	return state_of(f)->name;
}

void fsm_stop(struct fsm *f)
{
	timer_stop(&f->timer);
}

static void on_timer(struct timer *t, void *arg)
{
	struct fsm *f = arg;
	fsm_event(f, state_of(f)->timeout, NULL);
}

/* An end state's `enter` frees the owner, and the machine with it. */
static void enter(struct fsm *f, int state)
{
	const struct fsm_state *s = &f->table->states[state];
	struct fsm *parent = s->end ? f->parent : NULL;
	int told = s->end == FSM_SUCCESS ? f->success : f->failure;

	timer_stop(&f->timer);
	f->state = state;
	if (s->timer)
		timer_start(f->clock, &f->timer, f->ms[s->timer - 1], on_timer, f);
	if (s->enter)
		s->enter(f);
	if (parent)
		fsm_event(parent, told, NULL);
}

void fsm_start(struct fsm *f, const struct fsm_table *table, const char *id,
	struct clock *clock, const int64_t *ms, int state)
{
	*f = (struct fsm){.table = table, .id = id, .clock = clock, .ms = ms};
	log_debug(table->name, "%s: begins as %s", id, table->states[state].name);
	enter(f, state);
}

void fsm_start_child(struct fsm *f, const struct fsm_table *table, const char *id, int state,
	struct fsm *parent, int success, int failure)
{
	*f = (struct fsm){.table = table,
		.id = id,
		.clock = parent->clock,
		.ms = parent->ms,
		.parent = parent,
		.success = success,
		.failure = failure};
	log_debug(table->name, "%s: begins as %s, for %s", id, table->states[state].name,
		parent->table->name);
	enter(f, state);
}

bool fsm_event(struct fsm *f, int event, const void *data)
{
	const struct fsm_state *s = state_of(f);
	bool named = event >= 0 && event < f->table->n_events;

	if (!named || !(s->events & FSM(event)) || !s->event) {
		log_error(f->table->name, "%s: %s does not know the event %s", f->id, s->name,
			named ? f->table->events[event] : "out of range");
		return false;
	}
	log_debug(f->table->name, "%s: %s gets %s", f->id, s->name, f->table->events[event]);
	s->event(f, event, data);
	return true;
}

void fsm_go(struct fsm *f, int state)
{
	const struct fsm_state *s = state_of(f);
	bool named = state >= 0 && state < f->table->n_states;

	if (named && s->next & FSM(state)) {
		log_debug(f->table->name, "%s: %s -> %s", f->id, s->name,
			f->table->states[state].name);
		enter(f, state);
		return;
	}
	log_error(f->table->name, "%s: no way from %s to %s", f->id, s->name,
		named ? f->table->states[state].name : "out of range");
	if (!s->end)
		enter(f, f->table->failed);
}

/* ---- the table itself ---- */

static uint32_t reached(const struct fsm_table *t, int first)
{
	uint32_t all = FSM(first) | FSM(t->failed), before = 0;
	while (all != before) {
		before = all;
		for (int i = 0; i < t->n_states; i++)
			if (all & FSM(i))
				all |= t->states[i].next;
	}
	return all;
}

static uint32_t bits(int n)
{
	return n == FSM_MAX ? UINT32_MAX : FSM(n) - 1;
}

static const char *state_fault(const struct fsm_table *t, const struct fsm_state *s)
{
	if (!s->name)
		return "a state without a name";
	if (s->events & ~bits(t->n_events) || s->next & ~bits(t->n_states))
		return "a bit out of range";
	if (s->end)
		return s->events || s->next || s->timer ? "an end that goes on" : NULL;
	if (!s->next || !s->events)
		return "a state without a way out";
	if (!s->event)
		return "events without a handler";
	if (s->timer && !(s->events & FSM(s->timeout)))
		return "a timer whose event the state does not know";
	return NULL;
}

const char *fsm_table_fault(const struct fsm_table *t, int first)
{
	const char *why = NULL;

	if (t->n_states > FSM_MAX || t->n_events > FSM_MAX)
		return "too many states or events";
	if (t->states[t->failed].end != FSM_FAILURE)
		return "its failure is no failing end";
	for (int i = 0; !why && i < t->n_events; i++)
		if (!t->events[i])
			why = "an event without a name";
	for (int i = 0; !why && i < t->n_states; i++)
		why = state_fault(t, &t->states[i]);
	if (!why && reached(t, first) != bits(t->n_states))
		why = "a state that nothing leads to";
	return why;
}
