/* The judge: holds what went over the wires against what a variant expects.
 *
 * Along each link (pair of nodes, both directions) the records must be the entries of all
 * steps in their order; so the first record that differs is known at once, and by its
 * step. At the end it is checked that each node saw its messages, on all its links, in the
 * order of the entries (a lifeline of the figure), and that the send times along each SIP
 * transaction and Cx session rise. An entry whose step begins with an action can't be met before it.
 * Entries with '*' and optional ones never hold others up.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "scenarios/player/match.h"
#include "scenarios/player/verdict.h"

struct judge;

/* One arrow as the ladder shows it. */
struct arrow {
	struct message message;
	const struct record *record;
	int step;                      /* index: the step that it belongs to by time or match */
	bool expected;                 /* an entry was met */
	bool outside;                  /* outside the ladder and named by nobody */
	bool wrong;                    /* what the finding is about */
	/* the judge's own */
	enum outside kind;
	struct entry *entry;
	struct arrow *request;         /* of an HTTP response */
};

/* What is wrong, in one line but for the reason that the element gives. */
struct finding {
	enum verdict verdict;          /* VERDICT_NONE: nothing so far */
	int step;                      /* index, -1: none */
	const char *element;           /* whose doing it is; NULL: nobody's */
	const char *other;             /* the other end */
	struct str why;
};

/* `changed`: a record came in; ask judge_suspects and judge_step_done. */
typedef void(judge_changed_h)(void *arg);
struct judge *judge_new(const struct variant *v, judge_changed_h *changed, void *arg);
void judge_free(struct judge *j);

/* Step i begins, before its first action. */
void judge_step(struct judge *j, int i, uint64_t now_ns);
bool judge_step_done(const struct judge *j, int i);
/* ... and nothing of it is still on its way to its receiver. */
bool judge_step_arrived(const struct judge *j, int i);
/* collector_record_h */
void judge_record(struct record *r, bool paired, void *judge);
/* Something differs already: let what is under way end, then ask judge_finish. */
bool judge_suspects(const struct judge *j);
/* Step i waited long enough. */
void judge_timeout(struct judge *j, int i, int silent_ms);
/* All is quiet: order, what is missing, what is left over. The worst finding stays. */
const struct finding *judge_finish(struct judge *j);

/* Arrows in order of their time. */
size_t judge_arrows(struct judge *j, struct arrow *const **out);
uint64_t arrow_ns(const struct arrow *a);          /* sent, else received */
int judge_heard(const struct judge *j);            /* arrows of the ladder so far */
