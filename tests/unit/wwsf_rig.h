/* What the tests of the WWSF stand on: the element in this process, a browser's HTTPS, and for
 * W4 a WAF's server that answers what the test says.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <jansson.h>

#include "common/base/buf.h"
#include "common/http/http.h"
#include "tests/unit/rig.h"
#include "wwsf/wwsf.h"

#define WWSF   "127.39.1.10"
#define ORIGIN "https://wwsf.ims.example.org:8443"

struct web {                           /* the last answer */
	int status;
	json_t *body;                  /* NULL: no JSON */
	char text[4096], cookie[256], retry[16], location[1024], cache[32];
	char signin[256];              /* the cookie of that name */
};
struct waf_side {
	struct tls *tls;
	struct http_server *server;    /* NULL: nobody listens */
	int got, status;               /* status 0: silent */
	const char *answer, *fields;   /* JSON, and header fields */
	char form[2048], peer[128];    /* of the last request */
	struct http_req *held;
};
struct world {
	struct rig rig;
	struct arena arena;
	struct wwsf_conf conf;
	struct tls *tls;
	struct http_client *client;
	struct web web;
	struct waf_side waf;
	char hash[400];                /* of "wonderland" */
	int64_t offset_ms;
};
extern struct world world;

/* For cmocka: its own clock, CA and certificates. */
int world_open(void **state);
int world_close(void **state);
/* `extra` stands behind what every configuration has. */
void world_start(const char *extra);
const char *world_refuses(const char *extra); /* the sentence; "" when it takes it */
void world_stop(void);                 /* the WWSF alone */
void world_advance(int64_t ms);
void world_reset(void);

/* A request from a page of the WWSF, unless `fields` say otherwise; the status, after the answer
 * has come. */
int ask(const char *method, const char *target, const char *fields, const char *body);
int login(const char *user, const char *password);
int login_from(const char *fields, const char *user, const char *password);
const char *web_text(const char *member); /* of the last answer; NULL: absent */
/* The last answer is that error: no cookie, no token. */
void is_error(int status, const char *word);
/* "Cookie: ..\r\nX-CSRF-Token: ..\r\n" of the last sign-in. */
const char *signed_in(void);

void waf_listen(void);                 /* 127.39.1.11:8444, certificates both ways */
void waf_hang_up(void);
