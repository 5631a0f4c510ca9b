/* Configuration of the edge.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>

#include "common/edge/edge.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))
enum { CORE_CONNECTIONS = 10000 }; /* beside the WebSockets */

const char *const edge_domain_names[] = {"operator", "third-party", NULL};

const struct conf_row edge_wss_rows[] = {
	CONF_ADDR(struct edge_wss_conf, listen, "listen", CONF_REQUIRED, 8443),
	CONF_STR(struct edge_wss_conf, cert, "cert", CONF_REQUIRED, NULL),
	CONF_STR(struct edge_wss_conf, key, "key", CONF_REQUIRED, NULL),
	CONF_STR(struct edge_wss_conf, path, "path", 0, "/sip"),
	CONF_MS(struct edge_wss_conf, ping_ms, "ping", 0, "30s"),
	CONF_MS(struct edge_wss_conf, t1_ms, "t1", 0, "2s"),
	CONF_MS(struct edge_wss_conf, t2_ms, "t2", 0, "16s"),
	CONF_MS(struct edge_wss_conf, t4_ms, "t4", 0, "17s"), CONF_END};

const struct conf_row edge_origin_rows[] = {
	CONF_STR(struct edge_origin_conf, origin, "origin", CONF_REQUIRED, NULL),
	CONF_STRS(struct edge_origin_conf, also, "also", 0),
	CONF_STR(struct edge_origin_conf, wwsf, "wwsf", 0, NULL),
	{"auth", CONF_T_LIST, offsetof(struct edge_origin_conf, auth), 0, "[digest]",
		.size = sizeof(char *), .item = CONF_T_STR},
	CONF_END};

#define LIMIT(m, k, d) CONF_INT(struct edge_limits_conf, m, k, 0, d, 1, 1000000000)
const struct conf_row edge_limits_rows[] = {
	LIMIT(handshakes, "handshakes-per-second", "10"),
	LIMIT(open_per_address, "open-per-address", "200"), LIMIT(open, "open", "100000"),
	CONF_MS(struct edge_limits_conf, register_within_ms, "register-within", 0, "10s"),
	LIMIT(registers, "registers-per-10s", "5"),
	LIMIT(requests, "requests-per-second", "20"), CONF_END};

static const struct {
	struct str name;
	unsigned bit;
} methods[] = {
	{{"digest", 6}, EDGE_AUTH_DIGEST},
};

static unsigned method_bit(struct str name)
{
	for (size_t i = 0; i < COUNT(methods); i++)
		if (str_eq(methods[i].name, name))
			return methods[i].bit;
	return 0;
}

unsigned edge_origin_auth(const struct edge_origin_conf *o)
{
	char *const *names = o->auth.items;
	unsigned bits = 0;
	for (size_t i = 0; i < o->auth.n; i++)
		bits |= method_bit(str_of(names[i]));
	return bits;
}

/* As a browser serialises it (RFC 6454 6.2): scheme and host in lower case, no default
 * port, nothing behind. */
static bool is_origin(struct str s)
{
	if (!str_starts(s, STR("https://")) || str_ends(s, STR(":443")))
		return false;
	s = str_skip(s, sizeof "https://" - 1);
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] <= ' ' || strchr("/?#@,", s.p[i]) ||
			(s.p[i] >= 'A' && s.p[i] <= 'Z'))
			return false;
	return s.n > 0;
}

static int check_origin(const char *text, char why[512])
{
	if (is_origin(str_of(text)))
		return 0;
	snprintf(why, 512,
		"origins: \"%s\" is no origin as browsers write it (https://host or "
		"https://host:port, lower case, no path, no :443)",
		text);
	return -EINVAL;
}

static int check_auth(const char *name, char why[512])
{
	if (method_bit(str_of(name)))
		return 0;
	snprintf(why, 512, "origins: auth \"%s\" is not known here (expected digest)",
		name);
	return -EINVAL;
}

int edge_conf_check(const struct edge_conf *conf, char why[512])
{
	const struct edge_origin_conf *o = conf->origins.items;
	int err = 0;

	if (conf->wss.path[0] != '/') {
		snprintf(why, 512, "wss.path \"%s\" must begin with /", conf->wss.path);
		return -EINVAL;
	}
	for (size_t i = 0; !err && i < conf->origins.n; i++) {
		char *const *also = o[i].also.items, *const *auth = o[i].auth.items;
		err = check_origin(o[i].origin, why);
		for (size_t k = 0; !err && k < o[i].also.n; k++)
			err = check_origin(also[k], why);
		for (size_t k = 0; !err && k < o[i].auth.n; k++)
			err = check_auth(auth[k], why);
	}
	return err;
}

void edge_stack_conf(const struct edge_conf *conf, struct sip_stack_conf *out)
{
	out->access = (struct sip_timers){
		(int)conf->wss.t1_ms, (int)conf->wss.t2_ms, (int)conf->wss.t4_ms};
	out->max_connections = (size_t)conf->limits.open + CORE_CONNECTIONS;
}
