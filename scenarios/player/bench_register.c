/* Complete digest registrations through eP-CSCF, I-CSCF, S-CSCF and HSS: REGISTER, 401,
 * REGISTER, 200, with UAR, MAR, UAR and SAR on real Cx links. Everything, the load too, runs
 * on this machine.
 *
 * The loop is closed: a fixed number of registrations is under way at any time, so that the
 * rate is the highest that goes through, and whatever fails is counted.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "scenarios/player/bench.h"
#include "scenarios/player/rig.h"

enum {
	UDP_OUTSTANDING = 256,
	USERS = 150000,
	WARM_UP = 5000,
	GROWTH_USERS = 300000,
	GROWTH_WARM_UP = 1000,
	GROWTH_SAMPLE = 10000,         /* whose CPU time is taken */
	GROWTH_COUNTED = 10000,        /* after them, whose instructions are */
};

static const struct bench_set access_udp[] = {{"epcscf", "access", "\"udp\""}};

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int over_udp(struct bench_rig *r, struct bench *b, int64_t first, int64_t n)
{
	int outstanding = b->outstanding ? b->outstanding : UDP_OUTSTANDING;
	int64_t warm = least(WARM_UP, n / 2);
	struct bench_result x;
	struct bench_cpu from, to, used = {{0}};
	int err = bench_sipp(r, b, first, warm, outstanding, 0, &x);

	if (err)
		return err;
	bench_cpu_take(r, &from);
	err = bench_sipp(r, b, first + warm, n - warm, outstanding,
		b->seconds ? b->seconds : BENCH_SECONDS, &x);
	bench_cpu_take(r, &to);
	if (err)
		return err;
	bench_put(b, "outstanding", outstanding);
	bench_put_result(b, "", &x);
	bench_put(b, "retransmissions", (double)x.again);
	bench_cpu_add(&used, &from, &to);
	bench_cpu_put(b, "", &used, (double)x.done);
	return 0;
}

int bench_over_wss(struct bench_rig *r, struct bench *b, const char *before, int64_t first,
	int64_t n)
{
	char firsts[40], refreshes[40];
	struct bench_rounds k = {.r = r, .next = first,
		.connections = b->connections ? b->connections : BENCH_CONNECTIONS,
		.outstanding = b->outstanding ? b->outstanding : BENCH_OUTSTANDING};
	int err = bench_wics_open(r, b, k.connections, &k.wics);

	if (!err) {
		bench_put(b, "wss_connections", k.connections);
		bench_put(b, "wss_handshakes_per_s",
			k.connections / bench_wics_seconds(k.wics));
		bench_put(b, "wss_outstanding", k.outstanding);
		snprintf(firsts, sizeof firsts, "%sfirst_", before);
		snprintf(refreshes, sizeof refreshes, "%srefresh_", before);
		bench_rounds(&k, b, BENCH_REGISTER, firsts, first + n);
		bench_rounds(&k, b, BENCH_REFRESH, refreshes, INT64_MAX);
	}
	bench_wics_close(k.wics);
	return err;
}

int bench_register(struct bench *b)
{
	bool both = b->udp == b->wss;
	int64_t users = b->users ? b->users : USERS, each = both ? users / 2 : users;
	struct bench_rig r;
	int err = bench_rig_open(&r, b, bench_registrars, access_udp, 1);

	bench_put(b, "cores", (double)sysconf(_SC_NPROCESSORS_ONLN));
	if (!err)
		err = bench_provide(&r, b, users);
	if (!err && (both || b->udp))
		err = over_udp(&r, b, 1, each);
	if (!err && (both || b->wss))
		err = bench_over_wss(&r, b, "wss_", both ? each + 1 : 1, each);
	bench_rig_close(&r);
	return err;
}

/* ---- AKA beside digest ---- */

/* The same users' number, the same rig, one after the other: what a vector and its checks cost. */
int bench_aka(struct bench *b)
{
	static const struct bench_who usims = {
		.edge = "wss://epcscf." RIG_DOMAIN ":8443/sip",
		.origin = "https://wwsf." RIG_DOMAIN ":8443",
		.prefix = "usim",
		.realm = RIG_DOMAIN,
		.k = "465b5ce8b199b49faa5f0a2ee2",
		.opc = "cd63cb71954a9f4e48a5994e37a02baf",
	};
	int64_t each = (b->users ? b->users : USERS) / 2;
	struct bench_rig r;
	int err = bench_rig_open(&r, b, bench_registrars, NULL, 0);

	bench_put(b, "cores", (double)sysconf(_SC_NPROCESSORS_ONLN));
	if (!err)
		err = bench_provide(&r, b, each);
	if (!err)
		err = bench_over_wss(&r, b, "digest_", 1, each);
	if (!err)
		err = bench_provide_who(&r, b, &usims, each);
	b->who = &usims;
	b->source = 1; /* ports of before are still taken */
	if (!err)
		err = bench_over_wss(&r, b, "aka_", 1, each);
	bench_rig_close(&r);
	return err;
}

/* ---- growth ---- */

struct cost {                          /* of the registrations of a sample */
	struct bench_cpu cpu;
	double n, instructions;        /* of one, all loops; 0: can't be counted here */
};

/* Counting costs time at every switch of threads, so it has users of its own. */
static int sample(struct bench_rig *r, struct bench *b, const char *before, int64_t first,
	struct cost *out)
{
	int outstanding = b->outstanding ? b->outstanding : UDP_OUTSTANDING;
	struct bench_result x, counted;
	struct bench_cpu from, to;
	struct bench_count count;
	int err = bench_let_go(r, b); /* users shall differ, not transactions */

	if (err)
		return err;
	bench_cpu_take(r, &from);
	err = bench_sipp(r, b, first, GROWTH_SAMPLE, outstanding, 0, &x);
	bench_cpu_take(r, &to);
	if (err)
		return err;
	bench_put_result(b, before, &x);
	bench_cpu_add(&out->cpu, &from, &to);
	out->n = (double)x.done;
	bench_cpu_put(b, before, &out->cpu, out->n);
	if (bench_count_begin(r, &count))
		bench_text(b, "loop_instructions", "can't be counted here");
	err = bench_sipp(r, b, first + GROWTH_SAMPLE, GROWTH_COUNTED, outstanding, 0, &counted);
	out->instructions = bench_count_end(b, before, &count, GROWTH_COUNTED);
	return err;
}

static void put_growth(struct bench *b, const char *key, double first, double last)
{
	bench_put(b, key, first > 0 ? 100 * (last / first - 1) : 0);
}

/* The I-CSCF keeps nothing of a user: its growth is the machine's. */
static void put_all_growth(struct bench *b, const struct cost *first, const struct cost *last)
{
	double sum = 0, sum_last = 0;
	char key[80];

	for (size_t i = 0; bench_registrars[i]; i++) {
		double was = first->cpu.us[i] / first->n, is = last->cpu.us[i] / last->n;
		snprintf(key, sizeof key, "cpu_growth_percent_%s", bench_registrars[i]);
		put_growth(b, key, was, is);
		sum += was;
		sum_last += is;
	}
	put_growth(b, "cpu_growth_percent", sum, sum_last);
	put_growth(b, "loop_instructions_growth_percent", first->instructions,
		last->instructions);
}

/* The HSS knows everybody from the start, as it would; what grows is who is registered. */
int bench_growth(struct bench *b)
{
	const int64_t each = GROWTH_SAMPLE + GROWTH_COUNTED;
	int64_t users = b->users ? b->users : GROWTH_USERS;
	int64_t middle = users - 2 * each - GROWTH_WARM_UP;
	struct bench_rig r;
	struct bench_result x;
	struct cost first = {{{0}}}, last = {{{0}}};

	if (middle <= 0)
		return bench_fail(b, -EINVAL, "growth needs more than %lld users",
			(long long)(2 * each + GROWTH_WARM_UP));
	int err = bench_rig_open(&r, b, bench_registrars, access_udp, 1);
	if (!err)
		err = bench_provide(&r, b, users);
	if (!err)
		err = bench_sipp(&r, b, 1, GROWTH_WARM_UP, UDP_OUTSTANDING, 0, &x);
	if (!err)
		err = sample(&r, b, "first_", GROWTH_WARM_UP + 1, &first);
	if (!err)
		err = bench_sipp(&r, b, GROWTH_WARM_UP + each + 1, middle, UDP_OUTSTANDING, 0, &x);
	if (!err) {
		bench_put_result(b, "middle_", &x);
		err = sample(&r, b, "last_", users - each + 1, &last);
	}
	if (!err)
		put_all_growth(b, &first, &last);
	bench_rig_close(&r);
	return err;
}
