/* Rules of the fault gate.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/trace/rule.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/mem.h"

static const struct {
	const char *name, *done;
} actions[] = {
	[RULE_DROP] = {"drop", "dropped"},
	[RULE_HOLD] = {"hold", "held"},
	[RULE_DELAY] = {"delay", "delayed"},
	[RULE_DUPLICATE] = {"duplicate", "duplicated"},
	[RULE_REWRITE] = {"rewrite", "rewrote"},
	[RULE_REPLACE] = {"replace", "replaced"},
	[RULE_SET] = {"set", "set fields of"},
};
enum { N_ACTIONS = sizeof actions / sizeof *actions, MAX_GROUPS = 10 };

static const char *const dirs[] = {"sent", "received", NULL};
static const char *const vias[] = {"udp", "tcp", "tls", "ws", "wss", NULL};

static const char *const top_keys[] = {"match", "do", "ms", "times", "skip", "copies",
	"find", "with", "all", "text", "bytes_hex", "hex", "set", NULL};
static const char *const match_keys[] = {
	"dir", "peer", "local", "via", "what", "fields", NULL};

const char *rule_done(enum rule_action a)
{
	return actions[a].done;
}

/* ---- reading ---- */

static char sentence[256];

static int refuse(const char **why, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static int refuse(const char **why, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(sentence, sizeof sentence, fmt, ap);
	va_end(ap);
	*why = sentence;
	return -EINVAL;
}

static int index_of(const char *const *names, const char *name)
{
	for (int i = 0; names[i]; i++)
		if (!strcmp(names[i], name))
			return i;
	return -1;
}

static int only_keys(const json_t *o, const char *const *names, const char **why)
{
	const char *key;
	json_t *v;
	json_object_foreach(
		(json_t *)o, key, v) if (index_of(names, key) < 0) return refuse(why,
		"a fault rule has no key \"%.60s\"", key);
	return 0;
}

static int compile(regex_t *out, const char *pattern, const char **why)
{
	char text[100];
	int err = regcomp(out, pattern, REG_EXTENDED);
	if (!err)
		return 0;
	regerror(err, out, text, sizeof text);
	return refuse(why, "regular expression \"%.60s\": %s", pattern, text);
}

static int read_test(
	const json_t *j, const char *key, struct rule_test *out, const char **why)
{
	if (json_is_boolean(j)) {
		*(json_is_true(j) ? &out->present : &out->absent) = true;
		return 0;
	}
	if (!json_is_string(j))
		return refuse(
			why, "\"%.60s\" of a fault rule takes a text or /regex/", key);
	struct str s = {json_string_value(j), json_string_length(j)};
	if (s.n < 2 || s.p[0] != '/' || s.p[s.n - 1] != '/') {
		out->text = str_dup(s);
		return 0;
	}
	char *pattern = str_dup((struct str){s.p + 1, s.n - 2});
	int err = compile(&out->regex, pattern, why);
	free(pattern);
	out->is_regex = !err;
	return err;
}

static int read_int(
	const json_t *rule, const char *key, int64_t dflt, int64_t *out, const char **why)
{
	const json_t *j = json_object_get(rule, key);
	*out = dflt;
	if (!j)
		return 0;
	if (!json_is_integer(j) || json_integer_value(j) < 0)
		return refuse(why, "\"%s\" of a fault rule takes a number from 0", key);
	*out = json_integer_value(j);
	return 0;
}

static int read_name(const json_t *match, const char *key, const char *const *names,
	int *out, const char **why)
{
	const json_t *j = json_object_get(match, key);
	*out = -1;
	if (!j)
		return 0;
	*out = json_is_string(j) ? index_of(names, json_string_value(j)) : -1;
	if (*out < 0)
		return refuse(
			why, "\"%s\" of a fault rule is not one that is known", key);
	return 0;
}

static int read_peer(
	const json_t *match, const char *key, struct addr *out, const char **why)
{
	const json_t *j = json_object_get(match, key);
	if (!j)
		return 0;
	if (!json_is_string(j) || addr_parse(str_of(json_string_value(j)), 0, out))
		return refuse(why, "\"%s\" of a fault rule takes an address", key);
	return 0;
}

static int read_match(const json_t *match, struct rule *r, const char **why)
{
	const json_t *what = json_object_get(match, "what");
	json_t *fields = json_object_get(match, "fields"), *v;
	const char *key;

	if (match && !json_is_object(match))
		return refuse(why, "\"match\" of a fault rule takes an object");
	if (only_keys(match, match_keys, why) ||
		read_name(match, "dir", dirs, &r->dir, why) ||
		read_name(match, "via", vias, &r->via, why) ||
		read_peer(match, "peer", &r->peer, why) ||
		read_peer(match, "local", &r->local, why) ||
		(what && read_test(what, "what", &r->what, why)))
		return -EINVAL;
	if (fields && !json_is_object(fields))
		return refuse(why, "\"fields\" of a fault rule takes an object");
	r->fields = mem_zalloc(json_object_size(fields) * sizeof *r->fields);
	json_object_foreach(fields, key, v)
	{
		struct rule_field *f = &r->fields[r->n_fields++];
		f->name = str_dup(str_of(key));
		if (read_test(v, key, &f->test, why))
			return -EINVAL;
	}
	return 0;
}

static int read_action(const json_t *j, struct rule *r, const char **why)
{
	const char *name = json_string_value(json_object_get(j, "do"));
	for (int i = 0; name && i < N_ACTIONS; i++)
		if (!strcmp(actions[i].name, name)) {
			r->action = (enum rule_action)i;
			return 0;
		}
	return refuse(why,
		"\"do\" of a fault rule is one of drop, hold, delay, duplicate, "
		"rewrite, replace, set");
}

static int read_rewrite(const json_t *j, struct rule *r, const char **why)
{
	const json_t *find = json_object_get(j, "find"),
		     *with = json_object_get(j, "with");

	if (!json_is_string(find) || (with && !json_is_string(with)))
		return refuse(why,
			"\"rewrite\" takes \"find\" (a regular expression) and \"with\"");
	if (compile(&r->find, json_string_value(find), why))
		return -EINVAL;
	r->has_find = true;
	r->all = json_is_true(json_object_get(j, "all"));
	r->with.n = json_string_length(with);
	r->with.p = str_dup((struct str){json_string_value(with), r->with.n});
	return 0;
}

static int read_replace(const json_t *j, struct rule *r, const char **why)
{
	const json_t *text = json_object_get(j, "text"),
		     *hex = json_object_get(j, "bytes_hex");

	if (!hex)
		hex = json_object_get(j, "hex");
	if (json_is_string(text) && !hex) {
		r->bytes.n = json_string_length(text);
		r->bytes.p = str_dup((struct str){json_string_value(text), r->bytes.n});
		return 0;
	}
	if (!json_is_string(hex) || text)
		return refuse(why, "\"replace\" takes \"text\" or \"bytes_hex\"");
	struct str digits = {json_string_value(hex), json_string_length(hex)};
	char *bytes = mem_alloc(digits.n / 2);
	r->bytes = (struct str){bytes, digits.n / 2};
	if (digits.n % 2 || str_hex(digits, (uint8_t *)bytes, digits.n / 2))
		return refuse(
			why, "\"bytes_hex\" of a fault rule takes pairs of hex digits");
	return 0;
}

static int read_rule(const json_t *j, struct rule *r, const char **why)
{
	if (!json_is_object(j))
		return refuse(why, "a fault rule is an object");
	if (only_keys(j, top_keys, why) ||
		read_match(json_object_get(j, "match"), r, why) ||
		read_action(j, r, why) || read_int(j, "ms", 0, &r->ms, why) ||
		read_int(j, "times", -1, &r->times, why) ||
		read_int(j, "skip", 0, &r->skip, why) ||
		read_int(j, "copies", 1, &r->copies, why))
		return -EINVAL;
	if (r->copies > 100)
		return refuse(why, "\"copies\" of a fault rule is at most 100");
	if (r->action == RULE_DELAY && !json_object_get(j, "ms"))
		return refuse(why, "\"delay\" takes \"ms\"");
	if (r->action == RULE_REWRITE)
		return read_rewrite(j, r, why);
	if (r->action == RULE_REPLACE)
		return read_replace(j, r, why);
	if (r->action == RULE_SET) {
		json_t *set = json_object_get(j, "set");
		if (!json_is_object(set))
			return refuse(
				why, "\"set\" takes an object of fields and values");
		r->set = json_deep_copy(set);
	}
	return 0;
}

struct rule *rule_new(const json_t *j, const char **why)
{
	struct rule *r = MEM_NEW(struct rule);
	if (!read_rule(j, r, why))
		return r;
	rule_free(r);
	return NULL;
}

static void test_free(struct rule_test *t)
{
	free(t->text);
	if (t->is_regex)
		regfree(&t->regex);
}

void rule_free(struct rule *r)
{
	test_free(&r->what);
	for (size_t i = 0; i < r->n_fields; i++) {
		free(r->fields[i].name);
		test_free(&r->fields[i].test);
	}
	free(r->fields);
	if (r->has_find)
		regfree(&r->find);
	free((char *)r->with.p);
	free((char *)r->bytes.p);
	json_decref(r->set);
	free(r);
}

/* ---- matching ---- */

/* REG_STARTEND: octets with a length, any byte among them. */
static bool finds(const regex_t *re, struct str s, size_t from, regmatch_t *at, size_t n)
{
	struct buf z = {0}; /* AddressSanitizer's regexec looks for a NUL in spite of it */
	buf_add(&z, s);
	at[0].rm_so = (regoff_t)from;
	at[0].rm_eo = (regoff_t)s.n;
	bool found = !regexec(re, buf_z(&z), n, at, REG_STARTEND | (from ? REG_NOTBOL : 0));
	buf_free(&z);
	return found;
}

static bool test_matches(const struct rule_test *t, struct str s)
{
	regmatch_t at[1];
	if (t->is_regex)
		return s.p && finds(&t->regex, s, 0, at, 1);
	if (t->present || t->absent)
		return (s.p != NULL) == t->present;
	return s.p && str_eq(s, str_of(t->text));
}

/* "HTTP POST" takes "HTTP POST /login" too. */
static bool what_matches(const struct rule_test *t, struct str what)
{
	if (t->is_regex)
		return test_matches(t, what);
	if (!t->text)
		return true;
	struct str head = str_of(t->text);
	return str_starts(what, head) && (what.n == head.n || what.p[head.n] == ' ');
}

static bool addr_matches(const struct addr *want, const struct addr *a)
{
	if (!addr_is(want))
		return true;
	return addr_port(want) ? addr_eq(want, a) : addr_host_eq(want, a);
}

bool rule_matches(const struct rule *r, const struct gate_proto *p,
	const struct trace_msg *m, struct str what)
{
	if ((r->dir >= 0 && r->dir != (int)m->dir) ||
		(r->via >= 0 && r->via != (int)m->via) ||
		!addr_matches(&r->peer, &m->remote) ||
		!addr_matches(&r->local, &m->local) || !what_matches(&r->what, what))
		return false;
	for (size_t i = 0; i < r->n_fields; i++) {
		const struct rule_field *f = &r->fields[i];
		struct str v = p->field ? p->field(m, str_of(f->name)) : STR_NONE;
		if (!test_matches(&f->test, v))
			return false;
	}
	return true;
}

/* ---- rewriting ---- */

static void put_with(
	struct str with, struct str in, const regmatch_t *at, struct buf *out)
{
	for (size_t i = 0; i < with.n; i++) {
		char c = with.p[i];
		if (c != '\\' || i + 1 == with.n) {
			buf_byte(out, c);
			continue;
		}
		c = with.p[++i];
		if (c < '0' || c > '9')
			buf_byte(out, c);
		else if (at[c - '0'].rm_so >= 0)
			buf_put(out, in.p + at[c - '0'].rm_so,
				(size_t)(at[c - '0'].rm_eo - at[c - '0'].rm_so));
	}
}

bool rule_rewrite(const struct rule *r, struct str in, struct buf *out)
{
	regmatch_t at[MAX_GROUPS];
	size_t from = 0;
	bool any = false;

	while (from <= in.n && finds(&r->find, in, from, at, MAX_GROUPS)) {
		size_t so = (size_t)at[0].rm_so, eo = (size_t)at[0].rm_eo;
		any = true;
		buf_put(out, in.p + from, so - from);
		put_with(r->with, in, at, out);
		from = eo;
		if (!r->all)
			break;
		if (so == eo) { /* an empty match: on by one byte */
			if (eo < in.n)
				buf_byte(out, in.p[eo]);
			from++;
		}
	}
	if (any && from < in.n)
		buf_put(out, in.p + from, in.n - from);
	return any;
}
