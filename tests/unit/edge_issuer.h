/* An issuer of security tokens for the tests of the edge: keys and revocations by HTTPS, and
 * tokens with whatever claims a test wants.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/crypto/token.h"
#include "common/http/http.h"
#include "tests/unit/edge_rig.h"

#define ISSUER  "https://wwsf.ims.example.org:8443"
#define WWSF    "wwsf.ims.example.org"
#define OUTSIDE "https://waf.partner.example:8443"

struct issuer {
	struct http_server *server;
	struct tls *tls;
	struct token_keys *keys;
	struct arena arena;
	int jwks, revoked, introspected; /* requests that came */
	int status;                      /* of every answer; 0: 200 */
	const char *lists;               /* body of /revoked */
	bool inactive;
	bool wants_certificate;
	bool hold;                       /* /revoked is not answered until issuer_release */
	struct http_req *held;
};
extern struct issuer issuer;

void issuer_open(const char *addr);    /* "127.38.1.10:8443" */
void issuer_close(void);               /* tokens can still be made */
void issuer_free(void);
void issuer_release(void);

/* What a good token for that user says, now; change it, then token_of. */
struct token claims_of(const char *name);
/* Signed with the newest key; text good until issuer_free. */
const char *token_of(const struct token *t);
const char *token_for(const char *name);
/* "Authorization: Bearer ..." lines; a ring of static buffers. */
const char *bearer(const char *token);
/* ... and behind it the Digest field that names <name>-impi. */
const char *bearer_of(const char *token, const char *name);

/* A section for ISSUER (operator) and OUTSIDE (third party), both at the issuer's address, whom
 * `element` asks with its certificate; `tokens` are further members of it. rig_file needs the
 * world open. */
void tokens_section(struct buf *b, const char *tokens, const char *element);
/* The eP-CSCF with that section; `auth` is what the Origins may do. The core answers 200. */
void start_tokens(const char *auth, const char *tokens);
void tokens_close(void);
/* Reasons to refuse (labels of refuse.def) that an element gave before one of the calls of
 * tokens_close in this program; all that have to do with tokens. */
bool was_refused(const char *label);
extern const char *const token_refusals[]; /* ends with NULL */
int64_t counter(const char *name);     /* of the eP-CSCF, as it stands */
