/* Sets of names of WAFs and WWSFs.
 *
 * A set is the text of its names, each with its kind before it and a line end behind.
 * SPDX-License-Identifier: Apache-2.0 */
#include "scscf/entities.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/hash.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/metric.h"

METRIC_IDLE(sets_gauge, "imsrig_scscf_entity_sets", "different sets of WAF and WWSF names in use");

struct entities {
	UT_hash_handle hh;
	size_t holders, n;
	char text[];
};
static struct entities *sets;

struct blocked {
	UT_hash_handle hh;
	char name[];
};
static struct blocked *blocked;

static struct str canonical(struct str name)
{
	name = str_trim(name);
	if (str_ends(name, STR(".")))
		name.n--;
	return name;
}

static void put_lower(struct buf *out, struct str name)
{
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i] == '\n' ? ' ' : (char)tolower((unsigned char)name.p[i]);
		buf_add(out, (struct str){&c, 1});
	}
}

void entity_put(struct buf *set, enum entity_kind kind, struct str name)
{
	char c = (char)kind;
	buf_add(set, (struct str){&c, 1});
	put_lower(set, canonical(name));
	buf_add(set, STR("\n"));
}

struct entities *entities_new(const struct buf *set)
{
	struct str key = buf_str(set);
	struct entities *e;
	HASH_FIND(hh, sets, key.p, key.n, e);
	if (!e) {
		e = mem_zalloc(sizeof *e + key.n);
		e->n = key.n;
		if (key.n)
			memcpy(e->text, key.p, key.n);
		HASH_ADD_KEYPTR(hh, sets, e->text, e->n, e);
		sets_gauge.value++;
	}
	return entities_hold(e);
}

struct entities *entities_hold(struct entities *e)
{
	if (e)
		e->holders++;
	return e;
}

void entities_drop(struct entities *e)
{
	if (!e || --e->holders)
		return;
	HASH_DEL(sets, e);
	sets_gauge.value--;
	free(e);
}

/* The next name with its kind before it; false at the end. */
static bool next(struct str *rest, struct str *entity)
{
	*entity = str_cut(rest, '\n');
	return entity->n > 0;
}

static struct str text_of(const struct entities *e)
{
	return (struct str){e->text, e->n};
}

static bool has(const struct entities *list, struct str wanted)
{
	struct str rest = text_of(list), entity;
	while (next(&rest, &entity))
		if (str_eq(entity, wanted))
			return true;
	return false;
}

bool entities_cover(const struct entities *list, const struct entities *who)
{
	struct str rest = text_of(who), entity;
	while (next(&rest, &entity))
		if (entity.n < 2 || !has(list, entity))
			return false;
	return true;
}

const char *entities_text(const struct entities *e)
{
	static char out[160];
	size_t n = 0;
	struct str rest = text_of(e), entity;
	out[0] = 0;
	while (n < sizeof out && next(&rest, &entity))
		n += (size_t)snprintf(out + n, sizeof out - n, "%s%s %s", n ? ", " : "",
			entity.p[0] == ENTITY_WAF ? "WAF" : "WWSF", log_text(str_skip(entity, 1)));
	return out;
}

/* ---- names under suspicion ---- */

static struct blocked *blocked_find(struct str name)
{
	struct blocked *b;
	HASH_FIND(hh, blocked, name.p, name.n, b);
	return b;
}

static struct str lower(struct str name, struct buf *b)
{
	put_lower(b, canonical(name));
	return buf_str(b);
}

void blocked_put(struct str name)
{
	struct buf b = {0};
	struct str key = lower(name, &b);
	if (key.n && !blocked_find(key)) {
		struct blocked *one = mem_zalloc(sizeof *one + key.n);
		memcpy(one->name, key.p, key.n);
		HASH_ADD_KEYPTR(hh, blocked, one->name, key.n, one);
	}
	buf_free(&b);
}

static void forget(struct blocked *b)
{
	HASH_DEL(blocked, b);
	free(b);
}

bool blocked_remove(struct str name)
{
	struct buf b = {0};
	struct str key = lower(name, &b);
	struct blocked *one = key.n ? blocked_find(key) : NULL;
	if (one)
		forget(one);
	buf_free(&b);
	return one != NULL;
}

void blocked_clear(void)
{
	struct blocked *b, *after;
	HASH_ITER(hh, blocked, b, after)
		forget(b);
}

bool blocked_has(const struct entities *who)
{
	struct str rest = who ? text_of(who) : STR_NONE, entity;
	while (next(&rest, &entity))
		if (entity.n > 1 && blocked_find(str_skip(entity, 1)))
			return true;
	return false;
}
