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
/* What one variant leaves, made while its judge and rig stand (`j` may be NULL) and put
 * down in its turn, since several may be under way. The result is copied. */
struct page;
struct page *page_new(const struct evidence *e, const struct result *r, struct judge *j,
	ladder_traced_h *traced, void *arg);
const struct result *page_result(const struct page *p);
void page_free(struct page *p);
void evidence_put(struct evidence *e, const struct page *p);
/* Writes verdicts.json and closes, when all rigs have ended. What elements kept secrets in goes,
 * unless it is to be kept. 0 or a negative errno. */
int evidence_close(struct evidence *e, const struct totals *t, bool keep_secrets);
