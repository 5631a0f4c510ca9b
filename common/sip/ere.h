/* POSIX extended regular expressions whose authors we do not trust: what costs more than its
 * length says is refused by its form, and what passes is matched against a whole text in time
 * linear in it, with no memory but the stack's (docs/decisions.md says why not regexec).
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/base/str.h"

struct ere;

/* Octets stand for themselves, no locale. -EINVAL and why in words for what is no such
 * expression, what POSIX leaves undefined, and for
 *	back-references; named classes ([:alpha:]),
 *	an open count (*, +, {n,}) on a group, a counted group with a count inside,
 *	counts with a product over 1,000, more than 2,000 steps when all counts are written out. */
int ere_new(struct str text, struct ere **out, const char **why);
void ere_free(struct ere *e);          /* NULL is fine */
bool ere_match(const struct ere *e, struct str s);
