/* Loading scenario scripts: all runs, the combinations of the matrix among them.
 * SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/player/loader.h"

static const struct script_pos nowhere;

enum { MAX_COMBINATIONS = 1000 };

struct axes {
	struct choice axis[MAX_AXES]; /* value: the list */
	size_t n, combinations;
	bool all;
	struct fy_node *named; /* ids of variants; NULL: no list */
};

static int read_axes(struct loader *l, struct axes *axes)
{
	struct source *main = l->sources;
	struct fy_node *matrix = main->top[TOP_MATRIX].node;
	struct fy_node_pair *p;
	void *it = NULL;

	l->y = &main->y;
	axes->combinations = 1;
	while (matrix && (p = fy_node_mapping_iterate(matrix, &it))) {
		struct fy_node *key = fy_node_pair_key(p), *value = fy_node_pair_value(p);
		struct script_pos pos = yaml_pos(l->y, key, nowhere);
		if (str_eq(yaml_text(l->y, key), STR("variants"))) {
			axes->all = str_eq(yaml_text(l->y, value), STR("all"));
			axes->named = value && fy_node_is_sequence(value) ? value : NULL;
			if (!axes->all && !axes->named)
				return yaml_refuse(l->y, pos,
					"\"variants\" of the matrix takes all, or a list");
			continue;
		}
		int n = value && fy_node_is_sequence(value)
				? fy_node_sequence_item_count(value)
				: 0;
		if (n < 1)
			return yaml_refuse(l->y, pos,
				"\"%s\" of the matrix takes a list of values",
				yaml_text(l->y, key).p);
		axes->combinations *= (size_t)n;
		if (axes->n == MAX_AXES || axes->combinations > MAX_COMBINATIONS)
			return yaml_refuse(l->y, pos, "the matrix is too large");
		axes->axis[axes->n++] = (struct choice){main, {value, pos}, key, value};
	}
	return 0;
}

/* The last axis turns fastest. */
static int load_combinations(struct loader *l, const struct axes *axes,
	struct source *source, struct fy_node *variant)
{
	int err = 0;

	for (size_t k = 0; !err && axes->n && k < axes->combinations; k++) {
		struct recipe r = {
			.source = source, .variant = variant, .n_choices = axes->n};
		size_t rest = k;
		for (size_t i = axes->n; i-- > 0;) {
			size_t n =
				(size_t)fy_node_sequence_item_count(axes->axis[i].value);
			r.choices[i] = axes->axis[i];
			r.choices[i].value = fy_node_sequence_get_by_index(
				axes->axis[i].value, (int)(rest % n));
			rest /= n;
		}
		err = load_run(l, &r);
	}
	return err;
}

static int load_variant_list(
	struct loader *l, struct source *source, const struct axes *axes)
{
	struct fy_node *list = source->top[TOP_VARIANTS].node, *item;
	void *it = NULL;
	int err = 0;

	while (!err && list && (item = fy_node_sequence_iterate(list, &it))) {
		err = axes ? load_combinations(l, axes, source, item)
			   : load_run(l,
				     &(struct recipe){.source = source, .variant = item});
	}
	return err;
}

static struct fy_node *variant_named(struct source *source, struct str id)
{
	struct fy_node *list = source->top[TOP_VARIANTS].node, *item;
	void *it = NULL;

	while (list && (item = fy_node_sequence_iterate(list, &it)))
		if (fy_node_is_mapping(item) &&
			str_eq(yaml_text(&source->y,
				       fy_node_mapping_lookup_by_string(item, "id", 2)),
				id))
			return item;
	return NULL;
}

static int load_named(struct loader *l, const struct axes *axes)
{
	struct source *main = l->sources;
	struct fy_node *item, *variant;
	void *it = NULL;
	int err = 0;

	while (!err && axes->named && (item = fy_node_sequence_iterate(axes->named, &it))) {
		struct str id = yaml_text(&main->y, item);
		struct source *s = main;
		while (s && !(variant = variant_named(s, id)))
			s = s->next;
		l->y = &main->y;
		err = s ? load_combinations(l, axes, s, variant)
			: yaml_refuse(l->y, yaml_pos(l->y, item, nowhere),
				  "there is no variant \"%.*s\"", STR_ARG(id));
	}
	return err;
}

int load_variants(struct loader *l)
{
	struct source *main = l->sources;
	bool has_flow = main->top[TOP_FLOW].node != NULL;
	struct axes axes = {.n = 0};
	int err = read_axes(l, &axes);

	if (!err && has_flow)
		err = load_run(l, &(struct recipe){.source = main});
	for (struct source *s = main; !err && s; s = s->next)
		err = load_variant_list(l, s, NULL);
	if (!err && has_flow)
		err = load_combinations(l, &axes, main, NULL);
	for (struct source *s = main; !err && axes.all && s; s = s->next)
		err = load_variant_list(l, s, &axes);
	if (!err)
		err = load_named(l, &axes);
	l->y = &main->y;
	if (!err && !l->s->n_variants)
		err = yaml_refuse(
			l->y, nowhere, "there is neither a flow nor a variant with one");
	return err;
}
