/* Configuration: rows to structs.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/conf/conf.h"

#include <errno.h>
#include <stdio.h>

#include "common/base/buf.h"
#include "common/base/log.h"

struct load {
	const char *name;
	struct arena *arena;
	char *why;
	bool beside;                   /* in a file that a value names: it names no other */
};

static int load_mapping(
	struct load *l, struct fy_node *node, const struct conf_row *rows, char *out);
static int load_value(struct load *l, struct fy_node *node, struct fy_node *at,
	const struct conf_row *row, char *out);

static int fail(struct load *l, struct fy_node *at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static int fail(struct load *l, struct fy_node *at, const char *fmt, ...)
{
	struct str where = conf_where(at, l->name, l->arena);
	va_list ap;
	int n = snprintf(l->why, 512, STR_FMT ": ", STR_ARG(where));

	va_start(ap, fmt);
	if (n < 512)
		vsnprintf(l->why + n, (size_t)(512 - n), fmt, ap);
	va_end(ap);
	return -EINVAL;
}

/* ---- words that are nearly right ---- */

enum { WORD_MAX = 40 };

/* Edit distance with neighbours swapped as one edit. */
static size_t distance(struct str a, struct str b)
{
	size_t d[3][WORD_MAX + 1];

	for (size_t j = 0; j <= b.n; j++)
		d[0][j] = j;
	for (size_t i = 1; i <= a.n; i++) {
		size_t *row = d[i % 3], *up = d[(i + 2) % 3], *up2 = d[(i + 1) % 3];
		row[0] = i;
		for (size_t j = 1; j <= b.n; j++) {
			size_t best = up[j - 1] + (a.p[i - 1] != b.p[j - 1]);
			if (up[j] + 1 < best)
				best = up[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] &&
				a.p[i - 2] == b.p[j - 1] && up2[j - 2] + 1 < best)
				best = up2[j - 2] + 1;
			row[j] = best;
		}
	}
	return d[a.n % 3][b.n];
}

struct nearest {
	const char *word;
	size_t d;
};

static void consider(struct nearest *best, struct str word, const char *other)
{
	struct str o = str_of(other);
	if (word.n > WORD_MAX || o.n > WORD_MAX)
		return;
	size_t d = distance(word, o);
	if (d <= 1 + o.n / 4 && d < o.n && (!best->word || d < best->d))
		*best = (struct nearest){other, d};
}

static struct str hint(const struct nearest *best, struct arena *a)
{
	if (!best->word)
		return STR("");
	return arena_fmt(a, " (did you mean \"%s\"?)", best->word);
}

struct str conf_near(struct str word, const char *const *words, struct arena *a)
{
	struct nearest best = {0};
	for (; *words; words++)
		consider(&best, word, *words);
	return hint(&best, a);
}

/* ---- scalars ---- */

int conf_ms(struct str text, int64_t *ms)
{
	static const struct {
		const char *unit;
		int64_t ms;
	} units[] = {{"ms", 1}, {"min", 60000}, {"h", 3600000}, {"s", 1000}, {"", 1000}};
	const uint64_t longest = 100ull * 366 * 86400 * 1000;
	uint64_t n;

	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		struct str unit = str_of(units[i].unit);
		if (!str_ends(text, unit))
			continue;
		if (str_u64((struct str){text.p, text.n - unit.n}, &n) ||
			n > longest / (uint64_t)units[i].ms)
			return -EINVAL;
		*ms = (int64_t)n * units[i].ms;
		return 0;
	}
	return -EINVAL;
}

static int read_int(struct str text, int64_t *out)
{
	bool minus = text.n && text.p[0] == '-';
	uint64_t n;

	if (str_u64(str_skip(text, minus), &n) || n > INT64_MAX)
		return -EINVAL;
	*out = minus ? -(int64_t)n : (int64_t)n;
	return 0;
}

static int read_bool(struct str text, bool *out)
{
	static const char *const words[] = {"false", "true", "off", "on", "no", "yes"};
	for (int i = 0; i < 6; i++)
		if (str_eq(text, str_of(words[i]))) {
			*out = i % 2;
			return 0;
		}
	return -EINVAL;
}

static struct str list_names(const char *const *names, struct arena *a)
{
	struct str s = STR("");
	for (size_t i = 0; names[i]; i++)
		s = arena_fmt(a, STR_FMT "%s%s", STR_ARG(s),
			i == 0	       ? ""
			: names[i + 1] ? ", "
				       : " or ",
			names[i]);
	return s;
}

/* What a row takes, for "expected ...". */
static struct str expected(const struct conf_row *row, struct arena *a)
{
	switch (row->type) {
	case CONF_T_STR:
		return STR("a text");
	case CONF_T_INT:
		if (row->min || row->max)
			return arena_fmt(a, "a number from %lld to %lld",
				(long long)row->min, (long long)row->max);
		return STR("a number");
	case CONF_T_BOOL:
		return STR("true or false");
	case CONF_T_MS:
		return STR("a duration such as 500ms, 30s, 4min or 1h");
	case CONF_T_ADDR:
		return arena_fmt(a, "an address such as 127.0.0.1:%d",
			row->min ? (int)row->min : 5060);
	case CONF_T_ENUM:
		return list_names(row->names, a);
	case CONF_T_STRUCT:
		return STR("a mapping");
	case CONF_T_LIST:
	case CONF_T_WHERE:
		break;
	}
	return STR("a list");
}

/* 0, or -EINVAL when the text isn't what the row takes. `quoted` text is no number and no
 * truth. */
static int set_scalar(struct load *l, const struct conf_row *row, struct str text,
	bool quoted, char *out)
{
	int64_t n;

	switch (row->type) {
	case CONF_T_STR:
		if (text.n && memchr(text.p, 0, text.n))
			return -EINVAL;
		*(char **)out = (char *)arena_str(l->arena, text).p;
		return 0;
	case CONF_T_INT:
		if (quoted || read_int(text, &n) ||
			((row->min || row->max) && (n < row->min || n > row->max)))
			return -EINVAL;
		*(int64_t *)out = n;
		return 0;
	case CONF_T_BOOL:
		return quoted ? -EINVAL : read_bool(text, (bool *)out);
	case CONF_T_MS:
		return conf_ms(text, (int64_t *)out);
	case CONF_T_ADDR:
		return addr_parse(text, (uint16_t)row->min, (struct addr *)out);
	case CONF_T_ENUM:
		for (int i = 0; row->names[i]; i++)
			if (str_eq(text, str_of(row->names[i]))) {
				*(int *)out = i;
				return 0;
			}
		return -EINVAL;
	default:
		return -EINVAL;
	}
}

static struct str node_text(struct fy_node *node)
{
	size_t n = 0;
	const char *p = fy_node_get_scalar(node, &n);
	return (struct str){p, p ? n : 0};
}

static bool is_plain(struct fy_node *node)
{
	return fy_node_get_style(node) == FYNS_PLAIN;
}

static bool is_nothing(struct fy_node *node)
{
	struct str s;
	if (!node || fy_node_is_null(node))
		return true;
	if (!fy_node_is_scalar(node) || !is_plain(node))
		return false;
	s = node_text(node);
	return str_eq(s, STR("~")) || str_eq(s, STR("null"));
}

/* What stands there instead. A text is shown only where the row takes no free text: those
 * may hold passwords. */
static struct str found(struct fy_node *node, const struct conf_row *row, struct arena *a)
{
	if (is_nothing(node))
		return STR("nothing");
	if (fy_node_is_alias(node))
		return STR("an alias, which is not taken here");
	if (fy_node_is_sequence(node))
		return STR("a list");
	if (fy_node_is_mapping(node))
		return STR("a mapping");
	if (row->type == CONF_T_STR)
		return STR("a text with an octet 0");
	return arena_fmt(a, "%s\"%s\"", is_plain(node) ? "" : "the text ",
		log_text(node_text(node)));
}

static int wrong(struct load *l, struct fy_node *node, struct fy_node *at,
	const struct conf_row *row)
{
	struct str want = expected(row, l->arena), is = found(node, row, l->arena);
	struct str near = STR("");

	if (row->type == CONF_T_ENUM && node && fy_node_is_scalar(node))
		near = conf_near(node_text(node), row->names, l->arena);
	if (!row->key)
		return fail(l, at, "expected " STR_FMT ", found " STR_FMT STR_FMT,
			STR_ARG(want), STR_ARG(is), STR_ARG(near));
	return fail(l, at, "key \"%s\": expected " STR_FMT ", found " STR_FMT STR_FMT,
		row->key, STR_ARG(want), STR_ARG(is), STR_ARG(near));
}

/* ---- lists, mappings ---- */

static int load_list(
	struct load *l, struct fy_node *seq, const struct conf_row *row, char *out)
{
	struct conf_list *list = (struct conf_list *)out;
	int n = fy_node_sequence_item_count(seq);
	struct conf_row item = *row;
	struct fy_node *node;
	void *at = NULL;

	item.type = row->rows ? CONF_T_STRUCT : row->item;
	list->items = n ? arena_zalloc(l->arena, (size_t)n * row->size) : NULL;
	while ((node = fy_node_sequence_iterate(seq, &at))) {
		char *to = (char *)list->items + list->n * row->size;
		item.key = arena_fmt(l->arena, "%s[%zu]", row->key, list->n).p;
		int err = load_value(l, node, node, &item, to);
		if (err)
			return err;
		list->n++;
	}
	return 0;
}

/* ---- values in files of their own ---- */

/* {file: PATH}; p NULL: something else. */
static struct str file_of(struct fy_node *node)
{
	void *at = NULL;
	if (!fy_node_is_mapping(node) || fy_node_mapping_item_count(node) != 1)
		return STR_NONE;
	struct fy_node_pair *pair = fy_node_mapping_iterate(node, &at);
	struct fy_node *key = fy_node_pair_key(pair), *value = fy_node_pair_value(pair);
	if (!key || !fy_node_is_scalar(key) || !str_eq(node_text(key), STR("file")) || !value ||
		!fy_node_is_scalar(value))
		return STR_NONE;
	return node_text(value);
}

static int load_list_of(struct load *l, const char *path, const struct conf_row *row, char *out)
{
	struct load inner = {path, l->arena, l->why, true};
	struct fy_document *doc;
	int err = conf_open(path, l->arena, &doc, l->why);

	if (err)
		return -EINVAL;
	struct fy_node *root = fy_document_root(doc);
	err = load_value(&inner, root, root, row, out);
	fy_document_destroy(doc);
	return err;
}

/* Its first line. */
static int load_text_of(struct load *l, const char *path, const struct conf_row *row, char *out)
{
	struct load inner = {path, l->arena, l->why, true};
	struct buf text = {0};
	int err = conf_read(path, CONF_TEXT_MAX, &text, l->why);
	struct str rest = buf_str(&text);

	if (!err && set_scalar(&inner, row, str_trim(str_cut(&rest, '\n')), true, out)) {
		snprintf(l->why, 512, "%s: key \"%s\": expected a text", path, row->key);
		err = -EINVAL;
	}
	buf_free(&text);
	return err ? -EINVAL : 0;
}

static int load_file(struct load *l, struct fy_node *node, const struct conf_row *row, char *out)
{
	const char *path = arena_str(l->arena, file_of(node)).p;
	if (l->beside)
		return fail(l, node, "key \"%s\": a file that a value names can't name another",
			row->key);
	return row->type == CONF_T_LIST ? load_list_of(l, path, row, out)
					: load_text_of(l, path, row, out);
}

static int load_value(struct load *l, struct fy_node *node, struct fy_node *at,
	const struct conf_row *row, char *out)
{
	if (is_nothing(node) || fy_node_is_alias(node))
		return wrong(l, node, at, row);
	if ((row->type == CONF_T_STR || row->type == CONF_T_LIST) && file_of(node).p)
		return load_file(l, node, row, out);
	switch (row->type) {
	case CONF_T_STRUCT:
		return fy_node_is_mapping(node) ? load_mapping(l, node, row->rows, out)
						: wrong(l, node, at, row);
	case CONF_T_LIST:
		return fy_node_is_sequence(node) ? load_list(l, node, row, out)
						 : wrong(l, node, at, row);
	default:
		if (fy_node_is_scalar(node) &&
			!set_scalar(l, row, node_text(node), !is_plain(node), out))
			return 0;
		return wrong(l, node, at, row);
	}
}

static int set_default(struct load *l, const struct conf_row *row, char *out)
{
	struct fy_document *doc;
	int err = 0;

	if (row->dflt && row->type != CONF_T_STRUCT && row->type != CONF_T_LIST) {
		if (set_scalar(l, row, str_of(row->dflt), false, out))
			err = -EINVAL;
	} else if (row->dflt) {
		err = conf_open_text(str_of(row->dflt), row->key, l->arena, &doc, l->why);
		if (!err) {
			struct fy_node *root = fy_document_root(doc);
			err = load_value(l, root, root, row, out);
			fy_document_destroy(doc);
		}
	} else if (row->type == CONF_T_STRUCT) {
		for (const struct conf_row *r = row->rows; r->key && !err; r++)
			err = set_default(l, r, out + r->offset);
	}
	if (err)
		snprintf(l->why, 512, "the default of \"%s\" is wrong: %s", row->key,
			row->dflt);
	return err;
}

static int unknown_key(struct load *l, struct fy_node *key, const struct conf_row *rows)
{
	struct nearest best = {0};
	struct str word, near;

	if (!fy_node_is_scalar(key) || is_nothing(key))
		return fail(l, key, "a key has to be a text");
	word = node_text(key);
	for (const struct conf_row *r = rows; r->key; r++)
		consider(&best, word, r->key);
	near = hint(&best, l->arena);
	return fail(l, key, "key \"%s\" is not known here" STR_FMT, log_text(word),
		STR_ARG(near));
}

static int load_pair(struct load *l, struct fy_node_pair *pair,
	const struct conf_row *rows, bool *seen, char *out)
{
	struct fy_node *key = fy_node_pair_key(pair), *value = fy_node_pair_value(pair);
	const struct conf_row *r = rows;
	struct str word = STR_NONE;

	if (key && fy_node_is_scalar(key) && !fy_node_is_alias(key))
		word = node_text(key);
	while (r->key && (r->type == CONF_T_WHERE || !str_eq(word, str_of(r->key))))
		r++;
	if (!r->key)
		return unknown_key(l, key, rows);
	if (seen[r - rows])
		return fail(l, key, "key \"%s\" is given twice", r->key);
	seen[r - rows] = true;
	return load_value(l, value, is_nothing(value) ? key : value, r, out + r->offset);
}

static int load_mapping(
	struct load *l, struct fy_node *node, const struct conf_row *rows, char *out)
{
	struct fy_node_pair *pair;
	void *at = NULL;
	size_t n = 0;
	int err = 0;

	while (rows[n].key)
		n++;
	bool *seen = arena_zalloc(l->arena, n + 1);
	while (!err && (pair = fy_node_mapping_iterate(node, &at)))
		err = load_pair(l, pair, rows, seen, out);
	for (size_t i = 0; !err && i < n; i++) {
		if (seen[i])
			continue;
		if (rows[i].type == CONF_T_WHERE)
			*(char **)(out + rows[i].offset) =
				(char *)conf_where(node, l->name, l->arena).p;
		if (rows[i].flags & CONF_REQUIRED)
			return fail(l, node, "key \"%s\" is missing", rows[i].key);
		err = set_default(l, &rows[i], out + rows[i].offset);
	}
	return err;
}

/* Members that rows name; padding and what rows don't name stay as they are. */
static size_t extent(const struct conf_row *rows)
{
	static const size_t width[] = {
		[CONF_T_STR] = sizeof(char *),
		[CONF_T_INT] = sizeof(int64_t),
		[CONF_T_BOOL] = sizeof(bool),
		[CONF_T_MS] = sizeof(int64_t),
		[CONF_T_ADDR] = sizeof(struct addr),
		[CONF_T_ENUM] = sizeof(int),
		[CONF_T_LIST] = sizeof(struct conf_list),
		[CONF_T_WHERE] = sizeof(char *),
	};
	size_t end = 0;
	for (; rows->key; rows++) {
		size_t n = rows->offset;
		n += rows->type == CONF_T_STRUCT ? extent(rows->rows) : width[rows->type];
		end = n > end ? n : end;
	}
	return end;
}

int conf_load_node(struct fy_document *doc, struct fy_node *node, const char *name,
	const struct conf_row *rows, void *out, struct arena *a, char why[512])
{
	struct load l = {name, a, why};
	struct conf_row whole = {.type = CONF_T_STRUCT, .rows = rows};

	memset(out, 0, extent(rows));
	return load_value(&l, node, node, &whole, out);
}

static int load_root(struct fy_document *doc, const char *name,
	const struct conf_row *rows, void *out, struct arena *a, char why[512])
{
	int err = conf_load_node(doc, fy_document_root(doc), name, rows, out, a, why);
	fy_document_destroy(doc);
	return err;
}

int conf_load_text(struct str yaml, const char *name, const struct conf_row *rows,
	void *out, struct arena *a, char why[512])
{
	struct fy_document *doc = NULL;
	int err = conf_open_text(yaml, name, a, &doc, why);
	return err ? err : load_root(doc, name, rows, out, a, why);
}

int conf_load(const char *path, const struct conf_row *rows, void *out, struct arena *a,
	char why[512])
{
	struct fy_document *doc = NULL;
	int err = conf_open(path, a, &doc, why);
	return err ? err : load_root(doc, path, rows, out, a, why);
}
