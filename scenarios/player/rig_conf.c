/* An element's configuration: the template of scenarios/rig/, the rig's values in it, and
 * the settings of a script upon it.
 * SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/player/rig_conf.h"

#include <errno.h>
#include <libfyaml.h>
#include <stdio.h>
#include <stdlib.h>

static const char *var_find(const struct rig_var *vars, struct str name)
{
	for (; vars->name; vars++)
		if (str_eq(str_of(vars->name), name))
			return vars->value;
	return NULL;
}

int rig_conf_fill(
	struct str text, const struct rig_var *vars, struct buf *out, char why[256])
{
	ptrdiff_t at;

	while ((at = str_find(text, STR("${"))) >= 0) {
		bool escaped = at > 0 && text.p[at - 1] == '$';
		buf_put(out, text.p, (size_t)at - escaped);
		text = str_skip(text, (size_t)at + 2);
		if (escaped) {
			buf_add(out, STR("${"));
			continue;
		}
		ptrdiff_t end = str_chr(text, '}');
		struct str name = {text.p, end < 0 ? 0 : (size_t)end};
		const char *value = end < 0 ? NULL : var_find(vars, name);
		if (!value) {
			snprintf(why, 256, "${%.*s} is not a value that the rig has",
				(int)(name.n < 40 ? name.n : 40), name.p);
			return -EINVAL;
		}
		buf_add(out, str_of(value));
		text = str_skip(text, (size_t)end + 1);
	}
	buf_add(out, text);
	return 0;
}

int rig_file_read(const char *path, struct buf *out, char why[256])
{
	char chunk[8192];
	size_t n;
	FILE *f = fopen(path, "re");

	if (!f) {
		int err = -errno;
		snprintf(why, 256, "cannot read %.180s: %s", path, strerror(-err));
		return err;
	}
	while ((n = fread(chunk, 1, sizeof chunk, f)) > 0)
		buf_put(out, chunk, n);
	fclose(f);
	return 0;
}

static int at_setting(const struct setting *s, int err, char why[256], const char *what)
{
	if (s->pos.file && s->pos.line)
		snprintf(why, 256, "%.80s:%d:%d: %s.%s: %s", s->pos.file, s->pos.line,
			s->pos.col, s->owner, s->path, what);
	else
		snprintf(why, 256, "%s.%s: %s", s->owner, s->path, what);
	return err;
}

/* Puts `value` at the dotted path below `at` (or makes what the path lacks). */
static int put(json_t *at, struct str path, json_t *value, const char **what)
{
	char key[80];
	struct str segment = str_cut(&path, '.');
	json_t *next;
	uint32_t index;

	str_copy(segment, key, sizeof key);
	if (json_is_object(at)) {
		if (!path.p)
			return json_object_set(at, key, value);
		next = json_object_get(at, key);
		if (!next)
			json_object_set_new(at, key, next = json_object());
		return put(next, path, value, what);
	}
	if (!json_is_array(at)) {
		*what = "a part of the path is a value, not a mapping or list";
		return -EINVAL;
	}
	if (str_u32(segment, &index) || index > json_array_size(at)) {
		*what = "the list is not that long";
		return -EINVAL;
	}
	if (index == json_array_size(at))
		json_array_append_new(at, json_object());
	if (!path.p)
		return json_array_set(at, index, value);
	return put(json_array_get(at, index), path, value, what);
}

static int apply(
	json_t *root, const struct setting *s, const struct rig_var *vars, char why[256])
{
	char *text = json_dumps(s->value, JSON_ENCODE_ANY | JSON_COMPACT);
	struct buf filled = {0};
	json_t *value = NULL;
	const char *what = "the value cannot be written as YAML";
	char wrong[256];
	int err;

	if ((err = rig_conf_fill(str_of(text), vars, &filled, wrong))) {
		err = at_setting(s, err, why, wrong);
		goto out;
	}
	value = json_loadb(filled.p, filled.n, JSON_DECODE_ANY, NULL);
	if (!value || put(root, str_of(s->path), value, &what))
		err = at_setting(s, -EINVAL, why, what);
out:
	json_decref(value);
	free(text);
	buf_free(&filled);
	return err;
}

/* The template as JSON: it is read again as YAML, and can be changed without care for
 * anchors, styles and lifetimes. */
static json_t *load_yaml(const struct buf *yaml)
{
	struct fy_parse_cfg cfg = {.flags = FYPCF_QUIET | FYPCF_RESOLVE_DOCUMENT};
	struct fy_document *doc = fy_document_build_from_string(&cfg, yaml->p, yaml->n);
	char *text =
		doc ? fy_emit_document_to_string(doc, FYECF_MODE_JSON_ONELINE) : NULL;
	json_t *json = text ? json_loads(text, 0, NULL) : NULL;

	free(text);
	if (doc)
		fy_document_destroy(doc);
	return json;
}

json_t *rig_yaml_read(const char *path, char why[256])
{
	struct buf yaml = {0};
	json_t *json = NULL;

	if (!rig_file_read(path, &yaml, why) && !(json = load_yaml(&yaml)))
		snprintf(why, 256, "%.200s is not valid YAML", path);
	buf_free(&yaml);
	return json;
}

/* A JSON string at the beginning of `json`, quotes and all. */
static struct str quoted(struct str json)
{
	size_t n = 1;
	while (n < json.n && json.p[n] != '"')
		n += json.p[n] == '\\' ? 2 : 1;
	return (struct str){json.p, n + 1};
}

static bool is_switch(struct str text)
{
	static const char *const words[] = {"\"on\"", "\"off\"", "\"yes\"", "\"no\""};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (str_eq(text, str_of(words[i])))
			return true;
	return false;
}

/* JSON is YAML, but for the words that are a truth for YAML when they stand without quotes, and
 * a text for JSON, which has to quote them. */
static void put_yaml(struct buf *out, struct str json)
{
	while (json.n) {
		struct str one = *json.p == '"' ? quoted(json) : (struct str){json.p, 1};
		buf_add(out, is_switch(one) ? (struct str){one.p + 1, one.n - 2} : one);
		json = str_skip(json, one.n);
	}
	buf_add(out, STR("\n"));
}

static bool any_setting(const char *owner, const struct setting *settings, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(settings[i].owner, owner))
			return true;
	return false;
}

int rig_conf_build(const char *template, const struct rig_var *vars, const char *owner,
	const struct setting *settings, size_t n, struct buf *out, char why[256])
{
	struct buf raw = {0}, filled = {0};
	json_t *root = NULL;
	char wrong[256], *yaml = NULL;
	int err;

	if ((err = rig_file_read(template, &raw, why)))
		goto out;
	if ((err = rig_conf_fill(buf_str(&raw), vars, &filled, wrong))) {
		snprintf(why, 256, "%.120s: %.120s", template, wrong);
		goto out;
	}
	if (!any_setting(owner, settings, n)) {
		buf_add(out, buf_str(&filled));
		goto out;
	}
	root = load_yaml(&filled);
	if (!root) {
		snprintf(why, 256, "%.200s is not valid YAML", template);
		err = -EINVAL;
	}
	for (size_t i = 0; i < n && !err; i++)
		if (!strcmp(settings[i].owner, owner))
			err = apply(root, &settings[i], vars, why);
	if (!err) {
		yaml = json_dumps(root, JSON_INDENT(1) | JSON_PRESERVE_ORDER);
		put_yaml(out, str_of(yaml));
	}
out:
	free(yaml);
	json_decref(root);
	buf_free(&raw);
	buf_free(&filled);
	return err;
}

/* A complaint names the key that it stopped at: the last of a path, or one on the way. */
static bool names_part(const char *complaint, struct str path)
{
	char quoted[84];
	while (path.p) {
		struct str key = str_cut(&path, '.');
		snprintf(quoted, sizeof quoted, "\"%.*s\"", (int)(key.n < 80 ? key.n : 80),
			key.p);
		if (strstr(complaint, quoted))
			return true;
	}
	return false;
}

const struct setting *rig_conf_culprit(const char *complaint, const char *owner,
	const struct setting *settings, size_t n)
{
	for (size_t i = n; i-- > 0;) {
		const char *dot = strrchr(settings[i].path, '.');
		if (!strcmp(settings[i].owner, owner) &&
			strstr(complaint, dot ? dot + 1 : settings[i].path))
			return &settings[i];
	}
	for (size_t i = n; i-- > 0;)
		if (!strcmp(settings[i].owner, owner) &&
			names_part(complaint, str_of(settings[i].path)))
			return &settings[i];
	return NULL;
}
