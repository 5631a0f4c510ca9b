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

enum {
	SECONDS = 15,
	UDP_OUTSTANDING = 256,
	WSS_OUTSTANDING = 256,
	CONNECTIONS = 4000,
	USERS = 150000,
	WARM_UP = 5000,
	GROWTH_USERS = 300000,
	GROWTH_SAMPLE = 10000,
};

static const struct bench_set access_udp[] = {{"epcscf", "access", "\"udp\""}};

static void put_result(struct bench *b, const char *before, const struct bench_result *x)
{
	double all = (double)(x->done + x->failed);

	bench_put2(b, before, "registrations", (double)x->done);
	bench_put2(b, before, "registrations_per_s",
		x->seconds > 0 ? (double)x->done / x->seconds : 0);
	bench_put2(b, before, "failed_percent", all > 0 ? 100.0 * (double)x->failed / all : 100);
	bench_put2(b, before, "mean_ms", x->mean_ms);
	bench_put2(b, before, "load_cpu_us_per_registration",
		x->done ? x->load_cpu_us / (double)x->done : 0);
}

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
		b->seconds ? b->seconds : SECONDS, &x);
	bench_cpu_take(r, &to);
	if (err)
		return err;
	bench_put(b, "outstanding", outstanding);
	put_result(b, "", &x);
	bench_put(b, "retransmissions", (double)x.again);
	bench_cpu_add(&used, &from, &to);
	bench_cpu_put(b, "", &used, (double)x.done);
	return 0;
}

/* Rounds of as many users as there are connections, until the time is over; in between the
 * users of `first` rounds deregister, which counts nowhere. */
struct rounds {
	struct bench_rig *r;
	struct bench_wics *wics;
	int connections, outstanding;
	int64_t next;                  /* user */
	struct bench_result sum;
	struct bench_cpu used;
};

static void one_round(struct rounds *k, enum bench_wics_do what, int seconds)
{
	struct bench_result x, *sum = &k->sum;
	struct bench_cpu from, to;

	bench_cpu_take(k->r, &from);
	bench_wics_run(k->wics, what, k->next, k->connections, k->outstanding, seconds, &x);
	bench_cpu_take(k->r, &to);
	bench_cpu_add(&k->used, &from, &to);
	sum->mean_ms += x.mean_ms * (double)(x.done + x.failed);
	sum->done += x.done;
	sum->failed += x.failed;
	sum->seconds += x.seconds;
	sum->load_cpu_us += x.load_cpu_us;
}

static void rounds(struct rounds *k, struct bench *b, enum bench_wics_do what, int64_t end)
{
	const char *before = what == BENCH_REFRESH ? "wss_refresh_" : "wss_first_";
	int seconds = b->seconds ? b->seconds : SECONDS;
	struct bench_result x;

	k->sum = (struct bench_result){0};
	k->used = (struct bench_cpu){{0}};
	while (k->sum.seconds < seconds && !k->sum.failed && k->next + k->connections <= end) {
		if (what == BENCH_REGISTER && k->sum.done)
			bench_wics_run(k->wics, BENCH_DEREGISTER, 0, k->connections,
				k->outstanding, seconds, &x);
		one_round(k, what, seconds - (int)k->sum.seconds);
		k->next += what == BENCH_REGISTER ? k->connections : 0;
	}
	if (k->sum.done)
		k->sum.mean_ms /= (double)(k->sum.done + k->sum.failed);
	put_result(b, before, &k->sum);
	bench_cpu_put(b, before, &k->used, (double)k->sum.done);
}

static int over_wss(struct bench_rig *r, struct bench *b, int64_t first, int64_t n)
{
	struct rounds k = {.r = r, .next = first,
		.connections = b->connections ? b->connections : CONNECTIONS,
		.outstanding = b->outstanding ? b->outstanding : WSS_OUTSTANDING};
	int err = bench_wics_open(r, b, k.connections, &k.wics);

	if (!err) {
		bench_put(b, "wss_connections", k.connections);
		bench_put(b, "wss_handshakes_per_s",
			k.connections / bench_wics_seconds(k.wics));
		bench_put(b, "wss_outstanding", k.outstanding);
		rounds(&k, b, BENCH_REGISTER, first + n);
		rounds(&k, b, BENCH_REFRESH, INT64_MAX);
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
		err = over_wss(&r, b, both ? each + 1 : 1, each);
	bench_rig_close(&r);
	return err;
}

/* ---- growth ---- */

static int sample(struct bench_rig *r, struct bench *b, const char *before, int64_t first,
	double *cpu)
{
	int outstanding = b->outstanding ? b->outstanding : UDP_OUTSTANDING;
	struct bench_result x;
	struct bench_cpu from, to, used = {{0}};
	int err = bench_let_go(r, b); /* users shall differ, not transactions */

	if (err)
		return err;
	bench_cpu_take(r, &from);
	err = bench_sipp(r, b, first, GROWTH_SAMPLE, outstanding, 0, &x);
	bench_cpu_take(r, &to);
	if (err)
		return err;
	put_result(b, before, &x);
	bench_cpu_add(&used, &from, &to);
	*cpu = bench_cpu_put(b, before, &used, (double)x.done);
	return 0;
}

/* The HSS knows everybody from the start, as it would; what grows is who is registered. */
int bench_growth(struct bench *b)
{
	int64_t users = b->users ? b->users : GROWTH_USERS;
	int64_t middle = users - 2 * GROWTH_SAMPLE - WARM_UP;
	struct bench_rig r;
	struct bench_result x;
	double first = 0, last = 0;

	if (middle < 0)
		return bench_fail(b, -EINVAL, "growth needs at least %d users",
			2 * GROWTH_SAMPLE + WARM_UP);
	int err = bench_rig_open(&r, b, bench_registrars, access_udp, 1);
	if (!err)
		err = bench_provide(&r, b, users);
	if (!err)
		err = bench_sipp(&r, b, 1, WARM_UP, UDP_OUTSTANDING, 0, &x);
	if (!err)
		err = sample(&r, b, "first_", WARM_UP + 1, &first);
	if (!err && middle)
		err = bench_sipp(&r, b, WARM_UP + GROWTH_SAMPLE + 1, middle, UDP_OUTSTANDING, 0, &x);
	if (!err) {
		put_result(b, "middle_", &x);
		err = sample(&r, b, "last_", users - GROWTH_SAMPLE + 1, &last);
	}
	if (!err)
		bench_put(b, "cpu_growth_percent", first > 0 ? 100 * (last / first - 1) : 0);
	bench_rig_close(&r);
	return err;
}
