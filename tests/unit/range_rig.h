/* What the tests of ranges stand on: the WAAF as a process, its P-CSCF and an issuer of tokens
 * played by the test, WWSFs on W4 with certificates of their own, and WICs.
 *
 * The range of WWSF is sip:web!.*!@ims.example.org and sip:desk!.*!@ims.example.org, its pilot
 * sip:pilot@ims.example.org; OTHER has sip:net!.*!@ims.example.org and, too,
 * sip:web2!.*!@ims.example.org.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "tests/unit/edge_issuer.h"

#define OTHER	    "other.example"
#define WEB	    "sip:web!.*!@ims.example.org"
#define DESK	    "sip:desk!.*!@ims.example.org"
#define NET	    "sip:net!.*!@ims.example.org"
#define WEB2	    "sip:web2!.*!@ims.example.org"
#define PILOT_IMPI  "pilot@wwsf.ims.example.org"
#define HA1	    "a84b27834b9de0ad55f2422877874040"
#define CREDENTIALS(nonce)                                                                  \
	"{\"nonce\":\"" nonce "\",\"nc\":\"00000001\",\"cnonce\":\"c0\",\"response\":"       \
	"\"00112233445566778899aabbccddeeff\"}"

/* Who asks on W4: the WWSFs; one whose certificate is a server's alone; a stranger of our
 * authority; one of another authority; nobody. */
enum who { W_WWSF, W_OTHER, W_SERVER, W_STRANGER, W_FOREIGN, W_NOBODY, WHOS };

struct reply {
	int n, err, status;
	char fields[2048];
	json_t *json;                  /* the body; NULL: none */
};
extern struct reply got;               /* the last answer */

/* `mode` of WWSF's range; `extra`: lines of the section; `tokens`: of the tokens section. */
void range_open(const char *mode, const char *extra, const char *tokens);
void range_restart(void);
void range_close(void);
void range_config(struct buf *b, const char *mode, const char *extra, const char *tokens);

/* A request and its answer's status; body NULL: none. */
void w4(enum who who, const char *method, const char *target, const char *body, int status);
void w4_begin(enum who who, const char *method, const char *target, const char *body);
void w4_end(int status);
const char *said(const char *name);    /* a text of the last answer's JSON; "" */
void refused_with(const char *error);
/* A body that asks for WWSF's block(s); credentials NULL: none. A ring of static buffers. */
const char *ask_for(const char *blocks, int expires, const char *credentials);
/* Registered, by challenge and credentials; its id is kept. */
const char *w4_registers(const char *blocks, int expires);
json_t *state_of(const char *wwsf);    /* its row of "registrations", a new reference */

/* A token of WWSF for <name>@wwsf.ims.example.org and sip:<name>@ims.example.org. */
struct token member_claims(const char *name);
const char *member_token(const char *name);
/* Opens a connection of that page, and registers with the token. */
void member_open(struct wic *c, const char *name);
void member_registers(struct wic *c, const char *name);
json_t *member_state(const char *name); /* NULL: not registered; a new reference */
