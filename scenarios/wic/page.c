/* What of a browser the emulated WIC needs to sign in at somebody else's page.
 * SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/wic/page.h"

#include <errno.h>
#include <stdio.h>

#include "common/http/form.h"

/* ---- addresses (RFC 3986 5.2, as far as https: pages need it) ---- */

/* The path of `base` up to and with its last slash. */
static struct str folder_of(const struct url *base)
{
	struct str path = str_of(base->target);
	path = str_cut(&path, '?');
	while (path.n && path.p[path.n - 1] != '/')
		path.n--;
	return path;
}

static int url_put(struct url *out, struct str origin, struct str folder, struct str rest)
{
	struct url u;

	rest = str_cut(&rest, '#');
	if (!str_copy(origin, u.origin, sizeof u.origin))
		return -E2BIG;
	if ((size_t)snprintf(u.target, sizeof u.target, "%s" STR_FMT STR_FMT,
		    folder.n || str_starts(rest, STR("/")) ? "" : "/", STR_ARG(folder),
		    STR_ARG(rest)) >= sizeof u.target)
		return -E2BIG;
	*out = u;
	return 0;
}

int url_resolve(const struct url *base, struct str reference, struct url *out)
{
	static const struct str scheme = STR("https://");
	struct str r = str_trim(reference);

	if (str_istarts(r, scheme)) {
		size_t n = scheme.n;
		while (n < r.n && !strchr("/?#", r.p[n]))
			n++;
		if (n == scheme.n)
			return -EINVAL;
		return url_put(out, (struct str){r.p, n}, STR_NONE, str_skip(r, n));
	}
	ptrdiff_t colon = str_chr(r, ':'), slash = str_chr(r, '/');
	if (!base || (colon >= 0 && (slash < 0 || colon < slash)) ||
		str_starts(r, STR("//")))
		return -EINVAL;
	struct url from = *base; /* may be *out */
	struct str path = str_of(from.target);
	if (!r.n)
		return url_put(out, str_of(from.origin), STR_NONE, path);
	if (r.p[0] == '/')
		return url_put(out, str_of(from.origin), STR_NONE, r);
	return url_put(out, str_of(from.origin),
		r.p[0] == '?' ? str_cut(&path, '?') : folder_of(&from), r);
}

/* ---- the form ---- */

static const struct {
	const char *name, *text;
} entities[] = {{"&amp;", "&"}, {"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", "\""},
	{"&#39;", "'"}, {"&#x27;", "'"}, {"&apos;", "'"}};

static void put_text(struct buf *out, struct str html)
{
	while (html.n) {
		size_t i = 0;
		while (i < sizeof entities / sizeof *entities &&
			!str_starts(html, str_of(entities[i].name)))
			i++;
		if (i < sizeof entities / sizeof *entities) {
			buf_fmt(out, "%s", entities[i].text);
			html = str_skip(html, strlen(entities[i].name));
		} else {
			buf_byte(out, html.p[0]);
			html = str_skip(html, 1);
		}
	}
}

/* The next tag of that name in *html, which moves behind it; p NULL: no more. */
static struct str next_tag(struct str *html, struct str name)
{
	ptrdiff_t at, end;

	while ((at = str_chr(*html, '<')) >= 0) {
		struct str tag = str_skip(*html, (size_t)at + 1);
		end = str_chr(tag, '>');
		*html = end < 0 ? STR_NONE : str_skip(tag, (size_t)end + 1);
		if (end < 0)
			break;
		tag.n = (size_t)end;
		if (str_istarts(tag, name) &&
			(tag.n == name.n || strchr(" \t\r\n/", tag.p[name.n])))
			return str_skip(tag, name.n);
	}
	*html = STR_NONE;
	return STR_NONE;
}

/* A quoted or bare attribute; p NULL: absent. */
static struct str attribute(struct str tag, struct str name)
{
	while (tag.n) {
		size_t n = 0, v;
		while (tag.n && strchr(" \t\r\n/", tag.p[0]))
			tag = str_skip(tag, 1);
		while (n < tag.n && !strchr(" \t\r\n/=", tag.p[n]))
			n++;
		struct str key = {tag.p, n}, value = STR("");
		tag = str_skip(tag, n);
		if (tag.n && tag.p[0] == '=') {
			tag = str_skip(tag, 1);
			char quote = tag.n ? tag.p[0] : 0;
			bool quoted = quote == '"' || quote == '\'';
			tag = str_skip(tag, quoted);
			for (v = 0; v < tag.n; v++)
				if (quoted ? tag.p[v] == quote
					   : !!strchr(" \t\r\n", tag.p[v]))
					break;
			value = (struct str){tag.p, v};
			tag = str_skip(tag, v + quoted);
		}
		if (n && str_ieq(key, name))
			return value;
	}
	return STR_NONE;
}

static void put_entry(struct buf *body, const char *name, const char *value)
{
	if (value)
		form_put(body, str_of(name), str_of(value));
}

bool page_form_fill(struct str html, const struct page_entry *e, struct buf *action,
	struct buf *body)
{
	struct str form = next_tag(&html, STR("form")), input, to;
	struct buf name = {0}, value = {0};
	bool asks = false;
	ptrdiff_t end = str_ifind(html, STR("</form"));

	if (!form.p)
		return false;
	html.n = end < 0 ? html.n : (size_t)end;
	to = attribute(form, STR("action"));
	put_text(action, to);
	while ((input = next_tag(&html, STR("input"))).p) {
		struct str type = attribute(input, STR("type"));
		asks |= str_ieq(type, STR("password"));
		if (!str_ieq(type, STR("hidden")))
			continue;
		name.n = value.n = 0;
		put_text(&name, attribute(input, STR("name")));
		put_text(&value, attribute(input, STR("value")));
		form_put(body, buf_str(&name), buf_str(&value));
	}
	put_entry(body, "user", e->user);
	put_entry(body, "password", e->password);
	put_entry(body, "decision", e->decision);
	buf_free(&name);
	buf_free(&value);
	return asks;
}
