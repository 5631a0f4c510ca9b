/* The emulated WIC: registration by HTTPS at the WSF (TR 23.701 6.2.2.4.2 step 1), with HTTP
 * Digest (RFC 7616) as a browser does it.
 *
 *	WIC                          WSF
 *	 |-- POST /register ---------->|
 *	 |<- 401 (challenges) ---------|   kept: the first that it knows
 *	 |-- POST, Authorization ----->|
 *	 |<- 200 (rspauth, nextnonce) -|   proved; cookie, handle and identities kept
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "scenarios/wic/inside.h"

struct wic_web_login {
	struct challenge *challenge;
	char *next_nonce;
	uint32_t nc;
};

/* What the answer to one request is held against. */
struct expected {
	char rspauth[DIGEST_HEX_MAX];
	bool check;
	char only[16]; /* algorithm to take from a challenge; "": any */
};

void wic_web_login_free(struct wic *w)
{
	if (!w->web)
		return;
	free(w->web->challenge);
	free(w->web->next_nonce);
	free(w->web);
	w->web = NULL;
}

/* ---- the answer ---- */

static void keep_nonce(struct wic_web_login *l, struct str nonce)
{
	free(l->next_nonce);
	l->next_nonce = nonce.p ? str_dup(nonce) : NULL;
	l->nc = 0;
}

static void take_challenge(struct wic *w, const struct http_msg *m, struct str only)
{
	struct challenge *c = NULL;

	for (size_t i = 0; !c && i < m->n_fields; i++)
		if (str_ieq(m->fields[i].name, STR("WWW-Authenticate")))
			c = challenge_read(m->fields[i].value, only);
	if (!c)
		return;
	free(w->web->challenge);
	w->web->challenge = c;
	keep_nonce(w->web, STR_NONE);
}

/* The WSF did not prove that it knows the password: what it gave counts nothing. */
static void distrust(struct wic *w)
{
	jar_free(&w->jar);
	free(w->session);
	w->session = NULL;
	if (w->env->h.fault)
		w->env->h.fault(
			w, "Authentication-Info: rspauth does not prove the password");
}

static void on_answer(
	struct wic *w, const struct url *url, const struct http_msg *m, void *arg)
{
	struct expected *e = arg;
	struct str info = m ? http_field(m, STR("Authentication-Info")) : STR_NONE, next;

	if (w && m && m->status == 401) {
		take_challenge(w, m, *e->only ? str_of(e->only) : STR_NONE);
	} else if (w && m && *e->rspauth && m->status == 200) {
		bool right = answer_proved(info, e->rspauth, &next);
		if (next.p)
			keep_nonce(w->web, next);
		if (e->check && !right)
			distrust(w);
	}
	free(e);
}

/* ---- the request ---- */

static void put_digest(struct wic *w, const struct wic_web_register *c, struct buf *out,
	char rspauth[DIGEST_HEX_MAX])
{
	struct wic_web_login *l = w->web;
	const struct challenge *ch = l->challenge;
	char cnonce[17];
	struct answer a = {.algorithm = ch->algorithm,
		.algorithm_name = ch->d.algorithm,
		.username = str_of(c->user),
		.realm = ch->d.realm,
		.uri = str_of(c->page),
		.nonce = l->next_nonce ? str_of(l->next_nonce) : ch->d.nonce,
		.qop = STR("auth"),
		.opaque = ch->d.opaque,
		.method = STR("POST"),
		.password = str_of(c->password),
		.nc = ++l->nc};

	chance_hex(&w->env->host->chance, cnonce, 8);
	a.cnonce = str_of(cnonce);
	answer_write(&a, c->response, c->auth, out, rspauth);
}

static char *body_of(const struct wic_web_register *c)
{
	json_t *body = c->body ? json_copy((json_t *)c->body) : json_object();
	char *text = NULL;

	if (c->by == WIC_WEB_PASSWORD) {
		if (!json_object_get(body, "user"))
			json_object_set_new(body, "user", json_string(c->user));
		if (!json_object_get(body, "password"))
			json_object_set_new(body, "password", json_string(c->password));
	}
	if (json_object_size(body))
		text = json_dumps(body, JSON_COMPACT);
	json_decref(body);
	return text;
}

static json_t *headers_of(struct wic *w, const struct wic_web_register *c, struct buf *auth)
{
	json_t *all = c->headers ? json_copy((json_t *)c->headers) : json_object();
	const char *token = c->token ? c->token : w->token;

	if (c->by == WIC_WEB_TOKEN && token)
		buf_fmt(auth, "Bearer %s", token);
	if (auth->n && !json_object_get(all, "Authorization"))
		json_object_set_new(all, "Authorization", json_string(buf_z(auth)));
	return all;
}

int wic_web_register(struct wic *w, const struct wic_web_register *c, char why[256])
{
	struct buf auth = {0};
	struct url url = {0};
	struct expected *e;

	if (!w->web)
		w->web = MEM_NEW(struct wic_web_login);
	if (c->by == WIC_WEB_DIGEST && !w->web->challenge) {
		snprintf(why, 256, "the WSF has sent no challenge");
		return -ENOMSG;
	}
	e = MEM_NEW(struct expected);
	e->check = c->check_rspauth;
	snprintf(e->only, sizeof e->only, "%s", c->algorithm ? c->algorithm : "");
	if (c->by == WIC_WEB_DIGEST)
		put_digest(w, c, &auth, e->rspauth);
	json_t *headers = headers_of(w, c, &auth);
	char *body = body_of(c);
	str_copy(str_of(c->origin), url.origin, sizeof url.origin);
	str_copy(str_of(c->page), url.target, sizeof url.target);
	int err = wic_visit(w,
		&(struct wic_visit){.method = "POST",
			.url = &url,
			.type = body ? "application/json" : NULL,
			.body = str_of(body),
			.origin = c->from,
			.site = "same-site",
			.headers = headers,
			.then = on_answer,
			.arg = e},
		why);
	if (err)
		free(e);
	json_decref(headers);
	free(body);
	buf_free(&auth);
	return err;
}
