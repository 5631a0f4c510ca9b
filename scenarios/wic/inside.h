/* What the files of the WIC share.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "scenarios/wic/wic.h"

struct wic_edge {
	struct addr addr;
	char name[128], path[128];
};
/* "wss://host[:port]/path" or https; -EINVAL: neither, -ENOENT: a name nobody has. */
int wic_edge_parse(struct host *host, const char *edge, struct wic_edge *out);

void wic_txs_forget(struct wic *w);
int wic_txs_open(const struct wic *w);
void wic_web_forget(struct wic *w);
int wic_web_open(const struct wic *w);
