/* The `node:` section of every element's configuration.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/node/inside.h"

const char *const node_log_levels[] = {"debug", "info", "warn", "error", NULL};
static const char *const formats[] = {"text", "json", NULL};

static const struct conf_row log_rows[] = {
	CONF_ENUM(struct node_conf, log.level, "level", 0, "info", node_log_levels),
	CONF_ENUM(struct node_conf, log.format, "format", 0, "text", formats), CONF_END};

/* trace/hep.h: numbers that HEP assigns to nothing else */
static const struct conf_row type_rows[] = {
	CONF_INT(struct node_conf, types.diameter, "diameter", 0, "200", 2, 255),
	CONF_INT(struct node_conf, types.http, "http", 0, "201", 2, 255),
	CONF_INT(struct node_conf, types.ws, "ws", 0, "202", 2, 255), CONF_END};

static const struct conf_row name_rows[] = {
	CONF_STR(struct name, name, "name", CONF_REQUIRED, NULL),
	CONF_ADDR(struct name, addr, "addr", CONF_REQUIRED, 0), CONF_END};

const struct conf_row node_conf_rows[] = {
	CONF_STR(struct node_conf, name, "name", CONF_REQUIRED, NULL),
	CONF_STR(struct node_conf, run_dir, "run-dir", CONF_REQUIRED, NULL),
	CONF_STR(struct node_conf, trace, "trace", 0, "off"),
	{.key = "log", .type = CONF_T_STRUCT, .rows = log_rows},
	{.key = "trace-types", .type = CONF_T_STRUCT, .rows = type_rows},
	CONF_INT(struct node_conf, seed, "seed", 0, "0", 0, INT64_MAX),
	CONF_ADDR(struct node_conf, metrics, "metrics", 0, 9100),
	CONF_LIST(struct node_conf, names, "names", 0, name_rows, struct name), CONF_END};
