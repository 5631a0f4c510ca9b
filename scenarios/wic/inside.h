/* What the files of the WIC share.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "scenarios/wic/page.h"
#include "scenarios/wic/wic.h"

struct wic_edge {
	struct addr addr;
	char name[128], path[128];
};
/* "wss://host[:port]/path" or https; -EINVAL: neither, -ENOENT: a name nobody has. */
int wic_edge_parse(struct host *host, const char *edge, struct wic_edge *out);

void wic_txs_forget(struct wic *w);
int wic_txs_open(const struct wic *w);
void wic_web_forget(struct wic *w);
int wic_web_open(const struct wic *w);
void wic_web_login_free(struct wic *w); /* wsf.c */

/* ---- web.c: one request to any web server ---- */
/* The answer; m NULL: none came. w NULL: the WIC has gone, `arg` is to be freed. */
typedef void(wic_visit_h)(
	struct wic *w, const struct url *url, const struct http_msg *m, void *arg);
struct wic_visit {
	const char *method;
	const struct url *url;
	const char *type; /* of the body; NULL: none */
	struct str body;
	const char *origin;	  /* field Origin; NULL: none, as when a browser navigates */
	const char *site;	  /* Sec-Fetch-Site */
	const char *csrf;	  /* X-CSRF-Token; NULL: none */
	const json_t *headers;
	wic_visit_h *then; /* NULL: nothing more */
	void *arg;
};
int wic_visit(struct wic *w, const struct wic_visit *v, char why[256]);
