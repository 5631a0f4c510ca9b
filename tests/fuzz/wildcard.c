/* Fuzz target: a wildcarded identity and what is held against it, parted by a blank.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "common/sip/ere.h"
#include "common/sip/field.h"
#include "common/sip/wildcard.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void hold_against(const struct sip_wildcard *w, struct str identity)
{
	struct sip_uri uri;
	struct arena a = {0};
	bool fits = sip_wildcard_match(w, identity);
	if (sip_uri_parse(&uri, identity) == 0 && sip_uri_canonical(&uri, &a).p)
		fits = sip_wildcard_match(w, sip_uri_canonical(&uri, &a));
	must(!fits || sip_wildcard_overlap(w, w));
	arena_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct str rest = {(const char *)data, n}, text = str_cut(&rest, ' ');
	struct sip_wildcard *w, *again;
	struct ere *e;
	const char *refused;
	char why[256] = "";

	if (sip_wildcard_new(text, &w, why) == 0) {
		struct str canonical = sip_wildcard_text(w);
		must(sip_wildcard_is(canonical));
		must(sip_wildcard_new(canonical, &again, why) == 0);
		must(str_eq(sip_wildcard_text(again), canonical));
		hold_against(w, rest);
		sip_wildcard_free(w);
		sip_wildcard_free(again);
	} else {
		must(why[0]);
	}
	if (text.n <= SIP_WILDCARD_MAX && ere_new(text, &e, &refused) == 0) {
		ere_match(e, rest);
		ere_free(e);
	}
	return 0;
}
