/* Many connections, TLS and plain, on which both ends do at random what an owner may do:
 * each byte that arrives is the next of its flow, each connection is told once that it
 * ends, and in the end nothing is left.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/rig.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/mem.h"

enum { ENDS = 40, STEPS = 4000 };

struct end {
	uint64_t id;           /* 0: free */
	uint32_t sent, got;    /* octets of the flow, each its place modulo 251 */
	bool open;
};

struct chaos {
	struct rig rig;
	struct chance chance;
	struct tls *stls, *ctls;
	struct listener *plain, *secure;
	struct end ends[2 * ENDS];
	int opened, closed, bytes;
};

static struct chaos *the;

static uint32_t dice(uint32_t n)
{
	return chance_u32(&the->chance) % n;
}

static struct end *free_end(void)
{
	for (int i = 0; i < 2 * ENDS; i++)
		if (!the->ends[i].id)
			return &the->ends[i];
	return NULL;
}

static void act(struct end *e);

static void on_data(struct stream *s, struct str bytes, void *arg)
{
	struct end *e = arg;
	assert_true(stream_is_open(s));
	size_t take = dice(4) ? bytes.n : dice((uint32_t)bytes.n + 1);
	for (size_t i = 0; i < take; i++)
		assert_int_equal((uint8_t)bytes.p[i], e->got++ % 251);
	the->bytes += (int)take;
	if (take < bytes.n) {
		stream_unread(s, str_skip(bytes, take));
		stream_pause(s, true); /* else the same comes at once again */
	}
	if (dice(4) == 0)
		act(e);
}

static void on_closed(struct stream *s, int err, const char *why, void *arg)
{
	struct end *e = arg;
	assert_true(e->id == stream_id(s));
	assert_null(stream_find(&the->rig.host, e->id));
	assert_non_null(why);
	the->closed++;
	*e = (struct end){0};
}

static void on_open(struct stream *s, void *arg);
static const struct stream_h client_h = {on_open, on_data, on_closed};

static void on_accept(struct stream *s, void *arg)
{
	struct end *e = free_end();
	if (!e) {
		stream_leave(s);
		return;
	}
	*e = (struct end){.id = stream_id(s), .open = true};
	stream_handlers(s, &client_h, e);
	the->opened++;
	act(e);
}

static const struct stream_h server_h = {on_accept, on_data, on_closed};

static void on_open(struct stream *s, void *arg)
{
	struct end *e = arg;
	e->open = true;
	act(e);
}

static void dial(void)
{
	struct end *e = free_end();
	struct stream *s;
	bool tls = dice(2);
	struct addr local = rig_addr("127.32.3.2"),
		    remote = rig_addr(
			    dice(20) ? tls ? "127.32.3.1:5061" : "127.32.3.1:5060"
				     : "127.32.3.1:5059");
	if (!e || stream_connect(&the->rig.host, &local, &remote, tls ? the->ctls : NULL,
			  dice(10) ? "server.example.org" : "wrong.example.org",
			  &client_h, e, &s))
		return;
	*e = (struct end){.id = stream_id(s)};
	the->opened++;
}

static void write_some(struct stream *s, struct end *e)
{
	static char bytes[40000];
	uint32_t n = dice(8) ? dice(300) : dice(sizeof bytes);
	for (uint32_t i = 0; i < n; i++)
		bytes[i] = (char)((e->sent + i) % 251);
	if (stream_write(s, (struct str){bytes, n}) == 0)
		e->sent += n;
}

static void act(struct end *e)
{
	struct stream *s = stream_find(&the->rig.host, e->id);
	if (!s)
		return;
	switch (dice(16)) {
	case 0:
		stream_close(s);
		break;
	case 1:
		if (dice(4) == 0)
			stream_abort(s);
		break;
	case 2:
		stream_pause(s, true);
		break;
	case 3: case 4: case 5:
		stream_pause(s, false);
		break;
	default:
		write_some(s, e);
	}
}

static void chaos(uint64_t seed)
{
	struct chaos c;
	struct addr plain = rig_addr("127.32.3.1:5060"),
		    secure = rig_addr("127.32.3.1:5061");
	int64_t offset = 0;

	memset(&c, 0, sizeof c);
	the = &c;
	chance_init(&c.chance, seed, "chaos");
	rig_open(&c.rig, "chaos");
	rig_ca(&c.rig);
	rig_cert(&c.rig, "server", "server.example.org", NULL);
	c.stls = rig_tls(&c.rig, true, "server", NULL, false);
	c.ctls = rig_tls(&c.rig, false, NULL, "ca.pem", false);
	assert_int_equal(
		listener_open(&c.rig.host, &plain, NULL, &server_h, NULL, &c.plain), 0);
	assert_int_equal(
		listener_open(&c.rig.host, &secure, c.stls, &server_h, NULL, &c.secure),
		0);
	for (int i = 0; i < STEPS; i++) {
		if (dice(10) == 0)
			dial();
		struct end *e = &c.ends[dice(2 * ENDS)];
		if (e->id)
			act(e);
		if (dice(500) == 0)
			clock_set_offset(c.rig.host.clock, offset += 4000);
		if (dice(3) == 0)
			uv_run(&c.rig.loop, UV_RUN_NOWAIT);
	}
	listener_close(c.plain);
	listener_close(c.secure);
	for (int i = 0; i < 2 * ENDS; i++) {
		struct stream *s = stream_find(&c.rig.host, c.ends[i].id);
		if (s)
			stream_abort(s);
	}
	rig_run(&c.rig, 20);
	clock_set_offset(c.rig.host.clock, offset + 20000);
	tls_free(c.stls);
	tls_free(c.ctls);
	rig_close(&c.rig);
	assert_int_equal(c.opened, c.closed);
	assert_true(c.opened > 50 && c.bytes > 10000);
	assert_int_equal(rig_metric("imsrig_streams_open"), 0);
}

static void test_chaos(void **state)
{
	uint64_t from =
		getenv("CHAOS_SEED") ? strtoull(getenv("CHAOS_SEED"), NULL, 10) : 1;
	uint64_t n =
		getenv("CHAOS_ROUNDS") ? strtoull(getenv("CHAOS_ROUNDS"), NULL, 10) : 5;
	for (uint64_t seed = from; seed < from + n; seed++) {
		if (n > 5)
			print_message("seed %llu\n", (unsigned long long)seed);
		chaos(seed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_chaos)};
	log_setup(&(struct log_conf){.level = getenv("VERBOSE") ? LOG_DEBUG : LOG_ERROR,
		.node = "chaos"});
	return cmocka_run_group_tests(tests, NULL, NULL);
}
