/* User-Data: the XML of TS 29.228 Annex E (CxDataType_Rel11.xsd), elements in its order.
 * SPDX-License-Identifier: Apache-2.0 */
#include "hss/user_data.h"

#include <libxml/xmlwriter.h>

enum { MAX_MEMBERS = 64 };

struct writer {
	xmlTextWriter *w;
	struct store *store;
	struct arena *arena;
};

static void open_element(struct writer *x, const char *name)
{
	xmlTextWriterStartElement(x->w, BAD_CAST name);
}

static void close_element(struct writer *x)
{
	xmlTextWriterEndElement(x->w);
}

static void element(struct writer *x, const char *name, struct str text)
{
	struct str z = arena_str(x->arena, text);
	xmlTextWriterWriteElement(x->w, BAD_CAST name, BAD_CAST z.p);
}

static void number(struct writer *x, const char *name, int64_t n)
{
	element(x, name, arena_fmt(x->arena, "%lld", (long long)n));
}

/* ---- PublicIdentity (E.2.1) ---- */

static void extension(struct writer *x, const struct member *m)
{
	open_element(x, "Extension");
	number(x, "IdentityType", m->kind);
	if (m->kind == PSI_WILDCARD)
		element(x, "WildcardedPSI", m->identity);
	if (m->display_name.p || m->kind == IMPU_WILDCARD) {
		open_element(x, "Extension");
		if (m->display_name.p)
			element(x, "DisplayName", m->display_name);
		if (m->kind == IMPU_WILDCARD) {
			open_element(x, "Extension");
			element(x, "WildcardedIMPU", m->identity);
			close_element(x);
		}
		close_element(x);
	}
	close_element(x);
}

static void public_identity(struct writer *x, const struct member *m)
{
	open_element(x, "PublicIdentity");
	if (m->barred)
		number(x, "BarringIndication", 1);
	element(x, "Identity", m->identity);
	if (m->kind != IMPU_DISTINCT || m->display_name.p)
		extension(x, m);
	close_element(x);
}

/* ---- InitialFilterCriteria (E.2.2, E.2.3) ---- */

static void named_content(struct writer *x, const char *outer, const char *name,
	struct str value, struct str content)
{
	open_element(x, outer);
	element(x, name, value);
	if (content.p)
		element(x, "Content", content);
	close_element(x);
}

static void on_trigger(int64_t group, bool negated, int kind, struct str value,
	struct str content, void *arg)
{
	struct writer *x = arg;
	open_element(x, "SPT");
	number(x, "ConditionNegated", negated);
	number(x, "Group", group);
	switch (kind) {
	case SPT_METHOD:
		element(x, "Method", value);
		break;
	case SPT_REQUEST_URI:
		element(x, "RequestURI", value);
		break;
	case SPT_HEADER:
		named_content(x, "SIPHeader", "Header", value, content);
		break;
	case SPT_SDP_LINE:
		named_content(x, "SessionDescription", "Line", value, content);
		break;
	default:
		element(x, "SessionCase", value);
	}
	close_element(x);
}

static void on_filter(int64_t filter, int64_t priority, int part, int cnf, struct str server,
	int default_handling, struct str service_info, void *arg)
{
	struct writer *x = arg;
	open_element(x, "InitialFilterCriteria");
	number(x, "Priority", priority);
	if (cnf >= 0) {
		open_element(x, "TriggerPoint");
		number(x, "ConditionTypeCNF", cnf);
		store_triggers(x->store, filter, on_trigger, x);
		close_element(x);
	}
	open_element(x, "ApplicationServer");
	element(x, "ServerName", server);
	number(x, "DefaultHandling", default_handling);
	if (service_info.p)
		element(x, "ServiceInfo", service_info);
	close_element(x);
	if (part >= 0)
		number(x, "ProfilePartIndicator", part);
	close_element(x);
}

/* ---- the document ---- */

static int service_profile(struct writer *x, const struct found *f, const struct member *m,
	int n, int64_t profile)
{
	open_element(x, "ServiceProfile");
	for (int i = 0; i < n; i++)
		if (m[i].profile == profile)
			public_identity(x, &m[i]);
	int err = store_filters(x->store, f, profile, on_filter, x);
	close_element(x);
	return err;
}

static bool seen_before(const struct member *m, int at)
{
	for (int i = 0; i < at; i++)
		if (m[i].profile == m[at].profile)
			return true;
	return false;
}

int user_data(struct store *s, const struct found *f, struct str private, struct arena *a,
	struct str *out)
{
	struct member m[MAX_MEMBERS];
	int n = store_set(s, f, a, m, MAX_MEMBERS), err = 0;
	if (n < 0)
		return n;
	xmlBuffer *b = xmlBufferCreate();
	struct writer x = {xmlNewTextWriterMemory(b, 0), s, a};
	xmlTextWriterStartDocument(x.w, NULL, "UTF-8", NULL);
	open_element(&x, "IMSSubscription");
	element(&x, "PrivateID", private);
	for (int i = 0; !err && i < n; i++)
		if (!seen_before(m, i))
			err = service_profile(&x, f, m, n, m[i].profile);
	xmlTextWriterEndDocument(x.w);
	xmlFreeTextWriter(x.w);
	*out = arena_str(a, (struct str){(const char *)xmlBufferContent(b),
				(size_t)xmlBufferLength(b)});
	xmlBufferFree(b);
	return err;
}
