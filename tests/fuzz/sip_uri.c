/* Fuzz target: a URI, also as address, Via and identity.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "common/sip/field.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct arena arena;

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* One URI or two, parted by a blank. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct str rest = {(const char *)data, n}, text = str_cut(&rest, ' ');
	struct sip_uri u, v;
	struct sip_name_addr a;
	struct sip_via via;
	sip_via_parse(&via, (struct str){(const char *)data, n});
	sip_name_addr_parse(&a, (struct str){(const char *)data, n});
	if (sip_uri_parse(&u, text) == 0) {
		struct str id = sip_uri_canonical(&u, &arena);
		must(sip_uri_equal(&u, &u));
		if (id.p) {
			must(id.n <= text.n);
			must(sip_uri_parse(&v, id) == 0);
			must(str_eq(sip_uri_canonical(&v, &arena), id));
		}
		struct str boxed = arena_fmt(&arena, "<" STR_FMT ">;x=1", STR_ARG(text));
		must(sip_name_addr_parse(&a, boxed) == 0 && str_eq(a.uri.text, text));
		if (sip_uri_parse(&v, rest) == 0)
			must(sip_uri_equal(&u, &v) == sip_uri_equal(&v, &u));
	}
	arena_reset(&arena);
	return 0;
}
