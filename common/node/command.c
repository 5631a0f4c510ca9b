/* Commands of the admin socket.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/metric.h"
#include "common/node/inside.h"

/* ---- answers ---- */

json_t *node_refuse(const char *fmt, ...)
{
	char why[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof why, fmt, ap);
	va_end(ap);
	json_t *text = json_string(why);
	if (!text) /* a peer's octets that are no UTF-8 */
		text = json_string(log_text(str_of(why)));
	return json_pack("{s:b, s:o}", "ok", 0, "why", text);
}

static json_t *done(void)
{
	return json_pack("{s:b}", "ok", 1);
}

/* A text in quotes; metric names hold quotes, log lines what peers sent. */
static void put_text(struct buf *b, const char *z)
{
	buf_byte(b, '"');
	for (; *z; z++) {
		unsigned char c = (unsigned char)*z;
		if (c == '"' || c == '\\')
			buf_fmt(b, "\\%c", c);
		else
			buf_byte(b, c < 0x20 || c > 0x7e ? '.' : (char)c);
	}
	buf_byte(b, '"');
}

static void put_metrics(struct buf *out, const char *key, enum metric_kind kind)
{
	const char *comma = "";

	buf_fmt(out, ",\"%s\":{", key);
	for (struct metric *m = metric_first(); m; m = m->next) {
		if (m->kind != kind)
			continue;
		buf_fmt(out, "%s", comma);
		put_text(out, m->name);
		buf_fmt(out, ":%lld", (long long)m->value);
		comma = ",";
	}
	buf_byte(out, '}');
}

static void put_next(struct buf *out)
{
	int64_t next = clock_next_offset(node.host.clock);
	if (next == INT64_MAX)
		buf_fmt(out, "\"next_offset_ms\":null");
	else
		buf_fmt(out, "\"next_offset_ms\":%lld", (long long)next);
}

/* Written by hand: the player asks for it every millisecond. */
static void put_status(const json_t *args, struct buf *out)
{
	int waiting = gate_waiting(node.host.gate);
	int open = node.app->open ? node.app->open() : 0;

	buf_fmt(out, "{\"ok\":true,\"node\":");
	put_text(out, node.conf->name);
	buf_fmt(out,
		",\"ready\":%s,\"open\":%d,\"traced\":%llu,\"waiting\":%d,\"now_ms\":%"
		"lld,"
		"\"offset_ms\":%lld,",
		node.ready ? "true" : "false", open + waiting,
		(unsigned long long)trace_count(node.host.trace), waiting,
		(long long)clock_wall_ms(node.host.clock),
		(long long)clock_offset_ms(node.host.clock));
	put_next(out);
	if (!json_is_true(json_object_get(args, "brief"))) {
		put_metrics(out, "gauges", METRIC_KIND_GAUGE);
		put_metrics(out, "idle", METRIC_KIND_IDLE);
		put_metrics(out, "counters", METRIC_KIND_COUNTER);
		buf_fmt(out, ",\"last_warning\":");
		put_text(out, log_last());
	}
	buf_byte(out, '}');
}

/* ---- commands ---- */

static json_t *run_clock(const json_t *args)
{
	const json_t *offset = json_object_get(args, "offset_ms");
	bool hold = json_is_true(json_object_get(args, "hold"));
	struct clock *c = node.host.clock;

	if (!json_is_integer(offset))
		return node_refuse("\"clock\" takes \"offset_ms\", a number");
	if ((hold ? clock_hold : clock_set_offset)(c, json_integer_value(offset)))
		return node_refuse("the clock only goes forward, its offset is %lld",
			(long long)clock_offset_ms(c));
	int64_t next = clock_next_offset(c);
	return json_pack("{s:b, s:I, s:o}", "ok", 1, "offset_ms",
		(json_int_t)clock_offset_ms(c), "next_offset_ms",
		next == INT64_MAX ? json_null() : json_integer(next));
}

static json_t *run_fault(const json_t *args)
{
	const char *why = "";
	const json_t *rule = json_object_get(args, "rule");

	if (!rule)
		return node_refuse("\"fault\" takes \"rule\"");
	return gate_add(node.host.gate, rule, &why) ? node_refuse("%s", why) : done();
}

static json_t *run_unfault(const json_t *args)
{
	gate_reset(node.host.gate);
	return done();
}

static json_t *run_held(const json_t *args)
{
	return json_pack("{s:b, s:o}", "ok", 1, "held", gate_held(node.host.gate));
}

static json_t *release_one(const json_t *args, uint64_t id)
{
	const json_t *text = json_object_get(args, "text");
	const json_t *hex = json_object_get(args, "bytes_hex");
	struct str bytes = STR_NONE;
	uint8_t *octets = NULL;

	if (json_is_string(text))
		bytes = (struct str){json_string_value(text), json_string_length(text)};
	if (json_is_string(hex)) {
		size_t n = json_string_length(hex) / 2;
		octets = mem_alloc(n);
		if (str_hex((struct str){json_string_value(hex), json_string_length(hex)},
			    octets, n)) {
			free(octets);
			return node_refuse("\"bytes_hex\" takes pairs of hex digits");
		}
		bytes = (struct str){(char *)octets, n};
	}
	int err = gate_release_one(node.host.gate, id, bytes);
	free(octets);
	return err ? node_refuse("no message %llu is held", (unsigned long long)id)
		   : json_pack("{s:b, s:i}", "ok", 1, "released", 1);
}

static json_t *run_release(const json_t *args)
{
	const json_t *id = json_object_get(args, "id");
	if (id && !json_is_integer(id))
		return node_refuse("\"id\" of \"release\" takes a number");
	if (id)
		return release_one(args, (uint64_t)json_integer_value(id));
	return json_pack("{s:b, s:i}", "ok", 1, "released", gate_release(node.host.gate));
}

static json_t *run_reset(const json_t *args)
{
	const json_t *seed = json_object_get(args, "seed");

	gate_reset(node.host.gate);
	if (node.app->reset)
		node.app->reset();
	metric_reset();
	log_forget();
	if (json_is_integer(seed))
		chance_init(&node.host.chance, (uint64_t)json_integer_value(seed),
			node.conf->name);
	log_info("node", "reset");
	return done();
}

static json_t *run_metrics(const json_t *args)
{
	struct buf b = {0};
	metric_print(&b);
	json_t *answer = json_pack("{s:b, s:s}", "ok", 1, "text", buf_z(&b));
	buf_free(&b);
	return answer;
}

static json_t *run_memory(const json_t *args)
{
	return json_pack("{s:b, s:I}", "ok", 1, "heap_bytes", (json_int_t)mem_in_use());
}

static json_t *run_log(const json_t *args)
{
	const char *level = json_string_value(json_object_get(args, "level"));
	for (int i = 0; level && node_log_levels[i]; i++)
		if (!strcmp(level, node_log_levels[i])) {
			node.log.level = (enum log_level)i;
			log_setup(&node.log);
			return done();
		}
	return node_refuse("\"level\" is one of debug, info, warn, error");
}

static json_t *run_stop(const json_t *args)
{
	log_info("node", "asked to stop");
	node_stop();
	return done();
}

static const struct node_command commands[] = {{"clock", run_clock}, {"fault", run_fault},
	{"unfault", run_unfault}, {"held", run_held}, {"release", run_release},
	{"reset", run_reset}, {"metrics", run_metrics}, {"memory", run_memory},
	{"log", run_log}, {"stop", run_stop}, {NULL, NULL}};

static const struct node_command *find(const struct node_command *c, const char *name)
{
	for (; c && c->name; c++)
		if (!strcmp(c->name, name))
			return c;
	return NULL;
}

static json_t *run(const char *name, const json_t *args)
{
	const struct node_command *c = find(commands, name);
	if (!c)
		c = find(node.app->commands, name);
	if (!c)
		return node_refuse("there is no command \"%s\"", log_text(str_of(name)));
	json_t *answer = c->run(args);
	return answer ? answer : node_refuse("\"%s\" gave no answer", name);
}

void node_command_line(struct str line, struct buf *out)
{
	json_error_t e;
	json_t *args = json_loadb(line.p, line.n, JSON_REJECT_DUPLICATES, &e);
	const char *name = json_string_value(json_object_get(args, "cmd"));
	json_t *answer = NULL;

	if (!args)
		answer = node_refuse("no JSON: %s (column %d)", e.text, e.column);
	else if (!name)
		answer = node_refuse("a command is an object with \"cmd\"");
	else if (!strcmp(name, "status"))
		put_status(args, out);
	else
		answer = run(name, args);
	if (answer) {
		char *text = json_dumps(answer, JSON_COMPACT);
		buf_add(out, str_of(text));
		free(text);
		json_decref(answer);
	}
	json_decref(args);
}
