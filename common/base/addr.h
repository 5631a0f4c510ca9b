/* Socket addresses.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <netinet/in.h>
#include <sys/socket.h>

#include "common/base/str.h"

/* An IPv4 or IPv6 address with port; family 0 (sa.sa_family == AF_UNSPEC) is "none". */
struct addr {
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	};
};

/* "127.0.0.1", "127.0.0.1:5060", "[::1]:5060", "::1"; numeric only. Without a port,
 * `port` is taken. 0 or -EINVAL. */
int addr_parse(struct str text, uint16_t port, struct addr *out);
/* "127.0.0.1:5060" or "[::1]:5060", into a ring of static buffers; for one log line. */
const char *addr_text(const struct addr *a);
/* Without the port; IPv6 without brackets. */
const char *addr_host(const struct addr *a);
/* Without the port; IPv6 in brackets, as URIs and Via have it (RFC 3986 3.2.2, RFC 3261 25.1). */
const char *addr_uri_host(const struct addr *a);
uint16_t addr_port(const struct addr *a);
void addr_set_port(struct addr *a, uint16_t port);
bool addr_eq(const struct addr *a, const struct addr *b);        /* host and port */
bool addr_host_eq(const struct addr *a, const struct addr *b);   /* host alone */
uint64_t addr_hash(const struct addr *a);
socklen_t addr_len(const struct addr *a);
static inline bool addr_is(const struct addr *a)
{
	return a->sa.sa_family != AF_UNSPEC;
}
