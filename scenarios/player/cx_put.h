/* Diameter messages as a script writes them (docs/scenarios.md, cx-peer).
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/cx/octets.h"
#include "scenarios/player/actor.h"

/* Begins a message and returns where; cx_put_length ends it. */
size_t cx_put_header(struct buf *out, uint32_t command, uint8_t flags,
	uint32_t application, uint32_t hop_by_hop, uint32_t end_to_end);
void cx_put_length(struct buf *out, size_t start);

/* A script's list: {Public-Identity: "sip:..."}, {SIP-Auth-Data-Item: [{...}]},
 * {code: 1, vendor: 0, flags: 64, value: ".." or hex: ".."}; "absent" writes nothing. 0,
 * or -EINVAL with a sentence. */
int cx_put_avps(struct actor *a, const json_t *list, struct buf *out, char why[256]);
bool cx_names(const json_t *list, const char *name); /* has the list such an AVP? */
void cx_put_text(int id, const char *text, struct buf *out);

/* The actor's Diameter identity: its option `host`, else its name in the home domain. */
const char *cx_identity(struct actor *a, const json_t *o, char out[160]);
/* Origin-Host and Origin-Realm, unless `avps` has them. */
void cx_put_origin(struct actor *a, const json_t *o, const json_t *avps, struct buf *out);
void cx_put_application(struct buf *out); /* Vendor-Specific-Application-Id: Cx */
