/* The scripts at hand.
 * SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/player/catalog.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Folders of scenarios/ that hold no scripts. */
static const char *const no_scripts[] = {
	"ladders", "player", "rig", "subscribers", "wic", NULL};

/* ---- places ---- */

static bool is_dir(const char *path)
{
	struct stat st;
	return !stat(path, &st) && S_ISDIR(st.st_mode);
}

char *catalog_bin(void)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
	if (n <= 0)
		return str_dup(STR("."));
	path[n] = 0;
	char *slash = strrchr(path, '/');
	return str_dup(str_span(path, slash > path ? slash : path + 1));
}

char *catalog_root(void)
{
	char *bin = catalog_bin();
	struct buf b = {0};
	char real[PATH_MAX];

	buf_fmt(&b, "%s/../../../scenarios", bin);
	const char *path =
		is_dir(buf_z(&b)) && realpath(b.p, real) ? real : SCENARIOS_DIR;
	char *out = str_dup(str_of(path));
	buf_free(&b);
	free(bin);
	return out;
}

/* ---- finding ---- */

struct found {
	char **files;
	size_t n;
};

static void add_file(struct found *f, const char *path)
{
	f->files = mem_realloc(f->files, (f->n + 1) * sizeof *f->files);
	f->files[f->n++] = str_dup(str_of(path));
}

static bool skipped(const char *name)
{
	for (int i = 0; no_scripts[i]; i++)
		if (!strcmp(name, no_scripts[i]))
			return true;
	return name[0] == '.';
}

static void find_in(struct found *f, const char *dir, int depth)
{
	struct dirent **list;
	int n = scandir(dir, &list, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		struct buf b = {0};
		const char *name = list[i]->d_name;
		buf_fmt(&b, "%s/%s", dir, name);
		if (depth < 4 && !skipped(name) && is_dir(buf_z(&b)))
			find_in(f, b.p, depth + 1);
		else if (depth && str_ends(buf_str(&b), STR(".yaml")))
			add_file(f, b.p);
		buf_free(&b);
		free(list[i]);
	}
	if (n >= 0)
		free(list);
}

static void found_free(struct found *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->files[i]);
	free(f->files);
}

/* ---- loading ---- */

static int by_id(const void *a, const void *b)
{
	const struct script *x = *(struct script *const *)a,
			    *y = *(struct script *const *)b;
	return strcmp(x->id, y->id);
}

static void add_script(struct catalog *c, struct script *s)
{
	c->scripts = mem_realloc(c->scripts, (c->n + 1) * sizeof(struct script *));
	c->scripts[c->n++] = s;
}

static int load_file(struct catalog *c, const char *file)
{
	struct script *s;
	char why[512];
	int err = script_load(file, c->root, &s, why);
	if (err)
		fprintf(stderr, "imsrig: %s\n", why);
	else
		add_script(c, s);
	return err;
}

static bool is_file(const char *name)
{
	return str_ends(str_of(name), STR(".yaml")) ||
	       str_ends(str_of(name), STR(".yml")) ||
	       (strchr(name, '/') && !access(name, F_OK));
}

static bool has_id(const struct catalog *c, const char *id)
{
	for (size_t i = 0; i < c->n; i++)
		if (!strcmp(c->scripts[i]->id, id))
			return true;
	return false;
}

static int check_ids(struct catalog *all)
{
	int err = 0;
	if (all->n)
		qsort(all->scripts, all->n, sizeof(struct script *), by_id);
	for (size_t i = 1; i < all->n; i++)
		if (!strcmp(all->scripts[i]->id, all->scripts[i - 1]->id)) {
			fprintf(stderr, "imsrig: %s: the id \"%s\" is that of %s too\n",
				all->scripts[i]->file, all->scripts[i]->id,
				all->scripts[i - 1]->file);
			err = -EINVAL;
		}
	return err;
}

static int load_all(struct catalog *all)
{
	struct found f = {0};
	int err = 0;

	find_in(&f, all->root, 0);
	for (size_t i = 0; i < f.n; i++)
		if (load_file(all, f.files[i]))
			err = -EINVAL;
	found_free(&f);
	return check_ids(all) ? -EINVAL : err;
}

/* Moves the scripts that the name asks for over; their number. */
static size_t take_named(struct catalog *c, struct catalog *all, const char *name)
{
	size_t n = 0;
	for (size_t i = 0; i < all->n; i++) {
		struct script *s = all->scripts[i];
		if (!s || fnmatch(name, s->id, 0))
			continue;
		n++;
		if (!has_id(c, s->id)) {
			add_script(c, s);
			all->scripts[i] = NULL;
		}
	}
	return n;
}

static int take_names(
	struct catalog *c, struct catalog *all, char *const *names, size_t n)
{
	int err = 0;
	for (size_t i = 0; i < n; i++) {
		if (is_file(names[i]))
			continue;
		if (!take_named(c, all, names[i]) && !has_id(c, names[i])) {
			fprintf(stderr,
				"imsrig: there is no script \"%s\" (imsrig list shows "
				"them)\n",
				names[i]);
			err = -EINVAL;
		}
	}
	return err;
}

/* One broken script is in the way of a run of all, not of one that doesn't ask for it. */
int catalog_load(struct catalog *c, char *const *names, size_t n_names)
{
	struct catalog all = {0};
	bool ids = false;
	int err = 0;

	*c = (struct catalog){.root = catalog_root()};
	if (!n_names)
		return load_all(c);
	for (size_t i = 0; i < n_names; i++) {
		if (!is_file(names[i]))
			ids = true;
		else if (load_file(c, names[i]))
			err = -EINVAL;
	}
	if (!ids || err)
		return err;
	all.root = str_dup(str_of(c->root));
	load_all(&all);
	err = take_names(c, &all, names, n_names);
	catalog_free(&all);
	return err;
}

void catalog_free(struct catalog *c)
{
	for (size_t i = 0; i < c->n; i++)
		script_free(c->scripts[i]);
	free(c->scripts);
	free(c->root);
	*c = (struct catalog){0};
}

/* ---- list ---- */

json_t *catalog_json(const struct catalog *c)
{
	json_t *out = json_array();
	for (size_t i = 0; i < c->n; i++) {
		const struct script *s = c->scripts[i];
		json_t *variants = json_array();
		for (size_t k = 0; k < s->n_variants; k++)
			json_array_append_new(variants, json_string(s->variants[k].id));
		json_array_append_new(
			out, json_pack("{s:s, s:s, s:s, s:s, s:o}", "id", s->id, "title",
				     s->title, "document", s->doc_name ? s->doc_name : "",
				     "clause", s->doc_clause ? s->doc_clause : "",
				     "variants", variants));
	}
	return out;
}

void catalog_print(const struct catalog *c)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct script *s = c->scripts[i];
		printf("%s  %s\n", s->id, s->title);
		if (s->doc_name)
			printf("    %s%s%s\n", s->doc_name, s->doc_clause ? " " : "",
				s->doc_clause ? s->doc_clause : "");
		for (size_t k = 0; k < s->n_variants; k++)
			printf("    %-32s%s%s\n", s->variants[k].id,
				s->variants[k].text ? " " : "",
				s->variants[k].text ? s->variants[k].text : "");
	}
}
