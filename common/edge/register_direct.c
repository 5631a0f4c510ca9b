/* REGISTER with web credentials (TR 33.871, direct authentication, step 1): the user's web
 * identity, and the WWSF whose credentials these are, which must be the one that owns the
 * Origin. It is never filled in from there: who does not say it does not mean it.
 *
 *	Authorization: Digest username="alice@wwsf.example", ..., wwsf-entity="wwsf.example"
 *
 * Towards the core the checked name is written afresh (border.c).
 * SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>

#include "common/edge/inner.h"

enum { NAME_MAX_N = 255 };

static struct str named(const struct edge_reg *r)
{
	return sip_entities_of(&r->asked, sip_req_msg(r->req), &r->edge->setup.conf->entities).wwsf;
}

bool edge_direct_named(const struct edge_reg *r)
{
	return named(r).p != NULL;
}

static bool is_host_name(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!isalnum((unsigned char)s.p[i]) && s.p[i] != '.' && s.p[i] != '-')
			return false;
	return s.n && s.n <= NAME_MAX_N;
}

bool edge_direct_check(struct edge_reg *r, const struct edge_conn *c, struct edge_fault *f)
{
	struct str name = named(r), own = str_of(c->origin->wwsf);

	*f = (struct edge_fault){EDGE_NO_COUNT};
	if (!name.p)
		*f = (struct edge_fault){EDGE_NO_DIRECT_MISSING, "web credentials without their WWSF"};
	else if (!is_host_name(name))
		*f = (struct edge_fault){
			EDGE_NO_DIRECT_SYNTAX, "the name of the WWSF is no host name"};
	else if (!str_host_eq(name, own))
		*f = (struct edge_fault){
			EDGE_NO_DIRECT_OTHER, "another WWSF than the one that owns the Origin"};
	else
		r->direct = own;
	return r->direct.p != NULL;
}
