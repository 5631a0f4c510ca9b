/* `imsrig bench`: what the benches share. A bench measures a real rig and prints figures;
 * it judges nothing.
 *
 * Benches are written straight on: the rig's callbacks are waited for by running the loop.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <limits.h>
#include <sys/types.h>

#include "scenarios/player/play.h"

/* ---- figures (bench.c) ---- */

/* Who the WICs of a load are, and where they go. */
struct bench_who {
	const char *edge, *origin;
	const char *prefix;            /* of IMPI and IMPU: user000001 */
	const char *realm;             /* of the IMPI */
	const char *issuer, *wwsf;     /* of their tokens */
	bool web;                      /* with the web credentials of `wwsf` (bench_direct.c) */
	const char *k, *opc;           /* of their USIMs, the user's number behind k; NULL: none */
};
struct bench {
	const char *name;
	json_t *figures;               /* in the order in which they came */
	char why[512];                 /* of the first failure; "" */
	/* options; 0 or false: not given */
	int64_t users;
	int seconds, outstanding, connections;
	bool udp, wss;
	const struct bench_who *who;   /* of bench_wics_open; NULL: subscribers at the eP-CSCF */
	int source;                    /* ... and the address they come from, of those of actors */
};
/* Units are part of the key: "registrations_per_s". */
void bench_put(struct bench *b, const char *key, double value);
void bench_put2(struct bench *b, const char *before, const char *after, double value);
void bench_text(struct bench *b, const char *key, const char *text);
/* Notes why (unless something failed before) and returns err. */
int bench_fail(struct bench *b, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* ---- benches; 0 or a negative errno with `why`; -ENOTSUP: can't run here ---- */
int bench_register(struct bench *b);
int bench_aka(struct bench *b);
int bench_direct(struct bench *b);
int bench_growth(struct bench *b);
int bench_token(struct bench *b);
int bench_issue(struct bench *b);
int bench_members(struct bench *b);
int bench_memory(struct bench *b);
int bench_start(struct bench *b);
int bench_catalogue(struct bench *b);
int bench_parser(struct bench *b);

/* ---- the rig under it (bench_rig.c) ---- */

struct bench_set {                     /* a setting of an element, as JSON */
	const char *owner, *path, *json;
};
struct bench_rig {
	uv_loop_t loop;
	struct collector *collector;
	struct rig *rig;               /* NULL: none */
	char dir[PATH_MAX];
	double open_ms;                /* what its start took */
};
/* Starts these elements (NULL at the end), untraced, with raised limits. Then call close,
 * also after an error. */
int bench_rig_open(struct bench_rig *r, struct bench *b, const char *const *processes,
	const struct bench_set *sets, size_t n_sets);
void bench_rig_close(struct bench_rig *r);
void bench_pause(struct bench_rig *r, int ms);
/* The element's answer to a command (taken over), a new reference; NULL, noted, when it is
 * none or not ok. */
json_t *bench_ask(struct bench_rig *r, struct bench *b, const char *element, json_t *command);
/* Ends all transactions that are over: their 32 s are skipped on every registrar's clock. */
int bench_let_go(struct bench_rig *r, struct bench *b);
/* Provides user000001@ims.example.org and on, their passwords their names. */
int bench_provide(struct bench_rig *r, struct bench *b, int64_t users);
/* The same of others, by their pattern, with USIMs when `who` has them. */
int bench_provide_who(struct bench_rig *r, struct bench *b, const struct bench_who *who,
	int64_t users);
/* WICs of subscribers at the eP-CSCF, and what is else said of them. */
extern const struct bench_who bench_subscribers;
/* First registrations of users first.. and their refreshes over WSS, by what b->who says; figures
 * begin with `before`. */
int bench_over_wss(struct bench_rig *r, struct bench *b, const char *before, int64_t first,
	int64_t n);
/* A metric of the element. */
double bench_metric(struct bench_rig *r, struct bench *b, const char *element, const char *name);

/* ---- what its elements cost (bench_cpu.c) ---- */

/* CPU time of an element, or of a process with all its threads (0: this one), in us. */
double bench_cpu_us(const struct bench_rig *r, const char *element);
double bench_pid_cpu_us(pid_t pid);

/* CPU time of every element between two points. */
struct bench_cpu {
	double us[4];
};
extern const char *const bench_registrars[];   /* hss scscf icscf epcscf, NULL */
void bench_cpu_take(const struct bench_rig *r, struct bench_cpu *out);
/* Adds what was used from `from` to `to`. */
void bench_cpu_add(struct bench_cpu *sum, const struct bench_cpu *from,
	const struct bench_cpu *to);
/* "<before>cpu_us_per_registration_<element>" for each registrar, and their sum. */
double bench_cpu_put(struct bench *b, const char *before, const struct bench_cpu *used,
	double registrations);

/* Instructions of every registrar's loop, counted by the processor. */
struct bench_count {
	int fd[4];
};
/* A negative errno when one can't be counted (the machine does not, or does not permit it);
 * call end all the same, which puts "<before>loop_instructions_per_registration_<element>"
 * for those that were, and returns their sum. */
int bench_count_begin(const struct bench_rig *r, struct bench_count *c);
double bench_count_end(struct bench *b, const char *before, struct bench_count *c,
	double registrations);

/* ---- loads ---- */

struct bench_result {
	int64_t done, failed, again;   /* registrations; retransmissions of the load */
	double seconds, mean_ms, load_cpu_us;
};
/* SIPp over UDP: users first..first+n-1, at most `outstanding` at once, over after
 * `seconds` (0: when all are registered). */
int bench_sipp(struct bench_rig *r, struct bench *b, int64_t first, int64_t n, int outstanding,
	int seconds, struct bench_result *out);

/* WICs over WSS, in this process. */
struct bench_wics;
int bench_wics_open(struct bench_rig *r, struct bench *b, int connections,
	struct bench_wics **out);
void bench_wics_close(struct bench_wics *w);
double bench_wics_seconds(const struct bench_wics *w); /* what connecting took */
/* For at most n users and `seconds`: users first.. register, each on the next connection
 * that is idle; those registered by the connections refresh, or go. */
enum bench_wics_do {
	BENCH_REGISTER, BENCH_REFRESH, /* by digest */
	BENCH_TOKEN, BENCH_TOKEN_REFRESH, /* each with a new token */
	BENCH_DEREGISTER
};
struct token_keys;
/* What signs the tokens of BENCH_TOKEN; made before the time runs. Kept by pointer. */
void bench_wics_sign(struct bench_wics *w, const struct token_keys *keys);
int bench_wics_run(struct bench_wics *w, enum bench_wics_do what, int64_t first, int64_t n,
	int outstanding, int seconds, struct bench_result *out);

enum { BENCH_SECONDS = 15, BENCH_CONNECTIONS = 4000, BENCH_OUTSTANDING = 256 };
void bench_put_result(struct bench *b, const char *before, const struct bench_result *x);
/* Rounds of as many users as there are connections, until the time is over; in between the
 * users of rounds of first registrations deregister, which counts nowhere. */
struct bench_rounds {
	struct bench_rig *r;
	struct bench_wics *wics;
	int connections, outstanding;
	int64_t next;                  /* user */
	struct bench_result sum;
	struct bench_cpu used;
};
void bench_rounds(struct bench_rounds *k, struct bench *b, enum bench_wics_do what,
	const char *before, int64_t end);
