/* Provisioning: subscriptions into the store, out of it, and shown.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>

#include "common/base/buf.h"
#include "hss/store_inside.h"

/* ---- adding ---- */

static struct str joined(const struct conf_list *texts, struct buf *b)
{
	b->n = 0;
	for (size_t i = 0; i < texts->n; i++)
		buf_fmt(b, "%s%s", i ? " " : "", ((char **)texts->items)[i]);
	return texts->n ? buf_str(b) : STR_NONE;
}

static struct str joined_numbers(const struct conf_list *numbers, struct buf *b)
{
	b->n = 0;
	for (size_t i = 0; i < numbers->n; i++)
		buf_fmt(b, "%s%lld", i ? " " : "", (long long)((int64_t *)numbers->items)[i]);
	return numbers->n ? buf_str(b) : STR_NONE;
}

/* A list that applies but is empty is not the same as no list. */
static struct str list_of(bool applies, const struct conf_list *texts, struct buf *b)
{
	struct str v = joined(texts, b);
	return applies && !v.p ? STR("") : v;
}

static bool has_usim(const struct subscription *sub)
{
	const struct sub_impi *p = sub->impis.items;
	for (size_t i = 0; i < sub->impis.n; i++)
		if (p[i].scheme == AUTH_AKA)
			return true;
	return false;
}

/* The key of a USIM is sealed, so what is told of it is, too. */
static int64_t fingerprint_of(const struct store *s, const struct subscription *sub)
{
	uint64_t hash = subscription_fingerprint(sub);
	return (int64_t)(s->seal && has_usim(sub) ? seal_print(s->seal, hash) : hash);
}

static int add_head(struct store *s, const struct subscription *sub, int64_t *id)
{
	struct buf b[6] = {0};
	int64_t server = 0;
	if (sub->unregistered.server_name) {
		server = store_server(s, str_of(sub->unregistered.server_name),
			str_of(sub->unregistered.origin_host));
		if (!server)
			return -EIO;
	}
	sqlite3_stmt *q = store_sql(s, SQL_ADD_SUBSCRIPTION);
	bool applies = sub->allowed.applies || sub->allowed.wafs.n || sub->allowed.wwsfs.n;
	sql_bind(q, 1, str_of(sub->name));
	sqlite3_bind_int64(q, 2, fingerprint_of(s, sub));
	sqlite3_bind_int(q, 3, sub->may_register);
	sql_bind(q, 4, joined(&sub->visited, &b[0]));
	sql_bind(q, 5, joined_numbers(&sub->capabilities.mandatory, &b[1]));
	sql_bind(q, 6, joined_numbers(&sub->capabilities.optional, &b[2]));
	sql_bind(q, 7, joined(&sub->capabilities.server_names, &b[3]));
	sql_bind(q, 8, str_of(sub->charging.primary_ecf));
	sql_bind(q, 9, str_of(sub->charging.secondary_ecf));
	sql_bind(q, 10, str_of(sub->charging.primary_ccf));
	sql_bind(q, 11, str_of(sub->charging.secondary_ccf));
	sql_bind(q, 12, list_of(applies, &sub->allowed.wafs, &b[4]));
	sql_bind(q, 13, list_of(applies, &sub->allowed.wwsfs, &b[5]));
	sqlite3_bind_null(q, 14);
	if (server)
		sqlite3_bind_int64(q, 14, server);
	int err = sql_done(q);
	*id = sqlite3_last_insert_rowid(s->db);
	for (size_t i = 0; i < sizeof b / sizeof *b; i++)
		buf_free(&b[i]);
	return err;
}

/* Of an identity (schema.sql): at most 64 of a kind. */
static int64_t identity_id(int64_t subscription, size_t place)
{
	return subscription * 64 + (int64_t)place;
}

/* An identity that another subscription has already is the operator's mistake, not a
 * fault of the database. */
static int add_identity(struct store *s, sqlite3_stmt *q, const char *identity, char why[512])
{
	int rc = sqlite3_step(q);
	sqlite3_reset(q);
	if (rc == SQLITE_DONE)
		return 0;
	if (rc != SQLITE_CONSTRAINT)
		return sql_fault(s->db);
	snprintf(why, 512, "%s belongs to a subscription already", identity);
	return -EEXIST;
}

static int add_impi(struct store *s, int64_t subscription, size_t place,
	const struct sub_impi *p, char why[512])
{
	sqlite3_stmt *q = store_sql(s, SQL_ADD_IMPI);
	sql_bind(q, 1, str_of(p->impi));
	sqlite3_bind_int64(q, 2, identity_id(subscription, place));
	sqlite3_bind_int64(q, 3, subscription);
	sqlite3_bind_int(q, 4, p->scheme);
	sql_bind(q, 5, str_of(p->realm));
	sql_bind(q, 6, str_of(p->ha1));
	sql_bind(q, 7, str_of(p->ha1_sha256));
	int err = add_identity(s, q, p->impi, why);
	return err || p->scheme != AUTH_AKA ? err :
		store_add_usim(s, identity_id(subscription, place), p, why);
}

static int add_impu(struct store *s, int64_t subscription, size_t place,
	const struct sub_impu *u, char why[512])
{
	bool wildcard = impu_is_wildcard(u->kind);
	if (wildcard && store_index(s))
		return -EIO;
	sqlite3_stmt *q = store_sql(s, SQL_ADD_IMPU);
	sql_bind(q, 1, str_of(u->impu));
	sqlite3_bind_int64(q, 2, identity_id(subscription, place));
	sqlite3_bind_int64(q, 3, subscription);
	sqlite3_bind_int64(q, 4, u->set);
	sqlite3_bind_int64(q, 5, (int64_t)place);
	sqlite3_bind_int(q, 6, u->kind);
	sqlite3_bind_int(q, 7, u->barred);
	sqlite3_bind_int64(q, 8, u->profile);
	sql_bind(q, 9, str_of(u->display_name));
	int err = add_identity(s, q, u->impu, why);
	if (!err && wildcard)
		store_index_wildcard(s, u->impu);
	return err;
}

static bool may_use(const struct sub_impi *p, const struct sub_impu *u)
{
	for (size_t i = 0; i < u->private.n; i++)
		if (!strcmp(((char **)u->private.items)[i], p->impi))
			return true;
	return u->private.n == 0;
}

int store_add_identities(struct store *s, const struct subscription *sub, int64_t id,
	char why[512])
{
	const struct sub_impi *p = sub->impis.items;
	const struct sub_impu *u = sub->impus.items;
	int err = 0;

	for (size_t i = 0; !err && i < sub->impis.n; i++)
		err = add_impi(s, id, i, &p[i], why);
	for (size_t k = 0; !err && k < sub->impus.n; k++) {
		err = add_impu(s, id, k, &u[k], why);
		for (size_t i = 0; !err && i < sub->impis.n; i++) {
			if (!may_use(&p[i], &u[k]))
				continue;
			sqlite3_stmt *q = store_sql(s, SQL_ADD_PAIR);
			sqlite3_bind_int64(q, 1, identity_id(id, i));
			sqlite3_bind_int64(q, 2, identity_id(id, k));
			err = sql_done(q);
		}
	}
	return err;
}

static struct str session_case(const struct sub_condition *t)
{
	static const char digits[] = "01234";
	return (struct str){digits + t->session_case - 1, 1};
}

static int add_trigger(struct store *s, int64_t filter, size_t position,
	const struct sub_condition *t)
{
	sqlite3_stmt *q = store_sql(s, SQL_ADD_TRIGGER);
	int kind = t->method ? SPT_METHOD : t->request_uri ? SPT_REQUEST_URI :
		t->header ? SPT_HEADER : t->sdp_line ? SPT_SDP_LINE : SPT_SESSION_CASE;
	const char *value = t->method ? t->method : t->request_uri ? t->request_uri :
		t->header ? t->header : t->sdp_line;
	sqlite3_bind_int64(q, 1, filter);
	sqlite3_bind_int64(q, 2, (int64_t)position);
	sqlite3_bind_int64(q, 3, t->group);
	sqlite3_bind_int(q, 4, t->negated);
	sqlite3_bind_int(q, 5, kind);
	sql_bind(q, 6, kind == SPT_SESSION_CASE ? session_case(t) : str_of(value));
	sql_bind(q, 7, str_of(t->content));
	return sql_done(q);
}

static int add_filters(struct store *s, const struct subscription *sub, int64_t id)
{
	const struct sub_filter *f = sub->filters.items;
	int err = 0;
	for (size_t i = 0; !err && i < sub->filters.n; i++) {
		sqlite3_stmt *q = store_sql(s, SQL_ADD_FILTER);
		sqlite3_bind_int64(q, 1, id);
		sqlite3_bind_int64(q, 2, f[i].profile);
		sqlite3_bind_int64(q, 3, f[i].priority);
		sqlite3_bind_null(q, 4);
		if (f[i].part)
			sqlite3_bind_int(q, 4, f[i].part - 1);
		sqlite3_bind_null(q, 5);
		if (f[i].conditions.n)
			sqlite3_bind_int(q, 5, f[i].match == 0);
		sql_bind(q, 6, str_of(f[i].server));
		sqlite3_bind_int(q, 7, f[i].default_handling);
		sql_bind(q, 8, str_of(f[i].service_info));
		err = sql_done(q);
		int64_t filter = sqlite3_last_insert_rowid(s->db);
		const struct sub_condition *t = f[i].conditions.items;
		for (size_t k = 0; !err && k < f[i].conditions.n; k++)
			err = add_trigger(s, filter, k, &t[k]);
	}
	return err;
}

static int add_pool(struct store *s, const struct subscription *sub, int64_t id, char why[512])
{
	sqlite3_stmt *q = store_sql(s, SQL_ADD_POOL);
	sqlite3_bind_int64(q, 1, id);
	sql_bind(q, 2, str_of(sub->pool.impi));
	sql_bind(q, 3, str_of(sub->pool.impu));
	sqlite3_bind_int64(q, 4, sub->pool.max);
	store_unindex(s);
	return add_identity(s, q, sub->pool.impu, why);
}

/* Unregistered from the start, with its S-CSCF. */
static int add_fixed(struct store *s, const struct subscription *sub, int64_t id)
{
	struct found f = {.subscription = id};
	sqlite3_stmt *q = store_sql(s, SQL_FIX_PAIRS);
	sqlite3_bind_int64(q, 1, id);
	int err = sql_done(q);
	return err ? err : store_assign(s, &f, str_of(sub->unregistered.server_name),
		str_of(sub->unregistered.origin_host));
}

/* The members of a pool go with it. */
static int remove_members(struct store *s, enum sql which, int64_t pool)
{
	int err = 0;
	while (!err) {
		sqlite3_stmt *q = store_sql(s, which);
		if (which == SQL_MEMBER)
			sqlite3_bind_int64(q, 1, pool);
		int row = sql_row(q);
		int64_t id = row > 0 ? sqlite3_column_int64(q, 0) : 0;
		sqlite3_reset(q);
		if (row <= 0)
			return row;
		err = store_remove_id(s, id);
	}
	return err;
}

int store_pools_empty(struct store *s)
{
	cache_clear(s->cache);
	store_unindex(s);
	return remove_members(s, SQL_ANY_MEMBER, 0);
}

int store_remove_id(struct store *s, int64_t id)
{
	static const enum sql parts[] = {SQL_REMOVE_PAIRS, SQL_REMOVE_ASSIGNMENT, SQL_REMOVE};
	int err = remove_members(s, SQL_MEMBER, id);
	for (size_t i = 0; !err && i < sizeof parts / sizeof *parts; i++) {
		sqlite3_stmt *q = store_sql(s, parts[i]);
		sqlite3_bind_int64(q, 1, id);
		err = sql_done(q);
	}
	return err;
}

static int add_parts(struct store *s, const struct subscription *sub, char why[512])
{
	int64_t id;
	int err = has_usim(sub) ? store_seal(s, why) : 0;
	if (!err)
		err = add_head(s, sub, &id);
	if (!err)
		err = store_add_identities(s, sub, id, why);
	if (!err && sub->pool.impu)
		err = add_pool(s, sub, id, why);
	if (!err && sub->unregistered.server_name)
		err = add_fixed(s, sub, id);
	return err ? err : add_filters(s, sub, id);
}

/* No sequence number of a USIM is given twice. */
static int replace_parts(struct store *s, const struct subscription *sub, int64_t id, char why[512])
{
	struct usim_row *numbers;
	int err = store_numbers_take(s, sub, &numbers);

	if (!err)
		err = store_remove_id(s, id);
	store_unindex(s);
	if (!err)
		err = add_parts(s, sub, why);
	int given = store_numbers_give(s, sub, numbers);
	return err ? err : given;
}

int store_add(struct store *s, const struct subscription *sub, bool replace,
	enum store_added *out, char why[512])
{
	int64_t id = 0, fingerprint = 0;
	sqlite3_stmt *q = store_sql(s, SQL_FINGERPRINT);
	sql_bind(q, 1, str_of(sub->name));
	if (sqlite3_step(q) == SQLITE_ROW) {
		id = sqlite3_column_int64(q, 0);
		fingerprint = sqlite3_column_int64(q, 1);
	}
	sqlite3_reset(q);
	*out = id ? STORE_SAME : STORE_ADDED;
	if (id && fingerprint == fingerprint_of(s, sub))
		return 0;
	if (id && !replace) {
		snprintf(why, 512, "subscription \"%s\" is there already", sub->name);
		return -EEXIST;
	}
	snprintf(why, 512, "the database has a fault");
	cache_clear(s->cache);
	if (sql_run(s->db, "SAVEPOINT one"))
		return -EIO;
	int err = id ? replace_parts(s, sub, id, why) : add_parts(s, sub, why);
	if (err)
		store_unindex(s);
	sqlite3_exec(s->db, err ? "ROLLBACK TO one; RELEASE one" : "RELEASE one", NULL, NULL, NULL);
	if (id && !err)
		*out = STORE_REPLACED;
	return err;
}

/* ---- removing, showing ---- */

static int64_t id_named(struct store *s, struct str name)
{
	sqlite3_stmt *q = store_sql(s, SQL_NAMED);
	sql_bind(q, 1, name);
	int64_t id = sqlite3_step(q) == SQLITE_ROW ? sqlite3_column_int64(q, 0) : 0;
	sqlite3_reset(q);
	return id;
}

int store_remove(struct store *s, struct str name)
{
	int64_t id = id_named(s, name);
	cache_clear(s->cache);
	store_unindex(s);
	return id ? store_remove_id(s, id) : -ENOENT;
}

static json_t *text(struct str v)
{
	return v.p ? json_stringn(v.p, v.n) : NULL;
}

/* json_object_set_new takes no NULL; what a subscription lacks is left out. */
static void put(json_t *o, const char *key, json_t *v)
{
	if (v)
		json_object_set_new(o, key, v);
}

static json_t *words(struct str v)
{
	if (!v.p)
		return NULL;
	json_t *list = json_array();
	for (struct str word; v.n && (word = str_cut(&v, ' ')).n;)
		json_array_append_new(list, text(word));
	return list;
}

static json_t *show_head(struct store *s, int64_t id)
{
	static const char *const texts[] = {"primary_ecf", "secondary_ecf", "primary_ccf",
		"secondary_ccf"};
	sqlite3_stmt *q = store_sql(s, SQL_SHOW);
	sqlite3_bind_int64(q, 1, id);
	json_t *o = NULL;
	if (sqlite3_step(q) == SQLITE_ROW) {
		o = json_object();
		put(o, "name", text(sql_view(q, 0)));
		put(o, "may_register", json_boolean(sqlite3_column_int(q, 1)));
		put(o, "visited_networks", words(sql_view(q, 2)));
		put(o, "mandatory_capabilities", words(sql_view(q, 3)));
		put(o, "optional_capabilities", words(sql_view(q, 4)));
		put(o, "server_names", words(sql_view(q, 5)));
		for (int i = 0; i < 4; i++)
			put(o, texts[i], text(sql_view(q, 6 + i)));
		put(o, "allowed_wafs", words(sql_view(q, 10)));
		put(o, "allowed_wwsfs", words(sql_view(q, 11)));
		put(o, "server_name", text(sql_view(q, 12)));
		put(o, "origin_host", text(sql_view(q, 13)));
		if (sqlite3_column_int(q, 14))
			put(o, "fixed", json_true());
		put(o, "of_pool", text(sql_view(q, 15)));
		if (sql_view(q, 17).p) {
			put(o, "pool_private", text(sql_view(q, 16)));
			put(o, "pool_public", text(sql_view(q, 17)));
			put(o, "pool_max", json_integer(sqlite3_column_int64(q, 18)));
			put(o, "pool_members", json_integer(sqlite3_column_int64(q, 19)));
		}
	}
	sqlite3_reset(q);
	return o;
}

static json_t *show_impis(struct store *s, int64_t id)
{
	static const char *const schemes[] = {"sip-digest", "aka", "none"};
	sqlite3_stmt *q = store_sql(s, SQL_SHOW_IMPIS);
	json_t *list = json_array();
	sqlite3_bind_int64(q, 1, id);
	while (sqlite3_step(q) == SQLITE_ROW) {
		json_t *o = json_object(), *algorithms = json_array();
		if (sqlite3_column_int(q, 3))
			json_array_append_new(algorithms, json_string("MD5"));
		if (sqlite3_column_int(q, 4))
			json_array_append_new(algorithms, json_string("SHA-256"));
		put(o, "impi", text(sql_view(q, 0)));
		put(o, "scheme", json_string(schemes[sqlite3_column_int(q, 1) % 3]));
		put(o, "realm", text(sql_view(q, 2)));
		put(o, "algorithms", algorithms);
		json_array_append_new(list, o);
	}
	sqlite3_reset(q);
	return list;
}

static json_t *show_impu(sqlite3_stmt *q)
{
	static const char *const kinds[] = {
		"distinct", "psi", "wildcarded-psi", "non-distinct", "wildcard"};
	json_t *o = json_object();
	put(o, "impu", text(sql_view(q, 0)));
	put(o, "set", json_integer(sqlite3_column_int64(q, 1)));
	put(o, "kind", json_string(kinds[sqlite3_column_int(q, 2) % 5]));
	put(o, "barred", json_boolean(sqlite3_column_int(q, 3)));
	put(o, "profile", json_integer(sqlite3_column_int64(q, 4)));
	put(o, "display_name", text(sql_view(q, 5)));
	put(o, "registrations", json_array());
	return o;
}

static json_t *show_impus(struct store *s, int64_t id)
{
	sqlite3_stmt *q = store_sql(s, SQL_SHOW_PAIRS);
	json_t *list = json_array(), *impu = NULL;
	sqlite3_bind_int64(q, 1, id);
	while (sqlite3_step(q) == SQLITE_ROW) {
		struct str name = sql_view(q, 0);
		if (!impu || !str_eq(name, str_of(json_string_value(json_object_get(impu, "impu"))))) {
			impu = show_impu(q);
			json_array_append_new(list, impu);
		}
		json_t *o = json_object();
		put(o, "impi", text(sql_view(q, 6)));
		put(o, "state", json_string(reg_state_name((enum reg_state)sqlite3_column_int(q, 7))));
		put(o, "auth_pending", json_boolean(sqlite3_column_int(q, 8)));
		json_array_append_new(json_object_get(impu, "registrations"), o);
	}
	sqlite3_reset(q);
	return list;
}

json_t *store_show(struct store *s, struct str name)
{
	int64_t id = id_named(s, name);
	json_t *o = id ? show_head(s, id) : NULL;
	if (o) {
		put(o, "private", show_impis(s, id));
		put(o, "public", show_impus(s, id));
	}
	return o;
}

json_t *store_list(struct store *s, struct str after, int64_t limit)
{
	sqlite3_stmt *q = store_sql(s, SQL_LIST);
	json_t *list = json_array();
	sql_bind(q, 1, after.p ? after : STR(""));
	sqlite3_bind_int64(q, 2, limit);
	while (sqlite3_step(q) == SQLITE_ROW)
		json_array_append_new(list, text(sql_view(q, 0)));
	sqlite3_reset(q);
	return list;
}

int64_t store_count(struct store *s)
{
	sqlite3_stmt *q = store_sql(s, SQL_COUNT);
	int64_t n = sqlite3_step(q) == SQLITE_ROW ? sqlite3_column_int64(q, 0) : 0;
	sqlite3_reset(q);
	return n;
}
