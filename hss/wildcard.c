/* Identities that are not in the database, each by itself: members of wildcards and of pools.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "hss/store_inside.h"

/* ---- the index ---- */

static void free_pool(struct pool *p)
{
	sip_wildcard_free(p->impi);
	free(p);
}

void store_unindex(struct store *s)
{
	for (struct pool *p; (p = s->pool_list); free_pool(p))
		s->pool_list = p->next;
	sip_wildcards_free(&s->pools);
	sip_wildcards_free(&s->wildcards);
	s->indexed = false;
}

/* What the database holds was checked when it was provided. */
static struct sip_wildcard *compiled(struct str text)
{
	struct sip_wildcard *w;
	char why[256];
	if (!sip_wildcard_new(text, &w, why))
		return w;
	log_error("store", "wildcard %s is left out: %s", log_text(text), why);
	return NULL;
}

static void index_pool(struct store *s, sqlite3_stmt *q)
{
	struct arena a = {0};
	struct pool *p = MEM_NEW(struct pool);
	struct sip_wildcard *impu = compiled(sql_view(q, 2));
	*p = (struct pool){
		.next = s->pool_list,
		.id = sqlite3_column_int64(q, 0),
		.impi = compiled(pool_impi_uri(sql_view(q, 1), &a)),
		.max = sqlite3_column_int64(q, 3),
		.used = sqlite3_column_int64(q, 4),
	};
	if (!impu || !p->impi || sip_wildcards_add(&s->pools, impu, p)) {
		sip_wildcard_free(impu);
		free_pool(p);
	} else {
		s->pool_list = p;
	}
	arena_free(&a);
}

static void add_wildcard(struct store *s, struct str identity)
{
	struct sip_wildcard *w = compiled(identity);
	if (w && sip_wildcards_add(&s->wildcards, w, NULL))
		sip_wildcard_free(w);
}

void store_index_wildcard(struct store *s, const char *identity)
{
	struct sip_wildcard *w = compiled(str_of(identity));
	const struct sip_wildcard *other = w ? sip_wildcards_overlap(&s->wildcards, w, NULL) : NULL;
	if (other)
		log_warn("store", "wildcards %s and %s may overlap: of an identity that fits both, the "
			"longer literal part before the expression decides, then the older one",
			identity, log_text(sip_wildcard_text(other)));
	sip_wildcard_free(w);
	add_wildcard(s, str_of(identity));
}

static void index_wildcard(struct store *s, sqlite3_stmt *q)
{
	add_wildcard(s, sql_view(q, 0));
}

static bool read_all(struct store *s, enum sql which,
	void (*row)(struct store *s, sqlite3_stmt *q))
{
	sqlite3_stmt *q = store_sql(s, which);
	int rc;
	while ((rc = sql_row(q)) > 0)
		row(s, q);
	return !rc;
}

int store_index(struct store *s)
{
	if (s->indexed)
		return 0;
	s->indexed = read_all(s, SQL_WILDCARDS, index_wildcard) && read_all(s, SQL_POOLS, index_pool);
	if (s->indexed)
		return 0;
	store_unindex(s);
	return -EIO;
}

/* ---- members of wildcards ---- */

struct str store_wildcard(struct store *s, struct str identity, struct str named)
{
	const struct sip_wildcard *w = NULL;
	if (!identity.p || store_index(s))
		return STR_NONE;
	if (named.p)
		w = sip_wildcards_get(&s->wildcards, named, NULL);
	if (!w || !sip_wildcard_match(w, identity))
		w = sip_wildcards_find(&s->wildcards, identity, NULL);
	return w ? sip_wildcard_text(w) : STR_NONE;
}

/* ---- members of pools ---- */

static int read_template(struct store *s, int64_t pool, struct arena *a, struct found *out)
{
	sqlite3_stmt *q = store_sql(s, SQL_TEMPLATE);
	sqlite3_bind_int64(q, 1, pool);
	int rc = sqlite3_step(q);
	if (rc == SQLITE_ROW)
		*out = (struct found){
			.has_impi = true, .has_impu = true, .associated = true,
			.pool = pool, .scheme = AUTH_NONE,
			.may_register = sqlite3_column_int(q, 0),
			.visited_networks = sql_text(q, 1, a),
			.mandatory = sql_text(q, 2, a),
			.optional = sql_text(q, 3, a),
			.server_names = sql_text(q, 4, a),
		};
	sqlite3_reset(q);
	return rc == SQLITE_ROW ? 0 : sql_fault(s->db);
}

int store_pooled(struct store *s, struct str impi, struct str impu, struct arena *a,
	struct found *out)
{
	void *value = NULL;
	struct str uri = pool_impi_uri(impi, a);
	if (store_index(s))
		return -EIO;
	if (!s->pools.n || !str_eq(impu_canonical(uri, a), uri) || !impu.p ||
		sip_wildcard_is(impu) || !sip_wildcards_find(&s->pools, impu, &value))
		return 0;
	struct pool *p = value;
	if (!sip_wildcard_match(p->impi, uri))
		return 0;
	if (p->used >= p->max) {
		log_warn("store", "the pool of %s has its %lld identities",
			log_text(impu), (long long)p->max);
		return 0;
	}
	int err = read_template(s, p->id, a, out);
	return err ? err : 1;
}

static struct pool *pool_by_id(struct store *s, int64_t id)
{
	struct pool *p = store_index(s) ? NULL : s->pool_list;
	while (p && p->id != id)
		p = p->next;
	return p;
}

static int add_member(struct store *s, int64_t pool, struct str impi, struct arena *a, int64_t *id)
{
	sqlite3_stmt *q = store_sql(s, SQL_ADD_MEMBER);
	sqlite3_bind_int64(q, 1, pool);
	sql_bind(q, 2, arena_fmt(a, "pool:" STR_FMT, STR_ARG(impi)));
	int err = sql_done(q);
	*id = sqlite3_last_insert_rowid(s->db);
	return err;
}

int store_pool_take(struct store *s, const struct found *f, struct str impi, struct str impu,
	struct arena *a)
{
	struct pool *p = pool_by_id(s, f->pool);
	struct sub_impi private = {.impi = (char *)arena_str(a, impi).p, .scheme = AUTH_NONE};
	struct sub_impu public = {.impu = (char *)arena_str(a, impu).p, .set = 1, .profile = 1};
	const struct subscription sub = {.impis = {&private, 1}, .impus = {&public, 1}};
	char why[512];
	int64_t id;

	private.realm = strchr(private.impi, '@') + 1;
	int err = !p || store_change(s) ? -EIO : add_member(s, p->id, impi, a, &id);
	if (!err)
		err = store_add_identities(s, &sub, id, why);
	if (!err)
		p->used++;
	return err ? -EIO : 0;
}

int store_pool_give_back(struct store *s, const struct found *f, struct str impi, struct str impu)
{
	struct pool *p = pool_by_id(s, f->pool);
	if (store_change(s) || store_remove_id(s, f->subscription))
		return -EIO;
	cache_drop(s->cache, impi, impu);
	if (p && sqlite3_changes(s->db)) /* a SAR may name it twice */
		p->used--;
	return 0;
}
