/* Identities that the element registers itself: nothing goes on. So does a WAAF with members
 * of a WWSF's range (TR 23.701 6.3.2.1.5), and a WSF with users whom it has registered already
 * when they came by HTTPS (6.2.2.4.2).
 *
 *	WIC          edge              registrar
 *	 | REGISTER    |                   |
 *	 |------------>| checks, as of any token (register_token.c); or a web session
 *	 |             |------------------>| its own: refused, or granted
 *	 |             |<------------------|
 *	 |             | the flow is bound |
 *	 |  200        |                   |
 *	 |<--------------------------------| once it is sure to stay
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/edge/inner.h"

void edge_register_here(struct edge_reg *r, struct edge_conn *c, const struct token *t)
{
	const struct edge_setup *setup = &r->edge->setup;
	struct edge_grant g = {0};
	struct edge_bind what = {0};
	struct edge_fault f;

	if (!setup->registrar->judge(r, t, &g, &f, setup->arg)) {
		edge_conn_refuse(c, r->req, &f);
		return;
	}
	edge_conn_claim(c, &r->asked);
	edge_bind_asked(&what, &r->asked);
	what.text[EDGE_ROUTE] = g.route;
	what.text[EDGE_SET] = g.set;
	what.owner = g.owner;
	struct edge_binding *b = edge_register_settle(r, c, &what, g.seconds);
	if (g.binding)
		*g.binding = b;
	edge_conn_settle(c);
	if (g.answer.p)
		sip_answer(r->req, 200, NULL, g.answer);
}

void edge_rebind(struct edge *ed, const struct edge_bind *what, int64_t seconds,
	struct edge_binding **binding)
{
	*binding = edge_book_bind(&ed->book, what, seconds);
}

void edge_unbind(
	struct edge *ed, struct edge_binding *b, enum edge_close code, const char *why)
{
	struct edge_conn *c = b->conn ? edge_conn_of(ed, b->conn) : NULL;
	edge_binding_drop(b);
	if (c && !c->bindings)
		edge_conn_close(c, code, why);
}

bool edge_blocks(const struct edge *ed, struct str wwsf)
{
	return edge_blocked_has(ed, wwsf) || edge_issuers_block(ed->issuers, wwsf);
}

void edge_blocks_changed(struct edge *ed)
{
	if (ed->setup.registrar)
		ed->setup.registrar->blocked(ed->setup.arg);
}
