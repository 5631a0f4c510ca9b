/* Keys of USIMs in the store: sealed (seal.h), with the sequence number of the last vector.
 *
 * The key file is made when the first key is stored. From then on the database holds a value
 * that was sealed with it, and opens with that key alone.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "hss/store_inside.h"

/* What the check value says, and what it belongs to. */
#define CHECK STR("imsrig hss")

/* ---- the key ---- */

static bool opens(struct store *s, struct str check)
{
	char plain[64];
	return check.n == CHECK.n + SEAL_EXTRA && !seal_take(s->seal, check, CHECK, plain) &&
		!memcmp(plain, CHECK.p, CHECK.n);
}

int store_unlock(struct store *s, const char *file, char why[512])
{
	const char *database = sqlite3_db_filename(s->db, "main");
	struct arena a = {0};
	int err = 0;

	free(s->key_file);
	s->key_file = file ? str_dup(str_of(file)) : str_dup(arena_fmt(&a, "%s.key", database));
	sqlite3_stmt *q = store_sql(s, SQL_SEALED);
	int rc = sqlite3_step(q);
	if (rc == SQLITE_ROW) {
		err = seal_open(s->key_file, false, &s->seal, why);
		if (!err && !opens(s, sql_view_octets(q, 0))) {
			snprintf(why, 512, "%s holds keys that were sealed with another key than that in "
				"%s; put the right file back, or move the database away and provide the "
				"subscribers anew", database, s->key_file);
			err = -EBADMSG;
		}
	} else if (rc != SQLITE_DONE) {
		err = sql_fault(s->db);
		snprintf(why, 512, "the database has a fault");
	}
	sqlite3_reset(q);
	arena_free(&a);
	return err;
}

int store_seal(struct store *s, char why[512])
{
	char check[64];

	if (!s->key_file) {
		snprintf(why, 512, "no key file is known to seal the keys of USIMs with");
		return -EINVAL;
	}
	int err = s->seal ? 0 : seal_open(s->key_file, true, &s->seal, why);
	if (err)
		return err;
	seal_put(s->seal, CHECK, CHECK, check);
	sqlite3_stmt *q = store_sql(s, SQL_SEAL);
	sqlite3_bind_blob(q, 1, check, (int)(CHECK.n + SEAL_EXTRA), SQLITE_TRANSIENT);
	return sql_done(q);
}

/* ---- USIMs ---- */

int store_add_usim(struct store *s, int64_t impi, const struct sub_impi *p, char why[512])
{
	struct milenage keys;
	uint8_t op[16], amf[2], number[6];
	char sealed[sizeof keys + SEAL_EXTRA];
	uint64_t sqn = 0;

	str_hex(str_of(p->k), keys.k, 16);
	str_hex(str_of(p->op ? p->op : p->opc), op, 16);
	if (p->op)
		milenage_opc(keys.k, op, keys.opc);
	else
		memcpy(keys.opc, op, 16);
	str_hex(str_of(p->amf), amf, 2);
	str_hex(str_of(p->sqn), number, 6);
	for (int i = 0; i < 6; i++)
		sqn = sqn << 8 | number[i];
	seal_put(s->seal, (struct str){(const char *)&keys, sizeof keys}, str_of(p->impi), sealed);
	explicit_bzero(&keys, sizeof keys);
	explicit_bzero(op, sizeof op);
	sqlite3_stmt *q = store_sql(s, SQL_ADD_USIM);
	sqlite3_bind_int64(q, 1, impi);
	sqlite3_bind_blob(q, 2, sealed, sizeof sealed, SQLITE_TRANSIENT);
	sqlite3_bind_int(q, 3, amf[0] << 8 | amf[1]);
	sqlite3_bind_int64(q, 4, (int64_t)sqn);
	return sql_done(q);
}

static int read_usim(struct store *s, sqlite3_stmt *q, struct str impi, struct usim_row *out)
{
	struct str sealed = sql_view_octets(q, 0);
	int amf = sqlite3_column_int(q, 1);
	char plain[sizeof out->keys + SEAL_EXTRA];

	if (!s->seal || sealed.n != sizeof plain || seal_take(s->seal, sealed, impi, plain)) {
		log_error("store", "the keys of %s can't be opened", log_text(impi));
		return -EBADMSG;
	}
	memcpy(&out->keys, plain, sizeof out->keys);
	explicit_bzero(plain, sizeof plain);
	out->amf[0] = (uint8_t)(amf >> 8);
	out->amf[1] = (uint8_t)amf;
	out->sqn = (uint64_t)sqlite3_column_int64(q, 2);
	return 0;
}

int store_usim(struct store *s, const struct found *f, struct str impi, struct usim_row *out)
{
	sqlite3_stmt *q = store_sql(s, SQL_USIM);
	sqlite3_bind_int64(q, 1, f->impi);
	int rc = sqlite3_step(q);
	int err = rc == SQLITE_ROW ? read_usim(s, q, impi, out) :
		rc == SQLITE_DONE ? -ENOENT : sql_fault(s->db);
	sqlite3_reset(q);
	return err;
}

int store_usim_sqn(struct store *s, const struct found *f, uint64_t sqn)
{
	if (store_change(s))
		return -EIO;
	sqlite3_stmt *q = store_sql(s, SQL_USIM_SQN);
	sqlite3_bind_int64(q, 1, f->impi);
	sqlite3_bind_int64(q, 2, (int64_t)sqn);
	return sql_done(q);
}

/* ---- a subscription that is replaced ---- */

/* 0 and *id 0: there is none, or none that can be opened. */
static int usim_named(struct store *s, const char *impi, struct usim_row *out, int64_t *id)
{
	sqlite3_stmt *q = store_sql(s, SQL_USIM_NAMED);
	sql_bind(q, 1, str_of(impi));
	int row = sql_row(q);
	*id = row > 0 && !read_usim(s, q, str_of(impi), out) ? sqlite3_column_int64(q, 3) : 0;
	sqlite3_reset(q);
	return row < 0 ? row : 0;
}

int store_numbers_take(struct store *s, const struct subscription *sub, struct usim_row **out)
{
	const struct sub_impi *p = sub->impis.items;
	int64_t id;
	int err = 0;

	*out = mem_zalloc((sub->impis.n + 1) * sizeof **out);
	for (size_t i = 0; !err && i < sub->impis.n; i++)
		err = usim_named(s, p[i].impi, &(*out)[i], &id);
	return err;
}

int store_numbers_give(struct store *s, const struct subscription *sub, struct usim_row *had)
{
	const struct sub_impi *p = sub->impis.items;
	struct usim_row now;
	int64_t id = 0;
	int err = 0;

	for (size_t i = 0; !err && i < sub->impis.n; i++) {
		err = usim_named(s, p[i].impi, &now, &id);
		if (!id || now.sqn >= had[i].sqn || memcmp(&now.keys, &had[i].keys, sizeof now.keys))
			continue;
		sqlite3_stmt *q = store_sql(s, SQL_USIM_SQN);
		sqlite3_bind_int64(q, 1, id);
		sqlite3_bind_int64(q, 2, (int64_t)had[i].sqn);
		err = sql_done(q);
	}
	explicit_bzero(&now, sizeof now);
	explicit_bzero(had, sub->impis.n * sizeof *had);
	free(had);
	return err;
}
