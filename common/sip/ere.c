/* Extended regular expressions as a Thompson automaton: each octet of the text moves a set of
 * states, none of them twice.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/sip/ere.h"

#include <errno.h>
#include <stdlib.h>

#include "common/base/mem.h"

enum { MAX_OPS = 2048, MAX_SETS = 128, MAX_DEPTH = 32, MAX_PRODUCT = 1000, MAX_COUNT = 9999 };

/* Where an op leads is relative to itself, so that a piece of program can be moved and copied.
 * Those up to MATCH wait for an octet, which MATCH never takes. */
enum op_kind { OP_CHAR, OP_ANY, OP_SET, OP_MATCH, OP_SPLIT, OP_JUMP, OP_START, OP_END };
struct op {
	uint8_t kind, c;
	int16_t x, y;                  /* SPLIT: both ways; JUMP: x; SET: x is its number */
};
struct set {
	uint8_t bits[32];
};
struct ere {
	size_t n_ops;
	struct set *sets;
	struct op ops[];
};

/* ---- the form, and the program on the way ---- */

struct parse {
	const char *p, *end;
	struct op ops[MAX_OPS];
	struct set sets[MAX_SETS];
	size_t n, n_sets;
	int depth;
	uint32_t product;
	bool counted;                  /* there is a {} in what was read of the group at hand */
	const char *why;
};

static bool wrong(struct parse *c, const char *why)
{
	c->why = why;
	return false;
}

static bool put_ops(struct parse *c, const struct op *ops, size_t n)
{
	if (c->n + n > MAX_OPS)
		return wrong(c, "it is too long when its counts are written out");
	memcpy(&c->ops[c->n], ops, n * sizeof *ops);
	c->n += n;
	return true;
}

static bool put(struct parse *c, enum op_kind kind, int x, int y)
{
	return put_ops(c, &(struct op){.kind = kind, .x = (int16_t)x, .y = (int16_t)y}, 1);
}

static bool put_char(struct parse *c, char octet)
{
	return put_ops(c, &(struct op){.kind = OP_CHAR, .c = (uint8_t)octet}, 1);
}

static bool next_is(const struct parse *c, char octet)
{
	return c->p < c->end && *c->p == octet;
}

/* ---- [...] ---- */

static void set_add(struct set *s, unsigned from, unsigned to)
{
	for (unsigned i = from; i <= to; i++)
		s->bits[i / 8] |= (uint8_t)(1u << i % 8);
}

static bool set_has(const struct set *s, uint8_t octet)
{
	return s->bits[octet / 8] >> octet % 8 & 1;
}

static bool bracket_item(struct parse *c, struct set *s)
{
	uint8_t from = (uint8_t)*c->p++, to = from;
	if (from == '[' && c->p < c->end && strchr(":.=", *c->p))
		return wrong(c, "it has a class by name, such as [:alpha:]");
	if (c->end - c->p >= 2 && c->p[0] == '-' && c->p[1] != ']') {
		to = (uint8_t)c->p[1];
		c->p += 2;
		if (to == '[' || to < from || (next_is(c, '-') && c->end - c->p >= 2 && c->p[1] != ']'))
			return wrong(c, "a range in brackets is no range");
	}
	set_add(s, from, to);
	return true;
}

static bool bracket(struct parse *c)
{
	struct set s = {{0}};
	bool not = next_is(c, '^');
	const char *first = c->p += not;
	while (c->p < c->end && (*c->p != ']' || c->p == first))
		if (!bracket_item(c, &s))
			return false;
	if (c->p++ >= c->end)
		return wrong(c, "a bracket is not closed");
	for (size_t i = 0; not && i < sizeof s.bits; i++)
		s.bits[i] = (uint8_t)~s.bits[i];
	if (c->n_sets == MAX_SETS)
		return wrong(c, "it has too many brackets");
	c->sets[c->n_sets] = s;
	return put(c, OP_SET, (int)c->n_sets++, 0);
}

/* ---- atoms ---- */

enum atom { ATOM_OCTET, ATOM_GROUP, ATOM_ANCHOR };

static bool alternatives(struct parse *c);

static bool group(struct parse *c)
{
	if (++c->depth > MAX_DEPTH)
		return wrong(c, "its groups are nested too deeply");
	if (!alternatives(c))
		return false;
	c->depth--;
	if (c->p++ >= c->end)
		return wrong(c, "a group is not closed");
	return true;
}

static bool escaped(struct parse *c)
{
	if (c->p == c->end)
		return wrong(c, "it ends with a backslash");
	char octet = *c->p++;
	if (octet >= '1' && octet <= '9')
		return wrong(c, "it has a back-reference");
	if (!strchr("^.[]$()|*+?{}\\/-", octet))
		return wrong(c, "a backslash stands before what needs none");
	return put_char(c, octet);
}

static bool atom(struct parse *c, enum atom *kind)
{
	char octet = *c->p++;
	*kind = octet == '(' ? ATOM_GROUP : octet == '^' || octet == '$' ? ATOM_ANCHOR : ATOM_OCTET;
	switch (octet) {
	case '(':
		return group(c);
	case '[':
		return bracket(c);
	case '\\':
		return escaped(c);
	case '.':
		return put(c, OP_ANY, 0, 0);
	case '^':
		return put(c, OP_START, 0, 0);
	case '$':
		return put(c, OP_END, 0, 0);
	case '*':
	case '+':
	case '?':
	case '{':
		return wrong(c, "a count has nothing before it");
	default:
		return put_char(c, octet);
	}
}

/* ---- counts ---- */

struct count {
	int min, max;                  /* max -1: open */
	bool braces;
};

static bool number(struct parse *c, int *out)
{
	const char *from = c->p;
	for (*out = 0; c->p < c->end && *c->p >= '0' && *c->p <= '9'; c->p++)
		if ((*out = *out * 10 + (*c->p - '0')) > MAX_COUNT)
			return wrong(c, "a count is too large");
	return c->p > from || wrong(c, "a count in braces is no count");
}

static bool braces(struct parse *c, struct count *k)
{
	k->braces = true;
	if (!number(c, &k->min))
		return false;
	k->max = k->min;
	if (next_is(c, ',')) {
		c->p++;
		k->max = -1;
		if (!next_is(c, '}') && !number(c, &k->max))
			return false;
	}
	if (!next_is(c, '}') || (k->max >= 0 && k->max < k->min))
		return wrong(c, "a count in braces is no count");
	c->p++;
	return true;
}

static bool is_count(const struct parse *c)
{
	return c->p < c->end && strchr("*+?{", *c->p);
}

/* false: there is none, or it is wrong and c->why says so. */
static bool take_count(struct parse *c, struct count *k)
{
	*k = (struct count){1, 1, false};
	if (!is_count(c))
		return false;
	switch (*c->p++) {
	case '*':
		*k = (struct count){0, -1, false};
		break;
	case '+':
		*k = (struct count){1, -1, false};
		break;
	case '?':
		*k = (struct count){0, 1, false};
		break;
	default:
		if (!braces(c, k))
			return false;
	}
	return !is_count(c) || wrong(c, "a count follows a count");
}

static bool count_allowed(struct parse *c, const struct count *k, enum atom kind, bool inside)
{
	uint32_t most = (uint32_t)(k->max < 0 ? k->min : k->max);
	if (kind == ATOM_ANCHOR)
		return wrong(c, "a count has nothing before it");
	if (kind == ATOM_GROUP && k->max < 0)
		return wrong(c, "an open count stands behind a group");
	if (k->braces && inside)
		return wrong(c, "a counted group has a count inside");
	if (k->braces && most > 1 && (c->product *= most) > MAX_PRODUCT)
		return wrong(c, "the product of its counts is over 1,000");
	return true;
}

/* The program of one atom, from `at` on, becomes that of its repetition. */
static bool repeat(struct parse *c, size_t at, const struct count *k)
{
	struct op one[MAX_OPS];
	int n = (int)(c->n - at), more = k->max - k->min;
	bool ok = true;
	memcpy(one, &c->ops[at], (size_t)n * sizeof *one);
	c->n = at;
	for (int i = 0; ok && i < k->min; i++)
		ok = put_ops(c, one, (size_t)n);
	if (k->max < 0)
		return ok && put(c, OP_SPLIT, 1, n + 2) && put_ops(c, one, (size_t)n) &&
			put(c, OP_JUMP, -(n + 1), 0);
	for (int i = 0; ok && i < more; i++)
		ok = put(c, OP_SPLIT, 1, (more - i) * (n + 1)) && put_ops(c, one, (size_t)n);
	return ok;
}

/* ---- the whole ---- */

static bool piece(struct parse *c)
{
	size_t at = c->n;
	bool outside = c->counted;
	struct count k;
	enum atom kind;

	c->counted = false;
	if (!atom(c, &kind))
		return false;
	if (take_count(c, &k) && count_allowed(c, &k, kind, c->counted))
		repeat(c, at, &k);
	c->counted |= outside || k.braces;
	return !c->why;
}

static bool branch(struct parse *c)
{
	const char *from = c->p;
	while (c->p < c->end && *c->p != '|' && !(*c->p == ')' && c->depth))
		if (*c->p == ')')
			return wrong(c, "a group is closed that was not opened");
		else if (!piece(c))
			return false;
	return c->p > from || wrong(c, "one of its alternatives is empty");
}

static bool alternatives(struct parse *c)
{
	size_t at = c->n;
	if (!branch(c))
		return false;
	if (!next_is(c, '|'))
		return true;
	c->p++;
	size_t n = c->n - at, jump = c->n + 1;
	if (!put(c, OP_SPLIT, 1, 0) || !put(c, OP_JUMP, 0, 0))
		return false;
	memmove(&c->ops[at + 1], &c->ops[at], n * sizeof *c->ops);
	c->ops[at] = (struct op){.kind = OP_SPLIT, .x = 1, .y = (int16_t)(n + 2)};
	if (!alternatives(c))
		return false;
	c->ops[jump].x = (int16_t)(c->n - jump);
	return true;
}

static bool printable(struct parse *c)
{
	for (const char *p = c->p; p < c->end; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return wrong(c, "it has control characters");
	return true;
}

int ere_new(struct str text, struct ere **out, const char **why)
{
	struct parse *c = MEM_NEW(struct parse);
	c->p = text.p;
	c->end = text.p + text.n;
	c->product = 1;
	bool ok = printable(c) && alternatives(c) && put(c, OP_MATCH, 0, 0);
	if (ok) {
		size_t ops = c->n * sizeof *c->ops, sets = c->n_sets * sizeof *c->sets;
		struct ere *e = *out = mem_alloc(sizeof *e + ops + sets);
		e->n_ops = c->n;
		e->sets = (struct set *)(void *)mempcpy(e->ops, c->ops, ops);
		memcpy(e->sets, c->sets, sets);
	} else {
		*why = c->why;
	}
	free(c);
	return ok ? 0 : -EINVAL;
}

void ere_free(struct ere *e)
{
	free(e);
}

/* ---- matching ---- */

struct run {
	const struct ere *e;
	bool first, last;              /* nothing was read; nothing is left */
	uint32_t step, mark[MAX_OPS];  /* the step that an op was reached in */
	uint16_t *next;                /* ops that wait for an octet */
	size_t n_next;
};

/* What is reached without an octet waits on the stack; each op is put there once a step. */
static size_t wait_for(struct run *r, size_t op, uint16_t *stack, size_t n)
{
	if (r->mark[op] == r->step)
		return n;
	r->mark[op] = r->step;
	if (r->e->ops[op].kind > OP_MATCH)
		stack[n++] = (uint16_t)op;
	else
		r->next[r->n_next++] = (uint16_t)op;
	return n;
}

/* The ops that take an octet, reached from `op` without one. */
static void reach(struct run *r, size_t from)
{
	uint16_t stack[MAX_OPS];
	for (size_t n = wait_for(r, from, stack, 0); n;) {
		size_t i = stack[--n];
		const struct op *op = &r->e->ops[i];
		if (op->kind == OP_SPLIT)
			n = wait_for(r, i + (size_t)op->y, stack, n);
		if (op->kind == OP_SPLIT || op->kind == OP_JUMP)
			n = wait_for(r, i + (size_t)op->x, stack, n);
		else if (op->kind == OP_START ? r->first : op->kind == OP_END && r->last)
			n = wait_for(r, i + 1, stack, n);
	}
}

static bool takes(const struct ere *e, const struct op *op, uint8_t octet)
{
	return op->kind == OP_ANY || (op->kind == OP_CHAR && op->c == octet) ||
		(op->kind == OP_SET && set_has(&e->sets[op->x], octet));
}

bool ere_match(const struct ere *e, struct str s)
{
	uint16_t lists[2][MAX_OPS];
	struct run r;
	r.e = e;
	r.next = lists[0];
	r.first = true;
	r.last = s.n == 0;
	r.step = 1;
	r.n_next = 0;
	memset(r.mark, 0, e->n_ops * sizeof *r.mark);
	reach(&r, 0);
	r.first = false;
	for (size_t i = 0; i < s.n && r.n_next; i++) {
		uint16_t *at = r.next;
		size_t n = r.n_next;
		r.next = at == lists[0] ? lists[1] : lists[0];
		r.n_next = 0;
		r.step++;
		r.last = i + 1 == s.n;
		for (size_t k = 0; k < n; k++)
			if (takes(e, &e->ops[at[k]], (uint8_t)s.p[i]))
				reach(&r, at[k] + 1u);
	}
	return r.mark[e->n_ops - 1] == r.step;
}
