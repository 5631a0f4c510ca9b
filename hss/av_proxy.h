/* The AV proxy (TR 33.871, direct authentication): the component of the HSS that stands between
 * it and the authentication services of WWSFs. It was handed over, offline, what a challenge of
 * each web user needs (av_store.h), and answers the MARs that the HSS forwards to it
 * (common/cx/within.h).
 *
 *	S-CSCF            HSS          AV proxy
 *	  | MAR             |              |
 *	  |---------------->| MAR          |     cx_mar_web.c
 *	  |                 |------------->|     known at that WWSF, not too old
 *	  |                 |          MAA |
 *	  |             MAA |<-------------|     realm, qop, algorithm, H(A1)
 *	  |<----------------|
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/cx/cx.h"
#include "hss/av_store.h"
#include "hss/hss.h"

/* Opens the store and imports the files of the configuration that have changed. 0, also when none
 * is configured, or a negative errno with a sentence. */
int av_proxy_start(char why[512]);
void av_proxy_stop(void);

/* Forwards a MAR; `h` is called once, before this returns (cx_within_ask). */
void av_proxy_ask(const struct cx_msg *mar, cx_answer_h *h, void *arg);

/* Commands of the admin socket, on the store of the HSS:
 *	avproxy.import  {"file":PATH}  -> {"ok":true,"wwsf":"..","users":N,"withdrawn":N}
 *	avproxy.status  {}             -> {"ok":true,"wwsfs":[..],"max_age_s":N}
 *	avproxy.list    {"wwsf":"..","after":"..","limit":N} -> {"ok":true,"names":[..]}
 *	avproxy.show    {"name":WEB-IDENTITY} -> {"ok":true,"at":[..]}
 *	avproxy.remove  {"name":..,"wwsf":..} -> {"ok":true,"removed":N}; one of both may lack
 * NULL when `cmd` is none of these. */
json_t *av_proxy_command(const json_t *args);
