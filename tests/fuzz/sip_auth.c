/* Fuzz target: the value of Authorization and its kin.
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

/* What was quoted is read back. */
static void quote(struct str s)
{
	struct str q = sip_quote(&arena, s), value;
	struct str text = arena_fmt(&arena, "Digest a=" STR_FMT ", b=1", STR_ARG(q));
	struct sip_auth a;
	if (memchr(s.p, 0, s.n)) /* arena_fmt ends there */
		return;
	must(sip_auth_parse(&a, text) == 0 && sip_auth_param(&a, STR("a"), &value));
	must(value.n + 2 == q.n);
	must(sip_auth_param(&a, STR("b"), &value) && str_eq(value, STR("1")));
}

/* A token is one piece of the text, and comes out of either form again. */
static void bearer(struct str text)
{
	struct str token, again;
	if (sip_bearer_parse(text, &token)) {
		must(!token.p);
		return;
	}
	must(token.n && token.p >= text.p && token.p + token.n <= text.p + text.n);
	struct str short_form = arena_fmt(&arena, "Bearer " STR_FMT, STR_ARG(token));
	struct str long_form = arena_fmt(
		&arena, "bearer realm=x, access_token=\"" STR_FMT "\"", STR_ARG(token));
	must(!sip_bearer_parse(short_form, &again) && str_eq(again, token));
	must(!sip_bearer_parse(long_form, &again) && str_eq(again, token));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct str text = {(const char *)data, n}, name, value, found;
	struct sip_auth a;
	struct sip_digest d;
	bool quoted, digest = sip_digest_parse(&d, text) == 0;
	int got = 1;
	if (sip_auth_parse(&a, text) == 0) {
		struct str rest = a.params;
		while ((got = sip_auth_next(&rest, &name, &value, &quoted)) > 0) {
			must(name.n && value.p && !memchr(value.p, '\n', value.n));
			must(sip_auth_param(&a, name, &found));
		}
	}
	must(!digest || got == 0);
	bearer(text);
	if (n)
		quote(text);
	arena_reset(&arena);
	return 0;
}
