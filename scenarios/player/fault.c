/* Loading scenario scripts: rules for the fault gates (common/trace/gate.h has their
 * form). SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/player/loader.h"

static const struct yaml_key fault_keys[] = {{"message", YAML_ANY, YAML_REQUIRED},
	{"do", YAML_NAME, YAML_REQUIRED}, {"at", YAML_NAME}, {"times", YAML_TEXT},
	{"skip", YAML_TEXT}, {"ms", YAML_TEXT}, {"copies", YAML_TEXT},
	{"find", YAML_TEXT}, {"with", YAML_TEXT}, {"all", YAML_TEXT}, {"text", YAML_TEXT},
	{"hex", YAML_TEXT}, {"set", YAML_MAP}, {NULL}};
enum {
	F_MESSAGE,
	F_DO,
	F_AT,
	F_TIMES,
	F_SKIP,
	F_MS,
	F_COPIES,
	F_FIND,
	F_WITH,
	F_ALL,
	F_TEXT,
	F_HEX,
	F_SET,
	F_COUNT
};

static int fault_fields(
	struct loader *l, const struct pattern *p, struct script_pos pos, json_t *match)
{
	json_t *fields = json_object();

	json_object_set_new(match, "fields", fields);
	for (size_t i = 0; i < p->n_fields; i++) {
		const struct value *v = &p->fields[i].value;
		json_t *j = NULL;
		if (v->kind == VALUE_EQUAL && v->negate && !v->equal.n)
			j = json_string("/./"); /* there, and not empty */
		else if (v->kind == VALUE_PRESENT || v->kind == VALUE_ABSENT)
			j = json_boolean((v->kind == VALUE_PRESENT) != v->negate);
		else if (v->kind == VALUE_EQUAL && !v->negate)
			j = json_stringn_nocheck(v->equal.p, v->equal.n);
		else if (v->kind == VALUE_REGEX && !v->negate)
			j = json_string(v->text);
		if (!j)
			return yaml_refuse(l->y, pos,
				"field %s: the gate knows text, /regex/, present and "
				"absent",
				p->fields[i].name);
		json_object_set_new(fields, p->fields[i].name, j);
	}
	return 0;
}

static void fault_what(struct loader *l, const struct pattern *p, json_t *match)
{
	static const char *const names[] = {NULL, "SIP", "Cx", "HTTP", "WS"};
	struct buf b = {0};

	if (!p->proto)
		return;
	if (p->what_regex)
		buf_fmt(&b, "/^%s (%s)/", names[p->proto], p->what);
	else if (p->status_class)
		buf_fmt(&b, "/^%s %d[0-9][0-9]$/", names[p->proto], p->status);
	else if (p->status)
		buf_fmt(&b, "%s %d", names[p->proto], p->status);
	else
		buf_fmt(&b, "%s%s%s%s%s", names[p->proto], p->what ? " " : "",
			p->what ? p->what : "", p->path ? " " : "",
			p->path ? p->path : "");
	json_object_set_new(match, "what", json_stringn_nocheck(b.p, b.n));
	buf_free(&b);
}

static int fault_do(struct loader *l, const struct yaml_found *f, struct script_pos pos)
{
	static const struct {
		const char *name;
		int needs, or_needs; /* keys, -1: none */
	} rows[] = {{"drop", -1, -1}, {"hold", -1, -1}, {"delay", F_MS, -1},
		{"duplicate", -1, -1}, {"rewrite", F_FIND, -1},
		{"replace", F_TEXT, F_HEX}, {"set", F_SET, -1}};
	struct str what = yaml_text(l->y, f[F_DO].node);

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (!str_eq(what, str_of(rows[i].name)))
			continue;
		if (rows[i].needs < 0 || f[rows[i].needs].node ||
			(rows[i].or_needs >= 0 && f[rows[i].or_needs].node))
			return 0;
		return yaml_refuse(l->y, pos,
			"a fault that does \"%s\" needs the key \"%s\"%s%s", rows[i].name,
			fault_keys[rows[i].needs].name,
			rows[i].or_needs < 0 ? "" : " or ",
			rows[i].or_needs < 0 ? "" : fault_keys[rows[i].or_needs].name);
	}
	return yaml_refuse(l->y, yaml_pos(l->y, f[F_DO].node, pos),
		"\"%.*s\" is no fault (drop, hold, delay, duplicate, rewrite, replace, "
		"set)",
		STR_ARG(what));
}

/* Numbers of a rule, and texts, which stay texts whatever they look like. */
static int fault_options(struct loader *l, const struct yaml_found *f, json_t *rule)
{
	for (int i = F_TIMES; i <= F_COPIES; i++) {
		uint32_t n;
		if (!f[i].node)
			continue;
		if (str_u32(yaml_text(l->y, f[i].node), &n))
			return yaml_refuse(l->y, yaml_pos(l->y, f[i].node, f[i].pos),
				"\"%s\" of a fault takes a number", fault_keys[i].name);
		json_object_set_new(rule, fault_keys[i].name, json_integer(n));
	}
	for (int i = F_FIND; i <= F_HEX; i++) {
		struct str s = yaml_text(l->y, f[i].node);
		if (f[i].node && i == F_ALL)
			json_object_set_new(
				rule, "all", json_boolean(str_eq(s, STR("true"))));
		else if (f[i].node)
			json_object_set_new(rule,
				i == F_HEX ? "bytes_hex" : fault_keys[i].name,
				json_stringn_nocheck(s.p, s.n));
	}
	if (f[F_SET].node)
		json_object_set_new(rule, "set", yaml_json(l->y, f[F_SET].node));
	return 0;
}

static int load_fault(
	struct loader *l, struct fy_node *node, struct script_pos pos, struct fault *out)
{
	struct yaml_found f[F_COUNT];
	struct pattern p;
	json_t *match = json_object();

	*out = (struct fault){.rule = loader_own(l, json_object())};
	json_object_set_new(out->rule, "match", match);
	int err = yaml_keys(l->y, node, pos, "a fault", fault_keys, f);
	if (!err)
		err = fault_do(l, f, yaml_pos(l->y, node, pos));
	if (!err)
		err = load_pattern(l, f[F_MESSAGE].node, f[F_MESSAGE].pos, &p);
	if (err)
		return err;
	struct str at = f[F_AT].node ? yaml_text(l->y, f[F_AT].node) : STR("sent");
	bool sent = str_eq(at, STR("sent"));
	if (!sent && !str_eq(at, STR("received")))
		return yaml_refuse(l->y, yaml_pos(l->y, f[F_AT].node, pos),
			"\"at\" of a fault takes sent or received");
	out->node = sent ? p.from : p.to;
	if (out->node && rig_part_of(out->node))
		out->node = rig_part_of(out->node);
	out->peer = sent ? p.to : p.from;
	json_object_set_new(match, "dir", json_string(sent ? "sent" : "received"));
	fault_what(l, &p, match);
	err = fault_fields(l, &p, p.pos, match);
	json_object_set_new(
		out->rule, "do", json_string(yaml_text(l->y, f[F_DO].node).p));
	if (!err)
		err = fault_options(l, f, out->rule);
	return err ? err : scope_json(l, out->rule, p.pos);
}

int load_faults(struct loader *l, struct fy_node *node, struct script_pos pos,
	struct fault_list *out)
{
	struct fy_node *item;
	void *it = NULL;
	int err = 0;

	if (!fy_node_is_sequence(node)) {
		struct fault f;
		err = load_fault(l, node, pos, &f);
		if (!err)
			*LIST_ADD(l->arena, out->p, out->n) = f;
		return err;
	}
	while (!err && (item = fy_node_sequence_iterate(node, &it))) {
		struct fault f;
		err = load_fault(l, item, pos, &f);
		if (!err)
			*LIST_ADD(l->arena, out->p, out->n) = f;
	}
	return err;
}
