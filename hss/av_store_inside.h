/* Inside the AV proxy's store: its statements, shared by av_store.c and av_import.c.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/db/sql.h"
#include "hss/av_store.h"
#include "hss/seal.h"

enum av_sql {
	SQL_PROOF, SQL_ADD_PROOF,
	SQL_WWSF, SQL_SET_WWSF, SQL_IMPORTED, SQL_ADD_IMPORTED, SQL_DROP_IMPORTED,
	SQL_USER, SQL_ELSEWHERE, SQL_SET_USER, SQL_WITHDRAW, SQL_WITHDRAWN, SQL_DROP, SQL_DROP_WWSF,
	SQL_REMOVE, SQL_MAP, SQL_VECTOR, SQL_STATUS, SQL_LIST, SQL_SHOW, SQL_NAMED,
	SQL_N
};
struct av_store {
	sqlite3 *db;
	struct seal *seal;
	sqlite3_stmt *sql[SQL_N];
};

/* Reset and bound: up to two texts, the common case. */
sqlite3_stmt *av_query(struct av_store *s, enum av_sql which, struct str one, struct str two);
int av_broken(struct av_store *s, char why[512]); /* -EIO, with a sentence */
/* What a HA1 is sealed for. */
struct str av_seal_about(struct str web_identity, struct str wwsf, enum digest_algorithm d,
	struct arena *a);
/* Rows of a query (web identity, then `at` and on IMPI, IMPU): those go that nobody needs.
 * Their number, or -EIO. */
int av_drop_unneeded(struct av_store *s, sqlite3_stmt *q, struct str wwsf, int at,
	av_registered_h *h, void *arg);
