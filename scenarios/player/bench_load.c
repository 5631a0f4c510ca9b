/* A load of WICs over WSS, in this process: thousands of kept connections, a fixed number
 * of registrations under way at once.
 *
 * A first registration of a user is REGISTER, 401, REGISTER, 200 by the WIC of scenarios/wic,
 * or REGISTER with a token, 200.
 * An edge takes one user on a connection: the next one comes when that one has gone.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/chance.h"
#include "common/crypto/token.h"
#include "scenarios/player/bench.h"
#include "scenarios/player/rig.h"
#include "scenarios/wic/wic.h"

enum { CONNECTING_AT_ONCE = 64, CONNECT_LIMIT_S = 120, IDLE_LIMIT_S = 40 };

struct user {                          /* one connection */
	struct bench_wics *all;
	struct wic *wic;
	int64_t number;                /* of the user under way or registered last */
	uint64_t begun_ns;
	bool answered;                 /* the challenge, in this registration */
};

struct bench_wics {
	struct bench_rig *r;
	const struct bench_who *who;
	struct host host;
	struct wic_env env;
	struct tls *tls;
	struct user *users;
	int n, asked, open, broken;
	double connect_s;
	char why[256];                 /* of the first that went wrong */
	const struct token_keys *keys;
	char **tokens;                 /* of this round's registrations, not yet used */
	int64_t n_tokens;
	/* the load under way */
	enum bench_wics_do what;
	int64_t first, next, end, under_way;
	uint64_t until_ns, last_ns;
	int *idle, n_idle;             /* a ring of connections that wait for a user */
	int idle_at;
	double sum_ms;
	struct bench_result *result;
	bool done;
};

/* ---- connections ---- */

static void note(struct bench_wics *l, const char *why)
{
	if (!l->why[0])
		snprintf(l->why, sizeof l->why, "%s", why);
}

static void connect_more(struct bench_wics *l)
{
	const struct wic_conf conf = {
		.edge = l->who->edge, .origin = l->who->origin, .subprotocol = "sip"};
	char why[256];

	while (l->asked < l->n && l->asked - l->open - l->broken < CONNECTING_AT_ONCE)
		if (wic_connect(l->users[l->asked++].wic, &conf, why)) {
			l->broken++;
			note(l, why);
		}
	l->done = l->open + l->broken == l->n;
}

static void on_connected(struct wic *w, int err, int status, const char *why)
{
	struct bench_wics *l = ((struct user *)w->arg)->all;

	if (err)
		note(l, why ? why : "not connected");
	l->broken += err != 0;
	l->open += err == 0;
	connect_more(l);
}

/* ---- registrations ---- */

static void step(struct bench_wics *l);

static int ask(struct user *u, enum wic_register_kind kind)
{
	const struct bench_who *who = u->all->who;
	char impi[100], impu[160], name[24], k[40], why[256];
	struct wic_conf conf = {.domain = RIG_DOMAIN, .impi = impi, .impu = impu,
		.password = name, .reg_id = 1,
		.expires = u->all->what == BENCH_DEREGISTER ? 0 : 3600,
		.authorization = u->wic->token ? WIC_BEARER : WIC_FULL,
		.call_id = kind == WIC_REGISTER ? "new" : NULL,
		.wwsf_entity = who->web ? who->wwsf : NULL,
		.usim = {.k = who->k ? k : NULL, .opc = who->opc}};
	int err;

	snprintf(k, sizeof k, "%.26s%06lld", who->k ? who->k : "", (long long)u->number);

	snprintf(name, sizeof name, "%.8s%06lld", who->prefix, (long long)u->number);
	snprintf(impi, sizeof impi, "%s@%s", name, who->realm);
	snprintf(impu, sizeof impu, who->web ? "sip:%s%%40%s@" RIG_DOMAIN : "sip:%s@" RIG_DOMAIN, name,
		who->realm);
	if ((err = wic_register(u->wic, &conf, kind, why)))
		note(u->all, why);
	return err;
}

static bool is_first(enum bench_wics_do what)
{
	return what == BENCH_REGISTER || what == BENCH_TOKEN;
}

static bool by_token(enum bench_wics_do what)
{
	return what == BENCH_TOKEN || what == BENCH_TOKEN_REFRESH;
}

static void begin(struct bench_wics *l)
{
	static const enum wic_register_kind kinds[] = {
		[BENCH_REGISTER] = WIC_REGISTER,
		[BENCH_REFRESH] = WIC_REFRESH,
		[BENCH_TOKEN] = WIC_REGISTER,
		[BENCH_TOKEN_REFRESH] = WIC_REFRESH,
		[BENCH_DEREGISTER] = WIC_DEREGISTER,
	};
	int at = l->idle[l->idle_at];
	struct user *u = &l->users[at];
	int64_t token = l->what == BENCH_TOKEN ? l->next - l->first : at;

	l->idle_at = (l->idle_at + 1) % l->n;
	l->n_idle--;
	if (is_first(l->what))
		u->number = l->next;
	l->next++;
	if (by_token(l->what) && token < l->n_tokens) {
		free(u->wic->token);
		u->wic->token = l->tokens[token];
		l->tokens[token] = NULL;
	}
	u->answered = false;
	u->begun_ns = clock_real_ns();
	l->under_way++;
	if (ask(u, kinds[l->what])) {
		l->result->failed++;
		l->under_way--;
	}
}

static void ended(struct user *u, bool well)
{
	struct bench_wics *l = u->all;

	l->last_ns = clock_real_ns();
	l->sum_ms += (double)(l->last_ns - u->begun_ns) / 1e6;
	l->result->done += well;
	l->result->failed += !well;
	l->under_way--;
	l->idle[(l->idle_at + l->n_idle++) % l->n] = (int)(u - l->users);
	step(l);
}

static void step(struct bench_wics *l)
{
	bool more = l->next < l->end && clock_real_ns() < l->until_ns;

	if (more && l->n_idle)
		begin(l);
	l->done = !l->under_way && (!more || !l->n_idle);
}

static void on_response(struct wic *w, int err, const struct sip_msg *m)
{
	struct user *u = w->arg;
	char why[80];

	if (!u->all->result || (m && m->status < 200))
		return;
	if (m && m->status == 401 && !u->answered) {
		u->answered = true;
		if (!ask(u, WIC_ANSWER))
			return;
	}
	if (!m || m->status >= 300) {
		snprintf(why, sizeof why, "%.8s%06lld: %s %d", u->all->who->prefix,
			(long long)u->number, m ? "status" : uv_strerror(err), m ? m->status : 0);
		note(u->all, why);
	}
	ended(u, m && m->status >= 200 && m->status < 300);
}

/* ---- tokens ---- */

static void drop_tokens(struct bench_wics *l)
{
	for (int64_t i = 0; i < l->n_tokens; i++)
		free(l->tokens[i]);
	free(l->tokens);
	l->tokens = NULL;
	l->n_tokens = 0;
}

static char *make_token(struct bench_wics *l, int64_t user)
{
	int64_t now = clock_wall_ms(l->host.clock) / 1000;
	struct arena a = {0};
	const struct bench_who *who = l->who;
	struct token t = {.iss = str_of(who->issuer),
		.client_id = str_of(who->wwsf), .scope = STR(TOKEN_SCOPE),
		.aud = {STR(RIG_DOMAIN)}, .n_aud = 1, .n_impu = 1, .iat = now, .nbf = now,
		.exp = now + 3600};
	char jti[33];

	chance_hex(&l->host.chance, jti, 16);
	t.jti = str_of(jti);
	t.sub = arena_fmt(&a, "%s%06lld", who->prefix, (long long)user);
	t.impi = arena_fmt(&a, "%s@%s", t.sub.p, who->realm);
	t.impu[0] = arena_fmt(&a, "sip:%s@" RIG_DOMAIN, t.sub.p);
	char *out = str_dup(token_issue(l->keys, &t, &a));
	arena_free(&a);
	return out;
}

/* For each user of a round, or for him who is registered on each connection. */
static void make_tokens(struct bench_wics *l, enum bench_wics_do what, int64_t first, int64_t n)
{
	drop_tokens(l);
	if (!by_token(what))
		return;
	l->n_tokens = what == BENCH_TOKEN && n < INT32_MAX ? n : l->n;
	l->tokens = mem_zalloc((size_t)l->n_tokens * sizeof *l->tokens);
	for (int64_t i = 0; i < l->n_tokens; i++)
		l->tokens[i] = make_token(l,
			what == BENCH_TOKEN ? first + i : l->users[i].number);
}

void bench_wics_sign(struct bench_wics *l, const struct token_keys *keys)
{
	l->keys = keys;
}

/* ---- what a bench calls ---- */

static const struct wic_h wic_h = {.connected = on_connected, .response = on_response};

const struct bench_who bench_subscribers = {
	.edge = "wss://epcscf." RIG_DOMAIN ":8443/sip",
	.origin = "https://wwsf." RIG_DOMAIN ":8443",
	.prefix = "user",
	.realm = RIG_DOMAIN,
	.issuer = "https://wwsf." RIG_DOMAIN ":8443",
	.wwsf = "wwsf." RIG_DOMAIN,
};

static int open_env(struct bench_wics *l, int source, char why[256])
{
	struct rig *rig = l->r->rig;
	char ca[600];
	struct tls_conf conf = {.ca = ca, .clock = rig->clock};
	struct addr from = rig_addr(rig, RIG_FIRST_ACTOR + source);
	int err;

	l->host = (struct host){.name = "load", .loop = &l->r->loop, .clock = rig->clock,
		.names = rig->names, .n_names = RIG_ELEMENTS};
	chance_init(&l->host.chance, 0, "load");
	l->host.gate = gate_new(rig->clock);
	snprintf(ca, sizeof ca, "%s/ca.pem", rig->dir);
	if ((err = tls_new(&conf, false, &l->tls, why)))
		return err;
	return wic_env_open(&l->env, &l->host, &from, l->tls, &wic_h);
}

static void run_until_done(struct bench_wics *l, int limit_s)
{
	uint64_t until = clock_real_ns() + (uint64_t)limit_s * 1000000000u;

	while (!l->done && clock_real_ns() < until)
		bench_pause(l->r, 5);
}

int bench_wics_open(struct bench_rig *r, struct bench *b, int connections,
	struct bench_wics **out)
{
	struct bench_wics *l = *out = MEM_NEW(struct bench_wics);
	char why[256] = "";
	int err;

	l->r = r;
	l->who = b->who ? b->who : &bench_subscribers;
	l->n = connections;
	l->users = mem_zalloc((size_t)l->n * sizeof *l->users);
	l->idle = mem_zalloc((size_t)l->n * sizeof *l->idle);
	if ((err = open_env(l, b->source, why)))
		return bench_fail(b, err, "%s", why);
	for (int i = 0; i < l->n; i++) {
		l->users[i].all = l;
		l->users[i].wic = wic_new(&l->env, &l->users[i]);
		l->idle[i] = i;
	}
	uint64_t begun = clock_real_ns();
	connect_more(l);
	run_until_done(l, CONNECT_LIMIT_S);
	l->connect_s = (double)(clock_real_ns() - begun) / 1e9;
	if (l->open < l->n)
		return bench_fail(b, -ECONNREFUSED, "%d of %d WICs did not connect: %s",
			l->n - l->open, l->n, l->why);
	l->n_idle = l->n;
	return 0;
}

double bench_wics_seconds(const struct bench_wics *w)
{
	return w->connect_s;
}

int bench_wics_run(struct bench_wics *l, enum bench_wics_do what, int64_t first, int64_t n,
	int outstanding, int seconds, struct bench_result *out)
{
	make_tokens(l, what, first, n);
	uint64_t begun = clock_real_ns();
	double cpu = bench_pid_cpu_us(0);

	*out = (struct bench_result){0};
	l->what = what;
	l->first = l->next = first;
	l->end = first + n;
	l->until_ns = begun + (uint64_t)seconds * 1000000000u;
	l->result = out;
	l->sum_ms = 0;
	l->done = false;
	for (int i = 0; i < outstanding && l->n_idle && l->next < l->end; i++)
		begin(l);
	run_until_done(l, seconds + IDLE_LIMIT_S);
	l->result = NULL;
	out->failed += l->under_way;
	out->load_cpu_us = bench_pid_cpu_us(0) - cpu;
	out->seconds = (double)(l->last_ns - begun) / 1e9;
	out->mean_ms = out->done ? l->sum_ms / (double)(out->done + out->failed) : 0;
	return 0;
}

void bench_wics_close(struct bench_wics *l)
{
	if (!l)
		return;
	drop_tokens(l);
	for (int i = 0; i < l->n && l->users[i].wic; i++)
		wic_free(l->users[i].wic);
	if (l->env.stack)
		wic_env_close(&l->env);
	tls_free(l->tls);
	bench_pause(l->r, 1200); /* sockets live up to a second longer (net/stream.h) */
	gate_free(l->host.gate);
	free(l->users);
	free(l->idle);
	free(l);
}
