/* HTTP messages seen by the fault gate and by scripts: what kind, which field, and a field
 * changed.
 * SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include <jansson.h>

#include "common/base/b64url.h"
#include "common/http/answer.h"
#include "common/http/parser.h"

/* ---- reading ---- */

struct view {
	struct http_parser p;
	struct http_store store;
	struct http_msg m;
	bool ok;
};

/* A message that is cut short or not quite HTTP still shows what can be read of it. */
static void view_open(struct view *v, struct str bytes)
{
	bool request = !str_starts(bytes, STR("HTTP/"));
	http_parser_init(&v->p, request, SIZE_MAX / 16);
	http_parser_feed(&v->p, &bytes);
	v->ok = v->p.head_done;
	v->store = (struct http_store){0};
	if (v->ok)
		http_parser_take(&v->p, &v->store, &v->m);
}

static void view_close(struct view *v)
{
	http_parser_free(&v->p);
	http_store_free(&v->store);
}

static int digit(char c)
{
	uint8_t v;
	return str_hex((struct str){(char[]){'0', c}, 2}, &v, 1) ? -1 : v;
}

static struct str decoded(struct str s, struct arena *a)
{
	char *out = arena_alloc(a, s.n + 1);
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++) {
		int hi = i + 2 < s.n && s.p[i] == '%' ? digit(s.p[i + 1]) : -1;
		int lo = hi >= 0 ? digit(s.p[i + 2]) : -1;
		if (lo >= 0) {
			out[n++] = (char)(hi << 4 | lo);
			i += 2;
		} else {
			out[n++] = s.p[i] == '+' ? ' ' : s.p[i];
		}
	}
	out[n] = 0;
	return (struct str){out, n};
}

/* A parameter of "a=b&c=d". */
static struct str parameter(struct str list, struct str name, struct arena *a)
{
	while (list.p) {
		struct str value = str_cut(&list, '&');
		struct str key = str_cut(&value, '=');
		if (str_eq(decoded(key, a), name))
			return value.p ? decoded(value, a) : STR("");
	}
	return STR_NONE;
}

static json_t *member(const json_t *object, struct str name)
{
	char key[128];
	return str_copy(name, key, sizeof key) ? json_object_get(object, key) : NULL;
}

/* A token's header or claims, whatever its signature is worth (RFC 7519): "token.claims.aud"
 * in a script. A new reference, or NULL. */
static json_t *jwt_part(const json_t *token, struct str *path)
{
	struct str text = {json_string_value(token), json_string_length(token)};
	bool claims = str_eq(*path, STR("claims")) || str_starts(*path, STR("claims."));
	struct str part = str_cut(&text, '.');
	json_t *out = NULL;
	size_t n;

	if (!claims && !str_eq(*path, STR("header")) && !str_starts(*path, STR("header.")))
		return NULL;
	if (claims)
		part = str_cut(&text, '.');
	char *json = mem_alloc(part.n + 1);
	if (part.n && text.p && !b64url_read(part, json, &n))
		out = json_loadb(json, n, 0, NULL);
	free(json);
	str_cut(path, '.');
	return out;
}

/* One step of "impu[1]" (the first) or "cnf.jkt" down from *at; false when there is nothing. */
static bool step(json_t **at, struct str *path)
{
	size_t n = 0, index = 0;
	if (path->p[0] == '[') {
		for (n = 1; n < path->n && isdigit((unsigned char)path->p[n]) && n < 9;
			n++)
			index = index * 10 + (size_t)(path->p[n] - '0');
		if (!index || n == path->n || path->p[n] != ']')
			return false;
		*at = json_array_get(*at, index - 1);
		*path = str_skip(*path, n + 1);
	} else {
		while (n < path->n && path->p[n] != '.' && path->p[n] != '[')
			n++;
		*at = member(*at, (struct str){path->p, n});
		*path = str_skip(*path, n);
	}
	if (path->n && path->p[0] == '.')
		*path = str_skip(*path, 1);
	return *at;
}

static json_t *find(json_t *root, struct str path)
{
	while (path.n)
		if (!step(&root, &path))
			return NULL;
	return root;
}

static struct str json_text(const json_t *j, struct arena *a)
{
	if (json_is_string(j))
		return arena_str(a,
			(struct str){json_string_value(j), json_string_length(j)});
	char *text = json_dumps(j, JSON_COMPACT | JSON_ENCODE_ANY);
	struct str out = arena_str(a, str_of(text));
	free(text);
	return out;
}

/* p NULL: not there. */
static struct str json_field(json_t *root, struct str path, struct arena *a)
{
	while (path.n && !json_is_string(root))
		if (!step(&root, &path))
			return STR_NONE;
	if (!path.n)
		return json_text(root, a);
	json_t *inside = jwt_part(root, &path);
	struct str found = inside ? json_field(inside, path, a) : STR_NONE;
	json_decref(inside);
	return found;
}

static json_t *json_of(const struct http_msg *m)
{
	struct str type = http_field(m, STR("Content-Type"));
	struct str kind = str_trim(str_cut(&type, ';'));
	if (!str_ieq(kind, STR("application/json")) &&
		!(str_istarts(kind, STR("application/")) && str_ends(kind, STR("+json"))))
		return NULL;
	return json_loadb(m->body.p ? m->body.p : "", m->body.n, JSON_DECODE_ANY, NULL);
}

static struct str body_field(const struct http_msg *m, struct str name, struct arena *a)
{
	struct str found = STR_NONE;
	json_t *j = json_of(m);
	if (j)
		found = json_field(j, name, a);
	json_decref(j);
	if (!found.p && str_istarts(http_field(m, STR("Content-Type")),
				STR("application/x-www-form-urlencoded")))
		found = parameter(m->body, name, a);
	return found;
}

/* "Set-Cookie[2]": the second of its name. */
static struct str nth_field(const struct http_msg *m, struct str name)
{
	ptrdiff_t open = str_chr(name, '[');
	struct str digits = str_skip(name, (size_t)(open + 1));
	uint32_t n = 0;
	if (open < 0 || !str_ends(digits, STR("]")))
		return http_field(m, name);
	digits.n--;
	name.n = (size_t)open;
	if (str_u32(digits, &n))
		return STR_NONE;
	for (size_t i = 0; i < m->n_fields; i++)
		if (str_ieq(m->fields[i].name, name) && --n == 0)
			return m->fields[i].value;
	return STR_NONE;
}

static struct str field_of(const struct http_msg *m, struct str name, struct arena *a)
{
	if (str_ieq(name, STR("Status")))
		return m->status ? arena_fmt(a, "%d", m->status) : STR_NONE;
	if (str_ieq(name, STR("Method")))
		return m->method;
	if (str_ieq(name, STR("Path")))
		return m->path;
	if (str_ieq(name, STR("Query")))
		return m->query;
	if (str_ieq(name, STR("Body")))
		return m->body;
	struct str found = nth_field(m, name);
	if (!found.p)
		found = body_field(m, name, a);
	if (!found.p)
		found = parameter(m->query, name, a);
	return found;
}

struct str http_script_field(struct str bytes, struct str name, struct arena *a)
{
	struct view v;
	struct str found = STR_NONE;
	view_open(&v, bytes);
	if (v.ok && name.n)
		found = field_of(&v.m, name, a);
	if (found.p)
		found = arena_str(a, found);
	view_close(&v);
	return found;
}

static struct str gate_field(const struct trace_msg *m, struct str name)
{
	static struct arena a; /* good until the next call */
	arena_free(&a);
	return http_script_field(m->bytes, name, &a);
}

static struct str gate_what(const struct trace_msg *m, struct buf *scratch)
{
	struct str line = m->bytes;
	struct str first = str_cut(&line, ' '), second = str_cut(&line, ' ');
	struct str path = str_cut(&second, '?');
	if (str_starts(first, STR("HTTP/")))
		buf_fmt(scratch, "HTTP " STR_FMT, STR_ARG(path));
	else
		buf_fmt(scratch, "HTTP " STR_FMT " " STR_FMT, STR_ARG(first),
			STR_ARG(path));
	return buf_str(scratch);
}

/* ---- changing ---- */

/* The message again, with one header field left out and a body given. */
static void write_with(const struct view *v, struct str without, struct str name,
	struct str value, struct str body, struct buf *out)
{
	struct str head = buf_str(&v->store.all);
	buf_put(out, head.p, (size_t)str_chr(head, '\r'));
	buf_fmt(out, "\r\n");
	for (size_t i = 0; i < v->m.n_fields; i++) {
		const struct http_field *f = &v->m.fields[i];
		bool framing = str_ieq(f->name, STR("Content-Length")) ||
			str_ieq(f->name, STR("Transfer-Encoding"));
		if (str_ieq(f->name, without) || (framing && body.p))
			continue;
		buf_fmt(out, STR_FMT ": " STR_FMT "\r\n", STR_ARG(f->name),
			STR_ARG(f->value));
	}
	if (value.p)
		buf_fmt(out, STR_FMT ": " STR_FMT "\r\n", STR_ARG(name), STR_ARG(value));
	if (body.p)
		buf_fmt(out, "Content-Length: %zu\r\n", body.n);
	buf_fmt(out, "\r\n");
	buf_add(out, body.p ? body : v->m.body);
}

static int set_status(const struct view *v, struct str value, struct buf *out)
{
	uint32_t status;
	if (!v->m.status || v->p.chunked || str_u32(value, &status) || status < 100 ||
		status > 999)
		return -EINVAL;
	buf_fmt(out, "HTTP/1.1 %u %s\r\n", status, http_reason((int)status));
	struct str rest = buf_str(&v->store.all);
	buf_add(out, str_skip(rest, (size_t)str_chr(rest, '\n') + 1));
	return 0;
}

/* The value as the JSON type that stood there before, else a string. */
static json_t *typed(const json_t *was, struct str value)
{
	json_t *j = was && !json_is_string(was)
		? json_loadb(value.p, value.n, JSON_DECODE_ANY, NULL)
		: NULL;
	return j ? j : json_stringn(value.p, value.n);
}

/* `path` leads to a member of an object or an element of an array. */
static int set_member(json_t *root, struct str path, struct str value)
{
	size_t n = path.n;
	uint32_t i;
	char key[128];
	while (n && path.p[n - 1] != '.' && path.p[n - 1] != '[')
		n--;
	struct str last = str_skip(path, n);
	json_t *parent = n ? find(root, (struct str){path.p, n - 1}) : root;

	if (json_is_array(parent) && str_ends(last, STR("]")) &&
		!str_u32((struct str){last.p, last.n - 1}, &i) && i--) {
		if (!value.p)
			return json_array_remove(parent, i);
		return json_array_set_new(
			parent, i, typed(json_array_get(parent, i), value));
	}
	if (!json_is_object(parent) || !str_copy(last, key, sizeof key))
		return -EINVAL;
	if (!value.p)
		return json_object_del(parent, key);
	return json_object_set_new(
		parent, key, typed(json_object_get(parent, key), value));
}

static int set_in_body(
	const struct view *v, struct str name, struct str value, struct buf *out)
{
	json_t *j = json_of(&v->m);
	int err = j ? set_member(j, name, value) : -EINVAL;
	if (!err) {
		char *text = json_dumps(j, JSON_COMPACT | JSON_ENCODE_ANY);
		write_with(v, STR(""), STR_NONE, STR_NONE, str_of(text), out);
		free(text);
	}
	json_decref(j);
	return err ? -EINVAL : 0;
}

static int gate_set(
	const struct trace_msg *m, struct str name, struct str value, struct buf *out)
{
	struct view v;
	int err = -EINVAL;
	view_open(&v, m->bytes);
	if (!v.ok)
		goto out;
	if (str_ieq(name, STR("Status"))) {
		err = set_status(&v, value, out);
	} else if (str_ieq(name, STR("Body"))) {
		write_with(
			&v, STR(""), STR_NONE, STR_NONE, value.p ? value : STR(""), out);
		err = 0;
	} else if (http_field(&v.m, name).p ||
		   (value.p && isupper((unsigned char)name.p[0]))) {
		struct str whole = v.p.chunked ? v.m.body : STR_NONE;
		write_with(&v, name, name, value, whole, out);
		err = 0;
	} else {
		err = set_in_body(&v, name, value, out);
	}
out:
	view_close(&v);
	return err;
}

const struct gate_proto http_gate_proto = {gate_what, gate_field, gate_set};
