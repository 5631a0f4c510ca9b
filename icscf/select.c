/* S-CSCF selection (TS 29.228 6.7).
 * SPDX-License-Identifier: Apache-2.0 */
#include "icscf/icscf.h"

static bool has(const struct scscf_row *row, uint32_t capability)
{
	const int64_t *c = row->capabilities.items;
	for (size_t i = 0; i < row->capabilities.n; i++)
		if (c[i] == capability)
			return true;
	return false;
}

/* Number of the wanted ones that the row has. */
static size_t count(const struct scscf_row *row, const uint32_t *wanted, size_t n)
{
	size_t hits = 0;
	for (size_t i = 0; i < n; i++)
		hits += has(row, wanted[i]);
	return hits;
}

struct str icscf_select(const struct conf_list *rows, const struct cx_capabilities *wanted)
{
	const struct scscf_row *row = rows->items, *best = NULL;
	size_t best_hits = 0;

	if (wanted->n_names)
		return wanted->names[0];
	for (size_t i = 0; i < rows->n; i++) {
		if (count(&row[i], wanted->mandatory, wanted->n_mandatory) < wanted->n_mandatory)
			continue;
		size_t hits = count(&row[i], wanted->optional, wanted->n_optional);
		if (!best || hits > best_hits) {
			best = &row[i];
			best_hits = hits;
		}
	}
	return best ? str_of(best->name) : STR_NONE;
}
