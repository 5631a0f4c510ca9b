/* Loading scenario scripts: messages.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/cx/cx.h"
#include "common/sip/field.h"
#include "scenarios/player/loader.h"

/* A message as one scalar, or as the pair into which YAML cuts an unquoted one inside
 * [...]: {"a -> b": "SIP 200"}. */
struct str message_text(struct loader *l, struct fy_node *node)
{
	if (yaml_is_scalar(node))
		return yaml_text(l->y, node);
	if (!node || !fy_node_is_mapping(node) || fy_node_mapping_item_count(node) != 1)
		return STR_NONE;
	struct fy_node_pair *p = fy_node_mapping_get_by_index(node, 0);
	struct str key = yaml_text(l->y, fy_node_pair_key(p));
	if (str_find(key, STR("->")) < 0 || !yaml_is_scalar(fy_node_pair_value(p)))
		return STR_NONE;
	struct str value = yaml_text(l->y, fy_node_pair_value(p));
	return arena_fmt(l->arena, "%.*s: %.*s", STR_ARG(key), STR_ARG(value));
}

static int resolve_end(struct loader *l, const char **name, struct script_pos pos)
{
	if (!*name)
		return 0;
	const char *is = scope_name(l, str_of(*name));
	if (!is)
		return yaml_refuse(l->y, pos,
			"\"%s\" is neither an element nor an actor or role of this "
			"script",
			*name);
	const char *element = rig_part_of(is) ? rig_part_of(is) : is;
	if (rig_is_process(element) && !scope_process(l, str_of(element)))
		return yaml_refuse(
			l->y, pos, "\"%s\" is not among the rig's processes", element);
	*name = is;
	return 0;
}

/* A name that no message can have makes "absent", "not" and `never` hold for ever. */
static int check_names(struct loader *l, const struct pattern *p, struct script_pos pos)
{
	bool sip = p->proto == PATTERN_SIP;

	if (sip && p->what && !p->what_regex && !p->status &&
		sip_method_id(str_of(p->what)) == SIP_M_OTHER)
		return yaml_refuse(l->y, pos,
			"\"%s\" is no SIP method (write /^%s$/ when it is meant)",
			p->what, p->what);
	for (size_t i = 0; i < p->n_fields; i++) {
		struct str name = str_of(p->fields[i].name);
		if (str_eq(name, STR("retransmission")))
			continue;
		if (sip && !sip_script_name(name))
			return yaml_refuse(l->y, pos,
				"\"%s\" is no field of SIP that is known here",
				name.p);
		if (p->proto == PATTERN_CX && !cx_script_name(name))
			return yaml_refuse(
				l->y, pos, "\"%s\" is no AVP of Cx", name.p);
	}
	return 0;
}

int load_pattern(struct loader *l, struct fy_node *node, struct script_pos pos,
	struct pattern *out)
{
	struct expect_fault fault;
	struct str written = message_text(l, node), text;

	pos = yaml_pos(l->y, node, pos);
	if (!written.p)
		return yaml_refuse(l->y, pos,
			"a message is a text: FROM -> TO: WHAT {FIELD: VALUE}");
	int err = scope_text(l, written, pos, &text);
	if (err)
		return err;
	if (pattern_parse(text, l->arena, l->regexes, out, &fault))
		return yaml_is_scalar(node) && text.p == written.p
			       ? yaml_refuse_in(l->y, node, pos, fault.at, fault.why)
			       : yaml_refuse(l->y, pos, "%s", fault.why);
	out->pos = pos;
	/* As written: roles may make the two one in a rig where a hop falls away. */
	if (out->from && out->to && !strcmp(out->from, out->to))
		return yaml_refuse(
			l->y, pos, "\"%s\" sends nothing to itself", out->from);
	err = resolve_end(l, &out->from, pos);
	if (!err)
		err = resolve_end(l, &out->to, pos);
	if (!err)
		err = check_names(l, out, pos);
	out->text = arena_fmt(l->arena, "%s -> %s%s", out->from ? out->from : "*",
		out->to ? out->to : "*", out->rest)
			    .p;
	return err;
}
