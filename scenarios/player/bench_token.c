/* Registrations by token (TS 23.228 U.2.1.3): one REGISTER over WSS, its ES256 token checked
 * by the eP-CSCF, UAR and SAR on real Cx links, 200. First ones and refreshes, each with a
 * token of its own, on kept connections.
 *
 * The tokens are signed by the bench with the WWSF's key before the time runs: what is
 * measured is the registration. How fast tokens are issued is bench_issue.c's.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <unistd.h>

#include "common/crypto/token.h"
#include "scenarios/player/bench.h"
#include "scenarios/player/rig.h"

enum { USERS = 400000 };

static const char *const elements[] = {"hss", "scscf", "icscf", "epcscf", "wwsf", NULL};

static int load_keys(struct bench_rig *r, struct bench *b, struct token_keys *keys)
{
	char path[PATH_MAX + 40], why[512];

	snprintf(path, sizeof path, "%s/wwsf-keys.json", r->rig->dir);
	int err = token_keys_load(keys, path, why);
	return err ? bench_fail(b, err, "the WWSF's keys: %s", why) : 0;
}

static int register_all(struct bench_rig *r, struct bench *b, const struct token_keys *keys,
	int64_t users)
{
	struct bench_rounds k = {.r = r, .next = 1,
		.connections = b->connections ? b->connections : BENCH_CONNECTIONS,
		.outstanding = b->outstanding ? b->outstanding : BENCH_OUTSTANDING};
	int err = bench_wics_open(r, b, k.connections, &k.wics);

	if (!err) {
		bench_put(b, "connections", k.connections);
		bench_put(b, "outstanding", k.outstanding);
		bench_wics_sign(k.wics, keys);
		bench_rounds(&k, b, BENCH_TOKEN, "token_", users);
		bench_rounds(&k, b, BENCH_TOKEN_REFRESH, "token_refresh_", INT64_MAX);
	}
	bench_wics_close(k.wics);
	return err;
}

int bench_token(struct bench *b)
{
	int64_t users = b->users ? b->users : USERS;
	struct token_keys *keys = token_keys_new();
	struct bench_rig r;
	int err = bench_rig_open(&r, b, elements, NULL, 0);

	bench_put(b, "cores", (double)sysconf(_SC_NPROCESSORS_ONLN));
	if (!err)
		err = load_keys(&r, b, keys);
	if (!err)
		err = bench_provide(&r, b, users);
	if (!err)
		err = register_all(&r, b, keys, users);
	bench_rig_close(&r);
	token_keys_free(keys);
	return err;
}
