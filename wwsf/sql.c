/* SQLite as the WWSF's tables use it.
 * SPDX-License-Identifier: Apache-2.0 */
#include "wwsf/sql.h"

#include <errno.h>
#include <stdio.h>

#include "common/base/log.h"

int sql_prepare(sqlite3 *db, const char *const *texts, size_t n, sqlite3_stmt **out, char why[512])
{
	for (size_t i = 0; i < n; i++)
		if (sqlite3_prepare_v3(db, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &out[i], NULL) !=
			SQLITE_OK) {
			snprintf(why, 512, "the database has other tables than ours: %s",
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

void sql_bind(sqlite3_stmt *q, int at, struct str text)
{
	sqlite3_bind_text(q, at, text.p, (int)text.n, SQLITE_STATIC);
}

sqlite3_stmt *sql_with(sqlite3_stmt *q, struct str first)
{
	sqlite3_reset(q);
	sql_bind(q, 1, first.p ? first : STR(""));
	return q;
}

int sql_fault(sqlite3_stmt *q)
{
	log_error("database", "fault: %s", sqlite3_errmsg(sqlite3_db_handle(q)));
	sqlite3_reset(q);
	return -EIO;
}

int sql_done(sqlite3_stmt *q)
{
	if (sqlite3_step(q) != SQLITE_DONE)
		return sql_fault(q);
	sqlite3_reset(q);
	return 0;
}

int sql_run(sqlite3 *db, const char *text)
{
	if (sqlite3_exec(db, text, NULL, NULL, NULL) == SQLITE_OK)
		return 0;
	log_error("database", "fault: %s: %s", text, sqlite3_errmsg(db));
	return -EIO;
}

struct str sql_text(sqlite3_stmt *q, int column, struct arena *a)
{
	const char *p = (const char *)sqlite3_column_text(q, column);
	size_t n = (size_t)sqlite3_column_bytes(q, column);
	return p ? arena_str(a, (struct str){p, n}) : STR_NONE;
}
