/* The judge when all is quiet: the arrows in their order, the first that differed, what came
 * out of order, what never came.
 * SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/player/judge_inside.h"

#include <stdlib.h>

static int by_time(const void *a, const void *b)
{
	const struct arrow *x = *(struct arrow *const *)a, *y = *(struct arrow *const *)b;
	uint64_t s = arrow_ns(x), t = arrow_ns(y);
	if (s != t)
		return s < t ? -1 : 1;
	return x->record->number < y->record->number ? -1 : 1;
}

static void sort(struct judge *j)
{
	if (j->sorted)
		return;
	if (j->n_arrows)
		qsort(j->arrows, j->n_arrows, sizeof *j->arrows, by_time);
	j->sorted = true;
}

/* The step under way when `a` was sent: the first that still waited for a message then,
 * but none whose action had not begun. */
static int step_at(struct judge *j, const struct arrow *a)
{
	int last = (int)j->v->n_steps - 1;

	for (int i = 1; i <= last; i++)
		if (j->v->steps[i].n_actions &&
			(!j->began_ns[i] || j->began_ns[i] > arrow_ns(a)))
			last = i - 1;
	for (size_t i = 0; i < j->n_entries; i++) {
		const struct entry *e = &j->entries[i];
		if (!e->expect->optional &&
			(!e->arrow || arrow_ns(e->arrow) > arrow_ns(a)))
			return e->step < last ? e->step : last;
	}
	return last > 0 ? last : 0;
}

static void end_suspects(struct judge *j)
{
	const struct suspect *first = NULL;

	for (size_t i = 0; i < j->n_suspects; i++)
		if (!first || arrow_ns(j->suspects[i].arrow) < arrow_ns(first->arrow))
			first = &j->suspects[i];
	if (!first)
		return;
	first->arrow->wrong = true;
	int step = first->at_entry ? first->entry->step : step_at(j, first->arrow);
	judge_find(j, &(struct finding){VERDICT_FAIL, step, first->arrow->record->from,
			      first->arrow->record->to, first->why});
}

/* When it left or reached this node; 0: it did neither, or nobody saw it. */
static uint64_t ns_at(const struct arrow *a, const char *node)
{
	const struct record *r = a->record;
	if (!strcmp(r->from, node))
		return r->sent_ns;
	return strcmp(r->to, node) ? 0 : r->received_ns;
}

static bool is_actor(const struct judge *j, const char *name)
{
	for (size_t i = 0; i < j->v->n_actors; i++)
		if (!strcmp(j->v->actors[i].name, name))
			return true;
	return false;
}

/* A node saw the later one first: a lifeline of the figure runs one way. When an actor sends
 * is the script's doing, and tells nothing of what the elements did. */
static bool crossed(const struct judge *j, const struct arrow *a, const struct arrow *b)
{
	const char *ends[] = {a->record->from, a->record->to};
	for (int i = 0; i < 2; i++) {
		if (!strcmp(ends[i], b->record->from) && is_actor(j, ends[i]))
			continue;
		uint64_t s = ns_at(a, ends[i]), t = ns_at(b, ends[i]);
		if (s && t && t < s)
			return true;
	}
	return false;
}

static bool ordered(const struct entry *e, const struct entry *f)
{
	bool together = e->step == f->step && e->expect->group &&
		e->expect->group == f->expect->group && e->expect->part != f->expect->part;
	return e->arrow && f->arrow && !together && !e->expect->optional &&
		!f->expect->optional && !pattern_wild(&e->expect->pattern) &&
		!pattern_wild(&f->expect->pattern);
}

static bool same_transaction(const struct arrow *a, const struct arrow *b)
{
	return a->message.transaction && a->message.proto == b->message.proto &&
		a->message.transaction == b->message.transaction;
}

/* What a node sends and receives follows the entries, and so do the send times along a
 * transaction or session. */
static void end_order(struct judge *j)
{
	for (size_t i = 0; i < j->n_entries; i++) {
		const struct entry *e = &j->entries[i];
		for (size_t k = i + 1; k < j->n_entries; k++) {
			const struct entry *f = &j->entries[k];
			if (!ordered(e, f) ||
				!(crossed(j, e->arrow, f->arrow) ||
					(same_transaction(e->arrow, f->arrow) &&
						arrow_ns(e->arrow) > arrow_ns(f->arrow))))
				continue;
			struct buf why = {0};
			buf_fmt(&why, "expected \"%s\", came \"",
				e->expect->pattern.text);
			message_put(&why, &f->arrow->message);
			buf_fmt(&why, "\" before it");
			f->arrow->wrong = true;
			judge_find(j, &(struct finding){VERDICT_FAIL, e->step,
					      f->arrow->record->from,
					      f->arrow->record->to, judge_keep(j, &why)});
			return;
		}
	}
}

/* Arrows that met no entry are shown in the step under way when they were sent. */
static void place_arrows(struct judge *j)
{
	for (size_t i = 0; i < j->n_arrows; i++)
		if (!j->arrows[i]->expected)
			j->arrows[i]->step = step_at(j, j->arrows[i]);
}

const struct finding *judge_finish(struct judge *j)
{
	sort(j);
	if (j->v->n_steps)
		place_arrows(j);
	end_suspects(j);
	if (!j->finding.verdict)
		end_order(j);
	for (size_t i = 0; !j->finding.verdict && i < j->n_entries; i++)
		if (!j->entries[i].arrow && !j->entries[i].expect->optional)
			judge_timeout(j, (int)j->v->n_steps, 0);
	return &j->finding;
}

size_t judge_arrows(struct judge *j, struct arrow *const **out)
{
	sort(j);
	*out = j->arrows;
	return j->n_arrows;
}
