/* imsrig subscriber: the commands of hss/subscriber.h from a command line, to a running
 * rig's HSS or on a database file.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/conf/conf.h"
#include "common/node/admin_client.h"
#include "hss/subscriber.h"

enum { EXIT_REFUSED = 1, EXIT_USAGE = 4, ANSWER_MS = 600000 };

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

struct cli {
	const char *rig, *database, *key;
	bool json, replace;
	const char *range, *password, *realm, *k, *opc, *after;
	int64_t count, first, limit;
	struct store *store;           /* --database */
	char socket[512];
};

static int fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static int fail(const char *fmt, ...)
{
	va_list ap;
	fputs("imsrig: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return EXIT_REFUSED;
}

/* ---- asking ---- */

static int open_target(struct cli *c)
{
	char why[512];
	if (c->database) {
		if (store_open(c->database, &c->store, why) || store_unlock(c->store, c->key, why))
			return fail("%s", why);
		return 0;
	}
	snprintf(c->socket, sizeof c->socket, "%s/hss.sock", c->rig ? c->rig : "runs/up");
	if (access(c->socket, F_OK))
		return fail("%s: no HSS is running there; name a rig with --rig, or a database "
			    "with --database", c->socket);
	return 0;
}

/* Takes `command`; NULL when it failed, which was said. */
static json_t *ask(struct cli *c, json_t *command)
{
	json_t *answer = NULL;
	char why[256];
	if (c->store)
		answer = subscriber_command(c->store, command);
	else if (admin_once(c->socket, command, ANSWER_MS, &answer, why))
		fail("%s: %s", c->socket, why);
	json_decref(command);
	if (answer && !json_is_true(json_object_get(answer, "ok"))) {
		fail("%s", json_string_value(json_object_get(answer, "why")));
		json_decref(answer);
		answer = NULL;
	}
	return answer;
}

static int64_t number(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

/* Prints and releases; `human` is used without --json. */
static int print(struct cli *c, json_t *answer, void (*human)(const json_t *answer))
{
	if (!answer)
		return EXIT_REFUSED;
	if (c->json) {
		json_dumpf(answer, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
		putchar('\n');
	} else if (human) {
		human(answer);
	}
	json_decref(answer);
	return 0;
}

/* ---- add ---- */

static void print_added(const json_t *a)
{
	printf("%lld added, %lld replaced, %lld as they were\n", (long long)number(a, "added"),
		(long long)number(a, "replaced"), (long long)number(a, "same"));
}

static json_t *command_of(const char *name)
{
	return json_pack("{s:s}", "cmd", name);
}

static void put_text(json_t *o, const char *key, const char *v)
{
	if (v)
		json_object_set_new(o, key, json_string(v));
}

static int add_file(struct cli *c, const char *path)
{
	struct buf text = {0};
	char why[512];
	if (conf_read(path, CONF_FILE_MAX, &text, why)) {
		buf_free(&text);
		return fail("%s", why);
	}
	json_t *command = command_of("subscriber.add");
	json_t *yaml = json_stringn(text.p ? text.p : "", text.n);
	buf_free(&text);
	if (!yaml) {
		json_decref(command);
		return fail("%s is not UTF-8 text", path);
	}
	json_object_set_new(command, "yaml", yaml);
	put_text(command, "name", path);
	json_object_set_new(command, "replace", json_boolean(c->replace));
	return print(c, ask(c, command), print_added);
}

static int add_range(struct cli *c)
{
	json_t *command = command_of("subscriber.add");
	put_text(command, "range", c->range);
	put_text(command, "password", c->password);
	put_text(command, "realm", c->realm);
	put_text(command, "k", c->k);
	put_text(command, "opc", c->opc);
	json_object_set_new(command, "count", json_integer(c->count));
	json_object_set_new(command, "first", json_integer(c->first));
	json_object_set_new(command, "replace", json_boolean(c->replace));
	return print(c, ask(c, command), print_added);
}

static int run_add(struct cli *c, int argc, char **argv)
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

static void print_names(const json_t *a)
{
	size_t i;
	json_t *name;
	json_array_foreach (json_object_get(a, "names"), i, name)
		puts(json_string_value(name));
}

static int run_list(struct cli *c, int argc, char **argv)
{
	json_t *command = command_of("subscriber.list");
	put_text(command, "after", c->after);
	json_object_set_new(command, "limit", json_integer(c->limit));
	return argc ? (json_decref(command), EXIT_USAGE) : print(c, ask(c, command), print_names);
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
		json_string_value(json_object_get(u, "kind")), (long long)number(u, "set"),
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

static int run_named(struct cli *c, const char *cmd, const char *name,
	void (*human)(const json_t *))
{
	json_t *command = command_of(cmd);
	put_text(command, "name", name);
	return print(c, ask(c, command), human);
}

static int run_show(struct cli *c, int argc, char **argv)
{
	return argc == 1 ? run_named(c, "subscriber.show", argv[0], print_subscription) : EXIT_USAGE;
}

static int run_remove(struct cli *c, int argc, char **argv)
{
	int code = argc ? 0 : EXIT_USAGE;
	for (int i = 0; !code && i < argc; i++)
		code = run_named(c, "subscriber.remove", argv[i], NULL);
	return code;
}

/* ---- validate ---- */

static int run_validate(struct cli *c, int argc, char **argv)
{
	int code = argc ? 0 : EXIT_USAGE;
	for (int i = 0; i < argc; i++) {
		struct subscriptions all;
		struct arena a = {0};
		char why[512];
		if (subscriptions_load(argv[i], &all, &a, why))
			code = fail("%s", why);
		else if (c->json)
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
	int (*run)(struct cli *c, int argc, char **argv);
	bool asks;
} commands[] = {
	{"add", run_add, true}, {"list", run_list, true}, {"show", run_show, true},
	{"remove", run_remove, true}, {"validate", run_validate, false},
};

static int read_number(const char *text, int64_t *out)
{
	uint64_t n;
	if (str_u64(str_of(text), &n) || n > INT64_MAX)
		return -EINVAL;
	*out = (int64_t)n;
	return 0;
}

static int read_options(struct cli *c, int argc, char **argv)
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
		case 'r': c->rig = optarg; break;
		case 'd': c->database = optarg; break;
		case 'k': c->key = optarg; break;
		case 'j': c->json = true; break;
		case 'n': break;
		case 'R': c->replace = true; break;
		case 'g': c->range = optarg; break;
		case 'c': err = read_number(optarg, &c->count); break;
		case 'f': err = read_number(optarg, &c->first); break;
		case 'p': c->password = optarg; break;
		case 'm': c->realm = optarg; break;
		case 'K': c->k = optarg; break;
		case 'o': c->opc = optarg; break;
		case 'a': c->after = optarg; break;
		case 'l': err = read_number(optarg, &c->limit); break;
		case 'h': fputs(usage, stdout); exit(0);
		default: err = -EINVAL;
		}
	}
	return err;
}

int subscriber_main(int argc, char **argv)
{
	struct cli c = {.first = 1, .limit = 1000000};
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
