/* Wildcarded public identities, and sets of them.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/sip/wildcard.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/hash.h"
#include "common/base/mem.h"
#include "common/sip/ere.h"
#include "common/sip/field.h"

struct sip_wildcard {
	struct ere *ere;
	struct str prefix, suffix;     /* literal, of the text */
	bool tel;
	size_t n;
	char text[];
};

/* ---- the marks ---- */

/* From the first mark to the last, both with it; p NULL when there are no two. They stand
 * before the host, or before the parameters of a number. */
static struct str marked(struct str identity)
{
	ptrdiff_t end = str_chr(identity, '@');
	if (end < 0)
		end = str_chr(identity, ';');
	if (end >= 0)
		identity.n = (size_t)end;
	ptrdiff_t first = str_chr(identity, '!');
	const char *last = first < 0 ? NULL : memrchr(identity.p, '!', identity.n);
	return !last || last == identity.p + first ? STR_NONE :
		str_span(identity.p + first, last + 1);
}

bool sip_wildcard_is(struct str identity)
{
	return marked(identity).p != NULL;
}

static const struct str escaped_mark = {"%21", 3};

/* ---- one ---- */

static int wrong(char why[256], const char *what)
{
	snprintf(why, 256, "%s", what);
	return -EINVAL;
}

static int check_text(struct str text, struct sip_uri *uri, char why[256])
{
	if (text.n > SIP_WILDCARD_MAX)
		return wrong(why, "it has more than 256 characters");
	if (!sip_wildcard_is(text))
		return wrong(why, "it has no expression between two ! marks");
	if (marked(text).n == 2)
		return wrong(why, "there is nothing between its ! marks");
	if (sip_uri_parse(uri, text))
		return wrong(why, "it is no sip: or tel: URI");
	if (str_chr(marked(text), '%') >= 0)
		return wrong(why, "it has an escaped character between its ! marks");
	return 0;
}

static struct sip_wildcard *split(struct str text)
{
	struct sip_wildcard *w = mem_zalloc(sizeof *w + text.n + 1);
	memcpy(w->text, text.p, text.n);
	w->n = text.n;
	struct str own = {w->text, w->n}, inside = marked(own);
	w->prefix = str_span(own.p, inside.p);
	w->suffix = str_span(inside.p + inside.n, own.p + own.n);
	w->tel = str_starts(own, STR("tel:"));
	return w;
}

static int compile(struct sip_wildcard *w, char why[256])
{
	const char *cause;
	if (str_find(w->prefix, escaped_mark) >= 0 || str_find(w->suffix, escaped_mark) >= 0)
		return wrong(why, "it has an escaped ! outside of its ! marks");
	if (!ere_new(str_span(w->prefix.p + w->prefix.n + 1, w->suffix.p - 1), &w->ere, &cause))
		return 0;
	snprintf(why, 256, "its expression is refused: %s", cause);
	return -EINVAL;
}

int sip_wildcard_new(struct str text, struct sip_wildcard **out, char why[256])
{
	struct sip_uri uri;
	struct arena a = {0};
	int err = check_text(text, &uri, why);
	struct str canonical = err ? STR_NONE : sip_uri_canonical(&uri, &a);
	if (!err && !sip_wildcard_is(canonical))
		err = wrong(why, "it is no public identity");
	if (!err) {
		struct sip_wildcard *w = split(canonical);
		err = compile(w, why);
		if (err)
			sip_wildcard_free(w);
		else
			*out = w;
	}
	arena_free(&a);
	return err;
}

void sip_wildcard_free(struct sip_wildcard *w)
{
	if (w)
		ere_free(w->ere);
	free(w);
}

struct str sip_wildcard_text(const struct sip_wildcard *w)
{
	return (struct str){w->text, w->n};
}

bool sip_wildcard_match(const struct sip_wildcard *w, struct str identity)
{
	if (identity.n > SIP_MEMBER_MAX || identity.n < w->prefix.n + w->suffix.n || !str_starts(identity, w->prefix) ||
		!str_ends(identity, w->suffix))
		return false;
	struct str inside = str_span(identity.p + w->prefix.n,
		identity.p + identity.n - w->suffix.n);
	return str_chr(inside, w->tel ? ';' : '@') < 0 && str_find(inside, escaped_mark) < 0 &&
		ere_match(w->ere, inside);
}

static bool prefixes(struct str a, struct str b)
{
	return str_starts(a, b) || str_starts(b, a);
}

static bool suffixes(struct str a, struct str b)
{
	return str_ends(a, b) || str_ends(b, a);
}

bool sip_wildcard_overlap(const struct sip_wildcard *a, const struct sip_wildcard *b)
{
	return prefixes(a->prefix, b->prefix) && suffixes(a->suffix, b->suffix);
}

/* ---- sets ---- */

/* Those of one prefix are a list, in the order of addition; its head is in by_prefix. */
struct sip_wildcards_entry {
	struct sip_wildcard *w;
	void *value;
	struct sip_wildcards_entry *next;
	UT_hash_handle prefix_hh, text_hh;
};

/* FNV-1a, as str_hash, one octet further: the hashes of all prefixes of an identity cost no
 * more than that of the whole. */
static uint64_t hash_start(void)
{
	return str_hash(STR_NONE);
}

static uint64_t hash_octet(uint64_t hash, char octet)
{
	return (hash ^ (unsigned char)octet) * UINT64_C(0x100000001b3);
}

static uint64_t hash_of(struct str s)
{
	uint64_t hash = hash_start();
	for (size_t i = 0; i < s.n; i++)
		hash = hash_octet(hash, s.p[i]);
	return hash;
}

static unsigned folded(uint64_t hash)
{
	return (unsigned)(hash ^ hash >> 32);
}

static struct sip_wildcards_entry *of_prefix(const struct sip_wildcards *s, struct str prefix,
	uint64_t hash)
{
	struct sip_wildcards_entry *e;
	HASH_FIND_BYHASHVALUE(prefix_hh, s->by_prefix, prefix.p, prefix.n, folded(hash), e);
	return e;
}

static struct sip_wildcards_entry *of_text(const struct sip_wildcards *s, struct str text)
{
	struct sip_wildcards_entry *e;
	HASH_FIND(text_hh, s->by_text, text.p, text.n, e);
	return e;
}

int sip_wildcards_add(struct sip_wildcards *s, struct sip_wildcard *w, void *value)
{
	if (of_text(s, sip_wildcard_text(w)))
		return -EEXIST;
	struct sip_wildcards_entry *e = MEM_NEW(struct sip_wildcards_entry);
	*e = (struct sip_wildcards_entry){.w = w, .value = value};
	uint64_t hash = hash_of(w->prefix);
	struct sip_wildcards_entry *head = of_prefix(s, w->prefix, hash);
	if (!head)
		HASH_ADD_KEYPTR_BYHASHVALUE(prefix_hh, s->by_prefix, w->prefix.p, w->prefix.n,
			folded(hash), e);
	while (head && head->next)
		head = head->next;
	if (head)
		head->next = e;
	HASH_ADD_KEYPTR(text_hh, s->by_text, w->text, w->n, e);
	s->lengths[w->prefix.n]++;
	s->n++;
	return 0;
}

static const struct sip_wildcard *result(const struct sip_wildcards_entry *e, void **value)
{
	if (e && value)
		*value = e->value;
	return e ? e->w : NULL;
}

const struct sip_wildcard *sip_wildcards_find(const struct sip_wildcards *s, struct str identity,
	void **value)
{
	uint64_t hashes[SIP_WILDCARD_MAX + 1];
	size_t most = identity.n < SIP_WILDCARD_MAX ? identity.n : SIP_WILDCARD_MAX;
	if (!s->n)
		return NULL;
	hashes[0] = hash_start();
	for (size_t i = 0; i < most; i++)
		hashes[i + 1] = hash_octet(hashes[i], identity.p[i]);
	for (size_t n = most + 1; n-- > 0;) {
		const struct sip_wildcards_entry *e = s->lengths[n] ?
			of_prefix(s, (struct str){identity.p, n}, hashes[n]) : NULL;
		for (; e; e = e->next)
			if (sip_wildcard_match(e->w, identity))
				return result(e, value);
	}
	return NULL;
}

const struct sip_wildcard *sip_wildcards_get(const struct sip_wildcards *s, struct str text,
	void **value)
{
	return result(of_text(s, text), value);
}

const struct sip_wildcard *sip_wildcards_overlap(const struct sip_wildcards *s,
	const struct sip_wildcard *w, void **value)
{
	const struct sip_wildcards_entry *e = s->by_text;
	for (; e; e = e->text_hh.next)
		if (sip_wildcard_overlap(e->w, w))
			return result(e, value);
	return NULL;
}

void sip_wildcards_free(struct sip_wildcards *s)
{
	struct sip_wildcards_entry *e, *next;
	HASH_CLEAR(prefix_hh, s->by_prefix);
	HASH_ITER(text_hh, s->by_text, e, next) {
		HASH_DELETE(text_hh, s->by_text, e);
		sip_wildcard_free(e->w);
		free(e);
	}
	*s = (struct sip_wildcards){0};
}
