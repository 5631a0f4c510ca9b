/* What makes a program one of ours: arguments, configuration, signals, readiness, admin
 * socket, health and metrics. An element's main.c fills a struct node_app and calls
 * node_main.
 *
 *	epcscf --config FILE [--check] [--version] [--help]
 * --check reads the configuration, says what is wrong with it, and ends. Exit codes: 0;
 * 1 a fault at run time (port in use, database locked), one clear sentence on stderr; 4
 * usage or configuration.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <jansson.h>

#include "common/conf/conf.h"
#include "common/net/host.h"

/* The `node:` section that every element's configuration has:
 *	node:
 *	  name: epcscf
 *	  run-dir: DIR             admin socket DIR/<name>.sock, mode 0600
 *	  log: {level: info, format: text|json}
 *	  trace: tcp:127.0.0.1:9060 | udp:... | off
 *	  trace-types: {diameter: 200, http: 201, ws: 202}   HEP's protocol type numbers
 *	  seed: 0                  of random values; with --start=N others, as an element that
 *	                           is started again draws no branch or nonce a second time
 *	  metrics: 127.0.0.1:9100  HTTP /healthz and /metrics; absent: admin socket only
 *	  names: [{name: icscf.ims.example.org, addr: 127.0.0.13}, ...] */

struct node_app {
	const char *name;              /* program name, for --help */
	const char *summary;           /* one line */
	const struct conf_row *rows;   /* the element's own sections */
	size_t conf_size;
	/* Checks what rows can't say: 0, or -EINVAL with a sentence. May be NULL. */
	int (*check)(const void *conf, char why[512]);
	/* Opens everything; returns 0 or a negative errno with a sentence. When the element
	 * is ready (listeners open, Cx link up if it needs one) it calls node_ready. */
	int (*start)(struct host *host, const void *conf, char why[512]);
	/* Closes everything; the loop runs on until nothing is left, at most 2 s. */
	void (*stop)(void);
	/* Back to the state right after start: bindings, transactions, limits gone. */
	void (*reset)(void);
	/* Things under way (transactions, Cx requests, database work): quiet when 0. */
	int (*open)(void);
	/* Element's own admin commands; NULL-terminated. May be NULL. */
	const struct node_command *commands;
};
/* `args` is the whole command object; the answer is a new reference: {"ok":true,...} or
 * {"ok":false,"why":"..."} (node_refuse). */
struct node_command {
	const char *name;
	json_t *(*run)(const json_t *args);
};
json_t *node_refuse(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

int node_main(int argc, char **argv, const struct node_app *app);
void node_ready(void);                 /* READY=1 to NOTIFY_SOCKET; logs "ready" */
void node_status(const char *fmt, ...) __attribute__((format(printf, 1, 2))); /* STATUS= */
void node_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
	/* after start: one sentence, then a clean stop with exit code 1 */

/* Admin socket: one JSON object a line in, one a line out. Common commands:
 *	{"cmd":"status"}   {"ok":true,"node":..,"ready":..,"open":N,"traced":N,"waiting":N,
 *	                    "now_ms":..,"offset_ms":..,"next_offset_ms":N|null,
 *	                    "gauges":{..},"idle":{..},"counters":{..},"last_warning":".."}
 *	    `open` has the messages at the gate in it (`waiting`). `idle` are those gauges
 *	    that are zero when nothing is under way. "brief":true leaves out what stands
 *	    behind next_offset_ms.
 *	{"cmd":"clock","offset_ms":N}  {"ok":true,"offset_ms":N,"next_offset_ms":N|null},
 *	    after all timers that became due have run; with "hold":true none runs before the
 *	    next "clock" without it
 *	{"cmd":"fault","rule":{..}} {"cmd":"unfault"} trace/gate.h has the rules
 *	{"cmd":"release"}  {"ok":true,"released":N}; with "id" that one, with "text" or
 *	    "bytes_hex" as these octets
 *	{"cmd":"held"}     {"ok":true,"held":[{"id":1,"what":"SIP 401",..}]}
 *	{"cmd":"reset"}    the app's reset, faults gone, counters to zero; with "seed":N the
 *	    random source starts anew
 *	{"cmd":"metrics"} -> {"ok":true,"text":".."}
 *	{"cmd":"memory"} -> {"ok":true,"heap_bytes":N}, what is allocated, by any thread
 *	{"cmd":"log","level":"debug"}  {"cmd":"stop"}
 * What is no object, or has no command that is known, gets {"ok":false,"why":".."}; a
 * line of more than 1 MiB ends the connection. common/node/admin_client.h is the other
 * end. */
