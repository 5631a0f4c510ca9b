/* Loading scenario scripts: steps, expectations, actions, checks.
 * SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/player/loader.h"

#include <errno.h>

#include "common/conf/conf.h"

/* The entries of one list, ladders written out, which a few lines can make many. */
enum { MAX_LADDER_DEPTH = 8, MAX_ENTRIES = 10000 };

static const struct script_pos nowhere;

/* ---- expectations ---- */

struct group {
	int number; /* 0: in order */
	int part;   /* what keeps its order in it */
	bool never;
};

static int load_entries(struct loader *l, struct fy_node *node, struct script_pos pos,
	struct group g, struct expect **out, size_t *n);

static struct fy_node *find_ladder(
	const struct loader *l, struct str name, struct yaml **y)
{
	for (struct source *s = l->sources; s; s = s->next) {
		struct fy_node *map = s->top[TOP_LADDERS].node;
		struct fy_node *n =
			map ? fy_node_mapping_lookup_by_string(map, name.p, name.n)
			    : NULL;
		*y = &s->y;
		if (n)
			return n;
	}
	return NULL;
}

/* {use: LADDER, KEY: value, ...}: the values are read in the scope of the user. */
static int use_params(struct loader *l, struct fy_node *node, struct script_pos pos,
	struct param **out)
{
	struct fy_node_pair *p;
	void *it = NULL;

	*out = NULL;
	while ((p = fy_node_mapping_iterate(node, &it))) {
		struct fy_node *key = fy_node_pair_key(p), *value = fy_node_pair_value(p);
		struct str name = yaml_text(l->y, key);
		if (str_eq(name, STR("use")))
			continue;
		if (!yaml_is_scalar(value))
			return yaml_refuse(l->y, yaml_pos(l->y, key, pos),
				"\"%s\" of use takes a text", name.p);
		struct param *param = ARENA_NEW(l->arena, struct param);
		*param = (struct param){*out, name, yaml_text(l->y, value), false};
		int err = scope_text(
			l, param->value, yaml_pos(l->y, value, pos), &param->value);
		if (err)
			return err;
		*out = param;
	}
	return 0;
}

static int load_use(struct loader *l, struct fy_node *node, struct script_pos pos,
	struct group g, struct expect **out, size_t *n)
{
	struct fy_node *use = fy_node_mapping_lookup_by_string(node, "use", 3), *ladder;
	struct str name = yaml_is_scalar(use) ? yaml_text(l->y, use) : STR("");
	struct param *was = l->params, *params;
	struct yaml *y, *y_was = l->y;

	pos = yaml_pos(l->y, use, pos);
	ladder = find_ladder(l, name, &y);
	if (!ladder)
		return yaml_refuse(
			l->y, pos, "there is no ladder \"%.*s\"", STR_ARG(name));
	if (l->depth >= MAX_LADDER_DEPTH)
		return yaml_refuse(
			l->y, pos, "ladder \"%.*s\" uses itself", STR_ARG(name));
	int err = use_params(l, node, pos, &params);
	if (err)
		return err;
	l->depth++;
	l->params = params;
	l->y = y;
	err = load_entries(l, ladder, pos, g, out, n);
	l->depth--;
	l->params = was;
	l->y = y_was;
	for (; !err && params; params = params->next)
		if (!params->used)
			err = yaml_refuse(l->y, pos, "ladder \"%.*s\" has no ${%.*s}",
				STR_ARG(name), STR_ARG(params->key));
	return err;
}

/* Each item is a part of the group: one message, or a ladder or list in its own order. */
static int load_unordered(struct loader *l, struct fy_node *node, struct script_pos pos,
	struct group g, struct expect **out, size_t *n)
{
	struct fy_node *item;
	void *it = NULL;
	int err = 0;

	if (!g.number)
		g.number = ++l->last_group;
	while (!err && (item = fy_node_sequence_iterate(node, &it))) {
		g.part = ++l->last_part;
		err = load_entries(l, item, pos, g, out, n);
	}
	return err;
}

/* {unordered: [..]} or {optional: ..}. */
static int load_special(struct loader *l, struct fy_node *node, struct script_pos pos,
	struct group g, struct expect **out, size_t *n)
{
	static const struct yaml_key keys[] = {
		{"unordered", YAML_LIST}, {"optional", YAML_ANY}, {NULL}};
	struct yaml_found f[2];

	if (fy_node_mapping_lookup_by_string(node, "use", 3))
		return load_use(l, node, pos, g, out, n);
	int err = yaml_keys(l->y, node, pos, "an entry of expect", keys, f);
	if (err)
		return err;
	if ((f[0].node != NULL) + (f[1].node != NULL) != 1)
		return yaml_refuse(l->y, yaml_pos(l->y, node, pos),
			"an entry of expect is one message, unordered, optional or use");
	if (f[0].node)
		return load_unordered(l, f[0].node, f[0].pos, g, out, n);
	struct expect e = {.optional = true, .group = g.number, .part = g.part};
	err = load_pattern(l, f[1].node, f[1].pos, &e.pattern);
	if (!err)
		*LIST_ADD(l->arena, *out, *n) = e;
	return err;
}

static int load_entry(struct loader *l, struct fy_node *node, struct script_pos pos,
	struct group g, struct expect **out, size_t *n)
{
	struct expect e = {.group = g.number, .part = g.part};
	int err;

	if (*n >= MAX_ENTRIES)
		return yaml_refuse(l->y, yaml_pos(l->y, node, pos),
			"more than %d messages in one list", MAX_ENTRIES);
	if (!message_text(l, node).p && fy_node_is_mapping(node)) {
		if (g.never)
			return yaml_refuse(l->y, yaml_pos(l->y, node, pos),
				"an entry of never is a message");
		return load_special(l, node, pos, g, out, n);
	}
	err = load_pattern(l, node, pos, &e.pattern);
	if (err)
		return err;
	if (!g.never && !e.pattern.proto)
		return yaml_refuse(l->y, yaml_pos(l->y, node, pos),
			"a message that is expected needs its WHAT: FROM -> TO: WHAT");
	*LIST_ADD(l->arena, *out, *n) = e;
	return 0;
}

static int load_entries(struct loader *l, struct fy_node *node, struct script_pos pos,
	struct group g, struct expect **out, size_t *n)
{
	struct fy_node *item;
	void *it = NULL;
	int err = 0;

	if (!fy_node_is_sequence(node))
		return load_entry(l, node, pos, g, out, n);
	while (!err && (item = fy_node_sequence_iterate(node, &it)))
		err = load_entry(l, item, pos, g, out, n);
	return err;
}

int load_expects(struct loader *l, struct fy_node *node, struct script_pos pos,
	bool never, struct expect **out, size_t *n)
{
	return load_entries(l, node, pos, (struct group){.never = never}, out, n);
}

/* ---- actions ---- */

struct action_list {
	struct action **p;
	size_t *n;
};

static void add_action(struct loader *l, struct action_list *out, const struct action *a)
{
	struct action *p = LIST_ADD(l->arena, *out->p, *out->n);
	*p = *a;
	if (!p->options)
		p->options = loader_own(l, json_object());
}

static int need_process(
	struct loader *l, struct fy_node *node, struct script_pos pos, const char **out)
{
	struct str name = yaml_text(l->y, node);

	*out = scope_process(l, name);
	if (*out)
		return 0;
	return yaml_refuse(l->y, yaml_pos(l->y, node, pos),
		"\"%.*s\" is not among the rig's processes", STR_ARG(name));
}

static int take_advance(struct loader *l, struct fy_node *value, struct action *a,
	struct action_list *out)
{
	struct str s = yaml_text(l->y, value);
	if (!s.p || conf_ms(s, &a->ms) || a->ms < 0)
		return yaml_refuse(l->y, yaml_pos(l->y, value, a->pos),
			"\"%.*s\" is no time: 500ms, 30s, 4min, 1h", STR_ARG(s));
	a->text = arena_fmt(l->arena, "advance %.*s", STR_ARG(s)).p;
	add_action(l, out, a);
	return 0;
}

static int take_fault(struct loader *l, struct fy_node *value, struct action *a,
	struct action_list *out)
{
	struct fault_list faults = {0};
	int err = value ? load_faults(l, value, a->pos, &faults)
			: yaml_refuse(l->y, a->pos, "\"fault\" takes a rule");
	for (size_t i = 0; !err && i < faults.n; i++) {
		a->fault = faults.p[i];
		add_action(l, out, a);
	}
	return err;
}

static int take_bare(struct loader *l, struct fy_node *value, struct action *a,
	struct action_list *out)
{
	if (value && (!yaml_is_scalar(value) || yaml_text(l->y, value).n))
		return yaml_refuse(l->y, yaml_pos(l->y, value, a->pos),
			"\"%s\" takes nothing", a->text);
	add_action(l, out, a);
	return 0;
}

static int take_release(struct loader *l, struct fy_node *value, struct action *a,
	struct action_list *out)
{
	struct str s = value ? yaml_text(l->y, value) : STR_NONE;
	uint32_t count = 1;
	if (s.n && (str_u32(s, &count) || !count || count > 100))
		return yaml_refuse(l->y, yaml_pos(l->y, value, a->pos),
			"\"release\" takes nothing, or how many messages: 1 to 100");
	a->count = count;
	add_action(l, out, a);
	return 0;
}

static int take_wait(struct loader *l, struct fy_node *value, struct action *a,
	struct action_list *out)
{
	if (!str_eq(yaml_text(l->y, value), STR("quiet")))
		return yaml_refuse(
			l->y, yaml_pos(l->y, value, a->pos), "\"wait\" takes quiet");
	a->text = "wait until nothing is under way";
	add_action(l, out, a);
	return 0;
}

static int take_process(struct loader *l, struct fy_node *value, struct action *a,
	struct action_list *out)
{
	int err = need_process(l, value, a->pos, &a->process);
	if (err)
		return err;
	a->text = arena_fmt(l->arena, "%s %s", a->text, a->process).p;
	add_action(l, out, a);
	return 0;
}

static int take_admin(struct loader *l, struct fy_node *value, struct action *a,
	struct action_list *out)
{
	struct fy_node *at = NULL;
	const char *cmd;

	if (value && fy_node_is_mapping(value))
		at = fy_node_mapping_lookup_by_string(value, "at", 2);
	if (!at)
		return yaml_refuse(l->y, yaml_pos(l->y, value, a->pos),
			"\"admin\" takes a mapping: {at: hss, cmd: ..., ...}");
	int err = need_process(l, at, a->pos, &a->process);
	if (err)
		return err;
	a->options = loader_own(l, yaml_json(l->y, value));
	json_object_del(a->options, "at");
	err = scope_json(l, a->options, a->pos);
	if (err)
		return err;
	cmd = json_string_value(json_object_get(a->options, "cmd"));
	if (!cmd)
		return yaml_refuse(l->y, yaml_pos(l->y, value, a->pos),
			"\"admin\" needs the key \"cmd\"");
	a->text = arena_fmt(l->arena, "%s: %s", a->process, cmd).p;
	add_action(l, out, a);
	return 0;
}

static const struct {
	const char *name;
	enum action_kind kind;
	int (*take)(struct loader *l, struct fy_node *value, struct action *a,
		struct action_list *out);
} action_rows[] = {
	{"advance", ACTION_ADVANCE, take_advance},
	{"fault", ACTION_FAULT, take_fault},
	{"release", ACTION_RELEASE, take_release},
	{"unfault", ACTION_UNFAULT, take_bare},
	{"wait", ACTION_WAIT_QUIET, take_wait},
	{"stop", ACTION_STOP, take_process},
	{"kill", ACTION_KILL, take_process},
	{"start", ACTION_START, take_process},
	{"admin", ACTION_ADMIN, take_admin},
};

/* "alice registers": the actor's name, then its verb. */
static int take_actor(struct loader *l, struct str words, struct fy_node *options,
	struct action *a, struct action_list *out)
{
	struct str rest = words, name = str_cut(&rest, ' ');
	const struct actor_decl *actor = scope_actor(l, name);
	const char *key = NULL;
	char why[256];

	if (!actor)
		return yaml_refuse(l->y, a->pos,
			"\"%.*s\" is neither an actor or role of this script nor an "
			"action "
			"(advance, fault, release, unfault, wait, stop, kill, start, "
			"admin)",
			STR_ARG(name));
	rest = str_trim(rest);
	if (!rest.n)
		return yaml_refuse(l->y, a->pos, "what does \"%s\" do?", actor->name);
	if (options && yaml_is_scalar(options) && !yaml_text(l->y, options).n)
		options = NULL;
	if (options && !fy_node_is_mapping(options))
		return yaml_refuse(l->y, yaml_pos(l->y, options, a->pos),
			"the options of \"%.*s\" are a mapping", STR_ARG(words));
	a->kind = ACTION_ACTOR;
	a->actor = actor->name;
	a->verb = arena_str(l->arena, rest).p;
	a->text = arena_fmt(l->arena, "%s %s", a->actor, a->verb).p;
	a->options = loader_own(l, options ? yaml_json(l->y, options) : json_object());
	scope_nodes(l, a->options);
	l->keep_unknown = true;
	int err = scope_json(l, a->options, a->pos);
	l->keep_unknown = false;
	if (err)
		return err;
	if (actor_check_verb(actor->kind, a->verb, a->options, &key, why))
		return yaml_refuse(
			l->y, scope_member(l, options, key, a->pos), "%s", why);
	add_action(l, out, a);
	return 0;
}

static int load_action(struct loader *l, struct fy_node *node, struct script_pos pos,
	struct action_list *out)
{
	struct fy_node *key = node, *value = NULL;

	pos = yaml_pos(l->y, node, pos);
	if (fy_node_is_mapping(node)) {
		if (fy_node_mapping_item_count(node) != 1)
			return yaml_refuse(l->y, pos,
				"an action is one text, or one text "
				"and its options");
		struct fy_node_pair *p = fy_node_mapping_get_by_index(node, 0);
		key = fy_node_pair_key(p);
		value = fy_node_pair_value(p);
	}
	if (!yaml_is_scalar(key))
		return yaml_refuse(l->y, pos, "an action is a text or a mapping");
	struct str words = str_trim(yaml_text(l->y, key));
	for (size_t i = 0; i < sizeof action_rows / sizeof *action_rows; i++) {
		struct action a = {.kind = action_rows[i].kind,
			.text = action_rows[i].name,
			.pos = pos};
		if (str_eq(words, str_of(a.text)))
			return action_rows[i].take(l, value, &a, out);
	}
	struct action a = {.pos = pos};
	return take_actor(l, words, value, &a, out);
}

int load_actions(struct loader *l, struct fy_node *node, struct script_pos pos,
	struct action **out, size_t *n)
{
	struct action_list list = {out, n};
	struct fy_node *item;
	void *it = NULL;
	int err = 0;

	if (!fy_node_is_sequence(node))
		return load_action(l, node, pos, &list);
	while (!err && (item = fy_node_sequence_iterate(node, &it)))
		err = load_action(l, item, pos, &list);
	return err;
}

/* ---- checks ---- */

static int load_is(struct loader *l, struct yaml_found f, struct check *c)
{
	struct fy_node_pair *p;
	struct expect_fault fault;
	void *it = NULL;

	while ((p = fy_node_mapping_iterate(f.node, &it))) {
		struct fy_node *key = fy_node_pair_key(p), *value = fy_node_pair_value(p);
		struct script_pos pos = yaml_pos(l->y, key, f.pos);
		struct value *v = ARENA_NEW(l->arena, struct value);
		if (value && !yaml_is_scalar(value))
			return yaml_refuse(l->y, pos,
				"\"%s\" of is takes a value as in expect",
				yaml_text(l->y, key).p);
		struct str text = yaml_text(l->y, value);
		if (text.p && scope_text(l, text, pos, &text))
			return -EINVAL;
		if (value_parse(text.p ? text : STR(""), l->arena, l->regexes, v, &fault))
			return yaml_refuse_in(l->y, value, pos, fault.at, fault.why);
		*LIST_ADD(l->arena, c->is, c->n_is) =
			(struct check_is){yaml_text(l->y, key).p, v, pos};
	}
	return 0;
}

static int load_check(struct loader *l, struct fy_node *node, struct check *c)
{
	static const struct yaml_key keys[] = {{"at", YAML_NAME, YAML_REQUIRED},
		{"cmd", YAML_NAME, YAML_REQUIRED}, {"args", YAML_MAP},
		{"is", YAML_MAP, YAML_REQUIRED}, {NULL}};
	struct yaml_found f[4];

	*c = (struct check){.pos = yaml_pos(l->y, node, nowhere)};
	int err = yaml_keys(l->y, node, c->pos, "a check", keys, f);
	if (!err)
		err = need_process(l, f[0].node, f[0].pos, &c->at);
	if (!err && !fy_node_mapping_item_count(f[3].node))
		err = yaml_refuse(l->y, f[3].pos, "\"is\" of a check says nothing");
	if (err)
		return err;
	c->command =
		loader_own(l, f[2].node ? yaml_json(l->y, f[2].node) : json_object());
	json_object_set_new(c->command, "cmd", json_string(yaml_text(l->y, f[1].node).p));
	err = scope_json(l, c->command, c->pos);
	return err ? err : load_is(l, f[3], c);
}

int load_checks(struct loader *l, struct fy_node *list, struct check **out, size_t *n)
{
	struct fy_node *item;
	void *it = NULL;
	int err = 0;

	while (!err && (item = fy_node_sequence_iterate(list, &it))) {
		struct check c;
		err = load_check(l, item, &c);
		if (!err)
			*LIST_ADD(l->arena, *out, *n) = c;
	}
	return err;
}

/* ---- steps ---- */

static int load_step(struct loader *l, struct fy_node *node, struct step *s)
{
	static const struct yaml_key keys[] = {{"step", YAML_NAME, YAML_REQUIRED},
		{"text", YAML_TEXT}, {"do", YAML_ANY}, {"expect", YAML_LIST},
		{"never", YAML_LIST}, {"check", YAML_LIST}, {NULL}};
	struct yaml_found f[6];

	*s = (struct step){.pos = yaml_pos(l->y, node, nowhere)};
	int err = yaml_keys(l->y, node, s->pos, "a step", keys, f);
	if (err)
		return err;
	s->name = yaml_text(l->y, f[0].node).p;
	s->text = yaml_text(l->y, f[1].node).p;
	if (f[2].node)
		err = load_actions(l, f[2].node, f[2].pos, &s->actions, &s->n_actions);
	if (!err && f[3].node)
		err = load_expects(
			l, f[3].node, f[3].pos, false, &s->expects, &s->n_expects);
	if (!err && f[4].node)
		err = load_expects(
			l, f[4].node, f[4].pos, true, &s->nevers, &s->n_nevers);
	if (!err && f[5].node)
		err = load_checks(l, f[5].node, &s->checks, &s->n_checks);
	return err;
}

int load_steps(struct loader *l, struct fy_node *list, struct step **steps, size_t *n)
{
	struct fy_node *item;
	void *it = NULL;
	int err = 0;

	while (!err && (item = fy_node_sequence_iterate(list, &it))) {
		struct step s;
		err = load_step(l, item, &s);
		if (!err)
			*LIST_ADD(l->arena, *steps, *n) = s;
	}
	return err;
}
