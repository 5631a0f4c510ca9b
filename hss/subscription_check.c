/* What the rows of a subscription can't say: one identity with another, forms, limits.
 * SPDX-License-Identifier: Apache-2.0 */
#include "hss/subscription_check.h"

#include <errno.h>
#include <stdio.h>

#include "common/crypto/digest.h"
#include "common/cx/cx.h"
#include "common/sip/field.h"
#include "common/sip/wildcard.h"

struct check {
	const char *at;                /* file, with the place where it is known */
	const struct subscription *s;
	char *why;
};

static int wrong(struct check *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static int wrong(struct check *c, const char *fmt, ...)
{
	va_list ap;
	int n = snprintf(c->why, 512, "%s: subscription \"%s\": ", c->at, c->s->name);
	va_start(ap, fmt);
	if (n < 512)
		vsnprintf(c->why + n, 512 - (size_t)n, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

/* ---- private identities ---- */

static bool wants(const struct sub_impi *p, enum digest_algorithm algorithm)
{
	if (!p->algorithms.n)
		return algorithm == DIGEST_MD5;
	for (size_t i = 0; i < p->algorithms.n; i++)
		if (str_ieq(str_of(((char **)p->algorithms.items)[i]),
			str_of(digest_algorithm_name(algorithm))))
			return true;
	return false;
}

static char *derive(const struct sub_impi *p, enum digest_algorithm algorithm, struct arena *a)
{
	char hex[DIGEST_HEX_MAX];
	digest_ha1(algorithm, str_of(p->impi), str_of(p->realm), str_of(p->password), hex);
	return (char *)arena_str(a, str_of(hex)).p;
}

/* A hash that was given, in lower case. */
static int given(struct check *c, const struct sub_impi *p, enum digest_algorithm algorithm,
	char **ha1, struct arena *a)
{
	char hex[DIGEST_HEX_MAX];
	if (!*ha1)
		return 0;
	if (digest_ha1_take(algorithm, str_of(*ha1), hex))
		return wrong(c, "%s of %s is not %zu hex digits",
			algorithm == DIGEST_MD5 ? "ha1" : "ha1-sha256", p->impi,
			digest_hex_n(algorithm));
	*ha1 = (char *)arena_str(a, str_of(hex)).p;
	return 0;
}

static int check_octets(struct check *c, const struct sub_impi *p, const char *name,
	const char *text, size_t n)
{
	uint8_t octets[16];
	int err = str_hex(str_of(text), octets, n);
	explicit_bzero(octets, sizeof octets);
	return err ? wrong(c, "%s of %s is not %zu hex digits", name, p->impi, 2 * n) : 0;
}

/* What a USIM and its home network share (TS 33.102 6.3, TS 35.206). */
static int check_usim(struct check *c, struct sub_impi *p)
{
	if (p->scheme != AUTH_AKA)
		return p->k || p->op || p->opc || p->amf || p->sqn ?
			wrong(c, "%s: k, op, opc, amf and sqn are of scheme aka", p->impi) : 0;
	if (p->password || p->ha1 || p->ha1_sha256)
		return wrong(c, "%s: scheme aka has no password", p->impi);
	if (!p->k || !p->op == !p->opc)
		return wrong(c, "%s: scheme aka needs k, and op or opc", p->impi);
	p->amf = p->amf ? p->amf : "0000";
	p->sqn = p->sqn ? p->sqn : "000000000000";
	int err = check_octets(c, p, "k", p->k, 16);
	if (!err)
		err = p->op ? check_octets(c, p, "op", p->op, 16) :
			check_octets(c, p, "opc", p->opc, 16);
	if (!err)
		err = check_octets(c, p, "amf", p->amf, 2);
	return err ? err : check_octets(c, p, "sqn", p->sqn, 6);
}

/* The password is turned into what is kept of it. */
static int take_credentials(struct check *c, struct sub_impi *p, struct arena *a)
{
	for (size_t i = 0; i < p->algorithms.n; i++) {
		enum digest_algorithm algorithm;
		char *name = ((char **)p->algorithms.items)[i];
		if (digest_algorithm_of(str_of(name), &algorithm))
			return wrong(c, "algorithm \"%s\" of %s is not MD5 or SHA-256", name, p->impi);
	}
	if (p->scheme != AUTH_DIGEST)
		return 0;
	if (p->password && (p->ha1 || p->ha1_sha256))
		return wrong(c, "%s has a password and a hash of it", p->impi);
	if (p->password && wants(p, DIGEST_MD5))
		p->ha1 = derive(p, DIGEST_MD5, a);
	if (p->password && wants(p, DIGEST_SHA256))
		p->ha1_sha256 = derive(p, DIGEST_SHA256, a);
	if (!p->ha1 && !p->ha1_sha256)
		return wrong(c, "%s needs a password or ha1", p->impi);
	p->password = NULL;
	int err = given(c, p, DIGEST_MD5, &p->ha1, a);
	return err ? err : given(c, p, DIGEST_SHA256, &p->ha1_sha256, a);
}

static int check_impi(struct check *c, struct sub_impi *p, struct arena *a)
{
	ptrdiff_t at = str_chr(str_of(p->impi), '@');
	if (at <= 0 || !p->impi[at + 1] || strpbrk(p->impi, " \t\"<>"))
		return wrong(c, "private identity \"%s\" is not user@realm", p->impi);
	if (!p->realm)
		p->realm = p->impi + at + 1;
	if (!*p->realm || strpbrk(p->realm, "\"\\\r\n"))
		return wrong(c, "realm \"%s\" of %s has a sign that a challenge can't quote", p->realm, p->impi);
	int err = check_usim(c, p);
	return err ? err : take_credentials(c, p, a);
}

/* ---- public identities ---- */

static bool has_impi(const struct subscription *s, const char *name)
{
	const struct sub_impi *p = s->impis.items;
	for (size_t i = 0; i < s->impis.n; i++)
		if (!strcmp(p[i].impi, name))
			return true;
	return false;
}

/* By its form: no pattern that passes can keep us busy (common/sip/ere.h). */
static int check_wildcard(struct check *c, char **text, struct str uri, struct arena *a)
{
	struct sip_wildcard *w;
	char why[256];
	if (sip_wildcard_new(uri, &w, why))
		return wrong(c, "wildcard \"%s\": %s", *text, why);
	*text = (char *)arena_str(a, sip_wildcard_text(w)).p;
	sip_wildcard_free(w);
	return 0;
}

static int check_distinct(struct check *c, struct sub_impu *u, struct arena *a)
{
	struct str canonical = impu_canonical(str_of(u->impu), a);
	if (!canonical.p)
		return wrong(c, "public identity \"%s\" is not a sip: or tel: URI", u->impu);
	if (sip_wildcard_is(canonical))
		return wrong(c, "%s: an expression between ! marks is what a wildcard has", u->impu);
	u->impu = (char *)canonical.p;
	return 0;
}

/* A wildcard is registered with a distinct identity of its set (TS 23.228 4.3.3.2b). */
static int check_pilot(struct check *c, const struct sub_impu *w)
{
	const struct sub_impu *u = c->s->impus.items;
	for (size_t i = 0; i < c->s->impus.n; i++)
		if (u[i].kind == IMPU_DISTINCT && u[i].set == w->set)
			return 0;
	return wrong(c, "wildcard %s has no distinct identity in its set, to register it", w->impu);
}

static int check_impu(struct check *c, struct sub_impu *u, struct arena *a)
{
	int err = impu_is_wildcard(u->kind) ? check_wildcard(c, &u->impu, str_of(u->impu), a) :
		check_distinct(c, u, a);
	if (!err && u->kind == IMPU_WILDCARD)
		err = check_pilot(c, u);
	if (err)
		return err;
	for (size_t i = 0; i < u->private.n; i++) {
		const char *name = ((char **)u->private.items)[i];
		if (!has_impi(c->s, name))
			return wrong(c, "%s names %s, which is no private identity here", u->impu, name);
	}
	return 0;
}

/* ---- profiles, and what else there is ---- */

static int check_condition(struct check *c, const struct sub_condition *t)
{
	int n = !!t->method + !!t->request_uri + !!t->header + !!t->sdp_line +
		(t->session_case != 0);
	if (n != 1)
		return wrong(c, "a condition is one of method, request-uri, header, sdp-line, "
				"session-case");
	if (t->content && !t->header && !t->sdp_line)
		return wrong(c, "only header and sdp-line have a content");
	return 0;
}

static int check_filters(struct check *c)
{
	const struct sub_filter *f = c->s->filters.items;
	for (size_t i = 0; i < c->s->filters.n; i++) {
		for (size_t k = 0; k < i; k++)
			if (f[k].priority == f[i].priority && f[k].profile == f[i].profile)
				return wrong(c, "priority %lld is there twice",
					(long long)f[i].priority);
		const struct sub_condition *t = f[i].conditions.items;
		for (size_t k = 0; k < f[i].conditions.n; k++) {
			int err = check_condition(c, &t[k]);
			if (err)
				return err;
		}
	}
	return 0;
}

/* One Allowed-WAF-WWSF-Identities holds them all (TS 29.229 6.3.57). */
static int check_vouchers(struct check *c, const struct conf_list *names, const char *kind)
{
	if (names->n > CX_MAX_CAPABILITIES)
		return wrong(c, "allowed has more than %d names of a %s", CX_MAX_CAPABILITIES, kind);
	for (size_t i = 0; i < names->n; i++) {
		const char *name = ((char **)names->items)[i];
		if (!*name || strpbrk(name, " \t\r\n"))
			return wrong(c, "allowed: \"%s\" is no host name of a %s", name, kind);
	}
	return 0;
}

/* A pool is a template, without identities of its own. */
static int check_pool(struct check *c, struct subscription *s, struct arena *a)
{
	if (!s->pool.impi && !s->pool.impu)
		return 0;
	if (!s->pool.impi || !s->pool.impu)
		return wrong(c, "a pool has an impi and an impu");
	if (s->impis.n || s->impus.n || s->unregistered.server_name)
		return wrong(c, "a pool has no identities of its own");
	char *impi = s->pool.impi;
	int err = check_wildcard(c, &s->pool.impu, str_of(s->pool.impu), a);
	if (!err)
		err = check_wildcard(c, &impi, pool_impi_uri(str_of(impi), a), a);
	s->pool.impi = impi + strlen("sip:");
	return err;
}

static int check_unregistered(struct check *c, struct subscription *s, struct arena *a)
{
	struct sip_uri uri;
	char *name = s->unregistered.server_name;
	if (!name)
		return s->unregistered.origin_host ? wrong(c, "unregistered has no server-name") : 0;
	if (sip_uri_parse(&uri, str_of(name)) || !uri.host.n)
		return wrong(c, "unregistered: \"%s\" is no SIP URI of an S-CSCF", name);
	if (!s->unregistered.origin_host)
		s->unregistered.origin_host = (char *)arena_str(a, uri.host).p;
	return 0;
}

static int check_identities(struct check *c, struct subscription *s, struct arena *a)
{
	struct sub_impi *p = s->impis.items;
	struct sub_impu *u = s->impus.items;
	int err = 0;

	if (s->pool.impu)
		return 0;
	if (!s->impis.n || !s->impus.n || s->impis.n > 64 || s->impus.n > 64)
		return wrong(c, "it needs 1 to 64 private and as many public identities");
	for (size_t i = 0; !err && i < s->impis.n; i++)
		err = check_impi(c, &p[i], a);
	for (size_t i = 0; !err && i < s->impus.n; i++) {
		const char *at = c->at;
		c->at = u[i].where ? u[i].where : at;
		err = check_impu(c, &u[i], a);
		c->at = at;
	}
	return err;
}

/* ---- all of it ---- */

static int check_one(struct check *c, struct subscription *s, struct arena *a)
{
	int err = 0;
	c->s = s;
	if (!*s->name || strpbrk(s->name, " \t\n"))
		return wrong(c, "its name is one word");
	err = check_pool(c, s, a);
	if (!err)
		err = check_identities(c, s, a);
	if (!err)
		err = check_unregistered(c, s, a);
	for (size_t i = 0; !err && i < s->capabilities.mandatory.n; i++)
		if (((int64_t *)s->capabilities.mandatory.items)[i] < 0)
			err = wrong(c, "a capability is not negative");
	if (!err)
		err = check_vouchers(c, &s->allowed.wafs, "WAF");
	if (!err)
		err = check_vouchers(c, &s->allowed.wwsfs, "WWSF");
	return err ? err : check_filters(c);
}

int subscriptions_check(const char *name, struct subscriptions *all, struct arena *a,
	char why[512])
{
	struct check c = {.why = why};
	struct subscription *s = all->items.items;
	for (size_t i = 0; i < all->items.n; i++) {
		c.at = s[i].where ? s[i].where : name;
		int err = check_one(&c, &s[i], a);
		if (err)
			return err;
	}
	return 0;
}
