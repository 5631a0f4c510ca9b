/* The rig's own name table.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/net/host.h"

#include <errno.h>

int host_resolve(const struct host *h, struct str name, uint16_t port, struct addr *out)
{
	if (addr_parse(name, port, out) == 0)
		return 0;
	if (name.n && name.p[name.n - 1] == '.')
		name.n--;
	for (size_t i = 0; i < h->n_names; i++) {
		if (!str_ieq(name, str_of(h->names[i].name)))
			continue;
		*out = h->names[i].addr;
		if (!addr_port(out))
			addr_set_port(out, port);
		return 0;
	}
	return -ENOENT;
}
