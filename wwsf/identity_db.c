/* The identity database.
 * SPDX-License-Identifier: Apache-2.0 */
#include "wwsf/identity_db.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "wwsf/sql.h"

extern const char wwsf_schema[];       /* schema.sql */

enum { USER_VERSION = 2 };
enum sql { SQL_FORGET, SQL_ADD, SQL_ADD_IDENTITY, SQL_ADD_IMPU, SQL_HASH, SQL_SOME_HASH, SQL_FIND, SQL_N };

static const char *const texts[SQL_N] = {
	[SQL_FORGET] = "DELETE FROM user WHERE name = ?1",
	[SQL_ADD] = "INSERT INTO user VALUES (NULL, ?1, ?2, 1)",
	[SQL_ADD_IDENTITY] = "INSERT INTO identity SELECT id, ?2 FROM user WHERE name = ?1",
	[SQL_ADD_IMPU] = "INSERT INTO impu SELECT id, ?2, ?3 FROM user WHERE name = ?1",
	[SQL_HASH] = "SELECT hash FROM user WHERE name = ?1",
	[SQL_SOME_HASH] = "SELECT hash FROM user WHERE hash IS NOT NULL LIMIT 1",
	[SQL_FIND] =
		"SELECT i.impi, p.impu FROM user u LEFT JOIN identity i ON i.user = u.id"
		" LEFT JOIN impu p ON p.user = u.id WHERE u.name = ?1 ORDER BY p.position LIMIT ?2",
};

struct identity_db {
	sqlite3 *db;
	sqlite3_stmt *sql[SQL_N];
	const struct wwsf_conf *conf;
};

/* ---- the configured users ---- */

static int add_user(struct identity_db *db, const struct wwsf_user *u)
{
	struct str name = str_of(u->user);
	sqlite3_stmt *q = sql_with(db->sql[SQL_FORGET], name);
	int err = sql_done(q);
	q = sql_with(db->sql[SQL_ADD], name);
	sqlite3_bind_text(q, 2, u->hash, -1, SQLITE_STATIC);
	if (!err)
		err = sql_done(q);
	if (err || !u->impi)
		return err;
	q = sql_with(db->sql[SQL_ADD_IDENTITY], name);
	sqlite3_bind_text(q, 2, u->impi, -1, SQLITE_STATIC);
	err = sql_done(q);
	for (size_t i = 0; !err && i < u->impus.n; i++) {
		q = sql_with(db->sql[SQL_ADD_IMPU], name);
		sqlite3_bind_int64(q, 2, (int64_t)i);
		sqlite3_bind_text(q, 3, ((char **)u->impus.items)[i], -1, SQLITE_STATIC);
		err = sql_done(q);
	}
	return err;
}

static int load_users(struct identity_db *db, char why[512])
{
	const struct wwsf_user *u = db->conf->users.items;
	int err = sqlite3_exec(db->db, "BEGIN; DELETE FROM user WHERE configured = 1", NULL, NULL,
		NULL) == SQLITE_OK ? 0 : -EIO;
	for (size_t i = 0; !err && i < db->conf->users.n; i++)
		err = add_user(db, &u[i]);
	if (!err && sqlite3_exec(db->db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
		err = -EIO;
	if (err)
		snprintf(why, 512, "the configured users can't be stored: %s",
			sqlite3_errmsg(db->db));
	return err;
}

/* ---- open and close ---- */

static int64_t number(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *q = NULL;
	int64_t v = -1;
	if (sqlite3_prepare_v2(db, sql, -1, &q, NULL) == SQLITE_OK &&
		sqlite3_step(q) == SQLITE_ROW)
		v = sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	return v;
}

static int check_version(struct identity_db *db, const char *path, char why[512])
{
	int64_t version = number(db->db, "PRAGMA user_version");
	bool empty = number(db->db, "SELECT count(*) FROM sqlite_schema") == 0;
	if (version == USER_VERSION)
		return 0;
	/* the schema adds what a database of version 1 lacks */
	if ((version == 1 || (version == 0 && empty)) &&
		sqlite3_exec(db->db, wwsf_schema, NULL, NULL, NULL) == SQLITE_OK)
		return 0;
	if (version < 0)
		snprintf(why, 512, "%s can't be opened: %s", path, sqlite3_errmsg(db->db));
	else
		snprintf(why, 512, "%s has version %lld, this program needs version %d; move it away",
			path, (long long)version, USER_VERSION);
	return -EINVAL;
}

static int prepare(struct identity_db *db, const char *path, char why[512])
{
	/* The exclusive lock keeps a second WWSF out and spares every read its file locks. */
	static const char settings[] =
		"PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;"
		"PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;"
		"PRAGMA wal_autocheckpoint = 10000; PRAGMA cache_size = -16384; BEGIN IMMEDIATE; COMMIT";
	if (sqlite3_exec(db->db, settings, NULL, NULL, NULL) != SQLITE_OK) {
		snprintf(why, 512, "%s can't be opened: %s", path, sqlite3_errmsg(db->db));
		return sqlite3_errcode(db->db) == SQLITE_BUSY ? -EBUSY : -EINVAL;
	}
	int err = check_version(db, path, why);
	return err ? err : sql_prepare(db->db, texts, SQL_N, db->sql, why);
}

int identity_db_open(const struct wwsf_conf *conf, struct identity_db **out, char why[512])
{
	struct identity_db *db = MEM_NEW(struct identity_db);
	const char *path = conf->database ? conf->database : ":memory:";
	mode_t old = umask(077);
	int err = 0;

	db->conf = conf;
	if (sqlite3_open_v2(path, &db->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
			SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
		snprintf(why, 512, "%s can't be opened: %s", path, sqlite3_errmsg(db->db));
		err = -EIO;
	}
	if (!err)
		err = prepare(db, path, why);
	umask(old);
	if (!err)
		err = load_users(db, why);
	if (err)
		identity_db_close(db);
	else
		*out = db;
	return err;
}

void identity_db_close(struct identity_db *db)
{
	sql_finalize(db->sql, SQL_N);
	sqlite3_close(db->db);
	free(db);
}

struct sqlite3 *identity_db_handle(struct identity_db *db)
{
	return db->db;
}

/* ---- questions ---- */

int identity_db_hash(struct identity_db *db, struct str user, struct arena *a, char **hash)
{
	sqlite3_stmt *q = sql_with(db->sql[SQL_HASH], user);
	int rc = sqlite3_step(q);

	*hash = rc == SQLITE_ROW ? (char *)sql_text(q, 0, a).p : NULL;
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return sql_fault(q);
	sqlite3_reset(q);
	return rc == SQLITE_ROW ? 0 : -ENOENT;
}

char *identity_db_some_hash(struct identity_db *db, struct arena *a)
{
	sqlite3_stmt *q = db->sql[SQL_SOME_HASH];
	char *hash = sqlite3_step(q) == SQLITE_ROW ? (char *)sql_text(q, 0, a).p : NULL;
	sqlite3_reset(q);
	return hash;
}

/* What a name may hold so that it can become the user part of a URI as it is. */
static bool translatable(struct str user)
{
	for (size_t i = 0; i < user.n; i++)
		if (!isalnum((unsigned char)user.p[i]) && !strchr("-_.", user.p[i]))
			return false;
	return user.n > 0;
}

static struct str translated(const char *pattern, struct str user, struct arena *a)
{
	static const struct str mark = {"${user}", 7};
	struct str s = str_of(pattern);
	ptrdiff_t at = str_find(s, mark);
	if (at < 0)
		return arena_str(a, s);
	return arena_fmt(a, "%.*s" STR_FMT "%s", (int)at, s.p, STR_ARG(user), s.p + at + mark.n);
}

static int translate(struct identity_db *db, struct str user, struct arena *a,
	struct identity *out)
{
	char *hash;
	int err = identity_db_hash(db, user, a, &hash);
	if (err)
		return err;
	if (!translatable(user))
		return -ENODATA;
	out->impi = translated(db->conf->translation.impi, user, a);
	out->impu[0] = translated(db->conf->translation.impu, user, a);
	out->n_impu = 1;
	return 0;
}

int identity_db_find(struct identity_db *db, struct str user, struct arena *a,
	struct identity *out)
{
	int rc, rows = 0;

	*out = (struct identity){0};
	if (db->conf->identities == WWSF_TRANSLATION)
		return translate(db, user, a, out);
	sqlite3_stmt *q = sql_with(db->sql[SQL_FIND], user);
	sqlite3_bind_int(q, 2, TOKEN_IMPUS_MAX);
	while ((rc = sqlite3_step(q)) == SQLITE_ROW) {
		if (!rows++)
			out->impi = sql_text(q, 0, a);
		struct str impu = sql_text(q, 1, a);
		if (impu.p && out->n_impu < TOKEN_IMPUS_MAX)
			out->impu[out->n_impu++] = impu;
	}
	if (rc != SQLITE_DONE)
		return sql_fault(q);
	sqlite3_reset(q);
	if (!rows)
		return -ENOENT;
	return out->impi.p && out->n_impu ? 0 : -ENODATA;
}
