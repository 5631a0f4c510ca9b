/* The language of `expect` lines: `FROM -> TO: WHAT {FIELD: VALUE, ...}`, the forms of a
 * VALUE, and when a value holds (docs/scenarios.md).
 *
 * To add a form of VALUE: a row in enum value_kind, its spelling in value_parse, its
 * meaning in value_holds, a line in docs/scenarios.md.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <regex.h>

#include "common/base/mem.h"
#include "scenarios/player/play.h"

enum value_kind {
	VALUE_EQUAL,           /* text, "text" */
	VALUE_REGEX,           /* /regex/ */
	VALUE_PRESENT,
	VALUE_ABSENT,
	VALUE_RANGE,           /* 60..600 */
	VALUE_CAPTURE,         /* $name */
};

struct value {
	enum value_kind kind;
	bool negate;           /* not VALUE */
	const char *text;      /* as written */
	struct str equal;
	const regex_t *regex;
	int64_t low, high;
	const char *name;      /* VALUE_CAPTURE: behind the '$' */
};

/* Compiled expressions, which an arena can't end. Zero-initialised is empty. */
struct regexes {
	struct regex_entry *head;
};
void regexes_free(struct regexes *r);

enum pattern_proto { PATTERN_ANY, PATTERN_SIP, PATTERN_CX, PATTERN_HTTP, PATTERN_WS };

struct field_test {
	const char *name;
	struct value value;
};

/* One message as a script describes it. */
struct pattern {
	const char *text;      /* as written, blanks squeezed */
	const char *rest;      /* of text, behind TO: ": SIP 401 {..}", "" */
	const char *from, *to; /* NULL: '*' */
	enum pattern_proto proto;
	const char *what;      /* method, command or frame; NULL: any, or a status */
	const regex_t *what_regex; /* instead, on method, command or status */
	int status;            /* 0: none; 4: the class when status_class */
	bool status_class;
	const char *path;      /* HTTP requests; NULL: any */
	struct field_test *fields;
	size_t n_fields;
	struct script_pos pos;
};

/* One entry of a step's expectations, groups unfolded: entries of one step with the same
 * `group` (not 0) may come in any order, but those of one `part` of it keep theirs. */
struct expect {
	struct pattern pattern;
	bool optional;
	int group, part;
};

/* Where in a text a parser stopped, and why. */
struct expect_fault {
	size_t at;
	char why[256];
};

/* Everything is copied to the arena. 0, or -EINVAL with *fault set. */
int value_parse(struct str text, struct arena *a, struct regexes *r, struct value *out,
	struct expect_fault *fault);
int pattern_parse(struct str text, struct arena *a, struct regexes *r, struct pattern *out,
	struct expect_fault *fault);

/* `got.p` NULL: the field is absent. Captures ask and tell through `vars`. */
struct capture {
	struct capture *next;
	const char *name;
	struct str value;
};
enum holds { HOLDS_NOT, HOLDS, HOLDS_BINDS, HOLDS_LATER };
/* HOLDS_BINDS: a capture not taken yet; HOLDS_LATER: `not $name` before $name is taken. */
enum holds value_holds(const struct value *v, struct str got, const struct capture *vars);
