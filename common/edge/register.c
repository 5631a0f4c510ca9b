/* REGISTER of a WIC at the edge (TS 24.229 5.2.2, TS 33.203 P.3, TS 23.228 U.2.1.2, .3).
 *
 *	WIC          edge         next hop
 *	 | REGISTER    |             |
 *	 |------------>| checks (of a token: register_token.c), border, integrity flag or
 *	 |             | auth-done (tna.c); the element adds its own
 *	 |             | REGISTER    |
 *	 |             |------------>|
 *	 |             |  401 or 200 |
 *	 |             |<------------|
 *	 |  401 or 200 | 200: IMPI and IMPUs bound to this flow
 *	 |<------------|
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "common/base/log.h"
#include "common/base/metric.h"
#include "common/crypto/aka.h"
#include "common/edge/inner.h"

METRIC_COUNTER(registers, "imsrig_edge_registers_total", "REGISTERs of WICs");
METRIC_COUNTER(onward, "imsrig_edge_registers_forwarded_total", "... of them sent on");
METRIC_COUNTER(bound, "imsrig_edge_registers_bound_total", "200s that bound a flow");

enum { SPAN_MS = 10 * 1000 };

/* ---- 200: the binding ---- */

/* The same instance came by a new flow: the old one has nothing left to live for. */
static void drop_old_flow(struct edge *ed, uint64_t old, uint64_t conn)
{
	struct edge_conn *c = old && old != conn ? edge_conn_of(ed, old) : NULL;
	if (c && !c->bindings)
		edge_conn_close(c, EDGE_NORMAL, "registered by another connection");
}

struct edge_binding *edge_register_settle(struct edge_reg *r, struct edge_conn *c,
	struct edge_bind *what, uint32_t seconds)
{
	struct edge *ed = r->edge;
	struct edge_binding *old, *made;

	what->kind = EDGE_WIC;
	what->conn = c ? r->conn : 0;
	what->trusted = r->trusted;
	what->session = r->session;
	old = edge_book_find(&ed->book, what);
	uint64_t old_conn = old ? old->conn : 0;
	if (seconds && c) {
		edge_conn_bound(c);
		c->trusted = r->trusted;
		c->direct = r->direct.p != NULL;
		c->vouchers = r->vouchers;
		c->bad_tokens = 0;
	}
	made = edge_book_settle(&ed->book, what, seconds);
	if (seconds)
		drop_old_flow(ed, old_conn, r->conn);
	bound.value += seconds > 0;
	return made;
}

static void bind_flow(struct edge_reg *r, struct edge_conn *c, const struct sip_msg *ok)
{
	struct edge_bind what = {0};
	uint32_t seconds = edge_granted(ok, &r->asked);

	if (r->most_s && seconds > r->most_s)
		seconds = r->most_s;
	edge_bind_read(&what, ok, &r->asked, sip_req_arena(r->req));
	edge_register_settle(r, c, &what, seconds);
}

/* ---- the answer ---- */

/* 403 ends it: the WIC's socket is closed behind the answer (TS 33.203 O.3.1.1). */
static int reject(struct edge_reg *r, struct edge_conn *c, const struct sip_msg *m,
	const struct sip_edit *e)
{
	struct buf bytes = {0};
	log_info("edge", "%s refused by the network with %d", log_text(r->asked.impu),
		m->status);
	sip_edit_write(e, &bytes);
	sip_answer_bytes(r->req, m->status, buf_str(&bytes));
	buf_free(&bytes);
	if (c)
		edge_conn_close(c, EDGE_POLICY, "registration refused");
	return -ECANCELED;
}

/* Who came with a token has nothing to answer a challenge with: the core does not believe us
 * (TR 23.701 6.3.2.1.3, a WAAF that its P-CSCF does not list). */
static int refuse_challenge(struct edge_reg *r, struct edge_conn *c)
{
	static const struct edge_fault f = {
		EDGE_NO_CORE_CHALLENGE, "the network challenges who has shown a token"};
	if (c)
		edge_conn_refuse(c, r->req, &f);
	else
		edge_refuse(r->req, &f);
	return -ECANCELED;
}

static int on_response(
	struct sip_req *req, const struct sip_msg *m, struct sip_edit *e, void *arg)
{
	struct edge_reg *r = arg;
	struct edge_conn *c = edge_conn_of(r->edge, r->conn);

	edge_border_outward(e);
	if (m->status < 200)
		return 0;
	if (c)
		edge_conn_challenged(c, m->status == 401 && !r->trusted);
	if (m->status >= 200 && m->status < 300)
		bind_flow(r, c, m);
	if (c)
		edge_conn_settle(c);
	if (r->trusted && (m->status == 401 || m->status == 407))
		return refuse_challenge(r, c);
	return m->status == 403 ? reject(r, c, m, e) : 0;
}

static int on_failure(struct sip_req *req, int err, void *arg)
{
	struct edge_reg *r = arg;
	struct edge_conn *c = edge_conn_of(r->edge, r->conn);
	if (c)
		edge_conn_settle(c);
	return edge_forward_failed(req, err, arg);
}

/* ---- the request goes on ---- */

static const char *flag_of(const struct edge_reg *r)
{
	if (!r->asked.digest || r->trusted)
		return NULL;
	if (aka_algorithm_of(r->asked.auth.algorithm) == AKA_V2_SHA256)
		return EDGE_TLS_CONNECTED; /* TS 33.203 P.3; AKAv1 is not for WebRTC (X.2) */
	if (r->bound)
		return EDGE_TLS_YES;
	return sip_register_answers(&r->asked) ? EDGE_TLS_PENDING : NULL;
}

static void forward(struct edge_reg *r, struct edge_conn *c)
{
	static const struct sip_forward_h forward_h = {on_response, on_failure};
	struct edge *ed = r->edge;
	struct sip_hop to = {0};
	struct edge_fault f;
	struct sip_edit e;

	const struct edge_said said = {flag_of(r), r->direct};
	if (!edge_register_clean(ed, r->req, 0, &said, &e, &f)) {
		edge_conn_refuse(c, r->req, &f);
		return;
	}
	if (r->trusted)
		edge_tna_put(r, &e);
	edge_flow_token_write(&ed->flow_tokens, sip_req_hop(r->req), r->token);
	ed->setup.onward(r, &e, &to, ed->setup.arg);
	edge_conn_claim(c, &r->asked);
	uint64_t id = sip_req_id(r->req);
	int err = sip_forward(r->req, &e, &to, &forward_h, r);
	onward.value += !err;
	if (!err && sip_req_find(ed->setup.stack, id))
		return;
	edge_conn_settle(c);
	if (err) /* else the stack has answered: no Max-Forwards left */
		edge_conn_refuse(c, r->req,
			&(struct edge_fault){EDGE_NO_NEXT_HOP, uv_strerror(err)});
}

/* ---- checks ---- */

/* The same instance may come back by a new connection (RFC 5626 4.4); the registrar
 * authenticates it there. */
static bool same_instance(struct str instance, const struct sip_register *asked)
{
	return instance.n && asked->n_contacts &&
	       str_eq(instance, asked->contacts[0].instance);
}

/* Another open flow is registered with this IMPI. One IMPU may well be shared by several
 * IMPIs (a phone's and a WIC's): whether it is, the HSS knows. */
static bool bound_elsewhere(const struct edge_reg *r)
{
	struct edge_binding *b;
	size_t it = 0;
	while ((b = edge_book_impi(&r->edge->book, r->asked.impi, &it)))
		if (b->kind == EDGE_WIC && b->conn && b->conn != r->conn &&
			!same_instance(edge_binding_text(b, EDGE_INSTANCE), &r->asked))
			return true;
	return false;
}

/* Another open flow was challenged for this IMPI (TR 23.701 6.2.2.4.1). It is closed when
 * it does not register in time, so it can't keep the owner out for long. */
static bool challenged_elsewhere(const struct edge_reg *r, const struct edge_conn *c)
{
	const struct edge_conn *other = edge_challenged_for(r->edge, r->asked.impi, c);
	return other && !same_instance(str_of(other->instance), &r->asked);
}

/* What the flow and others stand in the way of, whatever shows who asks; no: EDGE_NO_COUNT
 * when nothing. */
static struct edge_fault flow_fault(const struct edge_reg *r, const struct edge_conn *c)
{
	if (c->impi && !str_eq(str_of(c->impi), r->asked.impi))
		return (struct edge_fault){
			EDGE_NO_SECOND_IMPI, "a second IMPI on one connection"};
	if (bound_elsewhere(r))
		return (struct edge_fault){EDGE_NO_BOUND_ELSEWHERE,
			"the identity is bound to another connection"};
	if (challenged_elsewhere(r, c))
		return (struct edge_fault){EDGE_NO_CHALLENGED_ELSEWHERE,
			"another connection was challenged for this IMPI"};
	return (struct edge_fault){EDGE_NO_COUNT};
}

/* ---- by token ---- */

static bool ends_here(const struct edge_conn *c)
{
	return edge_origin_auth(c->origin) & EDGE_AUTH_WILDCARD;
}

static void register_token(struct edge_reg *r, struct edge_conn *c)
{
	struct edge_fault f;
	struct token t;

	switch (edge_token_judge(r, c, &t, &f)) {
	case EDGE_WAITS:
		c->waiting++;
		return;
	case EDGE_REFUSED:
		edge_token_refuse(r, c, &f);
		return;
	case EDGE_TAKEN:
		break;
	}
	if ((f = flow_fault(r, c)).no != EDGE_NO_COUNT) {
		edge_conn_refuse(c, r->req, &f);
		return;
	}
	edge_token_used(r, c, &t);
	if (ends_here(c))
		edge_register_here(r, c, &t);
	else
		forward(r, c);
}

/* A flow that a token registered may take back what it registered: that needs no token, and
 * one that is shown is not looked at. */
static void register_leave(struct edge_reg *r, struct edge_conn *c)
{
	static const struct edge_fault other = {
		EDGE_NO_SECOND_IMPI, "another IMPI than the connection's"},
				       unknown = {EDGE_NO_NOT_BOUND,
					       "not registered on this connection"};
	struct edge_binding *b = edge_book_flow(
		&r->edge->book, str_of(c->impi), r->asked.impu, c->id);

	if (r->asked.digest && r->asked.auth.username.n &&
		!str_eq(r->asked.auth.username, str_of(c->impi))) {
		edge_conn_refuse(c, r->req, &other);
	} else if (!b) {
		edge_conn_refuse(c, r->req, &unknown);
	} else {
		r->trusted = true;
		r->vouchers = c->vouchers;
		r->asked.impi = arena_str(sip_req_arena(r->req), str_of(c->impi));
		r->asked.digest = true;
		r->asked.auth = (struct sip_digest){.username = r->asked.impi};
		if (ends_here(c))
			edge_register_here(r, c, NULL);
		else
			forward(r, c);
	}
}

/* ---- by a web session ---- */

/* The session of its handle, which stands where a token would; 0: it brings none. */
static uint64_t session_of_handle(const struct edge_reg *r)
{
	const struct edge_setup *setup = &r->edge->setup;
	const struct sip_msg *m = sip_req_msg(r->req);
	struct str handle;
	for (const struct sip_field *f = sip_first(m, SIP_H_AUTHORIZATION); f;
		f = sip_next(m, f))
		if (!sip_bearer_parse(sip_field_value(m, f), &handle))
			return setup->web->handle(handle, setup->arg);
	return 0;
}

/* A flow is of one session, which its handshake or its first REGISTER names; one that brings
 * credentials of another kind is none of a session's. */
static bool is_of_session(struct edge_reg *r, struct edge_conn *c)
{
	uint64_t named;
	if (!(edge_origin_auth(c->origin) & EDGE_AUTH_SESSION) ||
		sip_register_answers(&r->asked))
		return false;
	named = r->asked.bearer ? session_of_handle(r) : 0;
	if (named && !c->session)
		c->session = named;
	r->session = c->session;
	return c->session && (r->asked.bearer ? named == c->session : true);
}

static void register_session(struct edge_reg *r, struct edge_conn *c)
{
	r->trusted = true;
	edge_register_here(r, c, NULL);
}

/* ---- by digest, or with nothing at all ---- */

static void challenge(struct edge_reg *r, struct edge_conn *c)
{
	struct edge_fault f = {EDGE_NO_TOKEN_MISSING, "no token",
		edge_token_challenge(r->edge, sip_req_arena(r->req), NULL)};
	edge_token_refuse(r, c, &f);
}

/* By web credentials: it says so, nothing else is served, or the flow was registered by them. */
static bool is_direct(const struct edge_reg *r, const struct edge_conn *c, unsigned auth)
{
	bool alone = !(auth & ~(unsigned)(EDGE_AUTH_DIRECT | EDGE_AUTH_SESSION));
	return auth & EDGE_AUTH_DIRECT &&
	       (edge_direct_named(r) || alone || (c->bindings && c->direct));
}

static void register_digest(struct edge_reg *r, struct edge_conn *c)
{
	static const struct edge_fault
		no_token = {EDGE_NO_NO_TOKEN, "WICs of this Origin may bring no token"},
		no_session = {EDGE_NO_NO_SESSION, "no live web session"},
		no_digest = {EDGE_NO_NO_DIGEST,
			"WICs of this Origin may not register with IMS credentials"};
	unsigned auth = edge_origin_auth(c->origin);
	struct edge_fault f;

	if (r->asked.bearer && !r->asked.digest)
		edge_conn_refuse(c, r->req, &no_token);
	else if (auth == EDGE_AUTH_SESSION)
		edge_conn_refuse(c, r->req, &no_session);
	else if (is_direct(r, c, auth) && !edge_direct_check(r, c, &f))
		edge_conn_refuse(c, r->req, &f);
	else if (!r->direct.p && !(auth & EDGE_AUTH_DIGEST) && auth & EDGE_AUTH_BY_TOKEN &&
		!sip_register_answers(&r->asked))
		challenge(r, c);
	else if (!r->direct.p && !(auth & EDGE_AUTH_DIGEST))
		edge_conn_refuse(c, r->req, &no_digest);
	else if ((f = flow_fault(r, c)).no != EDGE_NO_COUNT)
		edge_conn_refuse(c, r->req, &f);
	else
		forward(r, c);
}

/* ---- which ---- */

/* The way of authentication must not change within a registration (TS 33.203 P.4). */
static void route_register(struct edge_reg *r, struct edge_conn *c)
{
	static const struct edge_fault changed = {
		EDGE_NO_SCHEME_CHANGED, "another way of authentication than it registered by"};
	bool token = edge_token_there(r) && edge_origin_auth(c->origin) & EDGE_AUTH_BY_TOKEN;
	bool session = is_of_session(r, c), by_session = c->bindings && c->session;
	bool by_token = c->bindings && c->trusted && !by_session;

	r->bound = c->bindings > 0; /* a flow claims one IMPI: it is this one */
	if (session && (by_session || !c->bindings))
		register_session(r, c);
	else if (session || by_session)
		edge_conn_refuse(c, r->req, &changed);
	else if (by_token && r->asked.deregister && !sip_register_answers(&r->asked))
		register_leave(r, c);
	else if (token && c->bindings && !c->trusted)
		edge_conn_refuse(c, r->req, &changed);
	else if (token)
		register_token(r, c);
	else if (by_token && r->asked.digest)
		edge_conn_refuse(c, r->req, &changed);
	else if (by_token)
		challenge(r, c);
	else
		register_digest(r, c);
}

static void begin(struct edge *ed, struct edge_conn *c, struct sip_req *req)
{
	struct edge_reg *r = ARENA_NEW(sip_req_arena(req), struct edge_reg);
	struct edge_fault f;

	r->edge = ed;
	r->req = req;
	r->conn = c->id;
	if (!edge_register_check(req, ed->setup.conf->realm, &r->asked, &f))
		edge_conn_refuse(c, req, &f);
	else
		route_register(r, c);
}

void edge_register(struct edge *ed, struct edge_conn *c, struct sip_req *req)
{
	int64_t now = clock_ms(ed->setup.host->clock);
	int wait_s;

	registers.value++;
	if (edge_window_take(&c->registers, now, SPAN_MS, ed->setup.conf->limits.registers,
		    &wait_s)) {
		begin(ed, c, req);
		return;
	}
	struct edge_fault f = {EDGE_NO_REGISTER_RATE, "too many REGISTERs",
		arena_fmt(sip_req_arena(req), "Retry-After: %d\r\n", wait_s)};
	edge_conn_refuse(c, req, &f);
}

void edge_register_again(uint64_t id, uint64_t conn, void *edge)
{
	static const struct edge_fault gone = {
		EDGE_NO_UNREGISTERED, "its connection is gone"};
	struct edge *ed = edge;
	struct edge_conn *c = edge_conn_of(ed, conn);
	struct sip_req *req = sip_req_find(ed->setup.stack, id);

	if (conn & EDGE_OF_SESSION) {
		ed->setup.web->again(id, ed->setup.arg);
		return;
	}
	if (c)
		c->waiting--;
	if (req && c && !c->closing)
		begin(ed, c, req);
	else if (req)
		edge_refuse(req, &gone);
}
