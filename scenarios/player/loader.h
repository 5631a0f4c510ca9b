/* Private to script.c and the files that it is divided into: a script while it is being loaded.
 *
 * The flow is read anew for every variant, in the variant's *scope*: its roles, its actors
 * with their settings, and the values given to the ladder at hand.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "scenarios/player/script.h"
#include "scenarios/player/yaml.h"

/* What script_free releases besides the arena. */
struct script_own {
	struct script script;
	struct regexes regexes;
};

enum { TOP_ID, TOP_TITLE, TOP_DOCUMENT, TOP_TEXT, TOP_RIG, TOP_ACTORS, TOP_ROLES, TOP_LADDERS,
	TOP_INCLUDE, TOP_FLOW, TOP_NEVER, TOP_VARIANTS, TOP_MATRIX, TOP_COUNT };

/* The script's file, or one that it includes. */
struct source {
	struct source *next;
	struct yaml y;
	struct yaml_found top[TOP_COUNT];
};

struct role {
	const char *name, *is;
};

/* What ${KEY} stands for inside a ladder. */
struct param {
	struct param *next;
	struct str key, value;
	bool used;
};

struct loader {
	struct script *s;
	struct arena *arena;
	struct regexes *regexes;
	const char *root;
	char *why;
	struct source *sources;        /* the script's own first */
	struct yaml *y;                /* of the nodes at hand */
	int last_group, last_part, depth; /* of groups; of ladders in ladders */
	/* the scope */
	struct role *roles;
	size_t n_roles;
	struct actor_decl *actors;
	size_t n_actors;
	const char *const *processes;
	size_t n_processes;
	struct param *params;
	bool keep_unknown;             /* an unknown ${KEY} stays: the actor fills it */
};

/* Makes room for one more item behind n in arena memory: LIST_ADD(a, p, n) is the new
 * item's address. Rows of a script are few, so that growth may leave its old copy. */
void *list_grow(struct arena *a, void *p, size_t n, size_t size);
#define LIST_ADD(a, p, n) ((p) = list_grow((a), (p), (n), sizeof *(p)), &(p)[(n)++])

json_t *loader_own(struct loader *l, json_t *j);       /* the script owns it now; returns j */

/* ---- scope.c ---- */
/* Opens the scope of a variant: roles and actors of the sources and of `own` and `further`
 * (a variant's, may be NULL, in the document at hand). */
int scope_open(struct loader *l, struct yaml_found own_roles, struct yaml_found further);
struct actor_decl *scope_actor(const struct loader *l, struct str name);
/* The element or actor behind a name or role, NULL when there is none. */
const char *scope_name(const struct loader *l, struct str name);
/* A process of this rig behind a name or role, else NULL. */
const char *scope_process(const struct loader *l, struct str name);
/* Puts the values of ${KEY} and ${actor.setting} in. 0 or -EINVAL (refused at pos). */
int scope_text(struct loader *l, struct str in, struct script_pos pos, struct str *out);
int scope_json(struct loader *l, json_t *in, struct script_pos pos); /* all its texts */
/* Member of a mapping, for faults that the actors' own checks find. */
struct script_pos scope_member(
	struct loader *l, struct fy_node *map, const char *key, struct script_pos dflt);
/* Names and roles in the settings and options that name a node become the node's name. */
void scope_nodes(const struct loader *l, json_t *options);

/* ---- step.c; `pos` is that of the key above; lists are appended to ---- */
struct fault_list {
	struct fault *p;
	size_t n;
};
int load_steps(struct loader *l, struct fy_node *list, struct step **steps, size_t *n);
int load_actions(struct loader *l, struct fy_node *node, struct script_pos pos,
	struct action **out, size_t *n);
int load_expects(struct loader *l, struct fy_node *node, struct script_pos pos, bool never,
	struct expect **out, size_t *n);
int load_checks(struct loader *l, struct fy_node *list, struct check **out, size_t *n);

/* ---- message.c ---- */
struct str message_text(struct loader *l, struct fy_node *node);     /* p NULL: none */
int load_pattern(
	struct loader *l, struct fy_node *node, struct script_pos pos, struct pattern *out);

/* ---- fault.c ---- */
int load_faults(struct loader *l, struct fy_node *node, struct script_pos pos,
	struct fault_list *out);

/* ---- one run ---- */
enum { V_ID, V_TEXT, V_SET, V_ACTORS, V_ROLES, V_FAULT, V_BEFORE, V_DO, V_EXPECT, V_CHECK, V_FROM, V_FLOW, V_AFTER, V_NEVER, V_RIG, V_REFUSED, V_COUNT };

/* One value of one axis of the matrix. */
struct choice {
	struct source *source;
	struct yaml_found axis;
	struct fy_node *key, *value;
};
enum { MAX_AXES = 8 };

/* What makes one run: the script, a variant of it or none, and a combination. */
struct recipe {
	struct source *source;         /* where the variant stands */
	struct fy_node *variant;       /* NULL: base */
	struct choice choices[MAX_AXES];
	size_t n_choices;
	struct yaml_found f[V_COUNT];  /* of the variant */
};

/* script_rig.c: the script's rig, then what the variant and the matrix set in it. */
int load_rig(struct loader *l, const struct recipe *r, struct variant *v);
const char *rig_key(struct loader *l, const struct variant *v);

/* variant.c: adds the run to the script, in a scope of its own. */
int load_run(struct loader *l, struct recipe *r);

/* matrix.c: fills s->variants. */
int load_variants(struct loader *l);
