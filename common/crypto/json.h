/* JSON from a peer, checked by its octets before any library reads it: libraries differ in
 * what they make of a member that comes twice, and a deep document costs stack.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <jansson.h>

#include "common/base/mem.h"

struct json_limits {
	size_t size;                   /* octets; 0: 4096 */
	int depth;                     /* nested objects and arrays; 0: 8 */
	int members;                   /* of all objects, and elements of all arrays; 0: 256 */
};
/* One JSON value and white space, nothing else: UTF-8 without NUL, no member twice in one
 * object (compared after escapes are undone), within the limits. NULL: good; else a static
 * sentence. Linear in the text, but for the members of one object (their number is bounded). */
const char *json_check(struct str text, const struct json_limits *limits);
/* The same, then read: a new reference, or NULL with *why. `limits` NULL: the defaults. */
json_t *json_read(struct str text, const struct json_limits *limits, const char **why);
/* The octets of a JSON string, as long as it lives; p NULL: it is none. */
static inline struct str json_text(const json_t *v)
{
	return json_is_string(v) ? (struct str){json_string_value(v), json_string_length(v)}
				 : STR_NONE;
}
