/* Addresses and Via, RFC 3261 20.10, 20.20, 20.42 and 25.1.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "common/sip/field.h"
#include "common/sip/syntax.h"

/* Takes a display name off *s: a quoted string, or tokens and white space up to '<'. False
 * when none stands there, and then *s is an addr-spec or broken. */
static bool take_display(struct str *s, struct str *display)
{
	struct str rest = *s, inside;
	if (sip_take_quoted(&rest, &inside)) {
		*display = str_span(s->p, rest.p);
		rest = sip_skip_lws(rest);
	} else {
		size_t n = 0;
		while (n < rest.n &&
			(sip_is(rest.p[n], SIP_C_TOKEN) || sip_is_lws(rest.p[n])))
			n++;
		*display = str_trim((struct str){rest.p, n});
		rest = str_skip(rest, n);
	}
	if (!rest.n || rest.p[0] != '<')
		return false;
	*s = rest;
	return true;
}

/* Without <>, what follows ';' belongs to the header field, and '?' and ',' may not be. */
static int take_addr_spec(struct str *s, struct sip_uri *uri)
{
	size_t n = 0;
	while (n < s->n && s->p[n] != ';' && !sip_is_lws(s->p[n])) {
		if (s->p[n] == '?' || s->p[n] == ',')
			return -EINVAL;
		n++;
	}
	struct str text = {s->p, n};
	*s = str_skip(*s, n);
	return sip_uri_parse(uri, text);
}

int sip_name_addr_parse(struct sip_name_addr *a, struct str element)
{
	struct str s = str_trim(element);
	*a = (struct sip_name_addr){0};
	if (str_eq(s, STR("*"))) {
		a->star = true;
		return 0;
	}
	if (!s.n)
		return -EINVAL;
	if (take_display(&s, &a->display)) {
		ptrdiff_t close = str_chr(s, '>');
		if (close < 0 ||
			sip_uri_parse(&a->uri, (struct str){s.p + 1, (size_t)close - 1}))
			return -EINVAL;
		s = str_skip(s, (size_t)close + 1);
	} else {
		a->display = STR_NONE;
		if (take_addr_spec(&s, &a->uri))
			return -EINVAL;
	}
	s = sip_skip_lws(s);
	if (!s.n)
		return 0;
	if (s.p[0] != ';')
		return -EINVAL;
	a->params = sip_skip_lws(str_skip(s, 1));
	return sip_params_valid(a->params) ? 0 : -EINVAL;
}

struct str sip_tag(const struct sip_msg *m, enum sip_header from_or_to)
{
	struct sip_name_addr a;
	struct str tag;
	if (sip_name_addr_parse(&a, sip_value(m, from_or_to)))
		return STR_NONE;
	sip_param(a.params, STR("tag"), &tag);
	return tag;
}

/* A token and the slash behind it, LWS anywhere between. */
static bool take_slashed(struct str *s, struct str *token)
{
	ptrdiff_t slash = str_chr(*s, '/');
	if (slash < 0)
		return false;
	*token = str_trim((struct str){s->p, (size_t)slash});
	*s = sip_skip_lws(str_skip(*s, (size_t)slash + 1));
	return true;
}

int sip_via_parse(struct sip_via *v, struct str element)
{
	struct str s = str_trim(element), name, number;
	*v = (struct sip_via){0};
	if (!take_slashed(&s, &name) || !str_ieq(name, STR("SIP")) ||
		!take_slashed(&s, &number) || !str_eq(number, STR("2.0")))
		return -EINVAL;
	size_t n = 0;
	while (n < s.n && sip_is(s.p[n], SIP_C_TOKEN))
		n++;
	v->transport = (struct str){s.p, n};
	s = str_skip(s, n);
	if (!n || !s.n || !sip_is_lws(s.p[0]))
		return -EINVAL;
	v->params = sip_skip_lws(s);
	struct str sent_by = str_trim(str_cut(&v->params, ';'));
	if (!sip_host_port(sent_by, &v->host, &v->port) || !sip_params_valid(v->params))
		return -EINVAL;
	sip_param(v->params, STR("branch"), &v->branch);
	return 0;
}

int sip_cseq_parse(struct str value, uint32_t *number, struct str *method)
{
	size_t n = 0;
	while (n < value.n && sip_is(value.p[n], SIP_C_DIGIT))
		n++;
	struct str rest = str_skip(value, n), name = sip_skip_lws(rest);
	if (name.n == rest.n || !name.n || !sip_all(name, SIP_C_TOKEN) ||
		str_u32((struct str){value.p, n}, number))
		return -EINVAL;
	*method = name;
	return 0;
}

int sip_seconds_parse(struct str value, uint32_t *seconds)
{
	return str_u32(value, seconds) ? -EINVAL : 0;
}
