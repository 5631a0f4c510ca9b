/* HTTP messages on their way between a stream and whoever talks over it: traced, and past
 * the fault gate. Private to common/http.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/http/http.h"

/* Carried through the gate; a stream that is gone meanwhile takes the message with it. */
struct wire_ctx {
	uint64_t conn;
	bool close;            /* sent: the last message of this connection */
	bool head_only;        /* received: answer to HEAD */
	uint32_t cut;          /* sent: traced without its body of so many octets at the end */
};

/* True when somebody wants to see raw octets. */
bool wire_watched(const struct host *h);
void wire_trace(struct stream *s, enum trace_dir dir, struct str bytes);
/* Sends a whole message; past the gate, now or later, traced as it leaves. */
void wire_send(struct stream *s, struct str bytes, const struct wire_ctx *ctx);
/* A whole message came and is traced; `go` gets it past the gate (only called with the
 * gate active). Owner is the host. */
void wire_received(struct stream *s, struct str bytes, gate_go_h *go, const struct wire_ctx *ctx);
