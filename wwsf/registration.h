/* W4: the WWSF has the WAAF register its wildcarded identity (TR 23.701 6.3.2.1.4, steps 1
 * and 5), withdraws it, and keeps it alive: a new request at half of its time.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <jansson.h>

#include "common/crypto/digest.h"
#include "wwsf/wwsf.h"

/* NULL, or what is wrong with the section; NULL too without one. */
const char *registration_conf_check(const struct wwsf_conf *conf);
/* Nothing without the section. 0, or a negative errno with a sentence. */
int registration_open(char why[512]);
void registration_close(void);
void registration_reset(void);         /* forgets it, asks nobody */
int registration_waiting(void);        /* requests that the WAAF has not answered */

/* Admin: NULL, or a sentence why not. What comes of it is logged, and in the state:
 * {"state":WORD,"id":..,"expires":N,"mode":..,"reason":..}; NULL without the section. */
const char *registration_begin(void);
const char *registration_withdraw(void);
json_t *registration_state(void);

/* ---- answers of the WAAF (registration_answer.c); texts are views of `body` ---- */

struct registration_challenge {
	struct str realm, nonce, uri;
	enum digest_algorithm algorithm;
};
struct registration_granted {
	struct str id, mode;           /* mode: n 0 when it does not say */
	int64_t expires_s;
};
/* NULL, or what is wrong: the digest is for the REGISTER of `uri` and nothing else. */
const char *registration_read_challenge(const json_t *body, struct str uri,
	struct registration_challenge *out);
const char *registration_read_granted(const json_t *body, struct registration_granted *out);
/* The body as JSON, within limits; NULL: it is none that we read. */
json_t *registration_read(struct str body, const char **why);
/* A word that may stand in a log and in the state: its error, else "". */
struct str registration_read_error(const json_t *body);
