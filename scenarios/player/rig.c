/* A rig: its elements started, asked and ended, its actors made and let go.
 * SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/player/rig.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { START_LIMIT_MS = 15000 };

const struct element_kind rig_elements[RIG_ELEMENTS] = {
	{"wwsf", "wwsf", 10, NULL},
	{"wwsf2", "wwsf", 17, "wwsf"},
	{"waaf", "waaf", 11, NULL},
	{"epcscf", "epcscf", 12, NULL},
	{"icscf", "icscf", 13, NULL},
	{"scscf", "scscf", 14, NULL},
	{"scscf2", "scscf", 15, "scscf"},
	{"hss", "hss", 16, NULL},
};

/* Parts that messages go to and from, inside one of these processes. */
static const struct {
	const char *name, *element;
	int last_octet;
} parts[] = {{"avproxy", "hss", 18}};
enum { PARTS = sizeof parts / sizeof *parts };

const char *rig_part_of(const char *name)
{
	for (size_t i = 0; i < PARTS; i++)
		if (!strcmp(parts[i].name, name))
			return parts[i].element;
	return NULL;
}

bool rig_is_process(const char *name)
{
	for (size_t i = 0; i < RIG_ELEMENTS; i++)
		if (!strcmp(rig_elements[i].name, name))
			return true;
	return false;
}

struct element *rig_element(const struct rig *rig, const char *name)
{
	for (size_t i = 0; i < RIG_ELEMENTS; i++)
		if (!strcmp(rig_elements[i].name, name) && rig->elements[i].wanted)
			return (struct element *)&rig->elements[i];
	return NULL;
}

struct actor *rig_actor(const struct rig *rig, const char *name)
{
	for (struct actor *a = rig->actors; a; a = a->next)
		if (!strcmp(a->name, name))
			return a;
	return NULL;
}

bool element_alive(const struct element *e)
{
	return e->process && e->admin;
}

struct addr rig_addr(const struct rig *rig, int last_octet)
{
	struct addr a;
	char text[24];
	snprintf(text, sizeof text, "127.%d.0.%d", rig->network, last_octet);
	addr_parse(str_of(text), 0, &a);
	return a;
}

bool rig_find_addr(const struct rig *rig, const char *name, struct addr *out)
{
	const struct actor *a = rig_actor(rig, name);
	if (a) {
		*out = a->addr;
		return true;
	}
	for (size_t i = 0; i < RIG_ELEMENTS; i++) {
		if (strcmp(rig_elements[i].name, name))
			continue;
		*out = rig_addr(rig, rig_elements[i].last_octet);
		return true;
	}
	for (size_t i = 0; i < PARTS; i++) {
		if (strcmp(parts[i].name, name))
			continue;
		*out = rig_addr(rig, parts[i].last_octet);
		return true;
	}
	return false;
}

static const char *actor_at(const struct actor *list, const struct addr *a)
{
	for (; list; list = list->next)
		if (addr_host_eq(&list->addr, a))
			return list->name;
	return NULL;
}

const char *rig_name(const struct rig *rig, const struct addr *a)
{
	const char *actor = actor_at(rig->actors, a);
	if (!actor) /* the last octets of one that has closed */
		actor = actor_at(rig->past, a);
	if (actor)
		return actor;
	for (size_t i = 0; i < RIG_ELEMENTS; i++) {
		struct addr e = rig_addr(rig, rig_elements[i].last_octet);
		if (addr_host_eq(&e, a))
			return rig_elements[i].name;
	}
	for (size_t i = 0; i < PARTS; i++) {
		struct addr p = rig_addr(rig, parts[i].last_octet);
		if (addr_host_eq(&p, a))
			return parts[i].name;
	}
	return NULL;
}

/* The element behind a name, also of a part of it. */
static const struct element *element_of(const struct rig *rig, const char *name)
{
	const char *element = rig_part_of(name);
	return rig_element(rig, element ? element : name);
}

bool rig_traced(const struct rig *rig, const char *name)
{
	const struct element *e = element_of(rig, name);
	return rig_actor(rig, name) || (e && element_alive(e));
}

const char *rig_reason(const struct rig *rig, const char *name)
{
	const struct actor *a = rig_actor(rig, name);
	const struct element *e = element_of(rig, name);
	return a ? a->reason : e ? process_log_line(e->log, e->log_from, true) : "";
}

int64_t rig_offset_ms(const struct rig *rig)
{
	return clock_offset_ms(rig->clock);
}

/* ---- opening: the HSS first, the rest beside each other once it listens ---- */

/* Lives as long as the rig: late elements may still come back to it. */
struct opening {
	struct rig *rig;
	int pending;
	bool rest_started, over;
	uv_timer_t limit;
	rig_done_h *h;
	void *arg;
};

static void opening_done(struct opening *o, int err, const char *why)
{
	if (o->over)
		return;
	o->over = true;
	for (size_t i = 0; i < RIG_ELEMENTS; i++) /* late ones find nobody waiting */
		o->rig->elements[i].on_ready = NULL;
	uv_close((uv_handle_t *)&o->limit, NULL);
	o->h(err, why, o->arg);
}

static void on_element_ready(int err, const char *why, void *arg);

static void start_rest(struct opening *o)
{
	struct rig *rig = o->rig;
	bool hss;

	o->rest_started = true;
	for (size_t i = 0; i < RIG_ELEMENTS; i++) {
		hss = !strcmp(rig->elements[i].kind->name, "hss");
		o->pending += rig->elements[i].wanted && !hss;
	}
	for (size_t i = 0; i < RIG_ELEMENTS; i++) {
		hss = !strcmp(rig->elements[i].kind->name, "hss");
		if (rig->elements[i].wanted && !hss)
			element_start(&rig->elements[i], on_element_ready, o);
	}
}

static void on_element_ready(int err, const char *why, void *arg)
{
	struct opening *o = arg;

	o->pending--;
	if (o->over)
		return;
	if (err)
		opening_done(o, err, why);
	else if (!o->pending && !o->rest_started)
		start_rest(o);
	if (!o->pending && !o->over)
		opening_done(o, 0, "");
}

static void on_open_limit(uv_timer_t *t)
{
	struct opening *o = t->data;
	char why[256] = "not ready in time:";

	for (size_t i = 0; i < RIG_ELEMENTS; i++) {
		struct element *e = &o->rig->elements[i];
		size_t n = strlen(why);
		if (e->wanted && !element_alive(e))
			snprintf(why + n, sizeof why - n, " %s (%s)", e->kind->name,
				process_log_line(e->log, e->log_from, false));
	}
	opening_done(o, -ETIMEDOUT, why);
}

static void on_prepared(int err, const char *why, void *arg)
{
	struct opening *o = arg;
	struct element *hss = rig_element(o->rig, "hss");

	if (err) {
		opening_done(o, err, why);
	} else if (hss) {
		o->pending = 1;
		element_start(hss, on_element_ready, o);
	} else {
		start_rest(o);
		if (!o->pending)
			opening_done(o, 0, "");
	}
}

static void keep_settings(struct rig *rig, const struct variant *v)
{
	rig->settings = mem_zalloc((v->n_settings + 1) * sizeof *rig->settings);
	rig->n_settings = v->n_settings;
	for (size_t i = 0; i < v->n_settings; i++) {
		struct setting *s = &rig->settings[i];
		*s = v->settings[i];
		s->owner = str_dup(str_of(s->owner));
		s->path = str_dup(str_of(s->path));
		s->pos.file = s->pos.file ? str_dup(str_of(s->pos.file)) : NULL;
		s->value = json_deep_copy(s->value);
	}
}

static void free_settings(struct rig *rig)
{
	for (size_t i = 0; i < rig->n_settings; i++) {
		free((char *)rig->settings[i].owner);
		free((char *)rig->settings[i].path);
		free((char *)rig->settings[i].pos.file);
		json_decref(rig->settings[i].value);
	}
	free(rig->settings);
}

int rig_open(const struct rig_conf *conf, const struct variant *v, rig_done_h *h,
	void *arg, struct rig **out)
{
	struct rig *rig = MEM_NEW(struct rig);
	struct opening *o = rig->opening = MEM_NEW(struct opening);
	char why[256] = "", fqdn[128];
	int err;

	rig->conf = *conf;
	rig->dir = realpath(conf->dir, NULL);
	rig->network = collector_network(conf->collector);
	rig->clock = clock_new(conf->loop);
	for (size_t i = 0; i < RIG_ELEMENTS; i++) {
		struct element *e = &rig->elements[i];
		e->kind = &rig_elements[i];
		e->rig = rig;
		snprintf(fqdn, sizeof fqdn, "%s." RIG_DOMAIN, e->kind->name);
		rig->names[i] = (struct name){
			str_dup(str_of(fqdn)), rig_addr(rig, e->kind->last_octet)};
	}
	for (size_t i = 0; i < v->n_processes; i++)
		for (size_t k = 0; k < RIG_ELEMENTS; k++)
			if (!strcmp(rig_elements[k].name, v->processes[i]))
				rig->elements[k].wanted = true;
	keep_settings(rig, v);

	*o = (struct opening){.rig = rig, .h = h, .arg = arg};
	uv_timer_init(conf->loop, &o->limit);
	o->limit.data = o;
	uv_timer_start(&o->limit, on_open_limit, START_LIMIT_MS, 0);
	err = rig->dir ? lab_open(rig, why) : -ENOENT;
	if (!err)
		err = lab_configure(rig, v, why);
	rig_later(rig, err, why, on_prepared, o);
	*out = rig;
	return 0;
}

const char *rig_failed(const struct rig *rig, int *exit_code, const char **line)
{
	const struct element *e = rig->failed;

	if (!e)
		return NULL;
	*exit_code = rig->failed_code;
	*line = process_log_line(e->log, e->log_from, false);
	return e->kind->name;
}

/* ---- a variant begins ---- */

static int make_actors(struct rig *rig, const struct variant *v, char why[256])
{
	int next = RIG_FIRST_ACTOR, err, octet;

	for (size_t i = 0; i < v->n_actors; i++) {
		struct actor *a, **tail = &rig->actors;
		octet = actor_octet(v->actors[i].settings);
		struct addr addr = rig_addr(rig, octet ? octet : next++);
		if ((err = actor_open(rig, &v->actors[i], &addr, &a, why)))
			return err;
		while (*tail)
			tail = &(*tail)->next;
		*tail = a;
	}
	return 0;
}

static void on_faults_set(int err, const char *why, void *arg);
struct beginning {
	struct rig *rig;
	struct action *faults;
	size_t n, at;
	rig_done_h *h;
	void *arg;
};

static void next_fault(struct beginning *b)
{
	if (b->at == b->n) {
		rig_later(b->rig, 0, NULL, b->h, b->arg);
		free(b->faults);
		free(b);
		return;
	}
	action_run(b->rig, &b->faults[b->at++], on_faults_set, b);
}

static void on_faults_set(int err, const char *why, void *arg)
{
	struct beginning *b = arg;
	if (!err) {
		next_fault(b);
		return;
	}
	b->h(err, why, b->arg);
	free(b->faults);
	free(b);
}

void rig_begin(struct rig *rig, const struct variant *v, rig_done_h *h, void *arg)
{
	char why[256] = "";
	struct stat st;
	int err;

	for (size_t i = 0; i < RIG_ELEMENTS; i++) {
		struct element *e = &rig->elements[i];
		if (e->wanted)
			e->log_from = stat(e->log, &st) ? 0 : st.st_size;
	}
	if ((err = make_actors(rig, v, why))) {
		rig_later(rig, err, why, h, arg);
		return;
	}
	struct beginning *b = MEM_NEW(struct beginning);
	*b = (struct beginning){.rig = rig, .n = v->n_faults, .h = h, .arg = arg};
	b->faults = mem_zalloc((v->n_faults + 1) * sizeof *b->faults);
	for (size_t i = 0; i < v->n_faults; i++)
		b->faults[i] = (struct action){
			.kind = ACTION_FAULT, .text = "fault", .fault = v->faults[i]};
	next_fault(b);
}

/* ---- closing ---- */

struct closing {
	struct rig *rig;
	int pending;
	uv_timer_t tick;
	rig_done_h *h;
	void *arg;
};

static void on_clock_closed(uv_handle_t *handle)
{
	struct closing *c = handle->data;
	c->h(0, "", c->arg);
	free(c);
}

/* Everything that could use the clock or a host has gone by the time this runs. */
static void free_rig(struct closing *c)
{
	struct rig *rig = c->rig;

	while (rig->past) {
		struct actor *a = rig->past;
		rig->past = a->next;
		actor_free(a);
	}
	for (size_t i = 0; i < RIG_ELEMENTS; i++) {
		free(rig->elements[i].config);
		free(rig->elements[i].log);
	}
	for (size_t i = 0; i < RIG_ELEMENTS; i++)
		free((char *)rig->names[i].name);
	for (size_t i = 0; i < sizeof rig->texts / sizeof *rig->texts; i++)
		buf_free(&rig->texts[i]);
	free(rig->opening);
	free_settings(rig);
	clock_free(rig->clock);
	free(rig->dir);
	free(rig->root);
	free(rig->lab);
	free(rig);
	uv_close((uv_handle_t *)&c->tick, on_clock_closed);
}

static void on_close_tick(uv_timer_t *t)
{
	struct closing *c = t->data;

	if (c->pending || !rig_let_actors_go(c->rig))
		return;
	uv_timer_stop(t);
	free_rig(c);
}

static void on_element_ended(int err, const char *why, void *arg)
{
	struct closing *c = arg;
	c->pending--;
}

void rig_close(struct rig *rig, rig_done_h *h, void *arg)
{
	struct closing *c = MEM_NEW(struct closing);

	rig->closing = true;
	*c = (struct closing){.rig = rig, .h = h, .arg = arg};
	uv_timer_init(rig->conf.loop, &c->tick);
	c->tick.data = c;
	uv_timer_start(&c->tick, on_close_tick, 1, 1);
	rig_close_actors(rig);
	for (size_t i = 0; i < RIG_ELEMENTS; i++) {
		if (!rig->elements[i].process)
			continue;
		c->pending++;
		element_stop(&rig->elements[i], false, on_element_ended, c);
	}
}
