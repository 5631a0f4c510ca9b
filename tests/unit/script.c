/* Loading scripts: what they become, and a table of bad ones with their exact messages.
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/base/buf.h"
#include "scenarios/player/script.h"

/* ---- the acting half: one kind, one setting, one verb with one option ---- */

int actor_check_settings(
	const char *kind, const json_t *settings, const char **key, char why[256])
{
	const char *k;
	json_t *v;
	if (strcmp(kind, "wic")) {
		snprintf(why, 256, "\"%s\" is no kind of actor", kind);
		return -EINVAL;
	}
	json_object_foreach((json_t *)settings, k, v)
	{
		if (!strcmp(k, "shoe-size")) {
			*key = k;
			snprintf(why, 256, "a wic has no setting \"%s\"", k);
			return -EINVAL;
		}
	}
	return 0;
}

int actor_check_verb(const char *kind, const char *verb, const json_t *options,
	const char **key, char why[256])
{
	if (!strcmp(verb, "dances")) {
		snprintf(why, 256, "a wic does not dance");
		return -EINVAL;
	}
	if (json_object_get(options, "colour")) {
		*key = "colour";
		snprintf(why, 256, "\"%s\" has no option \"colour\"", verb);
		return -EINVAL;
	}
	return 0;
}

const char *rig_part_of(const char *name)
{
	return strcmp(name, "avproxy") ? NULL : "hss";
}

bool rig_is_process(const char *name)
{
	return !strcmp(name, "hss") || !strcmp(name, "scscf") || !strcmp(name, "icscf") ||
	       !strcmp(name, "epcscf");
}

/* ---- */

static char dir[] = "/tmp/imsrig-script-XXXXXX";
static struct script *loaded;

static const struct script *load(const char *yaml)
{
	char why[512], file[64];
	script_free(loaded);
	loaded = NULL;
	snprintf(file, sizeof file, "%s/t.yaml", dir);
	if (script_load_text(file, str_of(yaml), dir, &loaded, why))
		fail_msg("%s", why);
	return loaded;
}

static void put_file(const char *name, const char *text)
{
	char path[128];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int begin(void **state)
{
	assert_non_null(mkdtemp(dir));
	put_file("subs.yaml", "x\n");
	return 0;
}

static int end(void **state)
{
	char command[128];
	script_free(loaded);
	snprintf(command, sizeof command, "rm -r %s", dir);
	return system(command);
}

#define HEAD                                                                             \
	"id: t\ntitle: T\nrig: {processes: [hss, icscf, epcscf]}\n"                      \
	"actors: {alice: {kind: wic, impu: \"sip:alice@x\"}}\n"
#define FLOW                                                                             \
	HEAD "flow:\n"                                                                   \
	     "  - step: 1\n"                                                             \
	     "    do: alice registers\n"                                                 \
	     "    expect:\n"                                                             \
	     "      - \"alice -> epcscf: SIP REGISTER\"\n"                               \
	     "  - step: 2\n"                                                             \
	     "    text: two\n"                                                           \
	     "    expect: [\"epcscf -> alice: SIP 200\"]\n"

static void a_whole_script(void **state)
{
	const struct script *s = load(
		"id: ts-1\ntitle: A title\ndocument: {name: TS 1, clause: 2.3, figure: "
		"2-1}\n"
		"text: more\n"
		"rig:\n  processes: [hss, icscf]\n  subscribers: subs.yaml\n"
		"  set: {hss.cache.0.size: 7, icscf.on: true}\n"
		"actors:\n  alice: {kind: wic, impu: \"sip:a@x\"}\n"
		"never: [\"* -> *: SIP 5xx\"]\n"
		"flow:\n"
		"  - step: 7-8\n    text: words\n"
		"    do: [alice registers, {alice refreshes: {expires: 10}}, {advance: "
		"4min}, "
		"{wait: quiet}, release, unfault, {admin: {at: hss, cmd: rtr, n: 1}}]\n"
		"    expect:\n"
		"      - {unordered: [\"alice -> icscf: SIP 200\", {optional: \"hss -> "
		"icscf: Cx "
		"UAA\"}]}\n"
		"    never: [\"icscf -> hss\"]\n"
		"    check: [{at: hss, cmd: state, args: {impi: a}, is: {x.y: 1..2, z: "
		"absent}}]\n");

	assert_string_equal(s->doc_clause, "2.3");
	assert_int_equal(s->n_variants, 1);
	const struct variant *v = &s->variants[0];
	assert_string_equal(v->id, "base");
	assert_int_equal(v->n_processes, 2);
	assert_int_equal(v->n_settings, 2);
	assert_string_equal(v->settings[0].owner, "hss");
	assert_string_equal(v->settings[0].path, "cache.0.size");
	assert_int_equal(json_integer_value(v->settings[0].value), 7);
	assert_true(json_is_true(v->settings[1].value));
	assert_int_equal(v->n_nevers, 1);
	assert_false(v->own_rig);
	const struct step *st = &v->steps[0];
	assert_string_equal(st->name, "7-8");
	assert_int_equal(st->n_actions, 7);
	assert_string_equal(st->actions[0].actor, "alice");
	assert_string_equal(st->actions[0].verb, "registers");
	assert_int_equal(
		json_integer_value(json_object_get(st->actions[1].options, "expires")),
		10);
	assert_int_equal(st->actions[2].ms, 240000);
	assert_int_equal(st->actions[3].kind, ACTION_WAIT_QUIET);
	assert_int_equal(st->actions[4].kind, ACTION_RELEASE);
	assert_int_equal(st->actions[5].kind, ACTION_UNFAULT);
	assert_string_equal(st->actions[6].process, "hss");
	assert_null(json_object_get(st->actions[6].options, "at"));
	assert_int_equal(st->n_expects, 2);
	assert_true(st->expects[0].group && st->expects[0].group == st->expects[1].group);
	assert_true(st->expects[1].optional);
	assert_int_equal(st->n_nevers, 1);
	assert_int_equal(st->n_checks, 1);
	assert_string_equal(
		json_string_value(json_object_get(st->checks[0].command, "impi")), "a");
	assert_int_equal(st->checks[0].n_is, 2);
	assert_int_equal(st->checks[0].is[1].value->kind, VALUE_ABSENT);
}

/* A message needs no quotes on a line of its own. */
static void unquoted_messages(void **state)
{
	const struct script *s =
		load(HEAD "ladders:\n"
			  "  l:\n"
			  "    - alice -> epcscf: SIP REGISTER {Authorization.nonce: "
			  "\"\", X: it's}  # why\n"
			  "    - epcscf  ->  alice:  SIP 401 {A: present,\n"
			  "        B: /x{2}/}\n"
			  "flow:\n"
			  "  - step: 1\n"
			  "    text: |\n"
			  "      alice -> bob: this is text {\n"
			  "    expect:\n"
			  "      - {use: l}\n"
			  "      - optional: icscf -> hss: Cx UAR {User-Name: a}\n"
			  "      - icscf -> epcscf: SIP 200\n"
			  "    never:\n"
			  "      - * -> hss\n"
			  "  - step: 2\n"
			  "    expect: [hss -> icscf: Cx UAA]\n");
	const struct step *st = &s->variants[0].steps[0];
	assert_int_equal(st->n_expects, 4);
	assert_string_equal(st->expects[0].pattern.text,
		"alice -> epcscf: SIP REGISTER {Authorization.nonce: \"\", X: it's}");
	assert_int_equal(st->expects[0].pattern.pos.line, 7);
	assert_int_equal(st->expects[0].pattern.pos.col, 7);
	assert_string_equal(st->expects[1].pattern.text,
		"epcscf -> alice: SIP 401 {A: present, B: /x{2}/}");
	assert_true(st->expects[2].optional);
	assert_string_equal(st->nevers[0].pattern.text, "* -> hss");
	assert_string_equal(st->text, "alice -> bob: this is text {\n");
	assert_string_equal(
		s->variants[0].steps[1].expects[0].pattern.text, "hss -> icscf: Cx UAA");
}

static void variants_fold(void **state)
{
	const struct script *s = load(
		FLOW "never: [\"icscf -> hss: Cx LIR\"]\n"
		     "variants:\n"
		     "  - id: early\n    text: ends early\n    before-step: 2\n"
		     "    do: {advance: 1s}\n    expect: [\"epcscf -> alice: SIP 403\"]\n"
		     "    check: [{at: hss, cmd: state, is: {x: 1}}]\n"
		     "    never: [\"epcscf -> icscf\"]\n"
		     "    set: {hss.slow: true, alice.expires: 10}\n"
		     "  - id: tail\n    from-step: 2\n    flow:\n"
		     "      - {step: 2b, expect: [\"epcscf -> alice: SIP 401\"]}\n"
		     "      - {step: 3, expect: [\"alice -> epcscf: SIP ACK\"]}\n"
		     "  - id: other\n    flow: [{step: x, expect: [\"alice -> epcscf: "
		     "SIP BYE\"]}]\n"
		     "    after: [{step: y, do: {kill: hss}, expect: [\"epcscf -> alice: "
		     "SIP 200\"]}]\n"
		     "  - id: between\n    before-step: 2\n    do: [{fault: {message: "
		     "\"hss -> icscf: Cx "
		     "UAA\", do: drop}}]\n"
		     "  - id: bad-config\n    set: {hss.size: -1}\n    refused: "
		     "{process: hss, why: "
		     "/size/}\n"
		     "matrix: {epcscf.transport: [udp, tcp], alice.algorithm: [MD5, "
		     "SHA-256]}\n");

	assert_int_equal(s->n_variants, 10);
	const struct variant *v = script_variant(s, "early");
	assert_int_equal(v->n_steps, 2);
	assert_string_equal(v->steps[1].text, "ends early");
	assert_int_equal(v->steps[1].n_actions, 1);
	assert_string_equal(
		v->steps[1].expects[0].pattern.text, "epcscf -> alice: SIP 403");
	assert_int_equal(v->steps[1].n_checks, 1);
	assert_int_equal(v->n_nevers, 2);
	assert_int_equal(v->n_settings, 1);
	assert_int_equal(
		json_integer_value(json_object_get(v->actors[0].settings, "expires")),
		10);
	assert_null(json_object_get(s->variants[0].actors[0].settings, "expires"));
	assert_string_not_equal(v->rig_key, s->variants[0].rig_key);

	v = script_variant(s, "tail");
	assert_int_equal(v->n_steps, 3);
	assert_string_equal(v->steps[0].name, "1");
	assert_string_equal(v->steps[2].name, "3");
	assert_string_equal(v->rig_key, s->variants[0].rig_key);
	assert_false(v->own_rig);

	v = script_variant(s, "other");
	assert_int_equal(v->n_steps, 2);
	assert_true(v->own_rig);

	v = script_variant(s, "between");
	assert_int_equal(v->n_steps, 2);
	assert_int_equal(v->steps[1].actions[0].kind, ACTION_FAULT);
	assert_string_equal(
		v->steps[1].expects[0].pattern.text, "epcscf -> alice: SIP 200");

	v = script_variant(s, "bad-config");
	assert_string_equal(v->refused_process, "hss");
	assert_int_equal(v->n_steps, 0);

	v = script_variant(s, "epcscf.transport=tcp+alice.algorithm=MD5");
	assert_non_null(v);
	assert_int_equal(v->n_settings, 1);
	assert_string_equal(
		json_string_value(json_object_get(v->actors[0].settings, "algorithm")),
		"MD5");
	assert_string_equal(
		s->variants[9].id, "epcscf.transport=tcp+alice.algorithm=SHA-256");
}

static void matrix_of_all(void **state)
{
	const struct script *s = load(FLOW "variants:\n  - {id: v, before-step: 2, "
					   "expect: [\"epcscf -> alice: SIP 403\"]}\n"
					   "matrix: {variants: all, hss.n: [1, 2]}\n");
	assert_int_equal(s->n_variants, 6);
	assert_non_null(script_variant(s, "hss.n=2"));
	assert_non_null(script_variant(s, "v+hss.n=2"));
}

/* Of the script, and of what it includes. */
static void matrix_of_some(void **state)
{
	put_file("some.yaml",
		"variants:\n  - {id: far, before-step: 2, expect: [\"epcscf -> alice: SIP 403\"]}\n");
	const struct script *s = load(FLOW
		"include: [some.yaml]\nvariants:\n"
		"  - {id: v, before-step: 2, expect: [\"epcscf -> alice: SIP 403\"]}\n"
		"  - {id: w, before-step: 2, expect: [\"epcscf -> alice: SIP 404\"]}\n"
		"matrix: {variants: [far, w], hss.n: [1, 2]}\n");
	assert_int_equal(s->n_variants, 10);
	assert_non_null(script_variant(s, "hss.n=2"));
	assert_non_null(script_variant(s, "w+hss.n=1"));
	assert_null(script_variant(s, "v+hss.n=2"));
	const struct variant *v = script_variant(s, "far+hss.n=2");
	assert_string_equal(v->steps[1].expects[0].pattern.text, "epcscf -> alice: SIP 403");
}

static void includes_roles_and_parameters(void **state)
{
	put_file("inc.yaml",
		"roles: {edge: epcscf}\n"
		"actors: {bob: {kind: wic, impu: \"sip:bob@x\"}}\n"
		"ladders:\n"
		"  in: [\"ue -> edge: SIP REGISTER {To: ${ue.impu}, X: ${x}}\", {use: "
		"out, code: \"2${last}\", last: 9}]\n"
		"  out: [\"edge -> ue: SIP ${code} {X: not ${last}}\"]\n"
		"variants:\n"
		"  - id: of-bob\n    roles: {ue: bob}\n"
		"    flow: [{step: 1, do: ue registers, expect: [{use: in, x: 2, last: "
		"\"02\"}]}]\n"
		"  - id: own\n    flow: [{step: 1, expect: [\"ue -> edge: SIP "
		"BYE\"]}]\n");
	const struct script *s = load(HEAD
		"include: [inc.yaml]\nroles: {ue: alice}\n"
		"flow: [{step: 1, do: ue registers, expect: [{use: in, x: 1, last: "
		"\"00\"}], "
		"check: [{at: edge, cmd: state, args: {who: \"${ue.impu}\"}, is: {who: "
		"\"${ue.impu}\"}}]}]\n"
		"variants:\n"
		"  - id: learnt\n    roles: {other: bob}\n    before-step: 1\n"
		"    do: {alice registers: {token: \"${other.token}x${nobody.token}\"}}\n"
		"  - {id: own, set: {ue.impu: other, edge.n: 1}, before-step: 1, expect: "
		"[\"edge "
		"-> ue: SIP 403 {To: ${ue.impu}}\"]}\n"
		"  - id: hit\n    fault: {message: \"edge -> ue: SIP 401 {To: "
		"${ue.impu}, A: "
		"present}\", do: set, set: {X: \"${ue.impu}\"}}\n");
	const struct step *st = &s->variants[0].steps[0];
	assert_string_equal(st->actions[0].actor, "alice");
	assert_string_equal(st->expects[0].pattern.text,
		"alice -> epcscf: SIP REGISTER {To: sip:alice@x, X: 1}");
	assert_string_equal(st->expects[1].pattern.text,
		"epcscf -> alice: SIP 200 {X: not 9}");
	assert_string_equal(st->checks[0].at, "epcscf");
	assert_string_equal(
		json_string_value(json_object_get(st->checks[0].command, "who")),
		"sip:alice@x");

	const struct variant *v = script_variant(s, "of-bob");
	assert_string_equal(v->steps[0].expects[0].pattern.text,
		"bob -> epcscf: SIP REGISTER {To: sip:bob@x, X: 2}");
	assert_string_equal(
		v->steps[0].expects[1].pattern.text, "epcscf -> bob: SIP 202 {X: not 9}");
	assert_string_equal(
		json_string_value(json_object_get(v->actors[1].settings, "edge")),
		"epcscf");

	/* what an actor learns only as it acts: left to it, by its own name */
	v = script_variant(s, "learnt");
	assert_string_equal(json_string_value(json_object_get(
				    v->steps[0].actions[0].options, "token")),
		"${bob.token}x${nobody.token}");

	v = script_variant(s, "own"); /* the script's, not the included one */
	assert_string_equal(v->steps[0].expects[0].pattern.text,
		"epcscf -> alice: SIP 403 {To: other}");
	assert_string_equal(v->settings[0].owner, "epcscf");
	assert_int_equal(s->n_variants, 5);

	v = script_variant(s, "hit");
	assert_string_equal(v->faults[0].node, "epcscf");
	assert_string_equal(v->faults[0].peer, "alice");
	char *rule = json_dumps(v->faults[0].rule, JSON_COMPACT | JSON_SORT_KEYS);
	assert_string_equal(rule,
		"{\"do\":\"set\",\"match\":{\"dir\":\"sent\",\"fields\":{\"A\":"
		"true,\"To\":\"sip:alice@x\"},\"what\":\"SIP 401\"},\"set\":{"
		"\"X\":\"sip:alice@x\"}}");
	free(rule);
}

/* ---- bad scripts ---- */

#define STEP(line)    HEAD "flow:\n  - step: 1\n    " line "\n"
#define EXPECT(line)  HEAD "flow:\n  - step: 1\n    expect:\n      - " line "\n"
#define VARIANT(line) FLOW "variants:\n  - id: v\n    " line "\n"
#define DOES(line)    STEP("expect: [\"alice -> epcscf: SIP BYE\"]\n    do: " line)

static const struct {
	const char *yaml, *why; /* why: behind the file's name */
} bad[] = {
	{"", ": the file is empty"},
	{"a: [\n", ":2:1: flow sequence without a closing bracket"},
	{"a: 1\na: 2\n", ":2:1: duplicate key"},
	{"- x\n", ":1:3: a script is a mapping, not a list"},
	{"id: t\nrig: {processes: [hss]}\n", ":1:1: a script needs the key \"title\""},
	{"id: t\ntitle: T\n", ":1:1: a script needs the key \"rig\""},
	{HEAD "flwo: []\n",
		":5:1: key \"flwo\" is not known in a script (it has: id, title, "
		"document, text, "
		"rig, actors, roles, ladders, include, flow, never, variants, matrix)"},
	{HEAD "flow: {step: 1}\n",
		":5:8: \"flow\" of a script takes a list, not a mapping"},
	{HEAD "flow: words\n", ":5:7: \"flow\" of a script takes a list, not a text"},
	{HEAD "flow:\n", ":5:1: \"flow\" of a script takes a list, not nothing"},
	{HEAD, ": there is neither a flow nor a variant with one"},
	{HEAD "flow: []\n", ": variant \"base\" expects nothing"},
	{"id: a b\ntitle: T\nrig: {processes: [hss]}\n",
		":1:5: the id \"a b\" holds a blank or one of / * ? ["},
	{"id: t\ntitle: T\nrig: {processes: [hss, ghost]}\nflow: []\n",
		":3:24: \"ghost\" is no element (hss, scscf, scscf2, icscf, epcscf, "
		"waaf, wwsf, wwsf2)"},
	{"id: t\ntitle: T\nrig: {processes: [hss, hss]}\nflow: []\n",
		":3:24: \"hss\" stands twice"},
	{"id: t\ntitle: T\nrig: {processes: [hss], set: {icscf.a: 1}}\nflow: []\n",
		":3:31: \"icscf\" is neither among the rig's processes nor an actor"},
	{"id: t\ntitle: T\nrig: {processes: [hss], set: {hss: 1}}\nflow: []\n",
		":3:31: \"hss\" is no setting: PROCESS.KEY or ACTOR.KEY"},
	{"id: t\ntitle: T\nrig: {processes: [hss]}\nactors: {a: {kind: frog}}\nflow: "
	 "[]\n",
		":4:14: \"frog\" is no kind of actor"},
	{"id: t\ntitle: T\nrig: {processes: [hss]}\nactors: {a: {}}\nflow: []\n",
		":4:10: actor \"a\" needs the key \"kind\""},
	{"id: t\ntitle: T\nrig: {processes: [hss]}\nactors: {a: {kind: wic, shoe-size: "
	 "4}}\nflow: [{step: 1}]\n",
		":4:25: a wic has no setting \"shoe-size\""},
	{"id: t\ntitle: T\nrig: {processes: [hss]}\nactors: {hss: {kind: wic}}\nflow: "
	 "[]\n",
		":4:10: the name \"hss\" is taken"},
	{HEAD "roles: {ue: zoe}\nflow: []\n",
		":5:9: role \"ue\": \"zoe\" is neither an element nor an actor"},
	{HEAD "include: none.yaml\nflow: []\n", NULL /* names the file */},
	{STEP("expects: []"),
		":7:5: key \"expects\" is not known in a step (it has: step, text, "
		"do, expect, never, check)"},
	{HEAD "flow:\n  - text: x\n", ":6:5: a step needs the key \"step\""},
	{STEP("expect: \"alice -> epcscf: SIP BYE\""),
		":7:13: \"expect\" of a step takes a list, not a text"},
	{EXPECT("\"alice -> epcscf: SPI 200\""),
		":8:27: \"SPI\" is no protocol: SIP, Cx, HTTP, WS"},
	{EXPECT("alice -> epcscf: SPI 200"),
		":8:26: \"SPI\" is no protocol: SIP, Cx, HTTP, WS"},
	{EXPECT("alice -> epcscf: SIP 200 {To}"),
		":8:35: field \"To\" has no value (\": VALUE\", or present)"},
	{EXPECT("zoe -> epcscf: SIP 200"), ":8:9: \"zoe\" is neither an element nor an "
					   "actor or role of this script"},
	{EXPECT("alice -> epcscf"),
		":8:9: a message that is expected needs its WHAT: FROM -> TO: WHAT"},
	{EXPECT("{use: nothing}"), ":8:15: there is no ladder \"nothing\""},
	{EXPECT("{alternative: x}"),
		":8:10: key \"alternative\" is not known in an entry of "
		"expect (it has: unordered, optional)"},
	{EXPECT("\"alice -> epcscf: SIP ${code}\""),
		":8:9: nothing gives a value for ${code}"},
	{EXPECT("\"alice -> epcscf: SIP 200 {To: not $x}\""),
		":8:9: nothing takes $x, so \"not $x\" would always hold"},
	{HEAD "ladders: {l: [{use: l}]}\nflow: [{step: 1, expect: [{use: l}]}]\n",
		":5:21: ladder \"l\" uses itself"},
	{DOES("zoe registers"),
		":8:9: \"zoe\" is neither an actor or role of this script nor an action "
		"(advance, "
		"fault, release, unfault, wait, stop, kill, start, admin)"},
	{DOES("alice"), ":8:9: what does \"alice\" do?"},
	{DOES("alice dances"), ":8:9: a wic does not dance"},
	{DOES("{alice registers: {colour: red}}"),
		":8:28: \"registers\" has no option \"colour\""},
	{DOES("{alice registers: red}"),
		":8:27: the options of \"alice registers\" are a mapping"},
	{DOES("{advance: soon}"), ":8:19: \"soon\" is no time: 500ms, 30s, 4min, 1h"},
	{DOES("{kill: scscf}"), ":8:16: \"scscf\" is not among the rig's processes"},
	{DOES("{wait: a minute}"), ":8:16: \"wait\" takes quiet"},
	{DOES("{release: now}"), ":8:19: \"release\" takes nothing, or how many messages: 1 to 100"},
	{DOES("{admin: {cmd: x}}"),
		":8:18: \"admin\" takes a mapping: {at: hss, cmd: ..., ...}"},
	{DOES("{stop: hss, kill: hss}"),
		":8:10: an action is one text, or one text and its options"},
	{DOES("{fault: {message: \"hss -> icscf: Cx UAA\", do: explode}}"),
		":8:55: \"explode\" is no fault (drop, hold, delay, duplicate, rewrite, "
		"replace, "
		"set)"},
	{DOES("{fault: {message: \"hss -> icscf: Cx UAA\", do: delay}}"),
		":8:18: a fault that does \"delay\" needs the key \"ms\""},
	{DOES("{fault: {message: \"hss -> icscf: Cx UAA {Server-Name: 1..2}\", do: drop}}"),
		":8:27: field Server-Name: the gate knows text, /regex/, present and absent"},
	{DOES("{fault: {message: \"hss -> icscf: Cx UAA\", do: drop, times: often}}"),
		":8:68: \"times\" of a fault takes a number"},
	{STEP("check: [{at: hss, cmd: state}]"), ":7:14: a check needs the key \"is\""},
	{STEP("check: [{at: hss, cmd: s, is: {x: /(/}}]"), NULL},
	{VARIANT("expect: []"), ":15:5: \"expect\" of a variant needs \"before-step\""},
	{VARIANT("before-step: 9\n    do: alice registers"),
		":15:18: there is no step \"9\" in the flow"},
	{VARIANT("before-step: 1"), ":15:5: \"before-step\" needs \"do\" or \"expect\""},
	{VARIANT("from-step: 1"), ":15:5: \"from-step\" needs \"flow\": the steps that "
				  "stand there instead"},
	{VARIANT("rig: big"), ":15:10: \"rig\" of a variant takes own"},
	{VARIANT("set: {alice.shoe-size: 4}"),
		":15:11: a wic has no setting \"shoe-size\""},
	{VARIANT("refused: {process: hss}"), ":15:15: \"refused\" needs the key \"why\""},
	{FLOW "variants: [{id: base}]\n", ":13:17: \"base\" is the flow itself"},
	{FLOW "variants: [{id: v}, {id: v}]\n",
		":13:26: there is a variant \"v\" already"},
	{FLOW "matrix: {hss.x: 1}\n",
		":13:10: \"hss.x\" of the matrix takes a list of values"},
	{FLOW "---\n" FLOW, ": there is a second document in it (---)"},
	{FLOW "never: [\"* -> *: SIP REGSITER\"]\n",
		":13:9: \"REGSITER\" is no SIP method (write /^REGSITER$/ when it is meant)"},
	{FLOW "never: [\"* -> *: SIP 200 {Autorization: present}\"]\n",
		":13:9: \"Autorization\" is no field of SIP that is known here"},
	{FLOW "never: [\"* -> *: SIP 200 {Via[x]: absent}\"]\n",
		":13:9: \"Via[x]\" is no field of SIP that is known here"},
	{FLOW "never: [\"* -> *: Cx UAA {Servr-Name: present}\"]\n",
		":13:9: \"Servr-Name\" is no AVP of Cx"},
	{FLOW "never: [\"* -> *: Cx UAA {Server-Capabilities.Mandatory: absent}\"]\n",
		":13:9: \"Server-Capabilities.Mandatory\" is no AVP of Cx"},
	{FLOW "never: [\"scscf -> *: SIP 200\"]\n",
		":13:9: \"scscf\" is not among the rig's processes"},
	{FLOW "never: [\"hss -> hss: SIP 200\"]\n",
		":13:9: \"hss\" sends nothing to itself"},
	{FLOW "never: [\"* -> *: SIP 200 {To: not not absent}\"]\n",
		":13:31: \"not\" stands twice"},
	{FLOW "never: [\"* -> *: SIP 200 {To: //}\"]\n",
		":13:31: the expression is empty: write present"},
	{FLOW "ladders: {l: [\"hss -> *: SIP 200\"]}\n"
	      "variants: [{id: v, flow: [{step: 1, expect: [{use: l, typ: 1}]}]}]\n",
		":14:52: ladder \"l\" has no ${typ}"},
	{FLOW "ladders: {a: &a [x, x, x, x, x, x, x, x], b: &b [*a, *a, *a, *a, *a, *a, *a, *a],\n"
	      "  c: &c [*b, *b, *b, *b, *b, *b, *b, *b], d: &d [*c, *c, *c, *c, *c, *c, *c, *c],\n"
	      "  e: &e [*d, *d, *d, *d, *d, *d, *d, *d], f: &f [*e, *e, *e, *e, *e, *e, *e, *e],\n"
	      "  g: [*f, *f, *f, *f, *f, *f, *f, *f]}\n",
		": with its aliases written out it has more than 1048576 nodes"},
	{FLOW "ladders:\n  a: [\"hss -> *: SIP 200\", {use: b}, {use: b}, {use: b}, {use: b}]\n"
	      "  b: [{use: c}, {use: c}, {use: c}, {use: c}, {use: c}, {use: c}]\n"
	      "  c: [{use: d}, {use: d}, {use: d}, {use: d}, {use: d}, {use: d}]\n"
	      "  d: [{use: e}, {use: e}, {use: e}, {use: e}, {use: e}, {use: e}]\n"
	      "  e: [{use: f}, {use: f}, {use: f}, {use: f}, {use: f}, {use: f}]\n"
	      "  f: [{use: g}, {use: g}, {use: g}, {use: g}, {use: g}, {use: g}]\n"
	      "  g: [\"hss -> *: SIP 200\", \"hss -> *: SIP 200\"]\n"
	      "variants: [{id: v, flow: [{step: 1, expect: [{use: a}]}]}]\n",
		":20:28: more than 10000 messages in one list"},
	{HEAD "flow: [{step: 1, expect: [{optional: \"hss -> *: SIP 200\"}]}]\n",
		": variant \"base\" expects nothing"},
	{HEAD "flow: [{step: 1, check: [{at: hss, cmd: status, is: {}}]}]\n",
		":5:49: \"is\" of a check says nothing"},
	{FLOW "matrix: {variants: some}\n",
		":13:10: \"variants\" of the matrix takes all, or a list"},
	{FLOW "matrix: {hss.n: [1], variants: [base, who]}\n",
		":13:33: there is no variant \"base\""},
};

static void bad_scripts(void **state)
{
	char file[64], why[512];
	int wrong = 0;
	snprintf(file, sizeof file, "%s/bad.yaml", dir);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct script *s = NULL;
		if (!script_load_text(file, str_of(bad[i].yaml), dir, &s, why))
			fail_msg("no fault found in row %zu, expected %s", i, bad[i].why);
		assert_null(s);
		if (strncmp(why, file, strlen(file)) != 0)
			fail_msg("row %zu: %s", i, why);
		if (bad[i].why && strcmp(why + strlen(file), bad[i].why) != 0) {
			print_error("row %zu: %s\n  expected %s\n", i, why + strlen(file),
				bad[i].why);
			wrong++;
		}
	}
	assert_int_equal(wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_script),
		cmocka_unit_test(unquoted_messages),
		cmocka_unit_test(variants_fold),
		cmocka_unit_test(matrix_of_all), cmocka_unit_test(matrix_of_some),
		cmocka_unit_test(includes_roles_and_parameters),
		cmocka_unit_test(bad_scripts),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
