/* Tracing: every message that a transport sends or receives, as HEPv3 (the Homer
 * encapsulation protocol), to the player or to Homer over TCP, or over UDP.
 *
 * Called by transports alone, never by role code. One record a message, complete, as it
 * stood on the wire (inside TLS and WebSocket).
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <uv.h>

#include "common/base/addr.h"
#include "common/base/buf.h"
#include "common/base/clock.h"

enum trace_proto { TRACE_SIP, TRACE_DIAMETER, TRACE_HTTP, TRACE_WS };
enum trace_via { TRACE_UDP, TRACE_TCP, TRACE_TLS, TRACE_WS_PLAIN, TRACE_WSS };
enum trace_dir { TRACE_SENT, TRACE_RECEIVED };

/* One message. Views are only read during the call. */
struct trace_msg {
	enum trace_proto proto;
	enum trace_via via;
	enum trace_dir dir;
	struct addr local, remote;
	uint64_t at_ns;        /* CLOCK_MONOTONIC; 0: now */
	uint64_t conn;         /* connection within this process, 0 for datagrams */
	uint64_t id;           /* message number within this process; set by the tracer */
	struct str node;       /* name of the element or actor; set by the tracer when empty */
	int64_t wall_ms;       /* machine's wall clock; set by the tracer when 0 */
	uint16_t wall_us;      /* microseconds within wall_ms; set with it */
	int64_t offset_ms;     /* the rig clock's offset; set by the tracer */
	struct str bytes;
};

struct trace;

/* What takes the records: a socket (trace_to) or, for actors inside the player, a
 * function. */
typedef void(trace_sink_h)(const struct trace_msg *m, void *arg);

/* `to` is "tcp:127.0.0.1:9060" or "udp:127.0.0.1:9060". A TCP collector that is away is
 * tried again every second (real time: it is no part of the rig); records wait meanwhile
 * up to `limit` bytes (trace_limit), then the oldest are dropped and counted. What a loop
 * turn emits leaves in one write. UDP sends at once. `node` is copied. 0, or -EINVAL: `to`
 * is not of this form; or what uv said. */
int trace_to(uv_loop_t *loop, struct clock *clock, const char *node, const char *to,
	struct trace **out);
void trace_limit(struct trace *t, size_t bytes);   /* default 16 MiB */
/* Numbers for HEP's protocol type where it isn't SIP (trace/hep.h says the defaults). */
void trace_types(struct trace *t, uint8_t diameter, uint8_t http, uint8_t ws);
struct trace *trace_sink(struct clock *clock, const char *node, trace_sink_h *h, void *arg);
/* Sends what still waits, if the collector takes it within half a second; may be NULL. The
 * loop must run once more. */
void trace_free(struct trace *t);

/* Nothing happens when t is NULL: tracing off costs one test. Fills in node, id, times. */
void trace_emit(struct trace *t, struct trace_msg *m);
uint64_t trace_count(const struct trace *t);       /* messages emitted so far; NULL: 0 */
uint64_t trace_dropped(const struct trace *t);     /* records that found no collector */
