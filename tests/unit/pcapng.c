/* The pcapng writer: its blocks, its mode, and that tshark dissects what it holds.
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/base/buf.h"
#include "scenarios/player/pcapng.h"

static char path[] = "/tmp/imsrig-pcapng-XXXXXX";

static const char sip[] =
	"REGISTER sip:x SIP/2.0\r\nVia: SIP/2.0/WSS h.invalid;branch=z9hG4bK1\r\n"
	"Max-Forwards: 70\r\nTo: <sip:a@x>\r\nFrom: <sip:a@x>;tag=1\r\n"
	"Call-ID: c1\r\nCSeq: 1 REGISTER\r\nContent-Length: 0\r\n\r\n";
static const char http[] = "GET /sip HTTP/1.1\r\nHost: e\r\nUpgrade: websocket\r\n\r\n";
/* DWR with Origin-Host and Origin-Realm. */
static const uint8_t diameter[] = {1, 0, 0, 44, 0x80, 0, 1, 24, 0, 0, 0, 0, 0, 0, 0, 1, 0,
	0, 0, 2, 0, 0, 1, 8, 0x40, 0, 0, 11, 'h', 's', 's', 0, 0, 0, 1, 40, 0x40, 0, 0,
	12, 'r', 'e', 'a', 'l'};
static const char ping[] = "PING";

static struct record record(
	enum trace_proto proto, enum trace_via via, const void *p, size_t n)
{
	struct record r = {.proto = proto,
		.via = via,
		.from = "a",
		.to = "b",
		.sent_ns = clock_real_ns(),
		.bytes = {p, n}};
	addr_parse(STR("127.1.0.101:40000"), 0, &r.src);
	addr_parse(STR("127.1.0.12:8443"), 0, &r.dst);
	return r;
}

static void write_all(void)
{
	struct record r[] = {
		record(TRACE_SIP, TRACE_WSS, sip, sizeof sip - 1),
		record(TRACE_HTTP, TRACE_TLS, http, sizeof http - 1),
		record(TRACE_DIAMETER, TRACE_TCP, diameter, sizeof diameter),
		record(TRACE_WS, TRACE_WSS, ping, sizeof ping - 1),
		record(TRACE_SIP, TRACE_UDP, sip, sizeof sip - 1),
	};
	struct pcapng *p;

	addr_parse(STR("[::1]:5060"), 0, &r[4].src);
	addr_parse(STR("[::1]:5061"), 0, &r[4].dst);
	r[4].received_ns = r[4].sent_ns;
	r[4].sent_ns = 0;
	assert_int_equal(pcapng_open(path, &p), 0);
	struct buf packets = {0};
	for (size_t i = 0; i < sizeof r / sizeof *r; i++)
		pcapng_format(p, &r[i], "t/base step 1: a -> b", &packets);
	pcapng_write(p, buf_str(&packets));
	buf_free(&packets);
	assert_int_equal(pcapng_close(p), 0);
}

static struct buf read_file(void)
{
	struct buf b = {0};
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	buf_reserve(&b, 65536);
	b.n = fread(b.p, 1, 65536, f);
	fclose(f);
	return b;
}

static uint32_t u32_at(const struct buf *b, size_t at)
{
	uint32_t v;
	assert_true(at + 4 <= b->n);
	memcpy(&v, b->p + at, 4);
	return v;
}

static void blocks(void **state)
{
	static const uint32_t types[] = {0x0a0d0d0a, 1, 6, 6, 6, 6, 6};
	size_t at = 0, n = 0;
	struct stat st;

	write_all();
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	struct buf b = read_file();
	while (at < b.n) {
		uint32_t len = u32_at(&b, at + 4);
		assert_true(n < sizeof types / sizeof *types);
		assert_int_equal(u32_at(&b, at), types[n]);
		assert_int_equal(len % 4, 0);
		assert_int_equal(u32_at(&b, at + len - 4), len);
		at += len;
		n++;
	}
	assert_int_equal(n, 7);
	assert_true(str_find(buf_str(&b), STR("passwords")) > 0);
	assert_true(str_find(buf_str(&b), STR("imsrig " IMSRIG_VERSION)) > 0);
	assert_true(str_find(buf_str(&b), STR("t/base step 1")) > 0);
	buf_free(&b);
}

static void no_directory(void **state)
{
	struct pcapng *p;
	assert_true(pcapng_open("/tmp/imsrig-none/x", &p) < 0);
}

static void tshark_dissects(void **state)
{
	char command[200], out[4096];
	if (system("command -v tshark >/dev/null 2>&1"))
		skip();
	write_all();
	snprintf(command, sizeof command,
		"tshark -r %s -T fields -E separator='|' -e frame.protocols -e "
		"sip.Method -e "
		"http.request.method -e diameter.cmd.code -e websocket.opcode -e "
		"exported_pdu.src_port 2>/dev/null",
		path);
	FILE *f = popen(command, "r");
	assert_non_null(f);
	out[fread(out, 1, sizeof out - 1, f)] = 0;
	pclose(f);
	assert_non_null(strstr(out, ":sip|REGISTER|"));
	assert_non_null(strstr(out, ":http||GET|"));
	assert_non_null(strstr(out, ":diameter|||280|"));
	assert_non_null(strstr(out, ":websocket||||9|"));
}

static int begin(void **state)
{
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	unlink(path);
	return 0;
}

static int end(void **state)
{
	unlink(path);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks),
		cmocka_unit_test(no_directory),
		cmocka_unit_test(tshark_dissects),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
