/* What a user sees of the WAF: the sign-in form, and pages that say why not. Plain HTML
 * without any script.
 * SPDX-License-Identifier: Apache-2.0 */
#include "waaf/waf.h"

#include <ctype.h>

extern const struct str waaf_page_style_css; /* waaf/page, embedded by the build */

#define HEAD                                                                               \
	"<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"          \
	"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"       \
	"<title>Sign in</title>\n<link rel=\"stylesheet\" href=\"/style.css\">\n</head>\n" \
	"<body>\n<main>\n<h1>Sign in</h1>\n"
#define TAIL "</main>\n</body>\n</html>\n"

/* Browsers hold a form's redirects to form-action as well, so it names where the answer goes.
 * Referrer-Policy: with no-referrer the form's own Origin would be null. */
static void answer(struct http_req *req, int status, struct str fields, struct str redirect,
	struct buf *html)
{
	struct arena *a = http_req_arena(req);
	struct str origin = STR("");

	if (redirect.n) {
		ptrdiff_t host = str_find(redirect, STR("://"));
		struct str rest = str_skip(redirect, (size_t)host + 3);
		struct str authority = str_cut(&rest, '/');
		authority = str_cut(&authority, '?');
		origin = arena_fmt(a, " https://" STR_FMT, STR_ARG(authority));
	}
	buf_add(html, STR(TAIL));
	http_answer(req, status,
		arena_fmt(a,
			"Content-Type: text/html; charset=utf-8\r\nCache-Control: no-store\r\n"
			"Content-Security-Policy: default-src 'none'; style-src 'self'; "
			"form-action 'self'" STR_FMT
			"; frame-ancestors 'none'; base-uri 'none'\r\n"
			"X-Frame-Options: DENY\r\nX-Content-Type-Options: nosniff\r\n"
			"Strict-Transport-Security: max-age=31536000\r\n"
			"Referrer-Policy: same-origin\r\n" STR_FMT,
			STR_ARG(origin), STR_ARG(fields)),
		buf_str(html));
	buf_free(html);
}

static void put_message(struct buf *b, enum waf_refusal no)
{
	struct str text = str_of(waf_refusal_text(no));

	buf_add(b, STR("<p class=\"bad\" role=\"alert\">"));
	buf_byte(b, (char)toupper((unsigned char)*text.p));
	form_put_html(b, str_skip(text, 1));
	buf_add(b, STR(".</p>\n"));
}

void waf_page_form(struct http_req *req, const char *id, const char *wwsf,
	const char *redirect_uri, enum waf_refusal no, int wait_s)
{
	struct buf b = {0};
	struct str retry = STR("");

	if (wait_s)
		retry = arena_fmt(http_req_arena(req), "Retry-After: %d\r\n", wait_s);
	buf_add(&b, STR(HEAD "<p>"));
	form_put_html(&b, str_of(wwsf));
	buf_add(&b, STR(" asks to register you with the IMS. Your password stays here.</p>\n"));
	if (no)
		put_message(&b, no);
	buf_fmt(&b,
		"<form method=\"post\" action=\"/authorize\">\n"
		"<input type=\"hidden\" name=\"request\" value=\"%s\">\n",
		id);
	buf_add(&b,
		STR("<label for=\"user\">User name</label>\n"
		    "<input id=\"user\" name=\"user\" autocomplete=\"username\" "
		    "autocapitalize=\"none\" spellcheck=\"false\" autofocus>\n"
		    "<label for=\"password\">Password</label>\n"
		    "<input id=\"password\" name=\"password\" type=\"password\" "
		    "autocomplete=\"current-password\">\n"
		    "<div class=\"buttons\">\n"
		    "<button name=\"decision\" value=\"sign-in\">Sign in</button>\n"
		    "<button class=\"quiet\" name=\"decision\" value=\"cancel\">Cancel</button>\n"
		    "</div>\n</form>\n"));
	answer(req, waf_refusal_status(no), retry, str_of(redirect_uri), &b);
}

void waf_page_refuse(struct http_req *req, enum waf_refusal no)
{
	struct buf b = {0};
	buf_add(&b, STR(HEAD));
	put_message(&b, no);
	answer(req, waf_refusal_status(no), STR(""), STR_NONE, &b);
}

void waf_on_style(struct http_req *req, void *arg)
{
	http_answer_static(req, 200,
		STR("Content-Type: text/css; charset=utf-8\r\nCache-Control: max-age=3600\r\n"
		    "X-Content-Type-Options: nosniff\r\n"),
		waaf_page_style_css);
}
