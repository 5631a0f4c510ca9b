/* Sign-in at the WAF, which authenticates the user itself (TS 33.203 X.3.3 step 0): the
 * authorization code grant (RFC 6749 4.1) with PKCE (RFC 7636) and iss (RFC 9207). The password
 * never passes the WWSF.
 *
 *	WIC     GET /signin          -> 302 to the WAF's /authorize; state and verifier in a cookie
 *	WAF     its sign-in page     -> 302 back
 *	WIC     GET /callback        -> W4 POST /token -> 303 to the page, with the session
 *	WIC     GET /session, POST /token
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/metric.h"
#include "common/crypto/pkce.h"
#include "common/http/form.h"
#include "wwsf/api.h"
#include "wwsf/assignment.h"
#include "wwsf/token.h"

METRIC_COUNTER(begun, "imsrig_wwsf_signins_total", "browsers sent to the WAF");
METRIC_COUNTER(back, "imsrig_wwsf_callbacks_total", "browsers that came back signed in");
METRIC_COUNTER(bad, "imsrig_wwsf_callbacks_refused_total", "browsers that came back without");

#define COOKIE       "__Host-signin"
#define COOKIE_GONE  "Set-Cookie: " COOKIE "=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0\r\n"
#define HTML_FIELDS                                                                      \
	API_FIELDS "Content-Type: text/html; charset=utf-8\r\n"                           \
	"Content-Security-Policy: default-src 'none'; style-src 'self'; base-uri 'none'; " \
	"form-action 'none'; frame-ancestors 'none'\r\n"

enum { STATE_BYTES = 16, CODE_MAX = 512 };
enum { STATE_LENGTH = 2 * STATE_BYTES, VERIFIER_LENGTH = PKCE_SIZE - 1 };

/* ---- what both ends need ---- */

static bool by_code(void)
{
	return wwsf.conf->token.issuer == WWSF_ISSUER_WAF &&
		wwsf.conf->waf.grant == WWSF_AUTHORIZATION_CODE;
}

/* A browser that came by an address goes back to it: its cookies are kept there. */
static struct str redirect_uri(struct http_req *req)
{
	struct str host = http_field(http_req_msg(req), STR("Host"));
	const char *origin = wwsf.conf->origin;
	for (size_t i = 0; wwsf_origin(wwsf.conf, i); i++) {
		struct str own = str_of(wwsf_origin(wwsf.conf, i));
		if (str_ieq(str_skip(own, sizeof "https://" - 1), host))
			origin = own.p;
	}
	return arena_fmt(http_req_arena(req), "%s/callback", origin);
}

/* A page for a person, in words of our own: nothing that came in the request is in it. */
static void show(struct http_req *req, int status, const char *what)
{
	bad.value++;
	log_info("signin", "%s: %s", addr_text(http_req_remote(req)), what);
	http_answer(req, status, STR(HTML_FIELDS COOKIE_GONE),
		arena_fmt(http_req_arena(req),
			"<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
			"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
			"<title>Not signed in</title>\n<link rel=\"stylesheet\" href=\"/style.css\">\n"
			"<main class=\"wrap\">\n<div class=\"card alone\">\n<h1>Not signed in</h1>\n"
			"<p role=\"alert\">%s</p>\n<div class=\"buttons\">"
			"<a class=\"button\" href=\"/signin\">Try again</a> "
			"<a class=\"button quiet\" href=\"/\">Go back</a></div>\n</div>\n</main>\n",
			what));
}

/* ---- GET /signin ---- */

void wwsf_on_signin(struct http_req *req, void *arg)
{
	struct arena *a = http_req_arena(req);
	char state[STATE_LENGTH + 1], verifier[PKCE_SIZE], challenge[PKCE_SIZE];
	struct buf target = {0};

	if (!by_code()) {
		api_refuse(req, 404, "sign_in_here");
		return;
	}
	chance_hex(&wwsf.host->chance, state, STATE_BYTES);
	pkce_verifier(&wwsf.host->chance, verifier);
	pkce_challenge(str_of(verifier), challenge);
	buf_fmt(&target, "%s?", wwsf.conf->waf.authorize);
	form_put(&target, STR("response_type"), STR("code"));
	form_put(&target, STR("client_id"), str_of(wwsf.conf->identity));
	form_put(&target, STR("redirect_uri"), redirect_uri(req));
	form_put(&target, STR("scope"), STR(TOKEN_SCOPE));
	form_put(&target, STR("state"), str_of(state));
	form_put(&target, STR("code_challenge"), str_of(challenge));
	form_put(&target, STR("code_challenge_method"), STR("S256"));
	begun.value++;
	/* Lax: it has to come back with a navigation that the WAF's site began. */
	http_answer(req, 302,
		arena_fmt(a, API_FIELDS "Location: " STR_FMT "\r\nSet-Cookie: " COOKIE
			"=%s.%s; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=600\r\n",
			STR_ARG(buf_str(&target)), state, verifier),
		STR(""));
	buf_free(&target);
}

/* ---- GET /callback ---- */

/* The WAF's error (RFC 6749 4.1.2.1) in words. */
static const char *error_text(struct str word)
{
	static const struct { const char *word, *text; } rows[] = {
		{"access_denied", "The sign-in was refused or cancelled at the WAF."},
		{"unauthorized_client", "The WAF does not let this site sign users in."},
		{"invalid_scope", "The WAF does not grant what this site asked for."},
		{"invalid_request", "The WAF did not understand this site's request."},
		{"unsupported_response_type", "The WAF does not offer this kind of sign-in."},
		{"server_error", "The WAF had a fault of its own; try again later."},
		{"temporarily_unavailable", "The WAF is busy; try again later."},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (str_eq(word, str_of(rows[i].word)))
			return rows[i].text;
	return "The WAF ended the sign-in with an error.";
}

/* Our WAF says who it is (RFC 9207), so an answer that does not is from nobody we asked. */
static bool right_issuer(struct str iss)
{
	struct str want = str_of(wwsf.conf->waf.issuer);
	if (!want.p) {
		struct str rest = str_skip(str_of(wwsf.conf->waf.authorize), sizeof "https://" - 1);
		struct str authority = str_cut(&rest, '/');
		want = str_span(wwsf.conf->waf.authorize, authority.p + authority.n);
	}
	return iss.p && str_eq(iss, want);
}

/* A browser that came back with a code; texts in the request's arena. */
struct back {
	struct http_req *req;
	struct str holder, impi;       /* of what is lent for it; impi p NULL: nothing is */
};

static void begin_session(struct back *b, const struct waf_grant *g)
{
	struct web_user u = {.name = g->user.p ? g->user : g->identity.impi};
	struct arena *a = http_req_arena(b->req);

	u.holder = b->holder.p ? b->holder : u.name;
	struct session *s = session_begin(b->req, &u);
	session_set_identity(s, &g->identity);
	session_set_grant(s, g->token, g->life_s, g->refresh);
	back.value++;
	log_info("signin", "user %s at %s, by the WAF", log_text(str_of(s->user)),
		addr_text(http_req_remote(b->req)));
	http_answer(b->req, 303,
		arena_fmt(a, API_FIELDS COOKIE_GONE STR_FMT "Location: /\r\n",
			STR_ARG(session_cookie(s, a))),
		STR(""));
}

static void on_granted(const struct waf_grant *g, const struct waf_refusal *r, void *arg)
{
	struct back *b = arg;

	r = token_settle(b->holder, b->impi, g, r);
	if (!r)
		begin_session(b, g);
	else if (r->status == 503)
		show(b->req, 503, strcmp(r->error, "database")
				? "The WAF can't be reached at the moment; try again later."
				: "This site has a fault; try again later.");
	else
		show(b->req, strcmp(r->error, "waf_refused") ? 502 : 403,
			strcmp(r->word, "invalid_grant")
				? "The WAF gave no token for this sign-in."
				: "This sign-in was used before, or has taken too long.");
	free(b);
}

/* Who it is the WAF will say; what is lent is chosen before, and kept by the session. */
static void change_code(struct http_req *req, struct str code, struct str verifier)
{
	struct arena *a = http_req_arena(req);
	struct back *b = MEM_NEW(struct back);
	struct identity id = {0};
	int64_t retry_s;
	int err = 0;

	*b = (struct back){.req = req};
	if (wwsf.assignments) {
		b->holder = web_handle("sign-in", a);
		err = assignment_take(wwsf.assignments, b->holder, a, &id, &retry_s);
		b->impi = id.impi;
	}
	if (err) {
		show(req, 503, err == -ENOSPC ? "All identities are in use; try again later."
					      : "This site has a fault; try again later.");
		free(b);
		return;
	}
	waf_authorization_code(code, redirect_uri(req), verifier, &id, on_granted, b);
}

/* What came back belongs to what this browser began. */
static const char *check(const struct form *f, struct str cookie)
{
	struct str state = form_value(f, STR("state"));

	if (cookie.n != STATE_LENGTH + 1 + VERIFIER_LENGTH || cookie.p[STATE_LENGTH] != '.')
		return "This browser began no sign-in here, or it has taken too long.";
	if (state.n != STATE_LENGTH || CRYPTO_memcmp(state.p, cookie.p, STATE_LENGTH))
		return "This answer belongs to another sign-in.";
	if (!right_issuer(form_value(f, STR("iss"))))
		return "This answer is not from the WAF that was asked.";
	return NULL;
}

void wwsf_on_callback(struct http_req *req, void *arg)
{
	const struct http_msg *m = http_req_msg(req);
	struct str cookie = form_cookie(m, STR(COOKIE));
	struct form f;
	const char *wrong;

	if (!by_code()) {
		api_refuse(req, 404, "sign_in_here");
		return;
	}
	if (form_parse(m->query, http_req_arena(req), &f)) {
		show(req, 400, "This answer can't be read.");
		return;
	}
	struct str error = form_value(&f, STR("error")), code = form_value(&f, STR("code"));
	if ((wrong = check(&f, cookie)))
		show(req, 400, wrong);
	else if (error.p)
		show(req, 403, error_text(error));
	else if (!code.n || code.n > CODE_MAX)
		show(req, 400, "This answer has no code.");
	else if (api_admit(wwsf.sources, str_of(addr_host(http_req_remote(req))), req) &&
		!waf_busy(req))
		change_code(req, code, str_skip(cookie, STATE_LENGTH + 1));
}
