/* What the tests of the transports stand on: a host of their own, a loop that runs until
 * something holds, and a lab CA in a directory that goes with the test.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <cmocka.h>

#include "common/net/host.h"
#include "common/net/stream.h"

struct rig {
	uv_loop_t loop;
	struct host host;
	char dir[64];          /* empty until rig_ca */
};

void rig_open(struct rig *r, const char *name);
void rig_close(struct rig *r);         /* runs the loop until nothing is left, at most 30 s */
/* Runs the loop until `done` holds; fails the test after 30 s. */
void rig_until(struct rig *r, bool (*done)(void *arg), void *arg);
void rig_run(struct rig *r, int ms);   /* five turns for each of so many milliseconds */
void rig_until_set(struct rig *r, const bool *flag);
void rig_until_count(struct rig *r, const int *n, int want);

struct addr rig_addr(const char *text);
int64_t rig_metric(const char *name);

/* The CA, and certificates <name>.pem, <name>-key.pem below it. */
void rig_ca(struct rig *r);
const char *rig_file(struct rig *r, const char *name); /* path; a ring of static buffers */
void rig_cert(struct rig *r, const char *name, const char *dns, const char *address);
/* Settings with certificate `cert` (NULL: none), checking the peer by `ca` if set. */
struct tls *rig_tls(struct rig *r, bool server, const char *cert, const char *ca, bool require);

/* A plain blocking socket for a peer that breaks rules. */
int rig_dial(const struct addr *local, const struct addr *remote);
