/* The 49 messages of RFC 4475 sent to a running eP-CSCF: over UDP and TCP as its WAAF, whose
 * word it takes, and inside WebSockets as a WIC. What must be answered stands in
 * tests/data/rfc4475/verdicts.tsv; after each message the element still serves.
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/node/admin_client.h"
#include "common/sip/stack.h"
#include "tests/unit/rfc4475_table.h"
#include "tests/unit/rig.h"

#define EDGE   "127.40.0.12"
#define ICSCF  "127.40.0.13"
#define PEER   "127.40.0.11"
#define ORIGIN "https://wwsf.example.com"

enum { ANSWER_MS = 500 };

static struct {
	struct rig rig;
	struct arena arena;
	struct udp *udp[3];            /* where Via may send the answers */
	struct sip_stack *icscf;
	struct tls *tls;
	pid_t pid;
	struct rfc4475_row rows[RFC4475_N];
	/* of the message under test */
	const char *call_id;           /* NULL: it has none */
	int status;                    /* first final answer */
	bool probed;                   /* the OPTIONS behind it was answered 200 */
	int probe, wrong;
} world;

/* ---- what comes back ---- */

static void take(struct str bytes)
{
	struct arena a = {0};
	struct sip_msg m;
	struct sip_fault fault;
	/* An answer to a message without To, From or Call-ID lacks them, too. */
	sip_msg_parse(&m, bytes, &a, &fault);
	struct str id = sip_value(&m, SIP_H_CALL_ID);
	if (!m.request && m.status >= 200) {
		char probe[32];
		snprintf(probe, sizeof probe, "probe%d", world.probe);
		if (str_eq(id, str_of(probe)))
			world.probed |= m.status == 200;
		else if (!world.status && (!world.call_id || str_eq(id, str_of(world.call_id))))
			world.status = m.status;
	}
	arena_free(&a);
}

static void on_datagram(struct udp *u, const struct addr *from, struct str bytes, void *arg)
{
	take(bytes);
}

static bool is_probed(void *arg)
{
	return world.probed;
}

/* ---- the other elements ---- */

static void on_register(struct sip_req *req, void *arg)
{
	sip_answer(req, 401, NULL,
		STR("WWW-Authenticate: Digest realm=\"example.com\", nonce=\"n\"\r\n"));
}

static void open_icscf(void)
{
	static const struct sip_stack_h h = {.request = on_register};
	struct addr at = rig_addr(ICSCF);
	addr_set_port(&at, 5060);
	assert_int_equal(sip_stack_new(&world.rig.host, NULL, &h, NULL, &world.icscf), 0);
	assert_true(sip_listen(world.icscf, SIP_UDP, &at, NULL, false) >= 0);
	assert_true(sip_listen(world.icscf, SIP_TCP, &at, NULL, false) >= 0);
}

static void spawn(void)
{
	FILE *f = fopen(rig_file(&world.rig, "config.yaml"), "w");
	assert_non_null(f);
	/* t1: no answer is repeated while the test lasts */
	fprintf(f,
		"node: {name: epcscf, run-dir: %s, names: [{name: icscf.example.com, addr: " ICSCF
		"}]}\nname: epcscf.example.com\nrealm: example.com\n"
		"sip: {listen: \"" EDGE ":5060\", t1: 30s}\nicscf: icscf.example.com\n"
		"wss: {listen: \"" EDGE ":8443\", cert: %s, key: %s}\n"
		"origins: [{origin: \"" ORIGIN "\"}]\n"
		"waafs: [{name: waaf.example.com, addr: " PEER ", plain: true}]\n"
		"limits: {handshakes-per-second: 1000}\n",
		world.rig.dir, rig_file(&world.rig, "epcscf.pem"),
		rig_file(&world.rig, "epcscf-key.pem"));
	assert_int_equal(fclose(f), 0);
	world.pid = fork();
	assert_true(world.pid >= 0);
	if (world.pid)
		return;
	if (!freopen(rig_file(&world.rig, "log"), "a", stderr))
		_exit(126);
	execl(BIN_DIR "/epcscf", "epcscf", "--config", rig_file(&world.rig, "config.yaml"),
		(char *)NULL);
	_exit(127);
}

static struct addr edge(uint16_t port)
{
	struct addr a = rig_addr(EDGE);
	addr_set_port(&a, port);
	return a;
}

static struct str probe_text(const char *transport)
{
	return arena_fmt(&world.arena,
		"OPTIONS sip:epcscf.example.com SIP/2.0\r\nVia: SIP/2.0/%s " PEER
		";branch=z9hG4bKprobe%d\r\nFrom: <sip:waaf@example.com>;tag=1\r\n"
		"To: <sip:epcscf@example.com>\r\nCall-ID: probe%d\r\nCSeq: 1 OPTIONS\r\n"
		"Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
		transport, world.probe, world.probe);
}

/* The element lives: asked once, answered within 5 s. */
static void probe(void)
{
	struct addr to = edge(5060);
	world.probe++;
	world.probed = false;
	udp_send(world.udp[0], &to, probe_text("UDP"));
	rig_until(&world.rig, is_probed, NULL);
}

static int setup(void **state)
{
	static const uint16_t ports[] = {5060, 5061, 5050};
	memset(&world, 0, sizeof world);
	rig_open(&world.rig, "test");
	rig_ca(&world.rig);
	rig_cert(&world.rig, "epcscf", "epcscf.example.com", EDGE);
	world.tls = rig_tls(&world.rig, false, NULL, "ca.pem", false);
	rfc4475_rows(world.rows, &world.arena);
	open_icscf();
	for (size_t i = 0; i < 3; i++) {
		struct addr at = rig_addr(PEER);
		addr_set_port(&at, ports[i]);
		assert_int_equal(udp_open(&world.rig.host, &at, on_datagram, NULL, &world.udp[i]), 0);
	}
	spawn();
	for (int i = 0; i < 100 && !world.probed; i++) {
		struct addr to = edge(5060);
		udp_send(world.udp[0], &to, probe_text("UDP"));
		rig_run(&world.rig, 20);
		world.probe++;
	}
	probe();
	return 0;
}

static int teardown(void **state)
{
	int status = 0;
	kill(world.pid, SIGTERM);
	assert_int_equal(waitpid(world.pid, &status, 0), world.pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		fail_msg("the element ended with status %x", (unsigned)status);
	for (size_t i = 0; i < 3; i++)
		udp_close(world.udp[i]);
	sip_stack_close(world.icscf);
	tls_free(world.tls);
	arena_free(&world.arena);
	rig_close(&world.rig);
	return 0;
}

/* ---- one message ---- */

/* Some of the messages share branches: without a reset they would repeat each other. */
static void reset(void)
{
	json_t *command = json_pack("{s:s}", "cmd", "reset"), *answer;
	char why[256];
	assert_int_equal(admin_once(rig_file(&world.rig, "epcscf.sock"), command, 5000, &answer, why), 0);
	json_decref(answer);
	json_decref(command);
}

static struct str begin(const struct rfc4475_row *row)
{
	reset();
	struct sip_msg m;
	struct sip_fault fault;
	struct str bytes = rfc4475_load(row->file, &world.arena);
	sip_msg_parse(&m, bytes, &world.arena, &fault);
	struct str id = sip_value(&m, SIP_H_CALL_ID);
	world.call_id = id.n ? arena_str(&world.arena, id).p : NULL;
	world.status = 0;
	return bytes;
}

/* All that differ are told, not the first alone. */
static void judge(const struct rfc4475_row *row, const char *way, struct str verdict)
{
	int want = rfc4475_status(verdict);
	uint64_t end = clock_real_ns() + ANSWER_MS * 1000000ull;
	while (want && !world.status && clock_real_ns() < end)
		rig_run(&world.rig, 1);
	probe();
	if (world.status == want)
		return;
	print_error(STR_FMT " over %s: expected %d, got %d\n", STR_ARG(row->file), way, want,
		world.status);
	world.wrong++;
}

static void test_udp(void **state)
{
	world.wrong = 0;
	for (int i = 0; i < RFC4475_N; i++) {
		struct addr to = edge(5060);
		udp_send(world.udp[0], &to, begin(&world.rows[i]));
		judge(&world.rows[i], "UDP", world.rows[i].mw);
	}
	assert_int_equal(world.wrong, 0);
}

struct conn {
	struct buf in;
	bool closed;
};

static void on_data(struct stream *s, struct str bytes, void *arg)
{
	struct conn *c = arg;
	size_t crlf;
	ptrdiff_t n;
	buf_add(&c->in, bytes);
	while ((n = sip_msg_frame(buf_str(&c->in), &crlf)) > 0) {
		take((struct str){c->in.p, (size_t)n});
		buf_drop(&c->in, (size_t)n);
	}
}

static void on_stream_closed(struct stream *s, int err, const char *why, void *arg)
{
	struct conn *c = arg;
	c->closed = true;
}

/* On a stream the end of a message is where Content-Length says, so those that are about it
 * have no verdict there. */
static void test_tcp(void **state)
{
	static const struct stream_h h = {.data = on_data, .closed = on_stream_closed};
	world.wrong = 0;
	for (int i = 0; i < RFC4475_N; i++) {
		const struct rfc4475_row *row = &world.rows[i];
		struct addr local = rig_addr(PEER), remote = edge(5060);
		struct conn c = {0};
		struct stream *s;
		struct str bytes = begin(row);
		assert_int_equal(stream_connect(&world.rig.host, &local, &remote, NULL, NULL, &h, &c,
			&s), 0);
		stream_write(s, bytes);
		if (str_eq(row->transport, STR("any")))
			judge(row, "TCP", row->mw);
		else
			probe();
		if (!c.closed)
			stream_abort(s);
		rig_until_set(&world.rig, &c.closed);
		buf_free(&c.in);
	}
	assert_int_equal(world.wrong, 0);
}

struct wic {
	struct ws *ws;
	bool answered, closed;
};

static void on_message(struct ws *w, bool text, struct str bytes, void *arg)
{
	take(bytes);
}

static void on_closed(struct ws *w, int code, const char *why, void *arg)
{
	struct wic *c = arg;
	c->closed = true;
}

static void on_open(struct ws *w, int http_status, const char *why, void *arg)
{
	struct wic *c = arg;
	c->ws = w;
	c->answered = true;
}

static void test_wss(void **state)
{
	static const struct ws_h h = {on_message, on_closed};
	world.wrong = 0;
	for (int i = 0; i < RFC4475_N; i++) {
		const struct rfc4475_row *row = &world.rows[i];
		struct ws_connect_conf conf = {.local = rig_addr(PEER), .remote = edge(8443),
			.tls = world.tls, .path = "/sip", .origin = ORIGIN, .subprotocol = "sip"};
		struct wic c = {0};
		struct str bytes = begin(row);
		assert_int_equal(ws_connect(&world.rig.host, &conf, &h, on_open, &c), 0);
		rig_until_set(&world.rig, &c.answered);
		assert_non_null(c.ws);
		assert_int_equal(ws_send(c.ws, false, bytes), 0);
		judge(row, "WSS", row->wss);
		if (!c.closed)
			ws_close(c.ws, 1000, "");
		rig_until_set(&world.rig, &c.closed);
	}
	assert_int_equal(world.wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_udp),
		cmocka_unit_test(test_tcp),
		cmocka_unit_test(test_wss),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
