/* One SQLite file of an element's state (sql.h), the changes of one loop turn committed
 * together before the loop waits again. Answers that say that something happened are sent by
 * `committed`, never before.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/db/sql.h"
#include "common/net/host.h"

struct db;
struct db_conf {
	const char *path;
	const char *schema;            /* of a new file */
	int version;                   /* PRAGMA user_version of that schema */
	const char *const *sql;        /* statements, `n_sql` */
	int n_sql;
	int cache_kib;
	/* The changes since the last one are durable (0), or none of them happened (-EIO, and
	 * logged). Once for each turn in which db_change was called, before streams write what
	 * it answers. May change again: that is committed in the same turn. */
	void (*committed)(int err, void *arg);
	void *arg;
};
/* Errors as of sql_open and sql_prepare, with a sentence in `why`. */
int db_open(struct host *host, const struct db_conf *conf, struct db **out, char why[512]);
void db_close(struct db *d);           /* commits, and calls nobody; NULL: nothing */

sqlite3_stmt *db_sql(struct db *d, int which);     /* reset, ready to bind */
/* As sql_done, for a statement that changes something. */
int db_change(struct db *d, sqlite3_stmt *q);
/* A commit is awaited. */
bool db_open_changes(const struct db *d);
