/* WAAF: start, stop, and what it says of its state.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "common/crypto/json.h"
#include "common/node/node.h"
#include "waaf/waaf.h"

struct waaf waaf;

/* ---- start ---- */

static bool by_tls(const struct waaf_conf *c)
{
	return waaf_needs_pcscf(c) && c->pcscf.transport == WAAF_TLS;
}

static int open_tls(const struct waaf_conf *c, char why[512])
{
	struct tls_conf tls = {
		.cert = c->edge.wss.cert,
		.key = c->edge.wss.key,
		.ca = c->pcscf.ca,
		.require_peer = true,
		.clock = waaf.host->clock,
	};
	char cause[256];
	int err;

	if (!by_tls(c))
		return 0;
	if ((err = tls_new(&tls, true, &waaf.server_tls, cause)) ||
		(err = tls_new(&tls, false, &waaf.client_tls, cause))) {
		snprintf(why, 512, "pcscf: %s", cause);
		return err;
	}
	err = sip_listen(waaf.stack, SIP_TLS, &c->pcscf.listen, waaf.server_tls, false);
	if (err < 0) {
		snprintf(why, 512, "can't listen for the P-CSCF on %s/tls: %s",
			addr_text(&c->pcscf.listen), uv_strerror(err));
		return err;
	}
	sip_stack_client_tls(waaf.stack, waaf.client_tls);
	return 0;
}

static int find_next_hop(const struct waaf_conf *c, char why[512])
{
	static const enum sip_transport transports[] = {SIP_TLS, SIP_TCP, SIP_UDP};
	const struct addr *local = by_tls(c) ? &c->pcscf.listen : &c->sip.listen;
	static char contact[300];
	int err = 0;

	if (waaf_needs_pcscf(c))
		err = sip_hop_named(waaf.stack, c->pcscf.host, transports[c->pcscf.transport],
			local, &waaf.pcscf, why);

	snprintf(contact, sizeof contact, "%s:%u%s", c->edge.name, addr_port(local),
		by_tls(c) ? ";transport=tls" : "");
	waaf.contact_end = contact;
	waaf.next_hop = waaf.pcscf;
	if (!err && c->next_hop == WAAF_ICSCF)
		err = sip_hop_named(waaf.stack, c->icscf, (enum sip_transport)c->sip.transport,
			&c->sip.listen, &waaf.next_hop, why);
	return err;
}

static void fill_mw(const struct waaf_conf *c)
{
	bool tls = c->next_hop == WAAF_PCSCF && by_tls(c);
	waaf.mw = (struct edge_mw){
		.name = c->edge.name,
		.port = addr_port(tls ? &c->pcscf.listen : &c->sip.listen),
		.tls = tls,
		.visited_network =
			c->visited_network ? c->visited_network : c->edge.realm,
		.access_type = c->access_type,
	};
}

static int start(struct host *host, const void *conf, char why[512])
{
	static const struct sip_stack_h sip_h = {
		.request = waaf_request,
		.flow_gone = edge_flow_gone,
		.garbage = edge_garbage,
	};
	const struct waaf_conf *c = conf;
	struct sip_stack_conf stack_conf;
	int err;

	waaf = (struct waaf){.conf = c, .host = host};
	fill_mw(c);
	sip_section_stack_conf(&c->sip, &stack_conf);
	edge_stack_conf(&c->edge, &stack_conf);
	if ((err = sip_stack_new(host, &stack_conf, &sip_h, &waaf.edge, &waaf.stack))) {
		snprintf(why, 512, "SIP stack: %s", uv_strerror(err));
		return err;
	}
	struct edge_setup setup = {
		.host = host,
		.stack = waaf.stack,
		.conf = &c->edge,
		.sip = c->sip.listen,
		.onward = waaf_onward,
		.registrar = c->ranges.database ? &member_registrar : NULL,
	};
	if ((err = sip_section_listen(waaf.stack, &c->sip, why)) ||
		(err = open_tls(c, why)) || (err = find_next_hop(c, why)) ||
		(err = edge_open(&setup, &waaf.edge, why)))
		return err;
	if (c->ranges.database)
		waf_also(registration_routes);
	if ((err = waf_start(host, &c->waf, why)) ||
		(err = ranges_start(host, &c->ranges, why)))
		return err;
	node_ready();
	return 0;
}

static void stop(void)
{
	ranges_stop();
	waf_stop();
	if (waaf.stack)
		sip_stack_close(waaf.stack);
	if (waaf.edge)
		edge_close(waaf.edge);
	if (waaf.server_tls)
		tls_free(waaf.server_tls);
	if (waaf.client_tls)
		tls_free(waaf.client_tls);
	waaf = (struct waaf){0};
}

static void reset(void)
{
	ranges_reset();
	sip_stack_reset(waaf.stack);
	edge_reset(waaf.edge);
	waf_reset();
}

static int open_work(void)
{
	return sip_stack_open(waaf.stack) + edge_busy(waaf.edge) + waf_open() +
		ranges_open();
}

/* ---- state ---- */

/* {"cmd":"state","impi":IMPI,"impu":IMPU}: what the edge says (common/edge/edge.h), "waf":{..},
 * "registrations":[..] and, of that IMPU, "members":[..] (range.h) */
static json_t *run_state(const json_t *args)
{
	json_t *all = edge_state(waaf.edge, args), *w = waf_state();
	struct str impu = json_text(json_object_get(args, "impu"));
	if (w)
		json_object_set_new(all, "waf", w);
	json_object_set_new(all, "registrations", ranges_json());
	if (impu.n)
		json_object_set_new(all, "members", member_json(impu));
	return all;
}

/* {"cmd":"block","wwsf":NAME} at the WAF, {"cmd":"block","name":NAME} at the edge. */
static bool is_for_edge(const json_t *args)
{
	return json_object_get(args, "name") != NULL;
}

static json_t *run_block(const json_t *args)
{
	json_t *answer = is_for_edge(args) ? edge_block(waaf.edge, args, true)
					   : waf_run_block(args);
	member_registrar.blocked(NULL);
	return answer;
}

static json_t *run_unblock(const json_t *args)
{
	return is_for_edge(args) ? edge_block(waaf.edge, args, false)
				 : waf_run_unblock(args);
}

int main(int argc, char **argv)
{
	static const struct node_command commands[] = {{"state", run_state},
		{"block", run_block}, {"unblock", run_unblock}, {"rotate", waf_run_rotate},
		{0}};
	static const struct node_app app = {
		.name = "waaf",
		.summary =
			"WAAF: takes WICs by WSS, passes them to a P-CSCF or the I-CSCF",
		.rows = waaf_conf_rows,
		.conf_size = sizeof(struct waaf_conf),
		.check = waaf_conf_check,
		.start = start,
		.stop = stop,
		.reset = reset,
		.open = open_work,
		.commands = commands,
	};
	return node_main(argc, argv, &app);
}
