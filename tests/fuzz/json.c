/* Fuzz target: json_check against jansson, in both directions. What passes is read by jansson
 * and comes back equal from its dump; what jansson takes and we don't is over a limit or has a NUL.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "common/crypto/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static bool is_limit(const char *why)
{
	return strstr(why, "too") || strstr(why, "longer");
}

static void reload(json_t *j)
{
	char *text = json_dumps(j, JSON_ENCODE_ANY | JSON_COMPACT);
	must(text != NULL);
	json_t *again = json_loads(text, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
	must(again && json_equal(j, again));
	json_decref(again);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const struct json_limits tight = {.size = 32, .depth = 2, .members = 2};
	struct str text = {(const char *)data, n};
	const char *why = json_check(text, NULL), *tighter = json_check(text, &tight);
	json_t *j = n ? json_loadb(text.p, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL) : NULL;
	must(why ? tighter != NULL : !tighter || is_limit(tighter));
	/* for jansson a text ends at a NUL */
	must(j ? !why || is_limit(why) || memchr(text.p, 0, n) : why != NULL);
	if (!why)
		reload(j);
	json_decref(j);
	return 0;
}
