/* The user profile.
 * SPDX-License-Identifier: Apache-2.0 */
#include "scscf/profile.h"

#include <errno.h>
#include <libxml/parser.h>
#include <libxml/tree.h>

static bool is(const xmlNode *n, const char *name)
{
	return n->type == XML_ELEMENT_NODE && !strcmp((const char *)n->name, name);
}

static const xmlNode *child(const xmlNode *n, const char *name)
{
	for (const xmlNode *c = n ? n->children : NULL; c; c = c->next)
		if (is(c, name))
			return c;
	return NULL;
}

static struct str text(const xmlNode *n, struct arena *a)
{
	const xmlNode *t = n ? n->children : NULL;
	if (!t || t->type != XML_TEXT_NODE || t->next)
		return STR_NONE;
	return str_trim(arena_str(a, str_of((const char *)t->content)));
}

/* IdentityType 4, or a WildcardedIMPU anywhere in the nested extensions. */
static bool is_wildcard(const xmlNode *identity, struct arena *a)
{
	for (const xmlNode *e = child(identity, "Extension"); e; e = child(e, "Extension"))
		if (str_eq(text(child(e, "IdentityType"), a), STR("4")) || child(e, "WildcardedIMPU"))
			return true;
	return false;
}

static int public_identity(const xmlNode *n, struct profile *out, struct arena *a,
	const char **why)
{
	struct str id = text(child(n, "Identity"), a);
	struct str barred = text(child(n, "BarringIndication"), a);
	if (!id.n) {
		*why = "PublicIdentity without Identity";
		return -EBADMSG;
	}
	if (out->n == PROFILE_MAX_IDENTITIES) {
		*why = "more public identities than can be held";
		return -EBADMSG;
	}
	out->identities[out->n++] = (struct profile_identity){
		.identity = id,
		.barred = str_eq(barred, STR("1")) || str_eq(barred, STR("true")),
		.wildcard = is_wildcard(n, a),
	};
	return 0;
}

static int subscription(const xmlNode *root, struct profile *out, struct arena *a,
	const char **why)
{
	int err;
	*why = "not an IMSSubscription";
	if (!root || !is(root, "IMSSubscription"))
		return -EBADMSG;
	out->impi = text(child(root, "PrivateID"), a);
	for (const xmlNode *s = root->children; s; s = s->next)
		for (const xmlNode *p = is(s, "ServiceProfile") ? s->children : NULL; p; p = p->next)
			if (is(p, "PublicIdentity") && (err = public_identity(p, out, a, why)))
				return err;
	*why = out->impi.n ? "no public identity in it" : "no PrivateID in it";
	return out->impi.n && out->n ? 0 : -EBADMSG;
}

int profile_parse(struct str xml, struct profile *out, struct arena *a, const char **why)
{
	out->n = 0;
	out->impi = STR_NONE;
	*why = "not well-formed XML";
	if (!xml.n || xml.n > 1024 * 1024)
		return -EBADMSG;
	xmlDoc *doc = xmlReadMemory(xml.p, (int)xml.n, "User-Data", NULL,
		XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_NOCDATA);
	if (!doc)
		return -EBADMSG;
	int err = -EBADMSG;
	if (doc->intSubset)
		*why = "document type declarations are not accepted";
	else
		err = subscription(xmlDocGetRootElement(doc), out, a, why);
	xmlFreeDoc(doc);
	return err;
}

void profile_associated(const struct profile *p, struct buf *out)
{
	for (int wildcards = 0; wildcards < 2; wildcards++) {
		if (wildcards && !out->n)
			break; /* a wildcard is never the default identity */
		for (size_t i = 0; i < p->n; i++) {
			const struct profile_identity *id = &p->identities[i];
			if (id->barred || id->wildcard != (wildcards == 1))
				continue;
			buf_fmt(out, "%s<" STR_FMT ">", out->n ? ", " : "", STR_ARG(id->identity));
		}
	}
}
