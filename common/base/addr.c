/* Socket addresses.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/base/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

int addr_parse(struct str text, uint16_t port, struct addr *out)
{
	char host[64];
	struct str h = text, p = STR_NONE;
	struct addr a = {0};
	ptrdiff_t at;

	if (text.n && text.p[0] == '[') {
		at = str_chr(text, ']');
		if (at < 0)
			return -EINVAL;
		h = (struct str){text.p + 1, (size_t)at - 1};
		p = str_skip(text, (size_t)at + 1);
		if (p.n && p.p[0] != ':')
			return -EINVAL;
		p = p.n ? str_skip(p, 1) : STR_NONE;
	} else if ((at = str_chr(text, ':')) >= 0 &&
		str_chr(str_skip(text, (size_t)at + 1), ':') < 0) {
		h = (struct str){text.p, (size_t)at};
		p = str_skip(text, (size_t)at + 1);
	}
	if (p.p) {
		uint32_t v;
		if (str_u32(p, &v) || v > 65535)
			return -EINVAL;
		port = (uint16_t)v;
	}
	if (str_chr(h, 0) >= 0 || !str_copy(h, host, sizeof host))
		return -EINVAL;
	if (inet_pton(AF_INET, host, &a.in.sin_addr) == 1) {
		a.in.sin_family = AF_INET;
		a.in.sin_port = htons(port);
	} else if (inet_pton(AF_INET6, host, &a.in6.sin6_addr) == 1) {
		a.in6.sin6_family = AF_INET6;
		a.in6.sin6_port = htons(port);
	} else {
		return -EINVAL;
	}
	*out = a;
	return 0;
}

static char *ring(void)
{
	static __thread char bufs[8][72];
	static __thread unsigned at;
	return bufs[at++ % 8];
}

static char *put_host(const struct addr *a, bool in_uri)
{
	char *out = ring();
	bool v6 = a->sa.sa_family == AF_INET6, brackets = in_uri && v6;
	if (v6)
		inet_ntop(AF_INET6, &a->in6.sin6_addr, out + brackets, 64);
	else if (a->sa.sa_family == AF_INET)
		inet_ntop(AF_INET, &a->in.sin_addr, out, 64);
	else
		strcpy(out, "none");
	if (brackets) {
		*out = '[';
		strcat(out, "]");
	}
	return out;
}

const char *addr_host(const struct addr *a)
{
	return put_host(a, false);
}

const char *addr_uri_host(const struct addr *a)
{
	return put_host(a, true);
}

const char *addr_text(const struct addr *a)
{
	char *out = put_host(a, true);
	size_t n = strlen(out);
	snprintf(out + n, 72 - n, ":%u", addr_port(a));
	return out;
}

uint16_t addr_port(const struct addr *a)
{
	if (a->sa.sa_family == AF_INET)
		return ntohs(a->in.sin_port);
	return a->sa.sa_family == AF_INET6 ? ntohs(a->in6.sin6_port) : 0;
}

void addr_set_port(struct addr *a, uint16_t port)
{
	if (a->sa.sa_family == AF_INET)
		a->in.sin_port = htons(port);
	else if (a->sa.sa_family == AF_INET6)
		a->in6.sin6_port = htons(port);
}

bool addr_host_eq(const struct addr *a, const struct addr *b)
{
	if (a->sa.sa_family != b->sa.sa_family)
		return false;
	if (a->sa.sa_family == AF_INET)
		return a->in.sin_addr.s_addr == b->in.sin_addr.s_addr;
	return a->sa.sa_family != AF_INET6 ||
		!memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr, sizeof a->in6.sin6_addr);
}

bool addr_eq(const struct addr *a, const struct addr *b)
{
	return addr_host_eq(a, b) && addr_port(a) == addr_port(b);
}

uint64_t addr_hash(const struct addr *a)
{
	uint64_t h = addr_port(a);
	if (a->sa.sa_family == AF_INET)
		h |= (uint64_t)a->in.sin_addr.s_addr << 16;
	else if (a->sa.sa_family == AF_INET6)
		h ^= str_hash((struct str){(const char *)&a->in6.sin6_addr, 16});
	h *= 0x9e3779b97f4a7c15u;
	return h ^ h >> 32;
}

socklen_t addr_len(const struct addr *a)
{
	return a->sa.sa_family == AF_INET6 ? sizeof a->in6 : sizeof a->in;
}
