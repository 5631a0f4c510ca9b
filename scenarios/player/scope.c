/* Loading scenario scripts: what names, roles and ${...} mean in a variant.
 * SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/player/loader.h"

#include <stdlib.h>

/* ---- names ---- */

struct actor_decl *scope_actor(const struct loader *l, struct str name)
{
	for (size_t i = 0; i < l->n_roles; i++)
		if (str_eq(name, str_of(l->roles[i].name)))
			name = str_of(l->roles[i].is);
	for (size_t i = 0; i < l->n_actors; i++)
		if (str_eq(name, str_of(l->actors[i].name)))
			return &l->actors[i];
	return NULL;
}

static struct role *find_role(const struct loader *l, struct str name)
{
	for (size_t i = 0; i < l->n_roles; i++)
		if (str_eq(name, str_of(l->roles[i].name)))
			return &l->roles[i];
	return NULL;
}

const char *scope_name(const struct loader *l, struct str name)
{
	const struct role *role = find_role(l, name);
	if (role)
		name = str_of(role->is);
	const struct actor_decl *a = scope_actor(l, name);
	if (a)
		return a->name;
	const char *z = arena_str(l->arena, name).p;
	return rig_is_process(z) || rig_part_of(z) ? z : NULL;
}

const char *scope_process(const struct loader *l, struct str name)
{
	const struct role *role = find_role(l, name);
	if (role)
		name = str_of(role->is);
	for (size_t i = 0; name.p && i < l->n_processes; i++)
		if (str_eq(name, str_of(l->processes[i])))
			return l->processes[i];
	return NULL;
}

struct script_pos scope_member(
	struct loader *l, struct fy_node *map, const char *key, struct script_pos dflt)
{
	struct fy_node_pair *p;
	void *it = NULL;
	if (map && fy_node_is_mapping(map))
		while (key && (p = fy_node_mapping_iterate(map, &it)))
			if (str_eq(yaml_text(l->y, fy_node_pair_key(p)), str_of(key)))
				return yaml_pos(l->y, fy_node_pair_key(p), dflt);
	return dflt;
}

void scope_nodes(const struct loader *l, json_t *options)
{
	static const char *const keys[] = {"edge", "edge-address", "address-of", "to"};
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		const char *v = json_string_value(json_object_get(options, keys[i]));
		const struct role *role = v ? find_role(l, str_of(v)) : NULL;
		if (role)
			json_object_set_new(options, keys[i], json_string(role->is));
	}
}

/* ---- opening ---- */

static int open_roles(struct loader *l, struct yaml_found f, bool wins)
{
	struct fy_node_pair *p;
	void *it = NULL;

	while (f.node && (p = fy_node_mapping_iterate(f.node, &it))) {
		struct script_pos pos = yaml_pos(l->y, fy_node_pair_key(p), f.pos);
		struct str name = yaml_text(l->y, fy_node_pair_key(p));
		if (!yaml_is_scalar(fy_node_pair_value(p)))
			return yaml_refuse(l->y, pos,
				"role \"%s\" is the name of an element or "
				"actor",
				name.p);
		if (rig_is_process(name.p) || rig_part_of(name.p))
			return yaml_refuse(l->y, pos, "the name \"%s\" is taken", name.p);
		struct role *r = find_role(l, name);
		if (r && !wins)
			continue;
		if (!r)
			r = LIST_ADD(l->arena, l->roles, l->n_roles);
		*r = (struct role){name.p, yaml_text(l->y, fy_node_pair_value(p)).p};
	}
	return 0;
}

static int open_actor(
	struct loader *l, struct fy_node *key, struct fy_node *map, bool further)
{
	struct script_pos pos = yaml_pos(l->y, key, (struct script_pos){0});
	struct actor_decl a = {.name = yaml_text(l->y, key).p, .pos = pos};
	const char *wrong = NULL;
	char why[256];

	if (rig_is_process(a.name) || rig_part_of(a.name) || find_role(l, str_of(a.name)) ||
		(further && scope_actor(l, str_of(a.name))))
		return yaml_refuse(l->y, pos, "the name \"%s\" is taken", a.name);
	if (scope_actor(l, str_of(a.name)))
		return 0; /* the script's own wins */
	if (!map || !fy_node_is_mapping(map))
		return yaml_refuse(
			l->y, pos, "actor \"%s\" is a mapping: {kind: wic, ...}", a.name);
	a.settings = loader_own(l, yaml_json(l->y, map));
	const char *kind = json_string_value(json_object_get(a.settings, "kind"));
	if (!kind)
		return yaml_refuse(
			l->y, pos, "actor \"%s\" needs the key \"kind\"", a.name);
	a.kind = arena_str(l->arena, str_of(kind)).p;
	json_object_del(a.settings, "kind");
	const struct role *edge = find_role(l, STR("edge"));
	if (edge && !strcmp(a.kind, "wic") && !json_object_get(a.settings, "edge"))
		json_object_set_new(a.settings, "edge", json_string(edge->is));
	scope_nodes(l, a.settings);
	if (actor_check_settings(a.kind, a.settings, &wrong, why))
		return yaml_refuse(l->y,
			scope_member(l, map, wrong ? wrong : "kind", pos), "%s", why);
	*LIST_ADD(l->arena, l->actors, l->n_actors) = a;
	return 0;
}

static int open_actors(struct loader *l, struct yaml_found f, bool further)
{
	struct fy_node_pair *p;
	void *it = NULL;
	int err = 0;

	while (!err && f.node && (p = fy_node_mapping_iterate(f.node, &it)))
		err = open_actor(l, fy_node_pair_key(p), fy_node_pair_value(p), further);
	return err;
}

static int check_roles(struct loader *l, struct yaml_found f)
{
	for (size_t i = 0; i < l->n_roles; i++)
		if (!scope_name(l, str_of(l->roles[i].is)))
			return yaml_refuse(l->y,
				scope_member(l, f.node, l->roles[i].name,
					(struct script_pos){0}),
				"role \"%s\": \"%s\" is neither an element nor an actor",
				l->roles[i].name, l->roles[i].is);
	return 0;
}

int scope_open(struct loader *l, struct yaml_found own_roles, struct yaml_found further)
{
	struct yaml *y = l->y;
	int err = 0;

	l->roles = NULL;
	l->actors = NULL;
	l->n_roles = l->n_actors = 0;
	l->params = NULL;
	for (struct source *s = l->sources; !err && s; s = s->next) {
		l->y = &s->y;
		err = open_roles(l, s->top[TOP_ROLES], false);
	}
	l->y = y;
	if (!err)
		err = open_roles(l, own_roles, true);
	for (struct source *s = l->sources; !err && s; s = s->next) {
		l->y = &s->y;
		err = open_actors(l, s->top[TOP_ACTORS], false);
	}
	l->y = y;
	if (!err)
		err = open_actors(l, further, true);
	if (!err)
		err = check_roles(
			l, own_roles.node ? own_roles : l->sources->top[TOP_ROLES]);
	return err;
}

/* ---- ${...} ---- */

static struct str json_text(struct loader *l, const json_t *v)
{
	if (json_is_string(v))
		return (struct str){json_string_value(v), json_string_length(v)};
	char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
	struct str out = arena_str(l->arena, str_of(text));
	free(text);
	return out;
}

/* scenarios/ itself, for files that an element is to read: it runs elsewhere. */
static struct str root_of(struct loader *l)
{
	char *whole = realpath(l->root, NULL);
	struct str out = arena_str(l->arena, str_of(whole ? whole : l->root));
	free(whole);
	return out;
}

static bool look_up(struct loader *l, struct str key, struct str *out)
{
	for (struct param *p = l->params; p; p = p->next)
		if (str_eq(p->key, key)) {
			p->used = true;
			*out = p->value;
			return true;
		}
	struct str path = key, name = str_cut(&path, '.');
	const struct actor_decl *a = scope_actor(l, name);
	const char *process = a || !path.p ? NULL : scope_process(l, name);
	const json_t *v = a ? a->settings : NULL;
	if (str_eq(key, STR("root"))) {
		*out = root_of(l);
		return true;
	}
	if (!path.p)
		return false;
	if (process && str_eq(path, STR("host"))) {
		*out = arena_fmt(l->arena, "%s." RIG_DOMAIN, process);
		return true;
	}
	while (v && path.p)
		v = json_object_get(v, arena_str(l->arena, str_cut(&path, '.')).p);
	if (!v)
		return false;
	*out = json_text(l, v);
	return true;
}

/* For the actor to fill in: it knows actors by their names, not by roles. */
static void keep_unknown(struct loader *l, struct str key, struct buf *out)
{
	struct str rest = key;
	const struct actor_decl *a = scope_actor(l, str_cut(&rest, '.'));

	if (a && rest.p)
		buf_fmt(out, "${%s.%.*s}", a->name, STR_ARG(rest));
	else
		buf_fmt(out, "${%.*s}", STR_ARG(key));
}

int scope_text(struct loader *l, struct str in, struct script_pos pos, struct str *out)
{
	struct buf b = {0};
	int err = 0;

	if (str_find(in, STR("${")) < 0) {
		*out = in;
		return 0;
	}
	while (!err && in.n) {
		ptrdiff_t at = str_find(in, STR("${"));
		buf_put(&b, in.p, at < 0 ? in.n : (size_t)at);
		in = str_skip(in, at < 0 ? in.n : (size_t)at + 2);
		if (at < 0)
			break;
		ptrdiff_t end = str_chr(in, '}');
		struct str key = {in.p, end < 0 ? 0 : (size_t)end}, value;
		if (end < 0)
			err = yaml_refuse(l->y, pos, "\"${\" has no \"}\"");
		else if (look_up(l, key, &value))
			buf_add(&b, value);
		else if (l->keep_unknown)
			keep_unknown(l, key, &b);
		else
			err = yaml_refuse(l->y, pos, "nothing gives a value for ${%.*s}",
				STR_ARG(key));
		in = str_skip(in, key.n + 1);
	}
	if (!err)
		*out = arena_str(l->arena, buf_str(&b));
	buf_free(&b);
	return err;
}

static json_t *text_json(struct loader *l, json_t *in, struct script_pos pos, int *err)
{
	struct str s = {json_string_value(in), json_string_length(in)};
	*err = scope_text(l, s, pos, &s);
	return *err ? NULL : json_stringn_nocheck(s.p, s.n);
}

int scope_json(struct loader *l, json_t *in, struct script_pos pos)
{
	const char *key;
	json_t *v;
	size_t i;
	void *tmp;
	int err = 0;

	json_object_foreach_safe(in, tmp, key, v)
	{
		if (json_is_string(v))
			json_object_set_new(in, key, text_json(l, v, pos, &err));
		else
			err = scope_json(l, v, pos);
		if (err)
			return err;
	}
	json_array_foreach(in, i, v)
	{
		if (json_is_string(v))
			json_array_set_new(in, i, text_json(l, v, pos, &err));
		else
			err = scope_json(l, v, pos);
		if (err)
			return err;
	}
	return 0;
}
