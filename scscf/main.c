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
	CONF_STRUCT(struct scscf_conf, entity_params, "entity-params", 0, sip_entity_rows),
	CONF_STRS(struct scscf_conf, blocked, "blocked", 0),
	CONF_BOOL(struct scscf_conf, aka_without_ipsec, "aka-without-ipsec", "false"),
	CONF_BOOL(struct scscf_conf, challenge_refresh, "challenge-refresh", "false"),
	CONF_BOOL(struct scscf_conf, nextnonce, "nextnonce", "false"),
	CONF_BOOL(struct scscf_conf, lenient_digest_algorithm, "lenient-digest-algorithm", "false"),
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
	return sip_entity_check(&c->entity_params, why);
}

static void on_request(struct sip_req *req, void *arg)
{
	if (mw_peer_admit(&scscf.conf->mw_peers, req))
		scscf_register(req);
}

static void block_as_configured(void)
{
	char *const *names = scscf.conf->blocked.items;
	blocked_clear();
	for (size_t i = 0; i < scscf.conf->blocked.n; i++)
		blocked_put(str_of(names[i]));
}

static int start(struct host *host, const void *conf, char why[512])
{
	static const struct sip_stack_h sip_h = {.request = on_request};
	struct sip_stack_conf stack_conf;
	int err;

	xmlInitParser();
	scscf.conf = conf;
	scscf.host = host;
	scscf.users = (struct user_table){.clock = host->clock};
	block_as_configured();
	sip_section_stack_conf(&scscf.conf->sip, &stack_conf);
	stack_conf.ends_here = 1u << SIP_M_REGISTER;
	if ((err = sip_stack_new(host, &stack_conf, &sip_h, NULL, &scscf.stack))) {
		snprintf(why, 512, "SIP stack: %s", uv_strerror(err));
		return err;
	}
	if ((err = sip_section_listen(scscf.stack, &scscf.conf->sip, why)))
		return err;
	return cx_section_start(host, &scscf.conf->cx, &scscf.cx, why);
}

static void forget_users(void)
{
	user_table_reset(&scscf.users);
	scscf_failures_reset();
}

static void stop(void)
{
	if (scscf.cx)
		cx_stop(scscf.cx); /* ends what waits for the HSS, and its SIP requests */
	if (scscf.stack)
		sip_stack_close(scscf.stack);
	forget_users();
	blocked_clear();
	xmlCleanupParser();
	scscf = (struct scscf){0};
}

static void reset(void)
{
	sip_stack_reset(scscf.stack);
	forget_users();
	block_as_configured();
}

static int open_work(void)
{
	return sip_stack_open(scscf.stack) + cx_open(scscf.cx);
}

/* {"cmd":"block","name":"wwsf.example.org"}: a WAF or WWSF that may vouch for nobody until
 * {"cmd":"unblock",...}. */
static json_t *on_block(const json_t *args)
{
	const char *name = json_string_value(json_object_get(args, "name"));
	if (!name || !*name)
		return node_refuse("\"name\" of a WAF or WWSF is missing");
	log_warn("trusted", "%s is blocked", log_text(str_of(name)));
	blocked_put(str_of(name));
	return json_pack("{s:b}", "ok", 1);
}

static json_t *on_unblock(const json_t *args)
{
	const char *name = json_string_value(json_object_get(args, "name"));
	if (!name || !blocked_remove(str_of(name)))
		return node_refuse("nobody of that name is blocked");
	log_info("trusted", "%s is not blocked any more", log_text(str_of(name)));
	return json_pack("{s:b}", "ok", 1);
}

int main(int argc, char **argv)
{
	static const struct node_command commands[] = {
		{"block", on_block}, {"unblock", on_unblock}, {NULL, NULL}};
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
		.commands = commands,
	};
	return node_main(argc, argv, &app);
}
