/* `imsrig bench NAME`: the table of benches, their options and what is printed.
 * SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/player/bench.h"

#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/log.h"
#include "scenarios/player/catalog.h"
#include "scenarios/player/verdict.h"

static const struct {
	const char *name;
	int (*run)(struct bench *b);
	const char *help;
} benches[] = {
	{"register", bench_register, "digest registrations a second, over UDP and over WSS"},
	{"aka", bench_aka, "registrations a second of WICs with USIMs, beside digest, over WSS"},
	{"direct", bench_direct, "registrations a second with web credentials, beside IMS ones, over WSS"},
	{"token", bench_token, "registrations by token a second, over WSS"},
	{"wildcard-members", bench_members,
		"members of one range that register at the WAAF a second, and the bytes of one"},
	{"issue", bench_issue, "tokens a second that the WAF issues over mutual TLS"},
	{"growth", bench_growth, "CPU time a registration, first users against the 300,000th"},
	{"memory", bench_memory, "an idle WIC at the eP-CSCF, a registration at the S-CSCF"},
	{"start", bench_start, "from nothing to six processes with open Cx links"},
	{"catalogue", bench_catalogue, "imsrig run: all scripts with all variants"},
	{"parser", bench_parser, "SIP messages parsed a second"},
};
enum { BENCHES = sizeof benches / sizeof *benches };

/* What is asked of the figures; `most`: a smaller one is better. */
static const struct {
	const char *key;
	double asked, aim;
	bool most;
} asks[] = {
	{"registrations_per_s", 2000, 3000, false},
	{"wss_first_registrations_per_s", 1500, 0, false},
	{"failed_percent", 0.1, 0, true},
	{"wss_first_failed_percent", 0.1, 0, true},
	{"wss_refresh_failed_percent", 0.1, 0, true},
	{"token_registrations_per_s", 3000, 4000, false},
	{"token_failed_percent", 0.1, 0, true},
	{"token_refresh_failed_percent", 0.1, 0, true},
	{"tokens_per_s", 4000, 0, false},
	{"new_registrations_per_s", 5000, 0, false},
	{"new_failed_percent", 0.1, 0, true},
	{"refresh_registrations_per_s", 5000, 0, false},
	{"refresh_failed_percent", 0.1, 0, true},
	{"member_bytes", 1000, 0, true},
	{"cpu_growth_percent", 0, 0, true},
	{"start_ms", 1000, 300, true},
	{"catalogue_s", 20, 0, true},
	{"wic_bytes_beyond_openssl", 14000, 3000, true},
	{"registration_bytes_scscf", 2000, 0, true},
};

/* ---- figures ---- */

void bench_put(struct bench *b, const char *key, double value)
{
	double digits = value < 10 && value > -10 ? 1000 : value < 1000 ? 10 : 1;
	double v = (double)(int64_t)(value * digits + (value < 0 ? -0.5 : 0.5)) / digits;
	if (v == (double)(int64_t)v)
		json_object_set_new(b->figures, key, json_integer((json_int_t)v));
	else
		json_object_set_new(b->figures, key, json_real(v));
}

void bench_put2(struct bench *b, const char *before, const char *after, double value)
{
	char key[120];
	snprintf(key, sizeof key, "%s%s", before, after);
	bench_put(b, key, value);
}

void bench_text(struct bench *b, const char *key, const char *text)
{
	json_object_set_new(b->figures, key, json_string(text));
}

int bench_fail(struct bench *b, int err, const char *fmt, ...)
{
	va_list ap;
	if (!b->why[0]) {
		va_start(ap, fmt);
		vsnprintf(b->why, sizeof b->why, fmt, ap);
		va_end(ap);
	}
	return err;
}

/* ---- output ---- */

static void print_ask(const char *key)
{
	for (size_t i = 0; i < sizeof asks / sizeof *asks; i++) {
		if (strcmp(asks[i].key, key))
			continue;
		printf("   asked: %s %g", asks[i].most ? "at most" : "at least", asks[i].asked);
		if (asks[i].aim > 0)
			printf(", aim %g", asks[i].aim);
	}
}

static void print_figures(const struct bench *b)
{
	const char *key;
	json_t *v;

	json_object_foreach (b->figures, key, v) {
		if (json_is_string(v))
			printf("%-44s %s", key, json_string_value(v));
		else if (json_is_integer(v))
			printf("%-44s %lld", key, (long long)json_integer_value(v));
		else
			printf("%-44s %.*f", key, json_real_value(v) < 10 ? 3 : 1,
				json_real_value(v));
		print_ask(key);
		putchar('\n');
	}
}

static void print_json(const struct bench *b)
{
	char *text = json_dumps(b->figures, JSON_COMPACT | JSON_REAL_PRECISION(10));
	puts(text);
	free(text);
}

/* ---- measurements that are programs of their own, bench_NAME beside this one ---- */

static void list_programs(FILE *to)
{
	char *bin = catalog_bin();
	struct dirent **list;
	int n = scandir(bin, &list, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		struct str name = str_of(list[i]->d_name), head = STR("bench_");
		if (str_starts(name, head))
			fprintf(to, "  %-16s tests/bench/%s.c\n", name.p + head.n, name.p + head.n);
		free(list[i]);
	}
	if (n >= 0)
		free(list);
	free(bin);
}

/* Comes back only when there is none of that name. */
static void run_program(char **argv)
{
	char *bin = catalog_bin();
	struct buf path = {0};

	buf_fmt(&path, "%s/bench_%s", bin, argv[0]);
	if (!strchr(argv[0], '/'))
		execv(buf_z(&path), argv);
	buf_free(&path);
	free(bin);
}

/* ---- options ---- */

static void print_usage(FILE *to)
{
	fputs("imsrig bench NAME [--json]: measure, on this machine, a whole rig and its load\n\n",
		to);
	for (int i = 0; i < BENCHES; i++)
		fprintf(to, "  %-16s %s\n", benches[i].name, benches[i].help);
	list_programs(to);
	fputs("\n"
	      "  --json           one JSON object; units are part of the keys\n"
	      "  --udp, --wss     register: only this access\n"
	      "  --seconds N      register, token, issue: length of each part (default 15)\n"
	      "  --users N        how many are registered (growth: 300,000)\n"
	      "  --outstanding N  registrations under way at once\n"
	      "  --connections N  WSS: kept connections (default 4,000)\n"
	      "\n"
	      "Tracing is off and limits are raised; the figures say so.\n", to);
}

enum { O_JSON = 256, O_UDP, O_WSS, O_SECONDS, O_USERS, O_OUTSTANDING, O_CONNECTIONS, O_VERSION };
static const struct option long_options[] = {
	{"json", no_argument, NULL, O_JSON}, {"udp", no_argument, NULL, O_UDP},
	{"wss", no_argument, NULL, O_WSS}, {"seconds", required_argument, NULL, O_SECONDS},
	{"users", required_argument, NULL, O_USERS},
	{"outstanding", required_argument, NULL, O_OUTSTANDING},
	{"connections", required_argument, NULL, O_CONNECTIONS},
	{"no-color", no_argument, NULL, 'n'}, {"version", no_argument, NULL, O_VERSION},
	{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};

static int64_t number(const char *text, int64_t most)
{
	uint64_t n;
	if (str_u64(str_of(text), &n) || n < 1 || n > (uint64_t)most) {
		fprintf(stderr, "imsrig bench: \"%s\" is not a number from 1 to %lld\n", text,
			(long long)most);
		return -1;
	}
	return (int64_t)n;
}

/* -1: go on; else the exit code. */
static int read_options(struct bench *b, bool *as_json, int argc, char **argv)
{
	int64_t n = 0;
	int c;

	while ((c = getopt_long(argc, argv, "h", long_options, NULL)) >= 0) {
		switch (c) {
		case O_JSON:
			*as_json = true;
			break;
		case O_UDP:
			b->udp = true;
			break;
		case O_WSS:
			b->wss = true;
			break;
		case O_SECONDS:
			b->seconds = (int)(n = number(optarg, 3600));
			break;
		case O_USERS:
			b->users = n = number(optarg, 999999);
			break;
		case O_OUTSTANDING:
			b->outstanding = (int)(n = number(optarg, 100000));
			break;
		case O_CONNECTIONS:
			b->connections = (int)(n = number(optarg, 100000));
			break;
		case 'n':
			break;
		case 'h':
			print_usage(stdout);
			return 0;
		case O_VERSION:
			puts("imsrig " IMSRIG_VERSION);
			return 0;
		default:
			return EXIT_USAGE;
		}
		if (n < 0)
			return EXIT_USAGE;
	}
	return -1;
}

static int find(const char *name)
{
	int i = 0;
	while (i < BENCHES && strcmp(benches[i].name, name))
		i++;
	return i;
}

static int run(struct bench *b, int which, bool as_json)
{
	struct log_conf log = {.level = LOG_WARN, .node = "imsrig"};
	double load = 0; /* the others', before ours */
	int err;

	log_setup(&log);
	b->figures = json_object();
	bench_text(b, "bench", b->name);
	if (getloadavg(&load, 1) == 1)
		bench_put(b, "load_average_before", load);
	err = benches[which].run(b);
	if (as_json)
		print_json(b);
	else
		print_figures(b);
	json_decref(b->figures);
	if (err)
		fprintf(stderr, "imsrig bench: %s\n", b->why[0] ? b->why : strerror(-err));
	return !err ? 0 : verdict_exit(err == -ENOTSUP ? VERDICT_INCONC : VERDICT_ERROR);
}

int bench_main(int argc, char **argv)
{
	struct bench b = {.name = ""};
	bool as_json = false;

	if (argc > 1 && argv[1][0] != '-' && find(argv[1]) == BENCHES)
		run_program(argv + 1);
	int code = read_options(&b, &as_json, argc, argv);
	if (code >= 0)
		return code;
	if (optind == argc - 1)
		b.name = argv[optind];
	if (find(b.name) < BENCHES)
		return run(&b, find(b.name), as_json);
	if (b.name[0])
		fprintf(stderr, "imsrig bench: there is no bench \"%s\"\n", b.name);
	print_usage(stderr);
	return EXIT_USAGE;
}
