/* Registrations of wildcarded identities on W4 (TR 23.701 6.3.2.1.4), at the WAAF as it runs.
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/wait.h>
#include <cmocka.h>

#include "common/crypto/digest.h"
#include "tests/unit/range_rig.h"

#define BLOCKS	     "\"" WEB "\""
#define REFUSED(l)   "imsrig_waaf_registration_refused_total{reason=\"" l "\"}"
#define PROCEDURES   "imsrig_waaf_registration_procedures"
#define REGISTRATIONS "imsrig_waaf_registrations"

static void is_state(const char *wwsf, const char *state)
{
	json_t *row = state_of(wwsf);
	assert_string_equal(json_string_value(json_object_get(row, "state")), state);
	json_decref(row);
}

static void nothing_left(void)
{
	assert_int_equal(counter(PROCEDURES), 0);
	assert_int_equal(counter(REGISTRATIONS), 0);
}

/* ---- registration mode ---- */

static void test_eight_steps(void **state)
{
	char id[80];
	range_open("registration", "", "");
	is_state(WWSF, "none");
	w4(W_WWSF, "POST", "/registrations", ask_for(BLOCKS ", \"" DESK "\"", 600, NULL), 401);
	core_is("Request-URI", "sip:ims.example.org");
	core_is("To.uri", "sip:pilot@ims.example.org");
	core_is("From.uri", "sip:pilot@ims.example.org");
	core_is("Authorization.username", PILOT_IMPI);
	core_is("Authorization.uri", "sip:ims.example.org");
	core_is("Authorization.nonce", "");
	core_is("Authorization.response", "");
	core_is("Authorization.integrity-protected", NULL);
	core_is("Contact.uri", "sip:pilot@waaf.ims.example.org:5061;transport=tls");
	core_is("Expires", "600");
	core_is("Path", NULL);
	core_is("CSeq", "1 REGISTER");
	assert_non_null(strstr(got.fields, "WWW-Authenticate: SIP-Digest realm=\"ims.example.org\", "
					   "nonce=\"n1\", qop=\"auth\", algorithm=MD5\n"));
	json_t *c = json_object_get(got.json, "challenge");
	assert_string_equal(said("error"), "challenge");
	assert_string_equal(json_string_value(json_object_get(c, "nonce")), "n1");
	assert_string_equal(json_string_value(json_object_get(c, "realm")), "ims.example.org");
	assert_string_equal(json_string_value(json_object_get(c, "qop")), "auth");
	assert_string_equal(json_string_value(json_object_get(c, "algorithm")), "MD5");
	assert_string_equal(json_string_value(json_object_get(c, "method")), "REGISTER");
	assert_string_equal(json_string_value(json_object_get(c, "uri")), "sip:ims.example.org");
	is_state(WWSF, "waits for the WWSF's credentials");
	assert_int_equal(counter(REGISTRATIONS), 0);

	w4(W_WWSF, "POST", "/registrations",
		ask_for(BLOCKS ", \"" DESK "\"", 600, CREDENTIALS("n1")), 200);
	core_is("Authorization.response", "00112233445566778899aabbccddeeff");
	core_is("Authorization.nonce", "n1");
	core_is("Authorization.nc", "00000001");
	core_is("Authorization.cnonce", "c0");
	core_is("Authorization.qop", "auth");
	core_is("Authorization.algorithm", "MD5");
	core_is("CSeq", "2 REGISTER");
	assert_string_equal(said("wwsf"), WWSF);
	assert_string_equal(said("impu"), "sip:pilot@ims.example.org");
	assert_string_equal(said("mode"), "registration");
	assert_int_equal(json_array_size(json_object_get(got.json, "block")), 2);
	assert_int_equal(json_integer_value(json_object_get(got.json, "expires")), 600);
	assert_int_equal(strlen(said("id")), 32);
	is_state(WWSF, "registered");

	snprintf(id, sizeof id, "/registrations/%s", said("id"));
	w4(W_WWSF, "GET", id, NULL, 200);
	assert_int_equal(json_array_size(json_object_get(got.json, "block")), 2);
	w4(W_OTHER, "GET", id, NULL, 403);
	refused_with("wrong_wwsf");
	w4(W_WWSF, "GET", "/registrations/00", NULL, 404);
	refused_with("not_found");
	w4(W_OTHER, "DELETE", id, NULL, 403);

	world.core.status = 200; /* the link is bound now: nobody is challenged */
	w4(W_WWSF, "DELETE", id, NULL, 204);
	core_is("Expires", "0");
	core_is("CSeq", "3 REGISTER");
	is_state(WWSF, "ended");
	w4(W_WWSF, "GET", id, NULL, 410);
	refused_with("gone");
	w4(W_WWSF, "DELETE", id, NULL, 410);
	nothing_left();
	assert_true(logged("audit: registration POST wwsf=" WWSF " impi=" PILOT_IMPI));
	assert_false(logged("00112233445566778899aabbccddeeff"));
	range_close();
}

/* A refresh is another POST; over a bound link it may be answered at once. */
static void test_refresh(void **state)
{
	char id[80];
	range_open("registration", "", "");
	snprintf(id, sizeof id, "%s", w4_registers(BLOCKS, 600));
	world_advance(300);
	assert_string_equal(w4_registers(BLOCKS, 600), id);
	assert_int_equal(json_integer_value(json_object_get(got.json, "expires")), 600);
	world_advance(300);
	world.core.status = 200;
	w4(W_WWSF, "POST", "/registrations", ask_for(BLOCKS, 600, NULL), 200);
	assert_string_equal(said("id"), id + strlen("/registrations/"));
	world_advance(590);
	w4(W_WWSF, "GET", id, NULL, 200);
	assert_true(json_integer_value(json_object_get(got.json, "expires")) <= 11);
	world_advance(20);
	is_state(WWSF, "ended");
	w4(W_WWSF, "GET", id, NULL, 410);
	nothing_left();
	range_close();
}

/* The registrar may grant less than was asked, and the WAAF asks for less than it may. */
static void test_expires(void **state)
{
	range_open("registration", "  max-expires: 1200s\n", "");
	world.core.grants = ";x=1";
	w4(W_WWSF, "POST", "/registrations", ask_for(BLOCKS, 59, NULL), 400);
	refused_with("invalid_request");
	assert_int_equal(world.core.got, 0);
	w4(W_WWSF, "POST", "/registrations", ask_for(BLOCKS, 100000, NULL), 401);
	core_is("Expires", "1200");
	world.core.status = 423;
	world.core.fields = "Min-Expires: 3600\r\n";
	w4(W_WWSF, "POST", "/registrations", ask_for(BLOCKS, 600, CREDENTIALS("n1")), 400);
	refused_with("invalid_request");
	range_close();
}

/* ---- who may ask for what, before any SIP ---- */

static void post(enum who who, const char *body, int status, const char *error)
{
	w4(who, "POST", "/registrations", body, status);
	refused_with(error);
}

static void test_who(void **state)
{
	range_open("registration", "", "");
	for (enum who w = W_FOREIGN; w <= W_NOBODY; w++) { /* no TLS */
		w4_begin(w, "POST", "/registrations", ask_for(BLOCKS, 600, NULL));
		rig_until_count(&world.rig, &got.n, 1);
		assert_true(got.err < 0);
	}
	post(W_STRANGER, ask_for(BLOCKS, 600, NULL), 403, "wrong_wwsf");
	post(W_OTHER, ask_for(BLOCKS, 600, NULL), 403, "wrong_wwsf");
	assert_int_equal(world.core.got, 0);
	/* a server's certificate is as good as a client's (step 1) */
	w4(W_SERVER, "POST", "/registrations", ask_for(BLOCKS, 600, NULL), 401);

	json_decref(world_admin("{\"cmd\":\"block\",\"name\":\"" WWSF "\"}"));
	post(W_WWSF, ask_for(BLOCKS, 600, NULL), 403, "refused");
	json_decref(world_admin("{\"cmd\":\"unblock\",\"name\":\"" WWSF "\"}"));
	json_decref(world_admin("{\"cmd\":\"block\",\"wwsf\":\"" WWSF "\"}"));
	post(W_WWSF, ask_for(BLOCKS, 600, NULL), 403, "refused");
	json_decref(world_admin("{\"cmd\":\"unblock\",\"wwsf\":\"" WWSF "\"}"));
	w4(W_WWSF, "POST", "/registrations", ask_for(BLOCKS, 600, NULL), 401);
	range_close();
}

static void test_blocks(void **state)
{
	static const char *const forms[] = {"sip:web@ims.example.org",
		"sip:web!.*@ims.example.org", "sip:web!(a)\\\\1!@ims.example.org",
		"sip:web!(a+)+!@ims.example.org", "sip:web!((a{9}){9}){99}!@ims.example.org",
		"sip:web![!@ims.example.org", "web!.*!", "sip:web%21.*%21@ims.example.org"};
	char block[600], *at;
	range_open("registration", "", "");
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		snprintf(block, sizeof block, "\"%s\"", forms[i]);
		post(W_WWSF, ask_for(block, 600, NULL), 400, "invalid_block");
	}
	at = block + snprintf(block, sizeof block, "\"sip:web!");
	memset(at, 'a', 300);
	snprintf(at + 300, sizeof block - 320, "!@ims.example.org\"");
	post(W_WWSF, ask_for(block, 600, NULL), 400, "invalid_block");
	post(W_WWSF, ask_for("\"" NET "\"", 600, NULL), 403, "block_not_allowed");
	post(W_WWSF, ask_for(BLOCKS ", \"sip:web!.+!@ims.example.org\"", 600, NULL), 403,
		"block_not_allowed");
	post(W_WWSF, ask_for("\"sip:WEB!.*!@ims.example.org\"", 600, NULL), 403,
		"block_not_allowed"); /* a user part has case */
	post(W_WWSF, "{\"wwsf\":\"" WWSF "\",\"block\":[\"" WEB "\"],\"impi\":\"alice@x\","
		     "\"impu\":\"sip:pilot@ims.example.org\"}", 403, "wrong_pilot");
	post(W_WWSF, "{\"wwsf\":\"" WWSF "\",\"block\":[\"" WEB "\"],\"impi\":\"" PILOT_IMPI "\","
		     "\"impu\":\"" WEB "\"}", 403, "wrong_pilot");
	assert_int_equal(world.core.got, 0);
	nothing_left();
	w4(W_WWSF, "POST", "/registrations", ask_for("\"SIP:web!.*!@IMS.example.org\"", 600, NULL),
		401);
	range_close();
}

#define NET_ASK                                                                            \
	"{\"wwsf\":\"" OTHER "\",\"block\":[\"" NET "\"],\"impi\":\"netpilot@other.example\","  \
	"\"impu\":\"sip:netpilot@ims.example.org\"}"
#define WEB2_ASK                                                                           \
	"{\"wwsf\":\"" OTHER "\",\"block\":[\"" WEB2 "\"],\"impi\":\"netpilot@other.example\"," \
	"\"impu\":\"sip:netpilot@ims.example.org\"}"

/* Who asks first has it: two WWSFs with ranges beside and inside each other. */
static void test_neighbours(void **state)
{
	range_open("registration", "", "");
	w4(W_WWSF, "POST", "/registrations", ask_for(BLOCKS, 600, NULL), 401);
	post(W_OTHER, WEB2_ASK, 409, "overlap"); /* it is being registered */
	w4(W_OTHER, "POST", "/registrations", NET_ASK, 401);
	w4(W_WWSF, "POST", "/registrations", ask_for(BLOCKS, 600, CREDENTIALS("n1")), 200);
	post(W_OTHER, WEB2_ASK, 409, "overlap");
	is_state(OTHER, "waits for the WWSF's credentials");
	world_advance(620);
	is_state(OTHER, "none");
	w4(W_OTHER, "POST", "/registrations", WEB2_ASK, 401);
	post(W_WWSF, ask_for(BLOCKS, 600, NULL), 409, "overlap");
	w4(W_WWSF, "POST", "/registrations", ask_for("\"" DESK "\"", 600, NULL), 401);
	range_close();
}

static void test_bodies(void **state)
{
	static const char *const bodies[] = {"", "x", "[]", "{}", "{\"wwsf\":1}",
		"{\"wwsf\":\"" WWSF "\",\"block\":\"" WEB "\",\"impi\":\"a\",\"impu\":\"b\"}",
		"{\"wwsf\":\"" WWSF "\",\"block\":[],\"impi\":\"a\",\"impu\":\"b\"}",
		"{\"wwsf\":\"" WWSF "\",\"block\":[1],\"impi\":\"a\",\"impu\":\"b\"}",
		"{\"wwsf\":\"" WWSF "\",\"block\":[\"" WEB "\"],\"impi\":\"a\\nb\",\"impu\":\"b\"}",
		"{\"wwsf\":\"" WWSF "\",\"wwsf\":\"x\",\"block\":[\"" WEB
		"\"],\"impi\":\"a\",\"impu\":\"b\"}"};
	static const char *const credentials[] = {"1", "null", "{}",
		"{\"nonce\":\"n1\",\"nc\":\"1\",\"cnonce\":\"c\",\"response\":"
		"\"00112233445566778899aabbccddeeff\"}",
		"{\"nonce\":\"n\\\"1\",\"nc\":\"00000001\",\"cnonce\":\"c\",\"response\":"
		"\"00112233445566778899aabbccddeeff\"}",
		"{\"nonce\":\"n1\",\"nc\":\"00000001\",\"cnonce\":\"c\\r\\nX: y\",\"response\":"
		"\"00112233445566778899aabbccddeeff\"}",
		"{\"nonce\":\"n1\",\"nc\":\"00000001\",\"cnonce\":\"c\",\"response\":\"0011\"}"};
	range_open("registration", "  posts-per-10s: 1000\n", "");
	for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
		post(W_WWSF, bodies[i], 400, "invalid_request");
	for (size_t i = 0; i < sizeof credentials / sizeof *credentials; i++)
		post(W_WWSF, ask_for(BLOCKS, 600, credentials[i]), 400, "invalid_request");
	for (int i = -1; i <= 0; i++)
		post(W_WWSF, ask_for(BLOCKS, i, NULL), 400, "invalid_request");
	w4(W_WWSF, "PUT", "/registrations", "{}", 405);
	w4(W_WWSF, "GET", "/registrations/", NULL, 404);
	assert_int_equal(world.core.got, 0);
	nothing_left();
	range_close();
}

static void test_rate(void **state)
{
	range_open("registration", "  posts-per-10s: 3\n", "");
	for (int i = 0; i < 3; i++)
		w4(W_WWSF, "POST", "/registrations", ask_for(BLOCKS, 600, NULL), 401);
	post(W_WWSF, ask_for(BLOCKS, 600, NULL), 429, "too_many_requests");
	assert_non_null(strstr(got.fields, "Retry-After: "));
	w4(W_OTHER, "POST", "/registrations", NET_ASK, 401); /* is not held up by it */
	world_advance(11);
	w4(W_WWSF, "POST", "/registrations", ask_for(BLOCKS, 600, NULL), 401);
	range_close();
}

/* ---- the second POST ---- */

static void test_credentials(void **state)
{
	range_open("registration", "  procedures: 1\n", "");
	post(W_WWSF, ask_for(BLOCKS, 600, CREDENTIALS("n1")), 410, "gone"); /* to what? */
	w4(W_WWSF, "POST", "/registrations", ask_for(BLOCKS, 600, NULL), 401);
	post(W_OTHER, NET_ASK, 429, "too_many_requests"); /* one at a time here */
	post(W_WWSF, ask_for(BLOCKS, 600, CREDENTIALS("n0")), 410, "gone");
	post(W_WWSF, ask_for("\"" DESK "\"", 600, CREDENTIALS("n1")), 410, "gone");
	int got_before = world.core.got;
	w4(W_WWSF, "POST", "/registrations", ask_for(BLOCKS, 600, NULL), 401); /* anew */
	assert_int_equal(world.core.got, got_before + 1);
	assert_int_equal(counter(PROCEDURES), 1);
	w4(W_WWSF, "POST", "/registrations", ask_for(BLOCKS, 600, CREDENTIALS("n1")), 200);

	/* too late: the state is gone after four minutes (N10) */
	w4(W_OTHER, "POST", "/registrations", NET_ASK, 401);
	world_advance(239);
	assert_int_equal(counter(PROCEDURES), 1);
	world_advance(3);
	assert_int_equal(counter(PROCEDURES), 0);
	is_state(OTHER, "none");
	assert_int_equal(counter("imsrig_waaf_registration_challenges_unanswered_total"), 1);
	range_close();
}

static void test_wrong(void **state)
{
	range_open("registration", "", "");
	w4(W_WWSF, "POST", "/registrations", ask_for(BLOCKS, 600, NULL), 401);
	world.core.status = 401; /* another challenge: the answer was wrong */
	post(W_WWSF, ask_for(BLOCKS, 600, CREDENTIALS("n1")), 403, "refused");
	nothing_left();
	world.core.status = 0;
	w4(W_WWSF, "POST", "/registrations", ask_for(BLOCKS, 600, NULL), 401);
	world.core.status = 403;
	post(W_WWSF, ask_for(BLOCKS, 600, CREDENTIALS("n1")), 403, "refused");
	post(W_WWSF, ask_for(BLOCKS, 600, NULL), 403, "refused"); /* the pilot is not known */
	nothing_left();

	world.core.status = 0; /* a wrong refresh leaves what was */
	char id[80];
	snprintf(id, sizeof id, "%s", w4_registers(BLOCKS, 600));
	w4(W_WWSF, "POST", "/registrations", ask_for(BLOCKS, 600, NULL), 401);
	world.core.status = 403;
	post(W_WWSF, ask_for(BLOCKS, 600, CREDENTIALS("n1")), 403, "refused");
	w4(W_WWSF, "GET", id, NULL, 200);
	range_close();
}

/* ---- what the network does ---- */

/* Other registrars offer more than one qop, and other algorithms first. */
static void test_challenges(void **state)
{
	range_open("registration", "", "");
	world.core.status = 401;
	world.core.challenges =
		"WWW-Authenticate: Digest realm=\"r\", nonce=\"a\", qop=\"auth\", algorithm=X\r\n"
		"WWW-Authenticate: Digest realm=\"r\", nonce=\"b\", qop=\"auth-int\", algorithm=MD5\r\n"
		"WWW-Authenticate: Digest realm=\"r\", nonce=\"c\", qop=\"auth-int, auth\"\r\n";
	w4(W_WWSF, "POST", "/registrations", ask_for(BLOCKS, 600, NULL), 401);
	assert_non_null(strstr(got.fields,
		"SIP-Digest realm=\"r\", nonce=\"c\", qop=\"auth\", algorithm=MD5\n"));
	world.core.challenges = "WWW-Authenticate: Digest realm=\"r\", nonce=\"b\", qop=\"auth-int\"\r\n";
	post(W_WWSF, ask_for(BLOCKS, 600, NULL), 502, "unreachable");
	nothing_left();
	range_close();
}

static void test_network(void **state)
{
	static const struct {
		int sip, w4;
		const char *error, *fields, *retry;
	} rows[] = {
		{500, 502, "unreachable", "", "Retry-After: 30\n"},
		{503, 502, "unreachable", "Retry-After: 7\r\n", "Retry-After: 7\n"},
		{480, 502, "unreachable", "Retry-After: 99999\r\n", "Retry-After: 30\n"},
		{600, 502, "unreachable", "", "Retry-After: 30\n"},
		{504, 504, "no_answer", "", "Retry-After: 30\n"},
		{408, 504, "no_answer", "Retry-After: x\r\n", "Retry-After: 30\n"},
		{404, 403, "refused", "", ""},
		{400, 502, "unreachable", "", "Retry-After: 30\n"},
		{302, 502, "unreachable", "", "Retry-After: 30\n"},
	};
	range_open("registration", "  posts-per-10s: 1000\n", "");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		for (int step = 2; step <= 6; step += 4) {
			world.core.status = 0;
			if (step == 6)
				w4(W_WWSF, "POST", "/registrations", ask_for(BLOCKS, 600, NULL),
					401);
			world.core.status = rows[i].sip;
			world.core.fields = rows[i].fields;
			post(W_WWSF,
				ask_for(BLOCKS, 600, step == 6 ? CREDENTIALS("n1") : NULL),
				rows[i].w4, rows[i].error);
			assert_non_null(strstr(got.fields, rows[i].retry));
			nothing_left();
		}
	range_close();
}

static bool has_come(void *arg)
{
	return world.core.got >= *(int *)arg;
}

/* Lost in the middle: the P-CSCF or what is behind it says nothing. */
static void test_silence(void **state)
{
	int want = 1;
	range_open("registration", "", "");
	world.core.status = -1;
	w4_begin(W_WWSF, "POST", "/registrations", ask_for(BLOCKS, 600, NULL));
	rig_until(&world.rig, has_come, &want);
	is_state(WWSF, "waits for the network's challenge");
	world_advance(5);
	w4_end(504);
	refused_with("no_answer");
	assert_non_null(strstr(got.fields, "Retry-After: 30\n"));
	nothing_left();

	world.core.status = 0;
	w4(W_WWSF, "POST", "/registrations", ask_for(BLOCKS, 600, NULL), 401);
	world.core.status = -1;
	want = world.core.got + 1;
	w4_begin(W_WWSF, "POST", "/registrations", ask_for(BLOCKS, 600, CREDENTIALS("n1")));
	rig_until(&world.rig, has_come, &want);
	is_state(WWSF, "waits for the network's verdict");
	w4(W_SERVER, "POST", "/registrations", ask_for(BLOCKS, 600, NULL), 429);
	refused_with("in_progress");
	assert_int_equal(got.n, 1); /* the first one waits */
	want = world.core.got + 1;
	world_advance(5);
	rig_until(&world.rig, has_come, &want);
	core_is("Expires", "0"); /* the network may have registered the pilot for nobody */
	is_state(WWSF, "deregisters the pilot again");
	w4(W_WWSF, "POST", "/registrations", ask_for(BLOCKS, 600, NULL), 429);
	refused_with("in_progress");
	world_advance(5);
	nothing_left();
	world.core.status = 0;
	w4_registers(BLOCKS, 600); /* it begins anew */
	range_close();
}

/* A refresh that nobody answers takes nothing from what stands. */
static void test_silent_refresh(void **state)
{
	int want;
	range_open("registration", "", "");
	w4_registers(BLOCKS, 600);
	w4(W_WWSF, "POST", "/registrations", ask_for(BLOCKS, 600, NULL), 401);
	world.core.status = -1;
	want = world.core.got + 1;
	w4_begin(W_WWSF, "POST", "/registrations", ask_for(BLOCKS, 600, CREDENTIALS("n1")));
	rig_until(&world.rig, has_come, &want);
	world_advance(5);
	w4_end(504);
	refused_with("no_answer");
	is_state(WWSF, "registered");
	assert_int_equal(world.core.got, want);
	range_close();
}

static void test_unreachable(void **state)
{
	range_open("registration", "", "");
	sip_stack_close(world.core.stack);
	rig_run(&world.rig, 20);
	post(W_WWSF, ask_for(BLOCKS, 600, NULL), 502, "unreachable");
	assert_non_null(strstr(got.fields, "Retry-After: 30\n"));
	nothing_left();
	core_open(EDGE, true);
	w4_registers(BLOCKS, 600);
	range_close();
}

/* The pilot's set lacks the block (N8): deregistered again, and nothing stays. */
static void test_not_in_set(void **state)
{
	range_open("registration", "", "");
	world.core.associated = "<" DESK ">";
	w4(W_WWSF, "POST", "/registrations", ask_for(BLOCKS, 600, NULL), 401);
	world.core.status = 200;
	int before = world.core.got;
	post(W_WWSF, ask_for(BLOCKS, 600, CREDENTIALS("n1")), 403, "not_in_set");
	assert_int_equal(world.core.got, before + 2);
	core_is("Expires", "0");
	core_is("To.uri", "sip:pilot@ims.example.org");
	nothing_left();
	is_state(WWSF, "none");
	w4(W_WWSF, "POST", "/registrations", ask_for("\"" DESK "\"", 600, NULL), 200);

	world.core.associated = NULL; /* a refresh that finds its block gone ends what was */
	before = world.core.got;
	post(W_WWSF, ask_for("\"" DESK "\"", 600, NULL), 403, "not_in_set");
	assert_int_equal(world.core.got, before + 2);
	nothing_left();
	is_state(WWSF, "ended");
	range_close();
}

/* A withdrawal over a link that is not bound is challenged like any REGISTER. */
static void test_withdraw(void **state)
{
	char id[80];
	range_open("registration", "", "");
	snprintf(id, sizeof id, "%s", w4_registers(BLOCKS, 600));
	w4(W_WWSF, "DELETE", id, NULL, 401);
	assert_non_null(strstr(got.fields, "WWW-Authenticate: SIP-Digest "));
	w4(W_WWSF, "GET", id, NULL, 200);
	w4(W_WWSF, "DELETE", id, "{\"credentials\":1}", 400);
	w4(W_WWSF, "DELETE", id, "{\"credentials\":" CREDENTIALS("n1") "}", 204);
	core_is("Expires", "0");
	core_is("Authorization.nonce", "n1");
	nothing_left();

	snprintf(id, sizeof id, "%s", w4_registers(BLOCKS, 600));
	world.core.status = 500;
	w4(W_WWSF, "DELETE", id, NULL, 502); /* nothing has changed */
	w4(W_WWSF, "GET", id, NULL, 200);
	world.core.status = 481; /* what is to end is not there any more */
	w4(W_WWSF, "DELETE", id, NULL, 204);
	nothing_left();
	range_close();
}

/* ---- restart and reset ---- */

static void test_restart(void **state)
{
	char id[80];
	range_open("registration", "", "");
	snprintf(id, sizeof id, "%s", w4_registers(BLOCKS, 600));
	w4(W_OTHER, "POST", "/registrations", NET_ASK, 401);
	range_restart();
	w4(W_WWSF, "GET", id, NULL, 200);
	assert_true(json_integer_value(json_object_get(got.json, "expires")) > 500);
	is_state(WWSF, "registered");
	is_state(OTHER, "none");
	post(W_OTHER, WEB2_ASK, 409, "overlap");
	world_advance(610);
	is_state(WWSF, "ended");
	nothing_left();
	range_restart();
	w4(W_WWSF, "GET", id, NULL, 404);
	w4_registers(BLOCKS, 600);
	json_decref(world_admin("{\"cmd\":\"reset\"}"));
	nothing_left();
	is_state(WWSF, "none");
	rig_run(&world.rig, 20);
	range_restart();
	is_state(WWSF, "none");
	range_close();
}

static void change_rows(const char *sql)
{
	sqlite3 *db;
	assert_int_equal(sqlite3_open(rig_file(&world.rig, "waaf.db"), &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void start_changed(const char *sql)
{
	world_stop();
	change_rows(sql);
	range_restart();
}

/* What can't be stored is not said to be registered, or withdrawn. */
static void test_store(void **state)
{
	char id[80];
	range_open("registration", "", "");
	start_changed("CREATE TRIGGER full BEFORE INSERT ON registration"
		      " BEGIN SELECT RAISE(ABORT, 'full'); END");
	w4(W_WWSF, "POST", "/registrations", ask_for(BLOCKS, 600, NULL), 401);
	w4(W_WWSF, "POST", "/registrations", ask_for(BLOCKS, 600, CREDENTIALS("n1")), 500);
	refused_with("server_error");
	start_changed("DROP TRIGGER full");
	is_state(WWSF, "none");
	snprintf(id, sizeof id, "%s", w4_registers(BLOCKS, 600));
	start_changed("CREATE TRIGGER full BEFORE DELETE ON registration"
		      " BEGIN SELECT RAISE(ABORT, 'full'); END");
	w4(W_WWSF, "DELETE", id, NULL, 401);
	w4(W_WWSF, "DELETE", id, "{\"credentials\":" CREDENTIALS("n1") "}", 500);
	refused_with("server_error");
	range_close();
}

/* A file that can't be read is not an empty one. */
static void test_damaged(void **state)
{
	int status = 0;
	range_open("registration", "", "");
	w4_registers(BLOCKS, 600);
	world_stop();
	change_rows("PRAGMA journal_mode = DELETE");
	FILE *f = fopen(rig_file(&world.rig, "waaf.db"), "r+");
	assert_int_equal(fseek(f, 4096, SEEK_SET), 0); /* behind the schema: the tables */
	for (int i = 0; i < 8192; i++)
		fputc(0x5a, f);
	fclose(f);
	world_write("log", "");
	pid_t pid = world_spawn("waaf", "config.yaml");
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status));
	assert_true(logged("can't be read; move it away"));
	range_close();
}

/* A procedure is under way at the end. */
static void test_stop(void **state)
{
	int want = 1;
	range_open("registration", "", "");
	world.core.status = -1;
	w4_begin(W_WWSF, "POST", "/registrations", ask_for(BLOCKS, 600, NULL));
	rig_until(&world.rig, has_come, &want);
	json_decref(world_admin("{\"cmd\":\"reset\"}"));
	w4_end(503);
	nothing_left();
	rig_run(&world.rig, 20); /* the reset ended the connection */
	want = world.core.got + 1;
	w4_begin(W_WWSF, "POST", "/registrations", ask_for(BLOCKS, 600, NULL));
	rig_until(&world.rig, has_come, &want);
	world_stop();
	rig_until_count(&world.rig, &got.n, 1);
	range_close();
}

/* ---- static mode ---- */

static const char *answer_to(const char *ha1)
{
	static char text[400];
	json_t *c = json_object_get(got.json, "challenge");
	const char *nonce = json_string_value(json_object_get(c, "nonce"));
	char response[DIGEST_HEX_MAX];
	digest_response(DIGEST_MD5, str_of(ha1), STR("REGISTER"), STR("sip:ims.example.org"),
		str_of(nonce), STR("00000001"), STR("c0"), STR("auth"), response);
	snprintf(text, sizeof text,
		"{\"nonce\":\"%s\",\"nc\":\"00000001\",\"cnonce\":\"c0\",\"response\":\"%s\"}", nonce,
		response);
	return text;
}

static void test_static(void **state)
{
	char id[80], first[400];
	range_open("static", "", "");
	is_state(WWSF, "none");
	w4(W_WWSF, "POST", "/registrations", ask_for(BLOCKS, 600, NULL), 401);
	assert_non_null(strstr(got.fields, "WWW-Authenticate: SIP-Digest realm=\"ims.example.org\""));
	snprintf(first, sizeof first, "%s", answer_to(HA1));
	w4(W_WWSF, "POST", "/registrations", ask_for(BLOCKS, 600, first), 200);
	assert_string_equal(said("mode"), "static");
	snprintf(id, sizeof id, "/registrations/%s", said("id"));
	post(W_WWSF, ask_for(BLOCKS, 600, first), 410, "gone"); /* good once */

	w4(W_WWSF, "POST", "/registrations", ask_for(BLOCKS, 600, NULL), 401);
	snprintf(first, sizeof first, "%s", answer_to("00000000000000000000000000000000"));
	post(W_WWSF, ask_for(BLOCKS, 600, first), 403, "refused");
	w4(W_WWSF, "GET", id, NULL, 200);
	w4(W_WWSF, "DELETE", id, NULL, 204);
	w4(W_WWSF, "GET", id, NULL, 410);
	assert_int_equal(world.core.got, 0); /* no SIP at all */
	nothing_left();
	range_close();
}

/* ---- the tables, and what is refused at start ---- */

static void test_configuration(void **state)
{
	static const char *const rows[][4] = { /* from, to, what is said; in one mode alone */
		{"mode: registration, ", "mode: registration, ha1: " HA1 ", ", "have no place here"},
		{"mode: static, ", "", "mode"},
		{", ha1: " HA1 ", realm: ims.example.org", "", "needs ha1 and realm"},
		{"ha1: " HA1, "ha1: 00", "no MD5"},
		{"ha1: " HA1, "ha1: {file: /nowhere}", "/nowhere: can't be read"},
		{"ha1: " HA1, "ha1: {file: /dev/null}", "no MD5"},
		{"\"" WEB "\"", "\"sip:web!(a+)+!@ims.example.org\"", "blocks"},
		{"\"" WEB "\"", "\"" DESK "\"", "twice"},
		{"[\"" NET "\"]", "[\"" WEB2 "\"]", "overlaps"},
		{"impu: \"sip:pilot@ims.example.org\"", "impu: \"" WEB "\"", "no distinct"},
		{"wwsf: other.example, mode", "wwsf: " WWSF ", mode", "twice"},
		{"ca.pem}\nlimits", "ca.pem, border: ibcf}\nlimits", "behind an IBCF"},
		{"auth: [wildcard]}, {origin", "auth: [wildcard, token]}, {origin", "stands alone"},
		{"auth: [wildcard]}, {origin", "auth: [token]}, {origin", "behind an IBCF",
			"static"},
		{"wwsf: " OTHER ", auth", "wwsf: third.example, auth", "registrations.wwsfs"},
	};
	world_open();
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		for (int k = 0; k < 2; k++) {
			struct buf b = {0}, changed = {0};
			int status = 0;
			range_config(&b, k ? "static" : "registration", "", "");
			struct str text = {buf_z(&b), b.n}, find = str_of(rows[i][0]);
			ptrdiff_t at = str_find(text, find);
			if (at >= 0 && (!rows[i][3] || k)) {
				buf_put(&changed, text.p, (size_t)at);
				buf_add(&changed, str_of(rows[i][1]));
				buf_add(&changed, str_skip(text, (size_t)at + find.n));
				world_write("log", "");
				world_write("config.yaml", buf_z(&changed));
				pid_t pid = world_spawn("waaf", "config.yaml");
				assert_int_equal(waitpid(pid, &status, 0), pid);
				if (!WIFEXITED(status) || WEXITSTATUS(status) != 4 ||
					!logged(rows[i][2]))
					fail_msg("row %zu, %s: not refused with \"%s\"", i,
						k ? "static" : "registration", rows[i][2]);
			}
			buf_free(&b);
			buf_free(&changed);
		}
	issuer_free();
	tls_free(world.client_tls);
	rig_close(&world.rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_eight_steps),
		cmocka_unit_test(test_refresh),
		cmocka_unit_test(test_expires),
		cmocka_unit_test(test_who),
		cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_neighbours),
		cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_credentials),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_challenges),
		cmocka_unit_test(test_network),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_silent_refresh),
		cmocka_unit_test(test_unreachable),
		cmocka_unit_test(test_not_in_set),
		cmocka_unit_test(test_withdraw),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_store),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_static),
		cmocka_unit_test(test_configuration),
	};
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
