/* Configuration sections that several elements share.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/node/sections.h"

#include <stdio.h>
#include <stdlib.h>

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

static const struct conf_row cx_peer_rows[] = {
	CONF_STR(struct cx_peer_section, host, "host", CONF_REQUIRED, NULL),
	CONF_ADDR(struct cx_peer_section, addr, "addr", CONF_REQUIRED, 3868),
	CONF_END};

const struct conf_row cx_section_rows[] = {
	CONF_STR(struct cx_section, identity, "identity", CONF_REQUIRED, NULL),
	CONF_STR(struct cx_section, realm, "realm", CONF_REQUIRED, NULL),
	CONF_ADDR(struct cx_section, local, "local", CONF_REQUIRED, 0),
	CONF_LIST(struct cx_section, peers, "peers", CONF_REQUIRED, cx_peer_rows,
		struct cx_peer_section),
	CONF_MS(struct cx_section, answer_ms, "answer", 0, "10s"),
	CONF_END};

int cx_section_start(struct host *host, const struct cx_section *s, const struct cx_h *h,
	void *arg, struct cx **out, char why[512])
{
	const struct cx_peer_section *from = s->peers.items;
	struct cx_peer *peers = mem_zalloc(s->peers.n * sizeof *peers);
	for (size_t i = 0; i < s->peers.n; i++)
		peers[i] = (struct cx_peer){from[i].host, from[i].addr};
	struct cx_conf conf = {
		.identity = s->identity,
		.realm = s->realm,
		.local = s->local,
		.peers = peers,
		.n_peers = s->peers.n,
		.answer_ms = (int)s->answer_ms,
	};
	char cause[256];
	int err = cx_start(host, &conf, h, arg, out, cause);
	if (err)
		snprintf(why, 512, "Cx: %s", cause);
	free(peers);
	return err;
}

const struct conf_row mw_peer_rows[] = {
	CONF_ADDR(struct mw_peer, addr, "addr", CONF_REQUIRED, 0),
	CONF_BOOL(struct mw_peer, trusted_node, "trusted-node", "false"),
	CONF_END};

const struct mw_peer *mw_peer_find(const struct conf_list *peers, const struct addr *from)
{
	const struct mw_peer *p = peers->items;
	for (size_t i = 0; i < peers->n; i++)
		if (addr_host_eq(&p[i].addr, from))
			return &p[i];
	return NULL;
}
