/* A file of SQLite, and its statements.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/db/sql.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "common/base/log.h"

/* ---- open ---- */

static int refuse(sqlite3 *db, const struct sql_conf *conf, char why[512])
{
	const char *path = conf->path;
	int rc = sqlite3_errcode(db);

	if (rc == SQLITE_BUSY || rc == SQLITE_LOCKED) {
		snprintf(why, 512, "%s is in use by another process", path);
		return -EBUSY;
	}
	if (rc == SQLITE_NOTADB) {
		snprintf(why, 512, "%s is not a database; put the right file back, or move it away%s",
			path, conf->anew ? conf->anew : "");
		return -EINVAL;
	}
	snprintf(why, 512, "%s can't be opened: %s", path, sqlite3_errmsg(db));
	return -EIO;
}

static bool runs(sqlite3 *db, const char *text)
{
	return sqlite3_exec(db, text, NULL, NULL, NULL) == SQLITE_OK;
}

static bool set(sqlite3 *db, const char *pragma, int value)
{
	char text[64];
	snprintf(text, sizeof text, "PRAGMA %s = %d", pragma, value);
	return runs(db, text);
}

static bool configure(sqlite3 *db, const struct sql_conf *conf)
{
	/* The exclusive lock keeps a second process out and spares reads their file locks. */
	return runs(db, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;"
			"PRAGMA foreign_keys = ON;"
			"PRAGMA wal_autocheckpoint = 10000; PRAGMA temp_store = MEMORY;"
			"BEGIN IMMEDIATE; COMMIT") &&
		set(db, "synchronous", conf->full_sync ? 2 : 1) &&
		set(db, "cache_size", -conf->cache_kib);
}

static int64_t number(sqlite3 *db, const char *text)
{
	sqlite3_stmt *q = NULL;
	int64_t v = -1;
	if (sqlite3_prepare_v2(db, text, -1, &q, NULL) == SQLITE_OK &&
		sqlite3_step(q) == SQLITE_ROW)
		v = sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	return v;
}

static int check_version(sqlite3 *db, const struct sql_conf *conf, char why[512])
{
	int64_t version = number(db, "PRAGMA user_version");
	int64_t tables = number(db, "SELECT count(*) FROM sqlite_schema");
	bool is_new = version == 0 && tables == 0;
	bool is_older = conf->oldest && version >= conf->oldest && version < conf->version;

	if (version < 0 || tables < 0)
		return refuse(db, conf, why);
	if (version == conf->version)
		return 0;
	if (is_new || is_older)
		return runs(db, conf->schema) && set(db, "user_version", conf->version)
			? 0 : refuse(db, conf, why);
	snprintf(why, 512, "%s has version %lld, this program needs version %d; move it away%s",
		conf->path, (long long)version, conf->version, conf->anew ? conf->anew : "");
	return -EINVAL;
}

int sql_open(const struct sql_conf *conf, sqlite3 **out, char why[512])
{
	mode_t old = umask(077);
	sqlite3 *db;
	bool opened = sqlite3_open_v2(conf->path, &db, SQLITE_OPEN_READWRITE |
		SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK &&
		configure(db, conf);
	umask(old);
	int err = opened ? check_version(db, conf, why) : refuse(db, conf, why);
	if (err)
		sqlite3_close(db);
	else
		*out = db;
	return err;
}

static const char *name_of(sqlite3 *db)
{
	const char *path = sqlite3_db_filename(db, "main");
	return path && *path ? path : "the database in memory";
}

/* ---- statements ---- */

int sql_prepare(sqlite3 *db, const char *const *texts, size_t n, sqlite3_stmt **out, char why[512])
{
	for (size_t i = 0; i < n; i++)
		if (sqlite3_prepare_v3(db, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &out[i], NULL) !=
			SQLITE_OK) {
			snprintf(why, 512, "%s has other tables than ours: %s", name_of(db),
				sqlite3_errmsg(db));
			return -EINVAL;
		}
	return 0;
}

void sql_finalize(sqlite3_stmt **all, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sqlite3_finalize(all[i]);
}

sqlite3_stmt *sql_with(sqlite3_stmt *q, struct str first)
{
	sqlite3_reset(q);
	sql_bind(q, 1, first.p ? first : STR(""));
	return q;
}

int sql_run(sqlite3 *db, const char *text)
{
	return runs(db, text) ? 0 : sql_fault(db);
}

int sql_fault(sqlite3 *db)
{
	log_error("db", "%s: %s", name_of(db), sqlite3_errmsg(db));
	return -EIO;
}

struct str sql_text(sqlite3_stmt *q, int column, struct arena *a)
{
	struct str v = sql_view(q, column);
	return v.p ? arena_str(a, v) : v;
}
