/* W4: the connections to WAF and WAAF, HTTPS with certificates both ways (RFC 8705).
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "wwsf/wwsf.h"

struct w4_conf {
	const char *section;           /* of the configuration, for messages */
	const char *url;               /* https://host or https://host:port, a name of the rig */
	const char *ca, *cert, *key;   /* PEM files */
	int64_t timeout_ms;
};
/* `n` clients, freed by the caller, and after them `tls`. 0, or a negative errno with a
 * sentence; then there are none. */
int w4_open(const struct w4_conf *conf, struct tls **tls, struct http_client **clients, size_t n,
	char why[512]);
