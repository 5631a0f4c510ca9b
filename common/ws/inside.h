/* What handshake.c and ws.c share. Private to common/ws.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/ws/ws.h"

/* An open connection on a stream that is ours from now on. */
struct ws *ws_new(struct stream *s, bool server, const struct ws_conf *conf,
	const struct ws_h *h, void *arg);
