/* imsrig up: a whole rig that stays, for a person with a browser, a phone or an element
 * of their own. SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/base/log.h"
#include "scenarios/player/catalog.h"
#include "scenarios/player/rig.h"
#include "scenarios/player/up_print.h"
#include "scenarios/player/user_ca.h"

enum { EXIT_ERROR = 3, EXIT_WRONG_USAGE = 4, MAX_SETTINGS = 64, FORGET_MS = 1000 };

static const char usage[] =
	"usage: imsrig up [--listen ADDR] [--waf] [--subscribers FILE]\n"
	"                 [--set ELEMENT.PATH=VALUE] [--network R] [--seed N]\n"
	"\n"
	"Starts all elements on 127.R.0.x and keeps them until it is interrupted.\n"
	"  --listen ADDR        for browsers on other machines: ADDR, one of this machine's,\n"
	"                       serves the page on port 8443, the eP-CSCF on 8444 and the WAF's\n"
	"                       sign-in on 8445, beside the rig's own addresses\n"
	"  --waf                users sign in at the WAF, which issues the tokens (authorization\n"
	"                       code grant), not at the WWSF\n"
	"  --subscribers FILE   what the HSS knows (default: scenarios/subscribers/individual.yaml)\n"
	"  --set E.PATH=VALUE   a setting of an element, as in a script; may be repeated\n"
	"  --network R          this network, not the first free one\n"
	"  --seed N             draw random values from this seed\n"
	"\n"
	"`imsrig ca` says how a browser comes to trust it.\n";

struct up {
	uv_loop_t loop;
	struct collector *collector;
	struct rig *rig;
	struct arena arena;
	struct variant v;
	struct setting settings[MAX_SETTINGS];
	struct buf ca;
	const char *subscribers, *listen;
	char dir[PATH_MAX], *bin, *root;
	uint64_t seed;
	int network, exit_code;
	uv_signal_t on_int, on_term;
	uv_timer_t forget;
	bool waf, opened, closing, interrupted;
};

/* ---- what is asked for ---- */

static void set(struct up *u, const char *owner, const char *path, json_t *value)
{
	if (u->v.n_settings < MAX_SETTINGS)
		u->settings[u->v.n_settings++] =
			(struct setting){.owner = owner, .path = path, .value = value};
	else
		json_decref(value);
}

/* "epcscf.wss.listen=127.0.0.1:8443": the value is JSON when it can be read so. */
static int set_text(struct up *u, const char *text)
{
	struct str value = str_of(text), path = str_cut(&value, '='),
		   owner = str_cut(&path, '.');
	json_t *v;

	if (!value.p || !path.p || !path.n)
		return -EINVAL;
	const char *name = arena_str(&u->arena, owner).p;
	if (!rig_is_process(name))
		return -EINVAL;
	v = json_loadb(value.p, value.n, JSON_DECODE_ANY, NULL);
	if (!v)
		v = json_stringn(value.p, value.n);
	set(u, name, arena_str(&u->arena, path).p, v);
	return 0;
}

/* It stands in certificates and origins, so it must be what the browser will open. */
static int check_listen(const char *text)
{
	struct addr a;

	if (addr_parse(str_of(text), 0, &a) || addr_port(&a) || a.sa.sa_family != AF_INET) {
		fprintf(stderr, "imsrig up: --listen takes an IPv4 address without port, not \"%s\"\n",
			text);
		return EXIT_WRONG_USAGE;
	}
	if (a.in.sin_addr.s_addr == INADDR_ANY) {
		fprintf(stderr, "imsrig up: --listen takes the one address that browsers will open, "
			"not all of them\n");
		return EXIT_WRONG_USAGE;
	}
	return 0;
}

/* The elements work in the rig's directory. What is not there is for the HSS to say. */
static const char *absolute(struct up *u, const char *path)
{
	char real[PATH_MAX];
	return realpath(path, real) ? arena_str(&u->arena, str_of(real)).p : path;
}

static int read_arguments(struct up *u, int argc, char **argv)
{
	static const struct option options[] = {{"listen", required_argument, NULL, 'l'},
		{"waf", no_argument, NULL, 'w'},
		{"subscribers", required_argument, NULL, 's'},
		{"set", required_argument, NULL, 'e'},
		{"network", required_argument, NULL, 'n'},
		{"seed", required_argument, NULL, 'r'}, {"help", no_argument, NULL, 'h'},
		{0}};
	uint32_t network;
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
		switch (c) {
		case 'l':
			u->listen = optarg;
			break;
		case 'w':
			u->waf = true;
			break;
		case 's':
			u->subscribers = absolute(u, optarg);
			break;
		case 'e':
			if (set_text(u, optarg)) {
				fprintf(stderr,
					"imsrig up: --set takes ELEMENT.PATH=VALUE, not "
					"\"%s\"\n",
					optarg);
				return EXIT_WRONG_USAGE;
			}
			break;
		case 'n':
			if (str_u32(str_of(optarg), &network) || network < 1 ||
				network > 254) {
				fprintf(stderr, "imsrig up: --network takes 1 to 254\n");
				return EXIT_WRONG_USAGE;
			}
			u->network = (int)network;
			break;
		case 'r':
			if (str_u64(str_of(optarg), &u->seed)) {
				fprintf(stderr, "imsrig up: --seed takes a number\n");
				return EXIT_WRONG_USAGE;
			}
			break;
		case 'h':
			fputs(usage, stdout);
			return -1;
		default:
			fputs(usage, stderr);
			return EXIT_WRONG_USAGE;
		}
	}
	if (optind < argc) {
		fputs(usage, stderr);
		return EXIT_WRONG_USAGE;
	}
	return u->listen ? check_listen(u->listen) : 0;
}

static void set_text_value(struct up *u, const char *owner, const char *path, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static void set_text_value(struct up *u, const char *owner, const char *path, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	json_t *value = json_vsprintf(fmt, ap);
	va_end(ap);
	set(u, owner, path, value);
}

/* Beside the rig's own addresses, which the elements use among each other. The edges know
 * the page by its new origin, and the page's host decides which edge it is sent to. */
static void set_listen(struct up *u)
{
	const char *a = u->listen;

	set_text_value(u, "wwsf", "web.also", "%s:%d", a, UP_PAGE);
	set_text_value(u, "wwsf", "also.1", "https://%s:%d", a, UP_PAGE);
	set(u, "wwsf", "edges.1", json_pack("{s:o, s:o}", "host",
		json_sprintf("%s:%d", a, UP_PAGE), "edge", json_sprintf("wss://%s:%d/sip", a, UP_EDGE)));
	set_text_value(u, "epcscf", "wss.also", "%s:%d", a, UP_EDGE);
	set_text_value(u, "epcscf", "origins.0.also.1", "https://%s:%d", a, UP_PAGE);
	set_text_value(u, "waaf", "origins.0.also.1", "https://%s:%d", a, UP_PAGE);
	set_text_value(u, "waaf", "waf.web.also", "%s:%d", a, UP_WAF);
	set_text_value(u, "waaf", "waf.wwsfs.0.redirect-uris.2", "https://%s:%d/callback", a, UP_PAGE);
}

/* A browser is sent to the WAF by numbers, too; the WAF's name for itself stays. */
static void set_waf(struct up *u)
{
	if (!u->waf)
		return;
	set_text_value(u, "wwsf", "token.issuer", "waf");
	set_text_value(u, "wwsf", "waf.grant", "authorization_code");
	set_text_value(u, "wwsf", "waf.issuer", "https://waaf." RIG_DOMAIN ":%d", UP_WAF);
	if (u->listen)
		set_text_value(u, "wwsf", "waf.authorize", "https://%s:%d/authorize", u->listen, UP_WAF);
	else
		set_text_value(u, "wwsf", "waf.authorize", "https://127.%d.0.11:%d/authorize",
			collector_network(u->collector), UP_WAF);
}

/* What was asked for by --set comes last, and wins. */
static void set_places(struct up *u)
{
	struct setting asked[MAX_SETTINGS];
	size_t n = u->v.n_settings;

	memcpy(asked, u->settings, n * sizeof *asked);
	u->v.n_settings = 0;
	if (u->listen)
		set_listen(u);
	set_waf(u);
	for (size_t i = 0; i < n; i++)
		set(u, asked[i].owner, asked[i].path, asked[i].value);
}

static void fill_variant(struct up *u)
{
	static const char *const processes[] = {
		"hss", "scscf", "scscf2", "icscf", "epcscf", "waaf", "wwsf"};

	u->v.id = "up";
	u->v.processes = processes;
	u->v.n_processes = sizeof processes / sizeof *processes;
	u->v.subscribers = &u->subscribers;
	u->v.n_subscribers = 1;
	u->v.settings = u->settings;
}

/* ---- places ---- */

static int make_directory(struct up *u)
{
	char name[64], *root = realpath(".", NULL);
	time_t now = time(NULL);
	struct tm tm;

	localtime_r(&now, &tm);
	strftime(name, sizeof name, "up-%Y%m%d-%H%M%S", &tm);
	snprintf(u->dir, sizeof u->dir, "%s/runs", root);
	free(root);
	if (mkdir(u->dir, 0755) && errno != EEXIST)
		return -errno;
	size_t n = strlen(u->dir);
	snprintf(u->dir + n, sizeof u->dir - n, "/%s", name);
	if (mkdir(u->dir, 0700) && errno != EEXIST)
		return -errno;
	unlink("runs/up");
	return symlink(name, "runs/up") ? -errno : 0;
}

/* ---- life ---- */

static void on_closed(int err, const char *why, void *arg)
{
	struct up *u = arg;

	collector_close(u->collector);
	uv_close((uv_handle_t *)&u->on_int, NULL);
	uv_close((uv_handle_t *)&u->on_term, NULL);
	uv_close((uv_handle_t *)&u->forget, NULL);
}

static void stop(struct up *u)
{
	u->interrupted = true;
	if (u->closing || !u->opened)
		return;
	u->closing = true;
	rig_close(u->rig, on_closed, u);
}

static void on_signal(uv_signal_t *s, int number)
{
	stop(s->data);
}

static void on_died(const char *element, const char *line, void *arg)
{
	struct up *u = arg;
	log_error("up", "%s has ended: %s", element, line);
	u->exit_code = EXIT_ERROR;
}

/* Nobody judges here: records are not kept. */
static void on_forget(uv_timer_t *t)
{
	struct up *u = t->data;
	collector_clear(u->collector);
}

static void on_up(int err, const char *why, void *arg)
{
	struct up *u = arg;

	u->opened = true;
	if (!err && u->interrupted) {
		stop(u);
		return;
	}
	if (err) {
		fprintf(stderr, "imsrig up: %s\n", why);
		u->exit_code = err == -EINVAL ? EXIT_WRONG_USAGE : EXIT_ERROR;
		stop(u);
		return;
	}
	up_print(&(struct up_print){
		.network = collector_network(u->collector),
		.listen = u->listen,
		.ca = u->ca.n ? buf_z(&u->ca) : NULL,
		.dir = u->dir,
		.root = u->root,
		.subscribers = u->subscribers,
		.waf = u->waf,
	});
	uv_timer_start(&u->forget, on_forget, FORGET_MS, FORGET_MS);
}

/* Without a place to keep it, the rig has a CA all the same. */
static void open_ca(struct up *u)
{
	char why[256];

	if (!user_ca_open(&u->ca, why))
		return;
	log_warn("up", "no lasting certificate authority: %s", why);
	buf_free(&u->ca);
}

static int start(struct up *u)
{
	struct rig_conf conf = {.loop = &u->loop,
		.dir = u->dir,
		.bin_dir = u->bin,
		.root = u->root,
		.seed = u->seed,
		.extra_addr = u->listen,
		.died = on_died,
		.arg = u};
	int err;

	if ((err = make_directory(u))) {
		fprintf(stderr, "imsrig up: cannot make a run directory: %s\n",
			strerror(-err));
		return err;
	}
	if ((err = collector_open(&u->loop, u->network, &u->collector))) {
		fprintf(stderr, "imsrig up: no free network 127.R.0.x: %s\n",
			strerror(-err));
		return err;
	}
	set_places(u);
	fill_variant(u);
	open_ca(u);
	conf.ca_dir = u->ca.n ? buf_z(&u->ca) : NULL;
	conf.collector = u->collector;
	uv_signal_init(&u->loop, &u->on_int);
	uv_signal_init(&u->loop, &u->on_term);
	uv_timer_init(&u->loop, &u->forget);
	u->on_int.data = u->on_term.data = u->forget.data = u;
	uv_signal_start(&u->on_int, on_signal, SIGINT);
	uv_signal_start(&u->on_term, on_signal, SIGTERM);
	return rig_open(&conf, &u->v, on_up, u, &u->rig);
}

int up_main(int argc, char **argv)
{
	struct up *u = MEM_NEW(struct up);
	int code;

	uv_loop_init(&u->loop);
	u->bin = catalog_bin();
	u->root = catalog_root();
	u->subscribers =
		arena_fmt(&u->arena, "%s/subscribers/individual.yaml", u->root).p;
	code = read_arguments(u, argc, argv);
	if (!code && start(u))
		u->exit_code = EXIT_ERROR;
	if (code)
		u->exit_code = code < 0 ? 0 : code;
	uv_run(&u->loop, UV_RUN_DEFAULT);
	uv_loop_close(&u->loop);
	for (size_t i = 0; i < u->v.n_settings; i++)
		json_decref(u->settings[i].value);
	arena_free(&u->arena);
	buf_free(&u->ca);
	free(u->bin);
	free(u->root);
	code = u->exit_code;
	free(u);
	return code;
}
