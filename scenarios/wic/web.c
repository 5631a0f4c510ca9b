/* The emulated WIC: the WWSF's pages (W1, TS 23.228 U.2.1).
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "scenarios/wic/inside.h"

struct wic_page {
	struct wic_page *next;
	struct wic *wic;
};

/* The client calls every handler with -ECANCELED when it is freed. */
void wic_web_forget(struct wic *w)
{
	for (struct wic_page *p = w->pages; p; p = p->next)
		p->wic = NULL;
	if (w->web)
		http_client_free(w->web);
	w->web = NULL;
}

int wic_web_open(const struct wic *w)
{
	int n = 0;
	for (const struct wic_page *p = w->pages; p; p = p->next)
		n++;
	return n;
}

static void learn(char **out, const json_t *v)
{
	const char *text = json_string_value(json_is_array(v) ? json_array_get(v, 0) : v);
	if (!text)
		return;
	free(*out);
	*out = str_dup(str_of(text));
}

static void learn_all(struct wic *w, const struct http_msg *m)
{
	struct str cookie = http_field(m, STR("Set-Cookie"));
	json_t *body = m->body.n ? json_loadb(m->body.p, m->body.n, 0, NULL) : NULL;

	if (cookie.p) {
		free(w->cookie);
		w->cookie = str_dup(str_cut(&cookie, ';'));
	}
	if (!json_is_object(body) || m->status != 200) {
		json_decref(body);
		return;
	}
	learn(&w->impi, json_object_get(body, "impi"));
	learn(&w->impu, json_object_get(body, "impu"));
	learn(&w->token, json_object_get(body, "token"));
	learn(&w->edge, json_object_get(body, "epcscf"));
	learn(&w->edge, json_object_get(body, "edge"));
	json_decref(body);
}

static void on_answer(int err, const char *why, const struct http_msg *m, void *arg)
{
	struct wic_page *p = arg, **at;
	struct wic *w = p->wic;

	if (w) {
		for (at = &w->pages; *at != p; at = &(*at)->next)
			;
		*at = p->next;
		if (m)
			learn_all(w, m);
		if (w->env->h.page)
			w->env->h.page(w, err, why, m);
	}
	free(p);
}

static int web_open(struct wic *w, const char *origin, char why[256])
{
	struct wic_edge at;
	int err;

	if (w->web)
		return 0;
	if (!origin || (err = wic_edge_parse(w->env->host, origin, &at))) {
		snprintf(why, 256, "no WWSF at \"%.200s\"", origin ? origin : "");
		return -ENOENT;
	}
	struct http_client_conf conf = {.local = w->env->local,
		.remote = at.addr,
		.tls = w->env->tls,
		.server_name = at.name};
	w->web = http_client_new(w->env->host, &conf);
	return 0;
}

static int ask(struct wic *w, const char *method, const char *origin, const char *target,
	struct str body, char why[256])
{
	struct buf fields = {0};
	int err = web_open(w, origin, why);

	if (err)
		return err;
	struct wic_page *p = MEM_NEW(struct wic_page);
	p->wic = w;
	p->next = w->pages;
	w->pages = p;
	buf_fmt(&fields, "Origin: %s\r\n", origin);
	if (w->cookie)
		buf_fmt(&fields, "Cookie: %s\r\n", w->cookie);
	if (body.n)
		buf_fmt(&fields, "Content-Type: application/json\r\n");
	http_send(w->web, method, target, buf_str(&fields), body, on_answer, p);
	buf_free(&fields);
	return 0;
}

int wic_get(struct wic *w, const char *origin, const char *target, char why[256])
{
	return ask(w, "GET", origin, target, STR_NONE, why);
}

int wic_post(struct wic *w, const char *origin, const char *target, const json_t *body,
	char why[256])
{
	char *text = json_dumps(body, JSON_COMPACT);
	int err = ask(w, "POST", origin, target, str_of(text), why);

	free(text);
	return err;
}
