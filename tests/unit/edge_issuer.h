/* An issuer of security tokens for the tests of the edge: keys and revocations by HTTPS, and
 * tokens with whatever claims a test wants.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/crypto/token.h"
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
};
extern struct issuer issuer;

void issuer_open(const char *addr);    /* "127.38.1.10:8443" */
void issuer_close(void);               /* tokens can still be made */
void issuer_free(void);

/* What a good token for that user says, now; change it, then token_of. */
struct token claims_of(const char *name);
/* Signed with the newest key; text good until issuer_free. */
const char *token_of(const struct token *t);
const char *token_for(const char *name);
/* "Authorization: Bearer ..." lines; a ring of static buffers. */
const char *bearer(const char *token);
/* ... and behind it the Digest field that names <name>-impi. */
const char *bearer_of(const char *token, const char *name);

/* The eP-CSCF with a tokens section for ISSUER (operator) and OUTSIDE (third party), both at
 * the issuer's address; `tokens` are further members of it, `auth` what ORIGIN may do. The
 * core answers 200. */
void start_tokens(const char *auth, const char *tokens);
void tokens_close(void);
