/* Counters and gauges.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/base/metric.h"

static struct metric *first;

/* Labels sort before any longer name, so that a family stands together. */
static int order(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	int x = *a == '{' ? 1 : (unsigned char)*a, y = *b == '{' ? 1 : (unsigned char)*b;
	return x - y;
}

void metric_register(struct metric *m)
{
	struct metric **at = &first;
	while (*at && order((*at)->name, m->name) < 0)
		at = &(*at)->next;
	m->next = *at;
	*at = m;
}

struct metric *metric_first(void)
{
	return first;
}

void metric_reset(void)
{
	for (struct metric *m = first; m; m = m->next)
		if (m->kind == METRIC_KIND_COUNTER)
			m->value = 0;
}

/* The name without its labels. */
static struct str family(const struct metric *m)
{
	struct str s = str_of(m->name);
	return str_cut(&s, '{');
}

void metric_print(struct buf *out)
{
	struct str said = STR_NONE;
	for (struct metric *m = first; m; m = m->next) {
		struct str f = family(m);
		if (!str_eq(f, said))
			buf_fmt(out, "# HELP " STR_FMT " %s\n# TYPE " STR_FMT " %s\n", STR_ARG(f),
				m->help, STR_ARG(f),
				m->kind == METRIC_KIND_COUNTER ? "counter" : "gauge");
		said = f;
		buf_fmt(out, "%s %lld\n", m->name, (long long)m->value);
	}
}
