/* HTTP/1.1 server and client on llhttp, over streams (net/stream.h).
 *
 * Every complete message is traced here. Limits: 16 KiB of header, 100 fields, bodies of
 * 64 KiB (configurable); beyond: 431 or 413.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/base/mem.h"
#include "common/net/stream.h"

struct http_field {
	struct str name, value;
};

/* A message as received. Views into memory that the message owns. */
struct http_msg {
	struct str method, target;     /* request: "GET", "/login?x=1" */
	struct str path, query;        /* target split; query without '?', p NULL when absent */
	int status;                    /* response */
	struct str reason;
	const struct http_field *fields;
	size_t n_fields;
	struct str body;
};
/* First field of that name, case-insensitive; p NULL when absent. */
struct str http_field(const struct http_msg *m, struct str name);
size_t http_field_count(const struct http_msg *m, struct str name);

/* ---- server ---- */
struct http_server;
struct http_req;       /* a received request; released by answering it, exactly once */

typedef void(http_h)(struct http_req *req, void *arg);
struct http_route {
	const char *method;            /* "GET"; NULL: any */
	const char *path;              /* exact, or a prefix when it ends in "*" */
	http_h *h;
};
struct http_server_conf {
	struct addr listen, also;      /* also: a second one; no address: none */
	struct tls *tls;               /* NULL: plain */
	const struct http_route *routes; /* ends with path NULL; the first match serves */
	void *arg;
	size_t max_body;               /* 0: 64 KiB */
	int idle_ms;                   /* keep-alive without a request; 0: 60 s */
};
int http_serve(struct host *host, const struct http_server_conf *conf, struct http_server **out);
/* Connections end; a request in hand is answered with 503 and its http_answer does nothing. */
void http_server_close(struct http_server *s);
void http_server_drop(struct http_server *s);      /* ends kept connections that are idle */
const struct addr *http_server_local(const struct http_server *s);

const struct http_msg *http_req_msg(const struct http_req *r);
struct arena *http_req_arena(struct http_req *r);
/* Certificate name and the like; NULL when the peer has gone meanwhile. */
struct stream *http_req_stream(struct http_req *r);
const struct addr *http_req_remote(const struct http_req *r);
/* `fields` is "Name: value\r\n" text or empty; Content-Length, Date and Connection are
 * added. Unknown path: 404; known path, other method: 405 with Allow (by the server). */
void http_answer(struct http_req *r, int status, struct str fields, struct str body);
void http_answer_static(struct http_req *r, int status, struct str fields, struct str body);
	/* as http_answer, but traced cut: length and hash in place of the body */
/* The connection becomes something else (WebSocket): sends `head` (a whole response head,
 * traced), releases `r` and returns the stream, whose handlers the caller sets at once; what
 * came behind the request comes as the stream's next data. NULL: the peer has gone. */
struct stream *http_upgrade(struct http_req *r, struct str head);

/* ---- client ---- */
struct http_client;    /* one kept connection to one server; opens again when needed */
typedef void(http_answer_h)(int err, const char *why, const struct http_msg *m, void *arg);
struct http_client_conf {
	struct addr local, remote;
	struct tls *tls;
	const char *server_name;       /* also the Host field */
	int timeout_ms;                /* from the request's turn; 0: 10 s, rig time */
};
struct http_client *http_client_new(struct host *host, const struct http_client_conf *conf);
/* One at a time on the connection; later ones wait their turn. `h` is called once, never
 * before return; with err (and m NULL) when no answer came. */
void http_send(struct http_client *c, const char *method, const char *target, struct str fields,
	struct str body, http_answer_h *h, void *arg);
/* For an Upgrade (GET): after a 101 the stream is detached and given, its handlers to be set
 * at once; with any other answer s is NULL. */
typedef void(http_upgrade_h)(int err, const char *why, const struct http_msg *m,
	struct stream *s, void *arg);
void http_send_upgrade(struct http_client *c, const char *target, struct str fields,
	http_upgrade_h *h, void *arg);
void http_client_drop(struct http_client *c);      /* ends a kept connection that is idle */
/* Requests without an answer get -ECANCELED, before this returns. */
void http_client_free(struct http_client *c);

/* ---- for the gate, and for who judges messages ---- */
/* "HTTP POST /login", "HTTP 200"; fields as http_script_field. */
extern const struct gate_proto http_gate_proto;
/* A value out of a message's octets, by the name that scripts use: "Method", "Path",
 * "Query", "Status", "Body", a header field ("Set-Cookie[2]": the second of its name), a parameter of the query or of a form body, or
 * a member of a JSON body ("token", "impu[2]": the second, "cnf.jkt"; "token.claims.aud",
 * "token.header.alg": inside a token). What is no string is given as JSON text. p NULL: not
 * there. */
struct str http_script_field(struct str bytes, struct str name, struct arena *a);
