/* The `cx:` section, for elements that are clients of the HSS.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/node/node.h"
#include "common/node/sections.h"

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

static void on_peer(struct str peer, bool up, void *arg)
{
	log_info("cx", "link to %s %s", log_text(peer), up ? "up" : "down");
	if (up)
		node_ready();
}

int cx_section_start(struct host *host, const struct cx_section *s, struct cx **out,
	char why[512])
{
	static const struct cx_h h = {.peer = on_peer};
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
	int err = cx_start(host, &conf, &h, NULL, out, cause);
	if (err)
		snprintf(why, 512, "Cx: %s", cause);
	free(peers);
	return err;
}
