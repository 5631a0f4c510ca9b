/* What all sockets of one loop share.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/net/turn.h"

#include <signal.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/net/inside.h"

static struct turn *turns; /* a process has one loop; tests and benches may have more */

static void run_tasks(uv_prepare_t *h)
{
	struct turn *t = h->data;
	while (t->tasks.next != &t->tasks) {
		struct task *k = t->tasks.next;
		task_drop(k);
		k->run(k);
	}
	uv_prepare_stop(&t->prepare);
}

struct turn *turn_find(uv_loop_t *loop)
{
	struct turn *t = turns;
	while (t && t->loop != loop)
		t = t->next;
	return t;
}

struct turn *turn_get(uv_loop_t *loop)
{
	struct turn *t = turn_find(loop);
	if (!t) {
		signal(SIGPIPE, SIG_IGN); /* libuv writes without MSG_NOSIGNAL */
		t = MEM_NEW(struct turn);
		t->loop = loop;
		t->tasks.prev = t->tasks.next = &t->tasks;
		uv_prepare_init(loop, &t->prepare);
		t->prepare.data = t;
		t->read = mem_alloc(TURN_READ);
		t->next = turns;
		turns = t;
	}
	t->users++;
	return t;
}

static void on_closed(uv_handle_t *h)
{
	struct turn *t = h->data;
	BIO_free(t->bio);
	buf_free(&t->out);
	buf_free(&t->spare);
	free(t->read);
	free(t->plain);
	free(t->grams);
	free(t->table);
	free(t);
}

void turn_put(struct turn *t)
{
	if (--t->users)
		return;
	struct turn **at = &turns;
	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	uv_close((uv_handle_t *)&t->prepare, on_closed);
}

void task_add(struct turn *t, struct task *k, void (*run)(struct task *k))
{
	if (k->next)
		return;
	if (t->tasks.next == &t->tasks)
		uv_prepare_start(&t->prepare, run_tasks);
	k->run = run;
	k->next = &t->tasks;
	k->prev = t->tasks.prev;
	k->prev->next = k;
	t->tasks.prev = k;
}

void task_drop(struct task *k)
{
	if (!k->next)
		return;
	k->prev->next = k->next;
	k->next->prev = k->prev;
	k->prev = k->next = NULL;
}

static size_t home(const struct turn *t, uint64_t id)
{
	return (size_t)(id * 0x9e3779b97f4a7c15u >> 32) & (t->slots - 1);
}

static size_t place(const struct turn *t, uint64_t id)
{
	size_t i = home(t, id);
	while (t->table[i] && t->table[i]->id != id)
		i = (i + 1) & (t->slots - 1);
	return i;
}

static void grow(struct turn *t)
{
	struct stream **old = t->table;
	size_t n = t->slots;
	t->slots = n ? n * 2 : 64;
	t->table = mem_zalloc(t->slots * sizeof *t->table);
	for (size_t i = 0; i < n; i++)
		if (old[i])
			t->table[place(t, old[i]->id)] = old[i];
	free(old);
}

void turn_add(struct turn *t, struct stream *s)
{
	if ((t->streams + 1) * 2 > t->slots)
		grow(t);
	t->table[place(t, s->id)] = s;
	t->streams++;
}

void turn_remove(struct turn *t, struct stream *s)
{
	size_t mask = t->slots - 1, hole = place(t, s->id);
	if (!t->table[hole])
		return;
	t->streams--;
	/* Those behind the hole that could have stood in it move up. */
	for (size_t i = (hole + 1) & mask; t->table[i]; i = (i + 1) & mask) {
		size_t want = home(t, t->table[i]->id);
		if (((i - want) & mask) >= ((i - hole) & mask)) {
			t->table[hole] = t->table[i];
			hole = i;
		}
	}
	t->table[hole] = NULL;
}

struct stream *turn_lookup(const struct turn *t, uint64_t id)
{
	return t->slots ? t->table[place(t, id)] : NULL;
}
