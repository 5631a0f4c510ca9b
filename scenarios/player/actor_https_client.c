/* The actor `https-client`: requests of any kind to the WWSF, the WAF or the WSF, with or
 * without a certificate of its own.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/http/http.h"
#include "scenarios/player/rig.h"
#include "scenarios/wic/jar.h"

enum { PATIENCE_MS = 60 * 1000 }; /* of a browser */

struct server { /* one connection to one server, with one certificate */
	struct server *next;
	char host[160]; /* whose cookies go there */
	struct addr addr;
	char *certificate;
	struct tls *tls;
	struct http_client *client;
};
struct asked { /* a request under way */
	struct asked *next;
	struct actor *a; /* NULL: the actor has gone */
	char host[160];
};
struct client {
	struct server *servers;
	struct asked *asked;
	struct jar jar;
	bool closed;
};

static struct client *self(const struct actor *a)
{
	return a->self;
}

static const struct actor_option client_settings[] = {{"to", OPTION_TEXT},
	{"port", OPTION_NUMBER}, {"certificate", OPTION_TEXT},
	{"server-name", OPTION_TEXT}, {"cookies", OPTION_SWITCH},
	{"type", OPTION_TEXT}, {.name = NULL}};
static const struct actor_option request_options[] = {{"method", OPTION_TEXT},
	{"path", OPTION_TEXT}, {"headers", OPTION_MAP}, {"body", OPTION_ANY},
	{.name = NULL}};

static struct server *server_for(struct actor *a, const json_t *o, char why[256])
{
	const char *to = option_text(o, "to", "wwsf");
	const char *certificate = option_text(o, "certificate", "none");
	char name[160];
	struct server *s;
	struct addr addr;

	if (actor_target(a, to ? to : "", (uint16_t)option_number(o, "port", 8443), &addr,
		    why))
		return NULL;
	if (!certificate)
		certificate = "none";
	for (s = self(a)->servers; s; s = s->next)
		if (addr_eq(&s->addr, &addr) && !strcmp(s->certificate, certificate))
			return s;
	s = MEM_NEW(struct server);
	if (actor_tls(a, certificate, false, &s->tls, why)) {
		free(s);
		return NULL;
	}
	snprintf(name, sizeof name, "%s%s", to, strchr(to, '.') ? "" : "." RIG_DOMAIN);
	struct http_client_conf conf = {.local = a->addr,
		.remote = addr,
		.tls = s->tls,
		.server_name = option_text(o, "server-name", name),
		.timeout_ms = PATIENCE_MS};
	strcpy(s->host, name);
	s->addr = addr;
	s->certificate = str_dup(str_of(certificate));
	s->client = http_client_new(&a->host, &conf);
	s->next = self(a)->servers;
	self(a)->servers = s;
	return s;
}

static void on_answer(int err, const char *why, const struct http_msg *m, void *arg)
{
	struct asked *asked = arg, **at;
	struct actor *a = asked->a;

	if (a) {
		struct client *c = self(a);
		for (at = &c->asked; *at != asked; at = &(*at)->next)
			;
		*at = asked->next;
		if (err)
			actor_warn(a, "no answer: %s", why);
		if (m)
			jar_take(&c->jar, str_of(asked->host), m);
	}
	free(asked);
}

static void put_fields(struct actor *a, const json_t *o, const struct server *s, bool json,
	struct buf *out)
{
	const json_t *headers = json_object_get(o, "headers");
	const char *type = option_text(o, "type", json ? "application/json" : NULL),
		   *name;
	json_t *v;

	if (type && !json_object_get(headers, "Content-Type"))
		buf_fmt(out, "Content-Type: %s\r\n", type);
	if (option_switch(o, "cookies", true) && !json_object_get(headers, "Cookie"))
		jar_put(&self(a)->jar, str_of(s->host), out);
	json_object_foreach((json_t *)headers, name,
		v) if (json_is_string(v) && strcmp(json_string_value(v), "absent"))
		buf_fmt(out, "%s: %s\r\n", name, json_string_value(v));
}

static int requests(struct actor *a, const json_t *o, char why[256])
{
	const json_t *given = json_object_get(o, "body");
	const char *text = json_string_value(given);
	char *json =
		given && !text ? json_dumps(given, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
	struct buf fields = {0}, target = {0}, body = {0};
	struct server *s = server_for(a, o, why);
	struct asked *asked;
	int err = -ENOENT;

	if (!s)
		goto out;
	actor_fill(a, str_of(option_text(o, "path", "/")), NULL, &target);
	actor_fill(a, str_of(json ? json : text), NULL, &body);
	put_fields(a, o, s, json != NULL, &fields);
	asked = MEM_NEW(struct asked);
	strcpy(asked->host, s->host);
	asked->a = a;
	asked->next = self(a)->asked;
	self(a)->asked = asked;
	http_send(s->client, option_text(o, "method", body.n ? "POST" : "GET"),
		buf_z(&target), buf_str(&fields), buf_str(&body), on_answer, asked);
	err = 0;
out:
	free(json);
	buf_free(&fields);
	buf_free(&target);
	buf_free(&body);
	return err;
}

static void server_free(struct server *s)
{
	http_client_free(s->client);
	tls_free(s->tls);
	free(s->certificate);
	free(s);
}

/* The connections end; cookies stay, as in a browser. */
static int closes(struct actor *a, const json_t *o, char why[256])
{
	while (self(a)->servers) {
		struct server *s = self(a)->servers;
		self(a)->servers = s->next;
		server_free(s);
	}
	return 0;
}

static const struct actor_verb client_verbs[] = {{"requests", request_options, requests},
	{"closes", NULL, closes}, {.name = NULL}};

static int client_open(struct actor *a, char why[256])
{
	a->self = MEM_NEW(struct client);
	return 0;
}

static void client_close(struct actor *a)
{
	struct client *c = self(a);
	char why[256];

	if (c->closed)
		return;
	c->closed = true;
	for (struct asked *asked = c->asked; asked; asked = asked->next)
		asked->a = NULL;
	closes(a, NULL, why);
	jar_free(&c->jar);
}

static int client_busy(const struct actor *a)
{
	int n = 0;
	if (self(a)->closed)
		return 0;
	for (const struct asked *asked = self(a)->asked; asked; asked = asked->next)
		n++;
	return n;
}

const struct actor_kind actor_https_client = {
	.name = "https-client",
	.settings = client_settings,
	.verbs = client_verbs,
	.settings_are_options = true,
	.open = client_open,
	.close = client_close,
	.busy = client_busy,
};
