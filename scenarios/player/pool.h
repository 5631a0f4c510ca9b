/* The rigs of a run: kept open for the variants that share them, opened ahead of the one
 * that comes next, closed when their place is needed.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "scenarios/player/evidence.h"

struct pool;
struct slot;

struct pool_conf {
	uv_loop_t *loop;
	const char *bin_dir;
	uint64_t seed;
	struct evidence *evidence;
	/* All runs in order; NULL once it was begun. The pool looks at what is to come. */
	const struct variant *const *jobs;
	size_t n_jobs;
	int max_slots, max_opening;
	/* A slot changed: it is ready or failed, or a place is free. */
	void (*changed)(void *arg);
	void (*died)(struct slot *s, const char *element, const char *line, void *arg);
	void *arg;
};
struct pool *pool_new(const struct pool_conf *conf);
/* Every rig goes; `h` when none is left. */
void pool_close(struct pool *p, void (*h)(void *arg), void *arg);
void pool_free(struct pool *p);

enum slot_state { SLOT_OPENING, SLOT_READY, SLOT_BUSY, SLOT_FAILED, SLOT_CLOSING };
/* The slot for jobs[at] if it is ready, or failed. NULL: not now; it is being opened or
 * used, or there is no place for it yet. */
struct slot *pool_get(struct pool *p, size_t at);
enum slot_state slot_state(const struct slot *s);
struct rig *slot_rig(const struct slot *s);            /* SLOT_READY, SLOT_BUSY, SLOT_FAILED */
struct collector *slot_collector(const struct slot *s);
const char *slot_dir(const struct slot *s);            /* relative to the run's directory */
/* SLOT_FAILED: why it did not open. */
int slot_error(const struct slot *s, const char **why);
void slot_take(struct slot *s);                        /* SLOT_READY -> SLOT_BUSY */
void slot_give(struct slot *s, bool dirty);            /* back; dirty: it goes */
