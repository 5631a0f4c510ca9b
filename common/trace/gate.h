/* The fault gate: one at every transport, off and free of cost by default.
 *
 * A rule matches a message by interface, direction, kind and fields, and then holds,
 * drops, delays, duplicates, rewrites or replaces it. Rules come over the admin socket as
 * JSON (node/admin.h, command "fault"); docs/scenarios.md gives their form.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <jansson.h>

#include "common/base/buf.h"
#include "common/trace/trace.h"

struct gate;

/* The value of a field of the message under test, by the name that scripts use
 * ("Authorization.nonce", "Public-Identity"); p NULL when there is none. */
typedef struct str(gate_field_h)(const struct trace_msg *m, struct str name);
/* "SIP REGISTER", "SIP 401", "Cx UAR", "HTTP POST /login", "WS PING". */
typedef struct str(gate_what_h)(const struct trace_msg *m, struct buf *scratch);

/* One entry of a rule's `set`: writes the message with that field changed to `out` (empty
 * on entry). `value` is the JSON value as text; p NULL (JSON null) takes the field away.
 * 0, or -EINVAL when the message has no such field or the value does not fit. */
typedef int(gate_set_h)(const struct trace_msg *m, struct str name, struct str value,
	struct buf *out);

struct gate_proto {
	gate_what_h *what;
	gate_field_h *field;
	gate_set_h *set;       /* NULL: this protocol has no `set` */
};

/* What the transport does with a message that the gate lets through, now or later:
 * `ctx` is a copy of what was given to gate_pass, `bytes` may differ from what came and
 * are good during the call. The owner must still be alive: the gate is freed after its
 * transports are closed, and an owner that goes earlier calls gate_forget. */
typedef void(gate_go_h)(void *owner, const void *ctx, struct str bytes);

struct gate *gate_new(struct clock *clock);
void gate_free(struct gate *g);        /* held and delayed messages are dropped */
void gate_reset(struct gate *g);       /* rules gone, held messages dropped, delays cancelled */
void gate_forget(struct gate *g, const void *owner); /* the same for one owner's messages */

/* True when any rule stands. A transport tests this first and goes straight on when not. */
bool gate_active(const struct gate *g);
/* Runs the rules; calls `go` any number of times, before or after return. `ctx` is at
 * most 128 bytes. */
void gate_pass(struct gate *g, const struct gate_proto *proto, const struct trace_msg *m,
	gate_go_h *go, void *owner, const void *ctx, size_t ctx_n);

/* {"match":{"dir":"sent"|"received","peer":"127.1.0.13[:5060]","local":"..",
 *           "via":"udp"|"tcp"|"tls"|"ws"|"wss",
 *           "what":"SIP 401", "fields":{"name":"value or /regex/"}},
 *  "do":"drop"|"hold"|"delay"|"duplicate"|"rewrite"|"replace"|"set",
 *  "ms":3000, "times":1, "skip":0, "copies":1, "find":"regex","with":"text","all":false,
 *  "text":"..", "bytes_hex":"..", "set":{..}}
 *
 * What `match` leaves out matches everything. "what" matches the whole kind or its first
 * words ("SIP", "HTTP POST"), or is a /regex/. A field's value is compared whole; true: it
 * is there, false: it is not. Regular expressions are POSIX extended, on octets; "with"
 * takes \0 to \9. "times" (absent: always) counts applications, after the first "skip"
 * matches were let by.
 *
 * Rules are tried in the order they came. rewrite, replace and set change the message and
 * go on to the next rule; the first of the others that matches decides. A message beyond
 * the bounds of what may wait (10,000 messages, 64 MiB) is dropped.
 * 0, or -EINVAL with a sentence in *why (static storage). */
int gate_add(struct gate *g, const json_t *rule, const char **why);
int gate_release(struct gate *g);      /* lets all held messages go, in order; their number */
int gate_waiting(const struct gate *g); /* messages held or delayed */

/* For a console: held messages, oldest first: [{"id":1,"what":"SIP 401","dir":"sent",
 * "peer":"127.1.0.13:5060","bytes_hex":".."}]; a new reference. */
json_t *gate_held(const struct gate *g);
/* Lets one go, as it is or with other octets (bytes.p NULL: as it is). 0 or -ENOENT. */
int gate_release_one(struct gate *g, uint64_t id, struct str bytes);
