/* imsrig avproxy: the commands of hss/av_admin.h from a command line, to a running rig's HSS or
 * on database files.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "hss/av_admin.h"
#include "hss/cli.h"

static const char usage[] =
	"usage: imsrig avproxy import FILE...\n"
	"       imsrig avproxy status\n"
	"       imsrig avproxy list [--wwsf NAME] [--after NAME] [--limit N]\n"
	"       imsrig avproxy show WEB-IDENTITY\n"
	"       imsrig avproxy remove WEB-IDENTITY... [--wwsf NAME]\n"
	"       imsrig avproxy remove --wwsf NAME\n"
	"\n"
	"A file is all that a WWSF's authentication service hands over about its users; it takes the\n"
	"place of what is stored for that WWSF, or changes nothing. docs/av-proxy.md says its form.\n"
	"  --rig DIR         the rig whose HSS is asked (default: the newest one that is up)\n"
	"  --database FILE   works on a database that no HSS has open\n"
	"  --key FILE        ... and the key that it is sealed with (default: the database's own)\n"
	"  --json            prints answers as JSON\n";

struct av_cli {
	struct cli cli;
	const char *database, *key, *wwsf, *after;
	int64_t limit;
	struct av_store *store;        /* --database */
};

/* ---- asking ---- */

static json_t *on_database(const json_t *command, void *store)
{
	struct av_import like = {.now_ms = (int64_t)time(NULL) * 1000};
	return av_command(store, &like, command);
}

static int open_target(struct av_cli *c)
{
	char why[512];
	if (!c->database)
		return cli_find_socket(&c->cli);
	if (av_store_open(c->database, c->key, &c->store, why))
		return cli_fail("%s", why);
	c->cli.local = on_database;
	c->cli.arg = c->store;
	return 0;
}

/* ---- commands ---- */

static const char *text_of(const json_t *o, const char *key)
{
	const char *v = json_string_value(json_object_get(o, key));
	return v ? v : "";
}

static void print_imported(const json_t *a)
{
	printf("%s: %lld users, %lld withdrawn\n", text_of(a, "wwsf"),
		(long long)cli_number(a, "users"), (long long)cli_number(a, "withdrawn"));
}

/* The HSS reads the file itself, by a name that does not depend on where it runs. */
static int run_import(struct av_cli *c, int argc, char **argv)
{
	int code = argc ? 0 : EXIT_USAGE;
	for (int i = 0; !code && i < argc; i++) {
		char *path = realpath(argv[i], NULL);
		json_t *command = cli_command("avproxy.import");
		cli_put(command, "file", path ? path : argv[i]);
		free(path);
		code = cli_print(&c->cli, cli_ask(&c->cli, command), print_imported);
	}
	return code;
}

static void print_status(const json_t *a)
{
	const json_t *w;
	size_t i;
	if (!json_array_size(json_object_get(a, "wwsfs")))
		puts("no WWSF has been synchronised with; import a file");
	json_array_foreach (json_object_get(a, "wwsfs"), i, w)
		printf("%s\n\t%lld users, realm %s\n\tsynchronised %s, %lld s ago%s\n",
			text_of(w, "wwsf"), (long long)cli_number(w, "users"), text_of(w, "realm"),
			text_of(w, "synchronised"), (long long)cli_number(w, "age_s"),
			json_is_true(json_object_get(w, "stale")) ?
				": too old, nobody of it is authenticated; import a new file" : "");
}

static int run_status(struct av_cli *c, int argc, char **argv)
{
	return argc ? EXIT_USAGE :
		cli_print(&c->cli, cli_ask(&c->cli, cli_command("avproxy.status")), print_status);
}

static int run_list(struct av_cli *c, int argc, char **argv)
{
	json_t *command = cli_command("avproxy.list");
	cli_put(command, "wwsf", c->wwsf);
	cli_put(command, "after", c->after);
	json_object_set_new(command, "limit", json_integer(c->limit));
	return argc ? (json_decref(command), EXIT_USAGE) :
		cli_print(&c->cli, cli_ask(&c->cli, command), cli_print_names);
}

static void print_one(const json_t *a)
{
	const json_t *w, *d;
	size_t i, k;
	json_array_foreach (json_object_get(a, "at"), i, w) {
		printf("%s\n\trealm %s, private %s, public %s\n\talgorithms", text_of(w, "wwsf"),
			text_of(w, "realm"), text_of(w, "impi"), text_of(w, "impu"));
		json_array_foreach (json_object_get(w, "algorithms"), k, d)
			printf(" %s", json_string_value(d));
		puts(json_is_true(json_object_get(w, "withdrawn")) ? ", withdrawn" : "");
	}
}

static int run_named(struct av_cli *c, const char *cmd, const char *name,
	void (*human)(const json_t *))
{
	json_t *command = cli_command(cmd);
	cli_put(command, "name", name);
	cli_put(command, "wwsf", c->wwsf);
	return cli_print(&c->cli, cli_ask(&c->cli, command), human);
}

static int run_show(struct av_cli *c, int argc, char **argv)
{
	return argc == 1 ? run_named(c, "avproxy.show", argv[0], print_one) : EXIT_USAGE;
}

static int run_remove(struct av_cli *c, int argc, char **argv)
{
	int code = argc || c->wwsf ? 0 : EXIT_USAGE;
	if (!argc && c->wwsf)
		return run_named(c, "avproxy.remove", NULL, NULL);
	for (int i = 0; !code && i < argc; i++)
		code = run_named(c, "avproxy.remove", argv[i], NULL);
	return code;
}

/* ---- arguments ---- */

static const struct {
	const char *name;
	int (*run)(struct av_cli *c, int argc, char **argv);
} commands[] = {
	{"import", run_import}, {"status", run_status}, {"list", run_list}, {"show", run_show},
	{"remove", run_remove},
};

static int read_options(struct av_cli *c, int argc, char **argv)
{
	static const struct option options[] = {
		{"rig", required_argument, NULL, 'r'}, {"database", required_argument, NULL, 'd'},
		{"key", required_argument, NULL, 'k'}, {"json", no_argument, NULL, 'j'},
		{"no-color", no_argument, NULL, 'n'}, {"wwsf", required_argument, NULL, 'w'},
		{"after", required_argument, NULL, 'a'}, {"limit", required_argument, NULL, 'l'},
		{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	int err = 0;
	optind = 1;
	for (int o; !err && (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		switch (o) {
		case 'r': c->cli.rig = optarg; break;
		case 'd': c->database = optarg; break;
		case 'k': c->key = optarg; break;
		case 'j': c->cli.json = true; break;
		case 'n': break;
		case 'w': c->wwsf = optarg; break;
		case 'a': c->after = optarg; break;
		case 'l': err = cli_read_number(optarg, &c->limit); break;
		case 'h': fputs(usage, stdout); exit(0);
		default: err = -EINVAL;
		}
	}
	return err;
}

int avproxy_main(int argc, char **argv)
{
	struct av_cli c = {.limit = 1000000};
	int code = EXIT_USAGE;

	if (read_options(&c, argc, argv) == 0 && optind < argc)
		for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
			if (strcmp(argv[optind], commands[i].name))
				continue;
			code = open_target(&c);
			if (!code)
				code = commands[i].run(&c, argc - optind - 1, argv + optind + 1);
			break;
		}
	av_store_close(c.store);
	if (code == EXIT_USAGE)
		fputs(usage, stderr);
	return code;
}
