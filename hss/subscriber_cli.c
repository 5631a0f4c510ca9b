/* imsrig subscriber: the commands of hss/subscriber.h from a command line, to a running
 * rig's HSS or on a database file.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/buf.h"
#include "common/conf/conf.h"
#include "hss/cli.h"
#include "hss/subscriber.h"

static const char usage[] =
	"usage: imsrig subscriber add FILE... [--replace]\n"
	"       imsrig subscriber add --range user%06d --count N [--first N] [--password P]\n"
	"                             [--realm R] [--k K --opc OPC] [--replace]\n"
	"       imsrig subscriber list [--after NAME] [--limit N]\n"
	"       imsrig subscriber show NAME\n"
	"       imsrig subscriber remove NAME...\n"
	"       imsrig subscriber validate FILE...\n"
	"\n"
	"NAME is a subscription's name, or a private or public identity of it.\n"
	"  --rig DIR         the rig whose HSS is asked (default: the newest one that is up)\n"
	"  --database FILE   works on a database that no HSS has open\n"
	"  --key FILE        ... and the key of what is sealed in it (default: the database's own)\n"
	"  --json            prints answers as JSON\n"
	"A range's password may have a %d too; without one it is the user's name. With --k, which\n"
	"may have one as well, each user has a USIM.\n";

struct subscriber_cli {
	struct cli cli;
	const char *database, *key;
	bool replace;
	const char *range, *password, *realm, *k, *opc, *after;
	int64_t count, first, limit;
	struct store *store;           /* --database */
};

/* ---- asking ---- */

static json_t *on_database(const json_t *command, void *store)
{
	return subscriber_command(store, command);
}

static int open_target(struct subscriber_cli *c)
{
	char why[512];
	if (!c->database)
		return cli_find_socket(&c->cli);
	if (store_open(c->database, &c->store, why) || store_unlock(c->store, c->key, why))
		return cli_fail("%s", why);
	c->cli.local = on_database;
	c->cli.arg = c->store;
	return 0;
}

/* ---- add ---- */

static void print_added(const json_t *a)
{
	printf("%lld added, %lld replaced, %lld as they were\n", (long long)cli_number(a, "added"),
		(long long)cli_number(a, "replaced"), (long long)cli_number(a, "same"));
}

static int add_file(struct subscriber_cli *c, const char *path)
{
	struct buf text = {0};
	char why[512];
	if (conf_read(path, CONF_FILE_MAX, &text, why)) {
		buf_free(&text);
		return cli_fail("%s", why);
	}
	json_t *command = cli_command("subscriber.add");
	json_t *yaml = json_stringn(text.p ? text.p : "", text.n);
	buf_free(&text);
	if (!yaml) {
		json_decref(command);
		return cli_fail("%s is not UTF-8 text", path);
	}
	json_object_set_new(command, "yaml", yaml);
	cli_put(command, "name", path);
	json_object_set_new(command, "replace", json_boolean(c->replace));
	return cli_print(&c->cli, cli_ask(&c->cli, command), print_added);
}

static int add_range(struct subscriber_cli *c)
{
	json_t *command = cli_command("subscriber.add");
	cli_put(command, "range", c->range);
	cli_put(command, "password", c->password);
	cli_put(command, "realm", c->realm);
	cli_put(command, "k", c->k);
	cli_put(command, "opc", c->opc);
	json_object_set_new(command, "count", json_integer(c->count));
	json_object_set_new(command, "first", json_integer(c->first));
	json_object_set_new(command, "replace", json_boolean(c->replace));
	return cli_print(&c->cli, cli_ask(&c->cli, command), print_added);
}

static int run_add(struct subscriber_cli *c, int argc, char **argv)
{
	int code = 0;
	if (c->range)
		return argc == 0 && c->count > 0 ? add_range(c) : EXIT_USAGE;
	if (argc == 0)
		return EXIT_USAGE;
	for (int i = 0; !code && i < argc; i++)
		code = add_file(c, argv[i]);
	return code;
}

/* ---- list, show, remove ---- */

static int run_list(struct subscriber_cli *c, int argc, char **argv)
{
	json_t *command = cli_command("subscriber.list");
	cli_put(command, "after", c->after);
	json_object_set_new(command, "limit", json_integer(c->limit));
	return argc ? (json_decref(command), EXIT_USAGE) : cli_print(&c->cli, cli_ask(&c->cli, command), cli_print_names);
}

static void print_value(const json_t *v)
{
	size_t i;
	json_t *item;
	if (json_is_array(v))
		json_array_foreach (v, i, item)
			printf(" %s", json_string_value(item));
	else if (json_is_string(v))
		printf(" %s", json_string_value(v));
	else if (json_is_integer(v))
		printf(" %lld", (long long)json_integer_value(v));
	else
		printf(" %s", json_is_true(v) ? "yes" : "no");
}

static void print_impi(const json_t *p)
{
	printf("private %s\n\tscheme %s, realm %s, algorithms",
		json_string_value(json_object_get(p, "impi")),
		json_string_value(json_object_get(p, "scheme")),
		json_string_value(json_object_get(p, "realm")));
	print_value(json_object_get(p, "algorithms"));
	putchar('\n');
}

static void print_impu(const json_t *u)
{
	size_t i;
	json_t *r;
	printf("public %s\n\t%s, set %lld%s\n", json_string_value(json_object_get(u, "impu")),
		json_string_value(json_object_get(u, "kind")), (long long)cli_number(u, "set"),
		json_is_true(json_object_get(u, "barred")) ? ", barred" : "");
	json_array_foreach (json_object_get(u, "registrations"), i, r)
		printf("\t%s: %s%s\n", json_string_value(json_object_get(r, "impi")),
			json_string_value(json_object_get(r, "state")),
			json_is_true(json_object_get(r, "auth_pending")) ?
				", authentication pending" : "");
}

static void print_subscription(const json_t *a)
{
	json_t *s = json_object_get(a, "subscription"), *v;
	const char *key;
	size_t i;
	json_object_foreach (s, key, v) {
		if (json_is_array(v) && json_is_object(json_array_get(v, 0)))
			continue;
		printf("%s", key);
		print_value(v);
		putchar('\n');
	}
	json_array_foreach (json_object_get(s, "private"), i, v)
		print_impi(v);
	json_array_foreach (json_object_get(s, "public"), i, v)
		print_impu(v);
}

static int run_named(struct subscriber_cli *c, const char *cmd, const char *name,
	void (*human)(const json_t *))
{
	json_t *command = cli_command(cmd);
	cli_put(command, "name", name);
	return cli_print(&c->cli, cli_ask(&c->cli, command), human);
}

static int run_show(struct subscriber_cli *c, int argc, char **argv)
{
	return argc == 1 ? run_named(c, "subscriber.show", argv[0], print_subscription) : EXIT_USAGE;
}

static int run_remove(struct subscriber_cli *c, int argc, char **argv)
{
	int code = argc ? 0 : EXIT_USAGE;
	for (int i = 0; !code && i < argc; i++)
		code = run_named(c, "subscriber.remove", argv[i], NULL);
	return code;
}

/* ---- validate ---- */

static int run_validate(struct subscriber_cli *c, int argc, char **argv)
{
	int code = argc ? 0 : EXIT_USAGE;
	for (int i = 0; i < argc; i++) {
		struct subscriptions all;
		struct arena a = {0};
		char why[512];
		if (subscriptions_load(argv[i], &all, &a, why))
			code = cli_fail("%s", why);
		else if (c->cli.json)
			printf("{\"file\":\"%s\",\"subscriptions\":%zu}\n", argv[i], all.items.n);
		else
			printf("%s: %zu subscriptions\n", argv[i], all.items.n);
		arena_free(&a);
	}
	return code;
}

/* ---- arguments ---- */

static const struct {
	const char *name;
	int (*run)(struct subscriber_cli *c, int argc, char **argv);
	bool asks;
} commands[] = {
	{"add", run_add, true}, {"list", run_list, true}, {"show", run_show, true},
	{"remove", run_remove, true}, {"validate", run_validate, false},
};

static int read_options(struct subscriber_cli *c, int argc, char **argv)
{
	static const struct option options[] = {
		{"rig", required_argument, NULL, 'r'}, {"database", required_argument, NULL, 'd'},
		{"key", required_argument, NULL, 'k'},
		{"json", no_argument, NULL, 'j'}, {"no-color", no_argument, NULL, 'n'},
		{"replace", no_argument, NULL, 'R'}, {"range", required_argument, NULL, 'g'},
		{"count", required_argument, NULL, 'c'}, {"first", required_argument, NULL, 'f'},
		{"password", required_argument, NULL, 'p'}, {"realm", required_argument, NULL, 'm'},
		{"k", required_argument, NULL, 'K'}, {"opc", required_argument, NULL, 'o'},
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
		case 'R': c->replace = true; break;
		case 'g': c->range = optarg; break;
		case 'c': err = cli_read_number(optarg, &c->count); break;
		case 'f': err = cli_read_number(optarg, &c->first); break;
		case 'p': c->password = optarg; break;
		case 'm': c->realm = optarg; break;
		case 'K': c->k = optarg; break;
		case 'o': c->opc = optarg; break;
		case 'a': c->after = optarg; break;
		case 'l': err = cli_read_number(optarg, &c->limit); break;
		case 'h': fputs(usage, stdout); exit(0);
		default: err = -EINVAL;
		}
	}
	return err;
}

int subscriber_main(int argc, char **argv)
{
	struct subscriber_cli c = {.first = 1, .limit = 1000000};
	int code = EXIT_USAGE;

	if (read_options(&c, argc, argv) == 0 && optind < argc)
		for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
			if (strcmp(argv[optind], commands[i].name))
				continue;
			code = commands[i].asks ? open_target(&c) : 0;
			if (!code)
				code = commands[i].run(&c, argc - optind - 1, argv + optind + 1);
			break;
		}
	if (c.store)
		store_close(c.store);
	if (code == EXIT_USAGE)
		fputs(usage, stderr);
	return code;
}
