/* Credentials and challenges: RFC 3261 20.6, 20.7, 20.27, 20.44 and 25.1, RFC 8898.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stddef.h>

#include "common/sip/field.h"
#include "common/sip/syntax.h"

static size_t token_length(struct str s)
{
	size_t n = 0;
	while (n < s.n && sip_is(s.p[n], SIP_C_TOKEN))
		n++;
	return n;
}

int sip_auth_parse(struct sip_auth *a, struct str value)
{
	struct str s = str_trim(value);
	size_t n = token_length(s);
	struct str behind = str_skip(s, n), rest = sip_skip_lws(behind);
	*a = (struct sip_auth){0};
	if (!n || !rest.n)
		return -EINVAL;
	if (rest.p[0] == '=') { /* "qop=auth, ...": Authentication-Info has no scheme */
		a->params = s;
		return 0;
	}
	if (rest.n == behind.n)
		return -EINVAL;
	a->scheme = (struct str){s.p, n};
	a->params = rest;
	return 0;
}

int sip_auth_next(struct str *rest, struct str *name, struct str *value, bool *quoted)
{
	if (!rest->p)
		return 0;
	struct str s = sip_skip_lws(*rest);
	size_t n = token_length(s);
	*name = (struct str){s.p, n};
	s = sip_skip_lws(str_skip(s, n));
	if (!n || !s.n || s.p[0] != '=')
		return -EINVAL;
	s = sip_skip_lws(str_skip(s, 1));
	*quoted = s.n && s.p[0] == '"';
	if (*quoted) {
		if (!sip_take_quoted(&s, value))
			return -EINVAL;
	} else {
		n = 0;
		while (n < s.n && (sip_is(s.p[n], SIP_C_VALUE) || s.p[n] == ';'))
			n++;
		*value = (struct str){s.p, n};
		s = str_skip(s, n);
		if (!n)
			return -EINVAL;
	}
	s = sip_skip_lws(s);
	if (!s.n)
		*rest = STR_NONE;
	else if (s.p[0] == ',')
		*rest = str_skip(s, 1);
	else
		return -EINVAL;
	return 1;
}

bool sip_auth_param(const struct sip_auth *a, struct str name, struct str *value)
{
	struct str rest = a->params, n;
	bool quoted;
	while (sip_auth_next(&rest, &n, value, &quoted) > 0)
		if (str_ieq(n, name))
			return true;
	*value = STR_NONE;
	return false;
}

/* RFC 9110 11.2: letters, digits and six signs, then padding; no white space. */
static bool is_token68(struct str s)
{
	size_t n = 0;
	while (n < s.n && (sip_is(s.p[n], SIP_C_ALNUM) || (s.p[n] && strchr("-._~+/", s.p[n]))))
		n++;
	if (!n)
		return false;
	while (n < s.n && s.p[n] == '=')
		n++;
	return n == s.n;
}

/* access_token="..." among other parameters, once. */
static int access_token(struct sip_auth *a, struct str *token)
{
	struct str name, value;
	bool quoted;
	int got;
	while ((got = sip_auth_next(&a->params, &name, &value, &quoted)) > 0) {
		if (!str_ieq(name, STR("access_token")))
			continue;
		if (token->p)
			return -EINVAL;
		*token = value;
	}
	return got;
}

int sip_bearer_parse(struct str value, struct str *token)
{
	struct sip_auth a;
	*token = STR_NONE;
	if (sip_auth_parse(&a, value) || !str_ieq(a.scheme, STR("Bearer")))
		return -EINVAL;
	if (is_token68(a.params))
		*token = a.params;
	else if (access_token(&a, token) || !is_token68(*token)) {
		*token = STR_NONE;
		return -EINVAL;
	}
	return 0;
}

static const struct {
	struct str name;
	size_t at;
} digest_rows[] = {
#define ROW(text, field) {STR(text), offsetof(struct sip_digest, field)}
	ROW("username", username),
	ROW("realm", realm),
	ROW("nonce", nonce),
	ROW("uri", uri),
	ROW("response", response),
	ROW("algorithm", algorithm),
	ROW("cnonce", cnonce),
	ROW("opaque", opaque),
	ROW("qop", qop),
	ROW("nc", nc),
	ROW("auts", auts),
	ROW("stale", stale),
	ROW("rspauth", rspauth),
	ROW("nextnonce", nextnonce),
	ROW("domain", domain),
	ROW("integrity-protected", integrity_protected),
#undef ROW
};

static struct str *digest_field(struct sip_digest *d, struct str name)
{
	for (size_t i = 0; i < sizeof digest_rows / sizeof *digest_rows; i++)
		if (digest_rows[i].name.n == name.n && str_ieq(digest_rows[i].name, name))
			return (struct str *)(void *)((char *)d + digest_rows[i].at);
	return NULL;
}

int sip_digest_parse(struct sip_digest *d, struct str value)
{
	enum { MAX_UNKNOWN = 16 };
	struct sip_auth a;
	struct str name, text, unknown[MAX_UNKNOWN];
	size_t n_unknown = 0;
	bool quoted;
	int got;
	*d = (struct sip_digest){0};
	if (sip_auth_parse(&a, value) ||
		(a.scheme.p && !str_ieq(a.scheme, STR("Digest"))))
		return -EINVAL;
	while ((got = sip_auth_next(&a.params, &name, &text, &quoted)) > 0) {
		struct str *field = digest_field(d, name);
		if (field) {
			if (field->p)
				return -EINVAL;
			*field = text;
			continue;
		}
		if (n_unknown == MAX_UNKNOWN)
			return -EINVAL;
		for (size_t i = 0; i < n_unknown; i++)
			if (str_ieq(unknown[i], name))
				return -EINVAL;
		unknown[n_unknown++] = name;
	}
	return got;
}

struct str sip_quote(struct arena *a, struct str s)
{
	char *out = arena_alloc(a, 2 * s.n + 3), *p = out;
	*p++ = '"';
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (c == '\r' || c == '\n') { /* no quoted-pair can hold them */
			*p++ = ' ';
			continue;
		}
		if (c == '"' || c == '\\' || ((unsigned char)c < ' ' && c != '\t') ||
			c == 0x7f)
			*p++ = '\\';
		*p++ = c;
	}
	*p++ = '"';
	*p = 0;
	return str_span(out, p);
}
