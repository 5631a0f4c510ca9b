/* nonce and auts as a peer writes them: read within bounds, and what is read is written back as
 * it came. The first octet says which of the two it is.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "common/crypto/aka.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_nonce(struct str text)
{
	uint8_t both[32];
	char again[AKA_NONCE_N + 1];

	if (aka_nonce_read(text, both, both + 16) || text.n != AKA_NONCE_N || !str_ends(text, STR("=")))
		return; /* what a server adds is not written back */
	aka_nonce_write(both, again);
	if (!str_eq(text, str_of(again)))
		abort();
}

static void check_auts(struct str text)
{
	uint8_t auts[14];
	char again[AKA_AUTS_N + 1];

	if (aka_auts_read(text, auts))
		return;
	aka_auts_write(auts, again);
	if (!str_eq(text, str_of(again)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (!n)
		return 0;
	struct str text = {(const char *)data + 1, n - 1};
	if (data[0] & 1)
		check_nonce(text);
	else
		check_auts(text);
	return 0;
}
