/* Inside the store: its statements, and what store.c (requests), provision.c, store_aka.c
 * and wildcard.c share.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/db/sql.h"
#include "common/sip/wildcard.h"
#include "hss/cache.h"
#include "hss/seal.h"
#include "hss/store.h"

enum sql {
	SQL_BEGIN, SQL_COMMIT, SQL_ROLLBACK,
	SQL_FIND, SQL_STATE, SQL_AGGREGATE, SQL_WILDCARDS, SQL_POOLS, SQL_TEMPLATE,
	SQL_UNREGISTERED_SERVICES, SQL_SERVERS, SQL_ADD_SERVER, SQL_SET_USABLE, SQL_SET, SQL_IMPIS, SQL_IMPIS_REGISTERING,
	SQL_SETS_OF, SQL_CHARGING,
	SQL_ASSIGN, SQL_PENDING, SQL_REGISTER, SQL_REGISTER_ALL, SQL_RELEASE,
	SQL_RESET_PAIRS, SQL_RESET_ASSIGNMENTS, SQL_RESET_FIXED_PAIRS, SQL_RESET_FIXED_ASSIGNMENTS,
	SQL_ADD_SUBSCRIPTION, SQL_ADD_POOL, SQL_ADD_MEMBER, SQL_MEMBER, SQL_ANY_MEMBER, SQL_FIX_PAIRS, SQL_ADD_IMPI, SQL_ADD_IMPU, SQL_ADD_PAIR, SQL_ADD_FILTER,
	SQL_ADD_USIM, SQL_USIM, SQL_USIM_NAMED, SQL_USIM_SQN, SQL_RESET_USIMS, SQL_SEALED, SQL_SEAL,
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

struct pool {                          /* value of a wildcard in `pools` */
	struct pool *next;
	int64_t id;                    /* of the template subscription */
	struct sip_wildcard *impi;     /* as a sip: URI */
	int64_t max, used;
};

struct store {
	sqlite3 *db;
	struct cache *cache;
	char *key_file;                /* of store_unlock; NULL: nothing can be sealed */
	struct seal *seal;             /* NULL: nothing is sealed yet */
	/* What is provided for more identities than are in the database, of which it is read
	 * again when it was changed there. */
	struct sip_wildcards wildcards, pools;
	struct pool *pool_list;
	bool indexed;
	struct server servers[MAX_SERVERS];
	size_t n_servers;
	sqlite3_stmt *sql[SQL_N];
	bool in_batch, open;           /* open: a transaction has begun */
};

sqlite3_stmt *store_sql(struct store *s, enum sql which);  /* reset, ready to bind */
int store_change(struct store *s);                         /* before a change in a batch */
/* ---- wildcard.c ---- */
int store_index(struct store *s);                          /* reads what is not indexed: 0 or -EIO */
void store_unindex(struct store *s);
/* One more, of an index that was read before; says so when it may overlap with another. */
void store_index_wildcard(struct store *s, const char *identity);

/* ---- provision.c ---- */
int store_remove_id(struct store *s, int64_t id);          /* with the members of a pool */
int store_add_identities(struct store *s, const struct subscription *sub, int64_t id,
	char why[512]);
int store_pools_empty(struct store *s);                    /* of all members */

int64_t store_server(struct store *s, struct str name, struct str host);   /* 0: fault */
/* ---- store_aka.c ---- */
/* Ready to seal, and the database says with what. */
int store_seal(struct store *s, char why[512]);
/* After store_seal. */
int store_add_usim(struct store *s, int64_t impi, const struct sub_impi *p, char why[512]);
/* A subscription that is replaced: the sequence numbers of its USIMs, one a private identity, and
 * their keys. What is taken is freed by giving it back, to those that still have these keys. */
int store_numbers_take(struct store *s, const struct subscription *sub, struct usim_row **out);
int store_numbers_give(struct store *s, const struct subscription *sub, struct usim_row *had);
