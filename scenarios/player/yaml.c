/* A script as a YAML document.
 * SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/player/yaml.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- unquoted message lines ---- */

static size_t count_blanks(struct str s)
{
	size_t n = 0;
	while (n < s.n && s.p[n] == ' ')
		n++;
	return n;
}

static size_t count_word(struct str s, const char *more)
{
	size_t n = 0;
	while (n < s.n &&
		(isalnum((unsigned char)s.p[n]) || (s.p[n] && strchr(more, s.p[n]))))
		n++;
	return n;
}

/* FROM -> TO at the front? A '-' of a name is told from the arrow by what follows. */
static bool is_arrow(struct str s)
{
	size_t n = 0;
	for (;;) {
		n += count_word(str_skip(s, n), "_.*");
		if (n + 1 < s.n && s.p[n] == '-' && s.p[n + 1] != '>')
			n++;
		else
			break;
	}
	if (!n)
		return false;
	n += count_blanks(str_skip(s, n));
	return str_starts(str_skip(s, n), STR("->"));
}

/* Offset in a line at which an unquoted message begins, -1: none. Before it may stand
 * list dashes and one key. */
static ptrdiff_t message_at(struct str line)
{
	size_t at = count_blanks(line);
	while (at + 1 < line.n && line.p[at] == '-' && line.p[at + 1] == ' ')
		at += 1 + count_blanks(str_skip(line, at + 1));
	if (is_arrow(str_skip(line, at)))
		return (ptrdiff_t)at;
	size_t key = count_word(str_skip(line, at), "-_");
	if (!key || !str_starts(str_skip(line, at + key), STR(": ")))
		return -1;
	at += key + 1;
	at += count_blanks(str_skip(line, at));
	return is_arrow(str_skip(line, at)) ? (ptrdiff_t)at : -1;
}

/* Length of the message at the front of `s`: to the end of its line, or of the line on
 * which its braces close; a comment behind it is not of it. */
static size_t message_length(struct str s)
{
	bool quoted = false;
	int depth = 0;
	size_t n = 0;

	for (; n < s.n; n++) {
		char c = s.p[n];
		if (quoted) {
			if (c == '\\')
				n++;
			else if (c == '"')
				quoted = false;
		} else if (c == '"' && depth) {
			quoted = true;
		} else if (c == '{') {
			depth++;
		} else if (c == '}') {
			depth--;
		} else if (depth <= 0 &&
			   (c == '\n' || (c == '#' && n && s.p[n - 1] == ' '))) {
			break;
		}
	}
	if (n > s.n)
		n = s.n;
	while (n && isspace((unsigned char)s.p[n - 1]))
		n--;
	return n;
}

/* Does the line open a block text ("text: |")? */
static bool opens_block(struct str line)
{
	struct str s = str_trim(line);
	size_t n = s.n;
	while (n && (isdigit((unsigned char)s.p[n - 1]) || strchr("+-", s.p[n - 1])))
		n--;
	return n > 1 && (s.p[n - 1] == '|' || s.p[n - 1] == '>') && s.p[n - 2] == ' ';
}

static void put_quoted(struct buf *out, struct str s)
{
	buf_byte(out, '\'');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\'')
			buf_byte(out, '\'');
		buf_byte(out, s.p[i]);
	}
	buf_byte(out, '\'');
}

/* Puts quotes round each unquoted message. Only columns behind it on its line move, and
 * there is nothing. */
static void quote_messages(struct str in, struct buf *out)
{
	ptrdiff_t block = -1; /* indentation of the line that opened a block text */

	while (in.n) {
		ptrdiff_t nl = str_chr(in, '\n');
		struct str line = {in.p, nl < 0 ? in.n : (size_t)nl + 1};
		size_t indent = count_blanks(line);
		bool empty = !str_trim(line).n;
		if (block >= 0 && !empty && (ptrdiff_t)indent <= block)
			block = -1;
		ptrdiff_t at = block >= 0 ? -1 : message_at(line);
		if (at < 0) {
			if (block < 0 && opens_block(line))
				block = (ptrdiff_t)indent;
			buf_add(out, line);
			in = str_skip(in, line.n);
			continue;
		}
		buf_put(out, in.p, (size_t)at);
		in = str_skip(in, (size_t)at);
		size_t n = message_length(in);
		put_quoted(out, (struct str){in.p, n});
		in = str_skip(in, n);
		nl = str_chr(in, '\n');
		n = nl < 0 ? in.n : (size_t)nl + 1;
		buf_put(out, in.p, n);
		in = str_skip(in, n);
	}
}

/* ---- opening ---- */

int yaml_refuse(struct yaml *y, struct script_pos pos, const char *fmt, ...)
{
	va_list ap;
	size_t n = 0;

	if (y->why[0])
		return -EINVAL;
	if (pos.line)
		n = (size_t)snprintf(
			y->why, y->why_n, "%s:%d:%d: ", pos.file, pos.line, pos.col);
	else
		n = (size_t)snprintf(y->why, y->why_n, "%s: ", y->file);
	if (n < y->why_n) {
		va_start(ap, fmt);
		vsnprintf(y->why + n, y->why_n - n, fmt, ap);
		va_end(ap);
	}
	return -EINVAL;
}

static int refuse_document(struct yaml *y, struct fy_diag *diag)
{
	void *prev = NULL;
	struct fy_diag_error *e = fy_diag_errors_iterate(diag, &prev);
	if (!e)
		return yaml_refuse(y, (struct script_pos){0}, "this is no YAML document");
	struct str msg = str_trim(str_of(e->msg));
	return yaml_refuse(y, (struct script_pos){y->file, e->line, e->column}, "%.*s",
		STR_ARG(msg));
}

/* Aliases are written out, so a few lines can stand for more than memory holds: at most
 * this many nodes. The depth is bounded by the parser but for what refers to itself, which
 * it finds when it resolves. */
enum { MAX_NODES = 1 << 20, MAX_DEPTH = 512 };

static size_t count_nodes(struct fy_node *n, int depth, size_t so_far)
{
	struct fy_node_pair *p;
	struct fy_node *item;
	void *it = NULL;

	if (!n || ++so_far > MAX_NODES || depth > MAX_DEPTH)
		return so_far;
	if (fy_node_is_alias(n))
		return count_nodes(fy_node_resolve_alias(n), depth + 1, so_far);
	if (fy_node_is_sequence(n))
		while ((item = fy_node_sequence_iterate(n, &it)))
			so_far = count_nodes(item, depth + 1, so_far);
	if (fy_node_is_mapping(n))
		while ((p = fy_node_mapping_iterate(n, &it))) {
			so_far = count_nodes(fy_node_pair_key(p), depth + 1, so_far);
			so_far = count_nodes(fy_node_pair_value(p), depth + 1, so_far);
		}
	return so_far;
}

/* One document and no second; its aliases written out. */
static int open_document(struct yaml *y, struct fy_parser *p, struct fy_diag *diag)
{
	struct fy_document *second = NULL;
	bool read = !fy_parser_set_string(p, y->text.p, y->text.n);

	y->doc = read ? fy_parse_load_document(p) : NULL;
	if (y->doc)
		second = fy_parse_load_document(p);
	if (second) {
		fy_parse_document_destroy(p, second);
		return yaml_refuse(y, (struct script_pos){0},
			"there is a second document in it (---)");
	}
	void *prev = NULL;
	if (!y->doc || fy_diag_errors_iterate(diag, &prev))
		return refuse_document(y, diag);
	if (count_nodes(fy_document_root(y->doc), 0, 0) > MAX_NODES)
		return yaml_refuse(y, (struct script_pos){0},
			"with its aliases written out it has more than %d nodes",
			MAX_NODES);
	return fy_document_resolve(y->doc) ? refuse_document(y, diag) : 0;
}

int yaml_open(struct yaml *y, const char *file, struct str text, struct arena *a,
	char *why, size_t why_n)
{
	struct fy_diag_cfg dcfg;
	int err = 0;

	*y = (struct yaml){.file = arena_str(a, str_of(file)).p,
		.arena = a,
		.why = why,
		.why_n = why_n};
	why[0] = 0;
	y->source = arena_str(a, text);
	quote_messages(text, &y->text);
	if (!str_trim(buf_str(&y->text)).n)
		return yaml_refuse(y, (struct script_pos){0}, "the file is empty");
	fy_diag_cfg_default(&dcfg);
	dcfg.fp = NULL;
	struct fy_diag *diag = fy_diag_create(&dcfg);
	fy_diag_set_collect_errors(diag, true);
	struct fy_parse_cfg cfg = {
		.flags = FYPCF_COLLECT_DIAG | FYPCF_QUIET, .diag = diag};
	struct fy_parser *parser = fy_parser_create(&cfg);
	err = open_document(y, parser, diag);
	fy_parser_destroy(parser);
	fy_diag_destroy(diag);
	return err;
}

void yaml_close(struct yaml *y)
{
	fy_document_destroy(y->doc);
	y->doc = NULL;
	buf_free(&y->text);
}

/* ---- nodes ---- */

bool yaml_is_scalar(struct fy_node *n)
{
	return n && fy_node_is_scalar(n);
}

struct script_pos yaml_pos(
	const struct yaml *y, struct fy_node *n, struct script_pos dflt)
{
	void *it = NULL;
	while (n) {
		struct fy_token *t = fy_node_get_scalar_token(n);
		const struct fy_mark *m = t ? fy_token_start_mark(t) : NULL;
		if (m) {
			enum fy_node_style style = fy_node_get_style(n);
			int back = style == FYNS_SINGLE_QUOTED ||
				   style == FYNS_DOUBLE_QUOTED;
			return (struct script_pos){
				y->file, m->line + 1, m->column + 1 - back};
		}
		it = NULL;
		if (fy_node_is_mapping(n)) {
			struct fy_node_pair *p = fy_node_mapping_iterate(n, &it);
			n = p ? fy_node_pair_key(p) : NULL;
		} else {
			n = fy_node_is_sequence(n) ? fy_node_sequence_iterate(n, &it)
						   : NULL;
		}
	}
	return dflt;
}

/* Has the file a quote there, or is it one of ours? */
static bool is_quoted(const struct yaml *y, struct script_pos pos)
{
	struct str rest = y->source, line = STR_NONE;
	for (int i = 0; i < pos.line && rest.p; i++)
		line = str_cut(&rest, '\n');
	size_t at = (size_t)pos.col - 1;
	return at < line.n && (line.p[at] == '"' || line.p[at] == '\'');
}

int yaml_refuse_in(struct yaml *y, struct fy_node *scalar, struct script_pos dflt,
	size_t at, const char *why)
{
	struct script_pos pos = yaml_pos(y, scalar, dflt);
	enum fy_node_style style = fy_node_get_style(scalar);
	size_t n;
	const char *text = fy_node_get_scalar(scalar, &n);

	/* Behind a line break the value and the file count differently. */
	if (style <= FYNS_DOUBLE_QUOTED &&
		(!text || !memchr(text, '\n', n < at ? n : at)))
		pos.col += (int)at + is_quoted(y, pos);
	return yaml_refuse(y, pos, "%s", why);
}

struct str yaml_text(struct yaml *y, struct fy_node *n)
{
	size_t len = 0;
	const char *p = n ? fy_node_get_scalar(n, &len) : NULL;
	return p ? arena_str(y->arena, (struct str){p, len}) : STR_NONE;
}

/* ---- mappings with known keys ---- */

static const char *shape_words(enum yaml_shape s)
{
	switch (s) {
	case YAML_TEXT:
	case YAML_NAME:
		return "a text";
	case YAML_MAP:
		return "a mapping";
	case YAML_LIST:
		return "a list";
	case YAML_TEXTS:
		return "a text or a list of texts";
	case YAML_ANY:
		break;
	}
	return "a value";
}

static const char *node_words(struct fy_node *n)
{
	if (fy_node_is_mapping(n))
		return "a mapping";
	return fy_node_is_sequence(n) ? "a list" : "a text";
}

static bool texts_only(struct fy_node *list)
{
	void *it = NULL;
	struct fy_node *n;
	while ((n = fy_node_sequence_iterate(list, &it)))
		if (!fy_node_is_scalar(n))
			return false;
	return true;
}

static bool has_shape(struct fy_node *n, enum yaml_shape s)
{
	size_t len = 0;
	switch (s) {
	case YAML_TEXT:
		return yaml_is_scalar(n);
	case YAML_NAME:
		return yaml_is_scalar(n) && fy_node_get_scalar(n, &len) && len;
	case YAML_MAP:
		return fy_node_is_mapping(n);
	case YAML_LIST:
		return fy_node_is_sequence(n);
	case YAML_TEXTS:
		return yaml_is_scalar(n) || (fy_node_is_sequence(n) && texts_only(n));
	case YAML_ANY:
		break;
	}
	return true;
}

static const char *list_keys(struct yaml *y, const struct yaml_key *keys)
{
	struct buf b = {0};
	for (size_t i = 0; keys[i].name; i++)
		buf_fmt(&b, "%s%s", i ? ", " : "", keys[i].name);
	const char *text = arena_str(y->arena, buf_str(&b)).p;
	buf_free(&b);
	return text;
}

static int take_key(struct yaml *y, struct fy_node *key, struct fy_node *value,
	struct script_pos dflt, const char *what, const struct yaml_key *keys,
	struct yaml_found *found)
{
	struct script_pos pos = yaml_pos(y, key, dflt);
	struct str name = yaml_text(y, key);
	size_t i = 0;

	while (keys[i].name && !str_eq(name, str_of(keys[i].name)))
		i++;
	if (!keys[i].name)
		return yaml_refuse(y, pos, "key \"%.*s\" is not known in %s (it has: %s)",
			STR_ARG(name), what, list_keys(y, keys));
	if (!value || !has_shape(value, keys[i].shape))
		return yaml_refuse(y, yaml_pos(y, value, pos),
			"\"%s\" of %s takes %s, not %s", keys[i].name, what,
			shape_words(keys[i].shape),
			!value || (yaml_is_scalar(value) && !yaml_text(y, value).n)
				? "nothing"
				: node_words(value));
	found[i] = (struct yaml_found){value, pos};
	return 0;
}

int yaml_keys(struct yaml *y, struct fy_node *map, struct script_pos dflt,
	const char *what, const struct yaml_key *keys, struct yaml_found *found)
{
	struct script_pos pos = yaml_pos(y, map, dflt);
	struct fy_node_pair *p;
	void *it = NULL;
	int err = 0;

	for (size_t i = 0; keys[i].name; i++)
		found[i] = (struct yaml_found){0};
	if (!map || !fy_node_is_mapping(map))
		return yaml_refuse(y, pos, "%s is a mapping, not %s", what,
			map ? node_words(map) : "nothing");
	while (!err && (p = fy_node_mapping_iterate(map, &it)))
		err = take_key(y, fy_node_pair_key(p), fy_node_pair_value(p), pos, what,
			keys, found);
	for (size_t i = 0; !err && keys[i].name; i++)
		if ((keys[i].flags & YAML_REQUIRED) && !found[i].node)
			err = yaml_refuse(
				y, pos, "%s needs the key \"%s\"", what, keys[i].name);
	return err;
}

/* ---- JSON ---- */

static bool all_digits(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!isdigit((unsigned char)s.p[i]))
			return false;
	return s.n > 0;
}

/* Numbers are what is written as one in its usual way: "00000001" and "+49" are texts. */
static json_t *plain_json(struct str s)
{
	struct str digits = str_skip(s, s.n && s.p[0] == '-');
	ptrdiff_t dot = str_chr(digits, '.');

	if (str_eq(s, STR("true")) || str_eq(s, STR("false")))
		return json_boolean(s.p[0] == 't');
	if (!s.n || str_eq(s, STR("null")) || str_eq(s, STR("~")))
		return json_null();
	if (all_digits(digits) && digits.n < 19 && (digits.p[0] != '0' || digits.n == 1))
		return json_integer(strtoll(s.p, NULL, 10));
	if (dot > 0 && all_digits((struct str){digits.p, (size_t)dot}) &&
		all_digits(str_skip(digits, (size_t)dot + 1)))
		return json_real(strtod(s.p, NULL));
	return json_stringn_nocheck(s.p, s.n);
}

json_t *yaml_json(struct yaml *y, struct fy_node *n)
{
	void *it = NULL;
	struct fy_node *item;
	struct fy_node_pair *p;
	json_t *out;

	if (n && fy_node_is_sequence(n)) {
		out = json_array();
		while ((item = fy_node_sequence_iterate(n, &it)))
			json_array_append_new(out, yaml_json(y, item));
		return out;
	}
	if (n && fy_node_is_mapping(n)) {
		out = json_object();
		while ((p = fy_node_mapping_iterate(n, &it)))
			json_object_set_new(out, yaml_text(y, fy_node_pair_key(p)).p,
				yaml_json(y, fy_node_pair_value(p)));
		return out;
	}
	struct str s = yaml_text(y, n);
	if (!n || fy_node_get_style(n) == FYNS_PLAIN)
		return plain_json(s.p ? s : STR(""));
	return json_stringn_nocheck(s.p ? s.p : "", s.n);
}
