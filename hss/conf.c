/* The HSS's configuration.
 * SPDX-License-Identifier: Apache-2.0 */
#include "hss/hss.h"

static const struct conf_row peer_rows[] = {
	CONF_STR(struct hss_peer, host, "host", CONF_REQUIRED, NULL),
	CONF_ADDR(struct hss_peer, addr, "addr", CONF_REQUIRED, 0),
	CONF_END};

typedef typeof(((struct hss_conf *)0)->cx) cx_of;

/*	cx: {identity: hss.ims.example.org, realm: ims.example.org, listen: 127.0.0.16:3868,
 *	     peers: [{host: icscf.ims.example.org, addr: 127.0.0.13}], max-outstanding: 10000}
 * Others than the peers are refused; their addresses are what the trace shows. */
static const struct conf_row cx_rows[] = {
	CONF_STR(cx_of, identity, "identity", CONF_REQUIRED, NULL),
	CONF_STR(cx_of, realm, "realm", CONF_REQUIRED, NULL),
	CONF_ADDR(cx_of, listen, "listen", CONF_REQUIRED, 3868),
	CONF_LIST(cx_of, peers, "peers", CONF_REQUIRED, peer_rows, struct hss_peer),
	CONF_INT(cx_of, max_outstanding, "max-outstanding", 0, "10000", 1, 1000000),
	CONF_END};

/*	av-proxy: {database: av.db, key: av.db.key, files: [FILE, ...], max-age: 24h,
 *	           address: 127.0.0.18, identity: avproxy.ims.example.org}
 * docs/av-proxy.md; without database there is none. */
static const struct conf_row av_rows[] = {
	CONF_STR(struct hss_av_conf, database, "database", 0, NULL),
	CONF_STR(struct hss_av_conf, key, "key", 0, NULL),
	CONF_STRS(struct hss_av_conf, files, "files", 0),
	CONF_MS(struct hss_av_conf, max_age_ms, "max-age", 0, "24h"),
	CONF_ADDR(struct hss_av_conf, address, "address", 0, 3868),
	CONF_STR(struct hss_av_conf, identity, "identity", 0, "avproxy.ims.example.org"),
	CONF_END};

/*	database: hss.db             created when missing
 *	seal-key: hss.db.key         what keys of USIMs are sealed with; made with the first of them
 *	subscribers: [FILE, ...]     docs/subscribers.md; loaded at start
 *	visited-networks: [...]      default of subscriptions; none: the realm alone
 *	keep-server-name: true       SAR types 6 and 7; false: they are answered 2004
 *	explicit-wildcard: false     true: a REGISTER may name a wildcard itself, as TR 23.701
 *	                             6.3.2.1.4 says; TS 23.228 4.3.3.2b allows distinct ones alone */
const struct conf_row hss_conf_rows[] = {
	CONF_STRUCT(struct hss_conf, cx, "cx", CONF_REQUIRED, cx_rows),
	CONF_STR(struct hss_conf, database, "database", CONF_REQUIRED, NULL),
	CONF_STR(struct hss_conf, seal_key, "seal-key", 0, NULL),
	CONF_STRS(struct hss_conf, subscribers, "subscribers", 0),
	CONF_STRS(struct hss_conf, visited_networks, "visited-networks", 0),
	CONF_BOOL(struct hss_conf, keep_server_name, "keep-server-name", "true"),
	CONF_STRUCT(struct hss_conf, av, "av-proxy", 0, av_rows),
	CONF_BOOL(struct hss_conf, explicit_wildcard, "explicit-wildcard", "false"),
	CONF_END};
