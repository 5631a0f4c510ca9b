/* A rig of stand-in elements (node_sample): started, asked, moved in time, reset and
 * ended; and two actors that talk to each other. SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/log.h"
#include "scenarios/player/rig.h"

enum { NETWORK = 37 };

static char top[64], run_dir[96], bin[96], root[96];
static uv_loop_t loop;
static struct collector *collector;
static char died[128];

/* ---- one result, waited for ---- */

struct result {
	bool done;
	int err;
	char why[300];
	json_t *answer;
};

static void on_done(int err, const char *why, void *arg)
{
	struct result *r = arg;
	r->done = true;
	r->err = err;
	snprintf(r->why, sizeof r->why, "%s", why ? why : "");
}

static void on_answer(int err, const json_t *answer, void *arg)
{
	struct result *r = arg;
	r->done = true;
	r->err = err;
	r->answer = json_deep_copy(answer);
}

static struct result await(struct result *r)
{
	assert_false(r->done); /* never before the call returns */
	while (!r->done)
		uv_run(&loop, UV_RUN_ONCE);
	return *r;
}

#define DO(call_)                                                                        \
	({                                                                               \
		struct result r_ = {0};                                                  \
		call_;                                                                   \
		await(&r_);                                                              \
	})

static void on_died(const char *element, const char *line, void *arg)
{
	snprintf(died, sizeof died, "%s: %s", element, line);
}

static const char *const two[] = {"icscf", "hss"};

static struct result open_rig(struct setting *settings, size_t n, struct rig **rig)
{
	struct rig_conf conf = {.loop = &loop,
		.collector = collector,
		.dir = run_dir,
		.bin_dir = bin,
		.root = root,
		.seed = 7,
		.died = on_died};
	struct variant v = {.id = "base",
		.processes = two,
		.n_processes = 2,
		.settings = settings,
		.n_settings = n};

	assert_int_equal(mkdir(run_dir, 0700), 0);
	return DO(assert_int_equal(rig_open(&conf, &v, on_done, &r_, rig), 0));
}

static void close_rig(struct rig *rig)
{
	char command[256];

	DO(rig_close(rig, on_done, &r_));
	snprintf(command, sizeof command, "rm -r %s", run_dir);
	assert_int_equal(system(command), 0);
}

static struct rig *open_good(void)
{
	struct rig *rig;
	struct result r = open_rig(NULL, 0, &rig);

	assert_string_equal(r.why, "");
	assert_int_equal(r.err, 0);
	return rig;
}

static json_int_t asked(struct rig *rig, const char *element, const char *command,
	const char *path, const char *key)
{
	json_t *json = json_pack("{s:s}", "cmd", command);
	struct result r = DO(rig_admin(rig, element, json, on_answer, &r_));
	json_int_t v = json_integer_value(
		json_object_get(path ? json_object_get(r.answer, path) : r.answer, key));

	assert_int_equal(r.err, 0);
	json_decref(json);
	json_decref(r.answer);
	return v;
}

/* ---- tests ---- */

static void starts(void **state)
{
	uint64_t before = clock_real_ns();
	struct rig *rig = open_good();
	struct addr a = rig_addr(rig, 16);

	print_message(
		"rig of two up in %d ms\n", (int)((clock_real_ns() - before) / 1000000));
	assert_string_equal(rig_name(rig, &a), "hss");
	assert_true(rig_traced(rig, "hss"));
	assert_false(rig_traced(rig, "wwsf"));
	assert_int_equal(DO(rig_quiet(rig, 1000, on_done, &r_)).err, 0);
	assert_int_equal(DO(rig_admin(rig, "wwsf", NULL, on_answer, &r_)).err, -ESRCH);
	close_rig(rig);
}

static void network_is_locked(void **state)
{
	struct collector *other = NULL;
	assert_int_equal(collector_open(&loop, NETWORK, &other), -EADDRINUSE);
}

/* Two timers, of one and two minutes: both run, in an advance of three. */
static void advances(void **state)
{
	struct rig *rig = open_good();

	asked(rig, "hss", "timers", NULL, "ok");
	assert_int_equal(DO(rig_advance(rig, 59000, on_done, &r_)).err, 0);
	assert_int_equal(asked(rig, "hss", "status", "gauges", "sample_fired"), 0);
	assert_int_equal(DO(rig_advance(rig, 121000, on_done, &r_)).err, 0);
	assert_int_equal(asked(rig, "hss", "status", "gauges", "sample_fired"), 2);
	assert_int_equal(asked(rig, "icscf", "status", NULL, "offset_ms"), 180000);
	assert_int_equal(rig_offset_ms(rig), 180000);
	close_rig(rig);
}

static struct action on_process(enum action_kind kind, const char *process)
{
	return (struct action){.kind = kind, .text = "x", .process = process};
}

static void stops_and_starts(void **state)
{
	struct rig *rig = open_good();
	struct action stop = on_process(ACTION_STOP, "hss"),
		      start = on_process(ACTION_START, "hss"),
		      kill_it = on_process(ACTION_KILL, "hss"),
		      none = on_process(ACTION_STOP, "wwsf");

	*died = 0;
	DO(rig_advance(rig, 5000, on_done, &r_));
	assert_int_equal(DO(action_run(rig, &stop, on_done, &r_)).err, 0);
	assert_false(rig_traced(rig, "hss"));
	assert_int_equal(DO(action_run(rig, &start, on_done, &r_)).err, 0);
	assert_int_equal(asked(rig, "hss", "status", NULL, "offset_ms"), 5000);
	assert_int_equal(DO(action_run(rig, &start, on_done, &r_)).err, -EALREADY);
	assert_int_equal(DO(action_run(rig, &kill_it, on_done, &r_)).err, 0);
	assert_int_equal(DO(action_run(rig, &none, on_done, &r_)).err, -EINVAL);
	assert_string_equal(died, ""); /* it was told to */
	close_rig(rig);
}

static void death_is_noticed(void **state)
{
	struct rig *rig = open_good();

	*died = 0;
	kill(process_pid(rig_element(rig, "icscf")->process), SIGKILL);
	while (!*died)
		uv_run(&loop, UV_RUN_ONCE);
	assert_non_null(strstr(died, "icscf: "));
	assert_false(rig_traced(rig, "icscf"));
	close_rig(rig);
}

/* The sample's `timers` leaves a gauge at 3; its reset does not clear it. */
static void left_overs_are_named(void **state)
{
	struct rig *rig = open_good();
	struct result r = DO(rig_reset(rig, on_done, &r_));

	assert_int_equal(r.err, 0);
	asked(rig, "hss", "leave", NULL, "ok");
	r = DO(rig_reset(rig, on_done, &r_));
	assert_int_equal(r.err, -EBUSY);
	assert_non_null(strstr(r.why, "hss"));
	assert_non_null(strstr(r.why, "sample_kept"));
	close_rig(rig);
}

static void wrong_setting(void **state)
{
	struct setting unknown = {.owner = "hss",
		.path = "greating",
		.value = json_string("x"),
		.pos = {"s.yaml", 12, 4}};
	struct setting nobody = {.owner = "waaf",
		.path = "a",
		.value = json_string("x"),
		.pos = {"s.yaml", 13, 4}};
	struct rig *rig;
	const char *line;
	int code;
	struct result r = open_rig(&unknown, 1, &rig);

	assert_int_equal(r.err, -EINVAL);
	assert_non_null(strstr(r.why, "s.yaml:12:4"));
	assert_non_null(strstr(r.why, "greating"));
	assert_string_equal(rig_failed(rig, &code, &line), "hss");
	assert_int_equal(code, 4);
	close_rig(rig);
	r = open_rig(&nobody, 1, &rig);
	assert_int_equal(r.err, -EINVAL);
	assert_non_null(strstr(r.why, "s.yaml:13:4"));
	close_rig(rig);
	json_decref(unknown.value);
	json_decref(nobody.value);
}

/* ---- actors ---- */

static struct action act(const char *actor, const char *verb, const char *options)
{
	json_t *json = json_loads(options, 0, NULL);
	const char *key = NULL;
	char why[256] = "";

	assert_non_null(json);
	assert_int_equal(actor_check_verb("sip-peer", verb, json, &key, why), 0);
	return (struct action){.kind = ACTION_ACTOR,
		.text = verb,
		.actor = actor,
		.verb = verb,
		.options = json};
}

static int n_records, n_paired;
static char first_record[80];

static void on_record(struct record *r, bool paired, void *arg)
{
	n_records += !paired;
	n_paired += paired;
	if (n_records == 1 && !paired)
		snprintf(first_record, sizeof first_record, "%s -> %s", r->from, r->to);
}

static const char *name_of(const struct addr *a, void *arg)
{
	return rig_name(arg, a);
}

#define MESSAGE                                                                          \
	"\"OPTIONS sip:bob SIP/2.0\\nVia: SIP/2.0/UDP ${addr}:5060;branch=${branch}\\n"  \
	"From: <sip:a@b>;tag=${tag}\\nTo: <sip:b@b>\\nCall-ID: ${call-id}\\n"            \
	"CSeq: ${cseq} OPTIONS\\nContent-Length: 0\\n\""

/* Over UDP told before, over TCP told after the request came. */
static void peers_talk(void **state)
{
	struct rig *rig = open_good();
	struct actor_decl peers[] = {
		{.name = "a", .kind = "sip-peer", .settings = json_object()},
		{.name = "b",
			.kind = "sip-peer",
			.settings = json_pack("{s:i}", "address", 110)}};
	struct variant v = {.id = "base", .actors = peers, .n_actors = 2};
	struct action acts[] = {act("b", "answers", "{\"status\": 200, \"times\": 1}"),
		act("a", "sends", "{\"to\": \"b\", \"message\": " MESSAGE "}"),
		act("a", "sends",
			"{\"to\": \"b\", \"transport\": \"tcp\", \"message\": " MESSAGE
			"}"),
		act("b", "answers", "{\"status\": 486, \"headers\": {\"X\": \"y\"}}")};

	n_records = n_paired = 0;
	collector_set(collector, on_record, name_of, rig);
	assert_int_equal(DO(rig_begin(rig, &v, on_done, &r_)).err, 0);
	struct result r = DO(action_run(rig, &acts[0], on_done, &r_));
	assert_int_equal(r.err, 0);
	assert_int_equal(DO(action_run(rig, &acts[1], on_done, &r_)).err, 0);
	assert_int_equal(DO(rig_quiet(rig, 1000, on_done, &r_)).err, 0);
	assert_string_equal(first_record, "a -> b");
	while (n_paired < 2)
		uv_run(&loop, UV_RUN_ONCE);
	assert_int_equal(n_records, 2);
	assert_int_equal(DO(action_run(rig, &acts[2], on_done, &r_)).err, 0);
	while (n_paired < 3)
		uv_run(&loop, UV_RUN_ONCE);
	assert_int_equal(DO(action_run(rig, &acts[3], on_done, &r_)).err, 0);
	while (n_paired < 4)
		uv_run(&loop, UV_RUN_ONCE);
	assert_int_equal(n_records, 4);
	assert_int_equal(DO(rig_reset(rig, on_done, &r_)).err, 0);
	collector_set(collector, NULL, NULL, NULL);
	close_rig(rig);
	for (int i = 0; i < 4; i++)
		json_decref(acts[i].options);
	json_decref(peers[0].settings);
	json_decref(peers[1].settings);
}

static void options_are_checked(void **state)
{
	json_t *wrong = json_pack("{s:s}", "edje", "waaf"),
	       *type = json_pack("{s:s}", "expires", "x");
	json_t *word = json_pack("{s:s}", "algorithm", "CRC32");
	const char *key;
	char why[256];

	assert_int_equal(actor_check_settings("wic", wrong, &key, why), -EINVAL);
	assert_string_equal(key, "edje");
	assert_int_equal(actor_check_settings("wic", type, &key, why), -EINVAL);
	assert_non_null(strstr(why, "seconds"));
	assert_int_equal(actor_check_settings("wic", word, &key, why), -EINVAL);
	assert_non_null(strstr(why, "SHA-256"));
	assert_int_equal(actor_check_verb("wic", "dances", wrong, &key, why), -EINVAL);
	assert_non_null(strstr(why, "it has: opens the page"));
	assert_int_equal(
		actor_check_verb("wic", "answers a challenge", wrong, &key, why), -EINVAL);
	assert_non_null(strstr(why, "did you mean \"answers the challenge\"?"));
	assert_int_equal(actor_check_settings("robot", wrong, &key, why), -EINVAL);
	assert_null(key);
	json_decref(wrong);
	json_decref(type);
	json_decref(word);
}

/* ---- the stage ---- */

static void put(const char *dir, const char *name, const char *text)
{
	char path[256];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int set_up(void **state)
{
	static const char conf[] =
		"node: {name: \"${name}\", run-dir: \"${dir}\", seed: ${seed}, "
		"trace: \"${trace}\", names: ${names}}\ngreeting: hello\n";
	struct log_conf log = {.level = LOG_ERROR, .node = "test"};
	char path[160];

	log_setup(&log);
	snprintf(top, sizeof top, "/tmp/imsrig-rig-%d", (int)getpid());
	snprintf(run_dir, sizeof run_dir, "%s/run", top);
	snprintf(bin, sizeof bin, "%s/bin", top);
	snprintf(root, sizeof root, "%s/scenarios", top);
	mkdir(top, 0700);
	mkdir(bin, 0700);
	mkdir(root, 0700);
	snprintf(path, sizeof path, "%s/rig", root);
	mkdir(path, 0700);
	put(path, "hss.yaml", conf);
	put(path, "icscf.yaml", conf);
	snprintf(path, sizeof path, "%s/hss", bin);
	assert_int_equal(symlink(BIN_DIR "/node_sample", path), 0);
	snprintf(path, sizeof path, "%s/icscf", bin);
	assert_int_equal(symlink(BIN_DIR "/node_sample", path), 0);
	uv_loop_init(&loop);
	return collector_open(&loop, NETWORK, &collector);
}

static int tear_down(void **state)
{
	char command[128];

	collector_close(collector);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
	snprintf(command, sizeof command, "rm -r %s", top);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(starts),
		cmocka_unit_test(network_is_locked), cmocka_unit_test(advances),
		cmocka_unit_test(stops_and_starts), cmocka_unit_test(death_is_noticed),
		cmocka_unit_test(left_overs_are_named), cmocka_unit_test(wrong_setting),
		cmocka_unit_test(peers_talk), cmocka_unit_test(options_are_checked)};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
