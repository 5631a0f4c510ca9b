/* Registrations with web credentials (TR 33.871, direct authentication) beside those with IMS
 * credentials, on one rig, one after the other: what the mapping in UAR, MAR and SAR, the proxy's
 * sealed store and the messages between HSS and proxy cost.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "common/crypto/digest.h"
#include "scenarios/player/bench.h"
#include "scenarios/player/rig.h"

enum { USERS = 75000, CHUNK = 4000 };  /* of each kind; in one document of subscribers */

static const struct bench_who web_users = {
	.edge = "wss://epcscf." RIG_DOMAIN ":8443/sip",
	.origin = "https://wwsf." RIG_DOMAIN ":8443",
	.prefix = "web",
	.realm = "wwsf." RIG_DOMAIN,   /* the domain of web identities */
	.wwsf = "wwsf." RIG_DOMAIN,
	.web = true,
};

/* ---- what is provided ---- */

static int add_chunk(struct bench_rig *r, struct bench *b, int64_t first, int64_t end)
{
	struct buf yaml = {0};
	buf_add(&yaml, STR("subscriptions:\n"));
	for (int64_t i = first; i < end; i++)
		buf_fmt(&yaml, "- {name: web%06lld, private: [{impi: web%06lld@" RIG_DOMAIN
			", scheme: none}], public: [{impu: \"sip:web%06lld@" RIG_DOMAIN
			"\"}], allowed: {wwsf: [%s]}}\n", (long long)i, (long long)i, (long long)i,
			web_users.wwsf);
	json_t *answer = bench_ask(r, b, "hss", json_pack("{s:s, s:s%}", "cmd", "subscriber.add",
		"yaml", yaml.p, yaml.n));
	buf_free(&yaml);
	json_decref(answer);
	return answer ? 0 : -EIO;
}

/* Passwords are the names, as those of subscribers. */
static int write_file(const char *path, struct bench *b, int64_t users)
{
	FILE *f = fopen(path, "w");
	char name[64], ha1[DIGEST_HEX_MAX], password[24];

	if (!f)
		return bench_fail(b, -errno, "%s can't be written", path);
	fprintf(f, "wwsf,%s\nrealm,web." RIG_DOMAIN "\nalgorithms,MD5\n", web_users.wwsf);
	for (int64_t i = 1; i <= users; i++) {
		snprintf(password, sizeof password, "web%06lld", (long long)i);
		snprintf(name, sizeof name, "%s@%s", password, web_users.realm);
		digest_ha1(DIGEST_MD5, str_of(name), STR("web." RIG_DOMAIN), str_of(password), ha1);
		fprintf(f, "user,%s,%s@" RIG_DOMAIN ",sip:%s@" RIG_DOMAIN ",%s\n", name, password,
			password, ha1);
	}
	fprintf(f, "end,%lld\n", (long long)users);
	return fclose(f) ? bench_fail(b, -EIO, "%s can't be written", path) : 0;
}

static int synchronise(struct bench_rig *r, struct bench *b, int64_t users)
{
	char path[PATH_MAX + 20];
	snprintf(path, sizeof path, "%s/web-users.csv", r->dir);
	int err = write_file(path, b, users);
	if (err)
		return err;
	uint64_t start = clock_real_ns();
	json_t *answer = bench_ask(r, b, "hss", json_pack("{s:s, s:s}", "cmd", "avproxy.import",
		"file", path));
	if (!answer)
		return -EIO;
	json_decref(answer);
	bench_put(b, "web_users_imported", (double)users);
	bench_put(b, "web_users_imported_per_s",
		(double)users / ((double)(clock_real_ns() - start) / 1e9));
	return 0;
}

static int provide(struct bench_rig *r, struct bench *b, int64_t users)
{
	int err = 0;
	for (int64_t i = 1; !err && i <= users; i += CHUNK)
		err = add_chunk(r, b, i, i + CHUNK <= users ? i + CHUNK : users + 1);
	return err ? err : synchronise(r, b, users);
}

/* ---- the bench ---- */

int bench_direct(struct bench *b)
{
	static const struct bench_set both[] = {
		{"epcscf", "origins.0.auth", "[\"digest\", \"direct\"]"}};
	int64_t each = b->users ? b->users / 2 : USERS;
	struct bench_rig r;
	int err = bench_rig_open(&r, b, bench_registrars, both, 1);

	bench_put(b, "cores", (double)sysconf(_SC_NPROCESSORS_ONLN));
	if (!err)
		err = bench_provide(&r, b, each);
	if (!err)
		err = bench_over_wss(&r, b, "digest_", 1, each);
	if (!err)
		err = provide(&r, b, each);
	b->who = &web_users;
	b->source = 1; /* ports of before are still taken */
	if (!err)
		err = bench_over_wss(&r, b, "direct_", 1, each);
	bench_rig_close(&r);
	return err;
}
