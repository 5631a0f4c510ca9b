/* Fuzz target: forms, cookies, and text on its way into HTML. The first octet of an input says
 * which: f, c or h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "common/http/form.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct arena arena;

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* What was read is written and read again, and is the same. */
static void form(struct str text)
{
	struct form f, again;
	struct buf b = {0};
	int err = form_parse(text, &arena, &f);

	must(!err || err == -EBADMSG || err == -E2BIG || err == -EEXIST);
	must(f.n <= FORM_MAX);
	for (size_t i = 0; i < f.n; i++) {
		must(f.rows[i].value.p && str_chr(f.rows[i].value, 0) < 0);
		must(str_chr(f.rows[i].name, 0) < 0);
		must(form_value(&f, f.rows[i].name).p == f.rows[i].value.p);
		must(!f.rows[i].twice || err);
		form_put(&b, f.rows[i].name, f.rows[i].value);
	}
	must(form_parse(buf_str(&b), &arena, &again) == 0 && again.n == f.n);
	for (size_t i = 0; i < f.n; i++)
		must(str_eq(f.rows[i].name, again.rows[i].name) &&
			str_eq(f.rows[i].value, again.rows[i].value));
	must(!form_param(text, STR("a"), &arena).p || !err);
	buf_free(&b);
}

static void cookie(struct str text)
{
	struct http_field fields[] = {{STR("Cookie"), text}, {STR("Content-Type"), text}};
	struct http_msg m = {.fields = fields, .n_fields = 2};
	struct str v = form_cookie(&m, STR("__Host-wic"));

	form_is_body(&m);
	if (!v.p)
		return;
	must(v.p >= text.p && v.p + v.n <= text.p + text.n && str_chr(v, ';') < 0);
	must(str_find(text, STR("__Host-wic")) >= 0);
}

static void html(struct str text)
{
	struct buf b = {0};
	form_put_html(&b, text);
	must(b.n >= text.n);
	for (size_t i = 0; i < b.n; i++) {
		struct str rest = str_skip(buf_str(&b), i);
		must(!strchr("<>\"'", b.p[i]) || !b.p[i]);
		must(b.p[i] != '&' || str_starts(rest, STR("&amp;")) ||
			str_starts(rest, STR("&lt;")) || str_starts(rest, STR("&gt;")) ||
			str_starts(rest, STR("&quot;")) || str_starts(rest, STR("&#39;")));
	}
	buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct str rest = n ? (struct str){(const char *)data + 1, n - 1} : STR_NONE;
	if (n && data[0] == 'c')
		cookie(rest);
	else if (n && data[0] == 'h')
		html(rest);
	else if (n)
		form(rest);
	arena_reset(&arena);
	return 0;
}
