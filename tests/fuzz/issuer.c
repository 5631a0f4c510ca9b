/* Fuzz target: what an issuer of tokens answers. The first octet of an input says what: r its
 * revocations, i an introspection, k its keys.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "common/edge/issuer_inner.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct arena arena;

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* The octets of the good one stay when a bad one comes. */
static void revocations(struct str text)
{
	struct edge_revoked r = {0};
	const char *why = NULL;
	size_t it = 0;

	must(!edge_revoked_read(&r, STR("{\"jti\":[\"a\"],\"not_before\":{\"w\":5}}"), &why));
	if (edge_revoked_read(&r, text, &why)) {
		must(why && r.n_unfit == 1 && r.unfit[0].not_before == 5);
		must(edge_index_next(&r.jtis, str_hash(STR("a")), &it) != NULL);
	}
	for (size_t i = 0; i < r.n_unfit; i++)
		must(r.unfit[i].wwsf.p != NULL);
	edge_revoked_free(&r);
}

/* What is kept is bounded, and each is found by its digest and age. */
static void introspection(struct str text)
{
	static struct edge_sayings s = {.most = 3};
	static int64_t now;
	uint8_t digest[32] = {(uint8_t)++now};
	const struct edge_said *said;
	const char *why = NULL;
	struct token t;

	if (edge_said_put(&s, digest, text, now, &why)) {
		must(why != NULL);
		return;
	}
	said = edge_said_of(&s, digest, now);
	must(said && s.n <= s.most && !edge_said_of(&s, digest, now + 1));
	if (edge_said_active(said) && !edge_said_token(said, &arena, &t))
		must(t.n_impu <= TOKEN_IMPUS_MAX);
	if (now % 64 == 0)
		edge_sayings_free(&s);
}

static void keys(struct str text)
{
	struct token_keys *k = token_keys_new();
	const char *why = NULL;

	if (token_keys_read(k, text, &why)) {
		must(why && !token_keys_count(k));
	} else {
		struct token_keys *again = token_keys_new();
		struct str public = token_keys_public(k, &arena);
		must(str_find(public, STR("\"d\"")) < 0);
		must(!token_keys_read(again, public, &why));
		must(token_keys_count(again) == token_keys_count(k));
		token_keys_free(again);
	}
	token_keys_free(k);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct str rest = n ? (struct str){(const char *)data + 1, n - 1} : STR_NONE;
	if (n && data[0] == 'i')
		introspection(rest);
	else if (n && data[0] == 'k')
		keys(rest);
	else if (n)
		revocations(rest);
	arena_reset(&arena);
	return 0;
}
