/* The life of an element: arguments, configuration, start, signals, stop.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/node/node.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "common/node/admin.h"
#include "common/node/health.h"
#include "common/net/work.h"
#include "common/node/inside.h"

enum { EXIT_RUN = 1, EXIT_USAGE = 4, STOP_MS = 2000 };

struct node node;

static struct {
	struct arena arena;
	void *app_conf;
	const char *stream;      /* which random values are drawn from the seed */
	struct admin_server *admin;
	struct health *health;
	uv_signal_t term, intr;
	uv_async_t stop; /* a stop is asked for inside anybody's callback */
	uv_timer_t bound;
	bool begun, stopping, late; /* begun: the app's start was called */
	int exit_code;
} life;

/* ---- stop ---- */

void node_stop(void)
{
	if (!life.stopping)
		uv_async_send(&life.stop);
}

static void on_bound(uv_timer_t *t)
{
	life.late = true;
	uv_stop(&node.loop);
}

static void on_stop(uv_async_t *a)
{
	if (life.stopping)
		return;
	life.stopping = true;
	log_info("node", "stopping");
	notify("STOPPING=1");
	uv_timer_start(&life.bound, on_bound, STOP_MS, 0);
	uv_unref((uv_handle_t *)&life.bound);
	if (life.begun && node.app->stop)
		node.app->stop();
	work_cancel(&node.host);
	health_close(life.health);
	admin_server_close(life.admin);
	uv_close((uv_handle_t *)&life.term, NULL);
	uv_close((uv_handle_t *)&life.intr, NULL);
	uv_close((uv_handle_t *)&life.stop, NULL);
}

static void on_signal(uv_signal_t *s, int number)
{
	log_info("node", "%s", number == SIGTERM ? "SIGTERM" : "SIGINT");
	node_stop();
}

static void tell_left(uv_handle_t *h, void *arg)
{
	if (!uv_is_closing(h) && uv_has_ref(h))
		log_warn("node", "still open: a %s", uv_handle_type_name(h->type));
}

/* What elements stand on goes after everything of theirs is closed. */
static void close_host(void)
{
	struct host *h = &node.host;

	if (life.late) {
		log_warn("node", "not all was closed after 2 s");
		uv_walk(&node.loop, tell_left, NULL);
		trace_free(h->trace);
		return;
	}
	uv_close((uv_handle_t *)&life.bound, NULL);
	health_free(life.health);
	gate_free(h->gate);
	trace_free(h->trace);
	log_info("node", "stopped");
	node.log.wall_ms = NULL;
	node.log.node = node.app->name;
	log_setup(&node.log);
	clock_free(h->clock);
	uv_run(&node.loop, UV_RUN_DEFAULT);
	if (uv_loop_close(&node.loop))
		uv_walk(&node.loop, tell_left, NULL);
	arena_free(&life.arena);
}

void node_ready(void)
{
	if (node.ready)
		return;
	node.ready = true;
	log_info("node", "ready");
	notify("READY=1\nSTATUS=ready");
}

void node_status(const char *fmt, ...)
{
	char text[256];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	notify("STATUS=%s", text);
}

void node_fail(const char *fmt, ...)
{
	char text[512];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	log_error("node", "%s", text);
	if (!life.stopping)
		life.exit_code = EXIT_RUN;
	node_stop();
}

/* ---- start ---- */

static int64_t rig_wall_ms(void *arg)
{
	return clock_wall_ms(arg);
}

static void set_log(void)
{
	node.log = (struct log_conf){.level = (enum log_level)node.conf->log.level,
		.json = node.conf->log.format,
		.node = node.conf->name,
		.wall_ms = rig_wall_ms,
		.arg = node.host.clock};
	log_setup(&node.log);
}

/* Many connections are what benches come with; the soft bound is for programs with
 * select(2). */
static void lift_descriptors(void)
{
	struct rlimit r;
	if (!getrlimit(RLIMIT_NOFILE, &r)) {
		r.rlim_cur = r.rlim_max;
		setrlimit(RLIMIT_NOFILE, &r);
	}
}

static int open_host(char why[512])
{
	const struct node_conf *c = node.conf;
	struct host *h = &node.host;

	h->name = c->name;
	h->names = c->names.items;
	h->n_names = c->names.n;
	chance_init(&h->chance, (uint64_t)c->seed, life.stream);
	h->gate = gate_new(h->clock);
	if (!strcmp(c->trace, "off"))
		return 0;
	int err = trace_to(&node.loop, h->clock, c->name, c->trace, &h->trace);
	if (err)
		snprintf(why, 512, "trace %.200s: %s", c->trace, uv_strerror(err));
	else
		trace_types(h->trace, (uint8_t)c->types.diameter, (uint8_t)c->types.http,
			(uint8_t)c->types.ws);
	return err;
}

static int open_admin(char why[512])
{
	const struct node_conf *c = node.conf;

	if (mkdir(c->run_dir, 0700) && errno != EEXIST) {
		snprintf(why, 512, "run-dir %.300s: %s", c->run_dir, strerror(errno));
		return -EIO;
	}
	struct str path = arena_fmt(&life.arena, "%s/%s.sock", c->run_dir, c->name);
	return admin_serve(&node.loop, path.p, node_command_line, &life.admin, why);
}

static int open_all(char why[512])
{
	int err;

	uv_signal_init(&node.loop, &life.term);
	uv_signal_init(&node.loop, &life.intr);
	uv_signal_start(&life.term, on_signal, SIGTERM);
	uv_signal_start(&life.intr, on_signal, SIGINT);
	uv_async_init(&node.loop, &life.stop, on_stop);
	uv_timer_init(&node.loop, &life.bound);
	err = open_host(why);
	if (!err)
		err = open_admin(why);
	if (!err)
		err = health_open(&node.host, &node.conf->metrics, &node.ready, &life.health, why);
	if (err)
		return err;
	life.begun = true;
	return node.app->start(&node.host, life.app_conf, why);
}

static int run(void)
{
	char why[512] = "";

	signal(SIGPIPE, SIG_IGN);
	lift_descriptors();
	uv_loop_init(&node.loop);
	node.host.loop = &node.loop;
	node.host.clock = clock_new(&node.loop);
	set_log();
	if (open_all(why)) {
		log_error("node", "%s", *why ? why : "the start failed");
		life.exit_code = EXIT_RUN;
		node_stop();
	}
	uv_run(&node.loop, UV_RUN_DEFAULT);
	close_host();
	return life.exit_code;
}

/* ---- arguments and configuration ---- */

static void help(const struct node_app *app)
{
	printf("%s: %s\n\n"
	       "usage: %s --config FILE [--check]\n\n"
	       "  --config FILE  configuration (YAML)\n"
	       "  --start=N      the Nth start from this configuration: another one draws other\n"
	       "                 values from the same seed\n"
	       "  --check        read the configuration, say what is wrong with it, and "
	       "end\n"
	       "  --version      print the version and end\n"
	       "  --help         print this and end\n",
		app->name, app->summary, app->name);
}

static int usage(const struct node_app *app, const char *what)
{
	fprintf(stderr, "%s: %s; %s --help says more\n", app->name, what, app->name);
	return EXIT_USAGE;
}

struct args {
	const char *config, *start;
	bool check, end; /* end: all is said */
};

static int read_args(int argc, char **argv, const struct node_app *app, struct args *a)
{
	static const struct option options[] = {{"config", required_argument, NULL, 'c'},
		{"check", no_argument, NULL, 'k'}, {"start", required_argument, NULL, 's'},
		{"version", no_argument, NULL, 'v'},
		{"help", no_argument, NULL, 'h'}, {0}};
	int o;

	opterr = 0;
	optind = 1;
	while ((o = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		switch (o) {
		case 'c':
			a->config = optarg;
			break;
		case 'k':
			a->check = true;
			break;
		case 's':
			a->start = optarg;
			break;
		case 'v':
			printf("%s %s\n", app->name, IMSRIG_VERSION);
			a->end = true;
			return 0;
		case 'h':
			help(app);
			a->end = true;
			return 0;
		case ':':
			return usage(app, "--config takes a file");
		default:
			return usage(app, "there is an option that is not known");
		}
	}
	if (optind < argc)
		return usage(app, "there is an argument too many");
	return a->config ? 0 : usage(app, "--config is missing");
}

/* The element's rows and the node section, into one block of memory. */
static int load(const char *path, const struct node_app *app, char why[512])
{
	size_t n = 0, at = (app->conf_size + 15) & ~(size_t)15;
	struct arena *a = &life.arena;

	while (app->rows && app->rows[n].key)
		n++;
	struct conf_row *rows = arena_zalloc(a, (n + 2) * sizeof *rows);
	if (n)
		memcpy(rows, app->rows, n * sizeof *rows);
	rows[n] = (struct conf_row){.key = "node",
		.type = CONF_T_STRUCT,
		.offset = at,
		.flags = CONF_REQUIRED,
		.rows = node_conf_rows};
	char *all = arena_zalloc(a, at + sizeof(struct node_conf));
	int err = conf_load(path, rows, all, a, why);
	if (err)
		return err;
	life.app_conf = all;
	node.conf = (struct node_conf *)(all + at);
	if (!*node.conf->name || strchr(node.conf->name, '/')) {
		snprintf(why, 512, "%s: node.name is a plain word", path);
		return -EINVAL;
	}
	char text[400];
	err = app->check ? app->check(all, why) : 0;
	if (err) {
		snprintf(text, sizeof text, "%.399s", why);
		snprintf(why, 512, "%.100s: %s", path, text);
	}
	return err;
}

int node_main(int argc, char **argv, const struct node_app *app)
{
	struct args args = {0};
	char why[512] = "";
	int code;

	node.app = app;
	code = read_args(argc, argv, app, &args);
	if (code || args.end)
		return code;
	if (load(args.config, app, why)) {
		fprintf(stderr, "%s: %s\n", app->name, why);
		code = EXIT_USAGE;
	} else if (args.check) {
		printf("%s: good\n", args.config);
	} else {
		life.stream = args.start 
			? arena_fmt(&life.arena, "%s %s", node.conf->name, args.start).p
			: node.conf->name;
		return run();
	}
	arena_free(&life.arena);
	return code;
}
