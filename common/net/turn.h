/* What all sockets of one loop share: read buffers, the table of stream ids, and the work
 * that is put off to the end of the loop turn. For common/net, db and http.
 *
 * Everything written during a turn leaves together: a socket with something to send puts
 * its task on the list, and the list runs right before the loop waits again.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <openssl/ssl.h>
#include <uv.h>

#include "common/base/buf.h"

struct stream;

enum {
	TURN_READ = 64 * 1024,  /* one read of a stream */
	TURN_PLAIN = 16 * 1024, /* one TLS record */
	TURN_GRAMS = 32,        /* datagrams of one recvmmsg */
	TURN_GRAM = 64 * 1024,
};

/* Embedded in what has work at the end of a turn. Zero-initialised is idle. */
struct task {
	struct task *prev, *next;
	void (*run)(struct task *t);
};

struct turn {
	uv_loop_t *loop;
	struct turn *next;
	uv_prepare_t prepare;
	unsigned users;        /* open handles that hold it */
	struct task tasks;     /* head of a ring */
	char *read, *plain;
	char *grams;           /* NULL until the first datagram socket */
	BIO *bio;              /* one for all TLS sessions: its state is in `in` and `out` */
	struct str in;         /* what the session at work may still read */
	struct buf out;        /* what it wrote */
	struct buf spare;      /* an emptied send buffer, for the next writer */
	struct stream **table; /* open addressing by id, `slots` is a power of two */
	size_t slots, streams;
};

/* One for each loop; made by its first user, gone with its last. */
struct turn *turn_get(uv_loop_t *loop);
struct turn *turn_find(uv_loop_t *loop);           /* NULL: this loop has no sockets */
void turn_put(struct turn *t);

void task_add(struct turn *t, struct task *k, void (*run)(struct task *k));
void task_drop(struct task *k);        /* does nothing when not on the list */

void turn_add(struct turn *t, struct stream *s);
void turn_remove(struct turn *t, struct stream *s);
struct stream *turn_lookup(const struct turn *t, uint64_t id);
