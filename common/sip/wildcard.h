/* Wildcarded public identities (TS 23.003 13.5): what stands between the first and the last "!"
 * of the user part, or of a tel number, is an extended regular expression for the whole of what
 * stands there in an identity; the rest is literal.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/base/str.h"

enum {
	SIP_WILDCARD_MAX = 256,        /* characters of its text */
	SIP_MEMBER_MAX = 1024,         /* ... and of an identity that may fit one */
};

struct sip_wildcard;

/* It has the marks, two at least. One alone is a character like others, an escaped one no mark. */
bool sip_wildcard_is(struct str identity);

/* The text is brought into canonical form first (common/sip/field.h). -EINVAL and a sentence: no
 * URI or no marks in it, too long, an escape between the marks or an escaped mark outside, or an
 * expression that common/sip/ere.h refuses. */
int sip_wildcard_new(struct str text, struct sip_wildcard **out, char why[256]);
void sip_wildcard_free(struct sip_wildcard *w);        /* NULL is fine */
struct str sip_wildcard_text(const struct sip_wildcard *w);    /* canonical */

/* `identity` in canonical form. A "!" in it is a character like others; one with an escaped "!"
 * fits nothing: who unescapes it again could take it for a wildcard. So does a longer one than
 * SIP_MEMBER_MAX, as the work is linear in the identity, and a peer chooses that. */
bool sip_wildcard_match(const struct sip_wildcard *w, struct str identity);
/* May an identity fit both? Judged by the literal parts alone: false is certain, true is not. */
bool sip_wildcard_overlap(const struct sip_wildcard *a, const struct sip_wildcard *b);

/* A set of them, each with a value of its owner's, indexed by the literal part before the
 * expression. Zero-initialised is empty and ready. */
struct sip_wildcards {
	struct sip_wildcards_entry *by_prefix, *by_text;
	uint32_t lengths[SIP_WILDCARD_MAX + 1];        /* how many have a prefix that long */
	size_t n;
};
/* The set owns the wildcard from now on; -EEXIST when its text is there: then it does not. */
int sip_wildcards_add(struct sip_wildcards *s, struct sip_wildcard *w, void *value);
/* The one that an identity fits: longest literal part before the expression, then the order of
 * addition. NULL: none. `value` may be NULL. */
const struct sip_wildcard *sip_wildcards_find(const struct sip_wildcards *s, struct str identity,
	void **value);
/* By its canonical text. */
const struct sip_wildcard *sip_wildcards_get(const struct sip_wildcards *s, struct str text,
	void **value);
/* The first that was added and may overlap with w, which need not be in the set; NULL: none. */
const struct sip_wildcard *sip_wildcards_overlap(const struct sip_wildcards *s,
	const struct sip_wildcard *w, void **value);
void sip_wildcards_free(struct sip_wildcards *s);      /* empty and ready again; values stay */
