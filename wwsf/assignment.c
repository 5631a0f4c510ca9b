/* Identities that the WWSF lends. There is no list of the free ones: `next` is the first that
 * was never lent, and the index of `loan` by its end is the queue of those that were. What is
 * taken is committed when it is settled: until then nobody has anything of it.
 * SPDX-License-Identifier: Apache-2.0 */
#include "wwsf/assignment.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/hash.h"
#include "common/base/log.h"
#include "common/base/metric.h"
#include "common/db/sql.h"

METRIC_COUNTER(lent, "imsrig_wwsf_identities_lent_total", "identities lent to a new holder");
METRIC_COUNTER(renewed, "imsrig_wwsf_identities_renewed_total", "leases renewed by their holder");
METRIC_COUNTER(empty, "imsrig_wwsf_pool_empty_total", "requests that found no identity free");

enum { IDENTITY_MAX = 256, DIGITS_MAX = 18 };

enum sql { SQL_RENEW, SQL_PART, SQL_RELEASED, SQL_FORGET, SQL_LEND_AGAIN, SQL_LEND, SQL_SETTLE, SQL_NEXT_END,
	SQL_COUNT, SQL_ALL, SQL_RECOVER, SQL_CLEAR, SQL_N };

static const char *const texts[SQL_N] = {
	[SQL_RENEW] = "UPDATE loan SET until = max(until, ?2), pending = pending + 1"
		" WHERE holder = ?1 RETURNING impi",
	[SQL_PART] = "UPDATE loan SET pending = pending - 1, holder = NULL WHERE holder = ?1",
	[SQL_RELEASED] = "SELECT impi FROM loan WHERE until <= ?1 AND pending = 0"
		" ORDER BY until LIMIT 1",
	[SQL_FORGET] = "DELETE FROM loan WHERE impi = ?1",
	[SQL_LEND_AGAIN] = "UPDATE loan SET holder = ?2, until = ?3, pending = 1, used = 0"
		" WHERE impi = ?1",
	[SQL_LEND] = "INSERT OR IGNORE INTO loan VALUES (?1, ?2, ?3, 1, 0)",
	[SQL_SETTLE] = "UPDATE loan SET pending = max(pending - 1, 0), used = used OR ?3, until ="
		" CASE WHEN pending = 1 AND NOT used AND NOT ?3 THEN 0 ELSE max(until, ?2) END"
		" WHERE holder = ?1",
	[SQL_NEXT_END] = "SELECT until FROM loan ORDER BY until LIMIT 1",
	[SQL_COUNT] = "SELECT count(*) FROM loan WHERE until > ?1",
	[SQL_ALL] = "SELECT impi FROM loan",
	/* what was asked for when the process ended was handed to nobody */
	[SQL_RECOVER] = "UPDATE loan SET pending = 0, until = iif(used, until, 0) WHERE pending > 0",
	[SQL_CLEAR] = "DELETE FROM loan",
};

/* A member of a list, by its IMPI. */
struct entry {
	UT_hash_handle hh;
	int64_t number;
};

struct assignments {
	const struct wwsf_lend_conf *conf;
	const struct clock *clock;
	sqlite3 *db;
	sqlite3_stmt *sql[SQL_N];
	struct entry *entries, *by_impi; /* of a list */
	int64_t next;                  /* none from here on was ever lent; but see lend_fresh */
};

/* ---- configuration ---- */

const struct wwsf_lend_conf *assignment_conf(const struct wwsf_conf *conf)
{
	return conf->identities == WWSF_RANGE  ? &conf->range
		: conf->identities == WWSF_POOL ? &conf->pool
						: NULL;
}

static const char *check_template(const char *text)
{
	struct str s = str_of(text);
	ptrdiff_t at = str_find(s, STR("${n}"));
	if (!text || at < 0 || str_find(str_skip(s, (size_t)at + 4), STR("${n}")) >= 0)
		return "impi and impu of a range or an unbounded pool have \"${n}\" in them, once";
	return s.n > IDENTITY_MAX - 32 ? "impi or impu is too long" : NULL;
}

static int by_impi(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool has_one_twice(const struct wwsf_lend_conf *l)
{
	const struct wwsf_member *m = l->members.items;
	const char **all = mem_alloc((l->members.n + 1) * sizeof *all);
	bool twice = false;

	for (size_t i = 0; i < l->members.n; i++)
		all[i] = m[i].impi;
	qsort(all, l->members.n, sizeof *all, by_impi);
	for (size_t i = 1; i < l->members.n; i++)
		twice = twice || !strcmp(all[i - 1], all[i]);
	free(all);
	return twice;
}

static const char *check_members(const struct wwsf_lend_conf *l)
{
	const struct wwsf_member *m = l->members.items;

	if (l->impi || l->impu)
		return "a pool has members, or impi and impu with \"${n}\" in them, not both";
	for (size_t i = 0; i < l->members.n; i++)
		if (!*m[i].impi || !m[i].impus.n || m[i].impus.n > TOKEN_IMPUS_MAX)
			return "a member of the pool has an impi, and at least one impu";
	return has_one_twice(l) ? "pool.members: an impi stands there twice" : NULL;
}

const char *assignment_conf_check(const struct wwsf_conf *conf)
{
	const struct wwsf_lend_conf *l = assignment_conf(conf);
	const char *wrong = NULL;

	if (!l)
		return conf->anonymous ? "anonymous users need identities: range or pool" : NULL;
	if (conf->token.issuer == WWSF_ISSUER_NONE)
		return "what is lent ends with its token: token.issuer must be self or waf";
	if (l->lease_ms < 10 * 1000 || l->lease_ms > 24 * 3600 * 1000 ||
		l->lease_ms <= conf->waf.timeout_ms)
		return "lease is 10 s to 24 h, and longer than waf.timeout";
	if (l->members.n)
		return check_members(l);
	if ((wrong = check_template(l->impi)) || (wrong = check_template(l->impu)))
		return wrong;
	return l->first > l->last ? "first must not be above last" : NULL;
}

/* ---- numbers and identities ---- */

static bool by_list(const struct assignments *all)
{
	return all->conf->members.n > 0;
}

static int64_t last_number(const struct assignments *all)
{
	return by_list(all) ? (int64_t)all->conf->members.n - 1 : all->conf->last;
}

static int64_t first_number(const struct assignments *all)
{
	return by_list(all) ? 0 : all->conf->first;
}

static struct str numbered(const struct assignments *all, const char *template, int64_t n,
	struct arena *a)
{
	struct str s = str_of(template);
	ptrdiff_t at = str_find(s, STR("${n}"));
	return arena_fmt(a, "%.*s%0*lld%s", (int)at, s.p, (int)all->conf->digits, (long long)n,
		s.p + at + 4);
}

static struct str impi_of(const struct assignments *all, int64_t n, struct arena *a)
{
	const struct wwsf_member *m = all->conf->members.items;
	return by_list(all) ? str_of(m[n].impi) : numbered(all, all->conf->impi, n, a);
}

static void identity_of(const struct assignments *all, int64_t n, struct arena *a,
	struct identity *out)
{
	const struct wwsf_member *m = all->conf->members.items;

	*out = (struct identity){.impi = impi_of(all, n, a)};
	for (size_t i = 0; by_list(all) && i < m[n].impus.n; i++)
		out->impu[out->n_impu++] = str_of(((char **)m[n].impus.items)[i]);
	if (!by_list(all))
		out->impu[out->n_impu++] = numbered(all, all->conf->impu, n, a);
}

static int64_t number_in_template(const struct assignments *all, struct str impi)
{
	struct str t = str_of(all->conf->impi);
	size_t before = (size_t)str_find(t, STR("${n}"));
	struct str prefix = {t.p, before}, suffix = str_skip(t, before + 4);
	char again[DIGITS_MAX + 2];
	uint64_t n;

	if (impi.n <= prefix.n + suffix.n || !str_starts(impi, prefix) || !str_ends(impi, suffix))
		return -1;
	struct str digits = {impi.p + before, impi.n - prefix.n - suffix.n};
	if (digits.n > DIGITS_MAX || str_u64(digits, &n) || (int64_t)n < all->conf->first ||
		(int64_t)n > all->conf->last)
		return -1;
	snprintf(again, sizeof again, "%0*lld", (int)all->conf->digits, (long long)n);
	return str_eq(digits, str_of(again)) ? (int64_t)n : -1;
}

/* -1: it is none of these settings, as an earlier configuration may have lent it. */
static int64_t number_of(const struct assignments *all, struct str impi)
{
	struct entry *e = NULL;
	if (!by_list(all))
		return number_in_template(all, impi);
	HASH_FIND(hh, all->by_impi, impi.p, impi.n, e);
	return e ? e->number : -1;
}

/* ---- open and close ---- */

static void index_members(struct assignments *all)
{
	const struct wwsf_member *m = all->conf->members.items;

	all->entries = mem_zalloc((all->conf->members.n + 1) * sizeof *all->entries);
	for (size_t i = 0; i < all->conf->members.n; i++) {
		all->entries[i].number = (int64_t)i;
		HASH_ADD_KEYPTR(hh, all->by_impi, m[i].impi, strlen(m[i].impi), &all->entries[i]);
	}
}

/* Where those that were never lent begin. With a gap below (the settings have changed) it is
 * found step by step, by lend_fresh. */
static int find_next(struct assignments *all)
{
	sqlite3_stmt *q = all->sql[SQL_ALL];
	int64_t first = first_number(all), last = first - 1, count = 0;
	int rc;

	while ((rc = sql_row(q)) > 0) {
		int64_t n = number_of(all, sql_view(q, 0));
		count += n >= 0;
		last = n > last ? n : last;
	}
	if (rc)
		return rc;
	all->next = last - first + 1 == count ? last + 1 : first;
	return sql_done(all->sql[SQL_RECOVER]);
}

int assignments_open(const struct wwsf_conf *conf, struct identity_db *db,
	const struct clock *clock, struct assignments **out, char why[512])
{
	const struct wwsf_lend_conf *l = assignment_conf(conf);
	struct assignments *all;
	int err;

	*out = NULL;
	if (!l)
		return 0;
	*out = all = MEM_NEW(struct assignments);
	*all = (struct assignments){.conf = l, .clock = clock, .db = identity_db_handle(db)};
	err = sql_prepare(all->db, texts, SQL_N, all->sql, why);
	index_members(all);
	if (!err && (err = find_next(all)))
		snprintf(why, 512, "the identities that are lent can't be read");
	return err;
}

static int begin(struct assignments *all)
{
	return sqlite3_get_autocommit(all->db) ? sql_run(all->db, "BEGIN") : 0;
}

static int commit(struct assignments *all)
{
	return sqlite3_get_autocommit(all->db) ? 0 : sql_run(all->db, "COMMIT");
}

void assignments_close(struct assignments *all)
{
	if (!all)
		return;
	commit(all);
	sql_finalize(all->sql, SQL_N);
	HASH_CLEAR(hh, all->by_impi);
	free(all->entries);
	free(all);
}

void assignments_clear(struct assignments *all)
{
	if (!all)
		return;
	commit(all);
	sql_done(all->sql[SQL_CLEAR]);
	all->next = first_number(all);
}

/* ---- lending ---- */

static int64_t now_ms(const struct assignments *all)
{
	return clock_wall_ms(all->clock);
}

/* The first column of the one row; 0, -ENOENT, -EIO. */
static int one_text(sqlite3_stmt *q, struct arena *a, struct str *out)
{
	int row = sql_row(q), more = row;
	if (row > 0)
		*out = sql_text(q, 0, a);
	while (more > 0) /* RETURNING: to its end, or nothing is stored */
		more = sql_row(q);
	return more ? more : row ? 0 : -ENOENT;
}

static int renew(struct assignments *all, struct str holder, struct arena *a, int64_t *n)
{
	sqlite3_stmt *q = sql_with(all->sql[SQL_RENEW], holder);
	struct str impi = STR_NONE;

	sqlite3_bind_int64(q, 2, now_ms(all) + all->conf->lease_ms);
	int err = one_text(q, a, &impi);
	if (err)
		return err;
	*n = number_of(all, impi);
	if (*n < 0) {
		err = sql_done(sql_with(all->sql[SQL_PART], holder));
		return err ? err : -ENOENT;
	}
	renewed.value++;
	return 0;
}

static int lend_again(struct assignments *all, struct str holder, struct arena *a, int64_t *n)
{
	sqlite3_stmt *q;
	int err;

	do {
		struct str impi = STR_NONE;
		q = all->sql[SQL_RELEASED];
		sqlite3_bind_int64(q, 1, now_ms(all) - all->conf->guard_ms);
		if ((err = one_text(q, a, &impi)))
			return err;
		*n = number_of(all, impi);
		q = sql_with(all->sql[*n < 0 ? SQL_FORGET : SQL_LEND_AGAIN], impi);
		if (*n >= 0) {
			sql_bind(q, 2, holder);
			sqlite3_bind_int64(q, 3, now_ms(all) + all->conf->lease_ms);
		}
		err = sql_done(q);
	} while (!err && *n < 0);
	return err;
}

static int lend_fresh(struct assignments *all, struct str holder, struct arena *a, int64_t *n)
{
	while (all->next <= last_number(all)) {
		*n = all->next++;
		sqlite3_stmt *q = sql_with(all->sql[SQL_LEND], impi_of(all, *n, a));
		sql_bind(q, 2, holder);
		sqlite3_bind_int64(q, 3, now_ms(all) + all->conf->lease_ms);
		if (sql_done(q))
			return -EIO;
		if (sqlite3_changes(all->db)) /* else it has been lent before */
			return 0;
	}
	return -ENOENT;
}

static int64_t next_end_s(struct assignments *all)
{
	sqlite3_stmt *q = all->sql[SQL_NEXT_END];
	int64_t ms = sqlite3_step(q) == SQLITE_ROW ? sqlite3_column_int64(q, 0) : 0;
	sqlite3_reset(q);
	ms += all->conf->guard_ms - now_ms(all);
	return ms > 1000 ? (ms + 999) / 1000 : 1;
}

int assignment_take(struct assignments *all, struct str holder, struct arena *a,
	struct identity *out, int64_t *retry_s)
{
	int64_t n = -1;
	int err = begin(all);

	if (!err)
		err = renew(all, holder, a, &n);
	if (err == -ENOENT) {
		if ((err = lend_again(all, holder, a, &n)) == -ENOENT)
			err = lend_fresh(all, holder, a, &n);
		lent.value += !err;
	}
	if (!err) {
		identity_of(all, n, a, out);
		return 0;
	}
	if (err != -ENOENT)
		return err;
	empty.value++;
	*retry_s = next_end_s(all);
	log_warn("assignment", "no identity is free, the next one in %lld s", (long long)*retry_s);
	return -ENOSPC;
}

int assignment_settle(struct assignments *all, struct str holder, int64_t life_ms)
{
	sqlite3_stmt *q = sql_with(all->sql[SQL_SETTLE], holder);
	int err = begin(all);

	sqlite3_bind_int64(q, 2, life_ms > 0 ? now_ms(all) + life_ms : 0);
	sqlite3_bind_int(q, 3, life_ms > 0);
	if (!err)
		err = sql_done(q);
	return err || life_ms <= 0 ? err : commit(all);
}

/* ---- state ---- */

static int64_t count_until(struct assignments *all, int64_t ms)
{
	sqlite3_stmt *q = all->sql[SQL_COUNT];
	sqlite3_bind_int64(q, 1, ms);
	int64_t n = sqlite3_step(q) == SQLITE_ROW ? sqlite3_column_int64(q, 0) : 0;
	sqlite3_reset(q);
	return n;
}

struct assignment_count assignment_count(struct assignments *all)
{
	int64_t held = count_until(all, now_ms(all));
	int64_t all_held = count_until(all, now_ms(all) - all->conf->guard_ms);
	return (struct assignment_count){held, all_held - held};
}
