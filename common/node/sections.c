/* Configuration sections that several elements share.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/node/sections.h"

#include <stdio.h>

static const char *const transport_names[] = {"udp", "tcp", NULL};

const struct conf_row sip_section_rows[] = {
	CONF_ADDR(struct sip_section, listen, "listen", CONF_REQUIRED, 5060),
	CONF_ENUM(struct sip_section, transport, "transport", 0, "udp", transport_names),
	CONF_MS(struct sip_section, t1_ms, "t1", 0, "500ms"),
	CONF_MS(struct sip_section, t2_ms, "t2", 0, "4s"),
	CONF_MS(struct sip_section, t4_ms, "t4", 0, "5s"),
	CONF_INT(struct sip_section, max_transactions, "max-transactions", 0, "1000000", 1,
		100000000),
	CONF_END};

void sip_section_stack_conf(const struct sip_section *s, struct sip_stack_conf *out)
{
	*out = (struct sip_stack_conf){
		.core = {(int)s->t1_ms, (int)s->t2_ms, (int)s->t4_ms},
		.access = {2000, 16000, 17000},
		.max_transactions = (size_t)s->max_transactions,
	};
}

int sip_section_listen(struct sip_stack *stack, const struct sip_section *s, char why[512])
{
	static const enum sip_transport both[] = {SIP_UDP, SIP_TCP};
	for (size_t i = 0; i < 2; i++) {
		int err = sip_listen(stack, both[i], &s->listen, NULL, false);
		if (err < 0) {
			snprintf(why, 512, "can't listen for SIP on %s/%s: %s",
				addr_text(&s->listen), transport_names[i], uv_strerror(err));
			return err;
		}
	}
	return 0;
}
