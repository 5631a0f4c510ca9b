/* The eP-CSCF (TS 23.228 U.1.3, TS 24.229 5.2): a P-CSCF for WICs. The same program is
 * the WebRTC Signalling Function of TR 23.701 6.2.2, the P-CSCF behind a WAAF (TR 23.701
 * 6.3.2) or the IBCF in front of one in static mode and, where so configured, a P-CSCF for plain
 * SIP users.
 *
 *	register.c  who sends what: WICs by the edge (common/edge), everybody else below
 *	pcscf.c     REGISTER from a WAAF: of a user behind it, or its own
 *	ibcf.c      a WAAF in static mode, at whose border it stands (TR 23.701 6.3.2.1.4)
 *	wsf.h       users who register by HTTPS (TR 23.701 6.2.2.4.2)
 *	plain.c     REGISTER from a plain user (TS 33.203 Annex N, digest without TLS)
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/edge/edge.h"
#include "common/node/sections.h"
#include "epcscf/wsf.h"

/* A WAAF whose word about its users is believed. By TLS its certificate names it; without
 * TLS it is known by its address alone, and only if `plain` says so. */
struct epcscf_waaf {
	char *name;
	struct addr addr;              /* port not compared */
	bool plain;
	int border;                    /* enum epcscf_border */
};
/* What this program is to a WAAF. */
enum epcscf_border { EPCSCF_AS_PCSCF, EPCSCF_AS_IBCF };

enum epcscf_access { EPCSCF_ACCESS_OFF, EPCSCF_ACCESS_UDP, EPCSCF_ACCESS_TCP };

struct epcscf_conf {
	struct edge_conf edge;
	struct sip_section sip;        /* Mw, and WAAFs without TLS */
	char *icscf;                   /* host name or address, with or without port */
	char *visited_network, *access_type;
	struct conf_list waafs;        /* of struct epcscf_waaf; none: no such role */
	struct addr waaf_listen;       /* TLS with certificates both ways */
	char *ca;                      /* PEM file of those who sign WAAFs */
	struct wsf_conf wsf;           /* no listen: no such role */
	int access;                    /* enum epcscf_access */
	struct addr access_listen;
};
extern const struct conf_row epcscf_conf_rows[];
int epcscf_conf_check(const void *conf, char why[512]);

struct epcscf {
	const struct epcscf_conf *conf;
	struct host *host;
	struct sip_stack *stack;
	struct edge *edge;
	struct tls *waaf_tls;
	int waaf_listener, plain_listener; /* index; -1: none */
	struct sip_hop icscf;
	struct edge_mw mw;
};
extern struct epcscf epcscf;           /* one a process */

/* register.c */
void epcscf_request(struct sip_req *req, void *arg);
/* Where a WIC's REGISTER goes, for the edge. */
void epcscf_onward(const struct edge_reg *r, struct sip_edit *e, struct sip_hop *to,
	void *arg);

/* pcscf.c: `waaf` NULL: a TLS peer that is not listed. */
void epcscf_register_waaf(struct sip_req *req, const struct epcscf_waaf *waaf);
/* The listed WAAF that sent it; NULL: none. */
const struct epcscf_waaf *epcscf_waaf_of(const struct sip_req *req);

/* ibcf.c: any request of a WAAF whose border this is. */
void epcscf_ibcf(struct sip_req *req, const struct epcscf_waaf *waaf);

/* plain.c: any request of a plain user. */
void epcscf_plain(struct sip_req *req);
