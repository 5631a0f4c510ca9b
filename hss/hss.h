/* The HSS: what its procedures share.
 *
 *	hss.c              start, identities of a request, refusals
 *	cx_uar.c           may this user register, and where?            (TS 29.228 6.1.1)
 *	cx_mar.c           credentials for a challenge                   (6.3.1)
 *	cx_mar_aka.c       ... of a USIM     cx_mar_web.c  ... of a web identity (TR 33.871)
 *	cx_sar.c           registrations, and their ends                 (6.1.2)
 *	cx_lir.c           who serves this identity?                     (6.1.4)
 *	web_identity.c     web identities, and what they are mapped to   (TR 33.871)
 *	av_*.c             the AV proxy: its store, synchronisations, commands
 *	store.h            the database: store.c what requests ask, provision.c subscriptions,
 *	                   store_aka.c keys of USIMs, wildcard.c members of wildcards and pools
 *	subscription.h     a subscription in YAML        user_data.h  ... in XML for the S-CSCF
 *	subscriber.h       commands on subscribers       cli.h        ... from a command line
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/conf/conf.h"
#include "common/cx/cx.h"
#include "hss/store.h"

struct hss_peer {
	char *host;
	struct addr addr;
};
/* The AV proxy (docs/av-proxy.md). */
struct hss_av_conf {
	char *database;                        /* NULL: there is none */
	char *key;
	struct conf_list files;                /* of char *: synchronisations imported at start */
	int64_t max_age_ms;                    /* of a synchronisation; 0: any */
	struct addr address;                   /* where the trace shows it */
	char *identity;
};
struct hss_conf {
	struct {
		char *identity, *realm;
		struct addr listen;
		struct conf_list peers;        /* of struct hss_peer */
		int64_t max_outstanding;
	} cx;
	char *database;
	char *seal_key;                        /* file; NULL: that of the database */
	struct conf_list subscribers;          /* of char *: files loaded at start */
	struct conf_list visited_networks;     /* of char *: where roaming is allowed */
	bool keep_server_name;                 /* SAR types 6 and 7 */
	bool explicit_wildcard;                /* a wildcard may be registered by itself */
	struct hss_av_conf av;
};
extern const struct conf_row hss_conf_rows[];

struct hss {
	struct host *host;
	const struct hss_conf *conf;
	struct store *store;
	struct av_store *av;                   /* the AV proxy's; NULL: there is no proxy */
	struct cx *cx;
	struct arena arena;                    /* of the request at hand */
};
extern struct hss hss;

/* Opens the database, loads the subscribers, listens on Cx. `dead` is called when Cx
 * ended by itself and can't go on. */
typedef void(hss_dead_h)(const char *why, void *arg);
int hss_start(struct host *host, const struct hss_conf *conf, hss_dead_h *dead, char why[512]);
void hss_stop(void);
/* Are its subscriber files good? -EINVAL, -ENOENT with a sentence. */
int hss_check(const void *conf, char why[512]);
/* Reads the subscriber files again: new ones are added, changed ones replaced. */
int hss_load(bool replace, char why[512]);
void hss_count(void);                  /* the gauge of subscriptions, after changes */

/* ---- procedures, cx_*.c; each answers the request ---- */
void hss_uar(struct cx_req *req, const struct cx_msg *m);
void hss_mar(struct cx_req *req, const struct cx_msg *m);
void hss_sar(struct cx_req *req, const struct cx_msg *m);
void hss_lir(struct cx_req *req, const struct cx_msg *m);
/* cx_mar_web.c: the MAR of a web identity. */
void hss_mar_web(struct cx_req *req, const struct cx_msg *m, const struct found *f);
/* Step 5 of a MAR (TS 29.228 6.3.1): who asked is kept. 0 or -EIO. */
int hss_mar_remember(const struct cx_msg *m, const struct found *f);

/* cx_mar_aka.c, of a MAR: */
#define AKA_SCHEME STR("Digest-AKAv1-MD5")
/* Its SIP-Authorization, RAND and AUTS, may be looked at; false: answered. */
bool hss_may_resync(struct cx_req *req, const struct cx_msg *m, bool serves);
void hss_answer_aka(struct cx_req *req, const struct cx_msg *m, const struct found *f);

/* Answers with a result and nothing else, and says why in the log. */
void hss_refuse(struct cx_req *req, const struct cx_msg *m, struct cx_result result,
	const char *why);
/* A base error about one AVP of the request. */
void hss_refuse_avp(struct cx_req *req, const struct cx_msg *m, uint32_t code,
	const char *avp, const char *why);
/* The identities of the request, or those that web identities stand for (f->web). One that is
 * none by itself is found by the wildcard that it is a member of, whose canonical text *wildcard
 * becomes. False when it was answered: UNABLE_TO_COMPLY. */
bool hss_find_any(struct cx_req *req, const struct cx_msg *m, struct str impu, struct found *f,
	struct str *wildcard);
/* web_identity.c: finds again what is no private identity, as a web identity; *f stays when it
 * is none. 0 or -EIO. */
int hss_find_web(const struct cx_msg *m, struct str impu, struct found *f);
/* The private identity that User-Name stands for as a web identity; p NULL: for none. 0 or -EIO. */
int hss_web_impi(const struct cx_msg *m, struct str *impi);
/* May it be registered by itself (TS 29.228 6.1.1.1 step 2)? */
bool hss_is_distinct(const struct found *f);
/* What UAR and MAR begin with (TS 29.228 6.1.1.1 and 6.3.1): both identities are known, the
 * public one is distinct and of the private one, or both are a pool's (step 0), and then not in
 * the database; false when the request was answered. */
bool hss_find_pair(struct cx_req *req, const struct cx_msg *m, struct found *f);
/* Server-Capabilities of UAA and LIA; absent: any S-CSCF will do. */
void hss_put_capabilities(const struct found *f, struct cx_msg *answer);
/* Is `word` in a list parted by blanks; case of letters does not count. */
bool hss_listed(struct str list, struct str word);
