/* The trust border (TS 24.229 4.4): what is taken out of a message that comes from a
 * user, and out of one that goes to a user. Silently; what stays leaves as it came.
 *
 * Which header fields are network-only is said in sip/header.def; what a user may be
 * shown of them, the parameters of credentials and of URIs are tables in border.c.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/sip/entity.h"
#include "common/sip/register.h"

/* What the sender is trusted with, beyond what any user is. */
enum {
	EDGE_KEEP_PATH = 1,    /* its Path entries stay */
	EDGE_KEEP_FLAG = 2,    /* its integrity-protected and entity parameters stay */
	EDGE_KEEP_VIA = 4,     /* a proxy stands between the user and us: its Via stays */
};

/* Values of integrity-protected that we set ourselves; NULL stands for none. */
#define EDGE_TLS_PENDING   "tls-pending"
#define EDGE_TLS_YES       "tls-yes"
#define EDGE_TLS_CONNECTED "tls-connected"
#define EDGE_IP_PENDING    "ip-assoc-pending"
#define EDGE_IP_YES        "ip-assoc-yes"
#define EDGE_NO_IPSEC      "no"
#define EDGE_AUTH_DONE     "auth-done"

/* What we say in Authorization of the link and of who asks. */
struct edge_said {
	const char *flag;              /* integrity-protected; NULL: nothing */
	struct str wwsf;               /* whose credentials these are, checked; p NULL: nothing */
};

/* A request from a user: header fields, URI parameters, Via below the first, and all
 * credentials, which are rebuilt from the parameters of the digest grammar; Bearer and
 * unknown schemes go. `said` becomes parameters of Authorization.
 * `entities` are the parameters that EDGE_KEEP_FLAG lets stay, and what `said` is called. 0, or -EBADMSG with *fault
 * when credentials can't be read. */
int edge_border_request(struct sip_edit *e, unsigned keep, const struct edge_said *said,
	const struct sip_entity_params *entities, struct sip_fault *fault);
/* One name-addr of such a request (a Contact) as it is on our side of the border. */
struct str edge_border_name_addr(struct str element, struct arena *a);
/* Route of a request at this element: entries at the top that name it (`own`, host names
 * and addresses) go. Number of entries that are left. */
int edge_border_route(struct sip_edit *e, const struct str *own, size_t n_own);
/* A message to a user: header fields of the network, ik and ck of challenges, and
 * P-Asserted-Identity when Privacy asks so. */
void edge_border_outward(struct sip_edit *e);

/* Is that header field taken out of a user's request; out of what he is sent? */
bool edge_border_drops_in(enum sip_header id);
bool edge_border_drops_out(enum sip_header id);
