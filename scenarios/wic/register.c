/* The emulated WIC: REGISTER and other requests over W2 (TS 24.229 5.1.1, TS 33.203 N).
 *
 *	WIC                      edge
 *	 |-- REGISTER ----------->|   WIC_REGISTER: IMPI, empty answer
 *	 |<-- 401 (challenge) ----|   kept
 *	 |-- REGISTER ----------->|   WIC_ANSWER
 *	 |<-- 200 (rspauth) ------|   proved, Service-Route and identities kept
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "scenarios/wic/inside.h"

/* One request under way. Its answer is about the connection and the proof of then. */
struct wic_tx {
	struct wic_tx *next;
	struct wic *wic;
	uint64_t id;
	uint64_t conn;
	enum sip_method method;
	bool dereg, check;
	bool proof_due;	 /* it answers a challenge: who asked for that proves himself, too */
	struct str only; /* algorithm to take from a challenge */
	char rspauth[DIGEST_HEX_MAX];
	int64_t asked_s;
	struct arena arena;
};

static void tx_free(struct wic_tx *t)
{
	arena_free(&t->arena);
	free(t);
}

void wic_txs_forget(struct wic *w)
{
	while (w->txs) {
		struct wic_tx *t = w->txs;
		w->txs = t->next;
		sip_forget(w->env->stack, t->id);
		tx_free(t);
	}
}

int wic_txs_open(const struct wic *w)
{
	int n = 0;
	for (const struct wic_tx *t = w->txs; t; t = t->next)
		n++;
	return n;
}

bool wic_registering(const struct wic *w)
{
	for (const struct wic_tx *t = w->txs; t; t = t->next)
		if (t->method == SIP_M_REGISTER)
			return true;
	return false;
}

/* ---- header fields as a list that a script can change before it is written ---- */

enum { MAX_FIELDS = 64 };
struct fields {
	struct arena *a;
	struct field {
		struct str name, value;
	} rows[MAX_FIELDS];
	size_t n;
};

static void put(struct fields *f, struct str name, struct str value)
{
	if (f->n < MAX_FIELDS)
		f->rows[f->n++] = (struct field){name, value};
}

#define PUT(f, name, ...) put((f), STR(name), arena_fmt((f)->a, __VA_ARGS__))

static void drop(struct fields *f, struct str name)
{
	size_t k = 0;
	for (size_t i = 0; i < f->n; i++)
		if (!str_ieq(f->rows[i].name, name))
			f->rows[k++] = f->rows[i];
	f->n = k;
}

/* Replaces in place, so that an altered field stays where it was. */
static void twist_one(struct fields *f, struct str name, struct str value)
{
	for (size_t i = 0; i < f->n; i++) {
		if (!str_ieq(f->rows[i].name, name))
			continue;
		f->rows[i] = (struct field){name, value};
		return;
	}
	put(f, name, value);
}

static void twist(struct fields *f, const json_t *headers)
{
	const char *name;
	json_t *v, *item;
	size_t i;

	json_object_foreach((json_t *)headers, name, v)
	{
		struct str key = str_of(name);
		const char *text = json_string_value(v);
		if (json_is_array(v)) {
			drop(f, key);
			json_array_foreach(v, i, item)
				put(f, key, str_of(json_string_value(item)));
		} else if (json_is_integer(v)) {
			twist_one(f, key,
				arena_fmt(
					f->a, "%lld", (long long)json_integer_value(v)));
		} else if (text && !strcmp(text, "absent")) {
			drop(f, key);
		} else if (text) {
			twist_one(f, key, str_of(text));
		}
	}
}

static void write_request(const struct fields *f, struct str method, struct str uri,
	struct str body, struct buf *out)
{
	sip_put_request(out, method, uri);
	for (size_t i = 0; i < f->n; i++)
		buf_fmt(out, STR_FMT ": " STR_FMT "\r\n", STR_ARG(f->rows[i].name),
			STR_ARG(f->rows[i].value));
	buf_add(out, STR("\r\n"));
	buf_add(out, body);
}

/* ---- answers ---- */

static char *replaced(char *old, struct str s)
{
	free(old);
	return s.p ? str_dup(s) : NULL;
}

/* A list field over all its lines as one text; p NULL when there is none. */
static struct str joined(const struct sip_msg *m, enum sip_header id, struct arena *a)
{
	struct buf b = {0};
	struct sip_iter it = {0};
	struct str element, out = STR_NONE;

	while (sip_list_next(m, id, &it, &element))
		buf_fmt(&b, "%s" STR_FMT, b.n ? ", " : "", STR_ARG(element));
	if (b.n)
		out = arena_str(a, buf_str(&b));
	buf_free(&b);
	return out;
}

/* What the registrar granted to our own binding: its expires, else Expires. */
static int64_t granted_s(const struct wic *w, const struct sip_msg *m, int64_t asked)
{
	struct sip_iter it = {0};
	struct str element, value;
	uint32_t s;

	while (sip_list_next(m, SIP_H_CONTACT, &it, &element)) {
		struct sip_name_addr a;
		if (sip_name_addr_parse(&a, element) ||
			!str_eq(a.uri.user, str_of(w->user)))
			continue;
		if (sip_param(a.params, STR("expires"), &value) && !str_u32(value, &s))
			return s;
	}
	return sip_seconds_parse(sip_value(m, SIP_H_EXPIRES), &s) ? asked : s;
}

/* A response to a nonce at hand may have gone unread, where the edge vouches for the link. */
static bool proved(const struct wic_tx *t, const struct sip_msg *m)
{
	struct str value = sip_value(m, SIP_H_AUTHENTICATION_INFO), next;

	if (!*t->rspauth || !t->check || (!value.p && !t->proof_due))
		return true;
	return value.p && answer_proved(value, t->rspauth, &next);
}

static void take_next_nonce(struct wic *w, const struct wic_tx *t, const struct sip_msg *m)
{
	struct sip_auth info = {.params = sip_value(m, SIP_H_AUTHENTICATION_INFO)};
	struct str next;

	if (!*t->rspauth || !info.params.p || !sip_auth_param(&info, STR("nextnonce"), &next))
		return;
	w->next_nonce = replaced(w->next_nonce, next);
	w->nc = 0;
}

/* TS 24.229 5.1.1.2: the default identity is the first of P-Associated-URI. */
static void take_registration(struct wic *w, struct wic_tx *t, const struct sip_msg *m)
{
	struct sip_iter it = {0};
	struct sip_name_addr a;
	struct str first;
	int64_t s = granted_s(w, m, t->asked_s);

	if (t->dereg || s == 0) {
		w->registered = false;
		w->service_route = replaced(w->service_route, STR_NONE);
		return;
	}
	w->registered = true;
	w->expires_ms = clock_ms(w->env->host->clock) + s * 1000;
	w->service_route =
		replaced(w->service_route, joined(m, SIP_H_SERVICE_ROUTE, &t->arena));
	w->associated =
		replaced(w->associated, joined(m, SIP_H_P_ASSOCIATED_URI, &t->arena));
	if (sip_list_next(m, SIP_H_P_ASSOCIATED_URI, &it, &first) &&
		!sip_name_addr_parse(&a, first))
		w->identity = replaced(w->identity, a.uri.text);
}

/* The network did not prove that it knows the password: what it granted counts nothing,
 * and the connection is given up (TS 33.203 N.2.1). */
static void distrust(struct wic *w, const struct wic_tx *t)
{
	w->registered = false;
	sip_flow_close(w->env->stack, t->conn, 1008, "rspauth is wrong");
	if (w->env->h.fault)
		w->env->h.fault(
			w, "Authentication-Info: rspauth does not prove the password");
}

/* One without an algorithm that we know, or want, leaves nothing to answer (RFC 8760 2.4). */
static void take_challenge(struct wic *w, const struct wic_tx *t, const struct sip_msg *m)
{
	struct challenge *c = challenge_take(m, SIP_H_WWW_AUTHENTICATE, t->only);
	bool digest = c || challenge_is_digest(m, SIP_H_WWW_AUTHENTICATE);

	if (!digest)
		return;
	free(w->challenge);
	w->challenge = c;
	w->next_nonce = replaced(w->next_nonce, STR_NONE);
	w->nc = 0;
	if (!c && w->env->h.fault)
		w->env->h.fault(w, "the challenge has no algorithm that this client takes");
}

static void take_register_answer(struct wic *w, struct wic_tx *t, const struct sip_msg *m)
{
	w->status = m->status;
	if (m->status == 401) {
		take_challenge(w, t, m);
	} else if (m->status >= 200 && m->status < 300) {
		if (!proved(t, m)) {
			distrust(w, t);
			return;
		}
		take_next_nonce(w, t, m);
		take_registration(w, t, m);
	}
}

static void on_response(int err, const struct sip_msg *m, void *arg)
{
	struct wic_tx *t = arg, **at;
	struct wic *w = t->wic;

	if (!m || m->status >= 200) {
		for (at = &w->txs; *at != t; at = &(*at)->next)
			;
		*at = t->next;
	}
	if (m && m->status >= 200 && t->method == SIP_M_REGISTER)
		take_register_answer(w, t, m);
	if (w->env->h.response)
		w->env->h.response(w, err, m);
	if (!m || m->status >= 200)
		tx_free(t);
}

/* ---- requests ---- */

static struct wic_tx *tx_new(struct wic *w, const struct wic_conf *c, char why[256])
{
	struct wic_flow *flow = wic_flow(w, c->flow);
	struct wic_tx *t;

	if (!flow) {
		snprintf(why, 256, "not connected");
		return NULL;
	}
	t = MEM_NEW(struct wic_tx);
	t->wic = w;
	t->conn = flow->conn;
	return t;
}

static int tx_send(struct wic_tx *t, struct str bytes, char why[256])
{
	struct wic *w = t->wic;
	const struct stream *stream = stream_find(w->env->host, t->conn);
	struct sip_hop to = {.transport = SIP_WSS, .conn = t->conn};
	int err;

	if (stream) {
		to.local = *stream_local(stream);
		to.remote = *stream_remote(stream);
	}
	if ((err = sip_send(w->env->stack, bytes, &to, on_response, t, &t->id))) {
		snprintf(why, 256, "cannot be sent: %s", uv_strerror(err));
		tx_free(t);
		return err;
	}
	t->next = w->txs;
	w->txs = t;
	return 0;
}

static const char *impi_of(const struct wic *w, const struct wic_conf *c)
{
	return c->impi ? c->impi : w->impi;
}

static const char *impu_of(const struct wic *w, const struct wic_conf *c)
{
	return c->impu ? c->impu : w->impu;
}

static void put_contact(struct fields *f, const struct wic *w, const struct wic_conf *c)
{
	struct buf b = {0};

	if (c->contact) {
		put(f, STR("Contact"), str_of(c->contact));
		return;
	}
	buf_fmt(&b, "<sip:%s@%s.invalid;transport=ws>", w->user, w->host);
	if (!c->instance)
		buf_fmt(&b, ";+sip.instance=\"<urn:uuid:%s>\"", w->uuid);
	else if (*c->instance)
		buf_fmt(&b, ";+sip.instance=\"<%s>\"", c->instance);
	if (c->reg_id)
		buf_fmt(&b, ";reg-id=%d", c->reg_id);
	put(f, STR("Contact"), arena_str(f->a, buf_str(&b)));
	buf_free(&b);
}

static void put_call(
	struct fields *f, struct wic *w, const struct wic_conf *c, struct str method)
{
	char id[33];

	if ((!w->call_id && !c->call_id) || c->new_call_id) {
		chance_hex(&w->env->host->chance, id, 10);
		w->call_id = replaced(w->call_id, str_of(id));
		w->cseq = 0;
	} else if (c->call_id) {
		w->call_id = replaced(w->call_id, str_of(c->call_id));
	}
	PUT(f, "Call-ID", "%s", w->call_id);
	PUT(f, "CSeq", "%u " STR_FMT, ++w->cseq, STR_ARG(method));
}

/* What the client wants to be challenged by. p NULL: whatever comes. */
static struct str algorithm_of(const struct wic_conf *c)
{
	if (c->algorithm || !c->usim.k)
		return str_of(c->algorithm);
	return str_of(aka_algorithm_name(AKA_V2_SHA256));
}

static struct str digest_value(struct fields *f, struct wic *w, const struct wic_conf *c,
	bool with_response, char rspauth[DIGEST_HEX_MAX])
{
	const struct challenge *ch = w->challenge;
	struct answer a = {.username = str_of(impi_of(w, c)),
		.realm = str_of(c->domain),
		.uri = arena_fmt(f->a, "sip:%s", c->domain),
		.method = STR("REGISTER"),
		.password = str_of(c->password ? c->password : ""),
		.wwsf = str_of(c->wwsf_entity)};
	char cnonce[17];
	struct buf b = {0};

	if (c->usim.k)
		a.algorithm_name = algorithm_of(c);
	if (with_response) {
		a.algorithm = ch->algorithm;
		a.algorithm_name = ch->d.algorithm;
		a.realm = ch->d.realm;
		a.nonce = w->next_nonce ? str_of(w->next_nonce) : ch->d.nonce;
		a.opaque = ch->d.opaque;
		a.qop = STR("auth");
		a.nc = ++w->nc;
		chance_hex(&w->env->host->chance, cnonce, 8);
		a.cnonce = str_of(cnonce);
		if (ch->aka && w->card)
			card_answer(w->card, ch, &a);
	}
	answer_write(&a, c->response, c->auth, &b, rspauth);
	if (with_response && ch->aka)
		*rspauth = 0; /* AUTN was the network's proof */
	struct str out = arena_str(f->a, buf_str(&b));
	buf_free(&b);
	return out;
}

static const char *token_of(const struct wic *w, const struct wic_conf *c)
{
	return c->token ? c->token : w->token ? w->token : "";
}

static void put_authorization(struct fields *f, struct wic *w, const struct wic_conf *c,
	enum wic_register_kind kind, char rspauth[DIGEST_HEX_MAX])
{
	bool bearer =
		c->authorization == WIC_BEARER || c->authorization == WIC_BEARER_ONLY;
	bool with_response = w->challenge && !bearer && c->authorization != WIC_BODY &&
			     kind != WIC_REGISTER;

	*rspauth = 0;
	if (bearer)
		PUT(f, "Authorization",
			c->token_param ? "Bearer access_token=\"%s\"" : "Bearer %s",
			token_of(w, c));
	if (c->authorization == WIC_BEARER_ONLY ||
		(c->authorization == WIC_NONE && kind != WIC_ANSWER))
		return;
	put(f, STR("Authorization"), digest_value(f, w, c, with_response, rspauth));
}

/* Who registers again has given up on what is still under way (RFC 3261 10.2.4). */
static void give_up_registering(struct wic *w)
{
	struct wic_tx **at = &w->txs;

	while (*at) {
		struct wic_tx *t = *at;
		if (t->method != SIP_M_REGISTER) {
			at = &t->next;
			continue;
		}
		*at = t->next;
		sip_forget(w->env->stack, t->id);
		tx_free(t);
	}
}

int wic_register(struct wic *w, const struct wic_conf *c, enum wic_register_kind kind,
	char why[256])
{
	const char *impu = impu_of(w, c);
	struct wic_tx *t = tx_new(w, c, why);
	struct buf out = {0};
	int err;

	if (!t)
		return -ENOTCONN;
	if (!impu || (c->authorization == WIC_FULL && !impi_of(w, c))) {
		snprintf(why, 256,
			"no identities are configured, and the WWSF has given none");
		tx_free(t);
		return -EINVAL;
	}
	if (kind == WIC_ANSWER && !w->challenge) {
		snprintf(why, 256, "no challenge has come");
		tx_free(t);
		return -ENOMSG;
	}
	if (c->usim.k && (err = card_insert(&w->card, &c->usim, why))) {
		tx_free(t);
		return err;
	}
	struct fields f = {.a = &t->arena};
	struct str body =
		c->authorization == WIC_BODY ? str_of(token_of(w, c)) : STR_NONE;
	give_up_registering(w);
	t->method = SIP_M_REGISTER;
	t->dereg = kind == WIC_DEREGISTER;
	t->asked_s = t->dereg ? 0 : c->expires;
	t->check = c->check_rspauth;
	t->proof_due = kind == WIC_ANSWER;
	t->only = algorithm_of(c).p ? arena_str(&t->arena, algorithm_of(c)) : STR_NONE;
	PUT(&f, "Max-Forwards", "70");
	PUT(&f, "From", "<%s>;tag=%s", impu, w->tag);
	PUT(&f, "To", "<%s>", impu);
	put_call(&f, w, c, STR("REGISTER"));
	put_contact(&f, w, c);
	PUT(&f, "Expires", "%lld", (long long)t->asked_s);
	PUT(&f, "Supported", "path, outbound, gruu");
	put_authorization(&f, w, c, kind, t->rspauth);
	if (body.n)
		PUT(&f, "Content-Type", "application/jwt");
	PUT(&f, "Content-Length", "%zu", body.n);
	twist(&f, c->headers);
	write_request(&f, STR("REGISTER"), arena_fmt(&t->arena, "sip:%s", c->domain), body,
		&out);
	err = tx_send(t, buf_str(&out), why);
	buf_free(&out);
	return err;
}

int wic_send(struct wic *w, const struct wic_conf *c, const struct wic_request *r,
	char why[256])
{
	const char *from = w->identity ? w->identity : impu_of(w, c);
	struct wic_tx *t = tx_new(w, c, why);
	struct buf out = {0};
	char id[33];
	int err;

	if (!t)
		return -ENOTCONN;
	struct fields f = {.a = &t->arena};
	struct str uri =
		r->uri ? str_of(r->uri) : arena_fmt(&t->arena, "sip:%s", c->domain);
	struct str body = str_of(r->body);
	chance_hex(&w->env->host->chance, id, 10);
	PUT(&f, "Max-Forwards", "70");
	if (w->service_route)
		PUT(&f, "Route", "%s", w->service_route);
	PUT(&f, "From", "<%s>;tag=%s", from ? from : "sip:anonymous@anonymous.invalid",
		w->tag);
	PUT(&f, "To", "<" STR_FMT ">", STR_ARG(r->to ? str_of(r->to) : uri));
	PUT(&f, "Call-ID", "%s", id);
	PUT(&f, "CSeq", "1 %s", r->method);
	put_contact(&f, w, c);
	if (body.n)
		PUT(&f, "Content-Type", "%s", r->type ? r->type : "text/plain");
	PUT(&f, "Content-Length", "%zu", body.n);
	twist(&f, c->headers);
	write_request(&f, str_of(r->method), uri, body, &out);
	err = tx_send(t, buf_str(&out), why);
	buf_free(&out);
	return err;
}

int wic_send_raw(struct wic *w, const char *flow_name, struct str bytes)
{
	struct wic_flow *flow = wic_flow(w, flow_name);
	struct sip_hop to = {.transport = SIP_WSS, .conn = flow ? flow->conn : 0};

	if (!flow)
		return -ENOTCONN;
	to.local = *stream_local(ws_stream(flow->ws));
	to.remote = *stream_remote(ws_stream(flow->ws));
	return sip_send_raw(w->env->stack, bytes, &to);
}
