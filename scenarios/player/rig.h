/* A rig from inside: what rig*.c, element.c, action.c and the actors share.
 *
 * An *element* is one of the processes that a rig can have; an *actor* lives in the
 * player. Both have an address 127.R.0.x and a name; every operation over several
 * elements is a broadcast of one admin command.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/net/host.h"
#include "common/node/admin_client.h"
#include "scenarios/player/actor.h"
#include "scenarios/player/play.h"
#include "scenarios/player/process.h"
#include "scenarios/player/rig_conf.h"

enum { RIG_ELEMENTS = 8, RIG_FIRST_ACTOR = 101 };

struct element_kind {
	const char *name, *program;
	int last_octet;
	const char *template2; /* when there is no <name>.yaml; NULL: none */
};
extern const struct element_kind rig_elements[RIG_ELEMENTS];

struct element {
	const struct element_kind *kind;
	struct rig *rig;
	bool wanted;			 /* part of this rig */
	char *config, *log;		 /* paths */
	unsigned starts;
	struct process *process;	 /* NULL: not running */
	struct admin *admin;		 /* NULL: not (yet) connected */
	off_t log_from;			 /* where the log stood at rig_begin */
	rig_done_h *on_ready, *on_ended; /* of the start or stop under way */
	void *op;
};

struct rig {
	struct rig_conf conf;
	char *dir, *root, *lab; /* run directory; scenarios/; the CA's directory */
	int network;
	struct clock *clock;
	struct element elements[RIG_ELEMENTS];
	struct name names[RIG_ELEMENTS]; /* for every actor's host */
	struct opening *opening;
	struct actor *actors; /* list */
	struct actor *past;   /* closed ones, whose hosts live until the rig goes */
	uint64_t cx_left_ns;  /* when a cx-peer's last link ended */
	struct buf texts[16]; /* what the variables point to */
	struct rig_var vars[16];
	struct setting *settings; /* of the rig, for complaints; deep copies */
	size_t n_settings;
	const struct element *failed; /* the first that ended by itself; NULL: none */
	int failed_code;
	bool closing;
};

/* ---- rig.c ---- */
struct element *rig_element(const struct rig *rig, const char *name);
bool element_alive(const struct element *e); /* runs and its admin socket is connected */
struct addr rig_addr(const struct rig *rig, int last_octet);
struct actor *rig_actor(const struct rig *rig, const char *name);
/* Address of an element or actor by name; false when there is none. */
bool rig_find_addr(const struct rig *rig, const char *name, struct addr *out);

/* ---- element.c ---- */
/* Starts or ends one process; `h` when it is ready, or gone. */
void element_start(struct element *e, rig_done_h *h, void *op);
void element_stop(struct element *e, bool hard, rig_done_h *h, void *op);
/* Calls `h` at the next turn, for results that are known at once; or in `ms` of real
 * time. */
void rig_later(struct rig *rig, int err, const char *why, rig_done_h *h, void *arg);
void rig_after(struct rig *rig, int ms, rig_done_h *h, void *arg);

/* One command to every element that is alive. answers[i] belongs to elements[i]; NULL:
 * not asked, or no answer. Good during the call. */
typedef void(rig_answers_h)(json_t *const answers[RIG_ELEMENTS], void *arg);
void rig_broadcast(struct rig *rig, const json_t *command, rig_answers_h *h, void *arg);

/* ---- rig_reset.c ---- */
void rig_close_actors(struct rig *rig);	 /* they begin to go */
bool rig_let_actors_go(struct rig *rig); /* true when the last is gone */

/* ---- rig_lab.c ---- */
/* `dir`, whose parent exists, with a CA in it; made if there is none. `domain`: that of
 * ca_make_limited, or NULL. */
int lab_make_ca(const char *dir, const char *name, const char *domain, char why[256]);
/* The lab's CA: that of rig_conf, else made once beside the programs, else in the rig's
 * directory. */
int lab_open(struct rig *rig, char why[256]);
/* A certificate of host `name` (its file names too) with `addr`, in <dir>/certs.
 * `foreign`: by a CA that nobody trusts. 0 when it is there already. */
int lab_issue(struct rig *rig, const char *name, const struct addr *addr, bool foreign,
	char why[256]);
/* The variables of one element's configuration; ends with name NULL. */
const struct rig_var *lab_vars(struct rig *rig, const struct element *e);
/* Writes the configurations of all wanted elements. */
int lab_configure(struct rig *rig, const struct variant *v, char why[256]);

/* ---- rig_calm.c ---- */
/* Waits until nothing moves. `strict`: and nothing is open or waiting (rig_quiet); else
 * what is open may wait for a timer (between the steps of advance). The last answers of
 * all to "status" come with it. */
typedef void(rig_calm_h)(
	int err, const char *why, json_t *const answers[RIG_ELEMENTS], void *arg);
void rig_calm(struct rig *rig, bool strict, int limit_ms, rig_calm_h *h, void *arg);
