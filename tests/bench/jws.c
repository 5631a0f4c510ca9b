/* How many tokens are issued, and how many are taken, a second on one core.
 *
 *	bench_jws [--count N]
 *
 * Without --count each part runs for about a second; with it, exactly N times. `taken` is
 * all that an edge does with a token: parsed, its signature verified, its claims judged.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/crypto/token.h"

enum { NOW = 1700000000 };

static struct token_keys *keys;
static struct arena arena;
static struct str text;

static const struct token claims = {
	.iss = STR("https://wwsf.ims.example.org:8443"), .sub = STR("user000001"),
	.client_id = STR("wwsf.ims.example.org"), .jti = STR("0f0e0d0c0b0a49088706050403020100"),
	.scope = STR(TOKEN_SCOPE), .impi = STR("user000001@ims.example.org"),
	.aud = {STR("ims.example.org")}, .n_aud = 1,
	.impu = {STR("sip:user000001@ims.example.org")}, .n_impu = 1,
	.iat = NOW, .nbf = NOW, .exp = NOW + 600};

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "%s\n", what);
	exit(1);
}

static void issue(void)
{
	must(token_issue(keys, &claims, &arena).p != NULL, "a token was not issued");
}

static void parse(void)
{
	struct token t;
	struct str kid;
	must(token_parse(text, &arena, &t, &kid) == TOKEN_GOOD, "a token was not read");
}

static void take(void)
{
	struct token t;
	struct str kid;
	must(token_parse(text, &arena, &t, &kid) == TOKEN_GOOD &&
			token_verify(keys, text, kid) == TOKEN_GOOD &&
			token_judge(&t, STR("ims.example.org"), NOW + 1, 0, 3600) == TOKEN_GOOD,
		"a token was refused");
}

static double cpu_seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double rate(void (*run)(void), uint64_t count)
{
	double start = cpu_seconds(), took;
	uint64_t done = 0;
	do {
		for (uint64_t i = 0; i < (count ? count : 1000); i++) {
			run();
			arena_reset(&arena);
		}
		done += count ? count : 1000;
		took = cpu_seconds() - start;
	} while (!count && took < 1);
	return (double)done / took;
}

int main(int argc, char **argv)
{
	struct arena kept = {0};
	struct chance chance;
	uint64_t count = 0;
	if (argc != 1 && (argc != 3 || strcmp(argv[1], "--count") != 0 ||
				 str_u64(str_of(argv[2]), &count) || !count)) {
		fprintf(stderr, "usage: %s [--count N]\n", argv[0]);
		return 4;
	}
	chance_init(&chance, 1, "bench");
	keys = token_keys_new();
	must(token_keys_add(keys, &chance) == 0, "no key was made");
	text = token_issue(keys, &claims, &kept);
	must(text.p != NULL, "a token was not issued");
	printf("{\"issued_per_s\": %.0f, ", rate(issue, count));
	printf("\"taken_per_s\": %.0f, ", rate(take, count));
	printf("\"parsed_per_s\": %.0f, \"bytes\": %zu}\n", rate(parse, count), text.n);
	token_keys_free(keys);
	arena_free(&arena);
	arena_free(&kept);
	return 0;
}
