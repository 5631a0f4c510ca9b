/* Configuration sections that several elements share.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/conf/conf.h"
#include "common/cx/cx.h"
#include "common/sip/stack.h"

/*	sip: {listen: 127.0.0.13:5060, transport: udp|tcp, t1: 500ms, t2: 4s, t4: 5s}
 * UDP and TCP are both listened on; `transport` is used for requests. */
struct sip_section {
	struct addr listen;
	int transport;                 /* 0: UDP, 1: TCP, as enum sip_transport */
	int64_t t1_ms, t2_ms, t4_ms;
	int64_t max_transactions;
};
extern const struct conf_row sip_section_rows[];
void sip_section_stack_conf(const struct sip_section *s, struct sip_stack_conf *out);
/* Opens the UDP and TCP listeners; 0 or a negative errno with a sentence. */
int sip_section_listen(struct sip_stack *stack, const struct sip_section *s, char why[512]);

/*	cx: {identity: icscf.ims.example.org, realm: ims.example.org, local: 127.0.0.13,
 *	     peers: [{host: hss.ims.example.org, addr: 127.0.0.16:3868}], answer: 10s} */
struct cx_section {
	char *identity, *realm;
	struct addr local;
	struct conf_list peers;        /* of struct cx_peer_section */
	int64_t answer_ms;
};
struct cx_peer_section {
	char *host;
	struct addr addr;
};
extern const struct conf_row cx_section_rows[];
/* Starts the Cx node as a client of its peers; the element is ready when one of them is. */
int cx_section_start(struct host *host, const struct cx_section *s, struct cx **out,
	char why[512]);

/*	mw-peers: [{addr: 127.0.0.12, trusted-node: false, visited-network: NAME}]
 * Who may send Mw requests; a trusted node may also say auth-done (TS 33.203 U.2), of users
 * in its own network. */
struct mw_peer {
	struct addr addr;              /* port not compared */
	bool trusted_node;
	char *visited_network;         /* of a trusted node; NULL: any */
};
extern const struct conf_row mw_peer_rows[];
/* The listed peer that sent a REGISTER. NULL: it was answered, with 403 for a peer that is
 * not listed, with 405 or 501 for another method. */
const struct mw_peer *mw_peer_admit(const struct conf_list *peers, struct sip_req *req);
