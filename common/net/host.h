/* What an element, or an actor of the player, stands on: its loop, clock, random source,
 * trace, fault gate and the rig's names. Transports take it and keep the pointer.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <uv.h>

#include "common/base/addr.h"
#include "common/base/chance.h"
#include "common/base/clock.h"
#include "common/trace/gate.h"
#include "common/trace/trace.h"

struct name {                  /* one row of the rig's own name table */
	const char *name;      /* "icscf.ims.example.org", lower case */
	struct addr addr;      /* port 0: the caller's default */
};

struct host {
	const char *name;      /* "epcscf", "alice" */
	uv_loop_t *loop;
	struct clock *clock;
	struct chance chance;
	struct trace *trace;   /* NULL: not traced */
	struct gate *gate;     /* never NULL */
	const struct name *names;
	size_t n_names;
};

/* A numeric address or a name of the rig's table, never the machine's resolver. Name
 * compared case-insensitively, a trailing dot ignored. 0 or -ENOENT. */
int host_resolve(const struct host *h, struct str name, uint16_t port, struct addr *out);
