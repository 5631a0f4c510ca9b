/* Subscriptions from YAML, by rows; what rows can't say is checked here.
 * SPDX-License-Identifier: Apache-2.0 */
#include "hss/subscription.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/crypto/digest.h"
#include "common/cx/cx.h"
#include "common/sip/field.h"
#include "common/sip/wildcard.h"

static const char *const scheme_names[] = {"sip-digest", "aka", "none", NULL};
static const char *const kind_names[] = {
	"distinct", "psi", "wildcarded-psi", "non-distinct", "wildcard", NULL};
static const char *const part_names[] = {"both", "registered", "unregistered", NULL};
static const char *const match_names[] = {"all-groups", "any-group", NULL};
static const char *const handling_names[] = {"continue", "terminate", NULL};
static const char *const case_names[] = {"none", "originating-registered",
	"terminating-registered", "terminating-unregistered", "originating-unregistered",
	"originating-cdiv", NULL};

static const struct conf_row impi_rows[] = {
	CONF_STR(struct sub_impi, impi, "impi", CONF_REQUIRED, NULL),
	CONF_STR(struct sub_impi, password, "password", 0, NULL),
	CONF_STR(struct sub_impi, ha1, "ha1", 0, NULL),
	CONF_STR(struct sub_impi, ha1_sha256, "ha1-sha256", 0, NULL),
	CONF_STR(struct sub_impi, k, "k", 0, NULL),
	CONF_STR(struct sub_impi, op, "op", 0, NULL),
	CONF_STR(struct sub_impi, opc, "opc", 0, NULL),
	CONF_STR(struct sub_impi, amf, "amf", 0, NULL),
	CONF_STR(struct sub_impi, sqn, "sqn", 0, NULL),
	CONF_STR(struct sub_impi, realm, "realm", 0, NULL),
	CONF_ENUM(struct sub_impi, scheme, "scheme", 0, "sip-digest", scheme_names),
	CONF_STRS(struct sub_impi, algorithms, "algorithms", 0),
	CONF_END};

static const struct conf_row impu_rows[] = {
	CONF_WHERE(struct sub_impu, where),
	CONF_STR(struct sub_impu, impu, "impu", CONF_REQUIRED, NULL),
	CONF_STR(struct sub_impu, display_name, "display-name", 0, NULL),
	CONF_INT(struct sub_impu, set, "set", 0, "1", 1, 1000),
	CONF_INT(struct sub_impu, profile, "profile", 0, "1", 1, 1000),
	CONF_ENUM(struct sub_impu, kind, "kind", 0, "distinct", kind_names),
	CONF_BOOL(struct sub_impu, barred, "barred", "false"),
	CONF_STRS(struct sub_impu, private, "private", 0),
	CONF_END};

static const struct conf_row condition_rows[] = {
	CONF_INT(struct sub_condition, group, "group", 0, "0", 0, 1000),
	CONF_BOOL(struct sub_condition, negated, "not", "false"),
	CONF_STR(struct sub_condition, method, "method", 0, NULL),
	CONF_STR(struct sub_condition, request_uri, "request-uri", 0, NULL),
	CONF_STR(struct sub_condition, header, "header", 0, NULL),
	CONF_STR(struct sub_condition, sdp_line, "sdp-line", 0, NULL),
	CONF_STR(struct sub_condition, content, "content", 0, NULL),
	CONF_ENUM(struct sub_condition, session_case, "session-case", 0, "none", case_names),
	CONF_END};

static const struct conf_row filter_rows[] = {
	CONF_INT(struct sub_filter, priority, "priority", CONF_REQUIRED, NULL, 0, INT32_MAX),
	CONF_INT(struct sub_filter, profile, "profile", 0, "1", 1, 1000),
	CONF_ENUM(struct sub_filter, part, "part", 0, "both", part_names),
	CONF_ENUM(struct sub_filter, match, "match", 0, "all-groups", match_names),
	CONF_STR(struct sub_filter, server, "server", CONF_REQUIRED, NULL),
	CONF_STR(struct sub_filter, service_info, "service-info", 0, NULL),
	CONF_ENUM(struct sub_filter, default_handling, "default-handling", 0, "continue",
		handling_names),
	CONF_LIST(struct sub_filter, conditions, "conditions", 0, condition_rows,
		struct sub_condition),
	CONF_END};

typedef typeof(((struct subscription *)0)->capabilities) capabilities_of;
typedef typeof(((struct subscription *)0)->charging) charging_of;
typedef typeof(((struct subscription *)0)->allowed) allowed_of;
typedef typeof(((struct subscription *)0)->unregistered) unregistered_of;
typedef typeof(((struct subscription *)0)->pool) pool_of;

static const struct conf_row capability_rows[] = {
	CONF_INTS(capabilities_of, mandatory, "mandatory", 0),
	CONF_INTS(capabilities_of, optional, "optional", 0),
	CONF_STRS(capabilities_of, server_names, "server-names", 0),
	CONF_END};
static const struct conf_row charging_rows[] = {
	CONF_STR(charging_of, primary_ecf, "primary-ecf", 0, NULL),
	CONF_STR(charging_of, secondary_ecf, "secondary-ecf", 0, NULL),
	CONF_STR(charging_of, primary_ccf, "primary-ccf", 0, NULL),
	CONF_STR(charging_of, secondary_ccf, "secondary-ccf", 0, NULL),
	CONF_END};
static const struct conf_row allowed_rows[] = {
	CONF_BOOL(allowed_of, applies, "applies", "false"),
	CONF_STRS(allowed_of, wafs, "waf", 0),
	CONF_STRS(allowed_of, wwsfs, "wwsf", 0),
	CONF_END};

static const struct conf_row unregistered_rows[] = {
	CONF_STR(unregistered_of, server_name, "server-name", 0, NULL),
	CONF_STR(unregistered_of, origin_host, "origin-host", 0, NULL),
	CONF_END};
static const struct conf_row pool_rows[] = {
	CONF_STR(pool_of, impi, "impi", 0, NULL),
	CONF_STR(pool_of, impu, "impu", 0, NULL),
	CONF_INT(pool_of, max, "max", 0, "10000", 1, 10000000),
	CONF_END};

static const struct conf_row subscription_rows[] = {
	CONF_WHERE(struct subscription, where),
	CONF_STR(struct subscription, name, "name", CONF_REQUIRED, NULL),
	CONF_BOOL(struct subscription, may_register, "may-register", "true"),
	CONF_STRS(struct subscription, visited, "visited-networks", 0),
	CONF_STRUCT(struct subscription, capabilities, "capabilities", 0, capability_rows),
	CONF_STRUCT(struct subscription, charging, "charging", 0, charging_rows),
	CONF_STRUCT(struct subscription, allowed, "allowed", 0, allowed_rows),
	CONF_STRUCT(struct subscription, unregistered, "unregistered", 0, unregistered_rows),
	CONF_STRUCT(struct subscription, pool, "pool", 0, pool_rows),
	CONF_LIST(struct subscription, impis, "private", 0, impi_rows, struct sub_impi),
	CONF_LIST(struct subscription, impus, "public", 0, impu_rows, struct sub_impu),
	CONF_LIST(struct subscription, filters, "filter-criteria", 0, filter_rows,
		struct sub_filter),
	CONF_END};

static const struct conf_row file_rows[] = {
	CONF_LIST(struct subscriptions, items, "subscriptions", CONF_REQUIRED,
		subscription_rows, struct subscription),
	CONF_END};

/* ---- identities ---- */

/* "sip:" letters, digits and -_.+ "@" a host in lower case: as CSCFs send nearly all of them,
 * and nothing to change in it. */
static bool is_plain(struct str s)
{
	size_t i = 4;
	if (!str_starts(s, STR("sip:")))
		return false;
	while (i < s.n && (isalnum((unsigned char)s.p[i]) || strchr("-_.+", s.p[i] ? s.p[i] : ' ')))
		i++;
	if (i == 4 || i + 1 >= s.n || s.p[i++] != '@')
		return false;
	while (i < s.n && ((s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= '0' && s.p[i] <= '9') ||
		s.p[i] == '.' || s.p[i] == '-'))
		i++;
	return i == s.n;
}

struct str impu_canonical(struct str impu, struct arena *a)
{
	struct sip_uri uri;
	if (is_plain(impu))
		return arena_str(a, impu);
	return sip_uri_parse(&uri, str_trim(impu)) ? STR_NONE : sip_uri_canonical(&uri, a);
}

bool impu_is_wildcard(int kind)
{
	return kind == IMPU_WILDCARD || kind == PSI_WILDCARD;
}

struct str pool_impi_uri(struct str impi, struct arena *a)
{
	return arena_fmt(a, "sip:" STR_FMT, STR_ARG(impi));
}

/* ---- checks ---- */

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

static int check_all(const char *name, struct subscriptions *all, struct arena *a,
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

int subscriptions_load(const char *path, struct subscriptions *out, struct arena *a,
	char why[512])
{
	int err = conf_load(path, file_rows, out, a, why);
	return err ? err : check_all(path, out, a, why);
}

int subscriptions_load_text(struct str yaml, const char *name, struct subscriptions *out,
	struct arena *a, char why[512])
{
	int err = conf_load_text(yaml, name, file_rows, out, a, why);
	return err ? err : check_all(name, out, a, why);
}

/* ---- ranges ---- */

/* Puts the number where %d or %0Nd stands. p NULL when there is not exactly one. */
static struct str numbered(const char *pattern, int64_t number, struct arena *a)
{
	const char *at = strchr(pattern, '%');
	if (!at || strchr(at + 1, '%'))
		return STR_NONE;
	char *end;
	bool zeros = at[1] == '0';
	long width = strtol(at + 1, &end, 10);
	if (*end != 'd' || width < 0 || width > 18)
		return STR_NONE;
	return arena_fmt(a, zeros ? "%.*s%0*lld%s" : "%.*s%*lld%s", (int)(at - pattern), pattern,
		(int)width, (long long)number, end + 1);
}

/* The pattern may be a plain text as well. */
static char *numbered_or_not(const char *pattern, int64_t number, struct arena *a)
{
	return (char *)(strchr(pattern, '%') ? numbered(pattern, number, a) :
		arena_str(a, str_of(pattern))).p;
}

int subscription_of_range(const struct range *r, int64_t number, struct subscription *out,
	struct arena *a, char why[512])
{
	struct subscriptions all = {{out, 1}};
	struct str user = numbered(r->name, number, a);
	struct sub_impi *impi = ARENA_NEW(a, struct sub_impi);
	struct sub_impu *impu = ARENA_NEW(a, struct sub_impu);
	if (r->k) {
		impi->scheme = AUTH_AKA;
		impi->k = numbered_or_not(r->k, number, a);
		impi->opc = r->opc ? (char *)arena_str(a, str_of(r->opc)).p : NULL;
	} else {
		impi->password = r->password ? numbered_or_not(r->password, number, a) :
			(char *)user.p;
	}
	if (!user.p || !(r->k ? impi->k : impi->password)) {
		snprintf(why, 512, "a range has one %%d (or %%06d) in its name");
		return -EINVAL;
	}
	impi->impi = (char *)arena_fmt(a, STR_FMT "@%s", STR_ARG(user), r->realm).p;
	impu->impu = (char *)arena_fmt(a, "sip:" STR_FMT "@%s", STR_ARG(user), r->realm).p;
	impu->set = impu->profile = 1;
	*out = (struct subscription){.name = (char *)user.p, .may_register = true,
		.impis = {impi, 1}, .impus = {impu, 1}};
	return check_all("range", &all, a, why);
}

/* ---- fingerprint ---- */

static void mix(uint64_t *h, uint64_t v)
{
	*h = (*h ^ v) * 0x9e3779b97f4a7c15u;
	*h ^= *h >> 29;
}

static void mix_text(uint64_t *h, const char *s)
{
	mix(h, s ? str_hash(str_of(s)) : 1);
}

/* Lists of structs, by the rows that read them: a key that comes later counts too. */
static void mix_rows(uint64_t *h, const char *at, const struct conf_row *rows);

static void mix_value(uint64_t *h, const char *at, const struct conf_row *row)
{
	const struct conf_list *list = (const struct conf_list *)(const void *)at;
	switch (row->type) {
	case CONF_T_STR:
		mix_text(h, *(char *const *)(const void *)at);
		break;
	case CONF_T_INT:
	case CONF_T_MS:
		mix(h, (uint64_t) * (const int64_t *)(const void *)at);
		break;
	case CONF_T_BOOL:
		mix(h, *(const bool *)at);
		break;
	case CONF_T_ENUM:
		mix(h, (uint64_t) * (const int *)(const void *)at);
		break;
	case CONF_T_STRUCT:
		mix_rows(h, at, row->rows);
		break;
	case CONF_T_LIST:
		mix(h, list->n);
		for (size_t i = 0; i < list->n; i++) {
			const char *item = (const char *)list->items + i * row->size;
			if (row->rows)
				mix_rows(h, item, row->rows);
			else
				mix_value(h, item, &(struct conf_row){.type = row->item});
		}
		break;
	default:
		break;
	}
}

static void mix_rows(uint64_t *h, const char *at, const struct conf_row *rows)
{
	for (; rows->key; rows++)
		mix_value(h, at + rows->offset, rows);
}

uint64_t subscription_fingerprint(const struct subscription *s)
{
	uint64_t h = 0;
	mix_rows(&h, (const char *)s, subscription_rows);
	return h;
}
