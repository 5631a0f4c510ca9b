/* What the commands of imsrig share that ask an HSS.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "common/base/str.h"
#include "common/node/admin_client.h"
#include "hss/cli.h"

enum { ANSWER_MS = 600000 };

int cli_fail(const char *fmt, ...)
{
	va_list ap;
	fputs("imsrig: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return EXIT_REFUSED;
}

int cli_find_socket(struct cli *c)
{
	snprintf(c->socket, sizeof c->socket, "%s/hss.sock", c->rig ? c->rig : "runs/up");
	if (access(c->socket, F_OK))
		return cli_fail("%s: no HSS is running there; name a rig with --rig, or a database "
				"with --database", c->socket);
	return 0;
}

json_t *cli_ask(struct cli *c, json_t *command)
{
	json_t *answer = NULL;
	char why[256];
	if (c->local)
		answer = c->local(command, c->arg);
	else if (admin_once(c->socket, command, ANSWER_MS, &answer, why))
		cli_fail("%s: %s", c->socket, why);
	json_decref(command);
	if (answer && !json_is_true(json_object_get(answer, "ok"))) {
		cli_fail("%s", json_string_value(json_object_get(answer, "why")));
		json_decref(answer);
		answer = NULL;
	}
	return answer;
}

int cli_print(struct cli *c, json_t *answer, void (*human)(const json_t *answer))
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

void cli_print_names(const json_t *a)
{
	size_t i;
	json_t *name;
	json_array_foreach (json_object_get(a, "names"), i, name)
		puts(json_string_value(name));
}

json_t *cli_command(const char *name)
{
	return json_pack("{s:s}", "cmd", name);
}

void cli_put(json_t *o, const char *key, const char *v)
{
	if (v)
		json_object_set_new(o, key, json_string(v));
}

int64_t cli_number(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

int cli_read_number(const char *text, int64_t *out)
{
	uint64_t n;
	if (str_u64(str_of(text), &n) || n > INT64_MAX)
		return -EINVAL;
	*out = (int64_t)n;
	return 0;
}
