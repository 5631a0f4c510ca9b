/* Loading scenario scripts: which rig a run needs, and what is set in it.
 * SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/player/loader.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- settings ---- */

static void set_path(json_t *object, struct str path, json_t *value, struct arena *a)
{
	for (;;) {
		const char *key = arena_str(a, str_cut(&path, '.')).p;
		if (!path.p) {
			json_object_set(object, key, value);
			return;
		}
		json_t *next = json_object_get(object, key);
		if (!json_is_object(next)) {
			next = json_object();
			json_object_set_new(object, key, next);
		}
		object = next;
	}
}

static int read_setting(struct loader *l, struct fy_node *key, struct fy_node *value,
	struct script_pos dflt, struct setting *out)
{
	struct str path = yaml_text(l->y, key), owner = str_cut(&path, '.');

	out->pos = yaml_pos(l->y, key, dflt);
	if (!path.p || !path.n || !owner.n)
		return yaml_refuse(l->y, out->pos,
			"\"%.*s\" is no setting: PROCESS.KEY or ACTOR.KEY",
			STR_ARG(owner));
	const struct actor_decl *a = scope_actor(l, owner);
	out->owner = a ? a->name : scope_process(l, owner);
	if (!out->owner)
		return yaml_refuse(l->y, out->pos,
			"\"%.*s\" is neither among the rig's processes nor an actor",
			STR_ARG(owner));
	out->path = arena_str(l->arena, path).p;
	out->value = loader_own(l, yaml_json(l->y, value));
	return 0;
}

static int put_setting(struct loader *l, struct variant *v, const struct setting *s)
{
	struct actor_decl *a = scope_actor(l, str_of(s->owner));
	const char *wrong = NULL;
	char why[256];

	if (!a) {
		*LIST_ADD(l->arena, v->settings, v->n_settings) = *s;
		return 0;
	}
	set_path(a->settings, str_of(s->path), s->value, l->arena);
	scope_nodes(l, a->settings);
	if (actor_check_settings(a->kind, a->settings, &wrong, why))
		return yaml_refuse(l->y, s->pos, "%s", why);
	return 0;
}

/* ---- processes and subscribers ---- */

static int load_processes(struct loader *l, struct yaml_found f, struct variant *v)
{
	struct fy_node *n;
	const char **list = NULL;
	void *it = NULL;

	while ((n = fy_node_sequence_iterate(f.node, &it))) {
		struct script_pos pos = yaml_pos(l->y, n, f.pos);
		struct str name = yaml_text(l->y, n);
		if (!name.p || !rig_is_process(name.p))
			return yaml_refuse(l->y, pos,
				"\"%.*s\" is no element (hss, scscf, scscf2, icscf, "
				"epcscf, "
				"waaf, wwsf, wwsf2)",
				STR_ARG(name));
		for (size_t i = 0; i < v->n_processes; i++)
			if (str_eq(name, str_of(list[i])))
				return yaml_refuse(
					l->y, pos, "\"%s\" stands twice", name.p);
		*LIST_ADD(l->arena, list, v->n_processes) = name.p;
	}
	v->processes = list;
	return 0;
}

static int load_subscriber_file(struct loader *l, struct fy_node *n,
	struct script_pos pos, struct variant *v, const char ***list)
{
	struct str name = yaml_text(l->y, n);
	const char *path = name.n && name.p[0] == '/'
				   ? name.p
				   : arena_fmt(l->arena, "%s/%s", l->root, name.p).p;
	if (access(path, R_OK))
		return yaml_refuse(
			l->y, yaml_pos(l->y, n, pos), "%s: %s", path, strerror(errno));
	*LIST_ADD(l->arena, *list, v->n_subscribers) = path;
	return 0;
}

static int load_subscribers(struct loader *l, struct yaml_found f, struct variant *v)
{
	const char **list = NULL;
	struct fy_node *n;
	void *it = NULL;
	int err = 0;

	if (!f.node)
		return 0;
	if (yaml_is_scalar(f.node))
		err = load_subscriber_file(l, f.node, f.pos, v, &list);
	else
		while (!err && (n = fy_node_sequence_iterate(f.node, &it)))
			err = load_subscriber_file(l, n, f.pos, v, &list);
	v->subscribers = list;
	return err;
}

static int load_set(struct loader *l, struct yaml_found f, struct variant *v)
{
	struct fy_node_pair *p;
	struct setting s;
	void *it = NULL;
	int err = 0;

	while (!err && f.node && (p = fy_node_mapping_iterate(f.node, &it))) {
		err = read_setting(
			l, fy_node_pair_key(p), fy_node_pair_value(p), f.pos, &s);
		if (!err)
			err = put_setting(l, v, &s);
	}
	return err;
}

/* The rig of the script, then what the variant and the matrix set in it. */
int load_rig(struct loader *l, const struct recipe *r, struct variant *v)
{
	static const struct yaml_key keys[] = {{"processes", YAML_LIST, YAML_REQUIRED},
		{"subscribers", YAML_TEXTS}, {"set", YAML_MAP}, {NULL}};
	struct yaml_found f[3], rig = l->sources->top[TOP_RIG];
	struct setting s;

	l->y = &l->sources->y;
	int err = yaml_keys(l->y, rig.node, rig.pos, "the rig", keys, f);
	if (!err)
		err = load_processes(l, f[0], v);
	l->processes = v->processes;
	l->n_processes = v->n_processes;
	if (!err)
		err = load_subscribers(l, f[1], v);
	if (!err)
		err = load_set(l, f[2], v);
	l->y = &r->source->y;
	if (!err)
		err = load_set(l, r->f[V_SET], v);
	for (size_t i = 0; !err && i < r->n_choices; i++) {
		l->y = &r->choices[i].source->y;
		err = read_setting(l, r->choices[i].key, r->choices[i].value,
			r->choices[i].axis.pos, &s);
		if (!err)
			err = put_setting(l, v, &s);
	}
	l->y = &r->source->y;
	return err;
}

const char *rig_key(struct loader *l, const struct variant *v)
{
	json_t *key = json_object(), *list = json_array(), *files = json_array(),
	       *set = json_object();

	for (size_t i = 0; i < v->n_processes; i++)
		json_array_append_new(list, json_string(v->processes[i]));
	for (size_t i = 0; i < v->n_subscribers; i++)
		json_array_append_new(files, json_string(v->subscribers[i]));
	for (size_t i = 0; i < v->n_settings; i++) {
		const struct setting *s = &v->settings[i];
		struct str name = arena_fmt(l->arena, "%s.%s", s->owner, s->path);
		json_object_set(set, name.p, s->value);
	}
	json_object_set_new(key, "processes", list);
	json_object_set_new(key, "subscribers", files);
	json_object_set_new(key, "set", set);
	char *text = json_dumps(key, JSON_SORT_KEYS | JSON_COMPACT);
	const char *out = arena_str(l->arena, str_of(text)).p;
	free(text);
	json_decref(key);
	return out;
}
