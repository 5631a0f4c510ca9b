/* UDP sockets.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/net/host.h"

struct udp;
/* `bytes` is good during the call. */
typedef void(udp_h)(struct udp *u, const struct addr *from, struct str bytes, void *arg);

/* Binds `local` (port 0: any) and reads. 0, or a negative errno (uv code). Reads and
 * writes in batches (recvmmsg, sendmmsg) where the kernel has them. */
int udp_open(struct host *host, const struct addr *local, udp_h *h, void *arg, struct udp **out);
/* Datagrams that the socket does not take at once wait, up to a bound; beyond it they are
 * dropped and counted, as a network would. */
int udp_send(struct udp *u, const struct addr *to, struct str bytes);
const struct addr *udp_local(const struct udp *u);
void udp_close(struct udp *u);         /* no callback after this; memory goes by itself */
