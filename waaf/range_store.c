/* What outlives the WAAF; schema.sql has the tables.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "waaf/range.h"

extern const struct str waaf_schema_sql;

enum { USER_VERSION = 1, CACHE_KIB = 1024 };
enum sql {
	SQL_PUT, SQL_FORGET, SQL_ALL, SQL_MEMBER, SQL_NO_MEMBER, SQL_MEMBERS, SQL_CLEAR,
	SQL_CLEAR_MEMBERS, SQL_TIDY, SQL_N
};
static const char *const texts[SQL_N] = {
	[SQL_PUT] = "REPLACE INTO registration VALUES (?1, ?2, ?3, ?4)",
	[SQL_FORGET] = "DELETE FROM registration WHERE wwsf = ?1",
	[SQL_ALL] = "SELECT wwsf, id, blocks, ends_ms FROM registration",
	[SQL_MEMBER] = "REPLACE INTO member VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
	[SQL_NO_MEMBER] = "DELETE FROM member WHERE impu = ?1",
	[SQL_MEMBERS] = "SELECT impu, impi, wwsf, sub, instance, contact, call, cseq, ends_ms"
			" FROM member",
	[SQL_CLEAR] = "DELETE FROM registration",
	[SQL_CLEAR_MEMBERS] = "DELETE FROM member",
	[SQL_TIDY] = "DELETE FROM member WHERE ends_ms <= ?1",
};

/* ---- who waits for the commit ---- */

struct waiting {
	range_durable_h *h;
	void *arg;
};
static struct waiting *waiting;
static size_t n_waiting, room;
static int failed;                     /* a change of this turn that did not come about */

void range_when_durable(range_durable_h *h, void *arg)
{
	if (n_waiting == room) {
		room = room ? room * 2 : 64;
		waiting = mem_realloc(waiting, room * sizeof *waiting);
	}
	waiting[n_waiting++] = (struct waiting){h, arg};
}

/* What a handler changes is for the next commit, and so is who waits for that. */
static void on_committed(int err, void *arg)
{
	struct waiting *now = waiting;
	size_t n = n_waiting;

	err = err ? err : failed;
	waiting = NULL;
	n_waiting = room = 0;
	failed = 0;
	for (size_t i = 0; i < n; i++)
		now[i].h(err, now[i].arg);
	free(now);
}

/* ---- life ---- */

int range_store_open(char why[512])
{
	const struct db_conf conf = {.path = ranges.conf->database,
		.schema = waaf_schema_sql.p,
		.version = USER_VERSION,
		.sql = texts,
		.n_sql = SQL_N,
		.cache_kib = CACHE_KIB,
		.committed = on_committed};
	char cause[512];
	int err = db_open(ranges.host, &conf, &ranges.db, cause);
	if (err)
		snprintf(why, 512, "registrations.database: %.480s", cause);
	return err;
}

void range_store_close(void)
{
	db_close(ranges.db);
	ranges.db = NULL;
	on_committed(0, NULL); /* db_close commits */
}

static void read_member(sqlite3_stmt *q, member_row_h *h)
{
	h(&(const struct member_row){
		.impu = sql_view(q, 0),
		.impi = sql_view(q, 1),
		.wwsf = sql_view(q, 2),
		.sub = sql_view(q, 3),
		.instance = sql_view(q, 4),
		.contact = sql_view(q, 5),
		.call = (uint64_t)sqlite3_column_int64(q, 6),
		.cseq = (uint32_t)sqlite3_column_int64(q, 7),
		.ends_ms = sqlite3_column_int64(q, 8),
	});
}

/* Members after the registrations that they are out of. */
int range_store_load(range_row_h *h, member_row_h *m, char why[512])
{
	sqlite3_stmt *q = db_sql(ranges.db, SQL_ALL);
	int err;

	while ((err = sql_row(q)) > 0)
		h(&(const struct range_row){sql_view(q, 0), sql_view(q, 1), sql_view(q, 2),
			sqlite3_column_int64(q, 3)});
	if (!err) {
		q = db_sql(ranges.db, SQL_MEMBERS);
		while ((err = sql_row(q)) > 0)
			read_member(q, m);
	}
	if (err)
		snprintf(why, 512, "registrations.database: %.400s can't be read; move it away",
			ranges.conf->database);
	return err;
}

/* ---- changes ---- */

static int change(sqlite3_stmt *q)
{
	int err = db_change(ranges.db, q);
	if (err)
		failed = err;
	return err;
}

static int by_text(enum sql which, struct str key)
{
	sqlite3_stmt *q = db_sql(ranges.db, which);
	sql_bind(q, 1, key);
	return change(q);
}

int range_store_put(const struct range_row *row)
{
	sqlite3_stmt *q = db_sql(ranges.db, SQL_PUT);
	sql_bind(q, 1, row->wwsf);
	sql_bind(q, 2, row->id);
	sql_bind(q, 3, row->blocks);
	sqlite3_bind_int64(q, 4, row->ends_ms);
	return change(q);
}

int range_store_forget(struct str wwsf)
{
	return by_text(SQL_FORGET, wwsf);
}

int range_store_member(const struct member_row *row)
{
	sqlite3_stmt *q = db_sql(ranges.db, SQL_MEMBER);
	sql_bind(q, 1, row->impu);
	sql_bind(q, 2, row->impi);
	sql_bind(q, 3, row->wwsf);
	sql_bind(q, 4, row->sub);
	sql_bind(q, 5, row->instance);
	sql_bind(q, 6, row->contact);
	sqlite3_bind_int64(q, 7, (int64_t)row->call);
	sqlite3_bind_int64(q, 8, row->cseq);
	sqlite3_bind_int64(q, 9, row->ends_ms);
	return change(q);
}

int range_store_no_member(struct str impu)
{
	return by_text(SQL_NO_MEMBER, impu);
}

int range_store_clear(void)
{
	int err = change(db_sql(ranges.db, SQL_CLEAR));
	return err ? err : change(db_sql(ranges.db, SQL_CLEAR_MEMBERS));
}

int range_store_tidy(int64_t now_ms)
{
	sqlite3_stmt *q = db_sql(ranges.db, SQL_TIDY);
	sqlite3_bind_int64(q, 1, now_ms);
	return change(q);
}

int range_store_nothing(void)
{
	return by_text(SQL_NO_MEMBER, STR(""));
}
