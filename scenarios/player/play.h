/* The scenario player's inner boundary: what the judging half (script, expect, judge,
 * collector, evidence, run) and the acting half (rig, processes, clock, actors) give each
 * other.
 *
 * Glossary: a *script* is one YAML file; a *variant* is one run of it, with everything it
 * inherits folded in; a *step* has actions and expectations; a *record* is one arrow of
 * the ladder, made of the sent and the received trace of one message; a *rig* is a set of
 * running elements on a network 127.R.0.x of its own.
 *
 * One libuv loop; no globals: several rigs may stand side by side. Done-callbacks never
 * fire before the call returns, and fire exactly once.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <jansson.h>
#include <uv.h>

#include "common/base/addr.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/trace/trace.h"

/* ---- script: the loaded tree (script.c) ---------------------------------------------- */

struct script_pos {
	const char *file;      /* as it was named to the loader */
	int line, col;         /* from 1; 0: not from a file */
};

/* One row of `rig.set`, of a variant's `set` or of a matrix. */
struct setting {
	const char *owner;     /* process or actor */
	const char *path;      /* "nonce-life", "origins.0.auth"; dotted, a number is an index */
	json_t *value;
	struct script_pos pos;
};

struct actor_decl {
	const char *name;
	const char *kind;      /* "wic", "sip-peer", "cx-peer", "https-client", "ws-client" */
	json_t *settings;      /* object without `kind`; a variant's `set` is merged in */
	struct script_pos pos;
};

/* A rule for a fault gate, ready for gate_add but for match.peer. */
struct fault {
	const char *node;      /* element or actor whose gate takes it; NULL: every one */
	const char *peer;      /* the other end's name; put its address as match.peer; NULL: any */
	json_t *rule;
};

enum action_kind {
	ACTION_ACTOR,          /* actor, verb, options */
	ACTION_ADVANCE,        /* ms */
	ACTION_FAULT,          /* fault */
	ACTION_RELEASE,
	ACTION_UNFAULT,
	ACTION_WAIT_QUIET,
	ACTION_STOP,           /* process */
	ACTION_KILL,           /* process */
	ACTION_START,          /* process */
	ACTION_ADMIN,          /* process, options: the whole command object without `at` */
};

struct action {
	enum action_kind kind;
	const char *text;      /* as a person reads it: "alice registers", "advance 241s" */
	const char *actor, *verb;
	const char *process;
	int64_t ms;
	int64_t count;         /* release: so many messages */
	json_t *options;       /* object, never NULL; empty when none were given */
	struct fault fault;
	struct script_pos pos;
};

struct check {                 /* of a step: what an element says of its state */
	const char *at;
	json_t *command;       /* {"cmd":..., args} as sent */
	struct check_is {
		const char *path; /* dotted; a number is an index */
		struct value *value;
		struct script_pos pos;
	} *is;
	size_t n_is;
	struct script_pos pos;
};

struct expect;                 /* expect.h */

struct step {
	const char *name;      /* "3", "7-8" */
	const char *text;      /* may be NULL */
	struct action *actions;
	size_t n_actions;
	struct expect *expects; /* ladders and groups already unfolded (expect.h) */
	size_t n_expects;
	struct expect *nevers;
	size_t n_nevers;
	struct check *checks;
	size_t n_checks;
	struct script_pos pos;
};

/* One run, everything inherited folded in. */
struct variant {
	const struct script *script;
	const char *id;        /* "base", "expired-token", "epcscf.transport=udp" */
	const char *text;      /* may be NULL */
	const char *const *processes;      /* in the script's order */
	size_t n_processes;
	const char *const *subscribers;    /* absolute paths */
	size_t n_subscribers;
	struct setting *settings;          /* of elements alone; later ones win */
	size_t n_settings;
	struct actor_decl *actors;
	size_t n_actors;
	struct fault *faults;              /* in force from the start */
	size_t n_faults;
	struct step *steps;
	size_t n_steps;
	struct expect *nevers;
	size_t n_nevers;
	/* `refused`: this process must end at start with exit code 4 and such a last line;
	 * there is no flow then. NULL: not asked. */
	const char *refused_process;
	struct value *refused_why;
	bool own_rig;          /* asked for, or it stops, kills or starts a process */
	const char *rig_key;   /* equal: the rig may be shared (unless own_rig) */
};

struct script {
	const char *file, *id, *title, *text;
	const char *doc_name, *doc_clause, *doc_figure;    /* each may be NULL */
	struct variant *variants;          /* [0] is "base", when the script has a flow */
	size_t n_variants;
	struct arena arena;    /* owns all of the above but json_t */
	json_t *json;          /* array that owns every json_t of the tree */
};

/* ---- checks at load time (acting half) ------------------------------------------------
 * Called while a script is loaded, so that a wrong verb, option or setting is an error of
 * the script and nothing is run. 0, or -EINVAL with a sentence in `why` ("alice (wic) has
 * no verb \"dances\"; it has: connects, ...") and in *key the member of `options` or
 * `settings` that is wrong (NULL: the verb, the kind or the whole). */
int actor_check_settings(const char *kind, const json_t *settings, const char **key,
	char why[256]);
int actor_check_verb(const char *kind, const char *verb, const json_t *options,
	const char **key, char why[256]);
/* Is `name` one of the elements a rig can start ("hss" ... "wwsf")? */
#define RIG_DOMAIN "ims.example.org"     /* elements are <process>.ims.example.org */
bool rig_is_process(const char *name);
/* The element that a part with a name and an address of its own belongs to: the HSS of `avproxy`;
 * NULL when it is no such part. */
const char *rig_part_of(const char *name);

/* ---- collector: traces in, records out (collector.c) ---------------------------------- */

struct record {
	uint32_t number;       /* place in the run, from 1 */
	enum trace_proto proto;
	enum trace_via via;
	const char *from, *to; /* names; an unknown address as text */
	struct addr src, dst;
	uint64_t sent_ns;      /* CLOCK_MONOTONIC; 0: the sending side was not traced */
	uint64_t received_ns;  /* 0: not (yet) received */
	uint64_t conn;         /* connection at the side seen first; 0: datagram */
	int64_t wall_ms, offset_ms;
	struct str bytes;      /* the collector's copy, good until collector_clear */
};

struct collector;
/* A new record (first side seen), and again with `paired` true when its other side came. */
typedef void(collector_record_h)(struct record *r, bool paired, void *arg);
/* The name behind an address, NULL when unknown; port ignored where a host is one node. */
typedef const char *(collector_name_h)(const struct addr *a, void *arg);

/* Opens the HEP listener 127.R.0.1:9060 of a free network R (`network` 0: the first free
 * one; else that one or -EADDRINUSE). The socket is the lock of R. */
int collector_open(uv_loop_t *loop, int network, struct collector **out);
void collector_close(struct collector *c);         /* memory goes by itself */
int collector_network(const struct collector *c);  /* R */
const char *collector_target(const struct collector *c); /* "tcp:127.R.0.1:9060" */
void collector_set(struct collector *c, collector_record_h *h, collector_name_h *name, void *arg);
/* Trace sink for actors: trace_sink(clock, "alice", collector_sink, collector). */
void collector_sink(const struct trace_msg *m, void *collector);
/* Records taken from that node since its start, to compare with its status "traced". */
uint64_t collector_count(const struct collector *c, const char *node);
void collector_forget_node(struct collector *c, const char *node); /* its count to 0: it restarts */
void collector_clear(struct collector *c);         /* between variants: records gone */

/* ---- rig (acting half) ---------------------------------------------------------------- */

struct rig;
/* err 0, or a negative errno with one sentence. -ENOTSUP: can't run here (inconc). */
typedef void(rig_done_h)(int err, const char *why, void *arg);
typedef void(rig_admin_h)(int err, const json_t *answer, void *arg); /* answer good during the call */

struct rig_conf {
	uv_loop_t *loop;
	struct collector *collector;       /* gives the network and takes the traces */
	const char *dir;       /* exists; configs, sockets, <element>.log, databases go here */
	const char *bin_dir;   /* the element programs */
	const char *root;      /* the directory scenarios/; NULL: that of the build */
	uint64_t seed;         /* 0: the system's chance */
	const char *ca_dir;    /* the directory of the CA; NULL: one beside the programs */
	const char *extra_addr; /* further address in every certificate; NULL: none */
	/* A process ended that nobody had told to; `line` is the last line of its log. */
	void (*died)(const char *element, const char *line, void *arg);
	void *arg;
};

/* Starts the elements of `v` (processes, subscribers, settings) and calls `h` when all are
 * ready and their Cx links are up. Takes v's settings only; any variant of the same rig_key
 * may be begun on it. On error the rig is still to be closed. */
int rig_open(const struct rig_conf *conf, const struct variant *v, rig_done_h *h, void *arg,
	struct rig **out);
/* After rig_open failed: the process that ended by itself (NULL: none did), its exit code
 * and the last line of its log. */
const char *rig_failed(const struct rig *rig, int *exit_code, const char **line);
/* Makes v's actors (not yet connected) and sets its faults. */
void rig_begin(struct rig *rig, const struct variant *v, rig_done_h *h, void *arg);
/* Ends the actors, takes faults away, resets every element and checks that its idle gauges
 * are zero; the clock goes on from where it is. */
void rig_reset(struct rig *rig, rig_done_h *h, void *arg);
/* Stops everything; *rig is gone when `h` fires. */
void rig_close(struct rig *rig, rig_done_h *h, void *arg);

/* Runs one action; `h` when the act is done: the message handed to its transport, the
 * connection open or refused, the time reached, the process ready. What goes over the
 * wires is the judge's affair: a refused connection is no error of the action. */
void action_run(struct rig *rig, const struct action *a, rig_done_h *h, void *arg);
/* No transaction open, nothing under way, all traces arrived. -ETIMEDOUT after limit_ms of
 * real time, with who is still busy. */
void rig_quiet(struct rig *rig, int limit_ms, rig_done_h *h, void *arg);
/* The same, but what is open may wait for a timer, as long as nothing moves. */
void rig_still(struct rig *rig, int limit_ms, rig_done_h *h, void *arg);
void rig_advance(struct rig *rig, int64_t ms, rig_done_h *h, void *arg);
void rig_admin(struct rig *rig, const char *element, const json_t *command, rig_admin_h *h,
	void *arg);

/* Name of the element or actor at an address; NULL: unknown. */
const char *rig_name(const struct rig *rig, const struct addr *a);
/* Is the node alive and traced? False for a stopped process and for external elements:
 * what they should have received or sent has one side only. */
bool rig_traced(const struct rig *rig, const char *name);
/* The reason that the element gave: its last warning or error line since rig_begin ("",
 * when none). Actors too. */
const char *rig_reason(const struct rig *rig, const char *name);
int64_t rig_offset_ms(const struct rig *rig);

/* ---- commands of imsrig (main.c dispatches) ------------------------------------------- */
int run_main(int argc, char **argv);
int list_main(int argc, char **argv);
int bench_main(int argc, char **argv);
int up_main(int argc, char **argv);                /* acting half */
int ca_main(int argc, char **argv);
