/* I-CSCF: configuration, start and stop.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "common/base/log.h"
#include "common/node/node.h"
#include "icscf/icscf.h"

struct icscf icscf;

static const struct conf_row scscf_rows[] = {
	CONF_STR(struct scscf_row, name, "name", CONF_REQUIRED, NULL),
	CONF_INTS(struct scscf_row, capabilities, "capabilities", 0),
	CONF_END};

static const struct conf_row conf_rows[] = {
	CONF_STR(struct icscf_conf, domain, "domain", CONF_REQUIRED, NULL),
	CONF_STRUCT(struct icscf_conf, sip, "sip", CONF_REQUIRED, sip_section_rows),
	CONF_STRUCT(struct icscf_conf, cx, "cx", CONF_REQUIRED, cx_section_rows),
	CONF_LIST(struct icscf_conf, mw_peers, "mw-peers", CONF_REQUIRED, mw_peer_rows,
		struct mw_peer),
	CONF_STRUCT(struct icscf_conf, entity_params, "entity-params", 0, sip_entity_rows),
	CONF_LIST(struct icscf_conf, scscfs, "scscfs", CONF_REQUIRED, scscf_rows, struct scscf_row),
	CONF_END};

static int check(const void *conf, char why[512])
{
	const struct icscf_conf *c = conf;
	return sip_entity_check(&c->entity_params, why);
}

static void on_request(struct sip_req *req, void *arg)
{
	const struct mw_peer *peer = mw_peer_admit(&icscf.conf->mw_peers, req);
	if (peer)
		icscf_register(req, peer);
}

static int start(struct host *host, const void *conf, char why[512])
{
	static const struct sip_stack_h sip_h = {.request = on_request};
	struct sip_stack_conf stack_conf;
	int err;

	icscf.conf = conf;
	icscf.host = host;
	sip_section_stack_conf(&icscf.conf->sip, &stack_conf);
	if ((err = sip_stack_new(host, &stack_conf, &sip_h, NULL, &icscf.stack))) {
		snprintf(why, 512, "SIP stack: %s", uv_strerror(err));
		return err;
	}
	if ((err = sip_section_listen(icscf.stack, &icscf.conf->sip, why)))
		return err;
	return cx_section_start(host, &icscf.conf->cx, &icscf.cx, why);
}

static void stop(void)
{
	if (icscf.cx)
		cx_stop(icscf.cx); /* ends what waits for the HSS, and its SIP requests */
	if (icscf.stack)
		sip_stack_close(icscf.stack);
	icscf = (struct icscf){0};
}

static void reset(void)
{
	sip_stack_reset(icscf.stack);
}

static int open_work(void)
{
	return sip_stack_open(icscf.stack) + cx_open(icscf.cx);
}

int main(int argc, char **argv)
{
	static const struct node_app app = {
		.name = "icscf",
		.summary = "I-CSCF: finds a user's S-CSCF by Cx and forwards",
		.rows = conf_rows,
		.conf_size = sizeof(struct icscf_conf),
		.check = check,
		.start = start,
		.stop = stop,
		.reset = reset,
		.open = open_work,
	};
	return node_main(argc, argv, &app);
}
