/* The subscriber store: its database, and what requests ask and change.
 * SPDX-License-Identifier: Apache-2.0 */
#include "hss/store_inside.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/log.h"

extern const struct str hss_schema_sql;

enum { USER_VERSION = 3, CACHE_KIB = 262144 };

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

/* ---- open and close ---- */

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
	while ((rc = sql_row(q)) > 0)
		keep_server(s, sqlite3_column_int64(q, 0), sql_view(q, 1), sql_view(q, 2));
	return rc;
}

int store_open(const char *path, struct store **out, char why[512])
{
	const struct sql_conf file = {.path = path, .schema = hss_schema_sql.p,
		.version = USER_VERSION, .cache_kib = CACHE_KIB,
		.anew = " and provide the subscribers anew"};
	struct store *s = MEM_NEW(struct store);

	s->cache = cache_new();
	int err = sql_open(&file, &s->db, why);
	if (!err)
		err = sql_prepare(s->db, sql_texts, SQL_N, s->sql, why);
	if (!err && (err = load_servers(s)))
		snprintf(why, 512, "%s has a fault", path);
	if (err)
		store_close(s);
	else
		*out = s;
	return err;
}

void store_close(struct store *s)
{
	sql_finalize(s->sql, SQL_N);
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
	int err = sql_done(store_sql(s, SQL_COMMIT));
	if (err) {
		sql_done(store_sql(s, SQL_ROLLBACK));
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
	int err = sql_done(store_sql(s, SQL_BEGIN));
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
	sql_done(store_sql(s, SQL_ROLLBACK));
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
	f->realm = sql_text(q, 2, a);
	f->ha1 = sql_text(q, 3, a);
	f->ha1_sha256 = sql_text(q, 4, a);
	f->has_impu = true;
	f->impu = sqlite3_column_int64(q, 5);
	f->subscription = sqlite3_column_int64(q, 6);
	f->implicit_set = sqlite3_column_int64(q, 7);
	f->kind = sqlite3_column_int(q, 8);
	f->barred = sqlite3_column_int(q, 9);
	f->may_register = sqlite3_column_int(q, 10);
	f->visited_networks = sql_text(q, 11, a);
	f->mandatory = sql_text(q, 12, a);
	f->optional = sql_text(q, 13, a);
	f->server_names = sql_text(q, 14, a);
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
	return rc == SQLITE_ROW ? 0 : sql_fault(s->db);
}

int store_find(struct store *s, struct str impi, struct str impu, struct arena *a,
	struct found *out)
{
	if (impi.p && cache_get(s->cache, impi, impu, a, out))
		return find_cached(s, out);
	sqlite3_stmt *q = store_sql(s, SQL_FIND);
	memset(out, 0, sizeof *out);
	sql_bind(q, 1, impi);
	sql_bind(q, 2, impu);
	int rc = sqlite3_step(q);
	if (rc == SQLITE_ROW)
		read_found(s, q, a, out);
	sqlite3_reset(q);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return sql_fault(s->db);
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
	return rc == SQLITE_ROW ? 0 : sql_fault(s->db);
}

static int64_t services_of(const struct found *f)
{
	return f->pool ? f->pool : f->subscription;
}

bool store_unregistered_services(struct store *s, const struct found *f, struct str impu)
{
	sqlite3_stmt *q = store_sql(s, SQL_UNREGISTERED_SERVICES);
	sql_bind(q, 1, impu);
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
	int rc = 0;
	sqlite3_bind_int64(q, 1, f->subscription);
	sqlite3_bind_int64(q, 2, f->implicit_set);
	sqlite3_bind_int64(q, 3, f->impi);
	while (n < room && (rc = sql_row(q)) > 0)
		out[n++] = (struct member){
			.impu = sqlite3_column_int64(q, 0),
			.identity = sql_text(q, 1, a),
			.kind = sqlite3_column_int(q, 2),
			.barred = sqlite3_column_int(q, 3),
			.profile = sqlite3_column_int64(q, 4),
			.display_name = sql_text(q, 5, a),
		};
	if (rc > 0) /* there may be more */
		sqlite3_reset(q);
	return rc < 0 ? rc : (int)n;
}

static int texts_of(struct store *s, sqlite3_stmt *q, int at, struct arena *a, struct str *out,
	size_t room)
{
	size_t n = 0;
	int rc = 0;
	while (n < room && (rc = sql_row(q)) > 0)
		out[n++] = sql_text(q, at, a);
	if (rc > 0) /* there may be more */
		sqlite3_reset(q);
	return rc < 0 ? rc : (int)n;
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
	sql_bind(q, 1, impi);
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
			.ecf = {sql_text(q, 0, a), sql_text(q, 1, a)},
			.ccf = {sql_text(q, 2, a), sql_text(q, 3, a)},
			.allowed_wafs = sql_text(q, 4, a),
			.allowed_wwsfs = sql_text(q, 5, a),
		};
	sqlite3_reset(q);
	return rc == SQLITE_ROW ? 0 : sql_fault(s->db);
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
	sql_bind(q, 1, name);
	sql_bind(q, 2, host);
	if (sql_done(q))
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
	return sql_done(q);
}

int store_pending(struct store *s, const struct found *f, bool pending)
{
	if (store_change(s))
		return -EIO;
	sqlite3_stmt *q = store_sql(s, SQL_PENDING);
	sqlite3_bind_int64(q, 1, f->impi);
	sqlite3_bind_int64(q, 2, f->impu);
	sqlite3_bind_int(q, 3, pending);
	return sql_done(q);
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
	return sql_done(q);
}

int store_release(struct store *s, const struct found *f)
{
	if (store_change(s))
		return -EIO;
	sqlite3_stmt *q = store_sql(s, SQL_RELEASE);
	sqlite3_bind_int64(q, 1, f->subscription);
	return sql_done(q);
}

int store_reset(struct store *s)
{
	static const enum sql parts[] = {SQL_RESET_PAIRS, SQL_RESET_ASSIGNMENTS,
		SQL_RESET_FIXED_PAIRS, SQL_RESET_FIXED_ASSIGNMENTS, SQL_RESET_USIMS};
	int err = store_pools_empty(s);
	for (size_t i = 0; !err && i < sizeof parts / sizeof *parts; i++)
		err = sql_done(store_sql(s, parts[i]));
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
	while ((rc = sql_row(q)) > 0)
		h(sqlite3_column_int64(q, 0), sqlite3_column_int64(q, 1),
			sqlite3_column_type(q, 2) == SQLITE_NULL ? -1 : sqlite3_column_int(q, 2),
			sqlite3_column_type(q, 3) == SQLITE_NULL ? -1 : sqlite3_column_int(q, 3),
			sql_view(q, 4), sqlite3_column_int(q, 5), sql_view(q, 6), arg);
	return rc;
}

int store_triggers(struct store *s, int64_t filter, store_spt_h *h, void *arg)
{
	sqlite3_stmt *q = store_sql(s, SQL_TRIGGERS);
	int rc;
	sqlite3_bind_int64(q, 1, filter);
	while ((rc = sql_row(q)) > 0)
		h(sqlite3_column_int64(q, 0), sqlite3_column_int(q, 1), sqlite3_column_int(q, 2),
			sql_view(q, 3), sql_view(q, 4), arg);
	return rc;
}
