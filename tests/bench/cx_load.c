/* How fast the HSS answers, and what an answer costs on both sides.
 *
 *	bench_cx_load [--kind uar|register] [--count N] [--outstanding N] [--users N]
 * Starts an hss process with that many subscribers; this process is the CSCF. `uar` is one
 * UAR after another over all users; `register` is what a registration asks of the HSS: UAR,
 * MAR, UAR, SAR, for each user in turn, each counted. Prints one JSON object.
 * SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/cx/cx.h"
#include "common/node/admin_client.h"

#define HSS   "hss.ims.example.org"
#define ICSCF "icscf.ims.example.org"

static struct {
	const char *kind;
	long count, outstanding, users;
} opt = {"uar", 100000, 64, 1000};

static struct host host;
static struct cx *cx;
static char dir[64];
static pid_t hss;

static void die(const char *what)
{
	fprintf(stderr, "bench_cx_load: %s\n", what);
	if (hss)
		kill(hss, SIGTERM);
	exit(1);
}

static struct addr at(const char *text)
{
	struct addr a;
	addr_parse(str_of(text), 3868, &a);
	return a;
}

/* ---- the hss ---- */

static json_t *ask(json_t *command)
{
	char path[100], why[256];
	json_t *answer = NULL;
	snprintf(path, sizeof path, "%s/hss.sock", dir);
	admin_once(path, command, 600000, &answer, why);
	json_decref(command);
	return answer;
}

static void exec_hss(const char *conf)
{
	char self[256], path[300];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	self[n < 0 ? 0 : n] = 0;
	*strrchr(self, '/') = 0;
	snprintf(path, sizeof path, "%s/hss", self);
	execl(path, "hss", "--config", conf, NULL);
	_exit(127);
}

static void start_hss(void)
{
	char conf[100];
	strcpy(dir, "/tmp/imsrig-cxload-XXXXXX");
	if (!mkdtemp(dir))
		die("no directory");
	snprintf(conf, sizeof conf, "%s/hss.yaml", dir);
	FILE *f = fopen(conf, "w");
	fprintf(f,
		"node: {name: hss, run-dir: %s, trace: \"off\", log: {level: warn}}\n"
		"cx: {identity: " HSS ", realm: ims.example.org, listen: \"127.33.9.16:3868\",\n"
		"     peers: [{host: " ICSCF ", addr: \"127.33.9.13\"}]}\n"
		"database: %s/hss.db\n",
		dir, dir);
	fclose(f);
	hss = fork();
	if (hss == 0)
		exec_hss(conf);
	for (int i = 0; i < 500; i++) {
		json_t *s = ask(json_pack("{s:s}", "cmd", "status"));
		bool ready = json_is_true(json_object_get(s, "ready"));
		json_decref(s);
		if (ready)
			return;
		usleep(10000);
	}
	die("hss did not start");
}

static double add_users(void)
{
	uint64_t from = clock_real_ns();
	json_t *a = ask(json_pack("{s:s, s:s, s:I, s:s}", "cmd", "subscriber.add", "range",
		"user%06d", "count", (json_int_t)opt.users, "password", "secret"));
	if (!json_is_true(json_object_get(a, "ok")))
		die("subscribers were refused");
	json_decref(a);
	return (double)(clock_real_ns() - from) / 1e9;
}

static double hss_cpu(void)
{
	char path[64], line[512];
	unsigned long user = 0, system = 0;
	snprintf(path, sizeof path, "/proc/%d/stat", hss);
	FILE *f = fopen(path, "r");
	if (f && fgets(line, sizeof line, f))
		sscanf(strrchr(line, ')') + 2,
			"%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system);
	if (f)
		fclose(f);
	return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

/* Threads put to sleep and woken: what a request's hand-overs between them come to. */
static long hss_switches(void)
{
	char path[100], line[128];
	long sum = 0, n;
	snprintf(path, sizeof path, "/proc/%d/task", hss);
	DIR *d = opendir(path);
	for (struct dirent *e; d && (e = readdir(d));) {
		snprintf(path, sizeof path, "/proc/%d/task/%.20s/status", hss, e->d_name);
		FILE *f = fopen(path, "r");
		while (f && fgets(line, sizeof line, f))
			if (sscanf(line, "voluntary_ctxt_switches: %ld", &n) == 1)
				sum += n;
		if (f)
			fclose(f);
	}
	if (d)
		closedir(d);
	return sum;
}

static long own_switches(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return u.ru_nvcsw;
}

static double own_cpu(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
		(double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static long hss_kib(void)
{
	char path[64], line[128];
	long kib = 0;
	snprintf(path, sizeof path, "/proc/%d/status", hss);
	FILE *f = fopen(path, "r");
	while (f && fgets(line, sizeof line, f))
		sscanf(line, "VmRSS: %ld", &kib);
	if (f)
		fclose(f);
	return kib;
}

/* ---- the load ---- */

struct work {                          /* one of the outstanding requests */
	uint64_t sent_ns;
	long user;
	int step;
	char impi[48], impu[48];
};
static long sent, answered, failed, next_user;
static uint32_t *latency_us;

static void next(struct work *w);

static void on_answer(int err, const struct cx_msg *m, void *arg)
{
	struct work *w = arg;
	bool ok = !err && m->result.code / 1000 == 2;
	latency_us[answered++] = (uint32_t)((clock_real_ns() - w->sent_ns) / 1000);
	failed += !ok;
	if (answered == opt.count)
		uv_stop(host.loop);
	next(w);
}

static void new_user(struct work *w)
{
	w->step = 0;
	w->user = next_user++ % opt.users + 1;
	snprintf(w->impi, sizeof w->impi, "user%06ld@ims.example.org", w->user);
	snprintf(w->impu, sizeof w->impu, "sip:user%06ld@ims.example.org", w->user);
}

static void next(struct work *w)
{
	bool registers = opt.kind[0] == 'r';
	if (sent == opt.count)
		return;
	if (!registers || w->step == 4 || !w->user)
		new_user(w);
	struct cx_msg m = {
		.command = CX_UA,
		.user_name = str_of(w->impi),
		.public_identity = {str_of(w->impu)},
		.n_public_identity = 1,
		.visited_network = STR("ims.example.org"),
	};
	if (w->step == 1) {
		m.command = CX_MA;
		m.auth_items = 1;
		m.has_auth_data = true;
		m.auth_scheme = STR("SIP Digest");
		m.server_name = STR("sip:scscf.ims.example.org:5060");
	} else if (w->step == 3) {
		m.command = CX_SA;
		m.has_assignment = m.has_data_available = true;
		m.assignment = CX_ASSIGN_REGISTRATION;
		m.server_name = STR("sip:scscf.ims.example.org:5060");
	}
	w->step++;
	w->sent_ns = clock_real_ns();
	sent++;
	if (cx_send(cx, &m, on_answer, w))
		die("no link to the hss");
}

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

static void measure(double add_s)
{
	struct work *works = calloc((size_t)opt.outstanding, sizeof *works);
	latency_us = malloc((size_t)opt.count * sizeof *latency_us);
	double own = own_cpu(), theirs = hss_cpu();
	long own_sw = own_switches(), their_sw = hss_switches();
	uint64_t from = clock_real_ns();
	for (long i = 0; i < opt.outstanding; i++)
		next(&works[i]);
	uv_run(host.loop, UV_RUN_DEFAULT);
	double s = (double)(clock_real_ns() - from) / 1e9;
	own = own_cpu() - own;
	theirs = hss_cpu() - theirs;
	own_sw = own_switches() - own_sw;
	their_sw = hss_switches() - their_sw;
	qsort(latency_us, (size_t)opt.count, sizeof *latency_us, by_size);
	double n = (double)opt.count;
	printf("{\"kind\":\"%s\",\"users\":%ld,\"outstanding\":%ld,\"requests\":%ld,\"failed\":%ld,"
	       "\"per_second\":%.0f,\"p50_us\":%u,\"p99_us\":%u,\"max_us\":%u,"
	       "\"client_cpu_us\":%.1f,\"hss_cpu_us\":%.1f,\"client_switches\":%.2f,"
	       "\"hss_switches\":%.2f,\"hss_kib\":%ld,\"provisioning_s\":%.1f}\n",
		opt.kind, opt.users, opt.outstanding, opt.count, failed, n / s,
		latency_us[opt.count / 2], latency_us[opt.count * 99 / 100],
		latency_us[opt.count - 1], own / n * 1e6, theirs / n * 1e6, (double)own_sw / n,
		(double)their_sw / n, hss_kib(), add_s);
	free(works);
	free(latency_us);
}

static bool up;

static void on_peer(struct str peer, bool is_up, void *arg)
{
	up = is_up;
	uv_stop(host.loop);
}

static void connect_hss(void)
{
	static const struct cx_h h = {.peer = on_peer};
	struct cx_peer peer = {HSS, at("127.33.9.16:3868")};
	struct cx_conf conf = {.identity = ICSCF, .realm = "ims.example.org",
		.local = at("127.33.9.13"), .peers = &peer, .n_peers = 1};
	char why[256];
	host = (struct host){.name = "icscf", .loop = uv_default_loop()};
	host.clock = clock_new(host.loop);
	host.gate = gate_new(host.clock);
	chance_init(&host.chance, 1, "icscf");
	if (cx_start(&host, &conf, &h, NULL, &cx, why))
		die(why);
	while (!up)
		uv_run(host.loop, UV_RUN_DEFAULT);
}

int main(int argc, char **argv)
{
	for (int i = 1; i + 1 < argc; i += 2) {
		long n = atol(argv[i + 1]);
		if (!strcmp(argv[i], "--kind"))
			opt.kind = argv[i + 1];
		else if (!strcmp(argv[i], "--count"))
			opt.count = n;
		else if (!strcmp(argv[i], "--outstanding"))
			opt.outstanding = n;
		else if (!strcmp(argv[i], "--users"))
			opt.users = n;
	}
	log_setup(&(struct log_conf){.level = LOG_WARN, .node = "bench"});
	start_hss();
	double add_s = add_users();
	connect_hss();
	measure(add_s);
	cx_stop(cx);
	kill(hss, SIGTERM);
	waitpid(hss, NULL, 0);
	char cmd[100];
	snprintf(cmd, sizeof cmd, "rm -r %s", dir);
	return system(cmd);
}
