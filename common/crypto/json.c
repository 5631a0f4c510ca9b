/* JSON from a peer, checked by its octets.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/crypto/json.h"

#include <stdlib.h>

enum {
	SIZE = 4096, DEPTH = 8, MEMBERS = 256, /* what 0 stands for */
	SLOTS = 512,      /* on the stack: enough for the default */
	INTEGER = 18,     /* digits that a 64-bit integer has for certain */
	REAL = 40, EXPONENT = 2, /* digits of a number that a double takes */
};

/* A member name that was seen. Objects are numbered, so that none leaves the set. */
struct seen {
	uint32_t object;  /* 0: free */
	uint32_t hash;
	const unsigned char *name; /* behind the quote */
};

struct reader {
	const unsigned char *p, *end;
	const char *why;
	int depth, members; /* that may still come */
	uint32_t objects;
	struct seen *seen;
	size_t mask;
};

static bool fail(struct reader *r, const char *why)
{
	r->why = why;
	return false;
}

static void skip_space(struct reader *r)
{
	while (r->p < r->end &&
		(*r->p == ' ' || *r->p == '\t' || *r->p == '\n' || *r->p == '\r'))
		r->p++;
}

/* White space, then this character or not. */
static bool took(struct reader *r, char c)
{
	skip_space(r);
	if (r->p == r->end || *r->p != c)
		return false;
	r->p++;
	return true;
}

/* ---- strings ---- */

static bool hex4(struct reader *r, uint32_t *out)
{
	*out = 0;
	if (r->end - r->p < 4)
		return false;
	for (int i = 0; i < 4; i++) {
		unsigned c = *r->p++;
		unsigned v = c - '0' < 10 ? c - '0' : (c | 32) - 'a' < 6 ? (c | 32) - 'a' + 10 : 16;
		if (v == 16)
			return false;
		*out = *out << 4 | v;
	}
	return true;
}

static bool escape(struct reader *r, uint32_t *out)
{
	static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
	uint32_t low;
	if (r->p == r->end)
		return fail(r, "a string has no end");
	unsigned char c = *r->p++;
	const char *at = c ? strchr(names, c) : NULL;
	if (at) {
		*out = (unsigned char)values[at - names];
		return true;
	}
	if (c != 'u' || !hex4(r, out))
		return fail(r, "an escape that JSON does not have");
	if (*out == 0)
		return fail(r, "a NUL in a string");
	if (*out < 0xd800 || *out > 0xdfff)
		return true;
	if (*out > 0xdbff || r->end - r->p < 6 || r->p[0] != '\\' || r->p[1] != 'u')
		return fail(r, "half of a surrogate pair");
	r->p += 2;
	if (!hex4(r, &low) || low < 0xdc00 || low > 0xdfff)
		return fail(r, "half of a surrogate pair");
	*out = 0x10000 + ((*out - 0xd800) << 10) + (low - 0xdc00);
	return true;
}

/* More than one octet of UTF-8 (RFC 3629): the shortest form, no surrogates. */
static bool utf8(struct reader *r, unsigned char first, uint32_t *out)
{
	static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
	int more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
	if (first < 0xc2 || first > 0xf4 || r->end - r->p < more)
		return fail(r, "not UTF-8");
	*out = first & (0x3f >> more);
	for (int i = 0; i < more; i++, r->p++) {
		if ((*r->p & 0xc0) != 0x80)
			return fail(r, "not UTF-8");
		*out = *out << 6 | (*r->p & 0x3f);
	}
	if (*out < least[more] || *out > 0x10ffff || (*out >= 0xd800 && *out <= 0xdfff))
		return fail(r, "not UTF-8");
	return true;
}

/* One character of a string, its escape undone; *out 0: the closing quote. */
static bool character(struct reader *r, uint32_t *out)
{
	if (r->p == r->end)
		return fail(r, "a string has no end");
	unsigned char c = *r->p++;
	*out = c == '"' ? 0 : c;
	if (c == '\\')
		return escape(r, out);
	if (c >= 0x80)
		return utf8(r, c, out);
	return c >= 0x20 || fail(r, "a control character in a string");
}

/* Behind the opening quote. */
static bool string(struct reader *r, uint32_t *hash)
{
	uint64_t h = 14695981039346656037u;
	uint32_t c;
	do {
		if (!character(r, &c))
			return false;
		h = (h ^ c) * 1099511628211u;
	} while (c);
	*hash = (uint32_t)(h ^ h >> 32);
	return true;
}

/* Both were read before. */
static bool same_name(const struct reader *r, const unsigned char *a, const unsigned char *b)
{
	struct reader x = {.p = a, .end = r->end}, y = {.p = b, .end = r->end};
	uint32_t c, d;
	do {
		if (!character(&x, &c) || !character(&y, &d) || c != d)
			return false;
	} while (c);
	return true;
}

static bool remember(struct reader *r, uint32_t object, const unsigned char *name, uint32_t hash)
{
	size_t i = (hash ^ object * 2654435761u) & r->mask;
	for (; r->seen[i].object; i = (i + 1) & r->mask) {
		const struct seen *s = &r->seen[i];
		if (s->object == object && s->hash == hash && same_name(r, s->name, name))
			return fail(r, "a member comes twice");
	}
	r->seen[i] = (struct seen){object, hash, name};
	return true;
}

/* ---- values ---- */

static int digits(struct reader *r)
{
	const unsigned char *from = r->p;
	while (r->p < r->end && *r->p >= '0' && *r->p <= '9')
		r->p++;
	return (int)(r->p - from);
}

static bool number(struct reader *r)
{
	bool real = false;
	if (*r->p == '-')
		r->p++;
	bool zero = r->p < r->end && *r->p == '0';
	int n = digits(r), most = INTEGER;
	if (!n || (zero && n > 1))
		return fail(r, "not a number");
	if (r->p < r->end && *r->p == '.') {
		r->p++;
		int fraction = digits(r);
		if (!fraction)
			return fail(r, "not a number");
		n += fraction;
		real = true;
	}
	if (r->p < r->end && (*r->p | 32) == 'e') {
		r->p++;
		if (r->p < r->end && (*r->p == '+' || *r->p == '-'))
			r->p++;
		int exponent = digits(r);
		if (!exponent)
			return fail(r, "not a number");
		if (exponent > EXPONENT)
			return fail(r, "a number is too large");
		real = true;
	}
	if (real)
		most = REAL;
	return n <= most || fail(r, "a number is too large");
}

static bool word(struct reader *r, struct str w)
{
	if ((size_t)(r->end - r->p) < w.n || memcmp(r->p, w.p, w.n) != 0)
		return fail(r, "not a JSON value");
	r->p += w.n;
	return true;
}

static bool value(struct reader *r);

static bool count(struct reader *r)
{
	return r->members-- > 0 || fail(r, "too many members");
}

static bool member(struct reader *r, uint32_t object)
{
	uint32_t hash;
	if (!took(r, '"'))
		return fail(r, "a member has no name");
	const unsigned char *name = r->p;
	if (!count(r) || !string(r, &hash) || !remember(r, object, name, hash))
		return false;
	if (!took(r, ':'))
		return fail(r, "no colon behind the name of a member");
	return value(r);
}

static bool object(struct reader *r)
{
	uint32_t self = ++r->objects;
	if (took(r, '}'))
		return true;
	do {
		if (!member(r, self))
			return false;
	} while (took(r, ','));
	return took(r, '}') || fail(r, "an object has no end");
}

static bool array(struct reader *r)
{
	if (took(r, ']'))
		return true;
	do {
		if (!count(r) || !value(r))
			return false;
	} while (took(r, ','));
	return took(r, ']') || fail(r, "an array has no end");
}

static bool nested(struct reader *r, bool (*inner)(struct reader *r))
{
	if (r->depth-- <= 0)
		return fail(r, "nested too deep");
	r->p++;
	bool ok = inner(r);
	r->depth++;
	return ok;
}

static bool value(struct reader *r)
{
	uint32_t hash;
	skip_space(r);
	if (r->p == r->end)
		return fail(r, "a JSON value is missing");
	switch (*r->p) {
	case '{':
		return nested(r, object);
	case '[':
		return nested(r, array);
	case '"':
		r->p++;
		return string(r, &hash);
	case 't':
		return word(r, STR("true"));
	case 'f':
		return word(r, STR("false"));
	case 'n':
		return word(r, STR("null"));
	default:
		return number(r);
	}
}

/* Twice as many slots as names can come: each takes four octets at least. */
static size_t slots_for(size_t octets, int members)
{
	size_t names = octets / 4 + 1, n = 8;
	if (names > (size_t)members)
		names = (size_t)members;
	while (n < 2 * names)
		n *= 2;
	return n;
}

const char *json_check(struct str text, const struct json_limits *limits)
{
	static const struct json_limits none;
	const struct json_limits *l = limits ? limits : &none;
	struct seen few[SLOTS];
	struct reader r = {
		.p = (const unsigned char *)text.p,
		.depth = l->depth ? l->depth : DEPTH,
		.members = l->members ? l->members : MEMBERS,
	};
	if (text.n > (l->size ? l->size : SIZE))
		return "longer than is taken";
	if (!text.n)
		return "a JSON value is missing";
	size_t slots = slots_for(text.n, r.members);
	r.end = r.p + text.n;
	r.mask = slots - 1;
	r.seen = slots <= SLOTS ? few : mem_alloc(slots * sizeof *few);
	memset(r.seen, 0, slots * sizeof *few);
	if (value(&r)) {
		skip_space(&r);
		if (r.p < r.end)
			r.why = "something follows the JSON value";
	}
	if (r.seen != few)
		free(r.seen);
	return r.why;
}

json_t *json_read(struct str text, const struct json_limits *limits, const char **why)
{
	*why = json_check(text, limits);
	if (*why)
		return NULL;
	json_t *j = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
	if (!j)
		*why = "not JSON"; /* the checks above are the stricter ones */
	return j;
}
