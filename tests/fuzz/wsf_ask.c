/* Fuzz target: what a web user's request brings to the WSF. The first line is the value of
 * Authorization, empty for none; the rest is the body. What passes is bounded and of one kind.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "epcscf/wsf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct str body = {(const char *)data, n}, field = str_cut(&body, '\n');
	struct arena a = {0};
	struct wsf_ask ask;
	const char *why = NULL;

	if (wsf_ask_read(field.n ? field : STR_NONE, body, &a, &ask, &why)) {
		must(why && *why);
	} else {
		must((ask.by == WSF_BY_PASSWORD) == (ask.user.n > 0));
		must(ask.user.n <= WSF_NAME_MAX && ask.password.n <= WSF_PASSWORD_MAX);
		must(!ask.user.n == !ask.password.n);
		must((ask.by == WSF_BY_TOKEN) == (ask.token.n > 0));
		must(!ask.impu.p || str_chr(ask.impu, ':') > 0);
		must(!memchr(ask.user.p ? ask.user.p : "", 0, ask.user.n));
	}
	arena_free(&a);
	return 0;
}
