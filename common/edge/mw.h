/* What a P-CSCF puts into a REGISTER before it goes to the I-CSCF (TS 24.229 5.2.2), and
 * the Path entry of any element of the edge (RFC 3327, RFC 5626).
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/base/chance.h"
#include "common/sip/register.h"

struct edge_mw {
	const char *name;              /* host of the Path entry */
	uint16_t port;                 /* where SIP requests are taken */
	bool tls;                      /* ... by TLS */
	const char *visited_network;   /* the edge's own network: orig-ioi, too */
	const char *access_type;       /* of the network-provided P-Access-Network-Info */
};
/* Values of the fields that name this element and its network. */
struct str edge_mw_path(const struct edge_mw *mw, const char *token, bool outbound,
	struct arena *a);
struct str edge_mw_charging_vector(const struct edge_mw *mw, struct chance *chance,
	struct arena *a);
struct str edge_mw_visited_network(const struct edge_mw *mw, struct arena *a);
/* Own entry on top of Path, with `ob` when the user asks for an outbound flow. */
void edge_put_path(struct sip_edit *e, const struct edge_mw *mw,
	const struct sip_register *reg, const char *token);
/* Path as above, Require: path, P-Visited-Network-ID, P-Charging-Vector, and a network-
 * provided P-Access-Network-Info when no Authorization says who asks (TS 33.203 P.3). */
void edge_put_mw(struct sip_edit *e, const struct edge_mw *mw,
	const struct sip_register *reg, const char *token, struct chance *chance);
