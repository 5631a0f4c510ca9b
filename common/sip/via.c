/* Via: our own, what is noted in a peer's, and where a response goes (RFC 3261 18.1.1,
 * 18.2.1, 18.2.2; RFC 3581; RFC 7118 5.2).
 *
 * `maddr` is not followed: it would let a peer send our answers to a third party.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>

#include "common/sip/inner.h"

static const struct transport_row {
	const char *name;      /* in Via */
	const char *param;     /* in URIs */
	uint16_t port;
} rows[] = {
	[SIP_UDP] = {"UDP", "udp", 5060},
	[SIP_TCP] = {"TCP", "tcp", 5060},
	[SIP_TLS] = {"TLS", "tls", 5061},
	[SIP_WS] = {"WS", "ws", 80},
	[SIP_WSS] = {"WSS", "wss", 443},
};

const char *sip_transport_name(enum sip_transport t)
{
	return rows[t].name;
}

static uint16_t default_port(struct str name)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (str_ieq(name, str_of(rows[i].name)))
			return rows[i].port;
	return 5060;
}

/* ---- our own ---- */

void via_branch(struct sip_stack *s, char out[BRANCH_SIZE])
{
	memcpy(out, "z9hG4bK", 7);
	chance_hex(&s->host->chance, out + 7, 12);
}

struct str via_text(struct sip_stack *s, const struct sip_hop *to, struct str branch,
	char out[VIA_SIZE])
{
	const struct sip_listen *l = listen_for(s, to);
	const struct flow *f = flow_to(s, to);
	struct addr from = l ? l->local : listen_source(s, to);
	const char *sent_by = addr_text(&from), *more = "";

	if (f && f->name[0]) {
		sent_by = f->name;
		more = ";rport";
	} else if (!l && hop_websocket(to) && f) {
		sent_by = addr_text(&f->hop.local); /* the server's end */
	} else if (!l) { /* answers come back on the connection */
		sent_by = addr_is(&from) ? addr_uri_host(&from) : "client.invalid";
		more = ";rport";
	}
	int n = snprintf(out, VIA_SIZE, "SIP/2.0/%s %s;branch=" STR_FMT "%s",
		rows[to->transport].name, sent_by, STR_ARG(branch), more);
	return (struct str){out, (size_t)n};
}

/* ---- a peer's ---- */

bool via_top(const struct sip_msg *m, struct sip_via *v)
{
	struct sip_iter it = {0};
	struct str element;
	return sip_list_next(m, SIP_H_VIA, &it, &element) && !sip_via_parse(v, element);
}

static bool host_is(struct str host, const struct addr *a)
{
	struct addr b;
	return !addr_parse(host, 0, &b) && addr_host_eq(a, &b);
}

/* The Via element with `received` and `rport` as we saw them; others stay as they
 * came. */
static struct str noted(const struct sip_via *v, struct str element,
	const struct sip_hop *from, struct arena *a)
{
	struct buf b = {0};
	struct str head = element, rest = v->params;
	if (rest.p)
		head = str_span(element.p, rest.p - 1);
	buf_add(&b, str_trim(head));
	while (rest.p) {
		struct str one = str_trim(str_cut(&rest, ';')), name = one;
		name = str_trim(str_cut(&name, '='));
		if (str_ieq(name, STR("rport")))
			buf_fmt(&b, ";rport=%u", addr_port(&from->remote));
		else if (one.n && !str_ieq(name, STR("received")))
			buf_fmt(&b, ";" STR_FMT, STR_ARG(one));
	}
	buf_fmt(&b, ";received=%s", addr_host(&from->remote));
	struct str out = arena_str(a, buf_str(&b));
	buf_free(&b);
	return out;
}

int via_received(struct sip_msg *m, const struct sip_hop *from, struct arena *a)
{
	struct sip_iter it = {0};
	struct str element, ignored;
	struct sip_via v;
	struct sip_edit e;
	struct sip_fault fault;
	struct buf b = {0};

	if (!sip_list_next(m, SIP_H_VIA, &it, &element) || sip_via_parse(&v, element))
		return -EBADMSG;
	if (host_is(v.host, &from->remote) &&
		!sip_param(v.params, STR("rport"), &ignored) &&
		!sip_param(v.params, STR("received"), &ignored))
		return 0;

	const struct sip_field *f = sip_first(m, SIP_H_VIA);
	struct str value = sip_field_value(m, f);
	struct str behind = str_span(element.p + element.n, value.p + value.n);
	struct str fresh = noted(&v, element, from, a);
	sip_edit_begin(&e, m, a);
	sip_edit_value(
		&e, f, arena_fmt(a, STR_FMT STR_FMT, STR_ARG(fresh), STR_ARG(behind)));
	sip_edit_write(&e, &b);
	struct str bytes = arena_str(a, buf_str(&b));
	buf_free(&b);
	return sip_msg_parse(m, bytes, a, &fault);
}

void via_reply(const struct sip_via *v, const struct sip_hop *from, struct sip_hop *to)
{
	*to = *from;
	if (!v || hop_websocket(from))
		return;
	struct str rport;
	if (from->transport == SIP_UDP && sip_param(v->params, STR("rport"), &rport))
		return;
	/* sent-by's host is not looked up: it is where the request came from, or
	 * `received` says so. On a connection this address serves only when that one is
	 * gone. */
	addr_set_port(&to->remote, v->port ? v->port : default_port(v->transport));
}

/* ---- hops by URI ---- */

static bool transport_of(struct str param, enum sip_transport *t)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (str_ieq(param, str_of(rows[i].param))) {
			*t = (enum sip_transport)i;
			return true;
		}
	}
	return false;
}

static enum sip_transport secured(enum sip_transport t)
{
	return t == SIP_WS || t == SIP_WSS ? SIP_WSS : SIP_TLS;
}

int sip_hop_resolve(struct sip_stack *s, struct str uri, enum sip_transport dflt,
	struct sip_hop *out)
{
	struct sip_uri u;
	struct str param;
	enum sip_transport t = dflt;

	if (sip_uri_parse(&u, uri))
		return -EINVAL;
	bool sips = str_ieq(u.scheme, STR("sips"));
	if (!sips && !str_ieq(u.scheme, STR("sip")))
		return -EINVAL;
	if (sip_param(u.params, STR("transport"), &param) && !transport_of(param, &t))
		return -EPROTONOSUPPORT;
	if (sips)
		t = secured(t);
	*out = (struct sip_hop){.transport = t, .listener = -1};
	return host_resolve(
		s->host, u.host, u.port ? u.port : rows[t].port, &out->remote);
}

int sip_hop_named(struct sip_stack *s, const char *name, enum sip_transport t,
	const struct addr *local, struct sip_hop *out, char why[512])
{
	char uri[300];

	snprintf(uri, sizeof uri, "sip:%s", name);
	if (sip_hop_resolve(s, str_of(uri), t, out)) {
		snprintf(why, 512, "next hop \"%s\" is no address and no name of node.names", name);
		return -EINVAL;
	}
	out->local = *local;
	return 0;
}
