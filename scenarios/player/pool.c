/* The rigs of a run.
 * SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/player/pool.h"

#include <errno.h>
#include <stdlib.h>

struct slot {
	struct pool *pool;
	struct slot *next;
	enum slot_state state;
	const struct variant *v; /* that it was opened for */
	struct collector *collector;
	struct rig *rig;
	const char *dir;
	int err;
	char *why;
};

struct pool {
	struct pool_conf conf;
	struct slot *slots;
	int opened;
	bool closing;
	void (*closed)(void *arg);
	void *closed_arg;
};

struct pool *pool_new(const struct pool_conf *conf)
{
	struct pool *p = MEM_NEW(struct pool);
	p->conf = *conf;
	return p;
}

static bool serves(const struct slot *s, const struct variant *v)
{
	if (s->v->own_rig || v->own_rig)
		return s->v == v;
	return !strcmp(s->v->rig_key, v->rig_key);
}

static struct slot *find(struct pool *p, const struct variant *v)
{
	for (struct slot *s = p->slots; s; s = s->next)
		if (s->state != SLOT_CLOSING && serves(s, v))
			return s;
	return NULL;
}

/* The first job to come that the slot serves; SIZE_MAX: none. */
static size_t next_use(const struct slot *s)
{
	for (size_t i = 0; i < s->pool->conf.n_jobs; i++)
		if (s->pool->conf.jobs[i] && serves(s, s->pool->conf.jobs[i]))
			return i;
	return SIZE_MAX;
}

/* ---- closing ---- */

static void slot_free(struct slot *s)
{
	struct pool *p = s->pool;
	struct slot **at = &p->slots;

	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	collector_close(s->collector);
	free(s->why);
	free(s);
	if (!p->closing)
		p->conf.changed(p->conf.arg);
	else if (!p->slots && p->closed)
		p->closed(p->closed_arg);
}

static void on_closed(int err, const char *why, void *arg)
{
	slot_free(arg);
}

static void slot_close(struct slot *s)
{
	s->state = SLOT_CLOSING;
	if (s->rig)
		rig_close(s->rig, on_closed, s);
	else
		slot_free(s);
}

void pool_close(struct pool *p, void (*h)(void *arg), void *arg)
{
	p->closing = true;
	for (struct slot *s = p->slots, *next; s; s = next) {
		next = s->next;
		if (s->state != SLOT_CLOSING && s->state != SLOT_OPENING)
			slot_close(s);
	}
	p->closed = h;
	p->closed_arg = arg;
	if (!p->slots)
		h(arg);
}

void pool_free(struct pool *p)
{
	free(p);
}

/* ---- opening ---- */

static void on_open(int err, const char *why, void *arg)
{
	struct slot *s = arg;

	s->state = err ? SLOT_FAILED : SLOT_READY;
	s->err = err;
	s->why = str_dup(str_of(err && why ? why : ""));
	if (s->pool->closing)
		slot_close(s);
	else
		s->pool->conf.changed(s->pool->conf.arg);
}

static void on_died(const char *element, const char *line, void *arg)
{
	struct slot *s = arg;
	if (s->state == SLOT_READY)
		slot_close(s);
	else if (s->state == SLOT_BUSY)
		s->pool->conf.died(s, element, line, s->pool->conf.arg);
}

/* The low networks are left to rigs that people talk to (`imsrig up`). */
enum { FIRST_NETWORK = 101, LAST_NETWORK = 250 };

static int open_collector(uv_loop_t *loop, struct collector **out)
{
	int err = -EADDRINUSE;
	for (int r = FIRST_NETWORK; err == -EADDRINUSE && r <= LAST_NETWORK; r++)
		err = collector_open(loop, r, out);
	return err;
}

static const char *last_sentence(int err)
{
	return err == -EADDRINUSE ? "no free network 127.R.0.x (101 to 250) is left"
				  : strerror(-err);
}

static struct slot *slot_open(struct pool *p, const struct variant *v)
{
	struct slot *s = MEM_NEW(struct slot);

	s->pool = p;
	s->v = v;
	s->next = p->slots;
	p->slots = s;
	int err = open_collector(p->conf.loop, &s->collector);
	if (err) {
		s->state = SLOT_FAILED;
		s->err = err;
		s->why = str_dup(str_of(last_sentence(err)));
		return s;
	}
	struct rig_conf conf = {.loop = p->conf.loop,
		.collector = s->collector,
		.dir = evidence_rig(p->conf.evidence, ++p->opened, &s->dir),
		.bin_dir = p->conf.bin_dir,
		.seed = p->conf.seed,
		.died = on_died,
		.arg = s};
	s->state = SLOT_OPENING;
	err = rig_open(&conf, v, on_open, s, &s->rig);
	if (err) {
		s->state = SLOT_FAILED;
		s->err = err;
		s->why = str_dup(str_of(strerror(-err)));
	}
	return s;
}

/* The idle slot that is needed last, if that is later than job `at`. */
static struct slot *victim(struct pool *p, size_t at)
{
	struct slot *out = NULL;
	size_t latest = at;

	for (struct slot *s = p->slots; s; s = s->next) {
		if (s->state != SLOT_READY && s->state != SLOT_FAILED)
			continue;
		size_t next = next_use(s);
		if (next > latest) {
			latest = next;
			out = s;
		}
	}
	return out;
}

static int count(const struct pool *p, enum slot_state state)
{
	int n = 0;
	for (const struct slot *s = p->slots; s; s = s->next)
		n += s->state == state;
	return n;
}

static int count_all(const struct pool *p)
{
	int n = 0;
	for (const struct slot *s = p->slots; s; s = s->next)
		n++;
	return n;
}

struct slot *pool_get(struct pool *p, size_t at)
{
	struct slot *s = find(p, p->conf.jobs[at]);

	if (!s && count(p, SLOT_OPENING) < p->conf.max_opening) {
		if (count_all(p) < p->conf.max_slots) {
			s = slot_open(p, p->conf.jobs[at]);
		} else if (!count(p, SLOT_CLOSING)) {
			struct slot *old = victim(p, at);
			if (old)
				slot_close(old); /* its place is free when it is gone */
		}
	}
	return s && (s->state == SLOT_READY || s->state == SLOT_FAILED) ? s : NULL;
}

/* ---- a slot ---- */

enum slot_state slot_state(const struct slot *s)
{
	return s->state;
}

struct rig *slot_rig(const struct slot *s)
{
	return s->rig;
}

struct collector *slot_collector(const struct slot *s)
{
	return s->collector;
}

const char *slot_dir(const struct slot *s)
{
	return s->dir ? s->dir : "";
}

int slot_error(const struct slot *s, const char **why)
{
	*why = s->why;
	return s->err;
}

void slot_take(struct slot *s)
{
	s->state = SLOT_BUSY;
}

void slot_give(struct slot *s, bool dirty)
{
	if (s->state == SLOT_BUSY)
		s->state = SLOT_READY;
	if (dirty || !s->rig || s->pool->closing)
		slot_close(s);
}
