/* Members of one range (TR 23.701 6.3.2.1.5): REGISTER with an ES256 token over WSS, 200 by the WAAF
 * itself once its row is committed. All members are registered in rounds of as many as there are
 * connections, which are closed before the next round: bindings stay. The last ones refresh, each
 * time with a new token, on connections that are kept.
 *
 * The tokens are signed by the bench with the WAF's key before the time runs; making connections
 * counts nowhere either.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "common/crypto/token.h"
#include "scenarios/player/bench.h"
#include "scenarios/player/rig.h"

enum { MEMBERS = 100000, CONNECTIONS = 8000, LET_GO_MS = 40000, SOURCES = 50 };

static const char *const elements[] = {"waaf", NULL};
static const struct bench_set raised[] = {
	{"waaf", "limits.handshakes-per-second", "1000000"},
	{"waaf", "limits.open-per-address", "1000000"},
	{"waaf", "limits.open", "1000000"},
	{"waaf", "limits.register-within", "\"1h\""},
	{"waaf", "limits.registers-per-10s", "1000000"},
	{"waaf", "limits.requests-per-second", "1000000"},
	{"waaf", "registrations.wwsfs.0.mode", "\"static\""},
	{"waaf", "registrations.wwsfs.0.exclude", "[]"}, /* of the rig: one that fits */
	{"waaf", "registrations.wwsfs.0.realm", "\"" RIG_DOMAIN "\""},
	{"waaf", "registrations.wwsfs.0.ha1", "\"00112233445566778899aabbccddeeff\""},
};
static const struct bench_who members = {
	.edge = "wss://waaf." RIG_DOMAIN ":8443/sip",
	.origin = "https://wwsf2." RIG_DOMAIN ":8443",
	.prefix = "web",
	.realm = "wwsf2." RIG_DOMAIN,
	.issuer = "https://waaf." RIG_DOMAIN ":8445",
	.wwsf = "wwsf2." RIG_DOMAIN,
};

struct members {
	struct bench_rig r;
	struct bench *b;
	struct token_keys *keys;
	struct bench_wics *wics;       /* of the round; NULL: none */
	int connections, outstanding;
	struct bench_result sum;
	double waaf_us;
};

static int load_keys(struct members *k)
{
	char path[PATH_MAX + 40], why[512];

	snprintf(path, sizeof path, "%s/waf-keys.json", k->r.rig->dir);
	int err = token_keys_load(k->keys, path, why);
	return err ? bench_fail(k->b, err, "the WAF's keys: %s", why) : 0;
}

/* The heap without what is passing. */
static int heap(struct members *k, double *out)
{
	json_t *answer = bench_ask(&k->r, k->b, "waaf", json_pack("{s:s}", "cmd", "status"));
	json_int_t offset = json_integer_value(json_object_get(answer, "offset_ms"));
	json_decref(answer);
	answer = bench_ask(&k->r, k->b, "waaf",
		json_pack("{s:s, s:I}", "cmd", "clock", "offset_ms", offset + LET_GO_MS));
	json_decref(answer);
	answer = bench_ask(&k->r, k->b, "waaf", json_pack("{s:s}", "cmd", "memory"));
	*out = (double)json_integer_value(json_object_get(answer, "heap_bytes"));
	json_decref(answer);
	return answer ? 0 : -EIO;
}

static void hang_up(struct members *k)
{
	bench_wics_close(k->wics);
	k->wics = NULL;
}

static int connect_all(struct members *k, int n)
{
	k->b->source = (k->b->source + 1) % SOURCES; /* ports of before are still taken */
	int err = bench_wics_open(&k->r, k->b, n, &k->wics);
	if (!err)
		bench_wics_sign(k->wics, k->keys);
	return err;
}

static int add(struct members *k, enum bench_wics_do what, int64_t first, int64_t n)
{
	struct bench_result x, *sum = &k->sum;
	double from = bench_cpu_us(&k->r, "waaf");
	int err = bench_wics_run(k->wics, what, first, n, k->outstanding, 60, &x);

	k->waaf_us += bench_cpu_us(&k->r, "waaf") - from;
	sum->mean_ms += x.mean_ms * (double)(x.done + x.failed);
	sum->done += x.done;
	sum->failed += x.failed;
	sum->seconds += x.seconds;
	sum->load_cpu_us += x.load_cpu_us;
	return err ? err : x.failed ? bench_fail(k->b, -EIO, "%lld registrations failed",
		(long long)x.failed) : 0;
}

static void put(struct members *k, const char *before)
{
	double n = (double)(k->sum.done ? k->sum.done : 1);
	k->sum.mean_ms /= (double)(k->sum.done + k->sum.failed ? k->sum.done + k->sum.failed : 1);
	bench_put_result(k->b, before, &k->sum);
	bench_put2(k->b, before, "cpu_us_per_registration_waaf", k->waaf_us / n);
	k->sum = (struct bench_result){0};
	k->waaf_us = 0;
}

/* All but those of the last round are without a connection at the end. */
static int register_all(struct members *k, int64_t all)
{
	double empty, full;
	int err = heap(k, &empty);

	for (int64_t done = 0; !err && done < all; done += k->connections) {
		int64_t n = all - done < k->connections ? all - done : k->connections;
		if (k->wics)
			hang_up(k);
		if (!err && done && done + n == all && !(err = heap(k, &full))) {
			bench_put(k->b, "members_without_connection", (double)done);
			bench_put(k->b, "member_bytes", (full - empty) / (double)done);
		}
		if (!err)
			err = connect_all(k, (int)n);
		if (!err)
			err = add(k, BENCH_TOKEN, done + 1, n);
	}
	put(k, "new_");
	return err;
}

static int refresh(struct members *k, int64_t n)
{
	int seconds = k->b->seconds ? k->b->seconds : BENCH_SECONDS, err = 0;
	while (!err && k->sum.seconds < seconds)
		err = add(k, BENCH_TOKEN_REFRESH, 1, n);
	put(k, "refresh_");
	return err;
}

int bench_members(struct bench *b)
{
	struct members k = {.b = b, .keys = token_keys_new(),
		.connections = b->connections ? b->connections : CONNECTIONS,
		.outstanding = b->outstanding ? b->outstanding : BENCH_OUTSTANDING};
	int64_t all = b->users ? b->users : MEMBERS;
	int err = bench_rig_open(&k.r, b, elements, raised, sizeof raised / sizeof *raised);

	b->who = &members;
	bench_put(b, "cores", (double)sysconf(_SC_NPROCESSORS_ONLN));
	bench_put(b, "members", (double)all);
	bench_put(b, "connections", k.connections);
	bench_put(b, "outstanding", k.outstanding);
	if (!err)
		err = load_keys(&k);
	if (!err)
		err = register_all(&k, all);
	if (!err)
		err = refresh(&k, all % k.connections ? all % k.connections : k.connections);
	if (!err)
		bench_put(b, "members_at_the_end", bench_metric(&k.r, b, "waaf", "imsrig_waaf_members"));
	hang_up(&k);
	bench_rig_close(&k.r);
	token_keys_free(k.keys);
	return err;
}
