/* GET and POST /authorize: the authorization endpoint (RFC 6749 4.1, RFC 7636, RFC 9207), where
 * the WAF authenticates the user itself (TS 33.203 X.3.3 step 0, contribution text). The
 * password never passes the WWSF.
 *
 *	browser                                       WAF
 *	 | GET /authorize?response_type=code&client_id..|
 *	 |--------------------------------------------->|
 *	 |                           200, sign-in page  |
 *	 |<---------------------------------------------|
 *	 | POST /authorize  request, user, password     |
 *	 |--------------------------------------------->|  password checked off the loop
 *	 |            303 redirect_uri?code&state&iss   |
 *	 |<---------------------------------------------|
 *
 * A WWSF or a redirect URI that is not known gets a page, since nobody knows whom a redirect
 * would reach; every other refusal goes back by a redirect.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>

#include "common/base/metric.h"
#include "common/crypto/pkce.h"
#include "common/net/password_work.h"
#include "waaf/waf.h"

METRIC_COUNTER(codes, "imsrig_waf_codes_issued_total", "codes that the WAF issued");

enum { STATE_MAX = 1024, TRIES_MAX = 3 };

/* ---- the ways back ---- */

static void audit(const struct waf_wwsf *w, const struct waf_user *u, struct str name,
	enum waf_refusal no)
{
	struct waf_audit line = {.what = "authorize", .user = name, .outcome = no};
	if (w)
		line.wwsf = str_of(w->conf->identity);
	if (u) {
		line.user = str_of(u->conf->user);
		line.impi = str_of(u->conf->impi);
	}
	waf_audit(&line);
}

static void refuse_page(struct http_req *req, enum waf_refusal no)
{
	waf_count_refusal(no);
	audit(NULL, NULL, STR_NONE, no);
	waf_page_refuse(req, no);
}

/* With the code, or with `to->no` as the error. */
static void redirect(
	struct http_req *req, int status, const struct waf_back *to, const char *code)
{
	struct buf b = {0};

	buf_add(&b, to->redirect_uri);
	if (str_chr(to->redirect_uri, '?') < 0)
		buf_byte(&b, '?');
	if (code) {
		form_put(&b, STR("code"), str_of(code));
	} else {
		form_put(&b, STR("error"), str_of(waf_refusal_error(to->no)));
		form_put(&b, STR("error_description"), str_of(waf_refusal_text(to->no)));
	}
	if (to->state.n)
		form_put(&b, STR("state"), to->state);
	form_put(&b, STR("iss"), str_of(waf.conf->issuer));
	http_answer(req, status,
		arena_fmt(http_req_arena(req),
			"Location: " STR_FMT "\r\nCache-Control: no-store\r\n"
			"Referrer-Policy: no-referrer\r\n",
			STR_ARG(buf_str(&b))),
		STR(""));
	OPENSSL_cleanse(b.p, b.n);
	buf_free(&b);
}

/* ---- the WWSF sends the browser here ---- */

static struct str registered_uri(const struct waf_wwsf *w, struct str uri)
{
	char *const *uris = w->conf->redirect_uris.items;
	for (size_t i = 0; i < w->conf->redirect_uris.n; i++)
		if (str_eq(str_of(uris[i]), uri))
			return str_of(uris[i]);
	return STR_NONE;
}

/* Whom an answer may go to: this WWSF at one of its own URIs. */
static struct waf_wwsf *asking(const struct form *f, struct str *redirect_uri)
{
	struct str client = STR("client_id"), uri = STR("redirect_uri");
	struct waf_wwsf *w = waf_wwsf_find(form_value(f, client));

	if (!w || form_twice(f, client) || form_twice(f, uri))
		return NULL;
	*redirect_uri = registered_uri(w, form_value(f, uri));
	return redirect_uri->p ? w : NULL;
}

static enum waf_refusal check(const struct waf_wwsf *w, const struct form *f, struct str scope,
	bool whole)
{
	struct str type = form_value(f, STR("response_type"));

	if (w->blocked)
		return WAF_NO_BLOCKED;
	if (!(w->grants & WAF_AUTHORIZATION_CODE))
		return WAF_NO_GRANT;
	if (!whole || !type.n)
		return WAF_NO_REPEATED;
	if (!str_eq(type, STR("code")))
		return WAF_NO_RESPONSE_TYPE;
	if (!waf_scope_ok(scope))
		return WAF_NO_SCOPE;
	if (!pkce_is_challenge(form_value(f, STR("code_challenge"))) ||
		!str_eq(form_value(f, STR("code_challenge_method")), STR("S256")))
		return WAF_NO_PKCE;
	return WAF_GOOD;
}

void waf_on_authorize(struct http_req *req, void *arg)
{
	char *const *scopes = waf.conf->scopes.items;
	struct waf_sign_in *s;
	struct waf_back to = {0};
	struct form f;
	int err = form_parse(http_req_msg(req)->query, http_req_arena(req), &f);
	struct waf_wwsf *w = !err || err == -EEXIST ? asking(&f, &to.redirect_uri) : NULL;

	if (!w) {
		refuse_page(req, WAF_NO_PAGE_CLIENT);
		return;
	}
	struct str scope = form_value(&f, STR("scope"));
	if (!scope.n)
		scope = str_of(scopes[0]);
	to.state = form_value(&f, STR("state"));
	to.no = check(w, &f, scope, !err);
	if (to.state.n > STATE_MAX) {
		to.state = STR_NONE;
		to.no = WAF_NO_STATE;
	}
	if (!to.no) {
		s = waf_sign_in_new(w, to.redirect_uri, to.state, scope,
			form_value(&f, STR("code_challenge")));
		waf_page_form(req, s->id, w->conf->identity, s->redirect_uri, WAF_GOOD, 0);
		return;
	}
	waf_count_refusal(to.no);
	audit(w, NULL, STR_NONE, to.no);
	redirect(req, 302, &to, NULL);
}

/* ---- the user answers ---- */

/* A password that is being compared. */
struct attempt {
	struct http_req *req;
	char id[WAF_SIGN_IN_SIZE];
	char *user;
	bool known;                    /* the hash is the user's own */
};

static void attempt_free(struct attempt *t)
{
	free(t->user);
	free(t);
}

/* The browser says that the form came from another site's page. */
static bool is_cross_site(const struct http_msg *m)
{
	struct str site = http_field(m, STR("Sec-Fetch-Site"));
	struct str origin = http_field(m, STR("Origin"));
	struct str host = http_field(m, STR("Host"));

	if (site.p && !str_eq(site, STR("same-origin")) && !str_eq(site, STR("none")))
		return true;
	return origin.p && (!str_starts(origin, STR("https://")) ||
		!str_ieq(str_skip(origin, sizeof "https://" - 1), host));
}

/* The end of a sign-in: back to the WWSF. */
static void finish(struct http_req *req, struct waf_sign_in *s, const struct waf_user *u,
	struct str name, enum waf_refusal no)
{
	struct waf_back to = {str_of(s->redirect_uri), str_of(s->state), no};
	struct waf_grant *g = NULL;
	char code[WAF_SECRET_SIZE];

	if (!to.no && s->wwsf->blocked)
		to.no = WAF_NO_BLOCKED;
	if (!to.no) {
		g = waf_grant_new(s->wwsf, u, to.redirect_uri, str_of(s->challenge),
			str_of(s->scope));
		if (!g)
			to.no = WAF_NO_SIGN_INS;
	}
	waf_count_refusal(to.no);
	audit(s->wwsf, u, name, to.no);
	if (g) {
		codes.value++;
		waf_grant_secret(g, code);
	}
	redirect(req, 303, &to, g ? code : NULL);
	OPENSSL_cleanse(code, sizeof code);
	waf_sign_in_end(s);
}

/* The form once more, with what was wrong. */
static void ask_again(struct http_req *req, struct waf_sign_in *s, struct str name,
	enum waf_refusal no, int wait_s)
{
	waf_count_refusal(no);
	audit(s->wwsf, NULL, name, no);
	waf_sign_in_again(s);
	waf_page_form(req, s->id, s->wwsf->conf->identity, s->redirect_uri, no, wait_s);
}

static void on_checked(bool right, bool cancelled, void *arg)
{
	struct attempt *t = arg;
	struct waf_sign_in *s = waf.conf ? waf_sign_in_find(str_of(t->id)) : NULL;
	struct str name = str_of(t->user);

	if (!s || cancelled) {
		if (waf.conf)
			refuse_page(t->req, WAF_NO_SIGN_IN);
		else
			http_answer(t->req, 503, STR(""), STR("")); /* stopped: it frees */
	} else if (right && t->known) {
		s->busy = false;
		waf_user_proved(name);
		finish(t->req, s, waf_user_find(name), name, WAF_GOOD);
	} else if (++s->tries == TRIES_MAX) {
		finish(t->req, s, NULL, name, WAF_NO_PASSWORD);
	} else {
		s->busy = false;
		ask_again(t->req, s, name, WAF_NO_PASSWORD, 0);
	}
	attempt_free(t);
}

static void sign_in(
	struct http_req *req, struct waf_sign_in *s, struct str name, struct str password)
{
	const struct waf_user *u = waf_user_find(name);
	int wait_s;
	enum waf_refusal no = waf_user_attempt(name, http_req_remote(req), &wait_s);

	if (no) {
		ask_again(req, s, name, no, wait_s);
		return;
	}
	struct attempt *t = MEM_NEW(struct attempt);
	t->req = req;
	memcpy(t->id, s->id, sizeof t->id);
	t->user = str_dup(name);
	t->known = u && u->conf->password_hash;
	s->busy = true;
	if (password_work(waf.host, (int)waf.conf->limits.workers, password,
		    str_of(waf_user_hash(u)), on_checked, t)) {
		attempt_free(t);
		s->busy = false;
		waf_user_not_tried(name);
		ask_again(req, s, name, WAF_NO_SIGN_INS, 1);
	}
}

void waf_on_sign_in(struct http_req *req, void *arg)
{
	const struct http_msg *m = http_req_msg(req);
	struct waf_sign_in *s;
	struct form f;

	if (is_cross_site(m)) {
		refuse_page(req, WAF_NO_CROSS_SITE);
		return;
	}
	if (!form_is_body(m) || form_parse(m->body, http_req_arena(req), &f)) {
		refuse_page(req, WAF_NO_FORM);
		return;
	}
	s = waf_sign_in_find(form_value(&f, STR("request")));
	if (!s || s->busy) {
		refuse_page(req, WAF_NO_SIGN_IN);
		return;
	}
	struct str decision = form_value(&f, STR("decision"));
	struct str name = form_value(&f, STR("user"));
	if (str_eq(decision, STR("cancel")))
		finish(req, s, NULL, name, WAF_NO_CANCELLED);
	else if (!decision.n || str_eq(decision, STR("sign-in")))
		sign_in(req, s, name, form_value(&f, STR("password")));
	else
		refuse_page(req, WAF_NO_FORM);
}
