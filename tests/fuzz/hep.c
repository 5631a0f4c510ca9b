/* Fuzz target: a HEPv3 stream from a collector's peer.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "common/trace/hep.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct str rest = {(const char *)data, n};
	struct hep_types types = HEP_TYPES_DEFAULT;
	struct hep_join join = {0};
	struct hep_msg h, again;
	int len;

	while ((len = hep_frame(rest)) > 0) {
		if (!hep_decode((struct str){rest.p, (size_t)len}, &h)) {
			uint32_t sum = 0;
			for (size_t i = 0; i < h.m.bytes.n; i++)
				sum += (uint8_t)h.m.bytes.p[i];
			/* what we can read, we write back the same */
			struct buf b = {0};
			hep_encode(&h.m, &types, &b);
			struct str first = {b.p, (size_t)hep_frame(buf_str(&b))};
			if (hep_decode(first, &again) || !again.own || again.m.dir != h.m.dir ||
				again.m.id != h.m.id || !addr_eq(&again.m.local, &h.m.local))
				abort();
			buf_free(&b);
			(void)sum;
			hep_join_add(&join, &h);
		}
		rest = str_skip(rest, (size_t)len);
	}
	hep_join_free(&join);
	return 0;
}
