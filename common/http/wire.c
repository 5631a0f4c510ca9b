/* HTTP messages between a stream and its owner: trace and gate.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/http/wire.h"

#include <openssl/evp.h>

#include "common/base/buf.h"

bool wire_watched(const struct host *h)
{
	return h->trace || gate_active(h->gate);
}

static struct trace_msg record(struct stream *s, enum trace_dir dir, struct str bytes)
{
	return (struct trace_msg){.proto = TRACE_HTTP,
		.via = stream_is_tls(s) ? TRACE_TLS : TRACE_TCP,
		.dir = dir,
		.local = *stream_local(s),
		.remote = *stream_remote(s),
		.conn = stream_id(s),
		.bytes = bytes};
}

void wire_trace(struct stream *s, enum trace_dir dir, struct str bytes)
{
	struct host *h = stream_host(s);
	if (!h->trace)
		return;
	struct trace_msg m = record(s, dir, bytes);
	trace_emit(h->trace, &m);
}

/* A static file's body is known by its length and hash. */
static void trace_cut(struct stream *s, struct str bytes, size_t cut)
{
	uint8_t sum[32];
	char hex[65];
	struct buf b = {0};
	if (!stream_host(s)->trace)
		return;
	EVP_Digest(bytes.p + bytes.n - cut, cut, sum, NULL, EVP_sha256(), NULL);
	hex_of(sum, sizeof sum, hex);
	buf_put(&b, bytes.p, bytes.n - cut);
	buf_fmt(&b, "[%zu octets, sha256 %s]", cut, hex);
	wire_trace(s, TRACE_SENT, buf_str(&b));
	buf_free(&b);
}

static void leave(void *owner, const void *arg, struct str bytes)
{
	const struct wire_ctx *ctx = arg;
	struct stream *s = stream_find(owner, ctx->conn);
	if (!s || stream_write(s, bytes))
		return;
	if (ctx->cut && ctx->cut < bytes.n)
		trace_cut(s, bytes, ctx->cut);
	else
		wire_trace(s, TRACE_SENT, bytes);
	if (ctx->close)
		stream_close(s);
}

void wire_send(struct stream *s, struct str bytes, const struct wire_ctx *ctx)
{
	struct host *h = stream_host(s);
	if (!gate_active(h->gate)) {
		leave(h, ctx, bytes);
		return;
	}
	struct trace_msg m = record(s, TRACE_SENT, bytes);
	gate_pass(h->gate, &http_gate_proto, &m, leave, h, ctx, sizeof *ctx);
}

void wire_received(
	struct stream *s, struct str bytes, gate_go_h *go, const struct wire_ctx *ctx)
{
	struct host *h = stream_host(s);
	struct trace_msg m = record(s, TRACE_RECEIVED, bytes);
	gate_pass(h->gate, &http_gate_proto, &m, go, h, ctx, sizeof *ctx);
}
