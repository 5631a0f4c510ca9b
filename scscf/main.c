/* S-CSCF: configuration, start and stop.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <libxml/parser.h>

#include "common/base/log.h"
#include "common/node/node.h"
#include "scscf/scscf.h"

struct scscf scscf;

#define ROW_MS(m, k, d)          CONF_MS(struct scscf_conf, m, k, 0, d)
#define ROW_INT(m, k, d, lo, hi) CONF_INT(struct scscf_conf, m, k, 0, d, lo, hi)

static const struct conf_row conf_rows[] = {
	CONF_STR(struct scscf_conf, domain, "domain", CONF_REQUIRED, NULL),
	CONF_STR(struct scscf_conf, name, "name", CONF_REQUIRED, NULL),
	CONF_STRUCT(struct scscf_conf, sip, "sip", CONF_REQUIRED, sip_section_rows),
	CONF_STRUCT(struct scscf_conf, cx, "cx", CONF_REQUIRED, cx_section_rows),
	CONF_LIST(struct scscf_conf, mw_peers, "mw-peers", CONF_REQUIRED, mw_peer_rows,
		struct mw_peer),
	CONF_STRS(struct scscf_conf, extensions, "extensions", CONF_REQUIRED),
	ROW_MS(min_expires_ms, "min-expires", "60s"),
	ROW_MS(max_expires_ms, "max-expires", "3600s"),
	ROW_MS(dflt_expires_ms, "default-expires", "600s"),
	ROW_INT(max_flows, "max-flows", "10", 1, 1000),
	ROW_MS(nonce_ms, "nonce-life", "120s"),
	ROW_MS(await_auth_ms, "reg-await-auth", "240s"),
	ROW_INT(attempts, "attempts", "3", 1, 100),
	ROW_INT(lock_failures, "lock-failures", "5", 1, 1000000),
	ROW_MS(lock_ms, "lock-window", "10min"),
	ROW_INT(max_challenges, "max-challenges", "100000", 1, 10000000),
	CONF_BOOL(struct scscf_conf, challenge_refresh, "challenge-refresh", "false"),
	CONF_END};

static int check(const void *conf, char why[512])
{
	const struct scscf_conf *c = conf;
	if (!str_starts(str_of(c->name), STR("sip:"))) {
		snprintf(why, 512, "name \"%s\" must be a SIP URI (sip:host:port)", c->name);
		return -EINVAL;
	}
	if (c->min_expires_ms > c->max_expires_ms) {
		snprintf(why, 512, "min-expires is above max-expires");
		return -EINVAL;
	}
	return 0;
}

static void on_request(struct sip_req *req, void *arg)
{
	if (mw_peer_admit(&scscf.conf->mw_peers, req))
		scscf_register(req);
}

static void on_cx_peer(struct str peer, bool up, void *arg)
{
	log_info("cx", "link to %s %s", log_text(peer), up ? "up" : "down");
	if (up)
		node_ready();
}

static int start(struct host *host, const void *conf, char why[512])
{
	static const struct sip_stack_h sip_h = {.request = on_request};
	static const struct cx_h cx_h = {.peer = on_cx_peer};
	struct sip_stack_conf stack_conf;
	int err;

	xmlInitParser();
	scscf.conf = conf;
	scscf.host = host;
	scscf.users = (struct user_table){.clock = host->clock};
	sip_section_stack_conf(&scscf.conf->sip, &stack_conf);
	stack_conf.ends_here = 1u << SIP_M_REGISTER;
	if ((err = sip_stack_new(host, &stack_conf, &sip_h, NULL, &scscf.stack))) {
		snprintf(why, 512, "SIP stack: %s", uv_strerror(err));
		return err;
	}
	if ((err = sip_section_listen(scscf.stack, &scscf.conf->sip, why)))
		return err;
	return cx_section_start(host, &scscf.conf->cx, &cx_h, NULL, &scscf.cx, why);
}

static void forget_users(void)
{
	user_table_reset(&scscf.users);
	scscf_digest_reset();
}

static void stop(void)
{
	if (scscf.stack)
		sip_stack_close(scscf.stack);
	if (scscf.cx)
		cx_stop(scscf.cx);
	forget_users();
	xmlCleanupParser();
	scscf = (struct scscf){0};
}

static void reset(void)
{
	sip_stack_reset(scscf.stack);
	forget_users();
}

static int open_work(void)
{
	return sip_stack_open(scscf.stack) + cx_open(scscf.cx);
}

int main(int argc, char **argv)
{
	static const struct node_app app = {
		.name = "scscf",
		.summary = "S-CSCF: registrar of the IMS",
		.rows = conf_rows,
		.conf_size = sizeof(struct scscf_conf),
		.check = check,
		.start = start,
		.stop = stop,
		.reset = reset,
		.open = open_work,
	};
	return node_main(argc, argv, &app);
}
