/* Bindings: which identities a flow may use (TS 24.229 5.2.2, TS 33.203 N, O and P).
 *
 * A binding is one registration (one REGISTER answered with 200: one IMPI and the
 * implicit set of its To) on one flow. What that is depends on who is on the other side:
 *
 *	EDGE_WIC    a WebSocket: its connection. Lost, it stays until it expires.
 *	EDGE_WAAF   a user behind a WAAF: the WAAF's Path entry, as its link carries many.
 *	EDGE_PLAIN  a plain user: source address and sent-by of Via (TS 33.203 N).
 *
 * The book owns its bindings; one ends by edge_binding_end, by its expiry, or when a new
 * one takes its place.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <jansson.h>

#include "common/base/addr.h"
#include "common/base/clock.h"
#include "common/edge/index.h"
#include "common/sip/register.h"

enum edge_kind { EDGE_WIC, EDGE_WAAF, EDGE_PLAIN };

enum edge_text {
	EDGE_IMPI,
	EDGE_IMPU,             /* To, canonical */
	EDGE_INSTANCE,         /* +sip.instance, or empty */
	EDGE_ENTRY,            /* EDGE_WAAF: the WAAF's Path entry */
	EDGE_ROUTE,            /* Service-Route as it came, lines joined by ", " */
	EDGE_SET,              /* P-Associated-URI: canonical, '\n' between */
	EDGE_TEXTS
};

struct edge_book;
struct edge_binding {
	struct timer expiry;
	struct edge_book *book;
	uint64_t conn;         /* EDGE_WIC: the connection; 0: lost */
	uint64_t sent_by;      /* EDGE_PLAIN: hash of Via's sent-by */
	uint64_t session;      /* EDGE_WIC: of this web session; 0: of none */
	struct addr source;    /* EDGE_PLAIN */
	enum edge_kind kind;
	bool trusted;          /* EDGE_WIC: by a token */
	void *owner;           /* record of the registrar at this edge; NULL: registered behind */
	uint16_t end[EDGE_TEXTS];
	char text[];
};
struct str edge_binding_text(const struct edge_binding *b, enum edge_text which);

/* A binding came to its end; good during the call. */
enum edge_end { EDGE_EXPIRED, EDGE_ENDED, EDGE_REPLACED /* by a newer one of its own */ };
typedef void(edge_binding_gone_h)(const struct edge_binding *b, enum edge_end why, void *arg);

struct edge_book {
	struct clock *clock;
	edge_binding_gone_h *gone;     /* may be NULL */
	void *arg;
	struct edge_index by_impi, by_impu;
};
void edge_book_init(struct edge_book *k, struct clock *clock, edge_binding_gone_h *gone,
	void *arg);
void edge_book_clear(struct edge_book *k);         /* all go, unannounced */

/* What a new binding is made of. */
struct edge_bind {
	enum edge_kind kind;
	bool trusted;
	void *owner;
	struct str text[EDGE_TEXTS];
	uint64_t conn, sent_by, session;
	struct addr source;
};
/* Binds for `seconds`. Takes the place of the one with the same kind, IMPI, implicit set and
 * web session (plain users: and flow; at most EDGE_PLAIN_MOST flows an IMPI, then the first goes). */
enum { EDGE_PLAIN_MOST = 8 };
struct edge_binding *edge_book_bind(struct edge_book *k, const struct edge_bind *what,
	int64_t seconds);
void edge_binding_end(struct edge_binding *b);     /* unannounced */
void edge_binding_drop(struct edge_binding *b);    /* announced */
/* The one whose place `what` would take: of the same IMPI and implicit set (and flow, of a
 * plain user); NULL: none. */
struct edge_binding *edge_book_find(const struct edge_book *k,
	const struct edge_bind *what);
/* What a 200 brought about: binds, or with 0 seconds ends what was bound (announced; NULL). */
struct edge_binding *edge_book_settle(struct edge_book *k, const struct edge_bind *what,
	int64_t seconds);

/* Walks the bindings of one IMPI, or of one IMPU (any of the set); *it is 0 at first.
 * NULL at the end. Not across a change of the book. */
struct edge_binding *edge_book_impi(const struct edge_book *k, struct str impi,
	size_t *it);
struct edge_binding *edge_book_impu(const struct edge_book *k, struct str impu,
	size_t *it);
/* The binding of that flow (EDGE_WIC) with that IMPI, and that IMPU in its set. NULL: none. */
struct edge_binding *edge_book_flow(const struct edge_book *k, struct str impi,
	struct str impu, uint64_t conn);
/* Plain user: the binding of that IMPI on that flow. NULL: none. */
struct edge_binding *edge_book_plain(const struct edge_book *k, struct str impi,
	const struct addr *source, uint64_t sent_by);

/* ---- from the 200 to a REGISTER ---- */

/* Seconds granted to contacts of the device that asked (the most); 0: not bound. */
uint32_t edge_granted(const struct sip_msg *ok, const struct sip_register *asked);
/* IMPI, IMPU and instance of the request into `what`; the same, and Service-Route and
 * P-Associated-URI of the answer. */
void edge_bind_asked(struct edge_bind *what, const struct sip_register *asked);
void edge_bind_read(struct edge_bind *what, const struct sip_msg *ok,
	const struct sip_register *asked, struct arena *a);

/* The bindings of one IMPI, or all (impi p NULL, at most 100), for the admin socket. */
json_t *edge_book_json(const struct edge_book *k, struct str impi);
