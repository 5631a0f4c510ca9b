/* Syntax of the values by which a message is routed or its sender known, for elements that
 * take messages from outside. What it refuses is in tests/data/rfc4475/verdicts.tsv.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "common/sip/field.h"
#include "common/sip/syntax.h"

typedef bool(check_h)(const struct sip_msg *m, struct str element);

static bool address(const struct sip_msg *m, struct str element)
{
	struct sip_name_addr a;
	return sip_name_addr_parse(&a, element) == 0 && !a.star;
}

static bool contact(const struct sip_msg *m, struct str element)
{
	struct sip_name_addr a;
	return sip_name_addr_parse(&a, element) == 0 &&
	       (!a.star || (m->method == SIP_M_REGISTER &&
				   sip_list_count(m, SIP_H_CONTACT) == 1));
}

static bool via(const struct sip_msg *m, struct str element)
{
	struct sip_via v;
	return sip_via_parse(&v, element) == 0;
}

static bool max_forwards(const struct sip_msg *m, struct str element)
{
	uint32_t n;
	return str_u32(element, &n) == 0 && n <= 255;
}

/* word [ "@" word ] */
static bool call_id(const struct sip_msg *m, struct str element)
{
	int at = 0;
	for (size_t i = 0; i < element.n; i++) {
		char c = element.p[i];
		if (c == '@')
			at++;
		else if (!sip_is(c, SIP_C_TOKEN) && (!c || !strchr("()<>:\\\"/[]?{}", c)))
			return false;
	}
	return element.n && at <= 1;
}

static bool credentials(const struct sip_msg *m, struct str element)
{
	struct sip_auth a;
	struct sip_digest d;
	if (sip_auth_parse(&a, element) || !a.scheme.p)
		return false;
	return !str_ieq(a.scheme, STR("Digest")) || sip_digest_parse(&d, element) == 0;
}

static const struct {
	enum sip_header id;
	check_h *ok;
	const char *why;
} rows[] = {
	{SIP_H_VIA, via, "Malformed Via"},
	{SIP_H_FROM, address, "Malformed From"},
	{SIP_H_TO, address, "Malformed To"},
	{SIP_H_CALL_ID, call_id, "Malformed Call-ID"},
	{SIP_H_MAX_FORWARDS, max_forwards, "Malformed Max-Forwards"},
	{SIP_H_CONTACT, contact, "Malformed Contact"},
	{SIP_H_ROUTE, address, "Malformed Route"},
	{SIP_H_RECORD_ROUTE, address, "Malformed Record-Route"},
	{SIP_H_PATH, address, "Malformed Path"},
	{SIP_H_SERVICE_ROUTE, address, "Malformed Service-Route"},
	{SIP_H_P_ASSERTED_IDENTITY, address, "Malformed P-Asserted-Identity"},
	{SIP_H_P_PREFERRED_IDENTITY, address, "Malformed P-Preferred-Identity"},
	{SIP_H_P_ASSOCIATED_URI, address, "Malformed P-Associated-URI"},
	{SIP_H_P_CALLED_PARTY_ID, address, "Malformed P-Called-Party-ID"},
	{SIP_H_REFER_TO, address, "Malformed Refer-To"},
	{SIP_H_AUTHORIZATION, credentials, "Malformed Authorization"},
	{SIP_H_PROXY_AUTHORIZATION, credentials, "Malformed Proxy-Authorization"},
};

/* Every element of the field; one that is there has at least one. */
static bool row_holds(const struct sip_msg *m, enum sip_header id, check_h *ok)
{
	struct sip_iter it = {0};
	struct str element;
	bool any = false;
	if (!sip_first(m, id))
		return true;
	while (sip_list_next(m, id, &it, &element)) {
		any = true;
		if (!ok(m, element))
			return false;
	}
	return any;
}

int sip_msg_check(const struct sip_msg *m, struct sip_fault *fault)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (row_holds(m, rows[i].id, rows[i].ok))
			continue;
		bool answer = m->request && m->method != SIP_M_ACK;
		*fault = (struct sip_fault){
			.status = answer ? 400 : 0, .why = rows[i].why};
		return -EBADMSG;
	}
	return 0;
}
