/* One element of a rig, from its start to its end; commands to one and to all.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "scenarios/player/rig.h"

enum { EXIT_USAGE = 4 };

/* ---- results at the next turn ---- */

struct later {
	uv_timer_t timer;
	int err;
	char why[256];
	rig_done_h *h;
	void *arg;
};

static void free_later(uv_handle_t *h)
{
	free(h->data);
}

static void on_later(uv_timer_t *t)
{
	struct later *l = t->data;
	uv_close((uv_handle_t *)t, free_later);
	l->h(l->err, l->why, l->arg);
}

static void later(
	struct rig *rig, int ms, int err, const char *why, rig_done_h *h, void *arg)
{
	struct later *l = MEM_NEW(struct later);
	l->err = err;
	l->h = h;
	l->arg = arg;
	snprintf(l->why, sizeof l->why, "%s", why ? why : "");
	uv_timer_init(rig->conf.loop, &l->timer);
	l->timer.data = l;
	uv_timer_start(&l->timer, on_later, (uint64_t)ms, 0);
}

void rig_later(struct rig *rig, int err, const char *why, rig_done_h *h, void *arg)
{
	later(rig, 0, err, why, h, arg);
}

void rig_after(struct rig *rig, int ms, rig_done_h *h, void *arg)
{
	later(rig, ms, 0, NULL, h, arg);
}

/* ---- one element ---- */

static void on_admin_open(int err, struct admin *admin, void *arg)
{
	struct element *e = arg;
	rig_done_h *h = e->on_ready;

	if (!e->process || !h) {
		if (admin)
			admin_close(admin);
		return;
	}
	e->admin = admin;
	e->on_ready = NULL;
	if (err) {
		char why[256];
		snprintf(why, sizeof why, "%s is ready but its admin socket is not: %s",
			e->kind->name, uv_strerror(err));
		h(err, why, e->op);
		return;
	}
	h(0, "", e->op);
}

static void on_ready(struct process *p, void *arg)
{
	struct element *e = arg;
	char path[512];

	snprintf(path, sizeof path, "%s/%s.sock", e->rig->dir, e->kind->name);
	admin_open(e->rig->conf.loop, path, on_admin_open, e);
}

/* A configuration that the element refuses is the script's fault when a setting is in it.
 */
static int explain_end(
	const struct element *e, int exit_code, const char *how, char why[256])
{
	/* What it complains of says more than that it stopped. */
	const char *line = exit_code == EXIT_USAGE
				   ? ""
				   : process_log_line(e->log, e->log_from, true);

	if (!*line)
		line = process_log_line(e->log, e->log_from, false);
	const struct setting *s = exit_code == EXIT_USAGE
					  ? rig_conf_culprit(line, e->kind->name,
						    e->rig->settings, e->rig->n_settings)
					  : NULL;

	if (s && s->pos.file)
		snprintf(why, 256, "%.80s:%d:%d: %s", s->pos.file, s->pos.line,
			s->pos.col, line);
	else if (exit_code == EXIT_USAGE && *line)
		snprintf(why, 256, "%s", line);
	else
		snprintf(why, 256, "%s ended (%s): %s", e->kind->name, how,
			*line ? line : "its log is empty");
	return exit_code == EXIT_USAGE ? -EINVAL : -ECHILD;
}

static void on_ended(
	struct process *p, bool told, int exit_code, const char *how, void *arg)
{
	struct element *e = arg;
	struct rig *rig = e->rig;
	rig_done_h *ready = e->on_ready, *ended = e->on_ended;
	char why[256];

	e->process = NULL;
	e->on_ready = e->on_ended = NULL;
	if (e->admin)
		admin_close(e->admin);
	e->admin = NULL;
	if (ended) {
		ended(0, "", e->op);
		return;
	}
	if (told)
		return;
	if (!rig->failed) {
		rig->failed = e;
		rig->failed_code = exit_code;
	}
	int err = explain_end(e, exit_code, how, why);
	if (ready)
		ready(err, why, e->op);
	else if (rig->conf.died && !rig->closing)
		rig->conf.died(e->kind->name,
			process_log_line(e->log, e->log_from, false), rig->conf.arg);
}

void element_start(struct element *e, rig_done_h *h, void *op)
{
	static const struct process_h process_h = {.ready = on_ready, .ended = on_ended};
	struct rig *rig = e->rig;
	char program[512], why[256], start[24];
	struct stat st;
	int err;

	snprintf(program, sizeof program, "%s/%s", rig->conf.bin_dir, e->kind->program);
	snprintf(start, sizeof start, "--start=%u", ++e->starts);
	const char *argv[] = {program, "--config", e->config, e->starts > 1 ? start : NULL, NULL};
	struct process_conf conf = {.loop = rig->conf.loop,
		.name = e->kind->name,
		.program = program,
		.argv = argv,
		.log = e->log,
		.dir = rig->dir};

	e->log_from = stat(e->log, &st) ? 0 : st.st_size;
	collector_forget_node(rig->conf.collector, e->kind->name);
	if ((err = process_start(&conf, &process_h, e, &e->process, why))) {
		rig_later(rig, err, why, h, op);
		return;
	}
	e->on_ready = h;
	e->op = op;
}

void element_stop(struct element *e, bool hard, rig_done_h *h, void *op)
{
	if (!e->process) {
		rig_later(e->rig, 0, NULL, h, op);
		return;
	}
	e->on_ready = NULL;
	e->on_ended = h;
	e->op = op;
	if (hard)
		process_kill(e->process);
	else
		process_stop(e->process);
}

/* ---- one command to all ---- */

struct broadcast {
	int pending;
	json_t *answers[RIG_ELEMENTS];
	struct broadcast_part {
		struct broadcast *all;
		size_t i;
	} parts[RIG_ELEMENTS];
	rig_answers_h *h;
	void *arg;
};

static void broadcast_done(struct broadcast *b)
{
	b->h(b->answers, b->arg);
	for (size_t i = 0; i < RIG_ELEMENTS; i++)
		json_decref(b->answers[i]);
	free(b);
}

static void on_broadcast_answer(int err, const json_t *answer, void *arg)
{
	struct broadcast_part *part = arg;
	struct broadcast *b = part->all;

	if (!err)
		b->answers[part->i] = json_incref((json_t *)answer);
	if (--b->pending == 0)
		broadcast_done(b);
}

static void on_broadcast_empty(int err, const char *why, void *arg)
{
	broadcast_done(arg);
}

void rig_broadcast(struct rig *rig, const json_t *command, rig_answers_h *h, void *arg)
{
	struct broadcast *b = MEM_NEW(struct broadcast);

	b->h = h;
	b->arg = arg;
	for (size_t i = 0; i < RIG_ELEMENTS; i++) {
		b->parts[i] = (struct broadcast_part){b, i};
		b->pending += element_alive(&rig->elements[i]);
	}
	if (!b->pending)
		rig_later(rig, 0, NULL, on_broadcast_empty, b);
	for (size_t i = 0; i < RIG_ELEMENTS; i++)
		if (element_alive(&rig->elements[i]))
			admin_ask(rig->elements[i].admin, command, on_broadcast_answer,
				&b->parts[i]);
}

struct asked {
	rig_admin_h *h;
	void *arg;
};

static void on_no_element(int err, const char *why, void *arg)
{
	struct asked *a = arg;
	a->h(err, NULL, a->arg);
	free(a);
}

static void on_admin_answer(int err, const json_t *answer, void *arg)
{
	struct asked *a = arg;
	a->h(err, answer, a->arg);
	free(a);
}

void rig_admin(struct rig *rig, const char *element, const json_t *command,
	rig_admin_h *h, void *arg)
{
	struct element *e = rig_element(rig, element);
	struct asked *a = MEM_NEW(struct asked);

	*a = (struct asked){h, arg};
	if (e && element_alive(e))
		admin_ask(e->admin, command, on_admin_answer, a);
	else
		rig_later(rig, -ESRCH, NULL, on_no_element, a);
}
