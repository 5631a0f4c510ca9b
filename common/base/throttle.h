/* Limits on guessing: so many events of one key (an account, a source address) in a window
 * that its first event begins; on the rig's clock. Attempts under way count, so that many at
 * once are no way around it.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/base/clock.h"
#include "common/base/str.h"

struct throttle;
/* `most` events a window; remembers at most `keys` keys, the oldest window goes first. */
struct throttle *throttle_new(const struct clock *clock, int64_t most, int64_t window_ms,
	size_t keys);
void throttle_free(struct throttle *t);
void throttle_clear(struct throttle *t);

/* An event begins: 0, or the milliseconds until the window ends (nothing was counted). */
int64_t throttle_take(struct throttle *t, struct str key);
/* It came to nothing (nobody was at fault): not counted any more. */
void throttle_give_back(struct throttle *t, struct str key);
/* The key has shown that it is no guesser: it begins anew. */
void throttle_forget(struct throttle *t, struct str key);
size_t throttle_keys(const struct throttle *t);
