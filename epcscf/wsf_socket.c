/* The WebSocket of a web session (TR 23.701 6.2.2.4.2): its user was registered when he came by
 * HTTPS, so a REGISTER on it goes no further than this.
 *
 *	WIC                         WSF
 *	 | handshake, session cookie |   or a REGISTER with the handle as Bearer token
 *	 |-------------------------->|
 *	 | REGISTER                  |
 *	 |-------------------------->| To is one of the session's identities
 *	 |  200, Service-Route       |
 *	 |<--------------------------| the connection is bound: what comes for the session's
 *	                                Contact can reach it
 *
 * What it registers ends with the session at the latest; taking it back ends the binding to the
 * connection alone.
 * SPDX-License-Identifier: Apache-2.0 */
#include "epcscf/wsf.h"

static bool has_impu(const struct wsf_session *s, struct str impu)
{
	struct str rest = str_of(s->set);
	if (str_eq(impu, str_of(s->impu)))
		return true;
	while (rest.n)
		if (str_eq(str_cut(&rest, '\n'), impu))
			return true;
	return false;
}

/* What is asked for, at most what the WSF asks for itself, and not beyond the session. */
static uint32_t seconds_of(const struct wsf_session *s, const struct sip_register *asked)
{
	int64_t rest = (s->ends_ms - clock_wall_ms(wsf.host->clock)) / 1000;
	int64_t most = wsf.conf->expires_ms / 1000;
	if (asked->deregister)
		return 0;
	if (asked->contacts[0].expires < most)
		most = asked->contacts[0].expires;
	most = most < rest ? most : rest;
	return most > 0 ? (uint32_t)most : 1;
}

static struct str associated(const struct wsf_session *s, struct arena *a)
{
	struct str rest = str_of(s->set), all = STR_NONE;
	while (rest.n) {
		struct str one = str_cut(&rest, '\n');
		all = arena_fmt(a, STR_FMT "%s<" STR_FMT ">", STR_ARG(all), all.n ? ", " : "",
			STR_ARG(one));
	}
	return all;
}

/* Empty when there is nothing to say. */
static struct str line(struct arena *a, const char *name, struct str value)
{
	return value.n ? arena_fmt(a, "%s: " STR_FMT "\r\n", name, STR_ARG(value)) : STR("");
}

/* As the registrar's 200 would be, with what that said to the session's own REGISTER. */
static struct str answer(const struct wsf_session *s, const struct sip_register *asked,
	uint32_t seconds, struct arena *a)
{
	const struct sip_contact *c = &asked->contacts[0];
	struct str contact;

	if (!seconds)
		return STR("");
	contact = arena_fmt(a, "Contact: <" STR_FMT ">", STR_ARG(c->uri.text));
	if (c->instance.n)
		contact = arena_fmt(a, STR_FMT ";+sip.instance=\"" STR_FMT "\"", STR_ARG(contact),
			STR_ARG(c->instance));
	if (c->reg_id)
		contact = arena_fmt(a, STR_FMT ";reg-id=%u", STR_ARG(contact), c->reg_id);
	return arena_fmt(a, STR_FMT ";expires=%u\r\n" STR_FMT STR_FMT "%s", STR_ARG(contact),
		seconds, STR_ARG(line(a, "Service-Route", str_of(s->route))),
		STR_ARG(line(a, "P-Associated-URI", associated(s, a))),
		c->reg_id && asked->outbound ? "Require: outbound\r\n" : "");
}

static bool judge(struct edge_reg *r, const struct token *t, struct edge_grant *g,
	struct edge_fault *f, void *arg)
{
	struct wsf_session *s = wsf_session_by_id(r->session);
	struct arena *a = sip_req_arena(r->req);
	struct sip_register *asked = &r->asked;

	if (!s || !wsf_is_live(s))
		return edge_fail(f, EDGE_NO_NO_SESSION, "its web session is over");
	wsf_session_used(s);
	if (!asked->deregister && asked->n_contacts != 1)
		return edge_fail(f, EDGE_NO_SESSION_CONTACT, "not one Contact");
	if (!has_impu(s, asked->impu))
		return edge_fail(f, EDGE_NO_SESSION_IMPU, "To is none of its session's identities");
	if (asked->digest && asked->auth.username.n &&
		!str_eq(asked->auth.username, str_of(s->impi)))
		return edge_fail(f, EDGE_NO_SESSION_IMPU, "another IMPI than its session's");
	asked->impi = arena_str(a, str_of(s->impi));
	g->seconds = seconds_of(s, asked);
	g->owner = s;
	g->binding = &s->socket;
	g->route = arena_str(a, str_of(s->route));
	g->set = arena_str(a, str_of(s->set));
	g->answer = answer(s, asked, g->seconds, a);
	return true;
}

static void on_gone(void *owner, enum edge_end why, void *arg)
{
	struct wsf_session *s = owner;
	s->socket = NULL;
	wsf_session_used(s);
	wsf_session_watch(s);
}

static void on_blocked(void *arg)
{
	wsf_sessions_blocked();
}

const struct edge_registrar wsf_registrar = {judge, on_gone, on_blocked};

/* ---- which session ---- */

static uint64_t id_of(const struct wsf_session *s)
{
	return s ? s->id : 0;
}

static uint64_t of_cookie(const struct http_msg *handshake, void *arg)
{
	return id_of(wsf_session_of(handshake));
}

static uint64_t of_handle(struct str handle, void *arg)
{
	return id_of(wsf_session_by_handle(handle));
}

static bool lives(uint64_t session, void *arg)
{
	return wsf_session_by_id(session) != NULL;
}

static void again(uint64_t who, void *arg)
{
	wsf_login_again(who);
}

const struct edge_web wsf_web = {of_cookie, of_handle, lives, again};
