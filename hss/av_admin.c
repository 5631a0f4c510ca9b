/* Commands on an AV proxy's store.
 * SPDX-License-Identifier: Apache-2.0 */
#include "hss/av_admin.h"

#include <errno.h>

#include "common/crypto/json.h"

static json_t *refuse(const char *why)
{
	return json_pack("{s:b, s:s}", "ok", 0, "why", why);
}

static struct str field(const json_t *args, const char *key)
{
	return json_text(json_object_get(args, key));
}

static json_t *import(struct av_store *s, const struct av_import *like, const json_t *args)
{
	struct av_import i = *like;
	struct av_imported done;
	char why[512];
	i.path = json_string_value(json_object_get(args, "file"));
	if (!i.path)
		return refuse("avproxy.import needs \"file\"");
	if (av_store_import(s, &i, &done, why))
		return refuse(why);
	return json_pack("{s:b, s:s, s:I, s:I}", "ok", 1, "wwsf", done.wwsf, "users", done.users,
		"withdrawn", done.withdrawn);
}

static json_t *status(struct av_store *s, const struct av_import *like, const json_t *args)
{
	json_t *o = av_store_status(s, like->now_ms, like->max_age_ms);
	json_object_set_new(o, "ok", json_true());
	json_object_set_new(o, "max_age_s", json_integer(like->max_age_ms / 1000));
	return o;
}

static json_t *list(struct av_store *s, const struct av_import *like, const json_t *args)
{
	const json_t *limit = json_object_get(args, "limit");
	struct arena a = {0};
	struct str wwsf = field(args, "wwsf");
	if (wwsf.p && !(wwsf = av_host_name(wwsf, &a)).p)
		wwsf = STR("");        /* nobody's */
	json_t *names = av_store_list(s, wwsf, field(args, "after"),
		json_is_integer(limit) ? json_integer_value(limit) : 100);
	arena_free(&a);
	return json_pack("{s:b, s:o}", "ok", 1, "names", names);
}

static json_t *no_such(const char *what, struct str name)
{
	return json_pack("{s:b, s:o}", "ok", 0, "why",
		json_sprintf("no %s \"%.*s\" is known", what, STR_ARG(name)));
}

static json_t *show(struct av_store *s, const struct av_import *like, const json_t *args)
{
	json_t *at = av_store_show(s, field(args, "name"));
	if (json_array_size(at))
		return json_pack("{s:b, s:o}", "ok", 1, "at", at);
	json_decref(at);
	return no_such("web identity", field(args, "name"));
}

static json_t *remove_some(struct av_store *s, const struct av_import *like, const json_t *args)
{
	struct str name = field(args, "name"), wwsf = field(args, "wwsf");
	if (!name.p && !wwsf.p)
		return refuse("avproxy.remove needs \"name\" or \"wwsf\"");
	int64_t n = av_store_remove(s, name, wwsf, like->registered, like->arg);
	if (n == -ENOENT)
		return name.p ? no_such("web identity", name) : no_such("WWSF", wwsf);
	if (n < 0)
		return refuse("the AV proxy's database has a fault");
	return json_pack("{s:b, s:I}", "ok", 1, "removed", n);
}

static const struct {
	const char *name;
	json_t *(*run)(struct av_store *s, const struct av_import *like, const json_t *args);
} commands[] = {
	{"avproxy.import", import}, {"avproxy.status", status}, {"avproxy.list", list},
	{"avproxy.show", show}, {"avproxy.remove", remove_some},
};

json_t *av_command(struct av_store *s, const struct av_import *like, const json_t *args)
{
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		if (str_eq(field(args, "cmd"), str_of(commands[i].name)))
			return commands[i].run(s, like, args);
	return NULL;
}
