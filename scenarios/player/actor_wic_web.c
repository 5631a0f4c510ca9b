/* What the actor `wic` does on web pages: the WWSF's, the WAF's and the WSF's.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>

#include "scenarios/player/actor_wic.h"

#define WSF_ORIGIN "https://epcscf." RIG_DOMAIN ":8444"

static const char *const by_words[] = {"nothing", "digest", "password", "token", NULL};

const struct actor_option web_page_options[] = {
	{"page", OPTION_TEXT}, {"headers", OPTION_MAP}, {.name = NULL}};
const struct actor_option web_sign_in_options[] = {{"page", OPTION_TEXT},
	{"headers", OPTION_MAP}, {"decision", OPTION_TEXT}, {"tries", OPTION_NUMBER},
	{"until", OPTION_TEXT}, {.name = NULL}};
const struct actor_option web_register_options[] = {{"page", OPTION_TEXT},
	{"headers", OPTION_MAP}, {"by", OPTION_WORD, by_words}, {"body", OPTION_MAP},
	{"response", OPTION_MAP}, {"auth", OPTION_MAP}, {.name = NULL}};

/* ---- at the WWSF ---- */

static int asks(struct actor *a, const json_t *o, const struct wic_ask *given, char why[256])
{
	struct wic_ask ask = *given;
	const char *from = option_text(o, "identities", "answer");

	ask.origin = option_text(o, "wwsf", WWSF_ORIGIN);
	ask.headers = json_object_get(o, "headers");
	wic_of(a)->claims = from && !strcmp(from, "token");
	return wic_ask(wic_of(a), &ask, why);
}

int web_opens_page(struct actor *a, const json_t *o, char why[256])
{
	return asks(a, o, &(struct wic_ask){"GET", .target = option_text(o, "page", "/")}, why);
}

int web_asks_identities(struct actor *a, const json_t *o, char why[256])
{
	char target[256];

	snprintf(target, sizeof target, "%s?user=%s",
		option_text(o, "page", "/identities"),
		option_text(o, "web-user", a->name));
	return asks(a, o, &(struct wic_ask){"GET", .target = target}, why);
}

int web_signs_in(struct actor *a, const json_t *o, char why[256])
{
	json_t *body = json_pack("{s:s,s:s*}", "user", option_text(o, "web-user", a->name),
		"password", option_text(o, "web-password", ""));
	int err = asks(a, o,
		&(struct wic_ask){
			"POST", .target = option_text(o, "page", "/login"), .body = body},
		why);

	json_decref(body);
	return err;
}

int web_signs_in_anonymously(struct actor *a, const json_t *o, char why[256])
{
	json_t *body = json_object();
	int err = asks(a, o,
		&(struct wic_ask){
			"POST", .target = option_text(o, "page", "/anonymous"), .body = body},
		why);

	json_decref(body);
	return err;
}

int web_signs_in_at_waf(struct actor *a, const json_t *o, char why[256])
{
	struct wic_sign_in s = {.origin = option_text(o, "wwsf", WWSF_ORIGIN),
		.page = option_text(o, "page", "/signin"),
		.user = option_text(o, "web-user", a->name),
		.password = option_text(o, "web-password", ""),
		.decision = option_text(o, "decision", "sign-in"),
		.tries = (int)option_number(o, "tries", 1),
		.until = option_text(o, "until", NULL),
		.headers = json_object_get(o, "headers")};
	const char *from = option_text(o, "identities", "answer");

	wic_of(a)->claims = from && !strcmp(from, "token");
	return wic_sign_in(wic_of(a), &s, why);
}

int web_await(const struct actor *a, char why[256])
{
	if (!wic_of(a)->pages)
		return 0;
	snprintf(why, 256, "the WWSF has not answered");
	return -EAGAIN;
}

/* For the live session, whose csrf the sign-in has told. */
static int asks_in_session(struct actor *a, const json_t *o, const char *page, char why[256])
{
	if (web_await(a, why))
		return -EAGAIN;
	return asks(a, o,
		&(struct wic_ask){"POST", .target = option_text(o, "page", page), .csrf = true},
		why);
}

int web_asks_new_token(struct actor *a, const json_t *o, char why[256])
{
	return asks_in_session(a, o, "/token", why);
}

int web_signs_out(struct actor *a, const json_t *o, char why[256])
{
	return asks_in_session(a, o, "/logout", why);
}

/* ---- at the WSF (TR 23.701 6.2.2.4.2) ---- */

static int web_registers_by(
	struct actor *a, const json_t *o, enum wic_web_by by, char why[256])
{
	struct wic_web_register c = {.by = by,
		.origin = option_text(o, "wsf", WSF_ORIGIN),
		.page = option_text(o, "page", "/register"),
		.from = option_text(o, "origin", option_text(o, "wwsf", WWSF_ORIGIN)),
		.user = option_text(o, "web-user", a->name),
		.password = option_text(o, "web-password", ""),
		.token = option_text(o, "token", NULL),
		.algorithm = option_text(o, "algorithm", NULL),
		.body = json_object_get(o, "body"),
		.headers = json_object_get(o, "headers"),
		.response = json_object_get(o, "response"),
		.auth = json_object_get(o, "auth"),
		.check_rspauth = option_switch(o, "rspauth", true)};

	if ((by == WIC_WEB_DIGEST || (by == WIC_WEB_TOKEN && !c.token)) &&
		web_await(a, why))
		return -EAGAIN;
	return wic_web_register(wic_of(a), &c, why);
}

int web_registers(struct actor *a, const json_t *o, char why[256])
{
	const char *word = option_text(o, "by", "nothing");
	int by = WIC_WEB_NOTHING;

	for (int i = 0; by_words[i]; i++)
		if (!strcmp(by_words[i], word ? word : ""))
			by = i;
	return web_registers_by(a, o, (enum wic_web_by)by, why);
}

int web_answers(struct actor *a, const json_t *o, char why[256])
{
	return web_registers_by(a, o, WIC_WEB_DIGEST, why);
}

static int asks_wsf(struct actor *a, const json_t *o, const char *method, char why[256])
{
	struct wic_ask ask = {.method = method,
		.origin = option_text(o, "wsf", WSF_ORIGIN),
		.target = option_text(o, "page", "/session"),
		.from = option_text(o, "origin", option_text(o, "wwsf", WWSF_ORIGIN)),
		.csrf = strcmp(method, "GET") != 0,
		.headers = json_object_get(o, "headers")};

	if (web_await(a, why))
		return -EAGAIN;
	return wic_ask(wic_of(a), &ask, why);
}

int web_asks_session(struct actor *a, const json_t *o, char why[256])
{
	return asks_wsf(a, o, "GET", why);
}

int web_ends_session(struct actor *a, const json_t *o, char why[256])
{
	return asks_wsf(a, o, "DELETE", why);
}
