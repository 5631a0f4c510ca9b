/* What libfdcore gets to see of a received message; see guard.c.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/cx/octets.h"

/* The carrier: an experimental command code (RFC 6733 11.2.1), an AVP and a vendor that
 * nobody has. None is ever sent. */
enum { CX_CARRIER_COMMAND = 0xfffffe, CX_CARRIER_AVP = 0x7ffffffe,
	CX_CARRIER_VENDOR = 0x7ffffffe };

enum cx_guarded {
	CX_GUARD_SHORT,        /* not a message; left as it is, libfdcore closes the link */
	CX_GUARD_BASE,         /* CER, DWR, DPR and their answers: left as it is */
	CX_GUARD_UNSOUND,      /* the same, malformed: made opaque; libfdcore refuses it */
	CX_GUARD_REQUEST,      /* carrier of a request to us */
	CX_GUARD_ANSWER,       /* carrier of an answer: E set, so that routing gives it to us */
};
/* Rewrites the octets in place, in equal length. */
enum cx_guarded cx_guard(char *octets, size_t n);
