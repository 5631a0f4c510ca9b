/* What the tests of the WAF stand on: the WAF in this process, and those who talk to it, each
 * with a certificate of his own.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "tests/unit/rig.h"
#include "waaf/waf.h"

#define HOST     "127.41.1.11"
#define CALLBACK "https://wwsf.ims.example.org:8443/callback"
#define CALLBACK4 "https://wwsf4.ims.example.org:8443/callback"
#define VERIFIER "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" /* RFC 7636 appendix B */
#define CHALLENGE "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

/* The WWSFs: `wwsf` may do everything; `wwsf2` may not say who a user is, and has no code
 * grant; `wwsf3` is blocked; `wwsf4` is a third party's, with a pool. `web` is a browser, at the other listener. */
enum who { WWSF, WWSF2, WWSF3, WWSF4, EDGE, STRANGER, FOREIGN, NOBODY, WEB, WHOS };

struct reply {
	int n, err, status;
	char why[200], fields[2048];
	struct buf body;
	json_t *json;                  /* the body, when it is JSON */
};
struct lab {
	struct rig rig;
	struct arena arena;
	struct waf_conf conf;
	struct tls *tls[WHOS];
	struct http_client *clients[WHOS];
	struct reply got;
	struct buf secrets;            /* one a line: must not stand in the log */
	int stderr_fd;
};
extern struct lab lab;

/* Where a failed test left the log diverted, its reason must still be seen. */
#define LAB_TEST(f) cmocka_unit_test_teardown(f, lab_restore)
int lab_restore(void **state);

/* `extra`: lines of the section. */
void lab_open(const char *extra);
/* Fails when something is left, or a secret stands in the log. */
void lab_close(void);
void lab_secret(struct str s);
bool lab_logged(const char *text);
void lab_advance(int64_t ms);

/* One request and its answer; form NULL: no body. */
const struct reply *ask(enum who who, const char *method, const char *target, const char *form);
/* As ask; `fields` in place of the form's Content-Type. */
const struct reply *ask_with(enum who who, const char *method, const char *target,
	const char *fields, const char *form);
const struct reply *ask_token(enum who who, const char *form); /* POST /token */
void is_status(const struct reply *r, int status);
void is_error(const struct reply *r, int status, const char *error);
const char *member(const char *name);          /* a text of the last answer's JSON; "" */
void has_field(const struct reply *r, const char *line);
/* A parameter of the last answer's Location; p NULL: absent. */
struct str location_param(const char *name);

/* A token for alice by client_credentials, kept; and what introspection says of one. */
char *new_token(void);
bool is_active(const char *token);
json_t *admin(json_t *(*run)(const json_t *), const char *wwsf); /* {"ok":true} */

/* The sign-in page's form id after GET /authorize with `query` appended. */
void open_page(const char *query);
const char *form_id(void);                     /* of the page shown last */
void post_form(const char *user, const char *password); /* the last page's */
char *new_code(void);                          /* alice signs in */
