/* Loading scenario scripts: the file as a whole and those that it includes.
 * SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/player/loader.h"

#include <stdlib.h>

#include "common/conf/conf.h"

enum { MAX_INCLUDES = 32, MAX_FILE = 16 << 20 };

void *list_grow(struct arena *a, void *p, size_t n, size_t size)
{
	if (n & (n - 1)) /* room is always the next power of two */
		return p;
	char *more = arena_zalloc(a, (n ? 2 * n : 1) * size);
	if (n)
		memcpy(more, p, n * size);
	return more;
}

json_t *loader_own(struct loader *l, json_t *j)
{
	json_array_append_new(l->s->json, j);
	return j;
}

/* ---- sources ---- */

static const struct yaml_key top_keys[] = {
	[TOP_ID] = {"id", YAML_NAME, YAML_REQUIRED},
	[TOP_TITLE] = {"title", YAML_NAME, YAML_REQUIRED},
	[TOP_DOCUMENT] = {"document", YAML_MAP},
	[TOP_TEXT] = {"text", YAML_TEXT},
	[TOP_RIG] = {"rig", YAML_MAP, YAML_REQUIRED},
	[TOP_ACTORS] = {"actors", YAML_MAP},
	[TOP_ROLES] = {"roles", YAML_MAP},
	[TOP_LADDERS] = {"ladders", YAML_MAP},
	[TOP_INCLUDE] = {"include", YAML_TEXTS},
	[TOP_FLOW] = {"flow", YAML_LIST},
	[TOP_NEVER] = {"never", YAML_LIST},
	[TOP_VARIANTS] = {"variants", YAML_LIST},
	[TOP_MATRIX] = {"matrix", YAML_MAP},
	[TOP_COUNT] = {NULL},
};
static const struct yaml_key include_keys[] = {{"actors", YAML_MAP}, {"roles", YAML_MAP},
	{"ladders", YAML_MAP}, {"include", YAML_TEXTS}, {"variants", YAML_LIST}, {NULL}};
static const int include_tops[] = {
	TOP_ACTORS, TOP_ROLES, TOP_LADDERS, TOP_INCLUDE, TOP_VARIANTS};

static int open_source(
	struct loader *l, const char *file, struct str text, struct source **out)
{
	struct source *src = ARENA_NEW(l->arena, struct source), **tail = &l->sources;
	struct fy_node *root;
	int err = yaml_open(&src->y, file, text, l->arena, l->why, 512);

	while (*tail)
		tail = &(*tail)->next;
	*tail = src;
	l->y = &src->y;
	*out = src;
	if (err)
		return err;
	root = fy_document_root(src->y.doc);
	if (src == l->sources)
		return yaml_keys(&src->y, root, (struct script_pos){0}, "a script",
			top_keys, src->top);
	struct yaml_found f[5];
	err = yaml_keys(&src->y, root, (struct script_pos){0}, "an included file",
		include_keys, f);
	for (int i = 0; i < 5; i++)
		src->top[include_tops[i]] = f[i];
	return err;
}

static int include_all(struct loader *l, struct source *from);

static int include_file(struct loader *l, struct source *from, struct fy_node *name,
	struct script_pos pos)
{
	struct str path = yaml_text(&from->y, name);
	const char *slash = strrchr(from->y.file, '/');
	struct source *src;
	struct buf text = {0};
	char why[512];
	int n = 0;

	pos = yaml_pos(&from->y, name, pos);
	if (path.n && path.p[0] != '/' && slash)
		path = arena_fmt(l->arena, "%.*s/%s", (int)(slash - from->y.file),
			from->y.file, path.p);
	for (src = l->sources; src; src = src->next, n++)
		if (str_eq(path, str_of(src->y.file)))
			return 0; /* by two ways: once is enough */
	if (n > MAX_INCLUDES)
		return yaml_refuse(&from->y, pos, "too many files are included");
	if (conf_read(path.p, MAX_FILE, &text, why)) {
		buf_free(&text);
		return yaml_refuse(&from->y, pos, "%s", why);
	}
	int err = open_source(l, path.p, buf_str(&text), &src);
	buf_free(&text);
	return err ? err : include_all(l, src);
}

static int include_all(struct loader *l, struct source *from)
{
	struct yaml_found f = from->top[TOP_INCLUDE];
	struct fy_node *item;
	void *it = NULL;
	int err = 0;

	if (!f.node)
		return 0;
	if (yaml_is_scalar(f.node))
		return include_file(l, from, f.node, f.pos);
	while (!err && (item = fy_node_sequence_iterate(f.node, &it)))
		err = include_file(l, from, item, f.pos);
	return err;
}

/* ---- the script ---- */

static int load_document(struct loader *l, struct yaml_found document)
{
	static const struct yaml_key keys[] = {{"name", YAML_NAME, YAML_REQUIRED},
		{"clause", YAML_TEXT}, {"figure", YAML_TEXT}, {NULL}};
	struct yaml_found f[3];

	if (!document.node)
		return 0;
	int err = yaml_keys(l->y, document.node, document.pos, "the document", keys, f);
	if (err)
		return err;
	l->s->doc_name = yaml_text(l->y, f[0].node).p;
	l->s->doc_clause = yaml_text(l->y, f[1].node).p;
	l->s->doc_figure = yaml_text(l->y, f[2].node).p;
	return 0;
}

static int load_top(struct loader *l, struct source *src)
{
	struct script *s = l->s;
	struct yaml_found *f = src->top;

	s->id = yaml_text(l->y, f[TOP_ID].node).p;
	s->title = yaml_text(l->y, f[TOP_TITLE].node).p;
	s->text = yaml_text(l->y, f[TOP_TEXT].node).p;
	if (strpbrk(s->id, "/ \t*?["))
		return yaml_refuse(l->y, yaml_pos(l->y, f[TOP_ID].node, f[TOP_ID].pos),
			"the id \"%s\" holds a blank or one of / * ? [", s->id);
	int err = load_document(l, f[TOP_DOCUMENT]);
	if (!err)
		err = include_all(l, src);
	return err ? err : load_variants(l);
}

int script_load_text(const char *file, struct str text, const char *root,
	struct script **out, char why[512])
{
	struct script_own *own = MEM_NEW(struct script_own);
	struct script *s = &own->script;
	struct loader l = {.s = s,
		.arena = &s->arena,
		.regexes = &own->regexes,
		.root = root,
		.why = why};
	struct source *src;

	s->json = json_array();
	s->file = arena_str(&s->arena, str_of(file)).p;
	int err = open_source(&l, s->file, text, &src);
	if (!err)
		err = load_top(&l, src);
	for (src = l.sources; src; src = src->next)
		yaml_close(&src->y);
	if (err)
		script_free(s);
	else
		*out = s;
	return err;
}

int script_load(const char *file, const char *root, struct script **out, char why[512])
{
	struct buf text = {0};
	int err = conf_read(file, MAX_FILE, &text, why);

	if (!err)
		err = script_load_text(file, buf_str(&text), root, out, why);
	buf_free(&text);
	return err;
}

void script_free(struct script *s)
{
	if (!s)
		return;
	struct script_own *own = (struct script_own *)s;
	struct arena a = s->arena;
	regexes_free(&own->regexes);
	json_decref(s->json);
	free(own);
	arena_free(&a);
}

const struct variant *script_variant(const struct script *s, const char *id)
{
	for (size_t i = 0; i < s->n_variants; i++)
		if (!strcmp(s->variants[i].id, id))
			return &s->variants[i];
	return NULL;
}
