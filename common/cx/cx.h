/* The Cx reference point (TS 29.228, TS 29.229): typed messages, and libfdcore hosted
 * beside a libuv loop.
 *
 * libfdcore brings threads; only this folder knows. Handlers run on the loop. Texts and
 * octets of a received message are views that live as long as the message.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/net/host.h"
#include "common/base/mem.h"

enum cx_command { CX_UA = 300, CX_SA = 301, CX_LI = 302, CX_MA = 303, CX_RT = 304, CX_PP = 305 };
enum { CX_APPLICATION = 16777216, CX_VENDOR_3GPP = 10415, CX_VENDOR_ETSI = 13019 };

/* Result of an answer: exactly one of the two on the wire. */
struct cx_result {
	bool experimental;     /* Experimental-Result (vendor 10415), else Result-Code */
	uint32_t code;
};
#define CX_RESULT(c)       ((struct cx_result){false, (c)})
#define CX_EXPERIMENTAL(c) ((struct cx_result){true, (c)})

enum {
	DIAMETER_SUCCESS = 2001,
	DIAMETER_COMMAND_UNSUPPORTED = 3001, DIAMETER_UNABLE_TO_DELIVER = 3002,
	DIAMETER_REALM_NOT_SERVED = 3003, DIAMETER_TOO_BUSY = 3004,
	DIAMETER_APPLICATION_UNSUPPORTED = 3007, DIAMETER_INVALID_HDR_BITS = 3008,
	DIAMETER_AVP_UNSUPPORTED = 5001, DIAMETER_AUTHORIZATION_REJECTED = 5003,
	DIAMETER_INVALID_AVP_VALUE = 5004, DIAMETER_MISSING_AVP = 5005,
	DIAMETER_AVP_OCCURS_TOO_MANY_TIMES = 5009, DIAMETER_UNABLE_TO_COMPLY = 5012,
	DIAMETER_INVALID_AVP_LENGTH = 5014, DIAMETER_INVALID_MESSAGE_LENGTH = 5015,

	CX_FIRST_REGISTRATION = 2001, CX_SUBSEQUENT_REGISTRATION = 2002,
	CX_UNREGISTERED_SERVICE = 2003, CX_SERVER_NAME_NOT_STORED = 2004,
	CX_USER_UNKNOWN = 5001, CX_IDENTITIES_DONT_MATCH = 5002, CX_NOT_REGISTERED = 5003,
	CX_ROAMING_NOT_ALLOWED = 5004, CX_ALREADY_REGISTERED = 5005,
	CX_AUTH_SCHEME_NOT_SUPPORTED = 5006, CX_IN_ASSIGNMENT_TYPE = 5007,
	CX_TOO_MUCH_DATA = 5008, CX_NOT_SUPPORTED_USER_DATA = 5009,
};
static inline bool cx_is_success(struct cx_result r)
{
	return !r.experimental && r.code == DIAMETER_SUCCESS;
}
/* "FIRST_REGISTRATION", "DIAMETER_SUCCESS"; for logs and reasons. */
const char *cx_result_name(struct cx_result r);

enum cx_auth_type { CX_REGISTRATION = 0, CX_DE_REGISTRATION = 1, CX_REGISTRATION_AND_CAPABILITIES = 2 };
enum cx_assignment {
	CX_NO_ASSIGNMENT = 0, CX_ASSIGN_REGISTRATION = 1, CX_RE_REGISTRATION = 2,
	CX_UNREGISTERED_USER = 3, CX_TIMEOUT_DEREGISTRATION = 4, CX_USER_DEREGISTRATION = 5,
	CX_TIMEOUT_DEREGISTRATION_STORE = 6, CX_USER_DEREGISTRATION_STORE = 7,
	CX_ADMINISTRATIVE_DEREGISTRATION = 8, CX_AUTHENTICATION_FAILURE = 9,
	CX_AUTHENTICATION_TIMEOUT = 10, CX_DEREGISTRATION_TOO_MUCH_DATA = 11,
};

enum { CX_MAX_CAPABILITIES = 16, CX_MAX_IDENTITIES = 64 };

struct cx_capabilities {
	bool present;
	uint32_t mandatory[CX_MAX_CAPABILITIES], optional[CX_MAX_CAPABILITIES];
	uint8_t n_mandatory, n_optional, n_names;
	struct str names[CX_MAX_CAPABILITIES];
};

/* One struct for all twelve messages: each uses its part; cx/message.def says which
 * members a command may and must have, with type, flags and clause. Absent: p NULL,
 * has_x false, n 0. */
struct cx_msg {
	enum cx_command command;
	bool request;
	struct arena arena;            /* owns the views */
	struct str session_id, origin_host, origin_realm, destination_host, destination_realm;
	struct cx_result result;       /* answers */

	struct str user_name;          /* IMPI */
	struct str public_identity[CX_MAX_IDENTITIES];
	uint8_t n_public_identity;
	struct str visited_network;
	struct str server_name;
	struct cx_capabilities capabilities;
	bool has_auth_type;
	uint32_t auth_type;            /* enum cx_auth_type */
	uint32_t uar_flags;
	bool has_originating;
	uint32_t originating;          /* Originating-Request */

	uint32_t auth_items;           /* SIP-Number-Auth-Items */
	bool has_auth_data;            /* SIP-Auth-Data-Item */
	struct str auth_scheme;        /* "SIP Digest", "Unknown", "Digest-AKAv1-MD5" */
	struct str authenticate, authorization, ck, ik;        /* AKA */
	struct str digest_realm, digest_qop, digest_algorithm, digest_ha1;
	struct str alternate_algorithm, alternate_ha1;

	bool has_assignment, has_data_available;
	uint32_t assignment;           /* enum cx_assignment */
	uint32_t data_available;       /* User-Data-Already-Available */
	struct str user_data;          /* XML, TS 29.228 Annex E */
	struct str wildcard;           /* Wildcarded-Public-Identity */
	struct str ccf[2], ecf[2];     /* Charging-Information, primary and secondary */
	struct str associated[CX_MAX_IDENTITIES];
	uint8_t n_associated;
	bool has_allowed;              /* Allowed-WAF-WWSF-Identities */
	struct str allowed_waf[CX_MAX_CAPABILITIES], allowed_wwsf[CX_MAX_CAPABILITIES];
	uint8_t n_allowed_waf, n_allowed_wwsf;
	struct str wwsf_name;          /* command-level 658 (TR 33.871 flow) */

	struct str failed_avp;         /* name of the AVP in Failed-AVP; answers we build */
};

/* ---- the node ---- */
struct cx_peer {
	const char *host;              /* Diameter identity */
	struct addr addr;              /* client: where to connect; server: what the trace shows */
};
struct cx_conf {
	const char *identity, *realm;  /* Origin-Host, Origin-Realm */
	struct addr listen;            /* server; family none: no listener */
	struct addr local;             /* what the trace shows as our address */
	const struct cx_peer *peers;   /* client: to connect to; server: who may connect */
	size_t n_peers;
	bool server;
	int answer_ms;                 /* answer timer, rig time; 0: 10 s */
	int max_outstanding;           /* server: beyond: 3004 TOO_BUSY; 0: 10,000 */
};

struct cx;
struct cx_req;                         /* a received request; released by answering it */

struct cx_h {
	/* A received request (HSS: UAR, MAR, SAR, LIR; S-CSCF: RTR, PPR). `m` is decoded,
	 * complete and well-typed: faulty ones were answered before. */
	void (*request)(struct cx_req *req, const struct cx_msg *m, void *arg);
	/* Requests of one loop turn are handed over between these two: the HSS commits its
	 * database in `batch_end`, before the answers leave. May be NULL. */
	void (*batch_begin)(void *arg);
	void (*batch_end)(void *arg);
	/* A peer's link opened or went down. May be NULL. */
	void (*peer)(struct str peer, bool up, void *arg);
	/* libfdcore ended itself; nothing goes any more. NULL: the process gets SIGTERM. */
	void (*dead)(const char *why, void *arg);
};

int cx_start(struct host *host, const struct cx_conf *conf, const struct cx_h *h, void *arg,
	struct cx **out, char why[256]);
/* DPR to peers, threads joined; blocks up to 1.5 s. What waits gets -EHOSTUNREACH before it
 * returns; no callback after that. Frees itself at the loop's next turn. */
void cx_stop(struct cx *c);
bool cx_peer_up(struct cx *c, struct str host);        /* p NULL: any */

/* Client: sends m (command, request true, members filled; identities, realm, session id
 * and the fixed AVPs are added) and calls `h` once, never before return: err -ETIMEDOUT,
 * -EHOSTUNREACH (no peer took it), -EBADMSG (an answer that can't be read), with m NULL;
 * else the answer, whose result says the rest. `destination_host` p NULL: by realm.
 * Returns -EHOSTUNREACH at once, without calling `h`, when no such peer is up or takes
 * anything. */
typedef void(cx_answer_h)(int err, const struct cx_msg *m, void *arg);
int cx_send(struct cx *c, const struct cx_msg *m, cx_answer_h *h, void *arg);

/* Server: answers and releases. `m` may be zero but for result. */
void cx_answer(struct cx_req *req, const struct cx_msg *m);
/* In batch_end: all answers of the batch become this base error; its changes were lost. */
void cx_batch_refuse(struct cx *c, uint32_t code);
int cx_open(const struct cx *c);       /* requests under way, both directions, and links closing */

/* ---- without libfdcore: reading octets, for the player, the trace and fuzzing ---- */
/* "UAR", "UAA", ... "CER", "DWR"; NULL when unknown. */
const char *cx_command_name(uint32_t code, bool request);
/* One AVP at the front of *rest, checked against its bounds; false at the end or when
 * broken (*broken true). */
struct cx_avp {
	uint32_t code, vendor;
	uint8_t flags;
	struct str data;
};
bool cx_avp_next(struct str *rest, struct cx_avp *out, bool *broken);
struct cx_header {
	uint32_t length, command, application, hop_by_hop, end_to_end;
	uint8_t flags;
	bool request;
};
int cx_header_parse(struct str bytes, struct cx_header *out, struct str *avps);
/* Value of an AVP as text, by the names that scripts use: "Public-Identity",
 * "Experimental-Result" (its code), "SIP-Auth-Data-Item.SIP-Authentication-Scheme",
 * "Server-Capabilities.Mandatory-Capability[2]"; enumerations as numbers. "AVPs", also of a
 * group: the names of what it holds, in order, flags behind a colon where they are not as
 * sent by us. "Header": flags of the command and application, "RP 16777216". */
struct str cx_script_field(struct str bytes, struct str name, struct arena *a);
/* Is it such a name? What none has is absent from every message. */
bool cx_script_name(struct str name);
extern const struct gate_proto cx_gate_proto;
