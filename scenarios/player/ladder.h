/* The ladder as text: step by step, one line an arrow; no secrets.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "scenarios/player/judge.h"

struct ladder_style {
	bool colour;
	bool all;              /* also what stands outside the ladder */
};
typedef bool(ladder_traced_h)(const char *node, void *arg);

/* Appends the run of a variant. `traced` says of a node whether the side it did not show
 * means that it never saw the message (then "-x"). */
void ladder_put(struct buf *out, const struct variant *v, struct judge *j,
	const struct ladder_style *style, ladder_traced_h *traced, void *arg);
/* What a message says in a few words: "SIP REGISTER sip:ims.example.org", "Cx UAA 2001
 * (DIAMETER_FIRST_REGISTRATION)". */
void ladder_words(struct buf *out, const struct message *m);
