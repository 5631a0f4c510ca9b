/* SQLite as the WWSF's tables use it: statements prepared once, texts bound as views.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <sqlite3.h>

#include "common/base/mem.h"

/* Prepares `n` statements; 0, or -EINVAL with a sentence. */
int sql_prepare(sqlite3 *db, const char *const *texts, size_t n, sqlite3_stmt **out, char why[512]);
void sql_finalize(sqlite3_stmt **all, size_t n);

/* Begins anew, with its first parameter. */
sqlite3_stmt *sql_with(sqlite3_stmt *q, struct str first);
/* p NULL: NULL. The text has to live until the statement is done. */
void sql_bind(sqlite3_stmt *q, int at, struct str text);
/* One without rows, to its end: 0 or -EIO. */
int sql_done(sqlite3_stmt *q);
int sql_run(sqlite3 *db, const char *text);    /* "COMMIT" and the like: 0 or -EIO */
int sql_fault(sqlite3_stmt *q);        /* logs it: -EIO */
struct str sql_text(sqlite3_stmt *q, int column, struct arena *a); /* p NULL: NULL */
