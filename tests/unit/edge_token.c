/* Registration by security token at the eP-CSCF as it runs: WICs on one side, an I-CSCF and an
 * issuer played by this test on the others.
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <stdio.h>
#include <cmocka.h>

#include "common/node/admin_client.h"
#include "tests/unit/edge_issuer.h"

static void token_close(void)
{
	issuer_free();
	world_close();
}

/* A REGISTER with these fields is answered so. */
static void registers(struct wic *c, const char *fields, const char *answer)
{
	wic_register(c, fields);
	wic_gets(c, answer);
}

/* ---- the flow of TS 23.228 U.2.1.3 at the eP-CSCF ---- */

static void test_token(void **state)
{
	struct wic c;
	start_tokens("digest, token", "");
	world.core.status = 200;
	wic_open(&c, "alice", "urn:uuid:1");
	registers(&c, bearer_of(token_for("alice"), "alice"), "SIP/2.0 200");
	core_is("Authorization.username", "alice-impi@ims.example.org");
	core_is("Authorization.realm", "ims.example.org");
	core_is("Authorization.uri", "sip:ims.example.org");
	core_is("Authorization.nonce", "");
	core_is("Authorization.response", "");
	core_is("Authorization.integrity-protected", "auth-done");
	core_is("Authorization.authorization-entity", NULL);
	core_is("Authorization.wwsf-entity", NULL);
	core_is("Authorization[2]", NULL);
	core_is("P-Access-Network-Info", NULL);
	core_is("Require", "path");
	assert_true(str_find(world.core.last.bytes, STR("Bearer")) < 0);
	assert_int_equal(issuer.jwks, 1);
	assert_int_equal(issuer.revoked, 1);
	wic_request(&c, "OPTIONS");
	wic_gets(&c, "SIP/2.0 200");
	wic_close(&c);
	token_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_token),
	};
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
