/* How fast one process forwards REGISTERs over UDP, and what a finished one costs.
 *
 *	bench_sip_forward [--count N] [--outstanding N]
 * A child is the proxy; this process is both ends, in the plainest way. Printed: requests a
 * second, CPU of the proxy for each, memory that each leaves behind while its transaction
 * waits for retransmissions (timer J, 32 s).
 * SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/sip/stack.h"

#define PROXY "127.35.0.12:5060"
#define UAC   "127.35.0.101:5060"
#define UAS   "127.35.0.102:5060"

static struct addr at(const char *text)
{
	struct addr a;
	addr_parse(str_of(text), 0, &a);
	return a;
}

static void host_open(struct host *h, uv_loop_t *loop, const char *name)
{
	uv_loop_init(loop);
	*h = (struct host){.name = name, .loop = loop, .clock = clock_new(loop)};
	h->gate = gate_new(h->clock);
	chance_init(&h->chance, 1, name);
}

/* ---- the proxy ---- */

static struct sip_hop uas_hop;

static void on_request(struct sip_req *req, void *arg)
{
	struct sip_edit e;
	sip_edit_begin(&e, sip_req_msg(req), sip_req_arena(req));
	sip_edit_add(&e, STR("P-Visited-Network-ID"), STR("\"ims.example.org\""));
	if (sip_forward(req, &e, &uas_hop, NULL, NULL))
		sip_answer(req, 500, NULL, STR_NONE);
}

static const struct sip_stack_h proxy_h = {.request = on_request};

static void proxy(void)
{
	uv_loop_t loop;
	struct host host;
	struct sip_stack *s;
	struct addr local = at(PROXY);
	host_open(&host, &loop, "proxy");
	uas_hop = (struct sip_hop){.transport = SIP_UDP, .remote = at(UAS)};
	sip_stack_new(&host, NULL, &proxy_h, NULL, &s);
	if (sip_listen(s, SIP_UDP, &local, NULL, false) < 0)
		_exit(1);
	uv_run(&loop, UV_RUN_DEFAULT);
}

/* ---- both ends ---- */

static struct ends {
	struct udp *uac, *uas;
	struct addr proxy;
	long sent, done, total;
	struct buf text;
} ends;

static void send_one(void)
{
	struct buf *b = &ends.text;
	long i = ends.sent++;
	b->n = 0;
	buf_fmt(b,
		"REGISTER sip:ims.example.org SIP/2.0\r\n"
		"Via: SIP/2.0/UDP " UAC ";branch=z9hG4bK%lx\r\nMax-Forwards: 70\r\n"
		"From: <sip:user%06ld@ims.example.org>;tag=%lx\r\n"
		"To: <sip:user%06ld@ims.example.org>\r\nCall-ID: %lx@127.35.0.101\r\n"
		"CSeq: 1 REGISTER\r\nContact: <sip:user%06ld@127.35.0.101>;expires=600\r\n"
		"Authorization: Digest username=\"user%06ld@ims.example.org\", "
		"realm=\"ims.example.org\", uri=\"sip:ims.example.org\", nonce=\"\", "
		"response=\"\"\r\nSupported: path\r\nContent-Length: 0\r\n\r\n",
		i, i, i, i, i, i, i);
	udp_send(ends.uac, &ends.proxy, buf_str(b));
}

static void on_uac(struct udp *u, const struct addr *from, struct str bytes, void *arg)
{
	ends.done++;
	if (ends.sent < ends.total)
		send_one();
	else if (ends.done >= ends.total)
		uv_stop(arg);
}

static void on_uas(struct udp *u, const struct addr *from, struct str bytes, void *arg)
{
	struct buf *b = &ends.text;
	ptrdiff_t line = str_find(bytes, STR("\r\n"));
	b->n = 0;
	buf_add(b, STR("SIP/2.0 200 OK"));
	buf_add(b, str_skip(bytes, (size_t)line));
	udp_send(u, from, buf_str(b));
}

static long resident_kb(pid_t pid)
{
	char path[64], line[128];
	long kb = 0;
	snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	FILE *f = fopen(path, "r");
	while (f && fgets(line, sizeof line, f))
		if (sscanf(line, "VmRSS: %ld", &kb) == 1)
			break;
	if (f)
		fclose(f);
	return kb;
}

int main(int argc, char **argv)
{
	uv_loop_t loop;
	struct host host;
	struct rusage use;
	struct addr uac = at(UAC), uas = at(UAS);
	long outstanding = 64;
	ends.total = 200000;
	for (int i = 1; i < argc; i++) {
		if (i + 1 < argc && !strcmp(argv[i], "--count")) {
			ends.total = atol(argv[++i]);
		} else if (i + 1 < argc && !strcmp(argv[i], "--outstanding")) {
			outstanding = atol(argv[++i]);
		} else {
			fprintf(stderr, "usage: %s [--count N] [--outstanding N]\n", argv[0]);
			return 4;
		}
	}
	pid_t pid = fork();

	if (!pid)
		proxy();
	usleep(100000);
	ends.proxy = at(PROXY);
	host_open(&host, &loop, "ends");
	if (udp_open(&host, &uac, on_uac, &loop, &ends.uac) ||
		udp_open(&host, &uas, on_uas, NULL, &ends.uas))
		return 1;
	long before = resident_kb(pid);
	uint64_t start = clock_real_ns();
	for (long i = 0; i < outstanding && i < ends.total; i++)
		send_one();
	uv_run(&loop, UV_RUN_DEFAULT);
	double s = (double)(clock_real_ns() - start) / 1e9;
	long after = resident_kb(pid);
	kill(pid, SIGKILL);
	wait4(pid, NULL, 0, &use);
	double cpu = (double)use.ru_utime.tv_sec + (double)use.ru_stime.tv_sec +
		(double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
	printf("{\"requests_per_s\": %.0f, \"proxy_cpu_us\": %.1f, \"bytes_kept\": %.0f, "
	       "\"requests\": %ld, \"outstanding\": %ld}\n",
		(double)ends.done / s, cpu / (double)ends.done * 1e6,
		(double)(after - before) * 1024 / (double)ends.done, ends.done, outstanding);
	return 0;
}
