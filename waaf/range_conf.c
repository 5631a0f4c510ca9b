/* Configuration of ranges.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>

#include "waaf/range.h"

static const char *const mode_names[] = {"registration", "static", NULL};

static const struct conf_row pilot_rows[] = {
	CONF_STR(struct range_pilot_conf, impi, "impi", CONF_REQUIRED, NULL),
	CONF_STR(struct range_pilot_conf, impu, "impu", CONF_REQUIRED, NULL), CONF_END};

#define W struct range_wwsf_conf
static const struct conf_row wwsf_rows[] = {
	CONF_STR(W, wwsf, "wwsf", CONF_REQUIRED, NULL),
	CONF_ENUM(W, mode, "mode", CONF_REQUIRED, NULL, mode_names),
	CONF_STRS(W, blocks, "blocks", CONF_REQUIRED),
	CONF_STRUCT(W, pilot, "pilot", CONF_REQUIRED, pilot_rows),
	CONF_STR(W, impi_realm, "impi-realm", CONF_REQUIRED, NULL),
	CONF_STRS(W, exclude, "exclude", 0), CONF_STR(W, ha1, "ha1", 0, NULL),
	CONF_STR(W, realm, "realm", 0, NULL), CONF_END};

#define R struct range_conf
const struct conf_row range_conf_rows[] = {
	CONF_STR(R, database, "database", CONF_REQUIRED, NULL),
	CONF_MS(R, await_ms, "await", 0, "4min"),
	CONF_MS(R, max_expires_ms, "max-expires", 0, "3600s"),
	CONF_MS(R, min_expires_ms, "min-expires", 0, "60s"),
	CONF_MS(R, retry_after_ms, "retry-after", 0, "30s"),
	CONF_INT(R, procedures, "procedures", 0, "100", 1, 10000),
	CONF_INT(R, posts, "posts-per-10s", 0, "20", 1, 1000000000),
	CONF_INT(R, members, "members", 0, "1000000", 1, 100000000),
	CONF_LIST(R, wwsfs, "wwsfs", CONF_REQUIRED, wwsf_rows, W), CONF_END};

static int refuse(char why[512], const W *w, const char *fmt, const char *what)
	__attribute__((format(printf, 3, 0)));

static int refuse(char why[512], const W *w, const char *fmt, const char *what)
{
	int n = snprintf(why, 512, "registrations.wwsfs: %s: ", w->wwsf);
	snprintf(why + n, 512 - (size_t)n, fmt, what);
	return -EINVAL;
}

int range_ha1(const W *w, char out[DIGEST_HEX_MAX], char why[512])
{
	return digest_ha1_take(DIGEST_MD5, str_of(w->ha1), out) &&
			digest_ha1_take(DIGEST_SHA256, str_of(w->ha1), out) ? refuse(why, w, "ha1 is no MD5 (32) or SHA-256 (64) in hex digits%s", "") : 0;
}

/* In registration mode the network knows the WWSF's secret and the WAAF does not. */
static int check_secret(const W *w, char why[512])
{
	char ha1[DIGEST_HEX_MAX];
	int err;

	if (w->mode == RANGE_REGISTRATION)
		return w->ha1 || w->realm ? refuse(why, w, "mode: registration: the S-CSCF checks "
			"the digest, ha1 and realm have no place here%s", "") : 0;
	if (!w->ha1 || !w->realm)
		return refuse(why, w, "mode: static needs ha1 and realm: the WAAF checks the digest "
			"itself%s", "");
	if (!*w->realm || strpbrk(w->realm, "\"\\\r\n"))
		return refuse(why, w, "realm is empty or has quotes in it%s", "");
	err = range_ha1(w, ha1, why);
	explicit_bzero(ha1, sizeof ha1);
	return err;
}

static bool is_identity(const char *text, struct arena *a)
{
	struct sip_uri u;
	return !sip_uri_parse(&u, str_of(text)) && sip_uri_canonical(&u, a).p;
}

static int check_identities(const W *w, char why[512])
{
	char *const *exclude = w->exclude.items;
	struct arena a = {0};
	int err = 0;

	if (!is_identity(w->pilot.impu, &a) || sip_wildcard_is(str_of(w->pilot.impu)))
		err = refuse(why, w, "pilot.impu \"%s\" is no distinct public identity",
			w->pilot.impu);
	for (size_t i = 0; !err && i < w->exclude.n; i++)
		if (!is_identity(exclude[i], &a))
			err = refuse(why, w, "exclude: \"%s\" is no public identity", exclude[i]);
	arena_free(&a);
	return err;
}

static int check_blocks(const W *w, char why[512])
{
	char *const *blocks = w->blocks.items;
	char cause[256];

	if (!w->blocks.n || w->blocks.n > RANGE_BLOCKS_MAX)
		return refuse(why, w, "blocks has none, or more than 32%s", "");
	for (size_t i = 0; i < w->blocks.n; i++) {
		struct sip_wildcard *one;
		if (sip_wildcard_new(str_of(blocks[i]), &one, cause))
			return refuse(why, w, "blocks: %s", cause);
		sip_wildcard_free(one);
		for (size_t k = 0; k < i; k++)
			if (!strcmp(blocks[i], blocks[k]))
				return refuse(why, w, "blocks: \"%s\" stands there twice", blocks[i]);
	}
	return 0;
}

static bool overlap(const char *a, const char *b)
{
	struct sip_wildcard *x, *y;
	char why[256];
	bool is = false;
	if (sip_wildcard_new(str_of(a), &x, why))
		return false;
	if (!sip_wildcard_new(str_of(b), &y, why)) {
		is = sip_wildcard_overlap(x, y);
		sip_wildcard_free(y);
	}
	sip_wildcard_free(x);
	return is;
}

/* What is decided by configuration can't be decided later: two static ranges never share. In
 * registration mode the first that asks has it (409 to the other). */
static int check_pair(const W *a, const W *b, char why[512])
{
	char *const *of_a = a->blocks.items, *const *of_b = b->blocks.items;
	if (str_ieq(str_of(a->wwsf), str_of(b->wwsf)))
		return refuse(why, a, "stands there twice%s", "");
	for (size_t i = 0; i < a->blocks.n; i++)
		for (size_t k = 0; k < b->blocks.n; k++)
			if (a->mode == RANGE_STATIC && b->mode == RANGE_STATIC &&
				overlap(of_a[i], of_b[k]))
				return refuse(why, a, "blocks: \"%s\" overlaps with a static block "
					"of another WWSF", of_a[i]);
	return 0;
}

int range_conf_check(const struct range_conf *c, char why[512])
{
	const W *w = c->wwsfs.items;
	int err = 0;

	if (!c->database)
		return 0;
	if (c->await_ms < 1000 || c->min_expires_ms < 1000 || c->retry_after_ms < 1000 ||
		c->max_expires_ms < c->min_expires_ms) {
		snprintf(why, 512, "registrations: await, min-expires and retry-after must be 1s "
				   "at least, max-expires no shorter than min-expires");
		return -EINVAL;
	}
	for (size_t i = 0; !err && i < c->wwsfs.n; i++) {
		if (!(err = check_secret(&w[i], why)) && !(err = check_identities(&w[i], why)))
			err = check_blocks(&w[i], why);
		for (size_t k = 0; !err && k < i; k++)
			err = check_pair(&w[i], &w[k], why);
	}
	return err;
}
