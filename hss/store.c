/* The subscriber store: its database, and what requests ask and change.
 * SPDX-License-Identifier: Apache-2.0 */
#include "hss/store_inside.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "common/base/log.h"

extern const char hss_schema[];        /* schema.sql */

enum { USER_VERSION = 3 };

const char *reg_state_name(enum reg_state s)
{
	static const char *const names[] = {"not-registered", "unregistered", "registered"};
	return names[s];
}

/* ---- statements ---- */

sqlite3_stmt *store_sql(struct store *s, enum sql which)
{
	sqlite3_stmt *q = s->sql[which];
	sqlite3_reset(q);
	return q;
}

int store_fault(struct store *s)
{
	log_error("store", "database fault: %s", sqlite3_errmsg(s->db));
	return -EIO;
}

int store_done(struct store *s, sqlite3_stmt *q)
{
	int rc = sqlite3_step(q);
	sqlite3_reset(q);
	return rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : store_fault(s);
}

void bind_text(sqlite3_stmt *q, int at, struct str v)
{
	if (v.p)
		sqlite3_bind_text(q, at, v.p, (int)v.n, SQLITE_STATIC);
	else
		sqlite3_bind_null(q, at);
}

struct str column_view(sqlite3_stmt *q, int at)
{
	const char *p = (const char *)sqlite3_column_text(q, at);
	return (struct str){p, p ? (size_t)sqlite3_column_bytes(q, at) : 0};
}

struct str column_blob(sqlite3_stmt *q, int at, struct arena *a)
{
	struct str v = {sqlite3_column_blob(q, at), (size_t)sqlite3_column_bytes(q, at)};
	return v.p ? arena_str(a, v) : v;
}

struct str column_text(sqlite3_stmt *q, int at, struct arena *a)
{
	struct str v = column_view(q, at);
	return v.p ? arena_str(a, v) : v;
}

/* ---- open and close ---- */

static int64_t pragma(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *q = NULL;
	int64_t v = -1;
	if (sqlite3_prepare_v2(db, sql, -1, &q, NULL) == SQLITE_OK && sqlite3_step(q) == SQLITE_ROW)
		v = sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	return v;
}

static int refuse(struct store *s, const char *path, char why[512])
{
	int rc = sqlite3_errcode(s->db);
	if (rc == SQLITE_BUSY || rc == SQLITE_LOCKED) {
		snprintf(why, 512, "%s is in use by another process", path);
		return -EBUSY;
	}
	if (rc == SQLITE_NOTADB) {
		snprintf(why, 512, "%s is not a database", path);
		return -EINVAL;
	}
	snprintf(why, 512, "%s can't be opened: %s", path, sqlite3_errmsg(s->db));
	return -EIO;
}

static int check_version(struct store *s, const char *path, char why[512])
{
	int64_t version = pragma(s->db, "PRAGMA user_version");
	int64_t tables = pragma(s->db, "SELECT count(*) FROM sqlite_schema");
	if (version < 0 || tables < 0)
		return refuse(s, path, why);
	if (version == USER_VERSION)
		return 0;
	if (version == 0 && tables == 0) {
		if (sqlite3_exec(s->db, hss_schema, NULL, NULL, NULL) == SQLITE_OK &&
			sqlite3_exec(s->db, "PRAGMA user_version = 3", NULL, NULL, NULL) == SQLITE_OK)
			return 0;
		return refuse(s, path, why);
	}
	snprintf(why, 512, "%s has version %lld, this program needs version %d; move it away and "
			"provide the subscribers anew", path, (long long)version, USER_VERSION);
	return -EINVAL;
}

static int configure(struct store *s, const char *path, char why[512])
{
	/* The exclusive lock keeps a second HSS out and spares every read its file locks. */
	static const char *const settings[] = {
		"PRAGMA locking_mode = EXCLUSIVE", "PRAGMA journal_mode = WAL",
		"PRAGMA synchronous = NORMAL", "PRAGMA foreign_keys = ON",
		"PRAGMA cache_size = -262144",
		"PRAGMA wal_autocheckpoint = 10000", "PRAGMA temp_store = MEMORY",
		"BEGIN IMMEDIATE", "COMMIT"};
	for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
		if (sqlite3_exec(s->db, settings[i], NULL, NULL, NULL) != SQLITE_OK)
			return refuse(s, path, why);
	return 0;
}

static int prepare(struct store *s, const char *path, char why[512])
{
	for (int i = 0; i < SQL_N; i++)
		if (sqlite3_prepare_v3(s->db, sql_texts[i], -1, SQLITE_PREPARE_PERSISTENT, &s->sql[i],
			NULL) != SQLITE_OK) {
			snprintf(why, 512, "%s has other tables than ours: %s", path,
				sqlite3_errmsg(s->db));
			return -EINVAL;
		}
	return 0;
}

static void free_servers(struct store *s)
{
	for (size_t i = 0; i < s->n_servers; i++) {
		free(s->servers[i].name);
		free(s->servers[i].host);
	}
	s->n_servers = 0;
}

static void keep_server(struct store *s, int64_t id, struct str name, struct str host)
{
	if (s->n_servers < MAX_SERVERS)
		s->servers[s->n_servers++] = (struct server){id, str_dup(name), str_dup(host)};
}

static int load_servers(struct store *s)
{
	sqlite3_stmt *q = store_sql(s, SQL_SERVERS);
	int rc;
	free_servers(s);
	while ((rc = sqlite3_step(q)) == SQLITE_ROW)
		keep_server(s, sqlite3_column_int64(q, 0), column_view(q, 1), column_view(q, 2));
	sqlite3_reset(q);
	return rc == SQLITE_DONE ? 0 : store_fault(s);
}

int store_open(const char *path, struct store **out, char why[512])
{
	struct store *s = MEM_NEW(struct store);
	s->cache = cache_new();
	mode_t old = umask(077);
	int rc = sqlite3_open_v2(path, &s->db,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
	int err = rc == SQLITE_OK ? configure(s, path, why) : refuse(s, path, why);
	umask(old);
	if (!err)
		err = check_version(s, path, why);
	if (!err)
		err = prepare(s, path, why);
	if (!err)
		err = load_servers(s);
	if (err) {
		store_close(s);
		return err;
	}
	*out = s;
	return 0;
}

void store_close(struct store *s)
{
	for (int i = 0; i < SQL_N; i++)
		sqlite3_finalize(s->sql[i]);
	sqlite3_close(s->db);
	free_servers(s);
	cache_free(s->cache);
	store_unindex(s);
	seal_close(s->seal);
	free(s->key_file);
	free(s);
}

/* ---- transactions ---- */

void store_begin(struct store *s)
{
	s->in_batch = true;
}

int store_commit(struct store *s)
{
	s->in_batch = false;
	if (!s->open)
		return 0;
	s->open = false;
	int err = store_done(s, store_sql(s, SQL_COMMIT));
	if (err) {
		store_done(s, store_sql(s, SQL_ROLLBACK));
		load_servers(s);
		cache_clear(s->cache);
		store_unindex(s);
	}
	return err;
}

/* Only a batch that changes something begins a transaction. */
int store_change(struct store *s)
{
	if (!s->in_batch || s->open)
		return 0;
	int err = store_done(s, store_sql(s, SQL_BEGIN));
	s->open = !err;
	return err;
}

int store_begin_all(struct store *s)
{
	s->in_batch = true;
	return store_change(s);
}

void store_undo_all(struct store *s)
{
	s->in_batch = s->open = false;
	store_done(s, store_sql(s, SQL_ROLLBACK));
	load_servers(s);
	cache_clear(s->cache);
	store_unindex(s);
}

/* ---- what requests ask ---- */

static void read_state(struct store *s, sqlite3_stmt *q, int at, struct found *f)
{
	f->associated = sqlite3_column_type(q, at) != SQLITE_NULL;
	f->state = (enum reg_state)sqlite3_column_int(q, at);
	f->auth_pending = sqlite3_column_int(q, at + 1);
	int64_t server = sqlite3_column_int64(q, at + 2);
	f->server_name = f->origin_host = STR_NONE;
	for (size_t i = 0; server && i < s->n_servers; i++)
		if (s->servers[i].id == server) {
			f->server_name = str_of(s->servers[i].name);
			f->origin_host = str_of(s->servers[i].host);
		}
}

static void read_found(struct store *s, sqlite3_stmt *q, struct arena *a, struct found *f)
{
	f->has_impi = sqlite3_column_type(q, 0) != SQLITE_NULL;
	f->impi = sqlite3_column_int64(q, 0);
	f->scheme = sqlite3_column_int(q, 1);
	f->realm = column_text(q, 2, a);
	f->ha1 = column_text(q, 3, a);
	f->ha1_sha256 = column_text(q, 4, a);
	f->has_impu = true;
	f->impu = sqlite3_column_int64(q, 5);
	f->subscription = sqlite3_column_int64(q, 6);
	f->implicit_set = sqlite3_column_int64(q, 7);
	f->kind = sqlite3_column_int(q, 8);
	f->barred = sqlite3_column_int(q, 9);
	f->may_register = sqlite3_column_int(q, 10);
	f->visited_networks = column_text(q, 11, a);
	f->mandatory = column_text(q, 12, a);
	f->optional = column_text(q, 13, a);
	f->server_names = column_text(q, 14, a);
	f->pool = sqlite3_column_int64(q, 15);
	f->fixed = sqlite3_column_int(q, 16);
	read_state(s, q, 17, f);
}

/* What is provided comes from the cache, the registration from the database. */
static int find_cached(struct store *s, struct found *out)
{
	sqlite3_stmt *q = store_sql(s, SQL_STATE);
	sqlite3_bind_int64(q, 1, out->impi);
	sqlite3_bind_int64(q, 2, out->impu);
	sqlite3_bind_int64(q, 3, out->subscription);
	int rc = sqlite3_step(q);
	if (rc == SQLITE_ROW)
		read_state(s, q, 0, out);
	sqlite3_reset(q);
	return rc == SQLITE_ROW ? 0 : store_fault(s);
}

int store_find(struct store *s, struct str impi, struct str impu, struct arena *a,
	struct found *out)
{
	if (impi.p && cache_get(s->cache, impi, impu, a, out))
		return find_cached(s, out);
	sqlite3_stmt *q = store_sql(s, SQL_FIND);
	memset(out, 0, sizeof *out);
	bind_text(q, 1, impi);
	bind_text(q, 2, impu);
	int rc = sqlite3_step(q);
	if (rc == SQLITE_ROW)
		read_found(s, q, a, out);
	sqlite3_reset(q);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return store_fault(s);
	if (out->associated)
		cache_put(s->cache, impi, impu, out);
	return 0;
}

int store_aggregate(struct store *s, const struct found *f, enum reg_state *out)
{
	sqlite3_stmt *q = store_sql(s, SQL_AGGREGATE);
	sqlite3_bind_int64(q, 1, f->impu);
	int rc = sqlite3_step(q);
	*out = (enum reg_state)sqlite3_column_int(q, 0);
	sqlite3_reset(q);
	return rc == SQLITE_ROW ? 0 : store_fault(s);
}

static int64_t services_of(const struct found *f)
{
	return f->pool ? f->pool : f->subscription;
}

bool store_unregistered_services(struct store *s, const struct found *f, struct str impu)
{
	sqlite3_stmt *q = store_sql(s, SQL_UNREGISTERED_SERVICES);
	bind_text(q, 1, impu);
	sqlite3_bind_int64(q, 2, services_of(f));
	bool any = sqlite3_step(q) == SQLITE_ROW;
	sqlite3_reset(q);
	return any;
}

bool store_set_usable(struct store *s, const struct found *f)
{
	sqlite3_stmt *q = store_sql(s, SQL_SET_USABLE);
	sqlite3_bind_int64(q, 1, f->subscription);
	sqlite3_bind_int64(q, 2, f->implicit_set);
	bool usable = sqlite3_step(q) == SQLITE_ROW;
	sqlite3_reset(q);
	return usable;
}

int store_set(struct store *s, const struct found *f, struct arena *a, struct member *out,
	size_t room)
{
	sqlite3_stmt *q = store_sql(s, SQL_SET);
	size_t n = 0;
	int rc = SQLITE_DONE;
	sqlite3_bind_int64(q, 1, f->subscription);
	sqlite3_bind_int64(q, 2, f->implicit_set);
	sqlite3_bind_int64(q, 3, f->impi);
	while (n < room && (rc = sqlite3_step(q)) == SQLITE_ROW)
		out[n++] = (struct member){
			.impu = sqlite3_column_int64(q, 0),
			.identity = column_text(q, 1, a),
			.kind = sqlite3_column_int(q, 2),
			.barred = sqlite3_column_int(q, 3),
			.profile = sqlite3_column_int64(q, 4),
			.display_name = column_text(q, 5, a),
		};
	sqlite3_reset(q);
	return rc == SQLITE_DONE || n == room ? (int)n : store_fault(s);
}

static int texts_of(struct store *s, sqlite3_stmt *q, int at, struct arena *a, struct str *out,
	size_t room)
{
	size_t n = 0;
	int rc = SQLITE_DONE;
	while (n < room && (rc = sqlite3_step(q)) == SQLITE_ROW)
		out[n++] = column_text(q, at, a);
	sqlite3_reset(q);
	return rc == SQLITE_DONE || n == room ? (int)n : store_fault(s);
}

int store_impis(struct store *s, int64_t subscription, int64_t registered_impu,
	struct arena *a, struct str *out, size_t room)
{
	sqlite3_stmt *q = store_sql(s, registered_impu ? SQL_IMPIS_REGISTERING : SQL_IMPIS);
	sqlite3_bind_int64(q, 1, registered_impu ? registered_impu : subscription);
	return texts_of(s, q, 0, a, out, room);
}

int store_sets_of(struct store *s, struct str impi, struct arena *a, struct str *out,
	size_t room)
{
	sqlite3_stmt *q = store_sql(s, SQL_SETS_OF);
	bind_text(q, 1, impi);
	return texts_of(s, q, 1, a, out, room);
}

int store_charging(struct store *s, int64_t subscription, struct arena *a,
	struct charging *out)
{
	sqlite3_stmt *q = store_sql(s, SQL_CHARGING);
	sqlite3_bind_int64(q, 1, subscription);
	int rc = sqlite3_step(q);
	if (rc == SQLITE_ROW)
		*out = (struct charging){
			.ecf = {column_text(q, 0, a), column_text(q, 1, a)},
			.ccf = {column_text(q, 2, a), column_text(q, 3, a)},
			.allowed_wafs = column_text(q, 4, a),
			.allowed_wwsfs = column_text(q, 5, a),
		};
	sqlite3_reset(q);
	return rc == SQLITE_ROW ? 0 : store_fault(s);
}

/* ---- what requests change ---- */

int64_t store_server(struct store *s, struct str name, struct str host)
{
	for (size_t i = 0; i < s->n_servers; i++)
		if (str_eq(name, str_of(s->servers[i].name)) &&
			str_eq(host, str_of(s->servers[i].host)))
			return s->servers[i].id;
	if (s->n_servers == MAX_SERVERS) {
		log_warn("store", "more than %d S-CSCFs", MAX_SERVERS);
		return 0;
	}
	sqlite3_stmt *q = store_sql(s, SQL_ADD_SERVER);
	bind_text(q, 1, name);
	bind_text(q, 2, host);
	if (store_done(s, q))
		return 0;
	int64_t id = sqlite3_last_insert_rowid(s->db);
	keep_server(s, id, name, host);
	return id;
}

int store_assign(struct store *s, const struct found *f, struct str server_name,
	struct str origin_host)
{
	if (store_change(s))
		return -EIO;
	int64_t server = store_server(s, server_name, origin_host);
	if (!server)
		return -EIO;
	sqlite3_stmt *q = store_sql(s, SQL_ASSIGN);
	sqlite3_bind_int64(q, 1, f->subscription);
	sqlite3_bind_int64(q, 2, server);
	return store_done(s, q);
}

int store_pending(struct store *s, const struct found *f, bool pending)
{
	if (store_change(s))
		return -EIO;
	sqlite3_stmt *q = store_sql(s, SQL_PENDING);
	sqlite3_bind_int64(q, 1, f->impi);
	sqlite3_bind_int64(q, 2, f->impu);
	sqlite3_bind_int(q, 3, pending);
	return store_done(s, q);
}

int store_register(struct store *s, const struct found *f, int64_t impi, enum reg_state state)
{
	if (store_change(s))
		return -EIO;
	if (f->fixed && state == NOT_REGISTERED)
		state = UNREGISTERED;
	sqlite3_stmt *q = store_sql(s, impi ? SQL_REGISTER : SQL_REGISTER_ALL);
	sqlite3_bind_int64(q, 1, f->subscription);
	sqlite3_bind_int64(q, 2, f->implicit_set);
	if (impi)
		sqlite3_bind_int64(q, 3, impi);
	sqlite3_bind_int(q, 4, state);
	return store_done(s, q);
}

int store_release(struct store *s, const struct found *f)
{
	if (store_change(s))
		return -EIO;
	sqlite3_stmt *q = store_sql(s, SQL_RELEASE);
	sqlite3_bind_int64(q, 1, f->subscription);
	return store_done(s, q);
}

int store_reset(struct store *s)
{
	static const enum sql parts[] = {SQL_RESET_PAIRS, SQL_RESET_ASSIGNMENTS,
		SQL_RESET_FIXED_PAIRS, SQL_RESET_FIXED_ASSIGNMENTS, SQL_RESET_USIMS};
	int err = store_pools_empty(s);
	for (size_t i = 0; !err && i < sizeof parts / sizeof *parts; i++)
		err = store_done(s, store_sql(s, parts[i]));
	return err;
}

/* ---- filter criteria ---- */

int store_filters(struct store *s, const struct found *f, int64_t profile, store_filter_h *h,
	void *arg)
{
	sqlite3_stmt *q = store_sql(s, SQL_FILTERS);
	int rc;
	sqlite3_bind_int64(q, 1, services_of(f));
	sqlite3_bind_int64(q, 2, profile);
	while ((rc = sqlite3_step(q)) == SQLITE_ROW)
		h(sqlite3_column_int64(q, 0), sqlite3_column_int64(q, 1),
			sqlite3_column_type(q, 2) == SQLITE_NULL ? -1 : sqlite3_column_int(q, 2),
			sqlite3_column_type(q, 3) == SQLITE_NULL ? -1 : sqlite3_column_int(q, 3),
			column_view(q, 4), sqlite3_column_int(q, 5), column_view(q, 6), arg);
	sqlite3_reset(q);
	return rc == SQLITE_DONE ? 0 : store_fault(s);
}

int store_triggers(struct store *s, int64_t filter, store_spt_h *h, void *arg)
{
	sqlite3_stmt *q = store_sql(s, SQL_TRIGGERS);
	int rc;
	sqlite3_bind_int64(q, 1, filter);
	while ((rc = sqlite3_step(q)) == SQLITE_ROW)
		h(sqlite3_column_int64(q, 0), sqlite3_column_int(q, 1), sqlite3_column_int(q, 2),
			column_view(q, 3), column_view(q, 4), arg);
	sqlite3_reset(q);
	return rc == SQLITE_DONE ? 0 : store_fault(s);
}
