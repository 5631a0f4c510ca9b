/* Flow tokens (RFC 5626 5.2, RFC 3327): the user part of our Path entry. It names the
 * flow that a binding came by, is opaque to others, and a forged one is noticed.
 *
 * "w" or "a", then base64url of the flow and the first 80 bits of an HMAC-SHA-256 over
 * it, under a key that the process draws at start.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/base/chance.h"
#include "common/sip/stack.h"

enum { EDGE_FLOW_TOKEN_SIZE = 64 };         /* with its NUL */

struct edge_flow_token_key {
	uint8_t bytes[32];
};
void edge_flow_token_key_draw(struct edge_flow_token_key *k, struct chance *c);

/* `hop` is where the user's requests come from: of a WebSocket only the connection goes
 * in, else transport, address and (TCP, TLS) connection. */
void edge_flow_token_write(const struct edge_flow_token_key *k, const struct sip_hop *hop,
	char out[EDGE_FLOW_TOKEN_SIZE]);
/* Fills transport, remote and conn of *hop; -EINVAL when it is none of ours. */
int edge_flow_token_read(const struct edge_flow_token_key *k, struct str token,
	struct sip_hop *hop);
