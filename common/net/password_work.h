/* Passwords compared off the loop (crypto/password.h, work.h).
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/net/host.h"

/* `cancelled`: the process stops, and nothing was compared. */
typedef void(password_work_h)(bool right, bool cancelled, void *arg);
/* `password` and `hash` are copied, and wiped. `hash` p NULL, or a password of more than 1024
 * octets: costs as much as a real one and is false. Calls `h` later, once; -EBUSY: `most` are under way, and it
 * is not called. */
int password_work(struct host *host, int most, struct str password, struct str hash,
	password_work_h *h, void *arg);
