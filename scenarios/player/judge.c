/* The judge while records come; judge_end.c has what is left when all is quiet.
 * SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/player/judge_inside.h"

#include <stdlib.h>

struct judge *judge_new(const struct variant *v, judge_changed_h *changed, void *arg)
{
	struct judge *j = MEM_NEW(struct judge);
	size_t n = 0;

	j->v = v;
	j->changed = changed;
	j->arg = arg;
	j->current = -1;
	j->began_ns = arena_zalloc(&j->arena, (v->n_steps + 1) * sizeof *j->began_ns);
	for (size_t i = 0; i < v->n_steps; i++)
		n += v->steps[i].n_expects;
	j->entries = arena_zalloc(&j->arena, (n + 1) * sizeof *j->entries);
	for (size_t i = 0; i < v->n_steps; i++)
		for (size_t k = 0; k < v->steps[i].n_expects; k++)
			j->entries[j->n_entries++] = (struct entry){
				.expect = &v->steps[i].expects[k], .step = (int)i};
	return j;
}

void judge_free(struct judge *j)
{
	if (!j)
		return;
	free(j->arrows);
	free(j->suspects);
	arena_free(&j->arena);
	free(j);
}

uint64_t arrow_ns(const struct arrow *a)
{
	return a->record->sent_ns ? a->record->sent_ns : a->record->received_ns;
}

/* ---- suspects ---- */

struct str judge_keep(struct judge *j, struct buf *b)
{
	struct str s = arena_str(&j->arena, buf_str(b));
	buf_free(b);
	return s;
}

void judge_find(struct judge *j, const struct finding *f)
{
	if (f->verdict > j->finding.verdict)
		j->finding = *f;
}

static void suspect(struct judge *j, const struct suspect *s)
{
	j->suspects = mem_realloc(j->suspects, (j->n_suspects + 1) * sizeof *s);
	j->suspects[j->n_suspects++] = *s;
}

bool judge_suspects(const struct judge *j)
{
	return j->n_suspects > 0;
}

static bool same_link(const struct arrow *a, const struct arrow *b)
{
	const struct record *x = a->record, *y = b->record;
	return (!strcmp(x->from, y->from) && !strcmp(x->to, y->to)) ||
	       (!strcmp(x->from, y->to) && !strcmp(x->to, y->from));
}

/* After a difference nothing on that link means anything. */
static bool link_broken(const struct judge *j, const struct arrow *a)
{
	for (size_t i = 0; i < j->n_suspects; i++)
		if (j->suspects[i].arrow && same_link(j->suspects[i].arrow, a))
			return true;
	return false;
}

/* ---- one record against the entries ---- */

static bool waits_for_action(const struct judge *j, int step)
{
	return j->v->steps[step].n_actions && !j->began_ns[step];
}

/* A message that was sent before the step's action can't be its effect. */
static bool too_early(const struct judge *j, const struct arrow *a, int step)
{
	return waits_for_action(j, step) ||
	       (j->v->steps[step].n_actions && arrow_ns(a) < j->began_ns[step]);
}

enum { BLOCKED_MAX = 64 };
struct acceptable {
	int blocked[BLOCKED_MAX]; /* parts of a group whose turn on this link is another */
	int n_blocked;
	const struct entry *first;
	struct buf text; /* "x" or "y" */
	struct str near;
	int n;
};

static void accept_text(
	struct acceptable *acc, const struct entry *e, const struct match *m)
{
	enum { SHOWN = 4 };
	if (!acc->first || (m->near && !acc->near.p))
		acc->first = e;
	if (m->near && !acc->near.p)
		acc->near = m->why;
	if (acc->n++ < SHOWN)
		buf_fmt(&acc->text, "%s\"%s\"", acc->n > 1 ? " or " : "",
			e->expect->pattern.text);
}

static void check_later(struct judge *j, const struct capture *c)
{
	for (struct later *l = j->later; l; l = l->next) {
		if (strcmp(l->test->value.name, c->name) || !str_eq(l->value, c->value) ||
			!l->value.p)
			continue;
		struct buf why = {0};
		buf_fmt(&why, "came \"");
		message_put(&why, &l->arrow->message);
		buf_fmt(&why, "\", where ");
		match_differs(&why, l->test->name, l->value, &l->test->value);
		suspect(j, &(struct suspect){
				   l->arrow, l->arrow->entry, judge_keep(j, &why), true});
	}
}

static void meet(struct judge *j, struct entry *e, struct arrow *a, const struct match *m)
{
	e->arrow = a;
	a->entry = e;
	a->expected = true;
	a->step = e->step;
	if (m->later) {
		struct later *l = ARENA_NEW(&j->arena, struct later);
		*l = (struct later){j->later, m->later, m->later_value, a};
		j->later = l;
	}
	for (struct capture *c = m->binds, *next; c; c = next) {
		next = c->next;
		c->next = j->vars;
		j->vars = c;
		check_later(j, c);
	}
	/* The link went on: an optional entry before can't come any more. */
	for (struct entry *o = &j->entries[j->first_open]; o < e; o++)
		if (!o->arrow && o->expect->optional &&
			!pattern_wild(&o->expect->pattern) &&
			(!o->expect->group || o->expect->group != e->expect->group ||
				o->step != e->step) &&
			pattern_on_link(
				&o->expect->pattern, a->record->from, a->record->to))
			o->passed = true;
	while (j->first_open < j->n_entries &&
		(j->entries[j->first_open].arrow || j->entries[j->first_open].passed))
		j->first_open++;
}

static bool is_blocked(const struct acceptable *acc, int part)
{
	for (int i = 0; i < acc->n_blocked; i++)
		if (acc->blocked[i] == part)
			return true;
	return false;
}

/* Walks the open entries in the order of the flow. True when one was met. */
static bool find_entry(struct judge *j, struct arrow *a, struct acceptable *acc)
{
	const struct record *r = a->record;
	bool again = a->kind == OUTSIDE_RETRANSMISSION;
	int group = 0, group_step = 0;

	for (size_t i = j->first_open; i < j->n_entries; i++) {
		struct entry *e = &j->entries[i];
		const struct pattern *p = &e->expect->pattern;
		if (too_early(j, a, e->step))
			return false;
		if (e->arrow || e->passed || !pattern_on_link(p, r->from, r->to) ||
			!pattern_names(p, &a->message, a->kind))
			continue;
		if (group && (e->expect->group != group || e->step != group_step))
			return false;
		if (group && is_blocked(acc, e->expect->part))
			continue;
		struct match m = match_message(p, &a->message, j->vars, again, &j->arena);
		if (m.holds) {
			meet(j, e, a, &m);
			return true;
		}
		accept_text(acc, e, &m);
		if (e->expect->optional || pattern_wild(p))
			continue;
		if (!e->expect->group)
			return false;
		group = e->expect->group;
		group_step = e->step;
		if (acc->n_blocked < BLOCKED_MAX)
			acc->blocked[acc->n_blocked++] = e->expect->part;
	}
	return false;
}

/* The next entry of the link that waits for its action: shows that a message came early.
 */
static const struct entry *next_on_link(const struct judge *j, const struct arrow *a)
{
	for (size_t i = j->first_open; i < j->n_entries; i++) {
		const struct entry *e = &j->entries[i];
		if (!e->arrow && !e->passed && !e->expect->optional &&
			!pattern_wild(&e->expect->pattern) &&
			pattern_on_link(
				&e->expect->pattern, a->record->from, a->record->to))
			return e;
	}
	return NULL;
}

static void unexpected(struct judge *j, struct arrow *a, struct acceptable *acc)
{
	struct buf why = {0};
	struct suspect s = {.arrow = a, .entry = acc->first, .at_entry = acc->near.p};

	if (acc->n) {
		buf_fmt(&why, "expected ");
		buf_add(&why, buf_str(&acc->text));
		buf_fmt(&why, acc->n > 4 ? " or %d others, " : ", ", acc->n - 4);
	}
	buf_fmt(&why, "came \"");
	message_put(&why, &a->message);
	buf_byte(&why, '"');
	if (acc->near.p)
		buf_fmt(&why, ", where %.*s", STR_ARG(acc->near));
	const struct entry *next = acc->n ? NULL : next_on_link(j, a);
	if (next && too_early(j, a, next->step))
		buf_fmt(&why, ", before the action of step %s",
			j->v->steps[next->step].name);
	else if (!acc->n)
		buf_fmt(&why, ", which no step expects");
	s.why = judge_keep(j, &why);
	suspect(j, &s);
}

/* ---- what must never come ---- */

static bool hits_never(struct judge *j, struct arrow *a, const struct expect *list,
	size_t n, const char *where)
{
	for (size_t i = 0; i < n; i++) {
		const struct pattern *p = &list[i].pattern;
		if (!pattern_names(p, &a->message, a->kind))
			continue;
		struct match m = match_message(p, &a->message, j->vars,
			a->kind == OUTSIDE_RETRANSMISSION, &j->arena);
		if (!m.holds)
			continue;
		struct buf why = {0};
		buf_fmt(&why, "came \"");
		message_put(&why, &a->message);
		buf_fmt(&why, "\", which must never come%s: \"%s\"", where, p->text);
		suspect(j, &(struct suspect){.arrow = a, .why = judge_keep(j, &why)});
		return true;
	}
	return false;
}

static bool check_never(struct judge *j, struct arrow *a)
{
	const struct step *s = j->current < 0 ? NULL : &j->v->steps[j->current];
	return hits_never(j, a, j->v->nevers, j->v->n_nevers, "") ||
	       (s && arrow_ns(a) >= j->began_ns[j->current] &&
		       hits_never(j, a, s->nevers, s->n_nevers, " in this step"));
}

/* ---- records ---- */

static bool is_again(const struct judge *j, const struct arrow *a)
{
	const struct record *r = a->record;
	if (a->message.proto != PATTERN_SIP)
		return false;
	for (size_t i = j->n_arrows; i-- > 0;) {
		const struct arrow *b = j->arrows[i];
		if (b->message.hash == a->message.hash &&
			str_eq(b->record->bytes, r->bytes) &&
			!strcmp(b->record->from, r->from) &&
			!strcmp(b->record->to, r->to))
			return true;
	}
	return false;
}

/* The oldest request of the same connection that has no answer yet: HTTP/1.1 keeps their
 * order. */
static struct arrow *find_request(const struct judge *j, const struct arrow *a)
{
	for (size_t i = 0; i < j->n_arrows; i++) {
		struct arrow *b = j->arrows[i];
		if (b->message.proto == PATTERN_HTTP && b->message.request &&
			!b->request && addr_eq(&b->record->src, &a->record->dst) &&
			addr_eq(&b->record->dst, &a->record->src)) {
			b->request = b; /* answered */
			return b;
		}
	}
	return NULL;
}

static void classify(struct judge *j, struct arrow *a)
{
	a->kind = message_outside(&a->message);
	if (a->kind == OUTSIDE_NOT && is_again(j, a))
		a->kind = OUTSIDE_RETRANSMISSION;
	if (a->message.proto == PATTERN_HTTP && !a->message.request &&
		a->message.status != 100) {
		a->request = find_request(j, a);
		if (a->request && a->request->kind)
			a->kind = a->request->expected ? OUTSIDE_ANSWER : OUTSIDE_ALWAYS;
	}
}

static void judge_arrow(struct judge *j, struct arrow *a)
{
	struct acceptable acc = {0};

	a->step = j->current;
	if (check_never(j, a))
		return;
	if (link_broken(j, a)) {
		a->outside = a->kind != OUTSIDE_NOT;
		return;
	}
	if (!find_entry(j, a, &acc)) {
		a->outside = a->kind != OUTSIDE_NOT;
		if (!a->outside)
			unexpected(j, a, &acc);
	}
	buf_free(&acc.text);
}

void judge_record(struct record *r, bool paired, void *arg)
{
	struct judge *j = arg;

	j->sorted = false;
	if (!paired) {
		struct arrow *a = ARENA_NEW(&j->arena, struct arrow);
		a->record = r;
		message_read(&a->message, r, &j->arena);
		classify(j, a);
		if (j->n_arrows == j->cap_arrows) {
			j->cap_arrows = j->cap_arrows ? 2 * j->cap_arrows : 64;
			j->arrows =
				mem_realloc(j->arrows, j->cap_arrows * sizeof *j->arrows);
		}
		j->arrows[j->n_arrows++] = a;
		judge_arrow(j, a);
		j->heard += !a->outside;
	}
	j->changed(j->arg);
}

/* ---- steps ---- */

void judge_step(struct judge *j, int i, uint64_t now_ns)
{
	j->current = i;
	j->began_ns[i] = now_ns;
}

bool judge_step_done(const struct judge *j, int i)
{
	for (size_t k = j->first_open; k < j->n_entries && j->entries[k].step <= i; k++)
		if (!j->entries[k].arrow && !j->entries[k].expect->optional)
			return false;
	return true;
}

bool judge_step_arrived(const struct judge *j, int i)
{
	for (size_t k = 0; k < j->n_entries && j->entries[k].step <= i; k++)
		if (j->entries[k].step == i && j->entries[k].arrow &&
			!j->entries[k].arrow->record->received_ns)
			return false;
	return true;
}

void judge_timeout(struct judge *j, int i, int silent_ms)
{
	struct buf why = {0};
	for (size_t k = 0; k < j->n_entries; k++) {
		const struct entry *e = &j->entries[k];
		if (e->arrow || e->expect->optional || e->step > i)
			continue;
		const struct pattern *p = &e->expect->pattern;
		buf_fmt(&why, "expected \"%s\"", p->text);
		if (silent_ms)
			buf_fmt(&why, ", nothing came for %g s", silent_ms / 1000.0);
		else
			buf_fmt(&why, ", it never came");
		judge_find(j, &(struct finding){VERDICT_FAIL, e->step, p->from, p->to,
				      judge_keep(j, &why)});
		return;
	}
}

int judge_heard(const struct judge *j)
{
	return j->heard;
}
