/* imsrig: the command.
 * SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "hss/av_admin.h"
#include "hss/subscriber.h"
#include "scenarios/player/catalog.h"
#include "scenarios/player/verdict.h"
#include "wwsf/web_password.h"

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
			puts("imsrig list [--json] [ID|GLOB|FILE ...]: the scripts and "
			     "their variants");
			return 0;
		} else if (c == 'v') {
			puts("imsrig " IMSRIG_VERSION);
			return 0;
		} else if (c != 'n') {
			fputs("(imsrig list --help shows the options)\n", stderr);
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

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} commands[] = {
	{"run", run_main, "replay scenario scripts and judge them"},
	{"list", list_main, "the scripts and their variants"},
	{"up", up_main, "keep a rig running, for browsers and other clients"},
	{"ca", ca_main, "the certificate authority of up, and how browsers trust it"},
	{"subscriber", subscriber_main, "add, list, show, remove, validate subscribers"},
	{"avproxy", avproxy_main, "import, list, show, remove the web users of WWSFs"},
	{"web-password", web_password_main, "a password's hash, for a web user"},
	{"bench", bench_main, "measure registrations a second, memory, start"},
};

static void print_usage(FILE *to)
{
	fputs("imsrig COMMAND [OPTIONS]: an IMS core testbed for WebRTC access\n\n", to);
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		fprintf(to, "  %-13s %s\n", commands[i].name, commands[i].help);
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
		if (!strcmp(name, commands[i].name)) {
			char whole[40]; /* how getopt calls the program */
			snprintf(whole, sizeof whole, "imsrig %s", name);
			argv[1] = whole;
			return commands[i].run(argc - 1, argv + 1);
		}
	if (name[0])
		fprintf(stderr, "imsrig: there is no command \"%s\"\n", name);
	print_usage(stderr);
	return EXIT_USAGE;
}
