/* HSS: arguments, admin commands, start and stop.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/node/node.h"
#include "hss/av_proxy.h"
#include "hss/subscriber.h"

static json_t *on_subscriber(const json_t *args)
{
	json_t *answer = subscriber_command(hss.store, args);
	hss_count();
	return answer ? answer : node_refuse("no such command");
}

static json_t *on_avproxy(const json_t *args)
{
	json_t *answer = av_proxy_command(args);
	return answer ? answer : node_refuse("no such command");
}

static json_t *on_reload(const json_t *args)
{
	char why[512];
	return hss_load(true, why) ? node_refuse("%s", why) : json_pack("{s:b}", "ok", 1);
}

static void on_dead(const char *why, void *arg)
{
	node_fail("%s", why);
}

static int start(struct host *host, const void *conf, char why[512])
{
	int err = hss_start(host, conf, on_dead, why);
	if (!err)
		node_ready();
	return err;
}

/* Subscribers stay; nobody is registered any more. */
static void reset(void)
{
	store_reset(hss.store);
}

static int open_work(void)
{
	return cx_open(hss.cx);
}

int main(int argc, char **argv)
{
	static const struct node_command commands[] = {
		{"subscriber.add", on_subscriber}, {"subscriber.list", on_subscriber},
		{"subscriber.show", on_subscriber}, {"subscriber.remove", on_subscriber},
		{"avproxy.import", on_avproxy}, {"avproxy.status", on_avproxy},
		{"avproxy.list", on_avproxy}, {"avproxy.show", on_avproxy},
		{"avproxy.remove", on_avproxy},
		{"state", on_subscriber}, {"reload", on_reload}, {NULL, NULL}};
	static const struct node_app app = {
		.name = "hss",
		.summary = "HSS: subscribers, their credentials and registrations, by Cx",
		.rows = hss_conf_rows,
		.conf_size = sizeof(struct hss_conf),
		.check = hss_check,
		.start = start,
		.stop = hss_stop,
		.reset = reset,
		.open = open_work,
		.commands = commands,
	};
	return node_main(argc, argv, &app);
}
