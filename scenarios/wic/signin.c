/* The emulated WIC: signing in at the WAF (TS 33.203 X.3.3 step 0 with the WAF inside the
 * operator's domain; RFC 6749 4.1), as a browser goes through it.
 *
 *	WIC            WWSF            WAF
 *	 |-- GET /signin ->|              |
 *	 |<- 302 ----------|              |
 *	 |-- GET /authorize ------------->|
 *	 |<- 200 form --------------------|
 *	 |-- POST user, password -------->|   again while the form comes back
 *	 |<- 302 -------------------------|
 *	 |-- GET /callback>|              |   (the WWSF asks for the token, W4)
 *	 |<- 303 ----------|              |
 *	 |-- GET / ------->|              |
 *	 |-- GET /session >|              |   the page's script
 *	 |-- POST /token ->|              |
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "scenarios/wic/inside.h"

enum { MAX_HOPS = 10 };

struct trip {
	char *origin; /* of the WWSF */
	char *user, *password, *decision, *until;
	json_t *headers;
	int tries, hops;
};

static char *copy(const char *text)
{
	return text ? str_dup(str_of(text)) : NULL;
}

static void trip_free(struct trip *t)
{
	free(t->origin);
	free(t->user);
	free(t->password);
	free(t->decision);
	free(t->until);
	json_decref(t->headers);
	free(t);
}

static void on_page(
	struct wic *w, const struct url *url, const struct http_msg *m, void *arg);
static void on_session(
	struct wic *w, const struct url *url, const struct http_msg *m, void *arg);

/* The next request; the trip ends when it can't be made. */
static int go(struct wic *w, struct trip *t, struct wic_visit *v, char why[256])
{
	int err;

	v->headers = t->headers;
	v->arg = t;
	if (t->hops++ < MAX_HOPS) {
		err = wic_visit(w, v, why);
	} else {
		snprintf(why, 256, "the web servers redirect without end");
		err = -ELOOP;
	}
	if (err)
		trip_free(t);
	return err;
}

static void go_on(struct wic *w, struct trip *t, struct wic_visit *v)
{
	char why[256];

	if (go(w, t, v, why))
		log_warn("wic", "the sign-in ends: %s", why);
}

/* Browsers say whether a request comes from the page's own site; names of one domain are
 * the same site. */
static void follow(struct wic *w, struct trip *t, const struct url *to)
{
	struct str path = str_of(to->target);

	path = str_cut(&path, '?');
	if (t->until && str_eq(path, str_of(t->until))) {
		trip_free(t);
		return;
	}
	go_on(w, t,
		&(struct wic_visit){
			.method = "GET", .url = to, .site = "same-site", .then = on_page});
}

static bool send_form(
	struct wic *w, struct trip *t, const struct url *url, const struct http_msg *m)
{
	struct page_entry entry = {t->user, t->password, t->decision};
	struct buf action = {0}, body = {0};
	struct url to;
	bool found = t->tries > 0 && page_form_fill(m->body, &entry, &action, &body) &&
		     !url_resolve(url, buf_str(&action), &to);

	if (found) {
		t->tries--;
		go_on(w, t,
			&(struct wic_visit){.method = "POST",
				.url = &to,
				.type = "application/x-www-form-urlencoded",
				.body = buf_str(&body),
				.origin = url->origin,
				.site = "same-origin",
				.then = on_page});
	}
	buf_free(&action);
	buf_free(&body);
	return found;
}

static void ask_session(struct wic *w, struct trip *t)
{
	struct url url = {.target = "/session"};

	str_copy(str_of(t->origin), url.origin, sizeof url.origin);
	go_on(w, t,
		&(struct wic_visit){.method = "GET",
			.url = &url,
			.site = "same-origin",
			.then = on_session});
}

static void on_page(
	struct wic *w, const struct url *url, const struct http_msg *m, void *arg)
{
	struct trip *t = arg;
	struct str location = m ? http_field(m, STR("Location")) : STR_NONE;
	struct url to;

	if (m && m->status / 100 == 3 && w && !url_resolve(url, location, &to)) {
		free(w->location);
		w->location = mem_alloc(sizeof to);
		snprintf(w->location, sizeof to, "%s%s", to.origin, to.target);
		follow(w, t, &to);
		return;
	}
	if (m && w && strcmp(url->origin, t->origin) && send_form(w, t, url, m))
		return;
	if (m && w && m->status == 200 && !strcmp(url->origin, t->origin))
		ask_session(w, t); /* back at the page */
	else
		trip_free(t);
}

static void on_session(
	struct wic *w, const struct url *url, const struct http_msg *m, void *arg)
{
	struct trip *t = arg;
	struct url to = *url;

	if (!w || !m || m->status != 200) {
		trip_free(t);
		return;
	}
	snprintf(to.target, sizeof to.target, "/token");
	struct wic_visit v = {.method = "POST",
		.url = &to,
		.origin = t->origin,
		.site = "same-origin",
		.csrf = w->csrf,
		.headers = t->headers};
	char why[256];
	if (wic_visit(w, &v, why))
		log_warn("wic", "the sign-in ends: %s", why);
	trip_free(t);
}

int wic_sign_in(struct wic *w, const struct wic_sign_in *s, char why[256])
{
	struct trip *t = MEM_NEW(struct trip);
	struct url url = {0};

	str_copy(str_of(s->origin), url.origin, sizeof url.origin);
	str_copy(str_of(s->page ? s->page : "/signin"), url.target, sizeof url.target);
	*t = (struct trip){.origin = copy(s->origin),
		.user = copy(s->user),
		.password = copy(s->password),
		.decision = copy(s->decision),
		.until = copy(s->until),
		.headers = json_deep_copy(s->headers),
		.tries = s->tries};
	return go(w, t,
		&(struct wic_visit){.method = "GET",
			.url = &url,
			.site = "same-origin",
			.then = on_page},
		why);
}
