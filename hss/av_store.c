/* The AV proxy's store.
 * SPDX-License-Identifier: Apache-2.0 */
#include "hss/av_store_inside.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/base/log.h"

extern const struct str hss_av_schema_sql;

enum { USER_VERSION = 2, CACHE_KIB = 16384 };

static const char *const texts[SQL_N] = {
	[SQL_PROOF] = "SELECT proof FROM seal",
	[SQL_ADD_PROOF] = "INSERT INTO seal VALUES (?1)",
	[SQL_WWSF] = "SELECT generation, synchronised_ms FROM wwsf WHERE name = ?1",
	[SQL_SET_WWSF] = "INSERT OR REPLACE INTO wwsf VALUES (?1, ?2, ?3, ?4)",
	[SQL_IMPORTED] = "SELECT 1 FROM imported WHERE wwsf = ?1 AND fingerprint = ?2",
	[SQL_ADD_IMPORTED] = "INSERT OR IGNORE INTO imported VALUES (?1, ?2)",
	[SQL_DROP_IMPORTED] = "DELETE FROM imported WHERE wwsf = ?1",
	[SQL_USER] = "SELECT generation FROM web_user WHERE web_identity = ?1 AND wwsf = ?2",
	[SQL_ELSEWHERE] =
		"SELECT u.wwsf, u.impi, u.impu, u.wwsf <> ?2 AND u.generation IS w.generation"
		" FROM web_user u LEFT JOIN wwsf w ON w.name = u.wwsf"
		" WHERE u.web_identity = ?1 AND (u.impi <> ?3 OR u.impu <> ?4)",
	[SQL_SET_USER] = "INSERT OR REPLACE INTO web_user VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
	[SQL_WITHDRAW] =
		"UPDATE web_user SET ha1 = NULL, ha1_sha256 = NULL"
		" WHERE wwsf = ?1 AND generation < ?2 AND (ha1 IS NOT NULL OR ha1_sha256 IS NOT NULL)",
	[SQL_WITHDRAWN] =
		"SELECT web_identity, impi, impu FROM web_user WHERE wwsf = ?1 AND generation < ?2",
	[SQL_DROP] = "DELETE FROM web_user WHERE web_identity = ?1 AND wwsf = ?2",
	[SQL_DROP_WWSF] = "DELETE FROM wwsf WHERE name = ?1",
	/* Generation 0 is of no synchronisation. */
	[SQL_REMOVE] =
		"UPDATE web_user SET generation = 0, ha1 = NULL, ha1_sha256 = NULL WHERE (?1 IS NULL"
		" OR web_identity = ?1) AND (?2 IS NULL OR wwsf = ?2)",
	[SQL_MAP] =
		"SELECT u.impi, u.impu, u.generation IS w.generation FROM web_user u"
		" LEFT JOIN wwsf w ON w.name = u.wwsf WHERE u.web_identity = ?1 ORDER BY 3 DESC LIMIT 1",
	[SQL_VECTOR] =
		"SELECT w.realm, u.ha1, u.ha1_sha256, w.synchronised_ms FROM web_user u"
		" JOIN wwsf w ON w.name = u.wwsf WHERE u.web_identity = ?1 AND u.wwsf = ?2"
		" AND u.generation = w.generation",
	[SQL_STATUS] =
		"SELECT name, realm, synchronised_ms, (SELECT count(*) FROM web_user u"
		" WHERE u.wwsf = w.name AND u.generation = w.generation) FROM wwsf w ORDER BY name",
	[SQL_LIST] =
		"SELECT DISTINCT u.web_identity FROM web_user u JOIN wwsf w ON w.name = u.wwsf"
		" AND w.generation = u.generation WHERE u.web_identity > ?1"
		" AND (?2 IS NULL OR u.wwsf = ?2) ORDER BY 1 LIMIT ?3",
	[SQL_SHOW] =
		"SELECT u.wwsf, w.realm, u.impi, u.impu, u.ha1 IS NOT NULL, u.ha1_sha256 IS NOT NULL,"
		" u.generation IS w.generation FROM web_user u LEFT JOIN wwsf w ON w.name = u.wwsf"
		" WHERE u.web_identity = ?1 ORDER BY u.wwsf",
	[SQL_NAMED] =
		"SELECT web_identity, wwsf, impi, impu FROM web_user WHERE (?1 IS NULL OR"
		" web_identity = ?1) AND (?2 IS NULL OR wwsf = ?2)",
};

/* ---- statements ---- */

sqlite3_stmt *av_query(struct av_store *s, enum av_sql which, struct str one, struct str two)
{
	sqlite3_stmt *q = s->sql[which];
	sqlite3_reset(q);
	sqlite3_clear_bindings(q);
	if (one.p)
		sql_bind(q, 1, one);
	if (two.p)
		sql_bind(q, 2, two);
	return q;
}

/* ---- open and close ---- */

int av_broken(struct av_store *s, char why[512])
{
	snprintf(why, 512, "the AV proxy's database has a fault: %s", sqlite3_errmsg(s->db));
	return -EIO;
}

static const struct str proof = {"imsrig AV proxy", 15}, proof_about = {"proof", 5};

/* The key that sealed the store, or for an empty one a new key. */
static int open_seal(struct av_store *s, const char *database, const char *key, char why[512])
{
	char sealed[64], plain[64];
	sqlite3_stmt *q = av_query(s, SQL_PROOF, STR_NONE, STR_NONE);
	int there = sql_row(q), err;
	size_t n = there == 1 ? sql_view_octets(q, 0).n : 0;
	if (n > sizeof sealed)
		n = 0;
	if (n)
		memcpy(sealed, sql_view_octets(q, 0).p, n);
	sqlite3_reset(q);
	if (there < 0)
		return av_broken(s, why);
	if ((err = seal_open(key, there == 0, &s->seal, why)))
		return err;
	if (there == 0) {
		seal_put(s->seal, proof, proof_about, sealed);
		q = s->sql[SQL_ADD_PROOF];
		sql_bind_octets(q, 1, (struct str){sealed, proof.n + SEAL_EXTRA});
		return sql_done(q) ? av_broken(s, why) : 0;
	}
	if (n == proof.n + SEAL_EXTRA &&
		!seal_take(s->seal, (struct str){sealed, n}, proof_about, plain))
		return 0;
	snprintf(why, 512, "%s was not sealed with the key in %s: put the key file back that belongs "
		"to it, or move the database away and import the synchronisations anew", database, key);
	return -EINVAL;
}

int av_store_open(const char *database, const char *key, struct av_store **out, char why[512])
{
	struct av_store *s = MEM_NEW(struct av_store);
	struct arena a = {0};
	const struct sql_conf file = {.path = database, .schema = hss_av_schema_sql.p,
		.version = USER_VERSION, .cache_kib = CACHE_KIB, .full_sync = true,
		.anew = " and import the synchronisations anew"};
	int err = sql_open(&file, &s->db, why);
	if (!err)
		err = sql_prepare(s->db, texts, SQL_N, s->sql, why);
	if (!key)
		key = arena_fmt(&a, "%s.key", database).p;
	if (!err)
		err = open_seal(s, database, key, why);
	arena_free(&a);
	if (err) {
		av_store_close(s);
		return err;
	}
	*out = s;
	return 0;
}

void av_store_close(struct av_store *s)
{
	if (!s)
		return;
	sql_finalize(s->sql, SQL_N);
	sqlite3_close(s->db);
	seal_close(s->seal);
	free(s);
}

/* ---- sealed HA1s ---- */

struct str av_seal_about(struct str web_identity, struct str wwsf, enum digest_algorithm d,
	struct arena *a)
{
	return arena_fmt(a, STR_FMT "\n" STR_FMT "\n%s", STR_ARG(web_identity), STR_ARG(wwsf),
		digest_algorithm_name(d));
}

static int take_ha1(struct av_store *s, struct str sealed, struct str about, struct arena *a,
	struct str *out)
{
	if (!sealed.p)
		return 0;
	char *plain = arena_zalloc(a, sealed.n + 1);
	if (seal_take(s->seal, sealed, about, plain)) {
		log_error("avproxy", "a stored HA1 does not open: the database was changed by "
			"somebody else; import the synchronisation anew");
		return -EIO;
	}
	*out = (struct str){plain, sealed.n - SEAL_EXTRA};
	return 0;
}

/* ---- what requests ask ---- */

int av_store_map(struct av_store *s, struct str web_identity, struct arena *a,
	struct av_mapping *out)
{
	struct str name = av_nai(web_identity, a);
	if (!name.p)
		return 0;
	sqlite3_stmt *q = av_query(s, SQL_MAP, name, STR_NONE);
	int there = sql_row(q);
	if (there == 1)
		*out = (struct av_mapping){sql_text(q, 0, a), sql_text(q, 1, a),
			sqlite3_column_int(q, 2) == 1};
	sqlite3_reset(q);
	return there;
}

int av_store_vector(struct av_store *s, struct str web_identity, struct str wwsf, struct arena *a,
	struct av_vector *out)
{
	struct str name = av_nai(web_identity, a), at = av_host_name(wwsf, a);
	struct av_mapping other;
	int err = 0;
	*out = (struct av_vector){0};
	if (!name.p)
		return AV_UNKNOWN;
	if (!at.p)
		at = STR("");
	sqlite3_stmt *q = av_query(s, SQL_VECTOR, name, at);
	int there = sql_row(q);
	if (there == 1) {
		out->realm = sql_text(q, 0, a);
		out->synchronised_ms = sqlite3_column_int64(q, 3);
		for (int d = 0; !err && d < AV_ALGORITHMS; d++)
			err = take_ha1(s, sql_view_octets(q, 1 + d), av_seal_about(name, at, (enum digest_algorithm)d, a), a,
				&out->ha1[d]);
	}
	sqlite3_reset(q);
	if (there)
		return err ? err : there == 1 ? AV_FOUND : there;
	there = av_store_map(s, name, a, &other);
	return there < 0 ? there : there && other.current ? AV_OTHER_WWSF : AV_UNKNOWN;
}

/* ---- what people ask ---- */

static json_t *text(struct str s)
{
	return json_stringn(s.p ? s.p : "", s.n);
}

static json_t *time_text(int64_t ms)
{
	char out[32];
	time_t t = (time_t)(ms / 1000);
	struct tm tm;
	strftime(out, sizeof out, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&t, &tm));
	return json_string(out);
}

json_t *av_store_status(struct av_store *s, int64_t now_ms, int64_t max_age_ms)
{
	json_t *list = json_array();
	int64_t oldest = 0;
	sqlite3_stmt *q = av_query(s, SQL_STATUS, STR_NONE, STR_NONE);
	while (sql_row(q) == 1) {
		int64_t at = sqlite3_column_int64(q, 2), age = now_ms - at;
		if (!oldest || at < oldest)
			oldest = at;
		json_array_append_new(list, json_pack("{s:o, s:o, s:o, s:I, s:b, s:I}", "wwsf",
			text(sql_view(q, 0)), "realm", text(sql_view(q, 1)), "synchronised",
			time_text(at), "age_s", age / 1000, "stale", max_age_ms && age > max_age_ms,
			"users", sqlite3_column_int64(q, 3)));
	}
	return json_pack("{s:o, s:I}", "wwsfs", list, "oldest_ms", oldest);
}

json_t *av_store_list(struct av_store *s, struct str wwsf, struct str after, int64_t limit)
{
	json_t *list = json_array();
	sqlite3_stmt *q = av_query(s, SQL_LIST, after.p ? after : STR(""), wwsf);
	sqlite3_bind_int64(q, 3, limit);
	while (sql_row(q) == 1)
		json_array_append_new(list, text(sql_view(q, 0)));
	return list;
}

json_t *av_store_show(struct av_store *s, struct str web_identity)
{
	static const char *const names[] = {"MD5", "SHA-256"};
	json_t *list = json_array();
	struct arena a = {0};
	struct str name = av_nai(web_identity, &a);
	sqlite3_stmt *q = av_query(s, SQL_SHOW, name.p ? name : STR(""), STR_NONE);
	while (sql_row(q) == 1) {
		json_t *has = json_array();
		for (int d = 0; d < AV_ALGORITHMS; d++)
			if (sqlite3_column_int(q, 4 + d))
				json_array_append_new(has, json_string(names[d]));
		json_array_append_new(list, json_pack("{s:o, s:o, s:o, s:o, s:o, s:b}", "wwsf",
			text(sql_view(q, 0)), "realm", text(sql_view(q, 1)), "impi", text(sql_view(q, 2)),
			"impu", text(sql_view(q, 3)), "algorithms", has, "withdrawn",
			!sqlite3_column_int(q, 6)));
	}
	arena_free(&a);
	return list;
}

/* ---- removal ---- */

int av_drop_unneeded(struct av_store *s, sqlite3_stmt *q, struct str wwsf, int at,
	av_registered_h *h, void *arg)
{
	struct arena a = {0};
	struct gone { struct gone *next; struct str name, wwsf; } *gone = NULL;
	int err, n = 0;
	while ((err = sql_row(q)) == 1) {
		n++;
		if (h && h(sql_view(q, at), sql_view(q, at + 1), arg))
			continue;
		struct gone *g = ARENA_NEW(&a, struct gone);
		*g = (struct gone){gone, sql_text(q, 0, &a), wwsf.p ? wwsf : sql_text(q, 1, &a)};
		gone = g;
	}
	for (; !err && gone; gone = gone->next)
		err = sql_done(av_query(s, SQL_DROP, gone->name, gone->wwsf));
	arena_free(&a);
	return err ? err : n;
}

static int is_wwsf(struct av_store *s, struct str name)
{
	sqlite3_stmt *q = av_query(s, SQL_WWSF, name, STR_NONE);
	int there = sql_row(q);
	sqlite3_reset(q);
	return there;
}

int64_t av_store_remove(struct av_store *s, struct str web_identity, struct str wwsf,
	av_registered_h *registered, void *arg)
{
	struct arena a = {0};
	struct str name = web_identity.p ? av_nai(web_identity, &a) : STR_NONE;
	struct str at = wwsf.p ? av_host_name(wwsf, &a) : STR_NONE;
	int there = (web_identity.p && !name.p) || (wwsf.p && !at.p) ? 0 :
		name.p ? 1 : is_wwsf(s, at);
	if (there != 1) {
		arena_free(&a);
		return there ? there : -ENOENT;
	}
	int err = sql_run(s->db, "BEGIN IMMEDIATE"), n = 0;
	if (!err)
		err = sql_done(av_query(s, SQL_REMOVE, name, at));
	if (!err)
		n = av_drop_unneeded(s, av_query(s, SQL_NAMED, name, at), STR_NONE, 2, registered, arg);
	if (!err && n >= 0 && !name.p)
		err = sql_done(av_query(s, SQL_DROP_WWSF, at, STR_NONE));
	if (!err && n >= 0 && !name.p)
		err = sql_done(av_query(s, SQL_DROP_IMPORTED, at, STR_NONE));
	if (!err && n >= 0)
		err = sql_run(s->db, "COMMIT");
	if ((err || n < 0) && !sqlite3_get_autocommit(s->db))
		sql_run(s->db, "ROLLBACK");
	arena_free(&a);
	if (!err && !n && name.p)
		return -ENOENT;
	return err || n < 0 ? -EIO : n;
}
