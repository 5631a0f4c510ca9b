/* Cookies as a browser keeps them.
 * SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/wic/jar.h"

#include <stdlib.h>

struct cookie {
	struct cookie *next;
	char *host, *name, *value;
};

static void cookie_free(struct cookie *c)
{
	free(c->host);
	free(c->name);
	free(c->value);
	free(c);
}

void jar_free(struct jar *j)
{
	while (j->first) {
		struct cookie *c = j->first;
		j->first = c->next;
		cookie_free(c);
	}
}

static struct cookie **find(struct jar *j, struct str host, struct str name)
{
	struct cookie **at = &j->first;
	while (*at && !(str_ieq(str_of((*at)->host), host) &&
			      str_eq(str_of((*at)->name), name)))
		at = &(*at)->next;
	return at;
}

static bool is_over(struct str attributes)
{
	while (attributes.p) {
		struct str value = str_cut(&attributes, ';');
		struct str name = str_trim(str_cut(&value, '='));
		value = str_trim(value);
		if (str_ieq(name, STR("Max-Age")) &&
			(str_eq(value, STR("0")) || str_starts(value, STR("-"))))
			return true;
	}
	return false;
}

static void take_one(struct jar *j, struct str host, struct str set)
{
	struct str value = str_cut(&set, ';'), name = str_trim(str_cut(&value, '='));
	struct cookie **at = find(j, host, name), *c = *at;

	if (!name.n || !value.p)
		return;
	if (is_over(set)) {
		if (c) {
			*at = c->next;
			cookie_free(c);
		}
		return;
	}
	if (!c) {
		c = *at = MEM_NEW(struct cookie);
		c->host = str_dup(host);
		c->name = str_dup(name);
	}
	free(c->value);
	c->value = str_dup(str_trim(value));
}

void jar_take(struct jar *j, struct str host, const struct http_msg *m)
{
	for (size_t i = 0; i < m->n_fields; i++)
		if (str_ieq(m->fields[i].name, STR("Set-Cookie")))
			take_one(j, host, m->fields[i].value);
}

void jar_put(const struct jar *j, struct str host, struct buf *out)
{
	const char *before = "Cookie: ";

	for (const struct cookie *c = j->first; c; c = c->next) {
		if (!str_ieq(str_of(c->host), host))
			continue;
		buf_fmt(out, "%s%s=%s", before, c->name, c->value);
		before = "; ";
	}
	if (*before == ';')
		buf_add(out, STR("\r\n"));
}
