/* A synchronisation into the AV proxy's store: what the file says takes the place of all that is
 * stored for its WWSF, in one transaction, or nothing changes.
 * SPDX-License-Identifier: Apache-2.0 */
#include "hss/av_store_inside.h"

#include <errno.h>
#include <stdio.h>

static void bind_ha1(struct av_store *s, sqlite3_stmt *q, int at, struct str ha1, struct str about,
	struct arena *a)
{
	if (!ha1.p)
		return;
	char *sealed = arena_alloc(a, ha1.n + SEAL_EXTRA);
	seal_put(s->seal, ha1, about, sealed);
	sql_bind_octets(q, at, (struct str){sealed, ha1.n + SEAL_EXTRA});
}

struct work {                          /* an import under way */
	struct av_store *s;
	const struct av_import *i;
	struct av_file file;
	struct arena arena;            /* of the line at hand */
	int64_t generation, line;
	int64_t made_line, stored_ms;  /* stored_ms: of the last synchronisation; 0: none */
	uint64_t hash;                 /* of all lines */
	char *why;
};

static int at_line(struct work *w, const char *what)
{
	snprintf(w->why, 512, "%s:%lld: %s", w->i->path, (long long)w->line, what);
	return -EINVAL;
}

/* The first user, or the end: which WWSF it is about is known by now. */
static int begin_wwsf(struct work *w)
{
	if (w->generation)
		return 0;
	sqlite3_stmt *q = av_query(w->s, SQL_WWSF, str_of(w->file.wwsf), STR_NONE);
	int there = sql_row(q);
	w->generation = there == 1 ? sqlite3_column_int64(q, 0) + 1 : 1;
	w->stored_ms = there == 1 ? sqlite3_column_int64(q, 1) : 0;
	sqlite3_reset(q);
	return there < 0 ? av_broken(w->s, w->why) : 0;
}

static int check_twice(struct work *w, const struct av_user *u)
{
	sqlite3_stmt *q = av_query(w->s, SQL_USER, u->web_identity, str_of(w->file.wwsf));
	int there = sql_row(q);
	bool twice = there == 1 && sqlite3_column_int64(q, 0) == w->generation;
	sqlite3_reset(q);
	return there < 0 ? av_broken(w->s, w->why) :
		twice ? at_line(w, "the web identity stands twice") : 0;
}

static bool is_registered(const struct work *w, sqlite3_stmt *elsewhere)
{
	return w->i->registered &&
		w->i->registered(sql_view(elsewhere, 1), sql_view(elsewhere, 2), w->i->arg);
}

/* It stands for one pair of identities: at all WWSFs, and for as long as it is registered. */
static int check_mapping(struct work *w, const struct av_user *u)
{
	sqlite3_stmt *q = av_query(w->s, SQL_ELSEWHERE, u->web_identity, str_of(w->file.wwsf));
	char what[400] = "";
	int there = 0;
	sql_bind(q, 3, u->impi);
	sql_bind(q, 4, u->impu);
	while (!*what && (there = sql_row(q)) == 1)
		if (sqlite3_column_int(q, 3))
			snprintf(what, sizeof what, "the web identity is mapped to other identities "
				"at " STR_FMT, STR_ARG(sql_view(q, 0)));
		else if (is_registered(w, q))
			snprintf(what, sizeof what, "the web identity is registered as other "
				"identities: remove it, and import the file when that has ended");
	sqlite3_reset(q);
	return *what ? at_line(w, what) : there < 0 ? av_broken(w->s, w->why) : 0;
}

static int put_user(struct work *w, const struct av_user *u)
{
	struct str wwsf = str_of(w->file.wwsf);
	int err = begin_wwsf(w);
	if (!err)
		err = check_twice(w, u);
	if (!err)
		err = check_mapping(w, u);
	if (err)
		return err;
	sqlite3_stmt *q = av_query(w->s, SQL_SET_USER, u->web_identity, wwsf);
	sqlite3_bind_int64(q, 3, w->generation);
	sql_bind(q, 4, u->impi);
	sql_bind(q, 5, u->impu);
	for (int d = 0; d < AV_ALGORITHMS; d++)
		bind_ha1(w->s, q, 6 + d, u->ha1[d],
			av_seal_about(u->web_identity, wwsf, (enum digest_algorithm)d, &w->arena), &w->arena);
	return sql_done(q) ? av_broken(w->s, w->why) : 0;
}

static void note_line(struct work *w, struct str line)
{
	w->hash = w->hash * 31 + str_hash(line);
}

static int64_t fingerprint(const struct work *w)
{
	return (int64_t)seal_print(w->s->seal, w->hash);
}

static int take_line(struct work *w, struct str line)
{
	struct av_user u;
	char what[256];
	note_line(w, line);
	int kind = av_file_line(&w->file, line, &u, &w->arena, what), err = 0;
	if (w->file.made_ms && !w->made_line)
		w->made_line = w->line;
	if (kind < 0)
		err = at_line(w, what);
	else if (kind == AV_LINE_USER)
		err = put_user(w, &u);
	else if (kind == AV_LINE_END)
		err = begin_wwsf(w);
	arena_reset(&w->arena);
	return err;
}

static int on_line(struct str line, int64_t number, void *arg)
{
	struct work *w = arg;
	w->line = number;
	return take_line(w, line);
}

static int take_file(struct work *w)
{
	char what[256];
	int err = av_file_read(w->i->path, on_line, w, w->why);
	return err ? err : av_file_finish(&w->file, what) ? at_line(w, what) : 0;
}

static int check_made(struct work *w)
{
	int64_t made_ms = w->file.made_ms, age_ms = w->i->now_ms - made_ms;
	if (!made_ms)
		return 0;
	w->line = w->made_line;
	if (age_ms < 0)
		return at_line(w, "the file was made in the future; is a clock wrong?");
	if (made_ms < w->stored_ms)
		return at_line(w, "the file is older than what is stored for its WWSF; ask for a "
			"new one");
	if (w->i->max_age_ms && age_ms > w->i->max_age_ms)
		return at_line(w, "the file is older than max-age allows; ask for a new one");
	return 0;
}

static int set_wwsf(struct work *w)
{
	const struct av_file *f = &w->file;
	sqlite3_stmt *q = av_query(w->s, SQL_SET_WWSF, str_of(f->wwsf), str_of(f->realm));
	sqlite3_bind_int64(q, 3, w->generation);
	sqlite3_bind_int64(q, 4, f->made_ms ? f->made_ms : w->i->now_ms);
	int err = sql_done(q);
	q = av_query(w->s, SQL_ADD_IMPORTED, str_of(f->wwsf), STR_NONE);
	sqlite3_bind_int64(q, 2, fingerprint(w));
	return err ? err : sql_done(q);
}

static int finish(struct work *w, struct av_imported *out)
{
	const struct av_file *f = &w->file;
	struct str wwsf = str_of(f->wwsf);
	int err = check_made(w);
	if (err)
		return err;
	sqlite3_stmt *q = av_query(w->s, SQL_WITHDRAW, wwsf, STR_NONE);
	sqlite3_bind_int64(q, 2, w->generation);
	if (sql_done(q))
		return av_broken(w->s, w->why);
	q = av_query(w->s, SQL_WITHDRAWN, wwsf, STR_NONE);
	sqlite3_bind_int64(q, 2, w->generation);
	int withdrawn = av_drop_unneeded(w->s, q, wwsf, 1, w->i->registered, w->i->arg);
	if (withdrawn < 0 || set_wwsf(w))
		return av_broken(w->s, w->why);
	str_copy(wwsf, out->wwsf, sizeof out->wwsf);
	out->users = f->users;
	out->withdrawn = withdrawn;
	return 0;
}

/* ---- at start ---- */

static int on_known_line(struct str line, int64_t number, void *arg)
{
	struct work *w = arg;
	struct av_user u;
	char what[256];
	w->line = number;
	note_line(w, line);
	int kind = av_file_line(&w->file, line, &u, &w->arena, what);
	arena_reset(&w->arena);
	return kind < 0 ? at_line(w, what) : 0;
}

/* 1: the file has nothing to say, it was imported before, or a newer one was. */
static int is_known(struct work *w, struct av_imported *out)
{
	const struct av_file *f = &w->file;
	int err = av_file_read(w->i->path, on_known_line, w, w->why);
	if (err || (err = begin_wwsf(w)))
		return err;
	sqlite3_stmt *q = av_query(w->s, SQL_IMPORTED, str_of(f->wwsf), STR_NONE);
	sqlite3_bind_int64(q, 2, fingerprint(w));
	int there = sql_row(q);
	sqlite3_reset(q);
	if (there < 0)
		return av_broken(w->s, w->why);
	str_copy(str_of(f->wwsf), out->wwsf, sizeof out->wwsf);
	out->users = f->users;
	out->same = there == 1 || (f->made_ms && f->made_ms < w->stored_ms);
	return out->same;
}

/* ---- an import ---- */

int av_store_import(struct av_store *s, const struct av_import *i, struct av_imported *out,
	char why[512])
{
	struct work first = {.s = s, .i = i, .why = why}, w = first;
	*out = (struct av_imported){0};
	int known = i->changed ? is_known(&first, out) : 0;
	arena_free(&first.arena);
	if (known)
		return known < 0 ? known : 0;
	if (sql_run(s->db, "BEGIN IMMEDIATE"))
		return av_broken(s, why);
	int err = take_file(&w);
	if (!err)
		err = finish(&w, out);
	if (!err && sql_run(s->db, "COMMIT"))
		err = av_broken(s, why);
	if (err && !sqlite3_get_autocommit(s->db))
		sql_run(s->db, "ROLLBACK");
	arena_free(&w.arena);
	return err;
}
