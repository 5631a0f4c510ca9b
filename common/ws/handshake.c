/* The opening handshake (RFC 6455 4), both sides.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "common/base/buf.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/metric.h"
#include "common/ws/inside.h"

METRIC_COUNTER(accepted, "imsrig_ws_handshakes_total", "WebSocket handshakes accepted");
METRIC_COUNTER(
	refused, "imsrig_ws_handshakes_refused_total", "WebSocket handshakes refused");

enum { KEY = 24, ACCEPT = 28 };

/* base64(SHA-1(key and the constant of RFC 6455 1.3)) */
static void accept_of(struct str key, char out[ACCEPT + 1])
{
	uint8_t sum[20];
	struct buf b = {0};
	buf_add(&b, key);
	buf_fmt(&b, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
	EVP_Digest(b.p, b.n, sum, NULL, EVP_sha1(), NULL);
	EVP_EncodeBlock((unsigned char *)out, sum, sizeof sum);
	buf_free(&b);
}

/* True when a comma-separated field, on one line or several, names `token`. */
static bool lists(
	const struct http_msg *m, struct str field, struct str token, bool any_case)
{
	for (size_t i = 0; i < m->n_fields; i++) {
		struct str rest = m->fields[i].value;
		if (!str_ieq(m->fields[i].name, field))
			continue;
		while (rest.p) {
			struct str one = str_trim(str_cut(&rest, ','));
			if (any_case ? str_ieq(one, token) : str_eq(one, token))
				return true;
		}
	}
	return false;
}

/* ---- server ---- */

static bool key_ok(const struct http_msg *m)
{
	struct str key = http_field(m, STR("Sec-WebSocket-Key"));
	unsigned char bytes[KEY];
	return http_field_count(m, STR("Sec-WebSocket-Key")) == 1 && key.n == KEY &&
		str_ends(key, STR("==")) &&
		EVP_DecodeBlock(bytes, (const unsigned char *)key.p, KEY) == 18;
}

/* What is wrong with a handshake: the status to answer with, 0 for nothing. */
static int fault(const struct http_msg *m, const char *subprotocol, const char **why)
{
	static const struct {
		int status;
		const char *why;
	} rows[] = {
		{400, "the method is not GET"},
		{426, "no upgrade to WebSocket"},
		{400, "Connection does not name the upgrade"},
		{426, "a WebSocket version that is not 13"},
		{400, "no good Sec-WebSocket-Key"},
		{400, "the subprotocol is not offered"},
		{400, "a body in the handshake"},
	};
	bool ok[] = {
		str_eq(m->method, STR("GET")),
		lists(m, STR("Upgrade"), STR("websocket"), true),
		lists(m, STR("Connection"), STR("Upgrade"), true),
		http_field_count(m, STR("Sec-WebSocket-Version")) == 1 &&
			str_eq(http_field(m, STR("Sec-WebSocket-Version")), STR("13")),
		key_ok(m),
		!subprotocol || lists(m, STR("Sec-WebSocket-Protocol"),
					str_of(subprotocol), false),
		!m->body.n,
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		*why = rows[i].why;
		if (!ok[i])
			return rows[i].status;
	}
	return 0;
}

struct ws *ws_accept(struct http_req *r, const char *subprotocol,
	const struct ws_conf *conf, const struct ws_h *h, void *arg, const char **why)
{
	const struct http_msg *m = http_req_msg(r);
	struct arena *a = http_req_arena(r);
	int status = fault(m, subprotocol, why);
	char accept[ACCEPT + 1];

	if (status) {
		refused.value++;
		log_warn("ws", "%s: handshake refused with %d, %s",
			addr_text(http_req_remote(r)), status, *why);
		struct str fields = status == 426
			? STR("Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n")
			: STR_NONE;
		http_answer(r, status, fields, arena_fmt(a, "%s\n", *why));
		return NULL;
	}
	accept_of(http_field(m, STR("Sec-WebSocket-Key")), accept);
	struct str head = arena_fmt(a,
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
		"Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n%s%s%s\r\n",
		accept, subprotocol ? "Sec-WebSocket-Protocol: " : "",
		subprotocol ? subprotocol : "", subprotocol ? "\r\n" : "");
	struct stream *s = http_upgrade(r, head);
	if (!s) {
		*why = "the peer has gone";
		return NULL;
	}
	accepted.value++;
	return ws_new(s, true, conf, h, arg);
}

/* ---- client ---- */

struct opening {
	struct http_client *client;
	struct ws_conf conf;
	const struct ws_h *h;
	ws_open_h *h_open;
	void *arg;
	char *subprotocol;
	char accept[ACCEPT + 1];
};

static const char *answer_fault(const struct opening *o, const struct http_msg *m)
{
	if (m->status != 101)
		return "the server does not upgrade";
	if (!lists(m, STR("Upgrade"), STR("websocket"), true))
		return "the server upgrades to something else";
	if (!str_eq(http_field(m, STR("Sec-WebSocket-Accept")), str_of(o->accept)))
		return "Sec-WebSocket-Accept is wrong";
	if (http_field(m, STR("Sec-WebSocket-Extensions")).p)
		return "the server wants an extension that was not offered";
	if (!str_eq(http_field(m, STR("Sec-WebSocket-Protocol")), str_of(o->subprotocol)))
		return "the server chose another subprotocol";
	return NULL;
}

static void on_answer(
	int err, const char *why, const struct http_msg *m, struct stream *s, void *arg)
{
	struct opening *o = arg;
	const char *wrong = err ? why : answer_fault(o, m);
	int status = m ? m->status : 0;

	if (wrong && s) {
		static const struct stream_h nobody = {0};
		stream_handlers(s, &nobody, NULL);
		stream_leave(s);
	}
	struct ws *w = wrong ? NULL : ws_new(s, false, &o->conf, o->h, o->arg);
	o->h_open(w, status, wrong ? wrong : "", o->arg);
	http_client_free(o->client);
	free(o->subprotocol);
	free(o);
}

int ws_connect(struct host *host, const struct ws_connect_conf *conf,
	const struct ws_h *h, ws_open_h *h_open, void *arg)
{
	struct opening *o = MEM_NEW(struct opening);
	struct http_client_conf client = {.local = conf->local,
		.remote = conf->remote,
		.tls = conf->tls,
		.server_name = conf->server_name};
	uint8_t random[16];
	char key[KEY + 1];
	struct buf fields = {0};

	*o = (struct opening){.conf = conf->ws, .h = h, .h_open = h_open, .arg = arg};
	o->subprotocol = conf->subprotocol ? str_dup(str_of(conf->subprotocol)) : NULL;
	chance_bytes(&host->chance, random, sizeof random);
	EVP_EncodeBlock((unsigned char *)key, random, sizeof random);
	accept_of(str_of(key), o->accept);
	buf_fmt(&fields,
		"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
		"Sec-WebSocket-Key: %s\r\n", key);
	if (conf->origin)
		buf_fmt(&fields, "Origin: %s\r\n", conf->origin);
	buf_add(&fields, conf->fields);
	if (conf->subprotocol)
		buf_fmt(&fields, "Sec-WebSocket-Protocol: %s\r\n", conf->subprotocol);
	o->client = http_client_new(host, &client);
	http_send_upgrade(
		o->client, conf->path ? conf->path : "/", buf_str(&fields), on_answer, o);
	buf_free(&fields);
	return 0;
}
