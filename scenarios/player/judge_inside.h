/* Inside the judge (judge.c, judge_end.c).
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "scenarios/player/judge.h"

struct entry {
	const struct expect *expect;
	int step;
	struct arrow *arrow; /* what met it */
	bool passed;	     /* optional, and the link went on without it */
};

/* `not $name` that came before $name was taken. */
struct later {
	struct later *next;
	const struct field_test *test;
	struct str value;
	struct arrow *arrow;
};

/* A record that differs; the earliest one becomes the finding. */
struct suspect {
	struct arrow *arrow;
	const struct entry *entry; /* the first that was acceptable; NULL: none was */
	struct str why;		   /* whole sentence without step and element */
	bool at_entry;		   /* the step is that of the entry */
};

struct judge {
	const struct variant *v;
	judge_changed_h *changed;
	void *arg;
	struct arena arena;
	struct entry *entries;
	size_t n_entries, first_open;
	struct arrow **arrows;
	size_t n_arrows, cap_arrows;
	uint64_t *began_ns; /* by step; 0: not begun */
	int current;	    /* step under way, -1: none */
	struct capture *vars;
	struct later *later;
	struct suspect *suspects;
	size_t n_suspects;
	struct finding finding;
	int heard; /* arrows that are not outside the ladder */
	bool sorted;
};

struct str judge_keep(struct judge *j, struct buf *b);         /* in j->arena; frees b */
/* The worst finding stays, of equal ones the first. */
void judge_find(struct judge *j, const struct finding *f);
