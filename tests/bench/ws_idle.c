/* What an idle WebSocket connection costs the server, in octets from the allocator: all,
 * OpenSSL's, and ours. The clients are a process of their own.
 *
 *	bench_ws_idle [CONNECTIONS] [plain]      prints one JSON object
 * SPDX-License-Identifier: Apache-2.0 */
#include <malloc.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/crypto/ca.h"
#include "common/ws/ws.h"

#define SERVER "127.32.9.1:8443"

enum { WARM = 50 }; /* connections before the first measure */

static size_t openssl_bytes, openssl_blocks;

static void *count_malloc(size_t n, const char *file, int line)
{
	void *p = malloc(n);
	openssl_bytes += malloc_usable_size(p) + 8;
	openssl_blocks++;
	return p;
}

static void count_free(void *p, const char *file, int line)
{
	if (p) {
		openssl_bytes -= malloc_usable_size(p) + 8;
		openssl_blocks--;
	}
	free(p);
}

static void *count_realloc(void *p, size_t n, const char *file, int line)
{
	if (!p)
		return count_malloc(n, file, line);
	openssl_bytes -= malloc_usable_size(p);
	p = realloc(p, n);
	openssl_bytes += malloc_usable_size(p);
	return p;
}

static void die(const char *what, const char *why)
{
	fprintf(stderr, "ws_idle: %s: %s\n", what, why);
	exit(1);
}

struct bench {
	uv_loop_t loop;
	struct host host;
	struct tls *tls;
	int n, open, messages, failed;
};

static void setup(struct bench *b, const char *name)
{
	uv_loop_init(&b->loop);
	b->host = (struct host){
		.name = name, .loop = &b->loop, .clock = clock_new(&b->loop)};
	b->host.gate = gate_new(b->host.clock);
	chance_init(&b->host.chance, 1, name);
}

static void on_message(struct ws *w, bool text, struct str bytes, void *arg)
{
	struct bench *b = arg;
	b->messages++;
}

static void on_closed(struct ws *w, int code, const char *why, void *arg)
{
	struct bench *b = arg;
	b->open--;
}

static const struct ws_h ws_h = {on_message, on_closed};

/* ---- clients ---- */

static void dial(struct bench *b);

static void on_open(struct ws *w, int status, const char *why, void *arg)
{
	struct bench *b = arg;
	if (!w)
		die("connecting", why);
	b->open++;
	ws_send(w, true, STR("REGISTER sip:ims.example.org SIP/2.0\r\n\r\n"));
	dial(b);
}

static void dial(struct bench *b)
{
	struct ws_connect_conf c = {.tls = b->tls,
		.server_name = "127.32.9.1",
		.path = "/ws",
		.subprotocol = "sip"};
	addr_parse(STR("127.32.9.2"), 0, &c.local);
	addr_parse(STR(SERVER), 0, &c.remote);
	if (b->n-- > 0)
		ws_connect(&b->host, &c, &ws_h, on_open, b);
}

static void clients(int n, bool plain, const char *ca)
{
	struct bench b = {0};
	char why[256];
	struct tls_conf conf = {.ca = ca};
	setup(&b, "clients");
	if (!plain && tls_new(&conf, false, &b.tls, why))
		die("TLS", why);
	b.n = WARM;
	dial(&b);
	while (b.open < WARM)
		uv_run(&b.loop, UV_RUN_ONCE);
	usleep(500000); /* the server takes its first measure */
	b.n = n - WARM;
	dial(&b);
	for (;;)
		uv_run(&b.loop, UV_RUN_DEFAULT); /* until the server kills us */
}

/* ---- server ---- */

static void serve(struct http_req *r, void *arg)
{
	struct bench *b = arg;
	static const struct ws_conf conf = {.ping_ms = 30000};
	const char *why;
	if (ws_accept(r, "sip", &conf, &ws_h, b, &why))
		b->open++;
	else
		die("handshake", why);
}

static void until(struct bench *b, int n)
{
	uint64_t end = clock_real_ns() + 120ull * 1000000000u;
	while (b->messages < n) {
		uv_run(&b->loop, UV_RUN_ONCE);
		if (clock_real_ns() > end)
			die("clients", "not all connected in two minutes");
	}
	for (int i = 0; i < 100; i++) {
		uv_run(&b->loop, UV_RUN_NOWAIT);
		usleep(1000);
	}
}

static struct tls *certificate(const char *dir, char *ca)
{
	char cert[128], key[128], why[256];
	struct tls *t;
	struct ca_subject s = {.name = "server",
		.addresses = (const char *const[]){"127.32.9.1", NULL},
		.use = CA_SERVER};
	snprintf(ca, 128, "%s/ca.pem", dir);
	snprintf(cert, sizeof cert, "%s/cert.pem", dir);
	snprintf(key, sizeof key, "%s/key.pem", dir);
	if (ca_make(dir, "bench CA", why) || ca_issue(dir, &s, cert, key, why))
		die("certificates", why);
	struct tls_conf conf = {.cert = cert, .key = key};
	if (tls_new(&conf, true, &t, why))
		die("TLS", why);
	return t;
}

static long rss_kb(void)
{
	long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");
	if (!f || fscanf(f, "%*d %ld", &pages) != 1)
		die("statm", "unreadable");
	fclose(f);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

int main(int argc, char **argv)
{
	static const struct http_route routes[] = {
		{"GET", "/ws", serve}, {NULL, NULL, NULL}};
	int n = argc > 1 ? atoi(argv[1]) : 1000;
	bool plain = argc > 2 && !strcmp(argv[2], "plain");
	char dir[] = "/tmp/imsrig-bench-XXXXXX", ca[128], clean[64];
	struct rlimit files = {(rlim_t)n + 100, (rlim_t)n + 100};
	struct bench b = {0};
	struct http_server *server;

	CRYPTO_set_mem_functions(count_malloc, count_realloc, count_free);
	if (!mkdtemp(dir))
		die(dir, "can't make it");
	setrlimit(RLIMIT_NOFILE, &files);
	log_setup(&(struct log_conf){.level = LOG_WARN, .node = "bench"});
	struct tls *tls = certificate(dir, ca);
	pid_t child = fork();
	if (!child) {
		usleep(200000); /* the server listens first */
		clients(n + WARM, plain, ca);
	}
	setup(&b, "server");
	struct http_server_conf conf = {
		.tls = plain ? NULL : tls, .routes = routes, .arg = &b};
	addr_parse(STR(SERVER), 0, &conf.listen);
	if (http_serve(&b.host, &conf, &server))
		die(SERVER, "can't listen");
	until(&b, WARM); /* what is shared is there now */
	size_t all = mem_in_use(), ssl = openssl_bytes, blocks = openssl_blocks;
	long rss = rss_kb();
	int had = b.open;
	until(&b, n + WARM);
	int more = b.open - had;
	all = mem_in_use() - all;
	ssl = openssl_bytes - ssl;
	blocks = openssl_blocks - blocks;
	printf("{\"bench\":\"ws_idle\",\"tls\":%s,\"connections\":%d,\"bytes_each\":%zu,"
	       "\"openssl_bytes_each\":%zu,\"openssl_blocks_each\":%.1f,\"own_bytes_each\":%zu,"
	       "\"rss_bytes_each\":%ld}\n",
		plain ? "false" : "true", more, all / (size_t)more, ssl / (size_t)more,
		(double)blocks / more, (all - ssl) / (size_t)more,
		(rss_kb() - rss) * 1024 / more);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	snprintf(clean, sizeof clean, "rm -rf %s", dir);
	return system(clean) != 0;
}
