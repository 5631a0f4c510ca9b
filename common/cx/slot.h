/* What was read of a received message, while libfdcore has its carrier.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/cx/inside.h"

/* Waits while very many are on their way through libfdcore, whose queues have no bound of
 * their own: the receiving thread stops reading, and the peer stops sending. */
void slot_wait(void);
uint32_t slot_put(struct rx *r);       /* takes it over; the identifier of its carrier */
struct rx *slot_take(uint32_t id);     /* NULL: gone */
void slot_return(struct rx *r);        /* back to its place, after slot_take */
void slot_free_all(void);              /* after the end of libfdcore's threads */
