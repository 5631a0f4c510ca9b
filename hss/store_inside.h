/* Inside the store: its statements, shared by store.c (requests) and provision.c.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <sqlite3.h>

#include "hss/cache.h"
#include "hss/store.h"

enum sql {
	SQL_BEGIN, SQL_COMMIT, SQL_ROLLBACK,
	SQL_FIND, SQL_STATE, SQL_SERVERS, SQL_ADD_SERVER, SQL_SET_USABLE, SQL_SET, SQL_IMPIS, SQL_IMPIS_REGISTERING,
	SQL_SETS_OF, SQL_CHARGING,
	SQL_ASSIGN, SQL_PENDING, SQL_REGISTER, SQL_REGISTER_ALL, SQL_RELEASE,
	SQL_RESET_PAIRS, SQL_RESET_ASSIGNMENTS,
	SQL_ADD_SUBSCRIPTION, SQL_ADD_IMPI, SQL_ADD_IMPU, SQL_ADD_PAIR, SQL_ADD_FILTER,
	SQL_ADD_TRIGGER, SQL_FINGERPRINT, SQL_NAMED, SQL_REMOVE, SQL_REMOVE_PAIRS,
	SQL_REMOVE_ASSIGNMENT, SQL_LIST, SQL_COUNT,
	SQL_SHOW, SQL_SHOW_IMPIS, SQL_SHOW_PAIRS,
	SQL_FILTERS, SQL_TRIGGERS,
	SQL_N
};
extern const char *const sql_texts[SQL_N];

enum { MAX_SERVERS = 1024 };
struct server {
	int64_t id;
	char *name, *host;
};

struct store {
	sqlite3 *db;
	struct cache *cache;
	struct server servers[MAX_SERVERS];
	size_t n_servers;
	sqlite3_stmt *sql[SQL_N];
	bool in_batch, open;           /* open: a transaction has begun */
};

sqlite3_stmt *store_sql(struct store *s, enum sql which);  /* reset, ready to bind */
int store_done(struct store *s, sqlite3_stmt *q);          /* steps once: 0 or -EIO */
int store_fault(struct store *s);                          /* logs; -EIO */
int store_change(struct store *s);                         /* before a change in a batch */
void bind_text(sqlite3_stmt *q, int at, struct str v);     /* p NULL: NULL; not copied */
struct str column_view(sqlite3_stmt *q, int at);           /* good until the next step */
