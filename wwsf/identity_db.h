/* Web users: their password hashes, and as whom they register in the IMS (TR 23.701 6.3.2.1.3,
 * step 1). SQLite; schema.sql has the tables.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/base/mem.h"
#include "common/crypto/token.h"
#include "wwsf/wwsf.h"

struct identity_db;
/* Opens or makes the database and puts the configured users into it in place of those that
 * an earlier configuration had. 0, or a negative errno with a sentence. */
int identity_db_open(const struct wwsf_conf *conf, struct identity_db **out, char why[512]);
void identity_db_close(struct identity_db *db);
/* Who keeps other tables in the same file prepares statements of their own. */
struct sqlite3 *identity_db_handle(struct identity_db *db);

/* Stored hash of a web user, in the arena. *hash NULL: none. 0, -ENOENT, or -EIO. */
int identity_db_hash(struct identity_db *db, struct str user, struct arena *a, char **hash);
/* The hash of whoever has one, to compare with where a user has none; NULL: nobody has. */
char *identity_db_some_hash(struct identity_db *db, struct arena *a);

struct identity {
	struct str impi;
	struct str impu[TOKEN_IMPUS_MAX];
	size_t n_impu;
};
/* By query, or by the fixed translation (of a user that the database knows). 0; -ENOENT: no
 * such user; -ENODATA: one without IMS identity; -EIO. Texts in the arena. */
int identity_db_find(struct identity_db *db, struct str user, struct arena *a,
	struct identity *out);
