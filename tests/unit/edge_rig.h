/* What the tests of the running eP-CSCF and WAAF stand on: the element as a process,
 * WICs, and an I-CSCF or P-CSCF played by the test.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <jansson.h>

#include "common/sip/stack.h"
#include "tests/unit/rig.h"

#define ORIGIN "https://wwsf.ims.example.org:8443"
#define EDGE   "127.38.1.12"
#define ICSCF  "127.38.1.13"
#define WAAF   "127.38.1.11"

struct core {                          /* I-CSCF or P-CSCF: what it got and answers */
	struct sip_stack *stack;
	struct arena arena;
	struct sip_msg last;
	int got, status;               /* status 0: by the credentials; -1: silent */
	uint64_t held;                 /* the last request, which may wait for core_answers */
	const char *grants;            /* parameters of the 200's Contact; NULL: as asked */
	const char *associated;        /* more of the 200's P-Associated-URI; NULL: none */
	const char *fields;            /* more lines of what is neither 200 nor 401; NULL: none */
	const char *challenges;         /* fields of its 401; NULL: one by MD5 */
};
struct world {
	struct rig rig;
	struct core core;
	struct tls *client_tls;
	pid_t pid;
	const char *program;           /* what runs */
	const char *auth;              /* of the origins; NULL: digest, nothing */
	int64_t offset_ms;             /* of the element's clock */
};

extern struct world world;

void world_open(void);                 /* CA, certificates; no process yet */
void core_open(const char *addr, bool tls);
void core_answers(int status);         /* now, and from now on */
void world_start(const char *program, struct buf *config); /* returns when it is ready */
void world_stop(void);                 /* the process alone; before world_close */
void world_close(void);                /* fails when the process did not end well */
pid_t world_spawn(const char *program, const char *config);
void world_write(const char *name, const char *text);
bool logged(const char *text);         /* stands in the process's log */
json_t *world_admin(const char *command); /* its answer; its loop runs, ours not */
void world_advance(int seconds);       /* its clock, in steps that keep WebSockets alive */

void epcscf_config(struct buf *b, const char *extra);
void start_epcscf(const char *extra);  /* all of the above */

/* The last request that the core got: value NULL is absent. */
struct str core_field(const char *name);
void core_is(const char *name, const char *value);
void core_has(const char *name, const char *part);

/* ---- WICs ---- */

struct wic {
	struct ws *ws;
	bool answered, closed;
	int http_status, code, got;
	char last[8192];
	const char *name, *instance;
	const char *contact;           /* more parameters of its Contact; NULL: none */
	int cseq;
};

#define ASK(name)                                                                          \
	"Authorization: Digest username=\"" name "-impi@ims.example.org\", "               \
	"realm=\"ims.example.org\", uri=\"sip:ims.example.org\", nonce=\"\", response=\"\"\r\n"
#define ANSWER(name)                                                                       \
	"Authorization: Digest username=\"" name "-impi@ims.example.org\", "               \
	"realm=\"ims.example.org\", uri=\"sip:ims.example.org\", nonce=\"n1\", nc=00000001, " \
	"qop=auth, cnonce=\"c\", response=\"00112233445566778899aabbccddeeff\"\r\n"

void wic_try(struct wic *c, const char *edge, const char *origin, const char *subprotocol,
	const char *path);
void wic_open(struct wic *c, const char *name, const char *instance);
void wic_close(struct wic *c);
void wic_closed(struct wic *c, int code); /* waits for it */
void wic_send(struct wic *c, const char *text);
/* A REGISTER; `fields` are lines of their own. */
void wic_register(struct wic *c, const char *fields);
void wic_asks(struct wic *c, const char *fields, const char *answer); /* ... and waits */
void wic_body(struct wic *c, const char *type, const char *body);     /* with a body */
void wic_request(struct wic *c, const char *method);
void wic_gets(struct wic *c, const char *begins); /* waits for the next message */
void wic_registers(struct wic *c, const char *ask, const char *answer);
