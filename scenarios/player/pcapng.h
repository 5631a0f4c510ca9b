/* Writing records as pcapng with link type 252 (WIRESHARK_UPPER_PDU): each record is one
 * packet that Wireshark dissects without keys or reassembly.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/base/buf.h"
#include "scenarios/player/play.h"

struct pcapng;

/* Creates the file with mode 0600: it holds the octets, lab secrets among them. 0 or a
 * negative errno. */
int pcapng_open(const char *path, struct pcapng **out);
/* Appends one packet to `out`: at the time at which it was sent (or else received), with a
 * comment. What was formatted is written by pcapng_write. */
void pcapng_format(const struct pcapng *p, const struct record *r, const char *comment,
	struct buf *out);
void pcapng_write(struct pcapng *p, struct str packets);
/* 0, or the negative errno of the first write that failed. */
int pcapng_close(struct pcapng *p);
