/* Rounds of a load over WSS: registrations of users on kept connections.
 * SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/player/bench.h"

void bench_put_result(struct bench *b, const char *before, const struct bench_result *x)
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

static void one_round(struct bench_rounds *k, enum bench_wics_do what, int seconds)
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

static bool is_first(enum bench_wics_do what)
{
	return what == BENCH_REGISTER || what == BENCH_TOKEN;
}

void bench_rounds(struct bench_rounds *k, struct bench *b, enum bench_wics_do what,
	const char *before, int64_t end)
{
	int seconds = b->seconds ? b->seconds : BENCH_SECONDS;
	struct bench_result x;

	k->sum = (struct bench_result){0};
	k->used = (struct bench_cpu){{0}};
	while (k->sum.seconds < seconds && !k->sum.failed && k->next + k->connections <= end) {
		if (is_first(what) && k->sum.done)
			bench_wics_run(k->wics, BENCH_DEREGISTER, 0, k->connections,
				k->outstanding, seconds, &x);
		one_round(k, what, seconds - (int)k->sum.seconds);
		k->next += is_first(what) ? k->connections : 0;
	}
	if (k->sum.done)
		k->sum.mean_ms /= (double)(k->sum.done + k->sum.failed);
	bench_put_result(b, before, &k->sum);
	bench_cpu_put(b, before, &k->used, (double)k->sum.done);
}

