/* A small element for the tests of common/node.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/metric.h"
#include "common/node/node.h"

METRIC_IDLE(bindings, "sample_bindings", "zero when idle");
METRIC_IDLE(kept, "sample_kept", "stays behind after a reset");
METRIC_GAUGE(fired, "sample_fired", "timers that fired");
METRIC_COUNTER(delivered, "sample_delivered_total{what=\"message\"}", "messages let through");

struct sample_conf {
	char *greeting;
	int64_t open;
	bool not_ready, no_start, hangs;
};

static const struct conf_row rows[] = {
	CONF_STR(struct sample_conf, greeting, "greeting", CONF_REQUIRED, NULL),
	CONF_INT(struct sample_conf, open, "open", 0, "0", 0, 1000),
	CONF_BOOL(struct sample_conf, not_ready, "not-ready", "off"),
	CONF_BOOL(struct sample_conf, no_start, "no-start", "off"),
	CONF_BOOL(struct sample_conf, hangs, "hangs", "off"),
	CONF_END};

static struct {
	const struct sample_conf *conf;
	struct host *host;
	struct timer timer[2];
	uv_timer_t handle;
	char *last;
} sample;

static struct str toy_what(const struct trace_msg *m, struct buf *scratch)
{
	return m->bytes;
}

static const struct gate_proto toy = {toy_what, NULL, NULL};

static void on_go(void *owner, const void *ctx, struct str bytes)
{
	free(sample.last);
	sample.last = str_dup(bytes);
	delivered.value++;
}

static json_t *run_send(const json_t *args)
{
	const char *text = json_string_value(json_object_get(args, "text"));
	struct trace_msg m = {.proto = TRACE_SIP, .bytes = str_of(text)};
	gate_pass(sample.host->gate, &toy, &m, on_go, NULL, NULL, 0);
	return json_pack("{s:b, s:s?}", "ok", 1, "last", sample.last);
}

static void on_timer(struct timer *t, void *arg)
{
	fired.value++;
}

static json_t *run_timers(const json_t *args)
{
	timer_start(sample.host->clock, &sample.timer[0], 60000, on_timer, NULL);
	timer_start(sample.host->clock, &sample.timer[1], 120000, on_timer, NULL);
	bindings.value = 3;
	return json_pack("{s:b}", "ok", 1);
}

static json_t *run_leave(const json_t *args)
{
	kept.value = 1;
	return json_pack("{s:b}", "ok", 1);
}

static json_t *run_greet(const json_t *args)
{
	char hex[17];
	chance_hex(&sample.host->chance, hex, 8);
	return json_pack("{s:b, s:s, s:s}", "ok", 1, "greeting", sample.conf->greeting, "chance",
		hex);
}

static json_t *run_fail(const json_t *args)
{
	node_fail("the database is %s", "locked");
	return json_pack("{s:b}", "ok", 1);
}

static json_t *run_ready(const json_t *args)
{
	node_status("nearly there");
	node_ready();
	node_ready();
	return json_pack("{s:b}", "ok", 1);
}

static json_t *run_odd(const json_t *args)
{
	return NULL;
}

static int check(const void *conf, char why[512])
{
	const struct sample_conf *c = conf;
	if (strcmp(c->greeting, "rude"))
		return 0;
	snprintf(why, 512, "the greeting is rude");
	return -EINVAL;
}

static int start(struct host *host, const void *conf, char why[512])
{
	sample.conf = conf;
	sample.host = host;
	uv_timer_init(host->loop, &sample.handle);
	if (sample.conf->no_start) {
		snprintf(why, 512, "can't listen on 127.34.0.2:5060: address already in use");
		return -EADDRINUSE;
	}
	if (!sample.conf->not_ready)
		node_ready();
	return 0;
}

static void on_hang(uv_timer_t *t)
{
}

static void stop(void)
{
	for (int i = 0; i < 2; i++)
		timer_stop(&sample.timer[i]);
	free(sample.last);
	if (sample.conf->hangs)
		uv_timer_start(&sample.handle, on_hang, 60000, 0);
	else
		uv_close((uv_handle_t *)&sample.handle, NULL);
}

static void reset(void)
{
	bindings.value = 0;
}

static int open_work(void)
{
	return (int)sample.conf->open;
}

int main(int argc, char **argv)
{
	static const struct node_command commands[] = {{"send", run_send}, {"timers", run_timers},
		{"greet", run_greet}, {"leave", run_leave}, {"fail", run_fail}, {"ready", run_ready}, {"odd", run_odd},
		{NULL, NULL}};
	static const struct node_app app = {
		.name = "sample",
		.summary = "an element for tests",
		.rows = rows,
		.conf_size = sizeof(struct sample_conf),
		.check = check,
		.start = start,
		.stop = stop,
		.reset = reset,
		.open = open_work,
		.commands = commands,
	};
	return node_main(argc, argv, &app);
}
