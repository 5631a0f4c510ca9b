/* `imsrig run`: its arguments.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fnmatch.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/chance.h"
#include "common/base/log.h"
#include "scenarios/player/catalog.h"
#include "scenarios/player/session.h"

enum { DEFAULT_JOBS = 3 };

struct options {
	struct session_conf session;
	const char *variant; /* glob; NULL: all */
	bool no_color;
};

static const char usage[] =
	"imsrig run [ID|GLOB|FILE ...]: replay scenario scripts and judge them\n"
	"\n"
	"  --variant V    only this variant (or glob); the flow itself is \"base\"\n"
	"  --jobs N       run up to N variants at once, each on a rig of its own\n"
	"  --keep-going   go on after a verdict that is not pass\n"
	"  --keep-rigs    no two variants on one rig; databases and keys stay as each left them\n"
	"  --json         one JSON object a line: results, then a summary\n"
	"  --ladder       print every ladder, not only those of the flows themselves\n"
	"  --seed N       draw the same values as a run with this seed (verdicts.json "
	"has it)\n"
	"  --out DIR      leave the evidence in DIR (a former run's goes), not in "
	"runs/<time>\n"
	"  --no-color     no colours, as with NO_COLOR in the environment\n"
	"\n"
	"Without a name every script is run. Exit codes: 0 pass, 1 fail, 2 "
	"inconclusive,\n"
	"3 error, 4 usage or script.\n";

enum {
	O_VARIANT = 256,
	O_KEEP_GOING,
	O_KEEP_RIGS,
	O_JSON,
	O_LADDER,
	O_SEED,
	O_OUT,
	O_NO_COLOR,
	O_VERSION,
	O_JOBS
};
static const struct option long_options[] = {
	{"variant", required_argument, NULL, O_VARIANT},
	{"jobs", required_argument, NULL, O_JOBS},
	{"keep-going", no_argument, NULL, O_KEEP_GOING},
	{"keep-rigs", no_argument, NULL, O_KEEP_RIGS},
	{"json", no_argument, NULL, O_JSON},
	{"ladder", no_argument, NULL, O_LADDER},
	{"seed", required_argument, NULL, O_SEED},
	{"out", required_argument, NULL, O_OUT},
	{"no-color", no_argument, NULL, O_NO_COLOR},
	{"version", no_argument, NULL, O_VERSION},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static int usage_fault(const char *what, const char *value)
{
	fprintf(stderr, "imsrig run: %s \"%s\" (see imsrig run --help)\n", what, value);
	return EXIT_USAGE;
}

/* -1: go on; else the exit code. */
static int read_options(struct options *o, int argc, char **argv)
{
	uint32_t n;
	int c;
	optind = 1;
	while ((c = getopt_long(argc, argv, "h", long_options, NULL)) >= 0)
		switch (c) {
		case O_VARIANT:
			o->variant = optarg;
			break;
		case O_JOBS:
			if (str_u32(str_of(optarg), &n) || !n || n > SESSION_MAX_WORKERS)
				return usage_fault(
					"--jobs takes a number from 1 to 8, not", optarg);
			o->session.workers = (int)n;
			break;
		case O_KEEP_GOING:
			o->session.keep_going = true;
			break;
		case O_KEEP_RIGS:
			o->session.keep_rigs = true;
			break;
		case O_JSON:
			o->session.json = true;
			break;
		case O_LADDER:
			o->session.ladder = true;
			break;
		case O_SEED:
			if (str_u64(str_of(optarg), &o->session.seed) || !o->session.seed)
				return usage_fault(
					"--seed takes a number from 1, not", optarg);
			break;
		case O_OUT:
			o->session.out = optarg;
			break;
		case O_NO_COLOR:
			o->no_color = true;
			break;
		case O_VERSION:
			puts("imsrig " IMSRIG_VERSION);
			return 0;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			fputs("(imsrig run --help shows the options)\n", stderr);
			return EXIT_USAGE;
		}
	return -1;
}

/* A run can be repeated: without a seed one is drawn, and kept with the evidence. */
static uint64_t draw_seed(void)
{
	struct chance c;
	chance_init(&c, 0, "run");
	uint32_t seed = chance_u32(&c);
	return seed ? seed : 1;
}

static int choose_variants(struct options *o, const struct catalog *c)
{
	struct session_conf *s = &o->session;

	for (size_t i = 0; i < c->n; i++)
		for (size_t k = 0; k < c->scripts[i]->n_variants; k++) {
			struct variant *v = &c->scripts[i]->variants[k];
			if (o->variant && strcmp(o->variant, v->id) &&
				fnmatch(o->variant, v->id, 0))
				continue;
			v->own_rig = v->own_rig || o->session.keep_rigs;
			s->variants = mem_realloc(
				s->variants, (s->n + 1) * sizeof *s->variants);
			s->variants[s->n++] = v;
		}
	if (s->n)
		return 0;
	if (o->variant)
		fprintf(stderr, "imsrig: no script asked for has a variant \"%s\"\n",
			o->variant);
	else
		fprintf(stderr, "imsrig: there are no scripts in %s\n", c->root);
	return -EINVAL;
}

static bool wants_colour(const struct options *o)
{
	const char *no_color = getenv("NO_COLOR");
	return isatty(STDOUT_FILENO) && !o->no_color && !(no_color && no_color[0]);
}

int run_main(int argc, char **argv)
{
	struct options o = {.session = {.workers = DEFAULT_JOBS}};
	struct log_conf log = {.level = LOG_WARN, .node = "imsrig"};
	struct catalog catalog;
	int code = read_options(&o, argc, argv);

	if (code >= 0)
		return code;
	log_setup(&log);
	if (!o.session.seed)
		o.session.seed = draw_seed();
	o.session.colour = wants_colour(&o);
	code = EXIT_USAGE;
	if (!catalog_load(&catalog, argv + optind, (size_t)(argc - optind)) &&
		!choose_variants(&o, &catalog)) {
		o.session.ladder = o.session.ladder || o.session.n == 1;
		code = session_run(&o.session);
	}
	free(o.session.variants);
	catalog_free(&catalog);
	return code;
}
