/* The fault gate.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/trace/gate.h"

#include <errno.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/metric.h"
#include "common/trace/rule.h"

enum {
	MAX_RULES = 256,
	MAX_WAITING = 10000,
	MAX_WAITING_BYTES = 64 << 20,
	CTX_MAX = 128
};

#define FAULT_COUNTER(action)                                                            \
	METRIC_COUNTER(count_##action, "imsrig_fault_total{action=\"" #action "\"}",     \
		"Messages that the fault gate dealt with")
FAULT_COUNTER(drop);
FAULT_COUNTER(hold);
FAULT_COUNTER(delay);
FAULT_COUNTER(duplicate);
FAULT_COUNTER(rewrite);
FAULT_COUNTER(replace);
FAULT_COUNTER(set);
FAULT_COUNTER(overflow);

static struct metric *const counters[] = {
	[RULE_DROP] = &count_drop,
	[RULE_HOLD] = &count_hold,
	[RULE_DELAY] = &count_delay,
	[RULE_DUPLICATE] = &count_duplicate,
	[RULE_REWRITE] = &count_rewrite,
	[RULE_REPLACE] = &count_replace,
	[RULE_SET] = &count_set,
};

/* A message that waits: held until released, or delayed until its timer fires. */
struct waiting {
	struct waiting *prev, *next;
	struct gate *gate;
	uint64_t id;
	struct timer timer;
	bool held;
	gate_go_h *go;
	void *owner;
	char *what;
	enum trace_dir dir;
	struct addr peer;
	struct str bytes;
	_Alignas(16) char ctx[CTX_MAX];
};

struct gate {
	struct clock *clock;
	struct rule *rules, **tail;
	int n_rules, n_waiting;
	size_t waiting_bytes;
	uint64_t last_id;
	struct waiting *first, *last; /* in order of arrival */
};

struct gate *gate_new(struct clock *clock)
{
	struct gate *g = MEM_NEW(struct gate);
	g->clock = clock;
	g->tail = &g->rules;
	return g;
}

bool gate_active(const struct gate *g)
{
	return g->rules != NULL;
}

int gate_waiting(const struct gate *g)
{
	return g->n_waiting;
}

/* ---- messages that wait ---- */

static void unlink_waiting(struct waiting *w)
{
	struct gate *g = w->gate;
	timer_stop(&w->timer);
	*(w->prev ? &w->prev->next : &g->first) = w->next;
	*(w->next ? &w->next->prev : &g->last) = w->prev;
	g->n_waiting--;
	g->waiting_bytes -= w->bytes.n;
}

static void free_waiting(struct waiting *w)
{
	free((char *)w->bytes.p);
	free(w->what);
	free(w);
}

/* The receiver may do anything to the gate, so nothing of it is touched after `go`. */
static void let_go(struct waiting *w, struct str bytes)
{
	unlink_waiting(w);
	w->go(w->owner, w->ctx, bytes);
	free_waiting(w);
}

static void on_delay(struct timer *t, void *arg)
{
	struct waiting *w = arg;
	let_go(w, w->bytes);
}

static void forget(struct gate *g, const void *owner)
{
	for (struct waiting *w = g->first, *next; w; w = next) {
		next = w->next;
		if (owner && w->owner != owner)
			continue;
		unlink_waiting(w);
		free_waiting(w);
	}
}

void gate_forget(struct gate *g, const void *owner)
{
	forget(g, owner);
}

void gate_reset(struct gate *g)
{
	struct rule *r = g->rules;
	g->rules = NULL;
	g->tail = &g->rules;
	g->n_rules = 0;
	while (r) {
		struct rule *next = r->next;
		rule_free(r);
		r = next;
	}
	forget(g, NULL);
}

void gate_free(struct gate *g)
{
	if (!g)
		return;
	gate_reset(g);
	free(g);
}

int gate_release(struct gate *g)
{
	uint64_t until = g->last_id;
	int n = 0;

	for (;;) {
		struct waiting *w = g->first;
		while (w && !w->held)
			w = w->next;
		if (!w || w->id > until)
			return n;
		n++;
		let_go(w, w->bytes);
	}
}

int gate_release_one(struct gate *g, uint64_t id, struct str bytes)
{
	struct waiting *w = g->first;
	while (w && !(w->held && w->id == id))
		w = w->next;
	if (!w)
		return -ENOENT;
	let_go(w, bytes.p ? bytes : w->bytes);
	return 0;
}

json_t *gate_held(const struct gate *g)
{
	json_t *list = json_array();
	for (const struct waiting *w = g->first; w; w = w->next) {
		if (!w->held)
			continue;
		char *hex = mem_alloc(2 * w->bytes.n + 1);
		hex_of(w->bytes.p, w->bytes.n, hex);
		json_t *o = json_pack("{s:I, s:s, s:s, s:s, s:s}", "id",
			(json_int_t)w->id, "what", w->what, "dir",
			w->dir == TRACE_SENT ? "sent" : "received", "peer",
			addr_text(&w->peer), "bytes_hex", hex);
		json_array_append_new(list, o);
		free(hex);
	}
	return list;
}

/* ---- a message at the gate ---- */

int gate_add(struct gate *g, const json_t *j, const char **why)
{
	if (g->n_rules >= MAX_RULES) {
		*why = "there are 256 fault rules already";
		return -EINVAL;
	}
	struct rule *r = rule_new(j, why);
	if (!r)
		return -EINVAL;
	*g->tail = r;
	g->tail = &r->next;
	g->n_rules++;
	return 0;
}

struct passing {
	const struct gate_proto *proto;
	struct trace_msg m;
	struct str what;
	gate_go_h *go;
	void *owner;
	const void *ctx;
	size_t ctx_n;
};

static void tell(const struct passing *p, const struct rule *r)
{
	counters[r->action]->value++;
	log_info("fault", "%s %s %s %s", rule_done(r->action), log_text(p->what),
		p->m.dir == TRACE_SENT ? "to" : "from", addr_text(&p->m.remote));
}

static void wait_at(struct gate *g, const struct passing *p, const struct rule *r)
{
	if (g->n_waiting >= MAX_WAITING ||
		g->waiting_bytes + p->m.bytes.n > MAX_WAITING_BYTES) {
		count_overflow.value++;
		log_warn("fault", "too much waits at the gate: %s is dropped",
			log_text(p->what));
		return;
	}
	struct waiting *w = MEM_NEW(struct waiting);
	w->gate = g;
	w->id = ++g->last_id;
	w->held = r->action == RULE_HOLD;
	w->go = p->go;
	w->owner = p->owner;
	w->what = str_dup(str_of(log_text(p->what)));
	w->dir = p->m.dir;
	w->peer = p->m.remote;
	w->bytes = (struct str){str_dup(p->m.bytes), p->m.bytes.n};
	if (p->ctx_n)
		memcpy(w->ctx, p->ctx, p->ctx_n);
	w->prev = g->last;
	*(g->last ? &g->last->next : &g->first) = w;
	g->last = w;
	g->n_waiting++;
	g->waiting_bytes += w->bytes.n;
	if (!w->held)
		timer_start(g->clock, &w->timer, r->ms, on_delay, w);
}

/* The JSON value of a field as text; `scratch` may be what holds it. */
static struct str value_text(const json_t *v, char **scratch)
{
	if (json_is_null(v))
		return STR_NONE;
	if (json_is_string(v))
		return (struct str){json_string_value(v), json_string_length(v)};
	*scratch = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
	return str_of(*scratch);
}

/* Field after field, each on what the one before made; all or nothing. */
static bool set_fields(const struct passing *p, const struct rule *r, struct buf *out)
{
	struct trace_msg m = p->m;
	struct buf last = {0};
	const char *name;
	json_t *v;
	int err = p->proto->set ? 0 : -ENOTSUP;

	if (!err)
		buf_add(out, m.bytes);
	json_object_foreach(r->set, name, v)
	{
		char *scratch = NULL;
		if (err)
			break;
		struct buf was = last;
		last = *out;
		*out = was;
		out->n = 0;
		m.bytes = buf_str(&last);
		err = p->proto->set(&m, str_of(name), value_text(v, &scratch), out);
		if (err)
			log_warn("fault", "can't set %s of %s: %s",
				log_text(str_of(name)), log_text(p->what),
				strerror(-err));
		free(scratch);
	}
	if (err == -ENOTSUP && !p->proto->set)
		log_warn("fault", "can't set fields of %s", log_text(p->what));
	buf_free(&last);
	return !err;
}

/* True when the octets are other ones now. */
static bool change(const struct passing *p, const struct rule *r, struct buf *out)
{
	switch (r->action) {
	case RULE_REWRITE:
		if (rule_rewrite(r, p->m.bytes, out))
			return true;
		log_info("fault", "rewrite found nothing in %s", log_text(p->what));
		return false;
	case RULE_REPLACE:
		buf_add(out, r->bytes);
		return true;
	default:
		return set_fields(p, r, out);
	}
}

void gate_pass(struct gate *g, const struct gate_proto *proto, const struct trace_msg *m,
	gate_go_h *go, void *owner, const void *ctx, size_t ctx_n)
{
	struct passing p = {.proto = proto,
		.m = *m,
		.go = go,
		.owner = owner,
		.ctx = ctx,
		.ctx_n = ctx_n < CTX_MAX ? ctx_n : CTX_MAX};
	struct buf scratch = {0}, bytes[2] = {{0}, {0}};
	const struct rule *decided = NULL;
	int64_t copies = 1;
	int turn = 0;

	p.what = proto->what(&p.m, &scratch);
	for (struct rule *r = g->rules; r && !decided; r = r->next) {
		if (!r->times || !rule_matches(r, proto, &p.m, p.what))
			continue;
		if (r->skip) {
			r->skip--;
			continue;
		}
		if (r->action >= RULE_REWRITE) {
			struct buf *out = &bytes[turn];
			out->n = 0;
			if (!change(&p, r, out))
				continue;
			tell(&p, r);
			turn = !turn;
			p.m.bytes = buf_str(out);
			scratch.n = 0;
			p.what = proto->what(&p.m, &scratch);
		} else {
			decided = r;
			tell(&p, r);
		}
		if (r->times > 0)
			r->times--;
	}
	if (decided && (decided->action == RULE_HOLD || decided->action == RULE_DELAY))
		wait_at(g, &p, decided);
	if (decided)
		copies = decided->action == RULE_DUPLICATE ? 1 + decided->copies : 0;
	while (copies-- > 0)
		go(owner, ctx, p.m.bytes);
	buf_free(&scratch);
	buf_free(&bytes[0]);
	buf_free(&bytes[1]);
}
