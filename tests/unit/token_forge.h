/* Forged tokens: any header, payload and signature, made with OpenSSL alone, so that cjose
 * does not judge its own work.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <openssl/evp.h>

#include "common/base/buf.h"
#include "common/base/mem.h"

struct forge {
	EVP_PKEY *key;                 /* of the private half in `jwk` */
	struct arena arena;            /* of what is returned below */
};

/* The first pair of a file that token_keys_save wrote, or (path NULL) a fresh one. */
void forge_open(struct forge *f, const char *path);
void forge_close(struct forge *f);

struct str forge_b64(struct forge *f, struct str bytes);
/* header.payload.signature of these texts, signed as ES256 does. */
struct str forge_token(struct forge *f, struct str header, struct str payload);
/* The same with a signature of the caller's octets. */
struct str forge_with(struct forge *f, struct str header, struct str payload, struct str sig);
/* `md`: SHA-256, or what the header of a confused library says. */
struct str forge_signature(struct forge *f, struct str input, const char *md, bool der);
struct str forge_hmac(struct forge *f, struct str input, struct str secret);
