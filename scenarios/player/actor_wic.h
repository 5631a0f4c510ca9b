/* Inside the actor `wic`: its verbs on web pages (actor_wic_web.c), for the table of all of them
 * (actor_wic.c).
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "scenarios/player/rig.h"
#include "scenarios/wic/wic.h"

#define WWSF_ORIGIN "https://wwsf." RIG_DOMAIN ":8443"

struct wic *wic_of(const struct actor *a);

/* -EAGAIN while the WWSF owes an answer: what it tells may be what the next act needs. */
int web_await(const struct actor *a, char why[256]);

extern const struct actor_option web_page_options[], web_sign_in_options[],
	web_register_options[];
actor_verb_h web_opens_page, web_asks_identities, web_signs_in, web_signs_in_anonymously,
	web_signs_in_at_waf, web_asks_new_token, web_signs_out;
actor_verb_h web_registers, web_answers, web_asks_session, web_ends_session;
