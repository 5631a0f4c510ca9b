/* Who vouches for a user.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/sip/entity.h"

#include <errno.h>
#include <stdio.h>

#include "common/sip/syntax.h"

const struct conf_row sip_entity_rows[] = {
	CONF_STR(struct sip_entity_params, waf, "waf", 0, "authorization-entity"),
	CONF_STR(struct sip_entity_params, wwsf, "wwsf", 0, "wwsf-entity"),
	CONF_END};

static bool is_token(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!sip_is(s.p[i], SIP_C_TOKEN))
			return false;
	return true;
}

int sip_entity_check(const struct sip_entity_params *p, char why[512])
{
	if (!is_token(str_of(p->waf)) || !is_token(str_of(p->wwsf)))
		snprintf(why, 512, "entity-params: \"%s\" and \"%s\" must be names of parameters",
			p->waf, p->wwsf);
	else if (p->waf[0] && str_ieq(str_of(p->waf), str_of(p->wwsf)))
		snprintf(why, 512, "entity-params: waf and wwsf have the same name \"%s\"", p->waf);
	else
		return 0;
	return -EINVAL;
}

struct sip_entities sip_entities_of(const struct sip_register *reg, const struct sip_msg *m,
	const struct sip_entity_params *names)
{
	struct sip_entities e = {STR_NONE, STR_NONE};
	struct str rest, name, value;
	struct sip_auth au;
	bool quoted;

	if (!reg->digest || sip_auth_parse(&au, sip_field_value(m, reg->auth_field)))
		return e;
	rest = au.params;
	while (sip_auth_next(&rest, &name, &value, &quoted) > 0) {
		if (!e.waf.p && str_ieq(name, str_of(names->waf)))
			e.waf = value;
		if (!e.wwsf.p && str_ieq(name, str_of(names->wwsf)))
			e.wwsf = value;
	}
	return e;
}
