/* SIP and tel URIs: RFC 3261 19.1 and 25.1, RFC 3966.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "common/sip/field.h"
#include "common/sip/syntax.h"

static bool is_sip(struct str scheme)
{
	return str_ieq(scheme, STR("sip")) || str_ieq(scheme, STR("sips"));
}

/* What an extended regular expression has beyond the URI grammar. */
static bool expression_char(char c)
{
	return c == '[' || c == ']' || c == '{' || c == '}' || c == '^' || c == '|' ||
	       c == '\\';
}

/* The user part, or with `classes` of a number a tel number. A wildcarded identity (TS
 * 23.003 13.4) has an expression between its first and last "!". */
static bool user_valid(struct str user, unsigned classes)
{
	if (sip_all_escaped(user, classes))
		return true;
	ptrdiff_t first = str_chr(user, '!');
	const char *last = first < 0 ? NULL : memrchr(user.p, '!', user.n);
	if (!last || last == user.p + first)
		return false;
	for (const char *p = user.p + first + 1; p < last; p++)
		if (!expression_char(*p) && !sip_is(*p, SIP_C_USER))
			return false;
	return sip_all_escaped((struct str){user.p, (size_t)first}, classes) &&
	       sip_all_escaped(str_span(last + 1, user.p + user.n), classes);
}

/* More are no address but an attempt to keep us busy. */
enum { MAX_PARAMS = 32 };

/* pname ["=" pvalue] at semicolons, no name twice (RFC 3261 19.1.1). */
static bool params_valid(struct str params)
{
	struct str names[MAX_PARAMS];
	size_t n = 0;
	while (params.p) {
		struct str value = str_cut(&params, ';');
		struct str name = str_cut(&value, '=');
		if (n == MAX_PARAMS || !name.n || !sip_all_escaped(name, SIP_C_PARAM))
			return false;
		if (value.p && (!value.n || !sip_all_escaped(value, SIP_C_PARAM)))
			return false;
		for (size_t i = 0; i < n; i++)
			if (str_ieq(names[i], name))
				return false;
		names[n++] = name;
	}
	return true;
}

static bool headers_valid(struct str headers)
{
	size_t n = 0;
	while (headers.p) {
		struct str value = str_cut(&headers, '&');
		struct str name = str_cut(&value, '=');
		if (n++ == MAX_PARAMS || !name.n || !value.p ||
			!sip_all_escaped(name, SIP_C_HNV) ||
			!sip_all_escaped(value, SIP_C_HNV))
			return false;
	}
	return true;
}

static int parse_sip(struct sip_uri *u, struct str s)
{
	ptrdiff_t at = str_chr(s, '@');
	if (at >= 0) {
		u->password = (struct str){s.p, (size_t)at};
		u->user = str_cut(&u->password, ':');
		if (!u->user.n || !user_valid(u->user, SIP_C_USER) ||
			!sip_all_escaped(u->password, SIP_C_PASS))
			return -EINVAL;
		s = str_skip(s, (size_t)at + 1);
	}
	u->headers = s;
	s = str_cut(&u->headers, '?');
	u->params = s;
	s = str_cut(&u->params, ';');
	for (size_t i = 0; i < s.n; i++)
		if (sip_is_lws(s.p[i]))
			return -EINVAL;
	if (!sip_host_port(s, &u->host, &u->port) || !params_valid(u->params) ||
		!headers_valid(u->headers))
		return -EINVAL;
	return 0;
}

static bool separator(char c)
{
	return c == '-' || c == '.' || c == '(' || c == ')';
}

/* "+" digits and separators, or a local number (RFC 3966 3). */
static bool number_valid(struct str number)
{
	bool global = number.n && number.p[0] == '+', digits = false;
	for (size_t i = global; i < number.n; i++) {
		char c = number.p[i];
		if (c == '!')
			return user_valid(number, SIP_C_DIGIT | SIP_C_SCHEME);
		if (sip_is(c, SIP_C_DIGIT) ||
			(!global && (c == '*' || c == '#' ||
					    ((c | 0x20) >= 'a' && (c | 0x20) <= 'f'))))
			digits = true;
		else if (!separator(c))
			return false;
	}
	return digits;
}

static int parse_tel(struct sip_uri *u, struct str s)
{
	u->params = s;
	u->user = str_cut(&u->params, ';');
	return number_valid(u->user) && params_valid(u->params) ? 0 : -EINVAL;
}

int sip_uri_parse(struct sip_uri *u, struct str text)
{
	ptrdiff_t colon = str_chr(text, ':');
	*u = (struct sip_uri){.text = text};
	if (colon < 1 || !sip_is(text.p[0], SIP_C_ALNUM) ||
		sip_is(text.p[0], SIP_C_DIGIT))
		return -EINVAL;
	u->scheme = (struct str){text.p, (size_t)colon};
	if (!sip_all(u->scheme, SIP_C_SCHEME))
		return -EINVAL;
	struct str rest = str_skip(text, (size_t)colon + 1);
	if (is_sip(u->scheme))
		return parse_sip(u, rest);
	if (str_ieq(u->scheme, STR("tel")))
		return parse_tel(u, rest);
	for (size_t i = 0; i < rest.n; i++)
		if ((unsigned char)rest.p[i] <= ' ' || strchr("<>\"\x7f", rest.p[i]))
			return -EINVAL;
	return rest.n ? 0 : -EINVAL;
}

bool sip_param(struct str params, struct str name, struct str *value)
{
	*value = STR_NONE;
	while (params.p) {
		struct str v = sip_cut(&params, ';');
		struct str n = sip_cut(&v, '=');
		if (!str_ieq(str_trim(n), name))
			continue;
		if (!v.p)
			return true;
		struct str inside;
		*value = v = str_trim(v);
		if (sip_take_quoted(&v, &inside))
			*value = inside;
		return true;
	}
	return false;
}

/* ---- canonical form ---- */

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static char *put_lower(char *p, struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		*p++ = lower(s.p[i]);
	return p;
}

static unsigned nibble(char c)
{
	return c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a' + 10);
}

static char hex_digit(char c)
{
	return c >= 'a' && c <= 'f' ? (char)(c - 0x20) : c;
}

/* The user part with each escape decoded that may stand bare in it (RFC 3261 10.3); the
 * others with upper-case digits, so that "%41%3a" and "A%3A" are one. An escaped '!' stays:
 * decoded it would pass for a mark of a wildcard. */
static char *put_unescaped(char *p, struct str user)
{
	for (size_t i = 0; i < user.n; i++) {
		char c = user.p[i];
		if (c != '%' || user.n - i < 3) {
			*p++ = c;
			continue;
		}
		char byte = (char)(nibble(user.p[i + 1]) << 4 | nibble(user.p[i + 2]));
		if (byte != '!' && sip_is(byte, SIP_C_USER)) {
			*p++ = byte;
		} else {
			*p++ = c;
			*p++ = hex_digit(user.p[i + 1]);
			*p++ = hex_digit(user.p[i + 2]);
		}
		i += 2;
	}
	return p;
}

static char *put_text(char *p, struct str s)
{
	return mempcpy(p, s.p, s.n);
}

/* A local number means something in its context alone. Between the marks of a wildcard nothing
 * is changed. */
static char *put_number(char *p, const struct sip_uri *u)
{
	struct str context;
	const char *first = memchr(u->user.p, '!', u->user.n);
	const char *last = first ? memrchr(u->user.p, '!', u->user.n) : NULL;
	for (const char *c = u->user.p; c < u->user.p + u->user.n; c++)
		if (first && c >= first && c <= last)
			*p++ = *c;
		else if (!separator(*c))
			*p++ = lower(*c);
	if (u->user.p[0] != '+' && sip_param(u->params, STR("phone-context"), &context) &&
		context.n) {
		p = put_text(p, STR(";phone-context="));
		p = put_lower(p, context);
	}
	return p;
}

struct str sip_uri_canonical(const struct sip_uri *u, struct arena *a)
{
	struct str phone;
	bool tel = str_ieq(u->scheme, STR("tel"));
	if (!(tel || is_sip(u->scheme)) || u->password.p)
		return STR_NONE;
	char *out = arena_alloc(a, u->text.n + 1), *p = put_lower(out, u->scheme);
	*p++ = ':';
	if (tel) {
		p = put_number(p, u);
	} else {
		if (u->user.p) {
			p = put_unescaped(p, u->user);
			*p++ = '@';
		}
		p = put_lower(p, u->host);
		if (sip_param(u->params, STR("user"), &phone) && phone.p &&
			str_ieq(phone, STR("phone")))
			p = put_text(p, STR(";user=phone"));
	}
	*p = 0;
	return str_span(out, p);
}

/* ---- comparison ---- */

static bool reserved(char c)
{
	return c && strchr(";/?:@&=+$,", c);
}

/* The next byte, unescaped; a reserved one that was escaped differs from the bare one. -1
 * at the end. */
static int next_byte(struct str s, size_t *i, bool fold)
{
	if (*i >= s.n)
		return -1;
	char c = s.p[(*i)++];
	if (c == '%' && s.n - *i >= 2) {
		c = (char)(nibble(s.p[*i]) << 4 | nibble(s.p[*i + 1]));
		*i += 2;
		if (reserved(c))
			return 256 + (unsigned char)c;
	}
	return (unsigned char)(fold ? lower(c) : c);
}

static bool same(struct str a, struct str b, bool fold)
{
	size_t i = 0, j = 0;
	for (;;) {
		int x = next_byte(a, &i, fold), y = next_byte(b, &j, fold);
		if (x != y)
			return false;
		if (x < 0)
			return true;
	}
}

/* A parameter that both have must match; these must also be in both or in neither. */
static bool decisive(struct str name)
{
	return str_ieq(name, STR("user")) || str_ieq(name, STR("ttl")) ||
	       str_ieq(name, STR("method")) || str_ieq(name, STR("maddr")) ||
	       str_ieq(name, STR("transport"));
}

static bool params_match(struct str a, struct str b, bool all)
{
	struct str rest = a, other;
	while (rest.p) {
		struct str value = str_cut(&rest, ';');
		struct str name = str_cut(&value, '=');
		if (!sip_param(b, name, &other)) {
			if (all || decisive(name))
				return false;
		} else if (!same(value, other, true)) {
			return false;
		}
	}
	return true;
}

static bool header_in(struct str headers, struct str name, struct str value)
{
	while (headers.p) {
		struct str v = str_cut(&headers, '&');
		struct str n = str_cut(&v, '=');
		if (same(n, name, true) && same(v, value, false))
			return true;
	}
	return false;
}

static bool headers_match(struct str a, struct str b)
{
	while (a.p) {
		struct str value = str_cut(&a, '&');
		struct str name = str_cut(&value, '=');
		if (!header_in(b, name, value))
			return false;
	}
	return true;
}

static bool tel_equal(const struct sip_uri *a, const struct sip_uri *b)
{
	size_t i = 0, j = 0;
	struct str x = a->user, y = b->user;
	for (;;) {
		while (i < x.n && separator(x.p[i]))
			i++;
		while (j < y.n && separator(y.p[j]))
			j++;
		if (i == x.n || j == y.n)
			break;
		if (lower(x.p[i++]) != lower(y.p[j++]))
			return false;
	}
	return i == x.n && j == y.n && params_match(a->params, b->params, true) &&
	       params_match(b->params, a->params, true);
}

bool sip_uri_equal(const struct sip_uri *a, const struct sip_uri *b)
{
	if (!str_ieq(a->scheme, b->scheme))
		return false;
	if (str_ieq(a->scheme, STR("tel")))
		return tel_equal(a, b);
	if (!is_sip(a->scheme))
		return str_eq(
			str_skip(a->text, a->scheme.n), str_skip(b->text, b->scheme.n));
	return !a->user.p == !b->user.p && same(a->user, b->user, false) &&
	       !a->password.p == !b->password.p &&
	       same(a->password, b->password, false) && str_ieq(a->host, b->host) &&
	       a->port == b->port && params_match(a->params, b->params, false) &&
	       params_match(b->params, a->params, false) &&
	       headers_match(a->headers, b->headers) &&
	       headers_match(b->headers, a->headers);
}
