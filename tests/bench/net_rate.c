/* What the transports carry: round trips a second between two processes, each with one
 * loop, and the CPU time of the server for each.
 *
 *	bench_net_rate [SECONDS]                 prints one JSON object a transport
 * SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/crypto/ca.h"
#include "common/net/udp.h"
#include "common/ws/ws.h"

#define AT(port) "127.32.8.1:" #port
enum { PAYLOAD = 600, WINDOW = 100, CONNS = 50, EACH = 4 };

static void die(const char *what, const char *why)
{
	fprintf(stderr, "net_rate: %s: %s\n", what, why);
	exit(1);
}

struct bench {
	uv_loop_t loop;
	struct host host;
	struct tls *tls;
	struct udp *udp;
	struct http_client *http[CONNS];
	char payload[PAYLOAD];
	uint64_t done, failed;
	int open;
};

static struct addr at(const char *text)
{
	struct addr a;
	addr_parse(str_of(text), 0, &a);
	return a;
}

static void setup(struct bench *b, const char *name)
{
	uv_loop_init(&b->loop);
	b->host = (struct host){
		.name = name, .loop = &b->loop, .clock = clock_new(&b->loop)};
	b->host.gate = gate_new(b->host.clock);
	chance_init(&b->host.chance, 1, name);
	memset(b->payload, 'x', sizeof b->payload);
}

/* ---- server ---- */

static void udp_echo(struct udp *u, const struct addr *from, struct str bytes, void *arg)
{
	udp_send(u, from, bytes);
}

static void ws_echo(struct ws *w, bool text, struct str bytes, void *arg)
{
	ws_send(w, text, bytes);
}

static void ws_gone(struct ws *w, int code, const char *why, void *arg)
{
}

static void serve_ws(struct http_req *r, void *arg)
{
	static const struct ws_h h = {ws_echo, ws_gone};
	static const struct ws_conf conf = {0};
	const char *why;
	ws_accept(r, NULL, &conf, &h, NULL, &why);
}

static void serve_http(struct http_req *r, void *arg)
{
	http_answer(r, 200, STR("Content-Type: text/plain\r\n"), http_req_msg(r)->body);
}

static void server(const char *dir)
{
	static const struct http_route routes[] = {
		{"GET", "/ws", serve_ws}, {"POST", "/echo", serve_http}, {NULL, NULL, NULL}};
	struct bench b = {0};
	char cert[128], key[128], why[256];
	struct addr udp = at(AT(5060));
	struct http_server *s;
	setup(&b, "server");
	snprintf(cert, sizeof cert, "%s/cert.pem", dir);
	snprintf(key, sizeof key, "%s/key.pem", dir);
	struct tls_conf tls = {.cert = cert, .key = key};
	if (tls_new(&tls, true, &b.tls, why))
		die("TLS", why);
	struct http_server_conf plain = {.listen = at(AT(8080)), .routes = routes};
	struct http_server_conf secure = {
		.listen = at(AT(8443)), .routes = routes, .tls = b.tls};
	if (udp_open(&b.host, &udp, udp_echo, &b, &b.udp) ||
		http_serve(&b.host, &plain, &s) || http_serve(&b.host, &secure, &s))
		die("server", "can't listen");
	uv_run(&b.loop, UV_RUN_DEFAULT);
}

/* ---- clients ---- */

static struct str payload(struct bench *b)
{
	return (struct str){b->payload, sizeof b->payload};
}

static void udp_back(struct udp *u, const struct addr *from, struct str bytes, void *arg)
{
	struct bench *b = arg;
	b->done++;
	udp_send(u, from, bytes);
}

static void start_udp(struct bench *b, bool tls)
{
	struct addr local = at("127.32.8.2:0"), remote = at(AT(5060));
	if (udp_open(&b->host, &local, udp_back, b, &b->udp))
		die("udp", "can't open");
	for (int i = 0; i < WINDOW; i++)
		udp_send(b->udp, &remote, payload(b));
}

static void ws_back(struct ws *w, bool text, struct str bytes, void *arg)
{
	struct bench *b = arg;
	b->done++;
	ws_send(w, text, bytes);
}

static void on_ws(struct ws *w, int status, const char *why, void *arg)
{
	struct bench *b = arg;
	if (!w)
		die("ws", why);
	b->open++;
	for (int i = 0; i < EACH; i++)
		ws_send(w, true, payload(b));
}

static void start_ws(struct bench *b, bool tls)
{
	static const struct ws_h h = {ws_back, ws_gone};
	struct ws_connect_conf c = {.local = at("127.32.8.2:0"),
		.remote = tls ? at(AT(8443)) : at(AT(8080)),
		.tls = tls ? b->tls : NULL,
		.path = "/ws"};
	for (int i = 0; i < CONNS; i++)
		ws_connect(&b->host, &c, &h, on_ws, b);
}

struct asker {
	struct bench *b;
	struct http_client *c;
};

static void ask(struct asker *a);

static void on_answer(int err, const char *why, const struct http_msg *m, void *arg)
{
	struct asker *a = arg;
	if (err)
		die("http", why);
	a->b->done++;
	ask(a);
}

static void ask(struct asker *a)
{
	http_send(a->c, "POST", "/echo", STR("Content-Type: text/plain\r\n"),
		payload(a->b), on_answer, a);
}

static void start_http(struct bench *b, bool tls)
{
	struct http_client_conf c = {.local = at("127.32.8.2:0"),
		.remote = tls ? at(AT(8443)) : at(AT(8080)),
		.tls = tls ? b->tls : NULL};
	for (int i = 0; i < CONNS; i++) {
		struct asker *a = MEM_NEW(struct asker);
		*a = (struct asker){b, http_client_new(&b->host, &c)};
		ask(a);
	}
}

static void shake(struct bench *b);

static void shaken(struct stream *s, void *arg)
{
	struct bench *b = arg;
	b->done++;
	stream_abort(s);
}

static void shake_data(struct stream *s, struct str bytes, void *arg)
{
}

static void shake_closed(struct stream *s, int err, const char *why, void *arg)
{
	struct bench *b = arg;
	if (err) /* a port that is reused before the server has let go of it */
		b->failed++;
	shake(b);
}

static void shake(struct bench *b)
{
	static const struct stream_h h = {shaken, shake_data, shake_closed};
	struct addr local = at("127.32.8.2:0"), remote = at(AT(8443));
	struct stream *s;
	if (stream_connect(&b->host, &local, &remote, b->tls, NULL, &h, b, &s))
		die("handshake", "can't connect");
}

static void start_handshakes(struct bench *b, bool tls)
{
	for (int i = 0; i < 20; i++)
		shake(b);
}

/* ---- measuring ---- */

static double cpu_of(pid_t pid)
{
	char path[64];
	long user = 0, sys = 0;
	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	FILE *f = fopen(path, "r");
	if (!f || fscanf(f,
			  "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld "
			  "%ld",
			  &user, &sys) != 2)
		die(path, "unreadable");
	fclose(f);
	return (double)(user + sys) / (double)sysconf(_SC_CLK_TCK);
}

static void run_for(struct bench *b, double seconds)
{
	uint64_t end = clock_real_ns() + (uint64_t)(seconds * 1e9);
	while (clock_real_ns() < end)
		uv_run(&b->loop, UV_RUN_ONCE);
}

static void measure(const char *name, void (*start)(struct bench *b, bool tls), bool tls,
	const char *ca, double seconds, pid_t pid)
{
	struct bench *b = MEM_NEW(struct bench);
	char why[256];
	struct tls_conf conf = {.ca = ca};
	setup(b, "client");
	if (tls_new(&conf, false, &b->tls, why))
		die("TLS", why);
	start(b, tls);
	run_for(b, 0.3);
	uint64_t from = clock_real_ns();
	double cpu = cpu_of(pid);
	b->done = 0;
	run_for(b, seconds);
	double took = (double)(clock_real_ns() - from) / 1e9;
	cpu = cpu_of(pid) - cpu;
	printf("{\"bench\":\"net_rate\",\"transport\":\"%s\",\"per_second\":%.0f,"
	       "\"server_cpu_us_each\":%.1f,\"failed\":%llu}\n",
		name, (double)b->done / took, cpu * 1e6 / (double)b->done,
		(unsigned long long)b->failed);
	fflush(stdout);
}

/* Every transport has a client process of its own: it ends with what it opened. */
static void in_child(const char *name, void (*start)(struct bench *b, bool tls), bool tls,
	const char *ca, double seconds, pid_t pid)
{
	pid_t child = fork();
	if (!child) {
		measure(name, start, tls, ca, seconds, pid);
		_exit(0);
	}
	waitpid(child, NULL, 0);
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? atof(argv[1]) : 2;
	char dir[] = "/tmp/imsrig-bench-XXXXXX", ca[64], cert[64], key[64], why[256],
	     clean[64];
	struct ca_subject subject = {.name = "server",
		.addresses = (const char *const[]){"127.32.8.1", NULL},
		.use = CA_SERVER};
	log_setup(&(struct log_conf){.level = LOG_ERROR, .node = "bench"});
	if (!mkdtemp(dir))
		die(dir, "can't make it");
	snprintf(ca, sizeof ca, "%s/ca.pem", dir);
	snprintf(cert, sizeof cert, "%s/cert.pem", dir);
	snprintf(key, sizeof key, "%s/key.pem", dir);
	if (ca_make(dir, "bench CA", why) || ca_issue(dir, &subject, cert, key, why))
		die("certificates", why);
	pid_t pid = fork();
	if (!pid)
		server(dir);
	usleep(200000);
	in_child("udp", start_udp, false, ca, seconds, pid);
	in_child("http", start_http, false, ca, seconds, pid);
	in_child("https", start_http, true, ca, seconds, pid);
	in_child("ws", start_ws, false, ca, seconds, pid);
	in_child("wss", start_ws, true, ca, seconds, pid);
	in_child("tls-handshake", start_handshakes, true, ca, seconds, pid);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	snprintf(clean, sizeof clean, "rm -rf %s", dir);
	return system(clean) != 0;
}
