/* Actors: what plays a part in a script and is no element. They live in the player's
 * process, each with an address, a fault gate and a trace of its own; nothing of them is
 * a copy of an element.
 *
 * To add a kind: fill a struct actor_kind in actor_<kind>.c, put it into the table of
 * actor.c, and describe its verbs in docs/scenarios.md.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <jansson.h>

#include "common/net/host.h"
#include "common/net/stream.h"
#include "common/sip/msg.h"
#include "scenarios/player/play.h"
#include "scenarios/wic/card.h"

struct actor;

enum option_type {
	OPTION_TEXT,
	OPTION_NUMBER,
	OPTION_SECONDS,
	OPTION_SWITCH,
	OPTION_MAP,
	OPTION_LIST,
	OPTION_ANY,
	OPTION_WORD
};
struct actor_option { /* lists end with name NULL */
	const char *name;
	enum option_type type;
	const char *const *words; /* OPTION_WORD, ends with NULL */
};

/* Acts. 0: done, the message is with its transport. -EAGAIN: what it needs is not there
 * yet (a connection, a challenge) with what that is in `why`: it is tried again, for at
 * most 5 s. Else a negative errno with a sentence. `options` is complete: a wic's
 * settings with the verb's own laid over them. */
typedef int(actor_verb_h)(struct actor *a, const json_t *options, char why[256]);
struct actor_verb { /* lists end with name NULL */
	const char *name;
	const struct actor_option *options;
	actor_verb_h *run;
};

struct actor_kind {
	const char *name;
	const struct actor_option *settings;
	const struct actor_verb *verbs;
	bool settings_are_options; /* a verb may override any setting once */
	/* Takes a->settings; nothing connects yet, but listeners open. */
	int (*open)(struct actor *a, char why[256]);
	/* Starts closing everything; nothing of it acts any more. a->self stays: it is
	 * freed with the actor, when the rig goes. */
	void (*close)(struct actor *a);
	/* After close: has the last connection gone? NULL: at once. */
	bool (*closed)(const struct actor *a);
	/* Things under way: the rig is not quiet while it isn't 0. */
	int (*busy)(const struct actor *a);
	/* What it has been told, for ${actor.name} in the options of any actor's verb; NULL:
	 * not (yet). The kind may have none. */
	const char *(*learnt)(const struct actor *a, struct str name);
};

struct actor {
	struct rig *rig;
	const struct actor_kind *kind;
	char *name;
	struct host host;
	struct addr addr; /* port 0 */
	json_t *settings;
	void *self;	  /* one block, malloc'd by kind->open */
	int attempt;	  /* of the verb that runs: 0 the first time, then rising */
	char reason[256]; /* last warning, for the verdict's line */
	struct actor *next;
};

/* Makes the actor at 127.R.0.<last_octet>; `*out` only on success. */
int actor_open(struct rig *rig, const struct actor_decl *decl, const struct addr *addr,
	struct actor **out, char why[256]);
void actor_free(struct actor *a);
/* The octet that `settings` asks for (`address`: number or element), or 0. */
int actor_octet(const json_t *settings);
int actor_do(struct actor *a, const char *verb, const json_t *options, char why[256]);
/* One line to the log and to the verdict's reason. */
void actor_warn(struct actor *a, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Reading options; the types were checked when the script was loaded. */
const char *option_text(const json_t *o, const char *name, const char *dflt);
int64_t option_number(const json_t *o, const char *name, int64_t dflt);
bool option_switch(const json_t *o, const char *name, bool dflt);
bool option_absent(const json_t *o, const char *name); /* the word "absent" */
struct card_conf actor_usim(const json_t *o); /* k, op, opc, sqn */

/* Fills ${...} of a script's text: the rig's values, and what `find` knows (NULL: nothing
 * more); others are left as they are. */
typedef bool(actor_var_h)(struct actor *a, struct str name, struct buf *out);
void actor_fill(struct actor *a, struct str text, actor_var_h *find, struct buf *out);
/* A script's lines end with LF; on the wire it is CRLF. */
void actor_crlf(struct str text, struct buf *out);
/* `hex` (blanks allowed) as octets, appended; 0, or -EINVAL with a sentence. */
int actor_hex(const char *hex, struct buf *out, char why[256]);
/* Address of a script's target: an element, an actor, a name or numbers, with the default
 * port. 0, or -ENOENT with a sentence. */
int actor_target(
	struct actor *a, const char *to, uint16_t port, struct addr *out, char why[256]);
/* TLS of a client: `certificate` NULL or "none": none; an element's or actor's name: its
 * certificate; "foreign": one by another CA. */
int actor_tls(struct actor *a, const char *certificate, bool server, struct tls **out,
	char why[256]);

/* How requests are answered, as `answers` told: rules, tried in their order. */
struct replies {
	json_t *rules; /* array of {method, status, reason, headers, body, type, times} */
};
extern const struct actor_option reply_options[];
void reply_add(struct replies *r, const json_t *rule);
/* Writes the response to `req`; the status, or 0 when no rule is for it. */
int reply_write(struct replies *r, const struct sip_msg *req, const char *to_tag,
	struct buf *out);
void reply_free(struct replies *r);

extern const struct actor_kind actor_wic, actor_sip_peer, actor_ws_client,
	actor_https_client, actor_cx_peer;
