/* Loading scenario scripts: one run as a whole, from the flow and a variant of it.
 * SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/player/loader.h"

#include <stdlib.h>

static const struct script_pos nowhere;

static const struct yaml_key variant_keys[] = {
	[V_ID] = {"id", YAML_NAME, YAML_REQUIRED},
	[V_TEXT] = {"text", YAML_TEXT},
	[V_SET] = {"set", YAML_MAP},
	[V_ACTORS] = {"actors", YAML_MAP},
	[V_ROLES] = {"roles", YAML_MAP},
	[V_FAULT] = {"fault", YAML_ANY},
	[V_BEFORE] = {"before-step", YAML_NAME},
	[V_DO] = {"do", YAML_ANY},
	[V_EXPECT] = {"expect", YAML_LIST},
	[V_CHECK] = {"check", YAML_LIST},
	[V_FROM] = {"from-step", YAML_NAME},
	[V_FLOW] = {"flow", YAML_LIST},
	[V_AFTER] = {"after", YAML_LIST},
	[V_NEVER] = {"never", YAML_LIST},
	[V_RIG] = {"rig", YAML_NAME},
	[V_REFUSED] = {"refused", YAML_MAP},
	[V_COUNT] = {NULL},
};

/* ---- flow ---- */

static int load_base_flow(struct loader *l, struct variant *v)
{
	struct source *main = l->sources;
	struct yaml *y = l->y;
	int err = 0;

	l->y = &main->y;
	if (main->top[TOP_FLOW].node)
		err = load_steps(l, main->top[TOP_FLOW].node, &v->steps, &v->n_steps);
	l->y = y;
	return err;
}

static int find_step(
	struct loader *l, const struct variant *v, struct yaml_found f, size_t *out)
{
	struct str name = yaml_text(l->y, f.node);
	for (*out = 0; *out < v->n_steps; ++*out)
		if (str_eq(name, str_of(v->steps[*out].name)))
			return 0;
	return yaml_refuse(l->y, yaml_pos(l->y, f.node, f.pos),
		"there is no step \"%.*s\" in the flow", STR_ARG(name));
}

/* The script's flow, or the variant's in place of the whole, or of step N and all behind.
 */
static int load_flow(struct loader *l, const struct yaml_found *f, struct variant *v)
{
	struct step *tail = NULL;
	size_t keep = 0, n = 0;

	if (f[V_FROM].node && !f[V_FLOW].node)
		return yaml_refuse(l->y, f[V_FROM].pos,
			"\"from-step\" needs \"flow\": the steps that stand there "
			"instead");
	if (f[V_FLOW].node && !f[V_FROM].node)
		return load_steps(l, f[V_FLOW].node, &v->steps, &v->n_steps);
	int err = load_base_flow(l, v);
	if (err || !f[V_FLOW].node)
		return err;
	err = find_step(l, v, f[V_FROM], &keep);
	if (!err)
		err = load_steps(l, f[V_FLOW].node, &tail, &n);
	struct step *steps = NULL;
	size_t n_steps = 0;
	for (size_t i = 0; i < keep; i++)
		*LIST_ADD(l->arena, steps, n_steps) = v->steps[i];
	for (size_t i = 0; i < n; i++)
		*LIST_ADD(l->arena, steps, n_steps) = tail[i];
	v->steps = steps;
	v->n_steps = n_steps;
	return err;
}

static int check_before(struct loader *l, const struct yaml_found *f)
{
	if (!f[V_BEFORE].node) {
		for (int i = V_DO; i <= V_CHECK; i++)
			if (f[i].node)
				return yaml_refuse(l->y, f[i].pos,
					"\"%s\" of a variant needs \"before-step\"",
					variant_keys[i].name);
		return 0;
	}
	if (!f[V_DO].node && !f[V_EXPECT].node)
		return yaml_refuse(l->y, f[V_BEFORE].pos,
			"\"before-step\" needs \"do\" or \"expect\"");
	if (f[V_CHECK].node && !f[V_EXPECT].node)
		return yaml_refuse(
			l->y, f[V_CHECK].pos, "\"check\" of a variant needs \"expect\"");
	return 0;
}

/* `do` before step N's own, `expect` in place of what it expects, where the flow ends. */
static int load_before(struct loader *l, const struct yaml_found *f, struct variant *v)
{
	struct action *actions = NULL;
	size_t at, n = 0;

	int err = check_before(l, f);
	if (err || !f[V_BEFORE].node)
		return err;
	err = find_step(l, v, f[V_BEFORE], &at);
	if (err)
		return err;
	struct step *s = &v->steps[at];
	if (f[V_DO].node)
		err = load_actions(l, f[V_DO].node, f[V_DO].pos, &actions, &n);
	for (size_t i = 0; i < s->n_actions; i++)
		*LIST_ADD(l->arena, actions, n) = s->actions[i];
	s->actions = actions;
	s->n_actions = n;
	if (err || !f[V_EXPECT].node)
		return err;
	s->n_expects = s->n_checks = 0;
	s->expects = NULL;
	s->checks = NULL;
	s->text = v->text ? v->text : s->text;
	v->n_steps = at + 1;
	err = load_expects(
		l, f[V_EXPECT].node, f[V_EXPECT].pos, false, &s->expects, &s->n_expects);
	if (!err && f[V_CHECK].node)
		err = load_checks(l, f[V_CHECK].node, &s->checks, &s->n_checks);
	return err;
}

static int load_after(struct loader *l, const struct yaml_found *f, struct variant *v)
{
	struct step *steps = NULL;
	size_t n = 0;

	if (!f[V_AFTER].node)
		return 0;
	for (size_t i = 0; i < v->n_steps; i++) /* n_steps may have been cut */
		*LIST_ADD(l->arena, steps, n) = v->steps[i];
	v->steps = steps;
	v->n_steps = n;
	return load_steps(l, f[V_AFTER].node, &v->steps, &v->n_steps);
}

static int load_nevers(struct loader *l, const struct recipe *r, struct variant *v)
{
	struct yaml_found never = l->sources->top[TOP_NEVER];
	int err = 0;

	l->y = &l->sources->y;
	if (never.node)
		err = load_expects(
			l, never.node, never.pos, true, &v->nevers, &v->n_nevers);
	l->y = &r->source->y;
	if (!err && r->f[V_NEVER].node)
		err = load_expects(l, r->f[V_NEVER].node, r->f[V_NEVER].pos, true,
			&v->nevers, &v->n_nevers);
	return err;
}

/* An element that must not start with these settings: there is no flow then. */
static int load_refused(struct loader *l, struct yaml_found refused, struct variant *v)
{
	static const struct yaml_key keys[] = {{"process", YAML_NAME, YAML_REQUIRED},
		{"why", YAML_NAME, YAML_REQUIRED}, {NULL}};
	struct yaml_found f[2];
	struct expect_fault fault;

	int err = yaml_keys(l->y, refused.node, refused.pos, "\"refused\"", keys, f);
	if (err)
		return err;
	v->refused_process = scope_process(l, yaml_text(l->y, f[0].node));
	if (!v->refused_process)
		return yaml_refuse(l->y, yaml_pos(l->y, f[0].node, f[0].pos),
			"\"%s\" is not among the rig's processes",
			yaml_text(l->y, f[0].node).p);
	v->refused_why = ARENA_NEW(l->arena, struct value);
	if (value_parse(yaml_text(l->y, f[1].node), l->arena, l->regexes, v->refused_why,
		    &fault))
		return yaml_refuse_in(l->y, f[1].node, f[1].pos, fault.at, fault.why);
	v->own_rig = true;
	return 0;
}

static int load_steps_of(struct loader *l, const struct recipe *r, struct variant *v)
{
	const struct yaml_found *f = r->f;
	struct fault_list faults = {0};
	int err = 0;

	if (f[V_RIG].node && !str_eq(yaml_text(l->y, f[V_RIG].node), STR("own")))
		return yaml_refuse(l->y, yaml_pos(l->y, f[V_RIG].node, f[V_RIG].pos),
			"\"rig\" of a variant takes own");
	v->own_rig = f[V_RIG].node != NULL;
	if (f[V_REFUSED].node)
		return load_refused(l, f[V_REFUSED], v);
	if (f[V_FAULT].node)
		err = load_faults(l, f[V_FAULT].node, f[V_FAULT].pos, &faults);
	v->faults = faults.p;
	v->n_faults = faults.n;
	if (!err)
		err = load_flow(l, f, v);
	if (!err)
		err = load_before(l, f, v);
	if (!err)
		err = load_after(l, f, v);
	return err ? err : load_nevers(l, r, v);
}

/* ---- what every whole run must be ---- */

static const struct field_test *capture_test(
	const struct expect *e, size_t n, const char *name, bool negate)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < e[i].pattern.n_fields; k++) {
			const struct field_test *f = &e[i].pattern.fields[k];
			if (f->value.kind == VALUE_CAPTURE && f->value.negate == negate &&
				(!name || !strcmp(f->value.name, name)))
				return f;
		}
	return NULL;
}

/* `not $name` says something only where another line takes $name. */
static int check_captures(struct loader *l, const struct variant *v)
{
	for (size_t i = 0; i < v->n_steps; i++)
		for (size_t k = 0; k < v->steps[i].n_expects; k++) {
			const struct expect *e = &v->steps[i].expects[k];
			const struct field_test *f = capture_test(e, 1, NULL, true);
			bool taken = !f;
			for (size_t j = 0; !taken && j < v->n_steps; j++)
				taken = capture_test(v->steps[j].expects,
						v->steps[j].n_expects, f->value.name,
						false) != NULL;
			if (!taken)
				return yaml_refuse(l->y, e->pattern.pos,
					"nothing takes $%s, so \"not $%s\" would always "
					"hold",
					f->value.name, f->value.name);
		}
	return 0;
}

static bool ends_processes(const struct variant *v)
{
	for (size_t i = 0; i < v->n_steps; i++)
		for (size_t k = 0; k < v->steps[i].n_actions; k++) {
			enum action_kind kind = v->steps[i].actions[k].kind;
			if (kind == ACTION_STOP || kind == ACTION_KILL ||
				kind == ACTION_START)
				return true;
		}
	return false;
}

static bool says_something(const struct variant *v)
{
	size_t n = v->n_nevers + (v->refused_process != NULL);
	for (size_t i = 0; i < v->n_steps; i++) {
		n += v->steps[i].n_checks + v->steps[i].n_nevers;
		for (size_t k = 0; k < v->steps[i].n_expects; k++)
			n += !v->steps[i].expects[k].optional;
	}
	return n > 0;
}

static int check_whole(struct loader *l, const struct recipe *r, struct variant *v)
{
	if (!says_something(v))
		return yaml_refuse(l->y, yaml_pos(l->y, r->variant, nowhere),
			"variant \"%s\" expects nothing", v->id);
	v->own_rig = v->own_rig || ends_processes(v);
	v->rig_key = rig_key(l, v);
	return check_captures(l, v);
}

/* ---- one run ---- */

static int check_id(struct loader *l, struct yaml_found f, const char *id)
{
	struct script_pos pos = yaml_pos(l->y, f.node, f.pos);
	if (strpbrk(id, "/ \t*?["))
		return yaml_refuse(
			l->y, pos, "the id \"%s\" holds a blank or one of / * ? [", id);
	if (!strcmp(id, "base"))
		return yaml_refuse(l->y, pos, "\"base\" is the flow itself");
	return 0;
}

static const char *value_name(struct loader *l, struct fy_node *n)
{
	if (yaml_is_scalar(n))
		return yaml_text(l->y, n).p;
	json_t *value = yaml_json(l->y, n);
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
	const char *out = arena_str(l->arena, str_of(text)).p;
	free(text);
	json_decref(value);
	return out;
}

/* "base", "expired-token", "key=value+key=value", "expired-token+key=value". */
static int name_run(struct loader *l, const struct recipe *r, const char **out)
{
	struct buf id = {0};

	if (r->variant) {
		const char *name = yaml_text(l->y, r->f[V_ID].node).p;
		int err = check_id(l, r->f[V_ID], name);
		if (err)
			return err;
		buf_fmt(&id, "%s", name);
	} else if (!r->n_choices) {
		buf_fmt(&id, "base");
	}
	for (size_t i = 0; i < r->n_choices; i++)
		buf_fmt(&id, "%s%s=%s", id.n ? "+" : "",
			yaml_text(&r->choices[i].source->y, r->choices[i].key).p,
			value_name(l, r->choices[i].value));
	*out = arena_str(l->arena, buf_str(&id)).p;
	buf_free(&id);
	return 0;
}

int load_run(struct loader *l, struct recipe *r)
{
	struct variant v = {.script = l->s};
	int err = 0;

	l->y = &r->source->y;
	memset(r->f, 0, sizeof r->f);
	if (r->variant)
		err = yaml_keys(
			l->y, r->variant, nowhere, "a variant", variant_keys, r->f);
	if (!err)
		err = name_run(l, r, &v.id);
	if (err)
		return err;
	if (script_variant(l->s, v.id)) {
		if (r->source != l->sources)
			return 0; /* the script's own of that name wins */
		return yaml_refuse(l->y, yaml_pos(l->y, r->f[V_ID].node, nowhere),
			"there is a variant \"%s\" already", v.id);
	}
	v.text = yaml_text(l->y, r->f[V_TEXT].node).p;
	err = scope_open(l, r->f[V_ROLES], r->f[V_ACTORS]);
	if (!err)
		err = load_rig(l, r, &v);
	if (!err)
		err = load_steps_of(l, r, &v);
	if (!err)
		err = check_whole(l, r, &v);
	if (err)
		return err;
	v.actors = l->actors;
	v.n_actors = l->n_actors;
	*LIST_ADD(l->arena, l->s->variants, l->s->n_variants) = v;
	return 0;
}
