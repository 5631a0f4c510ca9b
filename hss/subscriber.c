/* Subscriber commands on a store.
 * SPDX-License-Identifier: Apache-2.0 */
#include "hss/subscriber.h"

#include <errno.h>
#include <stdio.h>

#include "common/crypto/json.h"

static json_t *refuse(const char *why)
{
	return json_pack("{s:b, s:s}", "ok", 0, "why", why);
}

static struct str field(const json_t *args, const char *key)
{
	return json_text(json_object_get(args, key));
}

static int64_t number(const json_t *args, const char *key, int64_t otherwise)
{
	const json_t *v = json_object_get(args, key);
	return json_is_integer(v) ? json_integer_value(v) : otherwise;
}

/* ---- add ---- */

static int add_yaml(struct store *s, const json_t *args, bool replace, int64_t added[3],
	char why[512])
{
	struct subscriptions all;
	struct arena a = {0};
	const char *name = json_string_value(json_object_get(args, "name"));
	int err = subscriptions_load_text(field(args, "yaml"), name ? name : "yaml", &all, &a, why);
	const struct subscription *sub = all.items.items;
	for (size_t i = 0; !err && i < all.items.n; i++) {
		enum store_added how;
		err = store_add(s, &sub[i], replace, &how, why);
		if (!err)
			added[how]++;
	}
	arena_free(&a);
	return err;
}

static int add_range(struct store *s, const json_t *args, bool replace, int64_t added[3],
	char why[512])
{
	struct range r = {json_string_value(json_object_get(args, "range")),
		json_string_value(json_object_get(args, "realm")),
		json_string_value(json_object_get(args, "password")),
		json_string_value(json_object_get(args, "k")),
		json_string_value(json_object_get(args, "opc"))};
	int64_t first = number(args, "first", 1), count = number(args, "count", 0);
	struct arena a = {0};
	int err = 0;

	if (!r.realm)
		r.realm = "ims.example.org";
	if (count < 1 || count > 10000000 || first < 0 || first > INT64_C(1000000000000)) {
		snprintf(why, 512, "a range has a count of 1 to 10000000, and is counted from 0 up");
		return -EINVAL;
	}
	for (int64_t i = 0; !err && i < count; i++) {
		struct subscription sub;
		enum store_added how;
		err = subscription_of_range(&r, first + i, &sub, &a, why);
		if (!err)
			err = store_add(s, &sub, replace, &how, why);
		if (!err)
			added[how]++;
		arena_free(&a);
	}
	return err;
}

static json_t *add(struct store *s, const json_t *args)
{
	int64_t added[3] = {0};
	char why[512];
	bool replace = json_is_true(json_object_get(args, "replace"));
	if (!field(args, "yaml").p && !field(args, "range").p)
		return refuse("subscriber.add needs \"yaml\" or \"range\"");
	if (store_begin_all(s))
		return refuse("the database has a fault");
	int err = field(args, "yaml").p ? add_yaml(s, args, replace, added, why) :
		add_range(s, args, replace, added, why);
	if (err) {
		store_undo_all(s);
		return refuse(why);
	}
	if (store_commit(s))
		return refuse("the database has a fault");
	return json_pack("{s:b, s:I, s:I, s:I}", "ok", 1, "added", added[STORE_ADDED], "replaced",
		added[STORE_REPLACED], "same", added[STORE_SAME]);
}

/* ---- the others ---- */

static json_t *list(struct store *s, const json_t *args)
{
	return json_pack("{s:b, s:o, s:I}", "ok", 1, "names",
		store_list(s, field(args, "after"), number(args, "limit", 100)), "count",
		store_count(s));
}

static json_t *no_such(struct str name)
{
	json_t *why = json_sprintf("no subscription has \"%.*s\"", STR_ARG(name));
	return json_pack("{s:b, s:o}", "ok", 0, "why", why);
}

static json_t *show(struct store *s, const json_t *args)
{
	json_t *o = store_show(s, field(args, "name"));
	return o ? json_pack("{s:b, s:o}", "ok", 1, "subscription", o) : no_such(field(args, "name"));
}

static json_t *remove_one(struct store *s, const json_t *args)
{
	int err = store_remove(s, field(args, "name"));
	if (err == -ENOENT)
		return no_such(field(args, "name"));
	return err ? refuse("the database has a fault") : json_pack("{s:b}", "ok", 1);
}

static json_t *state(struct store *s, const json_t *args)
{
	struct arena a = {0};
	struct found f;
	json_t *o = NULL;
	struct str impu = impu_canonical(field(args, "impu"), &a);
	if (!impu.p || store_find(s, field(args, "impi"), impu, &a, &f) || !f.associated) {
		o = refuse("no such pair of identities");
	} else {
		o = json_pack("{s:b, s:s, s:b}", "ok", 1, "state", reg_state_name(f.state),
			"auth_pending", f.auth_pending);
		if (f.server_name.p) {
			json_object_set_new(o, "server_name",
				json_stringn(f.server_name.p, f.server_name.n));
			json_object_set_new(o, "origin_host",
				json_stringn(f.origin_host.p, f.origin_host.n));
		}
	}
	arena_free(&a);
	return o;
}

static const struct {
	const char *name;
	json_t *(*run)(struct store *s, const json_t *args);
} commands[] = {
	{"subscriber.add", add},
	{"subscriber.list", list},
	{"subscriber.show", show},
	{"subscriber.remove", remove_one},
	{"state", state},
};

json_t *subscriber_command(struct store *s, const json_t *args)
{
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		if (str_eq(field(args, "cmd"), str_of(commands[i].name)))
			return commands[i].run(s, args);
	return NULL;
}
