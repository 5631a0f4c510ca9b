/* HEPv3, the Homer encapsulation protocol: records of messages on the way to a collector.
 *
 * A record is "HEP3", a 16-bit length of the whole, and chunks (vendor, type, length,
 * value; all lengths include their heads). Besides the generic chunks (vendor 0) that
 * Homer, sngrep and others read, ours carry what the ladder needs (vendor HEP_VENDOR):
 *	1  8 bits   protocol (enum trace_proto)
 *	2  8 bits   true transport (enum trace_via); IP protocol says TCP for all but UDP
 *	3  8 bits   direction (enum trace_dir), as the node saw it
 *	4  64 bits  number of the message within the node's process
 *	5  text     name of the node
 *	6  64 bits  connection within the process, 0 for datagrams
 *	7  64 bits  CLOCK_MONOTONIC in ns: the order of records of one machine
 *	8  64 bits  the rig clock's offset in ms
 *	9  16 bits  part of the message, from 1
 *	10 16 bits  number of its parts
 * Source and destination stand in the sender's order: of a message sent, src is the
 * node's own address, of one received, dst is. Seconds and microseconds are the machine's
 * wall clock, without the rig's offset.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/trace/trace.h"

enum {
	HEP_HEAD = 6,
	HEP_PART_MAX = 60000,   /* payload of one record; a longer message takes several */
	HEP_MESSAGE_MAX = 16 << 20, /* longest message that hep_join puts together */
	HEP_NODE_MAX = 64,
	HEP_VENDOR = 0x494d,    /* "IM"; below 0x0010 are the vendors that HEP lists */
};

/* Numbers for chunk 11. SIP is 1 for everyone. The others have no number that stands for
 * their octets (Homer's 56 is Diameter told as JSON), so the defaults lie where HEP
 * assigns nothing, and a collector files them without reading them as something else. */
struct hep_types {
	uint8_t diameter, http, ws;
};
#define HEP_TYPES_DEFAULT ((struct hep_types){200, 201, 202})

/* A decoded record; views into the bytes that were decoded. */
struct hep_msg {
	struct trace_msg m;     /* bytes: this part's payload */
	uint8_t type;           /* chunk 11 as it came */
	uint32_t capture_id;
	uint16_t part, parts;   /* 1 of 1 when whole */
	bool own;               /* one of our processes sent it: dir, via, conn, id, at_ns,
				 * node and offset are true. Else dir is TRACE_SENT, via is
				 * guessed from the IP protocol and the rest is zero. */
};

/* Appends a record for each part of m's payload. */
void hep_encode(const struct trace_msg *m, const struct hep_types *types, struct buf *out);

/* Length of the record at the front of a TCP stream; 0: more bytes are needed; -EBADMSG:
 * no HEPv3, the stream can't be followed further. */
int hep_frame(struct str bytes);
/* One whole record. 0 or -EBADMSG. Chunks that aren't known are passed over. */
int hep_decode(struct str record, struct hep_msg *out);

/* Puts the parts of one sender's messages together. Its parts come in order, as TCP and
 * loopback keep it; a message with a part missing is dropped and counted. Zero-initialised
 * is ready. */
struct hep_join {
	struct buf bytes;
	uint64_t id;
	uint16_t next, parts;   /* next: part number waited for; 0: none */
	uint64_t lost;          /* messages given up */
};
/* True when h->m is a whole message now (its bytes good until the next call). */
bool hep_join_add(struct hep_join *j, struct hep_msg *h);
void hep_join_free(struct hep_join *j);
