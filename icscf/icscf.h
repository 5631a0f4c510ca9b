/* The I-CSCF (TS 24.229 5.3): finds the S-CSCF of a user by Cx and forwards.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/node/sections.h"
#include "common/sip/entity.h"

struct icscf_conf {
	char *domain;                  /* home domain */
	struct sip_section sip;
	struct cx_section cx;
	struct conf_list mw_peers;     /* of struct mw_peer */
	struct sip_entity_params entity_params;
	struct conf_list scscfs;       /* of struct scscf_row */
};

/* One S-CSCF that can be selected, with what it can do (numbers as in the HSS). */
struct scscf_row {
	char *name;                    /* SIP URI */
	struct conf_list capabilities; /* of int64_t */
};

struct icscf {
	const struct icscf_conf *conf;
	struct host *host;
	struct sip_stack *stack;
	struct cx *cx;
};
extern struct icscf icscf;             /* one a process */

/* A received REGISTER from a listed Mw peer (register.c). */
void icscf_register(struct sip_req *req, const struct mw_peer *peer);

/* Selection by capabilities, TS 29.228 6.7 (select.c): names of Server-Capabilities first;
 * else all mandatory ones and as many optional ones as can be had; the order of the
 * configuration decides between equals. p NULL: none has the mandatory ones. */
struct str icscf_select(const struct conf_list *rows, const struct cx_capabilities *wanted);
