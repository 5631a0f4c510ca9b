/* /healthz and /metrics on TCP. Private to common/node.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/net/host.h"

struct health;

/* Nothing (*out stays NULL) when `listen` is none. 0, or a negative errno with a sentence. */
int health_open(const struct host *host, const struct addr *listen, const bool *ready,
	struct health **out, char why[512]);
void health_close(struct health *h);   /* may be NULL */
void health_free(struct health *h);    /* after its loop has closed everything */
