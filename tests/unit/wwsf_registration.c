/* The WWSF on W4: it has its wildcarded identity registered (TR 23.701 6.3.2.1.4, steps 1 and
 * 5), refreshed, withdrawn; a WAAF that refuses, is away, forgets, or talks nonsense.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/wwsf_rig.h"
#include "wwsf/registration.h"

#define CHALLENGE_OF(nonce)                                                            \
	"{\"error\":\"challenge\",\"challenge\":{\"realm\":\"ims.example.org\",\"nonce\":\"" nonce \
	"\",\"qop\":\"auth\",\"algorithm\":\"MD5\",\"method\":\"REGISTER\",\"uri\":\"sip:ims.example.org\"}}"
#define CHALLENGE CHALLENGE_OF("n0nce")
#define GRANTED                                                                        \
	"{\"id\":\"r-1\",\"wwsf\":\"wwsf.ims.example.org\",\"block\":[\"sip:web!.*!@ims.example.org\"]," \
	"\"impu\":\"sip:pilot@ims.example.org\",\"expires\":1000,\"mode\":\"registration\"}"

/* ---- the WAAF ---- */

struct said {
	int status;                    /* 0: silent */
	const char *body, *fields;
};
static struct {
	struct tls *tls;
	struct http_server *server;
	const struct said *says;       /* one a request; the last one stays */
	size_t n_says;
	int got;
	char method[16], target[128], peer[128];
	json_t *body;                  /* of the last request */
	struct http_req *held;
} waaf;

static void on_request(struct http_req *req, void *arg)
{
	const struct http_msg *m = http_req_msg(req);
	size_t at = (size_t)waaf.got < waaf.n_says ? (size_t)waaf.got : waaf.n_says - 1;
	const struct said *s = &waaf.says[at];

	waaf.got++;
	str_copy(m->method, waaf.method, sizeof waaf.method);
	str_copy(m->target, waaf.target, sizeof waaf.target);
	str_copy(stream_peer_name(http_req_stream(req)), waaf.peer, sizeof waaf.peer);
	json_decref(waaf.body);
	waaf.body = m->body.n ? json_loadb(m->body.p, m->body.n, 0, NULL) : NULL;
	if (s->status)
		http_answer(req, s->status, s->fields ? str_of(s->fields)
						      : STR("Content-Type: application/json\r\n"),
			str_of(s->body));
	else
		waaf.held = req;
}

static void waaf_listen(const struct said *says, size_t n)
{
	static const struct http_route routes[] = {{NULL, "/registrations*", on_request}, {0}};
	struct http_server_conf conf = {.listen = rig_addr("127.39.1.11:8446"), .routes = routes};

	waaf.says = says;
	waaf.n_says = n;
	waaf.tls = rig_tls(&world.rig, true, "waaf", "ca.pem", true);
	conf.tls = waaf.tls;
	assert_int_equal(http_serve(&world.rig.host, &conf, &waaf.server), 0);
}

static void now_says(const struct said *says, size_t n)
{
	waaf.says = says;
	waaf.n_says = n;
	waaf.got = 0;
}
#define LISTEN(...) waaf_listen((const struct said[]){__VA_ARGS__}, \
	sizeof(struct said[]){__VA_ARGS__} / sizeof(struct said))
#define SAYS(...) now_says((const struct said[]){__VA_ARGS__}, \
	sizeof(struct said[]){__VA_ARGS__} / sizeof(struct said))

static int close_world(void **state)
{
	world_stop();
	if (waaf.server)
		http_server_close(waaf.server);
	if (waaf.held)
		http_answer(waaf.held, 503, STR(""), STR(""));
	json_decref(waaf.body);
	tls_free(waaf.tls);
	memset(&waaf, 0, sizeof waaf);
	return world_close(state);
}

static void start_with(const char *password, const char *more)
{
	char extra[1400];
	struct rig *r = &world.rig;
	snprintf(extra, sizeof extra,
		"registration: {url: \"https://waaf.ims.example.org:8446\", impi: pilot@wwsf.ims.example.org, "
		"impu: \"sip:pilot@ims.example.org\", %s, block: "
		"[\"sip:web!.*!@ims.example.org\"], expires: 1000s, ca: \"%s\", cert: \"%s\", key: \"%s\", "
		"timeout: 5s%s}\n",
		password, rig_file(r, "ca.pem"), rig_file(r, "wwsf.pem"), rig_file(r, "wwsf-key.pem"), more);
	world_start(extra);
}

static void start(const char *more)
{
	start_with("password: pilot-secret", more);
}

/* ---- what the WWSF says of it ---- */

static const char *state_text(const char *member)
{
	static char out[300];
	json_t *s = registration_state();
	const char *text = json_string_value(json_object_get(s, member));
	snprintf(out, sizeof out, "%s", text ? text : "");
	json_decref(s);
	return out;
}

static bool state_is(void *arg)
{
	return !strcmp(state_text("state"), arg);
}

static void comes_to(const char *state)
{
	rig_until(&world.rig, state_is, (void *)state);
}

/* First the WAAF gives up the kept connection, as it would have long before. */
static void passes(int64_t ms)
{
	world_advance(ms < 61000 ? ms : 61000);
	rig_run(&world.rig, 20);
	if (ms > 61000)
		world_advance(ms - 61000);
}

static void registers(void)
{
	assert_null(registration_begin());
	comes_to("registered");
}

static const char *sent(const char *object, const char *name)
{
	json_t *o = object ? json_object_get(waaf.body, object) : waaf.body;
	const char *text = json_string_value(json_object_get(o, name));
	return text ? text : "";
}

/* ---- steps 1 to 8 ---- */

static void is_right_answer(const char *nonce, const char *nc)
{
	char ha1[DIGEST_HEX_MAX], want[DIGEST_HEX_MAX];
	assert_string_equal(sent("credentials", "nonce"), nonce);
	assert_string_equal(sent("credentials", "nc"), nc);
	assert_int_equal(strlen(sent("credentials", "cnonce")), 32);
	digest_ha1(DIGEST_MD5, STR("pilot@wwsf.ims.example.org"), STR("ims.example.org"),
		STR("pilot-secret"), ha1);
	digest_response(DIGEST_MD5, str_of(ha1), STR("REGISTER"), STR("sip:ims.example.org"),
		str_of(nonce), str_of(nc), str_of(sent("credentials", "cnonce")), STR("auth"), want);
	assert_string_equal(sent("credentials", "response"), want);
}

static void registers_a_block(void **state)
{
	LISTEN({401, CHALLENGE}, {200, GRANTED});
	start("");
	assert_string_equal(state_text("state"), "none");
	assert_null(registration_begin());
	assert_int_equal(wwsf_open(), 1);
	comes_to("answering");
	assert_string_equal(waaf.method, "POST");
	assert_string_equal(waaf.target, "/registrations");
	assert_string_equal(waaf.peer, "wwsf.ims.example.org");
	assert_string_equal(sent(NULL, "wwsf"), "wwsf.ims.example.org");
	assert_string_equal(sent(NULL, "impi"), "pilot@wwsf.ims.example.org");
	assert_string_equal(sent(NULL, "impu"), "sip:pilot@ims.example.org");
	assert_int_equal(json_integer_value(json_object_get(waaf.body, "expires")), 1000);
	assert_int_equal(json_array_size(json_object_get(waaf.body, "block")), 1);
	assert_null(json_object_get(waaf.body, "credentials"));
	comes_to("registered");
	assert_int_equal(wwsf_open(), 0);
	assert_int_equal(waaf.got, 2);
	is_right_answer("n0nce", "00000001");
	char *text = json_dumps(waaf.body, 0);
	assert_null(strstr(text, "pilot-secret"));
	free(text);
	assert_string_equal(state_text("id"), "r-1");
	assert_string_equal(state_text("mode"), "registration");
}

static void reads_the_password_from_a_file(void **state)
{
	char more[200];
	FILE *f = fopen(rig_file(&world.rig, "password"), "w");
	fputs("pilot-secret\r\nanother line\n", f);
	fclose(f);
	snprintf(more, sizeof more, "password: {file: %s}", rig_file(&world.rig, "password"));
	LISTEN({401, CHALLENGE}, {200, GRANTED});
	start_with(more, "");
	registers();
	is_right_answer("n0nce", "00000001");
}

static void begins_at_start(void **state)
{
	LISTEN({401, CHALLENGE}, {200, GRANTED});
	start(", at-start: on");
	comes_to("registered");
	world_reset();
	assert_string_equal(state_text("state"), "none");
}

static void refreshes_at_half_time(void **state)
{
	LISTEN({401, CHALLENGE}, {200, GRANTED}, {401, CHALLENGE}, {200, GRANTED});
	start("");
	registers();
	passes(499000);
	rig_run(&world.rig, 20);
	assert_int_equal(waaf.got, 2);
	passes(2000);
	comes_to("registered");
	rig_until_count(&world.rig, &waaf.got, 4);
	comes_to("registered");
	is_right_answer("n0nce", "00000002"); /* the same nonce once more */
	/* one that is let through without a challenge */
	SAYS({200, GRANTED});
	passes(501000);
	rig_until_count(&world.rig, &waaf.got, 1);
	comes_to("registered");
	assert_null(json_object_get(waaf.body, "credentials"));
}

static void withdraws(void **state)
{
	LISTEN({401, CHALLENGE}, {200, GRANTED}, {204, ""});
	start("");
	registers();
	assert_null(registration_withdraw());
	comes_to("none");
	assert_string_equal(waaf.method, "DELETE");
	assert_string_equal(waaf.target, "/registrations/r-1");
	passes(600000);
	rig_run(&world.rig, 20);
	assert_int_equal(waaf.got, 3);
	assert_null(registration_withdraw()); /* there is none */
	assert_string_equal(state_text("state"), "none");
	/* the WAAF has to prove it to the network */
	SAYS({401, CHALLENGE}, {200, GRANTED}, {401, CHALLENGE_OF("d")}, {204, ""});
	registers();
	assert_null(registration_withdraw());
	comes_to("none");
	assert_string_equal(waaf.method, "DELETE");
	assert_string_equal(waaf.target, "/registrations/r-1");
	is_right_answer("d", "00000001");
	assert_null(json_object_get(waaf.body, "block"));
	assert_int_equal(waaf.got, 4);
	/* while it is being registered, and with a WAAF that fails once */
	SAYS({401, CHALLENGE}, {200, GRANTED}, {503, "{}"}, {404, "{}"});
	assert_null(registration_begin());
	assert_null(registration_withdraw());
	comes_to("waiting");
	passes(1000);
	comes_to("none");
	assert_int_equal(waaf.got, 4);
}

/* ---- what may pass ---- */

static void tries_again(void **state)
{
	LISTEN({503, "{}", "Retry-After: 7\r\n"}, {504, "{\"error\":\"timeout\"}"}, {429, "{}"},
		{500, "no json"}, {302, ""}, {401, CHALLENGE}, {200, GRANTED});
	start("");
	assert_null(registration_begin());
	comes_to("waiting");
	passes(6000);
	rig_run(&world.rig, 20);
	assert_int_equal(waaf.got, 1);
	static const int pauses_s[] = {1, 1, 2, 4, 8}; /* the rest of 7, then later each time */
	for (size_t i = 0; i < sizeof pauses_s / sizeof *pauses_s; i++) {
		assert_string_equal(state_text("state"), "waiting");
		passes(pauses_s[i] * 1000);
		if (i < 4) {
			rig_until_count(&world.rig, &waaf.got, (int)i + 2);
			comes_to("waiting");
		}
	}
	comes_to("registered");
	assert_string_equal(state_text("reason"), "");
}

static void waits_for_a_waaf_that_is_away(void **state)
{
	start(", at-start: on"); /* nobody listens */
	comes_to("waiting");
	LISTEN({0});
	passes(1000);
	rig_until_count(&world.rig, &waaf.got, 1);
	passes(5000); /* and is silent: the time-out */
	comes_to("waiting");
	assert_non_null(strstr(state_text("reason"), "no answer"));
	http_answer(waaf.held, 503, STR(""), STR(""));
	waaf.held = NULL;
	SAYS({401, CHALLENGE}, {200, GRANTED});
	passes(2000);
	comes_to("registered");
}

static void begins_anew_when_it_is_forgotten(void **state)
{
	LISTEN({401, CHALLENGE}, {200, GRANTED});
	start("");
	registers();
	static const int statuses[] = {404, 410};
	for (int i = 0; i < 2; i++) { /* the WAAF was started anew, or has ended it */
		SAYS({statuses[i], "{\"error\":\"gone\"}"}, {401, CHALLENGE_OF("other")}, {200, GRANTED});
		passes(501000);
		comes_to("waiting");
		assert_string_equal(state_text("id"), "");
		passes(1000);
		comes_to("registered");
		is_right_answer("other", i ? "00000002" : "00000001");
	}
	/* a second request that came too late */
	SAYS({401, CHALLENGE}, {410, "{\"error\":\"gone\"}"}, {401, CHALLENGE}, {200, GRANTED});
	passes(501000);
	comes_to("waiting");
	passes(1000);
	comes_to("registered");
	assert_int_equal(waaf.got, 4);
}

static void outlives_a_waaf_that_is_away_for_a_while(void **state)
{
	LISTEN({401, CHALLENGE}, {200, GRANTED}, {502, "{}"});
	start("");
	registers();
	passes(501000);
	comes_to("waiting");
	assert_string_equal(state_text("id"), "r-1"); /* it stands yet */
	passes(500000);
	assert_string_equal(state_text("id"), "");
}

/* ---- refusals ---- */

static void takes_no_for_an_answer(void **state)
{
	static const struct said rows[] = {{400, "{\"error\":\"invalid_block\"}"},
		{403, "{\"error\":\"block_not_allowed\"}"}, {403, "{\"error\":\"wrong_wwsf\"}"},
		{409, "{\"error\":\"overlap\"}"}, {403, "{\"error\":\"<script>\"}"}, {403, "nonsense"},
		{418, ""}};
	char want[64];

	LISTEN({401, CHALLENGE}, {403, "{\"error\":\"refused\"}"});
	start("");
	assert_null(registration_begin());
	comes_to("refused");
	assert_string_equal(state_text("reason"), "the WAAF answers 403 refused");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		now_says(&rows[i], 1);
		assert_null(registration_begin());
		assert_string_equal(state_text("state"), "asking");
		comes_to("refused");
		snprintf(want, sizeof want, "the WAAF answers %d", rows[i].status);
		assert_non_null(strstr(state_text("reason"), want));
		assert_null(strstr(state_text("reason"), "<"));
		passes(400000);
		rig_run(&world.rig, 10);
		assert_int_equal(waaf.got, 1);
	}
	/* challenged, once for a nonce that grew old, and then again and again */
	SAYS({401, CHALLENGE}, {401, CHALLENGE_OF("b")}, {200, GRANTED});
	registers();
	SAYS({401, CHALLENGE}, {401, CHALLENGE_OF("b")}, {401, CHALLENGE_OF("c")});
	assert_null(registration_begin());
	comes_to("refused");
	assert_int_equal(waaf.got, 3);
	assert_non_null(strstr(state_text("reason"), "again"));
	assert_string_equal(state_text("id"), "r-1"); /* the one of before */
}

#define CHALLENGE_IS(members) "{\"error\":\"challenge\",\"challenge\":{" members "}}"
#define REALM "\"realm\":\"r\",\"nonce\":\"n\""
#define REST  ",\"qop\":\"auth\",\"method\":\"REGISTER\",\"uri\":\"sip:ims.example.org\""

static void answers_no_other_challenge(void **state)
{
	static const char *const bad[] = {"{}", "{\"challenge\":7}", "{\"challenge\":[]}",
		CHALLENGE_IS(""), CHALLENGE_IS("\"realm\":\"r\"" REST), CHALLENGE_IS("\"nonce\":\"n\"" REST),
		CHALLENGE_IS("\"realm\":\"\",\"nonce\":\"n\"" REST),
		CHALLENGE_IS("\"realm\":\"r\\\"\",\"nonce\":\"n\"" REST),
		CHALLENGE_IS("\"realm\":\"r\\r\\nX: y\",\"nonce\":\"n\"" REST),
		CHALLENGE_IS("\"realm\":[\"r\"],\"nonce\":\"n\"" REST),
		CHALLENGE_IS(REALM REST ",\"algorithm\":\"MD5-sess\""),
		CHALLENGE_IS(REALM REST ",\"algorithm\":\"AKAv1-MD5\""),
		CHALLENGE_IS(REALM ",\"method\":\"REGISTER\",\"uri\":\"sip:ims.example.org\""),
		CHALLENGE_IS(REALM ",\"qop\":\"auth-int\",\"method\":\"REGISTER\",\"uri\":\"sip:ims.example.org\""),
		/* what another would like to have signed */
		CHALLENGE_IS(REALM ",\"qop\":\"auth\",\"method\":\"INVITE\",\"uri\":\"sip:ims.example.org\""),
		CHALLENGE_IS(REALM ",\"qop\":\"auth\",\"method\":\"REGISTER\",\"uri\":\"sip:bank.example\""),
		CHALLENGE_IS(REALM ",\"qop\":\"auth\",\"method\":\"REGISTER\"")};

	LISTEN({401, "{}"});
	start("");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		SAYS({401, bad[i]});
		assert_null(registration_begin());
		comes_to("refused");
		if (waaf.got != 1)
			fail_msg("%s was answered", bad[i]);
	}
	/* the other algorithm, and an algorithm that is not named */
	SAYS({401, CHALLENGE_IS(REALM REST ",\"algorithm\":\"SHA-256\"")}, {200, GRANTED});
	registers();
	assert_int_equal(strlen(sent("credentials", "response")), 64);
	SAYS({401, CHALLENGE_IS(REALM ",\"qop\":\"auth-int, auth\",\"method\":\"REGISTER\","
		"\"uri\":\"sip:ims.example.org\"")}, {200, GRANTED});
	registers();
	assert_int_equal(strlen(sent("credentials", "response")), 32);
}

static void survives_nonsense(void **state)
{
	static const char *const bad[] = {"", "x", "[]", "7", "{", "{}", "{\"id\":\"a\"}",
		"{\"id\":\"a\",\"id\":\"b\",\"expires\":100}", "{\"id\":\"\",\"expires\":100}",
		"{\"id\":\"a/../b\",\"expires\":100}", "{\"id\":\"..\",\"expires\":100}",
		"{\"id\":\"a b\",\"expires\":100}", "{\"id\":\"a\\u0000\",\"expires\":100}",
		"{\"id\":7,\"expires\":100}", "{\"id\":\"a\",\"expires\":\"100\"}",
		"{\"id\":\"a\",\"expires\":0}", "{\"id\":\"a\",\"expires\":-1}",
		"{\"id\":\"a\",\"expires\":1e9}", "{\"id\":\"a\",\"expires\":9999999999}",
		"{\"id\":\"a\",\"expires\":100,\"x\":[[[[[[1]]]]]]}"};
	char *huge = malloc(70000);

	LISTEN({401, CHALLENGE}, {200, GRANTED});
	start("");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		SAYS({200, bad[i]});
		assert_null(registration_begin());
		comes_to("waiting");
		if (*state_text("id"))
			fail_msg("%s was believed", bad[i]);
		SAYS({401, bad[i]});
		assert_null(registration_begin());
		rig_until_count(&world.rig, &waaf.got, 1);
		rig_run(&world.rig, 5);
		assert_true(state_is("waiting") || state_is("refused"));
	}
	static const size_t sizes[] = {40000, 69999};
	for (size_t i = 0; i < 2; i++) {
		memset(huge, 'a', 70000);
		memcpy(huge, "{\"id\":\"a\",\"expires\":100,\"x\":\"", 29);
		strcpy(huge + sizes[i] - 3, "\"}");
		SAYS({200, huge});
		assert_null(registration_begin());
		comes_to("waiting");
		assert_string_equal(state_text("id"), "");
	}
	free(huge);
	SAYS({401, CHALLENGE}, {200, GRANTED});
	registers();
}

/* ---- life ---- */

static void stops_while_it_waits(void **state)
{
	LISTEN({0});
	start("");
	assert_null(registration_begin());
	rig_until_count(&world.rig, &waaf.got, 1);
	assert_int_equal(wwsf_open(), 1);
	world_stop();
	assert_int_equal(rig_metric("imsrig_wwsf_registration_open"), 0);
}

static void forgets_at_a_reset(void **state)
{
	LISTEN({0}, {401, CHALLENGE}, {200, GRANTED});
	start("");
	assert_null(registration_begin());
	rig_until_count(&world.rig, &waaf.got, 1);
	registration_reset();
	assert_null(registration_begin()); /* waits its turn behind the one that is forgotten */
	http_answer(waaf.held, 200, STR(""), STR("{\"id\":\"old\",\"expires\":100}"));
	waaf.held = NULL;
	comes_to("registered");
	assert_string_equal(state_text("id"), "r-1");
}

static void refuses_configurations(void **state)
{
	static const struct { const char *extra, *why; } rows[] = {
		{"registration: {url: \"http://x\", impi: a, impu: b, password: c, block: [d], ca: e, cert: f, key: g}\n",
			"https"},
		{"registration: {url: \"https://x\", impi: a, impu: b, password: c, block: [], ca: e, cert: f, key: g}\n",
			"block"},
		{"registration: {url: \"https://x\", impi: a, impu: b, block: [d], ca: e, cert: f, key: g}\n",
			"password"},
		{"registration: {url: \"https://x\", impi: a, impu: b, password: {file: /nowhere}, block: [d], ca: e, "
		 "cert: f, key: g}\n", "/nowhere"},
		{"registration: {url: \"https://x\", impi: a, impu: b, password: c, block: [d], ca: e, cert: f, "
		 "key: g}\n", "no address"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *why = world_refuses(rows[i].extra);
		if (!strstr(why, rows[i].why))
			fail_msg("%s: \"%s\"", rows[i].extra, why);
		rig_run(&world.rig, 5);
	}
	world_start("");
	assert_non_null(registration_begin());
	assert_non_null(registration_withdraw());
	assert_null(registration_state());
}

#define T(f) cmocka_unit_test_setup_teardown(f, world_open, close_world)

int main(void)
{
	const struct CMUnitTest tests[] = {T(registers_a_block), T(reads_the_password_from_a_file),
		T(begins_at_start),
		T(refreshes_at_half_time), T(withdraws), T(tries_again), T(waits_for_a_waaf_that_is_away),
		T(begins_anew_when_it_is_forgotten), T(outlives_a_waaf_that_is_away_for_a_while),
		T(takes_no_for_an_answer), T(answers_no_other_challenge), T(survives_nonsense),
		T(stops_while_it_waits), T(forgets_at_a_reset), T(refuses_configurations)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
