/* What was read of a received message waits here while libfdcore has its carrier, and is
 * found by the carrier's end-to-end identifier.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/cx/slot.h"

#include <unistd.h>

/* libfdcore drops the carriers of a peer that ends without a word: what is left of them
 * goes after a while. */
enum { SLOTS = 16384, MOST = SLOTS * 3 / 4, OLD_S = 10 };

static struct {
	pthread_mutex_t lock;
	uint32_t next;
	size_t n;
	uint64_t swept_ns;
	struct rx *at[SLOTS];
} slots = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void sweep(uint64_t now)
{
	if (now - slots.swept_ns < UINT64_C(1000000000))
		return;
	slots.swept_ns = now;
	for (size_t i = 0; i < SLOTS; i++) {
		struct rx *r = slots.at[i];
		if (r && now - r->at_ns > OLD_S * UINT64_C(1000000000)) {
			slots.at[i] = NULL;
			slots.n--;
			rx_free(r);
		}
	}
}

void slot_wait(void)
{
	for (bool full = true; full;) {
		pthread_mutex_lock(&slots.lock);
		full = slots.n > MOST;
		if (full)
			sweep(clock_real_ns());
		pthread_mutex_unlock(&slots.lock);
		if (full)
			usleep(1000);
	}
}

/* Under the lock: at most MOST are in use but for those that other links add meanwhile, so
 * what stands there is older than all that are on their way. */
static struct rx *place(struct rx *r)
{
	struct rx **at = &slots.at[r->slot % SLOTS], *old = *at;
	*at = r;
	slots.n += !old;
	return old;
}

uint32_t slot_put(struct rx *r)
{
	pthread_mutex_lock(&slots.lock);
	uint32_t id = r->slot = slots.next++;
	struct rx *old = place(r);
	pthread_mutex_unlock(&slots.lock);
	rx_free(old);
	return id;
}

struct rx *slot_take(uint32_t id)
{
	pthread_mutex_lock(&slots.lock);
	struct rx **at = &slots.at[id % SLOTS], *r = *at;
	if (r && r->slot == id) {
		*at = NULL;
		slots.n--;
	} else {
		r = NULL;
	}
	pthread_mutex_unlock(&slots.lock);
	return r;
}

void slot_return(struct rx *r)
{
	pthread_mutex_lock(&slots.lock);
	struct rx *late = slots.at[r->slot % SLOTS] ? r : NULL;
	if (!late)
		place(r);
	pthread_mutex_unlock(&slots.lock);
	rx_free(late);
}

void slot_free_all(void)
{
	for (size_t i = 0; i < SLOTS; i++) {
		rx_free(slots.at[i]);
		slots.at[i] = NULL;
	}
	slots.n = 0;
}
