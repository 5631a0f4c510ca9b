/* A lab certification authority: element and actor certificates (X.509, EC P-256).
 *
 * Valid from a day ago for ten years, so that a rig's clock can be moved within them.
 * For a test bed alone: the CA's key lies in the directory, mode 0600.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdint.h>

enum ca_use { CA_SERVER = 1, CA_CLIENT = 2, CA_BOTH = 3 };

/* What a certificate says. Lists end with NULL; a NULL list is empty. */
struct ca_subject {
	const char *name;              /* common name */
	const char *const *dns;        /* "wwsf.ims.example.org" */
	const char *const *addresses;  /* "127.0.0.10" */
	enum ca_use use;
	int64_t from_s, until_s;       /* Unix time; 0: a day ago, ten years on */
};

/* Makes `dir`/ca.pem and `dir`/ca-key.pem; `dir` exists. 0, or a negative errno with a
 * sentence in `why`. */
int ca_make(const char *dir, const char *name, char why[256]);
/* The same, but browsers and TLS libraries believe it for names below `domain` and for
 * addresses alone (RFC 5280 4.2.1.10): for an authority that people trust with their own
 * browser. */
int ca_make_limited(const char *dir, const char *name, const char *domain, char why[256]);

/* Issues a certificate by the CA in `dir` into the files `cert` (PEM, the chain below the
 * root) and `key` (PEM, mode 0600). 0, or a negative errno with a sentence in `why`. */
int ca_issue(const char *dir, const struct ca_subject *subject, const char *cert, const char *key,
	char why[256]);
