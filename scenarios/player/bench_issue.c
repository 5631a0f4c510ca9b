/* Tokens that the WAF issues on W4 (TS 33.203 X.3.3 step 0): POST /token, client_credentials
 * with an asserted user, over kept connections with certificates both ways.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/http/http.h"
#include "scenarios/player/bench.h"
#include "scenarios/player/rig.h"

enum { CONNECTIONS = 32, WARM_UP_MS = 1000, PORT = 8444 };

static const char *const elements[] = {"waaf", "wwsf", NULL};
static const struct bench_set raised[] = {
	{"waaf", "waf.limits.tokens-per-second", "1000000"},
	{"waaf", "waf.limits.burst", "1000000"},
};

struct load {
	struct host host;
	struct tls *tls;
	struct http_client *clients[CONNECTIONS];
	int n;
	uint64_t until_ns;
	int64_t done, failed, under_way;
	char why[128];                 /* of the first that failed */
};

struct client {                        /* what a request carries */
	struct load *load;
	int at;
};

static void ask(struct load *l, int at);

static void on_token(int err, const char *why, const struct http_msg *m, void *arg)
{
	struct client *c = arg;
	struct load *l = c->load;
	bool good = m && m->status == 200;
	int at = c->at;

	free(c);
	l->under_way--;
	l->done += good;
	l->failed += !good;
	if (!good && !l->why[0])
		snprintf(l->why, sizeof l->why, "%s %d", m ? "status" : why, m ? m->status : err);
	if (clock_real_ns() < l->until_ns && l->failed < 1000)
		ask(l, at);
}

static void ask(struct load *l, int at)
{
	static const struct str fields =
		STR("Content-Type: application/x-www-form-urlencoded\r\n");
	static const struct str body = STR("grant_type=client_credentials&client_id=wwsf."
		RIG_DOMAIN "&scope=webrtc-ims-client-access-to-ims&user=alice");
	struct client *c = MEM_NEW(struct client);

	*c = (struct client){l, at};
	l->under_way++;
	http_send(l->clients[at], "POST", "/token", fields, body, on_token, c);
}

static int open_clients(struct bench_rig *r, struct bench *b, struct load *l)
{
	struct rig *rig = r->rig;
	char ca[PATH_MAX + 20], cert[PATH_MAX + 20], key[PATH_MAX + 20], why[256];
	struct tls_conf tls = {.ca = ca, .cert = cert, .key = key, .clock = rig->clock};
	struct http_client_conf conf = {.local = rig_addr(rig, RIG_FIRST_ACTOR),
		.server_name = "waaf." RIG_DOMAIN};

	l->host = (struct host){.name = "load", .loop = &r->loop, .clock = rig->clock,
		.names = rig->names, .n_names = RIG_ELEMENTS};
	chance_init(&l->host.chance, 0, "load");
	l->host.gate = gate_new(rig->clock);
	snprintf(ca, sizeof ca, "%s/ca.pem", rig->dir);
	snprintf(cert, sizeof cert, "%s/wwsf.pem", rig->dir);
	snprintf(key, sizeof key, "%s/wwsf-key.pem", rig->dir);
	int err = tls_new(&tls, false, &l->tls, why);
	if (err)
		return bench_fail(b, err, "%s", why);
	conf.tls = l->tls;
	host_resolve(&l->host, str_of(conf.server_name), PORT, &conf.remote);
	l->n = b->connections && b->connections < CONNECTIONS ? b->connections : CONNECTIONS;
	for (int i = 0; i < l->n; i++)
		l->clients[i] = http_client_new(&l->host, &conf);
	return 0;
}

static void run(struct bench_rig *r, struct load *l, int ms)
{
	l->done = l->failed = 0;
	l->until_ns = clock_real_ns() + (uint64_t)ms * 1000000u;
	for (int i = 0; i < l->n; i++)
		ask(l, i);
	while (l->under_way)
		bench_pause(r, 5);
}

static int measure(struct bench_rig *r, struct bench *b, struct load *l)
{
	int seconds = b->seconds ? b->seconds : BENCH_SECONDS;

	run(r, l, WARM_UP_MS); /* connections are made */
	uint64_t begun = clock_real_ns();
	double load = bench_pid_cpu_us(0), waf = bench_cpu_us(r, "waaf");
	run(r, l, seconds * 1000);
	double took = (double)(clock_real_ns() - begun) / 1e9, n = (double)(l->done ? l->done : 1);
	bench_put(b, "connections", l->n);
	bench_put(b, "tokens", (double)l->done);
	bench_put(b, "tokens_per_s", (double)l->done / took);
	bench_put(b, "tokens_failed_percent",
		100 * (double)l->failed / (double)(l->done + l->failed ? l->done + l->failed : 1));
	bench_put(b, "cpu_us_per_token_waf", (bench_cpu_us(r, "waaf") - waf) / n);
	bench_put(b, "load_cpu_us_per_token", (bench_pid_cpu_us(0) - load) / n);
	return l->failed ? bench_fail(b, -EPROTO, "%lld requests failed, the first with %s",
		(long long)l->failed, l->why) : 0;
}

int bench_issue(struct bench *b)
{
	struct load l = {.n = 0};
	struct bench_rig r;
	int err = bench_rig_open(&r, b, elements, raised, sizeof raised / sizeof *raised);

	bench_put(b, "cores", (double)sysconf(_SC_NPROCESSORS_ONLN));
	if (!err)
		err = open_clients(&r, b, &l);
	if (!err)
		err = measure(&r, b, &l);
	for (int i = 0; i < l.n; i++)
		http_client_free(l.clients[i]);
	tls_free(l.tls);
	if (r.rig)
		bench_pause(&r, 1200); /* sockets live up to a second longer (net/stream.h) */
	if (l.host.gate)
		gate_free(l.host.gate);
	bench_rig_close(&r);
	return err;
}
