/* The language of `expect` lines.
 * SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/player/expect.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/buf.h"

struct regex_entry {
	struct regex_entry *next;
	regex_t regex;
};

void regexes_free(struct regexes *r)
{
	while (r->head) {
		struct regex_entry *e = r->head;
		r->head = e->next;
		regfree(&e->regex);
		free(e);
	}
}

/* A text being read; `at` is also where a fault is. */
struct reader {
	struct str text;
	size_t at;
	struct arena *a;
	struct regexes *regexes;
	struct expect_fault *fault;
};

static int refuse(struct reader *r, size_t at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static int refuse(struct reader *r, size_t at, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(r->fault->why, sizeof r->fault->why, fmt, ap);
	va_end(ap);
	r->fault->at = at;
	return -EINVAL;
}

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_blanks(struct reader *r)
{
	while (r->at < r->text.n && blank(r->text.p[r->at]))
		r->at++;
}

static int peek(const struct reader *r)
{
	return r->at < r->text.n ? (unsigned char)r->text.p[r->at] : -1;
}

static const char *keep(struct reader *r, struct str s)
{
	return arena_str(r->a, s).p;
}

/* ---- values ---- */

static int take_quoted(struct reader *r, struct str *out)
{
	size_t start = r->at++;
	char *p = arena_alloc(r->a, r->text.n - start), *w = p;
	while (r->at < r->text.n && r->text.p[r->at] != '"') {
		if (r->text.p[r->at] == '\\' && r->at + 1 < r->text.n)
			r->at++;
		*w++ = r->text.p[r->at++];
	}
	if (peek(r) != '"')
		return refuse(r, start, "the quoted text has no end");
	r->at++;
	*w = 0;
	*out = str_span(p, w);
	return 0;
}

/* The expression runs to the next '/' without a backslash. */
static int take_regex(struct reader *r, const regex_t **out)
{
	size_t start = r->at++;
	char *p = arena_alloc(r->a, r->text.n - start), *w = p, text[100];
	while (r->at < r->text.n && r->text.p[r->at] != '/') {
		if (r->text.p[r->at] == '\\' && r->at + 1 < r->text.n &&
			r->text.p[r->at + 1] == '/')
			r->at++;
		else if (r->text.p[r->at] == '\\' && r->at + 1 < r->text.n)
			*w++ = r->text.p[r->at++];
		*w++ = r->text.p[r->at++];
	}
	if (peek(r) != '/')
		return refuse(r, start, "the expression has no closing /");
	r->at++;
	*w = 0;
	if (w == p)
		return refuse(r, start, "the expression is empty: write present");
	struct regex_entry *e = MEM_NEW(struct regex_entry);
	int err = regcomp(&e->regex, p, REG_EXTENDED | REG_NOSUB);
	if (err) {
		regerror(err, &e->regex, text, sizeof text);
		free(e);
		return refuse(r, start, "the expression /%.60s/ is wrong: %s", p, text);
	}
	e->next = r->regexes->head;
	r->regexes->head = e;
	*out = &e->regex;
	return 0;
}

static bool take_integer(struct str s, int64_t *out)
{
	char z[24], *end;
	if (!s.n || !str_copy(s, z, sizeof z) || blank(z[0]))
		return false;
	errno = 0;
	*out = strtoll(z, &end, 10);
	return !*end && !errno;
}

static bool take_range(struct str s, struct value *v)
{
	ptrdiff_t dots = str_find(s, STR(".."));
	if (dots <= 0 || !take_integer((struct str){s.p, (size_t)dots}, &v->low) ||
		!take_integer(str_skip(s, (size_t)dots + 2), &v->high))
		return false;
	v->kind = VALUE_RANGE;
	return true;
}

static bool is_name(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!isalnum((unsigned char)s.p[i]) && s.p[i] != '-' && s.p[i] != '_')
			return false;
	return s.n > 0;
}

/* An unquoted word; `stops` are the bytes that end it. */
static struct str take_word(struct reader *r, const char *stops)
{
	size_t start = r->at;
	while (r->at < r->text.n && !strchr(stops, r->text.p[r->at]))
		r->at++;
	return str_trim(str_span(r->text.p + start, r->text.p + r->at));
}

static int plain_value(struct reader *r, size_t start, struct str s, struct value *v)
{
	if (str_eq(s, STR("present"))) {
		v->kind = VALUE_PRESENT;
	} else if (str_eq(s, STR("absent"))) {
		v->kind = VALUE_ABSENT;
	} else if (s.n && s.p[0] == '$') {
		if (!is_name(str_skip(s, 1)))
			return refuse(
				r, start, "\"$\" needs a name: letters, digits, - and _");
		v->kind = VALUE_CAPTURE;
		v->name = keep(r, str_skip(s, 1));
	} else if (!take_range(s, v)) {
		v->kind = VALUE_EQUAL;
		v->equal = arena_str(r->a, s);
	} else if (v->low > v->high) {
		return refuse(r, start, "the range %.*s is empty", STR_ARG(s));
	}
	return 0;
}

static int take_value(struct reader *r, const char *stops, struct value *v)
{
	size_t start = r->at;
	int err;

	*v = (struct value){0};
	if (str_starts(str_skip(r->text, r->at), STR("not ")) ||
		str_starts(str_skip(r->text, r->at), STR("not\t"))) {
		v->negate = true;
		r->at += 4;
		skip_blanks(r);
		if (str_starts(str_skip(r->text, r->at), STR("not ")))
			return refuse(r, start, "\"not\" stands twice");
	}
	switch (peek(r)) {
	case '"':
		v->kind = VALUE_EQUAL;
		err = take_quoted(r, &v->equal);
		break;
	case '/':
		v->kind = VALUE_REGEX;
		err = take_regex(r, &v->regex);
		break;
	default: {
		size_t at = r->at;
		struct str s = take_word(r, stops);
		if (!s.n)
			return refuse(
				r, at, "a value is missing (\"\" is the empty text)");
		err = plain_value(r, at, s, v);
	}
	}
	v->text = keep(r, str_trim(str_span(r->text.p + start, r->text.p + r->at)));
	return err;
}

int value_parse(struct str text, struct arena *a, struct regexes *regexes,
	struct value *out, struct expect_fault *fault)
{
	struct reader r = {.text = text, .a = a, .regexes = regexes, .fault = fault};
	skip_blanks(&r);
	if (r.at == text.n) { /* an empty YAML text is the empty text */
		*out = (struct value){.text = "\"\"", .equal = STR("")};
		return 0;
	}
	int err = take_value(&r, "", out);
	skip_blanks(&r);
	if (!err && r.at < text.n)
		err = refuse(&r, r.at, "unexpected text behind the value");
	return err;
}

/* ---- messages ---- */

static int take_end(struct reader *r, const char *which, const char **out)
{
	size_t start = r->at;
	while (r->at < r->text.n &&
		(isalnum((unsigned char)r->text.p[r->at]) ||
			strchr("*_.", r->text.p[r->at]) ||
			(r->text.p[r->at] == '-' &&
				!str_starts(str_skip(r->text, r->at), STR("->")))))
		r->at++;
	struct str s = str_span(r->text.p + start, r->text.p + r->at);
	if (!s.n)
		return refuse(r, start, "%s is missing: FROM -> TO: WHAT {FIELD: VALUE}",
			which);
	*out = str_eq(s, STR("*")) ? NULL : keep(r, s);
	return 0;
}

static int take_ends(struct reader *r, struct pattern *p)
{
	int err = take_end(r, "FROM", &p->from);
	if (err)
		return err;
	skip_blanks(r);
	if (!str_starts(str_skip(r->text, r->at), STR("->")))
		return refuse(
			r, r->at, "\"->\" is missing: FROM -> TO: WHAT {FIELD: VALUE}");
	r->at += 2;
	skip_blanks(r);
	return take_end(r, "TO", &p->to);
}

static const struct {
	const char *name;
	enum pattern_proto proto;
} protos[] = {{"SIP", PATTERN_SIP}, {"Cx", PATTERN_CX}, {"HTTP", PATTERN_HTTP},
	{"WS", PATTERN_WS}};

static const char commands[] = "UAR UAA MAR MAA SAR SAA LIR LIA RTR RTA PPR PPA "
			       "CER CEA DWR DWA DPR DPA";
static const char frames[] = "PING PONG CLOSE";

static bool among(const char *words, struct str s)
{
	struct str rest = str_of(words);
	while (rest.p)
		if (str_eq(str_cut(&rest, ' '), s))
			return true;
	return false;
}

/* "401", "4xx"; false when it is no status at all. */
static bool take_status(struct str s, struct pattern *p)
{
	if (s.n != 3 || s.p[0] < '1' || s.p[0] > '6')
		return false;
	if (str_eq(str_skip(s, 1), STR("xx"))) {
		p->status = s.p[0] - '0';
		p->status_class = true;
		return true;
	}
	if (!isdigit((unsigned char)s.p[1]) || !isdigit((unsigned char)s.p[2]))
		return false;
	p->status = (s.p[0] - '0') * 100 + (s.p[1] - '0') * 10 + (s.p[2] - '0');
	return true;
}

static bool is_method(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!isupper((unsigned char)s.p[i]))
			return false;
	return s.n > 0;
}

static int take_kind(struct reader *r, struct pattern *p)
{
	size_t start = r->at;
	if (peek(r) == '/') {
		int err = take_regex(r, &p->what_regex);
		if (!err) /* its text, for who passes it on */
			p->what = keep(r,
				(struct str){r->text.p + start + 1, r->at - start - 2});
		return err;
	}
	struct str s = take_word(r, " \t\r\n{");
	if (!s.n) /* the protocol alone: any of its messages */
		return 0;
	if (p->proto == PATTERN_CX && !among(commands, s))
		return refuse(r, start, "\"%.*s\" is no Diameter command: %s", STR_ARG(s),
			commands);
	if (p->proto == PATTERN_WS && !among(frames, s))
		return refuse(
			r, start, "\"%.*s\" is no control frame: %s", STR_ARG(s), frames);
	if (p->proto == PATTERN_CX || p->proto == PATTERN_WS) {
		p->what = keep(r, s);
		return 0;
	}
	if (take_status(s, p))
		return 0;
	if (!is_method(s))
		return refuse(r, start,
			"\"%.*s\" is neither a method nor a status (401), a class (4xx) "
			"or a "
			"/regex/",
			STR_ARG(s));
	p->what = keep(r, s);
	skip_blanks(r);
	if (p->proto == PATTERN_HTTP && peek(r) == '/')
		p->path = keep(r, take_word(r, " \t\r\n{"));
	return 0;
}

static int take_what(struct reader *r, struct pattern *p)
{
	size_t start = r->at;
	struct str s = take_word(r, " \t\r\n{");

	for (size_t i = 0; i < sizeof protos / sizeof *protos; i++)
		if (str_eq(s, str_of(protos[i].name)))
			p->proto = protos[i].proto;
	if (p->proto == PATTERN_ANY)
		return refuse(r, start, "\"%.*s\" is no protocol: SIP, Cx, HTTP, WS",
			STR_ARG(s));
	skip_blanks(r);
	return take_kind(r, p);
}

static int take_field_name(struct reader *r, const char **out)
{
	size_t start = r->at;
	struct str s;
	if (peek(r) == '"') {
		int err = take_quoted(r, &s);
		if (err)
			return err;
	} else {
		s = take_word(r, ":,{}");
	}
	skip_blanks(r);
	if (!s.n)
		return refuse(r, start, "the name of a field is missing");
	if (peek(r) != ':')
		return refuse(r, start,
			"field \"%.*s\" has no value (\": VALUE\", or present)",
			STR_ARG(s));
	r->at++;
	skip_blanks(r);
	*out = keep(r, s);
	return 0;
}

static int take_fields(struct reader *r, struct pattern *p)
{
	size_t open = r->at, cap = 0;
	int err = 0;

	r->at++;
	for (;;) {
		skip_blanks(r);
		if (peek(r) == '}')
			break;
		if (peek(r) < 0)
			return refuse(r, open, "\"{\" has no \"}\"");
		if (p->n_fields == cap) {
			struct field_test *was = p->fields;
			cap = cap ? 2 * cap : 4;
			p->fields = arena_alloc(r->a, cap * sizeof *was);
			if (was)
				memcpy(p->fields, was, p->n_fields * sizeof *was);
		}
		struct field_test *f = &p->fields[p->n_fields];
		err = take_field_name(r, &f->name);
		if (!err)
			err = take_value(r, ",}", &f->value);
		if (err)
			return err;
		p->n_fields++;
		skip_blanks(r);
		if (peek(r) == ',')
			r->at++;
		else if (peek(r) >= 0 && peek(r) != '}')
			return refuse(r, r->at,
				"\",\" or \"}\" is missing behind the value of %s",
				f->name);
	}
	r->at++;
	return 0;
}

static const char *squeezed(struct reader *r, size_t from)
{
	struct str s = str_trim(str_skip(r->text, from));
	char *p = arena_alloc(r->a, s.n + 1), *w = p;
	for (size_t i = 0; i < s.n; i++)
		if (!blank(s.p[i]))
			*w++ = s.p[i];
		else if (!blank(s.p[i - 1]))
			*w++ = ' ';
	*w = 0;
	return p;
}

int pattern_parse(struct str text, struct arena *a, struct regexes *regexes,
	struct pattern *out, struct expect_fault *fault)
{
	struct reader r = {.text = text, .a = a, .regexes = regexes, .fault = fault};
	int err;

	*out = (struct pattern){.text = squeezed(&r, 0)};
	skip_blanks(&r);
	err = take_ends(&r, out);
	if (err)
		return err;
	skip_blanks(&r);
	out->rest = squeezed(&r, r.at);
	if (peek(&r) < 0)
		return 0;
	if (peek(&r) != ':')
		return refuse(&r, r.at, "\":\" is missing behind TO");
	r.at++;
	skip_blanks(&r);
	err = take_what(&r, out);
	skip_blanks(&r);
	if (!err && peek(&r) == '{')
		err = take_fields(&r, out);
	skip_blanks(&r);
	if (!err && r.at < text.n)
		err = refuse(&r, r.at, "unexpected text behind the message");
	return err;
}

/* ---- does a value hold? ---- */

static const struct capture *find_capture(const struct capture *vars, const char *name)
{
	while (vars && strcmp(vars->name, name))
		vars = vars->next;
	return vars;
}

/* REG_STARTEND: octets with a length; the NUL is for AddressSanitizer's regexec. */
static bool regex_holds(const regex_t *re, struct str s)
{
	struct buf z = {0};
	regmatch_t at = {0, (regoff_t)s.n};
	buf_add(&z, s);
	bool found = !regexec(re, buf_z(&z), 1, &at, REG_STARTEND);
	buf_free(&z);
	return found;
}

static bool plain_holds(const struct value *v, struct str got)
{
	int64_t n;
	switch (v->kind) {
	case VALUE_EQUAL:
		return got.p && str_eq(v->equal, got);
	case VALUE_REGEX:
		return got.p && regex_holds(v->regex, got);
	case VALUE_PRESENT:
		return got.p;
	case VALUE_ABSENT:
		return !got.p;
	case VALUE_RANGE:
		return got.p && take_integer(got, &n) && n >= v->low && n <= v->high;
	case VALUE_CAPTURE:
		break;
	}
	return false;
}

enum holds value_holds(const struct value *v, struct str got, const struct capture *vars)
{
	if (v->kind != VALUE_CAPTURE)
		return plain_holds(v, got) != v->negate ? HOLDS : HOLDS_NOT;
	const struct capture *c = find_capture(vars, v->name);
	if (!c && v->negate)
		return HOLDS_LATER;
	if (!c)
		return got.p ? HOLDS_BINDS : HOLDS_NOT;
	return (got.p && str_eq(c->value, got)) != v->negate ? HOLDS : HOLDS_NOT;
}
