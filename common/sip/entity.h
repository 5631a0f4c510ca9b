/* Who vouches for a user that a trusted node registers: the WAF and the WWSF, in parameters of
 * the Digest credentials (TS 33.203 X.3). The documents leave the names of the parameters open,
 * so they are configured:
 *	entity-params: {waf: authorization-entity, wwsf: wwsf-entity}
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/conf/conf.h"
#include "common/sip/register.h"

struct sip_entity_params {
	char *waf, *wwsf;              /* different ones; "" is never sent nor read */
};
extern const struct conf_row sip_entity_rows[];
/* Not tokens, or twice the same: -EINVAL and a sentence. */
int sip_entity_check(const struct sip_entity_params *p, char why[512]);

struct sip_entities {
	struct str waf, wwsf;          /* as they came; p NULL: not there */
};
/* Of the Digest credentials of a REGISTER; views into the message. */
struct sip_entities sip_entities_of(const struct sip_register *reg, const struct sip_msg *m,
	const struct sip_entity_params *names);
