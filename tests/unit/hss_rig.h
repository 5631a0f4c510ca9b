/* A real hss process with its admin socket, and raw Diameter links to it, for tests.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <jansson.h>
#include <sys/types.h>

#include "common/base/buf.h"
#include "common/cx/octets.h"

struct hss_rig {
	char dir[64], net[16];         /* "127.33.1" */
	const char *more;              /* further lines of its configuration; may be NULL */
	const char *subscribers;       /* file; NULL: those of the scenarios */
	pid_t pid;
	char *log;                     /* hss_rig_log */
};

/* Makes a directory and starts the program in it; waits until it answers. */
void hss_rig_open(struct hss_rig *r, const char *net);
void hss_rig_start(struct hss_rig *r);
int hss_rig_stop(struct hss_rig *r);   /* SIGTERM; its exit code */
void hss_rig_close(struct hss_rig *r);
/* All that it wrote to stderr since the start; freed by the next call. */
const char *hss_rig_log(struct hss_rig *r);
/* A command of the admin socket, {"cmd":..} with jansson's pack format. */
json_t *hss_rig_ask(struct hss_rig *r, const char *fmt, ...);
int64_t hss_rig_counter(struct hss_rig *r, const char *name);

/* ---- a link ---- */

struct link {
	int fd;
	const char *host;
	struct buf in;                 /* the answer at hand */
	struct cx_msg m;
	uint32_t next;
};
/* Connects from net.<node>; no CER yet. */
void link_dial(struct link *l, const struct hss_rig *r, int node, const char *host);
/* Connects and exchanges capabilities; the Result-Code of the CEA. */
uint32_t link_open(struct link *l, const struct hss_rig *r, int node, const char *host);
void link_close(struct link *l);
void link_send(struct link *l, struct str octets);
/* The next message into l->in; false when the link was closed or 5 s passed. */
bool link_receive(struct link *l);
/* Sends a request (identities and session are filled in), waits for its answer, reads it
 * into l->m. */
const struct cx_msg *link_ask(struct link *l, struct cx_msg m);
/* The octets of such a request. */
struct str link_encode(struct link *l, struct cx_msg m, struct buf *out);
/* Sends octets, waits for the answer and gives its Result-Code; 0: it has none, or the link
 * was closed. The rest of a message is that of the last link_encode. */
uint32_t link_result(struct link *l, struct str octets);
/* A field of the message at hand; p NULL when absent. Good until the next call. */
struct str link_field(struct link *l, const char *name);
