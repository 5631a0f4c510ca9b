/* The variants of one `imsrig run`: several at once, each on a rig of its own, told in their
 * order, and the worst verdict as exit code.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "scenarios/player/run.h"

enum { SESSION_MAX_WORKERS = 8 };

struct session_conf {
	const struct variant **variants;
	size_t n;
	const char *out;               /* directory of the evidence; NULL: runs/<time> */
	uint64_t seed;
	int workers;                   /* 1 to SESSION_MAX_WORKERS */
	bool json, keep_going;
	bool keep_rigs;                /* the elements' databases and keys, too */
	bool ladder, colour;           /* ladders on the terminal */
};
/* Runs to the end, or to a signal; prints to stdout. The exit code. */
int session_run(const struct session_conf *conf);
