/* The emulated WIC: web servers (W1, TS 23.228 U.2.1).
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "scenarios/wic/forge.h"
#include "scenarios/wic/inside.h"

enum { PATIENCE_MS = 60 * 1000 }; /* of a browser */

/* One origin, with one kept connection. */
struct wic_site {
	struct wic_site *next;
	char *origin;
	char host[128];
	struct http_client *client;
};

struct wic_page {
	struct wic_page *next;
	struct wic *wic;
	struct url url;
	wic_visit_h *then;
	void *arg;
	char host[128];
};

/* The clients call every handler with -ECANCELED when they are freed. */
void wic_web_forget(struct wic *w)
{
	for (struct wic_page *p = w->pages; p; p = p->next)
		p->wic = NULL;
	while (w->sites) {
		struct wic_site *s = w->sites;
		w->sites = s->next;
		http_client_free(s->client);
		free(s->origin);
		free(s);
	}
	jar_free(&w->jar);
}

int wic_web_open(const struct wic *w)
{
	int n = 0;
	for (const struct wic_page *p = w->pages; p; p = p->next)
		n++;
	return n;
}

/* ---- what is learnt ---- */

static void learn(char **out, const json_t *v)
{
	const char *text = json_string_value(json_is_array(v) ? json_array_get(v, 0) : v);
	if (!text)
		return;
	free(*out);
	*out = str_dup(str_of(text));
}

static void learn_identities(struct wic *w, const json_t *from)
{
	learn(&w->impi, json_object_get(from, "impi"));
	learn(&w->impu, json_object_get(from, "impu"));
}

static void learn_all(struct wic *w, const struct http_msg *m)
{
	json_t *body = m->body.n ? json_loadb(m->body.p, m->body.n, 0, NULL) : NULL, *claims;

	if (!json_is_object(body) || m->status != 200) {
		json_decref(body);
		return;
	}
	learn(&w->token, json_object_get(body, "token"));
	learn(&w->csrf, json_object_get(body, "csrf"));
	learn(&w->session, json_object_get(body, "session"));
	learn(&w->edge, json_object_get(body, "epcscf"));
	learn(&w->edge, json_object_get(body, "edge"));
	if (!w->claims) {
		learn_identities(w, body);
	} else if (json_object_get(body, "token")) {
		claims = token_part(str_of(w->token), 1);
		learn_identities(w, claims);
		json_decref(claims);
	}
	json_decref(body);
}

/* ---- one request ---- */

static void on_answer(int err, const char *why, const struct http_msg *m, void *arg)
{
	struct wic_page *p = arg, **at;
	struct wic *w = p->wic;

	if (w) {
		for (at = &w->pages; *at != p; at = &(*at)->next)
			;
		*at = p->next;
		if (m) {
			jar_take(&w->jar, str_of(p->host), m);
			learn_all(w, m);
		}
	}
	if (p->then)
		p->then(w, &p->url, m, p->arg);
	if (w && w->env->h.page)
		w->env->h.page(w, err, why, m);
	free(p);
}

static struct wic_site *site_of(struct wic *w, const char *origin, char why[256])
{
	struct wic_site *s;
	struct wic_edge at;

	for (s = w->sites; s; s = s->next)
		if (!strcmp(s->origin, origin))
			return s;
	if (wic_edge_parse(w->env->host, origin, &at)) {
		snprintf(why, 256, "there is no web server at \"%.200s\"", origin);
		return NULL;
	}
	struct http_client_conf conf = {.local = w->env->local,
		.remote = at.addr,
		.tls = w->env->tls,
		.server_name = at.name,
		.timeout_ms = PATIENCE_MS};
	s = MEM_NEW(struct wic_site);
	s->origin = str_dup(str_of(origin));
	str_copy(str_of(at.name), s->host, sizeof s->host);
	s->client = http_client_new(w->env->host, &conf);
	s->next = w->sites;
	w->sites = s;
	return s;
}

static void put_field(
	struct buf *out, const json_t *headers, const char *name, const char *value)
{
	if (value && !json_object_get(headers, name))
		buf_fmt(out, "%s: %s\r\n", name, value);
}

static void put_fields(struct wic *w, const struct wic_visit *v, const struct wic_site *s,
	struct buf *out)
{
	const json_t *text;
	const char *name;

	put_field(out, v->headers, "Origin", v->origin);
	put_field(out, v->headers, "Sec-Fetch-Site", v->site);
	put_field(out, v->headers, "Content-Type", v->type);
	put_field(out, v->headers, "X-CSRF-Token", v->csrf);
	if (!json_object_get(v->headers, "Cookie"))
		jar_put(&w->jar, str_of(s->host), out);
	json_object_foreach((json_t *)v->headers, name, text)
	{
		const char *value = json_string_value(text);
		if (value && strcmp(value, "absent"))
			buf_fmt(out, "%s: %s\r\n", name, value);
	}
}

int wic_visit(struct wic *w, const struct wic_visit *v, char why[256])
{
	struct wic_site *s = site_of(w, v->url->origin, why);
	struct buf fields = {0};

	if (!s)
		return -ENOENT;
	struct wic_page *p = MEM_NEW(struct wic_page);
	*p = (struct wic_page){w->pages, w, *v->url, v->then, v->arg};
	strcpy(p->host, s->host);
	w->pages = p;
	put_fields(w, v, s, &fields);
	http_send(s->client, v->method, v->url->target, buf_str(&fields), v->body, on_answer,
		p);
	buf_free(&fields);
	return 0;
}

/* A path at the WWSF, or where a redirection led. */
static bool locate(const struct wic_ask *ask, struct url *url)
{
	struct str target = str_of(ask->target);
	if (str_starts(target, STR("https://")))
		return !url_resolve(NULL, target, url);
	return ask->origin && str_copy(str_of(ask->origin), url->origin, sizeof url->origin) &&
	       str_copy(target, url->target, sizeof url->target);
}

int wic_ask(struct wic *w, const struct wic_ask *ask, char why[256])
{
	struct url url = {0};
	char *text = ask->body ? json_dumps(ask->body, JSON_COMPACT) : NULL;
	int err = -ENOENT;

	if (!locate(ask, &url))
		snprintf(why, 256, "no WWSF at \"%.200s\"", ask->origin ? ask->origin : "");
	else
		err = wic_visit(w,
			&(struct wic_visit){.method = ask->method,
				.url = &url,
				.type = text ? "application/json" : NULL,
				.body = str_of(text),
				.origin = ask->from ? ask->from : ask->origin,
				.site = ask->from ? "same-site" : "same-origin",
				.csrf = ask->csrf ? w->csrf : NULL,
				.headers = ask->headers},
			why);
	free(text);
	return err;
}
