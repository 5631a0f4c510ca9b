/* Subscriptions from YAML, by rows, and of ranges.
 * SPDX-License-Identifier: Apache-2.0 */
#include "hss/subscription.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/sip/field.h"
#include "hss/subscription_check.h"

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

/* ---- reading ---- */

int subscriptions_load(const char *path, struct subscriptions *out, struct arena *a,
	char why[512])
{
	int err = conf_load(path, file_rows, out, a, why);
	return err ? err : subscriptions_check(path, out, a, why);
}

int subscriptions_load_text(struct str yaml, const char *name, struct subscriptions *out,
	struct arena *a, char why[512])
{
	int err = conf_load_text(yaml, name, file_rows, out, a, why);
	return err ? err : subscriptions_check(name, out, a, why);
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
	return subscriptions_check("range", &all, a, why);
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
