/* Fuzz target: what a WWSF says on W4 when it registers blocks. What passes is bounded, and
 * nothing in it would end a quoted string or a line of a SIP header field.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "waaf/range.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void is_safe(struct str s, bool quotes)
{
	must(s.n > 0 && s.n <= 512);
	for (size_t i = 0; i < s.n; i++)
		must(s.p[i] > ' ' && s.p[i] < 0x7f && (quotes || (s.p[i] != '"' && s.p[i] != '\\')));
}

static void check_credentials(const struct registration_ask *ask)
{
	if (!ask->has_credentials)
		return;
	is_safe(ask->nonce, false);
	is_safe(ask->cnonce, false);
	is_safe(ask->nc, false);
	is_safe(ask->response, false);
	must(ask->nc.n == 8 && (ask->response.n == 32 || ask->response.n == 64));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct str body = {(const char *)data, n};
	struct registration_ask ask;
	struct arena a = {0};
	const char *why = NULL;

	if (registration_read(body, &a, &ask, &why)) {
		must(why && *why);
	} else {
		is_safe(ask.wwsf, false);
		is_safe(ask.impi, false);
		is_safe(ask.impu, false);
		must(ask.n_block >= 1 && ask.n_block <= RANGE_BLOCKS_MAX);
		for (size_t i = 0; i < ask.n_block; i++)
			is_safe(ask.block[i], true);
		must(!ask.has_expires || ask.expires >= 1);
		check_credentials(&ask);
	}
	if (!registration_read_credentials(body, &a, &ask, &why)) {
		must(!n || ask.has_credentials);
		check_credentials(&ask);
	}
	arena_free(&a);
	return 0;
}
