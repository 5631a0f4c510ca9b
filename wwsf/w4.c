/* W4: the connections to WAF and WAAF.
 * SPDX-License-Identifier: Apache-2.0 */
#include "wwsf/w4.h"

#include <errno.h>
#include <stdio.h>

#include "common/net/host.h"

static int resolve(const struct w4_conf *conf, char name[256], struct addr *out)
{
	struct str port = str_skip(str_of(conf->url), sizeof "https://" - 1);
	struct str host = str_cut(&port, ':');
	uint32_t number = 443;

	if ((port.p && (str_u32(port, &number) || !number || number > 65535)) ||
		!str_copy(host, name, 256))
		return -ENOENT;
	return host_resolve(wwsf.host, host, (uint16_t)number, out);
}

int w4_open(const struct w4_conf *conf, struct tls **tls, struct http_client **clients, size_t n,
	char why[512])
{
	struct tls_conf tls_conf = {.cert = conf->cert, .key = conf->key, .ca = conf->ca,
		.clock = wwsf.host->clock};
	struct http_client_conf http = {.local = wwsf.conf->listen,
		.timeout_ms = (int)conf->timeout_ms};
	char cause[256], name[256];

	if (resolve(conf, name, &http.remote)) {
		snprintf(why, 512, "%s.url: \"%s\" has no address here", conf->section, conf->url);
		return -ENOENT;
	}
	int err = tls_new(&tls_conf, false, tls, cause);
	if (err) {
		snprintf(why, 512, "%s: TLS: %s", conf->section, cause);
		return err;
	}
	addr_set_port(&http.local, 0);
	http.tls = *tls;
	http.server_name = name;
	for (size_t i = 0; i < n; i++)
		clients[i] = http_client_new(wwsf.host, &http);
	return 0;
}
