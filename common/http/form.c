/* Forms, cookies, and text on its way into HTML.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/http/form.h"

#include <ctype.h>
#include <errno.h>

/* ---- forms ---- */

/* %XX and '+' undone; a text without any stays the view it is. */
static int unescape(struct arena *a, struct str s, struct str *out)
{
	char *to;
	size_t n = 0;

	*out = s;
	if (str_chr(s, '%') < 0 && str_chr(s, '+') < 0)
		return str_chr(s, 0) < 0 ? 0 : -EBADMSG;
	to = arena_alloc(a, s.n + 1);
	for (size_t i = 0; i < s.n; i++) {
		uint8_t byte = (uint8_t)s.p[i];
		if (byte == '+')
			byte = ' ';
		else if (byte == '%') {
			if (s.n - i < 3 || str_hex((struct str){s.p + i + 1, 2}, &byte, 1))
				return -EBADMSG;
			i += 2;
		}
		if (!byte)
			return -EBADMSG;
		to[n++] = (char)byte;
	}
	*out = (struct str){to, n};
	return 0;
}

static int find(const struct form *f, struct str name)
{
	for (size_t i = 0; i < f->n; i++)
		if (str_eq(f->rows[i].name, name))
			return (int)i;
	return -1;
}

int form_parse(struct str text, struct arena *a, struct form *f)
{
	int err = 0, at;

	f->n = 0;
	if (!text.n)
		return 0;
	while (text.p) {
		struct str value = str_cut(&text, '&'), name;
		struct str raw = str_cut(&value, '=');
		if (!raw.n && !value.n)
			continue;
		if (!value.p)
			value = STR("");
		if (unescape(a, raw, &name) || unescape(a, value, &value))
			return -EBADMSG;
		if ((at = find(f, name)) >= 0) {
			f->rows[at].twice = true;
			err = -EEXIST;
			continue;
		}
		if (f->n == FORM_MAX)
			return -E2BIG;
		f->rows[f->n].name = name;
		f->rows[f->n].value = value;
		f->rows[f->n++].twice = false;
	}
	return err;
}

struct str form_value(const struct form *f, struct str name)
{
	int at = find(f, name);
	return at < 0 ? STR_NONE : f->rows[at].value;
}

bool form_twice(const struct form *f, struct str name)
{
	int at = find(f, name);
	return at >= 0 && f->rows[at].twice;
}

struct str form_param(struct str text, struct str name, struct arena *a)
{
	struct form f;
	return form_parse(text, a, &f) ? STR_NONE : form_value(&f, name);
}

bool form_is_body(const struct http_msg *m)
{
	struct str type = http_field(m, STR("Content-Type"));
	return str_ieq(str_trim(str_cut(&type, ';')),
		STR("application/x-www-form-urlencoded"));
}

static void put_escaped(struct buf *b, struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (isalnum(c) || (c && strchr("-._~", c)))
			buf_byte(b, (char)c);
		else
			buf_fmt(b, "%%%02X", c);
	}
}

void form_put(struct buf *b, struct str name, struct str value)
{
	if (b->n && b->p[b->n - 1] != '?' && b->p[b->n - 1] != '&')
		buf_byte(b, '&');
	put_escaped(b, name);
	buf_byte(b, '=');
	put_escaped(b, value);
}

/* ---- cookies ---- */

struct str form_cookie(const struct http_msg *m, struct str name)
{
	struct str list = http_field(m, STR("Cookie"));
	while (list.p) {
		struct str value = str_cut(&list, ';');
		struct str key = str_trim(str_cut(&value, '='));
		if (value.p && str_eq(key, name))
			return str_trim(value);
	}
	return STR_NONE;
}

/* ---- HTML ---- */

void form_put_html(struct buf *b, struct str text)
{
	for (size_t i = 0; i < text.n; i++)
		switch (text.p[i]) {
		case '&': buf_add(b, STR("&amp;")); break;
		case '<': buf_add(b, STR("&lt;")); break;
		case '>': buf_add(b, STR("&gt;")); break;
		case '"': buf_add(b, STR("&quot;")); break;
		case '\'': buf_add(b, STR("&#39;")); break;
		default: buf_byte(b, text.p[i]); break;
		}
}
