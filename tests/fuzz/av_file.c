/* Fuzz target: a synchronisation file of the AV proxy. What is taken is stored, and may stand in
 * a challenge.
 * SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <stdlib.h>

#include "hss/av_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void want(bool holds)
{
	if (!holds)
		abort();
}

static void plain(struct str s)
{
	want(s.n > 0 && s.n < AV_NAME_MAX);
	for (size_t i = 0; i < s.n; i++)
		want((unsigned char)s.p[i] > ' ' && (unsigned char)s.p[i] <= '~' && s.p[i] != '"');
}

static void taken(const struct av_file *f, const struct av_user *u, struct arena *a)
{
	want(f->wwsf[0] && f->realm[0] && !strpbrk(f->realm, "\"\\\r\n"));
	plain(u->web_identity);
	plain(u->impu);
	want(u->impi.n > 0 && str_eq(av_nai(u->web_identity, a), u->web_identity));
	for (int d = 0; d < AV_ALGORITHMS; d++) {
		want(f->has[d] == (u->ha1[d].p != NULL));
		for (size_t i = 0; i < u->ha1[d].n; i++)
			want(isxdigit((unsigned char)u->ha1[d].p[i]));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct str rest = {(const char *)data, n};
	struct av_file f = {0};
	struct av_user u;
	struct arena a = {0};
	char why[256];
	int kind = 0;

	while (kind >= 0 && rest.p) {
		kind = av_file_line(&f, str_cut(&rest, '\n'), &u, &a, why);
		if (kind == AV_LINE_USER)
			taken(&f, &u, &a);
		if (kind < 0)
			want(strlen(why) > 0);
		arena_reset(&a);
	}
	if (kind >= 0 && !av_file_finish(&f, why))
		want(f.ended && f.users >= 0);
	arena_free(&a);
	return 0;
}
