/* The actor `sip-peer`: sends any octets over UDP, TCP or TLS, and answers as it is told,
 * else not at all. It stands on sockets, not on the SIP stack, so nothing is repaired,
 * retransmitted or refused on its way.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/net/udp.h"
#include "common/sip/stack.h"
#include "scenarios/player/rig.h"
#include "scenarios/wic/answer.h"

enum { MAX_WAITING = 8 };

struct way { /* where a message came from or goes to */
	enum trace_via via;
	struct addr remote;
	uint64_t conn; /* 0: a datagram */
};
struct peer_conn {
	struct peer_conn *next;
	struct actor *a;
	struct stream *stream;
	struct way way;
	bool open;
	struct buf in, out; /* out: what waits for the connection */
};
struct waiting { /* a request that nobody has told how to answer */
	struct buf bytes;
	struct way way;
};
struct peer {
	struct udp *udp;
	struct listener *tcp, *tls;
	struct tls *server_tls, *client_tls;
	struct peer_conn *conns;
	struct replies replies;
	struct waiting waiting[MAX_WAITING];
	size_t n_waiting;
	struct buf last; /* the last message received */
	struct challenge *challenge;
	struct card *card; /* NULL: no USIM was used yet */
	char tag[17], call_id[21], branch[24];
	uint32_t cseq, nc;
	bool closed;
};

static struct peer *self(const struct actor *a)
{
	return a->self;
}

/* ---- the way out ---- */

static void describe(const struct actor *a, const struct way *way, enum trace_dir dir,
	struct str bytes, struct trace_msg *out)
{
	const struct stream *stream =
		way->conn ? stream_find((struct host *)&a->host, way->conn) : NULL;
	const struct peer *p = self(a);

	*out = (struct trace_msg){.proto = TRACE_SIP,
		.via = way->via,
		.dir = dir,
		.local = a->addr,
		.remote = way->remote,
		.conn = way->conn,
		.bytes = bytes};
	if (stream)
		out->local = *stream_local(stream);
	else if (p->udp)
		out->local = *udp_local(p->udp);
}

static void go_out(void *owner, const void *ctx, struct str bytes)
{
	struct actor *a = owner;
	const struct way *way = ctx;
	struct stream *stream = way->conn ? stream_find(&a->host, way->conn) : NULL;
	struct trace_msg m;

	if (self(a)->closed || (way->conn && !stream))
		return;
	describe(a, way, TRACE_SENT, bytes, &m);
	trace_emit(a->host.trace, &m);
	if (stream)
		stream_write(stream, bytes);
	else
		udp_send(self(a)->udp, &way->remote, bytes);
}

static void put(struct actor *a, const struct way *way, struct str bytes)
{
	struct trace_msg m;

	if (!gate_active(a->host.gate)) {
		go_out(a, way, bytes);
		return;
	}
	describe(a, way, TRACE_SENT, bytes, &m);
	gate_pass(a->host.gate, &sip_gate_proto, &m, go_out, a, way, sizeof *way);
}

/* ---- the way in ---- */

static bool reply(struct actor *a, const struct sip_msg *req, const struct way *way)
{
	struct buf out = {0};
	int status = reply_write(&self(a)->replies, req, self(a)->tag, &out);

	if (status)
		put(a, way, buf_str(&out));
	buf_free(&out);
	return status != 0;
}

static void keep(struct peer *p, struct str bytes, const struct way *way)
{
	struct waiting *w;

	if (p->n_waiting == MAX_WAITING)
		return;
	w = &p->waiting[p->n_waiting++];
	*w = (struct waiting){.way = *way};
	buf_add(&w->bytes, bytes);
}

static void take(struct actor *a, struct str bytes, const struct way *way)
{
	struct peer *p = self(a);
	struct arena arena = {0};
	struct sip_msg m;
	struct sip_fault fault;
	struct challenge *c;

	p->last.n = 0;
	buf_add(&p->last, bytes);
	if (!sip_msg_parse(&m, bytes, &arena, &fault)) {
		if (m.request && m.method != SIP_M_ACK && !reply(a, &m, way))
			keep(p, bytes, way);
		if (!m.request &&
			((c = challenge_take(&m, SIP_H_WWW_AUTHENTICATE, STR_NONE)) ||
				(c = challenge_take_aka(&m, SIP_H_WWW_AUTHENTICATE)))) {
			free(p->challenge);
			p->challenge = c;
			p->nc = 0;
		}
	}
	arena_free(&arena);
}

static void go_in(void *owner, const void *ctx, struct str bytes)
{
	struct actor *a = owner;
	if (!self(a)->closed)
		take(a, bytes, ctx);
}

static void receive(struct actor *a, const struct way *way, struct str bytes)
{
	struct trace_msg m;

	describe(a, way, TRACE_RECEIVED, bytes, &m);
	trace_emit(a->host.trace, &m);
	if (gate_active(a->host.gate))
		gate_pass(a->host.gate, &sip_gate_proto, &m, go_in, a, way, sizeof *way);
	else
		take(a, bytes, way);
}

static void on_datagram(
	struct udp *u, const struct addr *from, struct str bytes, void *arg)
{
	struct way way = {.via = TRACE_UDP, .remote = *from};
	if (str_trim(bytes).n) /* else a keep-alive */
		receive(arg, &way, bytes);
}

/* ---- connections ---- */

static void on_data(struct stream *s, struct str bytes, void *arg)
{
	struct peer_conn *c = arg;
	size_t crlf;
	ptrdiff_t n;

	buf_add(&c->in, bytes);
	for (;;) {
		n = sip_msg_frame(buf_str(&c->in), &crlf);
		buf_drop(&c->in, crlf);
		if (n <= 0)
			break;
		receive(c->a, &c->way, (struct str){c->in.p, (size_t)n});
		buf_drop(&c->in, (size_t)n);
	}
	if (n < 0) /* not SIP: kept by nobody, but seen */
		c->in.n = 0;
}

static void on_open(struct stream *s, void *arg)
{
	struct peer_conn *c = arg;

	c->open = true;
	if (c->out.n)
		put(c->a, &c->way, buf_str(&c->out));
	buf_free(&c->out);
}

static void on_closed(struct stream *s, int err, const char *why, void *arg)
{
	struct peer_conn *c = arg, **at = &self(c->a)->conns;

	if (err && !self(c->a)->closed)
		actor_warn(
			c->a, "connection with %s: %s", addr_text(&c->way.remote), why);
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	buf_free(&c->in);
	buf_free(&c->out);
	free(c);
}

static const struct stream_h conn_h = {
	.open = on_open, .data = on_data, .closed = on_closed};

static struct peer_conn *conn_new(
	struct actor *a, enum trace_via via, const struct addr *remote)
{
	struct peer_conn *c = MEM_NEW(struct peer_conn);

	c->a = a;
	c->way = (struct way){.via = via, .remote = *remote};
	c->next = self(a)->conns;
	self(a)->conns = c;
	return c;
}

static void on_accept(struct stream *s, void *arg)
{
	struct actor *a = arg;
	struct peer_conn *c;

	if (self(a)->closed) {
		stream_abort(s);
		return;
	}
	c = conn_new(a, stream_is_tls(s) ? TRACE_TLS : TRACE_TCP, stream_remote(s));
	c->stream = s;
	c->way.conn = stream_id(s);
	c->open = true;
	stream_handlers(s, &conn_h, c);
}

static const struct stream_h accept_h = {.open = on_accept};

static struct peer_conn *conn_to(struct actor *a, enum trace_via via,
	const struct addr *remote, const char *name, char why[256])
{
	struct peer *p = self(a);
	struct peer_conn *c;
	int err;

	for (c = p->conns; c; c = c->next)
		if (c->way.via == via && addr_eq(&c->way.remote, remote))
			return c;
	c = conn_new(a, via, remote);
	err = stream_connect(&a->host, &a->addr, remote,
		via == TRACE_TLS ? p->client_tls : NULL, via == TRACE_TLS ? name : NULL,
		&conn_h, c, &c->stream);
	if (!err) {
		c->way.conn = stream_id(c->stream);
		return c;
	}
	snprintf(why, 256, "cannot connect to %s: %s", addr_text(remote),
		uv_strerror(err));
	p->conns = c->next;
	free(c);
	return NULL;
}

/* ---- verbs ---- */

static const char *const transport_words[] = {"udp", "tcp", "tls", NULL};
static const struct actor_option peer_settings[] = {{"port", OPTION_NUMBER},
	{"tls-port", OPTION_NUMBER}, {"certificate", OPTION_TEXT},
	{"transport", OPTION_WORD, transport_words}, {"to", OPTION_TEXT},
	{"username", OPTION_TEXT}, {"password", OPTION_TEXT}, {"realm", OPTION_TEXT},
	{"k", OPTION_TEXT}, {"op", OPTION_TEXT}, {"opc", OPTION_TEXT}, {"sqn", OPTION_TEXT},
	{"algorithm", OPTION_TEXT}, {"listens", OPTION_SWITCH}, {.name = NULL}};
static const struct actor_option sends_options[] = {{"message", OPTION_TEXT},
	{"hex", OPTION_TEXT}, {"response", OPTION_MAP}, {"auth", OPTION_MAP},
	{.name = NULL}};

/* "${received.Via}" and the like: a field of the last message that came. */
static bool received(struct actor *a, struct str name, struct buf *out)
{
	struct arena arena = {0};
	struct sip_msg m;
	struct sip_fault fault;
	struct str value = STR_NONE;

	if (!sip_msg_parse(&m, buf_str(&self(a)->last), &arena, &fault))
		value = sip_script_field(&m, name);
	buf_add(out, value);
	arena_free(&arena);
	return value.p;
}

static bool find_var(struct actor *a, struct str name, struct buf *out)
{
	struct peer *p = self(a);

	if (str_starts(name, STR("received.")))
		return received(a, str_skip(name, 9), out);
	if (str_eq(name, STR("branch")))
		buf_fmt(out, "z9hG4bK%s", p->branch);
	else if (str_eq(name, STR("tag")))
		buf_add(out, str_of(p->tag));
	else if (str_eq(name, STR("call-id")))
		buf_add(out, str_of(p->call_id));
	else if (str_eq(name, STR("cseq")))
		buf_fmt(out, "%u", p->cseq);
	else if (str_eq(name, STR("port")))
		buf_fmt(out, "%lld", (long long)option_number(a->settings, "port", 5060));
	else
		return false;
	return true;
}

/* The value of an Authorization field for the last challenge. */
static int authorization(struct actor *a, const json_t *o, struct str method,
	struct str uri, struct buf *out, char why[256])
{
	struct peer *p = self(a);
	const struct challenge *c = p->challenge;
	struct answer answer = {.username = str_of(option_text(o, "username", "")),
		.realm = str_of(option_text(o, "realm", RIG_DOMAIN)),
		.uri = uri,
		.method = method,
		.password = str_of(option_text(o, "password", ""))};
	const struct card_conf usim = actor_usim(o);
	char cnonce[17];
	int err;

	if (usim.k && (err = card_insert(&p->card, &usim, why)))
		return err;
	if (usim.k)
		answer.algorithm_name = str_of(option_text(o, "algorithm", "AKAv1-MD5"));

	if (c) {
		chance_hex(&a->host.chance, cnonce, 8);
		answer.algorithm = c->algorithm;
		answer.algorithm_name = c->d.algorithm;
		answer.realm = c->d.realm;
		answer.nonce = c->d.nonce;
		answer.opaque = c->d.opaque;
		answer.qop = STR("auth");
		answer.cnonce = str_of(cnonce);
		answer.nc = ++p->nc;
		if (c->aka && usim.k)
			card_answer(p->card, c, &answer);
	}
	answer_write(&answer, json_object_get(o, "response"), json_object_get(o, "auth"),
		out, NULL);
	return 0;
}

/* "${authorization}" needs the request line of the message that it stands in. */
static int put_authorization(struct actor *a, const json_t *o, struct str text, struct buf *out,
	char why[256])
{
	ptrdiff_t at = str_find(text, STR("${authorization}"));
	struct str line = text, method = str_cut(&line, ' '), uri = str_cut(&line, ' ');

	if (at < 0) {
		buf_add(out, text);
		return 0;
	}
	buf_put(out, text.p, (size_t)at);
	int err = authorization(a, o, method, uri, out, why);
	buf_add(out, str_skip(text, (size_t)at + strlen("${authorization}")));
	return err;
}

/* Each message is a new request, unless it says that it goes on with the last one. */
static void draw(struct actor *a)
{
	struct peer *p = self(a);
	chance_hex(&a->host.chance, p->branch, 8);
	p->cseq++;
}

static int compose(struct actor *a, const json_t *o, struct buf *out, char why[256])
{
	const char *hex = option_text(o, "hex", NULL),
		   *message = option_text(o, "message", NULL);
	struct buf filled = {0}, whole = {0};

	if (hex)
		return actor_hex(hex, out, why);
	if (!message) {
		snprintf(why, 256, "needs a message or hex");
		return -EINVAL;
	}
	draw(a);
	actor_fill(a, str_of(message), find_var, &filled);
	int err = put_authorization(a, o, buf_str(&filled), &whole, why);
	actor_crlf(buf_str(&whole), out);
	/* A block of YAML ends its text with one line end; a head must end with two. */
	if (str_find(buf_str(out), STR("\r\n\r\n")) < 0)
		buf_add(out, STR("\r\n"));
	buf_free(&filled);
	buf_free(&whole);
	return err;
}

static int transmit(struct actor *a, const json_t *o, struct str bytes, char why[256])
{
	const char *transport = option_text(o, "transport", "udp");
	const char *to = option_text(o, "to", NULL);
	bool tls = transport && !strcmp(transport, "tls");
	struct way way = {.via = TRACE_UDP};
	struct peer_conn *c;
	char name[160];
	int err;

	if (!to) {
		snprintf(why, 256, "needs `to`: whom to send it to");
		return -EINVAL;
	}
	if ((err = actor_target(a, to, tls ? 5061 : 5060, &way.remote, why)))
		return err;
	if (!transport || !strcmp(transport, "udp")) {
		if (!self(a)->udp) {
			snprintf(why, 256, "does not listen, so it has no UDP socket");
			return -ENOTCONN;
		}
		put(a, &way, bytes);
		return 0;
	}
	snprintf(name, sizeof name, "%s%s", to, strchr(to, '.') ? "" : "." RIG_DOMAIN);
	if (!(c = conn_to(a, tls ? TRACE_TLS : TRACE_TCP, &way.remote, name, why)))
		return -ECONNREFUSED;
	if (c->open)
		put(a, &c->way, bytes);
	else
		buf_add(&c->out, bytes);
	return 0;
}

static int sends(struct actor *a, const json_t *o, char why[256])
{
	struct buf bytes = {0};
	int err = compose(a, o, &bytes, why);

	if (!err)
		err = transmit(a, o, buf_str(&bytes), why);
	buf_free(&bytes);
	return err;
}

static int answers(struct actor *a, const json_t *o, char why[256])
{
	struct peer *p = self(a);
	size_t k = 0;

	reply_add(&p->replies, o);
	for (size_t i = 0; i < p->n_waiting; i++) {
		struct waiting w = p->waiting[i];
		struct arena arena = {0};
		struct sip_msg m;
		struct sip_fault fault;
		if (!sip_msg_parse(&m, buf_str(&w.bytes), &arena, &fault) &&
			reply(a, &m, &w.way))
			buf_free(&w.bytes);
		else
			p->waiting[k++] = w;
		arena_free(&arena);
	}
	p->n_waiting = k;
	return 0;
}

static int closes(struct actor *a, const json_t *o, char why[256])
{
	for (struct peer_conn *c = self(a)->conns, *next; c; c = next) {
		next = c->next;
		stream_close(c->stream);
	}
	return 0;
}

static const struct actor_verb peer_verbs[] = {{"sends", sends_options, sends},
	{"answers", reply_options, answers}, {"closes", NULL, closes}, {.name = NULL}};

/* ---- life ---- */

static int listen_all(struct actor *a, char why[256])
{
	struct peer *p = self(a);
	const char *certificate = option_text(a->settings, "certificate", NULL);
	struct addr at = a->addr;
	int err;

	addr_set_port(&at, (uint16_t)option_number(a->settings, "port", 5060));
	if ((err = udp_open(&a->host, &at, on_datagram, a, &p->udp)) ||
		(err = listener_open(&a->host, &at, NULL, &accept_h, a, &p->tcp))) {
		snprintf(why, 256, "cannot listen on %s: %s", addr_text(&at),
			uv_strerror(err));
		return err;
	}
	if (!certificate || !strcmp(certificate, "none"))
		return 0;
	addr_set_port(&at, (uint16_t)option_number(a->settings, "tls-port", 5061));
	if ((err = actor_tls(a, certificate, true, &p->server_tls, why)))
		return err;
	err = listener_open(&a->host, &at, p->server_tls, &accept_h, a, &p->tls);
	if (err)
		snprintf(why, 256, "cannot listen on %s: %s", addr_text(&at),
			uv_strerror(err));
	return err;
}

static void peer_close(struct actor *a)
{
	struct peer *p = self(a);

	if (p->closed)
		return;
	p->closed = true;
	if (p->udp)
		udp_close(p->udp);
	if (p->tcp)
		listener_close(p->tcp);
	if (p->tls)
		listener_close(p->tls);
	for (struct peer_conn *c = p->conns; c; c = c->next)
		stream_close(c->stream);
	if (p->server_tls)
		tls_free(p->server_tls);
	if (p->client_tls)
		tls_free(p->client_tls);
	for (size_t i = 0; i < p->n_waiting; i++)
		buf_free(&p->waiting[i].bytes);
	reply_free(&p->replies);
	buf_free(&p->last);
	free(p->challenge);
	card_free(p->card);
}

static bool peer_closed(const struct actor *a)
{
	return !self(a)->conns;
}

static int peer_open(struct actor *a, char why[256])
{
	struct peer *p = a->self = MEM_NEW(struct peer);
	int err;

	chance_hex(&a->host.chance, p->tag, 8);
	chance_hex(&a->host.chance, p->call_id, 10);
	err = actor_tls(a, option_text(a->settings, "certificate", NULL), false,
		&p->client_tls, why);
	if (!err && option_switch(a->settings, "listens", true))
		err = listen_all(a, why);
	if (err)
		peer_close(a);
	return err;
}

static int peer_busy(const struct actor *a)
{
	int n = 0;
	for (const struct peer_conn *c = self(a)->conns; c; c = c->next)
		n += !c->open;
	return n;
}

const struct actor_kind actor_sip_peer = {
	.name = "sip-peer",
	.settings = peer_settings,
	.verbs = peer_verbs,
	.settings_are_options = true,
	.open = peer_open,
	.close = peer_close,
	.closed = peer_closed,
	.busy = peer_busy,
};
