/* eP-CSCF: start, stop, and what it says of its state.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "common/node/node.h"
#include "epcscf/epcscf.h"

struct epcscf epcscf;

/* ---- start ---- */

/* Listener of WAAFs: only those with a certificate of our authority get through. */
static int listen_waaf(const struct epcscf_conf *c, char why[512])
{
	struct tls_conf tls = {
		.cert = c->edge.wss.cert,
		.key = c->edge.wss.key,
		.ca = c->ca,
		.require_peer = true,
		.clock = epcscf.host->clock,
	};
	char cause[256];
	int err;

	if (!c->waafs.n || !addr_is(&c->waaf_listen))
		return 0;
	if ((err = tls_new(&tls, true, &epcscf.waaf_tls, cause))) {
		snprintf(why, 512, "waaf-listen: %s", cause);
		return err;
	}
	err = sip_listen(epcscf.stack, SIP_TLS, &c->waaf_listen, epcscf.waaf_tls, false);
	if (err < 0)
		snprintf(why, 512, "can't listen for WAAFs on %s/tls: %s",
			addr_text(&c->waaf_listen), uv_strerror(err));
	else
		epcscf.waaf_listener = err;
	return err < 0 ? err : 0;
}

static int listen_plain(const struct epcscf_conf *c, char why[512])
{
	enum sip_transport t = c->access == EPCSCF_ACCESS_TCP ? SIP_TCP : SIP_UDP;
	if (c->access == EPCSCF_ACCESS_OFF)
		return 0;
	int index = sip_listen(epcscf.stack, t, &c->access_listen, NULL, true);
	if (index < 0) {
		snprintf(why, 512, "can't listen for plain users on %s: %s",
			addr_text(&c->access_listen), uv_strerror(index));
		return index;
	}
	epcscf.plain_listener = index;
	return 0;
}

static int start_wsf(const struct epcscf_conf *c, char why[512])
{
	const struct wsf setup = {.conf = &c->wsf,
		.edge_conf = &c->edge,
		.host = epcscf.host,
		.edge = epcscf.edge,
		.stack = epcscf.stack,
		.mw = &epcscf.mw,
		.icscf = &epcscf.icscf};
	return addr_is(&c->wsf.listen) ? wsf_start(&setup, why) : 0;
}

static int start(struct host *host, const void *conf, char why[512])
{
	static const struct sip_stack_h sip_h = {
		.request = epcscf_request,
		.flow_gone = edge_flow_gone,
		.garbage = edge_garbage,
	};
	const struct epcscf_conf *c = conf;
	struct sip_stack_conf stack_conf;
	int err;

	epcscf = (struct epcscf){
		.conf = c, .host = host, .waaf_listener = -1, .plain_listener = -1};
	epcscf.mw = (struct edge_mw){
		.name = c->edge.name,
		.port = addr_port(&c->sip.listen),
		.visited_network =
			c->visited_network ? c->visited_network : c->edge.realm,
		.access_type = c->access_type,
	};
	sip_section_stack_conf(&c->sip, &stack_conf);
	edge_stack_conf(&c->edge, &stack_conf);
	if ((err = sip_stack_new(host, &stack_conf, &sip_h, &epcscf.edge, &epcscf.stack))) {
		snprintf(why, 512, "SIP stack: %s", uv_strerror(err));
		return err;
	}
	struct edge_setup setup = {
		.host = host,
		.stack = epcscf.stack,
		.conf = &c->edge,
		.sip = c->sip.listen,
		.onward = epcscf_onward,
	};
	if (addr_is(&c->wsf.listen)) {
		setup.registrar = &wsf_registrar;
		setup.web = &wsf_web;
	}
	if ((err = sip_section_listen(epcscf.stack, &c->sip, why)) ||
		(err = listen_waaf(c, why)) || (err = listen_plain(c, why)) ||
		(err = sip_hop_named(epcscf.stack, c->icscf, (enum sip_transport)c->sip.transport,
			 &c->sip.listen, &epcscf.icscf, why)) ||
		(err = edge_open(&setup, &epcscf.edge, why)) || (err = start_wsf(c, why)))
		return err;
	node_ready();
	return 0;
}

static void stop(void)
{
	wsf_stop();
	if (epcscf.stack)
		sip_stack_close(epcscf.stack);
	if (epcscf.edge)
		edge_close(epcscf.edge);
	if (epcscf.waaf_tls)
		tls_free(epcscf.waaf_tls);
	epcscf = (struct epcscf){0};
}

static void reset(void)
{
	wsf_reset();
	sip_stack_reset(epcscf.stack);
	edge_reset(epcscf.edge);
}

static int open_work(void)
{
	return sip_stack_open(epcscf.stack) + edge_busy(epcscf.edge) + wsf_open();
}

/* ---- state ---- */

/* common/edge/edge.h says what they are; "sessions" are the WSF's (of one "user"). */
static json_t *run_state(const json_t *args)
{
	json_t *state = edge_state(epcscf.edge, args);
	json_object_set_new(state, "sessions", wsf_json(args));
	return state;
}

static json_t *run_block(const json_t *args)
{
	return edge_block(epcscf.edge, args, true);
}

static json_t *run_unblock(const json_t *args)
{
	return edge_block(epcscf.edge, args, false);
}

int main(int argc, char **argv)
{
	static const struct node_command commands[] = {{"state", run_state},
		{"block", run_block}, {"unblock", run_unblock}, {0}};
	static const struct node_app app = {
		.name = "epcscf",
		.summary = "eP-CSCF: WICs by WSS, WAAFs by TLS; registers them over Mw",
		.rows = epcscf_conf_rows,
		.conf_size = sizeof(struct epcscf_conf),
		.check = epcscf_conf_check,
		.start = start,
		.stop = stop,
		.reset = reset,
		.open = open_work,
		.commands = commands,
	};
	return node_main(argc, argv, &app);
}
