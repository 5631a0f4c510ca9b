/* imsrig: the command.
 * SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "hss/subscriber.h"
#include "scenarios/player/catalog.h"
#include "scenarios/player/verdict.h"

int list_main(int argc, char **argv)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'}, {"version", no_argument, NULL, 'v'},
		{"no-color", no_argument, NULL, 'n'}, {NULL, 0, NULL, 0}};
	struct catalog catalog;
	bool as_json = false;
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0)
		if (c == 'j') {
			as_json = true;
		} else if (c == 'h') {
			puts("imsrig list [--json] [ID|GLOB|FILE ...]: the scripts and their variants");
			return 0;
		} else if (c == 'v') {
			puts("imsrig " IMSRIG_VERSION);
			return 0;
		} else if (c != 'n') {
			return EXIT_USAGE;
		}
	int err = catalog_load(&catalog, argv + optind, (size_t)(argc - optind));
	if (as_json) {
		json_t *list = catalog_json(&catalog);
		char *text = json_dumps(list, JSON_INDENT(1));
		puts(text);
		free(text);
		json_decref(list);
	} else {
		catalog_print(&catalog);
	}
	catalog_free(&catalog);
	return err ? EXIT_USAGE : 0;
}

/* Every measurement is a program of its own, bench_NAME beside this one. */
static void list_benches(const char *bin, FILE *to)
{
	struct dirent **list;
	int n = scandir(bin, &list, NULL, alphasort);

	fputs("imsrig bench NAME [--json] [OPTIONS]: measure\n\n", to);
	for (int i = 0; i < n; i++) {
		struct str name = str_of(list[i]->d_name), head = STR("bench_");
		if (str_starts(name, head))
			fprintf(to, "  %s\n", name.p + head.n);
		free(list[i]);
	}
	if (n >= 0)
		free(list);
}

static int bench_main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";
	bool help = !strcmp(name, "--help") || !strcmp(name, "-h");
	char *bin = catalog_bin();
	struct buf path = {0};

	buf_fmt(&path, "%s/bench_%s", bin, name);
	if (name[0] && name[0] != '-' && !strchr(name, '/')) {
		execv(buf_z(&path), argv + 1);
		fprintf(stderr, "imsrig: there is no measurement \"%s\"\n", name);
	}
	list_benches(bin, help ? stdout : stderr);
	buf_free(&path);
	free(bin);
	return help ? 0 : EXIT_USAGE;
}

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} commands[] = {
	{"run", run_main, "replay scenario scripts and judge them"},
	{"list", list_main, "the scripts and their variants"},
	{"up", up_main, "keep a rig running, for browsers and other clients"},
	{"subscriber", subscriber_main, "add, list, show, remove, validate subscribers"},
	{"bench", bench_main, "measure"},
};

static void print_usage(FILE *to)
{
	fputs("imsrig COMMAND [OPTIONS]: an IMS core testbed for WebRTC access\n\n", to);
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		fprintf(to, "  %-11s %s\n", commands[i].name, commands[i].help);
	fputs("\n  --version, --help; --help after a command, too\n", to);
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	if (!strcmp(name, "--version")) {
		puts("imsrig " IMSRIG_VERSION);
		return 0;
	}
	if (!strcmp(name, "--help") || !strcmp(name, "-h") || !strcmp(name, "help")) {
		print_usage(stdout);
		return 0;
	}
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		if (!strcmp(name, commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	if (name[0])
		fprintf(stderr, "imsrig: there is no command \"%s\"\n", name);
	print_usage(stderr);
	return EXIT_USAGE;
}
