/* Values of header fields, parsed when asked for: URIs, addresses, Via, CSeq, credentials.
 * All results are views into the value.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/sip/msg.h"

struct sip_uri {
	struct str text;       /* the whole URI */
	struct str scheme;     /* "sip", "sips", "tel", ... as written */
	struct str user;       /* still escaped; tel: the number */
	struct str password;
	struct str host;       /* IPv6 with brackets */
	uint16_t port;         /* 0: none */
	struct str params;     /* behind the first ';', without it */
	struct str headers;    /* behind '?', without it */
};
int sip_uri_parse(struct sip_uri *u, struct str text);               /* 0 or -EINVAL */
/* Value of a ;name=value parameter (uri parameters, header parameters): false when absent;
 * value p NULL for a parameter without '='. Quoted values come without quotes, escapes in
 * place. */
bool sip_param(struct str params, struct str name, struct str *value);
/* Canonical public identity (TS 29.229 6.3.2, RFC 3261 10.3): scheme and host lower case, user
 * unescaped once where that is safe, no port, parameters or headers but user=phone; tel:
 * without visual separators. Into the arena; p NULL when it can't be one. */
struct str sip_uri_canonical(const struct sip_uri *u, struct arena *a);
bool sip_uri_equal(const struct sip_uri *a, const struct sip_uri *b); /* RFC 3261 19.1.4 */

struct sip_name_addr {         /* To, From, Contact, Route, Path, ... */
	struct str display;    /* still quoted */
	struct sip_uri uri;
	struct str params;     /* behind the first ';' after the address */
	bool star;             /* Contact: * */
};
int sip_name_addr_parse(struct sip_name_addr *a, struct str element);

struct sip_via {
	struct str transport;  /* "UDP", "WSS" */
	struct str host;
	uint16_t port;         /* 0: none */
	struct str params, branch;
};
int sip_via_parse(struct sip_via *v, struct str element);

/* Credentials and challenges: Authorization, WWW-Authenticate, Authentication-Info. */
struct sip_auth {
	struct str scheme;     /* "Digest", "Bearer"; p NULL for Authentication-Info */
	struct str params;     /* behind the scheme: "username=..., realm=..." or a token68 */
};
int sip_auth_parse(struct sip_auth *a, struct str value);
/* Walks name=value pairs at commas. *value without quotes; *quoted says whether it had
 * them; start with *rest = auth.params. 1: a pair, 0: end, -EINVAL: broken. */
int sip_auth_next(struct str *rest, struct str *name, struct str *value, bool *quoted);
/* One parameter, name without case; false when absent. */
bool sip_auth_param(const struct sip_auth *a, struct str name, struct str *value);

/* The token of Bearer credentials: "Bearer <token68>" (RFC 8898 2.1.2) or "Bearer
 * access_token="<token68>"" (TS 24.371 A.3.2), other parameters passed over. -EINVAL: another
 * scheme, none of the two, or two tokens. */
int sip_bearer_parse(struct str value, struct str *token);

/* Digest parameters as a struct; absent ones have p NULL. */
struct sip_digest {
	struct str username, realm, nonce, uri, response, algorithm, cnonce, opaque, qop, nc;
	struct str auts, stale, rspauth, nextnonce, domain;
	struct str integrity_protected;
};
/* -EINVAL: not Digest, broken or a parameter twice. */
int sip_digest_parse(struct sip_digest *d, struct str value);

/* Small ones: 0 or -EINVAL. */
int sip_cseq_parse(struct str value, uint32_t *number, struct str *method);
int sip_seconds_parse(struct str value, uint32_t *seconds);          /* Expires, Min-Expires */
struct str sip_tag(const struct sip_msg *m, enum sip_header from_or_to);
/* A text inside quotes with '"' and '\' escaped. */
struct str sip_quote(struct arena *a, struct str s);
/* Field of a message by the names that scripts use: "To", "To.tag", "Contact.expires",
 * "Authorization.integrity-protected", "Via.branch", "Request-URI", "body", "Status"; with
 * several fields of that name "Via[2]" is the second. p NULL when absent. For the judge and
 * the fault gate. */
struct str sip_script_field(const struct sip_msg *m, struct str name);
/* Is it such a name, with a header field that is known here or begins with "X-"? */
bool sip_script_name(struct str name);
