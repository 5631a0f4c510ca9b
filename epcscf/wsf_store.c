/* Users and sessions in SQLite; wsf_schema.sql has the tables.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>

#include "epcscf/wsf.h"

extern const struct str epcscf_wsf_schema_sql;

enum { USER_VERSION = 2, CACHE_KIB = 4096 };
enum sql {
	SQL_NO_USERS, SQL_NO_IMPUS, SQL_ADD_USER, SQL_ADD_IMPU, SQL_USER, SQL_IMPUS, SQL_SOME_HASH,
	SQL_PUT, SQL_FORGET, SQL_CLEAR, SQL_ALL, SQL_N
};
static const char *const texts[SQL_N] = {
	[SQL_NO_USERS] = "DELETE FROM user",
	[SQL_NO_IMPUS] = "DELETE FROM impu",
	[SQL_ADD_USER] = "REPLACE INTO user VALUES (?1, ?2, ?3, ?4, ?5)",
	[SQL_ADD_IMPU] = "REPLACE INTO impu VALUES (?1, ?2, ?3)",
	[SQL_USER] = "SELECT name, hash, md5, sha256, impi FROM user WHERE name = ?1",
	[SQL_IMPUS] = "SELECT impu FROM impu WHERE user = ?1 ORDER BY position LIMIT ?2",
	[SQL_SOME_HASH] = "SELECT hash FROM user WHERE hash IS NOT NULL LIMIT 1",
	[SQL_PUT] = "REPLACE INTO session VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12,"
		    " ?13, ?14, ?15, ?16, ?17)",
	[SQL_FORGET] = "DELETE FROM session WHERE cookie = ?1",
	[SQL_CLEAR] = "DELETE FROM session",
	[SQL_ALL] = "SELECT cookie, handle, user, impi, impu, contact, instance, call_id, cseq, route,"
		    " identities, waf, wwsf, client, page, ends_ms, until_ms FROM session",
};

/* ---- the configured users ---- */

/* As it is hashed; NULL: none. */
static const char *lower(enum digest_algorithm a, const char *ha1, char out[DIGEST_HEX_MAX])
{
	return ha1 && !digest_ha1_take(a, str_of(ha1), out) ? out : NULL;
}

static int add_user(const struct wsf_user_conf *u)
{
	char *const *impus = u->impus.items;
	char md5[DIGEST_HEX_MAX], sha256[DIGEST_HEX_MAX];
	const char *const columns[] = {u->user, u->hash, lower(DIGEST_MD5, u->md5, md5),
		lower(DIGEST_SHA256, u->sha256, sha256), u->impi};
	sqlite3_stmt *q = db_sql(wsf.db, SQL_ADD_USER);
	struct arena a = {0};
	int err;

	for (int i = 0; i < 5; i++)
		sql_bind(q, i + 1, columns[i] ? str_of(columns[i]) : STR_NONE);
	err = db_change(wsf.db, q);
	for (size_t i = 0; !err && i < u->impus.n; i++) {
		struct sip_uri uri;
		sip_uri_parse(&uri, str_of(impus[i])); /* checked with the configuration */
		q = db_sql(wsf.db, SQL_ADD_IMPU);
		sql_bind(q, 1, str_of(u->user));
		sqlite3_bind_int64(q, 2, (int64_t)i);
		sql_bind(q, 3, sip_uri_canonical(&uri, &a));
		err = db_change(wsf.db, q);
	}
	arena_free(&a);
	return err;
}

static int load_users(void)
{
	const struct wsf_user_conf *u = wsf.conf->users.items;
	int err = db_change(wsf.db, db_sql(wsf.db, SQL_NO_USERS));
	if (!err)
		err = db_change(wsf.db, db_sql(wsf.db, SQL_NO_IMPUS));
	for (size_t i = 0; !err && i < wsf.conf->users.n; i++)
		err = add_user(&u[i]);
	return err;
}

/* ---- what could not be stored ---- */

static struct timer again;
enum { AGAIN_MS = 60 * 1000 };

/* Memory has the truth: all of it is stored. */
static void on_again(struct timer *t, void *arg)
{
	if (!wsf_store_clear())
		wsf_sessions_save();
}

/* Nobody waits for a change to be stored, but a session whose end was not would be there again
 * behind a restart. */
static int made_good(int err)
{
	if (err)
		timer_start(wsf.host->clock, &again, AGAIN_MS, on_again, NULL);
	return err;
}

static void on_committed(int err, void *arg)
{
	made_good(err);
}

/* ---- life ---- */

int wsf_store_open(char why[512])
{
	const struct db_conf conf = {
		.path = wsf.conf->database ? wsf.conf->database : ":memory:",
		.schema = epcscf_wsf_schema_sql.p,
		.version = USER_VERSION,
		.sql = texts,
		.n_sql = SQL_N,
		.cache_kib = CACHE_KIB,
		.committed = on_committed};
	char cause[512];
	int err = db_open(wsf.host, &conf, &wsf.db, cause);
	if (!err && (err = load_users()))
		snprintf(cause, sizeof cause, "the configured users can't be stored");
	if (err)
		snprintf(why, 512, "wsf.database: %.480s", cause);
	return err;
}

void wsf_store_close(void)
{
	timer_stop(&again);
	db_close(wsf.db);
	wsf.db = NULL;
}

/* ---- users ---- */

int wsf_store_user(struct str name, struct arena *a, struct wsf_user *out)
{
	sqlite3_stmt *q = db_sql(wsf.db, SQL_USER);
	int rc;

	*out = (struct wsf_user){0};
	sql_bind(q, 1, name);
	if ((rc = sql_row(q)) <= 0)
		return rc ? rc : -ENOENT;
	*out = (struct wsf_user){.name = sql_text(q, 0, a),
		.hash = sql_text(q, 1, a),
		.ha1 = {[DIGEST_MD5] = sql_text(q, 2, a), [DIGEST_SHA256] = sql_text(q, 3, a)},
		.impi = sql_text(q, 4, a)};
	sqlite3_reset(q);
	q = db_sql(wsf.db, SQL_IMPUS);
	sql_bind(q, 1, name);
	sqlite3_bind_int(q, 2, WSF_IMPUS_MAX);
	while ((rc = sql_row(q)) > 0)
		out->impu[out->n_impu++] = sql_text(q, 0, a);
	return rc;
}

struct str wsf_store_some_hash(struct arena *a)
{
	sqlite3_stmt *q = db_sql(wsf.db, SQL_SOME_HASH);
	struct str hash = sql_row(q) > 0 ? sql_text(q, 0, a) : STR_NONE;
	sqlite3_reset(q);
	return hash;
}

/* ---- sessions ---- */

int wsf_store_put(const struct wsf_session_row *row)
{
	sqlite3_stmt *q = db_sql(wsf.db, SQL_PUT);
	const struct str columns[] = {row->user, row->impi, row->impu, row->contact,
		row->instance, row->call_id};
	sql_bind_octets(q, 1, row->cookie);
	sql_bind_octets(q, 2, row->handle);
	for (int i = 0; i < 6; i++)
		sql_bind(q, 3 + i, columns[i]);
	sqlite3_bind_int64(q, 9, row->cseq);
	sql_bind(q, 10, row->route);
	sql_bind(q, 11, row->set);
	sql_bind(q, 12, row->waf);
	sql_bind(q, 13, row->wwsf);
	sql_bind(q, 14, row->client);
	sql_bind(q, 15, row->page);
	sqlite3_bind_int64(q, 16, row->ends_ms);
	sqlite3_bind_int64(q, 17, row->registered_ms);
	return made_good(db_change(wsf.db, q));
}

int wsf_store_forget(struct str cookie)
{
	sqlite3_stmt *q = db_sql(wsf.db, SQL_FORGET);
	sql_bind_octets(q, 1, cookie);
	return made_good(db_change(wsf.db, q));
}

int wsf_store_clear(void)
{
	return made_good(db_change(wsf.db, db_sql(wsf.db, SQL_CLEAR)));
}

void wsf_store_load(wsf_row_h *h)
{
	sqlite3_stmt *q = db_sql(wsf.db, SQL_ALL);
	while (sql_row(q) > 0)
		h(&(const struct wsf_session_row){
			.cookie = sql_view_octets(q, 0),
			.handle = sql_view_octets(q, 1),
			.user = sql_view(q, 2),
			.impi = sql_view(q, 3),
			.impu = sql_view(q, 4),
			.contact = sql_view(q, 5),
			.instance = sql_view(q, 6),
			.call_id = sql_view(q, 7),
			.cseq = (uint32_t)sqlite3_column_int64(q, 8),
			.route = sql_view(q, 9),
			.set = sql_view(q, 10),
			.waf = sql_view(q, 11),
			.wwsf = sql_view(q, 12),
			.client = sql_view(q, 13),
			.page = sql_view(q, 14),
			.ends_ms = sqlite3_column_int64(q, 15),
			.registered_ms = sqlite3_column_int64(q, 16),
		});
}
