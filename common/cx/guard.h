/* What libfdcore gets to see of a received message; see guard.c.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/cx/octets.h"

/* The carrier: an experimental command code (RFC 6733 11.2.1), an AVP and a vendor that
 * nobody has. None is ever sent. */
enum { CX_CARRIER_COMMAND = 0xfffffe, CX_CARRIER_AVP = 0x7ffffffe,
	CX_CARRIER_VENDOR = 0x7ffffffe };

/* True when a base message, whose AVPs cx_decode found in order, has nothing further that
 * libfdproto can't take: groups that are none of ours, a session. */
bool cx_is_sound(struct str avps);
/* Makes a message of n octets a carrier with that end-to-end identifier, in place and in
 * equal length; of an answer only "routing in" sees anything (E is set). */
void cx_carrier(char *octets, size_t n, uint32_t id);
