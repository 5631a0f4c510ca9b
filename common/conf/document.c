/* YAML documents: opened within bounds, and where their nodes stand.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/log.h"
#include "common/conf/conf.h"

int conf_refuse(char why[512], const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(why, 512, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

/* libfyaml's complaints are collected, never printed. */
static struct fy_diag *diag_new(void)
{
	struct fy_diag_cfg cfg;
	fy_diag_cfg_default(&cfg);
	cfg.fp = NULL;
	cfg.output_fn = NULL;
	struct fy_diag *d = fy_diag_create(&cfg);
	fy_diag_set_collect_errors(d, true);
	return d;
}

static const struct fy_diag_error *first_error(struct fy_diag *d)
{
	void *at = NULL;
	return fy_diag_errors_iterate(d, &at);
}

static int too_large(size_t n, size_t max, const char *name, char why[512])
{
	if (n <= max)
		return 0;
	return conf_refuse(why, "%s: it is larger than %zu KiB", name, max >> 10);
}

/* A %TAG line costs the parser a search through all before it, and nothing of ours has a
 * use for one. */
static int no_directives(struct str text, const char *name, char why[512])
{
	struct str rest = text;
	for (int line = 1; rest.p; line++) {
		struct str l = str_cut(&rest, '\n');
		if (l.n && l.p[0] == '%')
			return conf_refuse(why, "%s:%d:1: directives are not taken here", name,
				line);
	}
	return 0;
}

static int parse(struct fy_parser *p, struct fy_diag *d, struct str text,
	const char *name, struct fy_document **out, char why[512])
{
	struct fy_document *doc = NULL, *second = NULL;
	const struct fy_diag_error *e;
	int err = 0;

	if (!fy_parser_set_string(p, text.p, text.n)) {
		doc = fy_parse_load_document(p);
		second = doc ? fy_parse_load_document(p) : NULL;
	}
	e = first_error(d);
	if (e)
		err = conf_refuse(why, "%s:%d:%d: %.300s", name, e->line, e->column, e->msg);
	else if (!doc || !fy_document_root(doc))
		err = conf_refuse(why, "%s: there is nothing in it", name);
	else if (second)
		err = conf_refuse(why, "%s: there is a second document in it (---)", name);
	if (second)
		fy_parse_document_destroy(p, second);
	if (err && doc)
		fy_parse_document_destroy(p, doc);
	else
		*out = doc;
	return err;
}

int conf_open_text(struct str yaml, const char *name, struct arena *a,
	struct fy_document **out, char why[512])
{
	if (too_large(yaml.n, CONF_FILE_MAX, name, why) || no_directives(yaml, name, why))
		return -EINVAL;
	struct str text = arena_str(a, yaml);
	struct fy_diag *d = diag_new();
	/* keys given twice are found by who reads them: the parser looks through all */
	struct fy_parse_cfg cfg = {
		.flags = FYPCF_QUIET | FYPCF_ALLOW_DUPLICATE_KEYS, .diag = d};
	struct fy_parser *p = fy_parser_create(&cfg);
	int err = parse(p, d, text, name, out, why);
	fy_parser_destroy(p);
	fy_diag_destroy(d);
	return err;
}

static int read_all(
	int fd, const char *path, size_t max, struct buf *out, char why[512])
{
	struct stat st;
	ssize_t n;

	if (!fstat(fd, &st) && S_ISDIR(st.st_mode))
		return conf_refuse(why, "%s: it is a directory", path);
	do {
		buf_reserve(out, 65536);
		n = read(fd, out->p + out->n, 65536);
		if (n < 0)
			return conf_refuse(
				why, "%s: can't be read: %s", path, strerror(errno));
		out->n += (size_t)n;
	} while (n && out->n <= max);
	return too_large(out->n, max, path, why);
}

int conf_read(const char *path, size_t max, struct buf *out, char why[512])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		int err = errno;
		conf_refuse(why, "%s: can't be read: %s", path, strerror(err));
		return err == ENOENT ? -ENOENT : -EINVAL;
	}
	int err = read_all(fd, path, max, out, why);
	close(fd);
	return err;
}

int conf_open(const char *path, struct arena *a, struct fy_document **out, char why[512])
{
	struct buf text = {0};
	int err = conf_read(path, CONF_FILE_MAX, &text, why);

	if (!err)
		err = conf_open_text(buf_str(&text), path, a, out, why);
	buf_free(&text);
	return err;
}

/* ---- where a node stands ---- */

static bool by_report(struct fy_node *node, int *line, int *col)
{
	struct fy_diag *d = diag_new();
	const struct fy_diag_error *e;

	fy_diag_node_report(d, node, FYET_ERROR, "here");
	e = first_error(d);
	if (e) {
		*line = e->line;
		*col = e->column;
	}
	fy_diag_destroy(d);
	return e != NULL;
}

static void place(struct fy_node *node, int *line, int *col);

/* A value that was left out has no place of its own; its key has, or what it stands in.
 */
static void place_by_parent(struct fy_node *node, int *line, int *col)
{
	struct fy_node *parent = node ? fy_node_get_parent(node) : NULL;
	struct fy_node_pair *pair;
	void *at = NULL;

	*line = *col = 1;
	if (!parent)
		return;
	if (!fy_node_is_mapping(parent)) {
		place(parent, line, col);
		return;
	}
	while ((pair = fy_node_mapping_iterate(parent, &at)))
		if (fy_node_pair_value(pair) == node && fy_node_pair_key(pair))
			place(fy_node_pair_key(pair), line, col);
}

static bool place_of_scalar(struct fy_node *node, int *line, int *col)
{
	struct fy_token *t = fy_node_get_scalar_token(node);
	const struct fy_mark *mark = t ? fy_token_start_mark(t) : NULL;
	enum fy_node_style style = fy_node_get_style(node);
	bool quoted = style == FYNS_SINGLE_QUOTED || style == FYNS_DOUBLE_QUOTED;

	if (!mark)
		return false;
	*line = mark->line + 1;
	*col = mark->column + !quoted; /* its mark is behind the quote */
	return true;
}

static void place(struct fy_node *node, int *line, int *col)
{
	void *at = NULL;

	if (node && fy_node_is_mapping(node) && fy_node_get_style(node) != FYNS_FLOW &&
		!fy_node_mapping_is_empty(node)) {
		struct fy_node *key =
			fy_node_pair_key(fy_node_mapping_iterate(node, &at));
		if (key && fy_node_is_scalar(key) && place_of_scalar(key, line, col))
			return;
	}
	if (node && (fy_node_is_scalar(node) ? place_of_scalar(node, line, col)
					     : by_report(node, line, col)))
		return;
	place_by_parent(node, line, col);
}

struct str conf_where(struct fy_node *node, const char *name, struct arena *a)
{
	int line, col;
	place(node, &line, &col);
	return arena_fmt(a, "%s:%d:%d", name, line, col);
}
