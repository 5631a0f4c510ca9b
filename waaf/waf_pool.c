/* The identities that a WWSF may lend to its users (TS 33.203 X.4.1 REQ 3.2): names, or members
 * of a wildcarded identity.
 *
 * What a wildcard is to allow has to come in the canonical form of a URI: what was checked is
 * then what an edge and the core will read in the token.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/hash.h"
#include "common/sip/field.h"
#include "common/sip/wildcard.h"
#include "waaf/waf.h"

struct pool_name {
	UT_hash_handle hh;
};
struct pool_names {
	struct pool_name *rows, *by_text;
	struct sip_wildcards wildcards;
};
struct waf_pool {
	struct pool_names impis, impus;
};

/* An IMPI has the form of a sip: URI without its scheme (TS 23.003 13.3). */
static struct str uri_of(struct str identity, bool is_impi, struct arena *a)
{
	return is_impi ? arena_fmt(a, "sip:" STR_FMT, STR_ARG(identity)) : identity;
}

/* ---- configuration ---- */

static const char *check_names(const struct conf_list *list, bool is_impi, char why[512])
{
	char *const *names = list->items, cause[256];
	struct sip_wildcard *w;
	struct arena a = {0};
	int err = 0;

	for (size_t i = 0; !err && i < list->n; i++) {
		struct str text = uri_of(str_of(names[i]), is_impi, &a);
		if (!sip_wildcard_is(text))
			continue;
		if ((err = sip_wildcard_new(text, &w, cause)))
			snprintf(why, 512, "\"%.200s\": %.256s", names[i], cause);
		else
			sip_wildcard_free(w);
	}
	arena_free(&a);
	return err ? why : NULL;
}

const char *waf_pool_conf_check(const struct waf_pool_conf *c, char why[512])
{
	const char *wrong = NULL;

	if (!c->impis.n && !c->impus.n)
		return NULL;
	if (!c->impis.n || !c->impus.n)
		return "it needs both impi and impu";
	if (c->lease_ms < 1000)
		return "its lease is shorter than 1s";
	if (!(wrong = check_names(&c->impis, true, why)))
		wrong = check_names(&c->impus, false, why);
	return wrong;
}

/* ---- life ---- */

static void open_names(struct pool_names *n, const struct conf_list *list, bool is_impi)
{
	char *const *names = list->items, why[256];
	struct sip_wildcard *w;
	struct arena a = {0};
	struct pool_name *known;

	n->rows = mem_zalloc((list->n + 1) * sizeof *n->rows);
	for (size_t i = 0; i < list->n; i++) {
		struct str text = uri_of(str_of(names[i]), is_impi, &a);
		if (sip_wildcard_is(text)) {
			if (!sip_wildcard_new(text, &w, why) && sip_wildcards_add(&n->wildcards, w, n))
				sip_wildcard_free(w); /* it stands there twice */
			continue;
		}
		HASH_FIND(hh, n->by_text, names[i], strlen(names[i]), known);
		if (!known)
			HASH_ADD_KEYPTR(hh, n->by_text, names[i], strlen(names[i]), &n->rows[i]);
	}
	arena_free(&a);
}

static void close_names(struct pool_names *n)
{
	HASH_CLEAR(hh, n->by_text);
	free(n->rows);
	sip_wildcards_free(&n->wildcards);
}

struct waf_pool *waf_pool_new(const struct waf_pool_conf *c)
{
	if (!c->impis.n)
		return NULL;
	struct waf_pool *p = MEM_NEW(struct waf_pool);
	open_names(&p->impis, &c->impis, true);
	open_names(&p->impus, &c->impus, false);
	return p;
}

void waf_pool_free(struct waf_pool *p)
{
	if (!p)
		return;
	close_names(&p->impis);
	close_names(&p->impus);
	free(p);
}

/* ---- questions ---- */

static bool has(const struct pool_names *n, struct str identity, bool is_impi)
{
	struct pool_name *known = NULL;
	struct sip_uri uri;
	struct arena a = {0};

	if (!identity.n)
		return false;
	HASH_FIND(hh, n->by_text, identity.p, identity.n, known);
	if (known)
		return true;
	struct str text = uri_of(identity, is_impi, &a);
	bool member = !sip_wildcard_is(text) && !sip_uri_parse(&uri, text) &&
		str_eq(sip_uri_canonical(&uri, &a), text) &&
		sip_wildcards_find(&n->wildcards, text, NULL);
	arena_free(&a);
	return member;
}

bool waf_pool_has_impi(const struct waf_pool *p, struct str impi)
{
	return has(&p->impis, impi, true);
}

bool waf_pool_has_impu(const struct waf_pool *p, struct str impu)
{
	return has(&p->impus, impu, false);
}
