/* The subscriber store: SQLite, one file (schema.sql). One process has it open; what it
 * changes during a batch is committed together.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <jansson.h>

#include "common/base/mem.h"
#include "common/crypto/aka.h"
#include "hss/subscription.h"

struct store;

enum reg_state { NOT_REGISTERED, UNREGISTERED, REGISTERED };
const char *reg_state_name(enum reg_state s);  /* "not-registered" */

/* A missing file is created. -EINVAL another version, or not one of our databases; -EBUSY
 * somebody else has it; a sentence in `why`. */
int store_open(const char *path, struct store **out, char why[512]);
/* Names the file with the key of what is sealed (NULL: the database's own, FILE.key); before it
 * no key of a USIM is stored or told. When something is sealed, the key must be the one: errors
 * as of seal_open, -EBADMSG another key; a sentence in `why`. */
int store_unlock(struct store *s, const char *file, char why[512]);
void store_close(struct store *s);

/* Changes between these two become durable together. store_commit: 0 or -EIO; then none
 * of them happened. Outside of them each change is committed by itself. */
void store_begin(struct store *s);
int store_commit(struct store *s);
/* The same for a bundle that is given up as a whole when a part of it fails. */
int store_begin_all(struct store *s);
void store_undo_all(struct store *s);

/* What one request needs to know of the identities that it names. */
struct found {
	bool has_impi, has_impu;       /* they exist */
	bool associated;               /* the one may use the other */
	int64_t impi, impu, subscription, implicit_set;
	int kind;                      /* enum impu_kind */
	bool barred, may_register, auth_pending;
	bool fixed;                    /* its S-CSCF stays, and it is never less than unregistered */
	int64_t pool;                  /* the template that it has its service profiles of; 0: none */
	enum reg_state state;
	struct str server_name, origin_host;           /* p NULL: no S-CSCF */
	struct str visited_networks, mandatory, optional, server_names;
	int scheme;                    /* enum auth_scheme */
	struct str realm, ha1, ha1_sha256;
	/* Not the store's: it was found for a web identity, by these (hss_find_web). */
	bool web;
	struct str private, public;
};
/* 0, or -EIO for a database fault. impi p NULL: the public identity alone. Texts go into
 * the arena. */
int store_find(struct store *s, struct str impi, struct str impu, struct arena *a,
	struct found *out);
/* The registration of a public identity by whoever may use it. 0 or -EIO. */
int store_aggregate(struct store *s, const struct found *f, enum reg_state *out);
/* What a private identity shares with its USIM, which the caller wipes. 0, -ENOENT none, -EBADMSG
 * it can't be opened, -EIO. */
struct usim_row {
	struct milenage keys;
	uint8_t amf[2];
	uint64_t sqn;                  /* of the last vector */
};
int store_usim(struct store *s, const struct found *f, struct str impi, struct usim_row *out);
int store_usim_sqn(struct store *s, const struct found *f, uint64_t sqn);  /* 0 or -EIO */
/* Services of an identity for when it is not registered (TS 29.228 6.1.4.1 step 3). */
bool store_unregistered_services(struct store *s, const struct found *f, struct str impu);
/* True when an identity of the set is neither barred nor other than a distinct IMPU. */
bool store_set_usable(struct store *s, const struct found *f);

/* ---- identities that are not in the database ---- */

/* Canonical text of the wildcard that an identity is a member of, `named` if it is one of
 * these; p NULL: of none. Good until something is provided. */
struct str store_wildcard(struct store *s, struct str identity, struct str named);
/* 1: a pool takes this pair, of which nothing is known: *out is as its template says, without
 * identities. 0: none does, or it is full. -EIO. */
int store_pooled(struct store *s, struct str impi, struct str impu, struct arena *a,
	struct found *out);
/* Makes the pair known that `f`, of store_pooled, is about. 0 or -EIO. */
int store_pool_take(struct store *s, const struct found *f, struct str impi, struct str impu,
	struct arena *a);
/* Forgets a pair of a pool, known by these names. 0 or -EIO. */
int store_pool_give_back(struct store *s, const struct found *f, struct str impi, struct str impu);

/* Members of an IMPU's implicit registration set that this IMPI may use, in order. */
struct member {
	int64_t impu, profile;
	struct str identity, display_name;
	int kind;
	bool barred;
};
/* Their number, or -EIO. */
int store_set(struct store *s, const struct found *f, struct arena *a, struct member *out,
	size_t room);
/* Private identities of the subscription; with `registered_impu` not 0 those that register
 * it. Their number, or -EIO. */
int store_impis(struct store *s, int64_t subscription, int64_t registered_impu,
	struct arena *a, struct str *out, size_t room);
/* Public identities of a private one, one for each implicit set. */
int store_sets_of(struct store *s, struct str impi, struct arena *a, struct str *out,
	size_t room);

struct charging {
	struct str ecf[2], ccf[2], allowed_wafs, allowed_wwsfs;  /* allowed: p NULL, no list */
};
int store_charging(struct store *s, int64_t subscription, struct arena *a,
	struct charging *out);

/* ---- registration state; 0 or -EIO ---- */
int store_assign(struct store *s, const struct found *f, struct str server_name,
	struct str origin_host);
int store_pending(struct store *s, const struct found *f, bool pending);
/* The whole set of the IMPU; impi 0: for all that may use it. */
int store_register(struct store *s, const struct found *f, int64_t impi, enum reg_state state);
/* Forgets the S-CSCF unless an identity of the subscription still has a use for it, or it is
 * fixed. */
int store_release(struct store *s, const struct found *f);
int store_reset(struct store *s);      /* nobody is registered any more, pools are empty,
                                        * sequence numbers of USIMs are as they were provided */

/* ---- provisioning ---- */
enum store_added { STORE_ADDED, STORE_SAME, STORE_REPLACED };
/* One that is there already is left alone when it is the same; else it is replaced when
 * `replace`, or -EEXIST. -EEXIST too for an identity of another subscription. */
int store_add(struct store *s, const struct subscription *sub, bool replace,
	enum store_added *out, char why[512]);
/* By its name, or an identity of it. 0, -ENOENT, -EIO. */
int store_remove(struct store *s, struct str name);
/* Everything but the hashed passwords; NULL when there is none. */
json_t *store_show(struct store *s, struct str name);
/* Names after `after` (p NULL: from the start), at most `limit`. */
json_t *store_list(struct store *s, struct str after, int64_t limit);
int64_t store_count(struct store *s);

/* iFCs of a service profile, each as a row of filter and its trigger points, for the
 * writer of User-Data. */
typedef void(store_filter_h)(int64_t filter, int64_t priority, int part, int cnf,
	struct str server, int default_handling, struct str service_info, void *arg);
typedef void(store_spt_h)(int64_t group, bool negated, int kind, struct str value,
	struct str content, void *arg);
int store_filters(struct store *s, const struct found *f, int64_t profile, store_filter_h *h,
	void *arg);
int store_triggers(struct store *s, int64_t filter, store_spt_h *h, void *arg);
