/* Whole messages in a byte stream, RFC 3261 18.3.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "common/sip/msg.h"
#include "common/sip/syntax.h"

/* Where the line at p ends, folds included: behind its CRLF. The head ends with CRLF. */
static const char *next_line(const char *p, const char *end)
{
	while ((p = memchr(p, '\r', (size_t)(end - p)))) {
		p++;
		if (*p == '\n' && (p + 1 == end || (p[1] != ' ' && p[1] != '\t')))
			return p + 1;
	}
	return end;
}

/* The value of a Content-Length field, or false. */
static bool length_field(struct str line, struct str *value)
{
	if (line.p[0] != 'C' && line.p[0] != 'c' && line.p[0] != 'L' && line.p[0] != 'l')
		return false;
	ptrdiff_t colon = str_chr(line, ':');
	if (colon < 0)
		return false;
	*value = str_trim(str_skip(line, (size_t)colon + 1));
	struct str name = {line.p, (size_t)colon};
	while (name.n && (name.p[name.n - 1] == ' ' || name.p[name.n - 1] == '\t'))
		name.n--;
	return sip_header_id(name) == SIP_H_CONTENT_LENGTH;
}

/* Fields that differ would let two elements see two messages; equal ones are the parser's
 * to refuse, with an answer. */
static int content_length(struct str head, uint64_t *length)
{
	const char *end = head.p + head.n, *p = next_line(head.p, end);
	bool found = false;
	while (p < end) {
		const char *line = p;
		struct str value;
		uint64_t n;
		p = next_line(p, end);
		if (!length_field(str_span(line, p), &value))
			continue;
		if (str_u64(value, &n) || (found && n != *length))
			return -EBADMSG;
		found = true;
		*length = n;
	}
	return found ? 0 : -EBADMSG;
}

ptrdiff_t sip_msg_frame(struct str bytes, size_t *crlf)
{
	uint64_t length = 0;
	*crlf = 0;
	while (str_starts(bytes, STR("\r\n"))) {
		bytes = str_skip(bytes, 2);
		++*crlf;
	}
	if (!bytes.n || (bytes.n == 1 && bytes.p[0] == '\r'))
		return 0;
	if (!sip_is(bytes.p[0], SIP_C_TOKEN))
		return -EBADMSG;
	struct str head = {bytes.p, bytes.n < SIP_MAX_HEAD ? bytes.n : SIP_MAX_HEAD};
	ptrdiff_t empty = str_find(head, STR("\r\n\r\n"));
	if (empty < 0)
		return bytes.n < SIP_MAX_HEAD ? 0 : -EBADMSG;
	head.n = (size_t)empty + 4;
	if (content_length(head, &length) || length > SIP_MAX_MESSAGE - head.n)
		return -EBADMSG;
	return head.n + length <= bytes.n ? (ptrdiff_t)(head.n + length) : 0;
}
