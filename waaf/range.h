/* Ranges: the wildcarded identities that third-party WWSFs lend to their users (TR 23.701
 * 6.3.2.1, scenario 3; TS 23.003 13.5). Absent without a `registrations:` section.
 *
 * Words: a *range* is what one WWSF has: its *blocks* (wildcarded public identities), its
 * *pilot* (the identities by which they are registered) and its *members* (identities out of a
 * block that WICs registered here). A block is *live* while its WWSF's registration names it
 * (registration mode), or always (static mode: the configuration decides).
 *
 *	range_conf.c               the section
 *	range.c                    the ranges: whose, live or not; start, stop, reset, state
 *	range_store.c, schema.sql  what outlives the process
 *	wildcard_registration.c    a WWSF registers its blocks           (6.3.2.1.4)
 *	registration_w4.c          ... its requests on W4, and refusals
 *	registration_body.c        ... their bodies
 *	wildcard_member.c          a WIC registers an identity out of them (6.3.2.1.5, step 4)
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <jansson.h>

#include "common/base/fsm.h"
#include "common/crypto/digest.h"
#include "common/db/db.h"
#include "common/edge/edge.h"
#include "common/edge/limit.h"
#include "common/http/http.h"
#include "common/sip/wildcard.h"

/* ---- configuration ---- */

enum range_mode { RANGE_REGISTRATION, RANGE_STATIC };
enum { RANGE_BLOCKS_MAX = 32 };

struct range_pilot_conf {
	char *impi, *impu;
};
struct range_wwsf_conf {
	char *wwsf;                    /* its identity, and the name in its certificate */
	int mode;                      /* enum range_mode */
	struct conf_list blocks;       /* of char *: those that it may register */
	struct range_pilot_conf pilot;
	char *impi_realm;              /* of its members' IMPIs */
	struct conf_list exclude;      /* of char *: identities in the blocks that are none of it */
	char *ha1, *realm;             /* static mode: of the pilot; MD5 or SHA-256 by its length */
};
/*	registrations: {database: FILE, await: 4min, max-expires: 3600s, min-expires: 60s,
 *	                retry-after: 30s, procedures: 100, posts-per-10s: 20, members: 1000000,
 *	                wwsfs: [..]} */
struct range_conf {
	char *database;                /* NULL: no such section */
	int64_t await_ms;              /* for the WWSF's answer to a challenge */
	int64_t max_expires_ms, min_expires_ms; /* of a registration of blocks */
	int64_t retry_after_ms;        /* what is told when something is away */
	int64_t procedures;            /* under way at once */
	int64_t posts;                 /* of one WWSF in 10 s */
	int64_t members;               /* at most */
	struct conf_list wwsfs;        /* of struct range_wwsf_conf */
};
extern const struct conf_row range_conf_rows[];
/* What rows can't say; 0 too without the section. `why` as everywhere. */
int range_conf_check(const struct range_conf *c, char why[512]);
/* The HA1 of a static range, in lower case. 0, or a negative errno with a sentence. */
int range_ha1(const struct range_wwsf_conf *w, char out[DIGEST_HEX_MAX], char why[512]);

/* ---- the ranges ---- */

enum { RANGE_ID_SIZE = 33, RANGE_ENDED = 8 };
struct member;
struct procedure;

/* What its WWSF registered. */
struct registration {
	char id[RANGE_ID_SIZE];        /* "": nothing */
	uint32_t blocks;               /* bits, by the order of the configuration */
	int64_t ends_ms;               /* wall clock */
	struct timer expiry;
};
struct range {
	const struct range_wwsf_conf *conf;
	struct str pilot;              /* IMPU, canonical */
	char ha1[DIGEST_HEX_MAX];      /* static mode */
	struct sip_wildcard *blocks[RANGE_BLOCKS_MAX];
	size_t n_blocks;
	struct str *exclude;           /* canonical */
	size_t n_exclude;
	bool asked;                    /* its WWSF has registered it, now or before */
	struct registration reg;
	char ended[RANGE_ENDED][RANGE_ID_SIZE]; /* ids of earlier registrations, a ring */
	unsigned n_ended;
	struct member *members;
	int64_t n_members;
	struct procedure *procedure;   /* NULL: none under way */
	struct edge_window posts;
	char call_id[33];              /* of the pilot's REGISTERs; "": none sent yet */
	uint32_t cseq;
};

struct ranges {
	const struct range_conf *conf;
	struct host *host;
	struct db *db;
	struct range *all;
	size_t n;
	struct arena arena;
	int64_t n_members, n_procedures;
};
extern struct ranges ranges;           /* one a process; conf NULL: none */

/* After the edge and the WAF. 0, or a negative errno with a sentence. */
int ranges_start(struct host *host, const struct range_conf *conf, char why[512]);
void ranges_stop(void);                /* before the stack and the edge close; rows stay */
void ranges_reset(void);               /* as at a first start: rows gone, too */
int ranges_open(void);                 /* things under way */
/* [{id, wwsf, mode, block, state, expires, members}] */
json_t *ranges_json(void);

struct range *range_of(struct str wwsf);               /* NULL: none */
struct range *range_by_id(struct str id, bool *ended); /* of a registration; NULL: unknown */
/* Blocks that members are taken for now. */
uint32_t range_live(const struct range *r);
/* The block that holds the identity, among those; -1: none. */
int range_block(const struct range *r, uint32_t among, struct str impu);
bool range_excludes(const struct range *r, struct str impu);
/* Blocked: at the WAF, here, or by an issuer. */
bool range_blocked(const struct range *r);
/* Another WWSF's block, live or being registered, may have an identity in common with one of
 * these of `r`. */
bool range_overlaps(const struct range *r, uint32_t blocks);

/* What a procedure achieved: registered for so long, under a new id when there was none.
 * Members of blocks that are no longer named go. */
void range_registered(struct range *r, uint32_t blocks, uint32_t seconds);
/* The registration is over; members go with it unless the configuration holds them. */
void range_ended(struct range *r, const char *why, bool withdrawn);

/* Calls `h` once the changes of this turn are durable (err 0), or one of them or all are void
 * (-EIO). After a change. */
typedef void(range_durable_h)(int err, void *arg);
void range_when_durable(range_durable_h *h, void *arg);

/* ---- range_store.c ---- */

struct range_row {                     /* of a registration */
	struct str wwsf, id, blocks;   /* texts of blocks, parted by blanks */
	int64_t ends_ms;
};
struct member_row {
	struct str impu, impi, wwsf, sub, instance, contact;
	uint64_t call;
	uint32_t cseq;
	int64_t ends_ms;
};
typedef void(range_row_h)(const struct range_row *row);
typedef void(member_row_h)(const struct member_row *row);
int range_store_open(char why[512]);
void range_store_close(void);
/* 0, or -EIO with a sentence: what an unreadable file had is not taken for nothing. */
int range_store_load(range_row_h *h, member_row_h *m, char why[512]);
int range_store_put(const struct range_row *row);
int range_store_forget(struct str wwsf);
int range_store_member(const struct member_row *row);
int range_store_no_member(struct str impu);
int range_store_clear(void);
int range_store_tidy(int64_t now_ms);     /* members that ended before go */
/* Makes sure that range_when_durable's handlers are called in this turn. */
int range_store_nothing(void);

/* ---- wildcard_registration.c ---- */

/* What a WWSF asks for (registration_body.c). Texts are views of an arena. */
struct registration_ask {
	struct str wwsf, impi, impu;
	struct str block[RANGE_BLOCKS_MAX];
	size_t n_block;
	uint32_t expires;
	bool has_expires, has_credentials;
	struct str nonce, nc, cnonce, response;
};
/* 0, or -EBADMSG with a static sentence. */
int registration_read(struct str body, struct arena *a, struct registration_ask *ask,
	const char **why);
/* The credentials alone: {"credentials":{..}}, or an empty body. */
int registration_read_credentials(struct str body, struct arena *a,
	struct registration_ask *ask, const char **why);

/* A challenge as W4 shows it. */
struct registration_challenge {
	struct str realm, nonce, qop, algorithm;
};

/* The procedure of a range, asked for (again) by `req`, which it answers: blocks for so many
 * seconds, or 0 s: withdrawn. After all checks of registration_w4.c. */
void registration_run(struct range *r, struct http_req *req, uint32_t blocks, uint32_t seconds,
	const struct registration_ask *ask);
/* The blocks that are being registered; 0: none. */
uint32_t registration_wants(const struct range *r);
const char *registration_state(const struct range *r); /* NULL: no procedure */
void registration_drop(struct range *r);               /* its request is answered with 503 */
extern const struct fsm_table registration_table;      /* for its test; begins as 0 */

/* ---- registration_w4.c ---- */

enum registration_refusal {
	REGISTRATION_GOOD,
#define X(id, status, error, label, text) REGISTRATION_NO_##id,
#include "waaf/registration_refuse.def"
#undef X
	REGISTRATION_REFUSALS
};
extern const struct http_route registration_routes[];  /* for W4; ends with path NULL */
/* Each answers, once, and leaves one audit line. retry_s: Retry-After, 0: none; detail (NULL:
 * none) goes into the description. */
void registration_refuse(struct http_req *req, const struct range *r,
	enum registration_refusal no, int retry_s, const char *detail);
void registration_challenge(struct http_req *req, const struct range *r,
	const struct registration_challenge *c);
void registration_answer(struct http_req *req, const struct range *r);
void registration_gone(struct http_req *req, const struct range *r);   /* 204 */

/* ---- wildcard_member.c ---- */

/* A WIC that registered an identity out of a range. Beside its binding at the edge. */
struct member {
	struct member *next, **prev;
	struct range *range;
	struct edge_binding *binding;
	uint64_t call;                 /* hash of its Call-ID ... */
	uint32_t cseq;                 /* ... and the last CSeq in it (RFC 3261 10.3) */
	uint16_t n_sub, n_contact;
	char text[];                   /* sub of its token; URI of its Contact */
};
extern const struct edge_registrar member_registrar;
void member_load(const struct member_row *row);
/* Those whose block is none of `live` go, their sockets with them. */
void members_drop(struct range *r, uint32_t live, enum edge_close code, const char *why);
void members_forget(struct range *r);  /* unannounced: bindings and rows stay */
json_t *member_json(struct str impu);  /* [{impu, impi, sub, wwsf, expires, flow}] */
