/* A real hss process with its admin socket, and raw Diameter links to it, for tests.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/hss_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/addr.h"
#include "common/node/admin_client.h"

enum { LIMIT_MS = 5000 };

/* ---- the process ---- */

static void write_conf(const struct hss_rig *r)
{
	char path[100];
	snprintf(path, sizeof path, "%s/hss.yaml", r->dir);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f,
		"node: {name: hss, run-dir: %s, trace: \"off\", log: {level: debug}}\n"
		"cx:\n"
		"  identity: hss.ims.example.org\n"
		"  realm: ims.example.org\n"
		"  listen: \"%s.16:3868\"\n"
		"  peers:\n"
		"    - {host: icscf.ims.example.org, addr: \"%s.13\"}\n"
		"    - {host: scscf.ims.example.org, addr: \"%s.14\"}\n"
		"    - {host: scscf2.ims.example.org, addr: \"%s.15\"}\n"
		"%s"
		"database: %s/hss.db\n"
		"subscribers: [%s]\n",
		r->dir, r->net, r->net, r->net, r->net, r->more ? r->more : "", r->dir,
		r->subscribers ? r->subscribers :
			SOURCE_DIR "/scenarios/subscribers/individual.yaml");
	fclose(f);
}

void hss_rig_start(struct hss_rig *r)
{
	char conf[100], log[100];
	snprintf(conf, sizeof conf, "%s/hss.yaml", r->dir);
	snprintf(log, sizeof log, "%s/log", r->dir);
	write_conf(r);
	r->pid = fork();
	if (r->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
		dup2(fd, 1);
		dup2(fd, 2);
		execl(BIN_DIR "/hss", "hss", "--config", conf, NULL);
		_exit(127);
	}
	for (int i = 0; i < 500; i++) {
		json_t *status = hss_rig_ask(r, "{s:s}", "cmd", "status");
		bool ready = json_is_true(json_object_get(status, "ready"));
		json_decref(status);
		if (ready)
			return;
		usleep(20000);
	}
	fail_msg("hss did not become ready: %s", hss_rig_log(r));
}

void hss_rig_open(struct hss_rig *r, const char *net)
{
	strcpy(r->dir, "/tmp/imsrig-hss-XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	snprintf(r->net, sizeof r->net, "%s", net);
	hss_rig_start(r);
}

int hss_rig_stop(struct hss_rig *r)
{
	int status = 0;
	if (r->pid <= 0)
		return 0;
	kill(r->pid, SIGTERM);
	for (int i = 0; i < 500 && waitpid(r->pid, &status, WNOHANG) == 0; i++)
		usleep(20000);
	r->pid = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void hss_rig_close(struct hss_rig *r)
{
	char cmd[100];
	hss_rig_stop(r);
	free(r->log);
	snprintf(cmd, sizeof cmd, "rm -r %s", r->dir);
	assert_int_equal(system(cmd), 0);
}

const char *hss_rig_log(struct hss_rig *r)
{
	char path[100];
	struct buf b = {0};
	snprintf(path, sizeof path, "%s/log", r->dir);
	FILE *f = fopen(path, "r");
	for (int c; f && (c = fgetc(f)) != EOF;)
		buf_byte(&b, (char)c);
	if (f)
		fclose(f);
	buf_z(&b);
	free(r->log);
	return r->log = b.p;
}

json_t *hss_rig_ask(struct hss_rig *r, const char *fmt, ...)
{
	char path[100], why[256];
	va_list ap;
	va_start(ap, fmt);
	json_t *command = json_vpack_ex(NULL, 0, fmt, ap), *answer = NULL;
	va_end(ap);
	assert_non_null(command);
	snprintf(path, sizeof path, "%s/hss.sock", r->dir);
	admin_once(path, command, LIMIT_MS, &answer, why);
	json_decref(command);
	return answer;
}

int64_t hss_rig_counter(struct hss_rig *r, const char *name)
{
	json_t *status = hss_rig_ask(r, "{s:s}", "cmd", "status");
	int64_t n = json_integer_value(json_object_get(json_object_get(status, "counters"), name));
	json_decref(status);
	return n;
}

/* ---- a link ---- */

static struct addr address(const struct hss_rig *r, int node, int port)
{
	char text[40];
	struct addr a;
	snprintf(text, sizeof text, "%s.%d:%d", r->net, node, port);
	assert_int_equal(addr_parse(str_of(text), 0, &a), 0);
	return a;
}

void link_dial(struct link *l, const struct hss_rig *r, int node, const char *host)
{
	struct addr from = address(r, node, 0), to = address(r, 16, 3868);
	*l = (struct link){.fd = socket(AF_INET, SOCK_STREAM, 0), .host = host, .next = 1};
	assert_int_equal(bind(l->fd, &from.sa, addr_len(&from)), 0);
	assert_int_equal(connect(l->fd, &to.sa, addr_len(&to)), 0);
}

void link_close(struct link *l)
{
	close(l->fd);
	buf_free(&l->in);
}

void link_send(struct link *l, struct str octets)
{
	while (octets.n) {
		ssize_t n = send(l->fd, octets.p, octets.n, MSG_NOSIGNAL);
		if (n <= 0)
			return; /* closed by the other side: the next read says so */
		octets = str_skip(octets, (size_t)n);
	}
}

static bool receive_upto(struct link *l, size_t n)
{
	while (l->in.n < n) {
		struct pollfd p = {l->fd, POLLIN, 0};
		buf_reserve(&l->in, n);
		if (poll(&p, 1, LIMIT_MS) != 1)
			return false;
		ssize_t got = recv(l->fd, l->in.p + l->in.n, n - l->in.n, 0);
		if (got <= 0)
			return false;
		l->in.n += (size_t)got;
	}
	return true;
}

bool link_receive(struct link *l)
{
	l->in.n = 0;
	if (!receive_upto(l, 4))
		return false;
	return receive_upto(l, (size_t)(uint8_t)l->in.p[1] << 16 |
		(size_t)(uint8_t)l->in.p[2] << 8 | (uint8_t)l->in.p[3]);
}

static void put(struct buf *b, int avp, const char *value)
{
	assert_int_equal(cx_avp_write(avp, str_of(value), b), 0);
}

/* After a link was lost libfdcore wants three watchdogs answered on the next one. */
static void answer_watchdog(struct link *l, const struct cx_header *h)
{
	struct buf b = {0}, avps = {0};
	put(&avps, CX_A_Result_Code, "2001");
	put(&avps, CX_A_Origin_Host, l->host);
	put(&avps, CX_A_Origin_Realm, "ims.example.org");
	buf_u32(&b, 1u << 24 | (uint32_t)(20 + avps.n));
	buf_u32(&b, h->command);
	buf_u32(&b, 0);
	buf_u32(&b, h->hop_by_hop);
	buf_u32(&b, h->end_to_end);
	buf_add(&b, buf_str(&avps));
	link_send(l, buf_str(&b));
	buf_free(&b);
	buf_free(&avps);
}

static bool receive_answer(struct link *l, uint32_t end_to_end)
{
	struct cx_header h;
	do {
		if (!link_receive(l))
			return false;
		assert_int_equal(cx_header_parse(buf_str(&l->in), &h, NULL), 0);
		if (h.request)
			answer_watchdog(l, &h);
	} while (h.request || h.end_to_end != end_to_end);
	return true;
}

/* After a lost link libfdcore holds the next one back until three watchdogs were answered;
 * after none, nothing comes. */
static void settle(struct link *l)
{
	struct pollfd p = {l->fd, POLLIN, 0};
	struct cx_header h;
	for (int seen = 0; seen < 3 && poll(&p, 1, seen ? 2000 : 100) == 1 && link_receive(l); seen++)
		if (cx_header_parse(buf_str(&l->in), &h, NULL) == 0 && h.request)
			answer_watchdog(l, &h);
	usleep(2000);
}

static struct str base_message(struct buf *b, uint32_t command, struct str avps, uint32_t id)
{
	buf_u32(b, 1u << 24 | (uint32_t)(20 + avps.n));
	buf_u32(b, (uint32_t)CX_HEADER_R << 24 | command);
	buf_u32(b, 0);
	buf_u32(b, id);
	buf_u32(b, id);
	buf_add(b, avps);
	return buf_str(b);
}

static uint32_t open_once(struct link *l, const struct hss_rig *r, int node, const char *host)
{
	struct buf avps = {0}, cer = {0}, app = {0};
	link_dial(l, r, node, host);
	put(&avps, CX_A_Origin_Host, host);
	put(&avps, CX_A_Origin_Realm, "ims.example.org");
	struct addr own = address(r, node, 0);
	char ip[6] = {0, 1};
	memcpy(ip + 2, &own.in.sin_addr, 4);
	assert_int_equal(cx_avp_write(CX_A_Host_IP_Address, (struct str){ip, 6}, &avps), 0);
	put(&avps, CX_A_Vendor_Id, "10415");
	put(&avps, CX_A_Product_Name, "test");
	put(&app, CX_A_Vendor_Id, "10415");
	put(&app, CX_A_Auth_Application_Id, "16777216");
	cx_avp_put(&(struct cx_avp){.code = 260, .flags = CX_FLAG_M, .data = buf_str(&app)}, &avps);
	link_send(l, base_message(&cer, 257, buf_str(&avps), 7));
	uint32_t code = 0;
	if (link_receive(l))
		str_u32(link_field(l, "Result-Code"), &code);
	if (code == DIAMETER_SUCCESS)
		settle(l);
	buf_free(&avps);
	buf_free(&cer);
	buf_free(&app);
	return code;
}

/* A server that has not yet noticed the end of the last link says 5012, or takes the old
 * link's end for the new one's. */
uint32_t link_open(struct link *l, const struct hss_rig *r, int node, const char *host)
{
	uint32_t code = open_once(l, r, node, host);
	for (int i = 0; (!code || code == DIAMETER_UNABLE_TO_COMPLY) && i < 50; i++) {
		link_close(l);
		usleep(20000);
		code = open_once(l, r, node, host);
	}
	return code;
}

struct str link_encode(struct link *l, struct cx_msg m, struct buf *out)
{
	char session[64];
	struct cx_ids ids = {.hop_by_hop = l->next, .end_to_end = l->next};
	snprintf(session, sizeof session, "%s;1;%u", l->host, l->next++);
	m.request = true;
	m.session_id = str_of(session);
	m.origin_host = str_of(l->host);
	m.origin_realm = m.destination_realm = STR("ims.example.org");
	out->n = 0;
	cx_encode(&m, &ids, out);
	return buf_str(out);
}

static uint32_t end_to_end_of(struct str octets)
{
	struct cx_header h = {0};
	cx_header_parse(octets, &h, NULL);
	return h.end_to_end;
}

const struct cx_msg *link_ask(struct link *l, struct cx_msg m)
{
	struct buf b = {0};
	struct cx_fault fault;
	struct str octets = link_encode(l, m, &b);
	link_send(l, octets);
	if (!receive_answer(l, end_to_end_of(octets)))
		fail_msg("no answer to a %s", cx_command_name(m.command, true));
	buf_free(&b);
	assert_int_equal(cx_decode(buf_str(&l->in), &l->m, &fault), 0);
	assert_int_equal(l->m.command, m.command);
	assert_false(l->m.request);
	return &l->m;
}

uint32_t link_result(struct link *l, struct str octets)
{
	uint32_t code = 0, end_to_end = octets.n < 20 ? l->next - 1 : end_to_end_of(octets);
	link_send(l, octets);
	if (!receive_answer(l, end_to_end))
		return 0;
	str_u32(link_field(l, "Result-Code"), &code);
	return code;
}

struct str link_field(struct link *l, const char *name)
{
	static struct arena a;
	arena_free(&a);
	return cx_script_field(buf_str(&l->in), str_of(name), &a);
}
