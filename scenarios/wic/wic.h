/* The emulated WIC (TS 23.228 U.1.2): a web client of the WWSF (W1) and a SIP user agent
 * over secure WebSockets (W2).
 *
 * One wic_env serves any number of WICs on one host (a load generator has thousands); a
 * scenario's actor has one of its own. Nothing here decides what to do next: each
 * function is one act of the user, what comes back goes to the handlers.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <jansson.h>

#include "common/http/http.h"
#include "common/sip/stack.h"
#include "common/ws/ws.h"
#include "scenarios/wic/card.h"
#include "scenarios/wic/jar.h"

struct wic;

/* Callbacks never fire before the function that causes them returns. */
struct wic_h {
	/* A connect has ended: err 0, or negative with the sentence (status: of the HTTP
	 * answer, 0 when there was none). */
	void (*connected)(struct wic *w, int err, int status, const char *why);
	/* A connection is gone. */
	void (*disconnected)(struct wic *w);
	/* Answer to a request of ours, provisional ones too; m NULL with err: none came.
	 */
	void (*response)(struct wic *w, int err, const struct sip_msg *m);
	/* A request for us; answer it now or later (sip_answer). NULL: 200 to all. */
	void (*request)(struct wic *w, struct sip_req *req);
	/* What is wrong with what the network sent (rspauth); the WIC has drawn its
	 * consequences already. */
	void (*fault)(struct wic *w, const char *why);
	/* W1: an answer; learnt identities are taken already. */
	void (*page)(struct wic *w, int err, const char *why, const struct http_msg *m);
};

struct wic_env {
	struct host *host;
	struct addr local; /* address that connections come from */
	struct tls *tls;
	struct sip_stack *stack;
	struct wic_h h;
};
int wic_env_open(struct wic_env *env, struct host *host, const struct addr *local,
	struct tls *tls, const struct wic_h *h);
void wic_env_close(struct wic_env *env); /* after its WICs */

enum wic_authorization {
	WIC_FULL,	 /* IMPI, and the answer to a challenge */
	WIC_NONE,	 /* no Authorization before a challenge: the IMPI stays unsaid */
	WIC_BEARER,	 /* token, and the IMPI in a second field */
	WIC_BEARER_ONLY, /* token alone */
	WIC_BODY,	 /* IMPI, and the token as a body part application/jwt */
};

/* What a WIC is told; texts are read during a call only. NULL impi, impu, token, edge: as
 * learnt from the WWSF. */
struct wic_conf {
	const char *domain; /* home domain: Request-URI and realm */
	const char *impi, *impu, *password;
	const char *algorithm; /* NULL: the first challenge that we know; with a USIM AKAv2-SHA-256 */
	struct card_conf usim;
	enum wic_authorization authorization;
	const char *token;
	bool token_param; /* Bearer access_token="..." (TS 24.371) in place of RFC 8898's */
	int64_t expires;
	int reg_id;	      /* 0: no reg-id */
	const char *instance; /* "urn:uuid:..."; NULL: the WIC's own; "": none */
	const char *call_id;  /* NULL: as before */
	bool new_call_id;
	const char *flow;      /* name of the connection; NULL: "main" */
	const char *contact;   /* NULL: the own one; "*" */
	const json_t *headers; /* {Name: text | [texts] | "absent"} */
	const json_t *response,
		*auth; /* spoil the digest answer: twist, forged (answer.h) */
	const char *wwsf_entity; /* named beside the credentials (TR 33.871); NULL: not */
	bool check_rspauth;

	const char *edge; /* "wss://host:port/path" */
	const char *origin, *subprotocol;
	const char *server_name; /* for TLS; NULL: the host of `edge` */
	struct addr edge_addr;	 /* family none: what `edge` resolves to */
};

struct wic_flow;
struct wic_tx;
struct wic_site;
struct wic_page;
struct wic_flow {
	struct wic_flow *next;
	struct wic *wic;
	struct ws *ws; /* NULL while it opens */
	uint64_t conn;
	bool opening;
	char name[];
};
struct wic {
	struct wic_env *env;
	void *arg; /* the caller's */
	struct wic_flow *flows;
	struct wic_tx *txs;	     /* requests under way */
	struct challenge *challenge; /* last one; NULL: none yet */
	struct card *card; /* NULL: no USIM was used yet */
	char *next_nonce; /* of Authentication-Info, used for the next answer */
	uint32_t nc;	  /* answers made with the nonce in use */
	uint32_t cseq;
	char *call_id;
	char tag[17], host[13], user[9], uuid[37];

	bool registered;
	int status;	     /* last answer to a REGISTER */
	int64_t expires_ms;  /* when the registration ends, rig time */
	char *service_route; /* as it goes into Route; NULL: none */
	char *identity;	     /* default identity: first of P-Associated-URI */
	char *associated;    /* the whole list */

	struct wic_site *sites;	  /* web servers that it has talked to */
	struct jar jar;
	struct wic_page *pages;	  /* W1 requests under way */
	bool claims;		  /* takes impi and impu out of the token (TR 23.701 6.3.2.1.3) */
	char *token, *csrf;	  /* of the WWSF; csrf: or of the WSF */
	char *session;		  /* handle of the WSF's session */
	struct wic_web_login *web; /* HTTP Digest at the WSF (wsf.c); NULL: never asked */
	char *location;		  /* where the last redirection led, absolute */
	char *impi, *impu, *edge; /* learnt */
};

struct wic *wic_new(struct wic_env *env, void *arg);
void wic_free(struct wic *w); /* connections are closed, no callback comes any more */
int wic_busy(const struct wic *w); /* what it waits for */

/* ---- W2: connections (wic.c) ---- */
int wic_connect(struct wic *w, const struct wic_conf *c, char why[256]);
/* The open connection of that name; NULL: none. */
struct wic_flow *wic_flow(const struct wic *w, const char *name);
bool wic_connecting(const struct wic *w, const char *name);
/* `hard`: without a close frame. */
void wic_disconnect(
	struct wic *w, const char *name, int code, const char *reason, bool hard);

/* ---- W2: registration and other requests (register.c) ---- */
enum wic_register_kind {
	WIC_REGISTER, /* initial */
	WIC_ANSWER,   /* answers the last challenge */
	WIC_REFRESH,  /* with the nonce at hand, if any */
	WIC_DEREGISTER,
};
/* 0, -ENOTCONN, -ENOMSG (no challenge to answer), -EINVAL (no identity known). */
int wic_register(struct wic *w, const struct wic_conf *c, enum wic_register_kind kind,
	char why[256]);
/* The last REGISTER has no final answer yet. */
bool wic_registering(const struct wic *w);
/* Another request; `uri` and `to` NULL: the home domain. Route: the Service-Route, when
 * there is one and `headers` does not say otherwise. */
struct wic_request {
	const char *method, *uri, *to, *type, *body;
};
int wic_send(struct wic *w, const struct wic_conf *c, const struct wic_request *r,
	char why[256]);
/* Octets as they are, as one WebSocket message. */
int wic_send_raw(struct wic *w, const char *flow, struct str bytes);

/* ---- W1 (web.c, signin.c) ---- */
/* One request to the WWSF at `origin` ("https://host:port"), as the page's script makes it:
 * with the cookies of that host. A JSON answer's impi, impu, edge (or epcscf), token and
 * csrf are learnt. */
struct wic_ask {
	const char *method, *origin, *target;
	const char *from;      /* field Origin; NULL: `origin` */
	const json_t *body;    /* NULL: none */
	bool csrf;	       /* brings X-CSRF-Token, when one is known */
	const json_t *headers; /* {Name: text | "absent"} in place of what would be there */
};
int wic_ask(struct wic *w, const struct wic_ask *ask, char why[256]);

/* Registration by HTTPS at the WSF (TR 23.701 6.2.2.4.2; wsf.c): POST to `page`. */
enum wic_web_by { WIC_WEB_NOTHING, WIC_WEB_DIGEST, WIC_WEB_PASSWORD, WIC_WEB_TOKEN };
struct wic_web_register {
	enum wic_web_by by;
	const char *origin, *page; /* of the WSF; "/register" */
	const char *from;	   /* field Origin; NULL: none */
	const char *user, *password, *token;
	const char *algorithm; /* NULL: the first challenge that we know */
	const json_t *body;    /* further members; NULL: none */
	const json_t *headers;
	const json_t *response, *auth; /* spoil the answer: twist, forged (answer.h) */
	bool check_rspauth;
};
/* 0, -ENOMSG (no challenge to answer), -ENOENT (no server). */
int wic_web_register(struct wic *w, const struct wic_web_register *c, char why[256]);

/* The code grant as a person sees it: GET /signin at the WWSF, the redirection to the WAF,
 * its form filled in and sent, the way back; then the page's script asks /session, and
 * /token for the token. */
struct wic_sign_in {
	const char *origin, *page;	     /* of the WWSF; "/signin" */
	const char *user, *password;	     /* NULL: the field is not sent */
	const char *decision;		     /* the button: "sign-in", "cancel" */
	int tries;			     /* how often the form is filled in */
	const char *until; /* stops before a request to this path; NULL: goes to the end */
	const json_t *headers;
};
int wic_sign_in(struct wic *w, const struct wic_sign_in *s, char why[256]);
