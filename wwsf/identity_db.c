/* The identity database.
 * SPDX-License-Identifier: Apache-2.0 */
#include "wwsf/identity_db.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/db/sql.h"

extern const struct str wwsf_schema_sql;

enum { USER_VERSION = 2, CACHE_KIB = 16384 };
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
	sql_bind(q, 2, str_of(u->hash));
	if (!err)
		err = sql_done(q);
	if (err || !u->impi)
		return err;
	q = sql_with(db->sql[SQL_ADD_IDENTITY], name);
	sql_bind(q, 2, str_of(u->impi));
	err = sql_done(q);
	for (size_t i = 0; !err && i < u->impus.n; i++) {
		q = sql_with(db->sql[SQL_ADD_IMPU], name);
		sqlite3_bind_int64(q, 2, (int64_t)i);
		sql_bind(q, 3, str_of(((char **)u->impus.items)[i]));
		err = sql_done(q);
	}
	return err;
}

static int load_users(struct identity_db *db, char why[512])
{
	const struct wwsf_user *u = db->conf->users.items;
	int err = sql_run(db->db, "BEGIN; DELETE FROM user WHERE configured = 1");
	for (size_t i = 0; !err && i < db->conf->users.n; i++)
		err = add_user(db, &u[i]);
	if (!err)
		err = sql_run(db->db, "COMMIT");
	if (err)
		snprintf(why, 512, "the configured users can't be stored: %s",
			sqlite3_errmsg(db->db));
	return err;
}

/* ---- open and close ---- */

int identity_db_open(const struct wwsf_conf *conf, struct identity_db **out, char why[512])
{
	const struct sql_conf file = {.path = conf->database ? conf->database : ":memory:",
		.schema = wwsf_schema_sql.p, .version = USER_VERSION, .oldest = 1, .cache_kib = CACHE_KIB};
	struct identity_db *db = MEM_NEW(struct identity_db);
	int err;

	db->conf = conf;
	if ((err = sql_open(&file, &db->db, why)) ||
		(err = sql_prepare(db->db, texts, SQL_N, db->sql, why)) ||
		(err = load_users(db, why)))
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
	int row = sql_row(q);

	*hash = row > 0 ? (char *)sql_text(q, 0, a).p : NULL;
	sqlite3_reset(q);
	return row > 0 ? 0 : row ? row : -ENOENT;
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
	while ((rc = sql_row(q)) > 0) {
		if (!rows++)
			out->impi = sql_text(q, 0, a);
		struct str impu = sql_text(q, 1, a);
		if (impu.p && out->n_impu < TOKEN_IMPUS_MAX)
			out->impu[out->n_impu++] = impu;
	}
	if (rc)
		return rc;
	if (!rows)
		return -ENOENT;
	return out->impi.p && out->n_impu ? 0 : -ENODATA;
}
