/* The `expect` language: whatever is written, it is parsed or refused with a place in it.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "scenarios/player/expect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Repetitions of repetitions cost regcomp(3) whatever memory there is; scripts are ours.
 */
static bool repeats(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (memchr("+*{", s.p[i], 3))
			for (size_t k = i + 1; k < s.n && k < i + 8; k++)
				if (memchr("+*{?", s.p[k], 4))
					return true;
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a = {0};
	struct regexes regexes = {0};
	struct expect_fault fault = {0};
	struct str text = {(const char *)data, size};
	struct pattern p;
	struct value v;

	if (repeats(text))
		return 0;
	if (pattern_parse(text, &a, &regexes, &p, &fault) &&
		(fault.at > size || !fault.why[0]))
		abort();
	if (!value_parse(text, &a, &regexes, &v, &fault))
		value_holds(&v, text, NULL);
	else if (fault.at > size)
		abort();
	regexes_free(&regexes);
	arena_free(&a);
	return 0;
}
