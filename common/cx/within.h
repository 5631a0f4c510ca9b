/* Cx messages between two parts of one process: a request is written, read, answered, and the
 * answer read, before the call returns. The octets go through trace and gate as those of two
 * elements do; no socket carries them, so nobody else can.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/cx/cx.h"

/* Fills in *answer (zeroed; result, and what belongs to it), whose texts are good until the
 * answer is written. */
typedef void(cx_within_h)(const struct cx_msg *request, struct cx_msg *answer, void *arg);

/* Zeroed but for what stands above the line; kept by its owner, who drops what the gate holds
 * back (gate_forget) before it goes. */
struct cx_within {
	struct host *host;
	const char *realm;
	const char *asks, *answers;            /* Diameter identities of the two parts */
	struct addr asks_at, answers_at;       /* what the trace shows */
	cx_within_h *serve;
	void *arg;
	/* ---- */
	uint32_t last, current;                /* exchanges; current 0: none */
	cx_answer_h *done;
	void *done_arg;
};

/* `m` as for cx_send, but with a session of its own (session_id), so that it can be that of the
 * request it is asked for. Calls `h` once, before it returns: err 0 and the answer, -EBADMSG one
 * that can't be read, -ETIMEDOUT none, which a fault alone brings about. What a fault lets go
 * later comes too late. */
void cx_within_ask(struct cx_within *w, const struct cx_msg *m, cx_answer_h *h, void *arg);
