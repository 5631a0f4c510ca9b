/* Random values that our code draws: from one seedable source, so that two runs of one
 * seed draw the same. Without a seed the source is the system's.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct chance {
	uint8_t key[32];
	uint64_t block;        /* counter of the next ChaCha20 block */
	uint8_t left;          /* unused bytes at the end of `pool` */
	uint8_t pool[64];
};

/* `seed` 0: keyed from getrandom(2). Otherwise keyed from (seed, name): every element of
 * a rig has its own stream. */
void chance_init(struct chance *c, uint64_t seed, const char *name);
void chance_bytes(struct chance *c, void *out, size_t n);
uint32_t chance_u32(struct chance *c);
/* n random bytes as 2n lower-case hex digits and a NUL. */
void chance_hex(struct chance *c, char *out, size_t n);
