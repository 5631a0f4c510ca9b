/* What it costs to hold an identity against wildcards.
 *
 *	bench_wildcard [--count N] [--wildcards N] [--expression E] [--length N]
 *
 * Without --expression: finds identities in a set of wildcards (1,000) that differ in their
 * literal parts, every second one a member. With it: matches a text of --length octets.
 * Without --count it runs for about two seconds. With it, exactly N times (for callgrind).
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/sip/ere.h"
#include "common/sip/wildcard.h"

static struct sip_wildcards set;
static long wildcards = 1000, length = 20;
static struct ere *ere;
static char *text;

static void fill(void)
{
	char name[64], why[256];
	struct sip_wildcard *w;
	for (long i = 0; i < wildcards; i++) {
		snprintf(name, sizeof name, "sip:wwsf%ldweb!.*!@ims.example.org", i);
		if (sip_wildcard_new(str_of(name), &w, why) || sip_wildcards_add(&set, w, NULL)) {
			fprintf(stderr, "%s: %s\n", name, why);
			exit(1);
		}
	}
}

static void prepare(const char *expression)
{
	const char *why;
	if (ere_new(str_of(expression), &ere, &why)) {
		fprintf(stderr, "%s\n", why);
		exit(1);
	}
	text = malloc((size_t)length + 1);
	for (long i = 0; i < length; i++)
		text[i] = "ab"[(i * 2654435761u >> 7) & 1];
}

static bool run(uint64_t i)
{
	char name[64];
	if (ere)
		return ere_match(ere, (struct str){text, (size_t)length});
	int n = snprintf(name, sizeof name, "sip:wwsf%lu%s%06lu@ims.example.org",
		i * 7 % (unsigned long)wildcards, i & 1 ? "web" : "net", i % 1000000);
	return sip_wildcards_find(&set, (struct str){name, (size_t)n}, NULL) != NULL;
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	uint64_t count = 0, n = 0, hits = 0;
	const char *expression = NULL;
	for (int i = 1; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "--count"))
			count = strtoull(argv[i + 1], NULL, 10);
		else if (!strcmp(argv[i], "--wildcards"))
			wildcards = strtol(argv[i + 1], NULL, 10);
		else if (!strcmp(argv[i], "--length"))
			length = strtol(argv[i + 1], NULL, 10);
		else if (!strcmp(argv[i], "--expression"))
			expression = argv[i + 1];
	}
	if (expression)
		prepare(expression);
	else
		fill();
	double from = now();
	do {
		for (int k = 0; k < 100 && (!count || n < count); k++)
			hits += run(n++);
	} while (count ? n < count : now() - from < 2);
	double seconds = now() - from;
	printf("{\"matches\": %lu, \"hits\": %lu, \"nanoseconds_each\": %.0f}\n", n, hits,
		seconds * 1e9 / (double)n);
	sip_wildcards_free(&set);
	ere_free(ere);
	free(text);
	return 0;
}
