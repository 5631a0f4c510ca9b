/* A received message: its index of header fields, and the checks that every element needs
 * (RFC 3261 7, 8.1.1, 16.3, 18.3, 20).
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/sip/msg.h"

#include <errno.h>

#include "common/sip/field.h"
#include "common/sip/scan.h"
#include "common/sip/syntax.h"

/* Parsing in progress. A fault does not end it: the fields behind it are still indexed, so
 * that a response can be made; the first fault is the one that is told. */
struct scan {
	struct sip_msg *m;
	const char *base, *at, *end; /* end: of the bytes that may be head */
	bool cut;		     /* the message goes on behind end */
	bool complete;		     /* the empty line was found */
	struct sip_fault fault;
	unsigned n;
	struct sip_field fields[SIP_MAX_FIELDS];
};

static const char *const missing[SIP_H_COUNT] = {
#define X(id, name, compact, flags) [SIP_H_##id] = "Missing " name,
#include "common/sip/header.def"
#undef X
};

static const char *const repeated[SIP_H_COUNT] = {
#define X(id, name, compact, flags) [SIP_H_##id] = "More than One " name,
#include "common/sip/header.def"
#undef X
};

static void fault(struct scan *s, int status, const char *why)
{
	if (!s->fault.why)
		s->fault = (struct sip_fault){status, why};
}

/* "SIP/2.0" in any case; *other: another version of SIP. */
static bool version(struct str v, bool *other)
{
	*other = false;
	if (str_ieq(v, STR("SIP/2.0")))
		return true;
	if (!str_istarts(v, STR("SIP/")))
		return false;
	struct str minor = str_skip(v, 4), major = str_cut(&minor, '.');
	*other = major.n && minor.n && sip_all(major, SIP_C_DIGIT) &&
		 sip_all(minor, SIP_C_DIGIT);
	return false;
}

static bool status_line(struct scan *s, struct str line)
{
	struct sip_msg *m = s->m;
	struct str rest = line;
	bool other;
	if (!version(str_cut(&rest, ' '), &other) || rest.n < 3 ||
		!sip_all((struct str){rest.p, 3}, SIP_C_DIGIT) ||
		(rest.n > 3 && rest.p[3] != ' '))
		return false;
	m->status = (rest.p[0] - '0') * 100 + (rest.p[1] - '0') * 10 + (rest.p[2] - '0');
	m->reason = str_skip(rest, 4);
	if (m->status < 100 || m->status > 699)
		fault(s, 0, "Bad Status Code");
	return true;
}

static void request_uri(struct scan *s)
{
	struct sip_uri u;
	if (sip_uri_parse(&u, s->m->uri))
		fault(s, 400, "Malformed Request-URI");
	else if (u.headers.p)
		fault(s, 400, "Header Fields in Request-URI");
}

static bool request_line(struct scan *s, struct str line)
{
	struct sip_msg *m = s->m;
	bool other;
	struct str text = line;
	while (text.n && text.p[text.n - 1] == ' ')
		text.n--;
	ptrdiff_t first = str_chr(text, ' ');
	const char *last = first < 0 ? NULL : memrchr(text.p, ' ', text.n);
	if (!last || last == text.p + first)
		return false;
	m->request = true;
	m->method_text = (struct str){text.p, (size_t)first};
	m->method = sip_method_id(m->method_text);
	m->uri = str_span(text.p + first + 1, last);
	if (!version(str_span(last + 1, text.p + text.n), &other)) {
		if (!other)
			return false;
		fault(s, 505, "Version Not Supported");
	}
	if (!m->method_text.n || !sip_all(m->method_text, SIP_C_TOKEN))
		fault(s, 400, "Malformed Method");
	if (text.n < line.n)
		fault(s, 400, "White Space at End of Request-Line");
	request_uri(s);
	return true;
}

/* False when this is no SIP message at all. */
static bool start_line(struct scan *s)
{
	const char *eol = sip_find_control(s->at, s->end);
	if (s->end - eol < 2 || eol[0] != '\r' || eol[1] != '\n')
		return false;
	struct str line = str_span(s->at, eol);
	s->at = eol + 2;
	if (str_istarts(line, STR("SIP/")))
		return status_line(s, line);
	return request_line(s, line);
}

/* Where a line's quotes stand. There alone, as quoted-pair, the grammar has control
 * characters (RFC 4475 3.1.1.2). */
struct quotes {
	const char *at;
	bool open;
};

/* Is the byte at p the second of a quoted-pair? Asked with rising p. */
static bool quoted_pair(struct quotes *q, const char *p)
{
	while (q->at < p) {
		char c = *q->at++;
		if (c == '"')
			q->open = !q->open;
		else if (c == '\\' && q->open && q->at++ == p)
			return true;
	}
	return false;
}

/* The CR that ends the line, folds included; NULL at the end of the bytes. A line with a
 * fault in it gets *broken. */
static const char *line_end(struct scan *s, const char *line, bool *broken)
{
	struct quotes quotes = {.at = line};
	const char *p = line;
	for (;;) {
		p = sip_find_control(p, s->end);
		if (s->end - p < 2)
			return NULL;
		if (p[0] == '\r' && p[1] == '\n') {
			if (s->end - p < 3 || (p[2] != ' ' && p[2] != '\t'))
				return p;
			p += 3;
		} else if (p[0] == '\r' || p[0] == '\n') {
			fault(s, 400, "Bare CR or LF");
			*broken = true;
			p++;
		} else {
			if (!quoted_pair(&quotes, p)) {
				fault(s, 400, "Control Character");
				*broken = true;
			}
			p++;
		}
	}
}

static void field_add(struct scan *s, const char *name, size_t name_n, struct str value,
	const char *end)
{
	struct sip_msg *m = s->m;
	enum sip_header id = sip_header_id((struct str){name, name_n});
	if (m->first[id]) {
		if (sip_header_flags(id) & SIP_HF_SINGLE)
			fault(s, 400, repeated[id]);
	} else {
		m->first[id] = (uint8_t)(s->n + 1);
	}
	s->fields[s->n++] = (struct sip_field){
		.id = (uint16_t)id,
		.name_n = (uint16_t)name_n,
		.at = (uint16_t)(name - s->base),
		.value_at = (uint16_t)(value.p - s->base),
		.value_n = (uint16_t)value.n,
		.end = (uint16_t)(end - s->base),
	};
}

/* One header field; false at the end of the bytes. */
static bool field(struct scan *s)
{
	const char *name = s->at, *p = name;
	bool broken = false;
	while (p < s->end && sip_is(*p, SIP_C_TOKEN))
		p++;
	size_t name_n = (size_t)(p - name);
	while (p < s->end && (*p == ' ' || *p == '\t'))
		p++;
	if (p < s->end && *p == ':' && name_n) {
		p++;
	} else if (p < s->end) {
		fault(s, 400, "Malformed Header Field");
		broken = true;
	}
	const char *eol = line_end(s, p, &broken);
	if (!eol)
		return false;
	s->at = eol + 2;
	if (!broken)
		field_add(s, name, name_n, str_trim(str_span(p, eol)), s->at);
	return true;
}

static void head(struct scan *s)
{
	while (s->end - s->at >= 2) {
		if (s->at[0] == '\r' && s->at[1] == '\n') {
			s->at += 2;
			s->complete = true;
			return;
		}
		if (s->n == SIP_MAX_FIELDS) {
			fault(s, 513, "Too Many Header Fields");
			return;
		}
		if (!field(s))
			break;
	}
	if (s->cut)
		fault(s, 513, "Header Too Large");
	else
		fault(s, 400, "Header Not Complete");
}

static void mandatory(struct scan *s)
{
	static const enum sip_header ids[] = {
		SIP_H_VIA, SIP_H_FROM, SIP_H_TO, SIP_H_CALL_ID, SIP_H_CSEQ};
	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
		if (!s->m->first[ids[i]])
			fault(s, 400, missing[ids[i]]);
}

static void cseq(struct scan *s)
{
	struct sip_msg *m = s->m;
	struct str method;
	if (!m->first[SIP_H_CSEQ])
		return;
	if (sip_cseq_parse(sip_value(m, SIP_H_CSEQ), &m->cseq, &method)) {
		fault(s, 400, "Malformed CSeq");
	} else if (!m->request) {
		m->method_text = method;
		m->method = sip_method_id(method);
	} else if (!str_eq(method, m->method_text)) {
		/* RFC 4475 3.1.2.18: 501 tells a newer sender more. */
		fault(s, m->method == SIP_M_OTHER ? 501 : 400,
			"CSeq Method Does Not Match");
	}
}

/* The body, and with it where the message ends. */
static void body(struct scan *s, bool exact)
{
	struct sip_msg *m = s->m;
	size_t have = m->bytes.n - m->head_n, n = have;
	struct str value = sip_value(m, SIP_H_CONTENT_LENGTH);
	uint64_t length;
	if (value.p) {
		if (str_u64(value, &length))
			fault(s, 400, "Malformed Content-Length");
		else if (length > have)
			fault(s, 400, "Content-Length Larger than Message");
		else if (length < have && exact)
			fault(s, 400, "Content-Length Smaller than Message");
		else
			n = (size_t)length;
	}
	m->bytes.n = m->head_n + n;
	m->body = (struct str){m->bytes.p + m->head_n, n};
}

/* One scheme and realm twice: two elements could judge by different ones. Broken ones
 * beside another are as bad. */
static void credentials(struct scan *s, enum sip_header id)
{
	struct {
		struct str scheme, realm;
	} seen[SIP_MAX_FIELDS];
	const struct sip_msg *m = s->m;
	const struct sip_field *f = sip_first(m, id);
	size_t n = 0;
	if (!f || !sip_next(m, f))
		return;
	for (; f; f = sip_next(m, f), n++) {
		struct sip_auth a;
		bool broken = sip_auth_parse(&a, sip_field_value(m, f)) != 0;
		seen[n].scheme = a.scheme;
		if (!broken)
			sip_auth_param(&a, STR("realm"), &seen[n].realm);
		for (size_t i = 0; i < n && !broken; i++)
			broken = str_ieq(seen[i].scheme, a.scheme) &&
				 str_eq(seen[i].realm, seen[n].realm);
		if (broken) {
			fault(s, 400, repeated[id]);
			return;
		}
	}
}

static void index_message(struct scan *s, struct arena *a, bool exact)
{
	struct sip_msg *m = s->m;
	head(s);
	m->n_fields = (uint16_t)s->n;
	m->head_n = (uint32_t)(s->at - s->base);
	m->fields = arena_alloc(a, s->n * sizeof *s->fields);
	memcpy(m->fields, s->fields, s->n * sizeof *s->fields);
	mandatory(s);
	cseq(s);
	credentials(s, SIP_H_AUTHORIZATION);
	credentials(s, SIP_H_PROXY_AUTHORIZATION);
	if (s->complete)
		body(s, exact);
	if (m->bytes.n > SIP_MAX_MESSAGE)
		fault(s, 513, "Message Too Large");
}

static int parse(struct sip_msg *m, struct str bytes, struct arena *a, bool exact,
	struct sip_fault *out)
{
	struct scan s;
	if (!bytes.p)
		bytes = STR("");
	bool cut = bytes.n > SIP_MAX_HEAD;
	s.m = m;
	s.base = s.at = bytes.p;
	s.end = bytes.p + (cut ? SIP_MAX_HEAD : bytes.n);
	s.cut = cut;
	s.complete = false;
	s.fault = (struct sip_fault){0};
	s.n = 0;
	memset(m, 0, sizeof *m);
	m->bytes = bytes;
	if (start_line(&s))
		index_message(&s, a, exact);
	else
		fault(&s, 0, "Not a SIP Message");
	if (!s.fault.why)
		return 0;
	if (!m->request || m->method == SIP_M_ACK || !m->first[SIP_H_VIA])
		s.fault.status = 0;
	*out = s.fault;
	return -EBADMSG;
}

int sip_msg_parse(
	struct sip_msg *m, struct str bytes, struct arena *a, struct sip_fault *fault)
{
	return parse(m, bytes, a, false, fault);
}

int sip_msg_parse_exact(
	struct sip_msg *m, struct str bytes, struct arena *a, struct sip_fault *fault)
{
	return parse(m, bytes, a, true, fault);
}

/* ---- looking up ---- */

const struct sip_field *sip_first(const struct sip_msg *m, enum sip_header id)
{
	unsigned at = (unsigned)id < SIP_H_COUNT ? m->first[id] : 0;
	return at ? &m->fields[at - 1] : NULL;
}

const struct sip_field *sip_next(const struct sip_msg *m, const struct sip_field *f)
{
	const struct sip_field *end = m->fields + m->n_fields;
	if (!f)
		return NULL;
	for (const struct sip_field *g = f + 1; g < end; g++)
		if (g->id == f->id)
			return g;
	return NULL;
}

struct str sip_field_value(const struct sip_msg *m, const struct sip_field *f)
{
	return (struct str){m->bytes.p + f->value_at, f->value_n};
}

struct str sip_field_name(const struct sip_msg *m, const struct sip_field *f)
{
	return (struct str){m->bytes.p + f->at, f->name_n};
}

struct str sip_value(const struct sip_msg *m, enum sip_header id)
{
	const struct sip_field *f = sip_first(m, id);
	return f ? sip_field_value(m, f) : STR_NONE;
}

bool sip_list_next(const struct sip_msg *m, enum sip_header id, struct sip_iter *it,
	struct str *element)
{
	while (!it->rest.p) {
		it->f = it->begun ? sip_next(m, it->f) : sip_first(m, id);
		it->begun = true;
		if (!it->f)
			return false;
		it->rest = sip_field_value(m, it->f);
		if (!it->rest.n)
			it->rest = STR_NONE;
	}
	if (sip_header_flags(id) & SIP_HF_COMMA) {
		*element = str_trim(sip_cut(&it->rest, ','));
	} else {
		*element = it->rest;
		it->rest = STR_NONE;
	}
	return true;
}

size_t sip_list_count(const struct sip_msg *m, enum sip_header id)
{
	struct sip_iter it = {0};
	struct str element;
	size_t n = 0;
	while (sip_list_next(m, id, &it, &element))
		n++;
	return n;
}
