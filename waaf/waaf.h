/* The WAAF, WebRTC Authentication and Authorisation Function of TR 23.701 6.3: its SIP
 * over WSS front end (the edge of common/edge), with a P-CSCF or the I-CSCF behind it.
 *
 *	wss_digest.c   scenario 1: IMS digest through the WAAF (6.3.2.1.2)
 *	range.h        scenario 3: ranges of third-party WWSFs, whose members are registered here
 *	               (6.3.2.1.4, 6.3.2.1.5)
 *	waf.h          the token server, where the WAAF is the WAF as well
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/edge/edge.h"
#include "common/node/sections.h"
#include "waaf/range.h"
#include "waaf/waf.h"

enum waaf_next_hop { WAAF_PCSCF, WAAF_ICSCF };
enum waaf_transport { WAAF_TLS, WAAF_TCP, WAAF_UDP };
/* What stands at the other end of `pcscf`: an IBCF serves ranges in static mode, and takes no
 * REGISTER (TR 23.701 6.3.2.1.4). */
enum waaf_border { WAAF_BORDER_PCSCF, WAAF_BORDER_IBCF };

struct waaf_pcscf {
	char *host;                    /* name or address, with or without port */
	int transport;                 /* enum waaf_transport */
	struct addr listen;            /* own TLS listener, for what comes back by Path */
	char *ca;                      /* PEM file of those who sign P-CSCFs */
	int border;                    /* enum waaf_border */
};

struct waaf_conf {
	struct edge_conf edge;
	struct sip_section sip;
	int next_hop;                  /* enum waaf_next_hop */
	struct waaf_pcscf pcscf;
	char *icscf;                   /* next hop icscf: its name or address */
	char *visited_network, *access_type;
	struct waf_conf waf;           /* optional */
	struct range_conf ranges;      /* optional */
};
extern const struct conf_row waaf_conf_rows[];
/* Something goes to the P-CSCF: WICs, or pilots of ranges. */
bool waaf_needs_pcscf(const struct waaf_conf *c);
int waaf_conf_check(const void *conf, char why[512]);

struct waaf {
	const struct waaf_conf *conf;
	struct host *host;
	struct sip_stack *stack;
	struct edge *edge;
	struct tls *server_tls, *client_tls;
	struct sip_hop next_hop;       /* of WICs' REGISTERs */
	struct edge_mw mw;             /* what is put into them */
	struct sip_hop pcscf;          /* of pilots' REGISTERs */
	const char *contact_end;       /* host, port and parameters of their Contact */
};
extern struct waaf waaf;               /* one a process */

/* wss_digest.c */
void waaf_request(struct sip_req *req, void *arg);
void waaf_onward(const struct edge_reg *r, struct sip_edit *e, struct sip_hop *to,
	void *arg);
