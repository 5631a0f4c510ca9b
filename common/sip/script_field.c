/* Fields by the names that scenario scripts use.
 * SPDX-License-Identifier: Apache-2.0 */

#include "common/sip/field.h"
#include "common/sip/syntax.h"

/* "Via[2].branch" in its parts; `index` from 1, 0 when there is none. */
struct path {
	struct str name, part;
	uint32_t index;
};

static bool path_parse(struct path *path, struct str text)
{
	path->part = text;
	path->name = str_cut(&path->part, '.');
	path->index = 0;
	ptrdiff_t open = str_chr(path->name, '[');
	if (open < 0)
		return true;
	struct str index = str_skip(path->name, (size_t)open + 1);
	path->name.n = (size_t)open;
	if (!index.n || index.p[index.n - 1] != ']')
		return false;
	index.n--;
	return !str_u32(index, &path->index) && path->index;
}

static struct str port_text(const struct sip_uri *u)
{
	if (!u->port)
		return STR_NONE;
	const char *end = u->host.p + u->host.n;
	struct str rest = str_skip(str_span(end, u->text.p + u->text.n), 1);
	return str_cut(&rest, rest.n && memchr(rest.p, ';', rest.n) ? ';' : '?');
}

/* "user", "host", ... of a URI, or one of its parameters. */
static struct str uri_part(const struct sip_uri *u, struct str part)
{
	struct str value;
	if (!part.p)
		return u->text;
	if (str_ieq(part, STR("scheme")))
		return u->scheme;
	if (str_ieq(part, STR("user")))
		return u->user;
	if (str_ieq(part, STR("host")))
		return u->host;
	if (str_ieq(part, STR("port")))
		return port_text(u);
	if (!sip_param(u->params, part, &value))
		return STR_NONE;
	return value.p ? value : STR("");
}

static struct str auth_part(struct str element, struct str part)
{
	struct sip_auth a;
	struct str value;
	if (sip_auth_parse(&a, element))
		return STR_NONE;
	if (str_ieq(part, STR("scheme")))
		return a.scheme;
	sip_auth_param(&a, part, &value);
	return value;
}

/* A parameter of a field value, wherever it stands: "a=b" and "x;a=b" alike. */
static struct str value_part(struct str element, struct str part)
{
	struct sip_name_addr a;
	struct str value, sub = part;
	struct str head = str_cut(&sub, '.');
	if (str_ieq(head, STR("uri")) || str_ieq(head, STR("display"))) {
		if (sip_name_addr_parse(&a, element) || a.star)
			return STR_NONE;
		return str_ieq(head, STR("uri")) ? uri_part(&a.uri, sub) : a.display;
	}
	if (!sip_param(element, part, &value))
		return STR_NONE;
	return value.p ? value : STR("");
}

static struct str element_part(enum sip_header id, struct str element, struct str part)
{
	if (!part.p)
		return element;
	switch (id) {
	case SIP_H_AUTHORIZATION:
	case SIP_H_PROXY_AUTHORIZATION:
	case SIP_H_WWW_AUTHENTICATE:
	case SIP_H_PROXY_AUTHENTICATE:
	case SIP_H_AUTHENTICATION_INFO:
		return auth_part(element, part);
	default:
		return value_part(element, part);
	}
}

/* Without an index the first element that has the part. */
static struct str known_field(
	const struct sip_msg *m, enum sip_header id, const struct path *path)
{
	struct sip_iter it = {0};
	struct str element;
	uint32_t n = 0;
	if (!path->index && !path->part.p)
		return sip_value(m, id);
	while (sip_list_next(m, id, &it, &element)) {
		n++;
		if (path->index && n != path->index)
			continue;
		struct str value = element_part(id, element, path->part);
		if (value.p || path->index)
			return value;
	}
	return STR_NONE;
}

static struct str other_field(const struct sip_msg *m, const struct path *path)
{
	uint32_t n = 0;
	for (const struct sip_field *f = sip_first(m, SIP_H_OTHER); f;
		f = sip_next(m, f)) {
		if (!str_ieq(sip_field_name(m, f), path->name))
			continue;
		n++;
		if (path->index && n != path->index)
			continue;
		struct str value =
			element_part(SIP_H_OTHER, sip_field_value(m, f), path->part);
		if (value.p || path->index)
			return value;
	}
	return STR_NONE;
}

static struct str status_text(const struct sip_msg *m)
{
	return !m->status ? STR_NONE : (struct str){m->bytes.p + strlen("SIP/2.0 "), 3};
}

static struct str request_uri(const struct sip_msg *m, struct str part)
{
	struct sip_uri u;
	if (!m->request || !part.p)
		return m->uri;
	return sip_uri_parse(&u, m->uri) ? STR_NONE : uri_part(&u, part);
}

struct str sip_script_field(const struct sip_msg *m, struct str name)
{
	struct path path;
	if (!path_parse(&path, name))
		return STR_NONE;
	if (str_ieq(path.name, STR("Request-URI")))
		return request_uri(m, path.part);
	if (str_ieq(path.name, STR("Status")))
		return status_text(m);
	if (str_ieq(path.name, STR("Reason-Phrase")))
		return m->reason;
	if (str_ieq(path.name, STR("Method")))
		return m->method_text;
	if (str_ieq(path.name, STR("body")))
		return m->body.n ? m->body : STR_NONE;
	enum sip_header id = sip_header_id(path.name);
	return id == SIP_H_OTHER ? other_field(m, &path) : known_field(m, id, &path);
}

bool sip_script_name(struct str name)
{
	static const char *const parts[] = {
		"Request-URI", "Status", "Reason-Phrase", "Method", "body"};
	struct path path;

	if (!path_parse(&path, name))
		return false;
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (str_ieq(path.name, str_of(parts[i])))
			return true;
	return sip_header_id(path.name) != SIP_H_OTHER ||
		(path.name.n > 2 && str_ieq((struct str){path.name.p, 2}, STR("X-")));
}
