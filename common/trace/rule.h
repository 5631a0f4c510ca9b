/* One rule of the fault gate: read from JSON, matched, and applied to octets.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <regex.h>

#include "common/trace/gate.h"

enum rule_action {
	RULE_DROP, RULE_HOLD, RULE_DELAY, RULE_DUPLICATE, RULE_REWRITE, RULE_REPLACE, RULE_SET,
};

/* A text to be equal to, or a regular expression. */
struct rule_test {
	char *text;            /* NULL: no text */
	bool is_regex, present, absent;
	regex_t regex;
};
struct rule_field {
	char *name;
	struct rule_test test;
};
struct rule {
	struct rule *next;
	enum rule_action action;
	int dir, via;          /* -1: any */
	struct addr peer, local; /* family none: any; port 0: any port */
	struct rule_test what;
	struct rule_field *fields;
	size_t n_fields;
	int64_t ms, times, skip, copies; /* times < 0: always */
	regex_t find;
	bool has_find, all;
	struct str with, bytes;
	json_t *set;
};

/* NULL with a sentence in *why (static storage). */
struct rule *rule_new(const json_t *j, const char **why);
void rule_free(struct rule *r);
bool rule_matches(const struct rule *r, const struct gate_proto *p, const struct trace_msg *m,
	struct str what);
/* Octets after a rewrite; false: nothing to find. */
bool rule_rewrite(const struct rule *r, struct str in, struct buf *out);
/* "dropped", for the log line. */
const char *rule_done(enum rule_action a);
