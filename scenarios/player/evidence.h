/* What a run leaves behind: a directory with trace.pcapng, ladder.txt, verdicts.json and
 * one folder a rig (configurations, logs); runs/latest points to the newest.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "scenarios/player/judge.h"
#include "scenarios/player/ladder.h"

struct result {
	const struct variant *variant;
	enum verdict verdict;          /* VERDICT_NONE: not run */
	const char *why;               /* "" for pass */
	const char *step;              /* "" when no step is to blame */
	int messages;                  /* of the ladder */
	double seconds;
	const char *rig_dir;           /* relative to the run's directory; "" */
};
struct totals {
	int pass, fail, inconc, error, notrun;
	double seconds;
};
void totals_add(struct totals *t, enum verdict v);
json_t *result_json(const struct result *r);           /* the line of `run --json` */
json_t *totals_json(const struct totals *t);

struct evidence;
/* `dir` NULL: runs/<time>, with runs/latest. 0, or a negative errno with a sentence. */
int evidence_open(const char *dir, uint64_t seed, struct evidence **out, char why[256]);
const char *evidence_dir(const struct evidence *e);
/* Folder of the n-th rig, made; relative to the run's directory in *name. */
const char *evidence_rig(struct evidence *e, int n, const char **name);
/* After a variant: its arrows to the trace, its ladder to ladder.txt. `j` may be NULL. */
void evidence_add(struct evidence *e, const struct result *r, struct judge *j,
	ladder_traced_h *traced, void *arg);
/* Writes verdicts.json and closes. 0 or a negative errno. */
int evidence_close(struct evidence *e, const struct totals *t);
