/* One SQLite file of an element's state.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/db/db.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/net/turn.h"

struct db {
	sqlite3 *db;
	struct db_conf conf;
	struct turn *turn;
	struct task task;              /* the commit at the end of this turn */
	bool begun;
	sqlite3_stmt *sql[];
};

static int fault(struct db *d)
{
	log_error("db", "%s: %s", d->conf.path, sqlite3_errmsg(d->db));
	return -EIO;
}

/* ---- open ---- */

static int refuse(struct db *d, char why[512])
{
	const char *path = d->conf.path;
	int rc = sqlite3_errcode(d->db);

	if (rc == SQLITE_BUSY || rc == SQLITE_LOCKED) {
		snprintf(why, 512, "%s is in use by another process", path);
		return -EBUSY;
	}
	if (rc == SQLITE_NOTADB) {
		snprintf(why, 512, "%s is not a database", path);
		return -EINVAL;
	}
	snprintf(why, 512, "%s can't be opened: %s", path, sqlite3_errmsg(d->db));
	return -EIO;
}

static int run(struct db *d, const char *text, char why[512])
{
	return sqlite3_exec(d->db, text, NULL, NULL, NULL) == SQLITE_OK ? 0 : refuse(d, why);
}

static int configure(struct db *d, char why[512])
{
	/* The exclusive lock keeps a second process out and spares reads their file locks. */
	static const char *const settings[] = {"PRAGMA locking_mode = EXCLUSIVE",
		"PRAGMA journal_mode = WAL", "PRAGMA synchronous = NORMAL",
		"PRAGMA wal_autocheckpoint = 10000", "PRAGMA temp_store = MEMORY",
		"BEGIN IMMEDIATE", "COMMIT"};
	char cache[64];
	int err = 0;

	snprintf(cache, sizeof cache, "PRAGMA cache_size = -%d", d->conf.cache_kib);
	for (size_t i = 0; !err && i < sizeof settings / sizeof *settings; i++)
		err = run(d, settings[i], why);
	return err ? err : run(d, cache, why);
}

static int64_t number(struct db *d, const char *text)
{
	sqlite3_stmt *q = NULL;
	int64_t v = -1;
	if (sqlite3_prepare_v2(d->db, text, -1, &q, NULL) == SQLITE_OK &&
		sqlite3_step(q) == SQLITE_ROW)
		v = sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	return v;
}

static int check_version(struct db *d, char why[512])
{
	int64_t version = number(d, "PRAGMA user_version");
	int64_t tables = number(d, "SELECT count(*) FROM sqlite_schema");
	char set[64];

	if (version < 0 || tables < 0)
		return refuse(d, why);
	if (version == d->conf.version)
		return 0;
	if (version || tables) {
		snprintf(why, 512, "%s has version %lld, this program needs version %d; move it "
				   "away", d->conf.path, (long long)version, d->conf.version);
		return -EINVAL;
	}
	snprintf(set, sizeof set, "PRAGMA user_version = %d", d->conf.version);
	int err = run(d, d->conf.schema, why);
	return err ? err : run(d, set, why);
}

static int prepare(struct db *d, char why[512])
{
	for (int i = 0; i < d->conf.n_sql; i++)
		if (sqlite3_prepare_v3(d->db, d->conf.sql[i], -1, SQLITE_PREPARE_PERSISTENT,
			    &d->sql[i], NULL) != SQLITE_OK) {
			snprintf(why, 512, "%s has other tables than ours: %s", d->conf.path,
				sqlite3_errmsg(d->db));
			return -EINVAL;
		}
	return 0;
}

int db_open(struct host *host, const struct db_conf *conf, struct db **out, char why[512])
{
	struct db *d = mem_zalloc(sizeof *d + (size_t)conf->n_sql * sizeof *d->sql);
	mode_t old = umask(077);
	int err;

	d->conf = *conf;
	d->turn = turn_get(host->loop);
	int rc = sqlite3_open_v2(conf->path, &d->db,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
	err = rc == SQLITE_OK ? configure(d, why) : refuse(d, why);
	umask(old);
	if (err || (err = check_version(d, why)) || (err = prepare(d, why))) {
		db_close(d);
		return err;
	}
	*out = d;
	return 0;
}

static int commit(struct db *d)
{
	int err = 0;
	if (d->begun && sqlite3_exec(d->db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK) {
		err = fault(d);
		sqlite3_exec(d->db, "ROLLBACK", NULL, NULL, NULL);
	}
	d->begun = false;
	return err;
}

void db_close(struct db *d)
{
	if (!d)
		return;
	task_drop(&d->task);
	commit(d);
	for (int i = 0; i < d->conf.n_sql; i++)
		sqlite3_finalize(d->sql[i]);
	sqlite3_close(d->db);
	turn_put(d->turn);
	free(d);
}

/* ---- statements ---- */

sqlite3_stmt *db_sql(struct db *d, int which)
{
	sqlite3_reset(d->sql[which]);
	return d->sql[which];
}

void db_text(sqlite3_stmt *q, int at, struct str v)
{
	if (v.p)
		sqlite3_bind_text(q, at, v.p, (int)v.n, SQLITE_STATIC);
	else
		sqlite3_bind_null(q, at);
}

struct str db_column(sqlite3_stmt *q, int at)
{
	const char *p = (const char *)sqlite3_column_text(q, at);
	return (struct str){p, p ? (size_t)sqlite3_column_bytes(q, at) : 0};
}

int db_row(struct db *d, sqlite3_stmt *q)
{
	int rc = sqlite3_step(q);
	if (rc == SQLITE_ROW)
		return 1;
	sqlite3_reset(q);
	return rc == SQLITE_DONE ? 0 : fault(d);
}

/* ---- the changes of a turn ---- */

static void on_turn_end(struct task *k)
{
	struct db *d = (struct db *)((char *)k - offsetof(struct db, task));
	int err = commit(d);
	d->conf.committed(err, d->conf.arg);
}

int db_change(struct db *d, sqlite3_stmt *q)
{
	task_add(d->turn, &d->task, on_turn_end);
	if (!d->begun && sqlite3_exec(d->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
		return fault(d);
	d->begun = true;
	int rc = sqlite3_step(q);
	sqlite3_reset(q);
	return rc == SQLITE_DONE ? 0 : fault(d);
}

bool db_open_changes(const struct db *d)
{
	return d->task.next != NULL;
}
