/* Tests of Cx messages inside a process: what the other part gets, what the trace sees, and what
 * faults do.
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <cmocka.h>

#include "common/cx/within.h"
#include "tests/unit/gate_rule.h"

static uv_loop_t loop;
static struct host host;
static struct cx_within within;
static char traced[600], answered[200];
static int served;

static void on_trace(const struct trace_msg *m, void *arg)
{
	size_t n = strlen(traced);
	struct cx_header h;
	struct str avps;
	if (cx_header_parse(m->bytes, &h, &avps))
		return;
	n += (size_t)snprintf(traced + n, sizeof traced - n, "%s %s ", cx_command_name(h.command, h.request),
		m->dir == TRACE_SENT ? "sent by" : "received by");
	snprintf(traced + n, sizeof traced - n, "%s; ", addr_host(&m->local));
}

static void serve(const struct cx_msg *m, struct cx_msg *answer, void *arg)
{
	served++;
	assert_true(str_eq(m->origin_host, STR("hss.example")));
	assert_true(str_eq(m->destination_host, STR("proxy.example")));
	assert_true(str_eq(m->session_id, STR("a;1;1")));
	*answer = (struct cx_msg){.result = CX_RESULT(DIAMETER_SUCCESS), .user_name = m->user_name,
		.auth_items = 1, .has_auth_data = true, .auth_scheme = STR("SIP Digest"),
		.digest_realm = STR("web"), .digest_qop = STR("auth"),
		.digest_ha1 = STR("0123456789abcdef0123456789abcdef")};
}

static void on_answer(int err, const struct cx_msg *m, void *arg)
{
	assert_ptr_equal(arg, &within);
	assert_string_equal(answered, "");
	if (err)
		snprintf(answered, sizeof answered, "%d", err);
	else
		snprintf(answered, sizeof answered, "%s " STR_FMT " " STR_FMT, cx_result_name(m->result),
			STR_ARG(m->user_name), STR_ARG(m->digest_realm));
}

static void ask(const char *expected)
{
	const struct cx_msg mar = {.command = CX_MA, .session_id = STR("a;1;1"),
		.user_name = STR("alice@wwsf.example"), .public_identity = {STR("sip:alice@wwsf.example")},
		.n_public_identity = 1, .auth_items = 1, .has_auth_data = true,
		.auth_scheme = STR("SIP Digest"), .server_name = STR("sip:scscf.example"),
		.wwsf_name = STR("wwsf.example")};
	answered[0] = traced[0] = 0;
	cx_within_ask(&within, &mar, on_answer, &within);
	assert_string_equal(answered, expected);
}

static int setup(void **state)
{
	uv_loop_init(&loop);
	host = (struct host){.name = "hss", .loop = &loop, .clock = clock_new(&loop)};
	host.gate = gate_new(host.clock);
	host.trace = trace_sink(host.clock, "hss", on_trace, NULL);
	within = (struct cx_within){.host = &host, .realm = "example", .asks = "hss.example",
		.answers = "proxy.example", .serve = serve};
	addr_parse(STR("127.0.0.16"), 3868, &within.asks_at);
	addr_parse(STR("127.0.0.18"), 3868, &within.answers_at);
	served = 0;
	return 0;
}

static int teardown(void **state)
{
	gate_forget(host.gate, &within);
	gate_free(host.gate);
	trace_free(host.trace);
	clock_free(host.clock);
	uv_run(&loop, UV_RUN_DEFAULT);
	return uv_loop_close(&loop);
}

static const char good[] = "DIAMETER_SUCCESS alice@wwsf.example web";

static void test_answered(void **state)
{
	ask(good);
	assert_string_equal(traced, "MAR sent by 127.0.0.16; MAR received by 127.0.0.18; "
		"MAA sent by 127.0.0.18; MAA received by 127.0.0.16; ");
	ask(good);
	assert_int_equal(served, 2);
}

static void test_dropped(void **state)
{
	char none[16];
	snprintf(none, sizeof none, "%d", -ETIMEDOUT);
	gate_rule(host.gate, "{\"match\":{\"dir\":\"sent\",\"peer\":\"127.0.0.18\",\"what\":\"Cx MAR\"},\"do\":\"drop\",\"times\":1}");
	ask(none);
	assert_string_equal(traced, "");
	assert_int_equal(served, 0);
	gate_rule(host.gate, "{\"match\":{\"dir\":\"received\",\"what\":\"Cx MAA\"},\"do\":\"drop\",\"times\":1}");
	ask(none);
	assert_int_equal(served, 1);
	assert_non_null(strstr(traced, "MAA received by 127.0.0.16"));
	ask(good);
}

/* What is let go when the exchange is over is nobody's. */
static void test_late(void **state)
{
	char none[16];
	snprintf(none, sizeof none, "%d", -ETIMEDOUT);
	gate_rule(host.gate, "{\"match\":{\"dir\":\"sent\",\"what\":\"Cx MAA\"},\"do\":\"hold\",\"times\":1}");
	ask(none);
	answered[0] = 0;
	assert_int_equal(gate_release(host.gate), 1);
	assert_string_equal(answered, "");
	gate_rule(host.gate, "{\"match\":{\"dir\":\"sent\",\"what\":\"Cx MAA\"},\"do\":\"duplicate\",\"times\":1}");
	ask(good);
}

static void test_changed(void **state)
{
	char bad[16];
	snprintf(bad, sizeof bad, "%d", -EBADMSG);
	gate_rule(host.gate, "{\"match\":{\"dir\":\"sent\",\"what\":\"Cx MAA\"},\"do\":\"set\",\"times\":1,"
	     "\"set\":{\"Result-Code\":5012,\"SIP-Auth-Data-Item\":null}}");
	ask("DIAMETER_UNABLE_TO_COMPLY alice@wwsf.example ");
	gate_rule(host.gate, "{\"match\":{\"dir\":\"sent\",\"what\":\"Cx MAA\"},\"do\":\"replace\",\"times\":1,\"text\":\"x\"}");
	ask(bad);
	/* a request that lacks what it must have */
	gate_rule(host.gate, "{\"match\":{\"dir\":\"sent\",\"what\":\"Cx MAR\"},\"do\":\"set\",\"times\":1,"
	     "\"set\":{\"Server-Name\":null}}");
	ask("DIAMETER_MISSING_AVP  ");
	ask(good);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_answered), T(test_dropped), T(test_late), T(test_changed)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
