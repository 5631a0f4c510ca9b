/* New messages, RFC 3261 8.1.1 and 8.2.6.
 * SPDX-License-Identifier: Apache-2.0 */

#include "common/sip/field.h"
#include "common/sip/msg.h"
#include "common/sip/syntax.h"
#include "common/sip/value.h"

void sip_value_clean(char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] != '\r' && p[i] != '\n' && p[i] != 0)
			continue;
		if (n - i > 2 && p[i] == '\r' && p[i + 1] == '\n' &&
			(p[i + 2] == ' ' || p[i + 2] == '\t'))
			i += 2;
		else
			p[i] = ' ';
	}
}

struct str sip_value_safe(struct arena *a, struct str value)
{
	value = str_trim(value);
	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] == '\r' || value.p[i] == '\n' || value.p[i] == 0) {
			value = arena_str(a, value);
			sip_value_clean((char *)(uintptr_t)value.p, value.n);
			return str_trim(value);
		}
	return value;
}

void sip_put_request(struct buf *b, struct str method, struct str uri)
{
	buf_reserve(b, method.n + uri.n + 512);
	buf_add(b, method);
	buf_byte(b, ' ');
	buf_add(b, uri);
	buf_add(b, STR(" SIP/2.0\r\n"));
}

void sip_put_field(struct buf *b, enum sip_header id, struct str value)
{
	value = str_trim(value);
	buf_add(b, sip_header_name(id));
	buf_add(b, STR(": "));
	size_t at = b->n;
	buf_add(b, value);
	sip_value_clean(b->p + at, value.n);
	buf_add(b, STR("\r\n"));
}

void sip_put_fmt(struct buf *b, const char *name, const char *fmt, ...)
{
	va_list ap;
	buf_add(b, str_of(name));
	buf_add(b, STR(": "));
	size_t at = b->n;
	va_start(ap, fmt);
	buf_vfmt(b, fmt, ap);
	va_end(ap);
	sip_value_clean(b->p + at, b->n - at);
	buf_add(b, STR("\r\n"));
}

void sip_put_end(struct buf *b, struct str type, struct str body)
{
	if (type.n)
		sip_put_field(b, SIP_H_CONTENT_TYPE, type);
	buf_fmt(b, "Content-Length: %zu\r\n\r\n", body.n);
	buf_add(b, body);
}

/* The field as it came. */
static void put_copy(struct buf *b, const struct sip_msg *m, const struct sip_field *f)
{
	buf_put(b, m->bytes.p + f->at, (size_t)f->end - f->at);
}

static void put_to(struct buf *b, const struct sip_msg *req, const char *tag)
{
	const struct sip_field *f = sip_first(req, SIP_H_TO);
	if (!f)
		return;
	if (!tag || sip_tag(req, SIP_H_TO).p) {
		put_copy(b, req, f);
		return;
	}
	buf_put(b, req->bytes.p + f->at, (size_t)(f->value_at + f->value_n) - f->at);
	buf_fmt(b, ";tag=%s\r\n", tag);
}

void sip_put_response(struct buf *b, const struct sip_msg *req, int status,
	const char *reason, const char *to_tag)
{
	const struct sip_field *f;
	buf_reserve(b, 512);
	buf_fmt(b, "SIP/2.0 %d ", status);
	size_t at = b->n;
	buf_add(b, str_of(reason ? reason : sip_reason(status)));
	sip_value_clean(b->p + at, b->n - at);
	buf_add(b, STR("\r\n"));
	for (f = sip_first(req, SIP_H_VIA); f; f = sip_next(req, f))
		put_copy(b, req, f);
	if ((f = sip_first(req, SIP_H_FROM)))
		put_copy(b, req, f);
	put_to(b, req, to_tag);
	if ((f = sip_first(req, SIP_H_CALL_ID)))
		put_copy(b, req, f);
	if ((f = sip_first(req, SIP_H_CSEQ)))
		put_copy(b, req, f);
	if (status == 100 && (f = sip_first(req, SIP_H_TIMESTAMP)))
		put_copy(b, req, f);
}
