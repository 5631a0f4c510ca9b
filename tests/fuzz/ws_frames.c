/* Fuzz target: WebSocket frames from a peer. Whole and in pieces must come to the same.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "common/ws/feed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void on_message(bool text, struct str payload, void *arg)
{
	buf_fmt(arg, "%d:%zu:%llx ", text, payload.n,
		(unsigned long long)str_hash(payload));
}

static void on_control(enum ws_op op, int code, struct str payload, void *arg)
{
	buf_fmt(arg, "%d:%d:%llx ", op, code, (unsigned long long)str_hash(payload));
	if (payload.n > 125)
		abort();
}

static void run(struct str bytes, bool server, size_t piece, struct buf *out)
{
	static const struct ws_feed_h h = {on_message, on_control};
	struct ws_feed f = {.h = &h, .arg = out, .server = server, .max_message = 1000,
		.max_fragments = 5};
	const char *why = NULL;
	int code = 0;
	while (bytes.n && !code) {
		size_t k = piece < bytes.n ? piece : bytes.n;
		code = ws_feed_bytes(&f, (struct str){bytes.p, k}, &why);
		bytes = str_skip(bytes, k);
	}
	if (code && !why)
		abort();
	buf_fmt(out, "%d %d", code, f.done);
	ws_feed_free(&f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct buf whole = {0}, cut = {0};
	if (!n)
		return 0;
	struct str bytes = {(const char *)data + 1, n - 1};
	run(bytes, data[0] & 1, n, &whole);
	run(bytes, data[0] & 1, 1 + (data[0] >> 1), &cut);
	if (!str_eq(buf_str(&whole), buf_str(&cut)))
		abort();
	buf_free(&whole);
	buf_free(&cut);
	return 0;
}
