/* SQLite as every element uses it: one file with its schema, statements prepared once, texts
 * bound and read as views. Faults are logged here.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <sqlite3.h>

#include "common/base/mem.h"

struct sql_conf {
	const char *path;              /* or ":memory:" */
	const char *schema;            /* of a new file */
	int version;                   /* PRAGMA user_version of that schema */
	int oldest;                    /* versions from here on the schema completes; 0: none */
	int cache_kib;
	bool full_sync;                /* a commit outlives a power cut; without, the file does */
	const char *anew;              /* " and ..." behind "move it away" in sentences, or NULL */
};
/* Opens it for this process alone: WAL, foreign keys. A missing file is created, mode 0600. -EINVAL
 * another version or no database, -EBUSY another process has it, -EIO; a sentence in `why`.
 * To be closed by sqlite3_close, after sql_finalize of what was prepared. */
int sql_open(const struct sql_conf *conf, sqlite3 **out, char why[512]);

/* ---- statements ---- */

/* Into `out`; 0, or -EINVAL with a sentence, and some of them are there. */
int sql_prepare(sqlite3 *db, const char *const *texts, size_t n, sqlite3_stmt **out, char why[512]);
void sql_finalize(sqlite3_stmt **all, size_t n);       /* NULL among them: nothing */

/* Begins anew, with its first parameter. */
sqlite3_stmt *sql_with(sqlite3_stmt *q, struct str first);
int sql_run(sqlite3 *db, const char *text);    /* "COMMIT" and the like: 0 or -EIO */
int sql_fault(sqlite3 *db);                    /* logs the last error: -EIO */

/* p NULL: NULL. It has to live until the statement is done. */
static inline void sql_bind(sqlite3_stmt *q, int at, struct str text)
{
	sqlite3_bind_text(q, at, text.p, (int)text.n, SQLITE_STATIC);
}

static inline void sql_bind_octets(sqlite3_stmt *q, int at, struct str octets)
{
	sqlite3_bind_blob(q, at, octets.p, (int)octets.n, SQLITE_STATIC);
}

/* Steps: 1 a row, 0 the end (reset), -EIO (reset). */
static inline int sql_row(sqlite3_stmt *q)
{
	int rc = sqlite3_step(q);
	if (rc == SQLITE_ROW)
		return 1;
	sqlite3_reset(q);
	return rc == SQLITE_DONE ? 0 : sql_fault(sqlite3_db_handle(q));
}

/* One without rows, to its end: 0 or -EIO. */
static inline int sql_done(sqlite3_stmt *q)
{
	int rc = sqlite3_step(q);
	sqlite3_reset(q);
	return rc == SQLITE_DONE ? 0 : sql_fault(sqlite3_db_handle(q));
}

/* Of the row at hand; p NULL: NULL. Views are good until the next step. */
static inline struct str sql_view(sqlite3_stmt *q, int column)
{
	const char *p = (const char *)sqlite3_column_text(q, column);
	return (struct str){p, p ? (size_t)sqlite3_column_bytes(q, column) : 0};
}

static inline struct str sql_view_octets(sqlite3_stmt *q, int column)
{
	const char *p = sqlite3_column_blob(q, column);
	return (struct str){p, p ? (size_t)sqlite3_column_bytes(q, column) : 0};
}

struct str sql_text(sqlite3_stmt *q, int column, struct arena *a);
