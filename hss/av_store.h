/* The AV proxy's store: one SQLite file (av_schema.sql), HA1s sealed with a key in a file of its
 * own (seal.h). Keyed by web identity and WWSF; a web identity stands for one pair of IMPI and
 * IMPU, whatever the WWSF, since UAR and SAR name no WWSF.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <jansson.h>

#include "hss/av_file.h"

struct av_store;

/* Missing files are created; `key` NULL: the database's name with .key behind it. A database of another version or kind, one that somebody else has,
 * one that the key does not open, a key that is missing, open to others or none: a sentence in
 * `why`; nothing is changed then. */
int av_store_open(const char *database, const char *key, struct av_store **out, char why[512]);
void av_store_close(struct av_store *s);       /* NULL: nothing */

/* ---- synchronisation ---- */

/* Is that pair registered, or being authenticated? Its web identity's mapping stays then, though
 * withdrawn. */
typedef bool(av_registered_h)(struct str impi, struct str impu, void *arg);

struct av_import {
	const char *path;
	int64_t now_ms, max_age_ms;    /* since 1970; max_age 0: any age */
	bool changed;                  /* a file that was imported before, or is older than what
					* is stored, is left alone */
	av_registered_h *registered;   /* NULL: nobody is */
	void *arg;
};
struct av_imported {
	char wwsf[AV_NAME_MAX];
	int64_t users, withdrawn;
	bool same;                     /* left alone */
};
/* What the file says takes the place of all that is stored for its WWSF, or nothing changes:
 * -ENOENT, -EINVAL, -EIO with a sentence "FILE:LINE: ...". */
int av_store_import(struct av_store *s, const struct av_import *i, struct av_imported *out,
	char why[512]);

/* ---- what requests ask ---- */

struct av_mapping {
	struct str impi, impu;
	bool current;                  /* a WWSF's last synchronisation has it */
};
/* 1: *out; 0: not known; -EIO. */
int av_store_map(struct av_store *s, struct str web_identity, struct arena *a,
	struct av_mapping *out);

struct av_vector {
	struct str realm, ha1[AV_ALGORITHMS];  /* p NULL: not with this algorithm */
	int64_t synchronised_ms;
};
enum av_found { AV_UNKNOWN, AV_FOUND, AV_OTHER_WWSF };
/* enum av_found, or -EIO: the database has a fault, or the key does not open what is stored. */
int av_store_vector(struct av_store *s, struct str web_identity, struct str wwsf, struct arena *a,
	struct av_vector *out);

/* ---- what people ask ---- */

/* {"wwsfs":[{"wwsf","realm","synchronised","age_s","stale","users"}],"oldest_ms"} */
json_t *av_store_status(struct av_store *s, int64_t now_ms, int64_t max_age_ms);
/* Web identities after `after` (p NULL: from the start), of one WWSF (p NULL: of all). */
json_t *av_store_list(struct av_store *s, struct str wwsf, struct str after, int64_t limit);
/* Where a web identity is known, without secrets: a list, empty when it is not. */
json_t *av_store_show(struct av_store *s, struct str web_identity);
/* A web identity at one WWSF or (p NULL) all, or (web_identity p NULL) all of a WWSF. Their
 * number, -ENOENT: nothing is known by that name, or -EIO. `registered` as in struct av_import. */
int64_t av_store_remove(struct av_store *s, struct str web_identity, struct str wwsf,
	av_registered_h *registered, void *arg);
