/* A subscription as it is provided: the YAML of docs/subscribers.md in structs.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/conf/conf.h"

/* AUTH_NONE: no credentials here, others vouch for the user. */
enum auth_scheme { AUTH_DIGEST, AUTH_AKA, AUTH_NONE };
/* IdentityType of TS 29.228 Annex E. */
enum impu_kind { IMPU_DISTINCT, PSI_DISTINCT, PSI_WILDCARD, IMPU_NON_DISTINCT, IMPU_WILDCARD };
enum spt_kind { SPT_METHOD, SPT_REQUEST_URI, SPT_HEADER, SPT_SESSION_CASE, SPT_SDP_LINE };

struct sub_impi {
	char *impi, *password, *ha1, *ha1_sha256, *realm;
	char *k, *op, *opc, *amf, *sqn;        /* of a USIM, hexadecimal */
	int scheme;                    /* enum auth_scheme */
	struct conf_list algorithms;   /* of char *; none: MD5 */
};
struct sub_impu {
	char *where;                   /* "FILE:LINE:COL"; NULL: of a range */
	char *impu, *display_name;
	int64_t set, profile;
	int kind;                      /* enum impu_kind */
	bool barred;
	struct conf_list private;      /* of char *: who may use it; none: all */
};
struct sub_condition {
	int64_t group;
	bool negated;
	char *method, *request_uri, *header, *content, *sdp_line;
	int session_case;              /* 0: none; else Annex E's number + 1 */
};
struct sub_filter {
	int64_t priority, profile;
	int part;                      /* 0: both, 1: registered, 2: unregistered */
	int match;                     /* 0: all groups (CNF), 1: any group (DNF) */
	char *server, *service_info;
	int default_handling;          /* 0: continue, 1: terminate */
	struct conf_list conditions;   /* of struct sub_condition */
};
struct subscription {
	char *where, *name;
	bool may_register;
	struct conf_list visited;      /* of char * */
	struct {
		struct conf_list mandatory, optional;  /* of int64_t */
		struct conf_list server_names;         /* of char * */
	} capabilities;
	struct {
		char *primary_ecf, *secondary_ecf, *primary_ccf, *secondary_ccf;
	} charging;
	struct {
		bool applies;
		struct conf_list wafs, wwsfs;          /* of char * */
	} allowed;
	struct {                       /* unregistered from the start, with this S-CSCF for good */
		char *server_name;     /* NULL: no such subscription */
		char *origin_host;
	} unregistered;
	/* A pool, managed by a third party (TS 29.228 6.1.1.1 step 0): a template for the
	 * subscriptions of identities that fit both wildcards. It has none of its own. */
	struct {
		char *impi, *impu;     /* NULL: no pool */
		int64_t max;
	} pool;
	struct conf_list impis;        /* of struct sub_impi */
	struct conf_list impus;        /* of struct sub_impu */
	struct conf_list filters;      /* of struct sub_filter */
};
struct subscriptions {
	struct conf_list items;        /* of struct subscription */
};

/* Reads and checks; identities are brought into their canonical form. 0, -ENOENT or
 * -EINVAL with one sentence. */
int subscriptions_load(const char *path, struct subscriptions *out, struct arena *a,
	char why[512]);
int subscriptions_load_text(struct str yaml, const char *name, struct subscriptions *out,
	struct arena *a, char why[512]);
/* One subscription of a range: `name` with one %d or %0Nd stands for the user's name,
 * IMPI name@realm, IMPU sip:name@realm. `password` and `k` may have a %d too; with `k` it has a
 * USIM, else a password (NULL: the name). */
struct range {
	const char *name, *realm, *password;
	const char *k, *opc;           /* NULL: no USIM */
};
int subscription_of_range(const struct range *r, int64_t number, struct subscription *out,
	struct arena *a, char why[512]);

/* A hash of all that it says: equal subscriptions have equal ones. */
uint64_t subscription_fingerprint(const struct subscription *s);
/* A public identity as it is compared (TS 29.229 6.3.2), by sip_uri_canonical; p NULL when it
 * can't be one. */
struct str impu_canonical(struct str impu, struct arena *a);
/* Wildcards are kept as texts; both kinds of public identity have them. */
bool impu_is_wildcard(int kind);
/* A pool's private identities, "guest!.*!@realm": their wildcard is one of sip: URIs. */
struct str pool_impi_uri(struct str impi, struct arena *a);
