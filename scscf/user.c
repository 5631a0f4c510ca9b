/* Who is registered.
 * SPDX-License-Identifier: Apache-2.0 */
#include "scscf/user.h"

#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/metric.h"

METRIC_IDLE(users_gauge, "imsrig_scscf_users", "users registered or being challenged");
METRIC_IDLE(bindings_gauge, "imsrig_scscf_bindings", "bindings stored");

struct identity {
	UT_hash_handle hh;
	struct membership *users;
	size_t n;
	char impu[];
};

struct membership {
	struct user *user;
	struct identity *identity;
	struct membership *next_of_identity, *next_of_user;
};

/* ---- users ---- */

static struct identity *identity_find(struct user_table *t, struct str impu)
{
	struct identity *i;
	HASH_FIND(hh, t->identities, impu.p, impu.n, i);
	return i;
}

struct user *user_find(struct user_table *t, struct str impi, struct str impu)
{
	struct identity *i = identity_find(t, impu);
	for (struct membership *m = i ? i->users : NULL; m; m = m->next_of_identity)
		if (str_eq(str_of(m->user->impi), impi))
			return m->user;
	return NULL;
}

struct user *user_by_id(struct user_table *t, uint64_t id)
{
	struct user *u;
	HASH_FIND(hh, t->users, &id, sizeof id, u);
	return u;
}

struct user *user_new(struct user_table *t, struct str impi, struct str impu)
{
	struct user *u = MEM_NEW(struct user);
	u->table = t;
	u->id = ++t->last_id;
	u->impi = str_dup(impi);
	HASH_ADD(hh, t->users, id, sizeof u->id, u);
	user_add_identity(u, impu);
	users_gauge.value++;
	return u;
}

struct user *user_need(struct user_table *t, struct str impi, struct str impu)
{
	struct user *u = user_find(t, impi, impu);
	return u ? u : user_new(t, impi, impu);
}

void user_add_identity(struct user *u, struct str impu)
{
	struct user_table *t = u->table;
	struct identity *i = identity_find(t, impu);
	struct membership **at = &u->identities;

	while (*at) {
		if ((*at)->identity == i)
			return;
		at = &(*at)->next_of_user;
	}
	if (!i) {
		i = mem_zalloc(sizeof *i + impu.n + 1);
		memcpy(i->impu, impu.p, impu.n);
		i->n = impu.n;
		HASH_ADD_KEYPTR(hh, t->identities, i->impu, i->n, i);
	}
	struct membership *m = MEM_NEW(struct membership);
	*m = (struct membership){.user = u, .identity = i, .next_of_identity = i->users};
	i->users = m;
	*at = m;
}

static void leave(struct membership *m)
{
	struct identity *i = m->identity;
	struct membership **at = &i->users;
	while (*at != m)
		at = &(*at)->next_of_identity;
	*at = m->next_of_identity;
	if (!i->users) {
		HASH_DEL(m->user->table->identities, i);
		free(i);
	}
	free(m);
}

struct str user_impu(const struct user *u)
{
	return (struct str){u->identities->identity->impu, u->identities->identity->n};
}

void user_hss(struct user *u, struct str origin_host)
{
	if (u->hss && str_eq(str_of(u->hss), origin_host))
		return;
	free(u->hss);
	u->hss = str_dup(origin_host);
}

void user_profile_end(struct user *u)
{
	free(u->associated);
	free(u->charging);
	entities_drop(u->allowed);
	u->associated = u->charging = NULL;
	u->allowed = NULL;
}

void user_free(struct user *u)
{
	while (u->bindings)
		binding_remove(u->bindings);
	user_challenge_end(u);
	for (struct membership *m = u->identities, *next; m; m = next) {
		next = m->next_of_user;
		leave(m);
	}
	HASH_DEL(u->table->users, u);
	users_gauge.value--;
	free(u->impi);
	user_profile_end(u);
	free(u->hss);
	free(u);
}

static void take_bindings(struct user *u, struct user *from)
{
	struct binding **end = &u->bindings;
	for (struct binding *b = from->bindings; b; b = b->next)
		b->user = u;
	while (*end)
		end = &(*end)->next;
	*end = from->bindings;
	from->bindings = NULL;
}

/* A SAR under way keeps the other one, empty; its answer makes it absorb in turn. */
static bool absorb(struct user *u, struct user *other)
{
	take_bindings(u, other);
	if (!u->route[0])
		memcpy(u->route, other->route, sizeof u->route);
	other->registered = false;
	if (other->waits)
		return false;
	user_free(other);
	return true;
}

static bool absorb_one(struct user *u)
{
	for (struct membership *m = u->identities; m; m = m->next_of_user)
		for (struct membership *n = m->identity->users; n; n = n->next_of_identity)
			if (n->user != u && !strcmp(n->user->impi, u->impi) && absorb(u, n->user))
				return true;
	return false;
}

void user_absorb(struct user *u)
{
	while (absorb_one(u))
		;
}

bool user_drop_if_idle(struct user *u)
{
	if (u->bindings || u->waits || (u->challenge && timer_runs(&u->challenge->await)))
		return false;
	user_free(u);
	return true;
}

void user_table_reset(struct user_table *t)
{
	struct user *u, *next;
	HASH_ITER(hh, t->users, u, next)
		user_free(u);
}

/* ---- challenges ---- */

struct challenge *user_challenge(struct user *u, struct str realm)
{
	user_challenge_end(u);
	u->challenge = mem_zalloc(sizeof *u->challenge + realm.n + 1);
	memcpy(u->challenge->realm, realm.p, realm.n);
	return u->challenge;
}

struct challenge *user_challenge_aka(struct user *u, struct str realm, enum aka_algorithm a)
{
	struct challenge *c = user_challenge(u, realm);
	c->aka = MEM_NEW(struct aka_challenge);
	c->aka->algorithm = a;
	return c;
}

void user_challenge_end(struct user *u)
{
	if (!u->challenge)
		return;
	user_await_end(u);
	if (u->challenge->aka)
		explicit_bzero(u->challenge->aka, sizeof *u->challenge->aka);
	free(u->challenge->aka);
	explicit_bzero(u->challenge->ha1, sizeof u->challenge->ha1);
	entities_drop(u->challenge->wwsf);
	free(u->challenge);
	u->challenge = NULL;
}

void user_await(struct user *u, int64_t ms, timer_h *h)
{
	if (!timer_runs(&u->challenge->await))
		u->table->waiting++;
	timer_start(u->table->clock, &u->challenge->await, ms, h, u);
}

void user_await_end(struct user *u)
{
	if (!u->challenge || !timer_runs(&u->challenge->await))
		return;
	timer_stop(&u->challenge->await);
	u->table->waiting--;
}

/* ---- bindings ---- */

struct binding *binding_find(struct user *u, const struct sip_contact *c)
{
	for (struct binding *b = u->bindings; b; b = b->next) {
		struct sip_uri uri;
		if (c->reg_id && c->instance.n) {
			if (b->reg_id == c->reg_id && str_eq(b->instance, c->instance))
				return b;
		} else if (!sip_uri_parse(&uri, b->uri) && sip_uri_equal(&uri, &c->uri)) {
			return b;
		}
	}
	return NULL;
}

size_t binding_count(const struct user *u)
{
	size_t n = 0;
	for (const struct binding *b = u->bindings; b; b = b->next)
		n++;
	return n;
}

static struct str put(char **at, struct str s)
{
	struct str copy = {*at, s.n};
	if (s.n)
		memcpy(*at, s.p, s.n);
	*at += s.n;
	return copy;
}

struct binding *binding_set(struct user *u, const struct sip_contact *c, struct str call_id,
	uint32_t cseq, struct str path, int64_t ms, timer_h *h)
{
	struct binding *old = binding_find(u, c);
	struct binding *b = mem_zalloc(sizeof *b + c->text.n + c->instance.n + call_id.n + path.n);
	char *at = b->text;

	b->user = u;
	b->cseq = cseq;
	b->reg_id = c->reg_id;
	b->contact = put(&at, c->text);
	b->uri = (struct str){b->contact.p + (c->uri.text.p - c->text.p), c->uri.text.n};
	b->instance = put(&at, c->instance);
	b->call_id = put(&at, call_id);
	b->path = put(&at, path);
	b->next = u->bindings;
	u->bindings = b;
	bindings_gauge.value++;
	if (old)
		binding_remove(old);
	timer_start(u->table->clock, &b->expiry, ms, h, b);
	return b;
}

void binding_remove(struct binding *b)
{
	struct binding **at = &b->user->bindings;
	while (*at != b)
		at = &(*at)->next;
	*at = b->next;
	timer_stop(&b->expiry);
	bindings_gauge.value--;
	entities_drop(b->vouchers);
	free(b);
}

bool binding_is_newer(const struct binding *b, struct str call_id, uint32_t cseq)
{
	return str_eq(b->call_id, call_id) && cseq <= b->cseq;
}

static void print_one(const struct binding *b, int64_t now, struct buf *out)
{
	int64_t left = (b->expiry.due_ms - now + 999) / 1000;
	if (out->n)
		buf_add(out, STR(", "));
	buf_fmt(out, "<" STR_FMT ">", STR_ARG(b->uri));
	if (b->instance.n)
		buf_fmt(out, ";+sip.instance=\"" STR_FMT "\"", STR_ARG(b->instance));
	if (b->reg_id)
		buf_fmt(out, ";reg-id=%u", b->reg_id);
	buf_fmt(out, ";expires=%lld", (long long)left);
}

void binding_print(struct user_table *t, struct str impu, struct buf *out)
{
	struct identity *i = identity_find(t, impu);
	for (struct membership *m = i ? i->users : NULL; m; m = m->next_of_identity)
		for (struct binding *b = m->user->bindings; b; b = b->next)
			print_one(b, clock_ms(t->clock), out);
}
