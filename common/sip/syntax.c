/* Character classes and small scanners, RFC 3261 25.1.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/sip/syntax.h"

#include <arpa/inet.h>
#include <errno.h>

#define VISIBLE	   (SIP_C_VALUE | SIP_C_QTEXT)
#define UNRESERVED (VISIBLE | SIP_C_USER | SIP_C_PASS | SIP_C_PARAM | SIP_C_HNV)
#define ALPHA	   (UNRESERVED | SIP_C_TOKEN | SIP_C_ALNUM | SIP_C_SCHEME)

const uint16_t sip_chars[256] = {
	['A' ... 'Z'] = ALPHA,
	['a' ... 'z'] = ALPHA,
	['0' ... '9'] = ALPHA | SIP_C_DIGIT,
	['-'] = UNRESERVED | SIP_C_TOKEN | SIP_C_SCHEME,
	['.'] = UNRESERVED | SIP_C_TOKEN | SIP_C_SCHEME,
	['_'] = UNRESERVED | SIP_C_TOKEN,
	['!'] = UNRESERVED | SIP_C_TOKEN,
	['~'] = UNRESERVED | SIP_C_TOKEN,
	['*'] = UNRESERVED | SIP_C_TOKEN,
	['\''] = UNRESERVED | SIP_C_TOKEN,
	['('] = UNRESERVED,
	[')'] = UNRESERVED,
	['%'] = VISIBLE | SIP_C_TOKEN,
	['`'] = VISIBLE | SIP_C_TOKEN,
	['+'] = UNRESERVED | SIP_C_TOKEN | SIP_C_SCHEME,
	['$'] = UNRESERVED,
	['&'] = VISIBLE | SIP_C_USER | SIP_C_PASS | SIP_C_PARAM,
	['='] = VISIBLE | SIP_C_USER | SIP_C_PASS,
	['/'] = VISIBLE | SIP_C_USER | SIP_C_PARAM | SIP_C_HNV,
	['?'] = VISIBLE | SIP_C_USER | SIP_C_HNV,
	['['] = VISIBLE | SIP_C_PARAM | SIP_C_HNV,
	[']'] = VISIBLE | SIP_C_PARAM | SIP_C_HNV,
	[':'] = VISIBLE | SIP_C_PARAM | SIP_C_HNV,
	[','] = SIP_C_QTEXT | SIP_C_USER | SIP_C_PASS,
	[';'] = SIP_C_QTEXT | SIP_C_USER,
	['<'] = SIP_C_QTEXT,
	['>'] = SIP_C_QTEXT,
	['#'] = VISIBLE,
	['@'] = VISIBLE,
	['^'] = VISIBLE,
	['{'] = VISIBLE,
	['|'] = VISIBLE,
	['}'] = VISIBLE,
	['\\'] = SIP_C_VALUE,
	[0 ... '\t'] = SIP_C_QTEXT,
	['\v' ... '\f'] = SIP_C_QTEXT,
	[0x0e ... ' '] = SIP_C_QTEXT,
	[0x7f] = SIP_C_QTEXT,
	[0x80 ... 0xff] = VISIBLE,
};

bool sip_all(struct str s, unsigned classes)
{
	for (size_t i = 0; i < s.n; i++)
		if (!sip_is(s.p[i], classes))
			return false;
	return true;
}

static bool hex(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

bool sip_all_escaped(struct str s, unsigned classes)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '%') {
			if (s.n - i < 3 || !hex(s.p[i + 1]) || !hex(s.p[i + 2]))
				return false;
			i += 2;
		} else if (!sip_is(s.p[i], classes)) {
			return false;
		}
	}
	return true;
}

struct str sip_skip_lws(struct str s)
{
	size_t i = 0;
	while (i < s.n && sip_is_lws(s.p[i]))
		i++;
	return str_skip(s, i);
}

bool sip_take_quoted(struct str *s, struct str *inside)
{
	if (!s->n || s->p[0] != '"')
		return false;
	for (size_t i = 1; i < s->n; i++) {
		char c = s->p[i];
		if (sip_is(c, SIP_C_QTEXT))
			continue;
		if (c == '"') {
			*inside = (struct str){s->p + 1, i - 1};
			*s = str_skip(*s, i + 1);
			return true;
		}
		/* no pair holds a line break */
		if (c != '\\' || ++i == s->n || s->p[i] == '\r' || s->p[i] == '\n')
			return false;
	}
	return false;
}

struct str sip_cut(struct str *rest, char sep)
{
	struct str head = *rest;
	char close = 0; /* what ends the part in which a separator does not count */
	for (size_t i = 0; i < head.n; i++) {
		char c = head.p[i];
		if (sip_is(c, SIP_C_ALNUM))
			continue;
		if (close) {
			if (c == close)
				close = 0;
			else if (c == '\\' && close == '"')
				i++;
		} else if (c == sep) {
			*rest = str_skip(head, i + 1);
			head.n = i;
			return head;
		} else if (c == '"') {
			close = '"';
		} else if (c == '<') {
			close = '>';
		}
	}
	*rest = STR_NONE;
	return head;
}

/* 1: a parameter (*value p NULL without "="), 0: the end, -EINVAL: broken. */
static int next_param(struct str *rest, struct str *name, struct str *value)
{
	if (!rest->p)
		return 0;
	struct str s = sip_skip_lws(*rest);
	size_t n = 0;
	while (n < s.n && sip_is(s.p[n], SIP_C_TOKEN))
		n++;
	if (!n)
		return -EINVAL;
	*name = (struct str){s.p, n};
	*value = STR_NONE;
	s = sip_skip_lws(str_skip(s, n));
	if (s.n && s.p[0] == '=') {
		s = sip_skip_lws(str_skip(s, 1));
		if (s.n && s.p[0] == '"') {
			if (!sip_take_quoted(&s, value))
				return -EINVAL;
		} else {
			n = 0;
			while (n < s.n && sip_is(s.p[n], SIP_C_VALUE))
				n++;
			if (!n)
				return -EINVAL;
			*value = (struct str){s.p, n};
			s = str_skip(s, n);
		}
		s = sip_skip_lws(s);
	}
	if (!s.n)
		*rest = STR_NONE;
	else if (s.p[0] == ';')
		*rest = str_skip(s, 1);
	else
		return -EINVAL;
	return 1;
}

bool sip_params_valid(struct str params)
{
	struct str name, value;
	int got;
	while ((got = next_param(&params, &name, &value)) > 0)
		continue;
	return got == 0;
}

static bool ipv4(struct str s)
{
	unsigned octets = 0, digits = 0, value = 0;
	for (size_t i = 0; i <= s.n; i++) {
		if (i == s.n || s.p[i] == '.') {
			if (!digits || digits > 3 || value > 255)
				return false;
			octets++;
			digits = value = 0;
		} else if (sip_is(s.p[i], SIP_C_DIGIT)) {
			value = value * 10 + (unsigned)(s.p[i] - '0');
			digits++;
		} else {
			return false;
		}
		if (digits > 3)
			return false;
	}
	return octets == 4;
}

static bool ipv6(struct str s)
{
	char z[INET6_ADDRSTRLEN];
	struct in6_addr in;
	return s.n < sizeof z && !memchr(s.p, 0, s.n) && str_copy(s, z, sizeof z) &&
	       inet_pton(AF_INET6, z, &in) == 1;
}

/* Labels of letters, digits and inner hyphens; the last begins with a letter, or else the
 * whole is an IPv4 address. */
static bool host_name(struct str s)
{
	size_t label = 0; /* where the present or last label begins */
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '.') {
			if (i == label || s.p[i - 1] == '-')
				return false;
			if (i + 1 < s.n)
				label = i + 1;
		} else if (!sip_is(s.p[i], SIP_C_ALNUM) &&
			   (s.p[i] != '-' || i == label)) {
			return false;
		}
	}
	if (!s.n || s.p[s.n - 1] == '-')
		return false;
	return !sip_is(s.p[label], SIP_C_DIGIT) || ipv4(s);
}

bool sip_host_port(struct str s, struct str *host, uint16_t *port)
{
	size_t n;
	*port = 0;
	if (s.n && s.p[0] == '[') {
		ptrdiff_t close = str_chr(s, ']');
		if (close < 0 || !ipv6((struct str){s.p + 1, (size_t)close - 1}))
			return false;
		n = (size_t)close + 1;
	} else {
		ptrdiff_t colon = str_chr(s, ':');
		n = colon < 0 ? s.n : (size_t)colon;
		while (n && sip_is_lws(s.p[n - 1]))
			n--;
		if (!host_name((struct str){s.p, n}))
			return false;
	}
	*host = (struct str){s.p, n};
	s = sip_skip_lws(str_skip(s, n));
	if (!s.n)
		return true;
	if (s.p[0] != ':')
		return false;
	uint32_t number;
	if (str_u32(sip_skip_lws(str_skip(s, 1)), &number) || !number || number > 65535)
		return false;
	*port = (uint16_t)number;
	return true;
}
